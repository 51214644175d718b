/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal's files: a folder with one file a segment, mapped, filled before
 * they are used, and owned by one process through a lock on a file beside
 * them. A file that does not have its full size was never finished (the
 * process died while making it) and is made anew.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <llmproxy/journal.h>
#include <llmproxy/runtime.h>

#include "base/alloc.h"
#include "base/internal.h"
#include "base/str.h"

enum {
    SEGMENT_SIZE = 4 << 20,
    SEGMENTS = 32,
    SEGMENTS_MIN = 3, /* being filled, ready, and one to carry out of */
    OPEN_MAX = 16384,
};

struct segment_file {
    int fd;
    void *memory;
};

struct llmp_journal_file {
    struct llmp_journal *journal;
    struct llmp_random random;
    uint32_t segment_size, segments_max;
    int folder; /* a descriptor, or -1 */
    int lock;
    atomic_bool failed;
    /* Written by the thread that maintains, read by those that sync. */
    _Atomic uint32_t count;
    struct segment_file files[LLMP_JOURNAL_SEGMENTS_MAX];
};

/* ---- options ------------------------------------------------------------- */

void llmp_journal_file_options_init_sized(
    struct llmp_journal_file_options *opts, size_t size)
{
    const struct llmp_journal_file_options defaults = {
        .size = size,
        .segment_size = SEGMENT_SIZE,
        .segments_max = SEGMENTS,
        .open_max = OPEN_MAX,
    };

    memcpy(opts, &defaults, size < sizeof(defaults) ? size : sizeof(defaults));
}

static int check_options(const struct llmp_journal_file_options *o,
                         struct llmp_error *err)
{
    LLMP_ENSURE(o->folder && o->folder[0], err, LLMP_E_INVALID,
                "a journal needs a folder");
    LLMP_ENSURE(o->random.fill, err, LLMP_E_INVALID,
                "a journal needs random numbers");
    LLMP_ENSURE(o->segments_max >= SEGMENTS_MIN &&
                    o->segments_max <= LLMP_JOURNAL_SEGMENTS_MAX,
                err, LLMP_E_INVALID, "a journal has %d to %d files",
                SEGMENTS_MIN, LLMP_JOURNAL_SEGMENTS_MAX);
    return LLMP_OK;
}

/* ---- one file ------------------------------------------------------------ */

static void file_name(char name[32], uint32_t index)
{
    (void)snprintf(name, 32, "%03u.journal", (unsigned)index);
}

static int fail_io(struct llmp_error *err, const char *name, const char *what)
{
    return llmp_fail(err, LLMP_E_IO, "the journal's %s cannot be %s: %s", name,
                     what, strerror(errno));
}

/* Gives the file all its blocks, so that writing to the map cannot fail. */
static int fill(int fd, uint32_t size, const char *name, struct llmp_error *err)
{
    int code = posix_fallocate(fd, 0, (off_t)size);

    if (code == 0)
        return LLMP_OK;
    errno = code;
    return fail_io(err, name, "filled");
}

static int map(struct llmp_journal_file *file, int fd, const char *name,
               struct llmp_error *err)
{
    uint32_t index = atomic_load(&file->count);
    void *memory = mmap(NULL, file->segment_size, PROT_READ | PROT_WRITE,
                        MAP_SHARED, fd, 0);

    if (memory == MAP_FAILED)
        return fail_io(err, name, "mapped");

    int rc = llmp_journal_add(file->journal, memory, err);

    if (rc < 0) {
        (void)munmap(memory, file->segment_size);
        return rc;
    }
    file->files[index] = (struct segment_file){ fd, memory };
    atomic_store(&file->count, index + 1);
    return LLMP_OK;
}

/* The names of new files must survive a crash as their contents do. */
static int sync_folder(const struct llmp_journal_file *file,
                       struct llmp_error *err)
{
    return fsync(file->folder) == 0 ? LLMP_OK
                                    : fail_io(err, "folder", "synced");
}

/* A file of another size than ours belongs to other options, unless its making
 * was cut short, when it is shorter and all zeros: of that, filling makes a
 * proper one, and what is not zeros is refused by the journal. */
static int check_size(int fd, uint32_t size, const char *name,
                      struct llmp_error *err)
{
    struct stat now;

    if (fstat(fd, &now) != 0)
        return fail_io(err, name, "read");
    LLMP_ENSURE(now.st_size <= (off_t)size, err, LLMP_E_UNSUPPORTED,
                "the journal's %s has %lld bytes, not %u", name,
                (long long)now.st_size, (unsigned)size);
    return LLMP_OK;
}

static int open_segment(struct llmp_journal_file *file, int flags,
                        struct llmp_error *err)
{
    char name[32];
    int fd, rc;

    file_name(name, atomic_load(&file->count));
    fd = openat(file->folder, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags,
                0600);
    if (fd < 0)
        return errno == ENOENT ? LLMP_MISS : fail_io(err, name, "opened");
    rc = check_size(fd, file->segment_size, name, err);
    if (rc == LLMP_OK)
        rc = fill(fd, file->segment_size, name, err);
    if (rc == LLMP_OK)
        rc = map(file, fd, name, err);
    if (rc == LLMP_OK)
        return LLMP_OK;
    (void)close(fd);
    /* One that could not be filled would only be in the way. */
    if (flags & O_CREAT)
        (void)unlinkat(file->folder, name, 0);
    return rc;
}

