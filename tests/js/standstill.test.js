/** Sound that stands still under a page that sings: ear, microphone, watch and stamps as they are, on a simulated sound system and clock. What is called sure is in its place. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { FrameClock } from "../../src/unisono/web/static/engine/clock.js";
import { fromPcm } from "../../src/unisono/web/static/engine/codec.js";
import { Ear } from "../../src/unisono/web/static/engine/ear.js";
import { Clip } from "../../src/unisono/web/static/engine/tape.js";
import { FRAME_SAMPLES } from "../../src/unisono/web/static/engine/units.js";
import { Voice } from "../../src/unisono/web/static/engine/voice.js";
import { unpack } from "../../src/unisono/web/static/engine/wire.js";

const PER_MS = 48, BURST = 1_024, QUANTUM = 128, BLOCK = 480;
const OUTPUT_SAMPLES = 1_440, WAY_SAMPLES = 336;
const CHECKED_MS = 6_000, SONG_MS = 8_000, TROUBLE_MS = 13_000, OVER_MS = 19_500, BEGIN = 500_000;
const OUT_OF_PLACE = 0.02;

/** @typedef {ReturnType<typeof unpack>} Packet */

let clockMs = 0;
Object.defineProperty(performance, "now", { value: () => clockMs });

/** What is heard from BEGIN on: nowhere like itself. */
const SOUND = Float32Array.from({ length: OVER_MS * PER_MS }, (_, i) => 0.2 * (Math.sin(i * 0.0371) + Math.sin(i * 0.113 + 1) + Math.sin(i * 0.41 + 2)));

/** @param {number} seed @returns {() => number} 0..1, the same every time */
function randoms(seed) {
  let state = seed;
  return () => ((state = (1_103_515_245 * state + 12_345) % 2 ** 31) / 2 ** 31);
}

/** A microphone's track, as capture.js reads it. */
class Track {
  constructor() {
    /** @type {any[]} */
    this._waiting = [];
    /** @type {((block: any) => void) | null} */
    this._wanted = null;
  }

  getReader() {
    return { read: () => new Promise((done) => { this._wanted = done; this._hand(); }), cancel: async () => undefined };
  }

  /** @param {Float32Array} sound @param {number} heardMs */
  push(sound, heardMs) {
    const copyTo = (/** @type {Float32Array} */ target) => target.set(sound);
    this._waiting.push({ sampleRate: 48_000, numberOfFrames: sound.length, numberOfChannels: 1, timestamp: 1000 * heardMs, copyTo, close: () => undefined });
  }

  _hand() {
    if (!this._wanted || this._waiting.length === 0) return;
    const done = this._wanted;
    this._wanted = null;
    done({ value: this._waiting.shift(), done: false });
  }

  forget() {
    this._waiting.length = 0;
  }

  /** Until everything is read that somebody wants. */
  async read() {
    while (this._waiting.length > 0 && this._wanted) {
      this._hand();
      await new Promise(setImmediate);
    }
  }
}

/** The sound system: bursts of the ear into the air, and out of it into the microphone. */
class Air {
  /** @param {{outputMs: number, microphoneMs: number}} trouble how long each of them stands still */
  constructor({ outputMs, microphoneMs }) {
    this.ear = new Ear(48_000);
    this.ear.connect("song", new Clip(BEGIN, SOUND, SOUND));
    this.track = new Track();
    /** @type {Float64Array[]} what the ear has said and nobody has read */
    this.records = [];
    this._outputMs = outputMs;
    this._microphoneMs = microphoneMs;
    this._air = new Float32Array((OVER_MS + 2_000) * PER_MS);
    this._frame = 0;
    this._heard = 0;
  }

  /** The microphone is opened now. @returns {number} of its samples, the first that is read */
  open() {
    this.track.forget();
    return this._heard;
  }

  /** Context time less the time it sounds. */
  get lineMs() {
    return this._frame / PER_MS - this._askedMs();
  }

  /** @param {number} ms until now */
  run(ms) {
    for (; this._askedMs() <= ms; this._frame += BURST) this._burst(Math.round(this._askedMs() * PER_MS) + OUTPUT_SAMPLES);
    for (; this._heard + BLOCK <= ms * PER_MS; this._heard += BLOCK) {
      const heardMs = this._heard / PER_MS, from = this._heard - WAY_SAMPLES;
      if (heardMs >= TROUBLE_MS && heardMs < TROUBLE_MS + this._microphoneMs) continue;
      this.track.push(Float32Array.from({ length: BLOCK }, (_, i) => this._air[from + i] ?? 0), heardMs);
    }
  }

  /** When the next burst is asked for. */
  _askedMs() {
    const ms = this._frame / PER_MS;
    return ms < TROUBLE_MS ? ms : ms + this._outputMs;
  }

  /** @param {number} at */
  _burst(at) {
    const left = new Float32Array(QUANTUM), right = new Float32Array(QUANTUM);
    for (let i = 0; i < BURST; i += QUANTUM) {
      const record = new Float64Array(4);
      if (this.ear.play(this._frame + i, left, right, record)) this.records.push(record);
      this._air.set(left, at + i);
    }
  }
}

