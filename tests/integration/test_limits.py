# SPDX-License-Identifier: Apache-2.0
"""How much: limits and budgets with real sockets and two workers. Exactly what
may pass passes, a refusal consumes nothing, and it says when to come back."""

import asyncio
import json
import re
import threading
import time

import pytest

from keys import bearer, make_key
from serving import Serving, is_sanitized

MODELS = [
    {"name": "gpt-4o", "provider": "p"},
    {"name": "mini", "provider": "p", "model": "gpt-4o-mini"},
    {"name": "sim-*", "provider": "p"},
]


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    with Serving(tmp_path_factory.mktemp("limits")) as made:
        yield made


@pytest.fixture(scope="module")
def sim(serving):
    return serving.sim("--workers", "1")


@pytest.fixture
def limited(serving, sim):
    """limited(limits, …): a gateway, and the fields that a caller with these
    limits sends."""

    def make(limits, workers=1, provider=None, **sections):
        key = make_key()
        gateway = serving.gateway(
            {"p": {"base_url": sim.url, "vendor": "openai"} | (provider or {})},
            MODELS,
            {"workers": workers},
            keys=[{"name": "k", "key": key, "team": "lab", "limits": limits}],
            **sections,
        )
        return gateway, bearer(key)

    return make


def error_of(answer):
    return json.loads(answer[2])["error"]


# ---- a thousand at once -----------------------------------------------------


async def one_of_many(address, request, gate):
    """Status of one request on a connection of its own."""
    reader, writer = await asyncio.open_connection(*address)
    await gate.wait()
    writer.write(request)
    line = await reader.readline()
    length = 0
    while (field := await reader.readline()) not in (b"\r\n", b""):
        if field.lower().startswith(b"content-length:"):
            length = int(field.split(b":")[1])
    await reader.readexactly(length)
    writer.close()
    return int(line.split()[1])


async def many(address, request, count):
    gate = asyncio.Event()
    tasks = [
        asyncio.create_task(one_of_many(address, request, gate)) for _ in range(count)
    ]
    await asyncio.sleep(0.3)
    gate.set()
    return await asyncio.gather(*tasks)


def flood(gateway, headers, count, **members):
    body = json.dumps({"model": "gpt-4o", "messages": []} | members).encode()
    request = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
        "Content-Type: application/json\r\nConnection: close\r\n"
        f"authorization: {headers['authorization']}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    return asyncio.run(many(gateway.address, request, count))


@pytest.mark.threads
def test_of_a_thousand_at_once_exactly_the_limit_passes(limited, sim):
    gateway, headers = limited(
        {"requests": 0, "requests_day": 400}, workers=2, teams=[{"name": "lab"}]
    )
    sim.reset()
    count = 200 if is_sanitized(gateway.process) else 1000
    statuses = flood(gateway, headers, count) + flood(gateway, headers, count)
    if count == 200:
        statuses += flood(gateway, headers, count)
    assert set(statuses) == {200, 429}
    assert statuses.count(200) == 400  # none too many, none too few
    assert sim.stats()["requests"] == 400


@pytest.mark.threads
def test_tokens_are_taken_before_the_call(limited, sim):
    """LiteLLM 18730: 663 tokens were let through a limit of 100 at once."""
    gateway, headers = limited({"requests": 0, "tokens_day": 2000}, workers=2)
    sim.reset()
    statuses = flood(gateway, headers, 200, max_tokens=90)
    # Each takes its input and 90; how much is given back meanwhile is luck.
    used = 0
    for record in gateway.records(200):
        used += record.get("input_tokens", 0) + record.get("output_tokens", 0)
    assert 0 < used <= 2000 and statuses.count(200) >= 15


@pytest.mark.threads
def test_no_more_at_once_than_may(limited, sim):
    gateway, headers = limited({"requests": 0, "concurrency": 7}, workers=2)
    sim.reset()
    statuses = flood(gateway, headers, 150, model="sim-ttft:ttft_ms=700")
    assert statuses.count(200) == 7 and statuses.count(429) == 143
    assert sim.stats()["requests"] == 7
    assert gateway.chat(headers=headers)[0] == 200  # all were given back


