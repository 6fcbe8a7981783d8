//! What may be wrong with any page, whatever it shows.

use anyhow::{Result, ensure};
use openai_org_exporter_browser::browser::{Browser, Message, Scheme, WIDTHS};

/// Opens `url` and fails with all that is wrong: what axe finds, in light and dark, narrow and wide; what scrolls
/// sideways; what is in the console; what is asked of others.
pub async fn inspect(browser: &Browser, url: &str) -> Result<()> {
    let origin: String = url.split_inclusive('/').take(3).collect();
    // What was before is another page's.
    browser.console().await?;
    browser.requests().await?;
    browser.open(url).await?;
    let mut wrong = Vec::new();
    for scheme in [Scheme::Light, Scheme::Dark] {
        for width in WIDTHS {
            browser.look(width, scheme).await?;
            for found in browser.violations().await? {
                wrong.push(format!(
                    "{scheme:?}, {width} px: axe {}: {} {:#?}",
                    found.id, found.help, found.nodes
                ));
            }
            wrong.extend(sideways(browser, width).await?);
        }
    }
    // A narrow page at a text twice as large.
    wrong.extend(sideways(browser, 320).await?);
    let console = browser.console().await?;
    wrong.extend(
        console
            .iter()
            .filter(|message| !is_of_status(message, url))
            .map(|it| format!("console: {}", it.text)),
    );
    let requests = browser.requests().await?;
    ensure!(requests.iter().any(|asked| asked == url), "{url} is not among {requests:?}");
    wrong.extend(foreign(&requests, &origin));
    ensure!(wrong.is_empty(), "{url}:\n{}", wrong.join("\n"));
    Ok(())
}

/// Chromium writes of a document with an error status that it has one.
fn is_of_status(message: &Message, url: &str) -> bool {
    message
        .text
        .starts_with(&format!("{url} - Failed to load resource: the server responded with a status of"))
}

/// The requests that went anywhere else than to `origin`.
pub fn foreign(requests: &[String], origin: &str) -> Vec<String> {
    let own =
        |url: &&String| url.starts_with(origin) || url.starts_with("data:") || url.starts_with("about:");
    requests.iter().filter(|url| !own(url)).map(|url| format!("asked for {url}")).collect()
}

/// What makes the page wider than `width`, unless it scrolls in a box of its own.
pub async fn sideways(browser: &Browser, width: u32) -> Result<Vec<String>> {
    browser.look(width, Scheme::Light).await?;
    let (inner, whole, wide): (u32, u32, Vec<String>) = browser
        .ask(
            "const root = document.documentElement;
            const boxed = element => {
              for (let box = element.parentElement; box && box !== document.body; box = box.parentElement) {
                if (getComputedStyle(box).overflowX !== 'visible') return true;
              }
              return false;
            };
            const wide = [...document.body.querySelectorAll('*')]
              .filter(element => element.getBoundingClientRect().right > root.clientWidth + 1 && !boxed(element))
              .map(element => element.outerHTML.slice(0, 120));
            return [root.clientWidth, root.scrollWidth, wide];",
        )
        .await?;
    let mut wrong = Vec::new();
    if inner > width {
        wrong.push(format!("at {width} px the page is laid out for {inner} px"));
    }
    if whole > inner || !wide.is_empty() {
        wrong.push(format!("at {width} px the page is {whole} px wide: {wide:#?}"));
    }
    Ok(wrong)
}
