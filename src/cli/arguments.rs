//! The arguments, read off the table of settings.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches};

use super::completions::{self, Shell};
use super::examples;
use crate::config::{Setting, User, did_you_mean, settings, settings_of as of};

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Invocation {
    pub(super) command: Command,
    /// Flags by name without dashes, with their values in order.
    pub(super) flags: BTreeMap<String, Vec<String>>,
}

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    /// One that takes settings.
    Takes(User),
    /// The completions of a shell.
    Completions(Shell),
    /// A page of the documentation.
    Docs(DocsPage),
}

/// What is written from a table of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DocsPage {
    Metrics,
    Configuration,
    /// The manual pages, as files of a directory.
    Man(PathBuf),
}

/// Why there is nothing to run.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Help or version were asked for.
    Answer(String),
    /// One line that says what is wrong.
    Wrong(String),
}

const COMMANDS: [(&str, User, &str); 8] = [
    ("serve", User::Serve, "Poll and serve; this is what happens without a command"),
    ("demo", User::Demo, "Serve lively synthetic organizations; needs no key, no network and no file"),
    ("once", User::Once, "Walk once and write the figures, for a textfile collector"),
    ("users", User::Users, "List the users behind a number; nothing is served or kept"),
    (
        "check",
        User::Check,
        "Walk once and hold policies against what is there; exits with 3 where one is violated",
    ),
    (
        "check-config",
        User::CheckConfig,
        "Check everything that serve would read, and print it without secrets",
    ),
    ("simulate", User::Simulate, "Serve synthetic organizations as the Admin API does, for tests"),
    (
        "healthcheck",
        User::Healthcheck,
        "Ask a running exporter whether it is healthy, for container health checks",
    ),
];

/// The program's name.
pub(super) const NAME: &str = "openai-org-exporter";
/// What is set from outside, in words.
pub(super) const ENVIRONMENT: &str = "Each flag can be set as an environment variable, but for those that say which users are listed and how: OPENAI_ORG_EXPORTER_ and the flag in capitals, dots and dashes as underscores. The admin key of an organization comes from OPENAI_ADMIN_KEY or a file, never from a flag.";
const COMPLETIONS: &str = "completions";

/// Reads `arguments`, the program's own name first.
pub(super) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Invocation, Refusal> {
    let program = program().subcommand(docs());
    let arguments: Vec<OsString> = arguments.collect();
    let matches = program.try_get_matches_from(&arguments);
    let matches = matches.map_err(|error| refusal(&error, takes_an_argument(&arguments)))?;
    let without_flags = |command| Ok(Invocation { command, flags: BTreeMap::new() });
    let (user, matches) = match matches.subcommand() {
        None => (User::Serve, &matches),
        Some(("docs", matches)) => return without_flags(Command::Docs(docs_page(matches)?)),
        Some((COMPLETIONS, matches)) => {
            let name: &String = matches.get_one("SHELL").expect("clap requires it");
            return without_flags(Command::Completions(Shell::named(name).map_err(Refusal::Wrong)?));
        }
        Some((name, matches)) => {
            let (_, user, _) =
                COMMANDS.iter().find(|(known, _, _)| *known == name).expect("clap knows the same commands");
            (*user, matches)
        }
    };
    let flags = of(user).filter_map(|setting| Some((setting.flag.to_owned(), values(matches, setting)?)));
    Ok(Invocation { command: Command::Takes(user), flags: flags.collect() })
}

fn docs_page(matches: &ArgMatches) -> Result<DocsPage, Refusal> {
    let word = |name: &str| matches.get_one::<String>(name).map(String::as_str);
    match (word("PAGE"), word("DIRECTORY")) {
        (Some("metrics"), None) => Ok(DocsPage::Metrics),
        (Some("configuration"), None) => Ok(DocsPage::Configuration),
        (Some("man"), Some(directory)) => Ok(DocsPage::Man(directory.into())),
        (Some("man"), None) => {
            Err(Refusal::Wrong("docs man: the directory is missing; write docs man DIRECTORY".to_owned()))
        }
        (Some(page @ ("metrics" | "configuration")), Some(_)) => {
            Err(Refusal::Wrong(format!("docs {page}: it goes to standard output; name no directory")))
        }
        (page, _) => Err(Refusal::Wrong(format!(
            "unknown page {:?}; known are metrics, configuration and man",
            page.unwrap_or_default()
        ))),
    }
}

/// The setting that an argument of `command` gives; the program itself serves.
pub(super) fn setting_of(command: &str, argument: &Arg) -> Option<&'static Setting> {
    let user =
        COMMANDS.iter().find(|(name, _, _)| *name == command).map_or(User::Serve, |(_, user, _)| *user);
    of(user).find(|setting| argument.get_id() == setting.flag)
}

