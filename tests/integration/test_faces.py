# SPDX-License-Identifier: Apache-2.0
"""Goal: whatever API a provider has, an OpenAI, an Anthropic and a Google
client get the same from it: text, streams, tools and their arguments, pictures,
structured output, errors and counts.
Method: every client package against every face of llmsim, which is strict about
its members; docs/conformance.md is what this found (LLMGW_CONFORMANCE=FILE
writes it).
"""

import array
import base64
import json
import os

import pytest

anthropic = pytest.importorskip("anthropic")
openai = pytest.importorskip("openai")
genai = pytest.importorskip("google.genai")

from google.genai import types
from faces import PNG, SCHEMA, TEXT, sha
from serving import KEY, Serving

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
FACES = ["openai", "azure", "anthropic", "gemini", "vertex", "bedrock"]
CLIENTS = ["openai", "anthropic", "gemini"]
FEATURES = [
    "text",
    "stream",
    "tools",
    "streamed tools",
    "images",
    "structured output",
    "errors",
    "usage",
]
found = {}


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    with Serving(tmp_path_factory.mktemp("faces")) as serving:
        yield serving
    path = os.environ.get("LLMGW_CONFORMANCE")
    if path:
        write_matrix(path)


@pytest.fixture(scope="module")
def sim(serving):
    return serving.sim("--sigv4-secret", f"AKIDEXAMPLE:{SECRET}")


def provider(face, sim):
    base = {
        "openai": {"base_url": sim.url},
        "azure": {
            "base_url": sim.origin + "/openai",
            "api_version": "2024-10-21",
        },
        "anthropic": {"base_url": sim.url},
        "gemini": {"base_url": sim.origin + "/v1beta"},
        "vertex": {
            "base_url": sim.origin
            + "/v1/projects/p/locations/europe-west4/publishers/google"
        },
        "bedrock": {
            "base_url": sim.origin,
            "api_key": None,
            "aws": {
                "access_key": "AKIDEXAMPLE",
                "secret_key": SECRET,
                "region": "eu-central-1",
            },
        },
    }[face]
    return {"dialect": face} | base


@pytest.fixture(scope="module")
def gateways(serving, sim):
    return {face: serving.gateway({face: provider(face, sim)}) for face in FACES}


class OpenAIClient:
    def __init__(self, url):
        self.api = openai.OpenAI(base_url=url + "/v1", api_key="none", max_retries=0)
        self.errors = openai.APIStatusError

    def body(self, model, text="Hi", image=None, tools=None, schema=None):
        content = [{"type": "text", "text": text}]
        if image:
            url = "data:image/png;base64," + base64.b64encode(image).decode()
            content.append({"type": "image_url", "image_url": {"url": url}})
        body = {"model": model, "messages": [{"role": "user", "content": content}]}
        if tools:
            body["tools"] = [
                {"type": "function", "function": {"name": t, "parameters": SCHEMA}}
                for t in tools
            ]
        if schema:
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "n", "schema": schema},
            }
        return body

    def ask(self, model, **how):
        answer = self.api.chat.completions.create(**self.body(model, **how))
        message = answer.choices[0].message
        calls = [
            (c.function.name, json.loads(c.function.arguments))
            for c in message.tool_calls or []
        ]
        usage = answer.usage
        return message.content, calls, (usage.prompt_tokens, usage.completion_tokens)

    def stream(self, model, **how):
        text, calls, usage = "", {}, None
        for chunk in self.api.chat.completions.create(
            stream=True, stream_options={"include_usage": True}, **self.body(model, **how)
        ):
            usage = chunk.usage or usage
            for choice in chunk.choices:
                text += choice.delta.content or ""
                for call in choice.delta.tool_calls or []:
                    one = calls.setdefault(call.index, ["", ""])
                    one[0] += call.function.name or ""
                    one[1] += call.function.arguments or ""
        calls = [(name, json.loads(arguments)) for name, arguments in calls.values()]
        counts = usage and (usage.prompt_tokens, usage.completion_tokens)
        return text, calls, counts


