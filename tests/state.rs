//! The state file on a real disk: replaced as a whole, moved aside when damaged, one exporter to a file.

#![allow(clippy::unwrap_used, reason = "a panic here is a failed test with a line number")]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use openai_org_exporter::admin_api::{Field, User};
use openai_org_exporter::clock::{Clock, Moment};
use openai_org_exporter::roster::{Builder, Change, Roster, Totals};
use openai_org_exporter::snapshot::OrganizationState;
use openai_org_exporter::state::{Kept, LockError, Opened, StateFile};

fn now() -> Moment {
    Clock::system().now()
}

/// A state that says which generation it is, in two places far apart.
fn generation(number: u64, roster: &Arc<Roster>) -> Kept {
    let mut changes = Totals::default();
    changes.changes[Change::Added as usize] = number;
    let roster = Arc::new(Roster::clone(roster).with_fingerprint(number));
    let state = OrganizationState { changes, roster: Some(roster), ..OrganizationState::default() };
    Kept { name: "acme".into(), state: Arc::new(state) }
}

fn generation_of(kept: &[Kept]) -> Option<u64> {
    let state = &kept.first()?.state;
    let number = state.changes.changes[Change::Added as usize];
    assert_eq!(state.roster.as_ref().unwrap().fingerprint(), number, "a mixture of two states");
    Some(number)
}

fn roster(users: usize) -> Arc<Roster> {
    let mut builder = Builder::new(None);
    for number in 0..users {
        builder.meet(&User { id: format!("user-{number}").into(), role: Field::Absent, ..User::default() });
    }
    Arc::new(builder.finish().0)
}

fn open(path: &Path) -> Opened {
    StateFile::open(path, &now()).unwrap()
}

fn files(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_first_start_finds_nothing_and_the_next_what_was_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state");
    let first = open(&path);
    assert_eq!((first.kept, first.warnings), (vec![], vec![]));
    let kept = [generation(7, &roster(1_000))];
    first.file.write(&kept, &now()).unwrap();
    drop(first.file);
    let second = open(&path);
    assert_eq!((second.kept, second.warnings), (kept.to_vec(), vec![]));
    assert_eq!(files(directory.path()), ["state", "state.lock"]);
    for name in files(directory.path()) {
        let mode = fs::metadata(directory.path().join(&name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_file_that_cannot_be_used_is_moved_aside_and_the_newest_three_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state");
    for content in ["one", "two", "three", "four", "openai-org-exporter state 2\n"] {
        fs::write(&path, content).unwrap();
        let opened = open(&path);
        assert_eq!((opened.kept, opened.warnings.len()), (vec![], 1), "{content}");
        opened.file.write(&[generation(1, &roster(1))], &now()).unwrap();
    }
    let kept = ["state", "state.damaged-3", "state.damaged-4", "state.damaged-5", "state.lock"];
    assert_eq!(files(directory.path()), kept);
    assert_eq!(fs::read_to_string(directory.path().join("state.damaged-4")).unwrap(), "four");
    assert_eq!(generation_of(&open(&path).kept), Some(1));
}

#[test]
fn a_second_exporter_is_told_the_pid_of_the_first() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state");
    let first = open(&path);
    let refused = StateFile::open(&path, &now()).unwrap_err();
    let LockError::InUse { pid, .. } = &refused else { panic!("{refused}") };
    assert_eq!(*pid, Some(std::process::id()));
    assert_eq!(
        refused.to_string(),
        format!(
            "another exporter (pid {}) keeps its state in {path:?}; give each exporter a --state.file of its own",
            std::process::id()
        )
    );
    drop(first);
    open(&path);
}

#[test]
fn who_removed_the_lock_and_started_another_exporter_has_the_first_one_stop_writing() {
    let directory = tempfile::tempdir().unwrap();
    let (path, lock) = (directory.path().join("state"), directory.path().join("state.lock"));
    let first = open(&path);
    fs::remove_file(&lock).unwrap();
    first.file.write(&[generation(1, &roster(1))], &now()).unwrap();
    assert!(lock.exists(), "taken again");
    fs::remove_file(&lock).unwrap();
    let second = open(&path);
    let error = first.file.write(&[generation(2, &roster(1))], &now()).unwrap_err();
    assert!(error.to_string().starts_with("another exporter (pid "), "{error}");
    second.file.write(&[generation(3, &roster(1))], &now()).unwrap();
}

#[test]
fn a_file_that_is_no_lock_is_not_touched() {
    let directory = tempfile::tempdir().unwrap();
    let other = directory.path().join("Cargo.lock");
    fs::write(&other, "[[package]]").unwrap();
    symlink("Cargo.lock", directory.path().join("state.lock")).unwrap();
    for name in ["Cargo", "state"] {
        assert_eq!(open(&directory.path().join(name)).warnings.len(), 1);
        assert_eq!(fs::read_to_string(&other).unwrap(), "[[package]]");
    }
}

#[test]
fn a_link_to_a_file_that_is_still_to_be_made_stays_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("link");
    symlink("real", &path).unwrap();
    open(&path).file.write(&[generation(3, &roster(1))], &now()).unwrap();
    assert!(directory.path().join("real").exists() && path.is_symlink());
}

#[test]
fn a_link_stays_one_and_another_ones_leftover_is_not_followed() {
    let directory = tempfile::tempdir().unwrap();
    let (path, target) = (directory.path().join("link"), directory.path().join("real"));
    let bystander = directory.path().join("bystander");
    fs::write(&bystander, "untouched").unwrap();
    fs::write(&target, "").unwrap();
    symlink("real", &path).unwrap();
    symlink("bystander", directory.path().join("real.tmp")).unwrap();
    let opened = open(&path);
    assert_eq!(opened.warnings.len(), 1, "an empty file is no state: {:?}", opened.warnings);
    opened.file.write(&[generation(3, &roster(1))], &now()).unwrap();
    assert_eq!(fs::read_to_string(bystander).unwrap(), "untouched");
    assert_eq!(fs::read_link(&path).unwrap(), Path::new("real"));
    drop(opened);
    assert_eq!(generation_of(&open(&path).kept), Some(3));
}

#[test]
fn a_write_that_fails_leaves_the_old_state_and_nothing_beside_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state");
    let opened = open(&path);
    opened.file.write(&[generation(1, &roster(1))], &now()).unwrap();
    fs::create_dir(directory.path().join("state.tmp")).unwrap();
    opened.file.write(&[generation(2, &roster(1))], &now()).unwrap_err();
    drop(opened);
    assert_eq!(generation_of(&open(&path).kept), Some(1));
}

