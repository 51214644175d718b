# SPDX-License-Identifier: Apache-2.0
"""Tokens of a certified OpenID provider (npm oidc-provider): discovery, roles,
keys that change while requests run, an issuer that is gone, floods of kids."""

import base64
import hashlib
import hmac
import json
import pathlib
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

from serving import Serving

FOLDER = pathlib.Path(__file__).parent / "node"
RESOURCE = "https://llm.example/v1"
MODELS = [{"name": "gpt-4o", "provider": "p"}]


class Issuer:
    def __init__(self):
        if not shutil.which("node") or not (FOLDER / "node_modules/oidc-provider").exists():
            pytest.skip("needs node, and npm install in tests/integration/node")
        self.process = subprocess.Popen(
            ["node", "oidc.mjs"],
            cwd=FOLDER,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.url = None
        for line in self.process.stdout:  # it may say other things before
            if line.startswith('{"issuer"'):
                self.url = json.loads(line)["issuer"]
                break

    def close(self):
        self.process.terminate()
        self.process.wait(5)
        self.process.stdout.close()

    def ask(self, path, data=None, headers=None):
        request = urllib.request.Request(self.url + path, data, headers or {})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())

    def test(self, what, body=None):
        data = None if what == "counts" else json.dumps(body or {}).encode()
        return self.ask(f"/test/{what}", data)

    def token(self, client="ann", resource=RESOURCE):
        """By client credentials, for a resource: a JWT (RFC 9068)."""
        secret = f"{client}-secret-0123456789abcdef0123456789"
        basic = base64.b64encode(f"{client}:{secret}".encode()).decode()
        data = urllib.parse.urlencode(
            {"grant_type": "client_credentials", "resource": resource, "scope": "chat"}
        )
        return self.ask("/token", data.encode(), {"authorization": f"Basic {basic}"})[
            "access_token"
        ]

    def sign(self, claims, **header):
        now = int(time.time())
        whole = {"iat": now, "exp": now + 600} | claims
        return self.test("sign", {"header": header, "claims": whole})["token"]


@pytest.fixture(scope="module")
def issuer():
    made = Issuer()
    yield made
    made.close()


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    with Serving(tmp_path_factory.mktemp("oidc")) as made:
        yield made


@pytest.fixture(scope="module")
def sim(serving):
    return serving.sim()


def trusting(serving, sim, *issuers, **auth):
    trusted = [{"allow_plain_http": True} | one for one in issuers]
    return serving.gateway(
        {"p": {"base_url": sim.url}},
        MODELS,
        {"workers": 2},
        auth={"issuers": trusted, **auth},
        users=[{"name": "ann", "limits": {"requests": 100000}}],
    )


def usual(issuer):
    return {
        "issuer": issuer.url,
        "audience": RESOURCE,
        "access_tokens_only": True,
        "role_claim": "realm_access.roles",
        "roles": {"llm-admins": "admin", "llm-users": "user"},
        "organisation_claim": "tid",
    }


@pytest.fixture(scope="module")
def gateway(serving, sim, issuer):
    return trusting(serving, sim, usual(issuer))


def ask(gateway, token):
    status, _, body = gateway.chat(headers={"authorization": f"Bearer {token}"})
    code = json.loads(body)["error"]["code"] if status != 200 else None
    return status, code


def part(value):
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def parts_of(token):
    """Header and claims."""
    return [
        json.loads(base64.urlsafe_b64decode(one + "==")) for one in token.split(".")[:2]
    ]


def test_tokens_are_found_out_by_discovery(gateway, issuer):
    before = issuer.test("counts")
    token = issuer.token()
    for _ in range(20):
        assert ask(gateway, token) == (200, None)
    record = gateway.record()
    assert record["user"] == "ann" and record["organisation"] == "acme"
    after = issuer.test("counts")
    assert after["jwks"] - before["jwks"] == 1
    assert after["discovery"] - before["discovery"] == 1
    assert token not in gateway.log_path.read_text() + gateway.stderr()


def test_a_claim_gives_the_role(gateway, issuer, sim):
    def metrics(token):
        fields = {"authorization": f"Bearer {token}"}
        return gateway.call("GET", "/metrics", headers=fields)[0]

    assert metrics(issuer.token("ann")) == 403
    # An administrator of one organisation only, so not of the whole gateway.
    assert metrics(issuer.token("bob")) == 403
    assert ask(gateway, issuer.token("bob")) == (200, None)
    ask(gateway, issuer.token("ann"))
    assert "ey" not in json.dumps(sim.last()["headers"].get("authorization", ""))


