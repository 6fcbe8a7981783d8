"""What is our organization made of, and is it healthy?"""

from source.history import MARKS, changes_over_time, latest_changes, watched_since
from source.look import (
    BLUE,
    CHANGES,
    COUNT,
    FEW_WANTED_OF_KNOWN,
    GAUGE,
    GREEN,
    NONE_WANTED,
    ORANGE,
    PURPLE,
    SKY,
    YELLOW,
    Json,
    coloured,
    fixed,
    override,
    steps,
)
from source.parts import Query, bars, known_and_unknown, stat, table, trend
from source.promql import changed, figures, highest, named, of_all, some, total
from source.trust import trusted
from source.whole import ORGANIZATION, dashboard

ROLES = coloured("owner", "reader", "member", "other", "unknown")
STATUSES = coloured("active", "disabled", "banned", "unknown")
NEWEST_USER = figures("openai_org_user_last_added_timestamp_seconds")
PROJECTS = f"max by (organization, project_id, project_name) ({figures('openai_org_project_info')})"


def with_names(expression: str) -> str:
    """With the names of projects, or their ids where names are not exposed."""
    joined = f"{expression} * on (organization, project_id) group_left (project_name) {PROJECTS}"
    by_id = f'label_replace({expression}, "project_name", "$1", "project_id", "(.*)")'
    return f"({joined}) or on (organization, project_id) {by_id}"


def count(title: str, description: str, *matchers: str, **rest) -> Json:
    return stat(title, description, Query(total("", *matchers), "", "instant"), size=(3, 4), unit=COUNT, **rest)


def made_of() -> list[Json]:
    return [
        count("Users", "Everybody in the chosen organizations, service accounts included."),
        count(
            "Owners",
            "Users with the role owner.",
            'role="owner"',
            thresholds=steps(ORANGE),
            alerts=("OpenAIOrgOwnersTooMany", "OpenAIOrgOwnersTooFew"),
        ),
        count("Readers", "Users with the role reader.", 'role="reader"', thresholds=steps(SKY)),
        count(
            "Service accounts", "Users that are no people.", 'account_type="service_account"', thresholds=steps(PURPLE)
        ),
        known_and_unknown(
            "People outside SCIM",
            "People whom the directory does not manage. Of the unknown ones the API does not say it.",
            ("outside", total("", 'account_type="user"', 'scim_managed="false"')),
            some("", 'account_type="user"', 'scim_managed="unknown"'),
            FEW_WANTED_OF_KNOWN,
            size=(3, 4),
            alerts=("OpenAIOrgScimShareFell",),
        ),
        count("Disabled", "Users who are disabled and not banned.", 'status="disabled"', thresholds=steps(YELLOW)),
        count(
            "Banned",
            "Users who are banned.",
            'status="banned"',
            thresholds=NONE_WANTED,
            alerts=("OpenAIOrgUserBanned",),
        ),
        stat(
            "Unreadable",
            "Records without a usable id. They are in no other figure, which are too low by so many.",
            Query(total("", family="openai_org_users_unreadable"), "", "instant"),
            size=(3, 4),
            unit=COUNT,
            thresholds=NONE_WANTED,
            alerts=("OpenAIOrgUsersUnreadable",),
        ),
        trend(
            "Users over time",
            "How many users each organization has. A gap means that there were no figures; it is never drawn as zero.",
            Query(highest(total("organization")), "{{organization}}"),
            size=(12, 8),
            unit=COUNT,
            decimals=0,
            legend="right",
            calcs=("min", "max", "lastNotNull"),
            alerts=("OpenAIOrgUsersDroppedSharply",),
        ),
        table(
            "Organizations",
            "The chosen organizations side by side. An empty cell means that the API does not say.",
            Query(total("organization")),
            Query(total("organization", 'role="owner"')),
            Query(total("organization", 'account_type="service_account"')),
            Query(total("organization", 'scim_managed="false"')),
            Query(some("organization", 'scim_managed="unknown"')),
            Query(total("organization", 'status="disabled"')),
            Query(total("organization", 'status="banned"')),
            columns={
                "organization": "Organization",
                "Value #A": "Users",
                "Value #B": "Owners",
                "Value #C": "Service",
                "Value #D": "Outside SCIM",
                "Value #E": "SCIM unknown",
                "Value #F": "Disabled",
                "Value #G": "Banned",
            },
            sort="Users",
            size=(12, 8),
            unit=COUNT,
        ),
        trend(
            "Users by role",
            "All chosen organizations together. A role that the API does not name is unknown.",
            Query(total("role"), "{{role}}"),
            stacked=True,
            size=(6, 9),
            unit=COUNT,
            decimals=0,
            overrides=ROLES,
        ),
        trend(
            "Users by account type",
            "People and service accounts of all chosen organizations together.",
            Query(total("account_type"), "{{account_type}}"),
            stacked=True,
            size=(6, 9),
            unit=COUNT,
            decimals=0,
            overrides=coloured("user", "service_account", "unknown"),
        ),
        trend(
            "Users by SCIM management",
            "Whom the directory manages. Unknown is not outside: the API did not say.",
            Query(named(total("scim_managed")), "{{scim_managed}}"),
            stacked=True,
            size=(6, 9),
            unit=COUNT,
            decimals=0,
            overrides=coloured("managed by SCIM", "outside SCIM", "unknown"),
            alerts=("OpenAIOrgScimShareFell",),
        ),
        trend(
            "Users by status",
            "Banned before disabled before active. Service accounts often carry no status and are unknown.",
            Query(total("status"), "{{status}}"),
            stacked=True,
            size=(6, 9),
            unit=COUNT,
            decimals=0,
            overrides=STATUSES,
        ),
        table(
            "Role, account type and SCIM",
            "The cross-table, zeros included: a zero says that there is nobody, a missing line that the API does not"
            " tell.",
            Query(named(total("role, account_type, scim_managed"))),
            columns={"role": "Role", "account_type": "Account type", "scim_managed": "SCIM", "Value": "Users"},
            sort="Users",
            size=(12, 9),
            unit=COUNT,
            low=0,
            overrides=[override("byName", "Users", custom__cellOptions=GAUGE, color=fixed(SKY))],
        ),
        table(
            "Role and status",
            "Who is active, disabled or banned in which role. Owners who are banned or disabled keep their role.",
            Query(total("role, status")),
            columns={"role": "Role", "status": "Status", "Value": "Users"},
            sort="Users",
            size=(12, 9),
            unit=COUNT,
            low=0,
            overrides=[override("byName", "Users", custom__cellOptions=GAUGE, color=fixed(SKY))],
        ),
    ]


