//! Scrapes while walks are published.

#![allow(clippy::unwrap_used, reason = "a panic here is a failed test with a line number")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use openai_org_exporter::admin_api::User;
use openai_org_exporter::clock::Clock;
use openai_org_exporter::composition::Composition;
use openai_org_exporter::exposition::{Format, Options, OrganizationCollector, Renderer, render};
use openai_org_exporter::roster::Builder;
use openai_org_exporter::snapshot::{Anomalies, Board, Organization, Summary};
use openai_org_exporter::telemetry::Telemetry;
use openai_org_exporter::walk::{CompletedWalk, Way};
use prometheus::Registry;

/// A walk that says its number in the figures, the pages and the fingerprint.
fn walk(number: u64, clock: Clock) -> CompletedWalk {
    let mut composition = Composition::new(Arc::default(), 0);
    let mut roster = Builder::new(None);
    for user in 0..number {
        let user = User { id: format!("user-{user}").into(), ..User::default() };
        roster.meet(&user);
        composition.add(&user);
    }
    let (roster, changes) = roster.finish();
    let (start, end) = (clock.now(), clock.now());
    let summary = Summary { start, end, pages: number, anomalies: Anomalies::default() };
    CompletedWalk {
        tallied: Default::default(),
        composition,
        roster: Arc::new(roster),
        changes,
        boundaries: Arc::default(),
        way: Way::Sequential,
        summary,
    }
}

#[tokio::test]
async fn scrapes_never_mix_two_walks() {
    let clock = Clock::system();
    let organization =
        Arc::new(Organization::new("acme", Duration::from_secs(60), Duration::from_secs(3600)));
    organization.publish(walk(1, clock));
    let registry = Registry::new();
    let board = Arc::new(Board::new(vec![organization.clone()]));
    let (telemetry, changes) = (Telemetry::new(&Registry::new()), Options { changes: true });
    registry.register(Box::new(OrganizationCollector::new(board.clone(), clock, changes))).unwrap();
    let renderer = Renderer::new(board, telemetry, clock, changes, Registry::new());
    let fingerprints: Vec<u64> = (0..=40).map(|number| walk(number, clock).roster.fingerprint()).collect();

    let scraped = Arc::new(AtomicBool::new(false));
    let done = scraped.clone();
    let publishing = std::thread::spawn(move || {
        let mut published = 0u64;
        while !done.load(Relaxed) {
            organization.publish(walk(published % 40 + 1, clock));
            published += 1;
        }
        published
    });
    let mut seen = std::collections::BTreeSet::new();
    for scrape in 0..6_000 {
        let page = match scrape % 2 {
            0 => render(&registry).unwrap(),
            _ => renderer.page(Format::Text).unwrap().to_bytes().into(),
        };
        let page = String::from_utf8(page).unwrap();
        let value = |name: &str| -> u64 {
            let line = page.lines().find(|line| line.starts_with(name)).unwrap();
            line.rsplit(' ').next().unwrap().parse().unwrap()
        };
        let users = value("openai_org_users{");
        assert_eq!(value("openai_org_last_walk_pages{"), users);
        assert_eq!(value("openai_org_roster_fingerprint{"), fingerprints[usize::try_from(users).unwrap()]);
        seen.insert(users);
    }
    scraped.store(true, Relaxed);
    assert!(publishing.join().unwrap() > 100 && seen.len() > 3, "nothing was published between scrapes");
}
