/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what a client of OpenAI's Responses asks is asked of other vendors
 * alike, and their answers and streams are responses; what cannot be said is
 * named; memory may fail anywhere.
 * Method: golden texts in and out. check_responses.py lets OpenAI's own
 * library read what is written here.
 */
#include "translate.h"

#include "faulty_heap.h"

#define CHAT (&llmp_dialect_openai)
#define ANTH (&llmp_dialect_anthropic)
#define RESP (&llmp_dialect_responses)

static void requests_become_chats(void **state)
{
    static const struct golden_pair cases[] = {
        { "{'model':'m','input':'a\\u0000\\n\\ud800','store':false}",
          "{'model':'m','messages':[{'role':'user','content':"
          "'a\\u0000\\n\\ud800'}]}" },
        { "{'model':'m','input':[{'role':'user','content':'q'},{'type':"
          "'message','role':'developer','content':[{'type':'input_text','text':"
          "'d'}]}],'instructions':'s','max_output_tokens':5,'temperature':0.5,"
          "'top_p':0.9,'top_logprobs':2,'user':'u','metadata':{'a':'b'},"
          "'service_tier':'flex','text':{'format':{'type':'json_schema','name':"
          "'n','schema':{'x':1},'strict':true},'verbosity':'low'},'reasoning':"
          "{'effort':'high','summary':'auto'},'truncation':'disabled',"
          "'background':false,'include':['reasoning.encrypted_content']}",
          "{'model':'m','messages':[{'role':'system','content':'s'},{'role':"
          "'user','content':'q'},{'role':'system','content':'d'}],"
          "'response_format':{'type':'json_schema',"
          "'json_schema':{'name':'n','schema':{'x':1},'strict':true}},"
          "'max_tokens':5,'temperature':0.5,'top_p':0.9,'logprobs':true,"
          "'top_logprobs':2,'reasoning_effort':'high','verbosity':'low','user':"
          "'u','metadata':{'a':'b'},'service_tier':'flex'}" },
        { "{'model':'m','input':[{'type':'message','role':'user','content':["
          "{'type':'input_image','image_url':'data:image/png;base64,AA',"
          "'detail':'low'},{'type':'input_file','filename':'f.pdf',"
          "'file_data':'data:application/pdf;base64,BB'},{'type':"
          "'input_audio','input_audio':{'data':'CC','format':'mp3'}}]}]}",
          "{'model':'m','messages':[{'role':'user','content':[{'type':"
          "'image_url','image_url':{'url':'data:image/png;base64,AA','detail':"
          "'low'}},{'type':'file','file':{'filename':'f.pdf','file_data':"
          "'data:application/pdf;base64,BB'}},{'type':'input_audio',"
          "'input_audio':{'data':'CC','format':'mp3'}}]}]}" },
        /* The public guide's example of function calling, two at once. */
        { "{'model':'m','input':[{'type':'message','role':'user','content':"
          "'q'},{'type':'function_call','id':'fc_1','call_id':'c1','name':"
          "'get_weather','arguments':'{\\'location\\':\\'Paris\\'}'},{'type':"
          "'function_call','call_id':'c2','name':'get_weather','arguments':''},"
          "{'type':'function_call_output','call_id':'c1','output':'14'},"
          "{'type':'function_call_output','call_id':'c2','output':[{'type':"
          "'input_text','text':'15'}]}],'tools':[{'type':'function','name':"
          "'get_weather','description':'d','parameters':{'type':'object'},"
          "'strict':true}],'tool_choice':{'type':'function','name':"
          "'get_weather'},'parallel_tool_calls':true}",
          "{'model':'m','messages':[{'role':'user','content':'q'},{'role':"
          "'assistant','content':null,'tool_calls':[{'id':'c1','type':"
          "'function','function':{'name':'get_weather','arguments':"
          "'{\\'location\\':\\'Paris\\'}'}},{'id':'c2','type':'function',"
          "'function':{'name':'get_weather','arguments':'{}'}}]},{'role':"
          "'tool','tool_call_id':'c1','content':'14'},{'role':'tool',"
          "'tool_call_id':'c2','content':'15'}],'tools':[{'type':'function',"
          "'function':{'name':'get_weather','description':'d','parameters':"
          "{'type':'object'},'strict':true}}],'parallel_tool_calls':true,"
          "'tool_choice':{'type':'function','function':{'name':"
          "'get_weather'}}}" },
    };

    (void)state;
    check_golden(RESP, CHAT, LLMP_STR(""), cases, LLMP_COUNT(cases));
}

