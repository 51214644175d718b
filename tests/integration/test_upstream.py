# SPDX-License-Identifier: Apache-2.0
"""Every fault of a provider, and how connections to it are made, kept, shared
and given up; each over both transports.

Method: llmsim has the faults by model name; where the bytes themselves matter
a thread here is the provider. What a client got is compared with what the
simulator says when it is asked directly, and with the log's record.
"""

import http.client
import json
import random
import socket
import ssl
import struct
import threading
import time

import pytest

from serving import (
    KEY,
    Authority,
    Serving,
    events_of,
    read_head,
    read_request,
)

UPLOAD = {"x-llmproxy-model": "m", "content-type": "audio/wav"}
TIMEOUTS = {"connect": "2s", "first_byte": "400ms", "idle": "400ms"}


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    with Serving(tmp_path_factory.mktemp("upstream")) as one:
        yield one


@pytest.fixture(scope="module", params=["native", "curl"])
def transport(request):
    return request.param


@pytest.fixture(scope="module")
def sim(serving):
    return serving.sim()


@pytest.fixture
def front(serving, transport):
    """front(url, …): a gateway before that provider."""

    def make(url, server=None, **provider):
        if not url.startswith("https://127") and "http://127" not in url:
            provider.setdefault("allow_plain_http", True)
        return serving.gateway(
            {"p": {"base_url": url, "transport": transport} | provider},
            server={"workers": 1} | (server or {}),
        )

    return make


@pytest.fixture(scope="module")
def gateway(serving, transport, sim):
    provider = {"base_url": sim.url, "transport": transport, "timeouts": TIMEOUTS}
    return serving.gateway({"p": provider}, server={"workers": 1})


def ask_stream(one, model, **members):
    """(body, complete): `one` is the gateway or the simulator."""
    members.setdefault("stream_options", {"include_usage": True})
    body = {"model": model, "messages": [], "stream": True} | members
    where = one.address if hasattr(one, "address") else (one.host, one.port)
    connection = http.client.HTTPConnection(*where, timeout=20)
    connection.request("POST", "/v1/chat/completions", json.dumps(body))
    answer = connection.getresponse()
    assert answer.status == 200
    try:
        return answer.read(), True, answer.headers["x-request-id"]
    except http.client.IncompleteRead as error:
        return error.partial, False, answer.headers["x-request-id"]
    finally:
        connection.close()


def chat_request(model, **members):
    """A chat request's bytes."""
    body = json.dumps({"model": model, "messages": []} | members).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"
    return head + b"content-length: %d\r\n\r\n%s" % (len(body), body)


def error_event(body):
    """What came before the error event, and the error."""
    events = events_of(body)
    before = "".join(event + "\n\n" for event in events[:-1]).encode()
    return before, json.loads(events[-1].removeprefix("data: "))["error"]


# ---- faults of answers in one piece -------------------------------------------


@pytest.mark.parametrize(
    "model, status, code, ending",
    [
        ("sim-400", 400, None, "upstream_error"),
        ("sim-429", 429, "rate_limit_exceeded", "upstream_error"),
        ("sim-500", 500, None, "upstream_error"),
        ("sim-html-502", 502, "upstream_error", "upstream_error"),
        ("sim-401", 502, "upstream_error", "upstream_error"),
        ("sim-407", 502, None, "upstream_error"),
        ("sim-hang", 504, "upstream_timeout", "timeout"),
    ],
)
def test_faults_before_the_answer(gateway, model, status, code, ending):
    found, error = gateway.error(model)
    assert found == status
    if code:
        assert error["code"] == code
    assert gateway.record()["ending"] == ending


@pytest.mark.parametrize("status", [401, 403, 407])
def test_refused_credentials_are_not_worth_another_try(gateway, status):
    """They are the gateway's: the client cannot do anything about them."""
    found, fields, _ = gateway.chat(f"sim-{status}")
    assert (found, fields["x-should-retry"]) == (502, "false")
    assert "proxy-authenticate" not in fields


def test_a_busy_provider_says_when_to_come_again(gateway):
    status, fields, _ = gateway.chat("sim-429:7")
    assert (status, fields["retry-after"]) == (429, "7")


