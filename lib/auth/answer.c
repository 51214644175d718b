/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of refusals as names, texts and HTTP statuses, and the challenge
 * that goes with a 401.
 */
#include <stdio.h>

#include "auth/text.h"
#include "base/internal.h"

#include <llmproxy/auth.h>

static const struct answer {
    int value;
    unsigned http;
    const char *name, *text;
} answers[] = {
#define ANSWER_ROW(name, value, http, text) { value, http, #name, text },
    LLMP_AUTH_ANSWER_TABLE(ANSWER_ROW)
#undef ANSWER_ROW
};

static const struct answer *answer_find(int value)
{
    for (size_t i = 0; i < LLMP_COUNT(answers); i++)
        if (answers[i].value == value)
            return &answers[i];
    return NULL;
}

const char *llmp_auth_answer_name(int answer)
{
    const struct answer *found = answer_find(answer);

    return found ? found->name : "UNKNOWN";
}

const char *llmp_auth_answer_text(int answer)
{
    const struct answer *found = answer_find(answer);

    return found ? found->text : "unknown";
}

unsigned llmp_auth_answer_http(int answer)
{
    const struct answer *found = answer_find(answer);

    return found ? found->http : 500;
}

size_t llmp_auth_challenge(char *out, size_t size, int answer)
{
    const struct answer *found = answer_find(answer);

    if (!found)
        return llmp_text_print(out, size, "Bearer");
    return llmp_text_print(
        out, size, "Bearer error=\"%s\", error_description=\"%s\"",
        found->http == 403 ? "insufficient_scope" : "invalid_token",
        found->text);
}
