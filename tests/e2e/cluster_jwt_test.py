#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Operator mode in a cluster: accounts go by their public keys, and what claims allow works across."""

import json

from support import cluster
from support.nkeys import UNLIMITED, Tenant, User
from support.operators import OperatorCase
from support.route_peer import PeerCase


class OperatorsTest(PeerCase, OperatorCase):
    def setUp(self):
        OperatorCase.setUp(self)
        service = {"name": "svc", "subject": "svc", "type": "service"}
        self.exporter = Tenant(self.operator, "EXP", exports=[service])
        self.importer = Tenant(self.operator, "IMP", limits=UNLIMITED)
        self.importer.nats["imports"] = [
            {"name": "svc", "account": self.exporter.public, "subject": "svc", "type": "service"}
        ]
        if not self.kind().names_clusters:
            self.skipTest("servers before 2.2 read claims of the first version only")
        self.settings = self.config(self.tenant, self.exporter, self.importer)

    def enter(self, server, tenant):
        """A client of this account."""
        wire = cluster.Client(server.port)
        self.addCleanup(wire.close)
        fields = User(tenant).connect_fields(wire.read_info()["nonce"])
        wire.send("CONNECT " + json.dumps({"verbose": False, "lang": "raw", **fields}) + "\r\n")
        wire.expect_quiet()
        return wire

    def test_interest_names_the_public_key(self):
        server = self.member(settings=self.settings)
        route = self.peer(server)
        wire = self.enter(server, self.tenant)
        wire.send("SUB foo 1\r\n")
        wire.expect_quiet()
        route.expect_op(f"RS+ {self.tenant.public} foo")
        route.send(f"RMSG {self.tenant.public} foo 1\r\nx\r\n")
        wire.expect_message("foo", 1, b"x")

    def test_accounts_across(self):
        servers = self.cluster(settings=self.settings)
        near, far = self.enter(servers[0], self.tenant), self.enter(servers[1], self.tenant)
        stranger = self.enter(servers[1], self.exporter)
        far.send("SUB foo 1\r\n")
        stranger.send("SUB foo 1\r\n")
        self.sync(far, near)
        near.send("PUB foo 1\r\nx\r\n")
        far.expect_message("foo", 1, b"x")
        stranger.expect_quiet()

    def test_services_across(self):
        servers = self.cluster(settings=self.settings)
        for asks, answers in ((0, 1), (1, 0)):
            requestor = self.enter(servers[asks], self.importer)
            responder = self.enter(servers[answers], self.exporter)
            responder.send("SUB svc 1\r\n")
            self.sync(responder, self.enter(servers[asks], self.exporter))
            requestor.send("SUB inbox 1\r\nPUB svc inbox 1\r\n?\r\n")
            reply = responder.expect_line(r"MSG svc 1 (_R_\.\S+) 1").group(1)
            responder.expect("?\r\n")
            responder.send(f"PUB {reply} 1\r\n!\r\n")
            requestor.expect_message("inbox", 1, b"!")
            responder.close()
            requestor.close()


if __name__ == "__main__":
    cluster.main()
