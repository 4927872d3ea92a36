//! The Lua scripts, hashed once.

use std::sync::LazyLock;

use redis::Script;

/// All scripts.
pub(super) struct Scripts {
    pub(super) issue: Script,
    pub(super) refund: Script,
    pub(super) check: Script,
    pub(super) resend: Script,
    pub(super) undo_resend: Script,
    pub(super) cancel: Script,
    pub(super) status: Script,
    pub(super) take: Script,
    pub(super) claim: Script,
    pub(super) settle: Script,
}

impl Scripts {
    pub(super) fn shared() -> &'static Self {
        static SCRIPTS: LazyLock<Scripts> = LazyLock::new(|| Scripts {
            issue: script(include_str!("scripts/issue.lua")),
            refund: script(include_str!("scripts/refund.lua")),
            check: script(include_str!("scripts/check.lua")),
            resend: script(include_str!("scripts/resend.lua")),
            undo_resend: script(include_str!("scripts/undo_resend.lua")),
            cancel: script(include_str!("scripts/cancel.lua")),
            status: script(include_str!("scripts/status.lua")),
            take: script(include_str!("scripts/take.lua")),
            claim: script(include_str!("scripts/claim.lua")),
            settle: script(include_str!("scripts/settle.lua")),
        });
        &SCRIPTS
    }
}

/// A script behind what all of them share.
fn script(text: &str) -> Script {
    Script::new(&format!("{}\n{text}", include_str!("scripts/prelude.lua")))
}
