/**
 * The sound check: how many frames pass between writing a sound to the open output and finding it in the open microphone.
 *
 * The probe's sweeps (probe.js) are deconvolved one by one. Only when all of them tell the same story is the answer given: the lag they share, the same
 * response each time, hardly any change of level, low and high half of the band in agreement. The answer is the first arrival in their mean, to a
 * fraction of a frame, and not the strongest echo; when an earlier, fainter one could be the direct sound, it is refused. Refusing costs a second
 * try, a wrong answer a whole stem: every doubt refuses.
 *
 * Method: inverse filtering of exponential sweeps (Farina 2000), weighted by colour and signal-to-noise ratio (after the Hannan-Thomson processor,
 * Knapp & Carter 1976). No DOM: runs in the page, in a worker and in Node.
 */

import { compare, findLag, firstArrival, hann, meanOf, meanPowers, refine, weighting } from "./arrival.js";
import { correlate, planOf, powerOf, PRE_SECONDS, responseOf, spectraOf, spread, weigh } from "./response.js";

export { makeProbe } from "./probe.js";

/** @typedef {import('./probe.js').Probe} Probe @typedef {import('./response.js').Plan} Plan @typedef {import('./response.js').Complex} Complex */

/**
 * @typedef {"too_quiet"|"noisy"|"unsteady"|"processed"|"clipped"|"ambiguous"} Refusal
 *   too_quiet: nothing of the probe arrives; noisy: too little of it stands out of the noise; unsteady: the round trip changed meanwhile;
 *   processed: something works on the sound (echo cancellation); clipped: the microphone is overdriven; ambiguous: no telling which arrival is direct
 *
 * @typedef {object} RoundTrip
 * @property {boolean} accepted
 * @property {number} round_trip_frames fractional, of the direct sound; NaN when refused
 * @property {number} spread_frames largest less smallest round trip of the single sweeps; NaN when unknown
 * @property {number} confidence 0..1: how alike the sweeps' responses are; 0 when refused
 * @property {number} snr_db the probe against the noise, in the probe's band
 * @property {Refusal | null} reason
 */

const SPREAD_SECONDS_MAX = 0.0008;
const BEND_SECONDS_MAX = 0.0002;
const LEVEL_RANGE_DB_MAX = 6;
const LIKENESS_MIN = 0.6;
const CONTRAST_DB_MIN = 21;
/** Below this the first arrival is one among many, ... */
const CLARITY_DB = -3;
/** ... and the noise must leave room to see a fainter one before it. */
const CONTRAST_DB_UNCLEAR_MIN = 32;
const BAND_HZ_MIN = 1_200;
/** Two arrivals closer than this count as one: half of what a stem may be off. */
const SAME_SECONDS = 0.0005;
const SILENCE_DBFS = -75;

/**
 * @param {Float32Array} recorded recorded[0] entered the microphone at the frame at which probe.sound[0] was written to the output; probe.listen_frames
 *   long, what is missing counts as silence
 * @param {Probe} probe from makeProbe(sampleRate), played once @param {number} sampleRate frames per second
 * @returns {RoundTrip} found between 0 and 1.5 s
 */
export function measureRoundTrip(recorded, probe, sampleRate) {
  const plan = planOf(probe, sampleRate);
  const lead = { from: 0, length: probe.bursts[0].start_frames };
  const quiet = meanPowers(recorded, [lead], plan);
  const loops = spectraOf(recorded, plan).map((heard, k) => correlate(heard, plan.sweeps[k]));

  const found = findLag(detect(loops, quiet, plan), plan);
  const heard = heardSweeps(recorded, found, plan);
  if (heard) return refusal(recorded, heard, NaN);

  const roundTrip = Math.round((found.lag / plan.gridRate - PRE_SECONDS) * sampleRate);
  const weighed = weighting(soundPowers(recorded, roundTrip, plan), noisePowers(recorded, roundTrip, plan), playedPowers(plan), plan);
  const { weights, low_hz, high_hz, snr_db } = weighed;
  if (high_hz - low_hz < BAND_HZ_MIN) return refusal(recorded, "noisy", snr_db);

  const spectra = loops.map((loop) => weigh(loop, weights));
  const agreed = agreement(spectra, weighed.shape, found, plan);
  const doubt = doubtOf(agreed, weighed, plan);
  if (doubt) return refusal(recorded, doubt, snr_db);
  const frames = refine(agreed.mean, agreed.arrival.first, plan) - PRE_SECONDS * sampleRate;
  return {
    accepted: true, round_trip_frames: frames, spread_frames: range(agreed.later), confidence: Math.min(...agreed.likeness), snr_db, reason: null,
  };
}

