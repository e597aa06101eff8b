#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compression of routes, as servers since 2.10 agree on it, and what a hostile peer may send.

The scripted peers have no pools, so that there is one connection. What they say was captured from 2.15.3.
"""

import signal

from support import cluster, s2
from support.case import resident_bytes, server_is_sanitized
from support.route_peer import PeerCase

OLD = {"version": "2.15.3", "lnoc": True}
MIB = 1 << 20


class CompressionCase(PeerCase):
    def setUp(self):
        if not self.kind().pools:
            self.skipTest("compression came with 2.10")

    def compressing(self, mode="", *args, **parts):
        settings = self.one_route() + (f"\n  compression: {mode}" if mode else "")
        return self.member(*args, cluster_settings=settings, **parts)

    def dial_compressed(self, server, mode="s2_fast", **options):
        """As the side that dials: the mode in clear text, then S2, both ways."""
        peer = self.dialed(server, **{**OLD, **options})
        peer.send_connect()
        peer.first = peer.read_op().json
        peer.send_info(compression=mode)
        peer.compress()
        peer.second = peer.read_op().json
        peer.send_info(compression=mode)
        peer.drain()
        return peer

    def accept_compressed(self, listener, mode="accept"):
        peer = listener.accept(cluster_name=self.cluster_name(), **OLD)
        self.addCleanup(peer.close)
        peer.send_info(compression=mode)
        self.assertEqual(peer.read_op().verb, "CONNECT")
        peer.first = peer.read_op().json
        self.assertFalse(peer.buffer, "something came behind the INFO in clear text")
        peer.compress()
        peer.send_info(compression=peer.first["compression"])
        peer.second = peer.read_op().json
        peer.drain()
        return peer

    def shown(self, server):
        return [route.get("compression") for route in server.get("/routez")["routes"]]


class AgreementTest(CompressionCase):
    def test_a_server_that_is_dialed(self):
        server = self.compressing()
        peer = self.dial_compressed(server)
        self.assertEqual((peer.first["compression"], peer.second["compression"]), ("accept", "s2_fast"))
        self.check_routed(server, peer)
        self.assertEqual(self.shown(server), ["s2_fast"])

    def test_each_side_has_its_own_level(self):
        server = self.compressing("s2_better")
        peer = self.dial_compressed(server, "s2_fast")
        self.assertEqual((peer.first["compression"], peer.second["compression"]), ("s2_better", "s2_better"))
        self.check_routed(server, peer)

    def test_a_server_that_dials(self):
        listener = self.listener()
        server = self.compressing("s2_best", routes=[listener.url])
        peer = self.accept_compressed(listener)
        self.assertEqual((peer.first["compression"], peer.second["compression"]), ("s2_best", "s2_best"))
        self.check_routed(server, peer)

    def test_auto_goes_by_the_round_trip_time(self):
        server = self.compressing("{ mode: s2_auto, rtt_thresholds: [1h] }")
        peer = self.dial_compressed(server, "s2_fast")
        self.assertEqual((peer.first["compression"], peer.second["compression"]), ("s2_auto", "s2_auto"))
        self.assertEqual(self.shown(server), ["s2_uncompressed"])
        self.check_routed(server, peer)
        self.assertNotIn(s2.COMPRESSED, peer.decoder.kinds)
        fast = self.compressing("{ mode: s2_auto, rtt_thresholds: [0s, 1h] }")
        self.dial_compressed(fast, "s2_fast")
        self.assertEqual(self.shown(fast), ["s2_fast"])

    def test_none(self):
        cases = [("off", "s2_fast", "off"), ("", "accept", "off"), ("s2_fast", "off", "off"),
                 ("s2_fast", None, "not supported"), ("not_supported", "s2_fast", "not supported")]  # fmt: skip
        for own, theirs, shown in cases:
            with self.subTest(own=own, theirs=theirs):
                server = self.compressing(own)
                peer = self.peer(server, **OLD, compression=theirs)
                self.check_routed(server, peer)
                self.assertEqual(self.shown(server), [shown])

    def test_a_mode_that_does_not_exist(self):
        server = self.compressing()
        peer = self.dialed(server, **OLD, compression="zip")
        peer.send_connect()
        peer.send_info()
        self.assertEqual(peer.read_until_end()[-1].line, "-ERR 'unsupported route compression mode \"zip\"'")

    def test_another_level_by_reload(self):
        server = self.compressing("s2_fast")
        peer = self.dial_compressed(server)
        self.reload(server, "s2_best")
        self.assertEqual(self.shown(server), ["s2_best"])
        self.check_routed(server, peer)
        self.reload(server, "off")
        peer.read_until_end()

    def reload(self, server, mode):
        mark = len(server.log.lines())
        server.cluster_settings = self.one_route() + f"\n  compression: {mode}"
        server.write_config()
        server.send_signal(signal.SIGHUP)
        server.log.wait("Reloaded: cluster", after=mark)


class TrafficTest(CompressionCase):
    def test_large_and_small_messages_both_ways(self):
        server = self.compressing()
        peer = self.dial_compressed(server)
        client = self.client(server)
        client.send("SUB in 1\r\n")
        peer.expect_op("RS+ $G in")
        peer.send("RS+ $G out\r\n")
        peer.drain()
        body = b"0123456789abcdef" * 20000
        before = peer.decoder.wire_bytes
        client.send(b"PUB out %d\r\n%s\r\nPUB out 2\r\nhi\r\n" % (len(body), body))
        peer.expect_op(f"RMSG $G out {len(body)}", body)
        peer.expect_op("RMSG $G out 2", b"hi")
        if not self.kind().is_go:
            self.assertLess(peer.decoder.wire_bytes - before, len(body) // 4)
        message = b"RMSG $G in %d\r\n%s\r\n" % (len(body), body)
        stream = s2.stream(message[:100]) + s2.stored(message[100:])
        peer.socket.sendall(stream[:57])
        peer.socket.sendall(stream[57:])
        client.expect_message("in", 1, body)


class HostileStreamTest(CompressionCase):
    def setUp(self):
        super().setUp()
        if self.kind().is_go:
            self.skipTest("the log line and the bounds are this server's")

    def check_closed(self, server, peer, text):
        peer.read_until_end()
        server.log.wait(text)
        self.check_routed(server, self.dial_compressed(server))

    def test_streams_that_are_corrupt(self):
        server = self.compressing()
        zeros = s2.compressed(b"", 16 * MIB, 0)
        for content, text in (
            (b"PING\r\n", "s2: unsupported input"),
            (s2.IDENTIFIER + b"\x02\x00\x00\x00", "s2: unsupported input"),
            (s2.IDENTIFIER + s2.chunk(s2.STORED, b"\0\0\0\0PING\r\n"), "s2: corrupt input, crc mismatch"),
            (s2.IDENTIFIER + zeros, "s2: corrupt input"),
            (s2.IDENTIFIER + b"\x00\xff\xff\xff", "s2: corrupt input"),
        ):
            with self.subTest(content=content[:30]):
                peer = self.dial_compressed(server)
                peer.socket.sendall(content)
                self.check_closed(server, peer, text)

    def test_bombs_leave_others_their_share(self):
        """Chunks of a thousand bytes that become 4 MiB of messages."""
        server = self.compressing()
        client = self.client(server)
        before = resident_bytes(server.pid)
        peer = self.dial_compressed(server)
        message = b"RMSG $G nobody 1000\r\n" + b"x" * 1000 + b"\r\n"
        count = 4 * MIB // len(message)
        size = count * len(message)
        literal = bytes([61 << 2]) + (len(message) - 1).to_bytes(2, "little") + message
        copy = bytes([63 << 2 | 2]) + len(message).to_bytes(2, "little")  # 64 bytes
        rest = size - len(message) - 64
        repeat = b"\x1d\x00" + (rest - 65540).to_bytes(3, "little")
        bomb = s2.compressed(literal + copy + repeat, size, s2.masked_sum(message * count))
        peer.socket.sendall(s2.IDENTIFIER + bomb * 16)
        for _ in range(20):
            client.expect_quiet()
        peer.drain()
        self.assertEqual(server.get("/routez")["routes"][0]["in_msgs"], 16 * count)
        if not server_is_sanitized():
            self.assertLess(resident_bytes(server.pid) - before, 64 * MIB)

    def test_compressed_before_the_connect(self):
        server = self.compressing()
        peer = self.dialed(server, **OLD)
        peer.send_info(compression="s2_fast")
        peer.read_until_end()
        self.check_routed(server, self.dial_compressed(server))


if __name__ == "__main__":
    cluster.main()
