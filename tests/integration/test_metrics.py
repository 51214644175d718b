# SPDX-License-Identifier: Apache-2.0
"""/metrics by a strict reader of the Prometheus text format, its numbers
against what was sent, and what must be in no metric, log line or error."""

import collections
import json
import math
import re
import threading

import pytest

from serving import KEY, Serving, is_sanitized

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"'
SAMPLE = re.compile(
    rf"({NAME})(?:\{{((?:{LABEL})(?:,{LABEL})*)\}})? ([-+]?[0-9.]+(?:e[-+]?\d+)?)"
)
PROMPT = "the quick brown prompt"


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    with Serving(tmp_path_factory.mktemp("metrics")) as one:
        yield one


@pytest.fixture(scope="module")
def sim(serving):
    return serving.sim()


@pytest.fixture
def gateway(serving, sim):
    return serving.gateway(
        {"p": {"base_url": sim.url, "timeouts": {"first_byte": "200ms"}}},
        [
            {"name": "gpt-4o"},
            {"name": "renamed", "model": "gpt-4o-mini"},
            {"name": "sim-*"},
        ],
        server={"workers": 2},
    )


class Metrics:
    """All samples of a scrape; parsing fails on whatever is not right."""

    def __init__(self, text):
        assert text.endswith("\n") and "\r" not in text
        self.types, self.samples, helped = {}, {}, set()
        current = None
        for line in text.splitlines():
            assert line == line.strip() and line
            if line.startswith("# HELP "):
                current, words = line[7:].split(" ", 1)
                assert words and current not in helped
                helped.add(current)
            elif line.startswith("# TYPE "):
                name, kind = line[7:].split(" ")
                assert name == current and name not in self.types
                assert kind in ("counter", "gauge", "histogram")
                assert (kind == "counter") == name.endswith("_total")
                self.types[name] = kind
            else:
                self._sample(line, current)
        self._check_histograms()

    def _sample(self, line, current):
        found = SAMPLE.fullmatch(line)
        assert found, line
        name, labels = found.group(1), found.group(2) or ""
        # Samples stand together, behind their TYPE.
        suffixes = ("", "_bucket", "_sum", "_count")
        assert name in {current + end for end in suffixes}, line
        assert (name == current) != (self.types[current] == "histogram"), line
        pairs = re.findall(LABEL, labels)
        assert len({key for key, _ in pairs}) == len(pairs)
        key = (name, frozenset(pairs))
        assert key not in self.samples, line
        self.samples[key] = float(found.group(7))
        assert math.isfinite(self.samples[key]) and self.samples[key] >= 0

    def _check_histograms(self):
        series = collections.defaultdict(list)
        for (name, labels), value in self.samples.items():
            if name.endswith("_bucket"):
                bound = float(dict(labels)["le"])
                rest = frozenset(pair for pair in labels if pair[0] != "le")
                series[name[: -len("_bucket")], rest].append((bound, value))
        for (name, labels), buckets in series.items():
            buckets.sort()
            counts = [count for _, count in buckets]
            assert counts == sorted(counts) and buckets[-1][0] == math.inf
            assert counts[-1] == self.samples[name + "_count", labels]
            if counts[-1] == 0:
                assert self.samples[name + "_sum", labels] == 0

    def sum(self, name, **labels):
        """Over all series that have these labels."""
        wanted = set(labels.items())
        return sum(
            value
            for (found, pairs), value in self.samples.items()
            if found == name and wanted <= pairs
        )


def scrape(gateway):
    return Metrics(gateway.metrics())


def asked(**members):
    return {"messages": [{"role": "user", "content": PROMPT}]} | members


