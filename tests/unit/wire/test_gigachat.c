/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what other dialects ask is asked of GigaChat alike, and its answers
 * and streams come back the same; what cannot be said is named; memory may
 * fail anywhere.
 * Method: golden texts in and out.
 */
#include "translate.h"

#include "faulty_heap.h"

#define CHAT (&llmp_dialect_openai)
#define GIGA (&llmp_dialect_gigachat)
#define CALL(id, name, arguments)                                     \
    "{'id':'" id "','type':'function','function':{'name':'" name "'," \
    "'arguments':'" arguments "'}}"

static void a_chat_becomes_one_with_functions(void **state)
{
    static const struct golden_pair cases[] = {
        { "{'model':'GigaChat-2','messages':[{'role':'user','content':"
          "'a\\u0000\\n\\ud800'}],'stream':true}",
          "{'model':'GigaChat-2','messages':[{'role':'user','content':"
          "'a\\u0000\\n\\ud800'}],'stream':true}" },
        { "{'model':'m','messages':[{'role':'system','content':'s'},{'role':"
          "'developer','content':'d'},{'role':'user','content':[{'type':'text',"
          "'text':'q'},{'type':'text','text':'r'}]}],'max_tokens':5,"
          "'temperature':0,'reasoning_effort':'minimal','response_format':"
          "{'type':'json_schema','json_schema':{'name':'n','schema':{'x':1},"
          "'strict':true}}}",
          "{'model':'m','messages':[{'role':'system','content':'s\\n\\nd'},"
          "{'role':'user','content':'qr'}],'top_p':0,'max_tokens':5,"
          "'reasoning_effort':'low','response_format':{'type':'json_schema',"
          "'schema':{'x':1},'strict':true}}" },
        /* Calls made at once are said one after the other. */
        { "{'model':'m','messages':[{'role':'user','content':'q'},{'role':"
          "'assistant','content':'a','tool_calls':[" CALL(
              "gigachat_x-1", "f",
              "{\\'a\\': \\'\\\\u00e9\\'}") "," CALL("c2", "g",
                                                     "") "]},{'role':'tool','"
                                                         "tool_call_id':'c2','"
                                                         "content':'{\\'t\\':1}"
                                                         "'},"
                                                         "{'role':'tool','tool_"
                                                         "call_id':'gigachat_x-"
                                                         "1','content':"
                                                         "'warm "
                                                         "\\'2\\''},{'role':'"
                                                         "user','content':'go'}"
                                                         "],'tools':[{'type':"
                                                         "'function','function'"
                                                         ":{'name':'f','"
                                                         "description':'d','"
                                                         "parameters':"
                                                         "{'type':'object'}}},{"
                                                         "'type':'function','"
                                                         "function':{'name':'g'"
                                                         "}}]}",
          "{'model':'m','messages':[{'role':'user','content':'q'},{'role':"
          "'assistant','content':'a','function_call':{'name':'f','arguments':"
          "{'a': '\\u00e9'}},'functions_state_id':'x-1'},{'role':'function',"
          "'name':'f','content':'{\\'result\\':\\'warm \\\\\\'2\\\\\\'\\'}'},"
          "{'role':'assistant','content':'','function_call':{'name':'g',"
          "'arguments':{}}},{'role':'function','name':'g','content':"
          "'{\\'t\\':1}'},{'role':'user','content':'go'}],'functions':[{'name':"
          "'f','description':'d','parameters':{'type':'object'}},{'name':'g',"
          "'parameters':{'type':'object','properties':{}}}],'function_call':"
          "'auto'}" },
        { "{'model':'m','messages':[{'role':'user','content':'q'}],'tools':["
          "{'type':'function','function':{'name':'f'}}],'tool_choice':"
          "'required','temperature':0.5,'top_p':0.9,'parallel_tool_calls':"
          "false}",
          "{'model':'m','messages':[{'role':'user','content':'q'}],"
          "'functions':[{'name':'f','parameters':{'type':'object',"
          "'properties':{}}}],'function_call':{'name':'f'},'temperature':0.5,"
          "'top_p':0.9}" },
    };

    (void)state;
    check_golden(CHAT, GIGA, LLMP_STR(""), cases, LLMP_COUNT(cases));
}

