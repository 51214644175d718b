# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 of the server: ordinary clients, flow control both ways, and clients
that try to cost more than they should.

Method: python-h2 for proper frames, hyperframe and hand-written bytes for
improper ones, over cleartext with prior knowledge (the same code as TLS).
"""

import json
import shutil
import socket
import struct
import subprocess
import threading
import time

import pytest

from conftest import SSE_HEAD, chat, chunk, event, read_all

h2_connection = pytest.importorskip("h2.connection")
import h2.config
import h2.events
import h2.exceptions
from hpack import Encoder

LIVE = [
    (":method", "GET"),
    (":path", "/health/live"),
    (":scheme", "http"),
    (":authority", "x"),
]
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM, END_HEADERS = 1, 4


def post_fields(body=None, **extra):
    fields = [
        (":method", "POST"),
        (":path", "/v1/chat/completions"),
        (":scheme", "http"),
        (":authority", "x"),
        ("content-type", "application/json"),
    ]
    if body is not None:
        fields.append(("content-length", str(len(body))))
    return fields + list(extra.items())


class Client:
    """A connection by python-h2 that collects what comes, stream by stream."""

    def __init__(self, gateway, window=65535, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(10)
        self.socket.connect(gateway.address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config = h2.config.H2Configuration(
            client_side=True, validate_outbound_headers=False,
            normalize_outbound_headers=False, header_encoding="utf-8",
        )
        self.h2 = h2_connection.H2Connection(config)
        self.h2.initiate_connection()
        self.h2.update_settings({4: window})
        self.status, self.fields, self.body = {}, {}, {}
        self.ended, self.reset = set(), {}
        self.goaway = None
        self.acknowledge = True
        self.informational = []
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def open(self, fields, body=None, end=True):
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, fields, end_stream=end and body is None)
        if body is not None:
            self.send(stream, body, end)
        self.flush()
        return stream

    def send(self, stream, body, end=True):
        """Body bytes, as the windows allow."""
        at = 0
        while at < len(body):
            room = min(self.h2.local_flow_control_window(stream), 16384)
            if room == 0:
                self.flush()
                self.pump()
                continue
            self.h2.send_data(stream, body[at : at + room])
            at += room
            self.flush()
        if end:
            self.h2.end_stream(stream)
        self.flush()

    def pump(self):
        """Reads once; False at the connection's end."""
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            return False
        if not data:
            return False
        for one in self.h2.receive_data(data):
            self.note(one)
        self.flush()
        return True

    def note(self, one):
        if isinstance(one, h2.events.ResponseReceived):
            self.fields[one.stream_id] = dict(one.headers)
            self.status[one.stream_id] = int(dict(one.headers)[":status"])
        elif isinstance(one, h2.events.InformationalResponseReceived):
            self.informational.append(dict(one.headers)[":status"])
        elif isinstance(one, h2.events.DataReceived):
            self.body.setdefault(one.stream_id, bytearray()).extend(one.data)
            if self.acknowledge:
                self.h2.acknowledge_received_data(
                    one.flow_controlled_length, one.stream_id
                )
        elif isinstance(one, h2.events.StreamEnded):
            self.ended.add(one.stream_id)
        elif isinstance(one, h2.events.StreamReset):
            self.reset[one.stream_id] = one.error_code
        elif isinstance(one, h2.events.ConnectionTerminated):
            self.goaway = one.error_code

    def finish(self, *streams):
        """Until those streams are over."""
        while not all(s in self.ended or s in self.reset for s in streams):
            assert self.pump(), f"the connection ended: {self.goaway}"

    def ask(self, fields, body=None):
        stream = self.open(fields, body)
        self.finish(stream)
        return self.status.get(stream), self.body.get(stream, b"")

    def until_end(self):
        try:
            while self.pump():
                pass
        except (h2.exceptions.ProtocolError, TimeoutError, OSError):
            pass
        return self.goaway


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(
        ">BBI", kind, flags, stream
    ) + payload


