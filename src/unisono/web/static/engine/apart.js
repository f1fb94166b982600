/**
 * Whether two counters run on one clock or on two, and how far they have gone apart. Pure.
 *
 * Two witnesses. Glimpses of the counters themselves are late, never early, by a few tenths of a millisecond, now and then by many: the middle slope between any
 * two of their distances tells, the surer the longer they are watched. What the system itself says of both streams is good to a tenth of a millisecond, but for
 * half a minute after a stream was opened it may creep by several: where it says that nothing goes apart it is heard, and where it says that something does, unless
 * glimpses speak against it; it is believed when they second it. Two devices go apart as they did before their streams were opened anew: what was believed then is a
 * third witness, the first to be heard while the others have seen too little, until glimpses speak against it.
 */

/** @typedef {{x: number, y: number}} Point */
/**
 * @typedef {{at(x: number): number, openMs(x: number): number, slope: number, suspected: boolean, believed: boolean}} Line
 *   at: how far apart they went since, ms; openMs: how far that may be aside, by how rough the points are that the slope was found from; slope: ms per ms
 */
/** @typedef {{slope: number, open: number}} Clocks  how two go apart, ms per ms; open: how far that may be aside, three standard deviations */
/** @typedef {Clocks & {points: number, creep: number}} Stretch  creep: a slope that what the system says of one clock may show as well */

/** What glimpses tell: the middle one of the slopes between any two distances of the counters (Theil 1950, Sen 1968). @param {Point[]} first @param {Point[]} second second by second, as many @returns {Stretch} */
function glimpsed(first, second) {
  const count = first.length, slopes = new Float64Array((count * (count - 1)) / 2);
  const gaps = second.map(({ y }, i) => ({ x: first[i].x, y: y - first[i].y }));
  let pairs = 0;
  for (let i = 0; i < count; i++) for (let j = i + 1; j < count; j++) slopes[pairs++] = (gaps[j].y - gaps[i].y) / (gaps[j].x - gaps[i].x);
  const slope = slopes.sort()[(pairs - 1) >> 1];
  return { points: count, slope, open: OPEN_DEVIATIONS * around(gaps, slope).deviation, creep: 0 };
}

/** Clocks go apart evenly, in each half of the time; a step does not. @param {Point[]} first @param {Point[]} second @param {number} slope */
function isEven(first, second, slope) {
  const half = first.length >> 1;
  return [[0, half], [half, first.length]].every(([from, to]) => Math.abs(glimpsed(first.slice(from, to), second.slice(from, to)).slope - slope) < Math.abs(slope) / 2);
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
    found = toldBy(length, slope, deviation);
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
    if (halves.every((one) => Math.abs(one - slope) < Math.abs(slope) / 2)) return toldBy(Math.floor(length * ROUGH_WORTH), slope, deviation);
  }
  return null;
}

/** Through the middle of some points. @param {Point[]} points about evenly spaced */
function middleLine(points) {
  const slope = middleSlope(points);
  return { slope, ...around(points, slope) };
}

/** How far each point lies aside of a line, ms, and the standard deviation of its slope. @param {Point[]} points about evenly spaced @param {number} slope */
function around(points, slope) {
  const level = quantile(points.map(({ x, y }) => y - slope * x), 0.5);
  const aside = points.map(({ x, y }) => Math.abs(y - slope * x - level));
  const step = (points[points.length - 1].x - points[0].x) / (points.length - 1);
  return { aside, deviation: (SLOPE_OF_ONE * DEVIATION * quantile(aside, 0.5)) / (points.length ** 1.5 * step) };
}

/** The middle one of the slopes between points half of them apart (Theil 1950, Sen 1968). @param {Point[]} points */
function middleSlope(points) {
  const half = Math.floor(points.length / 2), later = points.length - half;
  return quantile(points.slice(0, half).map(({ x, y }, i) => (points[later + i].y - y) / (points[later + i].x - x)), 0.5);
}

