/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an exchange learns that somebody else has news for it: a job that is
 * done, keys that have come. Anybody may wake from any thread; the exchange
 * is fed on its own worker's. Nothing is said but "look again".
 */
#ifndef LLMP_GATEWAY_WAKE_H
#define LLMP_GATEWAY_WAKE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct llmp_exchange;
struct llmp_mailbox;
struct llmp_wait_list;

/* One exchange that waits. Counted: the exchange has a reference, and whoever
 * is going to wake it. */
struct llmp_waker {
    atomic_uint refs;
    struct llmp_mailbox *box;    /* a reference */
    struct llmp_exchange *x;     /* on its thread only; NULL: it is gone */
    bool queued;                 /* in the box; under its lock */
    struct llmp_waker *next;     /* there */
    struct llmp_wait_list *list; /* or NULL; under the list's lock */
    struct llmp_waker *list_prev, *list_next;
    uint64_t list_round; /* when it joined */
};

/* Where a worker's news are left. Counted, for it is written to by those who
 * may outlive the worker. */
struct llmp_mailbox {
    atomic_uint refs;
    pthread_mutex_t lock;
    struct {
        bool closed; /* the worker is gone */
        struct llmp_waker *first, *last;
        void (*hook)(void *ctx); /* NULL: nobody is told */
        void *ctx;
    } synced;
};

/* NULL: no memory. */
struct llmp_mailbox *llmp_mailbox_new(void);
void llmp_mailbox_close(struct llmp_mailbox *box); /* drops what is in it */
void llmp_mailbox_unref(struct llmp_mailbox *box); /* accepts NULL */
void llmp_mailbox_set_hook(struct llmp_mailbox *box, void (*hook)(void *ctx),
                           void *ctx);

/* The next exchange that has news and still is; NULL: none. */
struct llmp_exchange *llmp_mailbox_take(struct llmp_mailbox *box);

/* Owned by the exchange until llmp_waker_drop(). NULL: no memory. */
struct llmp_waker *llmp_waker_new(struct llmp_mailbox *box,
                                  struct llmp_exchange *x);
struct llmp_waker *llmp_waker_ref(struct llmp_waker *waker);
void llmp_waker_unref(struct llmp_waker *waker);
/* The exchange goes, on its thread, and is in no list. Accepts NULL. */
void llmp_waker_drop(struct llmp_waker *waker);

/* From any thread; several times are as good as once. */
void llmp_waker_wake(struct llmp_waker *waker);

/* All that wait for the same thing. */
struct llmp_wait_list {
    pthread_mutex_t lock;
    struct {
        struct llmp_waker *first, *last; /* in the order in which they came */
        uint64_t round;                  /* grows with each waking */
    } synced;
};

int llmp_wait_list_init(struct llmp_wait_list *list);
void llmp_wait_list_fini(struct llmp_wait_list *list);

/* Until it is woken or removed; a waker waits in one list at a time. */
void llmp_wait_list_add(struct llmp_wait_list *list, struct llmp_waker *waker);

/* If it still waits there. */
void llmp_wait_list_remove(struct llmp_wait_list *list,
                           struct llmp_waker *waker);

/* Wakes all who wait by now, and forgets them. From any thread. */
void llmp_wait_list_wake(struct llmp_wait_list *list);

#endif
