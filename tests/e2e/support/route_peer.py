# SPDX-License-Identifier: Apache-2.0
"""A scripted route peer: one end of a route, written by hand, that dials a server or is dialed by it.

It presents itself like a server of 2.9 without pooling, unless told otherwise. What it reads are operations
(Op); PINGs are answered on the way, and what servers tell each other under $SYS is left out unless asked for.
"""

import json
import time

from support.cluster import ClusterCase
from support.server_peer import Op, PeerListener, ServerPeer, new_id, without_nones
from support.wire import DEADLINE_S


class RoutePeer(ServerPeer):
    """`fields` replace or add to what INFO says; None leaves a key out."""

    def setup(self, cluster_name="", server_id=None, **fields):
        self.server_id = server_id or new_id()
        self.name = fields.pop("server_name", self.server_id[:8])
        known = {
            "server_id": self.server_id, "server_name": self.name, "version": "2.9.10", "proto": 2,
            "host": "127.0.0.1", "port": 1, "headers": True, "max_payload": 1048576,
            "cluster": cluster_name,
        }  # fmt: skip
        self.info = without_nones(known, fields)
        self.connect = {
            "echo": True, "verbose": False, "pedantic": False, "tls_required": False, "headers": True,
            "name": self.server_id, "cluster": cluster_name,
        }  # fmt: skip
        self.peer = None  # INFO of the server
        return self

    def send_info(self, **changes):
        self.send("INFO " + json.dumps({**self.info, **changes}) + "\r\n")

    def send_connect(self, **changes):
        self.send("CONNECT " + json.dumps({**self.connect, **changes}) + "\r\n")

    def read_registered(self):
        """Reads the INFO of the server and what it says upon registration; returns the latter."""
        self.peer = self.read_verb("INFO").json
        return self.drain()


def dial(server, **options):
    """A peer that has dialed the route port of `server`, and has said nothing yet."""
    options.setdefault("cluster_name", server.cluster_name)
    return RoutePeer(server.route_port).setup(**options)


def join(server, **options):
    """A peer that is registered; what it was told upon that is in `dump`."""
    connect = options.pop("connect", {})
    peer = dial(server, **options)
    peer.send_connect(**connect)
    peer.send_info()
    peer.dump = peer.read_registered()
    return peer


class RouteListener(PeerListener):
    """Accepts routes that servers dial."""

    scheme = "nats-route"
    noun = "route"

    def make(self, accepted, options):
        return RoutePeer.over(accepted).setup(**{"port": self.port, "server_id": self.server_id, **options})

    def accept_joined(self, deadline_s=DEADLINE_S, **options):
        """The next connection that stays: a server that pools asks first for one of its $SYS account."""
        end = time.monotonic() + deadline_s
        while True:
            peer = self.accept(max(0.1, end - time.monotonic()), **options)
            peer.send_info()
            peer.connect_op = peer.read_op()
            first = peer.read_op()
            if first.verb == "INFO" and "route_account" not in first.json:
                peer.peer = first.json
                peer.dump = peer.drain()
                return peer
            peer.close()


class PeerCase(ClusterCase):
    """A case with scripted peers."""

    def peer(self, server, **options):
        """A peer that is registered."""
        peer = join(server, **options)
        self.addCleanup(peer.close)
        return peer

    def dialed(self, server, **options):
        """A peer that has dialed and said nothing yet."""
        peer = dial(server, **options)
        self.addCleanup(peer.close)
        return peer

    def listener(self):
        listener = RouteListener()
        self.addCleanup(listener.close)
        return listener

    def accepted(self, listener, **options):
        options.setdefault("cluster_name", self.cluster_name())
        peer = listener.accept_joined(**options)
        self.addCleanup(peer.close)
        return peer

    def check_routed(self, server, peer):
        """A message goes through the route, each way."""
        client = self.client(server)
        peer.send("RS+ $G to.peer\r\n")
        peer.expect_quiet()
        client.send("SUB from.peer 1\r\nPUB to.peer 2\r\nhi\r\n")
        peer.expect_op("RS+ $G from.peer")
        peer.expect_op("RMSG $G to.peer 2", b"hi")
        peer.send("RMSG $G from.peer 3\r\nyou\r\n")
        client.expect_message("from.peer", 1, b"you")
        client.close()
        peer.expect_op("RS- $G from.peer")


__all__ = ["Op", "PeerCase", "RouteListener", "RoutePeer", "dial", "join", "new_id"]
