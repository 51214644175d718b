/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at files: see watch.h. stat() and not inotify, because what matters
 * is where a path leads: secrets are often symbolic links that are swapped. */
#include "watch.h"

#include <string.h>
#include <sys/stat.h>

#include "mem.h"

/* Of what `path` leads to; all zero when that is nothing. */
static struct gw_stamp stamp_of(const char *path)
{
    struct stat st;

    if (!path || stat(path, &st) != 0)
        return (struct gw_stamp){ 0 };
    return (struct gw_stamp){
        .mtime_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000U +
                    (uint64_t)st.st_mtim.tv_nsec,
        .size = (uint64_t)st.st_size,
        .inode = (uint64_t)st.st_ino,
    };
}

static bool equal(struct gw_stamp a, struct gw_stamp b)
{
    return a.mtime_ns == b.mtime_ns && a.size == b.size && a.inode == b.inode;
}

static void note(struct gw_watched *file, const char *path)
{
    struct gw_stamp stamp = stamp_of(path);

    *file = (struct gw_watched){ path, stamp, stamp };
}

void gw_watch_config(struct gw_watch *watch, const char *path)
{
    while (watch->secret_count > 0)
        gw_free((char *)(uintptr_t)watch->secrets[--watch->secret_count].path);
    note(&watch->config, path);
}

void gw_watch_secret(struct gw_watch *watch, const char *path)
{
    size_t size = strlen(path) + 1;
    char *copy = watch->secret_count < GW_SECRETS_MAX ? gw_alloc(size) : NULL;

    if (!copy)
        return;
    memcpy(copy, path, size);
    note(&watch->secrets[watch->secret_count++], copy);
}

void gw_watch_tls(struct gw_watch *watch, const struct llmp_server_config *conf)
{
    note(&watch->tls[0], conf->tls_cert_file);
    note(&watch->tls[1], conf->tls_key_file);
    note(&watch->tls[2], conf->tls_client_ca_file);
}

static bool has_changed(struct gw_watched *file)
{
    struct gw_stamp stamp = stamp_of(file->path);
    bool settled = equal(stamp, file->seen);

    file->seen = stamp;
    return settled && !equal(stamp, file->read);
}

bool gw_watch_config_changed(struct gw_watch *watch)
{
    bool changed = has_changed(&watch->config);

    for (size_t i = 0; i < watch->secret_count; i++)
        changed = has_changed(&watch->secrets[i]) || changed;
    return changed;
}

bool gw_watch_tls_changed(struct gw_watch *watch)
{
    bool changed = false;

    for (int i = 0; i < 3; i++)
        changed = has_changed(&watch->tls[i]) || changed;
    return changed;
}
