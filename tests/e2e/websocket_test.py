#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients over WebSocket, by raw sockets: upgrade, frames, compression, login, close codes, advisories.

Where nats-server answers differently on purpose (docs/security.md), the test says so.
"""

import errno
import json
import re
import resource
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import time
import unittest
import urllib.request

from support import case
from support.case import ServerCase, resident_bytes
from support.nkeys import User
from support.operators import OperatorCase
from support.server import DEADLINE_S, Server
from support.tls import Certificates
from support.websocket import (
    ACCEPT,
    BINARY,
    CLOSE,
    PING,
    WebsocketWire,
    deflated,
    frame,
    random_bytes,
    request,
    websocket_port,
)

PLAIN = 'websocket { listen: "127.0.0.1:-1", no_tls: true %s }\n'
CLEAR_TEXT = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
REFUSED = (
    "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nSec-Websocket-Version: 13\r\n"
    "X-Content-Type-Options: nosniff\r\nContent-Length: {size}\r\n\r\n{text}\n"
)


class WebsocketCase(ServerCase):
    def serve(self, block="", more="", **options):
        server = self.start("-D", config=PLAIN % block + more, **options)
        server.websocket = websocket_port(server)
        return server

    def serve_tls(self, certificates, block="", more=""):
        config = f'websocket {{ listen: "127.0.0.1:-1", {certificates.config(block)} }}\n{more}'
        server = self.start("-D", config=config)
        server.websocket = websocket_port(server)
        return server

    def tls(self, wire, certificates, client=None):
        context = ssl.create_default_context(cafile=certificates.ca)
        if client:
            context.load_cert_chain(*client)
        wire.socket = context.wrap_socket(wire.socket, server_hostname="127.0.0.1")
        return wire

    def raw(self, server, **options):
        wire = WebsocketWire(server.websocket, **options)
        self.addCleanup(wire.close)
        return wire

    def upgraded(self, server, path="/", **fields):
        wire = self.raw(server)
        wire.answer = wire.upgrade(path, **fields)
        return wire

    def login(self, server, connect=None, **fields):
        wire = self.upgraded(server, **fields)
        wire.open(**(connect or {}))
        return wire

    def refused(self, server, connect=None, **fields):
        wire = self.upgraded(server, **fields)
        wire.read_info()
        wire.send("CONNECT " + json.dumps(connect or {}) + "\r\n")
        wire.expect("-ERR 'Authorization Violation'\r\n")
        wire.expect_closed(1008, "Authentication Failure")

    def check_passes(self, one, other, payload=b"hello"):
        one.send("SUB over.ws 7\r\n")
        one.expect_quiet()
        other.send(b"PUB over.ws %d\r\n%s\r\n" % (len(payload), payload))
        one.expect_message("over.ws", 7, payload)


class UpgradeTest(WebsocketCase):
    @case.differs("2.9.10", "INFO is that of the client port before 2.10.16")
    def test_the_answer_and_info(self):
        server = self.serve()
        wire = self.upgraded(server)
        self.assertEqual(
            wire.answer,
            {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": ACCEPT},
        )
        info = wire.read_info()
        self.assertEqual((info["host"], info["port"]), ("127.0.0.1", server.websocket))
        self.assertNotIn("tls_required", info)
        self.assertNotIn("ws_connect_urls", info)
        server.log.wait("Websocket not configured with TLS. DO NOT USE IN PRODUCTION!")
        server.log.wait(r"127.0.0.1:\d+ - wid:1 - Client connection created")

    @case.differs("2.9.10", "it has a Date, and checks less")
    def test_refusals_and_another_try(self):
        server = self.serve()
        wire = self.raw(server)
        for fields, status, reason in (
            ({"method": "POST"}, "405 Method Not Allowed", "request method must be GET"),
            ({"Host": ""}, "400 Bad Request", "'Host' missing in request"),
            ({"Upgrade": "x"}, "400 Bad Request", "invalid value for header 'Upgrade'"),
            ({"Connection": "x"}, "400 Bad Request", "invalid value for header 'Connection'"),
            ({"Sec_WebSocket_Key": None}, "400 Bad Request", "key missing"),
            ({"Sec_WebSocket_Key": "abc"}, "400 Bad Request", "invalid websocket key"),
            ({"Sec_WebSocket_Version": "12"}, "400 Bad Request", "invalid version"),
            ({"path": "/mqtt"}, "404 Not Found", "mqtt websocket endpoint not enabled"),
        ):
            with self.subTest(reason):
                wire.send(request(**fields))
                text = status[4:]
                self.assertEqual(
                    wire.read_answer(), REFUSED.format(status=status, size=len(text) + 1, text=text)
                )
                server.log.wait(r"\[ERR\] 127.0.0.1:\d+ - websocket handshake error: " + reason)
        wire.upgrade()
        wire.open()

    def test_requests_behind_one_another(self):
        """In one segment: each is answered, the last one is the upgrade."""
        server = self.serve()
        wire = self.raw(server)
        wire.send(request(Upgrade="x") + request(path="/%zz") + request())
        answers = wire.read_to_end()
        self.assertEqual(answers.count(b"HTTP/1.1 400 Bad Request\r\n"), 2)  # no HTTP: the end
        wire = self.raw(server)
        wire.send(request(Upgrade="x") + request(method="HEAD") + request(path="/%41?%zz"))
        self.assertTrue(wire.read_answer().startswith("HTTP/1.1 400 Bad Request\r\n"))
        head = wire.read_head()
        self.assertIn("HTTP/1.1 405 Method Not Allowed\r\n", head)
        self.assertIn("Content-Length: 19\r\n", head)  # and no body
        self.assertTrue(wire.read_answer().startswith("HTTP/1.1 101 Switching Protocols\r\n"))

    def test_requests_in_any_pieces(self):
        server = self.serve()
        wire = self.raw(server)
        wire.send_split(request().encode())
        self.assertIn("101 Switching", wire.read_answer())

    @case.differs("2.9.10", "it takes heads of up to 1 MiB")
    def test_what_is_no_http(self):
        server = self.serve()
        for hello in ("CONNECT {}\r\n", "GET /\r\n", "\0\0\0\n"):
            wire = self.raw(server)
            wire.send(hello)
            self.assertTrue(wire.read_to_end().startswith(b"HTTP/1.1 400 Bad Request"))
        wire = self.raw(server)
        wire.send(request(X_Long="x" * 17000))
        self.assertTrue(wire.read_to_end().startswith(b"HTTP/1.1 431 "))

    def test_bytes_behind_the_request_end_it(self):
        server = self.serve()
        wire = self.raw(server)
        wire.send(request().encode() + frame("PING\r\n"))
        wire.expect_end()
        server.log.wait("websocket handshake error: client sent data before handshake is complete")

    @case.differs("2.9.10", "they stay for ever unless told otherwise")
    def test_silent_connections_end(self):
        server = self.serve(", handshake_timeout: 1")
        wires = [self.raw(server) for _ in range(3)]
        wires[1].send("GET / HTTP/1.1\r\n")
        for wire in wires:
            wire.expect_end()
        silent = self.serve()
        wire = self.raw(silent)
        wire.expect_end()  # the default

    @case.differs("2.9.10", "it has no limit, and would keep all")
    def test_a_crowd_of_silent_connections_keeps_nobody_out(self):
        """The oldest of them has to go."""
        crowd = 1100  # more than a worker lets in before their upgrade
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 3 * crowd)), hard))
        server = self.start("--workers=1", config=PLAIN % ', handshake_timeout: "60s"', nofile=3 * crowd)
        server.websocket = websocket_port(server)
        wires = [self.raw(server) for _ in range(crowd)]
        self.login(server)
        wires[0].expect_end()
        wires[-1].upgrade()
        wires[-1].open()

    @case.differs("2.9.10", "headers came with 2.11")
    def test_headers_of_the_configuration(self):
        server = self.serve(', headers: { "X-One": "1", "Strict-Transport-Security": "max-age=1" }')
        answer = self.upgraded(server).answer
        self.assertEqual((answer["X-One"], answer["Strict-Transport-Security"]), ("1", "max-age=1"))

    @case.differs("2.9.10", "it ignores the scheme: fixed in 2.11.14 and 2.12.5")
    def test_origins(self):
        server = self.serve(", same_origin: true")
        host = f"127.0.0.1:{server.websocket}"
        self.upgraded(server, Host=host, Origin=f"http://{host}").read_info()
        self.upgraded(server, Host=host).read_info()
        for origin in (f"https://{host}", "http://127.0.0.1", "http://evil", "null"):
            wire = self.raw(server)
            wire.send(request(Host=host, Origin=origin))
            self.assertIn("403 Forbidden", wire.read_answer())
        server.log.wait("websocket handshake error: origin not allowed: not same origin")
        listed = self.serve(', allowed_origins: ["https://a.com", "http://a.com:81"]')
        self.upgraded(listed, Origin="https://A.com:443").read_info()
        self.upgraded(listed, Origin="http://a.com:81").read_info()
        wire = self.raw(listed)
        wire.send(request(Origin="http://a.com"))
        self.assertIn("403 Forbidden", wire.read_answer())
        listed.log.wait("origin not allowed: not in the allowed list")

    def test_forwarded_addresses_are_logged(self):
        server = self.serve()
        for sent, shown in (("10.9.8.7", "10.9.8.7"), ("fe80::1", r"\[fe80::1\]")):
            self.login(server, X_Forwarded_For=sent)
            server.log.wait(rf" {shown}/127.0.0.1:\d+ - wid:\d+ - Client connection created")
        self.login(server, X_Forwarded_For="10.9.8.7, 10.1.1.1")
        server.log.wait(r" 127.0.0.1:\d+ - wid:\d+ - Client connection created")

    @case.differs("2.9.10", "the path decides by its beginning before 2.10.5")
    def test_a_leafnode_is_not_accepted(self):
        server = self.serve()
        wire = self.upgraded(server, path="/x/leafnode")
        wire.expect_end()
        server.log.wait("Not configured to accept leaf node connections")


class FramesTest(WebsocketCase):
    def test_payloads_are_one_stream(self):
        server = self.serve()
        wire = self.upgraded(server)
        info = wire.read_info()
        self.assertTrue(info["headers"])
        text = b'CONNECT {"verbose":false}\r\nSUB a 1\r\nPUB a 5\r\nhello\r\nPING\r\n'
        for index in range(len(text)):
            wire.send_raw(frame(text[index : index + 1], opcode=1 + index % 2))
            if index % 7 == 0:
                wire.send_raw(frame(b""))
        wire.expect_message("a", 1, b"hello")
        wire.expect("PONG\r\n")
        self.assertTrue(all(first == 0x80 | BINARY for first, _ in wire.frames))

    def test_fragments_with_control_frames_between(self):
        server = self.serve()
        wire = self.login(server)
        wire.send_raw(frame("SUB a", final=False) + frame("p1", PING) + frame(" 1\r\nPU", 0, final=False))
        wire.send_raw(frame(b"", PING) + frame("B a 2\r\nhi\r\n", 0))
        wire.expect_pong(b"p1")
        wire.expect_pong(b"")
        wire.expect_message("a", 1, b"hi")

    def test_pings_before_connect(self):
        wire = self.upgraded(self.serve("", "authorization { user: a, password: b }"))
        payload = random_bytes(125)
        wire.send_raw(frame(payload, PING))
        wire.expect_pong(payload)

    def test_byte_by_byte_and_large(self):
        server = self.serve()
        receiver, sender = self.login(server), self.client(server)
        receiver.send_raw(b"".join(frame(part) for part in (b"SUB big ", b"3\r\nPI", b"NG\r\n")))
        receiver.expect("PONG\r\n")
        payload = random_bytes(1 << 20)
        sender.send(b"PUB big %d\r\n%s\r\n" % (len(payload), payload))
        receiver.expect_message("big", 3, payload)
        sender.send("SUB back 4\r\n")
        sender.expect_quiet()
        receiver.send_split(b"PUB back %d\r\n%s\r\n" % (len(payload), payload))
        sender.expect_message("back", 4, payload)

    @case.differs("2.9.10", "its close frame mostly gets lost, and many faults are not checked before 2.11.14")
    def test_faults_are_answered_with_1002(self):
        server = self.serve()
        for content, text in (
            (frame("x", bits=0x20), "RSV2 and RSV3 must be clear"),
            (frame("x", bits=0x40), "compressed frame received without negotiated permessage-deflate"),
            (frame("x", mask=None), "mask bit missing"),
            (frame("x" * 126, PING), "control frame length bigger than maximum allowed of 125 bytes"),
            (frame("x", PING, final=False), "control frame does not have final bit set"),
            (frame("PI", final=False) + frame("y"),
             "new message started before final frame for previous message was received"),
            (frame("x", 0), "invalid continuation frame"),
            (frame("x", 3), "unknown opcode 3"),
            (frame("x", CLOSE), "close frame payload cannot be 1 byte"),
            (frame(struct.pack(">H", 1005), CLOSE), "invalid close status code 1005"),
            (frame("", size=(1 << 63) + 1), "invalid 64-bit payload length"),
        ):
            with self.subTest(text):
                wire = self.login(server)
                wire.send_raw(content)
                wire.expect_closed(1002, text)
                server.log.wait(r"\[ERR\] .* - wid:\d+ - read error: " + text)
        self.check_serves(server)

    @case.differs("2.9.10", "it answers an empty close frame with 1005")
    def test_close_frames_are_answered(self):
        server = self.serve()
        for payload, code, text in (
            (struct.pack(">H", 1000) + b"bye", 1000, "bye"),
            (struct.pack(">H", 4321), 4321, ""),
            (struct.pack(">H", 1000) + b"\xff", 1007, "invalid utf8 body in close frame"),
            (b"", None, ""),
        ):
            wire = self.login(server)
            wire.send_raw(frame("SUB a 1\r\n") + frame(payload, CLOSE))
            wire.expect_closed(code, text)
        server.log.wait("Client connection closed: Client Closed")

    def test_no_masking(self):
        server = self.serve()
        wire = self.upgraded(server, Nats_No_Masking="true")
        self.assertEqual(wire.answer["Nats-No-Masking"], "true")
        wire.mask = None
        wire.open()
        self.check_passes(wire, self.client(server))

    def test_browsers_get_small_frames(self):
        server = self.serve()
        wire = self.login(server, User_Agent="Mozilla/5.0 (X11) Chrome/1")
        self.check_passes(wire, self.client(server), random_bytes(20000))
        self.assertEqual(max(size for _, size in wire.frames), 4096)
        self.assertTrue(all(first & 0x80 for first, _ in wire.frames))

    def test_the_protocol_inside_is_checked_as_ever(self):
        server = self.serve("", "max_payload: 100")
        wire = self.login(server)
        wire.send("NONSENSE\r\n")
        wire.expect("-ERR 'Unknown Protocol Operation'\r\n")
        wire.expect_closed(1002, "Protocol Violation")
        wire = self.login(server)
        wire.send("PUB a 101\r\n")
        wire.expect("-ERR 'Maximum Payload Violation'\r\n")
        wire.expect_closed(1009, "Maximum Message Payload Exceeded")


class CompressionTest(WebsocketCase):
    EXTENSION = "permessage-deflate; client_max_window_bits"

    def compressed(self, server, **fields):
        wire = self.upgraded(server, Sec_WebSocket_Extensions=self.EXTENSION, **fields)
        self.assertEqual(
            wire.answer["Sec-WebSocket-Extensions"],
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        )
        wire.open()
        return wire

    @case.differs("2.9.10", "an empty last fragment does not end its message")
    def test_messages_pass_both_ways(self):
        server = self.serve(", compression: true")
        wire, plain = self.compressed(server), self.client(server)
        text = b"MSG many times the same " * 3000
        self.check_passes(wire, plain, text)
        self.assertTrue(any(first & 0x40 for first, _ in wire.frames))
        self.assertLess(sum(size for _, size in wire.frames), len(text) // 10)
        plain.send("SUB back 1\r\n")
        plain.expect_quiet()
        payload = deflated(b"PUB back %d\r\n%s\r\n" % (len(text), text))
        wire.send_raw(frame(payload, bits=0x40))
        plain.expect_message("back", 1, text)
        # In three frames, the last one empty; and byte by byte.
        wire.send_raw(frame(payload[:10], final=False, bits=0x40) + frame(payload[10:], 0, final=False))
        wire.send_raw(frame(b"", PING) + frame(b"", 0))
        plain.expect_message("back", 1, text)
        for byte in frame(payload, bits=0x40):
            wire.send_raw(bytes([byte]))
        plain.expect_message("back", 1, text)
        wire.send_raw(frame(b"", bits=0x40) + frame(b"PUB back 1\r\nx\r\n"))
        plain.expect_message("back", 1, b"x")

    def test_a_payload_of_the_largest_size(self):
        server = self.serve(", compression: true")
        wire, plain = self.compressed(server), self.client(server)
        plain.send("SUB a 1\r\n")
        plain.expect_quiet()
        text = b"0123456789abcdef" * 65536
        wire.send_raw(frame(deflated(b"PUB a %d\r\n%s\r\n" % (len(text), text)), bits=0x40))
        plain.expect_message("a", 1, text)

    def test_not_offered_not_granted(self):
        wire = self.upgraded(self.serve(", compression: true"))
        self.assertNotIn("Sec-WebSocket-Extensions", wire.answer)
        wire = self.upgraded(self.serve(), Sec_WebSocket_Extensions=self.EXTENSION)
        self.assertNotIn("Sec-WebSocket-Extensions", wire.answer)

    def test_browsers_get_continuations_and_safari_does_not(self):
        server = self.serve(", compression: true")
        noise = random_bytes(20000)
        wire = self.compressed(server, User_Agent="Mozilla/5.0 Chrome/1 Safari/1")
        self.check_passes(wire, self.client(server), noise)
        self.assertIn(0x40 | BINARY, [first for first, _ in wire.frames])
        self.assertIn(0, [first for first, _ in wire.frames])
        self.assertEqual(max(size for _, size in wire.frames), 4096)
        wire = self.compressed(server, User_Agent="Mozilla/5.0 Version/17 Safari/1")
        self.check_passes(wire, self.client(server), noise)
        self.assertGreater(max(size for _, size in wire.frames), 4096)

    @case.differs("2.9.10", "its close frame mostly gets lost")
    def test_damaged_messages(self):
        server = self.serve(", compression: true")
        wire = self.compressed(server)
        wire.send_raw(frame(b"\xff\xff\xff\xff", bits=0x40))
        wire.expect_end()
        self.assertEqual(wire.closed[0], 1007)
        server.log.wait("read error: flate: corrupt input before offset ")
        wire = self.compressed(server)
        wire.send_raw(frame("x", PING, bits=0x40))
        wire.expect_closed(1002, "control frame must not be compressed")


class AdvisoriesTest(WebsocketCase):
    @case.differs("2.9.10", "it inflates the bomb: fixed in 2.11.12 and 2.12.3")
    def test_cve_2026_27571_a_bomb_before_login(self):
        """A message was inflated whole before its size was looked at. Here the parser ends it at once."""
        server = self.serve(", compression: true", "authorization { user: a, password: b }\nmax_payload: 1000")
        bomb = deflated(b"\0" * (64 << 20))
        self.assertLess(len(bomb), 128 * 1024)
        before = resident_bytes(server.pid)
        for _ in range(20):
            wire = self.upgraded(server, Sec_WebSocket_Extensions="permessage-deflate")
            wire.send_raw(frame(bomb, bits=0x40))
            wire.read_to_end()
        self.assertLess(resident_bytes(server.pid) - before, 16 << 20)
        self.assertEqual(wire.closed[0], 1008)

    @case.differs("2.9.10", "it inflates the bomb: fixed in 2.11.12 and 2.12.3")
    def test_cve_2026_27571_a_bomb_of_protocol(self):
        """Lines that are right, more than a message may be: stopped at the limit."""
        server = self.serve(", compression: true", "max_payload: 1000")
        wire = self.upgraded(server, Sec_WebSocket_Extensions="permessage-deflate")
        wire.open()
        wire.send_raw(frame(deflated(b"PUB a 0\r\n\r\n" * 100000), bits=0x40))
        wire.expect_closed(1009, "maximum payload exceeded")
        self.check_serves(server)

    def test_ghsa_8r68_gvr4_jh7j_fragments_before_login(self):
        """Memory grew with the fragments of a compressed message that had no end."""
        server = self.serve(", compression: true", "authorization { user: a, password: b, timeout: 30 }")
        before = resident_bytes(server.pid)
        wire = self.upgraded(server, Sec_WebSocket_Extensions="permessage-deflate")
        wire.send_raw(frame(b"\x00", final=False, bits=0x40))  # part of a stored block
        empty = b"\x00\x00\xff\xff\x00"
        for _ in range(500):
            wire.send_raw(frame(empty * 1000, 0, final=False))
        wire.send_raw(frame(b"", PING))
        wire.expect_pong(b"")
        self.assertLess(resident_bytes(server.pid) - before, 8 << 20)

    def test_cve_2026_27889_a_length_with_the_top_bit(self):
        server = self.serve("", "authorization { user: a, password: b }")
        for size in (1 << 63, (1 << 64) - 1):
            wire = self.upgraded(server)
            wire.send_raw(frame(b"", size=size))
            wire.read_to_end()
        self.check_login(server)

    @case.differs("2.9.10", "it panics: fixed in 2.11.14 and 2.12.5")
    def test_empty_and_unagreed_compressed_frames(self):
        server = self.serve("", "authorization { user: a, password: b }")
        for content in (frame(b"", bits=0x40), frame(b"", final=False, bits=0x40) + frame(b"", 0)):
            wire = self.upgraded(server)
            wire.send_raw(content)
            wire.read_to_end()
        granted = self.serve(", compression: true", "authorization { user: a, password: b }")
        wire = self.upgraded(granted, Sec_WebSocket_Extensions="permessage-deflate")
        wire.send_raw(frame(b"", bits=0x40) + frame(b"", PING))
        wire.expect_pong(b"")
        self.check_login(server)

    def test_mqtt_path_and_odd_fields(self):
        server = self.serve("", "authorization { user: a, password: b }")
        for fields in ({"path": "/mqtt"}, {"X_Forwarded_For": ""}, {"Sec_WebSocket_Key": ""}):
            wire = self.raw(server)
            wire.send(request(**fields))
            wire.read_answer()
        self.check_login(server)

    @case.differs("2.9.10", "the path decides by its beginning before 2.10.5")
    def test_cve_2026_29785_leafnodes_over_websocket(self):
        """What comes before CONNECT where compression is agreed on: nothing of it may end the server."""
        server = self.serve(more="leafnodes { listen: 127.0.0.1:-1 }")
        for said in (
            b"INFO {\r\n", b"INFO {}\r\nINFO {}\r\n", b'INFO {"compression":"zip"}\r\n', b'INFO {"compression":5}\r\n',
            b'INFO {"compression":"s2_fast"}\r\nCONNECT {}\r\n', b'INFO {"compression":"s2_fast"}\r\n' + b"\xff" * 100,
            b'CONNECT {}\r\nINFO {"compression":"s2_fast"}\r\n\0\0', b"PING\r\n", b"LS+ a\r\n", b"\xff\x06\0\0sNaPpY",
        ):  # fmt: skip
            with self.subTest(said[:40]):
                wire = self.upgraded(server, path="/leafnode")
                wire.send(said)
                wire.send_close()
                wire.upgraded = False  # compression of leafnodes lies below the frames
                wire.read_to_end()
        self.check_serves(server)
        wire = self.upgraded(server, path="/leafnode")
        wire.send('CONNECT {"name":"edge","cluster":"edge"}\r\nLS+ a\r\nPING\r\n')
        self.assertIn(b"PONG\r\n", self.read_until(wire, b"PONG\r\n"))

    def read_until(self, wire, text):
        said = b""
        while text not in said:
            said += wire.read_line() + b"\r\n"
        return said

    @case.differs("2.9.10", "an empty last fragment does not end its message")
    def test_connections_do_not_mix(self):
        """Go's server has returned one buffer to its pool twice: bytes of one connection came out at another."""
        server = self.serve(", compression: true", "max_payload: 100KB")
        wires = [self.upgraded(server, Sec_WebSocket_Extensions="permessage-deflate") for _ in range(12)]
        for wire in wires:
            wire.open()
        for turn in range(5):
            texts = [b"%c%d" % (65 + number, turn) * 3000 for number in range(len(wires))]
            cuts = []
            for number, (wire, text) in enumerate(zip(wires, texts)):
                wire.send(f"SUB own.{number} {turn}\r\n")
                message = deflated(b"PUB own.%d %d\r\n%s\r\n" % (number, len(text), text))
                cuts.append([message[i : i + 9] for i in range(0, len(message), 9)])
            for part in range(max(map(len, cuts))):
                for wire, pieces in zip(wires, cuts):
                    if part < len(pieces):
                        wire.send_raw(frame(pieces[part], 0 if part else BINARY, final=False, bits=0 if part else 0x40))
            for wire in wires[::2]:
                self.upgraded(server, Sec_WebSocket_Extensions="permessage-deflate").send_raw(
                    frame(b"\xff\xff\xff", bits=0x40))  # one that fails in between
                wire.send_raw(frame(b"", 0))
            for wire in wires[1::2]:
                wire.send_raw(frame(b"", 0))
            for number, (wire, text) in enumerate(zip(wires, texts)):
                wire.expect_message(f"own.{number}", turn, text)
                wire.send(f"UNSUB {turn}\r\n")
                wire.expect_quiet()

    def test_no_auth_user_of_the_other_port(self):
        """A no_auth_user of one port is none of the other's."""
        users = "authorization { users: [ { user: a, password: p }, { user: b, password: p } ] }\n"
        server = self.serve(", no_auth_user: a", users)
        self.upgraded(server).send("PING\r\n")
        wire = self.wire(server)
        wire.read_info()
        wire.send("PING\r\n")
        wire.expect("-ERR 'Authorization Violation'\r\n")

    def check_login(self, server):
        self.login(server, {"user": "a", "pass": "b"})


