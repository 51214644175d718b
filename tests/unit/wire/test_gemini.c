/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what Google's generateContent says and what others say is the same
 * after translation, both ways, whole and streamed; what cannot be said is
 * named; memory may fail anywhere.
 * Method: golden texts in and out, among them the public reference's examples.
 */
#include "translate.h"

#include "faulty_heap.h"
#include "wire/gemini.h"

#define CHAT (&llmp_dialect_openai)
#define ANTH (&llmp_dialect_anthropic)
#define GEM  (&llmp_dialect_gemini)

static void a_chat_becomes_contents(void **state)
{
    static const struct golden_pair cases[] = {
        { "{'model':'m','messages':[{'role':'user','content':"
          "'a\\u0000\\n\\ud800'}]}",
          "{'contents':[{'role':'user','parts':[{'text':"
          "'a\\u0000\\n\\ud800'}]}]}" },
        /* Every number has its place; system texts go first. */
        { "{'model':'m','messages':[{'role':'system','content':'s'},"
          "{'role':'user','content':'q'},{'role':'user','content':'r'}],"
          "'max_tokens':5,'temperature':0.5,'top_p':0.9,'top_k':40,'n':2,"
          "'seed':7,'presence_penalty':0.1,'frequency_penalty':0.2,"
          "'stop':['x','y'],'logprobs':true,'top_logprobs':3,'stream':true,"
          "'response_format':{'type':'json_schema','json_schema':{'name':'n',"
          "'schema':{'type':'object'}}},'reasoning_effort':'low'}",
          "{'systemInstruction':{'parts':[{'text':'s'}]},'contents':["
          "{'role':'user','parts':[{'text':'q'},{'text':'r'}]}],"
          "'generationConfig':{'temperature':0.5,'topP':0.9,'topK':40,"
          "'candidateCount':2,'maxOutputTokens':5,'seed':7,"
          "'presencePenalty':0.1,'frequencyPenalty':0.2,"
          "'responseLogprobs':true,'logprobs':3,'stopSequences':['x','y'],"
          "'responseMimeType':'application/json','responseJsonSchema':"
          "{'type':'object'},'thinkingConfig':{'includeThoughts':true,"
          "'thinkingBudget':1024}}}" },
        /* A result's name is its call's; an object is said as it stands. */
        { "{'model':'m','messages':[{'role':'assistant','content':null,"
          "'tool_calls':[{'id':'c1','type':'function','function':{'name':'f',"
          "'arguments':'{\\'a\\': \\'\\\\u00e9\\\\\\'\\'}'}},{'id':'c2',"
          "'type':'function','function':{'name':'g','arguments':''}}]},"
          "{'role':'tool','tool_call_id':'c2','content':'{\\'t\\':1}'},"
          "{'role':'tool','tool_call_id':'c1','content':'warm'},"
          "{'role':'user','content':'go'}],'tools':[{'type':'function',"
          "'function':{'name':'f','description':'d','parameters':{'type':"
          "'object'}}}],'tool_choice':{'type':'function','function':{'name':"
          "'f'}}}",
          "{'contents':[{'role':'model','parts':[{'functionCall':{'id':'c1',"
          "'name':'f','args':{'a': '\\u00e9\\''}}},{'functionCall':{'id':'c2',"
          "'name':'g','args':{}}}]},{'role':'user','parts':["
          "{'functionResponse':{'id':'c2','name':'g','response':{'t':1}}},"
          "{'functionResponse':{'id':'c1','name':'f','response':{'result':"
          "'warm'}}},{'text':'go'}]}],'tools':[{'functionDeclarations':["
          "{'name':'f','description':'d','parametersJsonSchema':{'type':"
          "'object'}}]}],'toolConfig':{'functionCallingConfig':{'mode':'ANY',"
          "'allowedFunctionNames':['f']}}}" },
        { "{'model':'m','messages':[{'role':'user','content':["
          "{'type':'image_url','image_url':{'url':'data:image/png;base64,AA'}},"
          "{'type':'image_url','image_url':{'url':'https://x/y.png'}},"
          "{'type':'input_audio','input_audio':{'data':'BB','format':'mp3'}},"
          "{'type':'file','file':{'file_data':'data:application/pdf;base64,"
          "CC'}}]}],'response_format':{'type':'json_object'},"
          "'reasoning_effort':'none'}",
          "{'contents':[{'role':'user','parts':[{'inlineData':{'mimeType':"
          "'image/png','data':'AA'}},{'fileData':{'fileUri':"
          "'https://x/y.png'}},{'inlineData':{'mimeType':'audio/mp3','data':"
          "'BB'}},{'inlineData':{'mimeType':'application/pdf','data':'CC'}}"
          "]}],'generationConfig':{'responseMimeType':'application/json',"
          "'thinkingConfig':{'thinkingBudget':0}}}" },
    };

    (void)state;
    check_golden(CHAT, GEM, LLMP_STR(""), cases, LLMP_COUNT(cases));
}

