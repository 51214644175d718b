# SPDX-License-Identifier: Apache-2.0
"""Goal: a second factor that is demanded is demanded everywhere and counts once,
and a token of the gateway's own is never more than what it was issued with.
Method: the real binary; `oathtool` for the codes, PyJWT for the tokens, two
processes on one store for what both are asked at the same moment."""

import base64
import concurrent.futures
import json
import subprocess
import time

import httpx
import jwt
import pytest

from keys import bearer, make_key
from test_admin import PEPPER, admin, cli, config  # noqa: F401 (a fixture)

RULE = {"roles": ["admin"], "routes": ["admin"], "multi_factor": True, "max_age": "15m"}


def code_of(secret, at=None):
    when = [f"--now=@{at}"] if at else []
    made = subprocess.run(
        ["oathtool", "--totp", "-b", *when, secret],
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
    )
    return made.stdout.strip()


def wrong(secret):
    """A code that is none of those which count now."""
    now = int(time.time())
    good = {code_of(secret, now + step) for step in (-60, -30, 0, 30, 60)}
    return next(c for c in (f"{n:06}" for n in range(100)) if c not in good)


def demanding(admin, **more):
    return admin(auth={"pepper": PEPPER, "step_up": [RULE]}, **more)


def person(one, name="anna", role="admin"):
    """A user with a key and an authenticator: key, secret."""
    one.make("/admin/v1/users", id=name, role=role)
    key = one.key(f"{name}s", user=name, role=role)["key"]
    made = one.make(f"/admin/v1/users/{name}/totp")
    assert made["uri"].startswith("otpauth://totp/llmgw:" + name)
    assert made["secret"] in made["uri"]
    return key, made["secret"]


def login(one, key, code, **more):
    return one.ask("POST", "/admin/v1/login", {"code": code, **more}, key)


def token_for(one, key, **body):
    return httpx.post(
        one.gateway.url + "/v1/auth/tokens", json=body or None, headers=bearer(key)
    )


# ---- the second factor -------------------------------------------------------


def test_a_key_alone_does_not_administer_where_more_is_demanded(admin):
    one = demanding(admin)
    key, secret = person(one)
    refused = one.ask("GET", "/admin/v1/keys", key=key)
    assert refused.status_code == 401
    challenge = refused.headers["www-authenticate"]
    assert 'error="insufficient_user_authentication"' in challenge
    assert "max_age=900" in challenge
    assert refused.json()["error"]["code"] == "insufficient_user_authentication"
    assert one.chat(key).status_code == 200  # it is demanded for `admin` only

    answer = login(one, key, code_of(secret))
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    token = answer.json()["access_token"]
    assert one.ask("GET", "/admin/v1/keys", key=token).status_code == 200
    claims = jwt.decode(token, options={"verify_signature": False})
    assert sorted(claims["amr"]) == ["otp", "pwd"] and claims["sub"] == "anna"
    assert one.ask("GET", "/admin/v1/users/anna/totp", key=token).json()["state"] == "active"
    # Who is at the machine is asked for nothing: the socket is its own.
    assert one.ask("GET", "/admin/v1/keys").status_code == 200


def test_a_login_grows_old(admin):
    one = admin(auth={"pepper": PEPPER, "step_up": [{**RULE, "max_age": "4s"}]})
    key, secret = person(one)
    token = login(one, key, code_of(secret)).json()["access_token"]
    assert one.ask("GET", "/admin/v1/keys", key=token).status_code == 200
    time.sleep(5.1)
    assert one.ask("GET", "/admin/v1/keys", key=token).status_code == 401


def test_a_login_can_be_demanded_where_clients_are(admin):
    rule = {"routes": ["chat"], "multi_factor": True}
    one = admin(auth={"pepper": PEPPER, "step_up": [rule]})
    key, secret = person(one, role="user")
    refused = one.chat(key)
    assert refused.status_code == 401
    assert "insufficient_user_authentication" in refused.headers["www-authenticate"]
    assert refused.json()["error"]["code"] == "insufficient_user_authentication"
    models = httpx.get(one.gateway.url + "/v1/models", headers=bearer(key))
    assert models.status_code == 200
    token = login(one, key, code_of(secret)).json()["access_token"]
    assert one.chat(token).status_code == 200
    # A token for an end user carries nobody's login.
    made = token_for(one, token, end_user="x").json()["access_token"]
    assert one.chat(made).status_code == 401


