#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the rules of the tree that a machine can check.

usage: tidy.py [--root FOLDER] [--list] [--quiet]

Prints "file:line: rule: text" for each violation and exits 1 if there is one; reports (files above
600 lines) do not fail. A line that must break a rule says so: "// tidy: allow <rule>, <reason>".
The layers come from the table in docs/architecture.md. CONTRIBUTING.md has the rules in words.
"""

import argparse
import fnmatch
import os
import re
import subprocess
import sys

# clang-format breaks code at 100 columns; what it does not break is reported above that, and fails here.
LINE_MAX = {".h": 110, ".cc": 110, ".py": 120, ".sh": 120}
CPP_COLUMNS = 100
FILE_LINES_REPORTED = 600
README_LINES_MAX = 50
COMMIT_FREE_FOLDERS = ("build", ".git", ".cache", "node_modules", "target", "__pycache__")
OPEN_TO_ALL = ("absl/*", "fmt/*", "gtest/*", "gmock/*", "benchmark/*")
PROGRAM_FOLDERS = ("tools", "bench", "tests")

BANNED_EVERYWHERE = {"manager", "util", "utils", "helper", "helpers", "misc", "tmp"}
BANNED_IN_NAMES = BANNED_EVERYWHERE | {"data", "context"}
# INFO is a word of the protocol.
INFO_NAMES = re.compile(r"^(?:(?:Server|Client|Route|Gateway|Leaf|Leafnode)?Info(?:\w*)|info)$")

TYPE_NAME = re.compile(r"\b(?:class|struct|enum(?:\s+class)?|union|namespace|using)\s+(\w+)")
# A class that is defined here: no forward declaration, no "class Outer::Inner".
CLASS_BEGIN = re.compile(
    r"class\s+(?:alignas\([^)]*\)\s*)?(?:\[\[\w+\]\]\s*)?(\w+)\s*(?:final\s*)?(?::[^:;][^;]*)?(?:\{[^;]*)?$"
)
# "struct addrinfo* first = ..." names a type of the system, it does not make one.
SYSTEM_STRUCT = re.compile(r"\bstruct\s+\w+[\s*&]+(?!final\b)\w+\s*[;={,)]")

RULES = {}


def rule(function):
    RULES[function.__name__.replace("_", "-")] = function
    return function


class Table:
    """The layer table: which row may include what, and which headers have one door."""

    def __init__(self, text):
        self.may = {}
        self.doors = {}
        rows = False
        for line in text.splitlines():
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if not line.startswith("|"):
                rows = False
            elif len(cells) == 3 and cells[0] == "Folder":
                rows = True
            elif rows and not set(cells[0]) <= set("- "):
                folder = cells[0]
                self.may[folder] = cells[1].split()
                for header in re.findall(r"`([^`]+)`", cells[2]):
                    self.doors.setdefault(header, []).append(folder)

    def row_of(self, path):
        """The row that a file belongs to: the longest folder of the table above it."""
        folder = os.path.dirname(path)
        while folder and folder not in self.may:
            folder = os.path.dirname(folder)
        return folder or None

    def allows(self, row, include):
        target = self.row_of(include)
        if target == row:
            return True
        patterns = self.may[row]
        return any(
            fnmatch.fnmatchcase(target or "", pattern) or fnmatch.fnmatchcase(include, pattern)
            for pattern in patterns
        )

    def may_open(self, row, namespace):
        """True if the row may declare what is in that namespace: it may include some of its folder."""
        folders = [folder for folder in self.may if folder.split("/")[-1] == namespace and folder != row]
        return all(
            any(fnmatch.fnmatchcase(folder, pattern) or pattern.startswith(folder + "/") for pattern in self.may[row])
            for folder in folders
        )


class Source:
    """One file: its lines, and the same lines with comments and literals blanked."""

    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.lines = text.split("\n")
        if self.lines and self.lines[-1] == "":
            self.lines.pop()
        self.extension = os.path.splitext(path)[1]
        self.is_cpp = self.extension in (".h", ".cc")
        self.code = blanked(text).split("\n") if self.is_cpp else []
        self.measured = without_literals(text).split("\n") if self.is_cpp else self.lines

    def allowed(self, number, name):
        """True if the line, or the one above it, excuses itself from the rule."""
        for index in (number - 1, number - 2):
            if 0 <= index < len(self.lines) and f"tidy: allow {name}," in self.lines[index]:
                return True
        return False


CPP_TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<d>[^(\s]*)\(.*?\)(?P=d)"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'',
    re.DOTALL,
)


def blanked(text):
    """C++ with comments and literals replaced by spaces; line breaks stay."""

    def blank(match):
        return "".join("\n" if c == "\n" else " " for c in match.group())

    return CPP_TOKEN.sub(blank, text)


def without_literals(text):
    """C++ with empty literals; comments and line breaks stay."""

    def empty(match):
        return match.group() if match.group().startswith("/") else "\n" * match.group().count("\n")

    return CPP_TOKEN.sub(empty, text)


def words_of(identifier):
    """snake_case, CamelCase and kCamelCase cut into lower-case words."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", identifier)
    return [part.lower() for part in parts]


