#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What leafnodes are told of interest, compared with a plain model: clients and leafnodes that subscribe, end, come
and go at random, some of one cluster, some isolated."""

import random

from support import leafnodes
from support.leafnodes import LeafCase

PATTERNS = ("m.0", "m.1", "m.2", "m.*", "m.>")
QUEUES = ("", "", "g", "h")
STEPS = 60
CHANGES_PER_STEP = 12


class Told:
    """What one leafnode believes, by the lines that it has read."""

    def __init__(self):
        self.known = {}

    def read(self, ops):
        for op in ops:
            if op.verb == "LS+":
                pattern, queue, weight = (*op.fields, "", 1)[:3] if len(op.fields) == 1 else op.fields
                self.known[pattern, queue] = int(weight)
            elif op.verb == "LS-":
                self.known.pop((op.fields[0], op.fields[1] if len(op.fields) > 1 else ""), None)
            else:
                raise AssertionError(f"unexpected {op!r}")


class Leaf:
    def __init__(self, peer, cluster, isolated):
        self.peer, self.cluster, self.isolated = peer, cluster, isolated
        self.told = Told()
        self.wants = {}  # (pattern, queue) -> weight


class ModelTest(LeafCase):
    def expected(self, leaf):
        wanted = {}

        def add(key, weight):
            wanted[key] = wanted.get(key, 0) + weight if key[1] else 1

        for key in self.subscriptions.values():
            add(key, 1)
        for other in self.leafs:
            if other.cluster == leaf.cluster or leaf.isolated:
                continue
            for key, weight in other.wants.items():
                add(key, weight)
        return wanted

    def join_leaf(self):
        self.names += 1
        cluster = self.draw.choice((None, "C1", "C2"))
        isolated = self.draw.random() < 0.2
        fields = {"name": f"n{self.names}", "cluster": cluster or f"own{self.names}"}
        peer = self.join(self.server, isolate=True if isolated else None, **fields)
        leaf = Leaf(peer, fields["cluster"], isolated)
        leaf.told.read(peer.announced)
        self.leafs.append(leaf)

    def change(self):
        kind = self.draw.random()
        key = (self.draw.choice(PATTERNS), self.draw.choice(QUEUES))
        if kind < 0.3:
            self.sid += 1
            client = self.draw.choice(self.clients)
            client.send(f"SUB {key[0]} {key[1]} {self.sid}\r\n")
            self.subscriptions[client, self.sid] = key
        elif kind < 0.55 and self.subscriptions:
            client, sid = self.draw.choice(list(self.subscriptions))
            client.send(f"UNSUB {sid}\r\n")
            del self.subscriptions[client, sid]
        elif kind < 0.8 and self.leafs:
            leaf = self.draw.choice(self.leafs)
            weight = self.draw.randint(1, 3) if key[1] else 1
            leaf.peer.send(f"LS+ {key[0]} {key[1]} {weight}\r\n" if key[1] else f"LS+ {key[0]}\r\n")
            leaf.wants[key] = weight
        elif kind < 0.97:
            leaf = self.draw.choice(self.leafs) if self.leafs else None
            if leaf is not None and leaf.wants:
                key = self.draw.choice(list(leaf.wants))
                leaf.peer.send(f"LS- {' '.join(key).strip()}\r\n")
                del leaf.wants[key]
        elif len(self.leafs) > 3:
            leaf = self.draw.choice(self.leafs)
            self.leafs.remove(leaf)
            leaf.peer.close()
            self.wait_for(lambda: self.server.leaf_count() == len(self.leafs), "it has gone")

    def test_random_changes(self):
        seed = random.randrange(1 << 32)
        print(f"seed {seed}", flush=True)
        self.draw = random.Random(seed)
        self.server = self.hub()
        self.clients = [self.client(self.server) for _ in range(3)]
        self.subscriptions, self.leafs, self.sid, self.names = {}, [], 0, 0
        for step in range(STEPS):
            if len(self.leafs) < 7:
                self.join_leaf()
            for _ in range(CHANGES_PER_STEP):
                self.change()
            for client in self.clients:
                client.expect_quiet()
            for leaf in self.leafs:  # after these, all that anybody has said so far has been heard
                leaf.told.read(leaf.peer.drain())
            for leaf in self.leafs:
                leaf.told.read(leaf.peer.drain())
                self.assertEqual(leaf.told.known, self.expected(leaf), f"step {step}, {leaf.cluster}")


if __name__ == "__main__":
    leafnodes.main()
