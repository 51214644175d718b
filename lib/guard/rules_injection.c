/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How attempts to take a model over are mostly worded, in English and Russian:
 * few shapes, each of which is seldom anything else. What is worded otherwise
 * is for the linear model (check_model.c).
 */
#include "base/internal.h"
#include "guard/rule_words.h"

#define RULE(kind, shape, how_bad, how_sure) \
    LLMP_WORDING("injection." kind, shape, how_bad, how_sure)

static const struct llmp_rule items[] = {
    /* ---- what was said before no longer counts -------------------------- */
    RULE("override",
         "\\b(?:ignore|disregard|forget|override|bypass|neglect)\\s" LLMP_SOME
         "\\b(?:previous|prior|preceding|above|earlier|foregoing|existing|"
         "original|initial|system|your)\\s" LLMP_SOME
         "\\b(?:instructions?|prompts?|guidelines|directives?|orders|"
         "constraints|restrictions|programming)\\b",
         HIGH, 85),
    RULE("override",
         "\\b(?:ignore|disregard|forget)\\s(?:everything|anything|all|what)"
         "\\s" LLMP_SOME "\\b(?:before|above|previously|told|so far)\\b",
         HIGH, 75),
    RULE("override",
         "\\b(?:new|updated|revised|real|actual)\\s(?:system\\s)?"
         "(?:instructions?|directives?)\\s{0,2}:",
         MEDIUM, 60),
    /* No wide gaps: of letters that two bytes make they are dear. */
    RULE("override",
         LLMP_RU_FROM
         "((?:(?:про)?игнорируй|забудь|отбрось|отмени|не обращай внимани[яе]"
         " на|не учитывай)(?:те)? (?:все |всё |про |о |об |любые ){0,2}"
         "(?:предыдущ|прежн|прошл|вышеуказанн|данные ранее|сво|тво|ваш|"
         "системн|изначальн|исходн)[а-яё]{0,5} (?:систем[а-яё]{0,6} )?"
         "(?:инструкци|указани|правил|команд|ограничени|промпт|запрет|"
         "директив|настройк)" LLMP_RU_MORE ")",
         HIGH, 85),
    RULE("override",
         LLMP_RU_FROM
         "((?:(?:про)?игнорируй|забудь)(?:те)? (?:все|всё|обо вс[её]м),? "
         "что (?:было |тебе |я |ты ){0,2}(?:(?:ранее|до этого|выше|раньше) "
         ")?(?:сказан|говорил|написан|указан|знаешь)" LLMP_RU_MORE ")",
         HIGH, 75),

    /* ---- what it was told is asked for ----------------------------------- */
    RULE("extraction",
         "\\b(?:reveal|show|print|repeat|output|display|tell|give|share|leak|"
         "dump|expose|disclose|recite|write|copy|paste|translate|summari[sz]e)"
         "\\s" LLMP_SOME
         "\\b(?:your|the "
         "(?:hidden|secret|initial|original|exact|full))\\s" LLMP_SOME
         "\\b(?:(?:system|initial|hidden|developer|secret|original|pre)[ -]"
         "?(?:prompts?|instructions?|messages?)|instructions? above)\\b",
         HIGH, 85),
    RULE("extraction",
         "\\bwhat(?:'s| is| are| was| were)\\s(?:in\\s)?your\\s(?:exact |full |"
         "first |original )?(?:system|initial|hidden|secret|developer)\\s"
         "(?:prompt|instructions?|message)\\b",
         HIGH, 80),
    RULE("extraction",
         LLMP_RU_FROM
         "((?:покажи|выведи|раскрой|напиши|повтори|процитируй|назови|"
         "расскажи|перескажи|пришли|скопируй|переведи)(?:те)?[^а-яё.]" LLMP_SOME
         "(?:системн" LLMP_RU_MORE
         " (?:промпт|инструкци|сообщени|запрос|настро)|"
         "(?:свои|свой|твои|твой|ваши|ваш)" LLMP_RU_MORE
         " (?:скрыт|исходн|первоначальн|секретн|начальн|внутренн|"
         "полн)" LLMP_RU_MORE " (?:промпт|инструкци|указани|настройк|правил)))",
         HIGH, 85),
    RULE("extraction",
         LLMP_RU_FROM
         "(как(?:ой|ие|ов|овы) (?:у тебя |у вас )?(?:тво[йи]|ваш[иа]?)?"
         "[^а-яё.]{0,2}(?:системн|скрыт|секретн|начальн)" LLMP_RU_MORE
         " (?:промпт|инструкци|указани|настройк))",
         HIGH, 80),

    /* ---- it is to be somebody else --------------------------------------- */
    RULE("role", "\\bdo anything now\\b", HIGH, 90),
    RULE("role",
         "\\b(?:enable|enter|activate|switch to|you are (?:now )?in|turn on|"
         "unlock)\\s" LLMP_SOME
         "\\b(?:developer|debug|god|jailbreak|jailbroken|unrestricted|dan|sudo|"
         "evil)\\smode\\b",
         HIGH, 80),
    RULE("role",
         "\\b(?:pretend|act (?:as|like)|you are|you're|respond|answer|"
         "roleplay)\\s"
         "[^.!?\\n]{0,60}?\\b(?:without(?: any)?|with no|free\\s(?:of|from)(?: "
         "all| any"
         ")?|not bound by(?: any)?)\\s(?:ethical |moral |safety |content |"
         "openai )?(?:restrictions|filters|limitations|ethics|morals|"
         "censorship|guidelines)\\b",
         HIGH, 75),
    RULE("role",
         LLMP_RU_FROM "(режим" LLMP_RU_MORE
                      " (?:разработчика|отладки|бога|без ограничений|"
                      "вседозволенности|dan))(?![а-яёa-z])",
         MEDIUM, 70),
    RULE("role",
         LLMP_RU_FROM
         "((?:теперь ты|представь, что ты|притворись|веди себя|отвечай|"
         "ты больше не|действуй|сыграй)[^а-яё.][^.!?\\n]{0,60}?без "
         "(?:каких-либо |всяких |любых |всех )?(?:ограничений|цензуры|"
         "фильтров|запретов))",
         HIGH, 75),

    /* ---- marks of other speakers ------------------------------------------
     */
    RULE("template",
         "<\\|(?:im_start|im_end|im_sep|system|user|assistant|endoftext|"
         "start_header_id|end_header_id|begin_of_text|eot_id)\\|>",
         MEDIUM, 80),
    RULE("template", "\\[/?INST\\]|<</?SYS>>", MEDIUM, 80),
    RULE(
        "template",
        "(?:^|\\n)\\s{0,4}(?:#{2,4}|\\*\\*|\\[)\\s{0,2}(?:system|developer)\\s?"
        "(?:prompt|message|instructions?|note|override)?\\s{0,2}"
        "(?:\\*\\*|\\])?\\s{0,2}:",
        MEDIUM, 60),

    /* ---- behind the user's back --------------------------------------------
     */
    RULE("secrecy",
         "\\b(?:do not|don't|never|without)\\s(?:tell|telling|inform|informing|"
         "mention|mentioning|alert|alerting|notify|notifying|reveal)\\b"
         "[^.!?\\n]{0,24}?\\b(?:to )?(?:the )?users?\\b",
         MEDIUM, 70),
    RULE("secrecy",
         LLMP_RU_FROM
         "((?:не (?:говори|сообщай|рассказывай|упоминай|показывай)|скрой|"
         "скрывай|утаи)(?:те)?[^а-яё.][^.!?\\n]{0,30}?пользовател)",
         MEDIUM, 70),
    RULE("exfiltration",
         "\\b(?:send|post|append|include|insert|embed|encode|upload|forward|"
         "exfiltrate)\\s" LLMP_SOME
         "\\b(?:conversation|chat history|secrets?|api keys?|passwords?|"
         "credentials|system prompt|environment variables|tokens?)\\b" LLMP_SOME
         "(?:https?://|\\burl\\b|\\bquery string\\b|\\bimage link\\b)",
         HIGH, 75),
};

const struct llmp_rules llmp_rules_injection = { items, LLMP_COUNT(items) };