def test_a_hanging_provider_is_given_up_in_time(gateway, sim):
    sim.reset()
    began = time.monotonic()
    assert gateway.error("sim-hang")[0] == 504
    assert 0.35 < time.monotonic() - began < 1.5
    sim.wait_for(1, aborted=1, open=0)


@pytest.mark.parametrize("model", ["sim-cut", "sim-reset", "sim-stall"])
def test_a_broken_answer_is_not_passed_off_as_whole(gateway, model):
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        gateway.chat(model)
    record = gateway.record()
    assert record["ending"] == ("timeout" if model == "sim-stall" else "cut")
    assert record["usage"] == "unknown"


@pytest.mark.parametrize(
    "model",
    [
        "sim-drip:2",
        "sim-giant",
        "sim-giant:giant_bytes=5000000",
        "sim-close",
        "sim-close:framing=close",
        "sim-close:framing=chunked",
        "sim-no-usage",
    ],
)
def test_odd_answers_pass(gateway, sim, model):
    body = json.dumps({"model": model, "messages": []})
    sim.reset()
    _, _, direct = sim.call("POST", "/v1/chat/completions", body)
    sim.reset()
    status, _, through = gateway.post("/v1/chat/completions", body.encode())
    assert status == 200 and through == direct
    record = gateway.record()
    assert record["ending"] == "complete"
    assert record["usage"] == ("unknown" if "no-usage" in model else "reported")


def test_an_error_with_status_200_is_one(gateway):
    status, fields, body = gateway.chat("sim-error-200")
    assert status == 502 and json.loads(body)["error"]["message"]
    assert gateway.record_of(fields["x-request-id"])["ending"] == "upstream_error"


# ---- faults of streams --------------------------------------------------------


@pytest.mark.parametrize(
    "model",
    [
        "gpt-4o",
        "sim-malformed",
        "sim-error-200",
        "sim-error-late",
        "sim-giant",  # 2 MB, above what is looked into
        "sim-giant:900000",
        "sim-drip:drip_bytes=40,tokens=4",
        "sim-no-done",
        "sim-no-usage",
        "sim-close",
        "sim-close:framing=close",
    ],
)
def test_streams_that_end_pass_unaltered(gateway, sim, model):
    sim.reset()
    direct, _, _ = ask_stream(sim, model)
    sim.reset()
    through, complete, request_id = ask_stream(gateway, model)
    if "sim-error" in model:  # the simulator ends there; so does the client's
        assert through.startswith(direct)
    else:
        assert through == direct
    assert complete
    ending = gateway.record_of(request_id)["ending"]
    assert ending == ("upstream_error" if "sim-error" in model else "complete")


@pytest.mark.parametrize(
    "model, code, ending",
    [
        ("sim-cut:3", "upstream_broke", "cut"),
        ("sim-reset:3", "upstream_broke", "cut"),
        ("sim-stall:3", "upstream_timeout", "timeout"),
        ("sim-cut:cut_after=3,framing=close", "upstream_incomplete", "cut"),
    ],
)
def test_streams_that_break_end_in_an_error_event(gateway, sim, model, code, ending):
    sim.reset()
    through, complete, request_id = ask_stream(gateway, model)
    before, error = error_event(through)
    assert error["code"] == code and error["type"] == "server_error"
    sim.reset()
    direct, _, _ = ask_stream(sim, "sim-stall:99")
    assert direct.replace(b"sim-stall:99", model.encode()).startswith(before)
    assert complete  # the gateway's own framing has its proper end
    record = gateway.record_of(request_id)
    assert record["ending"] == ending
    assert record["usage"] == "estimated"


def test_a_stream_that_breaks_before_its_content_is_an_error(gateway):
    """Nobody has heard of it yet: it can be asked again, and says so."""
    status, error = gateway.error("sim-cut:0", stream=True)
    assert (status, error["code"]) == (502, "upstream_broke")
    record = gateway.record()
    assert record["ending"] == "upstream_failed" and record["usage"] == "unknown"


def test_a_stream_may_be_silent_for_less_than_the_timeout(gateway):
    """Each pause is shorter than `idle`, all together are not."""
    body, complete, _ = ask_stream(
        gateway, "sim-slow:ttft_ms=200,tokens_per_second=8,tokens=6"
    )
    assert complete and body.endswith(b"data: [DONE]\n\n")


