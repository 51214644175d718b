// SPDX-License-Identifier: Apache-2.0
// The unmodified `@anthropic-ai/sdk` from npm against llmsim (SIM), started by
// test_llmsim_node.py.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { ARGUMENTS, ODD, PNG, SCHEMA, sha, understood } from './faces.mjs';

const { SIM } = process.env;
const client = new Anthropic({ baseURL: SIM, apiKey: 'k', maxRetries: 0 });
const hello = { model: 'claude-sim', max_tokens: 100, messages: [{ role: 'user', content: 'Hi' }] };
const tools = ['weather', 'news'].map((name) => ({
  name, description: `The ${name}`, input_schema: SCHEMA,
}));
const ask = (how, members) => client.messages.create(
  { ...hello, ...members }, { headers: { 'x-sim': how } });

test('a message, and the same as a stream', async () => {
  const whole = await ask('');
  assert.equal(whole.stop_reason, 'end_turn');
  assert.equal(whole.usage.output_tokens, 24);
  const stream = client.messages.stream(hello);
  assert.equal(await stream.finalText(), whole.content[0].text);
});

test('parallel tools in a stream', async () => {
  const stream = client.messages.stream(
    { ...hello, tools }, { headers: { 'x-sim': `tools=2,tool_args=${ODD}` } });
  const message = await stream.finalMessage();
  assert.deepEqual(message.content.map((c) => c.name), ['weather', 'news']);
  for (const call of message.content) assert.deepEqual(call.input, JSON.parse(ODD));
  assert.equal(message.stop_reason, 'tool_use');
  const [call] = (await ask('', { tools, tool_choice: { type: 'any' } })).content;
  assert.deepEqual(call.input, ARGUMENTS);
});

test('thinking', async () => {
  const thinking = { type: 'enabled', budget_tokens: 1024 };
  const whole = await ask('', { max_tokens: 2000, thinking });
  const streamed = await client.messages.stream({ ...hello, max_tokens: 2000, thinking })
    .finalMessage();
  assert.deepEqual(streamed.content, whole.content);
  assert.ok(whole.content[0].signature);
});

test('the mirror', async () => {
  const answer = await ask('mirror', {
    system: 'Be brief: ünï 😀.',
    messages: [
      { role: 'user', content: [
        { type: 'text', text: 'What is "this"?\n' },
        { type: 'image', source: {
          type: 'base64', media_type: 'image/png', data: PNG.toString('base64') } }] },
      { role: 'assistant', content: [
        { type: 'text', text: 'Let me see.' },
        { type: 'tool_use', id: 'call-1', name: 'weather', input: { city: 'Oslo', days: 2 } }] },
      { role: 'user', content: [
        { type: 'tool_result', tool_use_id: 'call-1', content: 'rain' },
        { type: 'text', text: 'And?' }] },
    ],
    tools, max_tokens: 900, temperature: 0.5, top_p: 0.9, stop_sequences: ['END', 'STOP'],
  });
  assert.deepEqual(JSON.parse(answer.content[0].text), understood());
});

test('an image is told by its hash', async () => {
  const answer = await ask('', { messages: [{ role: 'user', content: [
    { type: 'image', source: {
      type: 'base64', media_type: 'image/png', data: PNG.toString('base64') } }] }] });
  assert.equal(answer.content[0].text, `1 attached: image:${sha(PNG)}`);
});

test('errors', async () => {
  for (const [model, kind] of [
    ['sim-400', Anthropic.BadRequestError], ['sim-401', Anthropic.AuthenticationError],
    ['sim-429', Anthropic.RateLimitError], ['sim-529', Anthropic.InternalServerError],
  ]) {
    await assert.rejects(ask('', { model }), (error) => {
      assert.ok(error instanceof kind && error.requestID);
      return true;
    });
  }
  await assert.rejects(client.messages.stream({ ...hello, model: 'sim-error-late' })
    .finalMessage(), /Overloaded/);
});

test('tokens and models', async () => {
  const { messages } = hello;
  assert.ok((await client.messages.countTokens({ model: 'm', messages })).input_tokens > 5);
  assert.ok((await client.models.list()).data.some((model) => model.id === 'sim-cut'));
});
