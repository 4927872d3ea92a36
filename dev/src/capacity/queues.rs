//! Queues and who serves them, simulated from one arrival and one end of a service to the next.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::bench::float;

/// How long a service takes, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Work {
    /// Always the same.
    Fixed(f64),
    /// This on average, exponentially distributed: more than CPU times vary.
    Varying(f64),
}

impl Work {
    const fn mean(self) -> f64 {
        match self {
            Self::Fixed(micros) | Self::Varying(micros) => micros,
        }
    }

    fn draw(self, random: &mut StdRng) -> Duration {
        let micros = match self {
            Self::Fixed(micros) => micros,
            Self::Varying(mean) => exponential(mean, random),
        };
        Duration::from_secs_f64(micros / 1e6)
    }
}

fn exponential(mean: f64, random: &mut StdRng) -> f64 {
    -mean * (1.0 - random.random_range(0.0..1.0_f64)).ln()
}

/// Queues of which each visitor takes one at random, as by a hash; first come, first served.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stage {
    pub(super) queues: usize,
    /// Visitors of each queue that are served at once.
    pub(super) servers: usize,
}

/// What arrives at random, so often a second, and the stages that each visits, one after the other.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) rate: f64,
    pub(super) steps: Vec<(usize, Work)>,
}

/// The share of its servers that a stage needs, by arithmetic; from 1 on its queues grow without end.
pub(super) fn needed(stages: &[Stage], routes: &[Route], stage: usize) -> f64 {
    let visits = routes.iter().flat_map(|route| route.steps.iter().map(|(at, work)| (*at, route.rate * work.mean())));
    let micros: f64 = visits.filter(|(at, _)| *at == stage).map(|(_, micros)| micros).sum();
    stages.get(stage).map_or(f64::NAN, |stage| micros / 1e6 / float(stage.queues * stage.servers))
}

/// What was seen until the end.
#[derive(Debug, PartialEq)]
pub(super) struct Seen {
    /// By stage.
    pub(super) stages: Vec<StageSeen>,
    /// Milliseconds that the first route took, sorted: of those that came after a fifth of the time, when queues are as
    /// they stay.
    pub(super) delays: Vec<f64>,
    /// Of all routes.
    pub(super) arrived: usize,
    pub(super) left: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct StageSeen {
    /// The share of the time that its servers were busy.
    pub(super) used: f64,
    /// Who waited at the end, and who was served.
    pub(super) waiting: usize,
    pub(super) served: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Visitor {
    route: usize,
    step: usize,
    since: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Arrives { route: usize },
    Ends { visitor: Visitor, stage: usize, queue: usize },
}

#[derive(Debug, Default)]
struct Queue {
    /// No more than have arrived, whose number is the caller's to bound.
    waiting: VecDeque<(Visitor, Work)>,
    busy: usize,
    worked: Duration,
}

struct Simulation<'r> {
    stages: &'r [Stage],
    routes: &'r [Route],
    queues: Vec<Vec<Queue>>,
    /// When, and in which order at the same time.
    due: BinaryHeap<Reverse<(Duration, u64, What)>>,
    serial: u64,
    end: Duration,
    random: StdRng,
    seen: Seen,
}

/// What happens in this time; the same for the same seed.
pub(super) fn simulate(stages: &[Stage], routes: &[Route], lasts: Duration, seed: u64) -> Seen {
    let queues = stages.iter().map(|stage| (0..stage.queues).map(|_| Queue::default()).collect()).collect();
    let seen = Seen { stages: Vec::new(), delays: Vec::new(), arrived: 0, left: 0 };
    let (random, due) = (StdRng::seed_from_u64(seed), BinaryHeap::new());
    let mut simulation = Simulation { stages, routes, queues, due, serial: 0, end: lasts, random, seen };
    for route in 0..routes.len() {
        simulation.next_arrival(Duration::ZERO, route);
    }
    while let Some(Reverse((now, _, what))) = simulation.due.pop() {
        if now > lasts {
            break;
        }
        match what {
            What::Arrives { route } => {
                simulation.next_arrival(now, route);
                simulation.seen.arrived += 1;
                simulation.visit(now, Visitor { route, step: 0, since: now });
            }
            What::Ends { visitor, stage, queue } => simulation.ends(now, visitor, stage, queue),
        }
    }
    simulation.told()
}

impl Simulation<'_> {
    fn note(&mut self, at: Duration, what: What) {
        self.serial += 1;
        self.due.push(Reverse((at, self.serial, what)));
    }

    fn next_arrival(&mut self, now: Duration, route: usize) {
        let Some(rate) = self.routes.get(route).map(|route| route.rate) else { return };
        let pause = Duration::from_secs_f64(exponential(1.0 / rate, &mut self.random));
        self.note(now + pause, What::Arrives { route });
    }

    fn visit(&mut self, now: Duration, visitor: Visitor) {
        let step = self.routes.get(visitor.route).and_then(|route| route.steps.get(visitor.step));
        let Some(&(stage, work)) = step else {
            self.seen.left += 1;
            if visitor.route == 0 && visitor.since > self.end / 5 {
                self.seen.delays.push(now.saturating_sub(visitor.since).as_secs_f64() * 1e3);
            }
            return;
        };
        let Some(&Stage { queues, servers }) = self.stages.get(stage) else { return };
        let queue = self.random.random_range(0..queues.max(1));
        match self.queue(stage, queue) {
            Some(taken) if taken.busy < servers => self.serve(now, visitor, work, stage, queue),
            Some(taken) => taken.waiting.push_back((visitor, work)),
            None => {}
        }
    }

    fn serve(&mut self, now: Duration, visitor: Visitor, work: Work, stage: usize, queue: usize) {
        let (takes, left) = (work.draw(&mut self.random), self.end.saturating_sub(now));
        let Some(taken) = self.queue(stage, queue) else { return };
        taken.busy += 1;
        taken.worked += takes.min(left);
        self.note(now + takes, What::Ends { visitor, stage, queue });
    }

    fn ends(&mut self, now: Duration, visitor: Visitor, stage: usize, queue: usize) {
        let next = self.queue(stage, queue).and_then(|left| {
            left.busy -= 1;
            left.waiting.pop_front()
        });
        if let Some((next, work)) = next {
            self.serve(now, next, work, stage, queue);
        }
        self.visit(now, Visitor { step: visitor.step + 1, ..visitor });
    }

    fn queue(&mut self, stage: usize, queue: usize) -> Option<&mut Queue> {
        self.queues.get_mut(stage)?.get_mut(queue)
    }

    fn told(mut self) -> Seen {
        self.seen.delays.sort_by(f64::total_cmp);
        let of = |(stage, queues): (&Stage, &Vec<Queue>)| {
            let worked: f64 = queues.iter().map(|queue| queue.worked.as_secs_f64()).sum();
            StageSeen {
                used: worked / self.end.as_secs_f64() / float(stage.queues * stage.servers),
                waiting: queues.iter().map(|queue| queue.waiting.len()).sum(),
                served: queues.iter().map(|queue| queue.busy).sum(),
            }
        };
        self.seen.stages = self.stages.iter().zip(&self.queues).map(of).collect();
        self.seen
    }
}

#[cfg(test)]
mod tests;
