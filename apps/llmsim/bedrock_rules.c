/* SPDX-License-Identifier: Apache-2.0 */
/* Bedrock's face: the members that a request for Converse may have. */
#include "bedrock.h"

static const struct sim_rule s3_rules[] = {
    { "uri", SIM_STR | SIM_REQUIRED },
    { "bucketOwner", SIM_STR },
    { NULL },
};

static const struct sim_rule source_rules[] = {
    { "bytes", SIM_STR },
    { "s3Location", SIM_OBJ, s3_rules },
    { "text", SIM_STR },
    { "content", SIM_LIST },
    { NULL },
};

static const struct sim_rule media_rules[] = {
    { "format", SIM_STR | SIM_REQUIRED },
    { "source", SIM_OBJ | SIM_REQUIRED, source_rules },
    { NULL },
};

static const struct sim_rule document_rules[] = {
    { "format", SIM_STR },
    { "name", SIM_STR | SIM_REQUIRED },
    { "source", SIM_OBJ | SIM_REQUIRED, source_rules },
    { "context", SIM_STR },
    { "citations", SIM_OBJ },
    { NULL },
};

static const struct sim_rule use_rules[] = {
    { "toolUseId", SIM_STR | SIM_REQUIRED },
    { "name", SIM_STR | SIM_REQUIRED },
    { "input", SIM_ANY | SIM_REQUIRED },
    { "type", SIM_STR },
    { NULL },
};

static const struct sim_rule result_content_rules[] = {
    { "text", SIM_STR },
    { "json", SIM_ANY },
    { "image", SIM_OBJ, media_rules },
    { "document", SIM_OBJ, document_rules },
    { "video", SIM_OBJ, media_rules },
    { "searchResult", SIM_OBJ },
    { NULL },
};

static const struct sim_rule result_rules[] = {
    { "toolUseId", SIM_STR | SIM_REQUIRED },
    { "content", SIM_LIST | SIM_REQUIRED, result_content_rules },
    { "status", SIM_STR, .values = "success error" },
    { "type", SIM_STR },
    { NULL },
};

static const struct sim_rule reasoning_text_rules[] = {
    { "text", SIM_STR | SIM_REQUIRED },
    { "signature", SIM_STR },
    { NULL },
};

static const struct sim_rule reasoning_rules[] = {
    { "reasoningText", SIM_OBJ, reasoning_text_rules },
    { "redactedContent", SIM_STR },
    { NULL },
};

static const struct sim_rule cache_rules[] = {
    { "type", SIM_STR | SIM_REQUIRED, .values = "default" },
    { "ttl", SIM_STR, .values = "5m 1h" },
    { NULL },
};

static const struct sim_rule content_rules[] = {
    { "text", SIM_STR },
    { "image", SIM_OBJ, media_rules },
    { "audio", SIM_OBJ, media_rules },
    { "video", SIM_OBJ, media_rules },
    { "document", SIM_OBJ, document_rules },
    { "toolUse", SIM_OBJ, use_rules },
    { "toolResult", SIM_OBJ, result_rules },
    { "reasoningContent", SIM_OBJ, reasoning_rules },
    { "cachePoint", SIM_OBJ, cache_rules },
    { "guardContent", SIM_OBJ },
    { "citationsContent", SIM_OBJ },
    { "searchResult", SIM_OBJ },
    { NULL },
};

static const struct sim_rule message_rules[] = {
    { "role", SIM_STR | SIM_REQUIRED, .values = "user assistant" },
    { "content", SIM_LIST | SIM_REQUIRED, content_rules },
    { NULL },
};

static const struct sim_rule system_rules[] = {
    { "text", SIM_STR },
    { "cachePoint", SIM_OBJ, cache_rules },
    { "guardContent", SIM_OBJ },
    { NULL },
};

static const struct sim_rule inference_rules[] = {
    { "maxTokens", SIM_NUM },
    { "temperature", SIM_NUM },
    { "topP", SIM_NUM },
    { "stopSequences", SIM_LIST },
    { NULL },
};

static const struct sim_rule schema_rules[] = {
    { "json", SIM_OBJ | SIM_REQUIRED },
    { NULL },
};

static const struct sim_rule spec_rules[] = {
    { "name", SIM_STR | SIM_REQUIRED },
    { "description", SIM_STR },
    { "inputSchema", SIM_OBJ | SIM_REQUIRED, schema_rules },
    { "strict", SIM_BOOL },
    { NULL },
};

static const struct sim_rule tool_rules[] = {
    { "toolSpec", SIM_OBJ, spec_rules },
    { "cachePoint", SIM_OBJ, cache_rules },
    { "systemTool", SIM_OBJ },
    { NULL },
};

static const struct sim_rule nothing_rules[] = { { NULL } };

static const struct sim_rule named_rules[] = {
    { "name", SIM_STR | SIM_REQUIRED },
    { NULL },
};

static const struct sim_rule choice_rules[] = {
    { "auto", SIM_OBJ, nothing_rules },
    { "any", SIM_OBJ, nothing_rules },
    { "tool", SIM_OBJ, named_rules },
    { NULL },
};

static const struct sim_rule tool_config_rules[] = {
    { "tools", SIM_LIST | SIM_REQUIRED, tool_rules },
    { "toolChoice", SIM_OBJ, choice_rules },
    { NULL },
};

static const struct sim_rule json_schema_rules[] = {
    { "schema", SIM_STR | SIM_REQUIRED },
    { "name", SIM_STR },
    { "description", SIM_STR },
    { NULL },
};

static const struct sim_rule structure_rules[] = {
    { "jsonSchema", SIM_OBJ | SIM_REQUIRED, json_schema_rules },
    { NULL },
};

static const struct sim_rule format_rules[] = {
    { "type", SIM_STR | SIM_REQUIRED, .values = "json_schema" },
    { "structure", SIM_OBJ | SIM_REQUIRED, structure_rules },
    { NULL },
};

static const struct sim_rule output_rules[] = {
    { "textFormat", SIM_OBJ, format_rules },
    { "effort", SIM_STR },
    { NULL },
};

static const struct sim_rule counted_rules[] = {
    { "messages", SIM_LIST, message_rules },
    { "system", SIM_LIST, system_rules },
    { "toolConfig", SIM_OBJ, tool_config_rules },
    { "additionalModelRequestFields", SIM_ANY },
    { NULL },
};

static const struct sim_rule count_input_rules[] = {
    { "converse", SIM_OBJ, counted_rules },
    { NULL },
};

const struct sim_rule sim_bedrock_count_rules[] = {
    { "input", SIM_OBJ, count_input_rules },
    { NULL },
};

const struct sim_rule sim_bedrock_rules[] = {
    { "messages", SIM_LIST, message_rules },
    { "system", SIM_LIST, system_rules },
    { "inferenceConfig", SIM_OBJ, inference_rules },
    { "toolConfig", SIM_OBJ, tool_config_rules },
    { "guardrailConfig", SIM_OBJ },
    { "additionalModelRequestFields", SIM_ANY },
    { "additionalModelResponseFieldPaths", SIM_LIST },
    { "promptVariables", SIM_OBJ },
    { "requestMetadata", SIM_OBJ },
    { "performanceConfig", SIM_OBJ },
    { "serviceTier", SIM_OBJ },
    { "outputConfig", SIM_OBJ, output_rules },
    { NULL },
};
