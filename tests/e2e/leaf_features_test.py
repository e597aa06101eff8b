#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Leafnodes with TLS, with imports and exports, bound to the system account, and through reloads."""

import json
import shutil
import signal
import unittest

from support import leafnodes
from support.leafnodes import LeafCase
from support.tls import Certificates


@unittest.skipUnless(shutil.which("openssl"), "SKIPPED: openssl is not here")
class TlsTest(LeafCase):
    def setUp(self):
        self.certificates = Certificates(self.folder())

    def hub_with(self, *lines):
        return self.hub(block=self.certificates.config(*lines))

    def check(self, hub, spoke):
        at_hub, at_leaf = self.client(hub), self.client(spoke)
        at_hub.send("SUB tls 1\r\n")
        self.sync(at_hub, at_leaf)
        at_leaf.send("PUB tls 2\r\nhi\r\n")
        at_hub.expect("MSG tls 1 2\r\nhi\r\n")
        at_leaf.send("SUB back 1\r\n")
        self.sync(at_leaf, at_hub)
        at_hub.send("PUB back 2\r\nyo\r\n")
        at_leaf.expect("MSG back 1 2\r\nyo\r\n")

    def test_the_hub_asks_for_it(self):
        hub = self.hub_with()
        self.check(hub, self.spoke(hub, remote=f'tls {{ ca_file: "{self.certificates.ca}" }}'))

    def test_certificates_of_both_ends(self):
        hub = self.hub_with(f'ca_file: "{self.certificates.ca}"', "verify: true")
        own = self.certificates
        tls = f'tls {{ ca_file: "{own.ca}", cert_file: "{own.cert}", key_file: "{own.key}" }}'
        self.check(hub, self.spoke(hub, remote=tls))

    def test_tls_before_the_info(self):
        hub = self.hub_with("handshake_first: true")
        self.check(hub, self.spoke(hub, remote=f'tls {{ ca_file: "{self.certificates.ca}", handshake_first: true }}'))

    def test_tls_before_the_info_or_after_it(self):
        for value in ("auto", '"300ms"'):
            with self.subTest(value):
                hub = self.hub_with(f"handshake_first: {value}")
                for first in ("true", "false"):
                    spoke = self.spoke(hub, name=f"L{first}",
                                       remote=f'tls {{ ca_file: "{self.certificates.ca}", handshake_first: {first} }}')
                    self.check(hub, spoke)
                    spoke.close()

    def test_an_authority_that_is_not_known(self):
        hub = self.hub_with()
        spoke = self.spoke(hub, wait=False)
        spoke.log.wait("TLS leafnode handshake error")
        self.assertEqual(hub.leaf_count(), 0)

    def test_the_certificate_names_the_user(self):
        own = self.certificates
        cert, key = own.issue("leaf", "/CN=leaf", "DNS:leaf.example")
        users = "authorization { users = [ { user: leaf.example, account: A } ] }"
        hub = self.hub(settings="accounts { A { users [ { user: a, password: a } ] } }",
                       block=own.config(f'ca_file: "{own.ca}"', "verify_and_map: true") + users)  # fmt: skip
        self.spoke(hub, remote=f'tls {{ ca_file: "{own.ca}", cert_file: "{cert}", key_file: "{key}" }}')
        self.assertEqual(hub.get("/leafz")["leafs"][0]["account"], "A")
        other = f'tls {{ ca_file: "{own.ca}", cert_file: "{own.cert}", key_file: "{own.key}" }}'
        self.spoke(hub, name="S", remote=other, wait=False).log.wait("Authorization Violation")
        self.assertEqual(hub.leaf_count(), 1)

    def test_pins_that_change_close_links(self):
        own = self.certificates
        stays, goes = (own.issue(name, f"/CN={name}", "IP:127.0.0.1") for name in ("stays", "goes"))

        def block(*files):
            pins = ", ".join(f'"{own.pin(each[0])}"' for each in files)
            return own.config(f'ca_file: "{own.ca}"', "verify: true", f"pinned_certs: [{pins}]")

        hub = self.hub(block=block(stays, goes))
        for name, (cert, key) in (("S", stays), ("G", goes)):
            self.spoke(hub, name=name, remote=f'tls {{ ca_file: "{own.ca}", cert_file: "{cert}", key_file: "{key}" }}')
        self.assertEqual(hub.leaf_count(), 2)
        hub.block = block(stays)
        hub.write_config()
        hub.send_signal(signal.SIGHUP)
        hub.log.wait("TLS leafnode handshake error: certificate not pinned")  # it came again
        self.assertEqual([each["name"] for each in hub.get("/leafz")["leafs"]], ["S"])

    def test_a_certificate_that_is_missing(self):
        hub = self.hub_with(f'ca_file: "{self.certificates.ca}"', "verify: true")
        self.spoke(hub, remote=f'tls {{ ca_file: "{self.certificates.ca}" }}', wait=False)
        hub.log.wait("TLS leafnode handshake error")
        self.assertEqual(hub.leaf_count(), 0)


