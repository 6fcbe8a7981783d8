//! `completions`: what a shell needs to complete the command line.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ValueHint};
use clap_complete::{aot, generate};

use super::arguments::{NAME, program, setting_of};
use super::{DONE, Failure, say};
use crate::config::did_you_mean;
use crate::simulator::FaultKind;

/// A shell whose completions are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// The names of all shells.
pub(super) const NAMES: [&str; 3] = ["bash", "zsh", "fish"];

impl Shell {
    /// The shell of this name.
    ///
    /// # Errors
    ///
    /// If there is none, in one line.
    pub(super) fn named(name: &str) -> Result<Self, String> {
        match name {
            "bash" => Ok(Self::Bash),
            "zsh" => Ok(Self::Zsh),
            "fish" => Ok(Self::Fish),
            _ => {
                let hint = did_you_mean(name, NAMES);
                let hint = if hint.is_empty() { format!("; known are {}", NAMES.join(", ")) } else { hint };
                Err(format!("unknown shell {name:?}{hint}"))
            }
        }
    }
}

pub(super) fn run(shell: Shell) -> Result<u8, Failure> {
    say(&script(shell))?;
    Ok(DONE)
}

/// The whole script for `shell`.
fn script(shell: Shell) -> String {
    let (mut command, mut script) = (completable(), Vec::new());
    match shell {
        Shell::Bash => generate(aot::Bash, &mut command, NAME, &mut script),
        Shell::Zsh => generate(aot::Zsh, &mut command, NAME, &mut script),
        Shell::Fish => generate(aot::Fish, &mut command, NAME, &mut script),
    }
    let script = String::from_utf8_lossy(&script);
    match shell {
        // The generator calls the program by one name where it finds out the command, and by another where it looks it up.
        Shell::Bash => {
            script.replace("openai__subcmd__org__subcmd__exporter", "openai__org__exporter") + BASH
        }
        Shell::Fish => format!("{script}{FISH} -a \"{}\"\n", NAMES.join(" ")),
        Shell::Zsh => script.into_owned(),
    }
}

/// The command line with all values that are known. It is not for parsing: that says better what is wrong with a value.
fn completable() -> clap::Command {
    let with_values = |command: clap::Command| {
        let name = command.get_name().to_owned();
        command.mut_args(|argument| with_values(&name, argument))
    };
    let names: Vec<String> =
        program().get_subcommands().map(|command| command.get_name().to_owned()).collect();
    names.into_iter().fold(with_values(program()), |command, name| command.mut_subcommand(name, with_values))
}

fn with_values(command: &str, argument: Arg) -> Arg {
    if argument.get_id() == "SHELL" {
        return argument.value_parser(PossibleValuesParser::new(NAMES));
    }
    let Some(setting) = setting_of(command, &argument) else { return argument };
    match setting.value {
        "FILE" => argument.value_hint(ValueHint::FilePath),
        // What stands for the value is code to zsh's `_arguments`.
        "KIND[:RATE]" => argument
            .value_name("KIND")
            .value_parser(PossibleValuesParser::new(FaultKind::ALL.map(FaultKind::name))),
        _ if !setting.values().is_empty() => {
            argument.value_parser(PossibleValuesParser::new(setting.values()))
        }
        _ => argument.value_hint(ValueHint::Other),
    }
}

/// Bash takes `--flag=value` for three words, of which the script above would know none: it is handed the flag and the
/// value.
const BASH: &str = r#"
_openai_org_exporter_equals() {
    if [[ $2 == "=" ]]; then
        _openai__org__exporter "$1" "" "$3"
    elif [[ $3 == "=" && COMP_CWORD -gt 1 ]]; then
        _openai__org__exporter "$1" "$2" "${COMP_WORDS[COMP_CWORD - 2]}"
    else
        _openai__org__exporter "$@"
    fi
}
complete -F _openai_org_exporter_equals -o bashdefault -o default openai-org-exporter
"#;

/// The generator has fish's `argparse` find the command, which knows no flags with dots in them. Here, a command is
/// always the first word. It also leaves out what a word can be that is no flag.
const FISH: &str = r#"
function __fish_openai_org_exporter_needs_command
    set -l words (commandline -opc)
    test (count $words) -lt 2
    or string match -q -- '-*' $words[2]
end

function __fish_openai_org_exporter_using_subcommand
    set -l words (commandline -opc)
    test (count $words) -ge 2
    and contains -- $words[2] $argv
end

complete -c openai-org-exporter -n "__fish_openai_org_exporter_using_subcommand completions" -f"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_has_the_values_that_are_known_and_nothing_that_is_hidden() {
        for name in NAMES {
            let script = script(Shell::named(name).unwrap());
            for word in ["check-config", "logfmt", "trace", "repeat-cursor", "web.route-prefix"] {
                assert!(script.contains(word), "{name}: {word}");
            }
            assert!(!script.contains("docs"), "{name}");
            for word in ["jsonl", "junit"] {
                assert!(script.contains(word), "{name}: {word}");
            }
        }
    }
}
