//! Wires that fail between any two parts: what clients are told meanwhile, how soon all is well again when the wire is,
//! and that what was promised is kept.

use std::time::{Duration, Instant};

use otp_dev::proxy::Fault;
use otp_dev::stack::{Link, Part};
use serde_json::json;

use crate::relay::{copies, kept};
use crate::support::{Answer, Api, Asked, Socket, System, eventually, names, other_code};

/// An answer within this time: the gateway holds a request for up to 3 s, and a busy machine adds to it.
const ANSWERED_WITHIN: Duration = Duration::from_secs(6);
/// A fault lasts at least so long: longer than one attempt of anything, so that a second one meets it too.
const FAULT_LASTS: Duration = Duration::from_secs(2);
/// From the end of a fault to a mail that was asked for then and seen to be sent: seconds, and what a busy machine adds.
const WELL_AGAIN_WITHIN: Duration = Duration::from_secs(20);
/// Everything that was promised is mailed within this time: a request that was on a wire when it died comes again when
/// its `ack_wait` of 30 s is over.
const KEPT_WITHIN: Duration = Duration::from_secs(60);
/// Requests in a round, and how often there is one: what is on the wires all the time, and no load.
const REQUESTS: usize = 3;
const ROUND_EVERY: Duration = Duration::from_millis(200);

const FAULTS: [Fault; 5] = [
    Fault::Latency { delay: Duration::from_millis(100), jitter: Duration::from_millis(100) },
    Fault::Stall,
    Fault::Reset,
    Fault::HalfOpen,
    Fault::CutAfter { bytes: 700 },
];

/// What may be answered while a wire fails.
struct Allowed {
    request: &'static [u16],
    right: &'static [u16],
    wrong: &'static [u16],
}

impl Allowed {
    const fn while_failing(link: Link) -> Self {
        match link {
            Link::GatewayNats => Self { request: &[202, 503], right: &[200], wrong: &[422] },
            Link::GatewayRedis => Self { request: &[202, 503], right: &[200, 503], wrong: &[422, 503] },
            Link::MailerNats | Link::MailerSmtp | Link::NotifierNats | Link::ClientGateway | Link::ClientNotifier => {
                Self { request: &[202], right: &[200], wrong: &[422] }
            }
        }
    }
}

/// A run of all faults on one wire.
struct Run {
    system: System,
    link: Link,
    /// Who was promised a mail.
    promised: Vec<(String, Asked)>,
    number: usize,
}

impl Run {
    async fn start(link: Link) -> Self {
        let system = System::with(|options| {
            options.proxied = true;
            for (name, value) in [
                ("OTP_LIMIT_IP", "off"),
                ("OTP_LIMIT_RECIPIENT", "off"),
                ("OTP_DNS_POLICY", "off"),
                ("OTP_CLOSE_SPREAD", "500ms"),
            ] {
                options.caller.set(name, value);
            }
        })
        .await;
        system.stack.inbox_tally().start();
        Self { system, link, promised: Vec::new(), number: 0 }
    }

    fn set(&self, fault: Fault) {
        self.system.stack.link(self.link).expect("a stack with wires").set(fault);
    }

    fn address(&mut self) -> String {
        self.number += 1;
        format!("u{}@network.test", self.number)
    }

    /// A verification with its mail in the inbox, and somebody who watches it.
    async fn verification(&mut self) -> (Asked, String, Socket) {
        let address = self.address();
        let asked = self.system.api().accepted(&address).await;
        let code = self.system.inbox().code_for(&address).await;
        let mut socket = Socket::watching(&self.system.stack.file().events, &asked).await;
        socket.until("sent").await;
        self.promised.push((address, asked.clone()));
        (asked, code, socket)
    }

    /// Asks for mails, all answers being allowed ones and in time.
    async fn ask(&mut self, allowed: &Allowed) {
        let api = self.system.api();
        let addresses: Vec<String> = (0..REQUESTS).map(|_| self.address()).collect();
        let asking = addresses.into_iter().map(async |address| {
            let answer = soon("a request", api.ask(&json!({"email": address}))).await;
            assert!(allowed.request.contains(&answer.status), "{:?}: {}", self.link, answer.text);
            if answer.status == 503 {
                answer.problem(503, "unavailable");
            }
            (address, answer)
        });
        let answers = futures_util::future::join_all(asking).await;
        let promised = answers.into_iter().filter(|(_, answer)| answer.status == 202);
        self.promised.extend(promised.map(|(address, answer)| (address, answer.accepted())));
    }

