//! Verifies a proof in a Rust back end, with jsonwebtoken.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, get_current_timestamp};
use serde::Deserialize;

/// Clocks of two machines differ by seconds.
const LEEWAY_S: u64 = 10;
/// The key set is fetched again when it is older.
const KEY_SET_AGE: Duration = Duration::from_secs(300);

/// What a proof says. The address that was proven is `sub`.
#[derive(Debug, Deserialize)]
pub struct Claims {
    pub sub: String,
    pub email_verified: bool,
    #[serde(default)]
    pub purpose: String,
    #[serde(default)]
    pub metadata: serde_json::Value,
    pub jti: String,
    pub iat: u64,
    pub exp: u64,
}

pub type Refused = Box<dyn std::error::Error + Send + Sync>;

/// What a back end keeps for its whole life.
pub struct Verifier {
    validation: Validation,
    keys: Mutex<KeySet>,
    used: UsedProofs,
}

impl Verifier {
    pub fn new(key_set_url: &str, issuer: &str, audience: &str, cooldown: Duration) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        // Without this a token that has none of them is accepted.
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        validation.leeway = LEEWAY_S;
        Self { validation, keys: Mutex::new(KeySet::new(key_set_url, cooldown)), used: UsedProofs::default() }
    }

    /// The claims of a proof for this purpose.
    pub fn verify(&self, token: &str, purpose: &str) -> Result<Claims, Refused> {
        let kid = decode_header(token)?.kid.ok_or("no kid")?;
        let key = self.keys.lock().map_err(|_| "poisoned")?.find(&kid)?;
        let claims = decode::<Claims>(token, &key, &self.validation)?.claims;
        if !claims.email_verified {
            return Err("not verified".into());
        }
        if claims.purpose != purpose {
            return Err("another purpose".into());
        }
        if claims.iat > get_current_timestamp() + LEEWAY_S {
            return Err("from the future".into());
        }
        // Last, so that a token that is refused is not used up.
        if !self.used.first(&claims.jti, claims.exp + LEEWAY_S) {
            return Err("used before".into());
        }
        Ok(claims)
    }
}

/// The keys as last fetched. For one that is not among them they are fetched again at most once in a cooldown, so that
/// forged key ids do not become requests.
struct KeySet {
    url: String,
    cooldown: Duration,
    agent: ureq::Agent,
    keys: Vec<Jwk>,
    fetched: Option<Instant>,
}

impl KeySet {
    fn new(url: &str, cooldown: Duration) -> Self {
        let agent = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(5))).build().into();
        Self { url: url.to_owned(), cooldown, agent, keys: Vec::new(), fetched: None }
    }

    fn find(&mut self, kid: &str) -> Result<DecodingKey, Refused> {
        let known = self.keys.iter().any(|key| key.common.key_id.as_deref() == Some(kid));
        let age_max = if known { KEY_SET_AGE } else { self.cooldown };
        if self.fetched.is_none_or(|at| at.elapsed() >= age_max) {
            let set: JwkSet = self.agent.get(&self.url).call()?.body_mut().read_json()?;
            (self.keys, self.fetched) = (set.keys, Some(Instant::now()));
        }
        let key = self.keys.iter().find(|key| key.common.key_id.as_deref() == Some(kid)).ok_or("unknown key")?;
        Ok(DecodingKey::from_jwk(key)?)
    }
}

/// Which proofs were used, for one process. Several share a table with `jti` as its key, or Redis `SET jti 1 NX EXAT`.
#[derive(Default)]
struct UsedProofs(Mutex<HashMap<String, u64>>);

impl UsedProofs {
    /// Whether this is the first use. Entries go when their token has ended by itself.
    fn first(&self, jti: &str, until: u64) -> bool {
        let Ok(mut known) = self.0.lock() else { return false };
        let now = get_current_timestamp();
        known.retain(|_, end| *end >= now);
        known.insert(jti.to_owned(), until).is_none()
    }
}
