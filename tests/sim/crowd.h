/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What providers do with a call, in OpenAI's words or Anthropic's: everything
 * that goes well or wrong in one table, which also says whose fault it is and
 * what the ledger must say of it.
 */
#ifndef SIM_CROWD_H
#define SIM_CROWD_H

#include <llmproxy/store.h>

#include "sim.h"

enum crowd_does {
    DOES_WELL,
    DOES_SLOWLY,
    /* the provider's faults, before anything of an answer came */
    DOES_UNREACHABLE,
    DOES_BREAK_EARLY,
    DOES_BREAK_AT_HEAD,
    DOES_HANG,
    DOES_STALL_AT_HEAD,
    DOES_END_EMPTY,
    DOES_401,
    DOES_403,
    DOES_404,
    DOES_408,
    DOES_429,
    DOES_429_LATER, /* with Retry-After */
    DOES_500,
    DOES_502_HTML,
    DOES_503,
    DOES_529,
    DOES_HTML_200,
    DOES_ERROR_200,
    DOES_MALFORMED,
    /* the same behind a part of an answer: nobody else can be asked */
    DOES_BREAK_LATE,
    DOES_STALL_LATE,
    DOES_END_LATE,
    DOES_ERROR_LATE,
    /* the request's own fault */
    DOES_400,
    DOES_413,
    DOES_CONTEXT,
    DOES_COUNT
};

/* What the ledger may say of an attempt that met this and ran to its end. */
enum crowd_books {
    BOOKS_NONE = 1,
    BOOKS_UNKNOWN = 2,
    BOOKS_ESTIMATED = 4,
    BOOKS_REPORTED = 8
};

struct crowd_kind {
    const char *name;
    uint8_t books;  /* enum crowd_books */
    bool late;      /* something of an answer came */
    bool own_fault; /* the request's */
    bool not_sent;  /* the provider never saw it */
};

extern const struct crowd_kind crowd_kinds[DOES_COUNT];

enum { CROWD_STEPS = 6, CROWD_TEXT = 1500 };

/* One call and what was done with it. */
struct crowd_call {
    uint64_t at_ns;
    char provider; /* a letter, which is in what it answers */
    enum crowd_does does;
    bool stream;
    struct sim_step steps[CROWD_STEPS];
    size_t count;
    char text[CROWD_TEXT];
    size_t used; /* of `text` */
};

/* Writes the steps; `late_ms` before the first of them. */
void crowd_make(struct crowd_call *call, char provider, bool anthropic,
                bool stream, enum crowd_does does, uint64_t late_ms);

/* Whether what a client got is an answer, or a proper error, in its dialect.
 * @param cut  a whole answer may be cut short */
bool crowd_is_well_formed(const struct sim_result *result, bool anthropic,
                          bool cut);

#endif
