/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters and leases in memory. A counter of 0 without leases is the same as
 * none, so sweeping removes those.
 */
#include "base/alloc.h"
#include "base/internal.h"
#include "base/str.h"
#include "store/memory.h"

static struct llmp_memory_counter *counter_at(const struct llmp_memory *memory,
                                              size_t index)
{
    return (struct llmp_memory_counter *)memory->counters.items[index];
}

static struct llmp_memory_lease *lease_at(const struct llmp_memory *memory,
                                          size_t index)
{
    return (struct llmp_memory_lease *)memory->leases.items[index];
}

static int compare(const struct llmp_memory_counter *counter,
                   struct llmp_str name, uint64_t window)
{
    int order = llmp_memory_compare(counter->name, name);

    return order ? order
                 : (counter->window > window) - (counter->window < window);
}

static size_t lower_bound(const struct llmp_memory *memory,
                          struct llmp_str name, uint64_t window)
{
    size_t low = 0, high = memory->counters.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare(counter_at(memory, middle), name, window) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The counter, made if need be; NULL: no memory. */
static struct llmp_memory_counter *need_counter(struct llmp_memory *memory,
                                                struct llmp_str name,
                                                uint64_t window)
{
    size_t at = lower_bound(memory, name, window);

    if (at < memory->counters.count &&
        compare(counter_at(memory, at), name, window) == 0)
        return counter_at(memory, at);

    struct llmp_memory_counter *made = llmp_alloc(sizeof(*made) + name.len);
    char *to = made ? made->text : NULL;

    if (!made)
        return NULL;
    made->item.refs = 1;
    made->name = llmp_memory_copy(&to, name);
    made->window = window;
    if (!llmp_memory_list_insert(&memory->counters, at, &made->item)) {
        llmp_free(made);
        return NULL;
    }
    return made;
}

static bool remember(struct llmp_memory *memory,
                     struct llmp_memory_counter *counter)
{
    const struct llmp_memory_undo undo = { .kind = LLMP_STORE_ADD,
                                           .counter = counter,
                                           .used = counter->used };

    return llmp_memory_undo_add(memory, &undo);
}

int llmp_memory_add(struct llmp_memory *memory,
                    const struct llmp_counter_add *add, int64_t *value,
                    struct llmp_error *err)
{
    struct llmp_memory_counter *counter =
        need_counter(memory, add->name, add->window);
    int64_t used;

    LLMP_ENSURE(counter && remember(memory, counter), err, LLMP_E_NOMEM,
                "no memory for a counter");
    LLMP_ENSURE(!__builtin_add_overflow(counter->used, add->amount, &used), err,
                LLMP_E_LIMIT, "a counter is too large");
    counter->used = used;
    *value = used;
    return LLMP_OK;
}

static void drop_leases(struct llmp_memory *memory, struct llmp_str name,
                        uint64_t before)
{
    for (size_t i = memory->leases.count; i-- > 0;)
        if (lease_at(memory, i)->window < before &&
            llmp_str_eq(lease_at(memory, i)->name, name))
            llmp_memory_unref(llmp_memory_list_remove(&memory->leases, i));
}

int llmp_memory_forget(struct llmp_memory *memory,
                       const struct llmp_counter_add *add,
                       struct llmp_error *err)
{
    for (size_t i = lower_bound(memory, add->name, 0);
         i < memory->counters.count &&
         compare(counter_at(memory, i), add->name, add->window) < 0;
         i++) {
        LLMP_ENSURE(remember(memory, counter_at(memory, i)), err, LLMP_E_NOMEM,
                    "no memory for a counter");
        counter_at(memory, i)->used = 0;
    }
    memory->has_empty_counters = true;
    drop_leases(memory, add->name, add->window);
    return LLMP_OK;
}

void llmp_memory_sweep(struct llmp_memory *memory)
{
    struct llmp_memory_list *counters = &memory->counters;
    size_t kept = 0;

    for (size_t i = 0; i < counters->count; i++) {
        if (counter_at(memory, i)->used)
            counters->items[kept++] = counters->items[i];
        else
            llmp_memory_unref(counters->items[i]);
    }
    counters->count = kept;
}

/* ---- leases -------------------------------------------------------------- */

static bool is_of(const struct llmp_memory_lease *lease, struct llmp_str name,
                  uint64_t window)
{
    return lease->window == window && llmp_str_eq(lease->name, name);
}

/* Leases that have ended count as used from now on. */
static int expire(struct llmp_memory *memory, struct llmp_str name,
                  uint64_t window, uint64_t now_wall_ns, struct llmp_error *err)
{
    for (size_t i = memory->leases.count; i-- > 0;) {
        struct llmp_memory_lease *lease = lease_at(memory, i);

        if (!is_of(lease, name, window) || lease->expires_wall_ns > now_wall_ns)
            continue;

        struct llmp_memory_counter *counter =
            need_counter(memory, name, window);

        LLMP_ENSURE(counter, err, LLMP_E_NOMEM, "no memory for a counter");
        counter->used += lease->amount;
        llmp_memory_unref(llmp_memory_list_remove(&memory->leases, i));
    }
    return LLMP_OK;
}

void llmp_memory_counter(struct llmp_memory *memory, struct llmp_str name,
                         uint64_t window, uint64_t now_wall_ns,
                         struct llmp_counter *out)
{
    size_t at = lower_bound(memory, name, window);

