//! Proof of work for open forms, by the ALTCHA protocol: a client pays for a request with a second of computing, which
//! costs a person nothing and a flood everything. No third party, no picture, nothing stored about the person.
//!
//! It is version 2 of the protocol (widgets from 3.0, `altcha-lib` from 2.0 and its siblings in other languages) with
//! `PBKDF2/SHA-256` in deterministic mode: the gateway draws a number, derives a key from it, and shows the first half
//! of the key. The client tries numbers from zero until it has the same half, and answers with the whole key. The work
//! has an upper bound, so that nobody is out of luck, and checking it costs two keyed hashes.
//!
//! A challenge keeps no state: parameters and key are signed with a key of the application, derived from the hash keys.

use std::num::NonZeroU32;

use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit as _, Mac as _};
use otp_nats::Timestamp;
use otp_nats::keys::{Key, KeyList};
use otp_nats::seal::length_prefixed;
use otp_nats::settings::Setting;
use otp_nats::ticket::keyed_hash;
use rand::{Rng, RngExt as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

pub use challenge::Challenge;
use challenge::{Data, KEY_LENGTH, Parameters, Payload, derived_key};
pub use level::Level;
pub use metrics::{Given, ProofMetrics};

mod challenge;
mod level;
mod metrics;

/// Seconds that a challenge lives: long enough to fill in a form behind a widget that solves while it is loaded, short
/// enough that nobody gathers many.
pub const LIFE_SECS: u32 = 600;
/// Longest payload in characters: one that a widget makes has some 900.
const MAX_PAYLOAD: usize = 4096;
const SIGNATURE: &[u8] = b"distotp altcha challenge 1";
const KEY_SIGNATURE: &[u8] = b"distotp altcha key 1";

/// When an application asks for proof of work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Policy {
    /// Never.
    #[default]
    Off,
    /// For every request for a verification.
    Always,
    /// While the client's network or the application has used more than half of one of its limits.
    Pressure,
}

impl Setting for Policy {
    const FORM: &'static str = "off, always or pressure";

    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            "always" => Ok(Self::Always),
            "pressure" => Ok(Self::Pressure),
            _ => Err(String::new()),
        }
    }
}

/// Keys that a client derives on average for the easiest challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost(NonZeroU32);

impl Cost {
    /// As much work as makes a phone hot; the hardest challenge is eight times as hard.
    const MOST: u32 = 100_000;
}

impl Setting for Cost {
    const FORM: &'static str = "keys that a client derives on average, 1 to 100000";

    fn parse(text: &str) -> Result<Self, String> {
        let number = text.parse().ok().filter(|number: &NonZeroU32| number.get() <= Self::MOST);
        number.map(Self).ok_or_else(String::new)
    }
}

/// Why a solution is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is no payload of this protocol.
    Malformed,
    /// Its challenge is not one of ours for this application, or was changed.
    Forged,
    /// Its challenge is over.
    Expired,
    /// The key is not the one that was asked for.
    Wrong,
    /// Its challenge is much easier than one would be now.
    TooEasy,
    /// It was used for another request.
    Replayed,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Malformed, Self::Forged, Self::Expired, Self::Wrong, Self::TooEasy, Self::Replayed];

    /// Its name in answers and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Forged => "forged",
            Self::Expired => "expired",
            Self::Wrong => "wrong",
            Self::TooEasy => "too-easy",
            Self::Replayed => "replayed",
        }
    }
}

/// A solution that is right. Whether it was used before, Redis knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Solved {
    /// What stands for the challenge where its use is noted.
    pub name: String,
    /// How hard it was.
    pub level: Level,
}

/// Makes challenges and checks solutions.
#[derive(Debug)]
pub struct Altcha {
    keys: KeyList,
    cost: Cost,
}

impl Altcha {
    /// With the hash keys: the first signs challenges, all of them are accepted.
    pub const fn new(keys: KeyList, cost: Cost) -> Self {
        Self { keys, cost }
    }

    /// A fresh challenge for a client of this application.
    pub fn challenge(&self, app: &str, level: Level, now: Timestamp, random: &mut impl Rng) -> Challenge {
        let mean = level.times(self.cost.0.get());
        // Around the mean, so that the least work is half of the most, and none is done by luck alone.
        let number = random.random_range(mean / 2..=mean + mean / 2);
        let parameters = Parameters::draw(level, now.as_secs() + i64::from(LIFE_SECS), random);
        self.signed(app, parameters, number)
    }

    fn signed(&self, app: &str, mut parameters: Parameters, number: u32) -> Challenge {
        let secrets = Secrets::of(self.keys.first(), app);
        let key = derived_key(&parameters, number);
        parameters.key_prefix = HEXLOWER.encode(key.get(..KEY_LENGTH / 2).unwrap_or_default());
        parameters.key_signature = sign(&secrets.key, &key);
        let signature = sign(&secrets.challenge, parameters.canonical().as_bytes());
        Challenge { parameters, signature }
    }

    /// Checks a payload as a widget submits it. A solution that was right when the challenge was one level easier than
    /// now is taken: the pressure may have grown while it was worked on.
    ///
    /// # Errors
    /// [`Refusal`], as its variants say; never [`Refusal::Replayed`].
    pub fn check(&self, app: &str, payload: &str, level: Level, now: Timestamp) -> Result<Solved, Refusal> {
        let payload = read(payload).ok_or(Refusal::Malformed)?;
        let Challenge { parameters, signature } = payload.challenge;
        // Before the signature, which costs more. One that was not signed here is refused either way.
        if parameters.expires_at <= now.as_secs() {
            return Err(Refusal::Expired);
        }
        let canonical = parameters.canonical();
        let secrets = self.keys.iter().map(|key| Secrets::of(key, app));
        let secrets =
            secrets.into_iter().find(|secrets| same(&sign(&secrets.challenge, canonical.as_bytes()), &signature));
        let secrets = secrets.ok_or(Refusal::Forged)?;
        let key = HEXLOWER.decode(payload.solution.derived_key.as_bytes()).map_err(|_| Refusal::Wrong)?;
        if !same(&sign(&secrets.key, &key), &parameters.key_signature) {
            return Err(Refusal::Wrong);
        }
        let Data { level: solved } = parameters.data;
        if solved < level.easier() {
            return Err(Refusal::TooEasy);
        }
        // Half of it: as many bits as nobody meets twice by chance.
        Ok(Solved { name: signature.chars().take(32).collect(), level: solved })
    }
}

/// The protocol's libraries take secrets as text, so these are text.
struct Secrets {
    challenge: Zeroizing<String>,
    key: Zeroizing<String>,
}

impl Secrets {
    fn of(key: &Key, app: &str) -> Self {
        let secret = |purpose| HEXLOWER.encode(&keyed_hash(key, &length_prefixed(&[purpose, app.as_bytes()])));
        Self { challenge: Zeroizing::new(secret(SIGNATURE)), key: Zeroizing::new(secret(KEY_SIGNATURE)) }
    }
}

fn sign(secret: &str, message: &[u8]) -> String {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key length is accepted");
    mac.update(message);
    HEXLOWER.encode(&mac.finalize().into_bytes())
}

fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

fn read(payload: &str) -> Option<Payload> {
    if payload.len() > MAX_PAYLOAD {
        return None;
    }
    serde_json::from_slice(&BASE64.decode(payload.as_bytes()).ok()?).ok()
}

#[cfg(test)]
mod tests;
