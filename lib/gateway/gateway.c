/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateway and its workers: who holds which configuration, and the pool of
 * exchanges. `lock` guards the configuration pointer and the list of workers;
 * no call is made under it. `change` is held while what is in force is made
 * anew, so that a reload and a change in the store do not undo each other.
 */
#include "gateway/gateway.h"

#include <pthread.h>

#include "base/internal.h"
#include "gateway/exchange.h"

enum { SCRATCH_BLOCK = 16384 };

static void gateway_freep(struct llmp_gateway **gateway)
{
    llmp_gateway_free(*gateway);
}

int llmp_gateway_new(struct llmp_gateway **out, struct llmp_config *config,
                     const struct llmp_random *random, struct llmp_error *err)
{
    LLMP_ENSURE(out && config && random && random->fill, err, LLMP_E_INVALID,
                "out, config and random are required");

    struct llmp_gateway *made = llmp_alloc(sizeof(*made));

    LLMP_ENSURE(made, err, LLMP_E_NOMEM, "no memory for the gateway");
    if (pthread_mutex_init(&made->change, NULL) != 0 ||
        pthread_mutex_init(&made->lock, NULL) != 0 ||
        llmp_wait_list_init(&made->keys) < 0 ||
        llmp_tokens_init(&made->tokens) < 0 ||
        llmp_checks_init(&made->checks) < 0 ||
        llmp_anomalies_init(&made->anomalies, random) < 0 ||
        llmp_wait_list_init(&made->sharing.waiting) < 0) {
        llmp_free(made);
        return llmp_fail(err, LLMP_E_NOMEM, "no lock for the gateway");
    }

    LLMP_AUTO(gateway_freep) struct llmp_gateway *gateway = made;

    gateway->random = *random;
    random->fill(gateway->spotlight_key, sizeof(gateway->spotlight_key),
                 random->ctx);
    atomic_init(&gateway->version, 1);
    gateway->synced.config = llmp_config_ref(config);
    LLMP_TRY(llmp_limiter_new(&gateway->limiter, 0, err));
    LLMP_TRY(llmp_lines_new(&gateway->lines, err));

    struct llmp_router_options routing;

    llmp_router_options_init(&routing);
    routing.health = &config->routing.health;
    routing.budget = config->routing.budget;
    LLMP_TRY(llmp_router_new(&gateway->router, &routing, err));
    LLMP_TRY(llmp_access_new(&gateway->synced.access, gateway->limiter,
                             gateway->router, config, NULL, NULL, err));
    *out = llmp_steal(&gateway);
    return LLMP_OK;
}

void llmp_gateway_free(struct llmp_gateway *gateway)
{
    if (!gateway)
        return;
    assert(!gateway->synced.workers);
    llmp_access_unref(gateway->synced.access);
    llmp_config_unref(gateway->synced.config);
    llmp_directory_fini(&gateway->stored.directory);
    llmp_limiter_free(gateway->limiter);
    llmp_router_free(gateway->router);
    llmp_lines_free(gateway->lines);
    llmp_wait_list_fini(&gateway->keys);
    llmp_tokens_fini(&gateway->tokens);
    llmp_checks_fini(&gateway->checks);
    llmp_anomalies_fini(&gateway->anomalies);
    llmp_wait_list_fini(&gateway->sharing.waiting);
    (void)pthread_mutex_destroy(&gateway->lock);
    (void)pthread_mutex_destroy(&gateway->change);
    llmp_free(gateway);
}

static struct llmp_access *access_ref(struct llmp_gateway *gateway)
{
    struct llmp_access *access;

    (void)pthread_mutex_lock(&gateway->lock);
    access = llmp_access_ref(gateway->synced.access);
    (void)pthread_mutex_unlock(&gateway->lock);
    return access;
}

void llmp_gateway_swap(struct llmp_gateway *gateway, struct llmp_access *access)
{
    (void)pthread_mutex_lock(&gateway->lock);
    struct llmp_config *old = gateway->synced.config;
    struct llmp_access *old_access = gateway->synced.access;
    gateway->synced.config = llmp_config_ref(access->config);
    gateway->synced.access = access;
    atomic_fetch_add(&gateway->version, 1);
    (void)pthread_mutex_unlock(&gateway->lock);
    llmp_config_unref(old);
    llmp_access_unref(old_access);
}

int llmp_gateway_rebuild(struct llmp_gateway *gateway,
                         struct llmp_config *config, struct llmp_error *err)
{
    struct llmp_access *access, *before = access_ref(gateway);
    const struct llmp_directory *directory =
        gateway->stored.loaded ? &gateway->stored.directory : NULL;
    int rc = llmp_access_new(&access, gateway->limiter, gateway->router,
                             config ? config : before->config, directory,
                             before, err);

    if (rc == LLMP_OK)
        llmp_gateway_swap(gateway, access);
    llmp_access_unref(before);
    return rc;
}

int llmp_gateway_reload(struct llmp_gateway *gateway,
                        struct llmp_config *config, struct llmp_error *err)
{
    int rc;

    (void)pthread_mutex_lock(&gateway->change);
    rc = llmp_gateway_rebuild(gateway, config, err);
    (void)pthread_mutex_unlock(&gateway->change);
    return rc;
}

struct llmp_config *llmp_gateway_config(struct llmp_gateway *gateway)
{
    struct llmp_config *config;

    (void)pthread_mutex_lock(&gateway->lock);
    config = llmp_config_ref(gateway->synced.config);
    (void)pthread_mutex_unlock(&gateway->lock);
    return config;
}

void llmp_gateway_drain(struct llmp_gateway *gateway, bool draining)
{
    atomic_store(&gateway->draining, draining);
}

