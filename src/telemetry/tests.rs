//! What is counted, as a registry shows it.

use super::*;

/// The names of the families that have a series with `organization`.
fn families_of(organization: &str, registry: &Registry) -> BTreeSet<String> {
    let is_its = |label: &proto::LabelPair| label.name() == "organization" && label.value() == organization;
    let gathered = registry.gather();
    let with_it = gathered
        .iter()
        .filter(|family| family.get_metric().iter().any(|metric| metric.get_label().iter().any(is_its)));
    with_it.map(|family| family.name().to_owned()).collect()
}

fn count_everything(telemetry: &OrganizationTelemetry) {
    telemetry.walk("success");
    telemetry.anomaly("duplicate");
    telemetry.api_request(Some(418), Duration::from_secs(1));
    telemetry.api_request(None, Duration::from_secs(1));
    telemetry.api_retry("timeout");
    telemetry.api_response_bytes(1);
    telemetry.api_rate_limit_remaining(1.0);
}

#[test]
fn a_removed_organization_leaves_every_family_and_comes_back_at_zero() {
    let registry = Registry::new();
    let telemetry = Telemetry::new(&registry);
    for name in ["acme", "acme2"] {
        count_everything(&telemetry.organization(name));
    }
    let ours: BTreeSet<String> = catalog::all()
        .filter(|family| family.part == catalog::Part::Exporter && family.labels.contains(&"organization"))
        .map(|family| family.name.to_owned())
        .collect();
    assert_eq!(families_of("acme", &registry), ours, "a family that this test does not fill");

    telemetry.remove_organizations(&BTreeSet::from(["acme"]));
    assert_eq!(families_of("acme", &registry), BTreeSet::new());
    assert_eq!(families_of("acme2", &registry), ours);

    telemetry.organization("acme");
    let successes = telemetry.organizations().into_iter().map(|(_, counts)| counts.walks["success"]);
    assert_eq!(successes.collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn a_handle_alone_shows_nothing() {
    let registry = Registry::new();
    let _handle = Telemetry::new(&registry).handle("acme");
    assert_eq!(families_of("acme", &registry), BTreeSet::new());
}

#[test]
fn a_refused_configuration_leaves_the_time_of_the_last_good_one() {
    let telemetry = Telemetry::new(&Registry::new());
    telemetry.config_loaded(1.5);
    telemetry.config_refused();
    assert_eq!(telemetry.config_reload_successful.get(), 0);
    assert_eq!(telemetry.config_reload_success_timestamp.get(), 1.5);
}
