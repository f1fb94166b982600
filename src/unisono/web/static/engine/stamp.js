/**
 * Stamps: what entered the microphone one round trip after position p was heard belongs to p.
 *
 * Fed with the ear's record (which frame of the audio context played which position) and the microphone's blocks, it hands out contiguous blocks of
 * FRAME_SAMPLES at the timeline's rate. The microphone counts frames of its own: frame i of it is called frame `base + i / ratio` of the context, and the
 * round trip is the distance between a frame that is written and the frame so called in which it comes back. Pure: no clock, no thread, no browser.
 */

import { FADE_SAMPLES, FRAME_SAMPLES, SAMPLE_RATE, STEER_PPM_MAX } from "./units.js";
import { HALF, makeKernel, valueAt } from "./sinc.js";

/** @typedef {{frame: number, position: number, rate: number, epoch: number}} Segment  position at frame, then `rate` samples a frame */
/** @typedef {{epoch: number, position: number, samples: Float32Array, unsure: boolean}} Block */

/** Kept for longer than it takes to find out that the round trip was another (watch.js): what was stamped meanwhile is stamped again. */
const SOUND_FRAMES = 1 << 20;
const SEGMENTS_MAX = 8192;
/** A longer gap in the microphone's count is no lost sound, but another count. */
const SKIPPED_FRAMES_MAX = 1 << 17;
const STEER_SECONDS = 5;

export class Stamper {
  /** @param {{contextRate: number, soundRate: number, base: number, firstEpoch: number}} setup base: context frame that the microphone's frame 0 is called */
  constructor({ contextRate, soundRate, base, firstEpoch }) {
    this._kernel = makeKernel(Math.min(1, SAMPLE_RATE / soundRate) * 0.985);
    this._contextRate = contextRate;
    this._ratio = soundRate / contextRate;
    this._base = base;
    this._sound = new Float32Array(SOUND_FRAMES);
    this._soundStart = NaN;
    this._soundEnd = NaN;
    /** @type {Segment[]} */
    this._segments = [];
    /** In context frames at context frame `_anchor`, growing by `_drift` with each. */
    this._roundTrip = NaN;
    this._anchor = 0;
    this._drift = 0;
    this._next = NaN;
    this._fadeIn = false;
    this._earEpoch = NaN;
    this.epoch = firstEpoch;
    /** What others say; what is seen here stays until the round trip is measured again. */
    this._doubted = false;
    this._skipped = false;
    this.lostFrames = 0;
  }

  /** Whether the place of what is stamped now is uncertain. */
  get unsure() {
    return this._doubted || this._skipped;
  }

  set unsure(doubted) {
    this._doubted = doubted;
  }

  /** The measured round trip of the open streams; a new one begins a new epoch. @param {number} frames of the context, fractional @param {boolean} unsure */
  setRoundTrip(frames, unsure) {
    this._roundTrip = frames;
    this._drift = 0;
    this._doubted = unsure;
    this._skipped = false;
    if (!Number.isNaN(this._soundEnd)) this._soundStart = Math.max(this._soundStart, this._soundEnd);
    this._breakEpoch();
  }

  /**
   * The round trip of everything written from a frame on is another: a new epoch begins there, and what was stamped meanwhile is stamped again in it.
   * @param {number} frames of the context; positive: longer @param {number} since frame of the context
   */
  moveRoundTrip(frames, since) {
    this._roundTrip += frames;
    this._segments = this._segments.filter(({ frame }) => frame >= since);
    this._breakEpoch();
  }

  /**
   * Microphone and output run on two clocks: the round trip is steered, without a seam, towards the line `frames + drift * (frame - at)`, or laid on it where nothing is
   * stamped yet.
   * @param {number} frames @param {number} at frame of the context @param {number} drift per frame
   * @returns {number} how far it is off that line still, frames; 0 while nothing is stamped
   */
  followRoundTrip(frames, at, drift) {
    if (Number.isNaN(this._next)) {
      this._roundTrip = frames;
      this._anchor = at;
      this._drift = drift;
    }
    const next = Number.isNaN(this._next) ? -1 : this._segmentOf(this._next);
    if (next < 0) return 0;
    const segment = this._segments[next];
    const frame = segment.frame + (this._next - segment.position) / segment.rate;
    const off = frames + drift * (frame - at) - this.roundTripAt(frame);
    const limit = STEER_PPM_MAX * 1e-6;
    this._roundTrip = this.roundTripAt(frame);
    this._anchor = frame;
    this._drift = drift + Math.max(-limit, Math.min(limit, off / (STEER_SECONDS * this._contextRate)));
    return off;
  }

  get ready() {
    return !Number.isNaN(this._roundTrip);
  }

  /** @param {number} frame of the context */
  roundTripAt(frame) {
    return this._roundTrip + (this._drift === 0 ? 0 : this._drift * (frame - this._anchor));
  }

  /** One block of the ear's record. @param {number} frame @param {number} position @param {number} rate @param {number} epoch the ear's */
  map(frame, position, rate, epoch) {
    this._segments.push({ frame, position, rate, epoch });
    if (this._segments.length > SEGMENTS_MAX) this._segments.splice(0, SEGMENTS_MAX / 4);
  }

  /** One block of the microphone. @param {number} frame its own count @param {Float32Array} samples (reused by the caller) */
  sound(frame, samples) {
    if (Number.isNaN(this._soundEnd)) this._soundStart = this._soundEnd = frame;
    if (frame !== this._soundEnd) this._skip(frame - this._soundEnd);
    for (let i = 0; i < samples.length; i++) this._sound[(this._soundEnd + i) & (SOUND_FRAMES - 1)] = samples[i];
    this._soundEnd += samples.length;
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

  /** Where in the microphone's count lies what was heard at this frame of the context. @param {number} frame */
  _heardAt(frame) {
    return (frame + this.roundTripAt(frame) - this._base) * this._ratio;
  }

  /** The first frame of the microphone's count that is still there. */
  _kept() {
    return Math.max(this._soundStart, this._soundEnd - SOUND_FRAMES);
  }

  /** First position for which ear and microphone are both known. */
  _begin() {
    const start = (this._kept() + HALF + 2) / this._ratio + this._base - this._roundTrip;
    const earliest = Math.max(this._segments[0].frame, start);
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
    const kept = this._kept();
    let index = at;
    let filled = 0;
    for (; filled < FRAME_SAMPLES; filled++) {
      const position = this._next + filled;
      while (index < last && this._segments[index + 1].epoch === this._earEpoch && this._segments[index + 1].position <= position) index++;
      if (index === last) return null;
      const segment = this._segments[index];
      const frame = segment.frame + (position - segment.position) / segment.rate;
      const ends = this._segments[index + 1].epoch !== this._earEpoch && frame >= this._segments[index + 1].frame;
      if (ends) break;
      const heard = this._heardAt(frame);
      if (heard + HALF + 1 >= this._soundEnd) return null;
      if (heard - HALF - 1 >= kept) samples[filled] = valueAt(this._kernel, this._sound, heard, SOUND_FRAMES - 1);
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

  /** Frames that never came: their time passes in silence. @param {number} frames */
  _skip(frames) {
    if (frames < 0 || frames > SKIPPED_FRAMES_MAX) {
      this._soundStart = this._soundEnd = this._soundEnd + frames;
      this._breakEpoch();
      return;
    }
    this.lostFrames += frames;
    this._skipped ||= this.ready;
    for (let i = 0; i < frames; i++) this._sound[(this._soundEnd + i) & (SOUND_FRAMES - 1)] = 0;
    this._soundEnd += frames;
  }
}
