#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compression of leafnode connections, against peers written by hand and between two servers (`--leafs`)."""

from support import leafnodes, s2
from support.leafnodes import LeafCase

FAST = 'reconnect: "100ms"'


class HubTest(LeafCase):
    """The server is the hub."""

    def compressed(self, mode="s2_fast", block=""):
        server = self.hub(block=block)
        peer = self.dial(server)
        peer.first = peer.read_info()
        peer.send('INFO {"client_id":%d,"compression":"%s"} \r\n' % (peer.first["client_id"], mode))
        peer.compress()
        return server, peer

    def test_a_spoke_that_asks_for_it(self):
        server, peer = self.compressed()
        self.assertEqual(peer.first["compression"], "s2_auto")
        announced = peer.join_hub()
        self.assertEqual(announced, [])
        self.assertEqual((peer.info["compression"], peer.info["nonce"]), ("s2_auto", peer.first["nonce"]))
        client = self.client(server)
        client.send("SUB up 1\r\n")
        peer.expect_op("LS+ up")
        peer.send("LS+ down\r\nLMSG up 2\r\nhi\r\n")
        client.expect_message("up", 1, b"hi")
        body = b"0123456789" * 20000
        client.send(b"PUB down %d\r\n%s\r\n" % (len(body), body))
        peer.expect_op(f"LMSG down {len(body)}", body)
        (leaf,) = server.get("/leafz")["leafs"]
        self.assertTrue(leaf["compression"].startswith("s2_"), leaf)

    def test_modes(self):
        for own, theirs, shown in (("s2_best", "s2_fast", "s2_best"), ("accept", "s2_better", "s2_better")):
            server, peer = self.compressed(theirs, block=f"compression: {own}")
            peer.join_hub()
            self.assertEqual(server.get("/leafz")["leafs"][0]["compression"], shown)

    def test_one_that_does_not_ask(self):
        server = self.hub()
        for mode, shown in ((None, "not supported"), ("off", "off")):
            peer = self.dial(server)
            peer.join_hub(compress_mode=mode)
            self.assertEqual(server.get("/leafz")["leafs"][0]["compression"], shown)
            peer.close()
            self.wait_alone(server)

    def test_what_is_out_of_order(self):
        """None of it may disturb the server."""
        server = self.hub()
        bomb = s2.compressed(b"", 1 << 20, 0)
        for said in (
            b'INFO {"compression":"zip"}\r\n',
            b'INFO {"compression":"s2_fast"}\r\nCONNECT {}\r\n',
            b'INFO {"compression":"s2_fast"}\r\n' + s2.stream(b'INFO {"compression":"s2_fast"}\r\n'),
            b'INFO {"compression":"s2_fast"}\r\n' + s2.stream(b"PING\r\n"),
            b'INFO {"compression":"s2_fast"}\r\n' + s2.IDENTIFIER + bomb,
            b'CONNECT {}\r\nINFO {"compression":"s2_fast"}\r\n' + s2.stream(b"PING\r\n"),
            s2.stream(b"CONNECT {}\r\n"),
        ):
            with self.subTest(said=said[:60]):
                peer = self.dial(server)
                peer.read_info()
                peer.socket.sendall(said)
                peer.read_to_end()
        self.join(server)


class SpokeTest(LeafCase):
    """The server dials."""

    def dialed(self, mode):
        listener = self.listener()
        server = self.leaf_server(
            1, "L", remotes=[f'url: "{listener.url}", compression: {mode}'], listen=False, block=FAST
        )
        return server, self.accept(listener)

    def test_it_asks_and_waits_for_the_answer(self):
        server, peer = self.dialed("s2_better")
        peer.send_hello(compression="accept")
        request = peer.read_op(own=True)
        self.assertEqual(request.verb, "INFO")
        self.assertEqual((request.json["compression"], request.json["client_id"]), ("s2_better", 5))
        self.assertFalse(peer.buffer, "something came behind the INFO in clear text")
        peer.compress()
        peer.join_spoke()
        self.assertEqual(peer.login["compress_mode"], "s2_better")
        client = self.client(server)
        client.send("SUB down 1\r\n")
        peer.expect_op("LS+ down")
        peer.send("LMSG down 2\r\nhi\r\n")
        client.expect_message("down", 1, b"hi")

    def test_the_compressed_info_is_checked_as_the_first_one(self):
        _, peer = self.dialed("s2_better")
        peer.send_hello(compression="accept")
        peer.read_op(own=True)
        peer.compress()
        peer.send_hello(cluster="a b")
        peer.expect_error("cluster name cannot contain spaces")

    def test_none(self):
        cases = ("off", "s2_auto", "off"), ("s2_fast", "off", "off"), ("s2_fast", None, "not supported")
        for mode, theirs, said in cases:
            with self.subTest(mode=mode, theirs=theirs):
                _, peer = self.dialed(mode)
                peer.send_hello(compression=theirs)
                login = peer.read_op(own=True)
                self.assertEqual((login.verb, login.json["compress_mode"]), ("CONNECT", said))


if __name__ == "__main__":
    leafnodes.main()
