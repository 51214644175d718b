/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of the table that is about what may pass; see config_schema.c.
 * Defaults are those of lib/guard.
 */
#include "base/internal.h"
#include "gateway/config_table.h"
#include "guard/remote.h"

/* In the order of llmproxy/guardrail.h: config_guard.c knows. */
static const char *const severity_choices[] = { "low", "medium", "high",
                                                "critical", NULL };
static const char *const action_choices[] = { "allow",  "shadow", "flag",
                                              "redact", "block",  NULL };
static const char *const mode_choices[] = { "shadow", "flag", "redact", "block",
                                            NULL };
static const char *const style_choices[] = { "placeholder", "mask", "pseudonym",
                                             "token", NULL };
static const char *const failure_choices[] = { "closed", "open", NULL };
static const char *const check_choices[] = {
    "pii",  "secrets", "injection", "moderation", "urls", "tools",
    "leak", "schema",  "rules",     "remote",     NULL
};

static const struct llmp_key guard_rule_keys[] = {
    { "name", LLMP_KEY_TEXT, AT(guard_rule, name), .required = true,
      .help = "Of what it finds, in records: `acme.codename`." },
    { "pattern", LLMP_KEY_TEXT, AT(guard_rule, pattern),
      .help = "A regular expression (PCRE2's syntax, UTF-8); a match has at "
              "most 512 bytes. Its first group, where there is one, is what is "
              "found. Patterns that could take long are refused." },
    { "keywords", LLMP_KEY_TEXTS, AT(guard_rule, keywords), .max = 4096,
      .help = "Instead of a pattern: whole words or phrases." },
    { "exact_case", LLMP_KEY_BOOL, AT(guard_rule, exact_case), "false",
      .help = "`true`: capitals are not small letters." },
    { "context", LLMP_KEY_TEXTS, AT(guard_rule, context), .max = 256,
      .help = "Words, one of which must stand within 160 bytes before or "
              "behind; `contract*` is whatever begins so." },
    { "language", LLMP_KEY_TEXT, AT(guard_rule, language),
      .help = "Only texts with letters of this language's script are looked "
              "at: `ru`, `en`, `el`, `ar`, `he`, `zh`, `ko`, …" },
    { "severity", LLMP_KEY_CHOICE, AT(guard_rule, severity), "medium",
      .choices = severity_choices, .help = "How bad it is." },
    { "label", LLMP_KEY_TEXT, AT(guard_rule, label), "REDACTED",
      .help = "What stands in its place: `CODENAME` makes `[CODENAME_1]`." },
};
SECTION(guard_rule_section, "guardrails.stages.rules", llmp_draft_guard_rule,
        guard_rule_keys, "Rules of your own.");

static const struct llmp_key guard_actions_keys[] = {
    { "low", LLMP_KEY_CHOICE, AT(guard_actions, low), "allow",
      .choices = action_choices,
      .help = "`allow`, here and below: as `mode` says; of what is low no more "
              "than `flag`." },
    { "medium", LLMP_KEY_CHOICE, AT(guard_actions, medium), "allow",
      .choices = action_choices, .help = "As `low`." },
    { "high", LLMP_KEY_CHOICE, AT(guard_actions, high), "allow",
      .choices = action_choices, .help = "As `low`." },
    { "critical", LLMP_KEY_CHOICE, AT(guard_actions, critical), "allow",
      .choices = action_choices, .help = "As `low`." },
};
SECTION(guard_actions_section, "guardrails.stages.actions",
        llmp_draft_guard_actions, guard_actions_keys,
        "What follows from a finding by its severity, where that is not the "
        "stage's `mode`.");

static const struct llmp_key guard_doubt_keys[] = {
    { "from", LLMP_KEY_COUNT, AT(guard_doubt, from), "0", 0, 100,
      .help = "Percent; below, it is sure that there is nothing." },
    { "to", LLMP_KEY_COUNT, AT(guard_doubt, to), "101", 1, 101,
      .help = "Percent; from there on, it is sure that there is something." },
};
SECTION(guard_doubt_section, "guardrails.stages.doubt", llmp_draft_guard_doubt,
        guard_doubt_keys,
        "Of `after`: which scores of that stage leave this one something to "
        "do.");

