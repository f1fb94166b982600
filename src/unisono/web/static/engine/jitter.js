/**
 * How long to wait for what jitters, both ways, from probes. A way that jitters has no slowest packet: rows wait for all but a share that nobody
 * minds, worked out from the tail of what was seen. The server's twin is core/lateness.py; both read spec/jitter.json. Pure: the clock is an argument.
 */

import { SAMPLE_RATE } from "./units.js";

/** So many of 1 may be late: a frame of 20 ms in three minutes. */
export const LATE_SHARE = 1e-4;
/** What takes longer is no jitter but an outage, and tells nothing about the minutes without one. */
export const OUTAGE_MS = 1_200;
/** So much above the usual is no jitter, if it came once. */
export const STALL_MS = 150;
/** What is so late within two seconds is one stall, and the queue behind it. */
const STALL_FRAMES = 100;
/** Eight seconds: what comes once in less may be weather. */
const ONCE_FRAMES = 400;
const TAIL_SHARE = 0.2;
/** Nothing is foretold that would come but once in so many times what was seen. */
const FORETOLD = 10;
const SEEN_SHARE = 1e-3;
/** Many rough ways meet at one ear, and what is late there is late for a while. */
const ROUGH_LATE_SHARE = 5e-6;
const ROUGH_SEEN_TIMES = 2.5;
/** What is old is forgotten, so that the busy seconds in which a page is loaded say nothing of the next song; but a few probes are too few to speak of. */
const KEPT_MS = 20_000;
const KEPT_MS_MAX = 60_000;
const ENOUGH = 40;
const FRESH = 20;
/**
 * While a page loads its threads are busy, so probes go on quickly until some of them have met a quiet moment. The first ones are for the clock
 * alone, which needs only the best of them.
 */
const AT_FIRST = 12, AT_FIRST_MS = 120, SOON = 60, SOON_MS = 250, EVERY_MS = 1_000;
/**
 * Probes of those who sing go in trains as close as frames of a song, so that they meet what frames meet: what is lost is found missing by what
 * comes behind it. The last ones of a train have nothing behind them and tell nothing. On a rough line trains are longer, and those who listen send them too.
 */
const TRAIN_PROBES = 10, LONG_TRAIN_PROBES = 50, TRAIN_END_PROBES = 3, PROBE_MS = 20, TRAIN_MS = 2_000;
/** A line is rough when one trip in ten takes so much longer than usual. */
const ROUGH_MS = 40;
/** An encoder and a decoder that have not been heard of yet. */
const ENCODE_MS = 5;
const DECODE_MS = 3;
/** The ear reads a block and a few samples more ahead of what is heard, and knows where it is as well as FrameClock does. */
const EAR_MS = 10;
/** What is measured while nothing is sung takes longer while everybody sings: by so much, each way. The next song knows better (core/sungways.py). */
const SONG_MS = 15;
const AFTER_OUTAGE_MS = 1_000;
const PER_MS = SAMPLE_RATE / 1000;

/** @typedef {{at(ms: number): number}} Clock  the room's position at a local time */

/**
 * How long to wait so that of things as late as these no more than LATE_SHARE come too late; in ms, NaN when there are none. What four in five
 * take, and more, if the excess of the others falls off exponentially, as fast as its median says; never less than all but one in a thousand took.
 * On a rough way the mean excess of all above the middle one speaks, since the median of a few of the worst differs too much from minute to minute.
 * @param {number[]} late @param {number} [lateShare]
 */
export function waitFor(late, lateShare = LATE_SHARE) {
  const ordered = [...late].sort((a, b) => a - b);
  const n = ordered.length;
  if (n < 2) return n ? ordered[0] : NaN;
  const seen = ordered[n - 1 - Math.floor(n * Math.max(lateShare, SEEN_SHARE))];
  const tail = Math.max(1, roundHalfEven(n * TAIL_SHARE));
  const usual = ordered[n - tail - 1];
  const width = (ordered[n - 1 - Math.floor(tail / 2)] - usual) / Math.LN2;
  const wait = Math.max(seen, usual + width * Math.max(0, Math.log(tail / n / Math.max(lateShare, 1 / (FORETOLD * n)))));
  return ordered[Math.floor((n * 9) / 10)] - ordered[n >> 1] > ROUGH_MS ? Math.max(wait, roughWait(ordered)) : wait;
}