/* Thoughts, text and calls of one turn are one message, with their seals. */
static void items_become_turns(void **state)
{
    static const struct golden_pair cases[] = {
        { "{'model':'m','max_output_tokens':9,'input':[{'role':'user',"
          "'content':'q'},{'type':'reasoning','id':'rs_1','summary':[{'type':"
          "'summary_text','text':'t'},{'type':'summary_text','text':'u'}],"
          "'encrypted_content':'S'},{'type':'reasoning','summary':[],"
          "'encrypted_content':'redacted:R'},{'type':'message','role':"
          "'assistant','content':[{'type':'output_text','text':'a',"
          "'annotations':[]},{'type':'refusal','refusal':'no'}]},{'type':"
          "'function_call','call_id':'c','name':'f','arguments':'{}'},{'type':"
          "'function_call_output','call_id':'c','output':'r'},{'type':"
          "'message','role':'assistant','content':'b'},{'type':'message',"
          "'role':'assistant','content':'c'}]}",
          "{'model':'m','max_tokens':9,'messages':[{'role':'user','content':["
          "{'type':'text','text':'q'}]},{'role':'assistant','content':[{'type':"
          "'thinking','thinking':'t\\n\\nu','signature':'S'},{'type':"
          "'redacted_thinking','data':'R'},{'type':'text','text':'a'},{'type':"
          "'text','text':'no'},{'type':'tool_use','id':'c','name':'f','input':"
          "{}}]},{'role':'user','content':[{'type':'tool_result','tool_use_id':"
          "'c','content':[{'type':'text','text':'r'}]}]},{'role':'assistant',"
          "'content':[{'type':'text','text':'b'},{'type':'text','text':'c'}]}"
          "]}" },
    };

    (void)state;
    check_golden(RESP, ANTH, LLMP_STR(""), cases, LLMP_COUNT(cases));
}

static void what_cannot_be_said_is_named(void **state)
{
#define ASKS(more) "{'model':'m','input':'q'," more "}"
    static const struct {
        const char *in, *param;
        int rc;
    } cases[] = {
        { ASKS("'previous_response_id':'r'"), "previous_response_id",
          LLMP_E_UNSUPPORTED },
        { ASKS("'conversation':'c'"), "conversation", LLMP_E_UNSUPPORTED },
        { ASKS("'background':true"), "background", LLMP_E_UNSUPPORTED },
        { ASKS("'prompt':{'id':'p'}"), "prompt", LLMP_E_UNSUPPORTED },
        { ASKS("'truncation':'auto'"), "truncation", LLMP_E_UNSUPPORTED },
        { ASKS("'max_tool_calls':1"), "max_tool_calls", LLMP_E_UNSUPPORTED },
        { ASKS("'tools':[{'type':'web_search'}]"), "tools[0].type",
          LLMP_E_UNSUPPORTED },
        { ASKS("'tool_choice':{'type':'web_search'}"), "tool_choice",
          LLMP_E_UNSUPPORTED },
        { ASKS("'include':['file_search_call.results']"), "include",
          LLMP_E_UNSUPPORTED },
        { ASKS("'reasoning':{'owl':1}"), "reasoning.owl", LLMP_E_UNSUPPORTED },
        { "{'model':'m','input':[{'role':'user','content':'q'},{'type':"
          "'item_reference','id':'x'}]}",
          "input[1].type", LLMP_E_UNSUPPORTED },
        { "{'model':'m','input':[{'role':'user','content':[{'type':"
          "'input_owl'}]}]}",
          "input[0].content[0].type", LLMP_E_UNSUPPORTED },
        { "{'model':'m','input':[{'role':'owl','content':'q'}]}",
          "input[0].role", LLMP_E_TYPE },
        { "{'model':'m','input':[{'type':'function_call','call_id':'c','name':"
          "'f','arguments':'{'}]}",
          "input[0].arguments", LLMP_E_TYPE },
        { "{'model':'m','input':[{'type':'function_call_output','output':'r'}]"
          "}",
          "input[0].call_id", LLMP_E_TYPE },
        { "{'model':'m','input':[{'role':'user','content':[{'type':"
          "'input_image'}]}]}",
          "input[0].content[0].image_url", LLMP_E_TYPE },
        { "{'model':'m','instructions':'s'}", "input", LLMP_E_TYPE },
        { ASKS("'tools':[{'type':'function','name':'f','parameters':'x'}]"),
          "parameters", LLMP_E_TYPE },
    };

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++)
        check_lost(RESP, CHAT, cases[i].in, cases[i].param, cases[i].rc);
}

