//! Headers of requests and answers.

use serde_json::{Map, Value, json};

/// Headers that every problem of a status carries.
pub(super) const fn of_status(status: u16) -> &'static [&'static str] {
    match status {
        401 => &["WWW-Authenticate"],
        405 => &["Allow"],
        429 => &["Retry-After", "RateLimit", "RateLimit-Policy"],
        409 | 503 => &["Retry-After"],
        _ => &[],
    }
}

/// Headers of answers.
pub(super) fn all() -> Value {
    let header = |schema: Value, about: &str, required: bool| json!({"schema": schema, "description": about, "required": required});
    let text = |example: &str| json!({"type": "string", "examples": [example]});
    json!({
        "Allow": header(text("GET, HEAD"), "The methods that the path has.", true),
        "Location": header(text("/v1/verifications/q6cvibzmcgar3gnfx53uhqwmv4eif2puqtnpdtss"), "Where the verification is read.", true),
        "Retry-After": header(json!({"type": "integer", "minimum": 1}), "Seconds after which to come again.", true),
        "RateLimit": header(text("\"recipient-3600s\";r=0;t=1200"), "The limits that refuse, with the seconds that each lasts (draft-ietf-httpapi-ratelimit-headers).", true),
        "RateLimit-Policy": header(text("\"recipient-3600s\";q=5;w=3600"), "What those limits are.", true),
        "WWW-Authenticate": header(json!({"type": "string", "const": "Bearer"}), "RFC 6750.", true),
        "Cache-Control": header(text("no-store"), "How long the answer may be kept.", true),
        "ETag": header(text("\"9d8581f727b29c50301a189973645088\""), "Names this version of the document.", true),
    })
}

/// Those of an answer.
pub(super) fn references(names: &[&str]) -> Map<String, Value> {
    let reference = |name: &&str| ((*name).to_owned(), json!({"$ref": format!("#/components/headers/{name}")}));
    names.iter().map(reference).collect()
}

/// What requests bring beside their bodies.
pub(super) fn parameters() -> Value {
    let header = |name: &str, schema: Value, about: &str| json!({"name": name, "in": "header", "required": false, "schema": schema, "description": about});
    let example = |text: &str| json!({"type": "string", "examples": [text]});
    let id = super::schemas::reference("VerificationId");
    let key = json!({"type": "string", "maxLength": 257, "pattern": r#"^("[!#-\[\]-~][ !#-\[\]-~]*"|[!#-\[\]-~][ !#-\[\]-~]*)$"#});
    json!({
        "VerificationId": {"name": "id", "in": "path", "required": true, "schema": id, "description": "The verification."},
        "Idempotency-Key": header("Idempotency-Key", key, "Bare or in quotes. The same key and body give the same answer and one verification, for the life of the code and ten minutes."),
        "OTP-Client-IP": header("OTP-Client-IP", example("198.51.100.7"), "With a secret key: the IP address of whom the server asks for, so that limits count on that network; ignored without one."),
        "Accept-Language": header("Accept-Language", json!({"type": "string", "examples": ["de, en;q=0.8"]}), "The mail's languages after `locale`, by their weights."),
        "traceparent": header("traceparent", example("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), "W3C Trace Context: the trace that the request belongs to. What is none is ignored, and a new trace begins."),
        "If-None-Match": header("If-None-Match", json!({"type": "string"}), "The `ETag` of the version that is known."),
    })
}
