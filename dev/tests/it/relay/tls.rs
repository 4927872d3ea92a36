//! STARTTLS that is offered and does not come about: nothing goes out in clear then, and all of it when it is over.

use otp_dev::inbox::{Fault, Rule, Verb};
use otp_dev::process::Signal;
use otp_dev::stack::Part;

use super::{copies, fine, first_outcome, kept, script, system, until};

/// An authority that has signed nothing: no handshake gets as far as asking for it.
const AUTHORITY: &str = "-----BEGIN CERTIFICATE-----
MIIBeTCCAR+gAwIBAgIUa1km+BY+vR8uBU7k9ivIC4jYFrIwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGbm9ib2R5MCAXDTI2MTEyMjE5MzE0M1oYDzIxMjYxMDI5MTkz
MTQzWjARMQ8wDQYDVQQDDAZub2JvZHkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AAQOsthOyjKNzXPbdK7QidRPYTGssoVT1hV4Rz6mewPH/Y7R+t8E1V6HxLLS1bZT
8hx0XpqJWio/gGBSJtuNh3Rio1MwUTAdBgNVHQ4EFgQUcjm9R00OqKrKP4Y+T2sP
kYaPrqUwHwYDVR0jBBgwFoAUcjm9R00OqKrKP4Y+T2sPkYaPrqUwDwYDVR0TAQH/
BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiBjRlVDE1v+aQWwA5xn5xCn5TkoVs69
HQ2aqiBDJAUMwwIhAMbenPSSg7oSB4ODXU/ks6fT05vIbGiKIYlcR5wyZt8h
-----END CERTIFICATE-----
";

#[tokio::test]
async fn tls_that_fails_is_told_and_nothing_goes_out_in_clear() {
    let mut system = system().await;
    let authority = system.stack.dir().join("authority.pem");
    std::fs::write(&authority, AUTHORITY).expect("written");
    let url = format!("{}?tls=opportunistic&ca={}", system.stack.file().smtp, authority.display());
    system.stack.add(Part::Mailer, &[("OTP_SMTP_URL", &url)]).await.expect("a mailer that encrypts where it can");
    system.stack.hold(Part::Mailer, Signal::Terminate).await.expect("the other one ends");
    let cases = [
        (Fault::Garble, "tls-failed"),
        (Fault::Say("454 4.7.0 not now\r\n".into()), "tls-failed"),
        (Fault::Say("220 go ahead\r\n250 and something in clear\r\n".into()), "tls-failed"),
        (Fault::Goodbye("220 go ahead\r\n".into()), "tls-failed"),
        (Fault::Drop, "connection-lost"),
        (Fault::Reset, "connection-lost"),
        (Fault::Silence, "timed-out"),
    ];
    let mut met = Vec::new();
    for (number, (what, reason)) in cases.into_iter().enumerate() {
        fine(&system, &format!("fine{number}@tls.test")).await;
        script(&system).hang_up();
        let to = format!("tls{number}@tls.test");
        // Without a bound: a mail of an earlier case that is tried again meets it too, and is put off once more.
        script(&system).set(0, vec![Rule::new(Verb::StartTls, what.clone())]);
        let asked = system.api().accepted(&to).await;
        let outcome = first_outcome(&system, &asked).await;
        assert_eq!((&outcome["event"], &outcome["data"]["reason"]), (&"deferred".into(), &reason.into()), "{what:?}");
        assert_eq!(copies(&kept(&system), &to), (0, 0), "{what:?}");
        script(&system).clear();
        met.push((to, asked));
    }
    for (to, asked) in &met {
        until(&system, asked, &["sent"]).await;
        assert_eq!(copies(&kept(&system), to), (1, 1), "{to}");
    }
    system.stack.stop().await;
}
