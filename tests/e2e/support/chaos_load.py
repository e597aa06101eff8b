# SPDX-License-Identifier: Apache-2.0
"""Load: clients that publish numbered messages, subscribe, come and go; what they see goes to a Verdict.

Threads: its own thread does all the input and output of the clients, under `lock`; others hold `lock` for a call.
Limits:  a publisher with OUT_MAX bytes that its server does not take publishes nothing meanwhile.
"""

import collections
import errno
import json
import random
import selectors
import socket
import threading
import time

TURN_S = 0.01
BURST_MAX = 200
OUT_MAX = 1 << 16
LAG_MAX_S, REST_S = 1.5, 0.3  # on a machine that does not keep up publishers rest until it does
CONFIRM_S = 0.25
RETRY_S = 0.15
LINGER_S = 0.3  # time after its UNSUB in which a client still reads
CHUNK = 1 << 18
SIZES = [16] * 6 + [120] * 8 + [1000] * 4 + [6000]
LARGE, LARGE_SHARE = 40_000, 0.002
FILL = b"x" * LARGE
DEAD_SUBJECTS = 4


class Client:
    """A named client that connects anew when its connection ends. Of a kind: on_ready(), on_message(), on_gone()."""

    moves = False

    def __init__(self, load, name, server, account):
        self.load, self.name, self.account = load, name, account
        self.home = self.server = server
        self.incarnation = 0
        self.socket = None
        self.state = "away"  # away, connecting, opening, ready
        self.retry_at = 0.0
        self.refusals = 0
        self.events = 0
        self.wanted = True
        self.inbound = bytearray()
        self.outbound = bytearray()
        self.pongs = collections.deque()  # what to call at each PONG

    @property
    def ready(self):
        return self.state == "ready"

    def connect(self):
        self.incarnation += 1
        self.inbound, self.outbound = bytearray(), bytearray()
        self.pongs.clear()
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = self.socket.connect_ex(("127.0.0.1", self.server.port))
        if code not in (0, errno.EINPROGRESS):
            self.gone()
            return
        self.state = "connecting"
        self.events = selectors.EVENT_READ
        self.load.selector.register(self.socket, self.events, self)

    def gone(self, clean=False):
        """The connection has ended, or is ended here."""
        if self.socket:
            if self.events:
                self.load.selector.unregister(self.socket)
                self.events = 0
            self.socket.close()
            self.socket = None
        was_ready, self.state = self.ready, "away"
        self.refusals = 0 if was_ready else self.refusals + 1
        self.retry_at = self.load.now + RETRY_S * (1 + self.load.draw.random())
        if was_ready:
            self.on_gone(clean)

    def send(self, content, after=None):
        """`after` is called when the server has confirmed all that was sent."""
        self.outbound += content
        if after:
            self.outbound += b"PING\r\n"
            self.pongs.append(after)
        self.flush()

    def flush(self):
        if self.outbound and self.socket and self.state != "connecting":
            try:
                del self.outbound[: self.socket.send(self.outbound)]
            except BlockingIOError:
                pass
            except OSError:
                self.gone()
                return
        if self.socket:
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self.outbound else 0)
            if events != self.events:
                self.load.selector.modify(self.socket, events, self)
                self.events = events

    def on_io(self, events):
        if events & selectors.EVENT_READ:
            try:
                chunk = self.socket.recv(CHUNK)
            except BlockingIOError:
                chunk = None
            except OSError:
                chunk = b""
            if chunk == b"":
                self.gone()
                return
            if chunk:
                if self.state == "connecting":
                    self.state = "opening"
                self.inbound += chunk
                self.parse()
        if events & selectors.EVENT_WRITE and self.socket:
            self.flush()

    def parse(self):
        buffer, at = self.inbound, 0
        while self.socket and (end := buffer.find(b"\r\n", at)) >= 0:
            line = bytes(buffer[at:end])
            if line.startswith(b"MSG "):
                fields = line.split()
                begin = end + 2
                stop = begin + int(fields[-1])
                if len(buffer) < stop + 2:
                    break
                if buffer[stop : stop + 2] != b"\r\n":
                    self.load.verdict.fail(f"{self.name}: a broken frame: {line!r}")
                self.on_message(fields[1].decode(), int(fields[2]), buffer[begin:stop])
                at = stop + 2
                continue
            at = end + 2
            self.on_line(line)
        if self.inbound is buffer:
            del buffer[:at]

    def on_line(self, line):
        if line == b"PING":
            self.send(b"PONG\r\n")
        elif line == b"PONG":
            if self.pongs:
                self.pongs.popleft()()
        elif line.startswith(b"INFO "):
            if self.state == "opening" and not self.pongs:
                fields = {"verbose": False, "pedantic": False, "lang": "raw", "version": "1", "protocol": 1,
                          "name": self.name, "user": self.account, "pass": self.account, "headers": True}  # fmt: skip
                self.send(b"CONNECT " + json.dumps(fields).encode() + b"\r\n" + self.opening(), self.opened)
            elif json.loads(line[5:]).get("ldm"):
                self.on_lame_duck()
        elif line.startswith(b"-ERR"):
            self.load.errors[line.decode("utf-8", "replace")] += 1
        elif line != b"+OK":
            self.load.verdict.fail(f"{self.name}: an unknown line: {line[:100]!r}")

    def opening(self):
        return b""

    def opened(self):
        self.state = "ready"
        self.on_ready()

    def on_lame_duck(self):
        pass

    def on_message(self, subject, sid, payload):
        self.load.verdict.fail(f"{self.name}: an unexpected message on {subject}")

    def move(self):
        """To another server that runs, at the next connect."""
        others = [each for each in self.load.servers if each.takes_clients]
        if others:
            self.server = self.load.draw.choice(others)


