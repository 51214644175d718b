/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an issuer's keys come: who fetches (one at a time, for a lease), what
 * (the discovery document, then the keys), when again, and what happens when
 * it does not work.
 */
#include <sodium.h>

#include "auth/issuer.h"
#include "base/internal.h"
#include "base/str.h"

enum {
    REFRESH_S = 600,          /* when Cache-Control says nothing */
    BACKOFF_S_MAX = 60,       /* between fetches that fail: 1, 2, 4, … */
    FAILURES_TO_DISCOVER = 3, /* then the keys may have moved */
    RETURNED_NS = 50000000    /* who comes and leaves sets the pace of nobody */
};

/* ------------------------------------------------------------------ URLs -- */

/* Scheme and authority: "https://host:port". Empty if it is not sound. */
static struct llmp_str origin_of(struct llmp_str url, bool http_allowed)
{
    struct llmp_str https = LLMP_STR("https://"), http = LLMP_STR("http://");
    size_t begin, end;

    if (llmp_str_starts(url, https))
        begin = https.len;
    else if (http_allowed && llmp_str_starts(url, http))
        begin = http.len;
    else
        return LLMP_STR("");
    for (end = begin; end < url.len; end++)
        if (url.ptr[end] == '/' || url.ptr[end] == '?')
            break;
    return end > begin ? (struct llmp_str){ url.ptr, end } : LLMP_STR("");
}

bool llmp_issuer_url_is_sound(const struct llmp_issuer *issuer,
                              struct llmp_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c <= ' ' || c >= 0x7F || c == '#' || c == '@' || c == '\\' ||
            c == '"' || c == '<' || c == '>')
            return false;
    }
    return origin_of(text, issuer->o.http_allowed).len > 0;
}

static bool is_same_origin(const struct llmp_issuer *issuer,
                           struct llmp_str url)
{
    bool http = issuer->o.http_allowed;

    return llmp_str_eq_nocase(origin_of(url, http),
                              origin_of(llmp_issuer_name(issuer), http));
}

/* The text of a field in memory of the caller; empty if it does not fit. */
static struct llmp_str field_text(const struct llmp_json_field *field,
                                  char out[LLMP_ISSUER_URL_SIZE])
{
    if (!field->found || field->type != LLMP_JSON_STRING ||
        field->text.len >= LLMP_ISSUER_URL_SIZE)
        return LLMP_STR("");

    size_t len = llmp_json_unescape(out, field->text);

    out[len] = '\0';
    return (struct llmp_str){ out, len };
}

int llmp_issuer_discover(const struct llmp_issuer *issuer, struct llmp_str body,
                         char uri[LLMP_ISSUER_URL_SIZE], struct llmp_error *err)
{
    struct llmp_json_field fields[] = { { .path = "issuer" },
                                        { .path = "jwks_uri" } };
    char name[LLMP_ISSUER_URL_SIZE], found[LLMP_ISSUER_URL_SIZE];
    struct llmp_str url;

    LLMP_TRY(llmp_json_pick_all(body, fields, 2, err));
    LLMP_ENSURE(
        llmp_str_eq(field_text(&fields[0], name), llmp_issuer_name(issuer)),
        err, LLMP_E_INVALID, "the discovery document is another issuer's");
    url = field_text(&fields[1], found);
    LLMP_ENSURE(llmp_issuer_url_is_sound(issuer, url), err, LLMP_E_INVALID,
                "jwks_uri is not a URL that may be fetched");
    LLMP_ENSURE(issuer->o.other_hosts_allowed || is_same_origin(issuer, url),
                err, LLMP_E_INVALID, "jwks_uri is at another host");
    memcpy(uri, found, url.len + 1);
    return LLMP_OK;
}

/* ------------------------------------------------------------------ when -- */

bool llmp_issuer_is_fetching(const struct llmp_issuer *issuer, uint64_t now_ns)
{
    return issuer->synced.lease_id && now_ns < issuer->synced.lease_until_ns;
}

/* Under the lock: from when on a fetch is given out; UINT64_MAX: never. */
static uint64_t due_ns(const struct llmp_issuer *issuer)
{
    uint64_t due = 0;

    if (issuer->fixed)
        return UINT64_MAX;
    if (issuer->synced.keys && !issuer->synced.wanted)
        due = issuer->synced.refresh_ns;
    if (issuer->synced.retry_ns > due)
        due = issuer->synced.retry_ns;
    if (issuer->synced.lease_id && issuer->synced.lease_until_ns > due)
        due = issuer->synced.lease_until_ns;
    return due;
}

