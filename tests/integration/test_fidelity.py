# SPDX-License-Identifier: Apache-2.0
"""What passes through llmgw passes as it is, and what must not pass does not:
bodies and streams byte for byte, header fields by name, ids, secrets, paths.

Method: llmsim says what it was asked (/sim/last) and hashes bodies ("echo-"
models); its stream through llmgw is compared with the one from itself.
"""

import hashlib
import json
import re
import time

import pytest

from serving import KEY, Serving, speaks

PATH = "/v1/chat/completions"


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    with Serving(tmp_path_factory.mktemp("fidelity")) as one:
        yield one


@pytest.fixture(scope="module", params=["native", "curl"])
def transport(request):
    return request.param


@pytest.fixture(scope="module")
def sim(serving):
    return serving.sim()


@pytest.fixture(scope="module")
def gateway(serving, transport, sim):
    return serving.gateway(
        {"p": {"base_url": sim.url, "transport": transport}},
        [{"name": "*"}, {"name": "short", "model": "echo-of-another-length"}],
        server={"workers": 1},
    )


@pytest.fixture
def front(serving, transport):
    def make(handler, **more):
        provider = serving.listener(handler)
        return serving.gateway(
            {"p": {"base_url": provider.url, "transport": transport} | more},
            server={"workers": 1},
        )

    return make


def answering(answer, seen=None):
    """A provider that always says this; what it was asked goes to `seen`."""

    def note(*request):
        if seen is not None:
            seen.append(request)
        return answer

    return speaks(note)


def json_answer(body, status=b"200 OK", fields=b""):
    return (
        b"HTTP/1.1 %s\r\ncontent-type: application/json\r\n%s"
        b"content-length: %d\r\n\r\n%s" % (status, fields, len(body), body)
    )


# ---- streams --------------------------------------------------------------------


@pytest.mark.parametrize(
    "path, body",
    [
        (PATH, {"model": "gpt-4o"}),
        (PATH, {"model": "gpt-4o", "n": 3}),
        (PATH, {"model": "sim-slow:ttft_ms=1,tokens_per_second=0,tokens=3000"}),
        (PATH, {"model": "sim-slow:ttft_ms=1,tokens_per_second=300,tokens=40"}),
        (PATH, {"model": "sim-slow:ttft_ms=1,token_bytes=70000,tokens=9"}),
        (PATH, {"model": "sim-drip:drip_bytes=61,tokens=5"}),
        (PATH, {"model": "sim-tool", "tools": [{"function": {"name": "f"}}]}),
        ("/v1/completions", {"model": "gpt-4o", "prompt": "Once"}),
        ("/v1/responses", {"model": "gpt-4o", "input": "Hi"}),
    ],
)
def test_streams_pass_byte_for_byte(gateway, sim, path, body):
    text = json.dumps(
        {"messages": [], "stream": True, "stream_options": {"include_usage": True}}
        | body
    )
    sim.reset()
    _, direct_fields, direct = sim.call("POST", path, text)
    sim.reset()
    status, fields, through = gateway.post(path, text.encode())
    assert status == 200 and through == direct
    assert fields["content-type"] == direct_fields["content-type"]
    assert fields["transfer-encoding"] == "chunked"


def test_each_event_comes_when_it_was_sent(gateway):
    """Nothing is held back: the gaps of the provider are the client's."""
    body = json.dumps(
        {"model": "sim-slow:ttft_ms=1,tokens_per_second=20,tokens=8", "messages": [],
         "stream": True}
    ).encode()  # fmt: skip
    times = []
    with gateway.connect() as client:
        client.sendall(
            b"POST %s HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s"
            % (PATH.encode(), len(body), body)
        )
        got = b""
        while b"[DONE]" not in got:
            piece = client.recv(65536)
            got += piece
            times.append(time.monotonic())
    gaps = [b - a for a, b in zip(times, times[1:])]
    assert len([gap for gap in gaps if 0.02 < gap < 0.3]) >= 6, gaps