class Publisher(Client):
    """Goes to another server while its own is away."""

    moves = True

    def __init__(self, load, name, server, account, subjects, per_second):
        super().__init__(load, name, server, account)
        self.subjects, self.per_second = subjects, per_second
        self.publication = None
        self.clock = self.confirm_at = 0.0
        self.leaving = False

    def on_ready(self):
        self.leaving = False
        self.clock = self.load.now
        self.publication = self.load.verdict.open_publication(
            f"{self.name}.{self.incarnation}", self.server.name, self.account, self.load.now)  # fmt: skip

    def on_gone(self, clean):
        self.load.verdict.close_publication(self.publication, self.load.now, clean)

    def on_lame_duck(self):
        self.leave()

    def leave(self):
        """A clean end: what was published has been confirmed."""
        if self.ready and not self.leaving:
            self.leaving = True
            self.send(b"", lambda: self.gone(clean=True))

    def turn(self):
        load, draw = self.load, self.load.draw
        if self.server is not self.home and self.home.takes_clients:
            self.leave()
        if self.leaving or len(self.outbound) > OUT_MAX or load.now < load.rests_until:
            self.clock = load.now
            return
        count = min(int((load.now - self.clock) * self.per_second), BURST_MAX)
        if count <= 0:
            return
        self.clock = max(self.clock + count / self.per_second, load.now - 0.5)
        frames = []
        name = self.publication.name.encode()
        for _ in range(count):
            subject = draw.choice(self.subjects)
            number = load.verdict.published(self.publication, subject, load.now)
            size = LARGE if draw.random() < LARGE_SHARE else draw.choice(SIZES)
            payload = b"%s %d " % (name, number)
            payload += FILL[: max(0, size - len(payload))]
            frames.append(b"PUB %s %d\r\n%s\r\n" % (subject.encode(), len(payload), payload))
        self.send(b"".join(frames))
        if load.now >= self.confirm_at and self.socket:
            self.confirm_at = load.now + CONFIRM_S
            counts = {subject: len(times) for subject, times in self.publication.sent.items()}
            publication = self.publication
            self.send(b"", lambda: publication.confirmed.update(counts))


class Subscriber(Client):
    """With subscriptions (pattern, queue), sids from 1 on."""

    def __init__(self, load, name, server, account, patterns, steady=True):
        super().__init__(load, name, server, account)
        self.patterns, self.steady = patterns, steady
        self.subscriptions = {}

    def opening(self):
        lines = [f"SUB {pattern} {queue} {sid}\r\n" for sid, (pattern, queue) in enumerate(self.patterns, 1)]
        # They may have messages before the PONG.
        for sid, (pattern, queue) in enumerate(self.patterns, 1):
            self.subscriptions[sid] = self.load.verdict.open_subscription(
                f"{self.name}.{self.incarnation}/{sid}", self.server.name, self.account, pattern, queue,
                self.steady)  # fmt: skip
        return "".join(lines).encode()

    def on_ready(self):
        for each in self.subscriptions.values():
            self.load.verdict.begin_subscription(each, self.load.now)

    def gone(self, clean=False):
        for each in self.subscriptions.values():
            self.load.verdict.close_subscription(each, self.load.now)
        self.subscriptions.clear()
        super().gone(clean)

    def on_gone(self, clean):
        pass

    def on_message(self, subject, sid, payload):
        subscription = self.subscriptions.get(sid)
        if not subscription:
            self.load.verdict.fail(f"{self.name}: {subject} for sid {sid}, which has ended")
            return
        publisher, number, _ = bytes(payload[:64]).split(b" ", 2)
        self.load.verdict.received(subscription, subject, publisher.decode(), int(number), self.load.now)

    def leave(self):
        """UNSUB; after its PONG nothing may come any more."""
        def ended():
            for each in self.subscriptions.values():
                self.load.verdict.close_subscription(each, self.load.now)
            self.subscriptions.clear()
            self.load.later(LINGER_S, self.gone)

        self.wanted = False
        if self.ready:
            self.send("".join(f"UNSUB {sid}\r\n" for sid in self.subscriptions).encode(), ended)
        else:
            self.gone()


