#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`latency` of service exports across routes: what two servers have measured becomes one sample."""

import json

from support import cluster
from support.latency import ACCOUNTS, LatencySamples
from support.route_peer import PeerCase


class MeasuredTest(LatencySamples, PeerCase):
    def test_each_server_asks_and_answers(self):
        members = list(self.cluster(2, settings=ACCOUNTS))
        for asks, answers in (members, reversed(members)):
            with self.subTest(asks=asks.kind.name):
                self.check_samples(asks, answers)

    def test_a_requestor_that_leaves_at_once_is_described(self):
        """The other server's part of the sample may come when the requestor has gone."""
        asks, answers = self.cluster(2, settings=ACCOUNTS)
        ear, responder = self.user(asks, "exp"), self.user(answers, "exp")
        ear.send("SUB lat 1\r\n")
        responder.send("SUB svc.a 1\r\n")
        self.sync(responder, ear)
        for number in range(20):
            requestor = self.user(asks, "imp")
            requestor.send(f"SUB in.{number} 1\r\nPUB ask in.{number} 2\r\nhi\r\n")
            reply = responder.expect_line(r"MSG svc.a 1 (\S+) 2").group(1)
            responder.read(4)
            responder.send(f"PUB {reply} 2\r\nok\r\n")
            requestor.expect_message(f"in.{number}", 1, b"ok")
            requestor.close()
            self.assertEqual(self.read_sample(ear)["requestor"]["acc"], "IMP")


class ScriptedTest(LatencySamples, PeerCase):
    """With a route peer: what crosses the route, in which order it may come, and what is ignored."""

    NODE = "b2oh2L6w"  # of a server named B

    def setUp(self):
        self.server = self.member(settings=ACCOUNTS)
        self.route = self.peer(self.server)
        self.ear, self.requestor = self.user(self.server, "exp"), self.user(self.server, "imp")
        self.ear.send("SUB lat 1\r\n")
        self.requestor.send("SUB in.* 1\r\n")
        for wire in (self.ear, self.requestor):
            wire.expect_quiet()
        self.route.drain()

    def next_message(self, account="EXP"):
        while (op := self.route.read_op(own=True)).verb not in ("RMSG", "HMSG") or op.fields[0] != account:
            pass
        return op

    def ask(self, number=1):
        self.requestor.send(f"PUB ask in.{number} 2\r\nhi\r\n")
        return self.next_message().line.split()[3]

    def measured(self, request, account="EXP", **more):
        m2 = {"type": "", "id": "", "timestamp": "0001-01-01T00:00:00Z", "status": 200,
              "responder": {"acc": "EXP", "name": "far", "rtt": 7}, "start": "2026-01-01T00:00:00Z",
              "service": 11, "system": 0, "total": 18, **more}  # fmt: skip
        body = json.dumps({"account": account, "req_id": request, "m2": m2})
        node = request.split(".")[-2]
        return f"RMSG SYS $SYS.LATENCY.M2.{node} {len(body)}\r\n{body}\r\n"

    def answered(self, request):
        return f"RMSG EXP {request} 2\r\nok\r\n"

    def check(self, sample):
        self.assertEqual((sample["service"], sample["responder"]), (11, {"acc": "EXP", "name": "far", "rtt": 7}))
        self.assertEqual(sample["total"], sample["requestor"]["rtt"] + sample["system"] + 18)

    def test_both_orders(self):
        if self.kind().is_go:
            self.skipTest("the reference differs: one of several runs has a sample more, or sooner")
        self.route.send("RS+ EXP svc.a\r\n")
        self.route.drain()
        for number, parts in enumerate([(self.answered, self.measured), (self.measured, self.answered)]):
            request = self.ask(number)
            self.route.send(parts[0](request))
            self.route.drain()
            self.ear.expect_quiet()
            self.route.send(parts[1](request))
            self.requestor.expect_message(f"in.{number}", 1, b"ok")
            self.check(self.read_sample(self.ear))
            self.route.send(self.measured(request) + self.answered(request))  # too late, both
            self.route.drain()
            self.ear.expect_quiet()
            self.requestor.expect_quiet()

    def test_a_gateway_prefix_is_taken_off(self):
        self.route.send("RS+ EXP svc.a\r\n")
        self.route.drain()
        request = self.ask()
        self.route.send(self.answered(request) + self.measured("_GR_.abcdef.ghijkl." + request))
        self.check(self.read_sample(self.ear))

    def test_what_belongs_to_no_request_is_ignored(self):
        self.route.send("RS+ EXP svc.a\r\n")
        self.route.drain()
        request = self.ask()
        node = request.split(".")[-2]
        bodies = ["", "{", "[]", "{}", '{"account":7}', '{"account":"EXP","req_id":"x","m2":[]}',
                  '{"account":"EXP","req_id":"x","m2":{"service":"long"}}']  # fmt: skip
        for body in bodies:
            self.route.send(f"RMSG SYS $SYS.LATENCY.M2.{node} {len(body)}\r\n{body}\r\n")
        other = request[:6] + ("A" if request[6] != "A" else "B") + request[7:]
        self.route.send(self.measured(request, account="IMP") + self.measured(request, account="nobody"))
        self.route.send(self.measured(other) + self.answered(request))
        self.requestor.expect_message("in.1", 1, b"ok")
        self.ear.expect_quiet()
        self.route.send(self.measured(request, service=-5, total=2))
        self.assertEqual(self.read_sample(self.ear)["service"], 0)

    def test_the_responders_server_measures(self):
        responder = self.user(self.server, "exp", name="near")
        responder.send("SUB svc.a 1\r\nSUB other 2\r\n")
        responder.expect_quiet()
        # The subject that the measuring server listens to.
        self.route.send(f"RS+ SYS $SYS.LATENCY.M2.{self.NODE}\r\n")
        self.route.drain()
        request = f"_R_.abcdef.ghijkl.{self.NODE}.T"
        self.route.send(f"RMSG EXP svc.a {request} 2\r\nhi\r\n")
        responder.expect_message("svc.a", 1, b"hi", reply=request)
        responder.send(f"PUB {request} 2\r\nok\r\n")
        op = self.next_message("SYS")
        self.assertEqual(op.line.split()[:3], ["RMSG", "SYS", f"$SYS.LATENCY.M2.{self.NODE}"])
        told = json.loads(op.payload)
        self.assertEqual((told["account"], told["req_id"]), ("EXP", request))
        m2 = told["m2"]
        self.assertEqual((m2["status"], m2["responder"]["name"], m2["responder"]["acc"]), (200, "near", "EXP"))
        self.assertGreater(m2["responder"]["rtt"], 0)
        self.assertGreaterEqual(m2["total"], m2["service"])
        # Once; not for subjects that no service has, nor where the reply is not tracked.
        untracked = ["_INBOX.a.b2oh2L6w.T", "_R_.abcdef.ghijkl.b2oh2L6w", "_R_.abcdef.ghijkl.short.T"]
        self.route.send(f"RMSG EXP other {request} 2\r\nhi\r\n")
        responder.expect_message("other", 2, b"hi", reply=request)
        for reply in untracked:
            self.route.send(f"RMSG EXP svc.a {reply} 2\r\nhi\r\n")
            responder.expect_message("svc.a", 1, b"hi", reply=reply)
        for reply in (request, *untracked):
            responder.send(f"PUB {reply} 2\r\nok\r\n")
        responder.expect_quiet()
        self.route.expect_quiet()


if __name__ == "__main__":
    cluster.main()
