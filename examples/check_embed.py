#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: the example works as it stands.
Method: llmsim is the provider; the answer that embed prints is compared with
the one that llmsim gives directly, and errors end with a status.

usage: check_embed.py EMBED LLMSIM"""
import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

PROMPT = 'Say "hello" \\ in\nthree words, h\u00f6flich'


def ask(url, prompt):
    """The answer without the gateway, not streamed."""
    body = {"model": "gpt-4o", "stream": True,
            "messages": [{"role": "user", "content": prompt}]}
    request = urllib.request.Request(
        url + "/v1/chat/completions", json.dumps(body).encode(),
        {"content-type": "application/json"})
    text = ""
    with urllib.request.urlopen(request, timeout=20) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith("data: {"):
                for choice in json.loads(line[6:])["choices"]:
                    text += choice["delta"].get("content") or ""
    return text


def run(embed, *args):
    return subprocess.run([embed, *args], capture_output=True, text=True,
                          timeout=30)


def check(embed, url, folder):
    config = folder / "gateway.yaml"
    config.write_text(json.dumps({
        "providers": [{"name": "openai", "base_url": url + "/v1",
                       "api_key": "sk-of-the-test-0123456789"}],
        "models": [{"name": "gpt-4o", "provider": "openai"},
                   {"name": "sim-*", "provider": "openai"}]}))

    good = run(embed, config, PROMPT)
    assert good.returncode == 0, good
    assert good.stdout.strip() and good.stdout == ask(url, PROMPT) + "\n", good

    with urllib.request.urlopen(url + "/sim/last", timeout=20) as last:
        assert json.load(last)["target"] == "/v1/chat/completions"
    for model, word in ("nobody", "model_not_found"), ("sim-429", "rate"):
        bad = run(embed, config, PROMPT, model)
        assert bad.returncode == 1 and word in bad.stderr, bad
    cut = run(embed, config, PROMPT, "sim-cut")
    assert cut.returncode == 1 and "cut" in cut.stderr and cut.stdout, cut

    missing = run(embed, folder / "none.yaml", PROMPT)
    assert missing.returncode == 1 and missing.stderr, missing
    assert run(embed).returncode == 2


def main():
    sim = subprocess.Popen(
        [sys.argv[2], "--listen", "127.0.0.1:0", "--print-address"],
        stdout=subprocess.PIPE, text=True)
    try:
        with tempfile.TemporaryDirectory() as folder:
            check(sys.argv[1], json.loads(sim.stdout.readline())["url"],
                  pathlib.Path(folder))
    finally:
        sim.terminate()
        sim.wait(10)


main()
