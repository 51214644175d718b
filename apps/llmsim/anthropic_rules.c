/* SPDX-License-Identifier: Apache-2.0 */
/* Anthropic's face: the members that a request may have. */
#include "anthropic.h"

#define TEXT_OR_LIST (SIM_STR | SIM_LIST)

static const struct sim_rule cache_control_rules[] = {
    { "type", SIM_STR | SIM_REQUIRED, .values = "ephemeral" },
    { "ttl", SIM_STR, .values = "5m 1h" },
    { NULL },
};

static const struct sim_rule system_block_rules[] = {
    { "type", SIM_STR | SIM_REQUIRED, .values = "text" },
    { "text", SIM_STR | SIM_REQUIRED },
    { "cache_control", SIM_OBJ, cache_control_rules },
    { "citations", SIM_ANY },
    { NULL },
};

static const struct sim_rule inner_block_rules[];

static const struct sim_rule source_rules[] = {
    { "type", SIM_STR | SIM_REQUIRED,
      .values = "base64 url file text content" },
    { "media_type", SIM_STR | SIM_REQUIRED, .when = "base64 text" },
    { "data", SIM_STR | SIM_REQUIRED, .when = "base64 text" },
    { "url", SIM_STR | SIM_REQUIRED, .when = "url" },
    { "file_id", SIM_STR | SIM_REQUIRED, .when = "file" },
    { "content", TEXT_OR_LIST | SIM_REQUIRED, inner_block_rules,
      .when = "content" },
    { NULL },
};

#define MEDIA_MEMBERS                                                        \
    { "text", SIM_STR | SIM_REQUIRED, .when = "text" },                      \
        { "source", SIM_OBJ | SIM_REQUIRED, source_rules,                    \
          .when = "image document" },                                        \
        { "title", SIM_STR, .when = "document search_result" },              \
        { "context", SIM_STR, .when = "document" },                          \
        { "citations", SIM_ANY, .when = "text document search_result" },     \
    {                                                                        \
        "cache_control", SIM_OBJ, cache_control_rules,                       \
            .when = "text image document tool_use tool_result search_result" \
    }

static const struct sim_rule inner_block_rules[] = {
    { "type", SIM_STR | SIM_REQUIRED,
      .values = "text image document search_result" },
    MEDIA_MEMBERS,
    { "source", SIM_STR | SIM_REQUIRED, .when = "search_result" },
    { "content", SIM_LIST | SIM_REQUIRED, .when = "search_result" },
    { NULL },
};

static const struct sim_rule block_rules[] = {
    { "type", SIM_STR | SIM_REQUIRED,
      .values = "text image document search_result thinking redacted_thinking "
                "tool_use tool_result" },
    MEDIA_MEMBERS,
    { "source", SIM_STR | SIM_REQUIRED, .when = "search_result" },
    { "content", SIM_LIST | SIM_REQUIRED, .when = "search_result" },
    { "thinking", SIM_STR | SIM_REQUIRED, .when = "thinking" },
    { "signature", SIM_STR | SIM_REQUIRED, .when = "thinking" },
    { "data", SIM_STR | SIM_REQUIRED, .when = "redacted_thinking" },
    { "id", SIM_STR | SIM_REQUIRED, .when = "tool_use" },
    { "name", SIM_STR | SIM_REQUIRED, .when = "tool_use" },
    { "input", SIM_OBJ | SIM_REQUIRED, .when = "tool_use" },
    { "caller", SIM_OBJ, .when = "tool_use" },
    { "tool_use_id", SIM_STR | SIM_REQUIRED, .when = "tool_result" },
    { "content", TEXT_OR_LIST, inner_block_rules, .when = "tool_result" },
    { "is_error", SIM_BOOL, .when = "tool_result" },
    { NULL },
};

static const struct sim_rule message_rules[] = {
    { "role", SIM_STR | SIM_REQUIRED, .values = "user assistant" },
    { "content", TEXT_OR_LIST | SIM_REQUIRED, block_rules },
    { NULL },
};

static const struct sim_rule tool_rules[] = {
    { "name", SIM_STR | SIM_REQUIRED },
    { "type", SIM_STR },
    { "description", SIM_STR },
    { "input_schema", SIM_OBJ },
    { "cache_control", SIM_OBJ, cache_control_rules },
    { "strict", SIM_BOOL },
    { "defer_loading", SIM_BOOL },
    { "allowed_callers", SIM_LIST },
    { "eager_input_streaming", SIM_BOOL },
    { "input_examples", SIM_LIST },
    { "max_uses", SIM_NUM },
    { "allowed_domains", SIM_LIST },
    { "blocked_domains", SIM_LIST },
    { "user_location", SIM_OBJ },
    { NULL },
};

static const struct sim_rule tool_choice_rules[] = {
    { "type", SIM_STR | SIM_REQUIRED, .values = "auto any tool none" },
    { "name", SIM_STR | SIM_REQUIRED, .when = "tool" },
    { "disable_parallel_tool_use", SIM_BOOL, .when = "auto any tool" },
    { NULL },
};

static const struct sim_rule thinking_rules[] = {
    { "type", SIM_STR | SIM_REQUIRED, .values = "enabled disabled adaptive" },
    { "budget_tokens", SIM_NUM | SIM_REQUIRED, .when = "enabled" },
    { "display", SIM_STR, .when = "enabled adaptive",
      .values = "summarized omitted" },
    { NULL },
};

static const struct sim_rule format_rules[] = {
    { "type", SIM_STR | SIM_REQUIRED, .values = "json_schema" },
    { "schema", SIM_OBJ | SIM_REQUIRED },
    { NULL },
};

static const struct sim_rule output_config_rules[] = {
    { "effort", SIM_STR, .values = "low medium high xhigh max" },
    { "format", SIM_OBJ, format_rules },
    { NULL },
};

static const struct sim_rule metadata_rules[] = { { "user_id", SIM_STR },
                                                  { NULL } };

#define PROMPT_MEMBERS                                          \
    { "model", SIM_STR | SIM_REQUIRED },                        \
        { "messages", SIM_LIST | SIM_REQUIRED, message_rules }, \
        { "system", TEXT_OR_LIST, system_block_rules },         \
        { "tools", SIM_LIST, tool_rules },                      \
        { "tool_choice", SIM_OBJ, tool_choice_rules },          \
        { "thinking", SIM_OBJ, thinking_rules },                \
        { "output_config", SIM_OBJ, output_config_rules },      \
    {                                                           \
        "cache_control", SIM_OBJ, cache_control_rules           \
    }

const struct sim_rule sim_anthropic_count_rules[] = { PROMPT_MEMBERS,
                                                      { NULL } };

const struct sim_rule sim_anthropic_rules[] = {
    PROMPT_MEMBERS,
    { "max_tokens", SIM_NUM | SIM_REQUIRED },
    { "metadata", SIM_OBJ, metadata_rules },
    { "stop_sequences", SIM_LIST },
    { "stream", SIM_BOOL },
    { "temperature", SIM_NUM },
    { "top_k", SIM_NUM },
    { "top_p", SIM_NUM },
    { "service_tier", SIM_STR, .values = "auto standard_only" },
    { "output_format", SIM_OBJ, format_rules },
    { "container", SIM_ANY },
    { "context_management", SIM_OBJ },
    { "mcp_servers", SIM_LIST },
    { "inference_geo", SIM_STR },
    { NULL },
};
