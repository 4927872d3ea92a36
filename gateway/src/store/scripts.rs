//! The Lua scripts, hashed once.

use std::sync::LazyLock;

/// A script behind what all of them share.
#[derive(Debug)]
pub(super) struct Script {
    text: String,
    hash: String,
}

impl Script {
    fn new(text: &str) -> Self {
        let text = format!("{}\n{text}", include_str!("scripts/prelude.lua"));
        let hash = redis::Script::new(&text).get_hash().to_owned();
        Self { text, hash }
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
            issue: Script::new(include_str!("scripts/issue.lua")),
            undo_issue: Script::new(include_str!("scripts/undo_issue.lua")),
            check: Script::new(include_str!("scripts/check.lua")),
            undo_check: Script::new(include_str!("scripts/undo_check.lua")),
            resend: Script::new(include_str!("scripts/resend.lua")),
            undo_resend: Script::new(include_str!("scripts/undo_resend.lua")),
            cancel: Script::new(include_str!("scripts/cancel.lua")),
            status: Script::new(include_str!("scripts/status.lua")),
            take: Script::new(include_str!("scripts/take.lua")),
            undo_take: Script::new(include_str!("scripts/undo_take.lua")),
            budget: Script::new(include_str!("scripts/budget.lua")),
            undo_budget: Script::new(include_str!("scripts/undo_budget.lua")),
            redeem: Script::new(include_str!("scripts/redeem.lua")),
            undo_redeem: Script::new(include_str!("scripts/undo_redeem.lua")),
            pressure: Script::new(include_str!("scripts/pressure.lua")),
            claim: Script::new(include_str!("scripts/claim.lua")),
            recall: Script::new(include_str!("scripts/recall.lua")),
            settle: Script::new(include_str!("scripts/settle.lua")),
            clock: Script::new(include_str!("scripts/clock.lua")),
        });
        &SCRIPTS
    }
}
