//! Every operation: what it takes and what it answers.

use serde_json::{Value, json};

use super::schemas::reference;
use crate::http::paths;

/// One operation.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) tag: &'static str,
    pub(super) summary: &'static str,
    pub(super) description: &'static str,
    /// Alternatives by name; the empty one is none at all.
    pub(super) security: &'static [&'static str],
    pub(super) parameters: &'static [&'static str],
    /// The body's schema and examples of it.
    pub(super) request: Option<(&'static str, Vec<(&'static str, Value)>)>,
    pub(super) answers: Vec<Success>,
    /// The problems that it may answer with, by name.
    pub(super) problems: Vec<&'static str>,
}

/// An answer that is no problem.
#[derive(Debug)]
pub(super) struct Success {
    pub(super) status: u16,
    pub(super) description: &'static str,
    pub(super) headers: &'static [&'static str],
    /// Media type, schema, example.
    pub(super) content: Option<(&'static str, Value, Value)>,
}

const ID: &str = "q6cvibzmcgar3gnfx53uhqwmv4eif2puqtnpdtss";
const JSON: &str = "application/json";
/// What a person or an application asks with.
const ASKS: &[&str] = &["publishableKey", "secretKey", ""];
/// What reads and cancels.
const OWNS: &[&str] = &["ticket", "secretKey"];
const ACTS: &[&str] = &["", "ticket", "publishableKey", "secretKey"];
const OPEN: &[&str] = &[""];
/// What may be wrong with any body.
const BODY: [&str; 4] = ["malformed-request", "request-timeout", "payload-too-large", "unsupported-media-type"];
/// What any operation may meet that asks Redis.
const AWAY: [&str; 2] = ["rate-limited", "unavailable"];
const OVER: [&str; 5] = ["expired", "already-used", "canceled", "superseded", "attempts-exhausted"];

/// All of them, in the order in which they are needed.
pub(super) fn all() -> Vec<Operation> {
    vec![create(), check(), resend(), status(), cancel(), challenge(), report(), key_set(), health(), ready()]
        .into_iter()
        .chain([
            document(paths::OPENAPI, "openapi", "This description"),
            document(paths::ASYNCAPI, "asyncapi", "The description of the socket and the bus"),
        ])
        .collect()
}

fn create() -> Operation {
    let full =
        json!({"email": "alice@example.com", "purpose": "sign-up", "locale": "de", "metadata": {"plan": "free"}});
    Operation {
        method: "post",
        path: paths::VERIFICATIONS,
        id: "createVerification",
        tag: "Verifications",
        summary: "Ask for a code",
        description: "Mails a code to the address. The 202 is given when the request is stored, not when the mail is sent. A new request for \
                      the same recipient and purpose supersedes the older one.",
        security: ASKS,
        parameters: &["Idempotency-Key", "OTP-Client-IP", "Accept-Language", "traceparent"],
        request: Some(("NewVerification", vec![("least", json!({"email": "alice@example.com"})), ("all", full)])),
        answers: vec![accepted()],
        problems: list(&[
            &BODY,
            &AWAY,
            &[
                "invalid-idempotency-key",
                "unauthorized",
                "origin-not-allowed",
                "idempotency-conflict",
                "invalid-email",
                "undeliverable-domain",
                "disposable-domain",
                "invalid-proof-of-work",
                "idempotency-key-reused",
                "proof-of-work-required",
                "internal-error",
            ],
        ]),
    }
}

fn accepted() -> Success {
    let example = json!({
        "id": ID, "status": "queued", "email": "a***e@example.com", "expires_at": "2026-01-02T03:09:05.000Z",
        "resend_at": "2026-01-02T03:05:05.000Z", "attempts_left": 5, "code_length": 6,
        "events": {"url": "wss://otp.example.com/v1/events", "ticket": "50b98e63.AAABog"},
    });
    Success {
        status: 202,
        description: "Accepted: the mail is on its way.",
        headers: &["Location", "Cache-Control"],
        content: Some((JSON, reference("Accepted"), example)),
    }
}

