#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Accounts over routes: each stays for itself; streams and services that one gives another work across."""

from support import cluster
from support.route_peer import PeerCase

ACCOUNTS = """
accounts {
  A {
    users: [ { user: a, password: p } ]
    imports: [
      { service: { account: B, subject: "svc.add" }, to: "ask.add" }
      { stream: { account: B, subject: "news.>" }, prefix: "from.b" }
    ]
  }
  B {
    users: [ { user: b, password: p } ]
    exports: [ { service: "svc.add", accounts: [ A ] }, { stream: "news.>", accounts: [ A ] } ]
  }
}
"""


class AccountsCase(PeerCase):
    def login(self, server, user, **options):
        return self.client(server, user=user, **{"pass": "p"}, **options)


class ScriptedAccountsTest(AccountsCase):
    def setUp(self):
        self.server = self.member(settings=ACCOUNTS)
        self.route = self.peer(self.server)
        self.a, self.b = self.login(self.server, "a"), self.login(self.server, "b")
        self.route.drain()

    def test_interest_names_its_account(self):
        for wire, account in ((self.a, "A"), (self.b, "B")):
            wire.send("SUB foo 1\r\nSUB foo q 2\r\n")
            self.route.expect_ops(f"RS+ {account} foo", f"RS+ {account} foo q 1")
            wire.send("UNSUB 2\r\nUNSUB 1\r\n")
            self.route.expect_ops(f"RS- {account} foo q", f"RS- {account} foo")

    def test_messages_stay_in_their_account(self):
        for wire in (self.a, self.b):
            wire.send("SUB foo 1\r\n")
            wire.expect_quiet()
        self.route.drain()
        self.route.send("RMSG A foo 1\r\na\r\nRMSG B foo 1\r\nb\r\nRMSG $G foo 1\r\ng\r\nRS+ A bar\r\n")
        self.route.drain()
        self.a.expect_message("foo", 1, b"a")
        self.b.expect_message("foo", 1, b"b")
        self.b.send("PUB bar 1\r\nb\r\n")
        self.b.expect_quiet()
        self.a.expect_quiet()
        self.route.expect_quiet()
        self.a.send("PUB bar 1\r\na\r\n")
        self.route.expect_op("RMSG A bar 1", b"a")

    def test_imported_streams_are_interest_in_the_exporter(self):
        self.a.send("SUB from.b.news.x 1\r\n")
        self.a.expect_quiet()
        lines = {op.line for op in self.route.drain()}
        self.assertIn("RS+ B news.x", lines)
        self.route.send("RMSG B news.x 2\r\nhi\r\n")
        self.a.expect_message("from.b.news.x", 1, b"hi")
        self.a.send("UNSUB 1\r\n")
        self.a.expect_quiet()
        self.assertIn("RS- B news.x", {op.line for op in self.route.drain()})

    def test_requests_go_to_the_exporter(self):
        """What a server says on a route of a request that crosses accounts, and that the answer gets back."""
        self.route.send("RS+ B svc.add\r\n")
        self.route.drain()
        self.a.send("SUB inbox 1\r\n")
        self.a.expect_quiet()
        self.route.drain()
        for number in range(3):
            self.a.send("PUB ask.add inbox 1\r\n2\r\n")
            while (op := self.route.read_op()).verb not in ("RMSG", "HMSG"):
                self.assertRegex(op.line, r"RS[+] B _R_[.]\w+[.]>|RS[+] B _R_[.]\w+")
            self.assertEqual(op.fields[:2], ["B", "svc.add"])
            self.assertTrue(op.fields[2].startswith("_R_."), op)
            self.assertTrue(op.payload.endswith(b"2"))
            self.route.send(f"RMSG B {op.fields[2]} 1\r\n{number}\r\n")
            self.a.expect_message("inbox", 1, str(number).encode())
        self.a.expect_quiet()

    def test_answers_to_the_old_kind_of_reply(self):
        """A requestor of before 2.1.2 asks for its answer nowhere: the route it came over is where it goes."""
        if self.server.kind.is_go and self.server.kind.number >= (2, 1):
            self.skipTest("newer Go servers lose the answer")
        self.b.send("SUB svc.add 1\r\n")
        self.b.expect_quiet()
        self.route.drain()
        reply = "_R_.AbCdEfGhIjK"
        self.route.send(f"RMSG B svc.add {reply} 1\r\n2\r\n")
        self.b.expect_message("svc.add", 1, b"2", reply=reply)
        self.b.send(f"PUB {reply} 1\r\n4\r\n")
        self.route.expect_op(f"RMSG B {reply} 1", b"4")

    def test_a_reply_that_is_a_pattern_takes_no_answers(self):
        if self.server.kind.is_go:
            self.skipTest("Go servers lose the answer, or do not check the reply")
        for reply in ("_R_.>", "_R_.*", "_R_."):
            self.route.send(f"RMSG B svc.add {reply} 1\r\n2\r\n")
        self.route.drain()
        self.b.send("PUB _R_.AbCdEfGhIjK 1\r\n4\r\n")
        self.b.expect_quiet()
        self.route.expect_quiet()


