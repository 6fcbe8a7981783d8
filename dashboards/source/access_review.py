"""Who may do what, and should they? For those who review access."""

from source.history import MARKS, changes_over_time, latest_changes, watched_since
from source.look import (
    BLUE,
    CHANGES,
    COUNT,
    FEW_WANTED,
    GAUGE,
    GREY,
    NONE_WANTED,
    NONE_WANTED_OF_KNOWN,
    ORANGE,
    YELLOW,
    Json,
    coloured,
    fixed,
    limit_line,
    override,
    steps,
)
from source.parts import Query, bars, known_and_unknown, stat, table, trend
from source.promql import best, changed, figures, highest, lowest, named, share, some, threshold, total
from source.whole import ORGANIZATION, dashboard

STALE = "openai_org_users_api_key_stale"
KEY_USE = "openai_org_users_by_api_key_use"
DOMAINS = "openai_org_users_by_email_domain"
SERVICE = 'account_type="service_account"'
PEOPLE = 'account_type="user"'
OWNER = 'role="owner"'
LOCKED = 'status=~"banned|disabled"'
GRANTS = "openai_org_user_role_grants_total"
VERDICTS = {"0": {"index": 0, "text": "kept"}, "1": {"index": 1, "text": "violated", "color": ORANGE}}


def idle(*matchers: str) -> str:
    """How many keys are idle, or never were in use, the most first."""
    counted = total("older_than, use", *matchers, family=STALE)
    return (
        f'sort_desc(label_replace(label_replace({counted}, "use", "idle", "use", "used"), "use", "never used", "use",'
        ' "never"))'
    )


def number(title: str, description: str, expression: str, **rest) -> Json:
    return stat(title, description, Query(expression, "", "instant"), size=(4, 4), unit=COUNT, **rest)


def owners() -> list[Json]:
    outside = highest(total("organization", OWNER, 'scim_managed="false"'))
    everybody = highest(total("organization", OWNER))
    return [
        number(
            "Owners",
            "Owners may do everything, make owners included.",
            total("", OWNER),
            thresholds=steps(ORANGE),
            alerts=("OpenAIOrgOwnersTooMany", "OpenAIOrgOwnersTooFew"),
        ),
        known_and_unknown(
            "Owners outside SCIM",
            "Owners whom the directory does not manage: they stay owners when they leave the company. Keep one or two"
            " for emergencies, and know who they are. Of the unknown ones the API does not say it.",
            ("outside", total("", OWNER, 'scim_managed="false"')),
            some("", OWNER, 'scim_managed="unknown"'),
            NONE_WANTED_OF_KNOWN,
            size=(4, 4),
            alerts=("OpenAIOrgOwnerOutsideScim",),
        ),
        known_and_unknown(
            "Owners with other domains",
            "Owners whose address is in none of the configured domains. Of the unknown ones the API sends no address."
            " Absent where no domains are configured.",
            ("other", total("", OWNER, 'email_domain="other"', family=DOMAINS)),
            some("", OWNER, 'email_domain="none"', family=DOMAINS),
            NONE_WANTED_OF_KNOWN,
            size=(4, 4),
            alerts=("OpenAIOrgOwnerOutsideDomains",),
        ),
        number(
            "Service accounts as owners",
            "Service accounts with the role owner: a leaked key of theirs may do everything.",
            total("", OWNER, SERVICE),
            thresholds=FEW_WANTED,
        ),
        number(
            "Banned owners",
            "Banned users who still have the role owner: they are owners again as soon as somebody lifts the ban.",
            total("", OWNER, 'status="banned"'),
            thresholds=NONE_WANTED,
        ),
        number(
            "Disabled owners",
            "Disabled users who still have the role owner: they are owners again as soon as somebody enables them.",
            total("", OWNER, 'status="disabled"'),
            thresholds=FEW_WANTED,
        ),
        trend(
            "Owners outside SCIM, over time",
            "By organization, with the threshold owners_outside_scim_max that the alert compares with; the line needs"
            " the rules.",
            Query(outside, "{{organization}}"),
            Query(threshold("owners_outside_scim_max", outside), "{{organization}} at most"),
            size=(12, 8),
            unit=COUNT,
            decimals=0,
            legend="right",
            overrides=[limit_line("at most")],
            alerts=("OpenAIOrgOwnerOutsideScim",),
        ),
        trend(
            "Owners, over time",
            "By organization, with the thresholds owners_max and owners_min; the lines need the rules.",
            Query(everybody, "{{organization}}"),
            Query(threshold("owners_max", everybody), "{{organization}} at most"),
            Query(threshold("owners_min", everybody), "{{organization}} at least"),
            size=(12, 8),
            unit=COUNT,
            decimals=0,
            legend="right",
            overrides=[limit_line("at most"), limit_line("at least", YELLOW)],
            alerts=("OpenAIOrgOwnersTooMany", "OpenAIOrgOwnersTooFew"),
        ),
        table(
            "Owners one by one",
            "Every combination in which there are owners. Names and ids are in no metric: the exporter's log and the"
            " API's own list have the ids.",
            Query(f"{named(total('organization, account_type, scim_managed, status', OWNER))} > 0"),
            columns={
                "organization": "Organization",
                "account_type": "Account type",
                "scim_managed": "SCIM",
                "status": "Status",
                "Value": "Owners",
            },
            sort="Owners",
            size=(12, 9),
            unit=COUNT,
            low=0,
            overrides=[override("byName", "Owners", custom__cellOptions=GAUGE, color=fixed(ORANGE))],
        ),
        table(
            "Owners by mail domain",
            "Where the addresses of owners belong: a configured domain, another one, or no address. Absent where no"
            " domains are configured.",
            Query(total("organization, email_domain", OWNER, family=DOMAINS)),
            columns={"organization": "Organization", "email_domain": "Domain", "Value": "Owners"},
            sort="Owners",
            size=(12, 9),
            unit=COUNT,
            low=0,
            overrides=[override("byName", "Owners", custom__cellOptions=GAUGE, color=fixed(ORANGE))],
            alerts=("OpenAIOrgOwnerOutsideDomains",),
        ),
    ]


