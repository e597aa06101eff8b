# SPDX-License-Identifier: Apache-2.0
"""OperatorCase: a ServerCase whose servers trust an operator of the test, with its tenants and their users."""

import json
import time

from support.case import ServerCase
from support.nkeys import Key, Tenant

VIOLATION = "-ERR 'Authorization Violation'\r\n"


def now():
    return int(time.time())


class OperatorCase(ServerCase):
    def setUp(self):
        self.operator = Key("operator")
        self.system = Tenant(self.operator, "SYS")
        self.tenant = Tenant(self.operator, "A")

    def config(self, *tenants, operator_nats=None, more="", resolver="MEM"):
        """A server that trusts self.operator and knows these tenants."""
        nats = {"system_account": self.system.public, **(operator_nats or {})}
        token = self.operator.token(self.operator.public, "operator", nats, name="O", iat=1600000000)
        # Tokens are checked on threads of low priority, which a busy machine lets wait.
        lines = [f"operator: {token}", f"resolver: {resolver}", "authorization { timeout: 20 }"]
        if resolver == "MEM":
            lines.append("resolver_preload: {")
            for tenant in (self.system, *tenants):
                text = tenant if isinstance(tenant, tuple) else (tenant.public, tenant.token())
                lines.append(f"  {text[0]}: {text[1]}")
            lines.append("}")
        return "\n".join([*lines, more, ""])

    def start_with(self, *tenants, **options):
        return self.start("-DV", config=self.config(*(tenants or (self.tenant,)), **options))

    def login(self, server, user, **fields):
        """Sends CONNECT; returns the wire, before any answer was read."""
        wire = self.wire(server)
        info = wire.read_info()
        options = {"verbose": False, "pedantic": False, "lang": "raw", "version": "1"}
        if user is not None:
            options.update(user.connect_fields(info["nonce"]))
        options.update(fields)
        wire.send("CONNECT " + json.dumps(options) + "\r\n")
        return wire

    def accept(self, server, user, **fields):
        wire = self.login(server, user, **fields)
        wire.expect_quiet()
        return wire

    def refuse(self, server, user, reason=None, **fields):
        wire = self.login(server, user, **fields)
        wire.expect(VIOLATION)
        wire.expect_end()
        if reason:
            server.log.wait(reason)
