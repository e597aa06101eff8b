#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No loss, no duplicate, no reordering per publisher, across connections and so across workers."""

import re
import threading
import time
from collections import Counter

from support import case
from support.case import ServerCase

PUBLISHERS = 6
SUBSCRIBERS = 6
MESSAGES = 3000
DEADLINE_S = 60.0
SIZES = (0, 1, 16, 128, 1000, 5000, 20000)
HEAD = re.compile(rb"MSG (\S+) (\S+) (\d+)\r\n")


def parse(stream):
    """(subject, payload) of each message of a stream; anything else fails."""
    position = 0
    while position < len(stream):
        if stream.startswith(b"PING\r\n", position):
            position += 6
            continue
        match = HEAD.match(stream, position)
        assert match, stream[position : position + 100]
        end = match.end() + int(match.group(3))
        assert stream[end : end + 2] == b"\r\n"
        yield match.group(1), stream[match.end() : end]
        position = end + 2


def read_to_marks(wire):
    end = time.monotonic() + DEADLINE_S
    marks = 0
    scanned = 0
    while marks < PUBLISHERS:
        assert wire.receive(end), f"{marks} of {PUBLISHERS} end marks in {len(wire.buffer)} bytes"
        # Up to the last line end: a mark is not counted twice, nor missed where it is cut.
        upto = wire.buffer.rfind(b"\n") + 1
        marks += wire.buffer.count(b"\r\nend!\r\n", max(0, scanned - 2), upto)
        scanned = upto
    stream = bytes(wire.buffer)
    wire.buffer.clear()
    return stream


def body(publisher, number):
    text = b"%d %d " % (publisher, number)
    return text + b"x" * max(0, SIZES[number % len(SIZES)] - len(text))


