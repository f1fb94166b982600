import assert from "node:assert/strict";
import { test } from "node:test";

import { EARLY_SECONDS, estimateFromTaps, INPUT_SECONDS, KEY_SECONDS, UNCERTAINTY_SECONDS } from "../../src/unisono/web/static/engine/tap.js";

const RATE = 48_000;
const BEAT = 0.6 * RATE;
const CLICKS = Array.from({ length: 20 }, (_, i) => 10_000 + i * BEAT);

/** Evenly spread numbers in [-1, 1), the same in every run. @param {number} seed */
function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

/** A person whose taps follow each click by the output's latency, early as people are. @param {number} output_seconds @param {number} jitter_seconds @param {number} [seed] */
function person(output_seconds, jitter_seconds, seed = 1) {
  const random = randomFrom(seed);
  const aim = (output_seconds - EARLY_SECONDS + KEY_SECONDS) * RATE;
  return CLICKS.map((click) => click + aim + jitter_seconds * RATE * (random() + random()));
}

/** @param {number[]} taps @param {number} output_seconds @param {number} tolerance_seconds */
function assertFinds(taps, output_seconds, tolerance_seconds, known = {}) {
  const answer = estimateFromTaps(CLICKS, taps, RATE, known);
  assert.equal(answer.reason, null);
  assert.equal(answer.accepted, true);
  const error = answer.round_trip_frames / RATE - output_seconds - INPUT_SECONDS;
  assert.ok(Math.abs(error) <= tolerance_seconds, `${error * 1e3} ms off`);
  assert.ok(answer.spread_frames >= UNCERTAINTY_SECONDS * RATE);
  return answer;
}

test("an exact person is found exactly: bias and microphone are added once, with their signs", () => {
  for (const output of [0, 0.02, 0.1, 0.25]) assertFinds(person(output, 0), output, 1e-6);
  const answer = estimateFromTaps(CLICKS, CLICKS, RATE, { input_seconds: 0.1 });
  assert.ok(Math.abs(answer.round_trip_frames / RATE - (EARLY_SECONDS - KEY_SECONDS + 0.1)) < 1e-9);
});

test("an ordinary person is found within the label", () => {
  for (let seed = 1; seed <= 30; seed++) assertFinds(person(0.12, 0.03, seed), 0.12, 0.02);
});

test("first taps, one missed beat, one double tap and one far off change little", () => {
  const taps = person(0.12, 0.01);
  taps[0] += 0.2 * RATE;
  taps[1] -= 0.15 * RATE;
  taps[9] += 0.25 * RATE;
  taps.push(taps[12] + 0.09 * RATE);
  taps.splice(5, 1);
  assertFinds(taps.reverse(), 0.12, 0.01);
});

test("Bluetooth's output of more than half a beat needs the browser's hint", () => {
  const taps = person(0.42, 0.01);
  assertFinds(taps, 0.42, 0.01, { output_hint_seconds: 0.3 });
  assert.equal(estimateFromTaps(CLICKS, taps, RATE).reason, "ambiguous");
});

test("few taps, wild taps and taps in another tempo refuse", () => {
  assert.equal(estimateFromTaps(CLICKS, person(0.1, 0).slice(0, 9), RATE).reason, "too_few");
  assert.equal(estimateFromTaps(CLICKS, [], RATE).reason, "too_few");
  assert.equal(estimateFromTaps(CLICKS, CLICKS.map(() => NaN), RATE).reason, "too_few");
  const random = randomFrom(7);
  assert.equal(estimateFromTaps(CLICKS, CLICKS.map((click) => click + 0.3 * RATE * random()), RATE).reason, "uneven");
  assert.equal(estimateFromTaps(CLICKS, CLICKS.map((_, i) => 10_000 + i * 1.07 * BEAT), RATE).reason, "uneven");
  const answer = estimateFromTaps(CLICKS, [], RATE);
  assert.ok(!answer.accepted && Number.isNaN(answer.round_trip_frames) && Number.isNaN(answer.spread_frames));
});
