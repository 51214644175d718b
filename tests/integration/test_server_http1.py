# SPDX-License-Identifier: Apache-2.0
"""The HTTP/1 server from outside: what it refuses, how it keeps a connection,
and what slow, absent and impatient clients cost.

Method: real sockets and hand-written bytes; the provider is a thread here that
answers what the test says.
"""

import json
import socket
import struct
import threading
import time

import pytest

from conftest import (
    SSE_HEAD,
    Answer,
    chat,
    chunk,
    event,
    post,
    read_all,
    readable,
)

LIVE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"


def status_of(data):
    assert data.startswith(b"HTTP/1.1 "), data[:200]
    return int(data.split(b" ", 2)[1])


def refusal(gateway, request):
    """The status of a refusal, after checking its shape."""
    data = gateway.ask(request)
    head, body = data.split(b"\r\n\r\n", 1)
    assert b"\r\nconnection: close" in head.lower()
    assert b"\r\nx-request-id: " in head.lower()
    error = json.loads(body)["error"]
    assert error["type"] and error["message"]
    return status_of(data)


# ---- what two parsers may read differently ----------------------------------

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\n"
HOST = b"Host: x\r\n"
SMUGGLING = {
    "both lengths": HEAD + HOST
    + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "both lengths, turned": HEAD + HOST
    + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": HEAD + HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "the same length twice": HEAD + HOST
    + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "a list of lengths": HEAD + HOST + b"Content-Length: 5, 5\r\n\r\nhello",
    "a signed length": HEAD + HOST + b"Content-Length: +5\r\n\r\nhello",
    "a negative length": HEAD + HOST + b"Content-Length: -5\r\n\r\nhello",
    "a hexadecimal length": HEAD + HOST + b"Content-Length: 0x5\r\n\r\nhello",
    "an empty length": HEAD + HOST + b"Content-Length:\r\n\r\nhello",
    "a huge length": HEAD + HOST + b"Content-Length: 99999999999999999999\r\n\r\n",
    "an unknown coding": HEAD + HOST + b"Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
    "two codings": HEAD + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": HEAD + HOST
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked, then identity": HEAD + HOST
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "xchunked": HEAD + HOST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a vertical tab before chunked": HEAD + HOST
    + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a space before the colon": HEAD + HOST + b"Content-Length : 5\r\n\r\nhello",
    "a tab before the colon": HEAD + HOST + b"Content-Length\t: 5\r\n\r\nhello",
    "a field without name": HEAD + HOST + b": 5\r\n\r\n",
    "a field without colon": HEAD + HOST + b"Nonsense\r\n\r\n",
    "a folded field": HEAD + HOST + b"X-A: 1\r\n Content-Length: 5\r\n\r\nhello",
    "a field folded by a tab": HEAD + HOST + b"X-A: 1\r\n\tb\r\n\r\n",
    "a first field folded": HEAD + b" Host: x\r\n\r\n",
    "CR without LF (CVE-2023-30589)": HEAD + HOST
    + b"X-A: 1\rContent-Length: 5\r\n\r\nhello",
    "CR at a line's end": HEAD + HOST + b"X-A: 1\r\r\nX-B: 2\r\n\r\n",
    "an end by CR CR": HEAD + HOST + b"X-A: 1\r\n\r\r\n\r\n",
    "LF without CR": b"GET / HTTP/1.1\nHost: x\n\n",
    "LF in one line": HEAD + HOST + b"X-A: 1\nX-B: 2\r\n\r\n",
    "NUL in a value": HEAD + HOST + b"X-A: a\x00b\r\n\r\n",
    "NUL in a name": HEAD + HOST + b"X-\x00A: b\r\n\r\n",
    "NUL in the target": b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a control byte": HEAD + HOST + b"X-A: a\x1bb\r\n\r\n",
    "DEL": HEAD + HOST + b"X-A: a\x7fb\r\n\r\n",
    "a tab in the request line": b"GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "two spaces in the request line": b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a space in the target": b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
    "a space after the version": b"GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
    "two hosts": HEAD + b"Host: x\r\nHost: x\r\n\r\n",
    "no host": HEAD + b"\r\n",
    "an empty host": HEAD + b"Host:\r\n\r\n",
    "a host with a path": HEAD + b"Host: x/y\r\n\r\n",
    "a host with a user": HEAD + b"Host: a@x\r\n\r\n",
    "a host with a space": HEAD + b"Host: a b\r\n\r\n",
    "a host with a backslash": HEAD + b"Host: a\\b\r\n\r\n",
    "another host in the target": b"GET http://y/v1/models HTTP/1.1\r\nHost: x\r\n\r\n",
    "a user in the target": b"GET http://x@y/ HTTP/1.1\r\nHost: y\r\n\r\n",
    "another scheme": b"GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "CONNECT": b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n",
    "OPTIONS *": b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    "a target that is no path": b"GET v1/models HTTP/1.1\r\nHost: x\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n",
    "HTTP/0.9 with fields": b"GET /\r\nHost: x\r\n\r\n",
    "an unknown method": b"FROB / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a lower-case version": b"GET / http/1.1\r\nHost: x\r\n\r\n",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """One for all that only refuse; each test makes its own connection."""
    from conftest import Gateway, binary, configuration

    folder = tmp_path_factory.mktemp("http1")
    config = folder / "gateway.yaml"
    config.write_text(configuration(None, {"workers": 1}, folder / "access.log"))
    one = Gateway(
        [binary("LLMGW", "build/apps/llmgw/llmgw"), "-c", str(config)],
        None,
        1,
        folder / "access.log",
    )
    yield one
    one.stop()


@pytest.mark.parametrize("name", SMUGGLING)
def test_a_smuggling_shape_is_refused(gateway, name):
    assert refusal(gateway, SMUGGLING[name]) == 400


@pytest.mark.parametrize("name", SMUGGLING)
def test_it_is_refused_byte_by_byte(gateway, name):
    """The same answer when the bytes trickle in."""
    request = SMUGGLING[name]
    with gateway.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for i in range(len(request)):
                client.sendall(request[i : i + 1])
        except OSError:
            pass  # refused before the end
        assert status_of(read_all(client)) == 400


def test_nothing_after_a_refusal_is_served(gateway):
    data = gateway.ask(SMUGGLING["both lengths"] + LIVE)
    assert data.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "request_line, status",
    [
        (b"GET / HTTP/2.0", 505),
        (b"GET / HTTP/1.2", 505),
        (b"GET / HTTP/3.0", 505),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1", 414),
    ],
)
def test_other_refusals(gateway, request_line, status):
    assert refusal(gateway, request_line + b"\r\nHost: x\r\n\r\n") == status


