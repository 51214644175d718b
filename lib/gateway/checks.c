/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/checks.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/internal.h"
#include "gateway/metrics.h"

enum { RESULTS = LLMP_CHECK_UNSAID + 1 };

struct llmp_check {
    struct llmp_check *next;
    char *provider, *key; /* names */
    bool planned;         /* the configuration in force has it */
    bool under_way;
    uint64_t due_ns;
    uint64_t identity;           /* of where it leads, with which key */
    bool fresh;                  /* that has changed since the last result */
    bool told_dead;              /* to the router, and not yet taken back */
    enum llmp_check_result last; /* that said something */
    uint32_t failures;           /* in a row */
    uint64_t counts[RESULTS];
};

int llmp_checks_init(struct llmp_checks *checks)
{
    *checks = (struct llmp_checks){ .synced.first = NULL };
    return pthread_mutex_init(&checks->lock, NULL) == 0 ? LLMP_OK
                                                        : LLMP_E_NOMEM;
}

static void check_free(struct llmp_check *check)
{
    llmp_free(check->provider);
    llmp_free(check->key);
    llmp_free(check);
}

void llmp_checks_fini(struct llmp_checks *checks)
{
    while (checks->synced.first) {
        struct llmp_check *check = checks->synced.first;

        checks->synced.first = check->next;
        check_free(check);
    }
    (void)pthread_mutex_destroy(&checks->lock);
}

/* ---- what is to be checked ----------------------------------------------- */

static struct llmp_str key_of(const struct llmp_provider *provider,
                              size_t credential)
{
    return provider->credential_count ? provider->credential_ids[credential]
                                      : LLMP_STR("");
}

/* One without a key is asked without one. */
static size_t keys_of(const struct llmp_provider *provider)
{
    return provider->credential_count ? provider->credential_count : 1;
}

static struct llmp_check *find(struct llmp_checks *checks,
                               struct llmp_str provider, struct llmp_str key)
{
    struct llmp_check *check = checks->synced.first;

    while (check && !(llmp_str_eq(llmp_str_of(check->provider), provider) &&
                      llmp_str_eq(llmp_str_of(check->key), key)))
        check = check->next;
    return check;
}

/* Without memory that one is not checked. */
static struct llmp_check *make(struct llmp_checks *checks,
                               struct llmp_str provider, struct llmp_str key)
{
    struct llmp_check *check = llmp_alloc(sizeof(*check));

    if (!check)
        return NULL;
    check->provider = llmp_strdup(provider);
    check->key = llmp_strdup(key);
    if (!check->provider || !check->key) {
        check_free(check);
        return NULL;
    }
    check->next = checks->synced.first;
    checks->synced.first = check;
    return check;
}

static bool is_checked(const struct llmp_config *config,
                       const struct llmp_provider *provider)
{
    return provider->check_path.len &&
           llmp_config_deployment_at(config, provider);
}

static uint64_t identity_of(const struct llmp_provider *provider,
                            size_t credential)
{
    struct llmp_str value = provider->credential_count
                                ? provider->credentials[credential].value
                                : LLMP_STR("");

    return llmp_str_hash(value,
                         llmp_str_hash(llmp_str_of(provider->origin.id), 1));
}

/* The first time somewhere within the interval, so that they are spread. What
 * was found out holds as long as it is the same server and the same key. */
static void plan_one(struct llmp_checks *checks,
                     const struct llmp_provider *provider, size_t credential,
                     uint64_t interval_ns, uint64_t now_ns, uint64_t random)
{
    struct llmp_str key = key_of(provider, credential);
    uint64_t identity = identity_of(provider, credential);
    uint64_t latest_ns = llmp_add_sat(
        now_ns,
        (random ^ llmp_str_hash(provider->name, credential)) % interval_ns);
    struct llmp_check *check = find(checks, provider->name, key);

    if (!check)
        check = make(checks, provider->name, key);
    if (!check)
        return;
    if (!check->planned || check->due_ns > llmp_add_sat(now_ns, interval_ns))
        check->due_ns = latest_ns;
    if (check->identity && check->identity != identity) {
        check->fresh = true;
        check->last = LLMP_CHECK_UNSAID;
        check->failures = 0;
    }
    check->identity = identity;
    check->planned = true;
}

