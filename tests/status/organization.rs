//! What is said of one organization.

use std::sync::Arc;
use std::time::Duration;

use openai_org_exporter::admin_api::{Account, Error, Field, User};
use openai_org_exporter::catalog;
use openai_org_exporter::snapshot::Activity;
use openai_org_exporter::walk::Meter;
use serde_json::{Value, json};
use tokio::time::advance;

use crate::world::{HOUR, World, text, users};

#[tokio::test(start_paused = true)]
async fn before_the_first_walk_there_are_no_figures() {
    let world = World::one();
    let status = world.json("").await;
    let organization = &status["organization"];
    assert_eq!(organization["state"], "first_walk");
    assert_eq!(organization["words"], "waiting for the first walk");
    for absent in ["figures", "snapshot", "changes", "last_walk", "walk_under_way", "withdrawn_time"] {
        assert_eq!(organization[absent], Value::Null, "{absent}");
    }
    assert_eq!(status["summary"]["users"], Value::Null);
    let page = text(&world.page("").await);
    assert!(page.contains("Waiting for the first walk"), "{page}");
    assert!(page.contains("figures come with the first complete walk"), "{page}");
}

#[tokio::test(start_paused = true)]
async fn a_walk_under_way_shows_how_far_it_is() {
    let world = World::one();
    world.walk(0, &users()).await;
    let (start, meter) = (world.clock.now(), Arc::new(Meter::default()));
    world.organizations[0].set_activity(Activity::Walking { start, meter });
    advance(Duration::from_secs(3)).await;
    let status = world.json("").await;
    assert_eq!(
        status["organization"]["walk_under_way"],
        json!({
            "start_time": "2027-01-15T08:00:04.200Z",
            "elapsed_seconds": 3.0,
            "pages": 0,
            "users": 0,
            "ratio": 0.0,
            "seconds_left": null,
        })
    );
    let page = world.page("").await;
    assert!(text(&page).contains("Walk under way for 3 s: 0 pages, 0 users, 0% of the last walk's"));
    assert!(page.contains("data-refresh-seconds=\"2\""));
}

