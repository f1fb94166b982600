/**
 * Watches the open streams for what moves the round trip after it was measured. Pure: fed with glimpses, asked once in a while.
 *
 * Output and microphone are counted against one local time. Counters move in bursts and are seen late, never early, so of each second the most advanced
 * glimpse counts; the distance between the two counts, second by second, is the `gap`. While it stands, the round trip stands. Silence that the system had
 * to put into the output makes it wider by just so much; and the browser's own line between what is written and when it sounds moves by the same. Only when
 * both say the same is the round trip moved (by the gap); everything else is doubt, and doubt marks the stem. A gap that grows evenly means two clocks
 * (a USB microphone): then the round trip follows their line (apart.js). A stream that is moved to other headphones stands still for a moment while the other goes
 * on, or sounds later from then on though both go on: doubt at once, for what is stamped until the seconds tell would be shifted. The first glimpse of a counter
 * that is behind tells not yet whether it stood still: until the next few tell, nothing is to be stamped (`undecided`), so that doubt is there before the stamps are.
 */

import { Apart } from "./apart.js";

const BIN_MS = 1_000;
const BINS = 120;
const GLIMPSES_MIN = 8;
/** The gap of one second is good to a few tenths of a millisecond, but for seconds in which the worker was never in time: five of them decide. */
const STANDS_MS = 0.7;
const STEP_MS = 1.5;
const ALIKE_MS = 0.7;
const LINES_AGREE_MS = 2;
const JUDGED_BINS = 5;
const PATIENCE_BINS = 10;
const AHEAD_BINS = 3;
/** So long ago at most it may have happened when the browser's own count tells of it. */
const SEEN_LATE_MS = 150;
/** A counter so far behind, so many glimpses in a row, has stood still. */
const BEHIND_MS = 40;
const BEHIND_GLIMPSES = 4;
/** A block of the microphone so soon after another had waited to be read. */
const WAITED_MS = 2;
/** Sound is lost in blocks of ten milliseconds or more; what the system itself says of when it heard is good to a tenth of that, mostly. */
const LACKS_MS = 15;
/** One counter stands while the other is seen to go on. Both are seen late together when this thread is held up. */
const ALONE_MS = 250;
/** What is written sounds later or earlier by more than clocks that drift explain, two seconds long. */
const LINE_STEP_MS = 8;
const LINE_STANDS_MS = 2;
const LINE_STEP_BINS = 2;
/** A stream that stood still so near to a change of the devices was moved by it: no need to wait for what the seconds tell. */
const MOVED_WITHIN_MS = 5_000;
/** So far apart two clocks may have gone before it is said, believed or not. */
export const APART_MS = 0.7;

/** @typedef {{ms: number, gap: number, line: number, output: Point, microphone: Point, captured: Point}} Second  ms; gap and line NaN where unknown */
/** @typedef {{ms: number, output: Point, outputs: number, microphone: Point, microphones: number, captured: Point, lines: number[]}} Bin  the most advanced glimpses: x local ms, y frames less those of x */
/** @typedef {import("./apart.js").Point} Point */
/** @typedef {import("./apart.js").Line} Line */
/**
 * @typedef {{type: "doubt", text: string} | {type: "settled"} | {type: "lost", text: string} | {type: "moved", frames: number, since: number}
 *   | {type: "follow", frames: number, open: number, ms: number, perMs: number, believed: boolean}} Verdict
 *   doubt: something happened, what it did will show; settled: it did nothing; moved: the round trip of all written since that frame is longer by so many
 *   frames; lost: the round trip is not known any more; follow: the round trip is so much longer than measured, on a line that may be aside by `open`, or may be
 */

/** @param {number[]} values */
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
/** @param {Line | null} line */
const slopeOf = (line) => (line?.believed ? line.slope : 0);
/** How far the three in the middle lie apart. @param {number[]} values */
function middleRange(values) {
  const middle = [...values].sort((a, b) => a - b).slice(1, -1);
  return middle[middle.length - 1] - middle[0];
}

