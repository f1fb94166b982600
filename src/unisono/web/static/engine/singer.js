/** From the microphone to packets: stamps what capture.js brings, encodes it and hands it to delivery.js. */

import { FRAME_SAMPLES, SAMPLE_RATE } from "./units.js";
import { OpusVoiceEncoder, levelOf, toPcm } from "./codec.js";
import { OUTAGE_MS } from "./jitter.js";
import { HALF, makeKernel, valueAt } from "./sinc.js";
import { Stamper } from "./stamp.js";
import { Kind, pack } from "./wire.js";

/** The encoder is warm before the song's first sample. */
const WARM_UP_SAMPLES = 24_000;
/** Sent ahead of the song, so that decoders are warm at its first sample; the room takes two frames. */
const LEAD_IN_SAMPLES = 2 * FRAME_SAMPLES - 1;
const SAMPLES_OF_LAG = 500;
/** What is stamped again says nothing of how long stamping takes. */
const OUTAGE_SAMPLES = (OUTAGE_MS * SAMPLE_RATE) / 1000;
/** Heard so long ago, no row waits for it any more: it is for the recording, and live sound goes first. */
const OLD_SAMPLES = 3 * SAMPLE_RATE;

/** @typedef {{epoch: number, position: number, level: number, unsure: boolean, old: boolean, gatheredMs: number}} Meta  gatheredMs: age of the stamp when the block was whole */
/** @typedef {{performance: string, start: number, stop: number | null, frames_a_packet: number}} Song */
/** @typedef {import("./keep.js").Bytes} Bytes */
/** @typedef {{onTalk(bytes: Bytes): void, onLevel(peak: number, power: number, count: number): void, onBlock(position: number, samples: Float32Array): void, onTrouble(code: string, text: string): void}} SingerEvents */

export class Singer {
  /**
   * @param {{contextRate: number, soundRate: number, base: number, firstEpoch: number, encodes: boolean, lookahead: number}} setup as in stamp.js
   * @param {import("./delivery.js").Delivery} delivery @param {SingerEvents} events @param {import("./trace.js").Trace} trace
   */
  constructor(setup, delivery, events, trace) {
    this._setup = setup;
    this._delivery = delivery;
    this._events = events;
    this._trace = trace;
    this.stamper = new Stamper(setup);
    /** @type {Meta[]} */
    this._encoding = [];
    /** @type {OpusVoiceEncoder | null} */
    this._encoder = null;
    /** @type {Song | null} */
    this._song = null;
    this._finished = "";
    /** @type {{start: number, frames: number, sound: Float32Array, done: (sound: Float32Array) => void} | null} */
    this._capture = null;
    /** @type {number[]} */
    this.lagSamples = [];
    this.talking = false;
    /** From the sung phrase of the sound check. */
    this.gain = 1;
  }

  /** One block of the microphone. @param {number} frame its own count @param {Float32Array} samples (reused by the caller) */
  sound(frame, samples) {
    this._capturing(frame, samples);
    this._meter(samples);
    this.stamper.sound(frame, samples);
  }

  /** Send what is complete. @param {number} heardNow position at the ear now, to measure how far blocks lag */
  pump(heardNow) {
    for (let block = this.stamper.next(); block; block = this.stamper.next()) {
      if (heardNow - block.position < OUTAGE_SAMPLES) this.lagSamples.push(heardNow - block.position);
      if (this.lagSamples.length > SAMPLES_OF_LAG) this.lagSamples.shift();
      this._events.onBlock(block.position, block.samples);
      this._sing(block, heardNow - block.position > OLD_SAMPLES);
    }
  }

  /** What is sung; null between songs. @param {Song | null} song */
  song(song) {
    this._song = song;
    if (song) this._delivery.begin(song.performance, song.frames_a_packet);
  }