#[tokio::test(start_paused = true)]
async fn a_small_organization_literally() {
    let world = World::one();
    world.walk(0, &users()[..5]).await;
    advance(Duration::from_secs(60)).await;
    world.walk(0, &users()).await;
    let next = world.clock.now();
    world.organizations[0].set_activity(Activity::Waiting { next: Some(next) });
    advance(Duration::from_secs(120)).await;
    let status = world.json("").await;
    let mut organization = status["organization"].clone();
    let mut figures = organization["figures"].take();
    let mut fields = figures["fields"].take();
    assert_eq!(
        organization,
        json!({
            "name": "acme",
            "state": "fresh",
            "words": "fresh: walked 2 min ago in 4.2 s, 31 pages",
            "poll_interval_seconds": 300.0,
            "snapshot_max_age_seconds": 3600.0,
            "snapshot": {
                "start_time": "2027-01-15T08:01:04.200Z",
                "end_time": "2027-01-15T08:01:08.400Z",
                "age_seconds": 124.2,
                "duration_seconds": 4.2,
                "pages": 31,
            },
            "withdrawn_time": null,
            "last_success_time": "2027-01-15T08:01:08.400Z",
            "last_walk": {
                "end_time": "2027-01-15T08:01:08.400Z",
                "result": "success",
                "http_status": null,
                "words": "complete",
                "duration_seconds": 4.2,
                "pages": 31,
            },
            "failing_since_time": null,
            "next_walk_time": "2027-01-15T08:01:08.400Z",
            "walk_under_way": null,
            "figures": null,
            "policies": [],
            "trend": [
                {"time": "2027-01-15T08:00:00.000Z", "users": 5, "owners": 2, "service_accounts": 1, "people_outside_scim": 1},
                {"time": "2027-01-15T08:01:04.000Z", "users": 6, "owners": 2, "service_accounts": 1, "people_outside_scim": 1},
            ],
            "changes": {
                "since_time": "2027-01-15T08:00:00.000Z",
                "kinds": [
                    {"change": "added", "users": 1},
                    {"change": "removed", "users": 0},
                    {"change": "role_changed", "users": 0},
                    {"change": "banned", "users": 0},
                    {"change": "unbanned", "users": 0},
                    {"change": "disabled", "users": 0},
                    {"change": "enabled", "users": 0},
                    {"change": "scim_linked", "users": 0},
                    {"change": "scim_unlinked", "users": 0},
                ],
                "owners_granted": 0,
            },
            "failed_walks": [],
        })
    );
    assert_eq!(
        figures,
        json!({
            "users": 6,
            "owners": 2,
            "service_accounts": 1,
            "roles": [
                {"role": "owner", "users": 2, "people": 2, "service_accounts": 0, "unknown": 0},
                {"role": "reader", "users": 3, "people": 2, "service_accounts": 1, "unknown": 0},
                {"role": "unknown", "users": 1, "people": null, "service_accounts": null, "unknown": 1},
            ],
            "scim": [
                {"account_type": "user", "managed": 3, "not_managed": 1, "unknown": 0},
                {"account_type": "service_account", "managed": 0, "not_managed": 1, "unknown": 0},
                {"account_type": "unknown", "managed": null, "not_managed": null, "unknown": 1},
            ],
            "people_scim_managed_ratio": 0.75,
            "status": {"active": 3, "disabled": 1, "banned": 1, "unknown": 1},
            "api_key_use": [
                {"account_type": "user", "used": 2, "never": 2, "unknown": 0},
                {"account_type": "service_account", "used": 1, "never": 0, "unknown": 0},
                {"account_type": "unknown", "used": null, "never": null, "unknown": 1},
            ],
            "api_keys_stale": [
                {"older_than": "30d", "used": 3, "never": 2, "service_accounts": 1},
                {"older_than": "90d", "used": 3, "never": 0, "service_accounts": 1},
            ],
            "recently_added": [
                {"within": "1d", "users": 0},
                {"within": "7d", "users": 0},
                {"within": "30d", "users": 0},
            ],
            "developer_personas": [{"name": "unknown", "users": 6}],
            "technical_levels": [{"name": "unknown", "users": 6}],
            "email_domains": [
                {"name": "example.org", "users": 5},
                {"name": "other", "users": 0},
                {"name": "none", "users": 1},
            ],
            "projects": null,
            "users_without_project": null,
            "default_users": null,
            "scale_tier_purchasers": null,
            "last_added_time": "2026-12-06T08:00:00.000Z",
            "last_banned_time": null,
            "fields": null,
            "unreadable_records": 0,
            "anomalies": [
                {"kind": "cursor_gone", "times": 0},
                {"kind": "duplicate", "times": 1},
                {"kind": "missing_cursor", "times": 0},
            ],
        })
    );
    let role = fields.as_array_mut().unwrap().iter().find(|field| field["field"] == "role").unwrap();
    assert_eq!(*role, json!({"field": "role", "users": 5, "ratio": 5.0 / 6.0}));
}

