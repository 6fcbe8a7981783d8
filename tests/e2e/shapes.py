"""Organizations of many shapes, as raw entries of the list.

Each shape is a function of the present moment, so that ages fall on both sides of every threshold. What the shapes
say is counted by the oracle from the raw pages: nothing here knows a figure.
"""

import json
import random
from collections.abc import Callable
from typing import Any, NamedTuple

from fake_api import Entry
from oracle import Settings

DAY = 86_400
DOMAINS = ("acme.com", "acme.io")
ODD_TEXTS = ('quo"te', "back\\slash", "new\nline", "ta\tb", "\\n", "ünïcødé", "所有者", "\N{GRINNING FACE}", "{a=\"b\"}", "#", "a,b",
             " padded ", "carriage\rreturn", "e\u0301", "null", "true", "NaN", "0")


class Shape(NamedTuple):
    """A named organization, and how the exporter is set up to count it."""

    name: str
    entries: Callable[[int], list[Entry]]
    settings: Settings = Settings(email_domains=DOMAINS)


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


# --- well-formed organizations -----------------------------------------------------------------------------------


def reference_example(now: int) -> list[Entry]:
    """The fields of the reference's example and no others."""
    return [entry(object="organization.user", id="user_abc", name="First Last", email="user@example.com",
                  role="owner", added_at=1_711_471_533)]


def reference_fields(size: int) -> Callable[[int], list[Entry]]:
    def entries(now: int) -> list[Entry]:
        return [entry(object="organization.user", id=f"user_{n}", name=f"N {n}", email=f"n{n}@{DOMAINS[n % 2]}",
                      role="owner" if n % 7 == 0 else "reader", added_at=now - n * 3_600) for n in range(size)]
    return entries


def full_record(now: int, n: int) -> dict[str, Any]:
    """Every field of the reference, each with a different period."""
    return {
        "object": "organization.user", "id": f"user_{n:05}", "name": f"Name {n}", "added_at": now - n * 5_000 - 600,
        "email": f"Name.{n}@{('acme.com', 'ACME.IO', 'example.org')[n % 3]}",
        "role": ("reader", "reader", "owner", "reader", "auditor")[n % 5],
        "is_default": n == 0, "created": now - n * 6_000, "is_service_account": n % 4 == 1,
        "is_scale_tier_authorized_purchaser": (None, False, True)[n % 3], "is_scim_managed": n % 6 < 3,
        "api_key_last_used_at": None if n % 11 == 0 else now - n * 20_000 - 600,
        "technical_level": ("expert", "beginner", None)[n % 3],
        "developer_persona": ("backend", None, "data", "frontend")[n % 4],
        "projects": projects(*(project(p) for p in range(n % 4))),
        "user": {"object": "user", "id": f"inner_{n}", "email": f"inner{n}@acme.com", "name": "I", "picture": None,
                 "enabled": n % 9 != 2, "banned": n % 13 == 5, "banned_at": now - n * 100 if n % 13 == 5 else None},
    }


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
    return [entry(id=f"u{n}", **{name: None for name in full_record(now, 0) if name not in ("object", "id")})
            for n in range(3)]


def only_ids(now: int) -> list[Entry]:
    return [entry(id=f"u{n}") for n in range(3)]


def carried_apart(field: str, value: Any) -> Callable[[int], list[Entry]]:
    """One user carries one field, next to one who carries nothing: which zeros may be stated?"""
    return lambda now: [entry(id="bare"), entry(id="carrier", **{field: value})]


# --- values out of the ordinary ----------------------------------------------------------------------------------


def odd_texts(now: int) -> list[Entry]:
    """Texts that must be escaped, in every label that takes the API's words."""
    found = []
    for n, text in enumerate(ODD_TEXTS):
        found.append(entry(id=f"odd {n} {text}", role=text, developer_persona=text, technical_level=text,
                           added_at=now - 60, email=f"{text}@{text}",
                           projects=projects({"id": text, "name": text, "role": text})))
    return found


def long_and_blank_texts(now: int) -> list[Entry]:
    """At the edge of 64 characters (of several bytes each), trimmed first; blanks of several kinds; reserved words."""
    texts = ["x" * 64, "x" * 65, "é" * 64, "é" * 65, "  " + "y" * 64 + "\n", "", "   ", "\u00a0\u2003", "unknown", "other",
             "Owner", "owner ", "OTHER"]
    return [entry(id=f"u{n}", role=text, developer_persona=text, technical_level=text,
                  projects=projects({"id": text, "name": text, "role": text}, {"id": f"p{n}", "name": text, "role": text}))
            for n, text in enumerate(texts)]


