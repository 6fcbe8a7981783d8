//! The page outlives the exporter.

use anyhow::{Result, ensure};
use openai_org_exporter_browser::browser::Browser;
use openai_org_exporter_browser::page::Page;
use openai_org_exporter_browser::program::Exporter;
use openai_org_exporter_browser::wait_for;

use crate::refresh::{next_walk, open_and_mark};

async fn is_lost(browser: &Browser) -> Result<bool> {
    Ok(Page::read(browser).await?.refresh.contains("cannot be reached"))
}

/// What a screen reader says of it.
async fn announcement(browser: &Browser) -> Result<String> {
    browser.ask("return document.querySelector('[role=status]').textContent").await
}

#[tokio::test]
async fn it_says_that_the_exporter_cannot_be_reached_and_goes_on_when_it_is_back() -> Result<()> {
    let (exporter, browser) = (Exporter::demo(&["--churn=600"]).await?, Browser::start().await?);
    let before = open_and_mark(&browser, &exporter).await?;
    ensure!(!is_lost(&browser).await?);
    let console = browser.console().await?;
    ensure!(console.is_empty(), "{console:?}");

    let stopped = exporter.stop();
    wait_for("the page to say that the exporter is gone", async || {
        Ok(is_lost(&browser).await?.then_some(()))
    })
    .await?;
    ensure!(announcement(&browser).await?.contains("cannot be reached"));
    let violations = browser.violations().await?;
    ensure!(violations.is_empty(), "{violations:#?}");

    let _exporter = stopped.again().await?;
    let after = next_walk(&browser, &before).await?;
    wait_for("the page to be content", async || Ok((!is_lost(&browser).await?).then_some(()))).await?;
    ensure!(after.state_name() == "fresh", "{after:?}");
    // The browser itself writes that a request failed; all else would be the page's own.
    for message in browser.console().await? {
        ensure!(message.text.contains("Failed to load resource: net::ERR_"), "{message:?}");
    }
    Ok(())
}
