//! The pages that are written from tables are the ones in the repository, and the tests that a page names exist.

#![allow(clippy::unwrap_used, reason = "a panic here is a failed test with a line number")]

use std::fs;
use std::path::Path;

use openai_org_exporter::{catalog, config};

#[track_caller]
fn assert_is(path: &str, written: &str, page: &str) {
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(kept == written, "{path} is out of date; run: cargo run -- docs {page} > {path}");
}

#[test]
fn docs_metrics_is_what_the_catalog_says() {
    assert_is("docs/metrics.md", &catalog::markdown(), "metrics");
}

#[test]
fn docs_configuration_is_what_the_settings_say() {
    assert_is("docs/configuration.md", &config::markdown(), "configuration");
}

/// The text of all source files below `directory`.
fn sources(directory: &Path, text: &mut String) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "py") {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_promise_names_tests_that_exist() {
    let mut code = String::new();
    ["src", "tests"].iter().for_each(|directory| sources(Path::new(directory), &mut code));
    let page = fs::read_to_string("docs/reliability.md").unwrap();
    let promises: Vec<&str> =
        page.lines().filter(|line| line.starts_with("| ") && line.contains('`')).collect();
    assert!(promises.len() > 20, "the tables of docs/reliability.md are not found");
    for promise in promises {
        let tests = promise.rsplit(" | ").next().unwrap();
        for name in tests.split('`').skip(1).step_by(2).filter(|name| *name != "chaos") {
            let exists = code.contains(&format!("fn {name}(")) || code.contains(&format!("def {name}("));
            assert!(exists, "docs/reliability.md names {name}, which is no test");
        }
    }
}
