#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stock clients in a cluster of three: discovery of servers, and failover when theirs is killed.

usage: cluster_clients.py --server PATH --work-dir DIR [--nats-c-failover PROGRAM] [--go] [--cluster KINDS] ...

A client without its library or toolchain is skipped and says so.
"""

import argparse
import os
import subprocess
import sys

import clients
from support import cluster
from support.route_peer import PeerCase


class Programs:
    nats_c = None
    go = False
    work_dir = None


class ClientsTest(PeerCase):
    def check(self, program, title):
        servers = self.cluster(3)
        goes, stays = servers[1], servers[2]
        with subprocess.Popen([*program, goes.url, stays.url], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:  # fmt: skip
            said = []
            for line in clients.lines_of(process):
                said.append(line)
                if line == "KILL":
                    goes.kill()
            process.kill()
        self.assertEqual([line for line in said if line.startswith("PASS")], ["PASS discovery", "PASS failover"],
                         f"{title}: {said}")  # fmt: skip

    def test_nats_c(self):
        if not Programs.nats_c:
            self.skipTest("SKIPPED nats.c: no libnats")
        self.check([Programs.nats_c], "nats.c")

    def test_nats_go(self):
        if not Programs.go:
            self.skipTest("SKIPPED nats.go: fetched and built with --go only")
        try:
            go = clients.need("go")
            env = {"GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"}
            command = [go, "build", "-o", "failover/failover", "./failover"]
            target = clients.built("nats_go", Programs.work_dir, lambda _: [command], env)
        except clients.Skipped as why:
            self.skipTest(f"SKIPPED nats.go: {why}")
        self.check([os.path.join(target, "failover", "failover")], "nats.go")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--nats-c-failover")
    parser.add_argument("--go", action="store_true")
    parser.add_argument("--work-dir")
    options, rest = parser.parse_known_args()
    Programs.nats_c, Programs.go = options.nats_c_failover, options.go
    if options.work_dir:
        Programs.work_dir = os.path.abspath(os.path.join(options.work_dir, "failover"))
    sys.argv[1:] = rest
    cluster.main()
