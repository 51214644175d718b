/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what other dialects ask is asked of Bedrock's Converse alike, and its
 * answers and streams come back the same; what cannot be said is named;
 * memory may fail anywhere.
 * Method: golden texts in and out. check_sdks.py holds what is written here
 * against AWS's own description of the service.
 */
#include "translate.h"

#include "faulty_heap.h"
#include "wire/bedrock.h"

#define CHAT   (&llmp_dialect_openai)
#define ANTH   (&llmp_dialect_anthropic)
#define AWS    (&llmp_dialect_bedrock)
#define CLAUDE "anthropic.claude-sonnet-4-20250514-v1:0"

static void a_chat_becomes_converse(void **state)
{
    static const struct golden_pair cases[] = {
        { "{'model':'m','messages':[{'role':'user','content':"
          "'a\\u0000\\n\\ud800'}],'stream':true}",
          "{'messages':[{'role':'user','content':[{'text':"
          "'a\\u0000\\n\\ud800'}]}]}" },
        { "{'model':'m','messages':[{'role':'system','content':[{'type':'text',"
          "'text':'s','cache_control':{'type':'ephemeral','ttl':'1h'}}]},"
          "{'role':'user','content':'q'},{'role':'user','content':'r'}],"
          "'max_tokens':5,'temperature':0.5,'top_p':0.9,'stop':['x'],"
          "'service_tier':'priority','response_format':{'type':'json_schema',"
          "'json_schema':{'name':'n','schema':{'a':'b'}}}}",
          "{'system':[{'text':'s'},{'cachePoint':{'type':'default','ttl':'1h'}}"
          "],'messages':[{'role':'user','content':[{'text':'q'},{'text':'r'}]}]"
          ",'inferenceConfig':{'maxTokens':5,'temperature':0.5,'topP':0.9,"
          "'stopSequences':['x']},'outputConfig':{'textFormat':{'type':"
          "'json_schema','structure':{'jsonSchema':{'schema':"
          "'{\\'a\\':\\'b\\'}','name':'n'}}}},'serviceTier':{'type':"
          "'priority'}}" },
        { "{'model':'m','messages':[{'role':'user','content':'q'},{'role':"
          "'assistant','content':null,'tool_calls':[{'id':'c1','type':"
          "'function','function':{'name':'f','arguments':"
          "'{\\'a\\': \\'\\\\u00e9\\'}'}},{'id':'c2','type':'function',"
          "'function':{'name':'g','arguments':''}}]},{'role':'tool',"
          "'tool_call_id':'c1','content':'r1'},{'role':'tool','tool_call_id':"
          "'c2','content':''},{'role':'user','content':'go'}],'tools':["
          "{'type':'function','function':{'name':'f','description':'d',"
          "'parameters':{'type':'object'},'strict':true}}],'tool_choice':"
          "'required'}",
          "{'messages':[{'role':'user','content':[{'text':'q'}]},{'role':"
          "'assistant','content':[{'toolUse':{'toolUseId':'c1','name':'f',"
          "'input':{'a': '\\u00e9'}}},{'toolUse':{'toolUseId':'c2','name':'g',"
          "'input':{}}}]},{'role':'user','content':[{'toolResult':{'toolUseId':"
          "'c1','content':[{'text':'r1'}]}},{'toolResult':{'toolUseId':'c2',"
          "'content':[]}},{'text':'go'}]}],'toolConfig':{'tools':[{'toolSpec':"
          "{'name':'f','description':'d','inputSchema':{'json':{'type':"
          "'object'}},'strict':true}}],'toolChoice':{'any':{}}}}" },
        /* Without tools nobody can call one. */
        { "{'model':'m','messages':[{'role':'user','content':'q'}],'tools':["
          "{'type':'function','function':{'name':'f'}}],'tool_choice':'none'}",
          "{'messages':[{'role':'user','content':[{'text':'q'}]}]}" },
        { "{'model':'m','messages':[{'role':'user','content':["
          "{'type':'image_url','image_url':{'url':'data:image/jpeg;base64,AA'}"
          "},{'type':'image_url','image_url':{'url':'s3://b/k'}},"
          "{'type':'input_audio','input_audio':{'data':'BB','format':'mp3'}},"
          "{'type':'file','file':{'filename':"
          "'Jahres_bericht \\u00fc  (2024).pdf','file_data':"
          "'data:application/pdf;base64,CC'}},{'type':'file','file':{'filename'"
          ":'\\u00fc','file_data':'data:text/csv;base64,DD'}}]}]}",
          "{'messages':[{'role':'user','content':[{'image':{'format':'jpeg',"
          "'source':{'bytes':'AA'}}},{'image':{'format':'png','source':"
          "{'s3Location':{'uri':'s3://b/k'}}}},{'audio':{'format':'mp3',"
          "'source':{'bytes':'BB'}}},{'document':{'format':'pdf','name':"
          "'Jahres bericht (2024) pdf','source':{'bytes':'CC'}}},"
          "{'document':{'format':'csv','name':'document 2','source':{'bytes':"
          "'DD'}}}]}]}" },
        { "{'model':'" CLAUDE "','max_tokens':9000,'top_k':5,"
          "'reasoning_effort':'medium','messages':[{'role':'user','content':"
          "'q'}]}",
          "{'messages':[{'role':'user','content':[{'text':'q'}]}],"
          "'inferenceConfig':{'maxTokens':9000},'additionalModelRequestFields':"
          "{'top_k':5,'thinking':{'type':'enabled','budget_tokens':4096}}}" },
        { "{'model':'us.amazon.nova-pro-v1:0','top_k':5,'messages':[{'role':"
          "'user','content':'q'}]}",
          "{'messages':[{'role':'user','content':[{'text':'q'}]}],"
          "'additionalModelRequestFields':{'inferenceConfig':{'topK':5}}}" },
    };

    (void)state;
    check_golden(CHAT, AWS, LLMP_STR(""), cases, LLMP_COUNT(cases));
}