def many_roles(now: int) -> list[Entry]:
    """More roles, personas and levels than are kept, with equal numbers; owner is the rarest."""
    words = [f"role-{n:02}" for n in range(30) for _ in range(n % 5 + 1)] + ["owner"] + ["reader"] * 2 + ["unknown"] * 9
    return [entry(id=f"u{n}", role=word, developer_persona=word, technical_level=word, added_at=now - n * 9_000,
                  api_key_last_used_at=now - n * 90_000, is_service_account=n % 2 == 0)
            for n, word in enumerate(words)]


def many_roles_without_owner(now: int) -> list[Entry]:
    return [entry(id=f"u{n}", role=f"role-{n % 24:02}") for n in range(40)]


def thousands_of_roles(now: int) -> list[Entry]:
    """More different values than are told apart: the latecomer is `other`, however frequent."""
    words = [f"r{n:05}" for n in range(5_000)] + ["zz-late"] * 50
    return [entry(id=f"u{n}", role=word, developer_persona=word, technical_level=word,
                  projects=projects({"id": "p", "role": word})) for n, word in enumerate(words)]


def many_projects(now: int) -> list[Entry]:
    """More projects than are kept, of several sizes, with equal sizes at the border; several roles in one project."""
    found = []
    for n in range(160):
        chosen = [project(p, ("member", "owner", None)[(n + p) % 3]) for p in range(80) if (n * 7 + p * 3) % (p % 9 + 2) == 0]
        found.append(entry(id=f"u{n}", projects=projects(*chosen)))
    return found


def repeated_projects(now: int) -> list[Entry]:
    """One project again and again in one record, with the same role and with others; names that come late or change."""
    return [
        entry(id="a", projects=projects({"id": "p", "role": "member"}, {"id": "p", "role": "member", "name": "  "},
                                        {"id": "p", "role": "owner", "name": " First name "}, {"id": " p ", "role": "owner"})),
        entry(id="b", projects=projects({"id": "p", "name": "Later name", "role": "member"}, {"id": "q", "name": "x" * 70})),
        entry(id="c", projects=projects({}, {"id": None, "name": None, "role": None}, {"name": "nameless", "role": "member"})),
        entry(id="d", projects=projects()),
        entry(id="e", projects=projects({"id": "z" * 65, "name": "too long an id", "role": "member"})),
        entry(id="a", projects=projects({"id": "p", "role": "reader"}, {"id": "only in the second record"})),
    ]


def many_project_roles(now: int) -> list[Entry]:
    """More roles in projects than are kept; each user has one of them in one project."""
    return [entry(id=f"u{n}", projects=projects(project(n % 3, f"role-{n % 27:02}"))) for n in range(100)]


def rare_project_roles_of_one_member(now: int) -> list[Entry]:
    """One user holds several rare roles in one project: as `other`, the user is one member of it."""
    common = [entry(id=f"u{n}", projects=projects(project(0, f"role-{n % 20:02}"))) for n in range(60)]
    return [*common, entry(id="rare", projects=projects(project(0, "rare-1"), project(0, "rare-2"), project(1, "rare-3")))]


def far_too_many_projects(now: int) -> list[Entry]:
    """A list longer than is read."""
    return [entry(id="a", projects=projects(*(project(n) for n in range(10_400)))),
            entry(id="b", projects=projects(project(10_399), project(5)))]


def broken_project_lists(now: int) -> list[Entry]:
    lists = ["[]", "{}", '{"data":null}', '{"data":{}}', "null", '"x"', "7", '{"data":[]}', '{"object":"oops","data":[]}',
             '{"data":[1,null,"x",[],{"id":"p","name":7,"role":["x"]},{"id":8,"name":"eight","role":"member"}]}',
             '{"data":[{"id":"p","id":"q","role":"\\ud800","name":"\\udfff"}]}', '{"data":[],"data":[{"id":"p"}]}', '{"data":[3]}']
    return [raw(f"u{n}", f'"projects":{text}') for n, text in enumerate(lists)]


def thresholds(now: int) -> list[Entry]:
    """A second apart, around every threshold: on which side of it each one falls is decided by the walk's start."""
    found = []
    for days in (1, 7, 30, 90, 180):
        for second in range(-40, 41):
            moment = now - days * DAY + second
            name = f"{days}d{second:+}"
            found.append(entry(id=f"used {name}", role="owner", is_service_account=False, api_key_last_used_at=moment))
            found.append(entry(id=f"never {name}", role="reader", is_service_account=True, added_at=moment,
                               api_key_last_used_at=None))
    return found


