/**
 * Two clocks or one, by what real systems said of both streams, and what was glimpsed of their counters: seconds after a sound check, microphone less output, ms, as
 * Chromium told and counted them.
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Apart } from "../../src/unisono/web/static/engine/apart.js";

const ONE_CARD = {
  calm: [0.0, -0.0, -0.0, 0.0, 0.0, 0.0, 0.0, -0.0, 0.0, -0.1, -0.0, 0.0, -0.0, -0.0, 0.0, 0.0, 0.0, -0.0, -0.0, -0.0, -0.0, -0.1, -0.0, 0.0, -0.1, -0.0, 0.0, 0.0],
  "just opened": [5.0, 15.3, 21.5, 26.5, 26.1, 26.5, 16.2, 8.3, 8.6, 3.5, 0.1, 0.1, -0.0, 0.0, 0.0, -0.0, 0.1, -0.1, -0.1, -0.1, -0.1, -0.1, -0.0, -0.0, -0.0, -0.0, -0.1, -0.1],
  "held up": [-0.0, -0.1, -0.1, -0.1, -0.1, -0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.2, 0.7, 0.8, 1.0, 0.0, -0.0, 0.0, -0.0, -0.0, -0.0, -0.0, -0.0, -0.0, 0.0],
};

/** Glimpses are late by up to a millisecond. @param {number[]} said @param {number} ppm of the microphone's clock more than the output's */
function asked(said, ppm) {
  const output = said.map((_, i) => 0.5 * Math.sin(7 * i)), microphone = output.map((ms, i) => ms + 0.2 * Math.sin(5 * i) + ppm * 1e-3 * i);
  return watched(output, microphone, said.map((ms, i) => ms + ppm * 1e-3 * i));
}