class LoginTest(WebsocketCase):
    def test_credentials_of_the_block_stand_for_those_of_the_server(self):
        server = self.serve(
            ", authorization { user: w, password: x }", "authorization { user: s, password: y }"
        )
        self.assertTrue(self.upgraded(server).read_info()["auth_required"])
        self.login(server, {"user": "w", "pass": "x"})
        self.refused(server, {"user": "s", "pass": "y"})
        self.client(server, user="s", **{"pass": "y"})
        only = self.serve(", authorization { token: t }")
        self.assertTrue(self.upgraded(only).read_info()["auth_required"])
        self.login(only, {"auth_token": "t"})
        self.refused(only)
        self.client(only)

    def test_no_auth_user(self):
        users = "authorization { users: [ { user: a, password: p } ] }\n"
        server = self.serve(", no_auth_user: a", users)
        self.login(server)
        self.refused(server, {"user": "a", "pass": "wrong"})

    def test_the_time_for_login(self):
        server = self.serve(
            ", authorization { timeout: 0.3 }", "authorization { user: a, password: b, timeout: 60 }"
        )
        wire = self.upgraded(server)
        wire.read_info()
        wire.expect("-ERR 'Authentication Timeout'\r\n")
        wire.expect_closed(1008, "Authentication Timeout")

    @case.differs("2.9.10", "these cookies came with 2.11")
    def test_cookies_fill_what_connect_leaves_empty(self):
        server = self.serve(
            ", user_cookie: u, pass_cookie: p", "authorization { users: [ { user: a, password: b } ] }"
        )
        self.login(server, {"user": "", "pass": ""}, Cookie="x=1; u=a; p=b")
        self.login(server, {"user": "a", "pass": "b"}, Cookie="u=z; p=z")
        self.login(server, {"user": "a"}, Cookie="u=z; p=b")
        self.refused(server, {}, Cookie="U=a; p=b")
        token = self.serve(", token_cookie: t", "authorization { token: secret }")
        self.login(token, {}, Cookie='t="secret"')
        self.refused(token, {}, Cookie="t=other")

    def test_connection_types(self):
        server = self.serve(
            "",
            """authorization { users: [
                 { user: w, password: p, allowed_connection_types: ["websocket"] }
                 { user: s, password: p, allowed_connection_types: ["STANDARD"] }
                 { user: b, password: p, allowed_connection_types: ["STANDARD", "WEBSOCKET"] } ] }""",
        )
        self.login(server, {"user": "w", "pass": "p"})
        self.login(server, {"user": "b", "pass": "p"})
        self.refused(server, {"user": "s", "pass": "p"})
        self.client(server, user="s", **{"pass": "p"})
        wire = self.wire(server)
        wire.read_info()
        wire.send('CONNECT {"user":"w","pass":"p"}\r\n')
        wire.expect("-ERR 'Authorization Violation'\r\n")

    def test_max_connections_are_common(self):
        server = self.serve("", "max_connections: 2")
        self.client(server)
        self.login(server)
        wire = self.upgraded(server)
        wire.read_info()
        wire.expect("-ERR 'maximum connections exceeded'\r\n")
        wire.expect_closed(1008, "Maximum Connections Exceeded")


