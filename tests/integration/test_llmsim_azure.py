# SPDX-License-Identifier: Apache-2.0
"""llmsim's Azure face, and what both OpenAI faces answer when they read the
whole request, as the unmodified `openai` package sees it."""

import base64
import json

import pytest

openai = pytest.importorskip("openai")
from pydantic import BaseModel

from faces import ARGUMENTS, ODD, PDF, PNG, SCHEMA, TEXT, running, sha, understood


@pytest.fixture(name="sim", scope="module")
def one_sim():
    with running() as sim:
        yield sim


def azure_of(sim, key="k"):
    return openai.AzureOpenAI(azure_endpoint=sim.origin, api_key=key,
                              api_version="2024-10-21", max_retries=0)


@pytest.fixture(name="azure", scope="module")
def one_azure(sim):
    return azure_of(sim)


@pytest.fixture(name="client", params=["azure", "azure v1", "openai"])
def any_client(request, sim):
    if request.param == "azure":
        return azure_of(sim)
    path = "/openai/v1" if request.param == "azure v1" else "/v1"
    return openai.OpenAI(base_url=sim.origin + path, api_key="k", max_retries=0)


HELLO = [{"role": "user", "content": "Hi"}]
TOOLS = [{"type": "function", "function": {
    "name": name, "description": f"The {name}", "parameters": SCHEMA}}
    for name in ("weather", "news")]


def ask(client, how="", model="gpt-4o", messages=None, **members):
    return client.chat.completions.create(
        model=model, messages=messages or HELLO, extra_headers={"x-sim": how}, **members)


def stream(client, how="", **members):
    return list(ask(client, how, stream=True, **members))


def deltas(chunks, name):
    return "".join(getattr(c.choices[0].delta, name, None) or "" for c in chunks if c.choices)


def message_of(answer):
    return answer.choices[0].message


def test_an_answer_with_the_filters_results(azure, sim):
    answer = ask(azure)
    assert message_of(answer).content.startswith(TEXT)
    assert answer.model == "gpt-4o" and answer.usage.completion_tokens == 24
    assert answer.choices[0].content_filter_results["hate"]["filtered"] is False
    assert answer.prompt_filter_results[0]["prompt_index"] == 0
    assert sim.last()["target"] == (
        "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21")


def test_a_stream_with_the_filters_results(azure):
    first, *chunks, last = stream(azure, stream_options={"include_usage": True})
    assert first.choices == [] and first.prompt_filter_results
    assert last.usage.completion_tokens == 24 and last.choices == []
    assert deltas(chunks, "content") == message_of(ask(azure)).content
    assert all(c.choices[0].content_filter_results for c in chunks)
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_several_choices_in_a_stream(client):
    texts = {0: "", 1: ""}
    for chunk in stream(client, "reasoning=2,tokens=3", n=2):
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
    assert texts == {0: "This answer was", 1: "This answer was"}


def test_the_other_endpoints(azure):
    assert azure.completions.create(model="m", prompt="x").choices[0].text.startswith(TEXT)
    data = azure.embeddings.create(model="e", input=["a", "b"], dimensions=8).data
    assert [len(one.embedding) for one in data] == [8, 8]


def test_the_version_is_required(sim):
    path = "/openai/deployments/m/chat/completions"
    body = json.dumps({"messages": HELLO})
    assert sim.call("POST", path, body)[0] == 404
    assert sim.call("POST", path + "?api-version=2024-10-21", body)[0] == 200


def test_the_filter_objects(sim, azure):
    with pytest.raises(openai.BadRequestError) as caught:
        ask(azure, "content_filter")
    assert caught.value.code == "content_filter"
    inner = caught.value.body["innererror"]
    assert inner["code"] == "ResponsibleAIPolicyViolation"
    assert inner["content_filter_result"]["violence"]["filtered"] is True
    choice, = ask(azure, "finish=content_filter").choices
    assert choice.finish_reason == "content_filter"
    assert choice.content_filter_results["violence"]["filtered"] is True
    with pytest.raises(openai.BadRequestError) as caught:
        ask(openai.OpenAI(base_url=sim.url, api_key="k", max_retries=0), "content_filter")
    assert caught.value.code == "content_policy_violation"


def test_the_key():
    with running("--api-key", "right") as sim:
        with pytest.raises(openai.AuthenticationError):
            ask(azure_of(sim, "wrong"))
        assert ask(azure_of(sim, "right")).choices
        token = openai.AzureOpenAI(
            azure_endpoint=sim.origin, azure_ad_token="right", api_version="1", max_retries=0)
        assert ask(token).choices


@pytest.mark.parametrize("status, kind", [
    (400, openai.BadRequestError), (401, openai.AuthenticationError),
    (404, openai.NotFoundError), (429, openai.RateLimitError),
    (500, openai.InternalServerError),
])
def test_errors(azure, status, kind):
    for call in (ask, stream):
        with pytest.raises(kind) as caught:
            call(azure, model=f"sim-{status}")
        assert caught.value.request_id
        if status == 429:
            assert caught.value.code == "429"


def test_a_prompt_that_is_too_long(client):
    with pytest.raises(openai.BadRequestError, match="maximum context length is 5 tokens") as caught:
        ask(client, "context_length=5")
    assert caught.value.code == "context_length_exceeded"