static void what_cannot_be_said_is_named(void **state)
{
#define CHATS(more) \
    "{'model':'m','messages':[{'role':'user','content':'q'}]," more "}"
    static const struct {
        const char *in, *param;
        int rc;
    } cases[] = {
        { CHATS("'n':2"), "n", LLMP_E_UNSUPPORTED },
        { CHATS("'seed':1"), "seed", LLMP_E_UNSUPPORTED },
        { CHATS("'stop':'x'"), "stop", LLMP_E_UNSUPPORTED },
        { CHATS("'top_k':1"), "top_k", LLMP_E_UNSUPPORTED },
        { CHATS("'min_p':1"), "min_p", LLMP_E_UNSUPPORTED },
        { CHATS("'logprobs':true"), "logprobs", LLMP_E_UNSUPPORTED },
        { CHATS("'logit_bias':{'1':1}"), "logit_bias", LLMP_E_UNSUPPORTED },
        { CHATS("'presence_penalty':0.1"), "presence_penalty",
          LLMP_E_UNSUPPORTED },
        { CHATS("'frequency_penalty':0.1"), "frequency_penalty",
          LLMP_E_UNSUPPORTED },
        { CHATS("'verbosity':'low'"), "verbosity", LLMP_E_UNSUPPORTED },
        { CHATS("'service_tier':'flex'"), "service_tier", LLMP_E_UNSUPPORTED },
        { CHATS("'store':true"), "store", LLMP_E_UNSUPPORTED },
        { CHATS("'response_format':{'type':'json_object'}"), "response_format",
          LLMP_E_UNSUPPORTED },
        { CHATS("'tool_choice':'required','tools':[{'type':'function',"
                "'function':{'name':'f'}},{'type':'function','function':{"
                "'name':'g'}}]"),
          "tool_choice", LLMP_E_UNSUPPORTED },
        { "{'model':'m','messages':[{'role':'user','content':[{'type':"
          "'image_url','image_url':{'url':'https://x/y.png'}}]}]}",
          "messages[0].content", LLMP_E_UNSUPPORTED },
        { "{'model':'m','messages':[{'role':'user','content':'q'},{'role':"
          "'system','content':'late'}]}",
          "messages[1].role", LLMP_E_UNSUPPORTED },
        { "{'model':'m','messages':[{'role':'user','content':'q'},{'role':"
          "'tool','tool_call_id':'c','content':'r'}]}",
          "messages[1].tool_call_id", LLMP_E_TYPE },
        { "{'model':'m','messages':[{'role':'assistant','tool_calls':[" CALL(
              "c", "f",
              "") "]},{'role':'tool','tool_call_id':'c','content':"
                  "'r'},{'role':'tool','tool_call_id':'c','content':'again'}]}",
          "messages[2].content", LLMP_E_UNSUPPORTED },
    };

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++)
        check_lost(CHAT, GIGA, cases[i].in, cases[i].param, cases[i].rc);
}

