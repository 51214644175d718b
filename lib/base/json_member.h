/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds a few members of a document's root object without reading the rest: it
 * only counts brackets and skips strings, and checks nothing. For documents
 * whose writer is not the one to be guarded against, such as a provider's
 * answer, of which a small part matters; it costs a fraction of the reader.
 */
#ifndef LLMP_BASE_JSON_MEMBER_H
#define LLMP_BASE_JSON_MEMBER_H

#include <llmproxy/base.h>

enum { LLMP_JSON_MEMBERS = 3, LLMP_JSON_MEMBER_TEXT_MAX = 2048 };

struct llmp_json_members {
    struct {
        struct llmp_str name; /* without characters that JSON escapes */
        bool found; /* it is there: the last one, if there are several */
        bool cut;   /* its value did not fit: `value` is empty */
        uint32_t at, len;
    } member[LLMP_JSON_MEMBERS];
    uint32_t all_keys; /* a bit for each that is wanted */
    uint32_t depth;
    uint32_t matched; /* bytes of the key that was or is being read */
    uint32_t keys;    /* a bit a member: the key can be or is its name */
    int keeping;      /* which member's value is being kept; -1: none */
    bool in_string, escape, in_key;
    bool key_next; /* the next string of the root object is a key */
    bool begun;    /* the root's first key is known, or it has none */
    uint32_t len;
    char text[LLMP_JSON_MEMBER_TEXT_MAX];
};

/* @param count  of names, up to LLMP_JSON_MEMBERS */
void llmp_json_members_init(struct llmp_json_members *members,
                            const struct llmp_str *names, size_t count);

void llmp_json_members_feed(struct llmp_json_members *members,
                            struct llmp_str piece);

/* The text of a member's value; empty when it was not found or cut. */
struct llmp_str llmp_json_members_value(const struct llmp_json_members *members,
                                        int which);

/* The same as far as it has come: also of a value that has not ended. */
struct llmp_str llmp_json_members_so_far(
    const struct llmp_json_members *members, int which);

/* A number that is wanted of an object: a member of it, or of an object that
 * is its member `outer`. */
struct llmp_json_number {
    struct llmp_str outer; /* empty: the number is the object's own */
    struct llmp_str name;  /* neither with characters that JSON escapes */
    struct llmp_str text;  /* out: the last such number; empty: there is none */
};

/* Finds numbers in an object that is at hand whole; checks nothing either. */
void llmp_json_numbers(struct llmp_str object, struct llmp_json_number *numbers,
                       size_t count);

#endif
