/**
 * Whether two counters run on one clock or on two, and how far they have gone apart. Pure.
 *
 * Counters are seen late, never early, and by fits: where a device's blocks beat against the reader's, the best glimpses of several seconds in a row are late.
 * So each counter's line is the one above all its points that lies lowest in their middle (the linear programming solution of Moon, Skelly & Towsley 1999);
 * teeth below it do not bend it.
 */

/** @typedef {{x: number, y: number}} Point */
/**
 * @typedef {{at(x: number): number, openMs(x: number): number, slope: number, suspected: boolean, believed: boolean}} Line
 *   at: how far apart they went since, ms; openMs: how far that may be aside, by how rough the points are that the slope was found from; slope: ms per ms
 */
/** @typedef {{points: number, slope: number, open: number}} Stretch  open: of the slope, three standard deviations */

/** The line above all points. */
class TopLine {
  /** @param {Point[]} points at least two, x ascending */
  constructor(points) {
    const hull = upperHull(points);
    const middle = (points[0].x + points[points.length - 1].x) / 2;
    const right = Math.max(1, hull.findIndex(({ x }) => x >= middle));
    const a = hull[right - 1], b = hull[right];
    this.slope = (b.y - a.y) / (b.x - a.x);
    this._at = a;
    const below = points.map((point) => this.at(point.x) - point.y).sort((one, other) => one - other);
    /** How far below it the points lie, half of them. */
    this.below = below[Math.floor(below.length / 2)];
  }

  /** @param {number} x */
  at(x) {
    return this._at.y + this.slope * (x - this._at.x);
  }
}

/** @param {Point[]} points @returns {Point[]} corners of the upper convex hull (Andrew's monotone chain) */
function upperHull(points) {
  /** @type {Point[]} */
  const hull = [];
  for (const point of points) {
    while (hull.length > 1 && turnsLeft(hull[hull.length - 2], hull[hull.length - 1], point)) hull.pop();
    hull.push(point);
  }
  return hull;
}

/** @param {Point} a @param {Point} b @param {Point} c */
const turnsLeft = (a, b, c) => (b.x - a.x) * (c.y - a.y) >= (b.y - a.y) * (c.x - a.x);

/** Clocks go apart evenly, in each half of the time; a step does not. @param {Point[]} first @param {Point[]} second @param {number} slope */
function isEven(first, second, slope) {
  const half = Math.floor(first.length / 2);
  return [[0, half], [half, first.length]].every(([from, to]) => {
    const apart = new TopLine(second.slice(from, to)).slope - new TopLine(first.slice(from, to)).slope;
    return Math.abs(apart - slope) < Math.abs(slope) / 2;
  });
}

/**
 * The longest stretch up to now, among these many points, that is straight: what the system itself says of a stream is good to a tenth of a millisecond, but
 * not for the seconds after it was opened or held up.
 */
const STRETCHES = [8, 12, 20, 30, 45, 70, 110];
const STRAIGHT_MS = 0.15;
const STRAIGHT_SHARE = 0.9;

/** @param {Point[]} points x ascending @returns {Stretch | null} null when not even the last few lie on a line */
export function straight(points) {
  let found = null;
  for (const length of STRETCHES) {
    if (length > points.length) break;
    const { slope, aside, deviation } = middleLine(points.slice(-length));
    if (quantile(aside, STRAIGHT_SHARE) > STRAIGHT_MS) break;
    found = { points: length, slope, open: OPEN_DEVIATIONS * deviation };
  }
  return found;
}

/**
 * Where what the system says is rough to half a millisecond: the longest of the last stretches whose slope stands far out of its roughness, and is about the
 * same in both its halves. A rough stretch tells as much as a straight one of two thirds its length.
 */
const ROUGH_STRETCHES = [110, 70, 45, 30, 20];
const ROUGH_SLOPES = 6;
const ROUGH_WORTH = 2 / 3;
/** From the median distance of points to the standard deviation, and from that of n points, one a step, to their slope's: sqrt(12) / n ** 1.5 a step. */
const DEVIATION = 1.4826, SLOPE_OF_ONE = Math.sqrt(12);
const OPEN_DEVIATIONS = 3;

/** @param {Point[]} points x ascending @returns {Stretch | null} null when no slope stands out */
export function rough(points) {
  for (const length of ROUGH_STRETCHES) {
    if (length > points.length) continue;
    const stretch = points.slice(-length), half = Math.floor(length / 2);
    const { slope, deviation } = middleLine(stretch);
    if (Math.abs(slope) < ROUGH_SLOPES * deviation) continue;
    const halves = [stretch.slice(0, half), stretch.slice(half)].map(middleSlope);
    if (halves.every((one) => Math.abs(one - slope) < Math.abs(slope) / 2)) return { points: Math.floor(length * ROUGH_WORTH), slope, open: OPEN_DEVIATIONS * deviation };
  }
  return null;
}

