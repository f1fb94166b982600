/**
 * How long to wait for what jitters, both ways, from probes. A way that jitters has no slowest packet: rows wait for all but a share that nobody
 * minds, worked out from the tail of what was seen. The server's twin is core/lateness.py; both read spec/jitter.json. Pure: the clock is an argument.
 */

import { SAMPLE_RATE } from "./units.js";

/** So many of 1 may be late: a frame of 20 ms in three minutes. */
export const LATE_SHARE = 1e-4;
/** What takes longer is no jitter but an outage, and tells nothing about the minutes without one. */
export const OUTAGE_MS = 1_200;
const TAIL_SHARES = [0.2, 0.1];
const SEEN_SHARE = 1e-3;
const KEPT_MS = 60_000;
const AFTER_OUTAGE_MS = 1_000;
const PER_MS = SAMPLE_RATE / 1000;

/** @typedef {{at(ms: number): number}} Clock  the room's position at a local time */

/**
 * How long to wait so that of things as late as these no more than LATE_SHARE come too late; in their unit, NaN when there are none.
 * @param {number[]} late @param {number} [lateShare]
 */
export function waitFor(late, lateShare = LATE_SHARE) {
  const ordered = [...late].sort((a, b) => a - b);
  const n = ordered.length;
  if (n < 2) return n ? ordered[0] : NaN;
  const seen = ordered[n - 1 - Math.floor(n * Math.max(lateShare, SEEN_SHARE))];
  return Math.max(seen, ...TAIL_SHARES.map((share) => beyond(ordered, share, lateShare)));
}

/** What `lateShare` exceed, if the excess of the worst `tailShare` over the rest falls off exponentially. @param {number[]} ordered @param {number} tailShare @param {number} lateShare */
function beyond(ordered, tailShare, lateShare) {
  const n = ordered.length;
  const tail = Math.max(1, roundHalfEven(n * tailShare));
  const usual = ordered[n - tail - 1];
  let excess = 0;
  for (let i = n - tail; i < n; i++) excess += (ordered[i] - usual) / tail;
  return usual + excess * Math.max(0, Math.log(tail / n / lateShare));
}

/** As Python rounds. @param {number} x */
function roundHalfEven(x) {
  const floor = Math.floor(x);
  return x - floor === 0.5 ? floor + (floor % 2) : Math.round(x);
}

/** What the probes of the last minute tell of both ways. */
export class Ways {
  constructor() {
    /** @type {{sentMs: number, receivedMs: number, position: number}[]} */
    this._sights = [];
    /** @type {number[]} probes without an echo, oldest first */
    this._open = [];
    this._calmMs = -Infinity;
  }

  /** A probe leaves. @param {number} sentMs */
  probed(sentMs) {
    this._open.push(sentMs);
  }

  /** Its echo; in the wake of an outage it tells nothing of the ways. @param {number} sentMs @param {number} receivedMs @param {number} position the room's when it answered */
  echoed(sentMs, receivedMs, position) {
    this._open = this._open.filter((sent) => sent > sentMs);
    if (receivedMs - sentMs > 2 * OUTAGE_MS) this._calmMs = receivedMs + AFTER_OUTAGE_MS;
    else if (receivedMs >= this._calmMs) this._sights.push({ sentMs, receivedMs, position });
    while (this._sights.length > 0 && this._sights[0].sentMs < receivedMs - KEPT_MS) this._sights.shift();
  }

  /** How many echoes count. */
  get size() {
    return this._sights.length;
  }

  /** How long to wait for what goes up; NaN before the first echo. @param {Clock} clock */
  upMs(clock) {
    return waitFor(this._sights.map(({ sentMs, position }) => (position - clock.at(sentMs)) / PER_MS));
  }

  /** How long to wait for what comes down; NaN before the first echo. @param {Clock} clock */
  downMs(clock) {
    return waitFor(this._sights.map(({ receivedMs, position }) => (clock.at(receivedMs) - position) / PER_MS));
  }

  /** How long the oldest probe has been on its way; 0 if none is. @param {number} nowMs */
  stalledMs(nowMs) {
    return this._open.length > 0 ? nowMs - this._open[0] : 0;
  }

  /** Whether the last echo took about as long as usual: nothing waits on the way, and there is room for repair. */
  get calm() {
    const trips = this._sights.map(({ sentMs, receivedMs }) => receivedMs - sentMs);
    if (trips.length === 0) return false;
    const usual = [...trips].sort((a, b) => a - b)[Math.floor(trips.length / 2)];
    return trips[trips.length - 1] <= 1.5 * usual + 50;
  }

  /** The connection they left on is gone. */
  lost() {
    this._open = [];
  }
}
