# SPDX-License-Identifier: Apache-2.0
"""Goal: providers that want a token which has to be fetched get one: once for
all who need it, anew before it ends and when it is refused; without one the
client is told, and another provider is asked where there is one.
Method: llmsim gives tokens as GigaChat, Entra and Google do, over TLS.
"""

import base64
import json
import ssl
import subprocess
import threading
import time

import pytest

from serving import Authority, Serving, speaks_json


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    with Serving(tmp_path_factory.mktemp("credentials")) as serving:
        yield serving


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def tls(authority):
    cert, key = authority.issue("provider", "IP:127.0.0.1", "DNS:localhost")
    return ["--tls-cert", str(cert), "--tls-key", str(key)]


def basic(text):
    return base64.b64encode(text.encode()).decode()


def gigachat(sim, authority, credentials="user:pass"):
    return {
        "dialect": "gigachat",
        "base_url": sim.origin + "/api/v1",
        "ca_file": str(authority.cert),
        "api_key": None,
        "oauth": {
            "credentials": basic(credentials),
            "token_url": sim.origin + "/api/v2/oauth",
        },
    }


@pytest.fixture(scope="module")
def giga(serving, tls, authority):
    return serving.sim("--gigachat-credentials", "user:pass", *tls)


def test_gigachat(serving, giga, authority):
    gateway = serving.gateway({"giga": gigachat(giga, authority)})
    status, _, body = gateway.chat("GigaChat")
    assert status == 200, body
    assert json.loads(body)["choices"][0]["message"]["content"]
    assert giga.last()["headers"]["authorization"].startswith("Bearer ")
    text = gateway.stream("GigaChat")
    assert text.endswith(b"data: [DONE]\n\n")
    status, _, body = gateway.chat(
        "sim-tool",
        tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}],
    )
    call = json.loads(body)["choices"][0]["message"]["tool_calls"][0]
    assert call["function"]["name"] == "f" and json.loads(call["function"]["arguments"])


def test_one_fetches_for_all(serving, tls, authority):
    sim = serving.sim("--gigachat-credentials", "user:pass", *tls)
    gateway = serving.gateway({"giga": gigachat(sim, authority)})
    before = sim.stats()["requests"]
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(gateway_call(gateway)))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 12
    assert sim.stats()["requests"] - before == 13


def gateway_call(gateway):
    import http.client

    connection = http.client.HTTPConnection(*gateway.address, timeout=20)
    body = {"model": "GigaChat", "messages": [{"role": "user", "content": "Hi"}]}
    connection.request("POST", "/v1/chat/completions", json.dumps(body))
    return connection.getresponse().status


def test_wrong_credentials(serving, giga, authority):
    gateway = serving.gateway({"giga": gigachat(giga, authority, "user:wrong")})
    status, error = gateway.error("GigaChat")
    assert (status, error["code"]) == (502, "upstream_credential")


def test_another_answers_without_it(serving, giga, authority):
    other = serving.sim()
    gateway = serving.gateway(
        {
            "giga": gigachat(giga, authority, "user:wrong"),
            "other": {"base_url": other.url},
        },
        [
            {
                "name": "m",
                "deployments": [
                    {"provider": "giga", "model": "GigaChat"},
                    {"provider": "other", "model": "gpt"},
                ],
            }
        ],
    )
    status, _, _ = gateway.chat("m")
    assert status == 200 and other.stats()["completed"] == 1


def test_a_short_lived_token_is_fetched_anew(serving, tls, authority):
    sim = serving.sim(
        "--gigachat-credentials", "user:pass", "--token-seconds", "1", *tls
    )
    gateway = serving.gateway({"giga": gigachat(sim, authority)})
    for _ in range(3):
        assert gateway.chat("GigaChat")[0] == 200
        time.sleep(0.7)


@pytest.fixture(scope="module")
def context(authority):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*authority.issue("tokens", "IP:127.0.0.1"))
    return made


class Tokens:
    """Gives tokens, each after `delay`."""

    def __init__(self, serving, context, delay):
        self.delay, self.asked = delay, 0
        self.origin = serving.listener(speaks_json(self.answer), context).origin

    def answer(self, head, body):
        self.asked += 1
        time.sleep(self.delay)
        ends = int((time.time() + 1800) * 1000)
        return 200, {"access_token": "token", "expires_at": ends}

    def provider(self, serving, context, authority):
        answers = serving.listener(speaks_json(lambda *_: (200, ANSWER)), context)
        oauth = {"credentials": "dTpw", "token_url": self.origin + "/oauth"}
        return gigachat(answers, authority) | {"oauth": oauth}


