# SPDX-License-Identifier: Apache-2.0
"""Plays a dialogue on a server and returns what each connection received, step by step.

After each step every open connection sends PING and waits for the PONG: what the step caused has
arrived by then. A connection that does not answer (its PING has become part of a payload) is noted as
STUCK and closed.
"""

import random
import re
import select
import socket
import struct
import time

STUCK_S = 0.4
PONG_LINE = re.compile(rb"(?:^|(?<=\r\n))PONG\r\n")
PING_LINE = re.compile(rb"(?:^|(?<=\r\n))PING\r\n")
REQUEST = re.compile(rb"(?:^|\n)H?MSG \S+ \S+ (\S+) \d+(?: \d+)?\r\n")


class Player:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.poll = select.poll()
        self.poll.register(self.socket, select.POLLIN)
        self.fresh = b""
        self.reply = None
        self.asked = 0
        self.open = True

    def send(self, content):
        try:
            self.socket.sendall(content)
        except OSError:
            pass  # the server has closed it: the next read says so

    def receive(self, end):
        """False when the deadline has passed or the stream has ended."""
        left = end - time.monotonic()
        if left <= 0 or not self.poll.poll(left * 1000):
            return False
        try:
            chunk = self.socket.recv(1 << 16)
        except OSError:
            chunk = b""
        if not chunk:
            self.finish(b"END")
            return False
        self.fresh += chunk
        return True

    def finish(self, word):
        self.open = False
        self.socket.close()
        self.fresh += word

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.finish(b"")

    def ask(self, before, deadline_s):
        """PING, and waits for the PONG; `before` PONGs for what was sent earlier come first."""
        if not self.open:
            return
        self.send(b"PING\r\n")
        self.asked += before + 1
        end = time.monotonic() + deadline_s
        while self.open and len(PONG_LINE.findall(self.fresh)) < self.asked:
            if not self.receive(end) and self.open:
                self.finish(b"STUCK")

    def take(self):
        """What has come since, without the server's own PINGs."""
        content = PING_LINE.sub(b"", self.fresh)
        found = REQUEST.findall(content)
        if found:
            self.reply = found[-1]
        self.fresh = b""
        self.asked = 0
        return content


def cut(content, seed):
    """The same cuts for every server."""
    draw = random.Random(seed)
    at = 0
    while at < len(content):
        size = draw.choice((1, 1, 2, 5, 20, len(content)))
        yield content[at : at + size]
        at += size


class Play:
    def __init__(self, port, stuck_s=STUCK_S):
        self.port = port
        self.stuck_s = stuck_s
        self.players = {}

    def run(self, steps, before_close=lambda: None):
        """Per step a map of connection -> bytes; connections that got nothing are left out."""
        try:
            heard = [self._step(step) for step in steps]
            before_close()
            return heard
        finally:
            self.close()

    def close(self):
        for player in self.players.values():
            if player.open:
                try:
                    player.socket.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
        for player in self.players.values():
            end = time.monotonic() + self.stuck_s
            while player.open and player.receive(end):
                pass
            if player.open:
                player.finish(b"")

    def _step(self, step):
        pongs = {}
        player = self.players.get(step.name)
        if step.kind == "open":
            if player is None:
                player = self.players[step.name] = Player(self.port)
                end = time.monotonic() + 10
                while b"\r\n" not in player.fresh and player.receive(end):
                    pass
            return {step.name: player.take()} if player.fresh else {}
        if player and player.open:
            if step.kind == "close":
                player.finish(b"")
            elif step.kind == "reset":
                player.reset()
            else:
                self._send(player, step)
                pongs[step.name] = step.pongs()
        return self._synchronise(pongs)

    def _send(self, player, step):
        content = step.content()
        if step.kind == "answer":
            if player.reply is None:
                return
            content = b"PUB " + player.reply + b" " + content
        if step.split:
            for piece in cut(content, step.split):
                player.send(piece)
        else:
            player.send(content)

    def _synchronise(self, pongs):
        # The one that acted comes first: what it caused is under way when the others ask. Then all again: a worker
        # of ours may answer a PING before it has taken what another worker has for that connection.
        order = sorted(self.players, key=lambda name: name not in pongs)
        for _ in range(2 if len(order) > 1 else 1):
            for name in order:
                player = self.players[name]
                player.ask(pongs.pop(name, 0), self.stuck_s)
        found = {name: self.players[name].take() for name in order}
        return {name: content for name, content in found.items() if content}
