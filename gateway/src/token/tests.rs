use ed25519_dalek::{Signature, VerifyingKey};

use super::*;

fn keys() -> KeyList {
    let entry = |id: &str, first: u8| {
        let mut bytes = [5; 32];
        bytes[0] = first;
        Key::new(id, bytes).unwrap().to_setting().to_string()
    };
    format!("{},{}", entry("s2", 2), entry("s1", 1)).parse().unwrap()
}

#[test]
fn the_key_set_verifies_the_token() {
    let signer = TokenSigner::new(&keys(), "https://otp.example".into(), "shop".into(), Duration::from_secs(600));
    let id = "abcdefghijklmnopqrstuvwxyz234567abcdefgh".parse().unwrap();
    let metadata = json!({"cart": 7});
    let token = signer.sign(&Proof {
        audience: None,
        id: &id,
        email: "alice@example.com",
        purpose: Some("login"),
        metadata: Some(&metadata),
        verified_at: Timestamp::from_millis(1_700_000_000_999),
    });
    let parts: Vec<&str> = token.split('.').collect();
    let decode = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).unwrap();
    let json = |part: &str| serde_json::from_slice::<Value>(&decode(part)).unwrap();
    assert_eq!(json(parts[0]), json!({"alg": "EdDSA", "typ": "JWT", "kid": "s2"}));
    assert_eq!(
        json(parts[1]),
        json!({"iss": "https://otp.example", "aud": "shop", "sub": "alice@example.com", "email": "alice@example.com",
            "email_verified": true, "jti": id.as_str(), "purpose": "login", "metadata": {"cart": 7},
            "iat": 1_700_000_000, "exp": 1_700_000_600})
    );

    let listed = signer.key_set()["keys"].as_array().unwrap();
    assert_eq!(listed.len(), 2);
    let x = decode(listed[0]["x"].as_str().unwrap());
    let key = VerifyingKey::from_bytes(x.as_slice().try_into().unwrap()).unwrap();
    let signature = Signature::from_slice(&decode(parts[2])).unwrap();
    let signed = format!("{}.{}", parts[0], parts[1]);
    key.verify_strict(signed.as_bytes(), &signature).unwrap();
    assert!(key.verify_strict(format!("{signed}x").as_bytes(), &signature).is_err());
}
