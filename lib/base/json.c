/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON reader: one pass, one token a call, resumable at every byte.
 *
 * Two automata: `expect` is what the grammar allows between tokens; `part`
 * and `sub` are where inside an unfinished token the last piece ended. A token
 * that lies in one piece is a span of it; else its text gathers in `carry`,
 * and one that outgrows `carry` is cut: checked to its end, but not kept.
 * Containers are one bit a level, so nothing recurses.
 */
#include <llmproxy/json.h>
#include <string.h>

#include "base/alloc.h"
#include "base/internal.h"
#include "base/json_keys.h"
#include "base/json_scan.h"

enum expect {
    EXPECT_VALUE,
    EXPECT_ITEM_OR_END, /* behind '[' */
    EXPECT_KEY_OR_END,  /* behind '{' */
    EXPECT_KEY,         /* behind ',' in an object */
    EXPECT_COLON,
    EXPECT_NEXT,   /* behind a value in a container: ',' or its end */
    EXPECT_NOTHING /* behind the root value */
};

enum part { PART_NONE, PART_STRING, PART_NUMBER, PART_LITERAL };

/* `sub` inside a string. */
enum { IN_TEXT, IN_CHAR, IN_ESCAPE, IN_HEX };

/* `sub` inside a number: what was read last. */
enum {
    NUMBER_OVER,
    NUMBER_MINUS,
    NUMBER_ZERO,
    NUMBER_DIGITS,
    NUMBER_POINT,
    NUMBER_FRACTION,
    NUMBER_E,
    NUMBER_SIGN,
    NUMBER_EXPONENT,
    NUMBER_STATES
};

enum { OTHER, ZERO, DIGIT, MINUS, PLUS, POINT, E, NUMBER_CLASSES };

static const uint8_t number_class[256] = {
    ['0'] = ZERO, ['1' ... '9'] = DIGIT, ['-'] = MINUS,
    ['+'] = PLUS, ['.'] = POINT,         ['e'] = E,
    ['E'] = E,
};

/* What a byte turns a number into; NUMBER_OVER: it is no part of it. */
static const uint8_t number_next[NUMBER_STATES][NUMBER_CLASSES] = {
    [NUMBER_MINUS] = { [ZERO] = NUMBER_ZERO, [DIGIT] = NUMBER_DIGITS },
    [NUMBER_ZERO] = { [POINT] = NUMBER_POINT, [E] = NUMBER_E },
    [NUMBER_DIGITS] = { [ZERO] = NUMBER_DIGITS,
                        [DIGIT] = NUMBER_DIGITS,
                        [POINT] = NUMBER_POINT,
                        [E] = NUMBER_E },
    [NUMBER_POINT] = { [ZERO] = NUMBER_FRACTION, [DIGIT] = NUMBER_FRACTION },
    [NUMBER_FRACTION] = { [ZERO] = NUMBER_FRACTION,
                          [DIGIT] = NUMBER_FRACTION,
                          [E] = NUMBER_E },
    [NUMBER_E] = { [ZERO] = NUMBER_EXPONENT,
                   [DIGIT] = NUMBER_EXPONENT,
                   [MINUS] = NUMBER_SIGN,
                   [PLUS] = NUMBER_SIGN },
    [NUMBER_SIGN] = { [ZERO] = NUMBER_EXPONENT, [DIGIT] = NUMBER_EXPONENT },
    [NUMBER_EXPONENT] = { [ZERO] = NUMBER_EXPONENT, [DIGIT] = NUMBER_EXPONENT },
};

static const struct {
    const char *text;
    uint8_t len;
    enum llmp_json_type type;
} literals[] = {
    { "null", 4, LLMP_JSON_NULL },
    { "false", 5, LLMP_JSON_FALSE },
    { "true", 4, LLMP_JSON_TRUE },
};

void llmp_json_init(struct llmp_json *reader, uint32_t depth_max)
{
    /* The arrays at the end need no value; they are most of the size. */
    memset(reader, 0, offsetof(struct llmp_json, members));
    reader->piece = LLMP_STR("");
    reader->depth_max = depth_max && depth_max < LLMP_JSON_DEPTH_MAX
                            ? depth_max
                            : LLMP_JSON_DEPTH_MAX;
    reader->expect = EXPECT_VALUE;
}