/** All that exceeds the middle one is taken to be exponentially distributed, with its own mean. @param {number[]} ordered */
function roughWait(ordered) {
  const middle = ordered[ordered.length >> 1], above = ordered.slice((ordered.length >> 1) + 1);
  const meanExcess = above.reduce((sum, one) => sum + one, 0) / above.length - middle;
  return middle + Math.min(meanExcess * Math.log(0.5 / ROUGH_LATE_SHARE), ROUGH_SEEN_TIMES * (ordered[ordered.length - 1] - middle));
}

/**
 * The frames of one stream, oldest first, without its only stall; all of them if there was none, or another.
 * @param {number[]} late @param {number} [stall] so much later than the middle one, in their unit
 */
export function withoutLoneStall(late, stall = STALL_MS) {
  if (late.length < ONCE_FRAMES) return late;
  const bound = [...late].sort((a, b) => a - b)[Math.floor(late.length / 2)] + stall;
  const first = late.findIndex((one) => one > bound), last = late.length - 1 - [...late].reverse().findIndex((one) => one > bound);
  return first < 0 || last - first >= STALL_FRAMES ? late : [...late.slice(0, first), ...late.slice(last + 1)];
}

/**
 * How long to wait for what takes one of `some` and then one of `others`; NaN when either is unknown. Two tails hardly ever meet: it is less than
 * the wait for each by itself.
 * @param {number[]} some @param {number[]} others
 */
export function waitForSum(some, others) {
  if (some.length === 0 || others.length === 0) return NaN;
  return waitFor(Array.from({ length: Math.max(some.length, others.length) }, (_, i) => some[i % some.length] + others[i % others.length]));
}

/**
 * Both measures of the `link` message, in ms; NaN while something of them is unknown.
 * @param {{lagsMs: number[], lookaheadMs: number, upsMs: number[], downsMs: number[], decodesMs: number[]}} seen lagsMs: from heard to ready for the
 *   network, of the last blocks; upsMs, downsMs: of the last probes; decodesMs: from come to laid on the tape, of the last frames
 */
export function linkMs({ lagsMs, lookaheadMs, upsMs, downsMs, decodesMs }) {
  return {
    up: waitForSum(lagsMs, upsMs) + lookaheadMs + ENCODE_MS + SONG_MS,
    down: waitForSum(downsMs, decodesMs.length > 0 ? decodesMs : [DECODE_MS]) + EAR_MS + SONG_MS,
  };
}

/** What is waited for of each by itself, and of how many that is known: for benches. @param {{lagsMs: number[], upsMs: number[], downsMs: number[], decodesMs: number[]}} seen */
export function waitsMs({ lagsMs, upsMs, downsMs, decodesMs }) {
  return { lag: waitFor(lagsMs), up: waitFor(upsMs), down: waitFor(downsMs), decode: waitFor(decodesMs), lags: lagsMs.length, probes: upsMs.length };
}

/** As Python rounds. @param {number} x */
function roundHalfEven(x) {
  const floor = Math.floor(x);
  return x - floor === 0.5 ? floor + (floor % 2) : Math.round(x);
}

/** What the probes of the last seconds tell of both ways. The client library's twin is client/sights.py. */
export class Ways {
  constructor() {
    /** @type {{sentMs: number, receivedMs: number, position: number}[]} */
    this._sights = [];
    /** @type {Map<number, boolean>} probes without an echo, oldest first, and whether theirs tells something */
    this._open = new Map();
    this._calmMs = -Infinity;
    this._settledMs = -Infinity;
  }

  /** The page was busy until now: what was seen meanwhile is forgotten as soon as enough has been seen since. @param {number} nowMs */
  settle(nowMs) {
    this._settledMs = nowMs;
  }

  /** A probe leaves. @param {number} sentMs @param {boolean} [telling] */
  probed(sentMs, telling = true) {
    this._open.set(sentMs, telling);
  }

