#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who may be a route: user and password, time to log in, certificates of both ends."""

import json
import re
import shutil
import signal
import socket
import ssl
import unittest

from support import case, cluster
from support.cluster import Cluster
from support.route_peer import PeerCase, RoutePeer
from support.tls import Certificates, TlsWire
from support.wire import WireError

AUTHORIZATION = 'authorization { user: ruser, password: "top_secret", timeout: %s }\n'
# "top_secret", of the READMEs.
HASHED = "$2a$11$UaoHwUEqHaMwqo6L4kM2buOBnGFnSCWxNXY87hl.kCERqKK8WAXM."


class AuthorizationTest(PeerCase):
    def guarded(self, timeout=5, **parts):
        server = self.member(cluster_settings=AUTHORIZATION % timeout, **parts)
        server.routes = []
        return server

    def check_refused(self, peer, error="Authorization Violation"):
        said = [op.line for op in peer.read_until_end() if op.verb == "-ERR"]
        self.assertEqual(said, [f"-ERR '{error}'"])

    def test_the_right_password(self):
        server = self.guarded()
        peer = self.peer(server, connect={"user": "ruser", "pass": "top_secret"})
        self.assertIs(peer.peer["auth_required"], True)
        self.check_routed(server, peer)

    def test_wrong_logins(self):
        server = self.guarded()
        for login in ({}, {"user": "ruser"}, {"user": "ruser", "pass": "wrong"},
                      {"user": "other", "pass": "top_secret"}, {"user": "", "pass": ""}):  # fmt: skip
            with self.subTest(login):
                peer = self.dialed(server)
                peer.read_op()
                peer.send_connect(**login)
                self.check_refused(peer)
        self.assertEqual(server.get("/varz")["remotes"], 0)
        self.assertNotIn("top_secret", server.log.text())
        self.assertNotIn("wrong", server.log.text())
        server.log.wait(r"\[ERR\] .* - rid:\d+ - authentication error$")
        if not server.kind.is_go or server.kind.number >= (2, 12):
            server.log.wait(r'\[ERR\] .* - rid:\d+ - authentication error - User "other"$')

    def test_anything_before_the_login(self):
        server = self.guarded()
        for said in (f"INFO {json.dumps({'server_id': 'N' * 56, 'proto': 2})}\r\n", "PING\r\n", "RS+ $G foo\r\n",
                     "RMSG $G foo 1\r\nx\r\n"):  # fmt: skip
            with self.subTest(said):
                peer = self.dialed(server)
                peer.read_op()
                peer.send(said)
                self.check_refused(peer)

    def test_silence(self):
        server = self.guarded(timeout=0.5)
        peer = self.dialed(server)
        peer.read_op()
        self.check_refused(peer, "Authentication Timeout")

    def test_a_hashed_password(self):
        server = self.member(cluster_settings=f'authorization {{ user: ruser, password: "{HASHED}", timeout: 10 }}\n')
        self.check_routed(server, self.peer(server, connect={"user": "ruser", "pass": "top_secret"}))
        peer = self.dialed(server)
        peer.read_op()
        peer.send_connect(user="ruser", **{"pass": HASHED})
        self.check_refused(peer)

    def test_servers_log_in_to_each_other(self):
        """Those found by gossip with the password of the cluster."""
        settings = {"cluster_settings": AUTHORIZATION % 5}
        seed = self.member(**settings)
        url = seed.route_url.replace("//", "//ruser:top_secret@")
        servers = [seed] + [self.member(index, routes=[url], **settings) for index in (1, 2)]
        Cluster(self, servers).wait_mesh()

    def test_a_reload_corrects_a_password(self):
        """The next attempt shows what the file says now; a server that is connected logs in again."""
        seed = self.guarded()
        other = self.member(1)
        for password in ("wrong", "top_secret", "bad", "top_secret"):
            other.routes = [seed.route_url.replace("//", f"//ruser:{password}@")]
            mark = len(other.log.lines())
            other.write_config()
            other.send_signal(signal.SIGHUP)
            other.log.wait("Reloaded: cluster routes", after=mark)
            if password == "top_secret":
                Cluster(self, [seed, other]).wait_mesh()
            else:
                other.log.wait("Authorization Violation", after=mark)

    def test_a_server_with_a_wrong_password_stays_out(self):
        seed = self.guarded()
        url = seed.route_url.replace("//", "//ruser:wrong@")
        other = self.member(1, routes=[url])
        other.log.wait("Authorization Violation")
        seed.log.wait("authentication error|Authorization Violation|Authentication Failure", deadline_s=20)
        self.assertEqual(seed.get("/varz")["remotes"], 0)
        # Which takes the seed for one of its own, at each attempt, until it hears the answer to its login.
        self.wait_for(lambda: other.get("/varz")["remotes"] == 0, "the other has no route")