/* Only the first call of a turn needs a seal, and one that has one keeps it;
 * a level is said where a model has levels. */
static void models_from_3_on_get_seals_and_levels(void **state)
{
    static const struct golden_pair cases[] = {
        { "{'model':'gemini-3-pro-preview','reasoning_effort':'xhigh',"
          "'messages':[{'role':'user','content':'q'},{'role':'assistant',"
          "'tool_calls':[{'id':'a','type':'function','function':{'name':'f',"
          "'arguments':'{}'}},{'id':'b','type':'function','function':{'name':"
          "'f','arguments':'{}'}}]},{'role':'tool','tool_call_id':'a',"
          "'content':'1'},{'role':'tool','tool_call_id':'b','content':''},"
          "{'role':'assistant','tool_calls':[{'id':'c','type':'function',"
          "'function':{'name':'f','arguments':'{}'},'extra_content':{'google':"
          "{'thought_signature':'S'}}}]}]}",
          "{'contents':[{'role':'user','parts':[{'text':'q'}]},{'role':'model',"
          "'parts':[{'functionCall':{'id':'a','name':'f','args':{}},"
          "'thoughtSignature':'skip_thought_signature_validator'},"
          "{'functionCall':{'id':'b','name':'f','args':{}}}]},{'role':'user',"
          "'parts':[{'functionResponse':{'id':'a','name':'f','response':"
          "{'result':'1'}}},{'functionResponse':{'id':'b','name':'f',"
          "'response':{'result':''}}}]},{'role':'model','parts':["
          "{'functionCall':{'id':'c','name':'f','args':{}},"
          "'thoughtSignature':'S'}]}],'generationConfig':{'thinkingConfig':"
          "{'includeThoughts':true,'thinkingLevel':'high'}}}" },
        { "{'model':'gemini-2.5-pro','messages':[{'role':'assistant',"
          "'tool_calls':[{'id':'a','type':'function','function':{'name':'f',"
          "'arguments':'{}'}}]}]}",
          "{'contents':[{'role':'model','parts':[{'functionCall':{'id':'a',"
          "'name':'f','args':{}}}]}]}" },
    };
    static const struct golden_pair pictures[] = {
        { "{'model':'gemini-3-pro','max_tokens':1,'messages':[{'role':"
          "'assistant','content':[{'type':'tool_use','id':'a','name':'f',"
          "'input':{}}]},{'role':'user','content':[{'type':'tool_result',"
          "'tool_use_id':'a','is_error':true,'content':[{'type':'text','text':"
          "'{}'},{'type':'image','source':{'type':'base64','media_type':"
          "'image/png','data':'AA'}}]}]}]}",
          "{'contents':[{'role':'model','parts':[{'functionCall':{'id':'a',"
          "'name':'f','args':{}},'thoughtSignature':"
          "'skip_thought_signature_validator'}]},{'role':'user','parts':["
          "{'functionResponse':{'id':'a','name':'f','response':{'error':'{}'},"
          "'parts':[{'inlineData':{'mimeType':'image/png','data':'AA'}}]}}]}],"
          "'generationConfig':{'maxOutputTokens':1}}" },
    };

    (void)state;
    check_golden(CHAT, GEM, LLMP_STR(""), cases, LLMP_COUNT(cases));
    check_golden(ANTH, GEM, LLMP_STR(""), pictures, LLMP_COUNT(pictures));
}

