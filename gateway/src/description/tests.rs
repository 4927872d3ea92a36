use std::collections::BTreeSet;

use super::*;
use crate::problem::examples;

/// A change of the API is seen in review.
#[test]
fn the_document_is_its_snapshot() {
    insta::assert_snapshot!(format!("{:#}", openapi(None)));
}

#[test]
fn every_problem_is_described_and_every_described_one_is_known() {
    let listed: BTreeSet<&str> =
        operations::all().into_iter().flat_map(|operation| operation.problems).chain(["method-not-allowed"]).collect();
    let known: BTreeSet<&str> = examples().iter().map(crate::problem::Problem::slug).collect();
    assert_eq!(listed, known);
}

#[test]
fn every_reference_leads_somewhere() {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document = openapi(Some("https://otp.example.com"));
    assert_eq!(document["servers"][0]["url"], "https://otp.example.com");
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 50, "{}", found.len());
    for reference in found {
        let place = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(place).is_some(), "{reference}");
    }
}

#[test]
fn what_refuses_unknown_members_says_so() {
    let document = openapi(None);
    for name in ["NewVerification", "Guess", "Report"] {
        assert_eq!(document["components"]["schemas"][name]["additionalProperties"], false, "{name}");
    }
}
