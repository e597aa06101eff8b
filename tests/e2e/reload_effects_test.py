#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a reload changes takes effect: for clients that are connected, for those that come later, in the log."""

import os
import re
import signal
import socket
import time

from log_files_test import Receiver
from reload_test import DONE, REFUSED, ReloadCase
from support import case
from support.case import Options, differs
from support.nkeys import Key, base64url
from support.server import LISTENING, READY, Server
from support.tls import Certificates

KEPT = "max_payload: 1048576\n"  # the default: a file that says nothing, and is not empty


class LogTest(ReloadCase):
    def test_trace_and_debug_of_connected_clients(self):
        server = self.start(config=KEPT)
        wire = self.client(server)
        self.reload_well(server, "trace: true\n", r"\[INF\] Reloaded: trace = true")
        first = len(server.log.lines())
        wire.send("PUB traced 2\r\nhi\r\n")
        wire.expect_quiet()
        server.log.wait(r"\[TRC\] .*cid:\d+.* - <<- \[PUB traced 2\]", after=first)
        self.reload_well(server, "debug: true\n", "Reloaded: trace = false", "Reloaded: debug = true")
        first = len(server.log.lines())
        wire.send("PUB untraced 2\r\nhi\r\n")
        wire.expect_quiet()
        self.client(server).close()
        server.log.wait(r"\[DBG\] .*Client connection closed", after=first)
        self.assertNotIn("untraced", "\n".join(server.log.lines()[first:]))

    def test_logtime(self):
        server = self.start(config=KEPT)
        stamp = r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{6} "
        first = self.reload(server, "logtime: false\n")
        server.log.wait(rf"^\[{server.pid}\] {stamp}\[INF\] Reloaded: logtime = false$", after=first)
        server.log.wait(rf"^\[{server.pid}\] {DONE}$", after=first)
        first = self.reload(server, "logtime: true\n")
        server.log.wait(rf"^\[{server.pid}\] \[INF\] Reloaded: logtime = true$", after=first)
        server.log.wait(rf"^\[{server.pid}\] {stamp}{DONE}$", after=first)

    def test_to_a_syslog_server_and_back(self):
        server = self.start(config=KEPT)
        receiver = Receiver(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0))
        self.addCleanup(receiver.close)
        url = f"udp://127.0.0.1:{receiver.socket.getsockname()[1]}"
        first = self.reload(server, f'remote_syslog: "{url}"\n')
        server.log.wait(f"Reloaded: remote_syslog = {url}$", after=first)
        self.assertEqual(len(receiver.until("Reloaded server configuration")), 1)
        first = self.reload(server, KEPT)
        server.log.wait(DONE, after=first)
        receiver.until("Reloaded: remote_syslog = $")

    @differs("2.9.10", "it has no such option")
    def test_log_format(self):
        server = self.start(config=KEPT)
        first = self.reload(server, "log_format: json\n")
        server.log.wait(r'^\{"time":.*"text":"Reloaded server configuration"\}$', after=first)
        first = self.reload(server, "log_format: text\n")
        server.log.wait(r'^\{"time":.*"text":"Reloaded: log_format = text"\}$', after=first)
        server.log.wait(DONE, after=first)


