#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Accounts over several workers: imports, chains, queue groups, reload under traffic."""

import collections
import json
import re
import signal
import threading

from support import case
from support.case import ServerCase
from support.wire import WireError

REQUESTS = 300


def account(name, **parts):
    """One account with a user of its own name; parts are lists of config lines."""
    lines = [f'{name} {{ users: [{{user: {name}, password: pw}}]']
    lines += [f"{key}: [ {', '.join(value)} ]" for key, value in parts.items() if isinstance(value, list)]
    lines += [f"{key} {{ {value} }}" for key, value in parts.items() if isinstance(value, str)]
    return "\n".join(lines) + "\n}"


def config(*accounts):
    return "accounts {\n" + "\n".join(accounts) + "\n}\n"


def stream(exporter, subject, more=""):
    return f'{{stream: {{account: {exporter}, subject: "{subject}"}}, {more}}}'


def service(exporter, subject, more=""):
    return f'{{service: {{account: {exporter}, subject: "{subject}"}}, {more}}}'


class AccountCase(ServerCase):
    def login(self, server, user):
        return self.client(server, user=user, **{"pass": "pw"})

    def subscribe(self, server, user, *subscriptions):
        wire = self.login(server, user)
        wire.send("".join(f"SUB {text}\r\n" for text in subscriptions))
        wire.expect_quiet()
        return wire

    def reload(self, server, text, *wires):
        """The wires are clients that follow the change: their workers may do so a turn after the log
        line, so that the answer to a second PING comes after it."""
        with open(server.config_file, "w", encoding="utf-8") as out:
            out.write(text)
        first = len(server.log.lines())
        server.send_signal(signal.SIGHUP)
        server.log.wait(r"\[INF\] Reloaded server configuration", after=first)
        for wire in 2 * wires:
            wire.expect_quiet()


class StreamImportTest(AccountCase):
    CONFIG = config(
        account("EXP", exports=['{stream: "feed.>"}']),
        account("ONE", imports=[stream("EXP", "feed.>", 'prefix: "one"')]),
        account("TWO", imports=[stream("EXP", "feed.*", 'to: "two.$1"')]),
    )

    def test_each_importer_sees_its_own_subjects_on_every_worker(self):
        """Goal: a name of one importer never shows at another, whoever comes first.
        Method: many connections of all accounts, so that each worker has some, and many messages.
        """
        server = self.start(config=self.CONFIG)
        names = {"EXP": "feed", "ONE": "one.feed", "TWO": "two"}
        readers = [
            (names[user], self.subscribe(server, user, f"{names[user]}.> {sid}"), sid)
            for sid in range(8)
            for user in names
        ]
        publisher = self.login(server, "EXP")
        count = 200
        publisher.send("".join(f"PUB feed.{i} {len(str(i))}\r\n{i}\r\n" for i in range(count)))
        publisher.expect_quiet()
        for prefix, wire, sid in readers:
            for i in range(count):
                wire.expect_message(f"{prefix}.{i}", sid, str(i).encode())
            wire.expect_quiet()

    def test_queue_groups_of_importers_share_the_messages(self):
        server = self.start(config=self.CONFIG)
        members = [self.subscribe(server, "ONE", "one.feed.q group 1") for _ in range(6)]
        publisher = self.login(server, "EXP")
        count = 300
        publisher.send("".join(f"PUB feed.q {len(str(i))}\r\n{i}\r\n" for i in range(count)))
        publisher.expect_quiet()
        got = collections.Counter()
        for wire in members:
            for line, body in messages(wire):
                self.assertEqual(line.split()[:3], ["MSG", "one.feed.q", "1"])
                got[body] += 1
        self.assertEqual(got, collections.Counter(str(i).encode() for i in range(count)))

    def test_what_ends_leaves_nothing_behind(self):
        server = self.start(config=self.CONFIG)
        wires = [self.subscribe(server, "ONE", "one.> 1", "one.feed.x 2") for _ in range(8)]
        for wire in wires[::2]:
            wire.close()
        for wire in wires[1::2]:
            wire.send("UNSUB 1\r\n")
            wire.expect_quiet()
        publisher = self.login(server, "EXP")
        publisher.send("PUB feed.x 1\r\na\r\nPUB feed.y 1\r\nb\r\n")
        publisher.expect_quiet()
        for wire in wires[1::2]:
            wire.expect_message("one.feed.x", 2, b"a")
            wire.expect_quiet()


