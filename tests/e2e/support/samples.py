# SPDX-License-Identifier: Apache-2.0
"""The fenced samples of a Markdown page, and what they mean to a test.

| fence        | meaning                                                                                  |
| ------------ | ---------------------------------------------------------------------------------------- |
| `conf`       | a whole configuration file; valid for `-t`, and a server starts with it                  |
| `conf-error` | a configuration file that is shown because it is wrong; a `console` sample shows the errors |
| `console`    | `$ command` lines and what they print; `...` stands for anything within a line           |
| `sh`         | commands that no test can run in passing: each must be known to run elsewhere            |
| `text`, `yaml` | a drawing, or the file of another program: not run                                     |

A first line `# name.conf` gives a configuration its file name. Consoles and configurations share one folder.
"""

import re

KINDS = ("conf", "conf-error", "console", "sh", "text", "yaml")


class Sample:
    def __init__(self, kind, line, lines):
        self.kind = kind
        self.line = line  # of the fence, from 1
        self.lines = lines

    @property
    def text(self):
        return "\n".join(self.lines) + "\n"

    @property
    def file_name(self):
        match = re.fullmatch(r"# (\S+\.conf)", self.lines[0])
        return match[1] if match else "sample.conf"

    def commands(self):
        """[(command, lines that follow it)] of a console."""
        found = []
        for line in self.lines:
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif found:
                found[-1][1].append(line)
            else:
                raise ValueError(f"line {self.line}: a console begins with a command")
        return found


def samples_of(page):
    """All samples of the page's text; a fence of another kind is an error."""
    found, kind, start, lines = [], None, 0, []
    for number, line in enumerate(page.split("\n"), 1):
        if line.startswith("```") and kind is None:
            kind, start, lines = line[3:].strip(), number, []
            if kind not in KINDS:
                raise ValueError(f"line {number}: a fence is one of {', '.join(KINDS)}")
        elif line.startswith("```"):
            found.append(Sample(kind, start, lines))
            kind = None
        elif kind is not None:
            lines.append(line)
    if kind is not None:
        raise ValueError(f"line {start}: the fence is not closed")
    return found


def matches(expected, line):
    """`...` in the expected line stands for anything."""
    return re.fullmatch(".*".join(re.escape(part) for part in expected.split("...")), line)


def differences(expected, output):
    """Text that shows how the output differs from the expected lines; empty if it does not."""
    want = "\n".join(expected).strip("\n").split("\n")
    got = output.strip("\n").split("\n")
    if len(want) == len(got) and all(map(matches, want, got)):
        return ""
    return "expected:\n" + "\n".join(want) + "\ngot:\n" + "\n".join(got)
