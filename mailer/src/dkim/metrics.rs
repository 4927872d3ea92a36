//! How many mails are signed.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// What became of a mail here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It has a signature of each key that is for it.
    Signed,
    /// No key is for its sender's domain.
    Unsigned,
    /// A key did not sign.
    Failed,
}

impl Outcome {
    const ALL: [Self; 3] = [Self::Signed, Self::Unsigned, Self::Failed];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::Unsigned => "unsigned",
            Self::Failed => "failed",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    result: &'static str,
}

#[derive(Debug)]
pub(super) struct DkimMetrics {
    mails: Family<Labels, Counter>,
}

impl DkimMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let mails = Family::<Labels, Counter>::default();
        // From the start, so that a rate can be taken of the first failure.
        for outcome in Outcome::ALL {
            drop(mails.get_or_create(&Labels { result: outcome.as_str() }));
        }
        registry.register("otp_dkim_mails", "Mails by what became of their DKIM signatures", mails.clone());
        Self { mails }
    }

    pub(super) fn count(&self, outcome: Outcome) {
        self.mails.get_or_create(&Labels { result: outcome.as_str() }).inc();
    }
}
