#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The wire between clusters, line by line, with scripted gateways at the other end."""

import base64
import json
import re
import threading
import time

from support import route_peer, super_cluster
from support.case import differs
from support.cluster import HeldPort
from support.gateway_peer import GatewayPeerCase, account_of, new_hash, old_hash

MANY = 50000
LEAF_ACCOUNTS = """accounts {
  APP { users: [ { user: app, password: pw } ] }
  SYS { }
}
system_account: SYS
"""
SWITCHES = "since 2.9 it announces all interest from the start, whoever dials"


class SetupTest(GatewayPeerCase):
    def test_who_accepts_speaks_first(self):
        server = self.gateway_server()
        peer = self.dialed(server)
        info = peer.read_op().json
        url = f"127.0.0.1:{server.gateway_port}"
        self.assertEqual(info["gateway"], "A")
        self.assertEqual((info["gateway_url"], info["gateway_urls"]), (url, [url]))
        self.assertEqual((info["host"], info["port"]), ("127.0.0.1", server.gateway_port))
        self.assertEqual(info["server_id"], server.id)
        self.assertTrue(info["gateway_iom"] and info["gateway_nrp"] and info["headers"])
        self.assertNotIn("gateway_cmd", info)
        peer.send_connect()
        peer.send_info()
        server.wait_inbound("X")
        peer.drain()

    def test_who_dialed_waits_for_the_other_one(self):
        listener = self.listener()
        server = self.gateway_server(listener)
        peer = listener.accept()
        self.addCleanup(peer.close)
        peer.send_info()
        op = peer.read_op()
        self.assertEqual(op.verb, "CONNECT")
        connect = op.json
        self.assertEqual((connect["name"], connect["gateway"]), (server.id, "A"))
        self.assertFalse(connect["echo"] or connect["verbose"] or connect["pedantic"])
        op = peer.read_op()
        self.assertEqual((op.verb, op.json["gateway"], op.json["server_id"]), ("INFO", "A", server.id))
        server.wait_outbound("X")

    def test_a_cluster_that_dials_is_dialed(self):
        listener = self.listener()
        server = self.gateway_member()
        self.inbound(server, port=listener.port)
        peer = self.accepted(listener)
        self.assertEqual(peer.connect_op.json["gateway"], "A")
        server.wait_outbound("X")

    def test_clusters_are_reported_to_who_dials(self):
        listener, other = self.listener(), self.listener("Y")
        server = self.gateway_server(listener, other)
        peer = self.inbound(server, port=listener.port)
        known = [op.json for op in peer.dump if op.verb == "INFO" and op.json.get("gateway_cmd") == 1]
        self.assertEqual([(each["gateway"], each["gateway_urls"]) for each in known],
                         [("Y", [f"127.0.0.1:{other.port}"])])  # fmt: skip

    def test_a_reported_cluster_is_dialed(self):
        listener, other = self.listener(), self.listener("Y")
        server = self.gateway_server(listener)
        peer = self.accepted(listener)
        peer.send_info(server_id=peer.server_id, gateway="Y", gateway_cmd=1,
                       gateway_urls=[f"127.0.0.1:{other.port}"])  # fmt: skip
        self.accepted(other)
        server.wait_outbound("Y")
        peer.expect_quiet()

    def test_long_lists_of_addresses_are_not_reported(self):
        listener = self.listener()
        server = self.gateway_server(listener)
        if server.kind.is_go:
            self.skipTest("it passes on whatever it gets")
        route = route_peer.join(server)
        self.addCleanup(route.close)
        good = [f"10.1.1.1:{port}" for port in range(1, 600)]
        self.accepted(listener).send_info(gateway_urls=["h" * 100000 + ":1", *good])
        self.assertEqual(len(route.read_verb("INFO").json["gateway_urls"]), 1)
        self.assertEqual(route.read_verb("INFO").json["gateway_urls"], good[:255])

    def test_a_reported_cluster_that_is_not_there_is_given_up_and_reported_again(self):
        listener, reported = self.listener(), HeldPort()
        self.addCleanup(reported.release)
        server = self.gateway_server(
            listener, settings="debug: true\n", gateway_settings="  connect_retries: 1"
        )
        peer = self.accepted(listener)

        def attempts():
            """Of each attempt its number."""
            tried = r'Error connecting to implicit gateway "Y" .* \(attempt (\d)\)'
            return re.findall(tried, server.log.text())

        def is_given_up():
            """It is dialed anew, from the first attempt on."""
            peer.send_info(gateway="Y", gateway_cmd=1, gateway_urls=[f"127.0.0.1:{reported.number}"])
            return attempts()[:3] == ["1", "2", "1"]

        self.wait_for(is_given_up, "after the second attempt it is unknown again")

    def test_rounds_further_and_further_apart(self):
        """With `connect_backoff`: a second after the first round, two after the second."""
        kind = self.cluster_kinds(0)[0]
        if kind.is_go and kind.number < (2, 12):
            self.skipTest("servers before 2.12 do not know the key")
        nobody = HeldPort()
        self.addCleanup(nobody.release)
        server = self.gateway_member(
            settings="debug: true\n",
            gateway_settings="  connect_backoff: true",
            gateways=[("X", [f"nats://127.0.0.1:{nobody.number}"])],
        )
        times = []
        for attempt in (1, 2, 3):
            server.log.wait(rf'Error connecting to explicit gateway "X" .* \(attempt {attempt}\)')
            times.append(time.monotonic())
        self.assertGreater(times[2] - times[1], 1.9)

    def test_a_lost_connection_is_dialed_again(self):
        listener = self.listener()
        self.gateway_server(listener)
        peer = self.accepted(listener)
        peer.close()
        self.accepted(listener)

    def test_the_own_name_in_the_list_is_not_dialed(self):
        own, listener = self.listener("A"), self.listener()
        self.gateway_server(own, listener)
        self.accepted(listener)
        own.socket.setblocking(False)
        self.assertRaises(BlockingIOError, own.socket.accept)


