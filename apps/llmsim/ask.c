/* SPDX-License-Identifier: Apache-2.0 */
#include "ask.h"

#include "media.h"

void sim_ask_reset(struct sim_ask *ask)
{
    struct sim_ask kept = *ask;

    kept.system.len = kept.messages.len = kept.tools.len = 0;
    kept.sampling.len = kept.names.len = kept.media.len = kept.bytes.len = 0;
    *ask = (struct sim_ask){
        .system = kept.system,
        .messages = kept.messages,
        .tools = kept.tools,
        .sampling = kept.sampling,
        .names = kept.names,
        .media = kept.media,
        .bytes = kept.bytes,
        .inner = kept.inner,
        .candidates = 1,
    };
}

void sim_ask_fini(struct sim_ask *ask)
{
    sim_buf_fini(&ask->system);
    sim_buf_fini(&ask->messages);
    sim_buf_fini(&ask->tools);
    sim_buf_fini(&ask->sampling);
    sim_buf_fini(&ask->names);
    sim_buf_fini(&ask->media);
    sim_buf_fini(&ask->bytes);
    sim_tree_fini(&ask->inner);
}

static void add_comma(struct sim_buf *out)
{
    if (out->len && out->ptr[out->len - 1] != '[')
        sim_buf_text(out, ",");
}

static void add_member(struct sim_buf *out, const char *name,
                       struct llmp_str text)
{
    if (text.len == 0)
        return;
    sim_buf_printf(out, ",\"%s\":", name);
    sim_buf_quote(out, text);
}

void sim_ask_system(struct sim_ask *ask, struct llmp_str text)
{
    add_comma(&ask->system);
    sim_buf_quote(&ask->system, text);
}

/* Opens a part, in a new message if the role is another one. */
static struct sim_buf *begin_part(struct sim_ask *ask, const char *role,
                                  const char *type)
{
    struct sim_buf *out = &ask->messages;

    if (role && (!ask->role || strcmp(role, ask->role) != 0)) {
        sim_buf_text(out, ask->role ? "]}," : "");
        sim_buf_printf(out, "{\"role\":\"%s\",\"parts\":[", role);
        ask->role = role;
    }
    add_comma(out);
    sim_buf_printf(out, "{\"type\":\"%s\"", type);
    return out;
}

void sim_ask_text(struct sim_ask *ask, const char *role, struct llmp_str text)
{
    struct sim_buf *out = begin_part(ask, role, "text");

    sim_buf_text(out, ",\"text\":");
    sim_buf_quote(out, text);
    sim_buf_text(out, "}");
}

void sim_ask_thought(struct sim_ask *ask, struct llmp_str text,
                     struct llmp_str signature)
{
    struct sim_buf *out = begin_part(ask, "assistant", "thinking");

    sim_buf_text(out, ",\"text\":");
    sim_buf_quote(out, text);
    add_member(out, "signature", signature);
    sim_buf_text(out, "}");
}

bool sim_ask_media(struct sim_ask *ask, const char *role, const char *kind,
                   struct llmp_str type, struct llmp_str base64)
{
    struct sim_buf *out = begin_part(ask, role, kind);
    char hex[SIM_HEX_SIZE];

    ask->bytes.len = 0;
    if (!sim_base64_decode(&ask->bytes, base64))
        return false;
    sim_sha256_hex(hex, sim_buf_str(&ask->bytes));
    add_member(out, "media_type", type);
    sim_buf_printf(out, ",\"bytes\":%zu,\"sha256\":\"%s\"}", ask->bytes.len,
                   hex);
    sim_buf_printf(&ask->media, "%s%s:%s", ask->media_count++ ? " " : "", kind,
                   hex);
    return true;
}

void sim_ask_link(struct sim_ask *ask, const char *role, const char *kind,
                  struct llmp_str url)
{
    struct sim_buf *out = begin_part(ask, role, kind);

    add_member(out, "url", url);
    sim_buf_text(out, "}");
    sim_buf_printf(&ask->media, "%s%s:", ask->media_count++ ? " " : "", kind);
    sim_buf_add(&ask->media, url);
}

void sim_ask_call(struct sim_ask *ask, struct llmp_str id, struct llmp_str name,
                  const struct sim_node *arguments, struct llmp_str text)
{
    struct sim_buf *out = begin_part(ask, "assistant", "tool_call");

    add_member(out, "id", id);
    add_member(out, "name", name);
    sim_buf_text(out, ",\"arguments\":");
    if (!arguments && sim_tree_read(&ask->inner, text, NULL) == LLMP_END)
        arguments = ask->inner.root;
    if (arguments)
        sim_node_write(arguments, out);
    else
        sim_buf_quote(out, text);
    sim_buf_text(out, "}");
}

void sim_ask_result_begin(struct sim_ask *ask, struct llmp_str id,
                          struct llmp_str name, bool failed)
{
    struct sim_buf *out = begin_part(ask, "tool", "tool_result");

