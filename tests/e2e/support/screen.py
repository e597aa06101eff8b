# SPDX-License-Identifier: Apache-2.0
"""What a full-screen program shows: runs it on a pseudo terminal and keeps the lines of each screen.

Understands what termbox programs write: cursor addresses and clearing; colours and modes are skipped.
"""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

ROWS, COLUMNS = 50, 200
CONTROL = re.compile(rb"\x1b\[\??([\d;]*)([A-Za-z])|\x1b[()][A-Z0-9]|\x1b[=>]|[\r\n]")


class Screen:
    def __init__(self):
        self._cells = [[" "] * COLUMNS for _ in range(ROWS)]
        self._row = self._column = 0
        self._rest = b""
        self.last_shown = ""

    def text(self):
        return "\n".join("".join(row).rstrip() for row in self._cells).rstrip()

    def feed(self, content):
        content = self._rest + content
        # An escape sequence may be cut by the read: wait for its end.
        cut = content.rfind(b"\x1b")
        if cut >= 0 and not CONTROL.match(content, cut):
            content, self._rest = content[:cut], content[cut:]
        else:
            self._rest = b""
        place = 0
        for match in CONTROL.finditer(content):
            self._write(content[place : match.start()])
            place = match.end()
            if match[2] == b"H":
                row, _, column = match[1].partition(b";")
                self._row, self._column = int(row or 1) - 1, int(column or 1) - 1
            elif match[2] == b"J":
                self.last_shown = self.text() or self.last_shown
                self._cells = [[" "] * COLUMNS for _ in range(ROWS)]
        self._write(content[place:])

    def _write(self, content):
        for letter in content.decode("utf-8", "replace"):
            if self._row < ROWS and self._column < COLUMNS:
                self._cells[self._row][self._column] = letter
            self._column += 1


def shown_by(command, deadline_s):
    """Runs the command to its end; returns (exit code, text of the last screen that was not empty)."""
    control, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    process = subprocess.Popen(
        command,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env={**os.environ, "TERM": "xterm"},
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(terminal)
    screen = Screen()
    end = time.monotonic() + deadline_s
    try:
        while time.monotonic() < end:
            if not select.select([control], [], [], 0.2)[0]:
                if process.poll() is not None:
                    break
                continue
            try:
                content = os.read(control, 1 << 16)
            except OSError:  # how Linux says that the program closed the terminal
                break
            if not content:
                break
            screen.feed(content)
        else:
            raise AssertionError(f"{command[0]} did not end within {deadline_s} s:\n{screen.text()}")
        return process.wait(deadline_s), screen.text() or screen.last_shown
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(control)
