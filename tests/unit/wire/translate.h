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
    struct llmp_chat chat = { .stream = false };

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

/* A stream whose events are `data` texts (NULL ends the list; "[DONE]" is the
 * dialect's own end), each with its name taken from its "type". */
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

        if (strcmp(events[i], "[DONE]") != 0)
            rc = llmp_json_tree(&root, llmp_str_of(events[i]), 0, &t->arena,
                                &t->err);
        if (rc == LLMP_OK)
            rc = from->read_event(&reader, LLMP_STR(""), root, &sink);
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

#endif
