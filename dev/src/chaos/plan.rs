//! What is broken, when and for how long: drawn from a seed, so that a run can be had again.

use std::fmt;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::breakage::Breakage;
use crate::proxy::Fault;
use crate::stack::{Instance, Link, Part};

/// Two things break at once in this share of the rounds.
const PAIRS: f64 = 0.25;
/// Pause between two rounds: at its shortest the system has hardly come back.
const PAUSE_MS: std::ops::Range<u64> = 500..4000;
/// How long something stays broken: from less than any deadline to more than most.
const LASTS_MS: std::ops::Range<u64> = 200..9000;
/// In this share of the freezes a mailer stands still for longer than its `ack_wait` of 30 s, so that others get what
/// it has in work.
const LONG_FREEZES: f64 = 0.1;
/// How long those last.
const LONG_FREEZE: Duration = Duration::from_secs(33);

/// Kinds of breakages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kinds {
    /// Processes are killed, frozen, held down and drained.
    pub processes: bool,
    /// Wires fail.
    pub wires: bool,
    /// The relay answers wrongly, late or not at all.
    pub relay: bool,
}

impl Kinds {
    /// Everything.
    pub const ALL: Self = Self { processes: true, wires: true, relay: true };
    /// Nothing: a run that only watches.
    pub const NONE: Self = Self { processes: false, wires: false, relay: false };

    /// `all`, `none`, or a list of `processes`, `wires` and `relay`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "all" => return Some(Self::ALL),
            "none" => return Some(Self::NONE),
            _ => {}
        }
        let mut kinds = Self::NONE;
        for name in text.split(',') {
            match name {
                "processes" => kinds.processes = true,
                "wires" => kinds.wires = true,
                "relay" => kinds.relay = true,
                _ => return None,
            }
        }
        Some(kinds)
    }
}

/// A breakage and how long it lasts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    /// What breaks.
    pub(super) breakage: Breakage,
    /// Until it is mended.
    pub(super) lasts: Duration,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.breakage.is_momentary() {
            self.breakage.fmt(f)
        } else {
            write!(f, "{}, {:.1} s", self.breakage, self.lasts.as_secs_f64())
        }
    }
}

/// Breakages that begin together, after a pause.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Round {
    /// Nothing breaks for so long.
    pub(super) pause: Duration,
    /// One or two, of different targets. None when nothing is to break at all.
    pub(super) steps: Vec<Step>,
}

/// An endless sequence of rounds.
#[derive(Debug)]
pub(super) struct Plan {
    random: StdRng,
    kinds: Kinds,
    instances: Vec<Instance>,
}

impl Plan {
    /// The plan of this seed for these processes.
    pub(super) fn new(seed: u64, kinds: Kinds, instances: Vec<Instance>) -> Self {
        Self { random: StdRng::seed_from_u64(seed), kinds, instances }
    }

    fn step(&mut self) -> Option<Step> {
        let Kinds { processes, wires, relay } = self.kinds;
        // As often as each has ways to break.
        let weights = [(processes, Kind::Process, 3), (wires, Kind::Wire, 2), (relay, Kind::Relay, 1)];
        let wanted = weights.into_iter().filter(|(wanted, ..)| *wanted);
        let kinds: Vec<Kind> = wanted.flat_map(|(_, kind, weight)| std::iter::repeat_n(kind, weight)).collect();
        let lasts = Duration::from_millis(self.random.random_range(LASTS_MS));
        Some(match pick(&mut self.random, &kinds)? {
            Kind::Process => self.process(lasts)?,
            Kind::Wire => Step { breakage: self.wire()?, lasts },
            Kind::Relay => Step { breakage: Breakage::Relay { seed: self.random.random_range(0..1_000_000) }, lasts },
        })
    }

    fn process(&mut self, lasts: Duration) -> Option<Step> {
        let instance = pick(&mut self.random, &self.instances)?;
        let clustered = is_clustered(instance, &self.instances);
        let breakage = match self.random.random_range(0..if clustered { 5 } else { 4 }) {
            0 => Breakage::Kill(instance),
            1 => Breakage::Hold(instance),
            2 => Breakage::Freeze(instance),
            3 => Breakage::Restart(instance),
            _ => Breakage::CutOff(instance),
        };
        let long = instance.part == Part::Mailer && self.random.random_bool(LONG_FREEZES);
        let lasts = if long && matches!(breakage, Breakage::Freeze(_)) { LONG_FREEZE } else { lasts };
        Some(Step { breakage, lasts })
    }

