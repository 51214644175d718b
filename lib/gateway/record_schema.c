/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of fields. Reading, writing and OpenAPI walk it; whether an action
 * may set one is for the policy to say, under the name given here.
 */
#include "base/internal.h"
#include "gateway/record.h"

#define K   (1u << LLMP_RECORD_KEY)
#define U   (1u << LLMP_RECORD_USER)
#define T   (1u << LLMP_RECORD_TEAM)
#define O   (1u << LLMP_RECORD_ORG)
#define ALL (K | U | T | O)

#define AT(member) offsetof(struct llmp_record, member)

const char *const llmp_record_kind_names[LLMP_RECORD_KINDS] = {
    [LLMP_RECORD_KEY] = "key",
    [LLMP_RECORD_USER] = "user",
    [LLMP_RECORD_TEAM] = "team",
    [LLMP_RECORD_ORG] = "organisation",
};

const struct llmp_field llmp_record_fields[] = {
    { "id", LLMP_FIELD_TEXT, AT(id), ALL, NULL, LLMP_RECORD_ID_MAX,
      "As requests, limits and the ledger name it. Of a key it is made; of the "
      "others it is given once, at creation." },
    { "name", LLMP_FIELD_TEXT, AT(name), ALL, "name", 256,
      "For people to read." },
    { "email", LLMP_FIELD_TEXT, AT(email), U, "email", 256,
      "Where the user can be reached." },
    { "user", LLMP_FIELD_TEXT, AT(user), K, "user", LLMP_RECORD_ID_MAX,
      "Whose key it is." },
    { "team", LLMP_FIELD_TEXT, AT(team), K | U, "team", LLMP_RECORD_ID_MAX,
      "Whose limits count, too." },
    { "organisation", LLMP_FIELD_TEXT, AT(org), K | U | T, "org",
      LLMP_RECORD_ID_MAX, "Whose limits count, too." },
    { "role", LLMP_FIELD_ROLE, AT(role), K | U, "role", 0,
      "What it may do. Of a user: the widest role that keys of theirs have." },
    { "models", LLMP_FIELD_TEXTS, AT(models), ALL, "models", 256,
      "Names, or patterns with a `*` at the end. None: all." },
    { "routes", LLMP_FIELD_TEXTS, AT(routes), ALL, "routes", 64,
      "Operations such as `chat` and `embeddings`. None: all." },
    { "allow", LLMP_FIELD_TEXTS, AT(allow), K, "allow", 256,
      "Addresses and CIDRs it may be used from. None: all." },
    { "deny", LLMP_FIELD_TEXTS, AT(deny), K, "deny", 256,
      "Addresses and CIDRs it may not be used from." },
    { "expires_at", LLMP_FIELD_MOMENT, AT(expires_ns), ALL, "expires", 0,
      "When it ends; `null`: never. A new key that does not say has 90 days, "
      "or as long as who makes it." },
    { "disabled", LLMP_FIELD_BOOL, AT(disabled), K | U | T, "disabled", 0,
      "Refused, until this is taken back." },
    { "limits", LLMP_FIELD_LIMITS, AT(limits), ALL, "limits", 0,
      "How much may be used. Set as a whole." },
    { "created_at", LLMP_FIELD_MOMENT, AT(created_ns), ALL, NULL, 0,
      "When it was made." },
    { "created_by", LLMP_FIELD_TEXT, AT(created_by), ALL, NULL, 256,
      "Who made it." },
    { "revoked_at", LLMP_FIELD_MOMENT, AT(revoked_ns), K, NULL, 0,
      "When it was revoked, for ever." },
    { "previous_until", LLMP_FIELD_MOMENT, AT(generations[1].until_ns), K, NULL,
      0, "After a rotation: until when the secret before is accepted." },
    { "hashes", LLMP_FIELD_HASHES, AT(generations), K, NULL, 0, NULL },
};

const size_t llmp_record_field_count = LLMP_COUNT(llmp_record_fields);

#define COUNT_MAX (UINT64_C(1) << 40)
#define MONEY_MAX (UINT64_C(1) << 62)

#define LIMIT(name, max, grant, unit, window, help)             \
    {                                                           \
        name, max, help, LLMP_GRANT_##grant, LLMP_LIMIT_##unit, \
            LLMP_WINDOW_##window                                \
    }

const struct llmp_limit_field llmp_limit_fields[LLMP_LIMIT_MEMBERS] = {
    [LLMP_MEMBER_REQUESTS] =
        LIMIT("requests", 100000000, REQUESTS_PER_MINUTE, REQUESTS, ROLLING,
              "Requests a minute; 0: no limit, here and below. A key that does "
              "not say has 300 (roles `user`, `developer`) or 1000."),
    [LLMP_MEMBER_REQUESTS_BURST] = { "requests_burst", 100000000,
                                     "How many of them at once.", -1,
                                     LLMP_LIMIT_REQUESTS, LLMP_WINDOW_ROLLING },
    [LLMP_MEMBER_REQUESTS_DAY] =
        LIMIT("requests_day", COUNT_MAX, REQUESTS_PER_DAY, REQUESTS, DAY,
              "Requests a day (UTC)."),
    [LLMP_MEMBER_TOKENS] = LIMIT("tokens", COUNT_MAX, TOKENS_PER_MINUTE, TOKENS,
                                 ROLLING, "Input and output tokens a minute."),
    [LLMP_MEMBER_TOKENS_DAY] = LIMIT("tokens_day", COUNT_MAX, TOKENS_PER_DAY,
                                     TOKENS, DAY, "The same a day (UTC)."),
    [LLMP_MEMBER_TOKENS_MONTH] =
        LIMIT("tokens_month", COUNT_MAX, TOKENS_PER_MONTH, TOKENS, MONTH,
              "The same a month."),
    [LLMP_MEMBER_INPUT_TOKENS] =
        LIMIT("input_tokens", COUNT_MAX, INPUT_TOKENS_PER_MINUTE, INPUT_TOKENS,
              ROLLING, "Input tokens a minute."),
    [LLMP_MEMBER_OUTPUT_TOKENS] =
        LIMIT("output_tokens", COUNT_MAX, OUTPUT_TOKENS_PER_MINUTE,
              OUTPUT_TOKENS, ROLLING, "Output tokens a minute."),
    [LLMP_MEMBER_CONCURRENCY] =
        LIMIT("concurrency", 1000000, CONCURRENCY, CONCURRENCY, ROLLING,
              "Requests at the same time."),
    [LLMP_MEMBER_BUDGET_DAY] = LIMIT("day", MONEY_MAX, BUDGET_MICROS_PER_DAY,
                                     MONEY, DAY, "Money a day (UTC)."),
    [LLMP_MEMBER_BUDGET_WEEK] = LIMIT("week", MONEY_MAX, BUDGET_MICROS_PER_WEEK,
                                      MONEY, WEEK, "Money a week."),
    [LLMP_MEMBER_BUDGET_MONTH] =
        LIMIT("month", MONEY_MAX, BUDGET_MICROS_PER_MONTH, MONEY, MONTH,
              "Money a month."),
    [LLMP_MEMBER_BUDGET_TOTAL] = LIMIT("total", MONEY_MAX, BUDGET_MICROS, MONEY,
                                       TOTAL, "Money for ever."),
    [LLMP_MEMBER_BUDGET_SOFT] = { "soft", 100,
                                  "Percent of a budget at which an event is "
                                  "logged, and `downgrade` begins.",
                                  -1, LLMP_LIMIT_MONEY, LLMP_WINDOW_TOTAL },
};
