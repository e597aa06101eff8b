# SPDX-License-Identifier: Apache-2.0
"""World: servers whose links go through a Switchboard, under the load of chaos_load, judged by chaos_verdict.

Shapes: `cluster`, one cluster; `gateways`, two clusters joined by gateways; `leafs`, a cluster whose servers have
leafnode connections to a hub cluster.
"""

import contextlib
import random
import re
import threading

from support.case import resident_bytes
from support.chaos_load import DEAD_SUBJECTS, Load, Publisher, Subscriber
from support.chaos_verdict import BOUND_S, LEAVE_S, Verdict
from support.cluster import ROUTES_LISTENING, HeldPort, LinkedServer
from support.switchboard import Switchboard
from support.tls import Certificates
from support.wire import Wire

SUBJECTS = ["chaos.0", "chaos.1", "chaos.2", "chaos.3", "deep.1.x"]
PATTERNS = [("chaos.1", ""), ("chaos.>", ""), ("*.1.x", ""),
            ("chaos.>", "work"), ("deep.*.x", "work"), ("chaos.*", "churn")]  # fmt: skip
ACCOUNTS = "ab"  # of the load; b has connections of its own between servers that can have them
PENDING_MB = 16
MEMORY_MB = 64  # of a server; for each link one PENDING_MB more
BAD_LINES = re.compile(r"\[FTL\]|[Aa]ssert|panic|Sanitizer")

SETTINGS = """
accounts {
  a { users: [ { user: a, password: a } ] }
  b { users: [ { user: b, password: b } ] }
  f { users: [ { user: f, password: f } ] }
}
ping_interval: "2s"
ping_max: 3
max_pending: %dMB
lame_duck_duration: "30s"
lame_duck_grace_period: "1s"
""" % PENDING_MB


class Node(LinkedServer):
    """One server of the world."""

    def __init__(self, kind, name, cluster_name):
        super().__init__(kind.binary, [*kind.args, "-m", "-1"])
        self.kind, self.name, self.cluster_name = kind, name, cluster_name
        self._held.append(HeldPort())
        self.other_port = self._held[-1].number  # for gateways or leafnodes
        self.route_port = self.link_port
        self.listening = ROUTES_LISTENING
        self.blocks = ""
        self.takes_clients = False  # also: it must run

    def config_text(self):
        return f"server_name: {self.name}\n{SETTINGS}{self.blocks}"

    def start(self):
        super().start()
        self.id = self.get("/varz")["server_id"]
        self.takes_clients = True
        return self


