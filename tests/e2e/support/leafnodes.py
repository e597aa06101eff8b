# SPDX-License-Identifier: Apache-2.0
"""Hubs and spokes: servers, of one program or of two, joined by leafnode connections.

`--leafs hub,spoke` says what the hub and the spoke are: `server`, the binary under test, or the version of a released
server as in `2.9.10` or `newest` (support/reference.py). Without it both are the binary under test. A test whose
servers are not there is skipped and says so.
"""

import argparse
import re
import sys

from support import case, reference
from support.case import Options, ServerCase
from support.cluster import Client, ClusterCase, LinkedServer
from support.leaf_peer import LeafListener, LeafPeer

LISTENING = re.compile(r"Listening for leafnode connections on (\S+):(\d+)")
UNDER_TEST = "server"


class LeafOptions:
    kinds = [UNDER_TEST, UNDER_TEST]


class LeafServer(LinkedServer):
    """A server with a leafnode port, remotes, or both."""

    def __init__(self, binary, args, name, settings="", listen=True, block="", remotes=(), is_go=False):
        super().__init__(binary, [*args, "-m", "-1", "-DV"])
        self.name, self.settings, self.listens, self.block = name, settings, listen, block
        self.remotes = list(remotes)
        self.is_go = is_go
        self.leaf_port = self.link_port
        self.listening = LISTENING if listen else None

    @property
    def leaf_url(self):
        return f"nats-leaf://127.0.0.1:{self.leaf_port}"

    def config_text(self):
        remotes = "\n".join(f"    {{ {text} }}" for text in self.remotes)
        return "\n".join([
            f"server_name: {self.name}",
            self.settings,
            "leafnodes {",
            f"  listen: 127.0.0.1:{self.leaf_port}" if self.listens else "",
            self.block,
            f"  remotes = [\n{remotes}\n  ]" if self.remotes else "",
            "}",
            "",
        ])  # fmt: skip

    def leaf_count(self):
        return self.get("/varz")["leafnodes"]


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
        """Program and arguments of the hub (0) or the spoke (1)."""
        name = LeafOptions.kinds[index]
        if name == UNDER_TEST:
            return Options.server, Options.server_args, False
        found = reference.newest() if name == "newest" else next(
            (each for each in reference.references() if each.version == name), None)
        if found is None:
            self.skipTest(f"SKIPPED: nats-server {name} is not here")
        return found.path, [], True

    def leaf_server(self, index, name, **parts):
        binary, args, is_go = self.kind(index)
        server = LeafServer(binary, args, name, is_go=is_go, **parts)
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
            cls.servers = None
            self.addCleanup = cls.addClassCleanup
            try:
                cls.servers = make()
            finally:
                del self.addCleanup
        if cls.servers is None:
            self.fail("the servers of the class did not start")
        return cls.servers

    def client(self, server, **options):
        wire = LeafClient(server.port)
        self.addCleanup(wire.close)
        options = {"headers": True, "no_responders": True, **options}
        wire.info = wire.open(**options)
        return wire

    # What the first connection subscribed or ended before now is known where the others publish.
    sync = ClusterCase.sync

    def wait_alone(self, server):
        """Until everybody whom other tests connected to that server has gone, with what they subscribed."""
        def is_alone():
            page = server.get("/varz")
            return page["connections"] == 0 and page["leafnodes"] == 0

        self.wait_for(is_alone, f"{server.name} is alone")

    def wait_no_interest(self, client, subject):
        """Until what is published there by `client` has no subscriber any more."""
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