@rule
def layers(source, tree):
    if not source.is_cpp:
        return
    row = tree.table.row_of(source.path)
    if row is None:
        yield 1, "file is in no folder of the table in docs/architecture.md"
        return
    for number, line in enumerate(source.lines, 1):
        opened = re.match(r"namespace nuring::(\w+)", line)
        if opened and not tree.table.may_open(row, opened[1]):
            yield number, f"{row} may not name what is in {opened[1]}"
        match = re.match(r'\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', line)
        if not match:
            continue
        include = match[1] or match[2]
        if tree.table.row_of(include) is not None and include in tree.paths:
            if not tree.table.allows(row, include):
                yield number, f"{row} may not include {include}"
        elif row.split("/")[0] not in PROGRAM_FOLDERS:
            for header, doors in tree.table.doors.items():
                if fnmatch.fnmatchcase(include, header) and row not in doors:
                    yield number, f"only {' and '.join(doors)} may include {include}"


@rule
def include_root(source, tree):
    if not source.is_cpp:
        return
    for number, line in enumerate(source.lines, 1):
        match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if match and match[1] not in tree.paths:
            if not any(fnmatch.fnmatchcase(match[1], pattern) for pattern in OPEN_TO_ALL):
                yield number, f'"{match[1]}" is not a path from the root of the tree'


@rule
def spdx(source, tree):
    if source.extension in (".h", ".cc", ".py", ".sh") or source.text.startswith("#!"):
        if not any("SPDX-License-Identifier: Apache-2.0" in line for line in source.lines[:3]):
            yield 1, "no SPDX-License-Identifier line"


@rule
def executable(source, tree):
    """Documents call a program by its path."""
    if source.text.startswith("#!") and not os.access(os.path.join(tree.root, source.path), os.X_OK):
        yield 1, "begins with #! and is not executable"


@rule
def pragma_once(source, tree):
    if source.extension == ".h" and "#pragma once" not in source.lines[:40]:
        yield 1, "no #pragma once"


@rule
def header_comment(source, tree):
    """A header says what it is; so does each class in it."""
    if source.extension != ".h" or source.path.startswith("tests/"):
        return
    said = [line for line in source.lines if line.strip().startswith("//") and "SPDX" not in line]
    if not said:
        yield 1, "no comment that says what this header is for"
    for number, line in enumerate(source.code, 1):
        match = CLASS_BEGIN.match(line)
        if not match:
            continue
        above = number - 2
        while above >= 0 and source.code[above].lstrip().startswith("template"):
            above -= 1
        if above < 0 or not source.lines[above].startswith("//"):
            yield number, f"class {match[1]} has no comment above it"


@rule
def ndebug(source, tree):
    if not source.is_cpp and os.path.basename(source.path) not in ("meson.build", "meson_options.txt"):
        return
    for number, line in enumerate(source.code or source.lines, 1):
        if re.search(r"\bNDEBUG\b|b_ndebug=(true|if-release)", line):
            yield number, "asserts are active in every build"


@rule
def line_length(source, tree):
    limit = LINE_MAX.get(source.extension)
    if limit is None and source.text.startswith("#!"):
        limit = LINE_MAX[".sh"]
    if limit is None:
        return
    for number, line in enumerate(source.measured, 1):
        # A text that others fixed (usage, protocol) may be longer: the literal is empty here.
        if len(line.rstrip()) > limit:
            yield number, f"{len(line.rstrip())} columns, at most {limit}"


@rule
def whitespace(source, tree):
    if source.path.startswith("tests/") and source.extension == ".txt":
        return
    for number, line in enumerate(source.lines, 1):
        if line != line.rstrip():
            yield number, "blanks at the end of the line"
        if source.is_cpp and "\t" in line:
            yield number, "tab"
    if source.text and not source.text.endswith("\n"):
        yield len(source.lines), "no newline at the end of the file"


