#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: kill -9 loses nothing that was acknowledged and books nothing twice.
Method: starts a program that books exchanges, kills it at a random moment,
again and again on the same files; then reads every row and compares them with
what the program had said. LLMP_CRASH_ROUNDS or the last argument sets how
often.

usage: run.py PROGRAM [ROUNDS]"""
import os
import random
import subprocess
import sys
import tempfile
import time

REPORTED, UNKNOWN = "1", "3"
SPENT, RESERVED = 7, 100


def killed_run(program, folder, number, milliseconds):
    """What the program had begun and what was acknowledged when it died."""
    output = f"{folder}/out.{number}"
    with open(output, "wb") as out:
        process = subprocess.Popen([program, "run", folder, f"r{number}"], stdout=out,
                                   stderr=subprocess.PIPE)
        time.sleep(milliseconds / 1000)
        process.kill()
        _, problems = process.communicate()
    if process.returncode != -9:
        raise SystemExit(f"round {number} ended by itself: {problems.decode()}")
    said = {"B": set(), "E": set(), "Q": set()}
    with open(output, encoding="ascii") as lines:
        for line in lines:
            said[line[0]].add(line[2:].rstrip("\n"))
    os.unlink(output)
    return said["B"], said["E"]


def read_all(program, folder):
    out = subprocess.run([program, "check", folder], check=True, capture_output=True,
                         text=True).stdout.splitlines()
    rows = [line.split()[1:] for line in out if line.startswith("R ")]
    counted = next(int(line[2:]) for line in out if line.startswith("C "))
    left = next(int(line[2:]) for line in out if line.startswith("J "))
    return rows, counted, left


def compare(begun, ended, rows, counted, left):
    problems = []
    basis = {row[0]: row[1] for row in rows}
    if len(basis) != len(rows):
        problems.append("a row is booked twice")
    problems += [f"acknowledged, but not booked as reported: {i}, basis {basis.get(i)}"
                 for i in ended if basis.get(i) != REPORTED]
    problems += [f"begun, but not booked: {i}" for i in begun if i not in basis]
    # Killed between call and line, it may be one step further than it said.
    problems += [f"a basis that nobody gave: {row}" for row in rows
                 if row[1] not in (REPORTED, UNKNOWN)]
    problems += [f"a silent zero: {row}" for row in rows
                 if row[1] == UNKNOWN and row[3] != "50"]
    wanted = sum(SPENT if b == REPORTED else RESERVED for b in basis.values())
    if counted != wanted:
        problems.append(f"the counter says {counted}, the rows {wanted}")
    if left:
        problems.append(f"{left} journal records are not settled")
    return problems


def main():
    program = sys.argv[1]
    rounds = int(os.environ.get("LLMP_CRASH_ROUNDS") or (sys.argv[2:] or [50])[0])
    seed = int(os.environ.get("LLMP_CRASH_SEED") or time.time())
    random.seed(seed)
    begun, ended = set(), set()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            b, e = killed_run(program, folder, number, random.uniform(5, 120))
            begun |= b
            ended |= e
        rows, counted, left = read_all(program, folder)
        problems = compare(begun, ended, rows, counted, left)
        if not problems and read_all(program, folder) != (rows, counted, left):
            problems = ["reading it once more changed it"]
    unknown = sum(row[1] == UNKNOWN for row in rows)
    print("\n".join(problems[:20]) or "ok",
          f"seed {seed}: {rounds} rounds, {len(begun)} begun, {len(ended)} acknowledged, "
          f"{len(rows)} rows, {unknown} unknown", sep="\n")
    return 1 if problems or not ended or not unknown else 0


sys.exit(main())
