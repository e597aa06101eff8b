#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every configuration and command line that the READMEs of gnatsd 0.9.6 to nats-server 2.0.0 print starts a
server, ports and folders aside. The configurations are those of tests/unit/config/samples."""

import glob
import os
import re
import shutil
import signal
import socket
import unittest

from support import case
from support.case import ServerCase
from support.server import LISTENING, READY, Server, run_once
from support.tls import Certificates
from support.wire import Wire

SAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../unit/config/samples")

# As printed; other programs' names (gnatsd) are ours here.
COMMAND_LINES = (
    "",
    "-D -V",
    "-p 4222 -cluster nats://localhost:4248 -D",
    "-p 4222 -cluster nats://localhost:4248",
    "-config ./seed_node.conf -D",
    "-p 5222 -cluster nats://localhost:5248 -routes nats://localhost:4248 -D",
    "-p 6222 -cluster nats://localhost:6248 -routes nats://localhost:4248 -D",
    "--cluster nats://localhost:4248 --routes nats://localhost:4248",
    "-DV --user foo --pass bar",
    "-DV -auth 'S3Cr3T0k3n!'",
    "--user derek --pass T0pS3cr3t",
    "-auth 'S3Cr3T0k3n!'",
    "--tls --tlscert=./test/configs/certs/server-cert.pem --tlskey=./test/configs/certs/server-key.pem",
    "--tlsverify --tlscert=./test/configs/certs/server-cert.pem --tlskey=./test/configs/certs/server-key.pem "
    "--tlscacert=./test/configs/certs/ca.pem",
    "-m 8222",
)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@unittest.skipUnless(shutil.which("openssl"), "SKIPPED: no openssl program")
class StartSamplesTest(ServerCase):
    def setUp(self):
        self.work = self.folder()
        for place in ("configs/certs", "test/configs/certs"):
            os.makedirs(os.path.join(self.work, place))
            self.fill_certificates(os.path.join(self.work, place))

    def fill_certificates(self, folder):
        made = Certificates(folder)
        route = made.issue("route", "/CN=localhost", "IP:127.0.0.1,DNS:localhost")
        for name, (cert, key) in (("server", (made.cert, made.key)), ("srva", route)):
            os.symlink(cert, os.path.join(folder, f"{name}-cert.pem"))
            os.symlink(key, os.path.join(folder, f"{name}-key.pem"))

    def with_own_places(self, text):
        ports = {}

        def own(match):
            return str(ports.setdefault(match[0], free_port()))

        text = re.sub(r"\b(?:[4-6]2[24]\d|4443|[78]222)\b", own, text)
        return re.sub(r"/tmp/(?=(nats-server|gnatsd)\.)", self.work + "/", text)

    def check_start(self, arguments, log_file=""):
        """It becomes ready, greets a client, and ends well."""
        server = Server(case.Options.server)
        self.addCleanup(server.kill)
        flags = "" if re.search(r"(^| )-p ", arguments) else "-p -1"
        server.spawn(
            ["bash", "-c", f"cd {self.work} && exec {case.Options.server} -a 127.0.0.1 {flags} {arguments}"]
        )

        def text():
            if not log_file or not os.path.exists(log_file):
                return server.log.text()
            with open(log_file, encoding="utf-8") as stream:
                return stream.read()

        def ready():
            self.assertTrue(server.running(), f"{arguments}: {text()}")
            return READY.search(text()) and LISTENING.search(text())

        self.wait_for(ready, f"{arguments} to be ready")
        wire = Wire(int(LISTENING.search(text())[2]))
        self.addCleanup(wire.close)
        wire.read_info()
        self.assertEqual(server.stop(signal.SIGINT), 0, text())
        self.assertNotIn("[FTL]", text())

    def test_configurations(self):
        paths = sorted(glob.glob(os.path.join(SAMPLES, "*.conf")))
        self.assertGreater(len(paths), 25)
        for path in paths:
            name = os.path.basename(path)
            with self.subTest(sample=name), open(path, encoding="utf-8") as stream:
                text = self.with_own_places(stream.read())
                with open(os.path.join(self.work, name), "w", encoding="utf-8") as out:
                    out.write(text)
                log_file = re.search(r'log_file: "([^"]+)"', text)
                self.check_start(f"-c {name}", log_file[1] if log_file else "")
                if log_file:
                    os.unlink(log_file[1])  # several samples name the same one
                code, _, error = run_once("/bin/sh", ["-c", f"cd {self.work} && {case.Options.server} -t -c {name}"])
                self.assertEqual(code, 0, error)
                self.assertIn(f"configuration file {name} is valid", error)

    def test_command_lines(self):
        shutil.copy(os.path.join(SAMPLES, "seed_node.conf"), self.work)
        for arguments in COMMAND_LINES:
            with self.subTest(arguments=arguments):
                self.check_start(self.with_own_places(arguments))


if __name__ == "__main__":
    case.main()
