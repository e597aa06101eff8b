#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reload: what changes, what is refused, and that clients who stay valid notice nothing of it."""

import os
import re
import signal
import threading
import unittest

from support import case
from support.case import ServerCase, differs

DONE = r"\[INF\] Reloaded server configuration"
REFUSED = r"\[ERR\] Failed to reload server configuration: "


class ReloadCase(ServerCase):
    def reload(self, server, config):
        """Sends the signal; returns the number of the first log line that may belong to it."""
        with open(server.config_file, "w", encoding="utf-8") as out:
            out.write(config)
        first = len(server.log.lines())
        server.send_signal(signal.SIGHUP)
        return first

    def reload_well(self, server, config, *lines):
        """Reloads, and waits for these lines and the end of it."""
        first = self.reload(server, config)
        _, last = server.log.wait(DONE + "|" + REFUSED, after=first)
        log = server.log.lines()[first : last + 1]
        self.assertRegex(log[-1], DONE)
        for line in lines:
            self.assertTrue(any(re.search(line + "$", entry) for entry in log), f"{line!r} in {log}")


class ReloadTest(ReloadCase):
    def test_payload_limit_changes_for_existing_clients(self):
        server = self.start(config="max_payload: 10\n")
        wire = self.client(server)
        first = self.reload(server, "max_payload: 20\n")
        server.log.wait(r"\[INF\] Reloaded: max_payload = 20", after=first)
        server.log.wait(r"\[INF\] Reloaded server configuration", after=first)
        wire.send("PUB foo 20\r\n" + "x" * 20 + "\r\n")
        wire.expect_quiet()
        self.assertEqual(self.wire(server).read_info()["max_payload"], 20)

    def test_the_ports_file_moves_and_goes(self):
        folders = [self.folder(), self.folder()]
        server = self.start(config=f'ports_file_dir: "{folders[0]}"\n')
        old = self.expect_ports_file(server, folders[0])
        first = self.reload(server, f'ports_file_dir: "{folders[1]}"\n')
        server.log.wait(r"\[INF\] Reloaded server configuration", after=first)
        new = self.expect_ports_file(server, folders[1])
        self.wait_for(lambda: not os.path.exists(old), "the end of the old one")
        first = self.reload(server, "debug: true\n")
        server.log.wait(r"\[INF\] Reloaded server configuration", after=first)
        self.wait_for(lambda: not os.path.exists(new), "the end of the ports file")

    def test_a_bad_file_changes_nothing(self):
        server = self.start(config="max_payload: 10\n")
        first = self.reload(server, "max_payload: [\n")
        server.log.wait(r"\[ERR\] Failed to reload server configuration", after=first)
        self.assertEqual(self.wire(server).read_info()["max_payload"], 10)
        self.check_serves(server)

    def test_an_unsupported_change_is_refused_as_a_whole(self):
        server = self.start(config="max_payload: 10\nmax_subscriptions: 5\n")
        first = self.reload(server, "max_payload: 20\nmax_subscriptions: 6\n")
        server.log.wait(r"\[ERR\] Failed to reload .*not supported for MaxSubs", after=first)
        self.assertEqual(self.wire(server).read_info()["max_payload"], 10)

    def test_a_removed_user_is_disconnected(self):
        users = "authorization { users = [ { user: a, password: a }, { user: b, password: b } ] }\n"
        server = self.start(config=users)
        keeps = self.client(server, user="a", **{"pass": "a"})
        goes = self.client(server, user="b", **{"pass": "b"})
        self.reload(server, "authorization { users = [ { user: a, password: a } ] }\n")
        server.log.wait(r"Reloaded server configuration")
        # Newer servers name the violation, older ones close without a word.
        self.assertIn(goes.read_to_end(), (b"", b"-ERR 'Authorization Violation'\r\n"))
        keeps.expect_quiet()

    def test_debug_can_be_turned_on(self):
        server = self.start(config="debug: false\n")
        first = self.reload(server, "debug: true\n")
        server.log.wait(r"\[INF\] Reloaded: debug = true", after=first)
        server.log.wait(r"\[INF\] Reloaded server configuration", after=first)
        self.client(server)
        server.log.wait(r"\[DBG\] 127\.0\.0\.1:\d+ - cid:\d+ - Client connection created", after=first)


    @differs("2.9.10", "it leaves the clients over the limit alone, and names lame_duck_duration as fixed")
    def test_every_option_of_the_table_is_applied_and_named(self):
        server = self.start(config="")
        folder = self.folder()
        for config, line in (
            ("debug: true", "Reloaded: debug = true"),
            ("trace: true", "Reloaded: trace = true"),
            ("logtime: true\nlogtime_utc: true", "Reloaded: logtime_utc = true"),
            ("max_traced_msg_len: 5", "Reloaded: max_traced_msg_len = 5"),
            ('authorization { timeout: "3s" }', "Reloaded: authorization timeout = 3"),
            ("authorization { user: a, password: b }", "Reloaded: authorization username"),
            ("authorization { token: t }", "Reloaded: authorization token"),
            ("authorization { users: [{ user: a, password: b }] }", "Reloaded: authorization users"),
            ("accounts { A { users: [{ user: a, password: b }] } }", "Reloaded: accounts"),
            ("max_connections: 7", "Reloaded: max_connections = 7"),
            ("max_control_line: 2048", "Reloaded: max_control_line = 2048"),
            ("max_payload: 1000", "Reloaded: max_payload = 1000"),
            ('ping_interval: "40s"', "Reloaded: ping_interval = 40s"),
            ("ping_max: 4", "Reloaded: ping_max = 4"),
            ('write_deadline: "3s"', "Reloaded: write_deadline = 3s"),
            ('lame_duck_duration: "40s"', "Reloaded: lame_duck_duration = 40s"),
            ('lame_duck_grace_period: "5s"', "Reloaded: lame_duck_grace_period = 5s"),
            ("connect_error_reports: 5", "Reloaded: connect_error_reports = 5"),
            ("reconnect_error_reports: 5", "Reloaded: reconnect_error_reports = 5"),
            (f'pid_file: "{folder}/pid"', f"Reloaded: pid_file = {folder}/pid"),
            (f'ports_file_dir: "{folder}"', f"Reloaded: ports_file_dir = {folder}"),
            ('client_advertise: "a.example:1"', "Reload: client_advertise = a.example:1"),
            ("server_tags: [a]", "Reloaded: tags"),
            ("", "Reload(ed)?: .*"),
        ):
            self.reload_well(server, config + "\n", r"\[INF\] " + line)
        with open(f"{folder}/pid", encoding="ascii") as stream:
            self.assertEqual(stream.read(), str(server.pid))
        self.check_serves(server)

    @differs("2.9.10", "it lacks some of these")
    def test_what_needs_a_restart_is_named(self):
        server = self.start(config="")
        for config, name in (
            ("server_name: other", "ServerName: old=, new=other"),
            ("max_subscriptions: 6", "MaxSubs: old=0, new=6"),
            ("max_sub_tokens: 6", "MaxSubTokens: old=0, new=6"),
            ("max_pending: 2000000", "MaxPending: old=67108864, new=2000000"),
            ("no_header_support: true", "NoHeaderSupport: old=false, new=true"),
            ("disable_sublist_cache: true", "NoSublistCache: old=false, new=true"),
            ("uring { busy_poll: 5ms }", "uring busy_poll: old=0s, new=5ms"),
            ("uring { cache_entries: 512 }", "uring cache_entries: old=16384, new=512"),
        ):
            first = self.reload(server, config + "\nmax_payload: 5\n")
            server.log.wait(REFUSED + f"config reload not supported for {name}", after=first)
        self.assertEqual(self.wire(server).read_info()["max_payload"], 1048576)
        self.check_serves(server)

    @differs("2.9.10", "it has no line for a block without effect")
    def test_blocks_without_effect_are_named_when_a_reload_brings_them(self):
        inactive = r'\[WRN\] .*server.conf:{}:1: "{}" is accepted, but not active in this version'
        server = self.start(config="mqtt {}\n")
        server.log.wait(inactive.format(r"\d", "mqtt").replace(r":1: ", r":\d: "))
        first = len(server.log.lines())
        self.reload_well(server, "max_payload: 5\nmqtt {}\njetstream: true\n", inactive.format(3, "jetstream"))
        self.assertNotIn("mqtt", "".join(server.log.lines()[first:]), "once is enough")
        self.reload_well(server, "max_payload: 5\n")
        self.reload_well(server, "max_payload: 5\nmqtt {}\n", inactive.format(2, "mqtt"))

    @differs("2.9.10", "it shows both blocks whole")
    def test_the_field_of_a_block_that_needs_a_restart_is_named(self):
        gateway = 'gateway {{ name: A, listen: "127.0.0.1:-1"{} }}\n'
        server = self.start(config=gateway.format(""))
        for more, text in (
            (", connect_retries: 3", "old={ConnectRetries:0}, new={ConnectRetries:3}"),
            (', gateways: [{name: B, url: "nats://127.0.0.1:1"}]', 'old={}, new={remote gateway "B"}'),
        ):
            first = self.reload(server, gateway.format(more))
            server.log.wait(REFUSED + re.escape(f"config reload not supported for Gateway: {text}") + "$", after=first)

    @differs("2.9.10", "it goes on with half of the change, or ends")
    def test_what_cannot_be_opened_leaves_the_server_as_it_was(self):
        server = self.start(config="max_payload: 10\n")
        for config, why in (
            ('pid_file: "/nowhere/pid"', "could not write pidfile: open /nowhere/pid: no such file"),
            ('log_file: "/nowhere/log"', "error opening file: open /nowhere/log: no such file"),
            ('remote_syslog: "tcp://127.0.0.1:1"', "error connecting to syslog"),
            ("tls { cert_file: none.pem, key_file: none.pem }", r"\S*server.conf:1:0: error parsing X509"),
            ('include "none.conf"', "error parsing include file 'none.conf'"),
        ):
            first = self.reload(server, config + "\nmax_payload: 20\n")
            server.log.wait(f"(?i){REFUSED}.*{why}", after=first)
            self.assertEqual(self.wire(server).read_info()["max_payload"], 10)
        os.unlink(server.config_file)
        first = len(server.log.lines())
        server.send_signal(signal.SIGHUP)
        server.log.wait(REFUSED + ".*no such file or directory", after=first)
        self.check_serves(server)

    def test_client_advertise_is_what_new_clients_are_told(self):
        server = self.start(config="")
        self.reload_well(server, 'client_advertise: "nats.example:4999"\n')
        info = self.wire(server).read_info()
        self.assertEqual((info["host"], info["port"]), ("nats.example", 4999))
        self.reload_well(server, 'client_advertise: "nats.example"\n')
        self.assertEqual(self.wire(server).read_info()["port"], server.port)
        first = self.reload(server, 'client_advertise: "bad:port:x"\n')
        server.log.wait(REFUSED + "invalid ClientAdvertise value of bad:port:x, err=", after=first)
        self.assertEqual(self.wire(server).read_info()["host"], "nats.example")
        self.reload_well(server, "")
        self.assertEqual(self.wire(server).read_info()["host"], "127.0.0.1")

    def test_clients_above_a_lowered_limit_are_closed(self):
        server = self.start(config="max_connections: 10\n")
        wires = [self.client(server) for _ in range(6)]
        self.reload_well(
            server,
            "max_connections: 2\n",
            "Reloaded: max_connections = 2",
            "Closed 4 connections to fall within max_connections",
        )
        closed = 0
        for wire in wires:
            wire.send("PING\r\n")
            if wire.read_line() == b"-ERR 'maximum connections exceeded'":
                closed += 1
                wire.expect_end()
        self.assertEqual(closed, 4)
        late = self.wire(server)
        late.read_info()
        late.expect("-ERR 'maximum connections exceeded'\r\n")

    def test_a_new_log_file_is_used_from_then_on(self):
        folder = self.folder()
        path = os.path.join(folder, "server.log")
        server = self.start(config="debug: true\n")
        first = self.reload(server, f'debug: true\nlog_file: "{path}"\n')

        def moved():
            if not os.path.exists(path):
                return False
            with open(path, encoding="utf-8") as stream:
                return "Reloaded server configuration" in stream.read()

        self.wait_for(moved, "the line in the new file")
        self.client(server)
        server.stop()
        with open(path, encoding="utf-8") as stream:
            self.assertIn("Client connection created", stream.read())
        self.assertNotIn("Client connection created", "\n".join(server.log.lines()[first:]))


