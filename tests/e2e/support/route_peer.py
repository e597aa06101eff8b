# SPDX-License-Identifier: Apache-2.0
"""A scripted route peer: one end of a route, written by hand, that dials a server or is dialed by it.

It presents itself like a server of 2.9 without pooling, unless told otherwise. What it reads are operations
(Op); PINGs are answered on the way, and what servers tell each other under $SYS is left out unless asked for.
"""

import json
import random
import socket
import string
import time

from support.cluster import ClusterCase
from support.wire import DEADLINE_S, Wire, WireError

ID_LETTERS = string.ascii_uppercase + "234567"


def new_id():
    return "N" + "".join(random.choices(ID_LETTERS, k=55))


class Op:
    """One operation: its verb in upper case, the other fields, and the payload of a message."""

    def __init__(self, line, payload=None):
        verb, _, rest = line.partition(" ")
        self.verb, self.line, self.payload = verb.upper(), line, payload
        self.fields = rest.split()

    @property
    def json(self):
        return json.loads(self.line.partition(" ")[2])

    @property
    def is_system(self):
        return any(field.startswith("$SYS") for field in self.fields[:2])

    def __repr__(self):
        return self.line if self.payload is None else f"{self.line} {self.payload[:80]!r}"


class RoutePeer(Wire):
    """`fields` replace or add to what INFO says; None leaves a key out."""

    def setup(self, cluster_name="", server_id=None, **fields):
        self.server_id = server_id or new_id()
        self.name = fields.pop("server_name", self.server_id[:8])
        known = {
            "server_id": self.server_id, "server_name": self.name, "version": "2.9.10", "proto": 2,
            "host": "127.0.0.1", "port": 1, "headers": True, "max_payload": 1048576,
            "cluster": cluster_name,
        }  # fmt: skip
        self.info = {key: value for key, value in {**known, **fields}.items() if value is not None}
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

    def read_op(self, system=False):
        """The next operation that is neither PING, +OK nor (unless asked for) about $SYS."""
        while True:
            line = self.read_line().decode("utf-8", "surrogateescape")
            op = Op(line)
            if op.verb in ("RMSG", "HMSG", "LMSG"):
                op.payload = self.read(int(op.fields[-1]) + 2)
                if not op.payload.endswith(b"\r\n"):
                    raise WireError(f"a message does not end with CRLF: {op!r}")
                op.payload = op.payload[:-2]
            if op.verb == "+OK" or (op.is_system and not system):
                continue
            return op

    def expect_op(self, line, payload=None):
        op = self.read_op()
        if (op.line, op.payload) != (line, payload):
            raise WireError(f"expected {line!r} {payload!r}, got {op!r}")
        return op

    def expect_ops(self, *lines):
        for line in lines:
            self.expect_op(line)

    def drain(self):
        """All operations until the server answers a PING."""
        self.send("PING\r\n")
        ops = []
        while (op := self.read_op()).verb != "PONG":
            ops.append(op)
        return ops

    def expect_quiet(self):
        """Nothing but $SYS traffic is on its way."""
        if ops := self.drain():
            raise WireError(f"expected nothing, got {ops!r}")

    def read_registered(self):
        """Reads the INFO of the server and what it says upon registration; returns the latter."""
        first = self.read_op()
        if first.verb != "INFO":
            raise WireError(f"expected INFO, got {first!r}")
        self.peer = first.json
        return self.drain()

    def read_until_end(self):
        """Operations until the server closes the connection."""
        ops = []
        while True:
            try:
                ops.append(self.read_op())
            except WireError:
                if not self.ended or self.buffer:
                    raise
                return ops


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


class RouteListener:
    """Accepts routes that servers dial."""

    def __init__(self, host="127.0.0.1"):
        self.socket = socket.create_server((host, 0))
        self.port = self.socket.getsockname()[1]
        self.server_id = new_id()  # of the peers it accepts

    @property
    def url(self):
        return f"nats-route://127.0.0.1:{self.port}"

    def accept(self, deadline_s=DEADLINE_S, **options):
        """The next connection, as a peer that has said nothing yet."""
        self.socket.settimeout(deadline_s)
        try:
            accepted, _ = self.socket.accept()
        except socket.timeout:
            raise WireError(f"no route was dialed within {deadline_s} s") from None
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

    def close(self):
        self.socket.close()


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
