#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The side that accepts leafnodes, against a spoke written by hand: the order of the wire, who may enter, what is
refused and with which words."""

import hashlib
import json
import signal

from support import leafnodes
from support.case import differs
from support.leafnodes import LeafCase
from support.nkeys import Key, base64url

OLD = {"version": None, "server_id": None, "cluster": None, "headers": None}  # what 2.0.0-RC19 says nothing of


class SharedHub(LeafCase):
    settings = ""
    block = ""

    def setUp(self):
        self.server = self.shared(lambda: self.hub(settings=self.settings, block=self.block))
        self.wait_alone(self.server)

    def refuse(self, text, before=None, **fields):
        """A CONNECT with these fields is answered with that error."""
        peer = self.dial(self.server)
        peer.read_info()
        peer.send_connect(**fields)
        peer.expect_error(text)
        return peer


class HandshakeTest(SharedHub):
    def test_info_comes_alone_and_says_what_a_leafnode_needs(self):
        peer = self.dial(self.server)
        info = peer.read_info()
        self.assertEqual(info["server_name"], "H")
        self.assertEqual(info["leafnode_urls"], [f"127.0.0.1:{self.server.leaf_port}"])
        self.assertEqual(info["ip"], f"127.0.0.1:{self.server.leaf_port}")
        for key in ("auth_required", "headers", "info_on_connect"):
            self.assertIs(info[key], True, key)
        self.assertGreater(info["client_id"], 0)
        self.assertEqual(len(info["nonce"]), 15)
        self.assertNotIn("cluster", info)
        self.assertEqual(info["compression"], "s2_auto")
        peer.send_connect()
        second = peer.read_op(own=True)
        self.assertEqual(second.verb, "INFO")
        self.assertIs(second.json["connect_info"], True)
        self.assertEqual(second.json["remote_account"], "$G")
        self.assertNotIn("nonce", second.json)
        self.assertNotIn("import", second.json)
        self.assertEqual(peer.read_op(own=True).verb, "LS+")

    def test_interest_is_announced_before_the_answer_to_a_ping(self):
        client = self.client(self.server)
        client.send("SUB known.a 1\r\nSUB known.b q 2\r\nSUB known.b q 3\r\n")
        client.expect_quiet()
        peer = self.join(self.server)
        self.assertEqual(sorted(op.line for op in peer.announced if "known" in op.line),
                         ["LS+ known.a", "LS+ known.b q 2"])  # fmt: skip
        self.assertEqual(len(peer.loop_subjects()), 1)
        client.close()

    def test_an_old_leafnode(self):
        """It names nothing but its id, and knows no headers."""
        peer = self.join(self.server, **OLD, name="NOLD")
        client = self.client(self.server)
        peer.send("LS+ old\r\n")
        peer.drain()
        client.send("HPUB old 12 14\r\nNATS/1.0\r\n\r\nhi\r\nPUB old re 2\r\nyo\r\n")
        peer.expect_op("LMSG old 2", b"hi")
        peer.expect_op("LMSG old re 2", b"yo")

    def test_nothing_but_connect_before_the_login(self):
        for said in ("PING\r\n", "LS+ foo\r\n", "LMSG foo 1\r\nx\r\n", "LMSG foo 999999999\r\nx",
                     "INFO {}\r\nINFO {}\r\n", "PONG\r\n"):
            with self.subTest(said):
                peer = self.dial(self.server)
                peer.read_info()
                peer.send(said)
                peer.expect_error("Authorization Violation")

    def test_others_at_the_wrong_port(self):
        self.refuse("attempted to connect to leaf node port", lang="go")
        self.refuse('Rejecting connection from gateway "GG" on the leafnode port', gateway="GG")

    def test_a_cluster_name_that_is_more_than_a_word(self):
        """It stands in lines to other servers of the hub's cluster: a line end would bring lines of its own."""
        for name in ("a b", "a\tb", "a\r\nRMSG $SYS x 0\r\n\r\nLS+ a"):
            self.refuse("cluster name cannot contain spaces", cluster=name)

    def test_a_cluster_name_that_stands_for_none(self):
        """Among the lines to other servers of the hub's cluster, `_` is for leafnodes without a cluster."""
        self.refuse("cluster name is reserved", cluster="_")

    def test_a_cluster_name_that_is_long(self):
        """It stands in each line for other servers, and beside each subscription."""
        self.join(self.server, name="spoke", cluster="x" * 255).drain()
        self.refuse("cluster name is too long", cluster="x" * 256)

    def test_a_message_that_is_too_large_is_refused_when_it_begins(self):
        peer = self.join(self.server)
        peer.send("LMSG foo 999999999\r\nx")
        peer.expect_error("Maximum Payload Violation")

    def test_a_newer_connection_of_the_same_server_replaces_the_older(self):
        twin = {"name": "twin", "cluster": "twins", "remote_account": "A"}
        old = self.join(self.server, **twin)
        others = [self.join(self.server, **{**twin, key: "other"}) for key in ("name", "cluster", "remote_account")]
        new = self.join(self.server, **twin)
        old.expect_error("Duplicate Remote LeafNode Connection")
        for peer in (new, *others):
            peer.drain()
        self.server.log.wait("Replacing connection from same server")

    def test_links_of_a_server_that_names_no_account_do_not_replace_each_other(self):
        """They may be of several accounts there: each replaced one would come again and replace the other."""
        links = [self.join(self.server, name="old", cluster="old") for _ in range(2)]
        for peer in links:
            peer.drain()

    def test_bad_lines(self):
        for said, error in (("BOGUS\r\n", "Unknown Protocol Operation"), ("RS+ $G a\r\n", "Unknown Protocol Operation"),
                            ("A+ $G\r\n", "Unknown Protocol Operation"), ("LS+ foo q\r\n", None),
                            ("LMSG foo x\r\n", None), ("LMSG foo ! a q 1\r\n", None)):  # fmt: skip
            with self.subTest(said):
                peer = self.join(self.server)
                peer.send(said)
                if error:
                    peer.expect_error(error)
                else:
                    self.assertNotIn("-ERR", [op.verb for op in peer.read_until_end()])
        self.check_serves(self.server)

    def test_its_own_loop_subject_is_a_loop(self):
        peer = self.join(self.server)
        peer.send(f"LS+ {peer.loop_subjects()[0]}\r\n")
        peer.expect_error('Loop detected for leafnode account="$G". Delaying attempt to reconnect for 30s')


