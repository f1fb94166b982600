/**
 * Tapping along, the fallback of the sound check: a steady click plays, the person taps a key with it.
 *
 * What it can measure: from the frame at which a click is written to the output until the tap's event stands on the same axis: output latency, plus
 * what the person adds, plus the key's own latency (a keyboard or touch screen and its event: 5 to 40 ms). What it cannot see is the microphone's
 * latency. So two things are taken from elsewhere and make the answer a rough one, labelled as such (UNCERTAINTY_SECONDS) and seated last:
 *
 * - People tap before the click they aim at, without noticing: by 20 to 80 ms in the literature, about 50 ms in people without training, less in
 *   musicians ("negative mean asynchrony": Aschersleben 2002, Brain and Cognition 48, 66-79; Repp & Su 2013, Psychon. Bull. Rev. 20, 403-452).
 *   Their tap is thus moved later by EARLY_SECONDS, and the key's latency, which makes the event late, is taken off by KEY_SECONDS.
 * - The microphone's latency is assumed: INPUT_SECONDS, unless the caller knows better.
 *
 * No DOM, no clock: clicks and taps come as frames of the audio context.
 */

/** How far people without training tap ahead of a click; between the 20 ms of musicians and the 80 ms of the slowest studies. */
export const EARLY_SECONDS = 0.035;
/** From a finger's landing to its event: half of a keyboard's scan and debounce or a touch screen's, and of the browser's dispatch. */
export const KEY_SECONDS = 0.015;
/** A browser's microphone path with processing off: 12 to 24 ms seen, half of that range. */
export const INPUT_SECONDS = 0.018;
/** What a tapped answer is worth: its label, not its spread. */
export const UNCERTAINTY_SECONDS = 0.03;

const TAPS_MIN = 8;
const FIRST_TAPS_DROPPED = 3;
/** Spread (1.4826 times the median deviation) of single taps: musicians 15 ms, others 30 to 40; above, it was not tapping with the click. */
const STEADINESS_SECONDS_MAX = 0.05;
const ROUND_TRIP_SECONDS_MAX = 1.5;

/**
 * @typedef {object} Tapped
 * @property {boolean} accepted
 * @property {number} round_trip_frames output and input latency together, estimated; NaN when refused
 * @property {number} spread_frames never below UNCERTAINTY_SECONDS; NaN when refused
 * @property {"too_few"|"uneven"|"ambiguous"|null} reason too_few: fewer than 8 useful taps; uneven: they are not with the click; ambiguous: no telling
 *   which click each tap was for
 */

/**
 * @param {number[]} clicks frames at which a click was written to the output, steady, ascending
 * @param {number[]} taps frames at which a tap's event came, any order, fractional
 * @param {number} sampleRate frames per second
 * @param {{input_seconds?: number, output_hint_seconds?: number}} [known] the microphone's latency where it is known; the output's latency as the
 *   browser guesses it (`outputLatency`), used only to tell which click a tap was for
 * @returns {Tapped}
 */
export function estimateFromTaps(clicks, taps, sampleRate, { input_seconds = INPUT_SECONDS, output_hint_seconds = 0 } = {}) {
  const useful = [...taps].filter(Number.isFinite).sort((a, b) => a - b).slice(FIRST_TAPS_DROPPED);
  if (useful.length < TAPS_MIN || clicks.length < TAPS_MIN) return refused("too_few");
  const beat = median(clicks.slice(1).map((click, i) => click - clicks[i]));
  const phase = circularCentre(useful.map((tap) => tap - clicks[0]), beat);
  const late = useful.map((tap) => wrap(tap - clicks[0] - phase, beat));
  const centre = median(late);
  const deviation = 1.4826 * median(late.map((value) => Math.abs(value - centre)));
  if (deviation > STEADINESS_SECONDS_MAX * sampleRate) return refused("uneven");
  const kept = late.filter((value) => Math.abs(value - centre) <= Math.max(3 * deviation, 0.01 * sampleRate));
  if (kept.length < Math.max(TAPS_MIN, 0.7 * late.length)) return refused("uneven");

  const correction = (EARLY_SECONDS - KEY_SECONDS) * sampleRate;
  const hint = output_hint_seconds * sampleRate;
  const output = hint + wrap(phase + mean(kept) + correction - hint, beat);
  if (output < -UNCERTAINTY_SECONDS * sampleRate || output > ROUND_TRIP_SECONDS_MAX * sampleRate) return refused("ambiguous");
  return {
    accepted: true,
    round_trip_frames: Math.max(0, output) + input_seconds * sampleRate,
    spread_frames: Math.max(UNCERTAINTY_SECONDS * sampleRate, (2 * deviation) / Math.sqrt(kept.length)),
    reason: null,
  };
}

/** @param {"too_few"|"uneven"|"ambiguous"} reason @returns {Tapped} */
function refused(reason) {
  return { accepted: false, round_trip_frames: NaN, spread_frames: NaN, reason };
}

/** Into [-beat / 2, beat / 2). @param {number} frames @param {number} beat */
function wrap(frames, beat) {
  return frames - beat * Math.floor(frames / beat + 0.5);
}

/** The mean direction of times on the circle of one beat. @param {number[]} times @param {number} beat */
function circularCentre(times, beat) {
  let re = 0, im = 0;
  for (const time of times) {
    re += Math.cos((2 * Math.PI * time) / beat);
    im += Math.sin((2 * Math.PI * time) / beat);
  }
  return (Math.atan2(im, re) / (2 * Math.PI)) * beat;
}

/** @param {number[]} values */
function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** @param {number[]} values */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
