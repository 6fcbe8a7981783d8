//! Life under a prefix.

use anyhow::{Result, ensure};
use openai_org_exporter_browser::browser::Browser;
use openai_org_exporter_browser::page::Page;
use openai_org_exporter_browser::program::Exporter;
use openai_org_exporter_browser::proxy::{Prefix, Proxy};
use openai_org_exporter_browser::wait_for;
use tokio::net::TcpListener;

use crate::inspection::{foreign, inspect};
use crate::refresh::next_walk;

async fn lives_at(browser: &Browser, url: &str, proxy: Option<&Proxy>) -> Result<()> {
    browser.requests().await?;
    let page = wait_for("figures", async || {
        browser.open(url).await?;
        let page = Page::read(browser).await?;
        Ok(page.has_figures().then_some(page))
    })
    .await?;
    next_walk(browser, &page).await?;
    let requests = browser.requests().await?;
    let outside = foreign(&requests, url);
    ensure!(outside.is_empty(), "{outside:?}");
    let links: Vec<String> = browser
        .ask("return [...document.querySelectorAll('a[href]')].map(link => link.href.split('#')[0])")
        .await?;
    let own: Vec<_> = links.iter().filter(|link| link.starts_with("http://127.0.0.1")).collect();
    ensure!(own.len() >= 3, "{links:?}");
    let client = reqwest::Client::builder().no_proxy().build()?;
    for link in own {
        ensure!(link.starts_with(url), "{link} leads out of {url}");
        let status = client.get(link).send().await?.status();
        ensure!(status.is_success(), "{link}: {status}");
    }
    inspect(browser, url).await?;
    if let Some(proxy) = proxy {
        ensure!(proxy.refused().is_empty(), "{:?}", proxy.refused());
    }
    Ok(())
}

#[tokio::test]
async fn under_a_route_prefix() -> Result<()> {
    let (exporter, browser) =
        (Exporter::demo(&["--web.route-prefix=/openai"]).await?, Browser::start().await?);
    lives_at(&browser, &exporter.url("/openai/"), None).await
}

#[tokio::test]
async fn behind_a_proxy_that_takes_the_prefix_away() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let external = format!("--web.external-url=http://{}/tools/openai/", listener.local_addr()?);
    let exporter = Exporter::demo(&[&external, "--web.route-prefix=/"]).await?;
    let proxy = Proxy::on(listener, &exporter.address, "/tools/openai", Prefix::Stripped)?;
    lives_at(&Browser::start().await?, &format!("{}/", proxy.url), Some(&proxy)).await
}

#[tokio::test]
async fn behind_a_proxy_that_leaves_the_prefix() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let external = format!("--web.external-url=http://{}/tools/openai/", listener.local_addr()?);
    let exporter = Exporter::demo(&[&external]).await?;
    let proxy = Proxy::on(listener, &exporter.address, "/tools/openai", Prefix::Kept)?;
    lives_at(&Browser::start().await?, &format!("{}/", proxy.url), Some(&proxy)).await
}
