//! The applications that may ask for verifications: what proves each, and what holds for it.
//!
//! Open mode is the application with the empty id: it has no keys, and every request that brings none is its own.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::altcha::Policy;
use crate::limits::Limits;
use crate::store::CodePolicy;
use crate::watched_file::InForce;

pub mod file;
pub mod key;

use key::{KeyHash, KeyKind};

const HINT: &[u8] = b"distotp app 1";
/// Bytes of an id that tell which applications it may be of.
pub const HINT_LENGTH: usize = 2;

/// One application.
#[derive(Debug, Clone)]
pub struct App {
    /// Its id, the `aud` of its proofs; empty in open mode.
    pub id: String,
    /// The name that mails show; the mailer's own when empty.
    pub name: String,
    /// Origins of the pages that may ask in its name.
    pub allowed_origins: Origins,
    /// Origins of the pages that may frame the service's page.
    pub frame_origins: Vec<String>,
    /// What mails are from, `Name <address>`; the mailer's own when empty.
    pub sender: String,
    /// The folder of its templates under the mailer's; none when empty.
    pub templates: String,
    /// The language of a mail whose request names none; the mailer's own when empty.
    pub locale: String,
    /// Digits of a code.
    pub code_length: usize,
    /// How its codes live, and what a recipient may get and guess.
    pub policy: CodePolicy,
    /// What else is limited.
    pub quotas: Quotas,
    /// When a request has to bring proof of work.
    pub proof_of_work: Policy,
}

/// Limits that reach over recipients.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quotas {
    /// Requests of an IP address (/64 for IPv6).
    pub ip: Limits,
    /// Mails to the recipients of one domain.
    pub domain: Limits,
    /// Mails of the application.
    pub app: Limits,
    /// Mails of the application a day (UTC); `None` when that is not limited.
    pub daily_budget: Option<u64>,
    /// Reads of one verification.
    pub status: Limits,
}

impl App {
    /// The part of an id that belongs to the application. It is no secret and needs no key: it only saves trying all.
    pub fn hint(&self) -> [u8; HINT_LENGTH] {
        let hash = Sha256::new().chain_update(HINT).chain_update(self.id.as_bytes()).finalize();
        std::array::from_fn(|index| hash.get(index).copied().unwrap_or_default())
    }
}

/// Origins (RFC 6454) in their serialised form, or any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins(BTreeSet<String>);

impl Origins {
    /// These; `*` stands for any.
    pub fn new(origins: impl IntoIterator<Item = String>) -> Self {
        Self(origins.into_iter().collect())
    }

    /// Whether this one is among them.
    pub fn allow(&self, origin: &str) -> bool {
        self.0.contains(origin) || self.0.contains("*")
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The applications that are in force.
pub type Registry = InForce<Apps>;

/// All applications as one state of the file has them.
#[derive(Debug, Clone, Default)]
pub struct Apps {
    open: Option<Arc<App>>,
    by_key: HashMap<(KeyKind, KeyHash), Arc<App>>,
    by_hint: HashMap<[u8; HINT_LENGTH], Vec<Arc<App>>>,
}

impl Apps {
    /// The applications with their keys, and open mode if it is on.
    pub fn new(open: Option<App>, named: Vec<(App, Vec<(KeyKind, KeyHash)>)>) -> Self {
        let mut apps = Self { open: open.map(Arc::new), ..Self::default() };
        if let Some(open) = &apps.open {
            apps.by_hint.entry(open.hint()).or_default().push(Arc::clone(open));
        }
        for (app, keys) in named {
            let app = Arc::new(app);
            apps.by_hint.entry(app.hint()).or_default().push(Arc::clone(&app));
            apps.by_key.extend(keys.into_iter().map(|key| (key, Arc::clone(&app))));
        }
        apps
    }

    /// Open mode, if it is on.
    pub const fn open(&self) -> Option<&Arc<App>> {
        self.open.as_ref()
    }

    /// Whose key it is.
    pub fn with_key(&self, key: &str) -> Option<(KeyKind, &Arc<App>)> {
        let (kind, hash) = KeyHash::of(key)?;
        self.by_key.get(&(kind, hash)).map(|app| (kind, app))
    }

    /// The applications that an id with this hint may be of; one, nearly always.
    pub fn with_hint(&self, hint: [u8; HINT_LENGTH]) -> &[Arc<App>] {
        self.by_hint.get(&hint).map_or(&[], Vec::as_slice)
    }

    /// All of them, in no order.
    pub fn all(&self) -> impl Iterator<Item = &Arc<App>> {
        self.by_hint.values().flatten()
    }

    /// Whether pages of this origin may ask for anybody.
    pub fn any_allows(&self, origin: &str) -> bool {
        self.all().any(|app| app.allowed_origins.allow(origin))
    }
}

#[cfg(test)]
pub(crate) mod tests;
