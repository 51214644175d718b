/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: every string of a request is given once, as the part that it is, and
 * what may not be edited is told apart; nobody gets out of sight by a name.
 * Method: requests of every kind with their lists of texts; random documents
 * against a walk that knows nothing.
 */
#include "see_texts.h"

#include "texts_random.h"
#include <llmproxy/guardrail.h>

/* The areas do not use each other: the parts are the guards' own, by value. */
_Static_assert((int)LLMP_TEXT_SYSTEM == (int)LLMP_GUARD_SYSTEM, "");
_Static_assert((int)LLMP_TEXT_USER == (int)LLMP_GUARD_USER, "");
_Static_assert((int)LLMP_TEXT_ASSISTANT == (int)LLMP_GUARD_ASSISTANT, "");
_Static_assert((int)LLMP_TEXT_TOOL_RESULT == (int)LLMP_GUARD_TOOL_RESULT, "");
_Static_assert((int)LLMP_TEXT_TOOL_ARGUMENTS == (int)LLMP_GUARD_TOOL_ARGUMENTS,
               "");
_Static_assert((int)LLMP_TEXT_DOCUMENT == (int)LLMP_GUARD_DOCUMENT, "");
_Static_assert((int)LLMP_TEXT_IMAGE == (int)LLMP_GUARD_IMAGE, "");
_Static_assert((int)LLMP_TEXT_OUTPUT == (int)LLMP_GUARD_OUTPUT, "");
_Static_assert((int)LLMP_TEXT_REASONING == (int)LLMP_GUARD_REASONING, "");
_Static_assert((int)LLMP_TEXT_OTHER == (int)LLMP_GUARD_OTHER, "");
_Static_assert((int)LLMP_TEXT_PARTS == (int)LLMP_GUARD_TOOL_NAME, "");