/* Nobody keeps a response here, unless the client said that it need not be. */
static void what_is_not_kept_is_recorded(void **state)
{
    struct translation t;

    (void)state;
    translation_init(&t);
    assert_int_equal(
        translate_request(&t, RESP, CHAT, llmp_str_of(doc(ASKS("'x':null")))),
        LLMP_OK);
    assert_int_equal(t.wire.lost_count, 1);
    assert_true(llmp_str_eq(t.wire.lost[0], LLMP_STR("store")));
    assert_int_equal(
        translate_request(&t, RESP, CHAT,
                          llmp_str_of(doc(ASKS("'store':false,"
                                               "'prompt_cache_key':'k'")))),
        LLMP_OK);
    assert_int_equal(t.wire.lost_count, 2);
    assert_true(llmp_str_eq(t.wire.lost[1], LLMP_STR("prompt_cache_key")));
    translation_fini(&t);
}

#define HEAD(status, details)                                          \
    "{'id':'msg_1','object':'response','created_at':1700000000,"       \
    "'status':'" status "','error':null,'incomplete_details':" details \
    ",'model':'claude','output':["
#define TAIL(usage)                                                     \
    "],'parallel_tool_calls':true,'previous_response_id':null,'store':" \
    "false,'tool_choice':'auto','tools':[],'metadata':{},'usage':" usage "}"
#define THOUGHT                                                 \
    "{'id':'rs_msg_1_0','type':'reasoning','summary':[{'type':" \
    "'summary_text','text':'hm'}],'encrypted_content':'S'}"
#define TEXT_PART(text) \
    "{'type':'output_text','text':'" text "','annotations':[],'logprobs':[]}"
#define TEXT                                                            \
    "{'id':'msg_msg_1_1','type':'message','status':'completed','role':" \
    "'assistant','content':[" TEXT_PART("h\\ni") "]}"
#define CALL                                                          \
    "{'id':'fc_msg_1_2','type':'function_call','status':'completed'," \
    "'arguments':'{\\'a\\':\\'\\\\u00e9\\'}','call_id':'t1','name':'f'}"
#define USAGE                                                           \
    "{'input_tokens':10,'input_tokens_details':{'cached_tokens':1},"    \
    "'output_tokens':7,'output_tokens_details':{'reasoning_tokens':0}," \
    "'total_tokens':17}"

