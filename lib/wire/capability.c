/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/capability.h"

#include "base/internal.h"

#define USER "{\"role\":\"user\",\"content\":\"q\"}"
#define CHAT(more) \
    "{\"model\":\"m\",\"max_tokens\":4096,\"messages\":[" USER "]" more "}"
#define PART(part)                                                         \
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[" part \
    "]}]}"
#define TOOLS                                                          \
    ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"," \
    "\"parameters\":{\"type\":\"object\"}}}]"

/* Requests in OpenAI's words, which have one for nearly everything. */
static const struct {
    struct llmp_str name, request;
} features[] = {
    { LLMP_STR("system"),
      LLMP_STR("{\"model\":\"m\",\"messages\":[{\"role\":\"system\","
               "\"content\":\"s\"}," USER "]}") },
    { LLMP_STR("late_system"),
      LLMP_STR("{\"model\":\"m\",\"messages\":[" USER
               ",{\"role\":\"system\",\"content\":\"s\"}," USER "]}") },
    { LLMP_STR("stream"), LLMP_STR(CHAT(",\"stream\":true")) },
    { LLMP_STR("tools"), LLMP_STR(CHAT(TOOLS)) },
    { LLMP_STR("tool_choice"),
      LLMP_STR(CHAT(TOOLS ",\"tool_choice\":{\"type\":\"function\","
                          "\"function\":{\"name\":\"f\"}}")) },
    { LLMP_STR("serial_tool_calls"),
      LLMP_STR(CHAT(TOOLS ",\"parallel_tool_calls\":false")) },
    { LLMP_STR("parallel_tool_results"),
      LLMP_STR("{\"model\":\"m\",\"messages\":[" USER
               ",{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\","
               "\"type\":\"function\",\"function\":{\"name\":\"f\","
               "\"arguments\":\"{}\"}},{\"id\":\"b\",\"type\":\"function\","
               "\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]},"
               "{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"1\"},"
               "{\"role\":\"tool\",\"tool_call_id\":\"b\",\"content\":\"2\"}]"
               "}") },
    { LLMP_STR("images"),
      LLMP_STR(PART("{\"type\":\"image_url\",\"image_url\":{\"url\":"
                    "\"data:image/png;base64,AAAA\"}}")) },
    { LLMP_STR("image_urls"),
      LLMP_STR(PART("{\"type\":\"image_url\",\"image_url\":{\"url\":"
                    "\"https://example.com/a.png\"}}")) },
    { LLMP_STR("audio"),
      LLMP_STR(PART("{\"type\":\"input_audio\",\"input_audio\":{\"data\":"
                    "\"AAAA\",\"format\":\"wav\"}}")) },
    { LLMP_STR("documents"),
      LLMP_STR(PART("{\"type\":\"file\",\"file\":{\"filename\":\"a.pdf\","
                    "\"file_data\":\"data:application/pdf;base64,AAAA\"}}")) },
    { LLMP_STR("structured_output"),
      LLMP_STR(CHAT(",\"response_format\":{\"type\":\"json_schema\","
                    "\"json_schema\":{\"name\":\"n\",\"schema\":{\"type\":"
                    "\"object\"}}}")) },
    { LLMP_STR("json_mode"),
      LLMP_STR(CHAT(",\"response_format\":{\"type\":\"json_object\"}")) },
    { LLMP_STR("reasoning_effort"),
      LLMP_STR(CHAT(",\"reasoning_effort\":\"low\"")) },
    { LLMP_STR("reasoning_signatures"),
      LLMP_STR("{\"model\":\"m\",\"messages\":[" USER
               ",{\"role\":\"assistant\",\"content\":\"a\","
               "\"thinking_blocks\":[{\"type\":\"thinking\",\"thinking\":"
               "\"t\",\"signature\":\"s\"}]}," USER "]}") },
    { LLMP_STR("cache_control"),
      LLMP_STR(PART("{\"type\":\"text\",\"text\":\"q\",\"cache_control\":"
                    "{\"type\":\"ephemeral\"}}")) },
    { LLMP_STR("stop"), LLMP_STR(CHAT(",\"stop\":[\"x\"]")) },
    { LLMP_STR("temperature"), LLMP_STR(CHAT(",\"temperature\":0.5")) },
    { LLMP_STR("top_p"), LLMP_STR(CHAT(",\"top_p\":0.5")) },
    { LLMP_STR("top_k"), LLMP_STR(CHAT(",\"top_k\":5")) },
    { LLMP_STR("seed"), LLMP_STR(CHAT(",\"seed\":5")) },
    { LLMP_STR("n"), LLMP_STR(CHAT(",\"n\":2")) },
    { LLMP_STR("presence_penalty"),
      LLMP_STR(CHAT(",\"presence_penalty\":0.5")) },
    { LLMP_STR("frequency_penalty"),
      LLMP_STR(CHAT(",\"frequency_penalty\":0.5")) },
    { LLMP_STR("logprobs"),
      LLMP_STR(CHAT(",\"logprobs\":true,\"top_logprobs\":2")) },
    { LLMP_STR("logit_bias"), LLMP_STR(CHAT(",\"logit_bias\":{\"1\":1}")) },
    { LLMP_STR("user"), LLMP_STR(CHAT(",\"user\":\"u\"")) },
    { LLMP_STR("metadata"), LLMP_STR(CHAT(",\"metadata\":{\"a\":\"b\"}")) },
};

size_t llmp_feature_count(void)
{
    return LLMP_COUNT(features);
}

struct llmp_str llmp_feature_name(size_t feature)
{
    return features[feature].name;
}

int llmp_dialect_can(const struct llmp_dialect *dialect, size_t feature,
                     struct llmp_wire *wire)
{
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf out = { 0 };
    const struct llmp_json_value *root;
    struct llmp_chat chat = { .stream = false };
    int rc;

    wire->drop = false;
    wire->lost_count = 0;
    LLMP_TRY(llmp_json_tree(&root, features[feature].request, 0, wire->arena,
                            wire->err));
    LLMP_TRY(llmp_dialect_openai.read_request(&chat, root, wire));
    rc = dialect->write_request(&out, &chat, wire);
    if (rc == LLMP_E_NOMEM)
        return rc;
    if (rc < 0)
        return LLMP_CAPABLE_NOT;
    return wire->lost_count ? LLMP_CAPABLE_IGNORED : LLMP_CAPABLE;
}