bool llmp_issuer_is_due(const struct llmp_issuer *issuer, uint64_t now_ns)
{
    return now_ns >= due_ns(issuer);
}

bool llmp_issuer_is_coming(const struct llmp_issuer *issuer, uint64_t now_ns)
{
    bool returned =
        issuer->synced.failures == 0 && now_ns < issuer->synced.retry_ns;

    return returned || llmp_issuer_is_fetching(issuer, now_ns) ||
           llmp_issuer_is_due(issuer, now_ns);
}

uint64_t llmp_issuer_due_ns(struct llmp_issuer *issuer)
{
    uint64_t due;

    llmp_issuer_lock(issuer);
    due = due_ns(issuer);
    llmp_issuer_unlock(issuer);
    return due;
}

/* ----------------------------------------------------------------- fetch -- */

static bool needs_discovery(const struct llmp_issuer *issuer, uint64_t now_ns)
{
    if (issuer->jwks_uri[0])
        return false;
    return !issuer->synced.uri[0] ||
           now_ns - issuer->synced.discovered_ns >=
               issuer->o.refresh_s_max * LLMP_NS_PER_S;
}

int llmp_issuer_fetch(struct llmp_issuer *issuer,
                      struct llmp_issuer_fetch *fetch, struct llmp_time now)
{
    bool due;

    llmp_issuer_lock(issuer);
    due = llmp_issuer_is_due(issuer, now.mono_ns);
    if (due) {
        issuer->synced.lease_id = ++issuer->synced.fetches;
        issuer->synced.lease_until_ns =
            now.mono_ns + issuer->o.lease_s * LLMP_NS_PER_S;
        issuer->synced.lease_discovery = needs_discovery(issuer, now.mono_ns);
        fetch->id = issuer->synced.lease_id;
        fetch->discovery = issuer->synced.lease_discovery;
        memcpy(fetch->url,
               fetch->discovery ? issuer->discovery : issuer->synced.uri,
               sizeof(fetch->url));
    }
    llmp_issuer_unlock(issuer);
    return due ? LLMP_OK : LLMP_MISS;
}

/* Under the lock; `id` is the lease's. */
static void note_failure(struct llmp_issuer *issuer, uint64_t now_ns)
{
    uint64_t failures = issuer->synced.failures++;
    uint64_t wait_s = failures < 6 ? UINT64_C(1) << failures : BACKOFF_S_MAX;

    issuer->synced.lease_id = 0;
    issuer->synced.wanted = false;
    issuer->synced.retry_ns =
        now_ns +
        (wait_s < BACKOFF_S_MAX ? wait_s : BACKOFF_S_MAX) * LLMP_NS_PER_S;
    /* What was asked for has not been answered. */
    memset(issuer->synced.unknown, 0, sizeof(issuer->synced.unknown));
    issuer->synced.cooled_ns = 0;
    if (!issuer->jwks_uri[0] && issuer->synced.failures >= FAILURES_TO_DISCOVER)
        issuer->synced.uri[0] = '\0';
}

void llmp_issuer_failed(struct llmp_issuer *issuer, uint64_t id,
                        struct llmp_time now)
{
    llmp_issuer_lock(issuer);
    if (id && issuer->synced.lease_id == id)
        note_failure(issuer, now.mono_ns);
    llmp_issuer_unlock(issuer);
}

void llmp_issuer_return(struct llmp_issuer *issuer, uint64_t id,
                        struct llmp_time now)
{
    llmp_issuer_lock(issuer);
    if (id && issuer->synced.lease_id == id) {
        issuer->synced.lease_id = 0;
        issuer->synced.retry_ns = now.mono_ns + RETURNED_NS;
    }
    llmp_issuer_unlock(issuer);
}

/* ------------------------------------------------------------------- fed -- */

static int feed_discovery(struct llmp_issuer *issuer, uint64_t id,
                          struct llmp_str body, struct llmp_time now,
                          struct llmp_error *err)
{
    char uri[LLMP_ISSUER_URL_SIZE];
    int rc = LLMP_MISS;

