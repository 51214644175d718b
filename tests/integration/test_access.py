# SPDX-License-Identifier: Apache-2.0
"""Who may call: every refusal with its status and words, where a credential may
stand, addresses, roles, model lists, certificates, new files under calls that
go on. Names of incidents say what a test stands for."""

import base64
import hashlib
import hmac
import http.client
import json
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import time

import openai
import pytest

from conftest import ROOT, binary
from keys import bearer, make_key
from serving import KEY, Authority, Serving

PEPPER = "a pepper of more than 16 bytes"
NAMES = [
    *("plain", "hashed", "narrow", "old", "young", "off", "here", "elsewhere"),
    *("not_here", "admin", "auditor", "service", "team"),
]
KEYS = {name: make_key() for name in NAMES}


def key_hash(key):
    """What `hash` holds: BLAKE2b-256 of the pepper, made 32 bytes, and the key."""
    pepper = hashlib.blake2b(PEPPER.encode(), digest_size=32).digest()
    return hashlib.blake2b(pepper + key.encode(), digest_size=32).hexdigest()


def sections():
    more = {
        "hashed": {"hash": key_hash(KEYS["hashed"])},
        "narrow": {"models": ["gpt-4o", "mini-*"], "routes": ["chat", "audio"]},
        "old": {"expires": "2024-01-31"},
        "young": {"expires": "2099-12-31T12:00:00Z"},
        "off": {"disabled": True},
        "here": {"allow": ["127.0.0.0/8", "192.0.2.7"]},
        "elsewhere": {"allow": "203.0.113.0/24"},
        "not_here": {"deny": ["198.51.100.0/24"]},
        "admin": {"role": "admin"},
        "auditor": {"role": "auditor"},
        "service": {"role": "service"},
        "team": {"role": "admin", "organisation": "acme"},
    }
    keys = []
    for name, key in KEYS.items():
        one = {"name": name, "key": key} | more.get(name, {})
        if "hash" in one:
            del one["key"]
        keys.append(one)
    return {
        "auth": {"pepper": PEPPER, "trusted_proxies": ["127.0.0.1", "10.0.0.0/8"]},
        "keys": keys,
    }


MODELS = [
    {"name": "gpt-4o", "provider": "p"},
    {"name": "fast", "provider": "p", "model": "gpt-4o-mini"},
    {"name": "mini-*", "provider": "p"},
    {"name": "sim-*", "provider": "p"},
]


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    with Serving(tmp_path_factory.mktemp("access")) as made:
        yield made


@pytest.fixture(scope="module")
def sim(serving):
    return serving.sim()


@pytest.fixture(scope="module")
def gateway(serving, sim):
    return serving.gateway({"p": {"base_url": sim.url}}, MODELS, **sections())


def refusal(answer):
    status, fields, body = answer
    return status, json.loads(body)["error"]["code"], fields.get("www-authenticate")


def test_every_refusal_of_a_credential(gateway, sim):
    before = sim.stats()["requests"]
    unknown, broken = make_key(), KEYS["plain"][:-1] + "!"
    invalid = 'Bearer error="invalid_token"'
    for headers, status, code, challenge in [
        ({}, 401, "missing_credential", "Bearer"),
        ({"authorization": ""}, 401, "bad_credential", "Bearer"),
        ({"authorization": "Basic eDp5"}, 401, "bad_credential", "Bearer"),
        ({"authorization": KEYS["plain"]}, 401, "bad_credential", "Bearer"),
        ({"authorization": "Bearer"}, 401, "bad_credential", "Bearer"),
        (bearer("sk-1234"), 401, "key_malformed", invalid),
        (bearer(broken), 401, "key_malformed", invalid),
        (bearer(unknown), 401, "key_unknown", invalid),
        (bearer(KEYS["old"]), 401, "key_expired", invalid),
        (bearer(KEYS["off"]), 401, "key_disabled", invalid),
        (bearer(KEYS["elsewhere"]), 403, "address_denied", None),
        (bearer("' OR '1'='1' --"), 401, "key_malformed", invalid),
    ]:
        got = refusal(gateway.chat(headers=headers))
        assert got[:2] == (status, code), (headers, got)
        assert (got[2] or "").startswith(challenge or ""), (headers, got)
        assert (got[2] is None) == (challenge is None), (headers, got)
    assert sim.stats()["requests"] == before