static void messages_become_converse(void **state)
{
    static const struct golden_pair cases[] = {
        { "{'model':'" CLAUDE "','max_tokens':3000,'messages':[{'role':"
          "'assistant','content':[{'type':'thinking','thinking':'t',"
          "'signature':'S'},{'type':'redacted_thinking','data':'R'},{'type':"
          "'text','text':'a'},{'type':'tool_use','id':'c','name':'f','input':{}"
          "}]},{'role':'user','content':[{'type':'tool_result','tool_use_id':"
          "'c','is_error':true,'content':[{'type':'text','text':'no'},{'type':"
          "'image','source':{'type':'base64','media_type':'image/png','data':"
          "'AA'}}]},{'type':'document','title':'a b','citations':{'enabled':"
          "true},'source':{'type':'text','media_type':'text/plain','data':"
          "'plain'},'cache_control':{'type':'ephemeral'}}]}],'thinking':"
          "{'type':'enabled','budget_tokens':5000},'tools':[{'name':'f',"
          "'input_schema':{'x':1},'cache_control':{'type':'ephemeral'}}],"
          "'tool_choice':{'type':'tool','name':'f'}}",
          "{'messages':[{'role':'assistant','content':[{'reasoningContent':"
          "{'reasoningText':{'text':'t','signature':'S'}}},"
          "{'reasoningContent':{'redactedContent':'R'}},{'text':'a'},"
          "{'toolUse':{'toolUseId':'c','name':'f','input':{}}}]},{'role':"
          "'user','content':[{'toolResult':{'toolUseId':'c','content':[{'text':"
          "'no'},{'image':{'format':'png','source':{'bytes':'AA'}}}],'status':"
          "'error'}},{'document':{'format':'txt','name':'a b','source':{'text':"
          "'plain'},'citations':{'enabled':true}}},{'cachePoint':{'type':"
          "'default'}}]}],'toolConfig':{'tools':[{'toolSpec':{'name':'f',"
          "'inputSchema':{'json':{'x':1}}}},{'cachePoint':{'type':'default'}}],"
          "'toolChoice':{'tool':{'name':'f'}}},'inferenceConfig':{'maxTokens':"
          "3000},'additionalModelRequestFields':{'thinking':{'type':'enabled',"
          "'budget_tokens':1500}}}" },
    };

    (void)state;
    check_golden(ANTH, AWS, LLMP_STR(""), cases, LLMP_COUNT(cases));
}