/** Through the middle of some points; how far each of them lies aside, ms, and the standard deviation of the slope. @param {Point[]} points about evenly spaced */
function middleLine(points) {
  const slope = middleSlope(points);
  const level = quantile(points.map(({ x, y }) => y - slope * x), 0.5);
  const aside = points.map(({ x, y }) => Math.abs(y - slope * x - level));
  const step = (points[points.length - 1].x - points[0].x) / (points.length - 1);
  return { slope, aside, deviation: (SLOPE_OF_ONE * DEVIATION * quantile(aside, 0.5)) / (points.length ** 1.5 * step) };
}

/** The middle one of the slopes between points half of them apart (Theil 1950, Sen 1968). @param {Point[]} points */
function middleSlope(points) {
  const half = Math.floor(points.length / 2), later = points.length - half;
  return quantile(points.slice(0, half).map(({ x, y }, i) => (points[later + i].y - y) / (points[later + i].x - x)), 0.5);
}

/** @param {number[]} values @param {number} share */
const quantile = (values, share) => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * share)];

const POINTS_MIN = 10;
/** Nobody is believed sooner: a single tooth is a slope too. */
const POINTS_BELIEVED = 20;
/** A slope is believed that stands so many times out of what the points below the lines leave open. */
const OPEN = 2;
/** One clock shows no more than this over so many straight points, or twice as much over half as many; and two clocks show no more than that. */
const ONE_CLOCK = 6e-6, ONE_CLOCK_POINTS = 75, TWO_CLOCKS = 400e-6;
/** The past is left behind in steps: from so long ago to so long ago. */
const ANCHOR_MS_MAX = 100_000, ANCHOR_MS = 50_000;

/** Slopes of one stretch after the other are aside independently: squares add up. @param {{x: number, open: number}} anchor @param {number} open ms per ms since @param {number} x local ms */
const openMs = (anchor, open, x) => Math.hypot(anchor.open, open * (x - anchor.x));

/** @type {Stretch} */
const NO_STRETCH = { points: 0, slope: 0, open: 0 };

/** How much further the second counter has come than the first since a moment, in ms. */
export class Apart {
  constructor() {
    /** Where the line begins, how far apart they were there, and how far aside that may be. */
    this._anchor = { x: NaN, by: 0, open: 0 };
    /** Of the slope since, ms per ms. */
    this._open = 0;
    this._believed = false;
    this._straight = NO_STRETCH;
  }

  /** From here on. @param {number} x local ms */
  since(x) {
    this._anchor = { x, by: 0, open: 0 };
    this._open = 0;
    this._believed = false;
    this._straight = NO_STRETCH;
  }

  /** What was before is no witness any more, but they were so far apart. @param {number} x local ms @param {number} by */
  goOn(x, by) {
    this._anchor = { x, by, open: Number.isNaN(this._anchor.x) ? 0 : openMs(this._anchor, this._open, x) };
  }

  /**
   * From what the system says of both counters, where it says anything; else from glimpses of them.
   * @param {Point[]} first @param {Point[]} second of the last minutes, each counter as it was glimpsed; x local ms, y counted ms less x
   * @param {Point[] | null} told how much further the second is than the first, ms, by what the system says; null where it says nothing
   * @returns {Line | null} null while there is too little to tell
   */
  line(first, second, told) {
    if (first.length < POINTS_MIN) return null;
    const { slope, open, suspected, enough } = told ? this._told(told) : this._glimpsed(first, second);
    const now = first[first.length - 1].x;
    this._open = open;
    this._leaveBehind(now, slope);
    const anchor = this._anchor, { x: from, by } = anchor;
    const plausible = suspected && Math.abs(slope) < TWO_CLOCKS;
    this._believed ||= plausible && enough;
    return { at: (x) => by + slope * (x - from), openMs: (x) => openMs(anchor, open, x), slope, suspected: plausible, believed: this._believed };
  }

  /** Where nothing is straight now, what was seen last holds on. @param {Point[]} told */
  _told(told) {
    const { slope, points, open } = (this._straight = straight(told) ?? rough(told) ?? this._straight);
    const suspected = Math.abs(slope) > Math.max(ONE_CLOCK, (ONE_CLOCK * ONE_CLOCK_POINTS) / points);
    return { slope, open, suspected, enough: points >= POINTS_BELIEVED };
  }

  /** Lines above all points are believed when they stand out; how rough they are is not known well enough to say more. @param {Point[]} first @param {Point[]} second */
  _glimpsed(first, second) {
    const one = new TopLine(first), other = new TopLine(second);
    const slope = other.slope - one.slope;
    const open = (OPEN * (one.below + other.below)) / (first[first.length - 1].x - first[0].x);
    const suspected = Math.abs(slope) > Math.max(open, ONE_CLOCK) && isEven(first, second, slope);
    return { slope, open: 0, suspected, enough: first.length >= POINTS_BELIEVED };
  }

  /** @param {number} now @param {number} slope */
  _leaveBehind(now, slope) {
    const { x, by } = this._anchor, then = now - ANCHOR_MS;
    if (now - x > ANCHOR_MS_MAX) this._anchor = { x: then, by: by + slope * (then - x), open: openMs(this._anchor, this._open, then) };
  }
}
