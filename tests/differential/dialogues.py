#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plays random dialogues on our server and on reference servers, and shows where ours differs from all of them.

usage: dialogues.py --server PATH --reference PATH [--reference PATH ...] [--seeds FIRST-LAST] [--seconds S]

One seed draws a configuration file and GROUP dialogues. A difference is played again with longer deadlines;
if it stays, steps are dropped while it stays, and what is left is printed with the configuration.
"""

import argparse
import os
import random
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import wanted  # noqa: E402
from generate import Generator  # noqa: E402
from normal import normalised  # noqa: E402
from play import Play  # noqa: E402
from scenes import scene  # noqa: E402
from support.server import Server, ServerError  # noqa: E402

GROUP = 25
SURE_S = 10.0  # the deadline of the second look: a busy machine is no difference
SHRINK_PLAYS = 150
SAME_SHOWN = 3  # of findings that look the same


class Side:
    """One server under comparison."""

    def __init__(self, path, arguments=(), reference=False, older=False):
        self.path = path
        self.reference = reference
        self.older = older  # need not know every option
        self.arguments = list(arguments)
        self.server = None

    def start(self, config):
        """Returns why it did not start, or None."""
        self.server = Server(self.path, self.arguments, config=config)
        try:
            self.server.start()
            return None
        except ServerError as error:
            self.server.kill()
            self.server = None
            return f"{self.path}: {error}"

    def died(self):
        """A panic of a reference is nobody's model: a new server takes its place."""
        log = self.server.log.text()
        self.server.kill()
        if not self.reference:
            raise ServerError(f"{self.path} died; log:\n{log}")
        print(f"--- {self.path} died: " + next((line for line in log.splitlines() if "panic" in line), log[-200:]))
        self.server.start()
        return None

    def stop(self):
        server, self.server = self.server, None
        if server and self.reference:
            server.kill()  # it may have died since: nobody's business
        if server:
            server.close()

    def play(self, steps, **options):
        try:
            heard = Play(self.server.port, **options).run(steps)
        except OSError:
            heard = None
        if not self.server.running():
            return self.died()
        return [{name: normalised(content) for name, content in step.items()} for step in heard]


def difference(ours, others, binding):
    """The first step in which ours is like none of the others: (step, connection, ours, theirs), or None.

    Whoever differs as wanted goes its own way from there on, and is not asked any more; without one that is
    `binding`, nobody is.
    """
    for index, step in enumerate(ours):
        names = set(step).union(*(other[index] for other in others))
        for name in sorted(names):
            got = step.get(name, [])
            theirs = [other[index].get(name, []) for other in others]
            parted = [other for other, heard in zip(others, theirs) if heard != got and wanted.why(got, heard)]
            if got not in theirs and not parted:
                return index, name, got, theirs
            others = [other for other in others if not any(other is one for one in parted)]
            if not any(other is one for one in binding for other in others):
                return None
    return None


