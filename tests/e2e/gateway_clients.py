#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stock clients at both ends of a super-cluster of two clusters, two members each.

usage: gateway_clients.py --server PATH [--nats-c-across PROGRAM] [--fetch --work-dir DIR] [--clusters KINDS] ...

--fetch: nats.go and nats-py, which are fetched and built below the work directory, as by clients.py. A client that is
not to be had is skipped and says so.
"""

import argparse
import os
import subprocess
import sys

import clients
from support import super_cluster
from support.super_cluster import SuperClusterCase

SCENARIOS = ("order", "request_reply", "queue_group", "no_responders")
WITH_HEADERS = ("order", "headers", *SCENARIOS[1:])


class Programs:
    nats_c = None
    fetch = False
    work_dir = None


class ClientsTest(SuperClusterCase):
    def check(self, command, scenarios):
        near, far = self.super_cluster(2, 2)
        for one, other in ((near[0], far[1]), (near[1], far[0])):
            with subprocess.Popen([*command, one.url, other.url], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:  # fmt: skip
                said = list(clients.lines_of(process))
                process.kill()
            self.assertEqual(said, [f"PASS {each}" for each in scenarios])

    def built(self, prepare):
        if not Programs.fetch:
            self.skipTest("SKIPPED: fetched and built with --fetch only")
        try:
            return prepare()
        except clients.Skipped as why:
            self.skipTest(f"SKIPPED: {why}")

    def test_nats_c(self):
        if not Programs.nats_c:
            self.skipTest("SKIPPED nats.c: no libnats (its program comes from the Meson build)")
        self.check([Programs.nats_c], SCENARIOS)

    def test_nats_go(self):
        def prepare():
            env = {"GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"}
            command = [clients.need("go"), "build", "-o", "across/across", "./across"]
            return clients.built("nats_go", os.path.join(Programs.work_dir, "across"), lambda _: [command], env)

        self.check([os.path.join(self.built(prepare), "across", "across")], WITH_HEADERS)

    def test_nats_py(self):
        options = argparse.Namespace(work_dir=Programs.work_dir)
        python, scenarios = self.built(lambda: clients.prepare_py(options))
        self.check([python, os.path.join(os.path.dirname(scenarios), "across.py")], WITH_HEADERS)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--nats-c-across")
    parser.add_argument("--fetch", action="store_true")
    parser.add_argument("--work-dir", default="build/clients")
    options, rest = parser.parse_known_args()
    Programs.nats_c, Programs.fetch = options.nats_c_across, options.fetch
    Programs.work_dir = os.path.abspath(options.work_dir)
    sys.argv[1:] = rest
    super_cluster.main()
