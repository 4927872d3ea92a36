use std::fmt::Write as _;

use super::*;

#[test]
fn every_problem_reads_as_its_snapshot() {
    let mut text = String::new();
    for problem in examples() {
        let response = problem.clone().into_response();
        writeln!(text, "{}", response.status()).unwrap();
        for name in ["content-type", "retry-after", "ratelimit", "ratelimit-policy", "www-authenticate"] {
            if let Some(value) = response.headers().get(name) {
                writeln!(text, "{name}: {}", value.to_str().unwrap()).unwrap();
            }
        }
        write!(text, "{}\n\n", serde_json::to_string_pretty(&problem.to_json()).unwrap()).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn slugs_differ_and_waits_are_said() {
    let mut slugs = std::collections::HashSet::new();
    for problem in examples() {
        assert!(slugs.insert(problem.slug()), "{} twice", problem.slug());
        if matches!(problem.status().as_u16(), 429 | 503) {
            assert!(problem.retry_after_secs().is_some_and(|seconds| seconds >= 1), "{}", problem.slug());
        }
    }
}
