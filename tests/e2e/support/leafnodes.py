# SPDX-License-Identifier: Apache-2.0
"""Hubs and spokes: servers, of one program or of two, joined by leafnode connections.

`--leafs hub,spoke` says what the hub and the spoke are: `server`, the binary under test, or the version of a released
server as in `2.9.10`, `RC19` or `newest` (support/cluster.py). Without it both are the binary under test. A test whose
servers are not there is skipped and says so; so is one that `differs()` at such a server.
"""

import argparse
import functools
import re
import sys
import unittest

from support import case
from support.case import ServerCase
from support.cluster import UNDER_TEST, Client, ClusterCase, LinkedServer, find_kind
from support.leaf_peer import LeafListener, LeafPeer

LISTENING = re.compile(r"Listening for leafnode connections on (\S+):(\d+)")
CREATED, CLOSED = "Leafnode connection created", "LeafNode connection closed"  # at 2.0.0-RC19


class LeafOptions:
    kinds = [UNDER_TEST, UNDER_TEST]


def differs(name, why, ends=(0, 1)):
    """Marks a test, or a class, that a server of that name would fail as the hub (0) or the spoke (1)."""

    def mark(test):
        if isinstance(test, type):
            test.setUp = mark(test.setUp)
            return test

        @functools.wraps(test)
        def run(self, *args, **kwargs):
            if name in [LeafOptions.kinds[end] for end in ends]:
                self.skipTest(f"{name} differs: {why}")
            return test(self, *args, **kwargs)

        return run

    return mark


class LeafServer(LinkedServer):
    """A server with a leafnode port, remotes, or both."""

    def __init__(self, kind, name, settings="", listen=True, block="", remotes=()):
        super().__init__(kind.binary, [*kind.args, "-m", "-1", "-DV"])
        self.kind, self.name, self.settings, self.listens, self.block = kind, name, settings, listen, block
        self.remotes = list(remotes)
        self.leaf_port = self.link_port
        self.listening = LISTENING if listen else None

    @property
    def leaf_url(self):
        return f"nats-leaf://127.0.0.1:{self.leaf_port}"

    def config_text(self):
        remotes = "\n".join(f"    {{ {text} }}" for text in self.remotes)
        return "\n".join([
            f"server_name: {self.name}" if self.kind.names_clusters else "",
            self.settings,
            "leafnodes {",
            f"  listen: 127.0.0.1:{self.leaf_port}" if self.listens else "",
            self.block,
            f"  remotes = [\n{remotes}\n  ]" if self.remotes else "",
            "}",
            "",
        ])  # fmt: skip

    def leaf_count(self):
        if self.kind.counts_leafnodes:
            return self.get("/varz")["leafnodes"]
        text = self.log.text()
        return text.count(CREATED) - text.count(CLOSED)


class LeafClient(Client):
    """A client that can ask whether a subject has a responder."""

    def probe(self, subject):
        """True: somebody takes a request for that subject. False: no responders."""
        self.send(f"SUB probe.answer 990\r\nPUB {subject} probe.answer 0\r\n\r\nUNSUB 990\r\nPING\r\n")
        found = True
        while (line := self.read_line()) != b"PONG":
            if line.startswith(b"HMSG probe.answer"):
                self.read(int(line.split()[-1]) + 2)
                found = False
        return found


class LeafCase(ServerCase):
    def kind(self, index):
        """Of the hub (0) or the spoke (1)."""
        found = find_kind(LeafOptions.kinds[index])
        if found is None:
            self.skipTest(f"SKIPPED: no nats-server {LeafOptions.kinds[index]}; tools/reference builds it")
        return found

    def skip_at(self, server, name, why):
        """Within a subTest(), if that server is of that name."""
        if server.kind.name == name:
            self.skipTest(f"{name} differs: {why}")

    def leaf_server(self, index, name, **parts):
        server = LeafServer(self.kind(index), name, **parts)
        self.addCleanup(server.close)
        return server.start()

    def hub(self, name="H", **parts):
        return self.leaf_server(0, name, **parts)

    def spoke(self, *hubs, name="L", remote="", listen=False, wait=True, **parts):
        """A server whose remotes are these hubs, all with the same further settings."""
        urls = [hub if isinstance(hub, str) else hub.leaf_url for hub in hubs]
        remotes = [f'url: "{url}"' + (f", {remote}" if remote else "") for url in urls]
        server = self.leaf_server(1, name, remotes=remotes, listen=listen, **parts)
        if wait:
            self.wait_for(lambda: server.leaf_count() == len(hubs), f"{name} has its links")
        return server

    def pair(self, **parts):
        hub = self.hub()
        return hub, self.spoke(hub, **parts)

    def shared(self, make):
        """What `make` starts, once for all tests of the class."""
        cls = type(self)
        if "servers" not in cls.__dict__:
            cls.servers = cls.skip_reason = None
            self.addCleanup = cls.addClassCleanup
            try:
                cls.servers = make()
            except unittest.SkipTest as reason:  # for all tests of the class
                cls.skip_reason = str(reason)
            finally:
                del self.addCleanup
        if cls.skip_reason is not None:
            self.skipTest(cls.skip_reason)
        if cls.servers is None:
            self.fail("the servers of the class did not start")
        return cls.servers

    def client(self, server, **options):
        wire = LeafClient(server.port)
        wire.server = server
        self.addCleanup(wire.close)
        options = {"headers": True, "no_responders": True, **options}
        wire.info = wire.open(**options)
        return wire

    # What the first connection subscribed or ended before now is known where the others publish.
    sync = ClusterCase.sync

    def wait_alone(self, server):
        """Until everybody whom other tests connected to that server has gone, with what they subscribed."""
        def is_alone():
            return server.get("/varz")["connections"] == 0 and server.leaf_count() == 0

        self.wait_for(is_alone, f"{server.name} is alone")

    def wait_no_interest(self, client, subject):
        """Until what is published there by `client` has no subscriber any more."""
        if not client.server.kind.names_clusters:  # it has no way to ask
            client.server.log.wait(rf"<<- \[LS- {re.escape(subject)}\s*\]")
            return
        self.wait_for(lambda: not client.probe(subject), f"{subject}: no interest")

    def listener(self):
        listener = LeafListener()
        self.addCleanup(listener.close)
        return listener

    def dial(self, server, **fields):
        """A scripted spoke that has said nothing yet."""
        peer = LeafPeer(server.leaf_port).setup_spoke(**fields)
        self.addCleanup(peer.close)
        return peer

    def join(self, server, **fields):
        """A scripted spoke that is registered."""
        peer = self.dial(server, **fields)
        peer.announced = peer.join_hub()
        return peer

    def accept(self, listener, **fields):
        peer = listener.accept(**fields)
        self.addCleanup(peer.close)
        return peer


def main():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--leafs", default=f"{UNDER_TEST},{UNDER_TEST}")
    options, rest = parser.parse_known_args()
    LeafOptions.kinds = options.leafs.split(",")
    sys.argv[1:] = rest
    case.main()
