/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever the body is: it becomes a record, whose own JSON is read back as the
 * same record, or a problem with a status and a message. A hash is in what is
 * stored only.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "fuzz.h"
#include "gateway/record.h"

#define CHECK(cond)  \
    do {             \
        if (!(cond)) \
            abort(); \
    } while (0)

static void check_again(const struct llmp_record *record)
{
    struct llmp_buf first = { 0 }, second = { 0 }, view = { 0 };
    struct llmp_record *copy = NULL;
    struct llmp_allowance allowance;
    struct llmp_grant grant;

    llmp_record_write(&first, record, true, 0);
    CHECK(!first.failed);
    CHECK(llmp_record_copy(&copy, record) == LLMP_OK);
    llmp_record_write(&second, copy, true, 0);
    CHECK(llmp_str_eq(llmp_buf_str(&first), llmp_buf_str(&second)));
    llmp_record_write(&view, record, false, 1);
    CHECK(llmp_str_find(llmp_buf_str(&view), LLMP_STR("\"hashes\":")) ==
          SIZE_MAX);
    CHECK(!llmp_record_allowance(record, &allowance) ||
          allowance.count <= LLMP_LIMIT_RULES_MAX);
    llmp_record_grant(record, &grant);
    llmp_record_unref(copy);
    llmp_buf_fini(&first);
    llmp_buf_fini(&second);
    llmp_buf_fini(&view);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct llmp_str body = { (const char *)data, size };

    for (unsigned mode = 0; mode < 2 * LLMP_RECORD_KINDS; mode++) {
        struct llmp_problem problem = { 0 };
        struct llmp_record *record;
        llmp_field_set seen;

        if (llmp_record_new(&record, (enum llmp_record_kind)(mode / 2)) < 0)
            return 0;

        int rc = llmp_record_read(record, body, mode & 1, &seen, &problem);

        if (rc == LLMP_OK)
            check_again(record);
        else
            CHECK(rc == LLMP_E_INVALID && problem.status == 400 &&
                  strlen(problem.message) > 0);
        llmp_record_unref(record);
    }
    return 0;
}
