/**
 * Where in a set of impulse responses the sound arrives: the lag they share, how they differ, and the first arrival in their mean.
 * Times are grid points of the plan, or frames where the name says so; both count from a response's index 0.
 */

import { addMoved, bandPowers, powerAt, powerOf, responseOf, spread, weigh } from "./response.js";

/** @typedef {import('./response.js').Plan} Plan @typedef {import('./response.js').Complex} Complex */

/** Echoes stronger than the direct sound come within this. */
const STRONGEST_AFTER_SECONDS = 0.045;
const LOCAL_SECONDS = 0.012;
const CAP = 400;
/** An arrival at least this strong (14 dB below the strongest) is taken for the direct sound, ... */
const DIRECT_SHARE = 0.04;
/** ... and one down to this (27 dB) could be it. */
const FAINT_SHARE = 0.002;
/** The direct sound and what cannot be told from it; what comes later, up to the end of early reverberation, are echoes. */
const DIRECT_SECONDS = 0.0015;
const ECHO_SECONDS = 0.06;

/** @param {Float64Array} values @param {number} share 0..1 */
export function quantile(values, share) {
  const sorted = Float64Array.from(values).sort();
  return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] : NaN;
}

/** Index of the largest value in [from, to). @param {Float64Array} values @param {number} from @param {number} to */
function largest(values, from, to) {
  let best = Math.max(0, from);
  for (let i = best; i < Math.min(to, values.length); i++) if (values[i] > values[best]) best = i;
  return best;
}

/**
 * The lag at which most sweeps have their peak, and how each stands to it.
 * @param {Float64Array[]} powers squared envelopes, one per sweep @param {Plan} plan
 * @returns {{lag: number, clearest: number, heard: boolean[], elsewhere: boolean[]}} clearest: the sweep that stands out most; heard: stands out of this sweep's noise near the lag; elsewhere: something far from
 *   it stands out more
 */
export function findLag(powers, plan) {
  const floors = powers.map((power) => quantile(power, 0.5) || Number.MIN_VALUE);
  const reach = Math.round(0.0004 * plan.gridRate);
  const score = new Float64Array(powers[0].length);
  powers.forEach((power, k) => {
    for (let i = reach; i < score.length - reach; i++) {
      let peak = 0;
      for (let j = i - reach; j <= i + reach; j++) peak = Math.max(peak, power[j]);
      score[i] += Math.min(peak / floors[k], CAP);
    }
  });
  // The score is flat where every sweep is above the cap: there the largest sum of the sweeps decides.
  const sum = new Float64Array(score.length);
  for (let i = 0; i < sum.length; i++) powers.forEach((power, k) => { sum[i] += power[i] / floors[k]; });
  const top = score[largest(score, 0, score.length)];
  const lag = largest(sum.map((value, i) => (score[i] > 0.9 * top ? value : 0)), 0, sum.length);
  const local = Math.round(LOCAL_SECONDS * plan.gridRate);
  const here = powers.map((power) => power[largest(power, lag - local, lag + local)]);
  const far = powers.map((power) => Math.max(power[largest(power, 0, lag - 4 * local)], power[largest(power, lag + 4 * local, power.length)]));
  return {
    lag,
    clearest: largest(Float64Array.from(here, (value, k) => value / floors[k]), 0, here.length),
    heard: here.map((value, k) => value > 25 * floors[k]),
    elsewhere: far.map((value, k) => value > 45 * floors[k] && value > here[k]),
  };
}

/**
 * Weights that half flatten the loop's colour and leave out what noise covers, with a smooth (Hann) edge at both ends of what is left. Half, because
 * a loop rings after its arrivals and weights without phase that undo it ring before: flattened wholly, one arrival in ten grew a false forerunner.
 * @param {Float64Array} signal power per band while the sweeps sound @param {Float64Array} noise power per band while they do not
 * @param {Float64Array} played power per band of the probe's sweeps @param {Plan} plan
 * @returns {{weights: Float64Array, shape: Complex, low_hz: number, high_hz: number, snr_db: number}} weights (count,), to be multiplied with
 *   `correlate`'s answer; shape: the spectrum a single arrival at index 0 then has
 */