static void answers_are_read(void **state)
{
    static const char gigachat[] =
        "{'choices':[{'message':{'content':'','role':'assistant',"
        "'function_call':{'name':'weather','arguments':{'location':"
        "'\\u041c'}},'functions_state_id':'77d3fb14'},'index':0,"
        "'finish_reason':'function_call'}],'created':1700000001,'model':"
        "'GigaChat:1.0','object':'chat.completion','usage':{'prompt_tokens':1,"
        "'completion_tokens':4,'total_tokens':5,'precached_prompt_tokens':37}}";
    static const char chat[] =
        "{'id':'','object':'chat.completion','created':1700000001,'model':"
        "'GigaChat:1.0','choices':[{'index':0,'message':{'role':'assistant',"
        "'content':null,'tool_calls':[{'id':'gigachat_77d3fb14','type':"
        "'function','function':{'name':'weather','arguments':"
        "'{\\'location\\':\\'\\\\u041c\\'}'},'extra_content':{'google':{"
        "'thought_signature':'77d3fb14'}}}]},'logprobs':null,'finish_reason':"
        "'tool_calls'}],'usage':{'prompt_tokens':38,'completion_tokens':4,"
        "'total_tokens':42,'prompt_tokens_details':{'cached_tokens':37},"
        "'completion_tokens_details':{'reasoning_tokens':0}}}";
    static const struct {
        const char *reason, *want;
    } reasons[] = {
        { "stop", "'finish_reason':'stop'" },
        { "length", "'finish_reason':'length'" },
        { "blacklist", "'finish_reason':'content_filter'" },
        { "error", "'finish_reason':'stop'" },
    };
    struct translation t;

    (void)state;
    translation_init(&t);
    assert_int_equal(
        translate_answer(&t, GIGA, CHAT, llmp_str_of(doc(gigachat))), LLMP_OK);
    expect_doc(&t, chat);
    for (size_t i = 0; i < LLMP_COUNT(reasons); i++) {
        char answer[256];

        (void)snprintf(answer, sizeof(answer),
                       "{'choices':[{'message':{'content':'a',"
                       "'reasoning_content':'hm'},'finish_reason':'%s'}]}",
                       reasons[i].reason);
        assert_int_equal(
            translate_answer(&t, GIGA, CHAT, llmp_str_of(doc(answer))),
            LLMP_OK);
        assert_true(llmp_str_find(llmp_buf_str(&t.out),
                                  llmp_str_of(doc(reasons[i].want))) !=
                    SIZE_MAX);
    }
    assert_int_equal(translate_answer(&t, GIGA, CHAT, LLMP_STR("{}")),
                     LLMP_E_TYPE);
    translation_fini(&t);
}

static const char *const events[] = {
    "{\"choices\":[{\"delta\":{\"content\":\"h\\ni\",\"role\":\"assistant\"},"
    "\"index\":0}],\"created\":1700000000,\"model\":\"G\",\"object\":"
    "\"chat.completion\"}",
    "{\"choices\":[{\"delta\":{\"content\":\"\",\"role\":\"assistant\","
    "\"function_call\":{\"name\":\"f\",\"arguments\":{\"a\":\n1}},"
    "\"functions_state_id\":\"s\"},\"index\":0,\"finish_reason\":"
    "\"function_call\"}],\"created\":1700000000,\"model\":\"G\",\"usage\":{"
    "\"prompt_tokens\":2,\"completion_tokens\":3,\"total_tokens\":5}}",
    "[DONE]",
    NULL,
};

#define CHUNK(choice)                                            \
    "data: {'id':'','object':'chat.completion.chunk','created':" \
    "1700000000,'model':'G','choices':[" choice "]}\n\n"
#define DELTA(delta) \
    CHUNK("{'index':0,'delta':{" delta "},'finish_reason':null}")