static int new_segment(struct llmp_journal_file *file, struct llmp_error *err)
{
    LLMP_TRY(open_segment(file, O_CREAT | O_EXCL, err));
    return sync_folder(file, err);
}

/* ---- the folder ---------------------------------------------------------- */

static int take_folder(struct llmp_journal_file *file, const char *folder,
                       struct llmp_error *err)
{
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return fail_io(err, "folder", "made");
    file->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file->folder < 0)
        return fail_io(err, "folder", "opened");
    file->lock = openat(file->folder, "lock",
                        O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file->lock < 0)
        return fail_io(err, "lock", "made");
    if (flock(file->lock, LOCK_EX | LOCK_NB) != 0)
        return llmp_fail(err, LLMP_E_STATE,
                         "the journal in %s belongs to another process",
                         folder);
    return LLMP_OK;
}

/* All that are there: their numbers have no gaps, as files are only added. */
static int open_old(struct llmp_journal_file *file, struct llmp_error *err)
{
    while (atomic_load(&file->count) < LLMP_JOURNAL_SEGMENTS_MAX) {
        int rc = open_segment(file, 0, err);

        if (rc != LLMP_OK)
            return rc == LLMP_MISS ? LLMP_OK : rc;
    }
    return LLMP_OK;
}

static void freep(struct llmp_journal_file **file)
{
    llmp_journal_file_close(*file);
}

void llmp_journal_file_close(struct llmp_journal_file *file)
{
    if (!file)
        return;
    llmp_journal_free(file->journal);
    for (uint32_t i = 0; i < atomic_load(&file->count); i++) {
        (void)munmap(file->files[i].memory, file->segment_size);
        (void)close(file->files[i].fd);
    }
    if (file->lock >= 0)
        (void)close(file->lock);
    if (file->folder >= 0)
        (void)close(file->folder);
    llmp_free(file);
}

static int new_journal(struct llmp_journal_file *file,
                       const struct llmp_journal_file_options *o,
                       struct llmp_error *err)
{
    struct llmp_journal_options opts;

    llmp_journal_options_init(&opts);
    opts.segment_size = o->segment_size;
    opts.open_max = o->open_max;
    LLMP_TRY(llmp_journal_new(&file->journal, &opts, err));
    file->segment_size = llmp_journal_segment_size(file->journal);
    return LLMP_OK;
}

int llmp_journal_file_open(struct llmp_journal_file **out,
                           const struct llmp_journal_file_options *opts,
                           uint64_t wall_ns, struct llmp_error *err)
{
    struct llmp_journal_file_options o;

    LLMP_ENSURE(out && opts, err, LLMP_E_INVALID, "out and opts are required");
    llmp_journal_file_options_init(&o);
    LLMP_TRY(
        llmp_options_read(&o, sizeof(o), sizeof(o), opts, opts->size, err));
    LLMP_TRY(check_options(&o, err));

    LLMP_AUTO(freep)
    struct llmp_journal_file *file = llmp_alloc(sizeof(*file));

    LLMP_ENSURE(file, err, LLMP_E_NOMEM, "no memory for a journal");
    file->folder = file->lock = -1;
    file->random = o.random;
    file->segments_max = o.segments_max;
    LLMP_TRY(new_journal(file, &o, err));
    LLMP_TRY(take_folder(file, o.folder, err));
    LLMP_TRY(open_old(file, err));
    LLMP_TRY(llmp_journal_file_maintain(file, wall_ns, err));
    *out = llmp_steal(&file);
    return LLMP_OK;
}

struct llmp_journal *llmp_journal_file_journal(struct llmp_journal_file *file)
{
    return file->journal;
}

/* ---- going on ------------------------------------------------------------ */

static int prepare(struct llmp_journal_file *file, uint64_t wall_ns)
{
    uint32_t salt;

    file->random.fill(&salt, sizeof(salt), file->random.ctx);
    return llmp_journal_prepare(file->journal, wall_ns, salt);
}

/* One segment is ready and another is free: so the ready one is replaced at
 * once when it is taken, and there is time to make a file. */
int llmp_journal_file_maintain(struct llmp_journal_file *file, uint64_t wall_ns,
                               struct llmp_error *err)
{
    struct llmp_journal_stats stats;
    int prepared = prepare(file, wall_ns);
    int rc = LLMP_OK;

    llmp_journal_stats(file->journal, &stats);
    while (rc == LLMP_OK && stats.segments_free < 2 &&
           stats.segments < file->segments_max) {
        rc = new_segment(file, err);
        if (rc == LLMP_OK)
            prepared = prepare(file, wall_ns);
        llmp_journal_stats(file->journal, &stats);
    }
    return rc < 0 ? rc : prepared;
}

/* Every file, as which of them were written to since is not known; the kernel
 * knows, and a clean file costs a system call only. */
int llmp_journal_file_sync(struct llmp_journal_file *file,
                           struct llmp_error *err)
{
    uint32_t count = atomic_load(&file->count);

    for (uint32_t i = 0; i < count && !atomic_load(&file->failed); i++)
        if (fdatasync(file->files[i].fd) != 0) {
            atomic_store(&file->failed, true);
            llmp_journal_fail(file->journal);
        }
    if (!atomic_load(&file->failed))
        return LLMP_OK;
    (void)llmp_fail(err, LLMP_E_IO, "the journal could not be synced");
    if (err) {
        err->retryable = false;
        err->object_dead = true;
    }
    return LLMP_E_IO;
}
