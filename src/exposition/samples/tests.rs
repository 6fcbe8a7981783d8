use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use tokio::time::advance;

use super::*;
use crate::admin_api::{Field, User};
use crate::clock::Clock;
use crate::composition::Composition;
use crate::exposition::{Format, Renderer};
use crate::policy::{Bound, Exception, Policies, Policy, Tallies, Terms, Until, Whom, parse_selector};
use crate::roster::Builder;
use crate::snapshot::{Anomalies, Board, Organization, Summary};
use crate::telemetry::Telemetry;
use crate::walk::{CompletedWalk, Way};

const HOUR: Duration = Duration::from_secs(3_600);

fn terms(name: &str, bound: Bound) -> Terms {
    Terms {
        name: name.to_owned(),
        select: parse_selector(r#"{role="owner"}"#).unwrap(),
        of: None,
        bound,
        severity: "critical".to_owned(),
        description: None,
        exceptions: Vec::new(),
    }
}

fn policies(terms: impl IntoIterator<Item = Terms>) -> Arc<Policies> {
    Arc::new(Policies::new(terms.into_iter().map(|terms| Arc::new(Policy::new(terms))).collect()))
}

/// An organization with two owners, a user without a role and a reader, walked for its policies; and who writes it.
fn organization(policies: Arc<Policies>, clock: Clock) -> (Arc<Organization>, Renderer) {
    let start = clock.now();
    let mut composition = Composition::new(Arc::default(), start.whole_unix_seconds());
    let mut tallies = Tallies::new(policies.clone(), Arc::default(), start.whole_unix_seconds());
    let mut roster = Builder::new(None);
    for (id, role) in [("a", Some("owner")), ("b", Some("owner")), ("c", None), ("d", Some("reader"))] {
        let role = role.map_or(Field::Absent, |role| Field::Value(role.into()));
        let user = User { id: id.into(), role, ..User::default() };
        roster.meet(&user);
        composition.add(&user);
        tallies.add(&user);
    }
    let (roster, changes) = roster.finish();
    let organization = Arc::new(Organization::new("acme", HOUR, HOUR));
    organization.set_policies(policies);
    organization.publish(CompletedWalk {
        composition,
        tallied: tallies.finish(),
        roster: Arc::new(roster),
        changes,
        boundaries: Arc::default(),
        way: Way::Sequential,
        summary: Summary { start, end: start, pages: 1, anomalies: Anomalies::default() },
    });
    let board = Arc::new(Board::new(vec![organization.clone()]));
    let telemetry = Telemetry::with_clock(&Registry::new(), clock);
    let renderer = Renderer::new(board, telemetry, clock, Options { changes: true }, Registry::new());
    (organization, renderer)
}

fn samples(renderer: &Renderer) -> Vec<String> {
    let page = renderer.page(Format::Text).unwrap().to_bytes().to_vec();
    let page = String::from_utf8(page).unwrap();
    page.lines().filter(|line| line.starts_with("openai_org_policy_")).map(str::to_owned).collect()
}

#[tokio::test(start_paused = true)]
async fn policies_literally() {
    let clock = Clock::starting_at(1_800_000_000);
    let ended = Exception {
        whom: Whom::User("x".into()),
        reason: "r".into(),
        until: Until::parse("2026-10-01").unwrap(),
    };
    let with_exception = Terms { exceptions: vec![ended], ..terms("ended", Bound::Max(9)) };
    let bounds = [
        terms("few", Bound::Max(1)),
        terms("maybe", Bound::Max(2)),
        terms("share", Bound::MinShare(0.25)),
        with_exception,
    ];
    let (_, renderer) = organization(policies(bounds), clock);
    let expected = [
        r#"openai_org_policy_limit{bound="max",organization="acme",policy="ended",severity="critical"} 9"#,
        r#"openai_org_policy_limit{bound="max",organization="acme",policy="few",severity="critical"} 1"#,
        r#"openai_org_policy_limit{bound="max",organization="acme",policy="maybe",severity="critical"} 2"#,
        r#"openai_org_policy_limit{bound="min_share",organization="acme",policy="share",severity="critical"} 0.25"#,
        r#"openai_org_policy_value{organization="acme",policy="ended"} 2"#,
        r#"openai_org_policy_value{organization="acme",policy="few"} 2"#,
        r#"openai_org_policy_value{organization="acme",policy="maybe"} 2"#,
        r#"openai_org_policy_value{organization="acme",policy="share"} 0.5"#,
        r#"openai_org_policy_violation{organization="acme",policy="ended",severity="critical"} 1"#,
        r#"openai_org_policy_violation{organization="acme",policy="few",severity="critical"} 1"#,
        r#"openai_org_policy_violation{organization="acme",policy="share",severity="critical"} 0"#,
    ];
    assert_eq!(samples(&renderer), expected);

    // Once the figures are withdrawn, the limits are left.
    advance(HOUR + Duration::from_millis(1)).await;
    assert_eq!(samples(&renderer), expected[..4]);
}

#[tokio::test(start_paused = true)]
async fn policies_that_are_put_in_force_show_at_once_what_is_known_for_them() {
    let clock = Clock::starting_at(1_800_000_000);
    let (organization, renderer) = organization(policies([terms("few", Bound::Max(1))]), clock);
    assert_eq!(samples(&renderer).len(), 3);
    let other =
        Terms { select: parse_selector(r#"{role="reader"}"#).unwrap(), ..terms("new", Bound::Max(1)) };
    organization.set_policies(policies([terms("few", Bound::Max(3)), other]));
    assert_eq!(
        samples(&renderer),
        [
            r#"openai_org_policy_limit{bound="max",organization="acme",policy="few",severity="critical"} 3"#,
            r#"openai_org_policy_limit{bound="max",organization="acme",policy="new",severity="critical"} 1"#,
            r#"openai_org_policy_value{organization="acme",policy="few"} 2"#,
            r#"openai_org_policy_violation{organization="acme",policy="few",severity="critical"} 0"#,
        ]
    );
    organization.set_policies(Arc::default());
    assert_eq!(samples(&renderer), Vec::<String>::new());
}
