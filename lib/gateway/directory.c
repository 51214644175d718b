/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/directory.h"

#include "base/internal.h"

static int compare(struct llmp_str a, struct llmp_str b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.ptr, b.ptr, len) : 0;

    if (order)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

/* Where it stands, or would. */
static size_t place_of(const struct llmp_records *records, struct llmp_str id,
                       bool *found)
{
    size_t low = 0, high = records->count;

    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(records->items[middle]->id, id);

        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void llmp_directory_fini(struct llmp_directory *directory)
{
    for (size_t k = 0; k < LLMP_RECORD_KINDS; k++) {
        struct llmp_records *records = &directory->kinds[k];

        for (size_t i = 0; i < records->count; i++)
            llmp_record_unref(records->items[i]);
        llmp_free(records->items);
        *records = (struct llmp_records){ 0 };
    }
}

struct llmp_record *llmp_directory_find(const struct llmp_directory *directory,
                                        enum llmp_record_kind kind,
                                        struct llmp_str id)
{
    const struct llmp_records *records = &directory->kinds[kind];
    bool found;
    size_t at = place_of(records, id, &found);

    return found ? records->items[at] : NULL;
}

size_t llmp_directory_after(const struct llmp_directory *directory,
                            enum llmp_record_kind kind, struct llmp_str after)
{
    bool found;
    size_t at = place_of(&directory->kinds[kind], after, &found);

    return at + found;
}

static int make_room(struct llmp_records *records)
{
    size_t cap = records->cap ? records->cap * 2 : 64;
    struct llmp_record **items;

    if (records->count < records->cap)
        return LLMP_OK;
    items = llmp_resize(records->items, cap * sizeof(struct llmp_record *));
    if (!items)
        return LLMP_E_NOMEM;
    records->items = items;
    records->cap = cap;
    return LLMP_OK;
}

int llmp_directory_put(struct llmp_directory *directory,
                       struct llmp_record *record)
{
    struct llmp_records *records = &directory->kinds[record->kind];
    bool found;
    size_t at = place_of(records, record->id, &found);

    if (found) {
        if (records->items[at]->last_used_s > record->last_used_s)
            record->last_used_s = records->items[at]->last_used_s;
        llmp_record_unref(records->items[at]);
        records->items[at] = llmp_record_ref(record);
        return LLMP_OK;
    }
    LLMP_TRY(make_room(records));
    memmove(records->items + at + 1, records->items + at,
            (records->count - at) * sizeof(struct llmp_record *));
    records->items[at] = llmp_record_ref(record);
    records->count++;
    return LLMP_OK;
}

void llmp_directory_remove(struct llmp_directory *directory,
                           enum llmp_record_kind kind, struct llmp_str id)
{
    struct llmp_records *records = &directory->kinds[kind];
    bool found;
    size_t at = place_of(records, id, &found);

    if (!found)
        return;
    llmp_record_unref(records->items[at]);
    records->count--;
    memmove(records->items + at, records->items + at + 1,
            (records->count - at) * sizeof(struct llmp_record *));
}
