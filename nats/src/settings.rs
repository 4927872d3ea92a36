//! Settings from the environment: every service declares its own through [`Settings`], which prints them for `--help`,
//! checks all of them before the service starts, and reports every fault at once, by name and never by value.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::hash::{BuildHasher, Hash};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::keys::KeyList;

/// Where settings are read from.
pub trait Environment {
    /// The value of a variable; `None` when it is unset or no UTF-8.
    fn variable(&self, name: &str) -> Option<String>;

    /// The content of a file that a `NAME_FILE` variable names.
    ///
    /// # Errors
    /// The file cannot be read.
    fn file(&self, path: &str) -> std::io::Result<Zeroizing<String>>;
}

/// The process's own environment.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the process's environment")]
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn file(&self, path: &str) -> std::io::Result<Zeroizing<String>> {
        std::fs::read_to_string(path).map(Zeroizing::new)
    }
}

/// Variables that are given, and no files: what tests and tools set up.
impl<K, S> Environment for HashMap<K, String, S>
where
    K: Borrow<str> + Eq + Hash,
    S: BuildHasher,
{
    fn variable(&self, name: &str) -> Option<String> {
        self.get(name).cloned()
    }

    fn file(&self, _path: &str) -> std::io::Result<Zeroizing<String>> {
        Err(std::io::ErrorKind::NotFound.into())
    }
}

/// A value that a setting can have.
pub trait Setting: Sized {
    /// What is expected, as the end of the sentence "expected ...".
    const FORM: &'static str;

    /// Reads the value. The error says more than [`Setting::FORM`] where that helps, and never repeats the text.
    ///
    /// # Errors
    /// The text has not the form.
    fn parse(text: &str) -> Result<Self, String>;
}

/// One declared setting.
#[derive(Debug, Clone)]
pub struct Declared {
    /// The variable.
    pub name: &'static str,
    /// The value when unset; `None` when there is none.
    pub default: Option<&'static str>,
    /// What it is for.
    pub about: &'static str,
    /// What form it has.
    pub form: &'static str,
    /// Whether `NAME_FILE` is read as well.
    pub secret: bool,
    /// Whether the service refuses to start without it.
    pub required: bool,
}

/// All faults of a configuration, one line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(pub Vec<String>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|fault| writeln!(f, "{fault}"))
    }
}

impl std::error::Error for Faults {}

/// Collects declarations, values and faults.
pub struct Settings<'e> {
    environment: &'e dyn Environment,
    declared: Vec<Declared>,
    faults: Vec<String>,
}

impl fmt::Debug for Settings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("faults", &self.faults).finish_non_exhaustive()
    }
}

impl<'e> Settings<'e> {
    /// Reads from this environment.
    pub fn new(environment: &'e dyn Environment) -> Self {
        Self { environment, declared: Vec::new(), faults: Vec::new() }
    }

    /// A setting with a default; `None` after a fault.
    pub fn or<T: Setting>(&mut self, name: &'static str, default: &'static str, about: &'static str) -> Option<T> {
        self.declare::<T>(name, Some(default), about, false, false);
        match self.text(name, false)? {
            Some(text) => self.parsed(name, &text),
            None => self.parsed(name, default),
        }
    }

    /// A setting that may be missing; the outer `None` after a fault.
    pub fn optional<T: Setting>(&mut self, name: &'static str, about: &'static str) -> Option<Option<T>> {
        self.declare::<T>(name, None, about, false, false);
        match self.text(name, false)? {
            Some(text) => self.parsed(name, &text).map(Some),
            None => Some(None),
        }
    }

    /// A setting without which the service does not start; `None` after a fault.
    pub fn required<T: Setting>(&mut self, name: &'static str, about: &'static str) -> Option<T> {
        self.declare::<T>(name, None, about, false, true);
        self.must(name, false)
    }

    /// As [`Settings::required`], and `NAME_FILE` is read as well.
    pub fn secret<T: Setting>(&mut self, name: &'static str, about: &'static str) -> Option<T> {
        self.declare::<T>(name, None, about, true, true);
        self.must(name, true)
    }

    /// As [`Settings::or`], and `NAME_FILE` is read as well.
    pub fn secret_or<T: Setting>(
        &mut self,
        name: &'static str,
        default: &'static str,
        about: &'static str,
    ) -> Option<T> {
        self.declare::<T>(name, Some(default), about, true, false);
        match self.text(name, true)? {
            Some(text) => self.parsed(name, &text),
            None => self.parsed(name, default),
        }
    }

    /// Records a fault that concerns more than one setting.
    pub fn fault(&mut self, fault: impl Into<String>) {
        self.faults.push(fault.into());
    }

    /// What has been declared so far.
    pub fn declared(&self) -> &[Declared] {
        &self.declared
    }

    /// The configuration, or every fault at once.
    ///
    /// # Errors
    /// All faults that were found.
    pub fn finish<C>(self, configuration: Option<C>) -> Result<C, Faults> {
        match configuration {
            Some(configuration) if self.faults.is_empty() => Ok(configuration),
            Some(_) | None => Err(Faults(self.faults)),
        }
    }

