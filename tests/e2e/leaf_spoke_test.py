#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The side that dials, against a hub written by hand: the order of the wire, credentials, denies, addresses, what
it does after errors; credentials against a hub in operator mode."""

import json
import os
import re
import signal
import time

from support import leafnodes
from support.leaf_peer import LeafPeer
from support.leafnodes import LeafCase
from support.nkeys import Key, Tenant, User, base64url
from support.operators import OperatorCase, now
from support.wire import WireError

FAST = 'reconnect: "100ms"'


class SpokeCase(LeafCase):
    def dialed(self, remote="", url=None, settings="", block=FAST, listeners=1):
        """Scripted hubs and the spoke that dials the first of them (all: `urls`)."""
        self.hubs = [self.listener() for _ in range(listeners)]
        text = f'url: "{(url or self.hubs[0].url).format(self.hubs[0].port)}"' + (f", {remote}" if remote else "")
        self.server = self.leaf_server(1, "L", remotes=[text], listen=False, settings=settings, block=block)
        return self.accept(self.hubs[0])

    def joined(self, confirmation=None, **parts):
        peer = self.dialed(**parts)
        peer.announced = peer.join_spoke(**(confirmation or {}))
        return peer


class HandshakeTest(SpokeCase):
    def test_connect_answers_the_info_and_interest_the_second(self):
        peer = self.dialed()
        peer.send_hello()
        connect = peer.read_op(own=True)
        self.assertEqual(connect.verb, "CONNECT")
        login = connect.json
        self.assertEqual((login["name"], login["cluster"], login["remote_account"]), ("L", "L", "$G"))
        self.assertEqual(login["compress_mode"], "not supported")
        self.assertIs(login["headers"], True)
        self.assertIs(login["tls_required"], False)
        self.assertTrue(login["version"] and login["server_id"].startswith("N"))
        for key in ("compression", "is_hub", "user", "pass", "jwt", "nkey", "deny_pub", "isolate"):
            self.assertNotIn(key, login)
        peer.deadline_s = 0.3
        with self.assertRaisesRegex(WireError, "nothing more came in time"):
            peer.read_op(own=True)
        peer.deadline_s = 10
        peer.confirm()
        peer.dump = peer.drain(own=True)
        self.assertEqual(len(peer.loop_subjects()), 1)

    def test_it_comes_again_when_its_cluster_has_another_name(self):
        cluster = "cluster {{ name: {}, listen: 127.0.0.1:-1 }}"
        peer = self.joined(settings=cluster.format("C1"))
        self.server.settings = cluster.format("C2")
        self.server.write_config()
        self.server.send_signal(signal.SIGHUP)
        peer.read_until_end()
        again = self.accept(self.hubs[0])
        again.send_hello()
        self.assertEqual(again.read_op(own=True).json["cluster"], "C2")

    def test_all_its_links_come_again_with_another_name(self):
        cluster = "cluster {{ name: {}, listen: 127.0.0.1:-1 }}\nuring {{ workers: 1 }}"
        hubs = [self.listener() for _ in range(4)]
        server = self.leaf_server(1, "L", listen=False, block=FAST, settings=cluster.format("C1"),
                                  remotes=[f'url: "nats-leaf://127.0.0.1:{hub.port}"' for hub in hubs])
        peers = [self.accept(hub) for hub in hubs]
        for peer in peers:
            peer.join_spoke()
        server.settings = cluster.format("C2")
        server.write_config()
        server.send_signal(signal.SIGHUP)
        for peer, hub in zip(peers, hubs):
            peer.read_until_end()
            again = self.accept(hub)
            again.send_hello()
            self.assertEqual(again.read_op(own=True).json["cluster"], "C2")

    def test_an_old_hub_sends_no_second_info(self):
        peer = self.dialed()
        peer.send_hello(info_on_connect=None, headers=None, server_name=None)
        login = peer.read_op(own=True).json
        self.assertNotIn("headers", login)
        peer.dump = peer.drain(own=True)
        self.assertEqual(len(peer.loop_subjects()), 1)
        client = self.client(self.server)
        peer.send("LS+ old\r\n")
        peer.drain()
        client.send("HPUB old 12 14\r\nNATS/1.0\r\n\r\nhi\r\n")
        peer.expect_op("LMSG old 2", b"hi")

    def test_a_hub_of_a_cluster_whose_name_is_reserved(self):
        peer = self.dialed()
        peer.send_hello(cluster="_")
        peer.expect_error("cluster name is reserved")

    def test_a_message_that_grew_beyond_the_limit_stays_here(self):
        """A service import adds a header. nats-server sends it, and loses the link."""
        peer = self.dialed(remote='account: B', settings="""
            max_payload: 1000
            accounts {
              A { users: [{ user: a, password: p }], imports: [{ service: { account: B, subject: svc } }] }
              B { users: [{ user: b, password: p }], exports: [{ service: svc }] }
            }""")
        peer.send_hello(max_payload=1000)
        peer.read_op(own=True)
        peer.confirm()
        peer.send("LS+ svc\r\n")
        peer.drain()
        client = self.client(self.server, user="a", **{"pass": "p"})
        for size in (1000, 500):
            client.send(f"PUB svc back {size}\r\n{'x' * size}\r\n")
        client.send("PING\r\n")
        op = peer.read_op(own=True)
        self.assertEqual((op.verb, op.payload[-500:]), ("HMSG", b"x" * 500))
        self.assertLess(len(op.payload), 1000)
        self.server.log.wait("Messages of more than 1000 bytes are not sent to this hub, the first one to .{1,2}svc")

    def test_a_port_that_is_none_of_leafnodes(self):
        peer = self.dialed()
        peer.send('INFO {"server_id":"NX","client_id":5,"max_payload":1}\r\n')
        peer.read_until_end()
        self.server.log.wait("attempted to connect to wrong port")
        self.accept(self.hubs[0]).join_spoke()  # it comes again

    def test_a_hub_that_says_nothing(self):
        peer = self.dialed(remote="first_info_timeout: 300ms")
        started = time.monotonic()
        self.assertEqual(peer.read_until_end(), [])
        self.assertLess(time.monotonic() - started, 8)
        self.accept(self.hubs[0]).join_spoke()

    def test_a_hub_that_does_not_confirm(self):
        peer = self.dialed()
        peer.send_hello()
        self.assertEqual(peer.read_op(own=True).verb, "CONNECT")
        peer.expect_error("Stale Leaf Node Connection - Closing")

    def test_garbage_instead_of_an_info(self):
        peer = self.dialed()
        peer.send("HELLO\r\n")
        peer.expect_error("Unknown Protocol Operation")
        self.accept(self.hubs[0]).join_spoke()

    def test_a_websocket_that_is_none(self):
        peer = self.dialed(url="ws://127.0.0.1:{}/path?x=1", remote="ws_compression: true, ws_no_masking: true")
        lines = iter(peer.read_line, b"")
        self.assertEqual(next(lines), b"GET /path/leafnode HTTP/1.1")
        fields = dict(line.decode().split(": ", 1) for line in lines)
        self.assertEqual(fields["Host"], f"127.0.0.1:{self.hubs[0].port}")
        self.assertEqual(fields["Nats-No-Masking"], "true")
        self.assertIn("permessage-deflate", fields["Sec-WebSocket-Extensions"])
        peer.send("HTTP/1.1 404 Not Found\r\n\r\n")
        peer.read_until_end()
        self.server.log.wait("Error soliciting websocket connection: invalid websocket connection")
        late = self.accept(self.hubs[0])  # it comes again
        late.read_line()
        self.server.log.wait("Error soliciting websocket connection: i/o timeout")

    def test_clear_text_behind_the_info_that_asks_for_tls(self):
        """What somebody on the wire puts there has no effect; the handshake does not pass."""
        peer = self.dialed(remote="tls { insecure: true }")
        client = self.client(self.server)
        client.send("SUB forged 1\r\n")
        client.expect_quiet()
        for forged in ("LMSG forged 1\r\nx\r\n", 'INFO {"connect_info":true}\r\nPING\r\n'):
            with self.subTest(forged):
                peer.send("INFO " + json.dumps({**peer.hello, "tls_required": True}) + "\r\n" + forged)
                said = peer.read_to_end()
                self.assertNotIn(b"CONNECT", said)
                self.assertNotIn(b"PONG", said)
                self.assertEqual(self.server.get("/leafz")["leafnodes"], 0)
                peer = self.accept(self.hubs[0])
        client.expect_quiet()

    def test_the_roles_swapped(self):
        peer = self.joined(remote="hub: true")
        self.assertIs(peer.login["is_hub"], True)
        self.assertEqual(self.server.get("/leafz")["leafs"][0]["is_spoke"], False)


class InterestTest(SpokeCase):
    def test_interest_and_messages(self):
        peer = self.joined()
        client = self.client(self.server)
        client.send("SUB a 1\r\nSUB q g 2\r\n")
        peer.expect_ops("LS+ a", "LS+ q g 1")
        peer.send("LMSG a 1\r\n1\r\nLMSG q | g 1\r\n2\r\nLMSG q + re g 1\r\n3\r\n"
                  "HMSG a re 12 13\r\nNATS/1.0\r\n\r\n4\r\n")  # fmt: skip
        client.expect("MSG a 1 1\r\n1\r\nMSG q 2 1\r\n2\r\nMSG q 2 re 1\r\n3\r\n")
        client.expect("HMSG a 1 re 12 13\r\nNATS/1.0\r\n\r\n4\r\n")
        peer.send("LS+ up\r\n")
        peer.drain()
        client.send("PUB up 1\r\nx\r\n")
        peer.expect_op("LMSG up 1", b"x")

    def test_what_was_subscribed_before_the_link_stands(self):
        peer = self.dialed()
        client = self.client(self.server)
        client.send("SUB early 1\r\nSUB early.q g 2\r\nSUB early.q g 3\r\n")
        client.expect_quiet()
        told = peer.join_spoke()
        self.assertEqual(sorted(op.line for op in told), ["LS+ early", "LS+ early.q g 2"])

    def test_the_lists_of_the_hub(self):
        peer = self.joined(confirmation={"import": {"allow": ["down.>"]}, "export": {"deny": ["secret"]}})
        client = self.client(self.server)
        client.send("SUB down.a 1\r\nSUB other 2\r\nSUB > 3\r\n")
        peer.expect_ops("LS+ down.a", "LS+ >")
        peer.send("LMSG other 1\r\nx\r\nLMSG down.a 1\r\ny\r\nLS+ secret\r\nLS+ open\r\n")
        peer.expect_quiet()
        self.assertEqual(sorted(client.read_line() + client.read(3) for _ in range(2)),
                         [b"MSG down.a 1 1y\r\n", b"MSG down.a 3 1y\r\n"])  # fmt: skip
        client.send("UNSUB 3\r\nPUB secret 1\r\nx\r\nPUB open 1\r\ny\r\n")
        peer.expect_ops("LS- >")
        peer.expect_op("LMSG open 1", b"y")

    def test_denied_imports_and_exports(self):
        peer = self.joined(remote='deny_imports: ["in.>"], deny_exports: out')
        self.assertEqual(peer.login["deny_pub"], ["in.>"])
        client = self.client(self.server)
        client.send("SUB in.a 1\r\nSUB in.* 2\r\nSUB fine 3\r\n")
        peer.expect_op("LS+ fine")
        peer.send("LS+ out\r\nLS+ up\r\nLMSG in.a 1\r\nx\r\n")
        peer.expect_quiet()
        client.send("PUB out 1\r\nx\r\nPUB up 1\r\ny\r\n")
        peer.expect_op("LMSG up 1", b"y")
        client.expect_quiet()


class AfterErrorsTest(SpokeCase):
    def expect_pause(self):
        self.hubs[0].socket.settimeout(2)
        with self.assertRaises(TimeoutError):
            self.hubs[0].socket.accept()

    def test_a_loop_found_here(self):
        peer = self.joined()
        peer.send(f"LS+ {peer.loop_subjects()[0]}\r\n")
        peer.expect_error('Loop detected for leafnode account="$G". Delaying attempt to reconnect for 30s')
        self.expect_pause()

    def test_a_loop_found_there(self):
        peer = self.joined()
        text = 'Loop detected for leafnode account="$G". Delaying attempt to reconnect for 30s'
        peer.send(f"-ERR '{text}'\r\n")
        peer.read_until_end()
        self.server.log.wait(re.escape(f"Leafnode Error '{text}'"))
        self.expect_pause()

    def test_the_same_cluster_name(self):
        peer = self.joined()
        peer.send("-ERR 'remote leafnode has same cluster name'\r\n")
        self.server.log.wait("dropped with same cluster name error")
        peer.close()
        self.expect_pause()

    def test_other_errors_are_logged_and_it_comes_again(self):
        peer = self.joined()
        peer.send("-ERR 'Authorization Violation'\r\n")
        self.server.log.wait("Leafnode Error 'Authorization Violation'")
        peer.close()
        self.accept(self.hubs[0]).join_spoke()
        self.assertEqual(self.server.get("/varz")["leafnodes"], 1)


class AddressTest(SpokeCase):
    def test_a_lost_hub_is_replaced_by_one_that_it_announced(self):
        first, second = self.listener(), self.listener()
        self.server = self.leaf_server(1, "L", remotes=[f'url: "nats-leaf://u:p%20w@127.0.0.1:{first.port}"'],
                                       listen=False, block=FAST)  # fmt: skip
        urls = [f"127.0.0.1:{first.port}", f"127.0.0.1:{second.port}"]
        peer = self.accept(first, leafnode_urls=urls)
        peer.join_spoke()
        self.assertEqual((peer.login["user"], peer.login["pass"]), ("u", "p w"))
        peer.close()
        peer = self.accept(second, leafnode_urls=urls)
        peer.join_spoke()
        self.assertEqual((peer.login["user"], peer.login["pass"]), ("u", "p w"))
        peer.close()
        self.accept(first, leafnode_urls=urls).join_spoke()

    def test_the_next_of_several_urls(self):
        dead, alive = self.listener(), self.listener()
        dead.close()
        self.server = self.leaf_server(1, "L", remotes=[f'urls: ["{dead.url}", "{alive.url}"], no_randomize: true'],
                                       listen=False, block=FAST)  # fmt: skip
        self.accept(alive).join_spoke()
        self.server.log.wait(r"Error trying to connect as leafnode to remote server .*\(attempt 1\)")

    def test_failures_are_errors_at_the_configured_interval(self):
        dead = self.listener()
        dead.close()
        self.server = self.leaf_server(1, "L", remotes=[f'url: "{dead.url}"'], listen=False, block=FAST,
                                       settings="connect_error_reports: 3, reconnect_error_reports: 1")  # fmt: skip
        self.server.log.wait(r"remote server .*\(attempt 7\)")
        levels = re.findall(r"\[(ERR|DBG)\] Error trying to connect as leafnode .*\(attempt [1-6]\)",
                            self.server.log.text())  # fmt: skip
        self.assertEqual(levels, ["ERR", "DBG", "ERR", "DBG", "DBG", "ERR"])

    def test_failures_after_a_link_are_errors_at_their_own_interval(self):
        peer = self.dialed(settings="connect_error_reports: 1, reconnect_error_reports: 2")
        peer.join_spoke()
        self.hubs[0].close()
        peer.close()
        self.server.log.wait(r"remote server .*\(attempt 5\)")
        levels = re.findall(r"\[(ERR|DBG)\] Error trying to connect as leafnode .*\(attempt [1-4]\)",
                            self.server.log.text())  # fmt: skip
        self.assertEqual(levels, ["ERR", "ERR", "DBG", "ERR"])

    def test_remotes_of_several_accounts(self):
        one, two = self.listener(), self.listener()
        accounts = "accounts { A { users [{user: a, password: a}] }, B { users [{user: b, password: b}] } }"
        remotes = [f'url: "{one.url}", account: A', f'url: "{two.url}", account: B']
        self.server = self.leaf_server(1, "L", remotes=remotes, listen=False, settings=accounts)
        a, b = self.accept(one), self.accept(two)
        a.join_spoke()
        b.join_spoke()
        self.assertEqual((a.login["remote_account"], b.login["remote_account"]), ("A", "B"))
        client = self.client(self.server, user="a", **{"pass": "a"})
        client.send("SUB of.a 1\r\n")
        a.expect_op("LS+ of.a")
        b.expect_quiet()
        b.send("LMSG of.a 1\r\nx\r\n")
        a.send("LMSG of.a 1\r\ny\r\n")
        client.expect("MSG of.a 1 1\r\ny\r\n")
        self.assertEqual([leaf["account"] for leaf in self.server.get("/leafz?acc=A")["leafs"]], ["A"])
        names = {leaf["account"] for leaf in self.server.get("/leafz")["leafs"]}
        self.assertEqual(names, {"A", "B"})

    def test_who_asks_has_the_name_that_the_hub_knows(self):
        one, two = self.listener(), self.listener()
        accounts = """accounts {
            A { users [ { user: a, password: p } ], imports [ { service: { account: B, subject: "svc.*" } } ] }
            B { users [ { user: b, password: p } ], exports [ { service: "svc.*" } ] } }"""
        remotes = [f'url: "{one.url}", account: A', f'url: "{two.url}", account: B']
        self.server = self.leaf_server(1, "L", remotes=remotes, listen=False, settings=accounts)
        of_a, of_b = self.accept(one), self.accept(two)
        of_a.join_spoke(remote_account="HA")
        of_b.join_spoke(remote_account="HB")
        of_b.send("LS+ svc.*\r\nLS+ plain\r\n")
        of_b.drain()
        asker, other = (self.client(self.server, user=user, **{"pass": "p"}) for user in "ab")
        asker.send("SUB in 5\r\nPUB svc.time in 4\r\nwhen\r\n")
        request = of_b.read_op()
        self.assertRegex(request.line, r"HMSG svc.time _R_\.\S+ \d+ \d+")
        headers, body = request.payload.split(b"\r\n\r\n")
        self.assertEqual(json.loads(headers.partition(b"Nats-Request-Info: ")[2])["acc"], "HA")
        self.assertEqual(body, b"when")
        of_b.send(f"LMSG {request.fields[1]} 3\r\nnow\r\n")
        asker.expect("MSG in 5 3\r\nnow\r\n")
        # Several in one packet: each is looked at for itself.
        lines = ['Nats-Request-Info: {"acc":"A"}', 'Nats-Request-Inf0: {"acc":"A"}', 'Nats-Request-Info: {"acc":"X"}']
        for reply in ("back ", ""):
            with self.subTest(reply=reply):
                block = "".join(f"HPUB plain {reply}44 45\r\nNATS/1.0\r\n{line}\r\n\r\n{number}\r\n"
                                for number, line in enumerate(lines))  # fmt: skip
                other.send(block)
                other.expect_quiet()
                for number, line in enumerate(lines):
                    renamed = line.replace('"A"', '"HA"') if reply and number == 0 else line
                    op = of_b.read_op()
                    size = len(renamed) + 14
                    self.assertEqual(op.line, f"HMSG plain {reply}{size} {size + 1}")
                    self.assertEqual(op.payload, f"NATS/1.0\r\n{renamed}\r\n\r\n{number}".encode())


class HostileHubTest(SpokeCase):
    def test_a_hub_that_breaks_the_rules_is_left_and_dialed_again(self):
        peer = self.dialed()
        urls = json.dumps([f"127.0.{i % 200}.1:1" for i in range(3000)])
        sayings = [
            "INFO {\r\n", 'INFO {"client_id":"x"}\r\n', "INFO []\r\n", "LMSG a 1\r\nx\r\n", "LS+ a\r\n",
            "PING\r\nPING\r\n", "CONNECT {}\r\n", "x" * 100000, "-ERR 'no'\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n",
        ]  # fmt: skip
        for said in sayings:
            with self.subTest(said[:20]):
                peer.send(said)
                peer.close()
                peer = self.accept(self.hubs[0])
        for before in ("LMSG a 1\r\nx\r\nLS+ a\r\n", "INFO {}\r\nINFO {}\r\n", f'INFO {{"leafnode_urls":{urls}}}\r\n'):
            with self.subTest(before[:20]):
                peer.send_hello()
                peer.read_op(own=True)
                peer.send(before)  # between CONNECT and the second INFO
                peer.confirm()
                peer.drain()
                peer.close()
                if "urls" in before:
                    self.server.log.wait("Error trying to connect as leafnode to remote server")
                    break
                peer = self.accept(self.hubs[0])
        self.check_serves(self.server)

    def test_a_hub_that_asks_for_more_than_may_be_pending(self):
        """An old hub's INFO is all that the link waits for; what answers it has no room behind the PONGs."""
        peer = self.dialed(settings="max_payload: 1024\nmax_pending: 4096\n")
        hello = {key: value for key, value in peer.hello.items() if key != "info_on_connect"}
        peer.send("PING\r\n" * 682 + f"INFO {json.dumps(hello)}\r\n")
        peer.read_until_end()
        self.accept(self.hubs[0]).join_spoke()
        self.check_serves(self.server)

    def test_interest_of_before_the_confirmation_does_not_count(self):
        peer = self.dialed()
        client = self.client(self.server)
        client.send("SUB a 1\r\n")
        client.expect_quiet()
        peer.send_hello()
        peer.read_op(own=True)
        peer.send("LMSG a 1\r\nx\r\nLS+ b\r\n")
        peer.confirm()
        peer.drain()
        self.assertFalse(client.probe("b"))
        client.expect_quiet()


