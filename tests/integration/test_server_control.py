# SPDX-License-Identifier: Apache-2.0
"""The process: command line, reload, drain, take-over, log rotation."""

import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

from conftest import (
    Answer,
    binary,
    chat,
    configuration,
    post,
    read_all,
)
from keys import make_key

LIVE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
READY = b"GET /health/ready HTTP/1.1\r\nHost: x\r\n\r\n"


def run(*args, env=None, **more):
    return subprocess.run(
        [binary("LLMGW", "build/apps/llmgw/llmgw"), *map(str, args)],
        capture_output=True, text=True, timeout=20, env=env, **more,
    )


class Load:
    """Clients that ask all the time and keep what went wrong. A connection
    that the server announced to close is replaced, as any client does."""

    def __init__(self, connect, count=8, request=None):
        self.connect, self.request = connect, request or post(chat())
        self.errors, self.done = [], 0
        self.going = True
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def _run(self):
        client = None
        while self.going:
            try:
                client = client or self.connect()
                client.sendall(self.request)
                answer = Answer(client)
                if answer.status != 200:
                    raise AssertionError(f"{answer.status} {answer.body}")
                if answer.fields.get("connection") == "close":
                    client.close()
                    client = None
            except (OSError, EOFError, AssertionError) as error:
                with self.lock:
                    self.errors.append(repr(error))
                client = None
            with self.lock:
                self.done += 1
        if client:
            client.close()

    def stop(self):
        self.going = False
        for thread in self.threads:
            thread.join()
        assert not self.errors, (len(self.errors), self.done, self.errors[:5])
        return self.done


# ---- command line ------------------------------------------------------------


def test_version_and_help():
    assert run("version").stdout.startswith("llmgw ")
    assert run("--version").stdout == run("version").stdout
    text = run("--help").stdout
    for word in ["OPENAI_API_KEY", "--listen", "--take-over", "SIGHUP|HUP", "check"]:
        assert any(one in text for one in word.split("|")), word


def test_schema_and_reference():
    schema = json.loads(run("schema").stdout)
    assert "server" in schema["properties"]
    assert "server.timeouts" in run("reference").stdout


def test_check(tmp_path):
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(configuration())
    bad.write_text("server:\n  lisen: 127.0.0.1:0\n")
    done = run("check", good)
    assert done.returncode == 0 and "provider" in done.stdout
    assert "sk-test-secret" not in done.stdout
    done = run("check", bad)
    assert done.returncode == 1
    assert f"{bad}:2:3:" in done.stderr and "listen" in done.stderr
    assert run("check", tmp_path / "none.yaml").returncode == 1


def test_mistakes_on_the_command_line():
    for args in [["--nonsense"], ["frobnicate"], ["-c"], ["check"], ["version", "x"]]:
        done = run(*args)
        assert done.returncode == 2 and "--help" in done.stderr, args


def test_no_key_says_what_is_looked_for():
    env = {k: v for k, v in os.environ.items() if not k.endswith(("_API_KEY", "_BASE_URL"))}
    done = run(env=env)
    assert done.returncode == 1 and "OPENAI_API_KEY" in done.stderr


def test_secrets_from_files(llmgw, provider, tmp_path):
    upstream = provider()
    (tmp_path / "key").write_text("sk-from-a-file\n")
    config = json.loads(configuration(upstream.url))
    config["providers"][0]["api_key"] = "${file:key}"
    gateway = llmgw(text=json.dumps(config))
    with gateway.connect() as client:
        client.sendall(post(chat()))
        assert Answer(client).status == 200
    assert b"Bearer sk-from-a-file\r\n" in upstream.requests[0].head
    assert "sk-from-a-file" not in gateway.stderr()


def test_listen_beyond_this_machine_needs_the_configuration(tmp_path):
    config = tmp_path / "gateway.yaml"
    config.write_text(configuration())
    done = run("-c", config, "--listen", "0.0.0.0:0")
    assert done.returncode == 1 and "beyond this machine" in done.stderr


def test_an_address_in_use_is_an_error(llmgw, tmp_path):
    gateway = llmgw()
    config = tmp_path / "second.yaml"
    config.write_text(configuration(None, {"listen": ["%s:%d" % gateway.address]}))
    done = run("-c", config)
    assert done.returncode == 1 and "in use" in done.stderr


