#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What prometheus-nats-exporter reads, from the pages that it asks, in the types that it wants.

The program itself is run by consumers_test.py where it is installed; no module proxy has to be asked for this.
The tables are those of its collectors (collector/*.go of its version 0.20): whatever is missing there becomes a
metric that stays 0, and another type makes it skip the server. Runs against the reference, too.
"""

import datetime
import re

from support import case
from support.monitoring import MonitoringCase

DURATION = re.compile(r"(\d+(\.\d+)?(h|m|s|ms|µs|ns))+")  # as Go's time.ParseDuration takes it
LONG_DURATION = re.compile(r"(\d+y)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?")  # uptime, idle


def whole(value):
    return isinstance(value, int) and not isinstance(value, bool)


def text(value):
    return isinstance(value, str)


def flag(value):
    return isinstance(value, bool)


def time(value):
    return text(value) and datetime.datetime.fromisoformat(re.sub(r"\.\d+|Z$", "", value)) is not None


def duration(value):
    return text(value) and DURATION.fullmatch(value) is not None


def long_duration(value):
    return text(value) and value != "" and LONG_DURATION.fullmatch(value) is not None


TRAFFIC = {"in_msgs": whole, "out_msgs": whole, "in_bytes": whole, "out_bytes": whole}
CONNECTION = TRAFFIC | {
    "cid": whole,
    "ip": text,
    "port": whole,
    "start": time,
    "last_activity": time,
    "uptime": long_duration,
    "idle": long_duration,
    "pending_bytes": whole,
    "subscriptions": whole,
    "name": text,
    "lang": text,
    "version": text,
}
DETAILED = CONNECTION | {"kind": text, "type": text}
CONNZ = {"num_connections": whole, "total": whole, "offset": whole, "limit": whole}
VARZ = TRAFFIC | {
    "server_id": text,
    "server_name": text,
    "connections": whole,
    "total_connections": whole,
    "subscriptions": whole,
    "slow_consumers": whole,
    "routes": whole,
    "remotes": whole,
    "leafnodes": whole,
    "mem": whole,
    "cores": whole,
    "max_connections": whole,
    "max_payload": whole,
    "max_pending": whole,
    "start": time,
    "now": time,
    "config_load_time": time,
}
SUBSZ = {
    "num_subscriptions": whole,
    "num_cache": whole,
    "num_inserts": whole,
    "num_removes": whole,
    "num_matches": whole,
    "max_fanout": whole,
}
MESSAGES = {"msgs": whole, "bytes": whole}
ACCOUNT = {"conns": whole, "leafnodes": whole, "total_conns": whole, "slow_consumers": whole}
ACCOUNT_DETAIL = {
    "account_name": text,
    "update_time": time,
    "expired": flag,
    "complete": flag,
    "jetstream_enabled": flag,
    "leafnode_connections": whole,
    "client_connections": whole,
    "subscriptions": whole,
}


class ExporterFieldsTest(MonitoringCase):
    def setUp(self):
        super().setUp()
        self.server = self.monitored("--name", "shop-1")
        self.wire = self.client(self.server, name="reader", lang="go", version="1.2")
        self.wire.send("SUB jobs 1\r\nPUB jobs 2\r\nok\r\n")
        self.wire.expect(b"MSG jobs 1 2\r\nok\r\n")

    def expect_fields(self, found, wanted):
        for key, fits in wanted.items():
            self.assertIn(key, found)
            self.assertTrue(fits(found[key]), f"{key}: {found[key]!r} is no {fits.__name__}")

    def test_varz(self):
        varz = self.get(self.server, "/varz")
        self.expect_fields(varz, VARZ)
        self.assertEqual((varz["server_name"], varz["in_msgs"], varz["out_bytes"]), ("shop-1", 1, 2))

    def test_connz(self):
        page = self.get(self.server, "/connz")
        self.expect_fields(page, CONNZ)
        self.expect_fields(page["connections"][0], CONNECTION)

    def test_connz_detailed(self):
        (connection,) = self.get(self.server, "/connz?auth=true")["connections"]
        self.expect_fields(connection, DETAILED)
        self.assertEqual((connection["name"], connection["in_msgs"]), ("reader", 1))
        for key, fits in (("rtt", duration), ("account", text)):  # where they are known
            self.assertTrue(key not in connection or fits(connection[key]), connection)

    def test_subsz(self):
        page = self.get(self.server, "/subsz")
        self.expect_fields(page, SUBSZ)
        for rate in ("cache_hit_rate", "avg_fanout"):
            self.assertIsInstance(page[rate], (int, float))

    def test_routez_gatewayz_leafz_of_a_server_alone(self):
        self.assertEqual(self.get(self.server, "/routez")["num_routes"], 0)
        gateways = self.get(self.server, "/gatewayz")
        self.assertEqual((gateways["outbound_gateways"], gateways["inbound_gateways"]), ({}, {}))
        self.assertEqual(self.get(self.server, "/leafz")["leafnodes"], 0)

    def test_accstatz(self):
        accounts = self.get(self.server, "/accstatz?unused=1")["account_statz"]
        (account,) = [each for each in accounts if each["acc"] == "$G"]
        self.expect_fields(account, ACCOUNT)
        if not case.Options.reference:  # since 2.10
            self.expect_fields(account, {"num_subscriptions": whole})
        for side in ("sent", "received"):
            self.expect_fields(account[side], MESSAGES)
        self.assertEqual((account["received"]["msgs"], account["sent"]["bytes"]), (1, 2))

    def test_accountz(self):
        names = self.get(self.server, "/accountz")["accounts"]
        self.assertIn("$G", names)
        for name in names:
            page = self.get(self.server, f"/accountz?acc={name}")
            self.assertTrue(text(page["server_id"]))
            self.expect_fields(page["account_detail"], ACCOUNT_DETAIL)

    def test_healthz(self):
        for query in ("", "?js-enabled-only=true", "?js-server-only=true"):
            self.assertEqual(self.get(self.server, "/healthz" + query)["status"], "ok")


if __name__ == "__main__":
    case.main()
