# SPDX-License-Identifier: Apache-2.0
"""Services that judge texts, as far as guards need them: each of their answers
is made from the request, whose shape is checked by the vendor's own package
where there is one (openai's types, botocore's model of Bedrock)."""

import base64
import json
import re
import threading
import traceback

import botocore.loaders
import botocore.model
import botocore.validate
import pydantic
from openai.types import moderation_create_params

from serving import speaks

BAD = "bad word"  # what all services find
SCORES = {
    "harassment": 0.02,
    "hate": 0.91,
    "sexual/minors": 9.3e-05,
    "violence": 0.3,
}


def _bedrock():
    loader = botocore.loaders.Loader()
    model = botocore.model.ServiceModel(
        loader.load_service_model("bedrock-runtime", "service-2")
    )
    return model.operation_model("ApplyGuardrail")


APPLY = _bedrock()


def moderations(path, body):
    assert path == "/v1/moderations"
    pydantic.TypeAdapter(
        moderation_create_params.ModerationCreateParams
    ).validate_python(body)
    texts = body["input"]
    if texts and isinstance(texts[0], dict):
        assert len(texts) == 1
        texts = [texts[0]["image_url"]["url"]]
    results = []
    for text in texts:
        bad = BAD in text or "evil.example" in text or "QkFE" in text
        results.append(
            {
                "flagged": bad,
                "categories": {name: bad and name == "hate" for name in SCORES},
                "category_scores": SCORES if bad else dict.fromkeys(SCORES, 0.001),
            }
        )
    return {"id": "modr-1", "model": body["model"], "results": results}


def shields(path, body):
    assert path == "/contentsafety/text:shieldPrompt?api-version=2024-09-01"
    assert set(body) == {"userPrompt", "documents"} and len(body["documents"]) <= 5
    assert len(body["userPrompt"]) + sum(map(len, body["documents"])) <= 10000
    return {
        "userPromptAnalysis": {"attackDetected": BAD in body["userPrompt"]},
        "documentsAnalysis": [
            {"attackDetected": BAD in document} for document in body["documents"]
        ],
    }


def analysis(level):
    return [
        {"category": name, "severity": level if name == "Violence" else 0}
        for name in ("Hate", "SelfHarm", "Sexual", "Violence")
    ]


def azure_text(path, body):
    assert path == "/contentsafety/text:analyze?api-version=2024-09-01"
    assert len(body["text"]) <= 10000
    return {
        "blocklistsMatch": [],
        "categoriesAnalysis": analysis(6 if BAD in body["text"] else 0),
    }


def azure_image(path, body):
    assert path == "/contentsafety/image:analyze?api-version=2024-09-01"
    picture = base64.b64decode(body["image"]["content"])
    return {"categoriesAnalysis": analysis(4 if b"BAD" in picture else 0)}


def bedrock(path, body):
    assert re.fullmatch(r"/guardrail/[^/]+/version/[^/]+/apply", path)
    asked = json.loads(json.dumps(body))
    for block in asked["content"]:
        if "image" in block:
            source = block["image"]["source"]
            source["bytes"] = base64.b64decode(source["bytes"])
    problems = botocore.validate.ParamValidator().validate(
        asked | {"guardrailIdentifier": "g", "guardrailVersion": "1"},
        APPLY.input_shape,
    )
    assert not problems.has_errors(), problems.generate_report()
    (block,) = body["content"]
    text = block["text"]["text"] if "text" in block else ""
    assessment = {}
    if BAD in text:
        assessment["sensitiveInformationPolicy"] = {
            "piiEntities": [{"match": BAD, "type": "NAME", "action": "ANONYMIZED"}],
            "regexes": [],
        }
    if "trick" in text:
        assessment["contentPolicy"] = {
            "filters": [
                {"type": "PROMPT_ATTACK", "confidence": "HIGH", "action": "BLOCKED"}
            ]
        }
    return {
        "usage": {},
        "action": "GUARDRAIL_INTERVENED" if assessment else "NONE",
        "outputs": [],
        "assessments": [assessment] if assessment else [],
    }


def llama(path, body):
    assert path == "/v1/chat/completions" and body["temperature"] == 0
    *_, last = body["messages"]
    said = "unsafe\nS1" if BAD in last["content"] else "\n\nsafe"
    return {"choices": [{"message": {"role": "assistant", "content": said}}]}


def webhook(path, body):
    assert path == "/check" and body["version"] == 1
    findings = []
    for number, one in enumerate(body["texts"]):
        data = one.get("text", "").encode()
        at = data.find(BAD.encode())
        if at >= 0:
            findings.append(
                {
                    "text": number,
                    "kind": "acme.word",
                    "begin": at,
                    "end": at + len(BAD),
                    "label": "WORD",
                    "sure": 90,
                }
            )
    return {"findings": findings}


class Judges:
    """All of them behind one port. `mode`: what they do instead of an answer."""

    def __init__(self, serving):
        self.asked, self.problems, self.mode = [], [], None
        self.hold = threading.Event()
        self.listener = serving.listener(speaks(self._answer))
        self.url = "http://127.0.0.1:%d" % self.listener.port

    def reset(self):
        self.asked, self.problems, self.mode = [], [], None
        self.hold.set()
        self.hold = threading.Event()

    def _answer(self, head, body):
        lines = head.decode().split("\r\n")
        path = lines[0].split(" ")[1]
        fields = dict(line.lower().split(": ", 1) for line in lines[1:])
        value = json.loads(body)
        self.asked.append((path, fields, value))
        if self.mode == "hang":
            self.hold.wait(20)
        if self.mode == "broken":
            return reply(500, b"{}")
        if self.mode == "garbage":
            return reply(200, b'{"results": [1')
        if self.mode == "strange":
            return reply(200, b'{"ok": true}')
        if self.mode == "large":
            return reply(200, b'{"results": "' + b"x" * (2 << 20) + b'"}')
        answer = next(of for key, of in PATHS if key in path)
        try:
            return reply(200, json.dumps(answer(path, value)).encode())
        except Exception:
            self.problems.append(traceback.format_exc())
            return reply(400, b"{}")

    @property
    def bodies(self):
        return [value for _, _, value in self.asked]


PATHS = [
    ("/moderations", moderations),
    ("shieldPrompt", shields),
    ("text:analyze", azure_text),
    ("image:analyze", azure_image),
    ("/guardrail/", bedrock),
    ("/chat/completions", llama),
    ("/check", webhook),
]


def reply(status, body):
    return (
        b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\n" % status
        + b"content-length: %d\r\n\r\n" % len(body)
        + body
    )
