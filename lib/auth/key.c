/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One API key: who it stands for, what it was given, and until when. One block
 * of memory, because there may be a million of them. The secret is not here,
 * only its keyed hashes, which nothing gives out again.
 */
#include "auth/key.h"

#include <sodium.h>

#include "auth/address.h"
#include "base/alloc.h"
#include "base/internal.h"
#include "base/str.h"

static const uint8_t no_hash[LLMP_KEY_HASH_SIZE];

void llmp_key_options_init_sized(struct llmp_key_options *opts, size_t size)
{
    memset(opts, 0, size);
    opts->size = size;
}

int llmp_key_expiry(uint64_t wall_ns, uint64_t wanted_s,
                    uint64_t lifetime_s_max, bool never, uint64_t *expires_ns)
{
    if (never && lifetime_s_max)
        return LLMP_E_LIMIT;
    if (never) {
        *expires_ns = 0;
        return LLMP_OK;
    }
    if (wanted_s == 0)
        wanted_s = lifetime_s_max && lifetime_s_max < LLMP_KEY_LIFETIME_S
                       ? lifetime_s_max
                       : LLMP_KEY_LIFETIME_S;
    if (lifetime_s_max && wanted_s > lifetime_s_max)
        return LLMP_E_LIMIT;
    *expires_ns = llmp_add_sat(wall_ns, llmp_mul_sat(wanted_s, LLMP_NS_PER_S));
    return LLMP_OK;
}

int llmp_key_rotate(struct llmp_key_generation generations[2],
                    const uint8_t hash[LLMP_KEY_HASH_SIZE], uint64_t overlap_s,
                    uint64_t wall_ns)
{
    uint64_t until_ns = wall_ns + overlap_s * LLMP_NS_PER_S;

    if (overlap_s > LLMP_KEY_OVERLAP_S_MAX)
        return LLMP_E_LIMIT;
    /* A secret that ends earlier anyway is not prolonged. */
    if (generations[0].until_ns && generations[0].until_ns < until_ns)
        until_ns = generations[0].until_ns;
    generations[1] = generations[0];
    generations[1].until_ns = until_ns ? until_ns : 1; /* 0 is no deadline */
    memcpy(generations[0].hash, hash, LLMP_KEY_HASH_SIZE);
    generations[0].until_ns = 0;
    return LLMP_OK;
}

/* ---------------------------------------------------------------- making -- */

static bool list_fits(const struct llmp_str *list, size_t count)
{
    if (count > LLMP_KEY_LIST_MAX)
        return false;
    for (size_t i = 0; i < count; i++)
        if (list[i].len == 0 || list[i].len > LLMP_KEY_TEXT_MAX)
            return false;
    return true;
}

static int options_check(const struct llmp_key_options *o,
                         struct llmp_error *err)
{
    const struct llmp_str *texts[] = { &o->id, &o->name, &o->user, &o->team,
                                       &o->org };

    LLMP_ENSURE(o->id.len, err, LLMP_E_INVALID, "a key needs an id");
    LLMP_ENSURE(memcmp(o->generations[0].hash, no_hash, sizeof(no_hash)) != 0,
                err, LLMP_E_INVALID, "a key needs the hash of its secret");
    LLMP_ENSURE(o->grant.role > LLMP_ROLE_NONE &&
                    (unsigned)o->grant.role < LLMP_ROLE_COUNT,
                err, LLMP_E_INVALID, "a key needs a role");
    for (size_t i = 0; i < LLMP_COUNT(texts); i++)
        LLMP_ENSURE(texts[i]->len <= LLMP_KEY_TEXT_MAX, err, LLMP_E_LIMIT,
                    "a text of the key is longer than %d bytes",
                    LLMP_KEY_TEXT_MAX);
    LLMP_ENSURE(list_fits(o->grant.models, o->grant.model_count) &&
                    list_fits(o->grant.routes, o->grant.route_count) &&
                    o->allow_count <= LLMP_KEY_LIST_MAX &&
                    o->deny_count <= LLMP_KEY_LIST_MAX,
                err, LLMP_E_LIMIT,
                "a list of the key is too long or has an empty or long entry");
    return LLMP_OK;
}

static size_t list_size(const struct llmp_str *list, size_t count)
{
    size_t size = count * sizeof(*list);

    for (size_t i = 0; i < count; i++)
        size += list[i].len;
    return size;
}

static size_t text_size(const struct llmp_key_options *o)
{
    return o->id.len + o->name.len + o->user.len + o->team.len + o->org.len +
           list_size(o->grant.models, o->grant.model_count) +
           list_size(o->grant.routes, o->grant.route_count);
}

static struct llmp_str put_text(char **at, struct llmp_str text)
{
    struct llmp_str copy = { *at, text.len };

    *at = llmp_put_str(*at, text);
    return copy;
}

static const struct llmp_str *put_list(struct llmp_str *to, char **at,
                                       const struct llmp_str *list,
                                       size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = put_text(at, list[i]);
    return to;
}

/* Copies what the options point to into the block behind the key. */
static void fill_text(struct llmp_key *key, const struct llmp_key_options *o)
{
    size_t lists = o->grant.model_count + o->grant.route_count;
    struct llmp_str *entries = (struct llmp_str *)(void *)key->text;
    char *at = key->text + lists * sizeof(*entries);

    key->id = put_text(&at, o->id);
    key->name = put_text(&at, o->name);
    key->user = put_text(&at, o->user);
    key->team = put_text(&at, o->team);
    key->org = put_text(&at, o->org);
    key->grant.models =
        put_list(entries, &at, o->grant.models, o->grant.model_count);
    key->grant.routes = put_list(entries + o->grant.model_count, &at,
                                 o->grant.routes, o->grant.route_count);
}

