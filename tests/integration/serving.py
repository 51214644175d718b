# SPDX-License-Identifier: Apache-2.0
"""What the tests with a provider behind llmgw share: llmsim as that provider,
gateways in front of it, and certificates for both.

A module's fixture starts them once (`with Serving(folder) as serving: …`);
most tests here look at the answer and at what the provider counted.
"""

import contextlib
import http.client
import itertools
import json
import os
import pathlib
import re
import socket
import ssl
import subprocess
import threading
import time

from conftest import Gateway, Process, binary, without_checks

KEY = "sk-provider-secret-0123456789"


NUMBERS = itertools.count(1)


class Sim:
    """One llmsim on a free port."""

    def __init__(self, *args, host="127.0.0.1"):
        self.process = subprocess.Popen(
            [
                binary("LLMSIM", "build/apps/llmsim/llmsim"),
                *("--listen", f"{host}:0", "--print-address", *args),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        where = json.loads(self.process.stdout.readline())
        self.origin, self.port = where["url"], where["port"]
        self.host = where["host"]
        self.url = self.origin + "/v1"
        self.tls = self.origin.startswith("https:")
        # One connection for questions, so that they do not add to the count.
        if self.tls:
            trust = ssl._create_unverified_context()
            self.control = http.client.HTTPSConnection(
                self.host, self.port, timeout=20, context=trust
            )
        else:
            self.control = http.client.HTTPConnection(self.host, self.port, timeout=20)

    def stop(self):
        self.control.close()
        self.process.terminate()
        self.process.wait(5)
        self.process.stdout.close()

    def call(self, method, path, body=None, headers=None):
        """Straight to the simulator: status, fields, body."""
        return call(self.host, self.port, method, path, body, headers)

    def ask(self, method, path):
        self.control.request(method, path)
        return json.loads(self.control.getresponse().read())

    def stats(self):
        return self.ask("GET", "/sim/stats")

    def reset(self):
        self.ask("POST", "/sim/reset")

    def last(self):
        """The last request: method, target, body (bytes, if it is not too
        large); headers as a mapping."""
        last = self.ask("GET", "/sim/last")
        last["body"] = last.get("body", "").encode("latin-1")
        last["headers"] = {name.lower(): value for name, value in last["headers"]}
        return last

    def wait_for(self, seconds=5.0, **counters):
        deadline = time.monotonic() + seconds
        while True:
            stats = self.stats()
            if all(stats[name] == value for name, value in counters.items()):
                return stats
            assert time.monotonic() < deadline, (counters, stats)
            time.sleep(0.01)


def call(host, port, method, path, body=None, headers=None):
    """One request on a connection of its own: status, fields, body."""
    connection = http.client.HTTPConnection(host.strip("[]"), port, timeout=20)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        fields = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, fields, answer.read()
    finally:
        connection.close()


class Served(Gateway):
    """A gateway and what one asks it in short."""

    def call(self, method, path, body=None, headers=None):
        self.last_id = f"test-{next(NUMBERS)}"
        fields = {"x-request-id": self.last_id} | (headers or {})
        return call(*self.address, method, path, body, fields)

    def record(self):
        """The log's line about the last call, however that ended."""
        return self.record_of(self.last_id)

    def post(self, path, body, headers=None):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        fields = {"content-type": "application/json", **(headers or {})}
        return self.call("POST", path, body, fields)

    def chat(self, model="gpt-4o", headers=None, **members):
        body = {"model": model, "messages": [{"role": "user", "content": "Hi"}]}
        return self.post("/v1/chat/completions", body | members, headers)

    def stream(self, model="gpt-4o", headers=None, **members):
        """The body of a stream, which must have its proper HTTP end."""
        status, fields, body = self.chat(model, headers, stream=True, **members)
        assert status == 200, body
        assert fields["content-type"].startswith("text/event-stream")
        return body

    def error(self, *args, **members):
        """(status, error) of a chat request that fails."""
        status, fields, body = self.chat(*args, **members)
        error = json.loads(body)["error"]
        assert error["type"] and error["message"] and fields["x-request-id"]
        assert "sk-" not in body.decode()
        return status, error

    def metrics(self):
        status, _, text = self.call("GET", "/metrics")
        assert status == 200
        return text.decode()

    def record_of(self, request_id, seconds=5):
        """The log's line about one request."""
        deadline = time.monotonic() + seconds
        while True:
            for record in self.records(0):
                if record.get("request_id") == request_id:
                    return record
            assert time.monotonic() < deadline, request_id
            time.sleep(0.02)


class Listener:
    """A server in this process: `handler(connection)` in a thread for each
    connection, over TLS if there is a context."""

    def __init__(self, handler, context=None):
        self.handler, self.context = handler, context
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.origin = f"http{'s' if context else ''}://127.0.0.1:{self.port}"
        self.url = self.origin + "/v1"
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(
                target=self._serve, args=(connection,), daemon=True
            ).start()

    def _serve(self, connection):
        connection.settimeout(20)
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            self.handler(connection)
        except OSError:
            pass  # the peer has gone
        finally:
            connection.close()

    def stop(self):
        # A thread in accept() keeps the socket open: shutting down wakes it.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def read_head(connection, data=b""):
    """A request's head, and what came behind it; (None, b"") at the end."""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return None, b""
        data += piece
    head, rest = data.split(b"\r\n\r\n", 1)
    return head, rest


def read_request(connection, data=b""):
    """Head, body (by Content-Length or chunked), what came behind them."""
    head, data = read_head(connection, data)
    if head is None:
        return None, b"", b""
    found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    if b"transfer-encoding: chunked" not in head.lower():
        size = int(found.group(1)) if found else 0
        while len(data) < size:
            data += more(connection)
        return head, data[:size], data[size:]
    body = b""
    while True:
        while b"\r\n" not in data:
            data += more(connection)
        line, data = data.split(b"\r\n", 1)
        size = int(line, 16)
        while len(data) < size + 2:
            data += more(connection)
        body, data = body + data[:size], data[size + 2 :]
        if size == 0:
            return head, body, data


def more(connection):
    piece = connection.recv(1 << 18)
    if not piece:
        raise ConnectionResetError("the request was cut short")
    return piece


def speaks(answer):
    """A handler for a Listener: `answer(head, body)` gives the answer's bytes."""

    def handler(connection):
        data = b""
        while True:
            head, body, data = read_request(connection, data)
            if head is None:
                return
            connection.sendall(answer(head, body))

    return handler


def speaks_json(answer):
    """The same: `answer(head, body)` gives status and value."""

    def bytes_of(head, body):
        status, value = answer(head, body)
        text = json.dumps(value).encode()
        return (
            b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\n" % status
            + b"content-length: %d\r\n\r\n" % len(text)
            + text
        )

    return speaks(bytes_of)


class Serving:
    """Starts simulators and gateways, and stops them all at the end."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.started = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.ExitStack() as stack:  # each, also when one complains
            for one in self.started:
                stack.callback(one.stop)

    def sim(self, *args, **kwargs):
        self.started.append(Sim(*args, **kwargs))
        return self.started[-1]

    def listener(self, *args, **kwargs):
        self.started.append(Listener(*args, **kwargs))
        return self.started[-1]

    def gateway(self, providers, models=None, server=None, env=None, **sections):
        """A gateway before `providers`: a mapping of names to what differs
        from the usual (None: is not there). `sections` (keys, auth, …) go to the file as they are."""
        log = self.folder / f"access-{len(self.started)}.log"
        settings = {"listen": ["127.0.0.1:0"], "access_log": str(log)}
        settings |= server or {}
        text = {
            "server": settings,
            "providers": [
                {
                    key: value
                    for key, value in ({"name": name, "api_key": KEY} | more).items()
                    if value is not None
                }
                for name, more in providers.items()
            ],
        }
        if models is not None:
            text["models"] = models
        text |= sections
        if "store" in text:  # many run at once: not all at the default address
            text.setdefault("admin", {"listen": "off"})
        # JSON is YAML.
        one = self.gateway_of(json.dumps(text, indent=1), env, len(settings["listen"]))
        assert one.log_path == log
        return one

    def gateway_of(self, text, env=None, listeners=1):
        """A gateway with this configuration."""
        number = len(self.started)
        config = self.folder / f"gateway-{number}.yaml"
        config.write_text(without_checks(text))
        one = Served(
            [binary("LLMGW", "build/apps/llmgw/llmgw"), "-c", str(config)],
            {**os.environ, **(env or {})},
            listeners,
            self.folder / f"access-{number}.log",
        )
        one.config = config
        self.started.append(one)
        return one

    def gateway_from_environment(self, env):
        """`llmgw` without a file. Keys of the caller's are not for tests."""
        log = self.folder / f"access-{len(self.started)}.log"
        clean = {
            name: value
            for name, value in os.environ.items()
            if not re.search("_(API_KEY|BASE_URL)$", name)
        }
        one = Served(
            [binary("LLMGW", "build/apps/llmgw/llmgw"), "--listen", "127.0.0.1:0"],
            clean | env,
            1,
            log,
        )
        self.started.append(one)
        return one


class Authority:
    """Issues certificates with the openssl command."""

    def __init__(self, folder, name="authority"):
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir()
        self.cert, self.key = self.folder / "ca.pem", self.folder / "ca.key"
        self._run(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt"),
            *("ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key),
            *("-out", self.cert, "-days", "2", "-subj", f"/CN={name}"),
        )

    @staticmethod
    def _run(*args):
        subprocess.run(
            ["openssl", *map(str, args)], check=True, stderr=subprocess.DEVNULL
        )

    def issue(self, name, *subjects, days=2):
        """Certificate and key for names such as "DNS:localhost"."""
        cert, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        request, extension = self.folder / "csr", self.folder / "ext"
        extension.write_text(f"subjectAltName={','.join(subjects)}\n")
        self._run(
            *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-keyout", key, "-out", request, "-subj", f"/CN={name}"),
        )
        self._run(
            *("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey"),
            *(self.key, "-CAcreateserial", "-days", days, "-extfile", extension),
            *("-out", cert),
        )
        return cert, key


def is_sanitized(process):
    """Sanitizers take memory and time of their own."""
    program = pathlib.Path(f"/proc/{process.pid}/exe").read_bytes()
    return b"__asan_init" in program or b"__tsan_init" in program


def resident_kib(process):
    text = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text).group(1))


def events_of(body):
    """The events of a stream, as text; each must be complete."""
    text = body.decode()
    assert text.endswith("\n\n"), text[-200:]
    return text[:-2].split("\n\n")


__all__ = [
    "KEY",
    "Authority",
    "Listener",
    "Process",
    "Served",
    "Serving",
    "Sim",
    "call",
    "events_of",
    "is_sanitized",
    "read_head",
    "read_request",
    "resident_kib",
]
