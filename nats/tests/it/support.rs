//! How the tests join the bus.

use otp_nats::bus::{Bus, BusMetrics, BusSettings};
use otp_nats::settings::{Environment, Settings};
use prometheus_client::registry::Registry;

struct Only(String);

impl Environment for Only {
    fn variable(&self, name: &str) -> Option<String> {
        (name == "OTP_NATS_URL").then(|| self.0.clone())
    }

    fn file(&self, _path: &str) -> std::io::Result<String> {
        Err(std::io::ErrorKind::NotFound.into())
    }
}

/// Joins at these servers, with all other settings at their defaults.
pub(crate) async fn join(urls: &str) -> Bus {
    let environment = Only(urls.to_owned());
    let mut settings = Settings::new(&environment);
    let read = BusSettings::read(&mut settings);
    let settings = settings.finish(read).unwrap();
    Bus::connect("test", &settings, BusMetrics::new(&mut Registry::default())).await.unwrap()
}
