#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a file's bytes as a C array, for the linker.

usage: embed.py FILE NAME OUT.c"""
import pathlib
import sys


def main():
    source, name, out = sys.argv[1:]
    data = pathlib.Path(source).read_bytes()
    lines = [",".join(map(str, data[at:at + 24])) + "," for at in range(0, len(data), 24)]
    pathlib.Path(out).write_text(
        "#include <stddef.h>\n"
        f"extern const unsigned char {name}[];\n"
        f"extern const size_t {name}_size;\n"
        f"const unsigned char {name}[] = {{\n" + "\n".join(lines) + "\n};\n"
        f"const size_t {name}_size = {len(data)};\n")


main()
