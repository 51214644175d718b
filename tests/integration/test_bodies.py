# SPDX-License-Identifier: Apache-2.0
"""Request bodies: too large, broken, of wrong types, ten megabytes of them,
and uploads to a provider that reads slowly or not at all.

Method: hand-written bytes on sockets; what the gateway holds is seen in its
resident memory, which says nothing under a sanitizer.
"""

import json
import socket
import threading
import time

import pytest

from conftest import Answer
from serving import Serving, is_sanitized, read_head, resident_kib

PATH = "/v1/chat/completions"
LIMITS = {"body": "256KiB", "passthrough": "2MiB"}


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    with Serving(tmp_path_factory.mktemp("bodies")) as one:
        yield one


@pytest.fixture(scope="module")
def sim(serving):
    return serving.sim()


@pytest.fixture(scope="module")
def gateway(serving, sim):
    return serving.gateway({"p": {"base_url": sim.url}}, [{"name": "*"}])


@pytest.fixture(scope="module")
def small(serving, sim):
    """A gateway with low limits."""
    return serving.gateway({"p": {"base_url": sim.url}}, server={"limits": LIMITS})


def head(path, **fields):
    lines = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in fields.items())
    return f"POST {path} HTTP/1.1\r\nhost: x\r\n{lines}\r\n".encode()


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def refusal(client):
    """The answer, which must end the connection, and its error."""
    answer = Answer(client)
    assert answer.fields["connection"] == "close" and answer.fields["x-request-id"]
    return answer.status, answer.json()["error"]


# ---- too large ------------------------------------------------------------------

AUDIO = {"content_type": "audio/wav", "x_llmproxy_model": "whisper-1"}


