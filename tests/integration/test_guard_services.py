# SPDX-License-Identifier: Apache-2.0
"""Goal: services that judge texts are asked as their vendors want it, about what
is in doubt and no more, and never see what was replaced; what they say is done;
one that fails, hangs or talks nonsense lets nothing pass unless that is wanted.
Method: services.py before llmsim; shapes are checked by the vendors' packages.
"""

import base64
import json
import time

import pytest

from serving import Serving
from services import BAD, Judges
from test_faces import SECRET, provider
from test_guardrails import chat, client_of, user

APIS = {
    "openai_moderation": ("/v1", {}, {}),
    "azure_prompt_shields": ("", {"dialect": "azure"}, {}),
    "azure_text": ("", {"dialect": "azure"}, {}),
    "bedrock_guardrail": (
        "",
        {
            "dialect": "bedrock",
            "api_key": None,
            "aws": {
                "access_key": "AKIDEXAMPLE",
                "secret_key": SECRET,
                "region": "eu-central-1",
            },
        },
        {"guardrail": "arn:aws:bedrock:eu-central-1:123456789012:guardrail/abc"},
    ),
    "llama_guard": ("/v1", {}, {"model": "llama-guard-3"}),
    "webhook": ("", {}, {"path": "/check"}),
}
KINDS = {
    "openai_moderation": "moderation.hate",
    "azure_prompt_shields": "injection.prompt",
    "azure_text": "moderation.violence",
    "bedrock_guardrail": "pii.name",
    "llama_guard": "moderation.violent_crimes",
    "webhook": "acme.word",
}
PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"harmless" * 9).decode()
BAD_PICTURE = base64.b64encode(b"BAD" * 30).decode()


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    with Serving(tmp_path_factory.mktemp("guard-services")) as serving:
        yield serving


@pytest.fixture(scope="module")
def sim(serving):
    return serving.sim()


@pytest.fixture(scope="module")
def judges(serving):
    return Judges(serving)


@pytest.fixture(autouse=True)
def fresh(sim, judges):
    sim.reset()
    judges.reset()
    yield
    assert not judges.problems, judges.problems[0]
    judges.hold.set()


def remote(api, mode="block", **more):
    settings = APIS.get(api, ("", {"dialect": "azure"}, {}))[2]
    more.setdefault("parts", ["user", "tool_result"])
    asked = {"api": api, "provider": "judge", **settings, **more.pop("remote", {})}
    return {"check": "remote", "name": "judge", "mode": mode, "remote": asked, **more}


@pytest.fixture(scope="module")
def gateway_of(serving, sim, judges):
    """A gateway whose guards ask the judges, made once."""
    made = {}

    def of(*stages, api="openai_moderation", face="openai"):
        key = json.dumps([stages, api, face], sort_keys=True)
        if key not in made:
            path, more, _ = APIS.get(api, ("", {"dialect": "azure"}, {}))
            made[key] = serving.gateway(
                {
                    face: provider(face, sim),
                    "judge": {"base_url": judges.url + path, **more},
                },
                models=[{"name": "sim-*", "provider": face}],
                guardrails={"stages": list(stages)},
            )
        return made[key]

    return of


def ask(gateway, *messages, **more):
    status, _, answer = gateway.post("/v1/chat/completions", chat(*messages, **more))
    return status, json.loads(answer)


def refused(gateway, *messages, **more):
    status, answer = ask(gateway, *messages, **more)
    assert status == 400, answer
    assert answer["error"]["code"] == "content_filter"
    return answer["error"]["message"]


def judge_record(gateway):
    """What it did; that some parts are none of its business goes without saying."""
    record = gateway.record()["guard"]["stages"]["judge"]
    outcomes = record["outcome"].split(",")
    record["outcome"] = ",".join(one for one in outcomes if one != "no_part")
    return record


# ---- each of them


@pytest.mark.parametrize("api", APIS)
def test_what_it_finds_is_blocked(gateway_of, sim, judges, api):
    gateway = gateway_of(remote(api), api=api)
    status, answer = ask(gateway, user("How are you?"))
    assert status == 200, answer
    record = judge_record(gateway)
    assert record["outcome"] == "ran"
    assert record["bytes"] == len("How are you?")
    assert record["calls"] == 1 and record["findings"] == 0
    sim.reset()
    assert KINDS[api] in refused(gateway, user(f"Say a {BAD} now."))
    assert len(judges.asked) == 2 and sim.stats()["requests"] == 0
    record = gateway.record()
    assert record["guard"]["findings"][f"block:{KINDS[api]}"] >= 1
    assert BAD not in json.dumps(record)