static const struct see_case cases[] = {
    /* media and their types */
    { SEE_REQUEST, LLMP_SHAPE_CHAT, SEE_ALL,
      "{'model':'gpt','temperature':0.5,'messages':[{'role':'developer','"
      "content':'Be'},{'role':'user','name':'Ann "
      "B','content':[{'type':'text','text':'Hi\\n','cache_control':{'type':'"
      "ephemeral','ttl':'5m'}},{'type':'image_url','image_url':{'url':'data:"
      "image/"
      "png;base64,AAAA','detail':'low'}},{'type':'image_url','image_url':{'url'"
      ":'https://x/"
      "y.png'}},{'type':'input_audio','input_audio':{'data':'UklG','format':'"
      "wav'}},{'type':'file','file':{'filename':'a.pdf','file_data':'data:"
      "application/pdf;base64,JVBE'}}]}]}",
      "other S model=gpt\n"
      "other S messages[0].role=developer\n"
      "sys messages[0].content=Be\n"
      "other S messages[1].role=user\n"
      "other messages[1].name=Ann B\n"
      "other S messages[1].content[0].type=text\n"
      "user \\ messages[1].content[0].text=Hi\\n\n"
      "other S messages[1].content[0].cache_control.type=ephemeral\n"
      "other S messages[1].content[0].cache_control.ttl=5m\n"
      "other S messages[1].content[1].type=image_url\n"
      "img O (image/png) "
      "messages[1].content[1].image_url.url=data:image/png;base64,AAAA\n"
      "other S messages[1].content[1].image_url.detail=low\n"
      "other S messages[1].content[2].type=image_url\n"
      "img messages[1].content[2].image_url.url=https://x/y.png\n"
      "other S messages[1].content[3].type=input_audio\n"
      "doc O (wav) messages[1].content[3].input_audio.data=UklG\n"
      "other S (wav) messages[1].content[3].input_audio.format=wav\n"
      "other S messages[1].content[4].type=file\n"
      "doc messages[1].content[4].file.filename=a.pdf\n"
      "doc O (application/pdf) "
      "messages[1].content[4].file.file_data=data:application/"
      "pdf;base64,JVBE\n" },
    /* results are named by their calls */
    { SEE_REQUEST, LLMP_SHAPE_CHAT, SEE_NO_STRUCTURE,
      "{'messages':[{'role':'user','content':'Hi'},{'role':'assistant','"
      "content':null,'reasoning_content':'hm','tool_calls':[{'id':'c1','type':'"
      "function','function':{'name':'f','arguments':'{\\'a\\':1}'}},{'id':'c2',"
      "'type':'custom','custom':{'name':'g','input':'in'}}]},{'role':'tool','"
      "tool_call_id':'c2','content':'two'},{'role':'tool','tool_call_id':'c1','"
      "content':[{'type':'text','text':'one'}]},{'role':'function','name':'old'"
      ",'content':'o'}]}",
      "user messages[0].content=Hi\n"
      "think messages[1].reasoning_content=hm\n"
      "args J \\ <f> messages[1].tool_calls[0].function.arguments={\\'a\\':1}\n"
      "args <g> messages[1].tool_calls[1].custom.input=in\n"
      "res <g> messages[2].content=two\n"
      "res <f> messages[3].content[0].text=one\n"
      "other <old> messages[4].name=old\n"
      "res <old> messages[4].content=o\n" },
    /* what is the caller's own, and what nobody knows */
    { SEE_REQUEST, LLMP_SHAPE_CHAT, SEE_NO_STRUCTURE,
      "{'messages':[],'tools':[{'type':'function','function':{'name':'f','"
      "description':'d','parameters':{'type':'object','properties':{'city':{'"
      "type':'string','enum':['a']}}}}}],'tool_choice':{'type':'function','"
      "function':{'name':'f'}},'user':'u1','metadata':{'k':'v'},'stop':['a'],'"
      "response_format':{'type':'json_schema','json_schema':{'name':'s','"
      "schema':{'type':'object'}}},'prediction':{'type':'content','content':'p'"
      "},'odd':1,'n4':2,'more':{'a':[{'b':'c'}],'d':null}}",
      "other tools[0].type=function\n"
      "other tools[0].function.name=f\n"
      "other tools[0].function.description=d\n"
      "other tools[0].function.parameters.type=object\n"
      "other tools[0].function.parameters.properties.city#\n"
      "other tools[0].function.parameters.properties.city.type=string\n"
      "other tools[0].function.parameters.properties.city.enum[0]=a\n"
      "other user=u1\n"
      "other metadata.k#\n"
      "other metadata.k=v\n"
      "other stop[0]=a\n"
      "other response_format.json_schema.name=s\n"
      "other response_format.json_schema.schema.type=object\n"
      "other prediction.content=p\n"
      "other n4#\n"
      "other more#\n"
      "other more.a#\n"
      "other more.a[0].b#\n"
      "other more.a[0].b=c\n"
      "other more.d#\n" },
    /* a name does not make less of a user's words */
    { SEE_REQUEST, LLMP_SHAPE_CHAT, SEE_NO_STRUCTURE,
      "{'messages':[{'role':'user','content':[{'type':'text','role':'system','"
      "text':'a'},{'type':'a_call','thinking':'b','text':'c'},{'type':'"
      "thinking','text':'d'}],'reasoning':'e','tool_calls':[{'function':{'"
      "arguments':'f'}}]},{'role':'us\\u0065r','content':'g'},{'role':'critic',"
      "'content':'h'},{'content':'i'},{'role':'system','content':[{'type':'"
      "reasoning','text':'j'}]}]}",
      "user messages[0].content[0].text=a\n"
      "user messages[0].content[1].thinking=b\n"
      "user messages[0].content[1].text=c\n"
      "user messages[0].content[2].text=d\n"
      "user messages[0].reasoning=e\n"
      "user J messages[0].tool_calls[0].function.arguments=f\n"
      "other \\ messages[1].role=us\\u0065r\n"
      "user messages[1].content=g\n"
      "user messages[2].content=h\n"
      "user messages[3].content=i\n"
      "sys messages[4].content[0].text=j\n" },
    /* what does not look like what it should be is a text */
    { SEE_REQUEST, LLMP_SHAPE_CHAT, SEE_ALL,
      "{'model':'no model at all','messages':[{'role':'do "
      "this','content':[{'type':'image_url','image_url':{'url':'data:image/"
      "png;base64,not base64'}},{'type':'file','file':{'file_data':'plain "
      "words'}},{'type':'thinking','signature':'plain words'}]}]}",
      "other model=no model at all\n"
      "other messages[0].role=do this\n"
      "other S messages[0].content[0].type=image_url\n"
      "img (image/png) "
      "messages[0].content[0].image_url.url=data:image/png;base64,not base64\n"
      "other S messages[0].content[1].type=file\n"
      "doc messages[0].content[1].file.file_data=plain words\n"
      "other S messages[0].content[2].type=thinking\n"
      "other messages[0].content[2].signature=plain words\n" },
    { SEE_REQUEST, LLMP_SHAPE_MESSAGES, SEE_NO_STRUCTURE,
      "{'model':'claude','system':[{'type':'text','text':'Be'}],'messages':[{'"
      "role':'user','content':'Hi'},{'role':'assistant','content':[{'type':'"
      "thinking','thinking':'t','signature':'c2ln'},{'type':'redacted_thinking'"
      ",'data':'AAAA'},{'type':'text','text':'ok','citations':[{'type':'char_"
      "location','cited_text':'c','document_title':'dt','start_char_index':1}]}"
      ",{'type':'tool_use','id':'tu1','name':'get','input':{'q':'w','n':{'deep'"
      ":['x']}}}]},{'role':'user','content':[{'type':'tool_result','tool_use_"
      "id':'tu1','content':[{'type':'text','text':'r'},{'type':'image','source'"
      ":{'type':'base64','media_type':'image/"
      "png','data':'AAAA'}}]},{'type':'tool_result','tool_use_id':'other','"
      "content':'s'}]}],'tools':[{'name':'get','input_schema':{'type':'object'}"
      "}],'metadata':{'user_id':'u'},'thinking':{'type':'enabled','budget_"
      "tokens':5}}",
      "sys system[0].text=Be\n"
      "user messages[0].content=Hi\n"
      "think messages[1].content[0].thinking=t\n"
      "asst messages[1].content[2].text=ok\n"
      "other messages[1].content[2].citations[0].cited_text=c\n"
      "other messages[1].content[2].citations[0].document_title=dt\n"
      "args <get> messages[1].content[3].input.q#\n"
      "args <get> messages[1].content[3].input.q=w\n"
      "args <get> messages[1].content[3].input.n#\n"
      "args <get> messages[1].content[3].input.n.deep#\n"
      "args <get> messages[1].content[3].input.n.deep[0]=x\n"
      "res <get> messages[2].content[0].content[0].text=r\n"
      "img O <get> (image/png) "
      "messages[2].content[0].content[1].source.data=AAAA\n"
      "res messages[2].content[1].content=s\n"
      "other tools[0].name=get\n"
      "other tools[0].input_schema.type=object\n"
      "other metadata.user_id#\n"
      "other metadata.user_id=u\n" },
    /* documents */
    { SEE_REQUEST, LLMP_SHAPE_MESSAGES, SEE_NO_STRUCTURE,
      "{'system':'Be','messages':[{'role':'user','content':[{'type':'document',"
      "'title':'T','context':'C','source':{'type':'text','media_type':'text/"
      "plain','data':'Hello'}},{'type':'document','source':{'type':'content','"
      "content':[{'type':'text','text':'dd'}]}},{'type':'document','source':{'"
      "type':'base64','media_type':'application/"
      "pdf','data':'JVBE'}},{'type':'document','source':{'type':'url','url':'"
      "https://"
      "d'}},{'type':'search_result','source':'manual','title':'t','content':[{'"
      "type':'text','text':'sr'}]},{'type':'image','source':{'type':'url','url'"
      ":'https://i'}}]}]}",
      "sys system=Be\n"
      "doc messages[0].content[0].title=T\n"
      "doc messages[0].content[0].context=C\n"
      "doc (text/plain) messages[0].content[0].source.data=Hello\n"
      "doc messages[0].content[1].source.content[0].text=dd\n"
      "doc O (application/pdf) messages[0].content[2].source.data=JVBE\n"
      "doc messages[0].content[3].source.url=https://d\n"
      "doc messages[0].content[4].source=manual\n"
      "doc messages[0].content[4].title=t\n"
      "doc messages[0].content[4].content[0].text=sr\n"
      "img messages[0].content[5].source.url=https://i\n" },
    { SEE_REQUEST, LLMP_SHAPE_GEMINI, SEE_NO_STRUCTURE,
      "{'systemInstruction':{'parts':[{'text':'Be'}]},'contents':[{'parts':[{'"
      "text':'Hi'},{'inlineData':{'mimeType':'image/"
      "png','data':'AAAA'}},{'inline_data':{'mime_type':'text/"
      "plain','data':'AAAA'}},{'fileData':{'fileUri':'gs://x','mimeType':'text/"
      "plain'}}]},{'role':'model','parts':[{'thought':true,'text':'th'},{'text'"
      ":'a','thoughtSignature':'AAAA'},{'functionCall':{'name':'g','args':{'"
      "city':'P'}}}]},{'role':'user','parts':[{'functionResponse':{'name':'g','"
      "response':{'t':'hot'}}},{'thought':true,'text':'no "
      "thought'}]}],'tools':[{'functionDeclarations':[{'name':'g','description'"
      ":'d'}]}],'generationConfig':{'stopSequences':['z'],'responseMimeType':'"
      "text/"
      "plain','topP':1},'safetySettings':[{'category':'HARM','threshold':'X'}]"
      "}",
      "sys systemInstruction.parts[0].text=Be\n"
      "user contents[0].parts[0].text=Hi\n"
      "img O (image/png) contents[0].parts[1].inlineData.data=AAAA\n"
      "doc O (text/plain) contents[0].parts[2].inline_data.data=AAAA\n"
      "doc (text/plain) contents[0].parts[3].fileData.fileUri=gs://x\n"
      "think contents[1].parts[0].text=th\n"
      "asst contents[1].parts[1].text=a\n"
      "args <g> contents[1].parts[2].functionCall.args.city#\n"
      "args <g> contents[1].parts[2].functionCall.args.city=P\n"
      "res <g> contents[2].parts[0].functionResponse.response.t#\n"
      "res <g> contents[2].parts[0].functionResponse.response.t=hot\n"
      "user contents[2].parts[1].text=no thought\n"
      "other tools[0].functionDeclarations[0].name=g\n"
      "other tools[0].functionDeclarations[0].description=d\n"
      "other generationConfig.stopSequences[0]=z\n" },
    { SEE_REQUEST, LLMP_SHAPE_RESPONSES, SEE_NO_STRUCTURE,
      "{'model':'m','instructions':'Be','input':[{'role':'user','content':[{'"
      "type':'input_text','text':'Hi'},{'type':'input_image','image_url':'"
      "https://"
      "i'},{'type':'input_file','file_data':'JVBE','filename':'f'}]},{'type':'"
      "reasoning','id':'rs','summary':[{'type':'summary_text','text':'s'}],'"
      "encrypted_content':'AAAA'},{'type':'function_call','call_id':'c','name':"
      "'f','arguments':'{}'},{'type':'function_call_output','call_id':'c','"
      "output':'out'},{'type':'custom_tool_call_output','call_id':'d','output':"
      "[{'type':'input_text','text':'o2'}]},{'type':'message','role':'"
      "assistant','content':[{'type':'output_text','text':'o','annotations':[]}"
      "]}],'text':{'format':{'type':'json_schema','name':'n','schema':{'"
      "description':'sd'}}},'reasoning':{'effort':'low'},'prompt':{'id':'p','"
      "variables':{'who':'W'}}}",
      "sys instructions=Be\n"
      "user input[0].content[0].text=Hi\n"
      "img input[0].content[1].image_url=https://i\n"
      "doc O input[0].content[2].file_data=JVBE\n"
      "doc input[0].content[2].filename=f\n"
      "think input[1].summary[0].text=s\n"
      "other <f> input[2].name=f\n"
      "args J <f> input[2].arguments={}\n"
      "res <f> input[3].output=out\n"
      "res input[4].output[0].text=o2\n"
      "asst input[5].content[0].text=o\n"
      "other text.format.schema.description=sd\n"
      "user prompt.variables.who#\n"
      "user prompt.variables.who=W\n" },
    /* two calls at once */
    { SEE_REQUEST, LLMP_SHAPE_RESPONSES, SEE_NO_STRUCTURE,
      "{'input':[{'role':'user','content':'q'},{'type':'function_call','call_"
      "id':'a','name':'f','arguments':'{}'},{'type':'function_call','call_id':'"
      "b','name':'g','arguments':'{}'},{'type':'function_call_output','call_id'"
      ":'a','output':'1'},{'type':'function_call_output','call_id':'b','output'"
      ":'2'},{'role':'assistant','content':'x'},{'type':'function_call','call_"
      "id':'c','name':'h','arguments':'{}'},{'type':'function_call_output','"
      "call_id':'c','output':'3'},{'type':'function_call_output','call_id':'a',"
      "'output':'of an earlier turn'}]}",
      "user input[0].content=q\n"
      "other <f> input[1].name=f\n"
      "args J <f> input[1].arguments={}\n"
      "other <g> input[2].name=g\n"
      "args J <g> input[2].arguments={}\n"
      "res <f> input[3].output=1\n"
      "res <g> input[4].output=2\n"
      "asst input[5].content=x\n"
      "other <h> input[6].name=h\n"
      "args J <h> input[6].arguments={}\n"
      "res <h> input[7].output=3\n"
      "res input[8].output=of an earlier turn\n" },
    { SEE_REQUEST, LLMP_SHAPE_RESPONSES, SEE_NO_STRUCTURE, "{'input':'Hi'}",
      "user input=Hi\n" },
    { SEE_REQUEST, LLMP_SHAPE_COMPLETIONS, SEE_NO_STRUCTURE,
      "{'prompt':'a','suffix':'c'}",
      "user prompt=a\n"
      "user suffix=c\n" },
    { SEE_REQUEST, LLMP_SHAPE_COMPLETIONS, SEE_NO_STRUCTURE,
      "{'prompt':['a','b']}",
      "user prompt[0]=a\n"
      "user prompt[1]=b\n" },
    { SEE_REQUEST, LLMP_SHAPE_EMBEDDINGS, SEE_NO_STRUCTURE,
      "{'input':['a',[1,2]],'encoding_format':'float'}", "user input[0]=a\n" },
    { SEE_REQUEST, LLMP_SHAPE_EMBEDDINGS, SEE_NO_STRUCTURE, "{'input':'a'}",
      "user input=a\n" },
    { SEE_REQUEST, LLMP_SHAPE_CHAT, SEE_ALL, "['x',{'y':'z'}]",
      "other [0]=x\n"
      "other [1].y#\n"
      "other [1].y=z\n" },
    { SEE_REQUEST, LLMP_SHAPE_CHAT, SEE_ALL, "'x'", "other =x\n" },
};

