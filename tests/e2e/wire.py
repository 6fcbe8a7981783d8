"""From the bytes of a page to the fields of a user, one field at a time: the first part of docs/counting.md."""

import json
import re
from collections.abc import Iterable
from typing import Any

BLANKS = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
LONGEST_ID = 256


class Missing:
    """The field is absent, or cannot be read."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = Missing()


class NotAListPage(Exception):
    """The answer is no list page: the walk fails."""


def parse_page(body: bytes) -> dict[str, Any]:
    """Reads one page. Broken UTF-8 becomes lone surrogates, which `text` refuses field by field."""
    page = json.loads(body.decode("utf-8", errors="surrogateescape"))
    if not isinstance(page, dict) or page.get("object") != "list":
        raise NotAListPage("no list")
    if not isinstance(page.get("data"), list) or not isinstance(page.get("has_more"), bool):
        raise NotAListPage("no data or no has_more")
    return page


def text(value: Any) -> str | Missing:
    """A string that is whole: without lone surrogates, whether written as escapes or as broken UTF-8."""
    if isinstance(value, str) and not any("\ud800" <= c <= "\udfff" for c in value):
        return value
    return MISSING


def boolean(value: Any) -> bool | Missing:
    return value if isinstance(value, bool) else MISSING


def timestamp(value: Any) -> int | Missing:
    """Unix seconds from an integer, a float or a string; never zero or less, never as large as milliseconds are."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]+", value.strip(BLANKS)):
        value = int(value.strip(BLANKS))
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > 2**53:
        return MISSING
    return int(value) if 0 < int(value) < 10**11 else MISSING


def project_list(value: Any) -> list[Any] | Missing:
    if isinstance(value, dict) and isinstance(value.get("data"), list):
        return value["data"]
    return MISSING


def nested(value: Any) -> dict[str, Any] | Missing:
    return value if isinstance(value, dict) else MISSING


def nullable(read):
    """The same reader for a field in which the reference allows null."""
    return lambda value: None if value is None else read(value)


READERS = {
    "added_at": timestamp,
    "api_key_last_used_at": nullable(timestamp),
    "created": timestamp,
    "developer_persona": nullable(text),
    "email": nullable(text),
    "is_default": boolean,
    "is_scale_tier_authorized_purchaser": nullable(boolean),
    "is_scim_managed": boolean,
    "is_service_account": boolean,
    "projects": nullable(project_list),
    "role": nullable(text),
    "technical_level": nullable(text),
    "user": nested,
    "user.banned": nullable(boolean),
    "user.banned_at": nullable(timestamp),
    "user.email": nullable(text),
    "user.enabled": nullable(boolean),
}


def read(record: dict[str, Any], field: str) -> Any:
    """The field's value; None for a null that the reference allows; else MISSING."""
    holder, _, key = field.rpartition(".")
    place = read(record, holder) if holder else record
    if place is MISSING or key not in place:
        return MISSING
    return READERS[field](place[key])


def user_id(entry: Any) -> str | Missing:
    """The id of a readable entry of `data`."""
    name = text(entry.get("id")) if isinstance(entry, dict) else MISSING
    if name is MISSING or not name.strip(BLANKS) or len(name.encode()) > LONGEST_ID:
        return MISSING
    return name


def distinct_users(pages: Iterable[bytes]) -> tuple[list[dict[str, Any]], int]:
    """All readable records, the first of each id, in the order of the walk; and how many entries were unreadable."""
    users, unreadable = {}, 0
    for page in pages:
        for entry in parse_page(page)["data"]:
            name = user_id(entry)
            if name is MISSING:
                unreadable += 1
            else:
                users.setdefault(name, entry)
    return list(users.values()), unreadable