class InterestTest(SharedHub):
    def test_forms_of_interest_and_messages(self):
        peer, client = self.join(self.server), self.client(self.server)
        client.send("SUB i.a 1\r\n")
        peer.expect_op("LS+ i.a")
        for change, line in (("SUB i.q g 2", "LS+ i.q g 1"), ("SUB i.q g 3", "LS+ i.q g 2"), ("UNSUB 2", "LS+ i.q g 1"),
                             ("UNSUB 3", "LS- i.q g"), ("UNSUB 1", "LS- i.a")):  # fmt: skip
            client.send(change + "\r\n")
            peer.expect_op(line)
        peer.send("LS+ m.a\r\nLS+ m.q g 2\r\n")
        peer.drain()
        client.send("PUB m.a 1\r\n1\r\nPUB m.a re 1\r\n2\r\nPUB m.q 1\r\n3\r\nPUB m.q re 1\r\n4\r\n"
                    "HPUB m.q re 12 13\r\nNATS/1.0\r\n\r\n5\r\n")  # fmt: skip
        peer.expect_op("LMSG m.a 1", b"1")
        peer.expect_op("LMSG m.a re 1", b"2")
        peer.expect_op("LMSG m.q | g 1", b"3")
        peer.expect_op("LMSG m.q + re g 1", b"4")
        peer.expect_op("HMSG m.q + re g 12 13", b"NATS/1.0\r\n\r\n5")

    def test_messages_of_a_leafnode(self):
        peer, client = self.join(self.server), self.client(self.server)
        client.send("SUB n.> 1\r\nSUB n.q g 2\r\n")
        client.expect_quiet()
        peer.send("LMSG n.a 1\r\n1\r\nLMSG n.a re 1\r\n2\r\nLMSG n.q 1\r\n3\r\nLMSG n.q | g other 1\r\n4\r\n"
                  "HMSG n.a re 12 13\r\nNATS/1.0\r\n\r\n5\r\n")  # fmt: skip
        client.expect("MSG n.a 1 1\r\n1\r\nMSG n.a 1 re 1\r\n2\r\nMSG n.q 1 1\r\n3\r\n")
        client.expect("MSG n.q 1 1\r\n4\r\nMSG n.q 2 1\r\n4\r\n")
        client.expect("HMSG n.a 1 re 12 13\r\nNATS/1.0\r\n\r\n5\r\n")
        peer.expect_ops("LS+ n.>", "LS+ n.q g 1")
        peer.expect_quiet()

    def test_other_leafnodes_are_told_and_served_but_never_the_sender(self):
        one, two = self.join(self.server), self.join(self.server)
        one.send("LS+ o.a\r\n")
        two.expect_op("LS+ o.a")
        two.send("LS+ o.a\r\n")
        one.expect_op("LS+ o.a")
        one.send("LMSG o.a 1\r\nx\r\n")
        two.expect_op("LMSG o.a 1", b"x")
        one.expect_quiet()
        two.expect_quiet()
        two.close()
        one.expect_op("LS- o.a")

    def test_leafnodes_of_one_cluster_are_not_told_of_each_other(self):
        one, two = self.join(self.server, cluster="E"), self.join(self.server, cluster="E")
        other = self.join(self.server, cluster="F")
        one.send("LS+ e.a\r\n")
        other.expect_op("LS+ e.a")
        two.send("LS+ e.a\r\n")
        two.drain()
        one.send("LMSG e.a 1\r\nx\r\n")
        self.assertEqual([op.line for op in other.drain()], [])
        other.send("LMSG e.a 1\r\ny\r\n")
        one.expect_op("LMSG e.a 1", b"y")
        two.expect_op("LMSG e.a 1", b"y")
        one.expect_quiet()
        two.expect_quiet()

    def test_a_queue_of_the_senders_cluster_gets_nothing(self):
        one, two = self.join(self.server, cluster="E"), self.join(self.server, cluster="E")
        other = self.join(self.server, cluster="F")
        two.send("LS+ qe.a g 9\r\n")
        other.send("LS+ qe.a g 1\r\n")
        two.drain()
        other.drain()
        one.send("LMSG qe.a | g 1\r\nx\r\n" * 30)
        one.drain()
        self.assertEqual([op.line for op in other.drain() if op.verb == "LMSG"], ["LMSG qe.a | g 1"] * 30)
        self.assertEqual([op.line for op in two.drain() if op.verb == "LMSG"], [])

    def test_a_request_to_jetstream_comes_in(self):
        peer, client = self.join(self.server), self.client(self.server)
        client.send("SUB $JS.API.> 1\r\n")
        client.expect_quiet()
        peer.expect_quiet()  # which is not announced
        peer.send("LMSG $JS.API.INFO 1\r\nx\r\n")
        client.expect("MSG $JS.API.INFO 1 1\r\nx\r\n")

    def test_an_isolated_leafnode_is_not_told_of_others(self):
        isolated, other, client = self.join(self.server, isolate=True), self.join(self.server), self.client(self.server)
        other.send("LS+ z.a\r\n")
        other.drain()
        client.send("SUB z.b 1\r\n")
        isolated.expect_op("LS+ z.b")
        isolated.send("LMSG z.a 1\r\nx\r\n")
        other.expect_op("LS+ z.b")
        other.expect_op("LMSG z.a 1", b"x")

    def test_weights_replace_each_other(self):
        peer, other = self.join(self.server), self.join(self.server)
        peer.send("LS+ w.a g 3\r\n")
        other.expect_op("LS+ w.a g 3")
        peer.send("LS+ w.a g 1\r\n")
        other.expect_op("LS+ w.a g 1")
        peer.send("LS- w.a g\r\nLS- w.a g\r\n")
        other.expect_op("LS- w.a g")
        other.expect_quiet()

    def test_a_client_of_the_hub_is_asked_before_a_leafnode(self):
        peer, client = self.join(self.server), self.client(self.server)
        peer.send("LS+ c.a g 5\r\n")
        peer.drain()
        client.send("SUB c.a g 1\r\n" + "PUB c.a 1\r\nx\r\n" * 20)
        client.expect("MSG c.a 1 1\r\nx\r\n" * 20)
        peer.expect_op("LS+ c.a g 1")
        peer.expect_quiet()

    def test_members_of_leafnodes_share_by_weight(self):
        light, heavy, client = self.join(self.server), self.join(self.server), self.client(self.server)
        light.send("LS+ share g 1\r\n")
        heavy.send("LS+ share g 9\r\n")
        light.drain()
        heavy.drain()
        client.send("PUB share 1\r\nx\r\n" * 500)
        client.expect_quiet()
        counts = [len([op for op in peer.drain() if op.verb == "LMSG"]) for peer in (light, heavy)]
        self.assertEqual(sum(counts), 500)
        self.assertGreater(counts[1], 5 * counts[0], counts)
        self.assertGreater(counts[0], 10, counts)