static void test_requests(void **state)
{
    (void)state;
    check_seen(cases, LLMP_COUNT(cases));
}

/* ---- every string once -------------------------------------------------- */

static void test_every_string_once(void **state)
{
    uint64_t seed = 20240501;

    (void)state;
    for (int i = 0; i < 3000; i++) {
        struct llmp_buf text = { 0 };

        random_document(&text, &seed);
        for (int shape = 0; shape <= LLMP_SHAPE_GEMINI_OTHER; shape++) {
            check_all_seen(SEE_REQUEST, (enum llmp_shape)shape,
                           llmp_buf_str(&text));
            check_all_seen(SEE_ANSWER, (enum llmp_shape)shape,
                           llmp_buf_str(&text));
            check_all_seen(SEE_EVENT, (enum llmp_shape)shape,
                           llmp_buf_str(&text));
        }
        llmp_buf_fini(&text);
    }
}

/* ---- the rest of the interface ------------------------------------------ */

struct stopper {
    int left;
    char path[12];
};

static int stop(const struct llmp_wire_text *text, void *ctx)
{
    struct stopper *stopper = ctx;

    llmp_wire_text_path(text, stopper->path, sizeof(stopper->path));
    return --stopper->left ? LLMP_OK : LLMP_E_STATE;
}

