#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sums the log of a meson test run up in one line: "N passed, N failed".

usage: count_tests.py testlog.json
       count_tests.py FIRST --then SECOND   results of the second run stand for those of the first
       count_tests.py --retry testlog.json  prints the tests that may run once more, one a line

A program that reports its own counts (GoogleTest, unittest, or a last line "N passed, N failed") counts with
those, any other as one. A program that failed counts as one failure at least. Exits 1 on a failure and
when a log is missing.
"""

import json
import re
import sys

GTEST_PASSED = re.compile(r"^\[  PASSED  \] (\d+) tests?\.$", re.MULTILINE)
GTEST_FAILED = re.compile(r"^\[  FAILED  \] (\d+) tests?, listed below:$", re.MULTILINE)
GTEST_SKIPPED = re.compile(r"^\[  SKIPPED \] (\d+) tests?, listed below:$", re.MULTILINE)
UNITTEST = re.compile(r"^Ran (\d+) tests? in .*\n\n(?:OK|FAILED)(?: \((.*)\))?$", re.MULTILINE)
GOOD = ("OK", "EXPECTEDFAIL", "SKIP")
PLAIN = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", re.MULTILINE)


# A few tests with real processes may have starved beside the others. More than a few, or any of these, is a fault.
RETRIES_MAX = 4
FINAL = re.compile(r"Sanitizer|runtime error:|died by itself|check failed")


def read(path):
    with open(path, encoding="utf-8") as log:
        return [json.loads(line) for line in log]


def retry(path):
    failed = [entry for entry in read(path) if entry["result"] not in GOOD]
    if len(failed) > RETRIES_MAX:
        return
    for entry in failed:
        suites = entry["name"].partition(" / ")[0]
        text = entry.get("stdout", "") + entry.get("stderr", "")
        if entry["result"] != "FAIL" or not re.search(r"\b(e2e|mixed)\b", suites) or FINAL.search(text):
            return
    for entry in failed:
        print(entry["name"].partition(" / ")[2])


def count(entry):
    """(passed, failed, skipped) of one test of a log."""
    text = entry.get("stdout", "")
    result = entry["result"]
    passed = failed = skipped = 0
    if found := GTEST_PASSED.search(text):
        passed = int(found[1])
        failed = int(m[1]) if (m := GTEST_FAILED.search(text)) else 0
        skipped = int(m[1]) if (m := GTEST_SKIPPED.search(text)) else 0
    elif found := UNITTEST.search(text + "\n" + entry.get("stderr", "")):
        numbers = dict(part.split("=") for part in (found[2] or "").split(", ") if "=" in part)
        failed = int(numbers.get("failures", 0)) + int(numbers.get("errors", 0))
        skipped = int(numbers.get("skipped", 0))
        passed = int(found[1]) - failed - skipped
    elif found := PLAIN.findall(text):
        passed, failed, skipped = (int(number or 0) for number in found[-1])
    elif result in ("OK", "EXPECTEDFAIL"):
        passed = 1
    elif result == "SKIP":
        skipped = 1
    if result not in GOOD:
        failed = max(failed, 1)
    return passed, failed, skipped


def main(arguments):
    if arguments[:1] == ["--retry"]:
        retry(arguments[1])
        return 0
    totals = [0, 0, 0]
    entries = {}
    for path in arguments:
        if path == "--then":
            continue
        try:
            entries |= {entry["name"]: entry for entry in read(path)}
        except OSError as error:
            print(f"count_tests.py: {error}", file=sys.stderr)
            totals[1] += 1
    for entry in entries.values():
        counts = count(entry)
        totals = [total + part for total, part in zip(totals, counts)]
        if counts[2]:
            print(f"skipped: {counts[2]} in {entry['name']}")
    print(f"{totals[0]} passed, {totals[1]} failed")
    return 1 if totals[1] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