/** @param {number[]} values @param {number} share */
const quantile = (values, share) => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * share)];

/** @param {number} points that the system says @param {number} slope @param {number} deviation @returns {Stretch} */
const toldBy = (points, slope, deviation) => ({ points, slope, open: OPEN_DEVIATIONS * deviation, creep: (ONE_CLOCK * ONE_CLOCK_POINTS) / points });
/** @param {Stretch} stretch */
const standsOut = ({ slope, open, creep }) => Math.abs(slope) > Math.max(SUSPECTED_OPEN * open, ONE_CLOCK, creep);

const POINTS_MIN = 10;
/** Nobody is believed sooner, nor disbelieved: a single tooth is a slope too. */
const POINTS_BELIEVED = 20;
/** Of what its points leave open, three standard deviations, a slope exceeds so much when it is suspected, and so much when it is believed. */
const SUSPECTED_OPEN = 2 / 3, BELIEVED_OPEN = 1.5;
/** The share of what the system says that glimpses show when they second it. */
const SECONDED = 0.5;
/** One clock shows no more than this over so many straight points, or twice as much over half as many; and two clocks show no more than that. */
const ONE_CLOCK = 6e-6, ONE_CLOCK_POINTS = 75, TWO_CLOCKS = 400e-6;
/** Crystals keep their pace to that, whatever the weather in the room does: nothing that was known of earlier streams is known better. */
const CRYSTAL_OPEN = 5e-6;
/** The past is left behind in steps: from so long ago to so long ago. */
const ANCHOR_MS_MAX = 100_000, ANCHOR_MS = 50_000;

/** @param {Stretch} seen glimpses @param {Clocks} before */
const contradicts = (seen, before) => seen.points >= POINTS_BELIEVED && Math.abs(seen.slope - before.slope) > seen.open + before.open;

/**
 * How far something may be aside, in parts that have nothing to do with each other: by what was known before, which all stretches share, and by what each of them told.
 * @typedef {{shared: number, alone: number}} Open
 */
/** @param {Open} open */
const whole = ({ shared, alone }) => Math.hypot(shared, alone);
/** The same error in each stretch adds up; errors of one stretch after the other are independent: their squares do. @param {Open} open ms @param {Open} rate ms per ms @param {number} ms @returns {Open} ms */
const grown = (open, rate, ms) => ({ shared: open.shared + rate.shared * ms, alone: Math.hypot(open.alone, rate.alone * ms) });

/** @type {Stretch} */
const NO_STRETCH = { points: 0, slope: 0, open: 0, creep: 0 };
const NOTHING_OPEN = { shared: 0, alone: 0 };

/** How much further the second counter has come than the first since a moment, in ms. */
export class Apart {
  /** @param {Clocks | null} [before] what was `known` of the same two devices when their streams were closed */
  constructor(before = null) {
    /** Where the line begins, how far apart they were there, and how far aside that may be. */
    this._anchor = { x: NaN, by: 0, open: NOTHING_OPEN };
    this._before = before;
    this._now = { slope: 0, open: NOTHING_OPEN };
    this._believed = false;
    /** Whether that is by what these points tell. */
    this._shown = false;
    this._straight = NO_STRETCH;
    this._begin(before);
  }

  /** The points up to now will not be asked again. @param {Clocks | null} known by them, or before */
  _begin(known) {
    this._before = known;
    this._now = { slope: known?.slope ?? 0, open: { shared: known?.open ?? 0, alone: 0 } };
    this._believed = known !== null;
    this._shown = false;
    this._straight = NO_STRETCH;
  }

  /** How they go apart, for those who see the same two devices by other streams; null while that is not believed. @returns {Clocks | null} */
  get known() {
    return this._before || this._shown ? { slope: this._now.slope, open: Math.max(CRYSTAL_OPEN, whole(this._now.open)) } : null;
  }

  /** These are two other devices from now on. */
  forget() {
    this._begin(null);
  }

  /** From here on. @param {number} x local ms */
  since(x) {
    this._begin(this.known);
    this._anchor = { x, by: 0, open: NOTHING_OPEN };
  }

