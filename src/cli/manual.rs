//! The manual pages: one of the program, and one of each command, from the same tables as the help.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::Context as _;
use clap::Arg;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use time::OffsetDateTime;
use time::macros::format_description;

use super::Failure;
use super::arguments::{ENVIRONMENT, NAME, program, setting_of};
use super::examples::{self, Example};
use crate::config::Environment;

/// What the program's codes mean; [`super::main`] gives them.
/// Stands for no date: nothing at all would be left out, and what follows it take its place.
const NO_DATE: &str = " ";

const EXIT_CODES: [(&str, &str); 5] = [
    (
        "0",
        "Done. That somebody stopped reading standard output, head say, is no failure, and nothing is said of it.",
    ),
    (
        "1",
        "Failed while running; for once, users and check also: a walk failed; for healthcheck: the exporter is not healthy.",
    ),
    ("2", "The command line or the configuration is wrong; nothing was done."),
    ("3", "Of check: a policy is violated."),
    ("4", "Of check: no policy is violated, and of one it cannot be told."),
];

/// Writes all pages as files of `directory`, which is made where it is missing. They carry the day of
/// `SOURCE_DATE_EPOCH`, as reproducible builds know it, and none without it.
///
/// # Errors
///
/// If a file cannot be written, or if that variable is no number of seconds.
pub(super) fn write(directory: &Path, environment: &Environment) -> Result<(), Failure> {
    let date = date(environment)?;
    fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    for page in pages(&date) {
        let path = directory.join(page.name);
        fs::write(&path, page.text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// A page, and the name of its file.
struct Page {
    name: String,
    text: Vec<u8>,
}

fn date(environment: &Environment) -> anyhow::Result<String> {
    let Some(epoch) = environment.get("SOURCE_DATE_EPOCH") else { return Ok(NO_DATE.to_owned()) };
    let seconds = epoch.trim().parse().ok();
    let time = seconds.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    let time = time.with_context(|| {
        format!("environment variable SOURCE_DATE_EPOCH: {epoch:?} is no number of seconds since 1970")
    })?;
    Ok(time.format(format_description!("[year]-[month]-[day]"))?)
}

fn pages(date: &str) -> Vec<Page> {
    let mut program = program()
        .mut_args(|argument| with_variable("", argument))
        .override_usage(format!("{NAME} [OPTIONS] [COMMAND]"));
    let names: Vec<String> = program.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    for name in &names {
        program = program
            .mut_subcommand(name, |command| command.mut_args(|argument| with_variable(name, argument)));
    }
    program.build();
    let commands = program.get_subcommands().cloned().map(|command| {
        let name = command.get_name();
        let usage = match command.get_positionals().next().map(Arg::is_required_set) {
            Some(true) => format!("{NAME} {name} SHELL"),
            Some(false) => format!("{NAME} {name} [OPTIONS] [SELECTOR]"),
            None => format!("{NAME} {name} [OPTIONS]"),
        };
        let examples = examples::of(command.get_name());
        page(command.override_usage(usage), date, examples, &[NAME.to_owned()])
    });
    let others: Vec<String> = names.iter().map(|name| format!("{NAME}-{name}")).collect();
    let mut pages: Vec<Page> = commands.collect();
    pages.push(page(program.clone(), date, examples::of("serve"), &others));
    pages
}

/// The argument, with the environment variable that sets it.
fn with_variable(command: &str, argument: Arg) -> Arg {
    match setting_of(command, &argument) {
        Some(setting) => {
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
            match setting.variable() {
                Some(variable) => argument.help(format!("{help}. Environment variable: {variable}")),
                None => argument,
            }
        }
        None => argument,
    }
}

fn page(command: clap::Command, date: &str, examples: &[Example], see_also: &[String]) -> Page {
    let has_commands = command.has_subcommands();
    let man = Man::new(command.subcommand_help_heading("COMMANDS"))
        .date(date)
        .source(concat!("openai-org-exporter ", env!("CARGO_PKG_VERSION")))
        .manual("User Commands");
    let mut text = Vec::new();
    let written = render(&man, has_commands, &ending(examples, see_also), &mut text);
    written.expect("a Vec takes everything");
    Page { name: man.get_filename(), text }
}

fn render(man: &Man, has_commands: bool, ending: &Roff, text: &mut Vec<u8>) -> io::Result<()> {
    man.render_title(text)?;
    man.render_name_section(text)?;
    man.render_synopsis_section(text)?;
    man.render_description_section(text)?;
    man.render_options_section(text)?;
    if has_commands {
        man.render_subcommands_section(text)?;
    }
    ending.to_writer(text)
}

/// What stands behind the options.
fn ending(examples: &[Example], see_also: &[String]) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["ENVIRONMENT"]).text([roman(ENVIRONMENT)]);
    roff.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in EXIT_CODES {
        roff.control("TP", []).text([bold(code)]).text([roman(meaning)]);
    }
    roff.control("SH", ["EXAMPLES"]);
    for (place, Example { purpose, line }) in examples.iter().enumerate() {
        if place > 0 {
            roff.control("PP", []);
        }
        roff.text([roman(format!("{purpose}:"))]);
        roff.control("PP", []).control("RS", ["4"]).control("nf", []);
        roff.text([roman(*line)]).control("fi", []).control("RE", []);
    }
    roff.control("SH", ["SEE ALSO"]);
    let count = see_also.len();
    for (place, name) in see_also.iter().enumerate() {
        let comma = if place + 1 < count { "(1)," } else { "(1)" };
        roff.text([bold(name), roman(comma)]);
    }
    roff
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(epoch: &str) -> anyhow::Result<String> {
        date(&Environment::from([("SOURCE_DATE_EPOCH".to_owned(), epoch.to_owned())]))
    }

    #[test]
    fn pages_are_dated_as_reproducible_builds_ask() {
        assert_eq!(on("1795520832").unwrap(), "2026-11-24");
        let undated = pages(&date(&Environment::new()).unwrap());
        let title =
            concat!(r#"1 " " "openai-org-exporter "#, env!("CARGO_PKG_VERSION"), r#"" "User Commands""#);
        assert!(String::from_utf8_lossy(&undated[0].text).contains(title));
        for wrong in ["", "yesterday", "99999999999999"] {
            let error = on(wrong).unwrap_err().to_string();
            assert!(error.starts_with("environment variable SOURCE_DATE_EPOCH: "), "{error}");
        }
    }

    #[test]
    fn there_is_a_page_for_each_command_with_its_flags_variables_and_examples() {
        let pages = pages("2026-11-24");
        let names: Vec<&str> = pages.iter().map(|page| page.name.as_str()).collect();
        let mut expected: Vec<String> =
            program().get_subcommands().map(|command| format!("{NAME}-{}.1", command.get_name())).collect();
        expected.push(format!("{NAME}.1"));
        assert_eq!(names, expected);
        let once = pages.iter().find(|page| page.name == "openai-org-exporter-once.1").unwrap();
        let once = String::from_utf8(once.text.clone()).unwrap().replace("\\-", "-");
        for part in [
            "--poll.interval",
            "OPENAI_ORG_EXPORTER_POLL_INTERVAL",
            "--output=openai-org.prom",
            "EXIT STATUS",
        ] {
            assert!(once.contains(part), "{part} is missing in\n{once}");
        }
    }
}
