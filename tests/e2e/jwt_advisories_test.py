#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Public advisories about tokens, imports between accounts and names that become files: none works here.

One test for each, named after it; docs/security.md has the list. The others are in advisories_test.py.
"""

import json
import os
import time

from support.case import ServerCase, differs, main
from support.nkeys import UNLIMITED, USER_UNLIMITED, Key, Tenant, User
from support.operators import OperatorCase, now

CYCLE_OF_SERVICES = """
accounts {
  A { users: [ { user: a, password: p } ]
      exports: [ { service: ping } ], imports: [ { service: { account: B, subject: ping } } ] }
  B { users: [ { user: b, password: p } ]
      exports: [ { service: ping } ], imports: [ { service: { account: A, subject: ping } } ] }
}
"""


class ExchangeCase(OperatorCase):
    """self.tenant exports `private.>` to those who have a token; self.other imports from it."""

    def setUp(self):
        super().setUp()
        self.other = Tenant(self.operator, "B")

    def admin(self, server):
        wire = self.accept(server, User(self.system))
        wire.send("SUB reply 9\r\n")
        wire.expect_quiet()
        return wire

    def request(self, wire, subject, body):
        wire.send(f"PUB {subject} reply {len(body)}\r\n{body}\r\n")
        size = int(wire.expect_line(r"MSG reply 9  ?(\d+)").group(1))
        answer = wire.read(size)
        wire.expect("\r\n")
        return answer

    def update(self, wire, tenant, token):
        return json.loads(self.request(wire, f"$SYS.REQ.ACCOUNT.{tenant.public}.CLAIMS.UPDATE", token))

    def activation(self, subject="private.>", signer=None, importer=None, kind="stream",
                   exporter=None, **claims):  # fmt: skip
        nats = {"subject": subject, "kind": kind}
        if exporter:
            nats["issuer_account"] = exporter.public
        importer = (importer or self.other).public
        return (signer or self.tenant.key).token(importer, "activation", nats, **claims)

    def check_hears(self, server, expected):
        """Does a subscriber of the importer hear the exporter?"""
        there, here = self.accept(server, User(self.other)), self.accept(server, User(self.tenant))
        there.send("SUB private.x 1\r\n")
        there.expect_quiet()
        here.send("PUB private.x 2\r\nhi\r\n")
        here.expect_quiet()
        if expected:
            there.expect_message("private.x", 1, b"hi")
        there.expect_quiet()
        return there, here

    def start_private(self, token, **exporter_nats):
        self.tenant.nats["exports"] = [{"subject": "private.>", "type": "stream", "token_req": True}]
        self.tenant.nats.update(exporter_nats)
        self.other.nats["imports"] = [
            {"subject": "private.>", "type": "stream", "account": self.tenant.public, "token": token}
        ]
        return self.start_with(self.tenant, self.other)


class ImportLoopTest(ExchangeCase):
    """CVE-2020-28466: an import loop made by tenants ended the server."""

    def service(self, exporter, subject="ping"):
        return {"name": "s", "account": exporter.public, "subject": subject, "type": "service"}

    def stream(self, exporter, subject="feed.>"):
        return {"name": "t", "account": exporter.public, "subject": subject, "type": "stream"}

    EXPORTS = [
        {"name": "s", "subject": "ping", "type": "service"},
        {"name": "t", "subject": "feed.>", "type": "stream"},
    ]

    def check_alive(self, server, tenants):
        for tenant in tenants:
            one, two = (self.accept(server, User(tenant)) for _ in range(2))
            one.send("SUB still.alive 1\r\nSUB feed.> 2\r\nSUB ping 3\r\nSUB in 4\r\nUNSUB 2\r\nUNSUB 3\r\n")
            one.expect_quiet()
            two.send("PUB ping in 1\r\n?\r\nPUB feed.x 1\r\nx\r\nPUB still.alive 2\r\nok\r\n")
            two.expect_quiet()
            one.expect_message("still.alive", 1, b"ok")

    def test_cve_2020_28466_a_loop_of_claims(self):
        third = Tenant(self.operator, "C")
        ring = [self.tenant, self.other, third]
        for index, tenant in enumerate(ring):
            exporter = ring[(index + 1) % len(ring)]
            tenant.nats["exports"] = self.EXPORTS
            tenant.nats["imports"] = [self.service(exporter), self.stream(exporter)]
        server = self.start_with(*ring)
        self.check_alive(server, ring)

    def test_cve_2020_28466_an_account_that_imports_from_itself(self):
        self.tenant.nats["exports"] = self.EXPORTS
        self.tenant.nats["imports"] = [self.service(self.tenant), self.stream(self.tenant)]
        server = self.start_with()
        self.check_alive(server, [self.tenant])

    def test_cve_2020_28466_a_loop_that_an_update_closes(self):
        for tenant in (self.tenant, self.other):
            tenant.nats["exports"] = self.EXPORTS
        self.other.nats["imports"] = [self.service(self.tenant), self.stream(self.tenant)]
        server = self.start_with(self.tenant, self.other)
        self.check_alive(server, [self.tenant, self.other])
        admin = self.admin(server)
        loop = [self.service(self.other), self.stream(self.other)]
        self.update(admin, self.tenant, self.tenant.token(imports=loop))
        self.check_alive(server, [self.tenant, self.other])

    def test_cve_2020_28466_a_loop_in_the_configuration(self):
        folder = self.folder()
        with open(os.path.join(folder, "c.conf"), "w", encoding="utf-8") as out:
            out.write(CYCLE_OF_SERVICES)
        code, _, error = self.run_once("-p", "-1", "-c", out.name)
        self.assertEqual(code, 1)
        self.assertIn("cycle", error)


class MalformedTest(ExchangeCase):
    """CVE-2020-26521: a malformed import in a JWT ended the server."""

    VALUES = (None, 7, -1, True, "", "x", " ", "a b", ">", "..", [], {}, [None], "x" * 5000)

    def test_cve_2020_26521_malformed_imports_and_exports(self):
        server = self.start_with(self.tenant, self.other)
        admin, bystander = self.admin(server), self.accept(server, User(self.other))
        self.accept(server, User(self.tenant))
        good = {"name": "n", "account": self.other.public, "subject": "s", "type": "stream"}
        lists = [None, 7, "x", {}, [None], [[]], [{}], [7], ["x"]]
        for field in ("name", "account", "subject", "local_subject", "to", "type", "token", "share"):
            lists += [[{**good, field: value}] for value in self.VALUES]
        for field in ("imports", "exports"):
            for content in lists:
                answer = self.update(admin, self.tenant, self.tenant.token(**{field: content}))
                self.assertIn("data" if "data" in answer else "error", answer)
        for field in ("limits", "signing_keys", "revocations", "default_permissions", "mappings"):
            for value in self.VALUES:
                self.update(admin, self.tenant, self.tenant.token(**{field: value}))
        bystander.expect_quiet()
        self.update(admin, self.tenant, self.tenant.token())
        self.accept(server, User(self.tenant))

    def test_cve_2020_26521_malformed_users(self):
        server = self.start_with()
        bystander = self.accept(server, User(self.tenant))
        for field in ("pub", "sub", "resp", "src", "times", "subs", "payload", "data", "bearer_token",
                      "allowed_connection_types", "issuer_account", "type"):  # fmt: skip
            for value in self.VALUES:
                user = User(self.tenant)
                user.token = self.tenant.key.token(
                    user.key.public, "user", {**USER_UNLIMITED, field: value}
                )
                wire = self.login(server, user)
                wire.send("PING\r\n")
                self.assertIn(wire.read_line()[:4], (b"PONG", b"-ERR"), (field, value))
        bystander.expect_quiet()


class ExpiryTest(ExchangeCase):
    """CVE-2020-26892: the expiry of credentials was not enforced."""

    def test_cve_2020_26892_who_has_expired_is_refused(self):
        signer = Key("account")
        self.tenant.nats["signing_keys"] = [signer.public]
        server = self.start_with()
        for options in ({}, {"version": 1}, {"signer": signer}, {"nats": {"bearer_token": True}}):
            for expired in (1, now() - 3600, now() - 1):
                self.refuse(server, User(self.tenant, exp=expired, **options))
            self.accept(server, User(self.tenant, exp=now() + 3600, **options))

    def test_cve_2020_26892_who_expires_is_closed(self):
        server = self.start_with()
        end = now() + 2
        wires = [self.accept(server, User(self.tenant, exp=end, version=v)) for v in (1, 2)]
        wires[0].send("SUB foo 1\r\n")  # traffic does not keep it open
        for wire in wires:
            wire.expect("-ERR 'User Authentication Expired'\r\n")
            wire.expect_end()
        self.assertLess(time.time(), end + 5)


class ActivationTest(ExchangeCase):
    """CVE-2021-3127: an import token of one account or subject was accepted for another."""

    def test_cve_2021_3127_a_token_counts_as_it_was_issued(self):
        self.check_hears(self.start_private(self.activation()), True)

    @differs("2.9.10", "one such token spoils the whole importing account")
    def test_cve_2021_3127_a_token_for_somebody_or_something_else(self):
        stranger, signer = Tenant(self.operator, "C"), Key("account")
        for name, token in {
            "another importer": self.activation(importer=stranger),
            "another subject": self.activation(subject="other.>"),
            "a narrower subject": self.activation(subject="private.y"),
            "another kind": self.activation(kind="service"),
            "an expired one": self.activation(exp=now() - 5),
            "an unknown signing key": self.activation(signer=signer, exporter=self.tenant),
            "signed by the importer": self.activation(signer=self.other.key),
            "signed by the importer, in the exporter's name": self.activation(
                signer=self.other.key, exporter=self.tenant
            ),
            "signed for another exporter": self.activation(exporter=stranger),
            "garbage": "garbage",
            "a user's token": User(self.tenant).token,
        }.items():
            with self.subTest(name):
                self.check_hears(self.start_private(token), False)

    @differs("2.9.10", "one such token spoils the whole importing account")
    def test_a_token_without_issuer_account_is_the_exporters_own(self):
        """At 2.0.0-RC19 it was accepted whoever had signed it: any account, and for any importer."""
        stranger, signer = Tenant(self.operator, "C"), Key("account")
        token = self.activation(signer=stranger.key)
        self.check_hears(self.start_private(token), False)
        token = self.activation(signer=signer)
        self.check_hears(self.start_private(token, signing_keys=[signer.public]), False)

    def test_a_signing_key_activates_in_the_name_of_its_account(self):
        signer = Key("account")
        token = self.activation(signer=signer, exporter=self.tenant)
        self.check_hears(self.start_private(token, signing_keys=[signer.public]), True)


class PathTest(ExchangeCase):
    """CVE-2022-28357, CVE-2022-26652: a name that becomes a file led out of the directory."""

    def start_directory(self):
        self.root = self.folder()
        self.directory = os.path.join(self.root, "inner", "jwt")
        os.makedirs(self.directory)
        for tenant in (self.system, self.tenant):
            with open(os.path.join(self.directory, tenant.public + ".jwt"), "w", encoding="ascii") as out:
                out.write(tenant.token())
        resolver = f"{{ type: full, dir: '{self.directory}', allow_delete: true }}"
        return self.start("-DV", config=self.config(resolver=resolver))

    def files(self):
        return sorted(os.path.join(at, name) for at, _, names in os.walk(self.root) for name in names)

    @differs("2.9.10", "it keeps what any user of the system account sends, under any name")
    def test_cve_2022_28357_no_name_leads_out_of_the_directory(self):
        server = self.start_directory()
        with open(os.path.join(self.root, "outside.jwt"), "w", encoding="ascii") as out:
            out.write("eyJ.not.yours")
        before = self.files()
        admin = self.admin(server)
        names = ("../../outside", "../outside", "/etc/passwd", "..", ".", "", "x" * 300, "a\x00b",
                 "../" * 20 + "etc/passwd")  # fmt: skip
        for name in names:
            token = self.operator.token(name, "account", {"limits": UNLIMITED})
            answer = json.loads(self.request(admin, "$SYS.REQ.CLAIMS.UPDATE", token))
            self.assertIn("error", answer, name)
        for name in ("/etc/passwd", "outside", "%2e%2e%2foutside", "/outside/"):
            token = self.tenant.token()
            answer = self.request(admin, f"$SYS.REQ.ACCOUNT.{name}.CLAIMS.UPDATE", token)
            self.assertIn("error", json.loads(answer), name)
            admin.send(f"PUB $SYS.REQ.ACCOUNT.{name}.CLAIMS.LOOKUP reply 0\r\n\r\n")
        admin.expect_quiet()
        self.assertEqual(self.files(), before)
        self.accept(server, User(self.tenant))


class PrefixTest(ServerCase):
    """Found in 2.0.0-RC19: the prefix of a stream import showed in the subjects of later subscribers."""

    def test_the_prefix_of_an_import_is_the_importers_only(self):
        server = self.start(
            config="""accounts {
              A { users: [ { user: a, password: p } ], exports: [ { stream: "feed.>" } ] }
              B { users: [ { user: b, password: p } ]
                  imports: [ { stream: { account: A, subject: "feed.>" }, prefix: "from.a" } ] } }"""
        )
        options = {"pass": "p"}
        importer = self.client(server, user="b", **options)
        importer.send("SUB from.a.feed.> 1\r\n")
        importer.expect_quiet()
        plain = [self.client(server, user="a", **options) for _ in range(3)]
        for wire in plain:
            wire.send("SUB feed.x 1\r\nSUB feed.> 2\r\nSUB > 3\r\n")
            wire.expect_quiet()
        publisher = self.client(server, user="a", **options)
        publisher.send("PUB feed.x 2\r\nhi\r\n" * 3)
        publisher.expect_quiet()
        for _ in range(3):
            importer.expect_message("from.a.feed.x", 1, b"hi")
        for wire in plain:
            for _ in range(9):
                wire.expect_line(r"MSG feed\.x [123] 2")
                wire.expect("hi\r\n")
            wire.expect_quiet()


if __name__ == "__main__":
    main()
