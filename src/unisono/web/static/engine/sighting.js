/**
 * When a camera's picture was taken, on the axis of what was heard: a picture shows what was sung to what sounded at that instant.
 *
 * A camera's own timestamps are even but begin anywhere, and its pictures come late, never early: the earliest of them lie on a line (clock.js). Ahead of that line
 * is what nobody can see from within: exposure, the sensor's rows one after another, the way to the computer.
 */

import { FrameClock } from "./clock.js";
import { SAMPLE_RATE } from "./units.js";

/**
 * From the middle of an exposure to the arrival of its picture, of cameras that hardly wait: half an exposure of 1/30 s, 10 ms of rows, 15 ms of packing and the way. Cheap
 * ones take up to 40 ms more, which is still within what eyes forgive.
 */
export const CAMERA_DELAY_MS = 40;
const LINES_KEPT = 64;
const PER_MS = SAMPLE_RATE / 1000;

/** Local ms at which pictures were taken, by their own timestamps. */
export class CameraClock {
  /** @param {number} delayMs of the camera itself */
  constructor(delayMs) {
    this._delayMs = delayMs;
    this._line = new FrameClock(1000);
  }

  /** A picture has come. @param {number} timestampMs its own @param {number} nowMs @returns {number} when it was taken, local ms */
  taken(timestampMs, nowMs) {
    this._line.add(nowMs, timestampMs);
    return Math.min(this._line.inverse(timestampMs), nowMs) - this._delayMs;
  }
}

/** Which position was heard when, from looks at the engine. */
export class Heard {
  constructor() {
    /** @type {{ms: number, position: number}[]} */
    this._looks = [];
  }

  /** @param {number} ms local @param {number} position heard then; NaN: none, or nobody knows which */
  look(ms, position) {
    this._looks.push({ ms, position });
    if (this._looks.length > LINES_KEPT) this._looks.shift();
  }

  /** NaN while nobody knows. @param {number} ms */
  at(ms) {
    let best = this._looks[0];
    for (const look of this._looks) if (look.ms <= ms) best = look;
    return best ? best.position + (ms - best.ms) * PER_MS : NaN;
  }
}

/** Which pictures of a song are kept: those inside it, each later than the one before. */
export class Song {
  /** @param {number} start @param {number} [stop] positions */
  constructor(start, stop = Infinity) {
    this._start = start;
    this.stop = stop;
    this._last = -Infinity;
  }

  /** Samples since the song's start, or null: before it, after it, or sung again after a jump back. @param {number} position */
  place(position) {
    const isLater = position > this._last && position >= this._start && position < this.stop;
    if (!isLater) return null;
    this._last = position;
    return position - this._start;
  }
}
