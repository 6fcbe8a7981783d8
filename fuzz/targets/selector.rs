//! The text of a selector is read as itself when it is shown, or an error in one line; and whatever is told of a user
//! in doubt holds when the doubt is gone.

#![no_main]

use libfuzzer_sys::fuzz_target;
use openai_org_exporter::admin_api::Body;
use openai_org_exporter::composition::{EmailDomain, Options, Threshold};
use openai_org_exporter::selection::{Reading, Selector, Truth, View};

const NOW: i64 = 1_800_000_000;

/// Users of whom ever less is said.
const USERS: &str = r#"{"object":"list","has_more":false,"data":[
{"id":"a","added_at":1799000000,"api_key_last_used_at":null,"developer_persona":"p","email":"a@acme.com","is_default":true,
 "is_scale_tier_authorized_purchaser":false,"is_scim_managed":true,"is_service_account":false,"role":"owner","technical_level":"l",
 "projects":{"data":[{"id":"p1","role":"owner"}]},
 "user":{"banned":false,"enabled":false,"email":"b@acme.com"}},
{"id":"b","added_at":1700000000,"api_key_last_used_at":1790000000,"email":"b@x.org","role":"reader","projects":{"data":[]},
 "user":{"enabled":true}},
{"id":"c","role":"auditor","is_scim_managed":false,"projects":{"data":[{"id":"p1"},{"id":"p2","role":"member"},7]}},
{"id":"d"}]}"#;

fuzz_target!(|text: &str| {
    for parse in [Selector::parse, Selector::from_printed] {
        match parse(text) {
            Ok(selector) => look(&selector),
            Err(error) => is_harmless(&error.to_string()),
        }
    }
});

fn look(selector: &Selector) {
    let shown = selector.to_string();
    if shown != "{}" {
        let again = Selector::parse(&shown).unwrap_or_else(|error| panic!("{shown}: {error}"));
        assert_eq!(again.to_string(), shown);
        assert_eq!(again.criteria(), selector.criteria());
    }
    let options = Options {
        stale_after: vec![Threshold { label: "30d".to_owned(), seconds: 30 * 86_400 }],
        email_domains: vec![EmailDomain::parse("acme.com").expect("it is one")],
        projects_limit: 1,
        project_names: true,
    };
    let [plain, doubts] = [View::with_own_names(&options), View::with_doubts(&options)];
    let open = View::as_labels(&options, None);
    let body = Body::new(USERS.as_bytes().to_vec(), Box::default());
    let page = body.page().expect("it is a page");
    for user in &page.users {
        let reading = Reading::of(user, NOW);
        let criteria = selector.criteria();
        let [so, told] = [&plain, &doubts].map(|view| criteria.select(&reading, view));
        assert_ne!(so, Truth::Open, "{shown}");
        // Of the first, everything is told.
        if user.id == "a" {
            assert_eq!(told, so, "{shown}");
        }
        let _ = (criteria.select(&reading, &open), criteria.memberships(&reading, &plain));
    }
}

fn is_harmless(line: &str) {
    let odd = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    assert!(!line.chars().any(odd), "more than one line: {line:?}");
    assert!(line.len() < 4 << 10, "{} bytes are said", line.len());
}
