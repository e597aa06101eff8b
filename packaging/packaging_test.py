#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is installed beside the server agrees with the server.

usage: packaging_test.py --server PROGRAM --units FOLDER [unittest's arguments]
"""

import argparse
import ctypes
import errno
import glob
import json
import os
import platform
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEADLINE_S = 30
options = None


def read(*names):
    with open(os.path.join(ROOT, *names), encoding="utf-8") as stream:
        return stream.read()


def run(*command, **more):
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60, **more
    )


def page_text(name):
    """A manual page without its macros and escapes, good enough to look words up in."""
    text = read("docs", "man", name).replace("\\-", "-")
    text = re.sub(r'^\.(BR|B|TP|TH|SH|SS|I|BI)\b', "", text, flags=re.MULTILINE)
    return re.sub(r"\\f.", "", text).replace('"', " ")


def flags():
    """The flags that the server's help shows."""
    done = run(options.server, "--help")
    found = set()
    for line in done.stdout.splitlines():
        match = re.match(r"\s{4,8}(-\S.*?)(?:\s{2,}|$)", line)
        if match:
            found.update(re.findall(r"(?<![\w<-])--?[A-Za-z_]+", match[1].split("<")[0]))
    return found


class PackagingTest(unittest.TestCase):
    def test_manual_page_knows_every_flag(self):
        self.assertGreater(len(flags()), 40)
        text = page_text("nats-uring.8")
        missing = [flag for flag in flags() if not re.search(re.escape(flag) + r"(?![\w-])", text)]
        self.assertEqual(missing, [])

    def test_nothing_has_a_flag_that_the_server_has_not(self):
        bare = {flag.lstrip("-") for flag in flags()} | {"sl", "DV"}
        page = re.findall(r"(?<![\w-])--?([A-Za-z][\w]*)", page_text("nats-uring.8"))
        completion = read("packaging", "completion", "nats-uring").split("compgen -W '\n")[1].split("'")[0]
        self.assertEqual(set(page) - bare, {"x"})  # "-x and --x are the same"
        self.assertEqual({word.lstrip("-") for word in completion.split()} - bare, set())

    def test_completion_knows_every_flag(self):
        text = read("packaging", "completion", "nats-uring")
        for flag in flags() - {"-js", "--jetstream", "-sd", "--store_dir"}:
            self.assertRegex(text, re.escape(flag) + r"(?![\w-])")

    def test_completion_completes(self):
        bash = shutil.which("bash")
        script = """
            source "$1"; COMP_WORDS=(nats-uring %s); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            _nats_uring nats-uring "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
            printf '%%s\\n' "${COMPREPLY[@]}"
        """
        file = os.path.join(ROOT, "packaging", "completion", "nats-uring")
        for words, answer in (("--work", "--workers"), ("--io u", "uring"), ("-sl rel", "reload")):
            done = run(bash, "-c", script % words, "bash", file)
            self.assertEqual(done.stdout.split(), [answer], done.stderr)

    def test_manual_page_knows_every_key(self):
        """Each row of the readers' tables, by one of its names, in all blocks."""
        text = page_text("nats-uring.conf.5")
        rows = []
        for path in glob.glob(os.path.join(ROOT, "core", "config", "read_*.cc")):
            with open(path, encoding="utf-8") as stream:
                rows += re.findall(r'^    \{"([a-z_ ]+)",\s*(\w*)', stream.read(), re.MULTILINE)
        self.assertGreater(len(rows), 180)
        missing = [
            names
            for names, reader in rows
            if reader != "read_inactive" and not any(re.search(rf"\b{name}\b", text) for name in names.split())
        ]
        self.assertEqual(missing, [])

    def test_manual_pages_are_clean(self):
        if not shutil.which("man"):
            self.skipTest("no man")
        for name in ("nats-uring.8", "nats-uring.conf.5", "nats-uring-mkpasswd.1"):
            path = os.path.join(ROOT, "docs", "man", name)
            done = run("man", "--warnings", "-l", "-Tutf8", path, env={**os.environ, "MANWIDTH": "100"})
            self.assertEqual(done.returncode, 0)
            self.assertEqual(done.stderr, "")
            self.assertIn("nats-uring", done.stdout)

    def test_units_allow_what_the_server_needs(self):
        for name in ("nats-uring.service", "nats-uring-hardened.service"):
            with open(os.path.join(options.units, name), encoding="utf-8") as stream:
                unit = stream.read()
            self.assertNotIn("@sbindir@", unit)
            self.assertRegex(unit, r"(?m)^Type=(notify|exec)$")
            for command in re.findall(r"(?m)^Exec\w+=(\S+)", unit):
                self.assertTrue(command.endswith("sbin/nats-uring"), "a small system lacks other programs")
            # systemd expands $NAME only where it is a word of its own.
            self.assertNotRegex(unit, r"(?m)^Exec.*[^ ]\$[A-Z]")
            self.assertIn("LimitMEMLOCK=infinity", unit)
            self.assertIn("LimitNOFILE=1048576", unit)
            if "SystemCallFilter" in unit:
                self.assertRegex(unit, r"(?m)^After=nats-uring\.service$")  # or a switch fails on /run/nats-uring
                for call in ("io_uring_setup", "io_uring_enter", "io_uring_register"):
                    self.assertRegex(unit, rf"(?m)^SystemCallFilter=[^~]*\b{call}\b")
                self.assertIn("SystemCallErrorNumber=EPERM", unit)
                self.assertRegex(unit, r"RestrictAddressFamilies=.*AF_UNIX")

    def test_changelog_has_the_version(self):
        version = re.search(r"version: '([^']+)'", read("meson.build"))[1]
        self.assertTrue(read("packaging", "debian", "changelog").startswith(f"nats-uring ({version})"))

    def test_version_is_the_same_everywhere(self):
        done = run(os.path.join(ROOT, "tools", "release"), "--check")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_packages_for_build_deb_are_complete_and_have_no_service(self):
        done = run(os.path.join(ROOT, "tools", "packages"), "--list", "build", "deb")
        listed = set(done.stdout.split())
        block = read("packaging", "debian", "control").split("Build-Depends:")[1].split("\nStandards-Version")[0]
        needed = {entry.split()[0].replace("debhelper-compat", "debhelper") for entry in block.split(",")}
        self.assertGreater(len(needed), 10)
        self.assertEqual(needed - listed, set())
        self.assertEqual(listed & {"nats-server", "nginx", "prometheus", "chromium"}, set())

    def test_default_configurations_are_valid(self):
        for folder in ("packaging", "packaging/container"):
            config = os.path.join(ROOT, folder, "nats-uring.conf")
            done = run(options.server, "-t", "-c", config, "-p", "-1")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("is valid", done.stderr)

    def libraries(self):
        if not shutil.which("objdump"):
            self.skipTest("no objdump")
        return re.findall(r"NEEDED +(\S+)", run("objdump", "-p", options.server).stdout)

    def test_bill_of_materials_names_each_library(self):
        libraries = self.libraries()
        done = run(os.path.join(ROOT, "packaging", "sbom"), "--build", options.server)
        self.assertEqual(done.returncode, 0, done.stderr)
        document = json.loads(done.stdout)
        self.assertEqual(document["spdxVersion"], "SPDX-2.3")
        named = " ".join(package["comment"] for package in document["packages"])
        for library in libraries:
            self.assertIn(library, named)
        ids = {package["SPDXID"] for package in document["packages"]} | {"SPDXRef-DOCUMENT"}
        self.assertEqual(len(ids), len(document["packages"]) + 1)
        for relation in document["relationships"]:
            self.assertLessEqual({relation["spdxElementId"], relation["relatedSpdxElement"]}, ids)

    def test_container_image_has_each_library(self):
        base = read("packaging", "container", "Containerfile").split("\nFROM ")[-1]
        release = run("sh", "-c", ". /etc/os-release && echo $VERSION_CODENAME").stdout.strip()
        if f"debian:{release}-slim" not in base:
            self.skipTest("the image is of another release")
        of_the_base_image = {"libc6", "libstdc++6", "libgcc-s1", "libsystemd0"}
        for library in self.libraries():
            lines = run("dpkg-query", "-S", f"*/{library}").stdout.splitlines()
            owners = {line.split(":")[0] for line in lines}
            self.assertTrue(owners & (of_the_base_image | set(base.split())), f"{library} of {owners}")


class Supervised:
    """The server as systemd runs it: with a socket to report to."""

    def __init__(self, folder, deny=(), arguments=()):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(DEADLINE_S)
        path = os.path.join(folder, "notify")
        self.socket.bind(path)
        self.process = subprocess.Popen(
            [options.server, "-a", "127.0.0.1", "-p", "-1", "--workers", "1", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "NOTIFY_SOCKET": path},
            preexec_fn=(lambda: deny_calls(deny)) if deny else None,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        self.socket.close()

    def told(self):
        return self.socket.recv(4096).decode().split("\n")

    def stop(self):
        """Sends SIGTERM; the exit code and the log."""
        self.process.send_signal(signal.SIGTERM)
        _, log = self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode, log


def deny_calls(numbers):
    """Makes these system calls fail with EPERM, in this process and what it starts (seccomp)."""
    load, jump_equal, answer = 0x20, 0x15, 0x06
    allow, refuse = 0x7FFF0000, 0x00050000 | errno.EPERM
    steps = [(load, 0, 0, 0)]
    for number in numbers:
        steps += [(jump_equal, 0, 1, number), (answer, 0, 0, refuse)]
    steps.append((answer, 0, 0, allow))
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    program = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("HxxxxxxQ", len(steps), ctypes.addressof(program))
    libc = ctypes.CDLL(None, use_errno=True)
    no_new_privileges, set_seccomp, filter_mode = 38, 22, 2
    if libc.prctl(no_new_privileges, 1, 0, 0, 0) or libc.prctl(set_seccomp, filter_mode, header, 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")


class SupervisedTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def need_notify(self):
        with open(os.path.join(options.units, "nats-uring.service"), encoding="utf-8") as unit:
            if "Type=notify" not in unit.read():
                self.skipTest("built without libsystemd")

    def test_server_reports_that_it_is_ready_and_that_it_stops(self):
        self.need_notify()
        with Supervised(self.folder) as server:
            self.assertIn("READY=1", server.told())
            code, log = server.stop()
            self.assertIn("STOPPING=1", server.told())
            self.assertEqual(code, 0, log)

    def test_server_reports_a_reload(self):
        self.need_notify()
        config = os.path.join(self.folder, "server.conf")
        with open(config, "w", encoding="utf-8") as out:
            out.write("debug: false\n")
        with Supervised(self.folder, arguments=("-c", config)) as server:
            self.assertIn("READY=1", server.told())
            server.process.send_signal(signal.SIGHUP)
            self.assertIn("RELOADING=1", server.told())
            self.assertIn("READY=1", server.told())
            code, log = server.stop()
            self.assertEqual(code, 0, log)
            self.assertIn("Reloaded server configuration", log)

    def test_server_runs_where_the_hardened_unit_denies_calls(self):
        self.need_notify()
        if platform.machine() != "x86_64":
            self.skipTest("the numbers of the calls are those of x86_64")
        # setrlimit, sched_setaffinity, mbind, set_mempolicy, setpriority
        with Supervised(self.folder, deny=(160, 203, 237, 238, 141)) as server:
            try:
                self.assertIn("READY=1", server.told())
            except TimeoutError:
                self.fail(server.stop())
            code, log = server.stop()
            self.assertEqual(code, 0, log)
            self.assertNotIn("[FTL]", log)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True)
    parser.add_argument("--units", required=True)
    options, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest])
