"""The organizations that are counted twice, by the exporter and by the oracle.

Each is a function of the present moment, so that ages fall on both sides of every threshold. Nothing here knows a
figure: what the records say is counted from the raw pages.
"""

from collections.abc import Callable
from typing import NamedTuple

import broken_shapes as broken
import odd_shapes as odd
import plain_shapes as plain
from fake_api import Entry
from oracle import Settings
from records import DAY

DOMAINS = ("acme.com", "acme.io")


class Shape(NamedTuple):
    """A named organization, and how the exporter is set up to count it."""

    name: str
    entries: Callable[[int], list[Entry]]
    settings: Settings = Settings(email_domains=DOMAINS)


EVERY_FIELD = {
    "role": "owner",
    "is_service_account": False,
    "is_scim_managed": True,
    "api_key_last_used_at": None,
    "email": "a@example.org",
    "added_at": 1_700_000_000,
    "user": {"object": "user", "id": "i", "enabled": None},
    "projects": None,
    "is_scale_tier_authorized_purchaser": None,
    "is_default": False,
}
SHAPES = [
    Shape("nobody", lambda now: []),
    Shape("the reference example", plain.reference_example),
    *(Shape(f"{size} users with the example's fields", plain.reference_fields(size)) for size in (1, 99, 100, 101)),
    *(Shape(f"{size} users with all fields", plain.all_fields(size)) for size in (1, 99, 100, 101, 200, 1_234)),
    Shape("only ids", plain.only_ids),
    Shape("nulls in turn", plain.nulls),
    Shape("nothing but nulls", plain.all_nulls),
    *(Shape(f"{field} carried by one", plain.carried_apart(field, value)) for field, value in EVERY_FIELD.items()),
    Shape("enabled carried by one", plain.carried_apart("user", {"object": "user", "id": "i", "enabled": True})),
    Shape("banned carried by one", plain.carried_apart("user", {"object": "user", "id": "i", "banned": False})),
    Shape("odd texts", odd.odd_texts, Settings(projects_limit=5)),
    Shape("odd texts, all projects kept", odd.odd_texts),
    Shape("long and blank texts", odd.long_and_blank_texts),
    Shape("many roles", odd.many_roles),
    Shape("many roles without owner", odd.many_roles_without_owner),
    Shape("thousands of roles", odd.thousands_of_roles),
    Shape("many projects", odd.many_projects),
    Shape("many projects, few kept", odd.many_projects, Settings(projects_limit=3)),
    Shape("many projects, no names", odd.many_projects, Settings(projects_names=False)),
    Shape("repeated projects", odd.repeated_projects),
    Shape("many roles in projects", odd.many_project_roles),
    Shape("rare roles of one member", odd.rare_project_roles_of_one_member),
    Shape("far too many projects", odd.far_too_many_projects),
    Shape("broken lists of projects", broken.broken_project_lists),
    Shape("thresholds", odd.thresholds),
    Shape("the future", odd.future),
    Shape(
        "other thresholds", odd.custom_thresholds, Settings(stale_after={"1d": DAY, "36h": 36 * 3_600, "7d": 7 * DAY})
    ),
    Shape("addresses", odd.addresses),
    Shape("wrong types", broken.wrong_types),
    Shape("wrong bytes", broken.wrong_bytes),
    Shape("keys twice in one record", broken.twice_in_one_record),
    Shape("unreadable entries", broken.unreadable_entries),
    Shape("unknown fields", broken.unknown_fields),
    Shape("records twice", odd.records_twice),
    *(Shape(f"messy {seed}", broken.messy(seed)) for seed in range(20)),
]
