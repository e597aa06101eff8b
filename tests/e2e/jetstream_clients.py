#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""JetStream for clients of a server that has none, beside three released servers that have it.

usage: jetstream_clients.py --server PATH --work-dir DIR [--cluster KINDS] ...

nats-py, nats.go and natscli connect to the server under test: streams, pull and push consumers, queue groups, ordered
consumers, key-value buckets. No delivery comes twice. A client that cannot be fetched or built is skipped and says so.
"""

import argparse
import os
import shutil
import subprocess
import sys

import clients
from support import cluster
from support.cluster import Cluster, ClusterCase, ClusterOptions

COUNT = 10_000
KINDS = "newest,newest,newest,server"
PY_PARTS = ("publish", "pull", "push", "queue", "ordered", "key_value", "acknowledged")
GO_PARTS = ("publish", "pull", "consume", "watch", "acknowledged")
TOOL_DEADLINE_S = 60
LEADER_DEADLINE_S = 60
MEMORY = "/dev/shm"
MEMORY_NEEDED = 512 * 1024 * 1024


class Programs:
    work_dir = None


class JetStreamTest(ClusterCase):
    def store(self):
        """In memory if there is room: elections and acknowledgements await the disk, which others may keep busy."""
        roomy = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > MEMORY_NEEDED
        return self.folder(within=MEMORY if roomy else None)

    def server(self):
        """The one of four that is under test; the others have elected a leader."""
        stores = [self.store() for _ in range(3)]
        members = [self.member(i, start=False) for i in range(4)]
        for member, store in zip(members, stores):
            member.settings = f'jetstream {{ store_dir: "{store}" }}'
        for member in members:
            member.routes = [other.route_url for other in members[:3]]
        for member in members:
            member.start()
        Cluster(self, members).wait_mesh()
        self.wait_for(lambda: any(m.get("/jsz")["meta_cluster"].get("leader") for m in members[:3]), "a leader",
                      LEADER_DEADLINE_S)
        return members[3]

    def build(self, prepare):
        try:
            return prepare()
        except clients.Skipped as why:
            self.skipTest(f"SKIPPED: {why}")

    def check(self, command, parts):
        server = self.server()
        with subprocess.Popen([*command, server.url, str(COUNT)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:  # fmt: skip
            said = list(clients.lines_of(process))
        passed = [line for line in said if line.startswith("PASS")]
        self.assertEqual(passed, [f"PASS {part}" for part in parts], "\n".join(said[-20:]))

    def test_nats_py(self):
        options = argparse.Namespace(work_dir=Programs.work_dir)
        python, scenarios = self.build(lambda: clients.prepare_py(options))
        self.check([python, os.path.join(os.path.dirname(scenarios), "jetstream.py")], PY_PARTS)

    def test_nats_go(self):
        def prepare():
            env = {"GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"}
            command = [clients.need("go"), "build", "-o", "jetstream/jetstream", "./jetstream"]
            return clients.built("nats_go", os.path.join(Programs.work_dir, "jetstream"), lambda _: [command], env)

        self.check([os.path.join(self.build(prepare), "jetstream", "jetstream")], GO_PARTS)

    def test_natscli(self):
        def prepare():
            env = {"GOFLAGS": "-mod=readonly -buildvcs=false", "GOTOOLCHAIN": "local"}
            command = [clients.need("go"), "build", "-o", "nats", "github.com/nats-io/natscli/nats"]
            return clients.built("monitoring_tools/natscli", Programs.work_dir, lambda _: [command], env)

        nats = os.path.join(self.build(prepare), "nats")
        server = self.server()

        def run(*command, text_in=""):
            done = subprocess.run([nats, "--server", server.url, *command], input=text_in, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  timeout=TOOL_DEADLINE_S, check=False)  # fmt: skip
            self.assertEqual(done.returncode, 0, f"{command}: {done.stdout}")
            return done.stdout

        run("stream", "add", "ORDERS", "--subjects", "orders.>", "--replicas", "3", "--defaults")
        run("publish", "orders.new", "hello", "--count", "20")
        self.assertIn("ORDERS", run("stream", "ls"))
        run("consumer", "add", "ORDERS", "PULL", "--pull", "--ack", "explicit", "--defaults")
        self.assertIn("hello", run("consumer", "next", "ORDERS", "PULL", "--count", "20", "--ack"))
        self.assertRegex(run("consumer", "info", "ORDERS", "PULL"), r"Redelivered Messages: 0")
        run("kv", "add", "bucket", "--replicas", "3")
        run("kv", "put", "bucket", "key", "value")
        self.assertIn("value", run("kv", "get", "bucket", "key", "--raw"))
        self.assertIn("JetStream", run("account", "info"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--work-dir", required=True)
    options, rest = parser.parse_known_args()
    Programs.work_dir = os.path.abspath(options.work_dir)
    ClusterOptions.kinds = KINDS.split(",")
    sys.argv[1:] = rest if any(each.startswith("--cluster") for each in rest) else [*rest, "--cluster", KINDS]
    cluster.main()
