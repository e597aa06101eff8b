#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A stock client (nats.c) at both ends of a super-cluster of two clusters, two members each.

usage: gateway_clients.py --server PATH --nats-c-across PROGRAM [--clusters KINDS] ...
"""

import argparse
import subprocess
import sys

import clients
from support import super_cluster
from support.super_cluster import SuperClusterCase

SCENARIOS = ("order", "request_reply", "queue_group", "no_responders")


class Programs:
    nats_c = None


class ClientsTest(SuperClusterCase):
    def test_nats_c(self):
        near, far = self.super_cluster(2, 2)
        for one, other in ((near[0], far[1]), (near[1], far[0])):
            with subprocess.Popen([Programs.nats_c, one.url, other.url], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:  # fmt: skip
                said = list(clients.lines_of(process))
                process.kill()
            self.assertEqual(said, [f"PASS {each}" for each in SCENARIOS])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--nats-c-across", required=True)
    options, rest = parser.parse_known_args()
    Programs.nats_c = options.nats_c_across
    sys.argv[1:] = rest
    super_cluster.main()
