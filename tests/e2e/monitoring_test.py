#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The monitoring pages: fields and types, figures against known traffic, parameters, HTTP itself.

Runs against the reference too; `differs` marks what its version has otherwise. One test asks both servers
the same and compares key by key.
"""

import hashlib
import json
import os
import re
import shutil
import signal
import socket
import ssl
import time
import unittest

from support import case
from support.case import differs
from support.monitoring import STARTING, Activity, MonitoringCase
from support.nkeys import Key, Tenant, User
from support.server import Server
from support.tls import Certificates, TlsWire

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
UPTIME = re.compile(r"((((\d+y)?\d+d)?\d+h)?\d+m)?\d+s")
REFERENCE = shutil.which("nats-server")
DOCUMENTATION = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "monitoring.md")

# Key order of the first release that the pages follow; what later ones added may stand anywhere.
VARZ_ORDER = (
    "server_id version proto go host port max_connections ping_interval ping_max http_host http_port "
    "https_port auth_timeout max_control_line max_payload max_pending cluster gateway leaf tls_timeout "
    "write_deadline start now uptime mem cores cpu connections total_connections routes remotes in_msgs "
    "out_msgs in_bytes out_bytes slow_consumers subscriptions http_req_stats config_load_time"
).split()
CONN_ORDER = (
    "cid ip port start last_activity uptime idle pending_bytes in_msgs out_msgs in_bytes out_bytes "
    "subscriptions name lang version"
).split()
SUBSZ_ORDER = (
    "num_subscriptions num_cache num_inserts num_removes num_matches cache_hit_rate max_fanout avg_fanout"
).split()
USERS = """
accounts {
  A { users: [{user: alice, password: a}] }
  B { users: [{user: bob, password: b}] }
}
"""
EXCHANGE = """
accounts {
  X {
    users: [{user: x, password: x}]
    exports: [{stream: "s.>"}, {service: "q.>"}, {service: "priv.q", accounts: [Y], response_type: stream}]
    mappings: {
      m.1: [{destination: m.2, weight: 40%}, {destination: m.3, weight: 60%}]
      m.4: [{destination: m.5, weight: 30%}]
      "n.*": "o.$1"
    }
  }
  Y {
    users: [{user: y, password: y}]
    imports: [
      {stream: {account: X, subject: "s.>"}, prefix: pre}
      {service: {account: X, subject: "q.*"}, to: "qq.*"}
      {service: {account: X, subject: priv.q}, share: true}
    ]
  }
}
"""


class VarzTest(MonitoringCase):
    def test_fields_and_types(self):
        server = self.monitored()
        varz = self.get(server, "/varz")
        self.expect_order(list(varz), VARZ_ORDER)
        for key in ("start", "now", "config_load_time"):
            self.assertRegex(varz[key], TIME)
        self.assertRegex(varz["uptime"], UPTIME)
        self.assertEqual(varz["ping_interval"], 120_000_000_000)
        if not case.Options.reference:  # which shows the -1 of its configuration
            self.assertEqual(varz["http_port"], server.monitor_port)
        self.assertEqual(varz["port"], server.port)
        self.assertEqual(varz["max_payload"], 1048576)
        self.assertGreater(varz["mem"], 1 << 20)
        self.assertEqual((varz["cluster"], varz["gateway"], varz["leaf"]), ({}, {}, {}))

    def test_counts_all_links_that_ever_were(self):
        server = self.monitored()
        before = self.get(server, "/varz")
        receivers = [self.client(server) for _ in range(5)]
        for receiver in receivers:
            receiver.send("SUB count.me 1\r\n")
            receiver.expect_quiet()
        senders = [self.client(server) for _ in range(3)]
        for sender in senders:
            sender.send("PUB count.me 10\r\n0123456789\r\n" * 20)
            sender.expect_quiet()
        for receiver in receivers:
            for _ in range(60):
                receiver.expect_message("count.me", 1, b"0123456789")
        senders[0].close()
        self.wait_for(lambda: self.get(server, "/varz")["connections"] == 7, "one has gone")
        after = self.get(server, "/varz")
        grown = {key: after[key] - before[key] for key in ("in_msgs", "in_bytes", "out_msgs", "out_bytes")}
        self.assertEqual(grown, {"in_msgs": 60, "in_bytes": 600, "out_msgs": 300, "out_bytes": 3000})
        self.assertEqual(after["total_connections"] - before["total_connections"], 8)
        self.assertEqual(after["subscriptions"] - before["subscriptions"], 5)
        self.assertEqual(after["slow_consumers"], 0)

    @differs("2.9.10", "the counter is newer")
    def test_counts_the_rests_of_publishers(self):
        server = self.monitored(config="max_pending: 8000000\n")
        stuck = self.wire(server, receive_bytes=4096)
        stuck.open()
        stuck.send("SUB much 1\r\n")
        stuck.expect_quiet()
        publisher = self.client(server)
        body = "x" * 100_000
        for _ in range(200):
            publisher.send(f"PUB much {len(body)}\r\n{body}\r\n")
            publisher.expect_quiet()
            if self.get(server, "/varz")["stalled_clients"]:
                return
        self.fail("no rest was counted")

    def test_counts_requests(self):
        server = self.monitored()
        for path in ("/varz", "/connz", "/connz?limit=zz", "/subsz?limit=zz", "/subscriptionsz", "/", "/stacksz"):
            self.ask(server, path)
        stats = self.get(server, "/varz")["http_req_stats"]
        self.assertEqual((stats["/varz"], stats["/connz"], stats["/subsz"], stats["/"]), (2, 1, 2, 1))
        self.assertNotIn("/stacksz", stats)

    def test_reload_changes_what_it_may(self):
        server = self.monitored(config='max_connections: 100\nclient_advertise: "a.example:1"\n')
        before = self.get(server, "/varz")
        with open(server.config_file, "w", encoding="utf-8") as out:
            out.write('max_connections: 200\nclient_advertise: "b.example:2"\n')
        server.send_signal(signal.SIGHUP)
        server.log.wait("Reloaded server configuration")
        after = self.get(server, "/varz")
        end = time.monotonic() + 10
        while case.Options.reference and after["max_connections"] == 100 and time.monotonic() < end:
            after = self.get(server, "/varz")  # it says so before its pages follow
        self.assertEqual((before["max_connections"], after["max_connections"]), (100, 200))
        self.assertGreater(after["config_load_time"], before["config_load_time"])
        self.assertEqual((before["host"], before["port"]), ("a.example", 1))
        if not case.Options.reference:  # which keeps what was so at the start
            self.assertEqual((after["host"], after["port"]), ("b.example", 2))

    @unittest.skipUnless(REFERENCE, "SKIPPED comparison: no nats-server to compare with")
    def test_has_the_references_fields(self):
        """Every key that the reference shows, ours shows with the same JSON type."""
        if case.Options.reference:
            self.skipTest("this is the reference")
        ours = self.monitored(config=USERS)
        with Server(REFERENCE, ["-m", "-1"], config=USERS) as other:
            other.monitor_port = int(other.log.wait(STARTING)[0].group(3))
            for server in (ours, other):
                wire = self.client(server, user="alice", **{"pass": "a"}, name="n", lang="python3", version="1")
                wire.send("SUB foo.* 1\r\nSUB bar grp 2\r\nUNSUB 2 10\r\n")
                wire.expect_quiet()
                self.get(server, "/connz")
                wire.expect("PING\r\n")
                wire.send("PONG\r\n")
                wire.expect_quiet()
            for path in ("/varz", "/connz?auth=1&subs=detail", "/connz?subs=1", "/subsz", "/subsz?subs=1",
                         "/routez", "/gatewayz", "/leafz", "/accountz", "/accstatz", "/jsz", "/healthz"):
                with self.subTest(path):
                    self.compare(self.get(other, path), self.get(ours, path), path)

    def compare(self, wanted, found, where):
        if where.endswith("http_req_stats"):
            return
        if isinstance(wanted, dict):
            self.assertIsInstance(found, dict, where)
            for key, value in wanted.items():
                self.assertIn(key, found, where)
                self.compare(value, found[key], f"{where} {key}")
        elif isinstance(wanted, list):
            self.assertIsInstance(found, list, where)
            if wanted and found and isinstance(wanted[0], dict):
                sides = [{key: value for each in side for key, value in each.items()} for side in (wanted, found)]
                self.compare(*sides, where)
            elif wanted and found:
                self.compare(wanted[0], found[0], where)
        elif isinstance(wanted, bool) or isinstance(wanted, str):
            self.assertIs(type(found), type(wanted), where)
        elif wanted is not None:
            self.assertIsInstance(found, (int, float), where)


class ConnzTest(MonitoringCase):
    def test_nobody_speaks_mqtt(self):
        server = self.monitored()
        wire = self.client(server)
        wire.expect_quiet()
        page = self.get(server, "/connz?mqtt_client=x")
        total = 1 if case.Options.reference == "2.9.10" else 0  # it counts those that do not match, too
        self.assertEqual((page["num_connections"], page["total"], page["connections"]), (0, total, []))

    def test_fields_of_an_open_connection(self):
        server = self.monitored()
        wire = self.client(server, name="app-1", lang="go", version="1.8.1")
        wire.send("SUB foo.* 1\r\nSUB bar grp 2\r\nSUB baz 3\r\nUNSUB 3 10\r\nPUB foo.x 5\r\nhello\r\n")
        wire.expect_message("foo.x", 1, b"hello")
        page = self.get(server, "/connz")
        self.assertEqual(list(page), "server_id now num_connections total offset limit connections".split())
        self.assertEqual([page[key] for key in ("num_connections", "total", "offset", "limit")], [1, 1, 0, 1024])
        one = page["connections"][0]
        self.expect_order(list(one), CONN_ORDER)
        self.assertEqual((one["kind"], one["type"], one["ip"]), ("Client", "nats", "127.0.0.1"))
        self.assertEqual(one["port"], wire.socket.getsockname()[1])
        self.assertEqual((one["name"], one["lang"], one["version"]), ("app-1", "go", "1.8.1"))
        self.assertEqual([one[key] for key in ("in_msgs", "out_msgs", "in_bytes", "out_bytes", "subscriptions")],
                         [1, 1, 5, 5, 3])
        self.assertNotIn("subscriptions_list", one)
        self.assertNotIn("authorized_user", one)
        listed = self.get(server, "/connz?subs=1")["connections"][0]["subscriptions_list"]
        self.assertEqual(sorted(listed), ["bar", "baz", "foo.*"])
        detail = self.get(server, "/connz?subs=detail")["connections"][0]["subscriptions_list_detail"]
        cid = one["cid"]
        self.assertEqual(sorted(detail, key=lambda each: each["sid"]), [
            {"subject": "foo.*", "sid": "1", "msgs": 1, "cid": cid},
            {"subject": "bar", "qgroup": "grp", "sid": "2", "msgs": 0, "cid": cid},
            {"subject": "baz", "sid": "3", "msgs": 0, "max": 10, "cid": cid}])  # fmt: skip

    def test_round_trip_time_is_known_from_connect_on_and_measured_by_a_first_ping(self):
        server = self.monitored()
        wire = self.wire(server)
        wire.read_info()
        if not case.Options.reference:  # which shows 0s
            self.assertNotIn("rtt", self.get(server, "/connz")["connections"][0])
        wire.send("CONNECT {\"verbose\":false}\r\nPING\r\n")
        wire.expect("PONG\r\n")
        page = self.get(server, "/connz?limit=9")  # another one: the first may be kept for a while
        self.assertRegex(page["connections"][0]["rtt"], r"^[\d.]+(µs|ms|s)$")
        wire.expect("PING\r\n")  # after two seconds, not after ping_interval

    def test_messages_and_interest_are_activity_and_a_ping_is_not(self):
        server = self.monitored()
        wire, publisher = self.client(server, name="seen"), self.client(server, name="publisher")

        def read():
            page = self.get(server, "/connz")
            return page, next(each for each in page["connections"] if each["name"] == "seen")

        def exchange_ping():
            wire.send("PING\r\n")
            wire.expect("PONG\r\n")

        def receive():
            publisher.send("PUB foo 1\r\nx\r\n")
            wire.expect_message("foo", 1, b"x")

        activity = Activity(self, read)
        activity.check_is_none(exchange_ping)
        activity.check_is(lambda: wire.send("SUB foo 1\r\n"), "SUB")
        activity.check_is(receive, "a message for it")
        activity.check_is(lambda: wire.send("PUB bar 1\r\nx\r\n"), "its own message")
        activity.check_is(lambda: wire.send("UNSUB 1\r\n"), "UNSUB")

    def test_sorts_pages_and_finds_one(self):
        server = self.monitored()
        wires = [self.client(server, name=f"c{index}") for index in range(6)]
        for index, wire in enumerate(wires):
            wire.send("".join(f"SUB s.{n} {n}\r\n" for n in range(index)))
            wire.send("PUB x 3\r\nabc\r\n" * (6 - index))
            wire.expect_quiet()

        def names(query):
            return [each["name"] for each in self.get(server, "/connz?" + query)["connections"]]

        up, down = [f"c{n}" for n in range(6)], [f"c{n}" for n in reversed(range(6))]
        self.assertEqual(names("sort=cid"), up)
        self.assertEqual(names("sort=start"), up)
        self.assertEqual(names("sort=subs"), down)
        self.assertEqual(names("sort=msgs_from"), up)
        self.assertEqual(names("sort=bytes_from"), up)
        self.assertEqual(names("sort=uptime"), down)
        for sort in ("pending", "msgs_to", "bytes_to", "last", "idle", "rtt"):
            if sort != "rtt" or not case.Options.reference:
                self.assertEqual(sorted(names("sort=" + sort)), up)
        self.assertEqual(names("sort=subs&offset=2&limit=2"), ["c3", "c2"])
        self.assertEqual(names("offset=-5&limit=-1"), up)
        self.assertEqual(names("offset=100"), [])
        page = self.get(server, "/connz?offset=4&limit=10")
        self.assertEqual([page[key] for key in ("num_connections", "total", "offset", "limit")], [2, 6, 4, 10])
        cid = self.get(server, "/connz")["connections"][3]["cid"]
        page = self.get(server, f"/connz?cid={cid}")
        self.assertEqual(([each["name"] for each in page["connections"]], page["limit"]), (["c3"], 1))
        none = self.get(server, "/connz?cid=999999")
        self.assertEqual(none["connections"], [])
        if case.Options.reference != "2.9.10":  # counts those that do not match, too
            self.assertEqual((page["total"], none["total"]), (1, 0))

    def test_mistakes_are_named_as_the_reference_names_them(self):
        server = self.monitored()
        self.error(server, "/connz?sort=zz", "invalid sorting option: zz")
        self.error(server, "/connz?sort=stop", "sort by stop only valid on closed connections")
        self.error(server, "/connz?sort=reason", "sort by reason only valid on closed connections")
        self.error(server, "/connz?state=odd", "Error decoding state for odd")
        wrong = "Error decoding {} for '{}': strconv.{}: parsing \"{}\": {}"
        self.error(server, "/connz?auth=xyz",
                   wrong.format("boolean", "auth", "ParseBool", "xyz", "invalid syntax"))
        self.error(server, "/connz?subs=2", wrong.format("boolean", "subs", "ParseBool", "2", "invalid syntax"))
        self.error(server, "/connz?limit=zz", wrong.format("int", "limit", "Atoi", "zz", "invalid syntax"))
        self.error(server, "/connz?offset=99999999999999999999",
                   wrong.format("int", "offset", "Atoi", "99999999999999999999", "value out of range"))
        self.error(server, "/connz?cid=abc", wrong.format("uint64", "cid", "ParseUint", "abc", "invalid syntax"))

    def test_closed_connections_with_their_reasons(self):
        server = self.monitored("--user", "u", "--pass", "p")
        good = {"user": "u", "pass": "p"}
        left = self.client(server, name="left", **good)
        left.send("SUB zed 1\r\n")
        left.expect_quiet()
        left.close()
        self.wait_for(lambda: self.get(server, "/connz?state=closed")["total"] == 1, "the first is closed")
        refused = self.wire(server)
        refused.read_info()
        refused.send('CONNECT {"user":"u","pass":"wrong","name":"refused"}\r\n')
        refused.read_to_end()
        broken = self.client(server, name="broken", **good)
        broken.send("BOGUS\r\n")
        broken.read_to_end()
        open_one = self.client(server, name="open", **good)
        self.wait_for(lambda: self.get(server, "/connz?state=closed")["total"] == 3, "three are closed")
        page = self.get(server, "/connz?state=closed&auth=1&subs=1")
        closed = {each.get("name"): each for each in page["connections"]}
        reasons = {name: each["reason"] for name, each in closed.items()}
        self.assertEqual(reasons, {"left": "Client Closed", "refused": "Authentication Failure",
                                   "broken": "Protocol Violation"})
        self.assertEqual(closed["left"]["subscriptions_list"], ["zed"])
        self.assertEqual(closed["left"]["authorized_user"], "u")
        self.assertRegex(closed["left"]["stop"], TIME)
        by_reason = self.get(server, "/connz?state=closed&sort=reason")["connections"]
        self.assertEqual([each["reason"] for each in by_reason],
                         ["Authentication Failure", "Client Closed", "Protocol Violation"])
        by_stop = self.get(server, "/connz?state=closed&sort=stop")["connections"]
        self.assertEqual([each["stop"] for each in by_stop],
                         sorted((each["stop"] for each in by_stop), reverse=True))
        left = [each for each in self.get(server, "/connz?state=closed&subs=detail")["connections"]
                if each["reason"] == "Client Closed"]
        shown = left[0]["subscriptions_list_detail"][0]
        self.assertEqual((shown["account"], shown["subject"]), ("$G", "zed"))
        self.assertEqual(self.get(server, "/connz?state=ALL")["total"], 4)
        self.assertEqual(self.get(server, "/connz?state=any&limit=1")["num_connections"], 1)
        open_one.expect_quiet()

    def test_history_is_bounded(self):
        if case.Options.reference:
            self.skipTest("max_closed_clients is newer than this reference")
        server = self.monitored(config="max_closed_clients: 10\n")
        for _ in range(40):
            wire = self.client(server)
            wire.close()
            # One worker may see its end later than another the end of the next.
            self.wait_for(lambda: self.get(server, "/varz")["connections"] == 0, "it is closed")
        page = self.get(server, "/connz?state=closed")
        self.assertEqual(page["total"], 10)
        self.assertEqual([each["cid"] for each in page["connections"]], list(range(31, 41)))

    @differs("2.9.10", "it keeps them all")
    def test_long_subjects_do_not_stay_in_the_history(self):
        server = self.monitored()
        wire = self.client(server)
        for sid in range(100):
            wire.send(f"SUB {'x' * 1000}.{sid} {sid}\r\n")
        wire.expect_quiet()
        wire.close()
        self.wait_for(lambda: self.get(server, "/connz?state=closed")["total"] == 1, "it is in the history")
        (gone,) = self.get(server, "/connz?state=closed&subs=1")["connections"]
        self.assertEqual((gone["subscriptions"], len(gone["subscriptions_list"])), (100, 16))

    def test_a_client_without_credentials_is_shown_as_the_user_it_became(self):
        server = self.monitored(config="authorization { users: [ {user: guest, password: g} ] }\nno_auth_user: guest\n")
        wire = self.client(server)
        found = self.get(server, "/connz?auth=1")["connections"]
        self.assertEqual([each["authorized_user"] for each in found], ["guest"])
        self.assertEqual(self.get(server, "/connz?user=guest")["num_connections"], 1)
        wire.close()
        self.wait_for(lambda: self.get(server, "/connz?state=closed")["total"] == 1, "it is in the history")
        found = self.get(server, "/connz?auth=1&state=closed")["connections"]
        self.assertEqual([each["authorized_user"] for each in found], ["guest"])

    def test_filters_by_account_and_user(self):
        server = self.monitored(config=USERS)
        self.client(server, user="alice", name="one", **{"pass": "a"})
        self.client(server, user="bob", name="two", **{"pass": "b"})
        found = self.get(server, "/connz?auth=1&acc=A")
        self.assertEqual([(each["name"], each["authorized_user"], each["account"]) for each in found["connections"]],
                         [("one", "alice", "A")])
        self.assertEqual(found["total"], 1)
        found = self.get(server, "/connz?auth=1&user=bob")
        self.assertEqual([each["name"] for each in found["connections"]], ["two"])
        found = self.get(server, "/connz?acc=nobody")["connections"]
        self.assertIsNone(found)
        self.assertEqual(self.get(server, "/connz?acc=nobody")["server_id"], "")

    @differs("2.9.10", "filter_subject is for requests over NATS only")
    def test_filters_by_subject(self):
        server = self.monitored()
        wire = self.client(server, name="one")
        wire.send("".join(f"SUB many.{n} {n}\r\n" for n in range(3000)) + "SUB needle.* x\r\n")
        wire.expect_quiet()
        self.client(server, name="two")
        found = self.get(server, "/connz?acc=$G&filter_subject=needle.in.>")["connections"]
        self.assertEqual(found, [])
        found = self.get(server, "/connz?acc=$G&filter_subject=needle.in&subs=1")["connections"]
        self.assertEqual([(each["name"], len(each["subscriptions_list"])) for each in found], [("one", 3001)])
        found = self.get(server, "/connz?filter_subject=nobody")["connections"]  # ignored
        self.assertEqual(len(found), 2)

    @unittest.skipUnless(shutil.which("openssl"), "SKIPPED: no openssl program makes certificates")
    def test_certificates_of_the_peer(self):
        certificates = Certificates(self.folder())
        client = certificates.issue("client", "/C=US/O=Org/CN=alice", "email:alice@test")
        server = self.monitored(config=certificates.config(f'ca_file: "{certificates.ca}"', "verify: true"))
        wire = TlsWire(server.port)
        self.addCleanup(wire.close)
        wire.read_info()
        wire.handshake(certificates, client=client)
        wire.send('CONNECT {"verbose": false}\r\n')
        wire.expect_quiet()
        with open(client[0], encoding="ascii") as text:
            whole = hashlib.sha256(ssl.PEM_cert_to_DER_cert(text.read())).hexdigest()
        shown = self.get(server, "/connz?auth=1")["connections"][0]["tls_peer_certs"]
        self.assertEqual(shown[0]["subject"], "CN=alice,O=Org,C=US")  # its issuer may come with it
        self.assertEqual(shown[0]["cert_sha256"], whole)
        self.assertRegex(shown[0]["spki_sha256"], r"^[0-9a-f]{64}$")
        self.assertNotIn("tls_peer_certs", self.get(server, "/connz")["connections"][0])

    def test_who_came_with_a_token(self):
        operator = Key("operator")
        system, tenant = Tenant(operator, "SYS"), Tenant(operator, "A")
        token = operator.token(operator.public, "operator", {"system_account": system.public}, name="O")
        preload = "".join(f"{each.public}: {each.token()}\n" for each in (system, tenant))
        server = self.monitored(config=f"operator: {token}\nresolver: MEM\nresolver_preload: {{\n{preload}}}\n")
        user = User(tenant, {"tags": ["team:red"]}, name="ute")
        wire = self.wire(server)
        wire.send(f"CONNECT {json.dumps(user.connect_fields(wire.read_info()['nonce']))}\r\n")
        wire.expect("+OK\r\n")
        wire.expect_quiet()
        wanted = {"authorized_user": user.key.public, "account": tenant.public, "jwt": user.token,
                  "issuer_key": tenant.public, "name_tag": "ute", "tags": ["team:red"]}  # fmt: skip
        one = self.get(server, "/connz?auth=1")["connections"][0]
        self.assertEqual({key: one.get(key) for key in wanted}, wanted)
        self.assertFalse(set(wanted) & set(self.get(server, "/connz")["connections"][0]))
        if not case.Options.reference:  # which finds names of CONNECT only
            found = self.get(server, f"/connz?auth=1&acc={tenant.public}&user={user.key.public}")["connections"]
            self.assertEqual([each["cid"] for each in found], [one["cid"]])
        self.assertIs(self.get(server, "/varz")["auth_required"], True)
        wire.close()
        self.wait_for(lambda: self.get(server, "/connz?state=closed")["total"] == 1, "it is in the history")
        if case.Options.reference:
            del wanted["authorized_user"]  # it keeps names of CONNECT only
        one = self.get(server, "/connz?auth=1&state=closed")["connections"][0]
        self.assertEqual({key: one.get(key) for key in wanted}, wanted)
        detail = self.get(server, f"/accountz?acc={tenant.public}")["account_detail"]
        self.assertEqual((detail["issuer_key"], detail["name_tag"]), (operator.public, "A"))
        self.assertEqual(detail["decoded_jwt"]["sub"], tenant.public)
        self.assertEqual(detail["decoded_jwt"]["nats"]["limits"]["conn"], -1)
        self.assertIn(detail["jwt"], preload)

    def test_hostile_names_are_escaped(self):
        server = self.monitored()
        name = "</script><b>&\"\u2028\x01"
        self.client(server, name=name)
        answer = self.ask(server, "/connz")
        self.assertEqual(answer.json()["connections"][0]["name"], name)
        self.assertNotIn("<", answer.text)
        self.assertNotIn("\u2028", answer.text)
        self.assertIn(r"\u003c/script\u003e", answer.text)


class OtherPagesTest(MonitoringCase):
    def test_subsz(self):
        server = self.monitored()
        wire = self.client(server)
        before = self.get(server, "/subsz?acc=$G")["num_subscriptions"]  # the server's own
        wire.send("SUB foo.* 1\r\nSUB bar grp 2\r\nSUB baz 3\r\nUNSUB 3\r\n")
        wire.expect_quiet()
        self.expect_order(list(self.get(server, "/subsz")), SUBSZ_ORDER)
        page = self.get(server, "/subsz?subs=1&acc=$G")
        self.expect_order(list(page), SUBSZ_ORDER + ["total", "offset", "limit", "subscriptions_list"])
        mine = [each for each in page["subscriptions_list"] if not each["subject"].startswith("$SYS.")]
        self.assertEqual(sorted(each["subject"] for each in mine), ["bar", "foo.*"])
        self.assertEqual((page["num_subscriptions"] - before, page["limit"]), (2, 1024))
        self.assertEqual(page["total"], len(page["subscriptions_list"]))
        everything = page["total"]
        page = self.get(server, "/subscriptionsz?subs=1&acc=$G&test=foo.x")
        self.assertEqual([each["subject"] for each in page["subscriptions_list"]], ["foo.*"])
        page = self.get(server, "/subsz?subs=1&acc=$G&limit=1&offset=1")
        self.assertEqual(len(page["subscriptions_list"]), 1)
        if not case.Options.reference:  # 2.9 counts the page only
            self.assertEqual(page["total"], everything)
            self.assertEqual(self.get(server, "/subsz?subs=1&acc=$G&offset=1000")["total"], everything)
        self.assertNotIn("subscriptions_list", self.get(server, "/subsz?subs=1&test=nobody.here&acc=$G"))
        self.error(server, "/subsz?test=foo.*", "invalid test subject, must be valid publish subject: foo.*")

    @case.differs("2.9.10", "its version does not name the commit")
    def test_the_commit_is_the_same_everywhere(self):
        """A build from a clone names its commit in --version, the log and /varz."""
        server = self.monitored()
        commit = self.run_once("--version")[1].strip().partition("+")[2]
        self.assertEqual(self.get(server, "/varz").get("git_commit", ""), commit)
        if commit:
            server.log.wait(rf"Git commit \[{re.escape(commit)}\]")

    def test_subsz_lists_service_imports(self):
        imports = (
            '{ service: { account: A, subject: "svc.one" } }, '
            '{ service: { account: A, subject: "svc.two" }, to: mine }'
        )
        server = self.monitored(
            config=f'accounts {{ A {{ exports: [ {{ service: "svc.>" }} ] }}\n B {{ imports: [ {imports} ] }} }}'
        )

        def listed(query):
            page = self.get(server, "/subsz?subs=1" + query).get("subscriptions_list", [])
            return sorted(each["subject"] for each in page if each["account"] == "B" and "$SYS" not in each["subject"])

        self.assertEqual(listed(""), ["mine", "svc.one"])
        self.assertEqual(listed("&acc=B"), ["mine", "svc.one"])
        self.assertEqual(listed("&acc=B&test=mine"), ["mine"])
        self.assertEqual(listed("&acc=A"), [])

    def test_a_gateway_names_the_cluster(self):
        server = self.monitored(config="gateway { name: east, port: -1 }")
        varz = self.get(server, "/varz")
        self.assertEqual((varz["cluster"]["name"], varz["gateway"]["name"]), ("east", "east"))

    def test_pages_of_other_servers_are_empty(self):
        server = self.monitored()
        routez = self.get(server, "/routez")
        self.assertEqual((routez["num_routes"], routez["routes"]), (0, []))
        gatewayz = self.get(server, "/gatewayz")
        self.assertEqual((gatewayz["outbound_gateways"], gatewayz["inbound_gateways"]), ({}, {}))
        self.assertEqual(self.get(server, "/leafz")["leafnodes"], 0)
        jsz = self.get(server, "/jsz")
        self.assertEqual((jsz["disabled"], jsz["streams"]), (True, 0))
        self.error(server, "/jsz?leader-only=1", "filtered response: not leader")
        self.assertEqual(self.ask(server, "/ipqueuesz").status, 200)

    def test_accounts(self):
        server = self.monitored(config=USERS)
        self.assertLessEqual({"A", "B", "$G"}, set(self.get(server, "/accountz")["accounts"]))
        wire = self.client(server, user="alice", **{"pass": "a"})
        wire.send("SUB x 1\r\nPUB x 3\r\nabc\r\n")
        wire.expect_message("x", 1, b"abc")
        detail = self.get(server, "/accountz?acc=A")["account_detail"]
        self.assertEqual((detail["account_name"], detail["client_connections"]), ("A", 1))
        self.assertGreaterEqual(detail["subscriptions"], 1)  # the server's own count as well
        self.error(server, "/accountz?acc=nobody", "Account nobody does not exist")
        stats = {each["acc"]: each for each in self.get(server, "/accstatz")["account_statz"]}
        self.assertEqual((stats["A"]["conns"], stats["A"]["sent"], stats["A"]["received"]),
                         (1, {"msgs": 1, "bytes": 3}, {"msgs": 1, "bytes": 3}))
        self.assertNotIn("B", stats)
        unused = [each["acc"] for each in self.get(server, "/accstatz?unused=1")["account_statz"]]
        self.assertIn("B", unused)
        wire.close()
        self.wait_for(lambda: self.get(server, "/varz")["connections"] == 0, "it is gone")
        stats = {each["acc"]: each for each in self.get(server, "/accstatz?unused=1")["account_statz"]}
        self.assertEqual((stats["A"]["conns"], stats["A"]["received"]), (0, {"msgs": 1, "bytes": 3}))

    def test_what_accounts_give_and_take(self):
        server = self.monitored(config=EXCHANGE)
        giver = self.get(server, "/accountz?acc=X")["account_detail"]
        self.assertEqual(sorted(giver["exports"], key=lambda each: each["subject"]), [
            {"subject": "priv.q", "type": "service", "response_type": "Streamed", "approved_accounts": ["Y"]},
            {"subject": "q.>", "type": "service", "response_type": "Singleton"},
            {"subject": "s.>", "type": "stream"}])  # fmt: skip
        self.assertEqual(giver["mappings"], {  # the weights add up
            "m.1": [{"subject": "m.2", "weight": 40}, {"subject": "m.3", "weight": 100}],
            "m.4": [{"subject": "m.5", "weight": 30}, {"subject": "m.4", "weight": 100}],
            "n.*": [{"subject": "o.$1", "weight": 100}]})  # fmt: skip
        imports = self.get(server, "/accountz?acc=Y")["account_detail"]["imports"]
        rest = {"account": "X", "invalid": False, "tracking": False}
        self.assertIn({"subject": "s.>", "local_subject": "pre.s.>", "type": "stream", "share": False, **rest},
                      imports)
        if case.Options.reference != "2.9.10":  # where `subject` and `to` of a service are turned round
            for subject, to, share in (("q.*", "qq.*", False), ("priv.q", "priv.q", True)):
                self.assertIn({"subject": subject, "to": to, "local_subject": to, "type": "service",
                               "share": share, **rest}, imports)  # fmt: skip

    def test_health(self):
        server = self.monitored()
        answer = self.ask(server, "/healthz")
        self.assertEqual((answer.status, answer.text), (200, '{"status":"ok"}'))
        for flag in ("js-enabled-only", "js-server-only"):
            self.assertEqual(self.ask(server, f"/healthz?{flag}=true").status, 200)

    @differs("2.9.10", "the checks of streams are newer")
    def test_health_of_what_is_not_there(self):
        server = self.monitored()
        answer = self.ask(server, "/healthz?stream=s")
        self.assertEqual(answer.status, 400)
        self.assertEqual(answer.json()["error"], '"account" must not be empty when checking stream health')
        self.assertEqual(self.ask(server, "/raftz").status, 404)

    def test_stacks_name_the_threads(self):
        server = self.monitored()
        answer = self.ask(server, "/stacksz")
        self.assertEqual((answer.status, answer.type), (200, "application/json"))
        if not case.Options.reference:
            self.assertIn('"worker-0"', answer.text)
            self.assertIn('"monitor"', answer.text)


@unittest.skipIf("--reference" in __import__("sys").argv, "SKIPPED our own pages: this is the reference")
class OurPagesTest(MonitoringCase):
    def traffic(self, server):
        receiver = self.client(server, name="receiver")
        receiver.send("SUB loud 1\r\n")
        receiver.expect_quiet()
        loud, quiet = self.client(server, name="loud"), self.client(server, name="quiet")
        for _ in range(30):
            loud.send("PUB loud 8\r\n12345678\r\n" * 10)
            loud.expect_quiet()
        quiet.send("PUB hush 3\r\nabc\r\n" * 7)
        quiet.expect_quiet()
        for _ in range(300):
            receiver.expect_message("loud", 1, b"12345678")

    def test_workers_add_up_to_the_server(self):
        server = self.monitored("--workers", "3")
        self.traffic(server)
        workers = self.get(server, "/workerz")["workers"]
        self.assertEqual([worker["id"] for worker in workers], [0, 1, 2])
        self.assertEqual(sum(worker["in_msgs"] for worker in workers), 307)
        self.assertEqual(sum(worker["out_msgs"] for worker in workers), 300)
        self.assertEqual(sum(worker["connections"] for worker in workers), 3)
        self.assertGreater(sum(worker["latency"]["count"] for worker in workers), 0)
        for worker in workers:
            self.assertTrue(0 <= worker["busy"] <= 1)
            self.assertLessEqual(worker["latency"]["p50_ns"], worker["latency"]["p999_ns"])

    def test_top_talkers(self):
        server = self.monitored("--workers", "2")
        self.traffic(server)
        top = self.get(server, "/topz?n=2")
        self.assertEqual(top["subjects"], [
            {"account": "$G", "subject": "loud", "msgs": 300, "bytes": 2400},
            {"account": "$G", "subject": "hush", "msgs": 7, "bytes": 21}])  # fmt: skip
        self.assertEqual([(each["name"], each["msgs"]) for each in top["connections"]],
                         [("loud", 300), ("quiet", 7)])
        self.assertEqual(len(self.get(server, "/topz?n=1&sort=bytes")["subjects"]), 1)
        self.error(server, "/topz?sort=odd", "invalid sorting option: odd")

    def test_top_talkers_can_be_switched_off(self):
        server = self.monitored(config="uring { heavy_hitters: false }\n")
        self.traffic(server)
        top = self.get(server, "/topz")
        self.assertEqual((top["enabled"], top["subjects"], top["connections"]), (False, [], []))

    def test_metrics_are_the_traffic(self):
        server = self.monitored("--workers", "2")
        self.traffic(server)
        answer = self.ask(server, "/metrics")
        self.assertTrue(answer.type.startswith("text/plain; version=0.0.4"))
        sums, types = {}, {}
        for line in answer.text.splitlines():
            if line.startswith("# TYPE "):
                name, kind = line.split()[2:]
                self.assertNotIn(name, types)
                types[name] = kind
            elif not line.startswith("#"):
                match = re.fullmatch(r"([a-z_]+)(?:\{(.*)\})? (\S+)", line)
                self.assertTrue(match, line)
                sums[match.group(1)] = sums.get(match.group(1), 0) + float(match.group(3))
        self.assertEqual(sums["nats_uring_received_messages_total"], 307)
        self.assertEqual(sums["nats_uring_sent_bytes_total"], 2400)
        self.assertEqual(sums["nats_uring_connections"], 3)
        self.assertGreater(sums["nats_uring_turn_latency_seconds_count"], 0)
        for name, kind in types.items():
            self.assertEqual(name.endswith("_total"), kind == "counter", name)


@unittest.skipIf("--reference" in __import__("sys").argv, "SKIPPED our documentation: this is the reference")
class DocumentationTest(MonitoringCase):
    """docs/monitoring.md names all that is there, and nothing else."""

    def chapter(self, title):
        with open(DOCUMENTATION, encoding="utf-8") as text:
            return re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text.read(), re.M | re.S).group(1)

    def table(self, title):
        """The first column, without the head."""
        return [line.split(" | ")[0] for line in self.chapter(title).splitlines() if line.startswith("| `")]

    def test_metrics(self):
        server = self.monitored()
        self.get(server, "/varz")  # so that a request is counted
        kinds, labels, helped = {}, {}, set()
        for line in self.ask(server, "/metrics").text.splitlines():
            if line.startswith("# HELP "):
                name, text = line[7:].split(" ", 1)
                self.assertTrue(text.endswith("."), line)
                helped.add(name)
            elif line.startswith("# TYPE "):
                kinds.update([line[7:].split(" ")])
            else:
                name, inside = re.match(r"(\w+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? ", line).groups()
                labels.setdefault(name, set()).update(re.findall(r'(?:^|,)(\w+)="', inside or ""))
        self.assertEqual(helped, set(kinds))
        documented = {}
        for cell in self.table("Metrics"):
            for name, inside in re.findall(r"`([a-z_]+)(?:\{(.*?)\})?`", cell.split(":")[0]):
                documented["nats_uring_" + name] = set(inside.split(",") if inside else ()) | (
                    {"worker"} if "*w*" in cell else set())  # fmt: skip
        for name in re.findall(r"`(process_\w+)`", self.chapter("Metrics")):
            documented[name] = set()
        # Those of a gateway's connections come with the first; gateway_monitoring_test.py shows them.
        documented = {name: of for name, of in documented.items() if not name.startswith("nats_uring_gateway_")}
        self.assertEqual(set(documented), set(kinds))
        labels["nats_uring_turn_latency_seconds"].remove("le")
        self.assertEqual(documented, labels)

    def test_pages(self):
        server = self.monitored()
        documented = {path for cell in self.table("Pages") for path in re.findall(r"`(/\w*)`", cell)}
        for path in documented:
            answer = self.ask(server, path)  # that of the consensus is a text of its own
            self.assertNotEqual(answer.text, "404 page not found\n", path)
        counted = set(self.get(server, "/varz")["http_req_stats"])
        self.assertEqual(documented - {"/stacksz", "/subscriptionsz"}, counted)


if __name__ == "__main__":
    case.main()