def test_ipv6_and_unix_sockets(llmgw, tmp_path):
    path = tmp_path / "gw.sock"
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()
    gateway = llmgw(
        server={"listen": ["127.0.0.1:0", "[::1]:0", f"unix:{path}"], "workers": 2}
    )
    port = int(gateway.urls[1].rsplit(":", 1)[1].split("/")[0])
    assert oct(path.stat().st_mode & 0o777) == "0o660"
    for _ in range(8):
        for client in [socket.create_connection(("::1", port)), socket.socket(socket.AF_UNIX)]:
            with client:
                if client.family == socket.AF_UNIX:
                    client.connect(str(path))
                client.sendall(LIVE)
                assert Answer(client).status == 200
    gateway.signal(signal.SIGTERM)
    assert gateway.wait() == 0
    assert not path.exists()


# ---- reload ------------------------------------------------------------------


def ask_model(gateway, model):
    with gateway.connect() as client:
        client.sendall(post(chat(model=model)))
        return Answer(client).status


def with_model(upstream, name):
    config = json.loads(configuration(upstream.url))
    config["models"] = [{"name": name, "provider": "p"}]
    return json.dumps(config)


def test_sighup_reloads(llmgw, provider):
    upstream = provider()
    gateway = llmgw(text=with_model(upstream, "old"))
    assert (ask_model(gateway, "old"), ask_model(gateway, "new")) == (200, 404)
    gateway.config.write_text(with_model(upstream, "new"))
    gateway.signal(signal.SIGHUP)
    gateway.await_line("reloaded")
    assert (ask_model(gateway, "old"), ask_model(gateway, "new")) == (404, 200)


def test_a_changed_file_reloads_by_itself(llmgw, provider):
    upstream = provider()
    gateway = llmgw(text=with_model(upstream, "old"))
    fresh = gateway.config.with_suffix(".new")
    fresh.write_text(with_model(upstream, "new"))
    fresh.rename(gateway.config)
    gateway.await_line("reloaded")
    assert ask_model(gateway, "new") == 200


def test_a_changed_secret_reloads_by_itself(llmgw, provider, tmp_path):
    upstream = provider()
    secret = tmp_path / "key"
    secret.write_text("sk-first\n")
    config = json.loads(with_model(upstream, "m"))
    config["providers"][0]["api_key"] = "${file:%s}" % secret
    gateway = llmgw(text=json.dumps(config))
    secret.write_text("sk-second\n")
    gateway.await_line("reloaded")
    assert ask_model(gateway, "m") == 200
    assert "sk-" not in gateway.stderr()


