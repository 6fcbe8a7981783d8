//! From the bytes of a page to counts: `cargo bench --bench pages`, figures in users a second.

#![allow(missing_docs, reason = "criterion's macros make items without any")]

mod records;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use openai_org_exporter::admin_api::Body;
use openai_org_exporter::composition::{Composition, EmailDomain, Options, Threshold};
use openai_org_exporter::roster::{Builder, Roster};
use records::{USERS, page};

/// The projects of users, one after the other: the ordinary mix.
const PROJECTS: [usize; 3] = [0, 1, 3];

/// Pages of a walk: 100,000 users.
const PAGES: usize = 1_000;

const REFERENCE: i64 = 1_800_000_000;

fn composition() -> Composition {
    let threshold = |days: i64| Threshold { label: format!("{days}d"), seconds: days * 86_400 };
    let options = Options {
        stale_after: [30, 90, 180].map(threshold).into(),
        email_domains: vec![EmailDomain::parse("example.org").expect("it is a domain")],
        projects_limit: 50,
        project_names: true,
    };
    Composition::new(Arc::new(options), REFERENCE)
}

fn body(text: &str) -> Body {
    Body::new(text.as_bytes().to_vec(), Box::default())
}

fn bodies() -> Vec<Body> {
    (0..PAGES).map(|number| body(&page(number, &PROJECTS))).collect()
}

/// The roster of everybody on `pages`.
fn roster(pages: &[Body]) -> Roster {
    let mut roster = Builder::new(None);
    for body in pages {
        for user in &body.page().expect("it is a page").users {
            roster.meet(user);
        }
    }
    roster.finish().0
}

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    group.throughput(Throughput::Elements(USERS as u64));
    for projects in [0, 1, 3] {
        let body = body(&page(0, &[projects]));
        group.bench_function(BenchmarkId::new("projects", projects), |bencher| {
            bencher.iter(|| black_box(&body).page().expect("it is a page").users.len());
        });
    }
}

fn compose(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("compose");
    group.throughput(Throughput::Elements(USERS as u64));
    for projects in [0, 1, 3] {
        let body = body(&page(0, &[projects]));
        let page = body.page().expect("it is a page");
        let mut composition = composition();
        group.bench_function(BenchmarkId::new("projects", projects), |bencher| {
            bencher.iter(|| black_box(&page).users.iter().for_each(|user| composition.add(user)));
        });
    }
}

/// Meets 100,000 users: nobody known before, or all of them.
fn meet(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("roster");
    group.throughput(Throughput::Elements((PAGES * USERS) as u64)).sample_size(20);
    let bodies = bodies();
    let before = Arc::new(roster(&bodies));
    let pages: Vec<_> = bodies.iter().map(|body| body.page().expect("it is a page")).collect();
    for (name, before) in [("first", None), ("diff", Some(before))] {
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || Builder::new(before.clone()),
                |mut roster| {
                    for user in pages.iter().flat_map(|page| &page.users) {
                        roster.meet(user);
                    }
                    roster.finish()
                },
                BatchSize::PerIteration,
            );
        });
    }
}

/// All that a walk does with the bytes of 1,000 pages: parse, meet against a roster from before, count.
fn count(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("count");
    group.throughput(Throughput::Elements((PAGES * USERS) as u64)).sample_size(20);
    let texts: Vec<String> = (0..PAGES).map(|number| page(number, &PROJECTS)).collect();
    let before = Arc::new(roster(&bodies()));
    for (name, before) in [("first", None), ("again", Some(before))] {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|times| (0..times).map(|_| walk(&texts, before.clone())).sum());
        });
    }
}

/// The time of one walk over `texts`. Each body is copied first, unmeasured: in a walk it comes from the connection.
fn walk(texts: &[String], before: Option<Arc<Roster>>) -> Duration {
    let (mut roster, mut composition) = (Builder::new(before), composition());
    let mut taken = Duration::ZERO;
    for text in texts {
        let bytes = text.as_bytes().to_vec();
        let begun = Instant::now();
        let body = Body::new(bytes, Box::default());
        for user in &body.page().expect("it is a page").users {
            if roster.meet(user) {
                composition.add(user);
            }
        }
        drop(body);
        taken += begun.elapsed();
    }
    assert_eq!(composition.users(), (texts.len() * USERS) as u64);
    taken
}

criterion_group!(pages, parse, compose, meet, count);
criterion_main!(pages);