def test_keys_are_where_they_want_them(gateway_of, judges):
    for api in APIS:
        judges.reset()
        ask(gateway_of(remote(api), api=api), user("Hi"))
        ((_, fields, _),) = judges.asked
        if api.startswith("azure"):
            assert fields["ocp-apim-subscription-key"]
            assert "api-key" not in fields and "authorization" not in fields
        elif api == "bedrock_guardrail":
            assert fields["authorization"].startswith("aws4-hmac-sha256")
        else:
            assert fields["authorization"].startswith("bearer ")


def test_an_arn_is_one_segment(gateway_of, judges):
    ask(gateway_of(remote("bedrock_guardrail"), api="bedrock_guardrail"), user("Hi"))
    assert judges.asked[0][0] == (
        "/guardrail/arn%3Aaws%3Abedrock%3Aeu-central-1%3A123456789012%3A"
        "guardrail%2Fabc/version/DRAFT/apply"
    )


def test_documents_are_no_prompts(gateway_of, judges):
    gateway = gateway_of(remote("azure_prompt_shields"), api="azure_prompt_shields")
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "f", "arguments": "{}"},
    }
    message = refused(
        gateway,
        user("What does it say?"),
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": f"A {BAD} in it."},
    )
    assert "injection.indirect" in message
    assert judges.bodies[0] == {
        "userPrompt": "What does it say?",
        "documents": [f"A {BAD} in it."],
    }


def test_long_texts_come_in_pieces(gateway_of, judges):
    gateway = gateway_of(remote("azure_text"), api="azure_text")
    text = " ".join(f"шум {n}" for n in range(2000))  # 23 kB
    assert ask(gateway, user(text))[0] == 200
    assert 3 <= len(judges.asked) <= 4
    whole = judges.bodies[0]["text"]
    for body in judges.bodies[1:]:
        overlap = max(
            n for n in range(1000) if n == 0 or whole.endswith(body["text"][:n])
        )
        assert overlap > 50
        whole += body["text"][overlap:]
    assert whole == text
    assert "violence" in refused(gateway, user(text + BAD))


def test_no_more_calls_than_allowed(gateway_of, judges):
    text = "word " * 10000
    closed = gateway_of(remote("azure_text", remote={"calls": 2}), api="azure_text")
    assert "could not look" in refused(closed, user(text))
    assert len(judges.asked) == 2
    opened = gateway_of(
        remote("azure_text", remote={"calls": 2}, on_failure="open"), api="azure_text"
    )
    assert ask(opened, user(text))[0] == 200
    assert judge_record(opened)["outcome"] == "cut"


# ---- what they see, and when


def test_they_do_not_see_what_was_replaced(gateway_of, sim, judges):
    pii = {"check": "pii", "mode": "redact", "style": "token", "only": ["pii.email"]}
    parts = ["user", "output"]
    gateway = gateway_of(pii, remote("openai_moderation", parts=parts))
    status, answer = ask(gateway, user("I am ann@example.com."), model="sim-mirror")
    assert status == 200
    assert "ann@example.com" in answer["choices"][0]["message"]["content"]
    assert len(judges.asked) == 2  # before, and behind
    assert "ann@" not in json.dumps(judges.bodies)
    assert "[EMAIL_1_" in judges.bodies[1]["input"][0]


def test_only_what_is_in_doubt(gateway_of, judges):
    rules = [
        {"name": "acme.word", "keywords": ["maybe"], "severity": "low"},
        {"name": "acme.sure", "keywords": ["surely"], "severity": "low"},
    ]
    first = {"check": "rules", "mode": "flag", "rules": rules}
    gateway = gateway_of(
        first, remote("openai_moderation", after="rules", doubt={"from": 1})
    )
    assert ask(gateway, user("Nothing."))[0] == 200
    record = judge_record(gateway)
    assert record["outcome"] == "no_doubt" and record["bytes"] == 0
    assert not judges.asked
    refused(gateway, user(f"Maybe a {BAD}."))
    ask(gateway, user("Nothing."), user("Maybe."))
    assert judges.bodies[-1]["input"] == ["Maybe."]
    assert judge_record(gateway)["outcome"] == "ran,no_doubt"
    sure = gateway_of(
        first, remote("openai_moderation", after="rules", doubt={"to": 50})
    )
    judges.reset()
    assert ask(sure, user(f"Surely a {BAD}."))[0] == 200
    assert not judges.asked
    assert "hate" in refused(sure, user(f"A {BAD}."))