  /** Its echo; in the wake of an outage it tells nothing of the ways. @param {number} sentMs @param {number} receivedMs @param {number} position the room's when it answered */
  echoed(sentMs, receivedMs, position) {
    const telling = this._open.get(sentMs) ?? true;
    for (const sent of [...this._open.keys()]) if (sent <= sentMs) this._open.delete(sent);
    if (receivedMs - sentMs > 2 * OUTAGE_MS) this._calmMs = receivedMs + AFTER_OUTAGE_MS;
    else if (telling && receivedMs >= this._calmMs) this._sights.push({ sentMs, receivedMs, position });
    this._forget(receivedMs);
  }

  /** @param {number} nowMs */
  _forget(nowMs) {
    const fresh = this._sights.filter(({ sentMs }) => sentMs >= this._settledMs);
    if (fresh.length >= FRESH) this._sights = fresh;
    const kept = () => (this._sights.length > ENOUGH ? KEPT_MS : KEPT_MS_MAX);
    while (this._sights.length > 0 && nowMs - this._sights[0].sentMs > kept()) this._sights.shift();
  }

  /** How many echoes count. */
  get size() {
    return this._sights.length;
  }

  /** How long each probe took to the room. @param {Clock} clock */
  upMs(clock) {
    return this._sights.map(({ sentMs, position }) => (position - clock.at(sentMs)) / PER_MS);
  }

  /** How long each echo took from it. @param {Clock} clock */
  downMs(clock) {
    return this._sights.map(({ receivedMs, position }) => (clock.at(receivedMs) - position) / PER_MS);
  }

  /** Whether no echo of this probe has come, nor of one behind it. @param {number} sentMs */
  awaits(sentMs) {
    return this._open.has(sentMs);
  }

  /** How long each probe and its echo took together. */
  get tripsMs() {
    return this._sights.map(({ sentMs, receivedMs }) => receivedMs - sentMs);
  }

  /** Whether the last echo took about as long as usual: nothing waits on the way, and there is room for repair. */
  get calm() {
    const trips = this.tripsMs;
    if (trips.length === 0) return false;
    const usual = [...trips].sort((a, b) => a - b)[Math.floor(trips.length / 2)];
    return trips[trips.length - 1] <= 1.5 * usual + 50;
  }

  /** Whether trips differ so much that a few probes do not tell what frames will meet. */
  get rough() {
    const trips = this.tripsMs.sort((a, b) => a - b);
    return trips.length >= 5 && trips[Math.floor((trips.length * 9) / 10)] - trips[Math.floor(trips.length / 2)] > ROUGH_MS;
  }

  /** The connection they left on is gone. */
  lost() {
    this._open.clear();
  }
}

/** Probes of one line that have no echo yet: whether it stands still. */
export class Unanswered {
  constructor() {
    /** @type {Set<number>} */
    this._sent = new Set();
  }

  /** @param {number} sentMs */
  sent(sentMs) {
    this._sent.add(sentMs);
  }

  /** An echo has come; what went before it need not be waited for. @param {number} sentMs */
  echoed(sentMs) {
    for (const sent of this._sent) if (sent <= sentMs) this._sent.delete(sent);
  }

  /** How long the oldest probe has been on its way; 0 if none is. @param {number} nowMs */
  stalledMs(nowMs) {
    for (const oldest of this._sent) return nowMs - oldest;
    return 0;
  }
}

/** When the next probe of a connection goes, and whether its echo will tell something of the ways. */
export class Probing {
  constructor() {
    this._sent = 0;
    this._place = 0;
    this._train = 1;
    this._hurried = false;
  }

  /** A long train goes next. */
  hurry() {
    this._hurried = true;
    this._place = this._train;
  }

  /** For a probe that goes now. @param {boolean} sings @param {boolean} rough the line */
  next(sings, rough) {
    this._sent += 1;
    if (this._sent <= AT_FIRST) return { telling: false, waitMs: AT_FIRST_MS };
    this._place += 1;
    if (this._place > this._train) {
      this._place = 1;
      this._train = rough || (sings && this._hurried) ? LONG_TRAIN_PROBES : sings ? TRAIN_PROBES : 1;
      this._hurried = false;
    }
    if (this._train === 1) return { telling: true, waitMs: this._sent < SOON ? SOON_MS : EVERY_MS };
    const last = this._place === this._train;
    return { telling: this._place <= this._train - TRAIN_END_PROBES, waitMs: last ? TRAIN_MS - (this._train - 1) * PROBE_MS : PROBE_MS };
  }
}
