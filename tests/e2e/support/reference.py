# SPDX-License-Identifier: Apache-2.0
"""Finds the released Go servers that tests compare with or join to the server under test.

Searched in this order; the first program of a version wins:
    NURING_REFERENCES           paths of programs, separated by colons
    build/reference/*/nats-server   where `tools/reference` puts what it builds
    nats-server                 on the PATH or in /usr/sbin

A test that needs a version which is not there is skipped, and says so (need_newest, need).
"""

import functools
import glob
import os
import re
import shutil
import subprocess
import unittest
from collections import namedtuple

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
VARIABLE = "NURING_REFERENCES"

# version: text without "v", as in "2.15.3"; number: (2, 15, 3), to compare; path: the program.
Reference = namedtuple("Reference", "version number path")


def _candidates():
    yield from filter(None, os.environ.get(VARIABLE, "").split(":"))
    yield from sorted(glob.glob(os.path.join(ROOT, "build/reference/*/nats-server")))
    yield shutil.which("nats-server") or "/usr/sbin/nats-server"


def version_of(path):
    """The version that a program prints, or None if it is no nats-server, or a link to nats-uring."""
    if os.path.basename(os.path.realpath(path)) == "nats-uring":
        return None
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"nats-server: v?(\d+\.\d+\.\d+\S*)", done.stdout + done.stderr)
    return match.group(1) if match else None


@functools.cache
def references():
    """All of them, the oldest first."""
    found = {}
    for path in _candidates():
        version = version_of(path) if os.access(path, os.X_OK) else None
        if version and version not in found:
            number = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
            found[version] = Reference(version, number, os.path.abspath(path))
    return sorted(found.values(), key=lambda one: one.number)


def newest(least=(0,)):
    """The newest of at least that version, or None."""
    return next((one for one in reversed(references()) if one.number >= least), None)


def find(version):
    """The one of exactly that version, or None."""
    return next((one for one in references() if one.version == version), None)


def need_newest(least=(2, 12)):
    """newest(), or the end of the test as a skipped one. Without `least`, those of Debian are too old."""
    found = newest(least)
    if not found:
        wanted = ".".join(map(str, least))
        raise unittest.SkipTest(f"SKIPPED: no nats-server {wanted} or later; tools/reference builds one")
    return found


def need(version):
    found = find(version)
    if not found:
        raise unittest.SkipTest(f"SKIPPED: no nats-server {version}; tools/reference builds it")
    return found
