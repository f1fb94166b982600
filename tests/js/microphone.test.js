/** A microphone that is opened while another is, or closed before it is open, is never left on. */

import assert from "node:assert/strict";
import { test } from "node:test";

/** @type {{label: string, live: boolean}[]} */
const tracks = [];
/** @type {any[]} */
const posted = [];
/** @type {(() => void)[]} */
const waiting = [];
const later = () => new Promise((resolve) => waiting.push(() => resolve(undefined)));
const stages = /** @type {any} */ (globalThis);

/** @param {{audio: {deviceId?: {exact: string}}}} wanted */
async function getUserMedia({ audio }) {
  await later();
  const track = { label: audio.deviceId?.exact ?? "default", live: true, getSettings: () => ({}), stop: () => void (track.live = false) };
  tracks.push(track);
  return { getTracks: () => [track], getAudioTracks: () => [track] };
}

async function openedEngine() {
  tracks.length = posted.length = waiting.length = 0;
  stages.Worker = class {
    /** @param {any} message */
    postMessage(message) {
      posted.push(message.type);
    }
  };
  stages.window = { MediaStreamTrackProcessor: class {} };
  stages.MediaStreamTrackProcessor = class { readable = null; };
  Object.defineProperty(globalThis, "navigator", { configurable: true, value: { mediaDevices: { getUserMedia, enumerateDevices: () => later().then(() => []), addEventListener: () => undefined } } });
  // By address: these types know workers, not pages.
  const { Engine } = await import(new URL("../../src/unisono/web/static/engine/engine.js", import.meta.url).href);
  const engine = new Engine();
  engine.openEar = async () => undefined;
  return engine;
}

/** Everything that waits goes on, one after the other, `first` ones only. @param {number} [first] */
async function goOn(first = Infinity) {
  await new Promise((resolve) => setImmediate(resolve));
  for (let done = 0; done < first; done++) {
    await new Promise((resolve) => setImmediate(resolve));
    const next = waiting.shift();
    if (!next) return;
    next();
  }
  await new Promise((resolve) => setImmediate(resolve));
}

const live = () => tracks.filter((track) => track.live).map(({ label }) => label);

test("a microphone that is closed before it is open stays closed", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  for (const steps of [0, 1]) {
    const engine = await openedEngine();
    const opening = engine.openMicrophone();
    await goOn(steps);
    assert.deepEqual(live(), steps ? ["default"] : []);
    engine.closeMicrophone();
    await goOn();
    await opening;
    assert.deepEqual(live(), []);
    assert.equal(posted.includes("open_microphone"), false);
    assert.equal(engine._devices._known, null);
  }
});

test("of two that are opened at once the one that was asked for last stays open, whichever comes first", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  for (const backwards of [false, true]) {
    const engine = await openedEngine();
    const opening = ["a", "b"].map((device_id) => engine.openMicrophone({ device_id }));
    await goOn(0);
    if (backwards) waiting.reverse();
    await goOn();
    await Promise.all(opening);
    assert.deepEqual(tracks.map(({ label }) => label), backwards ? ["b", "a"] : ["a", "b"]);
    assert.deepEqual(live(), ["b"]);
    assert.deepEqual(posted.filter((type) => type === "open_microphone").length, 1);
    engine.closeMicrophone();
    assert.deepEqual(live(), []);
  }
});