def test_check_finds_what_cannot_be_read(tmp_path):
    """A certificate or an authority that is not there is found before serving."""
    config = tmp_path / "gateway.yaml"
    for text, words in [
        ("providers:\n- {name: a, base_url: 'https://a/v1', ca_file: /no/ca}\n",
         ":2:48: '/no/ca' cannot be read: No such file"),
        (f"server: {{tls: {{cert: {tmp_path}, key: {config}}}}}\n"
         "providers:\n- {name: a, base_url: 'https://a/v1'}\n",
         "cannot be read: it is a directory"),
        (f"server: {{tls: {{cert: {config}, key: {config}}}}}\n"
         "providers:\n- {name: a, base_url: 'https://a/v1'}\n", "no start line"),
    ]:  # fmt: skip
        config.write_text(text)
        done = subprocess.run(
            [binary("LLMGW", "build/apps/llmgw/llmgw"), "check", config],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 1 and words in done.stderr, done.stderr


def test_a_bad_file_is_refused_and_the_old_one_goes_on(llmgw, provider):
    upstream = provider()
    gateway = llmgw(text=with_model(upstream, "old"))
    gateway.config.write_text("server:\n  nonsense: 1\n")
    gateway.signal(signal.SIGHUP)
    gateway.await_line("not reloaded")
    assert f"{gateway.config}:2:3" in gateway.stderr()
    assert ask_model(gateway, "old") == 200
    gateway.config.write_text(with_model(upstream, "new"))
    gateway.await_line("reloaded /")
    assert ask_model(gateway, "new") == 200


def test_what_needs_a_restart_is_said(llmgw):
    gateway = llmgw(server={"workers": 1})
    config = json.loads(gateway.config.read_text())
    config["server"].update(listen=["127.0.0.1:1"], workers=2)
    gateway.config.write_text(json.dumps(config))
    gateway.await_line("server.listen changes")
    gateway.await_line("server.workers changes")


def test_reload_under_load_fails_nothing(llmgw, provider):
    """Each reload brings another configuration, which comes into force."""
    upstream = provider()

    def renaming(number):
        config = json.loads(configuration(upstream.url, {"workers": 2}))
        config["models"] = [{"name": "m", "provider": "p", "model": f"real-{number}"}]
        return json.dumps(config)

    gateway = llmgw(text=renaming(0))
    load = Load(gateway.connect)
    for number in range(1, 11):
        time.sleep(0.1)
        fresh = gateway.config.with_suffix(".new")
        fresh.write_text(renaming(number))
        fresh.rename(gateway.config)
        gateway.signal(signal.SIGHUP)
        await_request(upstream, f"real-{number}")
    assert load.stop() > 100
    asked = [one.json()["model"] for one in upstream.requests]
    assert set(asked) == {f"real-{number}" for number in range(11)}
    # Each has its time: it is over when the next one but one begins.
    for number in range(9):
        last = len(asked) - asked[::-1].index(f"real-{number}")
        assert last <= asked.index(f"real-{number + 2}")


def await_request(upstream, model, seconds=5):
    """Until the provider was asked for this model."""
    deadline = time.monotonic() + seconds
    seen = 0
    while True:
        fresh = upstream.requests[seen:]
        if any(one.json()["model"] == model for one in fresh):
            return
        seen += len(fresh)
        assert time.monotonic() < deadline, f"never asked for {model}"
        time.sleep(0.005)


def test_the_log_can_be_rotated(llmgw):
    gateway = llmgw()
    gateway.ask(LIVE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    gateway.records(1)
    gateway.log_path.rename(gateway.log_path.with_suffix(".1"))
    gateway.signal(signal.SIGUSR1)
    deadline = time.monotonic() + 5
    while not gateway.log_path.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    gateway.ask(LIVE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert len(gateway.records(1)) == 1


# ---- drain -------------------------------------------------------------------


def test_term_lets_streams_finish(llmgw, provider):
    gateway = llmgw(provider().url)
    with gateway.connect() as stream, gateway.connect() as other:
        other.sendall(READY)
        assert Answer(other).status == 200
        stream.sendall(post(chat(stream=True, n=8, gap=0.25)))
        assert b" 200" in stream.recv(12)
        gateway.signal(signal.SIGTERM)
        gateway.await_line("draining")
        other.sendall(READY)
        answer = Answer(other)
        assert answer.status == 503 and answer.fields["connection"] == "close"
        await_refusal(gateway)
        assert b"[DONE]" in read_until_end_of_chunks(stream)
    assert gateway.wait() == 0


def await_refusal(gateway, seconds=5):
    """New connections are not accepted any more, by any worker."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            gateway.connect().close()
        except OSError:
            return
        time.sleep(0.02)
    pytest.fail("it still accepts")


def read_until_end_of_chunks(client):
    data = b""
    while not data.endswith(b"0\r\n\r\n"):
        piece = client.recv(65536)
        if not piece:
            break
        data += piece
    return data


def test_term_ends_idle_connections(llmgw):
    gateway = llmgw()
    with gateway.connect() as idle:
        idle.sendall(LIVE)
        Answer(idle)
        gateway.signal(signal.SIGTERM)
        start = time.monotonic()
        assert read_all(idle) == b""
        assert gateway.wait() == 0
        assert time.monotonic() - start < 4


def test_the_drain_timeout_ends_what_is_left(llmgw, provider):
    """A stream ends in an event that says why, who waits is told to ask again."""
    gateway = llmgw(provider().url, {"timeouts": {"drain": "1s"}})
    with gateway.connect() as stream, gateway.connect() as waiting:
        stream.sendall(post(chat(stream=True, n=100, gap=0.2)))
        stream.recv(12)
        waiting.sendall(post(chat(delay=10)))
        time.sleep(0.1)
        start = time.monotonic()
        gateway.signal(signal.SIGTERM)
        assert gateway.wait() == 0
        assert 0.9 < time.monotonic() - start < 3
        said = read_all(stream)
        assert b"shutting_down" in said and said.endswith(b"0\r\n\r\n")
        said = read_all(waiting)
        assert b" 503 " in said and b"shutting_down" in said
    assert {r["ending"] for r in gateway.records()[-2:]} == {"cut", "refused"}


def test_a_second_signal_ends_at_once(llmgw, provider):
    gateway = llmgw(provider().url)
    with gateway.connect() as stream:
        stream.sendall(post(chat(stream=True, n=100, gap=0.2)))
        stream.recv(12)
        gateway.signal(signal.SIGINT)
        gateway.await_line("draining")
        gateway.signal(signal.SIGTERM)
        start = time.monotonic()
        gateway.wait()
        assert time.monotonic() - start < 2


def test_http2_is_told_to_go(llmgw, provider):
    """GOAWAY at once, the stream to its end, then the connection's end. (The
    frames are read by hand: python-h2 takes no DATA after GOAWAY.)"""
    pytest.importorskip("h2.connection")
    from test_server_http2 import DATA, GOAWAY, Client, frames_of, post_fields

    gateway = llmgw(provider().url)
    with Client(gateway) as client:
        stream = client.open(post_fields(), chat(stream=True, n=8, gap=0.25))
        while stream not in client.status:
            client.pump()
        gateway.signal(signal.SIGTERM)
        data = read_all(client.socket)
    frames = frames_of(data)
    kinds = [kind for kind, _ in frames]
    assert kinds.index(GOAWAY) < len(kinds) - 1 - kinds[::-1].index(DATA)
    assert {p[4:8] for kind, p in frames if kind == GOAWAY} == {bytes(4)}
    assert b"[DONE]" in data
    assert gateway.wait() == 0


def test_term_under_load_answers_all_that_was_accepted(llmgw, provider):
    """Clients that ask on a connection each: an answer, or no connection."""
    gateway = llmgw(provider().url, {"workers": 2})
    refused, broken, served = [], [], []
    going = True
    request = post(chat(), extra=b"Connection: close\r\n")

    def ask():
        while going:
            try:
                client = gateway.connect()
            except OSError:
                refused.append(1)
                time.sleep(0.01)
                continue
            with client:
                try:
                    client.sendall(request)
                    served.append(Answer(client).status)
                except (OSError, EOFError) as error:
                    broken.append(repr(error))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    gateway.signal(signal.SIGTERM)
    assert gateway.wait() == 0
    going = False
    for thread in threads:
        thread.join()
    assert len(served) > 50 and set(served) == {200}
    assert not broken


def test_term_answers_what_waits_in_the_queue(llmgw):
    """Connections that the kernel has taken, but the gateway has not yet."""
    gateway = llmgw(server={"workers": 1})
    gateway.signal(signal.SIGSTOP)
    clients = [gateway.connect() for _ in range(700)]
    for client in clients:
        client.sendall(LIVE)
    gateway.signal(signal.SIGTERM)
    gateway.signal(signal.SIGCONT)
    for client in clients:
        with client:
            assert Answer(client).status == 200
    assert gateway.wait() == 0


def test_term_answers_the_queue_beyond_the_maximum(llmgw, provider):
    gateway = llmgw(provider().url, {"workers": 1, "limits": {"connections": 2}})
    busy = [gateway.connect() for _ in range(2)]
    for client in busy:
        client.sendall(post(chat(delay=1)))
    time.sleep(0.2)
    with gateway.connect() as waiting:
        waiting.sendall(LIVE)
        time.sleep(0.2)
        gateway.signal(signal.SIGTERM)
        assert Answer(waiting).status == 200
    for client in busy:
        with client:
            assert Answer(client).status == 200
    assert gateway.wait() == 0


# ---- take-over ---------------------------------------------------------------


def succeed(llmgw, gateway, control, *more):
    """Starts the successor and waits for the predecessor's end."""
    successor = llmgw(
        text="", path=gateway.config,
        args=["--take-over", str(control), "--control", str(control), *more],
    )
    gateway.await_line("handed the sockets")
    assert successor.urls == gateway.urls
    return successor


@pytest.mark.parametrize("workers", [(2, 2), (2, 1), (1, 2)])
def test_take_over_under_load_fails_nothing(llmgw, provider, tmp_path, workers):
    control = tmp_path / "control.sock"
    upstream = provider()
    gateway = llmgw(
        upstream.url, {"workers": workers[0]}, args=["--control", str(control)]
    )
    assert oct(control.stat().st_mode & 0o777) == "0o600"
    kept = Load(gateway.connect, 4)
    fresh = Load(gateway.connect, 4, post(chat(), extra=b"Connection: close\r\n"))
    with gateway.connect() as stream:
        stream.sendall(post(chat(stream=True, n=10, gap=0.2)))
        time.sleep(0.5)
        config = json.loads(gateway.config.read_text())
        config["server"].update(workers=workers[1])
        gateway.config.write_text(json.dumps(config))
        successor = succeed(llmgw, gateway, control)
        assert b"[DONE]" in read_until_end_of_chunks(stream)
    assert gateway.wait() == 0
    before = fresh.done
    time.sleep(0.5)
    assert fresh.done > before
    kept.stop()
    fresh.stop()
    third = succeed(llmgw, successor, control)
    assert successor.wait() == 0
    third.signal(signal.SIGTERM)
    assert third.wait() == 0
    assert not control.exists()


@pytest.mark.parametrize("shared", [False, True])
def test_a_successor_knows_what_its_predecessor_books(llmgw, provider, tmp_path, shared):
    """A stream that began before the take-over counts after it."""
    control, key = tmp_path / "control.sock", make_key()
    config = json.loads(configuration(provider().url))
    config["keys"] = [{"name": "k", "key": key, "limits": {"requests_day": 5}}]
    config["store"] = {"path": str(tmp_path / "store.db"), "share_limits": shared}
    gateway = llmgw(text=json.dumps(config), args=["--control", str(control)])
    extra = f"authorization: Bearer {key}\r\n".encode()

    def ask(one):
        with one.connect() as client:
            client.sendall(post(chat(), extra=extra))
            return Answer(client).status

    assert [ask(gateway), ask(gateway)] == [200, 200]
    with gateway.connect() as stream:
        stream.sendall(post(chat(stream=True, n=15, gap=0.2), extra=extra))
        time.sleep(0.5)
        successor = succeed(llmgw, gateway, control)
        assert ask(successor) == 200
        assert b"[DONE]" in read_until_end_of_chunks(stream)
    assert gateway.wait() == 0
    successor.await_line("the predecessor has ended")
    time.sleep(0.5)
    assert [ask(successor), ask(successor)] == [200, 429]


def test_take_over_keeps_unix_sockets_and_tls_sessions(llmgw, tmp_path):
    from test_server_tls import Authority, connect, context, resume

    authority = Authority(tmp_path / "ca")
    cert, key = authority.issue("server", "first")
    path, control = tmp_path / "gw.sock", tmp_path / "control.sock"
    gateway = llmgw(
        server={
            "listen": ["127.0.0.1:0", f"unix:{path}"],
            "tls": {"cert": str(cert), "key": str(key)},
        },
        args=["--control", str(control)],
    )
    tls = context(authority)
    session = resume(gateway, tls, None)[1]
    successor = llmgw(
        text="", path=gateway.config, server={"listen": [1, 2]},
        args=["--take-over", str(control)],
    )
    assert gateway.wait() == 0
    assert resume(successor, tls, session)[0]
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(LIVE)
        assert Answer(client).status == 200
    assert not control.exists()


def test_a_successor_that_fails_changes_nothing(llmgw, provider, tmp_path):
    control, path = tmp_path / "control.sock", tmp_path / "gw.sock"
    gateway = llmgw(
        provider().url, {"listen": ["127.0.0.1:0", f"unix:{path}"]},
        args=["--control", str(control)],
    )
    config = json.loads(gateway.config.read_text())
    config["server"]["access_log"] = "/nonexistent/log"
    bad = tmp_path / "bad.yaml"
    bad.write_text(json.dumps(config))
    done = run("-c", bad, "--take-over", control)
    assert done.returncode == 1
    gateway.await_line("the successor went away")
    with gateway.connect() as client, socket.socket(socket.AF_UNIX) as local:
        local.connect(str(path))
        for one in (client, local):
            one.sendall(LIVE)
            assert Answer(one).status == 200
    succeed_config = tmp_path / "good.yaml"
    succeed_config.write_text(gateway.config.read_text())
    successor = llmgw(
        text="", path=succeed_config, server={"listen": [1, 2]},
        args=["--take-over", str(control)],
    )
    assert gateway.wait() == 0
    assert successor.urls == gateway.urls


def test_a_stranger_at_the_control_socket_gets_nothing(llmgw, tmp_path):
    control = tmp_path / "control.sock"
    gateway = llmgw(args=["--control", str(control)])
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        client.settimeout(10)
        client.connect(str(control))
        client.send(b"hello?")
        assert client.recv(65536) == b""
    gateway.await_line("not a successor")
    with gateway.connect() as client:
        client.sendall(LIVE)
        assert Answer(client).status == 200


def test_nobody_to_take_over_from(tmp_path):
    config = tmp_path / "gateway.yaml"
    config.write_text(configuration())
    done = run("-c", config, "--take-over", tmp_path / "none.sock")
    assert done.returncode == 1 and "--take-over" in done.stderr
