# SPDX-License-Identifier: Apache-2.0
"""A scripted leafnode peer: one end of a leafnode connection, written by hand.

LeafPeer dials a hub and speaks as its spoke; LeafListener accepts what spokes dial and speaks as their hub. What
they read are operations (Op of server_peer); PINGs are answered on the way, and the subjects that servers announce
for themselves ($SYS, $LDS, gateway replies) are left out unless asked for.
"""

import json

from support.server_peer import PeerListener, ServerPeer, new_id, without_nones
from support.wire import WireError

OWN_SUBJECTS = ("$SYS.", "$LDS.", "$GR.", "_GR_.", "_R_.")


class LeafPeer(ServerPeer):
    """`fields` of the set-ups replace or add to what CONNECT or INFO says; None leaves a key out."""

    def setup_spoke(self, **fields):
        self.server_id = new_id()
        known = {
            "version": "2.9.10", "tls_required": False, "server_id": self.server_id, "name": self.server_id[:8],
            "cluster": self.server_id[:8], "headers": True,
        }  # fmt: skip
        self.connect = without_nones(known, fields)
        self.info = None  # of the hub: the first
        self.confirmed = None  # the second
        return self

    def setup_hub(self, **fields):
        self.server_id = new_id()
        known = {
            "server_id": self.server_id, "server_name": self.server_id[:8], "version": "2.9.10", "proto": 1,
            "go": "go1.19", "host": "127.0.0.1", "port": 7422, "headers": True, "auth_required": True,
            "max_payload": 1048576, "client_id": 5, "nonce": "scripted_nonce", "info_on_connect": True,
            "leafnode_urls": ["127.0.0.1:7422"],
        }  # fmt: skip
        self.hello = without_nones(known, fields)
        self.login = None  # CONNECT of the spoke
        return self

    # --- as a spoke

    def read_info(self):
        self.info = self.read_verb("INFO").json
        return self.info

    def send_connect(self, **changes):
        self.send("CONNECT " + json.dumps(without_nones(self.connect, changes)) + "\r\n")

    def join_hub(self, **changes):
        """INFO, CONNECT, the second INFO, and what the hub announces; returns the latter."""
        self.read_info()
        self.send_connect(**changes)
        self.confirmed = self.read_verb("INFO").json
        if not self.confirmed.get("connect_info"):
            raise WireError(f"expected the second INFO, got {self.confirmed!r}")
        self.dump = self.drain(own=True)
        return [op for op in self.dump if not self.is_own(op)]

    # --- as a hub

    def send_hello(self, **changes):
        self.send("INFO " + json.dumps(without_nones(self.hello, changes)) + " \r\n")

    def confirm(self, **changes):
        fields = {"connect_info": True, "remote_account": "$G", **changes}
        without_nonce = {key: value for key, value in {**self.hello, **fields}.items() if key != "nonce"}
        self.send("INFO " + json.dumps(without_nonce) + " \r\n")

    def join_spoke(self, **changes):
        """INFO, CONNECT, the second INFO, and what the spoke announces; returns the latter."""
        self.send_hello()
        self.login = self.read_verb("CONNECT").json
        self.confirm(**changes)
        self.dump = self.drain(own=True)
        return [op for op in self.dump if not self.is_own(op)]

    # --- either

    def is_own(self, op):
        return op.verb in ("LS+", "LS-") and op.fields[0].startswith(OWN_SUBJECTS)

    def loop_subjects(self):
        """The $LDS subjects that the other side announced when it registered."""
        return [op.fields[0] for op in self.dump if op.verb == "LS+" and op.fields[0].startswith("$LDS.")]

    def read_until_end(self, own=True):
        return super().read_until_end(own)

    def expect_error(self, text):
        """-ERR with that text comes next (but for announcements), then the end."""
        ops = [op for op in self.read_until_end() if op.verb not in ("LS+", "LS-", "INFO", "PING", "PONG")]
        if [op.line for op in ops] != [f"-ERR '{text}'"]:
            raise WireError(f"expected -ERR {text!r} and the end, got {ops!r}")


class LeafListener(PeerListener):
    """Accepts connections that spokes dial; its peers are hubs."""

    scheme = "nats-leaf"
    noun = "leafnode"

    def make(self, accepted, fields):
        fields.setdefault("port", self.port)
        fields.setdefault("leafnode_urls", [f"127.0.0.1:{self.port}"])
        return LeafPeer.over(accepted).setup_hub(**fields)
