/** The watch over the open streams, on simulated counters: bursts, late glimpses, drift, stalls. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { LoopWatch } from "../../src/unisono/web/static/engine/watch.js";

const BURST = 1_024, PER_MS = 48;

/** @param {number} seed @returns {() => number} 0..1, the same every time */
function randoms(seed) {
  let state = seed;
  return () => ((state = (1_103_515_245 * state + 12_345) % 2 ** 31) / 2 ** 31);
}

/**
 * A page for `seconds`: both counters go up in bursts and are seen late, mostly a little, sometimes a lot. The round trip is measured from 4 to 10 s.
 * @param {{seconds?: number, cardPpm?: number, apartPpm?: number, silence?: {atMs: number, frames: number}, deepened?: {atMs: number, frames: number},
 *   lostSound?: {atMs: number, frames: number}, soundsLater?: {atMs: number, frames: number}, heldUp?: {atMs: number, forMs: number}, underrunAtMs?: number,
 *   apart?: boolean, lateMs?: number, devicesAtMs?: number, teethMs?: number, busyAtMs?: number, timed?: boolean,
 *   known?: import("../../src/unisono/web/static/engine/apart.js").Clocks | null}} setup  teethMs: the microphone's blocks beat against
 *   their reader, every 6.5 s; busyAtMs: from then on they are 3 ms late; timed: the system says when they were heard;
 *   known: of the clocks, from streams that were open before
 */
function watched({ seconds = 40, cardPpm = 80, apartPpm = 0, silence, deepened, lostSound, soundsLater, heldUp, underrunAtMs = Infinity, apart = true, lateMs = 2, devicesAtMs, teethMs = 0, busyAtMs = Infinity, timed = false, known = null }) {
  const watch = new LoopWatch(48_000, apart, known);
  const random = randoms(7);
  const perMs = PER_MS * (1 + cardPpm * 1e-6);
  const late = () => (random() < 0.02 ? 15 * random() : lateMs * random());
  /** @type {{ms: number, act: () => void}[]} */
  const events = [];
  const after = (/** @type {{atMs: number, frames: number} | undefined} */ step, /** @type {number} */ ms) => (step && ms >= step.atMs ? step.frames : 0);
  const seen = (/** @type {number} */ ms) => (heldUp && ms >= heldUp.atMs && ms < heldUp.atMs + heldUp.forMs ? heldUp.atMs + heldUp.forMs : ms) + late();
  for (let frame = 0, ms = 0; ms < seconds * 1000; frame += BURST) {
    ms = (frame + after(silence, ms) - after(deepened, ms)) / perMs;
    const count = frame, at = seen(ms) - (ms < 2_000 ? 6 : 0); // a stream that was just opened runs ahead
    events.push({ ms: at, act: () => watch.output(at, count) });
  }
  for (let frame = 0, ms = 0; ms < seconds * 1000; frame += BURST) {
    ms = (frame + after(lostSound, ms)) / (perMs * (1 + apartPpm * 1e-6)) + 7;
    const count = frame + 300_000, at = seen(ms) + teethMs * (1 - (ms % 6_500) / 6_500) + (ms > busyAtMs ? 3 : 0);
    events.push({ ms: at, act: () => watch.microphone(at, count, timed ? ms + 5_000 : NaN) });
  }
  for (let ms = 50; ms < seconds * 1000; ms += 100) {
    const line = cardPpm * 1e-6 * ms - (after(silence, ms) + after(soundsLater, ms)) / PER_MS + 0.3 * random();
    events.push({ ms, act: () => watch.line(ms, line, ms > underrunAtMs ? 1 : 0) });
  }
  events.push({ ms: 10_000, act: () => watch.measured(4_000, 10_000) });
  if (devicesAtMs) events.push({ ms: devicesAtMs, act: () => watch.devices(devicesAtMs) });
  /** @type {(import("../../src/unisono/web/static/engine/watch.js").Verdict & {at: number})[]} */
  const verdicts = [];
  for (const { ms, act } of events.sort((a, b) => a.ms - b.ms)) {
    act();
    for (const verdict of watch.verdicts()) verdicts.push({ ...verdict, at: ms });
  }
  return verdicts;
}

/** What may be two clocks marks the stem, and is nothing more. @param {import("../../src/unisono/web/static/engine/watch.js").Verdict} verdict */
const isNoGuess = (verdict) => verdict.type !== "follow" || verdict.believed;

