//! Several gateways on one Redis, and a client that asks any of them.

use futures_util::future::join_all;
use otp_dev::stack::{Instance, Part};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;

use crate::support::{Api, Asked, System, names};

/// Gateways; with three, two of which may agree on something that the third does not know.
const GATEWAYS: usize = 3;

/// Nothing is limited unless a test sets it after these.
pub(super) const UNLIMITED: [(&str, &str); 4] = [
    ("OTP_LIMIT_IP", "off"),
    ("OTP_LIMIT_RECIPIENT", "off"),
    ("OTP_LIMIT_GUESSES", "off"),
    ("OTP_RESEND_COOLDOWN", "0"),
];

/// The gateways with what stands behind them.
pub(super) struct Fleet {
    pub(super) system: System,
    apis: Vec<Api>,
}

impl Fleet {
    pub(super) async fn start(settings: &[(&str, &str)]) -> Self {
        let mut system = System::with(|options| {
            for (name, value) in UNLIMITED.iter().chain(settings) {
                options.caller.set(name, value);
            }
        })
        .await;
        let mut gateways = vec![Instance::from(Part::Gateway)];
        for _ in 1..GATEWAYS {
            gateways.push(system.stack.add(Part::Gateway, &[]).await.expect("another gateway"));
        }
        let at = |gateway| Api::at(&format!("http://{}", system.stack.address(gateway).expect("an address")));
        let apis = gateways.into_iter().map(at).collect();
        Self { system, apis }
    }

    /// One of the gateways.
    pub(super) fn any(&self, random: &mut StdRng) -> &Api {
        self.apis.get(random.random_range(0..self.apis.len())).expect("a gateway")
    }

    /// A verification whose mail has come, with its code.
    pub(super) async fn verification(&self, address: &str, random: &mut StdRng) -> (Asked, String) {
        let asked = self.any(random).accepted(address).await;
        (asked, self.system.inbox().code_for(address).await)
    }

    /// The names of a verification's events, once what was decided has been told.
    pub(super) async fn told(&self, asked: &Asked, last: &[&str]) -> Vec<String> {
        crate::support::eventually("the end to be told", async || {
            let read = self.apis.first().expect("a gateway").read(&asked.id, Some(&asked.ticket)).await;
            let timeline: Vec<Value> = read.body["timeline"].as_array().cloned().unwrap_or_default();
            let names: Vec<String> = names(&timeline).into_iter().map(str::to_owned).collect();
            names.iter().any(|name| last.contains(&name.as_str())).then_some(names)
        })
        .await
    }

    pub(super) async fn end(self) {
        self.system.stack.stop().await;
    }
}

/// All rounds of a race at once, each with its own number and its own part of the seed.
pub(super) async fn rounds<F: AsyncFn(usize, StdRng)>(name: &str, count: usize, round: F) {
    let seed = super::setting("OTP_TEST_SEED", 4) as u64;
    println!("{name}: {count} rounds, seed {seed}");
    // Some at a time: a round is a crowd by itself.
    let numbers: Vec<usize> = (0..count).collect();
    for some in numbers.chunks(4) {
        let random = |number: usize| StdRng::seed_from_u64(seed << 16 | number as u64);
        join_all(some.iter().map(|number| round(*number, random(*number)))).await;
    }
}