class LinesTest(PeerCase):
    """No client writes words or lines of its own to other servers."""

    def ours(self, **parts):
        server = self.member(**parts)
        if server.kind.is_go:
            self.skipTest("it writes them")
        return server

    def wanting_all(self, server):
        """A peer that gets every message."""
        peer = self.peer(server)
        peer.send("RS+ $G >\r\n")
        peer.expect_quiet()
        return peer

    def test_line_ends_within_a_subject_or_a_reply(self):
        server = self.ours()
        peer = self.wanting_all(server)
        client = self.client(server, headers=True)
        for publish, part in (("PUB foo a\rb 1", "with Reply of"), ("PUB fo\ro 1", "to"), ("PUB \nfoo 1", "to"),
                              ("HPUB foo a\rb 0 1", "with Reply of")):  # fmt: skip
            client.send(publish + "\r\nx\r\nPUB foo ok 1\r\ny\r\n")
            client.expect_line(f"-ERR 'Permissions Violation for Publish {part} .*")
            peer.expect_op("RMSG $G foo ok 1", b"y")

    def test_a_mapped_answer_needs_the_permission_of_its_subject(self):
        user = 'user: u, password: p, permissions: { publish: { deny: "secret.>" } }'
        server = self.ours(settings=f"authorization {{ users: [ {{ {user} }} ] }}\n")
        peer = self.wanting_all(server)
        client = self.client(server, user="u", **{"pass": "p"})
        client.send("PUB $GR.0123.secret.x 1\r\nx\r\nPUB $GR.0123.open.x 1\r\ny\r\n")
        client.expect_line("-ERR 'Permissions Violation for Publish.*")
        peer.expect_op("RMSG $G $GR.0123.open.x 1", b"y")


class TlsPeer(RoutePeer):
    """A peer that speaks TLS from the first byte, and does not mind who the server is."""

    receive = TlsWire.receive

    def handshake(self, certificates, client=None, side="client"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT if side == "client" else ssl.PROTOCOL_TLS_SERVER)
        if side == "client":
            context.load_verify_locations(certificates.ca)
        else:
            context.verify_mode = ssl.CERT_OPTIONAL
            context.load_verify_locations(certificates.ca)
        if client:
            context.load_cert_chain(*client)
        options = {"server_hostname": "127.0.0.1"} if side == "client" else {"server_side": True}
        self.socket = context.wrap_socket(self.socket, **options)
        return self

    def read_until_end(self):
        try:
            return super().read_until_end()
        except (ConnectionResetError, ssl.SSLError):
            return []


