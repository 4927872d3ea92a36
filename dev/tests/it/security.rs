//! docs/SECURITY.md says which test shows what: each of them is there.

use std::collections::BTreeSet;
use std::path::Path;

use otp_dev::workspace;

/// The columns of a table in which tests stand.
const COLUMN: &str = "tests";
/// Fewer than this are not the page.
const NAMED_MIN: usize = 30;

/// The words in backticks in the column of tests, and the rows that say `met` and name none.
fn named(page: &str) -> (BTreeSet<String>, Vec<String>) {
    let (mut names, mut bare, mut column) = (BTreeSet::new(), Vec::new(), None);
    for line in page.lines() {
        let Some(row) = line.strip_prefix('|') else {
            column = None;
            continue;
        };
        let cells: Vec<&str> = row.trim_end_matches('|').split('|').map(str::trim).collect();
        match column {
            None => column = cells.iter().position(|cell| *cell == COLUMN).or(Some(usize::MAX)),
            Some(usize::MAX) => {}
            Some(at) => {
                let words: Vec<&str> =
                    cells.get(at).copied().unwrap_or_default().split('`').skip(1).step_by(2).collect();
                if words.is_empty() && cells.contains(&"met") {
                    bare.push(line.to_owned());
                }
                names.extend(words.into_iter().map(str::to_owned));
            }
        }
    }
    (names, bare)
}

/// The names of all tests below a folder.
fn tests_below(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() && name != "target" && name != "node_modules" {
            tests_below(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = std::fs::read_to_string(&path).expect("a file");
            let mut attributed = false;
            for line in text.lines().map(str::trim) {
                if line.starts_with("#[") {
                    attributed |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
                    continue;
                }
                if let Some((_, rest)) = line.split_once("fn ").filter(|_| attributed) {
                    found.insert(rest.split('(').next().unwrap_or_default().to_owned());
                }
                attributed = false;
            }
        }
    }
}

#[test]
fn every_test_on_the_security_page_exists() {
    let page = std::fs::read_to_string(workspace::root().join("docs/SECURITY.md")).expect("the page");
    let (names, bare) = named(&page);
    assert!(names.len() >= NAMED_MIN, "{names:?}");
    let mut tests = BTreeSet::new();
    for package in ["nats", "gateway", "mailer", "notifier", "dev"] {
        tests_below(&workspace::root().join(package), &mut tests);
    }
    let missing: Vec<&String> = names.difference(&tests).collect();
    assert!(missing.is_empty(), "docs/SECURITY.md names tests that are not there: {missing:#?}");
    // What is met without a test says so in other words than `met`.
    let allowed = ["16.2.4"];
    let bare: Vec<&String> = bare.iter().filter(|row| allowed.iter().all(|number| !row.contains(number))).collect();
    assert!(bare.is_empty(), "met, and by no test: {bare:#?}");
}

#[test]
fn names_are_read_from_their_column_alone() {
    let page =
        "| a `b` | tests |\n|---|---|\n| `no` met | `one` `two` |\n\ntext `no`\n| x | y |\n|--|--|\n| met | `no` |\n";
    let (names, bare) = named(page);
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["one", "two"]);
    assert!(bare.is_empty());
    let (_, bare) = named("| how | tests |\n|---|---|\n| met | |\n");
    assert_eq!(bare.len(), 1);
}
