# SPDX-License-Identifier: Apache-2.0
"""Goal: an unmodified `openai` client talks to a provider that speaks
Anthropic's API, and an unmodified `anthropic` client to one that speaks
OpenAI's, and neither notices: text, streams, tools, pictures, thoughts, errors.
Method: llmsim is strict about its faces' members and says what it understood.
"""

import base64
import json

import pytest

anthropic = pytest.importorskip("anthropic")
openai = pytest.importorskip("openai")

from faces import ODD, PDF, PNG, SCHEMA, TEXT, sha
from serving import KEY, Serving

MODELS = ["claude-*", "gpt-*", "sim-*"]


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    with Serving(tmp_path_factory.mktemp("translation")) as serving:
        yield serving


@pytest.fixture(scope="module")
def sim(serving):
    return serving.sim("--api-key", KEY)


def before(serving, sim, dialect, **model):
    return serving.gateway(
        {"there": {"base_url": sim.url, "dialect": dialect}},
        [{"name": "*"} | model],
    )


@pytest.fixture(scope="module")
def to_anthropic(serving, sim):
    return before(serving, sim, "anthropic")


@pytest.fixture(scope="module")
def to_openai(serving, sim):
    return before(serving, sim, "openai")


@pytest.fixture
def chat(to_anthropic):
    url = "http://%s:%d/v1" % to_anthropic.address
    return openai.OpenAI(base_url=url, api_key="none", max_retries=0).chat.completions


@pytest.fixture
def messages(to_openai):
    url = "http://%s:%d" % to_openai.address
    return anthropic.Anthropic(base_url=url, api_key="none", max_retries=0).messages


PICTURE = "data:image/png;base64," + base64.b64encode(PNG).decode()
WEATHER = {"name": "weather", "description": "The weather"}