void llmp_json_fini(struct llmp_json *reader)
{
    if (!reader)
        return;
    llmp_free(reader->keys);
    reader->keys = NULL;
    reader->keys_len = 0;
    reader->failed = LLMP_E_STATE;
}

void llmp_json_feed(struct llmp_json *reader, struct llmp_str piece, bool last)
{
    if (reader->failed)
        return;
    if (reader->last || reader->pos < reader->piece.len)
        reader->failed = LLMP_E_STATE;
    reader->base += reader->piece.len;
    reader->piece = piece.len ? piece : LLMP_STR("");
    reader->pos = reader->from = 0;
    reader->last = last;
}

static int fail(struct llmp_json *reader, int status, uint64_t offset,
                const char *what, struct llmp_error *err)
{
    reader->failed = status;
    (void)llmp_fail(err, status, "%s at byte %llu", what,
                    (unsigned long long)offset);
    if (err && offset < UINT32_MAX)
        err->column = (uint32_t)offset + 1;
    return status;
}

static int fail_here(struct llmp_json *reader, const char *what,
                     struct llmp_error *err)
{
    return fail(reader, LLMP_E_SYNTAX, reader->base + reader->pos, what, err);
}

static bool in_object(const struct llmp_json *reader)
{
    return reader->containers & 1;
}

static int fail_unexpected(struct llmp_json *reader, struct llmp_error *err)
{
    static const char *const what[] = {
        [EXPECT_VALUE] = "expected a value",
        [EXPECT_ITEM_OR_END] = "expected a value or ']'",
        [EXPECT_KEY_OR_END] = "expected a key or '}'",
        [EXPECT_KEY] = "expected a key",
        [EXPECT_COLON] = "expected ':'",
        [EXPECT_NEXT] = "expected ',' or ']'",
        [EXPECT_NOTHING] = "unexpected text behind the document",
    };
    const char *text = what[reader->expect];

    if (reader->expect == EXPECT_NEXT && in_object(reader))
        text = "expected ',' or '}'";
    if (reader->base + reader->pos == 0 && reader->piece.ptr[0] == '\xEF')
        text = "a byte order mark is not allowed";
    return fail_here(reader, text, err);
}

static bool expects_value(const struct llmp_json *reader)
{
    return reader->expect <= EXPECT_ITEM_OR_END;
}

static void value_done(struct llmp_json *reader)
{
    reader->expect = reader->depth ? EXPECT_NEXT : EXPECT_NOTHING;
}

/* Saves the unfinished token's text before its piece goes away. */
static void keep_text(struct llmp_json *reader, size_t end)
{
    size_t size = end - reader->from;

    if (reader->token_cut || size > LLMP_JSON_CARRY_MAX - reader->carry_len) {
        reader->token_cut = true;
        reader->carry_len = 0;
    } else {
        memcpy(reader->carry + reader->carry_len,
               reader->piece.ptr + reader->from, size);
        reader->carry_len += (uint32_t)size;
    }
    reader->from = end;
}

/* Completes a token whose text ends before piece[end] and whose last byte is
 * before `pos`. */
static int give(struct llmp_json *reader, enum llmp_json_type type, size_t end,
                struct llmp_json_token *token)
{
    struct llmp_str text = { reader->piece.ptr + reader->from,
                             end - reader->from };

    reader->part = PART_NONE;
    if (reader->carry_len || reader->token_cut) {
        keep_text(reader, end);
        text = (struct llmp_str){ reader->carry, reader->carry_len };
    }
    *token = (struct llmp_json_token){
        .type = type,
        .depth = reader->depth,
        .escaped = reader->token_escaped,
        .cut = reader->token_cut,
        .offset = reader->token_offset,
        .size = reader->base + reader->pos - reader->token_offset,
        .text = text,
    };
    return LLMP_OK;
}

static void start(struct llmp_json *reader, enum part part)
{
    reader->part = (uint8_t)part;
    reader->sub = 0;
    reader->token_offset = reader->base + reader->pos;
    reader->token_key = reader->token_escaped = reader->token_cut = false;
    reader->carry_len = 0;
    reader->from = reader->pos;
}

