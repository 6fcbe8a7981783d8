"""The official SDK pages through the simulator, which so speaks the API's language and not just our reading of it."""

import unittest

from openai import AuthenticationError, BadRequestError, NotFoundError, OpenAI

from harness import SIMULATED_KEY, simulator

USERS = 1_234


class TheSdkAgainstTheSimulator(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.base_url = cls.enterClassContext(simulator(f"--users={USERS}", "--seed=11", "--churn=0"))

    def users(self, key: str = SIMULATED_KEY, **query):
        client = self.enterContext(OpenAI(admin_api_key=key, base_url=self.base_url, max_retries=0))
        return client.admin.organization.users.list(**query)

    def test_every_user_is_found_exactly_once_whatever_the_page_size(self):
        everybody = [user.id for user in self.users()]
        self.assertEqual(len(everybody), USERS)
        self.assertEqual(len(set(everybody)), USERS)
        for limit in (100, 99, 7):
            self.assertEqual([user.id for user in self.users(limit=limit)], everybody, limit)

    def test_a_page_has_twenty_users_unless_asked_otherwise(self):
        self.assertEqual(len(self.users().data), 20)
        self.assertEqual(len(self.users(limit=3).data), 3)

    def test_users_are_found_by_their_addresses(self):
        wanted = [user for user in self.users(limit=100) if user.email][5:USERS:100]
        found = [user.id for user in self.users(emails=[user.email for user in wanted])]
        self.assertEqual(sorted(found), sorted(user.id for user in wanted))
        self.assertEqual(list(self.users(emails=["nobody@nowhere.invalid"])), [])

    def test_records_are_what_the_schema_says(self):
        for user in self.users(limit=100):
            self.assertEqual(user.object, "organization.user")
            self.assertIsInstance(user.added_at, int)
            type(user).model_validate(user.model_dump(exclude_unset=True), strict=True)

    def test_refusals_are_the_errors_of_the_sdk(self):
        for error, query in [
            (AuthenticationError, {"key": "sk-wrong"}),
            (BadRequestError, {"limit": 101}),
            (BadRequestError, {"limit": 0}),
            (NotFoundError, {"after": "user-who-never-was"}),
        ]:
            with self.subTest(query=query), self.assertRaises(error):
                self.users(**query)


if __name__ == "__main__":
    unittest.main()
