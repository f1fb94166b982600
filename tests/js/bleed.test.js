/** Does the microphone hear what plays? Clicks of a count-in, in rooms and through tin. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Bleed, bleedOf } from "../../src/unisono/web/static/engine/bleed.js";

const START = 96_000, COUNT_IN = 96_000;

/** @param {number} seed */
function noise(seed) {
  let state = seed;
  return () => ((state = (1_103_515_245 * state + 12_345) % 2 ** 31) / 2 ** 30) - 1;
}

/** Four clicks. */
const clicks = Float32Array.from({ length: COUNT_IN }, (_, i) => {
  const since = i % 24_000;
  return since < 2_400 ? 0.5 * Math.exp(-since / 400) * Math.sin(since * 0.13) : 0;
});

/** @param {(i: number) => number} microphone */
function judge(microphone) {
  const bleed = new Bleed(START, clicks);
  for (let position = START - 500; position < START + COUNT_IN + 2_000; position += 960) bleed.add(position, Float32Array.from({ length: 960 }, (_, i) => microphone(position + i - START)));
  return bleedOf(bleed.sounds);
}

/** @param {number} i */
const click = (i) => (i >= 0 && i < COUNT_IN ? clicks[i] : 0);

test("loudspeakers across the room are heard, in noise and with an echo", () => {
  const random = noise(1);
  const told = judge((i) => 0.05 * (click(i - 400) - 0.6 * click(i - 700) + 0.4 * click(i - 1_500)) + 0.0005 * random());
  assert.equal(told.heard, true);
  assert.ok(told.dbfs > -60 && told.share > 0.4);
});

test("a quiet room, breath, and somebody who taps along in their own time are not the loudspeakers", () => {
  const random = noise(2);
  assert.equal(judge(() => 0).heard, false);
  assert.equal(judge(() => 0.001 * random()).heard, false);
  assert.equal(judge((i) => 0.1 * Math.sin(i * 0.03) * Math.abs(Math.sin(i / 9_000)) + 0.001 * random()).heard, false);
  assert.equal(judge((i) => 0.2 * click(i + 5_000) + 0.001 * random()).heard, false);
});

test("a trace at the edge of hearing is let be", () => {
  assert.equal(judge((i) => 0.0001 * click(i - 100)).heard, false);
});
