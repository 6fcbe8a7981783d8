//! Every state of the page: accessible, as wide as the window, without a word in the console, asking nobody else.

use anyhow::{Result, ensure};
use openai_org_exporter_browser::browser::Browser;
use openai_org_exporter_browser::page::Page;
use openai_org_exporter_browser::program::{Exporter, Simulator};
use openai_org_exporter_browser::wait_for;

use crate::inspection::inspect;

/// Opens the page until it is as `wanted`.
pub async fn until(browser: &Browser, exporter: &Exporter, wanted: impl Fn(&Page) -> bool) -> Result<Page> {
    let mut last = String::new();
    let found = wait_for("a state of the page", async || {
        browser.open(&exporter.url("/")).await?;
        let page = Page::read(browser).await?;
        last.clone_from(&page.state);
        Ok(wanted(&page).then_some(page))
    })
    .await;
    found.map_err(|error| error.context(format!("the page says {last:?}")))
}

/// Everything that people read on the page.
async fn text(browser: &Browser) -> Result<String> {
    browser.ask("return document.body.innerText").await
}

#[tokio::test]
async fn fresh_with_changes_and_a_trend() -> Result<()> {
    let (exporter, browser) = (Exporter::demo(&["--churn=6000"]).await?, Browser::start().await?);
    // With more than one snapshot there are lines.
    wait_for("a trend", async || {
        until(&browser, &exporter, |page| page.state_name() == "fresh").await?;
        let lines: usize = browser.ask("return document.querySelectorAll('svg.line').length").await?;
        Ok((lines > 0).then_some(()))
    })
    .await?;
    inspect(&browser, &exporter.url("/")).await
}

#[tokio::test]
async fn several_organizations() -> Result<()> {
    let (exporter, browser) = (Exporter::demo(&["--organizations=3"]).await?, Browser::start().await?);
    wait_for("fresh organizations", async || {
        browser.open(&exporter.url("/")).await?;
        Ok(text(&browser).await?.contains("3 of 3 organizations fresh").then_some(()))
    })
    .await?;
    inspect(&browser, &exporter.url("/")).await?;
    inspect(&browser, &exporter.url("/?organization=demo-2")).await?;
    inspect(&browser, &exporter.url("/?state=fresh")).await
}

#[tokio::test]
async fn without_users() -> Result<()> {
    let (exporter, browser) = (Exporter::demo(&["--users=0"]).await?, Browser::start().await?);
    let page = until(&browser, &exporter, |page| page.state_name() == "fresh").await?;
    ensure!(page.users()? == 0.0);
    inspect(&browser, &exporter.url("/")).await
}

#[tokio::test]
async fn the_first_walk_under_way() -> Result<()> {
    let simulator = Simulator::start(&["--fault=hang"]).await?;
    let (exporter, browser) = (Exporter::serve(&simulator, &[]).await?, Browser::start().await?);
    let page = until(&browser, &exporter, |page| page.state_name() == "first walk under way").await?;
    ensure!(!page.has_figures() && !page.progress.is_empty(), "{page:?}");
    inspect(&browser, &exporter.url("/")).await
}

#[tokio::test]
async fn a_key_that_was_never_right() -> Result<()> {
    let simulator = Simulator::start(&["--admin-key=sk-admin-another"]).await?;
    let exporter = Exporter::serve(&simulator, &["--poll.interval=1s"]).await?;
    let browser = Browser::start().await?;
    let page = until(&browser, &exporter, |page| page.state_name() == "no figures").await?;
    ensure!(page.state.contains("401") && page.state.contains("key refused"), "{page:?}");
    ensure!(!page.has_figures(), "{page:?}");
    inspect(&browser, &exporter.url("/")).await
}

#[tokio::test]
async fn a_key_that_is_refused_from_now_on() -> Result<()> {
    let simulator = Simulator::start(&[]).await?;
    let exporter = Exporter::serve(&simulator, &["--poll.interval=1s", "--poll.max-age=5s"]).await?;
    let browser = Browser::start().await?;
    until(&browser, &exporter, |page| page.state_name() == "fresh" && page.has_figures()).await?;
    let address = format!("--listen-address={}", simulator.address());
    drop(simulator);
    let _other = Simulator::start(&[&address, "--admin-key=sk-admin-another"]).await?;
    let failing = until(&browser, &exporter, |page| page.state_name() != "fresh").await?;
    ensure!(failing.state_name() == "failing" && failing.has_figures(), "{failing:?}");
    inspect(&browser, &exporter.url("/")).await?;
    // A number is either right or absent.
    let stale = until(&browser, &exporter, |page| page.state_name() == "stale").await?;
    ensure!(stale.state.contains("401") && !stale.has_figures(), "{stale:?}");
    inspect(&browser, &exporter.url("/")).await
}

#[tokio::test]
async fn fields_that_the_api_does_not_send() -> Result<()> {
    let simulator = Simulator::start(&["--fault=wrong-types"]).await?;
    let (exporter, browser) = (Exporter::serve(&simulator, &[]).await?, Browser::start().await?);
    until(&browser, &exporter, |page| page.state_name() == "fresh").await?;
    inspect(&browser, &exporter.url("/")).await
}

#[tokio::test]
async fn an_organization_that_is_not_watched() -> Result<()> {
    let (exporter, browser) = (Exporter::demo(&[]).await?, Browser::start().await?);
    inspect(&browser, &exporter.url("/?organization=another")).await?;
    ensure!(text(&browser).await?.contains("No such organization"));
    Ok(())
}

#[tokio::test]
async fn a_path_where_nothing_is() -> Result<()> {
    let (exporter, browser) = (Exporter::demo(&[]).await?, Browser::start().await?);
    let url = exporter.url("/nothing/here");
    browser.open(&url).await?;
    ensure!(!text(&browser).await?.is_empty());
    for message in browser.console().await? {
        ensure!(message.text.starts_with(&url) && message.text.contains("status of 404"), "{message:?}");
    }
    Ok(())
}

#[tokio::test]
async fn an_organization_with_a_name_like_markup() -> Result<()> {
    let name = "a<b id=\"x\">&amp;'</b>";
    let simulator = Simulator::start(&[]).await?;
    let exporter = Exporter::serve(&simulator, &[&format!("--organization={name}")]).await?;
    let browser = Browser::start().await?;
    let page = until(&browser, &exporter, |page| page.state_name() == "fresh").await?;
    ensure!(page.heading == name, "{page:?}");
    ensure!(browser.ask::<bool>("return document.getElementById('x') === null").await?);
    inspect(&browser, &exporter.url("/")).await
}
