# SPDX-License-Identifier: Apache-2.0
"""The unmodified `openai` package, sync and async, through llmgw to llmsim.

Method: what the client makes of an answer through llmgw must equal what it
makes of the simulator's own (requests numbered alike, so that ids are equal);
faults must end in the exception that the package has for them, and a client
that leaves must be seen to leave by the provider within a second.
"""

import asyncio
import base64
import json
import time

import httpx
import openai
import pytest

from serving import Serving, is_sanitized

HI = [{"role": "user", "content": "Hi"}]
WEATHER = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Weather at a place",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        },
    }
]


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    with Serving(tmp_path_factory.mktemp("python")) as one:
        yield one


@pytest.fixture(scope="module")
def sim(serving):
    return serving.sim("--api-key", "sk-of-the-provider")


@pytest.fixture(scope="module", params=["native", "curl"])
def gateway(request, serving, sim):
    provider = {
        "base_url": sim.url,
        "api_key": "sk-of-the-provider",
        "transport": request.param,
        "timeouts": {"first_byte": "5s", "idle": "5s"},
    }
    return serving.gateway({"sim": provider}, [{"name": "*"}, {"name": "gpt-4o"}])


def client_of(url, key="sk-of-the-client", **options):
    options.setdefault("max_retries", 0)
    return openai.OpenAI(base_url=url, api_key=key, timeout=20, **options)


@pytest.fixture
def client(gateway):
    with client_of(gateway.url + "/v1") as one:
        yield one


@pytest.fixture
def both(client, sim):
    """both(ask): what `ask` gets through llmgw, after checking that it gets
    the same from the simulator itself."""
    with client_of(sim.url, "sk-of-the-provider") as direct:

        def ask_both(ask):
            answers = []
            for one in (direct, client):
                sim.reset()
                answers.append(ask(one))
            assert answers[0] == answers[1]
            return answers[1]

        yield ask_both


def dump(answer):
    return json.loads(answer.model_dump_json(warnings=False))


def collect(stream):
    with stream:
        return [dump(event) for event in stream]


def text_of(chunks):
    return "".join(
        c["choices"][0]["delta"]["content"] or "" for c in chunks if c["choices"]
    )


def arguments_of(chunks):
    pieces = [
        call["function"]["arguments"]
        for c in chunks
        if c["choices"]
        for call in c["choices"][0]["delta"]["tool_calls"] or []
    ]
    assert len(pieces) > 3  # they really came in pieces
    return json.loads("".join(pieces))


# ---- answers ------------------------------------------------------------------


def test_chat(both):
    answer = both(
        lambda c: dump(c.chat.completions.create(model="gpt-4o", messages=HI, n=2))
    )
    assert [choice["finish_reason"] for choice in answer["choices"]] == ["stop"] * 2
    assert answer["usage"]["total_tokens"] > 0


def test_chat_streams(both):
    chunks = both(
        lambda c: collect(
            c.chat.completions.create(model="gpt-4o", messages=HI, stream=True)
        )
    )
    assert len(text_of(chunks).split()) == 24
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert all(chunk["usage"] is None for chunk in chunks)


def test_chat_streams_with_usage_if_asked(both):
    chunks = both(
        lambda c: collect(
            c.chat.completions.create(
                model="gpt-4o",
                messages=HI,
                stream=True,
                stream_options={"include_usage": True},
            )
        )
    )
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == 24


def test_usage_is_counted_though_the_client_does_not_ask(client, gateway):
    stream = client.chat.completions.with_raw_response.create(
        model="gpt-4o", messages=HI, stream=True
    )
    assert all(chunk.choices for chunk in stream.parse())
    record = gateway.record_of(stream.headers["x-request-id"])
    assert record["usage"] == "reported" and record["output_tokens"] == 24


def test_unicode_and_long_messages(client, sim):
    text = 'ünï \u0000\u2028 "quotes" \\ 😀 ' + "long " * 20000
    client.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": text}]
    )
    assert sim.last()["body_bytes"] > 100000


