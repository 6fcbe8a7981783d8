//! What reading a page allocates: one list for the page, nothing for each user.

#[path = "../benches/pages/records.rs"]
mod records;

use std::sync::Arc;

use allocation_counter::measure;
use openai_org_exporter::admin_api::Body;
use openai_org_exporter::composition::{Composition, EmailDomain, Options, Threshold};
use records::{USERS, page};

fn body(number: usize, projects: &[usize]) -> Body {
    Body::new(page(number, projects).into_bytes(), Box::default())
}

#[test]
fn a_page_of_100_users_is_read_without_an_allocation_for_each() {
    for projects in [&[0][..], &[1], &[3], &[0, 1, 3]] {
        let body = body(0, projects);
        let read = measure(|| assert_eq!(body.page().expect("it is a page").users.len(), USERS));
        assert_eq!(read.count_total, 1, "the list of users alone; projects {projects:?}");
    }
}

#[test]
fn a_body_that_is_text_is_taken_as_it_is() {
    let text = page(0, &[0, 1, 3]);
    let bytes = text.clone().into_bytes();
    let taken = measure(|| drop(Body::new(bytes, Box::default())));
    assert_eq!(taken.count_total, 1, "the detail alone");
}

#[test]
fn users_are_counted_without_an_allocation_once_their_roles_and_projects_are_known() {
    let options = Options {
        stale_after: vec![Threshold { label: "90d".into(), seconds: 90 * 86_400 }],
        email_domains: vec![EmailDomain::parse("example.com").expect("it is a domain")],
        projects_limit: 50,
        project_names: true,
    };
    let mut composition = Composition::new(Arc::new(options), 1_800_000_000);
    let bodies = [body(0, &[0, 1, 3]), body(1, &[0, 1, 3])];
    let [first, second] = bodies.each_ref().map(|body| body.page().expect("it is a page"));
    first.users.iter().for_each(|user| composition.add(user));
    let counted = measure(|| second.users.iter().for_each(|user| composition.add(user)));
    assert_eq!(counted.count_total, 0);
    assert_eq!(composition.users(), 2 * USERS as u64);
}

#[test]
fn an_escape_costs_an_allocation_so_the_counter_counts() {
    let text = page(0, &[0]).replace(r#""role":"reader""#, r#""role":"read\u0065r""#);
    let body = Body::new(text.into_bytes(), Box::default());
    let read = measure(|| assert_eq!(body.page().expect("it is a page").users.len(), USERS));
    assert!(read.count_total > 90, "{} allocations", read.count_total);
}
