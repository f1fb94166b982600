/**
 * Whether the microphone hears what the page plays. In the count-in nobody sings yet, and what plays is known to the sample: what the microphone brought at the
 * same positions is compared with it. Only told, never corrected: with headphones that fit there is nothing to be found.
 */

import { SAMPLE_RATE } from "./units.js";

/** The round trip is known this well, and a loudspeaker across the room is this much later than the earpiece that was measured. */
const EARLIER_SAMPLES = 0.002 * SAMPLE_RATE;
const LATER_SAMPLES = 0.02 * SAMPLE_RATE;
const STEP_SAMPLES = 8;
/** So much of what the microphone heard is what was played, and it is not silence. */
const SHARE = 0.25;
const HEARD_DBFS = -60;

export class Bleed {
  /** @param {number} start position of played[0] @param {Float32Array} played the count-in, as it sounds in this page */
  constructor(start, played) {
    this._start = start;
    this._played = played;
    this._heard = new Float32Array(played.length);
  }

  /** Position after the last sample that counts. */
  get stop() {
    return this._start + this._played.length;
  }

  /** @param {number} position @param {Float32Array} samples of the microphone, stamped */
  add(position, samples) {
    for (let i = 0; i < samples.length; i++) {
      const at = position + i - this._start;
      if (at >= 0 && at < this._heard.length) this._heard[at] = samples[i];
    }
  }

  /** Both sounds, for `bleedOf`; nothing may be added any more. */
  get sounds() {
    return { played: this._played, heard: this._heard };
  }
}

/**
 * Takes a tenth of a second and more: for a thread that nobody waits for.
 * @param {{played: Float32Array, heard: Float32Array}} sounds of equal length
 * @returns {{heard: boolean, share: number, dbfs: number}} share 0..1 of the microphone's energy that is what was played; dbfs: its level
 */
export function bleedOf(sounds) {
  const played = rises(sounds.played), heard = rises(sounds.heard);
  const [power, all] = [energy(played), energy(heard)];
  let best = 0;
  for (let lag = -EARLIER_SAMPLES / STEP_SAMPLES; lag <= LATER_SAMPLES / STEP_SAMPLES; lag++) {
    let sum = 0;
    for (let i = Math.max(0, -lag); i < played.length - Math.max(0, lag); i++) sum += played[i] * heard[i + lag];
    best = Math.max(best, (sum * sum) / (power * all + Number.MIN_VALUE));
  }
  const dbfs = 10 * Math.log10((best * energy(sounds.heard)) / sounds.heard.length + 1e-12);
  return { heard: best > SHARE && dbfs > HEARD_DBFS, share: best, dbfs };
}

/** Changes of loudness in steps: alike whatever rooms and loudspeakers do to the waves. @param {Float32Array} sound */
function rises(sound) {
  const steps = new Float32Array(Math.floor(sound.length / STEP_SAMPLES));
  let mean = 0;
  for (let k = 0; k < steps.length; k++) {
    for (let i = 0; i < STEP_SAMPLES; i++) steps[k] += Math.abs(sound[k * STEP_SAMPLES + i]);
    mean += steps[k] / steps.length;
  }
  for (let k = 0; k < steps.length; k++) steps[k] -= mean;
  return steps;
}

/** @param {Float32Array} sound */
function energy(sound) {
  let sum = 0;
  for (const sample of sound) sum += sample * sample;
  return sum;
}