export class LoopWatch {
  /**
   * @param {number} contextRate @param {boolean} apart whether the microphone has a count of its own; without, there are doubts and no answers
   * @param {import("./apart.js").Clocks | null} [clocks] what was known of the clocks of the same two devices when other streams of theirs were open
   */
  constructor(contextRate, apart, clocks = null) {
    this._perMs = contextRate / 1000;
    this._apart = apart;
    /** @type {Bin | null} */
    this._bin = null;
    /** @type {Second[]} */
    this._seconds = [];
    this._measured = { gap: NaN, ms: NaN };
    this._steadySince = -Infinity;
    /** The most advanced glimpses of the last second that was seen well. */
    this._best = { output: NaN, microphone: NaN, captured: NaN };
    this._behind = 0;
    this._lacking = 0;
    this._blockMs = -Infinity;
    /** Since when one has been seen and the other has not. */
    this._clocks = new Apart(clocks);
    this._followed = 0;
    this._without = { output: NaN, microphone: NaN };
    this._stoodMs = NaN;
    this._devicesMs = NaN;
    this._onLine = NaN;
    this._underruns = NaN;
    /** @type {{ms: number, since: number, text: string, begunMs: number} | null} */
    this._doubt = null;
    /** @type {Verdict[]} */
    this._verdicts = [];
  }

  /** How the clocks of these two devices go apart, whatever streams are opened next; null while that is not known. */
  get clocks() {
    return this._clocks.known;
  }

  /** These may be other devices now: what was known of their clocks holds no longer. */
  forgetClocks() {
    this._clocks.forget();
    this._steadySince = this._seconds[this._seconds.length - 1]?.ms ?? this._steadySince;
  }

  /** How far the microphone's count is ahead of the output's, in ms; NaN until two of the last seconds were seen well. */
  get aheadMs() {
    const gaps = this._seconds.slice(-AHEAD_BINS).map(({ gap }) => gap).filter((gap) => !Number.isNaN(gap));
    return this._apart && gaps.length > 1 ? median(gaps) : NaN;
  }

  /**
   * Whether a counter is behind as it was last seen, and it is not said yet what that means: what was made after a standstill may lie beside its place by all of
   * it, so nothing is stamped until the next glimpses tell.
   */
  get undecided() {
    const few = (/** @type {number} */ glimpses) => glimpses > 0 && glimpses < BEHIND_GLIMPSES;
    return !this._doubt && !Number.isNaN(this._measured.ms) && (few(this._behind) || few(this._lacking));
  }

  /** The round trip was measured between these local times: from now on it is watched. @param {number} fromMs @param {number} toMs */
  measured(fromMs, toMs) {
    const during = this._seconds.filter(({ ms, gap }) => ms >= fromMs - BIN_MS && ms <= toMs && !Number.isNaN(gap));
    const middle = (fromMs + toMs) / 2;
    this._clocks.since(middle);
    this._followed = 0;
    // Streams that have just been opened run ahead of themselves for a moment.
    this._steadySince = Math.max(this._steadySince, fromMs - BIN_MS);
    const line = this._line(), slope = line?.slope ?? 0;
    this._measured = { ms: middle, gap: during.length > 0 ? median(during.map(({ ms, gap }) => gap + slope * (middle - ms))) : NaN };
    this._doubt = null;
    this._verdicts = [];
    if (line?.believed && this._seconds.length > 0) this._follow(line);
  }

  /** The output's counter, glimpsed. @param {number} ms @param {number} frame of the context */
  output(ms, frame) {
    const bin = this._at(ms);
    const ahead = frame - this._perMs * ms;
    if (ahead > bin.output.y) bin.output = { x: ms, y: ahead };
    bin.outputs += 1;
    if (this._alone(ms, "output", "microphone")) this._stood(ms, NaN, "the microphone stood still");
    if (this._standsStill(ahead, frame)) this._stood(ms, this._onLine, "the sound output stood still");
  }

