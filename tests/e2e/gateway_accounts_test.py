#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Accounts across clusters: apart from one another, services and streams between them, the system account."""

import json

from support import super_cluster
from support.latency import LatencySamples
from support.super_cluster import SuperClusterCase
from support.wire import Wire, WireError

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


LIMITED = """
accounts {
  LIMITED { users: [ { user: lim, password: pw } ], limits: { max_connections: 3 } }
  SYS { users: [ { user: sys, password: pw } ] }
}
system_account: SYS
"""
RESPONSES = """
authorization {
  users: [
    { user: asks, password: pw }
    { user: svc, password: pw
      permissions: { subscribe: "ask.>", publish: { deny: ">" }, allow_responses: { max: 2 } } }
  ]
}
"""
THOUSAND = 1000


class LimitTest(LatencySamples, SuperClusterCase):
    def test_connections_count_over_all_clusters(self):
        if any(kind.is_go for kind in self.all_kinds()):
            self.skipTest("released servers miss counts that cross: also among themselves, some of the time")
        clusters = self.super_cluster(1, 2, settings=LIMITED)
        first, second, third = clusters.members
        # An attempt that comes before the counts is admitted, and one connection too many ends another one.
        watchers = [self.user(server, "sys") for server in clusters.members]
        for watcher in watchers:
            watcher.send("SUB $SYS.ACCOUNT.LIMITED.SERVER.CONNS 1\r\n")
            watcher.expect_quiet()
        wires = [self.user(server, "lim") for server in (first, second, third)]
        for watcher in watchers:
            self.read_counts(watcher, len(clusters.members))
        for server in (first, second, third):

            def refused(server=server):
                """Once the other servers have said what they have."""
                wire = Wire(server.port)
                try:
                    wire.open(user="lim", **{"pass": "pw"})
                    return False
                except WireError:
                    return True
                finally:
                    wire.close()

            self.wait_for(refused, f"a fourth connection is refused by {server.name}")
        wires[0].close()

        def admitted():
            try:
                self.user(third, "lim")
                return True
            except WireError:
                return False

        self.wait_for(admitted, "one has gone, so that another one may come")


    def read_counts(self, watcher, count):
        """Until so many servers have said what they have."""
        known = set()
        while len(known) < count:
            line = watcher.read_line().decode()
            event = json.loads(watcher.read(int(line.split()[-1]) + 2))
            known.add(event["server"]["id"])


class ResponsesTest(LatencySamples, SuperClusterCase):
    def test_a_responder_that_may_do_nothing_but_answer(self):
        """The reply is hidden from it; the permission is for what it sees. Requests come with old and with
        new inboxes, whose interest is known to the other cluster and is not."""
        clusters = self.super_cluster(1, 2, settings=RESPONSES)
        for asks, answers in ((clusters[0][0], clusters[1][0]), (clusters[1][1], clusters[0][0])):
            requestor, responder = self.user(asks, "asks"), self.user(answers, "svc")
            requestor.send("SUB old.> 1\r\n")
            responder.send("SUB ask.me 1\r\n")
            helper = self.user(asks, "asks")
            self.settle(responder, helper)
            for number in range(20):
                inbox, sid = (f"old.{number}", 1) if number % 2 else (f"new.{answers.name}.{number}", 10 + number)
                if sid != 1:
                    requestor.send(f"SUB {inbox} {sid}\r\n")
                requestor.send(f"PUB ask.me {inbox} 1\r\n?\r\n")
                responder.expect_message("ask.me", 1, b"?", reply=inbox)
                responder.send(f"PUB {inbox} 1\r\n1\r\nPUB {inbox} 1\r\n2\r\nPUB {inbox} 1\r\n3\r\n")
                requestor.expect_message(inbox, sid, b"1")
                requestor.expect_message(inbox, sid, b"2")
                responder.expect(f"-ERR 'Permissions Violation for Publish to \"{inbox}\"'\r\n")
            requestor.expect_quiet()
            for wire in (requestor, responder, helper):
                wire.close()

    def settle(self, responder, asking):
        """Until requests arrive: the responder may not subscribe to a probe."""
        asking.send("SUB probe 1\r\n")

        def arrived():
            asking.send("PUB ask.me 0\r\n\r\n")
            asking.expect_quiet()
            responder.send("PING\r\n")
            found = False
            while (line := responder.read_line()) != b"PONG":
                found = line.startswith(b"MSG ") or found
                responder.read(2)
            return found

        self.wait_for(arrived, "requests arrive")
        asking.send("PUB ask.me 3\r\nend\r\n")
        body = b""
        while body != b"end\r\n":
            line = responder.read_line()
            body = responder.read(int(line.split()[-1]) + 2)


