# SPDX-License-Identifier: Apache-2.0
"""Traffic: steady load of known size from named connections, for tests of what a server counts.

One thread sends what is due every TURN_S seconds and reads what came, so rates hold on average, also on
a slow machine: what was missed is sent at the next turn. stop() returns when everything sent has been
processed, so that counters can be compared exactly.
"""

import threading
import time

from support.wire import connected

TURN_S = 0.05


class Publisher:
    def __init__(self, wire, subject, per_second, size):
        self.wire = wire
        self.frame = f"PUB {subject} {size}\r\n".encode() + b"x" * size + b"\r\n"
        self.size = size
        self.per_second = per_second
        self.sent = 0

    def send_due(self, elapsed_s):
        due = int(elapsed_s * self.per_second) - self.sent
        if due > 0:
            self.wire.send(self.frame * due)
            self.sent += due


class Traffic:
    """Threads: all methods from one thread; its own thread is inside. stop() before the server ends."""

    def __init__(self, server):
        self._server = server
        self._publishers = []
        self._readers = []
        self._stop = threading.Event()
        self._thread = None

    def subscribe(self, name, *subjects):
        wire = connected(self._server, name=name)
        for sid, subject in enumerate(subjects, 1):
            wire.send(f"SUB {subject} {sid}\r\n")
        wire.expect_quiet()
        self._readers.append(wire)
        return wire

    def publish(self, name, subject, per_second, size):
        publisher = Publisher(connected(self._server, name=name), subject, per_second, size)
        self._publishers.append(publisher)
        return publisher

    def start(self):
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def _run(self):
        begin = time.monotonic()
        while not self._stop.wait(TURN_S):
            elapsed_s = time.monotonic() - begin
            for publisher in self._publishers:
                publisher.send_due(elapsed_s)
            for wire in [*self._readers, *(publisher.wire for publisher in self._publishers)]:
                self._read(wire)

    @staticmethod
    def _read(wire):
        """Discards what is there; the payloads hold no PING."""
        while wire.receive(time.monotonic() + 0.0005):
            if b"PING\r\n" in wire.buffer:
                wire.send("PONG\r\n")
            wire.buffer.clear()

    def stop(self):
        """Ends the load; afterwards all of it has passed through the server. Returns (messages, bytes) sent."""
        self._stop.set()
        if self._thread:
            self._thread.join()
            self._thread = None
            for wire in [*(publisher.wire for publisher in self._publishers), *self._readers]:
                self._await_pong(wire)
        publishers = self._publishers
        return sum(p.sent for p in publishers), sum(p.sent * p.size for p in publishers)

    @staticmethod
    def _await_pong(wire):
        wire.send("PING\r\n")
        seen = b""
        end = time.monotonic() + wire.deadline_s
        while b"PONG\r\n" not in seen:
            if not wire.receive(end):
                raise AssertionError("no PONG after the load")
            seen = seen[-8:] + bytes(wire.buffer)
            wire.buffer.clear()

    def close(self):
        self._stop.set()
        if self._thread:
            self._thread.join()
        for wire in [*self._readers, *(publisher.wire for publisher in self._publishers)]:
            wire.close()