def people() -> list[Json]:
    palette = {"colour": fixed(BLUE)}
    return [
        bars(
            "Added within",
            "Users who were added within the last day, 7 days, 30 days: each bar includes the shorter ones.",
            Query(f"sort({total('within', family='openai_org_users_recently_added')})", "{{within}}", "instant"),
            size=(6, 5),
            unit=COUNT,
            colour=fixed(GREEN),
        ),
        trend(
            "Added within 7 days, by role",
            "Users who were added within the last 7 days. It falls again when nobody comes.",
            Query(total("role", 'within="7d"', family="openai_org_users_recently_added"), "{{role}}"),
            size=(10, 5),
            unit=COUNT,
            decimals=0,
            legend="right",
            overrides=ROLES,
        ),
        stat(
            "Newest user",
            "When the newest user was added.",
            Query(f"{of_all(f'max({NEWEST_USER})')} * 1000", "", "instant"),
            size=(4, 5),
            unit="dateTimeFromNow",
        ),
        stat(
            "Without a project",
            "Users whose list of projects is there and empty. Absent where the API sends no such list.",
            Query(total("", family="openai_org_users_without_project"), "", "instant"),
            size=(4, 5),
            unit=COUNT,
        ),
        bars(
            "Developer personas",
            "Users by developer persona, as the API names it.",
            Query(
                f"sort_desc({total('developer_persona', family='openai_org_users_by_developer_persona')})",
                "{{developer_persona}}",
                "instant",
            ),
            size=(8, 8),
            unit=COUNT,
            overrides=coloured("other", "unknown"),
            **palette,
        ),
        bars(
            "Technical levels",
            "Users by technical level, as the API names it.",
            Query(
                f"sort_desc({total('technical_level', family='openai_org_users_by_technical_level')})",
                "{{technical_level}}",
                "instant",
            ),
            size=(8, 8),
            unit=COUNT,
            overrides=coloured("other", "unknown"),
            **palette,
        ),
        bars(
            "Mail domains",
            "Users by the domain of their address: those that are configured, others, and no address. Absent where no"
            " domains are configured.",
            Query(
                f"sort_desc({total('email_domain', family='openai_org_users_by_email_domain')})",
                "{{email_domain}}",
                "instant",
            ),
            size=(8, 8),
            unit=COUNT,
            overrides=coloured("other", "none"),
            alerts=("OpenAIOrgOwnerOutsideDomains",),
            **palette,
        ),
    ]


def projects() -> list[Json]:
    by_project = "organization, project_id"
    named_ones = total(by_project, 'project_id!="other"', family="openai_org_project_users")
    largest = total(by_project, family="openai_org_project_users")
    top = with_names(f"topk(15, {named_ones})")
    return [
        bars(
            "Largest projects",
            "The 15 projects with the most members, each member once per role. Under unknown is a project without"
            " an id.",
            Query(f"sort_desc({top})", "{{project_name}} ({{organization}})", "instant"),
            size=(12, 12),
            unit=COUNT,
            colour=fixed(BLUE),
        ),
        table(
            "All projects",
            "Members of each project, each once per role; beyond the largest ones all together as other. Where"
            " projects.names is off, ids stand for names.",
            Query(with_names(largest)),
            columns={"organization": "Organization", "project_name": "Project", "project_id": "Id", "Value": "Members"},
            sort="Members",
            size=(12, 12),
            unit=COUNT,
            low=0,
            overrides=[
                override("byName", "Members", custom__cellOptions=GAUGE, color=fixed(BLUE)),
                override("byName", "Organization", custom__width=120),
            ],
        ),
    ]


def changes() -> list[list[Json]]:
    return [
        [
            changes_over_time((16, 9)),
            latest_changes((16, 7)),
        ],
        [
            bars(
                "Changes in the time shown",
                "The same, added up over the time range of this page.",
                Query(f"sort_desc(sum by (change) ({changed('$__range')}))", "{{change}}", "instant"),
                size=(8, 11),
                unit=COUNT,
                overrides=CHANGES,
            ),
            watched_since((8, 5)),
        ],
    ]


def build() -> Json:
    return dashboard(
        "organization",
        "OpenAI organization",
        "What an OpenAI organization is made of, and how far the figures can be trusted.",
        [
            ("Can these figures be trusted?", trusted()),
            ("What is it made of?", made_of()),
            ("Who is new, and who are they?", people()),
            ("Projects", projects()),
            ("What changed?", changes()),
        ],
        variables=(ORGANIZATION,),
        annotations=MARKS,
        span="24h",
    )
