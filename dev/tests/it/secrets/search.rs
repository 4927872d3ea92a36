//! Secrets, and every form in which a program that means well may write them down.

use std::collections::BTreeMap;

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER};

/// Shorter ones stand in other words by chance.
const LENGTH_MIN: usize = 5;

/// What shall be found nowhere.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    /// What a form gives away, by the form; in lower case, found in text of any case.
    folded: BTreeMap<String, String>,
    /// The same for encodings, in which case matters.
    exact: BTreeMap<String, String>,
}

impl Secrets {
    /// Adds a secret; `what` it is says who finds it.
    pub(super) fn add(&mut self, what: &str, secret: &str) {
        assert!(secret.len() >= LENGTH_MIN, "{what} is too short to be looked for: {secret}");
        let what = format!("{what} ({secret})");
        self.folded.insert(secret.to_lowercase(), what.clone());
        for text in [secret.to_owned(), secret.to_lowercase()] {
            self.folded.insert(HEXLOWER.encode(text.as_bytes()), format!("{what} in hex"));
            let list: Vec<String> = text.bytes().map(|byte| byte.to_string()).collect();
            self.folded.insert(list.join(", "), format!("{what} as a list of bytes"));
            for form in in_base64(&text) {
                self.exact.insert(form, format!("{what} in Base64"));
            }
        }
    }

    /// Adds an address, as a whole and its local part.
    pub(super) fn add_address(&mut self, address: &str) {
        let (local, _) = address.split_once('@').expect("an address");
        self.add("an address", address);
        self.add("a local part", local);
        if let Some((mailbox, _)) = local.split_once('+').filter(|(mailbox, _)| mailbox.contains('.')) {
            self.add("a mailbox", mailbox);
        }
    }

    /// What a text gives away, each with the line it stands in.
    pub(super) fn found_in(&self, text: &str) -> Vec<String> {
        let folded = text.to_lowercase();
        let in_folded = self.folded.iter().filter(|(form, _)| folded.contains(form.as_str()));
        let in_exact = self.exact.iter().filter(|(form, _)| text.contains(form.as_str()));
        in_folded.chain(in_exact).map(|(form, what)| format!("{what}: {}", line_with(text, form))).collect()
    }
}

/// A text within Base64 that starts at any octet: what of it does not depend on the neighbours.
fn in_base64(text: &str) -> impl Iterator<Item = String> {
    [(0, 0), (1, 2), (2, 3)].into_iter().flat_map(move |(before, foreign)| {
        let octets = [vec![0; before], text.as_bytes().to_vec()].concat();
        let own = octets.len() * 8 / 6;
        [&BASE64_NOPAD, &BASE64URL_NOPAD]
            .map(|alphabet| alphabet.encode(&octets).chars().take(own).skip(foreign).collect::<String>())
    })
}

fn line_with<'t>(text: &'t str, form: &str) -> &'t str {
    text.lines().find(|line| line.contains(form) || line.to_lowercase().contains(form)).unwrap_or_default()
}

#[test]
fn a_secret_is_found_in_every_form() {
    let mut secrets = Secrets::default();
    secrets.add_address("Zaphod.B+Heart@secrets.test");
    let forms = [
        "to=zaphod.b+heart@secrets.test",
        "local part ZAPHOD.B",
        "5a6170686f642e422b4865617274",
        "[90, 97, 112, 104, 111, 100, 46, 66, 43, 72]",
        &BASE64_NOPAD.encode(b"Zaphod.B+Heart@secrets.test and more"),
        &BASE64_NOPAD.encode(b"a Zaphod.B+Heart"),
        &BASE64URL_NOPAD.encode(b"{\"email\":\"zaphod.b+heart@secrets.test\"}"),
        &BASE64URL_NOPAD.encode(b"..Zaphod.B+Heart@secrets.test"),
    ];
    for form in forms {
        assert!(!secrets.found_in(form).is_empty(), "{form}");
    }
    assert!(secrets.found_in("Z***t@secrets.test").is_empty());
}
