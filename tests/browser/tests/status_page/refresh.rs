//! The page refreshes by itself, and nobody loses the place.

use anyhow::{Result, bail, ensure};
use openai_org_exporter_browser::browser::Browser;
use openai_org_exporter_browser::exposition::{Samples, Series};
use openai_org_exporter_browser::page::Page;
use openai_org_exporter_browser::program::{Exporter, Simulator};
use openai_org_exporter_browser::wait_for;
use serde::Deserialize;
use thirtyfour::Key;

use crate::states::until;

/// Opens the page with figures, and marks the document: a reload would wipe the mark away.
pub async fn open_and_mark(browser: &Browser, exporter: &Exporter) -> Result<Page> {
    let page = until(browser, exporter, Page::has_figures).await?;
    browser.ask::<()>("window.mark = 'here'").await?;
    Ok(page)
}

/// Waits until the open page shows another walk, without opening it.
pub async fn next_walk(browser: &Browser, before: &Page) -> Result<Page> {
    wait_for("the page to refresh", async || {
        let page = Page::read(browser).await?;
        Ok((page.has_figures() && page.last_success > before.last_success).then_some(page))
    })
    .await
}

async fn is_marked(browser: &Browser) -> Result<bool> {
    browser.ask("return window.mark === 'here'").await
}

#[tokio::test]
async fn figures_change_without_a_reload() -> Result<()> {
    let (exporter, browser) = (Exporter::demo(&["--churn=6000"]).await?, Browser::start().await?);
    let first = open_and_mark(&browser, &exporter).await?;
    let mut page = first.clone();
    for _ in 0..5 {
        page = next_walk(&browser, &page).await?;
        if page.users()? != first.users()? {
            ensure!(is_marked(&browser).await?, "the page was loaded anew");
            let console = browser.console().await?;
            ensure!(console.is_empty(), "{console:?}");
            return Ok(());
        }
    }
    bail!("six walks with {} users", first.users()?)
}

#[tokio::test]
async fn the_progress_of_a_walk_is_seen() -> Result<()> {
    let simulator = Simulator::start(&["--users=3000", "--latency=400ms"]).await?;
    let exporter = Exporter::serve(&simulator, &["--poll.interval=1s"]).await?;
    let browser = Browser::start().await?;
    browser.open(&exporter.url("/")).await?;
    browser.ask::<()>("window.mark = 'here'").await?;
    let mut seen: Vec<String> = Vec::new();
    wait_for("two steps of a walk", async || {
        let step = Page::read(&browser).await?.progress;
        if step.contains("page") && seen.last() != Some(&step) {
            seen.push(step);
        }
        Ok((seen.len() >= 2).then_some(()))
    })
    .await?;
    ensure!(is_marked(&browser).await?, "the page was loaded anew");
    Ok(())
}

/// Where the reader is.
#[derive(Debug, PartialEq, Deserialize)]
struct Place {
    focus: String,
    open: Vec<bool>,
    /// How far what has the focus is from the top of the window.
    top: f64,
    scrolled: f64,
}

async fn place(browser: &Browser) -> Result<Place> {
    browser
        .ask(
            "const focus = document.activeElement;
            return {
              focus: `${focus.tagName} ${focus.textContent}`,
              open: [...document.querySelectorAll('details')].map(details => details.open),
              top: focus.getBoundingClientRect().top,
              scrolled: scrollY,
            };",
        )
        .await
}

#[tokio::test]
async fn focus_folds_and_scrolling_stay() -> Result<()> {
    let (exporter, browser) = (Exporter::demo(&["--churn=600"]).await?, Browser::start().await?);
    let mut page = open_and_mark(&browser, &exporter).await?;
    // With two snapshots the trend has its height.
    page = next_walk(&browser, &page).await?;
    browser
        .ask::<()>(
            "const folds = [...document.querySelectorAll('details')];
            folds[0].open = !folds[0].open;
            const last = folds.at(-1).querySelector('summary');
            last.focus();
            last.scrollIntoView({ block: 'center', behavior: 'instant' });",
        )
        .await?;
    let before = place(&browser).await?;
    ensure!(before.focus.starts_with("SUMMARY") && before.scrolled > 0.0, "{before:?}");
    ensure!(before.open.contains(&true) && before.open.contains(&false), "{before:?}");
    for _ in 0..3 {
        page = next_walk(&browser, &page).await?;
        let after = place(&browser).await?;
        ensure!((&after.focus, &after.open) == (&before.focus, &before.open), "{before:?}, then {after:?}");
        // A line more or less above may move what is below it.
        ensure!((after.top - before.top).abs() <= 60.0, "{before:?}, then {after:?}");
    }
    ensure!(is_marked(&browser).await?, "the page was loaded anew");
    Ok(())
}

#[tokio::test]
async fn it_rests_when_told_to() -> Result<()> {
    let (exporter, browser) = (Exporter::demo(&["--churn=600"]).await?, Browser::start().await?);
    open_and_mark(&browser, &exporter).await?;
    browser.ask::<()>("document.querySelector('#refresh button').focus()").await?;
    browser.press(Key::Enter).await?;
    let resting = wait_for("it to rest", async || {
        let page = Page::read(&browser).await?;
        Ok(page.refresh.contains("paused").then_some(page))
    })
    .await?;
    browser.requests().await?;
    // Long enough for it to have refreshed: the exporter walks on.
    wait_for("six walks", async || {
        let samples = Samples::scrape(&exporter.url("/metrics")).await?;
        let walked = samples.sum(&Series::parse("openai_org_last_success_timestamp_seconds")?);
        Ok((walked > resting.last_success.map(|time| time + 6.0)).then_some(()))
    })
    .await?;
    let asked = browser.requests().await?;
    ensure!(asked.is_empty(), "{asked:?}");
    let still = Page::read(&browser).await?;
    ensure!(still.last_success == resting.last_success, "{still:?}");
    browser.press(Key::Enter).await?;
    next_walk(&browser, &still).await?;
    Ok(())
}