class LimitsTest(LeafCase):
    def test_a_message_beyond_max_payload_ends_the_link(self):
        server = self.hub(settings="max_payload: 100")
        peer = self.join(server)
        peer.send(f"LMSG a 101\r\n{'x' * 101}\r\n")
        peer.expect_error("Maximum Payload Violation")
        server.log.wait("maximum payload exceeded: 101 vs 100")

    def hub_and_system(self, limits):
        """A server whose account A has these limits, and a client in its system account."""
        server = self.hub(settings=f"""system_account: SYS
            accounts {{ A {{ users [{{user: a, password: a}}], limits {{ {limits} }} }}
                       SYS {{ users [{{user: sys, password: s}}] }} }}
            cluster {{ name: C, listen: "127.0.0.1:-1" }}""")  # fmt: skip
        return server, self.client(server, user="sys", **{"pass": "s"})

    def announce(self, system, clients, leafnodes):
        """Another server says how many connections it has in account A."""
        body = json.dumps({"server": {"id": "NOTHER"}, "acc": "A", "conns": clients, "leafnodes": leafnodes})
        system.send(f"PUB $SYS.ACCOUNT.A.SERVER.CONNS {len(body)}\r\n{body}\r\n")
        system.expect_quiet()

    def test_an_account_has_as_many_leafnodes_as_it_may(self):
        server = self.hub(settings='accounts { A { users [{user: a, password: a}], limits { max_leafnodes: 1 } } }')
        self.join(server, user="a", **{"pass": "a"})
        second = self.dial(server)
        second.read_info()
        second.send_connect(user="a", **{"pass": "a"})
        second.expect_error("maximum account active connections exceeded")

    def test_leafnodes_on_other_servers_count(self):
        server, system = self.hub_and_system("max_leafnodes: 2")

        def join():
            return self.join(server, user="a", **{"pass": "a"})

        old, young = join(), join()
        self.announce(system, clients=0, leafnodes=1)
        young.expect_error("maximum account active connections exceeded")
        old.expect_quiet()
        third = self.dial(server)
        third.read_info()
        third.send_connect(user="a", **{"pass": "a"})
        third.expect_error("maximum account active connections exceeded")
        system.send("PUB $SYS.SERVER.NOTHER.SHUTDOWN 2\r\n{}\r\n")
        system.expect_quiet()
        join()
        old.expect_quiet()

    def test_leafnodes_count_among_the_connections_of_an_account(self):
        server = self.hub(
            settings="accounts { A { users [{user: a, password: a}], limits { max_connections: 2 } } }")  # fmt: skip
        login = {"user": "a", "pass": "a"}
        leafnode = self.join(server, **login)
        first = self.client(server, **login)
        second = self.wire(server)
        second.read_info()
        second.send(f"CONNECT {json.dumps(login)}\r\n")
        second.expect("-ERR 'maximum account active connections exceeded'\r\n")
        self.join(server, **login)  # it has a limit of its own
        first.close()
        leafnode.close()
        self.wait_for(lambda: server.leaf_count() == 1, "one leafnode is left")
        # The server may notice the end of a client later than that of a leafnode.
        self.wait_for(lambda: server.get("/varz")["connections"] == 0, "the client has gone")
        self.client(server, **login).expect_quiet()

    @differs("2.9.10", "it closes nobody")
    def test_the_youngest_go_be_they_clients_or_leafnodes(self):
        """Connections on other servers are clients only."""
        server, system = self.hub_and_system("max_connections: 4")
        login = {"user": "a", "pass": "a"}
        old_leafnode, old_client = self.join(server, **login), self.client(server, **login)
        young_leafnode, young_client = self.join(server, **login), self.client(server, **login)
        self.announce(system, clients=0, leafnodes=9)
        self.announce(system, clients=1, leafnodes=9)
        young_client.expect("-ERR 'maximum account active connections exceeded'\r\n")
        self.announce(system, clients=2, leafnodes=0)
        young_leafnode.expect_error("maximum account active connections exceeded")
        old_leafnode.expect_quiet()
        old_client.expect_quiet()

    def test_an_old_version_is_told_what_is_wanted(self):
        server = self.hub(block='min_version: "2.8.0"')
        for version in ("2.7.4", None):
            peer = self.dial(server)
            peer.read_info()
            peer.send_connect(version=version)
            peer.expect_error('connection rejected since minimum version required is "2.8.0"')
        self.join(server, version="2.8.0")

    def test_a_silent_stranger(self):
        server = self.hub(block="authorization { timeout: 0.3 }")
        peer = self.dial(server)
        peer.read_info()
        peer.expect_error("Authentication Timeout")


