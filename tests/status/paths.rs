//! Where the faces and their files are.

use hyper::StatusCode;
use openai_org_exporter::web::{ExternalUrl, Paths, RoutePrefix};

use crate::world::World;

#[tokio::test(start_paused = true)]
async fn assets_may_be_kept_for_ever_and_the_page_may_not() {
    let world = World::one();
    let (_, headers, page) = world.ask("/").await;
    assert_eq!(headers["cache-control"], "no-store");
    for (extension, content_type) in [
        ("css", "text/css; charset=utf-8"),
        ("js", "text/javascript; charset=utf-8"),
        ("svg", "image/svg+xml"),
    ] {
        let end = page.find(&format!(".{extension}\"")).unwrap() + 1 + extension.len();
        let path = page[..end].rsplit('"').next().unwrap();
        let (status, headers, _) = world.ask(path).await;
        assert_eq!((status, &*headers["content-type"]), (StatusCode::OK, content_type), "{path}");
        assert_eq!(headers["cache-control"], "public, max-age=31536000, immutable");
    }
    let (status, _, _) = world.ask("/static/0000000000000000.css").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn below_a_prefix_is_everything_and_the_top_leads_there() {
    let prefix = Some(RoutePrefix::parse("/exporter").unwrap());
    let world = World::new(&["acme"], Paths::new(None, prefix));
    for path in ["/", "/metrics", "/-/healthy", "/-/ready", "/api/v1/status"] {
        let (status, _, body) = world.ask(&format!("/exporter{path}")).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
    }
    for path in ["/metrics", "/-/healthy", "/api/v1/status", "/exporters/metrics"] {
        assert_eq!(world.ask(path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/", "/exporter"] {
        let (status, headers, _) = world.ask(path).await;
        assert_eq!((status, &*headers["location"]), (StatusCode::FOUND, "/exporter/"), "{path}");
    }
    let (_, _, page) = world.ask("/exporter/").await;
    for link in ["href=\"/exporter/metrics\"", "src=\"/exporter/static/", "href=\"/exporter/api/v1/status\""]
    {
        assert!(page.contains(link), "{link}");
    }
}

#[tokio::test(start_paused = true)]
async fn behind_a_proxy_that_takes_the_path_away_links_have_it() {
    let url = ExternalUrl::parse("https://example.com/exporter/").unwrap();
    let paths = Paths::new(Some(url), Some(RoutePrefix::parse("/").unwrap()));
    let world = World::new(&["acme", "globex"], paths);
    let page = world.page("").await;
    for link in
        ["href=\"/exporter/metrics\"", "href=\"/exporter/?organization=acme\"", "src=\"/exporter/static/"]
    {
        assert!(page.contains(link), "{link}");
    }
    let status = world.json("").await;
    assert_eq!(status["links"]["metrics"], "https://example.com/exporter/metrics");
    assert_eq!(status["organizations"][0]["link"], "/exporter/?organization=acme");
}
