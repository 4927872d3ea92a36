//! A verification from the request to the proof.

use serde_json::json;

use crate::support::System;

#[tokio::test]
async fn a_person_proves_an_address() {
    let system = System::start().await;
    let (status, accepted) = system.post("/v1/verifications", &json!({"email": "ada@flow.test"})).await;
    assert_eq!(status, 202, "{accepted}");
    let mut events = system.events().await;
    events.subscribe(&accepted).await;
    let names = events.until("sent").await;
    assert_eq!(names.first().map(String::as_str), Some("requested"), "{names:?}");

    let code = system.inbox().code_for("ada@flow.test").await;
    let check = format!("/v1/verifications/{}/check", accepted["id"].as_str().expect("an id"));
    let (status, verified) = system.post(&check, &json!({"code": code})).await;
    assert_eq!((status, verified["status"].as_str()), (200, Some("verified")), "{verified}");
    assert_eq!(events.until("verified").await.last().map(String::as_str), Some("verified"));
    let (status, again) = system.post(&check, &json!({"code": code})).await;
    assert_eq!(status, 410, "{again}");
    system.stack.stop().await;
}
