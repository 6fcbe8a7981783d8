"""Organizations whose records cannot be read in part: wrong types, broken bytes, keys that stand twice."""

import json
import random
from collections.abc import Callable

from fake_api import Entry
from odd_shapes import ODD_TEXTS
from records import entry, full_record, raw

WRONG_VALUES = (
    "null",
    "true",
    "false",
    "0",
    "1",
    "-3",
    "1.5",
    "1e400",
    "-1e400",
    "1e15",
    "9007199254740992",
    "9007199254740993",
    "123456789012345678901234567890",
    '""',
    '" "',
    '"text"',
    '"1711471533"',
    '" 1711471533 "',
    '"true"',
    "[]",
    "{}",
    '[{"a":[{}]}]',
    '{"id":"x","data":7}',
    '"\\ud800"',
    '"\\ud83d\\ude00"',
    '"\\udc00 tail"',
    '"a\\u0000b"',
)


def wrong_types(now: int) -> list[Entry]:
    """Every value in every field."""
    names = [name for name in full_record(now, 0) if name not in ("object", "id")]
    inner = [name for name in full_record(now, 0)["user"]]
    found = []
    for number, text in enumerate(WRONG_VALUES):
        found += [
            raw(f"{number} {name}", f'"role":"owner","{name}":{text}' if name != "role" else f'"role":{text}')
            for name in names
        ]
        found += [
            raw(f"{number} user.{name}", f'"role":"owner","user":{{"banned":true,"{name}":{text}}}') for name in inner
        ]
    return found


def wrong_bytes(now: int) -> list[Entry]:
    """Broken UTF-8 in fields that count, in fields that do not, and in keys that nobody knows."""
    broken = b'"\xff\xfe"', b'"caf\xe9"', b'"\xed\xa0\x80"', b'"\xc3"', b'"ok\xf0\x9f"'
    fields = b"role", b"email", b"name", b"developer_persona", b"added_at", b"api_key_last_used_at", b"surprise"
    found = [
        raw(f"{f} {b}", b'"technical_level":"x","%s":%s' % (field, text))
        for b, text in enumerate(broken)
        for f, field in enumerate(fields)
    ]
    found += [
        raw(f"nested {b}", b'"user":{"banned":false,"picture":%s,"email":%s}' % (text, text))
        for b, text in enumerate(broken)
    ]
    return [*found, raw("key", b'"\xff":1,"role":"owner"')]


def broken_project_lists(now: int) -> list[Entry]:
    lists = [
        "[]",
        "{}",
        '{"data":null}',
        '{"data":{}}',
        "null",
        '"x"',
        "7",
        '{"data":[]}',
        '{"object":"oops","data":[]}',
        '{"data":[1,null,"x",[],{"id":"p","name":7,"role":["x"]},{"id":8,"name":"eight","role":"member"}]}',
        '{"data":[{"id":"p","id":"q","role":"\\ud800","name":"\\udfff"}]}',
        '{"data":[],"data":[{"id":"p"}]}',
        '{"data":[3]}',
        '{"data":[],"has_more":true}',
        '{"has_more":true,"data":[]}',
        '{"data":[],"has_more":1}',
    ]
    return [raw(f"u{n}", f'"projects":{text}') for n, text in enumerate(lists)]


def twice_in_one_record(now: int) -> list[Entry]:
    """Of a key that stands twice, the last one counts."""
    return [
        raw("a", '"role":"owner","role":"reader"'),
        raw("b", '"role":"owner","role":7'),
        raw("c", '"role":7,"role":"owner"'),
        raw("d", '"user":{"banned":true},"user":{"enabled":false}'),
        raw("e", '"user":{"banned":true,"banned":false}'),
        raw("f", '"added_at":5,"added_at":null'),
        raw("g", '"r\\u006fle":"owner"'),
        raw("h", '"id":"a"'),
        raw("i", '"id":"j"'),
    ]


def unreadable_entries(now: int) -> list[Entry]:
    """Entries that are nobody, between readable ones; ids at their limits."""
    broken = [
        b"null",
        b"7",
        b'"user"',
        b"[]",
        b"{}",
        b'{"id":null}',
        b'{"id":7}',
        b'{"id":""}',
        b'{"id":" \\n"}',
        b'{"id":"\\ud800"}',
        b'{"id":"\xff"}',
        b'{"id":"%s"}' % (b"x" * 257),
        b'{"id":"%s"}' % ("é".encode() * 129),
        b'{"id":["a"],"role":"owner"}',
    ]
    fine = [
        entry(id="x" * 256, role="owner"),
        entry(id="é" * 128, role="owner"),
        entry(id=" a ", role="owner"),
        entry(id="a", role="reader"),
    ]
    return [one for n, text in enumerate(broken) for one in (Entry(text), fine[n % 4])]


def unknown_fields(now: int) -> list[Entry]:
    """Fields of the future, deep and huge ones too, are ignored."""
    deep = "[" * 300 + "]" * 300
    return [
        raw("a", f'"role":"owner","nested":{deep}'),
        raw("b", '"metadata":{"a":{"role":"owner"}},"role":"reader"'),
        raw("c", f'"long":"{"x" * 200_000}","role":"reader","number":1e999,"user":{{"new":{deep},"banned":true}}'),
        raw("d", '"Role":"owner","ROLE":"owner","role ":"owner"'),
    ]


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
