#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Three servers, of ours and of one release: two of one kind, one of the other (`--cluster server,2.10.29,server`).

Pools on and off, compression on and off. Each time: the mesh, what /routez and clients are told of it, numbered
messages of two accounts from each member to each other, queue groups, requests, headers, a member of the release
that starts again.
"""

import collections
import itertools
import random

from support import cluster
from support.cluster import ACCOUNTS, USERS, Cluster, ClusterCase

SIZE = 3
NUMBERS = 150
REQUESTS = 5
POOL = 3
BLOCK = "NATS/1.0\r\nKey: v\r\n\r\n"
NOISE = random.Random(15).randbytes(200_000)


def body_of(sender, number):
    """Of growing sizes, and a large one at the end, a part of which no compression makes smaller."""
    head = f"{sender} {number} ".encode()
    if number == NUMBERS - 1:
        return head + NOISE + b"0123456789abcdef" * 50_000
    return head + b"x" * (number * 7)


class ReleasesCase(ClusterCase):
    pool_size = POOL
    compression = "off"

    def make_cluster(self):
        """The first is the seed, and gossip does the rest. Servers before 2.2 have no cluster name and may not
        dial those that have one: with them, those with a name dial all others."""
        settings = f"  pool_size: {self.pool_size}\n  compression: {self.compression}"
        members = [
            self.member(index, settings=ACCOUNTS, cluster_settings=settings if self.kind(index).pools else "",
                        cluster_name="C1", start=False)
            for index in range(SIZE)
        ]  # fmt: skip
        named, nameless = [], []
        for member in members:
            (named if member.kind.names_clusters else nameless).append(member)
        for member in named:
            member.routes = [other.route_url for other in [*named[:1], *nameless] if other is not member]
        for member in nameless[1:]:
            member.routes = [nameless[0].route_url]
        for member in members:
            member.start()
        return Cluster(self, members)

    def wait_links(self, members):
        """/routez of each shows all links to each other member."""
        members.wait_mesh()
        for member in members:
            wanted = {}
            for other in members:
                if other is not member:
                    many = self.pool_size > 0 and member.kind.pools and other.kind.pools
                    wanted[other.id] = POOL + 1 if many else 1  # the system account has its own
            self.wait_for(lambda m=member, w=wanted: self.links_of(m) == w, f"{member.name} has the links {wanted}")
            for route in member.get("/routez")["routes"]:
                other = next(each for each in members if each.id == route["remote_id"])
                self.assertEqual(route["ip"], "127.0.0.1")
                if member.kind.pools:
                    wanted = self.compression if other.kind.pools else "not supported"
                    self.assertEqual(route["compression"], wanted, route)
                    self.assertEqual(route["remote_name"], other.name if other.kind.names_clusters else "")

    def wait_counts(self, members):
        """What one has sent to another, that one has received: by /routez of both."""

        def counted(member, other, field):
            return sum(route[field] for route in member.get("/routez")["routes"] if route["remote_id"] == other.id)

        for member, other in itertools.permutations(members, 2):
            for what in ("msgs", "bytes"):
                self.wait_for(
                    lambda: counted(member, other, "out_" + what) == counted(other, member, "in_" + what) > 0,
                    f"{what} from {member.name} to {other.name} are counted alike",
                )

    @staticmethod
    def links_of(member):
        return dict(collections.Counter(route["remote_id"] for route in member.get("/routez")["routes"]))

    def check(self, members):
        self.wait_links(members)
        for user in USERS:
            ends = Ends(self, members, user)
            ends.check_numbers()
            ends.check_requests()
            ends.check_headers()
            ends.close()
        self.wait_counts(members)

    def check_release(self):
        members = self.make_cluster()
        self.check(members)
        urls = sorted(f"127.0.0.1:{member.port}" for member in members)
        for member in members:
            self.assertEqual(sorted(self.client(member, user="a", **{"pass": "a"}).info["connect_urls"]), urls)
        released = next(member for member in members if member.kind.is_go)
        released.restart()
        released.id = released.get("/varz")["server_id"]
        self.check(members)


class Ends:
    """A client of one user at each member."""

    def __init__(self, case, members, user):
        self.case, self.kinds = case, [member.kind for member in members]
        self.wires = [case.client(member, user=user, headers=True, no_responders=True, **{"pass": user})
                      for member in members]  # fmt: skip

    def close(self):
        for wire in self.wires:
            wire.close()

    def others(self):
        for wire in self.wires:
            yield wire, [other for other in self.wires if other is not wire]

    def sync(self):
        for wire, others in self.others():
            self.case.sync(wire, *others)

    def subscribe(self, lines):
        """`lines` of each member's client; then all know of it."""
        for index, wire in enumerate(self.wires):
            wire.send(lines(index))
        self.sync()

    def check_numbers(self):
        """To each once and in order; of each queue group one. Group N has no member at server N."""
        groups = range(SIZE)
        self.subscribe(lambda i: "SUB *.num.> 9\r\nSUB a.*.* 8\r\n" + "".join(
            f"SUB *.num.* g{group} {group}\r\n" for group in groups if group != i))  # fmt: skip
        for sender, wire in enumerate(self.wires):
            wire.send(b"".join(b"PUB a.num.%d %d\r\n%s\r\n" % (sender, len(body), body)
                               for body in (body_of(sender, n) for n in range(NUMBERS))))  # fmt: skip
        got = [collections.defaultdict(list) for _ in self.wires]

        def all_came():
            for wire, lists in zip(self.wires, got):
                for subject, sid, body in self.read_all(wire):
                    lists[subject, sid].append(body)
            count = sum(len(each) for lists in got for each in lists.values())
            return count >= (2 * SIZE + len(groups)) * SIZE * NUMBERS

        self.case.wait_for(all_came, "all messages came")
        self.sync()  # nothing comes behind them
        for sender in range(SIZE):
            wanted = [body_of(sender, n) for n in range(NUMBERS)]
            subject = f"a.num.{sender}"
            for index, lists in enumerate(got):
                for sid in ("8", "9"):
                    self.case.assertTrue(lists[subject, sid] == wanted, f"{sid} from {sender} to {index}")
            for group in groups:
                parts = [lists[subject, str(group)] for lists in got]
                order = {body: n for n, body in enumerate(wanted)}
                numbers = [[order[body] for body in part] for part in parts]
                self.case.assertEqual(sorted(sum(numbers, [])), list(range(NUMBERS)), f"group {group} from {sender}")
                self.case.assertTrue(all(part == sorted(part) for part in numbers), f"group {group} from {sender}")
        self.subscribe(lambda i: "UNSUB 9\r\nUNSUB 8\r\n" + "".join(
            f"UNSUB {group}\r\n" for group in groups if group != i))  # fmt: skip

    def read_all(self, wire):
        """What has come, up to the answer to a PING."""
        wire.send(b"PING\r\n")
        while (line := wire.read_line()) != b"PONG":
            _, subject, sid, size = line.decode().split()
            yield subject, sid, wire.read(int(size) + 2)[:-2]

    def check_requests(self):
        """From each to each other one; and nobody answers where nobody is."""
        self.subscribe(lambda i: f"SUB ask.{i} 1\r\nSUB re.{i}.* 2\r\n")
        for asked, answering in enumerate(self.wires):
            for asking, wire in enumerate(self.wires):
                for number in range(REQUESTS):
                    reply = f"re.{asking}.{number}"
                    wire.send(f"PUB ask.{asked} {reply} 2\r\nhi\r\n")
                    answering.expect_message(f"ask.{asked}", 1, b"hi", reply)
                    answering.send(f"PUB {reply} 5\r\nthere\r\n")
                    wire.expect_message(reply, 2, b"there")
        for index, wire in enumerate(self.wires):
            if self.kinds[index].names_clusters:
                wire.send(f"PUB nobody re.{index}.0 2\r\nhi\r\n")
                head = wire.read_line().decode().split()
                self.case.assertEqual(head[:3], ["HMSG", f"re.{index}.0", "2"])
                self.case.assertTrue(wire.read(int(head[-1]) + 2).startswith(b"NATS/1.0 503\r\n"))
        self.subscribe(lambda i: "UNSUB 1\r\nUNSUB 2\r\n")

    def check_headers(self):
        """They go along to where they are known."""
        self.subscribe(lambda i: "SUB head.> 1\r\n")
        size = len(BLOCK)
        for index, wire in enumerate(self.wires):
            if not self.kinds[index].names_clusters:
                continue
            wire.send(f"HPUB head.{index} re.ply {size} {size + 2}\r\n{BLOCK}ok\r\n")
            for kind, other in zip(self.kinds, self.wires):
                if kind.names_clusters:
                    other.expect(f"HMSG head.{index} 1 re.ply {size} {size + 2}\r\n{BLOCK}ok\r\n")
                else:
                    other.expect_message(f"head.{index}", 1, b"ok", "re.ply")
        self.subscribe(lambda i: "UNSUB 1\r\n")


class PoolTest(ReleasesCase):
    def test_release(self):
        self.check_release()


class CompressedLinkTest(ReleasesCase):
    pool_size, compression = -1, "s2_fast"

    def test_release(self):
        self.check_release()


class PoolsAreKnownCase(ReleasesCase):
    def setUp(self):
        if not all(kind.pools for kind in self.kinds()):
            self.skipTest("pools and compression came with 2.10")


class OneLinkTest(PoolsAreKnownCase):
    pool_size = -1

    def test_release(self):
        self.check_release()


class CompressedPoolTest(PoolsAreKnownCase):
    compression = "s2_fast"

    def test_release(self):
        self.check_release()


if __name__ == "__main__":
    cluster.main()
