#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A hub and a spoke: messages and interest between their clients, whatever the two programs are."""

import json
import shutil
import unittest

from support import leafnodes
from support.cluster import HeldPort
from support.leafnodes import LeafCase, differs
from support.tls import Certificates

HEADERS = b"NATS/1.0\r\nKey: value\r\n\r\n"
MANY = 3000


class PairTest(LeafCase):
    """All tests share one hub and one spoke; each has subjects of its own."""

    def setUp(self):
        self.at_hub, self.at_leaf = self.shared(self.pair)
        self.hub_client = self.client(self.at_hub)
        self.leaf_client = self.client(self.at_leaf)

    def both_ways(self):
        yield self.hub_client, self.leaf_client, "down"
        yield self.leaf_client, self.hub_client, "up"

    def test_a_message_each_way(self):
        for publisher, subscriber, way in self.both_ways():
            with self.subTest(way):
                subscriber.send(f"SUB one.{way} 1\r\n")
                self.sync(subscriber, publisher)
                publisher.send(f"PUB one.{way} 2\r\nhi\r\nPUB one.{way} re.ply 2\r\nyo\r\n")
                subscriber.expect(f"MSG one.{way} 1 2\r\nhi\r\nMSG one.{way} 1 re.ply 2\r\nyo\r\n")

    def test_headers(self):
        for publisher, subscriber, way in self.both_ways():
            with self.subTest(way):
                self.skip_at(publisher.server, "RC19", "it has no headers")
                subscriber.send(f"SUB head.{way} 1\r\n")
                self.sync(subscriber, publisher)
                size = len(HEADERS)
                publisher.send(f"HPUB head.{way} re.ply {size} {size + 2}\r\n".encode() + HEADERS + b"hi\r\n")
                if not subscriber.server.kind.names_clusters:  # it has no headers: they are left out
                    subscriber.expect(f"MSG head.{way} 1 re.ply 2\r\nhi\r\n")
                    continue
                subscriber.expect(f"HMSG head.{way} 1 re.ply {size} {size + 2}\r\n".encode() + HEADERS + b"hi\r\n")

    def test_wildcards_and_one_copy_per_subscription(self):
        for publisher, subscriber, way in self.both_ways():
            with self.subTest(way):
                subscriber.send(f"SUB wild.{way}.* 1\r\nSUB wild.{way}.> 2\r\nSUB wild.{way}.a 3\r\n")
                self.sync(subscriber, publisher)
                publisher.send(f"PUB wild.{way}.a 1\r\nx\r\nPUB wild.{way}.b 1\r\ny\r\n")
                got = [subscriber.read(len(f"MSG wild.{way}.a 1 1\r\nx\r\n")) for _ in range(5)]
                wanted = [f"MSG wild.{way}.a {sid} 1\r\nx\r\n".encode() for sid in (1, 2, 3)]
                wanted += [f"MSG wild.{way}.b {sid} 1\r\ny\r\n".encode() for sid in (1, 2)]
                self.assertEqual(sorted(got), sorted(wanted))
                subscriber.expect_quiet()

    def test_a_request_and_its_answer(self):
        for requestor, responder, way in self.both_ways():
            with self.subTest(way):
                responder.send(f"SUB ask.{way} 1\r\n")
                self.sync(responder, requestor)
                requestor.send(f"SUB inbox.{way}.* 5\r\nPUB ask.{way} inbox.{way}.1 4\r\nwhat\r\n")
                responder.expect(f"MSG ask.{way} 1 inbox.{way}.1 4\r\nwhat\r\n")
                responder.send(f"PUB inbox.{way}.1 4\r\nthat\r\n")
                requestor.expect(f"MSG inbox.{way}.1 5 4\r\nthat\r\n")

    def test_interest_ends_with_its_last_subscription(self):
        for publisher, subscriber, way in self.both_ways():
            with self.subTest(way):
                subscriber.send(f"SUB gone.{way} 1\r\nSUB gone.{way} 2\r\n")
                self.sync(subscriber, publisher)
                subscriber.send("UNSUB 1\r\n")
                self.sync(subscriber, publisher)
                publisher.send(f"PUB gone.{way} 1\r\nx\r\n")
                subscriber.expect(f"MSG gone.{way} 2 1\r\nx\r\n")
                subscriber.send("UNSUB 2\r\n")
                subscriber.expect_quiet()
                self.wait_no_interest(publisher, f"gone.{way}")

    def test_a_limit_of_deliveries_ends_the_interest(self):
        for publisher, subscriber, way in self.both_ways():
            with self.subTest(way):
                subscriber.send(f"SUB max.{way} 1\r\nUNSUB 1 2\r\n")
                self.sync(subscriber, publisher)
                publisher.send(f"PUB max.{way} 1\r\n1\r\n" * 4)
                subscriber.expect(f"MSG max.{way} 1 1\r\n1\r\n" * 2)
                self.skip_at(subscriber.server, "RC19", "it never announces that")
                self.wait_no_interest(publisher, f"max.{way}")
                subscriber.expect_quiet()

    def test_one_member_of_a_group(self):
        for publisher, subscriber, way in self.both_ways():
            with self.subTest(way):
                subscriber.send(f"SUB job.{way} workers 1\r\nSUB job.{way} workers 2\r\n")
                self.sync(subscriber, publisher)
                publisher.send(f"PUB job.{way} 1\r\nx\r\n" * 100)
                counts = {b"1": 0, b"2": 0}
                for _ in range(100):
                    counts[subscriber.read_line().split()[2]] += 1
                    subscriber.expect(b"x\r\n")
                subscriber.expect_quiet()
                self.assertGreater(min(counts.values()), 10, counts)

    def test_members_beside_the_publisher_come_first(self):
        for publisher, other, way in self.both_ways():
            with self.subTest(way):
                other.send(f"SUB near.{way} q 1\r\n")
                self.sync(other, publisher)
                publisher.send(f"SUB near.{way} q 7\r\n" + f"PUB near.{way} 1\r\nx\r\n" * 50)
                publisher.expect(f"MSG near.{way} 7 1\r\nx\r\n" * 50)
                publisher.send("UNSUB 7\r\n" + f"PUB near.{way} 1\r\ny\r\n")
                other.expect(f"MSG near.{way} 1 1\r\ny\r\n")
                publisher.expect_quiet()

    def test_many_messages_keep_their_order(self):
        for publisher, subscriber, way in self.both_ways():
            with self.subTest(way):
                subscriber.send(f"SUB many.{way} 1\r\n")
                self.sync(subscriber, publisher)
                publisher.send("".join(f"PUB many.{way} 6\r\n{i:06}\r\n" for i in range(MANY)))
                subscriber.expect("".join(f"MSG many.{way} 1 6\r\n{i:06}\r\n" for i in range(MANY)))

    def test_large_messages(self):
        for publisher, subscriber, way in self.both_ways():
            with self.subTest(way):
                subscriber.send(f"SUB large.{way} 1\r\n")
                self.sync(subscriber, publisher)
                body = bytes(range(256)) * 4096
                publisher.send(f"PUB large.{way} {len(body)}\r\n".encode() + body + b"\r\n")
                subscriber.expect(f"MSG large.{way} 1 {len(body)}\r\n".encode() + body + b"\r\n")

    def test_nobody_hears_a_message_twice(self):
        for client, other, way in self.both_ways():
            with self.subTest(way):
                client.send(f"SUB echo.{way} {way}\r\n")  # a sid of its own, as each client subscribes twice
                other.send(f"SUB echo.{way} {way}\r\n")
                self.sync(other, client)
                self.sync(client, other)
                client.send(f"PUB echo.{way} 1\r\nx\r\n")
                client.expect(f"MSG echo.{way} {way} 1\r\nx\r\n")
                other.expect(f"MSG echo.{way} {way} 1\r\nx\r\n")
                self.sync(client, other)  # what came back would be here by then
                client.expect_quiet()