class ProofTest(SpokeCase):
    def test_the_seed_of_an_nkey_signs_the_nonce(self):
        key = Key("user")
        peer = self.joined(remote=f"nkey: {key.seed}")
        self.assertEqual(peer.login["nkey"], key.public)
        self.assertEqual(peer.login["sig"], base64url(key.sign(b"scripted_nonce")))
        self.assertNotIn(key.seed, self.server.log.text())

    def test_a_credentials_file(self):
        operator = Key("operator")
        user = User(Tenant(operator, "A"))
        path = os.path.join(self.folder(), "user.creds")
        with open(path, "w", encoding="ascii") as out:
            out.write(user.creds)
        peer = self.joined(remote=f'credentials: "{path}"')
        self.assertEqual(peer.login["jwt"], user.token)
        self.assertEqual(peer.login["sig"], base64url(user.key.sign(b"scripted_nonce")))
        for secret in (user.key.seed, user.token):
            self.assertNotIn(secret, self.server.log.text())

    def test_a_password_in_a_url(self):
        peer = self.joined(url="nats-leaf://name:hidden-password@127.0.0.1:{}")
        self.assertEqual((peer.login["user"], peer.login["pass"]), ("name", "hidden-password"))
        self.assertNotIn("hidden-password", self.server.log.text())

    def test_a_file_that_is_none(self):
        path = os.path.join(self.folder(), "user.creds")
        with open(path, "w", encoding="ascii") as out:
            out.write("nothing\n")
        peer = self.dialed(remote=f'credentials: "{path}"')
        peer.send_hello()
        self.assertEqual([op.verb for op in peer.read_until_end()], [])
        self.server.log.wait("Credentials file malformed")


