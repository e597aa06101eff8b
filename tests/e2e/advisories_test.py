#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Public advisories of the reference server, and holes found beside them: none of them works here.

One test for each, named after it; docs/security.md has the list. Those that concern parts which do not
exist yet (JetStream, MQTT, WebSocket, routes, gateways) come with the part.
"""

import shutil
import signal
import ssl
import tempfile
import unittest

from support import case
from support.case import ServerCase
from support.tls import Certificates, TlsWire
from support.websocket import WebsocketWire, websocket_port

VIOLATION = "-ERR 'Authorization Violation'\r\n"

ACCOUNTS = """
accounts {
  A { users: [ { user: a, password: p } ] }
  B { users: [ { user: b, password: p } ] }
  SYS { users: [ { user: sys, password: p } ] }
}
system_account: SYS
"""


class AdvisoriesTest(ServerCase):
    def check_refused(self, server, connect):
        wire = self.wire(server)
        wire.read_info()
        wire.send(f"CONNECT {connect}\r\n")
        wire.expect(VIOLATION)
        wire.expect_end()

    def login(self, server, user):
        return self.client(server, user=user, **{"pass": "p"})

    def test_cve_2022_24450_an_account_named_in_connect(self):
        """It landed a client of one account in another, the system account included."""
        server = self.start(config=ACCOUNTS)
        for account in ("B", "SYS", "A", "$G", "new"):
            for more in ("", ',"new_account":true'):
                self.check_refused(server, f'{{"user":"a","pass":"p","account":"{account}"{more}}}')
        a, b = self.login(server, "a"), self.login(server, "b")
        b.send("SUB > 1\r\n")
        b.expect_quiet()
        a.send("PUB foo 0\r\n\r\n")
        a.expect_quiet()
        b.expect_quiet()

    @case.differs("2.9.10", "it lets them in to $G; mended in 2.9.23")
    def test_cve_2023_47090_only_the_system_account_has_users(self):
        """As in the reference: clients without credentials are in $G, and the wrong ones open nothing."""
        server = self.start(config="accounts { $SYS { users: [ { user: sys, password: p } ] } }")
        for connect in ('{"user":"x"}', '{"user":"$G"}', '{"user":"sys"}', '{"auth_token":"t"}'):
            self.check_refused(server, connect)
        wire = self.wire(server)
        self.assertTrue(wire.read_info()["auth_required"])
        wire.send('CONNECT {"verbose":false}\r\nSUB $SYS.> 1\r\n')
        self.login(server, "sys").send("PUB $SYS.x 0\r\n\r\nPING\r\n")
        wire.expect_quiet()

    def test_cve_2022_42708_42709_a_password_that_is_missing(self):
        """A user without a password is not a user with any password, and users keep the defaults."""
        server = self.start(
            config="""authorization {
                default_permissions: { publish: "sandbox", subscribe: "sandbox" }
                users = [ { user: bare }, { user: u, password: p } ] }"""
        )
        self.check_refused(server, '{"user":"bare","pass":"x"}')
        self.check_refused(server, '{"user":"u"}')
        self.check_refused(server, '{"user":"u","pass":""}')
        for wire in (self.client(server, user="bare"), self.login(server, "u")):
            wire.send("PUB foo 0\r\n\r\nSUB > 1\r\n")
            wire.expect("-ERR 'Permissions Violation for Publish to \"foo\"'\r\n")
            wire.expect("-ERR 'Permissions Violation for Subscription to \">\"'\r\n")

    def test_cve_2022_29946_a_queue_subscription_beside_a_deny_list(self):
        """`SUB a.* q` got what was denied to `SUB a.*`."""
        server = self.start(
            config="""authorization { users = [
                { user: admin, password: p }
                { user: u, password: p, permissions: { subscribe: { deny: ["a.secret", "b"] } } } ] }"""
        )
        admin, user = self.login(server, "admin"), self.login(server, "u")
        user.send("SUB b 1\r\nSUB b q 2\r\n")
        user.expect("-ERR 'Permissions Violation for Subscription to \"b\"'\r\n")
        user.expect("-ERR 'Permissions Violation for Subscription to \"b\" using queue \"q\"'\r\n")
        user.send("SUB a.* 3\r\nSUB a.* q 4\r\nSUB > q 5\r\nSUB *.secret q2 6\r\n")
        user.expect_quiet()
        for subject in ("a.secret", "b"):
            admin.send(f"PUB {subject} 0\r\n\r\n" * 20)
        admin.expect_quiet()
        user.expect_quiet()

    @case.differs("2.9.10", "a password or token alone is no credential there")
    def test_2026_16_no_auth_user_is_for_clients_without_credentials_only(self):
        """no_auth_user opened a door beside the one that was meant."""
        server = self.start(
            config="""authorization { users = [
                { user: guest, password: p, permissions: { publish: "guest", subscribe: "guest" } }
                { user: u, password: p } ] }
                no_auth_user: guest"""
        )
        for connect in ('{"user":"u"}', '{"user":"u","pass":"wrong"}', '{"pass":"p"}', '{"auth_token":"x"}'):
            self.check_refused(server, connect)
        # Where no keys are configured, a key is no credential: who shows one is a guest, too.
        for first in ("", "CONNECT {}\r\n", 'CONNECT {"nkey":"UX","sig":"x"}\r\n', 'CONNECT {"sig":"x"}\r\n'):
            wire = self.wire(server)
            wire.read_info()
            wire.send(first + 'CONNECT {"verbose":false}\r\nPUB foo 0\r\n\r\nPING\r\n')
            answer = b""
            while b"PONG" not in answer:
                answer += wire.read_line()
            self.assertIn(b"Permissions Violation for Publish", answer)

    def test_cve_2026_33217_every_door_asks_for_permission(self):
        """Every way to publish or subscribe is checked: with headers, a reply, a queue, many at once."""
        server = self.start(
            config="""authorization { users = [
                { user: admin, password: p }
                { user: u, password: p, permissions: { publish: "ok", subscribe: "ok" } } ] }"""
        )
        admin = self.login(server, "admin")
        admin.send("SUB secret.> 1\r\nSUB secret 2\r\n")
        admin.expect_quiet()
        user = self.client(server, user="u", headers=True, no_responders=True, **{"pass": "p"})
        head = "NATS/1.0\r\n\r\n"
        publish = "-ERR 'Permissions Violation for Publish to \"secret\"'\r\n"
        for sent in ("PUB secret 0\r\n\r\n", "PUB secret ok 0\r\n\r\n", "pub\tsecret\t0\r\n\r\n",
                     f"HPUB secret 12 12\r\n{head}\r\n", f"HPUB secret ok 12 12\r\n{head}\r\n"):  # fmt: skip
            for count in (1, 3):
                user.send(sent * count)
                user.expect(publish * count)
                user.expect_quiet()
        user.send("PUB ok secret 0\r\n\r\n")  # a reply subject is not a publish
        for subject in ("secret", "*", ">", "secret.*"):
            for queue, text in (("", ""), (" q", ' using queue "q"')):
                user.send(f"SUB {subject}{queue} 1\r\n")
                user.expect(f"-ERR 'Permissions Violation for Subscription to \"{subject}\"{text}'\r\n")
        admin.expect_quiet()

    def test_cve_2026_33246_the_caller_of_a_service_is_told_by_the_server(self):
        """A client forges Nats-Request-Info: within an account the header is only the client's word, and
        requests to the server itself do not look at it."""
        server = self.start(config=ACCOUNTS)
        forged = 'NATS/1.0\r\nNats-Request-Info: {"acc":"SYS","user":"sys"}\r\n\r\n'
        a = self.client(server, user="a", headers=True, **{"pass": "p"})
        a.send("SUB _INBOX.> 1\r\n")
        for subject in ("$SYS.REQ.SERVER.PING.VARZ", "$SYS.REQ.ACCOUNT.B.INFO", "$SYS.REQ.ACCOUNT.B.CONNZ"):
            a.send(f"HPUB {subject} _INBOX.x {len(forged)} {len(forged)}\r\n{forged}\r\n")
        a.expect_quiet()

    def test_ghsa_8r68_gvr4_jh7j_nothing_before_login_is_kept_or_unpacked(self):
        """Memory and panics before authentication, in whatever framing: see access_test.py, too."""
        server = self.start("--user", "u", "--pass", "p")
        for sent in (
            b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n" + b"\x81\xff" + b"\xff" * 8,
            b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff" + bytes(100),
            b"INFO " + b'{"compression":"s2_best"}' * 100,
            b"\xff\x06\x00\x00sNaPpY" + bytes(1000),
            b"CONNECT " + b"[" * 4000 + b"\r\n",
            b'CONNECT {"user":' + b"9" * 4000 + b"}\r\n",
            b"HPUB x 18446744073709551615 18446744073709551616\r\n",
        ):
            wire = self.wire(server)
            wire.read_info()
            wire.send(sent)
            wire.read_to_end()
        self.login(server, "u")


@unittest.skipUnless(shutil.which("openssl"), "SKIPPED: no openssl program")
class TlsAdvisoriesTest(ServerCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="nuring-e2e-")
        cls.addClassCleanup(folder.cleanup)
        cls.certificates = Certificates(folder.name)

    def handshake(self, server, client=None, **options):
        wire = TlsWire(server.port)
        self.addCleanup(wire.close)
        wire.read_info()
        wire.handshake(self.certificates, client, **options)
        return wire

    @case.differs("2.9.10", "of two common names it sees only the last")
    def test_cve_2026_33248_a_name_that_only_looks_like_the_one_configured(self):
        server = self.start(
            config=self.certificates.config(
                f'ca_file: "{self.certificates.ca}"', "verify_and_map: true"
            )
            + 'authorization { users = [ { user: "CN=admin,O=Org" } ] }\n'
        )
        admin = self.certificates.issue("admin", "/O=Org/CN=admin", "DNS:x.example")
        wire = self.handshake(server, admin)
        wire.send('CONNECT {"verbose":false}\r\n')
        wire.expect_quiet()
        for number, subject in enumerate(
            (
                "/CN=admin,O=Org",  # one attribute, whose value has the comma
                "/CN=admin\\\\,O=Org",
                "/O=Org/CN=admin/OU=x",  # more than was configured
                "/CN=admin",  # less
                "/O=Org/CN=Admin",
                "/O=Org/CN=admin ",
                "/O=Org/CN=admin/CN=admin",
                "/O=Org/CN=other/CN=admin",
                "/O=CN=admin/CN=O=Org",
                "/O=admin/CN=Org",  # the values exchanged
            )
        ):
            stranger = self.certificates.issue(f"stranger{number}", subject, "DNS:x.example")
            wire = self.handshake(server, stranger)
            wire.send('CONNECT {"verbose":false}\r\n')
            with self.subTest(subject=subject):
                wire.expect(VIOLATION)
                wire.expect_end()

    @case.differs("2.9.10", "it lets them in; mended in 2.15")
    def test_the_name_of_a_certificate_opens_no_other_port(self):
        """Users without a password are known by their certificate: their name alone is no login."""
        server = self.start(
            config=self.certificates.config(f'ca_file: "{self.certificates.ca}"', "verify_and_map: true")
            + "websocket { listen: 127.0.0.1:-1, no_tls: true }\nno_auth_user: guest\n"
            + 'authorization { users = [ { user: "CN=admin" }, { user: guest } ] }\n'
        )
        wire = self.handshake(server, self.certificates.issue("admin", "/CN=admin", "DNS:x.example"))
        wire.send('CONNECT {"verbose":false}\r\n')
        wire.expect_quiet()
        for user, enters in (("CN=admin", False), ("guest", True), ("", True)):
            stranger = WebsocketWire(websocket_port(server))
            self.addCleanup(stranger.close)
            stranger.upgrade()
            stranger.read_info()
            stranger.send(f'CONNECT {{"user":"{user}","pass":"","verbose":false}}\r\n')
            with self.subTest(user=user):
                if enters:
                    stranger.expect_quiet()
                else:
                    stranger.expect(VIOLATION)

    def test_cve_2021_32026_flags_are_as_strict_as_the_file(self):
        """TLS by flags alone took weaker ciphers than the configuration's defaults."""
        files = self.certificates
        server = self.start("--tlscert", files.cert, "--tlskey", files.key, "--tls")
        self.handshake(server)
        for ciphers in ("AES128-SHA:@SECLEVEL=0", "AES256-SHA256:@SECLEVEL=0", "DES-CBC3-SHA:@SECLEVEL=0"):
            wire = TlsWire(server.port)
            self.addCleanup(wire.close)
            wire.read_info()
            context = ssl.create_default_context(cafile=files.ca)
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            try:
                context.set_ciphers(ciphers)
            except ssl.SSLError:
                continue  # the library here does not know it at all
            with self.subTest(ciphers=ciphers), self.assertRaises((ssl.SSLError, OSError)):
                wire.socket = context.wrap_socket(wire.socket, server_hostname="127.0.0.1")