static void plan(struct llmp_checks *checks, const struct llmp_config *config,
                 uint64_t now_ns, uint64_t random)
{
    uint64_t interval_ns = config->routing.checks.interval_ns;

    for (size_t i = 0; interval_ns && i < config->provider_count; i++) {
        const struct llmp_provider *provider = &config->providers[i];

        if (!is_checked(config, provider))
            continue;
        for (size_t k = 0; k < keys_of(provider); k++)
            plan_one(checks, provider, k, interval_ns, now_ns, random);
    }
}

/* ---- taking -------------------------------------------------------------- */

static bool fill_job(struct llmp_check_job *job,
                     const struct llmp_config *config, struct llmp_check *check)
{
    for (size_t i = 0; i < config->provider_count; i++) {
        const struct llmp_provider *provider = &config->providers[i];

        if (!llmp_str_eq(provider->name, llmp_str_of(check->provider)))
            continue;
        for (size_t k = 0; k < keys_of(provider); k++)
            if (llmp_str_eq(key_of(provider, k), llmp_str_of(check->key))) {
                *job = (struct llmp_check_job){ check, provider, k };
                return true;
            }
    }
    return false;
}

/* Those that the configuration does not have any more are asked no more. */
static void retire(struct llmp_checks *checks, const struct llmp_config *config)
{
    struct llmp_check_job job;

    for (struct llmp_check *c = checks->synced.first; c; c = c->next)
        c->planned = c->planned && config->routing.checks.interval_ns &&
                     fill_job(&job, config, c) &&
                     is_checked(config, job.provider);
}

bool llmp_checks_take(struct llmp_checks *checks,
                      const struct llmp_config *config, uint64_t version,
                      uint64_t now_ns, uint64_t random,
                      struct llmp_check_job *job)
{
    bool taken = false;

    (void)pthread_mutex_lock(&checks->lock);
    if (checks->synced.version < version) {
        retire(checks, config);
        plan(checks, config, now_ns, random);
        checks->synced.version = version;
    }
    for (struct llmp_check *c = checks->synced.first; c && !taken;
         c = c->next) {
        if (!c->planned || c->under_way || c->due_ns > now_ns)
            continue;
        taken = checks->synced.version == version && fill_job(job, config, c);
        c->due_ns = llmp_add_sat(now_ns, config->routing.checks.interval_ns);
        c->under_way = taken;
    }
    (void)pthread_mutex_unlock(&checks->lock);
    return taken;
}

bool llmp_checks_is_current(struct llmp_checks *checks, uint64_t version)
{
    bool current;

    (void)pthread_mutex_lock(&checks->lock);
    current = checks->synced.version >= version;
    (void)pthread_mutex_unlock(&checks->lock);
    return current;
}

uint64_t llmp_checks_next(struct llmp_checks *checks)
{
    uint64_t next_ns = UINT64_MAX;

    (void)pthread_mutex_lock(&checks->lock);
    for (const struct llmp_check *c = checks->synced.first; c; c = c->next)
        if (c->planned && c->due_ns < next_ns) /* also what is under way */
            next_ns = c->due_ns;
    (void)pthread_mutex_unlock(&checks->lock);
    return next_ns;
}

/* ---- what came of it ----------------------------------------------------- */

struct finding {
    bool dead, alive, key_bad, key_good;
};

static bool is_same_provider(const struct llmp_check *a,
                             const struct llmp_check *b)
{
    return a->planned && strcmp(a->provider, b->provider) == 0;
}

/* A provider is dead when it is by each of its keys. */
static bool is_dead(struct llmp_checks *checks, const struct llmp_check *check,
                    uint64_t failures)
{
    for (const struct llmp_check *c = checks->synced.first; c; c = c->next)
        if (is_same_provider(c, check) && c->failures < failures)
            return false;
    return true;
}

/* Marks the provider; returns whether it was marked otherwise before. */
static bool mark_dead(struct llmp_checks *checks,
                      const struct llmp_check *check, bool dead)
{
    bool changed = false;

    for (struct llmp_check *c = checks->synced.first; c; c = c->next)
        if (is_same_provider(c, check)) {
            changed = changed || c->told_dead != dead;
            c->told_dead = dead;
        }
    return changed;
}

/* Only what the checks themselves have found is taken back: what requests have
 * met has its breaker's time. */
static struct finding note(struct llmp_checks *checks, struct llmp_check *check,
                           enum llmp_check_result result, uint64_t failures)
{
    struct finding f = { .dead = false };

