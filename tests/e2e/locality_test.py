#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Locality: on which worker a connection lives. Ours alone: other servers have no workers."""

import threading

from support import case
from support.monitoring import MonitoringCase


class LocalityCase(MonitoringCase):
    asked = 0

    def setUp(self):
        if case.Options.reference is not None:
            self.skipTest("the reference has no workers")

    def workers(self, server):
        LocalityCase.asked += 1  # the same page may come out of a cache
        return self.get(server, f"/workerz?look={self.asked}")["workers"]

    def flood(self, server):
        """A client that keeps its worker busy until the test ends."""
        client = self.client(server)
        block = "".join(f"PUB flood.{i} 0\r\n\r\n" for i in range(20_000)).encode()
        ended = threading.Event()

        def run():
            while not ended.is_set():
                client.send(block)

        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(ended.set)
        return client


class PlacementTest(LocalityCase):
    def test_idle_workers_get_equal_shares(self):
        server = self.monitored("--workers", "3")
        for _ in range(6):
            self.client(server)
        self.assertEqual([worker["connections"] for worker in self.workers(server)], [2, 2, 2])

    def test_new_clients_avoid_a_busy_worker(self):
        server = self.monitored("--workers", "2")
        for _ in range(15):  # what a client costs on average is little
            self.client(server)
        self.flood(server)

        def is_skewed():
            busy = sorted(worker["busy"] for worker in self.workers(server))
            return busy[1] - busy[0] > 0.4

        self.wait_for(is_skewed, "one busy worker")
        idle, busy = sorted(self.workers(server), key=lambda worker: worker["busy"])
        for _ in range(4):
            self.client(server)
        workers = self.workers(server)
        self.assertEqual(workers[busy["id"]]["connections"], 8)
        self.assertEqual(workers[idle["id"]]["connections"], 12)


if __name__ == "__main__":
    case.main()
