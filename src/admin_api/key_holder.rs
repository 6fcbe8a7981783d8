//! The key in use, and the file from which it is read again: keys are rotated while the exporter runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use reqwest::header::HeaderValue;
use tokio::sync::Mutex;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use super::key::{AdminKey, KeyFileError, Keys};

/// The time that reading the file may take; it can lie on a network.
const LONGEST_READING: Duration = Duration::from_secs(3);

/// Holds the key of one organization.
#[derive(Debug)]
pub(super) struct KeyHolder {
    organization: String,
    file: Option<PathBuf>,
    in_use: ArcSwap<InUse>,
    reading: Mutex<Reading>,
}

/// The key in use, ready to be sent.
#[derive(Debug)]
pub(super) struct InUse {
    /// The key, with those before it.
    pub(super) keys: Keys,
    /// The value of the `Authorization` header.
    pub(super) authorization: HeaderValue,
}

/// How reading the file goes.
#[derive(Debug, Default)]
struct Reading {
    /// A reading that took too long. No other begins before it ends, so that a file that hangs costs one thread.
    pending: Option<JoinHandle<Result<Option<AdminKey>, KeyFileError>>>,
    /// Whether the last one failed, which is said once and not before each walk.
    failed: bool,
}

impl InUse {
    fn new(keys: Keys) -> Arc<Self> {
        Arc::new(Self { authorization: keys.in_use().authorization(), keys })
    }
}

impl KeyHolder {
    /// A holder of `key`, which is read again from `file`, if there is one.
    pub(super) fn new(organization: &str, key: AdminKey, file: Option<PathBuf>) -> Self {
        Self {
            organization: organization.to_owned(),
            file,
            in_use: ArcSwap::new(InUse::new(Keys::only(key))),
            reading: Mutex::default(),
        }
    }

    pub(super) fn in_use(&self) -> Arc<InUse> {
        self.in_use.load_full()
    }

    /// Reads the file again, off this thread and for a few seconds at most, and takes up the key in it. Where there
    /// is none the key in use stays.
    pub(super) async fn refresh(&self) {
        let Some(file) = &self.file else { return };
        let mut reading = self.reading.lock().await;
        let mut task = reading.pending.take().unwrap_or_else(|| {
            let file = file.clone();
            spawn_blocking(move || read_again(&file))
        });
        let outcome = match timeout(LONGEST_READING, &mut task).await {
            Ok(Ok(outcome)) => outcome.map_err(|error| error.to_string()),
            Ok(Err(broken)) => Err(broken.to_string()),
            Err(_) => {
                reading.pending = Some(task);
                Err(format!("reading {file:?} takes longer than {} s", LONGEST_READING.as_secs()))
            }
        };
        let in_use = self.in_use();
        match outcome {
            Ok(Some(key)) if key != *in_use.keys.in_use() => {
                self.in_use.store(InUse::new(in_use.keys.replaced_by(&key)));
                tracing::info!(
                    organization = self.organization,
                    "a new admin key was found in its file, and is in use"
                );
                reading.failed = false;
            }
            Ok(_) => reading.failed = false,
            Err(error) if !reading.failed => {
                tracing::warn!(
                    organization = self.organization,
                    error = in_use.keys.redact(&error),
                    "the file of the admin key gives no key any more; the one in use stays"
                );
                reading.failed = true;
            }
            Err(_) => {}
        }
    }
}

/// The key in the file now. What is no file, a pipe, say, gave its key once and is not asked again.
fn read_again(path: &Path) -> Result<Option<AdminKey>, KeyFileError> {
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() && !metadata.is_dir() => Ok(None),
        _ => AdminKey::read(path).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> AdminKey {
        AdminKey::parse(text).unwrap()
    }

    struct Secret {
        directory: tempfile::TempDir,
        holder: KeyHolder,
    }

    /// A holder of `first`, whose file holds it.
    fn secret() -> Secret {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        fs::write(&path, "first\n").unwrap();
        Secret { holder: KeyHolder::new("acme", key("first"), Some(path)), directory }
    }

    impl Secret {
        fn path(&self) -> PathBuf {
            self.directory.path().join("key")
        }

        async fn refreshed(&self) -> AdminKey {
            self.holder.refresh().await;
            self.holder.in_use().keys.in_use().clone()
        }
    }

    #[tokio::test]
    async fn a_new_key_is_taken_up_and_the_old_one_stays_secret() {
        let secret = secret();
        assert_eq!(secret.refreshed().await, key("first"));
        fs::write(secret.path(), "second\n").unwrap();
        assert_eq!(secret.refreshed().await, key("second"));
        let in_use = secret.holder.in_use();
        assert_eq!(in_use.authorization, key("second").authorization());
        assert_eq!(in_use.keys.redact("first second"), "<key> <key>");
    }

    #[tokio::test]
    async fn a_file_that_gives_no_key_leaves_the_one_in_use() {
        let secret = secret();
        for content in [&b""[..], b"\n", b"two keys", b"\xff", &[b'k'; 70_000]] {
            fs::write(secret.path(), content).unwrap();
            assert_eq!(secret.refreshed().await, key("first"));
            assert!(secret.holder.reading.lock().await.failed);
        }
        fs::remove_file(secret.path()).unwrap();
        assert_eq!(secret.refreshed().await, key("first"));
        fs::create_dir(secret.path()).unwrap();
        assert_eq!(secret.refreshed().await, key("first"));
        assert!(secret.holder.reading.lock().await.failed);
        fs::remove_dir(secret.path()).unwrap();
        fs::write(secret.path(), "second").unwrap();
        assert_eq!(secret.refreshed().await, key("second"));
        assert!(!secret.holder.reading.lock().await.failed, "the next failure is said again");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_secret_of_links_that_are_swapped_as_a_whole_is_followed() {
        use std::os::unix::fs::symlink;
        let secret = secret();
        let at = |name: &str| secret.directory.path().join(name);
        for version in ["1", "2"] {
            fs::create_dir(at(version)).unwrap();
            fs::write(at(version).join("key"), format!("of-{version}")).unwrap();
        }
        fs::remove_file(secret.path()).unwrap();
        symlink("1", at("..data")).unwrap();
        symlink("..data/key", secret.path()).unwrap();
        assert_eq!(secret.refreshed().await, key("of-1"));
        symlink("2", at("..data_tmp")).unwrap();
        fs::rename(at("..data_tmp"), at("..data")).unwrap();
        assert_eq!(secret.refreshed().await, key("of-2"));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_pipe_is_read_once_and_a_socket_never() {
        let secret = secret();
        fs::remove_file(secret.path()).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(secret.path()).unwrap();
        assert_eq!(secret.refreshed().await, key("first"));
        assert!(!secret.holder.reading.lock().await.failed, "there is nothing to complain about");
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_hangs_is_waited_for_no_longer_than_a_few_seconds() {
        let secret = secret();
        let (hung, hangs) = tokio::sync::oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let _ = hangs.await;
            Ok(Some(key("late")))
        });
        secret.holder.reading.lock().await.pending = Some(task);
        let start = tokio::time::Instant::now();
        assert_eq!(secret.refreshed().await, key("first"));
        assert_eq!(start.elapsed(), LONGEST_READING);
        drop(hung);
        assert_eq!(secret.refreshed().await, key("late"), "no second reading began beside the first");
    }
}