class AnthropicClient:
    def __init__(self, url):
        self.api = anthropic.Anthropic(base_url=url, api_key="none", max_retries=0)
        self.errors = anthropic.APIStatusError

    def body(self, model, text="Hi", image=None, tools=None, schema=None):
        content = [{"type": "text", "text": text}]
        if image:
            content.append(
                {
                    "type": "image",
                    "source": {
                        "type": "base64",
                        "media_type": "image/png",
                        "data": base64.b64encode(image).decode(),
                    },
                }
            )
        body = {
            "model": model,
            "max_tokens": 1000,
            "messages": [{"role": "user", "content": content}],
        }
        if tools:
            body["tools"] = [{"name": t, "input_schema": SCHEMA} for t in tools]
        if schema:
            body["output_config"] = {
                "format": {"type": "json_schema", "schema": schema}
            }
        return body

    def read(self, answer):
        text = "".join(b.text for b in answer.content if b.type == "text")
        calls = [(b.name, b.input) for b in answer.content if b.type == "tool_use"]
        return text, calls, (answer.usage.input_tokens, answer.usage.output_tokens)

    def ask(self, model, **how):
        return self.read(self.api.messages.create(**self.body(model, **how)))

    def stream(self, model, **how):
        with self.api.messages.stream(**self.body(model, **how)) as stream:
            return self.read(stream.get_final_message())


class GeminiClient:
    def __init__(self, url):
        self.api = genai.Client(
            api_key="none", http_options=types.HttpOptions(base_url=url)
        )
        self.errors = genai.errors.APIError

    def body(self, model, text="Hi", image=None, tools=None, schema=None):
        parts = [types.Part.from_text(text=text)]
        if image:
            parts.append(types.Part.from_bytes(data=image, mime_type="image/png"))
        config = {}
        if tools:
            config["tools"] = [
                types.Tool(
                    function_declarations=[
                        types.FunctionDeclaration(
                            name=t, parameters_json_schema=SCHEMA
                        )
                        for t in tools
                    ]
                )
            ]
        if schema:
            config["response_mime_type"] = "application/json"
            config["response_json_schema"] = schema
        return {
            "model": model,
            "contents": [types.Content(role="user", parts=parts)],
            "config": types.GenerateContentConfig(
                automatic_function_calling={"disable": True}, **config
            ),
        }

    def ask(self, model, **how):
        return self.read([self.api.models.generate_content(**self.body(model, **how))])

    def stream(self, model, **how):
        return self.read(
            list(self.api.models.generate_content_stream(**self.body(model, **how)))
        )

    def read(self, answers):
        text, calls, usage = "", [], None
        for answer in answers:
            usage = answer.usage_metadata or usage
            for candidate in answer.candidates or []:
                for part in (candidate.content and candidate.content.parts) or []:
                    text += part.text or ""
                    if part.function_call:
                        calls.append((part.function_call.name, part.function_call.args))
        counts = usage and (usage.prompt_token_count, usage.candidates_token_count)
        return text, calls, counts


KINDS = {"openai": OpenAIClient, "anthropic": AnthropicClient, "gemini": GeminiClient}


@pytest.fixture(params=CLIENTS)
def client_name(request):
    return request.param


@pytest.fixture(params=FACES)
def face(request):
    return request.param


@pytest.fixture
def client(client_name, face, gateways):
    return KINDS[client_name]("http://%s:%d" % gateways[face].address)


@pytest.fixture(params=FEATURES)
def feature(request):
    return request.param


def text(client):
    answer, calls, _ = client.ask("sim-x")
    assert answer.startswith(TEXT) and not calls


def stream(client):
    whole, _, _ = client.ask("sim-x")
    assert client.stream("sim-x")[0] == whole


def tools(client):
    _, calls, _ = client.ask("sim-tools:2", tools=["weather", "news"])
    assert [name for name, _ in calls] == ["weather", "news"]
    assert all(isinstance(a, dict) and a for _, a in calls)


