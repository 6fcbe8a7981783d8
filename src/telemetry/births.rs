//! Since when the exporter's own counters and histograms count: what they were born at, in Unix milliseconds.
//!
//! Those of the process begin with it. Those of an organization begin when it is added: it may have been removed, and
//! its series with it. A series that comes up with its first event counts since then too, for it stood for 0.

use std::collections::BTreeMap;

use prometheus::proto::{Metric, MetricFamily};

use crate::catalog::{self, Kind, Part};

/// The births at one moment.
#[derive(Debug, Clone, Default)]
pub struct Births {
    pub(super) process: Option<u64>,
    pub(super) organizations: BTreeMap<String, u64>,
}

/// The births of one family's series.
#[derive(Debug, Clone, Copy)]
pub struct FamilyBirths<'b> {
    births: &'b Births,
    of: Of,
}

/// Whose birth it is.
#[derive(Debug, Clone, Copy)]
enum Of {
    Nobody,
    Process,
    Organization,
}

impl Births {
    /// Since when the counters of the process count, where that is known.
    pub fn of_process(&self) -> Option<u64> {
        self.process
    }

    /// The births of `family`'s series: none for gauges, for counters that outlive the process, and for families that
    /// are not the exporter's own.
    pub fn of(&self, family: &MetricFamily) -> FamilyBirths<'_> {
        let own = |known: &&catalog::Family| known.part == Part::Exporter && known.kind != Kind::Gauge;
        let of = match catalog::all().filter(own).find(|known| known.name == family.name()) {
            None => Of::Nobody,
            Some(known) if known.labels.contains(&"organization") => Of::Organization,
            Some(_) => Of::Process,
        };
        FamilyBirths { births: self, of }
    }
}

impl FamilyBirths<'_> {
    /// When `series` was born, in Unix milliseconds, where that is known.
    pub fn birth(self, series: &Metric) -> Option<u64> {
        match self.of {
            Of::Nobody => None,
            Of::Process => self.births.process,
            Of::Organization => {
                let organization = series.get_label().iter().find(|label| label.name() == "organization")?;
                self.births.organizations.get(organization.value()).copied()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use prometheus::Registry;
    use tokio::time::advance;

    use super::*;
    use crate::clock::Clock;
    use crate::telemetry::Telemetry;

    const START: u64 = 1_800_000_000;

    /// The births of a family's series that the registry shows, by the value of `label`.
    fn births(
        births: &Births,
        registry: &Registry,
        name: &str,
        label: &str,
    ) -> BTreeMap<String, Option<u64>> {
        let gathered = registry.gather();
        let family = gathered.iter().find(|family| family.name() == name).unwrap();
        let value = |series: &Metric| {
            series.get_label().iter().find(|known| known.name() == label).unwrap().value().to_owned()
        };
        let births = births.of(family);
        family.get_metric().iter().map(|series| (value(series), births.birth(series))).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn an_organization_that_comes_back_counts_since_then_and_the_process_since_its_start() {
        let registry = Registry::new();
        let telemetry = Telemetry::with_clock(&registry, Clock::starting_at(START));
        advance(Duration::from_millis(1_500)).await;
        telemetry.organization("acme").api_request(Some(418), Duration::from_secs(1));
        telemetry.http_request("metrics", 200, Duration::from_secs(1));
        let (since, later) = (START * 1_000 + 1_500, START * 1_000 + 4_500);
        let all = telemetry.births();
        for name in ["openai_org_exporter_walks_total", "openai_org_exporter_api_request_duration_seconds"] {
            let expected = BTreeMap::from([("acme".to_owned(), Some(since))]);
            assert_eq!(births(&all, &registry, name, "organization"), expected, "{name}");
        }
        let codes = births(&all, &registry, "openai_org_exporter_api_requests_total", "code");
        assert_eq!(codes["418"], Some(since), "it was at 0 before");
        let handlers = births(&all, &registry, "openai_org_exporter_http_requests_total", "handler");
        assert_eq!(handlers["metrics"], Some(START * 1_000));

        advance(Duration::from_secs(3)).await;
        telemetry.organization("acme");
        let walks = |all: &Births| births(all, &registry, "openai_org_exporter_walks_total", "organization");
        assert_eq!(walks(&telemetry.births())["acme"], Some(since), "its series were there already");
        telemetry.remove_organizations(&BTreeSet::from(["acme"]));
        telemetry.organization("acme");
        assert_eq!(walks(&telemetry.births())["acme"], Some(later));
    }

    #[test]
    fn a_series_of_nobody_has_no_birth() {
        let registry = Registry::new();
        let telemetry = Telemetry::new(&registry);
        telemetry.handle("gone").walk("success");
        let walks = births(&telemetry.births(), &registry, "openai_org_exporter_walks_total", "organization");
        assert_eq!(walks, BTreeMap::from([("gone".to_owned(), None)]));
    }

    #[test]
    fn gauges_and_what_is_kept_over_a_restart_have_no_birth() {
        let births = Telemetry::new(&Registry::new()).births();
        for family in catalog::all() {
            let mut proto = MetricFamily::default();
            proto.set_name(family.name.to_owned());
            let has_one = !matches!(births.of(&proto).of, Of::Nobody);
            let counts = family.part == Part::Exporter && !matches!(family.kind, Kind::Gauge);
            assert_eq!(has_one, counts, "{}", family.name);
        }
        let mut foreign = MetricFamily::default();
        foreign.set_name("process_cpu_seconds_total".to_owned());
        assert!(matches!(births.of(&foreign).of, Of::Nobody));
    }
}
