/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every text of a document in a client's dialect: of a request, of a whole
 * answer, of an event of a stream. Each string value is given exactly once,
 * also where nobody knows its member, because what is not looked at must not
 * pass. What can be replaced is replaced by llmp_wire_replace() (replace.h).
 */
#ifndef LLMP_WIRE_TEXTS_H
#define LLMP_WIRE_TEXTS_H

#include "base/json_tree.h"
#include "wire/passing.h"

/* Whose words a text is: the values of enum llmp_guard_part, one by one. */
enum llmp_text_part {
    LLMP_TEXT_SYSTEM,
    LLMP_TEXT_USER,
    LLMP_TEXT_ASSISTANT, /* of a request: earlier answers */
    LLMP_TEXT_TOOL_RESULT,
    LLMP_TEXT_TOOL_ARGUMENTS,
    LLMP_TEXT_DOCUMENT,
    LLMP_TEXT_IMAGE,
    LLMP_TEXT_OUTPUT,    /* of an answer */
    LLMP_TEXT_REASONING, /* thoughts, in answers and sent again */
    LLMP_TEXT_OTHER      /* definitions of tools, metadata, citations, what
                            nobody knows */
};

#define LLMP_TEXT_PARTS 10 /* a tool's name is a text's `is_call_name` */

enum llmp_text_end {
    LLMP_TEXT_GOES_ON,
    LLMP_TEXT_BLOCK_ENDS,  /* the texts of this choice and block */
    LLMP_TEXT_CHOICE_ENDS, /* all texts of this choice */
    LLMP_TEXT_ALL_END
};

/* Where a text stands; see llmp_wire_text_path(). */
struct llmp_wire_place;

struct llmp_wire_text {
    enum llmp_text_part part;
    struct llmp_str json; /* JSON text between the quotes: a span of the
                             document. Of a key: without escapes, and not to be
                             replaced */
    bool escaped;         /* it contains backslashes: llmp_wire_plain() is what
                             its reader will see; else it is that itself */
    bool is_key;          /* the name of a member that is the caller's own: a
                             model sees the keys of arguments */
    bool structural;      /* an id, a role, a type: looks like one and stands
                             where one belongs. May be looked at; an edit would
                             break the document */
    bool is_call_name;    /* of an answer: the tool that is called */
    bool is_logprob;      /* structural, and a piece of a text that is given
                             elsewhere. Its bytes stand beside it as numbers: an
                             edit of that text does not reach it */
    bool opaque;          /* base64, of media or sealed by a provider: there is
                             no text to be seen in it as it stands. Pictures are
                             IMAGE, other media DOCUMENT, seals OTHER */
    bool is_json;         /* the text is a document itself, or pieces of one:
                             once complete, its strings are given by
                             llmp_wire_inner_texts() */
    bool piece;           /* of an event: what came with the same part, choice
                             and block stands before it, and more may follow */
    uint32_t message;     /* index in the list of messages, items, contents */
    struct llmp_str name; /* JSON text: the tool of arguments and results, where
                             it is said; or empty */
    struct llmp_str media; /* JSON text: of an image or document, its media type
                              or format, where it is said; or empty */

    /* Of an event. `block` tells the texts of a choice apart; it has no other
     * meaning. */
    uint32_t choice;
    uint64_t block;
    enum llmp_text_end ends; /* no text comes with it (`json.ptr` is NULL): what
                                is kept of those texts goes first */

    const struct llmp_wire_place *place;
};

/* Where texts go, in the order of the document. A negative status ends the walk
 * and comes back unchanged. What a text points to, but for `json`, holds during
 * the call only. */
struct llmp_wire_text_sink {
    int (*take)(const struct llmp_wire_text *text, void *ctx);
    void *ctx;
};

/* `root` of any type: what is no object is a text of its own. */
int llmp_wire_request_texts(enum llmp_shape shape,
                            const struct llmp_json_value *root,
                            const struct llmp_wire_text_sink *sink);
int llmp_wire_answer_texts(enum llmp_shape shape,
                           const struct llmp_json_value *root,
                           const struct llmp_wire_text_sink *sink);

/*
 * @param name  of its event line; may be empty
 * @param root  NULL: OpenAI's "[DONE]"
 */
int llmp_wire_event_texts(enum llmp_shape shape, struct llmp_str name,
                          const struct llmp_json_value *root,
                          const struct llmp_wire_text_sink *sink);

/* The keys and strings of a document that is itself a text (`is_json`), without
 * its escapes. They have the part and place of `outer`; when that is no longer
 * given, its `place` is to be NULL. */
int llmp_wire_inner_texts(const struct llmp_wire_text *outer,
                          const struct llmp_json_value *root,
                          const struct llmp_wire_text_sink *sink);

/* "messages[3].content[0].text", cut to `size` (> 0) with its NUL; for messages
 * to people. Only while the text is given. */
void llmp_wire_text_path(const struct llmp_wire_text *text, char *path,
                         size_t size);

#endif
