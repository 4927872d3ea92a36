//! A strict reader of Prometheus's text format, older than the one that Prometheus itself asks for.

use std::collections::{BTreeMap, BTreeSet};

/// One metric as it was told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) kind: String,
    /// Names of labels, without a histogram's own.
    pub(super) labels: BTreeSet<String>,
    /// Values of labels, without a histogram's own.
    pub(super) values: BTreeSet<String>,
}

struct Sample<'t> {
    name: &'t str,
    labels: Vec<(&'t str, String)>,
    value: f64,
}

/// Reads all of it.
///
/// # Panics
/// Something is not as the format has it.
pub(super) fn read(text: &str) -> BTreeMap<String, Told> {
    assert!(text.ends_with('\n'), "the last line ends");
    let mut all: BTreeMap<String, Told> = BTreeMap::new();
    let (mut current, mut seen, mut buckets) = (String::new(), BTreeSet::new(), BTreeMap::new());
    let mut described = None;
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').unwrap_or_else(|| panic!("no words: {line}"));
            assert!(!words.is_empty() && described.is_none(), "{line}");
            described = Some(name.to_owned());
        } else if let Some(typed) = line.strip_prefix("# TYPE ") {
            let (name, kind) = typed.split_once(' ').unwrap_or_else(|| panic!("no type: {line}"));
            assert_eq!(described.take().as_deref(), Some(name), "a type stands behind its help");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            let told = Told { kind: kind.to_owned(), ..Told::default() };
            assert!(all.insert(name.to_owned(), told).is_none(), "twice: {name}");
            name.clone_into(&mut current);
        } else {
            let sample = sample(line);
            let told = all.get_mut(&current).unwrap_or_else(|| panic!("of nothing: {line}"));
            let series = line.rsplit_once(' ').expect("a value").0;
            assert!(seen.insert(series.to_owned()), "twice: {series}");
            of(&current, told, &sample, &mut buckets);
        }
    }
    all
}

/// Checks that a sample is one of its metric, and notes its labels.
fn of(name: &str, told: &mut Told, sample: &Sample<'_>, buckets: &mut BTreeMap<String, (f64, f64)>) {
    let own = |label: &str| told.kind == "histogram" && label == "le";
    let suffix = sample.name.strip_prefix(name).unwrap_or_else(|| panic!("{} among {name}", sample.name));
    match told.kind.as_str() {
        "histogram" => {
            let others: Vec<_> = sample.labels.iter().filter(|(label, _)| *label != "le").collect();
            let key = format!("{name} {others:?}");
            match suffix {
                "_bucket" => {
                    let bound = sample.labels.iter().find(|(label, _)| *label == "le").expect("a bound").1.clone();
                    let bound: f64 = if bound == "+Inf" { f64::INFINITY } else { bound.parse().expect("a number") };
                    let before = buckets.insert(key, (bound, sample.value)).unwrap_or((f64::NEG_INFINITY, 0.0));
                    assert!(before.0 < bound && before.1 <= sample.value, "buckets of {name} do not grow");
                }
                "_count" => {
                    // prometheus-client tells sum and count before the buckets, so the last of these is looked at
                    // where the next series begins; here it is enough that it is a whole number.
                    assert!(sample.value.fract() == 0.0, "{name}");
                }
                "_sum" => assert!(sample.value >= 0.0, "{name}"),
                other => panic!("{name}{other}"),
            }
        }
        "counter" => assert!(suffix.is_empty() && name.ends_with("_total") && sample.value >= 0.0, "{name}"),
        _ => assert!(suffix.is_empty(), "{name}"),
    }
    for (label, value) in &sample.labels {
        if !own(label) {
            told.labels.insert((*label).to_owned());
            told.values.insert(value.clone());
        }
    }
}

fn sample(line: &str) -> Sample<'_> {
    let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
    let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
    assert!(value.is_finite(), "{line}");
    let (name, labels) = match series.split_once('{') {
        Some((name, labels)) => (name, labels.strip_suffix('}').unwrap_or_else(|| panic!("no end: {line}"))),
        None => (series, ""),
    };
    let is_name = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    assert!(is_name(name), "{line}");
    let mut pairs = Vec::new();
    let mut rest = labels;
    while !rest.is_empty() {
        let (label, more) = rest.split_once("=\"").unwrap_or_else(|| panic!("no label: {line}"));
        assert!(is_name(label), "{line}");
        // None of ours has anything that would have to be escaped.
        let (value, more) = more.split_once('"').unwrap_or_else(|| panic!("no end of a value: {line}"));
        assert!(!value.contains(['\\', '\n']) && value.len() <= 64, "{line}");
        pairs.push((label, value.to_owned()));
        rest = more.strip_prefix(',').unwrap_or_else(|| {
            assert!(more.is_empty(), "{line}");
            more
        });
    }
    Sample { name, labels: pairs, value }
}
