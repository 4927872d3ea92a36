//! Minds one process: starts it, starts it again when it dies, ends it when told.

use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::process::Child;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::Notices;
use super::launch::Launch;
use super::state::Roster;
use crate::process::{self, Signal};

/// Wait before the first start again; doubled with each death soon after a start.
const BACKOFF_MIN: Duration = Duration::from_millis(200);
/// Longest wait: whoever mends the cause does not want to wait much longer than that.
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// Who ran so long died of something new.
const SETTLED: Duration = Duration::from_secs(10);
/// Orders that wait for a process; whoever gives them waits for each.
const ORDERS_MAX: usize = 8;

/// What a process is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Its id while it runs.
    pub pid: Option<u32>,
    /// How often it was started.
    pub starts: u32,
    /// How it ended the last time, as "exit status: 1" or "signal: 9 (SIGKILL)".
    pub last_end: Option<String>,
}

enum Order {
    /// End it and start it again.
    Restart,
    /// End it with this signal and leave it down.
    Hold(Signal),
    /// Start it after a hold.
    Release,
    /// End it for good.
    Stop,
}

/// A process that is minded. Dropping it ends the process at once.
#[derive(Debug)]
pub(super) struct Supervised {
    launch: Launch,
    orders: mpsc::Sender<(Order, oneshot::Sender<()>)>,
    condition: watch::Receiver<Condition>,
    task: JoinHandle<()>,
}

impl Supervised {
    /// Starts the process.
    pub(super) fn start(launch: Launch, roster: Arc<Roster>, notices: Notices) -> Self {
        let (orders, received) = mpsc::channel(ORDERS_MAX);
        let (said, condition) = watch::channel(Condition { pid: None, starts: 0, last_end: None });
        let minder = Minder { launch: launch.clone(), roster, notices, said, orders: received };
        Self { launch, orders, condition, task: tokio::spawn(minder.mind()) }
    }

    pub(super) const fn launch(&self) -> &Launch {
        &self.launch
    }

    pub(super) fn condition(&self) -> watch::Receiver<Condition> {
        self.condition.clone()
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.condition.borrow().pid
    }

    /// Ends the process and starts it again; returns when it has been started.
    pub(super) async fn restart(&self) -> Result<()> {
        self.order(Order::Restart).await
    }

    /// Ends the process with this signal and leaves it down until it is released.
    pub(super) async fn hold(&self, signal: Signal) -> Result<()> {
        self.order(Order::Hold(signal)).await
    }

    /// Starts the process after a hold.
    pub(super) async fn release(&self) -> Result<()> {
        self.order(Order::Release).await
    }

    /// Ends the process for good.
    pub(super) async fn stop(&self) {
        // An error says that nobody minds it any more, so that it is down already.
        drop(self.order(Order::Stop).await);
    }

    async fn order(&self, order: Order) -> Result<()> {
        let (done, wait) = oneshot::channel();
        if self.orders.send((order, done)).await.is_err() || wait.await.is_err() {
            bail!("{} is not minded any more", self.launch.instance);
        }
        Ok(())
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        // The task owns the child, which is killed when dropped.
        self.task.abort();
    }
}

struct Minder {
    launch: Launch,
    roster: Arc<Roster>,
    notices: Notices,
    said: watch::Sender<Condition>,
    orders: mpsc::Receiver<(Order, oneshot::Sender<()>)>,
}

/// What comes after a process has ended.
enum Next {
    Start,
    Hold,
    Stop,
}

/// What an order asks for, and whom to tell when it is carried out.
type Ordered = (Next, Option<oneshot::Sender<()>>);

impl Minder {
    async fn mind(mut self) {
        let mut backoff = BACKOFF_MIN;
        let mut waiting: Option<oneshot::Sender<()>> = None;
        loop {
            let started = Instant::now();
            let ordered = match self.launch.spawn() {
                Ok(child) => {
                    self.note_start(child.id());
                    answer(waiting.take());
                    self.attend(child).await
                }
                Err(error) => {
                    self.note_end(&format!("{error:#}"));
                    answer(waiting.take());
                    None
                }
            };
            let (mut next, mut done) = if let Some(ordered) = ordered {
                ordered
            } else {
                let wait = if started.elapsed() >= SETTLED { BACKOFF_MIN } else { backoff };
                backoff = (wait * 2).min(BACKOFF_MAX);
                self.wait_before_start(wait).await
            };
            if matches!(next, Next::Hold) {
                answer(done.take());
                (next, done) = self.held().await;
            }
            if matches!(next, Next::Stop) {
                answer(done);
                return;
            }
            waiting = done;
        }
    }

