/**
 * What a voice knows of the clocks of its devices outlives the streams by which it was learned, and nothing else does; what a sound check found holds for the
 * count by which it was found.
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Voice } from "../../src/unisono/web/static/engine/voice.js";

const CLOCKS = { slope: 100e-6, open: 8e-6 };
const USB = "USB microphone, speakers";

/** @param {string} devices */
async function opened(devices) {
  const delivery = { begin: () => undefined, finish: () => undefined, add: () => undefined };
  const voice = new Voice(/** @type {any} */ (delivery), { onTalk: () => undefined, tell: () => undefined }, /** @type {any} */ ({ age: () => 0, sent: () => undefined }));
  const frames = { ready: true, at: () => 0, perMs: 48 };
  voice.ear = /** @type {any} */ ({ contextRate: 48_000, shared: false, frames, port: { postMessage: () => undefined }, heardNow: () => NaN });
  await open(voice, devices);
  return voice;
}

/** @param {Voice} voice @param {string} devices */
const open = (voice, devices) => voice.open({ readable: null, port: /** @type {any} */ ({ postMessage: () => undefined, close: () => undefined }), devices });

/** As if that had been learned. @param {Voice} voice */
function learn(voice) {
  Object.defineProperty(voice._watch, "clocks", { value: CLOCKS });
  voice.setCheck({ round_trip_samples: 4_800, unsure: false, output: "headphones" });
}

test("streams opened anew on the same devices know their clocks, however often", async () => {
  const voice = await opened(USB);
  assert.equal(voice._watch?.clocks, null);
  learn(voice);
  voice.close();
  await open(voice, USB);
  assert.deepEqual(voice._watch?.clocks, CLOCKS);
  await open(voice, USB);
  assert.deepEqual(voice._watch?.clocks, CLOCKS);
});

test("other devices, or some that are not named, have clocks that nobody knows", async () => {
  for (const [before, after] of [[USB, "internal microphone, speakers"], [USB, ""], ["", ""]]) {
    const voice = await opened(before);
    learn(voice);
    await open(voice, after);
    assert.equal(voice._watch?.clocks, null);
    await open(voice, before);
    assert.equal(voice._watch?.clocks, null);
  }
});

test("streams that may have been moved to other devices tell nothing of the next", async () => {
  const moved = (/** @type {Voice} */ voice) => voice.devicesChanged(true);
  const doubted = (/** @type {Voice} */ voice) => void Object.assign(voice, { _inDoubt: true });
  const onlyListened = (/** @type {Voice} */ voice) => (voice.devicesChanged(true), voice.setCheck(null));
  for (const happens of [moved, doubted, onlyListened]) {
    const voice = await opened(USB);
    learn(voice);
    happens(voice);
    await open(voice, USB);
    assert.equal(voice._watch?.clocks, null, happens.name);
  }
});

test("headphones that are plugged in before the sound check have clocks of their own", async () => {
  const voice = await opened(USB);
  learn(voice);
  await open(voice, USB);
  assert.deepEqual(voice._watch?.clocks, CLOCKS);
  voice.devicesChanged(true);
  assert.equal(voice._watch?.clocks, null);
  await open(voice, USB);
  assert.equal(voice._watch?.clocks, null);
});

/** As if the probe had been played and found, from 602 to 598 seconds ago. @param {Voice} voice @param {boolean} [accepted] */
function measures(voice, accepted = true) {
  const now = performance.timeOrigin + performance.now();
  voice._measure = /** @type {any} */ (async () => {
    voice._measuredMs = { from: now - 602_000, to: now - 598_000 };
    return { accepted };
  });
  return voice.measure();
}

const CHECK = { round_trip_samples: 4_800, unsure: false, output: "headphones" };

test("clocks that are known are followed from the check on: by the middle of what was measured, or from now on where somebody tapped", async (t) => {
  const now = performance.timeOrigin + performance.now();
  for (const { unsure, middleMs } of [{ unsure: false, middleMs: now - 600_000 }, { unsure: true, middleMs: now }]) {
    const voice = await opened(USB);
    const watch = /** @type {import("../../src/unisono/web/static/engine/watch.js").LoopWatch} */ (voice._watch);
    const measured = t.mock.method(watch, "measured");
    watch.verdicts = () => [{ type: "follow", frames: 24, open: 0, ms: now, perMs: 48 * 100e-6, believed: true }];
    if (!unsure) await measures(voice);
    voice.setCheck({ ...CHECK, unsure });
    assert.equal(measured.mock.callCount(), 1);
    const [from, to] = measured.mock.calls[0].arguments;
    assert.ok(Math.abs((from + to) / 2 - middleMs) < 5_000);
    assert.ok(Math.abs((voice._singer?.stamper.roundTripAt(48_000) ?? NaN) - 4_824 - 4.8) < 1e-6);
  }
});

test("what moves the round trip between a sound check and its answer marks all that is stamped by it", async () => {
  for (const [type, unsure] of /** @type {const} */ ([["lost", true], ["settled", false]])) {
    const voice = await opened(USB);
    await measures(voice);
    const watch = /** @type {import("../../src/unisono/web/static/engine/watch.js").LoopWatch} */ (voice._watch);
    watch._verdicts.push({ type, text: "the sound output stood still" });
    voice.heed();
    voice.setCheck(CHECK);
    assert.equal(voice._singer?.stamper.unsure, unsure);
    assert.deepEqual(watch.verdicts(), []);
  }
});

test("another device between a sound check and its answer, or while it is measured, marks all, and is told; who tapped since has its round trip", async () => {
  for (const [unsure, lost] of [[false, true], [true, false]]) {
    /** @type {string[]} */
    const told = [];
    const voice = await opened(USB);
    voice._events.tell = ({ code }) => void told.push(code);
    await measures(voice);
    voice.devicesChanged(true);
    voice.setCheck({ ...CHECK, unsure });
    assert.equal(voice._singer?.stamper.unsure, true);
    assert.deepEqual(told, lost ? ["devices"] : []);
  }
});

/** The microphone's count is far ahead of the output's from now on. @param {Voice} voice */
const ahead = (voice) => Object.defineProperty(voice._watch, "aheadMs", { configurable: true, value: 41 });

test("between a sound check and its answer the microphone's count is not laid anew: the round trip would be off by as much", async () => {
  const voice = await opened(USB);
  await measures(voice);
  const { _singer: singer } = voice;
  ahead(voice);
  voice.heed();
  assert.equal(voice._singer, singer);
  voice.setCheck(CHECK);
  voice.heed();
  assert.equal(voice._singer, singer);
});

/** @param {Voice} voice @param {() => unknown} act */
async function lays(voice, act) {
  const { _singer: singer, _counts: { base } } = voice;
  ahead(voice);
  await act();
  assert.notEqual(voice._singer, singer);
  assert.equal(voice._counts.base, base - 41 * 48);
}

test("a count that is far ahead is laid beside the output's before the next sound check, and where nobody waits for the answer to one", async () => {
  const voice = await opened(USB);
  await measures(voice, false);
  await lays(voice, () => voice.heed());
  await measures(voice);
  await lays(voice, () => measures(voice));
  await open(voice, USB);
  await lays(voice, () => voice.heed());
  const measuring = measures(voice);
  voice.setCheck(null);
  await measuring;
  await lays(voice, () => voice.heed());
});

test("clocks that are forgotten do not come back with a count that is laid anew", async () => {
  const voice = await opened(USB);
  learn(voice);
  await open(voice, USB);
  voice.devicesChanged(true);
  await lays(voice, () => voice.heed());
  assert.equal(voice._watch?.clocks, null);
});
