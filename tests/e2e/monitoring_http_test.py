#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""HTTP of the monitoring port: paths, methods, JSONP, requests that are wrong, slow, too many or never read."""

import concurrent.futures
import contextlib
import http.client
import json
import os
import select
import shutil
import signal
import socket
import ssl
import tempfile
import threading
import time
import unittest
import urllib.parse

from support import case
from support.case import DEADLINE_S, differs, resident_bytes
from support.monitoring import STARTING, MonitoringCase
from support.server import Server, ServerError
from support.tls import Certificates


class HttpTest(MonitoringCase):
    def test_jsonp_and_cross_origin(self):
        server = self.monitored()
        answer = self.ask(server, "/varz?callback=show")
        self.assertEqual(answer.type, "application/javascript")
        self.assertTrue(answer.text.startswith("show({") and answer.text.endswith("})"))
        json.loads(answer.text[5:-1])
        self.assertEqual(self.ask(server, "/connz?sort=zz&callback=show").text, "invalid sorting option: zz")
        if not case.Options.reference:
            self.assertIsNone(answer.headers.get("Access-Control-Allow-Origin"))
            self.assertEqual(self.ask(server, "/varz").headers["Access-Control-Allow-Origin"], "*")

    def test_paths_are_exact(self):
        server = self.monitored()
        for path in ("/nope", "/varz/", "/varz/x", "/VARZ"):
            answer = self.ask(server, path)
            self.assertEqual((answer.status, answer.text), (404, "404 page not found\n"), path)
            self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
        answer = self.ask(server, "//varz")
        self.assertEqual((answer.status, answer.headers["Location"]), (301, "/varz"))
        self.assertEqual(self.ask(server, "/%76arz").status, 200)
        root = self.ask(server, "/")
        self.assertEqual((root.status, root.type), (200, "text/html; charset=utf-8"))
        for page in ("varz", "connz", "routez", "subsz"):
            self.assertIn(page, root.text)

    @differs("2.9.10", "the status is 503")
    def test_a_lame_duck_is_not_healthy(self):
        """Load balancers send clients elsewhere."""
        server = self.monitored()
        wire = self.wire(server)
        wire.open(protocol=1)
        self.assertEqual(self.ask(server, "/healthz").status, 200)
        server.send_signal(signal.SIGUSR2)
        self.assertIs(wire.read_info().get("ldm"), True)
        answer = self.ask(server, "/healthz")
        self.assertEqual((answer.status, answer.json()["status"]), (500, "error"))
        self.assertRegex(answer.json()["error"], "^failed to be ready for connections after 1ms: server")

    def test_any_method_is_served(self):
        server = self.monitored()
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PROPFIND", "whatever"):
            self.assertEqual(self.ask(server, "/varz", method).json()["proto"], 1)
        head = self.ask(server, "/varz", "HEAD")
        self.assertEqual((head.status, head.text), (200, ""))
        head = b"POST /varz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\n"
        answer = self.raw(server, head + b"hello")
        self.assertTrue(answer.startswith(b"HTTP/1.1 200"), answer[:100])

    def test_requests_of_proxies_and_by_hand(self):
        server = self.monitored()
        for request in (b"GET http://monitor:8222/varz HTTP/1.1\r\nHost: monitor\r\nConnection: close\r\n\r\n",
                        b"GET /varz HTTP/1.1\nHost: x\nConnection: close\n\n", b"GET /varz HTTP/1.0\n\n"):
            answer = self.raw(server, request)
            self.assertRegex(answer, rb"^HTTP/1\.[01] 200 ", request)
            self.assertIn(b'"proto": 1', answer)

    def test_connections_are_kept(self):
        server = self.monitored()
        connection = http.client.HTTPConnection("127.0.0.1", server.monitor_port, timeout=DEADLINE_S)
        for _ in range(20):
            connection.request("GET", "/varz")
            self.assertEqual(connection.getresponse().read()[:1], b"{")
            port = connection.sock.getsockname()[1]
        self.assertEqual(connection.sock.getsockname()[1], port)
        connection.close()
        ask = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
        last = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        self.assertEqual(self.raw(server, ask * 50 + last).count(b"200 OK"), 51)
        self.assertEqual(self.raw(server, b"GET /healthz HTTP/1.0\r\n\r\n").count(b"200 OK"), 1)
        self.assertEqual(self.raw(server, last, half_close=True).count(b"200 OK"), 1)

    def test_malformed_requests(self):
        server = self.monitored()
        for request in (b"BOGUS\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
                        b"GET /varz HTTP/9.9\r\n\r\n", b"GET /varz NATS/1.0\r\n\r\n"):
            answer = self.raw(server, request)
            self.assertRegex(answer, rb"^HTTP/1\.[01] (400|505) ", request)
            self.assertIn(b"Connection: close", answer)
        answer = self.raw(server, b"garbage without an end", half_close=True)
        self.assertIn(answer[:12], (b"", b"HTTP/1.1 400"))
        self.assertEqual(self.ask(server, "/varz").status, 200)

    def test_requests_are_judged_as_the_reference_judges_them(self):
        server = self.monitored()
        ok, bad = "200 OK", "400 Bad Request"
        end = b"Connection: close\r\n\r\n"
        host = b"Host: x\r\n"
        #    first line, fields, status with its reason
        for line, fields, status in (
            (b"OPTIONS * HTTP/1.1", host, ok),
            (b"GET * HTTP/1.1", host, bad),
            (b"PRI * HTTP/2.0", b"", bad + ": missing required Host header"),
            (b"PRI * HTTP/2.0", host, bad),
            (b"GET http://anywhere/healthz HTTP/1.1", host, ok),
            (b"GET healthz HTTP/1.1", host, bad),
            (b"GET  /healthz HTTP/1.1", host, bad),
            (b"get /healthz HTTP/1.1", host, ok),
            (b"BREW /healthz HTTP/1.1", host, ok),
            (b"TRACE /healthz HTTP/1.1", host, ok),
            (b"G@T /healthz HTTP/1.1", host, bad),
            (b"GET /healthz HTTP/1.2", host, ok),
            (b"GET /healthz HTTP/2.0", host, "505 HTTP Version Not Supported: unsupported protocol version"),
            (b"GET /healthz HTTP/1.x", host, bad),
            (b"GET /healthz?" + b"x" * 20000 + b" HTTP/1.1", host, ok),
            (b"GET /healthz?a=b?c HTTP/1.1", host, ok),
            (b"GET /healthz#part HTTP/1.1", host, "404 Not Found"),
            (b"GET /%zz HTTP/1.1", host, bad),
            (b"GET /healthz HTTP/1.1", b"", bad + ": missing required Host header"),
            (b"GET /healthz HTTP/1.1", b"Host: a b\r\n", bad + ": malformed Host header"),
            (b"GET /healthz HTTP/1.1", host * 2, bad),
            (b"GET /healthz HTTP/1.1", host + b"A: " + b"y" * 20000 + b"\r\n", ok),
            (b"GET /healthz HTTP/1.1", host + b"A: b\r\n and more\r\n", ok),
            (b"GET /healthz HTTP/1.1", host + b"Two Words: y\r\n", bad + ": invalid header name"),
            (b"GET /healthz HTTP/1.1", host + b"no colon\r\n", bad),
            (b"GET /healthz HTTP/1.1", host + b"A: \x01\r\n", bad + ": invalid header value"),
            (b"GET /healthz HTTP/1.1", host + b"Content-Length: -1\r\n", bad),
            (b"GET /healthz HTTP/1.1", host + b"Content-Length: 1\r\nContent-Length: 2\r\n", bad),
            (b"GET /healthz HTTP/1.1", host + b"Transfer-Encoding: odd\r\n", "501 Not Implemented"),
            (b"GET /healthz HTTP/1.1", host + b"Expect: wonders\r\n", "417 Expectation Failed"),
            (b"GET /healthz HTTP/1.1", host + b"Range: bytes=0-3\r\n", ok),
        ):
            with self.subTest(line=line[:50], fields=fields[:50]):
                answer = self.raw(server, line + b"\r\n" + fields + end).decode()
                self.assertEqual(answer.partition("\r\n")[0], "HTTP/1.1 " + status)
                self.assertIn("\r\nConnection: close\r\n", answer)
        self.assertTrue(self.raw(server, b"GET /healthz HTTP/1.1\nHost: x\nConnection: close\n\n")
                        .endswith(b'{"status":"ok"}'))  # fmt: skip

    def test_pages_are_not_compressed(self):
        server = self.monitored()
        answer = self.ask(server, "/varz", headers={"Accept-Encoding": "gzip, br"})
        self.assertIsNone(answer.headers.get("Content-Encoding"))
        self.assertEqual(answer.json()["proto"], 1)

    def test_old_clients(self):
        server = self.monitored()
        once = self.raw(server, b"GET /healthz HTTP/1.0\r\n\r\n")
        self.assertTrue(once.startswith(b"HTTP/1.0 200 OK\r\n"), once)
        kept = b"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
        twice = self.raw(server, kept + b"GET /healthz HTTP/1.0\r\n\r\n")
        self.assertEqual(twice.count(b"200 OK"), 2)
        self.assertEqual(twice.count(b"Connection: keep-alive"), 1)

    def test_any_callback_is_said_back(self):
        server = self.monitored()
        for name, said in (("a.b%5B0%5D", "a.b[0]"), ("%3Cscript%3E", "<script>"), ("a+b", "a b"),
                           ("%C3%A9", "é"), ("a&callback=b", "a"), ("a%0D%0Ab", "a\r\nb")):  # fmt: skip
            answer = self.ask(server, "/healthz?callback=" + name)
            self.assertEqual(answer.text, said + '({"status":"ok"})')
            self.assertEqual(answer.type, "application/javascript")  # no browser shows that as a page
        for name in ("", "%zz"):
            self.assertEqual(self.ask(server, "/healthz?callback=" + name).text, '{"status":"ok"}')
        self.assertTrue(self.ask(server, "/stacksz?callback=f").text.startswith("f("))

    def test_header_limit(self):
        server = self.monitored()
        answer = self.raw(server, b"GET /varz HTTP/1.1\r\nHost: x\r\n" + b"A: " + b"x" * (1 << 20) + b"y" * 70000)
        self.assertTrue(answer.startswith(b"HTTP/1.1 431"), answer[:100])

    def test_slow_clients_hold_up_nobody(self):
        server = self.monitored()
        slow = []
        try:
            for _ in range(300):
                plug = socket.create_connection(("127.0.0.1", server.monitor_port), DEADLINE_S)
                plug.sendall(b"GET /varz HTTP/1.1\r\nX-")
                slow.append(plug)
            begin = time.monotonic()
            for _ in range(20):
                self.assertEqual(self.ask(server, "/varz").status, 200)
            self.assertLess(time.monotonic() - begin, 5)
            # One that goes on byte by byte is ended all the same, for its request takes too long.
            ended = False
            end = time.monotonic() + 15
            slow[0].settimeout(0.2)
            while not ended and time.monotonic() < end:
                try:
                    slow[0].sendall(b"x")
                    ended = slow[0].recv(4096) == b""
                except socket.timeout:
                    continue
                except OSError:
                    ended = True
            if not case.Options.reference:
                self.assertTrue(ended)
        finally:
            for plug in slow:
                plug.close()

    @differs("2.9.10", "it takes any number of connections")
    def test_more_connections_than_it_takes(self):
        server = self.monitored()
        plugs = [socket.create_connection(("127.0.0.1", server.monitor_port), DEADLINE_S) for _ in range(600)]
        try:
            self.assertEqual(self.ask(server, "/varz").status, 200)
        finally:
            for plug in plugs:
                plug.close()

    def test_hundreds_of_requests_at_once(self):
        server = self.monitored()
        for index in range(50):
            self.client(server, name=f"c{index}")
        paths = ["/varz", "/connz?subs=1", "/subsz?subs=1", "/healthz", "/accstatz", "/connz?sort=bytes_to"]
        with concurrent.futures.ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(lambda n: self.ask(server, paths[n % len(paths)]), range(400)))
        self.assertEqual({answer.status for answer in answers}, {200})
        for answer in answers:
            answer.json()
        self.check_serves(server)

    def test_a_client_that_does_not_read_its_answer(self):
        server = self.monitored()
        for index in range(20):
            self.client(server, name="n" * 500 + str(index))
        with socket.socket() as plug:
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            plug.connect(("127.0.0.1", server.monitor_port))
            plug.sendall(b"GET /connz HTTP/1.1\r\nHost: x\r\n\r\n" * 300)
            self.assertEqual(self.ask(server, "/varz").status, 200)

    @differs("2.9.10", "it keeps a page for each")
    def test_readers_that_stop_in_large_pages(self):
        """Thirty pages of 9 MiB that nobody takes: memory stays bounded, traffic and other pages go on.

        They come from as many addresses; one address alone gets only a few. A sanitized server takes long
        for each; twelve are more than it may keep, too."""
        sanitized = case.server_is_sanitized()
        server = self.monitored(config='ping_interval: "10m"\n')
        for index in range(20):
            crowd = self.client(server, name=f"crowd-{index}")
            crowd.send("".join(f"SUB {'s' * 150}.{index}.{number} {number}\r\n" for number in range(2000)))
            crowd.expect_quiet()
        whole = self.get(server, "/subsz?subs=1&limit=100000")
        self.assertGreaterEqual(len(whole["subscriptions_list"]), 40000)
        before = resident_bytes(server.pid)
        plugs = []
        try:
            for index in range(12 if sanitized else 30):
                plug = socket.socket()
                plugs.append(plug)
                plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                plug.settimeout(60)
                plug.bind((f"127.1.1.{1 + index}", 0))
                plug.connect(("127.0.0.1", server.monitor_port))
                plug.sendall(b"GET /subsz?subs=1&limit=%d HTTP/1.1\r\nHost: x\r\n\r\n" % (50000 + index))
                self.assertEqual(plug.recv(9), b"HTTP/1.1 ")
                if index % 10 == 0:
                    self.check_serves(server)
                    self.assertEqual(self.ask(server, "/varz").status, 200)
            if not sanitized:
                self.assertLess(resident_bytes(server.pid) - before, 200 << 20)
            # Who comes last is served, and gets all of it.
            again = self.get(server, "/subsz?subs=1&limit=100000")
            self.assertEqual(again["total"], whole["total"])
            # The one before is still at its page; the first was given up for it.
            self.assertTrue(plugs[-1].recv(1))
            received = 0
            with contextlib.suppress(ConnectionError):
                while chunk := plugs[0].recv(1 << 20):
                    received += len(chunk)
            self.assertLess(received, 8 << 20)
        finally:
            for plug in plugs:
                plug.close()

    def crowded(self):
        """A server with a page of 3 MiB."""
        server = self.monitored()
        crowd = self.client(server)
        crowd.send("".join(f"SUB {'s' * 150}.{number} {number}\r\n" for number in range(15000)))
        crowd.expect_quiet()
        return server

    def large(self, index):
        return b"GET /subsz?subs=1&limit=%d HTTP/1.1\r\nHost: x\r\n\r\n" % (50000 + index)

    def small_pages_within(self, server, limit_s):
        for path in ("/healthz", "/varz"):
            begin = time.monotonic()
            self.assertEqual(self.ask(server, path).status, 200)
            self.assertLess(time.monotonic() - begin, limit_s, path)

    @differs("2.9.10", "it makes every page that is asked for")
    def test_pages_of_clients_that_have_gone(self):
        """They are not made: small pages come at once, the one who waits gets its page."""
        server = self.crowded()
        for index in range(300):
            with socket.create_connection(("127.0.0.1", server.monitor_port), DEADLINE_S) as plug:
                plug.sendall(self.large(index))
        self.small_pages_within(server, 2.0)
        self.assertEqual(self.get(server, "/subsz?subs=1&limit=40000")["total"], 15000)
        made = self.get(server, "/varz")["http_req_stats"]["/subsz"]
        self.assertLess(made, 100, "pages that were made")

    @differs("2.9.10", "its large answers come in chunks")
    def test_half_closed_clients_get_large_pages(self):
        server = self.crowded()
        request = b"GET /subsz?subs=1&limit=40000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        whole = self.raw(server, request, half_close=True)
        self.assertTrue(whole.startswith(b"HTTP/1.1 200 OK\r\n"), whole[:100])
        self.assertEqual(len(json.loads(whole.partition(b"\r\n\r\n")[2])["subscriptions_list"]), 15000)

    @differs("2.9.10", "it keeps a page for each")
    def test_one_address_holds_a_few_large_pages_only(self):
        server = self.crowded()
        plugs = []
        for index in range(7):
            plug = socket.socket()
            self.addCleanup(plug.close)
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            plug.bind(("127.1.2.1", 0))
            plug.connect(("127.0.0.1", server.monitor_port))
            plug.sendall(self.large(index))
            plugs.append(plug)
        # Those of another address need not wait for them.
        self.assertEqual(self.get(server, "/subsz?subs=1&limit=40000")["total"], 15000)
        self.small_pages_within(server, 2.0)
        served = len(select.select(plugs, [], [], 0)[0])
        self.assertTrue(1 <= served <= 6, served)
        # In the end everybody's turn comes, since nobody reads on.
        for plug in plugs:
            plug.settimeout(60)
            self.assertEqual(plug.recv(9), b"HTTP/1.1 ")

    @unittest.skipUnless(shutil.which("openssl"), "SKIPPED: no openssl program")
    def test_https(self):
        with tempfile.TemporaryDirectory(prefix="nuring-e2e-") as folder:
            certificates = Certificates(folder)
            config = certificates.config(f'ca_file: "{certificates.ca}"', "verify: true")
            server = self.start("-ms", "-1", config=config)
            match, _ = server.log.wait(STARTING)
            self.assertEqual(match.group(1), "https")
            port = int(match.group(3))
            # No client certificate, though the client port wants one.
            context = ssl.create_default_context(cafile=certificates.ca)
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                context.minimum_version = context.maximum_version = version
                connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=DEADLINE_S, context=context)
                for _ in range(3):
                    connection.request("GET", "/varz")
                    varz = json.loads(connection.getresponse().read())
                    self.assertIn((varz["https_port"], varz["http_port"]), ((port, 0), (-1, 0)))
                    self.assertTrue(varz["tls_required"] and varz["tls_verify"])
                connection.close()
            server.monitor_port = port
            self.raw(server, b"GET /varz HTTP/1.1\r\nHost: x\r\n\r\n")  # clear text: no crash, no page
            connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=DEADLINE_S, context=context)
            connection.request("GET", "/healthz")
            self.assertEqual(connection.getresponse().status, 200)
            connection.close()

    @differs("2.9.10", "its large answers come in chunks")
    @unittest.skipUnless(shutil.which("openssl"), "SKIPPED: no openssl program")
    def test_a_large_page_over_https(self):
        """Read in small pieces, and once more on the same connection, beside one that stops reading."""
        certificates = Certificates(self.folder())
        server = self.start("-ms", "-1", config=certificates.config() + "allow_non_tls: true\n")
        port = int(server.log.wait(STARTING)[0].group(3))
        crowd = self.client(server)
        crowd.send("".join(f"SUB {'s' * 150}.{number} {number}\r\n" for number in range(20000)))
        crowd.expect_quiet()
        context = ssl.create_default_context(cafile=certificates.ca)
        request = b"GET /subsz?subs=1&limit=100000 HTTP/1.1\r\nHost: x\r\n\r\n"

        def plugged():
            plain = socket.socket()
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            plain.settimeout(DEADLINE_S)
            plain.connect(("127.0.0.1", port))
            plug = context.wrap_socket(plain, server_hostname="127.0.0.1")
            self.addCleanup(plug.close)
            plug.sendall(request)
            return plug

        stopped = plugged()
        self.assertEqual(stopped.recv(9), b"HTTP/1.1 ")
        reading = plugged()
        for _ in range(2):
            stream = reading.makefile("rb")
            self.assertEqual(stream.readline(), b"HTTP/1.1 200 OK\r\n")
            length = 0
            while (line := stream.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            page = json.loads(stream.read(length))
            self.assertEqual(len(page["subscriptions_list"]), 20000)
            reading.sendall(request)
        self.check_serves(server)

    def test_base_path(self):
        server = self.monitored(config='http_base_path: "/watch"\n')
        self.assertEqual(self.get(server, "/watch/varz")["http_base_path"], "/watch")
        self.assertEqual(self.ask(server, "/varz").status, 404)

    def test_ports_file_lists_it(self):
        folder = self.folder()
        server = self.monitored("--ports_file_dir", folder)
        path = f"{folder}/{case.Options.server.rpartition('/')[2]}_{server.pid}.ports"
        self.wait_for(lambda: os.path.exists(path) and os.path.getsize(path), "ports file")
        with open(path, encoding="utf-8") as stream:
            found = json.load(stream)
        self.assertEqual(found["monitoring"], [f"http://127.0.0.1:{server.monitor_port}"])
        self.assertEqual(found["nats"], [server.url])

    def test_refuses_to_start(self):
        def refused(text, *args, **options):
            server = Server(case.Options.server, [*case.Options.server_args, *args], **options)
            try:
                with self.assertRaises(ServerError) as raised:
                    server.start()
                self.assertIn("Can't start monitoring: " + text, str(raised.exception))
            finally:
                server.kill()

        refused("can't specify both HTTP (18222) and HTTPs (18443) ports", "-m", "18222", "-ms", "18443")
        refused("TLS cert and key required for HTTPS", "-ms", "-1")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            refused("can't listen to the monitor port: ", "-m", str(taken.getsockname()[1]))

    def test_stops_while_requests_come(self):
        server = self.monitored()
        stop = threading.Event()

        def poll():
            while not stop.is_set():
                try:
                    self.ask(server, "/connz?" + urllib.parse.urlencode({"subs": 1}))
                except (OSError, http.client.HTTPException):
                    return

        threads = [threading.Thread(target=poll) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            self.ask(server, "/varz")
            self.assertEqual(server.stop(signal.SIGINT), 0)
        finally:
            stop.set()
            for thread in threads:
                thread.join()


if __name__ == "__main__":
    case.main()
