//! The words of a mail: messages of Project Fluent, which know each language's plural forms.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use minijinja::value::{Object, Value};
use minijinja::{Error, ErrorKind};
use unic_langid::LanguageIdentifier;

use super::{Facts, TemplateFault};
use crate::mail::foreign;

macro_rules! compiled_in {
    ($($language:literal),*) => {
        [$(($language, include_str!(concat!("../../../templates/", $language, "/mail.ftl")))),*]
    };
}

/// The languages that come with the mailer, with their words.
pub(super) const COMPILED_IN: [(&str, &str); 18] = compiled_in!(
    "ar", "de", "en", "es", "fr", "he", "hi", "it", "ja", "ko", "nl", "pl", "pt-BR", "ru", "tr", "uk", "zh-CN", "zh-TW"
);

/// A file of words, parsed once and shared by everything that speaks with it.
#[derive(Clone)]
pub(super) struct Source {
    /// Where it stands, for whoever has to mend it.
    name: Arc<str>,
    resource: Arc<FluentResource>,
}

impl Source {
    /// Parses a file.
    ///
    /// # Errors
    /// [`TemplateFault::Faulty`] with the line.
    pub(super) fn parse(name: &str, text: String) -> Result<Self, TemplateFault> {
        match FluentResource::try_new(text) {
            Ok(resource) => Ok(Self { name: name.into(), resource: Arc::new(resource) }),
            Err((resource, faults)) => {
                let said = faults.first().map_or_else(String::new, |fault| {
                    let before = resource.source().get(..fault.pos.start).unwrap_or_default();
                    format!("line {}: {}", before.matches('\n').count() + 1, fault.kind)
                });
                Err(TemplateFault::Faulty(name.to_owned(), said))
            }
        }
    }

    /// What is compiled in, by the language's tag in lower case.
    ///
    /// # Errors
    /// [`TemplateFault::Faulty`]; the tests see to it that there is none.
    pub(super) fn compiled_in() -> Result<BTreeMap<String, Self>, TemplateFault> {
        let parsed = COMPILED_IN.iter().map(|(language, text)| {
            let source = Self::parse(&format!("{language}, compiled in"), (*text).to_owned())?;
            Ok((language.to_ascii_lowercase(), source))
        });
        parsed.collect()
    }
}

/// All words of a language.
pub(super) struct Words {
    bundle: FluentBundle<Arc<FluentResource>>,
    right_to_left: bool,
    /// The files they are from.
    names: Vec<Arc<str>>,
}

impl Words {
    /// The words of several files for the language with this tag; those in later files replace those in earlier ones.
    ///
    /// # Errors
    /// [`TemplateFault::Faulty`] when the tag is none.
    pub(super) fn new(tag: &str, sources: &[Source]) -> Result<Self, TemplateFault> {
        let language: LanguageIdentifier =
            tag.parse().map_err(|_| TemplateFault::Faulty(tag.to_owned(), "no language's tag".to_owned()))?;
        let right_to_left = foreign::is_right_to_left(&language);
        let mut bundle = FluentBundle::new_concurrent(vec![language]);
        // Marks would stand around the code as well, and be copied with it: names get theirs where they need them.
        bundle.set_use_isolating(false);
        for source in sources {
            bundle.add_resource_overriding(Arc::clone(&source.resource));
        }
        let names = sources.iter().map(|source| Arc::clone(&source.name)).collect();
        Ok(Self { bundle, right_to_left, names })
    }

    /// The direction as HTML has it.
    pub(super) const fn direction(&self) -> &'static str {
        if self.right_to_left { "rtl" } else { "ltr" }
    }

    fn say(&self, id: &str, arguments: &FluentArgs<'_>) -> Result<String, Error> {
        let fault = |kind, what: String| Error::new(kind, format!("{what} (words from {})", self.names.join(", ")));
        let pattern = self.bundle.get_message(id).and_then(|message| message.value());
        let pattern = pattern.ok_or_else(|| fault(ErrorKind::UndefinedError, format!("there is no message {id:?}")))?;
        let mut faults = Vec::new();
        let said = self.bundle.format_pattern(pattern, Some(arguments), &mut faults).into_owned();
        match faults.first() {
            None => Ok(said),
            Some(first) => Err(fault(ErrorKind::InvalidOperation, format!("the message {id:?}: {first}"))),
        }
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Words").field("names", &self.names).finish_non_exhaustive()
    }
}

/// The words of one mail: `words` in a template, each message by its name.
pub(super) struct Speech {
    words: Arc<Words>,
    app: String,
    place: String,
    code: Option<String>,
    minutes: u64,
    is_html: bool,
}

impl Speech {
    /// What is said of `facts`; the code is left out where there is none.
    pub(super) fn new(words: &Arc<Words>, facts: &Facts<'_>, code: Option<&str>, is_html: bool) -> Self {
        Self {
            app: foreign::isolated(facts.app, words.right_to_left),
            place: foreign::isolated(facts.place, words.right_to_left),
            code: code.map(str::to_owned),
            minutes: facts.minutes,
            words: Arc::clone(words),
            is_html,
        }
    }

    fn say(&self, id: &str) -> Result<Value, Error> {
        let mut arguments = FluentArgs::with_capacity(4);
        arguments.set("app", self.app.as_str());
        arguments.set("minutes", FluentValue::from(self.minutes));
        arguments.set("place", self.place.as_str());
        if let Some(code) = &self.code {
            arguments.set("code", code.as_str());
        }
        let said = self.words.say(id, &arguments)?;
        Ok(if self.is_html { Value::from_safe_string(foreign::html(&said)) } else { Value::from(said) })
    }
}

impl fmt::Debug for Speech {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Speech").field("words", &self.words).finish_non_exhaustive()
    }
}

impl Object for Speech {
    /// The message with that name. One that cannot be said is a value that fails where it is used, and says why.
    fn get_value(self: &Arc<Self>, name: &Value) -> Option<Value> {
        Some(self.say(name.as_str()?).unwrap_or_else(Value::from))
    }
}

#[cfg(test)]
mod tests;
