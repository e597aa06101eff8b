# SPDX-License-Identifier: Apache-2.0
"""Clusters: several servers, of one kind or of several, joined by routes.

`--cluster server,2.9.10,newest` says what the members are, in turn: the binary under test, or a released server
by its version. Without it all are the binary under test. support/reference.py finds the released servers, and
RELEASES those that it cannot know; a test whose servers are not there is skipped and says so.

Waiting: Cluster.wait_mesh() until every member lists every other in /routez; ClusterCase.sync() until what one
connection subscribed is known where another publishes. Nothing waits a fixed time.
"""

import argparse
import functools
import json
import os
import re
import socket
import subprocess
import sys
import urllib.request

from support import case, reference
from support.case import DEADLINE_S, Options, ServerCase
from support.server import Server
from support.wire import Wire

ROUTES_LISTENING = re.compile(r"Listening for route connections on (\S+):(\d+)")
MONITORING = re.compile(r"Starting http monitor on (\S+):(\d+)")

# Names of a released server that are no version of support/reference.py.
RELEASES = {
    "RC19": lambda: reference.find("2.0.0-RC19"),
    "newest": reference.newest,
}
UNDER_TEST = "server"

# Two accounts with a user each, and the system account.
ACCOUNTS = """
accounts {
  A { users: [ {user: a, password: a} ] }
  X { users: [ {user: x, password: x} ] }
  SYS { users: [ {user: sys, password: sys} ] }
}
system_account: SYS
"""
USERS = ("a", "x")


class Kind:
    """A program that can be a member, and what of the protocol it knows."""

    def __init__(self, name, binary, args):
        self.name, self.binary, self.args = name, binary, args
        done = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=20, check=True)
        self.version = re.search(r"\d+\.\d+\.\d+[-\w.]*", done.stdout + done.stderr).group()
        self.is_go = name != UNDER_TEST or Options.reference is not None
        number = tuple(int(part) for part in re.match(r"(\d+)\.(\d+)", self.version).groups())
        self.names_clusters = not self.is_go or number >= (2, 2)  # headers and $SYS came with it
        self.pools = not self.is_go or number >= (2, 10)
        self.number = number if self.is_go else (99, 0)


@functools.cache
def find_kind(name):
    """None if there is no such program here."""
    if name == UNDER_TEST:
        return Kind(name, Options.server, Options.server_args)
    found = RELEASES.get(name, lambda: reference.find(name))()
    return Kind(name, found.path, []) if found else None


