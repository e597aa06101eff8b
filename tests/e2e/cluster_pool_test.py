#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Servers since 2.10 have several connections to one another, and one for each account that is pinned.

What the scripted peers say was captured from 2.10.14 and 2.15.3. ServerWithoutPoolTest is about a server that
is told to have no pools.
"""

import signal
import socket

from support import case, cluster
from support.cluster import ACCOUNTS
from support.route_peer import PeerCase, dial, new_id

POOL = {"route_pool_size": 3, "compression": "off", "lnoc": True, "version": "2.15.3", "proto": 3}
REFUSAL = 'Not possible to have a dedicated route for account "$SYS" between those servers'


class PoolCase(PeerCase):
    def setUp(self):
        if not self.kind().pools:
            self.skipTest("the server has no pools")

    def pool_member(self, *args, size=3, more="", **parts):
        return self.member(*args, cluster_settings=f"  pool_size: {size}\n{more}", **parts)

    def greet(self, peer, **fields):
        """Tells a server that has dialed what the peer is, and reads which connection this is."""
        peer.send_info(**fields)
        connect, info = peer.read_op(), peer.read_op()
        self.assertEqual((connect.verb, info.verb), ("CONNECT", "INFO"))
        peer.peer = info.json
        peer.place = peer.peer.get("route_account") or peer.peer.get("route_pool_idx", 0)
        return peer

    def accept_pool(self, listener, count=4, **fields):
        """All connections that the server dials, by their place: an index or an account."""
        identity = {"server_id": new_id(), "server_name": "scripted", **POOL, **fields}
        peers = {}
        while len(peers) < count:
            peer = listener.accept(cluster_name=self.cluster_name(), **identity)
            self.addCleanup(peer.close)
            self.greet(peer)
            peers[peer.place] = peer
            peer.dump = peer.drain()
        return peers

    def dial_pool(self, server, places=(0, 1, 2, "$SYS"), **fields):
        identity = {"server_id": new_id(), "server_name": "scripted", **POOL, **fields}
        peers = {}
        for place in places:
            key = "route_account" if isinstance(place, str) else "route_pool_idx"
            peers[place] = self.peer(server, **{**identity, key: place})
        return peers

    def refused(self, server, **fields):
        """What a server answers to a connection that it does not take."""
        peer = self.dialed(server, **{**POOL, **fields})
        peer.send_connect()
        peer.send_info()
        return [op.line for op in peer.read_until_end() if op.verb == "-ERR"]


class DialedPoolTest(PoolCase):
    def test_the_places_are_told_one_after_the_other(self):
        listener = self.listener()
        server = self.pool_member(routes=[listener.url])
        peers = self.accept_pool(listener)
        self.assertEqual([place for place in peers if place != "$SYS"], [0, 1, 2])
        self.assertEqual({peer.peer["route_pool_size"] for peer in peers.values()}, {3})
        first = peers[0]
        routes = server.get("/routez")
        self.assertEqual(routes["num_routes"], 4)
        self.assertEqual({route["remote_id"] for route in routes["routes"]}, {first.server_id})
        self.assertEqual([route["account"] for route in routes["routes"] if "account" in route], ["$SYS"])
        varz = server.get("/varz")
        self.assertEqual((varz["routes"], varz["remotes"], varz["cluster"]["pool_size"]), (4, 1, 3))

    def test_an_account_has_one_connection(self):
        listener = self.listener()
        server = self.pool_member(routes=[listener.url], settings=ACCOUNTS, more="  accounts: [X]")
        peers = self.accept_pool(listener, 5)
        self.assertEqual(set(peers), {0, 1, 2, "SYS", "X"})
        self.client(server, user="a", **{"pass": "a"}).send("SUB of.a 1\r\nSUB of.a q 2\r\n")
        peers[0].expect_ops("RS+ A of.a", "RS+ A of.a q 1")
        x = self.client(server, user="x", **{"pass": "x"})
        x.send("SUB of.x 1\r\nSUB of.x q 2\r\n")
        peers["X"].expect_ops("RS+ of.x", "RS+ of.x q 1")
        for place in (0, 1, 2):
            peers[place].expect_quiet()
        peers["X"].send("RMSG of.x re 2\r\nhi\r\nHMSG of.x 12 14\r\nNATS/1.0\r\n\r\nho\r\n")
        x.expect_message("of.x", 1, b"hi", "re")
        x.expect_message("of.x", 1, b"ho")
        x.send("UNSUB 1\r\n")
        peers["X"].expect_op("RS- of.x")
        peers["X"].send("RMSG of.x + re q 1\r\nq\r\n")
        x.expect_message("of.x", 2, b"q", "re")

    def test_a_larger_pool_of_the_peer(self):
        listener = self.listener()
        server = self.pool_member(routes=[listener.url])
        peers = self.accept_pool(listener, 6, route_pool_size=5)
        self.assertEqual(set(peers), {0, 1, 2, 3, 4, "$SYS"})
        client = self.client(server)
        client.send("SUB here 1\r\n")
        peers[2].expect_op("RS+ $G here")  # where the own size puts it
        peers[4].send("RS+ $G there\r\n")
        peers[4].expect_quiet()
        client.send("PUB there 2\r\nhi\r\n")
        peers[4].expect_op("RMSG $G there 2", b"hi")

    def test_a_lost_connection_is_dialed_again(self):
        listener = self.listener()
        server = self.pool_member(routes=[listener.url])
        peers = self.accept_pool(listener)
        client = self.client(server)
        peers[1].send("RS+ $G one\r\n")
        peers[2].send("RS+ $G two\r\n")
        peers[1].expect_quiet()
        peers[2].expect_quiet()
        peers[1].close()
        again = listener.accept(cluster_name=self.cluster_name(), **{**POOL, "server_id": peers[0].server_id})
        self.addCleanup(again.close)
        self.greet(again)
        self.assertEqual(again.place, 1)
        client.send("PUB one 1\r\n1\r\nPUB two 1\r\n2\r\n")
        peers[2].expect_op("RMSG $G two 1", b"2")
        again.drain()
        again.expect_quiet()

    def test_a_peer_without_a_pool_is_dialed_once(self):
        listener = self.listener()
        server = self.pool_member(routes=[listener.url])
        peer = self.accepted(listener, server_name="old")
        self.check_routed(server, peer)
        self.assertEqual(server.get("/routez")["num_routes"], 1)

    def test_gossip_about_a_connection_of_an_account(self):
        server = self.pool_member()
        peers = self.dial_pool(server)
        third = self.listener()
        gossip = {"server_id": third.server_id, "server_name": "third", "ip": third.url + "/", "port": third.port}
        peers["$SYS"].send_info(**gossip, route_account="$SYS")
        dialed = third.accept(cluster_name=self.cluster_name(), **POOL)
        self.addCleanup(dialed.close)
        self.greet(dialed)
        self.assertEqual(dialed.place, "$SYS")


    def test_a_pool_that_cannot_grow_at_once(self):
        """Of a server that was learned by gossip: Go's give up after one attempt, and the accounts of the
        connection that is missing are cut off from then on."""
        if self.kind().is_go:
            self.skipTest("it gives up")
        server = self.pool_member()
        third = self.listener()
        self.peer(server, server_name="first").send_info(
            server_id=third.server_id, server_name="third", ip=third.url + "/", port=third.port
        )
        first = third.accept(cluster_name=self.cluster_name(), **POOL)
        self.addCleanup(first.close)
        third.socket.close()
        self.greet(first)
        first.drain()
        server.log.wait("Error trying to connect to route")
        third.socket = socket.create_server(("127.0.0.1", third.port))
        self.assertEqual(set(self.accept_pool(third, 3, server_id=first.server_id)), {1, 2, "$SYS"})


class AcceptedPoolTest(PoolCase):
    def test_the_places_that_are_told(self):
        server = self.pool_member()
        peers = self.dial_pool(server)
        for key in ("route_pool_idx", "route_account"):
            self.assertNotIn(key, peers[1].peer)
        self.assertEqual(peers[1].peer["route_pool_size"], 3)
        self.client(server).send("SUB foo 1\r\n")
        peers[2].expect_op("RS+ $G foo")
        for place in (0, 1):
            peers[place].expect_quiet()
        self.assertFalse([op for op in peers["$SYS"].dump if op.line.startswith("RS+ $SYS ")])

    def test_what_is_refused(self):
        server = self.pool_member(settings=ACCOUNTS)
        self.assertEqual(
            self.refused(server, route_pool_idx=3), ["-ERR 'Invalid route pool index: 3 - pool size is 3'"]
        )
        self.assertEqual(
            self.refused(server, route_pool_idx=-1), ["-ERR 'Invalid route pool index: -1 - pool size is 3'"]
        )
        if self.kind().is_go:  # ours follows the server that has pinned it
            self.assertEqual(self.refused(server, route_account="A"), ["-ERR 'No route for account \"A\"'"])
        (line,) = self.refused(server, route_account="nobody")
        self.assertTrue(line.startswith("-ERR 'Unable to lookup account \"nobody\""), line)
        (line,) = self.refused(server, route_account="SYS", route_pool_size=None)
        self.assertEqual(line, f"-ERR '{REFUSAL.replace('$SYS', 'SYS')}'")
        if not self.kind().is_go:  # which makes an array of that length
            (line,) = self.refused(server, route_pool_size=100000)
            self.assertIn("too large", line)
        self.check_routed_of(server)

    def check_routed_of(self, server):
        peer = self.peer(server, **POOL)
        client = self.client(server, user="a", **{"pass": "a"})
        client.send("SUB foo 1\r\n")
        peer.expect_op("RS+ A foo")

    def test_an_answer_for_an_account_with_a_blank_in_its_name(self):
        """A requestor of before 2.1.2 waits for one answer, and no account is found by half of its name."""
        account = 'accounts { "A B" { users: [ {user: ab, password: ab} ] } }'
        server = self.pool_member(settings=account, more='  accounts: ["A B"]\n')
        route = self.dial_pool(server, (0, "A B"))["A B"]
        wire = self.client(server, user="ab", **{"pass": "ab"})
        wire.send("SUB svc 1\r\n")
        route.expect_op("RS+ svc")
        reply = "_R_.AbCdEfGhIjK"
        route.send(f"RMSG svc {reply} 1\r\n2\r\n")
        wire.expect_message("svc", 1, b"2", reply=reply)
        wire.send(f"PUB {reply} 1\r\n4\r\n")
        route.expect_op(f"RMSG {reply} 1", b"4")
        for _ in range(3):
            wire.send(f"PUB {reply} 1\r\n5\r\n")
            wire.expect_quiet()
        route.expect_quiet()

    def test_a_place_that_is_taken(self):
        server = self.pool_member()
        peers = self.dial_pool(server)
        for place in ({"route_pool_idx": 1}, {"route_account": "$SYS"}):
            again = self.dialed(server, **{**POOL, **place, "server_id": peers[0].server_id, "server_name": "scripted"})
            again.send_connect()
            again.send_info()
            self.assertFalse([op for op in again.read_until_end() if op.verb == "-ERR"])
        self.assertEqual(server.get("/routez")["num_routes"], 4)
        for peer in peers.values():
            peer.drain()


class MovedAccountTest(PoolCase):
    def settings(self, pinned):
        return f"  pool_size: 3\n  accounts: [{pinned}]\n" if pinned else "  pool_size: 3\n"

    def reload(self, server, pinned):
        self.change(server, self.settings(pinned))

    def change(self, server, settings):
        mark = len(server.log.lines())
        server.cluster_settings = settings
        server.write_config()
        server.send_signal(signal.SIGHUP)
        server.log.wait("Reloaded: cluster", after=mark)

    def join(self):
        """A server without pinned accounts that dialed, its pool, and a client of X; place 2 carries X."""
        listener = self.listener()
        server = self.member(routes=[listener.url], settings=ACCOUNTS, cluster_settings=self.settings(""))
        peers = self.accept_pool(listener, 4)
        x = self.client(server, user="x", **{"pass": "x"})
        x.send("SUB here 1\r\n")
        peers[2].expect_op("RS+ X here")
        return listener, server, peers, x

    def test_an_account_gets_a_route_and_loses_it(self):
        listener, server, peers, x = self.join()
        peers[2].send("RS+ X there\r\n")
        peers[2].expect_quiet()
        self.reload(server, "X")
        request = peers[2].read_op()
        self.assertEqual((request.verb, request.json["route_account"]), ("INFO", "X"))
        self.assertTrue(request.json["route_acc_add_reqid"])
        peers[2].send("INFO " + request.line[5:].replace('"route_account":"X",', "") + "\r\n")
        pinned = listener.accept(cluster_name=self.cluster_name(), **{**POOL, "server_id": peers[0].server_id})
        self.addCleanup(pinned.close)
        self.greet(pinned)
        self.assertEqual(pinned.place, "X")
        pinned.expect_op("RS+ here")
        x.send("PUB there 2\r\nhi\r\n")
        x.expect_quiet()
        peers[2].expect_quiet()  # its interest went with the account
        pinned.send("RS+ there\r\n")
        pinned.expect_quiet()
        x.send("PUB there 2\r\nhi\r\n")
        pinned.expect_op("RMSG there 2", b"hi")
        self.reload(server, "")
        pinned.read_until_end()
        peers[2].expect_op("RS+ X here")

    def test_an_account_comes_back_before_it_has_moved(self):
        """Each end has dropped interest of the other: a new connection brings all of it."""
        if case.Options.reference:
            self.skipTest("the reference waits for two seconds for the answer")
        listener, server, peers, _ = self.join()
        self.reload(server, "X")
        self.assertEqual(peers[2].read_op().json["route_account"], "X")
        self.reload(server, "")
        peers[2].read_until_end()
        again = self.greet(
            listener.accept(cluster_name=self.cluster_name(), **{**POOL, "server_id": peers[0].server_id})
        )
        self.addCleanup(again.close)
        self.assertEqual(again.place, 2)
        again.expect_op("RS+ X here")
        for place in (0, 1):
            peers[place].expect_quiet()

    def test_an_account_comes_back_that_the_other_server_never_moved(self):
        if case.Options.reference:
            self.skipTest("there the interest of the other server stays lost")
        first = self.member(0, settings=ACCOUNTS, cluster_settings=self.settings(""))
        second = self.member(1, routes=[first.route_url], settings=ACCOUNTS, cluster_settings=self.settings(""))
        cluster.Cluster(self, [first, second]).wait_mesh()
        user = {"user": "x", "pass": "x"}
        clients, senders = ([self.client(server, **user) for server in (first, second)] for _ in range(2))
        for number, client in enumerate(clients):
            client.send(f"SUB at.{number} 1\r\n")
            self.sync(client, senders[1 - number])
        for server in (first, second):
            self.reload(server, "X")
            self.reload(server, "")
            for number, client in enumerate(clients):
                self.wait_for(
                    lambda n=number, c=client: self.arrives(senders[1 - n], c, f"at.{n}"),
                    f"a message to the client of server {number}",
                )

    def arrives(self, sender, receiver, subject):
        sender.send(f"PUB {subject} 1\r\nx\r\n")
        sender.expect_quiet()
        receiver.send("PING\r\n")
        came = False
        while receiver.take(f"MSG {subject} 1 1\r\nx\r\n".encode()):
            came = True
        return came

    def test_the_other_server_has_ended_its_route_before(self):
        server = self.member(settings=ACCOUNTS, cluster_settings=self.settings("X"))
        peers = self.dial_pool(server, (0, 1, 2))
        x = self.client(server, user="x", **{"pass": "x"})
        x.send("SUB here 1\r\n")
        x.expect_quiet()
        peers[2].expect_quiet()
        self.reload(server, "")
        peers[2].expect_op("RS+ X here")

    def test_an_account_that_is_not_there_is_refused(self):
        server = self.pool_member(settings=ACCOUNTS)
        server.cluster_settings = self.settings("nobody")
        server.write_config()
        server.send_signal(signal.SIGHUP)
        server.log.wait('unable to add account "nobody" to the list of dedicated routes: account missing')
        self.client(server, user="x", **{"pass": "x"}).expect_quiet()

    def test_the_other_server_moves_an_account(self):
        server = self.pool_member(settings=ACCOUNTS)
        peers = self.dial_pool(server, (0, 1, 2))
        x = self.client(server, user="x", **{"pass": "x"})
        peers[2].send("RS+ X there\r\n")
        peers[2].expect_quiet()
        peers[2].send('INFO {"route_pool_size":3,"route_account":"X","route_acc_add_reqid":"r1"}\r\n')
        answer = peers[2].read_op()
        self.assertEqual((answer.verb, answer.json["route_acc_add_reqid"]), ("INFO", "r1"))
        self.assertFalse(answer.json.get("route_account"))
        x.send("PUB there 2\r\nhi\r\n")
        x.expect_quiet()
        peers[2].expect_quiet()

    def follower(self):
        """A server without pinned accounts, the pool of a peer, and a client of X; place 2 carries X."""
        if case.Options.reference:
            self.skipTest('the reference refuses the route unless it was announced: No route for account "X"')
        server = self.pool_member(settings=ACCOUNTS)
        peers = self.dial_pool(server, (0, 1, 2), server_id=new_id())
        x = self.client(server, user="x", **{"pass": "x"})
        x.send("SUB here 1\r\nSUB here.q q 2\r\n")
        self.expect_in_any_order(peers[2], "RS+ X here", "RS+ X here.q q 1")
        return server, peers, x

    def expect_in_any_order(self, peer, *lines):
        """Interest is announced by slices of subjects."""
        self.assertEqual({peer.read_op().line for _ in lines}, set(lines))

    def dial_dedicated(self, server, peers, **fields):
        return self.dial_pool(server, ("X",), server_id=peers[0].server_id, **fields)["X"]

    def test_the_other_server_alone_pins_an_account(self):
        """It gets what is announced over one connection at a time, so that nothing comes twice."""
        server, peers, x = self.follower()
        peers[2].send("RS+ X stale\r\n")
        peers[2].expect_quiet()
        dedicated = self.dial_dedicated(server, peers)
        dedicated.send("RS+ there\r\n")
        dedicated.expect_quiet()  # nothing is announced before the PONG of the other connection
        self.expect_in_any_order(peers[2], "RS- X here", "RS- X here.q q")
        peers[2].expect_quiet()
        self.expect_in_any_order(dedicated, "RS+ here", "RS+ here.q q 1")
        x.send("PUB stale 1\r\nx\r\nPUB there 2\r\nhi\r\nSUB new 3\r\nUNSUB 1\r\n")
        dedicated.expect_op("RMSG there 2", b"hi")
        self.expect_in_any_order(dedicated, "RS+ new", "RS- here")
        dedicated.send("RMSG new 1\r\nx\r\n")
        x.expect_message("new", 3, b"x")
        for place in (0, 1, 2):
            peers[place].expect_quiet()
        dedicated.close()
        self.expect_in_any_order(peers[2], "RS+ X here.q q 1", "RS+ X new")
        again = self.dial_dedicated(server, peers)
        self.expect_in_any_order(peers[2], "RS- X here.q q", "RS- X new")
        peers[2].expect_quiet()
        self.expect_in_any_order(again, "RS+ here.q q 1", "RS+ new")

    def test_the_connection_that_withdraws_an_account_ends(self):
        server, peers, _ = self.follower()
        dedicated = self.dial_dedicated(server, peers)
        dedicated.expect_quiet()
        peers[2].close()
        self.expect_in_any_order(dedicated, "RS+ here", "RS+ here.q q 1")
        late = self.dial_pool(server, (2,), server_id=peers[0].server_id)[2]
        late.expect_quiet()  # X is not announced here
        self.assertFalse([op for op in late.dump if op.line.startswith("RS+ X")])

    def test_an_account_is_announced_as_moved_and_comes_back_without_a_route(self):
        server, peers, x = self.follower()
        for _ in range(3):
            peers[2].send('INFO {"route_pool_size":3,"route_account":"X","route_acc_add_reqid":"r1"}\r\n')
            self.assertEqual(peers[2].read_op().verb, "INFO")
            self.expect_in_any_order(peers[2], "RS- X here", "RS- X here.q q")
            peers[2].expect_quiet()
            peers[2].send("RS+ X there\r\n")
            self.expect_in_any_order(peers[2], "RS+ X here", "RS+ X here.q q 1")
            peers[2].expect_quiet()
            x.send("PUB there 2\r\nhi\r\n")
            peers[2].expect_op("RMSG X there 2", b"hi")

    def test_an_account_that_the_peer_cannot_know_to_be_pinned_is_announced_again(self):
        """At each connection that the peer dials, and when the account's route ends; not to nats-server, which does
        not dial."""
        if case.Options.reference:
            self.skipTest("the reference announces pinned accounts by a reload only")
        server = self.pool_member(settings=ACCOUNTS, more="  accounts: [X]")
        other = self.dial_pool(server, (0, 1, 2))
        peers = self.dial_pool(server, (0, 1, 2, "SYS"), go="nats-uring 1.0", server_id=new_id())

        def expect_request():
            request = peers[2].read_op()
            self.assertEqual((request.verb, request.json["route_account"]), ("INFO", "X"))
            peers[2].send("INFO " + request.line[5:].replace('"route_account":"X",', "") + "\r\n")

        for _ in range(2):
            expect_request()
            dedicated = self.dial_dedicated(server, peers, go="nats-uring 1.0")
            dedicated.expect_quiet()
            dedicated.close()
        expect_request()
        routes = server.get("/routez")["num_routes"]
        peers[2].close()
        self.wait_for(lambda: server.get("/routez")["num_routes"] < routes, "the server has noticed that")
        peers |= self.dial_pool(server, (2,), go="nats-uring 1.0", server_id=peers[0].server_id)
        expect_request()
        self.dial_dedicated(server, peers, go="nats-uring 1.0")
        for place in (0, 1, 2):
            peers[place].expect_quiet()
        self.assertFalse([op for op in other[2].drain() if "route_acc_add_reqid" in op.line])

    def test_moves_that_mean_nothing(self):
        """Of accounts that are not there, again and again, and over the connection of an account."""
        server, peers, x = self.follower()
        move = 'INFO {{"route_pool_size":{},"route_account":"{}","route_acc_add_reqid":"r{}"}}\r\n'
        peers[0].send("".join(move.format(3, f"nobody{i}", i) for i in range(1000)))
        peers[0].expect_quiet()
        for size in (3, 0, -1, 1 << 40):
            for place in (0, 1, 2):
                peers[place].send(move.format(size, "X", place) * 10)
        for place in (0, 1, 2):
            peers[place].drain()
        dedicated = self.dial_dedicated(server, peers)
        lines = {op.line for op in dedicated.dump}
        while not lines >= {"RS+ here", "RS+ here.q q 1"}:  # when the others have withdrawn them
            lines.add(dedicated.read_op().line)
        dedicated.send(move.format(3, "X", 1) + move.format(3, "A", 1))
        dedicated.drain()
        dedicated.send("RS+ there\r\n")
        dedicated.expect_quiet()
        x.send("PUB there 2\r\nhi\r\n")
        dedicated.expect_op("RMSG there 2", b"hi")

    def test_the_size_of_the_pool_changes(self):
        listener = self.listener()
        server = self.pool_member(routes=[listener.url])
        peers = self.accept_pool(listener)
        self.change(server, "  pool_size: 2")
        for place in (0, 1, 2):
            peers[place].read_until_end()
        again = listener.accept(cluster_name=self.cluster_name(), **{**POOL, "server_id": peers[0].server_id})
        self.addCleanup(again.close)
        self.greet(again)
        self.assertEqual(again.peer["route_pool_size"], 2)


class ServerWithoutPoolTest(PoolCase):
    """A pool_size of -1: as servers before 2.10."""

    def dial_twice(self, server):
        """The connection of the $SYS account, and the one for everything else."""
        fields = {"server_id": new_id(), "server_name": "pools", "cluster_name": server.cluster_name, **POOL}
        pair = [dial(server, **fields), dial(server, **fields)]
        for peer in pair:
            self.addCleanup(peer.close)
            peer.send_connect()
        return pair

    def test_the_common_connection_comes_first(self):
        server = self.member(cluster_settings=self.one_route())
        pinned, common = self.dial_twice(server)
        self.assertNotIn("route_pool_size", pinned.read_op().json)
        common.send_info()
        common.read_registered()
        pinned.send_info(route_account="$SYS")
        pinned.send(f"-ERR '{REFUSAL}'\r\n")
        pinned.read_until_end()
        self.check_routed(server, common)
        self.assertEqual([route["remote_id"] for route in server.get("/routez")["routes"]], [common.server_id])

    def test_the_connection_of_an_account_comes_first(self):
        """It must not be taken for the route: the peer gives it up, and the common one would be a duplicate."""
        server = self.member(cluster_settings=self.one_route())
        pinned, common = self.dial_twice(server)
        pinned.read_op()
        pinned.send_info(route_account="$SYS")
        self.assertEqual([op.line for op in pinned.read_until_end()], [f"-ERR '{REFUSAL}'"])
        common.send_info()
        common.read_registered()
        self.check_routed(server, common)
        self.assertEqual([route["remote_id"] for route in server.get("/routez")["routes"]], [common.server_id])

    def test_a_peer_that_pools_is_dialed_once(self):
        listener = self.listener()
        server = self.member(routes=[listener.url], cluster_settings=self.one_route())
        peer = self.accepted(listener, server_name="pools", **POOL)
        for key in ("route_pool_size", "route_pool_idx", "route_account"):
            self.assertNotIn(key, peer.peer)
        self.check_routed(server, peer)
        self.assertEqual(len(server.get("/routez")["routes"]), 1)

    def test_gossip_about_connections_of_accounts_is_ignored(self):
        server = self.member(cluster_settings=self.one_route())
        route = self.peer(server)
        pinned, common = self.listener(), self.listener()
        route.send_info(server_id=pinned.server_id, server_name="third", ip=pinned.url + "/",
                        port=pinned.port, route_account="$SYS", **POOL)  # fmt: skip
        route.send_info(server_id=common.server_id, server_name="fourth", ip=common.url + "/",
                        port=common.port, **POOL)  # fmt: skip
        self.accepted(common, server_name="fourth")
        pinned.socket.setblocking(False)
        with self.assertRaises(BlockingIOError):
            pinned.socket.accept()


if __name__ == "__main__":
    cluster.main()