static const struct llmp_key guard_remote_keys[] = {
    { "api", LLMP_KEY_CHOICE, AT(guard_remote, api), .required = true,
      .choices = llmp_remote_names,
      .help =
          "What the service speaks. `openai_moderation`: texts, pictures; "
          "`azure_prompt_shields`, `azure_text`, `azure_image`: Azure AI "
          "Content Safety; `bedrock_guardrail`: ApplyGuardrail, texts and "
          "pictures; `llama_guard`: a chat completion of such a model at any "
          "OpenAI-compatible server; `webhook`: docs/guardrails.md has the "
          "contract." },
    { "provider", LLMP_KEY_TEXT, AT(guard_remote, provider), .required = true,
      .help = "A name of `providers`: where, with which key. No model need use "
              "it." },
    { "model", LLMP_KEY_TEXT, AT(guard_remote, model),
      .help = "As the service calls it. `llama_guard` needs one; of "
              "`openai_moderation` the default is `omni-moderation-latest`." },
    { "guardrail", LLMP_KEY_TEXT, AT(guard_remote, guardrail),
      .help = "Of `bedrock_guardrail`: its id or ARN." },
    { "version", LLMP_KEY_TEXT, AT(guard_remote, version),
      .help = "Of the guardrail (default `DRAFT`), or of Azure's API (default "
              "`2024-09-01`)." },
    { "path", LLMP_KEY_TEXT, AT(guard_remote, path),
      .help = "Behind the provider's `base_url`, instead of the API's own." },
    { "timeout", LLMP_KEY_DURATION, AT(guard_remote, timeout), "2s", 1,
      60 * SECOND,
      .help = "For all calls about one request or answer; what is not answered "
              "then has failed, see `on_failure`." },
    { "calls", LLMP_KEY_COUNT, AT(guard_remote, calls), "8", 1, 64,
      .help = "At most so many about one request or answer; what they cannot "
              "hold is not looked at, see `on_failure`." },
    { "image_size", LLMP_KEY_SIZE, AT(guard_remote, image_size), "4MiB", 1024,
      64 * MiB, .help = "Larger pictures are not looked at, likewise." },
    { "image_urls", LLMP_KEY_BOOL, AT(guard_remote, image_urls), "false",
      .help = "`true`: the service may be given addresses of pictures, which "
              "it then fetches; the gateway never does. Else they are not "
              "looked at, likewise." },
};
SECTION(guard_remote_section, "guardrails.stages.remote",
        llmp_draft_guard_remote, guard_remote_keys,
        "Of `check: remote`: whom it asks.");

