# SPDX-License-Identifier: Apache-2.0
"""Samples of `latency` where requestor and responder are clients of different servers."""

import json

ACCOUNTS = """
accounts {
  EXP {
    users: [ { user: exp, password: pw } ]
    exports: [ { service: "svc.*", latency: lat } ]
  }
  IMP {
    users: [ { user: imp, password: pw } ]
    imports: [ { service: { account: EXP, subject: "svc.a" }, to: ask } ]
  }
  SYS { users: [ { user: sys, password: pw } ] }
}
system_account: SYS
"""


class LatencySamples:
    """For a ServerCase with client() and sync()."""

    def user(self, server, user, **options):
        plain = {"headers": False, "no_responders": False}
        return self.client(server, user=user, **{"pass": "pw"}, **plain, **options)

    def read_sample(self, wire):
        line = wire.read_line().decode()
        body = wire.read(int(line.split()[-1]) + 2)[:-2]
        self.assertEqual(line.split()[:2], ["MSG", "lat"])
        return json.loads(body)

    def check_samples(self, asks, answers, count=3):
        """Requests of a client of `asks`, answered by one of `answers`; both servers' clients get the samples."""
        ears = [self.user(server, "exp") for server in (asks, answers)]
        for ear in ears:
            ear.send("SUB lat 1\r\n")
            ear.expect_quiet()
        responder = self.user(answers, "exp", name="the service")
        responder.send("SUB svc.a 1\r\n")
        requestor = self.user(asks, "imp", name="the asker")
        requestor.send("SUB in.* 1\r\n")
        requestor.expect_quiet()
        self.sync(responder, ears[0])
        self.sync(ears[1], ears[0])
        self.sync(ears[0], ears[1])
        for number in range(count):
            requestor.send(f"PUB ask in.{number} 2\r\nhi\r\n")
            reply = responder.expect_line(r"MSG svc.a 1 (\S+) 2").group(1)
            self.assertRegex(reply, r"^_R_\..*\.[0-9A-Za-z]{8}\.T$")
            responder.read(4)
            responder.send(f"PUB {reply} 2\r\nok\r\n")
            requestor.expect_message(f"in.{number}", 1, b"ok")
            samples = [self.read_sample(ear) for ear in ears]
            self.assertEqual(samples[0], samples[1])
            self.check_sample(samples[0], answers)
        for wire in (*ears, responder, requestor):
            wire.expect_quiet()  # one sample each
            wire.close()

    def check_sample(self, sample, answers):
        self.assertEqual(sample["type"], "io.nats.server.metric.v1.service_latency")
        self.assertEqual(sample["status"], 200)
        requestor, responder = sample["requestor"], sample["responder"]
        self.assertEqual(set(requestor), {"acc", "rtt"})
        self.assertEqual(requestor["acc"], "IMP")
        self.assertEqual(
            [responder[key] for key in ("acc", "user", "name", "server", "kind")],
            ["EXP", "exp", "the service", answers.name, "Client"],
        )
        self.assertGreater(requestor["rtt"], 0)
        self.assertGreater(responder["rtt"], 0)
        parts = requestor["rtt"] + sample["service"] + sample["system"] + responder["rtt"]
        self.assertGreaterEqual(sample["system"], 0)
        if sample["service"] > 0 and sample["system"] > 0:  # else a part was estimated longer than the whole
            self.assertGreaterEqual(sample["total"], parts)  # of Go servers more: they round each part for itself
        self.assertGreater(sample["total"], 0)
