# SPDX-License-Identifier: Apache-2.0
"""llmsim's GigaChat face, raw and as the unmodified `gigachat` package sees it,
and the endpoints where clouds give OAuth tokens."""

import base64
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from faces import ARGUMENTS, ODD, SCHEMA, TEXT, running, understood

HELLO = {"model": "GigaChat", "messages": [{"role": "user", "content": "Hi"}]}
FUNCTIONS = [{"name": name, "description": f"The {name}", "parameters": SCHEMA}
             for name in ("weather", "news")]
CHAT = "/api/v1/chat/completions"


@pytest.fixture(name="sim", scope="module")
def one_sim():
    with running("--gigachat-credentials", "user:pass", "--token-seconds", "900") as sim:
        yield sim


def oauth(sim, pair="user:pass", scope="GIGACHAT_API_PERS", **fields):
    headers = {
        "authorization": "Basic " + base64.b64encode(pair.encode()).decode(),
        "content-type": "application/x-www-form-urlencoded", "rquid": "1",
    } | fields
    status, _, text = sim.call("POST", "/api/v2/oauth", f"scope={scope}", headers)
    return status, json.loads(text)


@pytest.fixture(name="token", scope="module")
def one_token(sim):
    return oauth(sim)[1]["access_token"]


def ask(sim, token, how="", path=CHAT, body=None, **members):
    status, fields, text = sim.call(
        "POST", path, json.dumps((body or HELLO) | members),
        {"authorization": f"Bearer {token}", "x-sim": how})
    return status, fields, json.loads(text)


def stream(sim, token, how="", **members):
    status, fields, text = sim.call(
        "POST", CHAT, json.dumps(HELLO | {"stream": True} | members),
        {"authorization": f"Bearer {token}", "x-sim": how})
    assert status == 200 and fields["content-type"] == "text/event-stream"
    *events, done, rest = text.decode().split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    return [json.loads(event.removeprefix("data: ")) for event in events]


def test_a_token(sim, token):
    status, body = oauth(sim)
    assert status == 200
    assert abs(body["expires_at"] - (time.time() + 900) * 1000) < 5000
    assert ask(sim, token)[0] == 200
    assert oauth(sim, "user:wrong") == (401, {
        "code": 4, "message": "Credentials doesn't match db data"})
    assert oauth(sim, scope="other")[0] == 400
    assert oauth(sim, rquid="")[0] == 400
    for wrong in ("", "x", token[:-1] + ("0" if token[-1] != "0" else "1"),
                  token.replace("sim-token.1", "sim-token.9")):
        status, _, body = ask(sim, wrong)
        assert (status, body["status"]) == (401, 401)


def test_a_token_ends():
    with running("--gigachat-credentials", "a:b", "--token-seconds", "1") as sim:
        token = oauth(sim, "a:b")[1]["access_token"]
        assert ask(sim, token)[0] == 200
        time.sleep(1.1)
        assert ask(sim, token)[2]["message"] == "Token has expired"


def test_an_answer(sim, token):
    status, _, body = ask(sim, token)
    choice, = body["choices"]
    assert status == 200 and choice["finish_reason"] == "stop"
    assert choice["message"]["content"].startswith(TEXT)
    usage = body["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    events = stream(sim, token)
    assert "".join(e["choices"][0]["delta"]["content"] for e in events) == (
        choice["message"]["content"])
    assert events[0]["choices"][0]["delta"]["role"] == "assistant"
    assert events[-1]["choices"][0]["finish_reason"] == "stop"
    assert events[-1]["usage"]["completion_tokens"] == 24


def test_functions(sim, token):
    one = ask(sim, token, functions=FUNCTIONS, function_call={"name": "news"})[2]
    message = one["choices"][0]["message"]
    assert message["function_call"] == {"name": "news", "arguments": ARGUMENTS}
    assert message["functions_state_id"]
    assert one["choices"][0]["finish_reason"] == "function_call"
    how = f"tools=3,tool_args={ODD}"
    call = ask(sim, token, how, functions=FUNCTIONS)[2]["choices"][0]["message"]
    assert call["function_call"] == {"name": "weather", "arguments": json.loads(ODD)}
    first, last = stream(sim, token, how, functions=FUNCTIONS)
    assert first["choices"][0]["delta"]["function_call"] == call["function_call"]
    assert last["choices"][0]["finish_reason"] == "function_call"
    plain = ask(sim, token, functions=FUNCTIONS, function_call="none")[2]
    assert plain["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("how, given, reason", [
    ("", {"max_tokens": 3}, "length"),
    ("finish=content_filter", {}, "blacklist"),
    ("content_filter", {}, "blacklist"),
])
def test_finish_reasons(sim, token, how, given, reason):
    assert ask(sim, token, how, **given)[2]["choices"][0]["finish_reason"] == reason
    assert stream(sim, token, how, **given)[-1]["choices"][0]["finish_reason"] == reason


def test_reasoning_and_format(sim, token):
    message = ask(sim, token, "reasoning=3")[2]["choices"][0]["message"]
    assert message["reasoning_content"].startswith("Reasoning:")
    text = ask(sim, token, response_format={"type": "json_schema", "schema": SCHEMA})[2]
    assert json.loads(text["choices"][0]["message"]["content"]) == {"city": "text", "days": 7}


