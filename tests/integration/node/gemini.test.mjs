// SPDX-License-Identifier: Apache-2.0
// The unmodified `@google/genai` from npm against llmsim (SIM), started by
// test_llmsim_node.py.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError, FunctionCallingConfigMode, GoogleGenAI } from '@google/genai';
import { ARGUMENTS, ODD, PNG, SCHEMA, sha, understood } from './faces.mjs';

const { SIM } = process.env;
const { models } = new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl: SIM } });
const tools = [{ functionDeclarations: ['weather', 'news'].map((name) => (
  { name, description: `The ${name}`, parametersJsonSchema: SCHEMA })) }];
const inlineData = { mimeType: 'image/png', data: PNG.toString('base64') };

const request = (how, config = {}, contents = 'Hi', model = 'gemini-sim') => ({
  model, contents, config: { ...config, httpOptions: { headers: { 'x-sim': how } } },
});
const ask = (...args) => models.generateContent(request(...args));
async function stream(...args) {
  const chunks = [];
  for await (const chunk of await models.generateContentStream(request(...args))) {
    chunks.push(chunk);
  }
  return chunks;
}

test('an answer, and the same as a stream', async () => {
  const whole = await ask('');
  assert.equal(whole.candidates[0].finishReason, 'STOP');
  assert.equal(whole.usageMetadata.candidatesTokenCount, 24);
  const chunks = await stream('');
  assert.equal(chunks.map((chunk) => chunk.text ?? '').join(''), whole.text);
  assert.equal(chunks.at(-1).usageMetadata.candidatesTokenCount, 24);
});

test('parallel tools', async () => {
  const how = `tools=2,tool_args=${ODD}`;
  const calls = (await ask(how, { tools })).functionCalls;
  assert.deepEqual(calls.map((call) => call.name), ['weather', 'news']);
  for (const call of calls) assert.deepEqual(call.args, JSON.parse(ODD));
  const streamed = (await stream(how, { tools })).flatMap((chunk) => chunk.functionCalls ?? []);
  assert.deepEqual(streamed, calls);
  const forced = await ask('', { tools, toolConfig: {
    functionCallingConfig: { mode: FunctionCallingConfigMode.ANY } } });
  assert.deepEqual(forced.functionCalls[0].args, ARGUMENTS);
});

test('thoughts', async () => {
  const answer = await ask('', { thinkingConfig: { includeThoughts: true } });
  assert.equal(answer.candidates[0].content.parts[0].thought, true);
  assert.equal(answer.usageMetadata.thoughtsTokenCount, 8);
});

test('structured output', async () => {
  const { text } = await ask('', {
    responseMimeType: 'application/json', responseJsonSchema: SCHEMA });
  assert.deepEqual(JSON.parse(text), { city: 'text', days: 7 });
});

test('the mirror', async () => {
  const call = { id: 'call-1', name: 'weather' };
  const answer = await ask('mirror', {
    systemInstruction: 'Be brief: ünï 😀.', tools,
    maxOutputTokens: 900, temperature: 0.5, topP: 0.9, stopSequences: ['END', 'STOP'],
  }, [
    { role: 'user', parts: [{ text: 'What is "this"?\n' }, { inlineData }] },
    { role: 'model', parts: [
      { text: 'Let me see.' },
      { functionCall: { ...call, args: { city: 'Oslo', days: 2 } } }] },
    { role: 'user', parts: [{ functionResponse: { ...call, response: { output: 'rain' } } }] },
    { role: 'user', parts: [{ text: 'And?' }] },
  ]);
  assert.deepEqual(JSON.parse(answer.text), understood({ id: 'call-1' }, call));
});

test('an image is told by its hash', async () => {
  assert.equal((await ask('', {}, [{ inlineData }])).text, `1 attached: image:${sha(PNG)}`);
});

test('errors', async () => {
  for (const status of [400, 403, 404, 429, 500, 503]) {
    await assert.rejects(ask('', {}, 'Hi', `sim-${status}`), (error) => {
      assert.ok(error instanceof ApiError);
      assert.equal(error.status, status);
      return true;
    });
  }
  const blocked = await ask('content_filter');
  assert.equal(blocked.promptFeedback.blockReason, 'SAFETY');
});

test('embeddings, tokens and models', async () => {
  const { embeddings } = await models.embedContent({
    model: 'e', contents: ['a', 'b'], config: { outputDimensionality: 16 } });
  assert.deepEqual(embeddings.map((one) => one.values.length), [16, 16]);
  assert.ok((await models.countTokens({ model: 'm', contents: 'Hi' })).totalTokens > 5);
  assert.equal((await models.get({ model: 'gemini-x' })).name, 'models/gemini-x');
});