class ManyAccountsTest(GatewayPeerCase):
    def test_each_of_thousands_of_accounts_switches_once(self):
        """Most of them are empty. A PONG comes behind the last one."""
        if any(kind.is_go for kind in self.all_kinds()):
            self.skipTest("Go servers do not switch accounts without interest")
        names = [f"ACC{i}" for i in range(4000)]
        users = 'users: [ { user: u, password: pw } ]'
        accounts = "\n".join(f"{name} {{ {users if name == 'ACC7' else ''} }}" for name in names)
        server = self.gateway_member(settings=f"accounts {{\n{accounts}\n}}\n")
        peer = self.inbound(server)
        for command in (2, 3):
            switched = [account_of(op) for op in peer.dump
                        if op.verb == "INFO" and op.json.get("gateway_cmd") == command]  # fmt: skip
            self.assertEqual(sorted(set(switched) - {"$G"}), sorted(names))
            self.assertEqual(len(switched), len(set(switched)))
        peer.expect_quiet()


class RefusalTest(GatewayPeerCase):
    def expect_error(self, peer, text):
        op = peer.read_op()
        self.assertEqual(op.line, f"-ERR '{text}'")
        self.assertEqual(peer.read_until_end(), [])

    def test_a_client_at_the_gateway_port(self):
        server = self.gateway_server()
        peer = self.dialed(server)
        peer.read_op()
        peer.send('CONNECT {"verbose":false,"lang":"go"}\r\n')
        self.expect_error(peer, "attempted to connect to gateway port")
        self.check_serves(server)

    def test_anything_but_connect_first(self):
        server = self.gateway_server()
        for line in ("PING\r\n", "INFO {}\r\n", "RMSG $G foo 1\r\nx\r\n", "RS+ $G foo\r\n", "A- $G\r\n"):
            peer = self.dialed(server)
            peer.read_op()
            peer.send(line)
            self.expect_error(peer, "Authorization Violation")
        self.check_serves(server)

    def test_unknown_clusters(self):
        listener = self.listener()
        server = self.gateway_server(listener, gateway_settings="  reject_unknown: true")
        peer = self.dialed(server, gateway="UNK")
        peer.read_op()
        peer.send_connect()
        peer.send_info()
        self.expect_error(peer, 'Connection to gateway "A" rejected')
        server.log.wait('Rejecting connection from gateway "UNK"')
        if not server.kind.is_go:  # which looks at CONNECT alone
            peer = self.dialed(server)
            peer.read_op()
            peer.send_connect()
            peer.send_info(gateway="UNK")
            self.expect_error(peer, 'Connection to gateway "A" rejected')
        self.inbound(server, port=listener.port)

    def test_user_and_password(self):
        auth = "  authorization { user: gw, password: secret }"
        server = self.gateway_server(gateway_settings=auth)
        for fields in ({}, {"user": "gw", "pass": "wrong"}, {"user": "other", "pass": "secret"}):
            peer = self.dialed(server)
            self.assertTrue(peer.read_op().json["auth_required"])
            peer.send_connect(**fields)
            self.expect_error(peer, "Authorization Violation")
        peer = self.dialed(server)
        peer.read_op()
        peer.send_connect(user="gw", **{"pass": "secret"})
        peer.send_info()
        peer.drain()
        server.wait_inbound("X")

    def test_who_says_nothing(self):
        server = self.gateway_server(gateway_settings="  authorization { timeout: 0.2 }")
        peer = self.dialed(server)
        peer.read_op()
        self.expect_error(peer, "Authentication Timeout")

    def test_the_wrong_cluster_answers(self):
        listener = self.listener()
        server = self.gateway_server(listener)
        peer = listener.accept(gateway="Z")
        self.addCleanup(peer.close)
        peer.send_info()
        self.expect_error(peer, 'Connection from "A" rejected, wanted to connect to "X", this is "Z"')
        server.log.wait('Failing connection to gateway "X", remote gateway name is "Z"')
        self.accepted(listener)  # it tries again

    def test_the_name_of_the_server_itself(self):
        listener = self.listener()
        server = self.gateway_server(listener)
        peer = self.dialed(server, server_name=server.name)
        peer.read_op()
        peer.send_connect()
        peer.send_info()
        peer.read_until_end()
        server.log.wait(f'Remote server has a duplicate name: "{server.name}"')
        peer = listener.accept(server_name=server.name)
        self.addCleanup(peer.close)
        peer.send_info()
        peer.read_until_end()
        self.accepted(listener)  # it tries again

    def test_the_name_of_another_server_of_the_cluster(self):
        listener = self.listener()
        server = self.gateway_server(listener)
        other = self.gateway_member(0, 1, routes=[server.route_url])
        self.wait_for(lambda: server.remote_ids() == {other.id}, "the cluster is whole")
        peer = self.dialed(server, server_name=other.name)
        peer.read_op()
        peer.send_connect()
        peer.send_info()
        peer.read_until_end()
        server.log.wait(f'Remote server has a duplicate name: "{other.name}"')
        server.log.wait("Gateway connection closed: Duplicate Server Name")
        self.accepted(listener)

    def test_the_end_of_a_connection_names_the_other_server(self):
        kind = self.cluster_kinds(0)[0]
        if kind.is_go and kind.number < (2, 15):
            self.skipTest("servers before 2.15 do not name it")
        listener = self.listener()
        server = self.gateway_server(listener)
        self.accepted(listener, server_name="far").close()
        server.log.wait(f"Gateway connection closed: .* - Remote: far, Host: 127.0.0.1:{listener.port}")

    def test_the_dialed_port_is_no_gateways(self):
        listener = self.listener()
        self.gateway_server(listener)
        peer = listener.accept(gateway=None)
        self.addCleanup(peer.close)
        peer.send('INFO {"server_id":"S","version":"2.9.10","port":4222}\r\n')
        self.expect_error(peer, 'Attempt to connect to gateway "X" using wrong port')

    def test_commands_without_an_account(self):
        listener = self.listener()
        server = self.gateway_server(listener)
        for command, word in ((2, "start"), (3, "complete")):
            peer = self.accepted(listener)
            peer.send_info(gateway_cmd=command)
            self.expect_error(peer, f"Account absent from receive-all-subscriptions-{word} command")
        peer = self.accepted(listener)
        peer.send_info(gateway_cmd=9)
        server.log.wait('Received unknown command 9 from gateway "X"')
        peer.expect_quiet()

    @differs("2.9.10", "the two lists say what only later servers refuse")
    def test_lines_in_the_wrong_direction(self):
        listener = self.listener()
        server = self.gateway_server(listener)
        for line in ("RS+ $G foo\r\n", "RS- $G foo\r\n", "A+ $G\r\n", "A- $G\r\n"):
            peer = self.inbound(server, port=listener.port)
            peer.send(line)
            self.assertEqual([op for op in peer.read_until_end() if op.verb != "INFO"], [])
            server.log.wait(f"Received {re_escape(line[:3].strip())} from gateway on inbound connection")
        peer = self.accepted(listener)
        peer.send("RMSG $G foo 1\r\nx\r\n")
        self.assertEqual(peer.read_until_end(), [])
        self.check_serves(server)