def test_a_code_counts_once(admin):
    one = demanding(admin)
    key, secret = person(one)
    code = code_of(secret)
    assert login(one, key, code).status_code == 200
    again = login(one, key, code)
    assert again.status_code == 401 and again.json()["error"]["code"] == "code_replayed"
    assert again.headers["www-authenticate"] == "Bearer"


def test_a_code_counts_once_in_all_processes(admin):
    one = demanding(admin)
    two = demanding(admin)
    key, secret = person(one)
    time.sleep(0.5)
    code = code_of(secret)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda n: login((one, two)[n % 2], key, code), range(8))
        )
    statuses = sorted(a.status_code for a in answers)
    assert statuses.count(200) == 1, [a.text for a in answers]
    # All others are refused: used already, locked after five, or asked to
    # come back because everybody wrote at once.
    assert set(statuses[1:]) <= {401, 409, 429}


def test_brute_force_is_locked_out_and_a_restart_does_not_help(admin):
    one = demanding(admin)
    key, secret = person(one)
    bad = wrong(secret)
    for _ in range(5):
        refused = login(one, key, bad)
        assert refused.status_code == 401
        assert refused.json()["error"]["code"] == "code_wrong"
    for gateway in (one, demanding(admin)):
        locked = login(gateway, key, code_of(secret))  # even the right one
        assert locked.status_code == 429, locked.text
        assert 500 < int(locked.headers["retry-after"]) <= 600
    shown = one.ask("GET", "/admin/v1/users/anna/totp").json()
    assert "locked_until" in shown and "secret" not in shown
    actions = [e for e in one.events() if e["action"] == "login"]
    assert [e["after"]["result"] for e in actions] == ["wrong"] * 5
    # An administrator can start it anew.
    assert one.ask("DELETE", "/admin/v1/users/anna/totp").status_code == 200
    assert login(one, key, code_of(secret)).status_code == 403
    fresh = one.make("/admin/v1/users/anna/totp")["secret"]
    assert login(one, key, code_of(fresh)).status_code == 200


def test_who_may_enrol_whom(admin):
    one = admin()
    anna, secret = person(one, "anna", "developer")
    one.make("/admin/v1/users", id="bert", role="user")
    bert = one.key("b", user="bert", role="user")["key"]
    assert one.ask("POST", "/admin/v1/users/anna/totp", key=bert).status_code == 404
    # A stolen key must not give itself a second factor.
    assert one.ask("POST", "/admin/v1/users/bert/totp", key=bert).status_code == 403
    # Nobody takes a factor away, or changes it, but an administrator.
    assert login(one, anna, code_of(secret)).status_code == 200
    assert one.ask("POST", "/admin/v1/users/anna/totp", key=anna).status_code == 403
    assert one.ask("POST", "/admin/v1/users/anna/totp").status_code == 409
    one.make("/admin/v1/users/bert/totp")
    assert one.ask("DELETE", "/admin/v1/users/anna/totp", key=anna).status_code == 403
    # Of somebody else's key it is not the second factor.
    assert login(one, bert, code_of(secret)).status_code == 401


def test_a_stored_authenticator_tells_nothing(admin, tmp_path):
    one = admin()
    _, secret = person(one)
    raw = base64.b32decode(secret)
    stored = b"".join(
        (tmp_path / name).read_bytes()
        for name in ("store.db", "store.db-wal")
        if (tmp_path / name).exists()
    )
    assert b"totp" in stored
    for form in (raw, raw.hex().encode(), secret.encode(), base64.b64encode(raw)):
        assert form not in stored
    assert secret not in json.dumps(one.events())