ACCOUNTS = """
accounts {
  A { users [ { user: a, password: a } ], imports [ { service: { account: B, subject: "svc.*" } } ] }
  B { users [ { user: b, password: b } ], exports [ { service: "svc.*" } ] }
}

"""


class ImportsTest(LeafCase):
    """A hub whose account A imports a service of B."""

    def setUp(self):
        self.server = self.shared(lambda: self.hub(
            settings=ACCOUNTS, block="authorization { users [ {user: la, pass: x, account: A}, "
                                 "{user: lb, pass: x, account: B} ] }"))  # fmt: skip
        self.wait_alone(self.server)

    def leaf(self, user):
        return self.join(self.server, user=user, **{"pass": "x"})

    def test_a_request_of_a_leafnode_reaches_the_exporter(self):
        leaf = self.leaf("la")
        self.assertIn("LS+ svc.*", [op.line for op in leaf.dump])
        responder = self.client(self.server, user="b", **{"pass": "b"})
        responder.send("SUB svc.time 1\r\n")
        responder.expect_quiet()
        leaf.send("LS+ _INBOX.leaf\r\nLMSG svc.time _INBOX.leaf 4\r\nwhen\r\n")
        reply, info, body = self.read_request(responder, "svc.time")
        self.assertEqual((info["acc"], body), ("A", b"when"))
        responder.send(f"PUB {reply} 3\r\nnow\r\n")
        leaf.expect_op("LMSG _INBOX.leaf 3", b"now")

    def read_request(self, responder, subject):
        """Its reply subject, who asks by the header that the server adds, and its body."""
        match = responder.expect_line(rf"HMSG {subject} 1 (_R_\.\S+) (\d+) (\d+)")
        size, total = int(match.group(2)), int(match.group(3))
        text = responder.read(total + 2)[:-2]
        lines = [line for line in text[:size].split(b"\r\n") if line.startswith(b"Nats-Request-Info: ")]
        self.assertEqual(len(lines), 1, text)
        return match.group(1), json.loads(lines[0].partition(b" ")[2]), text[size:]

    def test_a_leafnode_is_who_asks_whatever_it_says(self):
        """CVE-2026-33246: a leafnode forges the header that says who asks."""
        leaf, responder = self.leaf("la"), self.client(self.server, user="b", **{"pass": "b"})
        responder.send("SUB svc.time 1\r\n")
        responder.expect_quiet()
        headers = 'NATS/1.0\r\nNats-Request-Info: {"acc":"SYS","user":"root"}\r\nKept: yes\r\n\r\n'
        leaf.send(f"LS+ _INBOX.leaf\r\nHMSG svc.time _INBOX.leaf {len(headers)} {len(headers) + 2}\r\n{headers}hi\r\n")
        _, info, body = self.read_request(responder, "svc.time")
        self.assertEqual((info["acc"], body), ("A", b"hi"))
        self.assertNotIn("user", info)

    def test_a_leafnode_is_who_asks_in_bad_headers_too(self):
        """Clients and servers of Go find a header behind a line without a colon, and one behind a lone line feed."""
        leaf, responder = self.leaf("la"), self.client(self.server, user="b", **{"pass": "b"})
        client = self.client(self.server, user="a", **{"pass": "a"})
        for wire, subject in ((responder, "svc.time"), (client, "plain")):
            wire.send(f"SUB {subject} 1\r\n")
            wire.expect_quiet()
        leaf.send("LS+ _INBOX.leaf\r\n")
        forged = 'Nats-Request-Info: {"acc":"SYS"}\r\n'
        for headers in (f"NATS/1.0\r\nno colon\r\n{forged}\r\n", f"NATS/1.0\r\n{forged}no colon\r\n\r\n",
                        f"NATS/1.0\r\nA: b\n{forged}\r\n", f"NATS/1.0\r\n{forged}"):  # fmt: skip
            with self.subTest(headers=headers):
                for subject in ("svc.time", "plain"):
                    leaf.send(f"HMSG {subject} _INBOX.leaf {len(headers)} {len(headers) + 2}\r\n{headers}hi\r\n")
                _, info, body = self.read_request(responder, "svc.time")
                self.assertEqual((info["acc"], body), ("A", b"hi"))
                size = int(client.expect_line(r"HMSG plain 1 _INBOX.leaf \d+ (\d+)").group(1))
                text = client.read(size + 2)
                self.assertIn(b'\r\nNats-Request-Info: {"acc":"A"}\r\n\r\nhi\r\n', text)
                self.assertNotIn(b"SYS", text)

    def test_a_leafnode_speaks_for_its_own_account(self):
        """Also to those who get its messages without an import."""
        leaf, client = self.leaf("la"), self.client(self.server, user="a", **{"pass": "a"})
        client.send("SUB plain 1\r\n")
        client.expect_quiet()
        lines = ['Nats-Request-Info: {"acc":"B"}', 'Nats-Request-Info: {"acc":"A"}', 'Nats-Request-Inf0: {"acc":"B"}',
                 'Nats-Request-Info: {"acc":"B"}', 'Nats-Request-Info: {"acc":"B" ']  # fmt: skip
        for reply in ("back ", ""):
            with self.subTest(reply=reply):
                leaf.send("".join(f"HMSG plain {reply}44 45\r\nNATS/1.0\r\n{line}\r\n\r\n{number}\r\n"
                                  for number, line in enumerate(lines)))  # fmt: skip
                leaf.drain()
                for number, line in enumerate(lines):
                    bound = line.replace('Info: {"acc":"B"}', 'Info: {"acc":"A"}') if reply else line
                    client.expect(f"HMSG plain 1 {reply}44 45\r\nNATS/1.0\r\n{bound}\r\n\r\n{number}\r\n")

    def test_a_leafnode_of_the_system_account_speaks_for_others(self):
        server = self.hub(settings=ACCOUNTS.replace("accounts {", """system_account: SYS
            accounts { SYS { users [ { user: sys, password: sys } ] }"""),
            block="authorization { user: ls, password: x, account: SYS }")  # fmt: skip
        client = self.client(server, user="sys", **{"pass": "sys"})
        client.send("SUB plain 1\r\n")
        client.expect_quiet()
        leaf = self.join(server, user="ls", **{"pass": "x"})
        message = 'plain {}back 44 45\r\nNATS/1.0\r\nNats-Request-Info: {{"acc":"B"}}\r\n\r\nx\r\n'
        leaf.send("HMSG " + message.format(""))
        client.expect("HMSG " + message.format("1 "))

    def test_an_import_that_shares_tells_more(self):
        server = self.hub(settings=ACCOUNTS.replace('"svc.*" } }', '"svc.*" }, share: true }'),
                          block="authorization { user: la, password: x, account: A }")  # fmt: skip
        responder = self.client(server, user="b", **{"pass": "b"})
        responder.send("SUB svc.time 1\r\n")
        responder.expect_quiet()
        leaf = self.join(server, user="la", name="edge", **{"pass": "x"})
        leaf.send("LS+ _INBOX.leaf\r\nLMSG svc.time _INBOX.leaf 2\r\nhi\r\n")
        _, info, _ = self.read_request(responder, "svc.time")
        self.assertEqual((info["acc"], info["kind"], info["name"], info["user"], info["server"], info["host"]),
                         ("A", "Leafnode", "edge", "la", "edge", "127.0.0.1"))  # fmt: skip

    def test_a_leafnode_answers_for_the_exporter(self):
        leaf = self.leaf("lb")
        leaf.send("LS+ svc.far\r\n")
        leaf.drain()
        client = self.client(self.server, user="a", **{"pass": "a"})
        client.send("SUB _INBOX.c 1\r\nPUB svc.far _INBOX.c 4\r\nwhat\r\n")
        op = leaf.read_op()
        self.assertRegex(op.line, r"[LH]MSG svc.far _R_\.\S+ .*")
        self.assertTrue(op.payload.endswith(b"what"))
        leaf.send(f"LMSG {op.fields[1]} 4\r\nthat\r\n")
        client.expect("MSG _INBOX.c 1 4\r\nthat\r\n")

    def test_a_cluster_of_leafnodes_answers_itself_from_another_account(self):
        """nats-server #4231: one leafnode has links to both accounts."""
        for number, group in enumerate(("", " g 2")):
            with self.subTest(group):
                asker, answerer = (self.join(self.server, user=user, cluster="E", **{"pass": "x"})
                                   for user in ("la", "lb"))  # fmt: skip
                answerer.send(f"LS+ svc.{number}{group}\r\n")
                answerer.drain()
                asker.send(f"LS+ _INBOX.e\r\nLMSG svc.{number} _INBOX.e 4\r\nwhat\r\n")
                op = answerer.read_op()
                self.assertTrue(op.payload.endswith(b"what"), op.line)
                reply = next(field for field in op.fields if field.startswith("_R_."))
                answerer.send(f"LMSG {reply} 4\r\nthat\r\n")
                asker.expect_op("LMSG _INBOX.e 4", b"that")
                asker.close()
                answerer.close()