class DeliveryTest(ServerCase):
    def run_traffic(self, server, subscriptions):
        """Each publisher sends its numbers on load.<publisher> and then an end mark; returns what each
        subscriber got until it had the marks of all publishers. (There is no order between publishers,
        so one mark for all would prove nothing.)"""
        wires = []
        for line in subscriptions:
            wire = self.client(server)
            wire.send(f"SUB {line} 1\r\nSUB end.*.mark 2\r\n")
            wire.expect_quiet()
            wires.append(wire)
        streams = [b""] * len(wires)
        errors = []

        def read(index):
            try:
                streams[index] = read_to_marks(wires[index])
            except AssertionError as error:
                errors.append(error)

        def publish(number):
            wire = self.client(server)
            for start in range(0, MESSAGES, 100):
                bodies = [body(number, i) for i in range(start, start + 100)]
                wire.send(b"".join(b"PUB load.%d %d\r\n%s\r\n" % (number, len(b), b) for b in bodies))
            wire.send(f"PUB end.{number}.mark 4\r\nend!\r\n")
            wire.expect_quiet()

        readers = [threading.Thread(target=read, args=[i]) for i in range(len(wires))]
        publishers = [threading.Thread(target=publish, args=[i]) for i in range(PUBLISHERS)]
        for thread in readers + publishers:
            thread.start()
        for thread in publishers + readers:
            thread.join()
        self.assertEqual(errors, [])
        for wire in wires:
            wire.expect_quiet()
        return [
            [payload.split(b" ")[:2] for subject, payload in parse(stream) if subject[:4] != b"end."]
            for stream in streams
        ]

    def check_order(self, got):
        last = {}
        for publisher, number in got:
            self.assertLess(last.get(publisher, -1), int(number))
            last[publisher] = int(number)

    def test_every_subscriber_gets_everything_in_order(self):
        server = self.start()
        patterns = [("load.*", "load.>", "*.*")[i % 3] for i in range(SUBSCRIBERS)]
        for got in self.run_traffic(server, patterns):
            self.assertEqual(len(got), PUBLISHERS * MESSAGES)
            self.check_order(got)

    def test_a_literal_subscription_gets_its_publisher_only(self):
        server = self.start()
        for index, got in enumerate(self.run_traffic(server, [f"load.{i}" for i in range(PUBLISHERS)])):
            self.assertEqual(got, [[b"%d" % index, b"%d" % i] for i in range(MESSAGES)])

    def test_queue_groups_share_without_loss_or_duplicate(self):
        server = self.start()
        streams = self.run_traffic(server, ["load.> group" for _ in range(SUBSCRIBERS)])
        count = Counter()
        for got in streams:
            self.check_order(got)
            # A fair choice gives each about the sixth part; a third of that is far outside of chance.
            self.assertGreater(len(got), PUBLISHERS * MESSAGES / SUBSCRIBERS / 3)
            count.update(tuple(entry) for entry in got)
        self.assertEqual(len(count), PUBLISHERS * MESSAGES)
        self.assertEqual(set(count.values()), {1})

    def test_what_follows_a_pong_finds_the_messages_before_it(self):
        """Goal: an acknowledged publish reaches its subscribers before anything that they do afterwards
        takes effect, on whatever workers they live: drain and flush of the clients rest on that.
        Method: after the publisher's PONG a subscriber sends UNSUB and PING, another one only PING."""
        server = self.start()
        publishers = [self.client(server) for _ in range(4)]
        leaving = [self.client(server) for _ in range(4)]
        staying = [self.client(server) for _ in range(4)]
        for wire in staying:
            wire.send("SUB cause 1\r\n")
            wire.expect_quiet()
        body = b"x" * 100
        publish = b"PUB cause 100\r\n%s\r\n" % body * 200
        expected = b"MSG cause 1 100\r\n%s\r\n" % body * 200
        for turn in range(40):
            for wire in leaving:
                wire.send("SUB cause 1\r\n")
                wire.expect_quiet()
            publisher = publishers[turn % len(publishers)]
            publisher.send(publish)
            publisher.expect_quiet()
            for wire in leaving:
                wire.send("UNSUB 1\r\nPING\r\n")
            for wire in staying:
                wire.send("PING\r\n")
            for wire in leaving + staying:
                wire.expect(expected + b"PONG\r\n")

    def test_each_of_equal_requests_without_responders_is_answered(self):
        server = self.start()
        wire = self.client(server, headers=True, no_responders=True)
        wire.send("SUB in 7\r\n" + "PUB nobody in 1\r\nx\r\n" * 3 + "PING\r\n")
        wire.expect("HMSG in 7 16 16\r\nNATS/1.0 503\r\n\r\n\r\n" * 3 + "PONG\r\n")

    def test_subscriptions_come_and_go_beside_traffic(self):
        """Goal: an acknowledged SUB sees the next message, an acknowledged UNSUB none.
        Method: churn on one connection, each step confirmed, with a publisher on another."""
        server = self.start()
        noise = self.client(server)
        stop = threading.Event()

        def make_noise():
            while not stop.is_set():
                noise.send(b"PUB churn.noise 10\r\n0123456789\r\n" * 50)
                noise.expect_quiet()

        thread = threading.Thread(target=make_noise)
        thread.start()
        try:
            subscriber, publisher = self.client(server), self.client(server)
            for number in range(300):
                subscriber.send(f"SUB churn.{number % 3} {number}\r\n")
                subscriber.expect_quiet()
                publisher.send(f"PUB churn.{number % 3} 1\r\nx\r\n")
                publisher.expect_quiet()
                subscriber.expect_message(f"churn.{number % 3}", number, b"x")
                subscriber.send(f"UNSUB {number}\r\n")
                subscriber.expect_quiet()
                publisher.send(f"PUB churn.{number % 3} 1\r\nx\r\n")
                publisher.expect_quiet()
                subscriber.expect_quiet()
        finally:
            stop.set()
            thread.join()


if __name__ == "__main__":
    case.main()
