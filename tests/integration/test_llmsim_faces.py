# SPDX-License-Identifier: Apache-2.0
"""What llmsim does on request, on every face alike: pace, faults, endings."""

import json
import socket
import time

import pytest

from faces import running

HI = "Hi"
PARTS = [{"role": "user", "parts": [{"text": HI}]}]
MESSAGES = [{"role": "user", "content": HI}]
VERSION = {"anthropic-version": "2023-06-01"}

# Name, path of an answer in one piece and of a stream, body, what a stream's
# body has in addition, header fields.
FACES = {
    "openai": ("/v1/chat/completions", None,
               {"model": "m", "messages": MESSAGES}, {"stream": True}, {}),
    "openai whole": ("/v1/chat/completions", None, {
        "model": "m", "messages": MESSAGES, "response_format": {"type": "text"}},
        {"stream": True}, {}),
    "anthropic": ("/v1/messages", None, {"model": "m", "max_tokens": 9999, "messages": MESSAGES},
                  {"stream": True}, VERSION),
    "gemini": ("/v1beta/models/m:generateContent",
               "/v1beta/models/m:streamGenerateContent?alt=sse", {"contents": PARTS}, {}, {}),
    "gemini array": ("/v1beta/models/m:generateContent",
                     "/v1beta/models/m:streamGenerateContent", {"contents": PARTS}, {}, {}),
    "bedrock": ("/model/m/converse", "/model/m/converse-stream",
                {"messages": [{"role": "user", "content": [{"text": HI}]}]}, {}, {}),
    "azure": ("/openai/deployments/m/chat/completions?api-version=1", None,
              {"messages": MESSAGES}, {"stream": True}, {}),
    "gigachat": ("/api/v1/chat/completions", None,
                 {"model": "m", "messages": MESSAGES}, {"stream": True}, {}),
}


class Face:
    def __init__(self, sim, whole, stream, body, more, fields):
        self.sim, self.body, self.more, self.fields = sim, body, more, fields
        self.whole, self.stream = whole, stream or whole

    def call(self, how, stream=False):
        path = self.stream if stream else self.whole
        body = self.body | (self.more if stream else {})
        return self.sim.call("POST", path, json.dumps(body), self.fields | {"x-sim": how})

    def raw(self, how, stream=False, seconds=10):
        """All bytes until the connection ends, and how it ended."""
        path = self.stream if stream else self.whole
        body = json.dumps(self.body | (self.more if stream else {}))
        fields = "".join(f"{n}: {v}\r\n" for n, v in (self.fields | {"x-sim": how}).items())
        got = b""
        with socket.create_connection((self.sim.host, self.sim.port), timeout=seconds) as s:
            s.sendall(f"POST {path} HTTP/1.1\r\nHost: s\r\n{fields}"
                      f"content-length: {len(body)}\r\n\r\n{body}".encode())
            try:
                while piece := s.recv(65536):
                    got += piece
            except ConnectionResetError:
                return got, "reset"
            except TimeoutError:
                return got, "silent"
        return got, "end"


@pytest.fixture(name="sim", scope="module")
def one_sim():
    with running() as sim:
        yield sim


@pytest.fixture(name="face", params=FACES)
def any_face(request, sim):
    sim.reset()
    return Face(sim, *FACES[request.param])


def test_statuses(face):
    for stream in (False, True):
        status, fields, text = face.call("status=429,retry_after=7", stream)
        assert (status, fields["retry-after"]) == (429, "7")
        assert isinstance(json.loads(text), dict)
        assert face.call("fail_rate=1", stream)[0] == 503
        assert face.call("fail_rate=0", stream)[0] == 200
        status, fields, text = face.call("status=502,html", stream)
        assert (status, fields["content-type"]) == (502, "text/html")
        assert face.call("nonsense=1", stream)[0] in (400, 422)


def test_a_stream_is_cut_reset_or_stalls(face):
    whole, end = face.raw("close", True)
    assert end == "end" and whole.endswith(b"0\r\n\r\n")
    for how, expected in (("cut_after=3", "end"), ("reset_after=3", "reset")):
        got, end = face.raw(how, True)
        assert end == expected and len(got) < len(whole) and b"\r\n0\r\n\r\n" not in got
    got, end = face.raw("stall_after=3", True, seconds=0.3)
    assert end == "silent" and b"HTTP/1.1 200" in got
    face.sim.wait_for(open=0, aborted=1, cut=2)


def test_an_answer_is_cut_reset_or_stalls(face):
    whole = len(face.raw("close")[0])
    for how, expected in (("cut_after=3", "end"), ("reset_after=3", "reset"),
                          ("stall_after=3", "silent"), ("hang", "silent")):
        got, end = face.raw(how, seconds=0.3)
        assert end == expected and len(got) < whole
    got = face.raw("malformed_at=0,close")[0].split(b"\r\n\r\n", 1)[1]
    with pytest.raises(json.JSONDecodeError):
        json.loads(got)


def test_an_error_with_status_200(face):
    status, _, text = face.call("error_at=0")
    assert status == 200 and (b"error" in text.lower() or b"message" in text)
    assert b"This answer" not in text
    first = face.call("error_at=0", True)[2]
    late = face.call("error_at=5", True)[2]
    assert b"answer" not in first.lower().replace(b"while it answered", b"")
    assert b"This" in late and len(first) < len(late)


def test_pace(face):
    for stream in (False, True):
        begin = time.monotonic()
        assert face.call("ttft_ms=60", stream)[0] == 200
        assert time.monotonic() - begin >= 0.06
    begin = time.monotonic()
    face.call("paced=100,tokens=11", True)
    assert 0.1 <= time.monotonic() - begin < 1
    begin = time.monotonic()
    face.call("tokens_per_second=200,tokens=20")
    assert 0.1 <= time.monotonic() - begin < 1


def test_sizes_and_framing(face):
    for stream in (False, True):
        assert len(face.call("giant_bytes=200000", stream)[2]) > 200000
        plain = face.call("", stream)[2]
        assert len(face.call("drip_bytes=40,drip_ms=0", stream)[2]) == len(plain)
        got, end = face.raw("framing=close", stream)
        assert end == "end" and b"chunked" not in got.lower()
        assert got.split(b"\r\n\r\n", 1)[1][:8] == plain[:8]
    assert face.call("tokens=3000")[0] == 200
    assert len(face.call("tokens=3000", True)[2]) > 3000 * 40


def test_echo_and_limits(face):
    text = face.call("echo")[2]
    assert face.call("echo")[1]["x-sim-body-sha256"].encode() in text
    status, _, text = face.call("context_length=2")
    assert status in (400, 422) and isinstance(json.loads(text), dict)
    status, _, _ = face.sim.call("POST", face.whole, "{", face.fields)
    assert status == 400
