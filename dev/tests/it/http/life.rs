//! What becomes of a verification: read, canceled, sent again, superseded, expired.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{unlimited, unlimited_system};
use crate::support::{Answer, Asked, System, eventually, other_code};

fn status(read: &Answer) -> &str {
    assert_eq!(read.status, 200, "{}", read.text);
    read.body["status"].as_str().expect("a status")
}

fn names(read: &Answer) -> Vec<&str> {
    read.body["timeline"].as_array().expect("a timeline").iter().filter_map(|event| event["event"].as_str()).collect()
}

async fn sent(system: &System, asked: &Asked) -> Answer {
    eventually("sent", async || {
        let read = system.api().read(&asked.id, Some(&asked.ticket)).await;
        (status(&read) == "sent").then_some(read)
    })
    .await
}

#[tokio::test]
async fn a_verification_is_read_with_its_ticket_alone() {
    let system = unlimited_system().await;
    let api = system.api();
    let (asked, other) = (api.accepted("ada@life.test").await, api.accepted("eve@life.test").await);
    let read = sent(&system, &asked).await;
    assert_eq!(names(&read), ["requested", "processing", "sent"]);
    assert_eq!(read.body["timeline_complete"], true);
    for member in ["id", "expires_at", "resend_at", "attempts_left"] {
        assert_eq!(read.body[member], asked.body[member], "{member}");
    }
    let seqs: Vec<u64> =
        read.body["timeline"].as_array().expect("a list").iter().filter_map(|event| event["seq"].as_u64()).collect();
    assert!(seqs.first() == Some(&0) && seqs.is_sorted_by(|one, next| one < next), "{seqs:?}");
    assert!(!read.text.contains("ada@life.test") && read.body["timeline"][0]["data"].get("sealed").is_none());

    let mut forged = asked.ticket.clone();
    let last = forged.pop().expect("a letter");
    forged.push(if last == 'A' { 'B' } else { 'A' });
    let (cut, _) = asked.ticket.split_at(asked.ticket.len() - 8);
    for ticket in [None, Some(other.ticket.as_str()), Some("garbage"), Some(""), Some(&forged), Some(cut)] {
        for answer in [api.read(&asked.id, ticket).await, api.cancel(&asked.id, ticket).await] {
            answer.problem(401, "unauthorized");
            assert!(answer.header("www-authenticate").is_some_and(|text| text.starts_with("Bearer")), "RFC 9110");
        }
    }
    assert_eq!(status(&api.read(&asked.id, Some(&asked.ticket)).await), "sent", "nobody has canceled it");
    system.stack.stop().await;
}

#[tokio::test]
async fn a_canceled_code_is_dead_and_what_is_over_stays_as_it_was() {
    let system = unlimited_system().await;
    let api = system.api();
    let asked = api.accepted("cancel@life.test").await;
    let ticket = Some(asked.ticket.as_str());
    let code = system.inbox().code_for("cancel@life.test").await;
    for _ in 0..2 {
        let answer = api.cancel(&asked.id, ticket).await;
        assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    }
    api.check(&asked.id, &code).await.problem(410, "canceled");
    api.check(&asked.id, &other_code(&code)).await.problem(410, "canceled");
    api.resend(&asked.id).await.problem(410, "canceled");
    let read = api.read(&asked.id, ticket).await;
    assert_eq!(status(&read), "canceled");
    assert_eq!(names(&read).iter().filter(|name| **name == "canceled").count(), 1, "{}", read.text);

    let asked = api.accepted("done@life.test").await;
    let ticket = Some(asked.ticket.as_str());
    let code = system.inbox().code_for("done@life.test").await;
    assert_eq!(api.check(&asked.id, &code).await.status, 200);
    assert_eq!(api.cancel(&asked.id, ticket).await.status, 204);
    assert_eq!(status(&api.read(&asked.id, ticket).await), "verified");
    api.check(&asked.id, &code).await.problem(410, "already-used");
    system.stack.stop().await;
}