static void a_stream_becomes_chunks(void **state)
{
    static const char want[] =
        DELTA("'role':'assistant','content':''") DELTA("'content':'h\\ni'")
            DELTA("'tool_calls':[{'index':0,'id':'gigachat_s','type':"
                  "'function','function':{'name':'f','arguments':''}}]")
                DELTA("'tool_calls':[{'index':0,'function':{'arguments':''},'"
                      "extra_content':{'google':{"
                      "'thought_signature':'s'}}}]")
                    DELTA("'tool_calls':[{'index':0,'function':{'arguments':"
                          "'{\\'a\\':\\n1}'}}]")
                        CHUNK("{'index':0,'delta':{},'finish_reason':"
                              "'tool_calls'}") "data: [DONE]\n\n";
    const char *cut[] = { events[0], NULL };
    const char *silent[] = { events[0], events[1], NULL };
    static const char *const failing[] = {
        "{\"status\":500,\"message\":\"Internal Server Error\"}",
        NULL,
    };
    struct translation t;

    (void)state;
    translation_init(&t);
    assert_int_equal(translate_stream(&t, GIGA, CHAT, events, false), LLMP_OK);
    expect_doc(&t, want);
    assert_int_equal(translate_stream(&t, GIGA, CHAT, silent, false), LLMP_OK);
    expect_doc(&t, want);
    assert_int_equal(translate_stream(&t, GIGA, CHAT, cut, false),
                     LLMP_E_SYNTAX);
    /* The exchange writes it: see write_error_event. */
    assert_int_equal(translate_stream(&t, GIGA, CHAT, failing, false), LLMP_OK);
    assert_int_equal(t.out.len, 0);
    translation_fini(&t);
}

static void errors_are_read(void **state)
{
    static const struct {
        const char *body;
        uint16_t status;
        enum llmp_fault fault;
    } cases[] = {
        { "{'status':422,'message':'Invalid params'}", 200,
          LLMP_FAULT_REQUEST },
        { "{'status':429,'message':'Too Many Requests'}", 429,
          LLMP_FAULT_QUOTA },
        { "{'status':402,'message':'Payment Required'}", 402,
          LLMP_FAULT_QUOTA },
        { "{'code':6,'message':'credentials do not match'}", 401,
          LLMP_FAULT_AUTH },
        { "{'status':404,'message':'No such model'}", 404, LLMP_FAULT_MODEL },
        { "{'status':413}", 413, LLMP_FAULT_CONTEXT },
        { "{'status':7}", 500, LLMP_FAULT_TRANSIENT },
    };
    struct translation t;

    (void)state;
    translation_init(&t);
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        const struct llmp_json_value *root;
        struct llmp_provider_error error;

        assert_int_equal(llmp_json_tree(&root, llmp_str_of(doc(cases[i].body)),
                                        0, &t.arena, NULL),
                         LLMP_OK);
        GIGA->read_error(&error, cases[i].status, root);
        assert_int_equal(error.fault, cases[i].fault);
    }
    translation_fini(&t);
}

static void survives_every_allocation_failure(void **state)
{
    static const char request[] =
        "{'model':'m','messages':[{'role':'assistant','tool_calls':[" CALL(
            "c", "f",
            "{\\'a\\':1}") "]},{'role':'tool','tool_call_id':'c',"
                           "'content':'{\\'a\\':1}'},{'role':'assistant','tool_"
                           "calls':[" CALL("d", "f",
                                           "") "]},{'role':'tool','tool_call_"
                                               "id':'d','content':"
                                               "'r'}],'web':1}";
    struct llmp_str in = llmp_str_of(doc(request));

    (void)state;
    for (int n = 0;; n++) {
        struct translation t;
        int rc, stream;

        faulty_heap_arm(n);
        translation_init(&t);
        t.wire.drop = true;
        rc = translate_request(&t, CHAT, GIGA, in);
        stream = translate_stream(&t, GIGA, CHAT, events, true);
        translation_fini(&t);
        assert_int_equal(faulty_heap_live(), 0);
        faulty_heap_off();
        if (rc == LLMP_OK && stream == LLMP_OK) {
            assert_true(n > 1);
            return;
        }
        assert_true(rc == LLMP_OK || rc == LLMP_E_NOMEM);
        assert_true(stream == LLMP_OK || stream == LLMP_E_NOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chat_becomes_one_with_functions),
        cmocka_unit_test(what_cannot_be_said_is_named),
        cmocka_unit_test(answers_are_read),
        cmocka_unit_test(a_stream_becomes_chunks),
        cmocka_unit_test(errors_are_read),
        cmocka_unit_test(survives_every_allocation_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