ANSWER = {
    "id": "c-1",
    "object": "chat.completion",
    "created": 1,
    "model": "GigaChat",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hi"},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}


def test_a_hedge_that_loses_leaves_its_token_to_others(
    serving, context, authority
):
    """Overtaken while it fetched: the next one fetches, at once."""
    tokens = Tokens(serving, context, delay=2)
    deployments = [
        {"provider": "first", "model": "gpt"},
        {"provider": "giga", "model": "GigaChat"},
    ]
    first = serving.sim("--ttft-ms", "400")
    gateway = serving.gateway(
        {
            "first": {"base_url": first.url},
            "giga": tokens.provider(serving, context, authority),
        },
        [
            {
                "name": "m",
                "hedge": {"when": "always", "after": "100ms"},
                "deployments": deployments,
            },
            {"name": "g", "provider": "giga", "model": "GigaChat"},
        ],
    )
    assert gateway.chat("m")[0] == 200
    assert tokens.asked == 1
    tokens.delay = 0
    assert [gateway.chat("g")[0] for _ in range(3)] == [200] * 3
    assert tokens.asked == 2


def test_who_cannot_wait_for_a_token_is_told(serving, context, authority):
    """Somebody else fetches, longer than this client's patience."""
    tokens = Tokens(serving, context, delay=1.5)
    gateway = serving.gateway(
        {"giga": tokens.provider(serving, context, authority)},
        [{"name": "g", "provider": "giga", "model": "GigaChat"}],
        server={"workers": 1},
    )
    answers = []
    patient = threading.Thread(target=lambda: answers.append(gateway.chat("g")[0]))
    patient.start()
    deadline = time.monotonic() + 5
    while not tokens.asked:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    began = time.monotonic()
    status, error = gateway.error("g", {"x-request-timeout": "300ms"})
    assert (status, error["code"]) == (502, "upstream_credential")
    assert time.monotonic() - began < 1
    patient.join()
    assert answers == [200] and tokens.asked == 1


def test_a_check_without_a_token_says_nothing(serving, giga, authority):
    gateway = serving.gateway(
        {"giga": gigachat(giga, authority, "user:wrong")},
        [{"name": "GigaChat", "provider": "giga"}],
        routing={"checks": {"interval": "100ms"}},
    )
    before = giga.stats()["requests"]
    time.sleep(1)
    assert giga.stats()["requests"] > before
    metrics = gateway.metrics()
    assert 'llmgw_provider_alive{provider="giga",key="key1"} 0' not in metrics
    assert 'llmgw_deployment_state{deployment="giga/GigaChat",state="closed"} 1' in metrics
    gateway.end()


def test_entra(serving, tls, authority):
    sim = serving.sim(
        "--api-key", "sk-nobody-has-this", "--entra-credentials", "app:secret-1", *tls
    )
    gateway = serving.gateway(
        {
            "azure": {
                "dialect": "azure",
                "base_url": sim.origin + "/openai/v1",
                "ca_file": str(authority.cert),
                "api_key": None,
                "oauth": {
                    "client_id": "app",
                    "client_secret": "secret-1",
                    "token_url": sim.origin + "/tenant/oauth2/v2.0/token",
                    "scope": "https://cognitiveservices.azure.com/.default",
                },
            }
        }
    )
    assert gateway.chat("gpt-x")[0] == 200
    assert sim.last()["headers"]["authorization"].startswith("Bearer ")


def test_google(serving, tls, authority, tmp_path):
    key, public = tmp_path / "key.pem", tmp_path / "public.pem"
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", "RSA", "-out", key], check=True,
        stderr=subprocess.DEVNULL,
    )
    subprocess.run(
        ["openssl", "pkey", "-in", key, "-pubout", "-out", public], check=True
    )
    sim = serving.sim(
        "--api-key", "sk-nobody-has-this", "--google-key", str(public), *tls
    )
    account = {
        "type": "service_account",
        "client_email": "a@b.iam.gserviceaccount.com",
        "private_key_id": "1",
        "private_key": key.read_text(),
        "token_uri": sim.origin + "/token",
    }
    file = tmp_path / "account.json"
    file.write_text(json.dumps(account))
    path = "/v1/projects/p/locations/europe-west4/publishers/google"
    gateway = serving.gateway(
        {
            "vertex": {
                "dialect": "vertex",
                "base_url": sim.origin + path,
                "ca_file": str(authority.cert),
                "api_key": None,
                "oauth": {"service_account": "${file:%s}" % file},
            }
        }
    )
    status, _, body = gateway.chat("gemini-x")
    assert status == 200, body


# ---- Responses where the provider has none ---------------------------------------------


def test_responses_become_chats(serving):
    openai = pytest.importorskip("openai")
    sim = serving.sim()
    gateway = serving.gateway({"there": {"base_url": sim.url, "responses": False}})
    url = "http://%s:%d/v1" % gateway.address
    client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
    answer = client.responses.create(model="gpt-x", input="Hi")
    assert answer.output_text and answer.status == "completed"
    assert answer.usage.output_tokens == 24
    assert sim.last()["target"] == "/v1/chat/completions"
    with client.responses.stream(model="gpt-x", input="Hi") as stream:
        for event in stream:
            pass
        final = stream.get_final_response()
    assert final.output_text == answer.output_text
    tools = [{"type": "function", "name": "f", "parameters": {"type": "object"}}]
    with client.responses.stream(model="sim-tool", input="Hi", tools=tools) as stream:
        final = stream.get_final_response()
    call = [item for item in final.output if item.type == "function_call"][0]
    assert call.name == "f" and json.loads(call.arguments)
    with pytest.raises(openai.BadRequestError) as raised:
        client.responses.create(model="gpt-x", input="Hi", previous_response_id="r")
    assert raised.value.param == "previous_response_id"