# ---- what the client is told ------------------------------------------------


def test_a_refusal_names_the_limit_and_says_exactly_when(limited):
    gateway, headers = limited({"requests": 30, "requests_burst": 2})
    sent = time.monotonic()
    first = gateway.chat(headers=headers)
    assert first[1]["x-ratelimit-limit-requests"] == "30"
    assert first[1]["x-ratelimit-remaining-requests"] == "1"
    assert re.fullmatch(r'"key-requests";q=30;w=60', first[1]["ratelimit-policy"])
    assert re.fullmatch(r'"key-requests";r=1;t=\d+', first[1]["ratelimit"])
    assert gateway.chat(headers=headers)[0] == 200
    status, fields, body = gateway.chat(headers=headers)
    error = json.loads(body)["error"]
    assert status == 429 and error["type"] == "requests"
    assert error["code"] == "rate_limit_exceeded"
    assert "key 'k'" in error["message"] and "30 requests a minute" in error["message"]
    assert fields["retry-after"] == "2"
    assert fields["x-ratelimit-remaining-requests"] == "0"
    assert gateway.record()["limited_by"] == "key k: requests a minute"
    # Every two seconds there is one more: just before there is none.
    for status, at in ((429, 1.7), (200, 2.15), (429, 3.7), (200, 4.15)):
        time.sleep(max(0, sent + at - time.monotonic()))
        assert gateway.chat(headers=headers)[0] == status, at


def test_refused_calls_consume_nothing(limited, sim):
    """LiteLLM 39309: rejected requests pushed the limit away."""
    gateway, headers = limited({"requests": 60, "requests_burst": 2, "tokens_day": 100000})
    assert [gateway.chat(headers=headers)[0] for _ in range(2)] == [200, 200]
    sent = time.monotonic()
    while time.monotonic() < sent + 0.7:
        assert gateway.chat(headers=headers)[0] == 429
    time.sleep(max(0, sent + 1.05 - time.monotonic()))
    assert gateway.chat(headers=headers)[0] == 200
    # One that is refused by the second of two limits gives the first back.
    gateway, headers = limited({"requests_day": 3, "requests": 0, "input_tokens": 50})
    for _ in range(5):
        answer = gateway.chat(headers=headers, padding="x" * 2000)
        assert answer[0] == 429 and "never" in error_of(answer)["message"]
        assert "retry-after" not in answer[1]
    assert [gateway.chat(headers=headers)[0] for _ in range(2)] == [200, 200]


def test_what_did_not_happen_is_given_back(limited, serving, sim):
    gateway, headers = limited({"requests": 0, "requests_day": 3, "concurrency": 1})
    for model in ("nothing-like-this", "sim-bad-key:x=1"):
        gateway.chat(model, headers)
    gateway, headers = limited(
        {"requests": 0, "requests_day": 3, "concurrency": 1},
        provider={"base_url": "http://127.0.0.1:1/v1"},
    )
    for _ in range(6):
        assert gateway.chat(headers=headers)[0] == 502


def test_a_client_that_leaves_gives_its_place_back_and_pays(limited, sim):
    gateway, headers = limited(
        {"requests": 0, "concurrency": 1, "tokens_day": 100000}, workers=1
    )
    body = json.dumps(
        {"model": "sim-slow", "messages": [], "stream": True, "max_tokens": 500}
    ).encode()
    sim.reset()
    for _ in range(3):
        with gateway.connect() as client:
            client.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
                b"Content-Type: application/json\r\nauthorization: "
                + headers["authorization"].encode()
                + b"\r\nContent-Length: %d\r\n\r\n" % len(body)
                + body
            )
            sim.wait_for(open=1)
            assert gateway.chat(headers=headers)[0] == 429
        sim.wait_for(open=0)
        time.sleep(0.05)
    status, fields, _ = gateway.chat(headers=headers)
    assert status == 200
    record = [r for r in gateway.records(7) if r["ending"] == "client_gone"]
    assert len(record) == 3 and all(r["usage"] == "unknown" for r in record)
    # Nobody knows what it cost: what was reserved stays taken. (See the sum.)
    answer = gateway.chat(headers=headers, max_tokens=98500)
    assert answer[0] == 429 and "tokens a day" in error_of(answer)["message"]


