//! How long it takes to write a page: plainly, with nothing kept, with one organization of all published anew, and with
//! everything as it was.

#![allow(missing_docs, reason = "criterion writes functions without")]
#![allow(clippy::unwrap_used, reason = "a panic here is a failed benchmark")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use openai_org_exporter::admin_api::{Account, Field, Project, User};
use openai_org_exporter::clock::Clock;
use openai_org_exporter::composition::Composition;
use openai_org_exporter::exposition::{Format, Options, OrganizationCollector, Renderer, encode};
use openai_org_exporter::roster::Builder;
use openai_org_exporter::snapshot::{Anomalies, Board, Organization, Summary};
use openai_org_exporter::telemetry::Telemetry;
use openai_org_exporter::walk::{CompletedWalk, Way};
use prometheus::Registry;

const CHANGES: Options = Options { changes: true };
const HOUR: Duration = Duration::from_secs(3600);
const USERS: usize = 100;

/// The `number`th of the users.
fn user(number: usize) -> User<'static> {
    let project = |number: usize| Project {
        id: Field::Value(format!("proj_{}", number % 5).into()),
        name: Field::Value(format!("Project {}", number % 5).into()),
        role: Field::Value(if number.is_multiple_of(2) { "owner".into() } else { "member".into() }),
    };
    let flag = |every: usize| Field::Value(number.is_multiple_of(every));
    User {
        id: format!("user-{number}").into(),
        role: Field::Value(if number.is_multiple_of(10) { "owner".into() } else { "reader".into() }),
        is_service_account: flag(9),
        is_scim_managed: flag(2),
        added_at: Field::Value(1_700_000_000 + 86_400 * i64::try_from(number).unwrap()),
        api_key_last_used_at: Field::Value(1_750_000_000),
        projects: Field::Value(vec![project(number), project(number + 1)].into()),
        user: Field::Value(Account { banned: flag(50), enabled: Field::Value(true), ..Account::default() }),
        ..User::default()
    }
}

fn publish(organization: &Organization, clock: Clock) {
    let mut composition = Composition::new(Arc::default(), clock.now().whole_unix_seconds());
    let mut roster = Builder::new(organization.state().roster.clone());
    for user in (0..USERS).map(user) {
        roster.meet(&user);
        composition.add(&user);
    }
    let (roster, changes) = roster.finish();
    let (start, end) = (clock.now(), clock.now());
    let summary = Summary { start, end, pages: 1, anomalies: Anomalies::default() };
    organization.publish(CompletedWalk {
        tallied: Default::default(),
        composition,
        roster: Arc::new(roster),
        changes,
        boundaries: Arc::default(),
        way: Way::Sequential,
        summary,
    });
}

fn rendering(criterion: &mut Criterion) {
    for number in [1, 1_000] {
        let (plain, clock) = (Registry::new(), Clock::system());
        let telemetry = Telemetry::new(&plain);
        let organization = |number| Arc::new(Organization::new(format!("org-{number}"), HOUR, HOUR));
        let organizations: Vec<_> = (0..number).map(organization).collect();
        for organization in &organizations {
            telemetry.organization(&organization.name).api_request(Some(200), Duration::from_millis(80));
            publish(organization, clock);
        }
        let board = Arc::new(Board::new(organizations.clone()));
        plain.register(Box::new(OrganizationCollector::new(board.clone(), clock, CHANGES))).unwrap();
        let renderer = || Renderer::new(board.clone(), telemetry.clone(), clock, CHANGES, Registry::new());

        let mut group = criterion.benchmark_group(format!("{number} organizations"));
        group.sample_size(if number > 1 { 10 } else { 100 });
        for format in [Format::Text, Format::OpenMetrics, Format::Protobuf] {
            group.bench_function(format!("{format:?}, plainly"), |bencher| {
                bencher.iter(|| encode(&plain.gather(), format, &telemetry.births()).unwrap());
            });
            group.bench_function(format!("{format:?}, cold"), |bencher| {
                let page = |renderer: Renderer| (renderer.page(format).unwrap(), renderer);
                bencher.iter_batched(renderer, page, BatchSize::PerIteration);
            });
            let renderer = renderer();
            group.bench_function(format!("{format:?}, one published"), |bencher| {
                let publish = || publish(&organizations[0], clock);
                bencher.iter_batched(publish, |()| renderer.page(format).unwrap(), BatchSize::PerIteration);
            });
            group.bench_function(format!("{format:?}, warm"), |bencher| {
                bencher.iter(|| renderer.page(format).unwrap());
            });
            group.bench_function(format!("{format:?}, warm, gzip"), |bencher| {
                bencher.iter(|| black_box(renderer.page(format).unwrap().gzip().unwrap().len()));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, rendering);
criterion_main!(benches);