static void what_cannot_be_said_is_named(void **state)
{
#define CHATS(more) \
    "{'model':'m','messages':[{'role':'user','content':'q'}]," more "}"
    static const struct {
        const char *in, *param;
    } cases[] = {
        { CHATS("'n':2"), "n" },
        { CHATS("'seed':1"), "seed" },
        { CHATS("'temperature':1.5"), "temperature" },
        { CHATS("'top_k':1"), "top_k" },
        { CHATS("'min_p':1"), "min_p" },
        { CHATS("'logprobs':true"), "logprobs" },
        { CHATS("'logit_bias':{'1':1}"), "logit_bias" },
        { CHATS("'presence_penalty':0.1"), "presence_penalty" },
        { CHATS("'frequency_penalty':0.1"), "frequency_penalty" },
        { CHATS("'verbosity':'low'"), "verbosity" },
        { CHATS("'service_tier':'scale'"), "service_tier" },
        { CHATS("'reasoning_effort':'low'"), "reasoning_effort" },
        { CHATS("'response_format':{'type':'json_object'}"),
          "response_format" },
        { CHATS("'store':true"), "store" },
        { CHATS("'parallel_tool_calls':false,'tools':[{'type':'function',"
                "'function':{'name':'f'}}]"),
          "parallel_tool_calls" },
        { "{'model':'" CLAUDE "','max_tokens':100,'reasoning_effort':'low',"
          "'messages':[{'role':'user','content':'q'}]}",
          "reasoning_effort" },
        { "{'model':'m','messages':[{'role':'user','content':[{'type':"
          "'image_url','image_url':{'url':'https://x/y.png'}}]}]}",
          "messages[0].content" },
        { "{'model':'m','messages':[{'role':'user','content':[{'type':'file',"
          "'file':{'file_data':'data:application/zip;base64,AA'}}]}]}",
          "messages[0].content" },
        { "{'model':'m','messages':[{'role':'user','content':'q'},{'role':"
          "'developer','content':'late'}]}",
          "messages[1].role" },
        { "{'model':'m','messages':[{'role':'assistant','tool_calls':[{'id':"
          "'c','function':{'name':'f','arguments':''}}]}],'tools':[{'type':"
          "'function','function':{'name':'f'}}],'tool_choice':'none'}",
          "tool_choice" },
    };

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++)
        check_lost(CHAT, AWS, cases[i].in, cases[i].param, LLMP_E_UNSUPPORTED);
}

static void answers_are_read(void **state)
{
    static const char converse[] =
        "{'metrics':{'latencyMs':5},'output':{'message':{'role':'assistant',"
        "'content':[{'reasoningContent':{'reasoningText':{'text':'hm',"
        "'signature':'S'}}},{'citationsContent':{'content':[{'text':'h'}],"
        "'citations':[]}},{'text':'i'},{'toolUse':{'toolUseId':'t1','name':'f',"
        "'input':{'a':[1,'\\u00e9']}}}]}},'stopReason':'tool_use','usage':{"
        "'inputTokens':10,'outputTokens':7,'totalTokens':107,"
        "'cacheReadInputTokens':85,'cacheWriteInputTokens':5}}";
    static const char messages[] =
        "{'id':'','type':'message','role':'assistant','model':'','content':["
        "{'type':'thinking','thinking':'hm','signature':'S'},{'type':'text',"
        "'text':'h'},{'type':'text','text':'i'},{'type':'tool_use','id':'t1',"
        "'name':'f','input':{'a':[1,'\\u00e9']}}],'stop_reason':'tool_use',"
        "'stop_sequence':null,'usage':{'input_tokens':10,"
        "'cache_creation_input_tokens':5,'cache_read_input_tokens':85,"
        "'output_tokens':7}}";
    struct translation t;

    (void)state;
    translation_init(&t);
    assert_int_equal(
        translate_answer(&t, AWS, ANTH, llmp_str_of(doc(converse))), LLMP_OK);
    expect_doc(&t, messages);
    assert_int_equal(
        translate_answer(&t, AWS, ANTH, LLMP_STR("{\"output\":{}}")),
        LLMP_E_TYPE);
    assert_string_equal(t.wire.param, "output.message.content");
    translation_fini(&t);
}

