#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every sample of README.md is run: what operators copy must work as printed.

support/samples.py says what each kind of sample means. Ports are other ones than printed, the program is a
link of a name that no other process has (so that `-sl` without a pid finds it), and `certs/` holds a CA and
certificates for server and client.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import unittest

from support import case
from support.case import ServerCase
from support.samples import differences, matches, samples_of
from support.server import Server
from support.tls import Certificates
from support.wire import Wire

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEADLINE_S = 60

# Commands of `sh` samples, and what runs them.
RUN_ELSEWHERE = {
    "./tools/run": ".ci/run: test (tools/run is tools/packages and tools/dev run)",
    "./tools/test": ".ci/run: test",
    "tools/packages build": ".ci/run: packages",
    "tools/packages ci": ".ci/run: packages",
    "tools/dev deb": ".ci/run: deb",
    "sudo apt install ./build/deb/nats-uring_*.deb": ".ci/run: deb (packaging/build-deb installs it)",
    "sudo systemd-sysusers": "packaging/installed_test.py (the user of the units)",
    "sudo systemctl daemon-reload": "packaging/installed_test.py (systemd-analyze verify)",
    "sudo systemctl enable --now nats-uring": "packaging/installed_test.py (the program as installed)",
    "meson setup build/install --buildtype=release -Db_lto=true -Dtests=false -Dbench=false":
        ".ci/run: deb (debhelper does the same)",
    "sudo meson install -C build/install": "packaging/installed_test.py (into a scratch root)",
    "nats-top -m 8222": ".ci/run: monitoring (consumers_test.py)",
    "prometheus-nats-exporter -varz -connz -subz -routez http://127.0.0.1:8222":
        ".ci/run: monitoring (consumers_test.py, where the exporter is installed)",
    "nats server check connection": ".ci/run: monitoring (consumers_test.py)",
}

CLIENT_VERBS = ("CONNECT ", "SUB ", "UNSUB ", "PUB ", "HPUB ", "PING")


