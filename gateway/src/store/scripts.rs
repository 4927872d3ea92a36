//! The Lua scripts, hashed once.

use std::sync::LazyLock;

/// A script behind what all of them share.
#[derive(Debug)]
pub(super) struct Script {
    name: &'static str,
    text: String,
    hash: String,
}

impl Script {
    fn new(name: &'static str, text: &str) -> Self {
        let text = format!("{}\n{text}", include_str!("scripts/prelude.lua"));
        let hash = redis::Script::new(&text).get_hash().to_owned();
        Self { name, text, hash }
    }

    /// What metrics and traces call it.
    pub(super) const fn name(&self) -> &'static str {
        self.name
    }

    /// What `EVAL` takes.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// What `EVALSHA` takes.
    pub(super) fn hash(&self) -> &str {
        &self.hash
    }
}

/// The script in the file of that name.
macro_rules! script {
    ($name:literal) => {
        Script::new($name, include_str!(concat!("scripts/", $name, ".lua")))
    };
}

/// All scripts.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) issue: Script,
    pub(super) undo_issue: Script,
    pub(super) check: Script,
    pub(super) undo_check: Script,
    pub(super) resend: Script,
    pub(super) undo_resend: Script,
    pub(super) cancel: Script,
    pub(super) report: Script,
    pub(super) status: Script,
    pub(super) take: Script,
    pub(super) undo_take: Script,
    pub(super) budget: Script,
    pub(super) undo_budget: Script,
    pub(super) redeem: Script,
    pub(super) undo_redeem: Script,
    pub(super) pressure: Script,
    pub(super) claim: Script,
    pub(super) recall: Script,
    pub(super) settle: Script,
    pub(super) clock: Script,
}

impl Scripts {
    pub(super) fn shared() -> &'static Self {
        static SCRIPTS: LazyLock<Scripts> = LazyLock::new(|| Scripts {
            issue: script!("issue"),
            undo_issue: script!("undo_issue"),
            check: script!("check"),
            undo_check: script!("undo_check"),
            resend: script!("resend"),
            undo_resend: script!("undo_resend"),
            cancel: script!("cancel"),
            report: script!("report"),
            status: script!("status"),
            take: script!("take"),
            undo_take: script!("undo_take"),
            budget: script!("budget"),
            undo_budget: script!("undo_budget"),
            redeem: script!("redeem"),
            undo_redeem: script!("undo_redeem"),
            pressure: script!("pressure"),
            claim: script!("claim"),
            recall: script!("recall"),
            settle: script!("settle"),
            clock: script!("clock"),
        });
        &SCRIPTS
    }

    /// The names of all of them.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        let Self {
            issue,
            undo_issue,
            check,
            undo_check,
            resend,
            undo_resend,
            cancel,
            report,
            status,
            take,
            undo_take,
            budget,
            undo_budget,
            redeem,
            undo_redeem,
            pressure,
            claim,
            recall,
            settle,
            clock,
        } = self;
        [
            issue,
            undo_issue,
            check,
            undo_check,
            resend,
            undo_resend,
            cancel,
            report,
            status,
            take,
            undo_take,
            budget,
            undo_budget,
            redeem,
            undo_redeem,
            pressure,
            claim,
            recall,
            settle,
            clock,
        ]
        .map(Script::name)
        .into_iter()
    }
}
