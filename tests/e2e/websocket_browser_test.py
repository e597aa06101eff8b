#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""nats.js in chromium over WebSocket, and nginx in front of the port; browser/websocket.mjs has the scenarios.

usage: websocket_browser_test.py --server PATH --work-dir DIR [--reference VERSION] [unittest arguments]

Needs node, npm (the packages come from the lock beside the program) and chromium; the proxy needs nginx.
What is absent is skipped, in so many words.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from clients import Skipped, built, need  # noqa: E402
from support import case  # noqa: E402
from support.case import ServerCase  # noqa: E402
from support.cluster import HeldPort  # noqa: E402
from support.tls import Certificates  # noqa: E402
from support.websocket import WebsocketWire, request, websocket_port  # noqa: E402

RUN_DEADLINE_S = 150
SCENARIOS = {
    "traffic", "drain", "reconnect", "compression", "refused_origin", "refused_cookie", "encrypted", "proxied",
}  # fmt: skip
USERS = "authorization { users: [ { user: joe, password: secret } ] }\n"
NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port};
    location / {{
      default_type text/html;
      return 200 "<title>page</title>";
    }}
    location /nats {{
      proxy_pass http://127.0.0.1:{target};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
    }}
  }}
}}
"""


class WorkDir:
    path = None


def find_nginx():
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


class ProxiedCase(ServerCase):
    def held_port(self):
        port = HeldPort()
        self.addCleanup(port.release)
        return port.number

    def nginx(self, target):
        """Starts nginx in front of this port; returns its port."""
        folder, port = self.folder(), self.held_port()
        path = os.path.join(folder, "nginx.conf")
        with open(path, "w", encoding="ascii") as out:
            out.write(NGINX.format(folder=folder, port=port, target=target))
        process = subprocess.Popen([find_nginx(), "-p", folder, "-c", path, "-e", "stderr"], stdin=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)

        def listens():
            try:
                WebsocketWire(port).close()
            except ConnectionRefusedError:
                self.assertIsNone(process.poll(), "nginx ended")
                return False
            return True

        self.wait_for(listens, "nginx listens")
        return port


@unittest.skipUnless(find_nginx(), "SKIPPED nginx in front of the server: no nginx")
class NginxTest(ProxiedCase):
    def test_the_address_behind_the_proxy_is_logged(self):
        block = "same_origin: true, user_cookie: user, pass_cookie: pass"
        config = f'websocket {{ listen: "127.0.0.1:-1", no_tls: true, {block} }}\n{USERS}'
        server = self.start("-D", config=config)
        port = self.nginx(websocket_port(server))
        host = f"127.0.0.1:{port}"
        wire = WebsocketWire(port)
        self.addCleanup(wire.close)
        wire.upgrade("/nats", Host=host, Origin=f"http://{host}", Cookie="user=joe; pass=secret")
        wire.open()
        wire.send("SUB a 1\r\nPUB a 5\r\nhello\r\n")
        wire.expect_message("a", 1, b"hello")
        server.log.wait(r" 127.0.0.1/127.0.0.1:\d+ - wid:\d+ - Client connection created")
        other = WebsocketWire(port)
        self.addCleanup(other.close)
        other.send(request("/nats", Host=host, Origin="http://127.0.0.1"))
        self.assertTrue(other.read_answer().startswith("HTTP/1.1 403 Forbidden"))
        server.log.wait("origin not allowed: not same origin")


class BrowserTest(ProxiedCase):
    def setUp(self):
        try:
            node, npm = need("node"), need("npm")
            self.chromium = shutil.which("chromium") or need("chromium-browser")
            commands = [[npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]]
            target = built("browser", WorkDir.path, lambda _: commands)
        except Skipped as why:
            self.skipTest(f"SKIPPED nats.js in a browser: {why}")
        self.program = [node, os.path.join(target, "websocket.mjs")]

    def run_program(self, config, on_restart):
        """Returns the scenarios that passed, and all other lines."""
        process = subprocess.Popen(
            [*self.program, json.dumps(config)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        # Whatever hangs, the browser ends with its driver.
        guard = threading.Timer(RUN_DEADLINE_S, process.kill)
        guard.start()
        passed, other = set(), []
        try:
            for line in process.stdout:
                word, _, rest = line.rstrip().partition(" ")
                if word == "RESTART":
                    on_restart()
                elif word == "PASS":
                    passed.add(rest)
                else:
                    other.append(line.rstrip())
            process.wait()
        finally:
            guard.cancel()
            process.stdout.close()
        return passed, other

    def test_nats_js(self):
        port, page_port, other_page_port = (self.held_port() for _ in range(3))
        origin = f"http://127.0.0.1:{page_port}"
        common = "no_tls: true, compression: true, user_cookie: user, pass_cookie: pass"
        block = f'listen: "127.0.0.1:{port}", allowed_origins: ["{origin}"], {common}'
        server = self.start("-D", config=f"websocket {{ {block} }}\n{USERS}")
        certificates = Certificates(self.folder())
        tls = self.start(config=f'websocket {{ listen: "127.0.0.1:-1"\n{certificates.config()} }}\n')
        config = {
            "chromium": self.chromium,
            "origin": origin,
            "other_origin": f"http://127.0.0.1:{other_page_port}",
            "url": f"ws://127.0.0.1:{port}",
            "tls_url": f"wss://127.0.0.1:{websocket_port(tls)}",
        }
        wanted = set(SCENARIOS)
        if find_nginx():
            behind = self.start(config=f'websocket {{ listen: "127.0.0.1:-1", same_origin: true, {common} }}\n{USERS}')
            proxy_port = self.nginx(websocket_port(behind))
            config["proxy_origin"] = f"http://127.0.0.1:{proxy_port}"
            config["proxy_url"] = f"ws://127.0.0.1:{proxy_port}/nats"
        else:
            print("SKIPPED nats.js behind nginx: no nginx", flush=True)
            wanted.remove("proxied")
        begin = time.monotonic()
        passed, other = self.run_program(config, server.restart)
        self.assertEqual(passed, wanted, "\n".join(other[-40:]))
        print(f"{len(passed)} scenarios of nats.js in {time.monotonic() - begin:.1f} s", flush=True)
        server.log.wait("origin not allowed: not in the allowed list")
        server.log.wait("Client connection closed: Authentication Failure")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--work-dir", required=True)
    options, rest = parser.parse_known_args()
    WorkDir.path = os.path.abspath(options.work_dir)
    os.makedirs(WorkDir.path, exist_ok=True)
    sys.argv[1:] = rest
    case.main()