class Comparison:
    def __init__(self, sides):
        self.sides = sides

    def playing(self):
        return [side for side in self.sides if side.server]

    def first(self, steps, **options):
        heard = [side.play(steps, **options) for side in self.playing()]
        binding = [one for side, one in zip(self.playing(), heard) if side.reference and not side.older and one]
        others = [one for side, one in zip(self.playing(), heard) if side.reference and one]
        return difference(heard[0], others, binding)

    def confirmed(self, steps):
        """A difference that shows twice, with time enough."""
        found = None
        for _ in range(2):
            found = self.first(steps, stuck_s=SURE_S)
            if not found:
                return None
        return found

    def shrunk(self, steps, kind):
        """Drops steps, then operations, as long as a difference of that kind stays."""
        plays = 0

        def still(candidate):
            nonlocal plays
            plays += 1
            if plays > SHRINK_PLAYS:
                return False
            found = self.first(candidate)
            return found and signature(found) == kind

        def drop_from(items, rebuild):
            size = max(len(items) // 2, 1)
            while size:
                at = 0
                while at < len(items):
                    fewer = items[:at] + items[at + size :]
                    if fewer and still(rebuild(fewer)):
                        items = fewer
                    else:
                        at += size
                size //= 2
            return items

        def with_step(index, step):
            return steps[:index] + [step] + steps[index + 1 :]

        steps = drop_from(steps, lambda fewer: fewer)
        for index, step in enumerate(steps):
            if step.split and still(with_step(index, step.unsplit())):
                step = step.unsplit()
                steps = with_step(index, step)
            if step.kind == "send":
                pieces = drop_from(step.pieces, lambda fewer: with_step(index, step.with_pieces(fewer)))
                steps = with_step(index, step.with_pieces(pieces))
        return steps


def signature(found):
    """The kind of a difference: its first differing frame, without what varies from dialogue to dialogue."""
    _, _, got, theirs = found

    def kind(frames, other):
        index = next((i for i, frame in enumerate(frames) if i >= len(other) or frame != other[i]), None)
        if index is None:
            return "less"
        text = frames[index].decode("latin-1")
        text = re.sub(r'"[^"]*"', '"..."', text) if not text.startswith("INFO") else text
        return re.sub(r"\d+", "0", text.split(" | ")[0].split(" ")[0] if " | " in text else text)

    return kind(got, theirs[0]), *(kind(other, got) for other in theirs)


def show(seed, number, config, steps, found):
    index, name, got, theirs = found
    print(f"--- seed {seed} dialogue {number}: step {index}, connection {name}")
    print(config)
    for at, step in enumerate(steps):
        print(f"{'>' if at == index else ' '} {step!r}")
    print("ours:  ", got)
    for other in theirs:
        print("theirs:", other)
    sys.stdout.flush()


class Run:
    def __init__(self, comparison):
        self.comparison = comparison
        self.kinds = {}
        self.played = 0
        self.refused = 0
        self.torn = 0

    def seed(self, seed):
        draw = random.Random(seed)
        drawn = scene(draw)
        config = "\n".join(drawn.config) + "\n"
        sides = self.comparison.sides
        try:
            refusals = [why for side in sides if (why := side.start(config)) and not side.older]
            if refusals:
                self.refused += 1
                if len(refusals) < sum(not side.older for side in sides):
                    self.torn += 1
                    print(f"--- seed {seed}: not all take this:\n{config}", *refusals, sep="\n", flush=True)
                return
            for number in range(GROUP):
                self.dialogue(seed, number, drawn, config)
        finally:
            for side in sides:
                side.stop()

    def dialogue(self, seed, number, drawn, config):
        comparison = self.comparison
        steps = Generator(random.Random(seed * GROUP + number), drawn).dialogue()
        self.played += 1
        found = comparison.first(steps) and comparison.confirmed(steps)
        if not found:
            return
        kind = signature(found)
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        if self.kinds[kind] <= SAME_SHOWN:
            steps = comparison.shrunk(steps, kind)
            show(seed, number, config, steps, comparison.first(steps) or found)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", required=True)
    parser.add_argument("--server-arg", action="append", default=[])
    parser.add_argument("--reference", action="append", required=True)
    parser.add_argument("--seeds", default="1-20", help="FIRST-LAST")
    parser.add_argument("--seconds", type=float, default=1e9, help="no new seed after so long")
    parser.add_argument("--older", action="append", default=[], help="need not know every option")
    options = parser.parse_args()

    sides = [Side(options.server, options.server_arg)]
    sides += [Side(path, reference=True) for path in options.reference]
    sides += [Side(path, reference=True, older=True) for path in options.older]
    run = Run(Comparison(sides))
    first, _, last = options.seeds.partition("-")
    end = time.monotonic() + options.seconds
    for seed in range(int(first), int(last or first) + 1):
        if time.monotonic() > end:
            print(f"time is up before seed {seed}")
            break
        run.seed(seed)
    for kind, count in sorted(run.kinds.items(), key=lambda item: -item[1]):
        print(f"{count} x {kind}")
    print(
        f"{run.played} dialogues, {sum(run.kinds.values())} differences; "
        f"{run.refused} configurations refused, {run.torn} of them not by all"
    )
    return 1 if run.kinds or run.torn else 0


if __name__ == "__main__":
    sys.exit(main())
