"""The oracle against figures worked out by hand, so that what checks the exporter is itself checked."""

import json
import unittest

from oracle import Samples, Settings, count
from wire import MISSING, NotAListPage, read

NOW = 1_750_000_000
DAY = 86_400


def page(*entries: str) -> bytes:
    return ('{"object":"list","has_more":false,"data":[' + ",".join(entries) + "]}").encode()


def family(samples: Samples, name: str) -> dict[tuple[str, ...], float]:
    """The samples of one family, keyed by their label values in the order of the label names."""
    return {
        tuple(value for key, value in sorted(labels) if key != "organization"): number
        for (sample, labels), number in samples.items()
        if sample == name
    }


class ReadingOneField(unittest.TestCase):
    def read(self, json_value: str, field: str = "added_at"):
        holder, _, key = field.rpartition(".")
        text = f'{{"id":"u","{key}":{json_value}}}'
        record = json.loads(text)
        return read({"user": record} if holder else record, field)

    def test_integers_come_as_numbers_strings_and_floats(self):
        for written in ("1711471533", '"1711471533"', '" 1711471533\\n"', "1711471533.9", "1.711471533e9"):
            self.assertEqual(self.read(written), 1_711_471_533, written)

    def test_what_is_no_timestamp_is_missing(self):
        for written in ("0", "-5", "true", "null", "{}", '"soon"', "1e400", "9007199254740993", "0.5", '""'):
            self.assertIs(self.read(written), MISSING, written)

    def test_null_is_a_value_only_where_the_reference_allows_it(self):
        self.assertIsNone(self.read("null", "api_key_last_used_at"))
        self.assertIsNone(self.read("null", "user.banned"))
        self.assertIs(self.read("null", "is_service_account"), MISSING)
        self.assertIs(self.read("null", "user"), MISSING)

    def test_a_lone_surrogate_spoils_a_string(self):
        self.assertIs(self.read('"\\ud800"', "role"), MISSING)
        self.assertEqual(self.read('"\\ud83d\\ude00"', "role"), "\N{GRINNING FACE}")


class CountingASmallOrganization(unittest.TestCase):
    """Three users, all fields, worked out on paper."""

    SETTINGS = Settings(email_domains=("acme.com",), stale_after={"30d": 30 * DAY, "90d": 90 * DAY})

    def setUp(self):
        self.samples = count(
            [
                page(
                    f'{{"id":"a","role":"owner","email":"a@ACME.com","added_at":{NOW - 10 * DAY},'
                    f'"api_key_last_used_at":{NOW - 40 * DAY},"is_service_account":false,"is_scim_managed":true,'
                    '"user":{"banned":false,"enabled":true},"projects":{"data":[{"id":"p","name":"P","role":"member"},'
                    '{"id":"p","role":"member"},{"id":"p","role":"owner"}]}}',
                    '{"id":"a","role":"reader"}',
                ),
                page(
                    '{"id":"b","role":" reader ","email":null,"api_key_last_used_at":null,"is_service_account":true,'
                    f'"added_at":{NOW - 90 * DAY},"user":{{"banned":true,"banned_at":{NOW - 5},"email":"b@x@y.org"}},'
                    '"projects":{"data":[]}}',
                    '{"id":"c"}',
                    '"no object"',
                    '{"id":"  "}',
                ),
            ],
            NOW,
            self.SETTINGS,
        )

    def test_the_cross_table_has_what_was_seen_and_zeros_where_somebody_carried_the_field(self):
        users = family(self.samples, "openai_org_users")
        seen = {
            ("user", "owner", "true", "active"): 1,
            ("service_account", "reader", "unknown", "banned"): 1,
            ("unknown", "unknown", "unknown", "unknown"): 1,
        }
        self.assertEqual({row: number for row, number in users.items() if number}, seen)
        self.assertEqual(len(users), 2 * 2 * 2 * 3 + 2)
        self.assertEqual(users["user", "reader", "false", "disabled"], 0)

    def test_stale_keys_are_cumulative_and_inclusive(self):
        stale = family(self.samples, "openai_org_users_api_key_stale")
        self.assertEqual(stale["user", "30d", "owner", "used"], 1)
        self.assertEqual(stale["user", "90d", "owner", "used"], 0)
        self.assertEqual(stale["service_account", "90d", "reader", "never"], 1)
        self.assertEqual(len(stale), 2 * 2 * 2 * 2)

    def test_recently_added_counts_up_to_the_window(self):
        recent = family(self.samples, "openai_org_users_recently_added")
        self.assertEqual([recent["user", "owner", within] for within in ("1d", "7d", "30d")], [0, 0, 1])
        self.assertEqual(recent["unknown", "unknown", "30d"], 0)
        self.assertEqual(len(recent), (4 + 1) * 3)

    def test_domains_fall_back_to_the_nested_address(self):
        domains = family(self.samples, "openai_org_users_by_email_domain")
        self.assertEqual(
            {row: number for row, number in domains.items() if number},
            {("acme.com", "owner"): 1, ("other", "reader"): 1, ("none", "unknown"): 1},
        )
        self.assertEqual(len(domains), 3 * 2 + 1)

    def test_a_member_counts_once_per_project_and_role(self):
        self.assertEqual(family(self.samples, "openai_org_project_users"), {("p", "member"): 1, ("p", "owner"): 1})
        self.assertEqual(family(self.samples, "openai_org_project_info"), {("p", "P"): 1})
        self.assertEqual(family(self.samples, "openai_org_users_without_project"), {(): 1})

    def test_unreadable_entries_are_counted_apart(self):
        self.assertEqual(family(self.samples, "openai_org_users_unreadable"), {(): 2})

    def test_fields_are_counted_with_their_allowed_nulls(self):
        fields = family(self.samples, "openai_org_users_with_field")
        self.assertEqual(fields["email",], 2)
        self.assertEqual(fields["user.banned_at",], 1)
        self.assertEqual(fields["is_default",], 0)
        self.assertEqual(len(fields), 17)


