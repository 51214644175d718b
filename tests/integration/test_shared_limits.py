# SPDX-License-Identifier: Apache-2.0
"""Limits of several processes with one store: together they let pass what one
alone would, nearly all of it and never more; what a process has not used is
back when it ends; one that is killed loses its slice and nothing else."""

import contextlib
import json
import sqlite3
import threading
import time

import pytest

from keys import bearer, make_key
from serving import Serving, is_sanitized

MODELS = [{"name": "gpt-4o", "provider": "p"}, {"name": "sim-*", "provider": "p"}]
SLICES = 32  # a slice is at most such a part of a limit


@pytest.fixture
def serving(tmp_path):
    with Serving(tmp_path) as made:
        yield made


@pytest.fixture
def sim(serving):
    return serving.sim("--workers", "1")


class Sharing:
    """Gateways with one store and one key under these limits."""

    def __init__(self, serving, sim, limits, **store):
        self.serving, self.sim, self.key = serving, sim, make_key()
        self.limits, self.headers = limits, bearer(self.key)
        self.path = serving.folder / "store.db"
        self.store = {"path": str(self.path), "share_limits": True} | store

    def start(self, **sections):
        key = {"name": "k", "key": self.key, "team": "lab", "limits": {"requests": 0}}
        team = {"name": "lab", "limits": self.limits}
        return self.serving.gateway(
            {"p": {"base_url": self.sim.url, "vendor": "openai"}},
            MODELS,
            {"workers": 2},
            **{"keys": [key], "teams": [team], "store": self.store} | sections,
        )

    def rows(self, query):
        with contextlib.closing(sqlite3.connect(self.path, timeout=10)) as base:
            return base.execute(query).fetchall()

    def leases(self):
        return self.rows("SELECT holder, amount FROM leases")

    def used(self):
        return sum(row[0] for row in self.rows("SELECT used FROM counters"))

    def ask(self, gateway, **members):
        return gateway.chat(headers=self.headers, **members)[0]


@pytest.fixture
def share(serving, sim):
    return lambda limits, **store: Sharing(serving, sim, limits, **store)