static void contents_become_a_chat(void **state)
{
    static const struct golden_pair cases[] = {
        /* The public reference's example of function calling. */
        { "{'contents':[{'role':'user','parts':[{'text':'Schedule a meeting'}]"
          "}],'tools':[{'functionDeclarations':[{'name':'schedule_meeting',"
          "'description':'Schedules a meeting.','parameters':{'type':'OBJECT',"
          "'properties':{'attendees':{'type':'ARRAY','items':{'type':"
          "'STRING'}},'type':{'type':'STRING','nullable':true,'enum':"
          "['STRING']}},'required':['attendees']}}]}],'tool_config':"
          "{'function_calling_config':{'mode':'ANY','allowed_function_names':"
          "['schedule_meeting']}}}",
          "{'model':'g','messages':[{'role':'user','content':"
          "'Schedule a meeting'}],'tools':[{'type':'function','function':{"
          "'name':'schedule_meeting','description':'Schedules a meeting.',"
          "'parameters':{'type':'object','properties':{'attendees':{'type':"
          "'array','items':{'type':'string'}},'type':{'type':['string','null'],"
          "'enum':['STRING']}},'required':['attendees']}}}],'tool_choice':"
          "{'type':'function','function':{'name':'schedule_meeting'}}}" },
        { "{'system_instruction':{'parts':[{'text':'s'}]},'contents':{'a':1}}",
          NULL },
        { "{'systemInstruction':{'parts':[{'text':'s'}]},'contents':["
          "{'parts':[{'text':'q'},{'inline_data':{'mime_type':'image/png',"
          "'data':'AA'}}]}],'generationConfig':{'maxOutputTokens':5,'topK':3,"
          "'stopSequences':['x'],'responseMimeType':'application/json',"
          "'responseSchema':{'type':'OBJECT','any_of':[{'type':'STRING',"
          "'maxLength':'5'}]},'candidateCount':1,'thinkingConfig':"
          "{'thinkingLevel':'LOW','includeThoughts':true},"
          "'responseModalities':['TEXT']}}",
          "{'model':'g','messages':[{'role':'system','content':'s'},{'role':"
          "'user','content':[{'type':'text','text':'q'},{'type':'image_url',"
          "'image_url':{'url':'data:image/png;base64,AA'}}]}],"
          "'response_format':{'type':'json_schema','json_schema':{'name':"
          "'answer','schema':{'type':'object','anyOf':[{'type':'string',"
          "'maxLength':5}]}}},'max_tokens':5,'n':1,'top_k':3,'stop':['x'],"
          "'reasoning_effort':'low'}" },
        /* Results without ids answer calls of their name, in order. */
        { "{'contents':[{'role':'user','parts':[{'text':'q'}]},{'role':'model',"
          "'parts':[{'functionCall':{'name':'f','args':{'n':1}},"
          "'thoughtSignature':'S'},{'functionCall':{'name':'g'}},"
          "{'functionCall':{'name':'f','args':{'n':2}}}]},{'role':'user',"
          "'parts':[{'functionResponse':{'name':'g','response':{'output':'G'}}"
          "},{'functionResponse':{'name':'f','response':{'error':'F'}}},"
          "{'functionResponse':{'name':'f','response':{'a':'b'}}},"
          "{'text':'go'}]}]}",
          "{'model':'g','messages':[{'role':'user','content':'q'},{'role':"
          "'assistant','content':null,'tool_calls':[{'id':'call_0','type':"
          "'function','function':{'name':'f','arguments':'{\\'n\\':1}'},"
          "'extra_content':{'google':{'thought_signature':'S'}}},{'id':"
          "'call_1','type':'function','function':{'name':'g','arguments':"
          "'{}'}},{'id':'call_2','type':'function','function':{'name':'f',"
          "'arguments':'{\\'n\\':2}'}}]},{'role':'tool','tool_call_id':"
          "'call_1','content':'G'},{'role':'tool','tool_call_id':'call_0',"
          "'content':'F'},{'role':'tool','tool_call_id':'call_2','content':"
          "'{\\'a\\':\\'b\\'}'},{'role':'user','content':'go'}]}" },
    };

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++)
        if (cases[i].out)
            check_golden(GEM, CHAT, LLMP_STR("g"), &cases[i], 1);
        else
            check_lost(GEM, CHAT, cases[i].in, "contents", LLMP_E_TYPE);
}

