#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where log lines end: rotation under load, syslog, JSON, a disk that is full.

Goal: no line is lost while files are moved, and a log that cannot be written does not disturb the server.
Method: with `-V` each published message is a line with its number; in all files together every number must
stand exactly once, in order.
"""

import glob
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import unittest

from support import case
from support.case import Options, ServerCase, differs
from support.server import Server

DEADLINE_S = 20.0
BATCH = 20
PUBLISHED = re.compile(r"<<- MSG_PAYLOAD: \[\"number (\d+)\"\]")


def read(path):
    with open(path, encoding="utf-8") as stream:
        return stream.read()


class RotationTest(ServerCase):
    MESSAGES = 3000

    def publish(self, wire, first, count):
        """Numbered messages, no faster than the server handles them."""
        for start in range(first, first + count, BATCH):
            bodies = [f"number {number}" for number in range(start, start + BATCH)]
            wire.send("".join(f"PUB foo {len(body)}\r\n{body}\r\n" for body in bodies))
            wire.expect_quiet()

    def check_numbers(self, texts):
        """Every number once, in order, over the files from old to new; nothing was dropped."""
        numbers = []
        for text in texts:
            self.assertNotIn("dropped", text)
            self.assertNotIn("lines lost", text)
            self.assertTrue(text.endswith("\n"))
            numbers += [int(number) for number in PUBLISHED.findall(text)]
        self.assertEqual(numbers, list(range(self.MESSAGES)))

    def test_reopened_again_and_again(self):
        folder = self.folder()
        path = os.path.join(folder, "server.log")
        server = self.start("-V", "-l", path, log_file=path)
        wire = self.client(server)
        done = []

        def rotate():
            for number in range(15):
                os.rename(path, f"{path}.{number:03}")
                server.send_signal(signal.SIGUSR1)
                end = time.monotonic() + DEADLINE_S
                pause = threading.Event()
                while not os.path.exists(path) or "File log re-opened" not in read(path):
                    assert time.monotonic() < end, f"file {number} is not opened again"
                    pause.wait(0.002)
            done.append(True)

        mover = threading.Thread(target=rotate)
        mover.start()
        self.publish(wire, 0, self.MESSAGES)
        mover.join()
        self.assertTrue(done)
        server.stop()
        self.check_numbers([read(name) for name in [*sorted(glob.glob(path + ".*")), path]])

    def test_rotated_by_size(self):
        folder = self.folder()
        path = os.path.join(folder, "server.log")
        limit = 16 * 1024
        server = self.start("-V", "--log_size_limit", str(limit), "-l", path, log_file=path)
        self.publish(self.client(server), 0, self.MESSAGES)
        server.stop()
        backups = sorted(glob.glob(path + ".*"))
        self.assertGreater(len(backups), 10)
        for name in backups:
            self.assertRegex(name, r"\.log\.\d{4}\.\d\d\.\d\d\.\d\d\.\d\d\.\d\d\.\d{9}$")
            self.assertLess(os.path.getsize(name), 2 * limit)
        texts = [read(name) for name in [*backups, path]]
        self.check_numbers(texts)
        for text, name in zip(texts[1:], backups):
            self.assertIn(f'Rotated log, backup saved as "{name}"', text)

    @differs("2.9.10", "logfile_max_num came with 2.10.0")
    def test_only_so_many_files_are_kept(self):
        folder = self.folder()
        path = os.path.join(folder, "server.log")
        config = f'trace: true\nlog_file: "{path}"\nlogfile_size_limit: 16384\nlogfile_max_num: 4\n'
        server = self.start(config=config, log_file=path)
        self.publish(self.client(server), 0, self.MESSAGES)
        server.stop()
        self.assertEqual(len(os.listdir(folder)), 4)
        last = PUBLISHED.findall(read(path) + "".join(map(read, glob.glob(path + ".*"))))
        self.assertIn(str(self.MESSAGES - 1), last)


class FloodTest(ServerCase):
    """Traces come faster than they can be written: the clients wait, and no line is missing."""

    MESSAGES = 60_000
    SUBSCRIBERS = 4

    def test_every_message_is_traced(self):
        path = os.path.join(self.folder(), "server.log")
        server = self.start("-V", "-l", path, log_file=path)
        subscribers = [self.client(server) for _ in range(self.SUBSCRIBERS)]
        for wire in subscribers:
            wire.deadline_s = 60
            wire.send("SUB foo 1\r\n")
            wire.expect_quiet()
        publisher = self.client(server)
        publisher.deadline_s = 60
        got = []

        def take(wire):
            for first in range(0, self.MESSAGES, 100):
                wire.expect("".join(f"MSG foo 1 7\r\n{first + i:07}\r\n" for i in range(100)))
            got.append(wire)

        readers = [threading.Thread(target=take, args=(wire,)) for wire in subscribers]
        for reader in readers:
            reader.start()
        publisher.send("".join(f"PUB foo 7\r\n{number:07}\r\n" for number in range(self.MESSAGES)))
        publisher.expect_quiet()
        for reader in readers:
            reader.join()
        self.assertEqual(len(got), self.SUBSCRIBERS)
        server.stop()
        text = read(path)
        self.assertNotIn("dropped", text)
        payloads = re.findall(r"<<- MSG_PAYLOAD: \[\"(\d{7})\"\]", text)
        self.assertEqual(payloads, [f"{number:07}" for number in range(self.MESSAGES)])
        self.assertEqual(text.count("->> [MSG foo 1 7]"), self.MESSAGES * self.SUBSCRIBERS)


class Receiver:
    """A syslog daemon: datagrams or a stream, over the network or a file."""

    def __init__(self, family, kind, address):
        self.socket = socket.socket(family, kind)
        self.socket.bind(address)
        self.socket.settimeout(DEADLINE_S)
        self.stream = kind == socket.SOCK_STREAM
        self.buffer = b""
        self.connection = None
        if self.stream:
            self.socket.listen(4)

    def close(self):
        if self.connection:
            self.connection.close()
        self.socket.close()

    def record(self):
        """The next record."""
        if not self.stream:
            return self.socket.recv(65536).decode()
        if self.connection is None:
            self.connection, _ = self.socket.accept()
            self.connection.settimeout(DEADLINE_S)
        while b"\n" not in self.buffer:
            chunk = self.connection.recv(65536)
            assert chunk, f"the stream ended after {self.buffer!r}"
            self.buffer += chunk
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.decode() + "\n"

    def until(self, pattern):
        records = []
        while not records or not re.search(pattern, records[-1]):
            records.append(self.record())
        return records


class SyslogTest(ServerCase):
    # facility kern: 5 notice, 7 debug
    REMOTE = r"<([57])>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d) \S+ nats-\w+\[%d\]: (.*)\n"
    LOCAL = r"<([57])>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d nats-\w+\[%d\]: (.*)\n"

    def check(self, url, receiver, pattern):
        self.addCleanup(receiver.close)
        server = case.Server(case.Options.server, [*case.Options.server_args])
        self.addCleanup(server.kill)
        server.spawn([server.binary, "-a", "127.0.0.1", "-p", "-1", "-D", "-r", url])
        records = receiver.until(r"Server is ready|^\S+ .*Server is ready")
        server.send_signal(signal.SIGINT)
        records += receiver.until("Exiting")
        self.assertEqual(server.wait_exit(), 0)
        self.assertEqual(server.log.lines(), [])
        levels = set()
        for record in records:
            match = re.fullmatch(pattern % server.pid, record)
            self.assertTrue(match, record)
            levels.add(match[1])
            self.assertNotIn("[INF]", record)
        self.assertEqual(levels, {"5", "7"})

    def test_udp(self):
        receiver = Receiver(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0))
        self.check(f"udp://127.0.0.1:{receiver.socket.getsockname()[1]}", receiver, self.REMOTE)

    def test_tcp(self):
        receiver = Receiver(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))
        self.check(f"tcp://127.0.0.1:{receiver.socket.getsockname()[1]}", receiver, self.REMOTE)

    @differs("2.9.10", "it dials a stream behind a unix URL")
    def test_unix(self):
        path = os.path.join(self.folder(), "log")
        receiver = Receiver(socket.AF_UNIX, socket.SOCK_DGRAM, path)
        self.check(f"unix://{path}", receiver, self.LOCAL)

    @differs("2.9.10", "it dials a stream behind a unix URL")
    def test_the_name_is_that_of_the_program(self):
        folder = self.folder()
        receiver = Receiver(socket.AF_UNIX, socket.SOCK_DGRAM, os.path.join(folder, "log"))
        self.addCleanup(receiver.close)
        link = os.path.join(folder, "nats-server")
        os.symlink(os.path.abspath(case.Options.server), link)
        server = case.Server(link, [])
        self.addCleanup(server.kill)
        server.spawn([link, "-a", "127.0.0.1", "-p", "-1", "-r", f"unix://{folder}/log"])
        for record in receiver.until("Server is ready"):
            self.assertIn(f" nats-server[{server.pid}]: ", record)
        server.send_signal(signal.SIGINT)
        self.assertEqual(server.wait_exit(), 0)

    def test_nobody_listens(self):
        for url in ("tcp://127.0.0.1:1", "unix:///nowhere/log", "gopher://127.0.0.1:1"):
            code, _, error = self.run_once("-a", "127.0.0.1", "-p", "-1", "-r", url)
            self.assertEqual(code, 1, url)
            self.assertRegex(error, "error (connecting to syslog|invalid network type)", url)

    @differs("2.9.10", "a log that cannot be written is not talked about")
    def test_a_daemon_that_comes_back_gets_what_follows(self):
        receiver = Receiver(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))
        port = receiver.socket.getsockname()[1]
        server = case.Server(case.Options.server, [])
        self.addCleanup(server.kill)
        folder = self.folder()
        url = f"tcp://127.0.0.1:{port}"
        server.spawn([server.binary, "-a", "127.0.0.1", "-p", "-1", "-r", url, "--ports_file_dir", folder])
        receiver.until("Server is ready")
        receiver.connection.close()
        receiver.connection = None
        # The first line into a dead connection may be lost: TCP tells only afterwards.
        records = []

        def another():
            server.send_signal(signal.SIGUSR1)  # one line each
            receiver.socket.settimeout(0.05)
            try:
                records.append(receiver.record())
            except socket.timeout:
                return False
            return True

        self.wait_for(another, "a line on a new connection")
        self.assertIn("File log re-open ignored, not a file logger", records[0])
        receiver.close()
        server.send_signal(signal.SIGINT)
        self.assertEqual(server.wait_exit(), 0)


class FullDiskTest(ServerCase):
    @differs("2.9.10", "it stays with the full disk")
    def test_a_full_disk_disturbs_nobody(self):
        path = os.path.join(self.folder(), "server.log")
        server = self.start(config=f'log_file: "{path}"\n', log_file=path)
        self.replace(server, 'debug: true\nlog_file: "/dev/full"\n')
        for _ in range(20):
            self.check_serves(server)
        self.replace(server, f'debug: true\nlog_file: "{path}"\n')
        self.wait_for(lambda: "Reloaded server configuration" in read(path), "lines in the old file again")
        self.check_serves(server)

    def replace(self, server, config):
        with open(server.config_file, "w", encoding="utf-8") as out:
            out.write(config)
        server.send_signal(signal.SIGHUP)

    @differs("2.9.10", "it waits for the reader, and so do its clients")
    def test_a_reader_that_is_stuck_holds_up_nobody(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        server = Server(Options.server)
        command = [server.binary, *Options.server_args, "-a", "127.0.0.1", "-p", "-1", "-DV"]
        server.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=writer)
        self.addCleanup(server.kill)
        os.close(writer)
        text = b""
        while b"Server is ready" not in text:  # from here on nobody reads
            text += os.read(reader, 65536)
        server.port = int(re.search(rb"client connections on 127\.0\.0\.1:(\d+)", text)[1])
        wire = self.client(server)
        wire.send(b"PUB foo 2\r\nhi\r\n" * 20_000)
        wire.expect_quiet()
        self.check_serves(server)
        server.send_signal(signal.SIGTERM)
        self.assertEqual(server.process.wait(DEADLINE_S), 0)

    @differs("2.9.10", "it ends when the file cannot be opened again")
    def test_a_folder_that_goes_does_not_stop_the_server(self):
        folder = os.path.join(self.folder(), "logs")
        os.mkdir(folder)
        path = os.path.join(folder, "server.log")
        server = self.start("-l", path, log_file=path)
        os.unlink(path)
        os.rmdir(folder)
        server.send_signal(signal.SIGUSR1)
        self.check_serves(server)
        os.mkdir(folder)
        server.send_signal(signal.SIGUSR1)
        self.wait_for(lambda: os.path.exists(path) and "File log re-opened" in read(path), "the file")


class FormTest(ServerCase):
    @differs("2.9.10", "log_format is ours")
    def test_json_lines(self):
        path = os.path.join(self.folder(), "server.log")
        config = f'log_format: json\ntrace: true\ndebug: true\nlog_file: "{path}"\n'
        server = self.start(config=config, log_file=path)
        wire = self.client(server)
        wire.send('PUB foo 6\r\na"b\\\t\x01\r\n')
        wire.expect_quiet()
        server.stop()
        levels = set()
        payloads = []
        for line in read(path).splitlines():
            entry = json.loads(line)
            self.assertEqual(list(entry), ["time", "pid", "level", "text"])
            self.assertEqual(entry["pid"], server.pid)
            self.assertRegex(entry["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
            levels.add(entry["level"])
            payloads += re.findall(r"MSG_PAYLOAD: \[(.*)\]", entry["text"])
        self.assertEqual(levels, {"INF", "DBG", "TRC"})
        self.assertEqual(payloads, ['"a\\"b\\\\\\t\\x01"'])

    @differs("2.9.10", "logtime_utc came with 2.9.21")
    def test_local_time_and_utc(self):
        for flags, hours in (((), 9), (("--logtime_utc",), 0)):
            server = case.Server(case.Options.server)
            self.addCleanup(server.kill)
            flags = " ".join(flags)
            server.spawn(["bash", "-c", f"TZ=Asia/Tokyo exec {server.binary} -a 127.0.0.1 -p -1 {flags}"])
            before = time.time()
            match, _ = server.log.wait(r"\] (\d{4}/\d\d/\d\d \d\d:\d\d:\d\d)\.\d{6} \[INF\] Server is ready")
            told = time.mktime(time.strptime(match[1], "%Y/%m/%d %H:%M:%S")) - time.timezone
            self.assertLess(abs(told - before - hours * 3600), 60)
            self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    case.main()
