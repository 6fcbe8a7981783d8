//! Takes the pictures of the status page for the guides: `cargo run --manifest-path tests/browser/Cargo.toml`, after
//! `cargo build --release`. It takes a minute and a half: what is lively has to have lived.

use std::fs;

use anyhow::Result;
use openai_org_exporter_browser::browser::{Browser, Scheme};
use openai_org_exporter_browser::exposition::{Samples, Series};
use openai_org_exporter_browser::program::Exporter;
use openai_org_exporter_browser::{root, wait_for};
use serde_json::json;

/// A picture: the name of its file, width and height of the window, and the scheme. They end where a section does.
const PICTURES: [(&str, u32, u32, Scheme); 4] = [
    ("light", 1200, 1550, Scheme::Light),
    ("dark", 1200, 1550, Scheme::Dark),
    ("narrow-light", 360, 1160, Scheme::Light),
    ("narrow-dark", 360, 1160, Scheme::Dark),
];

/// Walks that the trend is drawn from.
const WALKS: f64 = 40.0;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let flags = ["--users=1840", "--churn=240", "--poll.interval=2s"];
    let exporter = Exporter::demo(&flags).await?;
    let walks = Series::parse("openai_org_exporter_walks_total")?;
    for done in 1..=4 {
        let wanted = WALKS / 4.0 * f64::from(done);
        wait_for("walks", async || {
            let samples = Samples::scrape(&exporter.url("/metrics")).await?;
            Ok((samples.sum(&walks) >= Some(wanted)).then_some(()))
        })
        .await?;
    }
    let browser = Browser::start().await?;
    browser.command("Emulation.setScrollbarsHidden", json!({"hidden": true})).await?;
    for (name, width, height, scheme) in PICTURES {
        browser.look(width, scheme).await?;
        browser.open(&exporter.url("/")).await?;
        browser.resize(width, height).await?;
        let file = root().join(format!("docs/pictures/status-{name}.png"));
        let picture = browser.picture().await?;
        println!("{}: {} kB", file.display(), picture.len() / 1000);
        fs::write(file, picture)?;
    }
    Ok(())
}