STREAMS = """
accounts {
  A { users [ { user: a, password: a } ], imports [ { stream: { account: B, subject: "pub.>" }, prefix: from } ] }
  B { users [ { user: b, password: b } ], exports [ { stream: "pub.>" } ] }
}
"""


class StreamsTest(LeafCase):
    def test_a_leafnode_gets_what_its_account_imports(self):
        server = self.hub(settings=STREAMS, block="authorization { user: l, password: l, account: A }")
        leaf = self.join(server, user="l", **{"pass": "l"})
        leaf.send("LS+ from.pub.*\r\n")
        leaf.drain()
        publisher = self.client(server, user="b", **{"pass": "b"})
        publisher.send("PUB pub.x 1\r\n1\r\nPUB pub.y re 1\r\n2\r\n")
        leaf.expect_op("LMSG from.pub.x 1", b"1")
        leaf.expect_op("LMSG from.pub.y re 1", b"2")
        leaf.send("LS- from.pub.*\r\n")
        leaf.drain()
        publisher.send("PUB pub.x 1\r\n3\r\n")
        publisher.expect_quiet()
        leaf.expect_quiet()
        leaf.send("LS+ from.pub.z\r\n")
        leaf.drain()
        leaf.close()
        self.wait_for(lambda: server.leaf_count() == 0, "the link has ended")
        publisher.send("PUB pub.z 1\r\n4\r\n")
        publisher.expect_quiet()


    def test_overlapping_patterns_get_a_message_once(self):
        server = self.hub(settings=STREAMS, block="authorization { user: l, password: l, account: A }")
        leaf = self.join(server, user="l", **{"pass": "l"})
        leaf.send("LS+ from.pub.x\r\nLS+ from.pub.*\r\nLS+ from.pub.>\r\n")
        leaf.drain()
        publisher = self.client(server, user="b", **{"pass": "b"})
        publisher.send("PUB pub.x 1\r\n1\r\nPUB pub.y.z 1\r\n2\r\n")
        publisher.expect_quiet()
        leaf.expect_op("LMSG from.pub.x 1", b"1")
        leaf.expect_op("LMSG from.pub.y.z 1", b"2")
        leaf.send("LS- from.pub.*\r\nLS- from.pub.>\r\n")
        leaf.drain()
        publisher.send("PUB pub.x 1\r\n3\r\nPUB pub.y 1\r\n4\r\n")
        publisher.expect_quiet()
        leaf.expect_op("LMSG from.pub.x 1", b"3")
        leaf.expect_quiet()

    def test_what_is_withdrawn_while_the_import_comes_and_goes(self):
        """The hub looks again at all that the leafnode wants, in slices; some is withdrawn before its turn."""
        import_ = ', imports [ { stream: { account: B, subject: "pub.>" }, prefix: from } ]'
        without = STREAMS.replace(import_, "")
        self.assertNotEqual(without, STREAMS)
        server = self.hub(settings=STREAMS, block="authorization { user: l, password: l, account: A }")
        leaf = self.join(server, user="l", **{"pass": "l"})
        leaf.send("".join(f"LS+ from.pub.{number}\r\n" for number in range(32_000)))
        leaf.drain()
        publisher = self.client(server, user="b", **{"pass": "b"})
        for part, server.settings in enumerate([without, STREAMS, without, STREAMS]):
            withdrawn = range(part * 8_000, (part + 1) * 8_000)
            server.write_config()
            after = len(server.log.lines())
            server.send_signal(signal.SIGHUP)
            for begin in range(withdrawn.start, withdrawn.stop, 500):
                leaf.send("".join(f"LS- from.pub.{number}\r\n" for number in range(begin, begin + 500)))
            server.log.wait("Reloaded server configuration", after=after)
            leaf.drain()
            publisher.send("".join(f"PUB pub.{number} 1\r\nx\r\n" for number in range(withdrawn.stop)))
            publisher.expect_quiet()
            leaf.expect_quiet()

    def test_a_message_comes_once_whatever_of_it_is_wanted(self):
        """Plain subscriptions and groups of one leafnode: one line names all groups."""
        server = self.hub(settings=STREAMS, block="authorization { user: l, password: l, account: A }")
        leaf = self.join(server, user="l", **{"pass": "l"})
        leaf.send("LS+ from.pub.x\r\nLS+ from.pub.x g 2\r\nLS+ from.pub.* h 1\r\n")
        leaf.drain()
        publisher = self.client(server, user="b", **{"pass": "b"})
        publisher.send("PUB pub.x 1\r\n1\r\nPUB pub.x re 1\r\n2\r\nPUB pub.y 1\r\n3\r\n")
        publisher.expect_quiet()
        seen = [(op.line.replace(" h g ", " g h "), op.payload) for op in leaf.drain()]
        self.assertEqual(seen, [("LMSG from.pub.x | g h 1", b"1"), ("LMSG from.pub.x + re g h 1", b"2"),
                                ("LMSG from.pub.y | h 1", b"3")])  # fmt: skip
        leaf.send("LS- from.pub.x\r\nLS- from.pub.* h\r\n")
        leaf.drain()
        publisher.send("PUB pub.x 1\r\n4\r\nPUB pub.y 1\r\n5\r\n")
        publisher.expect_quiet()
        self.assertEqual([op.line for op in leaf.drain()], ["LMSG from.pub.x | g 1"])

    def test_members_of_leafnodes_share_imported_messages_by_weight(self):
        server = self.hub(settings=STREAMS, block="authorization { user: l, password: l, account: A }")
        light, heavy = (self.join(server, user="l", **{"pass": "l"}) for _ in range(2))
        light.send("LS+ from.pub.x g 1\r\n")
        heavy.send("LS+ from.pub.x g 1\r\nLS+ from.pub.x g 9\r\n")
        light.drain()
        heavy.drain()
        publisher = self.client(server, user="b", **{"pass": "b"})
        publisher.send("PUB pub.x 1\r\nx\r\n" * 500)
        publisher.expect_quiet()
        counts = [len([op for op in peer.drain() if op.verb == "LMSG"]) for peer in (light, heavy)]
        self.assertEqual(sum(counts), 500)
        self.assertGreater(counts[1], 5 * counts[0], counts)
        at_home = self.client(server, user="a", **{"pass": "a"})
        at_home.send("SUB from.pub.x g 1\r\n")
        at_home.expect_quiet()
        publisher.send("PUB pub.x 1\r\nx\r\n" * 20)
        at_home.expect("MSG from.pub.x 1 1\r\nx\r\n" * 20)  # a client of this server comes first

    def test_each_import_brings_what_is_its_own(self):
        imports = ", ".join(f"{{ stream: {{ account: B, subject: {subject} }}{to} }}" for subject, to in
                            (('"ev.*"', ""), ('"w.>"', ""), ("one", ", to: ev.one")))  # fmt: skip
        server = self.hub(settings=f"""accounts {{
              A {{ users [ {{ user: a, password: a }} ], imports [ {imports} ] }}
              B {{ users [ {{ user: b, password: b }} ], exports [ {{ stream: ">" }} ] }} }}""",
                          block="authorization { user: l, password: l, account: A }")  # fmt: skip
        leaf = self.join(server, user="l", **{"pass": "l"})
        leaf.send("LS+ >\r\nLS+ ev.* g 1\r\n")
        leaf.drain()
        publisher = self.client(server, user="b", **{"pass": "b"})
        publisher.send("".join(f"PUB {subject} 1\r\nx\r\n" for subject in ("ev.1", "w.1.2", "one", "two", "ev.1.2")))
        publisher.expect_quiet()
        self.assertEqual([op.line for op in leaf.drain()], ["LMSG ev.1 | g 1", "LMSG w.1.2 1", "LMSG ev.one | g 1"])

    def test_an_import_that_is_taken_out_is_not_wanted_any_more(self):
        server = self.hub(settings=ACCOUNTS, block="authorization { user: l, password: l, account: A }")
        leaf = self.join(server, user="l", **{"pass": "l"})
        self.assertIn("LS+ svc.*", [op.line for op in leaf.announced])
        server.settings = ACCOUNTS.replace(
            'imports [ { service: { account: B, subject: "svc.*" } } ]', "")  # fmt: skip
        server.write_config()
        server.send_signal(signal.SIGHUP)
        leaf.expect_ops("LS- svc.*")
        server.settings = ACCOUNTS
        server.write_config()
        server.send_signal(signal.SIGHUP)
        leaf.expect_ops("LS+ svc.*")


