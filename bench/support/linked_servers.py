# SPDX-License-Identifier: Apache-2.0
"""Two servers of one kind under measurement, joined by a route, a gateway or a leafnode connection."""

import contextlib
import pathlib
import re
import tempfile

from measured_server import Server

# Kind -> the line of the near server's log that names the port to dial, and both files.
LINKS = {
    "route": (
        re.compile(rb"Listening for route connections on \S*?:(\d+)\s"),
        'cluster {{ name: bench, listen: "127.0.0.1:-1", {settings} }}\n',
        'cluster {{ name: bench, listen: "127.0.0.1:-1", routes: ["nats://127.0.0.1:{port}"], {settings} }}\n',
    ),
    "gateway": (
        re.compile(rb"Listening for gateways connections on \S*?:(\d+)\s"),
        'gateway {{ name: near, listen: "127.0.0.1:-1", {settings} }}\n',
        'gateway {{ name: far, listen: "127.0.0.1:-1", {settings}\n'
        '    gateways: [{{ name: near, url: "nats://127.0.0.1:{port}" }}] }}\n',
    ),
    "leaf": (
        re.compile(rb"Listening for leafnode connections on \S*?:(\d+)\s"),
        'leafnodes {{ listen: "127.0.0.1:-1", {settings} }}\n',
        'leafnodes {{ remotes: [{{ url: "nats-leaf://127.0.0.1:{port}", {settings} }}] }}\n',
    ),
}


class LinkedServers:
    """Clients that publish use the near server, those that subscribe the far one, which dialed.

    Both have the same CPU, so that their CPU time adds up to the cost of a message's whole way."""

    def __init__(self, command, kind, settings, cpu, realtime):
        announced, near, far = LINKS[kind]
        self._stack = contextlib.ExitStack()
        try:
            folder = pathlib.Path(self._stack.enter_context(tempfile.TemporaryDirectory()))

            def start(name, text):
                config = folder / f"{name}.conf"
                config.write_text(text)
                server = Server([*command, "-c", str(config)], cpu, realtime)
                return self._stack.enter_context(server)

            self.near = start("near", near.format(settings=settings))
            self.far = start("far", far.format(settings=settings, port=self.near.find_port(announced)))
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()
