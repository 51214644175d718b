/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a journal's files hold what was appended until the next process; one
 * process owns them; a disk that is full or fails is an error and no crash.
 * Method: folders of the test's own; closing without settling stands for being
 * killed (tests/crash does that in earnest); a limit on file sizes stands for
 * a full disk.
 */
#include <llmproxy/journal.h>
#include <llmproxy/runtime.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/internal.h"
#include "base/str.h"
#include "faulty_heap.h"
#include "store/store_fixture.h"

enum { SEGMENT = 8192 };

static char folder[64];

static int new_folder(void **state)
{
    (void)state;
    store_fixture_folder(folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    store_fixture_remove(folder);
    return 0;
}

static void fill_random(void *bytes, size_t size, void *ctx)
{
    (void)ctx;
    memset(bytes, 0x5A, size);
}

static int open_with(struct llmp_journal_file **out, uint32_t segment_size,
                     struct llmp_error *err)
{
    struct llmp_journal_file_options opts;

    llmp_journal_file_options_init(&opts);
    opts.folder = folder;
    opts.segment_size = segment_size;
    opts.segments_max = 4;
    opts.random.fill = fill_random;
    return llmp_journal_file_open(out, &opts, 1, err);
}

static struct llmp_journal_file *open_file(void)
{
    struct llmp_journal_file *file = NULL;
    struct llmp_error err = { 0 };

    if (open_with(&file, SEGMENT, &err) != LLMP_OK)
        fail_msg("%s", err.message);
    return file;
}

static int append(struct llmp_journal_file *file, const char *text)
{
    struct llmp_str payload = llmp_str_of(text);
    llmp_journal_at at;

    return llmp_journal_append(llmp_journal_file_journal(file),
                               LLMP_JOURNAL_OUTCOME, &payload, 1, 0, &at);
}

static int note(const struct llmp_journal_record *record, void *ctx)
{
    llmp_buf_printf(ctx, "%.*s ", (int)record->payload.len,
                    record->payload.ptr);
    return 0;
}

static void assert_left(struct llmp_journal_file *file, const char *expected)
{
    struct llmp_buf seen = { 0 };

    assert_int_equal(llmp_journal_scan(llmp_journal_file_journal(file),
                                       LLMP_JOURNAL_OUTCOME, note, &seen),
                     LLMP_OK);
    assert_true(llmp_buf_add(&seen, (struct llmp_str){ "", 1 }));
    assert_string_equal(seen.ptr, expected);
    llmp_buf_fini(&seen);
}

static void segment_path(char path[96], int index)
{
    (void)snprintf(path, 96, "%s/%03d.journal", folder, index);
}

/* ---- files --------------------------------------------------------------- */

static void what_was_appended_is_there_later(void **state)
{
    struct llmp_journal_file *file = open_file();
    struct stat now;
    char path[96];
    (void)state;

    assert_int_equal(append(file, "a"), LLMP_OK);
    assert_int_equal(append(file, "b"), LLMP_OK);
    assert_int_equal(llmp_journal_file_sync(file, NULL), LLMP_OK);
    segment_path(path, 0);
    assert_int_equal(stat(path, &now), 0);
    assert_int_equal(now.st_mode & 0777, 0600);
    assert_int_equal(now.st_size, SEGMENT);
    assert_true(now.st_blocks * 512 >= SEGMENT); /* no holes */
    llmp_journal_file_close(file);
    file = open_file();
    assert_left(file, "a b ");
    llmp_journal_file_close(file);
    llmp_journal_file_close(NULL);
}

static void files_are_added_up_to_the_limit(void **state)
{
    struct llmp_journal_file *file = open_file();
    struct llmp_journal_stats stats;
    int count = 0, rc;
    (void)state;

    for (;;) {
        rc = append(file, "0123456789012345678901234567890123456789");
        count += rc == LLMP_OK;
        if (rc == LLMP_FULL &&
            llmp_journal_file_maintain(file, 1, NULL) == LLMP_FULL)
            break;
    }
    assert_int_equal(count, 4 * ((SEGMENT - 64) / 64));
    llmp_journal_stats(llmp_journal_file_journal(file), &stats);
    assert_int_equal(stats.segments, 4);
    assert_int_equal(stats.segments_free, 0);
    llmp_journal_file_close(file);
    /* Opening succeeds: it is for its reader to settle what is there. */
    file = open_file();
    assert_int_equal(append(file, "x"), LLMP_FULL);
    llmp_journal_file_close(file);
}

static void one_process_owns_it(void **state)
{
    struct llmp_journal_file *file = open_file(), *other = NULL;
    struct llmp_error err = { 0 };
    (void)state;

    assert_int_equal(open_with(&other, SEGMENT, &err), LLMP_E_STATE);
    assert_non_null(strstr(err.message, "another process"));
    assert_null(other);
    llmp_journal_file_close(file);
    file = open_file();
    llmp_journal_file_close(file);
}

static void files_of_another_kind_are_refused(void **state)
{
    struct llmp_journal_file *file = open_file();
    struct llmp_error err = { 0 };
    char path[96];
    int fd;
    (void)state;

    llmp_journal_file_close(file);
    assert_int_equal(open_with(&file, SEGMENT / 2, &err), LLMP_E_UNSUPPORTED);
    assert_int_equal(open_with(&file, SEGMENT * 2, &err), LLMP_E_UNSUPPORTED);
    /* The second attempt has made the file larger, which the first size finds
     * out. */
    segment_path(path, 0);
    fd = open(path, O_WRONLY);
    assert_int_equal(ftruncate(fd, SEGMENT), 0);
    assert_int_equal(pwrite(fd, "x", 1, 0), 1);
    (void)close(fd);
    assert_int_equal(open_with(&file, SEGMENT, &err), LLMP_E_CORRUPT);
}

/* A file whose making was cut short. */
static void an_unfinished_file_is_finished(void **state)
{
    struct llmp_journal_file *file;
    char path[96];
    (void)state;

    segment_path(path, 0);

    int fd = open(path, O_CREAT | O_WRONLY, 0600);

    assert_int_equal(write(fd, "\0\0\0", 3), 3);
    (void)close(fd);
    file = open_file();
    assert_int_equal(append(file, "a"), LLMP_OK);
    llmp_journal_file_close(file);
}

static void options_are_checked(void **state)
{
    struct llmp_journal_file_options opts;
    struct llmp_journal_file *file;
    (void)state;

    llmp_journal_file_options_init(&opts);
    assert_int_equal(llmp_journal_file_open(&file, &opts, 1, NULL),
                     LLMP_E_INVALID);
    opts.folder = folder;
    assert_int_equal(llmp_journal_file_open(&file, &opts, 1, NULL),
                     LLMP_E_INVALID);
    opts.random.fill = fill_random;
    opts.segments_max = 2;
    assert_int_equal(llmp_journal_file_open(&file, &opts, 1, NULL),
                     LLMP_E_INVALID);
    opts.segments_max = 3;
    opts.segment_size = 5000;
    assert_int_equal(llmp_journal_file_open(&file, &opts, 1, NULL),
                     LLMP_E_INVALID);
}

/* ---- a disk that is full ------------------------------------------------- */

/* In a process of its own, as the limit stays. Returns through its status. */
static void fill_a_limited_disk(void)
{
    const struct rlimit limit = { SEGMENT / 2, SEGMENT / 2 };
    struct llmp_journal_file *file = open_file();
    struct llmp_error err = { 0 };
    int rc = LLMP_OK;

    (void)signal(SIGXFSZ, SIG_IGN);
    (void)setrlimit(RLIMIT_FSIZE, &limit);
    while (rc == LLMP_OK && append(file, "0123456789012345678901234") >= 0)
        rc = llmp_journal_file_maintain(file, 1, &err);
    /* What there is goes on. */
    if (rc != LLMP_E_IO || !strstr(err.message, "filled"))
        _exit(1);
    _exit(append(file, "more") == LLMP_OK ? 0 : 2);
}

static void a_full_disk_is_an_error_and_no_crash(void **state)
{
    pid_t child = fork();
    int status = -1;
    (void)state;

    if (child == 0)
        fill_a_limited_disk();
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* ---- a disk that fails --------------------------------------------------- */

/* The descriptor of the first segment's file. */
static int segment_descriptor(void)
{
    char path[96], link[32], target[256];

    segment_path(path, 0);
    for (int fd = 0; fd < 256; fd++) {
        (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);

        ssize_t len = readlink(link, target, sizeof(target) - 1);

        if (len < 0)
            continue;
        target[len] = '\0';
        if (strcmp(target, path) == 0)
            return fd;
    }
    fail_msg("no descriptor of %s", path);
    return -1;
}

/* A pipe in the file's place cannot be synced. */
static void a_failed_sync_is_fatal(void **state)
{
    struct llmp_journal_file *file = open_file();
    struct llmp_error err = { 0 };
    int fd = segment_descriptor(), saved = dup(fd), pipes[2];
    (void)state;

    assert_int_equal(append(file, "a"), LLMP_OK);
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(dup2(pipes[1], fd), fd);
    assert_int_equal(llmp_journal_file_sync(file, &err), LLMP_E_IO);
    assert_true(err.object_dead);
    assert_false(err.retryable);
    /* It would work now, but is not believed. */
    assert_int_equal(dup2(saved, fd), fd);
    assert_int_equal(llmp_journal_file_sync(file, &err), LLMP_E_IO);
    assert_int_equal(append(file, "b"), LLMP_E_IO);
    (void)close(saved);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
    llmp_journal_file_close(file);

    /* What is in the files is there for the next process. */
    file = open_file();
    assert_left(file, "a ");
    llmp_journal_file_close(file);
}

/* ---- memory -------------------------------------------------------------- */

static void without_memory_nothing_stays_open(void **state)
{
    struct llmp_journal_file *file = NULL;
    int before = dup(0), after;
    (void)state;

    (void)close(before);
    for (int n = 0; n < 3; n++) {
        faulty_heap_arm(n);
        assert_int_equal(open_with(&file, SEGMENT, NULL), LLMP_E_NOMEM);
        assert_null(file);
        assert_int_equal(faulty_heap_live(), 0);
    }
    faulty_heap_off();
    after = dup(0);
    (void)close(after);
    assert_int_equal(after, before);
}

#define IN_A_FOLDER(test) \
    cmocka_unit_test_setup_teardown(test, new_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(what_was_appended_is_there_later),
        IN_A_FOLDER(files_are_added_up_to_the_limit),
        IN_A_FOLDER(one_process_owns_it),
        IN_A_FOLDER(files_of_another_kind_are_refused),
        IN_A_FOLDER(an_unfinished_file_is_finished),
        IN_A_FOLDER(options_are_checked),
        IN_A_FOLDER(a_full_disk_is_an_error_and_no_crash),
        IN_A_FOLDER(a_failed_sync_is_fatal),
        IN_A_FOLDER(without_memory_nothing_stays_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
