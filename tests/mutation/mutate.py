#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plants faults in a copy of the tree, one at a time, and says which of them the unit tests catch.

usage: mutate.py [--build FOLDER] [--group NAME] [--only TEXT] [--jobs N] [--timeout S]

All faults of faults.txt are compiled in at once: each stands behind the question fault(<its number>), and the
environment variable NURING_FAULT says which one is true. So there is one build, and a run of tests per fault.
Exits with 1 if a fault is missed that missed.txt does not explain, or stands in a place that has changed.
"""

import argparse
import collections
import concurrent.futures
import os
import re
import shlex
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
HEADER = """#pragma once
#include <cstdlib>
inline int planted_fault() {
    static const int number = [] {
        const char* text = std::getenv("NURING_FAULT");
        return text == nullptr ? 0 : std::atoi(text);
    }();
    return number;
}
constexpr bool fault(int number) {
    return !__builtin_is_constant_evaluated() && planted_fault() == number;
}
"""

Fault = collections.namedtuple("Fault", "number group programs path place old new")


def read_faults():
    faults, group, programs = [], None, []
    with open(os.path.join(HERE, "faults.txt"), encoding="utf-8") as lines:
        for line in lines:
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            if line.startswith("[") and " ## " not in line:
                group, names = line[1:-1].split(":")
                programs = names.split()
                continue
            path, old, new = line.split(" ## ")
            path, _, place = path.partition("#")
            faults.append(Fault(len(faults) + 1, group, programs, path, int(place) if place else None, old, new))
    return faults


def places_of(fault, text):
    """Where the text that the fault changes begins; more or fewer places than one: the line is stale."""
    starts = [match.start() for match in re.finditer(re.escape(fault.old), text)]
    if fault.place is None:
        return starts
    return starts[fault.place - 1 : fault.place]


def is_stale(fault):
    path = os.path.join(ROOT, fault.path)
    if not os.path.isfile(path):
        return True
    with open(path, encoding="utf-8") as stream:
        return len(places_of(fault, stream.read())) != 1


def name_of(fault):
    place = f"#{fault.place}" if fault.place else ""
    return f"{fault.path}{place} ## {fault.old} ## {fault.new}"


def planted(fault):
    """The text in place of fault.old."""
    ask = f"::fault({fault.number})"
    if fault.old.endswith(";"):
        new = "" if fault.new == "-" else fault.new
        return f"if ({ask}) {{ {new} }} else {{ {fault.old} }}"
    return f"({ask} ? ({fault.new}) : ({fault.old}))"


def copy_tree(target, faults):
    names = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, check=True).stdout
    by_path = collections.defaultdict(list)
    for fault in faults:
        by_path[fault.path].append(fault)
    for name in filter(None, names.decode().split("\0")):
        source = os.path.join(ROOT, name)
        if os.path.islink(source) or not os.path.isfile(source):
            continue
        with open(source, "rb") as stream:
            content = stream.read()
        if name in by_path:
            content = plant(content.decode(), by_path.pop(name)).encode()
        full = os.path.join(target, name)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        if os.path.exists(full):
            with open(full, "rb") as stream:
                if stream.read() == content:
                    continue
        with open(full, "wb") as out:
            out.write(content)
        os.chmod(full, os.stat(source).st_mode)
    for path in by_path:
        raise SystemExit(f"mutate.py: git does not know {path}")
    header = os.path.join(target, "fault.h")
    if not os.path.exists(header):
        with open(header, "w", encoding="utf-8") as out:
            out.write(HEADER)


def plant(text, faults):
    spots = []
    for fault in faults:
        spots.append((places_of(fault, text)[0], fault))
    # From the end, so that the places before stay right.
    done_from = len(text) + 1
    for start, fault in sorted(spots, key=lambda spot: spot[0], reverse=True):
        if start + len(fault.old) > done_from:
            raise SystemExit(f"mutate.py: {fault.old!r} and another fault of {fault.path} lie within each other")
        text = text[:start] + planted(fault) + text[start + len(fault.old) :]
        done_from = start
    return text


def build(tree, folder, programs, jobs):
    if not os.path.exists(os.path.join(folder, "build.ninja")):
        environment = {**os.environ, "CXX": os.environ.get("CXX", "g++")}
        subprocess.run(
            ["meson", "setup", folder, tree, "-Dbuildtype=plain", "-Dtests=true", "-Dbench=false",
             "-Db_staticpic=false", "--unity=on", "--unity-size=12",
             "-Dcpp_args=" + shlex.join(["-O1", "-g1", "-include", os.path.join(tree, "fault.h")])],
            check=True, env=environment, stdout=subprocess.DEVNULL,
        )  # fmt: skip
    targets = subprocess.run(["ninja", "-C", folder, "-t", "targets", "all"], capture_output=True, text=True,
                             check=True).stdout  # fmt: skip
    paths = {}
    for program in programs:
        name = program.partition("@")[0]
        match = re.search(rf"^(tests/(?:unit|sim)/(?:\S+/)?{re.escape(name)}): ", targets, re.MULTILINE)
        if not match:
            raise SystemExit(f"mutate.py: no test program {name}")
        paths[program] = match.group(1)
    subprocess.run(["ninja", "-C", folder, "-j", str(jobs), *sorted(set(paths.values()))], check=True)
    return {program: os.path.join(folder, path) for program, path in paths.items()}


def outcome(fault, paths, timeout_s):
    """'' if all pass, else the test that failed."""
    number = fault.number if fault else 0
    environment = {**os.environ, "NURING_FAULT": str(number)}
    for program in fault.programs if fault else sorted(paths):
        seeds = program.partition("@")[2]
        options = ["--seeds", seeds] if seeds else ["--gtest_fail_fast", "--gtest_brief=1"]
        command = [paths[program], *options]
        try:
            done = subprocess.run(command, env=environment, capture_output=True, timeout=timeout_s, check=False)
        except subprocess.TimeoutExpired:
            return f"{program}: no end"
        if done.returncode != 0:
            failed = re.search(rb"\[  FAILED  \] ([\w./]+)", done.stdout)
            return f"{program}: {failed.group(1).decode() if failed else f'ends with {done.returncode}'}"
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.path.join(ROOT, "build/mutation"))
    parser.add_argument("--group", help="only the faults of this group; all are built in")
    parser.add_argument("--only", default="", help="only the faults whose line has this text")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--timeout", type=int, default=120, help="seconds for one program; more on a busy machine")
    options = parser.parse_args()
    listed = read_faults()
    stale = [each for each in listed if is_stale(each)]
    faults = [each for each in listed if each not in stale]
    asked = [each for each in faults if options.group in (None, each.group) and options.only in name_of(each)]
    tree, folder = os.path.join(options.build, "tree"), os.path.join(options.build, "build")
    copy_tree(tree, faults)
    paths = build(tree, folder, sorted({name for each in asked for name in each.programs}), options.jobs)
    wrong = outcome(None, paths, options.timeout)
    if wrong:
        raise SystemExit(f"mutate.py: without a fault, too: {wrong}")
    with open(os.path.join(HERE, "missed.txt"), encoding="utf-8") as lines:
        explained = {line.split(" -- ")[0].strip() for line in lines if " -- " in line}
    begin, unit, other, unexplained = time.monotonic(), 0, 0, 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for fault, by in zip(asked, pool.map(lambda each: outcome(each, paths, options.timeout), asked)):
            known = name_of(fault) in explained
            unit += by.startswith("unit-")
            other += bool(by) and not by.startswith("unit-")
            unexplained += not by and not known
            print(f"{by or ('missed, as explained' if known else 'MISSED')} <- {name_of(fault)}", flush=True)
    for fault in stale:
        print(f"STALE: its place has changed <- {name_of(fault)}")
    print(f"{len(asked)} faults: {unit} caught by unit tests, {other} by simulations, "
          f"{len(asked) - unit - other} missed, {unexplained} of them without an explanation; {len(stale)} stale; "
          f"{time.monotonic() - begin:.0f} s")  # fmt: skip
    return 1 if unexplained or stale else 0


if __name__ == "__main__":
    sys.exit(main())