class LimitsTest(ReloadCase):
    def test_control_line_of_connected_clients(self):
        server = self.start(config="max_control_line: 1024\n")
        wire = self.client(server)
        line = "SUB " + "a" * 1500 + " 1\r\n"
        self.reload_well(server, "max_control_line: 2048\n", "Reloaded: max_control_line = 2048")
        wire.send(line)
        wire.expect_quiet()
        self.reload_well(server, "max_control_line: 1024\n", "Reloaded: max_control_line = 1024")
        wire.send(line)
        self.assertIn(b"-ERR 'maximum control line exceeded'\r\n", wire.read_to_end())

    def test_a_lowered_payload_limit_closes_who_goes_on(self):
        server = self.start(config="max_payload: 100\n")
        wire = self.client(server)
        self.reload_well(server, "max_payload: 10\n", "Reloaded: max_payload = 10")
        wire.send("PUB foo 11\r\nhello world\r\n")
        self.assertIn(b"-ERR 'Maximum Payload Violation'\r\n", wire.read_to_end())

    def test_pings_of_connected_clients(self):
        """An idle client is asked by the new rule without having done anything."""
        server = self.start(config='ping_interval: "1s"\nping_max: 100\n')
        wire = self.client(server)
        self.reload_well(
            server,
            'ping_interval: "150ms"\nping_max: 2\n',
            "Reloaded: ping_interval = 150ms",
            "Reloaded: ping_max = 2",
        )
        wire.deadline_s = case.DEADLINE_S
        got = wire.read_to_end()  # it answers nothing
        self.assertRegex(got, rb"^(PING\r\n)+-ERR 'Stale Connection'\r\n$")

    def test_max_connections_may_grow_again(self):
        server = self.start(config="max_connections: 1\n")
        self.client(server)
        refused = self.wire(server)
        refused.read_info()
        refused.expect("-ERR 'maximum connections exceeded'\r\n")
        self.reload_well(server, "max_connections: 3\n", "Reloaded: max_connections = 3")
        wires = [self.client(server) for _ in range(2)]
        refused = self.wire(server)
        refused.read_info()
        refused.expect("-ERR 'maximum connections exceeded'\r\n")
        for wire in wires:
            wire.expect_quiet()

    def test_write_deadline_of_new_clients(self):
        server = self.start(config='write_deadline: "60s"\nmax_pending: 1gb\n')
        publisher = self.client(server)
        self.reload_well(server, 'write_deadline: "200ms"\nmax_pending: 1gb\n', "Reloaded: write_deadline = 200ms")
        sleeper = self.wire(server, receive_bytes=4096)
        sleeper.open()
        sleeper.send("SUB foo 1\r\n")
        sleeper.expect_quiet()
        publisher.send((b"PUB foo 65536\r\n" + b"x" * 65536 + b"\r\n") * 200)
        publisher.expect_quiet()
        server.log.wait("Slow Consumer Detected: WriteDeadline of 200ms exceeded")


