# SPDX-License-Identifier: Apache-2.0
"""Goal: who behaves unlike themselves is told of in the access log, in metrics
and by one event, whichever worker is asked; others are not; nobody is refused.
Method: llmgw with a warm-up of a second before llmsim; senders who ask the same
kind of thing for a while, then another. What scores mean is unit-tested.
"""

import json
import random
import sqlite3
import time

import pytest

from keys import bearer, make_key
from serving import Serving

ANN, BOB, EVE = make_key(), make_key(), make_key()
WORDS = "garden winter letter bridge family market river music answer number".split()


def anomaly(**more):
    return {"anomaly": {"enabled": True, "warm_up": "1s", **more}}


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    with Serving(tmp_path_factory.mktemp("anomaly")) as serving:
        yield serving


@pytest.fixture
def started(serving, tmp_path):
    def start(**guardrails):
        return serving.gateway(
            {"openai": {"base_url": serving.sim().url}},
            server={"workers": 2},
            keys=[
                {"name": name, "key": key, "role": role, "limits": {"requests": 0}}
                for name, key, role in [
                    ("ann", ANN, "service"),
                    ("bob", BOB, "service"),
                    ("eve", EVE, "admin"),
                ]
            ],
            prices={"unknown": "allow"},
            store={"path": str(tmp_path / "store.db")},
            guardrails=guardrails,
        )

    return start


def ask(gateway, key, words=60, **more):
    chance = random.Random(time.monotonic_ns())
    text = " ".join(f"{chance.choice(WORDS)}{chance.randrange(900)}" for _ in range(words))
    status, _, _ = gateway.chat(
        headers=bearer(key), messages=[{"role": "user", "content": text}], **more
    )
    return status


def settle(gateway, key):
    for _ in range(60):
        assert ask(gateway, key) == 200
        time.sleep(0.02)
    time.sleep(0.2)


def events_of(store, count):
    deadline = time.monotonic() + 5
    while True:
        with sqlite3.connect(store) as db:
            found = db.execute(
                "SELECT actor, object_kind, object_id, after FROM events"
                " WHERE action = 'anomaly.seen'"
            ).fetchall()
        if len(found) >= count:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def metrics_of(gateway):
    status, _, text = gateway.call("GET", "/metrics", headers=bearer(EVE))
    assert status == 200
    return text.decode()


def value(metrics, name):
    return next(
        float(line.rsplit(" ", 1)[1])
        for line in metrics.splitlines()
        if line.startswith(name + " ")
    )


def test_a_leap_in_length_is_told(started, tmp_path):
    gateway = started(**anomaly())
    settle(gateway, ANN)
    settle(gateway, BOB)
    assert "llmgw_anomaly_score_count" in metrics_of(gateway)
    assert ask(gateway, ANN, words=10000) == 200
    record = gateway.record()
    assert record["anomaly"]["feature"] == "length"
    assert 60 <= record["anomaly"]["score"] <= 100
    assert ask(gateway, BOB) == 200
    assert "anomaly" not in gateway.record()
    # It is told once, however often it is.
    assert ask(gateway, ANN, words=10000) == 200
    assert "anomaly" in gateway.record()
    assert ask(gateway, BOB, words=10000) == 200
    found = events_of(tmp_path / "store.db", 2)
    assert [row[:3] for row in found] == [
        ("key/ann", "principal", "key/ann"),
        ("key/bob", "principal", "key/bob"),
    ]
    after = json.loads(found[0][3])
    assert after["feature"] == "length" and after["length"] >= 60
    assert after["score"] == record["anomaly"]["score"]
    assert after["request_id"] == record["request_id"]
    metrics = metrics_of(gateway)
    assert value(metrics, 'llmgw_anomalies_total{feature="length"}') == 3
    count = value(metrics, "llmgw_anomaly_score_count")
    assert 20 < count < 130
    assert value(metrics, 'llmgw_anomaly_score_bucket{le="+Inf"}') == count
    assert "ann" not in metrics and "bob" not in metrics


def test_refusals_are_told(started):
    gateway = started(
        stages=[
            {
                "check": "rules",
                "mode": "block",
                "rules": [{"name": "acme.word", "keywords": ["zeus"]}],
            }
        ],
        **anomaly(),
    )
    settle(gateway, ANN)
    told = []
    for i in range(16):
        chance = " ".join(random.choices(WORDS, k=60))
        status, _, _ = gateway.chat(
            headers=bearer(ANN),
            messages=[{"role": "user", "content": f"zeus {i} {chance}"}],
        )
        assert status == 400
        told.append(gateway.record().get("anomaly", {}).get("feature"))
    assert told[0] is None and told[-1] == "refusals"


def test_it_is_off_unless_asked_for(started):
    gateway = started()
    settle(gateway, ANN)
    assert ask(gateway, ANN, words=10000) == 200
    assert "anomaly" not in gateway.record()
    assert "llmgw_anomal" not in metrics_of(gateway)


def test_whose_key_is_wrong_is_nobody(started, tmp_path):
    gateway = started(**anomaly(score=1))
    for _ in range(70):
        assert ask(gateway, make_key()) == 401
        time.sleep(0.02)
    assert "llmgw_anomal" not in metrics_of(gateway)
