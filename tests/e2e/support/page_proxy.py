# SPDX-License-Identifier: Apache-2.0
"""PageProxy: serves the dashboard at / in front of the monitoring port of a server that has another page.

So the page is tested against the reference too. Everything but / goes through unchanged.
"""

import http.server
import importlib.util
import os
import threading
import urllib.error
import urllib.request

MONITOR = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../monitor")


def dashboard():
    """The page as embed.py puts it into the server."""
    spec = importlib.util.spec_from_file_location("embed", os.path.join(MONITOR, "embed.py"))
    embed = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(embed)
    return embed.page(os.path.join(MONITOR, "dashboard.html"))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/":
            return self.answer(200, "text/html; charset=utf-8", self.server.page)
        try:
            with urllib.request.urlopen(self.server.target + self.path, timeout=10) as response:
                self.answer(response.status, response.headers["Content-Type"], response.read())
        except urllib.error.HTTPError as error:
            self.answer(error.code, error.headers["Content-Type"], error.read())
        except OSError:
            self.close_connection = True  # the server is away: so is its answer

    def answer(self, status, content_type, body):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class ProxyServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A browser that closes its connections is no news."""


class PageProxy:
    def __init__(self, target):
        self._server = ProxyServer(("127.0.0.1", 0), Handler)
        self._server.target = target.rstrip("/")
        self._server.page = dashboard()
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
