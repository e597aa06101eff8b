#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stock tools that read a server's monitoring, unchanged, against known traffic.

usage: consumers_test.py --server PATH --work-dir DIR [--fetch] [--reference VERSION] [unittest arguments]

  nats-top                   its batch mode and its screen, over HTTP and HTTPS
  prometheus-nats-exporter   its metrics
  promtool                   `check metrics` on our /metrics
  nats (natscli)             server check connection and request, rtt, pub, sub, request, bench; in a super-cluster
                             server list, info, request gateways, report gateways, connections, accounts

A tool comes from PATH, or from the work directory, where --fetch builds what monitoring_tools/ pins. A tool
that is not to be had is skipped, in so many words.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import unittest
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from clients import Skipped, built, need  # noqa: E402
from support.case import Options, ServerCase, main  # noqa: E402
from support.leaf_peer import LeafPeer  # noqa: E402
from support.screen import shown_by  # noqa: E402
from support.super_cluster import SuperClusterCase  # noqa: E402
from support.tls import Certificates  # noqa: E402
from support.traffic import Traffic  # noqa: E402

TOOL_DEADLINE_S = 60
LEAFNODES = r"Listening for leafnode connections on \S+:(\d+)"
MONITOR = r"Starting https? monitor on \S+?:(\d+)"

SORTS = ("cid", "subs", "pending", "msgs_to", "msgs_from", "bytes_to", "bytes_from", "last", "idle", "uptime")

# program: (folder of monitoring_tools/ that pins it, its Go package). The exporter's module is not served by
# every module proxy, so nothing pins it: it is used where it is installed.
TOOLS = {
    "nats-top": ("nats_top", "github.com/nats-io/nats-top"),
    "nats": ("natscli", "github.com/nats-io/natscli/nats"),
    "nsc": ("nsc", "github.com/nats-io/nsc/v2"),
    "prometheus-nats-exporter": None,
    "promtool": None,
}

ACCOUNTS = """
system_account: SYS
accounts {
  SYS { users: [ { user: admin, password: s } ] }
  APP { users: [ { user: app, password: s } ] }
}
"""
SYSTEM = f"server_name: one\n{ACCOUNTS}"


class Tools:
    """Where the programs are; each is looked for, or built, once."""

    work_dir = None
    fetch = False
    _found = {}

    @classmethod
    def path(cls, name):
        if name not in cls._found:
            try:
                cls._found[name] = cls._find(name)
            except Skipped as why:
                cls._found[name] = why
        if isinstance(cls._found[name], Skipped):
            raise unittest.SkipTest(f"SKIPPED {name}: {cls._found[name]}")
        return cls._found[name]

    @classmethod
    def _find(cls, name):
        pinned = TOOLS[name]
        if pinned and cls.fetch:
            return cls._build(name, *pinned)
        kept = os.path.join(cls.work_dir, "monitoring_tools", pinned[0], name) if pinned else ""
        found = kept if os.access(kept, os.X_OK) else shutil.which(name)
        if not found:
            raise Skipped("neither in PATH nor built here" + (" (--fetch builds it)" if pinned else ""))
        return found

    @classmethod
    def _build(cls, name, folder, package):
        go = need("go")
        env = {"GOFLAGS": "-mod=readonly -buildvcs=false", "GOTOOLCHAIN": "local"}
        commands = [[go, "build", "-o", name, package]]
        target = built(os.path.join("monitoring_tools", folder), cls.work_dir, lambda _: commands, env)
        return os.path.join(target, name)


def run(*command, text_in=None):
    """Runs a tool to its end; returns what it printed. Any other exit code than 0 fails the test."""
    done = subprocess.run(
        command,
        input=text_in,
        stdin=None if text_in is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TOOL_DEADLINE_S,
        check=False,
    )
    if done.returncode:
        raise AssertionError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}")
    return done.stdout


@contextlib.contextmanager
def running(*command):
    """A tool that runs beside the test; it ends with the block, or by itself, or at the deadline."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    guard = threading.Timer(TOOL_DEADLINE_S, process.kill)
    guard.start()
    try:
        yield process
    finally:
        guard.cancel()
        process.kill()
        process.wait()
        process.stdout.close()


def amount(text):
    """nats-top's figures: "4.9K" -> 5017.6 (it counts in steps of 1024)."""
    return float(text.rstrip("KMGT")) * 1024 ** (" KMGT".index(text[-1]) if text[-1] in "KMGT" else 0)