def test_a_large_head_is_refused(gateway):
    fields = b"".join(b"X-%d: %s\r\n" % (i, b"v" * 1000) for i in range(40))
    assert refusal(gateway, b"GET / HTTP/1.1\r\nHost: x\r\n" + fields) == 431
    one = b"X-A: " + b"v" * 40000 + b"\r\n"
    assert refusal(gateway, b"GET / HTTP/1.1\r\nHost: x\r\n" + one) == 431


def test_many_fields_are_refused(gateway):
    fields = b"".join(b"X-%d: v\r\n" % i for i in range(200))
    request = b"GET /health/live HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n"
    assert refusal(gateway, request) == 431


def test_a_head_just_below_the_limits_is_served(gateway):
    fields = b"".join(b"X-%d: %s\r\n" % (i, b"v" * 240) for i in range(120))
    request = b"GET /health/live HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n"
    with gateway.connect() as client:
        client.sendall(request)
        assert Answer(client).status == 200


def test_a_target_that_never_ends_is_refused_early(gateway):
    with gateway.connect() as client:
        client.sendall(b"GET /" + b"a" * 9000)
        assert status_of(read_all(client)) == 414


# ---- chunked bodies ----------------------------------------------------------

CHUNKED = HEAD + HOST + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "body",
    [
        b"g\r\nhello\r\n0\r\n\r\n",
        b"\r\n0\r\n\r\n",
        b"-5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"5 \r\nhello\r\n0\r\n\r\n",
        b" 5\r\nhello\r\n0\r\n\r\n",
        b"5\nhello\r\n0\r\n\r\n",
        b"5\rhello\r\n0\r\n\r\n",
        b"5\r\nhelloX0\r\n\r\n",
        b"5\r\nhello\n0\r\n\r\n",
        b"10000000000000000\r\nhello\r\n0\r\n\r\n",
        b"5;" + b"a" * 10000 + b"\r\nhello\r\n0\r\n\r\n",
        b"5;a=\x00\r\nhello\r\n0\r\n\r\n",
        b"0\r\n" + b"X-T: 1\r\n" * 2000 + b"\r\n",
    ],
    ids=lambda body: repr(body[:24]),
)
def test_a_bad_chunk_is_refused(gateway, body):
    assert refusal(gateway, CHUNKED + body) == 400