class TokenCookieTest(WebsocketCase, OperatorCase):
    """Operator mode, with the user's token in a cookie."""

    def test_a_token_in_a_cookie(self):
        server = self.serve(", jwt_cookie: token", self.config(self.tenant))

        def accepted(user, connect=None, cookie="token={}"):
            self.login(server, connect, Cookie=cookie.format(user.token))

        def refused(user, connect=None, cookie="token={}"):
            self.refused(server, connect, Cookie=cookie.format(user.token))

        def bearer(**rights):
            return User(self.tenant, {"bearer_token": True, **rights})

        user = bearer()
        accepted(user, cookie="x=y; token={}; z")
        accepted(user, cookie='token="{}"')
        accepted(user, {"jwt": user.token}, cookie="token=nonsense")
        refused(user, {"jwt": "nonsense"})
        refused(user, cookie="Token={}")
        accepted(bearer(allowed_connection_types=["websocket"]))
        refused(bearer(allowed_connection_types=["STANDARD"]))
        signing = User(self.tenant)
        refused(signing)  # no signature
        wire = self.upgraded(server, Cookie=f"token={signing.token}")
        signed = signing.connect_fields(wire.read_info()["nonce"])
        wire.send("CONNECT " + json.dumps({"verbose": False, "sig": signed["sig"]}) + "\r\n")
        wire.expect_quiet()
        self.assertNotIn(user.token.rpartition(".")[2], server.log.text())


