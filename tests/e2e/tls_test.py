#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TLS for clients: handshakes good and bad, traffic, time limits, certificates as identity."""

import shutil
import signal
import socket
import ssl
import struct
import tempfile
import threading
import unittest

from support import case
from support.case import ServerCase
from support.server import Server, ServerError
from support.tls import Certificates, TlsWire


@unittest.skipUnless(shutil.which("openssl"), "SKIPPED: no openssl program")
class TlsTest(ServerCase):
    @classmethod
    def setUpClass(cls):
        cls.files = tempfile.TemporaryDirectory(prefix="nuring-e2e-")
        cls.certificates = Certificates(cls.files.name)
        cls.skip_if_inactive()
        cls.client_files = cls.certificates.issue("client", "/CN=derek/O=test", "email:derek@nats.example")

    @classmethod
    def skip_if_inactive(cls):
        """A server that has no TLS yet refuses to start with it, and says so."""
        server = Server(case.Options.server, case.Options.server_args, config=cls.certificates.config())
        try:
            server.start()
            server.close()
        except ServerError as error:
            cls.files.cleanup()
            if "TLS is configured, but not active" in str(error):
                raise unittest.SkipTest("SKIPPED TLS tests: this server has no TLS yet") from None
            raise
        finally:
            server.kill()

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