static void answers_become_responses(void **state)
{
    static const char messages[] =
        "{'id':'msg_1','type':'message','role':'assistant','model':'claude',"
        "'content':[{'type':'thinking','thinking':'hm','signature':'S'},"
        "{'type':'text','text':'h\\ni'},{'type':'tool_use','id':'t1','name':"
        "'f','input':{'a':'\\u00e9'}}],'stop_reason':'tool_use','usage':{"
        "'input_tokens':9,'cache_read_input_tokens':1,'output_tokens':7}}";
    struct translation t;

    (void)state;
    translation_init(&t);
    assert_int_equal(
        translate_answer(&t, ANTH, RESP, llmp_str_of(doc(messages))), LLMP_OK);
    expect_doc(&t,
               HEAD("completed", "null") THOUGHT "," TEXT "," CALL TAIL(USAGE));

    assert_int_equal(
        translate_answer(
            &t, ANTH, RESP,
            llmp_str_of(doc("{'id':'msg_1','model':'claude','content':[{'type':"
                            "'redacted_thinking','data':'R'}],'stop_reason':"
                            "'max_tokens'}"))),
        LLMP_OK);
    expect_doc(
        &t, HEAD("incomplete",
                 "{'reason':'max_output_tokens'}") "{'id':'rs_msg_1_0','type':'"
                                                   "reasoning','summary':[],"
                                                   "'encrypted_content':'"
                                                   "redacted:R'}" TAIL("null"));
    translation_fini(&t);
}

static const char *const events[] = {
    "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":"
    "\"claude\",\"usage\":{\"input_tokens\":9,\"cache_read_input_tokens\":1,"
    "\"output_tokens\":1}}}",
    "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":"
    "\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}",
    "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
    "\"thinking_delta\",\"thinking\":\"hm\"}}",
    "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
    "\"signature_delta\",\"signature\":\"S\"}}",
    "{\"type\":\"content_block_stop\",\"index\":0}",
    "{\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":"
    "\"text\",\"text\":\"\"}}",
    "{\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":"
    "\"text_delta\",\"text\":\"h\"}}",
    "{\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":"
    "\"text_delta\",\"text\":\"\\ni\"}}",
    "{\"type\":\"content_block_stop\",\"index\":1}",
    "{\"type\":\"content_block_start\",\"index\":2,\"content_block\":{\"type\":"
    "\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{}}}",
    "{\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":"
    "\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":\"}}",
    "{\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":"
    "\"input_json_delta\",\"partial_json\":\"\\\"\\\\u00e9\\\"}\"}}",
    "{\"type\":\"content_block_stop\",\"index\":2}",
    "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\","
    "\"stop_sequence\":null},\"usage\":{\"output_tokens\":7}}",
    "{\"type\":\"message_stop\"}",
    NULL,
};

#define EVENT(type, number, more)                                  \
    "event: response." type "\ndata: {'type':'response." type "'," \
    "'sequence_number':" number "," more "}\n\n"
#define OF(id, index) "'item_id':'" id "','output_index':" index

