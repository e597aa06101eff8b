#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every sample of README.md and of the pages in docs/ is run: what operators copy must work as printed.

support/samples.py says what each kind of sample means. Each page has a folder of its own for its files. Ports are
other ones than printed, the program is a link of a name that no other process has (so that `-sl` without a pid
finds it), and `certs/` holds a CA and certificates for server and client.
"""

import glob
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
CHAOS = "tests/e2e/chaos_test.py --server build/release/tools/server/nats-uring --seconds"
RUN_ELSEWHERE = {
    "./tools/run": ".ci/run: test (tools/run is tools/packages and tools/dev run)",
    "./tools/test": ".ci/run: test",
    "tools/packages build": ".ci/run: packages",
    "tools/packages build deb": ".ci/run: packages",
    "tools/dev deb": ".ci/run: deb",
    "sudo apt install ./build/deb/nats-uring_*.deb": ".ci/run: deb (packaging/build-deb installs it)",
    "sudo systemd-sysusers": "packaging/installed_test.py (the user of the units)",
    "sudo systemctl daemon-reload": "packaging/installed_test.py (systemd-analyze verify)",
    "sudo systemctl enable --now nats-uring": "packaging/installed_test.py (the program as installed)",
    "meson setup build/install --buildtype=release -Db_lto=true":
        ".ci/run: deb (debhelper does the same)",
    "sudo meson install -C build/install": "packaging/installed_test.py (into a scratch root)",
    "nats-top -m 8222": ".ci/run: monitoring (consumers_test.py)",
    "prometheus-nats-exporter -varz -connz -subz -routez http://127.0.0.1:8222":
        ".ci/run: monitoring (consumers_test.py, where the exporter is installed)",
    "bench/compare --quick --server ours=build/release/tools/server/nats-uring --server go=/usr/sbin/nats-server":
        "tests/e2e/load_test.py (the generator that it runs)",
    "sudo apt install ./build/deb/nats-uring_*.deb ./build/deb/nats-uring-compat_*.deb":
        ".ci/run: deb (packaging/build-deb installs both)",
    "sudo systemctl disable --now nats-uring": "systemd",
    "sudo apt install nats-server": "the way back: packaging/debian/control has the conflict",
    f"{CHAOS} 3600 --members 5":
        ".ci/run: test (chaos cluster, for seconds)",
    f"{CHAOS} 600 --cluster server,2.9.10,newest":
        ".ci/run: test (chaos cluster, for seconds and without Go members)",
    f"{CHAOS} 600 --shape gateways --members 4":
        ".ci/run: test (chaos gateways, for seconds)",
    "tools/dev sim": ".ci/run: test (the suite sim)",
    "tools/dev fuzz 60": ".ci/run: fuzz",
    "tools/dev asan": ".ci/run: asan",
    "tools/dev tsan": ".ci/run: tsan",
    "build/release/bench/load/nuring-load verify --server build/release/tools/server/nats-uring --count 10000000":
        ".ci/run: load",
    "nats server check connection": ".ci/run: monitoring (consumers_test.py)",
    "mkdir -p certs": "test_a_certificate_for_a_trial",
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost "
    "-addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' -addext keyUsage=critical,digitalSignature,keyCertSign "
    "-keyout certs/server-key.pem -out certs/server-cert.pem":
        "test_a_certificate_for_a_trial",
    "cp certs/server-cert.pem certs/ca.pem": "test_a_certificate_for_a_trial",
    "sudo install -m 640 -g nats-uring /etc/nats-server.conf /etc/nats-uring.conf": "coreutils",
}

CLIENT_VERBS = ("CONNECT ", "SUB ", "UNSUB ", "PUB ", "HPUB ", "PING")


def pages():
    """The name of each page, from the root."""
    manual = glob.glob(os.path.join(ROOT, "docs", "*.md"))
    return ["README.md", *sorted(os.path.relpath(path, ROOT) for path in manual)]


def read_page(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as stream:
        return stream.read()


def files_below(*folders, endings):
    for folder in folders:
        for path, _, names in os.walk(os.path.join(ROOT, folder)):
            for name in names:
                if name.endswith(endings):
                    yield os.path.join(path, name)


def read(path):
    with open(path, encoding="utf-8", errors="replace") as stream:
        return stream.read()


def rows_of(page):
    """The cells of each row of a page's tables, without heads."""
    for line in page.split("\n"):
        if line.startswith("| ") and not line.startswith("| ---"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def anchors_of(page):
    return {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-")
            for title in re.findall(r"(?m)^#+ (.*)$", page)}  # fmt: skip


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class ReadmeTest(ServerCase):
    @classmethod
    def setUpClass(cls):
        cls.samples = {name: samples_of(read_page(name)) for name in pages()}

    def setUp(self):
        self.begin_page()
        self.servers = []
        programs = self.folder()
        self.name = f"nats-uring-{os.getpid()}"
        here = os.path.dirname(case.Options.server)
        os.symlink(case.Options.server, os.path.join(programs, self.name))
        mkpasswd = os.path.join(os.path.dirname(here), "mkpasswd", "nats-uring-mkpasswd")
        if os.path.exists(mkpasswd):
            os.symlink(mkpasswd, os.path.join(programs, "nats-uring-mkpasswd"))
        self.environment = {**os.environ, "PATH": programs + ":" + os.environ["PATH"]}

    def begin_page(self):
        self.work = self.folder()
        self.ports = {}

    # Numbers as printed <-> numbers of this run.

    def with_own_ports(self, text):
        def own(match):
            return str(self.ports.setdefault(match[0], free_port()))

        return re.sub(r"\b1?[4-8](?:222|443)\b|\b4223\b|\b7422\b|\b8080\b", own, text)

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
        for name, samples in self.samples.items():
            self.begin_page()
            self.make_certificates()
            for sample in samples:
                with self.subTest(page=name, line=sample.line, kind=sample.kind):
                    self.run_sample(sample)

    def run_sample(self, sample):
        if sample.kind == "conf":
            self.check_configuration(sample)
        elif sample.kind == "conf-error":
            self.write(sample)
        elif sample.kind == "console":
            self.run_console(sample)
        self.stop_servers()

    def test_commands_that_are_not_run_here_are_run_elsewhere(self):
        for name, samples in self.samples.items():
            for sample in samples:
                if sample.kind != "sh":
                    continue
                for line in sample.lines:
                    command = line.split("  #")[0].strip()
                    self.assertIn(command, RUN_ELSEWHERE, f"{name}, line {sample.line}")

    def test_a_certificate_for_a_trial(self):
        (commands,) = [each for each in self.samples["docs/tls.md"] if each.kind == "sh"]
        # As strict as clients in Python 3.13 and later.
        verify = "openssl verify -x509_strict -CAfile certs/ca.pem certs/server-cert.pem"
        for command in [*commands.lines, verify]:
            code, text = self.run_command(command)
            self.assertEqual(code, 0, text)
        self.start_server("-a 127.0.0.1 -p -1 --tls --tlscert=certs/server-cert.pem --tlskey=certs/server-key.pem")
        self.stop_servers()

    def test_links_lead_somewhere(self):
        for name in pages():
            for target in re.findall(r"\]\(([^)]+)\)", read_page(name)):
                if re.match(r"[a-z]+:", target):
                    continue
                path, _, anchor = target.partition("#")
                path = os.path.normpath(os.path.join(os.path.dirname(name), path)) if path else name
                self.assertTrue(os.path.exists(os.path.join(ROOT, path)), f"{name}: {target}")
                if anchor:
                    self.assertIn(anchor, anchors_of(read_page(path)), f"{name}: {target}")

    def test_figures_of_the_first_page_are_measured(self):
        measured = read_page("docs/benchmarks.md")
        figures = []
        for cells in rows_of(read_page("README.md")):
            figures += [cell.split()[0] for cell in cells[1:] if re.fullmatch(r"[\d.,]+ (ns|us|bytes)", cell)]
        self.assertEqual(len(figures), 9)
        for figure in figures:
            self.assertTrue(re.search(rf"(?<![\d.]){re.escape(figure)}(?![\d.])", measured), figure)

    def test_tests_that_pages_name_exist(self):
        """Files by `name`, with or without its ending; classes and cases by their words, perhaps cut short."""
        paths = list(files_below("tests", endings=(".py", ".cc", ".txt")))
        files = {os.path.basename(path) for path in paths}
        files |= {name.rsplit(".", 1)[0] for name in files}
        words = set()
        for path in paths:
            words.update(re.findall(r"\b(?:test_\w+|\w+Test)\b", read(path)))
        for name, least in (("docs/compatibility.md", 100), ("docs/reliability.md", 20), ("docs/security.md", 60)):
            found = 0
            for cells in rows_of(read_page(name)):
                shown_by = cells[-1]
                for file in re.findall(r"`(\w+(?:_test|_fuzz|\.txt|\.py))`", shown_by):
                    self.assertTrue(file in files, f"{name}: no {file}")
                    found += 1
                for word in re.findall(r"\b(?:test_\w+|[A-Z]\w*Test)\b", shown_by):
                    begins = any(each.startswith(word) for each in words)
                    self.assertTrue(begins, f"{name}: no {word}")
                    found += 1
            self.assertGreaterEqual(found, least, name)

    def test_lines_of_the_log_exist(self):
        """Each part between `...` of the first column of troubleshooting.md stands in a text of the program."""
        program = ""
        folders = ("proto", "core", "cluster", "gateway", "monitor", "tools/server")
        for path in files_below(*folders, endings=(".cc", ".h")):
            program += read(path)
        program = re.sub(r'"\s*\n\s*"', "", program).replace("\\", "")
        found = 0
        for cells in rows_of(read_page("docs/troubleshooting.md")):
            for line in re.findall(r"`([^`]+)`", cells[0]):
                for part in line.split("..."):
                    self.assertTrue(part in program, line)
                found += 1
        self.assertGreater(found, 40)

    def test_there_are_samples(self):
        """The pages that a reader follows step by step have some, and no kind has been lost."""
        kinds = [sample.kind for samples in self.samples.values() for sample in samples]
        for kind, count in (("conf", 20), ("console", 10), ("sh", 4), ("conf-error", 1)):
            self.assertGreaterEqual(kinds.count(kind), count, kind)
        for page in ("README", "docs/configuration", "docs/securing", "docs/tls", "docs/leafnodes", "docs/websocket"):
            self.assertTrue(self.samples[page + ".md"], page)


if __name__ == "__main__":
    case.main()
