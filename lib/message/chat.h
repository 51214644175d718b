/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canonical form of a conversation: what a client asks, whatever dialect
 * it speaks. A dialect reads its requests into this and writes them from it;
 * what has no place here is kept by name, so that it is never lost silently.
 *
 * Texts are "JSON text": what stands between the quotes of a JSON string, with
 * its escapes. So a text that goes from one document into another is neither
 * decoded nor encoded, and comes out as it went in. "Raw" is a whole JSON
 * value as it stands. Everything points into the request or an arena.
 */
#ifndef LLMP_MESSAGE_CHAT_H
#define LLMP_MESSAGE_CHAT_H

#include <llmproxy/base.h>

#include "base/alloc.h"

enum llmp_speaker {
    LLMP_SPEAKER_SYSTEM,
    LLMP_SPEAKER_DEVELOPER,
    LLMP_SPEAKER_USER,
    LLMP_SPEAKER_ASSISTANT,
    LLMP_SPEAKER_TOOL /* its parts are tool results */
};

enum llmp_part_kind {
    LLMP_PART_TEXT,
    LLMP_PART_REFUSAL,
    LLMP_PART_REASONING,
    LLMP_PART_IMAGE,
    LLMP_PART_AUDIO,
    LLMP_PART_VIDEO,
    LLMP_PART_DOCUMENT,
    LLMP_PART_TOOL_CALL,
    LLMP_PART_TOOL_RESULT
};

/* Something that is no text. One of `data`, `url`, `file` says where it is. */
struct llmp_media {
    struct llmp_str type;   /* "image/png"; empty: nobody said */
    struct llmp_str data;   /* base64, or the text itself of "text/plain" */
    struct llmp_str url;    /* where it can be fetched */
    struct llmp_str file;   /* a provider's name for what was uploaded there */
    struct llmp_str name;   /* a document's title or file name */
    struct llmp_str detail; /* an image's: "low", "high", "auto" */
    bool is_text;           /* `data` is text, not base64 */
};

struct llmp_part {
    struct llmp_part *next;
    enum llmp_part_kind kind;
    bool cache;    /* what came up to here is worth keeping in a cache */
    bool cites;    /* a document: answers should cite it */
    bool redacted; /* reasoning: `text` is sealed by the provider */
    bool failed;   /* a tool result: the tool did not work */
    struct llmp_str cache_ttl; /* "5m", "1h"; empty: the provider's */
    struct llmp_str text;      /* text, refusal, reasoning */
    struct llmp_str signature; /* the provider's seal on reasoning or a call */
    struct llmp_str id;        /* of a tool call; of the call that a result
                                  answers */
    struct llmp_str name;      /* of the tool; of a result only if known */
    struct llmp_str arguments; /* of a tool call: raw, an object */
    struct llmp_str citations; /* of an answer's text: raw, Anthropic's list */
    struct llmp_part *first;   /* a tool result's parts */
    struct llmp_media media;
};

struct llmp_chat_message {
    struct llmp_chat_message *next;
    enum llmp_speaker role;
    struct llmp_str name; /* of a participant; or empty */
    struct llmp_part *first, *last;
    uint32_t index; /* in the client's list, for messages about it */
};

struct llmp_tool {
    struct llmp_tool *next;
    struct llmp_str name, description; /* JSON text */
    struct llmp_str parameters;        /* raw: a JSON schema; or empty */
    struct llmp_str strict;            /* raw; or empty */
    struct llmp_str cache_ttl;
    bool cache;
};

enum llmp_tool_choice {
    LLMP_CHOICE_UNSAID,
    LLMP_CHOICE_AUTO,
    LLMP_CHOICE_NONE,
    LLMP_CHOICE_ANY, /* some tool must be called */
    LLMP_CHOICE_ONE  /* the one in `choice_name` */
};

enum llmp_format {
    LLMP_FORMAT_UNSAID,
    LLMP_FORMAT_TEXT,
    LLMP_FORMAT_JSON,  /* any object */
    LLMP_FORMAT_SCHEMA /* what `schema` says */
};

/* A yes or no that may be left open. */
enum llmp_said { LLMP_UNSAID, LLMP_NO, LLMP_YES };

/* A member that has no place here. */
struct llmp_chat_other {
    struct llmp_chat_other *next;
    struct llmp_str path; /* "messages[3].audio", NUL-terminated */
};

struct llmp_chat {
    struct llmp_str model; /* JSON text */
    bool stream;
    bool wants_usage; /* also in a stream */
    struct llmp_chat_message *first, *last;
    struct llmp_tool *first_tool, *last_tool;
    enum llmp_tool_choice choice;
    struct llmp_str choice_name;
    enum llmp_said parallel_calls;

    /* Numbers, raw; empty: not said. */
    struct llmp_str max_tokens, temperature, top_p, top_k, min_p,
        presence_penalty, frequency_penalty, seed, count, top_logprobs;
    bool logprobs;
    const struct llmp_json_value *stops; /* elements are strings; or NULL */

    struct {
        enum llmp_format kind;
        struct llmp_str name, description; /* JSON text */
        struct llmp_str schema, strict;    /* raw */
    } format;

    struct {
        enum llmp_said wanted;
        enum llmp_said shown;   /* its text is wanted in the answer */
        struct llmp_str effort; /* "low", "medium", "high", …; or empty */
        struct llmp_str budget; /* tokens, raw; or empty */
    } reasoning;

    struct llmp_str user;         /* JSON text */
    struct llmp_str metadata;     /* raw, OpenAI's object of texts */
    struct llmp_str service_tier; /* JSON text */
    struct llmp_str logit_bias;   /* raw */
    struct llmp_str verbosity;    /* JSON text */
    struct llmp_str safety;       /* raw, Gemini's safetySettings */
    struct llmp_chat_other *others;
};

/* What is added comes last. NULL: no memory. */
struct llmp_chat_message *llmp_chat_add(struct llmp_chat *chat,
                                        enum llmp_speaker role,
                                        struct llmp_arena *arena);
struct llmp_tool *llmp_chat_add_tool(struct llmp_chat *chat,
                                     struct llmp_arena *arena);
struct llmp_part *llmp_chat_add_part(struct llmp_chat_message *message,
                                     enum llmp_part_kind kind,
                                     struct llmp_arena *arena);

/* How many calls of one message are searched for the one that a result
 * answers: models call few tools at a time, and the search is linear. */
#define LLMP_CALLS_SEARCHED 1024

/* The tool that the call `id` in `message` named; empty: there is no such call.
 * NULL has none. */
struct llmp_str llmp_chat_tool_of(const struct llmp_chat_message *message,
                                  struct llmp_str id);

static inline bool llmp_speaker_is_system(enum llmp_speaker role)
{
    return role == LLMP_SPEAKER_SYSTEM || role == LLMP_SPEAKER_DEVELOPER;
}

#endif
