#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""$SYS.REQ.USER.INFO: a user asks who it is and what it may do."""

import json

from support.case import ServerCase, differs, main
from support.nkeys import User
from support.operators import OperatorCase, now

OLD = "answers since 2.10"


def info(wire):
    wire.send("SUB answer.me 77\r\nPUB $SYS.REQ.USER.INFO answer.me 0\r\n\r\n")
    body = wire.read(int(wire.expect_line(r"MSG answer.me 77 (\d+)").group(1)))
    wire.read(2)
    wire.send("UNSUB 77\r\n")
    return json.loads(body)


class ConfiguredUserTest(ServerCase):
    CONFIG = """
    accounts {
      SYS { users: [ { user: sys, password: p } ] }
      A { users: [
        { user: free, password: p }
        { user: bound, password: p, permissions: {
            publish: { allow: ["$SYS.REQ.USER.INFO", "a.>"], deny: "a.x" }, subscribe: ["answer.>", " jobs  q "],
            allow_responses: { max: 5, expires: "1m" } } } ] }
    }
    system_account: SYS
    """

    @differs("2.9.10", OLD)
    def test_who_may_do_everything(self):
        server = self.start(config=self.CONFIG)
        for user, account in (("free", "A"), ("sys", "SYS")):
            answer = info(self.client(server, user=user, **{"pass": "p"}))
            self.assertEqual(answer["data"], {"user": user, "account": account, "account_name": account})
        self.assertIn("id", answer["server"])

    @differs("2.9.10", OLD)
    def test_who_may_do_some_things(self):
        server = self.start(config=self.CONFIG)
        data = info(self.client(server, user="bound", **{"pass": "p"}))["data"]
        data["permissions"]["publish"]["allow"].sort()
        self.assertEqual(
            data,
            {
                "user": "bound",
                "account": "A",
                "account_name": "A",
                "permissions": {
                    "publish": {"allow": ["$SYS.REQ.USER.INFO", "a.>"], "deny": ["a.x"]},
                    "subscribe": {"allow": ["answer.>", "jobs q"]},
                    "responses": {"max": 5, "ttl": 60_000_000_000},
                },
            },
        )

    @differs("2.9.10", OLD)
    def test_many_at_once_are_told_of_themselves(self):
        server = self.start(config=self.CONFIG)
        wires = [(self.client(server, user=user, **{"pass": "p"}), user) for user in ("free", "bound") * 4]
        for wire, _ in wires:
            wire.send("SUB answer.me 1\r\n")
            wire.expect_quiet()
        for wire, _ in wires:
            wire.send("PUB $SYS.REQ.USER.INFO answer.me 0\r\n\r\n")
        # All of an account hear all answers: each gets as many of either user as there are askers.
        for wire, _ in wires:
            seen = []
            for _ in wires:
                body = wire.read(int(wire.expect_line(r"MSG answer.me 1 (\d+)").group(1)))
                wire.read(2)
                seen.append(json.loads(body)["data"]["user"])
            self.assertEqual(sorted(seen), ["bound"] * 4 + ["free"] * 4)

    @differs("2.9.10", OLD)
    def test_without_users_there_is_still_an_account(self):
        data = info(self.client(self.start()))["data"]
        self.assertEqual(data["account"], "$G")


class TokenUserTest(OperatorCase):
    @differs("2.9.10", OLD)
    def test_a_token_says_when_it_ends(self):
        server = self.start_with()
        user = User(self.tenant, {"pub": {"deny": ["x"]}}, exp=now() + 1000)
        data = info(self.accept(server, user))["data"]
        self.assertEqual((data["user"], data["account"]), (user.key.public, self.tenant.public))
        self.assertEqual((data["user_name"], data["account_name"]), ("user", "A"))
        self.assertEqual(data["permissions"]["publish"], {"deny": ["x"]})
        self.assertTrue(900e9 < data["expires"] <= 1000e9, data)


if __name__ == "__main__":
    main()
