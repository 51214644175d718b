# SPDX-License-Identifier: Apache-2.0
"""The unmodified Anthropic and Google packages from npm through llmgw, to each
API that a provider may have; the tests are in node/gateway.test.mjs."""

import os
import re
import shutil
import subprocess

import pytest

pytest.importorskip("anthropic")
pytest.importorskip("google.genai")

from test_faces import FACES, gateways, serving, sim  # noqa: F401 (fixtures)
from test_llmsim_node import FOLDER


@pytest.mark.parametrize("face", FACES)
def test_the_npm_packages(gateways, face):  # noqa: F811
    for package in ("@anthropic-ai/sdk", "@google/genai"):
        if not shutil.which("node") or not (FOLDER / "node_modules" / package).exists():
            pytest.skip("needs node, and npm install in tests/integration/node")
    done = subprocess.run(
        ["node", "--test", "--test-reporter=tap", "gateway.test.mjs"],
        cwd=FOLDER,
        env={**os.environ, "GATEWAY": "http://%s:%d" % gateways[face].address},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"^# pass (\d+)$", done.stdout, re.M).group(1)) >= 9