#[tokio::test]
async fn a_resend_brings_the_same_code_after_the_cooldown() {
    let system = System::with(|options| options.caller.set("OTP_RESEND_COOLDOWN", "2s")).await;
    let api = system.api();
    let address = "again@life.test";
    let asked = api.accepted(address).await;
    let first = system.inbox().wait_for(address).await;
    let code = system.inbox().code_for(address).await;
    api.check(&asked.id, &other_code(&code)).await.problem(422, "incorrect-code");
    let early = api.resend(&asked.id).await;
    assert_eq!(early.problem(429, "rate-limited").policies(), ["cooldown"]);
    assert!(early.retry_after_s() <= 2, "{}", early.text);

    let again = eventually("the end of the cooldown", async || {
        let answer = api.resend(&asked.id).await;
        (answer.status != 429).then_some(answer)
    })
    .await;
    let second = again.accepted();
    assert_eq!(second.id, asked.id);
    assert_eq!(again.header("location"), Some(format!("/v1/verifications/{}", asked.id).as_str()));
    assert_eq!(again.body["email"], asked.body["email"]);
    assert_eq!(again.body["expires_at"], asked.body["expires_at"]);
    assert_eq!(again.body["attempts_left"], 4, "the guess stays counted");
    assert!(again.body["resend_at"].as_str() > asked.body["resend_at"].as_str(), "{}", again.text);
    assert_eq!(api.resend(&asked.id).await.problem(429, "rate-limited").policies(), ["cooldown"]);

    let mails = eventually("the second mail", async || {
        let mails = system.inbox().to(address).await;
        (mails.len() == 2).then_some(mails)
    })
    .await;
    assert_eq!(mails[0]["Text"], mails[1]["Text"], "the same code");
    assert_ne!(mails[0]["MessageID"], first["MessageID"], "another mail, which no mailbox takes for the first");
    // The ticket of the resend and the first one serve alike.
    for ticket in [&asked.ticket, &second.ticket] {
        assert_eq!(api.read(&asked.id, Some(ticket)).await.status, 200);
    }
    assert_eq!(api.check(&asked.id, &code).await.status, 200);
    system.stack.stop().await;
}

#[tokio::test]
async fn a_newer_request_supersedes_the_older_one_of_its_purpose() {
    let system = unlimited_system().await;
    let api = system.api();
    let ask = async |purpose: &str| {
        let body = json!({"email": "newer@life.test", "purpose": purpose});
        api.ask(&body).await.accepted()
    };
    let (older, aside, newer) = (ask("login").await, ask("payment").await, ask("login").await);
    assert_ne!(older.id, newer.id);
    api.check(&older.id, "000000").await.problem(410, "superseded");
    api.resend(&older.id).await.problem(410, "superseded");
    let read = eventually("superseded on the timeline", async || {
        let read = api.read(&older.id, Some(&older.ticket)).await;
        names(&read).contains(&"superseded").then_some(read)
    })
    .await;
    assert_eq!(status(&read), "superseded");
    for live in [&aside, &newer] {
        let read = api.read(&live.id, Some(&live.ticket)).await;
        assert!(["queued", "sending", "sent"].contains(&status(&read)), "{}", read.text);
    }

    // However many at once, one is left.
    let all = join_all((0..20).map(|_| api.accepted("at-once@life.test"))).await;
    let reads = join_all(all.iter().map(|asked| api.read(&asked.id, Some(&asked.ticket)))).await;
    assert_eq!(reads.iter().filter(|read| status(read) == "superseded").count(), all.len() - 1);
    system.stack.stop().await;
}

#[tokio::test]
async fn a_code_expires() {
    let system = System::with(|options| {
        unlimited(options);
        options.caller.set("OTP_CODE_TTL", "3s");
    })
    .await;
    let api = system.api();
    let asked = api.accepted("late@life.test").await;
    let code = system.inbox().code_for("late@life.test").await;
    let read = eventually("the end of the code", async || {
        let read = api.read(&asked.id, Some(&asked.ticket)).await;
        (status(&read) == "expired").then_some(read)
    })
    .await;
    assert_eq!(read.body["expires_at"], asked.body["expires_at"]);
    api.check(&asked.id, &code).await.problem(410, "expired");
    api.check(&asked.id, &other_code(&code)).await.problem(410, "expired");
    api.resend(&asked.id).await.problem(410, "expired");
    assert_eq!(api.cancel(&asked.id, Some(&asked.ticket)).await.status, 204);
    let read = api.read(&asked.id, Some(&asked.ticket)).await;
    assert_eq!((status(&read), &read.body["timeline_complete"]), ("expired", &Value::Bool(true)));
    system.stack.stop().await;
}
