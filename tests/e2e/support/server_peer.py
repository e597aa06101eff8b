# SPDX-License-Identifier: Apache-2.0
"""What the scripted ends of links between servers share: ServerPeer, one end written by hand, and PeerListener,
which accepts what servers dial. RoutePeer, GatewayPeer and LeafPeer are made of them.

What a peer reads are operations (Op); PINGs are answered on the way.
"""

import json
import random
import socket
import string

from support.s2 import S2Wire
from support.wire import DEADLINE_S, WireError

ID_LETTERS = string.ascii_uppercase + "234567"
MESSAGE_VERBS = ("RMSG", "HMSG", "LMSG")


def new_id():
    return "N" + "".join(random.choices(ID_LETTERS, k=55))


def without_nones(*parts):
    """One dictionary of several; a later one replaces and adds, and None leaves a key out."""
    merged = {key: value for part in parts for key, value in part.items()}
    return {key: value for key, value in merged.items() if value is not None}


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


class ServerPeer(S2Wire):
    def is_own(self, op):
        """Is it about what servers tell each other for themselves? read_op() leaves it out unless asked for."""
        return op.is_system

    def read_op(self, own=False):
        """The next operation that is neither PING, +OK nor (unless asked for) about subjects of servers."""
        while True:
            op = Op(self.read_line().decode("utf-8", "surrogateescape"))
            if op.verb in MESSAGE_VERBS:
                op.payload = self.read(int(op.fields[-1]) + 2)
                if not op.payload.endswith(b"\r\n"):
                    raise WireError(f"a message does not end with CRLF: {op!r}")
                op.payload = op.payload[:-2]
            if op.verb != "+OK" and (own or not self.is_own(op)):
                return op

    def read_verb(self, verb):
        """The next operation, which is of that verb."""
        op = self.read_op(own=True)
        if op.verb != verb:
            raise WireError(f"expected {verb}, got {op!r}")
        return op

    def expect_op(self, line, payload=None):
        op = self.read_op()
        if (op.line, op.payload) != (line, payload):
            raise WireError(f"expected {line!r} {payload!r}, got {op!r}")
        return op

    def expect_ops(self, *lines):
        for line in lines:
            self.expect_op(line)

    def drain(self, own=False):
        """All operations until the server answers a PING."""
        self.send("PING\r\n")
        ops = []
        while (op := self.read_op(own)).verb != "PONG":
            ops.append(op)
        return ops

    def expect_quiet(self):
        """Nothing but what servers tell each other for themselves is on its way."""
        if ops := self.drain():
            raise WireError(f"expected nothing, got {ops!r}")

    def read_until_end(self, own=False):
        """Operations until the server closes the connection."""
        ops = []
        while True:
            try:
                ops.append(self.read_op(own))
            except WireError:
                if not self.ended or self.buffer:
                    raise
                return ops


class PeerListener:
    """Accepts connections that servers dial. Of a kind: `scheme`, `noun`, make()."""

    scheme = "nats"
    noun = "connection"

    def __init__(self, host="127.0.0.1"):
        self.socket = socket.create_server((host, 0))
        self.port = self.socket.getsockname()[1]
        self.server_id = new_id()  # of the peers it accepts

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def accept(self, deadline_s=DEADLINE_S, **options):
        """The next connection, as a peer that has said nothing yet."""
        self.socket.settimeout(deadline_s)
        try:
            accepted, _ = self.socket.accept()
        except socket.timeout:
            raise WireError(f"no {self.noun} was dialed within {deadline_s} s") from None
        return self.make(accepted, options)

    def make(self, accepted, options):
        raise NotImplementedError

    def close(self):
        self.socket.close()
