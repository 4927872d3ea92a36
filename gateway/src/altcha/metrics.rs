//! What is measured of proof of work.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::{Level, Refusal};

/// Why a challenge was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// A client asked for one.
    Asked,
    /// A request came without solution where one is needed.
    Required,
    /// A solution was refused.
    Refused,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ChallengeLabels {
    given: &'static str,
    level: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SolutionLabels {
    outcome: &'static str,
}

/// Metrics of proof of work. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct ProofMetrics {
    challenges: Family<ChallengeLabels, Counter>,
    solutions: Family<SolutionLabels, Counter>,
}

impl ProofMetrics {
    /// Registers the metrics.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        drop(metrics.solutions.get_or_create(&SolutionLabels { outcome: "accepted" }));
        let challenges = metrics.challenges.clone();
        registry.register("otp_proof_of_work_challenges", "Challenges given, by reason and level", challenges);
        let solutions = metrics.solutions.clone();
        registry.register("otp_proof_of_work_solutions", "Solutions of challenges, by outcome", solutions);
        metrics
    }

    /// Counts a challenge.
    pub fn given(&self, given: Given, level: Level) {
        let given = match given {
            Given::Asked => "asked",
            Given::Required => "required",
            Given::Refused => "refused",
        };
        self.challenges.get_or_create(&ChallengeLabels { given, level: level.into() }).inc();
    }

    /// Counts a solution that was taken for a request.
    pub fn accepted(&self) {
        self.solutions.get_or_create(&SolutionLabels { outcome: "accepted" }).inc();
    }

    /// Counts a solution that was refused.
    pub fn refused(&self, refusal: Refusal) {
        self.solutions.get_or_create(&SolutionLabels { outcome: refusal.as_str() }).inc();
    }
}
