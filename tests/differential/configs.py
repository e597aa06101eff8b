#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Changes valid configuration files at random and asks our server and reference servers, by -t, whether they take them.

usage: configs.py --server PATH --reference PATH [--reference PATH ...] [--seeds FIRST-LAST] [--seconds S]

A finding is a file that ours takes and all references refuse, or the other way round, unless `wanted_configs.py`
has it with its reason. It is shrunk: lines are dropped while it stays.
"""

import argparse
import glob
import os
import random
import re
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))

import scenes  # noqa: E402
import wanted_configs  # noqa: E402

DEADLINE_S = 10
SAME_SHOWN = 3
VERDICTS = {True: "taken", False: "refused", None: "CRASH"}
SHRINK_PLAYS = 120
KEYS = re.compile(r"^(\s*[\"']?)([A-Za-z_]+)", re.MULTILINE)
VALUES = re.compile(r"([:=]\s*)([^\s,;{}\[\]]+)")
VALUES_IN_PLACE = (
    *("true", "no", "0", "1", "-1", "3", "4222", "1k", "1kb", "10s", '"10s"', "2m", "1.5", "99999999999999999999"),
    *('""', '"x"', "x", "foo.>", '"foo.*"', "[]", "{}", "[1]", '["a"]', "{a: 1}", "$X", "null", "nil", "'a b'"),
    *('"\\x41"', "( a )", "-5", ".5"),
    *("127.0.0.1:4222", "localhost", '"::1"', "host:-1", "2019-01-01T00:00:00Z", "a=b", "$2a$11$x", "08", "1e3"),
)
INSERTED = ("{", "}", "[", "]", ",", ";", "#", "//", "\n", '"', "'", "=", ":", "(", ")", " ", "\t", "$", "\\", "\x00")
INSERTED += ("\u00e9", "-", ".")


class Judge:
    """A server that is asked about files."""

    def __init__(self, path):
        self.path = path

    def ask(self, config, folder):
        """(taken, first line of the complaint); taken is None if there was no answer in time or a crash."""
        file = os.path.join(folder, "server.conf")
        with open(file, "w", encoding="utf-8", newline="") as out:
            out.write(config)
        try:
            done = subprocess.run(
                [self.path, "-t", "-c", file],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                cwd=folder,
                timeout=DEADLINE_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return None, "no answer"
        text = (done.stdout + done.stderr).decode("utf-8", "replace")
        if done.returncode not in (0, 1):
            return None, text[-200:]
        return done.returncode == 0, text.replace(file, "server.conf").strip()


def bases():
    """Valid files: the samples of the fuzzer, of the manual, of transcripts, and drawn ones."""
    root = os.path.join(HERE, "..", "..")
    found = []
    for path in sorted(glob.glob(os.path.join(HERE, "..", "fuzz", "corpus", "config", "*"))):
        with open(path, encoding="utf-8", errors="replace") as stream:
            found.append(stream.read())
    for path in (os.path.join(root, "README.md"), *sorted(glob.glob(os.path.join(root, "docs", "*.md")))):
        with open(path, encoding="utf-8") as stream:
            found += re.findall(r"```conf\n(.*?)```", stream.read(), re.DOTALL)
    for path in sorted(glob.glob(os.path.join(HERE, "..", "transcripts", "*.txt"))):
        with open(path, encoding="utf-8") as stream:
            lines = [line[8:] for line in stream if line.startswith("config: ")]
        if lines:
            found.append("".join(lines))
    for seed in range(60):
        found.append("\n".join(scenes.scene(random.Random(seed)).config) + "\n")
    return found


def mutated(draw, text, others):
    for _ in range(draw.choice((1, 1, 1, 2))):
        lines = text.split("\n")
        at = draw.randrange(len(lines))
        way = draw.randrange(10)
        if way == 0:
            del lines[at]
        elif way == 1:
            lines.insert(at, draw.choice(lines))
        elif way == 2:
            lines.insert(at, draw.choice(draw.choice(others).split("\n")))
        elif way in (3, 4, 5):
            found = list(VALUES.finditer(text))
            if found:
                one = draw.choice(found)
                text = text[: one.start(2)] + draw.choice(VALUES_IN_PLACE) + text[one.end(2) :]
            continue
        elif way == 6:
            one, other = list(KEYS.finditer(text)), list(KEYS.finditer(draw.choice(others)))
            if one and other:
                one, other = draw.choice(one), draw.choice(other)
                text = text[: one.start(2)] + other[2] + text[one.end(2) :]
            continue
        else:
            place = draw.randrange(len(text) + 1)
            if way == 7:
                text = text[:place] + draw.choice(INSERTED) + text[place:]
            elif way == 8:
                text = text[:place] + text[place + draw.choice((1, 1, 3)) :]
            else:
                text = text[:place] + draw.choice(INSERTED) + text[place + 1 :]
            continue
        text = "\n".join(lines)
    return text


class Run:
    def __init__(self, judges, folder):
        self.judges = judges
        self.folder = folder
        self.kinds = {}
        self.asked = 0

    def differs(self, config):
        """The answers, if ours is like nobody else's."""
        answers = [judge.ask(config, self.folder) for judge in self.judges]
        self.asked += 1
        others = {taken for taken, _ in answers[1:] if taken is not None}
        if answers[0][0] is not None and (answers[0][0] in others or not others):
            return None
        if wanted_configs.why(config, answers):
            return None
        return answers

    def shrunk(self, config, kind):
        plays = 0
        separator = "\n"
        for separator in ("\n", ","):
            parts = config.split(separator)
            size = max(len(parts) // 2, 1)
            while size:
                at = 0
                while at < len(parts) and plays < SHRINK_PLAYS:
                    fewer = parts[:at] + parts[at + size :]
                    plays += 1
                    answers = self.differs(separator.join(fewer))
                    if answers and signature(answers) == kind:
                        parts = fewer
                    else:
                        at += size
                size //= 2
            config = separator.join(parts)
        return config

    def one(self, seed, known):
        draw = random.Random(seed)
        config = mutated(draw, draw.choice(known), known)
        answers = self.differs(config)
        if not answers:
            return
        kind = signature(answers)
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        if self.kinds[kind] <= SAME_SHOWN:
            config = self.shrunk(config, kind)
            answers = self.differs(config) or answers
            print(f"--- seed {seed}\n{config}")
            for judge, (taken, text) in zip(self.judges, answers):
                print(f"{judge.path}: {VERDICTS[taken]}: {text[-400:]}")
            sys.stdout.flush()


def signature(answers):
    shown = []
    for taken, text in answers:
        text = re.sub(r'"[^"]*"|\'[^\']*\'|\d+', "_", text.split("\n")[0]) if taken is False else ""
        shown.append((taken, text))
    return tuple(shown)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", required=True)
    parser.add_argument("--reference", action="append", required=True)
    parser.add_argument("--seeds", default="1-1000", help="FIRST-LAST")
    parser.add_argument("--seconds", type=float, default=1e9, help="no new seed after so long")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory(prefix="nuring-configs-") as folder:
        run = Run([Judge(os.path.abspath(path)) for path in (options.server, *options.reference)], folder)
        known = bases()
        first, _, last = options.seeds.partition("-")
        end = time.monotonic() + options.seconds
        for seed in range(int(first), int(last or first) + 1):
            if time.monotonic() > end:
                print(f"time is up before seed {seed}")
                break
            run.one(seed, known)
    for kind, count in sorted(run.kinds.items(), key=lambda item: -item[1]):
        print(f"{count} x {kind}")
    print(f"{run.asked} files, {sum(run.kinds.values())} differences")
    return 1 if run.kinds else 0


if __name__ == "__main__":
    sys.exit(main())