#[tokio::test(start_paused = true)]
async fn the_page_says_in_text_what_the_json_says() {
    let world = World::one();
    world.walk(0, &users()[..5]).await;
    advance(Duration::from_secs(60)).await;
    world.walk(0, &users()).await;
    let page = text(&world.page("").await);
    for words in [
        "Fresh: walked 4 s ago in 4.2 s, 31 pages",
        "Users 6",
        "Owners 2 33% of users",
        "Service accounts 1 17% of users",
        "People outside SCIM 1 of 4 of whom it is known",
        "No API key use for 90d 3 0 of them never used",
        "Banned 1 1 disabled",
        "owner 2 0 0 2",
        "reader 2 1 0 3",
        "unknown unknown unknown 1 1",
        "75% of the people of whom it is known are managed; unknown: 0",
        "People: 4. Managed through SCIM: 3, not managed: 1, unknown: 0.",
        "People 3 1 0 Service accounts 0 1 0 Unknown type unknown unknown 1",
        "30d or longer 3 2 1 90d or longer 3 0 1",
        "Active 3 50% Disabled 1 17% Banned 1 17% Unknown 1 17%",
        "Users from 08:00 UTC to 08:01 UTC: between 5 and 6, at last 6.",
        "Users found changed by walks since 08:00 UTC Change Users Joined 1 Left 0",
        "role 5 83%",
        "Default users unknown",
        "In the walk: users met twice 1",
        "example.org 5 other 0 none 1",
        "Recent failed walks None since this process began.",
    ] {
        assert!(page.contains(words), "{words}\n{page}");
    }
}

#[tokio::test(start_paused = true)]
async fn figures_that_are_withdrawn_are_gone_from_both_and_it_is_said_since_when() {
    let world = World::one();
    world.walk(0, &users()).await;
    let max_age = HOUR - Duration::from_millis(4_200);
    advance(max_age).await;
    assert_eq!(
        world.json("").await["organization"]["figures"]["users"],
        6,
        "it is exactly as old as it may be"
    );
    advance(Duration::from_millis(1)).await;
    world.refuse(0);
    let status = world.json("").await;
    let organization = &status["organization"];
    assert_eq!(
        organization["words"],
        "stale: figures are withdrawn since 09:00 UTC; 401 since 09:00 UTC, key refused"
    );
    assert_eq!((&organization["figures"], &organization["snapshot"]), (&Value::Null, &Value::Null));
    assert_eq!(organization["trend"], json!([]));
    assert_eq!(organization["withdrawn_time"], "2027-01-15T09:00:00.000Z");
    let line = &status["organizations"][0];
    for absent in ["users", "owners", "service_accounts", "people_scim_managed_ratio", "snapshot_time"] {
        assert_eq!(line[absent], Value::Null, "{absent}");
    }
    let page = text(&world.page("").await);
    assert!(page.contains("The last figures were withdrawn at 09:00 UTC, when they were 1 h old."), "{page}");
    assert!(!page.contains("Owners"), "{page}");
    assert!(page.contains("Give it an admin key that is in force."));
}

#[tokio::test(start_paused = true)]
async fn a_walk_that_is_held_back_is_told_apart_from_one_that_failed() {
    let world = World::one();
    world.walk(0, &users()).await;
    world.hold_back(0);
    let status = world.json("").await;
    assert_eq!(status["organization"]["state"], "held_back");
    assert!(text(&world.page("").await).contains("Held back: the latest walk is not believed"));
}

