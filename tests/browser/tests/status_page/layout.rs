//! Dark, narrow, still.

use anyhow::{Result, ensure};
use openai_org_exporter_browser::browser::{Browser, Scheme, WIDTHS};
use openai_org_exporter_browser::program::Exporter;

use crate::figures::both;
use crate::inspection::sideways;

/// How bright the page and its text are, from 0 to 255.
async fn brightness(browser: &Browser) -> Result<(f64, f64)> {
    browser
        .ask(
            "const bright = colour => {
              const [red, green, blue, alpha = 1] = colour.match(/[\\d.]+/g).map(Number);
              return alpha === 0 ? null : 0.2126 * red + 0.7152 * green + 0.0722 * blue;
            };
            const body = getComputedStyle(document.body), root = getComputedStyle(document.documentElement);
            const canvas = root.colorScheme.includes('dark') && matchMedia('(prefers-color-scheme: dark)').matches
              ? 18 : 255;
            return [bright(body.backgroundColor) ?? bright(root.backgroundColor) ?? canvas, bright(body.color)];",
        )
        .await
}

#[tokio::test]
async fn in_dark_mode_light_stands_on_dark() -> Result<()> {
    let (exporter, browser) = (Exporter::demo(&[]).await?, Browser::start().await?);
    both(&browser, &exporter, "demo", "/").await?;
    let (page, text) = brightness(&browser).await?;
    ensure!(page > 200.0 && text < 80.0, "light: page {page}, text {text}");
    browser.look(WIDTHS[1], Scheme::Dark).await?;
    let (page, text) = brightness(&browser).await?;
    ensure!(page < 60.0 && text > 180.0, "dark: page {page}, text {text}");
    let scheme: String = browser.ask("return getComputedStyle(document.documentElement).colorScheme").await?;
    ensure!(scheme.contains("light") && scheme.contains("dark"), "color-scheme: {scheme}");
    Ok(())
}

#[tokio::test]
async fn nothing_scrolls_sideways_at_any_width() -> Result<()> {
    let (exporter, browser) = (Exporter::demo(&["--churn=6000"]).await?, Browser::start().await?);
    both(&browser, &exporter, "demo", "/").await?;
    browser.ask::<()>("document.querySelectorAll('details').forEach(it => { it.open = true })").await?;
    for width in [320, 360, 480, 640, 768, 1024, 1440, 2560] {
        let wrong = sideways(&browser, width).await?;
        ensure!(wrong.is_empty(), "{wrong:#?}");
    }
    // The check itself sees what is too wide.
    browser
        .ask::<()>(
            "const wide = document.createElement('p'); wide.style.width = '800px';
            document.querySelector('main, body').append(wide)",
        )
        .await?;
    ensure!(!sideways(&browser, 360).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn nothing_moves_for_those_who_prefer_that() -> Result<()> {
    let (exporter, browser) = (Exporter::demo(&["--churn=600"]).await?, Browser::start().await?);
    browser.prefer(&[("prefers-reduced-motion", "reduce")]).await?;
    both(&browser, &exporter, "demo", "/").await?;
    let moving: Vec<String> = browser
        .ask(
            "return [...document.querySelectorAll('*')].filter(element => {
              const style = getComputedStyle(element);
              const times = (style.transitionDuration + ',' + style.animationDuration).split(',');
              return style.scrollBehavior === 'smooth' || times.some(time => parseFloat(time) > 0.01);
            }).map(element => element.outerHTML.slice(0, 120));",
        )
        .await?;
    ensure!(moving.is_empty(), "{moving:#?}");
    ensure!(browser.ask::<usize>("return document.getAnimations().length").await? == 0);
    Ok(())
}
