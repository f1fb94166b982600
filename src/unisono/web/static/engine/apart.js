/**
 * Whether two counters run on one clock or on two, and how far they have gone apart. Pure.
 *
 * Counters are seen late, never early, and by fits: where a device's blocks beat against the reader's, the best glimpses of several seconds in a row are late.
 * So each counter's line is the one above all its points that lies lowest in their middle (the linear programming solution of Moon, Skelly & Towsley 1999);
 * teeth below it do not bend it.
 */

/** @typedef {{x: number, y: number}} Point */
/** @typedef {{at(x: number): number, slope: number, suspected: boolean, believed: boolean}} Line  at: how far apart they went since, ms; slope: ms per ms */

/** The line above all points. */
export class TopLine {
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

/** Whoever saw the counter best. @param {Point[][]} views @returns {[Point[], TopLine]} */
function steadiest(views) {
  const lines = views.map((points) => /** @type {[Point[], TopLine]} */ ([points, new TopLine(points)]));
  return lines.reduce((best, each) => (each[1].below < best[1].below ? each : best));
}

const POINTS_MIN = 10;
/** Nobody is believed sooner: a single tooth is a slope too. */
const POINTS_BELIEVED = 20;
/** A slope is believed that stands so many times out of what the points below the lines leave open. */
const OPEN = 2;
/** One clock shows no more than this. */
const ONE_CLOCK = 6e-6;
/** The past is left behind in steps: from so long ago to so long ago. */
const ANCHOR_MS_MAX = 100_000, ANCHOR_MS = 50_000;

/** How much further the second counter has come than the first since a moment, in ms. */
export class Apart {
  constructor() {
    this._anchor = { x: NaN, by: 0 };
    this._believed = false;
  }

  /** From here on. @param {number} x local ms */
  since(x) {
    this._anchor = { x, by: 0 };
    this._believed = false;
  }

  /** What was before is no witness any more, but they were so far apart. @param {number} x local ms @param {number} by */
  goOn(x, by) {
    this._anchor = { x, by };
  }

  /**
   * @param {Point[][]} firsts @param {Point[][]} seconds of the last minutes, each counter as one or more saw it; x local ms, y counted ms less x
   * @returns {Line | null} null while there is too little to tell
   */
  line(firsts, seconds) {
    if (firsts[0].length < POINTS_MIN) return null;
    const [first, one] = steadiest(firsts);
    const [second, other] = steadiest(seconds);
    const slope = other.slope - one.slope;
    const now = first[first.length - 1].x;
    const gap = (/** @type {number} */ x) => other.at(x) - one.at(x);
    this._leaveBehind(now, gap);
    const { x: from, by } = this._anchor;
    const open = (OPEN * (one.below + other.below)) / (now - first[0].x);
    const suspected = Math.abs(slope) > open / OPEN;
    this._believed ||= first.length >= POINTS_BELIEVED && Math.abs(slope) > Math.max(open, ONE_CLOCK) && isEven(first, second, slope);
    return { at: (x) => by + gap(x) - gap(from), slope, suspected, believed: this._believed };
  }

  /** @param {number} now @param {(x: number) => number} gap */
  _leaveBehind(now, gap) {
    const { x, by } = this._anchor;
    if (now - x <= ANCHOR_MS_MAX) return;
    this._anchor = { x: now - ANCHOR_MS, by: by + gap(now - ANCHOR_MS) - gap(x) };
  }
}