static void what_cannot_be_said_is_named(void **state)
{
#define ASKS(more) "{'contents':[{'parts':[{'text':'q'}]}]," more "}"
#define CHATS(more) \
    "{'model':'m','messages':[{'role':'user','content':'q'}]," more "}"
    static const struct {
        const struct llmp_dialect *from, *to;
        const char *in, *param;
        int rc;
    } cases[] = {
        { CHAT, GEM, CHATS("'min_p':0.1"), "min_p", LLMP_E_UNSUPPORTED },
        { CHAT, GEM, CHATS("'logit_bias':{'1':2}"), "logit_bias",
          LLMP_E_UNSUPPORTED },
        { CHAT, GEM, CHATS("'verbosity':'low'"), "verbosity",
          LLMP_E_UNSUPPORTED },
        { CHAT, GEM, CHATS("'service_tier':'flex'"), "service_tier",
          LLMP_E_UNSUPPORTED },
        { CHAT, GEM,
          CHATS("'parallel_tool_calls':false,'tools':[{'type':'function',"
                "'function':{'name':'f'}}]"),
          "parallel_tool_calls", LLMP_E_UNSUPPORTED },
        { CHAT, GEM,
          "{'model':'m','messages':[{'role':'user','content':'q'},{'role':"
          "'system','content':'late'}]}",
          "messages[1].role", LLMP_E_UNSUPPORTED },
        { CHAT, GEM,
          "{'model':'m','messages':[{'role':'user','content':[{'type':'file',"
          "'file':{'file_id':'file-1'}}]}]}",
          "messages[0].content.source", LLMP_E_UNSUPPORTED },
        { CHAT, GEM,
          "{'model':'m','messages':[{'role':'tool','tool_call_id':'x',"
          "'content':'r'}]}",
          "messages[0].tool_call_id", LLMP_E_TYPE },
        { GEM, CHAT, ASKS("'cachedContent':'c'"), "cachedContent",
          LLMP_E_UNSUPPORTED },
        { GEM, CHAT, ASKS("'labels':{'a':'b'}"), "labels", LLMP_E_UNSUPPORTED },
        { GEM, CHAT, ASKS("'safety_settings':[{'category':'c'}]"),
          "safetySettings", LLMP_E_UNSUPPORTED },
        { GEM, CHAT, ASKS("'tools':[{'googleSearch':{}}]"),
          "tools[0].googleSearch", LLMP_E_UNSUPPORTED },
        { GEM, CHAT, ASKS("'generationConfig':{'speechConfig':{}}"),
          "generationConfig.speechConfig", LLMP_E_UNSUPPORTED },
        { GEM, CHAT, ASKS("'generationConfig':{'topP':'x'}"),
          "generationConfig.topP", LLMP_E_TYPE },
        { GEM, CHAT,
          ASKS("'toolConfig':{'functionCallingConfig':{'mode':'ANY',"
               "'allowedFunctionNames':['a','b']}}"),
          "toolConfig.functionCallingConfig.allowedFunctionNames",
          LLMP_E_UNSUPPORTED },
        { GEM, CHAT,
          "{'contents':[{'role':'user','parts':[{'text':'q'},"
          "{'executableCode':{'code':'1'}}]}]}",
          "contents[0].parts[1].executableCode", LLMP_E_UNSUPPORTED },
        { GEM, CHAT, "{'contents':[{'role':'owl','parts':[]}]}",
          "contents[0].role", LLMP_E_TYPE },
        { GEM, CHAT,
          "{'contents':[{'parts':[{'functionCall':{'name':'f','args':1}}]}]}",
          "contents[0].parts[0]", LLMP_E_TYPE },
        { GEM, CHAT,
          "{'contents':[{'parts':[{'functionResponse':{'name':'f',"
          "'response':1}}]}]}",
          "contents[0].parts[0].functionResponse.response", LLMP_E_TYPE },
    };

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++)
        check_lost(cases[i].from, cases[i].to, cases[i].in, cases[i].param,
                   cases[i].rc);
}

