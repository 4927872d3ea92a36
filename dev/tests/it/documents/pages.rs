//! The pages, read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use otp_dev::workspace;

/// Folders in which no page of the project is.
const ELSEWHERE: [&str; 3] = ["target", "node_modules", ".git"];
/// Fewer are not the project's documents.
const PAGES_MIN: usize = 15;

/// A page in Markdown.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

/// A fenced block: what stands behind its fence, and its lines without the indentation of the fence.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) language: String,
    pub(super) lines: Vec<String>,
}

impl Page {
    pub(super) fn at(name: &str) -> Self {
        let path = workspace::root().join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { path, text }
    }

    /// The path from the root.
    pub(super) fn name(&self) -> String {
        self.path.strip_prefix(workspace::root()).unwrap_or(&self.path).display().to_string()
    }

    pub(super) fn blocks(&self) -> Vec<Block> {
        split(&self.text).0
    }

    /// The lines that are in no block.
    pub(super) fn prose(&self) -> Vec<String> {
        split(&self.text).1
    }

    /// The commands in blocks for a shell, each with the lines that continue it.
    pub(super) fn commands(&self) -> Vec<String> {
        let blocks = self.blocks().into_iter().filter(|block| block.language == "sh");
        blocks.flat_map(|block| joined(&block.lines)).collect()
    }

    /// What links can name behind a `#`: the headings as they become anchors.
    pub(super) fn anchors(&self) -> BTreeSet<String> {
        let prose = self.prose();
        let headings = prose
            .iter()
            .filter_map(|line| line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')));
        let mut anchors = BTreeSet::new();
        for heading in headings {
            let anchor = anchor(heading);
            let again = (1..=99).map(|number| format!("{anchor}-{number}")).find(|again| !anchors.contains(again));
            let new = if anchors.contains(&anchor) { again.unwrap_or_default() } else { anchor };
            anchors.insert(new);
        }
        anchors
    }
}

/// A heading as it becomes an anchor: lower case, blanks to hyphens, and of all other marks hyphen and underscore alone.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn split(text: &str) -> (Vec<Block>, Vec<String>) {
    let (mut blocks, mut prose, mut open): (Vec<Block>, Vec<String>, Option<(usize, Block)>) = Default::default();
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        match (line.trim_start().strip_prefix("```"), open.take()) {
            (Some(language), None) => {
                open = Some((indent, Block { language: language.trim().to_owned(), lines: Vec::new() }));
            }
            (Some(_), Some((_, block))) => blocks.push(block),
            (None, Some((fence, mut block))) => {
                block.lines.push(line.get(fence.min(indent)..).unwrap_or_default().to_owned());
                open = Some((fence, block));
            }
            (None, None) => prose.push(line.to_owned()),
        }
    }
    assert!(open.is_none(), "a block does not end");
    (blocks, prose)
}

/// Lines with those that continue them, without comments and empty ones.
fn joined(lines: &[String]) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    let mut continued = false;
    for line in lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (text, goes_on) = line.strip_suffix('\\').map_or((line, false), |text| (text.trim_end(), true));
        match commands.last_mut().filter(|_| continued) {
            Some(last) => {
                last.push(' ');
                last.push_str(text);
            }
            None => commands.push(text.to_owned()),
        }
        continued = goes_on;
    }
    commands
}

/// All pages of the project.
pub(super) fn pages() -> Vec<Page> {
    let mut found = Vec::new();
    collect(workspace::root(), &mut found);
    assert!(found.len() >= PAGES_MIN, "{found:?}");
    found.sort();
    found.iter().map(|path| Page { text: std::fs::read_to_string(path).expect("a page"), path: path.clone() }).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() && ELSEWHERE.iter().all(|elsewhere| name != *elsewhere) {
            collect(&path, found);
        } else if path.extension().is_some_and(|end| end == "md") {
            found.push(path);
        }
    }
}

#[test]
fn a_page_is_taken_apart() {
    let text = "# A `b` & C\n\n## A\n## A\n\n1. x\n\n   ```sh\n   # no\n   one \\\n     two\n\n   three\n   ```\n```json\n{}\n```\n# in `prose`\n";
    let page = Page { path: "x.md".into(), text: text.to_owned() };
    assert_eq!(page.commands(), ["one two", "three"]);
    assert_eq!(page.blocks().len(), 2);
    assert_eq!(page.anchors().into_iter().collect::<Vec<_>>(), ["a", "a-1", "a-b--c", "in-prose"]);
}
