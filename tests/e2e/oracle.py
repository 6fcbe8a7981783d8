"""A second, deliberately plain implementation of docs/counting.md.

It reads the raw pages of the API and counts them with lists and loops, once per family, without sharing a line or
a thought with the exporter. Where the two disagree, one of them misreads the page of rules.
"""

import re
from collections import Counter
from collections.abc import Iterable
from itertools import product
from typing import Any, NamedTuple

from wire import BLANKS, MISSING, READERS, Missing, distinct_users, read, text

Series = tuple[str, frozenset[tuple[str, str]]]
Samples = dict[Series, float]

DAY = 86_400
WINDOWS = {"1d": DAY, "7d": 7 * DAY, "30d": 30 * DAY}
LONGEST_LABEL, MOST_VALUES = 64, 20
MOST_VALUES_TOLD_APART, MOST_PROJECTS_TOLD_APART, MOST_PROJECTS_PER_USER = 4_096, 100_000, 10_000


class Membership(NamedTuple):
    """One entry of a user's list of projects, with the labels before rare values are folded."""

    project: str
    role: str
    name: str


class Settings(NamedTuple):
    """What the operator configured."""

    organization: str = "default"
    stale_after: dict[str, int] = {"30d": 30 * DAY, "90d": 90 * DAY, "180d": 180 * DAY}
    email_domains: tuple[str, ...] = ()
    projects_limit: int = 50
    projects_names: bool = True


# --- label values ------------------------------------------------------------------------------------------------


def open_label(value: Any) -> str:
    """The label of an open set of strings, before rare values are folded."""
    trimmed = value.strip(BLANKS) if isinstance(value, str) else ""
    if not trimmed:
        return "unknown"
    return "other" if len(trimmed) > LONGEST_LABEL or is_private(trimmed) else trimmed


def is_private(text: str) -> bool:
    """Whether it looks like a mail address or a key, whatever spelling a URL, JSON or HTML has given it."""
    if re.search(r"[%\\&]", text):
        text = text.lower().replace("%25", "%")
        text = re.sub(r"%40|\\u0040|&#64;|&#x40;", "@", text)
        text = re.sub(r"%2d|\\u002d|&#45;", "-", text)
    # A letter or a digit before it makes it a part of a word, as in risk-owner.
    return bool(re.search(r"[@\uff20\ufe6b]|(?<![^\W_])sk-", text))


def first_comers(values: Iterable[str], most: int) -> set[str]:
    """The values that can be told apart: the first `most` different ones."""
    return set(list(dict.fromkeys(v for v in values if v not in ("unknown", "other")))[:most])


def kept(count: Counter[str], most: int, first: tuple[str, ...] = ()) -> set[str]:
    """The values that keep their name: `first` ones, then the most frequent, equal numbers in byte order."""
    values = [value for value in count if value not in ("unknown", "other")]
    values.sort(key=lambda value: (value not in first, -count[value], value.encode()))
    return set(values[:most]) | {"unknown"}


def folded(labels: list[str], first: tuple[str, ...] = ()) -> list[str]:
    """One label per user, with rare values as `other`."""
    apart = first_comers(labels, MOST_VALUES_TOLD_APART) | {"unknown"}
    labels = [label if label in apart else "other" for label in labels]
    keep = kept(Counter(labels), MOST_VALUES, first)
    return [label if label in keep else "other" for label in labels]


def account_type(record: dict[str, Any]) -> str:
    return {True: "service_account", False: "user"}.get(read(record, "is_service_account"), "unknown")


def scim_managed(record: dict[str, Any]) -> str:
    return {True: "true", False: "false"}.get(read(record, "is_scim_managed"), "unknown")


def status(record: dict[str, Any]) -> str:
    banned, enabled = read(record, "user.banned"), read(record, "user.enabled")
    if banned is True:
        return "banned"
    if enabled is False:
        return "disabled"
    return "active" if isinstance(banned, bool) or isinstance(enabled, bool) else "unknown"


def use(record: dict[str, Any]) -> str:
    last_used = read(record, "api_key_last_used_at")
    return "unknown" if last_used is MISSING else "never" if last_used is None else "used"


def email_domain(record: dict[str, Any], domains: tuple[str, ...]) -> str:
    for field in ("email", "user.email"):
        address = read(record, field)
        if isinstance(address, str) and address.strip(BLANKS):
            domain = address.rpartition("@")[2].lower() if "@" in address else ""
            return next((d for d in domains if d.lower() == domain), "other")
    return "none"


# --- counting ----------------------------------------------------------------------------------------------------


class User(NamedTuple):
    """A record with its final labels."""

    record: dict[str, Any]
    role: str
    account_type: str
    scim_managed: str
    status: str
    use: str
    email_domain: str
    developer_persona: str
    technical_level: str