def test_a_user_made_anew_has_no_authenticator(admin):
    one = admin()
    one.make("/admin/v1/users", id="anna", role="user")
    one.make("/admin/v1/users/anna/totp")
    assert one.ask("DELETE", "/admin/v1/users/anna").status_code == 200
    one.make("/admin/v1/users", id="anna", role="user")
    assert one.ask("GET", "/admin/v1/users/anna/totp").json()["state"] == "none"


def test_a_narrower_role_leads_around_no_demand(admin):
    """An admin's key alone: a token of a role that the rule does not name must
    not enrol the factor that the rule demands."""
    one = demanding(admin)
    one.make("/admin/v1/users", id="boss", role="admin")
    key = one.key("b", user="boss", role="admin")["key"]
    narrow = token_for(one, key, role="user").json()["access_token"]
    for credential in (key, narrow):
        refused = one.ask("POST", "/admin/v1/users/boss/totp", key=credential)
        assert refused.status_code in (401, 403), refused.text
    assert one.ask("GET", "/admin/v1/users/boss/totp").json()["state"] == "none"
    # Nor by a token for somebody else.
    for body in ({"user": "carl"}, {"user": "carl", "role": "admin"}):
        refused = token_for(one, key, **body)
        assert refused.status_code == 403 and refused.json()["error"]["code"] == "object_denied"


def test_an_organisations_admin_locks_nobody_out_elsewhere(admin):
    one = admin(
        users=[{"name": "ours", "limits": {"requests_day": 3}}],
        teams=[{"name": "crew", "limits": {"requests_day": 3}}],
    )
    one.make("/admin/v1/organisations", id="acme")
    one.make("/admin/v1/users", id="boss", role="admin")
    one.make("/admin/v1/users", id="amy", role="user", organisation="acme")
    one.make("/admin/v1/teams", id="free")
    acme = one.key("a", role="admin", organisation="acme")["key"]
    for named in ({"user": "boss"}, {"user": "ours"}, {"team": "crew"}, {"team": "free"}):
        refused = one.ask("POST", "/admin/v1/keys", {"name": "k", **named}, acme)
        assert refused.status_code == 409, (named, refused.text)
        assert refused.json()["error"]["code"] == "other_organisation"
    for named, status in (
        ({"user": "boss"}, (403, 409)),
        ({"user": "ours"}, (409,)),
        ({"user": "zoe", "team": "crew"}, (409,)),
        ({"user": "zoe", "team": "free"}, (409,)),
        ({"user": "ours~x"}, (400,)),
    ):
        refused = one.ask("POST", "/admin/v1/tokens", named, acme)
        assert refused.status_code in status, (named, refused.text)
    assert one.key("k", by=acme, user="amy")["user"] == "amy"
    assert one.key("k", user="boss")["user"] == "boss"  # who is of none may


def test_login_by_command_line(admin, tmp_path):
    one = demanding(admin)
    key, secret = person(one)
    url = f"unix:{one.socket}"
    env = {"LLMGW_ADMIN_KEY": key}
    assert "(401)" in cli("key", "list", "--url", url, code=1, env=env).stderr
    done = cli("login", "--url", url, "--code", code_of(secret), env=env)
    token = done.stdout.strip()
    assert done.stderr == "it counts for 3600 seconds\n"
    shown = cli("key", "list", "--url", url, env={"LLMGW_ADMIN_KEY": token})
    assert "annas" in shown.stdout


def test_demands_that_demand_nothing_are_refused(tmp_path):
    for rule, message in (
        ({"routes": ["chat"]}, "it demands nothing"),
        ({"routes": ["chats"], "multi_factor": True}, "there is no chats"),
        ({"roles": ["root"], "multi_factor": True}, "a role is"),
    ):
        text = config("http://127.0.0.1:9", tmp_path, auth={"pepper": PEPPER, "step_up": [rule]})
        (tmp_path / "bad.json").write_text(text)
        assert message in cli("check", str(tmp_path / "bad.json"), code=1).stderr


# ---- tokens of the gateway's own ---------------------------------------------


