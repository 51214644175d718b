/* SPDX-License-Identifier: Apache-2.0 */
#include "behaviour.h"

#include <llmproxy/json.h>
#include <stdio.h>

#define TOOL_ARGS_MAX (UINT64_C(16) << 20)

enum type { NUMBER, COUNT, FLAG, DELAY, FRAMING, FINISH, ARGUMENTS };

struct key {
    const char *name;
    enum type type;
    size_t offset;
    const char *help;
    bool whole; /* needs the whole request */
};

#define KEY(name, type, help)                                   \
    {                                                           \
#name, type, offsetof(struct sim_behaviour, name), help \
    }

#define WHOLE(name, type, help)                                       \
    {                                                                 \
#name, type, offsetof(struct sim_behaviour, name), help, true \
    }

static const struct key keys[] = {
    KEY(ttft_ms, DELAY,
        "until the first token: 200, 50..300 (uniform) or "
        "lognormal:MEDIAN:SIGMA"),
    KEY(tokens_per_second, NUMBER,
        "pace of a stream's tokens; an answer in "
        "one piece takes as long; 0: at once"),
    KEY(paced, NUMBER,
        "events a second in streams; an answer in one piece "
        "does not wait"),
    KEY(tokens, COUNT, "tokens of an answer, unless max_tokens is less"),
    KEY(token_bytes, COUNT, "bytes of each token; 0: words"),
    KEY(head_first, FLAG, "send the head at once, not with the first event"),
    KEY(status, COUNT, "answer with this status and an error"),
    KEY(retry_after, COUNT, "Retry-After in seconds, with a status"),
    KEY(fail_rate, NUMBER,
        "0 … 1: the part of requests that get the status "
        "(503 if none is set)"),
    KEY(html, FLAG, "the error is a page of HTML"),
    KEY(hang, FLAG, "never answer"),
    KEY(stall_after, COUNT, "say nothing more after so many events"),
    KEY(cut_after, COUNT, "close without an end after so many events"),
    KEY(reset_after, COUNT, "reset the connection after so many events"),
    KEY(malformed_at, COUNT, "this event (from 0) is not JSON"),
    KEY(error_at, COUNT,
        "this event is an error and the last one; an answer "
        "in one piece is an error with status 200"),
    KEY(giant_bytes, COUNT, "one token is this large"),
    KEY(giant_at, COUNT, "which (from 0)"),
    KEY(drip_bytes, COUNT, "write no more than this at a time; 0: no limit"),
    KEY(drip_ms, COUNT, "pause between such writes"),
    KEY(no_done, FLAG, "end streams without data: [DONE]"),
    KEY(no_usage, FLAG, "never report usage"),
    KEY(close, FLAG, "close the connection after the answer"),
    KEY(framing, FRAMING,
        "auto, chunked, or close (until the end of the "
        "connection)"),
    KEY(tool, FLAG, "call a tool if the request has one"),
    KEY(echo, FLAG, "answer with the body's SHA-256 and size"),
    KEY(fast, FLAG, "do not read the request behind its model"),
    KEY(stamp, FLAG,
        "each chat event says when it was made: sim_sent_ns, "
        "on the monotonic clock"),
    WHOLE(tools, COUNT, "call so many of the request's tools, in turn"),
    WHOLE(tool_args, ARGUMENTS,
          "arguments of tool calls: an object, or how many bytes it has"),
    WHOLE(reasoning, COUNT, "tokens of reasoning before the answer"),
    WHOLE(mirror, FLAG,
          "answer with what was understood of the request, as JSON, the same "
          "from every face"),
    WHOLE(citations, COUNT, "so many sources are named"),
    WHOLE(cached_tokens, COUNT, "so many of the prompt came from a cache"),
    WHOLE(finish, FINISH,
          "why the answer ends: stop, length, tools, stop_sequence, "
          "content_filter, refusal"),
    WHOLE(refusal, FLAG, "the model declines"),
    WHOLE(content_filter, FLAG, "the provider blocks the prompt"),
    KEY(context_length, COUNT,
        "the error of a prompt that is too long, from so many tokens on; 0: "
        "no limit"),
    KEY(dimensions, COUNT, "of embeddings, unless the request says"),
    KEY(audio_bytes, COUNT, "size of speech"),
};

