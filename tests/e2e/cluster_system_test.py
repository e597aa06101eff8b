#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The system account of a cluster: every server answers, and events of one are seen at the others."""

import json
import signal

from support import cluster
from support.route_peer import PeerCase

SETTINGS = """
accounts {
  SYS { users: [ { user: sys, password: p } ] }
  A { users: [ { user: a, password: p } ] }
}
system_account: SYS
"""


class SystemCase(PeerCase):
    def setUp(self):
        self.servers = self.cluster(3, settings=SETTINGS)
        self.modern = all(server.kind.names_clusters for server in self.servers)
        self.system = self.login(self.servers[0], "sys")
        self.ids = {server.id for server in self.servers}

    def login(self, server, user):
        return self.client(server, user=user, **{"pass": "p"})

    def read_message(self, wire=None):
        wire = wire or self.system
        head = wire.read_line().decode().split()
        self.assertEqual(head[0], "MSG", head)
        body = wire.read(int(head[-1]) + 2)[:-2]
        return head[1], json.loads(body) if body else None

    def ask_all(self, subject, body=""):
        """The answers of all, by id of the server."""
        inbox = f"_INBOX.{subject.replace('$', '')}"
        self.system.send(f"SUB {inbox} 9\r\nPUB {subject} {inbox} {len(body)}\r\n{body}\r\n")
        answers = {}
        while set(answers) != self.ids:
            _, answer = self.read_message()
            self.assertNotIn(answer["server"]["id"], answers)
            answers[answer["server"]["id"]] = answer
        self.system.send("UNSUB 9\r\n")
        self.system.expect_quiet()
        return answers


class SystemTest(SystemCase):
    def test_everyone_answers_a_ping(self):
        # Interest of servers that have just met may be on its way.
        self.wait_for(lambda: self.count_answers() == 3, "three answer")
        for answer in self.ask_all("$SYS.REQ.SERVER.PING").values():
            self.assertEqual(answer["statsz"]["routes"][0]["rid"] > 0, True)

    def test_everyone_knows_how_many_they_are(self):
        if not self.modern:
            self.skipTest("servers before 2.2 do not count")
        self.wait_for(lambda: self.count_answers() == 3, "three answer")

        def known():
            answers = self.ask_all("$SYS.REQ.SERVER.PING").values()
            return [answer["statsz"]["active_servers"] for answer in answers] == [3, 3, 3]

        self.wait_for(known, "each knows of three")

    def count_answers(self):
        """How many answer within the time that one takes that is asked after them."""
        wire = self.login(self.servers[0], "sys")
        wire.send("SUB _INBOX.count 1\r\nPUB $SYS.REQ.SERVER.PING _INBOX.count 0\r\n\r\n")
        wire.deadline_s = 1.0
        found = 0
        try:
            while found < 3:
                self.read_message(wire)
                found += 1
        except AssertionError:
            pass
        wire.close()
        return found

    def test_one_server_is_asked_from_another(self):
        far = self.servers[2]
        self.wait_for(lambda: self.count_answers() == 3, "three answer")
        self.system.send(f"SUB _INBOX.one 1\r\nPUB $SYS.REQ.SERVER.{far.id}.STATSZ _INBOX.one 0\r\n\r\n")
        _, answer = self.read_message()
        self.assertEqual(answer["server"]["id"], far.id)
        self.system.expect_quiet()

    def test_pages_of_everyone(self):
        if not self.modern:
            self.skipTest("servers before 2.2 do not answer")
        self.wait_for(lambda: self.count_answers() == 3, "three answer")
        for name in ("VARZ", "CONNZ", "ROUTEZ", "SUBSZ", "HEALTHZ"):
            for answer in self.ask_all(f"$SYS.REQ.SERVER.PING.{name}").values():
                if name == "ROUTEZ":
                    remotes = {route["remote_id"] for route in answer["data"]["routes"]}
                    self.assertEqual(remotes, self.ids - {answer["server"]["id"]})
        answers = self.ask_all("$SYS.REQ.SERVER.PING.VARZ", '{"cluster":"C1"}')
        self.assertEqual({answer["data"]["cluster"]["name"] for answer in answers.values()}, {"C1"})

    def test_events_of_others(self):
        if not self.modern:
            self.skipTest("RC19 was not seen to do it")
        self.wait_for(lambda: self.count_answers() == 3, "three answer")
        self.system.send("SUB $SYS.ACCOUNT.A.CONNECT 1\r\nSUB $SYS.ACCOUNT.A.DISCONNECT 2\r\n")
        far = self.login(self.servers[1], "sys")
        self.sync(self.system, far)
        client = self.login(self.servers[1], "a")
        subject, event = self.read_message()
        self.assertEqual((subject, event["server"]["id"]), ("$SYS.ACCOUNT.A.CONNECT", self.servers[1].id))
        self.assertEqual(event["client"]["user"], "a")
        client.close()
        subject, event = self.read_message()
        self.assertEqual((subject, event["server"]["id"]), ("$SYS.ACCOUNT.A.DISCONNECT", self.servers[1].id))

    def test_a_server_that_goes_says_so(self):
        if not self.modern:
            self.skipTest("RC19 was not seen to do it")
        self.wait_for(lambda: self.count_answers() == 3, "three answer")
        self.system.send("SUB $SYS.SERVER.*.SHUTDOWN 1\r\n")
        self.sync(self.system, self.login(self.servers[2], "sys"))
        self.servers[2].stop()
        subject, _ = self.read_message()
        self.assertEqual(subject, f"$SYS.SERVER.{self.servers[2].id}.SHUTDOWN")

    def test_a_lame_duck_that_goes_says_so(self):
        """Others then forget how many clients of each account it had."""
        if not self.modern:
            self.skipTest("RC19 was not seen to do it")
        self.wait_for(lambda: self.count_answers() == 3, "three answer")
        self.system.send("SUB $SYS.SERVER.*.SHUTDOWN 1\r\n")
        client = self.login(self.servers[2], "sys")
        self.sync(self.system, client)
        self.servers[2].send_signal(signal.SIGUSR2)
        client.close()  # the server waits for it longer than this test does
        subject, _ = self.read_message()
        self.assertEqual(subject, f"$SYS.SERVER.{self.servers[2].id}.SHUTDOWN")
        self.assertEqual(self.servers[2].wait_exit(), 0)

    def test_connections_of_an_account_everywhere(self):
        if not self.modern:
            self.skipTest("servers before 2.2 tell of accounts with limits only")
        self.wait_for(lambda: self.count_answers() == 3, "three answer")
        clients = [self.login(server, "a") for server in self.servers]
        self.wait_for(lambda: sum(self.count_connections()) == 3, "each tells of its own")
        self.assertEqual(self.count_connections(), [1, 1, 1])
        clients[0].close()
        self.wait_for(lambda: sum(self.count_connections()) == 2, "one less")

    def count_connections(self):
        answers = self.ask_all("$SYS.REQ.SERVER.PING.ACCOUNTZ", '{"account":"A"}')
        return [answer["data"]["account_detail"]["client_connections"] for answer in answers.values()]


