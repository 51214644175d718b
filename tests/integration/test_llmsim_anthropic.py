# SPDX-License-Identifier: Apache-2.0
"""llmsim's Anthropic face, as the unmodified `anthropic` package sees it."""

import base64
import json

import pytest

anthropic = pytest.importorskip("anthropic")

from faces import ARGUMENTS, ODD, PDF, PNG, SCHEMA, TEXT, running, sha, understood

HELLO = [{"role": "user", "content": "Hi"}]
TOOLS = [
    {"name": "weather", "description": "The weather", "input_schema": SCHEMA},
    {"name": "news", "description": "The news", "input_schema": SCHEMA},
]


@pytest.fixture(name="sim", scope="module")
def one_sim():
    with running() as sim:
        yield sim


@pytest.fixture(name="client", scope="module")
def one_client(sim):
    return anthropic.Anthropic(base_url=sim.origin, api_key="k", max_retries=0)


def ask(client, how="", model="claude-sim", **members):
    members = {"max_tokens": 100, "messages": HELLO} | members
    return client.messages.create(
        model=model, extra_headers={"x-sim": how}, **members
    )


def events(client, how="", model="claude-sim", **members):
    return list(ask(client, how, model, stream=True, **members))


def post(sim, body, version="2023-06-01", **headers):
    status, fields, text = sim.call(
        "POST",
        "/v1/messages",
        json.dumps(body),
        {"anthropic-version": version} | headers if version else headers,
    )
    return status, fields, json.loads(text)


def test_a_message(client):
    message = ask(client)
    assert message.role == "assistant" and message.type == "message"
    assert message.content[0].text.startswith(TEXT)
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens == 24 and message.usage.input_tokens > 5
    assert message.usage.cache_read_input_tokens == 0
    assert message._request_id.startswith("req_sim_")


def test_a_stream_has_the_real_order(client):
    kinds = [event.type for event in events(client, "tokens=3")]
    assert kinds[0] == "message_start"
    assert kinds[1] == "content_block_start"
    assert kinds[2:5] == ["content_block_delta"] * 3  # the SDK hides the ping
    assert kinds[5:] == ["content_block_stop", "message_delta", "message_stop"]


def test_the_ping_is_on_the_wire(sim):
    _, _, text = sim.call(
        "POST", "/v1/messages",
        json.dumps({"model": "m", "max_tokens": 9, "messages": HELLO, "stream": True}),
        {"anthropic-version": "2023-06-01"})
    names = [line[7:] for line in text.decode().split("\n") if line.startswith("event: ")]
    assert names[:4] == ["message_start", "content_block_start", "ping",
                         "content_block_delta"]


def test_the_stream_helper_gathers_the_same_message(client):
    whole = ask(client)
    with client.messages.stream(
        model="claude-sim", max_tokens=100, messages=HELLO
    ) as stream:
        assert "".join(stream.text_stream) == whole.content[0].text
        assert stream.get_final_message().usage.output_tokens == 24


@pytest.mark.parametrize("how, given, reason", [
    ("", {"max_tokens": 3}, "max_tokens"),
    ("finish=stop_sequence", {"stop_sequences": ["END"]}, "stop_sequence"),
    ("refusal", {}, "refusal"),
    ("finish=content_filter", {}, "refusal"),
    ("finish=length", {}, "max_tokens"),
])
def test_stop_reasons(client, how, given, reason):
    message = ask(client, how, **given)
    assert message.stop_reason == reason
    assert message.stop_sequence == ("END" if reason == "stop_sequence" else None)
    delta, = [e for e in events(client, how, **given) if e.type == "message_delta"]
    assert delta.delta.stop_reason == reason


def test_a_blocked_prompt_is_an_empty_refusal(client):
    message = ask(client, "content_filter")
    assert (message.content, message.stop_reason) == ([], "refusal")


def test_tools(client):
    message = ask(client, tools=TOOLS, tool_choice={"type": "any"})
    call, = message.content
    assert (call.type, call.name, call.input) == ("tool_use", "weather", ARGUMENTS)
    assert message.stop_reason == "tool_use"
    named = ask(client, tools=TOOLS, tool_choice={"type": "tool", "name": "news"})
    assert named.content[0].name == "news"
    assert ask(client, tools=TOOLS).stop_reason == "end_turn"
    none = ask(client, "tools=2", tools=TOOLS, tool_choice={"type": "none"})
    assert none.stop_reason == "end_turn"
    single = ask(client, "tools=2", tools=TOOLS, tool_choice={
        "type": "any", "disable_parallel_tool_use": True})
    assert len(single.content) == 1


