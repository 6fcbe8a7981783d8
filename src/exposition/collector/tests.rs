use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use prometheus::Registry;
use proptest::prelude::*;
use tokio::time::advance;

use super::*;
use crate::catalog::Part;
use crate::clock::Moment;
use crate::composition::{Figures, Label, Row};
use crate::exposition::render;
use crate::policy::Tallied;
use crate::roster::{Change, Grant, Totals};
use crate::snapshot::{LastWalk, Organization, OrganizationState, Snapshot, Timing};

/// A board of one organization, five seconds after a walk of two.
fn board(figures: Option<Figures>, clock: &Clock) -> Arc<Board> {
    let (interval, max_age) = (Duration::from_secs(300), Duration::from_secs(3600));
    let start = clock.now();
    let end = Moment {
        wall: start.wall + Duration::from_millis(1500),
        instant: start.instant + Duration::from_millis(1500),
    };
    let state = match figures {
        None => OrganizationState::default(),
        Some(figures) => {
            let summary = crate::snapshot::Summary { start, end, pages: 2, anomalies: Default::default() };
            let last_walk = LastWalk { end, duration: Duration::from_millis(1500), pages: 2, failure: None };
            let snapshot = Arc::new(Snapshot {
                users: 0,
                fingerprint: 4_711,
                tallied: Tallied::default(),
                options: Arc::default(),
                summary,
                figures,
            });
            OrganizationState {
                snapshot: Some(snapshot),
                last_success: Some(end),
                last_walk: Some(last_walk),
                ..OrganizationState::default()
            }
        }
    };
    Arc::new(Board::new(vec![Arc::new(Organization::with_state("acme", interval, max_age, state))]))
}

/// Composition and freshness.
fn exposition(board: Arc<Board>, clock: Clock) -> String {
    exposition_with(board, clock, Options { changes: false })
}

fn exposition_with(board: Arc<Board>, clock: Clock, options: Options) -> String {
    let registry = Registry::new();
    registry.register(Box::new(OrganizationCollector::new(board, clock, options))).unwrap();
    String::from_utf8(render(&registry).unwrap()).unwrap()
}

fn samples(page: &str) -> Vec<&str> {
    page.lines().filter(|line| !line.starts_with('#')).collect()
}

fn row<const N: usize>(labels: [&str; N], value: u64) -> Row<N> {
    Row { labels: labels.map(|label| Label::from(label.to_owned())), value }
}

fn small() -> Figures {
    Figures {
        users: vec![
            row(["owner", "user", "true", "active"], 1),
            row(["reader", "user", "false", "banned"], 0),
        ],
        by_api_key_use: vec![row(["owner", "user", "never"], 1)],
        api_key_stale: vec![row(["owner", "user", "never", "90d"], 1)],
        recently_added: vec![row(["owner", "user", "7d"], 0)],
        last_added: Some(1_799_000_000),
        last_banned: None,
        by_developer_persona: vec![row(["unknown"], 1)],
        by_technical_level: vec![row(["high"], 1)],
        by_email_domain: vec![row(["acme.com", "owner"], 1)],
        project_users: vec![row(["proj_1", "member"], 1)],
        project_info: vec![row(["proj_1", "Say \"hi\"\\\n"], 1)],
        without_project: Some(0),
        default_users: Some(1),
        scale_tier_purchasers: None,
        with_field: vec![row(["role"], 1)],
        unreadable: 2,
    }
}

