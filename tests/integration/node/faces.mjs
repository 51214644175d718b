// SPDX-License-Identifier: Apache-2.0
// What the tests of llmsim's faces share; see faces.py.
import { createHash } from 'node:crypto';

export const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
  'base64');
export const ARGUMENTS = { location: 'Paris, France' };
export const ODD = String.raw`{"a":"\u00e9\"\\ \n","b":[1,{"c":"\ud83d\ude00"}],"d":null}`;
export const SCHEMA = {
  type: 'object',
  properties: { city: { type: 'string' }, days: { type: 'integer' } },
  required: ['city'],
};
export const sha = (data) => createHash('sha256').update(data).digest('hex');

export function understood(ids = { id: 'call-1' }, result = ids) {
  const image = {
    type: 'image', media_type: 'image/png', bytes: PNG.length, sha256: sha(PNG),
  };
  return {
    system: ['Be brief: ünï 😀.'],
    messages: [
      { role: 'user', parts: [{ type: 'text', text: 'What is "this"?\n' }, image] },
      { role: 'assistant', parts: [
        { type: 'text', text: 'Let me see.' },
        { type: 'tool_call', ...ids, name: 'weather', arguments: { city: 'Oslo', days: 2 } }] },
      { role: 'tool', parts: [
        { type: 'tool_result', ...result, parts: [{ type: 'text', text: 'rain' }] }] },
      { role: 'user', parts: [{ type: 'text', text: 'And?' }] },
    ],
    tools: ['weather', 'news'].map((name) => (
      { name, description: `The ${name}`, schema: SCHEMA })),
    tool_choice: 'auto',
    max_tokens: 900,
    temperature: 0.5,
    top_p: 0.9,
    stop: ['END', 'STOP'],
  };
}
