//! Templates: one layout for all languages, and a file of words for each, compiled in. A folder of the operator's
//! replaces the words message by message, the layout for all languages or for one; in it, `apps/<name>/` does the same
//! for the applications that name such a folder.

mod folder;
mod nearest;
mod words;
mod wrap;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use minijinja::{Environment, UndefinedBehavior, Value, context};

use super::{ComposeFault, foreign};
use folder::Folder;
use nearest::{cut, nearest};
use words::{COMPILED_IN, Source, Speech, Words};

/// The language that is taken when none of those asked for is there; always complete, because it is compiled in.
const FALLBACK: &str = "en";
/// The parts of a mail.
const PARTS: [&str; 3] = ["subject.txt", "mail.txt", "mail.html"];
/// The layout of each part.
const LAYOUT: [&str; 3] = [
    include_str!("../../templates/subject.txt"),
    include_str!("../../templates/mail.txt"),
    include_str!("../../templates/mail.html"),
];
/// Where the folders of applications are.
const APPS: &str = "apps";
/// Validities that between them take every plural form that CLDR knows of whole numbers.
const MINUTES_TRIED: [u64; 9] = [1, 2, 3, 5, 6, 8, 11, 21, 100];

/// What a mail is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts<'a> {
    /// The application's name.
    pub(super) app: &'a str,
    /// The code.
    pub(super) code: &'a str,
    /// How long the code is valid, in minutes.
    pub(super) minutes: u64,
    /// Where roughly it was asked from, or empty.
    pub(super) place: &'a str,
    /// Where whoever did not ask says so, or empty.
    pub(super) report_url: &'a str,
}

/// A mail's parts.
#[derive(Debug)]
pub(super) struct Rendered {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
}

/// All templates, compiled.
#[derive(Debug)]
pub struct Templates {
    environment: Environment<'static>,
    own: Languages,
    /// By the folder's name.
    apps: BTreeMap<String, Languages>,
}

/// The languages of one application, or of all that have no folder of their own, by the tag in lower case. What an
/// application has not of its own is shared, because there may be hundreds of them.
type Languages = BTreeMap<String, Arc<Language>>;

/// A mail in one language.
#[derive(Debug)]
pub(super) struct Language {
    /// The tag as the folder spells it.
    tag: String,
    /// The names of the parts in the environment.
    parts: [String; 3],
    words: Arc<Words>,
}

impl Language {
    pub(super) fn tag(&self) -> &str {
        &self.tag
    }
}

/// Why templates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplateFault {
    /// A file or folder cannot be read.
    #[error("{0} cannot be read: {1}")]
    Unreadable(PathBuf, std::io::ErrorKind),
    /// A file is too large, or there are too many languages.
    #[error("{0} is too large")]
    TooLarge(PathBuf),
    /// A template or a file of words does not compile or render.
    #[error("the template {0} is faulty: {1}")]
    Faulty(String, String),
}

impl Templates {
    /// Compiles the templates, those in `folder` in the place of those compiled in, and renders each of them, so that a
    /// faulty one keeps the service from starting and not a mail from being sent.
    ///
    /// # Errors
    /// [`TemplateFault`], as its variants say.
    pub fn load(folder: Option<&Path>) -> Result<Self, TemplateFault> {
        let compiled_in = Source::compiled_in()?;
        let mut templates = Self { environment: environment()?, own: Languages::new(), apps: BTreeMap::new() };
        let common = folder.map(|path| Folder::read(path, "")).transpose()?.unwrap_or_default();
        templates.compile(&common)?;
        templates.own = languages(&compiled_in, &[&common], None)?;
        templates.try_all(templates.own.values())?;
        for (name, path) in folder.map(|path| folder::applications(&path.join(APPS))).transpose()?.unwrap_or_default() {
            let own = Folder::read(&path, &format!("{APPS}/{name}/"))?;
            templates.compile(&own)?;
            let languages = languages(&compiled_in, &[&common, &own], Some(&templates.own))?;
            let is_shared =
                |language: &&Arc<Language>| templates.own.values().any(|other| Arc::ptr_eq(other, language));
            templates.try_all(languages.values().filter(|language| !is_shared(language)))?;
            templates.apps.insert(name, languages);
        }
        Ok(templates)
    }

