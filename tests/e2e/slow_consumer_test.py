#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A subscriber that never reads is closed; a healthy one gets everything, in order."""

from support import case
from support.case import ServerCase

SIZE = 65536
BATCH = 10
ROUNDS_MAX = 60


class SlowConsumerTest(ServerCase):
    def subscriber(self, server, receive_bytes=None):
        wire = self.wire(server, receive_bytes=receive_bytes)
        wire.open()
        wire.send("SUB slow.data 1\r\n")
        wire.expect_quiet()
        return wire

    def feed(self, server, publisher, healthy, pattern):
        """Publishes batch by batch, each after the healthy subscriber has the last one, until the
        server says that it closed the slow one. Returns how many bytes it took."""
        number = 0
        for _ in range(ROUNDS_MAX):
            bodies = [b"%08d" % (number + i) + b"x" * (SIZE - 8) for i in range(BATCH)]
            number += BATCH
            publisher.send(b"".join(b"PUB slow.data %d\r\n%s\r\n" % (SIZE, body) for body in bodies))
            for body in bodies:
                healthy.expect_message("slow.data", 1, body)
            if any(pattern in line for line in server.log.lines()):
                return number * SIZE
        return self.fail(f"{number * SIZE} bytes did not make anyone a slow consumer")

    def test_pending_bytes(self):
        server = self.start(config='max_payload: 100000\nmax_pending: 1000000\nwrite_deadline: "30s"\n')
        slow = self.subscriber(server, receive_bytes=4096)
        healthy = self.subscriber(server)
        publisher = self.client(server)
        self.feed(server, publisher, healthy, "Slow Consumer Detected")
        server.log.wait(
            r"\[(INF|WRN)\] 127\.0\.0\.1:\d+ - cid:\d+ - (\".*\" - )?"
            r"Slow Consumer Detected: MaxPending of 1000000 Exceeded"
        )
        publisher.expect_quiet()
        healthy.expect_quiet()
        self.assertNotIn(b"-ERR", slow.read_to_end())
        lines = [line for line in server.log.lines() if "Slow Consumer" in line]
        self.assertEqual(len(lines), 1, lines)
        self.check_serves(server)

    @case.differs("2.9.10", "it stalls the publisher for seconds, or closes the reader, at the smallest of them")
    def test_a_burst_of_more_than_may_be_pending_closes_nobody_who_reads(self):
        for most in (65536, 262144, 1_000_000):
            server = self.start(config=f"max_payload: 65536\nmax_pending: {most}\n")
            subscriber = self.subscriber(server)
            publisher = self.client(server)
            for size in (100, 1000, 16000):
                body, count = b"x" * size, 2 * most // size
                publisher.send(b"PUB slow.data %d\r\n%s\r\n" % (size, body) * count)
                subscriber.expect(b"MSG slow.data 1 %d\r\n%s\r\n" % (size, body) * count)
            self.assertNotIn("Slow Consumer", server.log.text())
            server.stop()

    def test_write_deadline(self):
        server = self.start(config='max_pending: 60000000\nwrite_deadline: "300ms"\n')
        self.subscriber(server, receive_bytes=4096)
        healthy = self.subscriber(server)
        publisher = self.client(server)
        for number in range(20):
            body = b"%08d" % number + b"x" * (1_000_000 - 8)
            publisher.send(b"PUB slow.data %d\r\n%s\r\n" % (len(body), body))
            healthy.expect_message("slow.data", 1, body)
        server.log.wait(
            r"\[(INF|WRN)\] 127\.0\.0\.1:\d+ - cid:\d+ - (\".*\" - )?"
            r"Slow Consumer Detected: WriteDeadline of 300ms exceeded with \d+ chunks of \d+ total bytes\."
        )
        publisher.expect_quiet()
        healthy.expect_quiet()
        self.check_serves(server)

    def test_a_subscriber_that_reads_late_but_in_time_gets_everything(self):
        server = self.start()
        late = self.subscriber(server, receive_bytes=4096)
        publisher = self.client(server)
        bodies = [b"%08d" % number + b"x" * 100_000 for number in range(200)]
        for body in bodies:
            publisher.send(b"PUB slow.data %d\r\n%s\r\n" % (len(body), body))
        publisher.expect_quiet()
        for body in bodies:
            late.expect_message("slow.data", 1, body)
        late.expect_quiet()


if __name__ == "__main__":
    case.main()