    add_member(out, "id", id);
    add_member(out, "name", name);
    sim_buf_text(out, failed ? ",\"failed\":true,\"parts\":[" : ",\"parts\":[");
}

void sim_ask_result_value(struct sim_ask *ask, const struct sim_node *value)
{
    struct sim_buf *out = begin_part(ask, NULL, "json");

    sim_buf_text(out, ",\"value\":");
    sim_node_write(value, out);
    sim_buf_text(out, "}");
}

void sim_ask_result_end(struct sim_ask *ask)
{
    sim_buf_text(&ask->messages, "]}");
}

void sim_ask_tool(struct sim_ask *ask, struct llmp_str name,
                  struct llmp_str description, const struct sim_node *schema)
{
    struct sim_buf *out = &ask->tools;

    add_comma(out);
    sim_buf_text(out, "{\"name\":");
    sim_buf_quote(out, name);
    add_member(out, "description", description);
    if (schema) {
        sim_buf_text(out, ",\"schema\":");
        sim_node_write(schema, out);
    }
    sim_buf_text(out, "}");
    sim_buf_add(&ask->names, name);
    sim_buf_add(&ask->names, (struct llmp_str){ "", 1 });
    ask->tool_count++;
}

void sim_ask_sampling(struct sim_ask *ask, const char *name,
                      const struct sim_node *value)
{
    if (!value)
        return;
    sim_buf_printf(&ask->sampling, ",\"%s\":", name);
    sim_node_write(value, &ask->sampling);
}

void sim_ask_limit(struct sim_ask *ask, const struct sim_node *value)
{
    if (!value)
        return;
    ask->has_limit = true;
    ask->limit = sim_u64(value, 0);
    sim_ask_sampling(ask, "max_tokens", value);
}

void sim_ask_stop(struct sim_ask *ask, const struct sim_node *value)
{
    if (!value || (value->type == LLMP_JSON_ARRAY && !value->child))
        return;
    ask->stop = sim_text(value->type == LLMP_JSON_ARRAY ? value->child : value);
    sim_buf_text(&ask->sampling, ",\"stop\":");
    if (value->type != LLMP_JSON_ARRAY)
        sim_buf_text(&ask->sampling, "[");
    sim_node_write(value, &ask->sampling);
    if (value->type != LLMP_JSON_ARRAY)
        sim_buf_text(&ask->sampling, "]");
}

void sim_ask_schema(struct sim_ask *ask, const struct sim_node *schema)
{
    ask->format = schema ? SIM_FORMAT_SCHEMA : SIM_FORMAT_JSON;
    ask->schema = schema;
}

static void add_choice(const struct sim_ask *ask, struct sim_buf *out)
{
    static const char *const words[] = {
        [SIM_CHOOSE_AUTO] = "auto",
        [SIM_CHOOSE_NONE] = "none",
        [SIM_CHOOSE_ANY] = "any",
    };

    sim_buf_text(out, ",\"tool_choice\":");
    if (ask->choice == SIM_CHOOSE_ANY && ask->chosen.len) {
        sim_buf_text(out, "{\"name\":");
        sim_buf_quote(out, ask->chosen);
        sim_buf_text(out, "}");
    } else {
        sim_buf_printf(out, "\"%s\"", words[ask->choice]);
    }
    if (ask->one_tool_only)
        sim_buf_text(out, ",\"parallel_tools\":false");
}

static void add_format(const struct sim_ask *ask, struct sim_buf *out)
{
    if (ask->format == SIM_FORMAT_TEXT)
        return;
    sim_buf_printf(out, ",\"format\":{\"type\":\"%s\"",
                   ask->schema ? "json_schema" : "json");
    if (ask->schema) {
        sim_buf_text(out, ",\"schema\":");
        sim_node_write(ask->schema, out);
    }
    sim_buf_text(out, "}");
}

static void add_thinking(const struct sim_ask *ask, struct sim_buf *out)
{
    if (!ask->thinks && !ask->effort.len)
        return;
    sim_buf_text(out, ask->thinks ? ",\"thinking\":{\"enabled\":true"
                                  : ",\"thinking\":{\"enabled\":false");
    if (ask->budget)
        sim_buf_printf(out, ",\"budget\":%llu",
                       (unsigned long long)ask->budget);
    add_member(out, "effort", ask->effort);
    sim_buf_text(out, "}");
}

void sim_ask_mirror(const struct sim_ask *ask, struct sim_buf *out)
{
    sim_buf_text(out, "{\"system\":[");
    sim_buf_add(out, sim_buf_str(&ask->system));
    sim_buf_text(out, "],\"messages\":[");
    sim_buf_add(out, sim_buf_str(&ask->messages));
    sim_buf_text(out, ask->role ? "]}],\"tools\":[" : "],\"tools\":[");
    sim_buf_add(out, sim_buf_str(&ask->tools));
    sim_buf_text(out, "]");
    if (ask->tool_count)
        add_choice(ask, out);
    sim_buf_add(out, sim_buf_str(&ask->sampling));
    add_format(ask, out);
    add_thinking(ask, out);
    sim_buf_text(out, "}");
}
