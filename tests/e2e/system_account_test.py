#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The system account: events of clients, accounts and the server, and requests under $SYS.

Keys and their order are compared with what nats-server 2.9.10 sends, which runs the same tests.
"""

import json
import signal
import threading
import time

from support import case
from support.case import ServerCase, differs

CONFIG = """
server_name: first
accounts {
  SYS { users: [ { user: sys, password: p } ] }
  A { users: [ { user: a, password: p } ] }
  B { users: [ { user: b, password: p } ] }
}
system_account: SYS
"""

SERVER = ["name", "host", "id", "ver", "seq", "jetstream", "time"]
CLIENT = ["start", "host", "id", "acc", "user", "name", "lang", "ver", "kind", "client_type"]
GONE_CLIENT = [
    "start", "host", "id", "acc", "user", "name", "lang", "ver", "rtt", "stop", "kind", "client_type"
]  # fmt: skip
STATSZ = [
    "start", "mem", "cores", "cpu", "connections", "total_connections", "active_accounts",
    "subscriptions", "sent", "received", "slow_consumers", "active_servers",
]  # fmt: skip
COUNTS = ["conns", "leafnodes", "total_conns", "sent", "received", "slow_consumers"]


class OnlySystemAccountTest(ServerCase):
    """A file that lists the system account alone: all others stay in the default account."""

    FILES = (
        "accounts { $SYS { users: [ { user: s, password: p } ] } }\n",
        "system_account: OPS\naccounts { OPS { users: [ { user: s, password: p } ] } }\n",
    )

    def test_clients_need_no_credentials_before_and_after_a_reload(self):
        for config in self.FILES:
            server = self.start(config=config)
            early = self.client(server)
            early.send("SUB foo 1\r\n")
            early.expect_quiet()
            with open(server.config_file, "w", encoding="utf-8") as out:
                out.write(config + "debug: true\n")
            server.send_signal(signal.SIGHUP)
            server.log.wait("Reloaded server configuration")
            late = self.client(server)
            late.send("PUB foo 2\r\nhi\r\n")
            late.expect_quiet()
            early.expect_message("foo", 1, b"hi")
            self.client(server, user="s", **{"pass": "p"}).expect_quiet()
            for wrong in ({"user": "s", "pass": "q"}, {"user": "nobody"}, {"auth_token": "x"}):
                wire = self.wire(server)
                self.assertTrue(wire.read_info()["auth_required"], config)
                wire.send("CONNECT " + json.dumps({"verbose": False, **wrong}) + "\r\n")
                wire.expect("-ERR 'Authorization Violation'\r\n")


def rewrite(server, config):
    with open(server.config_file, "w", encoding="utf-8") as out:
        out.write(config)


class SystemCase(ServerCase):
    def setUp(self):
        self.server = self.start(config=CONFIG)
        self.system = self.login("sys")
        self.id = self.system.info["server_id"]
        self.asked = 0

    def login(self, user, **options):
        wire = self.wire(self.server)
        wire.info = wire.open(user=user, **{"pass": "p"}, **options)
        return wire

    def listen(self, *subjects):
        for sid, subject in enumerate(subjects, 1):
            self.system.send(f"SUB {subject} {sid}\r\n")
        self.system.expect_quiet()

    def read_message(self, wire=None):
        """Subject and content of the next message."""
        wire = wire or self.system
        head = wire.read_line().split()
        self.assertEqual(head[0], b"MSG", head)
        body = wire.read(int(head[-1]) + 2)[:-2]
        return head[1].decode(), json.loads(body) if body else None

    def ask(self, subject, body="", wire=None):
        """The answer of this server; fails if there is none or more than one."""
        wire = wire or self.system
        self.asked += 1
        inbox = f"_INBOX.{self.asked}"
        wire.send(f"SUB {inbox} 90{self.asked}\r\nPUB {subject} {inbox} {len(body)}\r\n{body}\r\n")
        answered, answer = self.read_message(wire)
        self.assertEqual(answered, inbox)
        wire.send(f"UNSUB 90{self.asked}\r\n")
        return answer

    def check_unanswered(self, subject, body="", wire=None):
        """Another request, which is answered, comes after it: answers keep the order of requests."""
        wire = wire or self.system
        wire.send(f"SUB _NO.x 1\r\nPUB {subject} _NO.x {len(body)}\r\n{body}\r\n")
        wire.expect_quiet()
        follow_up = "$SYS.REQ.ACCOUNT.PING.STATZ"
        self.ask(follow_up, '{"include_unused":true}', wire)
        wire.send("UNSUB 1\r\n")

    def check_server(self, server):
        self.assertEqual(list(server), SERVER)
        self.assertEqual(server["name"], "first")
        self.assertEqual(server["id"], self.id)
        self.assertFalse(server["jetstream"])

    def check_alive(self, server):
        wire = self.client(server, user="a", **{"pass": "p"})
        wire.send("SUB foo 1\r\nPUB foo 0\r\n\r\n")
        wire.expect_message("foo", 1, b"")


class SystemAccountTest(SystemCase):
    # ---- events

    def test_connect_and_disconnect(self):
        self.listen("$SYS.ACCOUNT.*.CONNECT", "$SYS.ACCOUNT.*.DISCONNECT")
        client = self.login("a", name="its name")
        subject, event = self.read_message()
        if subject == "$SYS.ACCOUNT.SYS.CONNECT":  # that of the listener itself, late
            subject, event = self.read_message()
        self.assertEqual(subject, "$SYS.ACCOUNT.A.CONNECT")
        self.assertEqual(list(event), ["type", "id", "timestamp", "server", "client"])
        self.assertEqual(event["type"], "io.nats.server.advisory.v1.client_connect")
        self.assertEqual(len(event["id"]), 22)
        self.check_server(event["server"])
        self.assertEqual(list(event["client"]), CLIENT)
        expected = {
            "host": "127.0.0.1", "id": client.info["client_id"], "acc": "A", "user": "a",
            "name": "its name", "lang": "raw", "ver": "1", "kind": "Client", "client_type": "nats",
        }  # fmt: skip
        self.assertEqual({**event["client"], **expected}, event["client"])
        client.send("SUB foo 1\r\nPUB foo 3\r\nabc\r\nPUB bar 2\r\nab\r\n")
        client.expect_message("foo", 1, b"abc")
        client.expect_quiet()
        client.close()
        subject, event = self.read_message()
        self.assertEqual(subject, "$SYS.ACCOUNT.A.DISCONNECT")
        keys = ["type", "id", "timestamp", "server", "client", "sent", "received", "reason"]
        self.assertEqual(list(event), keys)
        self.assertEqual(event["type"], "io.nats.server.advisory.v1.client_disconnect")
        self.assertLessEqual(set(event["client"]), set(GONE_CLIENT))
        self.assertEqual(event["client"]["id"], client.info["client_id"])
        self.assertEqual(event["sent"], {"msgs": 2, "bytes": 5})
        self.assertEqual(event["received"], {"msgs": 1, "bytes": 3})
        self.assertEqual(event["reason"], "Client Closed")

    def test_every_reason_is_told(self):
        self.listen("$SYS.ACCOUNT.A.DISCONNECT")
        for sent, reason in (
            ("BOGUS\r\n", "Protocol Violation"),
            ("PUB foo 9999999\r\n", "Maximum Message Payload Exceeded"),
            ("PUB " + "x" * 5000 + " 1\r\n", "Maximum Control Line Exceeded"),
        ):
            self.login("a").send(sent)
            _, event = self.read_message()
            self.assertEqual(event["reason"], reason)

    def test_refused_logins(self):
        self.listen(f"$SYS.SERVER.{self.id}.CLIENT.AUTH.ERR")
        wire = self.wire(self.server)
        wire.read_info()
        wire.send('CONNECT {"user":"mallory","pass":"secret-word"}\r\n')
        wire.expect("-ERR 'Authorization Violation'\r\n")
        _, event = self.read_message()
        self.assertEqual(event["type"], "io.nats.server.advisory.v1.client_disconnect")
        self.assertEqual(event["reason"], "Authentication Failure")
        self.assertEqual(event["client"]["user"], "mallory")
        self.assertNotIn("secret-word", json.dumps(event))

    def test_connections_of_an_account(self):
        self.listen("$SYS.SERVER.ACCOUNT.A.CONNS", "$SYS.ACCOUNT.A.SERVER.CONNS")
        client = self.login("a")
        seen = set()
        for _ in range(2):
            subject, event = self.read_message()
            seen.add(subject)
            self.assertEqual(list(event), ["type", "id", "timestamp", "server", "acc", *COUNTS])
            self.assertEqual(event["type"], "io.nats.server.advisory.v1.account_connections")
            self.assertEqual((event["acc"], event["conns"], event["total_conns"]), ("A", 1, 1))
        self.assertEqual(seen, {"$SYS.SERVER.ACCOUNT.A.CONNS", "$SYS.ACCOUNT.A.SERVER.CONNS"})
        client.close()
        self.assertEqual(self.read_message()[1]["conns"], 0)

    def test_statistics_come_by_themselves(self):
        self.listen("$SYS.SERVER.*.STATSZ")
        for _ in range(2):
            subject, event = self.read_message()
            self.assertEqual(subject, f"$SYS.SERVER.{self.id}.STATSZ")
            self.assertEqual(list(event), ["server", "statsz"])
            self.check_server(event["server"])
            self.assertEqual(list(event["statsz"]), STATSZ)

    def test_shutdown(self):
        self.listen("$SYS.SERVER.*.SHUTDOWN")
        self.server.stop()
        subject, event = self.read_message()
        self.assertEqual(subject, f"$SYS.SERVER.{self.id}.SHUTDOWN")
        self.check_server(event)
        self.system.expect_end()

    @differs("2.9.10", "it sends SHUTDOWN alone")
    def test_lame_duck(self):
        self.listen("$SYS.SERVER.*.LAMEDUCK")
        self.server.send_signal(signal.SIGUSR2)
        subject, event = self.read_message()
        self.assertEqual(subject, f"$SYS.SERVER.{self.id}.LAMEDUCK")
        self.check_server(event)

    def test_numbers_of_messages_grow(self):
        self.listen("$SYS.ACCOUNT.>")
        last = 0
        for _ in range(5):
            self.login("a").close()
        for _ in range(10):
            _, event = self.read_message()
            self.assertNotEqual(event["server"]["seq"], last)
            last = event["server"]["seq"]

    # ---- requests

    def test_statistics_on_request(self):
        for subject in ("$SYS.REQ.SERVER.PING", "$SYS.REQ.SERVER.PING.STATSZ",
                        f"$SYS.REQ.SERVER.{self.id}.STATSZ"):  # fmt: skip
            answer = self.ask(subject)
            self.assertEqual(list(answer), ["server", "statsz"])
            self.assertEqual(list(answer["statsz"]), STATSZ)
            self.assertEqual(answer["statsz"]["connections"], 1)
            self.assertEqual(answer["statsz"]["active_accounts"], 1)
            self.assertGreater(answer["statsz"]["mem"], 100_000)

    def test_pages_on_request(self):
        self.login("a")
        for name, keys in (
            ("VARZ", {"server_id", "version", "port", "connections", "in_msgs", "system_account"}),
            ("CONNZ", {"server_id", "num_connections", "total", "offset", "limit", "connections"}),
            ("SUBSZ", {"server_id", "now", "num_subscriptions", "num_inserts", "total", "limit"}),
            ("ROUTEZ", {"server_id", "num_routes", "routes"}),
            ("GATEWAYZ", {"server_id", "outbound_gateways", "inbound_gateways"}),
            ("LEAFZ", {"server_id", "leafnodes"}),
            ("ACCOUNTZ", {"server_id", "system_account", "accounts"}),
            ("JSZ", {"server_id", "disabled", "config"}),
            ("HEALTHZ", {"status"}),
        ):
            for whom in ("PING", self.id):
                answer = self.ask(f"$SYS.REQ.SERVER.{whom}.{name}")
                self.assertEqual(list(answer), ["server", "data"], name)
                self.check_server(answer["server"])
                self.assertLessEqual(keys, set(answer["data"]), name)
        self.assertEqual(answer["data"]["status"], "ok")
        if case.Options.reference is None:
            self.assertEqual(answer["data"]["status_code"], 200)  # `nats server report health`

    def test_arguments(self):
        for _ in range(3):
            self.login("a")
        self.login("b")
        connz = "$SYS.REQ.SERVER.PING.CONNZ"
        self.assertEqual(len(self.ask(connz)["data"]["connections"]), 5)
        page = self.ask(connz, '{"limit":2,"offset":1,"sort":"cid"}')["data"]
        self.assertEqual((page["limit"], page["offset"], len(page["connections"])), (2, 1, 2))
        page = self.ask(connz, '{"acc":"B","auth":true}')["data"]
        self.assertEqual([c["authorized_user"] for c in page["connections"]], ["b"])
        page = self.ask(connz, '{"subscriptions":true,"user":"sys","auth":true}')["data"]
        self.assertEqual(len(page["connections"][0]["subscriptions_list"]), 1)
        self.login("b").send("BOGUS\r\n")
        self.wait_for(
            lambda: self.ask(connz, '{"state":1}')["data"]["num_connections"] == 1, "a closed one"
        )

    def test_arguments_that_are_wrong(self):
        connz = "$SYS.REQ.SERVER.PING.CONNZ"
        for subject, body, code, text in (
            (connz, "nojson", 400, "invalid character 'o' in literal null (expecting 'u')"),
            ("$SYS.REQ.SERVER.PING.STATSZ", "nojson", 400,
             "invalid character 'o' in literal null (expecting 'u')"),
            (connz, '{"limit":"x"}', 400,
             "json: cannot unmarshal string into Go struct field ConnzEventOptions.limit of type int"),
            (connz, "[]", 400,
             "json: cannot unmarshal array into Go value of type server.ConnzEventOptions"),
            ("$SYS.REQ.ACCOUNT.nope.INFO", "", 500, "Account nope does not exist"),
        ):  # fmt: skip
            answer = self.ask(subject, body)
            self.assertEqual(answer["error"], {"code": code, "description": text})
            self.check_server(answer["server"])

    def test_requests_for_others(self):
        connz = "$SYS.REQ.SERVER.PING.CONNZ"
        for body in ('{"server_name":"first"}', '{"server_name":"fir"}', '{"host":"127.0.0.1"}'):
            self.ask(connz, body)
        for body in ('{"server_name":"second"}', '{"host":"10.0.0.1"}', '{"cluster":"c"}',
                     '{"tags":["t"]}', '{"domain":"d"}'):  # fmt: skip
            self.check_unanswered(connz, body)
        self.check_unanswered("$SYS.REQ.SERVER.SOMEBODYELSE.VARZ")
        if case.Options.reference is None:  # since 2.12
            self.ask(connz, '{"server_name":"first","exact_match":true}')
            self.check_unanswered(connz, '{"server_name":"fir","exact_match":true}')
            self.check_unanswered(connz, '{"host":"127","exact_match":true}')

    def test_leaders_are_elsewhere(self):
        self.ask("$SYS.REQ.SERVER.PING.JSZ", '{"leader_only":false}')
        self.check_unanswered("$SYS.REQ.SERVER.PING.JSZ", '{"leader_only":true}')

    def test_no_client_speaks_mqtt(self):
        page = self.ask("$SYS.REQ.SERVER.PING.CONNZ", '{"mqtt_client":"x"}')["data"]
        self.assertEqual(page["connections"], [])

    def test_accounts_on_request(self):
        client = self.login("a")
        client.send("SUB foo 1\r\n")
        client.expect_quiet()
        info = self.ask("$SYS.REQ.ACCOUNT.A.INFO")["data"]
        self.assertEqual((info["account_name"], info["client_connections"]), ("A", 1))
        page = self.ask("$SYS.REQ.ACCOUNT.A.CONNZ")["data"]
        self.assertEqual([c["cid"] for c in page["connections"]], [client.info["client_id"]])
        page = self.ask("$SYS.REQ.ACCOUNT.A.SUBSZ")["data"]
        self.assertIn("foo", [s["subject"] for s in page["subscriptions_list"]])
        counts = self.ask("$SYS.REQ.ACCOUNT.A.CONNS")
        self.assertEqual((counts["acc"], counts["conns"]), ("A", 1))
        self.check_unanswered("$SYS.REQ.ACCOUNT.B.CONNS")
        (counts,) = self.ask("$SYS.REQ.ACCOUNT.A.STATZ")["data"]["account_statz"]
        self.assertLessEqual({"acc", *COUNTS}, set(counts))
        all_counts = self.ask("$SYS.REQ.ACCOUNT.PING.STATZ")["data"]["account_statz"]
        self.assertEqual({c["acc"] for c in all_counts}, {"A", "SYS"})
        some = self.ask("$SYS.REQ.ACCOUNT.PING.STATZ", '{"accounts":["A","B"]}')["data"]["account_statz"]
        self.assertEqual([c["acc"] for c in some], ["A"])
        self.check_unanswered("$SYS.REQ.ACCOUNT.PING.STATZ", '{"accounts":["B"]}')
        one = self.ask("$SYS.REQ.ACCOUNT.A.STATZ", '{"accounts":["SYS"]}')["data"]["account_statz"]
        self.assertEqual([c["acc"] for c in one], ["A"])

    # ---- who may see what

    def test_users_are_told_of_their_own_account_only(self):
        a, b = self.login("a"), self.login("b")
        self.listen("$SYS.ACCOUNT.>")
        for subject in ("$SYS.REQ.SERVER.PING.CONNZ", "$SYS.REQ.ACCOUNT.PING.CONNZ"):
            for body in ("", '{"acc":"B"}', '{"acc":"SYS"}', '{"ACC":"B","state":2}', '{"acc":""}'):
                page = self.ask(subject, body, a)["data"]
                cids = [connection["cid"] for connection in page["connections"]]
                self.assertEqual(cids, [a.info["client_id"]], body)
        for body in ("", '{"accounts":["B"]}'):
            page = self.ask("$SYS.REQ.ACCOUNT.PING.STATZ", body, a)["data"]
            self.assertEqual([c["acc"] for c in page["account_statz"]], ["A"])
        a.send("SUB > 1\r\n")
        a.expect_quiet()
        b.close()
        self.read_message()
        a.expect_quiet()  # the event of B, and of the system account, is not theirs

    def test_users_cannot_ask_about_others(self):
        a = self.login("a")
        a.send("SUB _INBOX.> 1\r\n")
        for subject in ("$SYS.REQ.SERVER.PING", "$SYS.REQ.SERVER.PING.VARZ", "$SYS.REQ.ACCOUNT.B.CONNZ",
                        "$SYS.REQ.ACCOUNT.B.INFO", f"$SYS.REQ.SERVER.{self.id}.CONNZ"):  # fmt: skip
            a.send(f"PUB {subject} _INBOX.x 0\r\n\r\n")
        a.expect_quiet()
        # Nor do what they publish there reach the system account.
        self.listen("$SYS.ACCOUNT.A.CONNECT")
        a.send("PUB $SYS.ACCOUNT.A.CONNECT 0\r\n\r\n")
        a.expect_quiet()
        self.system.expect_quiet()


class OtherSettingsTest(SystemCase):
    def test_the_default_system_account(self):
        server = self.start(
            config="""accounts {
                $SYS { users: [ { user: s, password: p } ] }
                A { users: [ { user: a, password: p } ] } }"""
        )
        system = self.client(server, user="s", **{"pass": "p"})
        system.send("SUB $SYS.ACCOUNT.A.CONNECT 1\r\n")
        system.expect_quiet()
        self.client(server, user="a", **{"pass": "p"})
        self.assertTrue(system.read_line().startswith(b"MSG $SYS.ACCOUNT.A.CONNECT 1 "))

    def test_without_a_system_account(self):
        server = self.start(config="no_system_account: true")
        wire = self.client(server, no_responders=True, headers=True)
        wire.send("SUB _INBOX.> 1\r\nPUB $SYS.REQ.SERVER.PING _INBOX.x 0\r\n\r\n")
        wire.expect("HMSG _INBOX.x 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n")

    def test_events_do_not_hold_up_a_storm(self):
        """A listener that does not read is a slow consumer like any other."""
        server = self.start(config=CONFIG + "\nmax_payload: 1000\nmax_pending: 100000\n")
        deaf = self.wire(server, receive_bytes=4096)
        deaf.open(user="sys", **{"pass": "p"})
        deaf.send("SUB $SYS.> 1\r\n")
        deaf.expect_quiet()
        for _ in range(3000):
            wire = self.wire(server)
            wire.read_info()
            wire.send('CONNECT {"user":"a","pass":"p"}\r\nPING\r\n')
            wire.read_line()
            wire.close()
        self.check_alive(server)


class ActionsAndFloodsTest(SystemCase):
    """Requests that act on a server; one asker does not lock out the others."""

    @differs("2.9.10", "newer servers have it")
    def test_a_connection_is_kicked(self):
        first, second = self.login("a"), self.login("a")
        body = json.dumps({"cid": first.info["client_id"]})
        answer = self.ask(f"$SYS.REQ.SERVER.{self.id}.KICK", body)
        self.assertEqual(list(answer), ["server"])
        first.expect_end()
        second.expect_quiet()
        answer = self.ask(f"$SYS.REQ.SERVER.{self.id}.KICK", body)
        self.assertEqual(answer["error"], {"code": 500, "description": "no such client or leafnode id"})
        self.assertEqual(self.ask(f"$SYS.REQ.SERVER.{self.id}.KICK", '{"cid":"x"}')["error"]["code"], 400)

    @differs("2.9.10", "newer servers have it")
    def test_a_client_is_told_that_the_server_leaves(self):
        first, second = self.login("a", protocol=1), self.login("a", protocol=1)
        old = self.login("a", protocol=0)
        subject = f"$SYS.REQ.SERVER.{self.id}.LDM"
        self.assertEqual(list(self.ask(subject, json.dumps({"cid": first.info["client_id"]}))), ["server"])
        self.assertTrue(first.read_info()["ldm"])
        first.expect_quiet()
        second.expect_quiet()
        why = "client does not support Lame Duck Mode or is not ready to receive the notification"
        answer = self.ask(subject, json.dumps({"cid": old.info["client_id"]}))
        self.assertEqual(answer["error"]["description"], why)
        self.assertEqual(self.ask(subject, '{"cid":99999}')["error"]["description"], "no such client id")

    @differs("2.9.10", "newer servers have it")
    def test_a_reload_on_request(self):
        server = self.start(config=CONFIG + "max_payload: 1000\n")
        system = self.client(server, user="sys", **{"pass": "p"})
        identity = self.ask("$SYS.REQ.SERVER.PING.IDZ", wire=system)["id"]
        rewrite(server, CONFIG + "max_payload: 5000\n")
        self.assertEqual(list(self.ask(f"$SYS.REQ.SERVER.{identity}.RELOAD", wire=system)), ["server"])
        with self.wire(server) as wire:
            self.assertEqual(wire.read_info()["max_payload"], 5000)
        rewrite(server, CONFIG + "max_payload: {}\n")
        error = self.ask(f"$SYS.REQ.SERVER.{identity}.RELOAD", wire=system)["error"]
        self.assertEqual(error["code"], 500)
        self.check_alive(server)

    def test_users_act_on_nothing(self):
        wire, other = self.login("a", headers=True, no_responders=True), self.login("b")
        wire.send("SUB in.* 1\r\n")
        for number, name in enumerate(("KICK", "LDM", "RELOAD")):
            body = json.dumps({"cid": other.info["client_id"]})
            wire.send(f"PUB $SYS.REQ.SERVER.{self.id}.{name} in.{number} {len(body)}\r\n{body}\r\n")
            wire.expect(f"HMSG in.{number} 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n")
        other.expect_quiet()

    def ask_without_end(self, ending):
        body = '{"limit":1000,"subscriptions":true}'
        block = f"PUB $SYS.REQ.ACCOUNT.PING.CONNZ inb {len(body)}\r\n{body}\r\n" * 50
        wire = self.login("a")
        wire.send("SUB inb 1\r\n")
        while not ending.is_set():
            wire.send(block)
            wire.receive(time.monotonic() + 0.02)
            wire.buffer.clear()

    @differs("2.9.10", "it logs no such thing")
    def test_a_flood_of_requests_delays_nobody_else(self):
        for index in range(100):
            crowd = self.login("a", name="n" * 100)
            crowd.send("".join(f"SUB x.{index}.{number} {number}\r\n" for number in range(20)))
            crowd.expect_quiet()
        other = self.login("b")
        ending = threading.Event()
        floods = [threading.Thread(target=self.ask_without_end, args=(ending,)) for _ in range(2)]
        for thread in floods:
            thread.start()
        try:
            self.server.log.wait("Dropped [0-9]+ requests under")
            for _ in range(10):
                begin = time.monotonic()
                self.ask("$SYS.REQ.SERVER.PING.STATSZ")
                self.ask("$SYS.REQ.ACCOUNT.PING.STATZ", wire=other)
                self.assertLess(time.monotonic() - begin, 5.0)
            begin = time.monotonic()
            self.server.send_signal(signal.SIGHUP)  # signals, too
            self.server.log.wait("Reloaded server configuration")
            self.assertLess(time.monotonic() - begin, 5.0)
        finally:
            ending.set()
            for thread in floods:
                thread.join()


if __name__ == "__main__":
    case.main()