def free_port():
    """For programs that cannot tell which port they got; it may be taken until they bind it, so not for more."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class ConsumerCase(ServerCase):
    """A server with a monitoring port, and traffic of known size through it."""

    def monitored(self, *args, **options):
        server = self.start(*(args or ("-m", "-1")), **options)
        match, _ = server.log.wait(MONITOR)
        server.monitor_port = int(match.group(1))
        return server

    def traffic(self, server, per_second=2000, size=100):
        traffic = Traffic(server)
        self.addCleanup(traffic.close)
        traffic.subscribe("reader", "orders.>", "billing.*")
        self.publisher = traffic.publish("writer", "orders.created", per_second, size)
        return traffic.start()

    def passed(self, server, messages=3000):
        """Traffic that has come to its end; returns (messages, bytes)."""
        traffic = self.traffic(server)
        self.wait_for(lambda: self.publisher.sent >= messages, "load")
        return traffic.stop()

    def get(self, server, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{server.monitor_port}/{path}", timeout=10) as answer:
            return answer.read().decode()


class NatsTopTest(ConsumerCase):
    def command(self, server, *args):
        return [Tools.path("nats-top"), "-s", "127.0.0.1", "-m", str(server.monitor_port), *args]

    def check_batch(self, text, messages, size):
        """The rows of nats-top's batch mode with a comma between the cells."""
        rows = [line.split(",") for line in text.splitlines()]
        for word in ("In:", "Out:"):
            row = next(row for row in rows if row[0].strip() == word)
            self.assertEqual(row[row.index("Msgs:") + 1], str(messages), text)
            self.assertEqual(row[row.index("Bytes:") + 1], str(size), text)
        head = next(row for row in rows if row[0].strip() == "HOST")
        by_name = {row[head.index("NAME")]: dict(zip(head, row)) for row in rows if len(row) == len(head)}
        self.assertEqual(by_name["writer"]["MSGS_FROM"], str(messages), text)
        self.assertEqual(by_name["writer"]["BYTES_FROM"], str(size), text)
        self.assertEqual(by_name["reader"]["MSGS_TO"], str(messages), text)
        self.assertEqual(by_name["reader"]["SUBS"], "2", text)
        self.assertEqual(by_name["reader"]["LANG"], "raw", text)

    def test_batch_shows_the_traffic(self):
        server = self.monitored()
        command = self.command(server, "-b", "-d", "1", "-l", ",", "-o", "-")
        messages, size = self.passed(server)
        self.check_batch(run(*command), messages, size)
        for order in SORTS:
            self.assertIn("writer", run(*command, "-sort", order), order)
        self.assertIn("billing.*", run(*command, "-u"), "subscriptions column")

    def test_batch_over_https(self):
        certificates = Certificates(self.folder())
        config = certificates.config() + f"https: 127.0.0.1:{free_port()}\n"
        tool = Tools.path("nats-top")
        server = self.start(config=config)
        match, _ = server.log.wait(MONITOR)
        text = run(tool, "-s", "127.0.0.1", "-ms", match.group(1), "-cacert", certificates.ca, "-d", "1", "-o", "-")
        self.assertIn("Connections Polled: 0", text)

    def test_screen_shows_the_rate(self):
        server = self.monitored()
        command = self.command(server, "-d", "1", "-r", "4")
        self.traffic(server)
        code, text = shown_by(command, TOOL_DEADLINE_S)
        self.assertEqual(code, 0, text)
        for word in ("In:", "Out:"):
            rate = re.search(rf"{word}.*Msgs/Sec: ([\d.]+[KMG]?)", text)
            self.assertTrue(rate, text)
            self.assertAlmostEqual(amount(rate[1]), 2000, delta=700, msg=text)
        self.assertRegex(text, r"Connections Polled: 2")
        self.assertRegex(text, r"writer +\d+ +0 ")