ACCOUNTS = """
accounts {
  A { users [ { user: a, password: a } ] }
  B { users [ { user: b, password: b, permissions {
        publish { allow: ["up.>"], deny: ["up.no"] }, subscribe { allow: ["down.>"] } } },
      { user: free, password: b } ] }
}
"""


class OwnUsersTest(SharedHub):
    """Users of the leafnodes block."""

    settings = ACCOUNTS
    block = 'authorization { users [ { user: la, pass: "s3cret", account: A }, { user: lg, pass: x } ] }'

    def test_the_user_decides_on_the_account(self):
        peer = self.join(self.server, user="la", **{"pass": "s3cret"})
        self.assertEqual(peer.confirmed["remote_account"], "A")
        client = self.client(self.server, user="a", **{"pass": "a"})
        client.send("SUB acc 1\r\n")
        peer.expect_op("LS+ acc")
        peer.send("LMSG acc 1\r\nx\r\n")
        client.expect("MSG acc 1 1\r\nx\r\n")
        self.assertEqual(self.join(self.server, user="lg", **{"pass": "x"}).confirmed["remote_account"], "$G")

    def test_others_stay_out(self):
        for user, password in (("la", "wrong"), ("la", None), (None, None), ("a", "a"), ("", "")):
            with self.subTest(user):
                self.refuse("Authorization Violation", user=user, **{"pass": password})
        self.assertNotIn("s3cret", self.server.log.text())


