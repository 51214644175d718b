/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file llmproxy/json.h
 * A JSON reader for text from outside (RFC 8259): it takes the text in pieces
 * of any size, gives tokens that point into those pieces, never recurses, and
 * refuses what two readers could understand differently: duplicate keys
 * (compared unescaped), invalid UTF-8, deep nesting.
 *
 * A reader never reads a clock and shares nothing; it may be moved between
 * threads but is used by one at a time.
 */
#ifndef LLMPROXY_JSON_H
#define LLMPROXY_JSON_H

#include <llmproxy/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a token is. A string that names a member is a KEY. */
enum llmp_json_type {
    LLMP_JSON_NULL,
    LLMP_JSON_FALSE,
    LLMP_JSON_TRUE,
    LLMP_JSON_NUMBER,
    LLMP_JSON_STRING,
    LLMP_JSON_KEY,
    LLMP_JSON_OBJECT,     /**< '{' */
    LLMP_JSON_OBJECT_END, /**< '}' */
    LLMP_JSON_ARRAY,      /**< '[' */
    LLMP_JSON_ARRAY_END   /**< ']' */
};

#define LLMP_JSON_DEPTH_MAX   64   /**< deepest nesting that can be asked for */
#define LLMP_JSON_MEMBERS_MAX 4096 /**< members of one object */
#define LLMP_JSON_CARRY_MAX   256  /**< longest text kept across pieces */

/** One token. `text` holds until the next llmp_json_feed() or _next(). */
struct llmp_json_token {
    enum llmp_json_type type;
    uint32_t depth;       /**< containers around it; the root value has 0 */
    bool escaped;         /**< string or key: `text` contains backslashes */
    bool cut;             /**< it lay across pieces and was longer than
                               LLMP_JSON_CARRY_MAX: `text` is empty */
    uint64_t offset;      /**< of its first byte in the whole text; a string's
                               opening quote */
    uint64_t size;        /**< in the text, with quotes */
    struct llmp_str text; /**< raw, a string's without quotes */
};

/** Caller's memory; the members are private. About 0.8 KiB. May be moved
 *  between two calls. */
struct llmp_json {
    struct llmp_str piece;
    size_t pos;          /* what of the piece is read */
    size_t from;         /* where the token's text in it begins */
    uint64_t base;       /* offset of the piece in the whole text */
    uint64_t containers; /* one bit a level: 1 is an object */
    uint64_t token_offset;
    int failed; /* the status that every call now returns */
    uint32_t depth, depth_max;
    uint8_t expect;             /* what the grammar allows next */
    uint8_t part, sub, literal; /* unfinished token; automaton inside it */
    bool last;
    bool token_key, token_escaped, token_cut;
    uint8_t utf8_follow, utf8_low, utf8_high;
    uint8_t hex_count;       /* digits of \uXXXX read so far */
    uint16_t hex, surrogate; /* their value; a high one that waits */
    uint32_t carry_len;
    uint64_t key_hash, key_block, key_size;
    uint32_t keys_len, keys_cap; /* hashes of the keys of all open objects */
    uint64_t *keys;              /* heap, when keys_inline is full */
    uint32_t members[LLMP_JSON_DEPTH_MAX]; /* where each level's keys begin */
    char carry[LLMP_JSON_CARRY_MAX];
    uint64_t keys_inline[16];
};

/**
 * Makes a reader ready.
 *
 * @param depth_max  1 … LLMP_JSON_DEPTH_MAX; 0 means LLMP_JSON_DEPTH_MAX
 */
LLMP_API void llmp_json_init(struct llmp_json *reader, uint32_t depth_max);

/** Releases what the reader holds. Accepts NULL; safe after a failure. */
LLMP_API void llmp_json_fini(struct llmp_json *reader);

/**
 * Hands in the next piece, which must stay put until llmp_json_next() has
 * asked for more. The piece before it must have been used up.
 *
 * @param last  no piece follows this one (it may be empty)
 */
LLMP_API void llmp_json_feed(struct llmp_json *reader, struct llmp_str piece,
                             bool last);

