/* SPDX-License-Identifier: Apache-2.0 */
/* Gemini's face: what a request asks for. */
#include "gemini.h"

static bool refuse(struct sim_conn *conn, const char *why)
{
    sim_answer_error(conn, 400, NULL, why);
    return false;
}

static const char *kind_of(struct llmp_str type)
{
    return sim_str_starts(type, "image/")   ? "image"
           : sim_str_starts(type, "audio/") ? "audio"
           : sim_str_starts(type, "video/") ? "video"
                                            : "document";
}

static bool read_blob(struct sim_conn *conn, const char *role,
                      const struct sim_node *blob)
{
    struct llmp_str type = sim_text(sim_get(blob, "mimeType"));

    return sim_ask_media(&conn->worker->ask, role, kind_of(type), type,
                         sim_text(sim_get(blob, "data"))) ||
           refuse(conn, "Invalid value at 'inline_data.data' (TYPE_BYTES), "
                        "Base64 decoding failed");
}

/* One text is what other APIs would say as text. */
static void read_response(struct sim_ask *ask, const struct sim_node *response)
{
    const struct sim_node *value = sim_get(response, "response");
    const struct sim_node *only = sim_first(value);
    bool failed = sim_get(value, "error") != NULL;

    sim_ask_result_begin(ask, sim_text(sim_get(response, "id")),
                         sim_text(sim_get(response, "name")), failed);
    if (only && !only->next && only->type == LLMP_JSON_STRING)
        sim_ask_text(ask, "tool", only->text);
    else
        sim_ask_result_value(ask, value);
    sim_ask_result_end(ask);
}

static bool read_part(struct sim_conn *conn, const char *role,
                      const struct sim_node *part)
{
    struct sim_ask *ask = &conn->worker->ask;
    const struct sim_node *call = sim_get(part, "functionCall");
    const struct sim_node *file = sim_get(part, "fileData");
    const struct sim_node *text = sim_get(part, "text");

    if (sim_get(part, "inlineData"))
        return read_blob(conn, role, sim_get(part, "inlineData"));
    if (call)
        sim_ask_call(ask, sim_text(sim_get(call, "id")),
                     sim_text(sim_get(call, "name")), sim_get(call, "args"),
                     LLMP_STR("{}"));
    else if (sim_get(part, "functionResponse"))
        read_response(ask, sim_get(part, "functionResponse"));
    else if (file)
        sim_ask_link(ask, role, kind_of(sim_text(sim_get(file, "mimeType"))),
                     sim_text(sim_get(file, "fileUri")));
    else if (sim_is_true(sim_get(part, "thought")))
        sim_ask_thought(ask, sim_text(text),
                        sim_text(sim_get(part, "thoughtSignature")));
    else if (text)
        sim_ask_text(ask, role, text->text);
    else
        return refuse(conn, "Unable to submit request because it must have "
                            "initialized data in each part.");
    return true;
}

static bool read_contents(struct sim_conn *conn, const struct sim_node *list)
{
    const struct sim_node *one = sim_first(list);

    if (!one)
        return refuse(conn, "* GenerateContentRequest.contents: contents is "
                            "not specified");
    for (; one; one = one->next) {
        const struct sim_node *part = sim_first(sim_get(one, "parts"));
        bool model = sim_text_is(sim_get(one, "role"), "model");

        for (; part; part = part->next)
            if (!read_part(conn, model ? "assistant" : "user", part))
                return false;
    }
    return true;
}

/* This API writes types in capitals; the rest of the world does not. */
static void lower_types(struct sim_node *schema)
{
    static const char *const upper[] = { "STRING",  "NUMBER", "INTEGER",
                                         "BOOLEAN", "ARRAY",  "OBJECT",
                                         "NULL" };
    static const char *const lower[] = { "string",  "number", "integer",
                                         "boolean", "array",  "object",
                                         "null" };

    for (struct sim_node *one = schema->child; one; one = one->next) {
        for (size_t i = 0; i < sizeof(upper) / sizeof(upper[0]); i++)
            if (sim_str_is(one->key, "type") && sim_text_is(one, upper[i]))
                one->text = (struct llmp_str){ lower[i], strlen(lower[i]) };
        lower_types(one);
    }
}

