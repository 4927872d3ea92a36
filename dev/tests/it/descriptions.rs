//! `/openapi.json` and `/asyncapi.json` held against the running system: every request, answer, frame and event is as
//! they say, and all that they say is met, or stands in a list with the reason why it cannot be.

mod book;
mod bus;
mod examples;
mod flow;
mod sockets;

use std::path::Path;

use otp_dev::stack::Options;
use otp_gateway::apps::key::{KeyHash, KeyKind, fresh};

use crate::support::System;
use book::Book;
use bus::Bus;
use flow::Flow;

/// What no request here can bring about: the operation or `*`, the status, and why.
const NOT_MET: [(&str, u16, &str); 1] = [(
    "*",
    500,
    "a defect, of which none is known; its shape is that of every problem and is held against its example",
)];

/// Applications: one whose codes end soon, one that wants proof of work, and one whose page may ask.
struct Keys {
    brief: String,
    careful: String,
    page: String,
}

fn applications(folder: &Path) -> Keys {
    let key = |kind| fresh(kind).expect("a key").to_string();
    let (brief, careful, page) = (key(KeyKind::Secret), key(KeyKind::Publishable), key(KeyKind::Publishable));
    let hash = |key: &str| KeyHash::of(key).expect("a key").1;
    let text = format!(
        "[apps.brief]\ncode_ttl = \"8s\"\nsecret_keys = [\"{}\"]\n\
         [apps.careful]\nproof_of_work = \"always\"\npublishable_keys = [\"{}\"]\nallowed_origins = [\"https://careful.test\"]\n\
         [apps.page]\npublishable_keys = [\"{}\"]\nallowed_origins = [\"https://page.test\"]\n",
        hash(&brief),
        hash(&careful),
        hash(&page),
    );
    std::fs::write(folder.join("apps.toml"), text).expect("written");
    std::fs::write(folder.join("disposable.txt"), "throwaway.test\n").expect("written");
    Keys { brief, careful, page }
}

fn settings(options: &mut Options, folder: &Path) {
    let path = |name: &str| folder.join(name).display().to_string();
    options.caller.set("OTP_APPS_FILE", &path("apps.toml"));
    options.caller.set("OTP_DISPOSABLE_DOMAINS_FILE", &path("disposable.txt"));
    options.caller.set("OTP_TRUSTED_PROXIES", "127.0.0.0/8");
    options.caller.set("OTP_RESEND_COOLDOWN", "0");
    options.caller.set("OTP_LIMIT_RECIPIENT", "off");
    options.caller.set("OTP_LIMIT_STATUS", "20/1m");
}

#[tokio::test]
async fn the_running_system_is_as_it_is_described_and_described_as_it_is() {
    let folder = tempfile::tempdir().expect("a directory");
    let keys = applications(folder.path());
    let system = System::with(|options| settings(options, folder.path())).await;
    let api = system.api();
    let [openapi, asyncapi] = [api.get("/openapi.json").await.body, api.get("/asyncapi.json").await.body];
    let (book, mut bus) = (Book::new(openapi), Bus::listen(&system, asyncapi).await);

    let flow = Flow { system: &system, book: &book, keys: &keys };
    // What takes ten seconds of waiting goes on beside all else.
    let (slow, ()) = tokio::join!(flow.bodies_that_do_not_come(), async {
        flow.lives().await;
        flow.endings().await;
        flow.refusals().await;
        flow.applications().await;
        flow.reports().await;
        flow.service().await;
        sockets::frames(&system, &mut bus, &keys.brief).await;
        flow.floods().await;
    });
    slow.expect("408 from all that take bodies");
    bus.drain().await;
    flow.without_servers().await;
    flow.forgotten().await;

    book.all_was_met(&NOT_MET);
    bus.all_was_met();
    system.stack.stop().await;
}