def leafnode_event(account):
    body = json.dumps({"acc": account})
    return f"RMSG SYS $SYS.ACCOUNT.{account}.LEAFNODE.CONNECT {len(body)}\r\n{body}\r\n"


def re_escape(text):
    return text.replace("+", r"\+")


class SendingTest(GatewayPeerCase):
    """The server has dialed: it is told of interest and sends messages."""

    def setUp(self):
        self.gateway = self.listener()
        self.server = self.gateway_server(self.gateway)

    def test_optimistic(self):
        peer = self.accepted(self.gateway, old=True)
        wire = self.client(self.server)
        wire.send("PUB foo 1\r\n1\r\n")
        peer.expect_op("RMSG $G foo 1", b"1")
        peer.send("RS- $G foo\r\n")
        peer.expect_quiet()
        wire.send("PUB foo 1\r\n2\r\nPUB bar reply 1\r\n3\r\n")
        peer.expect_op("RMSG $G bar reply 1", b"3")
        peer.send("RS+ $G foo\r\n")
        peer.expect_quiet()
        wire.send("PUB foo 1\r\n4\r\n")
        peer.expect_op("RMSG $G foo 1", b"4")
        peer.send("A- $G\r\n")
        peer.expect_quiet()
        wire.send("PUB foo 1\r\n5\r\nPUB any 1\r\n6\r\n")
        wire.expect_quiet()
        peer.send("A+ $G\r\n")
        peer.expect_quiet()
        wire.send("PUB foo 1\r\n7\r\n")
        peer.expect_op("RMSG $G foo 1", b"7")

    def test_a_wildcard_withdraws_refusals(self):
        peer = self.accepted(self.gateway, old=True)
        wire = self.client(self.server)
        peer.send("RS- $G foo.a\r\nRS- $G foo.b\r\nRS- $G bar\r\nRS+ $G foo.*\r\n")
        peer.expect_quiet()
        wire.send("PUB bar 1\r\n1\r\nPUB foo.a 1\r\n2\r\nPUB foo.b 1\r\n3\r\n")
        peer.expect_op("RMSG $G foo.a 1", b"2")
        peer.expect_op("RMSG $G foo.b 1", b"3")

    def test_the_switch_to_interest_only(self):
        peer = self.accepted(self.gateway, old=True)
        wire = self.client(self.server)
        peer.send_command(2)
        peer.send("RS+ $G foo.*\r\n")
        peer.send_command(3)
        peer.expect_quiet()
        wire.send("PUB bar 1\r\n1\r\nPUB foo.a 1\r\n2\r\n")
        peer.expect_op("RMSG $G foo.a 1", b"2")
        peer.send("RS- $G foo.*\r\nRS+ $G bar\r\n")
        peer.expect_quiet()
        wire.send("PUB foo.a 1\r\n3\r\nPUB bar 1\r\n4\r\n")
        peer.expect_op("RMSG $G bar 1", b"4")

    def test_interest_only_from_the_start(self):
        peer = self.accepted(self.gateway)
        wire = self.client(self.server)
        peer.send_interest_only("foo", "any.>")
        peer.expect_quiet()
        wire.send("PUB none 1\r\n1\r\nPUB foo 1\r\n2\r\nPUB any.x.y 1\r\n3\r\n")
        peer.expect_op("RMSG $G foo 1", b"2")
        peer.expect_op("RMSG $G any.x.y 1", b"3")

    def test_groups(self):
        peer = self.accepted(self.gateway)
        wire, near = self.client(self.server), self.client(self.server)
        peer.send_interest_only("svc")
        peer.send("RS+ $G svc q1 1\r\nRS+ $G svc q2 1\r\nRS+ $G only q3 1\r\n")
        peer.expect_quiet()
        wire.send("PUB svc 1\r\n1\r\n")
        op = peer.read_op()
        self.assertEqual((op.fields[:3], sorted(op.fields[3:5]), op.payload),
                         (["$G", "svc", "|"], ["q1", "q2"], b"1"))  # fmt: skip
        near.send("SUB svc q1 1\r\n")
        near.expect_quiet()
        wire.send("PUB svc reply 1\r\n2\r\n")
        near.expect_line(r"MSG svc 1 reply 1")
        near.read(3)
        op = peer.read_op()
        self.assertEqual((op.fields, op.payload), (["$G", "svc", "+", "reply", "q2", "1"], b"2"))
        wire.send("PUB only 1\r\n3\r\n")
        op = peer.read_op()
        self.assertEqual((op.fields, op.payload), (["$G", "only", "|", "q3", "1"], b"3"))
        peer.send("RS- $G only q3\r\n")
        peer.expect_quiet()
        wire.send("PUB only 1\r\n4\r\nPUB svc 1\r\n5\r\n")
        op = peer.read_op()
        self.assertEqual((op.fields, op.payload), (["$G", "svc", "|", "q2", "1"], b"5"))

    def test_replies_are_mapped_while_the_subscription_is_young(self):
        peer = self.accepted(self.gateway)
        wire = self.client(self.server)
        peer.send_interest_only("svc")
        peer.send("RS+ $G svc q1 1\r\n")
        peer.expect_quiet()
        prefix = f"_GR_.{new_hash('A')}.{new_hash(self.server.id)}."
        wire.send("SUB _INBOX.abc.* 1\r\nPUB svc _INBOX.abc.1 1\r\nx\r\nPUB svc stranger 1\r\ny\r\n")
        op = peer.read_op()
        self.assertEqual(op.fields, ["$G", "svc", "+", f"{prefix}_INBOX.abc.1", "q1", "1"])
        op = peer.read_op()
        self.assertEqual(op.fields, ["$G", "svc", "+", "stranger", "q1", "1"])
        back = self.inbound(self.server, port=self.gateway.port)
        back.send(f"RMSG $G {prefix}_INBOX.abc.1 6\r\nanswer\r\n")
        wire.expect_message("_INBOX.abc.1", 1, b"answer")
        # For another cluster, and of a server that nobody knows.
        back.send(f"RMSG $G _GR_.{new_hash('Z')}.{new_hash('s')}._INBOX.abc.1 1\r\nx\r\n")
        back.send(f"RMSG $G _GR_.{new_hash('A')}.{new_hash('s')}._INBOX.abc.1 1\r\ny\r\n")
        wire.expect_message("_INBOX.abc.1", 1, b"y")
        wire.expect_quiet()

    def test_replies_to_old_servers_are_mapped_the_old_way(self):
        peer = self.accepted(self.gateway, old=True)
        wire = self.client(self.server)
        wire.send("SUB _INBOX.abc.* 1\r\nPUB svc _INBOX.abc.1 1\r\nx\r\n")
        peer.expect_op(f"RMSG $G svc $GR.{old_hash('A')}._INBOX.abc.1 1", b"x")
        back = self.inbound(self.server, old=True, port=self.gateway.port)
        back.send(f"RMSG $G $GR.{old_hash('A')}._INBOX.abc.1 6\r\nanswer\r\n")
        wire.expect_message("_INBOX.abc.1", 1, b"answer")
        back.send(f"RMSG $G $GR.{old_hash('Z')}._INBOX.abc.1 1\r\nx\r\n")
        back.drain()
        wire.expect_quiet()

    def test_headers_go_to_who_knows_them(self):
        peer = self.accepted(self.gateway)
        peer.send_interest_only("foo")
        peer.expect_quiet()
        wire = self.client(self.server, headers=True)
        head = b"NATS/1.0\r\nA: b\r\n\r\n"
        wire.send(b"HPUB foo %d %d\r\n%bbody\r\n" % (len(head), len(head) + 4, head))
        peer.expect_op(f"HMSG $G foo {len(head)} {len(head) + 4}", head + b"body")

    def test_headers_are_kept_from_who_does_not_know_them(self):
        peer = self.accepted(self.gateway, old=True)
        wire = self.client(self.server, headers=True)
        head = b"NATS/1.0\r\nA: b\r\n\r\n"
        wire.send(b"HPUB foo reply %d %d\r\n%bbody\r\n" % (len(head), len(head) + 4, head))
        peer.expect_op("RMSG $G foo reply 4", b"body")

    def test_what_came_over_a_gateway_goes_to_no_other(self):
        peer = self.accepted(self.gateway)
        peer.send_interest_only("foo", "bar")
        other = self.inbound(self.server, gateway="Y", port=self.listener("Y").port)
        other.send("RMSG $G foo 1\r\nx\r\n")
        other.drain()
        peer.expect_quiet()

    def test_interest_goes_with_the_connection(self):
        peer = self.accepted(self.gateway)
        peer.send_interest_only("foo")
        peer.expect_quiet()
        peer.close()
        peer = self.accepted(self.gateway)
        wire = self.client(self.server)
        wire.send("PUB foo 1\r\n1\r\n")
        wire.expect_quiet()
        peer.send_interest_only("foo")
        peer.expect_quiet()
        wire.send("PUB foo 1\r\n2\r\n")
        peer.expect_op("RMSG $G foo 1", b"2")