class LifeTest(WebsocketCase):
    @case.differs("2.9.10", "it closes with 1006, which must not be sent")
    def test_stale_connections(self):
        server = self.serve("", 'ping_interval: "100ms"\nping_max: 1')
        wire = self.upgraded(server)
        wire.send('CONNECT {"verbose":false}\r\n')
        end = wire.read_to_end()
        self.assertIn(b"PING\r\n", end)
        self.assertIn(b"-ERR 'Stale Connection'\r\n", end)
        self.assertEqual(wire.closed, (1001, "Stale Connection"))

    def test_shutdown_says_goodbye(self):
        server = self.serve()
        wire = self.login(server)
        server.stop()
        wire.expect_closed(1001, "Server Shutdown")

    def test_a_lame_duck_sends_its_clients_away(self):
        server = self.serve("", 'lame_duck_grace_period: "100ms"\nlame_duck_duration: "30s"')
        wire = self.login(server, {"protocol": 1})
        server.send_signal(signal.SIGUSR2)
        verb, _, text = wire.read_line().decode().partition(" ")
        self.assertEqual((verb, json.loads(text)["ldm"]), ("INFO", True))
        wire.expect_closed(1001, "Server Shutdown")
        self.assertEqual(server.wait_exit(), 0)

    def test_a_lame_duck_closes_the_port(self):
        server = self.serve("", 'lame_duck_grace_period: "10s"\nlame_duck_duration: "30s"')
        wire = self.login(server, {"protocol": 1})
        server.send_signal(signal.SIGUSR2)
        self.assertTrue(wire.read_line().startswith(b"INFO "))

        def refuses():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", server.websocket)) == errno.ECONNREFUSED

        self.wait_for(refuses, "connections are refused")
        wire.expect_quiet()

    def test_slow_consumers_end_without_a_word(self):
        server = self.serve("", "max_pending: 100000\nmax_payload: 50000")
        slow, fast = self.login(server), self.client(server)
        slow.send("SUB flood 1\r\n")
        slow.expect_quiet()
        for _ in range(400):
            fast.send(b"PUB flood 50000\r\n" + bytes(50000) + b"\r\n")
        server.log.wait("Slow Consumer Detected")
        fast.expect_quiet()

    def test_a_client_that_is_paused_goes_on(self):
        """A hashed password takes a job; what follows waits, in frames of any kind."""
        hashed = "$2a$04$ugd94f4vM9zVUIoLE4mleehF2NcQ8.LYrO2nBqTbhZlAlFWZHzdNC"
        server = self.serve(
            ", compression: true", 'authorization { users: [ { user: a, password: "%s" } ] }' % hashed
        )
        wire = self.upgraded(server, Sec_WebSocket_Extensions="permessage-deflate")
        wire.read_info()
        wire.send('CONNECT {"user":"a","pass":"wrong","verbose":false}\r\n')
        wire.send_raw(frame(deflated(b"SUB a 1\r\nPING\r\n"), bits=0x40) + frame("", PING))
        wire.expect("-ERR 'Authorization Violation'\r\n")
        wire.expect_closed(1008, "Authentication Failure")

    def test_reload_refuses_changes_of_the_block(self):
        server = self.serve()
        with open(server.config_file, encoding="utf-8") as stream:
            text = stream.read()
        with open(server.config_file, "w", encoding="utf-8") as stream:
            stream.write(text.replace("no_tls: true", "no_tls: true, same_origin: true"))
        server.send_signal(1)
        server.log.wait("config reload not supported for Websocket: old=")

    @case.differs("2.9.10", "headers came with 2.11")
    def test_bad_blocks_are_refused(self):
        for block, text in (
            ('websocket { listen: "127.0.0.1:-1" }', "websocket requires TLS configuration"),
            (PLAIN % ', headers: { "Upgrade": "x" }', 'websocket: invalid header "Upgrade" not allowed'),
            (PLAIN % ", allowed_origins: ftp://a", "unable to parse allowed origin"),
        ):
            server = Server(case.Options.server, config=block)
            self.addCleanup(server.kill)
            server.spawn([server.binary, "-c", server.config_file])
            self.assertEqual(server.wait_exit(), 1)
            self.assertIn(text, server.log.text())


