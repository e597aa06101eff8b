#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every sample of the READMEs' chapters Authentication, Authorization and Bcrypt, run as printed.

The configuration files are the ones that the unit tests read (tests/unit/config/samples): the blocks of
gnatsd 0.9.6 to nats-server 2.0.0, word for word, with the placeholders filled in.
"""

import os
import re

from support import case
from support.case import ServerCase

SAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../unit/config/samples")
PASS = "abcdefghijklmnopqrstuvwxwz0123456789"


class SamplesCase(ServerCase):
    def sample(self, name):
        return self.start("-c", os.path.join(SAMPLES, name + ".conf"))

    def check_login(self, server, **credentials):
        self.client(server, **credentials)

    def check_refused(self, server, **credentials):
        """With no credentials too: every sample here asks for some."""
        wire = self.wire(server)
        self.assertTrue(wire.read_info()["auth_required"])
        fields = ",".join(f'"{key}":"{value}"' for key, value in credentials.items())
        wire.send("CONNECT {" + fields + "}\r\n")
        wire.expect("-ERR 'Authorization Violation'\r\n")
        wire.expect_end()

    def check_user(self, server, user, password):
        self.check_login(server, user=user, **{"pass": password})
        self.check_refused(server, user=user, **{"pass": password + "x"})
        self.check_refused(server, user=user)
        self.check_refused(server, user=user + "x", **{"pass": password})
        self.check_refused(server)

    def check_token(self, server, token):
        self.check_login(server, auth_token=token)
        self.check_refused(server, auth_token=token + "x")
        self.check_refused(server, user=token)
        self.check_refused(server)

    def check_may(self, server, user, password, publish=(), subscribe=()):
        """What that user may do, and that a denied act is answered and logged without closing."""
        wire = self.client(server, user=user, **{"pass": password})
        for allowed, subjects in publish:
            for subject in subjects:
                wire.send(f"PUB {subject} 0\r\n\r\n")
                if not allowed:
                    wire.expect(f"-ERR 'Permissions Violation for Publish to \"{subject}\"'\r\n")
                    server.log.wait(f'Publish Violation - User "{user}", Subject "{re.escape(subject)}"')
                wire.expect_quiet()
        for allowed, subjects in subscribe:
            for sid, subject in enumerate(subjects):
                wire.send(f"SUB {subject} {allowed}{sid}\r\n")
                if not allowed:
                    wire.expect(f"-ERR 'Permissions Violation for Subscription to \"{subject}\"'\r\n")
                    denied = f'Subject "{re.escape(subject)}", SID '
                    server.log.wait(f'Subscription Violation - User "{user}", {denied}')
                wire.expect_quiet()
                wire.send(f"UNSUB {allowed}{sid}\r\n")


class AuthenticationTest(SamplesCase):
    def test_command_line(self):
        self.check_user(self.start("-DV", "--user", "foo", "--pass", "bar"), "foo", "bar")
        self.check_token(self.start("-DV", "-auth", "S3Cr3T0k3n!"), "S3Cr3T0k3n!")
        self.check_user(self.start("--user", "derek", "--pass", "T0pS3cr3t"), "derek", "T0pS3cr3t")

    def test_single_user(self):
        for name in ("single_user", "single_user_aligned"):
            self.check_user(self.sample(name), "derek", "T0pS3cr3t")

    def test_tokens(self):
        for name in ("token", "token_2_0_0"):
            self.check_token(self.sample(name), "S3Cr3T0k3n!")

    def test_bcrypt_tokens(self):
        for name in ("token_bcrypt", "token_bcrypt_2_0_0"):
            server = self.sample(name)
            self.check_token(server, "S3Cr3T0k3n!")
            self.check_refused(
                server, auth_token="$2a$11$UP3xizk94sWF9SHF/wkklOfBT9jphTGNrhZqz2OHoBdk9yO1kvErG"
            )

    def test_bcrypt_user(self):
        # The README tells this password; the hash of another tool would do as well.
        server = self.sample("bcrypt_user")
        self.check_refused(server, user="derek", **{"pass": "wrong"})
        self.check_refused(server, user="derek")
        self.check_login(server, user="derek", **{"pass": "#IclkRPHUpsTmACWzmIGXr"})

    def test_users_and_variables(self):
        server = self.sample("users_0_9_6")
        for user, password in (("alice", "foo"), ("bob", "bar"), ("joe", PASS)):
            self.check_user(server, user, password)
        server = self.sample("users_1_2_0")
        for user, password in (("joe", "foo"), ("alice", "bar"), ("bob", PASS), ("charlie", "bar")):
            self.check_user(server, user, password)
        server = self.sample("users_pattern")
        self.check_user(server, "value", "bob")
        self.check_user(server, "bob", "value")
        self.check_may(server, "bob", "value", publish=[(1, ["a.b"]), (0, ["b"])])


class AuthorizationTest(SamplesCase):
    def test_admin_requestor_and_the_defaults(self):
        server = self.sample("permissions_0_9_6")
        self.check_may(server, "alice", "foo", [(1, ["any.thing"])], [(1, [">", "any.thing"])])
        self.check_may(
            server, "bob", "bar",
            [(1, ["req.foo", "req.bar"]), (0, ["req.baz", "SANDBOX.a"])],
            [(1, ["_INBOX.a", "_INBOX.*"]), (0, ["_INBOX.a.b", "req.foo"])],
        )  # fmt: skip
        self.check_may(
            server, "joe", PASS,
            [(1, ["SANDBOX.a"]), (0, ["SANDBOX.a.b", "PUBLIC.a"])],
            [(1, ["PUBLIC.a", "PUBLIC.>", "_INBOX.a"]), (0, ["SANDBOX.a"])],
        )  # fmt: skip

    @case.differs("2.9.10", "it takes > for a token that * matches")
    def test_a_subscription_must_lie_within_what_is_allowed(self):
        server = self.sample("permissions_0_9_6")
        self.check_may(server, "bob", "bar", subscribe=[(0, ["_INBOX.>", ">", "*.a"])])

    def test_responder_answers_requestor(self):
        server = self.sample("permissions_1_2_0")
        self.check_may(server, "joe", "foo", [(1, ["x"])], [(1, [">"])])
        self.check_may(
            server, "charlie", "bar",
            [(1, ["SANDBOX.a"]), (0, ["req.foo"])],
            [(1, ["PUBLIC.a"]), (0, ["req.foo"])],
        )  # fmt: skip
        alice = self.client(server, user="alice", **{"pass": "bar"})
        bob = self.client(server, user="bob", **{"pass": PASS})
        bob.send("SUB req.foo 1\r\nSUB req.bar 2\r\n")
        bob.expect_quiet()
        alice.send("SUB _INBOX.x.* 1\r\nPUB req.foo _INBOX.x.1 2\r\nhi\r\n")
        bob.expect_message("req.foo", 1, b"hi", reply="_INBOX.x.1")
        bob.send("PUB _INBOX.x.1 5\r\nhello\r\n")
        alice.expect_message("_INBOX.x.1", 1, b"hello")
        bob.send("PUB req.foo 0\r\n\r\n")
        bob.expect("-ERR 'Permissions Violation for Publish to \"req.foo\"'\r\n")

    def test_allow_and_deny(self):
        server = self.sample("permissions_allow_deny")
        self.check_may(
            server, "myUser", "pwd",
            [(1, ["a.b", "bar.foo"]), (0, ["a", "a.b.c", "SYS.x", "bar.baz", "foo.x"])],
            [(1, ["foo.x", "bar", "foo.*"]), (0, ["foo.baz", "baz", "foo.x.y"])],
        )  # fmt: skip

    def test_the_patterns_of_the_syntax(self):
        server = self.sample("permissions_pattern")
        self.check_may(
            server, "a", "b",
            [(1, ["singleton"]), (0, ["array"])],
            [(1, ["array", "of.x.y"]), (0, ["singleton"])],
        )  # fmt: skip
        server = self.sample("permissions_allow_deny_pattern")
        self.check_may(server, "a", "b", [(1, ["singleton"]), (0, ["array", "of.x"])])


if __name__ == "__main__":
    case.main()