def labelled(records: list[dict[str, Any]], settings: Settings) -> list[User]:
    def open_labels(field: str, first: tuple[str, ...] = ()) -> list[str]:
        return folded([open_label(read(record, field)) for record in records], first)

    return [
        User(
            record,
            role,
            account_type(record),
            scim_managed(record),
            status(record),
            use(record),
            email_domain(record, settings.email_domains),
            persona,
            level,
        )
        for record, role, persona, level in zip(
            records,
            open_labels("role", ("owner", "reader")),
            open_labels("developer_persona"),
            open_labels("technical_level"),
        )
    ]


def fill_values(users: list[User], domains: tuple[str, ...]) -> dict[str, list[str]]:
    """For each dimension the values along which zeros are stated."""

    def somebody(field: str) -> bool:
        return any(isinstance(read(user.record, field), bool) for user in users)

    roles = {user.role for user in users} - {"unknown"}
    states = ["active"] + ["banned"] * somebody("user.banned") + ["disabled"] * somebody("user.enabled")
    return {
        "role": sorted(roles | {"owner", "reader"}) if roles else ["unknown"],
        "account_type": ["user", "service_account"] if somebody("is_service_account") else ["unknown"],
        "scim_managed": ["true", "false"] if somebody("is_scim_managed") else ["unknown"],
        "status": states if len(states) > 1 else ["unknown"],
        "use": ["used", "never"] if any(user.use != "unknown" for user in users) else ["unknown"],
        "email_domain": [*domains, "other", "none"] if any(u.email_domain != "none" for u in users) else ["none"],
    }


class Sheet:
    """The samples of one organization, as they are counted."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.samples: Samples = {}

    def put(self, family: str, value: float, **labels: str) -> None:
        labels["organization"] = self.settings.organization
        self.samples[family, frozenset(labels.items())] = value

    def table(self, family: str, users: list[User], dimensions: tuple[str, ...], fill: dict[str, list[str]]) -> None:
        """A cross-table: what was seen, and zeros for all combinations of fill values."""
        seen = Counter(tuple(getattr(user, dimension) for dimension in dimensions) for user in users)
        for row in {*seen, *product(*(fill[dimension] for dimension in dimensions))}:
            self.put(family, seen[row], **dict(zip(dimensions, row)))

    def seen_only(self, family: str, users: list[User], dimension: str) -> None:
        """One dimension without zeros, but for the organization without users."""
        seen = Counter(getattr(user, dimension) for user in users) or {"unknown": 0}
        for value, number in seen.items():
            self.put(family, number, **{dimension: value})


def count(pages: Iterable[bytes], start: float, settings: Settings = Settings()) -> Samples:
    """Every composition sample of an organization whose walk began at `start`."""
    records, unreadable = distinct_users(pages)
    users = labelled(records, settings)
    fill = fill_values(users, settings.email_domains)
    sheet = Sheet(settings)
    sheet.table("openai_org_users", users, ("role", "account_type", "scim_managed", "status"), fill)
    sheet.table("openai_org_users_by_api_key_use", users, ("role", "account_type", "use"), fill)
    sheet.seen_only("openai_org_users_by_developer_persona", users, "developer_persona")
    sheet.seen_only("openai_org_users_by_technical_level", users, "technical_level")
    if settings.email_domains:
        sheet.table("openai_org_users_by_email_domain", users, ("email_domain", "role"), fill)
    count_stale(sheet, users, fill, start)
    count_recent(sheet, users, fill, start)
    count_newest(sheet, users)
    count_flags(sheet, users)
    count_projects(sheet, users)
    for field in READERS:
        carrying = sum(read(user.record, field) is not MISSING for user in users)
        sheet.put("openai_org_users_with_field", carrying, field=field)
    sheet.put("openai_org_users_unreadable", unreadable)
    return sheet.samples


def age(start: float, moment: int) -> int:
    return max(0, int(start) - moment)


def somebody_was_added(users: list[User]) -> bool:
    return any(read(user.record, "added_at") is not MISSING for user in users)


def count_stale(sheet: Sheet, users: list[User], fill: dict[str, list[str]], start: float) -> None:
    if fill["use"] == ["unknown"]:
        return
    seen = {(user.role, user.account_type, user.use) for user in users}
    pairs = {(role, kind) for role, kind, _ in seen} | set(product(fill["role"], fill["account_type"]))
    for use_, field in [("used", "api_key_last_used_at"), ("never", "added_at")]:
        if use_ == "never" and not somebody_was_added(users):
            continue
        for role, kind in pairs:
            filled = role in fill["role"] and kind in fill["account_type"]
            if not filled and (role, kind, use_) not in seen:
                continue
            moments = [
                read(user.record, field)
                for user in users
                if (user.role, user.account_type, user.use) == (role, kind, use_)
            ]
            for name, threshold in sheet.settings.stale_after.items():
                stale = sum(moment is not MISSING and age(start, moment) >= threshold for moment in moments)
                sheet.put(
                    "openai_org_users_api_key_stale", stale, role=role, account_type=kind, use=use_, older_than=name
                )


def count_recent(sheet: Sheet, users: list[User], fill: dict[str, list[str]], start: float) -> None:
    if not somebody_was_added(users):
        return
    seen = {(user.role, user.account_type) for user in users}
    for role, kind in seen | set(product(fill["role"], fill["account_type"])):
        added = [read(user.record, "added_at") for user in users if (user.role, user.account_type) == (role, kind)]
        for name, window in WINDOWS.items():
            recent = sum(moment is not MISSING and age(start, moment) <= window for moment in added)
            sheet.put("openai_org_users_recently_added", recent, role=role, account_type=kind, within=name)


def count_newest(sheet: Sheet, users: list[User]) -> None:
    added = [read(user.record, "added_at") for user in users]
    banned = [read(user.record, "user.banned_at") for user in users if user.status == "banned"]
    for family, moments in [
        ("openai_org_user_last_added_timestamp_seconds", added),
        ("openai_org_user_last_banned_timestamp_seconds", banned),
    ]:
        known = [moment for moment in moments if isinstance(moment, int)]
        if known:
            sheet.put(family, max(known))


def count_flags(sheet: Sheet, users: list[User]) -> None:
    for family, field in [
        ("openai_org_users_default", "is_default"),
        ("openai_org_users_scale_tier_purchasers", "is_scale_tier_authorized_purchaser"),
    ]:
        flags = [flag for flag in (read(user.record, field) for user in users) if isinstance(flag, bool)]
        if flags:
            sheet.put(family, sum(flags))


def memberships(record: dict[str, Any]) -> list[Membership]:
    """The user's list of projects as label values, entry by entry."""
    projects = read(record, "projects")
    entries = projects[:MOST_PROJECTS_PER_USER] if isinstance(projects, list) else []
    return [
        Membership(
            open_label(text(entry.get("id"))),
            open_label(text(entry.get("role"))),
            project_name(text(entry.get("name"))),
        )
        for entry in entries
        if isinstance(entry, dict)
    ]