fn check() -> Operation {
    let verified = json!({
        "id": ID, "status": "verified", "verified_at": "2026-01-02T03:04:40.000Z", "token": "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhIn0.c2ln",
    });
    Operation {
        method: "post",
        path: paths::CHECK,
        id: "checkCode",
        tag: "Verifications",
        summary: "Check a code",
        description: "Counts the guess, compares, and gives the signed proof once. White space and hyphens are ignored, digits of other scripts are read.",
        security: ACTS,
        parameters: &["VerificationId", "OTP-Client-IP", "traceparent"],
        request: Some(("Guess", vec![("code", json!({"code": "123456"}))])),
        answers: vec![json_answer("The code is right. Said once for a verification.", "Verified", verified)],
        problems: list(&[
            &BODY,
            &AWAY,
            &OVER,
            &["unauthorized", "origin-not-allowed", "not-found", "incorrect-code", "internal-error"],
        ]),
    }
}

fn resend() -> Operation {
    Operation {
        method: "post",
        path: paths::RESEND,
        id: "resendCode",
        tag: "Verifications",
        summary: "Send the code again",
        description: "Another mail with the same code. Guesses and the code's end stay as they are. No body.",
        security: ACTS,
        parameters: &["VerificationId", "OTP-Client-IP", "traceparent"],
        request: None,
        answers: vec![accepted()],
        problems: list(&[
            &AWAY,
            &OVER,
            &["malformed-request", "unauthorized", "origin-not-allowed", "not-found", "internal-error"],
        ]),
    }
}

fn status() -> Operation {
    let timeline = json!([
        {"seq": 0, "event": "requested", "at": "2026-01-02T03:04:05.000Z", "data": {"expires_at": "2026-01-02T03:09:05.000Z"}},
        {"seq": 17, "event": "sent", "at": "2026-01-02T03:04:05.042Z",
         "data": {"relay": "relay.example.com:587", "reply": "250 2.0.0 Ok", "to": "a***e@example.com", "elapsed_ms": 38}},
    ]);
    let example = json!({
        "id": ID, "status": "sent", "expires_at": "2026-01-02T03:09:05.000Z", "resend_at": "2026-01-02T03:05:05.000Z",
        "attempts_left": 5, "timeline": timeline, "timeline_complete": true,
    });
    Operation {
        method: "get",
        path: paths::VERIFICATION,
        id: "readVerification",
        tag: "Verifications",
        summary: "Read how it stands",
        description: "The status, and all that happened so far as the socket tells it.",
        security: OWNS,
        parameters: &["VerificationId", "traceparent"],
        request: None,
        answers: vec![json_answer("How it stands.", "Status", example)],
        problems: list(&[&AWAY, &["unauthorized", "not-found", "expired"]]),
    }
}

fn cancel() -> Operation {
    Operation {
        method: "delete",
        path: paths::VERIFICATION,
        id: "cancelVerification",
        tag: "Verifications",
        summary: "Cancel it",
        description: "The code is dead. A verification that is over stays what it was.",
        security: OWNS,
        parameters: &["VerificationId", "traceparent"],
        request: None,
        answers: vec![nothing("Canceled, or over before.")],
        problems: list(&[&AWAY, &["unauthorized", "not-found"]]),
    }
}

fn challenge() -> Operation {
    let parameters = json!({
        "algorithm": "PBKDF2/SHA-256", "cost": 500, "data": {"level": 0}, "expiresAt": 4_000_000_600_u64, "keyLength": 32,
        "keyPrefix": "8ae12e2d08d19073c08f767e07dcc394", "nonce": "e986e8cd469905b6ade04fd2ab8aa0a7",
        "keySignature": "f1e8d3e0bb7f297be5c6f56722aa4e7fd1abcc1ca1e60945a5cf076233aee510", "salt": "db6b2fd20c05b5d887cf7729a8e92dbd",
    });
    let signature = "4c0a3c49afe4dd395596b97aa480c74a469d48cf77d1e39209a1916d3bd4b92c";
    let example = json!({"parameters": parameters, "signature": signature});
    Operation {
        method: "get",
        path: paths::CHALLENGE,
        id: "proofOfWork",
        tag: "Verifications",
        summary: "Proof of work ahead of a request",
        description: "A challenge of the ALTCHA protocol, version 2, for widgets that solve it before the form is sent. Nobody needs to: a \
                      request that has to bring one is answered with it.",
        security: ASKS,
        parameters: &["OTP-Client-IP", "traceparent"],
        request: None,
        answers: vec![json_answer("What to solve.", "Challenge", example)],
        problems: list(&[&AWAY, &["malformed-request", "unauthorized", "origin-not-allowed"]]),
    }
}

