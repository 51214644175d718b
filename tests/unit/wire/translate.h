/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of dialects: a document of one as a document of another. */
#ifndef LLMP_TEST_TRANSLATE_H
#define LLMP_TEST_TRANSLATE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/internal.h"
#include "wire/dialect.h"

struct translation {
    struct llmp_arena arena;
    struct llmp_buf out;
    struct llmp_error err;
    struct llmp_wire wire;
    struct llmp_str model; /* for dialects that have it in the URL */
};

static inline void translation_init(struct translation *t)
{
    *t = (struct translation){ .err = { .status = 0 } };
    llmp_arena_init(&t->arena, 4096);
    t->wire.arena = &t->arena;
    t->wire.err = &t->err;
    t->wire.now_s = 1700000000;
}

static inline void translation_fini(struct translation *t)
{
    llmp_arena_fini(&t->arena);
    llmp_buf_fini(&t->out);
}

static inline int translate_request(struct translation *t,
                                    const struct llmp_dialect *from,
                                    const struct llmp_dialect *to,
                                    struct llmp_str in)
{
    const struct llmp_json_value *root;
    struct llmp_chat chat = { .model = t->model };

    t->out.len = 0;
    LLMP_TRY(llmp_json_tree(&root, in, 0, &t->arena, &t->err));
    LLMP_TRY(from->read_request(&chat, root, &t->wire));
    return to->write_request(&t->out, &chat, &t->wire);
}

static inline int translate_answer(struct translation *t,
                                   const struct llmp_dialect *from,
                                   const struct llmp_dialect *to,
                                   struct llmp_str in)
{
    const struct llmp_json_value *root;
    struct llmp_answer answer = { .created_s = 0 };

    t->out.len = 0;
    LLMP_TRY(llmp_json_tree(&root, in, 0, &t->arena, &t->err));
    LLMP_TRY(from->read_answer(&answer, root, &t->wire));
    return to->write_answer(&t->out, &answer, &t->wire);
}

/* A document is easier to read in C with ' for ". Eight of them live at a
 * time. */
static inline const char *doc(const char *single_quoted)
{
    static char texts[8][16384];
    static size_t next;
    char *text = texts[next++ % 8];
    size_t len = strlen(single_quoted);

    assert_true(len < sizeof(texts[0]));
    for (size_t i = 0; i <= len; i++)
        text[i] = single_quoted[i] == '\'' ? '"' : single_quoted[i];
    return text;
}

/* "name {…}": an event's name and its data. */
static inline struct llmp_str event_name(struct llmp_str *event)
{
    struct llmp_str name = { event->ptr, 0 };

    if (event->len == 0 || event->ptr[0] == '{' || event->ptr[0] == '[')
        return LLMP_STR("");
    name.len = llmp_str_find(*event, LLMP_STR(" "));
    assert_true(name.len < event->len);
    event->ptr += name.len + 1;
    event->len -= name.len + 1;
    return name;
}

/* A stream whose events are `data` texts (NULL ends the list; "[DONE]" is the
 * dialect's own end), each with its name before it or none. */
static inline int translate_stream(struct translation *t,
                                   const struct llmp_dialect *from,
                                   const struct llmp_dialect *to,
                                   const char *const *events, bool usage)
{
    struct llmp_wire_reader reader = { .started = false };
    struct llmp_wire_writer writer = { .dialect = to,
                                       .out = &t->out,
                                       .arena = &t->arena,
                                       .wants_usage = usage,
                                       .created_s = 1700000000,
                                       .gather_max = 4096 };
    struct llmp_event_sink sink = llmp_wire_sink(&writer);
    int rc = LLMP_OK;

    t->out.len = 0;
    for (size_t i = 0; events[i] && rc == LLMP_OK; i++) {
        const struct llmp_json_value *root = NULL;
        struct llmp_str data = llmp_str_of(events[i]);
        struct llmp_str name = event_name(&data);

        if (strcmp(events[i], "[DONE]") != 0)
            rc = llmp_json_tree(&root, data, 0, &t->arena, &t->err);
        if (rc == LLMP_OK)
            rc = from->read_event(&reader, name, root, &sink);
    }
    if (rc == LLMP_OK && !reader.ended)
        rc = from->read_end(&reader, &sink);
    llmp_wire_writer_fini(&writer);
    return rc;
}

static inline void expect_text(const struct translation *t, const char *want)
{
    struct llmp_str got = llmp_buf_str(&t->out);

    if (!llmp_str_eq(got, llmp_str_of(want)))
        fail_msg("got\n%.*s\nwanted\n%s", (int)got.len, got.ptr, want);
}

static inline void expect_doc(const struct translation *t, const char *want)
{
    expect_text(t, doc(want));
}

struct golden_pair {
    const char *in, *out; /* see doc() */
};

static inline void check_golden(const struct llmp_dialect *from,
                                const struct llmp_dialect *to,
                                struct llmp_str model,
                                const struct golden_pair *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct translation t;

        translation_init(&t);
        t.model = model;
        if (translate_request(&t, from, to, llmp_str_of(doc(cases[i].in))) !=
            LLMP_OK)
            fail_msg("%s: %s", cases[i].in, t.err.message);
        expect_doc(&t, cases[i].out);
        translation_fini(&t);
    }
}

/* What a request cannot say elsewhere: refused by name, or dropped and
 * recorded. */
static inline void check_lost(const struct llmp_dialect *from,
                              const struct llmp_dialect *to, const char *in,
                              const char *param, int rc)
{
    for (int drop = 0; drop < 2; drop++) {
        struct translation t;
        bool named = false;
        int got;

        translation_init(&t);
        t.wire.drop = drop;
        got = translate_request(&t, from, to, llmp_str_of(doc(in)));
        if (drop && rc == LLMP_E_UNSUPPORTED) {
            if (got != LLMP_OK)
                fail_msg("%s: %s", in, t.err.message);
            for (uint32_t i = 0; i < t.wire.lost_count; i++)
                named |= llmp_str_eq(t.wire.lost[i], llmp_str_of(param));
            if (!named)
                fail_msg("%s is not recorded as lost", param);
        } else {
            if (got != rc)
                fail_msg("%s: %d, wanted %d", in, got, rc);
            assert_string_equal(t.wire.param, param);
            assert_non_null(strstr(t.err.message, param));
        }
        translation_fini(&t);
    }
}

#endif
