//! `once`: one walk, to standard output or a file.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use super::progress::Progress;
use super::{DONE, FAILED, Failure, block_on, write_out};
use crate::app::{init_logging_to, once, shutdown_on_signals};
use crate::clock::Clock;
use crate::config::{self, Config, Layers};
use crate::snapshot::Board;

/// What `--output` calls it.
const STANDARD_OUTPUT: &str = "-";

pub(super) fn run(layers: &Layers) -> Result<u8, Failure> {
    let log = config::log(layers)?;
    let progress = Progress::new(&log, layers.environment());
    init_logging_to(log, progress.log_writer());
    let config = Config::from_layers(layers)?;
    let output = layers.optional("output", |path| Ok::<_, String>(PathBuf::from(path)))?;
    let output = output.filter(|path| path.as_os_str() != STANDARD_OUTPUT);
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let walked = block_on(false, async {
        let shutdown = CancellationToken::new();
        shutdown_on_signals(shutdown.clone())?;
        let (board, clock) = (Arc::new(Board::default()), Clock::system());
        tokio::select! {
            walked = once(&config, clock, board.clone()) => walked,
            never = progress.watch(&board, clock) => match never {},
            () = shutdown.cancelled() => Err(anyhow::anyhow!("stopped by a signal; nothing was written")),
        }
    })??;
    match output {
        Some(path) => write_file(&path, &walked.exposition)
            .with_context(|| format!("flag --output: cannot write {}", path.display()))?,
        None => write_out(&walked.exposition)?,
    }
    Ok(if walked.complete { DONE } else { FAILED })
}

/// Replaces a file as a whole: who reads it meanwhile sees the old or the new one. What is no file, a pipe or a
/// device, is written to; a link leads to what it names.
fn write_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return OpenOptions::new().write(true).open(path)?.write_all(content);
    }
    let name =
        path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it is no file name"))?;
    // A textfile collector reads *.prom, and must not read this one.
    let temporary = path.with_file_name(format!(".{}.{}.tmp", name.to_string_lossy(), std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).open(&temporary)?;
    let written =
        file.write_all(content).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}
