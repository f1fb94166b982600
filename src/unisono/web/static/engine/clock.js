/**
 * Clocks as straight lines. Observations are noisy on one side only (a message or a thread is late, never early), so in each bin of time the
 * best one is kept and a line is fitted through the best; the slope is trusted only when the bins span long enough.
 * Times are milliseconds of `performance.now()` plus `performance.timeOrigin` of one thread; the wall clock is never read.
 */

import { SAMPLE_RATE } from "./units.js";

const SPAN_FOR_SLOPE_MS = 15_000;
const DRIFT_PPM_MAX = 1_000;
const CONTRADICTION_MS = 10;
/** A second in which no glimpse came closer to the line than this says nothing. */
const LATE_MS = 2;
/** A counter that is so far behind for so long has stood still: by so much at least, for so long. */
const STOOD_STILL_MS = [[60, 400], [15, 3_000]];

/** @typedef {{x: number, y: number, cost: number}} Observation  y at x; the lower the cost, the purer */

/** y = y0 + slope * (x - x0), from the purest observation of each bin. */
export class BestLine {
  /**
   * @param {{nominal: number, binWidth: number, bins: number, tolerance: number, late: number}} settings tolerance: cost above the best that a bin may have and
   *   still count; late: how far below the most advanced bin one may lie and still count
   */
  constructor(settings) {
    this._settings = settings;
    /** @type {Map<number, Observation>} */
    this._bins = new Map();
    this.x0 = 0;
    this.y0 = 0;
    this.slope = settings.nominal;
  }

  get ready() {
    return this._bins.size > 0;
  }

  /** @param {number} x @param {number} y @param {number} cost */
  add(x, y, cost) {
    const bin = Math.floor(x / this._settings.binWidth);
    const seen = this._bins.get(bin);
    if (seen && seen.cost <= cost) return;
    this._bins.set(bin, { x, y, cost });
    for (const old of this._bins.keys()) if (old <= bin - this._settings.bins) this._bins.delete(old);
    this._fit();
  }

  clear() {
    this._bins.clear();
    this.slope = this._settings.nominal;
  }

  /** @param {number} x */
  at(x) {
    return this.y0 + this.slope * (x - this.x0);
  }

  /** @param {number} y */
  inverse(y) {
    return this.x0 + (y - this.y0) / this.slope;
  }

  _fit() {
    const { tolerance, late } = this._settings;
    let best = Infinity;
    for (const { cost } of this._bins.values()) best = Math.min(best, cost);
    const good = [...this._bins.values()].filter(({ cost }) => cost <= best + tolerance);
    if (late === Infinity) return this._through(good);
    for (const below of [3 * late, late, late]) {
      const top = Math.max(...good.map(({ x, y }) => y - this.slope * x));
      this._through(good.filter(({ x, y }) => y - this.slope * x >= top - below));
    }
  }

  /** @param {Observation[]} good at least one */
  _through(good) {
    const { nominal } = this._settings;
    const meanX = good.reduce((sum, { x }) => sum + x, 0) / good.length;
    const meanY = good.reduce((sum, { y }) => sum + y, 0) / good.length;
    const span = Math.max(...good.map(({ x }) => x)) - Math.min(...good.map(({ x }) => x));
    if (span >= SPAN_FOR_SLOPE_MS && good.length >= 5) {
      let sxx = 0, sxy = 0;
      for (const { x, y } of good) {
        sxx += (x - meanX) ** 2;
        sxy += (x - meanX) * (y - meanY - nominal * (x - meanX));
      }
      const limit = nominal * DRIFT_PPM_MAX * 1e-6;
      this.slope = nominal + Math.min(limit, Math.max(-limit, sxy / sxx));
    }
    this.x0 = meanX;
    this.y0 = meanY;
  }
}

/** The room's clock, learnt from probes: half of the purest round trips. */
export class RoomClock {
  constructor() {
    this._line = new BestLine({ nominal: SAMPLE_RATE / 1000, binWidth: 1000, bins: 90, tolerance: 3, late: Infinity });
    /** @type {number[]} */
    this._trips = [];
    this._contradictions = 0;
  }

  get ready() {
    return this._line.ready;
  }

  get driftPpm() {
    return (this._line.slope / (SAMPLE_RATE / 1000) - 1) * 1e6;
  }

