//! Another mail with the same code.

use otp_nats::testing::eventually;
use reqwest::StatusCode;

use crate::support::World;

#[tokio::test]
async fn the_same_code_goes_out_again_after_the_cooldown() {
    let world = World::new();
    let gateway = world.gateway(&[("OTP_RESEND_COOLDOWN", "300ms")]).await;
    let accepted = gateway.accepted("alice@example.com").await;
    let (id, code) = (accepted.text("id"), gateway.code(accepted.text("id")).await);
    assert_eq!(gateway.check(id, "000").await.body["attempts_left"], 4);
    let early = gateway.resend(id).await;
    assert_eq!((early.status.as_u16(), early.problem()), (429, "rate-limited"));
    assert_eq!(early.body["violated-policies"], serde_json::json!(["cooldown"]));
    assert_eq!(early.header("retry-after"), "1");
    assert!(early.header("ratelimit").starts_with("\"cooldown\";r=0;t="), "{early:?}");
    let resent = eventually(|| async {
        let answer = gateway.resend(id).await;
        (answer.status == StatusCode::ACCEPTED).then_some(answer)
    });
    let resent = resent.await.expect("the cooldown ends");
    assert_eq!(resent.text("id"), id);
    assert_eq!(resent.text("expires_at"), accepted.text("expires_at"));
    assert_eq!(resent.body["attempts_left"], 4);
    assert_eq!(resent.text("email"), "a***e@example.com");
    assert_eq!(gateway.requested(id).await.generation, 2);
    assert_eq!(gateway.code(id).await, code);
    let second = gateway.resend(id).await;
    assert_eq!(second.status.as_u16(), 429, "the cooldown starts over");
    assert_eq!(gateway.check(id, &code).await.status, StatusCode::OK);
    assert_eq!(gateway.resend(id).await.problem(), "already-used");
}
