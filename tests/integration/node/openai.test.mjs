// SPDX-License-Identifier: Apache-2.0
// The unmodified `openai` package from npm through llmgw (GATEWAY) to llmsim
// (SIM), started by test_openai_node.py. What the client makes of an answer
// through llmgw must equal what it makes of the simulator's own.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI, { toFile } from 'openai';

const { GATEWAY, SIM } = process.env;
const messages = [{ role: 'user', content: 'Hi ünï 😀' }];
const tools = [{
  type: 'function',
  function: {
    name: 'get_weather',
    parameters: { type: 'object', properties: { city: { type: 'string' } } },
  },
}];

function clientOf(baseURL, options = {}) {
  return new OpenAI({
    baseURL, apiKey: 'sk-of-the-client', maxRetries: 0, timeout: 20_000, ...options,
  });
}

const client = clientOf(`${GATEWAY}/v1`);
const direct = clientOf(`${SIM}/v1`);

const reset = () => fetch(`${SIM}/sim/reset`, { method: 'POST' });
const stats = async () => (await fetch(`${SIM}/sim/stats`)).json();

async function waitFor(counters, ms = 1000) {
  for (const end = Date.now() + ms; ;) {
    const now = await stats();
    if (Object.entries(counters).every(([name, value]) => now[name] === value)) return;
    assert.ok(Date.now() < end, JSON.stringify(now));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function both(ask) {
  const answers = [];
  for (const one of [direct, client]) {
    await reset();
    answers.push(JSON.parse(JSON.stringify(await ask(one))));
  }
  assert.deepEqual(answers[1], answers[0]);
  return answers[1];
}

async function collect(stream) {
  const events = [];
  // A provider that is asked for usage says `usage: null` in all other chunks,
  // also when it was the gateway that asked.
  for await (const { usage, ...event } of await stream) {
    events.push(usage ? { usage, ...event } : event);
  }
  return events;
}

test('chat', async () => {
  const answer = await both((c) => c.chat.completions.create({ model: 'gpt-4o', messages }));
  assert.equal(answer.choices[0].finish_reason, 'stop');
});

test('chat streams', async () => {
  const chunks = await both((c) => collect(
    c.chat.completions.create({ model: 'gpt-4o', messages, stream: true })));
  assert.equal(chunks.map((c) => c.choices[0].delta.content ?? '').join('').split(' ').length, 24);
});

test('chat streams with usage if asked', async () => {
  const chunks = await both((c) => collect(c.chat.completions.create({
    model: 'gpt-4o', messages, stream: true, stream_options: { include_usage: true },
  })));
  assert.equal(chunks.at(-1).usage.completion_tokens, 24);
});

test('streamed tool arguments are intact', async () => {
  const chunks = await both((c) => collect(
    c.chat.completions.create({ model: 'sim-tool', messages, tools, stream: true })));
  const pieces = chunks.flatMap((c) => c.choices[0]?.delta.tool_calls ?? []);
  assert.ok(pieces.length > 3);
  assert.equal(typeof JSON.parse(pieces.map((p) => p.function.arguments).join('')), 'object');
});

test('the stream helper gathers a tool call', async () => {
  const stream = client.beta.chat.completions.stream({ model: 'sim-tool', messages, tools });
  const last = await stream.finalChatCompletion();
  assert.equal(last.choices[0].message.tool_calls[0].function.name, 'get_weather');
});

test('embeddings', async () => {
  for (const encoding_format of [undefined, 'float', 'base64']) {
    const answer = await both((c) => c.embeddings.create({
      model: 'text-embedding-3-small', input: ['a', 'b'], dimensions: 64, encoding_format,
    }));
    assert.equal(answer.data.length, 2);
  }
});

test('responses stream', async () => {
  const events = await both((c) => collect(
    c.responses.create({ model: 'gpt-4o', input: 'Hi', stream: true })));
  assert.equal(events.at(-1).type, 'response.completed');
});

test('models', async () => {
  const page = await client.models.list();
  assert.ok(page.data.some((model) => model.id === 'gpt-4o-mini'));
  assert.equal((await client.models.retrieve('gpt-4o')).owned_by, 'llmsim');
});

test('transcription and speech', async () => {
  const file = await toFile(Buffer.alloc(2_000_000), 'talk.wav');
  const { text } = await client.audio.transcriptions.create({ model: 'whisper-1', file });
  assert.ok(parseInt(text, 10) > 2_000_000);
  const audio = await client.audio.speech.create({ model: 'tts-1', voice: 'alloy', input: 'Hi' });
  assert.equal((await audio.arrayBuffer()).byteLength, 16384);
});

for (const [model, kind, status] of [
  ['sim-400', OpenAI.BadRequestError, 400],
  ['sim-404', OpenAI.NotFoundError, 404],
  ['sim-429', OpenAI.RateLimitError, 429],
  ['sim-500', OpenAI.InternalServerError, 500],
  ['sim-html-502', OpenAI.InternalServerError, 502],
  ['sim-401', OpenAI.InternalServerError, 502],
]) {
  test(`error ${model}`, async () => {
    for (const stream of [false, true]) {
      await assert.rejects(client.chat.completions.create({ model, messages, stream }), (error) => {
        assert.ok(error instanceof kind);
        assert.equal(error.status, status);
        assert.ok(error.type && error.message && error.request_id);
        return true;
      });
    }
  });
}

test('an error event ends a stream', async () => {
  const stream = client.chat.completions.create({ model: 'sim-cut:2', messages, stream: true });
  await assert.rejects(collect(stream), { code: 'upstream_broke' });
});

test('retry-after is honoured', async () => {
  await reset();
  const began = Date.now();
  const retrying = clientOf(`${GATEWAY}/v1`, { maxRetries: 1 });
  await assert.rejects(
    retrying.chat.completions.create({ model: 'sim-429:1', messages }), OpenAI.RateLimitError);
  assert.ok(Date.now() - began > 900);
  assert.equal((await stats()).requests, 2);
});

test('a timeout is seen by the provider', async () => {
  await reset();
  await assert.rejects(
    client.chat.completions.create({ model: 'sim-hang', messages }, { timeout: 300 }),
    OpenAI.APIConnectionTimeoutError);
  await waitFor({ aborted: 1, open: 0 });
});

test('an abort controller reaches the provider', async () => {
  await reset();
  const stream = await client.chat.completions.create({
    model: 'sim-slow:ttft_ms=1,tokens_per_second=50,tokens=10000', messages, stream: true,
  });
  let count = 0;
  for await (const _ of stream) if (++count === 5) stream.controller.abort();
  assert.equal(count, 5);
  await waitFor({ aborted: 1, open: 0 });
});

test('an aborted request that waits reaches the provider', async () => {
  await reset();
  const controller = new AbortController();
  const answer = client.chat.completions.create(
    { model: 'sim-hang', messages }, { signal: controller.signal });
  setTimeout(() => controller.abort(), 200);
  await assert.rejects(answer, OpenAI.APIUserAbortError);
  await waitFor({ aborted: 1, open: 0 });
});

test('many streams at once', async () => {
  const texts = await Promise.all(Array.from({ length: 40 }, async (_, n) => {
    const chunks = await collect(client.chat.completions.create({
      model: `sim-slow:ttft_ms=1..30,tokens_per_second=2000,tokens=${n + 1}`, messages, stream: true,
    }));
    return chunks.map((c) => c.choices[0].delta.content ?? '').join('');
  }));
  for (let n = 1; n < texts.length; n++) assert.ok(texts[n].startsWith(texts[n - 1]));
});