    fn wire(&mut self) -> Option<Breakage> {
        let link = pick(&mut self.random, &Link::ALL)?;
        let ms = |range: std::ops::Range<u64>, random: &mut StdRng| Duration::from_millis(random.random_range(range));
        Some(match self.random.random_range(0..6) {
            0 => Breakage::Wire(
                link,
                Fault::Latency { delay: ms(5..300, &mut self.random), jitter: ms(0..100, &mut self.random) },
            ),
            1 => Breakage::Wire(link, Fault::Stall),
            2 => Breakage::Wire(link, Fault::Reset),
            3 => Breakage::Wire(link, Fault::HalfOpen),
            4 => Breakage::Wire(link, Fault::CutAfter { bytes: self.random.random_range(1..20_000) }),
            _ => Breakage::Cut(link),
        })
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Process,
    Wire,
    Relay,
}

impl Iterator for Plan {
    type Item = Round;

    fn next(&mut self) -> Option<Round> {
        let pause = Duration::from_millis(self.random.random_range(PAUSE_MS));
        let mut steps: Vec<Step> = self.step().into_iter().collect();
        if self.random.random_bool(PAIRS)
            && let Some(second) = self.step()
            && steps.iter().all(|first| first.breakage.goes_with(&second.breakage))
        {
            steps.push(second);
        }
        Some(Round { pause, steps })
    }
}

fn pick<T: Copy>(random: &mut StdRng, from: &[T]) -> Option<T> {
    if from.is_empty() { None } else { from.get(random.random_range(0..from.len())).copied() }
}

/// How long a single breakage lasts.
const EACH_LASTS: Duration = Duration::from_secs(6);

/// Whether it is one of several NATS servers.
fn is_clustered(instance: Instance, all: &[Instance]) -> bool {
    instance.part == Part::Nats && all.iter().any(|other| other.part == Part::Nats && *other != instance)
}

/// Everything that can break in one way or another, once: for the first instance of each part and for each wire.
pub(super) fn each(instances: &[Instance]) -> Vec<Step> {
    let firsts = instances.iter().copied().filter(|instance| instance.number == 1);
    let processes = firsts.flat_map(|instance| {
        let cut_off = is_clustered(instance, instances).then_some(Breakage::CutOff(instance));
        [Breakage::Kill(instance), Breakage::Hold(instance), Breakage::Freeze(instance), Breakage::Restart(instance)]
            .into_iter()
            .chain(cut_off)
    });
    let wires = Link::ALL.into_iter().flat_map(|link| {
        let latency = Fault::Latency { delay: Duration::from_millis(100), jitter: Duration::from_millis(50) };
        let faults = [latency, Fault::Stall, Fault::Reset, Fault::HalfOpen, Fault::CutAfter { bytes: 4000 }];
        faults.map(|fault| Breakage::Wire(link, fault))
    });
    let relay = std::iter::once(Breakage::Relay { seed: 1 });
    processes.chain(wires).chain(relay).map(|breakage| Step { breakage, lasts: EACH_LASTS }).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn instances() -> Vec<Instance> {
        let two = |part| [1, 2].map(|number| Instance { part, number });
        Part::SERVICES.into_iter().flat_map(two).chain(Part::SERVERS.map(Instance::from)).collect()
    }

    fn rounds(seed: u64, kinds: Kinds) -> Vec<Round> {
        Plan::new(seed, kinds, instances()).take(2000).collect()
    }

    #[test]
    fn a_seed_gives_the_same_plan_again_and_another_seed_another() {
        assert_eq!(rounds(7, Kinds::ALL), rounds(7, Kinds::ALL));
        assert_ne!(rounds(7, Kinds::ALL), rounds(8, Kinds::ALL));
    }

    #[test]
    fn everything_breaks_in_every_way() {
        let rounds = rounds(1, Kinds::ALL);
        let all: Vec<&Step> = rounds.iter().flat_map(|round| &round.steps).collect();
        for instance in instances() {
            for breakage in [
                Breakage::Kill(instance),
                Breakage::Hold(instance),
                Breakage::Freeze(instance),
                Breakage::Restart(instance),
            ] {
                assert!(all.iter().any(|step| step.breakage == breakage), "{breakage}");
            }
        }
        let wires: BTreeSet<String> = all
            .iter()
            .filter_map(|step| match &step.breakage {
                Breakage::Wire(link, fault) => Some(format!("{link:?} {:?}", std::mem::discriminant(fault))),
                Breakage::Cut(link) => Some(format!("{link:?} cut")),
                _ => None,
            })
            .collect();
        assert_eq!(wires.len(), Link::ALL.len() * 6, "{wires:?}");
        assert!(all.iter().any(|step| matches!(step.breakage, Breakage::Relay { .. })));
        assert!(all.iter().any(|step| step.lasts == LONG_FREEZE));
    }

    #[test]
    fn a_node_is_cut_off_where_there_are_others() {
        let nodes = [1, 2, 3].map(|number| Instance { part: Part::Nats, number });
        let others = instances().into_iter().filter(|instance| instance.part != Part::Nats);
        let all: Vec<Instance> = others.chain(nodes).collect();
        let steps: Vec<Step> = Plan::new(1, Kinds::ALL, all.clone()).take(2000).flat_map(|round| round.steps).collect();
        for node in nodes {
            assert!(steps.iter().any(|step| step.breakage == Breakage::CutOff(node)));
        }
        assert!(steps.iter().all(|step| match step.breakage {
            Breakage::CutOff(instance) => instance.part == Part::Nats,
            _ => true,
        }));
        let both = |round: &Round| round.steps.iter().filter(|step| step.breakage.takes_a_node()).count() > 1;
        assert!(!Plan::new(1, Kinds::ALL, all.clone()).take(5000).any(|round| both(&round)), "a majority stays");
        let single = rounds(1, Kinds::ALL).into_iter().flat_map(|round| round.steps);
        assert_eq!(single.filter(|step| matches!(step.breakage, Breakage::CutOff(_))).count(), 0);
        let cut_off = |instances: &[Instance]| {
            each(instances).into_iter().filter(|step| matches!(step.breakage, Breakage::CutOff(_))).count()
        };
        assert_eq!((cut_off(&all), cut_off(&instances())), (1, 0));
    }

    fn target(breakage: &Breakage) -> String {
        match breakage {
            Breakage::Kill(instance)
            | Breakage::Hold(instance)
            | Breakage::Freeze(instance)
            | Breakage::Restart(instance)
            | Breakage::CutOff(instance) => instance.to_string(),
            Breakage::Wire(link, _) | Breakage::Cut(link) => link.name().to_owned(),
            Breakage::Relay { .. } => "relay".to_owned(),
        }
    }

    #[test]
    fn what_breaks_together_is_not_the_same() {
        let pairs = rounds(3, Kinds::ALL).into_iter().filter(|round| round.steps.len() == 2).collect::<Vec<_>>();
        assert!(pairs.len() > 100, "{}", pairs.len());
        for pair in pairs {
            let targets: BTreeSet<String> = pair.steps.iter().map(|step| target(&step.breakage)).collect();
            assert_eq!(targets.len(), 2, "{pair:?}");
        }
    }

    #[test]
    fn only_what_is_wanted_breaks() {
        assert!(rounds(1, Kinds::NONE).iter().all(|round| round.steps.is_empty()));
        let relay = Kinds::parse("relay").expect("a kind");
        let steps: Vec<Step> = rounds(1, relay).into_iter().flat_map(|round| round.steps).collect();
        assert!(steps.len() >= 2000 && steps.iter().all(|step| matches!(step.breakage, Breakage::Relay { .. })));
        assert_eq!(Kinds::parse("processes,wires,relay"), Some(Kinds::ALL));
        assert_eq!(Kinds::parse("processes,fire"), None);
    }
}
