#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Messages between clusters: each message to each cluster once, each group served once, answers find back."""

import json
import re

from support import super_cluster
from support.super_cluster import SuperClusterCase

LARGE = 1 << 20
MESSAGES = 2000


class DeliveryCase(SuperClusterCase):
    def has_old_ones(self):
        """Servers before 2.1.2 show responders the mapped reply; before 2.2 they know no headers."""
        return not all(kind.names_clusters for kind in self.all_kinds())

    def check_reply(self, reply, inbox):
        if self.has_old_ones():
            self.assertRegex(reply, rf"^(\$GR\.[0-9a-f]{{4}}\.)?{re.escape(inbox)}$")
        else:
            self.assertEqual(reply, inbox)


class PairTest(DeliveryCase):
    """Two clusters of one server each."""

    def setUp(self):
        self.clusters = self.super_cluster(1, 1)
        self.servers = [self.clusters[0][0], self.clusters[1][0]]
        self.a, self.b = (self.client(server) for server in self.servers)

    def test_a_message_goes_each_way(self):
        for here, there in ((self.a, self.b), (self.b, self.a)):
            there.send("SUB foo.* 1\r\n")
            self.sync(there, here)
            here.send("PUB foo.x 2\r\nhi\r\nPUB foo.y back 3\r\nyou\r\n")
            there.expect_message("foo.x", 1, b"hi")
            there.expect_message("foo.y", 1, b"you", reply="back")
            there.send("UNSUB 1\r\n")
            there.expect_quiet()

    def test_order_and_sizes(self):
        self.b.send("SUB bulk 1\r\n")
        self.sync(self.b, self.a)
        frames = b"".join(b"PUB bulk %d\r\n%b\r\n" % (len(str(i)), str(i).encode()) for i in range(MESSAGES))
        self.a.send(frames)
        for i in range(MESSAGES):
            self.b.expect_message("bulk", 1, str(i).encode())
        payload = bytes(range(256)) * (LARGE // 256)
        self.a.send(b"PUB bulk %d\r\n%b\r\n" % (len(payload), payload))
        self.b.expect_message("bulk", 1, payload)
        self.a.send(b"PUB bulk 0\r\n\r\n")
        self.b.expect_message("bulk", 1, b"")

    def test_headers_pass(self):
        if self.has_old_ones():
            self.skipTest("servers before 2.2 know no headers")
        a = self.client(self.servers[0], headers=True)
        b = self.client(self.servers[1], headers=True)
        b.send("SUB foo 1\r\n")
        self.sync(b, a)
        head = b"NATS/1.0\r\nA: b\r\n\r\n"
        a.send(b"HPUB foo %d %d\r\n%bbody\r\n" % (len(head), len(head) + 4, head))
        b.expect(b"HMSG foo 1 %d %d\r\n%bbody\r\n" % (len(head), len(head) + 4, head))

    def test_a_group_prefers_the_own_cluster(self):
        member = self.client(self.servers[1])
        member.send("SUB work jobs 1\r\n")
        self.sync(member, self.a)
        self.a.send("PUB work 1\r\n1\r\n")
        member.expect_message("work", 1, b"1")
        near = self.client(self.servers[0])
        near.send("SUB work jobs 1\r\n")
        near.expect_quiet()
        for i in range(20):
            self.a.send(f"PUB work 2\r\n{i:02}\r\n")
            near.expect_message("work", 1, b"%02d" % i)
        member.expect_quiet()
        near.send("UNSUB 1\r\n")
        near.expect_quiet()
        self.a.send("PUB work 1\r\n2\r\n")
        member.expect_message("work", 1, b"2")

    def test_groups_and_plain_subscribers_get_a_message_once(self):
        self.b.send("SUB mix 1\r\nSUB mix q1 2\r\nSUB mix q2 3\r\n")
        self.sync(self.b, self.a)
        near = self.client(self.servers[0])
        near.send("SUB mix q1 9\r\n")
        near.expect_quiet()
        self.a.send("PUB mix 1\r\nx\r\n")
        near.expect_message("mix", 9, b"x")
        got = sorted(self.b.read_line() + self.b.read(3) for _ in range(2))
        self.assertEqual(got, [b"MSG mix 1 1x\r\n", b"MSG mix 3 1x\r\n"])
        self.b.expect_quiet()

    def test_an_answer_finds_back_before_the_interest_does(self):
        self.b.send("SUB svc workers 1\r\n")
        self.sync(self.b, self.a)
        for i in range(50):
            inbox = f"_INBOX.{i}.{id(self):x}"
            self.a.send(f"SUB {inbox} {100 + i}\r\nUNSUB {100 + i} 1\r\nPUB svc {inbox} 3\r\nask\r\n")
            reply = self.b.expect_line(r"MSG svc 1 (\S+) 3").group(1)
            self.assertEqual(self.b.read(5), b"ask\r\n")
            self.check_reply(reply, inbox)
            self.b.send(f"PUB {reply} 6\r\nanswer\r\n")
            self.a.expect_message(inbox, 100 + i, b"answer")

    def test_nobody_listens(self):
        if self.has_old_ones():
            self.skipTest("servers before 2.2 do not say that nobody listens, and are sent requests until they refuse")
        a = self.client(self.servers[0], headers=True, no_responders=True)
        a.send("SUB reply 1\r\nPUB nobody.there reply 0\r\n\r\n")
        line = a.read_line()
        self.assertRegex(line, rb"HMSG reply 1 \d+ \d+")
        self.assertEqual(a.read(int(line.split()[-1]) + 2)[:12], b"NATS/1.0 503")

    def test_a_message_from_a_gateway_does_not_come_back(self):
        self.a.send("SUB loop 1\r\n")
        self.b.send("SUB loop 1\r\n")
        self.sync(self.a, self.b)
        self.sync(self.b, self.a)
        self.a.send("PUB loop 1\r\nx\r\n")
        for wire in (self.a, self.b):
            wire.expect_message("loop", 1, b"x")
        self.sync(self.a, self.b)
        self.sync(self.b, self.a)
        for wire in (self.a, self.b):
            wire.expect_quiet()

    def test_clients_are_told_the_clusters_name(self):
        self.assertEqual([wire.info.get("cluster") for wire in (self.a, self.b)], ["A", "B"])

    def test_varz_names_the_remotes(self):
        gateway = self.servers[0].get("/varz")["gateway"]
        self.assertEqual(gateway["name"], "A")
        self.assertIn("B", json.dumps(gateway["gateways"]))


class MembersTest(DeliveryCase):
    """Two clusters of two servers, a third of one."""

    def setUp(self):
        self.clusters = self.super_cluster(2, 2, 1)
        self.wires = [self.client(member) for member in self.clusters.members]

    def check_once(self, publisher, subject="foo"):
        publisher.send(f"PUB {subject} 1\r\nx\r\n")
        for wire in self.wires:
            wire.expect_message(subject, 1, b"x")

    def test_every_subscriber_gets_a_message_once(self):
        for wire in self.wires:
            wire.send("SUB foo 1\r\n")
        for wire in self.wires:
            self.sync(wire, *(other for other in self.wires if other is not wire))
        for publisher in self.wires:
            self.check_once(publisher)
        for wire in self.wires:
            self.sync(wire, *(other for other in self.wires if other is not wire))
        for wire in self.wires:
            wire.expect_quiet()

    def test_a_group_of_the_whole_super_cluster_gets_a_message_once(self):
        for wire in self.wires:
            wire.send("SUB work q 1\r\n")
        for wire in self.wires:
            self.sync(wire, *(other for other in self.wires if other is not wire))
        count = 0
        for publisher in self.wires:
            for _ in range(20):
                publisher.send("PUB work 1\r\nx\r\n")
                count += 1
        got = [0] * len(self.wires)

        def arrived():
            for index, wire in enumerate(self.wires):
                wire.send(b"PING\r\n")
                while wire.take(b"MSG work 1 1\r\nx\r\n"):
                    got[index] += 1
            return sum(got) >= count

        self.wait_for(arrived, f"{count} messages")
        for wire in self.wires:
            self.sync(wire, *(other for other in self.wires if other is not wire))
        self.assertEqual(sum(got), count)
        # Each cluster has served its own: 40, 40 and 20 messages.
        self.assertEqual([got[0] + got[1], got[2] + got[3], got[4]], [40, 40, 20])

    def test_answers_find_the_server_that_asked(self):
        """The answer may come in over another member than that of the requestor."""
        responder = self.wires[4]
        responder.send("SUB svc 1\r\n")
        self.sync(responder, *self.wires[:4])
        for number, wire in enumerate(self.wires[:4]):
            for i in range(10):
                inbox = f"_INBOX.{number}.{i}.{id(self):x}"
                wire.send(f"SUB {inbox} {10 + i}\r\n")
                if self.has_old_ones():  # whose replies name the cluster alone: its members have to know
                    self.sync(wire, *(each for each in self.wires[:4] if each is not wire))
                wire.send(f"PUB svc {inbox} 3\r\nask\r\n")
                reply = responder.expect_line(r"MSG svc 1 (\S+) 3").group(1)
                self.assertEqual(responder.read(5), b"ask\r\n")
                self.check_reply(reply, inbox)
                responder.send(f"PUB {reply} 6\r\nanswer\r\n")
                wire.expect_message(inbox, 10 + i, b"answer")

    def test_answers_from_any_member(self):
        for number, responder in enumerate(self.wires[:4]):
            responder.send(f"SUB svc.{number} 1\r\n")
            self.sync(responder, self.wires[4])
            for i in range(10):
                inbox = f"_INBOX.{number}.{i}.{id(self):x}"
                sid = 100 * (number + 1) + i
                self.wires[4].send(f"SUB {inbox} {sid}\r\nPUB svc.{number} {inbox} 3\r\nask\r\n")
                reply = responder.expect_line(rf"MSG svc.{number} 1 (\S+) 3").group(1)
                self.assertEqual(responder.read(5), b"ask\r\n")
                self.check_reply(reply, inbox)
                responder.send(f"PUB {reply} 6\r\nanswer\r\n")
                self.wires[4].expect_message(inbox, sid, b"answer")


if __name__ == "__main__":
    super_cluster.main()
