# SPDX-License-Identifier: Apache-2.0
"""llmsim from outside: what docs/llmsim.md promises, over real sockets.

The binary is $LLMSIM, or build/apps/llmsim/llmsim.
"""

import base64
import hashlib
import http.client
import json
import os
import signal
import socket
import ssl
import struct
import subprocess
import time

import pytest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
LLMSIM = os.environ.get("LLMSIM", os.path.join(ROOT, "build/apps/llmsim/llmsim"))


class Sim:
    """A running llmsim; each call uses a connection of its own."""

    def __init__(self, *args):
        self.process = subprocess.Popen(
            [LLMSIM, "--listen", "127.0.0.1:0", "--print-address", *args],
            stdout=subprocess.PIPE, text=True)
        self.address = json.loads(self.process.stdout.readline())
        self.tls = self.address["url"].startswith("https:")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(5)
        self.process.stdout.close()

    def connect(self):
        return socket.create_connection(
            (self.address["host"], self.address["port"]), timeout=10)

    def http(self):
        return http.client.HTTPConnection(
            self.address["host"], self.address["port"], timeout=10)

    def call(self, method, path, body=None, headers=None):
        """Status, headers in lower case, body."""
        connection = self.http()
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        fields = {name.lower(): value for name, value in answer.getheaders()}
        text = answer.read()
        connection.close()
        return answer.status, fields, text

    def post(self, path, body, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        status, fields, text = self.call("POST", path, json.dumps(body), headers)
        return status, fields, json.loads(text)

    def chat(self, model="gpt-4o", how="", **members):
        body = {"model": model, "messages": [{"role": "user", "content": "Hi"}]}
        return self.post("/v1/chat/completions", body | members, x_sim=how)

    def stream(self, model="gpt-4o", how="", path="/v1/chat/completions", **members):
        """The events of a stream that ends properly, as text."""
        body = {"model": model, "messages": [], "prompt": "", "input": "",
                "stream": True} | members
        status, fields, text = self.call("POST", path, json.dumps(body), {"x-sim": how})
        assert status == 200
        assert fields["content-type"].startswith("text/event-stream")
        assert text.endswith(b"\n\n")
        return text.decode().split("\n\n")[:-1]

    def stats(self):
        return json.loads(self.call("GET", "/sim/stats")[2])

    def wait_for(self, **counters):
        deadline = time.monotonic() + 5
        while True:
            stats = self.stats()
            if all(stats[name] == value for name, value in counters.items()):
                return stats
            assert time.monotonic() < deadline, stats
            time.sleep(0.01)


def chunks(events):
    assert events[-1] == "data: [DONE]"
    return [json.loads(event.removeprefix("data: ")) for event in events[:-1]]


def text_of(events):
    return "".join(c["choices"][0]["delta"].get("content") or ""
                   for c in chunks(events) if c["choices"])


def raw_request(body, how="", path="/v1/chat/completions", extra=""):
    body = json.dumps(body).encode() if not isinstance(body, bytes) else body
    return (f"POST {path} HTTP/1.1\r\nHost: sim\r\nx-sim: {how}\r\n{extra}"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


STREAM = {"model": "m", "messages": [], "stream": True}


def read_until(connection, text):
    got = b""
    while text not in got:
        piece = connection.recv(65536)
        assert piece, got
        got += piece
    return got


def read_to_end(connection):
    got = b""
    while piece := connection.recv(65536):
        got += piece
    return got


@pytest.fixture(name="sim", scope="module")
def one_sim():
    with Sim() as sim:
        yield sim


@pytest.fixture(autouse=True)
def from_zero(request):
    if "sim" in request.fixturenames:
        request.getfixturevalue("sim").call("POST", "/sim/reset")


# --- the program ---

def test_says_when_it_is_ready_and_ends_at_once():
    process = subprocess.Popen([LLMSIM, "--listen", "127.0.0.1:0"],
                               stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    assert line.startswith("llmsim is ready on http://127.0.0.1:")
    process.send_signal(signal.SIGTERM)
    assert process.wait(1) == 0
    process.stdout.close()


def test_help_names_every_key_and_mistakes_are_named():
    out = subprocess.run([LLMSIM, "--help"], capture_output=True, text=True, check=True)
    for word in ("ttft_ms", "cut_after", "sim-429", "--tls-cert", "/sim/stats"):
        assert word in out.stdout
    bad = subprocess.run([LLMSIM, "--ttft-ms", "soon"], capture_output=True, text=True)
    assert bad.returncode == 2
    assert "'soon' is no value for ttft_ms" in bad.stderr


def test_several_workers_share_counters_and_port():
    with Sim("--workers", "3") as sim:
        for _ in range(30):
            assert sim.chat()[0] == 200
        assert sim.stats()["completed"] == 30


# --- endpoints ---

def test_chat_in_one_piece(sim):
    status, fields, body = sim.chat()
    assert status == 200
    assert fields["content-type"] == "application/json"
    assert body["object"] == "chat.completion"
    assert body["model"] == "gpt-4o"
    choice, = body["choices"]
    assert choice["message"]["role"] == "assistant"
    assert choice["message"]["content"].startswith("This answer was made")
    assert choice["finish_reason"] == "stop"
    usage = body["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_chat_obeys_its_limits(sim):
    body = sim.chat(max_tokens=3)[2]
    assert body["choices"][0]["message"]["content"] == "This answer was"
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] == 3
    assert len(sim.chat(n=3)[2]["choices"]) == 3
    assert sim.chat(n=0)[0] == 400


def test_chat_stream_equals_chat_in_one_piece(sim):
    events = sim.stream()
    whole = sim.chat()[2]["choices"][0]["message"]["content"]
    assert text_of(events) == whole
    first, *_, last = chunks(events)
    assert first["choices"][0]["delta"] == {
        "role": "assistant", "content": "", "refusal": None}
    assert last["choices"][0] == {
        "index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
    assert all("usage" not in chunk for chunk in chunks(events))


def test_stream_reports_usage_in_an_extra_chunk(sim):
    *others, last = chunks(sim.stream(stream_options={"include_usage": True}))
    assert all(chunk["usage"] is None and chunk["choices"] for chunk in others)
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 24
    hidden = chunks(sim.stream("sim-no-usage", stream_options={"include_usage": True}))
    assert all(chunk["choices"] for chunk in hidden)


def test_stream_of_several_choices(sim):
    seen = {0: "", 1: ""}
    for chunk in chunks(sim.stream(n=2, max_tokens=4)):
        choice = chunk["choices"][0]
        seen[choice["index"]] += choice["delta"].get("content") or ""
    assert seen == {0: "This answer was made", 1: "This answer was made"}


TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {}}},
         {"type": "function", "function": {"name": "news", "parameters": {}}}]


def test_tool_calls(sim):
    body = sim.chat(tools=TOOLS, tool_choice="required")[2]
    choice, = body["choices"]
    call, = choice["message"]["tool_calls"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    assert call["function"]["name"] == "weather"
    assert json.loads(call["function"]["arguments"]) == {"location": "Paris, France"}
    named = sim.chat(tools=TOOLS, tool_choice={
        "type": "function", "function": {"name": "news"}})[2]
    assert named["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "news"
    for members in ({"tools": TOOLS}, {"tools": TOOLS, "tool_choice": "none"}):
        assert sim.chat(**members)[2]["choices"][0]["finish_reason"] == "stop"


def test_tool_call_streams_its_arguments_in_pieces(sim):
    first, *pieces, last = chunks(sim.stream("sim-tool", tools=TOOLS))
    call, = first["choices"][0]["delta"]["tool_calls"]
    assert call["function"] == {"name": "weather", "arguments": ""}
    assert call["id"].startswith("call_") and call["type"] == "function"
    arguments = [p["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"]
                 for p in pieces]
    assert len(arguments) > 3
    assert json.loads("".join(arguments)) == {"location": "Paris, France"}
    assert last["choices"][0]["finish_reason"] == "tool_calls"


def test_completions(sim):
    status, _, body = sim.post("/v1/completions", {"model": "m", "prompt": "a"})
    assert status == 200 and body["object"] == "text_completion"
    events = sim.stream(path="/v1/completions", stream_options={"include_usage": True})
    text = "".join(c["choices"][0]["text"] for c in chunks(events) if c["choices"])
    assert text == body["choices"][0]["text"]
    assert chunks(events)[-1]["usage"]["completion_tokens"] == 24


def embed(sim, text, **members):
    return sim.post("/v1/embeddings", {"model": "m", "input": text} | members)[2]["data"]


def test_embeddings_are_unit_vectors_of_seed_and_input(sim):
    one, two = embed(sim, ["a", "b"], dimensions=64)
    assert (one["index"], two["index"]) == (0, 1)
    assert len(one["embedding"]) == 64
    assert abs(sum(x * x for x in one["embedding"]) - 1) < 1e-5
    assert one["embedding"] != two["embedding"]
    assert embed(sim, "a", dimensions=64)[0]["embedding"] == one["embedding"]
    assert len(embed(sim, "a")[0]["embedding"]) == 1536
    with Sim() as same, Sim("--seed", "2") as other:
        assert embed(same, "a", dimensions=64)[0]["embedding"] == one["embedding"]
        assert embed(other, "a", dimensions=64)[0]["embedding"] != one["embedding"]


def test_embeddings_as_base64_and_from_tokens(sim):
    numbers = embed(sim, "a", dimensions=16)[0]["embedding"]
    packed = embed(sim, "a", dimensions=16, encoding_format="base64")[0]["embedding"]
    assert struct.unpack("<16f", base64.b64decode(packed)) == pytest.approx(numbers, abs=1e-7)
    assert len(embed(sim, [1, 2, 3], dimensions=4)) == 1
    assert len(embed(sim, [[1, 2], [3]], dimensions=4)) == 2
    assert sim.post("/v1/embeddings", {"model": "m", "input": []})[0] == 400


def test_responses_in_one_piece_and_as_stream(sim):
    body = sim.post("/v1/responses", {"model": "m", "input": "x"})[2]
    assert body["status"] == "completed"
    text = body["output"][0]["content"][0]["text"]
    events = [event.split("\n") for event in sim.stream(path="/v1/responses")]
    data = [json.loads(line.removeprefix("data: ")) for _, line in events]
    assert [name.removeprefix("event: ") for name, _ in events] == [d["type"] for d in data]
    assert [d["sequence_number"] for d in data] == list(range(len(data)))
    assert data[0]["type"] == "response.created"
    assert data[-1]["type"] == "response.completed"
    assert data[-1]["response"]["usage"]["output_tokens"] == 24
    assert "".join(d["delta"] for d in data
                   if d["type"] == "response.output_text.delta") == text
    assert data[-1]["response"]["output"][0]["content"][0]["text"] == text


def test_responses_call_a_function(sim):
    tools = [{"type": "function", "name": "weather"}]
    body = sim.post("/v1/responses", {"model": "m", "input": "x", "tools": tools,
                                      "tool_choice": "required"})[2]
    item, = body["output"]
    assert item["type"] == "function_call" and item["name"] == "weather"
    events = sim.stream("sim-tool", path="/v1/responses", tools=tools)
    data = [json.loads(event.split("\ndata: ")[1]) for event in events]
    deltas = [d["delta"] for d in data if d["type"].endswith("arguments.delta")]
    assert "".join(deltas) == item["arguments"]
    assert [d["sequence_number"] for d in data] == list(range(len(data)))
    assert data[-2]["type"] == "response.output_item.done"


def test_small_endpoints(sim):
    results = sim.post("/v1/moderations", {
        "model": "m", "input": ["fine", "violence"]})[2]["results"]
    assert [r["flagged"] for r in results] == [False, True]
    results = sim.post("/v1/rerank", {"model": "m", "query": "q",
                                      "documents": ["a", "b", "c"], "top_n": 2})[2]["results"]
    assert [r["index"] for r in results] == [2, 1]
    images = sim.post("/v1/images/generations", {"model": "m", "prompt": "x", "n": 2})[2]
    assert base64.b64decode(images["data"][1]["b64_json"]).startswith(b"\x89PNG")
    status, fields, audio = sim.call("POST", "/v1/audio/speech", json.dumps(
        {"model": "m", "input": "x"}), {"x-sim": "audio_bytes=5000"})
    assert (status, fields["content-type"], len(audio)) == (200, "audio/mpeg", 5000)


def test_transcription_counts_its_multipart_body(sim):
    body = (b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
            + bytes(range(256)) * 4000 + b"\r\n--b--\r\n")
    status, fields, text = sim.call(
        "POST", "/v1/audio/transcriptions", body,
        {"content-type": "multipart/form-data; boundary=b", "x-sim": "echo"})
    assert status == 200
    assert json.loads(text)["text"].startswith(f"{len(body)} bytes received")
    assert fields["x-sim-body-sha256"] == hashlib.sha256(body).hexdigest()


def test_models(sim):
    names = [m["id"] for m in json.loads(sim.call("GET", "/v1/models")[2])["data"]]
    assert "gpt-4o" in names and "sim-cut" in names
    assert json.loads(sim.call("GET", "/v1/models/any")[2])["id"] == "any"
    status, _, text = sim.call("GET", "/v1/models/missing-1")
    assert (status, json.loads(text)["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize("method, path, body, status, words", [
    ("POST", "/v1/nothing", "{}", 404, "Unknown request URL"),
    ("GET", "/v1/chat/completions", None, 405, "method"),
    ("POST", "/v1/chat/completions", '{"model":"m",}', 400, "at byte 13"),
    ("POST", "/v1/chat/completions", '{"messages":[]}', 400, "'model'"),
    ("POST", "/v1/chat/completions", '{"model":"m"}', 400, "'messages'"),
    ("POST", "/v1/embeddings", '{"model":"m"}', 400, "'input'"),
])
def test_errors_have_openai_s_shape(sim, method, path, body, status, words):
    got, _, text = sim.call(method, path, body)
    error = json.loads(text)["error"]
    assert got == status
    assert set(error) == {"message", "type", "param", "code"}
    assert words in error["message"]


def test_api_key():
    with Sim("--api-key", "sk-right") as sim:
        for headers in ({}, {"authorization": "Bearer sk-wrong"},
                        {"authorization": "sk-right"}):
            status, _, text = sim.call("GET", "/v1/models", headers=headers)
            assert status == 401
            assert json.loads(text)["error"]["code"] == "invalid_api_key"
        assert sim.call("GET", "/v1/models",
                        headers={"authorization": "Bearer sk-right"})[0] == 200


# --- what tests look at ---

def test_echo_tells_the_body_exactly(sim):
    body = json.dumps({"model": "echo-1", "messages": [
        {"role": "user", "content": "é😀\\u00e9" * 300000}]}, ensure_ascii=False).encode()
    assert len(body) > 3000000
    _, fields, text = sim.call("POST", "/v1/chat/completions", body)
    digest = hashlib.sha256(body).hexdigest()
    assert fields["x-sim-body-sha256"] == digest
    assert fields["x-sim-body-bytes"] == str(len(body))
    said = json.loads(text)["choices"][0]["message"]["content"]
    assert said == f"sha256={digest} bytes={len(body)}"
    assert text_of(sim.stream("echo-2")).startswith("sha256=")


def test_echo_of_a_chunked_body_in_small_pieces(sim):
    body = json.dumps({"model": "echo-1", "messages": ["x" * 5000]}).encode()
    with sim.connect() as connection:
        head = (b"POST /v1/chat/completions HTTP/1.1\r\nHost: s\r\n"
                b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
        for piece in [head[:30], head[30:]] + [
                b"%x\r\n%b\r\n" % (len(body[i:i + 700]), body[i:i + 700])
                for i in range(0, len(body), 700)] + [b"0\r\n\r\n"]:
            connection.sendall(piece)
            time.sleep(0.001)
        assert hashlib.sha256(body).hexdigest().encode() in read_to_end(connection)


def test_last_shows_the_request_as_it_came(sim):
    assert json.loads(sim.call("GET", "/sim/last")[2]) is None
    body = '{"model":"m","messages":[],"x":"é\\n"}'.encode()
    with sim.connect() as connection:
        request = raw_request(body, extra="X-Odd:  two words \r\nCookie: a\r\ncookie: b\r\n",
                              path="/v1/chat/completions?a=1")
        connection.sendall(request)
        read_until(connection, b"\r\n\r\n")
    last = json.loads(sim.call("GET", "/sim/last")[2])
    assert last["method"] == "POST"
    assert last["target"] == "/v1/chat/completions?a=1"
    assert ["Cookie", "a"] in last["headers"] and ["cookie", "b"] in last["headers"]
    assert ["X-Odd", "two words "] in last["headers"]
    assert last["body_bytes"] == len(body)
    assert last["body"].encode("latin-1") == body


def test_head_bytes_are_those_on_the_wire(sim):
    with sim.connect() as connection:
        request = raw_request(b"{}", how="tokens=1")
        connection.sendall(request)
        read_until(connection, b"}}")
    last = json.loads(sim.call("GET", "/sim/last")[2])
    assert last["head_bytes"] == len(request) - 2


def test_stats_count_and_reset(sim):
    sim.chat()
    sim.stream()
    stats = sim.stats()
    assert stats["requests"] == stats["completed"] == 2
    assert stats["aborted"] == stats["open"] == stats["cut"] == 0
    assert stats["bytes_in"] > 200 and stats["bytes_out"] > 1000
    sim.call("POST", "/sim/reset")
    assert sim.stats()["requests"] == 0


@pytest.mark.parametrize("how, wait_for", [
    ("hang", b""), ("ttft_ms=60000", b""), ("stall_after=2", b"This"),
    ("paced=2,tokens=100", b"This"), ("drip_bytes=1,drip_ms=50", b"HTTP"),
])
def test_sees_at_once_that_a_client_leaves(sim, how, wait_for):
    with sim.connect() as connection:
        connection.sendall(raw_request(STREAM, how))
        read_until(connection, wait_for)
        sim.wait_for(open=1, requests=1)
    begin = time.monotonic()
    sim.wait_for(open=0, aborted=1, completed=0)
    assert time.monotonic() - begin < 0.5


def test_sees_that_a_client_leaves_while_sending(sim):
    with sim.connect() as connection:
        connection.sendall(raw_request(STREAM)[:-10])
        sim.wait_for(open=1)
    sim.wait_for(open=0, aborted=1)


def test_a_client_that_does_not_read_costs_bounded_memory(sim):
    with sim.connect() as connection:
        connection.sendall(raw_request(STREAM, "tokens=10000000,token_bytes=100"))
        time.sleep(0.5)
        with open(f"/proc/{sim.process.pid}/status", encoding="ascii") as status:
            resident, = [line for line in status if line.startswith("VmRSS")]
        assert int(resident.split()[1]) < 60000
    sim.wait_for(open=0, aborted=1)


# --- faults ---

def test_status_with_retry_after(sim):
    status, fields, body = sim.chat("sim-429:retry_after=2")
    assert (status, fields["retry-after"]) == (429, "2")
    assert body["error"]["code"] == "rate_limit_exceeded"
    assert sim.chat("sim-429")[1]["retry-after"] == "1"
    assert sim.chat("sim-500")[0] == 500
    assert sim.chat("sim-529")[2]["error"]["type"] == "server_error"
    status, fields, _ = sim.chat(how="status=503")
    assert status == 503 and "retry-after" not in fields


def test_error_page_of_some_proxy(sim):
    status, fields, text = sim.call("POST", "/v1/chat/completions", json.dumps(
        {"model": "sim-html-502", "messages": []}))
    assert (status, fields["content-type"]) == (502, "text/html")
    assert b"<html>" in text


def test_error_inside_a_200(sim):
    status, _, body = sim.chat("sim-error-200")
    assert status == 200 and body["error"]["type"] == "server_error"
    event, = sim.stream("sim-error-200")
    assert json.loads(event.removeprefix("data: "))["error"]
    late = sim.stream("sim-error-late:2")
    assert len(late) == 3 and "error" in late[2]
    event, = sim.stream("sim-error-200", path="/v1/responses")
    assert event.startswith("event: error\n")


def test_cut_in_the_middle(sim):
    with pytest.raises(http.client.IncompleteRead) as caught:
        sim.stream("sim-cut:4")
    assert caught.value.partial.count(b"data: ") == 4
    with pytest.raises(http.client.IncompleteRead):
        sim.chat("sim-cut")
    assert sim.wait_for(open=0)["cut"] == 2


def test_reset_in_the_middle(sim):
    with sim.connect() as connection:
        connection.sendall(raw_request(STREAM | {"model": "sim-reset:2"}))
        assert read_until(connection, b"This")
        with pytest.raises(ConnectionResetError):
            read_to_end(connection)
    assert sim.wait_for(open=0)["cut"] == 1


def test_stall_says_nothing_more(sim):
    with sim.connect() as connection:
        connection.sendall(raw_request(STREAM | {"model": "sim-stall:2"}))
        assert read_until(connection, b"This").count(b"data: ") == 2
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_malformed_event_and_body(sim):
    events = sim.stream("sim-malformed:1")
    with pytest.raises(json.JSONDecodeError):
        json.loads(events[1].removeprefix("data: "))
    assert events[-1] == "data: [DONE]"
    status, _, text = sim.call("POST", "/v1/chat/completions", json.dumps(
        {"model": "sim-malformed", "messages": []}))
    assert status == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)


def test_drip_writes_one_byte_at_a_time(sim):
    with sim.connect() as connection:
        connection.sendall(raw_request({"model": "m", "messages": []},
                                       "drip_bytes=1,drip_ms=1,tokens=1"))
        pieces = []
        while not b"".join(pieces).endswith(b"}}}\n"):
            pieces.append(connection.recv(65536))
        assert len(pieces) > 200
    assert sim.chat(how="drip_bytes=50")[0] == 200
    assert text_of(sim.stream(how="drip_bytes=400")).startswith("This")


def test_giant_event(sim):
    events = sim.stream("sim-giant:3000000")
    assert max(map(len, events)) > 3000000
    assert sum(len(event) > 1000 for event in events) == 1
    body = sim.chat("sim-giant")[2]
    assert len(body["choices"][0]["message"]["content"]) == 2097152


def test_large_texts_are_exact(sim):
    for tokens, size in ((1000, 0), (100, 50), (1000, 1000), (1200, 1000)):
        how = f"tokens={tokens},token_bytes={size}"
        whole = sim.chat(how=how)[2]["choices"][0]["message"]["content"]
        assert not size or len(whole) == tokens * size
        assert text_of(sim.stream(how=how)) == whole


def test_end_without_done(sim):
    assert "[DONE]" not in sim.stream("sim-no-done")[-1]


def test_flaky_is_the_same_for_one_seed():
    runs = []
    for _ in range(2):
        with Sim("--seed", "7") as sim:
            runs.append([sim.chat("sim-flaky:0.3")[0] for _ in range(40)])
    assert runs[0] == runs[1]
    assert 3 < runs[0].count(503) < 25
    assert set(runs[0]) == {200, 503}


def test_framings(sim):
    _, fields, body = sim.chat(how="framing=chunked")
    assert fields["transfer-encoding"] == "chunked" and body["choices"]
    _, fields, body = sim.chat(how="framing=close")
    assert fields["connection"] == "close" and "content-length" not in fields
    assert body["choices"]
    assert text_of(sim.stream(how="framing=close")).startswith("This")
    assert sim.chat("sim-close")[1]["connection"] == "close"


@pytest.mark.parametrize("how, words", [
    ("nonsense=1", "there is no key 'nonsense'"),
    ("ttft_ms=soon", "'soon' is no value for ttft_ms"),
    ("hang=maybe", "'maybe' is no value for hang"),
])
def test_unknown_behaviour_is_an_error(sim, how, words):
    status, _, body = sim.chat(how=how)
    assert status == 400 and words in body["error"]["message"]
    assert sim.chat(f"sim-cut:{how}")[0] == 400


def test_fast_does_not_read_on(sim):
    with sim.connect() as connection:
        connection.sendall(raw_request(b'{"model":"sim-fast","messages":this is not JSON'))
        assert b"200 OK" in read_until(connection, b"}}}\n")


# --- pace ---

def timed(call):
    begin = time.monotonic()
    result = call()
    return result, time.monotonic() - begin


def test_time_to_first_token(sim):
    assert timed(lambda: sim.chat(how="ttft_ms=150"))[1] >= 0.15
    with sim.connect() as connection:
        connection.sendall(raw_request(STREAM, "ttft_ms=150"))
        got, seconds = timed(lambda: connection.recv(1))
        assert got and 0.14 <= seconds < 1
    with sim.connect() as connection:
        connection.sendall(raw_request(STREAM, "ttft_ms=150,head_first"))
        head, seconds = timed(lambda: read_until(connection, b"\r\n\r\n"))
        assert b"data:" not in head and seconds < 0.14
        assert read_until(connection, b"data:")


def test_tokens_per_second(sim):
    events, seconds = timed(lambda: sim.stream(how="tokens=21,tokens_per_second=100"))
    assert len(chunks(events)) == 23
    assert 0.19 <= seconds < 1
    assert timed(lambda: sim.chat(how="tokens=20,tokens_per_second=100"))[1] >= 0.19
    assert timed(lambda: sim.stream(how="tokens=21,paced=100"))[1] >= 0.19
    assert timed(lambda: sim.chat(how="tokens=2000,paced=100"))[1] < 1


def test_many_paced_streams_keep_their_pace(sim):
    connections = [sim.connect() for _ in range(200)]
    for connection in connections:
        connection.sendall(raw_request(STREAM, "tokens=50,paced=100", extra="Connection: close\r\n"))
    begin = time.monotonic()
    for connection in connections:
        assert read_to_end(connection).count(b"data: ") == 53
        connection.close()
    assert time.monotonic() - begin < 3
    assert sim.stats()["completed"] == 200


def test_latency_is_drawn_from_the_seed():
    def run():
        with Sim("--seed", "3", "--ttft-ms", "lognormal:10:0.8") as sim:
            answers = [timed(sim.chat) for _ in range(12)]
            waits = [int(fields["openai-processing-ms"]) for (_, fields, _), _ in answers]
            assert all(seconds >= ms / 1000 for (_, seconds), ms in zip(answers, waits))
            return waits

    one, two = run(), run()
    assert one == two
    assert max(one) > 2 * min(one)
    with Sim("--ttft-ms", "20..40") as sim:
        assert all(timed(sim.chat)[1] >= 0.02 for _ in range(5))


def test_stamped_events_say_when_they_were_made(sim):
    stamps = [c["sim_sent_ns"] for c in chunks(
        sim.stream(how="stamp,paced=100,tokens=5"))]
    now_ns = time.monotonic_ns()
    assert stamps == sorted(stamps)
    assert stamps[-1] - stamps[0] >= 35e6
    assert now_ns - 2e9 < stamps[-1] <= now_ns


# --- HTTP ---

def test_connection_is_kept_and_requests_may_be_pipelined(sim):
    connection = sim.http()
    for _ in range(3):
        connection.request("GET", "/v1/models")
        assert connection.getresponse().read()
    connection.close()
    assert sim.stats()["completed"] == 3
    with sim.connect() as raw:
        one = raw_request({"model": "m", "messages": []}, "ttft_ms=20,tokens=1")
        raw.sendall(one * 50)
        got = b""
        while got.count(b'"usage"') < 50:
            got += raw.recv(65536)
        assert got.count(b"HTTP/1.1 200 OK") == 50
        ids = [int(part.split(b'"')[0]) for part in got.split(b"chatcmpl-sim")[1:]]
        assert ids == sorted(ids)


def test_expect_continue(sim):
    with sim.connect() as connection:
        head, body = raw_request(STREAM, extra="Expect: 100-continue\r\n").split(b"\r\n\r\n")
        connection.sendall(head + b"\r\n\r\n")
        assert read_until(connection, b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        connection.sendall(body)
        assert read_until(connection, b"0\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def test_http_1_0_gets_no_chunks(sim):
    with sim.connect() as connection:
        connection.sendall(raw_request(STREAM).replace(b"HTTP/1.1", b"HTTP/1.0"))
        got = read_to_end(connection)
        assert b"chunked" not in got and got.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("request_bytes, status", [
    (b"nonsense\r\n\r\n", b"400"),
    (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", b"400"),
    (b"GET / HTTP/1.1\r\nx: " + b"y" * 70000 + b"\r\n\r\n", b"413"),
    (b"POST / HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n", b"413"),
])
def test_what_is_not_acceptable_is_refused(sim, request_bytes, status):
    with sim.connect() as connection:
        connection.sendall(request_bytes)
        assert read_to_end(connection).split()[1] == status
    assert sim.chat()[0] == 200


def test_tls(tmp_path):
    cert, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert,
                    "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=IP:127.0.0.1"],
                   check=True, capture_output=True)
    context = ssl.create_default_context(cafile=cert)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with Sim("--tls-cert", cert, "--tls-key", key) as sim:
        with context.wrap_socket(sim.connect(), server_hostname="127.0.0.1") as connection:
            assert connection.selected_alpn_protocol() == "http/1.1"
            connection.sendall(raw_request(STREAM, "tokens=5000"))
            assert read_until(connection, b"0\r\n\r\n").count(b"data: ") == 5003
            body = json.dumps({"model": "echo-1", "messages": ["x" * 2000000]}).encode()
            connection.sendall(raw_request(body))
            assert hashlib.sha256(body).hexdigest().encode() in read_until(
                connection, b"}}}\n")
            connection.sendall(raw_request(STREAM, "hang"))
            time.sleep(0.05)
        with context.wrap_socket(sim.connect(), server_hostname="127.0.0.1") as connection:
            connection.sendall(b"GET /sim/stats HTTP/1.1\r\nHost: s\r\n\r\n")
            assert b'"aborted":1' in read_until(connection, b"}")
    assert subprocess.run([LLMSIM, "--tls-cert", cert], capture_output=True).returncode == 2