def flood(sharing, gateways, each, threads=8, **members):
    """`each` requests to each gateway, all at the same time: the statuses."""
    statuses, lock = [], threading.Lock()

    def run(gateway, count):
        for _ in range(count):
            status = sharing.ask(gateway, **members)
            with lock:
                statuses.append(status)

    running = [
        threading.Thread(target=run, args=(gateway, each // threads))
        for gateway in gateways
        for _ in range(threads)
    ]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return statuses


@pytest.mark.threads
def test_two_processes_let_pass_what_one_would(share, sim):
    limit = 400
    sharing = share({"requests_day": limit})
    both = [sharing.start(), sharing.start()]
    each = 248 if is_sanitized(both[0].process) else 504
    statuses = flood(sharing, both, each)
    assert set(statuses) == {200, 429}, statuses
    passed = statuses.count(200)
    assert 0.99 * limit <= passed <= limit
    assert sim.stats()["requests"] == passed
    for gateway in both:
        gateway.stop()
    assert sharing.leases() == [] and sharing.used() == passed
    # What was left is there after a restart: not one more, not one less.
    again = sharing.start()
    left = [sharing.ask(again) for _ in range(limit - passed + 1)]
    assert left == [200] * (limit - passed) + [429]


def test_a_budget_is_one_for_both(share, sim):
    """What is reserved is more than what is spent: it comes back to both."""
    sharing = share({"budget": {"day": "0.02"}})
    both = [sharing.start(), sharing.start()]
    statuses = flood(sharing, both, 240, threads=2, max_tokens=20)
    assert set(statuses) == {200, 402}
    for gateway in both:
        gateway.stop()
    used = sharing.used()
    assert used == sum(r[0] for r in sharing.rows("SELECT cost_nano FROM usage"))
    assert sharing.leases() == []
    assert 0.018 <= used / 1e9 <= 0.02


def test_what_a_process_has_not_used_is_back_when_it_ends(share):
    sharing = share({"requests_day": 100})
    gateway = sharing.start()
    assert [sharing.ask(gateway) for _ in range(10)] == [200] * 10
    assert sum(amount for _, amount in sharing.leases()) + sharing.used() > 10
    gateway.stop()
    assert sharing.leases() == [] and sharing.used() == 10
    gateway = sharing.start()
    statuses = [sharing.ask(gateway) for _ in range(100)]
    assert statuses == [200] * 90 + [429] * 10


def test_one_that_is_killed_loses_its_slice_and_nothing_else(share, sim):
    limit = 320
    sharing = share({"requests_day": limit})
    killed, other = sharing.start(), sharing.start()
    passed = [sharing.ask(killed) for _ in range(50)].count(200)
    assert passed == 50
    killed.process.kill()
    killed.process.wait()
    passed += [sharing.ask(other) for _ in range(limit)].count(200)
    assert limit - 2 * (limit / SLICES + 1) <= passed <= limit
    # Started again, it does not book what was under way once more.
    again = sharing.start()
    assert sharing.ask(again) == 429
    assert sim.stats()["requests"] == passed


def test_what_nobody_uses_goes_to_who_does(share):
    sharing = share({"requests_day": 60})
    idle, busy = sharing.start(), sharing.start()
    assert sharing.ask(idle) == 200
    (holder, _), *_ = sharing.leases()
    passed = [sharing.ask(busy) for _ in range(62)].count(200)
    held = dict(sharing.leases())[holder]
    assert held > 1 and passed == 60 - held
    deadline = time.monotonic() + 20
    while passed < 59 and time.monotonic() < deadline:
        time.sleep(1.1)  # the store is asked once a second
        passed += sharing.ask(busy) == 200
    assert passed == 59
    assert sharing.ask(busy) == 429


def test_an_upload_waits_as_well(share, sim):
    """What came of its body meanwhile is in it."""
    sharing = share({"requests_day": 10})
    gateway = sharing.start()
    parts = (
        "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\ngpt-4o\r\n"
        "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n"
        "\r\n" + "sound" * 60000 + "\r\n--b--\r\n"
    ).encode()
    fields = {"content-type": "multipart/form-data; boundary=b"} | sharing.headers
    status, _, body = gateway.post("/v1/audio/transcriptions", parts, fields)
    assert status == 200, body
    assert int(sim.last()["headers"]["content-length"]) == len(parts)


@contextlib.contextmanager
def locked(path):
    """Nobody else can write to the store."""
    base = sqlite3.connect(path, isolation_level=None)
    base.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        base.execute("ROLLBACK")
        base.close()


def test_a_store_that_is_away_holds_up_nobody(share):
    """on_failure: serve. Each goes on by what it knows; afterwards what was
    used counts."""
    sharing = share({"requests_day": 100})
    gateway = sharing.start()
    with locked(sharing.path):
        begun = time.monotonic()
        assert sharing.ask(gateway) == 200
        assert time.monotonic() - begun < 3
        statuses = [sharing.ask(gateway) for _ in range(104)]
        assert statuses == [200] * 99 + [429] * 5
    deadline = time.monotonic() + 20
    while sum(a for _, a in sharing.leases()) + sharing.used() < 100:
        assert time.monotonic() < deadline, (sharing.leases(), sharing.used())
        sharing.ask(gateway)
        time.sleep(0.3)
    assert sharing.ask(sharing.start()) == 429


def test_or_who_cannot_be_counted_is_refused(share, sim):
    sharing = share({"requests_day": 100}, on_failure="refuse")
    gateway = sharing.start()
    with locked(sharing.path):
        status, fields, body = gateway.chat(headers=sharing.headers)
        error = json.loads(body)["error"]
        assert status == 503 and error["code"] == "limit_unknown"
        assert fields["retry-after"] == "1" and "team 'lab'" in error["message"]
    assert sim.stats()["requests"] == 0
    deadline = time.monotonic() + 20
    while sharing.ask(gateway) != 200:
        assert time.monotonic() < deadline
        time.sleep(0.2)
