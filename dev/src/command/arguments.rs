//! The command line, taken apart word by word.

use std::collections::VecDeque;

use super::Usage;

/// What is left of the command line.
#[derive(Debug)]
pub(super) struct Arguments(VecDeque<String>);

impl Arguments {
    pub(super) fn of_process() -> Self {
        Self(std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect())
    }

    /// Takes the next argument if it is no flag.
    pub(super) fn word(&mut self) -> Option<String> {
        self.0.pop_front_if(|next| !next.starts_with('-'))
    }

    /// Takes this flag, wherever it stands. Whether it was there.
    pub(super) fn flag(&mut self, name: &str) -> bool {
        let place = self.0.iter().position(|argument| argument == name);
        place.is_some_and(|place| self.0.remove(place).is_some())
    }

    /// Takes this flag and the word after it.
    pub(super) fn value(&mut self, name: &str) -> Option<String> {
        let place = self.0.iter().position(|argument| argument == name)?;
        self.0.remove(place)?;
        self.0.remove(place)
    }

    /// All has been taken.
    pub(super) fn end(mut self) -> Result<(), Usage> {
        self.0.pop_front().map_or(Ok(()), |argument| Err(Usage::Excess(argument)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_stand_anywhere_and_nothing_is_left_over() {
        let of = |list: &[&str]| Arguments(list.iter().map(|text| (*text).to_owned()).collect());
        let mut arguments = of(&["web", "--quick", "lints", "--lines", "5"]);
        assert!(arguments.flag("--quick") && !arguments.flag("--quick"));
        assert_eq!(arguments.value("--lines").as_deref(), Some("5"));
        assert_eq!(arguments.word().as_deref(), Some("web"));
        assert_eq!(arguments.word().as_deref(), Some("lints"));
        assert_eq!(arguments.word(), None);
        assert!(arguments.end().is_ok());
        assert!(of(&["--odd"]).end().is_err());
    }
}
