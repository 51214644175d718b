# SPDX-License-Identifier: Apache-2.0
"""Goal: the binary routes as its configuration says: breakers open and close,
requests stay in their regions, rules and complexity choose, a reload changes all
of it, and `llmgw explain` says beforehand who will be asked.
Method: several llmsims, one a region; what each of them counted.
"""

import json
import subprocess
import time

import pytest

from conftest import binary
from keys import bearer, make_key
from serving import Serving

EU, US = make_key(), make_key()


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    with Serving(tmp_path_factory.mktemp("routing")) as serving:
        yield serving


@pytest.fixture(scope="module")
def sims(serving):
    return {name: serving.sim() for name in ("west", "north", "us")}


@pytest.fixture(autouse=True)
def fresh(sims):
    for sim in sims.values():
        sim.reset()


REGIONS = {"west": "eu-west", "north": "eu-north", "us": "us-east"}


def providers(sims):
    return {
        name: {"base_url": sim.url, "region": REGIONS[name]}
        for name, sim in sims.items()
    }


def deployments(*names, **more):
    return [{"provider": name} | more for name in names]


def asked(sims):
    """Who was asked how often, but for those who were not."""
    counts = {name: sim.stats()["requests"] for name, sim in sims.items()}
    return {name: count for name, count in counts.items() if count}


def test_a_breaker_opens_when_it_is_told_to_and_closes_again(serving, sims):
    gateway = serving.gateway(
        providers(sims),
        [{"name": "sim-*", "deployments": deployments("west", "north")}],
        routing={"breaker": {"consecutive": 2, "open": "300ms", "open_max": "300ms"}},
    )
    failing = {"model": "sim-500", "messages": [{"role": "user", "content": "Hi"}]}
    for _ in range(2):
        assert gateway.post("/v1/chat/completions", failing)[0] >= 500
    sims["west"].reset(), sims["north"].reset()
    assert metric(gateway, "state", "west/sim-*", state="open") == 1
    assert metric(gateway, "state", "west/sim-*", state="closed") == 0
    # The least bad one is asked all the same, and the good answer closes it.
    time.sleep(0.5)
    assert gateway.chat("sim-fast")[0] == 200
    assert asked(sims) == {"west": 1}
    assert metric(gateway, "state", "west/sim-*", state="closed") == 1


def test_attempts_are_counted_by_deployment(serving, sims):
    gateway = serving.gateway(
        {
            "bad": {"base_url": "http://127.0.0.1:1/v1"},
            "good": {"base_url": sims["us"].url},
        },
        [
            {"name": "m", "deployments": deployments("bad", "good")},
            {"name": "n", "deployments": deployments("good", model="m")},
        ],
    )
    assert gateway.chat("m")[0] == 200
    assert gateway.chat("n")[0] == 200
    assert metric(gateway, "attempts_total", "bad/m", outcome="transient") == 1
    assert metric(gateway, "failovers_total", "bad/m") == 1
    assert metric(gateway, "attempts_total", "good/m", outcome="ok") == 2
    assert metric(gateway, "in_flight", "good/m") == 0
    states = [line for line in gateway.metrics().splitlines() if "_state{" in line]
    assert len(states) == len(set(states)) == 2 * 4  # each deployment once


def metric(gateway, name, deployment, **labels):
    text = ",".join(f'{k}="{v}"' for k, v in ({"deployment": deployment} | labels).items())
    for line in gateway.metrics().splitlines():
        if line.startswith(f"llmgw_deployment_{name}{{{text}}} "):
            return int(line.split()[-1])
    raise AssertionError((name, text))


MODELS = [
    {"name": "m", "deployments": deployments("us", "west", "north")},
    {"name": "abroad", "provider": "us"},
    {
        "name": "ruled",
        "deployments": deployments("us") + [{"provider": "west", "name": "near"}],
        "rules": [
            {"when": {"header": {"X-Plan": "gold"}}, "deployments": "near"},
            {"when": {"tag": "near", "prompt_tokens_max": 1000}, "deployments": "near"},
        ],
    },
    {
        "name": "hard",
        "strategy": "complexity",
        "deployments": [{"provider": "us"}, {"provider": "west", "level": 1}],
    },
]
KEYS = [
    {"name": "eu", "key": EU, "residency": ["eu-west", "eu-north"]},
    {"name": "any", "key": US},
]


@pytest.fixture(scope="module")
def gateway(serving, sims):
    return serving.gateway(providers(sims), MODELS, keys=KEYS)


