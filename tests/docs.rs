//! The pages that are written from tables are the ones in the repository, the tests that a page names exist, links lead
//! somewhere, and the index of docs/ is complete.

#![allow(clippy::unwrap_used, reason = "a panic here is a failed test with a line number")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use openai_org_exporter::{catalog, config};

#[track_caller]
fn assert_is(path: &str, written: &str, page: &str) {
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(kept == written, "{path} is out of date; run: cargo run -- docs {page} > {path}");
}

#[test]
fn docs_metrics_is_what_the_catalog_says() {
    assert_is("docs/metrics.md", &catalog::markdown(), "metrics");
}

#[test]
fn docs_configuration_is_what_the_settings_say() {
    assert_is("docs/configuration.md", &config::markdown(), "configuration");
}

/// The text of all source files below `directory`.
fn sources(directory: &Path, text: &mut String) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "py") {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_promise_names_tests_that_exist() {
    let mut code = String::new();
    ["src", "tests"].iter().for_each(|directory| sources(Path::new(directory), &mut code));
    let page = fs::read_to_string("docs/reliability.md").unwrap();
    let promises: Vec<&str> =
        page.lines().filter(|line| line.starts_with("| ") && line.contains('`')).collect();
    assert!(promises.len() > 20, "the tables of docs/reliability.md are not found");
    for promise in promises {
        let tests = promise.rsplit(" | ").next().unwrap();
        for name in tests.split('`').skip(1).step_by(2).filter(|name| *name != "chaos") {
            let exists = code.contains(&format!("fn {name}(")) || code.contains(&format!("def {name}("));
            assert!(exists, "docs/reliability.md names {name}, which is no test");
        }
    }
}

/// Folders in which every Markdown file is a page; in the root of the repository, too, but not below it.
const FOLDERS: [&str; 7] = ["docs", "deploy", "rules", "dashboards", "fuzz", "benches", "tests"];
/// Folders of what others wrote.
const FOREIGN: [&str; 2] = ["node_modules", "target"];

/// The Markdown files of `directory`, and of all below it where `deep`.
fn markdown(directory: &Path, deep: bool, found: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if deep && !FOREIGN.iter().any(|name| path.ends_with(name)) {
                markdown(&path, deep, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.insert(tidied(&path));
        }
    }
}

/// All pages of the project, by their paths from its root.
fn pages() -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    markdown(Path::new("."), false, &mut found);
    FOLDERS.iter().for_each(|folder| markdown(Path::new(folder), true, &mut found));
    found
}

/// The path without `.` and without `..`, as far as they can be taken back.
fn tidied(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if tidy.file_name().is_some() => _ = tidy.pop(),
            other => tidy.push(other),
        }
    }
    tidy
}

/// The lines of a page outside of fenced blocks.
fn prose(text: &str) -> Vec<&str> {
    let mut fenced = false;
    let outside = |line: &&str| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    };
    text.lines().filter(outside).collect()
}

/// The paragraph with what stands between backticks taken out.
fn without_code(paragraph: &str) -> String {
    paragraph.split('`').step_by(2).collect()
}

/// What the links and pictures of a page lead to.
fn targets(text: &str) -> Vec<String> {
    let prose = prose(text).join("\n");
    let paragraphs = prose.split("\n\n").map(without_code);
    let found = |paragraph: String| {
        let starts = ["](", "href=\"", "src=\"", "srcset=\""];
        let each = starts.iter().flat_map(|start| paragraph.split(start).skip(1));
        each.map(|rest| rest.split([')', '"']).next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    paragraphs.flat_map(found).collect()
}

/// The anchors that GitHub gives to the headings of a page: in small letters, hyphens for spaces, without punctuation,
/// and with a number where the same heading comes again.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let headings = prose(text).into_iter().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_');
        let words: String = heading.trim_start_matches('#').trim().chars().filter(kept).collect();
        let anchor = words.to_lowercase().replace(' ', "-");
        let times = seen.entry(anchor.clone()).and_modify(|times| *times += 1).or_default();
        if *times == 0 { anchor } else { format!("{anchor}-{times}") }
    };
    headings.map(anchor).collect()
}

/// What is wrong with a link that stands in `page`, if anything is.
fn fault(page: &Path, target: &str) -> Option<String> {
    if target.starts_with("https://") || target.starts_with("http://localhost") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let file = if file.is_empty() { page.to_owned() } else { tidied(&page.with_file_name("").join(file)) };
    if !file.exists() {
        return Some(format!("{}: {target}: there is no {}", page.display(), file.display()));
    }
    let there = anchor.is_empty() || anchors(&fs::read_to_string(&file).unwrap()).contains(anchor);
    (!there).then(|| format!("{}: {target}: {} has no such heading", page.display(), file.display()))
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let (mut links, mut faults) = (0, Vec::new());
    for page in pages() {
        let targets = targets(&fs::read_to_string(&page).unwrap());
        links += targets.len();
        faults.extend(targets.iter().filter_map(|target| fault(&page, target)));
    }
    assert!(links > 120, "only {links} links are found");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_link_that_leads_nowhere_is_noticed() {
    let page = Path::new("docs/walk.md");
    for good in [
        "changes.md",
        "changes.md#the-log",
        "#segments",
        "../rules",
        "../README.md#try-it",
        "https://x.example",
    ] {
        assert_eq!(fault(page, good), None);
    }
    for bad in ["changed.md", "changes.md#the-logs", "#segment", "README.md#try-it", "http://x.example"] {
        assert!(fault(page, bad).is_some(), "{bad}");
    }
}

#[test]
fn links_are_found_in_prose_and_headings_have_the_anchors_of_github() {
    let page = "# What `/metrics` answers\n\n[`a`](b.md), `[no](link), two\nlines`\n```sh\n# no heading\n[c](d)\n```\n\
                <img src=\"e.png\">\n## Twice\n## Twice\n## Not_this-one: it's, \"quoted\"";
    assert_eq!(targets(page), ["b.md", "e.png"]);
    let expected = ["not_this-one-its-quoted", "twice", "twice-1", "what-metrics-answers"];
    assert_eq!(anchors(page), expected.map(str::to_owned).into());
}

#[test]
fn the_index_of_docs_names_every_page_once() {
    let index = Path::new("docs/README.md");
    let text = fs::read_to_string(index).unwrap();
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| [")).collect();
    let listed: Vec<PathBuf> = rows
        .iter()
        .flat_map(|row| targets(row))
        .map(|target| tidied(&Path::new("docs").join(target)))
        .collect();
    let of_docs = |page: &PathBuf| page.starts_with("docs") && page != index;
    for page in pages().into_iter().filter(of_docs) {
        let times = listed.iter().filter(|one| **one == page).count();
        assert_eq!(times, 1, "docs/README.md lists {} {times} times, and not once", page.display());
    }
    for row in rows {
        assert!(row.ends_with("? |"), "docs/README.md: this line says no question: {row}");
    }
}
