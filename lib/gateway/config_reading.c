/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Complaints about a configuration: where, what, and what was probably meant.
 *
 * libyaml counts code points; people and editors count lines that end with LF,
 * CRLF or CR, and the error's column counts bytes. Positions are therefore
 * kept as code points and turned into the rest only when something is wrong.
 */
#include "gateway/config_reading.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/internal.h"
#include "base/str.h"
#include "gateway/config_tree.h"

#define NAME_MAX_SHOWN 96 /* of a long path its end is shown */

size_t llmp_reading_byte_of(const struct llmp_reading *reading, size_t point)
{
    const struct llmp_str text = reading->text;
    size_t byte = 0;

    for (; byte < text.len; byte++) {
        bool begins = ((unsigned char)text.ptr[byte] & 0xc0) != 0x80;

        if (begins && point-- == 0)
            break;
    }
    return byte;
}

static void locate(struct llmp_str text, size_t byte, uint32_t *line,
                   uint32_t *column)
{
    size_t begin = 0;

    *line = 1;
    for (size_t i = 0; i < byte && i < text.len; i++) {
        bool crlf =
            text.ptr[i] == '\r' && i + 1 < text.len && text.ptr[i + 1] == '\n';

        if ((text.ptr[i] == '\n' || text.ptr[i] == '\r') && !crlf) {
            (*line)++;
            begin = i + 1;
        }
    }
    *column = (uint32_t)(byte - begin + 1);
}

/* The variable of a value that our own text took from the environment. */
static struct llmp_shown variable_of(const struct llmp_node *node)
{
    struct llmp_shown shown = { "" };
    struct llmp_str text = node ? node->text : (struct llmp_str){ NULL, 0 };

    if (!llmp_str_starts(text, LLMP_STR("${")))
        return shown;
    text = (struct llmp_str){ text.ptr + 2, text.len - 2 };
    for (size_t i = 0; i < text.len && i < sizeof(shown.text) - 3; i++) {
        if (text.ptr[i] == '}' || text.ptr[i] == ':') {
            memcpy(shown.text + i, ": ", 3);
            break;
        }
        shown.text[i] = text.ptr[i];
    }
    return shown;
}

static int fail_at(struct llmp_reading *reading, const struct llmp_node *node,
                   size_t byte, int status, const char *format, va_list args)
    LLMP_PRINTF(5, 0);

static int fail_at(struct llmp_reading *reading, const struct llmp_node *node,
                   size_t byte, int status, const char *format, va_list args)
{
    struct llmp_error *err = reading->err;
    const char *name = reading->source.name;
    size_t len = strlen(name);
    uint32_t line, column;

    if (!err)
        return status;
    if (len > NAME_MAX_SHOWN)
        name += len - NAME_MAX_SHOWN;
    locate(reading->text, byte, &line, &column);
    if (reading->from_env)
        (void)llmp_fail(err, status, "%s: %s", name, variable_of(node).text);
    else
        (void)llmp_fail(err, status, "%s:%u:%u: ", name, line, column);
    err->line = reading->from_env ? 0 : line;
    err->column = reading->from_env ? 0 : column;

    size_t used = strlen(err->message);

    (void)vsnprintf(err->message + used, sizeof(err->message) - used, format,
                    args);
    return status;
}

int llmp_reading_fail(struct llmp_reading *reading,
                      const struct llmp_node *node, int status,
                      const char *format, ...)
{
    va_list args;
    size_t byte = node ? llmp_reading_byte_of(reading, node->at) : 0;

    va_start(args, format);
    (void)fail_at(reading, node, byte, status, format, args);
    va_end(args);
    return status;
}

int llmp_reading_fail_at(struct llmp_reading *reading, size_t byte, int status,
                         const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)fail_at(reading, NULL, byte, status, format, args);
    va_end(args);
    return status;
}

int llmp_reading_check_file(struct llmp_reading *reading,
                            const struct llmp_node *node, const char *path)
{
    char reason[128] = "";

    if (!path || !reading->source.readable ||
        reading->source.readable(path, reason, reading->source.ctx))
        return LLMP_OK;
    return llmp_reading_fail(reading, node, LLMP_E_NOT_FOUND,
                             "'%s' cannot be read: %s",
                             llmp_show(llmp_str_of(path)).text, reason);
}

int llmp_reading_nomem(struct llmp_reading *reading)
{
    return llmp_fail(reading->err, LLMP_E_NOMEM,
                     "no memory for the configuration");
}

struct llmp_shown llmp_show(struct llmp_str text)
{
    struct llmp_shown shown = { "" };
    size_t room = sizeof(shown.text) - 4; /* "..." and the NUL */
    size_t len = text.len < room ? text.len : room;

    /* Never half a character. */
    while (len && len < text.len &&
           ((unsigned char)text.ptr[len] & 0xc0) == 0x80)
        len--;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        unsigned char before = i ? (unsigned char)text.ptr[i - 1] : 0;

        /* U+0080 to U+009F command terminals too. */
        if (before == 0xc2 && c < 0xa0)
            shown.text[i - 1] = shown.text[i] = '?';
        else
            shown.text[i] = c < 0x20 || c == 0x7f ? '?' : text.ptr[i];
    }
    if (len < text.len)
        memcpy(shown.text + len, "...", 4);
    return shown;
}

struct llmp_guess llmp_guess_begin(struct llmp_str asked)
{
    return (struct llmp_guess){ .asked = asked, .distance = SIZE_MAX };
}

void llmp_guess_offer(struct llmp_guess *guess, struct llmp_str candidate)
{
    size_t distance = llmp_str_distance(guess->asked, candidate);

    if (distance < guess->distance) {
        guess->distance = distance;
        guess->best = candidate;
    }
}

struct llmp_hint llmp_guess_hint(const struct llmp_guess *guess)
{
    struct llmp_hint hint = { "" };
    size_t len = guess->best.len;
    size_t near = len < 6 ? 2 : len / 3;

    if (guess->distance <= near && guess->distance < len)
        (void)snprintf(hint.text, sizeof(hint.text), "; did you mean '%s'?",
                       llmp_show(guess->best).text);
    return hint;
}
