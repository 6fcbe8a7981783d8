//! One exporter to a state file: two would overwrite each other's changes.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Holds the lock until it is dropped, or the process ends in whatever way.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
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
                let mut text = String::new();
                let read = file.take(32).read_to_string(&mut text);
                let pid = read.ok().and_then(|_| text.trim().parse().ok());
                return Err(LockError::InUse { path: path.to_owned(), pid });
            }
            Err(TryLockError::Error(error)) => return Err(unavailable(error)),
        }
        file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(unavailable)?;
        Ok(Self { _file: file })
    }
}

fn named(pid: Option<&u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" (pid {pid})"))
}
