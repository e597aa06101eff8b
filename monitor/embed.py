#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a C++ source that returns the contents of a file.

usage: embed.py INPUT OUTPUT
"""

import sys

BYTES_PER_LINE = 24


def main():
    source, target = sys.argv[1:]
    with open(source, "rb") as stream:
        content = stream.read()
    with open(target, "w", encoding="ascii") as out:
        out.write('#include "monitor/dashboard.h"\n\nnamespace nuring::monitor {\nnamespace {\n\n')
        out.write("constexpr unsigned char kBytes[] = {\n")
        for start in range(0, len(content), BYTES_PER_LINE):
            out.write(",".join(str(byte) for byte in content[start : start + BYTES_PER_LINE]) + ",\n")
        out.write("};\n\n}  // namespace\n\n")
        out.write("std::string_view dashboard_html() {\n")
        out.write("    return {reinterpret_cast<const char*>(kBytes), sizeof kBytes};\n}\n\n")
        out.write("}  // namespace nuring::monitor\n")


main()