static void a_stream_of_messages_becomes_events(void **state)
{
    static const char *const want[] = {
        EVENT("created", "0",
              "'response':" HEAD("in_progress", "null") TAIL("null")),
        EVENT("in_progress", "1",
              "'response':" HEAD("in_progress", "null") TAIL("null")),
        EVENT("output_item.added", "2",
              "'output_index':0,'item':{'id':'rs_msg_1_0','type':'reasoning',"
              "'summary':[]}"),
        EVENT("reasoning_summary_part.added", "3",
              OF("rs_msg_1_0", "0") ",'summary_index':0,'part':{'type':"
                                    "'summary_text','text':''}"),
        EVENT("reasoning_summary_text.delta", "4",
              OF("rs_msg_1_0", "0") ",'summary_index':0,'delta':'hm'"),
        EVENT("reasoning_summary_text.done", "5",
              OF("rs_msg_1_0", "0") ",'summary_index':0,'text':'hm'"),
        EVENT("reasoning_summary_part.done", "6",
              OF("rs_msg_1_0", "0") ",'summary_index':0,'part':{'type':"
                                    "'summary_text','text':'hm'}"),
        EVENT("output_item.done", "7", "'output_index':0,'item':" THOUGHT),
        EVENT("output_item.added", "8",
              "'output_index':1,'item':{'id':'msg_msg_1_1','type':'message',"
              "'status':'in_progress','role':'assistant','content':[]}"),
        EVENT(
            "content_part.added", "9",
            OF("msg_msg_1_1", "1") ",'content_index':0,'part':" TEXT_PART("")),
        EVENT("output_text.delta", "10",
              OF("msg_msg_1_1", "1") ",'content_index':0,'delta':'h',"
                                     "'logprobs':[]"),
        EVENT("output_text.delta", "11",
              OF("msg_msg_1_1", "1") ",'content_index':0,'delta':'\\ni',"
                                     "'logprobs':[]"),
        EVENT("output_text.done", "12",
              OF("msg_msg_1_1", "1") ",'content_index':0,'text':'h\\ni',"
                                     "'logprobs':[]"),
        EVENT("content_part.done", "13",
              OF("msg_msg_1_1",
                 "1") ",'content_index':0,'part':" TEXT_PART("h\\ni")),
        EVENT("output_item.done", "14", "'output_index':1,'item':" TEXT),
        EVENT("output_item.added", "15",
              "'output_index':2,'item':{'id':'fc_msg_1_2','type':"
              "'function_call','status':'in_progress','arguments':'',"
              "'call_id':'t1','name':'f'}"),
        EVENT("function_call_arguments.delta", "16",
              OF("fc_msg_1_2", "2") ",'delta':'{\\'a\\':'"),
        EVENT("function_call_arguments.delta", "17",
              OF("fc_msg_1_2", "2") ",'delta':'\\'\\\\u00e9\\'}'"),
        EVENT("function_call_arguments.done", "18",
              OF("fc_msg_1_2", "2") ",'arguments':'{\\'a\\':\\'\\\\u00e9\\'}'"),
        EVENT("output_item.done", "19", "'output_index':2,'item':" CALL),
        EVENT("completed", "20",
              "'response':" HEAD("completed", "null") THOUGHT
              "," TEXT "," CALL TAIL(USAGE)),
    };
    struct translation t;
    size_t at = 0;

    (void)state;
    translation_init(&t);
    assert_int_equal(translate_stream(&t, ANTH, RESP, events, true), LLMP_OK);
    for (size_t i = 0; i < LLMP_COUNT(want); i++) {
        struct llmp_str expected = llmp_str_of(doc(want[i]));
        struct llmp_str rest = { t.out.ptr + at, t.out.len - at };

        if (!llmp_str_starts(rest, expected))
            fail_msg("event %zu: got\n%.*s\nwanted\n%s", i, (int)rest.len,
                     rest.ptr, expected.ptr);
        at += expected.len;
    }
    assert_int_equal(at, t.out.len);
    translation_fini(&t);
}

static bool has(const struct translation *t, const char *needle)
{
    return llmp_str_find(llmp_buf_str(&t->out), llmp_str_of(doc(needle))) !=
           SIZE_MAX;
}

static void odd_streams_end_as_they_should(void **state)
{
    static const char *const refused[] = {
        "{\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{"
        "\"refusal\":\"no\"}}]}",
        "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":"
        "\"content_filter\"}]}",
        "[DONE]",
        NULL,
    };
    static const char *const failing[] = {
        "{\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{"
        "\"content\":\"a\"}}]}",
        "{\"error\":{\"message\":\"secret\"}}",
        NULL,
    };
    static const char *const counted[] = {
        "{\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{"
        "\"content\":\"a\"},\"logprobs\":{\"content\":[{\"token\":\"a\"}]}},"
        "{\"index\":1,\"delta\":{\"content\":\"b\"}}]}",
        "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":"
        "\"length\"}]}",
        NULL,
    };
    struct translation t;

    (void)state;
    translation_init(&t);
    assert_int_equal(translate_stream(&t, CHAT, RESP, refused, true), LLMP_OK);
    assert_true(has(&t, "'type':'response.refusal.done'"));
    assert_true(has(&t, "'part':{'type':'refusal','refusal':'no'}"));
    assert_true(has(&t, "'incomplete_details':{'reason':'content_filter'}"));
    assert_int_equal(translate_stream(&t, CHAT, RESP, failing, true), LLMP_OK);
    assert_true(has(&t, "event: response.failed\n"));
    assert_false(has(&t, "secret")); /* the exchange says what it was */
    assert_int_equal(translate_stream(&t, CHAT, RESP, counted, true), LLMP_OK);
    assert_true(has(&t, "'delta':'','logprobs':[{'token':'a'}]"));
    assert_true(has(&t, "'reason':'max_output_tokens'"));
    assert_false(has(&t, "'b'")); /* of the second choice */
    translation_fini(&t);
}

