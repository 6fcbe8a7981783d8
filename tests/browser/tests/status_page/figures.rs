//! The page shows what `/metrics` says, number by number.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use openai_org_exporter_browser::browser::Browser;
use openai_org_exporter_browser::exposition::{Samples, Series};
use openai_org_exporter_browser::page::{Cell, Page, number};
use openai_org_exporter_browser::program::Exporter;
use openai_org_exporter_browser::wait_for;

/// The labels that a number is a sum over, besides the organization.
type Labels<'l> = Vec<(&'l str, &'l str)>;

const ACCOUNTS: [(&str, &str); 3] =
    [("People", "user"), ("Service accounts", "service_account"), ("Unknown type", "unknown")];

const CHANGES: [(&str, &str); 9] = [
    ("Joined", "added"),
    ("Left", "removed"),
    ("Changed role", "role_changed"),
    ("Banned", "banned"),
    ("Banned no more", "unbanned"),
    ("Disabled", "disabled"),
    ("Enabled again", "enabled"),
    ("Came under SCIM", "scim_linked"),
    ("Left SCIM", "scim_unlinked"),
];

fn meaning(words: &str, of: &[(&str, &'static str)]) -> Option<&'static str> {
    of.iter().find(|(known, _)| *known == words).map(|(_, value)| *value)
}

/// What a number in a table is: a family, and labels. Nothing for a share.
fn in_a_table(cell: &Cell) -> Option<(&'static str, Labels<'_>)> {
    let row = cell.row.as_str();
    let account = || meaning(row, &ACCOUNTS).map(|value| ("account_type", value));
    Some(match (cell.section.as_str(), cell.column.as_str()) {
        ("roles", "All") => ("openai_org_users", vec![("role", row)]),
        ("roles", "Unknown") => ("openai_org_users", vec![("role", row), ("account_type", "unknown")]),
        ("roles", column) => {
            ("openai_org_users", vec![("role", row), ("account_type", meaning(column, &ACCOUNTS)?)])
        }
        ("scim", column) => {
            let managed = meaning(column, &[("Managed", "true"), ("Not", "false"), ("Unknown", "unknown")])?;
            ("openai_org_users", vec![account()?, ("scim_managed", managed)])
        }
        ("keys", "Used before") => ("openai_org_users_api_key_stale", vec![("use", "used"), threshold(row)?]),
        ("keys", "Never used") => ("openai_org_users_api_key_stale", vec![("use", "never"), threshold(row)?]),
        ("keys", "Of service accounts") => {
            ("openai_org_users_api_key_stale", vec![("account_type", "service_account"), threshold(row)?])
        }
        ("keys", column) => {
            let used = meaning(column, &[("Used", "used"), ("Never", "never"), ("Unknown", "unknown")])?;
            ("openai_org_users_by_api_key_use", vec![account()?, ("use", used)])
        }
        ("status", "Users") => {
            let known = [
                ("Active", "active"),
                ("Disabled", "disabled"),
                ("Banned", "banned"),
                ("Unknown", "unknown"),
            ];
            ("openai_org_users", vec![("status", meaning(row, &known)?)])
        }
        ("fields", "Users") => ("openai_org_users_with_field", vec![("field", row)]),
        ("changes", "Users") => match meaning(row, &CHANGES) {
            Some(change) => ("openai_org_user_changes_total", vec![("change", change)]),
            None => ("openai_org_user_role_grants_total", vec![("role", "owner")]),
        },
        ("Developer personas", "Users") => {
            ("openai_org_users_by_developer_persona", vec![("developer_persona", row)])
        }
        ("Technical levels", "Users") => {
            ("openai_org_users_by_technical_level", vec![("technical_level", row)])
        }
        ("Mail domains", "Users") => ("openai_org_users_by_email_domain", vec![("email_domain", row)]),
        _ => return None,
    })
}

/// Shares, times and what a page says of the process.
fn is_something_else(term: &str, text: &str) -> bool {
    text.ends_with('%')
        || text.contains(" ago, ")
        || text.ends_with(" UTC")
        || ["Walks every", "Figures withdrawn after", "Version"].contains(&term)
}

fn threshold(row: &str) -> Option<(&str, &str)> {
    Some(("older_than", row.strip_suffix(" or longer")?))
}

/// What stands beside a term.
fn at_a_term(term: &str) -> Option<(&'static str, Labels<'_>)> {
    Some(match term {
        "Users" => ("openai_org_users", vec![]),
        "Owners" => ("openai_org_users", vec![("role", "owner")]),
        "Service accounts" => ("openai_org_users", vec![("account_type", "service_account")]),
        "People outside SCIM" => {
            ("openai_org_users", vec![("account_type", "user"), ("scim_managed", "false")])
        }
        "Banned" => ("openai_org_users", vec![("status", "banned")]),
        "Users without a project" => ("openai_org_users_without_project", vec![]),
        "Default users" => ("openai_org_users_default", vec![]),
        "Scale tier purchasers" => ("openai_org_users_scale_tier_purchasers", vec![]),
        "Records that cannot be read" => ("openai_org_users_unreadable", vec![]),
        "In the walk: users met twice" => ("openai_org_snapshot_anomalies", vec![("kind", "duplicate")]),
        "In the walk: missing cursors" => ("openai_org_snapshot_anomalies", vec![("kind", "missing_cursor")]),
        "In the walk: cursors whose user had gone" => {
            ("openai_org_snapshot_anomalies", vec![("kind", "cursor_gone")])
        }
        _ => match (term.strip_prefix("No API key use for "), term.strip_prefix("Added within ")) {
            (Some(age), _) => ("openai_org_users_api_key_stale", vec![("older_than", age)]),
            (_, Some(within)) => ("openai_org_users_recently_added", vec![("within", within)]),
            _ => return None,
        },
    })
}

/// The page of one organization, and a scrape of the same walk.
pub async fn both(browser: &Browser, exporter: &Exporter, name: &str, path: &str) -> Result<(Page, Samples)> {
    wait_for("a page and a scrape of the same walk", async || {
        let before = Samples::scrape(&exporter.url("/metrics")).await?;
        browser.open(&exporter.url(path)).await?;
        let page = Page::read(browser).await?;
        let after = Samples::scrape(&exporter.url("/metrics")).await?;
        Ok((page.is_of(&before, name) && page.is_of(&after, name)).then_some((page, after)))
    })
    .await
}

/// What `page`, of the organization `name`, says otherwise than `samples`; and how many numbers were held against them.
fn differences(page: &Page, samples: &Samples, name: &str) -> (usize, Vec<String>) {
    let (mut compared, mut wrong) = (0, Vec::new());
    let mut compare = |place: String, text: &str, what: Option<(&str, Labels<'_>)>| {
        let Some((family, labels)) = what else {
            // A number that nobody compares could be any.
            if number(text).is_some() && !is_something_else(&place, text) {
                wrong.push(format!("{place}: it is not known what {text:?} is the number of"));
            }
            return;
        };
        let mut series = Series { family: family.to_owned(), labels: BTreeMap::new() };
        series.labels.insert("organization".into(), name.into());
        for (label, value) in labels {
            series.labels.insert(label.into(), value.into());
        }
        compared += 1;
        let (shown, scraped) = (number(text), samples.sum(&series));
        // Nobody is unknown: that has no series of its own.
        let none =
            shown == Some(0.0) && scraped.is_none() && series.labels.values().any(|value| value == "unknown");
        if shown != scraped && !none {
            wrong.push(format!("{place}: the page says {text:?}, {series:?} is {scraped:?}"));
        }
    };
    for (cell, text) in &page.cells {
        compare(format!("{cell:?}"), text, in_a_table(cell));
    }
    for (term, text) in &page.terms {
        compare(term.clone(), text, at_a_term(term));
    }
    (compared, wrong)
}

/// The numbers that the page of an organization has at least.
const AT_LEAST: usize = 60;

fn agrees(page: &Page, samples: &Samples, name: &str) -> Result<()> {
    let (compared, wrong) = differences(page, samples, name);
    ensure!(wrong.is_empty(), "{wrong:#?}");
    ensure!(compared >= AT_LEAST, "only {compared} numbers are on the page: {page:#?}");
    Ok(())
}

#[tokio::test]
async fn the_page_of_demo_shows_what_the_metrics_say() -> Result<()> {
    let exporter = Exporter::demo(&["--users=1234"]).await?;
    let browser = Browser::start().await?;
    let (page, samples) = both(&browser, &exporter, "demo", "/").await?;
    agrees(&page, &samples, "demo")?;
    ensure!(page.heading == "demo" && page.state_name() == "fresh", "{page:?}");
    ensure!(page.users()? == 1234.0);
    Ok(())
}

#[tokio::test]
async fn after_many_changes_the_page_shows_what_the_metrics_say() -> Result<()> {
    let exporter = Exporter::demo(&["--churn=12000", "--poll.interval=3s"]).await?;
    let browser = Browser::start().await?;
    let joined = Series::parse("openai_org_user_changes_total{change=\"added\"}")?;
    let (page, samples) = wait_for("changes", async || {
        let (page, samples) = both(&browser, &exporter, "demo", "/").await?;
        Ok((samples.sum(&joined) > Some(0.0)).then_some((page, samples)))
    })
    .await?;
    agrees(&page, &samples, "demo")?;
    let shown = page.cells.iter().find(|(cell, _)| cell.section == "changes" && cell.row == "Joined");
    ensure!(shown.is_some_and(|(_, text)| number(text) > Some(0.0)), "{shown:?}");
    Ok(())
}

#[tokio::test]
async fn without_scripts_the_page_shows_the_same() -> Result<()> {
    let exporter = Exporter::demo(&["--users=1234"]).await?;
    let browser = Browser::start().await?;
    browser.without_scripts().await?;
    let (page, samples) = both(&browser, &exporter, "demo", "/").await?;
    agrees(&page, &samples, "demo")?;
    // Nothing that only a script could keep.
    ensure!(page.refresh.is_empty(), "{}", page.refresh);
    Ok(())
}

#[tokio::test]
async fn several_organizations_are_shown_with_what_the_metrics_say() -> Result<()> {
    let exporter = Exporter::demo(&["--organizations=3", "--users=40"]).await?;
    let browser = Browser::start().await?;
    let samples = wait_for("three walks", async || {
        let samples = Samples::scrape(&exporter.url("/metrics")).await?;
        Ok((samples.sum(&Series::parse("openai_org_snapshot_available")?) == Some(3.0)).then_some(samples))
    })
    .await?;
    browser.open(&exporter.url("/")).await?;
    let overview = Page::read(&browser).await?;
    let links: Vec<(String, String)> = browser
        .ask(
            "return [...document.querySelectorAll('main tbody th a')].map(it => [it.textContent, it.search])",
        )
        .await?;
    ensure!(links.len() == 3, "{links:?}");
    for (name, link) in &links {
        for (column, labels) in [
            ("Users", ""),
            ("Owners", ",role=\"owner\""),
            ("Service accounts", ",account_type=\"service_account\""),
        ] {
            let cell = Cell { section: "all".into(), row: name.clone(), column: column.into() };
            let shown = overview.cells.get(&cell).with_context(|| format!("{cell:?} in {overview:?}"))?;
            let series = format!("openai_org_users{{organization=\"{name}\"{labels}}}");
            ensure!(number(shown) == samples.sum(&Series::parse(&series)?), "{series}: {shown}");
        }
        let (page, samples) = both(&browser, &exporter, name, &format!("/{link}")).await?;
        ensure!(page.heading == *name);
        agrees(&page, &samples, name)?;
    }
    Ok(())
}

#[tokio::test]
async fn bars_are_as_long_as_their_numbers_are_large() -> Result<()> {
    let exporter = Exporter::demo(&[]).await?;
    let browser = Browser::start().await?;
    both(&browser, &exporter, "demo", "/").await?;
    let rows: Vec<(String, Vec<f64>, Vec<f64>)> = browser
        .ask(
            "return [...document.querySelectorAll('[aria-labelledby=roles] tbody tr')].map(row => [
              row.querySelector('.name').textContent,
              [...row.querySelectorAll('td data')].map(it => Number(it.value)),
              [...row.querySelectorAll('.bar .part')].map(it =>
                it.getBoundingClientRect().width / it.parentElement.getBoundingClientRect().width),
            ]);",
        )
        .await?;
    ensure!(rows.len() >= 2, "{rows:?}");
    let most =
        rows.iter().filter_map(|(_, numbers, _)| numbers.last()).fold(0.0_f64, |most, &it| most.max(it));
    for (role, numbers, lengths) in &rows {
        let parts = numbers.iter().take(3).filter(|&&it| it > 0.0);
        ensure!(parts.clone().count() == lengths.len(), "{role}: {numbers:?} and {lengths:?}");
        for (number, length) in parts.zip(lengths) {
            ensure!((number / most - length).abs() < 0.01, "{role}: {number} of {most} is drawn as {length}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_number_that_differs_is_noticed() -> Result<()> {
    let exporter = Exporter::demo(&[]).await?;
    let browser = Browser::start().await?;
    let (mut page, samples) = both(&browser, &exporter, "demo", "/").await?;
    for text in page.cells.values_mut().chain(page.terms.values_mut()) {
        *text = "77,777".to_owned();
    }
    let (compared, wrong) = differences(&page, &samples, "demo");
    ensure!(compared >= AT_LEAST && wrong.len() >= compared, "{compared}: {wrong:#?}");
    Ok(())
}
