//! What the gateway says of itself: the OpenAPI 3.1 description of its API.
//!
//! Schemas of bodies come from the very types that the handlers read and write, those of problems from what each
//! problem says of itself. What an operation takes and answers stands in [`operations`], and a system test holds every
//! request and every answer of a running system against it.

use serde_json::{Map, Value, json};

mod headers;
mod operations;
mod problems;
mod schemas;

pub(crate) use schemas::{Id, Time};

use operations::{Operation, Success};

const ABOUT: &str = "Proves that a person can read a mailbox: asks for a one-time code by mail, checks it, and gives a \
signed proof.\n\nErrors are problem documents (RFC 9457). Ignore members that you do not know. Any path answers 404 \
`not-found` where nothing is, and 405 `method-not-allowed` to other methods. Beside what is described here the gateway \
serves its pages: `/`, `/docs` and `/report`. What happens to a verification is told over a WebSocket, which \
[/asyncapi.json](/asyncapi.json) describes.";

/// The document. `public_url` is where people reach the gateway; without it, addresses are relative to the document's.
pub fn openapi(public_url: Option<&str>) -> Value {
    let (schemas, operations) = (schemas::all(), operations::all());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "DistOTP", "version": env!("CARGO_PKG_VERSION"), "description": ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": public_url.unwrap_or("/")}],
        "tags": [
            {"name": "Verifications", "description": "Ask for a code, check it, send it again, read how it stands, cancel it."},
            {"name": "Reports", "description": "For whoever got a code and did not ask for one."},
            {"name": "Service", "description": "Keys, health, and these descriptions."},
        ],
        "paths": paths(&operations),
        "components": {
            "schemas": schemas,
            "headers": headers::all(),
            "parameters": headers::parameters(),
            "responses": {"NotFound": problem(404, &["not-found"]), "MethodNotAllowed": problem(405, &["method-not-allowed"])},
            "securitySchemes": security_schemes(),
        },
    })
}

fn paths(operations: &[Operation]) -> Map<String, Value> {
    let mut paths: Map<String, Value> = Map::new();
    for (order, operation) in operations.iter().enumerate() {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method] = described(operation);
        // Members have no order in JSON; people meet what they need first at the top.
        path[operation.method]["x-order"] = json!(order);
    }
    paths
}

fn described(operation: &Operation) -> Value {
    let parameter = |name: &&str| json!({"$ref": format!("#/components/parameters/{name}")});
    let mut described = json!({
        "operationId": operation.id, "tags": [operation.tag], "summary": operation.summary,
        "description": operation.description, "responses": responses(operation),
        "security": security(operation.security),
        "parameters": operation.parameters.iter().map(parameter).collect::<Vec<_>>(),
    });
    if let Some((schema, examples)) = &operation.request {
        let examples: Map<String, Value> =
            examples.iter().map(|(name, value)| ((*name).to_owned(), json!({"value": value}))).collect();
        let media = json!({"schema": schemas::reference(schema), "examples": examples});
        described["requestBody"] = json!({"required": true, "content": {"application/json": media}});
    }
    described
}

/// Each of `schemes` will do; the empty one is none at all.
fn security(schemes: &[&str]) -> Value {
    let one = |scheme: &&str| if scheme.is_empty() { json!({}) } else { json!({*scheme: []}) };
    schemes.iter().map(one).collect()
}

fn responses(operation: &Operation) -> Map<String, Value> {
    let mut responses: Map<String, Value> = operation.answers.iter().map(success).collect();
    let mut statuses: Vec<u16> = operation.problems.iter().filter_map(|slug| problems::status(slug)).collect();
    statuses.sort_unstable();
    statuses.dedup();
    for status in statuses {
        let of_status = |slug: &&&str| problems::status(slug) == Some(status);
        let slugs: Vec<&str> = operation.problems.iter().filter(of_status).copied().collect();
        responses.insert(status.to_string(), problem(status, &slugs));
    }
    responses
}

fn success(answer: &Success) -> (String, Value) {
    let mut response = json!({"description": answer.description, "headers": headers::references(answer.headers)});
    if let Some((media, schema, example)) = &answer.content {
        let content = json!({"schema": schema, "examples": {"answer": {"value": example}}});
        response["content"] = json!({*media: content});
    }
    if answer.status == 202 {
        response["links"] = links();
    }
    (answer.status.to_string(), response)
}

/// What can be done with a verification that was accepted.
fn links() -> Value {
    let id = json!({"id": "$response.body#/id"});
    let names = ["checkCode", "resendCode", "readVerification", "cancelVerification"];
    names
        .map(|name| (name.to_owned(), json!({"operationId": name, "parameters": id})))
        .into_iter()
        .collect::<Map<_, _>>()
        .into()
}

/// One answer for all problems of a status.
fn problem(status: u16, slugs: &[&str]) -> Value {
    let schemas: Vec<Value> = slugs.iter().map(|slug| schemas::reference(&problems::schema_name(slug))).collect();
    let schema = match schemas.as_slice() {
        [one] => one.clone(),
        _ => json!({"oneOf": schemas}),
    };
    let known = slugs.iter().filter_map(|slug| Some((*slug, problems::example(slug)?)));
    let (mut examples, mut titles) = (Map::new(), Vec::new());
    for (slug, problem) in known {
        titles.push(format!("`{slug}`: {}", problem.title()));
        examples.insert(slug.to_owned(), json!({"summary": problem.title(), "value": problem.to_json()}));
    }
    json!({
        "description": titles.join("; "),
        "headers": headers::references(headers::of_status(status)),
        "content": {"application/problem+json": {"schema": schema, "examples": examples}},
    })
}

fn security_schemes() -> Value {
    let bearer = |format: &str, about: &str| json!({"type": "http", "scheme": "bearer", "bearerFormat": format, "description": about});
    json!({
        "ticket": bearer("kid.base64url", "`events.ticket` of the answer to the request: it may read and cancel that verification."),
        "secretKey": bearer("otp_sk_...", "An application's secret key, for its servers: limits of the network count for whom `OTP-Client-IP` names."),
        "publishableKey": bearer("otp_pk_...", "An application's publishable key, for its pages: it works with an `Origin` that is the application's."),
    })
}

#[cfg(test)]
mod tests;