fn values(matches: &ArgMatches, setting: &Setting) -> Option<Vec<String>> {
    Some(matches.get_many::<String>(setting.flag)?.cloned().collect())
}

/// The command line, without what is hidden.
pub(super) fn program() -> clap::Command {
    let command = |name: &'static str, about: &'static str| {
        clap::Command::new(name).about(about).after_help(examples::text(name))
    };
    let commands = COMMANDS.iter().map(|(name, user, about)| {
        command(name, about).args(of(*user).map(|setting| argument(setting, *user)))
    });
    let completions = command(COMPLETIONS, "Write the completions of a shell to standard output")
        .arg(Arg::new("SHELL").required(true).help(format!("One of {}", completions::NAMES.join(", "))));
    clap::Command::new(NAME)
        .about("Prometheus exporter for OpenAI organizations: who is in them, and how sure that is.")
        .version(concat!(
            env!("CARGO_PKG_VERSION"),
            " (revision ",
            env!("REVISION"),
            ", rustc ",
            env!("RUSTC_VERSION"),
            ")"
        ))
        .after_help(format!("{ENVIRONMENT}\n\n{}", examples::text("serve")))
        .max_term_width(110)
        .args_conflicts_with_subcommands(true)
        .disable_help_subcommand(true)
        .subcommand_value_name("COMMAND")
        .args(of(User::Serve).map(|setting| argument(setting, User::Serve)))
        .subcommands(commands)
        .subcommand(completions)
}

/// What is for those who work on the program, or make packages of it.
fn docs() -> clap::Command {
    clap::Command::new("docs").hide(true).args([Arg::new("PAGE").required(true), Arg::new("DIRECTORY")])
}

fn argument(setting: &'static Setting, user: User) -> Arg {
    let help = match setting.default_for(user) {
        Some(default) => format!("{} [default: {default}]", setting.help),
        None => setting.help.to_owned(),
    };
    let argument = match setting.positional {
        true => Arg::new(setting.flag),
        false => Arg::new(setting.flag).long(setting.flag),
    };
    let argument = argument
        .value_name(setting.value)
        .help(help)
        .help_heading((!setting.positional).then_some(setting.group))
        .action(if setting.many { ArgAction::Append } else { ArgAction::Set });
    match setting.value {
        // A flag alone means true; a value needs its equals sign, or it would be taken for a command.
        "BOOL" => argument.num_args(0..=1).require_equals(true).default_missing_value("true"),
        _ => argument,
    }
}

/// Whether the command of `arguments` takes one that is no flag.
fn takes_an_argument(arguments: &[OsString]) -> bool {
    let command = arguments.get(1).and_then(|name| COMMANDS.iter().find(|(known, _, _)| name == known));
    command.is_some_and(|(_, user, _)| of(*user).any(|setting| setting.positional))
}