static int open_container(struct llmp_json *reader, bool object,
                          struct llmp_json_token *token, struct llmp_error *err)
{
    if (reader->depth == reader->depth_max)
        return fail(reader, LLMP_E_LIMIT, reader->base + reader->pos,
                    "nested too deeply", err);
    start(reader, PART_NONE);
    reader->pos++;
    (void)give(reader, object ? LLMP_JSON_OBJECT : LLMP_JSON_ARRAY, reader->pos,
               token);
    reader->members[reader->depth++] = reader->keys_len;
    reader->containers = reader->containers << 1 | object;
    reader->expect = object ? EXPECT_KEY_OR_END : EXPECT_ITEM_OR_END;
    return LLMP_OK;
}

static int close_container(struct llmp_json *reader, bool object,
                           struct llmp_json_token *token,
                           struct llmp_error *err)
{
    uint8_t empty = object ? EXPECT_KEY_OR_END : EXPECT_ITEM_OR_END;

    if (reader->expect != empty &&
        !(reader->expect == EXPECT_NEXT && in_object(reader) == object))
        return fail_unexpected(reader, err);
    if (object && llmp_json_keys_check(reader) != LLMP_OK)
        return fail_here(reader, "a key twice in the object that ends", err);
    reader->depth--;
    reader->keys_len = reader->members[reader->depth];
    reader->containers >>= 1;
    value_done(reader);
    start(reader, PART_NONE);
    reader->pos++;
    return give(reader, object ? LLMP_JSON_OBJECT_END : LLMP_JSON_ARRAY_END,
                reader->pos, token);
}

/* What the byte behind a backslash stands for; 0: none of these. */
static const uint8_t short_escapes[256] = {
    ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
    ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
};

/* Behind "\": a short escape, or 'u'. */
static int read_escape(struct llmp_json *reader, uint8_t byte,
                       struct llmp_error *err)
{
    if (byte == 'u') {
        reader->sub = IN_HEX;
        reader->hex = 0;
        reader->hex_count = 0;
        return LLMP_OK;
    }
    if (!short_escapes[byte])
        return fail_here(reader, "an unknown escape", err);
    if (reader->token_key)
        llmp_json_key_unit(reader, short_escapes[byte]);
    reader->sub = IN_TEXT;
    return LLMP_OK;
}

static int read_hex(struct llmp_json *reader, uint8_t byte,
                    struct llmp_error *err)
{
    unsigned digit = llmp_hex_digit(byte);

    if (digit > 15)
        return fail_here(reader, "\\u without four hexadecimal digits", err);
    reader->hex = (uint16_t)((unsigned)reader->hex << 4 | digit);
    if (++reader->hex_count < 4)
        return LLMP_OK;
    if (reader->token_key)
        llmp_json_key_unit(reader, reader->hex);
    reader->sub = IN_TEXT;
    return LLMP_OK;
}

/* A further byte of a character that the piece's end divides, or of one that
 * is wrong somewhere. */
static int read_char(struct llmp_json *reader, uint8_t byte,
                     struct llmp_error *err)
{
    if (byte < reader->utf8_low || byte > reader->utf8_high)
        return fail_here(reader, "invalid UTF-8", err);
    if (reader->token_key)
        llmp_json_key_bytes(reader, &byte, 1);
    reader->utf8_low = 0x80;
    reader->utf8_high = 0xBF;
    if (--reader->utf8_follow == 0)
        reader->sub = IN_TEXT;
    return LLMP_OK;
}

/* A byte that ends plain text and is not the closing quote. */
static int leave_text(struct llmp_json *reader, uint8_t byte,
                      struct llmp_error *err)
{
    if (byte == '\\') {
        reader->token_escaped = true;
        reader->sub = IN_ESCAPE;
        return LLMP_OK;
    }
    if (byte < 0x20)
        return fail_here(reader, "a control character in a string", err);

    struct llmp_utf8_lead lead = llmp_utf8_lead(byte);

    if (lead.follow == 0)
        return fail_here(reader, "invalid UTF-8", err);
    if (reader->token_key)
        llmp_json_key_bytes(reader, &byte, 1);
    reader->utf8_follow = lead.follow;
    reader->utf8_low = lead.low;
    reader->utf8_high = lead.high;
    reader->sub = IN_CHAR;
    return LLMP_OK;
}

/* Skips text, whole characters and (except in a key, whose meaning is hashed)
 * short escapes: to a quote, another escape, something that is wrong or not
 * complete, or the end. */
