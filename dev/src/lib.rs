//! `cargo dev`: the local stack, its system tests and its benchmarks.

mod accepted;
pub mod backends;
pub mod bench;
pub mod capacity;
pub mod certificates;
pub mod chaos;
pub mod command;
pub mod console;
pub mod dns;
pub mod doctor;
pub mod fuzz;
pub mod inbox;
mod local_page;
pub mod mail_preview;
pub mod private;
pub mod process;
pub mod program;
pub mod proxy;
pub mod settings;
pub mod stack;
pub mod suite;
pub mod workspace;
