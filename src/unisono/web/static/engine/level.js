/** How loud one's own voice is, and how much a soft one is to be brought up. Pure. */

/** The sung phrase's peaks are brought up to here, at most by so much. */
const PHRASE_PEAK_DBFS = -12;
const PHRASE_GAIN_DB_MAX = 15;
const PHRASE_PEAKS = 80;
/** The loud tenth of its peaks decides. */
const PHRASE_LOUD = 0.9;
const CLIPPED = 0.999;

const SILENCE = { peak: 0, power: 0, count: 0 };

export class Level {
  constructor() {
    this._heard = { ...SILENCE };
    /** @type {number[]} of the last seconds, dBFS */
    this._peaks = [];
  }

  /** Another microphone: what was sung before says nothing. */
  forget() {
    this._peaks.length = 0;
  }

  /** @param {number} peak @param {number} power sum of squares @param {number} count of samples */
  add(peak, power, count) {
    this._heard.peak = Math.max(this._heard.peak, peak);
    this._heard.power += power;
    this._heard.count += count;
  }

  /** Of what was heard since the last time; null for nothing. */
  take() {
    const { peak, power, count } = this._heard;
    this._heard = { ...SILENCE };
    if (count === 0) return null;
    const peak_dbfs = 20 * Math.log10(peak + 1e-7);
    this._peaks.push(peak_dbfs);
    if (this._peaks.length > PHRASE_PEAKS) this._peaks.shift();
    return { dbfs: 10 * Math.log10(power / count + 1e-13), peak_dbfs, clipped: peak >= CLIPPED };
  }

  /** By how much the phrase that was just sung is to be made louder, as a factor; null where nothing was sung. */
  get gain() {
    if (this._peaks.length === 0) return null;
    const loud = [...this._peaks].sort((a, b) => a - b)[Math.floor((this._peaks.length - 1) * PHRASE_LOUD)];
    return 10 ** (Math.max(0, Math.min(PHRASE_GAIN_DB_MAX, PHRASE_PEAK_DBFS - loud)) / 20);
  }
}