  /**
   * The microphone's counter when a block arrives.
   * @param {number} ms @param {number} frame that follows the block, as frames of the context @param {number} [capturedMs] when the system says it was heard,
   *   from any zero: steadier than its arrival, where it is known, but no witness of a stream that stands still
   */
  microphone(ms, frame, capturedMs = NaN) {
    const bin = this._at(ms);
    const heard = frame - this._perMs * capturedMs;
    if (heard > bin.captured.y) bin.captured = { x: ms, y: heard };
    const ahead = frame - this._perMs * ms;
    if (ahead > bin.microphone.y) bin.microphone = { x: ms, y: ahead };
    bin.microphones += 1;
    if (this._alone(ms, "microphone", "output")) this._stood(ms, this._onLine, "the sound output stood still");
    if (this._lacks(ms, ahead, heard)) this._stood(ms, NaN, "the microphone lost sound");
  }

  /** The browser's own reading, ten times a second. @param {number} ms @param {number} lineMs context time less the time it sounds @param {number} underruns as it counts them */
  line(ms, lineMs, underruns) {
    this._at(ms).lines.push(lineMs);
    if (underruns > this._underruns) this._suspect(ms, this._onLine - SEEN_LATE_MS * this._perMs, `the sound output ran dry (${underruns})`);
    this._underruns = underruns;
  }

  /** Sound devices came or went, and may have taken the streams with them. @param {number} ms */
  devices(ms) {
    this._devicesMs = ms;
    this._suspect(ms, NaN, "a sound device came or went");
    this._wasMoved();
  }

  /** What has been found since the last time. @returns {Verdict[]} */
  verdicts() {
    const found = this._verdicts;
    this._verdicts = [];
    return found;
  }

  /** @param {number} ms @returns {Bin} */
  _at(ms) {
    const start = Math.floor(ms / BIN_MS) * BIN_MS;
    if (this._bin?.ms === start) return this._bin;
    if (this._bin) this._close(this._bin);
    const unseen = { x: start, y: -Infinity };
    this._bin = { ms: start, output: unseen, outputs: 0, microphone: unseen, microphones: 0, captured: unseen, lines: [] };
    return this._bin;
  }

  /** @param {Bin} bin */
  _close(bin) {
    const seen = bin.outputs >= GLIMPSES_MIN && (!this._apart || bin.microphones >= GLIMPSES_MIN);
    const microphone = this._apart ? bin.microphone : { x: bin.ms, y: 0 };
    const gap = seen ? (microphone.y - bin.output.y) / this._perMs : NaN;
    if (seen) this._best = { output: bin.output.y, microphone: microphone.y, captured: bin.captured.y };
    this._seconds.push({ ms: bin.ms + BIN_MS / 2, gap, line: bin.lines.length > 2 ? median(bin.lines) : NaN, output: bin.output, microphone, captured: bin.captured });
    if (this._seconds.length > BINS) this._seconds.shift();
    if (Number.isNaN(this._measured.ms)) return;
    if (!this._doubt && this._lineStepped()) this._suspect(bin.ms, NaN, "what is written sounds at another time");
    this._judge();
  }

  /** @param {number} ms @param {'output' | 'microphone'} seen @param {'output' | 'microphone'} other */
  _alone(ms, seen, other) {
    this._without[seen] = NaN;
    if (Number.isNaN(this._without[other])) this._without[other] = ms;
    if (!this._apart || ms - this._without[other] < ALONE_MS) return false;
    this._without[other] = ms;
    return true;
  }

  /** All of the last seconds' readings lie to one side of a steady line before them. */
  _lineStepped() {
    const lines = this._seconds.slice(-JUDGED_BINS - LINE_STEP_BINS).map(({ line }) => line);
    const before = lines.slice(0, JUDGED_BINS);
    if (lines.length < JUDGED_BINS + LINE_STEP_BINS || lines.some(Number.isNaN) || middleRange(before) > LINE_STANDS_MS) return false;
    const off = lines.slice(JUDGED_BINS).map((line) => line - median(before));
    return off.every((by) => by > LINE_STEP_MS) || off.every((by) => by < -LINE_STEP_MS);
  }

