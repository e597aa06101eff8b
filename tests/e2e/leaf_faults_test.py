#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hubs that are killed or restarted one after the other, with numbered messages: nothing is lost between servers
that stay, nothing comes twice, and a leafnode finds the next hub. A stock client in the same place.

Besides the arguments of every test: [--nats-c-failover PROGRAM], skipped without it.
"""

import argparse
import resource
import signal
import subprocess
import sys
import threading
import time

import clients
from leaf_topology_test import TopologyCase
from support import leafnodes
from support.case import resident_bytes, server_is_sanitized
from support.leafnodes import LeafCase, LeafOptions
from support.switchboard import Switchboard

REMOTES = "no_randomize: true"
PAUSE_S = 0.002


class Programs:
    nats_c = None


class Numbers:
    """A client that publishes 0, 1, 2 ... until it is stopped."""

    def __init__(self, client, subject):
        self.client, self.subject, self.count = client, subject, 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stop.wait(PAUSE_S):
            text = str(self.count)
            self.client.send(f"PUB {self.subject} {len(text)}\r\n{text}\r\n")
            self.count += 1

    def stop(self):
        self._stop.set()
        self._thread.join()
        return self.count


def received(client):
    """The numbers that have come, in their order."""
    client.send("PING\r\n")
    numbers = []
    while (line := client.read_line()) != b"PONG":
        if line.startswith(b"MSG roll "):
            numbers.append(int(client.read(int(line.split()[-1]) + 2)))
    return numbers


class RollingHubsTest(TopologyCase):
    def leaf(self, name, *hubs, remote=REMOTES):
        urls = ", ".join(f'"{hub.leaf_url}"' for hub in hubs)
        is_go = self.kind(1)[2]
        if is_go:  # 2.9.10 does not know it; the hub that it has stays
            remote = remote.replace(", ignore_discovered_servers: true", "")
        server = self.leaf_server(1, name, remotes=[f"urls: [ {urls} ], {remote}"], listen=False,
                                  block="" if is_go else 'reconnect: "50ms"')  # fmt: skip
        self.wait_for(lambda: server.leaf_count() == 1, f"{name} has its link")
        return server

    def subscriber(self, server):
        client = self.client(server)
        client.send("SUB roll 1\r\n")
        client.expect_quiet()
        return client

    def received_up_to(self, client, last):
        numbers = []

        def is_there():
            numbers.extend(received(client))
            return bool(numbers) and numbers[-1] >= last

        self.wait_for(is_there, f"number {last}")
        return numbers

    def roll(self, end):
        hubs = self.cluster_of(0, "H", 3)
        for index, goes in enumerate(hubs):
            one, two = (hub for hub in hubs if hub is not goes)
            with self.subTest(goes.name):
                stays = self.leaf(f"S{index}", one, remote=REMOTES + ", ignore_discovered_servers: true")
                moves = self.leaf(f"M{index}", goes, one, two)
                steady = [self.subscriber(each) for each in (one, two, stays)]
                moving = self.subscriber(moves)
                sources = self.client(two), self.client(stays)
                for source in sources:
                    for each in (*steady, moving):
                        self.sync(each, source)
                # Each publisher has its own turn, so that the numbers of one stream say what is missing.
                for source in sources:
                    numbers = Numbers(source, "roll")
                    try:
                        self.wait_for(lambda n=numbers: n.count > 50, "some numbers")
                        end(goes)
                        self.wait_for(lambda: moves.leaf_count() == 1 and goes.running() is False,
                                      "the leafnode has another hub")  # fmt: skip
                        self.wait_for(lambda: one.leaf_count() + two.leaf_count() == 2, "which knows it")
                        # From a number of after that on it gets all.
                        got = self.received_up_to(moving, numbers.count)
                        after = got[-1]
                        goes.start()
                        for hub in hubs:
                            self.wait_for(
                                lambda h=hub: len({r["remote_id"] for r in h.get("/routez")["routes"]}) == 2, "routes")
                        time.sleep(0.05)  # some more traffic over the new routes
                    finally:
                        total = numbers.stop()
                    for each in steady:
                        self.assertEqual(self.received_up_to(each, total - 1), list(range(total)))
                    got += self.received_up_to(moving, total - 1)
                    self.assertEqual(got, sorted(set(got)), "twice, or out of order")
                    self.assertEqual([n for n in got if n > after], list(range(after + 1, total)))
                    if source is sources[0]:
                        # Back to where it was, for the second turn.
                        moves.restart()
                        self.wait_for(lambda: moves.leaf_count() == 1, "its link again")
                        moving = self.subscriber(moves)
                        self.sync(moving, sources[1])
                for server in (stays, moves):
                    server.close()

    def test_hubs_that_are_killed(self):
        self.roll(lambda hub: hub.kill())

    def test_hubs_that_are_stopped(self):
        self.roll(lambda hub: hub.stop())


class ReloadTest(TopologyCase):
    """Remotes and accounts that come and go by reload, while traffic runs over a link that stays."""

    def accounts(self, *names):
        users = "\n".join(f"  {name} {{ users: [ {{ user: {name}, password: p }} ] }}" for name in names)
        return f"accounts {{\n{users}\n}}"

    def reload(self, server):
        lines = len(server.log.lines())
        server.write_config()
        server.send_signal(signal.SIGHUP)
        server.log.wait("Reloaded server configuration|Reloaded", after=lines)

    def test_numbers_over_the_link_that_stays(self):
        hub = self.hub(settings=self.accounts("A", "B"))
        url = f"nats-leaf://{{0}}:p@127.0.0.1:{hub.leaf_port}"
        remotes = {name: f'url: "{url.format(name)}", account: {name}' for name in "AB"}
        leaf = self.leaf_server(1, "L", remotes=[remotes["A"]], listen=False, settings=self.accounts("A", "B"),
                                block='reconnect: "50ms"')  # fmt: skip
        self.wait_for(lambda: hub.leaf_count() == 1, "the link")
        at = {server: self.client(server, user="A", **{"pass": "p"}) for server in (hub, leaf)}
        sources = {server: self.client(server, user="A", **{"pass": "p"}) for server in (hub, leaf)}
        for server, other in ((hub, leaf), (leaf, hub)):
            at[server].send("SUB roll 1\r\n")
            self.sync(at[server], sources[other])
        one = Numbers(sources[hub], "roll")
        try:
            for names in ("ABC", "AB", "ABCD", "AB"):
                for remote in ([remotes["A"], remotes["B"]], [remotes["A"]]):
                    leaf.remotes, leaf.settings = remote, self.accounts(*names)
                    self.reload(leaf)
                    hub.settings = self.accounts(*names)
                    self.reload(hub)
                    self.wait_for(lambda wanted=len(remote): hub.leaf_count() == wanted, "its links")
        finally:
            total = one.stop()
        for client in at.values():
            got = []
            self.wait_for(lambda c=client, g=got: g.extend(received(c)) or (g and g[-1] >= total - 1), "the last one")
            self.assertEqual(got, list(range(total)))


class BadNetworkTest(TopologyCase):
    """300 ms of round trip, 1 % of losses and cuts of seconds between a hub and its leafnode."""

    PAIR = ("H", "L")

    def setUp(self):
        self.net = Switchboard().start()
        self.addCleanup(self.net.close)
        self.net.delay(self.PAIR, 0.15)
        self.net.lose(self.PAIR, 0.01)

    def joined(self, block=""):
        """A hub and its leafnode, with two clients and a publisher each."""
        hub = self.hub(block=block)
        self.net.add("H", hub)
        port = self.net.listen("H", hub.leaf_port)
        is_go = self.kind(1)[2]
        remote = "" if LeafOptions.kinds[1] == "2.9.10" else ", ignore_discovered_servers: true"
        leaf = self.leaf_server(1, "L", remotes=[f'url: "nats-leaf://127.0.0.1:{port}"{remote}'], listen=False,
                                block=block + ("" if is_go else '\nreconnect: "100ms"'))  # fmt: skip
        self.net.add("L", leaf)  # which is let in from now on
        self.wait_for(lambda: hub.leaf_count() == 1 and leaf.leaf_count() == 1, "the link")
        return hub, leaf

    def subscribers(self, hub, leaf):
        at = {server: self.client(server) for server in (hub, leaf)}
        sources = {server: self.client(server) for server in (hub, leaf)}
        for server, other in ((hub, leaf), (leaf, hub)):
            at[server].send("SUB roll 1\r\n")
            self.sync(at[server], sources[other])
        return at, sources

    def test_nothing_is_lost_or_comes_twice(self):
        hub, leaf = self.joined()
        at, sources = self.subscribers(hub, leaf)
        for source in sources.values():
            numbers = Numbers(source, "roll")
            try:
                for phase, held in enumerate(((), self.PAIR, (), ("H",), ("L",), ()), 1):
                    self.net.hold(self.PAIR, held)
                    self.wait_for(lambda wanted=500 * phase: numbers.count >= wanted, "numbers of a second")
            finally:
                total = numbers.stop()
            for client in at.values():
                got = []
                self.wait_for(lambda c=client, g=got: g.extend(received(c)) or (g and g[-1] >= total - 1), "the last")
                self.assertEqual(got, list(range(total)))
        self.assertEqual((self.net.count(self.PAIR), hub.leaf_count()), (1, 1))

    def test_requests_and_answers(self):
        hub, leaf = self.joined()
        for asks, answers in ((hub, leaf), (leaf, hub)):
            requestor, responder = self.client(asks), self.client(answers)
            responder.send("SUB ask 1\r\n")
            requestor.send("SUB inbox.* 2\r\n")
            self.sync(responder, requestor)
            self.sync(requestor, responder)
            begin = time.monotonic()
            for number in range(10):
                requestor.send(f"PUB ask inbox.{number} 1\r\n?\r\n")
            for number in range(10):
                responder.expect(f"MSG ask 1 inbox.{number} 1\r\n?\r\n")
                responder.send(f"PUB inbox.{number} 1\r\n!\r\n")
            for number in range(10):
                requestor.expect(f"MSG inbox.{number} 2 1\r\n!\r\n")
            self.assertGreater(time.monotonic() - begin, 0.3)  # it went the long way
            responder.close()

    def test_a_link_that_breaks_comes_again(self):
        hub, leaf = self.joined()
        if LeafOptions.kinds[1] == "2.9.10":
            self.skipTest("SKIPPED: 2.9.10 goes around the network to the address that the hub announces")
        at, sources = self.subscribers(hub, leaf)
        numbers = Numbers(sources[hub], "roll")
        try:
            for _ in range(3):
                self.assertEqual(self.net.reset(self.PAIR), 1)
                self.wait_for(lambda: self.net.count(self.PAIR) == 0 or leaf.leaf_count() == 0, "the break")
                self.wait_for(lambda: hub.leaf_count() == 1 and leaf.leaf_count() == 1, "the link")
            self.sync(at[leaf], sources[leaf])
            after = self.numbers_from(at[leaf])
        finally:
            total = numbers.stop()
        self.wait_for(lambda: after.extend(received(at[leaf])) or after[-1] >= total - 1, "the last")
        self.assertEqual(after, sorted(set(after)))
        last_gap = max((i for i in range(1, len(after)) if after[i] != after[i - 1] + 1), default=0)
        self.assertGreater(len(after) - last_gap, 10, "from the last link on all of them came")
        got = []
        self.wait_for(lambda: got.extend(received(at[hub])) or (got and got[-1] >= total - 1), "the last")
        self.assertEqual(got, list(range(total)))

    def numbers_from(self, client):
        """What has come, until some of it came over the link that stands now."""
        got = received(client)
        count = len(got)
        self.wait_for(lambda: got.extend(received(client)) or len(got) > count + 100, "some numbers")
        return got

    def test_a_cut_that_outlasts_the_pings_ends_the_link_at_both_ends(self):
        if any(self.kind(i)[2] for i in (0, 1)):
            self.skipTest("SKIPPED: of Go servers the block has no pings before 2.14")
        hub, leaf = self.joined(block='ping_interval: "400ms", ping_max: 2')
        self.net.hold(self.PAIR, self.PAIR)
        for server in (hub, leaf):
            server.log.wait("Stale Leafnode Connection - Closing")
        self.net.hold(self.PAIR)
        self.wait_for(lambda: hub.leaf_count() == 1 and leaf.leaf_count() == 1, "the link")
        at, sources = self.subscribers(hub, leaf)
        sources[leaf].send("PUB roll 1\r\n7\r\n")
        for client in at.values():
            client.expect("MSG roll 1 1\r\n7\r\n")


class CrowdTest(LeafCase):
    """Thousands of leafnodes on one hub."""

    COUNT = 2000
    BYTES_EACH = 100 * 1024

    def test_interest_and_messages_of_each(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        count = min(self.COUNT, (hard if hard != resource.RLIM_INFINITY else 3 * self.COUNT) // 3)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 3 * count), hard))
        hub = self.hub()
        client = self.client(hub)
        client.send("SUB down 1\r\n")
        client.expect_quiet()
        before = resident_bytes(hub.pid)
        peers = []
        for number in range(count):  # isolated, since each would be told what all the others want
            peers.append(self.join(hub, name=f"edge{number}", cluster=f"edge{number}", isolate=True))
            peers[-1].send(f"LS+ all\r\nLS+ only.{number}\r\n")
        for peer in peers:
            peer.drain()
        self.assertEqual(hub.leaf_count(), count)
        if not server_is_sanitized():
            self.assertLess(resident_bytes(hub.pid) - before, count * self.BYTES_EACH)
        client.send("PUB all 2\r\nhi\r\n" + "".join(f"PUB only.{number} 1\r\nx\r\n" for number in range(0, count, 50)))
        client.expect_quiet()
        for number, peer in enumerate(peers):
            wanted = ["LMSG all 2"] + ([f"LMSG only.{number} 1"] if number % 50 == 0 else [])
            self.assertEqual([op.line for op in peer.drain() if op.verb == "LMSG"], wanted)
        peers[0].send("LMSG down 2\r\nup\r\n")
        client.expect("MSG down 1 2\r\nup\r\n")
        for peer in peers:
            peer.close()
        self.wait_for(lambda: hub.leaf_count() == 0 and not client.probe("all"), "they have gone")


class ClientsTest(TopologyCase):
    def test_nats_c(self):
        """Requests of a client of a hub that is killed, answered by a client of a leafnode of another hub."""
        if not Programs.nats_c:
            self.skipTest("SKIPPED nats.c: no libnats")
        hubs = self.cluster_of(0, "H", 3)
        leaf = self.spoke(hubs[1])
        with subprocess.Popen([Programs.nats_c, hubs[0].url, leaf.url], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:  # fmt: skip
            said = []
            for line in clients.lines_of(process):
                said.append(line)
                if line == "KILL":
                    hubs[0].kill()
            process.kill()
        self.assertEqual([line for line in said if line.startswith("PASS")], ["PASS discovery", "PASS failover"], said)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--nats-c-failover")
    options, rest = parser.parse_known_args()
    Programs.nats_c = options.nats_c_failover
    sys.argv[1:] = rest
    leafnodes.main()
