//! The examples at the end of each command's help. `tests/e2e/test_help.py` runs them as they stand.

/// What somebody wants, and the line that does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Example {
    pub(super) purpose: &'static str,
    pub(super) line: &'static str,
}

const fn example(purpose: &'static str, line: &'static str) -> Example {
    Example { purpose, line }
}

/// Two examples for each command.
const EXAMPLES: [(&str, [Example; 2]); 9] = [
    (
        "serve",
        [
            example(
                "Watch the organization of the key in OPENAI_ADMIN_KEY",
                "openai-org-exporter serve --organization=acme --poll.interval=10m",
            ),
            example(
                "Watch many organizations, and forget nothing over a restart",
                "openai-org-exporter serve --config.file=config.yaml --state.file=state",
            ),
        ],
    ),
    (
        "demo",
        [
            example("Look around, without any key", "openai-org-exporter demo"),
            example(
                "Three large organizations in which much happens",
                "openai-org-exporter demo --organizations=3 --users=5000 --churn=600",
            ),
        ],
    ),
    (
        "once",
        [
            example(
                "Who is in the organization, by role",
                "openai-org-exporter once | grep '^openai_org_users{'",
            ),
            example(
                "A file for node_exporter's textfile collector",
                "openai-org-exporter once --organization=acme --output=openai-org.prom",
            ),
        ],
    ),
    (
        "users",
        [
            example("Who is behind a number", "openai-org-exporter users 'openai_org_users{role=\"owner\"}'"),
            example(
                "Whose keys nobody used for 180 days, for a spreadsheet",
                "openai-org-exporter users --api-key-stale=180d --output=csv",
            ),
        ],
    ),
    (
        "check",
        [
            example(
                "Whether the organization keeps its policies, and who is behind those that it does not",
                "openai-org-exporter check --policy.file=policies.yaml --show-users",
            ),
            example(
                "For the test report of a CI server; it exits with 3 where a policy is violated",
                "openai-org-exporter check --policy.file=policies.yaml --output=junit",
            ),
        ],
    ),
    (
        "check-config",
        [
            example(
                "Before a restart or a reload",
                "openai-org-exporter check-config --config.file=config.yaml",
            ),
            example(
                "What is in force without a file",
                "openai-org-exporter check-config --organization=acme",
            ),
        ],
    ),
    (
        "simulate",
        [
            example(
                "A large organization that changes ten times a minute",
                "openai-org-exporter simulate --users=20000 --churn=10",
            ),
            example(
                "An API that refuses every tenth request, and breaks off every fiftieth",
                "openai-org-exporter simulate --fault=status-429:0.1 --fault=reset:0.02",
            ),
        ],
    ),
    (
        "healthcheck",
        [
            example("Ask the exporter at the default port", "openai-org-exporter healthcheck"),
            example(
                "Ask one that serves TLS, as its web configuration says",
                "openai-org-exporter healthcheck --web.config.file=web.yaml",
            ),
        ],
    ),
    (
        "completions",
        [
            example("For this bash", "source <(openai-org-exporter completions bash)"),
            example(
                "For every zsh to come, in a directory of its $fpath",
                "openai-org-exporter completions zsh > _openai-org-exporter",
            ),
        ],
    ),
];

/// The examples of `command`; none where it is unknown.
pub(super) fn of(command: &str) -> &'static [Example] {
    EXAMPLES.iter().find(|(known, _)| *known == command).map_or(&[], |(_, examples)| examples)
}

/// The same, as help shows them.
pub(super) fn text(command: &str) -> String {
    let lines = of(command)
        .iter()
        .map(|Example { purpose, line }| format!("\n  # {purpose}\n  {line}"))
        .collect::<String>();
    format!("Examples:{lines}")
}
