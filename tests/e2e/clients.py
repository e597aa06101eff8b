#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the stock clients against a server binary, each through the same list of scenarios.

usage: clients.py --server PATH --work-dir DIR [--only c,go,py,js,rust] [--require LIST]
                  [--nats-c PROGRAM] [--server-arg ARG ...]

A client whose toolchain is absent, or which cannot be fetched or built, is skipped loudly; with
--require it fails instead. Everything fetched or built stays below the work directory and is used
again by the next run. README.md describes what a client program prints.
"""

import argparse
import hashlib
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from support.cluster import HeldPort  # noqa: E402
from support.nkeys import Key, Tenant, User  # noqa: E402
from support.server import Server, ServerError  # noqa: E402
from support.tls import Certificates  # noqa: E402

SCENARIOS = (
    "connect",
    "publish_subscribe",
    "wildcard",
    "queue_group",
    "request_reply",
    "headers",
    "no_responders",
    "drain",
    "large_payload",
    "reconnect",
)
BUILD_DEADLINE_S = 900
RUN_DEADLINE_S = 90
ATTEMPTS_MAX = 2


class Skipped(Exception):
    """This client cannot run here; the text says why."""


def need(program):
    path = shutil.which(program)
    if not path:
        raise Skipped(f"no {program} toolchain")
    return path


def build(command, cwd, env=None):
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=BUILD_DEADLINE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Skipped(f"`{' '.join(command)}` took more than {BUILD_DEADLINE_S} s") from None
    if done.returncode:
        tail = done.stdout.decode("utf-8", "replace").strip().splitlines()[-15:]
        raise Skipped(f"cannot fetch or build: `{' '.join(command)}`\n    " + "\n    ".join(tail))


def copied(folder, work_dir):
    """A copy of the client's sources below the work directory, and whether it changed."""
    target = os.path.join(work_dir, folder)
    digest = hashlib.sha256()
    os.makedirs(target, exist_ok=True)
    for base, folders, names in os.walk(os.path.join(HERE, folder)):
        folders.sort()
        for name in sorted(names):
            source = os.path.join(base, name)
            place = os.path.join(target, os.path.relpath(source, os.path.join(HERE, folder)))
            os.makedirs(os.path.dirname(place), exist_ok=True)
            shutil.copyfile(source, place)
            with open(source, "rb") as stream:
                digest.update(name.encode() + b"\0" + stream.read())
    stamp = os.path.join(target, ".built")
    old = ""
    if os.path.exists(stamp):
        with open(stamp, encoding="ascii") as stream:
            old = stream.read()
    return target, stamp, digest.hexdigest(), old == digest.hexdigest()


def built(folder, work_dir, commands, env=None):
    """Copies the sources, runs the build commands unless nothing changed; returns the copy's path."""
    target, stamp, digest, fresh = copied(folder, work_dir)
    if not fresh:
        for command in commands(target):
            build(command, target, env)
        with open(stamp, "w", encoding="ascii") as out:
            out.write(digest)
    return target


def prepare_c(options):
    if not options.nats_c:
        raise Skipped("no libnats (its program comes from the Meson build, see --nats-c)")
    return [options.nats_c]


def prepare_go(options):
    go = need("go")
    env = {"GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"}
    target = built("nats_go", options.work_dir, lambda _: [[go, "build", "-o", "scenarios", "."]], env)
    return [os.path.join(target, "scenarios")]


def prepare_py(options):
    def commands(target):
        venv = os.path.join(target, "venv")
        pip = os.path.join(venv, "bin", "pip")
        yield [sys.executable, "-m", "venv", "--clear", venv]
        yield [pip, "install", "--quiet", "--no-input", "-r", "requirements.txt"]

    target = built("nats_py", options.work_dir, commands)
    return [os.path.join(target, "venv", "bin", "python"), os.path.join(target, "scenarios.py")]


def prepare_js(options):
    node, npm = need("node"), need("npm")
    commands = [[npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]]
    target = built("nats_js", options.work_dir, lambda _: commands)
    return [node, os.path.join(target, "scenarios.mjs")]


def prepare_rust(options):
    cargo = need("cargo")
    target = built("async_nats", options.work_dir, lambda _: [[cargo, "build", "--quiet"]])
    return [os.path.join(target, "target", "debug", "scenarios")]


CLIENTS = {
    "c": ("nats.c", prepare_c),
    "go": ("nats.go", prepare_go),
    "py": ("nats-py", prepare_py),
    "js": ("nats.js", prepare_js),
    "rust": ("async-nats", prepare_rust),
}
# Those that speak it without a browser (websocket_browser_test.py has one).
WEBSOCKET_CLIENTS = ("go", "py")


class Report:
    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.skipped = 0

    def fail(self, text):
        self.failed += 1
        print("FAILED " + text, flush=True)


def lines_of(process):
    """Yields the program's lines until it ends; kills it when the time is over."""
    lines = queue.Queue()

    def follow():
        for line in process.stdout:
            lines.put(line.rstrip("\n"))
        lines.put(None)

    threading.Thread(target=follow, daemon=True).start()
    end = time.monotonic() + RUN_DEADLINE_S
    while True:
        try:
            line = lines.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            process.kill()
            yield f"no end within {RUN_DEADLINE_S} s"
            return
        if line is None:
            return
        yield line