  /** @param {number} ahead @param {number} frame */
  _standsStill(ahead, frame) {
    const behindMs = (this._best.output - ahead) / this._perMs;
    if (!(behindMs > BEHIND_MS)) {
      this._behind = 0;
      this._onLine = frame;
      return false;
    }
    return ++this._behind === BEHIND_GLIMPSES;
  }

  /**
   * Blocks come late and lack nothing where the system itself says so; and of those that had waited and are read one right after the other, only the last is in time.
   * @param {number} ms @param {number} ahead @param {number} heard as in `microphone`
   */
  _lacks(ms, ahead, heard) {
    const waited = ms - this._blockMs < WAITED_MS;
    this._blockMs = ms;
    const behindMs = (this._best.microphone - ahead) / this._perMs;
    const lackingMs = Number.isNaN(heard) ? behindMs : (this._best.captured - heard) / this._perMs;
    if (!(Math.min(behindMs, lackingMs) > (Number.isNaN(heard) ? BEHIND_MS : LACKS_MS))) {
      this._lacking = 0;
      return false;
    }
    this._lacking = waited ? Math.max(1, this._lacking) : this._lacking + 1;
    return !waited && this._lacking === BEHIND_GLIMPSES;
  }

  /** @param {number} ms @param {number} since frame of the context after which things may be different @param {string} text */
  _suspect(ms, since, text) {
    if (Number.isNaN(this._measured.ms)) return;
    if (this._doubt) this._doubt.ms = ms;
    else this._verdicts.push({ type: "doubt", text });
    this._doubt ??= { ms, since, text, begunMs: ms };
  }

  /** @param {number} ms @param {number} since as in `_suspect` @param {string} text */
  _stood(ms, since, text) {
    this._stoodMs = ms;
    this._suspect(ms, since, text);
    this._wasMoved();
  }

  _wasMoved() {
    if (!(Math.abs(this._stoodMs - this._devicesMs) < MOVED_WITHIN_MS) || Number.isNaN(this._measured.ms)) return;
    this._stoodMs = this._devicesMs = NaN;
    this._verdicts.push({ type: "lost", text: "a stream stood still when a sound device came or went" });
  }

  _judge() {
    const known = this._seconds.filter(({ gap }) => !Number.isNaN(gap));
    if (known.length === 0) return;
    if (Number.isNaN(this._measured.gap)) this._measured.gap = known[known.length - 1].gap;
    const line = this._line();
    const slope = slopeOf(line);
    const off = known.slice(-JUDGED_BINS).map(({ ms, gap }) => ({ ms, by: gap - this._measured.gap - slope * (ms - this._measured.ms) }));
    if (off.length < JUDGED_BINS) return;
    const by = off.map((each) => each.by);
    const stands = Math.abs(median(by)) < STANDS_MS;
    if (this._apart && !this._doubt && middleRange(by) < ALIKE_MS && this._stepped(known)) this._suspect(off[0].ms, NaN, "microphone and output went apart");
    if (this._doubt) this._resolve(off, stands, line);
    else if (line) this._follow(line);
  }

  /**
   * All at once, between these seconds and those before them; two clocks go apart slowly. Glimpses on a busy machine are late for seconds in a row: what the
   * system itself says of both streams, where it says anything, must have stepped too.
   * @param {Second[]} known
   */
  _stepped(known) {
    const recent = known.filter(({ ms }) => ms > this._steadySince).slice(-2 * JUDGED_BINS);
    const step = (/** @type {(second: Second) => number} */ gapOf) => Math.abs(median(recent.slice(JUDGED_BINS).map(gapOf)) - median(recent.slice(0, JUDGED_BINS).map(gapOf)));
    if (recent.length < 2 * JUDGED_BINS || step(({ gap }) => gap) <= STEP_MS) return false;
    return !(step(({ captured, line }) => captured.y / this._perMs - line) < STEP_MS / 2);
  }