/**
 * Sing through a trouble; what was packed, in its order.
 * @param {{outputMs?: number, microphoneMs?: number, heldUpMs?: number, seed?: number}} trouble  heldUpMs: so long nobody reads what ear and microphone say
 */
async function singThrough({ outputMs = 0, microphoneMs = 0, heldUpMs = 0, seed = 1 }) {
  const air = new Air({ outputMs, microphoneMs });
  const random = randoms(seed);
  const frames = new FrameClock(48_000);
  /** @type {Packet[]} */
  const packets = [];
  const add = (/** @type {number} */ _epoch, /** @type {number} */ _position, /** @type {Uint8Array<ArrayBuffer>} */ bytes) => void packets.push(unpack(bytes.buffer));
  const delivery = { begin: () => undefined, finish: () => undefined, add };
  const voice = new Voice(/** @type {any} */ (delivery), { onTalk: () => undefined, tell: () => undefined }, /** @type {any} */ ({ age: () => 0, sent: () => undefined }));
  voice.ear = /** @type {any} */ ({ contextRate: 48_000, shared: false, frames, port: { postMessage: () => undefined }, heardNow: () => NaN });
  const now = () => performance.timeOrigin + clockMs;
  let toCheck = NaN, aimedMs = -Infinity, frame = 0;
  air.ear.aim(0, BEGIN, 1);
  for (clockMs = 5; clockMs < OVER_MS; clockMs += 3 + 4 * random()) {
    air.run(clockMs);
    if (clockMs >= TROUBLE_MS && clockMs < TROUBLE_MS + heldUpMs) continue;
    if (random() < 0.7) await air.track.read();
    for (const record of air.records.splice(0)) {
      voice.map(record);
      frame = record[0];
    }
    frames.add(now(), frame);
    voice.glimpsed(now(), frame);
    voice.pump(NaN);
    if (Number.isNaN(toCheck) && clockMs > 1_000) {
      toCheck = OUTPUT_SAMPLES + WAY_SAMPLES - BLOCK - air.open();
      void voice.open({ readable: /** @type {any} */ (air.track), port: null, devices: "" });
    }
    if (!voice.check && clockMs > CHECKED_MS) {
      voice._measurement = { accepted: true, moved: false };
      voice._watch?.measured(now() - 5_000, now());
      voice.setCheck({ round_trip_samples: voice._counts.base + toCheck, unsure: false, output: "headphones" });
      voice.song({ performance: "song", start: BEGIN + SONG_MS * PER_MS, stop: null, frames_a_packet: 1 });
    }
    if (clockMs - aimedMs < 100) continue;
    aimedMs = clockMs;
    air.ear.aim(frames.at(now()), BEGIN + PER_MS * clockMs, 1);
    voice.line(air.lineMs, 0);
    voice.heed();
  }
  return packets;
}

/** How far a packet's sound is from the truth of its place, seams left out. @param {Packet} packet */
function aside({ position, frames: [frame] }) {
  const [sound] = fromPcm(frame, false);
  return sound.reduce((worst, sample, i) => Math.max(worst, Math.abs(sample - SOUND[position + i - BEGIN])), 0);
}

/** Without the first and the last of each epoch, where it is faded. @param {Packet[]} packets */
const inner = (packets) => packets.filter(({ epoch }, i) => epoch === packets[i - 1]?.epoch && epoch === packets[i + 1]?.epoch);

/** @param {Packet[]} packets */
const misplaced = (packets) => inner(packets).filter((packet) => !packet.unsure && !(aside(packet) < OUT_OF_PLACE));

test("while nothing happens all is sure, in its place, one epoch without a hole", async () => {
  const packets = await singThrough({});
  assert.ok(packets.length > 550, `${packets.length} packets`);
  assert.deepEqual(misplaced(packets), []);
  assert.equal(packets.some(({ unsure }) => unsure), false);
  assert.equal(packets.every(({ position, epoch }, i) => i === 0 || (position - packets[i - 1].position === FRAME_SAMPLES && epoch === packets[0].epoch)), true);
});

test("a worker that is held up stamps late, and all the same", async () => {
  for (const heldUpMs of [60, 900]) {
    const packets = await singThrough({ heldUpMs });
    assert.deepEqual(misplaced(packets), []);
    assert.equal(packets.every(({ position }, i) => i === 0 || position - packets[i - 1].position === FRAME_SAMPLES), true, `held up for ${heldUpMs} ms`);
  }
});

test("an output that stood still is doubted before anything that was made after it is called sure", async () => {
  for (const outputMs of [50, 850, 3_000]) {
    for (const heldUpMs of [0, outputMs]) {
      const packets = await singThrough({ outputMs, heldUpMs });
      assert.equal(misplaced(packets).length, 0, `stood for ${outputMs} ms`);
      assert.ok(packets.some(({ unsure }) => unsure));
    }
  }
});

test("a microphone that lost sound is doubted before anything that it heard after it is called sure", async () => {
  for (const microphoneMs of [20, 60, 700]) {
    for (const heldUpMs of [0, microphoneMs]) {
      const packets = await singThrough({ microphoneMs, heldUpMs });
      assert.equal(misplaced(packets).length, 0, `lost ${microphoneMs} ms`);
      assert.ok(packets.some(({ unsure }) => unsure));
    }
  }
});
