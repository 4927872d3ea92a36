//! Paths in SMTP commands.

/// Octets of an address, after RFC 5321 §4.5.3.1.3: 256 with its angle brackets.
const ADDRESS_OCTETS_MAX: usize = 254;

/// Takes `<address>` off the front: the address (empty for the null path) and what follows the bracket.
///
/// A source route is dropped, as RFC 5321 appendix C asks. `None` where it is no path, or one without a domain.
pub(super) fn split_path(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('<')?;
    let end = closing_bracket(inside)?;
    let (path, rest) = inside.split_at_checked(end)?;
    let rest = rest.strip_prefix('>')?;
    let address = match path.strip_prefix('@') {
        Some(route) => route.split_once(':')?.1,
        None => path,
    };
    let well_formed = address.is_empty()
        || address.len() <= ADDRESS_OCTETS_MAX
            && address.rsplit_once('@').is_some_and(|(local, domain)| {
                !local.is_empty() && !domain.is_empty() && !domain.contains(|c: char| c.is_whitespace() || c == '"')
            });
    well_formed.then_some((address, rest))
}

/// Where the path ends: the first `>` outside a quoted local part.
fn closing_bracket(inside: &str) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    for (at, octet) in inside.bytes().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' if !quoted => return Some(at),
            b' ' | b'<' if !quoted => return None,
            _ => {}
        }
    }
    None
}