static const struct llmp_key guard_stage_keys[] = {
    { "check", LLMP_KEY_CHOICE, AT(guard_stage, check), .required = true,
      .choices = check_choices,
      .help =
          "`pii`: personal data, with check digits and words around it; "
          "`secrets`: keys, tokens, passwords; `injection`: attempts to take "
          "the model over, by a model of its own (docs/models/guard.md); "
          "`moderation`: insults, hate, violence, …, likewise; `urls`: "
          "addresses that lead to a host which `allow` does not name "
          "(`*.example.com`); `tools`: calls of tools that it does not name; "
          "`leak`: answers that repeat the system prompt, or say `canary`; "
          "`schema`: answers that are not the JSON that was asked for; "
          "`rules`: those below; `remote`: somebody else is asked." },
    { "name", LLMP_KEY_TEXT, AT(guard_stage, name),
      .help = "In records. Unset: as the check; two stages need two names." },
    { "mode", LLMP_KEY_CHOICE, AT(guard_stage, mode), .required = true,
      .choices = mode_choices,
      .help = "What follows from a finding: `block`: the text does not pass; "
              "`redact`: what was found is replaced; `flag`: it is recorded; "
              "`shadow`: likewise, as if the stage were on trial." },
    { "actions", LLMP_KEY_SECTION, AT(guard_stage, actions),
      .section = &guard_actions_section, .help = "By severity." },
    { "parts", LLMP_KEY_TEXTS, AT(guard_stage, parts), .max = 16,
      .help = "Where it looks: `system`, `user`, `assistant`, `tool_result`, "
              "`tool_arguments`, `document`, `image`, `output`, `reasoning`, "
              "`other`, `tool_name`. Unset: as the check does by itself; of "
              "pictures none "
              "does." },
    { "only", LLMP_KEY_TEXTS, AT(guard_stage, only), .max = 256,
      .help = "Kinds of findings, with `*`: `pii.card`, `pii.ru_*`." },
    { "except", LLMP_KEY_TEXTS, AT(guard_stage, except), .max = 256,
      .help = "Kinds that are left out." },
    { "allow", LLMP_KEY_TEXTS, AT(guard_stage, allow), .max = 4096,
      .help = "What is no finding, with `*`: `*@example.com`." },
    { "models", LLMP_KEY_TEXTS, AT(guard_stage, models), .max = 1000,
      .help = "Of requests for these models, with `*`. Unset: of all." },
    { "keys", LLMP_KEY_TEXTS, AT(guard_stage, keys), .max = 1000,
      .help = "Of callers with these keys: names of `keys`, ids of keys in the "
              "store." },
    { "roles", LLMP_KEY_TEXTS, AT(guard_stage, roles), .max = 16,
      .help = "Of callers in these roles." },
    { "sample", LLMP_KEY_COUNT, AT(guard_stage, sample), "100", 0, 100,
      .help = "Percent of requests." },
    { "sure", LLMP_KEY_COUNT, AT(guard_stage, sure), "50", 0, 100,
      .help = "Percent; what is less sure is no finding." },
    { "on_failure", LLMP_KEY_CHOICE, AT(guard_stage, on_failure), "closed",
      .choices = failure_choices,
      .help = "When it could not look at all of a text: `closed`: the text "
              "does not pass, if the stage blocks or redacts; `open`: it "
              "does. Either is recorded." },
    { "style", LLMP_KEY_CHOICE, AT(guard_stage, style), "placeholder",
      .choices = style_choices,
      .help = "`placeholder`: `[CARD_1]`, the same for the same value in a "
              "request; `mask`: `**** 1111`; `pseudonym`: `[CARD_k3f9q2xa]`, "
              "the same for an organisation at all times; `token`: "
              "`[CARD_1_q7xd]`, which becomes the value again in the answer "
              "that the caller gets." },
    { "rules", LLMP_KEY_SECTIONS, AT(guard_stage, rules), .max = 1000,
      .section = &guard_rule_section, .help = "Of `check: rules`." },
    { "remote", LLMP_KEY_SECTION, AT(guard_stage, remote),
      .section = &guard_remote_section, .help = "Of `check: remote`." },
    { "after", LLMP_KEY_TEXT, AT(guard_stage, after),
      .help = "Of `check: remote`: a stage before it. It is asked only about "
              "texts where that one is in doubt, or could not look." },
    { "doubt", LLMP_KEY_SECTION, AT(guard_stage, doubt),
      .section = &guard_doubt_section, .help = "What doubt is." },
};
SECTION(guard_stage_section, "guardrails.stages", llmp_draft_guard_stage,
        guard_stage_keys, "Who looks for what, and what follows.");

static const struct llmp_key guard_hold_keys[] = {
    { "bytes", LLMP_KEY_COUNT, AT(guard_hold, bytes), "512", 64, 65536,
      .help = "At most so many of a text. What is longer is recognised by its "
              "begin only." },
    { "time", LLMP_KEY_DURATION, AT(guard_hold, time), "200ms", 1, 60 * SECOND,
      .help = "And so long." },
};
SECTION(guard_hold_section, "guardrails.hold", llmp_draft_guard_hold,
        guard_hold_keys,
        "What of a stream waits because it may belong to something that has to "
        "be replaced: mostly the word that has begun.");

/* In the order of llmproxy/guardrail.h. */
static const char *const spotlight_choices[] = { "delimit", "datamark",
                                                 "encode", NULL };