static void requests_come_back_as_they_went(void **state)
{
    static const char *const requests[] = {
        "{'systemInstruction':{'parts':[{'text':'s'}]},'contents':[{'role':"
        "'user','parts':[{'text':'q'},{'inlineData':{'mimeType':'image/png',"
        "'data':'AA'}},{'fileData':{'mimeType':'video/mp4','fileUri':"
        "'files/x'}}]},{'role':'model','parts':[{'thought':true,'text':'hm',"
        "'thoughtSignature':'T'},{'text':'a','thoughtSignature':'U'},"
        "{'functionCall':{'id':'c','name':'f','args':{'a':[1]}},"
        "'thoughtSignature':'S'}]},{'role':'user','parts':["
        "{'functionResponse':{'id':'c','name':'f','response':{'b':2}}}]}],"
        "'tools':[{'functionDeclarations':[{'name':'f',"
        "'parametersJsonSchema':{'type':'object'}}]}],'toolConfig':{"
        "'functionCallingConfig':{'mode':'AUTO'}},'generationConfig':{"
        "'temperature':1,'stopSequences':['x'],'responseMimeType':"
        "'application/json','responseJsonSchema':{'type':'object'},"
        "'thinkingConfig':{'includeThoughts':false,'thinkingBudget':99}},"
        "'safetySettings':[{'category':'C','threshold':'BLOCK_NONE'}]}",
    };

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(requests); i++) {
        struct translation t;

        translation_init(&t);
        assert_int_equal(
            translate_request(&t, GEM, GEM, llmp_str_of(doc(requests[i]))),
            LLMP_OK);
        expect_doc(&t, requests[i]);
        assert_int_equal(t.wire.lost_count, 0);
        translation_fini(&t);
    }
}

static void answers_go_both_ways(void **state)
{
    static const char gemini[] =
        "{'candidates':[{'content':{'parts':[{'thought':true,'text':'hm'},"
        "{'text':'hi'},{'functionCall':{'id':'t1','name':'f','args':{'a':"
        "'\\''}},'thoughtSignature':'S'}],'role':'model'},'finishReason':"
        "'STOP','index':0,'logprobsResult':{'topCandidates':[{'candidates':["
        "{'token':'hi','logProbability':-0.5},{'token':'ho','logProbability':"
        "-1}]}],'chosenCandidates':[{'token':'hi','logProbability':-0.5}]}}],"
        "'usageMetadata':{'promptTokenCount':100,'cachedContentTokenCount':85,"
        "'candidatesTokenCount':7,'thoughtsTokenCount':20,'totalTokenCount':"
        "127},'modelVersion':'g','responseId':'r'}";
    static const char chat[] =
        "{'id':'r','object':'chat.completion','created':1700000000,'model':"
        "'g','choices':[{'index':0,'message':{'role':'assistant','content':"
        "'hi','tool_calls':[{'id':'t1','type':'function','function':{'name':"
        "'f','arguments':'{\\'a\\':\\'\\\\\\'\\'}'},'extra_content':{'google':"
        "{'thought_signature':'S'}}}],'reasoning_content':'hm'},'logprobs':{"
        "'content':[{'token':'hi','logprob':-0.5,'bytes':null,'top_logprobs':["
        "{'token':'hi','logprob':-0.5,'bytes':null},{'token':'ho','logprob':"
        "-1,'bytes':null}]}]},'finish_reason':'tool_calls'}],'usage':{"
        "'prompt_tokens':100,'completion_tokens':27,'total_tokens':127,"
        "'prompt_tokens_details':{'cached_tokens':85},"
        "'completion_tokens_details':{'reasoning_tokens':20}}}";
    struct translation t;

    (void)state;
    translation_init(&t);
    assert_int_equal(translate_answer(&t, GEM, CHAT, llmp_str_of(doc(gemini))),
                     LLMP_OK);
    expect_doc(&t, chat);
    assert_int_equal(translate_answer(&t, CHAT, GEM, llmp_str_of(doc(chat))),
                     LLMP_OK);
    expect_doc(&t, gemini);
    translation_fini(&t);
}

static void expect_in(const struct translation *t, const char *needle)
{
    if (llmp_str_find(llmp_buf_str(&t->out), llmp_str_of(doc(needle))) ==
        SIZE_MAX)
        fail_msg("no %s in\n%.*s", needle, (int)t->out.len, t->out.ptr);
}