class LoginTest(LeafCase):
    @differs("RC19", "it knows no tokens there")
    @differs("2.9.10", "it shows none, and admits any")
    def test_a_word_before_the_address_may_be_a_token(self):
        hub = self.hub(settings="authorization { token: secret }")
        self.spoke(hub.leaf_url.replace("//", "//secret@"))
        stranger = self.spoke(hub.leaf_url.replace("//", "//wrong@"), name="S", wait=False)
        stranger.log.wait("Authorization Violation")
        self.assertEqual(hub.leaf_count(), 1)

    @differs("RC19", "it knows no permissions of groups", ends=(0,))
    @differs("2.9.10", "it serves the group; mended in 2.12", ends=(0,))
    def test_a_group_may_be_denied_a_subject(self):
        """On a pattern and on the subject itself; other groups, and other subjects, have their messages."""
        hub = self.hub(settings="""
            accounts { A { users: [ { user: hub, password: p }, { user: leaf, password: p, permissions: {
              subscribe: { allow: ">", deny: ["a.secret work.*"] } } } ] } }""")
        spoke = self.spoke(hub.leaf_url.replace("//", "//leaf:p@"))
        members = self.client(spoke)
        members.send("SUB a.* work.1 1\r\nSUB a.secret work.2 2\r\nSUB a.secret other 3\r\nSUB a.* 4\r\n")
        publisher = self.client(hub, user="hub", **{"pass": "p"})
        self.sync(members, publisher)
        publisher.send("PUB a.secret 1\r\nx\r\nPUB a.open 1\r\ny\r\n")
        publisher.expect_quiet()
        got = [members.read(len("MSG a.secret 3 1\r\nx\r\n")) for _ in range(2)]
        got += [members.read(len("MSG a.open 1 1\r\ny\r\n")) for _ in range(2)]
        wanted = [f"MSG a.secret {sid} 1\r\nx\r\n".encode() for sid in (3, 4)]
        wanted += [f"MSG a.open {sid} 1\r\ny\r\n".encode() for sid in (1, 4)]
        self.assertEqual(sorted(got), sorted(wanted))
        members.expect_quiet()