    /// One fault, from before it to after it.
    async fn bear(&mut self, fault: Fault) {
        let allowed = Allowed::while_failing(self.link);
        let api = self.system.api();
        let (asked, code, mut socket) = self.verification().await;
        let begun = Instant::now();
        self.set(fault);
        let wrong = soon("a wrong code", api.check(&asked.id, &other_code(&code))).await;
        self.ask(&allowed).await;
        let right = soon("a right code", api.check(&asked.id, &code)).await;
        assert!(allowed.wrong.contains(&wrong.status), "{:?} {fault:?}: {}", self.link, wrong.text);
        assert!(allowed.right.contains(&right.status), "{:?} {fault:?}: {}", self.link, right.text);
        let mut pace = tokio::time::interval(ROUND_EVERY);
        while begun.elapsed() < FAULT_LASTS {
            pace.tick().await;
            self.ask(&allowed).await;
        }
        self.set(Fault::None);
        let mended = Instant::now();
        self.well_again(&api).await;
        let took = mended.elapsed();
        println!("{:?} {fault:?}: well again after {took:?}", self.link);
        assert!(took < WELL_AGAIN_WITHIN, "{fault:?}: {took:?}");
        if right.status == 200 {
            // Whoever watched all the time is told the end, or sent away to ask again.
            let events = &self.system.stack.file().events;
            let (told, _) = socket.rest().await;
            let (again, _) = Socket::watching(events, &asked).await.rest().await;
            assert!(told.iter().all(|event| again.contains(event)), "{told:?} {again:?}");
            assert_eq!(names(&again).last(), Some(&"verified"), "told in the order in which it was decided: {again:?}");
        }
        for part in Part::SERVICES {
            self.system.stack.ready(part).await.expect("ready by itself");
        }
    }

    /// Waits until a request is accepted, mailed, and seen to be so.
    async fn well_again(&mut self, api: &Api) {
        let asked = eventually("a request to be accepted", async || {
            let address = self.address();
            let answer = soon("a request", api.ask(&json!({"email": address}))).await;
            (answer.status == 202).then(|| (address, answer.accepted()))
        })
        .await;
        Socket::watching(&self.system.stack.file().events, &asked.1).await.until("sent").await;
        self.promised.push(asked);
    }

    /// Everything that was promised is mailed, told, and mailed no more than once unless the relay's answer was lost.
    async fn end(self) {
        let api = self.system.api();
        let started = Instant::now();
        loop {
            let kept = kept(&self.system);
            let open: Vec<&String> =
                self.promised.iter().map(|(address, _)| address).filter(|to| copies(&kept, to).0 == 0).collect();
            if open.is_empty() {
                break;
            }
            assert!(started.elapsed() < KEPT_WITHIN, "promised and not mailed: {open:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        println!("{:?}: {} promises kept {:?} after the last fault", self.link, self.promised.len(), started.elapsed());
        let kept = kept(&self.system);
        for (address, asked) in &self.promised {
            let read = eventually("a complete timeline", async || {
                let read = api.read(&asked.id, Some(&asked.ticket)).await;
                let events = read.body["timeline"].as_array()?;
                let has = |name| events.iter().filter(|event| event["event"] == name).count() == 1;
                (has("requested") && has("sent")).then_some(read)
            })
            .await;
            assert_eq!(read.body["timeline_complete"], true, "{address}: {}", read.text);
            if self.link != Link::MailerSmtp {
                assert_eq!(copies(&kept, address).0, 1, "{address}: {}", read.text);
            }
        }
        self.system.stack.stop().await;
    }
}

/// The answer, and that it did not take too long.
async fn soon(what: &str, answer: impl Future<Output = Answer>) -> Answer {
    let start = Instant::now();
    let answer = answer.await;
    assert!(start.elapsed() < ANSWERED_WITHIN, "{what} took {:?}: {}", start.elapsed(), answer.text);
    answer
}

async fn all_faults(link: Link) {
    let mut run = Run::start(link).await;
    for fault in FAULTS {
        run.bear(fault).await;
    }
    run.end().await;
}

/// Each wire has a stack of its own, all at once: most of it is waiting.
#[tokio::test]
async fn every_wire_may_fail_in_every_way() {
    let wires = [Link::GatewayNats, Link::GatewayRedis, Link::MailerNats, Link::MailerSmtp, Link::NotifierNats];
    futures_util::future::join_all(wires.map(all_faults)).await;
}
