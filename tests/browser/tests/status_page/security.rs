//! What the page keeps a browser from.

use anyhow::{Result, ensure};
use openai_org_exporter_browser::browser::Browser;
use openai_org_exporter_browser::program::Exporter;
use openai_org_exporter_browser::proxy::{Prefix, Proxy};

use crate::figures::both;
use crate::inspection::foreign;
use crate::refresh::{next_walk, open_and_mark};

/// Puts scripts into the page, as a hole in it would, and returns those that ran.
const INJECTED: &str = "
const done = arguments[arguments.length - 1];
window.ran = [];
const script = document.createElement('script');
script.textContent = 'window.ran.push(\"inline script\")';
document.body.append(script);
const data = document.createElement('script');
data.src = 'data:text/javascript,window.ran.push(\"data: script\")';
document.body.append(data);
const button = document.createElement('button');
button.setAttribute('onclick', 'window.ran.push(\"handler\")');
document.body.append(button);
button.click();
setTimeout(() => { button.remove(); done(window.ran); }, 300);
";

#[tokio::test]
async fn a_script_that_is_not_its_own_does_not_run() -> Result<()> {
    let (exporter, browser) = (Exporter::demo(&[]).await?, Browser::start().await?);
    // Where nothing forbids it, all three run: the check can fail.
    browser.open("about:blank").await?;
    let ran: Vec<String> = browser.later(INJECTED).await?;
    ensure!(ran.len() == 3, "{ran:?}");
    both(&browser, &exporter, "demo", "/").await?;
    browser.console().await?;
    let ran: Vec<String> = browser.later(INJECTED).await?;
    ensure!(ran.is_empty(), "{ran:?}");
    let refused = browser.console().await?;
    ensure!(
        refused.iter().filter(|it| it.text.contains("Content Security Policy")).count() >= 3,
        "{refused:?}"
    );
    Ok(())
}

/// Why `url` does not load in a frame of the page at `parent`; nothing if it does.
async fn in_a_frame(browser: &Browser, parent: &str, url: &str) -> Result<Option<String>> {
    browser.open(parent).await?;
    browser.requests().await?;
    let script = format!(
        "const done = arguments[arguments.length - 1], frame = document.createElement('iframe');
        frame.onload = () => done(true);
        frame.src = '{url}';
        document.body.append(frame);"
    );
    browser.later::<bool>(&script).await?;
    let failures = browser.events("Network.loadingFailed").await?;
    Ok(failures.iter().find_map(|event| event["errorText"].as_str()).map(str::to_owned))
}

#[tokio::test]
async fn no_page_may_frame_it() -> Result<()> {
    let (exporter, browser) = (Exporter::demo(&[]).await?, Browser::start().await?);
    // A page that says nothing of frames may be in one: the check can fail.
    let proxy = Proxy::start(&exporter.address, "/elsewhere", Prefix::Kept).await?;
    let (parent, child) =
        (proxy.url.replace("/elsewhere", "/parent"), proxy.url.replace("/elsewhere", "/child"));
    let loaded = in_a_frame(&browser, &parent, &child).await?;
    ensure!(loaded.is_none() && proxy.refused().contains(&"/child".to_owned()), "{loaded:?}");
    let refused = in_a_frame(&browser, &parent, &exporter.url("/")).await?;
    ensure!(refused.as_deref() == Some("net::ERR_BLOCKED_BY_RESPONSE"), "{refused:?}");
    Ok(())
}

#[tokio::test]
async fn nothing_is_asked_of_others_and_the_policy_is_never_met() -> Result<()> {
    let (exporter, browser) = (Exporter::demo(&["--churn=600"]).await?, Browser::start().await?);
    browser.requests().await?;
    let mut page = open_and_mark(&browser, &exporter).await?;
    for _ in 0..3 {
        page = next_walk(&browser, &page).await?;
    }
    let requests = browser.requests().await?;
    // It did refresh, so that there was something to see.
    ensure!(requests.len() >= 4, "{requests:?}");
    let others = foreign(&requests, &exporter.url("/"));
    ensure!(others.is_empty(), "{others:#?}");
    let console = browser.console().await?;
    ensure!(console.is_empty(), "{console:?}");
    Ok(())
}