def test_another_verifier_accepts_our_tokens(admin):
    for algorithm in ("EdDSA", "ES256"):
        one = admin(auth={"pepper": PEPPER, "tokens": {"algorithm": algorithm, "audience": "apps"}})
        key = one.key("svc", role="service", team="web")["key"]
        token = token_for(one, key, end_user="c17", lifetime_s=7200).json()
        assert token["expires_in"] == 7200 and token["token_type"] == "Bearer"
        keys = jwt.PyJWKClient(one.gateway.url + "/.well-known/jwks.json")
        claims = jwt.decode(
            token["access_token"],
            keys.get_signing_key_from_jwt(token["access_token"]).key,
            algorithms=[algorithm],
            audience="apps",
            issuer="llmgw",
        )
        assert claims["sub"].endswith("~c17") and claims["team"] == "web"
        assert claims["exp"] - claims["iat"] == 7200


def test_an_end_user_has_its_own_line_and_the_keys_limits(admin):
    one = admin(prices={"unknown": "allow"})
    made = one.key("svc", user="app", role="service", limits={"requests_day": 5})
    tokens = [
        token_for(one, made["key"], end_user=f"c{n}").json()["access_token"]
        for n in (1, 2)
    ]
    statuses = [one.chat(tokens[n % 2]).status_code for n in range(6)]
    assert statuses == [200] * 5 + [429]  # of both together
    assert one.chat(made["key"]).status_code == 429
    deadline = time.time() + 10
    rows = {}
    while sum(rows.values()) < 5 and time.time() < deadline:
        answer = one.ask("GET", "/admin/v1/usage?group_by=user,key").json()
        rows = {(r["user"], r["key"]): r["requests"] for r in answer["data"]}
    assert rows == {("app~c1", made["id"]): 3, ("app~c2", made["id"]): 2}


def test_an_end_user_is_bounded_by_who_is_above(admin):
    """Naming an end user leads out of nothing: not of the user's limits, models,
    or being disabled, with a key and without."""
    models = [{"name": "m", "provider": "p"}, {"name": "n", "provider": "p"}]
    one = admin(models=models, prices={"unknown": "allow"})
    limits = {"requests_day": 3}
    one.make("/admin/v1/users", id="lim", role="user", models=["m"], limits=limits)
    key = one.key("k", user="lim", role="user")["key"]
    tokens = [token_for(one, key, end_user=name).json()["access_token"] for name in "ab"]
    token = one.make("/admin/v1/tokens", status=200, user="lim")["access_token"]
    tokens.append(token_for(one, token, end_user="c").json()["access_token"])
    for bad in tokens:
        assert one.chat(bad, "n").status_code == 403
    assert [one.chat(t, "m").status_code for t in tokens] == [200] * 3
    for spent in (*tokens, key, token):
        refused = one.chat(spent, "m")
        assert refused.status_code == 429 and "user 'lim'" in refused.text
    one.ask("PATCH", "/admin/v1/users/lim", {"disabled": True})
    assert {one.chat(t, "m").status_code for t in tokens} <= {401, 403}


def test_the_limits_of_a_role_hold_over_end_users(admin):
    """Also of a user whose token was issued with somebody else's key."""
    one = admin()
    boss = one.key("b", role="admin")["key"]
    one.make("/admin/v1/users", id="bob", role="user")
    bob = one.make("/admin/v1/tokens", key=boss, status=200, user="bob")["access_token"]
    below = token_for(one, bob, end_user="1").json()["access_token"]
    began = time.monotonic()
    for _ in range(8):
        assert one.chat(below).status_code == 200
    answer = one.chat(bob)
    assert 'user-requests";q=300' in answer.headers["ratelimit-policy"]
    back = 5 * (time.monotonic() - began)  # five a second come back
    assert int(answer.headers["x-ratelimit-remaining-requests"]) <= 291 + back + 1


