#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the pictures of docs/monitoring.md: a shop's services, among other servers, under a load that comes and goes.

usage: picture.py --server PATH --work-dir DIR --pictures FOLDER [--seconds 130]

Makes dashboard-<width>-<colours>.png for 1280 and 390 pixels, light and dark. Not a test. Afterwards: `pngquant
--quality 60-90 FILE`, each should stay below 150 kB.
"""

import argparse
import contextlib
import json
import math
import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from browser_test import MONITOR, Browser, start_neighbours  # noqa: E402
from support.server import Server  # noqa: E402
from support.wire import Wire, connected  # noqa: E402

TURN_S = 0.05
# name, client library and version, subject that it publishes, messages per second, payload bytes
PUBLISHERS = [
    ("storefront", "nats.js", "3.2.0", "orders.created", 16000, 180),
    ("payments", "go", "1.43.0", "orders.paid", 11000, 140),
    ("warehouse", "rust", "0.42.0", "stock.changed", 9000, 90),
    ("telemetry-berlin", "go", "1.43.0", "telemetry.berlin", 31000, 260),
    ("telemetry-lisbon", "go", "1.43.0", "telemetry.lisbon", 22000, 260),
    ("pricing", "python", "2.10.0", "prices.updated", 3000, 320),
    ("fraud-score", "python", "2.10.0", "fraud.scored", 2500, 210),
]
SUBSCRIBERS = [
    ("orders-worker-1", "go", "1.43.0", "orders.>"),
    ("orders-worker-2", "go", "1.43.0", "orders.>"),
    ("audit-log", "rust", "0.42.0", ">"),
    ("search-indexer", "nats.js", "3.2.0", "stock.*"),
    ("metrics-store", "go", "1.43.0", "telemetry.>"),
    ("mailer", "python", "2.10.0", "orders.paid"),
]


def run_load(server, elsewhere, stop):
    writers = [
        (connected(server, name=name, lang=lang, version=version), subject, rate, size)
        for name, lang, version, subject, rate, size in PUBLISHERS
    ]
    readers = list(elsewhere)
    for name, lang, version, subject in SUBSCRIBERS:
        wire = connected(server, name=name, lang=lang, version=version)
        wire.send(f"SUB {subject} 1\r\n")
        readers.append(wire)
    owed = [0.0] * len(writers)
    last = time.monotonic()
    while not stop.wait(TURN_S):
        now = time.monotonic()
        for index, (wire, subject, rate, size) in enumerate(writers):
            wave = 1 + 0.35 * math.sin(now / (7 + 3 * index)) + 0.15 * math.sin(now / 2.3 + index)
            owed[index] += rate * wave * (now - last)
            count, owed[index] = int(owed[index]), owed[index] % 1
            wire.send((f"PUB {subject} {size}\r\n".encode() + b"x" * size + b"\r\n") * count)
        last = now
        for wire in [*readers, *(writer[0] for writer in writers)]:
            while wire.receive(time.monotonic() + 0.0005):
                if b"PING\r\n" in wire.buffer:
                    wire.send("PONG\r\n")
                wire.buffer.clear()


def close_some(server):
    """Connections that ended: well, badly, and too slow."""
    connected(server, name="importer").close()
    slow = Wire(server.port, receive_bytes=4096)
    slow.open(name="legacy-report", lang="java", version="2.20.5")
    slow.send("SUB reports.nightly 1\r\n")
    slow.expect_quiet()
    writer = connected(server, name="report-writer", lang="java", version="2.20.5")
    for _ in range(400):
        writer.send(b"PUB reports.nightly 65536\r\n" + b"x" * 65536 + b"\r\n")
    writer.expect_quiet()
    writer.close()
    garbled = connected(server, name="port-scan")
    garbled.send("GET / HTTP/1.1\r\n\r\n")
    garbled.read_to_end()
    slow.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", required=True)
    parser.add_argument("--work-dir", required=True)
    parser.add_argument("--pictures", required=True)
    parser.add_argument("--seconds", type=int, default=130)
    options = parser.parse_args()
    Browser.work_dir = os.path.abspath(options.work_dir)
    Browser.prepare()
    with contextlib.ExitStack() as running:

        def start(*args, **more):
            return running.enter_context(Server(options.server, list(args), **more))

        server, west, edge = start_neighbours(start)
        elsewhere = []
        for other, subject in ((west, "orders.>"), (edge, "telemetry.berlin")):
            reader = running.enter_context(contextlib.closing(connected(other, name="elsewhere")))
            reader.send(f"SUB {subject} 1\r\n")
            reader.expect_quiet()
            elsewhere.append(reader)
        make_pictures(server, elsewhere, options)


def make_pictures(server, elsewhere, options):
    match, _ = server.log.wait(MONITOR)
    stop = threading.Event()
    load = threading.Thread(target=run_load, args=(server, elsewhere, stop), daemon=True)
    close_some(server)
    load.start()
    config = {
        "url": f"http://127.0.0.1:{match.group(1)}/",
        "chromium": Browser.chromium,
        "lacks": [],
        "pictures": os.path.abspath(options.pictures),
        "seconds": options.seconds,
    }
    try:
        subprocess.run([*Browser.program, "picture", json.dumps(config)], check=True, timeout=options.seconds + 120)
    finally:
        stop.set()
        load.join()


if __name__ == "__main__":
    main()