# ---- answers that are not quite HTTP --------------------------------------------

OK = b"HTTP/1.1 200 OK\r\n"
JSON = b"content-type: application/json\r\n"
ODD = {
    # what the provider says, then what the client gets: body, or error code
    "informational first": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n"
        + OK + JSON + b"content-length: 2\r\n\r\n{}",
        b"{}",
    ),
    "no length": (OK + JSON + b"\r\n{ }", b"{ }"),
    "1.0": (b"HTTP/1.0 200 OK\r\n" + JSON + b"\r\n{}", b"{}"),
    "no reason": (b"HTTP/1.1 200 \r\ncontent-length: 2\r\n\r\n{}", b"{}"),
    "chunk extension": (
        OK + JSON + b"transfer-encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\n\r\n",
        b"{}",
    ),
    "trailer": (
        OK + JSON + b"transfer-encoding: chunked\r\ntrailer: x-cost\r\n\r\n"
        b"2\r\n{}\r\n0\r\nx-cost: 7\r\n\r\n",
        b"{}",
    ),
    "empty": (OK + JSON + b"content-length: 0\r\n\r\n", "upstream_error"),
    "no content": (b"HTTP/1.1 204 No Content\r\n" + JSON + b"\r\n", b""),
    "not HTTP": (b"SSH-2.0-OpenSSH_9.6\r\n", "upstream_protocol"),
    "nothing": (b"", "upstream_broke"),
    "half a head": (OK + b"content-le", "upstream_"),
    "huge head": (OK + b"x-a: " + b"a" * 80000 + b"\r\n\r\n", "upstream_protocol"),
    "many fields": (OK + b"x-a: a\r\n" * 300 + b"\r\n", "upstream_protocol"),
    "switching": (b"HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n", "upstream_"),
    "bad chunk": (
        OK + b"transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        None,
    ),
    "too short": (OK + JSON + b"content-length: 9\r\n\r\n{}", None),
    "chunks cut": (OK + b"transfer-encoding: chunked\r\n\r\n5\r\n{}", None),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_heads_and_framing(serving, front, name):
    said, want = ODD[name]

    def handler(connection):
        read_request(connection)
        connection.sendall(said)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(65536)  # until the gateway closes

    gateway = front(serving.listener(handler).url, timeouts=TIMEOUTS)
    if want is None:  # it is cut off after the head: the client must see that
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            gateway.chat("m")
        return
    status, _, body = gateway.chat("m")
    if isinstance(want, bytes):
        assert status in (200, 204) and body == want
    else:
        assert status == 502
        assert json.loads(body)["error"]["code"].startswith(want)
    assert gateway.call("GET", "/health/live")[0] == 200  # it still serves


# ---- no connection --------------------------------------------------------------


def unused_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_a_provider_that_is_away(front):
    gateway = front(f"http://127.0.0.1:{unused_port()}/v1")
    for _ in range(3):
        status, error = gateway.error("m")
        assert (status, error["code"]) == (502, "upstream_unreachable")
    record = gateway.record()
    assert record["ending"] == "upstream_failed" and "usage" not in record
    assert gateway.open_files() < 60


def test_a_name_that_does_not_resolve(front):
    gateway = front("http://nobody.invalid/v1")
    status, error = gateway.error("m")
    assert (status, error["code"]) == (502, "upstream_unresolved")
    began = time.monotonic()
    assert gateway.call("GET", "/health/live")[0] == 200
    assert time.monotonic() - began < 0.5


def test_a_provider_that_comes_back(serving, front, sim):
    port = unused_port()
    gateway = front(f"http://127.0.0.1:{port}/v1")
    assert gateway.error("m")[0] == 502

    def handler(connection):
        read_request(connection)
        connection.sendall(OK + JSON + b"content-length: 2\r\n\r\n{}")

    with socket.create_server(("127.0.0.1", port)) as listener:
        answer = threading.Thread(target=lambda: handler(listener.accept()[0]))
        answer.start()
        assert gateway.chat("m")[2] == b"{}"
        answer.join()


