# SPDX-License-Identifier: Apache-2.0
"""Wire is a raw client connection: bytes out, expected bytes in.

Every read has a deadline and ends as soon as what was asked for has arrived; a read that cannot
succeed any more (wrong bytes, end of stream) fails at once and shows what came. PINGs of the server are
answered on the way, unless a PING is what is expected: a slow machine must not change a result.
"""

import errno
import json
import re
import select
import socket
import ssl
import struct
import time

DEADLINE_S = 10.0
SEND_DEADLINE_S = 30.0
IP_BIND_ADDRESS_NO_PORT = 24  # Python 3.11 does not name it


class WireError(AssertionError):
    """The server sent something else than expected, or nothing in time."""


class Wire:
    def __init__(self, port, host="127.0.0.1", deadline_s=DEADLINE_S, receive_bytes=None, source=None):
        self.deadline_s = deadline_s
        self.buffer = bytearray()
        self.ended = False
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(SEND_DEADLINE_S)
        try:
            if source:
                # The port is chosen by connect(), so that each source address has all of them.
                self.socket.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
                self.socket.bind((source, 0))
            self.socket.connect((host, port))
        except OSError:
            self.socket.close()
            raise

    @classmethod
    def over(cls, connection):
        """A wire over a socket that is connected already."""
        wire = cls.__new__(cls)
        wire.deadline_s, wire.buffer, wire.ended, wire.socket = DEADLINE_S, bytearray(), False, connection
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(SEND_DEADLINE_S)
        return wire

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # Sending. A server that already closed the connection is found by the next read, not here.

    def send(self, content):
        content = content.encode() if isinstance(content, str) else content
        try:
            self.socket.sendall(content)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            pass

    def send_split(self, content, whole_from=4096, head=256, tail=64):
        """Sends byte by byte; of a long text only the head and the tail."""
        if len(content) <= whole_from:
            for index in range(len(content)):
                self.send(content[index : index + 1])
            return
        self.send_split(content[:head])
        for start in range(head, len(content) - tail, 1000):
            self.send(content[start : min(start + 1000, len(content) - tail)])
        self.send_split(content[-tail:])

    def shutdown(self):
        """Ends the client's direction only (half-open)."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            if error.errno != errno.ENOTCONN:  # the server was first
                raise

    def reset(self):
        """Closes with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        self.socket.close()

    # Receiving.

    def receive(self, end):
        """Adds what comes next to the buffer; False when the stream ended or the deadline passed."""
        left = end - time.monotonic()
        if self.ended or left <= 0:
            return False
        poll = select.poll()  # select() refuses descriptors above 1023
        poll.register(self.socket, select.POLLIN)
        if not poll.poll(left * 1000):
            return False
        try:
            chunk = self.socket.recv(1 << 18)
        except ConnectionResetError:
            chunk = b""
        if not chunk:
            self.ended = True
            return False
        self.buffer += chunk
        return True

    def _skip_pings(self, end):
        """Answers PINGs of the server that stand before what is expected next."""
        ping = b"PING\r\n"
        while True:
            while self.buffer and ping.startswith(self.buffer) and len(self.buffer) < len(ping):
                if not self.receive(end):
                    return
            if not self.buffer.startswith(ping):
                return
            del self.buffer[: len(ping)]
            self.send(b"PONG\r\n")

    def _fail(self, wanted):
        why = "the server closed the connection" if self.ended else "nothing more came in time"
        got = bytes(self.buffer[:300])
        raise WireError(f"expected {wanted}, got {got!r} ({len(self.buffer)} bytes); {why}")

    def read_line(self):
        """One line without its CRLF; a bare LF at the end is an error."""
        end = time.monotonic() + self.deadline_s
        self._skip_pings(end)
        while b"\n" not in self.buffer:
            if not self.receive(end):
                self._fail("a line")
            self._skip_pings(end)
        line, _, rest = self.buffer.partition(b"\n")
        if not line.endswith(b"\r"):
            raise WireError(f"line without CR: {bytes(line)!r}")
        self.buffer = rest
        return bytes(line[:-1])

    def read(self, size):
        """Exactly `size` bytes."""
        end = time.monotonic() + self.deadline_s
        while len(self.buffer) < size:
            if not self.receive(end):
                self._fail(f"{size} bytes")
        content = bytes(self.buffer[:size])
        del self.buffer[:size]
        return content

    def _drop_ping_within(self, content, end):
        """Answers a PING of the server that stands between two lines of what is expected next."""
        ping = b"PING\r\n"
        size = min(len(self.buffer), len(content))
        differs = next((i for i in range(size) if self.buffer[i] != content[i]), size)
        begin = self.buffer.rfind(b"\n", 0, differs) + 1
        if begin == 0:
            return False
        while ping.startswith(self.buffer[begin : begin + len(ping)]):
            if len(self.buffer) >= begin + len(ping):
                del self.buffer[begin : begin + len(ping)]
                self.send(b"PONG\r\n")
                return True
            if not self.receive(end):
                break
        return False

    def expect(self, content):
        """Exactly these bytes come next; fails on the first difference."""
        content = content.encode() if isinstance(content, str) else content
        end = time.monotonic() + self.deadline_s
        skips = not content.startswith(b"PING")
        while True:
            if skips:
                self._skip_pings(end)
            if self.buffer.startswith(content):
                break
            if content.startswith(self.buffer):
                if self.receive(end):
                    continue
            elif skips and self._drop_ping_within(content, end):
                continue
            self._fail(repr(content[:300]))
        del self.buffer[: len(content)]

    def expect_line(self, pattern):
        """The next line matches the pattern as a whole."""
        line = self.read_line().decode("utf-8", "surrogateescape")
        match = re.fullmatch(pattern, line)
        if not match:
            raise WireError(f"expected a line like {pattern!r}, got {line!r}")
        return match

    def expect_end(self):
        """The server closes the connection and sends nothing before that."""
        end = time.monotonic() + self.deadline_s
        while not self.ended and not self.buffer:
            if not self.receive(end) and not self.ended:
                self._fail("the end of the stream")
            self._skip_pings(end)
        if self.buffer:
            self._fail("the end of the stream")

    def read_to_end(self):
        """Everything until the server closes the connection."""
        end = time.monotonic() + self.deadline_s
        while not self.ended:
            if not self.receive(end) and not self.ended:
                self._fail("the end of the stream")
        content = bytes(self.buffer)
        self.buffer.clear()
        return content

    def expect_quiet(self):
        """Nothing is on its way: a PING is answered by PONG and nothing else before it."""
        self.send(b"PING\r\n")
        self.expect(b"PONG\r\n")

    # The usual opening.

    def read_info(self):
        line = self.read_line()
        if not line.startswith(b"INFO "):
            raise WireError(f"expected INFO, got {line!r}")
        return json.loads(line[5:])

    def open(self, **options):
        """Reads INFO and sends a quiet CONNECT; returns the INFO fields."""
        info = self.read_info()
        fields = {"verbose": False, "pedantic": False, "lang": "raw", "version": "1", **options}
        self.send("CONNECT " + json.dumps(fields) + "\r\n")
        self.expect_quiet()
        return info

    def expect_message(self, subject, sid, payload, reply=None):
        middle = f" {reply}" if reply else ""
        head = f"MSG {subject} {sid}{middle} {len(payload)}\r\n".encode()
        self.expect(head + payload + b"\r\n")


def connected(server, **options):
    """A connection on which CONNECT was accepted."""
    wire = Wire(server.port)
    wire.open(**options)
    return wire
