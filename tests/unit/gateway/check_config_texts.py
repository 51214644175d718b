#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Goal: the generated texts are right where only other programs can tell.

- docs/reference/config.md and docs/openapi.json are what the tables say now;
  with --write they are made so.
- The JSON Schema is JSON and, where Python's jsonschema is installed, a valid
  schema of its draft.
- Every examples/*.yaml is accepted, and the schema agrees; texts
  that are wrong are refused by both.

Usage: check_config_texts.py WRITE_CONFIG SOURCE_ROOT [--write]
"""
import json
import os
import pathlib
import re
import subprocess
import sys

ENV = {name: f"sk-{name.lower().replace('_', '-')}" for name in (
    "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "MISTRAL_API_KEY", "GROQ_API_KEY",
    "DEEPSEEK_API_KEY", "OPENROUTER_API_KEY", "GEMINI_API_KEY")}

# What the schema can tell, the gateway must tell as well.
WRONG = """
providers: []
---
providers: [{name: openai, nonsense: 1}]
---
providers: [{nome: openai}]
---
providers: [{name: 1}]
---
providers: [{name: openai, connections: -1}]
---
providers: [{name: openai, http2: "yes"}]
---
providers: [{name: openai, timeouts: {idle: 30}}]
---
providers: [{name: openai, timeouts: {idle: 30x}}]
---
providers: [{name: openai, transport: pigeon}]
---
providers: [{name: openai, headers: {a: 1}}]
---
providers: [{name: openai}]
server: {listen: []}
---
providers: [{name: openai}]
server: {limits: {body: 1MB}}
---
providers: [{name: openai}]
server: {tls: {cert: a}}
---
providers: [{name: openai}]
models: [{provider: openai}]
---
- 1
""".split("---\n")

# What the gateway accepts, the schema must accept as well.
RIGHT = """
providers: [{name: openai}]
---
server:
providers: [{name: openai, headers: , timeouts: }]
models:
---
server: {workers: "${N:-2}", http2: "${B:-true}", listen: ["127.0.0.1:1"],
  limits: {body: 1024, header: "${S:-2KiB}"}, timeouts: {idle: "${T:-1s}"}}
providers: [{name: a, preset: "${P:-groq}"}]
""".split("---\n")


def run(program, what, text=""):
    return subprocess.run([program, what], input=text, text=True,
                          env={**os.environ, **ENV}, capture_output=True)


def yaml_1_2_loader(yaml):
    """PyYAML follows YAML 1.1, editors and the gateway 1.2."""
    class Loader(yaml.SafeLoader):
        yaml_implicit_resolvers = {}

    for tag, pattern, first in (
            ("bool", r"^(true|True|TRUE|false|False|FALSE)$", "tTfF"),
            ("null", r"^(~|null|Null|NULL|)$", ["~", "n", "N", ""]),
            ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
            ("float", r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$",
             "-+.0123456789")):
        Loader.add_implicit_resolver("tag:yaml.org,2002:" + tag,
                                     re.compile(pattern), list(first))
    return Loader


def check_reference(program, root, write):
    page = root / "docs/reference/config.md"
    text = run(program, "reference").stdout
    if write:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text)
    if not page.exists() or page.read_text() != text:
        return [f"{page.relative_to(root)} is not what the table says: run "
                "ninja -C BUILD reference"]
    return []


def check_openapi(program, root, write):
    page = root / "docs/openapi.json"
    text = json.dumps(json.loads(run(program, "openapi").stdout), indent=1) + "\n"
    if write:
        page.write_text(text)
    if not page.exists() or page.read_text() != text:
        return [f"{page.relative_to(root)} is not what the tables say: run "
                "ninja -C BUILD reference"]
    return []


def check_schema(program, schema, examples):
    try:
        import jsonschema
        import yaml
    except ImportError:
        print("# no jsonschema or yaml for Python: schema not tried")
        return []
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    loader = yaml_1_2_loader(yaml)
    wrong = []
    for text in RIGHT + examples:
        for error in validator.iter_errors(yaml.load(text, loader)):
            wrong.append(f"schema refuses {error.json_path}: {error.message}")
    for text in WRONG:
        if validator.is_valid(yaml.load(text, loader)):
            wrong.append(f"schema accepts {text!r}")
    return wrong


def main():
    program, root = sys.argv[1], pathlib.Path(sys.argv[2])
    wrong = check_reference(program, root, "--write" in sys.argv)
    wrong += check_openapi(program, root, "--write" in sys.argv)
    examples = [p.read_text() for p in sorted(root.glob("examples/*.yaml"))]
    for text in RIGHT + examples:
        result = run(program, "summary", text)
        if result.returncode:
            wrong.append(f"{text}\nis refused: {result.stderr}")
    for text in WRONG:
        if run(program, "summary", text).returncode == 0:
            wrong.append(f"{text}\nis accepted")
    wrong += check_schema(program, json.loads(run(program, "schema").stdout),
                          examples)
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
