//! The bodies of requests.

use otp_gateway::email::EmailAddress;
use otp_gateway::http::fuzz::{check, create};
use otp_gateway::problem::Problem;
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value};

/// Characters of a purpose and of a locale, octets of metadata as JSON, characters that are read of a code.
const PURPOSE_MAX: usize = 64;
const LOCALE_MAX: usize = 35;
const METADATA_MAX: usize = 2048;
const CODE_MAX: usize = 64;

pub(super) fn body(input: &[u8]) {
    match create(input) {
        Ok((email, purpose, locale, metadata)) => {
            assert!(EmailAddress::parse(&email).is_ok(), "{email:?}");
            let token = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte));
            assert!(purpose.as_deref().is_none_or(|text| (1..=PURPOSE_MAX).contains(&text.len()) && token(text)));
            assert!(locale.as_deref().is_none_or(|text| text.len() <= LOCALE_MAX && token(text)), "{locale:?}");
            assert!(metadata.as_ref().is_none_or(|value| value.to_string().len() <= METADATA_MAX));
            // Written again it asks for the same.
            let members = [
                ("email", Some(Value::from(email.as_str()))),
                ("purpose", purpose.clone().map(Value::from)),
                ("locale", locale.clone().map(Value::from)),
                ("metadata", metadata.clone()),
            ];
            let given = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
            let written = Value::Object(given.collect::<Map<_, _>>()).to_string();
            let again = create(written.as_bytes()).ok();
            assert_eq!(again, Some((email, purpose, locale, metadata)), "{written}");
        }
        Err(problem) => told(&problem, input),
    }
    match check(input) {
        Ok(code) => {
            let code = code.secret().expose_secret();
            assert!(code.chars().count() <= CODE_MAX && !code.chars().any(char::is_whitespace), "{code:?}");
        }
        Err(problem) => told(&problem, input),
    }
}

/// What a client is told of a body that says nothing: a place in it, and none of its words.
fn told(problem: &Problem, input: &[u8]) {
    match problem {
        Problem::InvalidEmail(_) => {}
        Problem::MalformedRequest(why) => {
            assert!(why.len() <= 120 && why.is_ascii(), "{why:?} for {:?}", String::from_utf8_lossy(input));
        }
        other => panic!("{other:?} for {:?}", String::from_utf8_lossy(input)),
    }
}