#[tokio::test(start_paused = true)]
async fn where_the_api_says_nothing_nothing_is_zero() {
    let world = World::one();
    let nobody_known =
        [User { id: "a".into(), ..User::default() }, User { id: "b".into(), ..User::default() }];
    world.walk(0, &nobody_known).await;
    let status = world.json("").await;
    let figures = &status["organization"]["figures"];
    assert_eq!(figures["users"], 2);
    for absent in ["owners", "service_accounts", "people_scim_managed_ratio", "projects", "default_users"] {
        assert_eq!(figures[absent], Value::Null, "{absent}");
    }
    assert_eq!(figures["status"], json!({"active": null, "disabled": null, "banned": null, "unknown": 2}));
    assert_eq!(
        figures["scim"],
        json!([{"account_type": "unknown", "managed": null, "not_managed": null, "unknown": 2}])
    );
    let page = text(&world.page("").await);
    for words in [
        "Owners unknown",
        "Banned unknown",
        "The API does not say which accounts are people's.",
        "Active unknown",
    ] {
        assert!(page.contains(words), "{words}\n{page}");
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_is_not_none() {
    let told = |banned: Field<bool>, banned_at: Field<i64>| User {
        id: "a".into(),
        added_at: Field::Value(1_700_000_000),
        user: Field::Value(Account { banned, banned_at, enabled: Field::Value(true), ..Account::default() }),
        ..User::default()
    };
    let untold = || User { id: "b".into(), ..User::default() };
    let (not, at) = (Field::Value(false), Field::Value(1_700_000_000));
    for (users, added, ban) in [
        (vec![], "none", "none"),
        (vec![untold()], "unknown", "unknown"),
        (vec![told(not, Field::Absent)], "1157 d ago", "none"),
        (vec![told(not, Field::Absent), untold()], "1157 d ago", "unknown"),
        (vec![told(Field::Absent, Field::Absent)], "1157 d ago", "unknown"),
        (vec![told(Field::Value(true), Field::Absent)], "1157 d ago", "unknown"),
        (vec![told(Field::Value(true), at)], "1157 d ago", "1157 d ago"),
    ] {
        let world = World::one();
        world.walk(0, &users).await;
        let page = text(&world.page("").await);
        for words in [format!("Newest user added {added}"), format!("Latest ban of those banned {ban}")] {
            assert!(page.contains(&words), "{words}\n{page}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn where_there_is_no_share_in_scim_it_says_why() {
    let somebody = |service_account: Field<bool>, scim: Field<bool>| User {
        id: "a".into(),
        is_service_account: service_account,
        is_scim_managed: scim,
        ..User::default()
    };
    let (yes, no) = (Field::Value(true), Field::Value(false));
    let unknown = || User { id: "b".into(), is_service_account: no, ..User::default() };
    for (users, words) in [
        (vec![], "The API does not say which accounts are people's."),
        (vec![somebody(Field::Absent, yes)], "The API does not say which accounts are people's."),
        (vec![somebody(no, Field::Absent)], "The API does not say who is managed."),
        (vec![somebody(yes, no)], "No account is known to be a person's."),
        (vec![somebody(yes, no), unknown()], "Of no person it is known whether SCIM manages the account."),
        (vec![somebody(no, no)], "0% of the people of whom it is known are managed; unknown: 0"),
    ] {
        let world = World::one();
        world.walk(0, &users).await;
        let page = text(&world.page("").await);
        assert!(page.contains(words), "{words}\n{page}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_result_of_a_walk_has_words() {
    for result in catalog::WALK_RESULTS {
        let world = World::one();
        let error = match *result {
            "success" => {
                world.walk(0, &users()).await;
                None
            }
            "implausible" => {
                world.hold_back(0);
                None
            }
            "forbidden" => Some(Error::Forbidden(Box::default())),
            "rate_limited" => Some(Error::RateLimited(Box::default())),
            "server_error" => Some(Error::ServerError(Box::default())),
            "client_error" => Some(Error::ClientError(Box::default())),
            "timeout" => Some(Error::Timeout(Box::default())),
            "connect" => Some(Error::Connect(Box::default())),
            "tls" => Some(Error::Tls(Box::default())),
            "invalid_response" => Some(Error::InvalidResponse(Box::default())),
            "unauthorized" => Some(Error::Unauthorized(Box::default())),
            "cancelled" => Some(Error::Cancelled(Box::default())),
            other => panic!("no walk ends like this here: {other}"),
        };
        if let Some(error) = error {
            world.fail(0, error);
        }
        let status = world.json("").await;
        let walk = &status["organization"]["last_walk"];
        assert_eq!(walk["result"], *result);
        assert_ne!(walk["words"], "failed", "{result}");
        let words = match *result {
            "success" => "Fresh: walked 4 s ago",
            "implausible" => "No figures: walks are held back since 08:00 UTC",
            _ => "No figures: walks fail since 08:00 UTC, ",
        };
        assert!(text(&world.page("").await).contains(words), "{result}");
    }
}
