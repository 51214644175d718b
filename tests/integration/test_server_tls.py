# SPDX-License-Identifier: Apache-2.0
"""TLS of the server: versions, protocols, resumption, client certificates,
and new certificates under connections that go on."""

import json
import shutil
import socket
import ssl
import subprocess
import time

import pytest

from conftest import Answer, chat, event, post, read_all

LIVE = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Authority:
    """Issues certificates with the openssl command."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.cert, self.key = self.folder / "ca.pem", self.folder / "ca.key"
        self._run(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-keyout", self.key, "-out", self.cert, "-days", "2",
            "-subj", "/CN=test authority",
        )

    @staticmethod
    def _run(*args):
        subprocess.run(
            ["openssl", *map(str, args)], check=True, stderr=subprocess.DEVNULL
        )

    def issue(self, name, subject):
        cert, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        request = self.folder / f"{name}.csr"
        extension = self.folder / f"{name}.ext"
        extension.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        self._run(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", key, "-out", request, "-subj", f"/CN={subject}",
        )
        self._run(
            "x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key,
            "-CAcreateserial", "-days", "2", "-extfile", extension, "-out", cert,
        )
        return cert, key


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "ca")


@pytest.fixture
def settings(authority):
    cert, key = authority.issue("server", "first")
    return {"tls": {"cert": str(cert), "key": str(key)}}


def context(authority, client=None, alpn=("http/1.1",)):
    made = ssl.create_default_context(cafile=authority.cert)
    made.set_alpn_protocols(list(alpn))
    if client:
        made.load_cert_chain(*client)
    return made


def connect(gateway, tls, session=None):
    plain = socket.create_connection(gateway.address, timeout=10)
    return tls.wrap_socket(plain, server_hostname="localhost", session=session)


def subject(client):
    for part in client.getpeercert()["subject"]:
        for name, value in part:
            if name == "commonName":
                return value


def test_a_request_over_tls(llmgw, provider, authority, settings):
    gateway = llmgw(provider().url, settings)
    with connect(gateway, context(authority)) as client:
        assert client.version() == "TLSv1.3"
        for size in (10, 100000, 2000000):
            client.sendall(post(chat(size=size, padding="y" * size)))
            answer = Answer(client)
            assert answer.status == 200 and len(answer.json()["padding"]) == size
        client.sendall(post(chat(stream=True, n=20)))
        assert Answer(client).body.startswith(event(0) + event(1))
        client.sendall(LIVE * 10)
        left = b""
        for _ in range(10):
            answer = Answer(client, left)
            left = answer.left
            assert answer.status == 200


def test_tls12_only_where_it_is_allowed(llmgw, authority, settings):
    old = context(authority)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    gateway = llmgw(server=settings)
    with pytest.raises(ssl.SSLError):
        connect(gateway, old)
    settings["tls"]["min_version"] = "1.2"
    gateway = llmgw(server=settings)
    with connect(gateway, old) as client:
        assert client.version() == "TLSv1.2"
        client.sendall(LIVE)
        assert Answer(client).status == 200


def test_the_protocol_is_agreed(llmgw, authority, settings):
    gateway = llmgw(server=settings)
    for offered, chosen in [
        (("h2", "http/1.1"), "h2"),
        (("http/1.1", "h2"), "h2"),
        (("http/1.1",), "http/1.1"),
    ]:
        with connect(gateway, context(authority, alpn=offered)) as client:
            assert client.selected_alpn_protocol() == chosen
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        connect(gateway, context(authority, alpn=("spdy/1",)))
    off = llmgw(server={**settings, "http2": False})
    with connect(off, context(authority, alpn=("h2", "http/1.1"))) as client:
        assert client.selected_alpn_protocol() == "http/1.1"


def test_hsts(llmgw, authority, settings):
    settings["tls"]["hsts"] = "365d"
    gateway = llmgw(server=settings)
    with connect(gateway, context(authority)) as client:
        client.sendall(LIVE)
        fields = Answer(client).fields
    assert fields["strict-transport-security"] == "max-age=31536000"


def resume(gateway, tls, session):
    """A second connection: (was it resumed, its session)."""
    with connect(gateway, tls, session) as client:
        client.sendall(LIVE)
        assert Answer(client).status == 200
        return client.session_reused, client.session


def test_sessions_resume_with_any_worker_and_after_reload(llmgw, authority, settings):
    gateway = llmgw(server={**settings, "workers": 2})
    tls = context(authority)
    reused, session = resume(gateway, tls, None)
    assert not reused
    for _ in range(8):
        reused, session = resume(gateway, tls, session)
        assert reused
    gateway.config.touch()
    gateway.signal(1)
    gateway.await_line("reloaded")
    time.sleep(0.2)
    assert resume(gateway, tls, session)[0]


def test_plain_http_to_a_tls_port_ends(llmgw, settings):
    gateway = llmgw(server=settings)
    assert b"HTTP/1.1 200" not in gateway.ask(LIVE)


def test_a_handshake_that_stalls_is_timed_out(llmgw, settings):
    gateway = llmgw(server={**settings, "timeouts": {"header": "1s"}})
    with gateway.connect() as client:
        client.sendall(b"\x16\x03\x01")
        start = time.monotonic()
        read_all(client)
        assert 0.8 < time.monotonic() - start < 2.5


def test_client_certificates(llmgw, authority, settings, tmp_path):
    stranger = Authority(tmp_path / "other")
    ours = authority.issue("client", "client")
    theirs = stranger.issue("client", "stranger")
    for auth, accepts in [
        ("require", {"none": False, "ours": True, "theirs": False}),
        ("optional", {"none": True, "ours": True, "theirs": False}),
    ]:
        settings["tls"].update(client_ca=str(authority.cert), client_auth=auth)
        gateway = llmgw(server=settings)
        for who, cert in [("none", None), ("ours", ours), ("theirs", theirs)]:
            try:
                with connect(gateway, context(authority, cert)) as client:
                    client.sendall(LIVE)
                    served = Answer(client).status == 200
            except (ssl.SSLError, OSError, EOFError):
                served = False
            assert served == accepts[who], f"{auth}: {who}"


def test_a_ticket_does_not_outlive_its_authority(llmgw, authority, settings, tmp_path):
    """Who vouches for clients has changed: old sessions vouch for nothing."""
    trusted = tmp_path / "trusted.pem"
    shutil.copy(authority.cert, trusted)
    settings["tls"].update(client_ca=str(trusted), client_auth="require")
    gateway = llmgw(server=settings)
    tls = context(authority, authority.issue("client", "client"))
    session = resume(gateway, tls, None)[1]
    assert resume(gateway, tls, session)[0]
    shutil.copy(Authority(tmp_path / "other").cert, trusted)
    gateway.signal(1)
    gateway.await_line("reloaded")
    time.sleep(0.2)
    with pytest.raises((ssl.SSLError, OSError, EOFError)):
        resume(gateway, tls, session)


def test_a_new_certificate_is_taken_without_dropping_anybody(
    llmgw, provider, authority, settings
):
    gateway = llmgw(provider().url, settings)
    tls = context(authority)
    old = connect(gateway, tls)
    assert subject(old) == "first"
    old.sendall(post(chat(stream=True, n=8, gap=0.5)))
    cert, key = authority.issue("second", "second")
    shutil.copy(key, settings["tls"]["key"])
    shutil.copy(cert, settings["tls"]["cert"])
    gateway.await_line("read the certificates again")
    time.sleep(0.2)
    with connect(gateway, tls) as fresh:
        assert subject(fresh) == "second"
    assert b"[DONE]" in Answer(old).body
    old.sendall(LIVE)
    assert Answer(old).status == 200
    old.close()


def test_a_bad_certificate_changes_nothing(llmgw, authority, settings):
    gateway = llmgw(server=settings)
    with open(settings["tls"]["cert"], "w") as file:
        file.write("nonsense")
    gateway.await_line("certificates not reloaded")
    with connect(gateway, context(authority)) as client:
        assert subject(client) == "first"


def test_a_key_of_another_certificate_is_refused(llmgw, authority, settings):
    settings["tls"]["key"] = str(authority.issue("other", "other")[1])
    with pytest.raises(AssertionError, match="did not start"):
        llmgw(server=settings)


def test_a_client_that_leaves_over_tls_ends_its_call(llmgw, provider, authority, settings):
    from test_server_http1 import endless
    import threading

    gone = threading.Event()
    gateway = llmgw(provider(endless(gone)).url, settings)
    client = connect(gateway, context(authority))
    client.sendall(post(chat(stream=True)))
    client.recv(100)
    client.close()
    assert gone.wait(2)


def test_a_slow_tls_reader_is_served_whole(llmgw, provider, authority, settings):
    gateway = llmgw(provider().url, settings)
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    plain.settimeout(20)
    plain.connect(gateway.address)
    with context(authority).wrap_socket(plain, server_hostname="localhost") as client:
        client.sendall(post(chat(size=3000000)))
        time.sleep(1)
        assert len(Answer(client).json()["padding"]) == 3000000


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_curl(llmgw, provider, authority, settings):
    gateway = llmgw(provider().url, settings)
    for version in ("--http1.1", "--http2"):
        done = subprocess.run(
            ["curl", "-sS", version, "--cacert", authority.cert,
             f"https://localhost:{gateway.address[1]}/v1/chat/completions",
             "-H", "content-type: application/json", "-d", chat()],
            capture_output=True, timeout=20,
        )
        assert json.loads(done.stdout)["choices"], done.stderr