def test_what_concerns_nobody_else_is_no_event(admin):
    one = admin()
    one.make("/admin/v1/organisations", id="acme")
    one.make("/admin/v1/users", id="ann", role="user", organisation="acme")
    ann = one.key("a", user="ann", role="user", organisation="acme")["key"]
    auditor = one.key("c", role="auditor", organisation="acme")["key"]
    before = len(one.events())
    one.make("/admin/v1/tokens", key=ann, status=200)
    one.make("/admin/v1/tokens", key=ann, status=200, end_user="x")
    assert len(one.events()) == before
    # What does concern the organisation, its auditors see.
    secret = one.make("/admin/v1/users/ann/totp")["secret"]
    assert login(one, ann, wrong(secret)).status_code == 401
    seen = one.ask("GET", "/admin/v1/events", key=auditor).json()["data"]
    assert [e["action"] for e in seen][-2:] == ["totp.enrol", "login"]


def test_an_end_users_own_limits_hold_and_it_has_no_end_users(admin):
    one = admin(prices={"unknown": "allow"})
    service = one.key("s", user="svc", role="service")["key"]
    one.make("/admin/v1/users", id="svc~c1", role="service", limits={"requests_day": 2})
    token = token_for(one, service, end_user="c1").json()["access_token"]
    assert [one.chat(token).status_code for _ in range(3)] == [200, 200, 429]
    refused = token_for(one, token, end_user="x")
    assert refused.status_code == 403 and refused.json()["error"]["code"] == "object_denied"
    again = token_for(one, token).json()["access_token"]
    assert one.chat(again).status_code == 429


def test_a_token_ends_with_the_record_that_bounded_it(admin):
    models = [{"name": "m", "provider": "p"}, {"name": "n", "provider": "p"}]
    one = admin(models=models)
    one.make("/admin/v1/users", id="eve", role="user", models=["m"])
    token = one.make("/admin/v1/tokens", status=200, user="eve")["access_token"]
    below = token_for(one, token, end_user="x").json()["access_token"]
    assert one.chat(token, "n").status_code == one.chat(below, "n").status_code == 403
    assert one.ask("DELETE", "/admin/v1/users/eve").status_code == 200
    for gone in (token, below):
        refused = one.chat(gone, "n")
        assert refused.status_code == 401 and refused.json()["error"]["code"] == "token_revoked"


def test_a_token_ends_with_its_key(admin):
    one = admin()
    two = admin()
    made = one.key("svc", role="service")
    token = token_for(one, made["key"], end_user="x").json()["access_token"]
    time.sleep(0.6)
    assert one.chat(token).status_code == two.chat(token).status_code == 200
    assert one.ask("DELETE", f"/admin/v1/keys/{made['id']}").status_code == 200
    refused = one.chat(token)
    assert refused.status_code == 401 and refused.json()["error"]["code"] == "token_revoked"
    time.sleep(1)
    assert two.chat(token).status_code == 401


def test_a_token_ends_with_the_secret_it_was_issued_with(admin):
    """A secret that leaked is rotated away, and with it what was made of it."""
    one = admin()
    made = one.key("svc", role="service")
    old = token_for(one, made["key"], end_user="x").json()["access_token"]
    path = f"/admin/v1/keys/{made['id']}/rotate"
    fresh = one.ask("POST", path, {"overlap_s": 4}).json()["key"]
    new = token_for(one, fresh, end_user="x").json()["access_token"]
    assert one.chat(old).status_code == one.chat(new).status_code == 200
    again = token_for(one, old, end_user="y").json()
    time.sleep(4.1)
    assert one.chat(old).status_code == 401 and one.chat(new).status_code == 200
    if "access_token" in again:  # made with a token of that secret
        assert one.chat(again["access_token"]).status_code == 401


def test_a_token_narrows_with_its_key_and_that_keys_team(admin):
    one = admin(models=[{"name": "m", "provider": "p"}, {"name": "n", "provider": "p"}])
    one.make("/admin/v1/teams", id="web")
    made = one.key("svc", role="service", team="web")
    token = token_for(one, made["key"], end_user="x").json()["access_token"]
    assert one.chat(token, "m").status_code == one.chat(token, "n").status_code == 200
    path = f"/admin/v1/keys/{made['id']}"
    assert one.ask("PATCH", path, {"models": ["m"]}).status_code == 200
    assert one.chat(token, "m").status_code == 200
    assert one.chat(token, "n").status_code == 403
    one.ask("PATCH", "/admin/v1/teams/web", {"disabled": True})
    assert one.chat(token, "m").status_code == 401  # its key is disabled