class TlsTest(WebsocketCase):
    @case.differs("2.9.10", "INFO is that of the client port before 2.10.16")
    def test_wss(self):
        with tempfile.TemporaryDirectory() as folder:
            certificates = Certificates(folder)
            server = self.serve_tls(certificates, more="")
            wire = self.raw(server)
            self.tls(wire, certificates).upgrade(Sec_WebSocket_Extensions="permessage-deflate")
            info = wire.open()
            self.assertTrue(info["tls_required"] and info["tls_available"])
            self.check_passes(wire, self.client(server), random_bytes(300000))
            wire.send_raw(frame("p", PING))
            wire.expect_pong(b"p")
            wire.send_close(1000, "bye")
            wire.expect_closed(1000, "bye")
            failed = r"websocket: TLS handshake error from 127.0.0.1:\d+: "
            for text in (request(), "HEAD / HTTP/1.1\r\n"):
                plain = self.raw(server)
                plain.send_split(text.encode())
                self.assertEqual(plain.read_to_end(), CLEAR_TEXT)
                server.log.wait(failed + "client sent an HTTP request to an HTTPS server")
            plain = self.raw(server)
            plain.send("CONNECT {}\r\n")
            self.assertEqual(plain.read_to_end(), b"")
            self.raw(server).close()
            self.tls(self.raw(server), certificates).upgrade()

    def test_new_certificates_count_after_a_reload(self):
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
            certificates, fresh = Certificates(folder), Certificates(other)
            server = self.serve_tls(certificates)
            old = self.tls(self.raw(server), certificates)
            old.upgrade()
            old.open()
            guest = self.tls(self.raw(server), certificates)  # its upgrade comes after the reload
            for source, target in ((fresh.cert, certificates.cert), (fresh.key, certificates.key)):
                shutil.copyfile(source, target)
            server.send_signal(1)
            server.log.wait("Reloaded server configuration")
            new = self.tls(self.raw(server), fresh)
            new.upgrade()
            new.open()
            guest.upgrade()
            guest.open()
            self.check_passes(old, new)
            with self.assertRaises(ssl.SSLError):
                self.tls(self.raw(server), certificates)

    @case.differs("2.9.10", "it forgets the pins of this port, as 2.15.3 does")
    def test_certificates_of_clients(self):
        with tempfile.TemporaryDirectory() as folder:
            certificates = Certificates(folder)
            alice = certificates.issue("alice", "/CN=alice", "DNS:alice")
            bob = certificates.issue("bob", "/CN=bob", "DNS:bob")
            users = "authorization { users: [ { user: alice, permissions: { publish: hello } } ] }"
            server = self.serve_tls(certificates, f'ca_file: "{certificates.ca}", verify_and_map: true', users)
            wire = self.tls(self.raw(server), certificates, alice)
            wire.upgrade()
            wire.open()
            wire.send("PUB other 0\r\n\r\n")
            wire.expect("-ERR 'Permissions Violation for Publish to \"other\"'\r\n")
            wire = self.tls(self.raw(server), certificates, bob)
            wire.upgrade()
            wire.read_info()
            wire.send("CONNECT {}\r\n")
            wire.expect("-ERR 'Authorization Violation'\r\n")
            pins = f'verify: true, ca_file: "{certificates.ca}", pinned_certs: ["{certificates.pin(alice[0])}"]'
            pinned = self.serve_tls(certificates, pins)
            self.tls(self.raw(pinned), certificates, alice).upgrade()
            for client in (bob, None):
                wire = self.raw(pinned)
                try:
                    self.tls(wire, certificates, client).send(request())
                except ssl.SSLError:
                    continue
                wire.expect_end()