def test_chunks_in_any_cut_are_one_body(llmgw, provider):
    upstream = provider()
    gateway = llmgw(upstream.url)
    body = chat()
    coded = (
        b"1;name=value\r\n" + body[:1] + b"\r\n"
        + b"00%X\r\n" % (len(body) - 1) + body[1:] + b"\r\n"
        + b"0\r\nX-Trailer: 1\r\n\r\n"
    )
    with gateway.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(len(CHUNKED + coded)):
            client.sendall((CHUNKED + coded)[i : i + 1])
        answer = Answer(client)
        assert answer.status == 200
        client.sendall(CHUNKED + coded)
        assert Answer(client).status == 200
    assert [r.json()["model"] for r in upstream.requests] == ["m", "m"]


# ---- one connection, many requests ------------------------------------------


def test_keep_alive_and_pipelining(gateway):
    with gateway.connect() as client:
        for _ in range(3):
            client.sendall(LIVE)
            assert Answer(client).status == 200
        client.sendall(LIVE * 200)
        left = b""
        for _ in range(200):
            answer = Answer(client, left)
            assert answer.status == 200
            left = answer.left
        assert left == b""


def test_pipelined_exchanges_run_one_after_the_other(llmgw, provider):
    upstream = provider()
    gateway = llmgw(upstream.url)
    with gateway.connect() as client:
        client.sendall(b"".join(post(chat(model=f"m{i}")) for i in range(5)))
        left = b""
        for _ in range(5):
            answer = Answer(client, left)
            assert answer.status == 200
            left = answer.left
    assert [r.json()["model"] for r in upstream.requests] == [f"m{i}" for i in range(5)]


def test_a_client_that_pipelines_and_never_reads_is_bounded(llmgw):
    gateway = llmgw()
    with gateway.connect() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        before = gateway.resident_kib()
        client.settimeout(1)
        sent = 0
        try:
            while sent < 64 << 20:
                sent += client.send(LIVE * 1000)
        except TimeoutError:
            pass
        assert sent < 64 << 20
        assert gateway.resident_kib() - before < 4096


def test_http10(gateway):
    data = gateway.ask(b"GET /health/live HTTP/1.0\r\n\r\n")
    assert status_of(data) == 200
    assert b"\r\nconnection: close\r\n" in data
    with gateway.connect() as client:
        request = b"GET /health/live HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
        for _ in range(2):
            client.sendall(request)
            answer = Answer(client)
            assert answer.status == 200
            assert answer.fields["connection"] == "keep-alive"


def test_http10_streams_until_close(llmgw, provider):
    gateway = llmgw(provider().url)
    body = chat(stream=True, n=3)
    data = gateway.ask(
        b"POST /v1/chat/completions HTTP/1.0\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body) + body
    )
    head, answer = data.split(b"\r\n\r\n", 1)
    assert b"transfer-encoding" not in head.lower()
    assert answer == b"".join(event(i) for i in range(3)) + b"data: [DONE]\n\n"


def test_connection_close(gateway):
    data = gateway.ask(
        b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: foo, Close\r\n\r\n" + LIVE
    )
    assert data.count(b"HTTP/1.1 200") == 1
    assert b"\r\nconnection: close\r\n" in data


def test_head_has_no_body(gateway):
    with gateway.connect() as client:
        client.sendall(b"HEAD /health/live HTTP/1.1\r\nHost: x\r\n\r\n" + LIVE)
        answer = Answer(client, method="HEAD")
        assert Answer(client, answer.left).body.startswith(b"{")


def test_absolute_form_and_empty_lines(gateway):
    with gateway.connect() as client:
        client.sendall(
            b"\r\n\r\nGET http://X:80/health/live HTTP/1.1\r\nHost: x:80\r\n\r\n"
        )
        assert Answer(client).status == 200