@pytest.mark.parametrize(
    "path, size, fields",
    [
        (PATH, 256 * 1024 + 1, {}),
        (PATH, 10**15, {}),
        ("/v1/audio/transcriptions", 2 * 1024 * 1024 + 1, AUDIO),
    ],
)
def test_a_declared_size_is_refused_before_the_body_comes(small, path, size, fields):
    with small.connect() as client:
        client.sendall(head(path, content_length=size, **fields))
        status, error = refusal(client)  # and not a byte of the body was sent
    assert (status, error["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    "path, limit, fields",
    [
        (PATH, 256 * 1024, {}),
        ("/v1/audio/transcriptions", 2 * 1024 * 1024, AUDIO),
    ],
)
def test_an_undeclared_size_is_refused_when_it_is_reached(
    small, sim, path, limit, fields
):
    sim.reset()
    before = resident_kib(small)
    sent = 0
    with small.connect() as client:
        client.sendall(head(path, transfer_encoding="chunked", **fields))
        client.settimeout(0.05)
        with pytest.raises(OSError):  # it is not read any more
            client.sendall(chunk(b'{"x":"' if path == PATH else b"RIFF"))
            while sent < 100_000_000:
                client.sendall(chunk(b"x" * 10_000))
                sent += 10_000
                if sent > limit and sent % 500_000 == 0:
                    time.sleep(0.01)
        client.settimeout(5)
        status, error = refusal(client)
    assert (status, error["code"]) == (413, "body_too_large")
    assert limit <= sent < limit + 20_000_000  # what the kernels hold
    if not is_sanitized(small):
        assert resident_kib(small) < before + 3000
    sim.wait_for(2, open=0, completed=0)


def test_a_body_of_exactly_the_limit_passes(small):
    front, back = b'{"model":"m","messages":[],"x":"', b'"}'
    body = front + b"x" * (256 * 1024 - len(front) - len(back)) + back
    assert small.post(PATH, body)[0] == 200
    assert small.post(PATH, body[:-2] + b"y" + back)[0] == 413


# ---- broken ---------------------------------------------------------------------


def nested(depth):
    """A body whose deepest container is `depth` deep."""
    inner = b"[" * (depth - 1) + b"]" * (depth - 1)
    return b'{"model":"m","messages":[],"x":%s}' % inner


BROKEN = [
    (b"", "invalid_json", ""),
    (b"   ", "invalid_json", ""),
    (b"{", "invalid_json", "byte 1"),
    (b'{"model":"m","messages":[}', "invalid_json", "byte 25"),
    (b'{"model":"m","messages":[]}x', "invalid_json", "byte 27"),
    (b'{"model":"m","messages":[]}{}', "invalid_json", "byte 27"),
    (b'{"model":"m","messages":[],}', "invalid_json", "byte 27"),
    (b"{'model':'m'}", "invalid_json", "byte 1"),
    (b'{"model":"m","messages":[NaN]}', "invalid_json", "byte 25"),
    (b'{"model":"m","messages":[01]}', "invalid_json", "byte 26"),
    (b'{"model":"m\n","messages":[]}', "invalid_json", "byte 11"),
    (b'{"model":"m","messages":["\xff"]}', "invalid_json", "byte 26"),
    (b'{"model":"m","messages":["\xed\xa0\x80"]}', "invalid_json", "byte"),
    (b'\xef\xbb\xbf{"model":"m","messages":[]}', "invalid_json", "byte 0"),
    (b'{"model":"m","messages":[],"model":"n"}', "invalid_json", "twice"),
    (b'{"model":"m","messages":[],"mod\\u0065l":"n"}', "invalid_json", "twice"),
    (b'{"model":"m","messages":[{"a":1,"a":2}]}', "invalid_json", "twice"),
    (nested(65), "invalid_json", "too deeply"),
    (b'{"model":"m","metadata":' + b"[" * 100_000, "invalid_json", "too deeply"),
    (b"[]", "invalid_value", "object"),
    (b'"model"', "invalid_value", "object"),
    (b"{}", "invalid_value", "'model' is required"),
    (b'{"model":7,"messages":[]}', "invalid_value", "'model' must be a string"),
    (b'{"model":null,"messages":[]}', "invalid_value", "'model' must be"),
    (b'{"model":"m"}', "invalid_value", "'messages' is required"),
    (b'{"model":"m","messages":{}}', "invalid_value", "must be an array"),
    (
        b'{"model":"m","messages":[],"stream":"true"}',
        "invalid_value",
        "'stream' must be a boolean (at byte 36)",
    ),
    (
        b'{"model":"m","messages":[],"stream_options":[]}',
        "invalid_value",
        "'stream_options' must be an object",
    ),
    (
        b'{"model":"m","messages":[],"max_tokens":"9"}',
        "invalid_value",
        "'max_tokens' must be a number",
    ),
]  # fmt: skip


@pytest.mark.parametrize("body, code, words", BROKEN, ids=range(len(BROKEN)))
def test_broken_bodies_are_refused_with_the_place(gateway, sim, body, code, words):
    sim.reset()
    status, _, answer = gateway.post(PATH, body)
    error = json.loads(answer)["error"]
    assert (status, error["code"]) == (400, code) and words in error["message"]
    assert error["type"] == "invalid_request_error"
    if words.startswith("'"):
        assert error["param"] == words.split("'")[1]
    assert sim.stats()["requests"] == 0


def test_the_deepest_body_that_is_allowed_passes(gateway):
    assert gateway.post(PATH, nested(64))[0] == 200


def test_a_body_is_refused_at_its_broken_byte(gateway):
    """Not at its end: the rest of a megabyte need not come."""
    with gateway.connect() as client:
        client.sendall(head(PATH, content_length=1_000_000) + b'{"model":]')
        status, error = refusal(client)
    assert status == 400 and "byte 9" in error["message"]


@pytest.mark.parametrize("count, status", [(4000, 200), (200_000, 400)])
def test_many_members_are_no_attack(gateway, count, status):
    """Names are all compared with each other, so there is a bound."""
    members = b",".join(b'"%x":0' % (n * 2654435761 % 2**32) for n in range(count))
    body = b'{"model":"m","messages":[],"x":{%s}}' % members
    began = time.monotonic()
    assert gateway.post(PATH, body)[0] == status
    if not is_sanitized(gateway):
        assert time.monotonic() - began < 0.5


# ---- ten megabytes --------------------------------------------------------------


def test_small_requests_stay_fast_while_large_ones_pass(serving):
    """One worker, one thread with 10 MB bodies all the time, and requests of
    100 bytes beside it."""
    large, quick = serving.sim("--workers", "1"), serving.sim("--workers", "1")
    gateway = serving.gateway(
        {"large": {"base_url": large.url}, "quick": {"base_url": quick.url}},
        [
            {"name": "sim-fast", "provider": "large"},
            {"name": "m", "provider": "quick"},
        ],
        server={"workers": 1},
    )
    body = b'{"model":"sim-fast","messages":[{"content":"%s"}]}' % (b"x y " * 2_500_000)
    over, statuses = threading.Event(), []

    def send_large():
        while not over.is_set():
            statuses.append(gateway.post(PATH, body)[0])

    sender = threading.Thread(target=send_large)
    request = b'{"model":"m","messages":[]}'
    request = head(PATH, content_length=len(request)) + request
    times = []
    with gateway.connect() as client:
        sender.start()
        while len(times) < 300 or len(statuses) < 5:
            began = time.monotonic()
            client.sendall(request)
            assert Answer(client).status == 200
            times.append(time.monotonic() - began)
            time.sleep(0.001)
        over.set()
        sender.join()
    assert set(statuses) == {200}
    if not is_sanitized(gateway):
        assert sorted(times)[len(times) * 99 // 100] < 0.05


def test_memory_is_given_back_after_large_bodies(gateway):
    body = b'{"model":"sim-fast","messages":[{"content":"%s"}]}' % (b"x" * 20_000_000)
    gateway.chat()
    before = resident_kib(gateway)
    for _ in range(3):
        assert gateway.post(PATH, body)[0] == 200
    if not is_sanitized(gateway):
        assert resident_kib(gateway) < before + 4000


# ---- uploads that are held back ---------------------------------------------------


class SlowReader:
    """A provider that takes so many bytes a second, of a small window."""

    def __init__(self, serving, rate):
        self.rate, self.taken = rate, 0
        self.over = threading.Event()
        self.listener = serving.listener(self.serve)
        self.listener.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)

    def serve(self, connection):
        read_head(connection)
        while not self.over.is_set():
            if self.rate:
                piece = connection.recv(self.rate // 20)
                if not piece:
                    return
                self.taken += len(piece)
            self.over.wait(0.05)


@pytest.mark.parametrize("transport", ["native", "curl"])
@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("rate", [0, 100_000])
def test_a_slow_provider_holds_its_client_back(serving, transport, framing, rate):
    """As much of 200 MB is sent as is taken within a second; what is held on
    the way is bounded."""
    provider = SlowReader(serving, rate)
    gateway = serving.gateway(
        {"p": {"base_url": provider.listener.url, "transport": transport}},
        server={"workers": 1},
    )
    piece, sent, blocked = b"x" * 65536, 0, 0
    if framing == "length":
        fields = {"content_length": 200_000_000}
    else:
        fields, piece = {"transfer_encoding": "chunked"}, chunk(piece)
    assert gateway.call("GET", "/health/live")[0] == 200
    before = resident_kib(gateway)
    with gateway.connect() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        client.sendall(head("/v1/audio/transcriptions", **AUDIO, **fields))
        client.settimeout(0.1)
        until = time.monotonic() + 1
        while time.monotonic() < until:
            try:
                sent += client.send(piece[sent % len(piece) :])
            except TimeoutError:
                blocked += 1
        held = resident_kib(gateway) - before
        # Others are served meanwhile.
        assert gateway.call("GET", "/health/live")[0] == 200
    provider.over.set()
    assert blocked >= 3 and sent < 16_000_000
    if rate:
        assert provider.taken > rate / 4
    if not is_sanitized(gateway):
        assert held < 2048
    assert gateway.records(3)[-1]["ending"] in ("client_gone", "upstream_failed")


# ---- where the model is -----------------------------------------------------------


def part(name, value):
    return (
        b'--sep\r\nContent-Disposition: form-data; name="%s"\r\n\r\n' % name
        + value
        + b"\r\n"
    )


FORM = {"content-type": "multipart/form-data; boundary=sep"}
END = b"--sep--\r\n"


LATE = [
    (FORM, part(b"file", b"x" * 70_000) + part(b"model", b"m") + END),
    (FORM, part(b"file", b"x" * 7_000_000) + part(b"model", b"m") + END),
    (FORM, part(b"file", b"x") + END),
    (FORM, part(b"models", b"m") + END),
    (FORM, part(b"model", b"") + END),
    (FORM, b"no form at all"),
    (FORM, b"--sep\r\nContent-Disposition: form-da"),
    ({"content-type": "multipart/form-data"}, part(b"model", b"m") + END),
    ({"content-type": "audio/wav"}, b"RIFF" * 100_000),
    ({}, b"x"),
    (
        {"content-type": "application/json"},
        b'{"input":"%s","model":"m"}' % (b"x" * 140_000),
    ),
    ({"content-type": "application/json"}, b'{"input":"x"}'),
    ({"content-type": "application/json"}, b'{"model":null,"input":"x"}'),
]


@pytest.mark.parametrize("fields, body", LATE, ids=range(len(LATE)))
def test_a_model_that_comes_late_or_never_is_refused(gateway, sim, fields, body):
    sim.reset()
    status, _, answer = gateway.call("POST", "/v1/audio/speech", body, fields)
    error = json.loads(answer)["error"]
    assert status == 400 and error["param"] == "model"
    assert "64 KiB" in error["message"]
    assert sim.stats()["requests"] == 0


EARLY = [
    (FORM, part(b"file", b"x" * 50_000) + part(b"model", b"m") + END),
    (FORM, part(b"model", b"m") + part(b"file", b"x" * 500_000) + END),
    (
        FORM | {"x-llmproxy-model": "m"},
        part(b"file", b"x" * 500_000) + part(b"model", b"m") + END,
    ),
    ({"content-type": 'multipart/form-data; boundary="sep"; charset=x'},
     part(b"model", b"m") + END),
    ({"content-type": "audio/wav", "x-llmproxy-model": "m"}, b"RIFF" * 100_000),
]


@pytest.mark.parametrize("fields, body", EARLY, ids=range(len(EARLY)))
def test_a_model_that_comes_early_or_by_name_is_found(gateway, sim, fields, body):
    path = "/v1/audio/transcriptions"
    status, _, answer = gateway.call("POST", path, body, fields)
    assert status == 200 and json.loads(answer)["text"].startswith(str(len(body)))
    # In single bytes, too: the model is cut at every place.
    with gateway.connect() as client:
        client.sendall(
            head(path, content_length=len(body), **{
                name.replace("-", "_"): value for name, value in fields.items()
            })
        )  # fmt: skip
        at = max(0, body.find(b'name="model"') - 5)
        client.sendall(body[:at])
        for i in range(at, min(at + 40, len(body))):
            client.sendall(body[i : i + 1])
            time.sleep(0.0005)
        client.sendall(body[at + 40 :])
        assert Answer(client).status == 200


def test_json_that_passes_through_must_be_json(gateway):
    fields = {"content-type": "application/json"}
    status, _, answer = gateway.call("POST", "/v1/audio/speech", b'{"input":]', fields)
    assert status == 400 and "byte 9" in json.loads(answer)["error"]["message"]


OTHERS = [  # a form that names a model of its own, beside the one routed by field
    part(b"file", b"x" * 500_000) + part(b"model", b"other") + END,
    part(b"model", b"alias") + part(b"model", b"other") + END,
    part(b"model", b"alias") + part(b"file", b"x" * 200_000)
    + part(b"model", b"other") + END,
]  # fmt: skip


def test_a_model_field_cannot_be_talked_round(serving, sim):
    """The list of models holds for the form's own model too, and an alias is
    renamed in it."""
    gateway = serving.gateway(
        {"p": {"base_url": sim.url}},
        [{"name": "alias", "provider": "p", "model": "whisper-real"}],
    )
    path = "/v1/audio/transcriptions"
    fields = FORM | {"x-llmproxy-model": "alias"}
    for own in (b"alias", b"other"):  # in the front: replaced
        body = part(b"model", own) + part(b"file", b"x" * 1000) + END
        assert gateway.call("POST", path, body, fields)[0] == 200
        sent = sim.last()["body"]
        assert part(b"model", b"whisper-real") in sent and b"other" not in sent
    sim.reset()
    for body in OTHERS:
        status, _, answer = gateway.call("POST", path, body, fields)
        assert status == 400 and json.loads(answer)["error"]["param"] == "model"
    late = b'{"prompt":"%s","model":"other"}' % (b"x" * 200_000)
    fields = {"content-type": "application/json", "x-llmproxy-model": "alias"}
    status, _, answer = gateway.call("POST", "/v1/images/generations", late, fields)
    assert status == 400 and json.loads(answer)["error"]["param"] == "model"


def test_types_that_hide_a_model_are_refused(gateway):
    """Where the gateway cannot look for a model, the provider might."""
    fields = {"x-llmproxy-model": "m"}
    for kind in ("application/x-www-form-urlencoded", "text/plain",
                 'multipart/form-data; boundary="s\\ep"'):  # fmt: skip
        status, _, answer = gateway.call(
            "POST", "/v1/audio/transcriptions", b"model=other",
            fields | {"content-type": kind},
        )  # fmt: skip
        assert (status, json.loads(answer)["error"]["code"]) == (415, "unsupported_type")


def test_a_refusal_of_an_upload_is_said_while_an_answer_is_held(serving, gateway):
    """The provider has begun with half a JSON answer; the client hears why its
    form is refused."""
    def handler(connection):
        read_head(connection)
        connection.sendall(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
            b"transfer-encoding: chunked\r\n\r\n1\r\n{\r\n"
        )
        while connection.recv(65536):
            pass

    own = serving.gateway({"p": {"base_url": serving.listener(handler).url}}, [{"name": "m"}])
    front = part(b"model", b"m") + part(b"file", b"x" * 70_000)
    rest = part(b"model", b"other") + END
    with own.connect() as client:
        client.sendall(
            head("/v1/audio/transcriptions", content_length=len(front + rest), **{
                name.replace("-", "_"): value for name, value in FORM.items()
            }) + front
        )  # fmt: skip
        time.sleep(0.3)
        client.sendall(rest)
        answer = Answer(client)
    assert answer.status == 400 and b"another model" in answer.body
