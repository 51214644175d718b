/* SPDX-License-Identifier: Apache-2.0 */
#include "faulty_vfs.h"

#include <sqlite3.h>
#include <stdlib.h>

/* The real file lies behind ours, in the same memory. */
struct file {
    sqlite3_file base; /* first */
    sqlite3_file *real;
    int is_main;
};

static sqlite3_vfs *real_vfs;
static int syncs_fail, writes_fail, syncs;

static sqlite3_file *real(sqlite3_file *file)
{
    return ((struct file *)file)->real;
}

static int vfs_close(sqlite3_file *file)
{
    return real(file)->pMethods ? real(file)->pMethods->xClose(real(file))
                                : SQLITE_OK;
}

static int vfs_read(sqlite3_file *file, void *to, int size, sqlite3_int64 at)
{
    return real(file)->pMethods->xRead(real(file), to, size, at);
}

static int vfs_write(sqlite3_file *file, const void *from, int size,
                     sqlite3_int64 at)
{
    if (writes_fail)
        return SQLITE_FULL;
    return real(file)->pMethods->xWrite(real(file), from, size, at);
}

static int vfs_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return real(file)->pMethods->xTruncate(real(file), size);
}

static int vfs_sync(sqlite3_file *file, int flags)
{
    syncs++;
    if (syncs_fail == FAULTY_SYNCS ||
        (syncs_fail == FAULTY_MAIN_SYNCS && ((struct file *)file)->is_main))
        return SQLITE_IOERR_FSYNC;
    return real(file)->pMethods->xSync(real(file), flags);
}

static int vfs_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return real(file)->pMethods->xFileSize(real(file), size);
}

static int vfs_lock(sqlite3_file *file, int kind)
{
    return real(file)->pMethods->xLock(real(file), kind);
}

static int vfs_unlock(sqlite3_file *file, int kind)
{
    return real(file)->pMethods->xUnlock(real(file), kind);
}

static int vfs_check_lock(sqlite3_file *file, int *out)
{
    return real(file)->pMethods->xCheckReservedLock(real(file), out);
}

static int vfs_control(sqlite3_file *file, int op, void *arg)
{
    return real(file)->pMethods->xFileControl(real(file), op, arg);
}

static int vfs_sector(sqlite3_file *file)
{
    return real(file)->pMethods->xSectorSize(real(file));
}

static int vfs_traits(sqlite3_file *file)
{
    return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

static int vfs_shm_map(sqlite3_file *file, int page, int size, int extend,
                       void volatile **out)
{
    return real(file)->pMethods->xShmMap(real(file), page, size, extend, out);
}

static int vfs_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    return real(file)->pMethods->xShmLock(real(file), offset, n, flags);
}

static void vfs_shm_barrier(sqlite3_file *file)
{
    real(file)->pMethods->xShmBarrier(real(file));
}

static int vfs_shm_unmap(sqlite3_file *file, int remove)
{
    return real(file)->pMethods->xShmUnmap(real(file), remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = vfs_close,
    .xRead = vfs_read,
    .xWrite = vfs_write,
    .xTruncate = vfs_truncate,
    .xSync = vfs_sync,
    .xFileSize = vfs_size,
    .xLock = vfs_lock,
    .xUnlock = vfs_unlock,
    .xCheckReservedLock = vfs_check_lock,
    .xFileControl = vfs_control,
    .xSectorSize = vfs_sector,
    .xDeviceCharacteristics = vfs_traits,
    .xShmMap = vfs_shm_map,
    .xShmLock = vfs_shm_lock,
    .xShmBarrier = vfs_shm_barrier,
    .xShmUnmap = vfs_shm_unmap,
};

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file,
                    int flags, int *flags_out)
{
    struct file *self = (struct file *)file;
    (void)vfs;

    self->real = (sqlite3_file *)(void *)(self + 1);
    self->base.pMethods = &methods;
    self->is_main = (flags & SQLITE_OPEN_MAIN_DB) != 0;

    int rc = real_vfs->xOpen(real_vfs, name, self->real, flags, flags_out);

    if (rc != SQLITE_OK)
        self->base.pMethods = NULL;
    return rc;
}

void faulty_vfs_register(void)
{
    static sqlite3_vfs vfs;

    if (real_vfs)
        return;
    real_vfs = sqlite3_vfs_find(NULL);
    vfs = *real_vfs;
    vfs.zName = FAULTY_VFS;
    vfs.pNext = NULL;
    vfs.szOsFile = (int)sizeof(struct file) + real_vfs->szOsFile;
    vfs.xOpen = vfs_open;
    if (sqlite3_vfs_register(&vfs, 0) != SQLITE_OK)
        abort();
}

void faulty_vfs_fail_syncs(enum faulty_syncs which)
{
    syncs_fail = (int)which;
}

void faulty_vfs_fail_writes(int on)
{
    writes_fail = on;
}

int faulty_vfs_syncs(void)
{
    return syncs;
}