/* What is kept for the last event has an end. */
static void a_stream_too_long_to_repeat_is_an_error(void **state)
{
    char text[3000];
    const char *long_one[32] = { events[0] };
    struct translation t;

    (void)state;
    (void)snprintf(text, sizeof(text),
                   "{\"type\":\"content_block_delta\",\"delta\":{\"type\":"
                   "\"text_delta\",\"text\":\"%0*d\"}}",
                   2000, 7);
    translation_init(&t);
    long_one[1] = events[5];
    long_one[2] = long_one[3] = long_one[4] = text;
    assert_int_equal(translate_stream(&t, ANTH, RESP, long_one, true),
                     LLMP_E_LIMIT);
    for (size_t i = 0; i < 10; i++) { /* each fits, all of them do not */
        long_one[1 + 3 * i] = events[5];
        long_one[2 + 3 * i] = text;
        long_one[3 + 3 * i] = events[8];
    }
    assert_int_equal(translate_stream(&t, ANTH, RESP, long_one, true),
                     LLMP_E_LIMIT);
    translation_fini(&t);
}

static void errors_are_written(void **state)
{
    struct llmp_wire_error error = { .status = 429,
                                     .type = "rate_limit_error",
                                     .message = LLMP_STR("slow\"") };
    struct translation t;

    (void)state;
    translation_init(&t);
    assert_true(RESP->write_error_event(&t.out, &error));
    expect_doc(&t, "event: error\ndata: {'type':'error','sequence_number':0,"
                   "'code':'rate_limit_error','message':'slow\\'','param':null"
                   "}\n\n");
    t.out.len = 0;
    error.code = "c";
    assert_true(RESP->write_error(&t.out, &error));
    assert_true(has(&t, "'error':{"));
    assert_true(has(&t, "'code':'c'"));
    translation_fini(&t);
}

static void survives_every_allocation_failure(void **state)
{
    static const char request[] =
        "{'model':'m','instructions':'s','input':[{'role':'user','content':["
        "{'type':'input_audio','input_audio':{'data':'C','format':'mp3'}}]},"
        "{'type':'reasoning','summary':[{'text':'a'},{'text':'b'}]},{'type':"
        "'function_call','call_id':'c','name':'f','arguments':'{\\'a\\':1}'},"
        "{'type':'function_call_output','call_id':'c','output':'r'}],'tools':["
        "{'type':'function','name':'f'}],'x':1}";
    struct llmp_str in = llmp_str_of(doc(request));

    (void)state;
    for (int n = 0;; n++) {
        struct translation t;
        int rc, stream;

        faulty_heap_arm(n);
        translation_init(&t);
        t.wire.drop = true;
        rc = translate_request(&t, RESP, CHAT, in);
        stream = translate_stream(&t, ANTH, RESP, events, true);
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
        cmocka_unit_test(requests_become_chats),
        cmocka_unit_test(items_become_turns),
        cmocka_unit_test(what_cannot_be_said_is_named),
        cmocka_unit_test(what_is_not_kept_is_recorded),
        cmocka_unit_test(answers_become_responses),
        cmocka_unit_test(a_stream_of_messages_becomes_events),
        cmocka_unit_test(odd_streams_end_as_they_should),
        cmocka_unit_test(a_stream_too_long_to_repeat_is_an_error),
        cmocka_unit_test(errors_are_written),
        cmocka_unit_test(survives_every_allocation_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
