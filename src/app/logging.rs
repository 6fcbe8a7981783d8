//! Log lines on standard error.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

use crate::config::{Log, LogFormat, LogLevel};

/// Writes log lines from now on, for the whole process. Only the first call counts.
///
/// What libraries say is kept to warnings: their traces could show what a request carries.
pub fn init(log: Log) {
    init_to(log, std::io::stderr);
}

/// The same, with lines going to `writer`, one write for each.
pub fn init_to<W>(log: Log, writer: W)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let level = match log.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let ours = Targets::new()
        .with_target(env!("CARGO_CRATE_NAME"), level)
        .with_default(level.min(LevelFilter::WARN));
    // A line that cannot be written is lost: to tell of it, there is nothing but what it could not be written to.
    let lines = match log.format {
        LogFormat::Logfmt => tracing_logfmt::builder()
            .with_target(false)
            .layer()
            .with_writer(writer)
            .log_internal_errors(false)
            .boxed(),
        LogFormat::Json => fmt::layer()
            .json()
            .flatten_event(true)
            .with_target(false)
            .with_writer(writer)
            .log_internal_errors(false)
            .boxed(),
    };
    let _ = Registry::default().with(lines.with_filter(ours)).try_init();
}
