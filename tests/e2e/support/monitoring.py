# SPDX-License-Identifier: Apache-2.0
"""The monitoring port of a server under test."""

import datetime
import http.client
import json
import re
import socket

from support.case import DEADLINE_S, ServerCase

STARTING = re.compile(r"Starting (https?) monitor on (\S+):(\d+)")


def moment(text):
    """A time of a page in seconds. Python's reader knows neither nanoseconds nor, in older releases, the Z."""
    match = re.fullmatch(r"([^.]*?)(\.\d+)?(Z|[+-]\d\d:\d\d)", text)
    whole, fraction, zone = match.groups()
    read = datetime.datetime.fromisoformat(whole + zone.replace("Z", "+00:00"))
    return read.timestamp() + float(fraction or 0)


class Activity:
    """Of one link: read() returns a page and the entry of that link."""

    def __init__(self, test, read):
        self.test, self.read = test, read

    def last(self):
        return moment(self.read()[1]["last_activity"])

    def _is_quiet(self):
        page, link = self.read()
        return moment(page["now"]) - moment(link["last_activity"]) > 1

    def quiet_since(self):
        """Awaits a second without activity."""
        self.test.wait_for(self._is_quiet, "a second without activity")
        return self.last()

    # The times are those of the clock: half a second is far from both answers.
    def check_is(self, act, what):
        before = self.quiet_since()
        act()
        self.test.wait_for(lambda: self.last() - before > 0.5, f"{what} is activity")

    def check_is_none(self, act):
        before = self.quiet_since()
        act()
        self.test.assertLess(self.last() - before, 0.5)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.text = response.read().decode()

    @property
    def type(self):
        return self.headers.get("Content-Type")

    def json(self):
        return json.loads(self.text)


class MonitoringCase(ServerCase):
    def monitored(self, *args, **options):
        server = self.start("-m", "-1", *args, **options)
        match, _ = server.log.wait(STARTING)
        server.monitor_port = int(match.group(3))
        return server

    def ask(self, server, path, method="GET", headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", server.monitor_port, timeout=DEADLINE_S)
        try:
            connection.request(method, path, headers=headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, server, path):
        answer = self.ask(server, path)
        self.assertEqual(answer.status, 200, answer.text)
        self.assertEqual(answer.type, "application/json")
        return answer.json()

    def error(self, server, path, text):
        answer = self.ask(server, path)
        self.assertEqual((answer.status, answer.text), (400, text))
        self.assertEqual(answer.type, "text/plain; charset=utf-8")

    def expect_order(self, found, wanted):
        """All of `wanted` are there, in that order among themselves."""
        self.assertEqual([key for key in found if key in wanted], wanted)

    def raw(self, server, request, half_close=False):
        """Sends bytes, returns all that comes until the server closes."""
        with socket.create_connection(("127.0.0.1", server.monitor_port), DEADLINE_S) as plug:
            plug.sendall(request)
            if half_close:
                plug.shutdown(socket.SHUT_WR)
            got = b""
            while chunk := plug.recv(65536):
                got += chunk
            return got