class ScriptedSystemTest(PeerCase):
    def test_what_servers_ask_each_other_for(self):
        server = self.member(settings=SETTINGS)
        route = self.dialed(server)
        route.send_connect()
        route.send_info()
        lines = set()
        route.send("PING\r\n")
        while (op := route.read_op(own=True)).verb != "PONG":
            lines.add(op.line)
        wanted = {"RS+ SYS $SYS.REQ.SERVER.PING", f"RS+ SYS $SYS.REQ.SERVER.{server.id}.STATSZ",
                  "RS+ SYS $SYS.SERVER.*.SHUTDOWN", "RS+ SYS $SYS.SERVER.*.STATSZ"}  # fmt: skip
        if not server.kind.names_clusters:
            wanted = {"RS+ SYS $SYS.REQ.SERVER.PING"}
        elif not server.kind.is_go:  # which knows by its routes who is there
            wanted = {line for line in wanted if ".*." not in line}
        self.assertLessEqual(wanted, lines)

    def test_the_connections_of_limited_accounts_are_asked_for(self):
        """Whatever the account's name."""
        account = "'A\"B' { limits { max_conn: 9 }, users: [ { user: ab, password: p } ] }"
        server = self.member(settings=SETTINGS.replace("  A {", f"  {account}\n  A {{"))
        if server.kind.is_go:
            self.skipTest("it asks when the account has its first connection")
        route = self.peer(server)
        route.send("RS+ SYS $SYS.REQ.ACCOUNT.*.CONNS\r\n")
        while not (op := route.read_op(own=True)).line.startswith("RMSG SYS $SYS.REQ.ACCOUNT."):
            pass
        self.assertEqual(op.fields[1], '$SYS.REQ.ACCOUNT.A"B.CONNS')
        self.assertEqual(json.loads(op.payload), {"acc": 'A"B'})

    def test_a_server_asked_by_a_peer(self):
        server = self.member(settings=SETTINGS)
        route = self.peer(server)
        route.send("RS+ SYS _INBOX.x\r\nRMSG SYS $SYS.REQ.SERVER.PING _INBOX.x 0\r\n\r\n")
        op = route.read_op()
        self.assertEqual((op.verb, op.fields[:2]), ("RMSG", ["SYS", "_INBOX.x"]))
        self.assertEqual(json.loads(op.payload)["server"]["id"], server.id)


if __name__ == "__main__":
    cluster.main()
