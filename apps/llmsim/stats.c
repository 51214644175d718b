/* SPDX-License-Identifier: Apache-2.0 */
#include "stats.h"

void sim_stats_write(const struct sim_stats *stats, struct sim_buf *out)
{
    sim_buf_text(out, "{");
#define WRITE(name)                            \
    sim_buf_printf(out, "\"" #name "\":%llu,", \
                   (unsigned long long)atomic_load(&stats->name));
    SIM_STATS_TABLE(WRITE)
#undef WRITE
    out->ptr[out->len - 1] = '}';
}

void sim_stats_reset(struct sim_stats *stats)
{
    uint64_t open = atomic_load(&stats->open);
    uint64_t connections_open = atomic_load(&stats->connections_open);

#define CLEAR(name) atomic_store(&stats->name, 0);
    SIM_STATS_TABLE(CLEAR)
#undef CLEAR
    atomic_store(&stats->requests, open);
    atomic_store(&stats->open, open);
    atomic_store(&stats->connections_open, connections_open);
    atomic_store(&stats->ordinal, 0);
}

void sim_last_init(struct sim_last *last)
{
    pthread_mutex_init(&last->lock, NULL);
}

void sim_last_set(struct sim_last *last, const char *method,
                  struct llmp_str head, uint64_t head_bytes,
                  struct llmp_str body)
{
    pthread_mutex_lock(&last->lock);
    last->synced.any = true;
    last->synced.method = method;
    last->synced.head.len = last->synced.body.len = 0;
    sim_buf_add(&last->synced.head, head);
    if (body.len <= SIM_LAST_BODY_MAX)
        sim_buf_add(&last->synced.body, body);
    last->synced.head_bytes = head_bytes;
    last->synced.body_bytes = body.len;
    pthread_mutex_unlock(&last->lock);
}

void sim_last_reset(struct sim_last *last)
{
    pthread_mutex_lock(&last->lock);
    last->synced.any = false;
    pthread_mutex_unlock(&last->lock);
}

static struct llmp_str take_text(struct llmp_str *from)
{
    size_t len = strnlen(from->ptr, from->len);
    struct llmp_str text = { from->ptr, len };

    *from = (struct llmp_str){ from->ptr + len + 1, from->len - len - 1 };
    return text;
}

static void write_quoted(struct sim_buf *out, const char *before,
                         struct llmp_str text)
{
    sim_buf_text(out, before);
    sim_buf_text(out, "\"");
    sim_buf_escape(out, text);
    sim_buf_text(out, "\"");
}

static void write_synced(const struct sim_last *last, struct sim_buf *out)
{
    struct llmp_str head = sim_buf_str(&last->synced.head);
    struct llmp_str body = sim_buf_str(&last->synced.body);

    sim_buf_printf(out, "{\"method\":\"%s\"", last->synced.method);
    write_quoted(out, ",\"target\":", take_text(&head));
    sim_buf_text(out, ",\"headers\":[");
    for (bool first = true; head.len; first = false) {
        write_quoted(out, first ? "[" : ",[", take_text(&head));
        write_quoted(out, ",", take_text(&head));
        sim_buf_text(out, "]");
    }
    sim_buf_printf(out, "],\"head_bytes\":%llu,\"body_bytes\":%llu",
                   (unsigned long long)last->synced.head_bytes,
                   (unsigned long long)last->synced.body_bytes);
    if (last->synced.body_bytes <= SIM_LAST_BODY_MAX)
        write_quoted(out, ",\"body\":", body);
    sim_buf_text(out, "}");
}

void sim_last_write(struct sim_last *last, struct sim_buf *out)
{
    pthread_mutex_lock(&last->lock);
    if (last->synced.any)
        write_synced(last, out);
    else
        sim_buf_text(out, "null");
    pthread_mutex_unlock(&last->lock);
}