def test_the_usage_that_was_not_asked_for_is_taken_out(gateway, sim):
    """All else stays as the provider sent it."""
    asked = {"model": "gpt-4o", "messages": [], "stream": True}
    sim.reset()
    _, _, direct = sim.call(
        "POST", PATH, json.dumps(asked | {"stream_options": {"include_usage": True}})
    )
    sim.reset()
    _, _, through = gateway.post(PATH, asked)
    events = direct.split(b"\n\n")
    kept = [event for event in events if b'"prompt_tokens"' not in event]
    assert len(kept) == len(events) - 1
    assert through == b"\n\n".join(kept)
    assert gateway.record()["usage"] == "reported"


# ---- request bodies -------------------------------------------------------------

ODD_BODIES = [
    b'{"model":"echo-1","messages":[]}',
    b' \r\n\t{ "messages" :\n[ ] , "model" : "echo-1" }\n\n ',
    b'{"model":"echo-1","messages":[],"seed":123456789012345678901234567890}',
    b'{"model":"echo-1","messages":[],"top_p":1.0e-0,"x":-0.0,"y":1E400,"z":0.10}',
    b'{"model":"echo-1","messages":[{"content":"\\u00e9\\ud83d\\ude00\\/\\u0000"}]}',
    '{"model":"echo-1","messages":[{"content":"é😀\u2028\x7f"}]}'.encode(),
    b'{"zz":1,"model":"echo-1","aa":{"model":"other"},"messages":[],"":null}',
    b'{"\\u006dodel":"echo-1","messages":[]}',
    b'{"model":"echo\\u002d1","messages":[],"unknown":[[[{"a":[]}]]]}',
    b'{"model":"echo-1","messages":[],"stream":false,"stream_options":null}',
]


def digest_of(answer):
    assert answer[0] == 200, answer
    said = json.loads(answer[2])["choices"][0]["message"]["content"]
    return re.search(r"[0-9a-f]{64}", said).group(0)


@pytest.mark.parametrize("body", ODD_BODIES, ids=range(len(ODD_BODIES)))
def test_requests_pass_byte_for_byte(gateway, sim, body):
    assert gateway.post(PATH, body)[0] == 200
    assert sim.last()["body"] == body