    /// Waits until the process ends by itself (`None`) or an order has ended it.
    async fn attend(&mut self, mut child: Child) -> Option<Ordered> {
        loop {
            tokio::select! {
                ended = child.wait() => {
                    self.note_end(&describe(ended));
                    return None;
                }
                order = self.orders.recv() => match order {
                    Some((Order::Release, done)) => answer(Some(done)),
                    Some((Order::Restart, done)) => {
                        self.end(&mut child, Signal::Terminate).await;
                        return Some((Next::Start, Some(done)));
                    }
                    Some((Order::Hold(signal), done)) => {
                        self.end(&mut child, signal).await;
                        return Some((Next::Hold, Some(done)));
                    }
                    Some((Order::Stop, done)) => {
                        self.end(&mut child, Signal::Terminate).await;
                        return Some((Next::Stop, Some(done)));
                    }
                    None => {
                        self.end(&mut child, Signal::Kill).await;
                        return Some((Next::Stop, None));
                    }
                },
            }
        }
    }

    async fn wait_before_start(&mut self, backoff: Duration) -> Ordered {
        tokio::select! {
            () = tokio::time::sleep(backoff) => (Next::Start, None),
            order = self.orders.recv() => match order {
                Some((Order::Restart | Order::Release, done)) => (Next::Start, Some(done)),
                Some((Order::Hold(_), done)) => (Next::Hold, Some(done)),
                Some((Order::Stop, done)) => (Next::Stop, Some(done)),
                None => (Next::Stop, None),
            },
        }
    }

    async fn held(&mut self) -> Ordered {
        loop {
            match self.orders.recv().await {
                Some((Order::Restart | Order::Release, done)) => return (Next::Start, Some(done)),
                Some((Order::Hold(_), done)) => answer(Some(done)),
                Some((Order::Stop, done)) => return (Next::Stop, Some(done)),
                None => return (Next::Stop, None),
            }
        }
    }

    async fn end(&self, child: &mut Child, signal: Signal) {
        if let Some(pid) = child.id() {
            if let Err(error) = process::send(pid, signal) {
                tracing::debug!(%error, "not signalled");
            }
            // A process that stands still (SIGSTOP) takes no other signal than SIGKILL.
            if tokio::time::timeout(self.launch.patience, child.wait()).await.is_err() {
                self.notices.say(&format!("{} does not end: killed", self.launch.instance));
                drop(child.start_kill());
            }
        }
        let ended = describe(child.wait().await);
        self.note(|condition| {
            condition.pid = None;
            condition.last_end = Some(ended);
        });
    }

    fn note_start(&self, pid: Option<u32>) {
        let again = self.said.borrow().starts > 0;
        self.note(|condition| {
            condition.pid = pid;
            condition.starts += 1;
        });
        if let (true, Some(pid)) = (again, pid) {
            self.notices.say(&format!("{} runs again (process {pid})", self.launch.instance));
        }
    }

    fn note_end(&self, how: &str) {
        let pid = self.said.borrow().pid.map_or_else(String::new, |pid| format!(" (process {pid})"));
        self.note(|condition| {
            condition.pid = None;
            condition.last_end = Some(how.to_owned());
        });
        self.notices.say(&format!("{}{pid} ended, {how}: it is started again", self.launch.instance));
    }

    /// `stack.json` first: whoever sees the condition finds the file to agree with it.
    fn note(&self, change: impl FnOnce(&mut Condition)) {
        let mut condition = self.said.borrow().clone();
        change(&mut condition);
        let name = self.launch.instance.to_string();
        self.roster.update(|file| {
            match condition.pid {
                Some(pid) => file.pids.insert(name, pid),
                None => file.pids.remove(&name),
            };
        });
        self.said.send_replace(condition);
    }
}

fn answer(done: Option<oneshot::Sender<()>>) {
    if let Some(done) = done {
        let heard = done.send(()).is_ok();
        tracing::trace!(heard, "order carried out");
    }
}

fn describe(ended: std::io::Result<ExitStatus>) -> String {
    ended.map_or_else(|error| error.to_string(), |status| status.to_string())
}