class NearestTest(GatewayPeerCase):
    def test_a_group_goes_to_the_nearest_cluster(self):
        """By the round trips of PING, which the far one takes its time with."""
        here, there = self.listener("Y"), self.listener("X")
        server = self.gateway_server(there, here)
        near, far = self.accepted(here), self.accepted(there)
        for peer in (near, far):
            peer.send_interest_only()
            peer.send("RS+ $G svc q 1\r\n")
            peer.expect_quiet()
        answers = []
        for peer, delay_s in ((far, 0.5), (near, 0)):

            def answer(peer=peer, delay_s=delay_s):
                peer.expect(b"PING\r\n")
                time.sleep(delay_s)
                peer.send("PONG\r\n")

            answers.append(threading.Thread(target=answer))
        for each in answers:
            each.start()
        for each in answers:
            each.join()
        for peer in (near, far):
            peer.expect_quiet()
        wire = self.client(server)
        for i in range(10):
            wire.send(f"PUB svc 1\r\n{i}\r\n")
            near.expect_op("RMSG $G svc | q 1", str(i).encode())
        far.expect_quiet()
        near.send("RS- $G svc q\r\n")
        near.expect_quiet()
        wire.send("PUB svc 1\r\nx\r\n")
        far.expect_op("RMSG $G svc | q 1", b"x")


    def test_each_group_of_a_subject_goes_to_the_nearest_cluster_that_has_it(self):
        """The sample of the reference's README: groups in three clusters, of which the second one is the nearest."""
        listeners = {name: self.listener(name) for name in "BCD"}
        server = self.gateway_server(*listeners.values())
        peers = {name: self.accepted(listener) for name, listener in listeners.items()}
        for name, groups in (("B", "bar baz bat"), ("C", "bar bat"), ("D", "bar")):
            peers[name].send_interest_only(*(["foo"] if name == "D" else []))
            for group in groups.split():
                peers[name].send(f"RS+ $G foo {group} 1\r\n")
            peers[name].expect_quiet()
        answers = []
        for name, delay_s in (("C", 0), ("B", 0.4), ("D", 0.8)):

            def answer(peer=peers[name], delay_s=delay_s):
                peer.expect(b"PING\r\n")
                time.sleep(delay_s)
                peer.send("PONG\r\n")

            answers.append(threading.Thread(target=answer))
        for each in answers:
            each.start()
        for each in answers:
            each.join()
        for peer in peers.values():
            peer.expect_quiet()
        wire = self.client(server)
        wire.send("PUB foo 1\r\nx\r\n")
        op = peers["C"].read_op()
        self.assertEqual((op.fields[:3], sorted(op.fields[3:5])), (["$G", "foo", "|"], ["bar", "bat"]))
        peers["B"].expect_op("RMSG $G foo | baz 1", b"x")
        peers["D"].expect_op("RMSG $G foo 1", b"x")  # for its plain subscription
        for peer in peers.values():
            peer.expect_quiet()


