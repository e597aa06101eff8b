#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `meson install` or the Debian package lays down is complete, and works from where it lies.

usage: installed_test.py --root FOLDER             what was installed with DESTDIR=FOLDER, or unpacked there
       installed_test.py --root FOLDER --packaged  the same of packages, which lay down more
       installed_test.py --build FOLDER --meson MESON   installs that build into a scratch root first
"""

import argparse
import glob
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "e2e"))

from support.server import Server, run_once  # noqa: E402
from support.wire import Wire  # noqa: E402

UNITS = ("nats-uring.service", "nats-uring-hardened.service")
PAGES = ("man1/nats-uring-mkpasswd.1", "man5/nats-uring.conf.5", "man8/nats-uring.8")
root = None
packaged = False


def run(*command):
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60
    )


def find(*names):
    """The file below the root with one of these names, whatever the prefix is; a trailing * is for .gz."""
    for name in names:
        for prefix in ("", "usr/", "usr/local/"):
            for path in glob.glob(os.path.join(root, prefix + name)):
                return path
    raise AssertionError(f"nowhere below {root}: {names}")


def programs(name):
    """Arch Linux has no sbin."""
    return "sbin/" + name, "bin/" + name


class InstalledTest(unittest.TestCase):
    def test_nothing_is_missing_and_modes_are_right(self):
        paths = {find(*programs("nats-uring")): 0o755, find("bin/nats-uring-mkpasswd"): 0o755}
        for name in (
            "etc/nats-uring.conf",
            "lib/sysusers.d/nats-uring.conf",
            "share/bash-completion/completions/nats-uring",
            *(f"lib/systemd/system/{unit}" for unit in UNITS),
            *(f"share/man/{page}*" for page in PAGES),
        ):
            paths[find(name)] = 0o644
        # Packages keep the configuration from everybody else, once the user of the units exists.
        config = os.stat(find("etc/nats-uring.conf"))
        if config.st_gid != 0 and config.st_uid == 0:
            paths[find("etc/nats-uring.conf")] = 0o640
        for path, mode in paths.items():
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), mode, path)

    def test_packages_keep_the_configuration_from_others(self):
        groups_file = os.path.join(root, "etc", "group")
        if not packaged or not os.path.exists(groups_file):
            self.skipTest("packages whose scripts were run only")
        with open(groups_file, encoding="utf-8") as stream:
            groups = dict(line.split(":")[0:3:2] for line in stream)
        config = os.stat(find("etc/nats-uring.conf"))
        self.assertEqual((config.st_uid, config.st_gid), (0, int(groups["nats-uring"])))
        self.assertEqual(stat.S_IMODE(config.st_mode), 0o640)

    def test_the_other_name_is_laid_down(self):
        if not packaged:
            self.skipTest("the package nats-uring-compat only")
        program = find(*programs("nats-server"))
        self.assertEqual(os.readlink(program), "nats-uring")
        self.assertRegex(run_once(program, ["--version"])[1], r"^nats-server: v\d+\.\d+\.\d+\n$")
        self.assertTrue(os.path.exists(find("share/man/man8/nats-server.8*")))

    def test_units_are_what_systemd_reads(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("no systemd-analyze")
        with tempfile.TemporaryDirectory() as folder:
            copies = []
            for name in UNITS:
                with open(find(f"lib/systemd/system/{name}"), encoding="utf-8") as stream:
                    unit = stream.read()
                program, config = re.search(r"(?m)^ExecStart=(\S+) -c (\S+)$", unit).groups()
                self.assertTrue(os.path.exists(root + program), program)
                self.assertTrue(os.path.exists(root + config), config)
                copies.append(os.path.join(folder, name))
                with open(copies[-1], "w", encoding="utf-8") as out:
                    out.write(unit.replace(program, root + program))
            done = run("systemd-analyze", "verify", "--man=no", *copies)
            self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_the_user_of_the_units_is_made(self):
        if not shutil.which("systemd-sysusers"):
            self.skipTest("no systemd-sysusers")
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(os.path.join(folder, "etc"))
            done = run("systemd-sysusers", f"--root={folder}", find("lib/sysusers.d/nats-uring.conf"))
            self.assertEqual(done.returncode, 0, done.stderr)
            with open(os.path.join(folder, "etc", "passwd"), encoding="utf-8") as stream:
                users = [line.split(":")[0] for line in stream]
        for name in UNITS:
            with open(find(f"lib/systemd/system/{name}"), encoding="utf-8") as stream:
                self.assertIn(re.search(r"(?m)^User=(\S+)$", stream.read())[1], users)

    def test_pages_can_be_read(self):
        if not shutil.which("man"):
            self.skipTest("no man")
        for page in PAGES:
            done = run("man", "--warnings", "-l", "-Tutf8", find(f"share/man/{page}*"))
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_completion_is_loaded(self):
        script = 'source "$1"; complete -p nats-uring'
        done = run("bash", "-c", script, "bash", find("share/bash-completion/completions/nats-uring"))
        self.assertEqual((done.stdout, done.stderr), ("complete -F _nats_uring nats-uring\n", ""))

    def test_server_runs_with_the_default_configuration(self):
        program, config = find(*programs("nats-uring")), find("etc/nats-uring.conf")
        code, _, error = run_once(program, ["-t", "-c", config])
        self.assertEqual(code, 0, error)
        with tempfile.TemporaryDirectory() as folder:
            pid_file = os.path.join(folder, "pid")
            with Server(program, ["-c", config, "-m", "-1", "-P", pid_file]) as server:
                self.assertNotRegex(server.log.text(), r"\[(WRN|ERR|FTL)\]")
                wire = Wire(server.port)
                wire.open()
                wire.close()
                page = server.log.wait(r"Starting http monitor on (127\.0\.0\.1:\d+)")[0][1]
                with urllib.request.urlopen(f"http://{page}/healthz", timeout=20) as answer:
                    self.assertEqual(answer.status, 200)
                self.assertEqual(run_once(program, ["-sl", f"term={pid_file}"]), (0, "", ""))
                self.assertEqual(server.wait_exit(), 0)

    def test_mkpasswd_runs(self):
        code, out, error = run_once(find("bin/nats-uring-mkpasswd"), ["-c", "4"])
        self.assertEqual((code, error), (0, ""))
        self.assertRegex(out, r"^pass: \S{22}\nbcrypt hash: \$2a\$04\$\S{53}\n$")


def main():
    global root, packaged
    parser = argparse.ArgumentParser()
    parser.add_argument("--root")
    parser.add_argument("--build")
    parser.add_argument("--meson", default="meson")
    parser.add_argument("--packaged", action="store_true")
    options, rest = parser.parse_known_args()
    packaged = options.packaged
    with tempfile.TemporaryDirectory(prefix="nuring-installed-") as folder:
        root = os.path.abspath(options.root or folder)
        if options.build:
            command = [options.meson, "install", "--no-rebuild", "--quiet", "-C", options.build, "--destdir", root]
            subprocess.run(command, stdin=subprocess.DEVNULL, check=True, timeout=120)
        outcome = unittest.main(argv=[sys.argv[0], *rest], exit=False).result
    sys.exit(0 if outcome.wasSuccessful() else 1)


if __name__ == "__main__":
    main()