export function weighting(signal, noise, played, plan) {
  const clean = signal.map((power, band) => Math.max(0, power - noise[band]));
  const ratio = clean.map((power, band) => power / (noise[band] + 1e-18));
  const colour = clean.map((power, band) => power / played[band]);
  const floor = 3e-3 * Math.max(...colour);
  const useful = ratio.map((value, band) => (value > 0.15 && colour[band] > floor ? 1 : 0));
  const [first, last] = longestRun(useful);
  // The outermost bands may be half empty, and an edge steeper than the bands would ring.
  const trim = last - first > 8 ? 1 : 0;
  const low_hz = plan.edges[first + trim], high_hz = plan.edges[last - trim];
  const gains = ratio.map((value, band) => value / (1 + value) / (Math.max(colour[band], floor) ** 0.25 * played[band]));
  const weights = spread(gains, plan);
  const shape = spread(gains.map((gain, band) => gain * played[band] * Math.sqrt(colour[band])), plan);
  for (let i = 0; i < weights.length; i++) {
    const edge = hann(((plan.low + i) * plan.sampleRate) / plan.size, low_hz, high_hz);
    weights[i] *= edge;
    shape[i] *= edge;
  }
  const total = (/** @type {Float64Array} */ powers) => powers.reduce((sum, power) => sum + power, 1e-18);
  return { weights, shape: { re: shape, im: new Float64Array(plan.count) }, low_hz, high_hz, snr_db: 10 * Math.log10(total(clean) / total(noise)) };
}

/** @param {number} hz @param {number} low @param {number} high */
export function hann(hz, low, high) {
  return hz <= low || hz >= high ? 0 : Math.sin((Math.PI * (hz - low)) / (high - low)) ** 2;
}

/** First and past-the-last index of the longest run of ones; one missing in between does not end it. @param {Float64Array} flags */
function longestRun(flags) {
  let best = [0, 0];
  for (let start = 0; start < flags.length; start++) {
    if (!flags[start]) continue;
    let end = start + 1;
    while (flags[end] || (flags[end + 1] && end + 1 < flags.length)) end++;
    if (end - start > best[1] - best[0]) best = [start, end];
  }
  return best;
}

/**
 * How much later than `reference` a response is, and how alike the two are around the arrival.
 * @param {Complex} response @param {Complex} reference @param {number} lag @param {Plan} plan
 * @returns {{later: number, likeness: number}} grid points (fractional); 0..1
 */
export function compare(response, reference, lag, plan) {
  const from = Math.max(0, lag - Math.round(0.02 * plan.gridRate));
  const to = Math.min(reference.re.length, lag + Math.round(0.03 * plan.gridRate));
  const reach = Math.round(LOCAL_SECONDS * plan.gridRate);
  const matches = new Float64Array(2 * reach + 1);
  for (let shift = -reach; shift <= reach; shift++) {
    let re = 0, im = 0;
    for (let i = Math.max(from, -shift); i < Math.min(to, response.re.length - shift); i++) {
      re += response.re[i + shift] * reference.re[i] + response.im[i + shift] * reference.im[i];
      im += response.im[i + shift] * reference.re[i] - response.re[i + shift] * reference.im[i];
    }
    matches[shift + reach] = re * re + im * im;
  }
  const best = largest(matches, 1, matches.length - 1);
  let own = 0, other = 0;
  for (let i = from; i < to; i++) {
    const at = Math.min(response.re.length - 1, Math.max(0, i + best - reach));
    own += response.re[at] ** 2 + response.im[at] ** 2;
    other += reference.re[i] ** 2 + reference.im[i] ** 2;
  }
  return { later: best - reach + vertex(matches, best), likeness: Math.sqrt(matches[best] / (own * other)) || 0 };
}

/** Where between its neighbours a peak lies, -0.5..0.5: a parabola through the logarithms. @param {ArrayLike<number>} values @param {number} peak */
function vertex(values, peak) {
  const [a, b, c] = [-1, 0, 1].map((step) => Math.log(values[peak + step] + Number.MIN_VALUE));
  const bend = a - 2 * b + c;
  return bend < 0 ? Math.max(-0.5, Math.min(0.5, (0.5 * (a - c)) / bend)) : 0;
}

/** The mean of spectra, each moved earlier by what it is late. @param {Complex[]} spectra @param {number[]} frames @param {Plan} plan @returns {Complex} */
export function meanOf(spectra, frames, plan) {
  const sum = { re: new Float64Array(plan.count), im: new Float64Array(plan.count) };
  spectra.forEach((spectrum, k) => addMoved(sum, spectrum, frames[k], plan));
  return weigh(sum, new Float64Array(plan.count).fill(1 / spectra.length));
}

