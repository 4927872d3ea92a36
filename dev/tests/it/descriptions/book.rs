//! What OpenAPI says, and what of it was met.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use jsonschema::{Draft, Validator};
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::{Map, Value, json};

use crate::support::{Answer, Api, send};

/// Headers that any answer may have (RFC 9110, Fetch) and that say nothing of an operation.
const ANY: [&str; 11] = [
    "access-control-allow-origin",
    "access-control-expose-headers",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "etag",
    "transfer-encoding",
    "vary",
];
/// Headers of requests that any may have.
const SENT: [&str; 4] = ["authorization", "content-type", "origin", "x-forwarded-for"];
/// What the gateway says of a body that its schema does not allow.
const NOT_THE_SCHEMA: &str = "a member that is unknown, missing or of the wrong type";

/// A description, closed: what it does not name is refused here, though clients are to ignore it.
pub(super) struct Schemas {
    root: Value,
    draft: Draft,
    made: Mutex<BTreeMap<String, Validator>>,
}

impl Schemas {
    pub(super) fn of(document: &Value, draft: Draft) -> Self {
        let mut root = document.clone();
        close(&mut root);
        Self { root, draft, made: Mutex::default() }
    }

    /// What is wrong with a value by the schema at this place in the document.
    pub(super) fn faults(&self, place: &str, value: &Value) -> Vec<String> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let validator = made.entry(place.to_owned()).or_insert_with(|| {
            let schema = json!({"$ref": format!("#{}", place.replace('{', "%7B").replace('}', "%7D")), "components": self.root["components"], "paths": self.root["paths"]});
            jsonschema::options().with_draft(self.draft).build(&schema).unwrap_or_else(|error| panic!("{place}: {error}"))
        });
        validator.iter_errors(value).map(|error| format!("{} at {}", error, error.instance_path())).collect()
    }
}

/// Makes what is open closed: objects have no other members, and lists that may grow have not grown.
pub(super) fn close(value: &mut Value) {
    if let Some(members) = value.as_object_mut() {
        if members.contains_key("properties") && !members.contains_key("additionalProperties") {
            members.insert("additionalProperties".to_owned(), json!(false));
        }
        if let Some(known) = members.get("x-extensible-enum").cloned() {
            members.insert("enum".to_owned(), known);
        }
        members.values_mut().for_each(close);
    } else if let Some(items) = value.as_array_mut() {
        items.iter_mut().for_each(close);
    }
}

/// A part of a path or a name in a JSON pointer (RFC 6901).
pub(super) fn pointer(parts: &[&str]) -> String {
    parts.iter().flat_map(|part| ["/".to_owned(), part.replace('~', "~0").replace('/', "~1")]).collect()
}

/// The description with notes of what was met.
pub(super) struct Book {
    pub(super) document: Value,
    schemas: Schemas,
    met: Mutex<BTreeSet<(String, u16)>>,
    problems: Mutex<BTreeSet<String>>,
}

/// One request: where to, with what.
pub(super) struct Call<'a> {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Option<Value>,
    api: &'a Api,
    book: &'a Book,
}

impl Book {
    pub(super) fn new(document: Value) -> Self {
        let schemas = Schemas::of(&document, Draft::Draft202012);
        Self { document, schemas, met: Mutex::default(), problems: Mutex::default() }
    }

    /// Begins a request.
    pub(super) fn call<'a>(&'a self, api: &'a Api, method: Method, path: &str) -> Call<'a> {
        Call { method, path: path.to_owned(), headers: Vec::new(), body: None, api, book: self }
    }

    /// The described path that this one is an instance of.
    fn template(&self, path: &str) -> Option<String> {
        let path = path.split('?').next().unwrap_or_default();
        let fits = |template: &str| {
            let (parts, given): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
            parts.len() == given.len()
                && parts.iter().zip(&given).all(|(part, given)| part.starts_with('{') || part == given)
        };
        self.document["paths"].as_object().expect("paths").keys().find(|template| fits(template)).cloned()
    }