def policies() -> list[Json]:
    def by_policy(family: str, *labels: str) -> str:
        return f"max by (organization, policy{''.join(f', {label}' for label in labels)}) ({figures(family)})"

    none = "the demo has no policies."
    limits = best("openai_org_policy_limit", by="organization, policy, severity, bound")
    verdicts = by_policy("openai_org_policy_violation", "severity")
    return [
        table(
            "Policies and verdicts",
            "Whether each policy of the configuration is kept. Value and limit are users, or for shares a ratio; excepted users"
            " do not count. Without a verdict the API does not say enough, or there are no figures.",
            Query(verdicts),
            Query(by_policy("openai_org_policy_value")),
            Query(limits),
            columns={
                "organization": "Organization",
                "policy": "Policy",
                "severity": "Severity",
                "Value #A": "Verdict",
                "Value #B": "Value",
                "bound": "Bound",
                "Value #C": "Limit",
            },
            sort="Verdict",
            size=(16, 9),
            unit=COUNT,
            decimals=None,
            overrides=[
                override(
                    "byName",
                    "Verdict",
                    mappings=[{"type": "value", "options": VERDICTS}],
                    custom__cellOptions={"type": "color-text"},
                )
            ],
            no_data=none,
            alerts=("OpenAIOrgPolicyViolated",),
        ),
        trend(
            "Policies violated, over time",
            "By organization: policies that are known to be violated.",
            Query(highest(f"sum by (organization) ({verdicts})"), "{{organization}}"),
            size=(8, 9),
            unit=COUNT,
            decimals=0,
            no_data=none,
            alerts=("OpenAIOrgPolicyViolated",),
        ),
    ]


def keys() -> list[Json]:
    idle_services = highest(total("organization", SERVICE, 'older_than="90d"', family=STALE))
    by_use = [override("byRegexp", "/^idle/", color=fixed(BLUE)), override("byRegexp", "/^never/", color=fixed(YELLOW))]
    return [
        bars(
            "Service accounts with idle keys",
            "Service accounts whose last key use (idle) or addition without any use (never) is at least so long ago."
            " Each threshold includes the longer ones. The API does not say whether somebody holds a key.",
            Query(idle(SERVICE), "{{use}}, {{older_than}}", "instant"),
            size=(8, 8),
            unit=COUNT,
            overrides=by_use,
            alerts=("OpenAIOrgServiceAccountKeyStale",),
        ),
        trend(
            "Service accounts idle for 90 days",
            "By organization, with the threshold service_accounts_stale_max; the line needs the rules.",
            Query(idle_services, "{{organization}}"),
            Query(threshold("service_accounts_stale_max", idle_services), "{{organization}} at most"),
            size=(16, 8),
            unit=COUNT,
            decimals=0,
            legend="right",
            overrides=[limit_line("at most")],
            alerts=("OpenAIOrgServiceAccountKeyStale",),
        ),
        bars(
            "People with idle keys",
            "The same of people: those who never used a key may well have none.",
            Query(idle(PEOPLE), "{{use}}, {{older_than}}", "instant"),
            size=(8, 8),
            unit=COUNT,
            overrides=by_use,
        ),
        trend(
            "Use of API keys",
            "All users by what is known of their last key use.",
            Query(total("use", family=KEY_USE), "{{use}}"),
            stacked=True,
            size=(8, 8),
            unit=COUNT,
            decimals=0,
            overrides=coloured("used", "never", "unknown"),
        ),
        table(
            "Owners with idle keys",
            "Owners whose last key use, or addition without any use, is at least so long ago.",
            Query(total("organization, older_than, use", OWNER, family=STALE)),
            columns={"organization": "Organization", "older_than": "Idle for", "use": "Use", "Value": "Owners"},
            sort="Owners",
            size=(8, 8),
            unit=COUNT,
        ),
    ]


