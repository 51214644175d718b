# SPDX-License-Identifier: Apache-2.0
"""README.md: every block of code in it is run, every link leads somewhere."""

import json
import os
import re
import signal
import socket
import subprocess
import sys

import pytest

from conftest import ROOT, binary
from serving import Serving

TEXT = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.M | re.S)


def block(language, number=0):
    return [text for found, text in BLOCKS if found == language][number]


def clean_environment(**more):
    """Without the keys of whoever runs this."""
    env = {
        name: value
        for name, value in os.environ.items()
        if not re.search("_(API_KEY|BASE_URL)$|^LLMGW", name)
    }
    return env | more


def test_every_block_is_known_here():
    """A new block needs a test below."""
    assert [language for language, _ in BLOCKS] == [
        "sh", "python", "yaml", "yaml", "", "sh", "sh",
    ]  # fmt: skip
    before = TEXT[: TEXT.index("```python")]
    assert before.count("\n") < 40  # code comes first


@pytest.mark.slow
def test_the_first_command_and_the_client():
    """`./scripts/run`, then the Python block against it."""
    port = free_port()
    with subprocess.Popen(
        [ROOT / block("sh").strip(), "--listen", f"127.0.0.1:{port}"],
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as run:
        try:
            said = ""
            for line in run.stdout:
                said += line
                if "until Ctrl-C" in line:
                    break
            assert "data: [DONE]" in said, said
            assert f"curl -N http://127.0.0.1:{port}/v1/chat/completions" in said
            code = block("python").replace("127.0.0.1:8080", f"127.0.0.1:{port}")
            done = subprocess.run(
                [sys.executable, "-c", code],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            assert len(done.stdout.split()) > 10
        finally:
            os.killpg(run.pid, signal.SIGTERM)
            run.wait(20)


@pytest.mark.slow
def test_once_ends_after_the_first_answer():
    done = subprocess.run(
        [ROOT / "scripts/run", "--once", "--listen", f"127.0.0.1:{free_port()}"],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "data: [DONE]" in done.stdout


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_the_configuration_is_accepted(tmp_path):
    text = block("yaml")
    assert text.count("\n") == 8  # "eight lines"
    file = tmp_path / "gateway.yaml"
    file.write_text(text)
    llmgw = binary("LLMGW", "build/apps/llmgw/llmgw")
    command = [llmgw, "check", str(file)]
    for env, status in ((clean_environment(OPENAI_API_KEY="sk-x"), 0),
                        (clean_environment(), 1)):  # fmt: skip
        done = subprocess.run(
            command, env=env, capture_output=True, text=True, check=False
        )
        assert (done.returncode != 0) == status, done.stderr
        assert "sk-x" not in done.stdout + done.stderr
    assert "OPENAI_API_KEY" in done.stderr


def test_the_second_configuration_fails_over(tmp_path):
    """The first provider is down: the second one answers."""
    with Serving(tmp_path) as serving:
        sim = serving.sim()
        text = block("yaml", 1)
        text = text.replace("preset: anthropic", 'base_url: "http://127.0.0.1:1/v1"')
        text = text.replace("preset: openai", f'base_url: "{sim.url}"')
        text = "server: {listen: 127.0.0.1:0, access_log: LOG}\n" + text
        keys = {"OPENAI_API_KEY": "sk-of-openai", "ANTHROPIC_API_KEY": "sk-of-the-other"}
        log = tmp_path / f"access-{len(serving.started)}.log"
        gateway = serving.gateway_of(text.replace("LOG", str(log)), keys)
        answer = json.loads(gateway.chat("smart")[2])
        assert answer["model"] == "gpt-4o"


def test_the_configuration_does_what_it_says(tmp_path):
    """Its names lead where they say, with a simulator for both providers."""
    with Serving(tmp_path) as serving:
        sim = serving.sim()
        text = block("yaml").replace("http://127.0.0.1:11434/v1", sim.url)
        text = text.replace("preset: openai", f'base_url: "{sim.url}"')
        text = text.replace("127.0.0.1:8080", "127.0.0.1:0")
        gateway = serving.gateway_of(text, {"OPENAI_API_KEY": "sk-of-openai"})
        for asked, got, key in (
            ("smart", "gpt-4o", True),
            ("gpt-5", "gpt-5", True),
            ("private", "llama3.2", False),
        ):
            answer = json.loads(gateway.chat(asked)[2])
            assert answer["model"] == got
            fields = sim.last()["headers"]
            assert fields.get("authorization") == ("Bearer sk-of-openai" if key else None)
        assert gateway.error("claude")[0] == 404


PROGRAM = """#include <llmproxy/gateway.h>
#include <llmproxy/json.h>
#include <stdio.h>
int main(void)
{
    struct llmp_json reader;
    llmp_json_init(&reader, 0);
    printf("%s\\n", llmp_version());
    return 0;
}
"""


@pytest.mark.slow
def test_the_library_installs_as_it_is_said(tmp_path):
    """The block's own lines, with a prefix that is ours."""
    (tmp_path / "my.c").write_text(PROGRAM)
    lines = block("sh", 1).replace("build-release", f"{tmp_path}/build")
    lines = lines.replace(
        "--buildtype=release", f"--buildtype=release -Dtests=false --prefix={tmp_path}/out"
    )
    lines = lines.replace("cc my.c", f"cc {tmp_path}/my.c -o {tmp_path}/my")
    script = f"set -e\n{lines.splitlines()[0]}\n"
    script += f"export PKG_CONFIG_PATH=$(dirname $(find {tmp_path}/out -name llmproxy.pc))\n"
    script += f"{lines.splitlines()[1]}\n"
    script += f"LD_LIBRARY_PATH=$(dirname $PKG_CONFIG_PATH) {tmp_path}/my\n"
    done = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False,
        env=clean_environment(),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^\d+\.\d+\.\d+$", done.stdout, re.M)


def test_the_first_command_knows_every_provider():
    presets = (ROOT / "lib/gateway/config_preset.c").read_text()
    names = set(re.findall(r'"([A-Z]+)_API_KEY"', presets))
    table = (ROOT / "scripts/run").read_text().split("FIRST_MODELS='")[1].split("'")[0]
    assert names and names == {line.split()[0] for line in table.split("\n") if line}


def test_the_other_commands_exist():
    llmgw = binary("LLMGW", "build/apps/llmgw/llmgw")
    schema = subprocess.run([llmgw, "schema"], capture_output=True, check=True)
    assert json.loads(schema.stdout)["type"] == "object"
    assert block("sh", 2).strip() == "./scripts/test quick"
    usage = subprocess.run(
        [ROOT / "scripts/test", "--help"], capture_output=True, text=True, check=True
    )
    assert "quick" in usage.stdout and "all" in usage.stdout


def test_links_lead_somewhere():
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", TEXT):
        assert (ROOT / link).exists(), link