class Load:
    def __init__(self, verdict, servers, seed):
        self.verdict, self.servers = verdict, servers
        self.draw = random.Random(seed)
        self.lock = threading.RLock()
        self.selector = selectors.DefaultSelector()
        self.clients = []
        self.passing = []  # clients that come and go
        self.errors = collections.Counter()
        self.churns = False
        self.churned = 0
        self.churn_at = self.sweep_at = 0.0
        self.slowest_turn_s = 0.0
        self.rests = 0
        self.rests_until = 0.0
        self.failed = None
        self._due = []
        self._serial = 0
        self._begin = time.monotonic()
        self.now = 0.0
        self._stopped = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._thread.start()
        return self

    def stop(self):
        self._stopped = True
        self._thread.join()
        for client in self.clients + self.passing:
            if client.socket:
                client.socket.close()

    def clock(self):
        return time.monotonic() - self._begin

    def add(self, client):
        with self.lock:
            self.clients.append(client)
        return client

    def later(self, seconds, call):
        self._due.append((self.now + seconds, call))

    def publishers(self):
        return [each for each in self.clients if isinstance(each, Publisher)]

    def _run(self):
        try:
            while not self._stopped:
                ready = self.selector.select(TURN_S)
                begin = time.monotonic()
                with self.lock:
                    self.now = self.clock()
                    self._turn(ready)
                self.slowest_turn_s = max(self.slowest_turn_s, time.monotonic() - begin)
        except Exception as error:  # shown by whoever waits for the load
            self.failed = error
            raise

    def _turn(self, ready):
        for key, events in ready:
            if key.data.socket is key.fileobj:
                key.data.on_io(events)
        for due, call in [each for each in self._due if each[0] <= self.now]:
            self._due.remove((due, call))
            call()
        for client in self.clients + self.passing:
            if client.state == "away" and client.wanted and client.retry_at <= self.now:
                if client.home.takes_clients:
                    client.server = client.home
                elif client.moves:
                    client.move()
                if client.server.takes_clients:
                    client.connect()
            elif client.ready and isinstance(client, Publisher):
                client.turn()
        if self.verdict.lag_s > LAG_MAX_S:
            self.rests += self.now >= self.rests_until
            self.rests_until = self.now + REST_S
        self.verdict.lag_s = 0.0
        self.passing = [each for each in self.passing if each.wanted or each.socket]
        if self.churns and self.now >= self.churn_at:
            self.churn_at = self.now + self.draw.uniform(0.1, 0.6)
            self._churn()
        if self.now >= self.sweep_at:
            self.sweep_at = self.now + 1
            self.verdict.sweep(self.now)

    def _churn(self):
        """One comes, or one goes."""
        draw = self.draw
        if self.passing and draw.random() < min(0.9, len(self.passing) / 16):
            client = draw.choice(self.passing)
            if draw.random() < 0.5:
                client.leave()
            else:
                client.wanted = False
                client.gone()
            return
        up = [each for each in self.servers if each.takes_clients]
        if not up:
            return
        self.churned += 1
        self._serial += 1
        account = draw.choice("ab")
        pattern = draw.choice(["chaos.*", "chaos.>", "*.1.x", "chaos.2", f"gone.{draw.randrange(DEAD_SUBJECTS)}", ">"])
        queue = "churn" if pattern == "chaos.*" and draw.random() < 0.3 else ""
        self.passing.append(
            Subscriber(self, f"c{self._serial}", draw.choice(up), account, [(pattern, queue)], steady=False))
