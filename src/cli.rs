//! The command line: one file per command.
//!
//! It must not do what a room below can do: a command reads its settings and hands them on.

mod arguments;
mod check;
mod check_config;
mod completions;
mod demo;
mod docs;
mod examples;
mod healthcheck;
mod manual;
mod once;
mod progress;
mod serve;
mod simulate;
mod sockets;
mod users;

use std::future::Future;
use std::io::{self, Write as _};
use std::process::ExitCode;

use arguments::{Command, Invocation, Refusal};

use crate::config::{ConfigError, Environment, Layers, User, without_keys};
use crate::listing::unobeyed;

/// Everything went well.
const DONE: u8 = 0;
/// Something failed while running.
const FAILED: u8 = 1;
/// The command line or the configuration is wrong.
const WRONG_USAGE: u8 = 2;
/// A policy is violated.
const VIOLATED: u8 = 3;
/// Of a policy it cannot be told.
const UNKNOWN: u8 = 4;

/// Why a command ended before its time.
enum Failure {
    Configuration(ConfigError),
    Runtime(anyhow::Error),
}

/// Runs the program with `arguments`, the program's own name first, and gives its exit code: 0 done, 1 failed at run
/// time, 2 wrong usage or configuration; of `check` also 3 and 4.
pub fn main(arguments: impl Iterator<Item = std::ffi::OsString>, environment: Environment) -> ExitCode {
    let outcome = match arguments::parse(arguments) {
        Ok(invocation) => run(invocation, environment),
        Err(Refusal::Answer(text)) => say(&text).map(|()| DONE),
        Err(Refusal::Wrong(message)) => {
            complain(&without_keys(&message));
            Ok(WRONG_USAGE)
        }
    };
    ExitCode::from(outcome.unwrap_or_else(|failure| match failure {
        Failure::Configuration(error) => {
            complain(&error.to_string());
            WRONG_USAGE
        }
        Failure::Runtime(error) => {
            complain(&without_keys(&format!("{error:#}").replace('\n', " ")));
            FAILED
        }
    }))
}

fn run(invocation: Invocation, environment: Environment) -> Result<u8, Failure> {
    let Invocation { command, flags } = invocation;
    match command {
        Command::Takes(user) => {
            let layers = Layers::read(user, flags, environment)?;
            match user {
                User::Serve => serve::run(layers),
                User::Demo => demo::run(layers),
                User::Once => once::run(&layers),
                User::Users => users::run(&layers),
                User::Check => check::run(&layers),
                User::CheckConfig => check_config::run(&layers),
                User::Simulate => simulate::run(&layers),
                User::Healthcheck => healthcheck::run(&layers),
            }
        }
        Command::Completions(shell) => completions::run(shell),
        Command::Docs(page) => docs::run(&page, &environment),
    }
}

/// Writes `text` to standard output; see [`write_out`].
fn say(text: &str) -> Result<(), Failure> {
    write_out(text.as_bytes())
}

/// Writes `bytes` to standard output. A reader that is gone, `head` say, has read what it wanted: that is no failure.
///
/// # Errors
///
/// If the output cannot be written to.
fn write_out(bytes: &[u8]) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    match output.write_all(bytes).and_then(|()| output.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Runtime(anyhow::anyhow!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes a line to standard error; where that is closed there is nobody to tell.
fn complain(message: &str) {
    let _ = writeln!(io::stderr(), "{}", unobeyed(&format!("openai-org-exporter: {message}")));
}

/// Runs `task` on as many threads as there are cores, or on this one alone.
fn block_on<T>(threads: bool, task: impl Future<Output = T>) -> Result<T, Failure> {
    let mut builder = match threads {
        true => tokio::runtime::Builder::new_multi_thread(),
        false => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = builder.enable_all().build().map_err(|error| Failure::Runtime(error.into()))?;
    let outcome = runtime.block_on(task);
    // What has not ended by now is given up, a name that is being looked up, say.
    runtime.shutdown_background();
    Ok(outcome)
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Failure::Configuration(error)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Failure::Runtime(error)
    }
}