#[tokio::test(start_paused = true)]
async fn a_small_organization_literally() {
    let clock = Clock::starting_at(1_800_000_000);
    let page = exposition(board(Some(small()), &clock), clock);
    assert_eq!(
        samples(&page),
        [
            r#"openai_org_last_success_timestamp_seconds{organization="acme"} 1800000001.5"#,
            r#"openai_org_last_walk_duration_seconds{organization="acme"} 1.5"#,
            r#"openai_org_last_walk_pages{organization="acme"} 2"#,
            r#"openai_org_last_walk_result{organization="acme",result="success"} 1"#,
            r#"openai_org_poll_interval_seconds{organization="acme"} 300"#,
            r#"openai_org_project_info{organization="acme",project_id="proj_1",project_name="Say \"hi\"\\\n"} 1"#,
            r#"openai_org_project_users{organization="acme",project_id="proj_1",project_role="member"} 1"#,
            r#"openai_org_snapshot_anomalies{kind="cursor_gone",organization="acme"} 0"#,
            r#"openai_org_snapshot_anomalies{kind="duplicate",organization="acme"} 0"#,
            r#"openai_org_snapshot_anomalies{kind="missing_cursor",organization="acme"} 0"#,
            r#"openai_org_snapshot_available{organization="acme"} 1"#,
            r#"openai_org_snapshot_max_age_seconds{organization="acme"} 3600"#,
            r#"openai_org_snapshot_timestamp_seconds{organization="acme"} 1800000000"#,
            r#"openai_org_up{organization="acme"} 1"#,
            r#"openai_org_user_last_added_timestamp_seconds{organization="acme"} 1799000000"#,
            r#"openai_org_users{account_type="user",organization="acme",role="owner",scim_managed="true",status="active"} 1"#,
            r#"openai_org_users{account_type="user",organization="acme",role="reader",scim_managed="false",status="banned"} 0"#,
            r#"openai_org_users_api_key_stale{account_type="user",older_than="90d",organization="acme",role="owner",use="never"} 1"#,
            r#"openai_org_users_by_api_key_use{account_type="user",organization="acme",role="owner",use="never"} 1"#,
            r#"openai_org_users_by_developer_persona{developer_persona="unknown",organization="acme"} 1"#,
            r#"openai_org_users_by_email_domain{email_domain="acme.com",organization="acme",role="owner"} 1"#,
            r#"openai_org_users_by_technical_level{organization="acme",technical_level="high"} 1"#,
            r#"openai_org_users_default{organization="acme"} 1"#,
            r#"openai_org_users_recently_added{account_type="user",organization="acme",role="owner",within="7d"} 0"#,
            r#"openai_org_users_unreadable{organization="acme"} 2"#,
            r#"openai_org_users_with_field{field="role",organization="acme"} 1"#,
            r#"openai_org_users_without_project{organization="acme"} 0"#,
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn every_family_shown_has_its_help_and_type_from_the_catalog() {
    let clock = Clock::starting_at(1_800_000_000);
    let page = exposition(board(Some(small()), &clock), clock);
    for family in families().filter(|family| page.contains(&format!("\n{}{{", family.name))) {
        assert!(
            page.contains(&format!("# HELP {} {}\n# TYPE {} gauge\n", family.name, family.help, family.name))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn before_the_first_walk_there_is_freshness_only() {
    let clock = Clock::starting_at(1_800_000_000);
    let page = exposition(board(None, &clock), clock);
    assert_eq!(
        samples(&page),
        [
            r#"openai_org_poll_interval_seconds{organization="acme"} 300"#,
            r#"openai_org_snapshot_available{organization="acme"} 0"#,
            r#"openai_org_snapshot_max_age_seconds{organization="acme"} 3600"#,
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_result_of_the_latest_walk_is_one_series() {
    let clock = Clock::starting_at(1_800_000_000);
    let board = board(Some(small()), &clock);
    let failed = LastWalk {
        end: clock.now(),
        duration: Duration::from_secs(1),
        pages: 0,
        failure: Some("unauthorized"),
    };
    let organization = &board.organizations()[0];
    let state = OrganizationState { last_walk: Some(failed), ..(*organization.state()).clone() };
    let organization =
        Organization::with_state("acme", Duration::from_secs(300), Duration::from_secs(3600), state);
    let page = exposition(Arc::new(Board::new(vec![Arc::new(organization)])), clock);
    let results: Vec<_> = samples(&page).into_iter().filter(|line| line.contains("_result{")).collect();
    assert_eq!(results, [r#"openai_org_last_walk_result{organization="acme",result="unauthorized"} 1"#]);
}

#[tokio::test(start_paused = true)]
async fn composition_is_withdrawn_when_its_walk_began_longer_ago_than_the_maximum_age() {
    let clock = Clock::starting_at(1_800_000_000);
    let board = board(Some(small()), &clock);
    advance(Duration::from_secs(3600)).await;
    let at_the_limit = exposition(board.clone(), clock);
    assert!(
        at_the_limit.contains("openai_org_users{")
            && at_the_limit.contains("_available{organization=\"acme\"} 1")
    );
    assert_eq!(board.without_fresh_snapshot(&clock.now()), (0, 1));

    advance(Duration::from_millis(1)).await;
    let names: BTreeSet<String> = samples(&exposition(board.clone(), clock))
        .iter()
        .map(|line| line.split('{').next().unwrap().to_owned())
        .collect();
    let expected: BTreeSet<String> = families()
        .filter(|family| family.part == Part::Freshness)
        .map(|family| family.name.to_owned())
        .collect();
    assert_eq!(names, expected, "freshness stays, all of it, and nothing else");
    assert_eq!(board.without_fresh_snapshot(&clock.now()), (1, 1));

    // A reload may grant more time, and then what was withdrawn is there again.
    let (interval, max_age) = (Duration::from_secs(60), Duration::from_secs(7200));
    board.organizations()[0].set_timing(Timing { interval, max_age });
    let page = exposition(board.clone(), clock);
    assert!(page.contains("openai_org_users{"));
    assert!(page.contains("_poll_interval_seconds{organization=\"acme\"} 60"));
    assert!(page.contains("_snapshot_max_age_seconds{organization=\"acme\"} 7200"));
    assert_eq!(board.without_fresh_snapshot(&clock.now()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_board_that_is_replaced_holds_from_the_next_scrape_on() {
    let clock = Clock::starting_at(1_800_000_000);
    let (first, second) = (board(Some(small()), &clock), board(None, &clock));
    let page = || exposition(first.clone(), clock);
    assert!(page().contains("openai_org_users{"));
    first.replace(second.organizations().to_vec());
    assert!(!page().contains("openai_org_users{") && page().contains("_available{organization=\"acme\"} 0"));
    first.replace(Vec::new());
    assert!(page().is_empty(), "{}", page());
}

#[tokio::test(start_paused = true)]
async fn changes_are_there_at_0_from_the_start() {
    let clock = Clock::starting_at(1_800_000_000);
    let page = exposition_with(board(None, &clock), clock, Options { changes: true });
    let changes: Vec<&str> = samples(&page).into_iter().filter(|line| line.contains("_total")).collect();
    assert_eq!(
        changes,
        [
            r#"openai_org_user_changes_total{change="added",organization="acme"} 0"#,
            r#"openai_org_user_changes_total{change="banned",organization="acme"} 0"#,
            r#"openai_org_user_changes_total{change="disabled",organization="acme"} 0"#,
            r#"openai_org_user_changes_total{change="enabled",organization="acme"} 0"#,
            r#"openai_org_user_changes_total{change="removed",organization="acme"} 0"#,
            r#"openai_org_user_changes_total{change="role_changed",organization="acme"} 0"#,
            r#"openai_org_user_changes_total{change="scim_linked",organization="acme"} 0"#,
            r#"openai_org_user_changes_total{change="scim_unlinked",organization="acme"} 0"#,
            r#"openai_org_user_changes_total{change="unbanned",organization="acme"} 0"#,
            r#"openai_org_user_role_grants_total{organization="acme",role="other"} 0"#,
            r#"openai_org_user_role_grants_total{organization="acme",role="owner"} 0"#,
            r#"openai_org_user_role_grants_total{organization="acme",role="reader"} 0"#,
        ]
    );
    assert!(page.contains("# TYPE openai_org_user_changes_total counter\n"));
    assert!(
        !page.contains("_change_timestamp") && !page.contains("_since_") && !page.contains("fingerprint")
    );
}

#[tokio::test(start_paused = true)]
async fn changes_outlive_the_composition_and_the_fingerprint_does_not() {
    let clock = Clock::starting_at(1_800_000_000);
    let board = board(Some(small()), &clock);
    let state = OrganizationState::clone(&board.organizations()[0].state());
    let mut changes = Totals { since: Some(1_799_999_000_500), ..Totals::default() };
    changes.changes[Change::RoleChanged as usize] = 2;
    changes.last_changes[Change::RoleChanged as usize] = Some(1_799_999_900_250);
    changes.grants[Grant::Owner as usize] = 1;
    changes.last_owner_grant = Some(1_799_999_800_000);
    let state = OrganizationState { changes, ..state };
    let day = Duration::from_secs(86_400);
    let board = Arc::new(Board::new(vec![Arc::new(Organization::with_state("acme", day, day, state))]));
    let changes = |page: &str| -> Vec<String> {
        let shown = |line: &&str| line.contains("chang") && !line.ends_with(" 0") || line.contains("grant");
        samples(page).into_iter().filter(shown).map(str::to_owned).collect()
    };
    let page = exposition_with(board.clone(), clock, Options { changes: true });
    assert!(page.contains("\nopenai_org_roster_fingerprint{organization=\"acme\"} 4711\n"));
    let fresh = changes(&page);
    assert_eq!(
        fresh,
        [
            r#"openai_org_changes_since_timestamp_seconds{organization="acme"} 1799999000.5"#,
            r#"openai_org_last_change_timestamp_seconds{change="owner_granted",organization="acme"} 1799999800"#,
            r#"openai_org_last_change_timestamp_seconds{change="role_changed",organization="acme"} 1799999900.25"#,
            r#"openai_org_user_changes_total{change="role_changed",organization="acme"} 2"#,
            r#"openai_org_user_role_grants_total{organization="acme",role="other"} 0"#,
            r#"openai_org_user_role_grants_total{organization="acme",role="owner"} 1"#,
            r#"openai_org_user_role_grants_total{organization="acme",role="reader"} 0"#,
        ]
    );
    advance(day + Duration::from_secs(1)).await;
    let page = exposition_with(board, clock, Options { changes: true });
    assert!(!page.contains("fingerprint") && !page.contains("openai_org_users{"));
    assert_eq!(changes(&page), fresh);
}

/// Reads a sample's labels as the format defines them, with its three escapes.
fn parse_labels(line: &str) -> BTreeMap<String, String> {
    let (mut labels, mut rest) = (BTreeMap::new(), line.split_once('{').unwrap().1);
    while !rest.starts_with('}') {
        let (name, after) = rest.trim_start_matches(',').split_once("=\"").unwrap();
        let (mut value, mut characters) = (String::new(), after.char_indices());
        let end = loop {
            match characters.next().unwrap() {
                (_, '\\') => value.push(match characters.next().unwrap().1 {
                    'n' => '\n',
                    other => other,
                }),
                (index, '"') => break index + 1,
                (_, other) => value.push(other),
            }
        };
        labels.insert(name.to_owned(), value);
        rest = &after[end..];
    }
    labels
}

proptest! {
    #[test]
    fn any_label_value_survives_the_text_format(role in any::<String>(), project in "[\"\\\\\n,={} a]{0,12}") {
        let clock = Clock::system();
        let figures = Figures {
            users: vec![row([role.as_str(), "user", "true", "active"], 1)],
            project_info: vec![row(["p", project.as_str()], 1)],
            ..Figures::default()
        };
        let page = exposition(board(Some(figures), &clock), clock);
        let labels = |name: &str| {
            // Only line feeds end a line of the format.
            parse_labels(page.split('\n').find(|line| line.starts_with(name)).unwrap())
        };
        prop_assert_eq!(&labels("openai_org_users{")["role"], &role);
        prop_assert_eq!(&labels("openai_org_project_info{")["project_name"], &project);
    }
}