def test_tools(both):
    answer = both(
        lambda c: dump(
            c.chat.completions.create(model="sim-tool", messages=HI, tools=WEATHER)
        )
    )
    call = answer["choices"][0]["message"]["tool_calls"][0]
    assert call["function"]["name"] == "get_weather"
    assert isinstance(json.loads(call["function"]["arguments"]), dict)
    assert answer["choices"][0]["finish_reason"] == "tool_calls"


def test_streamed_tool_arguments_are_intact(both):
    chunks = both(
        lambda c: collect(
            c.chat.completions.create(
                model="sim-tool", messages=HI, tools=WEATHER, stream=True
            )
        )
    )
    assert isinstance(arguments_of(chunks), dict)


def test_the_stream_helper_gathers_a_tool_call(client):
    with client.beta.chat.completions.stream(
        model="sim-tool", messages=HI, tools=WEATHER
    ) as stream:
        last = stream.get_final_completion()
    call = last.choices[0].message.tool_calls[0]
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments)


@pytest.mark.parametrize("form", [openai.NOT_GIVEN, "float", "base64"])
def test_embeddings(both, form):
    answer = both(
        lambda c: dump(
            c.embeddings.create(
                model="text-embedding-3-small",
                input=["a", "b"],
                encoding_format=form,
                dimensions=64,
            )
        )
    )
    vectors = [one["embedding"] for one in answer["data"]]
    if form == "base64":
        assert [len(base64.b64decode(v)) for v in vectors] == [256, 256]
    else:
        assert [len(v) for v in vectors] == [64, 64]
    assert vectors[0] != vectors[1]


def test_completions(both):
    answer = both(lambda c: dump(c.completions.create(model="gpt-4o", prompt="Once")))
    assert answer["choices"][0]["text"]
    chunks = both(
        lambda c: collect(
            c.completions.create(model="gpt-4o", prompt="Once", stream=True)
        )
    )
    text = "".join(chunk["choices"][0]["text"] for chunk in chunks)
    assert text == answer["choices"][0]["text"]


def test_responses(both):
    answer = both(
        lambda c: dump(c.responses.create(model="gpt-4o", input="Hi", store=False))
    )
    assert answer["status"] == "completed" and answer["usage"]["output_tokens"] == 24


def test_responses_stream(both, client, gateway):
    events = both(
        lambda c: collect(c.responses.create(model="gpt-4o", input="Hi", stream=True))
    )
    kinds = [event["type"] for event in events]
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
    text = "".join(
        e["delta"] for e in events if e["type"] == "response.output_text.delta"
    )
    assert text == events[-1]["response"]["output"][0]["content"][0]["text"]
    raw = client.responses.with_raw_response.create(
        model="gpt-4o", input="Hi", stream=True
    )
    assert list(raw.parse())
    record = gateway.record_of(raw.headers["x-request-id"])
    assert record["usage"] == "reported" and record["output_tokens"] == 24


def test_models(client):
    assert [model.id for model in client.models.list()] == ["gpt-4o"]
    assert client.models.retrieve("gpt-4o").owned_by == "sim"
    assert client.models.retrieve("behind-the-pattern").owned_by == "llmsim"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("missing-over-there")


def test_models_of_a_start_from_the_environment(serving, sim):
    """All names are patterns then: the provider is asked for its list."""
    gateway = serving.gateway_from_environment(
        {"OPENAI_BASE_URL": sim.url, "OPENAI_API_KEY": "sk-of-the-provider"}
    )
    with client_of(gateway.url + "/v1") as client:
        assert "gpt-4o-mini" in [model.id for model in client.models.list()]
        assert client.models.retrieve("openai/gpt-4o").id == "gpt-4o"
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("openai/")


def test_moderations(both):
    answer = both(
        lambda c: dump(c.moderations.create(input=["peace", "violence"], model="m"))
    )
    assert [one["flagged"] for one in answer["results"]] == [False, True]


def test_images(both):
    answer = both(
        lambda c: dump(c.images.generate(model="dall-e-3", prompt="A dot", n=2))
    )
    assert len(answer["data"]) == 2
    assert base64.b64decode(answer["data"][0]["b64_json"]).startswith(b"\x89PNG")


def test_speech(both):
    audio = both(
        lambda c: c.audio.speech.create(model="tts-1", voice="alloy", input="Hi").read()
    )
    assert len(audio) == 16384


