#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clusters under load, with faults drawn from a seed: what the servers promise holds.

    chaos_test.py --server PATH [--seconds 30] [--seed N] [--members 3] [--io uring|epoll] [--workers N]
                  [--shape cluster|gateways|leafs] [--cluster server,2.9.10,newest] [--rate 2000]
                  [--only kill,cut]

The seed gives the plan: which faults, where, how long. What the servers make of it depends on the kernel, so that a
failing seed fails again often, not always. support/chaos_verdict.py says what is judged.
"""

import argparse
import collections
import concurrent.futures
import contextlib
import queue
import random
import sys
import threading

from support import cluster
from support.case import Options, server_is_sanitized
from support.chaos_faults import KINDS
from support.chaos_world import MEMORY_MB, PENDING_MB, World
from support.cluster import ClusterCase

QUIET_S = 6.0  # of the seconds: what comes after the last fault
TWICE = 0.3  # so often two faults at once


class ChaosOptions:
    """The command line."""


class Drawn(World):
    """A world in which faults are drawn."""

    def __init__(self, *args):
        super().__init__(*args)
        self.serial = 0
        self.starts = queue.Queue()
        self.used = set()
        self.done = collections.Counter()
        self.ended_well = False

    def next_serial(self):
        with self.lock:
            self.serial += 1
            return self.serial

    def start_node(self, node):
        """By the thread of the test: a server ends with the thread that has started it."""
        done = concurrent.futures.Future()

        def start():
            try:
                done.set_result(node.start())
            except Exception as error:  # goes on in the thread of the fault
                done.set_exception(error)

        self.starts.put(start)
        done.result()

    @contextlib.contextmanager
    def take_node(self, node=None):
        """One that has no other fault."""
        with self.lock:
            free = [each for each in self.nodes if each.name not in self.used]
            node = node or self.draw.choice(free)
            self.used.add(node.name)
        try:
            yield node
        finally:
            with self.lock:
                self.used.discard(node.name)

    @contextlib.contextmanager
    def take_pair(self):
        with self.lock:
            free = [pair for pair in self.pairs if pair not in self.used]
            pair = self.draw.choice(free)
            self.used.add(pair)
            names = self.draw.sample(sorted(pair), 2)
        try:
            yield tuple(names)
        finally:
            with self.lock:
                self.used.discard(pair)

    def strike(self, names):
        """All at once, and then everything must be well again."""
        self.log(f"faults: {' and '.join(names)}")
        errors = []

        def run(name, draw):
            try:
                KINDS[name][0](self, draw)
            except Exception as error:  # raised again below, in the thread of the test
                errors.append(error)

        threads = [threading.Thread(target=run, args=(name, random.Random(self.draw.random())), daemon=True)
                   for name in names]  # fmt: skip
        for each in threads:
            each.start()
        while any(each.is_alive() for each in threads):
            self.check_alive()
            with contextlib.suppress(queue.Empty):
                self.starts.get(timeout=0.05)()
        if errors:
            raise errors[0]
        self.done.update(names)
        self.settle()

    def draw_faults(self, left_s, only):
        """Names of what fits into the time that is left, or None."""
        fitting = {name: kind for name, kind in KINDS.items() if kind[2] + 2 <= left_s and name in only}
        if not fitting:
            return None
        names = self.draw.choices(list(fitting), [kind[1] for kind in fitting.values()])
        together = [name for name, kind in fitting.items() if not kind[3]]
        if not KINDS[names[0]][3] and self.draw.random() < TWICE:
            names += self.draw.choices(together, [fitting[name][1] for name in together])
        return names


class ChaosTest(ClusterCase):
    def test_what_was_promised_holds(self):
        options = ChaosOptions
        world = None

        def log(text):
            print(f"{world.now() if world else 0:8.2f} {text}", flush=True)

        print(f"seed {options.seed}: {options.members} servers of {','.join(cluster.ClusterOptions.kinds)}, "
              f"{options.shape}, {options.seconds:g} s, {options.rate:g} messages/s", flush=True)  # fmt: skip
        world = Drawn(self, options.shape, self.kinds(), options.members, options.seed, options.rate, log)
        log(f"routes with TLS: {world.tls}, with compression: {world.compression}")
        self.addCleanup(self.show_logs, world)
        world.begin()
        while names := world.draw_faults(options.seconds - QUIET_S - world.now(), options.only):
            world.strike(names)
            world.wait(world.draw.uniform(0.1, 1.0))
        world.finish()
        self.report(world)
        world.ended_well = True

    def show_logs(self, world):
        for node in [] if world.ended_well else world.nodes:
            print(f"--- {node.name} ({node.kind.version})", *node.log.lines()[-ChaosOptions.lines :], sep="\n")

    def report(self, world):
        counts = world.verdict.counts
        print(f"faults: {', '.join(f'{count} {name}' for name, count in sorted(world.done.items()))}")
        print(f"messages: {counts['published']} published, {counts['received']} received, "
              f"{counts['excused']} lost around faults, "
              f"{counts['copies']} copies around a member that left, {counts['violations']} violations")  # fmt: skip
        print(f"clients that came and went: {world.load.churned}; "
              f"settled within {world.slowest_settle_s:.1f} s; memory at most {world.peak_mb} MB; "
              f"slowest turn of the load {world.load.slowest_turn_s:.2f} s, {world.load.rests} rests")  # fmt: skip
        print(f"-ERR to clients: {dict(world.load.errors)}; {world.board.passed_bytes >> 20} MB between servers")
        self.assertGreater(counts["received"], 0)
        self.assertGreater(sum(world.done.values()), 0, "no fault")
        self.assertEqual(world.verdict.violations, [])
        if not server_is_sanitized():
            for node in world.nodes:
                limit = MEMORY_MB + PENDING_MB * len(world.nodes)
                if not node.kind.is_go:
                    self.assertLess(world.peak_mb[node.name], limit, node.name)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS)  # fmt: skip
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--members", type=int, default=3)
    parser.add_argument("--shape", choices=["cluster", "gateways", "leafs"], default="cluster")
    parser.add_argument("--rate", type=float, default=1500)
    parser.add_argument("--lines", type=int, default=80, help="of each server's log, after a failure")
    parser.add_argument("--io")
    parser.add_argument("--workers")
    parser.add_argument("--only", default=",".join(KINDS))
    _, rest = parser.parse_known_args(namespace=ChaosOptions)
    ChaosOptions.only = ChaosOptions.only.split(",")
    for name in ("io", "workers"):
        if value := getattr(ChaosOptions, name):
            rest += [f"--server-arg=--{name}", f"--server-arg={value}"]
    sys.argv[1:] = rest
    cluster.main()


if __name__ == "__main__":
    main()
