//! The WebSocket as its documentation promises it to a stranger.

mod handshake;
mod misuse;
mod timeline;

use crate::support::System;

/// Verifications as one likes; the socket is what is looked at.
async fn system() -> System {
    system_with(&[]).await
}

async fn system_with(settings: &[(&str, &str)]) -> System {
    System::with(|options| {
        let free = [("OTP_LIMIT_IP", "off"), ("OTP_LIMIT_RECIPIENT", "off"), ("OTP_RESEND_COOLDOWN", "0")];
        // A notifier that ends with clients on it shall not take the test's time.
        let own = [("OTP_CLOSE_SPREAD", "500ms")];
        for (name, value) in free.iter().chain(&own).chain(settings) {
            options.caller.set(name, value);
        }
    })
    .await
}
