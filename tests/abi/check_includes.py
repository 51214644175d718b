#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: the rings of docs/internals/rings.md hold.
Method: reads every #include "…" below lib/ and every one below apps/,
bindings/ and examples/, and asks the table whether it may be.

usage: check_includes.py ROOT"""
import pathlib
import re
import sys

BASE = {"base"}
SECOND = {"message", "text", "journal", "cloud"}
AREAS = {"auth", "limit", "guard", "embed", "cache", "route", "wire", "audit",
         "vault", "store"}


def may_include(folder):
    if folder in BASE:
        return {folder}
    if folder in SECOND:
        return BASE | {folder}
    if folder in AREAS:
        return BASE | SECOND | {folder}
    if folder == "gateway":
        return BASE | SECOND | AREAS | {folder}
    # The runtime drives the gateway by its public header only.
    return BASE | {folder}


BANNED = re.compile(r"\b(strcpy|strcat|sprintf|strtok|atoi|gets|alloca|localtime|gmtime)\s*\(")
BARE_HEAP = re.compile(r"(?<![.>\w])(malloc|calloc|realloc|free)\s*\(")


def code(path):
    return re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group(0).count("\n"),
                  path.read_text(), flags=re.S)


def check_lib(root):
    seen = 0
    for path in sorted((root / "lib").rglob("*.[ch]")):
        folder = path.relative_to(root / "lib").parts[0]
        for number, line in enumerate(code(path).splitlines(), 1):
            where = f"{path.relative_to(root)}:{number}"
            m = re.match(r'\s*#\s*include\s+"([^"/]+)/', line)
            if m:
                seen += 1
                if m.group(1) not in may_include(folder):
                    yield f"{where}: {folder} may not include {m.group(1)}"
            if BANNED.search(line):
                yield f"{where}: a banned function: {line.strip()}"
            if folder != "base" and BARE_HEAP.search(line):
                yield f"{where}: memory comes from lib/base: {line.strip()}"
            if folder != "runtime" and re.search(
                    r"<(sys/socket|netdb|pthread|sys/epoll|threads)\.h>", line) and not (
                    folder == "gateway" and "pthread" in line):
                yield f"{where}: sockets and threads belong to lib/runtime"
    if not seen:
        yield "no include was found at all: is this the right folder?"


def check_outside(root):
    for top in ("apps", "bindings", "examples"):
        for path in sorted((root / top).rglob("*.[ch]")):
            for number, line in enumerate(code(path).splitlines(), 1):
                where = f"{path.relative_to(root)}:{number}"
                if re.match(r'\s*#\s*include\s+"[^"]*lib/', line) or re.match(
                        r'\s*#\s*include\s+"(base|message|wire|gateway|runtime)/', line):
                    yield f"{where}: only <llmproxy/…> outside lib/"
                if BANNED.search(line):
                    yield f"{where}: a banned function: {line.strip()}"


def main():
    root = pathlib.Path(sys.argv[1])
    problems = [*check_lib(root), *check_outside(root)]
    print("\n".join(problems) or "the rings hold")
    return 1 if problems else 0


sys.exit(main())
