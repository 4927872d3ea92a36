//! Addresses: from what a stranger typed to the mail.

use std::sync::LazyLock;

use otp_gateway::email::EmailAddress;
use otp_mailer::mail::templates::Templates;
use otp_mailer::mail::{Composer, Occasion};
use otp_nats::Timestamp;
use otp_nats::mask::mask_address;
use otp_nats::request::MailRequest;
use secrecy::ExposeSecret as _;

use super::{id, text};

/// Octets that an address may have (RFC 5321 §4.5.3.1.3).
const ADDRESS_MAX: usize = 254;
/// Characters that a mask may show of a local part: one at each end and three stars.
const MASK_MAX: usize = 5;

static COMPOSER: LazyLock<Composer> = LazyLock::new(|| {
    let templates = Templates::load(None).expect("templates");
    Composer::new(templates, "Codes <codes@example.com>".parse().expect("a sender"), None, true)
});

pub(super) fn address(input: &[u8]) {
    let Some(typed) = text(input) else { return };
    masked(typed);
    let Ok(email) = EmailAddress::parse(typed) else { return };
    let (address, canonical) = (email.address().expose_secret(), email.canonical().expose_secret());
    let (local, domain) = address.rsplit_once('@').expect("an @");
    assert!(address.len() <= ADDRESS_MAX, "{address:?} is too long");
    assert!(!address.chars().any(|c| c.is_control() || matches!(c, '<' | '>')), "{address:?} breaks a header");
    assert!(domain.is_ascii() && domain == email.domain() && domain == domain.to_ascii_lowercase(), "{domain:?}");

    let again = EmailAddress::parse(address).expect("what was read is an address");
    assert_eq!(again.address().expose_secret(), address);
    assert_eq!(again.canonical().expose_secret(), canonical);
    let shown = format!("{email:?}");
    assert_eq!(shown, email.masked());
    let hidden = !shown.starts_with(&format!("{local}@")) || local.contains("***");
    assert!(local.chars().count() < 2 || hidden, "{shown:?} shows {local:?}");

    spellings(typed, local, domain, canonical);
    mailed(address);
}

/// Other spellings of the mailbox have the same canonical form, so that they buy nothing.
fn spellings(typed: &str, local: &str, domain: &str, canonical: &str) {
    let form = |spelling: &str| {
        let email = EmailAddress::parse(spelling).ok()?;
        Some(email.canonical().expose_secret().to_owned())
    };
    let (mailbox, _) = canonical.rsplit_once('@').expect("an @");
    assert!(!mailbox.is_empty(), "{typed:?} has an empty mailbox");
    let mut others = vec![typed.to_ascii_uppercase(), typed.to_ascii_lowercase()];
    if !local.starts_with('"') {
        // Without the quotes that it needs a quoted one is another address.
        others.push(canonical.to_owned());
        // What follows the first plus sign is a tag, unless nothing stands before it.
        others.push(format!("{local}+tag@{domain}"));
        others.push(format!("\"{local}\"@{domain}"));
    }
    for other in others {
        // Not every one of them is an address: longer than allowed, say.
        if let Some(form) = form(&other) {
            assert!(form == canonical || local.starts_with('+'), "{other:?} counts as {form:?}, not {canonical:?}");
        }
    }
}

/// Whatever the gateway accepts the mailer can write to.
fn mailed(address: &str) {
    let request = MailRequest {
        email: address.into(),
        code: "012345".into(),
        locale: String::new(),
        app: String::new(),
        sender: String::new(),
        templates: String::new(),
        blocked: false,
        report_url: String::new().into(),
        place: String::new(),
    };
    let now = Timestamp::from_millis(1_767_323_045_678);
    let occasion = Occasion { id: id(1), generation: 1, now, expires_at: now };
    assert!(COMPOSER.compose(&request, &occasion).is_ok(), "{address:?} was accepted and can't be mailed to");
}

/// The mask of any text, an address or not.
fn masked(text: &str) {
    let mask = mask_address(text);
    match (text.rsplit_once('@'), mask.rsplit_once('@')) {
        (Some((local, domain)), Some((shown, beside))) => {
            assert_eq!(domain, beside);
            let length = shown.chars().count();
            assert!(length <= MASK_MAX && shown.contains("***"), "{shown:?}");
            assert!(local.chars().count() < 2 || shown != local || local.contains("***"), "{shown:?}");
        }
        (None, _) => assert_eq!(mask, "***"),
        (Some(_), None) => panic!("{mask:?} has lost its domain"),
    }
}
