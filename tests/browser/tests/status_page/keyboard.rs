//! All that can be pressed is reached by Tab, and shows it.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use openai_org_exporter_browser::browser::{Browser, Scheme, WIDTHS};
use openai_org_exporter_browser::program::Exporter;
use serde::Deserialize;
use thirtyfour::Key;

use crate::figures::both;

const PRESSED: &str = "
const all = [...document.querySelectorAll('a[href], button, summary, input, select, [tabindex=\"0\"]')]
  .filter(element => element.checkVisibility());
";

#[derive(Debug, Deserialize)]
struct Focus {
    /// Its place among what can be pressed.
    place: Option<usize>,
    element: String,
    marked: bool,
    in_view: bool,
}

async fn focus(browser: &Browser) -> Result<Option<Focus>> {
    let script = format!(
        "{PRESSED}
        const element = document.activeElement;
        if (!element || element === document.body || element === document.documentElement) return null;
        const style = getComputedStyle(element), box = element.getBoundingClientRect(), place = all.indexOf(element);
        return {{
          place: place < 0 ? null : place,
          element: element.outerHTML.slice(0, 120),
          marked: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1,
          in_view: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
        }};"
    );
    browser.ask(&script).await
}

async fn walk_by_tab(width: u32, scheme: Scheme) -> Result<()> {
    let (exporter, browser) = (Exporter::demo(&["--poll.interval=1h"]).await?, Browser::start().await?);
    both(&browser, &exporter, "demo", "/").await?;
    browser.look(width, scheme).await?;
    let all: Vec<String> =
        browser.ask(&format!("{PRESSED} return all.map(it => it.outerHTML.slice(0, 120))")).await?;
    ensure!(all.len() >= 3, "{all:?}");
    let mut reached = BTreeSet::new();
    // Twice as often as there are things to press: boxes that scroll get the focus too.
    for _ in 0..all.len() * 2 + 2 {
        browser.press(Key::Tab).await?;
        let Some(focus) = focus(&browser).await? else { break };
        ensure!(focus.marked, "nothing shows the focus of {}", focus.element);
        ensure!(focus.in_view, "out of view with the focus: {}", focus.element);
        if let Some(place) = focus.place {
            reached.insert(place);
        }
    }
    let missed: Vec<_> = all.iter().enumerate().filter(|(place, _)| !reached.contains(place)).collect();
    ensure!(missed.is_empty(), "not reached by Tab: {missed:#?}");
    Ok(())
}

#[tokio::test]
async fn tab_reaches_all_that_can_be_pressed_on_a_wide_page() -> Result<()> {
    walk_by_tab(WIDTHS[1], Scheme::Light).await
}

#[tokio::test]
async fn tab_reaches_all_that_can_be_pressed_on_a_narrow_dark_page() -> Result<()> {
    walk_by_tab(WIDTHS[0], Scheme::Dark).await
}

#[tokio::test]
async fn enter_opens_and_closes_what_is_folded() -> Result<()> {
    let (exporter, browser) = (Exporter::demo(&["--poll.interval=1h"]).await?, Browser::start().await?);
    both(&browser, &exporter, "demo", "/").await?;
    let folded: usize = browser.ask("return document.querySelectorAll('summary').length").await?;
    ensure!(folded > 0, "nothing is folded");
    for place in 0..folded {
        let details = format!("document.querySelectorAll('summary')[{place}].parentElement");
        let before: bool = browser
            .ask(&format!("{details}.querySelector('summary').focus(); return {details}.open"))
            .await?;
        for wanted in [!before, before] {
            browser.press(Key::Enter).await?;
            ensure!(
                browser.ask::<bool>(&format!("return {details}.open")).await? == wanted,
                "summary {place}"
            );
        }
    }
    Ok(())
}
