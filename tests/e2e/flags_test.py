#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Flags, exit codes, and the files that flags name."""

import json
import os
import re
import resource
import signal
import socket
import subprocess
import threading
import unittest

from support import case
from support.case import Options, ServerCase, differs
from support.server import Server, run_once

# Before flags that start no server, lest one that starts all the same takes the default port.
ANY_PORT = ("-a", "127.0.0.1", "-p", "-1")


class FlagsTest(ServerCase):
    def test_version_goes_to_stdout_and_exits_0(self):
        for flag in ("--version", "-version", "-v", "version"):
            code, out, error = self.run_once(flag)
            self.assertEqual((code, error), (0, ""), flag)
            self.assertRegex(out, r"^nats-(server|uring): v\d+\.\d+\.\d+\S*\n$", flag)

    def test_help_goes_to_stdout_and_exits_0(self):
        for flag in ("-h", "--help", "-help", "help"):
            code, out, error = self.run_once(flag)
            self.assertEqual((code, error), (0, ""), flag)
            self.assertRegex(out, r"^\nUsage: nats-\w+ \[options\]\n", flag)
            self.assertTrue(out.endswith("\n\n"), flag)
            for text in ("-p, --port <port>", "-c, --config <file>", "-P, --pid <file>", "-DV"):
                self.assertIn(text, out, flag)

    @differs("2.9.10", "its lines are longer")
    def test_each_group_of_the_help_fits_a_screen(self):
        _, out, _ = self.run_once("--help")
        groups = out.strip("\n").split("\n\n")
        self.assertGreater(len(groups), 8)
        for group in groups:
            lines = group.split("\n")
            self.assertLessEqual(len(lines), 24, lines[0])
            for line in lines:
                self.assertLessEqual(len(line), 80, line)

    def test_help_tls_exits_0(self):
        code, out, _ = self.run_once("--help_tls")
        self.assertEqual(code, 0)
        self.assertIn("Available cipher suites include:", out)
        self.assertIn("Available curve preferences include:", out)

    def check_usage_error(self, args, message):
        code, out, error = self.run_once(*args)
        self.assertEqual(code, 1, args)
        self.assertIn(message, error.splitlines()[0], args)
        self.assertIn("Usage: nats-", out + error, args)

    @differs("2.9.10", "a bad flag ends with exit code 0")
    def test_bad_flags_show_the_usage_and_exit_1(self):
        self.check_usage_error(["-xxx"], "flag provided but not defined: -xxx")
        self.check_usage_error(["--xxx=1"], "flag provided but not defined: -xxx")
        self.check_usage_error(["-p"], "flag needs an argument: -p")
        self.check_usage_error(["-p", "abc"], 'invalid value "abc" for flag -p: parse error')
        self.check_usage_error(["-D=maybe"], 'invalid boolean value "maybe" for -D')

    def test_an_unknown_word_exits_1(self):
        code, _, error = self.run_once(*ANY_PORT, "frobnicate")
        self.assertEqual(code, 1)
        self.assertRegex(error, r'^nats-(server|uring): unrecognized command: "frobnicate"\n')

    @differs("2.9.10", "it names no remedy")
    def test_an_address_of_another_machine_is_refused_with_a_remedy(self):
        code, _, error = self.run_once("-a", "192.0.2.1", "-p", "-1")
        self.assertEqual(code, 1)
        self.assertRegex(error, r"bind: cannot assign requested address\" - this machine has no such address: ")

    def check_limited(self, limit, number, said):
        done = subprocess.run(
            [Options.server, *ANY_PORT, "--workers", "4"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False, timeout=60, preexec_fn=lambda: resource.setrlimit(limit, (number, number)))
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stderr.splitlines()[-1], said)

    @differs("2.9.10", "it names no remedy")
    def test_too_few_descriptors_are_named_with_the_remedy(self):
        said = r"too many open files - raise the limit of open files \(ulimit -n, LimitNOFILE=\)$"
        self.check_limited(resource.RLIMIT_NOFILE, 8, said)

    @differs("2.9.10", "it names no remedy")
    def test_too_little_memory_is_named_with_the_remedy(self):
        with open(Options.server, "rb") as stream:
            if b"__sanitizer_" in stream.read():
                self.skipTest("a sanitizer needs all addresses")
        said = "the system refuses a thread or memory - raise |cannot allocate memory - give the process more memory "
        self.check_limited(resource.RLIMIT_AS, 100 << 20, said)  # which of the two it is depends on the build

    def test_a_missing_configuration_file_exits_1(self):
        code, _, error = self.run_once(*ANY_PORT, "-c", os.path.join(self.folder(), "none.conf"))
        self.assertEqual(code, 1)
        self.assertRegex(error, r"^nats-(server|uring): .*none\.conf.*no such file or directory")

    def write(self, text):
        path = os.path.join(self.folder(), "server.conf")
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def test_t_says_that_a_file_is_valid(self):
        path = self.write("port: 4333\n")
        code, _, error = self.run_once(*ANY_PORT, "-t", "-c", path)
        self.assertEqual(code, 0)
        self.assertIn(f"configuration file {path} is valid", error)

    def test_t_needs_a_file(self):
        code, _, error = self.run_once(*ANY_PORT, "-t")
        self.assertEqual(code, 1)
        self.assertIn("must specify [-c, --config] option to check configuration file syntax", error)

    def test_a_bad_file_exits_1_and_names_the_place(self):
        for text in ("port: nope\n", "a { b: 1\n", "unknown_key_xyz: 1\n"):
            path = self.write(text)
            for args in (["-t", "-c", path], [*ANY_PORT, "-c", path]):
                code, _, error = self.run_once(*args)
                self.assertEqual(code, 1, text)
                self.assertRegex(
                    error, r"^nats-(server|uring): (\S*server\.conf:\d+|Parse error on line \d+: ')", text
                )

    def test_t_names_what_only_a_restart_changes(self):
        path = self.write("port: 4333\nmax_pending: 10mb\nmax_payload: 1000\n")
        code, out, error = self.run_once("-t", "-c", path)
        self.assertEqual((code, out), (0, ""))
        self.assertRegex(error, r"^nats-(server|uring): configuration file \S+ is valid[^\n]*\n$")
        if Options.reference is None:
            self.assertIn("(to change port, max_pending takes a restart)", error)

    @differs("2.9.10", "it does not know the flag")
    def test_t_says_whether_another_file_can_be_loaded(self):
        path = self.write("port: 4333\n")

        def check(text, *more):
            code, out, error = self.run_once("-t", "-c", path, "--test_reload", self.write(text), *more)
            self.assertEqual(out, "")
            return code, re.sub(r"\S*/|nats-(server|uring): ", "", error).splitlines()

        good = ["configuration file server.conf is valid", "configuration file server.conf can be reloaded"]
        code, lines = check("port: 4333\nmax_payload: 1000\n")
        self.assertEqual((code, lines), (0, good))
        self.assertEqual(check("port: 4334\n"), (3, ["config reload not supported for Port: old=4333, new=4334"]))
        self.assertEqual(check("port: 4334\n", "-p", "4333"), (0, good))  # the flag wins in both
        self.assertEqual(check("port: nope\n")[0], 1)
        code, _, error = self.run_once("-c", path, "--test_reload", path)
        self.assertEqual(code, 1)
        self.assertIn("--test_reload can only be used together with -t", error)

    @differs("2.9.10", "it takes what happens to parse, and needs minutes for deep nesting")
    def test_odd_files_get_a_clear_error(self):
        def check(text, message):
            path = self.write(text)
            code, _, error = self.run_once("-t", "-c", path)
            self.assertEqual(code, 1, message)
            self.assertIn(message, error)
            self.assertLess(len(error), 200_000)

        check("", "server.conf: config has no values or is empty")
        check("\n \n", "server.conf: config has no values or is empty")
        check("port: 1\n\0\0", "not a text file")
        check("a {" * 100_000, "nested deeper than 64 levels")
        check("a: " + "[" * 100_000, "nested deeper than 64 levels")
        # A guess at what was meant costs its time: only for those that are shown.
        check("".join(f"max_paylod{i}: 1\n" for i in range(50_000)), "... and 49000 more")
        check("#" + "x" * (65 << 20), "larger than 67108864 bytes")
        code, _, error = self.run_once("-t", "-c", self.folder())
        self.assertEqual(code, 1)
        self.assertRegex(error, r"^nats-uring: read \S+: is a directory\n$")

    def test_a_port_in_use_exits_1(self):
        server = self.start()
        code, _, error = self.run_once("-a", "127.0.0.1", "-p", str(server.port))
        self.assertEqual(code, 1)
        self.assertRegex(
            error,
            r"\[FTL\] Error listening on port: 127\.0\.0\.1:\d+, "
            r'"listen tcp 127\.0\.0\.1:\d+: bind: address already in use"',
        )
        self.check_serves(server)

    @differs("2.9.10", "it gives up at once")
    def test_a_port_that_is_let_go_of_within_a_second_is_taken(self):
        """The kernel may hold the ports of a process that was killed for a moment after its end."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            release = threading.Timer(0.2, taken.close)
            release.start()
            server = self.start("-p", str(port))
            release.join()
        self.assertEqual(server.port, port)
        self.check_serves(server)

    @differs("2.9.10", "it looks at no link's name")
    def test_called_nats_server_it_is_one(self):
        """Test suites and units that start a nats-server from the path must not need a wrapper."""
        link = os.path.join(self.folder(), "nats-server")
        os.symlink(os.path.abspath(Options.server), link)
        code, out, _ = run_once(link, ["--version"])
        self.assertEqual(code, 0)
        self.assertRegex(out, r"^nats-server: v\d+\.\d+\.\d+\n$")
        _, _, error = run_once(link, ["-t", "-c", "/no/such.conf"])
        self.assertEqual(error, "nats-server: open /no/such.conf: no such file or directory\n")
        server = Server(link, [])
        self.addCleanup(server.close)
        server.start()
        self.assertIn("Starting nats-server version", server.log.text())
        code, _, error = run_once(link, ["--signal", f"quit={server.pid}"])
        self.assertEqual((code, error), (0, ""))
        server.log.wait("Server Exiting")
        self.assertEqual(server.wait_exit(), 0)

    @differs("2.9.10", "it looks at no link's name")
    def test_called_nats_server_it_shows_that_name_in_its_help(self):
        link = os.path.join(self.folder(), "nats-server")
        os.symlink(os.path.abspath(Options.server), link)
        code, out, _ = run_once(link, ["--help"])
        self.assertEqual(code, 0)
        self.assertTrue(out.startswith("\nUsage: nats-server [options]\n"))
        self.assertNotIn("nats-uring", out)

    def test_a_name_is_one_address(self):
        """Two servers of one name and port must not run side by side on its two addresses."""
        server = self.start(host="localhost")
        code, _, error = self.run_once("-a", "localhost", "-p", str(server.port))
        self.assertEqual(code, 1)
        self.assertRegex(
            error,
            rf"\[FTL\] Error listening on port: localhost:{server.port}, "
            rf'"listen tcp 127\.0\.0\.1:{server.port}: bind: address already in use"',
        )
        with socket.create_connection(("127.0.0.1", server.port), timeout=10):
            pass

    def test_an_address_of_another_host_exits_1(self):
        code, _, error = self.run_once("-a", "203.0.113.1", "-p", "-1")
        self.assertEqual(code, 1)
        self.assertRegex(
            error,
            r"\[FTL\] Error listening on port: 203\.0\.113\.1:0, "
            r'"listen tcp 203\.0\.113\.1:0: bind: cannot assign requested address"',
        )

    def test_every_interface_means_both_families(self):
        """As `nats://localhost:4222` must work where localhost is ::1 first."""
        self.need_ipv6()
        for host, said in (("0.0.0.0", r"0\.0\.0\.0"), ("::", r"\[::\]")):
            folder = self.folder()
            server = self.start("-D", "--ports_file_dir", folder, host=host)
            server.log.wait(f"Listening for client connections on {said}:\\d+$")
            for address, peer in (("127.0.0.1", r"127\.0\.0\.1"), ("::1", r"\[::1\]")):
                wire = self.wire(server, host=address)
                info = wire.read_info()
                self.assertEqual((info["host"], info["client_ip"]), (host, address))
                server.log.wait(rf"\[DBG\] {peer}:\d+ - cid:\d+ - Client connection created")
            path = os.path.join(folder, f"{os.path.basename(Options.server)}_{server.pid}.ports")
            self.wait_for(lambda: os.path.exists(path) and os.path.getsize(path), path)  # noqa: B023
            with open(path, encoding="utf-8") as stream:
                urls = json.load(stream)["nats"]
            self.assertIn(f"nats://127.0.0.1:{server.port}", urls)
            self.assertIn(f"nats://[::1]:{server.port}", urls)

    def need_ipv6(self):
        try:
            with socket.socket(socket.AF_INET6) as probe:
                probe.bind(("::1", 0))
        except OSError as error:
            self.skipTest(f"SKIPPED: no IPv6 on this machine: {error}")

    def test_a_name_listens_on_its_address(self):
        folder = self.folder()
        server = self.start("--ports_file_dir", folder, host="localhost")
        path = os.path.join(folder, f"{os.path.basename(Options.server)}_{server.pid}.ports")
        self.wait_for(lambda: os.path.exists(path) and os.path.getsize(path), path)
        with open(path, encoding="utf-8") as stream:
            (url,) = json.load(stream)["nats"]
        self.assertRegex(url, rf"^nats://(127\.0\.0\.1|\[::1\]):{server.port}$")

    def test_pid_file(self):
        path = os.path.join(self.folder(), "server.pid")
        server = self.start("-P", path)
        with open(path, encoding="ascii") as stream:
            self.assertEqual(stream.read(), str(server.pid))

    def test_a_pid_file_that_cannot_be_written_exits_1(self):
        path = os.path.join(self.folder(), "none", "server.pid")
        code, _, error = self.run_once("-a", "127.0.0.1", "-p", "-1", "-P", path)
        self.assertEqual(code, 1)
        self.assertRegex(error, r"(?i)could not write pidfile: open \S+: no such file or directory")

    def test_ports_file(self):
        folder = self.folder()
        server = self.start("--ports_file_dir", folder)
        path = self.expect_ports_file(server, folder)
        server.stop(signal.SIGINT)
        self.assertFalse(os.path.exists(path))

    def test_flags_win_over_the_file(self):
        path = self.write("port: 1\nmax_payload: 100\ndebug: false\n")
        server = self.start("-D", "-c", path)
        self.assertNotEqual(server.port, 1)
        self.assertEqual(self.wire(server).read_info()["max_payload"], 100)
        server.log.wait(r"\[DBG\]")

    def test_user_and_password_flags(self):
        server = self.start("--user", "derek", "--pass", "pw")
        wire = self.wire(server)
        self.assertTrue(wire.read_info()["auth_required"])
        wire.send('CONNECT {"verbose":false,"user":"derek","pass":"pw"}\r\n')
        wire.expect_quiet()
        wire = self.wire(server)
        wire.read_info()
        wire.send('CONNECT {"verbose":false,"user":"derek","pass":"xx"}\r\n')
        wire.expect("-ERR 'Authorization Violation'\r\n")
        wire.expect_end()

    def test_auth_flag(self):
        server = self.start("--auth", "t0ken")
        wire = self.wire(server)
        wire.read_info()
        wire.send('CONNECT {"verbose":false,"auth_token":"t0ken"}\r\n')
        wire.expect_quiet()

    def test_server_name(self):
        server = self.start("-n", "some_name")
        self.assertEqual(self.wire(server).read_info()["server_name"], "some_name")

    def test_client_advertise(self):
        server = self.start("--client_advertise", "nats.example:4999")
        info = self.wire(server).read_info()
        self.assertEqual((info["host"], info["port"]), ("nats.example", 4999))

    def test_ports_out_of_range_end_the_start(self):
        for args in (("-p", "65536"), ("-p", "-2"), ("-p", "-1", "-m", "99999")):
            code, _, error = self.run_once("-a", "127.0.0.1", *args)
            self.assertEqual(code, 1, args)
            self.assertRegex(error, r"out of range|invalid port", args)

    def test_info_of_a_random_port_names_the_real_one(self):
        server = self.start()
        info = self.wire(server).read_info()
        self.assertEqual(info["port"], server.port)
        self.assertTrue(re.fullmatch(r"N[A-Z2-7]{55}", info["server_id"]))


class FirstContactTest(ServerCase):
    """What a newcomer meets: each line names the cause, and what to do about it."""

    NOBODY = 65534

    def setUp(self):
        super().setUp()
        if Options.reference:
            self.skipTest("the remedies are ours")

    def spawn(self, *args, **more):
        process = subprocess.Popen(
            [Options.server, "-a", "127.0.0.1", "-p", "-1", *args],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **more,
        )  # fmt: skip
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def check_ends_with(self, process, pattern):
        _, error = process.communicate(timeout=case.DEADLINE_S)
        self.assertEqual(process.returncode, 1, error)
        self.assertRegex(error.splitlines()[-1], pattern)

    def config(self, text):
        path = os.path.join(self.folder(), "server.conf")
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def test_a_port_that_is_taken(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            starts = [self.spawn("-m", address.split(":")[1]), self.spawn("--cluster", "nats://" + address)]
            for block in (
                'gateway { name: a, listen: "%s" }',
                'leafnodes { listen: "%s" }',
                'websocket { listen: "%s", no_tls: true }',
            ):
                starts.append(self.spawn("-c", self.config(block % address)))
            for process in starts:
                self.check_ends_with(
                    process,
                    r"\[FTL\] .*address already in use - "
                    "another process listens there: stop it, or choose another port$",
                )

    def without_rights(self):
        """Arguments for Popen: a user that may not enter a folder of mode 0."""
        if os.geteuid() != 0:
            return {}
        able = subprocess.run([Options.server, "--version"], user=self.NOBODY, capture_output=True, check=False)
        if able.returncode != 0:
            self.skipTest("SKIPPED: the program lies where only root may go")
        return {"user": self.NOBODY}

    def test_files_that_the_user_has_no_right_to(self):
        try:
            rights = self.without_rights()
        except PermissionError:
            self.skipTest("SKIPPED: the program lies where only root may go")
        closed = os.path.join(self.folder(), "closed")
        os.mkdir(closed, 0)
        remedy = (
            "permission denied - the server's user has no right to it: "
            "change owner or mode, or choose another path$"
        )
        for flags, text in (
            (("-l", closed + "/log"), "error opening file: open {0}/log: "),
            (("-P", closed + "/pid"), "Could not write pidfile: open {0}/pid: "),
            (("-c", closed + "/conf"), "nats-\\w+: open {0}/conf: "),
            (("--tls", "--tlscert", closed + "/c", "--tlskey", closed + "/k"), "open {0}/c: "),
        ):
            self.check_ends_with(self.spawn(*flags, **rights), text.format(re.escape(closed)) + remedy)

    def test_a_file_of_a_newer_server(self):
        path = self.config("port: 4222\ncluster { warp_drive: 7 }\n")
        code, _, error = self.run_once("-t", "-c", path)
        self.assertEqual(code, 1)
        remedy = r"\(not known up to nats-server 2\.15: remove it\)"
        self.assertRegex(error, rf':2:11: unknown field "warp_drive" {remedy}\n$')


if __name__ == "__main__":
    case.main()
