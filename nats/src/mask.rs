//! Addresses as logs, events and answers may show them.

/// Masks the local part: `alice@example.com` becomes `a***e@example.com`.
///
/// The mask has always three stars, so that it does not tell the length; a local part of fewer than four characters
/// keeps its first character only. What holds no `@` becomes `***`.
pub fn mask_address(address: &str) -> String {
    let Some((local, domain)) = address.rsplit_once('@') else { return "***".to_owned() };
    let mut characters = local.chars();
    let Some(first) = characters.next() else { return format!("***@{domain}") };
    match characters.next_back() {
        Some(last) if local.chars().count() >= 4 => format!("{first}***{last}@{domain}"),
        Some(_) | None => format!("{first}***@{domain}"),
    }
}

/// Takes an address out of a text that a foreign server wrote.
///
/// Every word that holds an `@`, and every occurrence of the address's local part (of three characters or more) and
/// of `code`, becomes `***`; control characters become spaces; the text is cut at `limit` characters.
pub fn scrub_reply(text: &str, address: &str, code: &str, limit: usize) -> String {
    let printable: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut words: Vec<String> = Vec::new();
    for word in printable.split_whitespace() {
        words.push(if word.contains('@') { "***".to_owned() } else { word.to_owned() });
    }
    let mut scrubbed = words.join(" ");
    let local = address.rsplit_once('@').map_or(address, |(local, _)| local);
    for secret in [local, code] {
        if secret.chars().count() >= 3 {
            scrubbed = replace_ignoring_case(&scrubbed, secret, "***");
        }
    }
    scrubbed.chars().take(limit).collect()
}

fn replace_ignoring_case(text: &str, needle: &str, with: &str) -> String {
    // Folded once: a server may repeat the needle as often as its longest reply holds it.
    let (needle, folded) = (needle.to_ascii_lowercase(), text.to_ascii_lowercase());
    let (mut done, mut out) = (0, String::with_capacity(text.len()));
    // ASCII lower-casing keeps byte positions, so a position in the folded text is one in the text itself.
    for (at, found) in folded.match_indices(&needle) {
        out.push_str(text.get(done..at).unwrap_or_default());
        out.push_str(with);
        done = at + found.len();
    }
    out.push_str(text.get(done..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests;
