//! The file on disk: read at start, replaced as a whole, moved aside when it cannot be used.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::lock::{Lock, LockError};
use super::{Kept, format};
use crate::clock::Moment;

/// The largest file that is read: some 80 million users.
const LARGEST: u64 = 1 << 30;

/// How many damaged files are kept.
const DAMAGED_KEPT: usize = 3;

/// A state file that belongs to this process.
#[derive(Debug)]
pub struct StateFile {
    path: PathBuf,
    /// `None` where files cannot be locked.
    lock: Mutex<Option<Lock>>,
}

/// A state file, what was in it, and what is wrong with it, one line each.
#[derive(Debug)]
pub struct Opened {
    /// The file.
    pub file: StateFile,
    /// What was kept in it.
    pub kept: Vec<Kept>,
    /// What is to be warned of.
    pub warnings: Vec<String>,
}

impl StateFile {
    /// Takes possession of the file at `path`, and reads it. There may be none yet. A file that cannot be used is
    /// moved aside.
    ///
    /// # Errors
    ///
    /// If another exporter has it.
    pub fn open(path: &Path, now: &Moment) -> Result<Opened, LockError> {
        let path = behind_links(path);
        let mut warnings = Vec::new();
        let lock = match Lock::acquire(&path) {
            Ok(lock) => Some(lock),
            Err(error @ LockError::InUse { .. }) => return Err(error),
            Err(error) => {
                warnings.push(format!(
                    "{error}; two exporters with this state file would not notice each other, and it may not be writable"
                ));
                None
            }
        };
        let kept = match read(&path).map(|bytes| bytes.map(|bytes| format::read(&bytes, now))) {
            Ok(None) => Vec::new(),
            Ok(Some(Ok(kept))) => kept,
            Ok(Some(Err(damage))) => set_aside(&path, &damage.to_string(), &mut warnings),
            Err(error) => set_aside(&path, &format!("it cannot be read: {error}"), &mut warnings),
        };
        Ok(Opened { file: Self { path, lock: Mutex::new(lock) }, kept, warnings })
    }

    /// The path, links followed.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces the file by what `organizations` are at `now`. At whatever instant the process or the machine stops,
    /// the file is the old one or the new one.
    ///
    /// # Errors
    ///
    /// If the new file cannot be written; the old one stays then.
    pub fn write(&self, organizations: &[Kept], now: &Moment) -> io::Result<()> {
        self.keep_lock()?;
        let temporary = beside(&self.path, ".tmp");
        // One that a killed process left, or a link that somebody laid.
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        let written = fill(&file, organizations, now).and_then(|()| fs::rename(&temporary, &self.path));
        match written {
            Ok(()) => sync_directory(&self.path),
            Err(error) => {
                let _ = fs::remove_file(&temporary);
                Err(error)
            }
        }
    }

    /// Takes the lock again, should somebody have removed its file.
    fn keep_lock(&self) -> io::Result<()> {
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if lock.as_ref().is_some_and(|lock| !lock.is_in_place()) {
            *lock = Some(Lock::acquire(&self.path).map_err(io::Error::other)?);
        }
        Ok(())
    }
}

/// The file that a path names: who replaces a link by a file takes it away from whoever made it.
fn behind_links(path: &Path) -> PathBuf {
    match (fs::canonicalize(path), fs::read_link(path)) {
        (Ok(path), _) => path,
        // A link to a file that is still to be made.
        (Err(_), Ok(target)) => path.parent().unwrap_or(Path::new(".")).join(target),
        (Err(_), Err(_)) => path.to_owned(),
    }
}

fn fill(file: &File, organizations: &[Kept], now: &Moment) -> io::Result<()> {
    format::write(organizations, now, BufWriter::with_capacity(64 << 10, file))?;
    file.sync_all()
}

/// Without this, a machine that loses power may show the old name of the new file.
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

/// The content, or `None` if there is no file.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    if metadata.len() > LARGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 1 GiB"));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Moves the file to `FILE.damaged-N`, N being one more than the highest there, and keeps the newest few of these.
fn set_aside(path: &Path, why: &str, warnings: &mut Vec<String>) -> Vec<Kept> {
    let mut damaged = damaged(path);
    let number = damaged.last().map_or(1, |(number, _)| number.saturating_add(1));
    let aside = beside(path, &format!(".damaged-{number}"));
    match fs::rename(path, &aside) {
        Ok(()) => {
            damaged.push((number, aside.clone()));
            for (_, old) in damaged.iter().rev().skip(DAMAGED_KEPT) {
                let _ = fs::remove_file(old);
            }
            warnings.push(format!(
                "the state file {path:?} is not used: {why}; it was moved to {aside:?}, and this start goes without it: \
                 changes are counted anew"
            ));
        }
        Err(error) => warnings.push(format!(
            "the state file {path:?} is not used: {why}; it cannot be moved aside either: {error}"
        )),
    }
    Vec::new()
}

/// The damaged files beside `path` by their numbers.
fn damaged(path: &Path) -> Vec<(u64, PathBuf)> {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let number = |file: &str| {
        file.strip_prefix(name)?.strip_prefix(".damaged-")?.parse().ok().filter(|number| *number < u64::MAX)
    };
    let mut found: Vec<(u64, PathBuf)> = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter_map(|entry| Some((number(entry.file_name().to_str()?)?, entry.path())))
        .collect();
    found.sort();
    found
}

/// The path of a file with the same name and `ending` behind it.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}
