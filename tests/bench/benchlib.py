# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: building, naming the machine, writing figures."""

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
BUILD = os.path.join(ROOT, "build-bench")


def build(*targets):
    """Builds `targets` as a release in build-bench."""
    if not os.path.exists(os.path.join(BUILD, "build.ninja")):
        subprocess.run(["meson", "setup", "--buildtype=release", BUILD, ROOT],
                       check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", BUILD, *targets], check=True,
                   stdout=subprocess.DEVNULL)
    return [os.path.join(BUILD, t) for t in targets]


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                return f"{line.split(':', 1)[1].strip()}, {os.cpu_count()} cores"
    return platform.processor()


def commit():
    out = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"],
                         capture_output=True, text=True, check=False)
    return out.stdout.strip() or "unknown"


def arguments(description):
    parser = argparse.ArgumentParser(
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true",
                        help="under 50 s, for a first impression")
    parser.add_argument("--json", metavar="FILE", help="write the figures here")
    return parser


def write_json(path, result):
    """One flat object: metric to number, plus machine, date, commit."""
    if not path:
        return
    result = dict(result) | {
        "machine": machine(), "commit": commit(),
        "date": datetime.datetime.now(datetime.timezone.utc)
        .isoformat(timespec="seconds")}
    with open(path, "w", encoding="utf-8") as f:
        json.dump(result, f, indent=1)
        f.write("\n")


def median(values):
    return statistics.median(values) if values else float("nan")


def table(head, rows):
    """Prints rows under a head, the first column left, the others right."""
    cells = [[str(c) for c in row] for row in [head, *rows]]
    widths = [max(len(r[i]) for r in cells) for i in range(len(head))]
    for row in cells:
        print("  ".join(c.ljust(w) if i == 0 else c.rjust(w)
                        for i, (c, w) in enumerate(zip(row, widths))), flush=True)
