//! Breaking a running stack, and mending it.

use std::fmt;
use std::time::Duration;

use anyhow::Result;

use super::verdict::Cause;
use crate::process::Signal;
use crate::proxy::Fault;
use crate::stack::{Instance, Link, Part, Stack};

/// Something that breaks.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Breakage {
    /// A process is killed (SIGKILL) and started again at once.
    Kill(Instance),
    /// A process is killed and stays down.
    Hold(Instance),
    /// A process stands still (SIGSTOP) and then goes on.
    Freeze(Instance),
    /// A process is told to end (SIGTERM), drains, and is started again.
    Restart(Instance),
    /// A node of the NATS cluster no longer reaches the others; its clients still reach it.
    CutOff(Instance),
    /// A wire fails.
    Wire(Link, Fault),
    /// The connections on a wire are reset once.
    Cut(Link),
    /// The relay makes faults that this seed chooses.
    Relay {
        /// Of the relay's own chances.
        seed: u64,
    },
}

impl Breakage {
    /// The process that it strikes, if it is one.
    const fn instance(&self) -> Option<Instance> {
        match self {
            Self::Kill(instance)
            | Self::Hold(instance)
            | Self::Freeze(instance)
            | Self::Restart(instance)
            | Self::CutOff(instance) => Some(*instance),
            Self::Wire(..) | Self::Cut(_) | Self::Relay { .. } => None,
        }
    }

    /// The wire that it strikes, if it is one.
    const fn link(&self) -> Option<Link> {
        match self {
            Self::Wire(link, _) | Self::Cut(link) => Some(*link),
            Self::Kill(_)
            | Self::Hold(_)
            | Self::Freeze(_)
            | Self::Restart(_)
            | Self::CutOff(_)
            | Self::Relay { .. } => None,
        }
    }

    /// Whether another one may begin at the same time: not on the same process, wire or relay, and not on a second node
    /// of a cluster, which is more than it is made to lose.
    pub(super) fn goes_with(&self, other: &Self) -> bool {
        let same = (self.instance(), self.link()) == (other.instance(), other.link());
        let both_nodes = self.takes_a_node() && other.takes_a_node();
        !(same || both_nodes)
    }

    /// Whether it takes a NATS server from the others and from its clients.
    pub(super) fn takes_a_node(&self) -> bool {
        self.instance().is_some_and(|instance| instance.part == Part::Nats)
    }

    /// Whether a process of this part dies by it, or ends before it has done all that it wanted.
    pub(super) fn kills(&self, part: Part) -> bool {
        matches!(self, Self::Kill(instance) | Self::Hold(instance) | Self::Restart(instance) if instance.part == part)
    }

    /// What it can cause beyond a delay.
    pub(super) fn can_cause(&self) -> Option<Cause> {
        match (self.instance().map(|instance| instance.part), self.link()) {
            (Some(Part::Mailer), _) => Some(Cause::MailerGone),
            (Some(Part::Nats), _) | (_, Some(Link::MailerNats)) => Some(Cause::NotRecorded),
            // Neither is the relay itself.
            (_, Some(Link::MailerSmtp)) | (None, None) => Some(Cause::AnswerLost),
            (Some(Part::Gateway | Part::Notifier | Part::Redis), _) | (_, Some(_)) => None,
        }
    }

    /// Whether it is over at once, so that its time means nothing.
    pub(super) const fn is_momentary(&self) -> bool {
        matches!(self, Self::Kill(_) | Self::Restart(_) | Self::Cut(_))
    }

    /// Breaks it for so long, and mends it.
    ///
    /// # Errors
    /// It can't be mended: the process does not come back.
    pub(super) async fn last(&self, stack: &Stack, lasts: Duration) -> Result<()> {
        match self {
            Self::Kill(instance) => {
                // One that is down by itself just now is as good as killed.
                drop(stack.kill(*instance, Signal::Kill).await);
            }
            Self::Hold(instance) => {
                stack.hold(*instance, Signal::Kill).await?;
                tokio::time::sleep(lasts).await;
                stack.unhold(*instance).await?;
            }
            Self::Freeze(instance) => {
                let frozen = stack.kill(*instance, Signal::Stop).await;
                tokio::time::sleep(lasts).await;
                if frozen.is_ok() {
                    drop(stack.kill(*instance, Signal::Continue).await);
                }
            }
            Self::Restart(instance) => stack.bounce(*instance).await?,
            Self::CutOff(node) => {
                // As when the network between them is divided: what was sent meanwhile arrives when it is whole again.
                stack.cut_off(*node, Fault::Stall)?;
                tokio::time::sleep(lasts).await;
                stack.cut_off(*node, Fault::None)?;
            }
            Self::Wire(link, fault) => {
                let wire = stack.link(*link)?;
                wire.set(*fault);
                tokio::time::sleep(lasts).await;
                wire.set(Fault::None);
            }
            Self::Cut(link) => stack.link(*link)?.cut(),
            Self::Relay { seed } => {
                super::relay::misbehave(stack.inbox_script(), *seed);
                tokio::time::sleep(lasts).await;
                super::relay::behave(stack.inbox_script());
            }
        }
        Ok(())
    }
}

impl fmt::Display for Breakage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(instance) => write!(f, "{instance} is killed"),
            Self::Hold(instance) => write!(f, "{instance} is killed and stays down"),
            Self::Freeze(instance) => write!(f, "{instance} stands still"),
            Self::Restart(instance) => write!(f, "{instance} drains and starts again"),
            Self::CutOff(node) => write!(f, "{node} does not reach the other nodes"),
            Self::Wire(link, fault) => write!(f, "{}: {}", link.name(), words(*fault)),
            Self::Cut(link) => write!(f, "{}: connections are reset once", link.name()),
            Self::Relay { seed } => write!(f, "the relay makes faults (seed {seed})"),
        }
    }
}

fn words(fault: Fault) -> String {
    match fault {
        Fault::None => "nothing".to_owned(),
        Fault::Latency { delay, .. } => format!("{} ms later", delay.as_millis()),
        Fault::Stall => "stalls".to_owned(),
        Fault::Reset => "resets every connection".to_owned(),
        Fault::HalfOpen => "loses everything unsaid".to_owned(),
        Fault::CutAfter { bytes } => format!("is cut after {bytes} bytes"),
    }
}
