//! Nothing of a user is on the page.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use openai_org_exporter_browser::browser::Browser;
use openai_org_exporter_browser::program::{Exporter, KEY, Simulator};
use serde_json::Value;

use crate::refresh::{next_walk, open_and_mark};

/// What a record says of a person: names, addresses, ids, of the nested user too.
fn personal(user: &Value) -> Vec<&str> {
    let fields = ["id", "name", "email", "picture"];
    [user, &user["user"]]
        .into_iter()
        .flat_map(|it| fields.map(|field| it[field].as_str()))
        .flatten()
        .collect()
}

#[tokio::test]
async fn no_name_no_address_and_no_id_of_a_user_is_on_the_page() -> Result<()> {
    let simulator = Simulator::start(&["--users=500", "--churn=6000"]).await?;
    let exporter = Exporter::serve(&simulator, &["--poll.interval=1s"]).await?;
    let browser = Browser::start().await?;
    let mut users = simulator.users(KEY).await?;
    let mut page = open_and_mark(&browser, &exporter).await?;
    for _ in 0..2 {
        page = next_walk(&browser, &page).await?;
    }
    let html: String = browser.ask("return document.documentElement.outerHTML").await?;
    // Those who joined meanwhile too.
    users.extend(simulator.users(KEY).await?);
    let personal: BTreeSet<&str> = users.iter().flat_map(personal).filter(|it| it.len() > 3).collect();
    ensure!(personal.len() > 1500, "only {} things to look for", personal.len());
    let found: Vec<_> = personal.into_iter().filter(|it| html.contains(*it)).collect();
    ensure!(found.is_empty(), "{found:?}");
    Ok(())
}