@differs("RC19", "it has no headers")
class RequestorTest(LeafCase):
    """A service of another account of the spoke, whose responder is a client of the hub. The spoke says who asks
    under the name that the hub knows; hubs since 2.15 only let it speak for the account of its link."""

    HUB = """accounts { HA { users [ { user: ha, password: p } ] }, HB { users [ { user: hb, password: p } ] } }"""
    BLOCK = "authorization { users [ { user: la, password: p, account: HA }, { user: lb, password: p, account: HB } ] }"
    SPOKE = """accounts {
        A { users [ { user: a, password: p } ], imports [ { service: { account: B, subject: "svc.*" } } ] }
        B { users [ { user: b, password: p } ], exports [ { service: "svc.*" } ] } }"""

    def asked_as(self, hub, *accounts):
        """The account that the responder is told of, where the spoke has links for those accounts."""
        remotes = [f'url: "nats-leaf://l{name.lower()}:p@127.0.0.1:{hub.leaf_port}", account: {name}'
                   for name in accounts]  # fmt: skip
        spoke = self.leaf_server(1, "L", settings=self.SPOKE, remotes=remotes, listen=False)
        self.wait_for(lambda: spoke.leaf_count() == len(accounts), "the spoke has its links")
        responder, asker = (self.client(server, user=user, **{"pass": "p"})
                            for server, user in ((hub, "hb"), (spoke, "a")))  # fmt: skip
        responder.send("SUB svc.* 1\r\n")
        self.sync(responder, self.client(spoke, user="b", **{"pass": "p"}))
        asker.send("SUB in 5\r\nPUB svc.time in 4\r\nwhen\r\n")
        reply, size, total = responder.expect_line(r"HMSG svc.time 1 (_R_\.\S+) (\d+) (\d+)").groups()
        headers, body = (text := responder.read(int(total) + 2)[:-2])[: int(size)], text[int(size) :]
        self.assertEqual(body, b"when")
        responder.send(f"PUB {reply} 3\r\nnow\r\n")
        asker.expect("MSG in 5 3\r\nnow\r\n")
        spoke.close()
        (info,) = [line for line in headers.split(b"\r\n") if line.startswith(b"Nats-Request-Info: ")]
        return json.loads(info.partition(b" ")[2])["acc"]

    def test_the_requestors_account_has_the_name_that_the_hub_knows(self):
        hub = self.hub(settings=self.HUB, block=self.BLOCK)
        self.assertEqual(self.asked_as(hub, "A", "B"), "HB" if hub.kind.binds_requestors else "HA")

    def test_an_account_that_the_hub_does_not_know(self):
        hub = self.hub(settings=self.HUB, block=self.BLOCK)
        self.assertEqual(self.asked_as(hub, "B"), "HB" if hub.kind.binds_requestors else "A")