def future(now: int) -> list[Entry]:
    return [entry(id="tomorrow", role="owner", added_at=now + DAY, api_key_last_used_at=now + 400 * DAY,
                  user={"object": "user", "id": "x", "banned": True, "banned_at": now + 2 * DAY}),
            entry(id="now", role="owner", added_at=now, api_key_last_used_at=now)]


def custom_thresholds(now: int) -> list[Entry]:
    return [entry(id=f"u{hours}", role="reader", added_at=now - hours * 3_600 - 300,
                  api_key_last_used_at=None if hours % 3 else now - hours * 3_600 - 300) for hours in range(200)]


def addresses(now: int) -> list[Entry]:
    """Addresses of all kinds, at the top and nested."""
    values = ["a@acme.com", "A@ACME.COM", "a@b@acme.io", '"x@acme.com"@example.org', "acme.com", "@acme.com", "a@", "@", "",
              "  ", None, 7, "a@sub.acme.com", "a@acme.com.", "a@notacme.com", "ä@acme.com"]
    top = [dict(role="reader", email=value) for value in values]
    inner = [dict(role="owner", email=outer, user={"object": "user", "id": "x", "email": value})
             for value in values for outer in (None, " ", 3, "a@")]
    return [entry(id=f"u{n}", **record) for n, record in enumerate(top + inner)]


# --- values that cannot be read ----------------------------------------------------------------------------------


WRONG_VALUES = ("null", "true", "false", "0", "1", "-3", "1.5", "1e400", "-1e400", "1e15", "9007199254740992", "9007199254740993",
                "123456789012345678901234567890", '""', '" "', '"text"', '"1711471533"', '" 1711471533 "', '"true"', "[]", "{}",
                '[{"a":[{}]}]', '{"id":"x","data":7}', '"\\ud800"', '"\\ud83d\\ude00"', '"\\udc00 tail"', '"a\\u0000b"')


def wrong_types(now: int) -> list[Entry]:
    """Every value in every field."""
    names = [name for name in full_record(now, 0) if name not in ("object", "id")]
    inner = [name for name in full_record(now, 0)["user"]]
    found = []
    for number, text in enumerate(WRONG_VALUES):
        found += [raw(f"{number} {name}", f'"role":"owner","{name}":{text}' if name != "role" else f'"role":{text}')
                  for name in names]
        found += [raw(f"{number} user.{name}", f'"role":"owner","user":{{"banned":true,"{name}":{text}}}') for name in inner]
    return found


def wrong_bytes(now: int) -> list[Entry]:
    """Broken UTF-8 in fields that count, in fields that do not, and in keys that nobody knows."""
    broken = b'"\xff\xfe"', b'"caf\xe9"', b'"\xed\xa0\x80"', b'"\xc3"', b'"ok\xf0\x9f"'
    fields = b"role", b"email", b"name", b"developer_persona", b"added_at", b"api_key_last_used_at", b"surprise"
    found = [raw(f"{f} {b}", b'"technical_level":"x","%s":%s' % (field, text))
             for b, text in enumerate(broken) for f, field in enumerate(fields)]
    found += [raw(f"nested {b}", b'"user":{"banned":false,"picture":%s,"email":%s}' % (text, text)) for b, text in enumerate(broken)]
    return [*found, raw("key", b'"\xff":1,"role":"owner"')]


def twice_in_one_record(now: int) -> list[Entry]:
    """Of a key that stands twice, the last one counts."""
    return [raw("a", '"role":"owner","role":"reader"'), raw("b", '"role":"owner","role":7'), raw("c", '"role":7,"role":"owner"'),
            raw("d", '"user":{"banned":true},"user":{"enabled":false}'), raw("e", '"user":{"banned":true,"banned":false}'),
            raw("f", '"added_at":5,"added_at":null'), raw("g", '"r\\u006fle":"owner"'), raw("h", '"id":"a"'), raw("i", '"id":"j"')]


def unreadable_entries(now: int) -> list[Entry]:
    """Entries that are nobody, between readable ones; ids at their limits."""
    broken = [b"null", b"7", b'"user"', b"[]", b"{}", b'{"id":null}', b'{"id":7}', b'{"id":""}', b'{"id":" \\n"}', b'{"id":"\\ud800"}',
              b'{"id":"\xff"}', b'{"id":"%s"}' % (b"x" * 257), b'{"id":"%s"}' % ("é".encode() * 129), b'{"id":["a"],"role":"owner"}']
    fine = [entry(id="x" * 256, role="owner"), entry(id="é" * 128, role="owner"), entry(id=" a ", role="owner"), entry(id="a", role="reader")]
    return [one for n, text in enumerate(broken) for one in (Entry(text), fine[n % 4])]


