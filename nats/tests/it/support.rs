//! How the tests join the bus.

use std::collections::HashMap;

use otp_nats::bus::{Bus, BusMetrics, BusSettings};
use otp_nats::settings::Settings;
use prometheus_client::registry::Registry;

/// Joins at these servers, with all other settings at their defaults.
pub(crate) async fn join(urls: &str) -> Bus {
    let environment = HashMap::from([("OTP_NATS_URL", urls.to_owned())]);
    let mut settings = Settings::new(&environment);
    let read = BusSettings::read(&mut settings);
    let settings = settings.finish(read).unwrap();
    Bus::connect("test", &settings, BusMetrics::new(&mut Registry::default())).await.unwrap()
}
