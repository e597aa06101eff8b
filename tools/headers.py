#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles the headers of the product alone: each must include what it uses.

usage: headers.py --work-dir FOLDER [--jobs N] -- COMPILER [options]

A header that is the first include of its own source file is left out: `tools/dev alone` compiles each source
file by itself, and shows the same. A header whose own text and whatever it includes did not change since it
last compiled is not compiled again. Ends with a line "N passed, N failed".
"""

import argparse
import concurrent.futures
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from tidy import list_files  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDERS = ("core/", "proto/", "cluster/", "gateway/", "monitor/", "tools/")


def is_first_include(header):
    """True if a source of the release build has the header's name and begins with it."""
    source = os.path.join(ROOT, header[: -len(".h")] + ".cc")
    if not os.path.exists(source):
        return False
    with open(source, encoding="utf-8") as lines:
        first = next((line for line in lines if line.lstrip().startswith("#include")), "")
    return first.strip() == f'#include "{header}"'


def is_fresh(depfile):
    """True if the compilation that wrote the dependency file is newer than all its inputs."""
    try:
        made = os.stat(depfile).st_mtime_ns
        with open(depfile, encoding="utf-8") as stream:
            names = stream.read().replace("\\\n", " ").split(":", 1)[1].split()
        return all(os.stat(os.path.join(ROOT, name)).st_mtime_ns < made for name in names)
    except (OSError, IndexError):
        return False


def compile_alone(header, compiler, work_dir):
    """None, or what the compiler said."""
    base = os.path.join(work_dir, header.replace("/", "."))
    depfile = base + ".d"
    if is_fresh(depfile):
        return None
    stub = base + ".cc"
    with open(stub, "w", encoding="utf-8") as out:
        out.write(f'#include "{header}"\n')
    partial = depfile + ".new"
    command = [*compiler, "-I", ".", "-MD", "-MF", partial, "-MT", "x", "-fsyntax-only", stub]
    done = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        return done.stderr
    os.replace(partial, depfile)
    os.utime(depfile)
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work-dir", required=True)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("compiler", nargs="+")
    options = parser.parse_args()
    work_dir = os.path.abspath(options.work_dir)
    os.makedirs(work_dir, exist_ok=True)
    headers = sorted(
        p for p in list_files(ROOT) if p.endswith(".h") and p.startswith(FOLDERS) and not is_first_include(p)
    )
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        answers = pool.map(lambda header: compile_alone(header, options.compiler, work_dir), headers)
        for header, answer in zip(headers, answers):
            if answer is not None:
                failed += 1
                print(f"FAILED {header} does not compile alone:\n{answer}")
    print(f"{len(headers) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