static void reasons_to_stop_are_told_apart(void **state)
{
    static const struct {
        const char *answer, *reason;
    } cases[] = {
        { "{'candidates':[{'content':{'parts':[{'text':'a'}]},'finishReason':"
          "'STOP'}]}",
          "'finish_reason':'stop'" },
        { "{'candidates':[{'finishReason':'MAX_TOKENS'}]}",
          "'finish_reason':'length'" },
        { "{'candidates':[{'finishReason':'PROHIBITED_CONTENT'}]}",
          "'finish_reason':'content_filter'" },
        { "{'candidates':[{'finishReason':'MALFORMED_FUNCTION_CALL'}]}",
          "'finish_reason':'stop'" },
        { "{'promptFeedback':{'blockReason':'SAFETY'},'usageMetadata':"
          "{'promptTokenCount':4}}",
          "'finish_reason':'content_filter'" },
        { "{'candidates':[{'content':{'parts':[{'functionCall':{'name':'f'}},"
          "{'functionCall':{'name':'f'}}]},'finishReason':'STOP'}],"
          "'responseId':'ab'}",
          "'finish_reason':'tool_calls'" },
    };
    struct translation t;

    (void)state;
    translation_init(&t);
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        assert_int_equal(
            translate_answer(&t, GEM, CHAT, llmp_str_of(doc(cases[i].answer))),
            LLMP_OK);
        expect_in(&t, cases[i].reason);
    }
    expect_in(&t, "'id':'call_ab_0'"); /* of the last */
    expect_in(&t, "'id':'call_ab_1'");
    assert_int_equal(translate_answer(&t, GEM, CHAT, LLMP_STR("{}")),
                     LLMP_E_TYPE);
    translation_fini(&t);
}

static const char *const gemini_events[] = {
    "{\"candidates\":[{\"content\":{\"parts\":[{\"thought\":true,\"text\":"
    "\"hm\"}],\"role\":\"model\"},\"index\":0}],\"usageMetadata\":{"
    "\"promptTokenCount\":9},\"modelVersion\":\"g\",\"responseId\":\"r\"}",
    "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"h\\ni\"}],\"role\":"
    "\"model\"},\"index\":0}],\"modelVersion\":\"g\",\"responseId\":\"r\"}",
    "{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":"
    "\"f\",\"args\":{\"a\":\n\"\\u00e9\"}},\"thoughtSignature\":\"S\"}],"
    "\"role\":\"model\"},\"finishReason\":\"STOP\",\"index\":0}],"
    "\"usageMetadata\":{\"promptTokenCount\":10,\"candidatesTokenCount\":4,"
    "\"thoughtsTokenCount\":3,\"totalTokenCount\":17},\"modelVersion\":\"g\","
    "\"responseId\":\"r\"}",
    NULL,
};

#define CHUNK(choice)                                             \
    "data: {'id':'r','object':'chat.completion.chunk','created':" \
    "1700000000,'model':'g','choices':[" choice "],'usage':null}\n\n"
#define DELTA(delta) \
    CHUNK("{'index':0,'delta':{" delta "},'finish_reason':null}")

static void a_stream_of_contents_becomes_chunks(void **state)
{
    static const char want[] = DELTA("'role':'assistant','content':''")
        DELTA("'reasoning_content':'hm'") DELTA("'content':'h\\ni'") DELTA(
            "'tool_calls':[{'index':0,'id':'call_r_0','type':'function',"
            "'function':{'name':'f','arguments':''}}]")
            DELTA("'tool_calls':[{'index':0,'function':{'arguments':''},'extra_"
                  "content':{'google':"
                  "{'thought_signature':'S'}}}]")
                DELTA("'tool_calls':[{'index':0,'function':{'arguments':"
                      "'{\\'a\\':\\n\\'\\\\u00e9\\'}'}}]")
                    CHUNK(
                        "{'index':0,'delta':{},'finish_reason':"
                        "'tool_calls'}") "data: "
                                         "{'id':'r','object':'chat.completion."
                                         "chunk','created':"
                                         "1700000000,'model':'g','choices':[],'"
                                         "usage':{'prompt_tokens':10,"
                                         "'completion_tokens':7,'total_tokens':"
                                         "17,'prompt_tokens_details':{"
                                         "'cached_tokens':0},'completion_"
                                         "tokens_details':{'reasoning_tokens':"
                                         "3}"
                                         "}}\n\ndata: [DONE]\n\n";
    struct translation t;

    (void)state;
    translation_init(&t);
    assert_int_equal(translate_stream(&t, GEM, CHAT, gemini_events, true),
                     LLMP_OK);
    expect_doc(&t, want);
    translation_fini(&t);
}

