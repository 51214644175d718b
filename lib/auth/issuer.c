/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An issuer as those see it who verify tokens: its keys at this moment, and
 * what to do when they lack one. How keys come is in issuer_fetch.c.
 */
#include "auth/issuer.h"

#include <sodium.h>

#include "base/internal.h"
#include "base/str.h"

void llmp_issuer_options_init_sized(struct llmp_issuer_options *opts,
                                    size_t size)
{
    struct llmp_issuer_options defaults = {
        .refresh_s_min = 60,
        .refresh_s_max = 86400,
        .cooldown_s = 30,
        .unknown_kid_s = 600,
        .stale_s_max = 86400,
        .lease_s = 15,
    };

    memset(opts, 0, size);
    memcpy(opts, &defaults, size < sizeof(defaults) ? size : sizeof(defaults));
    opts->size = size;
}

struct llmp_issuer *llmp_issuer_ref(struct llmp_issuer *issuer)
{
    if (issuer)
        atomic_fetch_add_explicit(&issuer->refs, 1, memory_order_relaxed);
    return issuer;
}

void llmp_issuer_unref(struct llmp_issuer *issuer)
{
    if (!issuer ||
        atomic_fetch_sub_explicit(&issuer->refs, 1, memory_order_acq_rel) != 1)
        return;
    llmp_jwks_unref(issuer->synced.keys);
    llmp_token_policy_unref(issuer->o.policy);
    llmp_free(issuer);
}

static void issuer_unrefp(struct llmp_issuer **issuer)
{
    llmp_issuer_unref(*issuer);
}

struct llmp_str llmp_issuer_name(const struct llmp_issuer *issuer)
{
    return issuer->o.policy->issuer;
}

/* ---------------------------------------------------------------- making -- */

static int set_urls(struct llmp_issuer *issuer, struct llmp_str jwks_uri,
                    struct llmp_error *err)
{
    struct llmp_str path = LLMP_STR("/.well-known/openid-configuration");
    struct llmp_str name = llmp_issuer_name(issuer);

    LLMP_ENSURE(llmp_issuer_url_is_sound(issuer, name), err, LLMP_E_INVALID,
                "the issuer is not a URL that may be fetched");
    LLMP_ENSURE(name.len + path.len < sizeof(issuer->discovery), err,
                LLMP_E_LIMIT, "the issuer's URL is too long");
    while (name.len && name.ptr[name.len - 1] == '/')
        name.len--;
    (void)llmp_put_str(llmp_put_str(issuer->discovery, name), path);
    if (jwks_uri.len == 0)
        return LLMP_OK;
    LLMP_ENSURE(jwks_uri.len < sizeof(issuer->jwks_uri), err, LLMP_E_LIMIT,
                "jwks_uri is too long");
    LLMP_ENSURE(llmp_issuer_url_is_sound(issuer, jwks_uri), err, LLMP_E_INVALID,
                "jwks_uri is not a URL that may be fetched");
    (void)llmp_put_str(issuer->jwks_uri, jwks_uri);
    (void)llmp_put_str(issuer->synced.uri, jwks_uri);
    return LLMP_OK;
}

static int check(const struct llmp_issuer_options *o, struct llmp_error *err)
{
    LLMP_ENSURE(o->policy, err, LLMP_E_INVALID, "a token policy is required");
    LLMP_ENSURE(o->keys ||
                    !(o->policy->algorithms & ~(uint32_t)LLMP_ALG_PUBLIC_KEY),
                err, LLMP_E_INVALID,
                "keys that are fetched are public: HS* is not possible");
    LLMP_ENSURE(o->refresh_s_min && o->refresh_s_min <= o->refresh_s_max &&
                    o->refresh_s_max <= UINT32_MAX && o->cooldown_s &&
                    o->cooldown_s <= UINT32_MAX &&
                    o->unknown_kid_s <= UINT32_MAX &&
                    o->stale_s_max <= UINT32_MAX && o->lease_s &&
                    o->lease_s <= UINT32_MAX,
                err, LLMP_E_INVALID, "an interval is 0 or too long");
    return LLMP_OK;
}

int llmp_issuer_new(struct llmp_issuer **out,
                    const struct llmp_issuer_options *opts,
                    struct llmp_error *err)
{
    struct llmp_issuer_options o = { .size = sizeof(o) };
    LLMP_AUTO(issuer_unrefp) struct llmp_issuer *issuer = NULL;