def test_an_upgrade_is_ignored(gateway):
    with gateway.connect() as client:
        client.sendall(
            b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\n"
            b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
        )
        assert Answer(client).status == 200


def test_fields_of_every_answer(gateway):
    with gateway.connect() as client:
        client.sendall(LIVE)
        answer = Answer(client)
    assert answer.fields["server"] == "llmgw"
    assert answer.fields["date"].endswith(" GMT")
    assert "strict-transport-security" not in answer.fields


# ---- Expect ------------------------------------------------------------------


def test_continue_is_said_once_the_body_is_wanted(llmgw, provider):
    gateway = llmgw(provider().url)
    body = chat()
    request = post(body, extra=b"Expect: 100-continue\r\n")
    with gateway.connect() as client:
        client.sendall(request[: -len(body)])
        assert Answer(client).status == 100
        client.sendall(body)
        assert Answer(client).status == 200


def test_no_continue_for_what_is_refused(llmgw):
    gateway = llmgw()
    with gateway.connect() as client:
        client.sendall(
            b"POST /nothing/here HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n"
            b"Expect: 100-continue\r\n\r\n"
        )
        answer = Answer(client)
        assert answer.status == 404
        assert answer.fields["connection"] == "close"


def test_other_expectations_fail(gateway):
    assert refusal(gateway, HEAD + HOST + b"Expect: 200-ok\r\n\r\n") == 417


# ---- sizes -------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1000, 16000, 70000, 1 << 20, 10 << 20])
def test_bodies_of_any_size(llmgw, provider, size):
    upstream = provider()
    gateway = llmgw(upstream.url)
    body = chat(padding="y" * size, size=size)
    with gateway.connect() as client:
        for _ in range(2):
            client.sendall(post(body))
            answer = Answer(client)
            assert answer.status == 200
            assert len(answer.json()["padding"]) == size
    assert all(len(r.json()["padding"]) == size for r in upstream.requests)


def test_an_answer_to_a_large_refused_body_arrives(llmgw):
    """413 comes while the client still sends; a reset must not overtake it."""
    gateway = llmgw(server={"limits": {"body": "64KiB"}})
    with gateway.connect() as client:
        client.sendall(
            HEAD + HOST + b"Content-Type: application/json\r\nContent-Length: 4000000\r\n\r\n"
        )
        for _ in range(40):
            try:
                client.sendall(b"x" * 100000)
            except OSError:
                break
        assert status_of(read_all(client)) in (400, 413)


def test_a_refused_body_does_not_become_a_request(llmgw):
    """What was not read of a body is skipped or the connection ends; it is
    never taken for the next request."""
    gateway = llmgw()
    request = post(LIVE * 100, path="/nothing/here")
    for size in (len(request), len(request) - 3000):
        with gateway.connect() as client:
            client.sendall(request[:size])
            answer = Answer(client)
            assert answer.status == 404
            if answer.fields.get("connection") == "close":
                assert read_all(client) == b""
                continue
            client.sendall(request[size:] + LIVE)
            assert Answer(client).status == 200
            assert not readable(client, 0.2)


# ---- streams -----------------------------------------------------------------


def test_a_stream_is_the_same_bytes(llmgw, provider):
    """Byte for byte what the provider sent, however it was cut."""
    events = b"".join(event(i) for i in range(50)) + b": comment\r\n\r\ndata: [DONE]\n\n"

    def handler(connection, request):
        connection.sendall(SSE_HEAD)
        for at in range(0, len(events), 37):
            connection.sendall(chunk(events[at : at + 37]))
        connection.sendall(b"0\r\n\r\n")

    gateway = llmgw(provider(handler).url)
    with gateway.connect() as client:
        client.sendall(post(chat(stream=True)))
        answer = Answer(client)
        assert answer.fields["content-type"] == "text/event-stream"
        assert answer.body == events


def test_events_are_not_delayed(llmgw, provider):
    gateway = llmgw(provider().url)
    with gateway.connect() as client:
        client.sendall(post(chat(stream=True, n=4, gap=0.3)))
        seen = []
        data = b""
        while b"[DONE]" not in data:
            piece = client.recv(65536)
            if b"word" in piece:
                seen.append(time.monotonic())
            data += piece
    gaps = [b - a for a, b in zip(seen, seen[1:])]
    assert len(seen) == 4 and all(0.2 < gap < 0.45 for gap in gaps), gaps


