#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: the library's surface is what the headers say, no more and no less.
Method: compares the functions marked LLMP_API with what the shared library
exports, and checks that no symbol of the static library lacks the prefix
(llhttp's are in it where the system has no library of it).

usage: check_symbols.py SHARED STATIC HEADER…"""
import re
import subprocess
import sys


def declared(headers):
    names = set()
    for path in headers:
        text = re.sub(r"/\*.*?\*/", "", open(path).read(), flags=re.S)
        for match in re.finditer(r"\bLLMP_API\b([^;{]*?)\(", text):
            if match.group(0).startswith("LLMP_API __attribute__"):
                continue
            words = re.findall(r"\w+", match.group(1))
            if words:
                names.add(words[-1])
    return {n for n in names if n.startswith("llmp_")}


def symbols(path, *flags):
    out = subprocess.run(["nm", *flags, path], capture_output=True, text=True,
                         check=True).stdout
    for line in out.splitlines():
        parts = line.split()
        if len(parts) == 3 and parts[1] in "TDBRVW":
            yield parts[2].split("@")[0]


def main():
    shared, static, *headers = sys.argv[1:]
    want = declared(headers)
    have = {s for s in symbols(shared, "-D", "--defined-only")
            if not s.startswith("LLMPROXY_")}
    bare = sorted({s for s in symbols(static, "-g", "--defined-only")
                   if not s.startswith(("llmp_", "__", "llhttp_"))})
    problems = [f"declared but not exported: {s}" for s in sorted(want - have)]
    problems += [f"exported but not declared: {s}" for s in sorted(have - want)]
    problems += [f"without the prefix: {s}" for s in bare]
    print("\n".join(problems) or f"{len(want)} functions agree")
    return 1 if problems or not want else 0


sys.exit(main())
