/**
 * Stamps: what entered the microphone one round trip after position p was heard belongs to p.
 *
 * Fed with the ear's record (which frame played which position) and the microphone's blocks (which frame brought which sound), both in
 * frames of one audio context, it hands out contiguous blocks of FRAME_SAMPLES at the timeline's rate. Pure: no clock, no thread, no browser.
 */

import { FADE_SAMPLES, FRAME_SAMPLES, SAMPLE_RATE } from "./units.js";
import { HALF, makeKernel, valueAt } from "./sinc.js";

/** @typedef {{frame: number, position: number, rate: number, epoch: number}} Segment  position at frame, then `rate` samples a frame */
/** @typedef {{epoch: number, position: number, samples: Float32Array, unsure: boolean}} Block */

const SOUND_FRAMES = 1 << 18;
const SEGMENTS_MAX = 8192;
/** A hole that the browser's capture queue cut into the sound is exactly this many zeros at a time (one render quantum). */
const HOLE_BLOCKS_MAX = 8;

export class Stamper {
  /** @param {number} contextRate @param {number} firstEpoch */
  constructor(contextRate, firstEpoch) {
    this._kernel = makeKernel(Math.min(1, SAMPLE_RATE / contextRate) * 0.985);
    this._sound = new Float32Array(SOUND_FRAMES);
    this._soundStart = NaN;
    this._soundEnd = NaN;
    /** @type {Float32Array[]} */
    this._holes = [];
    this._before = new Float32Array(0);
    /** Frames that the sound is late because holes were taken out of it. */
    this._lateFrames = 0;
    /** @type {Segment[]} */
    this._segments = [];
    this._roundTrip = NaN;
    this._next = NaN;
    this._fadeIn = false;
    this._earEpoch = NaN;
    this.epoch = firstEpoch;
    this.unsure = false;
    this.holes = 0;
    this.lostFrames = 0;
  }

  /** The measured round trip of the open stream; a new one begins a new epoch. @param {number} frames of the context, fractional @param {boolean} unsure */
  setRoundTrip(frames, unsure) {
    this._roundTrip = frames;
    this.unsure = unsure;
    this._lateFrames = 0;
    if (!Number.isNaN(this._soundEnd)) this._soundStart = Math.max(this._soundStart, this._soundEnd);
    this._breakEpoch();
  }

  get ready() {
    return !Number.isNaN(this._roundTrip);
  }

  /** One block of the ear's record. @param {number} frame @param {number} position @param {number} rate @param {number} epoch the ear's */
  map(frame, position, rate, epoch) {
    this._segments.push({ frame, position, rate, epoch });
    if (this._segments.length > SEGMENTS_MAX) this._segments.splice(0, SEGMENTS_MAX / 4);
  }

  /** One block of the microphone. @param {number} frame @param {Float32Array} samples (reused by the caller) */
  sound(frame, samples) {
    if (Number.isNaN(this._soundEnd)) this._soundStart = this._soundEnd = frame;
    const expected = this._soundEnd + this._lateFrames + this._holes.length * samples.length;
    if (frame !== expected) this._skip(frame - expected, samples.length);
    if (samples.every((sample) => sample === 0) && this._dense(this._before)) {
      this._holes.push(samples.slice());
      if (this._holes.length > HOLE_BLOCKS_MAX) this._keepHoles();
      return;
    }
    if (this._holes.length > 0) {
      if (this._continues(this._before, samples)) this._dropHoles();
      else this._keepHoles();
    }
    this._append(samples);
    this._before = samples.slice();
  }

  /** The next block that is complete, or null. @returns {Block | null} */
  next() {
    if (Number.isNaN(this._roundTrip) || this._segments.length < 2 || Number.isNaN(this._soundEnd)) return null;
    if (Number.isNaN(this._next) && !this._begin()) return null;
    const at = this._segmentOf(this._next);
    if (at < 0) {
      this._breakEpoch();
      return null;
    }
    return this._block(at);
  }

  /** First position for which ear and microphone are both known. */
  _begin() {
    const earliest = Math.max(this._segments[0].frame, this._soundStart + HALF + 2 - this._roundTrip);
    const index = this._segments.findIndex((segment, i) => i + 1 < this._segments.length && this._segments[i + 1].frame > earliest);
    if (index < 0) return false;
    const segment = this._segments[index];
    this._earEpoch = segment.epoch;
    this._next = Math.ceil(segment.position + segment.rate * Math.max(0, earliest - segment.frame));
    this._fadeIn = true;
    return true;
  }