def test_a_cut_stream_says_so(llmgw, provider):
    def handler(connection, request):
        connection.sendall(SSE_HEAD + chunk(event(0)))
        return "close"

    gateway = llmgw(provider(handler).url)
    with gateway.connect() as client:
        client.sendall(post(chat(stream=True)))
        body = Answer(client).body
    assert b"word0" in body and b"[DONE]" not in body
    assert json.loads(body.split(b"data: ")[-1])["error"]["message"]
    assert gateway.records()[0]["ending"] == "cut"


@pytest.mark.parametrize("framing", ["length", "chunked", "until close"])
def test_a_cut_answer_has_no_proper_end(llmgw, provider, framing):
    """Where no event can say it, the connection is reset."""

    def handler(connection, request):
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
        if framing == "chunked":
            connection.sendall(
                b"transfer-encoding: chunked\r\n\r\n" + chunk(b"{" + b" " * 100000)
            )
        else:
            connection.sendall(b"content-length: 200000\r\n\r\n{" + b" " * 100000)
        time.sleep(0.2)
        return "close"

    gateway = llmgw(provider(handler).url)
    version = b"HTTP/1.0" if framing == "until close" else b"HTTP/1.1"
    with gateway.connect() as client:
        client.sendall(post(chat()).replace(b"HTTP/1.1", version, 1))
        data = b""
        reset = False
        try:
            while piece := client.recv(65536):
                data += piece
        except ConnectionResetError:
            reset = True
    if b"200 OK" in data:
        assert reset and not data.endswith(b"0\r\n\r\n")
    else:
        assert status_of(data) in (502, 504)


def endless(gone, seconds=20):
    """A provider's handler that streams until somebody hangs up."""

    def handler(connection, request):
        connection.sendall(SSE_HEAD)
        deadline = time.monotonic() + seconds
        i = 0
        try:
            while time.monotonic() < deadline:
                connection.sendall(chunk(event(i)))
                i += 1
                time.sleep(0.01)
        except OSError:
            gone.set()
            raise

    return handler


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
def test_a_client_that_leaves_ends_its_call(llmgw, provider, reset):
    gone = threading.Event()
    gateway = llmgw(provider(endless(gone)).url)
    client = gateway.connect()
    client.sendall(post(chat(stream=True)))
    assert b"200 OK" in client.recv(100)
    if reset:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    assert gone.wait(2)
    assert gateway.records()[0]["ending"] == "client_gone"


def test_a_client_that_leaves_before_the_answer_ends_its_call(llmgw, provider):
    gone = threading.Event()

    def handler(connection, request):
        if not connection.recv(1):
            gone.set()

    upstream = provider(handler)
    gateway = llmgw(upstream.url)
    client = gateway.connect()
    client.sendall(post(chat()))
    while not upstream.requests:
        time.sleep(0.01)
    client.close()
    assert gone.wait(2)


# ---- time --------------------------------------------------------------------

SLOW = {"timeouts": {"header": "1s", "body": "1s", "idle": "1s", "write": "1s"}}


def seconds_until_end(client):
    start = time.monotonic()
    data = read_all(client)
    return time.monotonic() - start, data


def test_a_slow_head_is_timed_out(llmgw):
    gateway = llmgw(server=SLOW)
    with gateway.connect() as client:
        start = time.monotonic()
        client.sendall(b"GET /health/live HTTP/1.1\r\n")
        while time.monotonic() - start < 4 and not readable(client, 0.2):
            client.sendall(b"X")
        assert status_of(read_all(client)) == 408
        assert 0.9 < time.monotonic() - start < 2.5


def test_a_slow_body_is_timed_out(llmgw):
    gateway = llmgw(server=SLOW)
    with gateway.connect() as client:
        client.sendall(post(chat())[:-5])
        took, data = seconds_until_end(client)
    assert status_of(data) == 408 and 0.9 < took < 2.5