def test_the_mirror_shows_what_was_understood(sim, token):
    expected = understood(None)
    del expected["stop"]
    expected["messages"][0]["parts"].pop()  # no picture in a request
    expected["messages"][2]["parts"][0]["name"] = "weather"
    body = ask(sim, token, "mirror", messages=[
        {"role": "system", "content": "Be brief: ünï 😀."},
        {"role": "user", "content": 'What is "this"?\n'},
        {"role": "assistant", "content": "Let me see.", "function_call": {
            "name": "weather", "arguments": {"city": "Oslo", "days": 2}}},
        {"role": "function", "name": "weather", "content": '"rain"'},
        {"role": "user", "content": "And?"},
    ], functions=FUNCTIONS, max_tokens=900, temperature=0.5, top_p=0.9)[2]
    assert json.loads(body["choices"][0]["message"]["content"]) == expected


def test_errors(sim, token):
    for status in (400, 404, 422, 429, 500, 503):
        got, fields, body = ask(sim, token, model=f"sim-{status}")
        assert (got, body["status"]) == (status, status)
        assert (status != 429) or fields["retry-after"] == "1"
    assert ask(sim, token, "context_length=5")[0] == 422
    assert ask(sim, token, messages=[])[0] == 422
    assert ask(sim, token, messages=[{"role": "tool", "content": "x"}])[0] == 422
    assert ask(sim, token, messages=[{"role": "assistant", "content": "", "function_call": {
        "name": "f", "arguments": "{}"}}])[0] == 422
    assert ask(sim, token, "error_at=0")[2]["status"] == 500


def test_embeddings_and_models(sim, token):
    body = ask(sim, token, "dimensions=8", "/api/v1/embeddings",
               {"model": "Embeddings", "input": ["a", "b"]})[2]
    assert [len(one["embedding"]) for one in body["data"]] == [8, 8]
    assert body["data"][1]["usage"]["prompt_tokens"] > 0
    text = sim.call("GET", "/api/v1/models", headers={"authorization": f"Bearer {token}"})[2]
    assert "GigaChat" in [model["id"] for model in json.loads(text)["data"]]


def test_the_package(sim):
    gigachat = pytest.importorskip("gigachat")
    pair = base64.b64encode(b"user:pass").decode()
    with gigachat.GigaChat(base_url=sim.origin + "/api/v1",
                           auth_url=sim.origin + "/api/v2/oauth", credentials=pair) as client:
        answer = client.chat(HELLO)
        assert answer.choices[0].message.content.startswith(TEXT)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in client.stream(HELLO))
        assert text == answer.choices[0].message.content
        called = client.chat(HELLO | {"functions": FUNCTIONS,
                                      "function_call": {"name": "weather"}})
        assert called.choices[0].message.function_call.arguments == ARGUMENTS
        assert client.get_models().data


# --- tokens of other clouds ---

def form(sim, path, **members):
    from urllib.parse import urlencode
    status, _, text = sim.call("POST", path, urlencode(members),
                               {"content-type": "application/x-www-form-urlencoded"})
    return status, json.loads(text)


ENTRA = {"grant_type": "client_credentials", "client_id": "me", "client_secret": "s+c/r t&=",
         "scope": "https://cognitiveservices.azure.com/.default"}


def test_entra():
    with running("--api-key", "key", "--entra-credentials", "me:s+c/r t&=") as sim:
        for path in ("/oauth2/v2.0/token", "/tenant-1/oauth2/v2.0/token"):
            status, body = form(sim, path, **ENTRA)
            assert status == 200
            assert (body["token_type"], body["expires_in"]) == ("Bearer", 1800)
        answer = sim.call(
            "POST", "/openai/deployments/m/chat/completions?api-version=1",
            json.dumps(HELLO), {"authorization": "Bearer " + body["access_token"]})
        assert answer[0] == 200
        assert form(sim, path, **ENTRA | {"client_secret": "wrong"})[1]["error"] == (
            "invalid_client")
        assert form(sim, path, **ENTRA | {"scope": ""})[1]["error"] == "invalid_request"
        assert form(sim, path, **ENTRA | {"grant_type": "x"})[1]["error"] == (
            "unsupported_grant_type")
        assert sim.call("POST", path, "", {"x-sim": "status=503"})[0] == 503


def test_google(tmp_path):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = tmp_path / "key.pem"
    public.write_bytes(key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    claims = {"iss": "me@p.iam.gserviceaccount.com", "aud": "https://oauth2.googleapis.com/token",
              "scope": "https://www.googleapis.com/auth/cloud-platform",
              "iat": int(time.time()), "exp": int(time.time()) + 3600}
    grant = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"}

    def ask_for(sim, signer, **change):
        return form(sim, "/token", assertion=jwt.encode(
            claims | change, signer, algorithm="RS256"), **grant)

    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with running("--api-key", "key", "--google-key", str(public)) as sim:
        status, body = ask_for(sim, key)
        assert status == 200
        contents = {"contents": [{"parts": [{"text": "Hi"}]}]}
        assert sim.call(
            "POST", "/v1/projects/p/locations/l/publishers/google/models/m:generateContent",
            json.dumps(contents), {"authorization": "Bearer " + body["access_token"]})[0] == 200
        assert ask_for(sim, other)[1] == {
            "error": "invalid_grant", "error_description": "Invalid JWT Signature."}
        assert ask_for(sim, key, exp=claims["iat"] + 90000)[0] == 400
        assert form(sim, "/token", assertion="x", **grant)[0] == 400
        assert form(sim, "/token", grant_type="x")[0] == 400
    with running() as sim:
        assert ask_for(sim, other)[0] == 200