static const struct sim_node *schema_of(const struct sim_node *node,
                                        const char *openapi, const char *json)
{
    struct sim_node *schema = sim_get(node, openapi);

    if (schema)
        lower_types(schema);
    return schema ? schema : sim_get(node, json);
}

static void read_tools(struct sim_ask *ask, const struct sim_node *root)
{
    const struct sim_node *calling =
        sim_get(sim_get(root, "toolConfig"), "functionCallingConfig");
    const struct sim_node *mode = sim_get(calling, "mode");
    const struct sim_node *allowed = sim_get(calling, "allowedFunctionNames");
    const struct sim_node *tool = sim_first(sim_get(root, "tools"));

    for (; tool; tool = tool->next) {
        const struct sim_node *one =
            sim_first(sim_get(tool, "functionDeclarations"));

        for (; one; one = one->next)
            sim_ask_tool(ask, sim_text(sim_get(one, "name")),
                         sim_text(sim_get(one, "description")),
                         schema_of(one, "parameters", "parametersJsonSchema"));
    }
    if (sim_text_is(mode, "ANY")) {
        ask->choice = SIM_CHOOSE_ANY;
        ask->chosen = sim_text(sim_first(allowed));
    } else if (sim_text_is(mode, "NONE")) {
        ask->choice = SIM_CHOOSE_NONE;
    }
}

static void read_config(struct sim_ask *ask, const struct sim_node *config)
{
    const struct sim_node *thinking = sim_get(config, "thinkingConfig");
    const struct sim_node *type = sim_get(config, "responseMimeType");
    const struct sim_node *schema =
        schema_of(config, "responseSchema", "responseJsonSchema");

    sim_ask_limit(ask, sim_get(config, "maxOutputTokens"));
    sim_ask_sampling(ask, "temperature", sim_get(config, "temperature"));
    sim_ask_sampling(ask, "top_p", sim_get(config, "topP"));
    sim_ask_sampling(ask, "top_k", sim_get(config, "topK"));
    sim_ask_sampling(ask, "seed", sim_get(config, "seed"));
    sim_ask_sampling(ask, "presence_penalty",
                     sim_get(config, "presencePenalty"));
    sim_ask_sampling(ask, "frequency_penalty",
                     sim_get(config, "frequencyPenalty"));
    sim_ask_stop(ask, sim_get(config, "stopSequences"));
    ask->candidates = sim_u64(sim_get(config, "candidateCount"), 1);
    if (sim_text_is(type, "application/json") || schema)
        sim_ask_schema(ask, schema);
    ask->thinks = sim_is_true(sim_get(thinking, "includeThoughts"));
    ask->budget = sim_u64(sim_get(thinking, "thinkingBudget"), 0);
    ask->effort = sim_text(sim_get(thinking, "thinkingLevel"));
}

#define CANDIDATES_MAX 8

bool sim_gemini_read(struct sim_conn *conn, const struct sim_node *root)
{
    struct sim_ask *ask = &conn->worker->ask;
    const struct sim_node *part =
        sim_first(sim_get(sim_get(root, "systemInstruction"), "parts"));

    for (; part; part = part->next)
        sim_ask_system(ask, sim_text(sim_get(part, "text")));
    if (!read_contents(conn, sim_get(root, "contents")))
        return false;
    read_tools(ask, root);
    read_config(ask, sim_get(root, "generationConfig"));
    ask->caches = sim_get(root, "cachedContent") != NULL;
    if (ask->candidates < 1 || ask->candidates > CANDIDATES_MAX)
        return refuse(conn, "* GenerateContentRequest.generation_config."
                            "candidate_count: must be 1 to 8");
    return true;
}
