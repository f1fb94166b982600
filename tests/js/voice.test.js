/** What a voice knows of the clocks of its devices outlives the streams by which it was learned, and nothing else does. */

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
  const voice = await opened(USB);
  learn(voice);
  voice.devicesChanged(true);
  await open(voice, USB);
  assert.equal(voice._watch?.clocks, null);
});