    LLMP_ENSURE(out && opts, err, LLMP_E_INVALID, "out and opts are required");
    LLMP_TRY(
        llmp_options_read(&o, sizeof(o), sizeof(o), opts, opts->size, err));
    LLMP_TRY(check(&o, err));
    issuer = llmp_alloc(sizeof(*issuer));
    LLMP_ENSURE(issuer, err, LLMP_E_NOMEM, "no memory for the issuer");
    atomic_init(&issuer->refs, 1);
    atomic_init(&issuer->version, 1);
    atomic_init(&issuer->revoked_before_s, 0);
    atomic_flag_clear(&issuer->lock);
    issuer->o = o;
    issuer->o.policy = llmp_token_policy_ref(o.policy);
    issuer->fixed = o.keys != NULL;
    issuer->synced.keys = llmp_jwks_ref(o.keys);
    if (!issuer->fixed)
        LLMP_TRY(set_urls(issuer, o.jwks_uri, err));
    *out = llmp_steal(&issuer);
    return LLMP_OK;
}

/* ------------------------------------------------------------- verifying -- */

/* The keys and their version belong together, so both are read at once. */
struct view {
    struct llmp_jwks *keys; /* a reference; NULL: none that count */
    uint64_t version;
};

static void view_fini(struct view *view)
{
    llmp_jwks_unref(view->keys);
}

static void view_init(struct view *view, struct llmp_issuer *issuer,
                      uint64_t now_ns)
{
    uint64_t stale_ns = issuer->o.stale_s_max * LLMP_NS_PER_S;

    llmp_issuer_lock(issuer);
    if (issuer->fixed ||
        now_ns < llmp_add_sat(issuer->synced.refresh_ns, stale_ns))
        view->keys = llmp_jwks_ref(issuer->synced.keys);
    view->version =
        atomic_load_explicit(&issuer->version, memory_order_relaxed);
    llmp_issuer_unlock(issuer);
}

/* There are no keys: they are coming, or the issuer is out of reach. */
static int without_keys(struct llmp_issuer *issuer, uint64_t now_ns)
{
    bool coming;

    llmp_issuer_lock(issuer);
    coming = llmp_issuer_is_coming(issuer, now_ns);
    llmp_issuer_unlock(issuer);
    return coming ? LLMP_AGAIN : LLMP_AUTH_ISSUER_DOWN;
}

static uint64_t kid_hash(struct llmp_str kid)
{
    static const uint8_t key[crypto_shorthash_KEYBYTES] = { 0 };
    uint8_t bytes[crypto_shorthash_BYTES];
    uint64_t hash;

    /* Who makes two kids collide gets the second one called unknown, which it
     * is anyway: no secret key is needed. */
    (void)crypto_shorthash(bytes, (const uint8_t *)kid.ptr, kid.len, key);
    memcpy(&hash, bytes, sizeof(hash));
    return hash;
}

static bool is_known_unknown(const struct llmp_issuer *issuer, uint64_t hash,
                             uint64_t now_ns)
{
    for (unsigned i = 0; i < LLMP_UNKNOWN_KIDS; i++)
        if (issuer->synced.unknown[i].hash == hash &&
            now_ns < issuer->synced.unknown[i].until_ns)
            return true;
    return false;
}

static void remember_unknown(struct llmp_issuer *issuer, uint64_t hash,
                             uint64_t now_ns)
{
    unsigned at = issuer->synced.unknown_next++ % LLMP_UNKNOWN_KIDS;

    issuer->synced.unknown[at].hash = hash;
    issuer->synced.unknown[at].until_ns =
        now_ns + issuer->o.unknown_kid_s * LLMP_NS_PER_S;
}

/*
 * Under the lock: a token names a key that the set lacks. A kid is noted when
 * it causes a fetch: if the fetch brings its key, nobody asks here again; if
 * not, it is unknown from then on.
 */
static int unknown_kid(struct llmp_issuer *issuer, uint64_t hash,
                       uint64_t now_ns)
{
    if (issuer->fixed)
        return LLMP_AUTH_TOKEN_KEY_UNKNOWN;
    if (llmp_issuer_is_coming(issuer, now_ns))
        return LLMP_AGAIN;
    if (now_ns < issuer->synced.cooled_ns || now_ns < issuer->synced.retry_ns ||
        is_known_unknown(issuer, hash, now_ns))
        return LLMP_AUTH_TOKEN_KEY_UNKNOWN;
    remember_unknown(issuer, hash, now_ns);
    issuer->synced.wanted = true;
    return LLMP_AGAIN;
}

