//! The pages that are written from tables are the ones in the repository.

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
