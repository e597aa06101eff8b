#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""/gatewayz, /varz and metrics of gateways."""

import urllib.request

from support import super_cluster
from support.case import DEADLINE_S, differs
from support.gateway_peer import GatewayPeerCase


class GatewayzTest(GatewayPeerCase):
    def setUp(self):
        self.gateway = self.listener()
        self.server = self.gateway_server(self.gateway)
        self.sent = self.accepted(self.gateway)
        self.sent.send_interest_only("foo", "bar.>")
        self.sent.send("RS+ $G svc q 1\r\n")
        self.sent.expect_quiet()
        self.came = self.inbound(self.server, port=self.gateway.port)

    def test_connections(self):
        page = self.server.get("/gatewayz")
        self.assertEqual((page["name"], page["host"], page["port"]), ("A", "127.0.0.1", self.server.gateway_port))
        outbound = page["outbound_gateways"]["X"]
        self.assertIs(outbound["configured"], True)
        self.assertEqual(outbound["connection"]["name"], self.sent.server_id)
        self.assertEqual(outbound["connection"]["port"], self.gateway.port)
        self.assertNotIn("accounts", outbound)
        (inbound,) = page["inbound_gateways"]["X"]
        self.assertIs(inbound["configured"], False)
        self.assertEqual(inbound["connection"]["name"], self.came.server_id)

    def test_accounts(self):
        account = {
            each["name"]: each for each in self.server.get("/gatewayz?accs=1")["outbound_gateways"]["X"]["accounts"]
        }["$G"]
        self.assertEqual(account["interest_mode"], "Interest-Only")
        self.assertEqual((account["num_subs"], account["num_queue_subs"]), (2 + 1, 1))
        page = self.server.get("/gatewayz?acc_name=$G")["outbound_gateways"]["X"]["accounts"]
        self.assertEqual([each["name"] for each in page], ["$G"])
        self.assertNotIn("subscriptions_list", page[0])
        (inbound,) = self.server.get("/gatewayz?accs=1")["inbound_gateways"]["X"]
        self.assertIn(("$G", "Interest-Only"), [(each["name"], each["interest_mode"]) for each in inbound["accounts"]])

    @differs("2.9.10", "it does not list them")
    def test_subscriptions_of_accounts(self):
        (page,) = self.server.get("/gatewayz?acc_name=$G&subs=1")["outbound_gateways"]["X"]["accounts"]
        self.assertEqual(sorted(page["subscriptions_list"]), ["bar.>", "foo", "svc"])
        (page,) = self.server.get("/gatewayz?acc_name=$G&subs=detail")["outbound_gateways"]["X"]["accounts"]
        listed = sorted((each["subject"], each.get("qgroup")) for each in page["subscriptions_list_detail"])
        self.assertEqual(listed, [("bar.>", None), ("foo", None), ("svc", "q")])

    def test_an_account_of_the_optimistic_mode(self):
        listener = self.listener("Y")
        server = self.gateway_server(listener)
        peer = self.accepted(listener, old=True)
        wire = self.client(server)
        wire.send("PUB foo 1\r\nx\r\n")
        peer.expect_op("RMSG $G foo 1", b"x")
        peer.send("RS- $G foo\r\nRS- $G bar\r\n")
        peer.expect_quiet()
        accounts = server.get("/gatewayz?accs=1")["outbound_gateways"]["Y"]["accounts"]
        (account,) = [each for each in accounts if each["name"] == "$G"]
        self.assertEqual(
            [account[key] for key in ("interest_mode", "no_interest_count", "interest_only_threshold")],
            ["Optimistic", 2, 1000],
        )

    def test_only_one_cluster(self):
        page = self.server.get("/gatewayz?gw_name=X")
        self.assertEqual((list(page["outbound_gateways"]), list(page["inbound_gateways"])), (["X"], ["X"]))
        page = self.server.get("/gatewayz?gw_name=nosuch")
        self.assertFalse(page["outbound_gateways"])
        self.assertFalse(page["inbound_gateways"])

    def test_traffic(self):
        wire = self.client(self.server)
        wire.send("SUB back 1\r\nPUB foo 5\r\nhello\r\n")
        wire.expect_quiet()
        self.sent.expect_op("RMSG $G foo 5", b"hello")
        self.came.send("RMSG $G back 2\r\nhi\r\n")
        wire.expect_message("back", 1, b"hi")
        page = self.server.get("/gatewayz")
        sent = page["outbound_gateways"]["X"]["connection"]
        self.assertEqual((sent["out_msgs"], sent["out_bytes"]), (1, 5))
        came = page["inbound_gateways"]["X"][0]["connection"]
        self.assertEqual((came["in_msgs"], came["in_bytes"]), (1, 2))

    def test_varz(self):
        gateway = self.server.get("/varz")["gateway"]
        self.assertEqual((gateway["name"], gateway["port"]), ("A", self.server.gateway_port))
        self.assertEqual(gateway["gateways"][0]["name"], "X")

    def test_metrics(self):
        if self.server.kind.is_go:
            self.skipTest("the reference has no such page")
        wire = self.client(self.server)
        wire.send("SUB back 1\r\nPUB foo 5\r\nhello\r\n")
        self.sent.expect_op("RMSG $G foo 5", b"hello")
        self.came.send("RMSG $G back 5\r\nworld\r\n")
        wire.expect_message("back", 1, b"world")
        url = f"http://127.0.0.1:{self.server.monitor_port}/metrics"
        with urllib.request.urlopen(url, timeout=DEADLINE_S) as answer:
            lines = answer.read().decode().split("\n")
        self.assertIn('nats_uring_gateways{direction="outbound"} 1', lines)
        self.assertIn('nats_uring_gateways{direction="inbound"} 1', lines)
        for direction in ("outbound", "inbound"):
            labels = f'{{cluster="X",direction="{direction}"}}'
            self.assertIn(f"nats_uring_gateway_messages_total{labels} 1", lines)
            self.assertIn(f"nats_uring_gateway_bytes_total{labels} 5", lines)
            self.assertIn(f"nats_uring_gateway_pending_bytes{labels} 0", lines)
        self.assertTrue(any(line.startswith('nats_uring_gateway_rtt_seconds{cluster="X"') for line in lines), lines)


if __name__ == "__main__":
    super_cluster.main()
