/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever the bytes are: a discovery document that is accepted leads to a URL
 * at the issuer's own origin, and the same bytes as a key set never take good
 * keys away.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <llmproxy/auth.h>

#include "fuzz.h"

#define CHECK(cond)  \
    do {             \
        if (!(cond)) \
            abort(); \
    } while (0)

#define NAME "https://i.example"

static struct llmp_issuer *issuer_new(void)
{
    static const struct llmp_str audience = { "gw", 2 };
    struct llmp_token_policy_options policy;
    struct llmp_issuer_options opts;
    struct llmp_issuer *issuer = NULL;

    llmp_token_policy_options_init(&policy);
    policy.issuer = LLMP_STR(NAME);
    policy.audiences = &audience;
    policy.audience_count = 1;
    llmp_issuer_options_init(&opts);
    CHECK(llmp_token_policy_new(&opts.policy, &policy, NULL) == LLMP_OK);
    CHECK(llmp_issuer_new(&issuer, &opts, NULL) == LLMP_OK);
    llmp_token_policy_unref(opts.policy);
    return issuer;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct llmp_str body = { (const char *)data, size };
    struct llmp_issuer *issuer = issuer_new();
    struct llmp_time now = { 1000, 1000 };
    struct llmp_issuer_status status = { .size = sizeof(status) };
    struct llmp_issuer_fetch fetch;
    int rc;

    CHECK(llmp_issuer_fetch(issuer, &fetch, now) == LLMP_OK);
    rc = llmp_issuer_fed(issuer, fetch.id, body, 0, now, NULL);
    CHECK(rc < 0 || rc == LLMP_AGAIN);
    if (rc == LLMP_AGAIN) {
        CHECK(llmp_issuer_fetch(issuer, &fetch, now) == LLMP_OK);
        CHECK(!fetch.discovery);
        CHECK(strncasecmp(fetch.url, NAME "/", sizeof(NAME)) == 0 ||
              strncasecmp(fetch.url, NAME "?", sizeof(NAME)) == 0 ||
              strlen(fetch.url) == sizeof(NAME) - 1);
        (void)!llmp_issuer_fed(issuer, fetch.id, body, 0, now, NULL);
    }
    llmp_issuer_status(issuer, &status);
    CHECK(status.fetching == false);
    llmp_issuer_unref(issuer);
    return 0;
}
