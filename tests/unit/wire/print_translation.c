/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints what a document becomes in another dialect, for checks against the
 * vendors' own libraries:
 *   print-translation request|answer|stream FROM TO [MODEL] <document
 * A stream has one event a line, "name {…}" or "{…}".
 */
#include "translate.h"

static const struct llmp_dialect *dialect_of(const char *name)
{
    static const struct llmp_dialect *const dialects[] = {
        &llmp_dialect_openai,  &llmp_dialect_anthropic, &llmp_dialect_gemini,
        &llmp_dialect_bedrock, &llmp_dialect_responses, &llmp_dialect_gigachat,
    };

    for (size_t i = 0; i < LLMP_COUNT(dialects); i++)
        if (llmp_str_eq(dialects[i]->name, llmp_str_of(name)))
            return dialects[i];
    return NULL;
}

static int translate_lines(struct translation *t,
                           const struct llmp_dialect *from,
                           const struct llmp_dialect *to, char *text)
{
    const char *events[256] = { NULL };
    size_t count = 0;

    for (char *at = text; *at && count + 1 < LLMP_COUNT(events);) {
        size_t len = strcspn(at, "\n");
        char *next = at[len] ? at + len + 1 : at + len;

        at[len] = '\0';
        if (len)
            events[count++] = at;
        at = next;
    }
    return translate_stream(t, from, to, events, true);
}

int main(int argc, char **argv)
{
    static char text[1 << 20];
    const struct llmp_dialect *from = argc > 3 ? dialect_of(argv[2]) : NULL;
    const struct llmp_dialect *to = argc > 3 ? dialect_of(argv[3]) : NULL;
    struct translation t;
    int rc;

    if (!from || !to) {
        (void)fputs("usage: print-translation request|answer|stream FROM TO "
                    "[MODEL]\n",
                    stderr);
        return 2;
    }
    text[fread(text, 1, sizeof(text) - 1, stdin)] = '\0';
    translation_init(&t);
    t.wire.drop = true;
    t.model = llmp_str_of(argc > 4 ? argv[4] : NULL);
    if (strcmp(argv[1], "request") == 0)
        rc = translate_request(&t, from, to, llmp_str_of(text));
    else if (strcmp(argv[1], "answer") == 0)
        rc = translate_answer(&t, from, to, llmp_str_of(text));
    else
        rc = translate_lines(&t, from, to, text);
    if (rc == LLMP_OK)
        (void)fwrite(t.out.ptr, 1, t.out.len, stdout);
    else
        (void)fprintf(stderr, "%d: %s\n", rc, t.err.message);
    translation_fini(&t);
    return rc != LLMP_OK;
}