/** The responses, weighted by noise alone: enough to find the probe. @param {Complex[]} loops @param {Float64Array} quiet @param {Plan} plan */
function detect(loops, quiet, plan) {
  const floor = 1e-3 * Math.max(...quiet) + 1e-16;
  const weights = spread(quiet.map((power) => 1 / (power + floor)), plan);
  return loops.map((loop) => powerOf(responseOf(weigh(loop, weights), plan)));
}

/** @param {Float32Array} recorded @param {ReturnType<typeof findLag>} found @param {Plan} plan @returns {Refusal | null} */
function heardSweeps(recorded, found, plan) {
  const count = found.heard.filter(Boolean).length;
  if (count === found.heard.length) return null;
  const moved = found.elsewhere.filter((elsewhere, k) => elsewhere && !found.heard[k]).length;
  if (count >= 2 && moved > 0 && count + moved === found.heard.length) return "unsteady";
  if (count >= 2 && found.heard[0]) return "processed";
  const power = recorded.subarray(0, plan.probe.listen_frames).reduce((sum, value) => sum + value * value, 0) / plan.probe.listen_frames;
  return 10 * Math.log10(power + 1e-20) < SILENCE_DBFS ? "too_quiet" : "noisy";
}

/** @param {Float32Array} recorded @param {number} roundTrip frames @param {Plan} plan */
function soundPowers(recorded, roundTrip, plan) {
  const margin = Math.round(0.02 * plan.sampleRate);
  return meanPowers(recorded, plan.probe.bursts.map(({ start_frames, length_frames }) =>
    ({ from: start_frames + roundTrip - margin, length: length_frames + 3 * margin })), plan);
}

/** Before the first sweep arrives, and after the last has died away. @param {Float32Array} recorded @param {number} roundTrip frames @param {Plan} plan */
function noisePowers(recorded, roundTrip, plan) {
  const stretches = [{ from: 0, length: plan.probe.bursts[0].start_frames }];
  const last = plan.probe.bursts[plan.probe.bursts.length - 1];
  const from = last.start_frames + last.length_frames + roundTrip + Math.round(0.5 * plan.sampleRate);
  const length = Math.min(recorded.length - from, Math.round(0.5 * plan.sampleRate));
  if (length > 0.1 * plan.sampleRate) stretches.push({ from, length });
  return meanPowers(recorded, stretches, plan);
}

/** @param {Plan} plan */
function playedPowers(plan) {
  return meanPowers(plan.probe.sound, plan.probe.bursts.map(({ start_frames, length_frames }) => ({ from: start_frames, length: length_frames })), plan);
}

/**
 * @typedef {object} Agreement what the sweeps say together
 * @property {Complex} mean their mean spectrum, aligned to their mean time
 * @property {number[]} later of each sweep, in frames, around 0
 * @property {number[]} likeness of each to the mean of all
 * @property {number[]} levels_db of each at the direct sound
 * @property {ReturnType<typeof firstArrival>} arrival in the mean
 */

/** @param {Complex[]} spectra weighted @param {Complex} shape @param {{lag: number, clearest: number}} found @param {Plan} plan @returns {Agreement} */
function agreement(spectra, shape, { lag, clearest }, plan) {
  const perPoint = plan.sampleRate / plan.gridRate;
  const responses = spectra.map((spectrum) => responseOf(spectrum, plan));
  // Against one sweep first: in a mean over a latency step every sweep finds its like, and none seems late.
  const first = responses.map((response) => compare(response, responses[clearest], lag, plan).later * perPoint);
  const better = responseOf(meanOf(spectra, first, plan), plan);
  const matches = responses.map((response) => compare(response, better, lag, plan));
  const times = matches.map((match) => match.later * perPoint);
  const centre = times.reduce((sum, time) => sum + time, 0) / times.length;
  const mean = meanOf(spectra, times.map((time) => time - centre), plan);
  const arrival = firstArrival(mean, shape, lag, plan);
  return {
    mean,
    later: times.map((time) => time - centre),
    likeness: matches.map((match) => match.likeness),
    levels_db: responses.map((response, k) => levelNear(powerOf(response), arrival.first, plan) - energyOf(plan.sweeps[k])),
    arrival,
  };
}