def test_parallel_tools_in_a_stream(client):
    how = f"tools=3,tool_args={ODD}"
    with client.messages.stream(
        model="claude-sim", max_tokens=100, messages=HELLO, tools=TOOLS,
        extra_headers={"x-sim": how},
    ) as stream:
        pieces = [e for e in stream if e.type == "content_block_delta"]
        message = stream.get_final_message()
    assert [call.name for call in message.content] == ["weather", "news", "weather"]
    assert len({call.id for call in message.content}) == 3
    assert all(call.input == json.loads(ODD) for call in message.content)
    assert len(pieces) > 9


def test_large_arguments(client):
    call, = ask(client, "tools=1,tool_args=100000", tools=TOOLS).content
    assert len(json.dumps(call.input, separators=(",", ":"))) == 100000


def test_thinking(client):
    thinking = {"type": "enabled", "budget_tokens": 1024}
    message = ask(client, max_tokens=2000, thinking=thinking)
    thought, text = message.content
    assert thought.type == "thinking" and thought.thinking.startswith("Reasoning:")
    assert thought.signature and text.text.startswith(TEXT)
    with client.messages.stream(model="claude-sim", max_tokens=2000,
                                messages=HELLO, thinking=thinking) as stream:
        kinds = {e.delta.type for e in stream if e.type == "content_block_delta"}
        again = stream.get_final_message()
    assert kinds == {"thinking_delta", "signature_delta", "text_delta"}
    assert again.content[0].thinking == thought.thinking
    assert again.content[0].signature == thought.signature
    assert ask(client, "reasoning=3").content[0].type == "thinking"


def test_cached_prompts(client):
    usage = ask(client, system=[{
        "type": "text", "text": "long " * 100,
        "cache_control": {"type": "ephemeral"}}]).usage
    assert usage.cache_creation_input_tokens > usage.cache_read_input_tokens > 0
    start = events(client, system=[{
        "type": "text", "text": "long", "cache_control": {"type": "ephemeral"}}])[0]
    assert start.message.usage.cache_creation_input_tokens > 0


def test_payloads_are_told_by_their_hash(client):
    text = ask(client, messages=[{"role": "user", "content": [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png",
                                     "data": base64.b64encode(PNG).decode()}},
        {"type": "document", "source": {
            "type": "base64", "media_type": "application/pdf",
            "data": base64.b64encode(PDF).decode()}},
        {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
    ]}]).content[0].text
    assert text == (f"3 attached: image:{sha(PNG)} document:{sha(PDF)} "
                    "image:https://x/y.png")


def test_structured_output(client):
    text = ask(client, output_config={"format": {
        "type": "json_schema", "schema": SCHEMA}}).content[0].text
    assert json.loads(text) == {"city": "text", "days": 7}


def test_citations(client):
    block = ask(client, "citations=2").content[0]
    assert [c.document_index for c in block.citations] == [0, 1]
    with client.messages.stream(model="claude-sim", max_tokens=9, messages=HELLO,
                                extra_headers={"x-sim": "citations=2"}) as stream:
        assert len(stream.get_final_message().content[0].citations) == 2


CONVERSATION = {
    "system": "Be brief: ünï 😀.",
    "messages": [
        {"role": "user", "content": [
            {"type": "text", "text": 'What is "this"?\n'},
            {"type": "image", "source": {
                "type": "base64", "media_type": "image/png",
                "data": base64.b64encode(PNG).decode()}}]},
        {"role": "assistant", "content": [
            {"type": "text", "text": "Let me see."},
            {"type": "tool_use", "id": "call-1", "name": "weather",
             "input": {"city": "Oslo", "days": 2}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "call-1",
             "content": [{"type": "text", "text": "rain"}]},
            {"type": "text", "text": "And?"}]},
    ],
    "tools": TOOLS, "max_tokens": 900, "stop_sequences": ["END", "STOP"],
    # Newer packages have no argument for these, older programs send them.
    "extra_body": {"temperature": 0.5, "top_p": 0.9},
}


def test_the_mirror_shows_what_was_understood(client):
    text = ask(client, "mirror", **CONVERSATION).content[0].text
    assert json.loads(text) == understood()
    streamed = "".join(
        e.delta.text for e in events(client, "mirror", **CONVERSATION)
        if e.type == "content_block_delta")
    assert streamed == text