class ClientUsersTest(SharedHub):
    """Without users of its own the block takes those of clients, with their permissions."""

    settings = ACCOUNTS

    def user(self):
        return self.join(self.server, user="b", **{"pass": "b"})

    def test_permissions_are_stated_from_the_leafnodes_view(self):
        self.assertEqual(self.user().confirmed["export"], {"allow": ["up.>"], "deny": ["up.no"]})
        self.assertEqual(self.user().confirmed["import"], {"allow": ["down.>"]})
        self.assertEqual(self.user().confirmed["remote_account"], "B")

    def test_a_user_who_has_gone_since_the_info_stays_out(self):
        server = self.hub(settings=ACCOUNTS)
        late, welcome = self.dial(server), self.dial(server)
        for peer in (late, welcome):
            peer.read_info()
        server.settings = ACCOUNTS.replace("user: a, password: a", "user: a2, password: a")
        mark = len(server.log.lines())
        server.write_config()
        server.send_signal(signal.SIGHUP)
        server.log.wait("Reloaded server configuration", after=mark)
        late.send_connect(user="a", **{"pass": "a"})
        late.expect_error("Authorization Violation")
        welcome.send_connect(user="a2", **{"pass": "a"})
        self.assertEqual(welcome.read_verb("INFO").json["remote_account"], "A")

    def test_what_is_beyond_them_ends_the_link(self):
        peer = self.user()
        peer.send("LS+ other\r\n")
        peer.expect_error('Permissions Violation for Subscription to "other"')
        for subject in ("other", "up.no"):
            client = self.client(self.server, user="b", **{"pass": "b"})
            peer = self.user()
            peer.send(f"LMSG {subject} 1\r\nx\r\n")
            peer.expect_error(f'Permissions Violation for Publish to "{subject}"')
            client.close()

    def test_wider_interest_is_filtered(self):
        peer = self.user()
        peer.send("LS+ >\r\nLS+ down.a\r\n")
        peer.drain()
        client = self.client(self.server, user="b", **{"pass": "b"})
        client.send("SUB down.x 1\r\nPUB up.a 1\r\n1\r\n")
        client.expect_quiet()
        peer.send("LMSG up.b 1\r\nx\r\n")
        peer.expect_quiet()

    def test_answers_to_services_are_asked_for(self):
        peer, client = self.user(), self.client(self.server, user="free", **{"pass": "b"})
        client.send("SUB _R_.x.y 1\r\n")
        client.expect_quiet()
        peer.send("LMSG _R_.x.y 1\r\nx\r\n")
        client.expect("MSG _R_.x.y 1 1\r\nx\r\n")

    def test_nobody_without_credentials(self):
        self.refuse("Authorization Violation")