@rule
def banned_word(source, tree):
    base = os.path.splitext(os.path.basename(source.path))[0]
    bad = BANNED_IN_NAMES & set(words_of(base))
    if bad and source.extension in (".h", ".cc", ".py"):
        yield 1, f'"{", ".join(sorted(bad))}" in the name of the file'
    for number, line in enumerate(source.code, 1):
        if line.lstrip().startswith("#"):
            continue
        line = SYSTEM_STRUCT.sub("", line)
        for match in re.finditer(TYPE_NAME, line):
            words = set(words_of(match[1]))
            bad = BANNED_IN_NAMES & words
            if "info" in words and not INFO_NAMES.match(match[1]):
                bad.add("info")
            if bad:
                yield number, f'"{", ".join(sorted(bad))}" in the name {match[1]}'
        for match in re.finditer(r"\b[A-Za-z_]\w*\b", line):
            name = match[0]
            if name.startswith("process_") and line[match.end() :].startswith("("):
                yield number, f"{name}: say what it does instead of process_"
            if BANNED_EVERYWHERE & set(words_of(name)) and name.lower() == name:
                yield number, f"banned word in {name}"


@rule
def foreign_path(source, tree):
    """Nothing of the machine that a change was made on."""
    folders = ("home", "root", "work", "workspace", "Users", "mnt")
    pattern = r"(?<![A-Za-z0-9_.$}*/)-])/(?:" + "|".join(folders) + r")/[A-Za-z0-9_.]"
    for number, line in enumerate(source.lines, 1):
        match = re.search(pattern, line)
        if match:
            yield number, f"path of a machine: {match[0]}..."
        if re.search(r"--(?:extra-)?index-url[ =]\S|--registry[ =]\S|GOPROXY=h[t]tp", line):
            yield number, "host of a package registry"


@rule
def core_has_no_files(source, tree):
    if re.fullmatch(r"core/[^/]+\.(h|cc)", source.path):
        yield 1, "core/ holds folders only"


@rule
def readme_length(source, tree):
    folder = os.path.dirname(source.path)
    if os.path.basename(source.path) == "README.md" and folder not in ("", "docs", "packaging"):
        if len(source.lines) > README_LINES_MAX:
            yield README_LINES_MAX, f"{len(source.lines)} lines, at most {README_LINES_MAX}"


@rule
def dead_link(source, tree):
    """A link of a page to a file of the tree leads somewhere."""
    if source.extension != ".md":
        return
    for number, line in enumerate(source.lines, 1):
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", line):
            if re.match(r"[a-z]+:", target):
                continue
            path = os.path.normpath(os.path.join(os.path.dirname(source.path), target))
            if not os.path.exists(os.path.join(tree.root, path)):
                yield number, f"{target} is not there"


# Rules about more than one file.
OTHER_RULES = ("readme-missing", "local-name", "unused-arrow", "kind-comparison", "homely-words")

# One program per file there: nothing is compiled together.
APART_FOLDERS = ("tests/fuzz", "tests/fuzz/replay", "bench/micro", "tests/e2e/nats_c")
LOCAL_CONSTANT = re.compile(r"^(?!struct|class|using)[^(={]*\b(k[A-Z]\w*)\s*(?:\[[^\]]*\]\s*)*(?:=|\{|;|\()")
LOCAL_TYPE = re.compile(r"^(?:struct|class|enum(?:\s+class)?)\s+(\w+)\s*(?::|\{|final)")
LOCAL_FUNCTION = re.compile(r"^[\w:<>,&*\s\[\]]+?[\s&*](\w+)\(([^;{=]*?)\)\s*(?:noexcept\s*)?\{", re.DOTALL)


def local_names(source):
    """(line, name) of what a .cc file declares for itself: constants, types, functions with their parameters."""
    inside = False
    for number, (line, full) in enumerate(zip(source.code, source.lines), 1):
        if line.rstrip() == "namespace {":
            inside = True
        elif full.startswith("}  // namespace"):
            inside = False
        elif line[:1].isalpha() and (inside or line.startswith("static ")):
            match = LOCAL_TYPE.match(line) or LOCAL_CONSTANT.match(line)
            if match:
                yield number, match[1]
                continue
            match = LOCAL_FUNCTION.match("\n".join(source.code[number - 1 : number + 5]))
            if match:
                types = [re.sub(r"\s*\b\w+\s*$", "", each.strip()) for each in match[2].split(",")]
                yield number, f"{match[1]}({', '.join(types)})"