def test_what_they_find_is_replaced(gateway_of, sim, judges):
    gateway = gateway_of(
        remote("webhook", mode="redact", parts=["user", "tool_arguments", "output"]),
        api="webhook",
    )
    arguments = json.dumps({"text": f"ж {BAD}", "n": [1, f"{BAD} \u2028"]})
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "f", "arguments": arguments},
    }
    status, answer = ask(
        gateway,
        user(f"Это {BAD}, да."),
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "fine"},
        model="sim-mirror",
    )
    assert status == 200
    sent = json.loads(sim.last()["body"])["messages"]
    assert sent[0]["content"] == "Это [WORD_1], да."
    assert json.loads(sent[1]["tool_calls"][0]["function"]["arguments"]) == {
        "text": "ж [WORD_1]",
        "n": [1, "[WORD_1] \u2028"],
    }
    assert len(judges.asked) == 2
    assert gateway.record()["guard"]["findings"] == {"redact:acme.word": 3}


def test_a_match_is_found_in_the_text(gateway_of, sim):
    gateway = gateway_of(
        remote("bedrock_guardrail", mode="redact"), api="bedrock_guardrail"
    )
    assert ask(gateway, user(f"Two: {BAD}, {BAD}."))[0] == 200
    sent = json.loads(sim.last()["body"])["messages"][0]["content"]
    assert sent == "Two: [NAME_1], [NAME_1]."


# ---- pictures


def picture(url):
    return user([{"type": "image_url", "image_url": {"url": url}}])


def data_url(data, media="image/png"):
    return f"data:{media};base64,{data}"


@pytest.mark.parametrize("api", ["openai_moderation", "azure_image"])
def test_pictures_go_to_who_takes_them(gateway_of, sim, judges, api):
    gateway = gateway_of(remote(api, parts=["image"]), api=api)
    assert ask(gateway, user("No picture."))[0] == 200
    assert not judges.asked
    assert ask(gateway, picture(data_url(PICTURE)))[0] == 200
    assert len(judges.asked) == 1
    if api == "azure_image":
        assert judges.bodies[0]["image"]["content"] == PICTURE
    else:
        url = judges.bodies[0]["input"][0]["image_url"]["url"]
        assert url == data_url(PICTURE)
    sim.reset()
    assert "moderation." in refused(gateway, picture(data_url(BAD_PICTURE)))
    assert sim.stats()["requests"] == 0


@pytest.mark.parametrize(
    "shown",
    [
        data_url("A" * 4000),
        data_url(PICTURE, "image/svg+xml"),
        "https://example.com/picture.png",
    ],
    ids=["large", "type", "address"],
)
def test_what_they_may_not_see_does_not_pass(gateway_of, judges, shown):
    how = {"remote": {"image_size": "2KiB"}, "parts": ["image"]}
    closed = gateway_of(remote("openai_moderation", **how))
    assert "could not look" in refused(closed, picture(shown))
    opened = gateway_of(remote("openai_moderation", on_failure="open", **how))
    assert ask(opened, picture(shown))[0] == 200
    assert judge_record(opened)["outcome"] == "cut"
    assert not judges.asked


def test_addresses_only_if_that_is_wanted(gateway_of, judges):
    gateway = gateway_of(
        remote("openai_moderation", parts=["image"], remote={"image_urls": True})
    )
    assert ask(gateway, picture("https://example.com/a.png"))[0] == 200
    url = judges.bodies[0]["input"][0]["image_url"]["url"]
    assert url == "https://example.com/a.png"
    refused(gateway, picture("https://evil.example/a.png"))


def test_pictures_of_other_dialects(gateway_of, judges):
    gateway = gateway_of(remote("openai_moderation", parts=["image"]))
    source = {"type": "base64", "media_type": "image/png", "data": BAD_PICTURE}
    status, _, _ = gateway.post(
        "/v1/messages",
        chat(user([{"type": "image", "source": source}]), max_tokens=9),
    )
    assert status == 400
    part = {"inlineData": {"mimeType": "image/png", "data": BAD_PICTURE}}
    status, _, _ = gateway.post(
        "/v1beta/models/sim-x:generateContent", {"contents": [{"parts": [part]}]}
    )
    assert status == 400
    shown = [body["input"][0]["image_url"]["url"] for body in judges.bodies]
    assert shown == [data_url(BAD_PICTURE)] * 2