def test_a_body_that_moves_is_not_timed_out(llmgw, provider):
    gateway = llmgw(provider().url, server=SLOW)
    text = "x" * 100_000
    request = post(chat(messages=[{"role": "user", "content": text}]))
    with gateway.connect() as client:
        for at in range(0, len(request), 20_000):
            client.sendall(request[at : at + 20_000])
            time.sleep(0.4)
        assert Answer(client).status == 200


def test_a_body_that_drips_is_timed_out(llmgw):
    """A byte now and then must not hold a request open."""
    gateway = llmgw(server=SLOW)
    with gateway.connect() as client:
        start = time.monotonic()
        client.sendall(post(chat())[:-20])
        while time.monotonic() - start < 4 and not readable(client, 0.2):
            client.sendall(b" ")
        assert status_of(read_all(client)) == 408
        assert 0.9 < time.monotonic() - start < 2.5


def test_an_idle_connection_is_closed(llmgw):
    gateway = llmgw(server=SLOW)
    with gateway.connect() as fresh, gateway.connect() as used:
        used.sendall(LIVE)
        assert Answer(used).status == 200
        took, data = seconds_until_end(used)
        assert data == b"" and 0.9 < took < 2.5
        assert read_all(fresh) == b""


def test_a_client_that_takes_nothing_is_dropped(llmgw, provider):
    gone = threading.Event()

    def handler(connection, request):
        connection.sendall(SSE_HEAD)
        try:
            while True:
                connection.sendall(chunk(b"data: " + b"x" * 8000 + b"\n\n"))
        except OSError:
            gone.set()

    gateway = llmgw(provider(handler).url, server=SLOW)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        client.connect(gateway.address)
        client.sendall(post(chat(stream=True)))
        assert gone.wait(6)


def test_a_quiet_stream_is_not_timed_out(llmgw, provider):
    """Idle, body and header timeouts are not for a client that waits."""
    gateway = llmgw(provider().url, server=SLOW)
    with gateway.connect() as client:
        client.sendall(post(chat(stream=True, n=2, gap=2.0)))
        answer = Answer(client)
        assert b"word1" in answer.body


# ---- limits ------------------------------------------------------------------


def test_connections_above_the_maximum_wait_or_replace_idle_ones(llmgw):
    gateway = llmgw(server={"limits": {"connections": 4}, "workers": 1})
    idle = [gateway.connect() for _ in range(4)]
    with gateway.connect() as client:
        client.sendall(LIVE)
        assert Answer(client).status == 200
    for one in idle:
        one.close()


def test_as_many_connections_are_served_as_are_allowed(llmgw):
    """Nobody is sent away while nobody waits, and who has just come may ask."""
    gateway = llmgw(server={"limits": {"connections": 4}, "workers": 1})
    for _ in range(3):
        clients = [gateway.connect() for _ in range(4)]
        for _ in range(2):
            for client in clients:
                client.sendall(LIVE)
                assert Answer(client).status == 200
        for client in clients:
            client.close()
    clients = [gateway.connect() for _ in range(8)]  # four of them wait
    for client in clients:
        client.sendall(LIVE)
    for client in clients:
        assert Answer(client).status == 200
        client.close()


def test_no_descriptor_is_lost(llmgw, provider):
    gateway = llmgw(provider().url)
    for request in [LIVE, SMUGGLING["NUL in a value"], post(chat())]:
        gateway.ask(request.replace(b"Host: x\r\n", b"Host: x\r\nConnection: close\r\n", 1))
    time.sleep(0.3)
    before = gateway.open_files()
    for _ in range(30):
        gateway.ask(SMUGGLING["NUL in a value"])
        gateway.ask(LIVE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    time.sleep(0.3)
    assert gateway.open_files() <= before


def test_the_log_has_no_prompt_and_is_json(llmgw, provider):
    gateway = llmgw(provider().url)
    with gateway.connect() as client:
        client.sendall(post(chat(messages=[{"role": "user", "content": "PROMPT"}])))
        assert Answer(client).status == 200
        client.sendall(b'GET /a"b\\c?secret=1 HTTP/1.1\r\nHost: x\r\n\r\n')
        Answer(client)
    records = gateway.records(2)
    assert "PROMPT" not in json.dumps(records)
    assert "secret" not in json.dumps(records)
    assert records[0]["model"] == "m" and records[0]["input_tokens"] == 3
    assert records[1]["status"] in (400, 404)