    /// The languages that there are templates for.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.own.values().map(|language| language.tag.as_str())
    }

    /// The applications' folders.
    pub fn apps(&self) -> impl Iterator<Item = &str> {
        self.apps.keys().map(String::as_str)
    }

    /// The mail of an application's folder, or of the common one when it names none or one that is not there, in the
    /// first of the languages asked for (comma-separated) that one here comes near to.
    pub(super) fn language(&self, app: &str, locale: &str) -> Result<&Language, ComposeFault> {
        let languages = self.apps.get(app).unwrap_or(&self.own);
        let language = nearest(languages, locale).or_else(|| languages.get(FALLBACK));
        language.map(Arc::as_ref).ok_or_else(|| ComposeFault::Template(FALLBACK.to_owned()))
    }

    /// Renders a mail.
    pub(super) fn render(
        &self,
        language: &Language,
        facts: &Facts<'_>,
        code_in_subject: bool,
    ) -> Result<Rendered, ComposeFault> {
        self.render_in(language, facts, code_in_subject)
            .map_err(|error| ComposeFault::Template(format!("{}: {error}", language.tag)))
    }

    fn render_in(
        &self,
        language: &Language,
        facts: &Facts<'_>,
        code_in_subject: bool,
    ) -> Result<Rendered, minijinja::Error> {
        let Facts { app, code, minutes, place, report_url } = *facts;
        let Language { tag, parts: [subject, text, html], words } = language;
        let part = |name: &str, code: Option<&str>, is_html: bool| {
            let speech = Value::from_object(Speech::new(words, facts, code, is_html));
            // Escaped here, because minijinja escapes slashes as well, and filters take such a link for a hidden one.
            let link = if is_html { Value::from_safe_string(foreign::html(report_url)) } else { report_url.into() };
            self.environment.get_template(name)?.render(context! {
                app, code, minutes, place, code_in_subject,
                report_url => link, words => speech, lang => tag, dir => words.direction(),
            })
        };
        Ok(Rendered {
            subject: part(subject, code_in_subject.then_some(code), false)?,
            text: part(text, Some(code), false)?,
            html: part(html, Some(code), true)?,
        })
    }

    /// Compiles the templates of a folder.
    fn compile(&mut self, folder: &Folder) -> Result<(), TemplateFault> {
        for (name, source) in &folder.templates {
            let added = self.environment.add_template_owned(name.clone(), source.clone());
            added.map_err(|error| TemplateFault::Faulty(name.clone(), described(&error)))?;
        }
        Ok(())
    }

    /// Renders each with everything that a mail may and may not have.
    fn try_all<'l>(&self, mut languages: impl Iterator<Item = &'l Arc<Language>>) -> Result<(), TemplateFault> {
        let facts = |minutes, place, report_url| Facts { app: "App", code: "000000", minutes, place, report_url };
        let (place, link) = ("Berlin, DE", "https://example.com/");
        let plurals = MINUTES_TRIED.map(|minutes| (facts(minutes, place, link), true));
        let rest = [(facts(5, "", ""), false), (facts(5, place, ""), true), (facts(5, "", link), false)];
        languages.try_for_each(|language| {
            plurals.iter().chain(&rest).try_for_each(|(facts, code_in_subject)| {
                let tried = self.render_in(language, facts, *code_in_subject);
                let fault = |error| TemplateFault::Faulty(language.tag.clone(), described(&error));
                tried.map(drop).map_err(fault)
            })
        })
    }
}

/// An error with all its causes: the innermost one names the message.
fn described(error: &minijinja::Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    std::iter::once(error.to_string()).chain(causes.map(ToString::to_string)).collect::<Vec<_>>().join(": ")
}

/// The layouts compiled in, and what templates can use.
fn environment() -> Result<Environment<'static>, TemplateFault> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_filter("wrap", |text: String| wrap::wrap(&text));
    for (part, source) in PARTS.into_iter().zip(LAYOUT) {
        let added = environment.add_template(part, source);
        added.map_err(|error| TemplateFault::Faulty(part.to_owned(), error.to_string()))?;
    }
    Ok(environment)
}

/// The languages of folders, the more special ones last, upon those compiled in; what a language has of no folder but the
/// first ones is taken from `shared`.
fn languages(
    compiled_in: &BTreeMap<String, Source>,
    folders: &[&Folder],
    shared: Option<&Languages>,
) -> Result<Languages, TemplateFault> {
    let mut tags: BTreeMap<String, &str> =
        COMPILED_IN.iter().map(|(tag, _)| (tag.to_ascii_lowercase(), *tag)).collect();
    let theirs: BTreeSet<&String> = folders.iter().flat_map(|folder| &folder.tags).collect();
    tags.extend(theirs.into_iter().map(|tag| (tag.to_ascii_lowercase(), tag.as_str())));
    let made = tags.into_iter().map(|(key, tag)| {
        let common = shared.and_then(|shared| shared.get(&key));
        let language = language(&key, tag, compiled_in, folders, common)?;
        Ok((key, language))
    });
    made.collect()
}

fn language(
    key: &str,
    tag: &str,
    compiled_in: &BTreeMap<String, Source>,
    folders: &[&Folder],
    common: Option<&Arc<Language>>,
) -> Result<Arc<Language>, TemplateFault> {
    let parts = PARTS.map(|part| {
        let special = folders.iter().rev().find_map(|folder| folder.template(cut(key), part));
        special.unwrap_or_else(|| part.to_owned())
    });
    // From the general to the special: German before Austrian German, all applications' before one's.
    let chain: Vec<&str> = cut(key).collect();
    let of =
        |folder: &&Folder| chain.iter().rev().filter_map(|tag| folder.words.get(*tag).cloned()).collect::<Vec<_>>();
    let has_own = folders.last().is_some_and(|folder| !of(folder).is_empty());
    let words = match common {
        Some(common) if !has_own && common.parts == parts && common.tag == tag => return Ok(Arc::clone(common)),
        Some(common) if !has_own => Arc::clone(&common.words),
        _ => {
            let base = nearest(compiled_in, key).cloned();
            let sources: Vec<Source> = base.into_iter().chain(folders.iter().flat_map(of)).collect();
            Arc::new(Words::new(tag, &sources)?)
        }
    };
    Ok(Arc::new(Language { tag: tag.to_owned(), parts, words }))
}

#[cfg(test)]
mod tests;