def streamed_tools(client):
    _, whole, _ = client.ask("sim-tools:2", tools=["weather", "news"])
    _, calls, _ = client.stream("sim-tools:2", tools=["weather", "news"])
    assert calls == whole and len(calls) == 2


def images(client):
    answer, _, _ = client.ask("sim-x", image=PNG)
    assert sha(PNG) in answer


def structured_output(client):
    answer, _, _ = client.ask("sim-x", schema=SCHEMA)
    assert set(SCHEMA["required"]) <= set(json.loads(answer))


def errors(client):
    for model, status in (("sim-429", 429), ("sim-400", 400), ("sim-500", None)):
        with pytest.raises(client.errors) as raised:
            client.ask(model)
        code = getattr(raised.value, "status_code", None) or raised.value.code
        assert code == status or (status is None and code >= 500)
        with pytest.raises(client.errors):
            client.stream(model)


def usage(client):
    _, _, counts = client.ask("sim-x")
    _, _, streamed = client.stream("sim-x")
    assert counts[0] > 0 and streamed[0] > 0
    assert counts[1] == streamed[1] == 24


def test_everything_arrives(client, client_name, face, feature, gateways):
    check = globals()[feature.replace(" ", "_")]
    key = (client_name, face, feature)
    found[key] = "fails"
    try:
        check(client)
    except Exception as e:
        # What cannot be said is named, by us and not by the provider. All can
        # be said to all at present: one that no longer can is a step back.
        if "cannot be expressed" in str(e):
            found[key] = "refused"
        raise
    found[key] = "yes"


def test_tokens_are_counted(gateways, face):
    """By the provider itself; OpenAI's API has nothing that would."""
    url = "http://%s:%d" % gateways[face].address
    client = anthropic.Anthropic(base_url=url, api_key="none", max_retries=0)
    asked = {
        "model": "sim-x",
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "How many words are these?"}],
        "tools": [{"name": "weather", "input_schema": SCHEMA}],
    }
    if face in ("openai", "azure"):
        with pytest.raises(anthropic.BadRequestError, match="how many tokens"):
            client.messages.count_tokens(**asked)
        return
    short = client.messages.count_tokens(**asked).input_tokens
    asked["messages"][0]["content"] *= 20
    assert 0 < short < client.messages.count_tokens(**asked).input_tokens
    with pytest.raises(anthropic.RateLimitError):
        client.messages.count_tokens(**asked | {"model": "sim-429"})


EMBEDDERS = {  # models by face; the Bedrock ones differ in their bodies
    "openai": "text-embedding-3-small",
    "azure": "text-embedding-3-small",
    "gemini": "gemini-embedding-001",
    "vertex": "text-embedding-005",
    "bedrock, Titan": "amazon.titan-embed-text-v2:0",
    "bedrock, Cohere": "us.cohere.embed-v4:0",
}
TEXTS = ['ünï "😀"', "two\nlines"]


def embed(client, model, texts, **how):
    answer = client.embeddings.create(model=model, input=texts, dimensions=64, **how)
    assert [one.index for one in answer.data] == list(range(len(answer.data)))
    return [one.embedding for one in answer.data], answer.usage


@pytest.mark.parametrize("name", EMBEDDERS)
def test_embeddings(gateways, name):
    """The package asks for base64 and gives floats, unless told otherwise: the
    same vectors either way, of one text or several, wherever they come from."""
    found[name] = "fails"
    model = EMBEDDERS[name]
    url = "http://%s:%d/v1" % gateways[name.split(",")[0]].address
    client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
    one, usage = embed(client, model, TEXTS[0])
    assert len(one) == 1 and len(one[0]) == 64
    assert abs(sum(x * x for x in one[0]) - 1) < 1e-5
    assert usage.prompt_tokens == usage.total_tokens > 0
    if name == "bedrock, Titan":  # one at a time
        with pytest.raises(openai.BadRequestError, match=r"input\[1\]"):
            embed(client, model, TEXTS)
    else:
        packed, _ = embed(client, model, TEXTS)
        plain, _ = embed(client, model, TEXTS, encoding_format="float")
        assert [array.array("f", v) for v in plain] == [array.array("f", v) for v in packed]
        assert packed[0] == one[0] != packed[1]
    if "bedrock" not in name:  # there the model's name says whose body it is
        with pytest.raises(openai.RateLimitError):
            embed(client, "sim-429", "x")
    found[name] = "yes"


