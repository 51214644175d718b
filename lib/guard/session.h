/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lasts as long as a conversation: which stages are on for it, and which
 * values were replaced by what, so that the same value gets the same name, and
 * tokens can be put back.
 */
#ifndef LLMP_GUARD_SESSION_H
#define LLMP_GUARD_SESSION_H

#include "base/json_tree.h"
#include "base/str.h"
#include "guard/overlap.h"
#include "guard/policy.h"

enum {
    LLMP_SESSION_VALUES_MAX = 4096,
    LLMP_SESSION_NONCE = 4,
    LLMP_SESSION_NAME_MAX = LLMP_GUARD_NAME_MAX + 32 /* of a token */
};

struct llmp_session_value {
    uint64_t hash; /* of label and plain form */
    const char *label;
    uint32_t number; /* of this label, from 1 */
    bool token;      /* it can be asked back */
    struct llmp_str plain, value;
};

struct llmp_guard_session {
    struct llmp_guard_policy *policy;
    uint8_t outcomes[LLMP_GUARD_STAGES_MAX]; /* enum llmp_guard_outcome */
    char *tenant;
    size_t tenant_len;
    char nonce[LLMP_SESSION_NONCE];
    struct llmp_session_value *values;
    size_t value_count, value_cap;
    struct llmp_buf restored;
    struct llmp_arena expected;           /* the schema of answers */
    const struct llmp_json_value *schema; /* in it; NULL: any text will do */
    struct llmp_overlap told; /* the system prompt, for who guards leaks */
};

/* Writes the token of a value; returns its length. */
size_t llmp_session_token(char to[LLMP_SESSION_NAME_MAX],
                          const struct llmp_guard_session *session,
                          const struct llmp_session_value *value);

/*
 * What stands for `value`, in the arena.
 *
 * @param label  of the rule; lives as long as the policy
 */
int llmp_session_name(struct llmp_guard_session *session,
                      enum llmp_guard_style style, const char *label,
                      struct llmp_str value, struct llmp_arena *arena,
                      struct llmp_str *out);

#endif