class LoginTest(ReloadCase):
    def test_time_to_log_in(self):
        server = self.start(config="authorization { user: a, password: b, timeout: 60 }\n")
        self.reload_well(
            server, "authorization { user: a, password: b, timeout: 0.2 }\n", "Reloaded: authorization timeout = 0.2"
        )
        silent = self.wire(server)
        silent.read_info()
        self.assertEqual(silent.read_to_end(), b"-ERR 'Authentication Timeout'\r\n")

    def test_nkey_users(self):
        old, new = Key("user"), Key("user")

        def config(pair):
            return "authorization { users = [ { nkey: %s } ] }\n" % pair.public

        def login(pair):
            wire = self.wire(server)
            nonce = wire.read_info()["nonce"]
            signature = base64url(pair.sign(nonce))
            wire.send('CONNECT {"verbose":false,"nkey":"%s","sig":"%s"}\r\nPING\r\n' % (pair.public, signature))
            return wire

        server = self.start(config=config(old))
        goes = login(old)
        goes.expect("PONG\r\n")
        self.reload_well(server, config(new), "Reloaded: authorization nkey users")
        self.assertIn(goes.read_to_end(), (b"", b"-ERR 'Authorization Violation'\r\n"))
        login(old).expect("-ERR 'Authorization Violation'\r\n")
        login(new).expect("PONG\r\n")

    @differs("2.9.10", "it closes a client whose user is not asked for any more")
    def test_authorization_comes_and_goes(self):
        server = self.start(config=KEPT)
        stranger = self.client(server)
        self.assertNotIn("auth_required", self.wire(server).read_info())
        self.reload_well(
            server,
            "authorization { user: a, password: b }\n",
            "Reloaded: authorization username",
            "Reloaded: authorization password",
        )
        self.assertEqual(stranger.read_to_end(), b"-ERR 'Authorization Violation'\r\n")
        late = self.wire(server)
        self.assertTrue(late.read_info()["auth_required"])
        stays = self.client(server, user="a", **{"pass": "b"})
        self.reload_well(server, KEPT, "Reloaded: authorization username", "Reloaded: authorization password")
        stays.expect_quiet()
        self.assertNotIn("auth_required", self.wire(server).read_info())
        self.check_serves(server)

    @differs("2.9.10", "it refuses to change no_auth_user")
    def test_the_user_of_strangers(self):
        one = "{ user: a, password: a, permissions: { publish: a } }"
        users = "authorization { users: [ %s, { user: b, password: b } ] }\n" % one
        server = self.start(config=users + "no_auth_user: a\n")
        stranger = self.client(server)
        stranger.send("PUB b 0\r\n\r\n")
        stranger.expect("-ERR 'Permissions Violation for Publish to \"b\"'\r\n")
        self.reload_well(server, users + "no_auth_user: b\n", "Reloaded: no_auth_user = b")
        late = self.client(server)
        late.send("PUB b 0\r\n\r\n")
        late.expect_quiet()

    @differs("2.9.10", "an empty block means nothing to it")
    def test_an_empty_authorization_block_ends_strangers(self):
        """Beside users of the system account alone, the block says that the file names all who may enter."""
        system = "accounts { $SYS { users: [ { user: admin, password: p } ] } }\n"
        server = self.start(config=KEPT + system)
        strangers = [self.client(server), self.wire(server)]
        strangers[1].read_info()
        strangers[1].send("PING\r\n")
        strangers[1].expect("PONG\r\n")
        self.reload_well(server, KEPT + system + "authorization { }\n", "Reloaded: authorization users")
        for stranger in strangers:
            self.assertIn(stranger.read_to_end(), (b"", b"-ERR 'Authorization Violation'\r\n"))

    @differs("2.9.10", "it keeps the client")
    def test_a_stranger_loses_the_user_that_it_was(self):
        """One that sent no CONNECT was the user without credentials, in an account of its own."""
        users = "accounts { B { users: [ { user: b, password: b } ] } }\nno_auth_user: b\n"
        server = self.start(config=KEPT + users)
        stranger = self.wire(server)
        stranger.read_info()
        stranger.send("SUB foo 1\r\nPING\r\n")
        stranger.expect("+OK\r\nPONG\r\n")
        self.reload_well(server, KEPT, "Reloaded: accounts", "Reloaded: no_auth_user = ")
        self.assertEqual(stranger.read_to_end(), b"")
        self.check_serves(server)

    @differs("2.9.10", "it keeps the client")
    def test_pins_end_clients_in_clear_text(self):
        certificates = Certificates(self.folder())
        pin = certificates.pin(certificates.cert)
        server = self.start(config=KEPT)
        goes = self.client(server)
        tls = certificates.config(f'ca_file: "{certificates.ca}"', "verify: true", f'pinned_certs: ["{pin}"]')
        self.reload_well(server, KEPT + tls, "Reloaded: tls = enabled")
        goes.read_to_end()

    def test_more_lost_subscriptions_than_a_client_may_have_errors_pending(self):
        """A line for each; they end the client, and nobody else."""
        rules = "max_payload: 1024\nmax_pending: 16384\nauthorization { users: [ { user: u, password: p %s } ] }\n"
        server = self.start(config=rules % "")
        loses, stays = (self.client(server, user="u", **{"pass": "p"}) for _ in range(2))
        loses.send("".join(f"SUB taken.{number} {number}\r\n" for number in range(5000)))
        loses.expect_quiet()
        denied = ', permissions: { subscribe: { deny: "taken.>" } }'
        first = self.reload(server, rules % denied)
        server.log.wait("Slow Consumer Detected: MaxPending of 16384 Exceeded", after=first)
        server.log.wait(DONE, after=first)
        stays.expect_quiet()
        self.client(server, user="u", **{"pass": "p"}).expect_quiet()


