#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Accounts across clusters: apart from one another, services and streams between them, the system account."""

import json

from support import super_cluster
from support.latency import LatencySamples
from support.super_cluster import SuperClusterCase

ACCOUNTS = """
accounts {
  EXP {
    users: [ { user: exp, password: pw } ]
    exports: [
      { service: "svc.>" }, { service: "svc.a", latency: lat }, { stream: "news.>" }
      { service: "many", response_type: stream }
    ]
  }
  IMP {
    users: [ { user: imp, password: pw } ]
    imports: [
      { service: { account: EXP, subject: "svc.add" }, to: "local.add" }
      { service: { account: EXP, subject: "many" } }
      { service: { account: EXP, subject: "svc.a" }, to: ask }
      { stream: { account: EXP, subject: "news.>" }, prefix: "from" }
    ]
  }
  OTHER { users: [ { user: other, password: pw } ] }
  SYS { users: [ { user: sys, password: pw } ] }
}
system_account: SYS
"""


class AccountsTest(LatencySamples, SuperClusterCase):
    def setUp(self):
        self.clusters = self.super_cluster(1, 2, settings=ACCOUNTS)
        self.members = self.clusters.members

    def test_accounts_are_apart(self):
        a, b, stranger = (self.user(self.members[0], "other"), self.user(self.members[1], "other"),
                          self.user(self.members[1], "exp"))  # fmt: skip
        for wire in (b, stranger):
            wire.send("SUB foo 1\r\n")
            wire.expect_quiet()
        self.sync(b, a)
        a.send("PUB foo 2\r\nhi\r\n")
        b.expect_message("foo", 1, b"hi")
        stranger.expect_quiet()

    def test_a_service_in_another_cluster(self):
        """Wherever the requestor is, and the responder."""
        for asks in self.members:
            for answers in self.members:
                if asks is answers:
                    continue
                requestor, responder = self.user(asks, "imp"), self.user(answers, "exp")
                helper = self.user(asks, "exp")
                responder.send("SUB svc.add 1\r\n")
                self.sync(responder, helper)
                for i in range(5):
                    inbox = f"_INBOX.{id(requestor):x}.{i}"
                    requestor.send(f"SUB {inbox} {10 + i}\r\nPUB local.add {inbox} 3\r\n1+1\r\n")
                    reply = responder.expect_line(r"MSG svc.add 1 (\S+) 3").group(1)
                    self.assertEqual(responder.read(5), b"1+1\r\n")
                    self.assertNotIn("INBOX", reply)
                    responder.send(f"PUB {reply} 1\r\n2\r\n")
                    requestor.expect_message(inbox, 10 + i, b"2")
                for wire in (requestor, responder, helper):
                    wire.close()

    def test_a_service_with_several_answers(self):
        requestor, responder = self.user(self.members[0], "imp"), self.user(self.members[1], "exp")
        responder.send("SUB many workers 1\r\n")
        self.sync(responder, self.user(self.members[0], "exp"))
        requestor.send("SUB inbox 1\r\nPUB many inbox 0\r\n\r\n")
        reply = responder.expect_line(r"MSG many 1 (\S+) 0").group(1)
        responder.read(2)
        for i in range(10):
            responder.send(f"PUB {reply} 1\r\n{i}\r\n")
        for i in range(10):
            requestor.expect_message("inbox", 1, str(i).encode())

    def test_a_stream_from_another_cluster(self):
        publisher, subscriber = self.user(self.members[0], "exp"), self.user(self.members[1], "imp")
        helper = self.user(self.members[1], "exp")
        subscriber.send("SUB from.news.* 1\r\n")
        subscriber.expect_quiet()
        self.sync(helper, publisher)
        publisher.send("PUB news.today 2\r\nhi\r\n")
        subscriber.expect_message("from.news.today", 1, b"hi")

    def test_a_measured_service_in_another_cluster(self):
        for asks in self.members:
            for answers in self.members:
                if asks.cluster_name != answers.cluster_name:
                    with self.subTest(asks=asks.name, answers=answers.name):
                        self.check_samples(asks, answers, count=2)

    def test_an_automatic_unsubscribe(self):
        a, b = self.user(self.members[0], "other"), self.user(self.members[1], "other")
        b.send("SUB foo 1\r\nUNSUB 1 2\r\nSUB foo.end 2\r\n")
        self.sync(b, a)
        a.send("PUB foo 1\r\n1\r\nPUB foo 1\r\n2\r\nPUB foo 1\r\n3\r\nPUB foo.end 0\r\n\r\n")
        b.expect_message("foo", 1, b"1")
        b.expect_message("foo", 1, b"2")
        b.expect_message("foo.end", 2, b"")

    def test_all_servers_answer_a_ping(self):
        wire = self.user(self.members[0], "sys")
        wire.send("SUB _INBOX.ping.* 1\r\n")
        names = set()

        def answered():
            wire.send("PUB $SYS.REQ.SERVER.PING _INBOX.ping.1 0\r\n\r\nPING\r\n")
            while (line := wire.read_line()) != b"PONG":
                size = int(line.split()[-1])
                names.add(json.loads(wire.read(size + 2))["server"]["name"])
            return names == {member.name for member in self.members}

        self.wait_for(answered, "all servers have answered")

    def test_statsz_tells_of_gateways(self):
        wire = self.user(self.members[0], "sys")
        wire.send(f"SUB inbox 1\r\nPUB $SYS.REQ.SERVER.{self.members[0].id}.STATSZ inbox 0\r\n\r\n")
        size = int(wire.read_line().split()[-1])
        (gateway,) = json.loads(wire.read(size + 2))["statsz"]["gateways"]
        self.assertEqual((gateway["name"], gateway["inbound_connections"]), ("B", 2))
        self.assertEqual(sorted(gateway), ["gwid", "inbound_connections", "name", "received", "sent"])

    def test_connections_are_events_everywhere(self):
        wire = self.user(self.members[2], "sys")
        wire.send("SUB $SYS.ACCOUNT.OTHER.CONNECT 1\r\n")
        self.sync(wire, self.user(self.members[0], "sys"))
        self.user(self.members[0], "other", name="somebody")
        size = int(wire.expect_line(r"MSG \S+ 1 (\d+)").group(1))
        event = json.loads(wire.read(size + 2))
        self.assertEqual((event["server"]["name"], event["client"]["name"]), (self.members[0].name, "somebody"))


if __name__ == "__main__":
    super_cluster.main()