def users(*entries):
    return "authorization { users = [ " + ", ".join("{ %s }" % entry for entry in entries) + " ] }\n"


class WhoMayStayTest(ReloadCase):
    def login(self, server, **who):
        if "password" in who:
            who["pass"] = who.pop("password")
        return self.client(server, **who)

    def refused(self, server, **who):
        if "password" in who:
            who["pass"] = who.pop("password")
        wire = self.wire(server)
        wire.read_info()
        fields = ", ".join(f'"{key}": "{value}"' for key, value in who.items())
        wire.send('CONNECT {"verbose": false, %s}\r\nPING\r\n' % fields)
        wire.expect("-ERR 'Authorization Violation'\r\n")
        wire.expect_end()

    def test_a_changed_password_ends_the_old_one(self):
        server = self.start(config=users("user: a, password: one", "user: b, password: b"))
        goes = self.login(server, user="a", password="one")
        keeps = self.login(server, user="b", password="b")
        self.reload_well(server, users("user: a, password: two", "user: b, password: b"))
        self.assertIn(goes.read_to_end(), (b"", b"-ERR 'Authorization Violation'\r\n"))
        keeps.expect_quiet()
        self.refused(server, user="a", password="one")
        self.login(server, user="a", password="two")

    def test_a_password_may_become_its_hash(self):
        server = self.start(config=users("user: a, password: T0pS3cr3t"))
        wire = self.login(server, user="a", password="T0pS3cr3t")
        hashed = "$2a$04$x5DjoBCdcTClqgOK4SBpHOVUHCgD16QVqxnLZiNKKJcqYEu7umhEK"
        self.reload_well(server, users(f'user: a, password: "{hashed}"'))
        # Whether or not it is the hash of that password is the reload's to find out.
        wire.send("PING\r\n")
        self.assertIn(wire.read_line(), (b"PONG", b"-ERR 'Authorization Violation'"))

    @differs("2.9.10", "with a single user it closes everybody who sent a name")
    def test_from_users_to_one_user_and_to_a_token(self):
        server = self.start(config=users("user: a, password: a", "user: b, password: b"))
        keeps = self.login(server, user="a", password="a")
        goes = self.login(server, user="b", password="b")
        self.reload_well(server, "authorization { user: a, password: a }\n")
        keeps.expect_quiet()
        self.assertIn(goes.read_to_end(), (b"", b"-ERR 'Authorization Violation'\r\n"))
        self.refused(server, user="b", password="b")
        self.reload_well(server, "authorization { token: t }\n")
        self.assertIn(keeps.read_to_end(), (b"", b"-ERR 'Authorization Violation'\r\n"))
        self.refused(server, user="a", password="a")
        self.login(server, auth_token="t")
        self.reload_well(server, "")
        self.client(server)

    def test_who_moves_to_another_account_is_closed(self):
        config = "accounts { A { users: [{user: a, password: a}%s] }, B { users: [{user: b, password: b}%s] } }\n"
        mover = ", {user: m, password: m}"
        server = self.start(config=config % (mover, ""))
        keeps, moves = self.login(server, user="a", password="a"), self.login(server, user="m", password="m")
        self.reload_well(server, config % ("", mover))
        self.assertIn(moves.read_to_end(), (b"", b"-ERR 'Authorization Violation'\r\n"))
        keeps.expect_quiet()
        self.login(server, user="m", password="m")

    def test_permissions_follow_the_file(self):
        entry = "user: a, password: a, permissions: { subscribe: %s, publish: %s }"
        server = self.start(config=users(entry % ('["a.>", "b.>"]', '"x.>"')))
        wire = self.login(server, user="a", password="a")
        wire.send("SUB a.1 1\r\nSUB b.1 2\r\n")
        wire.expect_quiet()
        self.reload_well(server, users(entry % ('["a.>"]', '["x.>", "a.>"]')))
        wire.expect_line(r"-ERR 'Permissions Violation for Subscription to \"b\.1\" \(sid \"2\"\)'")
        wire.send("PUB a.1 2\r\nhi\r\nSUB b.2 3\r\n")
        wire.expect_message("a.1", 1, b"hi")
        wire.expect_line(r"-ERR 'Permissions Violation for Subscription to \"b\.2\"'")
        self.reload_well(server, users(entry % ('["a.>", "b.>"]', '"b.>"')))
        wire.send("SUB b.2 3\r\nPUB b.2 2\r\nhi\r\nPUB a.1 1\r\nx\r\n")
        wire.expect_message("b.2", 3, b"hi")
        wire.expect_line(r"-ERR 'Permissions Violation for Publish to \"a\.1\"'")

    @differs("2.9.10", "it forgets them at every reload")
    def test_answers_that_were_allowed_end_with_the_permission(self):
        """A right that was given by a request is no right any more when the file takes such rights away."""
        entry = 'user: s, password: s, permissions: { subscribe: req, publish: { allow: [ none ] } %s }'
        asker = "user: a, password: a"
        allowed = entry % ', allow_responses: { max: -1, expires: "60m" }'
        server = self.start(config=users(allowed, asker))
        service, requestor = self.login(server, user="s", password="s"), self.login(server, user="a", password="a")
        service.send("SUB req 1\r\n")
        service.expect_quiet()
        requestor.send("SUB ans.* 1\r\nPUB req ans.1 2\r\nhi\r\n")
        service.expect_message("req", 1, b"hi", reply="ans.1")
        service.send("PUB ans.1 3\r\none\r\n")
        requestor.expect_message("ans.1", 1, b"one")
        # The same permission again leaves it alone.
        self.reload_well(server, users(allowed, asker, "user: z, password: z"))
        service.send("PUB ans.1 3\r\ntwo\r\n")
        requestor.expect_message("ans.1", 1, b"two")
        self.reload_well(server, users(entry % "", asker))
        for _ in range(2):
            service.expect_quiet()
        service.send("PUB ans.1 5\r\nthree\r\n")
        service.expect_line(r"-ERR 'Permissions Violation for Publish to \"ans\.1\"'")
        requestor.expect_quiet()