    check->counts[result]++;
    if (result == LLMP_CHECK_UNSAID)
        return f;
    if (result == LLMP_CHECK_DEAD) {
        check->failures++;
        f.dead = is_dead(checks, check, failures);
        if (f.dead)
            (void)mark_dead(checks, check, true);
    } else {
        bool failed = check->failures > 0;

        check->failures = 0;
        f.alive = mark_dead(checks, check, false) || failed || check->fresh;
        f.key_bad = result == LLMP_CHECK_REFUSED;
        f.key_good = result == LLMP_CHECK_ALIVE &&
                     (check->last == LLMP_CHECK_REFUSED || check->fresh);
        check->fresh = false;
    }
    check->last = result;
    return f;
}

static void tell(struct llmp_router *router, struct llmp_str id,
                 const struct finding *f, struct llmp_str key, uint64_t away_ns,
                 uint64_t random, uint64_t now_ns)
{
    if (f->dead)
        (void)llmp_router_found(router, id, LLMP_FOUND_DEAD, key, away_ns,
                                random, now_ns);
    if (f->alive)
        (void)llmp_router_found(router, id, LLMP_FOUND_ALIVE, key, 0, random,
                                now_ns);
    if (f->key_bad)
        (void)llmp_router_found(router, id, LLMP_FOUND_KEY_BAD, key, 0, random,
                                now_ns);
    if (f->key_good)
        (void)llmp_router_found(router, id, LLMP_FOUND_KEY_GOOD, key, 0, random,
                                now_ns);
}

void llmp_checks_report(struct llmp_checks *checks, struct llmp_router *router,
                        const struct llmp_config *config,
                        const struct llmp_check_job *job,
                        enum llmp_check_result result, uint64_t now_ns,
                        uint64_t random)
{
    const struct llmp_check_config *conf = &config->routing.checks;
    /* Until the next check has been made. */
    uint64_t away_ns = llmp_add_sat(conf->interval_ns, 2 * conf->timeout_ns);
    struct finding f;

    (void)pthread_mutex_lock(&checks->lock);
    job->check->under_way = false;
    f = note(checks, job->check, result, conf->failures);
    (void)pthread_mutex_unlock(&checks->lock);
    for (size_t m = 0; m < config->model_count; m++)
        for (size_t d = 0; d < config->models[m].deployment_count; d++) {
            const struct llmp_deployment *deployment =
                &config->models[m].deployments[d];

            if (deployment->provider == job->provider)
                tell(router, deployment->id, &f,
                     key_of(job->provider, job->credential), away_ns, random,
                     now_ns);
        }
}

/* ---- metrics ------------------------------------------------------------- */

static void write_labels(struct llmp_buf *out, const char *metric,
                         const struct llmp_check *check)
{
    (void)llmp_buf_printf(out, "%s{", metric);
    llmp_metrics_label(out, "provider", check->provider);
    (void)llmp_buf_add(out, LLMP_STR(","));
    llmp_metrics_label(out, "key", check->key);
}

static void write_all(struct llmp_checks *checks, struct llmp_buf *out)
{
    static const char *const names[] = { "alive", "dead", "refused" };

    llmp_metrics_head(out, "llmgw_provider_checks_total", "counter",
                      "Health checks by what they found: the provider answers, "
                      "does not, or refuses the key.");
    for (const struct llmp_check *c = checks->synced.first; c; c = c->next)
        for (size_t r = 0; c->planned && r < LLMP_COUNT(names); r++) {
            write_labels(out, "llmgw_provider_checks_total", c);
            (void)llmp_buf_printf(out, ",result=\"%s\"} %" PRIu64 "\n",
                                  names[r], c->counts[r]);
        }
    llmp_metrics_head(out, "llmgw_provider_alive", "gauge",
                      "1 if the last health check was answered and the key "
                      "known.");
    for (const struct llmp_check *c = checks->synced.first; c; c = c->next) {
        if (!c->planned || c->last == LLMP_CHECK_UNSAID)
            continue;
        write_labels(out, "llmgw_provider_alive", c);
        (void)llmp_buf_printf(out, "} %d\n", c->last == LLMP_CHECK_ALIVE);
    }
}

void llmp_checks_write_metrics(struct llmp_checks *checks, struct llmp_buf *out)
{
    (void)pthread_mutex_lock(&checks->lock);
    write_all(checks, out);
    (void)pthread_mutex_unlock(&checks->lock);
}
