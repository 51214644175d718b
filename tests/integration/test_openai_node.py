# SPDX-License-Identifier: Apache-2.0
"""The unmodified `openai` package from npm; the tests are in
node/openai.test.mjs, run here once for each transport."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

from serving import Serving

FOLDER = pathlib.Path(__file__).parent / "node"


@pytest.fixture(scope="module", params=["native", "curl"])
def servers(request, tmp_path_factory):
    with Serving(tmp_path_factory.mktemp("node")) as serving:
        sim = serving.sim()
        gateway = serving.gateway(
            {"sim": {"base_url": sim.url, "transport": request.param}}
        )
        yield gateway, sim


def test_the_npm_package(servers):
    if not shutil.which("node") or not (FOLDER / "node_modules/openai").exists():
        pytest.skip("needs node, and npm install in tests/integration/node")
    gateway, sim = servers
    done = subprocess.run(
        ["node", "--test", "--test-reporter=tap", "openai.test.mjs"],
        cwd=FOLDER,
        env={**os.environ, "GATEWAY": gateway.url, "SIM": sim.origin},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"^# pass (\d+)$", done.stdout, re.M).group(1)) >= 21
