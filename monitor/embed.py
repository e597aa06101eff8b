#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a C++ source that returns the dashboard page.

usage: embed.py INPUT OUTPUT

The page gets its Content-Security-Policy here: the hashes of its one script and one style sheet are
computed, not kept by hand. Tests that serve the page themselves import page().
"""

import base64
import hashlib
import re
import sys

BYTES_PER_LINE = 24
PLACE = "<!-- embed.py: Content-Security-Policy -->"


def digest(tag, text):
    """The CSP source that allows the one inline element of this tag."""
    blocks = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    if len(blocks) != 1:
        raise SystemExit(f"embed.py: {len(blocks)} <{tag}> elements, there must be one")
    return "'sha256-" + base64.b64encode(hashlib.sha256(blocks[0].encode()).digest()).decode() + "'"


def page(path):
    with open(path, encoding="utf-8", newline="") as stream:
        text = stream.read()
    if text.count(PLACE) != 1:
        raise SystemExit(f"embed.py: no place for the policy: {PLACE}")
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src {digest('script', text)}",
            f"style-src {digest('style', text)}",
            "connect-src 'self'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    )
    return text.replace(PLACE, f'<meta http-equiv="Content-Security-Policy" content="{policy}">').encode()


def main():
    source, target = sys.argv[1:]
    content = page(source)
    with open(target, "w", encoding="ascii") as out:
        out.write('#include "monitor/dashboard.h"\n\nnamespace nuring::monitor {\nnamespace {\n\n')
        out.write("constexpr unsigned char kBytes[] = {\n")
        for start in range(0, len(content), BYTES_PER_LINE):
            out.write(",".join(str(byte) for byte in content[start : start + BYTES_PER_LINE]) + ",\n")
        out.write("};\n\n}  // namespace\n\n")
        out.write("std::string_view dashboard_html() {\n")
        out.write("    return {reinterpret_cast<const char*>(kBytes), sizeof kBytes};\n}\n\n")
        out.write("}  // namespace nuring::monitor\n")


if __name__ == "__main__":
    main()