def frames_of(data):
    """(kind, payload) of the frames in a server's bytes."""
    found = []
    while len(data) >= 9:
        size = int.from_bytes(data[:3], "big")
        found.append((data[3], data[9 : 9 + size]))
        data = data[9 + size :]
    return found


def goaway_of(data):
    """The error code of the GOAWAY among server frames, or None."""
    codes = [int.from_bytes(p[4:8], "big") for k, p in frames_of(data) if k == GOAWAY]
    return next((code for code in codes if code), None)


def raw(gateway, frames, timeout=10):
    """Sends raw bytes until the server ends the connection; its bytes."""
    with gateway.connect(timeout) as client:
        try:
            for one in frames:
                client.sendall(one)
        except OSError:
            pass
        try:
            return read_all(client)
        except TimeoutError:
            pytest.fail("the connection was not ended")


def still_serves(gateway):
    with Client(gateway) as client:
        assert client.ask(LIVE)[0] == 200


# ---- ordinary use ------------------------------------------------------------


def test_requests_and_streams(llmgw, provider):
    upstream = provider()
    gateway = llmgw(upstream.url)
    with Client(gateway) as client:
        assert client.ask(LIVE) == (200, b'{"status":"live"}')
        status, body = client.ask(post_fields(), chat())
        assert status == 200 and json.loads(body)["choices"]
        stream = client.open(post_fields(), chat(stream=True, n=5))
        client.finish(stream)
        assert client.body[stream] == (
            b"".join(event(i) for i in range(5)) + b"data: [DONE]\n\n"
        )
        assert "transfer-encoding" not in client.fields[stream]
        assert client.fields[stream]["server"] == "llmgw"
        status, body = client.ask([(":method", "HEAD")] + LIVE[1:])
        assert status in (200, 405) and body == b""


def test_many_streams_at_once(llmgw, provider):
    gateway = llmgw(provider().url)
    with Client(gateway) as client:
        streams = [
            client.open(post_fields(), chat(stream=True, n=20, gap=0.01))
            for _ in range(50)
        ]
        client.finish(*streams)
        assert {client.body[s].count(b"word") for s in streams} == {20}


@pytest.mark.parametrize("size", [1000, 100000, 5000000])
def test_bodies_of_any_size(llmgw, provider, size):
    upstream = provider()
    gateway = llmgw(upstream.url)
    with Client(gateway) as client:
        for _ in range(2):
            body = chat(padding="y" * size, size=size)
            status, answer = client.ask(post_fields(body), body)
            assert status == 200 and len(json.loads(answer)["padding"]) == size
    assert len(upstream.requests[0].json()["padding"]) == size


def test_a_refused_upload_is_answered_whole(llmgw):
    """Frames that were on their way do no harm; the reset comes later."""
    gateway = llmgw(server={"limits": {"body": "64KiB"}})
    with Client(gateway) as client:
        stream = client.open(post_fields(None), end=False)
        client.pump()
        client.send(stream, b" " * 100000, end=False)
        client.finish(stream)
        assert client.status[stream] in (400, 413)
        assert json.loads(client.body[stream])["error"]
        assert client.ask(LIVE)[0] == 200


def test_continue(llmgw, provider):
    gateway = llmgw(provider().url)
    body = chat()
    with Client(gateway) as client:
        stream = client.open(post_fields(body, expect="100-continue"), end=False)
        while not client.informational:
            client.pump()
        assert client.informational == ["100"]
        client.send(stream, body)
        client.finish(stream)
        assert client.status[stream] == 200


def test_a_reset_stream_ends_its_call(llmgw, provider):
    from test_server_http1 import endless

    gone = threading.Event()
    gateway = llmgw(provider(endless(gone)).url)
    with Client(gateway) as client:
        stream = client.open(post_fields(), chat(stream=True))
        while b"word3" not in client.body.get(stream, b""):
            client.pump()
        client.h2.reset_stream(stream, 8)
        client.flush()
        assert gone.wait(2)
        assert client.ask(LIVE)[0] == 200
    assert gateway.records()[0]["ending"] == "client_gone"


