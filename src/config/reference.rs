//! `docs/configuration.md`, written from the table of settings.

use std::fmt::Write as _;

use super::settings::{Setting, User, all};

/// The whole of `docs/configuration.md`.
pub fn markdown() -> String {
    let mut page = String::from(
        "# Configuration\n\n\
         Written by `openai-org-exporter docs configuration` from the table of settings; a test keeps it true.\n\n\
         Every setting has a flag and an environment variable, most have a key in the file of `--config.file`; what the\n\
         command `users` is told of its list (the tables *Who is listed* and *List*) are flags alone. Flags\n\
         beat the environment, the environment beats the file. Where a setting takes several values, a flag is\n\
         repeated or its value separated by commas, and a key holds a list. Durations are written as Prometheus\n\
         writes them: `30s`, `5m`, `1h30m`, `90d`. An empty environment variable counts as not set; unknown variables\n\
         are ignored, unknown flags and keys are errors.\n",
    );
    let mut groups: Vec<&str> = all().map(|setting| setting.group).collect();
    groups.dedup();
    for group in groups {
        let _ = write!(
            page,
            "\n## {group}\n\n| flag | environment variable | key | default | meaning |\n|---|---|---|---|---|\n"
        );
        for setting in all().filter(|setting| setting.group == group) {
            page.push_str(&row(setting));
        }
    }
    page.push_str(ORGANIZATIONS);
    page
}

const ORGANIZATIONS: &str = "
## Organizations

Without `organizations` in the file there is one organization, with the name of `--organization` and the admin key of
`--openai.admin-key-file` or of the environment variable `OPENAI_ADMIN_KEY`. A key is never the value of a flag. With
`organizations`, each entry has these keys:

| key | meaning |
|---|---|
| `name` | the value of the label `organization`; unique, at most 64 characters |
| `admin_key_file` | file that holds its admin key |
| `admin_key_env` | or the environment variable that does |
| `email_domains`, `base_url`, `poll.interval`, `poll.max_age` | as above, for this organization |

```yaml
poll: { interval: 5m, max_age: 1h }
api_key: { stale_after: [30d, 90d, 180d] }
organizations:
  - name: acme
    admin_key_file: /run/secrets/acme
    email_domains: [acme.com]
  - name: globex
    admin_key_env: GLOBEX_ADMIN_KEY
    poll: { interval: 15m }
```

## Where policies stand

Policies stand under the key `policies` of the configuration file, or of the file of `--policy.file`, or of both.
[policies.md](policies.md) says how one is written.

## Reload

SIGHUP, and `POST /-/reload` with `--web.enable-lifecycle`, read the file, the policy file and all key files anew; flags and environment
stay as they were at the start. A configuration that is wrong anywhere changes nothing: the one before stays in force, and
the log, the answer and `openai_org_exporter_config_last_reload_successful` say so. A good one is put in force as a whole:

| what changed | what happens |
|---|---|
| an organization was added | it is walked at once |
| an organization was removed | its walk is given up, and all its series go; should it come back, it starts at 0 |
| its key or base URL | its walk is given up, and a new one starts at once; the figures stay until it has succeeded |
| its interval | the wait for the next walk is reckoned anew, from the start of the last one |
| its maximum age | holds from the next scrape on |
| its policies | limits and severities hold from the next scrape on; a policy that counts other users than before has no value and no verdict until the next walk |
| anything else about it, or about all | a walk under way is finished as it was begun; the next one goes by the new values |
| nothing about it | nothing: figures, changes, counters and schedule go on |
| the file behind `web.config_file`, or a file that it names | it is put in force; without a reload that happens by itself, where nothing is taken away ([web-config.md](web-config.md)) |
| `web.listen_address`, `web.systemd_socket`, `web.telemetry_path`, `web.external_url`, `web.route_prefix`, `web.enable_lifecycle`, `web.config_file`, `web.max_connections`, `state.file`, `log` | these need a restart; a warning names them |

## Service manager

Under systemd, `serve` and `demo` say by `NOTIFY_SOCKET` when they serve (the moment from which `/-/ready` answers), how many
organizations have fresh figures, when a reload begins and ends, and that they stop: `Type=notify` works, and so does
`Type=notify-reload`. A wrong configuration ends a reload as a good one does; the log and
`openai_org_exporter_config_last_reload_successful` tell them apart. With `WatchdogSec` the manager hears of life twice in
that time, as long as the process gets on and its pollers are looked after. An API that fails, a state file that cannot be
written and a reload that hangs are no reasons for a restart, and do not cause one.

```ini
[Service]
Type=notify-reload
WatchdogSec=30s
Restart=on-failure
ExecStart=/usr/local/bin/openai-org-exporter --config.file=/etc/openai-org-exporter.yml
```

`Type=notify-reload` needs systemd 253; before that, `Type=notify` and `ExecReload=/bin/kill -HUP $MAINPID`.

## Proxy

`HTTPS_PROXY` and `NO_PROXY` are honoured, in capitals or not. Plain http never goes through a proxy.
";

fn row(setting: &Setting) -> String {
    let code = |text: &str| format!("`{text}`");
    let variable = setting.variable().as_deref().map(code).unwrap_or_default();
    let key = setting.key.map(code).unwrap_or_default();
    let default = setting.default.map(code).unwrap_or_default();
    let demo = setting.default_for(User::Demo).filter(|demo| Some(*demo) != setting.default);
    let in_demo = match demo {
        Some(value) if setting.users.contains(&User::Demo) => format!(" (demo: `{value}`)"),
        _ => String::new(),
    };
    format!("| `{}` | {variable} | {key} | {default}{in_demo} | {} |\n", setting.usage(), setting.help)
}
