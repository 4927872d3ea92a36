//! The API's paths, as routes and descriptions spell them.

pub(crate) const CHALLENGE: &str = "/v1/challenge";
pub(crate) const VERIFICATIONS: &str = "/v1/verifications";
pub(crate) const VERIFICATION: &str = "/v1/verifications/{id}";
pub(crate) const CHECK: &str = "/v1/verifications/{id}/check";
pub(crate) const RESEND: &str = "/v1/verifications/{id}/resend";
pub(crate) const REPORTS: &str = "/v1/reports";
pub(crate) const KEY_SET: &str = "/.well-known/jwks.json";
pub(crate) const HEALTH: &str = "/health";
pub(crate) const READY: &str = "/ready";
pub(crate) const OPENAPI: &str = "/openapi.json";
pub(crate) const ASYNCAPI: &str = "/asyncapi.json";
