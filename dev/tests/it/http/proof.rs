//! The proof, verified by who knows nothing of us: Node's own cryptography.

use std::process::Command;

use otp_nats::Timestamp;
use serde_json::{Value, json};

use crate::support::{Api, System};

/// Reads a key set and a token from the arguments; prints the claims when the signature is good.
const VERIFY: &str = r"
const { createPublicKey, verify } = require('node:crypto');
const [set, token] = process.argv.slice(1);
const [head, body, signature] = token.split('.');
const header = JSON.parse(Buffer.from(head, 'base64url'));
const jwk = JSON.parse(set).keys.find(key => key.kid === header.kid);
if (!jwk || header.alg !== 'EdDSA') throw new Error('no key for ' + JSON.stringify(header));
const key = createPublicKey({ key: jwk, format: 'jwk' });
const signed = Buffer.from(head + '.' + body);
if (!verify(null, signed, key, Buffer.from(signature, 'base64url'))) { console.log('null'); process.exit(0); }
console.log(Buffer.from(body, 'base64url').toString());
";

/// The claims of a token; `None` when Node finds the signature wrong.
fn claims(keys: &str, token: &str) -> Option<Value> {
    let output = Command::new("node").args(["-e", VERIFY, keys, token]).output().expect("node runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let claims: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    claims.is_object().then_some(claims)
}

async fn proof(api: &Api, system: &System, body: &Value) -> (String, String) {
    let id = api.ask(body).await.accepted().id;
    let code = system.inbox().code_for(body["email"].as_str().expect("an address")).await;
    let verified = api.check(&id, &code).await;
    assert_eq!(verified.status, 200, "{}", verified.text);
    (id, verified.body["token"].as_str().expect("a token").to_owned())
}

#[tokio::test]
async fn any_jose_library_verifies_the_proof() {
    if Command::new("node").arg("--version").output().is_err() {
        println!("skipped: node is not installed, and nothing else here verifies a token independently");
        return;
    }
    let system = System::with(|options| {
        options.caller.set("OTP_ISSUER", "https://otp.example.com");
        options.caller.set("OTP_AUDIENCE", "shop");
    })
    .await;
    let api = system.api();
    let keys = api.get("/.well-known/jwks.json").await;
    assert_eq!((keys.status, keys.header("content-type")), (200, Some("application/jwk-set+json")));
    for key in keys.body["keys"].as_array().expect("keys") {
        assert!(key.get("d").is_none(), "a private key");
    }

    let metadata = json!({"order": "4711", "nested": {"list": [1, "two", null]}});
    let before = Timestamp::now().as_secs();
    let body = json!({"email": "Ada+x@Proof.test", "purpose": "checkout", "metadata": metadata});
    let (id, token) = proof(&api, &system, &body).await;
    let said = claims(&keys.text, &token).expect("a good signature");
    assert_eq!((&said["iss"], &said["aud"]), (&json!("https://otp.example.com"), &json!("shop")));
    assert_eq!((&said["sub"], &said["email"]), (&json!("Ada+x@proof.test"), &json!("Ada+x@proof.test")));
    assert_eq!((&said["email_verified"], &said["jti"]), (&json!(true), &json!(id)));
    assert_eq!((&said["purpose"], &said["metadata"]), (&json!("checkout"), &metadata));
    let time = |name: &str| said[name].as_i64().expect("seconds");
    assert!((before..=Timestamp::now().as_secs()).contains(&time("iat")), "{said}");
    assert_eq!(time("exp") - time("iat"), 600);

    let parts: Vec<&str> = token.split('.').collect();
    let (_, other) = proof(&api, &system, &json!({"email": "eve@proof.test"})).await;
    let said = claims(&keys.text, &other).expect("a good signature");
    assert!(
        said.get("purpose").is_none_or(Value::is_null) && said.get("metadata").is_none_or(Value::is_null),
        "{said}"
    );
    let body = other.split('.').nth(1).expect("a body");
    assert_eq!(claims(&keys.text, &format!("{}.{body}.{}", parts[0], parts[2])), None, "another's signature");
    system.stack.stop().await;
}
