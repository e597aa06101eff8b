#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TLS for clients: handshakes good and bad, traffic, time limits, certificates as identity."""

import contextlib
import json
import os
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import unittest

from support import case
from support.case import ServerCase, differs
from support.tls import Certificates, TlsWire


@unittest.skipUnless(shutil.which("openssl"), "SKIPPED: no openssl program")
class TlsTest(ServerCase):
    @classmethod
    def setUpClass(cls):
        cls.files = tempfile.TemporaryDirectory(prefix="nuring-e2e-")
        cls.certificates = Certificates(cls.files.name)
        cls.client_files = cls.certificates.issue("client", "/CN=derek/O=test", "email:derek@nats.example")

    @classmethod
    def tearDownClass(cls):
        cls.files.cleanup()

    def serve(self, *tls_lines, config=""):
        return self.start(config=self.certificates.config(*tls_lines) + config)

    def tls_wire(self, server, client=None, **options):
        wire = TlsWire(server.port)
        self.addCleanup(wire.close)
        wire.info = wire.read_info()
        wire.handshake(self.certificates, client, **options)
        return wire

    def tls_client(self, server):
        wire = self.tls_wire(server)
        wire.send('CONNECT {"verbose":false,"pedantic":false,"tls_required":true}\r\n')
        wire.expect_quiet()
        return wire

    def check_serves_tls(self, server):
        wire = self.tls_client(server)
        wire.send("SUB still.alive 1\r\nPUB still.alive 2\r\nok\r\n")
        wire.expect_message("still.alive", 1, b"ok")
        wire.close()

    @differs("2.9.10", "another name of the kind")
    def test_the_ports_file_names_tls(self):
        folder = self.folder()
        tls = self.certificates.config()
        blocks = [f"{kind} {{ {name}listen: '127.0.0.1:-1', {tls.strip()} }}" for kind, name in
                  (("cluster", "name: C, "), ("gateway", "name: C, "), ("leafnodes", ""))]  # fmt: skip
        server = self.serve(config="\n".join(["", *blocks, f"ports_file_dir: '{folder}'", ""]))
        path = os.path.join(folder, f"{os.path.basename(server.binary)}_{server.pid}.ports")
        self.wait_for(lambda: os.path.exists(path) and os.path.getsize(path), "the ports file")
        with open(path, encoding="utf-8") as stream:
            ports = json.load(stream)
        for kind in ("nats", "cluster", "gateway", "leafnodes"):
            for url in ports[kind]:
                self.assertRegex(url, "^tls://", kind)

    def test_info_asks_for_tls(self):
        server = self.serve()
        wire = self.tls_wire(server)
        self.assertIs(wire.info["tls_required"], True)
        self.assertNotIn("tls_verify", wire.info)
        server.log.wait(r"\[INF\] TLS required for client connections")

    def test_versions(self):
        server = self.serve()
        for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
            wire = self.tls_wire(server, minimum_version=version, maximum_version=version)
            self.assertEqual(wire.socket.version(), name)
            wire.send('CONNECT {"verbose":false}\r\n')
            wire.expect_quiet()

    def s_client(self, server, *args, script=b""):
        """Output of `openssl s_client`, which speaks TLS from the first byte on, and its exit code."""
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-CAfile",
             self.certificates.ca, "-verify_return_error", "-ign_eof", *args],
            input=script, capture_output=True, timeout=case.DEADLINE_S, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout.decode("utf-8", "replace")

    # A frame that ends the connection, so that s_client ends, too.
    GOODBYE = b'CONNECT {"verbose":true}\r\nBYE\r\n'

    def test_handshake_first(self):
        if case.Options.reference:
            self.skipTest("SKIPPED: handshake_first came with 2.10")
        server = self.serve("handshake_first: true")
        wire = TlsWire(server.port)
        self.addCleanup(wire.close)
        wire.handshake(self.certificates)
        self.assertIs(wire.read_info()["tls_required"], True)
        wire.send('CONNECT {"verbose":false}\r\n')
        wire.expect_quiet()

    def test_handshake_first_for_those_who_begin(self):
        if case.Options.reference:
            self.skipTest("SKIPPED: handshake_first came with 2.10")
        server = self.serve('handshake_first: "150ms"')
        wire = TlsWire(server.port)
        self.addCleanup(wire.close)
        wire.handshake(self.certificates)
        self.assertIs(wire.read_info()["tls_required"], True)
        self.check_serves_tls(server)  # reads INFO first
        # Who waited for INFO must speak TLS all the same, and so must who does not wait.
        for early in (False, True):
            plain = self.wire(server)
            if not early:
                self.assertIs(plain.read_info()["tls_required"], True)
            plain.send('CONNECT {"verbose":false}\r\nPING\r\n')
            plain.read_to_end()
            self.assertNotIn(b"PONG", bytes(plain.buffer))
            server.log.wait("TLS handshake error: tls: first record does not look like a TLS handshake")

    def test_handshake_first_beside_clear_text(self):
        if case.Options.reference:
            self.skipTest("SKIPPED: handshake_first came with 2.10")
        server = self.serve("handshake_first: auto", config="allow_non_tls: true\n")
        plain = self.wire(server)
        self.assertIs(plain.read_info()["tls_available"], True)
        plain.send('CONNECT {"verbose":false}\r\n')
        plain.expect_quiet()
        self.check_serves_tls(server)
        wire = TlsWire(server.port)
        self.addCleanup(wire.close)
        wire.handshake(self.certificates)
        wire.read_info()

    def test_versions_suites_and_curves_as_configured(self):
        if case.Options.reference:
            self.skipTest("SKIPPED: s_client needs handshake_first, which came with 2.10")
        chacha = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305"
        server = self.serve(
            "handshake_first: true", f"cipher_suites: [{chacha}]", "curve_preferences: [CurveP384]"
        )
        code, out = self.s_client(server, "-tls1_2", script=self.GOODBYE)
        self.assertEqual(code, 0)
        self.assertIn("Cipher is ECDHE-ECDSA-CHACHA20-POLY1305", out)
        # "Server" up to OpenSSL 3.4, "Peer" after it.
        self.assertRegex(out, "(Server|Peer) Temp Key: ECDH, secp384r1, 384 bits")
        self.assertIn("INFO {", out)
        self.assertIn("-ERR 'Unknown Protocol Operation'", out)
        code, out = self.s_client(server, "-tls1_3", script=self.GOODBYE)
        self.assertEqual(code, 0)
        self.assertIn("New, TLSv1.3, Cipher is TLS_", out)
        for refused in (("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"),
                        ("-curves", "X25519"), ("-tls1_1",), ("-tls1_1", "-cipher", "ALL@SECLEVEL=0")):  # fmt: skip
            code, out = self.s_client(server, *refused, script=self.GOODBYE)
            self.assertNotEqual(code, 0, refused)
            self.assertNotIn("INFO {", out)
        suite = "TLS_AES_128_GCM_SHA256"  # of 1.3: alone it leaves nothing for 1.2
        for more, code_of_old in (("", 1), (", TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", 0)):
            server = self.serve("handshake_first: true", f"cipher_suites: [{suite}{more}]")
            self.assertEqual(self.s_client(server, "-tls1_2", script=self.GOODBYE)[0], code_of_old)
            self.assertEqual(self.s_client(server, "-tls1_3", script=self.GOODBYE)[0], 0)
        server = self.serve("handshake_first: true", 'min_version: "1.3"')
        self.assertNotEqual(self.s_client(server, "-tls1_2", script=self.GOODBYE)[0], 0)
        self.assertEqual(self.s_client(server, script=self.GOODBYE)[0], 0)
        self.check_log_of_refusals(server)

    def check_log_of_refusals(self, server):
        server.log.wait(r"\[ERR\] .*TLS handshake error: tls: client offered only unsupported versions")

    def test_a_session_is_resumed(self):
        if case.Options.reference:
            self.skipTest("SKIPPED: s_client needs handshake_first, which came with 2.10")
        server = self.serve(
            f'ca_file: "{self.certificates.ca}"', "verify: true", "handshake_first: true"
        )
        pair = ("-cert", self.client_files[0], "-key", self.client_files[1])
        for version in ("-tls1_2", "-tls1_3"):
            with tempfile.TemporaryDirectory(prefix="nuring-e2e-") as folder:
                kept = os.path.join(folder, "session")
                code, _ = self.s_client(server, version, *pair, "-sess_out", kept, script=self.GOODBYE)
                self.assertEqual(code, 0)
                code, out = self.s_client(server, version, *pair, "-sess_in", kept, script=self.GOODBYE)
                self.assertEqual(code, 0)
                self.assertIn("Reused, TLSv1", out)
                self.assertIn("INFO {", out)
                # The ticket does not outlive the rules under which it was given.
                with open(server.config_file, "a", encoding="utf-8") as out_file:
                    out_file.write("\n")
                self.reload(server, self.certificates.config(
                    f'ca_file: "{self.certificates.ca}"', "verify: true", "handshake_first: true",
                    f"curve_preferences: [{'CurveP256' if version == '-tls1_2' else 'X25519'}]"))  # fmt: skip
                code, out = self.s_client(server, version, *pair, "-sess_in", kept, script=self.GOODBYE)
                self.assertEqual(code, 0)
                self.assertIn("New, TLSv1", out)

    def test_a_renegotiation_is_refused(self):
        if case.Options.reference:
            self.skipTest("SKIPPED: s_client needs handshake_first, which came with 2.10")
        server = self.serve("handshake_first: true")
        client = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-tls1_2"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        client.stdin.write(b"R\n")
        client.stdin.flush()
        out = client.stdout.read().decode("utf-8", "replace")  # the refusal ends it
        client.stdin.close()
        client.wait(case.DEADLINE_S)
        client.stdout.close()
        self.assertIn("no renegotiation", out)

    # CVE-2021-32026: flags used to allow suites that the file's defaults do not.
    def test_flags_allow_no_weaker_suites_than_the_file(self):
        files = self.certificates
        by_file = self.serve()
        by_flags = self.start("--tls", "--tlscert", files.cert, "--tlskey", files.key)
        for server in (by_file, by_flags):
            for suites, good in (("ECDHE-ECDSA-AES128-GCM-SHA256", True), ("ECDHE-ECDSA-AES128-SHA", False)):
                wire = TlsWire(server.port)
                self.addCleanup(wire.close)
                wire.read_info()
                context = ssl.create_default_context(cafile=files.ca)
                context.maximum_version = ssl.TLSVersion.TLSv1_2
                context.set_ciphers(suites)
                if good:
                    context.wrap_socket(wire.socket, server_hostname="127.0.0.1").close()
                else:
                    with self.assertRaises(ssl.SSLError):
                        context.wrap_socket(wire.socket, server_hostname="127.0.0.1")

    def test_the_rate_of_handshakes_is_limited(self):
        server = self.serve("connection_rate_limit: 3")
        refused = 0
        for _ in range(12):  # over no more than two seconds, so two windows at most
            wire = TlsWire(server.port)
            self.addCleanup(wire.close)
            wire.read_info()
            try:
                wire.handshake(self.certificates)
            except (ssl.SSLError, OSError):
                refused += 1
        self.assertGreaterEqual(refused, 3)
        server.log.wait(r"\[WRN\] Rejected \d+ connections due to TLS rate limiting")  # unasked

    def test_debug_lines_of_a_handshake(self):
        server = self.serve(config="debug: true\n")
        self.tls_client(server)
        server.log.wait(r"\[DBG\] 127\.0\.0\.1:\d+ - cid:\d+ - Starting TLS client connection handshake")
        server.log.wait(r"\[DBG\] 127\.0\.0\.1:\d+ - cid:\d+ - TLS handshake complete")
        server.log.wait(r"\[DBG\] .* - TLS version 1\.3, cipher suite TLS_AES_128_GCM_SHA256")

    def test_flags_ask_for_certificates(self):
        files = self.certificates
        server = self.start(
            "--tlsverify", "--tlscert", files.cert, "--tlskey", files.key, "--tlscacert", files.ca
        )
        self.assertTrue(self.enters(server, self.client_files))
        self.check_refused(self.tls_wire(server))

    @case.differs("2.9.10", "it knows no such flag")
    def test_flags_may_leave_it_to_the_client(self):
        files = self.certificates
        server = self.start(
            "--tlsverify=optional", "--tlscert", files.cert, "--tlskey", files.key, "--tlscacert", files.ca
        )
        self.assertTrue(self.enters(server, self.client_files))
        self.tls_client(server)

    def test_flags(self):
        files = self.certificates
        server = self.start("--tls", "--tlscert", files.cert, "--tlskey", files.key)
        self.check_serves_tls(server)

    def test_traffic_of_all_sizes(self):
        server = self.serve()
        receiver, sender = self.tls_client(server), self.tls_client(server)
        receiver.send("SUB sizes 1\r\n")
        receiver.expect_quiet()
        for size in (0, 1, 100, 16383, 16384, 16385, 100_000, 1_048_576):
            body = bytes(i * 7 & 255 for i in range(size))
            sender.send(b"PUB sizes %d\r\n%s\r\n" % (size, body))
            receiver.expect_message("sizes", 1, body)
        count = 5000
        sender.send(b"".join(b"PUB sizes 5\r\n%05d\r\n" % i for i in range(count)))
        receiver.expect(b"".join(b"MSG sizes 1 5\r\n%05d\r\n" % i for i in range(count)))

    def test_both_directions_at_once(self):
        server = self.serve()
        wire = self.tls_client(server)
        wire.send("SUB own 1\r\n")
        for _ in range(20):
            wire.send((b"PUB own 10000\r\n" + b"x" * 10000 + b"\r\n") * 10)
            wire.expect((b"MSG own 1 10000\r\n" + b"x" * 10000 + b"\r\n") * 10)
        wire.expect_quiet()

    def test_a_handshake_byte_by_byte(self):
        """Drives TLS from memory and feeds the server one byte at a time."""
        server = self.serve()
        wire = self.wire(server)
        wire.read_info()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context(cafile=self.certificates.ca)
        tls = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")

        def step(action, *args):
            while True:
                try:
                    result = action(*args)
                    wire.send_split(outgoing.read(), whole_from=1 << 20)
                    return result
                except ssl.SSLWantReadError:
                    wire.send_split(outgoing.read(), whole_from=1 << 20)
                    chunk = wire.socket.recv(4096)
                    self.assertTrue(chunk)
                    incoming.write(chunk)

        step(tls.do_handshake)
        step(tls.write, b'CONNECT {"verbose":false}\r\nPING\r\n')
        self.assertEqual(step(tls.read, 100), b"PONG\r\n")

    def test_operations_that_come_with_the_end_of_the_handshake(self):
        server = self.serve()
        for _ in range(20):
            wire = TlsWire(server.port)
            self.addCleanup(wire.close)
            wire.read_info()
            wire.handshake(self.certificates)
            wire.send('CONNECT {"verbose":false}\r\nSUB a 1\r\nPUB a 1\r\nx\r\nPING\r\n')
            wire.expect("MSG a 1 1\r\nx\r\nPONG\r\n")

    def test_a_client_in_clear_text_is_closed(self):
        server = self.serve()
        wire = self.wire(server)
        wire.read_info()
        wire.send('CONNECT {"verbose":false}\r\nPING\r\n')
        self.assertNotIn(b"PONG", wire.read_to_end())
        server.log.wait(r"\[ERR\] 127\.0\.0\.1:\d+ - cid:\d+ - TLS handshake error: ")
        self.check_serves_tls(server)

    def test_a_silent_client_is_closed_when_the_time_is_over(self):
        server = self.serve("timeout: 0.3")
        for sent in (b"", b"\x16\x03\x01\x02"):
            wire = self.wire(server)
            wire.read_info()
            first = len(server.log.lines())
            wire.send(sent)
            wire.read_to_end()
            refused = r"\[ERR\] 127\.0\.0\.1:\d+ - cid:\d+ - TLS handshake (timeout|error: .*timeout)"
            server.log.wait(refused, after=first)
        self.check_serves_tls(server)

    def test_a_client_that_does_not_trust_the_server(self):
        server = self.serve()
        wire = self.wire(server)
        wire.read_info()
        with self.assertRaises(ssl.SSLError):
            ssl.create_default_context().wrap_socket(wire.socket, server_hostname="127.0.0.1")
        server.log.wait(r"\[ERR\] .*TLS handshake error: ")
        self.check_serves_tls(server)

    def test_client_certificates(self):
        server = self.serve(f'ca_file: "{self.certificates.ca}"', "verify: true")
        wire = self.tls_wire(server, self.client_files)
        self.assertIs(wire.info["tls_verify"], True)
        wire.send('CONNECT {"verbose":false}\r\n')
        wire.expect_quiet()
        with self.assertRaises((ssl.SSLError, ConnectionResetError, AssertionError)):
            without = self.tls_wire(server)  # TLS 1.3 tells the client only when it reads
            without.send('CONNECT {"verbose":false}\r\n')
            without.expect_quiet()
        server.log.wait(r"\[ERR\] .*TLS handshake error: ")

    def test_the_certificate_names_the_user(self):
        server = self.serve(
            f'ca_file: "{self.certificates.ca}"',
            "verify_and_map: true",
            config='authorization { users = [ { user: "derek@nats.example", permissions: '
            '{ publish: "mine.>", subscribe: ">" } } ] }\n',
        )
        wire = self.tls_wire(server, self.client_files)
        wire.send('CONNECT {"verbose":false,"pedantic":false}\r\nSUB > 1\r\n')
        wire.send("PUB other 1\r\nx\r\nPUB mine.a 1\r\ny\r\n")
        wire.expect("-ERR 'Permissions Violation for Publish to \"other\"'\r\n")
        wire.expect_message("mine.a", 1, b"y")
        stranger = self.certificates.issue("stranger", "/CN=stranger", "email:nobody@nats.example")
        wire = self.tls_wire(server, stranger)
        wire.send('CONNECT {"verbose":false}\r\n')
        wire.expect("-ERR 'Authorization Violation'\r\n")
        wire.expect_end()

    def mapping_server(self, user):
        return self.serve(
            f'ca_file: "{self.certificates.ca}"',
            "verify_and_map: true",
            config='authorization { users = [ { user: "%s" } ] }\ndebug: true\n' % user,
        )

    def enters(self, server, files):
        wire = self.tls_wire(server, files)
        wire.send('CONNECT {"verbose":false,"pedantic":false}\r\nPING\r\n')
        return wire.read_line() == b"PONG"

    @case.differs("2.9.10", "a subject that says more than the user's name is taken for it")
    def test_the_subject_names_the_user(self):
        issue = self.certificates.issue
        files = issue("subject", "/O=test/OU=NATS.io/CN=localhost", "DNS:elsewhere.example")
        for user in ("CN=localhost,OU=NATS.io,O=test", "O=test, OU=NATS.io, CN=localhost"):
            server = self.mapping_server(user)
            self.assertTrue(self.enters(server, files), user)
            server.log.wait(r"\[DBG\] .*Using DistinguishedNameMatch for auth")
            for number, other in enumerate(("/O=test/OU=NATS.io/CN=localhost/CN=localhost",
                                            "/O=test/CN=localhost", "/CN=localhost,OU=NATS.io,O=test")):
                stranger = issue(f"alike{number}", other, "DNS:elsewhere.example")
                self.assertFalse(self.enters(server, stranger), other)

    def check_refused(self, wire):
        """With TLS 1.3 the client hears of it when it is done itself: on its first write or read."""
        with contextlib.suppress(OSError):
            wire.send('CONNECT {"verbose":false}\r\nPING\r\n')
        self.assertNotIn(b"PONG", wire.read_to_end())

    def test_pinned_certificates(self):
        server = self.serve(
            f'ca_file: "{self.certificates.ca}"', "verify: true",
            f'pinned_certs: ["{self.certificates.pin(self.client_files[0])}"]',
        )  # fmt: skip
        self.assertTrue(self.enters(server, self.client_files))
        other = self.certificates.issue("unpinned", "/CN=derek", "email:derek@nats.example")
        self.check_refused(self.tls_wire(server, other))

    @case.differs("2.9.10", "it checks them against the old pins")
    def test_pins_that_change_close_clients(self):
        other = self.certificates.issue("unpinned", "/CN=derek", "email:derek@nats.example")
        pins = [self.certificates.pin(files[0]) for files in (self.client_files, other)]
        server = self.serve(f'ca_file: "{self.certificates.ca}"', "verify: true", f'pinned_certs: ["{pins[0]}"]')
        client = self.tls_wire(server, self.client_files)
        client.send('CONNECT {"verbose":false}\r\n')
        client.expect_quiet()
        with open(server.config_file, encoding="utf-8") as config:
            text = config.read()
        with open(server.config_file, "w", encoding="utf-8") as config:
            config.write(text.replace(pins[0], pins[1]))
        server.send_signal(signal.SIGHUP)
        client.read_to_end()
        self.assertTrue(self.enters(server, other))
        self.check_refused(self.tls_wire(server, self.client_files))

    def test_a_client_certificate_of_another_authority_or_time(self):
        server = self.serve(f'ca_file: "{self.certificates.ca}"', "verify: true")
        with tempfile.TemporaryDirectory(prefix="nuring-e2e-") as folder:
            foreign = Certificates(folder).issue("client", "/CN=derek", "email:derek@nats.example")
            expired = self.certificates.issue("expired", "/CN=derek", "DNS:x.example", expired=True)
            for files, why in ((foreign, "unknown authority"), (expired, "expired")):
                first = len(server.log.lines())
                wire = self.tls_wire(server, files)
                self.check_refused(wire)
                server.log.wait(r"\[ERR\] .*TLS handshake error: .*" + why, after=first)
        self.assertTrue(self.enters(server, self.client_files))

    def test_password_over_tls(self):
        server = self.serve(config="authorization { user: a, password: b }\n")
        wire = self.tls_wire(server)
        wire.send('CONNECT {"verbose":false,"user":"a","pass":"b"}\r\n')
        wire.expect_quiet()
        wire = self.tls_wire(server)
        wire.send('CONNECT {"verbose":false,"user":"a","pass":"c"}\r\n')
        wire.expect("-ERR 'Authorization Violation'\r\n")
        wire.expect_end()

    def test_the_connection_limit_is_told_in_clear_text(self):
        server = self.serve(config="max_connections: 1\n")
        self.tls_client(server)
        wire = self.wire(server)
        wire.read_info()
        wire.expect("-ERR 'maximum connections exceeded'\r\n")
        wire.expect_end()

    def test_clear_text_beside_tls(self):
        server = self.serve(config="allow_non_tls: true\n")
        wire = self.wire(server)
        info = wire.read_info()
        self.assertNotIn("tls_required", info)
        self.assertIs(info["tls_available"], True)
        wire.send('CONNECT {"verbose":false}\r\n')
        wire.expect_quiet()
        self.check_serves_tls(server)
        if case.Options.reference != "2.9.10":  # which says "required"
            server.log.wait("TLS available for client connections")

    def test_ends_of_connections(self):
        server = self.serve()
        watcher = self.tls_client(server)
        watcher.send("SUB words 1\r\n")
        watcher.expect_quiet()
        for number in range(30):
            wire = self.tls_client(server)
            wire.send("PUB words 1\r\nx\r\n")
            if number % 3 == 0:
                wire.socket.unwrap().close()
            elif number % 3 == 1:
                wire.close()
            else:
                watcher.expect_message("words", 1, b"x")
                wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                wire.close()
                continue
            watcher.expect_message("words", 1, b"x")
        self.check_serves_tls(server)

    def test_a_storm_of_handshakes(self):
        server = self.serve("timeout: 20")
        errors = []

        def connect_some():
            try:
                for _ in range(15):
                    self.tls_client(server).close()
            except Exception as error:  # a thread hands its failure over, whatever it is
                errors.append(error)

        threads = [threading.Thread(target=connect_some) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(errors, [])
        self.check_serves_tls(server)

    def test_garbage_instead_of_records(self):
        server = self.serve()
        for garbage in (b"\x16\x03\x01\xff\xff" + bytes(70000), b"\x17\x03\x03\x00\x05hello", bytes(10)):
            wire = self.wire(server)
            wire.read_info()
            wire.send(garbage)
            wire.read_to_end()
        wire = self.tls_client(server)
        raw = socket.socket(fileno=wire.socket.detach())
        raw.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
        raw.settimeout(case.DEADLINE_S)
        try:
            while raw.recv(4096):
                pass
        except ConnectionResetError:
            pass
        raw.close()
        self.check_serves_tls(server)

    def test_a_bad_key_pair_exits_1(self):
        config = self.certificates.config().replace(self.certificates.key, self.client_files[1])
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as out:
            out.write(config)
            out.flush()
            code, _, error = self.run_once("-a", "127.0.0.1", "-p", "-1", "-c", out.name)
        self.assertEqual(code, 1)
        self.assertRegex(error, r"error parsing X509 certificate/key pair: ")

    def test_a_check_names_the_place(self):
        if case.Options.reference:
            self.skipTest("SKIPPED: the reference says it in other words")
        config = "port: -1\n" + self.certificates.config().replace(self.certificates.cert, "/nonexistent/c")
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as out:
            out.write(config)
            out.flush()
            code, _, error = self.run_once("-t", "-c", out.name)
        self.assertEqual(code, 1)
        self.assertRegex(error, r"\.conf:2:\d+: error parsing X509 certificate/key pair: open /nonexistent/c: ")

    @case.differs("2.9.10", "it holds the publisher up until the write deadline")
    def test_a_consumer_that_does_not_read(self):
        server = self.serve(config="max_pending: 2MB\nwrite_deadline: 10s\n")
        stuck, sender = self.tls_client(server), self.tls_client(server)
        stuck.send("SUB flood 1\r\n")
        stuck.expect_quiet()
        body = b"x" * 50_000
        for _ in range(400):  # 20 MB
            sender.send(b"PUB flood 50000\r\n" + body + b"\r\n")
        sender.expect_quiet()
        server.log.wait(r"Slow Consumer Detected: MaxPending of 2097152 Exceeded")
        self.check_serves_tls(server)

    def reload(self, server, config):
        first = len(server.log.lines())
        with open(server.config_file, "w", encoding="utf-8") as out:
            out.write(config)
        server.send_signal(signal.SIGHUP)
        _, last = server.log.wait(r"(Reloaded server configuration|Failed to reload)", after=first)
        return "\n".join(server.log.lines()[first : last + 1])

    def peer_name(self, server):
        names = dict(entry[0] for entry in self.tls_client(server).socket.getpeercert()["subject"])
        return names["commonName"]

    def test_reload_under_traffic(self):
        server = self.serve()
        receiver, sender = self.tls_client(server), self.tls_client(server)
        receiver.send("SUB kept 1\r\n")
        receiver.expect_quiet()
        pairs = [self.certificates.issue(f"turn{i}", f"/CN=turn{i}", "IP:127.0.0.1") for i in range(2)]
        sent = 0
        for turn in range(6):
            sender.send(b"".join(b"PUB kept 6\r\n%06d\r\n" % i for i in range(sent, sent + 2000)))
            cert, key = pairs[turn % 2]
            said = self.reload(server, f'tls {{ cert_file: "{cert}", key_file: "{key}" }}\n')
            self.assertIn("Reloaded: tls = enabled", said)
            self.assertEqual(self.peer_name(server), f"turn{turn % 2}")
            receiver.expect(b"".join(b"MSG kept 1 6\r\n%06d\r\n" % i for i in range(sent, sent + 2000)))
            sent += 2000

    def test_reload_sees_what_the_files_hold(self):
        server = self.serve()
        config = self.certificates.config()
        self.assertNotIn("tls = ", self.reload(server, config))
        with tempfile.TemporaryDirectory(prefix="nuring-e2e-") as folder:
            copies = [shutil.copy(path, folder) for path in (self.certificates.cert, self.certificates.key)]
            config = f'tls {{ cert_file: "{copies[0]}", key_file: "{copies[1]}" }}\n'
            self.reload(server, config)
            renewed = self.certificates.issue("renewed", "/CN=renewed", "IP:127.0.0.1")
            shutil.copy(renewed[0], copies[0])
            said = self.reload(server, config)  # half of the pair: refused as a whole
            self.assertIn("private key does not match public key", said)
            self.assertEqual(self.peer_name(server), "localhost")
            shutil.copy(renewed[1], copies[1])
            self.assertIn("Reloaded: tls = enabled", self.reload(server, config))
            self.assertEqual(self.peer_name(server), "renewed")

    def test_reload_turns_tls_off_and_on(self):
        server = self.serve()
        old = self.tls_client(server)
        self.assertIn("Reloaded: tls = disabled", self.reload(server, "ping_max: 3\n"))
        self.assertNotIn("tls_required", self.wire(server).read_info())
        self.assertIn("Reloaded: tls = enabled", self.reload(server, self.certificates.config()))
        self.check_serves_tls(server)
        old.expect_quiet()

    def test_reload_takes_a_new_certificate(self):
        server = self.serve()
        old = self.tls_client(server)
        cert, key = self.certificates.issue("next", "/CN=next", "IP:127.0.0.1")
        with open(server.config_file, "w", encoding="utf-8") as out:
            out.write(f'tls {{ cert_file: "{cert}", key_file: "{key}" }}\n')
        server.send_signal(signal.SIGHUP)
        server.log.wait(r"Reloaded server configuration")
        names = dict(entry[0] for entry in self.tls_client(server).socket.getpeercert()["subject"])
        self.assertEqual(names["commonName"], "next")
        old.expect_quiet()


if __name__ == "__main__":
    case.main()