class ReceivingTest(GatewayPeerCase):
    """A scripted gateway has dialed the server: it sends messages and is told of interest."""

    def test_all_interest_is_announced_to_newer_servers(self):
        server = self.gateway_server()
        wire = self.client(server)
        wire.send("SUB foo 1\r\nSUB foo.* 2\r\nSUB foo q 3\r\nSUB foo q 4\r\n")
        wire.expect_quiet()
        peer = self.inbound(server)
        lines = [op.line for op in peer.dump if op.verb == "RS+"]
        self.assertEqual(sorted(lines), ["RS+ $G foo", "RS+ $G foo q 1", "RS+ $G foo.*"])
        commands = [op.json["gateway_cmd"] for op in peer.dump if op.verb == "INFO"]
        self.assertEqual(commands, [2, 3])
        peer.drain()

    def test_much_interest_is_announced_in_slices(self):
        """More than may wait for the connection: to a server that takes its time, too. Others are served meanwhile."""
        args = [] if self.cluster_kinds(0)[0].is_go else ["--workers", "1"]
        server = self.gateway_member(0, 0, *args, settings="max_pending: 1MB\n")
        wire, other = self.client(server), self.client(server)
        for start in range(0, MANY, 10000):
            wire.send("".join(f"SUB many.{i:030} {i}\r\n" for i in range(start, start + 10000)))
            wire.expect_quiet()
        peer = self.dialed(server)
        peer.read_verb("INFO")
        peer.send_connect()
        peer.send_info()
        server.wait_inbound("X")
        for _ in range(100):
            other.expect_quiet()
        patterns, commands = [], []
        while commands != [2, 3]:
            op = peer.read_op()
            if op.verb == "RS+":
                patterns.append(op.fields[1])
            elif op.verb == "INFO" and account_of(op) == "$G":
                commands.append(op.json["gateway_cmd"])
        self.assertEqual(len(patterns), MANY)
        self.assertEqual(set(patterns), {f"many.{i:030}" for i in range(MANY)})
        self.assertNotIn("Slow Consumer", server.log.text())
        peer.expect_quiet()

    def test_changes_are_announced(self):
        server = self.gateway_server()
        peer = self.inbound(server)
        wire, other = self.client(server), self.client(server)
        for each in (wire, other):
            each.send("SUB foo 1\r\nSUB bar.> 2\r\nSUB svc q 3\r\n")
            each.expect_quiet()
        peer.expect_ops("RS+ $G foo", "RS+ $G bar.>", "RS+ $G svc q 1")
        peer.expect_quiet()
        other.send("UNSUB 1\r\nUNSUB 2\r\nUNSUB 3\r\n")
        other.expect_quiet()
        peer.expect_quiet()
        wire.send("UNSUB 1\r\nUNSUB 3\r\n")
        wire.expect_quiet()
        peer.expect_ops("RS- $G foo", "RS- $G svc q")
        wire.close()
        peer.expect_ops("RS- $G bar.>")

    def test_messages_arrive(self):
        server = self.gateway_server()
        wire = self.client(server)
        wire.send("SUB foo 1\r\nSUB foo q 2\r\nSUB foo r 3\r\n")
        wire.expect_quiet()
        peer = self.inbound(server)
        peer.send("RMSG $G foo 1\r\n1\r\n")
        wire.expect_message("foo", 1, b"1")
        peer.send("RMSG $G foo | r 1\r\n2\r\n")
        frames = sorted(wire.read_line() + wire.read(3) for _ in range(2))
        self.assertEqual(frames, [b"MSG foo 1 12\r\n", b"MSG foo 3 12\r\n"])
        peer.send("RMSG $G foo + back q r 1\r\n3\r\n")
        frames = sorted(wire.read_line() + wire.read(3) for _ in range(3))
        self.assertEqual(frames, [b"MSG foo 1 back 13\r\n", b"MSG foo 2 back 13\r\n", b"MSG foo 3 back 13\r\n"])
        wire.expect_quiet()
        peer.expect_quiet()

    def test_a_group_that_has_gone_meanwhile(self):
        """The message is for the groups that it names, and is not sent on to another cluster."""
        listener = self.listener("Y")
        server = self.gateway_server(listener)
        other = self.accepted(listener)
        other.send_interest_only()
        other.send("RS+ $G foo gone 1\r\n")
        other.expect_quiet()
        wire = self.client(server)
        wire.send("SUB foo 1\r\nSUB foo stays 2\r\n")
        wire.expect_quiet()
        peer = self.inbound(server)
        peer.send("RMSG $G foo | gone 1\r\n1\r\nRMSG $G foo 1\r\n2\r\n")
        wire.expect_message("foo", 1, b"1")
        wire.expect_message("foo", 1, b"2")
        wire.expect_quiet()
        peer.expect_quiet()
        other.expect_quiet()

    def test_a_mapped_reply_is_hidden_and_answered_directly(self):
        listener = self.listener()
        server = self.gateway_server(listener)
        sent = self.accepted(listener)
        wire = self.client(server)
        wire.send("SUB svc 1\r\n")
        wire.expect_quiet()
        peer = self.inbound(server, port=listener.port)
        mapped = f"_GR_.{new_hash('X')}.{new_hash(peer.server_id)}._INBOX.abc.1"
        peer.send(f"RMSG $G svc {mapped} 1\r\nx\r\n")
        wire.expect_message("svc", 1, b"x", reply="_INBOX.abc.1")
        wire.send("PUB _INBOX.abc.1 6\r\nanswer\r\n")
        sent.expect_op(f"RMSG $G {mapped} 6", b"answer")

    @differs("2.9.10", SWITCHES)
    def test_optimistic_accounts_are_refused_once(self):
        server = self.gateway_server()
        peer = self.inbound(server, old=True)
        self.assertEqual(peer.dump, [])
        peer.send("RMSG $G none.one 1\r\nx\r\n")
        peer.expect_op("A- $G")
        peer.send("RMSG $G none.one 1\r\nx\r\n")
        peer.expect_quiet()
        wire = self.client(server)
        wire.send("SUB foo 1\r\n")
        wire.expect_quiet()
        peer.expect_op("A+ $G")
        peer.send("RMSG NOSUCH foo 1\r\nx\r\n")
        peer.expect_op("A- NOSUCH")

    @differs("2.9.10", SWITCHES)
    def test_optimistic_subjects_are_refused_once(self):
        server = self.gateway_server()
        wire = self.client(server)
        wire.send("SUB foo 1\r\n")
        wire.expect_quiet()
        peer = self.inbound(server, old=True)
        peer.send("RMSG $G none.two 1\r\nx\r\nRMSG $G none.two 1\r\nx\r\nRMSG $G foo 1\r\ny\r\n")
        peer.expect_op("RS- $G none.two")
        peer.expect_quiet()
        wire.expect_message("foo", 1, b"y")
        wire.send("SUB none.> 2\r\n")
        wire.expect_quiet()
        peer.expect_op("RS+ $G none.>")
        wire.send("SUB svc q1 3\r\n")
        wire.expect_quiet()
        peer.expect_op("RS+ $G svc q1 1")
        peer.send("RMSG $G svc | q1 1\r\nz\r\n")
        wire.expect_message("svc", 3, b"z")
        peer.expect_op("RS- $G svc")
        wire.send("UNSUB 1\r\nUNSUB 2\r\nUNSUB 3\r\n")
        wire.expect_quiet()
        peer.expect_op("RS- $G svc q1")
        peer.expect_quiet()

    @differs("2.9.10", SWITCHES)
    def test_an_account_with_service_imports_is_announced_at_once(self):
        """Also to servers that begin with the optimistic mode; other accounts stay in it."""
        settings = """accounts {
          EXP { users: [ { user: exp, password: pw } ], exports: [ { service: svc } ] }
          IMP { users: [ { user: imp, password: pw } ], imports: [ { service: { account: EXP, subject: svc } } ] }
        }"""
        server = self.gateway_server(settings=settings)
        wire = self.client(server, user="imp", **{"pass": "pw"})
        wire.send("SUB inbox.> 1\r\n")
        wire.expect_quiet()
        peer = self.inbound(server, old=True)
        told = [(op.verb, op.json["gateway_cmd"], account_of(op)) if op.verb == "INFO" else op.line for op in peer.dump]
        lines = [line for line in told if isinstance(line, str)]
        self.assertEqual((told[0], told[-1]), (("INFO", 2, "IMP"), ("INFO", 3, "IMP")))
        self.assertIn("RS+ IMP inbox.>", lines)
        peer.send("RMSG IMP none 1\r\nx\r\n")
        peer.expect_quiet()
        peer.send("RMSG EXP none 1\r\nx\r\n")
        op = peer.read_op()
        self.assertIn(op.line, ("A- EXP", "RS- EXP none"))

    @differs("2.9.10", SWITCHES)
    def test_an_account_with_leafnodes_elsewhere_is_announced(self):
        """A server before 2.9 announces nothing to its leafnodes unless the account is interest-only."""
        server = self.gateway_server(settings=LEAF_ACCOUNTS)
        wire = self.client(server, user="app", **{"pass": "pw"})
        wire.send("SUB foo 1\r\n")
        wire.expect_quiet()
        peer = self.inbound(server, old=True)
        for account in ("NONE", "APP"):
            peer.send(leafnode_event(account))
        self.expect_commands(peer, 2, "RS+ APP foo", 3, account="APP")
        peer.send("RMSG APP none 1\r\nx\r\n" + leafnode_event("APP") * 1000)
        peer.expect_quiet()
        wire.send("SUB bar 2\r\n")
        peer.expect_ops("RS+ APP bar")

    @differs("2.9.10", SWITCHES)
    def test_a_large_account_with_leafnodes_elsewhere_is_announced_in_slices(self):
        server = self.gateway_server(settings=LEAF_ACCOUNTS + "max_pending: 1MB\n")
        wire = self.client(server, user="app", **{"pass": "pw"})
        for start in range(0, MANY, 10000):
            wire.send("".join(f"SUB many.{i:030} {i}\r\n" for i in range(start, start + 10000)))
            wire.expect_quiet()
        peer = self.inbound(server, old=True)
        peer.send(leafnode_event("APP") * 100)
        self.expect_commands(peer, 2, account="APP")
        told = [peer.read_op() for _ in range(MANY)]
        self.assertEqual({op.line for op in told}, {f"RS+ APP many.{i:030}" for i in range(MANY)})
        self.expect_commands(peer, 3, account="APP")
        peer.expect_quiet()

    @differs("2.9.10", SWITCHES)
    def test_after_a_thousand_refusals_all_interest_is_announced(self):
        server = self.gateway_server()
        wire = self.client(server)
        wire.send("SUB foo 1\r\nSUB bar.* 2\r\n")
        wire.expect_quiet()
        peer = self.inbound(server, old=True)
        peer.send("".join(f"RMSG $G none.{i} 1\r\nx\r\n" for i in range(1000)))
        peer.expect_ops(*(f"RS- $G none.{i}" for i in range(1000)))
        peer.send("RMSG $G one.more 1\r\nx\r\n")
        first = peer.read_op()
        self.assertEqual((first.json["gateway_cmd"], first.json["gateway"]), (2, "A"))
        self.assertEqual(base64.b64decode(first.json["gateway_cmd_payload"]), b"$G")
        self.assertEqual((first.json["server_id"], first.json["port"]), ("", 0))
        self.assertEqual(sorted(peer.read_op().line for _ in range(2)), ["RS+ $G bar.*", "RS+ $G foo"])
        self.assertEqual(peer.read_op().json["gateway_cmd"], 3)
        peer.send("RMSG $G another 1\r\nx\r\n")
        peer.expect_quiet()
        wire.send("SUB baz 3\r\nUNSUB 1\r\n")
        wire.expect_quiet()
        peer.expect_ops("RS+ $G baz", "RS- $G foo")


if __name__ == "__main__":
    super_cluster.main()
