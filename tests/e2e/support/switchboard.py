# SPDX-License-Identifier: Apache-2.0
"""Switchboard: proxies between servers, whose connections can be held, delayed, cut and refused pair by pair.

Each server advertises the port that listen() returned for it, so all others dial it through here. Which server has
dialed is found by the owner of the socket (/proc), so TLS and any protocol may go through.

Threads: its own does all the input and output; the public methods may be called from any.
Limits:  a connection holds up to HELD_MAX bytes per direction, then it is not read any more.
"""

import collections
import os
import random
import selectors
import socket
import struct
import threading
import time

HELD_MAX = 1 << 20
CHUNK = 1 << 16
RESET = struct.pack("ii", 1, 0)
RESEND_S = 0.2  # Linux' shortest time before TCP sends again


class Path:
    """What happens between two servers, whoever has dialed."""

    def __init__(self):
        self.refuses = False
        self.held = set()  # servers whose bytes are not passed on
        self.delay_s = 0.0
        self.lost = 0.0  # share of what is read that comes late, as what TCP has to send twice


class Side:
    """One of the two sockets of a connection: what is read here is `owner`'s."""

    def __init__(self, connection, sock, owner):
        self.connection, self.socket, self.owner = connection, sock, owner
        self.other = None
        self.queue = collections.deque()  # (due, bytes) for the other side
        self.queued = 0
        self.ended = False
        self.events = 0


class Connection:
    def __init__(self, names, path, dialer, target):
        self.names, self.path = names, path
        self.sides = [Side(self, dialer, names[0]), Side(self, target, names[1])]
        self.sides[0].other, self.sides[1].other = self.sides[1], self.sides[0]


