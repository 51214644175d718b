# SPDX-License-Identifier: Apache-2.0
"""OpenAI's own library reads the Responses that are written here.

    check_responses.py PRINT_TRANSLATION

Each event is held against the library's types, and the stream is read by its
client, whose final response must have what the provider said. Exits with 77
(skipped) when the library is not installed.
"""
import json
import subprocess
import sys

try:
    import httpx
    import openai
    from openai.types.responses import Response, ResponseStreamEvent
    from pydantic import TypeAdapter
except ImportError as missing:
    print(missing)
    sys.exit(77)

ANTHROPIC = [
    {"type": "message_start", "message": {
        "id": "1", "model": "claude", "usage": {"input_tokens": 9}}},
    {"type": "content_block_start", "content_block": {"type": "thinking"}},
    {"type": "content_block_delta",
     "delta": {"type": "thinking_delta", "thinking": "hm"}},
    {"type": "content_block_delta",
     "delta": {"type": "signature_delta", "signature": "S"}},
    {"type": "content_block_stop"},
    {"type": "content_block_start",
     "content_block": {"type": "redacted_thinking", "data": "R"}},
    {"type": "content_block_stop"},
    {"type": "content_block_start", "content_block": {"type": "text"}},
    {"type": "content_block_delta",
     "delta": {"type": "text_delta", "text": "Gr\u00fc\u00dfe\n"}},
    {"type": "content_block_delta",
     "delta": {"type": "text_delta", "text": "\"du\""}},
    {"type": "content_block_stop"},
    {"type": "content_block_start",
     "content_block": {"type": "tool_use", "id": "t", "name": "f"}},
    {"type": "content_block_delta",
     "delta": {"type": "input_json_delta", "partial_json": '{"a": '}},
    {"type": "content_block_delta",
     "delta": {"type": "input_json_delta", "partial_json": '"\\u00e9"}'}},
    {"type": "content_block_stop"},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"},
     "usage": {"output_tokens": 7}},
    {"type": "message_stop"},
]
REFUSAL = [
    {"id": "2", "model": "gpt", "choices": [
        {"index": 0, "delta": {"refusal": "no"}}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]},
    {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}},
]
FAILURE = [
    {"id": "3", "model": "gpt", "choices": [
        {"index": 0, "delta": {"content": "a"}}]},
    {"error": {"message": "m"}},
]
ANSWER = {"id": "4", "model": "claude", "content": [
    {"type": "thinking", "thinking": "hm", "signature": "S"},
    {"type": "text", "text": "hi"},
    {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}],
    "stop_reason": "tool_use",
    "usage": {"input_tokens": 1, "output_tokens": 2}}


def translate(kind, from_, text):
    done = subprocess.run([sys.argv[1], kind, from_, "responses"], input=text,
                          text=True, capture_output=True, check=True)
    return done.stdout


def stream_of(from_, events):
    return translate("stream", from_,
                     "\n".join(json.dumps(event) for event in events))


def check_events(stream):
    """Each event is of a type that the library knows, and numbered."""
    adapter = TypeAdapter(ResponseStreamEvent)
    seen = []
    for number, event in enumerate(stream.strip().split("\n\n")):
        name, data = event.split("\n")
        document = json.loads(data.removeprefix("data: "))
        assert name == "event: " + document["type"], event
        assert document["sequence_number"] == number, event
        parsed = adapter.validate_python(document)
        assert type(parsed).__name__ != "BaseModel", event
        seen.append(document["type"])
    return seen


def client_for(stream):
    def answer(_request):
        return httpx.Response(200, text=stream, headers={
            "content-type": "text/event-stream"})

    return openai.OpenAI(
        api_key="k", base_url="http://gateway.test/v1", max_retries=0,
        http_client=httpx.Client(transport=httpx.MockTransport(answer)))


def check_anthropic():
    stream = stream_of("anthropic", ANTHROPIC)
    seen = check_events(stream)
    assert seen[0] == "response.created"
    assert seen[-1] == "response.completed"
    with client_for(stream).responses.stream(model="m", input="q") as events:
        for _ in events:
            pass
        final = events.get_final_response()
    thought, sealed, text, call = final.output
    assert thought.summary[0].text == "hm"
    assert thought.encrypted_content == "S"
    assert sealed.encrypted_content == "redacted:R"
    assert final.output_text == "Gr\u00fc\u00dfe\n\"du\""
    assert text.content[0].text == final.output_text
    assert json.loads(call.arguments) == {"a": "\u00e9"}
    assert (call.call_id, call.name) == ("t", "f")
    assert final.usage.total_tokens == 16


def check_refusal():
    stream = stream_of("openai", REFUSAL)
    seen = check_events(stream)
    assert "response.refusal.delta" in seen and "response.refusal.done" in seen
    assert seen[-1] == "response.incomplete"
    for event in client_for(stream).responses.create(
            model="m", input="q", stream=True):
        last = event
    assert last.response.incomplete_details.reason == "max_output_tokens"
    assert last.response.output[0].content[0].refusal == "no"


def check_failure():
    seen = check_events(stream_of("openai", FAILURE))
    assert seen[-1] == "response.failed"


def check_whole():
    response = Response.model_validate_json(
        translate("answer", "anthropic", json.dumps(ANSWER)))
    assert response.output_text == "hi"
    assert [item.type for item in response.output] == [
        "reasoning", "message", "function_call"]
    assert response.usage.total_tokens == 3


if __name__ == "__main__":
    check_anthropic()
    check_refusal()
    check_failure()
    check_whole()