def conversation():
    return [
        {"role": "system", "content": "Be brief: ünï 😀."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": 'What is "this"?\n'},
                {"type": "image_url", "image_url": {"url": PICTURE}},
            ],
        },
        {
            "role": "assistant",
            "content": "Let me see.",
            "tool_calls": [
                {
                    "id": "call-1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": ODD},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call-1", "content": "rain"},
        {"role": "user", "content": "And now?"},
    ]


# ---- an OpenAI client, an Anthropic provider ---------------------------------------


def test_a_chat(chat, sim):
    answer = chat.create(
        model="claude-x", messages=[{"role": "user", "content": "Hi"}], max_tokens=99
    )
    assert answer.choices[0].message.content.startswith(TEXT)
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.completion_tokens == 24
    last = sim.last()
    assert last["target"] == "/v1/messages"
    assert last["headers"]["x-api-key"] == KEY
    assert last["headers"]["anthropic-version"] == "2023-06-01"
    assert json.loads(last["body"])["max_tokens"] == 99


def test_all_of_a_conversation_arrives(chat):
    answer = chat.create(
        model="sim-mirror",
        messages=conversation(),
        tools=[{"type": "function", "function": WEATHER | {"parameters": SCHEMA}}],
        tool_choice="required",
        temperature=0.5,
        stop=["END"],
    )
    seen = json.loads(answer.choices[0].message.content)
    assert seen["system"] == ["Be brief: ünï 😀."]
    user, assistant, result, last = seen["messages"][:4]
    assert user["parts"][0] == {"type": "text", "text": 'What is "this"?\n'}
    assert user["parts"][1]["sha256"] == sha(PNG)
    assert assistant["parts"][1]["arguments"] == json.loads(ODD)
    assert result["parts"][0]["parts"] == [{"type": "text", "text": "rain"}]
    assert last["parts"] == [{"type": "text", "text": "And now?"}]
    assert "weather" in json.dumps(seen["tools"])
    assert json.dumps(SCHEMA["properties"]) in json.dumps(seen["tools"])


def test_a_streamed_chat(chat):
    chunks = list(
        chat.create(
            model="claude-x",
            messages=[{"role": "user", "content": "Hi"}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text.startswith(TEXT)
    assert chunks[-1].usage.completion_tokens == 24
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"


TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": SCHEMA}}
    for name in ("weather", "news")
]


def test_arguments_are_streamed_intact(chat):
    calls = {}
    pieces = 0
    for chunk in chat.create(
        model="sim-tools:2",
        messages=[{"role": "user", "content": "Hi"}],
        tools=TOOLS,
        stream=True,
    ):
        for call in chunk.choices[0].delta.tool_calls or []:
            one = calls.setdefault(call.index, {"id": "", "name": "", "arguments": ""})
            one["id"] += call.id or ""
            one["name"] += call.function.name or ""
            one["arguments"] += call.function.arguments or ""
            pieces += 1
    assert [call["name"] for call in calls.values()] == ["weather", "news"]
    assert all(json.loads(call["arguments"]) for call in calls.values())
    assert len({call["id"] for call in calls.values()}) == 2
    assert pieces > 4


def test_thoughts_and_their_seal(chat):
    answer = chat.create(
        model="claude-x",
        messages=[{"role": "user", "content": "Hi"}],
        reasoning_effort="low",
    )
    message = answer.choices[0].message
    assert message.reasoning_content
    assert message.thinking_blocks[0]["signature"]
    again = chat.create(
        model="sim-mirror",
        messages=[
            {"role": "user", "content": "Hi"},
            message.model_dump(exclude_none=True),
            {"role": "user", "content": "Go on"},
        ],
    )
    assert message.thinking_blocks[0]["signature"] in again.choices[0].message.content


@pytest.mark.parametrize(
    "model, error",
    [
        ("sim-429", openai.RateLimitError),
        ("sim-400", openai.BadRequestError),
        ("sim-500", openai.InternalServerError),
        ("sim-529", openai.InternalServerError),
        ("sim-401", openai.InternalServerError),
        ("sim-context", openai.BadRequestError),
    ],
)
def test_errors_are_openais(chat, model, error):
    with pytest.raises(error) as raised:
        chat.create(model=model, messages=[{"role": "user", "content": "Hi"}])
    assert raised.value.type and raised.value.body["message"]


def test_what_cannot_be_said_is_refused(chat, to_anthropic):
    with pytest.raises(openai.BadRequestError) as raised:
        chat.create(
            model="claude-x", messages=[{"role": "user", "content": "Hi"}], seed=1
        )
    assert raised.value.param == "seed" and raised.value.code == "unsupported_value"


def test_or_dropped_and_recorded(serving, sim):
    gateway = before(serving, sim, "anthropic", on_unsupported="drop")
    status, _, body = gateway.chat("claude-x", seed=1, logprobs=True)
    assert status == 200, body
    assert gateway.record()["dropped"] == "seed,logprobs"


def test_a_broken_stream_ends_in_an_error(to_anthropic):
    body = to_anthropic.stream("sim-cut:5")
    last = body.rstrip().split(b"\n\n")[-1]
    assert json.loads(last.removeprefix(b"data: "))["error"]["code"] == "upstream_broke"
    assert to_anthropic.record()["ending"] == "cut"


def test_an_error_late_in_a_stream(to_anthropic):
    body = to_anthropic.stream("sim-error-late:5")
    last = body.rstrip().split(b"\n\n")[-1]
    assert json.loads(last.removeprefix(b"data: "))["error"]["message"]
    assert to_anthropic.record()["ending"] == "upstream_error"


# ---- an Anthropic client, an OpenAI provider ----------------------------------------


def test_a_message(messages, sim):
    answer = messages.create(
        model="gpt-x", max_tokens=99, messages=[{"role": "user", "content": "Hi"}]
    )
    assert answer.content[0].text.startswith(TEXT)
    assert answer.stop_reason == "end_turn"
    assert answer.usage.output_tokens == 24
    assert sim.last()["target"] == "/v1/chat/completions"
    assert sim.last()["headers"]["authorization"] == "Bearer " + KEY


def test_all_of_messages_arrives(messages):
    answer = messages.create(
        model="sim-mirror",
        max_tokens=2000,
        system="Be brief: ünï 😀.",
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": 'What is "this"?\n'},
                    {
                        "type": "image",
                        "source": {
                            "type": "base64",
                            "media_type": "image/png",
                            "data": base64.b64encode(PNG).decode(),
                        },
                    },
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "Let me see."},
                    {
                        "type": "tool_use",
                        "id": "call-1",
                        "name": "weather",
                        "input": json.loads(ODD),
                    },
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "call-1", "content": "rain"},
                    {"type": "text", "text": "And now?"},
                ],
            },
        ],
        tools=[WEATHER | {"input_schema": SCHEMA}],
        tool_choice={"type": "auto"},
    )
    seen = json.loads(answer.content[0].text)
    assert seen["system"] == ["Be brief: ünï 😀."]
    user, assistant, result, last = seen["messages"]
    assert user["parts"][1]["sha256"] == sha(PNG)
    assert assistant["parts"][1]["arguments"] == json.loads(ODD)
    assert result["parts"][0]["parts"] == [{"type": "text", "text": "rain"}]
    assert last["parts"] == [{"type": "text", "text": "And now?"}]