/// Writes generation after generation and says when each is there, until it is killed. Not a test by itself.
#[test]
#[ignore = "run by killing_the_writer_at_any_instant_leaves_the_old_or_the_new_state"]
fn writer() {
    let Some(path) = std::env::var_os("STATE_FILE_OF_THE_WRITER") else { return };
    let opened = open(Path::new(&path));
    assert!(opened.warnings.is_empty(), "{:?}", opened.warnings);
    let first = generation_of(&opened.kept).unwrap_or(0) + 1;
    let roster = roster(20_000);
    let mut output = std::io::stdout();
    for number in first.. {
        opened.file.write(&[generation(number, &roster)], &now()).unwrap();
        writeln!(output, "written {number}").unwrap();
    }
}

fn start_writer(path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writer", "--ignored", "--nocapture"])
        .env("STATE_FILE_OF_THE_WRITER", path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn killing_the_writer_at_any_instant_leaves_the_old_or_the_new_state() {
    const KILLS: u32 = 200;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state");
    let (mut seen, mut amid_a_write) = (0, 0);
    for _ in 0..KILLS {
        let mut writer = start_writer(&path);
        let mut said = BufReader::new(writer.stdout.take().unwrap()).lines().map_while(Result::ok);
        // Up and writing; then the kill falls where it falls.
        let first = said.by_ref().find_map(|line| line.split_once("written ")?.1.parse::<u64>().ok());
        let instant = Instant::now() + Duration::from_micros(fastrand::u64(0..10_000));
        while Instant::now() < instant {
            std::hint::spin_loop();
        }
        writer.kill().unwrap();
        writer.wait().unwrap();
        let written = said.filter_map(|line| line.split_once("written ")?.1.parse::<u64>().ok());
        let acknowledged = written.last().or(first).unwrap();
        amid_a_write += u32::from(directory.path().join("state.tmp").exists());

        let opened = open(&path);
        assert_eq!(opened.warnings, Vec::<String>::new());
        let found = generation_of(&opened.kept).unwrap();
        assert!(
            found == acknowledged || found == acknowledged + 1,
            "{found} after {acknowledged} was written"
        );
        assert!(found > seen, "the writer began where the one before ended");
        seen = found;
    }
    assert!(amid_a_write > KILLS / 10, "only {amid_a_write} of {KILLS} kills fell into a write");
}
