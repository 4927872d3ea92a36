//! An operator's folder: `<language>/` with files of any kind below, and the kinds that hold for all languages beside.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::words::Source;
use super::{PARTS, TemplateFault};

/// Most languages, and most bytes of one file: a mail beyond it is none for a code.
const MAX_LANGUAGES: usize = 200;
pub(super) const MAX_FILE: u64 = 64 * 1024;
/// Most folders of applications.
const MAX_APPS: usize = 200;
/// The file with a language's words.
pub(super) const WORDS: &str = "mail.ftl";

/// What stands in a folder.
#[derive(Default)]
pub(super) struct Folder {
    /// Before the names of its templates: `apps/<name>/`, or nothing.
    prefix: String,
    /// Sources of templates by their names, as `de/mail.txt` or `mail.txt`, languages in lower case.
    pub(super) templates: BTreeMap<String, String>,
    /// Words by language in lower case.
    pub(super) words: BTreeMap<String, Source>,
    /// The languages as the folder spells them.
    pub(super) tags: BTreeSet<String>,
}

impl Folder {
    /// Reads a folder.
    ///
    /// # Errors
    /// [`TemplateFault`], as its variants say.
    pub(super) fn read(path: &Path, prefix: &str) -> Result<Self, TemplateFault> {
        let mut folder = Self { prefix: prefix.to_owned(), ..Self::default() };
        for part in PARTS {
            if let Some(source) = file(&path.join(part))? {
                folder.templates.insert(format!("{prefix}{part}"), source);
            }
        }
        let entries = std::fs::read_dir(path).map_err(|error| unreadable(path, &error))?;
        for (number, entry) in entries.enumerate() {
            if number == MAX_LANGUAGES {
                return Err(TemplateFault::TooLarge(path.to_owned()));
            }
            let entry = entry.map_err(|error| unreadable(path, &error))?.path();
            if let Some(tag) = entry.file_name().and_then(|name| name.to_str()).filter(|name| is_tag(name)) {
                folder.read_language(&entry, tag)?;
            }
        }
        Ok(folder)
    }

    fn read_language(&mut self, path: &Path, tag: &str) -> Result<(), TemplateFault> {
        let key = tag.to_ascii_lowercase();
        let prefix = &self.prefix;
        let mut found = false;
        for part in PARTS {
            if let Some(source) = file(&path.join(part))? {
                self.templates.insert(format!("{prefix}{key}/{part}"), source);
                found = true;
            }
        }
        if let Some(text) = file(&path.join(WORDS))? {
            self.words.insert(key, Source::parse(&format!("{prefix}{tag}/{WORDS}"), text)?);
            found = true;
        }
        if found {
            self.tags.insert(tag.to_owned());
        }
        Ok(())
    }

    /// The name of the template that this folder has for a part in a language, or else in one of those after it.
    pub(super) fn template<'t>(&self, mut tags: impl Iterator<Item = &'t str>, part: &str) -> Option<String> {
        let prefix = &self.prefix;
        let there = |name: String| self.templates.contains_key(&name).then_some(name);
        tags.find_map(|tag| there(format!("{prefix}{tag}/{part}"))).or_else(|| there(format!("{prefix}{part}")))
    }
}

/// The folders of applications, by name; none when there is no folder of them.
pub(super) fn applications(folder: &Path) -> Result<Vec<(String, PathBuf)>, TemplateFault> {
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

/// A file's text; nothing when it is not there.
fn file(path: &Path) -> Result<Option<String>, TemplateFault> {
    match std::fs::metadata(path) {
        Ok(found) if found.len() > MAX_FILE => Err(TemplateFault::TooLarge(path.to_owned())),
        Ok(_) => std::fs::read_to_string(path).map(Some).map_err(|error| unreadable(path, &error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => Ok(None),
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> TemplateFault {
    TemplateFault::Unreadable(path.to_owned(), error.kind())
}

/// A language tag (BCP 47) as far as its characters go; it becomes a header.
fn is_tag(name: &str) -> bool {
    (2..=35).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