def test_embeddings_are_booked(serving, sim):
    gateway = serving.gateway({"vertex": provider("vertex", sim)})
    url = "http://%s:%d/v1" % gateway.address
    client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
    _, usage = embed(client, "text-embedding-005", TEXTS)
    record = gateway.records(1)[0]
    assert record["input_tokens"] == usage.prompt_tokens > 0
    assert (record["operation"], record["output_tokens"]) == ("embeddings", 0)


def test_embeddings_that_cannot_be(gateways):
    """One text a request there; and nobody else's tokens, however many."""
    url = "http://%s:%d/v1" % gateways["vertex"].address
    client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
    assert embed(client, "gemini-embedding-001", TEXTS[0])[0]
    for wrong, field in ((TEXTS, r"input\[1\]"), ([[1, 2]] * 2, "input"),
                         ([[7] * 2000] * 140, "input")):
        with pytest.raises(openai.BadRequestError, match=field):
            embed(client, "gemini-embedding-001", wrong)
    assert embed(client, "gemini-embedding-001", "x", extra_body={"stream": False})[0]
    with pytest.raises(openai.BadRequestError, match="stream"):
        embed(client, "gemini-embedding-001", "x", extra_body={"stream": True})


def test_tokens_go_to_openais_kind(serving, sim):
    """Behind one that cannot be told them, however many they are."""
    deployments = [{"provider": "gemini", "model": "gemini-embedding-001"},
                   {"provider": "openai", "model": "text-embedding-3-small"}]
    gateway = serving.gateway(
        {face: provider(face, sim) for face in ("gemini", "openai")},
        [{"name": "m", "deployments": deployments}],
    )
    url = "http://%s:%d/v1" % gateway.address
    client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
    for tokens in ([[1, 2], [3]], [[7] * 2000] * 140):
        assert len(embed(client, "m", tokens)[0]) == len(tokens)
        assert gateway.records(1)[-1]["provider"] == "openai"


def test_there_are_no_embeddings(gateways):
    url = "http://%s:%d/v1" % gateways["anthropic"].address
    client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
    with pytest.raises(openai.BadRequestError, match="has no embeddings"):
        embed(client, "claude-x", "x")
    found["anthropic"] = "has none"


def write_matrix(path):
    lines = [
        "# Conformance",
        "",
        "<!-- Generated by tests/integration/test_faces.py; do not edit. -->",
        "",
        "Unmodified client packages (`openai`, `anthropic`, `google-genai`) against each API that a provider may have, through",
        "`llmgw`. *yes*: what the client gets is what the provider said, to the last argument. *refused*: the provider's API",
        "cannot express it, and the request is answered with an error that names the field.",
        "",
        "| client | provider | " + " | ".join(FEATURES) + " |",
        "|---|---|" + "---|" * len(FEATURES),
    ]
    for client in CLIENTS:
        for face in FACES:
            cells = [found.get((client, face, f), "not run") for f in FEATURES]
            lines.append(f"| {client} | {face} | " + " | ".join(cells) + " |")
    faces = [*EMBEDDERS, "anthropic"]
    lines += ["", "Embeddings, which only OpenAI's clients ask for here:", ""]
    lines.append("| " + " | ".join(faces) + " |")
    lines.append("|" + "---|" * len(faces))
    lines.append("| " + " | ".join(found.get(f, "not run") for f in faces) + " |")
    with open(path, "w") as out:
        out.write("\n".join(lines) + "\n")
