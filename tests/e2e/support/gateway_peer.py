# SPDX-License-Identifier: Apache-2.0
"""A scripted gateway: one end of a gateway connection, written by hand.

    GatewayPeer from dial(): it sends messages, and is told of interest.
    GatewayPeer from GatewayListener.accept(): it is sent messages, and tells of interest.

It presents itself like a server of 2.9, or of 2.0 with old=True. What it reads are operations (Op); PINGs are
answered on the way, and what concerns the account $SYS is left out unless asked for.
"""

import base64
import hashlib

from support.route_peer import RoutePeer
from support.server_peer import Op, PeerListener, new_id, without_nones
from support.super_cluster import SuperClusterCase
from support.wire import WireError

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def new_hash(name):
    """Of a cluster's name or a server's id, in replies with _GR_."""
    return "".join(DIGITS[byte % 62] for byte in hashlib.sha256(name.encode()).digest()[:6])


def old_hash(name):
    """Of a cluster's name, in replies with $GR."""
    return hashlib.sha256(name.encode()).hexdigest()[:4]


def account_of(op):
    """The account of an INFO that is a command."""
    return base64.b64decode(op.json.get("gateway_cmd_payload") or "").decode()


class GatewayPeer(RoutePeer):
    def setup(self, gateway="X", server_id=None, old=False, port=1, urls=None, **fields):
        self.server_id = server_id or new_id()
        self.name = fields.pop("server_name", self.server_id[:8])
        self.gateway = gateway
        url = f"127.0.0.1:{port}"
        known = {
            "server_id": self.server_id, "server_name": self.name, "version": "2.9.10", "proto": 0,
            "host": "127.0.0.1", "port": port, "headers": True, "max_payload": 1048576, "gateway": gateway,
            "gateway_urls": urls or [url], "gateway_url": url, "gateway_nrp": True, "gateway_iom": True,
        }  # fmt: skip
        if old:
            known |= {"version": "2.0.0-RC19", "server_name": None, "headers": None, "gateway_nrp": None,
                      "gateway_iom": None}  # fmt: skip
        self.info = without_nones(known, fields)
        self.connect = {
            "echo": False, "verbose": False, "pedantic": False, "tls_required": False, "name": self.server_id,
            "gateway": gateway,
        }  # fmt: skip
        self.peer = None
        return self

    def is_own(self, op):
        if op.verb == "INFO" and account_of(op) == "$SYS":
            return True
        return super().is_own(op) or (op.verb in ("A+", "A-") and op.fields == ["$SYS"])

    def send_command(self, command, account="$G"):
        """2: all interest of the account follows; 3: that was all."""
        payload = base64.b64encode(account.encode()).decode()
        self.send_info(server_id="", gateway_cmd=command, gateway_cmd_payload=payload)

    def send_interest_only(self, *interest, account="$G"):
        self.send_command(2, account)
        for each in interest:
            self.send(f"RS+ {account} {each}\r\n")
        self.send_command(3, account)

    def drain_interest(self):
        """What it is told until the server answers a PING, without INFOs."""
        return [op.line for op in self.drain() if op.verb != "INFO"]


def dial(server, **options):
    """A peer that has dialed the gateway port of `server`, and has said nothing yet."""
    return GatewayPeer(server.gateway_port).setup(**options)


class GatewayListener(PeerListener):
    """Accepts gateway connections that servers dial."""

    noun = "gateway"

    def __init__(self, gateway="X"):
        super().__init__()
        self.gateway = gateway

    def make(self, accepted, options):
        known = {"gateway": self.gateway, "port": self.port, "server_id": self.server_id}
        return GatewayPeer.over(accepted).setup(**{**known, **options})


class GatewayPeerCase(SuperClusterCase):
    """A case with a server of cluster A and scripted peers of other clusters."""

    def gateway_server(self, *listeners, **parts):
        """A running server that is configured with those listeners."""
        parts.setdefault("gateways", [(each.gateway, [each.url]) for each in listeners])
        return self.gateway_member(0, 0, **parts)

    def listener(self, gateway="X"):
        listener = GatewayListener(gateway)
        self.addCleanup(listener.close)
        return listener

    def accepted(self, listener, **options):
        """The server's connection to that listener, registered there."""
        peer = listener.accept(**options)
        self.addCleanup(peer.close)
        peer.send_info()
        peer.connect_op = peer.read_op()
        if peer.connect_op.verb != "CONNECT":
            raise WireError(f"expected CONNECT, got {peer.connect_op!r}")
        peer.peer = peer.read_op().json
        peer.expect_quiet()
        return peer

    def dialed(self, server, **options):
        """A peer that has dialed and said nothing yet."""
        peer = dial(server, **options)
        self.addCleanup(peer.close)
        return peer

    def inbound(self, server, **options):
        """A peer that has dialed the server, and is registered; `dump` is what it was told upon that."""
        peer = self.dialed(server, **options)
        peer.peer = peer.read_verb("INFO").json
        peer.send_connect()
        peer.send_info()
        peer.dump = peer.drain()
        # The reference announces all interest of $G whoever dials, beside what it answers.
        while server.kind.is_go or "gateway_iom" in peer.info:
            if any(op.verb == "INFO" and op.json.get("gateway_cmd") == 3 for op in peer.dump):
                break
            peer.dump.append(peer.read_op())
        return peer

    def expect_commands(self, peer, *commands, account="$G"):
        """INFOs with those commands and the interest between them."""
        for command in commands:
            op = peer.read_op()
            if isinstance(command, int):
                self.assertEqual((op.verb, op.json.get("gateway_cmd"), account_of(op)), ("INFO", command, account))
            else:
                self.assertEqual(op.line, command)


__all__ = ["GatewayListener", "GatewayPeer", "GatewayPeerCase", "Op", "account_of", "new_hash", "old_hash"]
