//! Nothing that should stay inside comes out, and what came from outside is text.

use openai_org_exporter::admin_api::{Field, Project, User};
use openai_org_exporter::web::Paths;
use serde_json::json;

use crate::world::{World, users};

#[tokio::test(start_paused = true)]
async fn nobody_is_named() {
    let world = World::one();
    let project = |number: u64| Project {
        id: Field::Value(format!("proj_MARKED{number}").into()),
        name: Field::Value(format!("Marked project {number}").into()),
        role: Field::Value("owner".into()),
    };
    let named = users().into_iter().zip(0..).map(|(user, number)| User {
        projects: Field::Value(vec![project(number), project(0)].into()),
        ..user
    });
    world.walk(0, &named.collect::<Vec<_>>()).await;
    let (_, _, metrics) = world.ask("/metrics").await;
    assert!(metrics.contains("Marked project 0") && metrics.contains("proj_MARKED0"), "{metrics}");
    let status = world.json("").await;
    assert_eq!(status["organization"]["figures"]["projects"], 6);
    for face in [world.page("").await, status.to_string()] {
        for private in ["marked", "@", "user-1", "proj_"] {
            assert!(!face.to_lowercase().contains(private), "{private}: {face}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn failed_walks_are_told_without_anything_from_outside() {
    let world = World::one();
    world.walk(0, &users()).await;
    for _ in 0..12 {
        world.refuse(0);
    }
    let status = world.json("").await;
    let walks = status["organization"]["failed_walks"].as_array().unwrap();
    assert_eq!(walks.len(), 10);
    assert_eq!(
        walks[0],
        json!({
            "end_time": "2027-01-15T08:00:04.200Z",
            "result": "unauthorized",
            "http_status": 401,
            "words": "key refused",
            "duration_seconds": 0.0,
            "pages": 3,
        })
    );
    assert_eq!(status["organization"]["state"], "failing");
    assert_eq!(status["organization"]["figures"]["users"], 6, "figures stay");
    let page = world.page("").await;
    for face in [page, status.to_string()] {
        assert!(!face.to_lowercase().contains("marked"), "{face}");
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_names_the_api_chooses_they_are_text() {
    const HOSTILE: &str = "<script>alert(1)</script>\"'&";
    let world = World::new(&["acme", HOSTILE], Paths::default());
    let user = User {
        id: "user-1".into(),
        role: Field::Value(HOSTILE.into()),
        developer_persona: Field::Value(HOSTILE.into()),
        technical_level: Field::Value(HOSTILE.into()),
        ..User::default()
    };
    world.walk(1, &[user]).await;
    let query = format!(
        "?organization={}",
        HOSTILE.replace('&', "%26").replace('<', "%3C").replace('>', "%3E").replace('"', "%22")
    );
    for query in ["", &query] {
        let page = world.page(query).await;
        assert_eq!(page.matches("<script").count(), 1, "{page}");
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;"));
    }
    let status = world.json(&query).await;
    assert_eq!(status["organization"]["figures"]["roles"][1]["role"], HOSTILE);
}