class Stream:
    """A publisher that numbers its messages until it is told to end, and its subscriber."""

    BATCH = 50

    def __init__(self, publisher, subscriber, subject):
        self.publisher, self.subscriber, self.subject = publisher, subscriber, subject
        self.ending = threading.Event()
        self.count = 0
        self.error = None
        subscriber.send(f"SUB {subject} 1\r\n")
        subscriber.expect_quiet()
        self.threads = [threading.Thread(target=self._run, args=(work,)) for work in (self._publish, self._read)]
        for thread in self.threads:
            thread.start()

    def _run(self, work):
        try:
            work()
        except BaseException as error:  # told to the test
            self.error = self.error or error
            self.ending.set()

    def _publish(self):
        while not self.ending.is_set():
            lines = []
            for _ in range(self.BATCH):
                body = str(self.count)
                lines.append(f"PUB {self.subject} {len(body)}\r\n{body}\r\n")
                self.count += 1
            self.publisher.send("".join(lines))
            self.publisher.expect_quiet()  # and so not faster than the server
        self.publisher.send(f"PUB {self.subject} 3\r\nend\r\n")
        self.publisher.expect_quiet()

    def _read(self):
        expected = 0
        while True:
            size = int(self.subscriber.expect_line(rf"MSG {re.escape(self.subject)} 1 (\d+)")[1])
            body = self.subscriber.read(size + 2)[:-2].decode()
            if body == "end":
                break
            assert body == str(expected), f"message {body} instead of {expected}"
            expected += 1
        self.received = expected

    def end(self):
        """Returns how many messages went through."""
        self.ending.set()
        for thread in self.threads:
            thread.join()
        if self.error is not None:
            raise self.error
        assert self.received == self.count, f"{self.received} of {self.count} messages"
        return self.count