def project_name(value: str | Missing) -> str:
    if not isinstance(value, str):
        return ""
    return "other" if is_private(value) else value.strip(BLANKS)[:LONGEST_LABEL]


def is_in_none(record: dict[str, Any]) -> bool:
    """Whether the list of projects is there, has nothing in it, and does not say that it goes on."""
    return read(record, "projects") == [] and record["projects"].get("has_more") is not True


def count_projects(sheet: Sheet, users: list[User]) -> None:
    lists = [read(user.record, "projects") for user in users]
    present = [projects for projects in lists if isinstance(projects, list)]
    if present:
        sheet.put("openai_org_users_without_project", sum(is_in_none(user.record) for user in users))

    by_user = [memberships(user.record) for user in users]
    told_apart = first_comers((m.project for ms in by_user for m in ms), MOST_PROJECTS_TOLD_APART) | {"unknown"}
    by_user = [[m if m.project in told_apart else m._replace(project="other") for m in ms] for ms in by_user]
    by_user = tell_roles_apart(by_user)

    members = Counter(project for ms in by_user for project in {m.project for m in ms})
    keep = kept(members, sheet.settings.projects_limit)
    pairs = [pair for ms in by_user for pair in {(m.project, m.role) for m in ms}]
    roles = kept(Counter(role for _, role in pairs), MOST_VALUES)
    cells = Counter(
        (project if project in keep else "other", role if role in roles else "other") for project, role in pairs
    )
    for (project, role), number in cells.items():
        sheet.put("openai_org_project_users", number, project_id=project, project_role=role)
    if sheet.settings.projects_names:
        for project in keep - {"unknown"}:
            names = [m.name for ms in by_user for m in ms if m.project == project and m.name]
            sheet.put("openai_org_project_info", 1, project_id=project, project_name=names[0] if names else "unknown")


def tell_roles_apart(by_user: list[list[Membership]]) -> list[list[Membership]]:
    """Roles in projects beyond those that one walk tells apart are one."""
    apart = first_comers((m.role for ms in by_user for m in ms), MOST_VALUES_TOLD_APART) | {"unknown"}
    return [[m if m.role in apart else m._replace(role="other") for m in ms] for ms in by_user]
