//! A relay with bad habits, chosen by a seed.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::inbox::{Fault, Rule, Script, Verb};

/// Most habits at once.
const HABITS_MAX: usize = 4;
/// In this share of the cases a habit shows: often enough to meet, seldom enough for mail to get through.
const CHANCES: std::ops::Range<f64> = 0.02..0.6;

/// In this share a refusal for good does.
const REFUSALS: f64 = 0.05;

/// Begins to make faults.
pub(super) fn misbehave(script: &Script, seed: u64) {
    script.set(seed, habits(seed));
    if seed.is_multiple_of(4) {
        script.hang_up();
    }
}

/// Ends them. Connections on which something went wrong end too, as with a relay that is started again.
pub(super) fn behave(script: &Script) {
    script.clear();
    script.hang_up();
}

fn habits(seed: u64) -> Vec<Rule> {
    let mut random = StdRng::seed_from_u64(seed);
    let count = random.random_range(1..=HABITS_MAX);
    (0..count).map(|_| habit(&mut random)).collect()
}

fn habit(random: &mut StdRng) -> Rule {
    use Verb::{Body, Data, Dot, Ehlo, Greeting, Kept, Mail, Quit, Rcpt, Rset};
    const VERBS: [Verb; 8] = [Ehlo, Mail, Rcpt, Data, Body, Dot, Kept, Rset];
    let verb = VERBS.get(random.random_range(0..VERBS.len())).copied().unwrap_or(Dot);
    let chance = random.random_range(CHANCES);
    let rule = match random.random_range(0..12) {
        0 => Rule::new(Greeting, Fault::Goodbye("421 4.3.2 too busy\r\n".into())),
        1 => Rule::new(Greeting, Fault::Silence),
        // A refusal for good costs a mail: seldom, so that a run is about more than that.
        2 => return Rule::new(Rcpt, Fault::Say("550 5.7.1 refused\r\n".into())).chance(REFUSALS),
        3 if verb != Body => Rule::new(verb, Fault::Say("451 4.3.0 not now\r\n".into())),
        4 => Rule::new(Quit, Fault::Silence),
        5 => Rule::new(verb, Fault::Reset),
        6 => Rule::new(Mail, Fault::Drip(Duration::from_millis(random.random_range(1..20)))),
        7 => Rule::new(Rcpt, Fault::Extra("250 2.0.0 one more\r\n".into())),
        8 => Rule::new(Ehlo, Fault::Bare),
        9 => Rule::new(Kept, Fault::Drop),
        10 => Rule::new(Ehlo, Fault::Endless),
        _ => Rule::new(verb, Fault::Drop),
    };
    rule.chance(chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_habits_again() {
        for seed in 0..200 {
            let chosen = habits(seed);
            assert_eq!(chosen, habits(seed));
            assert!((1..=HABITS_MAX).contains(&chosen.len()));
            assert!(chosen.iter().all(|habit| CHANCES.contains(&habit.chance)));
        }
        assert_ne!(habits(1), habits(2));
    }
}