class ThousandAccountsTest(LatencySamples, SuperClusterCase):
    def test_interest_is_exact_after_a_restart(self):
        """A subscriber in each of them; then that cluster is restarted, and some come back."""
        accounts = "\n".join(
            f'ACC{i} {{ users: [ {{ user: "u{i}", password: pw }} ] }}' for i in range(THOUSAND)
        )
        clusters = self.super_cluster(1, 1, settings=f"accounts {{\n{accounts}\n}}\n")
        near, far = clusters[0][0], clusters[1][0]

        def subscribe(numbers):
            wires = {}
            for i in numbers:
                wires[i] = self.user(far, f"u{i}")
                wires[i].send(f"SUB foo.{i} 1\r\nSUB jobs q 2\r\nPING\r\n")
            for wire in wires.values():
                wire.expect(b"PONG\r\n")
            return wires

        def known():
            """What the near cluster knows the far one to want: by account, the counts of plain and of queues."""
            gateway = near.get("/gatewayz?accs=1")["outbound_gateways"].get("B", {})
            return {
                each["name"]: (each.get("num_subs", 0) - each.get("num_queue_subs", 0), each.get("num_queue_subs", 0))
                for each in gateway.get("accounts", [])
                if each["name"].startswith("ACC") and each.get("num_subs", 0) > 0
            }

        wires = subscribe(range(THOUSAND))
        all_of_them = {f"ACC{i}": (1, 1) for i in range(THOUSAND)}
        self.wait_for(lambda: known() == all_of_them, "the interest of a thousand accounts")
        for i in (0, 7, THOUSAND - 1):
            self.check(near, wires[i], i)
        lines = len(near.log.lines())
        far.restart()
        near.wait_outbound("B", after=lines)
        self.wait_for(lambda: known() == {}, "the interest has gone with them")
        back = range(0, THOUSAND, 10)
        wires = subscribe(back)
        self.wait_for(lambda: known() == {f"ACC{i}": (1, 1) for i in back}, "the interest of those that are back")
        for i in (0, 10, THOUSAND - 10):
            self.check(near, wires[i], i)

    def check(self, near, subscriber, i):
        publisher = self.user(near, f"u{i}")
        publisher.send(f"PUB foo.{i} 1\r\nx\r\nPUB foo.{i + 1} 1\r\ny\r\nPUB jobs 1\r\nz\r\n")
        subscriber.expect_message(f"foo.{i}", 1, b"x")
        subscriber.expect_message("jobs", 2, b"z")
        subscriber.expect_quiet()
        publisher.close()


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

    def test_a_client_that_wants_what_its_account_imports(self):
        """Also at a server that is not the one that the other cluster sends to."""
        publisher = self.user(self.members[0], "imp")
        for member in self.members[1:]:
            subscriber = self.user(member, "imp")
            subscriber.send("SUB many 1\r\n")
            self.sync(subscriber, publisher)
            publisher.send("PUB many 2\r\nhi\r\n")
            subscriber.expect_message("many", 1, b"hi")
            subscriber.close()

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

    def ask_all(self, wire, subject, body=""):
        """What all servers of all clusters have answered, by the name of the server."""
        inbox = f"_INBOX.{subject}"
        wire.send(f"SUB {inbox} {subject}\r\n")
        answers = {}

        def answered():
            wire.send(f"PUB {subject} {inbox} {len(body)}\r\n{body}\r\nPING\r\n")
            while (line := wire.read_line()) != b"PONG":
                answer = json.loads(wire.read(int(line.split()[-1]) + 2))
                if line.split()[1] == inbox.encode():  # none that comes late to what was asked before
                    answers[answer["server"]["name"]] = answer
            return set(answers) == {member.name for member in self.members}

        self.wait_for(answered, f"all servers have answered {subject}")
        return answers

    def test_all_servers_answer_for_their_connections(self):
        for number, member in enumerate(self.members):
            self.user(member, "other", name=f"client {number}")
        wire = self.user(self.members[0], "sys")
        answers = self.ask_all(wire, "$SYS.REQ.SERVER.PING.CONNZ", '{"acc":"OTHER"}')
        for number, member in enumerate(self.members):
            (connection,) = answers[member.name]["data"]["connections"]
            self.assertEqual(connection["name"], f"client {number}")
        answers = self.ask_all(wire, "$SYS.REQ.SERVER.PING.GATEWAYZ")
        for member in self.members:
            page = answers[member.name]["data"]
            self.assertEqual(page["name"], member.cluster_name)
            self.assertEqual(set(page["outbound_gateways"]), {"A", "B"} - {member.cluster_name})

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
