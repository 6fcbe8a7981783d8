//! One exporter to a state file: two would overwrite each other's changes.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Holds the lock until it is dropped, or the process ends in whatever way.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    path: PathBuf,
}

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another exporter has it.
    #[error("another exporter{} keeps its state in {path:?}; give each exporter a --state.file of its own", named(.pid.as_ref()))]
    InUse {
        /// The state file.
        path: PathBuf,
        /// The other's process id, if it is known.
        pid: Option<u32>,
    },
    /// The lock cannot be had here at all.
    #[error("cannot lock {path:?}: {error}")]
    Unavailable {
        /// The file beside the state file that is locked.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl Lock {
    /// Locks the state file at `path`, by a file beside it: the state file itself is replaced with every write.
    pub(super) fn acquire(path: &Path) -> Result<Self, LockError> {
        let beside = super::file::beside(path, ".lock");
        let unavailable = |error: io::Error| LockError::Unavailable { path: beside.clone(), error };
        if fs::symlink_metadata(&beside).is_ok_and(|metadata| metadata.is_symlink()) {
            return Err(unavailable(io::Error::other("it is a link")));
        }
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&beside)
            .map_err(unavailable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let pid = content(&mut file).and_then(|text| text.trim().parse().ok());
                return Err(LockError::InUse { path: path.to_owned(), pid });
            }
            Err(TryLockError::Error(error)) => return Err(unavailable(error)),
        }
        let is_a_lock = |text: &str| text.trim().is_empty() || text.trim().parse::<u32>().is_ok();
        if !content(&mut file).is_some_and(|text| is_a_lock(&text)) {
            return Err(unavailable(io::Error::other("it is no lock of an exporter")));
        }
        file.rewind()
            .and_then(|()| file.set_len(0))
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(unavailable)?;
        Ok(Self { file, path: beside })
    }

    /// Whether the file that is locked is still the one that others would lock.
    pub(super) fn is_in_place(&self) -> bool {
        let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        match (self.file.metadata(), fs::metadata(&self.path)) {
            (Ok(held), Ok(there)) => identity(held) == identity(there),
            _ => false,
        }
    }
}

/// The beginning of what is written in a lock.
fn content(file: &mut File) -> Option<String> {
    let mut text = String::new();
    file.take(64).read_to_string(&mut text).ok()?;
    Some(text)
}

fn named(pid: Option<&u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" (pid {pid})"))
}
