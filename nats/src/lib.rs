//! The contract that the gateway, the mailer and the notifier share, and what a process needs to join the bus.
//!
//! Without features this crate is pure: subjects, streams, events, identifiers, tickets and sealing, with no I/O, no
//! clock and no tokio. The feature `runtime` adds the connection to NATS and the frame of a service (settings,
//! logging, admin port, shutdown).
//!
//! Only this crate spells a subject or a stream's settings. The payloads' shape is frozen by `golden/events.json`.

pub mod description;
pub mod event;
pub mod id;
pub mod keys;
pub mod mask;
pub mod random;
pub mod request;
pub mod seal;
pub mod stream;
pub mod subject;
pub mod text;
pub mod ticket;
pub mod timestamp;
pub mod trace;

#[cfg(feature = "runtime")]
pub mod admin;
#[cfg(feature = "runtime")]
pub mod bus;
#[cfg(feature = "runtime")]
pub mod logging;
#[cfg(feature = "runtime")]
pub mod network;
#[cfg(feature = "runtime")]
pub mod probe;
#[cfg(feature = "runtime")]
pub mod settings;
#[cfg(feature = "runtime")]
pub mod shutdown;
#[cfg(feature = "runtime")]
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "runtime")]
pub mod timeline;
#[cfg(feature = "runtime")]
pub mod watched_file;
#[cfg(feature = "runtime")]
pub mod work;

pub use event::{Body, Event, EventError, EventKind};
pub use id::VerificationId;
pub use timestamp::Timestamp;