bool llmp_gateway_draining(const struct llmp_gateway *gateway)
{
    return atomic_load_explicit(&gateway->draining, memory_order_relaxed);
}

/* The configuration in force and what was made of it belong together. */
static void take_setup(struct llmp_worker *worker)
{
    struct llmp_gateway *gateway = worker->gateway;

    (void)pthread_mutex_lock(&gateway->lock);
    worker->config = llmp_config_ref(gateway->synced.config);
    worker->access = llmp_access_ref(gateway->synced.access);
    worker->config_version = atomic_load(&gateway->version);
    (void)pthread_mutex_unlock(&gateway->lock);
}

int llmp_worker_new(struct llmp_worker **out, struct llmp_gateway *gateway,
                    struct llmp_error *err)
{
    struct llmp_worker *worker = llmp_alloc(sizeof(*worker));

    LLMP_ENSURE(worker, err, LLMP_E_NOMEM, "no memory for a worker");
    worker->mailbox = llmp_mailbox_new();
    if (!worker->mailbox) {
        llmp_free(worker);
        return llmp_fail(err, LLMP_E_NOMEM, "no memory for a worker");
    }
    worker->gateway = gateway;
    llmp_arena_init(&worker->scratch, SCRATCH_BLOCK);
    take_setup(worker);
    (void)pthread_mutex_lock(&gateway->lock);
    worker->next = gateway->synced.workers;
    gateway->synced.workers = worker;
    (void)pthread_mutex_unlock(&gateway->lock);
    *out = worker;
    return LLMP_OK;
}

void llmp_worker_free(struct llmp_worker *worker)
{
    if (!worker)
        return;

    struct llmp_gateway *gateway = worker->gateway;

    (void)pthread_mutex_lock(&gateway->lock);
    struct llmp_worker **at = &gateway->synced.workers;

    while (*at != worker)
        at = &(*at)->next;
    *at = worker->next;
    (void)pthread_mutex_unlock(&gateway->lock);
    llmp_mailbox_close(worker->mailbox);
    llmp_mailbox_unref(worker->mailbox);
    llmp_exchange_pool_free(worker);
    llmp_metrics_fini(&worker->metrics);
    llmp_arena_fini(&worker->scratch);
    llmp_token_cache_free(worker->tokens);
    llmp_guard_scanner_free(worker->scanner);
    llmp_access_unref(worker->access);
    llmp_config_unref(worker->config);
    llmp_free(worker);
}

struct llmp_token_cache *llmp_worker_tokens(struct llmp_worker *worker)
{
    enum { TOKENS_CACHED = 4096 };

    if (!worker->tokens &&
        llmp_token_cache_new(&worker->tokens, TOKENS_CACHED, 0,
                             &worker->gateway->random, NULL) != LLMP_OK)
        worker->tokens = NULL;
    return worker->tokens;
}

void llmp_gateway_set_ledger(struct llmp_gateway *gateway,
                             struct llmp_ledger *ledger)
{
    atomic_store(&gateway->ledger, ledger);
}

struct llmp_ledger *llmp_worker_ledger(const struct llmp_worker *worker)
{
    return atomic_load_explicit(&worker->gateway->ledger, memory_order_acquire);
}

struct llmp_access *llmp_gateway_access(struct llmp_gateway *gateway)
{
    return access_ref(gateway);
}

struct llmp_limiter *llmp_worker_limiter(const struct llmp_worker *worker)
{
    return worker->gateway->limiter;
}

void llmp_worker_on_wake(struct llmp_worker *worker, void (*wake)(void *ctx),
                         void *ctx)
{
    llmp_mailbox_set_hook(worker->mailbox, wake, ctx);
}

struct llmp_exchange *llmp_worker_woken(struct llmp_worker *worker)
{
    return llmp_mailbox_take(worker->mailbox);
}

void llmp_worker_took(struct llmp_worker *worker, uint64_t turn_ns)
{
    llmp_metrics_turn(&worker->metrics, turn_ns);
}

struct llmp_config *llmp_worker_config(struct llmp_worker *worker)
{
    uint64_t version =
        atomic_load_explicit(&worker->gateway->version, memory_order_relaxed);

    if (version != worker->config_version) {
        llmp_access_unref(worker->access);
        llmp_config_unref(worker->config);
        take_setup(worker);
    }
    return worker->config;
}

void llmp_worker_random(struct llmp_worker *worker, void *bytes, size_t size)
{
    assert(size <= 64);
    if (worker->random_left < size) {
        worker->gateway->random.fill(worker->random, sizeof(worker->random),
                                     worker->gateway->random.ctx);
        worker->random_left = sizeof(worker->random);
    }
    worker->random_left -= (uint32_t)size;
    memcpy(bytes, worker->random + worker->random_left, size);
}

/* The scrape walks the workers under the lock: they come and go rarely, and
 * llmp_metrics_write() only reads. */
int llmp_gateway_write_metrics(struct llmp_gateway *gateway,
                               llmp_text_sink sink, void *ctx)
{
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf text = { .limit = 64 << 20 };
    struct llmp_access *access = access_ref(gateway);

    llmp_metrics_deployments_write(&text, access);
    llmp_metrics_waiting_write(&text, gateway->lines);
    llmp_checks_write_metrics(&gateway->checks, &text);
    llmp_access_unref(access);
    (void)pthread_mutex_lock(&gateway->lock);
    llmp_metrics_write(&text, gateway->synced.workers);
    (void)pthread_mutex_unlock(&gateway->lock);
    if (text.failed)
        return LLMP_E_NOMEM;
    sink(llmp_buf_str(&text), ctx);
    return LLMP_OK;
}