  /** @param {number} sentMs @param {number} receivedMs @param {number} position the room's when it answered */
  add(sentMs, receivedMs, position) {
    const trip = receivedMs - sentMs;
    if (this._contradicted((sentMs + receivedMs) / 2, position, trip)) this.clear();
    this._line.add((sentMs + receivedMs) / 2, position, trip);
    this._trips.push(trip);
    if (this._trips.length > 64) this._trips.shift();
  }

  /** Three echoes in a row that no network explains: this clock or the room's has stepped. @param {number} ms @param {number} position @param {number} trip */
  _contradicted(ms, position, trip) {
    if (!this._line.ready) return false;
    const offMs = Math.abs(this._line.at(ms) - position) / (SAMPLE_RATE / 1000);
    this._contradictions = offMs > trip / 2 + CONTRADICTION_MS ? this._contradictions + 1 : 0;
    return this._contradictions >= 3;
  }

  get perMs() {
    return this._line.slope;
  }

  /** Room position, fractional, at a local time. @param {number} ms */
  at(ms) {
    return this._line.at(ms);
  }

  /** The quickest of the last probes, there and back. */
  get quickestMs() {
    return this._trips.length > 0 ? Math.min(...this._trips) : 0;
  }

  /** Forget the line (a new connection to a room that may have moved). */
  clear() {
    this._line.clear();
    this._trips.length = 0;
    this._contradictions = 0;
  }
}

/** Frames that an audio context makes at a time where it does not say so itself. */
const BLOCK_FRAMES = 128;

/**
 * From the line of a context's frames (`FrameClock`) to the ear. Output asks for several blocks at once, as many as `baseLatency` lasts. The line goes by
 * the last of them, the most advanced; `outputLatency` says when the first of them will be heard, and the last is heard so much later.
 *
 * @param {{sampleRate: number, baseLatency?: number, outputLatency?: number, renderQuantumSize?: number}} context where a browser says nothing, nothing is added
 */
export function outputDelayMs({ sampleRate, baseLatency, outputLatency, renderQuantumSize = BLOCK_FRAMES }) {
  return 1000 * ((outputLatency || 0) + Math.max(0, (baseLatency || 0) - renderQuantumSize / sampleRate));
}

/**
 * Frames of an audio context against local time, from glimpses of its frame counter. The counter moves in bursts and is seen late,
 * never early: the most advanced glimpses lie on the line. A counter that stays behind has stood still: the line starts anew.
 */
export class FrameClock {
  /** @param {number} contextRate nominal */
  constructor(contextRate) {
    this._perMs = contextRate / 1000;
    this._line = new BestLine({ nominal: this._perMs, binWidth: 1000, bins: 90, tolerance: Infinity, late: (LATE_MS * contextRate) / 1000 });
    this._behindSinceMs = STOOD_STILL_MS.map(() => NaN);
    this.restarts = 0;
  }

  get ready() {
    return this._line.ready;
  }

  get driftPpm() {
    return (this._line.slope / this._perMs - 1) * 1e6;
  }

  /** @param {number} ms @param {number} frame */
  add(ms, frame) {
    if (this._line.ready && this._stoodStill(ms, frame)) {
      this._line.clear();
      this._behindSinceMs.fill(NaN);
      this.restarts += 1;
    }
    // Cost: how far the glimpse is behind the nominal line through time zero; only differences matter.
    this._line.add(ms, frame, ms * this._perMs - frame);
  }

  /** @param {number} ms */
  at(ms) {
    return this._line.at(ms);
  }

  /** @param {number} frame @returns {number} local ms */
  inverse(frame) {
    return this._line.inverse(frame);
  }

  get perMs() {
    return this._line.slope;
  }

  /** @param {number} ms @param {number} frame */
  _stoodStill(ms, frame) {
    const behindMs = (this._line.at(ms) - frame) / this._perMs;
    if (behindMs < -20) return true;
    return STOOD_STILL_MS.some(([byMs, forMs], i) => {
      if (behindMs < byMs) this._behindSinceMs[i] = NaN;
      else if (Number.isNaN(this._behindSinceMs[i])) this._behindSinceMs[i] = ms;
      return ms - this._behindSinceMs[i] > forMs;
    });
  }
}
