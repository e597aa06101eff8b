#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plays random dialogues, then compares the monitoring pages of our server and of reference servers, key by key.

usage: pages.py --server PATH --reference PATH [--reference PATH ...] [--seeds FIRST-LAST] [--seconds S]

Each seed is one dialogue on fresh servers; the pages are read while its connections are open. A finding is a key
whose value is like no reference's, among those that answered the dialogue just as ours did; WANTED names the keys
that differ on purpose. What cannot be equal (times, ports, memory) is compared by its kind only.
"""

import argparse
import http.client
import json
import os
import random
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

from generate import Generator  # noqa: E402
from normal import normalised  # noqa: E402
from play import Play  # noqa: E402
from scenes import scene  # noqa: E402
from support.monitoring import STARTING  # noqa: E402
from support.server import Server, ServerError  # noqa: E402

STUCK_S = 2.0
PATHS = (
    "/varz",
    "/connz?subs=detail&auth=1",
    "/connz?subs=1&state=closed&auth=1",
    "/connz?state=all&sort=cid&limit=2&offset=1",
    "/accstatz?unused=1",
    "/accountz",
    "/accountz?acc=$G",
    "/accountz?acc=A",
    "/leafz",
    "/routez",
    "/gatewayz",
    "/healthz",
)
# By their kind only: what differs from run to run, or from server to server.
VARYING = re.compile(
    r"(^|\.)(server_id|server_name|name_tag|now|start|stop|last_activity|uptime|idle|rtt|cpu|mem|cores|gomaxprocs|"
    r"port|host|http_port|go|version|git_commit|config_load_time|cid|update_time|config_digest|name)$"
)
# Of the key, or of the part of the path before it: docs/monitoring.md says why.
WANTED = re.compile(
    r"/varz (http_req_stats|subscriptions|system_account|config_digest|feature_flags|disk_io_wait_stats|go|jetstream|"
    r"mqtt|websocket|cluster|ocsp_peer_cache|gomemlimit|trusted_operators|stale_connection|stalled_clients|in_client|"
    r"out_client|slow_consumer_stats|tls_|write_timeout|max_subscriptions|api_lvl|metadata|tags)"
    r"|/accstatz.* account_statz\.(\$SYS|.*\.(name|num_subscriptions|gateways|routes|leafs))"
    r"|/accstatz.* account_statz\..*\.(sent|received)\.\w+\."
    r"|/accountz.* (account_detail\.(imports|exports|responses|subscriptions|sublist|jwt))"
    r"|/connz\?.*state.* connections\.\d+\.pending_bytes"  # of closed ones: what was on its way
    r"|/connz.* connections\.\d+\.worker"
    r"|/leafz leafs|/routez server_name"
    r"|name_tag|account_tag|stalls|\.rtt$"
)


def flat(value, prefix=""):
    """Path -> value. Lists of objects are named by what identifies them."""
    found = {}
    if isinstance(value, dict):
        if not value:
            found[prefix] = "{}"
        for key, inner in value.items():
            found.update(flat(inner, f"{prefix}.{key}" if prefix else key))
    elif isinstance(value, list):
        if all(not isinstance(each, (dict, list)) for each in value):
            found[prefix] = sorted(map(str, value))
        else:
            for index, each in enumerate(value):
                name = each.get("acc", each.get("sid", index)) if isinstance(each, dict) else index
                found.update(flat(each, f"{prefix}.{name}"))
    else:
        is_client_name = prefix.endswith(".name") and ".connections." in "." + prefix
        kind = VARYING.search(prefix) and not is_client_name
        found[prefix] = f"<{type(value).__name__}>" if kind else value
    return found


def frames(text):
    """What was received, without INFO, which names versions."""
    return [frame for frame in normalised(text) if not frame.startswith(b"INFO ")]


class Side:
    def __init__(self, path, arguments=()):
        self.path = path
        self.arguments = list(arguments)

    def play(self, config, steps):
        """What the connections heard, and the pages; None if the server does not take the configuration, or dies."""
        server = Server(self.path, [*self.arguments, "-m", "-1"], config=config)
        try:
            server.start()
            match, _ = server.log.wait(STARTING)
            play = Play(server.port, stuck_s=STUCK_S)
            heard = play.run(steps, before_close=lambda: self.read(int(match.group(3))))
            if not server.running() or self.is_cut_short(heard):
                return None
            return [{name: frames(text) for name, text in step.items()} for step in heard], self.pages
        except ServerError:
            return None
        finally:
            server.kill()
            server.close()

    @staticmethod
    def is_cut_short(heard):
        """A connection was refused, or got stuck. The Go server forgets what it read in the same piece as an error,
        and keeps what it understood of a CONNECT that it refuses: nothing to compare with."""
        return any(text.endswith((b"END", b"STUCK")) for step in heard for text in step.values())

    def read(self, port):
        self.pages = {}
        for path in PATHS:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", path)
            answer = connection.getresponse()
            text = answer.read().decode()
            connection.close()
            self.pages[f"{path} status"] = answer.status
            if answer.status != 200:
                self.pages[f"{path} text"] = text
                continue
            for key, value in flat(json.loads(text)).items():
                self.pages[f"{path} {key}"] = value


def differences(ours, others):
    absent = "<absent>"
    for key in sorted(set(ours).union(*others)):
        got = ours.get(key, absent)
        theirs = [other.get(key, absent) for other in others]
        if got not in theirs and got != "[REDACTED]" and not WANTED.search(key):
            yield key, got, theirs


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", required=True)
    parser.add_argument("--server-arg", action="append", default=[])
    parser.add_argument("--reference", action="append", required=True)
    parser.add_argument("--seeds", default="1-50", help="FIRST-LAST")
    parser.add_argument("--seconds", type=float, default=1e9, help="no new seed after so long")
    parser.add_argument("-v", "--verbose", action="store_true", help="show the dialogues, too")
    options = parser.parse_args()

    sides = [Side(options.server, options.server_arg)] + [Side(path) for path in options.reference]
    kinds = {}
    compared = 0
    first, _, last = options.seeds.partition("-")
    end = time.monotonic() + options.seconds
    for seed in range(int(first), int(last or first) + 1):
        if time.monotonic() > end:
            print(f"time is up before seed {seed}")
            break
        draw = random.Random(seed)
        drawn = scene(draw)
        config = "\n".join(drawn.config) + "\n"
        steps = Generator(draw, drawn).dialogue()
        played = [side.play(config, steps) for side in sides]
        if not played[0]:
            continue
        same = [pages for heard, pages in filter(None, played[1:]) if heard == played[0][0]]
        if not same:
            continue
        compared += 1
        shown = False
        for key, got, theirs in differences(played[0][1], same):
            kind = re.sub(r"\.\d+\.", ".N.", key)
            kinds[kind] = kinds.get(kind, 0) + 1
            if kinds[kind] <= 2:
                print(f"seed {seed}: {key}: ours {got!r}, theirs {theirs!r}", flush=True)
                shown = True
        if options.verbose and shown:
            print(config, *steps, sep="\n", flush=True)
    for kind, count in sorted(kinds.items(), key=lambda item: -item[1]):
        print(f"{count} x {kind}")
    print(f"{compared} dialogues with their pages, {sum(kinds.values())} differences")
    return 1 if kinds else 0


if __name__ == "__main__":
    sys.exit(main())
