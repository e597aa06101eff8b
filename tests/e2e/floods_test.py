#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Very many connections, subjects and subscriptions: memory stays bounded, others keep pace.

Goal: what comes in masses costs what it must while it is there and nothing afterwards, and a healthy pair
of clients has its messages in the meantime.
Method: the server's anonymous memory is read between rounds; a later round, of other names, may not need
more than the first. What a single item may cost has room for both ways to the kernel. The figures are not those of
the reference, nor of a sanitizer, whose shadow and quarantine count as well: they get smaller numbers and are
held to no figure.
Limits: descriptors; fewer than 20,000 connections are tried where fewer are permitted, and the test says so.
"""

import http.client
import json
import os
import resource
import threading
import time

from support import case
from support.case import ServerCase, open_files
from support.leaf_peer import LeafPeer
from support.wire import Wire

MIB = 1 << 20
CONNECTIONS = 20_000
SUBJECTS = 1_000_000
# Descriptors of this process and of the server that are no connection of the flood.
SPARE_FILES = 100
# Ephemeral ports of one source address are some 28,000; two addresses leave room for other tests.
CONNECTIONS_PER_ADDRESS = 10_000
# An exchange of the healthy pair; what a frozen server would exceed, and a busy machine does not.
HEALTHY_S = 5.0


class FloodCase(ServerCase):
    def start_with_pair(self, *args, **options):
        self.server = self.start(*args, **options)
        self.small = case.server_is_sanitized() or bool(case.Options.reference)
        self.receiver, self.sender = self.client(self.server), self.client(self.server)
        self.receiver.send("SUB healthy 1\r\n")
        self.receiver.expect_quiet()

    def status(self, name):
        with open(f"/proc/{self.server.pid}/status", encoding="ascii", errors="replace") as lines:
            for line in lines:
                if line.startswith(name + ":"):
                    return int(line.split()[1]) * 1024
        raise KeyError(name)

    def memory(self):
        return self.status("RssAnon")

    def check_healthy(self):
        begin = time.monotonic()
        self.sender.send("PUB healthy 2\r\nok\r\n")
        self.receiver.expect_message("healthy", 1, b"ok")
        self.assertLess(time.monotonic() - begin, HEALTHY_S)

    def check_memory(self, grown, allowed, what):
        if not self.small:
            self.assertLess(grown, allowed, what)


class ManyConnectionsTest(FloodCase):
    def setUp(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the server inherits it
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        self.permitted = hard - SPARE_FILES
        if self.permitted < 1000:
            self.skipTest(f"SKIPPED: RLIMIT_NOFILE is {hard}")

    def connect(self, index):
        source = f"127.1.0.{1 + index // CONNECTIONS_PER_ADDRESS}"
        wire = Wire(self.server.port, source=source)
        self.addCleanup(wire.close)
        wire.send(f'CONNECT {{"verbose":false}}\r\nSUB all 1\r\nSUB one.{index} 2\r\nPING\r\n')
        return wire

    def test_20_000_connections_at_once(self):
        self.start_with_pair()
        count = min(CONNECTIONS, self.permitted)
        if self.small:
            count = min(count, 4000)
        if count < CONNECTIONS:
            print(f"{count} connections instead of {CONNECTIONS}", flush=True)
        files, before = open_files(self.server.pid), self.memory()
        wires = []
        for index in range(count):
            wires.append(self.connect(index))
            if index % 1000 == 0:
                self.check_healthy()
        for wire in wires:
            wire.read_info()
            wire.expect("PONG\r\n")
        each = (self.memory() - before) / count
        self.check_memory(each, 6 * 1024, "bytes per connection with two subscriptions")

        self.sender.send("PUB all 3\r\nabc\r\n")
        self.sender.send("".join(f"PUB one.{index} 1\r\nx\r\n" for index in range(0, count, 100)))
        self.check_healthy()
        for index, wire in enumerate(wires):
            wire.expect_message("all", 1, b"abc")
            if index % 100 == 0:
                wire.expect_message(f"one.{index}", 2, b"x")
        for wire in wires:
            wire.close()
        self.check_healthy()
        self.wait_for(lambda: open_files(self.server.pid) <= files, "descriptors are given back")
        self.check_serves(self.server)


class SubjectsTest(FloodCase):
    SLICE = 50_000

    def publish(self, first, count):
        for begin in range(first, first + count, self.SLICE):
            numbers = range(begin, min(begin + self.SLICE, first + count))
            self.flood.send("".join(f"PUB flood.{n}.{n & 7} 1\r\nx\r\n" for n in numbers))
            self.flood.expect_quiet()
            self.taker.expect("".join(f"MSG flood.{n}.7 1 1\r\nx\r\n" for n in numbers if n & 7 == 7))
            self.check_healthy()

    def test_a_million_publish_subjects(self):
        """A quarter of them fills every cache, be there a taker or none; the rest may add nothing."""
        self.start_with_pair()
        self.flood, self.taker = self.client(self.server), self.client(self.server)
        self.taker.send("SUB flood.*.7 1\r\n")
        self.taker.expect_quiet()
        total = SUBJECTS if not self.small else SUBJECTS // 10
        before = self.memory()
        self.publish(0, total // 4)
        first = self.memory()
        self.publish(total // 4, total - total // 4)
        self.check_memory(first - before, 64 * MIB, "after a quarter of the subjects")
        self.check_memory(self.memory() - first, 8 * MIB, "growth by the rest of them")

    def subscribe(self, wire, first, count):
        for begin in range(first, first + count, self.SLICE):
            end = min(begin + self.SLICE, first + count)
            wire.send("".join(f"SUB flood.{number} {number}\r\n" for number in range(begin, end)))
            wire.expect_quiet()
            self.check_healthy()

    def test_a_million_subscriptions_at_once_come_and_go(self):
        """The second million has other subjects and another connection, and needs no more than the first."""
        self.start_with_pair("-m", "-1")
        match, _ = self.server.log.wait(r"Starting http monitor on \S+:(\d+)")
        self.monitor_port = int(match.group(1))
        total = SUBJECTS if not self.small else SUBJECTS // 10
        files, before = open_files(self.server.pid), self.memory()
        peaks = []
        for round_number in range(2):
            flood = self.client(self.server)
            self.subscribe(flood, round_number * total, total)
            peaks.append(self.memory() - before)
            last = (round_number + 1) * total - 1
            self.sender.send(f"PUB flood.{last} 1\r\nx\r\n")
            flood.expect_message(f"flood.{last}", last, b"x")
            flood.close()
            self.wait_for(lambda: open_files(self.server.pid) <= files, "the connection is closed")
            self.wait_for(lambda: self.count_subscriptions() < 100, "the subscriptions are gone")
            self.check_healthy()
        self.check_memory(peaks[0], total * 300, "a million subscriptions")
        self.check_memory(peaks[1] - peaks[0], total * 300 // 4, "growth by the second million")

    def count_subscriptions(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.monitor_port, timeout=case.DEADLINE_S)
        try:
            connection.request("GET", "/subsz")
            return json.load(connection.getresponse())["num_subscriptions"]
        finally:
            connection.close()

    def test_a_million_short_subscriptions(self):
        """Each ends before the next comes, as inboxes do."""
        self.start_with_pair()
        # Caches and the allocator's lists are full after some hundred thousand.
        total = 3 * SUBJECTS if not self.small else SUBJECTS // 10
        flood = self.client(self.server)

        def run(first, count):
            for begin in range(first, first + count, self.SLICE):
                numbers = range(begin, min(begin + self.SLICE, first + count))
                flood.send("".join(f"SUB inbox.{n}.* {n}\r\nUNSUB {n}\r\n" for n in numbers))
                flood.expect_quiet()
                self.check_healthy()

        before = self.memory()
        run(0, total // 4)
        first = self.memory()
        run(total // 4, total - total // 4)
        self.check_memory(first - before, 64 * MIB, "after a quarter of the subscriptions")
        self.check_memory(self.memory() - first, 8 * MIB, "growth by the rest of them")


class InterestTest(FloodCase):
    """Changes of interest that other servers are told of."""

    def test_many_members_of_one_group(self):
        """What the group counts for is not found by counting its members at each change."""
        self.start_with_pair(config="leafnodes { listen: 127.0.0.1:-1 }")
        match, _ = self.server.log.wait(r"Listening for leafnode connections on \S+:(\d+)")
        leaf = LeafPeer(int(match.group(1))).setup_spoke()
        self.addCleanup(leaf.close)
        leaf.join_hub()
        count = 5_000 if self.small else 100_000
        flood = self.client(self.server)
        flood.deadline_s = 60
        flood.send("".join(f"SUB same q {number}\r\n" for number in range(count)) + "PING\r\n")
        while not flood.buffer:
            self.check_healthy()
            flood.receive(time.monotonic() + 0.01)
        flood.expect("PONG\r\n")
        flood.close()
        while leaf.read_op().line != "LS- same q":
            self.check_healthy()


class ManyReceiversTest(FloodCase):
    """A message for thousands of subscribers takes its time, and others go on in between."""

    RECEIVERS, EACH, MESSAGES = 10, 300, 2000

    def test_others_keep_pace(self):
        for workers in ([],) if case.Options.reference else (["--workers", "1"], ["--workers", "2"]):
            with self.subTest(arguments=workers):
                self.check_pace(workers)

    def check_pace(self, workers):
        self.start_with_pair(*workers)
        receivers = [self.client(self.server) for _ in range(self.RECEIVERS)]
        for wire in receivers:
            wire.deadline_s = 60
            wire.send("".join(f"SUB many {sid}\r\n" for sid in range(self.EACH)))
            wire.expect_quiet()
        flood = self.client(self.server)
        flood.send(b"PUB many 1\r\nx\r\n" * self.MESSAGES + b"PING\r\n")
        exchanges = 0
        while not flood.buffer:
            self.check_healthy()
            exchanges += 1
            flood.receive(time.monotonic() + 0.0001)
        flood.expect("PONG\r\n")
        self.assertGreater(exchanges, 1)  # the first one ended before the answer to the flood came
        size = sum(len(f"MSG many {sid} 1\r\nx\r\n") for sid in range(self.EACH)) * self.MESSAGES
        for wire in receivers:
            while len(wire.buffer) < size and wire.receive(time.monotonic() + wire.deadline_s):
                pass
            self.assertEqual(len(wire.buffer), size)
            wire.close()


class KeptInputTest(FloodCase):
    """Clients leave in the middle of large messages, whose first parts the server has kept."""

    CLIENTS = 60
    ROUNDS = 8
    MAY_STAY = 16 * MIB

    def test_its_memory_is_given_back(self):
        self.start_with_pair()
        files, before = open_files(self.server.pid), self.memory()
        for round_number in range(self.ROUNDS):
            clients = [self.client(self.server) for _ in range(self.CLIENTS)]
            for number, client in enumerate(clients):
                size = 200_000 + (number * 37 + round_number * 11) % 60 * 10_000
                client.send(b"PING\r\nPUB large 1000000\r\n" + bytes(size))
                client.expect("PONG\r\n")
            self.check_healthy()
            for client in clients:
                client.close()
            self.wait_for(lambda: open_files(self.server.pid) <= files, "they have left")
        self.check_healthy()
        self.check_memory(self.memory() - before, self.MAY_STAY, "after the last has left")


class HashedLoginTest(ServerCase):
    """Logins with hashed passwords have their share of processors that publishers keep busy."""

    PASSWORD = "hashed-login"
    HASH = "$2a$11$OG3YZl3950ypsaRiIIxQee1dL85WOAUvyVEqZHc1SNJssCLpc9.SK"
    LOGINS = 4
    BLOCK = b"PUB f.x 2\r\nhi\r\n" * 4000

    def flood(self, wire, ending):
        while not ending.is_set():
            wire.send(self.BLOCK)

    def test_logins_while_others_publish(self):
        config = f"""authorization {{ timeout: 10, users: [
            {{ user: hashed, password: "{self.HASH}" }}, {{ user: flood, password: plain }} ] }}"""
        server = self.start(config=config)
        ending = threading.Event()
        floods = []
        for _ in range(2 * os.cpu_count()):
            wire = self.client(server, user="flood", **{"pass": "plain"})
            floods.append(threading.Thread(target=self.flood, args=(wire, ending)))
        for thread in floods:
            thread.start()
        try:
            for _ in range(self.LOGINS):
                self.client(server, user="hashed", **{"pass": self.PASSWORD}).close()
        finally:
            ending.set()
            for thread in floods:
                thread.join()


if __name__ == "__main__":
    case.main()
