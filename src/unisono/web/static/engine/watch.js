/**
 * Watches the open output for what would move the round trip after it was measured: the browser's own count of underruns, and steps of the line between
 * context time and the time it sounds. Pure: fed ten times a second. It doubts and says why; it never corrects.
 */

const BEFORE = 10;
const AFTER = 5;
const STEP_MS = 2.5;
const SPREAD_MS_MAX = 1.5;

/** @param {number[]} values */
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
/** @param {number[]} values */
const spread = (values) => Math.max(...values) - Math.min(...values);

export class OutputWatch {
  constructor() {
    /** @type {number[]} */
    this._lines = [];
    this._underruns = NaN;
  }

  clear() {
    this._lines.length = 0;
    this._underruns = NaN;
  }

  /**
   * @param {number} lineMs context time less the time it sounds, ms: constant but for drift while nothing happens
   * @param {number} underruns as the browser counts them @returns {string | null} what happened
   */
  look(lineMs, underruns) {
    const glitched = underruns > this._underruns;
    this._underruns = underruns;
    if (glitched) return `the sound output ran dry (${underruns})`;
    this._lines.push(lineMs);
    if (this._lines.length > BEFORE + AFTER) this._lines.shift();
    if (this._lines.length < BEFORE + AFTER) return null;
    const before = this._lines.slice(0, BEFORE), after = this._lines.slice(BEFORE);
    const step = median(after) - median(before);
    if (Math.abs(step) < STEP_MS || spread(before) > SPREAD_MS_MAX || spread(after) > SPREAD_MS_MAX) return null;
    this._lines.splice(0, BEFORE);
    return `the sound output moved by ${step.toFixed(1)} ms`;
  }
}
