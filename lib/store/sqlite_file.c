/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place below the runtime that makes a file: SQLite would make it
 * readable for everybody. The log and index beside it get the file's mode.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/internal.h"
#include "store/sqlite.h"

/* Never opens a file that exists: closing it would drop the locks of this
 * process's other connections (POSIX locks belong to the process). */
int llmp_sqlite_create(const char *path, struct llmp_error *err)
{
    int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

    if (fd >= 0) {
        (void)close(fd);
        return LLMP_OK;
    }
    if (errno == EEXIST)
        return LLMP_OK;
    return llmp_fail(err, errno == ENOENT ? LLMP_E_NOT_FOUND : LLMP_E_IO,
                     "%s cannot be made: %s", path, strerror(errno));
}