static const char *const events[] = {
    "messageStart {\"role\":\"assistant\",\"p\":\"ab\"}",
    "contentBlockDelta {\"contentBlockIndex\":0,\"delta\":{"
    "\"reasoningContent\":{\"text\":\"hm\"}}}",
    "contentBlockDelta {\"contentBlockIndex\":0,\"delta\":{"
    "\"reasoningContent\":{\"signature\":\"S\"}}}",
    "contentBlockStop {\"contentBlockIndex\":0}",
    "contentBlockDelta {\"contentBlockIndex\":1,\"delta\":{\"text\":"
    "\"h\\ni\"}}",
    "contentBlockStop {\"contentBlockIndex\":1}",
    "contentBlockStart {\"contentBlockIndex\":2,\"start\":{\"toolUse\":{"
    "\"toolUseId\":\"t1\",\"name\":\"f\"}}}",
    "contentBlockDelta {\"contentBlockIndex\":2,\"delta\":{\"toolUse\":{"
    "\"input\":\"{\\\"a\\\":\"}}}",
    "contentBlockDelta {\"contentBlockIndex\":2,\"delta\":{\"toolUse\":{"
    "\"input\":\"1}\"}}}",
    "contentBlockStop {\"contentBlockIndex\":2}",
    "messageStop {\"stopReason\":\"tool_use\"}",
    "metadata {\"usage\":{\"inputTokens\":9,\"outputTokens\":7,"
    "\"totalTokens\":17,\"cacheReadInputTokens\":1},\"metrics\":{"
    "\"latencyMs\":1}}",
    NULL,
};

#define EVENT(type, more) \
    "event: " type "\ndata: {'type':'" type "'" more "}\n\n"
#define BLOCK(type, index, more) \
    EVENT("content_block_" type, ",'index':" index more)

static void a_stream_becomes_messages(void **state)
{
    static const char want[] = EVENT(
        "message_start",
        ",'message':{'id':'','type':'message','role':'assistant','model':'',"
        "'content':[],'stop_reason':null,'stop_sequence':null,'usage':{"
        "'input_tokens':0,'cache_creation_input_tokens':0,"
        "'cache_read_input_tokens':0,'output_tokens':0}}")
        BLOCK("start", "0",
              ",'content_block':{'type':'thinking','thinking':'','signature':"
              "''}") BLOCK("delta", "0",
                           ",'delta':{'type':'thinking_delta','thinking':'hm'}")
            BLOCK("delta", "0",
                  ",'delta':{'type':'signature_delta','signature':'S'}")
                BLOCK("stop", "0", "") BLOCK(
                    "start", "1", ",'content_block':{'type':'text','text':''}")
                    BLOCK("delta", "1",
                          ",'delta':{'type':'text_delta','text':"
                          "'h\\ni'}") BLOCK("stop", "1", "")
                        BLOCK("start", "2",
                              ",'content_block':{'type':'tool_use',"
                              "'id':'t1','name':'f','input':{}}")
                            BLOCK("delta", "2",
                                  ",'delta':{'type':"
                                  "'input_json_delta','partial_json':"
                                  "'{\\'a\\':'}") BLOCK("delta", "2",
                                                        ",'delta':{'type':"
                                                        "'input_json_delta',"
                                                        "'partial_json':'1}'}")
                                BLOCK("stop", "2", "")
                                    EVENT("message_delta",
                                          ",'delta':{'stop_reason':'tool_use','"
                                          "stop_sequence':null},"
                                          "'usage':{'input_tokens':9,'cache_"
                                          "creation_input_tokens':0,"
                                          "'cache_read_input_tokens':1,'output_"
                                          "tokens':7}")
                                        EVENT("message_stop", "");
    const char *early[LLMP_COUNT(events)];
    struct translation t;

    (void)state;
    translation_init(&t);
    assert_int_equal(translate_stream(&t, AWS, ANTH, events, true), LLMP_OK);
    expect_doc(&t, want);

    /* Counts may be missing; the reason to stop may not. */
    memcpy(early, events, sizeof(events));
    early[11] = NULL;
    assert_int_equal(translate_stream(&t, AWS, ANTH, early, true), LLMP_OK);
    early[10] = NULL;
    assert_int_equal(translate_stream(&t, AWS, ANTH, early, true),
                     LLMP_E_SYNTAX);
    translation_fini(&t);
}