test("nothing happens, and nothing is said, however the card drifts", () => {
  for (const cardPpm of [-300, -50, 0, 120, 300]) assert.deepEqual(watched({ cardPpm, seconds: 90 }), []);
});

test("silence in the output moves the round trip by just so much, from where it was put in", () => {
  for (const frames of [4_223, 1_024, 9_600]) {
    const [doubt, moved, ...rest] = watched({ silence: { atMs: 20_000, frames } }).filter(isNoGuess);
    if (frames < 40 * PER_MS) {
      assert.equal(moved.type, "lost", "too short to be seen at once: where it began is not known");
      continue;
    }
    assert.equal(doubt.type, "doubt");
    assert.ok(doubt.at < 20_000 + frames / PER_MS + 150, `doubted after ${doubt.at - 20_000} ms`);
    assert.ok(moved.type === "moved");
    assert.ok(Math.abs(moved.frames - frames) < 0.5 * PER_MS, `${moved.frames} for ${frames}`);
    assert.ok(Math.abs(moved.since - 20_000 * PER_MS * (1 + 80e-6)) < 2 * BURST);
    assert.deepEqual(rest, []);
  }
});

test("a page that was held up for a while is in doubt and settles", () => {
  assert.deepEqual(watched({ heldUp: { atMs: 20_000, forMs: 700 } }).filter(({ type }) => type !== "doubt" && type !== "settled"), []);
});

test("an underrun that moved nothing settles", () => {
  const verdicts = watched({ underrunAtMs: 20_000 });
  assert.deepEqual(verdicts.map(({ type }) => type), ["doubt", "settled"]);
  assert.ok(verdicts[1].at < 27_000);
});

test("sound that the microphone lost, or an output that plays from further ahead, is not corrected: nobody knows which it was", () => {
  for (const setup of [{ lostSound: { atMs: 20_000, frames: 2_048 } }, { deepened: { atMs: 20_000, frames: 2_048 } }]) {
    assert.deepEqual(watched(setup).filter(isNoGuess).map(({ type }) => type), ["doubt", "lost"]);
  }
});

test("two clocks are followed for five minutes, and what is not followed yet is marked; one clock is not", () => {
  for (const [apartPpm, teethMs] of [[100, 0], [100, 2.8], [-60, 2.8], [40, 0], [20, 0]]) {
    const verdicts = watched({ apartPpm, teethMs, seconds: 300 });
    const errors = verdicts.map((verdict) => {
      assert.equal(verdict.type, "follow");
      return verdict.type === "follow" && verdict.believed ? Math.abs(verdict.frames / PER_MS - apartPpm * 1e-6 * (verdict.ms - 7_000)) : 0;
    });
    const worstMs = Math.max(...errors);
    const believed = verdicts.find((verdict) => verdict.type === "follow" && verdict.believed);
    assert.ok(believed && believed.at < (teethMs ? 65_000 : 25_000), `believed after ${believed?.at} ms at ${apartPpm} ppm`);
    assert.ok(worstMs < 0.3, `${worstMs} ms aside at ${apartPpm} ppm`);
  }
  assert.deepEqual(watched({ seconds: 300 }), []);
  assert.deepEqual(watched({ seconds: 300, teethMs: 2.8 }).filter(isNoGuess), []);
});

test("two clocks that were known before the streams were opened are followed from the sound check on", () => {
  for (const teethMs of [0, 2.8]) {
    const verdicts = watched({ apartPpm: 100, teethMs, known: { slope: 95e-6, open: 10e-6 } });
    assert.equal(verdicts[0].at, 10_000);
    for (const verdict of verdicts) {
      assert.ok(verdict.type === "follow" && verdict.believed);
      assert.ok(Math.abs(verdict.frames / PER_MS - 100e-6 * (verdict.ms - 7_000)) < 0.3, `at ${verdict.ms} ms: ${verdict.frames / PER_MS}`);
    }
  }
});

