/**
 * From a recording of the probe to the impulse responses of the loop it went through, one per sweep.
 *
 * A plan holds what depends on the probe alone. Spectra are kept for the bins of the probe's band only. Responses are analytic (complex), at the plan's
 * lower grid rate, so that their modulus is the envelope; index 0 is PRE_SECONDS before the lag 0.
 */

import { Fft } from "./fft.js";
import { LOWEST_HZ, ROUND_TRIP_SECONDS_MAX, topOf } from "./probe.js";

/** Sound from before a sweep that is looked at with it: the noise floor is read there. */
export const PRE_SECONDS = 0.25;
const BANDS_PER_OCTAVE = 6;

/**
 * @typedef {import('./probe.js').Probe} Probe
 * @typedef {{re: Float64Array, im: Float64Array}} Complex
 *
 * @typedef {object} Plan
 * @property {Probe} probe
 * @property {number} sampleRate
 * @property {number} size of the transform of one stretch
 * @property {number} gridRate points per second of a response
 * @property {number} low first bin of the band
 * @property {number} count bins of the band
 * @property {Complex[]} sweeps the spectrum of each sweep alone, (count,)
 * @property {Float64Array} edges of the bands in Hz, (bands + 1,)
 * @property {Fft} fft of `size`
 * @property {Fft} gridFft of the grid
 */

/** @type {WeakMap<Probe, Plan>} */
const plans = new WeakMap();

/** @param {Probe} probe @param {number} sampleRate @returns {Plan} */
export function planOf(probe, sampleRate) {
  const known = plans.get(probe);
  if (known && known.sampleRate === sampleRate) return known;
  const longest = Math.max(...probe.bursts.map((burst) => burst.length_frames));
  const size = powerOfTwo((PRE_SECONDS + ROUND_TRIP_SECONDS_MAX + 0.1) * sampleRate + longest);
  const top = topOf(sampleRate);
  let part = 1;
  while (top < (0.9 * sampleRate) / (2 * part)) part *= 2;
  const low = Math.ceil((LOWEST_HZ * size) / sampleRate);
  const count = Math.floor((top * size) / sampleRate) - low;
  const fft = new Fft(size);
  const sweeps = probe.bursts.map(({ start_frames, length_frames }) =>
    stretch(probe.sound.subarray(start_frames, start_frames + length_frames), 0, length_frames, fft, low, count));
  const bands = Math.round(Math.log2(top / LOWEST_HZ) * BANDS_PER_OCTAVE);
  const edges = Float64Array.from({ length: bands + 1 }, (_, band) => LOWEST_HZ * (top / LOWEST_HZ) ** (band / bands));
  const plan = { probe, sampleRate, size, gridRate: sampleRate / part, low, count, sweeps, edges, fft, gridFft: new Fft(size / part) };
  plans.set(probe, plan);
  return plan;
}

/** @param {number} least */
function powerOfTwo(least) {
  return 2 ** Math.ceil(Math.log2(least));
}

/**
 * The spectrum of sound[from .. from + length), silence where there is none, in `count` bins from `low`.
 * @param {Float32Array} sound @param {number} from may be negative @param {number} length
 * @param {Fft} fft @param {number} low @param {number} count @returns {Complex}
 */
function stretch(sound, from, length, fft, low, count) {
  const re = new Float64Array(fft.size), im = new Float64Array(fft.size);
  for (let i = Math.max(0, -from); i < Math.min(length, sound.length - from); i++) re[i] = sound[from + i];
  fft.forward(re, im);
  return { re: re.slice(low, low + count), im: im.slice(low, low + count) };
}

/** What was recorded around each sweep, as spectra whose time 0 is the sweep's start. @param {Float32Array} recorded @param {Plan} plan */
export function spectraOf(recorded, plan) {
  const pre = Math.round(PRE_SECONDS * plan.sampleRate);
  const most = Math.round((PRE_SECONDS + ROUND_TRIP_SECONDS_MAX + 0.1) * plan.sampleRate);
  return plan.probe.bursts.map(({ start_frames, length_frames }) =>
    stretch(recorded, start_frames - pre, most + length_frames, plan.fft, plan.low, plan.count));
}

/** The spectrum of the loop itself, still unweighted: what was heard times the conjugate of what was played. @param {Complex} heard @param {Complex} played */
export function correlate(heard, played) {
  const re = new Float64Array(heard.re.length), im = new Float64Array(heard.re.length);
  for (let i = 0; i < re.length; i++) {
    re[i] = heard.re[i] * played.re[i] + heard.im[i] * played.im[i];
    im[i] = heard.im[i] * played.re[i] - heard.re[i] * played.im[i];
  }
  return { re, im };
}