def unknown_fields(now: int) -> list[Entry]:
    """Fields of the future, deep and huge ones too, are ignored."""
    deep = "[" * 300 + "]" * 300
    return [raw("a", f'"role":"owner","nested":{deep}'), raw("b", f'"metadata":{{"a":{{"role":"owner"}}}},"role":"reader"'),
            raw("c", f'"long":"{"x" * 200_000}","role":"reader","number":1e999,"user":{{"new":{deep},"banned":true}}'),
            raw("d", '"Role":"owner","ROLE":"owner","role ":"owner"')]


def records_twice(now: int) -> list[Entry]:
    """Every user again, promoted, on later pages: the first record stands."""
    once = [entry(**full_record(now, n)) for n in range(150)]
    return once + [entry(**full_record(now, n) | {"role": "owner", "is_service_account": True}) for n in range(0, 150, 7)]


def messy(seed: int) -> Callable[[int], list[Entry]]:
    """Everything at random, missing and wrong values included."""
    def entries(now: int) -> list[Entry]:
        dice = random.Random(seed)
        size = dice.choice((1, 40, 150, 420))
        return [messy_entry(dice, now, dice.randrange(size * 2)) for _ in range(size)]
    return entries


def messy_entry(dice: random.Random, now: int, n: int) -> Entry:
    record = full_record(now, n)
    parts = [(name, json.dumps(value)) for name, value in record.items() if name != "id" and dice.random() < 0.8]
    parts = [(name, dice.choice(WRONG_VALUES) if dice.random() < 0.15 else text) for name, text in parts]
    if dice.random() < 0.2:
        parts.append(("role", json.dumps(dice.choice(ODD_TEXTS))))
    dice.shuffle(parts)
    return raw(record["id"], ",".join(f'"{name}":{text}' for name, text in parts or [("x", "1")]))


EVERY_FIELD = {"role": "owner", "is_service_account": False, "is_scim_managed": True, "api_key_last_used_at": None,
               "email": "a@example.org", "added_at": 1_700_000_000, "user": {"object": "user", "id": "i", "enabled": None},
               "projects": None, "is_scale_tier_authorized_purchaser": None, "is_default": False}

SHAPES = [
    Shape("nobody", lambda now: []),
    Shape("the reference example", reference_example),
    *(Shape(f"{size} users with the example's fields", reference_fields(size)) for size in (1, 99, 100, 101)),
    *(Shape(f"{size} users with all fields", all_fields(size)) for size in (1, 99, 100, 101, 200, 1_234)),
    Shape("only ids", only_ids),
    Shape("nulls in turn", nulls),
    Shape("nothing but nulls", all_nulls),
    *(Shape(f"{field} carried by one", carried_apart(field, value)) for field, value in EVERY_FIELD.items()),
    Shape("enabled carried by one", carried_apart("user", {"object": "user", "id": "i", "enabled": True})),
    Shape("banned carried by one", carried_apart("user", {"object": "user", "id": "i", "banned": False})),
    Shape("odd texts", odd_texts, Settings(projects_limit=5)),
    Shape("odd texts, all projects kept", odd_texts),
    Shape("long and blank texts", long_and_blank_texts),
    Shape("many roles", many_roles),
    Shape("many roles without owner", many_roles_without_owner),
    Shape("thousands of roles", thousands_of_roles),
    Shape("many projects", many_projects),
    Shape("many projects, few kept", many_projects, Settings(projects_limit=3)),
    Shape("many projects, no names", many_projects, Settings(projects_names=False)),
    Shape("repeated projects", repeated_projects),
    Shape("many roles in projects", many_project_roles),
    Shape("rare roles of one member", rare_project_roles_of_one_member),
    Shape("far too many projects", far_too_many_projects),
    Shape("broken lists of projects", broken_project_lists),
    Shape("thresholds", thresholds),
    Shape("the future", future),
    Shape("other thresholds", custom_thresholds,
          Settings(stale_after={"1d": DAY, "36h": 36 * 3_600, "7d": 7 * DAY})),
    Shape("addresses", addresses),
    Shape("wrong types", wrong_types),
    Shape("wrong bytes", wrong_bytes),
    Shape("keys twice in one record", twice_in_one_record),
    Shape("unreadable entries", unreadable_entries),
    Shape("unknown fields", unknown_fields),
    Shape("records twice", records_twice),
    *(Shape(f"messy {seed}", messy(seed)) for seed in range(20)),
]