class UnderLoadTest(ReloadCase):
    RELOADS = 30

    def test_no_message_is_lost_and_nobody_valid_is_dropped(self):
        stays = ["user: pub, password: p", "user: sub, password: s"]
        server = self.start(config=users(*stays))
        streams = [
            Stream(
                self.client(server, user="pub", **{"pass": "p"}),
                self.client(server, user="sub", **{"pass": "s"}),
                f"load.{index}",
            )
            for index in range(3)
        ]
        for number in range(self.RELOADS):
            comes = f"user: u{number}, password: p"
            extra = f"max_payload: {100000 + number}\nping_max: {2 + number % 3}\n"
            self.reload_well(server, users(*stays, comes) + extra, "Reloaded: authorization users")
            for stream in streams:
                self.assertIsNone(stream.error)
        for stream in streams:
            self.assertGreater(stream.end(), self.RELOADS)

    def test_permissions_taken_and_given_during_traffic(self):
        loud = "user: loud, password: l"
        entry = "user: quiet, password: q, permissions: { subscribe: %s }"
        server = self.start(config=users(loud, entry % '">"'))
        publisher = self.client(server, user="loud", **{"pass": "l"})
        stream = Stream(publisher, self.client(server, user="loud", **{"pass": "l"}), "load.1")
        quiet = self.client(server, user="quiet", **{"pass": "q"})
        violation = rb"-ERR 'Permissions Violation for Subscription to \"load.1\" (sid \"1\")'"
        violation = violation.replace(b"\\", b"")
        for _ in range(10):
            quiet.send("SUB load.1 1\r\n")
            quiet.expect_line(r"MSG load\.1 1 \d+")  # in the middle of the traffic
            quiet.read_line()
            self.reload_well(server, users(loud, entry % '"none"'))
            line = b"MSG"
            while line != violation:
                if line.startswith(b"-ERR"):
                    self.fail(line)
                line = quiet.read_line()
            quiet.expect_quiet()  # not one message after the notice
            self.reload_well(server, users(loud, entry % '">"'))
        self.assertGreater(stream.end(), 100)


if __name__ == "__main__":
    case.main()
