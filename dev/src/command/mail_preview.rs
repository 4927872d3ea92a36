//! `cargo dev mail-preview`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Usage;
use super::arguments::Arguments;
use crate::console;
use crate::mail_preview::{self, Preview};

/// Next to the inbox's.
const PORT: u16 = 8026;

pub(super) fn run(mut arguments: Arguments) -> Result<ExitCode> {
    let port = match arguments.value("--port") {
        None => PORT,
        Some(text) => text.parse().map_err(|_| Usage::Excess(format!("--port {text}")))?,
    };
    let templates = arguments.value("--templates").map(PathBuf::from);
    let out = arguments.value("--out").map(PathBuf::from);
    arguments.end()?;
    if let Some(folder) = out {
        let written = mail_preview::write(&folder, templates.as_deref())?;
        console::say(format_args!("{written} files in {}", folder.display()));
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(port, templates))?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(port: u16, templates: Option<PathBuf>) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let preview = Preview::bind(port, templates).await?;
    console::say(format_args!("the mails are at http://{}; Ctrl-C ends it", preview.address()));
    let shutdown = CancellationToken::new();
    let served = preview.run(shutdown.clone());
    tokio::select! {
        served = served => served,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}
