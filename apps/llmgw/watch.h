/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that were read, and whether they have changed since. A file is noted
 * before it is read: what is written meanwhile then counts as a change.
 */
#ifndef LLMGW_WATCH_H
#define LLMGW_WATCH_H

#include <llmproxy/config.h>

struct gw_stamp {
    uint64_t mtime_ns, size, inode;
};

#define GW_SECRETS_MAX 64

struct gw_watched {
    const char *path; /* NULL: none */
    struct gw_stamp read, seen;
};

struct gw_watch {
    struct gw_watched config;
    struct gw_watched tls[3];
    struct gw_watched secrets[GW_SECRETS_MAX]; /* paths of our own */
    size_t secret_count;
};

/* To be called before the configuration at `path` (or NULL) is read; forgets
 * the files that the one before referred to. */
void gw_watch_config(struct gw_watch *watch, const char *path);
/* To be called before a file that the configuration refers to is read. More
 * than GW_SECRETS_MAX are not watched. */
void gw_watch_secret(struct gw_watch *watch, const char *path);
/* To be called before the certificates are read. The paths must outlive the
 * watch, or the next call. */
void gw_watch_tls(struct gw_watch *watch,
                  const struct llmp_server_config *conf);

/*
 * Looks at the files. A change counts once it has stayed the same from one
 * look to the next, so that a file that is being written is not read half-way.
 */
bool gw_watch_config_changed(struct gw_watch *watch);
bool gw_watch_tls_changed(struct gw_watch *watch);

#endif
