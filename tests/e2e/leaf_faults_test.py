#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hubs that are killed or restarted one after the other, with numbered messages: nothing is lost between servers
that stay, nothing comes twice, and a leafnode finds the next hub. A stock client in the same place.

Besides the arguments of every test: [--nats-c-failover PROGRAM], skipped without it.
"""

import argparse
import signal
import subprocess
import sys
import threading
import time

import clients
from leaf_topology_test import TopologyCase
from support import leafnodes

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
        server = self.leaf_server(1, name, remotes=[f"urls: [ {urls} ], {remote}"], listen=False,
                                  block='reconnect: "50ms"')  # fmt: skip
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
                        self.wait_for(lambda: any(
                            leaf["name"] == moves.name for hub in (one, two) for leaf in hub.get("/leafz")["leafs"]),
                            "which knows it")  # fmt: skip
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