class FoundBesideThemTest(ServerCase):
    """Holes of the reference that were found while its behaviour was written down."""

    @case.differs("2.9.10", "> passes as a token")
    def test_subscribe_allow_star_is_not_everything(self):
        server = self.start(
            config="""authorization { users = [
                { user: admin, password: p }
                { user: u, password: p, permissions: { subscribe: { allow: "*" } } } ] }"""
        )
        user = self.client(server, user="u", **{"pass": "p"})
        user.send("SUB > 1\r\n")
        user.expect("-ERR 'Permissions Violation for Subscription to \">\"'\r\n")
        user.send("SUB * 2\r\n")
        user.expect_quiet()
        admin = self.client(server, user="admin", **{"pass": "p"})
        admin.send("PUB a.b 0\r\n\r\n")
        admin.expect_quiet()
        user.expect_quiet()

    def test_sizes_do_not_wrap(self):
        server = self.start()
        for size in (2**31, 2**32, 2**32 + 3, 2**63, 2**64, 2**64 + 3, 10**30):
            wire = self.client(server)
            wire.send(f"SUB foo 1\r\nPUB foo {size}\r\nabc\r\nPUB foo 1\r\nx\r\n")
            self.assertEqual(wire.read_to_end(), b"")
        self.check_serves(server)

    @case.differs("2.9.10", "the old users stay")
    def test_reload_to_a_single_user_forgets_the_table(self):
        server = self.start(config="authorization { users = [ { user: old, password: p } ] }")
        old = self.client(server, user="old", **{"pass": "p"})
        with open(server.config_file, "w", encoding="utf-8") as out:
            out.write("authorization { user: new, password: p }\n")
        server.send_signal(signal.SIGHUP)
        server.log.wait("Reloaded server configuration")
        old.expect(VIOLATION)
        wire = self.wire(server)
        wire.read_info()
        wire.send('CONNECT {"user":"old","pass":"p"}\r\n')
        wire.expect(VIOLATION)
        self.client(server, user="new", **{"pass": "p"})

    @case.differs("2.9.10", "some of these values pass")
    def test_values_of_the_wrong_type_do_not_end_the_server(self):
        server = self.start(config="authorization { user: u, password: p }")
        for text in ("authorization { user: 1 }", "authorization: 5", "port: []", "accounts: true",
                     "authorization { users: 7 }", "max_payload: {}", "tls: 1"):  # fmt: skip
            with open(server.config_file, "w", encoding="utf-8") as out:
                out.write(text + "\n")
            mark = len(server.log.lines())
            server.send_signal(signal.SIGHUP)
            server.log.wait("Failed to reload server configuration", after=mark)
        self.client(server, user="u", **{"pass": "p"})


if __name__ == "__main__":
    case.main()