class ServiceImportTest(AccountCase):
    CONFIG = config(
        account("EXP", exports=["{service: svc}", "{service: big}"]),
        account(
            "MID",
            imports=[service("EXP", "svc", "to: mid"), service("EXP", "big")],
            exports=["{service: mid}"],
        ),
        account("END", imports=[service("MID", "mid", "to: end")]),
    )

    def answer(self, wire, count):
        """Answers that many requests, each with its own body."""
        for _ in range(count):
            match = wire.expect_line(r"MSG svc \d+ (_R_\.\S+) (\d+)")
            body = wire.read(int(match.group(2)) + 2)
            wire.send(f"PUB {match.group(1)} {match.group(2)}\r\n".encode() + body)

    def check_requests(self, user, subject):
        server = self.start(config=self.CONFIG)
        responder = self.subscribe(server, "EXP", "svc 1")
        requestors = [self.subscribe(server, user, f"inbox.{n}.* 1") for n in range(6)]
        total = REQUESTS * len(requestors)
        thread = threading.Thread(target=self.answer, args=(responder, total))
        thread.start()
        for n, wire in enumerate(requestors):
            wire.send("".join(f"PUB {subject} inbox.{n}.{i} {len(f'{n}-{i}')}\r\n{n}-{i}\r\n"
                              for i in range(REQUESTS)))
        for n, wire in enumerate(requestors):
            for i in range(REQUESTS):
                wire.expect_message(f"inbox.{n}.{i}", 1, f"{n}-{i}".encode())
        thread.join()
        for wire in [responder, *requestors]:
            wire.expect_quiet()

    def test_each_requestor_gets_its_own_answers_in_order(self):
        self.check_requests("MID", "mid")

    def test_the_same_through_two_accounts(self):
        self.check_requests("END", "end")

    def test_large_requests_and_answers(self):
        server = self.start(config=self.CONFIG)
        responders = [self.subscribe(server, "EXP", "big q 1") for _ in range(4)]
        requestors = [self.subscribe(server, "MID", "inbox.* 1") for _ in range(4)]
        body = b"x" * 700_000
        for i, wire in enumerate(requestors):
            wire.send(f"PUB big inbox.{i} {len(body)}\r\n".encode() + body + b"\r\n")
            wire.expect_quiet()
        answered = 0
        for wire in responders:
            for line, got in messages(wire):
                self.assertEqual(len(got), len(body))
                wire.send(f"PUB {line.split()[3]} {len(body)}\r\n".encode() + got + b"\r\n")
                answered += 1
            wire.expect_quiet()
        self.assertEqual(answered, 4)
        # A reply goes by the requestor's worker: to others than the requestor it may come later than what
        # the responder's PONG lets follow.
        for wire in requestors:
            got = set()
            for _ in requestors:
                got.add(wire.expect_line(rf"MSG (inbox\.\d) 1 {len(body)}").group(1))
                wire.expect(body + b"\r\n")
            self.assertEqual(got, {f"inbox.{i}" for i in range(4)})
            wire.expect_quiet()