def test_a_bad_answer(azure):
    with pytest.raises(openai.APIError, match="had an error"):
        stream(azure, model="sim-error-late")
    with pytest.raises(json.JSONDecodeError):
        stream(azure, model="sim-malformed")
    with pytest.raises(Exception, match="incomplete|peer closed"):
        stream(azure, model="sim-cut:4")


def test_parallel_tools(client):
    how = f"tools=3,tool_args={ODD}"
    answer = ask(client, how, tools=TOOLS)
    calls = message_of(answer).tool_calls
    assert [call.function.name for call in calls] == ["weather", "news", "weather"]
    assert all(json.loads(call.function.arguments) == json.loads(ODD) for call in calls)
    assert answer.choices[0].finish_reason == "tool_calls"
    one = message_of(ask(client, "tools=3", tools=TOOLS, parallel_tool_calls=False))
    assert len(one.tool_calls) == 1
    assert json.loads(one.tool_calls[0].function.arguments) == ARGUMENTS
    assert not message_of(ask(client, "tools=3", tools=TOOLS, tool_choice="none")).tool_calls


def test_parallel_tools_in_a_stream(client):
    with client.chat.completions.stream(
        model="gpt-4o", messages=HELLO, tools=TOOLS,
        extra_headers={"x-sim": f"tools=3,tool_args={ODD}"},
    ) as events:
        list(events)
        message = events.get_final_completion().choices[0].message
    assert [call.function.name for call in message.tool_calls] == ["weather", "news", "weather"]
    assert len({call.id for call in message.tool_calls}) == 3
    assert all(call.function.arguments == ODD for call in message.tool_calls)


def test_reasoning(client):
    answer = ask(client, "reasoning=4")
    assert message_of(answer).reasoning_content.startswith("Reasoning:")
    assert message_of(answer).content.startswith(TEXT)
    assert answer.usage.completion_tokens_details.reasoning_tokens == 4
    chunks = stream(client, "reasoning=4")
    assert deltas(chunks, "reasoning_content") == message_of(answer).reasoning_content
    assert deltas(chunks, "content") == message_of(answer).content


def test_refusal_logprobs_and_citations(client):
    refused = ask(client, "refusal")
    assert message_of(refused).refusal and message_of(refused).content is None
    assert deltas(stream(client, "refusal"), "refusal") == message_of(refused).refusal
    tokens = ask(client, logprobs=True, top_logprobs=2).choices[0].logprobs.content
    assert "".join(t.token for t in tokens).startswith(TEXT)
    assert len(tokens) == 24 and len(tokens[0].top_logprobs) == 2
    streamed = [c.choices[0].logprobs.content[0].token
                for c in stream(client, logprobs=True) if c.choices and c.choices[0].logprobs]
    assert streamed == [t.token for t in tokens]
    assert len(message_of(ask(client, "citations=2")).annotations) == 2
    assert ask(client, "finish=length").choices[0].finish_reason == "length"
    assert ask(client, "cached_tokens=3").usage.prompt_tokens_details.cached_tokens == 3


class Weather(BaseModel):
    class Day(BaseModel):
        name: str
        degrees: float

    city: str
    days: list[Day]
    sunny: bool


def test_structured_output(client):
    answer = client.chat.completions.parse(
        model="gpt-4o", messages=HELLO, response_format=Weather)
    assert message_of(answer).parsed.days[0].degrees == 1.5
    text = message_of(ask(client, response_format={"type": "json_object"})).content
    assert isinstance(json.loads(text), dict)
    plain = message_of(ask(client, response_format={"type": "text"})).content
    assert plain == message_of(ask(client)).content


def url(data, kind):
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def test_payloads_are_told_by_their_hash(client):
    text = message_of(ask(client, messages=[{"role": "user", "content": [
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": url(PNG, "image/png")}},
        {"type": "input_audio", "input_audio": {
            "data": base64.b64encode(PDF).decode(), "format": "wav"}},
        {"type": "file", "file": {"filename": "d", "file_data": url(PDF, "application/pdf")}},
        {"type": "image_url", "image_url": {"url": "https://x/y.png"}}]}])).content
    assert text == (f"4 attached: image:{sha(PNG)} audio:{sha(PDF)} document:{sha(PDF)} "
                    "image:https://x/y.png")


def test_the_mirror_shows_what_was_understood(client):
    text = message_of(ask(
        client, "mirror",
        messages=[
            {"role": "system", "content": "Be brief: ünï 😀."},
            {"role": "user", "content": [
                {"type": "text", "text": 'What is "this"?\n'},
                {"type": "image_url", "image_url": {"url": url(PNG, "image/png")}}]},
            {"role": "assistant", "content": "Let me see.", "tool_calls": [
                {"id": "call-1", "type": "function", "function": {
                    "name": "weather", "arguments": '{"city": "Oslo", "days": 2}'}}]},
            {"role": "tool", "tool_call_id": "call-1", "content": "rain"},
            {"role": "user", "content": "And?"},
        ],
        tools=TOOLS, max_tokens=900, temperature=0.5, top_p=0.9,
        stop=["END", "STOP"])).content
    assert json.loads(text) == understood()
