#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Locality: on which worker a connection lives. Ours alone: other servers have no workers."""

import threading
import time

from support import case
from support.monitoring import MonitoringCase


class LocalityCase(MonitoringCase):
    asked = 0

    def setUp(self):
        if case.Options.reference is not None:
            self.skipTest("the reference has no workers")

    def workers(self, server):
        LocalityCase.asked += 1  # the same page may come out of a cache
        return self.get(server, f"/workerz?look={self.asked}")["workers"]

    def flood(self, server):
        """A client that keeps its worker busy until the test ends."""
        client = self.client(server)
        block = "".join(f"PUB flood.{i} 0\r\n\r\n" for i in range(20_000)).encode()
        ended = threading.Event()

        def run():
            while not ended.is_set():
                client.send(block)

        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(ended.set)
        return client


class PlacementTest(LocalityCase):
    def test_idle_workers_get_equal_shares(self):
        server = self.monitored("--workers", "3")
        for _ in range(6):
            self.client(server)
        self.assertEqual([worker["connections"] for worker in self.workers(server)], [2, 2, 2])

    def test_new_clients_avoid_a_busy_worker(self):
        server = self.monitored("--workers", "2")
        for _ in range(15):  # what a client costs on average is little
            self.client(server)
        self.flood(server)

        def is_skewed():
            busy = sorted(worker["busy"] for worker in self.workers(server))
            return busy[1] - busy[0] > 0.4

        self.wait_for(is_skewed, "one busy worker")
        idle, busy = sorted(self.workers(server), key=lambda worker: worker["busy"])
        for _ in range(4):
            self.client(server)
        workers = self.workers(server)
        self.assertEqual(workers[busy["id"]]["connections"], 8)
        self.assertEqual(workers[idle["id"]]["connections"], 12)


class MoveTest(LocalityCase):
    """A publisher and its subscriber begin on two workers; the publisher is the older one."""

    PACE_S = 0.005

    def pair(self, config):
        server = self.monitored("--workers", "2", config=config)
        publisher, subscriber = self.client(server), self.client(server)
        subscriber.send("SUB moving.* 1\r\nPING\r\n")
        subscriber.expect("PONG\r\n")
        return server, publisher, subscriber

    def worker_of(self, server, subscriptions):
        LocalityCase.asked += 1
        connections = self.get(server, f"/connz?look={self.asked}")["connections"]
        return next(each["worker"] for each in connections if each["subscriptions"] == subscriptions)

    def publish_paced(self, publisher, subscriber, first, count):
        for number in range(first, first + count):
            publisher.send(f"PUB moving.a {len(str(number))}\r\n{number}\r\n")
            time.sleep(self.PACE_S)
            subscriber.expect_message("moving.a", 1, str(number).encode())
        return first + count

    def test_a_publisher_follows_its_subscriber(self):
        server, publisher, subscriber = self.pair("uring { locality: true }")
        self.assertNotEqual(self.worker_of(server, 0), self.worker_of(server, 1))
        number, end = 0, time.monotonic() + case.DEADLINE_S
        while self.worker_of(server, 0) != self.worker_of(server, 1) and time.monotonic() < end:
            number = self.publish_paced(publisher, subscriber, number, 50)
        self.assertEqual(self.worker_of(server, 0), self.worker_of(server, 1))
        moves = [worker["moves"] for worker in self.workers(server)]
        self.assertEqual(sorted((each["in"], each["out"]) for each in moves), [(0, 1), (1, 0)])
        records = sum(worker["mailbox"]["records"] for worker in self.workers(server))
        self.publish_paced(publisher, subscriber, number, 50)
        self.assertEqual(sum(worker["mailbox"]["records"] for worker in self.workers(server)), records)
        publisher.send("PING\r\n")
        publisher.expect("PONG\r\n")

    def test_a_message_is_whole_wherever_the_move_comes(self):
        server, publisher, subscriber = self.pair("uring { locality: true }")
        number, end = 0, time.monotonic() + case.DEADLINE_S
        while self.worker_of(server, 0) != self.worker_of(server, 1) and time.monotonic() < end:
            for _ in range(50):
                frame = f"PUB moving.a {len(str(number))}\r\n{number}\r\n".encode()
                publisher.send(frame[:-3])
                time.sleep(self.PACE_S)
                publisher.send(frame[-3:])
                subscriber.expect_message("moving.a", 1, str(number).encode())
                number += 1
        self.assertEqual(self.worker_of(server, 0), self.worker_of(server, 1))
        self.publish_paced(publisher, subscriber, number, 20)

    def test_nobody_moves_by_default(self):
        server, publisher, subscriber = self.pair("")
        self.publish_paced(publisher, subscriber, 0, int(3 / self.PACE_S))
        self.assertEqual([worker["moves"] for worker in self.workers(server)], [{"in": 0, "out": 0}] * 2)


