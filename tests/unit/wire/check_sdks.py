# SPDX-License-Identifier: Apache-2.0
"""What is written for a vendor, held against that vendor's own library.

    check_sdks.py bedrock|gemini PRINT_TRANSLATION

Exits with 77 (skipped) when the vendor's library is not installed.
"""
import json
import subprocess
import sys

FULL = {
    "messages": [
        {"role": "system", "content": [
            {"type": "text", "text": "s",
             "cache_control": {"type": "ephemeral"}}]},
        {"role": "user", "content": [
            {"type": "text", "text": "q"},
            {"type": "image_url",
             "image_url": {"url": "data:image/png;base64,QUJD"}},
            {"type": "file", "file": {
                "filename": "a_b.pdf",
                "file_data": "data:application/pdf;base64,QUJD"}}]},
        {"role": "assistant", "content": "a", "tool_calls": [
            {"id": "c1", "type": "function",
             "function": {"name": "f", "arguments": '{"a": ["\\u00e9"]}'}},
            {"id": "c2", "type": "function",
             "function": {"name": "f", "arguments": ""}}],
         "thinking_blocks": [
             {"type": "thinking", "thinking": "t", "signature": "U0lH"}]},
        {"role": "tool", "tool_call_id": "c1", "content": "r"},
        {"role": "tool", "tool_call_id": "c2", "content": '{"a": 1}'}],
    "tools": [{"type": "function", "function": {
        "name": "f", "description": "d", "parameters": {"type": "object"}}}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "temperature": 0.5, "top_p": 0.5, "max_tokens": 9000, "stop": ["x"],
    "reasoning_effort": "low",
    "response_format": {"type": "json_schema", "json_schema": {
        "name": "n", "schema": {"type": "object"}}},
}


def translate(tool, to, request):
    done = subprocess.run([tool, "request", "openai", to],
                          input=json.dumps(request), text=True,
                          capture_output=True, check=True)
    return json.loads(done.stdout)


def check_bedrock(tool):
    import botocore.session
    from botocore.validate import ParamValidator

    client = botocore.session.get_session().create_client(
        "bedrock-runtime", region_name="us-east-1")
    shape = client.meta.service_model.operation_model("Converse").input_shape
    for model in ("anthropic.claude-sonnet-4", "amazon.nova-pro-v1:0"):
        asked = translate(tool, "bedrock", {"model": model, **FULL})
        report = ParamValidator().validate(
            {"modelId": model, **asked}, shape)
        assert not report.has_errors(), report.generate_report()
        check_members(asked, shape)


def check_members(value, shape):
    """Every member is one that the service has."""
    if shape.type_name == "structure" and shape.members:
        for key, inner in value.items():
            assert key in shape.members, f"{shape.name} has no {key}"
            check_members(inner, shape.members[key])
    elif shape.type_name == "list":
        for inner in value:
            check_members(inner, shape.member)


def check_gemini(tool):
    from google.genai import types

    for model in ("gemini-2.5-pro", "gemini-3-pro-preview"):
        asked = translate(tool, "gemini", {"model": model, **FULL})
        for content in asked.pop("contents"):
            types.Content.model_validate(content)
        types.Content.model_validate(asked.pop("systemInstruction"))
        for each in asked.pop("tools"):
            types.Tool.model_validate(each)
        types.ToolConfig.model_validate(asked.pop("toolConfig"))
        types.GenerationConfig.model_validate(asked.pop("generationConfig"))
        assert not asked, asked
    try:
        types.Part.model_validate({"owl": 1})
    except ValueError:
        return
    raise AssertionError("the library takes anything")


if __name__ == "__main__":
    try:
        {"bedrock": check_bedrock, "gemini": check_gemini}[sys.argv[1]](
            sys.argv[2])
    except ImportError as missing:
        print(missing)
        sys.exit(77)
