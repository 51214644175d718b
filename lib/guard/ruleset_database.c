/* SPDX-License-Identifier: Apache-2.0 */
/* Vectorscan's databases: made, or taken from a cache by all that they are made
 * of. */
#include <openssl/evp.h>

#include "base/internal.h"
#include "guard/ruleset_in.h"

enum { KEY_SIZE = 81 };

static void compile_error_freep(hs_compile_error_t **error)
{
    (void)hs_free_compile_error(*error);
}

/* What Vectorscan is told, as arrays. */
struct expressions {
    const char **patterns;
    unsigned *flags, *ids;
};

static void expressions_fini(struct expressions *e)
{
    llmp_free(e->patterns);
    llmp_free(e->flags);
    llmp_free(e->ids);
}

static int expressions_init(struct expressions *e,
                            const struct llmp_ruleset *set,
                            const struct llmp_rule_group *group,
                            struct llmp_error *err)
{
    e->patterns = llmp_alloc_array(group->count, sizeof(*e->patterns));
    e->flags = llmp_alloc_array(group->count, sizeof(*e->flags));
    e->ids = llmp_alloc_array(group->count, sizeof(*e->ids));
    LLMP_ENSURE(e->patterns && e->flags && e->ids, err, LLMP_E_NOMEM,
                "no memory for %zu patterns", group->count);
    for (size_t i = 0; i < group->count; i++) {
        size_t rule = group->rules[i];

        e->patterns[i] = set->rules[rule].rule->pattern;
        e->flags[i] = set->rules[rule].hs_flags;
        e->ids[i] = (unsigned)rule;
    }
    return LLMP_OK;
}

/* Names a database by all that it is made of. */
static bool key_of(char key[KEY_SIZE], const struct llmp_ruleset *set,
                   const struct llmp_rule_group *group, unsigned mode)
{
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    hs_platform_info_t platform;
    uint8_t digest[EVP_MAX_MD_SIZE];
    bool ok = hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) &&
              hs_populate_platform(&platform) == HS_SUCCESS;

    ok = ok && EVP_DigestUpdate(hash, hs_version(), strlen(hs_version())) &&
         EVP_DigestUpdate(hash, &platform, sizeof(platform)) &&
         EVP_DigestUpdate(hash, &mode, sizeof(mode)) &&
         EVP_DigestUpdate(hash, group->rules,
                          group->count * sizeof(*group->rules));
    for (size_t i = 0; ok && i < group->count; i++) {
        const struct llmp_compiled_rule *rule = &set->rules[group->rules[i]];
        const char *pattern = rule->rule->pattern;

        ok = EVP_DigestUpdate(hash, pattern, strlen(pattern) + 1) &&
             EVP_DigestUpdate(hash, &rule->hs_flags, sizeof(rule->hs_flags));
    }
    ok = ok && EVP_DigestFinal_ex(hash, digest, NULL);
    EVP_MD_CTX_free(hash);
    if (!ok)
        return false;
    memcpy(key, mode == HS_MODE_BLOCK ? "rules-block-" : "rules-flow--", 12);
    *llmp_put_hex(key + 12, digest, 32) = '\0';
    return true;
}

static bool load(hs_database_t **out, const struct llmp_guard_cache *cache,
                 const char *key)
{
    struct llmp_str bytes = { NULL, 0 };
    bool ok = false;

    if (!cache || cache->load(&bytes, key, cache->ctx) != LLMP_OK)
        return false;
    ok = hs_deserialize_database(bytes.ptr, bytes.len, out) == HS_SUCCESS;
    cache->drop(bytes, cache->ctx);
    return ok;
}

static void save(const hs_database_t *database,
                 const struct llmp_guard_cache *cache, const char *key)
{
    char *bytes = NULL;
    size_t size = 0;

    if (hs_serialize_database(database, &bytes, &size) != HS_SUCCESS)
        return;
    cache->save(key, (struct llmp_str){ bytes, size }, cache->ctx);
    free(bytes); /* Vectorscan's own */
}

static int compile(hs_database_t **out, const struct llmp_ruleset *set,
                   const struct llmp_rule_group *group,
                   const struct expressions *e, unsigned mode,
                   struct llmp_error *err)
{
    LLMP_AUTO(compile_error_freep) hs_compile_error_t *error = NULL;

    if (hs_compile_multi(e->patterns, e->flags, e->ids, (unsigned)group->count,
                         mode, NULL, out, &error) == HS_SUCCESS)
        return LLMP_OK;
    LLMP_ENSURE(
        error->expression < 0, err, LLMP_E_SYNTAX, "rule %s: Vectorscan: %s",
        set->rules[group->rules[error->expression]].rule->name, error->message);
    return llmp_fail(err, LLMP_E_NOMEM, "Vectorscan: %s", error->message);
}

int llmp_ruleset_database(const struct llmp_ruleset *set,
                          struct llmp_rule_group *group, unsigned mode,
                          const struct llmp_guard_cache *cache,
                          struct llmp_error *err)
{
    LLMP_AUTO(expressions_fini) struct expressions e = { NULL, NULL, NULL };
    char key[KEY_SIZE];
    bool named = cache && key_of(key, set, group, mode);

    if (named && load(&group->database, cache, key))
        return LLMP_OK;
    LLMP_TRY(expressions_init(&e, set, group, err));
    LLMP_TRY(compile(&group->database, set, group, &e, mode, err));
    if (named)
        save(group->database, cache, key);
    return LLMP_OK;
}
