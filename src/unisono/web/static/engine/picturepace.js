/**
 * How many of a camera's pictures are kept. Sound goes first: a machine that has trouble gets half of them, then a quarter, then none for the rest of the song. After some
 * seconds without trouble it is tried with more again; where that brings trouble once more, the next try waits twice as long.
 */

export const PICTURES_PER_SECOND = 25;
const STEPS = [1, 2, 4, Infinity];
/** Trouble lasts a while, and counts once. */
const ONE_TROUBLE_MS = 3_000;
const CALM_MS = 5_000;
const CALM_MS_MAX = 40_000;
/** Cameras are not quite regular. */
const EARLY = 0.7;

export class PicturePace {
  constructor() {
    this._step = 0;
    this._lastMs = -Infinity;
    this._troubleMs = -Infinity;
    this._calmMs = CALM_MS;
    this._tried = false;
    this.dropped = 0;
  }

  /** Forgets all trouble: it came from something that is over. */
  afresh() {
    this._step = 0;
    this._troubleMs = -Infinity;
    this._calmMs = CALM_MS;
    this._tried = false;
  }

  /** Whether the picture taken then is kept. @param {number} ms */
  takes(ms) {
    if (this._step > 0 && !this.stopped && ms - this._troubleMs > this._calmMs) {
      this._tried = true;
      this._move(-1, ms);
    }
    const every = (1000 / PICTURES_PER_SECOND) * STEPS[this._step];
    const isDue = ms - this._lastMs >= every * EARLY;
    if (isDue) this._lastMs = this._lastMs + 2 * every > ms ? Math.max(this._lastMs + every, ms - every) : ms;
    else this.dropped += 1;
    return isDue;
  }

  /** Something was late. @param {number} ms */
  trouble(ms) {
    if (ms - this._troubleMs <= ONE_TROUBLE_MS) return;
    if (this._tried) this._calmMs = Math.min(2 * this._calmMs, CALM_MS_MAX);
    this._tried = false;
    this._move(1, ms);
  }

  get stopped() {
    return STEPS[this._step] === Infinity;
  }

  /** @param {number} by @param {number} ms */
  _move(by, ms) {
    this._step = Math.max(0, Math.min(STEPS.length - 1, this._step + by));
    this._troubleMs = ms;
  }
}