class Security:
    """How a client reaches the server: in clear text, over TLS, and how it logs in.

    The program finds files and texts in its environment: NATS_CA, NATS_CERT, NATS_KEY; NATS_USER and
    NATS_PASS, NATS_TOKEN, NATS_NKEY and the file NATS_SEED, the file NATS_CREDS; NATS_COMPRESSION.
    `websocket`: the lines of that block; clients come over its port then.
    """

    def __init__(self, title, config="", websocket=None, **known):
        self.title = title
        self.config = config
        self.environment = {f"NATS_{name.upper()}": text for name, text in known.items()}
        self.websocket = None
        if websocket:
            self.websocket = HeldPort()  # the same after a restart
            self.scheme = "wss" if "tls" in websocket.split() else "ws"
            self.config += f"websocket {{ listen: \"127.0.0.1:{self.websocket.number}\"\n{websocket} }}\n"

    def url(self, server):
        return f"{self.scheme}://127.0.0.1:{self.websocket.number}" if self.websocket else server.url


HASHED_SECRET = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"


def logins(folder):
    """Every way to show who one is, besides certificates."""

    def file(name, text):
        path = os.path.join(folder, name)
        with open(path, "w", encoding="ascii") as out:
            out.write(text)
        return path

    users = "authorization {{ users = [ {{ {} }} ] }}\n"
    yield Security("user", users.format("user: joe, password: secret"), user="joe", **{"pass": "secret"})
    yield Security("hashed password", users.format(f'user: joe, password: "{HASHED_SECRET}"'),
                   user="joe", **{"pass": "secret"})  # fmt: skip
    yield Security("token", "authorization { token: s3cr3t }\n", token="s3cr3t")
    key = Key("user")
    yield Security("nkey", users.format(f"nkey: {key.public}"),
                   nkey=key.public, seed=file("user.nk", key.seed))  # fmt: skip
    operator = Key("operator")
    tenant = Tenant(operator)
    config = "\n".join(
        [
            f"operator: {operator.token(operator.public, 'operator')}",
            "resolver: MEM",
            f"resolver_preload: {{ {tenant.public}: {tenant.token()} }}",
            "",
        ]
    )
    yield Security("credentials file", config, creds=file("user.creds", User(tenant).creds))


def securities(folder):
    yield Security("clear text")
    yield Security("WebSocket", websocket="no_tls: true")
    yield from logins(folder)
    if not shutil.which("openssl"):
        print("SKIPPED clients over TLS: no openssl program", flush=True)
        return
    certificates = Certificates(folder)
    cert, key = certificates.issue("client", "/CN=client", "DNS:client.example")
    authority = f'ca_file: "{certificates.ca}"'
    yield Security("TLS", certificates.config("timeout: 5"), ca=certificates.ca)
    yield Security("TLS with client certificates",
                   certificates.config("timeout: 5", authority, "verify: true"),
                   ca=certificates.ca, cert=cert, key=key)  # fmt: skip
    yield Security("WebSocket over TLS, compressed",
                   websocket=certificates.config("timeout: 5") + "compression: true",
                   ca=certificates.ca, compression="1")  # fmt: skip


def run_client(name, command, server, report, security, last):
    """Starts the program and follows its lines; restarts the server when it asks. True if all passed; a failure
    counts when this run is the last one."""
    process = subprocess.Popen(
        [*command, security.url(server)],
        env=os.environ | security.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    passed = set()
    other = []
    try:
        for line in lines_of(process):
            word, _, rest = line.partition(" ")
            if word == "RESTART":
                server.restart()
            elif word == "PASS" and rest in SCENARIOS:
                passed.add(rest)
            else:
                other.append(line)
        code = process.wait(RUN_DEADLINE_S)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    missing = [scenario for scenario in SCENARIOS if scenario not in passed]
    if not missing and not code:
        report.passed += len(passed)
        return True
    text = f"{name}: exit code {code}, not passed: {', '.join(missing) or 'none'}"
    if last:
        report.passed += len(passed)
        report.fail(text)
    else:
        print(f"once more: {text}")
    for line in other[-30:] + ["server log:"] + server.log.lines()[-20:]:
        print("    " + line, flush=True)
    return False


def names(text):
    chosen = [name for name in text.split(",") if name]
    for name in chosen:
        if name not in CLIENTS:
            raise argparse.ArgumentTypeError(f"no client {name!r}, there are {', '.join(CLIENTS)}")
    return chosen


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", required=True)
    parser.add_argument("--server-arg", action="append", default=[])
    parser.add_argument("--work-dir", required=True)
    parser.add_argument("--only", type=names, default=list(CLIENTS))
    parser.add_argument("--require", type=names, default=[])
    parser.add_argument("--nats-c", help="the C client's program")
    options = parser.parse_args()
    options.work_dir = os.path.abspath(options.work_dir)
    os.makedirs(options.work_dir, exist_ok=True)

    report = Report()
    files = tempfile.TemporaryDirectory(prefix="nuring-e2e-")
    ways = list(securities(files.name))
    for key in options.only:
        name, prepare = CLIENTS[key]
        try:
            command = prepare(options)
        except Skipped as why:
            if key in options.require:
                report.fail(f"{name}: {why}")
            else:
                report.skipped += 1
                print(f"SKIPPED {name}: {why}", flush=True)
            continue
        for security in ways:
            if security.websocket and key not in WEBSOCKET_CLIENTS:
                continue
            title = f"{name} ({security.title})"
            # A client may starve and miss a deadline of its own. A server that died is a failure at once.
            for attempt in range(ATTEMPTS_MAX):
                try:
                    with Server(options.server, options.server_arg, security.config) as server:
                        if run_client(title, command, server, report, security, attempt + 1 == ATTEMPTS_MAX):
                            break
                except ServerError as error:
                    report.fail(f"{title}: {error}")
                    break
    files.cleanup()
    for security in ways:
        if security.websocket:
            security.websocket.release()
    print(f"{report.passed} passed, {report.failed} failed, {report.skipped} skipped")
    if report.failed:
        return 1
    return 77 if report.passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
