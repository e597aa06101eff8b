#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No secret is in anything that the server says: logs at -DV, monitoring pages, events, errors, -t.

Each test puts all kinds of secrets in, makes them count (right and wrong logins, reloads, errors) and then
looks for each in everything that came out. Public names (users, nkeys, certificates) may show. One exception:
the member `jwt` of monitoring answers, which has the users' tokens as in the reference, unless a token is all that
it takes to log in (docs/security.md).
"""

import http.client
import json
import os
import re
import shutil
import signal
import tempfile
import unittest

from support import case
from support.case import ServerCase
from support.nkeys import Key, Tenant, User, base64url
from support.operators import OperatorCase
from support.tls import Certificates, TlsWire

PAGES = (
    "/", "/varz", "/connz?auth=1&subs=detail&state=any", "/subsz?subs=1", "/routez?subs=1", "/gatewayz?accs=1",
    "/leafz?subs=1", "/accountz", "/accountz?acc=$G", "/accountz?acc=A", "/accstatz?unused=1", "/healthz",
    "/jsz?accounts=1&config=1", "/ipqueuesz", "/stacksz", "/metrics", "/expvarz", "/debug/vars",
)  # fmt: skip
HASH = "$2a$04$ObjbrN50bM/PPEA8F.bOTeJOagvV8/zFuY5euDmBSvhOWqSL5w/Aq"  # of "hashed-secret-7"
SHOWN_TOKEN = re.compile(rb'"jwt": ?"[^"]*"')
MONITOR = re.compile(r"Starting http monitor on (\S+):(\d+)")


class SecretsCase(ServerCase):
    def setUp(self):
        super().setUp()
        self.said = []  # everything that servers said, without
        self.shown_tokens = []

    def hear(self, content):
        self.said.append(content if isinstance(content, bytes) else content.encode())

    def hear_page(self, content):
        self.shown_tokens += SHOWN_TOKEN.findall(content)
        self.hear(SHOWN_TOKEN.sub(b"", content))

    def pages(self, server, *more):
        address, _ = server.log.wait(MONITOR)
        for page in (*PAGES, *more):
            connection = http.client.HTTPConnection("127.0.0.1", int(address[2]), timeout=20)
            connection.request("GET", page)
            answer = connection.getresponse()
            self.hear_page(answer.read())
            self.hear(str(answer.headers))
            connection.close()

    def refused(self, server, connect):
        wire = self.wire(server)
        self.hear(wire.read_line())
        wire.send(f"CONNECT {connect}\r\nPUB foo 0\r\n\r\nBYE\r\n")
        self.hear(wire.read_to_end())

    def ears(self, wire):
        """Subscribes to all events; collect() then has what came."""
        wire.send("SUB > 1\r\n")
        wire.expect_quiet()
        return wire

    def collect(self, wire):
        wire.send("PING\r\n")
        while True:
            line = wire.read_line()
            self.hear_page(line)
            if line == b"PONG":
                return

    def check(self, *secrets):
        everything = b"\n".join(self.said)
        self.assertGreater(len(everything), 1000)
        for secret in secrets:
            place = everything.find(secret.encode())
            around = everything[max(0, place - 200) : place + 100]
            self.assertEqual(place, -1, f"a secret was said: {around!r}")


class ConfiguredSecretsTest(SecretsCase):
    CONFIG = """
    http: 127.0.0.1:-1
    accounts {
      A { users: [ { user: plain, password: "plain-secret-1" }
                   { user: hashed, password: "%s" }
                   { nkey: %s } ] }
      SYS { users: [ { user: sys, password: "system-secret-2" } ] }
    }
    system_account: SYS
    %s
    """
    SECRETS = ("plain-secret-1", "system-secret-2", "hashed-secret-7", "wrong-secret-3", "token-secret-4",
               HASH, HASH[7:])  # fmt: skip

    @case.differs("2.9.10", "it hides only the first password, up to a comma")
    def test_users_of_accounts(self):
        key = Key("user")
        config = self.CONFIG % (HASH, key.public, "")
        server = self.start("-DV", config=config)
        system = self.ears(self.client(server, user="sys", **{"pass": "system-secret-2"}))
        stays = [
            self.client(server, user="plain", **{"pass": "plain-secret-1"}),
            self.client(server, user="hashed", **{"pass": "hashed-secret-7"}),
        ]
        signatures = []
        for right in (True, False):
            wire = self.wire(server)
            nonce = wire.read_info()["nonce"]
            signatures.append(base64url(key.sign(nonce if right else "x")))
            wire.send(json.dumps({"nkey": key.public, "sig": signatures[-1]}).join(("CONNECT ", "\r\n")))
            wire.send("BYE\r\n")
            self.hear(wire.read_to_end())
        for connect in (
            '{"user":"plain","pass":"wrong-secret-3"}',
            '{"user":"hashed","pass":"wrong-secret-3"}',
            '{"user":"nobody","pass":"plain-secret-1"}',
            '{"auth_token":"token-secret-4"}',
            '{"pass":"plain-secret-1"',
            '{"pass":["plain-secret-1"]}',
            '{"PASS":"plain-secret-1","Auth_Token":"token-secret-4"}',
            '{"user":"plain","pass":"plain-secret-1","account":"SYS"}',
        ):
            self.refused(server, connect)
        self.pages(server)
        for subject in ("VARZ", "CONNZ", "SUBSZ", "ACCOUNTZ", "STATSZ", "IDZ"):
            system.send(f'PUB $SYS.REQ.SERVER.PING.{subject} answers 29\r\n{{"auth":true,"subscriptions":1}}\r\n'
                        .replace("29", str(len('{"auth":true,"subscriptions":1}'))))  # fmt: skip
        for subject in ("CONNZ", "INFO", "SUBSZ"):
            system.send(f"PUB $SYS.REQ.ACCOUNT.A.{subject} answers 0\r\n\r\n")
        self.collect(system)
        # A reload that changes secrets, one that is refused, one that removes who is there.
        for content, line in (
            (config.replace("plain-secret-1", "plain-secret-5"), "Reloaded server configuration"),
            (config + '\nauthorization { user: [], password: "plain-secret-6" }', "Failed to reload"),
        ):
            with open(server.config_file, "w", encoding="utf-8") as out:
                out.write(content)
            mark = len(server.log.lines())
            server.send_signal(signal.SIGHUP)
            server.log.wait(line, after=mark)
        self.collect(system)
        self.hear(stays[0].read_to_end())
        self.pages(server)
        server.stop()
        self.hear(server.log.text())
        self.assertIn("[REDACTED]", server.log.text())
        self.check(*self.SECRETS, "plain-secret-5", "plain-secret-6", key.seed, *signatures)

    @case.differs("2.9.10", "the token is shown as authorized_user in /connz?auth=1")
    def test_flags(self):
        server = self.start("-DV", "--user", "u", "--pass", "flag-secret-1", "-m", "-1")
        self.client(server, user="u", **{"pass": "flag-secret-1"})
        self.pages(server)
        server.stop()
        self.hear(server.log.text())
        server = self.start("-DV", "--auth", "flag-secret-2", "-m", "-1")
        self.client(server, auth_token="flag-secret-2")
        self.pages(server)
        server.stop()
        self.hear(server.log.text())
        self.check("flag-secret-1", "flag-secret-2")

    def test_what_the_check_of_a_configuration_prints(self):
        folder = self.folder()
        path = os.path.join(folder, "c.conf")
        for text in (
            "authorization { user: u, password: check-secret-1 }",
            "authorization { user: u, password: check-secret-1, token: check-secret-2 }",
            "authorization { users: [ { user: u, password: check-secret-1, nokey: 1 } ] }",
            "authorization { users: [ { user: u, password: check-secret-1 } { user: u, password: check-secret-2 } ] }",
            "authorization { users: [ { password: check-secret-1 } ] }",
            "authorization { user: u, password: check-secret-1, timeout: xyz }",
            f'authorization {{ user: u, password: "{HASH}" }}\nport: x',
            "accounts { A { users: [ { user: u, password: check-secret-1, nkey: UX } ] } }",
        ):
            with open(path, "w", encoding="utf-8") as out:
                out.write(text)
            _, output, error = self.run_once("-t", "-c", path)
            self.hear(output + error + "." * 200)
        self.check("check-secret-1", "check-secret-2", HASH)


class TokenSecretsTest(SecretsCase, OperatorCase):
    def setUp(self):
        SecretsCase.setUp(self)
        OperatorCase.setUp(self)

    @case.differs("2.9.10", "a JWT shows in its trace after a comma")
    def test_tokens_of_users(self):
        server = self.start("-DV", "-m", "-1", config=self.config(self.tenant))
        system = self.ears(self.accept(server, User(self.system)))
        user, bearer = User(self.tenant), User(self.tenant, {"bearer_token": True})
        expired, stranger = User(self.tenant, exp=1), User(Tenant(self.operator, "B"))
        stays = [self.accept(server, user), self.accept(server, bearer, sig="")]
        for who in (expired, stranger):
            self.hear(self.login(server, who).read_to_end())
        for jwt in (user.token[:-4], user.token + "x", user.token.replace(".", ",")):
            self.hear(self.login(server, user, jwt=jwt).read_to_end())
        self.pages(server, f"/accountz?acc={self.tenant.public}", f"/connz?auth=1&acc={self.tenant.public}")
        system.send('PUB $SYS.REQ.SERVER.PING.CONNZ answers 13\r\n{"auth":true}\r\n')
        system.send(f"PUB $SYS.REQ.ACCOUNT.{self.tenant.public}.INFO answers 0\r\n\r\n")
        self.collect(system)
        stays.pop().close()
        self.collect(system)
        server.stop()
        self.hear(server.log.text())
        tokens = [who.token for who in (user, bearer, expired, stranger)]
        self.check(*(token.rsplit(".", 1)[1][:40] for token in tokens), *(token.split(".")[1] for token in tokens),
                   user.key.seed, self.tenant.key.seed, self.operator.seed)  # fmt: skip
        shown = b"\n".join(self.shown_tokens)
        self.assertIn(user.token.encode(), shown)
        self.assertIn(bearer.token.rsplit(".", 1)[0].encode() + b'."', shown)
        for who in (bearer, expired, stranger):
            self.assertNotIn(who.token.rsplit(".", 1)[1].encode(), shown)


@unittest.skipUnless(shutil.which("openssl"), "SKIPPED: no openssl program")
class TlsSecretsTest(SecretsCase):
    def test_keys_of_tls(self):
        with tempfile.TemporaryDirectory(prefix="nuring-e2e-") as folder:
            certificates = Certificates(folder)
            server = self.start("-DV", "-m", "-1", config=certificates.config("timeout: 5"))
            wire = TlsWire(server.port)
            self.addCleanup(wire.close)
            wire.read_info()
            wire.handshake(certificates)
            wire.send('CONNECT {"verbose":false,"pass":"tls-secret-1"}\r\n')
            wire.expect_quiet()
            self.pages(server)
            with open(certificates.key, encoding="ascii") as stream:
                lines = [line for line in stream.read().splitlines() if not line.startswith("---")]
            with open(certificates.key, "w", encoding="ascii") as out:
                out.write("\n".join(["-----BEGIN PRIVATE KEY-----", *lines[:-1], "-----END PRIVATE KEY-----"]))
            server.send_signal(signal.SIGHUP)
            server.log.wait("Failed to reload server configuration")
            _, output, error = self.run_once("-t", "-c", server.config_file)
            self.hear(output + error)
            server.stop()
            self.hear(server.log.text())
            self.check("tls-secret-1", *lines)


if __name__ == "__main__":
    case.main()