    *out = (struct llmp_counter){ 0 };
    if (at < memory->counters.count &&
        compare(counter_at(memory, at), name, window) == 0)
        out->used = counter_at(memory, at)->used;
    for (size_t i = 0; i < memory->leases.count; i++) {
        const struct llmp_memory_lease *lease = lease_at(memory, i);

        if (!is_of(lease, name, window))
            continue;
        if (lease->expires_wall_ns > now_wall_ns)
            out->leased += lease->amount;
        else
            out->used += lease->amount;
    }
}

static struct llmp_memory_lease *find_lease(struct llmp_memory *memory,
                                            struct llmp_str name,
                                            uint64_t window,
                                            struct llmp_str holder,
                                            size_t *index)
{
    for (*index = 0; *index < memory->leases.count; (*index)++) {
        struct llmp_memory_lease *lease = lease_at(memory, *index);

        if (is_of(lease, name, window) && llmp_str_eq(lease->holder, holder))
            return lease;
    }
    return NULL;
}

static struct llmp_memory_lease *new_lease(struct llmp_memory *memory,
                                           const struct llmp_lease *wanted)
{
    struct llmp_memory_lease *made =
        llmp_alloc(sizeof(*made) + wanted->counter.len + wanted->holder.len);
    char *to = made ? made->text : NULL;

    if (!made)
        return NULL;
    made->item.refs = 1;
    made->name = llmp_memory_copy(&to, wanted->counter);
    made->holder = llmp_memory_copy(&to, wanted->holder);
    made->window = wanted->window;
    if (!llmp_memory_list_insert(&memory->leases, memory->leases.count,
                                 &made->item)) {
        llmp_free(made);
        return NULL;
    }
    return made;
}

int llmp_memory_lease(struct llmp_memory *memory,
                      const struct llmp_lease *wanted, int64_t *granted,
                      struct llmp_error *err)
{
    struct llmp_counter counter;
    size_t index;

    LLMP_TRY(expire(memory, wanted->counter, wanted->window,
                    wanted->now_wall_ns, err));
    llmp_memory_counter(memory, wanted->counter, wanted->window,
                        wanted->now_wall_ns, &counter);

    int64_t left = llmp_lease_left(&counter, wanted);
    struct llmp_memory_lease *lease = find_lease(
        memory, wanted->counter, wanted->window, wanted->holder, &index);

    if (!lease && left > 0) {
        lease = new_lease(memory, wanted);
        LLMP_ENSURE(lease, err, LLMP_E_NOMEM, "no memory for a lease");
    }
    if (lease) {
        lease->amount += left;
        lease->expires_wall_ns = wanted->now_wall_ns + wanted->ttl_ns;
    }
    *granted = left;
    return LLMP_OK;
}

int llmp_memory_lease_return(struct llmp_memory *memory, struct llmp_str name,
                             uint64_t window, struct llmp_str holder,
                             int64_t unused, uint64_t now_wall_ns,
                             struct llmp_error *err)
{
    size_t index;

    LLMP_TRY(expire(memory, name, window, now_wall_ns, err));

    struct llmp_memory_lease *lease =
        find_lease(memory, name, window, holder, &index);

    if (!lease)
        return LLMP_MISS;
    LLMP_ENSURE(unused <= lease->amount, err, LLMP_E_INVALID,
                "more is returned than was leased");

    struct llmp_memory_counter *counter = need_counter(memory, name, window);

    LLMP_ENSURE(counter, err, LLMP_E_NOMEM, "no memory for a counter");
    counter->used += lease->amount - unused;
    llmp_memory_unref(llmp_memory_list_remove(&memory->leases, index));
    return LLMP_OK;
}
