//! What is said of several organizations.

use std::time::Duration;

use hyper::StatusCode;
use openai_org_exporter::web::Paths;
use serde_json::{Value, json};
use tokio::time::advance;

use crate::world::{World, text, users};

#[tokio::test(start_paused = true)]
async fn many_organizations_are_listed_and_one_is_shown_when_asked_for() {
    let world = World::new(&["acme", "b&b", "<c>"], Paths::default());
    world.walk(0, &users()).await;
    world.walk(1, &users()).await;
    world.refuse(1);
    let all = world.json("").await;
    assert_eq!(all["organization"], Value::Null);
    assert_eq!(
        all["summary"],
        json!({
            "organizations": 3, "fresh": 1, "failing": 1, "held_back": 0, "stale": 0, "first_walk": 1,
            "no_figures": 0, "with_figures": 2, "users": 12,
        })
    );
    let page = world.page("").await;
    assert!(page.contains(r#"<a href="/?organization=b%26b">b&amp;b</a>"#), "{page}");
    assert!(text(&page).contains("1 of 3 organizations fresh. 12 users counted in 2 of them."));

    let one = world.json("?organization=b%26b").await;
    assert_eq!(
        (&one["organization"]["name"], &one["organization"]["state"]),
        (&json!("b&b"), &json!("failing"))
    );
    assert_eq!(one["organizations"].as_array().unwrap().len(), 3);
    assert!(world.page("?organization=b%26b").await.contains("<h1>b&amp;b</h1>"));
    assert!(world.page("?organization=%3Cc%3E").await.contains("<h1>&lt;c&gt;</h1>"));

    let failing = world.json("?state=failing").await;
    assert_eq!(failing["organizations"].as_array().unwrap().len(), 1);
    assert_eq!(failing["summary"]["organizations"], 3);
    assert!(!world.page("?state=failing").await.contains("acme"));
    assert_eq!(world.json("?state=none&x").await["organizations"].as_array().unwrap().len(), 3);

    for path in ["/?organization=nobody", "/api/v1/status?organization="] {
        let (status, headers, body) = world.ask(path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{body}");
        assert_eq!(headers["cache-control"], "no-store");
    }
}

#[tokio::test(start_paused = true)]
async fn a_few_have_a_line_of_their_users_each_on_the_page_of_all() {
    const COLUMN: &str = "Users, last day";
    let world = World::new(&["acme", "<b>", "c"], Paths::default());
    world.walk(0, &users()).await;
    world.walk(1, &users()[..5]).await;
    assert!(!world.page("").await.contains(COLUMN), "there is one point of each");
    advance(Duration::from_secs(60)).await;
    world.walk(1, &users()).await;
    let page = world.page("").await;
    assert!(page.contains(COLUMN));
    let row = |name: &str| {
        let row = page.split("<tr class=\"state-").find(|row| row.contains(name)).unwrap();
        text(&format!("<{row}"))
    };
    assert!(row(">acme<").contains("Users of acme 6 at 08:00 UTC, 6 at last"), "{}", row(">acme<"));
    let second = row(">&lt;b&gt;<");
    assert!(second.contains("Users of &lt;b&gt; 5 at 08:00 UTC, 6 at last"), "{second}");
    assert!(row(">c<").contains("none"), "{}", row(">c<"));
    // The list of one state has the same, and the page of one organization and the JSON have none.
    assert!(world.page("?state=fresh").await.contains(COLUMN));
    assert!(!world.page("?organization=acme").await.contains(COLUMN));
    let line = &world.json("").await["organizations"][1];
    assert!(line.as_object().unwrap().keys().all(|key| !key.contains("trend")), "{line}");
}

#[tokio::test(start_paused = true)]
async fn very_many_have_no_lines() {
    for (number, lines) in [(50, true), (51, false)] {
        let names: Vec<String> = (0..number).map(|number| format!("organization {number}")).collect();
        let world = World::new(&names.iter().map(String::as_str).collect::<Vec<_>>(), Paths::default());
        for _ in 0..2 {
            world.walk(0, &users()).await;
        }
        assert_eq!(world.page("").await.contains("Users, last day"), lines, "{number}");
    }
}