/* The first key of a name is the one that "name:value" sets. */
static const struct {
    const char *name, *list;
} names[] = {
    { "sim-429", "retry_after=1,status=429" },
    { "sim-hang", "hang=1" },
    { "sim-stall", "stall_after=3" },
    { "sim-cut", "cut_after=3" },
    { "sim-reset", "reset_after=3" },
    { "sim-malformed", "malformed_at=2" },
    { "sim-error-200", "error_at=0" },
    { "sim-error-late", "error_at=3" },
    { "sim-drip", "drip_bytes=1" },
    { "sim-giant", "giant_bytes=2097152" },
    { "sim-html-502", "status=502,html=1" },
    { "sim-flaky", "fail_rate=0.5" },
    { "sim-slow", "ttft_ms=2000,tokens_per_second=20" },
    { "sim-fast", "fast=1" },
    { "sim-tool", "tool=1" },
    { "sim-tools", "tools=2" },
    { "sim-reasoning", "reasoning=8" },
    { "sim-mirror", "mirror=1" },
    { "sim-refusal", "refusal=1" },
    { "sim-filter", "content_filter=1" },
    { "sim-context", "context_length=1" },
    { "sim-no-done", "no_done=1" },
    { "sim-no-usage", "no_usage=1" },
    { "sim-close", "close=1" },
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

const char *sim_behaviour_name(size_t i)
{
    return i < COUNT_OF(names) ? names[i].name : NULL;
}

void sim_behaviour_init(struct sim_behaviour *how)
{
    *how = (struct sim_behaviour){
        .tokens = 24,
        .retry_after = SIM_NEVER,
        .cut_after = SIM_NEVER,
        .reset_after = SIM_NEVER,
        .stall_after = SIM_NEVER,
        .malformed_at = SIM_NEVER,
        .error_at = SIM_NEVER,
        .giant_at = 1,
        .drip_ms = 1,
        .dimensions = 1536,
        .audio_bytes = 16384,
    };
}

static bool parse_count(uint64_t *out, struct llmp_str text)
{
    uint64_t value = 0;

    if (text.len == 0 || text.len > 18)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    *out = value;
    return true;
}

/* Which of `words` it is. */
static bool parse_word(uint64_t *out, struct llmp_str text,
                       const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (sim_str_is(text, words[i])) {
            *out = i;
            return true;
        }
    return false;
}

static bool parse_framing(uint64_t *out, struct llmp_str text)
{
    static const char *const words[] = { "auto", "chunked", "close" };

    return parse_word(out, text, words, COUNT_OF(words));
}

static bool parse_finish(uint64_t *out, struct llmp_str text)
{
    static const char *const words[SIM_FINISHES] = {
        [SIM_FINISH_AUTO] = "auto",
        [SIM_FINISH_STOP] = "stop",
        [SIM_FINISH_LENGTH] = "length",
        [SIM_FINISH_TOOLS] = "tools",
        [SIM_FINISH_SEQUENCE] = "stop_sequence",
        [SIM_FINISH_FILTER] = "content_filter",
        [SIM_FINISH_REFUSAL] = "refusal",
    };

    return parse_word(out, text, words, COUNT_OF(words));
}

/* A size, or JSON, which stays where it is. */
static bool parse_arguments(struct llmp_str *out, struct llmp_str text)
{
    struct llmp_json_field root = { .path = "" };
    uint64_t size;

    *out = text;
    if (parse_count(&size, text))
        return size <= TOOL_ARGS_MAX;
    return llmp_json_pick_all(text, &root, 1, NULL) == LLMP_OK &&
           root.type == LLMP_JSON_OBJECT;
}

static bool parse_value(const struct key *key, void *member,
                        struct llmp_str text)
{
    switch (key->type) {
    case NUMBER:
        return sim_number_parse(member, text);
    case COUNT:
        return parse_count(member, text);
    case DELAY:
        return sim_delay_parse(member, text);
    case FRAMING:
        return parse_framing(member, text);
    case FINISH:
        return parse_finish(member, text);
    case ARGUMENTS:
        return parse_arguments(member, text);
    case FLAG:
        *(bool *)member = sim_str_is(text, "1") || sim_str_is(text, "true");
        return *(bool *)member || sim_str_is(text, "0") ||
               sim_str_is(text, "false");
    }
    return false;
}

/* The command line writes keys with '-'. */
static bool key_is(const char *name, struct llmp_str key)
{
    if (strlen(name) != key.len)
        return false;
    for (size_t i = 0; i < key.len; i++)
        if (key.ptr[i] != name[i] && !(key.ptr[i] == '-' && name[i] == '_'))
            return false;
    return true;
}

bool sim_behaviour_set(struct sim_behaviour *how, struct llmp_str key,
                       struct llmp_str value, struct sim_buf *why)
{
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        if (!key_is(keys[i].name, key))
            continue;
        how->whole |= keys[i].whole;
        if (parse_value(&keys[i], (char *)how + keys[i].offset, value))
            return true;
        sim_buf_printf(why, "'%.*s' is no value for %s: %s", (int)value.len,
                       value.ptr, keys[i].name, keys[i].help);
        return false;
    }
    sim_buf_printf(why, "there is no key '%.*s'", (int)key.len, key.ptr);
    return false;
}