fn report() -> Operation {
    let token = json!({"token": "k1.c2VhbGVkLWlkLW9mLXRoZS12ZXJpZmljYXRpb24", "pause": true});
    Operation {
        method: "post",
        path: paths::REPORTS,
        id: "reportVerification",
        tag: "Reports",
        summary: "Say that nobody here asked for the code",
        description: "With the token that stands behind the `#` of the link in the mail. An open verification is canceled; with `pause` the \
                      application's codes for this recipient are held back for a day. The answer is the same whether the verification is open, over or forgotten.",
        security: OPEN,
        parameters: &["traceparent"],
        request: Some(("Report", vec![("report", token)])),
        answers: vec![nothing("Heard.")],
        problems: list(&[&BODY, &AWAY, &["invalid-report"]]),
    }
}

fn key_set() -> Operation {
    let key = json!({
        "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": "k1", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    });
    let answer = Success {
        status: 200,
        description: "The keys (RFC 7517), new ones first.",
        headers: &["Cache-Control"],
        content: Some(("application/jwk-set+json", reference("KeySet"), json!({"keys": [key]}))),
    };
    plain(
        paths::KEY_SET,
        "keySet",
        "Keys that check the proof",
        "The public keys of the proofs (EdDSA JWT).",
        vec![answer],
    )
}

fn health() -> Operation {
    let answer = bare("The process answers.", "Live", json!({"status": "live"}));
    plain(paths::HEALTH, "health", "Whether the process lives", "Says nothing about what it needs.", vec![answer])
}

fn ready() -> Operation {
    let ready = bare("NATS and Redis answer, and the streams are as configured.", "Ready", json!({"status": "ready"}));
    let not_ready = Success {
        status: 503,
        headers: &["Retry-After"],
        ..bare("Something is not.", "NotReady", json!({"status": "unavailable", "faults": ["NATS is away"]}))
    };
    plain(paths::READY, "ready", "Whether it can work now", "Names what stands in the way.", vec![ready, not_ready])
}

fn document(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    const HEADERS: &[&str] = &["ETag", "Cache-Control"];
    let whole = Success {
        status: 200,
        description: "The document.",
        headers: HEADERS,
        content: Some((JSON, json!({"type": "object"}), json!({}))),
    };
    let unchanged =
        Success { status: 304, description: "It is the one that is known.", headers: HEADERS, content: None };
    let description = "Made from the code when the gateway starts.";
    Operation { parameters: &["If-None-Match"], ..plain(path, id, summary, description, vec![whole, unchanged]) }
}

/// A read that asks for nothing.
fn plain(
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    description: &'static str,
    answers: Vec<Success>,
) -> Operation {
    let problems = vec!["rate-limited"];
    Operation {
        method: "get",
        path,
        id,
        tag: "Service",
        summary,
        description,
        security: OPEN,
        parameters: &[],
        request: None,
        answers,
        problems,
    }
}

fn json_answer(description: &'static str, schema: &str, example: Value) -> Success {
    Success { headers: &["Cache-Control"], ..bare(description, schema, example) }
}

fn bare(description: &'static str, schema: &str, example: Value) -> Success {
    Success { status: 200, description, headers: &[], content: Some((JSON, reference(schema), example)) }
}

const fn nothing(description: &'static str) -> Success {
    Success { status: 204, description, headers: &[], content: None }
}

fn list(parts: &[&[&'static str]]) -> Vec<&'static str> {
    parts.concat()
}