def test_a_fresh_gateway_has_well_formed_metrics(gateway):
    status, fields, _ = gateway.call("GET", "/metrics")
    assert status == 200
    assert fields["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert scrape(gateway).sum("llmgw_exchanges_in_flight") == 1


def test_numbers_equal_what_was_sent(gateway):
    usage = collections.Counter()
    for _ in range(3):
        answer = json.loads(gateway.chat(**asked())[2])
        usage.update(
            input=answer["usage"]["prompt_tokens"],
            output=answer["usage"]["completion_tokens"],
        )
    streamed = gateway.stream(**asked(stream_options={"include_usage": True}))
    events = streamed.count(b"\n\n")
    last = json.loads(streamed.split(b"\n\n")[-3].removeprefix(b"data: "))["usage"]
    usage.update(input=last["prompt_tokens"], output=last["completion_tokens"])

    gateway.chat("renamed", **asked())
    gateway.error("sim-429", **asked())
    gateway.error("sim-429", **asked())
    gateway.error("sim-hang", **asked())
    gateway.error("nobody", **asked())
    gateway.stream("sim-cut:2", **asked())
    gateway.stream("sim-no-usage", **asked())
    gateway.post("/v1/chat/completions", b"{")
    body = {"model": "gpt-4o", "input": PROMPT}
    embedded = json.loads(gateway.post("/v1/embeddings", body)[2])["usage"]
    gateway.post("/v1/moderations", body)
    gateway.records(14)

    m = scrape(gateway)
    total = "llmgw_exchanges_total"
    chat = {"gen_ai_operation_name": "chat"}
    model = "gen_ai_request_model"
    assert m.sum(total, **chat, **{model: "gpt-4o"}, ending="complete") == 4
    assert m.sum(total, **chat, **{model: "renamed"}) == 1
    assert m.sum(total, **chat, **{model: "sim-*"}, ending="upstream_error") == 2
    assert m.sum(total, ending="timeout") == m.sum(total, ending="cut") == 1
    assert m.sum(total, **chat, ending="refused") == 2
    assert m.sum(total, gen_ai_operation_name="embeddings") == 1
    assert m.sum(total, gen_ai_operation_name="moderations") == 1
    assert m.sum(total, gen_ai_provider_name="p") == 12
    assert m.sum("llmgw_responses_total", **chat, **{"class": "4xx"}) == 4
    assert m.sum("llmgw_responses_total", **chat, **{"class": "5xx"}) == 1
    for kind in ("input", "output"):
        labels = chat | {model: "gpt-4o", "gen_ai_token_type": kind}
        assert m.sum("gen_ai_client_token_usage_sum", **labels) == usage[kind]
        assert m.sum("gen_ai_client_token_usage_count", **labels) == 4
    assert (
        m.sum(
            "gen_ai_client_token_usage_sum",
            gen_ai_operation_name="embeddings",
            gen_ai_token_type="input",
        )
        == embedded["prompt_tokens"]
    )
    unknown = "llmgw_usage_unknown_total"
    assert m.sum(unknown, **{model: "sim-*"}) == 1  # no status: whose name is it?
    assert m.sum(unknown, **{model: "sim-cut:2"}) == 0
    assert m.sum("llmgw_usage_estimated_total", **{model: "sim-cut:2"}) == 1
    assert m.sum("llmgw_usage_estimated_total", **{model: "sim-no-usage"}) == 1
    assert m.sum("llmgw_stream_events_total", **{model: "gpt-4o"}) == events
    count = "gen_ai_server_time_to_first_token_seconds_count"
    assert m.sum(count, **{model: "gpt-4o"}) == 1
    duration = m.sum("gen_ai_server_request_duration_seconds_sum", **{model: "sim-*"})
    assert 0.2 < duration < 5  # one of them hung
    assert m.sum("llmgw_own_duration_seconds_count", **{model: "gpt-4o"}) == 6


@pytest.mark.threads
def test_nothing_is_lost_between_workers(gateway):
    """Metrics are scraped while eight clients ask on two workers."""

    def ask(number):
        for i in range(40):
            if number == 0:
                scrape(gateway)
            elif (i + number) % 3:
                assert gateway.chat(**asked())[0] == 200
            else:
                assert gateway.error("sim-429", **asked())[0] == 429

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gateway.records(8 * 40, seconds=10)
    m = scrape(gateway)
    total = "llmgw_exchanges_total"
    refused = sum((i + n) % 3 == 0 for n in range(1, 8) for i in range(40))
    assert m.sum(total, ending="upstream_error") == refused
    assert m.sum(total, gen_ai_operation_name="chat") == 280
    assert m.sum(total, gen_ai_operation_name="metrics") == 40
    assert m.sum("llmgw_exchanges_in_flight") == 1
    labels = {"gen_ai_token_type": "output"}
    assert m.sum("gen_ai_client_token_usage_count", **labels) == 280 - refused


def test_names_from_clients_make_no_series(gateway):
    """Else every client could fill the memory."""
    for i in range(50):
        gateway.error(f"unknown-{i}")
        assert gateway.error("sim-429:retry_after=" + str(i))[0] == 429
        gateway.call("GET", f"/unknown/{i}")
    text = gateway.metrics()
    assert "unknown" not in re.sub("(usage|cost)_unknown", "", text) and "retry_after" not in text
    chat = {"gen_ai_operation_name": "chat"}
    series = [
        labels
        for name, labels in Metrics(text).samples
        if name == "llmgw_request_bytes_total" and chat.items() <= labels
    ]
    assert len(series) == 2  # sim-* and, together, all that is unknown


def test_odd_model_names_are_escaped(serving, sim):
    name = 'a"b\\c/é'
    gateway = serving.gateway(
        {"p": {"base_url": sim.url}}, [{"name": name, "model": "gpt-4o"}]
    )
    assert gateway.chat(name)[0] == 200
    m = scrape(gateway)
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    assert m.sum("llmgw_exchanges_total", gen_ai_request_model=escaped) == 1


def test_nothing_secret_is_written_anywhere(gateway):
    """No prompt, no answer, no key: neither in metrics, logs, nor errors."""
    client = {"authorization": "Bearer sk-client-key-123456", "cookie": "c=secret-c"}
    said = [gateway.chat(headers=client, **asked())[2].decode()]
    answer = json.loads(said.pop())["choices"][0]["message"]["content"]
    gateway.stream(headers=client, **asked())
    for model in ("nobody", "sim-401", "sim-400", "sim-hang", "sim-html-502"):
        said.append(json.dumps(gateway.error(model, client, **asked())))
    for body in (b'{"model":"gpt-4o","messages":"%s"}', b'{"model":"gpt-4o","%s'):
        body %= PROMPT.encode()
        said.append(gateway.post("/v1/chat/completions", body, client)[2].decode())
    gateway.call("GET", "/v1/models?key=sk-query-key-123456", None, client)
    records = gateway.records(10)
    text = gateway.metrics() + json.dumps(records) + gateway.stderr() + "".join(said)
    assert len(records) >= 10 and "gpt-4o" in text
    for secret in (
        PROMPT,
        answer,
        answer[:20],
        KEY,
        KEY[:14],
        "sk-client",
        "sk-query",
        "secret-c",
    ):
        assert secret not in text


def test_the_log_tells_the_same_as_the_client(gateway):
    status, fields, body = gateway.chat(**asked())
    record = gateway.record()
    assert record["status"] == status and record["response_bytes"] == len(body)
    assert record["model"] == "gpt-4o" and record["provider"] == "p"
    assert record["upstream_request_id"] == fields["x-upstream-request-id"]
    usage = json.loads(body)["usage"]
    assert record["input_tokens"] == usage["prompt_tokens"]
    assert record["output_tokens"] == usage["completion_tokens"]
    body = gateway.stream(**asked())
    record = gateway.record()
    assert record["stream"] is True and record["response_bytes"] == len(body)
    assert record["events"] == body.count(b"\n\n")
    if not is_sanitized(gateway):
        gateway.chat("renamed", **asked())
        assert gateway.record()["upstream_model"] == "gpt-4o-mini"