class SubscriberMoveTest(LocalityCase):
    """Clients that have subscriptions when they move."""

    PACE_S = 0.005

    def workers_by_name(self, server):
        LocalityCase.asked += 1
        connections = self.get(server, f"/connz?look={self.asked}")["connections"]
        return {each.get("name"): each["worker"] for each in connections}

    def subscription_count(self, server):
        LocalityCase.asked += 1
        return self.get(server, f"/subsz?look={self.asked}")["num_subscriptions"]

    def moves(self, server):
        return sum(worker["moves"]["in"] for worker in self.workers(server))

    def test_a_requestor_and_its_service_meet(self):
        server = self.monitored("--workers", "2", config="uring { locality: true }")
        service = self.client(server, name="service")
        requestor = self.client(server, name="requestor")
        service.send("SUB work group 7\r\nPING\r\n")
        service.expect("PONG\r\n")
        requestor.send("SUB inbox.* 3\r\nPING\r\n")
        requestor.expect("PONG\r\n")
        before = self.workers_by_name(server)
        self.assertNotEqual(before["service"], before["requestor"])
        count = self.subscription_count(server)

        def request(first, requests):
            for number in range(first, first + requests):
                body = str(number).encode()
                requestor.send(b"PUB work inbox.%b %d\r\n%b\r\n" % (body, len(body), body))
                service.expect_message("work", 7, body, reply=f"inbox.{number}")
                service.send(b"PUB inbox.%b %d\r\n%b\r\n" % (body, len(body), body))
                requestor.expect_message(f"inbox.{number}", 3, body)
                time.sleep(self.PACE_S)
            return first + requests

        number, end = 0, time.monotonic() + case.DEADLINE_S
        while self.moves(server) == 0 and time.monotonic() < end:
            number = request(number, 50)
        after = self.workers_by_name(server)
        self.assertEqual(after["service"], after["requestor"])
        self.assertEqual(self.subscription_count(server), count)
        records = sum(worker["mailbox"]["records"] for worker in self.workers(server))
        number = request(number, 50)
        self.assertEqual(sum(worker["mailbox"]["records"] for worker in self.workers(server)), records)
        requestor.send("UNSUB 3\r\nPUB inbox.1 1\r\nx\r\nPING\r\n")
        requestor.expect("PONG\r\n")

    def test_messages_of_all_workers_come_once_and_in_order(self):
        server = self.monitored("--workers", "4", config="uring { locality: true }")
        target = self.client(server, name="target")
        target.send("SUB target 1\r\nPING\r\n")
        target.expect("PONG\r\n")
        mover = self.client(server, name="mover")
        mover.send("SUB in.* 1\r\nSUB in.1 2\r\nPING\r\n")
        mover.expect("PONG\r\n")
        others = [self.client(server) for _ in range(6)]
        for other in others:  # subscriptions of both kinds keep it where it is
            other.send("SUB unused 1\r\nSUB unused group 2\r\nPING\r\n")
            other.expect("PONG\r\n")
        own_burst, other_burst = 400, 2  # few come from elsewhere, so that the mover follows the target
        numbers = [0] * len(others)
        due = [{} for _ in others]

        def exchange():
            mover.send(b"PUB target 1\r\nx\r\n" * own_burst)
            expected = 0
            for i, other in enumerate(others):
                frames = b""
                for _ in range(other_burst):
                    body = str(numbers[i]).encode()
                    frames += b"PUB in.%d %d\r\n%b\r\n" % (i, len(body), body)
                    numbers[i] += 1
                other.send(frames)
                expected += other_burst * (2 if i == 1 else 1)
            target.expect(b"MSG target 1 1\r\nx\r\n" * own_burst)
            for _ in range(expected):
                subject, sid, body = self.next_message(mover)
                publisher = int(subject.removeprefix("in."))
                self.assertEqual(int(body), due[publisher].get(sid, 0))
                due[publisher][sid] = int(body) + 1

        end = time.monotonic() + case.DEADLINE_S
        while self.moves(server) == 0 and time.monotonic() < end:
            for _ in range(20):
                exchange()
                time.sleep(self.PACE_S)
        for _ in range(20):
            exchange()
        workers = self.workers_by_name(server)
        self.assertEqual(workers["mover"], workers["target"])
        for i, each in enumerate(due):
            self.assertEqual(each, dict.fromkeys(["1", "2"] if i == 1 else ["1"], numbers[i]))
        mover.send("PING\r\n")
        mover.expect("PONG\r\n")

    @staticmethod
    def next_message(wire):
        _, subject, sid, size = wire.read_line().decode().split()
        body = wire.read(int(size) + 2)
        return subject, sid, body[:-2]


if __name__ == "__main__":
    case.main()
