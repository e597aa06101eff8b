# SPDX-License-Identifier: Apache-2.0
"""A server process under test.

Server starts a binary that understands nats-server's command line, learns its port from the log
line "Listening for client connections on <host>:<port>", and ends it by its own pid. It never
waits a fixed time: every wait ends with a log line, the end of the process or a deadline.

Limits: start and stop each within DEADLINE_S seconds, else an error that shows the log.
"""

import atexit
import ctypes
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import threading
import time

DEADLINE_S = 20.0
LISTENING = re.compile(r"Listening for client connections on (\S+):(\d+)")
SANITIZER = "Sanitizer: "
READY = re.compile(r"Server is ready")

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
_alive = set()


def _end_all():
    for server in list(_alive):
        server.kill()


atexit.register(_end_all)


class ServerError(Exception):
    """The server did not do what was asked of its process; the text carries its log."""


class Log:
    """Lines of one stream of the server, collected by a thread as they come."""

    def __init__(self):
        self._lines = []
        self._ended = False
        self._changed = threading.Condition()

    def follow(self, stream):
        def run():
            for line in stream:
                with self._changed:
                    self._lines.append(line.decode("utf-8", "replace").rstrip("\n"))
                    self._changed.notify_all()
            stream.close()
            with self._changed:
                self._ended = True
                self._changed.notify_all()

        threading.Thread(target=run, daemon=True).start()

    def lines(self):
        with self._changed:
            return list(self._lines)

    def text(self):
        return "\n".join(self.lines())

    def wait(self, pattern, deadline_s=DEADLINE_S, after=0):
        """Returns (match, line number) of the first line from number `after` on that matches."""
        pattern = re.compile(pattern) if isinstance(pattern, str) else pattern
        end = time.monotonic() + deadline_s
        index = after
        with self._changed:
            while True:
                while index < len(self._lines):
                    match = pattern.search(self._lines[index])
                    if match:
                        return match, index
                    index += 1
                left = end - time.monotonic()
                if self._ended or left <= 0:
                    why = "the stream ended" if self._ended else f"{deadline_s} s passed"
                    raise ServerError(
                        f"no log line matches {pattern.pattern!r}: {why}; log:\n"
                        + "\n".join(self._lines[-60:])
                    )
                self._changed.wait(left)

    def wait_end(self, deadline_s=DEADLINE_S):
        end = time.monotonic() + deadline_s
        with self._changed:
            while not self._ended:
                left = end - time.monotonic()
                if left <= 0:
                    raise ServerError("the log stream did not end")
                self._changed.wait(left)


class Server:
    """One server process; usable as a context manager. restart() keeps the port."""

    def __init__(self, binary, args=(), config=None, nofile=None, host="127.0.0.1", log_file=None,
                 before_exec=None):
        self.binary = os.path.abspath(binary)
        self.host = host
        self.port = None
        self.log = Log()
        self.process = None
        self._args = list(args)
        self._nofile = nofile
        self._before_exec = before_exec  # runs in the child
        self._log_file = log_file
        self._folder = None
        if config is not None:
            self._folder = tempfile.mkdtemp(prefix="nuring-e2e-")
            self.config_file = os.path.join(self._folder, "server.conf")
            with open(self.config_file, "w", encoding="utf-8") as out:
                out.write(config)
            self._args += ["-c", self.config_file]

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()

    @property
    def pid(self):
        return self.process.pid

    @property
    def url(self):
        return f"nats://{self.host}:{self.port}"

    def start(self):
        port = -1 if self.port is None else self.port
        command = [self.binary, "-a", self.host, "-p", str(port), *self._args]
        self.spawn(command)
        if self._log_file:
            self._wait_log_file()
        else:
            match, _ = self.log.wait(LISTENING)
            self.port = int(match.group(2))
            self.log.wait(READY)
        return self

    def spawn(self, command):
        """Starts `command` without waiting for anything."""
        nofile = self._nofile

        def before_exec():
            # The server must not outlive the test, however the test ends.
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if nofile:
                resource.setrlimit(resource.RLIMIT_NOFILE, (nofile, nofile))
            if self._before_exec:
                self._before_exec()

        self.log = Log()
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=before_exec,
        )
        _alive.add(self)
        self.log.follow(self.process.stderr)

    def _wait_log_file(self):
        # With `-l` nothing comes on stderr, so the file is followed instead, by short polls.
        end = time.monotonic() + DEADLINE_S
        poll = threading.Event()
        while time.monotonic() < end and self.process.poll() is None:
            text = ""
            if os.path.exists(self._log_file):
                with open(self._log_file, encoding="utf-8") as stream:
                    text = stream.read()
            match = LISTENING.search(text)
            if match and READY.search(text):
                self.port = int(match.group(2))
                return
            poll.wait(0.01)
        raise ServerError("no start lines in the log file; stderr:\n" + self.log.text())

    def send_signal(self, number):
        self.process.send_signal(number)

    def wait_exit(self, deadline_s=DEADLINE_S):
        """Returns the exit code (negative: ended by that signal)."""
        try:
            code = self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise ServerError("the server did not exit; log:\n" + self.log.text()) from None
        _alive.discard(self)
        self.log.wait_end()
        return code

    def stop(self, number=signal.SIGINT):
        self.send_signal(number)
        return self.wait_exit()

    def restart(self):
        self.stop()
        return self.start()

    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        if self.running():
            self.process.kill()
            self.process.wait()
        _alive.discard(self)

    def close(self):
        """Stops the server, if nobody did; an end that nobody asked for, or an unclean one, raises."""
        try:
            if self in _alive:
                died = not self.running()
                code = self.wait_exit() if died else self.stop()
                if died or code != 0 or SANITIZER in self.log.text():
                    how = "died by itself" if died else "was stopped"
                    raise ServerError(f"the server {how}: exit code {code}; log:\n{self.log.text()}")
        finally:
            self.kill()
            if self._folder:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder = None


def run_once(binary, args, deadline_s=DEADLINE_S):
    """Runs a command that is expected to end by itself; returns (code, stdout, stderr)."""
    done = subprocess.run(
        [os.path.abspath(binary), *args],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=deadline_s,
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()