@pytest.mark.parametrize("size", [1, 16_000, 65_536, 70_000, 1_000_000, 9_000_000])
def test_requests_of_any_size_pass_byte_for_byte(gateway, size):
    body = b'{"model":"echo-1","messages":[],"x":"%s"}' % (b"0123456789" * (size // 10))
    digest = hashlib.sha256(body).hexdigest()
    assert digest_of(gateway.post(PATH, body)) == digest
    # Chunked by the client: with a length to the provider.
    pieces = [body[at : at + 50_001] for at in range(0, len(body), 50_001)]
    assert digest_of(gateway.call("POST", PATH, iter(pieces))) == digest


@pytest.mark.parametrize(
    "sent, expected",
    [
        (
            b'{ "messages":[ ],\t"model" : "short" , "seed":1.50}',
            b'{ "messages":[ ],\t"model" : "echo-of-another-length" , "seed":1.50}',
        ),
        (
            b'{"model":"sho\\u0072t","messages":[{"model":"short"}]}',
            b'{"model":"echo-of-another-length","messages":[{"model":"short"}]}',
        ),
    ],
)
def test_only_the_models_name_is_replaced(gateway, sim, sent, expected):
    assert digest_of(gateway.post(PATH, sent)) == hashlib.sha256(expected).hexdigest()
    assert sim.last()["body"] == expected


@pytest.mark.parametrize(
    "sent, expected",
    [
        (
            b' {"model":"echo-1","messages":[ ],"stream":true}',
            b' {"stream_options":{"include_usage":true},'
            b'"model":"echo-1","messages":[ ],"stream":true}',
        ),
        (
            b'{"stream_options" : { } ,"model":"short","messages":[],"stream":true}',
            b'{"stream_options" : {"include_usage":true} ,'
            b'"model":"echo-of-another-length","messages":[],"stream":true}',
        ),
        (
            b'{"model":"echo-1","messages":[],"stream":true,'
            b'"stream_options":{"include_usage": false,"x":1}}',
            b'{"model":"echo-1","messages":[],"stream":true,'
            b'"stream_options":{"include_usage": true,"x":1}}',
        ),
        (
            b'{"model":"echo-1","messages":[],"stream":true,"stream_options":null}',
            b'{"model":"echo-1","messages":[],"stream":true,'
            b'"stream_options":{"include_usage":true}}',
        ),
    ],
)
def test_usage_is_asked_for_with_the_smallest_edit(gateway, sim, sent, expected):
    assert gateway.post(PATH, sent)[0] == 200
    assert sim.last()["body"] == expected


def test_usage_is_not_asked_for_where_it_is_not_wanted(serving, transport, sim):
    provider = {"base_url": sim.url, "transport": transport, "stream_usage": False}
    gateway = serving.gateway({"p": provider})
    body = b'{"model":"m","messages":[],"stream":true}'
    assert gateway.post(PATH, body)[0] == 200
    assert sim.last()["body"] == body


def test_a_form_passes_byte_for_byte_but_for_the_model(gateway, sim):
    def form(model):
        return (
            b"--sep\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n" + model
            + b"\r\n--sep\r\ncontent-disposition: form-data; name=\"file\"; "
            b"filename=\"a\"\r\n\r\n\0\xff\r\n--se\r\n--sep--\r\n"
        )  # fmt: skip

    fields = {"content-type": "multipart/form-data; boundary=sep"}
    path = "/v1/audio/transcriptions"
    assert gateway.call("POST", path, form(b"short"), fields)[0] == 200
    last = sim.last()
    assert last["body_bytes"] == len(form(b"echo-of-another-length"))
    assert last["headers"]["content-type"] == fields["content-type"]
    assert int(last["headers"]["content-length"]) == last["body_bytes"]


def test_moderations_need_no_model(front):
    seen = []
    gateway = front(answering(json_answer(b"{}"), seen))
    assert gateway.post("/v1/moderations", {"input": "x"})[0] == 200
    assert seen[0][1] == b'{"input": "x"}'


# ---- header fields --------------------------------------------------------------

LEAKS = {
    "set-cookie": "sid=1",
    "server": "inside/1.0",
    "via": "1.1 inside",
    "x-powered-by": "inside",
    "x-goog-api-key": "inside",
    "openai-organization": "org-inside-123",
    "openai-project": "proj_inside",
    "cf-ray": "inside",
    "x-envoy-upstream-service-time": "3",
    "access-control-allow-origin": "*",
    "strict-transport-security": "max-age=1",
    "alt-svc": 'h3=":443"',
    "connection": "keep-alive, x-hop",
    "keep-alive": "timeout=77",
    "x-hop": "inside",
    "proxy-authenticate": "Basic realm=inside",
    "trailer": "x-inside",
    "upgrade": "h2c",
    "location": "http://inside/",
    "www-authenticate": "Bearer",
    "x-inside": "inside",
}
PASSED = {
    "content-type": "application/json; charset=utf-8",
    "content-disposition": "inline",
    "retry-after": "9",
    "x-ratelimit-remaining-requests": "4",
    "openai-processing-ms": "17",
    "openai-version": "2020-10-01",
}
OURS = {
    "date", "server", "content-length", "x-request-id", "x-upstream-request-id",
    "server-timing", "connection", "transfer-encoding",
}  # fmt: skip


@pytest.mark.parametrize("status", [b"200 OK", b"400 Bad", b"503 Busy"])
def test_only_known_fields_of_an_answer_pass(front, status):
    fields = LEAKS | PASSED | {"x-request-id": "req-theirs"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    gateway = front(
        answering(
            b"HTTP/1.1 %s\r\n%scontent-length: 2\r\n\r\n{}" % (status, lines.encode())
        )
    )
    _, got, _ = gateway.chat("m")
    assert "inside" not in json.dumps(got)
    assert set(got) <= OURS | set(PASSED)
    for name in set(PASSED) - {"content-type", "content-disposition"}:
        assert got[name] == PASSED[name]
    assert got["x-upstream-request-id"] == "req-theirs"
    assert got["x-request-id"] == gateway.last_id
    assert got["server"] == "llmgw"
    if status == b"200 OK":
        assert got["content-type"] == PASSED["content-type"]
        assert got["content-disposition"] == "inline"


def test_only_known_fields_of_a_request_pass(gateway, sim):
    sent = {
        "authorization": "Bearer sk-the-clients-own-key",
        "cookie": "sid=client",
        "api-key": "client",
        "x-api-key": "client",
        "x-goog-api-key": "client",
        "openai-organization": "client",
        "openai-project": "client",
        "forwarded": "for=client",
        "x-forwarded-for": "10.1.2.3",
        "x-forwarded-host": "client",
        "x-real-ip": "client",
        "proxy-authorization": "Basic client",
        "proxy-connection": "keep-alive",
        "connection": "x-hop",
        "x-hop": "client",
        "te": "trailers",
        "upgrade-insecure-requests": "1",
        "accept-encoding": "gzip",
        "user-agent": "client/1",
        "referer": "http://client/",
        "origin": "http://client",
        "expect": "100-continue",
        "range": "bytes=0-1",
        "x-sim": "status=500",
        "x-stainless-lang": "client",
        "x-llmproxy-model": "gpt-4o",
    }
    assert gateway.chat("gpt-4o", sent)[0] == 200
    got = sim.last()["headers"]
    assert got.pop("authorization") == f"Bearer {KEY}"
    assert got.pop("user-agent").startswith("llmgw/")
    assert set(got) == {
        "host", "content-type", "accept", "x-request-id", "content-length",
    }  # fmt: skip
    assert "client" not in json.dumps(got)


def test_what_a_request_does_need_passes(gateway, sim):
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    fields = {
        "traceparent": trace,
        "tracestate": "a=1,b=2",
        "openai-beta": "assistants=v2",
        "x-request-id": "mine-1",
    }
    _, got, _ = gateway.chat("gpt-4o", fields)
    passed = sim.last()["headers"]
    for name, value in fields.items():
        assert passed[name] == value
    assert got["x-request-id"] == "mine-1"
    assert re.fullmatch(r"req_sim_\d+", got["x-upstream-request-id"])
    record = gateway.record_of("mine-1")
    assert record["upstream_request_id"] == got["x-upstream-request-id"]


@pytest.mark.parametrize("given", ["", "a b", "é", "x" * 129, "<script>", "a/b"])
def test_request_ids_that_are_not_plain_are_replaced(gateway, sim, given):
    _, got, _ = gateway.chat("gpt-4o", {"x-request-id": given.encode()})
    assert re.fullmatch(r"req_[0-9a-z]{24}", got["x-request-id"])
    assert sim.last()["headers"]["x-request-id"] == got["x-request-id"]


def timing(fields):
    found = re.fullmatch(
        r"gateway;dur=(\d+\.\d{3}), upstream;dur=(\d+\.\d{3})", fields["server-timing"]
    )
    return float(found.group(1)), float(found.group(2))


def test_server_timing_tells_whose_time_it_was(gateway):
    own, upstream = timing(gateway.chat("sim-slow:ttft_ms=150,tokens_per_second=0")[1])
    assert 0 < own < 50 and 140 < upstream < 400
    gateway.chat()
    own, upstream = timing(gateway.chat()[1])
    assert 0 < own < 20 and 0 < upstream < 50


# ---- secrets --------------------------------------------------------------------


def escaped(text):
    return "".join(f"\\u{ord(c):04x}" for c in text)


@pytest.mark.parametrize(
    "message",
    [
        f"Incorrect API key provided: {KEY}. You can find it at …",
        f"key={KEY}&x",
        f'\\"{KEY}\\"',
        escaped(KEY),
        "of organization org-AbC123dEf456 on requests per min",
        "project proj_AbC123dEf456 does not have access",
        "Incorrect API key provided: sk-proj-****************abcd",
        "Bearer abcdefghijklmnop",
        "x-api-key: the-header-secret",
    ],
)
def test_errors_of_the_provider_show_no_secret(front, message):
    body = f'{{"error":{{"message":"{message}","type":"t","code":"c","param":"p"}}}}'
    seen = json.loads(body)["error"]["message"]
    gateway = front(
        answering(json_answer(body.encode(), b"400 Bad")),
        headers={"x-api-key": "the-header-secret"},
    )
    status, _, got = gateway.chat("m")
    error = json.loads(got)["error"]
    assert status == 400 and "***" in error["message"]
    assert (error["type"], error["code"], error["param"]) == ("t", "c", "p")
    for secret in (KEY, "org-AbC", "proj_AbC", "sk-proj", "abcdefghij", "-secret"):
        assert secret not in error["message"] or secret not in seen
        assert secret not in got.decode()
    assert KEY not in json.dumps(gateway.records(1)) + gateway.stderr()


def test_an_error_event_shows_no_secret(front):
    event = b'data: {"error":{"message":"bad key %s of org-AbC123dEf456"}}\n\n'
    event %= KEY.encode()
    gateway = front(
        answering(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            b"content-length: %d\r\n\r\n%s" % (len(event), event)
        )
    )
    assert gateway.stream("m") == event.replace(KEY.encode(), b"***").replace(
        b"org-AbC123dEf456", b"***"
    )


def test_a_page_of_html_becomes_a_sentence(front):
    gateway = front(answering(json_answer(b"<html>10.0.0.7 inside", b"502 Bad")))
    status, error = gateway.error("m")
    assert status == 502 and "inside" not in error["message"]
    assert "10.0" not in error["message"]


# ---- paths ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "method, path, status",
    [
        ("POST", "/v1/../v1/chat/completions", 404),
        ("POST", "/v1/images/../chat/completions", 404),
        ("POST", "/v1/audio/..", 404),
        ("POST", "/v1/audio/..%2f..%2fadmin", 404),
        ("POST", "/v1/audio/%2e%2e/admin", 404),
        ("POST", "/v1/audio//admin", 404),
        ("POST", "/v1/audio/a\\b", 404),
        ("POST", "/v1/audio/a;b", 404),
        ("POST", "/v1/audio/", 404),
        ("POST", "//v1/chat/completions", 404),
        ("POST", "/V1/chat/completions", 404),
        ("POST", "/v1/chat/completions/", 404),
        # Without a store nobody knows whose these are.
        ("POST", "/v1/files", 403),
        ("POST", "/v1/batches", 403),
        ("GET", "/v1/responses/resp_1", 403),
        ("GET", "/v1/files/file-1/content/more", 404),
        ("GET", "/v1/files/../models", 404),
        ("PUT", "/v1/files/file-1", 405),
        ("POST", "/sim/reset", 404),
        ("GET", "/", 404),
        ("GET", PATH, 405),
        ("DELETE", "/v1/models/gpt-4o", 405),
        ("PUT", "/v1/embeddings", 405),
        ("POST", "/v1/models", 405),
    ],
)
def test_other_paths_lead_nowhere(gateway, sim, method, path, status):
    sim.reset()
    got, fields, body = gateway.call(method, path, b'{"model":"m","messages":[]}')
    error = json.loads(body)["error"]
    assert got == status and error["type"] and error["message"]
    assert ("allow" in fields) == (status == 405)
    assert sim.stats()["requests"] == 0


def test_queries_are_not_forwarded(gateway, sim):
    body = {"model": "gpt-4o", "messages": []}
    status, _, _ = gateway.post(PATH + "?api-version=1&key=sk-in-the-query", body)
    assert status == 200 and sim.last()["target"] == PATH
    assert gateway.call("GET", "/v1/models/gpt-9?x=../..")[0] == 200
    assert sim.last()["target"] == "/v1/models/gpt-9"
    assert "sk-in-the-query" not in json.dumps(gateway.records(2))


def test_the_base_path_is_the_providers(front):
    seen = []
    gateway = front(answering(json_answer(b"{}"), seen))
    gateway.chat("m")
    gateway.post("/v1/audio/speech", {"model": "m"})
    gateway.call("GET", "/v1/models/a/b")
    assert [head.split(b" ", 2)[1] for head, _ in seen] == [
        b"/v1/chat/completions",
        b"/v1/audio/speech",
        b"/v1/models/a/b",
    ]
    assert b"content-length" not in seen[2][0].lower()