  /** What was before is no witness any more, but they were so far apart. @param {number} x local ms @param {number} by */
  goOn(x, by) {
    const { x: from, open } = this._anchor, { known } = this;
    const sofar = Number.isNaN(from) ? NOTHING_OPEN : grown(open, this._now.open, x - from);
    // What is known now is aside by what it was found from, and so is where they are.
    this._anchor = { x, by, open: known ? { shared: whole(sofar), alone: 0 } : sofar };
    if (known) this._begin(known);
  }

  /**
   * From glimpses of both counters, and from what the system says of them where glimpses do not speak against it.
   * @param {Point[]} first @param {Point[]} second of the last minutes, each counter as it was glimpsed; x local ms, y counted ms less x
   * @param {Point[] | null} told how much further the second is than the first, ms, by what the system says; null where it says nothing
   * @returns {Line | null} null while there is too little to tell
   */
  line(first, second, told) {
    if (first.length < POINTS_MIN) return this._before && this._line(true);
    const seen = glimpsed(first, second);
    const found = told ? this._told(told, seen) : seen;
    if (this._before && contradicts(seen, this._before)) this._before = null;
    const { slope } = (this._now = this._weighed(found, seen));
    this._leaveBehind(first[first.length - 1].x);
    const suspected = standsOut(found) && Math.abs(slope) < TWO_CLOCKS;
    const seconded = () => (found === seen ? isEven(first, second, slope) : standsOut(seen) && seen.slope / slope > SECONDED);
    this._shown ||= suspected && found.points >= POINTS_BELIEVED && Math.abs(slope) > BELIEVED_OPEN * found.open && seconded();
    this._believed ||= this._shown;
    return this._line(suspected);
  }

  /** @param {boolean} suspected @returns {Line} */
  _line(suspected) {
    const { x: from, by, open } = this._anchor, now = this._now;
    return { at: (x) => by + now.slope * (x - from), openMs: (x) => whole(grown(open, now.open, x - from)), slope: now.slope, suspected, believed: this._believed };
  }

  /** With what was known before, each as much as it is sure (inverse variances). @param {Stretch} found @param {Stretch} seen @returns {{slope: number, open: Open}} */
  _weighed({ slope, open, creep }, seen) {
    // What two witnesses differ by is not known better than that.
    const apart = Math.max(open, Math.abs(slope - seen.slope));
    const before = this._before, wandering = Math.max(open, creep);
    if (!before) return { slope, open: { shared: 0, alone: this._believed && !this._shown ? Math.max(apart, wandering) : apart } };
    const now = Math.max(apart, wandering), share = now ** 2 / (now ** 2 + before.open ** 2);
    const both = share * before.slope + (1 - share) * slope;
    const differ = Math.abs(slope - before.slope) > wandering + before.open ? Math.abs(slope - both) : 0;
    return { slope: both, open: { shared: share * before.open, alone: Math.hypot((1 - share) * now, differ) } };
  }

  /**
   * Where nothing is straight now, what was last holds on. Glimpses late for long are no clock: that nothing goes apart they do not contradict, nor a line that is
   * believed, as long as they are too few to know better.
   * @param {Point[]} told @param {Stretch} seen
   */
  _told(told, seen) {
    const found = (this._straight = straight(told) ?? rough(told) ?? this._straight);
    const contradicted = Math.abs(found.slope - seen.slope) > Math.max(seen.open, SECONDED * Math.abs(found.slope));
    const heard = !this._believed || seen.open < found.open;
    return found.points === 0 || (standsOut(found) && contradicted && heard) ? seen : found;
  }

  /** @param {number} now */
  _leaveBehind(now) {
    const { x, by, open } = this._anchor, then = now - ANCHOR_MS;
    if (now - x > ANCHOR_MS_MAX) this._anchor = { x: then, by: by + this._now.slope * (then - x), open: grown(open, this._now.open, then - x) };
  }
}
