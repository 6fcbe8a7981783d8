"""Organizations out of the ordinary: odd texts, many roles, many projects, moments at thresholds, strange addresses."""

from fake_api import Entry
from records import DAY, entry, full_record, project, projects

ODD_TEXTS = (
    'quo"te',
    "back\\slash",
    "new\nline",
    "ta\tb",
    "\\n",
    "ünïcødé",
    "所有者",
    "\N{GRINNING FACE}",
    '{a="b"}',
    "#",
    "a,b",
    " padded ",
    "carriage\rreturn",
    "e\u0301",
    "null",
    "true",
    "NaN",
    "bob@corp.example",
    "sk-admin-abcdef",
    "key sk-proj-abc",
    "risk-owner",
    "(sk-admin-abcdef)",
    "Bearer:sk-x",
    "sk%2dproj-1",
    "ada\uff20corp.example",
    "ada%40corp.example",
    "ada%2540corp.example",
    "100%",
    "R&D",
    "_sk-x",
    "0",
)


def odd_texts(now: int) -> list[Entry]:
    """Texts that must be escaped, in every label that takes the API's words."""
    found = []
    for n, text in enumerate(ODD_TEXTS):
        found.append(
            entry(
                id=f"odd {n} {text}",
                role=text,
                developer_persona=text,
                technical_level=text,
                added_at=now - 60,
                email=f"{text}@{text}",
                projects=projects({"id": text, "name": text, "role": text}),
            )
        )
    return found


def long_and_blank_texts(now: int) -> list[Entry]:
    """At the edge of 64 characters (of several bytes each), trimmed first; blanks of several kinds; reserved words."""
    texts = [
        "x" * 64,
        "x" * 65,
        "é" * 64,
        "é" * 65,
        "  " + "y" * 64 + "\n",
        "",
        "   ",
        "\u00a0\u2003",
        "unknown",
        "other",
        "Owner",
        "owner ",
        "OTHER",
    ]
    return [
        entry(
            id=f"u{n}",
            role=text,
            developer_persona=text,
            technical_level=text,
            projects=projects({"id": text, "name": text, "role": text}, {"id": f"p{n}", "name": text, "role": text}),
        )
        for n, text in enumerate(texts)
    ]


def many_roles(now: int) -> list[Entry]:
    """More roles, personas and levels than are kept, with equal numbers; owner is the rarest."""
    words = [f"role-{n:02}" for n in range(30) for _ in range(n % 5 + 1)] + ["owner"] + ["reader"] * 2 + ["unknown"] * 9
    return [
        entry(
            id=f"u{n}",
            role=word,
            developer_persona=word,
            technical_level=word,
            added_at=now - n * 9_000,
            api_key_last_used_at=now - n * 90_000,
            is_service_account=n % 2 == 0,
        )
        for n, word in enumerate(words)
    ]


def many_roles_without_owner(now: int) -> list[Entry]:
    return [entry(id=f"u{n}", role=f"role-{n % 24:02}") for n in range(40)]


def thousands_of_roles(now: int) -> list[Entry]:
    """More different values than are told apart: the latecomer is `other`, however frequent."""
    words = [f"r{n:05}" for n in range(5_000)] + ["zz-late"] * 50
    return [
        entry(
            id=f"u{n}",
            role=word,
            developer_persona=word,
            technical_level=word,
            projects=projects({"id": "p", "role": word}),
        )
        for n, word in enumerate(words)
    ]


def many_projects(now: int) -> list[Entry]:
    """More projects than are kept, of several sizes, with equal sizes at the border; several roles in one project."""
    found = []
    for n in range(160):
        chosen = [
            project(p, ("member", "owner", None)[(n + p) % 3]) for p in range(80) if (n * 7 + p * 3) % (p % 9 + 2) == 0
        ]
        found.append(entry(id=f"u{n}", projects=projects(*chosen)))
    return found


def repeated_projects(now: int) -> list[Entry]:
    """One project again and again in one record, with the same role and with others; names that come late or change."""
    return [
        entry(
            id="a",
            projects=projects(
                {"id": "p", "role": "member"},
                {"id": "p", "role": "member", "name": "  "},
                {"id": "p", "role": "owner", "name": " First name "},
                {"id": " p ", "role": "owner"},
            ),
        ),
        entry(
            id="b",
            projects=projects({"id": "p", "name": "Later name", "role": "member"}, {"id": "q", "name": "x" * 70}),
        ),
        entry(
            id="c",
            projects=projects({}, {"id": None, "name": None, "role": None}, {"name": "nameless", "role": "member"}),
        ),
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
    return [
        *common,
        entry(id="rare", projects=projects(project(0, "rare-1"), project(0, "rare-2"), project(1, "rare-3"))),
    ]


def far_too_many_projects(now: int) -> list[Entry]:
    """A list longer than is read."""
    return [
        entry(id="a", projects=projects(*(project(n) for n in range(10_400)))),
        entry(id="b", projects=projects(project(10_399), project(5))),
    ]


def thresholds(now: int) -> list[Entry]:
    """A second apart, around every threshold: on which side of it each one falls is decided by the walk's start."""
    found = []
    for days in (1, 7, 30, 90, 180):
        for second in range(-40, 41):
            moment = now - days * DAY + second
            name = f"{days}d{second:+}"
            found.append(entry(id=f"used {name}", role="owner", is_service_account=False, api_key_last_used_at=moment))
            found.append(
                entry(
                    id=f"never {name}",
                    role="reader",
                    is_service_account=True,
                    added_at=moment,
                    api_key_last_used_at=None,
                )
            )
    return found


def future(now: int) -> list[Entry]:
    return [
        entry(
            id="tomorrow",
            role="owner",
            added_at=now + DAY,
            api_key_last_used_at=now + 400 * DAY,
            user={"object": "user", "id": "x", "banned": True, "banned_at": now + 2 * DAY},
        ),
        entry(id="now", role="owner", added_at=now, api_key_last_used_at=now),
        entry(id="milliseconds", role="owner", added_at=now * 1000, api_key_last_used_at=now * 1000),
        entry(id="the last", role="owner", added_at=10**11 - 1, api_key_last_used_at=10**11),
    ]


def custom_thresholds(now: int) -> list[Entry]:
    return [
        entry(
            id=f"u{hours}",
            role="reader",
            added_at=now - hours * 3_600 - 300,
            api_key_last_used_at=None if hours % 3 else now - hours * 3_600 - 300,
        )
        for hours in range(200)
    ]


def addresses(now: int) -> list[Entry]:
    """Addresses of all kinds, at the top and nested."""
    values = [
        "a@acme.com",
        "A@ACME.COM",
        "a@b@acme.io",
        '"x@acme.com"@example.org',
        "acme.com",
        "@acme.com",
        "a@",
        "@",
        "",
        "  ",
        None,
        7,
        "a@sub.acme.com",
        "a@acme.com.",
        "a@" + "b" * 254,
        "a@notacme.com",
        "ä@acme.com",
    ]
    top = [dict(role="reader", email=value) for value in values]
    inner = [
        dict(role="owner", email=outer, user={"object": "user", "id": "x", "email": value})
        for value in values
        for outer in (None, " ", 3, "a@")
    ]
    return [entry(id=f"u{n}", **record) for n, record in enumerate(top + inner)]


def records_twice(now: int) -> list[Entry]:
    """Every user again, promoted, on later pages: the first record stands."""
    once = [entry(**full_record(now, n)) for n in range(150)]
    return once + [
        entry(**full_record(now, n) | {"role": "owner", "is_service_account": True}) for n in range(0, 150, 7)
    ]