def test_a_token_is_bound_to_where_its_key_is(admin, llmgw, llmsim, tmp_path):
    key = make_key()
    text = config(
        llmsim().url,
        tmp_path,
        7,
        auth={"pepper": PEPPER, "trusted_proxies": ["127.0.0.1"]},
        keys=[{"name": "k", "key": key, "role": "service", "allow": ["10.0.0.0/8"]}],
    )
    gateway = llmgw(text=text)

    def ask(path, credential, address, **more):
        headers = {**bearer(credential), "x-forwarded-for": address}
        return httpx.post(gateway.url + path, headers=headers, **more)

    made = ask("/v1/auth/tokens", key, "10.1.2.3", json={"end_user": "x"})
    token = made.json()["access_token"]
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    assert ask("/v1/chat/completions", token, "10.9.9.9", json=body).status_code == 200
    assert ask("/v1/chat/completions", token, "11.9.9.9", json=body).status_code == 403


def test_a_token_is_never_wider_than_who_issues_it(admin):
    one = admin()
    service = one.key("s", role="service")["key"]
    one.make("/admin/v1/users", id="ann", role="developer")
    ann = one.key("a", user="ann", role="developer")["key"]
    for key, body, code in (
        (service, {"role": "user"}, "grant_wider"),
        (service, {"role": "admin"}, "grant_wider"),
        (service, {"user": "ann"}, "object_denied"),
        (ann, {"user": "bob"}, "object_denied"),
        (ann, {"role": "auditor"}, "grant_wider"),
        (ann, {"role": "admin", "end_user": "x"}, "grant_wider"),
    ):
        refused = token_for(one, key, **body)
        assert refused.status_code == 403, (body, refused.text)
        assert refused.json()["error"]["code"] == code
    for body in (
        {"lifetime_s": 60},
        {"lifetime_s": 86401},
        {"end_user": "a~b"},
        {"end_user": ""},
        {"end_user": "a\nb"},
        {"team": "other"},
        {"organisation": "other"},
        {"code": "123456"},
        {"scope": "x"},
        [],
    ):
        refused = httpx.post(
            one.gateway.url + "/v1/auth/tokens",
            content=json.dumps(body),
            headers={**bearer(service), "content-type": "application/json"},
        )
        assert refused.status_code == 400, (body, refused.text)
    nobody = httpx.post(one.gateway.url + "/v1/auth/tokens")
    assert nobody.status_code == 401
    got = httpx.get(one.gateway.url + "/v1/auth/tokens", headers=bearer(service))
    assert got.status_code == 405 and got.headers["allow"] == "POST"


def test_a_token_makes_no_wider_token_and_no_unbound_key(admin):
    one = admin(models=[{"name": "m", "provider": "p"}, {"name": "n", "provider": "p"}])
    one.make("/admin/v1/users", id="ann", role="developer")
    made = one.key("a", user="ann", role="developer", models=["m"])
    token = token_for(one, made["key"]).json()["access_token"]
    again = token_for(one, token, end_user="x").json()["access_token"]
    assert one.chat(again, "m").status_code == 200
    assert one.chat(again, "n").status_code == 403
    wide = one.ask("POST", "/admin/v1/keys", {"name": "w"}, token)
    assert wide.status_code == 403 and wide.json()["error"]["field"] == "models"
    child = one.key("c", by=token, models=["m"])
    assert child["created_by"] == f"key:{made['id']}"
    one.ask("PATCH", f"/admin/v1/keys/{made['id']}", {"models": ["n"]})
    assert one.chat(child["key"], "m").status_code == 403  # narrowed at use
    one.ask("DELETE", f"/admin/v1/keys/{made['id']}")
    assert one.chat(again, "m").status_code == 401


