use std::collections::HashMap;

use super::*;

#[derive(Default)]
struct Fake {
    variables: HashMap<&'static str, &'static str>,
}

impl Environment for Fake {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).map(|value| (*value).to_owned())
    }

    fn file(&self, path: &str) -> std::io::Result<Zeroizing<String>> {
        if path == "/secret" { Ok("from-file\n".to_owned().into()) } else { Err(std::io::ErrorKind::NotFound.into()) }
    }
}

#[test]
fn every_fault_is_reported_at_once_and_no_value_is() {
    let environment = Fake {
        variables: [
            ("OTP_A", "hunter2"),
            ("OTP_B", "hunter3"),
            ("OTP_C_FILE", "/missing"),
            ("OTP_D", "x"),
            ("OTP_D_FILE", "y"),
        ]
        .into(),
    };
    let mut settings = Settings::new(&environment);
    assert_eq!(settings.or::<Duration>("OTP_A", "5m", "a"), None);
    assert_eq!(settings.required::<SocketAddr>("OTP_B", "b"), None);
    assert_eq!(settings.secret::<String>("OTP_C", "c"), None);
    assert_eq!(settings.secret::<String>("OTP_D", "d"), None);
    assert_eq!(settings.required::<String>("OTP_E", "e"), None);
    let faults = settings.finish(None::<()>).unwrap_err();
    assert_eq!(faults.0.len(), 5, "{faults}");
    for (fault, name) in faults.0.iter().zip(["OTP_A", "OTP_B", "OTP_C", "OTP_D", "OTP_E"]) {
        assert!(fault.starts_with(name), "{fault}");
        assert!(!fault.contains("hunter"), "{fault}");
    }
}

#[test]
fn defaults_files_and_empty_variables() {
    let environment = Fake { variables: [("OTP_KEY_FILE", "/secret"), ("OTP_EMPTY", " ")].into() };
    let mut settings = Settings::new(&environment);
    assert_eq!(settings.secret::<String>("OTP_KEY", "").as_deref(), Some("from-file"));
    assert_eq!(settings.or::<u32>("OTP_EMPTY", "7", ""), Some(7));
    assert_eq!(settings.optional::<u32>("OTP_NONE", ""), Some(None));
    assert!(describe(settings.declared()).contains("OTP_KEY (or OTP_KEY_FILE)  [required]"));
    assert_eq!(settings.finish(Some(())), Ok(()));
}

#[test]
fn what_two_parts_read_is_declared_and_reported_once() {
    let environment = Fake { variables: [("OTP_WAIT", "soon")].into() };
    let mut settings = Settings::new(&environment);
    assert_eq!(settings.or::<Duration>("OTP_WAIT", "1s", ""), None);
    assert_eq!(settings.or::<Duration>("OTP_WAIT", "1s", ""), None);
    assert_eq!(settings.declared().len(), 1);
    assert_eq!(settings.finish(Some(())).unwrap_err().0.len(), 1);
}

#[test]
fn durations_and_lists() {
    for (text, millis) in
        [("300", 300_000), ("5m", 300_000), ("250ms", 250), ("1 h", 3_600_000), ("2days", 172_800_000)]
    {
        assert_eq!(Duration::parse(text), Ok(Duration::from_millis(millis)), "{text}");
    }
    for bad in ["", "m", "5 parsecs", "-1", "99999999999999999d"] {
        assert!(Duration::parse(bad).is_err(), "{bad}");
    }
    assert_eq!(List::<u32>::parse("1, 2,"), Ok(List(vec![1, 2])));
    assert!(List::<u32>::parse("1,x").unwrap_err().contains("entry 2"));
}