@unittest.skipUnless(shutil.which("openssl"), "SKIPPED: openssl is not installed")
class TlsTest(PeerCase):
    def setUp(self):
        self.certificates = Certificates(self.folder())
        # The certificate is the one of a server to who is dialed, and of a client to who dials.
        self.settings = self.certificates.config(f'ca_file: "{self.certificates.ca}"', "timeout: 10")

    def reload(self, server):
        mark = len(server.log.lines())
        server.write_config()
        server.send_signal(signal.SIGHUP)
        server.log.wait("Reloaded server configuration", after=mark)

    def secure(self, index=0, **options):
        return self.member(index, cluster_settings=self.settings, **options)

    def tls_peer(self, server, certificate=True, files=None):
        peer = TlsPeer(server.route_port).setup(cluster_name=server.cluster_name)
        self.addCleanup(peer.close)
        own = files or (self.certificates.cert, self.certificates.key)
        return peer.handshake(self.certificates, client=own if certificate else None)

    def enters(self, server, files, **login):
        """A route whose dialer shows that certificate, and that login."""
        peer = self.tls_peer(server, files=files)
        peer.send_connect(tls_required=True, **login)
        peer.send_info()
        peer.send("PING\r\n")
        said = []
        while not any(op.verb == "PONG" for op in said):
            try:
                said.append(peer.read_op())
            except (WireError, ConnectionResetError, ssl.SSLError):
                return None
        return peer

    def test_a_peer_with_a_certificate(self):
        server = self.secure()
        peer = self.tls_peer(server)
        peer.send_connect(tls_required=True)
        peer.send_info()
        peer.read_registered()
        self.assertIs(peer.peer["tls_required"], True)
        self.assertIs(peer.peer["tls_verify"], True)
        self.check_routed(server, peer)
        wire = self.client(server)
        wire.send("SUB big 1\r\n")
        wire.expect_quiet()
        peer.drain()
        peer.send(b"RMSG $G big 1048576\r\n" + b"x" * 1048576 + b"\r\n")
        wire.expect_message("big", 1, b"x" * 1048576)

    def check_no_route(self, server):
        server.log.wait("TLS route handshake error")
        self.assertEqual(server.get("/varz")["remotes"], 0)
        peer = self.tls_peer(server)
        self.assertEqual(peer.read_op().verb, "INFO")

    def test_a_peer_without_a_certificate(self):
        server = self.secure()
        try:
            peer = self.tls_peer(server, certificate=False)
            peer.send_connect()
            self.assertFalse([op for op in peer.read_until_end() if op.verb == "INFO"])
        except (ssl.SSLError, ConnectionResetError):
            pass  # refused within the handshake
        self.check_no_route(server)

    def test_a_peer_of_another_authority(self):
        server = self.secure()
        stranger = Certificates(self.folder())
        try:
            peer = TlsPeer(server.route_port).setup()
            self.addCleanup(peer.close)
            peer.handshake(self.certificates, client=(stranger.cert, stranger.key))
            peer.send_connect()
            self.assertFalse([op for op in peer.read_until_end() if op.verb == "INFO"])
        except (ssl.SSLError, ConnectionResetError):
            pass
        self.check_no_route(server)

    def test_a_peer_whose_certificate_is_not_pinned(self):
        pinned = self.certificates.issue("pinned", "/CN=pinned", "IP:127.0.0.1")
        pins = f'pinned_certs: ["{self.certificates.pin(pinned[0])}"]'
        settings = self.certificates.config(f'ca_file: "{self.certificates.ca}"', "timeout: 10", pins)
        if not self.kind().names_clusters:
            self.skipTest("servers before 2.2 know no pinned certificates")
        server = self.member(cluster_settings=settings)
        peer = self.tls_peer(server)  # certified by the authority, but another one
        self.assertFalse([op for op in peer.read_until_end() if op.verb == "INFO"])
        server.log.wait("TLS route handshake error: certificate not pinned")
        peer = TlsPeer(server.route_port).setup(cluster_name=server.cluster_name)
        self.addCleanup(peer.close)
        peer.handshake(self.certificates, client=pinned)
        self.assertEqual(peer.read_op().verb, "INFO")

    def test_a_certificate_names_the_user(self):
        issue = self.certificates.issue
        by_name = issue("by_name", "/CN=x", "DNS:route.example,IP:127.0.0.1")
        by_email = issue("by_email", "/CN=x", "email:route@example.com,IP:127.0.0.1")
        by_subject = issue("by_subject", "/O=test/CN=route", "IP:127.0.0.1")
        by_none = issue("by_none", "/CN=route.example.com", "DNS:x.route.example,IP:127.0.0.1")
        users = {"route.example": by_name, "route@example.com": by_email, "CN=route,O=test": by_subject}
        for user, right in users.items():
            settings = self.certificates.config(
                f'ca_file: "{self.certificates.ca}"', "timeout: 10", "verify_and_map: true"
            )
            server = self.member(cluster_settings=settings + f'authorization {{ user: "{user}", timeout: 10 }}\n')
            for files in (by_name, by_email, by_subject, by_none):
                with self.subTest(user=user, files=files):
                    peer = self.enters(server, files)
                    self.assertEqual(peer is not None, files is right)
                    if peer:
                        peer.close()

    def test_pins_that_change_close_routes(self):
        if not self.kind().names_clusters:
            self.skipTest("servers before 2.2 know no pinned certificates")
        names = "IP:127.0.0.1"
        stays, goes = (self.certificates.issue(name, f"/CN={name}", names) for name in ("stays", "goes"))

        def settings(*files):
            pins = ", ".join(f'"{self.certificates.pin(each[0])}"' for each in files)
            return self.certificates.config(
                f'ca_file: "{self.certificates.ca}"', "timeout: 10", f"pinned_certs: [{pins}]"
            )

        server = self.member(cluster_settings=settings(stays, goes))
        kept, closed = (self.enters(server, files) for files in (stays, goes))
        server.cluster_settings = settings(stays)
        self.reload(server)
        closed.read_until_end()
        kept.drain()
        self.assertEqual(server.get("/varz")["remotes"], 1)

    def test_a_reload_that_reads_certificates_reads_those_of_routes(self):
        names = {name: f"DNS:{name}.example,IP:127.0.0.1" for name in ("stays", "goes")}
        stays, goes = (self.certificates.issue(name, f"/CN={name}", each) for name, each in names.items())
        login = 'authorization { user: "stays.example", password: p, timeout: 10 }\n'
        for rule in ("verify_and_map: true", "verify_cert_and_check_known_urls: true"):
            with self.subTest(rule):
                plain = self.certificates.config(f'ca_file: "{self.certificates.ca}"', "timeout: 10", "verify: true")
                server = self.member(cluster_settings=plain + login, start=False)
                server.routes = ["nats-route://stays.example:1"]
                server.start()
                kept, closed = (self.enters(server, files, user="stays.example", **{"pass": "p"})
                                for files in (stays, goes))  # fmt: skip
                server.cluster_settings = plain.replace("verify: true", rule) + login
                self.reload(server)
                closed.read_until_end()
                kept.drain()

    def test_dialing_without_a_check_is_warned_of(self):
        settings = self.certificates.config(f'ca_file: "{self.certificates.ca}"', "insecure: true")
        server = self.member(cluster_settings=settings)
        warning = r"\[WRN\] TLS certificate chain and hostname of solicited routes will not be verified"
        server.log.wait(warning)
        if self.kind().names_clusters:
            server.cluster_settings = self.settings
            self.reload(server)
            server.cluster_settings = settings
            self.reload(server)
            self.assertEqual(len(re.findall(warning, server.log.text())), 2)

    def test_a_peer_in_clear_text(self):
        server = self.secure()
        peer = self.dialed(server)
        peer.send_connect()
        peer.send_info()
        self.assertNotIn(b"INFO", peer.read_to_end())
        self.check_no_route(server)

    def check_mesh_over_names(self, *names):
        """The routes of the configuration name the host; each certificate names what is given."""
        members = []
        for index, each in enumerate(names):
            cert, key = self.certificates.issue(f"member{index}", "/CN=member", each)
            routes = [f"nats-route://localhost:{members[0].route_port}"] if members else []
            tls = [f'tls {{ cert_file: "{cert}"', f'key_file: "{key}"', f'ca_file: "{self.certificates.ca}"',
                   "timeout: 10, verify: true }"]  # fmt: skip
            members.append(self.member(index, routes=routes, cluster_settings="\n".join(tls)))
        Cluster(self, members).wait_mesh()
        wire, publisher = self.client(members[2]), self.client(members[1])
        wire.send("SUB far 1\r\n")
        self.sync(wire, publisher)
        publisher.send("PUB far 1\r\nx\r\n")
        wire.expect_message("far", 1, b"x")

    def test_members_known_by_gossip_have_the_name_of_the_configured_route(self):
        self.check_mesh_over_names("DNS:localhost", "DNS:localhost", "DNS:localhost")

    def test_members_known_by_gossip_may_have_their_address(self):
        self.check_mesh_over_names("DNS:localhost", "IP:127.0.0.1", "IP:127.0.0.1")

    def test_silence_before_the_handshake(self):
        server = self.member(cluster_settings=self.settings.replace("timeout: 10", "timeout: 0.5"))
        peer = self.dialed(server)
        peer.read_to_end()
        server.log.wait("TLS route handshake error")

    def test_a_dialer_shows_its_certificate(self):
        listener = self.listener()
        server = self.secure(routes=[listener.url])
        listener.socket.settimeout(10)
        connection, _ = listener.socket.accept()
        peer = TlsPeer.over(connection).setup(server.cluster_name, listener.server_id, port=listener.port)
        self.addCleanup(peer.close)
        peer.handshake(self.certificates, (self.certificates.cert, self.certificates.key), side="server")
        self.assertTrue(peer.socket.getpeercert())
        peer.send_info()
        connect = peer.read_op()
        self.assertEqual(connect.verb, "CONNECT")
        self.assertIs(connect.json["tls_required"], True)

    def test_a_listener_of_another_authority_is_not_trusted(self):
        stranger = Certificates(self.folder())
        listener = self.listener()
        server = self.secure(routes=[listener.url])
        listener.socket.settimeout(10)
        connection, _ = listener.socket.accept()
        peer = TlsPeer.over(connection).setup()
        self.addCleanup(peer.close)
        with self.assertRaises((ssl.SSLError, ConnectionResetError, socket.timeout)):
            peer.handshake(stranger, (stranger.cert, stranger.key), side="server")
            if not peer.socket.recv(1):
                raise ConnectionResetError
        server.log.wait("TLS route handshake error")

    def test_three_servers(self):
        seed = self.secure()
        servers = [seed] + [self.secure(index, routes=[seed.route_url]) for index in (1, 2)]
        Cluster(self, servers).wait_mesh()
        wires = [self.client(server) for server in servers]
        wires[2].send("SUB foo 1\r\n")
        self.sync(wires[2], *wires[:2])
        for wire in wires[:2]:
            wire.send(b"PUB foo 500000\r\n" + b"y" * 500000 + b"\r\n")
            wires[2].expect_message("foo", 1, b"y" * 500000)

    def test_a_server_in_clear_text_stays_out(self):
        seed = self.secure()
        other = self.member(1, routes=[seed.route_url])
        seed.log.wait("TLS route handshake error")
        self.assertEqual((seed.get("/varz")["remotes"], other.get("/varz")["remotes"]), (0, 0))


if __name__ == "__main__":
    cluster.main()
