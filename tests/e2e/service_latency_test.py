#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`latency` of service exports: what exporters are told of each request."""

import json
import re

from support.case import ServerCase, differs, main
from support.nkeys import Tenant, User
from support.operators import OperatorCase

TYPE = "io.nats.server.metric.v1.service_latency"


def config(latency, more="", share="", threshold=""):
    return f"""
accounts {{
  EXP {{
    users: [{{user: EXP, password: pw}}]
    exports: [{{service: "svc.*", {threshold} latency: {latency}}}]
  }}
  IMP {{
    users: [{{user: IMP, password: pw}}]
    imports: [{{service: {{account: EXP, subject: "svc.a"}}, to: ask, {share}}}]
  }}
}}
{more}
"""


def read_message(wire, line=None):
    line = line or wire.read_line().decode()
    return line, wire.read(int(line.split()[-1]) + 2)[:-2]


def messages(wire):
    """All that has arrived: pairs of control line and body."""
    wire.send("PING\r\n")
    while (line := wire.read_line().decode()) != "PONG":
        yield read_message(wire, line)


class LatencyCase(ServerCase):
    def login(self, server, user, **more):
        return self.client(server, user=user, **{"pass": "pw"}, **more)

    def listen(self, server, *subjects, user="EXP", **more):
        wire = self.login(server, user, **more)
        wire.send("".join(f"SUB {text}\r\n" for text in subjects))
        wire.expect_quiet()
        return wire

    def sample(self, wire):
        """The next message, which has to be a sample, whose common fields are right."""
        line, body = read_message(wire)
        self.assertEqual(line.split()[:2], ["MSG", "lat"])
        sample = json.loads(body)
        self.assertEqual(sample.pop("type"), TYPE)
        self.assertRegex(sample.pop("id"), r"^[0-9A-Za-z]{22}$")
        for key in ("timestamp", "start"):
            self.assertRegex(sample.pop(key), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
        return sample

    def without_times(self, sample):
        times = [sample.pop(key) for key in ("service", "system", "total")]
        for party in ("requestor", "responder"):
            if party in sample:
                rtt = sample[party].pop("rtt", 0)
                self.assertGreaterEqual(rtt, 0)
        return sample, times


class SampleTest(LatencyCase):
    def ask(self, requestor, responder, reply="in.1", headers=None):
        if headers is None:
            requestor.send(f"PUB ask {reply} 2\r\nhi\r\n")
        else:
            block = "NATS/1.0\r\n" + "".join(f"{line}\r\n" for line in headers) + "\r\n"
            requestor.send(f"HPUB ask {reply} {len(block)} {len(block) + 2}\r\n{block}hi\r\n")
        line, _ = read_message(responder)
        answer = line.split()[3]
        responder.send(f"PUB {answer} 2\r\nok\r\n")
        line, body = read_message(requestor)
        self.assertEqual((line.split()[1], body), (reply, b"ok"))

    def test_an_answer_is_measured(self):
        server = self.start(config=config("lat"))
        ear = self.listen(server, "lat 1")
        responder = self.listen(server, "svc.a 1", name="the service", lang="raw", version="7")
        requestor = self.listen(server, "in.* 1", user="IMP")
        self.ask(requestor, responder)
        sample, times = self.without_times(self.sample(ear))
        told = sample.pop("responder")
        self.assertEqual(sample, {"status": 200, "requestor": {"acc": "IMP"}})
        self.assertRegex(told.pop("start"), r"^20\d\d-")
        self.assertEqual(
            {key: told.pop(key) for key in ("acc", "user", "name", "lang", "ver", "kind", "host")},
            {"acc": "EXP", "user": "EXP", "name": "the service", "lang": "raw", "ver": "7",
             "kind": "Client", "host": "127.0.0.1"})  # fmt: skip
        self.assertGreater(told.pop("id"), 0)
        self.assertTrue(told.pop("server"))
        self.assertEqual(told.pop("client_type"), "nats")
        self.assertFalse(told)
        service, _, total = times
        self.assertGreaterEqual(service, 0)  # less the responder's round trip time
        self.assertGreater(total, 0)
        self.assertGreaterEqual(total, service)
        ear.expect_quiet()

    def test_an_importer_may_say_who_asks(self):
        server = self.start(config=config("{subject: lat, sampling: 100}", share="share: true"))
        ear, responder = self.listen(server, "lat 1"), self.listen(server, "svc.a 1")
        requestor = self.listen(server, "in.* 1", user="IMP", name="who asks")
        self.ask(requestor, responder)
        told = self.sample(ear)["requestor"]
        self.assertEqual((told["name"], told["user"], told["acc"]), ("who asks", "IMP", "IMP"))
        self.assertEqual(told["host"], "127.0.0.1")

    def test_many_workers_measure_each_request_once(self):
        server = self.start(config=config("lat"))
        ear = self.listen(server, "lat 1")
        responders = [self.listen(server, "svc.a group 1") for _ in range(5)]
        requestors = [self.listen(server, f"in.{i} 1", user="IMP") for i in range(5)]
        for i, requestor in enumerate(requestors):
            requestor.send(f"PUB ask in.{i} 2\r\nhi\r\n")
        for requestor in requestors:
            requestor.expect_quiet()
        for responder in responders:
            for line, _ in messages(responder):
                responder.send(f"PUB {line.split()[3]} 2\r\nok\r\n")
        for i, requestor in enumerate(requestors):
            requestor.expect_message(f"in.{i}", 1, b"ok")
            sample = self.sample(ear)
            self.assertEqual((sample["status"], sample["responder"]["acc"]), (200, "EXP"))
        ear.expect_quiet()

    def test_headers_ask_to_be_measured(self):
        server = self.start(config=config("{subject: lat, sampling: headers}"))
        ear = self.listen(server, "lat 1")
        responder = self.listen(server, "svc.a 1", headers=True)
        requestor = self.listen(server, "in.* 1", user="IMP", headers=True)
        trace = "80f198ee56343ba864fe8b2a57d3eff7"
        asked = {
            ("X-B3-Sampled: 1", f"X-B3-TraceId: {trace}", "Other: x"): {
                "X-B3-Sampled": ["1"], "X-B3-Traceid": [trace]},
            (f"x-b3-traceid: {trace}",): {"X-B3-Traceid": [trace]},
            (f"b3: {trace}-e457b5a2e4d86bd1-1",): {"B3": [f"{trace}-e457b5a2e4d86bd1-1"]},
            ("Uber-Trace-Id: 479fefe9525eddb:5adb976bfc1f95c1:479fefe9525eddb:1", "Uberctx-X: y"): {
                "Uber-Trace-Id": ["479fefe9525eddb:5adb976bfc1f95c1:479fefe9525eddb:1"],
                "Uberctx-X": ["y"]},
            (f"traceparent: 00-{trace}-00f067aa0ba902b7-01", "tracestate: a=b"): {
                "Traceparent": [f"00-{trace}-00f067aa0ba902b7-01"], "Tracestate": ["a=b"]},
        }  # fmt: skip
        for headers, told in asked.items():
            self.ask(requestor, responder, headers=headers)
            self.assertEqual(self.sample(ear)["header"], told)
        for headers in (
            (), ("Other: x",), ("X-B3-Sampled: 0", f"X-B3-TraceId: {trace}"), ("B3: 0",),
            (f"b3: {trace}-e457b5a2e4d86bd1-0",), ("Uber-Trace-Id: a:b:c:0",),
            (f"traceparent: 00-{trace}-00f067aa0ba902b7-00",),
        ):  # fmt: skip
            self.ask(requestor, responder, headers=headers)
            ear.expect_quiet()

    def test_a_percentage_is_measured(self):
        server = self.start(config=config('{subject: lat, sampling: "30%"}'))
        ear, responder = self.listen(server, "lat 1"), self.listen(server, "svc.a 1")
        requestor = self.listen(server, "in.* 1", user="IMP")
        for _ in range(300):
            self.ask(requestor, responder)
        count = len(list(messages(ear)))
        self.assertTrue(40 < count < 150, count)  # 90 on average, with a deviation of 8


class FailureTest(LatencyCase):
    def check(self, ear, status, description):
        sample, times = self.without_times(self.sample(ear))
        self.assertEqual(sample, {"status": status, "description": description,
                                  "requestor": {"acc": "IMP"}})  # fmt: skip
        self.assertEqual(times, [0, 0, 0])
        ear.expect_quiet()

    def test_a_request_without_reply_subject(self):
        server = self.start(config=config("lat"))
        ear, _ = self.listen(server, "lat 1"), self.listen(server, "svc.a 1")
        self.login(server, "IMP").send("PUB ask 2\r\nhi\r\n")
        self.check(ear, 400, "Bad Request")

    def test_nobody_serves(self):
        server = self.start(config=config("lat"))
        ear = self.listen(server, "lat 1")
        self.listen(server, "in.* 1", user="IMP").send("PUB ask in.1 2\r\nhi\r\n")
        self.check(ear, 503, "Service Unavailable")

    def test_an_answer_that_is_late(self):
        server = self.start(config=config("lat", threshold='threshold: "50ms",'))
        ear, responder = self.listen(server, "lat 1"), self.listen(server, "svc.a 1")
        requestor = self.listen(server, "in.* 1", user="IMP")
        requestor.send("PUB ask in.1 2\r\nhi\r\n")
        line, _ = read_message(responder)
        self.check(ear, 504, "Service Timeout")
        responder.send(f"PUB {line.split()[3]} 2\r\nok\r\n")
        responder.expect_quiet()
        requestor.expect_quiet()
        ear.expect_quiet()

    def test_a_requestor_that_no_longer_listens(self):
        server = self.start(config=config("lat"))
        ear, responder = self.listen(server, "lat 1"), self.listen(server, "svc.a 1")
        for leave in (lambda wire: wire.send("UNSUB 1\r\n"), lambda wire: wire.close()):
            requestor = self.listen(server, "in.1 1", user="IMP")
            requestor.send("PUB ask in.1 2\r\nhi\r\n")
            read_message(responder)
            requestor.expect_quiet()
            leave(requestor)
            sample = self.sample(ear)
            self.assertEqual((sample["status"], sample["description"]), (408, "Request Timeout"))
            ear.expect_quiet()


class ClaimsTest(OperatorCase):
    def test_claims_say_what_is_measured(self):
        exporter = Tenant(self.operator, "EXP")
        exporter.nats["exports"] = [{
            "name": "svc", "subject": "svc", "type": "service",
            "service_latency": {"sampling": 100, "results": "lat"}}]  # fmt: skip
        imported = {"name": "svc", "subject": "svc", "local_subject": "ask", "account": exporter.public,
                    "type": "service"}  # fmt: skip
        self.tenant.nats["imports"] = [imported]
        server = self.start_with(self.tenant, exporter)
        there = self.accept(server, User(exporter))
        there.send("SUB lat 1\r\nSUB svc 2\r\n")
        there.expect_quiet()
        here = self.accept(server, User(self.tenant))
        here.send("SUB in 1\r\nPUB ask in 2\r\nhi\r\n")
        here.expect_quiet()
        line, _ = read_message(there)
        there.send(f"PUB {line.split()[3]} 2\r\nok\r\n")
        here.expect_message("in", 1, b"ok")
        sample = json.loads(read_message(there)[1])
        self.assertEqual((sample["type"], sample["status"]), (TYPE, 200))
        self.assertEqual(sample["requestor"]["acc"], self.tenant.public)
        self.assertEqual(sample["responder"]["acc"], exporter.public)


class ConfigTest(LatencyCase):
    def test_mistakes_are_named(self):
        mistakes = {
            "{subject: lat, sampling: 0}": "bad sampling percentage, should be 1-100",
            '{subject: lat, sampling: "101%"}': "bad sampling percentage, should be 1-100",
            "{subject: lat, sampling: often}": "Failed to parse latency sample",
            "{sampling: 10}": "Latency subject required, but missing",
            "1": "Expected latency entry to be a map/struct or string, got int64",
            '"lat.*"': 'Error adding service latency sampling for "svc.*" on subject "lat.*": '
                       "invalid publish subject",
            '"svc.b"': "invalid publish subject",
            "lat, response: stream": "bad service response type",
        }  # fmt: skip
        for latency, text in mistakes.items():
            with self.subTest(latency=latency):
                self.refuse_config(config(latency), text)

    @differs("2.9.10", "it depends on which of the two keys its map of keys has first")
    def test_samples_need_a_system_account(self):
        self.refuse_config(config("lat", more="no_system_account: true"), "system account not setup")

    def refuse_config(self, text, reason):
        path = self.folder() + "/c.conf"
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        code, _, error = self.run_once("-p", "-1", "-c", path)
        self.assertEqual(code, 1)
        self.assertRegex(error, re.escape(reason))


if __name__ == "__main__":
    main()