static void test_stopped(void **state)
{
    struct stopper stopper = { .left = 2 };
    struct llmp_wire_text_sink sink = { stop, &stopper };
    const struct llmp_json_value *root;
    struct llmp_arena arena;

    (void)state;
    llmp_arena_init(&arena, 4096);
    assert_int_equal(
        llmp_json_tree(&root,
                       llmp_str_of(doc("{'messages':[{'role':'user','content':"
                                       "'a'},{'role':'user'}]}")),
                       0, &arena, NULL),
        LLMP_OK);
    assert_int_equal(llmp_wire_request_texts(LLMP_SHAPE_CHAT, root, &sink),
                     LLMP_E_STATE);
    assert_int_equal(stopper.left, 0);
    assert_string_equal(stopper.path, "messages[0]"); /* cut */
    llmp_arena_fini(&arena);
}

static int see_inner(const struct llmp_wire_text *text, void *ctx)
{
    struct llmp_wire_text_sink sink = { see_text, ctx };
    const struct llmp_json_value *root;
    struct llmp_arena arena;
    int rc;

    if (!text->is_json)
        return LLMP_OK;
    llmp_arena_init(&arena, 4096);
    rc = llmp_json_tree(&root, llmp_wire_plain(text->json, &arena), 0, &arena,
                        NULL);
    if (rc == LLMP_OK)
        rc = llmp_wire_inner_texts(text, root, &sink);
    llmp_arena_fini(&arena);
    return rc;
}