def test_streams_without_usage_are_estimated_and_charged(limited):
    gateway, headers = limited({"requests": 0, "tokens_day": 1000})
    model = "sim-no-usage:no_usage=1,tokens=300"
    assert gateway.chat(model, headers, stream=True)[0] == 200
    record = gateway.record()
    assert record["usage"] == "estimated" and record["output_tokens"] >= 300
    answer = gateway.chat(headers=headers, max_tokens=700)
    assert answer[0] == 429
    assert gateway.chat(headers=headers, max_tokens=500)[0] == 200


def test_a_huge_max_tokens_is_not_refused_for_ever(limited):
    """LiteLLM 28805: without max_tokens 429 for ever; so with a large one."""
    gateway, headers = limited({"requests": 0, "tokens": 6000})
    assert gateway.chat(headers=headers, max_tokens=10**15)[0] == 200
    answer = gateway.chat(headers=headers, max_tokens=10**15)
    assert answer[0] == 429
    time.sleep(int(answer[1]["retry-after"]))
    assert gateway.chat(headers=headers, max_tokens=10**15)[0] == 200
    assert gateway.chat(headers=headers)[0] == 200


# ---- money ------------------------------------------------------------------


def test_a_budget_holds_to_within_one_request(limited):
    gateway, headers = limited({"requests": 0, "budget": {"day": "0.002", "soft": 100}})
    spent, answers = 0.0, []
    for _ in range(60):
        answers.append(gateway.chat(headers=headers, max_tokens=24))
        if answers[-1][0] != 200:
            break
        record = gateway.record()
        assert record["currency"] == "USD" and float(record["cost"]) > 0
        spent += float(record["cost"])
    status, fields, body = answers[-1]
    error = json.loads(body)["error"]
    assert status == 402 and error["type"] == "insufficient_quota"
    assert error["code"] == "budget_exceeded"
    assert "key 'k'" in error["message"] and "0.002 USD a day" in error["message"]
    assert 3600 * 24 >= int(fields["retry-after"]) > 0
    assert 0.0014 < spent <= 0.002


def test_a_budget_that_is_nearly_used_up_leads_to_a_cheaper_model(limited, sim):
    gateway, headers = limited(
        {"requests": 0, "budget": {"day": "0.002", "soft": 50, "downgrade": "mini"}}
    )
    asked = []
    for _ in range(12):
        status, fields, body = gateway.chat(headers=headers, max_tokens=24)
        assert status == 200
        told = json.loads(sim.last()["body"])["model"]
        assert told == ("gpt-4o-mini" if "x-llmproxy-downgraded-to" in fields else "gpt-4o")
        asked.append(told)
    assert asked[0] == "gpt-4o" and asked[-1] == "gpt-4o-mini"
    assert asked == sorted(asked)  # there is no way back
    # Other surfaces have no use for a model of chats.
    assert gateway.post("/v1/embeddings", {"model": "sim-x:tokens=1", "input": "x"}, headers)[0] == 402


def test_a_downgrade_never_costs_more(limited):
    """The mistake is said at the start; whoever asks for the cheap model keeps
    it."""
    gateway, headers = limited(
        {"requests": 0, "budget": {"day": "0.001", "soft": 1, "downgrade": "gpt-4o"}}
    )
    gateway.await_line("warning: the budget of key 'k' leads to 'gpt-4o'")
    for _ in range(12):
        status, fields, _ = gateway.chat("mini", headers, max_tokens=24)
        assert status == 200 and "x-llmproxy-downgraded-to" not in fields
    gateway, _ = limited({"budget": {"day": "1", "soft": 1, "downgrade": "mini"}})
    assert "warning" not in gateway.stderr()