class SystemTest(LeafCase):
    ACCOUNTS = ("system_account: SYS\nno_auth_user: a\naccounts {\n  SYS { users [ {user: sys, password: s} ] }\n"
                "  A { users [ {user: a, password: a} ] }\n}")  # fmt: skip

    def test_events_pass_between_system_accounts(self):
        accounts = self.ACCOUNTS
        hub = self.hub(settings=accounts, block="authorization { user: l, password: l, account: SYS }")
        url = f"nats-leaf://l:l@127.0.0.1:{hub.leaf_port}"
        spoke = self.leaf_server(1, "L", settings=accounts, listen=False, remotes=[f'url: "{url}", account: SYS'])
        self.wait_for(lambda: spoke.leaf_count() == 1, "the link")
        watcher = self.client(hub, user="sys", **{"pass": "s"})
        watcher.send("SUB $SYS.ACCOUNT.A.CONNECT 1\r\n")
        watcher.expect_quiet()
        at_leaf = self.client(spoke, user="sys", **{"pass": "s"})
        self.sync(watcher, at_leaf)
        self.client(spoke, user="a", **{"pass": "a"})
        seen = b""
        while b'"name":"L"' not in seen:
            line = watcher.read_line()
            seen = watcher.read(int(line.split()[-1]) + 2)

    def test_events_of_leafnodes(self):
        hub = self.hub(settings=self.ACCOUNTS)
        watcher = self.client(hub, user="sys", **{"pass": "s"})
        watcher.send("SUB $SYS.ACCOUNT.A.CONNECT 2\r\nSUB $SYS.ACCOUNT.A.DISCONNECT 3\r\n")
        watcher.expect_quiet()
        leaf = self.join(hub, user="a", name="edge", **{"pass": "a"})
        leaf.close()
        for sid in (b"2", b"3"):
            line = watcher.read_line().split()
            event = json.loads(watcher.read(int(line[-1]) + 2))
            self.assertEqual((line[2], event["client"]["kind"], event["client"]["name"], event["client"]["acc"]),
                             (sid, "Leafnode", "edge", "A"))  # fmt: skip

    def test_another_account_hears_nothing_of_the_system(self):
        hub, spoke = self.pair()
        watcher = self.client(hub)
        watcher.send("SUB $SYS.> 1\r\n")
        watcher.expect_quiet()
        at_leaf = self.client(spoke)
        self.sync(watcher, at_leaf)
        self.client(spoke).close()
        self.sync(watcher, at_leaf)
        watcher.expect_quiet()