  /** Index of the segment of this epoch that holds `position`, -1 if it is gone, the last one if it is still to come. @param {number} position */
  _segmentOf(position) {
    for (let i = this._segments.length - 1; i >= 0; i--) {
      const segment = this._segments[i];
      if (segment.epoch === this._earEpoch && segment.position <= position) return i;
    }
    return -1;
  }

  /** @param {number} at index of the segment that holds the block's first position @returns {Block | null} */
  _block(at) {
    const samples = new Float32Array(FRAME_SAMPLES);
    const last = this._segments.length - 1;
    let index = at;
    let filled = 0;
    for (; filled < FRAME_SAMPLES; filled++) {
      const position = this._next + filled;
      while (index < last && this._segments[index + 1].epoch === this._earEpoch && this._segments[index + 1].position <= position) index++;
      if (index === last) return null;
      const segment = this._segments[index];
      const x = segment.frame + (position - segment.position) / segment.rate;
      const ends = this._segments[index + 1].epoch !== this._earEpoch && x >= this._segments[index + 1].frame;
      if (ends) break;
      const heard = x + this._roundTrip;
      if (heard + HALF + 1 >= this._soundEnd) return null;
      if (heard - HALF - 1 >= Math.max(this._soundStart, this._soundEnd - SOUND_FRAMES)) samples[filled] = valueAt(this._kernel, this._sound, heard, SOUND_FRAMES - 1);
    }
    return this._finish(samples, filled);
  }

  /** @param {Float32Array} samples @param {number} filled @returns {Block} */
  _finish(samples, filled) {
    const block = { epoch: this.epoch, position: this._next, samples, unsure: this.unsure };
    if (this._fadeIn) for (let i = 0; i < FADE_SAMPLES; i++) samples[i] *= i / FADE_SAMPLES;
    this._fadeIn = false;
    this._next += FRAME_SAMPLES;
    if (filled < FRAME_SAMPLES) {
      for (let i = 1; i <= Math.min(FADE_SAMPLES, filled); i++) samples[filled - i] *= (i - 1) / FADE_SAMPLES;
      this._nextEarEpoch();
    }
    return block;
  }

  /** The ear jumped: go on where its next epoch begins. */
  _nextEarEpoch() {
    const first = this._segments.findIndex((segment) => segment.epoch > this._earEpoch);
    this._segments.splice(0, first);
    this._breakEpoch();
  }

  _breakEpoch() {
    if (!Number.isNaN(this._next)) this.epoch += 1;
    this._next = NaN;
  }

  /** Blocks were lost between worklet and worker: their time passes in silence. @param {number} frames @param {number} blockFrames */
  _skip(frames, blockFrames) {
    if (frames < 0 || frames > SOUND_FRAMES / 2) {
      this._soundStart = this._soundEnd = this._soundEnd + frames;
      this._breakEpoch();
      return;
    }
    this.lostFrames += frames;
    this.unsure ||= this.ready;
    const silence = new Float32Array(blockFrames);
    for (let left = frames; left > 0; left -= blockFrames) this._append(silence.subarray(0, Math.min(left, blockFrames)));
  }

  /** @param {Float32Array} samples */
  _append(samples) {
    for (let i = 0; i < samples.length; i++) this._sound[(this._soundEnd + i) & (SOUND_FRAMES - 1)] = samples[i];
    this._soundEnd += samples.length;
  }

  _keepHoles() {
    for (const hole of this._holes) this._append(hole);
    this._holes = [];
    this._before = new Float32Array(0);
  }

  /**
   * Chromium's capture queue, found empty, hands out one silent render quantum and plays what it owed afterwards: nothing is lost, but all that follows
   * comes later. The hole is taken out; the sound after it then stands where it was made. That it was such a hole is likely, not certain: what follows is marked.
   */
  _dropHoles() {
    const frames = this._holes.length * this._holes[0].length;
    this.holes += this._holes.length;
    this.unsure = true;
    this._lateFrames += frames;
    this._holes = [];
  }

  /** Real sound, not digital silence or its edge. @param {Float32Array} samples */
  _dense(samples) {
    if (samples.length === 0 || samples[samples.length - 1] === 0) return false;
    let zeros = 0;
    for (const sample of samples) if (sample === 0) zeros++;
    return zeros < samples.length / 4;
  }

  /** Whether `after` could follow `before` without a seam. @param {Float32Array} before @param {Float32Array} after */
  _continues(before, after) {
    if (!this._dense(before) || after[0] === 0) return false;
    let step = 0;
    const n = before.length;
    for (let i = 1; i < 9; i++) step = Math.max(step, Math.abs(before[n - i] - before[n - i - 1]), Math.abs(after[i] - after[i - 1]));
    return Math.abs(after[0] - before[n - 1]) <= 3 * step;
  }
}
