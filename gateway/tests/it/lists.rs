//! Lists of domains and recipients, while the gateway runs.

use std::fs;
use std::path::Path;

use otp_nats::testing::eventually;
use reqwest::StatusCode;
use tempfile::TempDir;

use crate::support::{Gateway, World};

fn replace(path: &Path, text: &str) {
    let draft = path.with_extension("draft");
    fs::write(&draft, text).unwrap();
    fs::rename(&draft, path).unwrap();
}

/// A gateway with three lists.
async fn listed(world: &World) -> (Gateway, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let files = [
        ("OTP_DISPOSABLE_DOMAINS_FILE", path("disposable"), "mailinator.test\n"),
        ("OTP_ALLOWED_DOMAINS_FILE", path("allowed"), "ours.mailinator.test\n"),
        ("OTP_BLOCKED_FILE", path("blocked"), "blocked.test\nvictim@example.com\n"),
    ];
    for (_, path, text) in &files {
        fs::write(path, text).unwrap();
    }
    let settings: Vec<(&str, &str)> = files.iter().map(|(name, path, _)| (*name, path.as_str())).collect();
    (world.gateway(&settings).await, folder)
}

#[tokio::test]
async fn domains_are_refused_and_blocked_recipients_are_not_told_apart() {
    let world = World::new();
    let (gateway, _folder) = listed(&world).await;
    for (email, status, problem) in [
        ("a@mailinator.test", 422, "disposable-domain"),
        ("a@X.Mailinator.TEST", 422, "disposable-domain"),
        ("a@ours.mailinator.test", 202, ""),
        ("a@blocked.test", 422, "undeliverable-domain"),
        ("a@mail.blocked.test", 422, "undeliverable-domain"),
        ("a@notblocked.test", 202, ""),
    ] {
        let answer = gateway.create(email).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (status, problem), "{email} {answer:?}");
    }
    let (victim, other) =
        (gateway.accepted("Vic.tim+x@example.com").await, gateway.accepted("other@example.com").await);
    assert!(!gateway.mail(victim.text("id")).await.blocked, "vic.tim is another mailbox than victim there");
    let victim_answer = gateway.accepted("VICTIM+news@example.com").await;
    let members =
        |answer: &crate::support::Answer| -> Vec<String> { answer.body.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(members(&victim_answer), members(&other));
    assert!(gateway.mail(victim_answer.text("id")).await.blocked);
    assert!(!gateway.mail(other.text("id")).await.blocked);
    // The next mail as well: whoever is blocked meanwhile gets no second one.
    let status = gateway.status(victim_answer.text("id"), victim_answer.ticket()).await;
    assert_eq!(status.text("status"), "queued", "{status:?}");
}

#[tokio::test]
async fn a_changed_list_holds_without_a_restart_and_a_bad_one_changes_nothing() {
    let world = World::new();
    let (gateway, folder) = listed(&world).await;
    let disposable = folder.path().join("disposable");
    let refused = async |email: &str| gateway.create(email).await.problem() == "disposable-domain";
    assert!(!refused("a@temp.test").await && refused("a@mailinator.test").await);
    replace(&disposable, "temp.test\n");
    eventually(|| async { refused("b@temp.test").await.then_some(()) }).await.expect("the new list holds");
    assert!(!refused("b@mailinator.test").await);
    replace(&disposable, "other.test\nno domain\n");
    let told = eventually(|| async {
        let metrics = reqwest::get(format!("http://{}/metrics", gateway.admin)).await.ok()?.text().await.ok()?;
        metrics.contains("otp_file_faulty{file=\"OTP_DISPOSABLE_DOMAINS_FILE\"} 1").then_some(metrics)
    });
    let told = told.await.expect("the fault is counted");
    assert!(told.contains("otp_file_reloads_total{file=\"OTP_DISPOSABLE_DOMAINS_FILE\",outcome=\"bad\"} 1"), "{told}");
    assert!(refused("c@temp.test").await && !refused("c@other.test").await);
    assert_eq!(gateway.create("a@example.com").await.status, StatusCode::ACCEPTED);
}