static int without_key(struct llmp_issuer *issuer, const struct llmp_jws *jws,
                       const struct view *view, uint64_t now_ns)
{
    uint64_t hash = kid_hash(jws->kid);
    int rc;

    if (!jws->has_kid)
        return LLMP_AUTH_TOKEN_KEY_UNKNOWN;
    llmp_issuer_lock(issuer);
    /* New keys may have come while this token was looked at. */
    rc = atomic_load_explicit(&issuer->version, memory_order_relaxed) !=
                 view->version
             ? LLMP_AGAIN
             : unknown_kid(issuer, hash, now_ns);
    llmp_issuer_unlock(issuer);
    return rc;
}

/* The token is sound: it may still be from before all were revoked. */
static int token_accept(struct llmp_issuer *issuer, const struct view *view,
                        struct llmp_token *token, struct llmp_error *err)
{
    uint64_t before_s =
        atomic_load_explicit(&issuer->revoked_before_s, memory_order_acquire);

    LLMP_ENSURE(token->issued_s >= before_s, err, LLMP_AUTH_TOKEN_EXPIRED,
                "tokens from before that time were revoked");
    token->issuer = llmp_issuer_ref(issuer);
    token->version = view->version;
    return LLMP_OK;
}

static int verify(struct llmp_issuer *issuer, struct llmp_token **out,
                  struct llmp_str text, struct llmp_time now,
                  const struct view *view, struct llmp_error *err)
{
    LLMP_AUTO(llmp_arena_fini) struct llmp_arena arena;
    struct llmp_token *token = NULL;
    struct llmp_jws jws;
    int rc;

    llmp_arena_init(&arena, 2048);
    rc = llmp_jws_open(&jws, text, &arena);
    if (rc == LLMP_OK)
        rc = llmp_jws_verify(&jws, view->keys, issuer->o.policy->algorithms);
    if (rc == LLMP_AUTH_TOKEN_KEY_UNKNOWN)
        rc = without_key(issuer, &jws, view, now.mono_ns);
    LLMP_ENSURE(rc == LLMP_OK, err, rc, "%s", llmp_auth_answer_text(rc));
    rc = llmp_token_new(&token, issuer->o.policy, &jws, now.wall_ns, err);
    if (rc == LLMP_OK)
        rc = token_accept(issuer, view, token, err);
    if (rc != LLMP_OK) {
        llmp_token_unref(token);
        return rc;
    }
    *out = token;
    return LLMP_OK;
}

int llmp_issuer_verify(struct llmp_issuer *issuer, struct llmp_token **out,
                       struct llmp_str text, struct llmp_time now,
                       struct llmp_error *err)
{
    LLMP_AUTO(view_fini) struct view view = { NULL, 0 };

    view_init(&view, issuer, now.mono_ns);
    return view.keys ? verify(issuer, out, text, now, &view, err)
                     : without_keys(issuer, now.mono_ns);
}

/* -------------------------------------------------------------- changing -- */

int llmp_issuer_set_keys(struct llmp_issuer *issuer, struct llmp_jwks *keys)
{
    struct llmp_jwks *old;

    if (!issuer->fixed || !keys)
        return LLMP_E_STATE;
    llmp_issuer_lock(issuer);
    old = issuer->synced.keys;
    issuer->synced.keys = llmp_jwks_ref(keys);
    atomic_fetch_add_explicit(&issuer->version, 1, memory_order_release);
    llmp_issuer_unlock(issuer);
    llmp_jwks_unref(old);
    return LLMP_OK;
}

void llmp_issuer_revoke_before(struct llmp_issuer *issuer, uint64_t wall_s)
{
    atomic_store_explicit(&issuer->revoked_before_s, wall_s,
                          memory_order_release);
    atomic_fetch_add_explicit(&issuer->version, 1, memory_order_release);
}

void llmp_issuer_status(struct llmp_issuer *issuer,
                        struct llmp_issuer_status *out)
{
    llmp_issuer_lock(issuer);
    *out = (struct llmp_issuer_status){
        .size = sizeof(*out),
        .key_count = issuer->synced.keys ? issuer->synced.keys->count : 0,
        .version = atomic_load_explicit(&issuer->version, memory_order_relaxed),
        .fetched_ns = issuer->synced.fetched_ns,
        .failures = issuer->synced.failures,
        .fetches = issuer->synced.fetches,
        .fetching = issuer->synced.lease_id != 0,
    };
    llmp_issuer_unlock(issuer);
}
