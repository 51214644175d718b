/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waking is rare beside requests, so locks will do. The hook is called under
 * the mailbox's: it only raises a flag for a loop, and whoever closes the box
 * may then be sure that it is not called any more.
 */
#include "gateway/wake.h"

#include "base/alloc.h"
#include "base/internal.h"

/* ---- mailboxes ----------------------------------------------------------- */

struct llmp_mailbox *llmp_mailbox_new(void)
{
    struct llmp_mailbox *box = llmp_alloc(sizeof(*box));

    if (!box)
        return NULL;
    if (pthread_mutex_init(&box->lock, NULL) != 0) {
        llmp_free(box);
        return NULL;
    }
    atomic_init(&box->refs, 1);
    return box;
}

void llmp_mailbox_unref(struct llmp_mailbox *box)
{
    if (!box ||
        atomic_fetch_sub_explicit(&box->refs, 1, memory_order_acq_rel) != 1)
        return;
    (void)pthread_mutex_destroy(&box->lock);
    llmp_free(box);
}

void llmp_mailbox_set_hook(struct llmp_mailbox *box, void (*hook)(void *ctx),
                           void *ctx)
{
    (void)pthread_mutex_lock(&box->lock);
    box->synced.hook = hook;
    box->synced.ctx = ctx;
    (void)pthread_mutex_unlock(&box->lock);
}

static struct llmp_waker *take(struct llmp_mailbox *box)
{
    struct llmp_waker *waker;

    (void)pthread_mutex_lock(&box->lock);
    waker = box->synced.first;
    if (waker) {
        box->synced.first = waker->next;
        if (!waker->next)
            box->synced.last = NULL;
        waker->queued = false;
    }
    (void)pthread_mutex_unlock(&box->lock);
    return waker;
}

struct llmp_exchange *llmp_mailbox_take(struct llmp_mailbox *box)
{
    struct llmp_waker *waker;

    while ((waker = take(box))) {
        struct llmp_exchange *x = waker->x;

        llmp_waker_unref(waker); /* the box's */
        if (x)
            return x;
    }
    return NULL;
}

void llmp_mailbox_close(struct llmp_mailbox *box)
{
    (void)pthread_mutex_lock(&box->lock);
    box->synced.closed = true;
    box->synced.hook = NULL;
    (void)pthread_mutex_unlock(&box->lock);
    while (llmp_mailbox_take(box))
        ;
}

/* ---- wakers -------------------------------------------------------------- */

struct llmp_waker *llmp_waker_new(struct llmp_mailbox *box,
                                  struct llmp_exchange *x)
{
    struct llmp_waker *waker = llmp_alloc(sizeof(*waker));

    if (!waker)
        return NULL;
    atomic_init(&waker->refs, 1);
    atomic_fetch_add_explicit(&box->refs, 1, memory_order_relaxed);
    waker->box = box;
    waker->x = x;
    return waker;
}

struct llmp_waker *llmp_waker_ref(struct llmp_waker *waker)
{
    atomic_fetch_add_explicit(&waker->refs, 1, memory_order_relaxed);
    return waker;
}

void llmp_waker_unref(struct llmp_waker *waker)
{
    if (atomic_fetch_sub_explicit(&waker->refs, 1, memory_order_acq_rel) != 1)
        return;
    llmp_mailbox_unref(waker->box);
    llmp_free(waker);
}

void llmp_waker_wake(struct llmp_waker *waker)
{
    struct llmp_mailbox *box = waker->box;

    (void)pthread_mutex_lock(&box->lock);
    if (!waker->queued && !box->synced.closed) {
        waker->queued = true;
        waker->next = NULL;
        (void)llmp_waker_ref(waker);
        if (box->synced.last)
            box->synced.last->next = waker;
        else
            box->synced.first = waker;
        box->synced.last = waker;
        if (box->synced.hook)
            box->synced.hook(box->synced.ctx);
    }
    (void)pthread_mutex_unlock(&box->lock);
}

/* ---- lists --------------------------------------------------------------- */

int llmp_wait_list_init(struct llmp_wait_list *list)
{
    list->synced.first = list->synced.last = NULL;
    list->synced.round = 0;
    return pthread_mutex_init(&list->lock, NULL) == 0 ? LLMP_OK : LLMP_E_NOMEM;
}

void llmp_wait_list_fini(struct llmp_wait_list *list)
{
    assert(!list->synced.first);
    (void)pthread_mutex_destroy(&list->lock);
}

/* Under the lock; the list's reference becomes the caller's. */
static void unlink_waker(struct llmp_waker *waker)
{
    struct llmp_wait_list *list = waker->list;

    if (waker->list_prev)
        waker->list_prev->list_next = waker->list_next;
    else
        list->synced.first = waker->list_next;
    if (waker->list_next)
        waker->list_next->list_prev = waker->list_prev;
    else
        list->synced.last = waker->list_prev;
    waker->list_prev = waker->list_next = NULL;
    waker->list = NULL;
}

void llmp_wait_list_add(struct llmp_wait_list *list, struct llmp_waker *waker)
{
    (void)pthread_mutex_lock(&list->lock);
    if (!waker->list) {
        waker->list = list;
        waker->list_round = list->synced.round;
        waker->list_next = NULL;
        waker->list_prev = list->synced.last;
        if (list->synced.last)
            list->synced.last->list_next = waker;
        else
            list->synced.first = waker;
        list->synced.last = llmp_waker_ref(waker);
    }
    (void)pthread_mutex_unlock(&list->lock);
}

/* Whoever joined before this round; NULL: nobody is left. */
static struct llmp_waker *take_first(struct llmp_wait_list *list,
                                     uint64_t round)
{
    struct llmp_waker *waker;

    (void)pthread_mutex_lock(&list->lock);
    waker = list->synced.first;
    if (waker && waker->list_round < round)
        unlink_waker(waker);
    else
        waker = NULL;
    (void)pthread_mutex_unlock(&list->lock);
    return waker;
}

void llmp_wait_list_wake(struct llmp_wait_list *list)
{
    struct llmp_waker *waker;
    uint64_t round;

    (void)pthread_mutex_lock(&list->lock);
    round = ++list->synced.round;
    (void)pthread_mutex_unlock(&list->lock);
    while ((waker = take_first(list, round))) {
        llmp_waker_wake(waker);
        llmp_waker_unref(waker);
    }
}

void llmp_wait_list_remove(struct llmp_wait_list *list,
                           struct llmp_waker *waker)
{
    bool was;

    (void)pthread_mutex_lock(&list->lock);
    was = waker->list == list;
    if (was)
        unlink_waker(waker);
    (void)pthread_mutex_unlock(&list->lock);
    if (was)
        llmp_waker_unref(waker);
}

void llmp_waker_drop(struct llmp_waker *waker)
{
    if (!waker)
        return;
    waker->x = NULL;
    llmp_waker_unref(waker);
}