/** Asks once a second, as the watch does. @param {number[]} output glimpsed @param {number[]} microphone glimpsed @param {number[]} said of both @param {number} [sinceMs] the middle of the sound check */
function watched(output, microphone, said, sinceMs = 0) {
  const apart = new Apart();
  apart.since(sinceMs);
  return said.map((_, seconds) => {
    const seen = said.flatMap((_, i) => (i <= seconds && !Number.isNaN(microphone[i]) ? [i] : []));
    const [first, second, told] = [output, microphone, said].map((all) => seen.map((i) => ({ x: 1000 * i, y: all[i] })));
    return { seconds, line: apart.line(first, second, told.filter(({ y }) => !Number.isNaN(y))) };
  });
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

/** On one card, seen from the beginning of the sound check, what the system said of both crept apart for a quarter of a minute, though the counters never did. */
const CREEPING = {
  "two milliseconds": {
    checkedMs: 2024,
    seen: [0, 0.34, 0.66, NaN, NaN, 0.15, 0.8, 0.83, 0.62, 0.62, 0.74, 0.69, 0.75, 0.15, 0.61, 0.11, 0.18, 0.73, 0.79, 0.82, 0.32, 0.88, 0.48, 0.26, 0.71, 0.75, 0.73, -0.51, -0.52, 0.04],
    said: [0, 0.91, 1.13, NaN, NaN, -0.7, -1.42, -1.13, -1.7, -2.01, -1.79, -2.11, -2.27, -2.14, -2.23, -2.33, -2.25, -2.33, -2.46, -2.37, -2.48, -2.42, -2.42, -2.43, -2.41, -2.41, -2.41, -2.49, -2.56, -2.48],
  },
  "seventeen": {
    checkedMs: 2532,
    seen: [0, -0.48, -0.2, -0.47, NaN, NaN, -0.28, -0.38, -0.34, -0.12, -0.5, -0.32, -0.57, -0.56, -0.62, -0.48, -0.23, -0.53, -0.29, -0.08, -0.76, -0.68],
    said: [0, 2.8, -4.72, -9.03, NaN, NaN, -13.47, -12.72, -14.82, -15.77, -15.34, -16.3, -16.77, -16.52, -16.92, -17.19, -17.02, -17.33, -17.53, -17.41, -17.49, -17.6],
  },
};

for (const [name, { checkedMs, seen, said }] of Object.entries(CREEPING)) {
  test(`one card, whose times creep by ${name}: counters that stand beside each other are believed`, () => {
    const lines = watched(seen.map(() => 0), seen, said, checkedMs);
    assert.ok(lines.every(({ line }) => !line?.believed));
    const marked = lines.filter(({ seconds, line }) => line?.suspected && Math.abs(line.at(1000 * seconds)) > 0.7);
    assert.ok(marked.length <= 2, `${marked.length} seconds would be marked`);
  });
}

/** @param {number} seed @returns {() => number} 0..1, the same every time */
function randoms(seed) {
  let state = seed;
  return () => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647;
}

/** About normally distributed, of this deviation. @param {number} seed @param {number} count @param {number} deviation */
function noise(seed, count, deviation) {
  const random = randoms(seed);
  return Array.from({ length: count }, () => deviation * 2 * (random() + random() + random() - 1.5));
}

test("times of one card that creep evenly for half a minute hardly ever steer anything", () => {
  for (const ppm of [-15, -30, -60]) {
    const believed = Array.from({ length: 40 }, (_, run) => run + 1).filter((run) => {
      const seen = noise(run, 30, 0.3), said = noise(run + 100, 30, 0.05).map((ms, i) => ms + ppm * 1e-3 * i);
      return watched(seen.map(() => 0), seen, said).some(({ line }) => line?.believed);
    });
    assert.ok(believed.length <= 6, `${believed.length} of 40 at ${ppm} ppm`);
  }
});

test("where the system says nothing, a step is not two clocks", () => {
  for (const stepMs of [0.7, 1, 1.4]) {
    const believed = Array.from({ length: 40 }, (_, run) => run + 1).filter((run) => {
      const microphone = noise(run, 40, 0.15).map((ms, i) => ms + (i < 20 ? 0 : stepMs)), apart = new Apart();
      apart.since(0);
      const [first, second] = [microphone.map(() => 0), microphone].map((all) => all.map((y, i) => ({ x: 1000 * i, y })));
      return microphone.some((_, i) => apart.line(first.slice(0, i + 1), second.slice(0, i + 1), null)?.believed);
    });
    assert.ok(believed.length <= 8, `${believed.length} of 40 after ${stepMs} ms`);
  }
});

test("two clocks that are known already are not mistaken after a doubt, when few glimpses have been had since", () => {
  for (let run = 1; run <= 20; run++) {
    const apart = new Apart(), ppm = 40;
    apart.since(0);
    const points = (/** @type {number[]} */ all) => all.map((ms, i) => ({ x: 1000 * i, y: ms + ppm * 1e-3 * i }));
    const still = noise(1, 120, 0).map((_, i) => ({ x: 1000 * i, y: 0 })), seen = points(noise(run, 120, 0.4)), told = points(noise(run + 50, 120, 0.05));
    const asked = (/** @type {number} */ from, /** @type {number} */ to) => apart.line(still.slice(from, to), seen.slice(from, to), told.slice(from, to));
    for (let to = 1; to <= 60; to++) asked(0, to);
    const before = asked(0, 60);
    assert.ok(before?.believed);
    apart.goOn(60_000, before.at(60_000));
    for (let to = 61; to <= 120; to++) {
      const line = asked(60, to);
      if (line) assert.ok(Math.abs(line.at(1000 * to) - ppm * 1e-3 * to) < 0.7, `${line.at(1000 * to)} at ${to} s, run ${run}`);
    }
  }
});

/**
 * Watched from one sound check on, second by second; two cards are rough, and the microphone's blocks beat with their arrival; of the last two minutes.
 * @param {Apart} apart @param {number} ppm @param {number} seconds @param {number} seed
 */
function watchedOn(apart, ppm, seconds, seed) {
  const [beatMs, roughMs] = ppm ? [3, 0.15] : [0, 0.05];
  apart.since(0);
  const goesApart = (/** @type {number} */ ms, /** @type {number} */ i) => ({ x: 1000 * i, y: ms + ppm * 1e-3 * i });
  const still = Array.from({ length: seconds }, (_, i) => ({ x: 1000 * i, y: 0 }));
  const seen = noise(seed, seconds, 0.3).map((ms, i) => goesApart(ms + beatMs * ((0.7 * i + seed / 3) % 1), i)), told = noise(seed + 50, seconds, roughMs).map(goesApart);
  return still.map(({ x }, i) => {
    const [first, second, times] = [still, seen, told].map((all) => all.slice(Math.max(0, i - 119), i + 1));
    const line = apart.line(first, second, times);
    return { seconds: i, line, asideMs: Math.abs((line?.believed ? line.at(x) : 0) - ppm * 1e-6 * x), openMs: line?.believed ? line.openMs(x) : 0 };
  });
}

test("how two devices' clocks go apart is known from the first second when their streams are opened anew", () => {
  for (const ppm of [-100, 40, 100]) {
    for (let run = 1; run <= 10; run++) {
      const first = new Apart();
      watchedOn(first, ppm, 60, run);
      let known = first.known;
      assert.ok(known, `${ppm} ppm, run ${run}`);
      for (let opening = 1; opening <= 4; opening++) {
        /** @type {Apart} */
        const again = new Apart(known);
        for (const { seconds, line, asideMs, openMs } of watchedOn(again, ppm, 40, 100 * opening + run)) {
          assert.ok(line?.believed);
          assert.ok(asideMs < 0.5 || openMs > 0.7, `${asideMs} ms aside at ${seconds} s, opened ${opening} times, ${ppm} ppm, run ${run}`);
        }
        known = again.known;
        assert.ok(known && Math.abs(known.slope - ppm * 1e-6) < known.open);
      }
    }
  }
});

test("one clock is nothing that could be known again", () => {
  const apart = new Apart();
  watchedOn(apart, 0, 60, 1);
  assert.equal(apart.known, null);
});

test("what was known of other devices is doubted as soon as the counters can be seen, and forgotten when they are known better", () => {
  for (const { ppm, shiftedMax } of [{ ppm: 0, shiftedMax: 0 }, { ppm: -80, shiftedMax: 0 }, { ppm: 40, shiftedMax: 80 }, { ppm: 60, shiftedMax: 80 }]) {
    let shifted = 0;
    for (let run = 1; run <= 10; run++) {
      const apart = new Apart({ slope: 100e-6, open: 8e-6 });
      shifted += watchedOn(apart, ppm, 110, run).slice(20).filter(({ asideMs, openMs }) => asideMs > 0.7 && openMs < 0.7).length;
      const { known } = apart;
      if (ppm === 0) assert.equal(known, null);
      else if (known) assert.ok(Math.abs(known.slope - ppm * 1e-6) < known.open, `${JSON.stringify(known)}, ${ppm} ppm, run ${run}`);
    }
    assert.ok(shifted <= shiftedMax, `${shifted} of 900 seconds sure and shifted at ${ppm} ppm`);
  }
});

test("what is known a little wrong is wrong by as much in every stretch of a long song, and that is said", () => {
  for (const wrongBy of [-5, 5]) {
    for (let run = 1; run <= 5; run++) {
      const lines = watchedOn(new Apart({ slope: (100 + wrongBy) * 1e-6, open: 5e-6 }), 100, 300, run);
      const shifted = lines.filter(({ asideMs, openMs }) => asideMs > 0.8 && openMs < 0.7);
      assert.deepEqual(shifted.map(({ seconds }) => seconds), [], `wrong by ${wrongBy} ppm, run ${run}`);
    }
  }
});

test("what is known of two clocks is never surer than crystals are", () => {
  const apart = new Apart({ slope: 100e-6, open: 1e-9 });
  apart.since(0);
  assert.equal(apart.known?.open, 5e-6);
});

const CHECKED_MS = 2_300;

/** Two cards apart: both the microphone's counter and its times are rough. */
const APART_PPM = {
  98: {
    seen: [0.0, 0.8, 1.5, 0.9, 1.8, 2.0, -0.1, 1.2, 1.6, 1.9, 2.8, 0.8, 1.5, 1.7, 2.8, 3.1, 0.7, 1.6, 1.9, 2.4, 3.3, 0.8, 1.8, 2.7, 3.0, 3.3, 4.1, 1.9, 1.9, 3.1, 3.8, 4.2, 2.5, 2.7, 3.3, 4.0, 4.5, 3.0, 2.8, 3.7],
    said: [0.0, 0.4, 0.2, 0.6, 0.8, 1.0, 0.6, 1.0, 1.0, 1.1, 1.4, 0.8, 1.4, 1.5, 1.6, 1.9, 1.6, 1.7, 1.9, 2.0, 2.1, 2.6, 2.2, 2.8, 2.9, 2.5, 2.9, 3.1, 3.1, 3.4, 3.2, 3.7, 3.7, 3.2, 3.9, 3.9, 3.7, 4.1, 4.1, 3.9],
  },
  "-100": {
    seen: [0.0, -2.1, -1.4, -1.4, -2.5, -0.8, -1.1, -0.7, -2.1, -2.2, -0.6, -3.7, -2.7, -1.7, -1.7, -1.1, -2.5, -2.4, -2.2, -1.3, -3.5, -2.3, -2.4, -1.9, -3.9, -3.1, -2.3, -2.0, -1.0, -3.8, -3.0, -2.9, -4.2, -4.0, -3.5, -2.8, -2.5, -4.0, -3.8, -3.8],
    said: [0.0, 0.1, 0.2, -0.4, -1.1, -0.3, -1.5, -0.6, -0.5, -0.8, -0.6, -1.0, -1.7, -1.0, -1.5, -1.9, -1.3, -1.9, -2.0, -1.7, -2.3, -1.9, -2.1, -2.4, -2.2, -2.2, -2.7, -2.4, -2.5, -2.5, -2.5, -3.2, -2.8, -3.8, -3.2, -3.4, -3.6, -3.7, -3.6, -3.9],
  },
};

for (const [ppm, { seen, said }] of Object.entries(APART_PPM)) {
  test(`two cards ${ppm} ppm apart, all of it rough: believed within half a minute, and hardly further aside than is said`, () => {
    const lines = watched(seen.map(() => 0), seen, said, CHECKED_MS);
    assert.ok(lines[30].line?.believed);
    for (const { seconds, line } of lines) {
      if (!line?.believed) continue;
      const asideMs = Math.abs(line.at(1000 * seconds) - Number(ppm) * 1e-6 * (1000 * seconds - CHECKED_MS));
      assert.ok(asideMs < 0.8 || line.openMs(1000 * seconds) > 0.7, `${asideMs} ms aside at ${seconds} s`);
    }
  });
}

/** A microphone 98 ppm faster than the ears, whose own times are good to half a millisecond. */
const ROUGH = [-1.3, 0.9, 8.5, 9.6, 13.2, 4.8, 5.1, 4.7, 1.3, 1.4, -0.6, -0.6, -0.5, -0.9, 0.0, -0.6, 0.1, 0.4, 0.2, 0.6, 0.7, 0.6, 0.9, 0.3, 0.7, 1.1, 0.7, 1.5, 1.4, 0.6, 0.8, 1.4, 1.4, 1.8, 0.9, 1.6, 1.6, 2.0, 1.9, 2.6, 1.5, 1.8, 2.6, 2.3, 2.8, 2.6, 2.4, 2.8, 3.4, 3.2];

test("two clocks are told by rough times too, if it takes half a minute", () => {
  const still = ROUGH.map(() => 0);
  const lines = watched(still, still.map((_, i) => 0.098 * i + 0.3 * Math.sin(5 * i)), ROUGH);
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
  const random = randoms(7);
  for (let run = 0; run < 4; run++) {
    const apart = new Apart(), told = [], glimpses = [], counted = [];
    apart.since(0);
    let wrong = 0, believed = 0;
    for (let seconds = 0; seconds < 400; seconds++) {
      glimpses.push({ x: 1000 * seconds, y: 0 });
      counted.push({ x: 1000 * seconds, y: 0.03 * seconds });
      told.push({ x: 1000 * seconds, y: 0.03 * seconds + 0.6 * (random() + random() + random() - 1.5) });
      const line = apart.line(glimpses.slice(-120), counted.slice(-120), told.slice(-120));
      if (!line?.believed) continue;
      believed += 1;
      wrong += Number(Math.abs(line.at(1000 * seconds) - 0.03 * seconds) > 0.7 && line.openMs(1000 * seconds) < 0.7);
    }
    assert.ok(believed > 100, `${believed}`);
    assert.equal(wrong, 0, `${wrong} of ${believed} seconds are further aside than they say`);
  }
});