def test_forged_tokens_are_refused(gateway, issuer):
    good = issuer.token()
    header, claims = parts_of(good)
    signature = good.split(".")[2]
    jwk = issuer.ask("/jwks")["keys"][0]

    def forged(change_header, change_claims=None, sign=signature):
        return f"{part(header | change_header)}.{part(claims | (change_claims or {}))}.{sign}"

    def mac(change_header, secret):
        text = f"{part(header | change_header)}.{part(claims)}"
        return f"{text}.{part(hmac.digest(secret, text.encode(), 'sha256'))}"

    assert ask(gateway, good) == (200, None)
    for token, code in [
        (forged({"alg": "none"}, sign=""), "token_algorithm"),
        (forged({"alg": "None"}, sign=""), "token_algorithm"),
        (forged({"alg": "none"}), "token_algorithm"),
        (forged({}, sign=""), None),
        (mac({"alg": "HS256"}, json.dumps(jwk).encode()), "token_algorithm"),
        (mac({"alg": "HS256"}, base64.urlsafe_b64decode(jwk["x"] + "==")), "token_algorithm"),
        (mac({"alg": "HS256"}, b""), "token_algorithm"),
        (forged({"jwk": jwk}), "token_header"),
        (forged({"jku": issuer.url + "/jwks"}), "token_header"),
        (forged({"crit": ["exp"]}), "token_header"),
        (forged({}, {"sub": "bob"}), "token_signature"),
        (forged({}, {"aud": "https://other.example"}), "token_signature"),
        (forged({"kid": "../../../dev/null"}), "token_key_unknown"),
        (forged({"kid": "' UNION SELECT 'x"}), "token_key_unknown"),
        (forged({}, {"iss": "https://evil.example"}), "token_issuer"),
        (issuer.token(resource="https://other.example/"), "token_audience"),
        (good[:-4] + "AAAA", "token_signature"),
        (issuer.sign({"iss": issuer.url, "aud": RESOURCE, "sub": "x"}, typ="JWT"), "token_type"),
        (
            issuer.sign({"iss": issuer.url, "aud": RESOURCE, "sub": "x"}, typ="at+jwt"),
            "token_role",
        ),
        (
            issuer.sign({"iss": issuer.url, "aud": RESOURCE, "sub": "x", "exp": 5}, typ="at+jwt"),
            "token_expired",
        ),
        (
            issuer.sign(
                {"iss": issuer.url, "aud": RESOURCE, "sub": "x" * 300,
                 "realm_access": {"roles": ["llm-users"]}},
                typ="at+jwt",
            ),
            "token_claims",
        ),
    ]:
        status, got = ask(gateway, token)
        assert status in (401, 403) and (code is None or got == code), (got, code, token)


def test_two_tokens_with_one_beginning_are_two_people(gateway, issuer):
    """CVE-2026-35030: a cache by the first bytes of a token."""
    shape = {"iss": issuer.url, "aud": RESOURCE, "realm_access": {"roles": ["llm-users"]}}
    tokens = {
        name: issuer.sign(shape | {"iat": 1, "sub": name}, typ="at+jwt")
        for name in ("somebody-a", "somebody-b")
    }
    now = int(time.time())
    shape |= {"iat": now, "exp": now + 600}
    tokens = {
        name: issuer.sign(shape | {"sub": name}, typ="at+jwt")
        for name in ("somebody-a", "somebody-b")
    }
    first, second = tokens.values()
    common = next(i for i in range(len(first)) if first[i] != second[i])
    assert common > 150
    for _ in range(3):
        for name, token in tokens.items():
            assert ask(gateway, token) == (200, None)
            assert gateway.record()["user"] == name


def test_claims_as_vendors_write_them(serving, sim, issuer):
    keys = {"jwks_uri": issuer.url + "/jwks"}
    shapes = {
        "keycloak": (
            {"issuer": "https://sso.example/realms/acme", "audience": "llm",
             "role_claim": "realm_access.roles", "roles": {"llm-dev": "developer"},
             "user_claim": "preferred_username", "team_claim": "department"} | keys,
            {"aud": ["account", "llm"], "azp": "cli", "typ": "Bearer",
             "sub": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "preferred_username": "kim",
             "realm_access": {"roles": ["offline_access", "llm-dev"]},
             "resource_access": {"account": {"roles": ["view-profile"]}},
             "department": "research"},
            {"user": "kim", "team": "research"},
        ),
        "entra": (
            {"issuer": "https://login.microsoftonline.com/9122040d/v2.0", "audience": "6e74172b",
             "role_claim": "roles", "roles": {"Gateway.Admin": "admin"},
             "user_claim": "oid", "organisation_claim": "tid"} | keys,
            {"aud": "6e74172b", "ver": "2.0", "oid": "690222be", "tid": "9122040d",
             "sub": "AAAAAAAA", "roles": ["Gateway.Admin"], "nbf": int(time.time()) - 5,
             "aio": "x", "rh": "y", "uti": "z", "preferred_username": "eve@contoso.example"},
            {"user": "690222be", "organisation": "9122040d"},
        ),
        "google": (
            {"issuer": "https://accounts.google.com", "audience": "1234.apps.example",
             "role": "user", "user_claim": "email", "organisation_claim": "hd"} | keys,
            {"aud": "1234.apps.example", "azp": "1234.apps.example",
             "sub": "10769150350006150715113082367", "email": "gus@acme.example",
             "email_verified": True, "hd": "acme.example", "at_hash": "HK6E_P6Dh8Y93mRNtsDB1Q"},
            {"user": "gus@acme.example", "organisation": "acme.example"},
        ),
    }
    before = issuer.test("counts")
    gateway = trusting(serving, sim, *[config for config, _, _ in shapes.values()])
    for config, claims, want in shapes.values():
        token = issuer.sign({"iss": config["issuer"]} | claims, typ="JWT")
        assert ask(gateway, token) == (200, None)
        record = gateway.record()
        assert {name: record[name] for name in want} == want
    assert issuer.test("counts")["discovery"] == before["discovery"]  # not needed


