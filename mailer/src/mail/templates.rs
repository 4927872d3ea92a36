//! Templates: a folder for each language with `subject.txt`, `mail.txt` and `mail.html`, compiled in, and replaceable
//! file by file by a folder of the operator's. In that, `apps/<name>/<language>/` replaces them for the applications that
//! name such a folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use minijinja::{Environment, UndefinedBehavior, Value, context};

use super::ComposeFault;

/// The language that is taken when the one asked for is not there; always complete, because it is compiled in.
const FALLBACK: &str = "en";
/// The parts of a mail.
const PARTS: [&str; 3] = ["subject.txt", "mail.txt", "mail.html"];
/// Most languages, and most bytes of one template: a mail beyond it is none for a code.
const MAX_LANGUAGES: usize = 200;
const MAX_TEMPLATE: u64 = 64 * 1024;
/// Where the folders of applications are, and how many there are at most: each has all languages compiled.
const APPS: &str = "apps";
const MAX_APPS: usize = 200;

macro_rules! compiled_in {
    ($($language:literal),*) => {
        [$(
            ($language, "subject.txt", include_str!(concat!("../../templates/", $language, "/subject.txt"))),
            ($language, "mail.txt", include_str!(concat!("../../templates/", $language, "/mail.txt"))),
            ($language, "mail.html", include_str!(concat!("../../templates/", $language, "/mail.html"))),
        )*]
    };
}

const COMPILED_IN: [(&str, &str, &str); 12] = compiled_in!("en", "de", "fr", "es");

/// What a template may say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words<'a> {
    /// The application's name.
    pub(super) app: &'a str,
    /// The code.
    pub(super) code: &'a str,
    /// How long the code is valid, in minutes.
    pub(super) minutes: u64,
}

/// A mail's parts.
#[derive(Debug)]
pub(super) struct Rendered<'t> {
    /// The language that it is in.
    pub(super) language: &'t str,
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
}

/// All templates, compiled.
#[derive(Debug)]
pub struct Templates {
    own: Set,
    /// By the folder's name.
    apps: BTreeMap<String, Set>,
}

type Sources = BTreeMap<(String, &'static str), String>;

/// The templates of one application, or of all that have none of their own.
#[derive(Debug)]
struct Set {
    environment: Environment<'static>,
    /// By the tag in lower case.
    languages: BTreeMap<String, Language>,
}

#[derive(Debug)]
struct Language {
    /// The tag as the folder spells it.
    tag: String,
    /// The names of the parts in the environment.
    parts: [String; 3],
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
    /// A language lacks a part.
    #[error("the templates for {0} lack {1}")]
    Incomplete(String, &'static str),
    /// A template does not compile or render.
    #[error("the template {0} is faulty: {1}")]
    Faulty(String, String),
}

impl Templates {
    /// Compiles the templates, those in `folder` in the place of those compiled in, and renders each of them once, so
    /// that a faulty one keeps the service from starting and not a mail from being sent.
    ///
    /// # Errors
    /// [`TemplateFault`], as its variants say.
    pub fn load(folder: Option<&Path>) -> Result<Self, TemplateFault> {
        let mut sources: Sources = COMPILED_IN
            .into_iter()
            .map(|(language, part, source)| ((language.to_owned(), part), source.to_owned()))
            .collect();
        let mut apps = BTreeMap::new();
        if let Some(folder) = folder {
            read_folder(folder, &mut sources)?;
            for (name, folder) in app_folders(&folder.join(APPS))? {
                let mut sources = sources.clone();
                read_folder(&folder, &mut sources)?;
                apps.insert(name, Set::compile(sources)?);
            }
        }
        Ok(Self { own: Set::compile(sources)?, apps })
    }

    /// The languages that there are templates for.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.own.languages.values().map(|language| language.tag.as_str())
    }

    /// The applications' folders.
    pub fn apps(&self) -> impl Iterator<Item = &str> {
        self.apps.keys().map(String::as_str)
    }

    /// Renders a mail from an application's folder, or from the common one when it names none or one that is not there,
    /// in the language that comes nearest: `de-AT` is served by `de-AT`, else `de`, else `en`.
    pub(super) fn render(
        &self,
        app: &str,
        locale: &str,
        words: &Words<'_>,
        code_in_subject: bool,
    ) -> Result<Rendered<'_>, ComposeFault> {
        self.apps.get(app).unwrap_or(&self.own).render(locale, words, code_in_subject)
    }
}