    /// Holds a request and its answer against the description.
    fn hold(&self, call: &Call<'_>, answer: &Answer) {
        let what = format!("{} {} {:?}: {} {}", call.method, call.path, call.body, answer.status, answer.text);
        let slug = answer.body["type"].as_str().and_then(|kind| kind.strip_prefix("/problems/"));
        if let Some(slug) = slug {
            self.problems.lock().unwrap_or_else(PoisonError::into_inner).insert(slug.to_owned());
        }
        let method = call.method.as_str().to_lowercase();
        let template = self.template(&call.path);
        let operation = template.as_ref().map(|template| (template, &self.document["paths"][template][&method]));
        let place = match operation {
            Some((template, operation)) if operation.is_object() => {
                self.hold_request(template, &method, operation, call, answer, &what);
                let id = operation["operationId"].as_str().expect("an id").to_owned();
                self.met.lock().unwrap_or_else(PoisonError::into_inner).insert((id, answer.status));
                pointer(&["paths", template, &method, "responses", &answer.status.to_string()])
            }
            Some(_) => pointer(&["components", "responses", "MethodNotAllowed"]),
            None => pointer(&["components", "responses", "NotFound"]),
        };
        self.hold_answer(&place, answer, &what);
    }

    fn hold_request(
        &self,
        template: &str,
        method: &str,
        operation: &Value,
        call: &Call<'_>,
        answer: &Answer,
        what: &str,
    ) {
        let parameters: Vec<&Value> =
            operation["parameters"].as_array().expect("a list").iter().map(|one| self.resolved(one)).collect();
        for (name, value) in call.headers.iter().filter(|(name, _)| !SENT.contains(name)) {
            let place =
                |one: &&&Value| one["name"].as_str().is_some_and(|described| described.eq_ignore_ascii_case(name));
            let parameter = parameters.iter().find(place).unwrap_or_else(|| panic!("{name} is not described: {what}"));
            let schema = pointer(&["components", "parameters", parameter_key(parameter), "schema"]);
            if answer.status < 400 {
                assert_eq!(self.schemas.faults(&schema, &json!(value)), [] as [&str; 0], "{name}: {what}");
            }
        }
        if answer.status < 400 {
            let shows = call.headers.iter().any(|(name, _)| *name == "authorization");
            let alternatives = operation["security"].as_array().expect("a list");
            let open = alternatives.iter().any(|one| one == &json!({}));
            let schemes = alternatives.iter().any(|one| one != &json!({}));
            assert!(if shows { schemes } else { open }, "what the operation needs is described otherwise: {what}");
        }
        let Some(body) = &call.body else { return };
        let place = pointer(&["paths", template, method, "requestBody", "content", "application/json", "schema"]);
        assert!(self.document.pointer(&place).is_some(), "a body is not described: {what}");
        let faults = self.schemas.faults(&place, body);
        if answer.body["detail"].as_str().is_some_and(|detail| detail.starts_with(NOT_THE_SCHEMA)) {
            assert_ne!(faults, [] as [&str; 0], "refused, though its schema allows it: {what}");
        } else if answer.status < 400 {
            assert_eq!(faults, [] as [&str; 0], "taken, though its schema does not allow it: {what}");
        }
    }

    fn hold_answer(&self, place: &str, answer: &Answer, what: &str) {
        let response = self.document.pointer(place).unwrap_or_else(|| panic!("not described: {what}"));
        let headers = response["headers"].as_object().cloned().unwrap_or_default();
        self.hold_headers(&headers, &answer.headers, what);
        let Some(content) = response["content"].as_object() else {
            assert_eq!(answer.text, "", "a body that is not described: {what}");
            return;
        };
        let media = answer.header("content-type").unwrap_or_default();
        assert!(content.contains_key(media), "{media} is not described: {what}");
        let schema = format!("{place}{}", pointer(&["content", media, "schema"]));
        assert_eq!(self.schemas.faults(&schema, &answer.body), [] as [&str; 0], "{what}");
    }