static const uint8_t *skip_text(struct llmp_json *reader, const uint8_t *at,
                                const uint8_t *end)
{
    for (;;) {
        at = llmp_json_skip_plain(at, end);
        if (at == end || *at == '"')
            return at;
        if (*at == '\\') {
            if (reader->token_key || end - at < 2 || !short_escapes[at[1]])
                return at;
            reader->token_escaped = true;
            at += 2;
            continue;
        }
        do {
            size_t size = llmp_utf8_size(at, end);

            if (size == 0)
                return at;
            at += size;
        } while (at < end && *at >= 0x80);
    }
}

/* LLMP_OK: `pos` is at the closing quote. */
static int scan_string(struct llmp_json *reader, struct llmp_error *err)
{
    const uint8_t *piece = (const uint8_t *)reader->piece.ptr;
    size_t len = reader->piece.len;

    for (; reader->pos < len; reader->pos++) {
        if (reader->sub == IN_TEXT) {
            const uint8_t *begin = piece + reader->pos;
            const uint8_t *stop = skip_text(reader, begin, piece + len);

            if (reader->token_key)
                llmp_json_key_bytes(reader, begin, (size_t)(stop - begin));
            reader->pos = (size_t)(stop - piece);
            if (reader->pos == len)
                break;
            if (*stop == '"')
                return LLMP_OK;
            LLMP_TRY(leave_text(reader, *stop, err));
        } else if (reader->sub == IN_ESCAPE) {
            LLMP_TRY(read_escape(reader, piece[reader->pos], err));
        } else if (reader->sub == IN_HEX) {
            LLMP_TRY(read_hex(reader, piece[reader->pos], err));
        } else {
            LLMP_TRY(read_char(reader, piece[reader->pos], err));
        }
    }
    return LLMP_AGAIN;
}

static int end_key(struct llmp_json *reader, struct llmp_error *err)
{
    int rc = llmp_json_key_end(reader);

    reader->expect = EXPECT_COLON;
    if (rc == LLMP_OK)
        return LLMP_OK;
    return fail(reader, rc, reader->token_offset,
                rc == LLMP_E_SYNTAX  ? "a key twice in one object"
                : rc == LLMP_E_LIMIT ? "too many members in one object"
                                     : "no memory for the keys of an object",
                err);
}

static int continue_string(struct llmp_json *reader,
                           struct llmp_json_token *token,
                           struct llmp_error *err)
{
    int rc = scan_string(reader, err);

    if (rc == LLMP_AGAIN)
        keep_text(reader, reader->pos);
    if (rc == LLMP_AGAIN && reader->last)
        return fail_here(reader, "the text ends inside a string", err);
    if (rc != LLMP_OK)
        return rc;
    reader->pos++;
    if (reader->token_key)
        LLMP_TRY(end_key(reader, err));
    else
        value_done(reader);
    return give(reader, reader->token_key ? LLMP_JSON_KEY : LLMP_JSON_STRING,
                reader->pos - 1, token);
}

static int continue_number(struct llmp_json *reader,
                           struct llmp_json_token *token,
                           struct llmp_error *err)
{
    const uint8_t *piece = (const uint8_t *)reader->piece.ptr;
    size_t pos = reader->pos;
    uint8_t state = reader->sub;

    for (uint8_t next = 0; pos < reader->piece.len; pos++, state = next) {
        next = number_next[state][number_class[piece[pos]]];
        if (next == NUMBER_OVER)
            break;
    }
    reader->sub = state;
    reader->pos = pos;
    if (pos == reader->piece.len && !reader->last) {
        keep_text(reader, pos);
        return LLMP_AGAIN;
    }
    if (state != NUMBER_ZERO && state != NUMBER_DIGITS &&
        state != NUMBER_FRACTION && state != NUMBER_EXPONENT)
        return fail_here(reader, "expected a digit", err);
    if (state == NUMBER_ZERO && pos < reader->piece.len && piece[pos] >= '0' &&
        piece[pos] <= '9')
        return fail_here(reader, "a number with a leading zero", err);
    value_done(reader);
    return give(reader, LLMP_JSON_NUMBER, pos, token);
}

static int continue_literal(struct llmp_json *reader,
                            struct llmp_json_token *token,
                            struct llmp_error *err)
{
    const char *text = literals[reader->literal].text;