static void fill_generations(struct llmp_key *key,
                             const struct llmp_key_options *o)
{
    struct llmp_key_secret *secrets[] = { &key->current, &key->before };

    for (unsigned i = 0; i < LLMP_COUNT(secrets); i++) {
        const struct llmp_key_generation *from = &o->generations[i];

        if (memcmp(from->hash, no_hash, sizeof(no_hash)) == 0)
            break;
        memcpy(secrets[i]->hash, from->hash, sizeof(from->hash));
        secrets[i]->until_ns = from->until_ns;
        key->secret_count++;
    }
}

static int fill_addresses(struct llmp_key *key,
                          const struct llmp_key_options *o,
                          struct llmp_error *err)
{
    if (o->allow_count)
        LLMP_TRY(
            llmp_address_set_new(&key->allow, o->allow, o->allow_count, err));
    if (o->deny_count)
        LLMP_TRY(llmp_address_set_new(&key->deny, o->deny, o->deny_count, err));
    return LLMP_OK;
}

static void key_unrefp(struct llmp_key **key)
{
    llmp_key_unref(*key);
}

int llmp_key_new(struct llmp_key **out, const struct llmp_key_options *opts,
                 struct llmp_error *err)
{
    struct llmp_key_options o = { .size = sizeof(o) };
    LLMP_AUTO(key_unrefp) struct llmp_key *key = NULL;

    LLMP_ENSURE(out && opts, err, LLMP_E_INVALID, "out and opts are required");
    LLMP_TRY(
        llmp_options_read(&o, sizeof(o), sizeof(o), opts, opts->size, err));
    LLMP_TRY(options_check(&o, err));
    key = llmp_alloc(sizeof(*key) + text_size(&o));
    LLMP_ENSURE(key, err, LLMP_E_NOMEM, "no memory for the key");
    atomic_init(&key->refs, 1);
    atomic_init(&key->last_used_s, o.last_used_s);
    key->grant = o.grant;
    key->grant.size = sizeof(key->grant);
    key->expires_ns = o.grant.expires_ns;
    key->created_ns = o.created_ns;
    key->revoked = o.revoked;
    key->disabled = o.disabled;
    fill_text(key, &o);
    fill_generations(key, &o);
    LLMP_TRY(fill_addresses(key, &o, err));
    key->data = o.data;
    key->data_free = o.data_free;
    *out = llmp_steal(&key);
    return LLMP_OK;
}

struct llmp_key *llmp_key_ref(struct llmp_key *key)
{
    if (key)
        atomic_fetch_add_explicit(&key->refs, 1, memory_order_relaxed);
    return key;
}

void llmp_key_unref(struct llmp_key *key)
{
    if (!key ||
        atomic_fetch_sub_explicit(&key->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (key->data_free)
        key->data_free(key->data);
    llmp_address_set_unref(key->allow);
    llmp_address_set_unref(key->deny);
    llmp_free(key);
}

/* --------------------------------------------------------------- reading -- */

void llmp_key_principal(const struct llmp_key *key, struct llmp_principal *out)
{
    *out = (struct llmp_principal){
        .size = sizeof(*out),
        .kind = LLMP_PRINCIPAL_KEY,
        .role = key->grant.role,
        .id = key->id,
        .name = key->name,
        .user = key->user,
        .team = key->team,
        .org = key->org,
        .expires_ns = key->expires_ns,
        .grant = &key->grant,
    };
}

const struct llmp_grant *llmp_key_grant(const struct llmp_key *key)
{
    return &key->grant;
}

struct llmp_str llmp_key_id(const struct llmp_key *key)
{
    return key->id;
}

void *llmp_key_data(const struct llmp_key *key)
{
    return key->data;
}

uint64_t llmp_key_created_ns(const struct llmp_key *key)
{
    return key->created_ns;
}

uint64_t llmp_key_last_used_s(const struct llmp_key *key)
{
    return atomic_load_explicit(&key->last_used_s, memory_order_relaxed);
}

int llmp_key_check_address(const struct llmp_key *key,
                           const struct llmp_address *address)
{
    return llmp_address_check(key->allow, key->deny, address);
}

int llmp_key_state(const struct llmp_key *key, uint64_t wall_ns)
{
    if (key->revoked)
        return LLMP_AUTH_KEY_REVOKED;
    if (key->disabled)
        return LLMP_AUTH_KEY_DISABLED;
    if (key->expires_ns && wall_ns >= key->expires_ns)
        return LLMP_AUTH_KEY_EXPIRED;
    return LLMP_OK;
}

/* ------------------------------------------------------------------ tags -- */

void llmp_key_tag(const struct llmp_key *key, unsigned generation,
                  char out[LLMP_KEY_TAG_SIZE])
{
    out[0] = '\0';
    if (generation < key->secret_count)
        *llmp_put_hex(out, llmp_key_secret(key, generation)->hash,
                      (LLMP_KEY_TAG_SIZE - 1) / 2) = '\0';
}

int llmp_key_tag_state(const struct llmp_key *key, const char *tag,
                       uint64_t wall_ns)
{
    for (unsigned i = 0; i < key->secret_count; i++) {
        uint64_t until_ns = llmp_key_secret(key, i)->until_ns;
        char own[LLMP_KEY_TAG_SIZE];

        llmp_key_tag(key, i, own);
        if (!llmp_str_eq(llmp_str_of(own), llmp_str_of(tag)))
            continue;
        return until_ns && wall_ns >= until_ns ? LLMP_AUTH_KEY_SUPERSEDED
                                               : llmp_key_state(key, wall_ns);
    }
    return LLMP_AUTH_KEY_SUPERSEDED;
}
