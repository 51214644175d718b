# SPDX-License-Identifier: Apache-2.0
"""The unmodified packages from npm against llmsim's faces; the tests are in
node/*.test.mjs."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

from faces import running

FOLDER = pathlib.Path(__file__).parent / "node"


@pytest.mark.parametrize("name, package, least", [
    ("anthropic", "@anthropic-ai/sdk", 7),
    ("gemini", "@google/genai", 8),
    ("bedrock", "@aws-sdk/client-bedrock-runtime", 7),
])
def test_the_npm_package(name, package, least):
    if not shutil.which("node") or not (FOLDER / "node_modules" / package).exists():
        pytest.skip("needs node, and npm install in tests/integration/node")
    with running() as sim, running("--sigv4-secret", "AKIATEST:very/secret+key") as signed:
        done = subprocess.run(
            ["node", "--test", "--test-reporter=tap", f"{name}.test.mjs"],
            cwd=FOLDER,
            env={**os.environ, "SIM": sim.origin, "SIGNED": signed.origin},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"^# pass (\d+)$", done.stdout, re.M).group(1)) >= least