class CountingTheEdges(unittest.TestCase):
    def test_nobody_is_one_zero_in_each_family_that_sums_to_the_total(self):
        samples = count([page()], NOW, Settings(email_domains=("acme.com",)))
        families = {name for name, _ in samples} - {"openai_org_users_with_field"}
        self.assertEqual(
            families,
            {
                "openai_org_users",
                "openai_org_users_by_api_key_use",
                "openai_org_users_by_developer_persona",
                "openai_org_users_by_technical_level",
                "openai_org_users_by_email_domain",
                "openai_org_users_unreadable",
            },
        )
        self.assertEqual(family(samples, "openai_org_users"), {("unknown",) * 4: 0})
        self.assertEqual(family(samples, "openai_org_users_by_email_domain"), {("none", "unknown"): 0})

    def test_a_dimension_nobody_carried_is_unknown_and_never_false(self):
        samples = count([page('{"id":"a","role":"owner","added_at":1}')], NOW)
        self.assertEqual(
            family(samples, "openai_org_users"),
            {("unknown", "owner", "unknown", "unknown"): 1, ("unknown", "reader", "unknown", "unknown"): 0},
        )
        self.assertEqual(family(samples, "openai_org_users_api_key_stale"), {})

    def test_the_twenty_first_role_is_other(self):
        entries = [f'{{"id":"{n}","role":"r{n:02}"}}' for n in range(21)] + ['{"id":"x","role":"r20"}']
        roles = {row[1] for row in family(count([page(*entries)], NOW), "openai_org_users")}
        self.assertEqual(roles, {f"r{n:02}" for n in range(19)} | {"r20", "other", "owner", "reader"})

    def test_projects_beyond_the_limit_add_up_membership_by_membership(self):
        projects = ",".join(f'{{"id":"p{n}","role":"m"}}' for n in range(4))
        samples = count(
            [
                page(
                    f'{{"id":"a","projects":{{"data":[{projects}]}}}}',
                    '{"id":"b","projects":{"data":[{"id":"p3"},{"role":"m"}]}}',
                )
            ],
            NOW,
            Settings(projects_limit=2),
        )
        self.assertEqual(
            family(samples, "openai_org_project_users"),
            {("p3", "m"): 1, ("p3", "unknown"): 1, ("p0", "m"): 1, ("other", "m"): 2, ("unknown", "m"): 1},
        )
        self.assertEqual(set(family(samples, "openai_org_project_info")), {("p0", "unknown"), ("p3", "unknown")})

    def test_what_is_no_list_page_is_refused(self):
        for body in (b"[]", b'{"object":"list","data":{},"has_more":false}', b'{"object":"error","data":[]}'):
            with self.assertRaises(NotAListPage):
                count([body], NOW)


if __name__ == "__main__":
    unittest.main()
