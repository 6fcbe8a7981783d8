//! What `users` is told of the list that it writes. These are flags alone: a filter in the environment would leave people
//! out without anybody seeing it. They stand before others of the same name.

use super::{Setting, User, many, setting};

const LISTS: &[User] = &[User::Users];

const WHO: &str = "Who is listed";

const HOW: &str = "List";

pub(super) const LISTING: &[Setting] = &[
    positional(list(
        WHO,
        "selector",
        "SELECTOR",
        "",
        "A series, or what selects some, as Prometheus writes it: 'openai_org_users{role=\"owner\",scim_managed=\"false\"}'; all users without one",
    )),
    list(
        WHO,
        "from-labels",
        "LABELS",
        "",
        "The same as Prometheus, Grafana or an alert prints it; labels that say nothing of users are ignored",
    ),
    filter(
        "organization",
        "NAME",
        "Organization, of those that the file lists; if it lists none, the name of the one. Here and below: repeat for one or the other, write '!VALUE' for all but it",
    ),
    filter("role", "ROLE", "Role, such as owner"),
    filter("account-type", "TYPE", "user, service_account or unknown"),
    filter("scim-managed", "VALUE", "true, false or unknown"),
    filter("status", "STATUS", "active, banned, disabled or unknown"),
    filter("api-key-use", "USE", "used, never or unknown"),
    filter(
        "api-key-stale",
        "DURATION",
        "No API key used for that long, such as 90d: a threshold or any other span",
    ),
    filter("project", "ID", "Id of a project that the user is in"),
    filter("email-domain", "DOMAIN", "Domain of the address; none for those without an address"),
    filter("id", "ID", "Id of the user, as check and the log name users"),
    filter(
        "email",
        "ADDRESS",
        "Address, in whatever case; the API is asked for these users alone, and for all if it does not give all of these",
    ),
    filter("added-within", "DURATION", "Added at most that long ago, such as 7d"),
    filter("persona", "PERSONA", "Developer persona"),
    filter("technical-level", "LEVEL", "Technical level"),
    many(list(
        HOW,
        "columns",
        "COLUMN",
        "",
        "Columns, in this order, of organization, id, name, email, role, account_type, scim_managed, status, api_key_use, api_key_last_used_at, added_at, banned_at, developer_persona, technical_level, email_domain, projects [default: in a table what there is room for, else all]",
    )),
    many(list(
        HOW,
        "sort",
        "COLUMN",
        "",
        "Columns to sort by, --sort=-COLUMN for the other way round; nothing is shown then before the walk is complete",
    )),
    list(
        HOW,
        "limit",
        "NUMBER",
        "",
        "Users to list at most; the walk ends there, unless the list is sorted or compared",
    ),
    list(HOW, "output", "FORMAT", "table", "How the list is written: table, json, jsonl, csv or ids"),
    list(
        HOW,
        "compare-with",
        "URL",
        "",
        "Exporter whose series the number of users is held against, such as http://localhost:10195; /metrics is asked for unless the URL has a path",
    ),
    list(
        HOW,
        "compare-with.ca-file",
        "FILE",
        "",
        "Certificates in PEM that are trusted for that besides the system's",
    ),
];

const fn list(
    group: &'static str,
    flag: &'static str,
    value: &'static str,
    default: &'static str,
    help: &'static str,
) -> Setting {
    let mut setting = setting(group, flag, "", value, default, LISTS, help);
    setting.of_list = true;
    setting
}

/// One value of several, or with `!` none of them.
const fn filter(flag: &'static str, value: &'static str, help: &'static str) -> Setting {
    many(list(WHO, flag, value, "", help))
}

const fn positional(mut setting: Setting) -> Setting {
    setting.positional = true;
    setting
}
