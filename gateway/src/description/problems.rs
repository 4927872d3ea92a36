//! Problems as the description has them: each says itself which members it has.

use serde_json::{Map, Value, json};

use crate::altcha::Refusal;
use crate::problem::{Problem, examples};

/// The problem of this name.
pub(super) fn example(slug: &str) -> Option<Problem> {
    examples().into_iter().find(|problem| problem.slug() == slug)
}

/// Its status.
pub(super) fn status(slug: &str) -> Option<u16> {
    example(slug).map(|problem| problem.status().as_u16())
}

/// Its schema's name: `rate-limited` is `RateLimitedProblem`.
pub(super) fn schema_name(slug: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    slug.split('-').map(capital).chain(["Problem".to_owned()]).collect()
}

/// The schemas of all problems, by name.
pub(super) fn schemas() -> Map<String, Value> {
    examples().iter().map(|problem| (schema_name(problem.slug()), schema(problem))).collect()
}

fn schema(problem: &Problem) -> Value {
    let members: Map<String, Value> = match problem.to_json() {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    let names: Vec<&String> = members.keys().collect();
    let properties: Map<String, Value> =
        members.iter().map(|(name, value)| (name.clone(), member(name, value))).collect();
    json!({"type": "object", "title": problem.title(), "required": names, "properties": properties})
}

/// What a member may hold: one of those that never change, or what its name stands for in all problems.
fn member(name: &str, value: &Value) -> Value {
    match name {
        "attempts_left" => json!({"type": "integer", "minimum": 0, "description": "Guesses left."}),
        "retry_after" => json!({"type": "integer", "minimum": 1, "description": "Seconds, as `Retry-After` has them."}),
        "violated-policies" => json!({
            "type": "array", "items": {"type": "string"}, "minItems": 1, "description": "The policies that refuse.",
        }),
        "challenge" => super::schemas::reference("Challenge"),
        "reason" => json!({
            "type": "string", "x-extensible-enum": Refusal::ALL.map(Refusal::as_str), "description": "Why.",
        }),
        "detail" => json!({"type": "string", "description": "What is wrong, without what was sent."}),
        "status" => json!({"type": "integer", "const": value}),
        "type" => json!({"type": "string", "format": "uri-reference", "const": value}),
        _ => json!({"type": "string", "const": value}),
    }
}