class ExporterTest(ConsumerCase):
    SOURCES = ("varz", "connz_detailed", "subz", "routez", "gatewayz", "leafz", "accstatz", "accountz", "healthz")

    def scrape(self, server, *flags):
        port = free_port()
        tool = Tools.path("prometheus-nats-exporter")
        process = subprocess.Popen(
            [tool, "-a", "127.0.0.1", "-p", str(port), *flags, f"http://127.0.0.1:{server.monitor_port}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

        def scraped():
            self.assertIsNone(process.poll(), "the exporter runs")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
                    self.text = answer.read().decode()
            except OSError:
                return False
            return "gnatsd_varz_in_msgs" in self.text

        try:
            self.wait_for(scraped, "metrics of the exporter")
        finally:
            process.kill()
            process.wait()
        return self.text

    def value(self, metric, **labels):
        """The one sample of this metric whose labels are these."""
        found = []
        for line in self.text.splitlines():
            match = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
            if not match or match[1] != metric:
                continue
            have = dict(re.findall(r'(\w+)="([^"]*)"', match[2] or ""))
            if all(have.get(key, "") == value for key, value in labels.items()):
                found.append(float(match[3]))
        self.assertEqual(len(found), 1, f"{metric} {labels} in\n{self.text}")
        return found[0]

    def test_metrics_are_the_traffic(self):
        server = self.monitored()
        Tools.path("prometheus-nats-exporter")
        messages, size = self.passed(server)
        self.scrape(server, *("-" + source for source in self.SOURCES))
        for side in ("in", "out"):
            self.assertEqual(self.value(f"gnatsd_varz_{side}_msgs"), messages)
            self.assertEqual(self.value(f"gnatsd_varz_{side}_bytes"), size)
        self.assertEqual(self.value("gnatsd_varz_connections"), 2)
        self.assertEqual(self.value("gnatsd_connz_num_connections"), 2)
        self.assertEqual(self.value("gnatsd_connz_in_msgs", name="writer"), messages)
        self.assertEqual(self.value("gnatsd_connz_out_bytes", name="reader"), size)
        self.assertEqual(self.value("gnatsd_connz_subscriptions", name="reader"), 2)
        self.assertEqual(self.value("gnatsd_accstatz_received_messages", account="$G"), messages)
        self.assertEqual(self.value("gnatsd_accstatz_current_connections", account="$G"), 2)
        self.assertEqual(self.value("gnatsd_accountz_client_connections", account_id="$G"), 2)
        self.assertEqual(self.value("gnatsd_healthz_status_value", value="ok"), 1)
        self.assertEqual(self.value("gnatsd_routez_num_routes"), 0)
        self.assertEqual(self.value("gnatsd_leafz_conn_nodes_total"), 0)
        self.assertGreaterEqual(self.value("gnatsd_subsz_num_subscriptions"), 2)

    def test_by_internal_name(self):
        server = self.monitored("-m", "-1", "--name", "shop-1")
        self.scrape(server, "-varz", "-use_internal_server_name")
        self.assertIn('server_id="shop-1"', self.text)


class PromtoolTest(ConsumerCase):
    def test_our_metrics_pass_and_are_the_traffic(self):
        if Options.reference:
            self.skipTest("the reference has no /metrics")
        promtool = Tools.path("promtool")
        server = self.monitored()
        messages, size = self.passed(server)
        text = self.get(server, "metrics")
        # promtool says what it dislikes in words, some of them with exit code 0.
        self.assertEqual(run(promtool, "check", "metrics", text_in=text).strip(), "")
        samples = {}
        for line in text.splitlines():
            match = re.fullmatch(r"(\w+)(?:\{.*\})? (\S+)", line)
            if match:
                samples.setdefault(match[1], []).append(float(match[2]))
        figures = [sum(values) for values in samples.values()]
        for wanted in (messages, size):
            self.assertIn(wanted, figures, f"some metric says {wanted}:\n{text}")


class NatscliTest(ConsumerCase):
    def command(self, server, *args):
        return [Tools.path("nats"), "--no-context", "--server", server.url, *args]

    def nats(self, server, *args):
        return run(*self.command(server, *args))

    def responder(self, server, subject, body):
        """A service that answers each request with `body`."""
        wire = self.client(server, name="service")
        wire.send(f"SUB {subject} 1\r\n")
        wire.expect_quiet()
        stop = threading.Event()

        def serve():
            while not stop.is_set():
                try:
                    head = wire.read_line().decode().split()
                except AssertionError:
                    continue  # quiet for as long as a read waits
                wire.read(int(head[-1]) + 2)
                wire.send(f"PUB {head[3]} {len(body)}\r\n{body}\r\n")

        wire.deadline_s = 0.2
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(stop.set)

    def test_check_connection(self):
        server = self.start()
        # Its own limits, half a second, would test this machine.
        limits = ["--connect-warn", "20s", "--connect-critical", "30s", "--rtt-warn", "20s", "--rtt-critical", "30s"]
        limits += ["--req-warn", "20s", "--req-critical", "30s"]
        check = json.loads(self.nats(server, "server", "check", "connection", "--format", "json", *limits))
        self.assertEqual(check["status"], "OK", check)
        self.assertEqual({figure["name"] for figure in check["perf_data"]}, {"connect_time", "rtt", "request_time"})
        self.assertIn(f"connected to {server.url}", check["ok"][0])

    def test_check_request(self):
        server = self.start()
        Tools.path("nats")
        self.responder(server, "svc.echo", "all well")
        args = ["server", "check", "request", "--subject", "svc.echo", "--match-payload", "well", "--format", "json"]
        self.assertEqual(json.loads(self.nats(server, *args))["status"], "OK")

    def test_round_trip_time(self):
        server = self.start()
        self.assertRegex(self.nats(server, "rtt", "3"), r"127\.0\.0\.1:\d+: [\d.]+[mµn]?s")

    def test_publish_subscribe_request(self):
        server = self.start()
        Tools.path("nats")
        self.responder(server, "svc.echo", "hello you")
        self.assertIn("hello you", self.nats(server, "request", "--raw", "svc.echo", "anybody?"))
        with running(*self.command(server, "sub", "news.>", "--count", "3", "--headers-only")) as subscriber:
            # It says that it subscribes before the server knows: published until it has its three.
            lines = [subscriber.stdout.readline()]
            while subscriber.poll() is None:
                self.nats(server, "pub", "news.today", "-H", "Edition:late", "rain {{Count}}", "--count", "3")
            lines += subscriber.stdout
        text = "".join(lines)
        self.assertIn("news.today", text)
        self.assertIn("Edition: late", text)

    def test_bench(self):
        server = self.monitored()
        messages, size, clients = 20000, 128, 2
        count = ["bench.subject", "--msgs", str(messages), "--no-progress"]
        self.nats(server, "bench", "pub", *count, "--size", str(size))
        varz = json.loads(self.get(server, "varz"))
        self.assertEqual((varz["in_msgs"], varz["in_bytes"]), (messages, messages * size))
        with running(*self.command(server, "bench", "sub", *count, "--clients", str(clients))) as subscriber:
            self.wait_for(lambda: self.subscribers(server, "bench.subject") == clients, "subscribers")
            self.nats(server, "bench", "pub", *count, "--size", str(size))
            text, _ = subscriber.communicate()
            self.assertEqual(subscriber.returncode, 0, text)
        self.assertRegex(text, r"[\d,]+ msgs/sec")
        varz = json.loads(self.get(server, "varz"))
        self.assertEqual(varz["out_msgs"], messages * clients)

    def subscribers(self, server, subject):
        found = json.loads(self.get(server, f"subsz?subs=1&test={subject}"))
        return sum(one["subject"] == subject for one in found.get("subscriptions_list", []))

    def test_system_account(self):
        """What speaks to the server by $SYS.REQ.SERVER...: a check, the list, one server, its connections."""
        server = self.start(config=SYSTEM)
        user = ["--user", "admin", "--password", "s"]
        other = self.client(server, user="app", name="app 1", **{"pass": "s"})
        check = json.loads(self.nats(server, *user, "server", "check", "server", "--name", "one", "--format", "json"))
        self.assertEqual(check["status"], "OK", check)
        figures = {figure["name"]: figure["value"] for figure in check["perf_data"]}
        self.assertEqual(figures["connections"], 2, figures)
        self.assertGreater(figures["mem"], 1 << 20, figures)
        self.assertRegex(self.nats(server, *user, "server", "list"), r"\bone\b")
        self.assertIn("Server information for one", self.nats(server, *user, "server", "info", "one"))
        self.assertIn("app 1", self.nats(server, *user, "server", "report", "connections", "--account", "APP"))
        other.expect_quiet()

    def test_report_of_leafnodes(self):
        if Options.reference:
            self.skipTest("the reference has no names in /leafz before 2.9.15")
        Tools.path("nats")
        server = self.start(config=SYSTEM + 'leafnodes { listen: "127.0.0.1:-1" }\n')
        port = int(server.log.wait(LEAFNODES)[0].group(1))
        leaf = LeafPeer(port).setup_spoke(name="edge 1", user="app", **{"pass": "s"})
        self.addCleanup(leaf.close)
        leaf.join_hub()
        leaf.send("LS+ a\r\nLS+ b\r\n")
        leaf.drain()
        text = self.nats(server, "--user", "admin", "--password", "s", "server", "report", "leafnodes", "1")
        (row,) = [line for line in text.splitlines() if " one " in line]
        cells = [cell.strip() for cell in row.strip("│ ").split("│")]
        self.assertEqual(cells[:3], ["one", "edge 1", "APP"])
        self.assertEqual(cells[9], "2", f"subscriptions: {row}")


class NatscliSuperClusterTest(SuperClusterCase):
    """The reports over all servers of a cluster of two and one of one, asked for at either end."""

    def setUp(self):
        Tools.path("nats")
        self.clusters = self.super_cluster(2, 1, settings=ACCOUNTS)
        self.members = self.clusters.members
        self.names = [member.name for member in self.members]
        for member in self.members:
            wire = self.client(member, user="app", name=f"app at {member.name}", **{"pass": "s"})
            wire.send("SUB news 1\r\n")
            wire.expect_quiet()

    def nats(self, server, *args):
        user = ["--user", "admin", "--password", "s"]
        return run(Tools.path("nats"), "--no-context", "--server", server.url, *user, "server", *args)

    def rows(self, text):
        """The cells of a table's rows."""
        return [[cell.strip() for cell in line.strip("│┃|").split("│")] for line in text.splitlines() if "│" in line]

    def test_report_of_gateways(self):
        for server in (self.members[0], self.members[2]):
            text = self.nats(server, "report", "gateways", str(len(self.members)))
            found, name, direction = [], "", ""
            for row in self.rows(text):
                if len(row) < 6:  # the title
                    continue
                name = row[0] or name
                direction = row[3] or direction
                if row[5].startswith("gid:"):
                    found.append((name, direction, row[4].split()[0]))
            wanted = [("A0", "Outbound", "B"), ("A1", "Outbound", "B"), ("B0", "Outbound", "A")]
            wanted += [("B0", "Inbound", "A")] * 2
            inbound = [each for each in found if each[1:] == ("Inbound", "B")]
            self.assertEqual(len(inbound), 1, text)  # B0 has dialed one of the two
            self.assertEqual(sorted(found), sorted(wanted + inbound), text)

    def test_list_of_servers(self):
        text = self.nats(self.members[2], "list", str(len(self.members)))
        listed = {row[0]: row[1] for row in self.rows(text) if row[0] in self.names}
        self.assertEqual(listed, {member.name: member.cluster_name for member in self.members}, text)
        clusters = {row[0]: row for row in self.rows(text) if row[0] in ("A", "B") and len(row) < 10}
        self.assertEqual([clusters[name][1] for name in ("A", "B")], ["2", "1"], text)

    def test_report_of_connections(self):
        text = self.nats(self.members[2], "report", "connections", "--account", "APP", str(len(self.members)))
        for name in self.names:
            self.assertIn(f"app at {name}", text)

    def test_report_of_an_account(self):
        text = self.nats(self.members[0], "report", "accounts", "APP", str(len(self.members)))
        for name in self.names:
            self.assertIn(name, text)

    def test_requests_to_all_and_to_one(self):
        text = self.nats(self.members[0], "request", "gateways", str(len(self.members)))
        pages = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        found = {page["server"]["name"]: list(page["data"]["outbound_gateways"]) for page in pages}
        self.assertEqual(found, {"A0": ["B"], "A1": ["B"], "B0": ["A"]})
        self.assertIn("Server information for B0", self.nats(self.members[0], "info", "B0"))


def parse_own():
    """Takes the arguments of this program out of the command line."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--work-dir", required=True)
    parser.add_argument("--fetch", action="store_true", help="build the pinned tools")
    own, rest = parser.parse_known_args()
    Tools.work_dir = os.path.abspath(own.work_dir)
    Tools.fetch = own.fetch
    sys.argv[1:] = rest


if __name__ == "__main__":
    parse_own()
    main()