def test_a_closed_connection_ends_its_calls(llmgw, provider):
    from test_server_http1 import endless

    gone = threading.Event()
    gateway = llmgw(provider(endless(gone)).url)
    with Client(gateway) as client:
        stream = client.open(post_fields(), chat(stream=True))
        while b"word3" not in client.body.get(stream, b""):
            client.pump()
    assert gone.wait(2)


def test_a_shut_window_holds_the_provider_back(llmgw, provider):
    """One stream that is not taken neither grows nor stops the others."""
    sent = []

    def handler(connection, request):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        if not request.json().get("stream"):
            data = b'{"choices":[]}'
            connection.sendall(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                b"content-length: %d\r\n\r\n" % len(data) + data
            )
            return
        connection.sendall(SSE_HEAD)
        for _ in range(3000):
            connection.sendall(chunk(b"data: " + b"x" * 8000 + b"\n\n"))
            sent.append(8000)
        connection.sendall(chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")

    gateway = llmgw(provider(handler).url)
    with Client(gateway, window=20000) as client:
        client.ask(LIVE)
        before = gateway.resident_kib()
        client.acknowledge = False
        stream = client.open(post_fields(), chat(stream=True))
        while len(client.body.get(stream, b"")) < 20000:
            client.pump()
        time.sleep(1)
        assert sum(sent) < 12 << 20
        assert gateway.resident_kib() - before < 2048
        client.acknowledge = True
        assert client.ask(post_fields(), chat())[0] == 200
        client.h2.acknowledge_received_data(len(client.body[stream]), stream)
        client.flush()
        client.finish(stream)
        assert len(client.body[stream]) == 3000 * 8008 + 14


def test_a_stream_that_is_never_taken_is_ended(llmgw, provider):
    gateway = llmgw(
        provider().url, server={"timeouts": {"write": "1s"}}
    )
    with Client(gateway, window=100) as client:
        client.acknowledge = False
        stream = client.open(post_fields(), chat(size=100000))
        start = time.monotonic()
        client.finish(stream)
        assert stream in client.reset and time.monotonic() - start < 3


def test_a_client_that_takes_nothing_but_sends_is_dropped(llmgw, provider):
    """What it sends is no sign that it takes anything: its time is counted from
    the last byte it took."""
    gateway = llmgw(provider().url, server={"timeouts": {"write": "1s"}})
    with Client(gateway, window=1 << 24, receive_buffer=8192) as client:
        client.h2.increment_flow_control_window(1 << 24)
        client.open(post_fields(), chat(size=16 << 20))
        start = time.monotonic()
        with pytest.raises(OSError):
            while time.monotonic() - start < 6:
                client.socket.sendall(frame(PING, 0, 0, bytes(8)))
                time.sleep(0.05)
        assert 0.8 < time.monotonic() - start < 4


def test_a_body_that_stalls_is_timed_out(llmgw):
    gateway = llmgw(server={"timeouts": {"body": "1s"}})
    with Client(gateway) as client:
        stream = client.open(post_fields(), b'{"model":', end=False)
        client.finish(stream)
        assert client.status[stream] == 408


def test_an_idle_connection_is_told_and_closed(llmgw):
    gateway = llmgw(server={"timeouts": {"idle": "1s"}})
    with Client(gateway) as client:
        client.ask(LIVE)
        start = time.monotonic()
        assert client.until_end() == 0
        assert 0.8 < time.monotonic() - start < 2.5


def test_too_many_streams_are_refused_not_served(llmgw, provider):
    gateway = llmgw(provider().url, server={"limits": {"streams": 5}})
    with Client(gateway) as client:
        client.pump()
        assert client.h2.remote_settings.max_concurrent_streams == 5


# ---- requests that are none --------------------------------------------------


def replaced(fields, **changes):
    return [(n, changes.get(n.strip(":"), v)) for n, v in fields]


@pytest.mark.parametrize(
    "fields, status",
    [
        (LIVE + [("host", "y")], 400),
        (replaced(LIVE, authority="a@b"), 400),
        (replaced(LIVE, path="/" + "a" * 9000), 414),
        (LIVE + [("x-a", "v" * 3000)] * 12, 431),
        (LIVE + [("x-a", "v")] * 200, 431),
        (LIVE + [("expect", "200-ok")], 417),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_bad_request_is_answered(llmgw, fields, status):
    gateway = llmgw()
    with Client(gateway) as client:
        got, body = client.ask(fields)
        assert got == status
        assert json.loads(body)["error"]["message"]
        assert client.ask(LIVE)[0] == 200


@pytest.mark.parametrize(
    "fields",
    [
        LIVE[:3],
        LIVE[:3] + [("host", "x"), ("host", "x")],
        replaced(LIVE, authority="a b"),
        replaced(LIVE, authority=""),
        LIVE + [("connection", "close")],
        LIVE + [("transfer-encoding", "chunked")],
        LIVE + [("upgrade", "h2c")],
        LIVE + [("keep-alive", "x")],
        LIVE + [("proxy-connection", "x")],
        LIVE + [("te", "gzip")],
        LIVE + [("Upper", "x")],
        LIVE + [("content-length", "5")],
        LIVE + [(":path", "/")],
        LIVE + [(":unknown", "/")],
        [("x", "y")] + LIVE,
        replaced(LIVE, path="v1"),
        replaced(LIVE, path=""),
        [(":method", "CONNECT"), (":authority", "x:1")],
    ],
    ids=lambda value: str(value[-1])[:40],
)
def test_a_malformed_request_is_reset_or_refused(llmgw, fields):
    gateway = llmgw()
    with Client(gateway) as client:
        stream = client.open(fields)
        client.finish(stream)
        assert stream in client.reset or client.status[stream] == 400
        assert client.ask(LIVE)[0] == 200


@pytest.mark.parametrize("value", ["a\x00b", "a\rb", "a\nb", "a\x7fb"])
def test_a_control_byte_in_a_value_is_refused(llmgw, value):
    gateway = llmgw()
    with Client(gateway) as client:
        stream = client.open(LIVE + [("x-a", value)])
        client.finish(stream)
        assert stream in client.reset or client.status[stream] == 400


def test_a_body_that_differs_from_its_length_is_reset(llmgw, provider):
    upstream = provider()
    gateway = llmgw(upstream.url)
    body = chat()
    with Client(gateway) as client:
        for wrong in (len(body) - 1, len(body) + 1):
            fields = post_fields() + [("content-length", str(wrong))]
            stream = client.open(fields, body)
            client.finish(stream)
            assert stream in client.reset
    assert not upstream.requests


# ---- attacks -----------------------------------------------------------------


def begin(*more):
    return [PREFACE + frame(SETTINGS), *more]


def live_block():
    return Encoder().encode(LIVE)


def test_rapid_reset(llmgw, provider):
    """CVE-2023-44487: requests that are taken back at once."""
    hits = []

    def handler(connection, request):
        hits.append(1)
        time.sleep(5)

    gateway = llmgw(provider(handler).url)
    block = Encoder().encode(post_fields())
    frames = [PREFACE + frame(SETTINGS)]
    for i in range(5000):
        stream = 2 * i + 1
        frames.append(
            frame(HEADERS, END_HEADERS, stream, block)
            + frame(DATA, END_STREAM, stream, chat())
            + frame(RST, 0, stream, struct.pack(">I", 8))
        )
    assert goaway_of(raw(gateway, frames)) == 11  # ENHANCE_YOUR_CALM
    assert len(gateway.records()) < 500
    still_serves(gateway)


def test_made_you_reset(llmgw):
    """CVE-2025-8671: requests whose next frame makes the server reset them."""
    gateway = llmgw()
    block = Encoder().encode(post_fields())
    frames = begin()
    for i in range(5000):
        stream = 2 * i + 1
        frames.append(
            frame(HEADERS, END_HEADERS, stream, block)
            + frame(WINDOW, 0, stream, struct.pack(">I", 0))
        )
    assert goaway_of(raw(gateway, frames))
    still_serves(gateway)


def test_honest_cancellations_are_forgiven(llmgw, provider):
    """A client that cancels half of what it asks keeps its connection."""
    gateway = llmgw(provider().url)
    with Client(gateway) as client:
        for _ in range(300):
            stream = client.open(post_fields(), chat(delay=5))
            client.h2.reset_stream(stream, 8)
            client.flush()
            assert client.ask(LIVE)[0] == 200


def test_continuation_flood(llmgw):
    gateway = llmgw()
    frames = begin(frame(HEADERS, 0, 1, live_block()))
    frames += [frame(CONTINUATION, 0, 1, b"")] * 100000
    assert goaway_of(raw(gateway, frames))
    still_serves(gateway)


def test_continuation_flood_with_contents(llmgw):
    gateway = llmgw()
    field = Encoder().encode([("x-a", "v" * 4000)], huffman=False)
    frames = begin(frame(HEADERS, 0, 1, live_block()))
    frames += [frame(CONTINUATION, 0, 1, field)] * 10000
    before = gateway.resident_kib()
    raw(gateway, frames)
    assert gateway.resident_kib() - before < 2048
    still_serves(gateway)


def test_header_bomb(llmgw):
    """A small block that unpacks to much: one large field, indexed 4000 times."""
    gateway = llmgw()
    encoder = Encoder()
    block = encoder.encode(LIVE) + encoder.encode([("x-a", "v" * 3900)])
    block += encoder.encode([("x-a", "v" * 3900)]) * 4000
    with gateway.connect() as client:
        client.sendall(PREFACE + frame(SETTINGS))
        client.sendall(frame(HEADERS, END_HEADERS | END_STREAM, 1, block[:16384]))
        client.settimeout(3)
        data = read_all(client)  # the connection goes
    assert b"x-a" not in data
    assert gateway.resident_kib() < 64 << 10
    still_serves(gateway)


@pytest.mark.parametrize(
    "flood",
    [
        frame(PING, 0, 0, bytes(8)),
        frame(SETTINGS),
        frame(PRIORITY, 0, 1, struct.pack(">IB", 3, 1)),
        frame(WINDOW, 0, 0, struct.pack(">I", 1)),
    ],
    ids=["PING", "SETTINGS", "PRIORITY", "WINDOW_UPDATE"],
)
def test_a_flood_of_frames_that_carry_nothing(llmgw, flood):
    gateway = llmgw()
    before = gateway.resident_kib()
    raw(gateway, begin(*[flood * 100] * 1000))
    assert gateway.resident_kib() - before < 4096
    still_serves(gateway)


def test_a_flood_of_refused_streams_is_held_back(llmgw):
    """Settings that are never acknowledged bind nobody: streams above the
    maximum are refused one by one, to a client that takes no refusal."""
    gateway = llmgw(server={"workers": 1, "timeouts": {"write": "1s"}})
    encoder = Encoder()
    blocks = [encoder.encode(LIVE), encoder.encode(LIVE)]
    before = gateway.resident_kib()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(10)
        client.connect(gateway.address)
        client.sendall(PREFACE + frame(SETTINGS))
        flags = END_HEADERS | END_STREAM
        client.sendall(frame(HEADERS, flags, 1, blocks[0]))
        with pytest.raises(OSError):  # no more is read, then it is dropped
            for first in range(3, 1 << 21, 2000):
                client.sendall(
                    b"".join(
                        frame(HEADERS, flags, stream, blocks[1])
                        for stream in range(first, first + 2000, 2)
                    )
                )
        assert gateway.resident_kib() - before < 16 << 10
    still_serves(gateway)


def test_frames_of_unknown_types_keep_nothing_open(llmgw):
    """They are skipped, and do not count as use."""
    gateway = llmgw(server={"timeouts": {"idle": "1s"}})
    start = time.monotonic()
    with gateway.connect() as client:
        client.sendall(PREFACE + frame(SETTINGS))
        while time.monotonic() - start < 10:
            try:
                client.sendall(frame(99, 0, 0, b"unknown"))
            except OSError:
                break
            time.sleep(0.1)
    # 1 s idle, and some more in which a closed connection is let run dry.
    assert time.monotonic() - start < 7


def test_a_flood_of_empty_data(llmgw, provider):
    gateway = llmgw(provider().url)
    block = Encoder().encode(post_fields())
    frames = begin(frame(HEADERS, END_HEADERS, 1, block))
    frames += [frame(DATA, 0, 1, b"") * 100] * 1000
    assert goaway_of(raw(gateway, frames)) == 11
    still_serves(gateway)


def test_a_head_that_never_ends_is_timed_out(llmgw):
    gateway = llmgw(server={"timeouts": {"header": "1s"}})
    start = time.monotonic()
    raw(gateway, begin(frame(HEADERS, 0, 1, live_block())))
    assert 0.8 < time.monotonic() - start < 6


@pytest.mark.parametrize(
    "bad",
    [
        frame(HEADERS, END_HEADERS, 2, b"\x82"),
        frame(DATA, 0, 0, b"x"),
        frame(SETTINGS, 0, 0, b"12345"),
        frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 0xFFFFFFFF)),
        frame(PING, 0, 0, b"short"),
        frame(PUSH, END_HEADERS, 1, b"\0\0\0\2\x82"),
        frame(CONTINUATION, END_HEADERS, 1, b"\x82"),
        frame(WINDOW, 0, 0, struct.pack(">I", 0)),
        frame(HEADERS, END_HEADERS, 1, b"\xff" * 100),
        b"\xff\xff\xff" + bytes(6),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=lambda value: repr(value[:12]),
)
def test_a_broken_frame_ends_its_connection_only(llmgw, bad):
    gateway = llmgw()
    raw(gateway, begin(bad))
    still_serves(gateway)


def test_random_bytes_after_the_preface(llmgw):
    import random

    chance = random.Random(2)
    gateway = llmgw(server={"timeouts": {"header": "1s", "idle": "1s"}})
    for _ in range(60):
        with gateway.connect() as client:
            client.sendall(PREFACE + frame(SETTINGS) + chance.randbytes(400))
    still_serves(gateway)


# ---- other people's clients --------------------------------------------------


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_curl_with_prior_knowledge(llmgw, provider):
    gateway = llmgw(provider().url)
    done = subprocess.run(
        ["curl", "-sS", "--http2-prior-knowledge", gateway.url + "/v1/chat/completions",
         "-H", "content-type: application/json", "-d", chat(stream=True)],
        capture_output=True, timeout=20,
    )
    assert b"[DONE]" in done.stdout, done.stderr


@pytest.mark.skipif(not shutil.which("h2load"), reason="h2load is not installed")
@pytest.mark.parametrize("secure", [False, True], ids=["cleartext", "tls"])
@pytest.mark.parametrize("count, what", [(20000, "live"), (4000, "chat")])
def test_h2load(llmgw, llmsim, tmp_path, secure, count, what):
    """Every request is answered with success, here or by the provider."""
    from test_server_tls import Authority

    settings, more, path = {}, [], "/health/live"
    if secure:
        cert, key = Authority(tmp_path / "ca").issue("server", "first")
        settings = {"tls": {"cert": str(cert), "key": str(key)}}
    if what == "chat":
        body = tmp_path / "body.json"
        body.write_bytes(chat(model="sim-fast"))
        more = ["-d", str(body), "-H", "content-type: application/json"]
        path = "/v1/chat/completions"
    gateway = llmgw(llmsim().url, settings)
    done = subprocess.run(
        ["h2load", "-n", str(count), "-c", "10", "-m", "20", *more, gateway.url + path],
        capture_output=True, timeout=60, text=True,
    )
    assert f"{count} succeeded, 0 failed, 0 errored" in done.stdout, done.stdout
    assert f"status codes: {count} 2xx, 0 3xx, 0 4xx, 0 5xx" in done.stdout
    assert "Application protocol: h2" in done.stdout