static const struct llmp_key spotlight_keys[] = {
    { "mode", LLMP_KEY_CHOICE, AT(spotlight, mode), .required = true,
      .choices = spotlight_choices,
      .help =
          "`delimit`: between marks that nobody can guess; `datamark`: "
          "words are joined by `mark`; `encode`: in base64, for models that "
          "read it well." },
    { "parts", LLMP_KEY_TEXTS, AT(spotlight, parts), .max = 16,
      .help = "What is not trusted. Unset: `tool_result` and `document`." },
    { "mark", LLMP_KEY_TEXT, AT(spotlight, mark), "^",
      .help = "Of `datamark`: a character that texts seldom have." },
    { "instructions", LLMP_KEY_TEXT, AT(spotlight, instructions), .lines = true,
      .help = "What the system prompt says about it, with `{{begin}}`, "
              "`{{end}}` and `{{mark}}`. Unset: a few sentences in English." },
};
SECTION(spotlight_section, "guardrails.spotlight", llmp_draft_spotlight,
        spotlight_keys,
        "Untrusted texts are marked, so that the model can tell them from "
        "orders, and the system prompt says how.");

static const struct llmp_key anomaly_keys[] = {
    { "enabled", LLMP_KEY_BOOL, AT(anomaly, enabled), "false",
      .help = "`true`: each request is compared with its sender's earlier "
              "ones." },
    { "score", LLMP_KEY_COUNT, AT(anomaly, score), "60", 1, 100,
      .help = "From which a request is marked in the access log and counted, "
              "and an event is written: once in ten minutes for a sender." },
    { "half_life", LLMP_KEY_DURATION, AT(anomaly, half_life), "24h",
      60 * SECOND, 90 * DAY,
      .help = "After which what a sender did counts half." },
    { "warm_up", LLMP_KEY_DURATION, AT(anomaly, warm_up), "10m", SECOND,
      30 * DAY,
      .help = "So long, and for 50 requests, nothing is said of a new "
              "sender." },
    { "principals", LLMP_KEY_COUNT, AT(anomaly, principals), "10000", 1,
      1000000,
      .help = "Senders that are remembered, 248 bytes each; who was not heard "
              "of for longest is forgotten." },
};
SECTION(anomaly_section, "guardrails.anomaly", llmp_draft_anomaly, anomaly_keys,
        "Who behaves unlike themselves: by the rate of requests, the share "
        "that is refused, length and entropy of bodies, repeats. Nothing is "
        "refused for it. Another `half_life`, `warm_up` or `principals` begins "
        "anew.");

static const struct llmp_key guardrails_keys[] = {
    { "stages", LLMP_KEY_SECTIONS, AT(guardrails, stages), .max = 32,
      .section = &guard_stage_section, .help = "In the order of records." },
    { "spotlight", LLMP_KEY_SECTION, AT(guardrails, spotlight),
      .section = &spotlight_section, .help = "Of requests." },
    { "canary", LLMP_KEY_BOOL, AT(guardrails, canary), "false",
      .help = "`true`: a text that nobody says by chance is put into system "
              "prompts; `check: leak` finds it in answers." },
    { "key", LLMP_KEY_TEXT, AT(guardrails, key), .secret = true,
      .help = "Of pseudonyms: at least 32 characters, such as "
              "`${LLMGW_GUARD_KEY}`. With another key they are others." },
    { "text_max", LLMP_KEY_SIZE, AT(guardrails, text_max), "1MiB", 1024,
      64 * MiB, .help = "Of one text so much is looked at; see `on_failure`." },
    { "hold", LLMP_KEY_SECTION, AT(guardrails, hold),
      .section = &guard_hold_section, .help = "Of streams." },
    { "anomaly", LLMP_KEY_SECTION, AT(guardrails, anomaly),
      .section = &anomaly_section, .help = "Needs no stages." },
};
PUBLIC_SECTION(llmp_guardrails_section, "guardrails", llmp_draft_guardrails,
               guardrails_keys,
               "What may go to a model, and what may come back.");