class Switchboard:
    def __init__(self):
        self.lock = threading.RLock()
        self._selector = selectors.DefaultSelector()
        self._paths = collections.defaultdict(Path)
        self._connections = set()
        self._servers = {}  # name: a server with a `process`
        self._listeners = []
        self._wake_out, self._wake_in = socket.socketpair()
        self._wake_in.setblocking(False)
        self._selector.register(self._wake_in, selectors.EVENT_READ, None)
        self._stopped = False
        self.refused = self.passed_bytes = 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._thread.start()
        return self

    def add(self, name, server):
        with self.lock:
            self._servers[name] = server

    def listen(self, name, port):
        """A port whose connections go to `port` of the server with that name."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        listener.setblocking(False)
        with self.lock:
            self._listeners.append(listener)
            self._selector.register(listener, selectors.EVENT_READ, (name, port))
            self._wake()
        return listener.getsockname()[1]

    # Faults. A pair is two names, in any order.

    def refuse(self, pair, yes=True):
        """New connections are reset; those that are there stay."""
        with self.lock:
            self._paths[frozenset(pair)].refuses = yes

    def reset(self, pair):
        """Ends all connections of the pair with a reset, and with what was on its way. Returns how many."""
        with self.lock:
            found = [each for each in self._connections if set(each.names) == set(pair)]
            for each in found:
                self._drop(each)
            return len(found)

    def hold(self, pair, owners=()):
        """Bytes of these servers do not reach the other one until hold() is called without them."""
        with self.lock:
            self._paths[frozenset(pair)].held = set(owners)
            for each in self._connections:
                if set(each.names) == set(pair):
                    self._watch(each)
            self._wake()

    def delay(self, pair, seconds=0.0):
        with self.lock:
            self._paths[frozenset(pair)].delay_s = seconds

    def lose(self, pair, share=0.0):
        """As much of what is read arrives RESEND_S later, and all that follows it after that."""
        with self.lock:
            self._paths[frozenset(pair)].lost = share

    def count(self, pair):
        with self.lock:
            return sum(set(each.names) == set(pair) for each in self._connections)

    def close(self):
        with self.lock:
            self._stopped = True
            self._wake()
        self._thread.join()
        for each in list(self._connections):
            self._drop(each)
        for each in [*self._listeners, self._wake_in, self._wake_out]:
            each.close()

    # Its thread.

    def _wake(self):
        self._wake_out.send(b"x")

    def _run(self):
        while not self._stopped:
            ready = self._selector.select(self._timeout())
            with self.lock:
                for key, events in ready:
                    if key.data is None:
                        key.fileobj.recv(4096)
                    elif isinstance(key.data, Side):
                        self._on_side(key.data, events)
                    else:
                        self._accept(key.fileobj, *key.data)
                for each in list(self._connections):
                    if any(side.queue for side in each.sides):
                        self._flush(each)

    def _timeout(self):
        with self.lock:
            dues = [side.queue[0][0] for each in self._connections for side in each.sides
                    if side.queue and side.owner not in each.path.held]  # fmt: skip
        return max(0.0, min(dues) - time.monotonic()) if dues else 1.0

    def _accept(self, listener, name, port):
        try:
            dialer, address = listener.accept()
        except OSError:
            return
        dialer.setblocking(False)
        source = self._dialer_of(address[1], listener.getsockname()[1])
        path = self._paths[frozenset((source, name))]
        if source is None or path.refuses:
            self.refused += 1
            self._reset(dialer)
            return
        target = socket.socket()
        target.setblocking(False)
        for each in (dialer, target):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            target.connect(("127.0.0.1", port))
        except BlockingIOError:
            pass
        except OSError:
            dialer.close()
            target.close()
            return
        connection = Connection((source, name), path, dialer, target)
        self._connections.add(connection)
        self._watch(connection)

    def _dialer_of(self, local_port, remote_port):
        """The name of the server that has a connection from one port to the other."""
        wanted = (f"0100007F:{local_port:04X}", f"0100007F:{remote_port:04X}")
        with open("/proc/net/tcp", encoding="ascii") as table:
            inode = next((f[9] for f in map(str.split, table) if (f[1], f[2]) == wanted), None)
        link = f"socket:[{inode}]"
        for name, server in self._servers.items():
            if not server.process:
                continue
            folder = f"/proc/{server.process.pid}/fd"
            try:
                for entry in os.listdir(folder):
                    try:
                        if os.readlink(f"{folder}/{entry}") == link:
                            return name
                    except OSError:
                        continue
            except OSError:
                continue
        return None

    def _on_side(self, side, events):
        if side.connection not in self._connections:
            return
        if events & selectors.EVENT_READ and side.owner not in side.connection.path.held:
            try:
                chunk = side.socket.recv(CHUNK)
            except BlockingIOError:
                return
            except OSError:
                chunk = b""
            if chunk:
                path = side.connection.path
                late_s = RESEND_S if path.lost and random.random() < path.lost else 0.0
                side.queue.append((time.monotonic() + path.delay_s + late_s, chunk))
                side.queued += len(chunk)
            else:
                side.ended = True
        self._flush(side.connection)

    def _flush(self, connection):
        now = time.monotonic()
        for side in connection.sides:
            while side.queue and side.queue[0][0] <= now and side.owner not in connection.path.held:
                due, chunk = side.queue[0]
                try:
                    sent = side.other.socket.send(chunk)
                except BlockingIOError:
                    break
                except OSError:
                    if side.other.owner in connection.path.held:
                        break
                    self._drop(connection)
                    return
                self.passed_bytes += sent
                side.queued -= sent
                side.queue.popleft()
                if sent < len(chunk):
                    side.queue.appendleft((due, chunk[sent:]))
            if side.ended and not side.queue and side.owner not in connection.path.held:
                self._drop(connection, reset=False)
                return
        self._watch(connection)

    def _watch(self, connection):
        """Registers each socket for what it may do now."""
        now = time.monotonic()
        for side in connection.sides:
            held = side.owner in connection.path.held
            other = side.other
            blocked = other.queue and other.queue[0][0] <= now and other.owner not in connection.path.held
            events = selectors.EVENT_WRITE if blocked else 0
            if not held and not side.ended and side.queued < HELD_MAX:
                events |= selectors.EVENT_READ
            if events != side.events:
                if not side.events:
                    self._selector.register(side.socket, events, side)
                elif events:
                    self._selector.modify(side.socket, events, side)
                else:
                    self._selector.unregister(side.socket)
                side.events = events

    def _drop(self, connection, reset=True):
        self._connections.discard(connection)
        for side in connection.sides:
            if side.events:
                self._selector.unregister(side.socket)
                side.events = 0
            if reset:
                self._reset(side.socket)
            else:
                side.socket.close()

    @staticmethod
    def _reset(sock):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        sock.close()