class HeldPort:
    """A free port that nobody else is given, while servers that ask for it by number can listen on it."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", 0))
        self.number = self.socket.getsockname()[1]

    def release(self):
        self.socket.close()


class LinkedServer(Server):
    """A server with a port for clients and one for other servers. Both stay the same, and its own, when it is
    stopped and started again. Of a kind: config_text(), and `listening`, the log line of the second port."""

    listening = None

    def __init__(self, binary, args):
        super().__init__(binary, args, config="")
        self._held = [HeldPort(), HeldPort()]
        self.port, self.link_port = (held.number for held in self._held)
        self.monitor_port = None

    def write_config(self):
        with open(self.config_file, "w", encoding="utf-8") as out:
            out.write(self.config_text())

    def start(self):
        self.write_config()
        super().start()
        if self.listening:
            self.log.wait(self.listening)
        self.monitor_port = int(self.log.wait(MONITORING)[0].group(2))
        return self

    def close(self):
        try:
            super().close()
        finally:
            for held in self._held:
                held.release()

    def get(self, path):
        url = f"http://127.0.0.1:{self.monitor_port}{path}"
        with urllib.request.urlopen(url, timeout=DEADLINE_S) as answer:
            return json.loads(answer.read())


class Member(LinkedServer):
    """One server of a cluster."""

    listening = ROUTES_LISTENING

    def __init__(self, kind, name, cluster_name, args, **parts):
        super().__init__(kind.binary, [*kind.args, "-m", "-1", *args])
        self.kind, self.name, self.cluster_name = kind, name, cluster_name
        self.route_port = self.link_port
        self.routes = []
        self.settings = ""  # of the whole server
        self.cluster_settings = ""  # inside the `cluster` block
        self.id = None
        for part, text in parts.items():
            assert hasattr(self, part), part
            setattr(self, part, text)

    @property
    def route_url(self):
        return f"nats-route://127.0.0.1:{self.route_port}"

    def config_text(self):
        routes = "\n".join(f'    "{url}"' for url in self.routes)
        names = self.kind.names_clusters
        return "\n".join([
            f"server_name: {self.name}" if names else "",
            self.settings,
            "cluster {",
            f"  name: {self.cluster_name}" if names and self.cluster_name else "",
            f"  listen: 127.0.0.1:{self.route_port}",
            self.cluster_settings,
            f"  routes = [\n{routes}\n  ]" if self.routes else "",
            "}",
            "",
        ])  # fmt: skip

    def start(self):
        super().start()
        self.id = self.get("/varz")["server_id"]
        return self

    def remote_ids(self):
        """The servers it has a route to; ids of scripted peers are among them."""
        return {route["remote_id"] for route in self.get("/routez")["routes"]}


class Cluster:
    """Its members in the order of their start."""

    def __init__(self, test, members):
        self.test, self.members = test, members

    def __getitem__(self, index):
        return self.members[index]

    def __iter__(self):
        return iter(self.members)

    def wait_mesh(self, members=None):
        """Every member (that is given) has a route to every other of them, and to nobody else."""
        members = self.members if members is None else members
        ids = {member.id for member in members}
        for member in members:
            self.test.wait_for(
                lambda m=member: m.remote_ids() == ids - {m.id},
                f"{member.name} ({member.kind.name}) has a route to each of {len(ids) - 1} others",
            )
        return self


class ClusterOptions:
    kinds = [UNDER_TEST]


class ClusterCase(ServerCase):
    def kind(self, index=0):
        return self.kinds()[index % len(self.kinds())]

    def kinds(self):
        kinds = []
        for name in ClusterOptions.kinds:
            kind = find_kind(name)
            if not kind:
                self.skipTest(f"SKIPPED: no nats-server {name}; tools/reference builds it")
            kinds.append(kind)
        return kinds

    def cluster_name(self):
        """Servers before 2.2 may dial only those whose cluster has no configured name; being dialed, they
        do not mind."""
        kinds = self.kinds()
        old_dials = kinds[0].names_clusters and not all(kind.names_clusters for kind in kinds)
        return "" if old_dials else "C1"

    def one_route(self, index=0):
        """The setting, inside the cluster block, of a server that has no pools."""
        return "  pool_size: -1" if self.kind(index).pools else ""

    def member(self, index=0, *args, routes=(), start=True, **parts):
        parts.setdefault("cluster_name", self.cluster_name())
        member = Member(self.kind(index), f"S{index}", args=args, routes=list(routes), **parts)
        self.addCleanup(member.close)
        return member.start() if start else member

    def cluster(self, size=2, *args, explicit=False, **parts):
        """A full mesh: each dials the first (explicit: and all before it), gossip does the rest."""
        if size > 2 and not self.cluster_name():
            # The first server adopts the empty name of a dialing RC19 and then refuses all that have one.
            self.skipTest("SKIPPED: servers without cluster names dial one that has a name")
        members = []
        for index in range(size):
            known = members if explicit else members[:1]
            members.append(self.member(index, *args, routes=[m.route_url for m in known], **parts))
        return Cluster(self, members).wait_mesh()

    def sync(self, subscriber, *publishers):
        """What `subscriber` subscribed or ended before now is known where `publishers` are.

        A probe that is subscribed after it: routes keep the order. Nothing else may be on its way to
        `subscriber`. The last of the probes is waited for, since a Go server may deliver one that comes just
        then after it has answered a PING behind UNSUB.
        """
        for publisher in publishers:
            probe = f"sync.{id(subscriber):x}.{id(publisher):x}"
            subscriber.send(f"SUB {probe} sync\r\n")
            head = f"MSG {probe} sync 4\r\n".encode()
            sent = came = 0

            def arrived(probe=probe, head=head, publisher=publisher):
                nonlocal sent, came
                if not came:
                    sent += 1
                    publisher.send(f"PUB {probe} 4\r\n{sent:04}\r\nPING\r\n")
                    publisher.expect(b"PONG\r\n")
                subscriber.send(b"PING\r\n")
                while subscriber.take(head):
                    came = int(subscriber.read(6))
                return came == sent

            self.wait_for(arrived, f"{probe} reaches its subscriber")
            subscriber.send(b"UNSUB sync\r\nPING\r\n")
            self.assertFalse(subscriber.take(head))

    def client(self, server, **options):
        """A connection that knows probes; `info` is what the server said first."""
        wire = Client(server.port)
        self.addCleanup(wire.close)
        wire.info = wire.open(**options)
        return wire


class Client(Wire):
    """A client connection that expects INFO at any time only where it is asked for."""

    info = None

    def take(self, content):
        """True: `content` came next. False: a PONG did."""
        while True:
            line = self.read_line() + b"\r\n"
            if line == b"PONG\r\n":
                return False
            if line.startswith(b"INFO "):
                continue
            if content.startswith(line):
                self.expect(content[len(line) :])
                return True
            raise AssertionError(f"expected {content!r} or a PONG, got {line!r}")


def main():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--cluster", default=UNDER_TEST)
    options, rest = parser.parse_known_args()
    ClusterOptions.kinds = options.cluster.split(",")
    sys.argv[1:] = rest
    case.main()
