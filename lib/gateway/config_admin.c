/* SPDX-License-Identifier: Apache-2.0 */
/* Where it is administered, and from where. */
#include "base/internal.h"
#include "base/str.h"
#include "gateway/config_check.h"
#include "gateway/config_url.h"

static int check_listen(struct llmp_reading *reading,
                        const struct llmp_draft_admin *draft)
{
    const struct llmp_setting *listen = &draft->listen;
    enum llmp_listen_kind kind;
    const char *problem;

    if (llmp_str_eq(listen->text, LLMP_STR("off")))
        return LLMP_OK;
    if (!reading->config->store.path)
        return llmp_reading_fail(reading, draft->node, LLMP_E_INVALID,
                                 "'admin' needs a 'store'");
    problem = llmp_listen_parse(&kind, listen->text);
    if (problem)
        return llmp_reading_fail(reading, listen->node, LLMP_E_INVALID,
                                 "'listen' %s", problem);
    if (kind == LLMP_LISTEN_OPEN && draft->allow.count == 0)
        return llmp_reading_fail(
            reading, listen->node, LLMP_E_INVALID,
            "this listener can be reached from other machines: say from which, "
            "with 'allow'");
    reading->config->admin.listen = listen->text.ptr;
    return LLMP_OK;
}

int llmp_check_admin(struct llmp_reading *reading,
                     const struct llmp_draft_admin *draft)
{
    struct llmp_admin_config *admin = &reading->config->admin;

    admin->size = sizeof(*admin);
    admin->by_default = !draft->node && reading->config->auth.administered;
    if (admin->by_default)
        admin->listen = draft->listen.text.ptr;
    if (!draft->node)
        return LLMP_OK;
    LLMP_TRY(check_listen(reading, draft));
    LLMP_TRY(llmp_check_cidrs(reading, &draft->allow));
    LLMP_TRY(llmp_check_cidrs(reading, &draft->deny));
    LLMP_TRY(llmp_take_texts(reading, &draft->allow, &admin->allow,
                             &admin->allow_count));
    LLMP_TRY(llmp_take_texts(reading, &draft->deny, &admin->deny,
                             &admin->deny_count));
    return llmp_take_texts(reading, &draft->hosts, &admin->hosts,
                           &admin->host_count);
}
