#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of tidy.py: each rule finds what it is for, and leaves alone what is right."""

import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import tidy  # noqa: E402

PAGE = """
| Folder | May include | Only door to |
| --- | --- | --- |
| proto | | `simdjson.h` |
| core/base | | |
| core/log | core/base | |
| core/ring | core/base core/log | `liburing.h` |
| cluster | core/* proto | |
| gateway | core/* proto | |
| monitor | core/* cluster/*_snapshot.h | |
| tests | core/* proto | |
"""
LICENSE = "// SPDX-License-Identifier: Apache-2.0\n"


def header(body="", comment="// What it is.\n"):
    return LICENSE + comment + "#pragma once\n" + body


class TidyTest(unittest.TestCase):
    def found(self, files):
        """The violations of a tree with these files."""
        with tempfile.TemporaryDirectory() as root:
            files = {"docs/architecture.md": PAGE, **files}
            for path, text in files.items():
                full = os.path.join(root, path)
                os.makedirs(os.path.dirname(full), exist_ok=True)
                with open(full, "w", encoding="utf-8") as out:
                    out.write(text)
            return tidy.check(root)[0]

    def violations(self, files, rule=None):
        """The rules that the tree breaks, with the files."""
        return sorted({(path, name) for path, _, name, _ in self.found(files) if rule in (None, name)})

    def texts(self, files, rule):
        return [text for _, _, name, text in self.found(files) if name == rule]

    def broken(self, rule, files):
        return [path for path, _ in self.violations(files, rule)]

    def test_a_right_tree_breaks_nothing(self):
        files = {
            "core/base/ids.h": header("struct Id {};\n"),
            "core/log/log.h": header('#include "core/base/ids.h"\n#include "absl/status/status.h"\n'),
            "proto/subject.h": header(),
            "cluster/route.cc": LICENSE + '#include "core/log/log.h"\n#include "proto/subject.h"\n',
        }
        self.assertEqual(self.violations(files), [])

    def test_layers_forbid_what_the_table_does_not_list(self):
        files = {
            "core/base/ids.h": header('#include "core/log/log.h"\n'),
            "core/log/log.h": header(),
            "cluster/route.cc": LICENSE + '#include "gateway/gateways.h"\n',
            "gateway/gateways.h": header(),
        }
        self.assertEqual(self.broken("layers", files), ["cluster/route.cc", "core/base/ids.h"])

    def test_layers_forbid_to_declare_what_is_above(self):
        files = {
            "core/log/log.h": header("namespace nuring::ring {\nclass Ring;\n}\n"),
            "core/ring/ring.h": header("namespace nuring::log {\nclass Log;\n}\nnamespace nuring::ring {}\n"),
        }
        self.assertEqual(self.broken("layers", files), ["core/log/log.h"])

    def test_a_program_is_executable(self):
        program = "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n"
        self.assertEqual(self.broken("executable", {"tools/run": program, "tools/text": "plain\n"}), ["tools/run"])

    def test_layers_know_patterns_of_files(self):
        files = {
            "monitor/a.cc": LICENSE + '#include "cluster/route_snapshot.h"\n',
            "monitor/b.cc": LICENSE + '#include "cluster/route.h"\n',
            "cluster/route_snapshot.h": header(),
            "cluster/route.h": header(),
        }
        self.assertEqual(self.broken("layers", files), ["monitor/b.cc"])

    def test_layers_keep_the_doors(self):
        files = {
            "core/ring/uring.cc": LICENSE + "#include <liburing.h>\n",
            "core/log/log.cc": LICENSE + "#include <liburing.h>\n",
            "tests/probe.cc": LICENSE + "#include <liburing.h>\n",
        }
        self.assertEqual(self.broken("layers", files), ["core/log/log.cc"])

    def test_layers_want_each_file_in_a_folder_of_the_table(self):
        self.assertEqual(self.broken("layers", {"other/a.cc": LICENSE}), ["other/a.cc"])

    def test_layers_can_be_excused_with_a_reason(self):
        line = '#include <liburing.h>  // tidy: allow layers, probes the header\n'
        self.assertEqual(self.broken("layers", {"core/log/log.cc": LICENSE + line}), [])

    def test_includes_are_written_from_the_root(self):
        files = {
            "core/base/ids.h": header(),
            "core/base/a.cc": LICENSE + '#include "ids.h"\n',
            "core/base/b.cc": LICENSE + '#include "core/base/ids.h"\n#include "fmt/format.h"\n',
        }
        self.assertEqual(self.broken("include-root", files), ["core/base/a.cc"])

    def test_includes_may_name_what_meson_writes(self):
        files = {
            "core/base/meson.build": "configure_file(output: 'version.h')\n",
            "core/base/a.cc": LICENSE + '#include "core/base/version.h"\n',
        }
        self.assertEqual(self.broken("include-root", files), [])
        self.assertEqual(self.broken("layers", files), [])

    def test_license_is_stated(self):
        files = {
            "proto/a.cc": "int a;\n",
            "tools/b": "#!/bin/sh\necho\n",
            "tools/c": "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n",
        }
        self.assertEqual(self.broken("spdx", files), ["proto/a.cc", "tools/b"])

    def test_headers_have_a_guard(self):
        self.assertEqual(self.broken("pragma-once", {"proto/a.h": LICENSE}), ["proto/a.h"])

    def test_headers_and_classes_say_what_they_are(self):
        files = {
            "proto/a.h": header(comment=""),
            "proto/b.h": header("class B {\n};\n"),
            "proto/c.h": header("// C is.\nclass C : public B {\n};\nclass D;\n"),
            "proto/d.h": header("// D is.\ntemplate <class T>\nclass D {\n};\n"),
            "proto/e.h": header("class B::State {\n};\n"),
        }
        self.assertEqual(self.broken("header-comment", files), ["proto/a.h", "proto/b.h"])

    def test_asserts_stay(self):
        files = {
            "proto/a.cc": LICENSE + "#ifdef NDEBUG\n#endif\n",
            "proto/b.cc": LICENSE + "// NDEBUG is not for us\n",
            "meson.build": "project('x', 'cpp', default_options: ['b_ndebug=" + "true'])\n",
        }
        self.assertEqual(self.broken("ndebug", files), ["meson.build", "proto/a.cc"])

    def test_lines_end(self):
        files = {
            "proto/a.cc": LICENSE + "// " + "x" * 120 + "\n",
            "proto/b.cc": LICENSE + 'f("' + "x" * 120 + '");\n',
            "proto/c.cc": LICENSE + 'R"(\n' + "x" * 120 + '\n)"\n',
        }
        self.assertEqual(self.broken("line-length", files), ["proto/a.cc"])

    def test_whitespace_is_clean(self):
        files = {
            "proto/a.cc": LICENSE + "int a; \n",
            "proto/b.cc": LICENSE + "\tint a;\n",
            "proto/c.cc": LICENSE + "int a;",
        }
        self.assertEqual(self.broken("whitespace", files), ["proto/a.cc", "proto/b.cc", "proto/c.cc"])

    def test_words_that_say_nothing_are_banned(self):
        bad = [
            "class BufferManager {};",
            "struct MessageData {",
            "namespace string_util {",
            "void process_line(int x) {",
            "int tmp = 0;",
            "struct LinkInfo {",
            "using RouteContext = int;",
        ]
        good = [
            "struct ServerInfo {",
            "auto* first = text.data();",
            "// a manager of data",
            'log("manager");',
            "struct addrinfo hints = {};",
            "struct ServerInfo final : Base {",
            "int template_index = 0;",
        ]
        for index, line in enumerate(bad):
            with self.subTest(line):
                self.assertEqual(self.broken("banned-word", {"proto/a.cc": LICENSE + line + "\n"}), ["proto/a.cc"])
        for line in good:
            with self.subTest(line):
                self.assertEqual(self.broken("banned-word", {"proto/a.cc": LICENSE + line + "\n"}), [])
        self.assertEqual(self.broken("banned-word", {"proto/link_data.h": header()}), ["proto/link_data.h"])

    def test_paths_of_a_machine_are_found(self):
        files = {
            "proto/a.cc": LICENSE + "// see /ho" + "me/me/notes\n",
            "tools/b.sh": "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\npip --index-" + "url http://x\n",
            "docs/c.md": "under `/usr/share/nats-uring` or https://example.com/home/page\n",
        }
        self.assertEqual(self.broken("foreign-path", files), ["proto/a.cc", "tools/b.sh"])

    def test_core_holds_folders_only(self):
        self.assertEqual(self.broken("core-has-no-files", {"core/a.cc": LICENSE}), ["core/a.cc"])

    def test_folders_have_short_readmes(self):
        files = {
            "proto/meson.build": "",
            "cluster/meson.build": "",
            "cluster/README.md": "x\n" * 51,
        }
        self.assertEqual(self.broken("readme-missing", files), ["proto/README.md"])
        self.assertEqual(self.broken("readme-length", files), ["cluster/README.md"])

    def test_links_of_pages_lead_somewhere(self):
        files = {
            "docs/a.md": "[b](b.md) [c](../proto/c.h#x) [d](https://example.com) [self](#top)\n",
            "docs/b.md": "[e](e.md)\n",
            "proto/c.h": header(),
        }
        self.assertEqual(self.broken("dead-link", files), ["docs/b.md"])

    def test_local_names_of_a_folder_differ(self):
        def source(*lines):
            text = "\n".join(lines)
            return LICENSE + f"namespace nuring {{\nnamespace {{\n{text}\n}}  // namespace\n}}\n"

        files = {
            "proto/a.cc": source("constexpr int kSize = 4;", "using testing::Eq;", "int f(int a) {", "}"),
            "proto/b.cc": source("constexpr size_t kSize = 4;"),
            "proto/c.cc": source("using testing::Eq;", "int f(int b) {", "}"),
            "proto/d.cc": source("int f(char* a) {", "}", "struct kSize;"),
            "proto/e.cc": LICENSE + "static int f(char* at) {\n}\n",
            "cluster/a.cc": source("constexpr int kSize = 4;"),
        }
        self.assertEqual(self.broken("local-name", files), ["proto/b.cc", "proto/c.cc", "proto/e.cc"])

    def test_arrows_of_the_table_are_used(self):
        files = {
            "core/log/log.h": header('#include "core/base/ids.h"\n'),
            "core/base/ids.h": header(),
            "core/ring/ring.h": header('#include "core/base/ids.h"\n'),
            "cluster/route.cc": LICENSE + '#include "core/ring/ring.h"\n#include "proto/a.h"\n',
            "proto/a.h": header(),
        }
        with_unused = self.texts(files, "unused-arrow")
        self.assertEqual(with_unused, ["core/ring includes nothing of core/log"])

    def test_counts_only_fall(self):
        comments = "// Who reads it is told.\n// Why? What for?\n// It takes back what nobody has heard of.\n"
        files = {
            "core/log/log.h": header("bool b = kind == Kind::kRoute || Kind::kHub != kind;\n", comments),
            "tests/a.h": header(comments),
            "core/interest/forward_rules.h": header("bool b = kind == Kind::kRoute;\n", "// A table.\n"),
        }
        limits = "# comment\nhomely-words core/log %d\nkind-comparison core/log %d\n"
        self.assertEqual(self.texts({**files, "tools/tidy_counts.txt": limits % (4, 2)}, "homely-words"), [])
        self.assertEqual(self.texts({**files, "tools/tidy_counts.txt": limits % (4, 2)}, "kind-comparison"), [])
        self.assertEqual(self.texts({**files, "tools/tidy_counts.txt": limits % (3, 2)}, "homely-words"),
                         ["4 in core/log, at most 3"])  # fmt: skip
        self.assertEqual(self.texts({**files, "tools/tidy_counts.txt": limits % (9, 1)}, "kind-comparison"),
                         ["2 in core/log, at most 1"])  # fmt: skip
        self.assertEqual(self.texts(files, "homely-words"), [])  # nothing is recorded

    def test_every_rule_has_a_test(self):
        with open(os.path.abspath(__file__), encoding="utf-8") as source:
            text = source.read()
        for name in [*tidy.RULES, *tidy.OTHER_RULES]:
            self.assertIn(f'"{name}"', text)


if __name__ == "__main__":
    unittest.main()
