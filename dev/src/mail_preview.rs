//! The mails as people get them, on a local page: every language, with and without what a mail may have, on a phone and
//! a desktop, in light and dark. What is shown went through the mailer's own composer.
//!
//! | address | shows |
//! |---|---|
//! | `/` | all languages at a phone's width |
//! | `/{language}` | one mail: subject, phone and desktop, light and dark, text |
//! | `/mail/{language}.html`, `/mail/{language}.txt` | a part as it is; `scheme=light` or `dark` settles what else the browser chooses |
//!
//! All take `minutes`, `place`, `report` and `subject` (`yes` or `no`), and `app`, a folder of an application's templates.

mod sample;
mod server;

use std::future::IntoFuture as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use sample::{Choice, Sample, Scheme, Wish};

/// A preview whose port is taken, and which serves once it is run.
#[derive(Debug)]
pub struct Preview {
    listener: TcpListener,
    address: SocketAddr,
    templates: Option<PathBuf>,
}

impl Preview {
    /// Takes the port, 0 for a free one; templates are read from the folder, anew for each page, or are those compiled in.
    ///
    /// # Errors
    /// The port cannot be bound, which the error names, or the templates are faulty.
    pub async fn bind(port: u16, templates: Option<PathBuf>) -> Result<Self> {
        sample::languages(templates.as_deref())?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listener = TcpListener::bind(address).await;
        let listener = listener.with_context(|| format!("{address} can't be bound; --port takes another"))?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, templates })
    }

    /// Where it is.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is cancelled.
    ///
    /// # Errors
    /// The HTTP server fails as a whole.
    pub async fn run(self, shutdown: CancellationToken) -> Result<()> {
        let served = axum::serve(self.listener, server::router(self.templates));
        tokio::select! {
            served = served.into_future() => Ok(served?),
            () = shutdown.cancelled() => Ok(()),
        }
    }
}

/// Writes all mails into a folder: `<language>.<full|bare>.<light|dark>.html` and `<language>.<full|bare>.txt`, where a
/// bare one has no place and no link. How many files these are.
///
/// # Errors
/// Templates that are faulty; files that cannot be written.
pub fn write(folder: &Path, templates: Option<&Path>) -> Result<usize> {
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let mut written = 0;
    let mut keep = |name: String, text: &str| {
        let path = folder.join(name);
        written += 1;
        std::fs::write(&path, text).with_context(|| path.display().to_string())
    };
    for language in sample::languages(templates)? {
        for (form, choice) in [("full", Choice::Yes), ("bare", Choice::No)] {
            let wish = Wish { place: choice, report: choice, ..Wish::default() };
            let sample = Sample::of(&language, &wish, templates)?;
            keep(format!("{language}.{form}.light.html"), &sample.html_in(Scheme::Light))?;
            keep(format!("{language}.{form}.dark.html"), &sample.html_in(Scheme::Dark))?;
            keep(format!("{language}.{form}.txt"), &sample.text)?;
        }
    }
    Ok(written)
}
