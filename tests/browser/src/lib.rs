//! What the checks in a real browser stand on: programs, a browser, the page as it reads it, and `/metrics`.
//!
//! Everything binds loopback on a free port and ends with the value that started it. Waiting is a condition with a
//! deadline, never a pause that stands for one.

pub mod browser;
pub mod exposition;
pub mod page;
pub mod program;
pub mod proxy;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::time::sleep;

/// How long anything may take to happen, on a busy machine too.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// The root of the repository.
pub fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Asks until there is an answer and returns it.
///
/// # Errors
///
/// If asking fails, or nothing came before the deadline: then it says what was waited for.
pub async fn wait_for<T>(what: &str, mut ask: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = ask().await? {
            return Ok(found);
        }
        if Instant::now() > end {
            bail!("waited {} s for {what}", DEADLINE.as_secs());
        }
        sleep(Duration::from_millis(50)).await;
    }
}