/** @param {Float64Array} power @param {number} point @param {Plan} plan @returns {number} dB of the largest within 0.5 ms */
function levelNear(power, point, plan) {
  const reach = Math.ceil(SAME_SECONDS * plan.gridRate);
  return 10 * Math.log10(Math.max(...power.subarray(point - reach, point + reach + 1)) + Number.MIN_VALUE);
}

/** @param {Complex} spectrum @returns {number} dB, squared: a sweep's share in what `correlate` makes of it */
function energyOf(spectrum) {
  return 20 * Math.log10(powerOf(spectrum).reduce((sum, power) => sum + power, 0));
}

/** @param {Agreement} agreed @param {ReturnType<typeof weighting>} weighed @param {Plan} plan @returns {Refusal | null} */
function doubtOf(agreed, { shape, low_hz, high_hz }, plan) {
  const same = SAME_SECONDS * plan.gridRate;
  if (range(agreed.later) > SPREAD_SECONDS_MAX * plan.sampleRate) return "unsteady";
  if (bend(agreed.later) > BEND_SECONDS_MAX * plan.sampleRate) return "unsteady";
  if (range(agreed.levels_db) > LEVEL_RANGE_DB_MAX) return "processed";
  if (agreed.arrival.contrast_db < CONTRAST_DB_MIN) return "noisy";
  if (Math.min(...agreed.likeness) < LIKENESS_MIN) return "processed";
  if (agreed.arrival.first - agreed.arrival.faint > same) return "ambiguous";
  if (agreed.arrival.clarity_db < CLARITY_DB && agreed.arrival.contrast_db < CONTRAST_DB_UNCLEAR_MIN) return "ambiguous";
  const middle = (low_hz + high_hz) / 2;
  for (const [low, high] of [[low_hz, middle + 0.2 * (high_hz - low_hz)], [middle - 0.2 * (high_hz - low_hz), high_hz]]) {
    const narrower = narrowing(low, high, low_hz, high_hz, plan);
    const half = firstArrival(weigh(agreed.mean, narrower), weigh(shape, narrower), agreed.arrival.first, plan);
    if (Math.abs(half.first - agreed.arrival.first) > 2 * same) return "ambiguous";
  }
  return null;
}

/** Weights that turn one Hann edge into a narrower one. @param {number} low @param {number} high @param {number} wholeLow @param {number} wholeHigh @param {Plan} plan */
function narrowing(low, high, wholeLow, wholeHigh, plan) {
  return Float64Array.from({ length: plan.count }, (_, i) => {
    const hz = ((plan.low + i) * plan.sampleRate) / plan.size;
    const whole = hann(hz, wholeLow, wholeHigh);
    return whole > 0.02 ? hann(hz, low, high) / whole : 0;
  });
}

/** @param {number[]} values */
function range(values) {
  return Math.max(...values) - Math.min(...values);
}

/** Largest distance from the best straight line: two clocks drift evenly, a step does not. @param {number[]} values */
function bend(values) {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  let slope = 0, scale = 0;
  values.forEach((value, i) => { slope += (i - middle) * (value - mean); scale += (i - middle) ** 2; });
  return Math.max(...values.map((value, i) => Math.abs(value - mean - (slope / scale) * (i - middle))));
}

/** @param {Float32Array} recorded @param {Refusal} reason @param {number} snr_db @returns {RoundTrip} */
function refusal(recorded, reason, snr_db) {
  const full = recorded.reduce((count, value) => count + (Math.abs(value) >= 0.99 ? 1 : 0), 0);
  const told = full > 0.002 * recorded.length ? "clipped" : reason;
  return { accepted: false, round_trip_frames: NaN, spread_frames: NaN, confidence: 0, snr_db, reason: told };
}