test("doubts that settle cost two clocks nothing of their line", () => {
  for (const underrunAtMs of [20_000, 35_000]) {
    const verdicts = watched({ apartPpm: 100, seconds: 70, underrunAtMs, heldUp: { atMs: 50_000, forMs: 900 }, known: { slope: 100e-6, open: 10e-6 } });
    assert.ok(verdicts.filter(({ type }) => type === "settled").length >= 2);
    const followed = verdicts.flatMap((verdict) => (verdict.type === "follow" ? [verdict.frames / PER_MS - 100e-6 * (verdict.ms - 7_000)] : []));
    assert.ok(Math.max(...followed.map(Math.abs)) < 0.15, `${Math.min(...followed)} to ${Math.max(...followed)} ms aside`);
  }
});

test("without a count of the microphone's own there is doubt and no answer", () => {
  assert.deepEqual(watched({ apart: false, seconds: 90 }), []);
  assert.deepEqual(watched({ apart: false, silence: { atMs: 20_000, frames: 4_800 } }).map(({ type }) => type), ["doubt", "lost"]);
});

test("a machine that is busy for long is told from a stream that moved where the system says when it heard", () => {
  assert.equal(watched({ busyAtMs: 20_000 }).some(({ type }) => type === "doubt"), true);
  assert.deepEqual(watched({ busyAtMs: 20_000, timed: true }), []);
  const moved = { lostSound: { atMs: 20_000, frames: 960 }, timed: true };
  assert.deepEqual(watched(moved).filter(isNoGuess).map(({ type }) => type), ["doubt", "lost"]);
});

test("an output that stands still while the microphone goes on is in doubt before it sounds again, however long it stood", () => {
  for (const forMs of [400, 2_000, 10_000]) {
    const [doubt, ...rest] = watched({ seconds: 60, silence: { atMs: 20_000, frames: forMs * PER_MS }, soundsLater: { atMs: 20_000, frames: 180 * PER_MS } });
    assert.equal(doubt.type, "doubt");
    assert.ok(doubt.at < 20_000 + 350, `doubted after ${doubt.at - 20_000} ms`);
    assert.deepEqual(rest.map(({ type }) => type), ["lost"], "other headphones: the counters and the browser's line do not agree");
  }
});

test("a microphone that stands still while the output goes on is in doubt before it is heard again", () => {
  const [doubt, ...rest] = watched({ lostSound: { atMs: 20_000, frames: 700 * PER_MS } });
  assert.ok(doubt.type === "doubt" && doubt.at < 20_000 + 350, `doubted after ${doubt.at - 20_000} ms`);
  assert.deepEqual(rest.map(({ type }) => type), ["lost"]);
});

test("what sounds later from one moment on, though both counters go on as before, is noticed in the browser's own line", () => {
  for (const frames of [12 * PER_MS, -12 * PER_MS, 180 * PER_MS]) {
    const [doubt, ...rest] = watched({ soundsLater: { atMs: 20_000, frames } });
    assert.ok(doubt.type === "doubt" && doubt.at < 23_500, `doubted after ${doubt.at - 20_000} ms`);
    assert.deepEqual(rest.map(({ type }) => type), ["lost"]);
  }
});

test("a device that comes or goes is a doubt that settles, and the loss of the round trip at once where a stream stood still by it", () => {
  assert.deepEqual(watched({ devicesAtMs: 20_000 }).map(({ type }) => type), ["doubt", "settled"]);
  for (const devicesAtMs of [19_000, 23_000]) {
    const lost = watched({ devicesAtMs, silence: { atMs: 20_000, frames: 900 * PER_MS } }).find(({ type }) => type === "lost");
    assert.ok(lost && lost.at < Math.max(20_400, devicesAtMs + 100), `lost at ${lost?.at}`);
  }
});

test("a microphone that hands over at once what it had gathered before counts ahead by just that", () => {
  const watch = new LoopWatch(48_000, true);
  assert.ok(Number.isNaN(watch.aheadMs));
  for (let ms = 0; ms < 4_000; ms += 20) {
    watch.output(ms, ms * PER_MS);
    watch.microphone(ms, (ms + 1_300) * PER_MS);
    if (ms === 1_500) assert.ok(Number.isNaN(watch.aheadMs), "one second is no witness");
  }
  assert.ok(Math.abs(watch.aheadMs - 1_300) < 1, `${watch.aheadMs} ms`);
});

test("where the microphone has no count of its own there is nothing to be ahead", () => {
  const watch = new LoopWatch(48_000, false);
  for (let ms = 0; ms < 4_000; ms += 20) watch.output(ms, ms * PER_MS);
  assert.ok(Number.isNaN(watch.aheadMs));
});
