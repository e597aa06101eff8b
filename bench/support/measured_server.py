# SPDX-License-Identifier: Apache-2.0
"""A server under measurement: pinned to its CPU or CPUs, on a free port, stopped at the end."""

import collections
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time

LISTENING = re.compile(rb"Listening for client connections on \S*?:(\d+)")
LISTENING_WEBSOCKET = re.compile(rb"Listening for websocket clients on \S*?:(\d+)\s")
MONITORING = re.compile(rb"Starting https? monitor on \S*?:(\d+)")
START_SECONDS = 20
STOP_SECONDS = 10


def place(cpu, realtime):
    """What a child does before it becomes a server or the generator."""
    def run():
        os.sched_setaffinity(0, cpu if isinstance(cpu, set) else {cpu})
        if realtime:
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    return run


class Server:
    """One started server; stops exactly that process."""

    def __init__(self, command, cpu, realtime, environment=None):
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [*command, "-a", "127.0.0.1", "-p", "-1"], stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=self.log, preexec_fn=place(cpu, realtime),
            env=environment)
        try:
            self.port = self.find_port()
        except BaseException:
            self.stop()
            raise

    def find_port(self, announced=LISTENING):
        """The port in the line of the log that announces it."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            self.log.seek(0)
            if found := announced.search(self.log.read()):
                return int(found.group(1))
            time.sleep(0.01)
        self.log.seek(0)
        raise RuntimeError(f"{self.process.args[0]} did not start:\n"
                           f"{self.log.read().decode(errors='replace')}")

    def cpu_ns_of_threads(self):
        """CPU time since the start by the name of the thread."""
        total = collections.Counter()
        for folder in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            name = (folder / "comm").read_text().strip()
            total[name] += int((folder / "schedstat").read_text().split()[0])
        return total

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
