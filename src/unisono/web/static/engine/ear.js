/**
 * What the ear worklet does, without the worklet: keeps the line "context frame -> position heard", steers or jumps it towards where the room
 * stands, and reads the tapes at it. The line is the truth that the microphone is stamped by, so every change of it is recorded (`record`).
 */

import { FADE_SAMPLES, JUMP_SAMPLES, SAMPLE_RATE, STEER_PPM_MAX } from "./units.js";
import { HALF, TAPS, makeKernel, valueAt } from "./sinc.js";

/** @typedef {{addTo(position: number, count: number, left: Float32Array, right: Float32Array, gain0: number, gain1: number): void}} Source */
/** @typedef {{source: Source, gain: number, wanted: number}} Channel */

const STEER_SECONDS = 10;
const MARGIN = TAPS + 8;
const SILENT = 1e-4;

export class Ear {
  /** @param {number} contextRate */
  constructor(contextRate) {
    this._nominal = SAMPLE_RATE / contextRate;
    this._kernel = makeKernel(Math.min(1, contextRate / SAMPLE_RATE) * 0.985);
    /** @type {Map<string, Channel>} */
    this._channels = new Map();
    this._left = new Float32Array(0);
    this._right = new Float32Array(0);
    /** Where the room stands for this ear: position `_targetPosition` at frame `_targetFrame`, `_targetRate` samples a frame. */
    this._targetFrame = 0;
    this._targetPosition = NaN;
    this._targetRate = this._nominal;
    this._position = NaN;
    this._fadeInLeft = 0;
    this._jumpAfterFade = false;
    this.epoch = 0;
    this.jumps = 0;
  }

  /** The room's position for this ear, as a line over frames. @param {number} frame @param {number} position @param {number} rate samples a frame */
  aim(frame, position, rate) {
    this._targetFrame = frame;
    this._targetPosition = position;
    this._targetRate = rate;
  }

  /** @param {string} name @param {Source | null} source */
  connect(name, source) {
    const gain = this._channels.get(name)?.wanted ?? 1;
    if (source) this._channels.set(name, { source, gain, wanted: gain });
    else this._channels.delete(name);
  }

  /** @param {string} name @param {number} gain */
  setGain(name, gain) {
    const channel = this._channels.get(name);
    if (channel) channel.wanted = gain;
  }

  /**
   * Fill one block of output that begins at `frame`; writes frame, position, rate and epoch of the block into `record` (4 doubles).
   * Returns false while nothing is aimed at; the block is silent then and `record` untouched.
   * @param {number} frame @param {Float32Array} left @param {Float32Array} right @param {Float64Array} record
   */
  play(frame, left, right, record) {
    left.fill(0);
    right.fill(0);
    if (Number.isNaN(this._targetPosition)) return false;
    const rate = this._follow(frame);
    record[0] = frame;
    record[1] = this._position;
    record[2] = rate;
    record[3] = this.epoch;
    this._render(this._position, rate, left, right);
    this._fade(left, right);
    this._position += rate * left.length;
    return true;
  }

  /** Rate for this block; jumps when the error is too large to steer. @param {number} frame */
  _follow(frame) {
    const target = this._targetPosition + this._targetRate * (frame - this._targetFrame);
    if (Number.isNaN(this._position)) this._position = target;
    const error = target - this._position;
    if (this._jumpAfterFade) {
      this._jumpAfterFade = false;
      this._position = target;
      this._fadeInLeft = FADE_SAMPLES;
      this.epoch += 1;
      this.jumps += 1;
      return this._targetRate;
    }
    if (Math.abs(error) > JUMP_SAMPLES) this._jumpAfterFade = true;
    const limit = STEER_PPM_MAX * 1e-6;
    return this._targetRate * (1 + Math.max(-limit, Math.min(limit, error / (SAMPLE_RATE * STEER_SECONDS))));
  }

  /** @param {number} position @param {number} rate @param {Float32Array} left @param {Float32Array} right */
  _render(position, rate, left, right) {
    const first = Math.floor(position) - HALF;
    const count = Math.ceil(rate * left.length) + MARGIN;
    if (this._left.length < count) {
      this._left = new Float32Array(count + 64);
      this._right = new Float32Array(count + 64);
    }
    this._left.fill(0);
    this._right.fill(0);
    let audible = false;
    for (const channel of this._channels.values()) {
      const gain = channel.gain + Math.max(-0.02, Math.min(0.02, channel.wanted - channel.gain));
      if (gain > SILENT || channel.gain > SILENT) {
        channel.source.addTo(first, count, this._left, this._right, channel.gain, gain);
        audible = true;
      }
      channel.gain = gain;
    }
    if (!audible) return;
    let x = position - first;
    for (let i = 0; i < left.length; i++, x += rate) {
      left[i] = valueAt(this._kernel, this._left, x, -1);
      right[i] = valueAt(this._kernel, this._right, x, -1);
    }
  }

  /** The last block before a jump fades out, the first after it fades in. @param {Float32Array} left @param {Float32Array} right */
  _fade(left, right) {
    const count = left.length;
    for (let i = 0; i < count; i++) {
      let gain = 1;
      if (this._jumpAfterFade) gain = 1 - i / count;
      else if (this._fadeInLeft > 0) gain = 1 - this._fadeInLeft-- / FADE_SAMPLES;
      else return;
      left[i] *= gain;
      right[i] *= gain;
    }
  }
}