    LLMP_TRY(llmp_issuer_discover(issuer, body, uri, err));
    llmp_issuer_lock(issuer);
    if (issuer->synced.lease_id == id) {
        memcpy(issuer->synced.uri, uri, sizeof(uri));
        issuer->synced.discovered_ns = now.mono_ns;
        issuer->synced.lease_id = 0;
        issuer->synced.wanted = true; /* the keys come next */
        issuer->synced.retry_ns = 0;
        rc = LLMP_AGAIN;
    }
    llmp_issuer_unlock(issuer);
    return rc;
}

static uint64_t refresh_s(const struct llmp_issuer *issuer, uint64_t max_age_s)
{
    uint64_t s = max_age_s ? max_age_s : REFRESH_S;

    if (s < issuer->o.refresh_s_min)
        return issuer->o.refresh_s_min;
    return s < issuer->o.refresh_s_max ? s : issuer->o.refresh_s_max;
}

/* Under the lock. Returns what to release: the old keys, or the new ones when
 * they are the same (then every cached token stays). */
static struct llmp_jwks *take_keys(struct llmp_issuer *issuer,
                                   struct llmp_jwks *keys,
                                   const uint8_t hash[LLMP_BODY_HASH_SIZE])
{
    struct llmp_jwks *old = issuer->synced.keys;

    if (old && memcmp(issuer->synced.body_hash, hash, LLMP_BODY_HASH_SIZE) == 0)
        return keys;
    issuer->synced.keys = keys;
    memcpy(issuer->synced.body_hash, hash, LLMP_BODY_HASH_SIZE);
    atomic_fetch_add_explicit(&issuer->version, 1, memory_order_release);
    return old;
}

static void note_success(struct llmp_issuer *issuer, uint64_t max_age_s,
                         uint64_t now_ns)
{
    issuer->synced.lease_id = 0;
    issuer->synced.wanted = false;
    issuer->synced.failures = 0;
    issuer->synced.retry_ns = 0;
    issuer->synced.fetched_ns = now_ns;
    issuer->synced.refresh_ns =
        now_ns + refresh_s(issuer, max_age_s) * LLMP_NS_PER_S;
    issuer->synced.cooled_ns = now_ns + issuer->o.cooldown_s * LLMP_NS_PER_S;
}

static int feed_keys(struct llmp_issuer *issuer, uint64_t id,
                     struct llmp_str body, uint64_t max_age_s,
                     struct llmp_time now, struct llmp_error *err)
{
    uint8_t hash[LLMP_BODY_HASH_SIZE];
    struct llmp_jwks *keys = NULL;
    int rc = LLMP_MISS;

    LLMP_TRY(llmp_jwks_parse(&keys, body, issuer->o.policy->algorithms, err));
    if (llmp_jwks_count(keys) == 0) {
        llmp_jwks_unref(keys);
        return llmp_fail(err, LLMP_E_INVALID, "the key set has no usable key");
    }
    (void)crypto_generichash(hash, sizeof(hash), (const uint8_t *)body.ptr,
                             body.len, NULL, 0);
    llmp_issuer_lock(issuer);
    if (issuer->synced.lease_id == id) {
        keys = take_keys(issuer, keys, hash);
        note_success(issuer, max_age_s, now.mono_ns);
        rc = LLMP_OK;
    }
    llmp_issuer_unlock(issuer);
    llmp_jwks_unref(keys);
    return rc;
}

int llmp_issuer_fed(struct llmp_issuer *issuer, uint64_t id,
                    struct llmp_str body, uint64_t max_age_s,
                    struct llmp_time now, struct llmp_error *err)
{
    bool current, discovery;
    int rc;

    llmp_issuer_lock(issuer);
    current = id && issuer->synced.lease_id == id;
    discovery = issuer->synced.lease_discovery;
    llmp_issuer_unlock(issuer);
    if (!current)
        return LLMP_MISS;
    if (body.len > LLMP_JWKS_SIZE_MAX)
        rc = llmp_fail(err, LLMP_E_LIMIT, "the document is too large");
    else if (discovery)
        rc = feed_discovery(issuer, id, body, now, err);
    else
        rc = feed_keys(issuer, id, body, max_age_s, now, err);
    if (rc < 0)
        llmp_issuer_failed(issuer, id, now);
    return rc;
}
