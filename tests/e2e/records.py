"""Writes records of users as the API would, or byte by byte."""

import json
from typing import Any

from fake_api import Entry

DAY = 86_400


def entry(**fields: Any) -> Entry:
    """A record written by the usual encoder."""
    return Entry(json.dumps(fields).encode(), fields.get("id"))


def raw(name: str, fields: str | bytes) -> Entry:
    """A record whose fields behind the id are written by hand."""
    tail = fields.encode() if isinstance(fields, str) else fields
    return Entry(b'{"object":"organization.user","id":"%s",%s}' % (name.encode(), tail), name)


def project(number: int, role: str | None = "member", name: str | None = None) -> dict[str, Any]:
    return {"id": f"proj_{number:05}", "name": name or f"Project {number}", "role": role}


def projects(*members: Any) -> dict[str, Any]:
    return {"object": "list", "data": list(members)}


def full_record(now: int, n: int) -> dict[str, Any]:
    """Every field of the reference, each with a different period."""
    return {
        "object": "organization.user",
        "id": f"user_{n:05}",
        "name": f"Name {n}",
        "added_at": now - n * 5_000 - 600,
        "email": f"Name.{n}@{('acme.com', 'ACME.IO', 'example.org')[n % 3]}",
        "role": ("reader", "reader", "owner", "reader", "auditor")[n % 5],
        "is_default": n == 0,
        "created": now - n * 6_000,
        "is_service_account": n % 4 == 1,
        "is_scale_tier_authorized_purchaser": (None, False, True)[n % 3],
        "is_scim_managed": n % 6 < 3,
        "api_key_last_used_at": None if n % 11 == 0 else now - n * 20_000 - 600,
        "technical_level": ("expert", "beginner", None)[n % 3],
        "developer_persona": ("backend", None, "data", "frontend")[n % 4],
        "projects": projects(*(project(p) for p in range(n % 4))),
        "user": {
            "object": "user",
            "id": f"inner_{n}",
            "email": f"inner{n}@acme.com",
            "name": "I",
            "picture": None,
            "enabled": n % 9 != 2,
            "banned": n % 13 == 5,
            "banned_at": now - n * 100 if n % 13 == 5 else None,
        },
    }