def test_streamed_messages_with_tools(messages):
    with messages.stream(
        model="sim-tools:2",
        max_tokens=100,
        messages=[{"role": "user", "content": "Hi"}],
        tools=[
            {"name": name, "input_schema": SCHEMA} for name in ("weather", "news")
        ],
    ) as stream:
        final = stream.get_final_message()
    calls = [block for block in final.content if block.type == "tool_use"]
    assert [call.name for call in calls] == ["weather", "news"]
    assert all(call.input for call in calls)
    assert final.stop_reason == "tool_use" and final.usage.output_tokens > 0


def test_thoughts_of_others(messages):
    answer = messages.create(
        model="sim-reasoning",
        max_tokens=100,
        messages=[{"role": "user", "content": "Hi"}],
    )
    assert [block.type for block in answer.content] == ["thinking", "text"]


@pytest.mark.parametrize(
    "model, error",
    [
        ("sim-429", anthropic.RateLimitError),
        ("sim-400", anthropic.BadRequestError),
        ("sim-500", anthropic.InternalServerError),
        ("sim-404", anthropic.NotFoundError),
    ],
)
def test_errors_are_anthropics(messages, model, error):
    with pytest.raises(error) as raised:
        messages.create(
            model=model, max_tokens=9, messages=[{"role": "user", "content": "Hi"}]
        )
    assert raised.value.body["type"] == "error"
    assert raised.value.body["error"]["type"] and raised.value.body["error"]["message"]


def test_a_document(messages):
    answer = messages.create(
        model="sim-mirror",
        max_tokens=2000,
        messages=[
            {
                "role": "user",
                "content": [
                    {
                        "type": "document",
                        "title": "a.pdf",
                        "source": {
                            "type": "base64",
                            "media_type": "application/pdf",
                            "data": base64.b64encode(PDF).decode(),
                        },
                    }
                ],
            }
        ],
    )
    assert sha(PDF) in answer.content[0].text


def test_uploads_go_to_openais_kind_only(to_anthropic):
    body = b'{"model":"claude-x","input":"Hi","voice":"x"}'
    status, _, answer = to_anthropic.post("/v1/audio/speech", body)
    assert status == 400
    assert json.loads(answer)["error"]["code"] == "unsupported_operation"


# ---- the same dialect passes byte for byte ------------------------------------------


def test_messages_to_anthropic_pass_unaltered(to_anthropic, sim):
    url = "http://%s:%d" % to_anthropic.address
    client = anthropic.Anthropic(base_url=url, api_key="none", max_retries=0)
    body = b'{"model": "claude-x", "max_tokens":10 ,"messages":[{"role":"user","content":"Hi\\u0000"}]}'
    status, _, _ = to_anthropic.post("/v1/messages", body)
    assert status == 200 and sim.last()["body"] == body
    record = to_anthropic.record()
    assert record["usage"] == "reported" and record["output_tokens"] > 0
    with client.messages.stream(
        model="claude-x", max_tokens=100, messages=[{"role": "user", "content": "Hi"}]
    ) as stream:
        assert stream.get_final_message().usage.output_tokens == 24
    counted = client.messages.count_tokens(
        model="claude-x", messages=[{"role": "user", "content": "Hi"}]
    )
    assert counted.input_tokens > 0
    status, _, answer = to_anthropic.post("/v1/messages", b'{"model":"claude-x"}')
    assert status == 400 and json.loads(answer)["type"] == "error"