def read_page():
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as stream:
        return stream.read()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class ReadmeTest(ServerCase):
    @classmethod
    def setUpClass(cls):
        cls.samples = samples_of(read_page())

    def setUp(self):
        self.work = self.folder()
        self.ports = {}
        self.servers = []
        programs = self.folder()
        self.name = f"nats-uring-{os.getpid()}"
        here = os.path.dirname(case.Options.server)
        os.symlink(case.Options.server, os.path.join(programs, self.name))
        mkpasswd = os.path.join(os.path.dirname(here), "mkpasswd", "nats-uring-mkpasswd")
        if os.path.exists(mkpasswd):
            os.symlink(mkpasswd, os.path.join(programs, "nats-uring-mkpasswd"))
        self.environment = {**os.environ, "PATH": programs + ":" + os.environ["PATH"]}

    # Numbers as printed <-> numbers of this run.

    def with_own_ports(self, text):
        def own(match):
            return str(self.ports.setdefault(match[0], free_port()))

        return re.sub(r"\b[48](?:222|443)\b|\b6222\b|\b7422\b", own, text)

    def as_printed(self, text):
        for printed, own in self.ports.items():
            text = re.sub(rf"\b{own}\b", printed, text)
        return text

    def write(self, sample):
        path = os.path.join(self.work, sample.file_name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(self.with_own_ports(sample.text))
        return sample.file_name

    def make_certificates(self):
        folder = os.path.join(self.work, "certs")
        if os.path.exists(folder) or not shutil.which("openssl"):
            return
        os.mkdir(folder)
        made = Certificates(folder)
        client = made.issue("client", "/CN=client", "email:user@example.com")
        for name, (cert, key) in (("server", (made.cert, made.key)), ("client", client)):
            os.symlink(cert, os.path.join(folder, f"{name}-cert.pem"))
            os.symlink(key, os.path.join(folder, f"{name}-key.pem"))

    # Running.

    def run_command(self, command):
        done = subprocess.run(
            ["bash", "-c", self.own_command(command)],
            cwd=self.work, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=DEADLINE_S, check=False,
        )  # fmt: skip
        return done.returncode, self.as_printed(done.stdout)

    def own_command(self, command):
        command = re.sub(r"(^|[|;&] *)nats-uring(?= )", rf"\1{self.name}", command)
        return self.with_own_ports(command)

    def start_server(self, arguments):
        """Starts the program in the sample's folder and waits until its ports file says it is ready."""
        ports = self.folder()
        server = Server(os.path.join(self.work, self.name))
        self.addCleanup(server.kill)
        program = shutil.which(self.name, path=self.environment["PATH"])
        command = f"cd {self.work} && exec {program} {arguments} --ports_file_dir {ports}"
        server.spawn(["bash", "-c", command])

        def ready():
            self.assertTrue(server.running(), f"{arguments}\n{server.log.text()}")
            return any(name.endswith(".ports") for name in os.listdir(ports))

        self.wait_for(ready, f"start of {arguments}")
        with open(os.path.join(ports, os.listdir(ports)[0]), encoding="utf-8") as stream:
            self.assertTrue(json.load(stream)["nats"])
        self.servers.append(server)
        return server

    def check_log(self, server, expected):
        line = 0
        for want in expected:
            if not want:
                continue
            pattern = ".*".join(re.escape(part) for part in self.with_own_ports(want).split("..."))
            _, line = server.log.wait(f"^{pattern}$", after=line)
            line += 1

    def speak(self, command, lines):
        """A telnet dialogue: lines of the client are sent, lines of the server awaited."""
        host, port = self.with_own_ports(command).split()[1:3]
        wire = Wire(int(port), host)
        self.addCleanup(wire.close)
        payload_next = False
        for line in lines:
            if payload_next or line.startswith(CLIENT_VERBS):
                wire.send(line + "\r\n")
                payload_next = not payload_next and line.startswith(("PUB ", "HPUB "))
            elif line:
                got = self.as_printed(wire.read_line().decode().rstrip(" "))
                self.assertTrue(matches(line, got), f"expected {line!r}, got {got!r}")

    def run_console(self, sample):
        for command, expected in sample.commands():
            if command.startswith("nats-uring ") and command.endswith("&"):
                arguments = command.rstrip("& ").split(" ", 1)[1]
                if not re.search(r"-[pc] ", arguments):
                    arguments += " -p 4222"
                arguments = self.with_own_ports(arguments)
                self.check_log(self.start_server(arguments), expected)
            elif command.startswith("telnet "):
                self.speak(command, expected)
            else:
                code, output = self.run_command(command)
                self.assertEqual(differences(expected, output), "", command)
                if not "".join(expected):
                    self.assertEqual(code, 0, command)
                if re.search(r"-sl (quit|term|stop)", command):
                    self.servers.pop().wait_exit()

    def stop_servers(self):
        while self.servers:
            self.assertEqual(self.servers.pop().stop(signal.SIGTERM), 0)

    def check_configuration(self, sample):
        name = self.write(sample)
        code, output = self.run_command(f"nats-uring -t -c {name}")
        self.assertEqual(code, 0, output)
        self.assertIn(f"configuration file {name} is valid", output)
        self.start_server(f"-a 127.0.0.1 -p -1 -c {name}")

    # In the order of the page: consoles use the files of the configurations above them.

    def test_samples_work_as_printed(self):
        self.make_certificates()
        for sample in self.samples:
            with self.subTest(line=sample.line, kind=sample.kind):
                if sample.kind == "conf":
                    self.check_configuration(sample)
                elif sample.kind == "conf-error":
                    self.write(sample)
                elif sample.kind == "console":
                    self.run_console(sample)
                self.stop_servers()

    def test_commands_that_are_not_run_here_are_run_elsewhere(self):
        for sample in self.samples:
            if sample.kind != "sh":
                continue
            for line in sample.lines:
                command = line.split("  #")[0].strip()
                self.assertIn(command, RUN_ELSEWHERE, f"line {sample.line}")

    def test_links_lead_somewhere(self):
        page = read_page()
        anchors = {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-")
                   for title in re.findall(r"(?m)^#+ (.*)$", page)}  # fmt: skip
        for target in re.findall(r"\]\(([^)]+)\)", page):
            if target.startswith("#"):
                self.assertIn(target[1:], anchors)
            elif not target.startswith("http"):
                self.assertTrue(os.path.exists(os.path.join(ROOT, target)), target)

    def test_there_are_samples(self):
        kinds = [sample.kind for sample in self.samples]
        for kind in ("conf", "console", "sh"):
            self.assertGreater(kinds.count(kind), 2)


if __name__ == "__main__":
    case.main()