class ClusterAccountsTest(AccountsCase):
    def setUp(self):
        self.servers = self.cluster(settings=ACCOUNTS)

    def test_no_message_crosses_accounts(self):
        near = [self.login(self.servers[0], user) for user in "ab"]
        far = [self.login(self.servers[1], user) for user in "ab"]
        for wire in far:
            wire.send("SUB foo 1\r\nSUB * 2\r\n")
        for index in range(2):
            self.sync(far[index], near[index])
        for index in range(2):
            near[index].send("PUB foo 1\r\n%d\r\n" % index)
            got = sorted((far[index].read_line(), far[index].read(3)) for _ in range(2))
            payload = b"%d\r\n" % index
            self.assertEqual(got, [(b"MSG foo 1 1", payload), (b"MSG foo 2 1", payload)])
        for wire in far:
            wire.expect_quiet()

    def test_streams(self):
        reader, writer = self.login(self.servers[0], "a"), self.login(self.servers[1], "b")
        reader.send("SUB from.b.news.* 1\r\nSUB from.b.news.ready 2\r\n")
        reader.expect_quiet()

        def arrived():
            writer.send("PUB news.ready 0\r\n\r\nPING\r\n")
            writer.expect(b"PONG\r\n")
            reader.send("PING\r\n")
            lines = []
            while (line := reader.read_line()) != b"PONG":
                lines.append(line)
            return b"MSG from.b.news.ready 2 0" in lines

        self.wait_for(arrived, "news arrive")
        writer.send("PUB news.x 2\r\nhi\r\nPING\r\n")
        writer.expect(b"PONG\r\n")
        line = b""
        while line != b"MSG from.b.news.x 1 2":
            line = reader.read_line()
        self.assertEqual(reader.read_line(), b"hi")

    def check_requests(self, asks, answers):
        server_a, server_b = self.servers[asks], self.servers[answers]
        if server_a.kind.is_go and not server_a.kind.names_clusters and server_b.kind.names_clusters \
                and server_b.kind.is_go:  # fmt: skip
            self.skipTest("newer Go servers lose answers to those before 2.1.2")
        requestor, responder = self.login(server_a, "a"), self.login(server_b, "b")
        responder.send("SUB svc.add 1\r\nSUB svc.ready 2\r\n")
        watcher = self.login(server_a, "b")
        self.sync(responder, watcher)
        requestor.send("SUB inbox.* 1\r\n")
        requestor.expect_quiet()
        for number in range(20):
            text = str(number)
            requestor.send(f"PUB ask.add inbox.{number} {len(text)}\r\n{text}\r\n")
            head = responder.read_line().decode().split()
            self.assertEqual(head[:3], ["MSG", "svc.add", "1"])
            self.assertEqual(responder.read(len(text) + 2), text.encode() + b"\r\n")
            self.assertNotIn("inbox", head[3])  # A keeps its subjects to itself
            responder.send(f"PUB {head[3]} 2\r\nok\r\n")
            requestor.expect_message(f"inbox.{number}", 1, b"ok")

    def test_services_one_way(self):
        self.check_requests(0, 1)

    def test_services_the_other_way(self):
        self.check_requests(1, 0)


if __name__ == "__main__":
    cluster.main()