/**
 * Reads one token.
 *
 * @param token  written on LLMP_OK only
 * @param err    NULL, or receives message, line-less position in `column`
 *               when it fits 32 bits (byte offset + 1)
 * @retval LLMP_OK        a token
 * @retval LLMP_AGAIN     the piece is used up: feed the next one
 * @retval LLMP_END       the text is complete and correct
 * @retval LLMP_E_SYNTAX  not JSON, not UTF-8, or a key twice in one object;
 *                        the reader stays failed
 * @retval LLMP_E_LIMIT   deeper than depth_max or too many members
 * @retval LLMP_E_NOMEM   out of memory
 */
LLMP_API LLMP_MUST_USE int llmp_json_next(struct llmp_json *reader,
                                          struct llmp_json_token *token,
                                          struct llmp_error *err);

/**
 * Decodes the escapes of a string's raw text. An unpaired surrogate becomes
 * U+FFFD. A NUL is not added.
 *
 * @param out  room for `raw.len` bytes (decoding never grows text); may be
 *             where `raw` is
 * @return the number of bytes written
 */
LLMP_API size_t llmp_json_unescape(char *out, struct llmp_str raw);

/**
 * Reads a number token as a non-negative integer ("12", "1e3", "12.0").
 *
 * @retval LLMP_OK       done
 * @retval LLMP_E_TYPE   negative, fractional, or above UINT64_MAX; *out
 *                       untouched
 */
LLMP_API LLMP_MUST_USE int llmp_json_u64(struct llmp_str number, uint64_t *out);

/**
 * One value wanted from a document, found by its path of member names, e.g.
 * "usage.prompt_tokens". "[]" stands for any element of an array and matches
 * each ("choices.[].finish_reason"); the first match is kept. An empty path is
 * the root value. A segment has at most 40 bytes.
 */
struct llmp_json_field {
    const char *path;         /**< literal text, not copied */
    uint32_t first;           /**< bytes of its first segment, if the caller
                                   knows; 0: they are counted, each time */
    bool found;               /**< the value is there, complete */
    bool cut;                 /**< value text not kept, see token.cut */
    enum llmp_json_type type; /**< OBJECT and ARRAY for containers */
    bool escaped;
    uint64_t offset, size; /**< of the whole value, containers included */
    struct llmp_str text;  /**< scalars: raw text; see llmp_json_pick_token() */
};

#define LLMP_JSON_FIELDS_MAX 12

/** Follows a reader's tokens and fills fields. Caller's memory; the members
 *  are private. */
struct llmp_json_pick {
    struct llmp_json_field *fields;
    uint32_t count;
    uint32_t depth; /* tokens deeper than this concern no field */
    uint32_t live;  /* a bit a field: it was not found yet */
    uint32_t due;   /* the next value at its depth is it */
    uint32_t each;  /* it looks for any element of an array */
    uint32_t open;  /* it is a container that has not ended */
    uint32_t glance[LLMP_JSON_FIELDS_MAX]; /* of the key it waits for; or 0 */
    struct {
        const char *rest;  /* the path from the segment looked for now */
        uint32_t rest_len; /* of that segment */
        uint32_t depth;    /* where its token can be: 0 for the root value */
    } at[LLMP_JSON_FIELDS_MAX];
};

/**
 * Resets each field but its path.
 *
 * @param fields  must outlive `pick`
 * @param count   1 … LLMP_JSON_FIELDS_MAX; what is above is ignored
 */
LLMP_API void llmp_json_pick_init(struct llmp_json_pick *pick,
                                  struct llmp_json_field *fields,
                                  uint32_t count);

/**
 * Shows one token to the fields. A field's `text` points where the token's
 * does: a caller who feeds several pieces copies it when `found` turns true
 * or reads it again by `offset`.
 */
LLMP_API void llmp_json_pick_token(struct llmp_json_pick *pick,
                                   const struct llmp_json_token *token);

/**
 * Reads a complete document and fills the fields from it.
 *
 * @retval LLMP_OK  the document is correct; look at each field's `found`
 * @retval other    as llmp_json_next()
 */
LLMP_API LLMP_MUST_USE int llmp_json_pick_all(struct llmp_str document,
                                              struct llmp_json_field *fields,
                                              uint32_t count,
                                              struct llmp_error *err);

#ifdef __cplusplus
}
#endif
#endif