#define EVENT(candidate, more)                             \
    "data: {'candidates':[{" candidate "'index':0}]," more \
    "'modelVersion':'gpt','responseId':'c1'}\n\n"
#define PART(part) "'content':{'parts':[{" part "}],'role':'model'},"

static void chunks_become_a_stream_of_contents(void **state)
{
    static const char *const chunks[] = {
        "{\"id\":\"c1\",\"model\":\"gpt\",\"choices\":[{\"index\":0,\"delta\":"
        "{\"role\":\"assistant\",\"content\":\"\"}}]}",
        "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}",
        "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,"
        "\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"x\"}}]}"
        "}]}",
        "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,"
        "\"function\":{\"arguments\":\"\\\":1}\"}},{\"index\":1,\"id\":\"b\","
        "\"function\":{\"name\":\"g\",\"arguments\":\"oops\"}}]}}]}",
        "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":"
        "\"tool_calls\"}]}",
        "{\"choices\":[],\"usage\":{\"prompt_tokens\":10,"
        "\"completion_tokens\":4,\"completion_tokens_details\":{"
        "\"reasoning_tokens\":1}}}",
        "[DONE]",
        NULL,
    };
    static const char want[] = EVENT(PART("'text':'hi'"), "")
        EVENT(PART("'functionCall':{'id':'a','name':'f','args':{'x':1}}"), "")
            EVENT(PART("'functionCall':{'id':'b','name':'g','args':{"
                       "'_invalid_arguments':'oops'}}"),
                  "") EVENT(PART("'text':''") "'finishReason':'STOP',",
                            "'usageMetadata':{'promptTokenCount':10,"
                            "'candidatesTokenCount':3,'thoughtsTokenCount':1,"
                            "'totalTokenCount':14},");
    struct translation t;

    (void)state;
    translation_init(&t);
    assert_int_equal(translate_stream(&t, CHAT, GEM, chunks, true), LLMP_OK);
    expect_doc(&t, want);
    translation_fini(&t);
}

static void odd_streams_end_as_they_should(void **state)
{
    const char *cut[] = { gemini_events[0], NULL };
    static const char *const blocked[] = {
        "{\"promptFeedback\":{\"blockReason\":\"OTHER\"},\"usageMetadata\":{"
        "\"promptTokenCount\":3}}",
        NULL,
    };
    static const char *const failing[] = {
        "{\"error\":{\"code\":503,\"message\":\"The model is overloaded.\","
        "\"status\":\"UNAVAILABLE\"}}",
        NULL,
    };
    struct translation t;

    (void)state;
    translation_init(&t);
    assert_int_equal(translate_stream(&t, GEM, CHAT, cut, false),
                     LLMP_E_SYNTAX);
    assert_int_equal(translate_stream(&t, GEM, CHAT, blocked, false), LLMP_OK);
    expect_in(&t, "'finish_reason':'content_filter'");
    /* The exchange writes it: see write_error_event. */
    assert_int_equal(translate_stream(&t, GEM, CHAT, failing, false), LLMP_OK);
    assert_int_equal(t.out.len, 0);
    translation_fini(&t);
}