def test_count_tokens_and_models(client):
    assert client.messages.count_tokens(model="m", messages=HELLO).input_tokens > 5
    assert "sim-cut" in [model.id for model in client.models.list()]
    assert client.models.retrieve("claude-x").display_name == "claude-x"
    with pytest.raises(anthropic.NotFoundError):
        client.models.retrieve("missing-1")


@pytest.mark.parametrize("model, kind, name", [
    ("sim-400", anthropic.BadRequestError, "invalid_request_error"),
    ("sim-401", anthropic.AuthenticationError, "authentication_error"),
    ("sim-403", anthropic.PermissionDeniedError, "permission_error"),
    ("sim-404", anthropic.NotFoundError, "not_found_error"),
    ("sim-413", anthropic.RequestTooLargeError, "request_too_large"),
    ("sim-429", anthropic.RateLimitError, "rate_limit_error"),
    ("sim-500", anthropic.InternalServerError, "api_error"),
    ("sim-529", anthropic.OverloadedError, "overloaded_error"),
])
def test_errors(client, model, kind, name):
    with pytest.raises(kind) as caught:
        ask(client, model=model)
    error = caught.value
    assert error.body["type"] == "error" and error.body["error"]["type"] == name
    assert error.request_id == error.body["request_id"]
    if model == "sim-429":
        assert error.response.headers["retry-after"] == "1"


def test_a_prompt_that_is_too_long(client):
    with pytest.raises(anthropic.BadRequestError, match="prompt is too long: .* > 5 max"):
        ask(client, "context_length=5")


def test_a_bad_answer(client):
    for model in ("sim-error-200", "sim-error-late"):
        with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
            events(client, model=model)
    with pytest.raises(json.JSONDecodeError):
        events(client, model="sim-malformed")
    whole = len(events(client))
    for model in ("sim-cut:4", "sim-reset:4"):
        with pytest.raises(Exception, match="incomplete|reset|peer closed"):
            assert len(events(client, model=model)) < whole


GOOD = {"model": "m", "max_tokens": 5, "messages": HELLO}


@pytest.mark.parametrize("change, words", [
    ({"frequency_penalty": 1}, "frequency_penalty: Extra inputs are not permitted"),
    ({"max_tokens": None}, "max_tokens"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"messages": []}, "messages: at least one"),
    ({"messages": [{"role": "system", "content": "x"}]}, "messages.0.role"),
    ({"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "id": 1}]}]},
     "messages.0.content.0.id: Extra inputs"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
     "messages.0.content.0.type"),
    ({"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]},
     "messages.0.content.0.tool_use_id: Field required"),
    ({"messages": HELLO + [{"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "a"}]}]}, "unexpected `tool_use_id`"),
    ({"messages": HELLO + [{"role": "assistant", "content": [
        {"type": "tool_use", "id": "a", "name": "f", "input": {}}]}] + HELLO},
     "without `tool_result`"),
    ({"tools": [{"name": "x"}]}, "input_schema: Field required"),
    ({"tool_choice": {"type": "auto"}}, "tool_choice"),
    ({"thinking": {"type": "enabled", "budget_tokens": 5}}, "budget_tokens"),
    ({"stop_sequences": "END"}, "stop_sequences"),
])
def test_what_the_api_does_not_know_is_refused(sim, change, words):
    assert post(sim, GOOD)[0] == 200
    status, _, body = post(sim, GOOD | change)
    assert status == 400
    assert body["error"]["type"] == "invalid_request_error"
    assert words in body["error"]["message"]


def test_the_version_is_required(sim):
    status, _, body = post(sim, GOOD, version=None)
    assert status == 400 and "anthropic-version" in body["error"]["message"]


def test_the_key():
    with running("--api-key", "right") as sim:
        wrong = anthropic.Anthropic(base_url=sim.origin, api_key="wrong", max_retries=0)
        with pytest.raises(anthropic.AuthenticationError):
            ask(wrong)
        right = anthropic.Anthropic(base_url=sim.origin, api_key="right", max_retries=0)
        assert ask(right).content
        bearer = anthropic.Anthropic(base_url=sim.origin, auth_token="right", max_retries=0)
        assert ask(bearer).content


def test_echo_and_pace(sim, client):
    text = ask(client, model="echo-1").content[0].text
    assert text == f"sha256={sha(sim.last()['body'])} bytes={len(sim.last()['body'])}"
    assert ask(client, "giant_bytes=300000").content[0].text.count("simulator") > 700
    assert len(events(client, "paced=200,tokens=10")) == 15