  /** @param {{ms: number, by: number}[]} off @param {boolean} stands @param {Line | null} line */
  _resolve(off, stands, line) {
    const doubt = /** @type {{ms: number, since: number, text: string, begunMs: number}} */ (this._doubt);
    const after = off[0].ms - BIN_MS / 2 > doubt.ms;
    const by = off.map((each) => each.by);
    if (after && stands) this._verdicts.push(this._settled(doubt));
    else if (after && middleRange(by) < ALIKE_MS) this._verdicts.push(this._explained(doubt, median(by)));
    else if (off[off.length - 1].ms - doubt.ms > PATIENCE_BINS * BIN_MS) this._verdicts.push({ type: "lost", text: doubt.text });
    else return;
    this._doubt = null;
    this._steadySince = doubt.ms + BIN_MS / 2; // the second in which it happened belongs to neither
    this._clocks.goOn(off[1].ms, line?.believed ? line.at(off[1].ms) : this._followed);
    if (stands) return;
    this._measured = { ms: off[1].ms, gap: this._measured.gap + slopeOf(line) * (off[1].ms - this._measured.ms) + median(by) };
  }

  /** The counters stand as they stood; does the browser's own line too, where it is known? @param {{ms: number, text: string, begunMs: number}} doubt @returns {Verdict} */
  _settled(doubt) {
    const laterMs = this._laterMs(doubt);
    return Math.abs(laterMs) > LINE_STEP_MS ? { type: "lost", text: `${doubt.text}: ${laterMs.toFixed(1)} ms later` } : { type: "settled" };
  }

  /** How much later than before the doubt a frame sounds that is written now; NaN where it is not known. @param {{ms: number, begunMs: number}} doubt */
  _laterMs(doubt) {
    const before = this._seconds.filter(({ ms, line }) => ms < doubt.begunMs - BIN_MS && !Number.isNaN(line)).slice(-3);
    const after = this._seconds.filter(({ ms, line }) => ms > doubt.ms + BIN_MS / 2 && !Number.isNaN(line)).slice(0, 3);
    return before.length < 2 || after.length < 2 ? NaN : median(before.map(({ line }) => line)) - median(after.map(({ line }) => line));
  }

  /** A wider gap, and what is written sounds later by as much: silence went into the output. @param {{ms: number, since: number, text: string, begunMs: number}} doubt @param {number} byMs @returns {Verdict} */
  _explained(doubt, byMs) {
    const laterMs = this._laterMs(doubt);
    if (!this._apart || Number.isNaN(doubt.since) || Number.isNaN(laterMs)) return { type: "lost", text: doubt.text };
    if (Math.abs(laterMs - byMs) > LINES_AGREE_MS) return { type: "lost", text: `${doubt.text}: ${byMs.toFixed(1)} ms or ${laterMs.toFixed(1)} ms` };
    return { type: "moved", frames: byMs * this._perMs, since: doubt.since };
  }

  /** @param {Line} line */
  _follow({ at, openMs, slope, suspected, believed }) {
    const now = this._seconds[this._seconds.length - 1].ms;
    const by = at(now);
    const said = this._followed;
    this._followed = believed || (suspected && Math.abs(by) > APART_MS) ? by : 0;
    if (this._followed === 0 && said === 0) return;
    this._verdicts.push({ type: "follow", frames: this._followed * this._perMs, open: believed ? openMs(now) * this._perMs : 0, ms: now, perMs: slope * this._perMs, believed });
  }

  /** How the two counters run, before anything happened; null where there is only one, or too little is known. */
  _line() {
    if (!this._apart) return null;
    const until = this._doubt?.begunMs ?? Infinity;
    const steady = this._seconds.filter(({ ms, gap }) => ms > this._steadySince && ms < until && !Number.isNaN(gap));
    const inMs = (/** @type {Point} */ { x, y }) => ({ x, y: y / this._perMs });
    const told = steady.filter(({ captured, line }) => Number.isFinite(captured.y - line)).map(({ ms, captured, line }) => ({ x: ms, y: captured.y / this._perMs - line }));
    return this._clocks.line(steady.map(({ output }) => inMs(output)), steady.map(({ microphone }) => inMs(microphone)), told.length > 0 ? told : null);
  }
}
