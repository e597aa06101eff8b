#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the load generator's verification: `nuring-load verify --server PATH --count N`.

Skips (exit code 77) in so many words when the load generator was not built.
"""

import argparse
import os
import subprocess
import sys


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", required=True)
    parser.add_argument("--load", required=True, help="the load generator")
    parser.add_argument("--count", type=int, default=100_000)
    options = parser.parse_args()
    if not os.access(options.load, os.X_OK):
        print(f"SKIPPED load verification: no {options.load}")
        return 77
    command = [options.load, "verify", "--server", options.server, "--count", str(options.count)]
    return subprocess.run(command, stdin=subprocess.DEVNULL, timeout=120, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