/**
 * The first arrival that matters: not the largest echo. `faint` looks deeper, down to what could still be a direct path.
 * @param {Complex} spectrum weighted @param {Complex} shape of a single arrival @param {number} lag near the strongest @param {Plan} plan
 * @returns {{first: number, faint: number, contrast_db: number, clarity_db: number}} grid points; strongest power over the noise's mean; energy of the
 *   first arrival over that of its echoes
 */
export function firstArrival(spectrum, shape, lag, plan) {
  const power = powerOf(responseOf(spectrum, plan));
  const before = Math.round(STRONGEST_AFTER_SECONDS * plan.gridRate);
  const strongest = largest(power, lag - before, lag + before);
  const quiet = power.subarray(Math.max(0, strongest - before - Math.round(0.1 * plan.gridRate)), strongest - before);
  const noise = quiet.reduce((sum, value) => sum + value, 0) / Math.max(1, quiet.length);
  const peak = power[strongest];
  const skirt = skirtOf(shape, before, plan);
  const least = (/** @type {number} */ share) => skirt.map((side) => Math.max(16 * noise, peak * share, 4 * peak * side));
  const first = firstAbove(power, strongest, least(DIRECT_SHARE));
  const direct = energyBetween(power, first, -DIRECT_SECONDS / 3, DIRECT_SECONDS, plan);
  const echoes = energyBetween(power, first, DIRECT_SECONDS, ECHO_SECONDS, plan);
  return {
    first,
    faint: firstAbove(power, strongest, least(FAINT_SHARE)),
    contrast_db: 10 * Math.log10(peak / (noise + Number.MIN_VALUE)),
    clarity_db: 10 * Math.log10(direct / (echoes + Number.MIN_VALUE)),
  };
}

/** @param {Float64Array} power @param {number} point @param {number} from seconds after it @param {number} to @param {Plan} plan */
function energyBetween(power, point, from, to, plan) {
  const part = power.subarray(point + Math.round(from * plan.gridRate), point + Math.round(to * plan.gridRate));
  return part.reduce((sum, value) => sum + value, 0);
}

/**
 * How high the sides of a single arrival reach this far from its peak or farther, as a share of its power: what is below is no arrival of its own.
 * @param {Complex} shape @param {number} points @param {Plan} plan @returns {Float64Array} (points + 1,), by distance
 */
function skirtOf(shape, points, plan) {
  const power = powerOf(responseOf(shape, plan));
  const skirt = power.slice(0, points + 1);
  for (let i = points - 1; i >= 0; i--) skirt[i] = Math.max(skirt[i], skirt[i + 1]);
  return skirt.map((value) => value / power[0]);
}

/** The first local peak up to `strongest` that reaches its `least` (by distance from `strongest`). @param {Float64Array} power @param {number} strongest @param {Float64Array} least */
function firstAbove(power, strongest, least) {
  for (let i = Math.max(1, strongest - least.length + 1); i < strongest; i++) {
    if (power[i] >= least[strongest - i] && power[i] >= power[i - 1] && power[i] > power[i + 1]) return i;
  }
  return strongest;
}

/** A peak of a spectrum's envelope to a fraction of a frame. @param {Complex} spectrum @param {number} point on the grid @param {Plan} plan @returns {number} frames */
export function refine(spectrum, point, plan) {
  const perPoint = plan.sampleRate / plan.gridRate;
  let frames = point * perPoint;
  for (let step = perPoint / 2; step > 0.01; step /= 4) {
    for (let turn = 0; turn < 4; turn++) {
      const around = [-step, 0, step].map((aside) => powerAt(spectrum, frames + aside, plan));
      if (around[1] >= around[0] && around[1] >= around[2]) {
        frames += step * vertex(around, 1);
        break;
      }
      frames += around[0] > around[2] ? -step : step;
    }
  }
  return frames;
}

/**
 * Mean power per band over stretches of sound.
 * @param {Float32Array} sound @param {{from: number, length: number}[]} stretches frames @param {Plan} plan
 */
export function meanPowers(sound, stretches, plan) {
  const sum = new Float64Array(plan.edges.length - 1);
  for (const { from, length } of stretches) {
    bandPowers(sound, from, length, plan).forEach((power, band) => { sum[band] += power / stretches.length; });
  }
  return sum;
}
