//! Redis that restarts, hangs, fails over and moves slots, under load.

mod cluster;
mod load;
mod muted;
mod sentinel;
mod servers;
mod single;
mod stall;
