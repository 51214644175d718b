// SPDX-License-Identifier: Apache-2.0
// Lines of {"part", "text"} on the standard input, disguised by promptfoo's own
// functions: a line of {"family", "part", "text"} for each strategy, which is
// the family. Those that ask a model or a service are left out.
//
// usage: node promptfoo_strategies.mjs NODE_MODULES
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";

const require = createRequire(import.meta.url);
const load = (name) =>
  require(join(process.argv[2], "promptfoo/dist/src/redteam/strategies", name));

const { addBase64Encoding } = load("base64.js");
const { addHexEncoding } = load("hex.js");
const { addHomoglyphs } = load("homoglyph.js");
const { addLeetspeak } = load("leetspeak.js");
const { addRot13 } = load("rot13.js");
const { addOtherEncodings } = load("otherEncodings.js");
const { addInjections } = load("promptInjections/index.js");

const other = (kind) => (tests, name) => addOtherEncodings(tests, name, kind);
const injected = (tests, name) => addInjections(tests, name, {});
const strategies = {
  plain: [],
  base64: [addBase64Encoding],
  hex: [addHexEncoding],
  homoglyph: [addHomoglyphs],
  leetspeak: [addLeetspeak],
  rot13: [addRot13],
  morse: [other("morse")],
  piglatin: [other("piglatin")],
  camelcase: [other("camelcase")],
  emoji: [other("emoji")],
  "prompt-injection": [injected],
  "leetspeak.base64": [addLeetspeak, addBase64Encoding],
  "rot13.base64": [addRot13, addBase64Encoding],
};

for await (const line of createInterface({ input: process.stdin })) {
  const { part, text } = JSON.parse(line);
  for (const [family, steps] of Object.entries(strategies)) {
    let tests = [{ vars: { text } }];
    for (const step of steps) tests = await step(tests, "text");
    const out = { family, part, text: tests[0].vars.text };
    process.stdout.write(JSON.stringify(out) + "\n");
  }
}
