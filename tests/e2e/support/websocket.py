# SPDX-License-Identifier: Apache-2.0
"""WebsocketWire is a Wire whose bytes travel as the payload of WebSocket frames (RFC 6455).

The upgrade and the frames are made by hand, so that a test can break any rule of either. What the server
closes with is kept in `closed`: (code, text), or () for a close frame without a code.
"""

import os
import re
import ssl
import struct
import time
import zlib

from support.wire import Wire, WireError

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
BINARY, CLOSE, PING, PONG = 2, 8, 9, 10
LISTENING = re.compile(r"Listening for websocket clients on (wss?)://(\S+):(\d+)")

FIELDS = {
    "Host": "127.0.0.1",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}


def websocket_port(server):
    return int(server.log.wait(LISTENING)[0].group(3))


def request(path="/", method="GET", version="1.1", **fields):
    """An upgrade request; underscores in names stand for dashes, None leaves a field out."""
    merged = {**FIELDS, **{name.replace("_", "-"): value for name, value in fields.items()}}
    lines = [f"{method} {path} HTTP/{version}"]
    lines += [f"{name}: {value}" for name, value in merged.items() if value is not None]
    return "\r\n".join(lines) + "\r\n\r\n"


def frame(payload, opcode=BINARY, final=True, bits=0, mask=b"\x11\x22\x33\x44", size=None):
    payload = payload.encode() if isinstance(payload, str) else payload
    size = len(payload) if size is None else size
    head = bytes([opcode | (0x80 if final else 0) | bits])
    flag = 0x80 if mask else 0
    if size < 126:
        head += bytes([flag | size])
    elif size < 65536:
        head += bytes([flag | 126]) + struct.pack(">H", size)
    else:
        head += bytes([flag | 127]) + struct.pack(">Q", size)
    if not mask:
        return head + payload
    key = int.from_bytes((mask * (len(payload) // 4 + 1))[: len(payload)], "big")
    return head + mask + (int.from_bytes(payload, "big") ^ key).to_bytes(len(payload), "big")


def deflated(payload):
    """The payload of a compressed message."""
    payload = payload.encode() if isinstance(payload, str) else payload
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (packer.compress(payload) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


class WebsocketWire(Wire):
    """After upgrade() the methods of Wire speak NATS; frames of the server land in `frames`."""

    def __init__(self, port, **options):
        super().__init__(port, **options)
        self.frames = []  # (first byte, payload size) of the data frames that came
        self.pongs = []
        self.closed = None
        self.upgraded = False
        self._raw = bytearray()
        self._message = bytearray()
        self._compressed = False
        self.mask = b"\x01\x02\x03\x04"

    def upgrade(self, path="/", **fields):
        """Sends the request, and returns the fields of the answer, which must be a 101."""
        self.send_raw(request(path, **fields))
        answer = self.read_answer()
        if not answer.startswith("HTTP/1.1 101 "):
            raise WireError(f"no upgrade: {answer!r}")
        self.upgraded = True
        self._raw = self.buffer
        self.buffer = bytearray()
        self._take_frames()
        lines = [line.partition(": ") for line in answer.split("\r\n")[1:] if line]
        return {name: value for name, _, value in lines}

    def read_head(self):
        """The head of an HTTP answer, with its empty line."""
        end = time.monotonic() + self.deadline_s
        while b"\r\n\r\n" not in self.buffer:
            if not self.receive(end):
                self._fail("an HTTP answer")
        head, _, rest = bytes(self.buffer).partition(b"\r\n\r\n")
        self.buffer = bytearray(rest)
        return (head + b"\r\n\r\n").decode()

    def read_answer(self):
        """The head of an HTTP answer, and its body, if it has a length."""
        head = self.read_head()
        length = re.search(r"Content-Length: (\d+)", head)
        return head + (self.read(int(length.group(1))).decode() if length else "")

    def send_raw(self, content):
        Wire.send(self, content)

    def send(self, content):
        self.send_raw(frame(content, mask=self.mask) if self.upgraded else content)

    def send_close(self, code=1000, text=""):
        self.send_raw(frame(struct.pack(">H", code) + text.encode(), CLOSE))

    def receive(self, end):
        if not self.upgraded:
            return self._receive(end)
        kept, self.buffer = self.buffer, self._raw
        got = self._receive(end)
        self._raw, self.buffer = self.buffer, kept
        if got:
            self._take_frames()
        return got

    def _receive(self, end):
        try:
            # What TLS has decrypted already makes no socket readable.
            if isinstance(self.socket, ssl.SSLSocket) and self.socket.pending() > 0:
                self.buffer += self.socket.recv(1 << 18)
                return True
            return super().receive(end)
        except ssl.SSLError:  # an alert is an end, too
            self.ended = True
            return False

    def _take_frames(self):
        while True:
            raw = self._raw
            if len(raw) < 2:
                return
            size, at = raw[1], 2
            if size & 0x80:
                raise WireError("the server masks")
            if size == 126:
                if len(raw) < 4:
                    return
                size, at = struct.unpack(">H", raw[2:4])[0], 4
            elif size == 127:
                if len(raw) < 10:
                    return
                size, at = struct.unpack(">Q", raw[2:10])[0], 10
            if len(raw) < at + size:
                return
            first, payload = raw[0], bytes(raw[at : at + size])
            del raw[: at + size]
            self._take_frame(first, payload)

    def _take_frame(self, first, payload):
        opcode = first & 15
        if self.closed is not None:
            raise WireError("a frame behind the close frame")
        if opcode == PONG:
            self.pongs.append(payload)
        elif opcode == CLOSE:
            self.closed = (struct.unpack(">H", payload[:2])[0], payload[2:].decode()) if payload else ()
        else:
            self.frames.append((first, len(payload)))
            if opcode != 0:
                self._compressed = bool(first & 0x40)
            self._message += payload
            if not first & 0x80:
                return
            message, self._message = bytes(self._message), bytearray()
            if self._compressed:
                message = zlib.decompressobj(-15).decompress(message + b"\0\0\xff\xff")
            self.buffer += message

    def expect_pong(self, payload):
        end = time.monotonic() + self.deadline_s
        while not self.pongs:
            if not self.receive(end):
                self._fail("a pong frame")
        got = self.pongs.pop(0)
        if got != payload:
            raise WireError(f"expected the pong {payload!r}, got {got!r}")

    def expect_closed(self, code, text=""):
        """The close frame with this code and text comes next, and then the end."""
        self.expect_end()
        wanted = (code, text) if code else ()
        if self.closed != wanted:
            raise WireError(f"expected the close frame {wanted}, got {self.closed}")


def random_bytes(size):
    return os.urandom(size)
