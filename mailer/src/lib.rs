//! The mailer: takes requests off JetStream, opens them, and hands mails to relays over SMTP.
//!
//! Only it opens a sealed request and only it speaks SMTP; it never touches Redis. A request is acknowledged after its
//! `sent` is recorded, and `sent` is told after the relay's 250: a crash at any point costs at worst a second mail
//! with the same code and Message-ID, never a lost one.

pub mod dkim;
pub mod ledger;
pub mod mail;
pub mod metrics;
pub mod relay_url;
pub mod relays;
pub mod schedule;
pub mod service;
pub mod settings;
pub mod smtp;
pub mod worker;
