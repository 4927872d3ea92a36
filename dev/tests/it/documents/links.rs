//! Links: what they name is there.

use super::{Page, pages};

/// Fewer are not all of them.
const LINKS_MIN: usize = 100;

/// The targets of the links in a page's prose.
fn targets(page: &Page) -> Vec<String> {
    let mut found = Vec::new();
    for line in page.prose() {
        // What stands in backticks is no link.
        let plain: String = line.split('`').step_by(2).collect::<Vec<_>>().join("``");
        for rest in plain.split("](").skip(1) {
            found.push(rest.split(')').next().unwrap_or_default().to_owned());
        }
        for rest in plain.split("<http").skip(1) {
            found.push(format!("http{}", rest.split('>').next().unwrap_or_default()));
        }
    }
    found
}

/// What is wrong with a link on a page, if anything is.
fn fault(page: &Page, target: &str) -> Option<String> {
    if let Some(rest) = target.strip_prefix("http://") {
        let local = ["127.0.0.1:", "localhost:"].iter().any(|host| rest.starts_with(host));
        return (!local).then(|| format!("{target} is not encrypted"));
    }
    if target.starts_with("https://") {
        return None;
    }
    let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let path = if file.is_empty() { page.path.clone() } else { page.path.parent().expect("a folder").join(file) };
    if !path.exists() {
        return Some(format!("{target} is not there"));
    }
    let anchor = anchor.filter(|_| path.extension().is_some_and(|end| end == "md"))?;
    let text = std::fs::read_to_string(&path).expect("a page");
    let anchors = Page { path, text }.anchors();
    (!anchors.contains(anchor)).then(|| format!("{target}: no such heading among {anchors:?}"))
}

#[test]
fn every_link_leads_somewhere() {
    let (mut count, mut outside, mut faults) = (0, 0, Vec::new());
    for page in pages() {
        for target in targets(&page) {
            count += 1;
            outside += usize::from(target.starts_with("https://"));
            faults.extend(fault(&page, &target).map(|fault| format!("{}: {fault}", page.name())));
        }
    }
    println!("{count} links, of which {outside} lead out of the project and were not followed");
    assert!(count >= LINKS_MIN, "{count}");
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn a_broken_link_is_found() {
    let page = Page::at("docs/API.md");
    assert_eq!(fault(&page, "EVENTS.md#on-the-bus"), None);
    for broken in ["NOWHERE.md", "EVENTS.md#nowhere", "#nowhere", "http://example.com/"] {
        assert!(fault(&page, broken).is_some(), "{broken}");
    }
    let text = "[a](b) `[c](d)` <https://e.example>\n```\n[f](g)\n```\n".to_owned();
    assert_eq!(targets(&Page { path: "x.md".into(), text }), ["b", "https://e.example"]);
}