class ResponsesTest(SharedHub):
    """allow_responses without a list: nothing but answers comes up, as often as is allowed."""

    settings = """accounts { B { users = [
        { user: b, password: b, permissions: { subscribe: "ask.>", allow_responses: { max: 2, expires: "1m" } } }
        { user: free, password: b } ] } }"""

    def test_answers_to_requests(self):
        peer, client = self.join(self.server, user="b", **{"pass": "b"}), \
            self.client(self.server, user="free", **{"pass": "b"})  # fmt: skip
        client.send("SUB in.> 1\r\n")
        peer.send("LS+ ask.me\r\n")
        peer.expect_op("LS+ in.>")
        peer.expect_quiet()
        client.send("PUB ask.me in.box 1\r\n?\r\n")
        peer.expect_op("LMSG ask.me in.box 1", b"?")
        peer.send("LMSG in.box 1\r\n1\r\nLMSG in.box 1\r\n2\r\n")
        client.expect("MSG in.box 1 1\r\n1\r\nMSG in.box 1 1\r\n2\r\n")
        peer.send("LMSG in.box 1\r\n3\r\n")
        peer.expect_error('Permissions Violation for Publish to "in.box"')
        client.expect_quiet()

    def test_nothing_else(self):
        peer = self.join(self.server, user="b", **{"pass": "b"})
        peer.send("LMSG any 1\r\n1\r\n")
        peer.expect_error('Permissions Violation for Publish to "any"')


class DeniedMemberTest(SharedHub):
    """A group picks among those members that may have the message."""

    settings = """accounts { B { users = [
        { user: some, password: b, permissions: { subscribe: { allow: ["w.>"], deny: ["w.no"] } } }
        { user: free, password: b } ] } }"""

    def test_the_other_one_gets_all(self):
        some = self.join(self.server, user="some", **{"pass": "b"})
        free, client = (make(self.server, user="free", **{"pass": "b"}) for make in (self.join, self.client))
        some.send("LS+ w.* g 5\r\n")
        free.send("LS+ w.* g 1\r\n")
        some.drain()
        free.drain()
        client.send("PUB w.no 1\r\nx\r\n" * 50)
        client.expect_quiet()
        self.assertEqual(len([op for op in free.drain() if op.verb == "LMSG"]), 50)
        some.drain()
        client.send("PUB w.yes 1\r\nx\r\n" * 60)
        client.expect_quiet()
        counts = [len([op for op in peer.drain() if op.verb == "LMSG"]) for peer in (some, free)]
        self.assertEqual(sum(counts), 60)
        self.assertGreater(counts[0], counts[1])


class IsolatedBlockTest(SharedHub):
    block = "isolate_leafnode_interest: true"

    def test_all_leafnodes_are_isolated(self):
        one, two, client = self.join(self.server), self.join(self.server), self.client(self.server)
        self.assertEqual([leaf.get("is_isolated") for leaf in self.server.get("/leafz")["leafs"]], [True, True])
        self.assertEqual(len(one.loop_subjects()), 1)  # the hub's own
        one.send("LS+ z.a\r\nLS+ $LDS.another\r\n")
        one.drain()
        client.send("SUB z.b 1\r\n")
        two.expect_op("LS+ z.b")
        two.send("LMSG z.a 1\r\nx\r\n")
        one.expect_op("LS+ z.b")
        one.expect_op("LMSG z.a 1", b"x")
        self.assertNotIn("LS+ $LDS.another", [op.line for op in two.drain(own=True)])


class ClosedTest(SharedHub):
    def test_a_leafnode_that_has_gone_is_listed_with_its_reason(self):
        peer = self.join(self.server, name="gone")
        peer.send("LS+ gone.a\r\n")
        peer.drain()
        peer.send("BOGUS\r\n")
        peer.read_until_end()
        self.wait_alone(self.server)
        page = self.server.get("/connz?state=closed&subs=1")
        (entry,) = [each for each in page["connections"] if each["name"] == "gone"]
        self.assertEqual((entry["kind"], entry["reason"]), ("Leafnode", "Parse Error"))
        self.assertEqual((entry["subscriptions"], entry["subscriptions_list"]), (1, ["gone.a"]))
        self.assertIn("stop", entry)


def gateway_hash(text):
    """What stands for a cluster or a server in the reply subject of a request through gateways."""
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    return "".join(digits[byte % 62] for byte in hashlib.sha256(text.encode()).digest()[:6])


class AllowedQueuesTest(SharedHub):
    settings = """accounts { B { users = [
        { user: b, password: b, permissions: { subscribe: ["down.>", "work.* crew"] } } ] } }"""

    def test_an_allowed_queue_allows_a_leafnode_nothing(self):
        for interest in ("work.a", "work.a crew 1"):
            peer = self.join(self.server, user="b", **{"pass": "b"})
            peer.send(f"LS+ {interest}\r\n")
            peer.expect_error('Permissions Violation for Subscription to "work.a"')


