/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever is asked for: a token comes that we verify ourselves and that is
 * nobody's but the asker's, its end user's or (an administrator asks) a
 * user's, in a role within the asker's; or a problem with a status and a
 * message, and nothing of a token.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json_scan.h"
#include "fuzz.h"
#include "gateway/gateway.h"
#include "gateway/own_tokens.h"

#include <llmproxy/json.h>

#define CHECK(cond)  \
    do {             \
        if (!(cond)) \
            abort(); \
    } while (0)

#define S(text)                   \
    {                             \
        "" text, sizeof(text) - 1 \
    }

static const struct llmp_time now = { UINT64_C(1000000000),
                                      UINT64_C(1800000000000000000) };

static void fill(void *bytes, size_t size, void *ctx)
{
    (void)ctx;
    memset(bytes, 7, size);
}

static const struct llmp_random random_source = { .fill = fill };

/* Made once, for all inputs. */
static struct llmp_access *access_of(void)
{
    static struct llmp_access *access;
    static struct llmp_gateway *gateway;
    static const char text[] =
        "providers: [ { name: p, base_url: 'https://p.example/v1' } ]\n"
        "auth: { pepper: 0123456789abcdef }\n";
    const struct llmp_config_source source = { .size = sizeof(source),
                                               .name = "f" };
    struct llmp_config *config = NULL;

    if (access)
        return access;
    CHECK(llmp_config_parse(&config, llmp_str_of(text), &source, NULL) ==
          LLMP_OK);
    CHECK(llmp_gateway_new(&gateway, config, &random_source, NULL) == LLMP_OK);
    access = llmp_gateway_access(gateway);
    llmp_config_unref(config);
    return access;
}

static void check_token(const struct llmp_access *access,
                        const struct llmp_principal *who, struct llmp_str json)
{
    struct llmp_json_field field = { .path = "access_token" };
    struct llmp_token *token = NULL;
    struct llmp_principal p;

    CHECK(llmp_json_pick_all(json, &field, 1, NULL) == LLMP_OK && field.found);
    CHECK(llmp_issuer_verify(access->own->issuer, &token, field.text, now,
                             NULL) == LLMP_OK);
    llmp_token_principal(token, &p);
    CHECK(llmp_role_is_within(p.role, who->role));
    CHECK(who->role == LLMP_ROLE_ADMIN || llmp_str_eq(p.user, who->user) ||
          (llmp_str_starts(p.user, who->user) &&
           p.user.ptr[who->user.len] == LLMP_END_USER_MARK));
    CHECK(who->role == LLMP_ROLE_ADMIN ||
          (llmp_str_eq(p.team, who->team) && llmp_str_eq(p.org, who->org)));
    CHECK(p.expires_ns <= now.wall_ns + UINT64_C(86430) * 1000000000);
    llmp_token_unref(token);
}

static void try(const struct llmp_principal *who, struct llmp_str body)
{
    struct llmp_arena arena;
    struct llmp_buf out = { 0 };
    struct llmp_token_given given;
    struct llmp_problem problem = { 0 };
    struct llmp_token_wish wish = { .access = access_of(),
                                    .who = who,
                                    .body = body,
                                    .administers = who->role == LLMP_ROLE_ADMIN,
                                    .arena = &arena,
                                    .random = &random_source,
                                    .wall_ns = now.wall_ns };

    llmp_arena_init(&arena, 1024);

    int rc = llmp_own_tokens_issue(&wish, &out, &given, &problem);

    if (rc == LLMP_OK)
        check_token(wish.access, who, llmp_buf_str(&out));
    else
        CHECK(rc == LLMP_E_INVALID && problem.status >= 400 &&
              problem.status < 500 && strlen(problem.message) > 0 &&
              out.len == 0);
    llmp_buf_fini(&out);
    llmp_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct llmp_principal who[] = {
        { .size = sizeof(who[0]),
          .kind = LLMP_PRINCIPAL_KEY,
          .role = LLMP_ROLE_SERVICE,
          .id = S("key_1"),
          .user = S("app"),
          .team = S("web") },
        { .size = sizeof(who[0]),
          .kind = LLMP_PRINCIPAL_TOKEN,
          .role = LLMP_ROLE_DEVELOPER,
          .user = S("ann"),
          .org = S("acme") },
        { .size = sizeof(who[0]),
          .kind = LLMP_PRINCIPAL_LOCAL,
          .role = LLMP_ROLE_ADMIN },
    };

    for (size_t i = 0; i < sizeof(who) / sizeof(who[0]); i++)
        try(&who[i], (struct llmp_str){ (const char *)data, size });
    return 0;
}
