/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what is added to a system prompt stands in it, in each dialect, and the
 * rest of the request is as it was byte for byte.
 * Method: requests by hand, with each kind of system prompt that a dialect
 * knows, and without one; the result is read again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/internal.h"
#include "wire/system.h"

/* ' is ". */
static struct llmp_str quoted(const char *text)
{
    static char all[4][1024];
    static unsigned next;
    char *to = all[next++ % 4];
    size_t i = 0;

    for (; text[i]; i++)
        to[i] = text[i] == '\'' ? '"' : text[i];
    return (struct llmp_str){ to, i };
}

static void expect(enum llmp_shape shape, const char *request, const char *want)
{
    struct llmp_str in = quoted(request), out;
    struct llmp_buf made = { 0 };
    struct llmp_arena arena;
    const struct llmp_json_value *root;
    int rc;

    llmp_arena_init(&arena, 1024);
    assert_int_equal(llmp_json_tree(&root, in, 0, &arena, NULL), LLMP_OK);
    rc = llmp_wire_add_system(&made, shape, in, root, LLMP_STR("a\"\n\xff"));
    if (!want) {
        assert_int_equal(rc, LLMP_MISS);
    } else {
        assert_int_equal(rc, LLMP_OK);
        out = llmp_buf_str(&made);
        if (!llmp_str_eq(out, quoted(want)))
            fail_msg("%.*s", (int)out.len, out.ptr);
        assert_int_equal(llmp_json_tree(&root, out, 0, &arena, NULL), LLMP_OK);
    }
    llmp_buf_fini(&made);
    llmp_arena_fini(&arena);
}

#define A "a\\'\\n\xEF\xBF\xBD"

static void test_chat(void **state)
{
    (void)state;
    expect(LLMP_SHAPE_CHAT,
           "{'messages': [ {'role':'user','content':'x'}],'n':1}",
           "{'messages': [{'role':'system','content':'" A
           "'}, {'role':'user','content':'x'}],'n':1}");
    expect(LLMP_SHAPE_CHAT,
           "{'messages':[{'role':'user','content':'x'},{'content':'be',"
           "'role':'developer'}]}",
           "{'messages':[{'role':'user','content':'x'},{'content':'be\\n\\n" A
           "','role':'developer'}]}");
    expect(LLMP_SHAPE_CHAT,
           "{'messages':[{'role':'system','content':[{'type':'text','text':"
           "'be'}]}]}",
           "{'messages':[{'role':'system','content':[{'type':'text','text':"
           "'be'},{'type':'text','text':'" A "'}]}]}");
    expect(LLMP_SHAPE_CHAT, "{'messages':[{'role':'system','content':[]}]}",
           "{'messages':[{'role':'system','content':[{'type':'text','text':'" A
           "'}]}]}");
    expect(LLMP_SHAPE_CHAT, "{'messages':[{'role':'system','content':''}]}",
           "{'messages':[{'role':'system','content':'" A "'}]}");
    expect(LLMP_SHAPE_CHAT, "{'messages':[]}",
           "{'messages':[{'role':'system','content':'" A "'}]}");
    expect(LLMP_SHAPE_CHAT, "{'messages':'x'}", NULL);
}

static void test_messages(void **state)
{
    (void)state;
    expect(LLMP_SHAPE_MESSAGES, "{ 'max_tokens':1}",
           "{'system':'" A "', 'max_tokens':1}");
    expect(LLMP_SHAPE_MESSAGES, "{'system':'be','x':[]}",
           "{'system':'be\\n\\n" A "','x':[]}");
    expect(LLMP_SHAPE_COUNT, "{'system':null}", "{'system':'" A "'}");
    expect(LLMP_SHAPE_MESSAGES,
           "{'system':[{'type':'text','text':'be','cache_control':{}}]}",
           "{'system':[{'type':'text','text':'be','cache_control':{}},"
           "{'type':'text','text':'" A "'}]}");
    expect(LLMP_SHAPE_MESSAGES, "{'system':{}}", NULL);
    expect(LLMP_SHAPE_MESSAGES, "{}", "{'system':'" A "'}");
}

static void test_responses(void **state)
{
    (void)state;
    expect(LLMP_SHAPE_RESPONSES, "{'input':'x'}",
           "{'instructions':'" A "','input':'x'}");
    expect(LLMP_SHAPE_RESPONSES, "{'input':'x','instructions':'be'}",
           "{'input':'x','instructions':'be\\n\\n" A "'}");
}

static void test_gemini(void **state)
{
    (void)state;
    expect(LLMP_SHAPE_GEMINI, "{'contents':[]}",
           "{'systemInstruction':{'parts':[{'text':'" A "'}]},'contents':[]}");
    expect(LLMP_SHAPE_GEMINI, "{}",
           "{'systemInstruction':{'parts':[{'text':'" A "'}]}}");
    expect(LLMP_SHAPE_GEMINI, "{'system_instruction':{'parts':[{'text':'b'}]}}",
           "{'system_instruction':{'parts':[{'text':'b'},{'text':'" A "'}]}}");
    expect(LLMP_SHAPE_GEMINI, "{'systemInstruction':{'parts':[]}}",
           "{'systemInstruction':{'parts':[{'text':'" A "'}]}}");
    expect(LLMP_SHAPE_GEMINI, "{'systemInstruction':{}}", NULL);
}

static void test_others_have_none(void **state)
{
    (void)state;
    for (int shape = 0; shape <= LLMP_SHAPE_GEMINI_OTHER; shape++)
        if (!llmp_wire_has_system((enum llmp_shape)shape))
            expect((enum llmp_shape)shape, "{'prompt':'x'}", NULL);
    expect(LLMP_SHAPE_CHAT, "[]", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chat),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_responses),
        cmocka_unit_test(test_gemini),
        cmocka_unit_test(test_others_have_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
