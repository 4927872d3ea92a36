//! The older text format of Prometheus, for scrapers that do not ask for OpenMetrics.

/// The content type of OpenMetrics 1.0.
pub(super) const OPEN: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// The content type of the older format.
pub(super) const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether a scraper that sends this `Accept` reads OpenMetrics.
pub(super) fn reads_open_metrics(accept: Option<&str>) -> bool {
    accept.is_some_and(|accept| accept.contains("application/openmetrics-text"))
}

/// OpenMetrics text in the older format: there a counter is called as its samples are, with `_total`, and units and the
/// end are not said.
pub(super) fn from_open_metrics(text: &str) -> String {
    let mut classic = String::with_capacity(text.len());
    let mut help = None;
    for line in text.lines() {
        if let Some(described) = line.strip_prefix("# HELP ") {
            help = described.split_once(' ');
        } else if let Some(typed) = line.strip_prefix("# TYPE ") {
            let (name, kind) = typed.split_once(' ').unwrap_or((typed, "untyped"));
            let suffix = if kind == "counter" { "_total" } else { "" };
            if let Some((_, help)) = help.take() {
                classic.extend(["# HELP ", name, suffix, " ", help, "\n"]);
            }
            let kind = if kind == "unknown" { "untyped" } else { kind };
            classic.extend(["# TYPE ", name, suffix, " ", kind, "\n"]);
        } else if !line.starts_with('#') {
            classic.extend([line, "\n"]);
        }
    }
    classic
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_named_as_its_samples_are() {
        let open = "# HELP a_b Words, words.\n# TYPE a_b counter\na_b_total{x=\"# y\"} 1\n\
                    # HELP c_seconds Time.\n# TYPE c_seconds gauge\n# UNIT c_seconds seconds\nc_seconds 2\n# EOF\n";
        let classic = "# HELP a_b_total Words, words.\n# TYPE a_b_total counter\na_b_total{x=\"# y\"} 1\n\
                       # HELP c_seconds Time.\n# TYPE c_seconds gauge\nc_seconds 2\n";
        assert_eq!(from_open_metrics(open), classic);
    }

    #[test]
    fn whoever_asks_for_it_gets_open_metrics() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1";
        assert!(reads_open_metrics(Some(prometheus)));
        assert!(!reads_open_metrics(Some("*/*")) && !reads_open_metrics(None));
    }
}