class SameAndFixedTest(ReloadCase):
    def lines_of(self, server, config):
        """The texts of what a reload logs, without those of debugging."""
        first = self.reload(server, config)
        _, last = server.log.wait(DONE + "|" + REFUSED, after=first)
        lines = server.log.lines()[first : last + 1]
        texts = [re.sub(r"^.*?\[(INF|WRN|ERR)\] ", "", line) for line in lines if "[DBG]" not in line]
        # The reference finds its own system user to be new each time.
        noise = ("Reloaded: authorization users", "Reloaded: accounts") if Options.reference else ()
        return [text for text in texts if text not in noise]

    def test_nothing_changed(self):
        text = 'debug: true\nmax_payload: 1000\nauthorization { users: [{ user: a, password: b }] }\n'
        server = self.start(config=text)
        wire = self.client(server, user="a", **{"pass": "b"})
        for _ in range(3):
            self.assertEqual(self.lines_of(server, text), ["Reloaded server configuration"])
        wire.expect_quiet()

    @differs("2.9.10", "with a single user it closes everybody who sent a name")
    def test_flags_stay_in_force(self):
        """A server that was started with flags takes a file that says otherwise, and keeps the flags."""
        server = self.start("-D", "--user", "a", "--pass", "b", config="max_payload: 10\n")
        wire = self.client(server, user="a", **{"pass": "b"})
        self.assertEqual(
            self.lines_of(server, "max_payload: 20\ndebug: false\nport: 1\nauthorization { user: c, password: d }\n"),
            ["Reloaded: max_payload = 20", "Reloaded server configuration"],
        )
        wire.expect_quiet()
        self.client(server, user="a", **{"pass": "b"})

    @differs("2.9.10", "it forgets the flag -r at a reload")
    def test_flags_of_the_log_and_of_monitoring_stay(self):
        receiver = Receiver(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0))
        self.addCleanup(receiver.close)
        folder = self.folder()
        path = os.path.join(folder, "server.conf")
        with open(path, "w", encoding="utf-8") as out:
            out.write(KEPT)
        server = Server(Options.server)
        self.addCleanup(server.kill)
        url = f"udp://127.0.0.1:{receiver.socket.getsockname()[1]}"
        arguments = [*Options.server_args, "-a", "127.0.0.1", "-p", "-1", "-m", "-1", "-r", url, "-c", path]
        server.spawn([server.binary, *arguments])
        receiver.until("Server is ready")
        with open(path, "w", encoding="utf-8") as out:
            out.write("max_payload: 20\n")
        server.send_signal(signal.SIGHUP)
        texts = [record.split("]: ")[1].strip() for record in receiver.until("Reloaded server configuration")]
        self.assertEqual(texts, ["Reloaded: max_payload = 20", "Reloaded server configuration"])
        self.assertEqual(server.stop(), 0)

    def test_a_port_that_was_chosen_stays(self):
        """Port -1 in the file, and no flag for it."""
        folder = self.folder()
        path = os.path.join(folder, "server.conf")
        with open(path, "w", encoding="utf-8") as out:
            out.write('host: "127.0.0.1"\nport: -1\nmax_payload: 10\n')
        server = Server(Options.server)
        self.addCleanup(server.close)
        server.config_file = path
        server.spawn([server.binary, *Options.server_args, "-c", path])
        server.port = int(server.log.wait(LISTENING)[0][2])
        server.log.wait(READY)
        self.assertEqual(
            self.lines_of(server, 'host: "127.0.0.1"\nport: -1\nmax_payload: 20\n'),
            ["Reloaded: max_payload = 20", "Reloaded server configuration"],
        )
        self.check_serves(server)

    def test_what_needs_a_restart(self):
        server = self.start(config=KEPT)
        for config, text in (
            ("http_port: 8222", "HTTPPort: old=0, new=8222"),
            ("prof_port: 6543", "ProfPort: old=0, new=6543"),
            ("accounts { A: {} }\nsystem_account: A", r"SystemAccount: old=\S*, new=A"),
        ):
            first = self.reload(server, config + "\nmax_payload: 5\n")
            server.log.wait(REFUSED + f".*config reload not supported for {text}", after=first)
        self.assertEqual(self.wire(server).read_info()["max_payload"], 1048576)
        self.check_serves(server)

    def test_a_hundred_reloads_in_a_row(self):
        """Signals that come faster than a reload takes become fewer reloads; the last file is what counts."""
        server = self.start(config="max_payload: 1\n")
        for size in range(2, 102):
            with open(server.config_file + ".new", "w", encoding="utf-8") as out:
                out.write(f"max_payload: {size}\n")
            os.rename(server.config_file + ".new", server.config_file)
            server.send_signal(signal.SIGHUP)
        server.log.wait(r"Reloaded: max_payload = 101$")
        end = time.monotonic() + case.DEADLINE_S
        while self.wire(server).read_info()["max_payload"] != 101:
            self.assertLess(time.monotonic(), end)
        self.check_serves(server)


if __name__ == "__main__":
    case.main()
