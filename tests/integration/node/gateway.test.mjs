// SPDX-License-Identifier: Apache-2.0
// The unmodified `@anthropic-ai/sdk` and `@google/genai` from npm against llmgw
// (GATEWAY), whatever provider is behind it; started by test_faces_node.py.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { ApiError, GoogleGenAI } from '@google/genai';
import { PNG, SCHEMA, sha } from './faces.mjs';

const { GATEWAY } = process.env;
const anthropic = new Anthropic({ baseURL: GATEWAY, apiKey: 'k', maxRetries: 0 });
const google = new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl: GATEWAY } });
const names = ['weather', 'news'];

/* ---- Anthropic ---- */

const data = PNG.toString('base64');
const message = (model, members) => ({
  model, max_tokens: 1000, messages: [{ role: 'user', content: 'Hi' }], ...members,
});
const tools = names.map((name) => ({ name, description: 'd', input_schema: SCHEMA }));
const calls = ({ content }) => content.filter((one) => one.type === 'tool_use')
  .map(({ name, input }) => ({ name, input }));

test('anthropic: a message, and the same as a stream', async () => {
  const whole = await anthropic.messages.create(message('sim-x'));
  assert.equal(whole.stop_reason, 'end_turn');
  assert.equal(whole.usage.output_tokens, 24);
  assert.ok(whole.usage.input_tokens > 0);
  const streamed = await anthropic.messages.stream(message('sim-x')).finalMessage();
  assert.equal(streamed.content[0].text, whole.content[0].text);
  assert.equal(streamed.usage.output_tokens, 24);
});

test('anthropic: parallel tools, their arguments whole', async () => {
  const whole = await anthropic.messages.create(message('sim-tools:2', { tools }));
  assert.equal(whole.stop_reason, 'tool_use');
  assert.deepEqual(calls(whole).map((call) => call.name), names);
  const streamed = await anthropic.messages.stream(message('sim-tools:2', { tools }))
    .finalMessage();
  assert.deepEqual(calls(streamed), calls(whole));
});

test('anthropic: an image', async () => {
  const source = { type: 'base64', media_type: 'image/png', data };
  const answer = await anthropic.messages.create(message('sim-x', {
    messages: [{ role: 'user', content: [{ type: 'image', source }] }] }));
  assert.match(answer.content[0].text, new RegExp(sha(PNG)));
});

test('anthropic: errors are of the right class', async () => {
  for (const [model, kind] of [
    ['sim-400', Anthropic.BadRequestError], ['sim-429', Anthropic.RateLimitError],
    ['sim-500', Anthropic.InternalServerError],
  ]) {
    await assert.rejects(anthropic.messages.create(message(model)), kind);
    await assert.rejects(anthropic.messages.stream(message(model)).finalMessage(), kind);
  }
});

/* ---- Google ---- */

const content = (model, config = {}, contents = 'Hi') => ({ model, contents, config });
async function stream(request) {
  const chunks = [];
  for await (const chunk of await google.models.generateContentStream(request)) {
    chunks.push(chunk);
  }
  return chunks;
}
const declared = { tools: [{ functionDeclarations: names.map((name) => (
  { name, description: 'd', parametersJsonSchema: SCHEMA })) }] };
const called = (chunk) => (chunk.functionCalls ?? []).map(({ name, args }) => ({ name, args }));

test('google: an answer, and the same as a stream', async () => {
  const whole = await google.models.generateContent(content('sim-x'));
  assert.equal(whole.candidates[0].finishReason, 'STOP');
  assert.equal(whole.usageMetadata.candidatesTokenCount, 24);
  const chunks = await stream(content('sim-x'));
  assert.equal(chunks.map((chunk) => chunk.text ?? '').join(''), whole.text);
  assert.equal(chunks.at(-1).usageMetadata.candidatesTokenCount, 24);
});

test('google: parallel tools, their arguments whole', async () => {
  const whole = called(await google.models.generateContent(content('sim-tools:2', declared)));
  assert.deepEqual(whole.map((call) => call.name), names);
  assert.deepEqual((await stream(content('sim-tools:2', declared))).flatMap(called), whole);
});

test('google: structured output', async () => {
  const { text } = await google.models.generateContent(content('sim-x', {
    responseMimeType: 'application/json', responseJsonSchema: SCHEMA }));
  for (const name of SCHEMA.required) assert.ok(name in JSON.parse(text));
});

test('google: an image', async () => {
  const inlineData = { mimeType: 'image/png', data };
  const { text } = await google.models.generateContent(content('sim-x', {}, [{ inlineData }]));
  assert.match(text, new RegExp(sha(PNG)));
});

test('google: errors have their status', async () => {
  for (const [model, status] of [['sim-400', 400], ['sim-429', 429]]) {
    const right = (error) => error instanceof ApiError && error.status === status;
    await assert.rejects(google.models.generateContent(content(model)), right);
    await assert.rejects(stream(content(model)), right);
  }
});
