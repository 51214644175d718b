/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words and phrases of moderation, in English and Russian: the first tier,
 * before the linear model. A word alone is a find only where it has no other
 * use; the rest are phrases about oneself, about somebody, or about how it is
 * done.
 */
#include "base/internal.h"
#include "guard/rule_words.h"

#define RULE(kind, shape, how_bad, how_sure) \
    LLMP_WORDING("moderation." kind, shape, how_bad, how_sure)

static const struct llmp_rule items[] = {
    /* ---- hate: names that hold people in contempt; they are quoted and
     * reclaimed as often as meant (HateCheck), so the word alone is low ---- */
    RULE("hate",
         "\\b(?:nigg(?:er|a)s?|fagg?ots?|kikes|wetbacks?|gooks|ragheads?|"
         "towelheads?|sandniggers?|trann(?:y|ies)|beaners?|coons)\\b",
         LOW, 75),
    RULE("hate",
         LLMP_RU_FROM
         "((?:хачи(?:ки|ков)?|чурк[аиоуе]|чурок|черножоп" LLMP_RU_MORE
         "|жид(?:ы|ов|ам|ами|овск" LLMP_RU_MORE "|овня)|ниггер" LLMP_RU_MORE
         "|узкоглаз" LLMP_RU_MORE "|пиндос" LLMP_RU_MORE "))" LLMP_RU_TO,
         HIGH, 70),
    RULE("hate",
         "\\b(?:all|these|those|the)\\s(?:jews|muslims|blacks|gays|women|"
         "immigrants|mexicans|asians|arabs|christians|trans people)\\s(?:are|"
         "should be|must be|deserve to be)\\s(?:all )?(?:vermin|subhuman|"
         "animals|parasites|exterminated|killed|deported|gassed|shot)\\b",
         HIGH, 85),

    /* ---- toxicity -----------------------------------------------------------
     */
    RULE("toxicity",
         "\\b(?:you|u|ur|you're|your)\\s(?:are |r )?(?:a |an |such a |nothing "
         "but a )?(?:fucking |stupid |dumb |worthless |pathetic |useless |ugly "
         "){0,2}(?:idiot|moron|bitch|cunt|whore|retard|asshole|scum|piece of "
         "(?:shit|trash|garbage))\\b",
         MEDIUM, 80),
    RULE("toxicity", "\\b(?:go )?fuck (?:you|off|yourself)\\b", LOW, 75),
    RULE("toxicity",
         LLMP_RU_FROM
         "((?:на|по|за|вы|о|у|до|при|от|рас|разъ|съ|пере|под)?"
         "(?:ху(?:й|я|ю|е[мв]|ёв|ил|ян)|пизд|[её]ба(?:н|л|т|ш)|[её]буч|"
         "бля(?:д|т)|мудак|мудил|пид[оа]р|гандон|залуп|долбо[её]б)" LLMP_RU_MORE
         ")" LLMP_RU_TO,
         LOW, 75),
    RULE("toxicity",
         LLMP_RU_FROM "((?:ты|вы) (?:просто |же |полн" LLMP_RU_MORE
                      " |конченн?" LLMP_RU_MORE " ){0,2}"
                      "(?:идиот|дебил|тупиц|кретин|ничтожеств|мраз|тварь|урод|"
                      "сволочь|дур)" LLMP_RU_MORE ")" LLMP_RU_TO,
         MEDIUM, 75),

    /* ---- self-harm
       ------------------------------------------------------------ */
    RULE("self_harm",
         "\\bi(?:'m| am|'ve)?\\s(?:want|going|plan|planning|wish|decided|ready|"
         "about)\\sto\\s(?:kill myself|end my (?:own )?life|commit suicide|die "
         "by suicide|hang myself|cut myself|overdose)\\b",
         HIGH, 90),
    RULE(
        "self_harm",
        "\\b(?:how (?:can|do|should|would) i|ways? (?:for me )?to|methods? "
        "(?:of|for))\\s" LLMP_SOME
        "\\b(?:kill(?:ing)? myself|end(?:ing)? my (?:own )?life|commit(?:ting)?"
        " suicide|hang(?:ing)? myself)\\b",
        HIGH, 90),
    RULE("self_harm", "\\b(?:go )?(?:kill|hang) (?:yourself|urself)\\b", HIGH,
         75),
    RULE("self_harm",
         LLMP_RU_FROM
         "((?:хочу|собираюсь|решил|решила|планирую|готов|готова) "
         "(?:покончить с собой|убить себя|повеситься|вскрыть (?:себе )?"
         "вены|наложить на себя руки|спрыгнуть с крыши|свести счеты с "
         "жизнью|свести счёты с жизнью))" LLMP_RU_TO,
         HIGH, 90),
    RULE("self_harm",
         LLMP_RU_FROM
         "(как (?:мне )?(?:безболезненно |быстро |легко |лучше )?"
         "(?:покончить с собой|убить себя|повеситься|свести сч[её]ты с "
         "жизнью))" LLMP_RU_TO,
         HIGH, 90),

    /* ---- violence
       --------------------------------------------------------------- */
    RULE("violence",
         "\\bi(?:'ll| will|'m going to| am going to|'m gonna)\\s(?:kill|murder|"
         "shoot|stab|strangle|behead|rape|bomb)\\s(?:you|him|her|them|"
         "everyone|all of you|my (?:wife|husband|boss|neighbou?r|teacher))\\b",
         MEDIUM, 85),
    RULE("violence",
         LLMP_RU_FROM
         "((?:убью|зарежу|застрелю|прикончу|взорву|придушу|изнасилую|"
         "прирежу) "
         "(?:тебя|его|е[её]|их|вас|всех|эту|этого|твою|твоего))" LLMP_RU_TO,
         MEDIUM, 80),

    /* ---- illicit
       ------------------------------------------------------------------ */
    RULE("illicit",
         "\\b(?:how (?:to|do i|can i|do you|would i)|(?:steps|instructions|"
         "recipe|guide|tutorial) (?:to|for)|explain how to)\\s" LLMP_SOME
         "\\b(?:make|making|build|building|synthesi[sz]e|synthesi[sz]ing|cook|"
         "cooking|manufacture|manufacturing|assemble)\\s(?:a |an |some |my own "
         "|homemade )?(?:pipe |nail |car |dirty )?(?:bombs?|explosives?|meth"
         "(?:amphetamine)?|napalm|nerve (?:agent|gas)|sarin|ricin|ghost guns?|"
         "fentanyl|mdma|molotov)\\b",
         HIGH, 85),
    RULE("illicit",
         LLMP_RU_FROM
         "(как (?:мне |можно |правильно |самому )?(?:сделать|изготовить|"
         "собрать|сварить|синтезировать|приготовить) (?:самодельн" LLMP_RU_MORE
         " |дома |в домашних условиях ){0,2}(?:бомбу|взрывчатку|взрывное "
         "устройство|метамфетамин|мефедрон|амфетамин|напалм|зарин|рицин|"
         "коктейль молотова))" LLMP_RU_TO,
         HIGH, 85),
    RULE("illicit",
         "\\bhow (?:to|do i|can i)\\s" LLMP_SOME
         "\\b(?:launder money|hire a hit ?man|clone (?:a )?credit cards?|make "
         "counterfeit (?:money|bills)|steal someone's identity|hot-?wire a "
         "car)\\b",
         MEDIUM, 75),

    /* ---- sexual, with children
       ------------------------------------------------------ */
    RULE("sexual_minors",
         "\\b(?:child|kiddie|underage|preteen|toddler)\\s(?:porn(?:ography)?|"
         "nudes?|erotica|sex (?:video|story|pics?))\\b",
         CRITICAL, 75),
    RULE("sexual_minors",
         LLMP_RU_FROM "(детск" LLMP_RU_MORE " порно" LLMP_RU_MORE
                      "|порно с детьми|(?:голые|обнаженные|"
                      "обнажённые) (?:дети|школьниц" LLMP_RU_MORE
                      "))" LLMP_RU_TO,
         CRITICAL, 75),
};

const struct llmp_rules llmp_rules_lexicon = { items, LLMP_COUNT(items) };