class MonitoringTest(WebsocketCase):
    def test_connz_and_varz(self):
        server = self.serve(", same_origin: true", 'http: "127.0.0.1:-1"')
        self.login(server)
        port = int(server.log.wait(r"Starting http monitor on \S+:(\d+)")[0].group(1))
        varz = self.page(port, "/varz")
        self.assertEqual(
            varz["websocket"],
            {"host": "127.0.0.1", "port": server.websocket, "no_tls": True, "same_origin": True},
        )
        self.assertNotIn("tls_cert_not_after", varz)
        connection = self.page(port, "/connz")["connections"][0]
        self.assertEqual((connection["kind"], connection["type"]), ("Client", "websocket"))
        self.assertNotIn("tls_version", connection)

    @case.differs("2.9.10", "it shows no tls_version of such connections")
    def test_figures_of_an_encrypted_connection(self):
        with tempfile.TemporaryDirectory() as folder:
            certificates = Certificates(folder)
            server = self.serve_tls(certificates, more='http: "127.0.0.1:-1"')
            port = int(server.log.wait(r"Starting http monitor on \S+:(\d+)")[0].group(1))
            wire = self.tls(self.raw(server), certificates)
            wire.upgrade()
            wire.open()
            wire.send("SUB a 1\r\nPUB a 5\r\nhello\r\n")
            wire.expect_message("a", 1, b"hello")
            connection = self.page(port, "/connz?subs=1")["connections"][0]
            self.assertEqual(connection["type"], "websocket")
            self.assertEqual(connection["tls_version"], "1.3")
            command = ["openssl", "x509", "-in", certificates.cert, "-noout", "-enddate", "-dateopt", "iso_8601"]
            shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            end = shown.strip().partition("=")[2].replace(" ", "T")
            self.assertEqual(self.page(port, "/varz")["websocket"]["tls_cert_not_after"], end)
            counters = [connection[key] for key in ("in_msgs", "out_msgs", "in_bytes", "out_bytes")]
            self.assertEqual(counters, [1, 1, 5, 5])
            self.assertEqual(connection["subscriptions_list"], ["a"])
            wire.send_close()
            wire.expect_closed(1000)
            closed = self.page(port, "/connz?state=closed")["connections"][0]
            self.assertEqual((closed["type"], closed["reason"]), ("websocket", "Client Closed"))

    @case.differs("2.9.10", "it has no /metrics")
    def test_metrics(self):
        server = self.serve("", 'http: "127.0.0.1:-1"')
        port = int(server.log.wait(r"Starting http monitor on \S+:(\d+)")[0].group(1))
        wire, _ = self.login(server), self.client(server)

        def figures():
            lines = self.read_page(port, "/metrics").splitlines()
            return [line for line in lines if re.match("nats_uring_(websocket_)?connections ", line)]

        self.assertEqual(figures(), ["nats_uring_connections 2", "nats_uring_websocket_connections 1"])
        wire.send_close()
        wire.expect_closed(1000)
        left = ["nats_uring_connections 1", "nats_uring_websocket_connections 0"]
        self.wait_for(lambda: figures() == left, "its end shows")

    def page(self, port, path):
        return json.loads(self.read_page(port, path))

    @staticmethod
    def read_page(port, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=DEADLINE_S) as answer:
            return answer.read().decode()


if __name__ == "__main__":
    case.main()