/* Cuts `text` at the first `c`; what is behind it stays in `text`. */
static struct llmp_str cut(struct llmp_str *text, char c, bool *found)
{
    const char *at = text->len ? memchr(text->ptr, c, text->len) : NULL;
    struct llmp_str head = *text;

    *found = at != NULL;
    if (at) {
        head.len = (size_t)(at - text->ptr);
        *text = (struct llmp_str){ at + 1, text->len - head.len - 1 };
    } else {
        text->len = 0;
    }
    return head;
}

static struct llmp_str trim(struct llmp_str text)
{
    while (text.len && text.ptr[0] == ' ')
        text = (struct llmp_str){ text.ptr + 1, text.len - 1 };
    while (text.len && text.ptr[text.len - 1] == ' ')
        text.len--;
    return text;
}

/* The next "key=value" of a list. A value that is JSON has commas, too. */
static struct llmp_str cut_item(struct llmp_str *list)
{
    bool quoted = false;
    size_t depth = 0, i = 0;

    for (; i < list->len; i++) {
        char c = list->ptr[i];

        if (quoted && c == '\\')
            i++;
        else if (c == '"' && depth)
            quoted = !quoted;
        else if (!quoted && (c == '{' || c == '['))
            depth++;
        else if (!quoted && (c == '}' || c == ']') && depth)
            depth--;
        else if (c == ',' && !depth)
            break;
    }
    i = i < list->len ? i : list->len;

    struct llmp_str item = { list->ptr, i };

    if (i < list->len)
        i++;
    *list = (struct llmp_str){ list->ptr + i, list->len - i };
    return item;
}

bool sim_behaviour_list(struct sim_behaviour *how, struct llmp_str list,
                        struct sim_buf *why)
{
    while (list.len) {
        bool has_value;
        struct llmp_str value = trim(cut_item(&list));
        struct llmp_str key = cut(&value, '=', &has_value);

        if (key.len && !sim_behaviour_set(
                           how, key, has_value ? value : LLMP_STR("1"), why))
            return false;
    }
    return true;
}

/* "sim-503": a status as a name. */
static bool name_is_status(struct llmp_str name, uint64_t *status)
{
    return name.len == 7 && sim_str_starts(name, "sim-") &&
           parse_count(status, (struct llmp_str){ name.ptr + 4, 3 }) &&
           *status >= 400 && *status <= 599;
}

static const char *list_of(struct llmp_str name)
{
    if (!sim_str_starts(name, "sim-"))
        return NULL;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (sim_str_is(name, names[i].name))
            return names[i].list;
    return NULL;
}

bool sim_behaviour_model(struct sim_behaviour *how, struct llmp_str model,
                         struct sim_buf *why)
{
    bool has_list, has_value;
    struct llmp_str list = model, name = cut(&list, ':', &has_list);
    const char *preset = list_of(name);

    if (sim_str_starts(model, "echo-"))
        how->echo = true;
    /* Of other models, only a list is meant for us: names have colons too. */
    if (!preset && !name_is_status(name, &how->status) &&
        !(sim_str_starts(name, "sim-") && list.len &&
          memchr(list.ptr, '=', list.len)))
        return true;
    if (preset && !sim_behaviour_list(
                      how, (struct llmp_str){ preset, strlen(preset) }, why))
        return false;
    if (preset && list.len && !memchr(list.ptr, '=', list.len)) {
        struct llmp_str main_key = { preset, strlen(preset) };

        return sim_behaviour_set(how, cut(&main_key, '=', &has_value), list,
                                 why);
    }
    return sim_behaviour_list(how, list, why);
}

void sim_behaviour_help(void)
{
    puts("Keys: on the command line --KEY VALUE for every request, in a "
         "request's header\n\"x-sim: key=value,key=value\", or behind a "
         "model's name:");
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        printf("  %-18s %s\n", keys[i].name, keys[i].help);
    puts("\nModel names with a meaning; \"name:key=value,…\" adds keys, "
         "\"name:value\" sets the\nfirst key shown:");
    for (size_t i = 0; i < COUNT_OF(names); i++)
        printf("  %-18s %s\n", names[i].name, names[i].list);
    puts("  sim-400 … sim-599  status=…\n  echo-ANYTHING      echo=1");
}