@differs("RC19", "it has no WebSocket")
class WebsocketTest(LeafCase):
    """The spoke dials the WebSocket port of its hub."""

    def websocket_hub(self, block="no_tls: true", settings=""):
        held = HeldPort()
        self.addCleanup(held.release)
        listen = f"websocket {{ listen: 127.0.0.1:{held.number}, {block} }}"
        return self.hub(settings=f"{listen}\n{settings}"), held.number

    def check(self, hub, spoke):
        at_hub, at_leaf = self.client(hub), self.client(spoke)
        body = bytes(range(256)) * 4000
        for publisher, subscriber in ((at_hub, at_leaf), (at_leaf, at_hub)):
            subscriber.send("SUB web 1\r\n")
            self.sync(subscriber, publisher)
            publisher.send(b"PUB web 2\r\nhi\r\n" * 100 + f"PUB web {len(body)}\r\n".encode() + body + b"\r\n")
            subscriber.expect(b"MSG web 1 2\r\nhi\r\n" * 100 + f"MSG web 1 {len(body)}\r\n".encode() + body + b"\r\n")
            subscriber.send("UNSUB 1\r\n")
            subscriber.expect_quiet()

    def test_messages_each_way_and_a_hub_that_comes_again(self):
        hub, port = self.websocket_hub()
        spoke = self.spoke(f"ws://127.0.0.1:{port}", block="" if self.kind(1).is_go else 'reconnect: "100ms"')
        self.check(hub, spoke)
        hub.restart()
        self.wait_for(lambda: hub.leaf_count() == 1, "the link again")
        self.check(hub, spoke)

    def test_connection_types(self):
        users = ", ".join(
            f'{{ user: {user}, password: p, allowed_connection_types: [ "{kind}" ] }}'
            for user, kind in (("leaf", "LEAFNODE"), ("web", "LEAFNODE_WS"), ("tcp", "STANDARD"), ("page", "WEBSOCKET"))
        )
        hub, port = self.websocket_hub(settings=f"accounts {{ A {{ users: [ {users} ] }} }}")
        for user in ("leaf", "web", "tcp", "page"):
            for way, may_come in ((f"nats-leaf://{user}:p@127.0.0.1:{hub.leaf_port}", user == "leaf"),
                                  (f"ws://{user}:p@127.0.0.1:{port}", user == "web")):
                with self.subTest(way):
                    spoke = self.spoke(way, wait=may_come)
                    if not may_come:
                        spoke.log.wait("Authorization Violation")
                    spoke.close()

    def test_who_shows_nothing_is_the_user_that_the_block_names(self):
        accounts = "accounts { A { users: [ { user: a, password: p } ] }, B { users: [ { user: b, password: p } ] } }"
        hub, port = self.websocket_hub("no_tls: true, no_auth_user: b", settings=f"{accounts}\nno_auth_user: a")
        for way, account in ((f"ws://127.0.0.1:{port}", "B"), (hub.leaf_url, "A")):
            with self.subTest(way):
                spoke = self.spoke(way)
                self.wait_for(lambda: [leaf["account"] for leaf in hub.get("/leafz")["leafs"]] == [account],
                              f"one leafnode, in {account}")
                spoke.close()

    def test_compression_without_masks(self):
        hub, port = self.websocket_hub("no_tls: true, compression: true")
        self.check(hub, self.spoke(f"ws://127.0.0.1:{port}", remote="ws_compression: true, ws_no_masking: true"))

    def compression_of(self, server):
        (leaf,) = server.get("/leafz")["leafs"]
        return leaf.get("compression")

    def check_both_know_s2(self):
        old = [kind.name for kind in map(self.kind, (0, 1)) if kind.number < (2, 10)]
        if old:
            self.skipTest(f"{old[0]} has no S2")

    def test_s2_below_the_frames(self):
        """As nats-server lays it, where the frames have no compression of their own."""
        self.check_both_know_s2()
        hub, port = self.websocket_hub()
        for mode in ("s2_best", "s2_auto"):
            for masks in ("", ", ws_no_masking: true"):
                with self.subTest(mode=mode, masks=masks):
                    spoke = self.spoke(f"ws://127.0.0.1:{port}", remote=f"compression: {mode}{masks}")
                    self.check(hub, spoke)
                    shown = [self.compression_of(each) for each in (hub, spoke)]
                    self.assertTrue(all(each.startswith("s2_") for each in shown), shown)
                    spoke.close()
                    self.wait_for(lambda: hub.leaf_count() == 0, "its link has gone")

    def test_no_s2_on_compressed_frames(self):
        self.check_both_know_s2()
        hub, port = self.websocket_hub("no_tls: true, compression: true")
        spoke = self.spoke(f"ws://127.0.0.1:{port}", remote="ws_compression: true, compression: s2_best")
        self.check(hub, spoke)
        self.assertNotIn("s2", self.compression_of(spoke) or "")

    @unittest.skipUnless(shutil.which("openssl"), "SKIPPED: openssl is not here")
    def test_tls_below_it(self):
        certificates = Certificates(self.folder())
        hub, port = self.websocket_hub(certificates.config())
        spoke = self.spoke(f"wss://127.0.0.1:{port}", remote=f'tls {{ ca_file: "{certificates.ca}" }}')
        self.check(hub, spoke)
        hub.restart()
        self.wait_for(lambda: hub.leaf_count() == 1, "the link again")
        self.check(hub, spoke)
        stranger = self.spoke(f"wss://127.0.0.1:{port}", name="S", wait=False)
        stranger.log.wait("TLS leafnode handshake error")
        self.assertEqual(hub.leaf_count(), 1)


if __name__ == "__main__":
    leafnodes.main()