  /** Everything recorded from frame `startFrame` of the context on, one value a frame of the context. @param {number} startFrame @param {number} frames @returns {Promise<Float32Array>} */
  capture(startFrame, frames) {
    const ratio = this._setup.soundRate / this._setup.contextRate;
    const start = Math.floor((startFrame - this._setup.base) * ratio) - HALF;
    return new Promise((done) => (this._capture = { start, frames, sound: new Float32Array(Math.ceil(frames * ratio) + 2 * HALF + 2), done })).then((raw) => {
      if (ratio === 1) return raw.subarray(HALF, HALF + frames);
      const kernel = makeKernel(Math.min(1, 1 / ratio) * 0.985);
      return Float32Array.from({ length: frames }, (_, i) => valueAt(kernel, raw, (startFrame + i - this._setup.base) * ratio - start, -1));
    });
  }

  /** @param {number} frame @param {Float32Array} block */
  _capturing(frame, block) {
    const capture = this._capture;
    if (!capture) return;
    for (let i = 0; i < block.length; i++) {
      const at = frame + i - capture.start;
      if (at >= 0 && at < capture.sound.length) capture.sound[at] = block[i];
    }
    if (frame + block.length < capture.start + capture.sound.length) return;
    this._capture = null;
    capture.done(capture.sound);
  }

  /** @param {Float32Array} block */
  _meter(block) {
    let peak = 0, power = 0;
    for (const sample of block) {
      peak = Math.max(peak, Math.abs(sample));
      power += sample * sample;
    }
    this._events.onLevel(peak, power, block.length);
  }

  /** @param {import("./stamp.js").Block} block @param {boolean} old */
  _sing(block, old) {
    const song = this._song;
    const inSong = song !== null && block.position >= song.start - WARM_UP_SAMPLES && (song.stop === null || block.position < song.stop + 2 * FRAME_SAMPLES);
    if (!inSong && song !== null && song.stop !== null && block.position >= song.stop + 2 * FRAME_SAMPLES) this._finish(song);
    if (!inSong && !this.talking) return;
    if (this.gain !== 1) for (let i = 0; i < block.samples.length; i++) block.samples[i] *= this.gain;
    const meta = { epoch: block.epoch, position: block.position, level: levelOf(block.samples), unsure: block.unsure, old, gatheredMs: this._trace.age(block.position - (this._setup.encodes ? this._setup.lookahead : 0)) };
    if (!this._setup.encodes) {
      this._encoded(meta, toPcm(block.samples), true);
      return;
    }
    this._encoding.push(meta);
    this._openEncoder().encode(/** @type {Float32Array<ArrayBuffer>} */ (block.samples));
  }

  _openEncoder() {
    if (this._encoder) return this._encoder;
    const onFrame = (/** @type {Uint8Array} */ frame) => {
      const meta = this._encoding.shift();
      if (meta) this._encoded({ ...meta, position: meta.position - this._setup.lookahead }, frame, false);
    };
    this._encoder = new OpusVoiceEncoder(onFrame, (error) => {
      this._encoding = [];
      this._encoder = null;
      this._events.onTrouble("encoder", error.message);
    });
    return this._encoder;
  }

  /** @param {Meta} meta stamped @param {Uint8Array} frame @param {boolean} pcm */
  _encoded(meta, frame, pcm) {
    if (meta.position < 0) return;
    const song = this._song;
    const sung = song !== null && meta.position + FRAME_SAMPLES > song.start - LEAD_IN_SAMPLES && (song.stop === null || meta.position < song.stop);
    if (!sung && !this.talking) return;
    const bytes = pack({ kind: sung ? Kind.VOICE : Kind.TALK, pcm, stereo: false, repair: false, unsure: meta.unsure, seat: 0, epoch: meta.epoch, level: meta.level, position: meta.position, frames: [frame] });
    if (!sung) return this._events.onTalk(bytes);
    const encodedMs = this._trace.age(meta.position);
    this._delivery.add(meta.epoch, meta.position, bytes, meta.old);
    this._trace.sent(meta.gatheredMs, encodedMs, this._trace.age(meta.position));
  }

  /** The song is over for this page, once everything has left the encoder. @param {Song} song */
  _finish(song) {
    if (this._finished === song.performance) return;
    this._finished = song.performance;
    void (this._encoder?.flush() ?? Promise.resolve()).then(() => this._delivery.finish());
  }
}