static void errors_go_both_ways(void **state)
{
    static const struct {
        const char *body;
        uint16_t status;
        enum llmp_fault fault;
    } cases[] = {
        { "{'error':{'code':400,'message':'API key not valid. Please pass',"
          "'status':'INVALID_ARGUMENT'}}",
          400, LLMP_FAULT_AUTH },
        { "{'error':{'code':400,'message':'The input token count (2) exceeds "
          "the maximum number of tokens allowed (1).','status':"
          "'INVALID_ARGUMENT'}}",
          400, LLMP_FAULT_CONTEXT },
        { "[{'error':{'code':429,'message':'m','status':"
          "'RESOURCE_EXHAUSTED'}}]",
          500, LLMP_FAULT_QUOTA },
        { "{'error':{'status':'NOT_FOUND'}}", 404, LLMP_FAULT_MODEL },
        { "{'error':{'status':'DEADLINE_EXCEEDED'}}", 504,
          LLMP_FAULT_TRANSIENT },
        { "[]", 500, LLMP_FAULT_TRANSIENT },
    };
    struct llmp_provider_error error;
    struct translation t;

    (void)state;
    translation_init(&t);
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        const struct llmp_json_value *root;

        assert_int_equal(llmp_json_tree(&root, llmp_str_of(doc(cases[i].body)),
                                        0, &t.arena, NULL),
                         LLMP_OK);
        GEM->read_error(&error, cases[i].status, root);
        assert_int_equal(error.fault, cases[i].fault);
    }
    GEM->read_error(&error, 403, NULL);
    assert_int_equal(error.fault, LLMP_FAULT_AUTH);
    assert_true(GEM->write_error(
        &t.out, &(struct llmp_wire_error){ .status = 429,
                                           .message = LLMP_STR("slow\"") }));
    expect_doc(&t, "{'error':{'code':429,'message':'slow\\'','status':"
                   "'RESOURCE_EXHAUSTED'}}");
    t.out.len = 0;
    assert_true(GEM->write_error_event(
        &t.out,
        &(struct llmp_wire_error){ .status = 422, .message = LLMP_STR("m") }));
    expect_doc(&t, "data: {'error':{'code':422,'message':'m','status':"
                   "'INVALID_ARGUMENT'}}\n\n");
    translation_fini(&t);
}

static void names_may_be_written_either_way(void **state)
{
    (void)state;
    assert_true(llmp_gemini_is(LLMP_STR("topP"), LLMP_STR("topP")));
    assert_true(llmp_gemini_is(LLMP_STR("top_p"), LLMP_STR("topP")));
    assert_true(llmp_gemini_is(LLMP_STR("a_b_c"), LLMP_STR("aBC")));
    assert_false(llmp_gemini_is(LLMP_STR("top_"), LLMP_STR("topP")));
    assert_false(llmp_gemini_is(LLMP_STR("topp"), LLMP_STR("topP")));
    assert_false(llmp_gemini_is(LLMP_STR("top_pp"), LLMP_STR("topP")));
    assert_false(llmp_gemini_is(LLMP_STR(""), LLMP_STR("topP")));
}

static void survives_every_allocation_failure(void **state)
{
    static const char request[] =
        "{'contents':[{'role':'model','parts':[{'functionCall':{'name':'f'}}]}"
        ",{'parts':[{'functionResponse':{'name':'f','response':{'a':1}}}]}],"
        "'tools':[{'functionDeclarations':[{'name':'f','parameters':{'type':"
        "'OBJECT'}}]}],'x':1}";
    struct llmp_str in = llmp_str_of(doc(request));

    (void)state;
    for (int n = 0;; n++) {
        struct translation t;
        int rc, stream, back;

        faulty_heap_arm(n);
        translation_init(&t);
        t.wire.drop = true;
        rc = translate_request(&t, GEM, GEM, in);
        stream = translate_stream(&t, GEM, CHAT, gemini_events, true);
        back = translate_stream(&t, GEM, GEM, gemini_events, true);
        translation_fini(&t);
        assert_int_equal(faulty_heap_live(), 0);
        faulty_heap_off();
        if (rc == LLMP_OK && stream == LLMP_OK && back == LLMP_OK) {
            assert_true(n > 1);
            return;
        }
        assert_true(rc == LLMP_OK || rc == LLMP_E_NOMEM);
        assert_true(stream == LLMP_OK || stream == LLMP_E_NOMEM);
        assert_true(back == LLMP_OK || back == LLMP_E_NOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chat_becomes_contents),
        cmocka_unit_test(models_from_3_on_get_seals_and_levels),
        cmocka_unit_test(contents_become_a_chat),
        cmocka_unit_test(what_cannot_be_said_is_named),
        cmocka_unit_test(requests_come_back_as_they_went),
        cmocka_unit_test(answers_go_both_ways),
        cmocka_unit_test(reasons_to_stop_are_told_apart),
        cmocka_unit_test(a_stream_of_contents_becomes_chunks),
        cmocka_unit_test(chunks_become_a_stream_of_contents),
        cmocka_unit_test(odd_streams_end_as_they_should),
        cmocka_unit_test(errors_go_both_ways),
        cmocka_unit_test(names_may_be_written_either_way),
        cmocka_unit_test(survives_every_allocation_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
