#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The cases of the Autobahn test suite for WebSocket servers, with its numbers, written from RFC 6455 and RFC 7692.

The suite itself wants a server that echoes messages. Here the echo is a subscription: what a case sends is the text
of a PUB, in the frames of the case, and what comes back is its MSG. Left out: texts that are not UTF-8 (6), since text
and binary frames are the same to NATS, whose payloads are any bytes.
"""

import struct
import zlib

from support import case
from support.websocket import CLOSE, PING, PONG, deflated, frame, random_bytes
from websocket_test import PLAIN, WebsocketCase

CONTINUATION, TEXT, BINARY = 0, 1, 2
RSV1, RSV2, RSV3 = 0x40, 0x20, 0x10
SIZES = (0, 125, 126, 127, 128, 65535, 65536)
OFFER = "permessage-deflate"


def publish(payload):
    return b"PUB echo %d\r\n%s\r\n" % (len(payload), payload)


class CasesCase(WebsocketCase):
    """One server for all cases of a class; each case has a connection of its own."""

    block = ""
    more = "max_payload: 8MB\nmax_pending: 256MB"

    @classmethod
    def setUpClass(cls):
        cls.server = None

    def setUp(self):
        cls = type(self)
        if cls.server is None:
            self.addCleanup = cls.addClassCleanup
            try:
                cls.server = self.serve(self.block, self.more)
            finally:
                del self.addCleanup

    def joined(self, **fields):
        wire = self.login(self.server, **fields)
        wire.send("SUB echo 1\r\n")
        wire.expect_quiet()
        return wire

    def expect_echo(self, wire, payload):
        wire.expect_message("echo", 1, payload)

    def expect_failed(self, content, text, chop=0):
        """The server ends the connection with 1002 and that text, and what stood before has been processed."""
        wire = self.joined()
        try:
            wire.send_raw(frame(publish(b"before")))
            self.send_in_pieces(wire, content, chop)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has closed before the last piece
        self.expect_echo(wire, b"before")
        wire.expect_closed(1002, text)

    @staticmethod
    def send_in_pieces(wire, content, chop):
        for at in range(0, len(content), chop or len(content) or 1):
            wire.send_raw(content[at : at + (chop or len(content))])


class FramingTest(CasesCase):
    """1: data frames."""

    def check(self, opcode):
        for number, size in enumerate(SIZES, 1):
            with self.subTest(f"1.{opcode}.{number}"):
                wire, payload = self.joined(), b"*" * size
                wire.send_raw(frame(publish(payload), opcode))
                self.expect_echo(wire, payload)
        with self.subTest(f"1.{opcode}.8"):
            wire, payload = self.joined(), random_bytes(65536)
            self.send_in_pieces(wire, frame(publish(payload), opcode), 997)
            self.expect_echo(wire, payload)

    def test_1_1_text(self):
        self.check(TEXT)

    def test_1_2_binary(self):
        self.check(BINARY)


class PingTest(CasesCase):
    """2: pings and pongs."""

    def test_pings_are_answered_with_their_payload(self):
        noise = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"
        for number, payload, chop in (("2.1", b"", 0), ("2.2", b"Hello, world!", 0), ("2.3", noise, 0),
                                      ("2.4", b"\xfe" * 125, 0), ("2.6", b"\xfe" * 125, 1)):  # fmt: skip
            with self.subTest(number):
                wire = self.joined()
                self.send_in_pieces(wire, frame(payload, PING), chop)
                wire.expect_pong(payload)

    @case.differs("2.9.10", "its close frame mostly gets lost")
    def test_2_5_a_ping_that_is_too_long(self):
        self.expect_failed(frame(b"\xfe" * 126, PING), "control frame length bigger than maximum allowed of 125 bytes")

    def test_pongs_that_nobody_asked_for(self):
        for number, payload in (("2.7", b""), ("2.8", b"unsolicited pong payload")):
            with self.subTest(number):
                wire = self.joined()
                wire.send_raw(frame(payload, PONG))
                wire.expect_quiet()
                self.assertEqual(wire.pongs, [])
        with self.subTest("2.9"):
            wire = self.joined()
            wire.send_raw(frame("unsolicited pong payload", PONG) + frame("ping payload", PING))
            wire.expect_pong(b"ping payload")

    def test_many_pings(self):
        for number, chop in (("2.10", 0), ("2.11", 1)):
            with self.subTest(number):
                wire = self.joined()
                payloads = [b"payload-%d" % i for i in range(10)]
                self.send_in_pieces(wire, b"".join(frame(each, PING) for each in payloads), chop)
                for each in payloads:
                    wire.expect_pong(each)


class ReservedTest(CasesCase):
    """3: reserved bits; 4: reserved opcodes."""

    @case.differs("2.9.10", "reserved bits are not checked before 2.11.14")
    def test_3_reserved_bits(self):
        reserved = "RSV2 and RSV3 must be clear"
        compressed = "compressed frame received without negotiated permessage-deflate"
        for number, bits, opcode, text, chop in (
            ("3.1", RSV1, TEXT, compressed, 0), ("3.2", RSV2, TEXT, reserved, 0),
            ("3.3", RSV2 | RSV3, TEXT, reserved, 0), ("3.4", RSV3, TEXT, reserved, 1),
            ("3.5", RSV1 | RSV3, BINARY, reserved, 0), ("3.6", RSV1 | RSV2, PING, reserved, 0),
            ("3.7", RSV1 | RSV2 | RSV3, CLOSE, reserved, 0),
        ):  # fmt: skip
            with self.subTest(number):
                self.expect_failed(frame("" if opcode == CLOSE else "Hello", opcode, bits=bits), text, chop)

    @case.differs("2.9.10", "its close frame mostly gets lost")
    def test_4_reserved_opcodes(self):
        for group, first in (("4.1", 3), ("4.2", 11)):
            for number in range(5):
                with self.subTest(f"{group}.{number + 1}"):
                    opcode = first + number
                    self.expect_failed(frame("" if number % 2 == 0 else "reserved", opcode), f"unknown opcode {opcode}",
                                       chop=1 if number == 4 else 0)  # fmt: skip


class FragmentsTest(CasesCase):
    """5: fragmentation."""

    @case.differs("2.9.10", "its close frame mostly gets lost")
    def test_fragmented_control_frames(self):
        for number, opcode in (("5.1", PING), ("5.2", PONG)):
            with self.subTest(number):
                content = frame("fragment1", opcode, final=False) + frame("fragment2", CONTINUATION)
                self.expect_failed(content, "control frame does not have final bit set")

    def test_two_fragments(self):
        text = publish(b"fragment1fragment2")
        for numbers, between in ((("5.3", "5.4", "5.5"), b""), (("5.6", "5.7", "5.8"), frame("ping", PING))):
            for number, chop in zip(numbers, (0, 997, 1)):
                with self.subTest(number):
                    wire = self.joined()
                    content = frame(text[:14], TEXT, final=False) + between + frame(text[14:], CONTINUATION)
                    self.send_in_pieces(wire, content, chop)
                    if between:
                        wire.expect_pong(b"ping")
                    self.expect_echo(wire, b"fragment1fragment2")

    @case.differs("2.9.10", "its close frame mostly gets lost")
    def test_continuations_of_nothing(self):
        for numbers, final in ((("5.9", "5.10", "5.11"), True), (("5.12", "5.13", "5.14"), False)):
            for number, chop in zip(numbers, (0, 5, 1)):
                with self.subTest(number):
                    content = frame("non-continuation payload", CONTINUATION, final=final) + frame("Hello", TEXT)
                    self.expect_failed(content, "invalid continuation frame", chop)
        text = publish(b"fragment1fragment2")
        whole = frame(text[:14], TEXT, final=False) + frame(text[14:], CONTINUATION)
        for number, more in (("5.15", frame("fragment3", CONTINUATION, final=False) + frame("fragment4", TEXT)),
                             ("5.16", frame("fragment1", CONTINUATION, final=False)),
                             ("5.17", frame("fragment1", CONTINUATION))):  # fmt: skip
            with self.subTest(number):
                wire = self.joined()
                wire.send_raw(whole + more)
                self.expect_echo(wire, b"fragment1fragment2")
                wire.expect_closed(1002, "invalid continuation frame")

    @case.differs("2.9.10", "its close frame mostly gets lost")
    def test_5_18_a_message_inside_another(self):
        self.expect_failed(frame("PI", TEXT, final=False) + frame("NG\r\n", TEXT),
                           "new message started before final frame for previous message was received")  # fmt: skip

    def test_pings_between_many_fragments(self):
        text = publish(b"fragment1fragment2fragment3fragment4fragment5")
        parts = [text[i : i + 12] for i in range(0, len(text), 12)]
        for number, chop in (("5.19", 0), ("5.20", 1)):
            with self.subTest(number):
                wire = self.joined()
                for index, part in enumerate(parts):
                    opcode = CONTINUATION if index else TEXT
                    content = frame(part, opcode, final=index == len(parts) - 1)
                    self.send_in_pieces(wire, content + frame(b"p%d" % index, PING), chop)
                for index in range(len(parts)):
                    wire.expect_pong(b"p%d" % index)
                self.expect_echo(wire, b"fragment1fragment2fragment3fragment4fragment5")


class CloseTest(CasesCase):
    """7: the end."""

    BYE = struct.pack(">H", 1000)

    def test_a_message_and_the_end(self):
        wire = self.joined()  # 7.1.1
        wire.send_raw(frame(publish(b"Hello")) + frame(self.BYE, CLOSE))
        self.expect_echo(wire, b"Hello")
        wire.expect_closed(1000)

    def test_what_comes_behind_the_end(self):
        half = frame("PUB echo 2\r\n", TEXT, final=False)
        for number, before, after in (
            ("7.1.2", b"", frame(self.BYE, CLOSE)), ("7.1.3", b"", frame("ping", PING)),
            ("7.1.4", b"", frame(publish(b"late"))), ("7.1.5", half, frame("hi\r\n", CONTINUATION)),
            ("7.1.6", frame(publish(b"x" * 262144)), frame("ping", PING)),
        ):  # fmt: skip
            with self.subTest(number):
                if number == "7.1.6" and case.Options.reference:
                    self.skipTest("its close frame may overtake the message")
                wire = self.joined()
                wire.send_raw(before + frame(self.BYE, CLOSE) + after)
                if number == "7.1.6":
                    self.expect_echo(wire, b"x" * 262144)
                wire.expect_closed(1000)
                self.assertEqual(wire.pongs, [])

    @case.differs("2.9.10", "it answers an empty close frame with 1005")
    def test_the_answer_has_the_same_code_and_reason(self):
        for number, payload, closed in (
            ("7.3.1", b"", (None, "")), ("7.3.3", self.BYE, (1000, "")),
            ("7.3.4", self.BYE + b"Hello", (1000, "Hello")),
            ("7.3.5", self.BYE + b"*" * 123, (1000, "*" * 123)),
            ("7.5.1", self.BYE + b"\xce\xba\xed\xa0\x80edited", (1007, "invalid utf8 body in close frame")),
        ):  # fmt: skip
            with self.subTest(number):
                wire = self.joined()
                wire.send_raw(frame(payload, CLOSE))
                wire.expect_closed(*closed)

    @case.differs("2.9.10", "its close frame mostly gets lost")
    def test_bad_payloads(self):
        self.expect_failed(frame(b"a", CLOSE), "close frame payload cannot be 1 byte")  # 7.3.2
        text = "control frame length bigger than maximum allowed of 125 bytes"
        self.expect_failed(frame(self.BYE + b"*" * 124, CLOSE), text)  # 7.3.6

    @case.differs("2.9.10", "codes are not checked before 2.11.14")
    def test_codes(self):
        good = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
        for number, code in enumerate(good, 1):
            with self.subTest(f"7.7.{number}"):
                wire = self.joined()
                wire.send_raw(frame(struct.pack(">H", code), CLOSE))
                wire.expect_closed(code)
        for number, code in enumerate((0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999), 1):
            with self.subTest(f"7.9.{number}"):
                self.expect_failed(frame(struct.pack(">H", code), CLOSE), f"invalid close status code {code}")
        for number, code in enumerate((5000, 65535), 1):
            with self.subTest(f"7.13.{number}"):
                self.expect_failed(frame(struct.pack(">H", code), CLOSE), f"invalid close status code {code}")


class LimitsTest(CasesCase):
    """9: large messages, in frames and writes of all sizes; many small ones. 10: odd cuts."""

    def test_large_messages(self):
        for number, size in enumerate((64 << 10, 256 << 10, 1 << 20, 4 << 20), 1):
            for group, opcode in (("9.1", TEXT), ("9.2", BINARY)):
                with self.subTest(f"{group}.{number}"):
                    wire, payload = self.joined(), random_bytes(size)
                    wire.send_raw(frame(publish(payload), opcode))
                    self.expect_echo(wire, payload)

    def test_one_large_message_in_small_frames(self):
        payload = random_bytes(1 << 20)
        text = publish(payload)
        for group, opcode in (("9.3", TEXT), ("9.4", BINARY)):
            for number, size in enumerate((64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10), 1):
                with self.subTest(f"{group}.{number}"):
                    wire = self.joined()
                    pieces = range(0, len(text), size)
                    wire.send_raw(b"".join(
                        frame(text[at : at + size], opcode if at == 0 else CONTINUATION, final=at == pieces[-1])
                        for at in pieces))  # fmt: skip
                    self.expect_echo(wire, payload)

    def test_one_large_message_in_small_writes(self):
        payload = random_bytes(1 << 20)
        for group, opcode in (("9.5", TEXT), ("9.6", BINARY)):
            for number, size in enumerate((64, 256, 1024), 1):
                with self.subTest(f"{group}.{number}"):
                    wire = self.joined()
                    self.send_in_pieces(wire, frame(publish(payload), opcode), size)
                    self.expect_echo(wire, payload)

    def test_many_messages(self):
        for group, opcode in (("9.7", TEXT), ("9.8", BINARY)):
            for number, size in enumerate((0, 16, 64, 256, 1024, 4096), 1):
                with self.subTest(f"{group}.{number}"):
                    wire, payload = self.joined(), b"*" * size
                    wire.send_raw(frame(publish(payload), opcode) * 1000)
                    for _ in range(1000):
                        self.expect_echo(wire, payload)

    def test_10_1_frames_that_end_anywhere(self):
        payload = b"*" * 65536
        text = publish(payload)
        wire = self.joined()
        pieces = range(0, len(text), 1300)
        wire.send_raw(b"".join(frame(text[at : at + 1300], TEXT if at == 0 else CONTINUATION, final=at == pieces[-1])
                               for at in pieces))  # fmt: skip
        self.expect_echo(wire, payload)


class CompressedTest(CasesCase):
    """12 and 13: permessage-deflate, with texts of all sizes and any offer."""

    block = ", compression: true"

    def echo(self, wire, payload, parts=1, level=6):
        packer = zlib.compressobj(level, zlib.DEFLATED, -15)
        message = (packer.compress(publish(payload)) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]
        size = max(1, -(-len(message) // parts))
        pieces = range(0, len(message), size)
        wire.send_raw(b"".join(
            frame(message[at : at + size], BINARY if at == 0 else CONTINUATION, final=at == pieces[-1],
                  bits=RSV1 if at == 0 else 0) for at in pieces))  # fmt: skip
        self.expect_echo(wire, payload)

    @case.differs("2.9.10", "it inflates no more than max_payload")
    def test_12_messages_of_all_sizes(self):
        text = b"".join(b'{"number": %d, "name": "value of a JSON text"},\n' % i for i in range(4000))
        for group, content in (("12.1", text), ("12.2", random_bytes(len(text)))):
            for number, size in enumerate((16, 64, 256, 1024, 4096, 8192, 16384, 32768, 65536, 131072), 1):
                for parts in (1, 3):
                    with self.subTest(f"{group}.{number}", parts=parts):
                        wire = self.joined(Sec_WebSocket_Extensions=OFFER)
                        for count in range(10):
                            self.echo(wire, content[count : count + size], parts)

    @case.differs("2.9.10", "it grants a window that it does not keep to")
    def test_13_offers(self):
        """The server's window is not for the client to choose: such an offer is declined (RFC 7692, 7.1.2.1)."""
        granted = OFFER + "; server_no_context_takeover; client_no_context_takeover"
        for number, offer, is_granted in (
            ("13.1", OFFER + "; client_no_context_takeover; client_max_window_bits", True),
            ("13.2", OFFER + "; server_no_context_takeover; client_no_context_takeover; client_max_window_bits", True),
            ("13.3", OFFER + "; server_max_window_bits=9; client_max_window_bits", False),
            ("13.4", OFFER + "; server_max_window_bits=15; client_max_window_bits", False),
            ("13.5", OFFER + "; server_no_context_takeover; server_max_window_bits=9", False),
            ("13.6", OFFER + "; server_no_context_takeover; server_max_window_bits=15", False),
            ("13.7", OFFER + "; server_no_context_takeover; server_max_window_bits=9; client_max_window_bits, "
             + OFFER + "; server_no_context_takeover; client_max_window_bits, " + OFFER, True),
        ):  # fmt: skip
            with self.subTest(number):
                wire = self.upgraded(self.server, Sec_WebSocket_Extensions=offer)
                self.assertEqual(wire.answer.get("Sec-WebSocket-Extensions"), granted if is_granted else None)
                wire.open()
                wire.send("SUB echo 1\r\n")
                if not is_granted:
                    continue
                for size in (16, 1024, 32768):
                    for level in (1, 9):
                        self.echo(wire, b"window " * size, level=level)

    @case.differs("2.9.10", "it ends at an empty message")
    def test_a_message_that_is_stored_and_one_that_is_empty(self):
        wire = self.joined(Sec_WebSocket_Extensions=OFFER)
        self.echo(wire, random_bytes(300), level=0)
        wire.send_raw(frame(b"", bits=RSV1) + frame(b"\x00", bits=RSV1) + frame(deflated(publish(b"x")), bits=RSV1))
        self.expect_echo(wire, b"x")


if __name__ == "__main__":
    case.main()
