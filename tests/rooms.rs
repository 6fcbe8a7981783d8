//! Holds the code to the table of rooms in `src/lib.rs`.

#![allow(clippy::unwrap_used, reason = "a panic here is a failed test with a line number")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The table in the crate's documentation: room -> the rooms it may import.
fn table() -> BTreeMap<String, BTreeSet<String>> {
    let map = fs::read_to_string("src/lib.rs").unwrap();
    map.lines()
        .filter_map(|line| line.strip_prefix("//! | `"))
        .map(|row| {
            let cells: Vec<&str> = row.split(" | ").collect();
            let room = cells[0].trim_matches('`').to_owned();
            let imports = cells[2].split('`').skip(1).step_by(2).map(str::to_owned).collect();
            (room, imports)
        })
        .collect()
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The rooms that a source text names behind `crate::`, comments aside, `use crate::{a, b}` included.
fn imports(source: &str) -> BTreeSet<String> {
    let code: String =
        source.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut found = BTreeSet::new();
    for piece in code.split("crate::").skip(1) {
        let names = match piece.strip_prefix('{') {
            Some(group) => top_level_names(group),
            None => vec![leading_name(piece)],
        };
        found.extend(names.into_iter().filter(|name| !name.is_empty()));
    }
    found
}

fn leading_name(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

/// The first name of each entry of a group: `a, b::{c, d}, e}` gives a, b, e.
fn top_level_names(group: &str) -> Vec<String> {
    let (mut depth, mut names, mut start) = (0, vec![], 0);
    for (index, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                names.push(leading_name(&group[start..]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(leading_name(&group[start..]));
                start = index + 1;
            }
            _ => {}
        }
    }
    names
}

#[test]
fn rooms_import_only_what_the_table_allows() {
    let table = table();
    let mut files = vec![];
    sources(Path::new("src"), &mut files);
    let mut broken = vec![];
    for file in files {
        let relative = file.strip_prefix("src").unwrap();
        let room = relative.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned();
        if room == "lib" || room == "main" {
            continue;
        }
        let Some(allowed) = table.get(&room) else {
            broken.push(format!("{} stands in no room of the table", file.display()));
            continue;
        };
        for import in imports(&fs::read_to_string(&file).unwrap()) {
            if import != room && !allowed.contains(&import) {
                broken.push(format!("{} imports {import}", file.display()));
            }
        }
    }
    assert!(broken.is_empty(), "against the table in src/lib.rs:\n{}", broken.join("\n"));
}

#[test]
fn every_room_of_the_table_exists_and_says_what_it_is() {
    for room in table().keys() {
        let path = format!("src/{room}.rs");
        let source = fs::read_to_string(&path).unwrap_or_else(|_| panic!("{path} is missing"));
        assert!(source.starts_with("//! "), "{path} does not open with //!");
    }
}

#[test]
fn the_table_allows_no_circles() {
    let table = table();
    for room in table.keys() {
        let (mut seen, mut open) = (BTreeSet::new(), table[room].iter().cloned().collect::<Vec<_>>());
        while let Some(next) = open.pop() {
            assert_ne!(&next, room, "{room} reaches itself");
            if seen.insert(next.clone()) {
                open.extend(table[&next].iter().cloned());
            }
        }
    }
}

#[test]
fn imports_are_found_in_groups_and_paths_but_not_in_comments() {
    let source = "use crate::{a, b::{c, d}, e};\n// crate::f\nlet x = crate::g::h();";
    assert_eq!(imports(source).into_iter().collect::<Vec<_>>(), ["a", "b", "e", "g"]);
}