def unknown() -> list[Json]:
    wanted = {
        "role": 'role="unknown"',
        "account type": 'account_type="unknown"',
        "SCIM": 'scim_managed="unknown"',
        "status": 'status="unknown"',
    }
    return [
        bars(
            "Unknown shares",
            "The part of the users of whom the API does not say it. Whatever is unknown is in no other panel of this"
            " page as yes or no.",
            *(Query(share("", matcher), name, "instant") for name, matcher in wanted.items()),
            size=(8, 7),
            unit="percentunit",
            decimals=1,
            high=1,
            colour=fixed(GREY),
            alerts=("OpenAIOrgFieldLost",),
        ),
        trend(
            "SCIM unknown, over time",
            "The part of the users of whom the API does not say whether the directory manages them.",
            Query(highest(share("organization", 'scim_managed="unknown"')), "{{organization}}"),
            size=(8, 7),
            unit="percentunit",
            decimals=1,
            high=1,
            alerts=("OpenAIOrgFieldLost",),
        ),
        trend(
            "Managed by SCIM, of those known",
            "Of the people of whom the API says it, the part that the directory manages.",
            Query(
                lowest(share("organization", 'scim_managed="true"', 'account_type="user", scim_managed=~"true|false"')),
                "{{organization}}",
            ),
            size=(8, 7),
            unit="percentunit",
            decimals=1,
            high=1,
            alerts=("OpenAIOrgScimShareFell",),
        ),
    ]


def locked_out() -> list[Json]:
    return [
        trend(
            "Banned and disabled owners, over time",
            "Users who are banned or disabled and still have the role owner, all chosen organizations together.",
            Query(total("status", OWNER, LOCKED), "{{status}}"),
            overrides=coloured("banned", "disabled"),
            soft=5,
            size=(12, 8),
            unit=COUNT,
            decimals=0,
            legend="right",
        ),
        table(
            "Banned and disabled users by role",
            "Everybody who is locked out, with the role they keep.",
            Query(f"{total('organization, role, account_type, status', LOCKED)} > 0"),
            columns={
                "organization": "Organization",
                "role": "Role",
                "account_type": "Account type",
                "status": "Status",
                "Value": "Users",
            },
            sort="Users",
            size=(12, 8),
            unit=COUNT,
        ),
    ]


def changes() -> list[Json | list[Json]]:
    grants = changed("30d", family=GRANTS, label="role")
    return [
        [
            stat(
                "Owners granted in 30 days",
                "How often somebody became an owner: new users with that role, and users whose role changed to it.",
                Query(
                    highest(f"sum by (organization) ({changed('30d', OWNER, family=GRANTS, label='role')})"),
                    "{{organization}}",
                    "instant",
                ),
                names=True,
                size=(8, 4),
                unit=COUNT,
                thresholds=FEW_WANTED,
                alerts=("OpenAIOrgOwnerGranted",),
            ),
            watched_since((8, 4)),
        ],
        bars(
            "Changes of 30 days",
            "Users who changed from one walk to the next, within 30 days before the end of the time shown. What"
            " happened before the first scrape is not in it.",
            Query(f"sort_desc(sum by (change) ({changed('30d')}))", "{{change}}", "instant"),
            size=(8, 8),
            unit=COUNT,
            overrides=CHANGES,
        ),
        table(
            "Roles granted in 30 days",
            "Users who got the role, by organization; readers and others too.",
            Query(grants),
            columns={"organization": "Organization", "role": "Role", "Value": "Grants"},
            sort="Grants",
            size=(8, 8),
            unit=COUNT,
        ),
        changes_over_time((16, 9)),
        latest_changes((8, 9)),
    ]


def build() -> Json:
    return dashboard(
        "access-review",
        "OpenAI access review",
        "Who may do what in OpenAI organizations, and should they? Numbers only: who it is, the API's list of users"
        " tells.",
        [
            ("Who is an owner?", owners()),
            ("Policies", policies()),
            ("Keys that nobody uses", keys()),
            ("Banned and disabled", locked_out()),
            ("What the API does not say", unknown()),
            ("Changes of the last 30 days", changes()),
        ],
        variables=(ORGANIZATION,),
        annotations=MARKS,
        span="30d",
    )