impl Set {
    /// Compiles templates and renders each once.
    fn compile(sources: Sources) -> Result<Self, TemplateFault> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let tags: BTreeSet<String> = sources.keys().map(|(language, _)| language.clone()).collect();
        for ((language, part), source) in sources {
            let name = format!("{language}/{part}");
            let added = environment.add_template_owned(name.clone(), source);
            added.map_err(|error| TemplateFault::Faulty(name, error.to_string()))?;
        }
        let mut languages = BTreeMap::new();
        for tag in tags {
            let parts = PARTS.map(|part| format!("{tag}/{part}"));
            for (part, name) in PARTS.into_iter().zip(&parts) {
                if environment.get_template(name).is_err() {
                    return Err(TemplateFault::Incomplete(tag, part));
                }
            }
            languages.insert(tag.to_ascii_lowercase(), Language { tag, parts });
        }
        let set = Self { environment, languages };
        set.try_all()?;
        Ok(set)
    }

    fn render(&self, locale: &str, words: &Words<'_>, code_in_subject: bool) -> Result<Rendered<'_>, ComposeFault> {
        let language = self.language(locale).ok_or_else(|| ComposeFault::Template(FALLBACK.to_owned()))?;
        let Words { app, code, minutes } = *words;
        let [subject, text, html] = &language.parts;
        let subject_code = code_in_subject.then_some(code);
        let words = context! { app, code, minutes };
        Ok(Rendered {
            language: &language.tag,
            subject: self.part(subject, context! { app, minutes, code => subject_code })?,
            text: self.part(text, words.clone())?,
            html: self.part(html, words)?,
        })
    }

    fn part(&self, name: &str, words: Value) -> Result<String, ComposeFault> {
        let rendered = self.environment.get_template(name).and_then(|template| template.render(words));
        rendered.map_err(|error| ComposeFault::Template(error.to_string()))
    }

    fn language(&self, locale: &str) -> Option<&Language> {
        let mut tag = locale.to_ascii_lowercase().replace('_', "-");
        loop {
            if let Some(language) = self.languages.get(&tag) {
                return Some(language);
            }
            match tag.rfind('-') {
                Some(end) => tag.truncate(end),
                None => return self.languages.get(FALLBACK),
            }
        }
    }

    fn try_all(&self) -> Result<(), TemplateFault> {
        let words = Words { app: "App", code: "000000", minutes: 5 };
        for language in self.languages.values() {
            for code_in_subject in [false, true] {
                if let Err(fault) = self.render(&language.tag, &words, code_in_subject) {
                    return Err(TemplateFault::Faulty(language.tag.clone(), fault.to_string()));
                }
            }
        }
        Ok(())
    }
}

/// Reads `<folder>/<language>/<part>` for every language and part that is there.
fn read_folder(folder: &Path, sources: &mut Sources) -> Result<(), TemplateFault> {
    let entries = std::fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
    for (number, entry) in entries.enumerate() {
        if number == MAX_LANGUAGES {
            return Err(TemplateFault::TooLarge(folder.to_owned()));
        }
        let path = entry.map_err(|error| unreadable(folder, &error))?.path();
        let Some(language) = path.file_name().and_then(|name| name.to_str()).filter(|name| is_tag(name)) else {
            continue;
        };
        for part in PARTS {
            let file = path.join(part);
            match std::fs::metadata(&file) {
                Ok(found) if found.len() > MAX_TEMPLATE => return Err(TemplateFault::TooLarge(file)),
                Ok(_) => {
                    let source = std::fs::read_to_string(&file).map_err(|error| unreadable(&file, &error))?;
                    sources.insert((language.to_owned(), part), source);
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {}
                Err(error) => return Err(unreadable(&file, &error)),
            }
        }
    }
    Ok(())
}

/// The folders of applications, by name; none when there is no folder of them.
fn app_folders(folder: &Path) -> Result<Vec<(String, PathBuf)>, TemplateFault> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(folder, &error)),
    };
    let mut folders = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(folder, &error))?.path();
        if let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|_| path.is_dir()) {
            folders.push((name.to_owned(), path.clone()));
        }
    }
    if folders.len() > MAX_APPS { Err(TemplateFault::TooLarge(folder.to_owned())) } else { Ok(folders) }
}

fn unreadable(path: &Path, error: &std::io::Error) -> TemplateFault {
    TemplateFault::Unreadable(path.to_owned(), error.kind())
}

/// A language tag (BCP 47) as far as its characters go; it becomes a header.
fn is_tag(name: &str) -> bool {
    (2..=35).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests;
