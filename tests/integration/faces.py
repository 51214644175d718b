# SPDX-License-Identifier: Apache-2.0
"""What the tests of llmsim's faces share: a simulator, a request with
everything in it, and what the simulator has to understand of it."""

import base64
import contextlib
import hashlib
import json

from serving import Sim

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA"
    "60e6kgAAAABJRU5ErkJggg=="
)
PDF = b"%PDF-1.4\n" + bytes(range(256))
TEXT = "This answer was made by a simulator that counts words instead of"
ARGUMENTS = {"location": "Paris, France"}
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city"],
}
ODD = '{"a":"\\u00e9\\"\\\\ \\n","b":[1,{"c":"\\ud83d\\ude00"}],"d":null}'
KEYS = ("bytes", "sha256")


@contextlib.contextmanager
def running(*args):
    sim = Sim(*args)
    try:
        yield sim
    finally:
        sim.stop()


def sha(data):
    return hashlib.sha256(data).hexdigest()


def image(data=PNG):
    return {
        "type": "image",
        "media_type": "image/png",
        "bytes": len(data),
        "sha256": sha(data),
    }


def understood(call_id="call-1", **more):
    """The mirror of the conversation that every face's test sends: a system
    prompt, text and an image, a tool called, its result, and a last word."""
    ids = {"id": call_id} if call_id else {}
    return {
        "system": ["Be brief: ünï 😀."],
        "messages": [
            {
                "role": "user",
                "parts": [{"type": "text", "text": 'What is "this"?\n'}, image()],
            },
            {
                "role": "assistant",
                "parts": [
                    {"type": "text", "text": "Let me see."},
                    {
                        "type": "tool_call",
                        **ids,
                        "name": "weather",
                        "arguments": {"city": "Oslo", "days": 2},
                    },
                ],
            },
            {
                "role": "tool",
                "parts": [
                    {
                        "type": "tool_result",
                        **ids,
                        "parts": [{"type": "text", "text": "rain"}],
                    }
                ],
            },
            {"role": "user", "parts": [{"type": "text", "text": "And?"}]},
        ],
        "tools": [
            {"name": "weather", "description": "The weather", "schema": SCHEMA},
            {"name": "news", "description": "The news", "schema": SCHEMA},
        ],
        "tool_choice": "auto",
        "max_tokens": 900,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["END", "STOP"],
    } | more


def parsed(text):
    return json.loads(text)