/// What clap says, in one line.
fn refusal(error: &clap::Error, takes_an_argument: bool) -> Refusal {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => texts.first().cloned(),
        _ => None,
    };
    let invalid = context(ContextKind::InvalidArg).unwrap_or_default();
    let flag = invalid.split([' ', '=', '[']).next().unwrap_or_default();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Refusal::Answer(error.to_string()),
        ErrorKind::UnknownArgument if flag.starts_with('-') => {
            let known = |user| of(user).any(|setting| flag == setting.usage());
            let commands = COMMANDS.iter().filter(|(_, user, _)| known(*user));
            let commands: Vec<&str> = commands.map(|(name, _, _)| *name).collect();
            if !commands.is_empty() {
                return Refusal::Wrong(format!(
                    "flag {flag}: this command does not take it; it is a flag of {}",
                    commands.join(", ")
                ));
            }
            let flags: Vec<String> = settings().map(Setting::usage).collect();
            let hint = did_you_mean(flag, flags.iter().map(String::as_str));
            let hint = if hint.is_empty() { "; --help lists the flags".to_owned() } else { hint };
            Refusal::Wrong(format!("flag {flag}: unknown here{hint}"))
        }
        ErrorKind::UnknownArgument if takes_an_argument => {
            Refusal::Wrong("there is one argument already; put quotes around the whole of it".to_owned())
        }
        ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand => {
            let word = context(ContextKind::InvalidSubcommand).unwrap_or_else(|| flag.to_owned());
            let known = COMMANDS.iter().map(|(name, _, _)| *name).chain([COMPLETIONS]);
            let hint = did_you_mean(&word, known);
            let hint = if hint.is_empty() { "; --help lists the commands".to_owned() } else { hint };
            Refusal::Wrong(format!("command {word}: unknown{hint}"))
        }
        ErrorKind::MissingRequiredArgument => {
            let name = invalid.trim_matches(['<', '>']);
            Refusal::Wrong(format!("{name} is missing; --help behind the command says what it can be"))
        }
        ErrorKind::InvalidValue => {
            Refusal::Wrong(format!("flag {flag}: it needs a value; write {flag}=VALUE"))
        }
        ErrorKind::NoEquals => Refusal::Wrong(format!("flag {flag}: write {flag}=true or {flag}=false")),
        ErrorKind::ArgumentConflict
            if context(ContextKind::PriorArg).is_some_and(|prior| prior == invalid) =>
        {
            Refusal::Wrong(format!("flag {flag}: given twice; give it once"))
        }
        ErrorKind::ArgumentConflict => Refusal::Wrong(
            "flags stand behind the command: openai-org-exporter COMMAND --flag=VALUE".to_owned(),
        ),
        _ => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            Refusal::Wrong(line.trim_start_matches("error: ").to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invocation(arguments: &[&str]) -> Result<Invocation, String> {
        let arguments = ["openai-org-exporter"].iter().chain(arguments).map(OsString::from);
        parse(arguments).map_err(|refusal| match refusal {
            Refusal::Answer(text) | Refusal::Wrong(text) => text,
        })
    }

    #[test]
    fn without_a_command_it_serves() {
        let serve = |arguments: &[&str]| {
            let invocation = invocation(arguments).unwrap();
            assert_eq!(invocation.command, Command::Takes(User::Serve));
            invocation.flags
        };
        let flags = serve(&["--poll.interval=1m", "--email-domain", "a.com", "--email-domain=b.com"]);
        assert_eq!(flags["poll.interval"], ["1m"]);
        assert_eq!(flags["email-domain"], ["a.com", "b.com"]);
        assert_eq!(serve(&["serve", "--projects.names=false"])["projects.names"], ["false"]);
        assert_eq!(serve(&["--projects.names"])["projects.names"], ["true"]);
        assert!(serve(&[]).is_empty());
    }

    #[test]
    fn a_selector_needs_no_flag() {
        let arguments = ["users", "--role", "owner", "{status=\"active\"}", "--role=!x", "--output=ids"];
        let invocation = invocation(&arguments).unwrap();
        assert_eq!(invocation.command, Command::Takes(User::Users));
        assert_eq!(invocation.flags["selector"], ["{status=\"active\"}"]);
        assert_eq!(invocation.flags["role"], ["owner", "!x"]);
        assert_eq!(invocation.flags["output"], ["ids"]);
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line() {
        let table = [
            (
                &["--poll.intervall=5m"][..],
                "flag --poll.intervall: unknown here; did you mean --poll.interval?",
            ),
            (&["--xyzzy"], "flag --xyzzy: unknown here; --help lists the flags"),
            (
                &["once", "--web.listen-address=:1"],
                "flag --web.listen-address: this command does not take it; it is a flag of serve, demo, check-config, healthcheck",
            ),
            (&["once", "--role=owner"], "flag --role: this command does not take it; it is a flag of users"),
            (
                &["users", "{role=\"owner\",", "scim_managed=\"false\"}"],
                "there is one argument already; put quotes around the whole of it",
            ),
            (&["srve"], "command srve: unknown; did you mean serve?"),
            (&["frobnicate"], "command frobnicate: unknown; --help lists the commands"),
            (&["--poll.interval"], "flag --poll.interval: it needs a value; write --poll.interval=VALUE"),
            (
                &["--poll.interval=1m", "--poll.interval=2m"],
                "flag --poll.interval: given twice; give it once",
            ),
            (
                &["--log.level=debug", "demo"],
                "flags stand behind the command: openai-org-exporter COMMAND --flag=VALUE",
            ),
            (&["docs", "poems"], "unknown page \"poems\"; known are metrics, configuration and man"),
            (&["docs", "man"], "docs man: the directory is missing; write docs man DIRECTORY"),
            (&["docs", "metrics", "here"], "docs metrics: it goes to standard output; name no directory"),
            (&["completion"], "command completion: unknown; did you mean completions?"),
            (&["completions"], "SHELL is missing; --help behind the command says what it can be"),
            (&["completions", "fihs"], "unknown shell \"fihs\"; did you mean fish?"),
            (&["completions", "tcsh"], "unknown shell \"tcsh\"; known are bash, zsh, fish"),
        ];
        for (arguments, expected) in table {
            assert_eq!(invocation(arguments).unwrap_err(), expected, "{arguments:?}");
        }
    }

    #[test]
    fn help_is_grouped_and_version_names_the_revision() {
        let help = invocation(&["--help"]).unwrap_err();
        for group in ["Web:", "OpenAI:", "Polling:", "Counting:", "Logging:"] {
            assert!(help.contains(group), "{help}");
        }
        assert!(invocation(&["--version"]).unwrap_err().contains("revision"));
    }
}
