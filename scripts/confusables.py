#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the table of characters that look like ASCII letters and digits: from
Unicode's confusables (UTS 39), as the package confusable_homoglyphs has them,
and from the names of letters that are a Latin one with something added.

usage: confusables.py OUT.c"""
import json
import pathlib
import re
import string
import sys
import unicodedata

ADDED = re.compile(
    r"LATIN (?:SMALL|CAPITAL) LETTER (?:DOTLESS |SCRIPT )?([A-Z])(?: WITH .*)?|"
    r"LATIN LETTER SMALL CAPITAL ([A-Z])|"
    r"NEGATIVE (?:SQUARED|CIRCLED) LATIN CAPITAL LETTER ([A-Z])|"
    r"REGIONAL INDICATOR SYMBOL LETTER ([A-Z])")

# Letters that are written in place of others although Unicode's table has
# them look like something else.
WRITTEN = {0x3BA: "k", 0x3C4: "t", 0x4CF: "l", 0x51A: "q", 0x399: "i"}


def package():
    """Beside the interpreter that runs this, or where Debian puts it."""
    places = [*sys.path, "/usr/lib/python3/dist-packages"]
    for place in places:
        file = pathlib.Path(place) / "confusable_homoglyphs" / "confusables.json"
        if file.is_file():
            return json.loads(file.read_text("utf-8"))
    sys.exit("confusables.py: needs python3-confusable-homoglyphs")


def by_name():
    for code in range(0x80, 0x20000):
        match = ADDED.fullmatch(unicodedata.name(chr(code), ""))
        if match:
            yield code, next(filter(None, match.groups())).lower()


def by_look(known):
    for letter in string.ascii_letters + string.digits:
        for other in known.get(letter, ()):
            if len(other["c"]) == 1 and ord(other["c"]) > 0x7F:
                yield ord(other["c"]), letter.lower()


def main():
    table = dict(by_name()) | dict(by_look(package())) | WRITTEN
    # What has a compatible form is folded to that before anybody looks here.
    table = {code: to for code, to in table.items()
             if unicodedata.normalize("NFKC", chr(code)) == chr(code)}
    rows = "".join(f"    {{ 0x{code:x}, '{to}' }},\n" for code, to in sorted(table.items()))
    pathlib.Path(sys.argv[1]).write_text(
        '#include "text/fold.h"\n'
        "const struct llmp_lookalike llmp_lookalikes[] = {\n" + rows + "};\n"
        f"const size_t llmp_lookalike_count = {len(table)};\n")


main()