class ReloadTest(LeafCase):
    def test_remotes_come_and_go(self):
        one, two = self.hub(name="H1"), self.hub(name="H2")
        spoke = self.spoke(one)
        spoke.remotes = [f'url: "{one.leaf_url}"', f'url: "{two.leaf_url}"']
        spoke.write_config()
        spoke.send_signal(signal.SIGHUP)
        self.wait_for(lambda: spoke.leaf_count() == 2, "both links")
        kept = [leaf["id"] for leaf in spoke.get("/leafz")["leafs"] if leaf["name"] == "H1"]
        spoke.remotes = [f'url: "{two.leaf_url}"']
        spoke.write_config()
        spoke.send_signal(signal.SIGHUP)
        self.wait_for(lambda: [leaf["name"] for leaf in spoke.get("/leafz")["leafs"]] == ["H2"], "the other link")
        self.wait_for(lambda: one.leaf_count() == 0, "the hub has lost it")
        self.assertEqual(len(kept), 1)

    def test_the_first_remote_comes_by_a_reload(self):
        hub = self.hub()
        spoke = self.spoke(settings='cluster { name: L, listen: "127.0.0.1:-1" }')
        for remotes, count in (([f'url: "{hub.leaf_url}"'], 1), ([], 0), ([f'url: "{hub.leaf_url}"'], 1)):
            spoke.remotes = remotes
            spoke.write_config()
            spoke.send_signal(signal.SIGHUP)
            self.wait_for(lambda wanted=count: hub.leaf_count() == wanted, f"{count} links")
        if not spoke.kind.is_go:
            spoke.log.wait(r'Reloaded: LeafNode Remote urls=\["nats-leaf://127.0.0.1:\d+"\], account="\$G" added')

    def test_the_first_remote_of_a_server_without_links_needs_a_restart(self):
        hub, spoke = self.hub(), self.spoke()
        if spoke.kind.is_go:
            self.skipTest("it dials it")
        spoke.remotes = [f'url: "{hub.leaf_url}"']
        spoke.write_config()
        spoke.send_signal(signal.SIGHUP)
        spoke.log.wait("config reload not supported for LeafNode: the server was started without cluster")
        self.check_serves(spoke)

    def test_a_remote_is_switched_off_and_on(self):
        hub, spoke = self.pair()
        url = spoke.remotes[0]
        for text, count in ((url + ", disabled: true", 0), (url, 1)):
            spoke.remotes = [text]
            spoke.write_config()
            spoke.send_signal(signal.SIGHUP)
            self.wait_for(lambda wanted=count: hub.leaf_count() == wanted, text)
        spoke.remotes = [url + ", deny_imports: x"]
        spoke.write_config()
        spoke.send_signal(signal.SIGHUP)
        spoke.log.wait("config reload not supported for LeafNode: remote urls=.*DenyImports")
        self.assertEqual(hub.leaf_count(), 1)

    def test_a_lame_duck_sends_its_leafnodes_away(self):
        one = self.hub(name="H1", settings='lame_duck_grace_period: "100ms"\nlame_duck_duration: "30s"')
        two = self.hub(name="H2")
        spoke = self.leaf_server(1, "L", listen=False, block='reconnect: "100ms"',
                                 remotes=[f'urls: ["{one.leaf_url}", "{two.leaf_url}"], no_randomize: true'])
        self.wait_for(lambda: one.leaf_count() == 1, "the link")
        one.send_signal(signal.SIGUSR2)
        self.wait_for(lambda: two.leaf_count() == 1, "the other hub")
        self.assertEqual(one.wait_exit(), 0)
        self.assertEqual(spoke.leaf_count(), 1)

    def test_a_user_that_has_gone_loses_its_leafnode(self):
        users = "authorization {{ users [ {{ user: keep, password: k }}, {{ user: {}, password: g }} ] }}"
        hub = self.hub(settings=users.format("gone"))
        kept = self.join(hub, user="keep", **{"pass": "k"})
        gone = self.join(hub, user="gone", **{"pass": "g"})
        hub.settings = users.format("other")
        hub.write_config()
        hub.send_signal(signal.SIGHUP)
        gone.expect_error("Authorization Violation")
        kept.expect_quiet()

    def test_an_unrelated_reload_leaves_the_links_alone(self):
        hub, spoke = self.pair()
        before = spoke.get("/leafz")["leafs"][0]
        for server in (hub, spoke):
            server.settings += "\nmax_connections: 500\n"
            server.write_config()
            server.send_signal(signal.SIGHUP)
            server.log.wait("Reloaded")
        self.assertEqual(spoke.get("/leafz")["leafs"][0]["port"], before["port"])
        self.assertEqual(spoke.leaf_count(), 1)


if __name__ == "__main__":
    leafnodes.main()