struct seen {
    struct llmp_provider_error error;
    int errors, others;
};

static int see(const struct llmp_event *event, void *ctx)
{
    struct seen *seen = ctx;

    if (event->kind == LLMP_EVENT_ERROR) {
        seen->error = event->error;
        seen->errors++;
    } else {
        seen->others++;
    }
    return LLMP_OK;
}

static void exceptions_end_a_stream(void **state)
{
    static const struct {
        const char *name;
        enum llmp_fault fault;
    } cases[] = {
        { "throttlingException", LLMP_FAULT_QUOTA },
        { "modelStreamErrorException", LLMP_FAULT_TRANSIENT },
        { "internalServerException", LLMP_FAULT_TRANSIENT },
        { "serviceUnavailableException", LLMP_FAULT_TRANSIENT },
        { "validationException", LLMP_FAULT_REQUEST },
    };
    const struct llmp_json_value *root;
    struct translation t;

    (void)state;
    translation_init(&t);
    assert_int_equal(llmp_json_tree(&root, LLMP_STR("{\"message\":\"m\"}"), 0,
                                    &t.arena, NULL),
                     LLMP_OK);
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        struct llmp_wire_reader reader = { .started = false };
        struct seen seen = { .errors = 0 };
        struct llmp_event_sink sink = { see, &seen };

        assert_int_equal(
            AWS->read_event(&reader, llmp_str_of(cases[i].name), root, &sink),
            LLMP_OK);
        assert_int_equal(seen.errors, 1);
        assert_int_equal(seen.others, 0);
        assert_int_equal(seen.error.fault, cases[i].fault);
        assert_true(llmp_str_eq(seen.error.message, LLMP_STR("m")));
        assert_true(reader.ended);
    }
    translation_fini(&t);
}

static void errors_are_read(void **state)
{
    static const struct {
        const char *body, *type;
        uint16_t status;
        enum llmp_fault fault;
    } cases[] = {
        { "{'message':'m','__type':'com.amazon.coral#ThrottlingException'}", "",
          400, LLMP_FAULT_QUOTA },
        { "{'message':'Input is too long for requested model.'}",
          "ValidationException:http://internal/", 400, LLMP_FAULT_CONTEXT },
        { "{'message':'The provided model identifier is invalid.'}",
          "ValidationException", 400, LLMP_FAULT_MODEL },
        { "{'Message':'x'}", "UnrecognizedClientException", 400,
          LLMP_FAULT_AUTH },
        { "{'message':'x'}", "", 403, LLMP_FAULT_AUTH },
        { "{}", "SomethingNew", 424, LLMP_FAULT_REQUEST },
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
        AWS->read_error(&error, cases[i].status, root);
        llmp_bedrock_name_error(&error, llmp_str_of(cases[i].type));
        assert_int_equal(error.fault, cases[i].fault);
    }
    translation_fini(&t);
}

static void survives_every_allocation_failure(void **state)
{
    static const char request[] =
        "{'model':'m','messages':[{'role':'user','content':[{'type':'file',"
        "'file':{'filename':'\\u00fc','file_data':'data:text/csv;base64,DD'}}]}"
        ",{'role':'assistant','tool_calls':[{'id':'c','function':{'name':'f',"
        "'arguments':'{\\'a\\':1}'}}]}],'web':1}";
    struct llmp_str in = llmp_str_of(doc(request));

    (void)state;
    for (int n = 0;; n++) {
        struct translation t;
        int rc, stream;

        faulty_heap_arm(n);
        translation_init(&t);
        t.wire.drop = true;
        rc = translate_request(&t, CHAT, AWS, in);
        stream = translate_stream(&t, AWS, ANTH, events, true);
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
        cmocka_unit_test(a_chat_becomes_converse),
        cmocka_unit_test(messages_become_converse),
        cmocka_unit_test(what_cannot_be_said_is_named),
        cmocka_unit_test(answers_are_read),
        cmocka_unit_test(a_stream_becomes_messages),
        cmocka_unit_test(exceptions_end_a_stream),
        cmocka_unit_test(errors_are_read),
        cmocka_unit_test(survives_every_allocation_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