def clashes(sources):
    """Two files of a folder with one name of their own cannot be compiled together (--unity=on, as tools/dev does)."""
    seen = {}
    for source in sources:
        if source.extension == ".h":
            for line in source.code:
                match = LOCAL_TYPE.match(line) or LOCAL_CONSTANT.match(line)
                if match and line[:1].isalpha():
                    seen.setdefault((os.path.dirname(source.path), match[1]), source.path)
    for source in sources:
        folder = os.path.dirname(source.path)
        if source.extension != ".cc" or folder in APART_FOLDERS:
            continue
        for number, name in local_names(source):
            other = seen.setdefault((folder, name), source.path)
            if other != source.path and not source.allowed(number, "local-name"):
                yield source.path, number, "local-name", f"{name} is a local name of {other}, too"


def unused_arrows(sources, table):
    """What a row of the table may include, but no file of it does."""
    used = {row: set() for row in table.may}
    for source in sources:
        row = table.row_of(source.path) if source.is_cpp else None
        if row is not None:
            used[row].update(re.findall(r'^\s*#\s*include\s+"([^"]+)"', source.text, re.MULTILINE))
    for row, patterns in table.may.items():
        if row.split("/")[0] in PROGRAM_FOLDERS or not used[row]:
            continue
        for pattern in patterns:
            if not any(
                fnmatch.fnmatchcase(table.row_of(path) or "", pattern) or fnmatch.fnmatchcase(path, pattern)
                for path in used[row]
            ):
                yield "docs/architecture.md", 1, "unused-arrow", f"{row} includes nothing of {pattern}"


# ---- counts that may only fall: tools/tidy_counts.txt has those of the last record

COUNTS_FILE = "tools/tidy_counts.txt"
PRODUCT_FOLDERS = ("proto", "core", "cluster", "gateway", "monitor")
# Which links get what is a matter of the table in this file; elsewhere a kind is not compared.
KIND_TABLE = "core/interest/forward_rules.h"
KIND = r"\bKind::k(?:Client|Route|Gateway|Leafnode|Hub|System|Account|Internal)\b"
KIND_COMPARISON = re.compile(rf"[=!]=\s*(?:proto::)?{KIND}|{KIND}\s*[=!]=")
# Words that the glossary has better ones for, and sentences that begin with a free relative clause.
HOMELY = re.compile(
    r"\bso long\b|\bdear\b|\bhear(?:s|d)? of\b|\b(?:tells?|told|telling)\b|\bt(?:akes?|aken|ook) back\b"
    r"|\blets? in\b|(?:^|[.;] )(?:Who|What|Whoever|Whatever) (?![^.]*\?)"
)


def comment_of(line):
    """The text of a // comment, or None."""
    match = re.search(r"(?:^|\s)//+\s?(.*)", line)
    return match[1] if match else None


def counts_of(sources, table):
    """{(rule, row of the table): count}"""
    counts = {}
    for source in sources:
        if not source.is_cpp or source.path.split("/")[0] not in PRODUCT_FOLDERS:
            continue
        row = table.row_of(source.path) or "-"
        found = {"kind-comparison": 0, "homely-words": 0}
        if source.path != KIND_TABLE:
            found["kind-comparison"] = sum(len(KIND_COMPARISON.findall(line)) for line in source.code)
        for line in source.lines:
            found["homely-words"] += len(HOMELY.findall(comment_of(line) or ""))
        for name, count in found.items():
            counts[name, row] = counts.get((name, row), 0) + count
    return {key: count for key, count in counts.items() if count}


def read_counts(root):
    path = os.path.join(root, COUNTS_FILE)
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as stream:
        rows = [line.split() for line in stream if line.strip() and not line.startswith("#")]
    return {(name, row): int(count) for name, row, count in rows}


def record_counts(root):
    tree = Tree(root)
    counts = counts_of(list(tree.sources()), tree.table)
    with open(os.path.join(root, COUNTS_FILE), "w", encoding="utf-8") as out:
        out.write("# What tidy.py counted: each may only fall. `tools/tidy.py --record` writes it anew.\n")
        for (name, row), count in sorted(counts.items()):
            out.write(f"{name} {row} {count}\n")


def rises(counts, recorded):
    for (name, row), count in sorted(counts.items()):
        most = recorded.get((name, row), 0)
        if count > most:
            yield COUNTS_FILE, 1, name, f"{count} in {row}, at most {most}"