static void test_inner(void **state)
{
    const char *in = "{'messages':[{'role':'assistant','tool_calls':[{"
                     "'function':{'name':'f','arguments':'{\\'a\\':[1,"
                     "\\'b\\\\n\\'],\\'\\\\u0063\\':2}'}}]}]}";
    struct seen seen = { .filter = SEE_ALL };
    struct llmp_wire_text_sink sink = { see_inner, &seen };
    const struct llmp_json_value *root;
    struct llmp_arena arena;

    (void)state;
    llmp_arena_init(&arena, 4096);
    assert_int_equal(
        llmp_json_tree(&root, llmp_str_of(doc(in)), 0, &arena, NULL), LLMP_OK);
    assert_int_equal(llmp_wire_request_texts(LLMP_SHAPE_CHAT, root, &sink),
                     LLMP_OK);
    (void)llmp_buf_add(&seen.lines, (struct llmp_str){ "", 1 });
    assert_string_equal(
        seen.lines.ptr,
        "args <f> messages[0].tool_calls[0].function.arguments.a#\n"
        "args \\ <f> messages[0].tool_calls[0].function.arguments.a[1]=b\\n\n"
        "args <f> messages[0].tool_calls[0].function.arguments.c#\n");
    llmp_buf_fini(&seen.lines);
    llmp_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_every_string_once),
        cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_inner),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
