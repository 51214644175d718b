// SPDX-License-Identifier: Apache-2.0
// The unmodified `@aws-sdk/client-bedrock-runtime` from npm against llmsim
// (SIGNED, which checks signatures), started by test_llmsim_node.py. The package
// prefers HTTP/2, which llmsim does not speak, and takes another handler.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand, CountTokensCommand,
  ThrottlingException, ValidationException,
} from '@aws-sdk/client-bedrock-runtime';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { ARGUMENTS, ODD, PNG, SCHEMA, sha, understood } from './faces.mjs';

const { SIGNED } = process.env;
const clientOf = (secretAccessKey) => new BedrockRuntimeClient({
  region: 'eu-north-1', endpoint: SIGNED, maxAttempts: 1, requestHandler: new NodeHttpHandler(),
  credentials: { accessKeyId: 'AKIATEST', secretAccessKey },
});
const client = clientOf('very/secret+key');
const hello = [{ role: 'user', content: [{ text: 'Hi' }] }];
const toolConfig = { tools: ['weather', 'news'].map((name) => ({ toolSpec: {
  name, description: `The ${name}`, inputSchema: { json: SCHEMA } } })) };
const image = { image: { format: 'png', source: { bytes: PNG } } };

const ask = (modelId, members = {}, by = client) => by.send(
  new ConverseCommand({ modelId, messages: hello, ...members }));
async function stream(modelId, members = {}) {
  const answer = await client.send(
    new ConverseStreamCommand({ modelId, messages: hello, ...members }));
  const events = [];
  for await (const event of answer.stream) events.push(event);
  return events;
}
const textOf = (answer) => answer.output.message.content[0].text;

test('an answer, and the same as a stream', async () => {
  const whole = await ask('anthropic.claude-v1:0');
  assert.equal(whole.stopReason, 'end_turn');
  assert.equal(whole.usage.outputTokens, 24);
  const events = await stream('anthropic.claude-v1:0');
  assert.equal(
    events.map((e) => e.contentBlockDelta?.delta.text ?? '').join(''), textOf(whole));
  assert.equal(events.at(-1).metadata.usage.outputTokens, 24);
});

test('parallel tools', async () => {
  const model = `sim-tools:tools=2,tool_args=${ODD}`;
  const calls = (await ask(model, { toolConfig })).output.message.content;
  assert.deepEqual(calls.map((c) => c.toolUse.name), ['weather', 'news']);
  for (const { toolUse } of calls) assert.deepEqual(toolUse.input, JSON.parse(ODD));
  const inputs = ['', ''];
  for (const { contentBlockDelta: d } of await stream(model, { toolConfig })) {
    if (d) inputs[d.contentBlockIndex] += d.delta.toolUse.input;
  }
  for (const input of inputs) assert.deepEqual(JSON.parse(input), JSON.parse(ODD));
  const forced = await ask('m', { toolConfig: { ...toolConfig, toolChoice: { any: {} } } });
  assert.deepEqual(forced.output.message.content[0].toolUse.input, ARGUMENTS);
});

test('reasoning', async () => {
  const [thought, text] = (await ask('sim-reasoning')).output.message.content;
  assert.ok(thought.reasoningContent.reasoningText.signature && text.text);
});

test('the mirror', async () => {
  const answer = await ask('sim-mirror', {
    system: [{ text: 'Be brief: ünï 😀.' }],
    messages: [
      { role: 'user', content: [{ text: 'What is "this"?\n' }, image] },
      { role: 'assistant', content: [
        { text: 'Let me see.' },
        { toolUse: { toolUseId: 'call-1', name: 'weather', input: { city: 'Oslo', days: 2 } } }] },
      { role: 'user', content: [
        { toolResult: { toolUseId: 'call-1', content: [{ text: 'rain' }] } },
        { text: 'And?' }] },
    ],
    toolConfig,
    inferenceConfig: {
      maxTokens: 900, temperature: 0.5, topP: 0.9, stopSequences: ['END', 'STOP'] },
  });
  assert.deepEqual(JSON.parse(textOf(answer)), understood());
});

test('an image is told by its hash', async () => {
  const answer = await ask('m', { messages: [{ role: 'user', content: [image] }] });
  assert.equal(textOf(answer), `1 attached: image:${sha(PNG)}`);
});

test('tokens are counted', async () => {
  const count = async (converse) => (await client.send(
    new CountTokensCommand({ modelId: 'm', input: { converse } }))).inputTokens;
  const more = [{ role: 'user', content: [{ text: 'Hi '.repeat(50) }] }];
  assert.ok(await count({ messages: hello, toolConfig }) > 0);
  assert.ok(await count({ messages: more }) > await count({ messages: hello }));
});

test('errors', async () => {
  await assert.rejects(ask('sim-429'), ThrottlingException);
  await assert.rejects(ask('sim-400'), ValidationException);
  await assert.rejects(stream('sim-error-late'), { name: 'ModelStreamErrorException' });
  await assert.rejects(ask('m', {}, clientOf('wrong')), { name: 'InvalidSignatureException' });
});