    fn hold_headers(&self, described: &Map<String, Value>, given: &HeaderMap, what: &str) {
        for name in given.keys().map(reqwest::header::HeaderName::as_str).filter(|name| !ANY.contains(name)) {
            assert!(described.keys().any(|known| known.eq_ignore_ascii_case(name)), "{name} is not described: {what}");
        }
        for (name, header) in described {
            let value = given.get(name.to_lowercase()).map(|value| value.to_str().expect("ASCII"));
            if self.resolved(header)["required"] == true {
                assert!(value.is_some(), "{name} lacks: {what}");
            }
            let Some(text) = value else { continue };
            let kind = &self.resolved(header)["schema"]["type"];
            let value = if kind == "integer" { json!(text.parse::<u64>().expect("a number")) } else { json!(text) };
            let schema = pointer(&["components", "headers", name, "schema"]);
            assert_eq!(self.schemas.faults(&schema, &value), [] as [&str; 0], "{name}: {what}");
        }
    }

    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        let reference = value["$ref"].as_str().and_then(|place| place.strip_prefix('#'));
        reference.map_or(value, |place| self.document.pointer(place).unwrap_or_else(|| panic!("no {place}")))
    }

    /// What is wrong with a value by the schema at this place.
    pub(super) fn faults(&self, place: &str, value: &Value) -> Vec<String> {
        self.schemas.faults(place, value)
    }

    /// Everything that is described was met, but for what is listed; and what is listed was not.
    pub(super) fn all_was_met(&self, not_met: &[(&str, u16, &str)]) {
        let met = self.met.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let listed =
            |id: &str, status: u16| not_met.iter().any(|(of, code, _)| (*of == "*" || *of == id) && *code == status);
        let mut missed = Vec::new();
        let operations = self.document["paths"]
            .as_object()
            .expect("paths")
            .values()
            .flat_map(|item| item.as_object().expect("an item").values());
        for operation in operations {
            let id = operation["operationId"].as_str().expect("an id");
            for status in operation["responses"].as_object().expect("answers").keys() {
                let status: u16 = status.parse().expect("a status");
                let is_met = met.contains(&(id.to_owned(), status));
                assert!(!(is_met && listed(id, status)), "{id} {status} is said not to be met");
                if !is_met && !listed(id, status) {
                    missed.push(format!("{id} {status}"));
                }
            }
        }
        assert_eq!(missed, [] as [&str; 0], "described and never met");
        let problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let schemas = self.document["components"]["schemas"].as_object().expect("schemas");
        let described = schemas.values().filter_map(|schema| schema["properties"]["type"]["const"].as_str());
        let never: Vec<&str> = described
            .filter_map(|kind| kind.strip_prefix("/problems/"))
            .filter(|slug| !problems.contains(*slug) && *slug != "internal-error")
            .collect();
        assert_eq!(never, [] as [&str; 0], "problems that were never met");
    }
}

/// Parameters stand under their names, but for the one in paths.
fn parameter_key(parameter: &Value) -> &str {
    if parameter["in"] == "path" { "VerificationId" } else { parameter["name"].as_str().expect("a name") }
}

impl Call<'_> {
    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(super) fn bearer(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    pub(super) fn body(mut self, body: &Value) -> Self {
        self.body = Some(body.clone());
        self
    }

    /// Sends it and holds both against the description.
    pub(super) async fn send(self) -> Answer {
        let request = self.api.request(self.method.clone(), &self.path);
        let request = self.headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
        let request = match &self.body {
            Some(body) => request.json(body),
            None => request,
        };
        self.finish(request).await
    }

    /// Sends other bytes than JSON in their place.
    pub(super) async fn raw(self, kind: &str, bytes: Vec<u8>) -> Answer {
        let request = self.api.request(self.method.clone(), &self.path).header("content-type", kind).body(bytes);
        self.finish(request).await
    }

    async fn finish(self, request: RequestBuilder) -> Answer {
        let answer = send(request).await;
        self.book.hold(&self, &answer);
        answer
    }

    /// Holds an answer that came another way.
    pub(super) fn answered(self, answer: &Answer) {
        self.book.hold(&self, answer);
    }
}
