#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A cluster that is changed while messages flow: pools, accounts with a route of their own, compression, a member
that is killed or stands still. Nothing comes twice or out of order, and when the change is over nothing is missing.
"""

import signal
import threading
import time

from support import cluster
from support.cluster import ACCOUNTS, USERS, Cluster, ClusterCase
from support.wire import WireError

TURN_S = 0.01
PER_TURN = 5


class Numbers:
    """One user's numbered messages from one member to another; `faults` says what came wrong."""

    def __init__(self, case, user, source, target):
        self.case, self.user, self.source, self.target = case, user, source, target
        self.subject = f"num.{source.name}.{target.name}"
        self.sent, self.last, self.gaps, self.faults = 0, 0, 0, []
        self.lock = threading.Lock()
        self.done = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(step,), daemon=True)
                        for step in (self.publish, self.receive)]  # fmt: skip
        for thread in self.threads:
            thread.start()

    def run(self, step):
        """The member may be killed: the step is begun again on another connection."""
        while not self.done.is_set():
            try:
                with cluster.Client((self.source if step == self.publish else self.target).port, deadline_s=5) as wire:
                    wire.open(user=self.user, **{"pass": self.user})
                    step(wire)
            except (WireError, OSError):
                time.sleep(TURN_S)

    def publish(self, wire):
        while not self.done.wait(TURN_S) and not wire.ended:
            lines = ""
            for _ in range(PER_TURN):
                self.sent += 1
                body = f"{self.sent} {'x' * (self.sent % 900)}"
                lines += f"PUB {self.subject} {len(body)}\r\n{body}\r\n"
            wire.send(lines)
            if wire.receive(time.monotonic() + 0.0005):
                wire.buffer.clear()
                wire.send("PONG\r\n")

    def receive(self, wire):
        wire.send(f"SUB {self.subject} 1\r\n")
        is_first = True
        while not self.done.is_set():
            line = wire.read_line()
            if not line.startswith(b"MSG"):
                continue
            body = wire.read(int(line.split()[-1]) + 2)
            with self.lock:
                number = int(body.split()[0])
                if number <= self.last:
                    self.faults.append(f"{self.subject} of {self.user}: {number} after {self.last}")
                elif number != self.last + 1 and not is_first:
                    self.gaps += 1
                is_first, self.last = False, max(number, self.last)

    def state(self):
        with self.lock:
            return self.last, self.gaps


class LiveTest(ClusterCase):
    def setUp(self):
        if not all(kind.pools for kind in self.kinds()):
            self.skipTest("pools came with 2.10")
        self.members = []
        for index in range(2):
            self.members.append(self.member(index, settings=ACCOUNTS, cluster_settings=self.settings(),
                                            routes=[m.route_url for m in self.members]))  # fmt: skip
        Cluster(self, self.members).wait_mesh()
        one, other = self.members
        self.flows = [Numbers(self, user, *ends) for user in USERS for ends in ((one, other), (other, one))]
        self.wait_all_whole()

    def settings(self, pool_size=3, pinned="", compression="accept"):
        accounts = f"  accounts: [{pinned}]\n" if pinned else ""
        return f"  pool_size: {pool_size}\n  compression: {compression}\n{accounts}"

    def wait_all_whole(self):
        """Messages pass in all directions, without a gap for some hundred of them."""
        for flow in self.flows:
            def is_whole(flow=flow):
                last, gaps = flow.state()
                end = time.monotonic() + 2
                while flow.state()[0] < last + 100 and time.monotonic() < end:
                    time.sleep(TURN_S)
                now, gaps_now = flow.state()
                return now >= last + 100 and gaps_now == gaps

            self.wait_for(is_whole, f"{flow.subject} of {flow.user} is whole again")

    def end(self):
        for flow in self.flows:
            flow.done.set()
        for flow in self.flows:
            for thread in flow.threads:
                thread.join(timeout=20)
                self.assertFalse(thread.is_alive())
        self.assertEqual([fault for flow in self.flows for fault in flow.faults], [])

    def reload(self, **settings):
        for member in self.members:
            mark = len(member.log.lines())
            member.cluster_settings = self.settings(**settings)
            member.write_config()
            member.send_signal(signal.SIGHUP)
            member.log.wait("Reloaded: cluster", after=mark)
        self.wait_all_whole()

    def test_pools(self):
        for size in (5, 1, 3):
            self.reload(pool_size=size)
        self.end()

    def test_accounts_with_a_route_of_their_own(self):
        for pinned in ("X", "A, X", "A", ""):
            self.reload(pinned=pinned)
        self.end()

    def test_compression(self):
        for mode in ("s2_fast", "s2_better", "s2_auto", "off", "accept"):
            self.reload(compression=mode)
        self.end()

    def test_a_member_is_killed(self):
        for member in self.members:
            member.kill()
            member.start()
            self.wait_all_whole()
        self.end()

    def test_a_member_stands_still(self):
        for member in self.members:
            member.send_signal(signal.SIGSTOP)
            time.sleep(0.5)
            member.send_signal(signal.SIGCONT)
        self.wait_all_whole()
        self.end()
        self.assertEqual([flow.gaps for flow in self.flows], [0] * len(self.flows))


if __name__ == "__main__":
    cluster.main()