def test_a_downgrade_does_not_lead_around_a_models_list(serving, sim):
    key = make_key()
    gateway = serving.gateway(
        {"p": {"base_url": sim.url, "vendor": "openai"}},
        MODELS,
        keys=[
            {"name": "k", "key": key, "team": "lab", "models": "gpt-4o", "limits": {"requests": 0}}
        ],
        teams=[
            {
                "name": "lab",
                "limits": {"budget": {"day": "0.01", "soft": 1, "downgrade": "mini"}},
            }
        ],
    )
    for _ in range(4):
        status, fields, _ = gateway.chat(headers=bearer(key), max_tokens=24)
        assert status == 200 and "x-llmproxy-downgraded-to" not in fields


def test_an_unknown_price_is_not_zero(limited, sim):
    sim.reset()
    gateway, headers = limited({"budget": {"month": "5"}})
    answer = gateway.chat("sim-fast", headers)
    assert answer[0] == 402 and error_of(answer)["code"] == "price_unknown"
    assert sim.stats()["requests"] == 0
    gateway, headers = limited({"budget": {"month": "5"}}, prices={"unknown": "allow"})
    assert gateway.chat("sim-fast", headers)[0] == 200
    assert gateway.record()["cost"] is None


def test_what_a_deployment_refuses_costs_the_caller_nothing(serving, sim):
    """The principal's part is reserved first, and given back as it was."""
    key = make_key()
    gateway = serving.gateway(
        {
            "narrow": {"base_url": sim.url, "limits": {"requests_day": 2}},
            "wide": {"base_url": sim.url},
        },
        [
            {"name": "n", "provider": "narrow", "model": "gpt-4o", "limits": {"requests_day": 3}},
            {"name": "w", "provider": "wide", "model": "gpt-4o"},
        ],
        keys=[
            {"name": "k", "key": key, "limits": {"requests": 0, "requests_day": 4, "concurrency": 1}}
        ],
    )

    def ask(model):
        answer = gateway.chat(model, bearer(key))
        return answer[0] if answer[0] == 200 else error_of(answer)["message"]

    assert [ask("n"), ask("n")] == [200, 200]
    for _ in range(5):
        assert "deployment 'narrow/gpt-4o'" in ask("n")
    assert [ask("w"), ask("w")] == [200, 200]
    assert "key 'k'" in ask("w")


def test_limits_of_owners_models_and_deployments_count_together(serving, sim):
    keys = {name: make_key() for name in "abc"}
    gateway = serving.gateway(
        {"p": {"base_url": sim.url, "limits": {"requests_day": 9}}},
        [
            {"name": "gpt-4o", "provider": "p", "limits": {"requests_day": 7}},
            {"name": "mini", "provider": "p", "model": "gpt-4o-mini"},
        ],
        keys=[
            {"name": "a", "key": keys["a"], "team": "t", "user": "u", "organisation": "o"},
            {"name": "b", "key": keys["b"], "team": "t", "user": "u"},
            {"name": "c", "key": keys["c"], "organisation": "o"},
        ],
        teams=[{"name": "t", "limits": {"requests_day": 4}}],
        users=[{"name": "u", "limits": {"requests_day": 3}}],
        organisations=[{"name": "o", "limits": {"requests_day": 6}}],
    )

    def ask(key, model="gpt-4o"):
        answer = gateway.chat(model, bearer(keys[key]))
        return answer[0], answer[0] == 429 and error_of(answer)["message"]

    assert [ask("a")[0], ask("b")[0], ask("a")[0]] == [200, 200, 200]
    status, why = ask("b")
    assert status == 429 and "user 'u'" in why  # its team had one left
    assert [ask("c")[0] for _ in range(4)] == [200] * 4
    status, why = ask("c")
    assert status == 429 and ("organisation 'o'" in why or "model 'gpt-4o'" in why)
    for _ in range(5):  # the refusals took nothing from the provider's nine
        assert ask("a")[0] == 429
    assert "organisation 'o'" in ask("c", "mini")[1]