def test_a_connect_that_takes_too_long(front):
    """A full accept queue: the handshake never ends."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        gateway = front(
            f"http://127.0.0.1:{full.getsockname()[1]}/v1",
            timeouts=TIMEOUTS | {"connect": "200ms", "first_byte": "10s"},
        )
        began = time.monotonic()
        status, error = gateway.error("m")
        assert (status, error["code"]) == (502, "upstream_unreachable")
        assert time.monotonic() - began < 2
        for one in waiting:
            one.close()


# ---- TLS ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(serving):
    return Authority(serving.folder)


def test_tls_with_a_private_authority(serving, front, authority):
    cert, key = authority.issue("good", "DNS:localhost", "IP:127.0.0.1")
    sim = serving.sim("--tls-cert", str(cert), "--tls-key", str(key))
    for host in ("127.0.0.1", "localhost"):
        gateway = front(f"https://{host}:{sim.port}/v1", ca_file=str(authority.cert))
        assert gateway.chat()[0] == 200
        assert gateway.stream("sim-giant").endswith(b"[DONE]\n\n")
        assert gateway.chat(messages=[{"content": "long " * 400000}])[0] == 200
        upload = gateway.post("/v1/audio/transcriptions", b"x" * 3_000_000, UPLOAD)
        assert b"3000000 bytes" in upload[2]


@pytest.mark.parametrize("wrong", ["authority", "system", "name", "expired"])
def test_tls_that_cannot_be_trusted(serving, front, authority, wrong):
    subject = "DNS:other.example" if wrong == "name" else "DNS:localhost"
    extra = {"ca_file": str(authority.cert)}
    cert, key = authority.issue(wrong, subject)
    if wrong == "authority":
        extra["ca_file"] = str(Authority(serving.folder, f"x{id(front)}").cert)
    if wrong == "system":
        extra = {}
    if wrong == "expired":
        cert, key = authority.issue(wrong, subject, days=0)
        time.sleep(1)
    sim = serving.sim("--tls-cert", str(cert), "--tls-key", str(key))
    gateway = front(f"https://localhost:{sim.port}/v1", **extra)
    status, error = gateway.error("m")
    assert (status, error["code"]) == (502, "upstream_tls")
    assert "usage" not in gateway.record()  # nothing was sent


def test_plain_http_where_tls_is_expected(front, sim):
    gateway = front(f"https://127.0.0.1:{sim.port}/v1")
    assert gateway.error("m")[1]["code"] == "upstream_tls"


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_tls_sessions_are_resumed(serving, front, transport, authority, version):
    if (transport, version) == ("curl", "TLSv1_2"):
        pytest.skip("libcurl asks for no tickets in TLS 1.2")
    cert, key = authority.issue("resume" + version, "IP:127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    context.maximum_version = ssl.TLSVersion[version]
    resumed = []

    def handler(connection):
        resumed.append(connection.session_reused)
        read_request(connection)
        connection.sendall(
            OK + JSON + b"connection: close\r\ncontent-length: 2\r\n\r\n{}"
        )

    provider = serving.listener(handler, context)
    gateway = front(provider.url, ca_file=str(authority.cert))
    for _ in range(4):
        assert gateway.chat("m")[2] == b"{}"
    assert resumed == [False, True, True, True]


def test_a_cut_tls_connection_is_not_an_end(serving, front, transport, authority):
    """Without close_notify, bytes that end with the connection may have been
    cut by anybody."""
    if transport == "curl":
        pytest.skip("libcurl tells OpenSSL to take such an end for a good one")
    cert, key = authority.issue("cut", "IP:127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    def handler(connection):
        read_request(connection)
        connection.sendall(OK + JSON + b'\r\n{"id":')
        # detach: the socket closes without TLS's own goodbye
        socket.socket(fileno=connection.detach()).close()

    provider = serving.listener(handler, context)
    gateway = front(provider.url, ca_file=str(authority.cert))
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        gateway.chat("m")


# ---- connections ----------------------------------------------------------------


def test_connections_are_kept(front, sim):
    gateway = front(sim.url)
    gateway.chat()
    sim.reset()
    for _ in range(30):
        assert gateway.chat()[0] == 200
    gateway.stream()
    assert gateway.error("sim-429")[0] == 429
    assert gateway.error("sim-500")[0] == 500
    assert gateway.chat("sim-giant")[0] == 200
    assert sim.stats()["connections"] == 0  # none but those from before


def test_broken_connections_are_not_kept(front, sim):
    gateway = front(sim.url, timeouts=TIMEOUTS)
    for model in ["sim-cut:2", "sim-stall:2", "sim-reset:2", "sim-close"]:
        sim.reset()
        ask_stream(gateway, model)
        assert gateway.chat()[0] == 200
        assert sim.stats()["connections"] >= 1, model
    sim.wait_for(2, open=0)


def test_a_stale_connection_fails_no_request(serving, front):
    """The provider closes a kept connection when the next request comes: the
    worst moment. A request that is at hand is sent again."""
    bodies = []

    def handler(connection):
        _, body, _ = read_request(connection)
        bodies.append(body)
        connection.sendall(OK + JSON + b"content-length: 2\r\n\r\n{}")
        read_head(connection)  # the second request, or a part of it

    provider = serving.listener(handler)
    gateway = front(provider.url)
    for i in range(10):
        status, _, body = gateway.chat("m", messages=[{"content": str(i) * 3000}])
        assert (status, body) == (200, b"{}")
    assert provider.connections == len(bodies) == 10
    assert [json.loads(b)["messages"][0]["content"][0] for b in bodies] == [
        str(i) for i in range(10)
    ]


@pytest.mark.parametrize("how", ["close", "reset"])
def test_connections_closed_while_idle_fail_no_request(serving, front, how):
    def handler(connection):
        read_request(connection)
        connection.sendall(OK + JSON + b"content-length: 2\r\n\r\n{}")
        time.sleep(0.02)
        if how == "reset":
            connection.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )

    gateway = front(serving.listener(handler).url)
    for _ in range(5):
        assert gateway.chat("m")[2] == b"{}"
        time.sleep(0.06)
        upload = gateway.post("/v1/audio/transcriptions", b"x" * 300000, UPLOAD)
        assert upload[2] == b"{}"
        time.sleep(0.06)


def test_a_request_is_sent_again_once_only(serving, front):
    """A provider that always hangs up is not hammered."""

    def handler(connection):
        if read_request(connection)[0]:
            handler.heads += 1
        if handler.heads == 1:
            connection.sendall(OK + JSON + b"content-length: 2\r\n\r\n{}")
            if read_request(connection)[0]:
                handler.heads += 1

    handler.heads = 0
    gateway = front(serving.listener(handler).url)
    assert gateway.chat("m")[0] == 200
    status, error = gateway.error("m")
    assert (status, error["code"]) == (502, "upstream_broke")
    assert handler.heads == 3  # the good one, and two of the bad one


def test_a_request_is_not_sent_again_once_an_answer_began(serving, front):
    """What was begun to be answered was worked on, and may have cost money."""

    def handler(connection):
        while read_request(connection)[0]:
            handler.requests += 1
            if handler.requests == 2:
                connection.sendall(OK + b"content-ty")
                return
            connection.sendall(OK + JSON + b"content-length: 2\r\n\r\n{}")

    handler.requests = 0
    gateway = front(serving.listener(handler).url)
    assert gateway.chat("m")[0] == 200
    assert gateway.error("m")[0] == 502
    assert handler.requests == 2


def test_excess_bytes_behind_an_answer_end_the_connection(serving, front):
    """Response splitting: what comes unasked is not the next one's answer."""

    def handler(connection):
        while read_request(connection)[0]:
            connection.sendall(
                OK + JSON + b"content-length: 2\r\n\r\n{}"
                + OK + JSON + b"content-length: 6\r\n\r\n\"evil\""
            )

    provider = serving.listener(handler)
    gateway = front(provider.url)
    for i in range(3):
        assert gateway.chat("m")[2] == b"{}"
        assert provider.connections == i + 1
        time.sleep(0.02)