class OperatorTest(OperatorCase, LeafCase):
    def test_a_token_decides_on_account_and_permissions(self):
        hub = self.hub(settings=self.config(self.tenant))
        user = User(self.tenant, {"pub": {"allow": ["up.>"]}, "sub": {"allow": ["down.>"]}})
        peer = LeafPeer(hub.leaf_port).setup_spoke()
        self.addCleanup(peer.close)
        nonce = peer.read_info()["nonce"]
        peer.send_connect(**user.connect_fields(nonce))
        confirmed = peer.read_op(own=True).json
        self.assertEqual(confirmed["remote_account"], self.tenant.public)
        self.assertEqual(confirmed["export"], {"allow": ["up.>"]})
        peer.drain(own=True)
        client = self.login(hub, User(self.tenant))
        client.send("SUB up.a 1\r\n")
        peer.expect_op("LS+ up.a")

    def test_a_token_names_who_may_come_with_it(self):
        hub = self.hub(settings=self.config(self.tenant))
        for kind, may_come in (("LEAFNODE", True), ("STANDARD", False), ("LEAFNODE_WS", False)):
            with self.subTest(kind):
                peer = LeafPeer(hub.leaf_port).setup_spoke()
                self.addCleanup(peer.close)
                user = User(self.tenant, {"allowed_connection_types": [kind]})
                peer.send_connect(**user.connect_fields(peer.read_info()["nonce"]))
                if may_come:
                    self.assertEqual(peer.read_op(own=True).json["remote_account"], self.tenant.public)
                else:
                    peer.expect_error("Authorization Violation")

    def test_the_end_of_a_token_ends_the_link(self):
        hub = self.hub(settings=self.config(self.tenant))
        user = User(self.tenant, exp=int(time.time()) + 2)
        peer = LeafPeer(hub.leaf_port).setup_spoke()
        self.addCleanup(peer.close)
        peer.send_connect(**user.connect_fields(peer.read_info()["nonce"]))
        self.assertIs(peer.read_op(own=True).json["connect_info"], True)
        peer.expect_error("User Authentication Expired")

    def test_a_user_that_is_revoked(self):
        hub = self.hub(settings=self.config(self.tenant))
        users, peers = [User(self.tenant), User(self.tenant)], []
        for user in users:
            peer = LeafPeer(hub.leaf_port).setup_spoke()
            self.addCleanup(peer.close)
            peer.send_connect(**user.connect_fields(peer.read_info()["nonce"]))
            self.assertIs(peer.read_op(own=True).json["connect_info"], True)
            peers.append(peer)
        self.tenant.nats["revocations"] = {users[0].key.public: now() + 1}
        hub.settings = self.config(self.tenant)
        hub.write_config()
        hub.send_signal(signal.SIGHUP)
        peers[0].expect_error("User Authentication Revoked")
        hub.log.wait("Leafnode connection closed: Credentials Revoked")
        peers[1].drain(own=True)

    def test_wrong_tokens(self):
        hub = self.hub(settings=self.config(self.tenant))
        stranger = User(Tenant(Key("operator"), "X"))
        for fields in (lambda nonce: {}, stranger.connect_fields,
                       lambda nonce: User(self.tenant).connect_fields("other nonce")):  # fmt: skip
            peer = LeafPeer(hub.leaf_port).setup_spoke()
            self.addCleanup(peer.close)
            nonce = peer.read_info()["nonce"]
            peer.send_connect(**fields(nonce))
            peer.expect_error("Authorization Violation")

    def test_an_account_has_as_many_leafnodes_as_its_token_says(self):
        self.tenant.nats["limits"] = {**self.tenant.nats["limits"], "leaf": 1}
        hub = self.hub(settings=self.config(self.tenant))
        peers = []
        for _ in range(2):
            peer = LeafPeer(hub.leaf_port).setup_spoke()
            self.addCleanup(peer.close)
            peer.send_connect(**User(self.tenant).connect_fields(peer.read_info()["nonce"]))
            peers.append(peer)
            if len(peers) == 1:
                self.assertIs(peer.read_op(own=True).json["connect_info"], True)
        peers[1].expect_error("maximum account active connections exceeded")

    def test_credentials_of_our_own_spoke(self):
        hub = self.hub(settings=self.config(self.tenant))
        path = os.path.join(self.folder(), "user.creds")
        with open(path, "w", encoding="ascii") as out:
            out.write(User(self.tenant).creds)
        spoke = self.spoke(hub, remote=f'credentials: "{path}"')
        at_hub, at_leaf = self.login(hub, User(self.tenant)), self.client(spoke)
        at_hub.send("SUB jwt 1\r\n")
        at_hub.expect_quiet()
        self.wait_for(lambda: at_leaf.probe("jwt"), "interest")
        at_leaf.send("PUB jwt 2\r\nhi\r\n")
        at_hub.expect("MSG jwt 1 probe.answer 0\r\n\r\nMSG jwt 1 2\r\nhi\r\n")


if __name__ == "__main__":
    leafnodes.main()