def test_transcription_of_a_large_file(client, gateway):
    """20 MB pass without being held: the peak grows by buffers only."""

    def peak_kib():
        with open(f"/proc/{gateway.pid}/status", encoding="ascii") as status:
            return int(
                next(line for line in status if line.startswith("VmHWM")).split()[1]
            )

    def transcribe(data):
        return client.audio.transcriptions.create(
            model="whisper-1", file=("talk.wav", data), language="en"
        ).text

    transcribe(b"\0" * 100000)
    before = peak_kib()
    assert int(transcribe(b"\0" * 20_000_000).split()[0]) > 20_000_000
    if not is_sanitized(gateway):
        assert peak_kib() < before + 4096


# ---- errors -------------------------------------------------------------------


def failure(client, model, **members):
    with pytest.raises(openai.OpenAIError) as caught:
        client.chat.completions.create(model=model, messages=HI, **members)
    return caught.value


@pytest.mark.parametrize(
    "model, kind, status",
    [
        ("sim-400", openai.BadRequestError, 400),
        ("sim-404", openai.NotFoundError, 404),
        ("sim-409", openai.ConflictError, 409),
        ("sim-422", openai.UnprocessableEntityError, 422),
        ("sim-429", openai.RateLimitError, 429),
        ("sim-500", openai.InternalServerError, 500),
        ("sim-503", openai.InternalServerError, 503),
        ("sim-html-502", openai.InternalServerError, 502),
        # The gateway's credentials are not the client's.
        ("sim-401", openai.InternalServerError, 502),
        ("sim-403", openai.InternalServerError, 502),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_errors_of_the_provider(client, model, kind, status, stream):
    error = failure(client, model, stream=stream)
    assert type(error) is kind and error.status_code == status
    assert error.type and error.body["message"] and error.request_id
    assert "<html" not in error.message


def test_wrong_requests_name_the_place(client):
    error = failure(client, "gpt-4o", extra_body={"max_tokens": "many"})
    assert isinstance(error, openai.BadRequestError)
    assert error.param == "max_tokens" and error.code == "invalid_value"


def test_unknown_models_get_the_nearest_names(serving, sim):
    gateway = serving.gateway(
        {"sim": {"base_url": sim.url}},
        [{"name": "gpt-4o"}, {"name": "gpt-4o-mini"}, {"name": "claude"}],
    )
    with client_of(gateway.url + "/v1") as client:
        error = failure(client, "gpt-4p")
    assert isinstance(error, openai.NotFoundError)
    assert error.code == "model_not_found" and error.param == "model"
    assert "'gpt-4o'" in error.message and "claude" not in error.message


def test_an_error_event_ends_a_stream(client):
    with pytest.raises(openai.APIError) as caught:
        collect(
            client.chat.completions.create(
                model="sim-cut:2", messages=HI, stream=True
            )
        )
    assert caught.value.code == "upstream_broke"


def test_a_provider_that_hangs_is_given_up(serving, sim):
    provider = {"base_url": sim.url, "timeouts": {"first_byte": "300ms"}}
    gateway = serving.gateway({"sim": provider | {"api_key": "sk-of-the-provider"}})
    with client_of(gateway.url + "/v1") as client:
        error = failure(client, "sim-hang")
    assert error.status_code == 504 and error.code == "upstream_timeout"


# ---- the client's own retries -------------------------------------------------


def test_retry_after_is_honoured(gateway, sim):
    sim.reset()
    began = time.monotonic()
    with client_of(gateway.url + "/v1", max_retries=1) as client:
        error = failure(client, "sim-429:1")
    assert error.response.headers["retry-after"] == "1"
    assert 0.9 < time.monotonic() - began < 4
    assert sim.stats()["requests"] == 2


def answering(*heads):
    """A provider that answers with each of these heads in turn."""
    left = list(heads)

    def handler(connection, _):
        body = b'{"object":"chat.completion","choices":[]}'
        connection.sendall(
            b"HTTP/1.1 %s\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\n\r\n%s" % (left.pop(0), len(body), body)
        )

    return handler


@pytest.mark.parametrize("first", [b"500 A", b"502 B", b"503 C", b"429 D"])
def test_failures_are_retried_by_the_client(serving, provider, first):
    upstream = provider(answering(first + b"\r\nretry-after-ms: 10", b"200 OK"))
    gateway = serving.gateway({"p": {"base_url": upstream.url}})
    with client_of(gateway.url + "/v1", max_retries=2) as client:
        client.chat.completions.create(model="m", messages=HI)
    assert len(upstream.requests) == 2


def test_refused_credentials_are_not_retried(serving, provider):
    upstream = provider(answering(b"401 Unauthorized", b"200 OK"))
    gateway = serving.gateway({"p": {"base_url": upstream.url}})
    with client_of(gateway.url + "/v1", max_retries=2) as client:
        assert failure(client, "m").status_code == 502
    assert len(upstream.requests) == 1


def test_a_server_that_is_away_is_a_connection_error(serving, sim):
    gateway = serving.gateway({"p": {"base_url": sim.url}})
    url = gateway.url + "/v1"
    gateway.stop()
    with client_of(url) as client:
        assert type(failure(client, "m")) is openai.APIConnectionError


# ---- clients that leave -------------------------------------------------------


def test_a_timeout_is_seen_by_the_provider(client, sim):
    sim.reset()
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.3).chat.completions.create(
            model="sim-hang", messages=HI
        )
    sim.wait_for(seconds=1, aborted=1, open=0)


def test_a_stream_closed_half_way_is_cancelled(client, sim, gateway):
    sim.reset()
    stream = client.chat.completions.with_raw_response.create(
        model="sim-slow:ttft_ms=1,tokens_per_second=50,tokens=10000",
        messages=HI,
        stream=True,
    )
    chunks = stream.parse()
    for _, _ in zip(range(5), chunks):
        pass
    chunks.close()
    sim.wait_for(seconds=1, aborted=1, open=0)
    record = gateway.record_of(stream.headers["x-request-id"])
    assert record["ending"] == "client_gone" and record["usage"] == "estimated"
    assert record["events"] >= 5


# ---- async --------------------------------------------------------------------


def async_client(gateway):
    return openai.AsyncOpenAI(
        base_url=gateway.url + "/v1", api_key="sk-of-the-client", max_retries=0
    )


def test_async_chat_and_stream(gateway, both):
    chunks = both(
        lambda c: collect(
            c.chat.completions.create(model="gpt-4o", messages=HI, stream=True)
        )
    )

    async def run():
        async with async_client(gateway) as client:
            whole = await client.chat.completions.create(model="gpt-4o", messages=HI)
            stream = await client.chat.completions.create(
                model="gpt-4o", messages=HI, stream=True
            )
            return whole, [dump(chunk) async for chunk in stream]

    whole, streamed = asyncio.run(run())
    assert whole.choices[0].message.content == text_of(streamed) == text_of(chunks)


@pytest.mark.threads
def test_many_async_streams_at_once(gateway):
    async def one(client, n):
        stream = await client.chat.completions.create(
            model=f"sim-slow:ttft_ms=1..30,tokens_per_second=2000,tokens={n + 1}",
            messages=HI,
            stream=True,
        )
        return text_of([dump(chunk) async for chunk in stream])

    async def run():
        limits = httpx.Limits(max_connections=40)
        async with openai.AsyncOpenAI(
            base_url=gateway.url + "/v1",
            api_key="unused",
            max_retries=0,
            http_client=httpx.AsyncClient(limits=limits, timeout=20),
        ) as client:
            return await asyncio.gather(*(one(client, n) for n in range(80)))

    texts = asyncio.run(run())
    for shorter, longer in zip(texts, texts[1:]):
        assert longer.startswith(shorter) and len(longer) > len(shorter)


def test_async_cancellation_reaches_the_provider(gateway, sim):
    async def run():
        async with async_client(gateway) as client:
            first = asyncio.Event()

            async def read():
                stream = await client.chat.completions.create(
                    model="sim-slow:ttft_ms=1,tokens_per_second=50,tokens=10000",
                    messages=HI,
                    stream=True,
                )
                async for _ in stream:
                    first.set()

            task = asyncio.create_task(read())
            await asyncio.wait_for(first.wait(), 5)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.to_thread(sim.wait_for, 1, aborted=1, open=0)

    sim.reset()
    asyncio.run(run())