def test_connections_to_a_provider_are_bounded(front, sim):
    gateway = front(sim.url, connections=2, timeouts=TIMEOUTS | {"first_byte": "10s"})
    sim.reset()
    answers = []
    most = [0]

    def ask():
        answers.append(gateway.chat("sim-slow:ttft_ms=150,tokens_per_second=0")[0])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        most[0] = max(most[0], sim.stats()["open"])
        time.sleep(0.005)
    assert answers == [200] * 8
    assert most[0] <= 2 and time.monotonic() - began > 0.55
    assert sim.stats()["connections"] <= 2


def test_a_waiting_request_that_leaves_is_forgotten(front, sim):
    gateway = front(sim.url, connections=1, timeouts=TIMEOUTS | {"first_byte": "10s"})
    sim.reset()
    hanging = gateway.connect()
    request = chat_request("sim-hang")
    hanging.sendall(request)
    sim.wait_for(2, open=1)
    waiting = gateway.connect()
    waiting.sendall(request)
    time.sleep(0.05)
    waiting.close()
    time.sleep(0.05)
    hanging.close()
    assert gateway.chat()[0] == 200  # the place is free again
    sim.wait_for(2, open=0, requests=2)


def test_a_place_that_becomes_free_is_given_to_who_waits(front, sim):
    """The one in the only place leaves: the next one is served at once."""
    gateway = front(sim.url, connections=1, timeouts=TIMEOUTS | {"first_byte": "10s"})
    sim.reset()
    with gateway.connect() as hanging, gateway.connect() as waiting:
        hanging.sendall(chat_request("sim-hang"))
        sim.wait_for(2, open=1)
        waiting.sendall(chat_request("gpt-4o"))
        waiting.settimeout(0.1)
        with pytest.raises(TimeoutError):
            waiting.recv(1)
        hanging.close()
        waiting.settimeout(3)
        assert waiting.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_ipv6(serving, front):
    try:
        sim = serving.sim(host="[::1]")
    except (json.JSONDecodeError, OSError):
        pytest.skip("no IPv6 here")
    gateway = front(sim.url.replace("localhost", "[::1]"))
    assert gateway.chat()[0] == 200
    assert sim.last()["headers"]["host"] == f"[::1]:{sim.port}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(serving, front, status):
    elsewhere = serving.listener(lambda connection: read_request(connection))

    def handler(connection):
        while read_request(connection)[0]:
            connection.sendall(
                b"HTTP/1.1 %d Moved\r\nlocation: %s/v1/chat/completions\r\n"
                b"content-length: 0\r\n\r\n" % (status, elsewhere.origin.encode())
            )

    gateway = front(serving.listener(handler).url)
    for answer in (gateway.chat("m"), gateway.call("GET", "/v1/models")):
        assert answer[0] == 502 and "location" not in answer[1]
        assert elsewhere.origin.encode() not in answer[2]
    assert elsewhere.connections == 0