class GatewayAnswersTest(SharedHub):
    """A hub that has gateways, too: leafnodes answer requests of other clusters."""

    settings = ACCOUNTS + "gateway { name: G, listen: 127.0.0.1:-1 }"

    def test_an_answer_for_this_server(self):
        peer = self.join(self.server, user="b", **{"pass": "b"})
        client = self.client(self.server, user="free", **{"pass": "b"})
        self.assertIn("LS+ _GR_.>", [op.line for op in peer.dump])
        client.send("SUB up.x 1\r\nSUB other 2\r\n")
        client.expect_quiet()
        prefix = f"_GR_.{gateway_hash('G')}.{gateway_hash(peer.info['server_id'])}."
        peer.send(f"LMSG {prefix}up.x 1\r\nx\r\n")
        client.expect("MSG up.x 1 1\r\nx\r\n")
        peer.send(f"LMSG {prefix}other 1\r\nx\r\n")
        peer.expect_error('Permissions Violation for Publish to "other"')
        client.expect_quiet()

    def test_an_answer_for_nobody(self):
        peer = self.join(self.server, user="b", **{"pass": "b"})
        peer.send("LMSG _GR_.abcdef.abcdef.up.x 1\r\nx\r\n")
        peer.expect_quiet()
        peer.send("LMSG _GR_.abcdef.abcdef.other 1\r\nx\r\n")
        peer.expect_error('Permissions Violation for Publish to "other"')


class AnswersPassedOnTest(LeafCase):
    """A server between two leafnode connections has no gateway to the cluster that waits for the answer."""

    def test_clients_do_not_see_the_mapped_subject(self):
        server = self.hub()
        far, asks, listens = self.join(server), self.join(server), self.client(server)
        asks.send("LS+ _GR_.>\r\n")
        asks.expect_quiet()
        listens.send("SUB > 1\r\n")
        listens.expect_quiet()
        asks.drain()
        far.send("LMSG _GR_.abcdef.ghijkl.r.1 1\r\nx\r\n")
        far.drain()
        self.assertEqual(asks.read_op().line, "LMSG _GR_.abcdef.ghijkl.r.1 1")
        if server.kind.is_go:
            listens.expect_message("_GR_.abcdef.ghijkl.r.1", 1, b"x")
        listens.expect_quiet()

    def test_one_that_nobody_asks_for(self):
        server = self.hub()
        peer, client = self.join(server), self.client(server)
        peer.send("LMSG _GR_.abcdef.ghijkl.r.1 1\r\nx\r\n")
        peer.expect_quiet()
        client.expect_quiet()


class MappingTest(LeafCase):
    def test_messages_of_a_leafnode_are_mapped_as_those_of_clients(self):
        server = self.hub(settings='mappings { "src.*": "dst.$1" }')
        peer, client = self.join(server), self.client(server)
        self.assertIn("LS+ src.*", [op.line for op in peer.announced])
        client.send("SUB dst.a 1\r\nSUB src.a 2\r\n")
        client.expect_quiet()
        peer.send("LMSG src.a 1\r\nx\r\n")
        client.expect("MSG dst.a 1 1\r\nx\r\n")
        client.expect_quiet()
        server.settings = ""
        server.write_config()
        server.send_signal(signal.SIGHUP)
        peer.expect_ops("LS+ dst.a", "LS+ src.a", "LS- src.*")
        peer.send("LMSG src.a 1\r\ny\r\n")
        client.expect("MSG src.a 2 1\r\ny\r\n")

    def test_mapped_messages_reach_queue_groups(self):
        """Of which the leafnode knows nothing: it is told of the first subject alone."""
        server = self.hub(settings='mappings { "src.*": "dst.$1" }')
        peer, client = self.join(server), self.client(server)
        client.send("SUB dst.a g 1\r\nSUB src.b g 2\r\nSUB other g 3\r\n")
        client.expect_quiet()
        peer.send("LMSG src.a 1\r\nx\r\nLMSG other 1\r\ny\r\nLMSG src.a 1\r\nz\r\n")
        client.expect("MSG dst.a 1 1\r\nx\r\nMSG dst.a 1 1\r\nz\r\n")
        client.expect_quiet()


class NkeyTest(LeafCase):
    def test_a_signature_of_the_nonce(self):
        key = Key("user")
        server = self.hub(settings=f"authorization {{ users = [ {{ nkey: {key.public} }} ] }}")
        peer = self.dial(server)
        nonce = peer.read_info()["nonce"]
        peer.send_connect(nkey=key.public, sig=base64url(key.sign(nonce.encode())))
        self.assertIs(peer.read_op(own=True).json["connect_info"], True)
        peer = self.dial(server)
        peer.read_info()
        peer.send_connect(nkey=key.public, sig=base64url(key.sign(b"another nonce")))
        peer.expect_error("Authorization Violation")