# ---- answers


@pytest.mark.parametrize("face", ["openai", "anthropic"])
def test_answers_are_judged_before_they_are_given(gateway_of, judges, face):
    gateway = gateway_of(remote("openai_moderation", parts=["output"]), face=face)
    for name in ("openai", "anthropic"):
        client = client_of(name, gateway)
        said, _, _ = client.ask("sim-mirror", text="All is well.")
        assert "All is well." in said
        said, _, usage = client.ask("sim-mirror", text=f"A {BAD}.")
        assert not said and usage[0]
    record = gateway.records()[-1]
    assert record["guard"]["action"] == "block" and record["status"] == 200


def test_a_stream_cannot_be_stopped_by_them(gateway_of, judges):
    gateway = gateway_of(remote("openai_moderation", parts=["output"]))
    asked = chat(user("Hi"), stream=True)
    status, _, answer = gateway.post("/v1/chat/completions", asked)
    assert status == 400 and json.loads(answer)["error"]["param"] == "stream"
    flagging = gateway_of(remote("openai_moderation", mode="flag", parts=["output"]))
    status, _, answer = flagging.post("/v1/chat/completions", asked)
    assert status == 200 and b"[DONE]" in answer
    assert judge_record(flagging)["outcome"].endswith("no_stream")


# ---- faults


@pytest.mark.parametrize("mode", ["broken", "garbage", "strange", "large", "hang"])
def test_who_fails_lets_nothing_pass(gateway_of, sim, judges, mode):
    how = {"remote": {"timeout": "300ms"}}
    closed = gateway_of(remote("openai_moderation", **how))
    opened = gateway_of(remote("openai_moderation", on_failure="open", **how))
    flagging = gateway_of(remote("openai_moderation", mode="flag", **how))
    judges.mode = mode
    begun = time.monotonic()
    assert "could not look" in refused(closed, user("Hi"))
    assert sim.stats()["requests"] == 0
    for gateway in (opened, flagging):
        assert ask(gateway, user("Hi"))[0] == 200
        record = judge_record(gateway)
        assert record["outcome"] == "failed" and record["bytes"] == 0
    assert time.monotonic() - begun < 10
    judges.mode = None
    assert ask(closed, user("Hi"))[0] == 200


def test_who_fails_often_is_left_alone(gateway_of, judges):
    gateway = gateway_of(
        remote("openai_moderation", mode="flag", remote={"timeout": "1234ms"})
    )
    judges.mode = "broken"
    for _ in range(8):
        assert ask(gateway, user("Hi"))[0] == 200
    assert len(judges.asked) == 5
    assert judge_record(gateway)["outcome"] == "failed"
    metrics = gateway.metrics()
    assert 'llmgw_guard_calls_total{outcome="failed"} 5\n' in metrics


def test_a_client_that_leaves_while_they_think(gateway_of, sim, judges):
    gateway = gateway_of(remote("openai_moderation", remote={"timeout": "20s"}))
    judges.mode = "hang"
    body = json.dumps(chat(user("Hi"))).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"
    head += b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    with gateway.connect() as client:
        client.sendall(head + body)
        while not judges.asked:
            time.sleep(0.01)
    (record,) = gateway.records()[-1:]
    assert record["ending"] == "client_gone"
    assert sim.stats()["requests"] == 0


# ---- configuration


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ({"check": "remote", "mode": "flag"}, "needs 'remote'"),
        (remote("llama_guard") | {"remote": {"api": "llama_guard", "provider": "judge"}}, "needs 'model'"),
        (remote("openai_moderation", remote={"provider": "jduge"}), "did you mean 'judge'"),
        (remote("openai_moderation", remote={"guardrail": "x"}), "'guardrail' is for"),
        (remote("openai_moderation", after="pii"), "no stage before it"),
        (remote("webhook", remote={"path": "check"}), "begins with '/'"),
        ({"check": "pii", "mode": "flag", "after": "x"}, "does not wait for doubt"),
        (remote("openai_moderation", doubt={"from": 5}), "of the stage that 'after' names"),
    ],
)
def test_mistakes_are_told(serving, sim, stage, message):
    with pytest.raises(AssertionError) as raised:
        serving.gateway(
            {"openai": provider("openai", sim), "judge": {"base_url": sim.url}},
            models=[{"name": "sim-*", "provider": "openai"}],
            guardrails={"stages": [stage]},
        )
    assert message in str(raised.value)
