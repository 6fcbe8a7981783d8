"""Organizations as the reference describes them: whole, sparse, with nulls."""

from collections.abc import Callable
from typing import Any

from fake_api import Entry
from records import entry, full_record


def reference_example(now: int) -> list[Entry]:
    """The fields of the reference's example and no others."""
    return [
        entry(
            object="organization.user",
            id="user_abc",
            name="First Last",
            email="user@example.com",
            role="owner",
            added_at=1_711_471_533,
        )
    ]


def reference_fields(size: int) -> Callable[[int], list[Entry]]:
    def entries(now: int) -> list[Entry]:
        return [
            entry(
                object="organization.user",
                id=f"user_{n}",
                name=f"N {n}",
                email=f"n{n}@{('acme.com', 'acme.io')[n % 2]}",
                role="owner" if n % 7 == 0 else "reader",
                added_at=now - n * 3_600,
            )
            for n in range(size)
        ]

    return entries


def all_fields(size: int) -> Callable[[int], list[Entry]]:
    return lambda now: [entry(**full_record(now, n)) for n in range(size)]


def nulls(now: int) -> list[Entry]:
    """Each field null in turn, where the reference allows it and where it does not; then all at once."""
    found = []
    names = [name for name in full_record(now, 5) if name not in ("object", "id")]
    inner = [name for name in full_record(now, 5)["user"] if name not in ("object", "id")]
    for n, name in enumerate(names):
        found.append(entry(**full_record(now, n) | {name: None}))
    for n, name in enumerate(inner, start=100):
        record = full_record(now, n)
        found.append(entry(**record | {"user": record["user"] | {name: None}}))
    return [*found, entry(id="all", **{name: None for name in names})]


def all_nulls(now: int) -> list[Entry]:
    """Nobody has any value: which fields are null decides what is known."""
    return [
        entry(id=f"u{n}", **{name: None for name in full_record(now, 0) if name not in ("object", "id")})
        for n in range(3)
    ]


def only_ids(now: int) -> list[Entry]:
    return [entry(id=f"u{n}") for n in range(3)]


def carried_apart(field: str, value: Any) -> Callable[[int], list[Entry]]:
    """One user carries one field, next to one who carries nothing: which zeros may be stated?"""
    return lambda now: [entry(id="bare"), entry(id="carrier", **{field: value})]
