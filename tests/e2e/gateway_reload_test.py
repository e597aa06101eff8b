#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Gateways and the configuration file: what a reload changes, what it refuses and how, what `-t` says of the block."""

import signal
import ssl

from support import case, super_cluster
from support.gateway_peer import GatewayPeerCase
from support.nkeys import Key
from support.tls import Certificates

DONE = "Reloaded server configuration"
REFUSED = r"config reload not supported for Gateway: old=\{.*\}, new=\{.*\}"


class ReloadCase(GatewayPeerCase):
    def reload(self, server, **parts):
        """Changes those parts of the member, and sends the signal; the first log line that may belong to it."""
        for part, text in parts.items():
            assert hasattr(server, part), part
            setattr(server, part, text)
        server.write_config()
        first = len(server.log.lines())
        server.send_signal(signal.SIGHUP)
        return first

    def check_both_ways(self, a, b):
        for here, there in ((a, b), (b, a)):
            there.send("SUB foo 7\r\n")
            self.sync(there, here)
            here.send("PUB foo 2\r\nhi\r\n")
            there.expect_message("foo", 7, b"hi")
            there.send("UNSUB 7\r\n")
            there.expect_quiet()


class ReloadTest(ReloadCase):
    def test_the_list_of_clusters_needs_a_restart(self):
        """So does everything else of the block but TLS. The rest of the file is not applied either, and nothing
        happens to the connections."""
        clusters = self.super_cluster(1, 1)
        server, other = clusters[0][0], clusters[1][0]
        a, b = self.client(server), self.client(other)
        (name, urls), (far_name, far_urls) = server.gateways
        for changed in (
            {"gateways": [(name, urls), (far_name, far_urls), ("C", ["nats://127.0.0.1:1"])]},
            {"gateways": [(name, urls)]},
            {"gateways": []},
            {"gateways": [(name, urls), (far_name, [*far_urls, "nats://127.0.0.1:1"])]},
            {"gateways": [(name, urls), (far_name, [far_urls[0].replace("//", "//gw:secret@")])]},
            {"gateway_settings": "  reject_unknown: true"},
            {"gateway_settings": "  connect_retries: 3"},
            {"gateway_settings": '  advertise: "127.0.0.1:7"'},
            {"gateway_settings": "  authorization { user: gw, password: secret }"},
        ):
            with self.subTest(changed=changed):
                before = {part: getattr(server, part) for part in changed}
                first = self.reload(server, settings="max_payload: 1000\n", **changed)
                server.log.wait(REFUSED, after=first)
                if not server.kind.is_go:  # which shows all of it
                    self.assertNotIn("secret", server.log.text())
                for part, text in before.items():
                    setattr(server, part, text)
        self.assertNotIn(DONE, server.log.text())
        self.assertEqual(self.client(server).info["max_payload"], 1048576)
        if not server.kind.is_go:
            self.assertIn('not supported for Gateway: old={}, new={remote gateway "C"}', server.log.text())
        self.check_both_ways(a, b)
        for wire in (a, b):
            wire.expect_quiet()

    def test_the_order_of_clusters_is_no_change(self):
        clusters = self.super_cluster(1, 1)
        server = clusters[0][0]
        first = self.reload(server, settings="max_payload: 1000\n", gateways=list(reversed(server.gateways)))
        server.log.wait(DONE, after=first)
        self.assertEqual(self.client(server).info["max_payload"], 1000)
        self.check_both_ways(self.client(server), self.client(clusters[1][0]))

    def test_a_block_that_comes_or_goes_needs_a_restart(self):
        plain, block = "max_payload: 1000\n", 'gateway { name: "A", listen: "127.0.0.1:-1" }\n'
        for before, after in ((plain, block), (block, plain)):
            server = self.start(config=before)
            with open(server.config_file, "w", encoding="ascii") as out:
                out.write(after)
            server.send_signal(signal.SIGHUP)
            server.log.wait("Failed to reload server configuration: ")
            self.assertNotIn(DONE, server.log.text())

    def test_certificates_of_one_cluster(self):
        """An entry's own `tls`; that of the block is for all others. Both follow a reload."""
        block, entry, later = (Certificates(self.folder()) for _ in range(3))
        listener, other = self.listener(), self.listener("Y")
        server = self.gateway_member(
            gateway_settings=self.block(block),
            gateways=[("X", [listener.url], self.block(entry)), ("Y", [other.url])],
        )
        self.accept_over_tls(listener, entry)
        self.accept_over_tls(other, block)
        first = self.reload(
            server,
            gateway_settings=self.block(later),
            gateways=[("X", [listener.url], self.block(block)), ("Y", [other.url])],
        )
        server.log.wait(DONE, after=first)
        self.accept_over_tls(listener, block)
        self.accept_over_tls(other, later)

    def block(self, certificates):
        return certificates.config(f'ca_file: "{certificates.ca}"', "timeout: 5")

    def accept_over_tls(self, listener, certificates):
        """Waits until the server dials with a certificate of that CA, and accepts one of it."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificates.ca)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(*certificates.issue("far", "/CN=gateway", "IP:127.0.0.1"))
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # the handshake ends when both have seen all of it
        listener.socket.settimeout(case.DEADLINE_S)

        def agreed():
            accepted, _ = listener.socket.accept()
            accepted.settimeout(case.DEADLINE_S)
            try:
                context.wrap_socket(accepted, server_side=True).close()
            except (ssl.SSLError, ConnectionError):
                accepted.close()  # it was dialed before the reload
                return False
            return True

        self.wait_for(agreed, "a connection with those certificates")


class CheckTest(ReloadCase):
    """What a file is refused for, before anything is started."""

    def refusal(self, block):
        path = f"{self.folder()}/server.conf"
        with open(path, "w", encoding="utf-8") as out:
            out.write(block)
        code, out, err = self.run_once("-t", "-c", path)
        return code, out + err

    def test_a_complete_block_is_right(self):
        code, text = self.refusal("""
        cluster { name: A, listen: "127.0.0.1:-1" }
        gateway {
          name: A, listen: "127.0.0.1:-1", advertise: "gw.example.com:7222"
          authorization { user: gw, password: secret, timeout: 3 }
          connect_retries: 5, reject_unknown: true
          gateways: [
            { name: A, url: "nats://127.0.0.1:7222" }
            { name: B, urls: [ "nats://gw:secret@b-1.example.com:7222", "b-2.example.com:7222" ] }
          ]
        }""")
        self.assertEqual(code, 0, text)

    def check_refused(self, *cases):
        for block, why in cases:
            with self.subTest(block=block):
                code, text = self.refusal(block)
                self.assertNotEqual(code, 0, text)
                self.assertRegex(text, why)

    def test_what_cannot_be_read(self):
        self.check_refused(
            ("gateway: 7", "Expected gateway to be a map, got int64"),
            ("gateway { name: A, port: -1, gateways: 7 }", "Expected gateways field to be an array, got int64"),
            ("gateway { name: A, port: -1, gateways: [ 7 ] }", "Expected gateway entry to be a map/struct"),
            ('gateway { name: A, port: -1, gateways: [ { name: B, url: "nats://b:x" } ] }',
             "error parsing gateway url"),
            ("gateway { name: A, port: -1, authorization { users: [ { user: a, password: b } ] } }",
             "Gateway authorization does not allow multiple users"),
            ("gateway { name: A, port: -1\n nosuch: 1 }", 'unknown field "nosuch"'),
        )  # fmt: skip

    @case.differs("2.9.10", "it finds out at the start")
    def test_what_cannot_be(self):
        self.check_refused(
            ("gateway { port: 7222 }", "gateway has no name"),
            ("gateway { name: A }", 'gateway "A" has no port specified \\(select -1 for random port\\)'),
            ('gateway { name: A, port: -1, gateways: [ { url: "nats://b:1" } ] }',
             "gateway in the list 0 has no name"),
            ("gateway { name: A, port: -1, gateways: [ { name: B } ] }", 'gateway "B" has no URL'),
            ("cluster { name: B, port: -1 }\ngateway { name: A, port: -1 }",
             "cluster name conflicts between cluster and gateway definitions"),
        )  # fmt: skip

    @case.differs("2.9.10", "it does not know these")
    def test_what_later_servers_refuse_too(self):
        self.check_refused(
            ('gateway { name: "a b", port: -1 }', "gateway name cannot contain spaces"),
            ("gateway { name: _, port: -1 }", "cluster name is reserved"),
            ("gateway { name: A, port: -1, authorization { token: t } }",
             "Gateway authorization does not support tokens"),
            ("gateway { name: A, port: -1, authorization { auth_callout { issuer: %s, auth_users: [ a ] } } }"
             % Key("account").public, "Gateway authorization does not support callouts"),
            ('gateway { name: A, port: -1, write_timeout: later }',
             "write_timeout must be 'default', 'close' or 'retry'"),
        )  # fmt: skip


if __name__ == "__main__":
    super_cluster.main()