def test_an_administrator_issues_for_a_user_and_it_is_an_event(admin, tmp_path):
    one = admin()
    one.make("/admin/v1/organisations", id="acme")
    one.make("/admin/v1/users", id="ann", role="user", organisation="acme", models=["m"])
    made = one.make("/admin/v1/tokens", status=200, user="ann")
    assert made["role"] == "user" and made["user"] == "ann"
    claims = jwt.decode(made["access_token"], options={"verify_signature": False})
    assert claims["org"] == "acme" and "grantor" not in claims
    assert one.chat(made["access_token"], "m").status_code == 200
    event = one.events()[-1]
    assert event["action"] == "token.issue" and event["object_id"] == "ann"
    assert event["after"]["organisation"] == "acme"
    assert made["access_token"] not in json.dumps(one.events())
    # Disabled, the user's tokens are worth nothing at once.
    one.ask("PATCH", "/admin/v1/users/ann", {"disabled": True})
    assert one.chat(made["access_token"], "m").status_code == 403
    # An organisation's administrator does not reach into another.
    one.make("/admin/v1/organisations", id="evil")
    mallory = one.key("mal", role="admin", organisation="evil")["key"]
    for body in ({"user": "ann"}, {"user": "ann", "organisation": "acme"}):
        refused = one.ask("POST", "/admin/v1/tokens", body, mallory)
        assert refused.status_code in (403, 409), refused.text
    (tmp_path / "c.json").write_text(config("http://127.0.0.1:9", tmp_path))
    done = cli("token", "issue", "--user", "zoe", "-c", str(tmp_path / "c.json"))
    assert jwt.decode(done.stdout.strip(), options={"verify_signature": False})["sub"] == "zoe"


def test_tokens_of_a_replaced_secret_count_while_it_is_named(llmgw, llmsim, tmp_path):
    key = make_key()
    sim = llmsim().url
    old, new = "the old secret of 32 bytes or so.", "the new secret of 32 bytes or so."

    def text(number, **tokens):
        return config(
            sim,
            tmp_path,
            number,
            keys=[{"name": "k", "key": key, "role": "service"}],
            auth={"pepper": PEPPER, "tokens": tokens},
        )

    def chat(gateway, token):
        body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
        return httpx.post(
            gateway.url + "/v1/chat/completions", json=body, headers=bearer(token)
        ).status_code

    first = llmgw(text=text(0, secret=old))
    made = httpx.post(
        first.url + "/v1/auth/tokens", json={"end_user": "x"}, headers=bearer(key)
    )
    token = made.json()["access_token"]
    assert chat(first, token) == 200
    assert chat(llmgw(text=text(1, secret=new, previous=[old])), token) == 200
    assert chat(llmgw(text=text(2, secret=new)), token) == 401


def test_tampered_tokens_are_refused(admin):
    one = admin()
    key = one.key("s", role="service")["key"]
    token = token_for(one, key, end_user="x").json()["access_token"]
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    claims["role"] = "admin"
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    flipped = ("B" if signature[0] == "A" else "A") + signature[1:]
    none = jwt.encode(claims, None, algorithm="none")
    public = httpx.get(one.gateway.url + "/.well-known/jwks.json").text
    confused = jwt.encode(claims, public, algorithm="HS256", headers={"kid": jwt.get_unverified_header(token)["kid"]})
    for bad in (f"{head}.{forged}.{signature}", none, confused, f"{head}.{body}.{flipped}"):
        assert one.chat(bad).status_code == 401
    assert one.chat(token).status_code == 200


@pytest.mark.parametrize("path", ["/v1/auth/tokens"])
def test_a_gateway_without_tokens_says_so(llmgw, llmsim, path):
    key = make_key()
    gateway = llmgw(
        text=json.dumps(
            {
                "server": {"listen": ["127.0.0.1:0"]},
                "providers": [{"name": "p", "base_url": llmsim().url, "api_key": "x"}],
                "keys": [{"name": "k", "key": key}],
            }
        )
    )
    refused = httpx.post(gateway.url + path, headers=bearer(key))
    assert refused.status_code == 404 and "auth.pepper" in refused.text
    assert httpx.get(gateway.url + "/.well-known/jwks.json").json() == {"keys": []}