def test_a_key_keeps_its_requests_in_its_regions(gateway, sims):
    assert gateway.chat("m", bearer(US))[0] == 200
    assert asked(sims) == {"us": 1}
    assert gateway.chat("m", bearer(EU))[0] == 200
    assert asked(sims) == {"us": 1, "west": 1}
    status, error = gateway.error("abroad", bearer(EU))
    assert status == 403 and error["code"] == "residency"
    assert "eu-west" in error["message"] and "us-east" not in error["message"]
    assert asked(sims) == {"us": 1, "west": 1}


def test_a_token_stays_where_its_key_does(serving, sims):
    gateway = serving.gateway(
        providers(sims),
        MODELS,
        keys=[
            {"name": "eu", "key": EU, "role": "service", "residency": "eu-west"},
            {"name": "any", "key": US, "role": "service"},
        ],
        auth={"tokens": {"secret": "s" * 40}},
        users=[{"name": "any~ben", "residency": "eu-north"}],
    )

    def token(key, **body):
        status, _, answer = gateway.post("/v1/auth/tokens", body, bearer(key))
        assert status in (200, 201), answer
        return bearer(json.loads(answer)["access_token"])

    assert gateway.chat("m", token(US))[0] == 200
    assert asked(sims) == {"us": 1}
    assert gateway.chat("m", token(EU))[0] == 200
    assert asked(sims) == {"us": 1, "west": 1}
    assert gateway.error("abroad", token(EU))[0] == 403
    # Nor does an end user, who may be bound more closely.
    assert gateway.error("abroad", token(EU, end_user="zoe"))[0] == 403
    assert gateway.chat("m", token(US, end_user="ben"))[0] == 200
    assert asked(sims) == {"us": 1, "west": 1, "north": 1}


def explain(gateway, body, *args):
    done = subprocess.run(
        [
            binary("LLMGW", "build/apps/llmgw/llmgw"),
            *("explain", "-c", str(gateway.config), "--json", *args, "-"),
        ],
        input=json.dumps(body).encode(),
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


CODE = "```\nx\n```\nWhy?"


@pytest.mark.parametrize(
    "model, headers, content, whom",
    [
        ("ruled", {}, "Hi", "us"),
        ("ruled", {"x-plan": "gold"}, "Hi", "west"),
        ("ruled", {"x-llmproxy-tags": "far, near"}, "Hi", "west"),
        ("ruled", {"x-llmproxy-tags": "near"}, "Hi " * 2000, "us"),
        ("hard", {}, "Hi", "us"),
        ("hard", {}, CODE, "west"),
    ],
)
def test_who_is_explained_is_asked(gateway, sims, model, headers, content, whom):
    body = {"model": model, "messages": [{"role": "user", "content": content}]}
    fields = [arg for k, v in headers.items() for arg in ("--header", f"{k}: {v}")]
    said = explain(gateway, body, "--key", "any", *fields)
    assert said["chosen"].startswith(whom + "/")
    assert asked(sims) == {}  # nothing is called for it
    status, _, _ = gateway.post("/v1/chat/completions", body, bearer(US) | headers)
    assert status == 200 and asked(sims) == {whom: 1}


def test_explain_is_for_people_too(gateway, tmp_path):
    request = tmp_path / "request.json"
    request.write_text(json.dumps({"model": "hard", "messages": [{"role": "user", "content": CODE}]}))

    def run(*args):
        return subprocess.run(
            [binary("LLMGW", "build/apps/llmgw/llmgw"), "explain", *args],
            capture_output=True,
            text=True,
        )

    done = run("-c", str(gateway.config), "--key", "eu", str(request))
    assert done.returncode == 0
    assert "level 1 (code >= 2: +2)" in done.stdout
    lines = {line.split()[0]: line.split() for line in done.stdout.splitlines() if "/" in line}
    assert lines["west/hard"][1:4] == ["chosen", "chosen", "eu-west"]
    assert lines["us/hard"][1:4] == ["no", "residency", "us-east"]
    assert run("-c", str(gateway.config), "--key", "none", str(request)).returncode == 1
    assert run("--nonsense").returncode == 2
    assert run().returncode == 2
    assert run("--header", "x").returncode == 2
    assert run("-c", str(gateway.config), "/nowhere").returncode == 1


def test_a_reload_brings_new_rules_into_force(serving, sims):
    gateway = serving.gateway(
        providers(sims), [{"name": "m", "deployments": deployments("us", "west")}]
    )
    assert gateway.chat("m")[0] == 200
    assert asked(sims) == {"us": 1}
    text = json.loads(gateway.config.read_text())
    text["routing"] = {"local_region": "eu-west"}
    gateway.config.write_text(json.dumps(text))
    deadline = time.monotonic() + 10
    while "west" not in asked(sims):
        assert time.monotonic() < deadline
        assert gateway.chat("m")[0] == 200
        time.sleep(0.05)