def asserts_reported(sources):
    lines = asserts = static_asserts = 0
    for source in sources:
        if source.is_cpp and source.path.split("/")[0] in PRODUCT_FOLDERS:
            lines += len(source.lines)
            for line in source.code:
                asserts += len(re.findall(r"(?<!static_)\bassert\(", line))
                static_asserts += len(re.findall(r"\bstatic_assert\(", line))
    if not lines:
        return []
    return [f"{asserts} asserts and {static_asserts} static ones in {lines} lines of the product: "
            f"{1000 * (asserts + static_asserts) / lines:.1f} per 1,000"]  # fmt: skip


class Tree:
    def __init__(self, root):
        self.root = root
        self.paths = set(list_files(root))
        self.paths.update(list(self.generated_headers()))
        with open(os.path.join(root, "docs/architecture.md"), encoding="utf-8") as page:
            self.table = Table(page.read())
        if not self.table.may:
            raise SystemExit("tidy.py: no layer table in docs/architecture.md")

    def generated_headers(self):
        """Headers that Meson writes: they are included like others, but are not in the tree."""
        for path in self.paths:
            if os.path.basename(path) == "meson.build":
                with open(os.path.join(self.root, path), encoding="utf-8") as build:
                    for name in re.findall(r"output:\s*'([^'@]+\.h)'", build.read()):
                        yield os.path.join(os.path.dirname(path), name)

    def sources(self):
        for path in sorted(self.paths):
            full = os.path.join(self.root, path)
            if os.path.islink(full) or not os.path.isfile(full):
                continue
            with open(full, "rb") as stream:
                raw = stream.read()
            if b"\0" in raw or path.endswith((".lock", "-lock.json", "go.sum")) or "/corpus/" in path:
                continue
            yield Source(path, raw.decode("utf-8", "replace"))

    def missing_readmes(self):
        for folder in sorted(self.table.may):
            if f"{folder}/meson.build" in self.paths and f"{folder}/README.md" not in self.paths:
                yield f"{folder}/README.md", 1, "readme-missing", "each folder of the table has one"


def list_files(root):
    """What git knows or would add; without git, everything outside of build folders."""
    command = ["git", "-c", "safe.directory=*", "-C", root, "ls-files", "-z", "-co", "--exclude-standard"]
    try:
        done = subprocess.run(command, capture_output=True, check=True)
        found = [name for name in done.stdout.decode().split("\0") if name]
        if found:
            return [name for name in found if os.path.lexists(os.path.join(root, name))]
    except (OSError, subprocess.CalledProcessError):
        pass
    found = []
    for base, folders, names in os.walk(root):
        folders[:] = [f for f in folders if not f.startswith("build") and f not in COMMIT_FREE_FOLDERS]
        found += [os.path.relpath(os.path.join(base, name), root) for name in names]
    return found


def check(root):
    """(violations, reports) of a tree; a violation is (path, line, rule, text)."""
    tree = Tree(root)
    violations = list(tree.missing_readmes())
    reports = []
    long_lines = 0
    sources = list(tree.sources())
    violations += clashes(sources)
    violations += unused_arrows(sources, tree.table)
    counts, recorded = counts_of(sources, tree.table), read_counts(root)
    if recorded is not None:
        violations += rises(counts, recorded)
        fallen = sum(recorded.values()) - sum(counts.values())
        if fallen > 0:
            reports.append(f"counts of {COUNTS_FILE} have fallen by {fallen}: record them (--record)")
    reports += asserts_reported(sources)
    for source in sources:
        for name, function in RULES.items():
            for number, text in function(source, tree):
                if not source.allowed(number, name):
                    violations.append((source.path, number, name, text))
        if source.is_cpp:
            if len(source.lines) > FILE_LINES_REPORTED:
                reports.append(f"{source.path} has {len(source.lines)} lines; does it hold two concepts?")
            long_lines += sum(len(line.rstrip()) > CPP_COLUMNS for line in source.measured)
    if long_lines:
        reports.append(f"{long_lines} lines are above {CPP_COLUMNS} columns")
    return violations, reports


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    parser.add_argument("--list", action="store_true", help="list the rules")
    parser.add_argument("--record", action="store_true", help=f"write {COUNTS_FILE} anew")
    parser.add_argument("--quiet", action="store_true", help="no reports")
    options = parser.parse_args()
    if options.list:
        print("\n".join(sorted([*RULES, *OTHER_RULES])))
        return 0
    if options.record:
        record_counts(options.root)
    violations, reports = check(options.root)
    for path, number, name, text in violations:
        print(f"{path}:{number}: {name}: {text}")
    if not options.quiet:
        for text in reports:
            print(f"report: {text}")
    print(f"tidy: {len(violations)} violations")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