class ReloadTest(AccountCase):
    BEFORE = config(
        account("EXP", exports=['{stream: "feed.>"}', "{service: svc}"]),
        account("IMP", imports=[stream("EXP", "feed.>"), service("EXP", "svc")]),
        account("OTHER"),
    )

    def test_reload_under_traffic_loses_nothing_that_stays(self):
        """Goal: imports that a reload leaves alone lose, double and reorder nothing.
        Method: numbered messages all the time while other accounts and imports come and go.
        """
        server = self.start(config=self.BEFORE)
        readers = [self.subscribe(server, "IMP", "feed.n 1") for _ in range(4)]
        publisher = self.login(server, "EXP")
        stop = threading.Event()
        sent = []

        def publish():
            number = 0
            while not stop.is_set():
                batch = range(number, number + 50)
                publisher.send("".join(f"PUB feed.n {len(str(i))}\r\n{i}\r\n" for i in batch))
                publisher.expect_quiet()
                number += 50
            sent.append(number)

        got = [[] for _ in readers]
        total = threading.Event()

        def read(wire, numbers):
            while not total.is_set() or len(numbers) < sent[0]:
                line = wire.expect_line(r"MSG feed\.n 1 (\d+)")
                numbers.append(int(wire.read(int(line.group(1)) + 2)))

        threads = [threading.Thread(target=read, args=pair) for pair in zip(readers, got)]
        writer = threading.Thread(target=publish)
        for thread in [*threads, writer]:
            thread.start()
        for i in range(6):
            extra = account(f"NEW{i}", imports=[stream("EXP", "feed.*", f"prefix: p{i}")])
            changed = account("OTHER", imports=[service("EXP", "svc", f"to: other.{i}")])
            self.reload(server, self.BEFORE.replace(account("OTHER"), f"{changed}\n{extra}"))
        stop.set()
        writer.join()
        total.set()
        publisher.send("PUB feed.n 2\r\n-1\r\n")  # wakes readers that wait for more
        for thread in threads:
            thread.join()
        for numbers in got:
            self.assertEqual([n for n in numbers if n >= 0], list(range(sent[0])))

    def test_imports_come_and_go_for_clients_that_stay(self):
        server = self.start(config=self.BEFORE)
        wire = self.subscribe(server, "OTHER", "> 1", "feed.x q 2")
        publisher = self.login(server, "EXP")

        def publish():
            publisher.send("PUB feed.x 1\r\nx\r\n")
            publisher.expect_quiet()

        publish()
        wire.expect_quiet()
        imports = account("OTHER", imports=[stream("EXP", "feed.>")])
        self.reload(server, self.BEFORE.replace(account("OTHER"), imports), wire)
        publish()
        for _ in range(2):
            wire.expect_line(r"MSG feed\.x [12] 1")
            wire.expect("x\r\n")
        renamed = account("OTHER", imports=[stream("EXP", "feed.>", "prefix: new")])
        self.reload(server, self.BEFORE.replace(account("OTHER"), renamed), wire)
        publish()
        wire.expect_message("new.feed.x", 1, b"x")
        wire.expect_quiet()
        self.reload(server, self.BEFORE, wire)
        publish()
        wire.expect_quiet()

    def test_services_come_and_go(self):
        server = self.start(config=self.BEFORE)
        responder = self.subscribe(server, "EXP", "svc 1")
        wire = self.login(server, "OTHER")

        def request():
            wire.send("PUB ask 1\r\n?\r\n")
            wire.expect_quiet()

        request()
        responder.expect_quiet()
        changed = account("OTHER", imports=[service("EXP", "svc", "to: ask")])
        self.reload(server, self.BEFORE.replace(account("OTHER"), changed))
        request()
        responder.expect_message("svc", 1, b"?")
        self.reload(server, self.BEFORE)
        request()
        responder.expect_quiet()

    def test_clients_of_a_removed_account_are_closed_and_no_others(self):
        server = self.start(config=self.BEFORE)
        gone, stays = self.login(server, "OTHER"), self.login(server, "IMP")
        self.reload(server, self.BEFORE.replace(account("OTHER"), ""))
        self.assertTrue(re.match(rb"(-ERR 'Authorization Violation'\r\n)?$", gone.read_to_end()))
        stays.expect_quiet()

    def test_a_client_is_told_what_its_account_allows(self):
        """Libraries refuse by themselves what is larger; the server says it once it knows the account."""
        server = self.start(config=config(account("A", limits="max_payload: 522"), account("B")))
        for user, told in (("A", 522), ("B", 1048576)):
            wire = self.wire(server)
            self.assertEqual(wire.read_info()["max_payload"], 1048576)
            connect = {"user": user, "pass": "pw", "verbose": False, "protocol": 1}
            wire.send(f"CONNECT {json.dumps(connect)}\r\nPING\r\nPING\r\n")
            lines = [wire.read_line().decode()]
            while lines.count("PONG") < 2:
                lines.append(wire.read_line().decode())
            infos = [json.loads(line[5:])["max_payload"] for line in lines if line.startswith("INFO ")]
            self.assertIn(infos[-1:], [[told]] if user == "A" else [[], [told]])
            wire.send(f"PUB x {told + 1}\r\n")
            wire.expect("-ERR 'Maximum Payload Violation'\r\n")

    @case.differs("2.9.10", "it has the new limits for new clients only")
    def test_limits_change_for_clients_that_stay(self):
        server = self.start(config=self.BEFORE)
        wires = [self.login(server, "OTHER") for _ in range(3)]
        limited = account("OTHER", limits="max_connections: 1, max_payload: 4")
        self.reload(server, self.BEFORE.replace(account("OTHER"), limited))
        ended = 0
        for wire in wires:
            try:
                for _ in range(2):
                    wire.expect_quiet()
                wire.send("PUB x 5\r\n12345\r\n")
                wire.expect("-ERR 'Maximum Payload Violation'\r\n")
                wire.expect_end()
            except WireError:
                ended += 1
        self.assertEqual(ended, 2)

    @case.differs("2.9.10", "mappings stay as they were until a restart")
    def test_mappings_change(self):
        server = self.start(config=self.BEFORE)
        wire = self.subscribe(server, "OTHER", "to 1", "from 2")
        wire.send("PUB from 1\r\na\r\n")
        wire.expect_message("from", 2, b"a")
        mapped = account("OTHER", mappings="from: to")
        self.reload(server, self.BEFORE.replace(account("OTHER"), mapped), wire)
        wire.send("PUB from 1\r\nb\r\n")
        wire.expect_message("to", 1, b"b")


def messages(wire):
    """All that has arrived: pairs of control line and body."""
    wire.send("PING\r\n")
    while True:
        line = wire.read_line().decode()
        if line == "PONG":
            return
        yield line, wire.read(int(line.split()[-1]) + 2)[:-2]


if __name__ == "__main__":
    case.main()