class World:
    """Threads: one calls; the load and the switchboard have their own."""

    def __init__(self, test, shape, kinds, size, seed, rate, log):
        self.test, self.shape, self.size, self.log = test, shape, size, log
        self.draw = random.Random(seed)
        self.lock = threading.RLock()
        self.nodes, self.pairs, self.clusters = [], [], {}
        self.peak_mb, self.slowest_settle_s = {}, 0.0
        self.tls = self.draw.random() < 0.5
        self.compression = self.draw.random() < 0.3
        self.certificates = Certificates(test.folder())
        self.board = Switchboard().start()
        test.addCleanup(self.board.close)
        self._build(kinds)
        self.verdict = Verdict(self.depends, lambda text: log(text))
        self.load = Load(self.verdict, self.nodes, seed + 1)
        test.addCleanup(self.load.stop)
        for node in self.nodes:
            node.start()
            self._fill(node, rate / len(self.nodes) / len(ACCOUNTS))
        self.load.start()

    # The servers.

    def _build(self, kinds):
        sizes = {"cluster": {"A": self.size}}.get(self.shape, {"A": self.size - self.size // 2, "B": self.size // 2})
        for cluster_name, count in sizes.items():
            for number in range(count):
                node = Node(kinds[len(self.nodes) % len(kinds)], f"{cluster_name}{number}", cluster_name)
                self.test.addCleanup(node.close)
                self.nodes.append(node)
                self.clusters.setdefault(cluster_name, []).append(node)
                self.board.add(node.name, node)
        for node in self.nodes:
            node.route_proxy = self.board.listen(node.name, node.route_port)
            node.other_proxy = self.board.listen(node.name, node.other_port)
        for node in self.nodes:
            node.blocks = self._cluster_block(node) + self._other_block(node) + self._tls_block()
        for number, one in enumerate(self.nodes):
            for other in self.nodes[:number]:
                if self.shape != "leafs" or one.cluster_name == other.cluster_name or one.cluster_name == "B":
                    self.pairs.append(frozenset((one.name, other.name)))
        self.everything = frozenset([*self.pairs, *(node.name for node in self.nodes)])

    def _cluster_block(self, node):
        others = [each for each in self.clusters[node.cluster_name] if each is not node]
        pools = all(each.kind.pools for each in self.clusters[node.cluster_name])
        routes = ", ".join(f'"nats-route://127.0.0.1:{each.route_proxy}"' for each in others)
        return "\n".join([
            "cluster {",
            f"  name: {node.cluster_name}",
            f"  listen: 127.0.0.1:{node.route_port}",
            f'  advertise: "127.0.0.1:{node.route_proxy}"',
            f"  routes: [ {routes} ]" if others else "",
            "  accounts: [ b ]" if pools else "",
            "  compression: s2_fast" if pools and self.compression else "",
            f"  {self._tls_block('verify: true')}" if self.tls else "",
            "}\n",
        ])  # fmt: skip

    def _other_block(self, node):
        listen = f'listen: 127.0.0.1:{node.other_port}, advertise: "127.0.0.1:{node.other_proxy}"'
        if self.shape == "gateways":
            remotes = "\n".join(
                f"{{ name: {name}, urls: [ "
                + ", ".join(f'"nats://127.0.0.1:{each.other_proxy}"' for each in members) + " ] }"
                for name, members in self.clusters.items())  # fmt: skip
            return f"gateway {{ name: {node.cluster_name}, {listen}\n  gateways: [\n{remotes}\n ] }}\n"
        if self.shape == "leafs" and node.cluster_name == "A":
            return f"leafnodes {{ {listen} }}\n"
        if self.shape == "leafs":
            remotes = "\n".join(
                "{ account: %s, urls: [ %s ] }" % (account, ", ".join(
                    f'"nats-leaf://{account}:{account}@127.0.0.1:{each.other_proxy}"' for each in self.clusters["A"]))
                for account in ACCOUNTS)  # fmt: skip
            return f'leafnodes {{ reconnect: "1s"\n remotes: [\n{remotes}\n ] }}\n'
        return ""

    def _tls_block(self, *lines):
        files = self.certificates
        inside = [f'cert_file: "{files.cert}"', f'key_file: "{files.key}"', f'ca_file: "{files.ca}"', *lines]
        return "tls { " + ", ".join(inside) + " }" + ("" if lines else "\nallow_non_tls: true\n")

    def _fill(self, node, per_second):
        for account in ACCOUNTS:
            name = f"{account}{node.name}"
            self.load.add(Publisher(self.load, f"p{name}", node, account, SUBJECTS, per_second))
            self.load.add(Subscriber(self.load, f"s{name}", node, account, PATTERNS))

    def depends(self, one, other):
        """The elements on the way between two servers; between clusters any of them may be."""
        if one == other:
            return frozenset((one,))
        if one[0] == other[0]:
            return frozenset((one, other, frozenset((one, other))))
        return self.everything

    def node(self, name):
        return next(each for each in self.nodes if each.name == name)

    # Time.

    def now(self):
        return self.load.clock()

    def wait(self, seconds):
        """Lets the load go on."""
        threading.Event().wait(seconds)

    def begin_fault(self, name, *elements):
        self.log(f"  {name}")
        now = self.now()  # to get the lock may take its time
        with self.load.lock:
            return self.verdict.begin_fault(name, elements, now)

    def heal(self, fault):
        with self.load.lock:
            fault.heal = self.now()

    def withdraw(self, fault):
        with self.load.lock:
            self.verdict.withdraw_fault(fault)

    # What must be so again after faults.

    def settle(self):
        """Everybody is connected and every flow goes on; within a bounded time."""
        since = self.now()
        while (left := self._unsettled(since)) and self.now() - since < BOUND_S:
            self.check_alive()
            self.wait(0.02)
        took = self.now() - since
        self.slowest_settle_s = max(self.slowest_settle_s, took)
        with self.load.lock:
            if left:
                self.verdict.fail(f"not settled within {BOUND_S} s: {left[:6]} ({len(left)})")
            self.verdict.settle(self.now())
        self.log(f"settled after {took:.2f} s")

    def _unsettled(self, since):
        with self.load.lock:
            away = [f"{each.name} {each.state}" for each in self.load.clients if not each.ready]
            return away + self.verdict.missing_since(since)

    def begin(self):
        self.settle()
        with self.load.lock:
            for account in ACCOUNTS:
                for pattern, queue in PATTERNS:
                    if queue:
                        self.verdict.be_strict(account, pattern, queue, self.now())
            self.load.churns = True

    def check_alive(self):
        if self.load.failed:
            raise self.load.failed
        for node in self.nodes:
            if node.takes_clients and not node.running():
                raise AssertionError(f"{node.name} died: {node.log.text()[-3000:]}")
            with contextlib.suppress(OSError, IndexError):  # it may be about to end
                self.peak_mb[node.name] = max(self.peak_mb.get(node.name, 0), resident_bytes(node.pid) >> 20)

    def finish(self):
        """The last fault is over."""
        load = self.load
        self.settle()
        with load.lock:
            load.churns = False
            for each in load.passing:
                each.leave()
        self._await("the end of passing clients", lambda: not load.passing)
        self.settle()
        self.wait(LEAVE_S + 0.5)  # from here on nothing is excused
        with load.lock:
            ended = load.now
            for each in load.publishers():
                each.wanted = False
                each.leave()
        self._await("the end of publishers", lambda: not any(each.socket for each in load.publishers()))
        self._await("all that was published", lambda: not self.verdict.incomplete(ended),
                    lambda: self.verdict.incomplete(ended))  # fmt: skip
        self.wait(0.5)  # what comes twice has come by then
        with load.lock:
            self.verdict.sweep(load.now + 1, 0)
        self._check_mesh()
        self._check_interest()
        self._check_dead_subjects()
        self.check_alive()
        for node in self.nodes:
            for line in node.log.lines():
                if BAD_LINES.search(line):
                    self.verdict.fail(f"{node.name} has said: {line}")

    def _await(self, what, good, detail=lambda: ""):
        end = self.now() + BOUND_S
        while True:
            self.check_alive()
            with self.load.lock:
                if good():
                    return
                if self.now() > end:
                    self.verdict.fail(f"not within {BOUND_S} s: {what} {detail()}")
                    return
            self.wait(0.02)

    def _others(self, node):
        return [each for each in self.clusters[node.cluster_name] if each is not node]

    def _check_mesh(self):
        """Both ends of each pair have the same number of connections."""
        for node in self.nodes:
            for other in self._others(node):
                def counts(node=node, other=other):
                    return self._count_routes(node, other), self._count_routes(other, node)

                self._await(f"routes between {node.name} and {other.name}",
                            lambda: 0 < counts()[0] == counts()[1], lambda: counts())  # fmt: skip
            wanted = {each.id for each in self._others(node)}
            found = {route["remote_id"] for route in node.get("/routez")["routes"]}
            if found != wanted:
                self.verdict.fail(f"{node.name} has routes to {found}, not to {wanted}")

    @staticmethod
    def _count_routes(node, other):
        return sum(route["remote_id"] == other.id for route in node.get("/routez")["routes"])

    def _check_interest(self):
        """What each server knows of the subscriptions of the others in its cluster."""
        wanted = sorted(pattern for pattern, _ in PATTERNS for _ in ACCOUNTS)
        if self.shape != "cluster":
            return
        for node in self.nodes:
            for other in self._others(node):
                def found(node=node, other=other):
                    routes = node.get("/routez?subs=1")["routes"]
                    return sorted(subject for route in routes if route["remote_id"] == other.id
                                  for subject in route.get("subscriptions_list") or [] if subject[0] not in "$_")

                self._await(f"{node.name} knows the subscriptions of {other.name}", lambda: found() == wanted,
                            lambda: f"{found()} is not {wanted}")  # fmt: skip

    def _check_dead_subjects(self):
        """Nobody wants them any more, and every server knows."""
        for node in self.nodes:
            for account in ACCOUNTS:
                with Wire(node.port) as wire:
                    wire.open(user=account, headers=True, no_responders=True, **{"pass": account})
                    wire.send("SUB answer 1\r\n")
                    for number in range(DEAD_SUBJECTS):
                        subject = f"gone.{number}"
                        self._await(f"{node.name} knows nobody for {subject} of {account}",
                                    lambda s=subject, w=wire: self._is_dead(w, s))  # fmt: skip

    @staticmethod
    def _is_dead(wire, subject):
        wire.send(f"PUB {subject} answer 0\r\n\r\nPING\r\n")
        dead = False
        while (line := wire.read_line()) != b"PONG":
            if line.startswith(b"HMSG answer 1 "):
                wire.read(int(line.split()[-1]) + 2)
                dead = True
        return dead