class HostileTest(SharedHub):
    def test_a_storm_of_strangers_is_survived(self):
        strangers = [self.dial(self.server) for _ in range(300)]
        for each in strangers:
            each.send("CONNECT " + "x" * 4000)
        self.join(self.server)
        self.check_serves(self.server)

    def test_a_leafnode_that_reads_nothing_delays_nobody(self):
        server = self.hub(settings="max_pending: 1MB", name="H2")
        peer, client, other = self.join(server), self.client(server), self.client(server)
        peer.send("LS+ flood\r\n")
        peer.drain()
        other.send("SUB flood 1\r\n")
        other.expect_quiet()
        body = "x" * 65536
        for _ in range(400):
            client.send(f"PUB flood {len(body)}\r\n{body}\r\n")
            other.expect(f"MSG flood 1 {len(body)}\r\n{body}\r\n")
        server.log.wait("Slow Consumer")
        self.check_serves(server)

    def test_broken_lines_end_their_link_alone(self):
        good, client = self.join(self.server), self.client(self.server)
        for said in (b"LMSG\r\n", b"LMSG a\r\n", b"LMSG a 99999999999999999999\r\n", b"LMSG a -1\r\n",
                     b"HMSG a 10 5\r\nxxxxx\r\n", b"LMSG a 2\r\nabc\r\n", b"LS+\r\n", b"LS+ a b c d\r\n",
                     b"LS-\r\n", b"\0\xff\r\n", b"LS+ " + b"x" * (1 << 21), b"MSG a 1 1\r\nx\r\n",
                     b"SUB a 1\r\n", b"PUB a 1\r\nx\r\n", b"AB+ $G a\r\n"):  # fmt: skip
            with self.subTest(said[:20]):
                peer = self.join(self.server)
                peer.send(said)
                peer.read_until_end()
        for said in (b"LMSG a 100\r\nxyz", b"LS+ half", b"HMSG a 12 20\r\nNATS/1.0\r\n", b"L", b"CONNECT {"):
            with self.subTest(said):
                peer = self.join(self.server)
                peer.send(said)
                peer.reset()
        self.wait_for(lambda: self.server.leaf_count() == 1, "the others have gone")
        client.send("SUB still 1\r\n")
        good.expect_op("LS+ still")
        good.send("LMSG still 1\r\nx\r\n")
        client.expect("MSG still 1 1\r\nx\r\n")

    def test_what_means_nothing_is_ignored(self):
        peer = self.join(self.server)
        peer.send_connect(name="other")
        peer.send('INFO {"server_id":"NX","cluster":"H"}\r\n+OK\r\nPONG\r\nLS- never\r\nLS+ odd..subject\r\n')
        self.assertEqual([op.line for op in peer.drain()], ["-ERR 'Invalid Subscription'"])

    def test_a_flood_of_interest_is_released(self):
        peer, other = self.join(self.server), self.client(self.server)
        for first in range(0, 10000, 1000):
            peer.send("".join(f"LS+ flood.{first + i}.x\r\n" for i in range(1000)))
        peer.drain()
        self.assertGreaterEqual(self.server.get("/varz")["subscriptions"], 10000)
        peer.reset()
        self.wait_for(lambda: self.server.get("/varz")["subscriptions"] < 1000, "the interest has gone")
        self.assertFalse(other.probe("flood.7.x"))

    def test_a_write_deadline_of_its_own(self):
        server = self.hub(settings="max_pending: 500MB", block='write_deadline: "200ms"', name="H4")
        peer, client = self.join(server), self.client(server)
        peer.send("LS+ flood\r\n")
        peer.drain()
        body = "x" * 1000000
        for _ in range(20):
            client.send(f"PUB flood {len(body)}\r\n{body}\r\n")
        server.log.wait("Slow Consumer Detected: WriteDeadline of 200ms exceeded")

    def test_a_leafnode_that_answers_no_ping(self):
        server = self.hub(block='ping_interval: "100ms", ping_max: 1', name="H5")
        self.join(server)
        server.log.wait("Stale Leafnode Connection - Closing")

    def test_odd_json(self):
        for json_text in ("", "{", "[]", '{"name": 5}', '{"deny_pub": "x"}', "{" + '"a":' * 500 + "1}"):
            peer = self.dial(self.server)
            peer.read_info()
            peer.send(f"CONNECT {json_text}\r\n")
            peer.read_until_end()
        self.check_serves(self.server)
        self.assertTrue(json.dumps(self.server.get("/leafz")))


if __name__ == "__main__":
    leafnodes.main()
