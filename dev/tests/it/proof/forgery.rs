//! Tokens that no back end may take.

use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use otp_nats::Timestamp;
use otp_nats::keys::Key;
use serde_json::{Value, json};
use sha2::Sha256;

pub(super) const ISSUER: &str = "https://otp.example.com";
pub(super) const AUDIENCE: &str = "shop";

/// Signs anything.
pub(super) struct Signer {
    key: Key,
    signing: SigningKey,
}

impl Signer {
    pub(super) fn of(key: &Key) -> Self {
        Self { key: key.clone(), signing: SigningKey::from_bytes(key.bytes()) }
    }

    pub(super) fn named(kid: &str, bytes: [u8; 32]) -> Self {
        Self::of(&Key::new(kid, bytes).expect("a key"))
    }

    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    /// A token as the gateway makes them.
    pub(super) fn sign(&self, claims: &Value) -> String {
        self.sign_with(&json!({"alg": "EdDSA", "typ": "JWT", "kid": self.key.id()}), claims)
    }

    fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let signed = unsigned(header, claims);
        let signature = self.signing.sign(signed.as_bytes()).to_bytes();
        format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature))
    }

    fn public(&self) -> [u8; 32] {
        self.signing.verifying_key().to_bytes()
    }
}

/// Claims that are good in every respect.
pub(super) fn claims(jti: &str) -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "eve@proof.test", "email": "eve@proof.test", "email_verified": true,
        "jti": jti, "purpose": super::PURPOSE, "iat": now_s() - 60, "exp": now_s() + 540,
    })
}

pub(super) fn now_s() -> u64 {
    u64::try_from(Timestamp::now().as_secs()).expect("after 1970")
}

/// Everything to be refused, each good but for what its name says; `proof` is one of the gateway's own.
pub(super) fn refused(signer: &Signer, proof: &str) -> Vec<(&'static str, String)> {
    let mut forged: Vec<(&'static str, String)> = Vec::new();
    let changed = [
        ("an expired one", "exp", json!(now_s() - super::LEEWAY_S - 5)),
        ("another audience's", "aud", json!("forum")),
        ("another issuer's", "iss", json!("https://otp.example.org")),
        ("another purpose's", "purpose", json!("payment")),
        ("an unverified one", "email_verified", json!(false)),
    ];
    for (number, (what, claim, value)) in (0..).zip(changed) {
        let mut claims = claims(&format!("changed-{number}"));
        claims[claim] = value;
        forged.push((what, signer.sign(&claims)));
    }
    let lacking = [
        ("one without an end", "exp"),
        ("one without an audience", "aud"),
        ("one without an issuer", "iss"),
        ("one without a purpose", "purpose"),
        ("one without an id", "jti"),
        ("one without an address", "sub"),
    ];
    for (number, (what, claim)) in (0..).zip(lacking) {
        let mut claims = claims(&format!("lacking-{number}"));
        claims.as_object_mut().expect("an object").remove(claim);
        forged.push((what, signer.sign(&claims)));
    }
    forged.extend(other_keys(signer));
    forged.extend(other_algorithms(signer));
    forged.extend(damaged(proof));
    forged
}

fn other_keys(signer: &Signer) -> Vec<(&'static str, String)> {
    let kid = signer.key.id();
    let own = super::key(77);
    let thief = Signer::named(kid, own);
    let x = BASE64URL_NOPAD.encode(&thief.public());
    let header = json!({
        "alg": "EdDSA", "kid": kid, "jwk": {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid},
        "jku": "http://127.0.0.1:9/keys.json",
    });
    vec![
        ("another key's under this key's name", thief.sign(&claims("thief"))),
        ("an unknown key's", Signer::named("unknown", own).sign(&claims("unknown"))),
        ("one that brings its own key", thief.sign_with(&header, &claims("own-key"))),
        ("one that names no key", thief.sign_with(&json!({"alg": "EdDSA"}), &claims("no-kid"))),
    ]
}

fn other_algorithms(signer: &Signer) -> Vec<(&'static str, String)> {
    let kid = signer.key.id();
    let none = |name: &str| unsigned(&json!({"alg": name, "typ": "JWT", "kid": kid}), &claims("none")) + ".";
    let hashed = |key: &[u8]| {
        let signed = unsigned(&json!({"alg": "HS256", "typ": "JWT", "kid": kid}), &claims("hashed"));
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
        mac.update(signed.as_bytes());
        format!("{signed}.{}", BASE64URL_NOPAD.encode(&mac.finalize().into_bytes()))
    };
    let public = signer.public();
    vec![
        ("one without a signature (none)", none("none")),
        ("one without a signature (NONE)", none("NONE")),
        ("one without a signature (EdDSA)", none("EdDSA")),
        ("HS256 with the public key's bytes", hashed(&public)),
        ("HS256 with the public key's text", hashed(BASE64URL_NOPAD.encode(&public).as_bytes())),
    ]
}

fn damaged(proof: &str) -> Vec<(&'static str, String)> {
    let parts: Vec<&str> = proof.split('.').collect();
    let mut claims: Value =
        serde_json::from_slice(&BASE64URL_NOPAD.decode(parts[1].as_bytes()).expect("Base64")).expect("JSON");
    claims["sub"] = json!("mallory@proof.test");
    let changed = BASE64URL_NOPAD.encode(claims.to_string().as_bytes());
    vec![
        ("another payload under this signature", format!("{}.{changed}.{}", parts[0], parts[2])),
        ("half a token", format!("{}.{}", parts[0], parts[1])),
        ("half a signature", proof.chars().take(proof.len() - 20).collect()),
        ("no token", "nonsense".to_owned()),
        ("nothing", String::new()),
    ]
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let encoded = |part: &Value| BASE64URL_NOPAD.encode(part.to_string().as_bytes());
    format!("{}.{}", encoded(header), encoded(claims))
}
