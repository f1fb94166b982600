/** Two clocks or one, by what real systems said of both streams: seconds after a sound check, microphone less output, ms, as Chromium told them on one card. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Apart } from "../../src/unisono/web/static/engine/apart.js";

const ONE_CARD = {
  calm: [0.0, -0.0, -0.0, 0.0, 0.0, 0.0, 0.0, -0.0, 0.0, -0.1, -0.0, 0.0, -0.0, -0.0, 0.0, 0.0, 0.0, -0.0, -0.0, -0.0, -0.0, -0.1, -0.0, 0.0, -0.1, -0.0, 0.0, 0.0],
  "just opened": [5.0, 15.3, 21.5, 26.5, 26.1, 26.5, 16.2, 8.3, 8.6, 3.5, 0.1, 0.1, -0.0, 0.0, 0.0, -0.0, 0.1, -0.1, -0.1, -0.1, -0.1, -0.1, -0.0, -0.0, -0.0, -0.0, -0.1, -0.1],
  "held up": [-0.0, -0.1, -0.1, -0.1, -0.1, -0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.2, 0.7, 0.8, 1.0, 0.0, -0.0, 0.0, -0.0, -0.0, -0.0, -0.0, -0.0, -0.0, 0.0],
};

/** Asks once a second, as the watch does; glimpses are late by up to a millisecond. @param {number[]} said @param {number} ppm of the microphone's clock more than the output's */
function asked(said, ppm) {
  const apart = new Apart();
  apart.since(0);
  const glimpses = said.map((_, i) => ({ x: 1000 * i, y: 0.5 * Math.sin(7 * i) }));
  const told = said.map((ms, i) => ({ x: 1000 * i, y: ms + ppm * 1e-3 * i }));
  return said.map((_, i) => ({ seconds: i, line: apart.line(glimpses.slice(0, i + 1), glimpses.slice(0, i + 1), told.slice(0, i + 1)) }));
}

for (const [name, said] of Object.entries(ONE_CARD)) {
  test(`one card, ${name}: nobody believes in two clocks, nor marks a stem`, () => {
    for (const { seconds, line } of asked(said, 0)) assert.ok(!line?.believed && !(line?.suspected && Math.abs(line.at(1000 * seconds)) > 0.7), `at ${seconds} s`);
  });
  for (const ppm of [-60, 100]) {
    test(`two clocks ${ppm} ppm apart, ${name}: marked before it matters, or as soon as anything can be told, then followed to half a millisecond`, () => {
      const lines = asked(said, ppm);
      for (const { seconds, line } of lines.slice(name === "calm" ? 12 : 20)) assert.ok(line?.suspected || line?.believed, `at ${seconds} s`);
      for (const { seconds, line } of lines) if (line?.believed) assert.ok(Math.abs(line.at(1000 * seconds) - ppm * 1e-3 * seconds) < 0.5, `at ${seconds} s: ${line.at(1000 * seconds)}`);
      if (name === "calm") assert.ok(lines[lines.length - 1].line?.believed);
    });
  }
}

/** A microphone 98 ppm faster than the ears, whose own times are good to half a millisecond. */
const ROUGH = [-1.3, 0.9, 8.5, 9.6, 13.2, 4.8, 5.1, 4.7, 1.3, 1.4, -0.6, -0.6, -0.5, -0.9, 0.0, -0.6, 0.1, 0.4, 0.2, 0.6, 0.7, 0.6, 0.9, 0.3, 0.7, 1.1, 0.7, 1.5, 1.4, 0.6, 0.8, 1.4, 1.4, 1.8, 0.9, 1.6, 1.6, 2.0, 1.9, 2.6, 1.5, 1.8, 2.6, 2.3, 2.8, 2.6, 2.4, 2.8, 3.4, 3.2];

test("two clocks are told by rough times too, if it takes half a minute", () => {
  const lines = asked(ROUGH, 0);
  for (const { seconds, line } of lines.slice(30)) assert.ok(line?.suspected || line?.believed, `at ${seconds} s`);
  const { seconds, line } = lines[lines.length - 1];
  assert.ok(line?.believed && Math.abs(line.slope * 1e6 - 98) < 20, `${line?.slope} at ${seconds} s`);
  const believed = lines.flatMap(({ seconds, line }) => (line?.believed ? [{ asideMs: Math.abs(line.at(1000 * seconds) - 0.098 * seconds), openMs: line.openMs(1000 * seconds) }] : []));
  assert.ok(believed.some(({ asideMs }) => asideMs > 1), "they are a millisecond aside at times");
  for (const { asideMs, openMs } of believed) assert.ok(asideMs < 0.7 || openMs > 0.7, `${asideMs} ms aside, ${openMs} open`);
});

test("rough times of one clock are nothing but rough", () => {
  const even = ROUGH.map((ms, i) => ms - 0.098 * i).slice(12);
  for (const said of [even, even.map((ms) => -ms), [...even].reverse(), [...even, ...even, ...even]]) {
    for (const { seconds, line } of asked(said, 0)) assert.ok(!line?.believed && !(line?.suspected && Math.abs(line.at(1000 * seconds)) > 0.7), `at ${seconds} s`);
  }
});

test("where the system says nothing, glimpses decide, and no slope that sound cards cannot have", () => {
  const seen = (/** @type {number} */ ppm, /** @type {number} */ phase) => Array.from({ length: 40 }, (_, i) => ({ x: 1000 * i, y: ppm * 1e-3 * i - Math.abs(0.4 * Math.sin(5 * i + phase)) }));
  for (const [ppm, believed] of /** @type {[number, boolean][]} */ ([[0, false], [100, true], [2_000, false]])) {
    const apart = new Apart();
    apart.since(0);
    assert.equal(apart.line(seen(0, 0), seen(ppm, 1), null)?.believed, believed, `${ppm} ppm`);
  }
});

test("how far the line may be aside stays said when what it was found from is left behind", () => {
  let seed = 7;
  const random = () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
  for (let run = 0; run < 4; run++) {
    const apart = new Apart(), told = [], glimpses = [];
    apart.since(0);
    let wrong = 0, believed = 0;
    for (let seconds = 0; seconds < 400; seconds++) {
      glimpses.push({ x: 1000 * seconds, y: 0 });
      told.push({ x: 1000 * seconds, y: 0.03 * seconds + 0.6 * (random() + random() + random() - 1.5) });
      const line = apart.line(glimpses.slice(-120), glimpses.slice(-120), told.slice(-120));
      if (!line?.believed) continue;
      believed += 1;
      wrong += Number(Math.abs(line.at(1000 * seconds) - 0.03 * seconds) > 0.7 && line.openMs(1000 * seconds) < 0.7);
    }
    assert.ok(believed > 100, `${believed}`);
    assert.equal(wrong, 0, `${wrong} of ${believed} seconds are further aside than they say`);
  }
});
