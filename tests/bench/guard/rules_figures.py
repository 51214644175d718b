#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the rules of injections and of moderation find by themselves, in sets of
attacks and of harmless texts, with 95 % intervals by Wilson's method.

usage: rules_figures.py --data FOLDER --scan BINARY [--evaluate] [--show SET]

--data has the sets as lines of {"text": …, "label": …}; --scan is guard_scan.
Rules are chosen by the sets for training; those for evaluation only are read
with --evaluate.
"""

import argparse
import json
import math
import pathlib
import subprocess

# Set, whether its texts are harmful (None: as "label" says), kinds that count.
TRAINING = [
    ("jailbreak_in_the_wild", True, "injection."),
    ("jailbreak_jbb", True, "injection."),
    ("injection_cyberseceval", True, "injection."),
    ("indirect_injection_bipia", True, "injection."),
    ("benign_documents_bipia", False, "injection."),
    ("benign_security_questions", False, "injection."),
    ("benign_security_questions", False, "moderation."),
    ("benign_documents_bipia", False, "moderation."),
    ("benign_system_prompts", False, "moderation."),
]
EVALUATION = [
    ("eval_notinject", False, "injection."),
    ("eval_wildguard_benign", False, "injection."),
    ("eval_injecguard_valid", None, "injection."),
    ("eval_notinject", False, "moderation."),
    ("eval_wildguard_benign", False, "moderation."),
    ("hate_hatecheck", None, "moderation."),
]


def wilson(hits, n):
    z, p = 1.96, hits / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return 100 * (middle - half), 100 * (middle + half)


class Scanner:
    def __init__(self, binary):
        self.process = subprocess.Popen(
            [binary, "words"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def finds(self, text):
        data = text.encode("utf-8", "surrogatepass")
        self.process.stdin.write(b"%d\n" % len(data) + data)
        self.process.stdin.flush()
        kinds = []
        while (line := self.process.stdout.readline()) != b"\n":
            kinds.append(line.decode().split()[0])
        return kinds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--scan", required=True)
    parser.add_argument("--evaluate", action="store_true")
    parser.add_argument("--show", help="print what is found in the texts of this set")
    args = parser.parse_args()
    scanner = Scanner(args.scan)
    print("| set | kinds | texts | found | 95 % |\n|---|---|---|---|---|")
    for name, harmful, head in EVALUATION if args.evaluate else TRAINING:
        lines = (args.data / f"{name}.jsonl").read_text("utf-8").strip().split("\n")
        groups = {}
        for sample in map(json.loads, lines):
            bad = bool(sample.get("label")) if harmful is None else harmful
            kinds = [k for k in scanner.finds(sample["text"]) if k.startswith(head)]
            groups.setdefault(bad, []).append(bool(kinds))
            if kinds and name == args.show:
                print(sorted(set(kinds)), sample["text"][:300].replace("\n", " "))
        for bad, found in sorted(groups.items()):
            low, high = wilson(sum(found), len(found))
            which = "harmful" if bad else "harmless"
            print(
                f"| {name}, {which} | {head}* | {len(found)} "
                f"| {100 * sum(found) / len(found):.1f} % | {low:.1f}–{high:.1f} |"
            )


main()