/** @param {Complex} spectrum @param {Float64Array} weights (count,) @returns {Complex} */
export function weigh(spectrum, weights) {
  return { re: spectrum.re.map((value, i) => value * weights[i]), im: spectrum.im.map((value, i) => value * weights[i]) };
}

/** The analytic response of a spectrum in the plan's band. @param {Complex} spectrum @param {Plan} plan @returns {Complex} */
export function responseOf(spectrum, plan) {
  const re = new Float64Array(plan.gridFft.size), im = new Float64Array(plan.gridFft.size);
  re.set(spectrum.re, plan.low);
  im.set(spectrum.im, plan.low);
  plan.gridFft.inverse(re, im);
  return { re, im };
}

/** |response|^2 @param {Complex} response */
export function powerOf(response) {
  return response.re.map((re, i) => re * re + response.im[i] * response.im[i]);
}

/**
 * The squared envelope of a spectrum's response at any time, in frames after the response's index 0.
 * @param {Complex} spectrum @param {number} frames @param {Plan} plan
 */
export function powerAt(spectrum, frames, plan) {
  const step = (2 * Math.PI * frames) / plan.size;
  const stepRe = Math.cos(step), stepIm = Math.sin(step);
  let turnRe = 1, turnIm = 0, re = 0, im = 0;
  for (let i = 0; i < spectrum.re.length; i++) {
    re += spectrum.re[i] * turnRe - spectrum.im[i] * turnIm;
    im += spectrum.re[i] * turnIm + spectrum.im[i] * turnRe;
    const next = turnRe * stepRe - turnIm * stepIm;
    turnIm = turnRe * stepIm + turnIm * stepRe;
    turnRe = next;
  }
  return re * re + im * im;
}

/**
 * Add `spectrum`, moved earlier by `frames`, to `sum`.
 * @param {Complex} sum @param {Complex} spectrum @param {number} frames @param {Plan} plan
 */
export function addMoved(sum, spectrum, frames, plan) {
  for (let i = 0; i < sum.re.length; i++) {
    const angle = (2 * Math.PI * (plan.low + i) * frames) / plan.size;
    const c = Math.cos(angle), s = Math.sin(angle);
    sum.re[i] += spectrum.re[i] * c - spectrum.im[i] * s;
    sum.im[i] += spectrum.re[i] * s + spectrum.im[i] * c;
  }
}

/**
 * Energy of a stretch of sound in each band, per second of sound.
 * @param {Float32Array} sound @param {number} from @param {number} length @param {Plan} plan @returns {Float64Array} (bands,)
 */
export function bandPowers(sound, from, length, plan) {
  const fft = new Fft(powerOfTwo(Math.max(1024, length)));
  const re = new Float64Array(fft.size), im = new Float64Array(fft.size);
  const edge = Math.min(length / 4, 0.01 * plan.sampleRate);
  for (let i = Math.max(0, -from); i < Math.min(length, sound.length - from); i++) {
    re[i] = sound[from + i] * Math.sin((Math.PI / 2) * Math.min(1, (i + 0.5) / edge, (length - i - 0.5) / edge)) ** 2;
  }
  fft.forward(re, im);
  const powers = new Float64Array(plan.edges.length - 1);
  for (let band = 0; band < powers.length; band++) {
    const first = Math.round((plan.edges[band] * fft.size) / plan.sampleRate);
    const last = Math.round((plan.edges[band + 1] * fft.size) / plan.sampleRate);
    for (let k = first; k < last; k++) powers[band] += re[k] * re[k] + im[k] * im[k];
    powers[band] *= (2 * plan.sampleRate) / (fft.size * length);
  }
  return powers;
}

/** A value for every bin from one per band, interpolated on the logarithm of the frequency. @param {Float64Array} values (bands,) @param {Plan} plan */
export function spread(values, plan) {
  const bands = values.length;
  const scale = bands / Math.log(plan.edges[bands] / plan.edges[0]);
  return Float64Array.from({ length: plan.count }, (_, i) => {
    const hz = ((plan.low + i) * plan.sampleRate) / plan.size;
    const x = Math.min(bands - 1, Math.max(0, scale * Math.log(hz / plan.edges[0]) - 0.5));
    const band = Math.min(bands - 2, Math.floor(x));
    return values[band] + (x - band) * (values[band + 1] - values[band]);
  });
}
