/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive doubly linked lists. A link that is in no list points to itself. */
#ifndef LLMGW_LIST_H
#define LLMGW_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct gw_link {
    struct gw_link *prev, *next;
};

/* The structure that `link` is the member `member` of. */
#define GW_OWNER(link, type, member) \
    ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void gw_link_init(struct gw_link *link)
{
    link->prev = link;
    link->next = link;
}

static inline bool gw_link_alone(const struct gw_link *link)
{
    return link->next == link;
}

/* Takes `link` out of its list; harmless when it is in none. */
static inline void gw_link_remove(struct gw_link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    gw_link_init(link);
}

/* Puts `link`, which is in no list, at the end of `list`. */
static inline void gw_link_append(struct gw_link *list, struct gw_link *link)
{
    link->prev = list->prev;
    link->next = list;
    list->prev->next = link;
    list->prev = link;
}

#endif
