#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The dashboard in a real browser against a server under known load; browser/dashboard.mjs has the checks.

usage: browser_test.py --server PATH --work-dir DIR [--shots DIR] [--reference VERSION] [unittest arguments]

Needs node, npm (playwright-core and axe-core come from the lock beside the program) and chromium; where
one is absent everything is skipped, in so many words. The reference has another page at /: there a proxy
serves ours in front of the reference's endpoints.
"""

import argparse
import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from clients import Skipped, built, need  # noqa: E402
from support.case import Options, ServerCase, main  # noqa: E402
from support.page_proxy import PageProxy  # noqa: E402
from support.server import Server  # noqa: E402
from support.traffic import Traffic  # noqa: E402
from support.wire import Wire  # noqa: E402

RUN_DEADLINE_S = 150
MONITOR = r"Starting http monitor on \S+?:(\d+)"
# What the reference does not serve.
REFERENCE_LACKS = ["workerz", "topz", "metrics"]
HOSTILE = [
    "<img src=x onerror=\"window.pwned=1\">",
    "\"><script>window.pwned=1</script>",
    "</td></tr></table><iframe srcdoc='<script>parent.pwned=1</script>'>",
    "${window.pwned=1}{{7*7}}javascript:pwned",
    "invoice\u202egnp.exe\u0007",
]
HOSTILE_SUBJECT = "<img/src=x/onerror='window.pwned=1'>"

PER_SECOND = 2000
SIZE = 100


class Browser:
    """What a run needs; prepared once."""

    work_dir = None
    shots = None
    program = None

    @classmethod
    def prepare(cls):
        if cls.program:
            return
        node, npm = need("node"), need("npm")
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        if not chromium:
            raise Skipped("no chromium")
        commands = [[npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]]
        target = built("browser", cls.work_dir, lambda _: commands)
        cls.program = [node, os.path.join(target, "dashboard.mjs")]
        cls.chromium = chromium


def address_of(server, what):
    match, _ = server.log.wait(rf"Listening for {what} connections on (\S+:\d+)")
    return match.group(1)


def start_neighbours(start):
    """A monitored server with a member, another cluster, a leafnode and a hub, and two that it asks for in vain.

    start(*args, config=TEXT) starts a server. Returns the monitored one, that of the other cluster, and the leafnode.
    """
    nobody = "127.0.0.1:1"
    shared = "accounts { G { users: [ { user: g, password: g } ] } }\nno_auth_user: g\n"
    hub = start(config='server_name: hub\nleafnodes { listen: "127.0.0.1:-1" }\n')
    east = start(
        "-m", "-1",
        config=f"""
        server_name: east-1
        max_pending: 4MB
        cluster {{ name: east, listen: "127.0.0.1:-1" }}
        gateway {{ name: east, listen: "127.0.0.1:-1", gateways: [ {{ name: north, url: "nats://{nobody}" }} ] }}
        accounts {{
          A {{ users: [ {{ user: a, password: a }} ] }}
          G {{ users: [ {{ user: g, password: g }} ] }}
          SYS {{ users: [ {{ user: s, password: s }} ] }}
        }}
        system_account: SYS
        no_auth_user: g
        leafnodes {{
          listen: "127.0.0.1:-1"
          remotes: [ {{ url: "nats-leaf://{address_of(hub, 'leafnode')}", account: G }}
                     {{ url: "nats-leaf://{nobody}", account: A }} ]
        }}
        """,
    )  # fmt: skip
    start(
        config=f"""
        server_name: east-2
        cluster {{ name: east, listen: "127.0.0.1:-1", routes: [ "nats://{address_of(east, 'route')}" ] }}
        gateway {{ name: east, listen: "127.0.0.1:-1" }}
        {shared}"""
    )
    west = start(
        config=f"""
        server_name: west-1
        gateway {{
          name: west, listen: "127.0.0.1:-1"
          gateways: [ {{ name: east, url: "nats://{address_of(east, 'gateways')}" }} ]
        }}
        {shared}"""
    )
    edge = start(
        config=f"""
        server_name: edge-1
        leafnodes {{ remotes: [ {{ url: "nats-leaf://g:g@{address_of(east, 'leafnode')}" }} ] }}
        """
    )
    return east, west, edge


class PageCase(ServerCase):
    def monitored(self, *args, **options):
        """A server with a monitoring port, and the address of the dashboard."""
        server = self.start("-m", "-1", *args, **options)
        return server, self.page_of(server)

    def page_of(self, server):
        match, _ = server.log.wait(MONITOR)
        server.monitor_port = int(match.group(1))
        url = f"http://127.0.0.1:{server.monitor_port}/"
        if not Options.reference:
            return url
        proxy = PageProxy(url)
        self.addCleanup(proxy.close)
        return proxy.url



class PageTest(PageCase):
    """What can be said of the page without a browser."""

    def setUp(self):
        _, self.url = self.monitored()
        with urllib.request.urlopen(self.url, timeout=10) as answer:
            self.assertEqual(answer.headers["Content-Type"], "text/html; charset=utf-8")
            self.page = answer.read().decode()

    def test_nothing_comes_from_elsewhere(self):
        self.assertNotRegex(self.page, r"\bsrc=|@import|url\(|<(?:img|iframe|object|embed|form)\b")
        for target in re.findall(r'href="([^"]*)"', self.page):
            self.assertRegex(target, r"^(#|data:image/svg|[a-z]+(\?n=10)?$|https://docs\.nats\.io/)")

    def test_policy_allows_what_is_there_and_nothing_else(self):
        (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', self.page)
        rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
        for rule, tag in (("script-src", "script"), ("style-src", "style")):
            (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", self.page, re.DOTALL)
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            self.assertEqual(rules[rule], f"'sha256-{digest}'")
        self.assertEqual(rules["default-src"], "'none'")
        self.assertEqual(rules["connect-src"], "'self'")
        self.assertEqual(rules["require-trusted-types-for"], "'script'")
        self.assertNotIn("unsafe", policy)


class BrowserTest(PageCase):
    def setUp(self):
        try:
            Browser.prepare()
        except Skipped as why:
            self.skipTest(f"SKIPPED dashboard in a browser: {why}")

    def load(self, server):
        traffic = Traffic(server)
        self.addCleanup(traffic.close)
        traffic.subscribe("reader", "orders.>", "billing.*", "unused")
        traffic.subscribe("idle", "nothing.here")
        traffic.publish("writer", "orders.created", PER_SECOND, SIZE)
        traffic.publish("rare", "nobody.listens", 0, SIZE)
        return traffic.start()

    def run_scenario(self, name, url, **config):
        config = {
            "url": url,
            "chromium": Browser.chromium,
            "shots": Browser.shots,
            "lacks": REFERENCE_LACKS if Options.reference else [],
            "healthy": "healthy",
            "per_second": PER_SECOND,
            "size": SIZE,
            "publisher": "writer",
            "subscriber": "reader",
            "subject": "orders.created",
            **config,
        }
        answers = config.pop("answers", {})
        process = subprocess.Popen(
            [*Browser.program, name, json.dumps(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        # Whatever hangs, the browser ends with its driver.
        guard = threading.Timer(RUN_DEADLINE_S, process.kill)
        guard.start()
        output = []
        try:
            for line in process.stdout:
                word = line.strip()
                if word in answers:
                    answers[word]()
                    process.stdin.write("done\n")
                    process.stdin.flush()
                else:
                    output.append(line.rstrip())
            code = process.wait()
        finally:
            guard.cancel()
            process.stdin.close()
            process.stdout.close()
        self.assertEqual(code, 0, "\n".join(output[-40:]))

    # The scenarios.

    def test_figures_are_right_and_move(self):
        server, url = self.monitored()
        traffic = self.load(server)
        self.run_scenario("figures", url, answers={"QUIET": traffic.stop})

    def test_workers_and_talkers(self):
        server, url = self.monitored()
        self.load(server)
        self.run_scenario("workers", url)

    def test_routes_gateways_and_leafnodes(self):
        east, west, edge = start_neighbours(self.start)
        for server in (west, edge):
            traffic = Traffic(server)
            self.addCleanup(traffic.close)
            traffic.subscribe("reader", "orders.>")
        self.load(east)
        self.run_scenario("peers", self.page_of(east), answers={"STOP": edge.stop})

    def test_sorting_and_filter(self):
        server, url = self.monitored()
        self.load(server)
        self.run_scenario("sorting", url)

    def test_hostile_names_are_inert(self):
        server, url = self.monitored()
        for name in HOSTILE:
            client = self.client(server, name=name, lang="<i>x</i>", version="1" * 60)
            client.send(f"PUB {HOSTILE_SUBJECT} 2\r\nhi\r\n")
            self.client(server, name=name).close()
        # What cannot be seen is spelled out.
        names = [name.replace("\u202e", "\\u202e").replace("\u0007", "\\u0007") for name in HOSTILE]
        self.run_scenario("hostile", url, names=names, subject=HOSTILE_SUBJECT)

    def test_slow_consumer_with_its_reason(self):
        server, url = self.monitored(config="max_pending: 1MB\n")
        slow = Wire(server.port, receive_bytes=4096)
        self.addCleanup(slow.close)
        slow.open(name="slow reader")
        slow.send("SUB flood 1\r\n")
        slow.expect_quiet()
        self.client(server, name="well").close()
        publisher = self.client(server, name="publisher")
        frame = b"PUB flood 65536\r\n" + b"x" * 65536 + b"\r\n"
        for _ in range(400):
            publisher.send(frame)
        publisher.expect_quiet()
        self.run_scenario("slow", url, slow="slow reader")

    def test_looks(self):
        server, _, _ = start_neighbours(self.start)
        self.load(server)
        self.run_scenario("looks", self.page_of(server))

    def test_steady_layout(self):
        server, url = self.monitored()
        self.load(server)
        self.run_scenario("steady", url)

    def test_links_without_script(self):
        _, url = self.monitored()
        self.run_scenario("without_script", url)

    def test_below_a_base_path(self):
        if Options.reference:
            self.skipTest("the proxy in front of the reference serves the page at / only")
        server = self.start(config='http_port: -1\nhttp_base_path: "/nats/one"\n')
        self.run_scenario("base_path", self.page_of(server) + "nats/one")

    def test_server_goes_away_and_comes_back(self):
        server, url = self.monitored()
        again = Server(server.binary, [*Options.server_args, "-m", str(server.monitor_port)])
        self.addCleanup(again.close)
        self.run_scenario("away", url, answers={"STOP": server.stop, "START": again.start})

    def test_hidden_page_asks_nothing(self):
        _, url = self.monitored()
        self.run_scenario("hidden", url)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--work-dir", required=True)
    parser.add_argument("--shots", help="folder for screenshots")
    own, rest = parser.parse_known_args()
    Browser.work_dir = os.path.abspath(own.work_dir)
    if own.shots:
        Browser.shots = os.path.abspath(own.shots)
        os.makedirs(Browser.shots, exist_ok=True)
    sys.argv[1:] = rest
    main()