    fn declare<T: Setting>(
        &mut self,
        name: &'static str,
        default: Option<&'static str>,
        about: &'static str,
        secret: bool,
        required: bool,
    ) {
        // The frame and a service may read the same one.
        if self.declared.iter().all(|declared| declared.name != name) {
            self.declared.push(Declared { name, default, about, form: T::FORM, secret, required });
        }
    }

    fn must<T: Setting>(&mut self, name: &'static str, secret: bool) -> Option<T> {
        if let Some(text) = self.text(name, secret)? {
            return self.parsed(name, &text);
        }
        let file = if secret { format!(" (or {name}_FILE)") } else { String::new() };
        self.faults.push(format!("{name}{file} is not set; expected {}", T::FORM));
        None
    }

    /// The variable's text; an empty variable counts as unset. The outer `None` after a fault.
    #[expect(clippy::option_option, reason = "missing and faulty are two things")]
    fn text(&mut self, name: &'static str, secret: bool) -> Option<Option<Zeroizing<String>>> {
        let set =
            |name: &str| self.environment.variable(name).filter(|text| !text.trim().is_empty()).map(Zeroizing::new);
        let direct = set(name);
        if !secret {
            return Some(direct);
        }
        match (direct, set(&format!("{name}_FILE"))) {
            (Some(_), Some(_)) => {
                self.faults.push(format!("{name} and {name}_FILE are both set"));
                None
            }
            (direct, None) => Some(direct),
            (None, Some(path)) => match self.environment.file(&path) {
                Ok(text) => Some(Some(Zeroizing::new(text.trim().to_owned()))),
                Err(error) => {
                    self.faults.push(format!("{name}_FILE cannot be read: {}", error.kind()));
                    None
                }
            },
        }
    }

    fn parsed<T: Setting>(&mut self, name: &'static str, text: &str) -> Option<T> {
        match T::parse(text.trim()) {
            Ok(value) => Some(value),
            Err(why) => {
                let colon = if why.is_empty() { "" } else { ": " };
                let fault = format!("{name} has not the expected form{colon}{why}; expected {}", T::FORM);
                if !self.faults.contains(&fault) {
                    self.faults.push(fault);
                }
                None
            }
        }
    }
}

/// The declared settings as `--help` prints them.
pub fn describe(declared: &[Declared]) -> String {
    let mut text = String::new();
    for setting in declared {
        let default = match (setting.required, setting.default) {
            (true, _) => "required".to_owned(),
            (false, Some("") | None) => "unset".to_owned(),
            (false, Some(default)) => format!("default {default}"),
        };
        let file = if setting.secret { format!(" (or {}_FILE)", setting.name) } else { String::new() };
        let written =
            write!(text, "  {}{file}  [{default}]\n      {}: {}\n", setting.name, setting.about, setting.form);
        debug_assert!(written.is_ok());
    }
    text
}

impl Setting for String {
    const FORM: &'static str = "text";

    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

impl Setting for bool {
    const FORM: &'static str = "true or false";

    fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            _ => Err(String::new()),
        }
    }
}

impl Setting for SocketAddr {
    const FORM: &'static str = "an IP address and a port, as 127.0.0.1:5000 or [::]:5000";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| String::new())
    }
}

impl Setting for PathBuf {
    const FORM: &'static str = "a path";

    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self::from(text))
    }
}

impl Setting for KeyList {
    const FORM: &'static str = "kid:base64,... of 32 bytes each; `otp-gateway keys` prints a fresh set";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: crate::keys::KeyListError| error.to_string())
    }
}

impl Setting for Duration {
    const FORM: &'static str = "a duration, as 300, 300s, 5m, 1h, 1d or 250ms";

    fn parse(text: &str) -> Result<Self, String> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| String::new())?;
        let millis = match unit.trim().to_ascii_lowercase().as_str() {
            "ms" => Some(1),
            "" | "s" | "sec" | "second" | "seconds" => Some(1000),
            "m" | "min" | "minute" | "minutes" => Some(60_000),
            "h" | "hour" | "hours" => Some(3_600_000),
            "d" | "day" | "days" => Some(86_400_000),
            _ => None,
        };
        let total = millis.and_then(|millis| number.checked_mul(millis)).ok_or_else(String::new)?;
        Ok(Self::from_millis(total))
    }
}

/// Whole numbers.
macro_rules! whole_numbers {
    ($($type:ty),*) => {$(
        impl Setting for $type {
            const FORM: &'static str = "a whole number";

            fn parse(text: &str) -> Result<Self, String> {
                text.replace('_', "").parse().map_err(|_| String::new())
            }
        }
    )*};
}

whole_numbers!(u16, u32, u64, usize, i64);

/// A comma-separated list, without empty entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T>(pub Vec<T>);

impl<T: Setting> Setting for List<T> {
    const FORM: &'static str = "a comma-separated list";

    fn parse(text: &str) -> Result<Self, String> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let parse = |(number, entry)| {
            T::parse(entry)
                .map_err(|why: String| format!("entry {number} is not {} {why}", T::FORM).trim_end().to_owned())
        };
        (1_usize..).zip(entries).map(parse).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests;