def test_a_flood_of_unknown_kids_does_not_reach_the_issuer(gateway, issuer):
    good = issuer.token()
    header, claims = parts_of(good)
    rest = good.split(".", 1)[1]
    before = issuer.test("counts")
    for i in range(300):
        token = f"{part(header | {'kid': f'made-up-{i}'})}.{rest}"
        assert ask(gateway, token) == (401, "token_key_unknown")
    after = issuer.test("counts")
    assert after["jwks"] - before["jwks"] <= 1
    assert after["discovery"] == before["discovery"]
    assert ask(gateway, good) == (200, None)


def test_an_issuer_that_is_gone(serving, sim, gateway, issuer):
    known, fresh = issuer.token(), issuer.token("bob")
    assert ask(gateway, known) == (200, None)
    issuer.test("stop")
    try:
        # The keys that are known go on counting, also for tokens never seen.
        assert ask(gateway, known) == (200, None)
        assert ask(gateway, fresh) == (200, None)
        # Who has none says so, and soon.
        late = trusting(serving, sim, usual(issuer))
        begun = time.monotonic()
        assert ask(late, known) == (503, "issuer_down")
        assert time.monotonic() - begun < 6
    finally:
        issuer.test("start")
    deadline = time.monotonic() + 8
    while ask(late, known)[0] != 200:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_keys_change_while_requests_run(serving, sim, issuer):
    gateway = trusting(serving, sim, usual(issuer))
    old = issuer.token()
    assert ask(gateway, old) == (200, None)
    fetched = time.monotonic()
    tokens, wrong, over = [old], [], threading.Event()

    def run():
        while not over.is_set():
            for token in list(tokens):
                answer = ask(gateway, token)
                if answer != (200, None):
                    wrong.append(answer)
            time.sleep(0.05)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for one in threads:
        one.start()
    before = issuer.test("counts")
    time.sleep(max(0, fetched + 30.5 - time.monotonic()))  # fetches are this far apart
    issuer.ask("/test/rotate?keep=1", b"{}")
    new = issuer.token()
    assert parts_of(new)[0]["kid"] != parts_of(old)[0]["kid"]
    tokens.append(new)
    time.sleep(1)
    over.set()
    for one in threads:
        one.join()
    assert not wrong
    assert issuer.test("counts")["jwks"] - before["jwks"] == 1


def test_a_stronger_or_more_recent_login_is_asked_for(serving, sim, issuer):
    """RFC 9470: the challenge says what the client has to ask its provider for."""
    rule = {"routes": ["chat"], "acr": ["urn:gold"], "multi_factor": True, "max_age": "10m"}
    gateway = trusting(serving, sim, usual(issuer), step_up=[rule])
    now = int(time.time())
    claims = {
        "iss": issuer.url,
        "aud": RESOURCE,
        "sub": "ann",
        "realm_access": {"roles": ["llm-users"]},
    }

    def tried(**login):
        token = issuer.sign(claims | login, typ="at+jwt")
        return gateway.chat(headers={"authorization": f"Bearer {token}"})

    for weak in (
        {},
        {"amr": ["pwd"], "auth_time": now},
        {"amr": ["pwd", "otp"]},
        {"amr": ["pwd", "otp"], "auth_time": now - 700},
        {"acr": "urn:silver", "auth_time": now},
    ):
        status, fields, body = tried(**weak)
        assert status == 401, weak
        challenge = fields["www-authenticate"]
        assert 'error="insufficient_user_authentication"' in challenge
        assert 'acr_values="urn:gold"' in challenge and "max_age=600" in challenge
    for strong in (
        {"amr": ["pwd", "otp"], "auth_time": now - 60},
        {"acr": "urn:gold", "auth_time": now},
        {"amr": ["mfa"], "auth_time": now},
    ):
        assert tried(**strong)[0] == 200, strong
