#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What servers of a cluster tell each other of subscriptions, and what they do with what they are told."""

from support import cluster
from support.route_peer import PeerCase

MANY = 10_000


class ToldTest(PeerCase):
    """RS+ and RS- that a server sends."""

    def setUp(self):
        self.server = self.member()
        self.route = self.peer(self.server)
        self.wire = self.client(self.server)

    def say(self, text):
        """Sends, and waits until the server has processed it."""
        self.wire.send(text)
        self.wire.expect_quiet()

    def test_the_first_and_the_last_plain_one(self):
        other = self.client(self.server)
        self.say("SUB foo 1\r\n")
        self.route.expect_op("RS+ $G foo")
        self.say("SUB foo 2\r\n")
        other.send("SUB foo 1\r\n")
        other.expect_quiet()
        self.route.expect_quiet()
        self.say("UNSUB 1\r\nUNSUB 2\r\n")
        self.route.expect_quiet()
        other.send("UNSUB 1\r\n")
        self.route.expect_op("RS- $G foo")
        self.route.expect_quiet()

    def test_queue_groups_tell_how_many_they_are(self):
        self.say("SUB bar.* q1 1\r\n")
        self.say("SUB bar.* q1 2\r\n")
        self.say("SUB bar.* q2 3\r\n")
        self.say("SUB bar.* 4\r\n")
        self.route.expect_ops("RS+ $G bar.* q1 1", "RS+ $G bar.* q1 2", "RS+ $G bar.* q2 1", "RS+ $G bar.*")
        self.say("SUB bar.* 5\r\nUNSUB 5\r\n")
        self.route.expect_quiet()  # no weight has changed
        self.say("UNSUB 1\r\n")
        self.say("UNSUB 2\r\n")
        self.say("UNSUB 4\r\n")
        self.say("UNSUB 3\r\n")
        self.route.expect_ops("RS+ $G bar.* q1 1", "RS- $G bar.* q1", "RS- $G bar.*", "RS- $G bar.* q2")
        self.route.expect_quiet()

    def test_a_wildcard_is_a_subject_of_its_own(self):
        self.say("SUB foo.* 1\r\n")
        self.say("SUB foo.> 2\r\n")
        self.say("SUB > 3\r\n")
        self.route.expect_ops("RS+ $G foo.*", "RS+ $G foo.>", "RS+ $G >")

    def test_a_limit_is_not_told_but_its_end_is(self):
        """All messages cross the route until the limit is reached where the subscriber is."""
        self.say("SUB max.out 9\r\n")
        self.say("UNSUB 9 2\r\n")
        self.route.expect_op("RS+ $G max.out")
        self.route.expect_quiet()
        self.route.send("RMSG $G max.out 1\r\n1\r\n" * 3)
        self.wire.expect_message("max.out", 9, b"1")
        self.wire.expect_message("max.out", 9, b"1")
        self.route.expect_op("RS- $G max.out")
        self.wire.expect_quiet()

    def test_a_client_that_goes_takes_its_interest_along(self):
        leaver = self.client(self.server)
        leaver.send("SUB plain 1\r\nSUB group q 2\r\nSUB group q 3\r\n")
        leaver.expect_quiet()
        self.say("SUB group q 1\r\n")
        self.route.drain()
        leaver.close()
        # Each step down may be told, or the last one alone.
        lines = set()
        while not {"RS- $G plain", "RS+ $G group q 1"} <= lines:
            lines.add(self.route.read_op().line)
        self.assertLessEqual(lines, {"RS- $G plain", "RS+ $G group q 2", "RS+ $G group q 1"})
        self.assertEqual({op.line for op in self.route.drain()} - {"RS+ $G group q 1"}, set())
        self.wire.close()
        self.route.expect_op("RS- $G group q")

    def test_subscriptions_of_a_wrong_kind_are_not_told(self):
        self.wire.send("SUB foo..bar 1\r\n")
        self.wire.expect_line("-ERR 'Invalid Subject'")
        self.route.expect_quiet()

    def test_ten_thousand_are_told_upon_registration(self):
        self.say("".join(f"SUB many.{i} {i}\r\n" for i in range(MANY)))
        wanted = sorted(f"RS+ $G many.{i}" for i in range(MANY))
        ops = []
        while len(ops) < MANY:
            ops.append(self.route.read_op().line)
        self.assertEqual(sorted(ops), wanted)
        late = self.peer(self.server)
        dump = [op.line for op in late.dump]
        while len(dump) < MANY:  # old servers answer PINGs before a large dump has gone out
            dump.append(late.read_op().line)
        self.assertEqual(sorted(dump), wanted)
        self.wire.close()
        ops = []
        while len(ops) < MANY:
            ops.append(late.read_op().line)
        self.assertEqual(sorted(ops), [line.replace("+", "-", 1) for line in wanted])


