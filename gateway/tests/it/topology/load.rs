//! Clients that go on while servers fail, and what they may never see.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::task::JoinSet;

use super::servers::PATIENCE;
use crate::support::{Gateway, wrong};

/// Mails to one recipient, as all tests here set it.
pub(crate) const LIMIT: u32 = 2;
/// Settings of the gateways under load: limits that may not open.
pub(crate) const SETTINGS: [(&str, &str); 3] =
    [("OTP_LIMIT_RECIPIENT", "2/1h"), ("OTP_RESEND_COOLDOWN", "0s"), ("OTP_LIMIT_GUESSES", "off")];

/// At once: enough to meet every moment of a failure on two cores.
const CLIENTS: u32 = 4;

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) accepted: AtomicU32,
    pub(crate) verified: AtomicU32,
    pub(crate) refused: AtomicU32,
    pub(crate) unavailable: AtomicU32,
    early: AtomicU32,
    slowest: Mutex<Duration>,
    wrongs: Mutex<Vec<String>>,
}

/// Clients under way.
pub(crate) struct Load {
    pub(crate) seen: Arc<Seen>,
    stop: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Load {
    /// Starts clients on these gateways: each takes a recipient through all mails and guesses again and again.
    pub(crate) fn start(name: &str, gateways: &[Arc<Gateway>]) -> Self {
        let (seen, stop, mut tasks) = (Arc::new(Seen::default()), Arc::new(AtomicBool::new(false)), JoinSet::new());
        for client in 0..CLIENTS {
            let name = format!("{name}{client}");
            let (seen, stop) = (Arc::clone(&seen), Arc::clone(&stop));
            let gateways: Vec<Arc<Gateway>> = gateways.iter().map(Arc::clone).collect();
            tasks.spawn(async move {
                for round in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    seen.one_recipient(&gateways, &format!("{name}r{round}@example.com")).await;
                }
            });
        }
        Self { seen, stop, tasks }
    }

    /// Lets the clients finish what they are at, and says what they saw.
    pub(crate) async fn end(mut self, what: &str) -> Arc<Seen> {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
        let wrongs = std::mem::take(&mut *self.seen.wrongs.lock().unwrap());
        let first: Vec<_> = wrongs.iter().take(3).collect();
        assert!(wrongs.is_empty(), "{what}: {} things wrong, as {first:?}", wrongs.len());
        let count = |counter: &AtomicU32| counter.load(Ordering::Relaxed);
        println!(
            "{what}: {} accepted, {} verified, {} refused by a limit, {} times 503, {} times 429 until a 503 was taken back, slowest answer {:?}",
            count(&self.seen.accepted),
            count(&self.seen.verified),
            count(&self.seen.refused),
            count(&self.seen.unavailable),
            count(&self.seen.early),
            *self.seen.slowest.lock().unwrap(),
        );
        self.seen
    }
}

impl Seen {
    /// All mails that a recipient may have and one more; of each verification a wrong guess, then the right code from
    /// all sides at once.
    async fn one_recipient(&self, gateways: &[Arc<Gateway>], email: &str) {
        let mut accepted = 0;
        let deadline = Instant::now() + PATIENCE;
        loop {
            if Instant::now() > deadline {
                return self.wrong(format!("{email} has {accepted} mails and gets no more"));
            }
            let gateway = &gateways[accepted as usize % gateways.len()];
            let started = Instant::now();
            let answer = gateway.create(email).await;
            self.took(started.elapsed());
            match answer.status.as_u16() {
                202 => {
                    accepted += 1;
                    self.accepted.fetch_add(1, Ordering::Relaxed);
                    let id = answer.text("id").to_owned();
                    let code = gateway.code(&id).await;
                    self.guess(gateways, &id, &code).await;
                }
                429 if accepted < LIMIT => {
                    // What a 503 may have spent is taken back moments after the server is there again, not before.
                    self.early.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                429 => {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                503 => self.unavailable().await,
                _ => self.wrong(format!("{answer:?}")),
            }
            if accepted > LIMIT {
                return self.wrong(format!("{email} has {accepted} mails"));
            }
        }
    }

    async fn guess(&self, gateways: &[Arc<Gateway>], id: &str, code: &str) {
        let deadline = Instant::now() + PATIENCE;
        let mut guesses = 0;
        while guesses == 0 && Instant::now() < deadline {
            let started = Instant::now();
            let answer = gateways[0].check(id, &wrong(code)).await;
            self.took(started.elapsed());
            match answer.status.as_u16() {
                422 => guesses += 1,
                503 => self.unavailable().await,
                _ => return self.wrong(format!("a wrong guess at {id}: {answer:?}")),
            }
        }
        let mut verified = 0;
        while verified == 0 {
            if Instant::now() > deadline {
                return self.wrong(format!("{id} is not verified in time"));
            }
            let answers = join_all(gateways.iter().cycle().take(3).map(|gateway| gateway.check(id, code))).await;
            verified += answers.iter().filter(|answer| answer.status.as_u16() == 200).count();
            let unavailable = answers.iter().filter(|answer| answer.status.as_u16() == 503).count();
            let odd = answers
                .iter()
                .find(|a| !matches!((a.status.as_u16(), a.problem()), (200 | 503, _) | (_, "already-used")));
            if let Some(odd) = odd {
                return self.wrong(format!("the right code of {id}: {odd:?}"));
            }
            for _ in 0..unavailable {
                self.unavailable.fetch_add(1, Ordering::Relaxed);
            }
            if verified == 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        let again = gateways[0].check(id, code).await;
        if verified != 1 || again.status.as_u16() == 200 {
            self.wrong(format!("{id} was verified {verified} times, then {again:?}"));
        }
        self.verified.fetch_add(1, Ordering::Relaxed);
        // People do not type that fast; the machine has others to serve.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    async fn unavailable(&self) {
        self.unavailable.fetch_add(1, Ordering::Relaxed);
        // A client that heeds no Retry-After, and no hotter loop than that.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    fn took(&self, took: Duration) {
        let mut slowest = self.slowest.lock().unwrap();
        *slowest = (*slowest).max(took);
    }

    fn wrong(&self, what: String) {
        self.wrongs.lock().unwrap().push(what);
    }
}
