#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs send/expect dialogues against a server binary.

usage: run.py --server PATH [--reference VERSION] [--server-arg ARG ...] [--modes LIST] FILE...

A file is a list of cases; README.md describes the format. Each case runs in three modes, each on a
server of its own: `lines` (one send per C line), `joined` (neighbouring C lines in one send) and
`bytes` (byte by byte). With --reference, a case that carries `reference: <VERSION> differs: <why>`
must fail in at least one mode; if it passes in all, the marker is wrong and that is reported.
With `may differ` (a race inside the reference) it may do either.
"""

import argparse
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

from support.server import Server, ServerError  # noqa: E402
from support.wire import Wire, WireError  # noqa: E402

MODES = ("lines", "joined", "bytes")
STEP = re.compile(r"(?:(?P<name>\w+)\.)?(?P<side>[CSI])(?P<form>[:=~!])(?: (?P<text>.*))?$")
OPTION = re.compile(r"(?P<key>config|flags|split|reference): ?(?P<value>.*)$")
REFERENCE = re.compile(r"(?P<version>\S+) (?P<word>differs|may differ): (?P<why>.+)")
ESCAPE = re.compile(rb"\\(?:rep\((\d+),([^)]*)\)|x([0-9a-fA-F]{2})|([rnt\\]))")
NAME = re.compile(r"\{(\w+)\}")
SIMPLE = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"\\": b"\\"}
DEADLINE_S = 10.0
DIFFERS_DEADLINE_S = 1.0


class FormatError(Exception):
    """The transcript itself is wrong."""


def unescape(text):
    def one(match):
        count, repeated, code, simple = match.groups()
        if count:
            return ESCAPE.sub(one, repeated) * int(count)
        return bytes([int(code, 16)]) if code else SIMPLE[simple]

    return ESCAPE.sub(one, text.encode())


class Step:
    def __init__(self, where, match):
        self.where = where
        self.name = match["name"] or ""
        self.verb = match["side"] + match["form"]
        self.text = match["text"] or ""
        if self.verb not in ("C:", "C=", "C!", "S:", "S=", "S~", "S!", "I:"):
            raise FormatError(f"{where}: unknown step {self.verb!r}")


class Case:
    def __init__(self, name):
        self.name = name
        self.steps = []
        self.split = True
        self.differs = {}


class Transcript:
    """The parsed file: server configuration and cases."""

    def __init__(self, path):
        self.path = path
        self.config = []
        self.flags = []
        self.cases = []
        with open(path, encoding="utf-8") as stream:
            for number, line in enumerate(stream, 1):
                self._read(f"{os.path.basename(path)}:{number}", line.rstrip("\n"))

    def _read(self, where, line):
        if not line or line.startswith("#"):
            return
        if line.startswith("== "):
            self.cases.append(Case(line[3:]))
            return
        option = OPTION.match(line)
        if option:
            self._set(where, option["key"], option["value"])
            return
        match = STEP.match(line)
        if not match or not self.cases:
            raise FormatError(f"{where}: not understood: {line!r}")
        self.cases[-1].steps.append(Step(where, match))

    def _set(self, where, key, value):
        in_case = bool(self.cases)
        if key == "config" and not in_case:
            self.config.append(value)
        elif key == "flags" and not in_case:
            self.flags += value.split()
        elif key == "split" and in_case and value == "no":
            self.cases[-1].split = False
        elif key == "reference" and in_case:
            match = REFERENCE.fullmatch(value)
            if not match:
                raise FormatError(f"{where}: write `reference: <version> differs: <why>`")
            self.cases[-1].differs[match["version"]] = match
        else:
            raise FormatError(f"{where}: option {key!r} does not belong here")


class Play:
    """One run of one case in one mode."""

    def __init__(self, port, mode, deadline_s):
        self.port = port
        self.mode = mode
        self.deadline_s = deadline_s
        self.wires = {}
        self.infos = {}
        self.names = {}  # what named groups of S~ have matched
        self.unsent = []  # (wire, bytes) of neighbouring C lines, in mode `joined`

    def run(self, case):
        for step in case.steps:
            try:
                self._step(step)
            except WireError as error:
                raise WireError(f"{step.where}: {error}") from None
        self._flush()
        for name, wire in self.wires.items():
            if wire.buffer:
                raise WireError(f"left over on {name or 'the'} connection: {bytes(wire.buffer[:200])!r}")

    def close(self):
        """Waits until the server has let go of the connections: the next case must not meet their subscriptions."""
        for wire in self.wires.values():
            try:
                wire.shutdown()
                wire.read_to_end()
            except (OSError, WireError):
                pass  # closed by the case, or the case has failed already
            wire.close()

    def _wire(self, name):
        if name not in self.wires:
            wire = Wire(self.port, deadline_s=self.deadline_s)
            self.wires[name] = wire
            line = wire.read_line()
            # The space before CRLF is part of the format that old clients were written against.
            if not re.fullmatch(rb"INFO \{.*\} ", line):
                raise WireError(f"bad INFO line {line!r}")
            self.infos[name] = json.loads(line[5:])
        return self.wires[name]

    def _send(self, wire, content):
        if self.mode == "bytes":
            wire.send_split(content)
        elif self.mode == "joined":
            if self.unsent and self.unsent[0] is not wire:
                self._flush()
            self.unsent = [wire, (self.unsent[1] if self.unsent else b"") + content]
        else:
            wire.send(content)

    def _flush(self):
        if self.unsent:
            wire, content = self.unsent
            self.unsent = []
            wire.send(content)

    def _step(self, step):
        if step.verb not in ("C:", "C="):
            self._flush()
        wire = self._wire(step.name)
        if step.verb == "C:":
            text = NAME.sub(lambda match: self.names.get(match[1], match[0]), step.text)
            self._send(wire, unescape(text) + b"\r\n")
        elif step.verb == "C=":
            self._send(wire, unescape(step.text))
        elif step.verb == "S:":
            wire.expect(unescape(step.text) + b"\r\n")
        elif step.verb == "S=":
            wire.expect(unescape(step.text))
        elif step.verb == "S~":
            self.names.update(wire.expect_line(step.text).groupdict())
        elif step.verb == "I:":
            check_info(self.infos[step.name], step.text)
        else:
            self._act(wire, step)

    def _act(self, wire, step):
        actions = {
            ("C!", "open"): lambda: None,
            ("C!", "close"): wire.close,
            ("C!", "shutdown"): wire.shutdown,
            ("C!", "reset"): wire.reset,
            ("S!", "end"): wire.expect_end,
            ("S!", "quiet"): wire.expect_quiet,
        }
        if (step.verb, step.text) not in actions:
            raise FormatError(f"{step.where}: unknown {step.verb} {step.text!r}")
        actions[step.verb, step.text]()


def check_info(info, text):
    """`key = json`, `key ~ pattern`, `key absent`."""
    key, word, value = (text.split(" ", 2) + ["", ""])[:3]
    got = info.get(key)
    if word == "absent":
        good = key not in info
    elif word == "=":
        good = key in info and got == json.loads(value) and type(got) is type(json.loads(value))
    elif word == "~":
        good = key in info and re.fullmatch(value, got if isinstance(got, str) else json.dumps(got))
    else:
        raise FormatError(f"unknown INFO check {text!r}")
    if not good:
        raise WireError(f"INFO check `{text}` failed: {key} is {json.dumps(got)}")


class Report:
    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.differing = 0

    def fail(self, name, why):
        self.failed += 1
        print(f"FAILED {name}: {why}", flush=True)


def play_case(port, case, mode, deadline_s):
    """Returns None, or what went wrong."""
    play = Play(port, mode, deadline_s)
    try:
        play.run(case)
        return None
    except (WireError, OSError, ValueError) as error:
        return error
    finally:
        play.close()


def play_file(path, options, report):
    transcript = Transcript(path)
    config = "\n".join(transcript.config) + "\n" if transcript.config else None
    arguments = [*options.server_arg, *transcript.flags]
    seen_to_differ = set()
    for mode in options.modes:
        with Server(options.server, arguments, config=config) as server:
            for case in transcript.cases:
                if mode != "lines" and not case.split:
                    continue
                differs = options.reference in case.differs
                deadline_s = DIFFERS_DEADLINE_S if differs else DEADLINE_S
                error = play_case(server.port, case, mode, deadline_s)
                if not server.running():
                    error = "the server died; log:\n" + server.log.text()
                if differs:
                    seen_to_differ |= {case} if error else set()
                elif error:
                    report.fail(f"{os.path.basename(path)}: {case.name} [{mode}]", error)
                else:
                    report.passed += 1
                if not server.running():
                    return
    for case in transcript.cases:
        match = case.differs.get(options.reference)
        if not match:
            continue
        if match["word"] == "differs" and case not in seen_to_differ:
            name = f"{os.path.basename(path)}: {case.name}"
            report.fail(name, "passes on the reference, though: " + match["why"])
        else:
            report.differing += 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", required=True)
    parser.add_argument("--reference", help="the server is the reference of this version")
    parser.add_argument("--server-arg", action="append", default=[])
    parser.add_argument("--modes", type=lambda text: text.split(","), default=list(MODES))
    parser.add_argument("files", nargs="+")
    options = parser.parse_args()

    report = Report()
    for path in options.files:
        try:
            play_file(path, options, report)
        except (FormatError, ServerError) as error:
            report.fail(os.path.basename(path), error)
    print(f"{report.passed} passed, {report.failed} failed, {report.differing} differ as stated")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