    while (reader->sub < literals[reader->literal].len) {
        if (reader->pos == reader->piece.len && !reader->last) {
            keep_text(reader, reader->pos);
            return LLMP_AGAIN;
        }
        if (reader->pos == reader->piece.len ||
            reader->piece.ptr[reader->pos] != text[reader->sub])
            return fail_here(reader, "expected null, true or false", err);
        reader->sub++;
        reader->pos++;
    }
    value_done(reader);
    return give(reader, literals[reader->literal].type, reader->pos, token);
}

static int start_string(struct llmp_json *reader, struct llmp_json_token *token,
                        struct llmp_error *err)
{
    bool key =
        reader->expect == EXPECT_KEY || reader->expect == EXPECT_KEY_OR_END;

    if (!key && !expects_value(reader))
        return fail_unexpected(reader, err);
    start(reader, PART_STRING);
    reader->token_key = key;
    if (key)
        llmp_json_key_start(reader);
    reader->from = ++reader->pos;
    return continue_string(reader, token, err);
}

static int start_number(struct llmp_json *reader, uint8_t byte,
                        struct llmp_json_token *token, struct llmp_error *err)
{
    start(reader, PART_NUMBER);
    reader->sub = byte == '-'   ? NUMBER_MINUS
                  : byte == '0' ? NUMBER_ZERO
                                : NUMBER_DIGITS;
    reader->pos++;
    return continue_number(reader, token, err);
}

static int start_literal(struct llmp_json *reader, uint8_t byte,
                         struct llmp_json_token *token, struct llmp_error *err)
{
    start(reader, PART_LITERAL);
    reader->literal = byte == 'n' ? 0 : byte == 'f' ? 1 : 2;
    return continue_literal(reader, token, err);
}

static int start_token(struct llmp_json *reader, uint8_t byte,
                       struct llmp_json_token *token, struct llmp_error *err)
{
    switch (byte) {
    case '"':
        return start_string(reader, token, err);
    case '}':
    case ']':
        return close_container(reader, byte == '}', token, err);
    default:
        break;
    }
    if (!expects_value(reader))
        return fail_unexpected(reader, err);
    if (byte == '{' || byte == '[')
        return open_container(reader, byte == '{', token, err);
    if (byte == '-' || (byte >= '0' && byte <= '9'))
        return start_number(reader, byte, token, err);
    if (byte == 't' || byte == 'f' || byte == 'n')
        return start_literal(reader, byte, token, err);
    return fail_unexpected(reader, err);
}

static int continue_token(struct llmp_json *reader,
                          struct llmp_json_token *token, struct llmp_error *err)
{
    if (reader->part == PART_STRING)
        return continue_string(reader, token, err);
    if (reader->part == PART_NUMBER)
        return continue_number(reader, token, err);
    return continue_literal(reader, token, err);
}

static int end_piece(struct llmp_json *reader, struct llmp_error *err)
{
    if (!reader->last)
        return LLMP_AGAIN;
    if (reader->expect == EXPECT_NOTHING)
        return LLMP_END;
    return fail_here(reader, "the text ends too early", err);
}

static void skip_space(struct llmp_json *reader)
{
    const char *piece = reader->piece.ptr;
    size_t pos = reader->pos, len = reader->piece.len;

    while (pos < len && (piece[pos] == ' ' || piece[pos] == '\n' ||
                         piece[pos] == '\r' || piece[pos] == '\t'))
        pos++;
    reader->pos = pos;
}

int llmp_json_next(struct llmp_json *reader, struct llmp_json_token *token,
                   struct llmp_error *err)
{
    if (reader->failed)
        return llmp_fail(err, reader->failed, "the reader has failed before");
    if (reader->part != PART_NONE)
        return continue_token(reader, token, err);
    for (;;) {
        skip_space(reader);
        if (reader->pos == reader->piece.len)
            return end_piece(reader, err);

        uint8_t byte = (uint8_t)reader->piece.ptr[reader->pos];

        if (byte == ':' && reader->expect == EXPECT_COLON)
            reader->expect = EXPECT_VALUE;
        else if (byte == ',' && reader->expect == EXPECT_NEXT)
            reader->expect = in_object(reader) ? EXPECT_KEY : EXPECT_VALUE;
        else
            return start_token(reader, byte, token, err);
        reader->pos++;
    }
}