class HeardTest(PeerCase):
    """RS+ and RS- that a server gets."""

    def setUp(self):
        self.server = self.member()
        self.route = self.peer(self.server)
        self.wire = self.client(self.server)

    def hear(self, text):
        """Says it, and waits until the server has processed it."""
        self.route.send(text)
        self.route.drain()

    def publish(self, subject, reply="", payload="x"):
        self.wire.send(f"PUB {subject} {reply} {len(payload)}\r\n{payload}\r\n")
        self.wire.expect_quiet()

    def test_messages_go_where_somebody_wants_them(self):
        self.hear("RS+ $G foo\r\n")
        self.publish("bar")
        self.publish("foo")
        self.publish("foo", "rep.ly")
        self.route.expect_op("RMSG $G foo 1", b"x")
        self.route.expect_op("RMSG $G foo rep.ly 1", b"x")
        self.hear("RS- $G foo\r\n")
        self.publish("foo")
        self.route.expect_quiet()

    def test_one_message_whatever_matches(self):
        self.hear("RS+ $G foo\r\nRS+ $G *\r\nRS+ $G >\r\nRS+ $G foo q1 1\r\nRS+ $G > q1 1\r\nRS+ $G foo q2 3\r\n")
        self.publish("foo", "my.reply")
        op = self.route.read_op()
        self.assertEqual((op.fields[:4], op.fields[-1]), (["$G", "foo", "+", "my.reply"], "1"))
        self.assertEqual(set(op.fields[4:-1]), {"q1", "q2"})
        self.publish("foo")
        op = self.route.read_op()
        self.assertEqual((op.fields[:3], op.fields[-1]), (["$G", "foo", "|"], "1"))
        self.assertEqual(set(op.fields[3:-1]), {"q1", "q2"})
        self.route.expect_quiet()

    def test_the_same_interest_twice_is_one(self):
        self.hear("RS+ $G foo\r\nRS+ $G foo\r\n")
        self.publish("foo")
        self.route.expect_op("RMSG $G foo 1", b"x")
        self.route.expect_quiet()
        self.hear("RS- $G foo\r\n")
        self.publish("foo")
        self.route.expect_quiet()

    def test_an_end_of_what_was_not_there_is_ignored(self):
        self.hear("RS- $G nope\r\nRS- $G nope q\r\nRS+ $G foo\r\nRS- $G foo q\r\n")
        self.publish("foo")
        self.route.expect_op("RMSG $G foo 1", b"x")

    def test_a_lost_route_takes_its_interest_along(self):
        other = self.peer(self.server)
        self.hear("RS+ $G foo\r\nRS+ $G foo q 2\r\n")
        self.route.close()
        self.wait_for(
            lambda: self.server.remote_ids() == {other.server_id}, "only the other route is there"
        )
        self.publish("foo")
        self.check_serves(self.server)

    def test_interest_of_a_peer_that_comes_back(self):
        self.hear("RS+ $G foo\r\n")
        self.route.close()
        self.wait_for(lambda: self.server.get("/routez")["num_routes"] == 0, "the route is gone")
        again = self.peer(self.server, server_id=self.route.server_id, server_name=self.route.name)
        self.publish("foo")
        again.expect_quiet()
        again.send("RS+ $G foo\r\n")
        again.expect_quiet()
        self.publish("foo")
        again.expect_op("RMSG $G foo 1", b"x")

    def test_ten_thousand_subjects(self):
        self.hear("".join(f"RS+ $G many.{i}\r\n" for i in range(MANY)))
        for i in (0, MANY // 2, MANY - 1):
            self.publish(f"many.{i}")
            self.route.expect_op(f"RMSG $G many.{i} 1", b"x")
        self.hear("".join(f"RS- $G many.{i}\r\n" for i in range(MANY)))
        self.publish("many.1")
        self.route.expect_quiet()

    def test_accounts_that_are_not_here_are_ignored(self):
        self.hear("RS+ NOPE foo\r\nRMSG NOPE foo 1\r\nx\r\nRS- NOPE foo\r\nRS+ $G foo\r\n")
        self.publish("foo")
        self.route.expect_op("RMSG $G foo 1", b"x")


class ClusterInterestTest(PeerCase):
    """Between servers."""

    def test_interest_comes_and_goes(self):
        a, b = self.cluster()
        subscriber, publisher = self.client(a), self.client(b)
        for _ in range(3):
            subscriber.send("SUB foo.* 1\r\nSUB foo.bar 2\r\n")
            self.sync(subscriber, publisher)
            publisher.send("PUB foo.x 1\r\n1\r\n")
            publisher.expect_quiet()
            subscriber.expect_message("foo.x", 1, b"1")
            subscriber.send("UNSUB 1\r\nUNSUB 2\r\n")
            self.sync(subscriber, publisher)
            sent = b.get("/varz")["out_msgs"] if not b.kind.names_clusters else None
            publisher.send("PUB foo.x 1\r\n2\r\n")
            publisher.expect_quiet()
            if sent is not None:
                self.assertEqual(b.get("/varz")["out_msgs"], sent)
            subscriber.expect_quiet()

    def test_a_server_that_joins_learns_all(self):
        first = self.member()
        subscriber = self.client(first)
        subscriber.send("".join(f"SUB many.{i} {i}\r\n" for i in range(MANY)))
        subscriber.expect_quiet()
        second = self.member(1, routes=[first.route_url])
        publisher = self.client(second)
        # The order of what is told upon registration is open.
        self.wait_for(lambda: second.get("/subsz")["num_subscriptions"] >= MANY, "all are known")
        publisher.send("".join(f"PUB many.{i} 1\r\nx\r\n" for i in range(0, MANY, 100)))
        for i in range(0, MANY, 100):
            subscriber.expect_message(f"many.{i}", i, b"x")

    def test_a_server_that_leaves_takes_its_interest_along(self):
        a, b = self.cluster()
        far, near = self.client(a), self.client(b)
        far.send("SUB foo q 1\r\n")
        near.send("SUB foo q 1\r\n")
        self.sync(far, near)
        a.stop()
        self.wait_for(lambda: b.get("/routez")["num_routes"] == 0, "the route is gone")
        near.send("PUB foo 1\r\nx\r\n" * 20)
        for _ in range(20):
            near.expect_message("foo", 1, b"x")
        near.expect_quiet()


if __name__ == "__main__":
    cluster.main()