# ---- clients that are slow ------------------------------------------------------

EVENT = b"data: " + b"x" * 8000 + b"\n\n"


def slow_client(gateway):
    """A connection that holds little."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    client.settimeout(10)
    client.connect(gateway.address)
    return client


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_a_slow_reader_holds_its_provider_back(serving, front, authority, secure):
    """1 KB/s: the provider is stopped by flow control, memory stays small,
    and what was sent arrives whole."""
    total, sent, settings = 3000, [], {}
    context = None
    if secure:
        cert, key = authority.issue(f"slow{id(sent)}", "IP:127.0.0.1")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        settings = {"ca_file": str(authority.cert)}

    def handler(connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        while read_request(connection)[0]:
            connection.sendall(OK + b"content-type: text/event-stream\r\n")
            connection.sendall(b"transfer-encoding: chunked\r\n\r\n")
            for number in range(total):
                connection.sendall(b"%x\r\n%s\r\n" % (len(EVENT), EVENT))
                sent.append(number)
            connection.sendall(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")

    gateway = front(serving.listener(handler, context).url, **settings)
    gateway.call("GET", "/health/live")
    before = gateway.resident_kib()
    with slow_client(gateway) as client:
        client.sendall(chat_request("m", stream=True))
        for _ in range(15):
            client.recv(100)
            time.sleep(0.1)
        assert len(sent) < total // 2, "it was not held back"
        assert gateway.resident_kib() - before < 4096
        data, size = b"", 0
        while not data.endswith(b"\r\n0\r\n\r\n"):
            data = data[-8:] + client.recv(1 << 20)
            size += len(data)
        assert size > total * len(EVENT) and len(sent) == total


def test_silence_after_a_slow_time_is_still_noticed(serving, front):
    """The wait for the provider is stopped while the client is slow, and goes
    on when it has caught up."""
    sent = []

    def handler(connection):
        read_request(connection)
        connection.sendall(OK + b"content-type: text/event-stream\r\n\r\n")
        # As much as everybody holds, and not a byte more.
        connection.settimeout(0.3)
        try:
            while len(sent) < 3000:
                connection.sendall(EVENT)
                sent.append(1)
        except TimeoutError:
            pass
        connection.settimeout(20)
        connection.recv(1)  # until the gateway closes

    gateway = front(serving.listener(handler).url, timeouts={"idle": "1s"})
    with slow_client(gateway) as client:
        client.sendall(chat_request("m", stream=True))
        time.sleep(1.5)  # longer than the provider may be silent
        data = b""
        began = time.monotonic()
        while b"upstream_timeout" not in data:
            piece = client.recv(1 << 18)
            assert piece, data[-200:]
            data = data[-100:] + piece
        assert 0.8 < time.monotonic() - began < 3
    assert gateway.records(1)[-1]["ending"] == "timeout"


# ---- uploads --------------------------------------------------------------------

UPLOAD_HEAD = (
    b"POST /v1/audio/transcriptions HTTP/1.1\r\nhost: x\r\n"
    b"x-llmproxy-model: whisper-1\r\ncontent-type: audio/wav\r\n"
)


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("goodbye", [True, False])
def test_an_early_refusal_reaches_a_client_that_uploads(
    serving, front, framing, goodbye
):
    """And the connection, which still waits for the rest, is not used again."""
    body = b'{"error":{"message":"too large","type":"x","code":"too_large"}}'

    def handler(connection):
        read_head(connection)
        connection.sendall(
            b"HTTP/1.1 413 Too Large\r\n%s" % (b"connection: close\r\n" * goodbye)
            + JSON + b"content-length: %d\r\n\r\n%s" % (len(body), body)
        )
        if goodbye:
            connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass

    provider = serving.listener(handler)
    gateway = front(provider.url)
    with gateway.connect() as client:
        if framing == "length":
            client.sendall(UPLOAD_HEAD + b"content-length: 100000000\r\n\r\n")
            client.sendall(b"x" * 200000)
        else:
            client.sendall(UPLOAD_HEAD + b"transfer-encoding: chunked\r\n\r\n")
            client.sendall(b"186a0\r\n" + b"x" * 100000 + b"\r\n")
        answer = client.recv(65536)
        assert answer.startswith(b"HTTP/1.1 413 ") and b"too large" in answer
        assert b"connection: close" in answer.lower()
    assert gateway.chat("m")[0] == 413
    assert provider.connections == 2


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_an_answer_may_begin_before_the_upload_ends(serving, front, framing):
    """The provider answers piece by piece while it reads."""
    seen = []

    def handler(connection):
        size = len(read_head(connection)[1])
        connection.sendall(OK + b"transfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        while size < 3_000_000:
            size += len(connection.recv(1 << 18))
        seen.append(size)
        connection.sendall(b"4\r\nlast\r\n0\r\n\r\n")
        time.sleep(0.2)

    gateway = front(serving.listener(handler).url)
    piece = b"x" * 100000
    with gateway.connect() as client:
        if framing == "length":
            client.sendall(UPLOAD_HEAD + b"content-length: 3000000\r\n\r\n" + piece)
        else:
            client.sendall(UPLOAD_HEAD + b"transfer-encoding: chunked\r\n\r\n")
            piece = b"186a0\r\n" + piece + b"\r\n"
            client.sendall(piece)
        got = b""
        while b"first" not in got:
            got += client.recv(65536)
        for _ in range(29):
            client.sendall(piece)
        if framing == "chunked":
            client.sendall(b"0\r\n\r\n")
        while b"last" not in got:
            got += client.recv(65536)
    assert got.startswith(b"HTTP/1.1 200 ") and seen[0] >= 3_000_000


def test_an_upload_may_take_longer_than_an_answer(serving, front, sim):
    """first_byte counts from the last byte that was given on."""
    gateway = front(sim.url, timeouts=TIMEOUTS)
    with gateway.connect() as client:
        client.sendall(UPLOAD_HEAD + b"content-length: 8000\r\n\r\n")
        for _ in range(8):
            client.sendall(b"x" * 1000)
            time.sleep(0.1)
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_a_provider_that_stops_reading_is_given_up(serving, front):
    def handler(connection):
        read_head(connection)
        time.sleep(3)

    gateway = front(serving.listener(handler).url, timeouts=TIMEOUTS)
    with gateway.connect() as client:
        client.settimeout(5)
        client.sendall(UPLOAD_HEAD + b"content-length: 100000000\r\n\r\n")
        with pytest.raises(OSError):  # it takes no more, then it closes
            for _ in range(1000):
                client.sendall(b"x" * 100000)
        record = gateway.records(1)[-1]
    assert record["status"] == 504 and record["request_bytes"] < 20_000_000


def test_a_client_that_leaves_an_upload_ends_it(serving, front):
    ended = threading.Event()

    def handler(connection):
        try:
            read_request(connection)
        except OSError:
            ended.set()

    gateway = front(serving.listener(handler).url)
    with gateway.connect() as client:
        client.sendall(UPLOAD_HEAD + b"content-length: 100000000\r\n\r\n")
        client.sendall(b"x" * 1000000)
    assert ended.wait(1)
    assert gateway.records(1)[-1]["ending"] == "client_gone"


# ---- all at once ----------------------------------------------------------------


@pytest.mark.threads
def test_many_faults_at_once(serving, transport, sim):
    """Two workers, eight clients, every fault in random order: each request
    ends as it does alone, and nothing is left over."""
    provider = {"base_url": sim.url, "transport": transport, "timeouts": TIMEOUTS}
    gateway = serving.gateway({"p": provider}, server={"workers": 2})
    sim.reset()
    models = [
        "gpt-4o", "sim-429", "sim-500", "sim-html-502", "sim-hang", "sim-cut:2",
        "sim-reset:2", "sim-stall:2", "sim-malformed", "sim-giant:300000",
        "sim-close", "sim-no-done", "sim-drip:drip_bytes=40,tokens=2",
    ]  # fmt: skip
    count, failures = [0], []

    def run(seed):
        dice = random.Random(seed)
        for _ in range(12):
            model, stream = dice.choice(models), dice.random() < 0.7
            body = json.dumps({"model": model, "messages": [], "stream": stream})
            with gateway.connect() as client:
                client.sendall(
                    b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"
                    b"connection: close\r\ncontent-length: %d\r\n\r\n%s"
                    % (len(body), body.encode())
                )
                count[0] += 1
                if dice.random() < 0.2:
                    continue  # leaves at once
                answer = client.recv(65536)
                if not answer.startswith(b"HTTP/1.1 "):
                    failures.append((model, answer[:100]))
                try:
                    while dice.random() > 0.01 and client.recv(65536):
                        pass
                except ConnectionResetError:
                    pass  # an answer that broke is cut off like this

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    gateway.records(count[0], seconds=10)
    sim.wait_for(5, open=0)
    assert "llmgw_exchanges_in_flight 1\n" in gateway.metrics()  # this scrape
    assert gateway.chat()[0] == 200


# ---- whose key goes where ---------------------------------------------------------


def test_a_key_goes_to_its_own_provider_only(serving, transport):
    first, second = serving.sim(), serving.sim()
    gateway = serving.gateway(
        {
            "one": {
                "base_url": first.url,
                "api_key": "sk-key-of-one",
                "transport": transport,
            },
            "two": {
                "base_url": second.url,
                "api_key": "sk-key-of-two",
                "headers": {"x-goog-api-key": "sk-header-of-two"},
                "transport": transport,
            },
        },
        [{"name": "a", "provider": "one"}, {"name": "b", "provider": "two"}],
    )
    for _ in range(2):
        gateway.chat("a", {"authorization": "Bearer sk-client"})
        gateway.chat("b", {"authorization": "Bearer sk-client"})
    assert first.last()["headers"]["authorization"] == "Bearer sk-key-of-one"
    assert second.last()["headers"]["authorization"] == "Bearer sk-key-of-two"
    assert second.last()["headers"]["x-goog-api-key"] == "sk-header-of-two"
    assert "two" not in str(first.last())
    assert KEY not in str([first.last(), second.last()])
