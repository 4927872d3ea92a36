//! The documents: links lead somewhere, commands do what stands there, settings exist.

mod commands;
mod links;
mod pages;
mod reference;
mod walks;

use pages::{Page, pages};
