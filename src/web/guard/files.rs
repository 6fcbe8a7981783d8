//! The files of a web configuration, and how to see that one is another by now.

use std::fmt;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use ring::digest;

use super::settings::GuardSettings;

/// A file that was written so shortly before it was read may be written again without looking another.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// A file as it was read, or could not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenFile {
    path: PathBuf,
    mark: Option<Mark>,
    /// Whether the same mark means the same content.
    settled: bool,
}

/// What is another one when the content is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    device: u64,
    inode: u64,
    size: u64,
    /// Of the content, in seconds and nanoseconds.
    modified: (i64, i64),
    /// Of the entry: it cannot be set back.
    changed: (i64, i64),
}

/// A web configuration as it was read, good or not.
#[derive(Clone)]
pub struct GuardReading {
    /// Every file that was looked at, whatever came of it.
    pub files: Vec<SeenFile>,
    /// What stands for all that was read: two readings with the same are the same.
    digest: [u8; 32],
    /// What it says, or what is wrong in one line.
    pub outcome: Result<GuardSettings, String>,
}

impl SeenFile {
    /// The file at `path` as `metadata`, taken before its content was read, says; `None` where there is no file.
    pub fn new(path: &Path, metadata: Option<&Metadata>) -> Self {
        let mark = metadata.map(Mark::of);
        let settled = mark.as_ref().is_none_or(Mark::is_settled);
        Self { path: path.to_owned(), mark, settled }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether its content may be another one now.
    fn may_have_changed(&self) -> bool {
        !self.settled || fs::metadata(&self.path).ok().as_ref().map(Mark::of) != self.mark
    }
}

impl Mark {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    fn is_settled(&self) -> bool {
        let newest = self.modified.max(self.changed);
        let Ok(seconds) = u64::try_from(newest.0) else { return true };
        let since = SystemTime::UNIX_EPOCH
            .checked_add(Duration::from_secs(seconds))
            .and_then(|newest| SystemTime::now().duration_since(newest).ok());
        // The nanoseconds count as a second: this is about whether it was a while ago.
        since.is_some_and(|since| since > SETTLED_AFTER + Duration::from_secs(1))
    }
}

impl GuardReading {
    /// A reading of `files`, whose `contents`, in the same order, made `outcome`.
    pub fn new(files: Vec<SeenFile>, contents: &[&[u8]], outcome: Result<GuardSettings, String>) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        let mut add = |bytes: &[u8]| {
            context.update(&(bytes.len() as u64).to_be_bytes());
            context.update(bytes);
        };
        contents.iter().for_each(|content| add(content));
        // A file that is not there, or cannot be read, has no content but its error.
        add(outcome.as_ref().err().map_or(b"", |error| error.as_bytes()));
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        Self { files, digest, outcome }
    }

    /// Whether a file may be another one now.
    pub(super) fn may_be_outdated(files: &[SeenFile]) -> bool {
        files.iter().any(SeenFile::may_have_changed)
    }
}

/// The same content makes the same reading.
impl PartialEq for GuardReading {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl fmt::Debug for GuardReading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardReading")
            .field("files", &self.files)
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    fn seen(path: &Path) -> SeenFile {
        SeenFile::new(path, fs::metadata(path).ok().as_ref())
    }

    /// Seen with its content long since written.
    fn settled(path: &Path) -> SeenFile {
        SeenFile { settled: true, ..seen(path) }
    }

    #[test]
    fn a_file_that_is_written_replaced_or_gone_is_seen() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        assert!(!seen(&path).may_have_changed(), "there was none, and there is none");
        let missing = seen(&path);
        fs::write(&path, "1").unwrap();
        assert!(missing.may_have_changed());

        let before = settled(&path);
        assert!(!before.may_have_changed());
        fs::write(&path, "12").unwrap();
        assert!(before.may_have_changed());

        // Another file of the same size, and as old.
        let before = settled(&path);
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        let other = directory.path().join("other");
        fs::write(&other, "21").unwrap();
        File::options().write(true).open(&other).unwrap().set_modified(modified).unwrap();
        fs::rename(&other, &path).unwrap();
        assert!(before.may_have_changed());

        let before = settled(&path);
        fs::remove_file(&path).unwrap();
        assert!(before.may_have_changed());
    }

    #[test]
    fn what_was_just_written_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "1").unwrap();
        assert!(seen(&path).may_have_changed());
    }

    #[test]
    fn a_link_that_is_swapped_is_seen() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for version in ["..1", "..2"] {
            fs::create_dir(at(version)).unwrap();
            fs::write(at(version).join("file"), "1").unwrap();
        }
        std::os::unix::fs::symlink("..1", at("..data")).unwrap();
        std::os::unix::fs::symlink("..data/file", at("file")).unwrap();
        let before = settled(&at("file"));
        assert!(!before.may_have_changed());
        std::os::unix::fs::symlink("..2", at("..tmp")).unwrap();
        fs::rename(at("..tmp"), at("..data")).unwrap();
        assert!(before.may_have_changed());
    }

    #[test]
    fn readings_are_the_same_where_content_and_error_are() {
        let reading = |contents: &[&[u8]], error: Option<&str>| {
            let outcome = error.map_or(Ok(GuardSettings::default()), |error| Err(error.to_owned()));
            GuardReading::new(Vec::new(), contents, outcome)
        };
        assert_eq!(reading(&[b"ab", b"c"], None), reading(&[b"ab", b"c"], None));
        assert_ne!(reading(&[b"ab", b"c"], None), reading(&[b"a", b"bc"], None));
        assert_ne!(reading(&[b"a"], None), reading(&[b"a"], Some("wrong")));
        assert_ne!(reading(&[b"a"], Some("wrong")), reading(&[b"a"], Some("gone")));
    }
}