def test_a_credential_may_stand_in_three_places(gateway):
    for key in ("plain", "hashed", "young", "here", "service"):
        for headers in (
            bearer(KEYS[key]),
            {"authorization": f"bearer  {KEYS[key]} "},
            {"x-api-key": KEYS[key]},
            {"api-key": KEYS[key]},
            {"x-api-key": KEYS[key], "authorization": f"Bearer {KEYS[key]}"},
        ):
            assert gateway.chat(headers=headers)[0] == 200
            assert gateway.record()["key"] == key


def test_two_credentials_that_differ_are_none(gateway):
    both = {"x-api-key": KEYS["plain"], "authorization": f"Bearer {KEYS['admin']}"}
    assert refusal(gateway.chat(headers=both))[:2] == (401, "bad_credential")
    raw = (
        f"GET /v1/models HTTP/1.1\r\nHost: x\r\nauthorization: Bearer {KEYS['plain']}"
        f"\r\nauthorization: Bearer {KEYS['admin']}\r\nconnection: close\r\n\r\n"
    )
    assert b" 401 " in gateway.ask(raw.encode()).split(b"\r\n")[0]


def test_over_http2(gateway):
    def ask(*fields):
        return subprocess.run(
            ["curl", "-s", "--http2-prior-knowledge", "-w", "%{http_code}"]
            + [part for field in fields for part in ("-H", field)]
            + [gateway.url + "/v1/models/gpt-4o"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert ask().endswith("401")
    assert ask(f"Authorization: Bearer {KEYS['plain']}").endswith("200")
    assert ask(f"X-Api-Key: {KEYS['narrow']}").endswith("200")
    assert ask(f"Authorization: Bearer {KEYS['off']}").endswith("401")


def test_openai_sees_its_own_exceptions(gateway):
    def client(key):
        return openai.OpenAI(
            api_key=key, base_url=gateway.url + "/v1", max_retries=0, timeout=10
        )

    def ask(key, model="gpt-4o"):
        return client(key).chat.completions.create(
            model=model, messages=[{"role": "user", "content": "Hi"}]
        )

    assert ask(KEYS["plain"]).choices
    with pytest.raises(openai.AuthenticationError):
        ask(make_key())
    with pytest.raises(openai.PermissionDeniedError):
        ask(KEYS["narrow"], "fast")
    with pytest.raises(openai.NotFoundError):
        ask(KEYS["plain"], "gpt-5o")
    assert {m.id for m in client(KEYS["narrow"]).models.list()} == {"gpt-4o"}
    assert client(KEYS["narrow"]).models.retrieve("gpt-4o").id == "gpt-4o"


# ---- addresses ------------------------------------------------------------


def forwarded(key, *lines):
    """Status with these lines of X-Forwarded-For, from a trusted proxy."""
    text = "".join(f"x-forwarded-for: {line}\r\n" for line in lines)
    return (
        f"GET /v1/models HTTP/1.1\r\nHost: x\r\n{text}authorization: Bearer "
        f"{KEYS[key]}\r\nconnection: close\r\n\r\n"
    ).encode()


def test_x_forwarded_for_is_walked_from_the_right(gateway):
    def status(key, *lines):
        return int(gateway.ask(forwarded(key, *lines)).split()[1])

    assert status("elsewhere", "203.0.113.9") == 200
    assert status("elsewhere", "203.0.113.9, 10.1.2.3") == 200
    assert status("elsewhere", "203.0.113.9", "10.1.2.3") == 200
    # Spoofed: what stands left of the first that is not trusted is a client's.
    assert status("elsewhere", "203.0.113.9, 192.0.2.1") == 403
    assert status("elsewhere", "203.0.113.9", "192.0.2.1, 10.1.2.3") == 403
    assert status("here", "127.0.0.1, 192.0.2.1") == 403
    assert status("here", "1.1.1.1, 192.0.2.7") == 200
    assert status("not_here", "198.51.100.5") == 403
    assert status("not_here", "1.1.1.1, 198.51.100.5, 10.0.0.1") == 403
    assert status("not_here", "198.51.100.5, 1.1.1.1") == 200


def test_an_address_nobody_can_tell_is_denied(gateway):
    """A chain without an end, or with rubbish in it, does not get round a list."""

    def status(key, *lines):
        return int(gateway.ask(forwarded(key, *lines)).split()[1])

    for lines in (
        ["rubbish"],
        ["198.51.100.5, rubbish"],
        [""],
        ["10.0.0.1"] * 40,
        [", ".join(["10.0.0.1"] * 40)],
    ):
        assert status("not_here", *lines) == 403, lines
        assert status("here", *lines) == 403, lines
        assert status("plain", *lines) == 200, lines


def test_x_forwarded_for_of_somebody_else_is_nothing(serving, sim):
    text = sections()
    text["auth"]["trusted_proxies"] = ["192.0.2.1"]
    gateway = serving.gateway({"p": {"base_url": sim.url}}, MODELS, **text)
    for line in ("203.0.113.9", "203.0.113.9, 192.0.2.1"):
        head = gateway.ask(forwarded("elsewhere", line))
        assert b" 403 " in head.split(b"\r\n")[0]
    assert b" 200 " in gateway.ask(forwarded("here", "8.8.8.8")).split(b"\r\n")[0]


# ---- what may be done ------------------------------------------------------


def test_metrics_are_for_those_who_run_the_gateway(gateway):
    for key, status in [
        *(("admin", 200), ("auditor", 200), ("plain", 403), ("service", 403)),
        ("team", 403),  # of one organisation; metrics are of all
    ]:
        assert gateway.call("GET", "/metrics", headers=bearer(KEYS[key]))[0] == status
    assert gateway.call("GET", "/metrics")[0] == 401
    assert gateway.call("GET", "/health/live")[0] == 200
    assert gateway.call("GET", "/health/ready")[0] == 200


def test_an_auditor_looks_and_does_not_call(gateway):
    headers = bearer(KEYS["auditor"])
    assert gateway.call("GET", "/v1/models", headers=headers)[0] == 200
    assert gateway.call("GET", "/v1/models/gpt-4o", headers=headers)[0] == 200
    assert refusal(gateway.chat(headers=headers))[:2] == (403, "action_denied")


def test_a_models_list_holds_for_every_surface(gateway, sim):
    headers = bearer(KEYS["narrow"])

    def ids(key):
        body = gateway.call("GET", "/v1/models", headers=bearer(KEYS[key]))[2]
        return {model["id"] for model in json.loads(body)["data"]}

    assert ids("plain") == {"gpt-4o", "fast"}
    assert ids("narrow") == {"gpt-4o"}
    assert gateway.chat("gpt-4o", headers)[0] == 200
    assert gateway.chat("mini-x", headers)[0] == 200
    before = sim.stats()["requests"]
    denied = (403, "model_denied")
    # An alias for what is allowed elsewhere, a pattern, an own spelling.
    for model in ("fast", "sim-close", "sim-404"):
        assert refusal(gateway.chat(model, headers))[:2] == denied
    assert refusal(gateway.chat("GPT-4o", headers))[0] in (403, 404)
    assert refusal(gateway.call("GET", "/v1/models/fast", headers=headers))[0] == 403
    assert sim.stats()["requests"] == before


def test_a_pass_through_body_cannot_talk_the_list_round(gateway, sim):
    def form(*parts):
        text = "".join(
            f'--b\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in parts
        )
        return (text + "--b--\r\n").encode()

    def ask(body, **more):
        fields = bearer(KEYS["narrow"]) | {
            "content-type": "multipart/form-data; boundary=b"
        }
        return gateway.call(
            "POST", "/v1/audio/transcriptions", body, fields | more
        )[0]

    assert ask(form(("model", "gpt-4o"), ("file", "x"))) == 200
    before = sim.stats()["requests"]
    assert ask(form(("model", "fast"), ("file", "x"))) == 403
    assert ask(form(("model", "gpt-4o"), ("model", "fast"))) == 400
    assert ask(form(("model", "gpt-4o"), ("file", "x")), **{"x-llmproxy-model": "fast"}) == 403
    assert sim.stats()["completed"] <= before  # none of it was answered


def test_routes_of_a_key(gateway):
    status, code, _ = refusal(
        gateway.post(
            "/v1/embeddings", {"model": "gpt-4o", "input": "x"}, bearer(KEYS["narrow"])
        )
    )
    assert (status, code) == (403, "route_denied")


def test_a_list_behind_patterns_is_narrowed_too(serving, sim):
    text = {"keys": [{"name": "k", "key": KEYS["plain"], "models": ["p/gpt-*"]}]}
    for providers, prefix in ((["p"], ""), (["p", "q"], "p/")):
        text["keys"][0]["models"] = [prefix + "gpt-*"]
        one = serving.gateway({name: {"base_url": sim.url} for name in providers}, **text)
        status, _, body = one.call("GET", "/v1/models", headers=bearer(KEYS["plain"]))
        ids = [model["id"] for model in json.loads(body)["data"]]
        assert status == 200 and all(i.startswith(prefix + "gpt-") for i in ids), ids


# ---- what is never told ----------------------------------------------------


def test_a_credential_goes_nowhere(gateway, sim):
    assert gateway.chat(headers=bearer(KEYS["plain"]))[0] == 200
    last = sim.last()
    assert last["headers"]["authorization"] == f"Bearer {KEY}"
    for headers in (
        {"x-api-key": KEYS["plain"]},
        {"api-key": KEYS["plain"], "cookie": "a=b", "x-forwarded-for": "1.2.3.4"},
    ):
        assert gateway.chat(headers=headers)[0] == 200
        assert KEYS["plain"] not in json.dumps(sim.ask("GET", "/sim/last"))
        assert not {"x-api-key", "api-key", "cookie"} & set(sim.last()["headers"])
    gateway.chat(headers=bearer(KEYS["off"]))
    gateway.record()
    said = gateway.log_path.read_text() + gateway.stderr()
    for key in KEYS.values():
        assert key not in said and key[6:20] not in said
    assert PEPPER not in said


def test_keys_are_found_by_hash_and_compared_in_constant_time():
    """CVE-2025-59425 was `==` on a key. By construction: the ring is asked with
    a hash, and what it finds is compared by libsodium."""
    text = (ROOT / "lib/auth/keyring_shard.c").read_text() + (
        ROOT / "lib/auth/keyring.c"
    ).read_text()
    assert "sodium_memcmp" in text and "llmp_api_key_hash" in text
    for name in ("keyring.c", "keyring_shard.c", "key.c"):
        code = (ROOT / "lib/auth" / name).read_text()
        assert "strcmp" not in code
    stage = (ROOT / "lib/gateway/stage_auth.c").read_text()
    assert "llmp_keyring_check" in stage


# ---- the file ---------------------------------------------------------------


def test_mistakes_in_the_file_are_told_with_their_place(tmp_path):
    good = KEYS["plain"]

    def complaint(keys=None, **more):
        config = tmp_path / "wrong.yaml"
        providers = [{"name": "p", "base_url": "http://127.0.0.1:1/v1"}]
        text = {"providers": providers, "keys": keys or []} | more
        config.write_text(json.dumps(text, indent=1))
        done = subprocess.run(
            [binary("LLMGW", "build/apps/llmgw/llmgw"), "check", str(config)],
            capture_output=True,
            text=True,
        )
        assert done.returncode != 0
        said = done.stdout + done.stderr
        assert re.search(r"wrong\.yaml:\d+:\d+", said), said
        assert good not in said
        return said

    assert "needs 'key' or 'hash'" in complaint([{"name": "a"}])
    assert "checksum" in complaint([{"name": "a", "key": "sk-1234567890"}])
    assert "twice" in complaint(
        [{"name": "a", "key": good}, {"name": "a", "key": make_key()}]
    )
    assert "the same" in complaint([{"name": "a", "key": good}, {"name": "b", "key": good}])
    assert "needs 'auth.pepper'" in complaint([{"name": "a", "hash": "0" * 64}])
    assert "CIDR" in complaint([{"name": "a", "key": good, "allow": "10.0.0.0/33"}])
    for day in ("2027-02-30", "tomorrow", "9999-02-01", "2600-01-01", "2027-13-01"):
        assert "'expires'" in complaint([{"name": "a", "key": good, "expires": day}])
    assert "downgrade" in complaint(
        [{"name": "a", "key": good, "limits": {"budget": {"day": "1", "downgrade": "x"}}}],
        models=[{"name": "m", "provider": "p"}],
    )
    assert "keys_expire" in complaint([{"name": "a", "key": good}], auth={"keys_expire": True})
    assert "money" in complaint([{"name": "a", "key": good, "limits": {"budget": {"day": "-1"}}}])


def reload(gateway, change):
    text = json.loads(gateway.config.read_text())
    change(text)
    before = sum("reload" in line or "configuration" in line for line in gateway.lines)
    gateway.config.write_text(json.dumps(text))
    gateway.signal(signal.SIGHUP)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        now = sum("reload" in line or "configuration" in line for line in gateway.lines)
        if now > before:
            return
        time.sleep(0.02)
    raise AssertionError(gateway.stderr())


def test_a_new_file_counts_at_once(serving, sim):
    first, second = make_key(), make_key()
    gateway = serving.gateway(
        {"p": {"base_url": sim.url}},
        MODELS,
        keys=[{"name": "a", "key": first, "limits": {"requests": 3}}],
    )

    def status(key):
        return gateway.chat(headers=bearer(key))[0]

    assert [status(first) for _ in range(4)] == [200, 200, 200, 429]
    assert status(second) == 401

    def add(text):
        text["keys"].append({"name": "b", "key": second})

    reload(gateway, add)
    assert status(second) == 200
    assert status(first) == 429  # what was counted stays counted

    def more(text):
        text["keys"][0]["limits"]["requests"] = 60

    reload(gateway, more)
    assert status(first) in (200, 429)

    def remove(text):
        del text["keys"][0]

    reload(gateway, remove)
    assert status(first) == 401 and status(second) == 200
    gateway.config.write_text("keys: [")
    gateway.signal(signal.SIGHUP)
    time.sleep(0.3)
    assert status(second) == 200 and status(first) == 401  # the old file holds


# ---- certificates -----------------------------------------------------------


@pytest.fixture(scope="module")
def mutual(serving, sim, tmp_path_factory):
    authority = Authority(tmp_path_factory.mktemp("mtls"))
    cert, key = authority.issue("server", "DNS:localhost")
    gateway = serving.gateway(
        {"p": {"base_url": sim.url}},
        MODELS,
        {
            "tls": {
                "cert": str(cert),
                "key": str(key),
                "client_ca": str(authority.cert),
                "client_auth": "optional",
            }
        },
        auth={"tls_role": "admin"},
        keys=[{"name": "plain", "key": KEYS["plain"]}],
        users=[{"name": "alice.example", "limits": {"requests": 4}}],
    )
    return gateway, authority


def over_tls(gateway, authority, client=None, headers=None, path="/metrics"):
    context = ssl.create_default_context(cafile=authority.cert)
    if client:
        context.load_cert_chain(*client)
    connection = http.client.HTTPSConnection(
        "localhost", gateway.address[1], timeout=10, context=context
    )
    connection.request("GET", path, headers=headers or {})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def test_a_certificate_is_a_principal(mutual):
    gateway, authority = mutual
    for count, (subjects, user) in enumerate([
        (["DNS:alice.example", "DNS:other.example"], "alice.example"),
        (["URI:spiffe://acme/ns/bob"], "spiffe://acme/ns/bob"),
        (["email:carol@acme.example"], "carol@acme.example"),
        (["IP:192.0.2.1", "DNS:dave.example"], "dave.example"),
        (["IP:192.0.2.1"], "by-name"),
    ]):
        client = authority.issue("by-name", *subjects)
        assert over_tls(gateway, authority, client) == 200
        assert gateway.records(count + 1)[count]["user"] == user
    assert over_tls(gateway, authority) == 401
    # A key that is shown counts, and its role is not the certificate's.
    client = authority.issue("other", "DNS:eve.example")
    assert over_tls(gateway, authority, client, bearer(KEYS["plain"])) == 403


def test_a_certificate_of_somebody_else_is_none(mutual, tmp_path):
    gateway, authority = mutual
    stranger = Authority(tmp_path, "stranger").issue("alice", "DNS:alice.example")
    with pytest.raises((OSError, http.client.HTTPException)):
        over_tls(gateway, authority, stranger)


def test_a_nul_in_a_certificates_name_is_no_name(mutual, tmp_path):
    """CVE-2025-66220 and CVE-2026-47778 (Envoy): "admin.example\\0.evil"."""
    gateway, authority = mutual
    good = authority.issue("nul", "DNS:adminXexample")
    for old, new in ((b"adminXexample", b"admin\0example"),):
        config = tmp_path / "nul.cnf"
        text = f"DER:{san_der(new).hex(':')}"
        config.write_text(f"subjectAltName={text}\n")
        cert = tmp_path / "nul.pem"
        authority._run(
            *("req", "-new", "-key", good[1], "-subj", "/CN=nul"),
            *("-out", tmp_path / "nul.csr"),
        )
        authority._run(
            *("x509", "-req", "-in", tmp_path / "nul.csr", "-CA", authority.cert),
            *("-CAkey", authority.key, "-CAcreateserial", "-days", 2),
            *("-extfile", config, "-out", cert),
        )
        assert over_tls(gateway, authority, (cert, good[1])) == 401


def san_der(name):
    """SEQUENCE of one dNSName."""
    inner = bytes([0x82, len(name)]) + name
    return bytes([0x30, len(inner)]) + inner
