/**
 * Windowed-sinc interpolation at any fraction of a sample, linear phase, no delay of its own: the value at x is the value at x.
 * Method: Smith & Gossett 1984 (table of the windowed sinc, linear interpolation between its phases), Kaiser window, beta 9.
 */

export const TAPS = 32;
const PHASES = 512;
export const HALF = TAPS / 2;

/** Modified Bessel function of the first kind, order 0. @param {number} x */
function bessel0(x) {
  let sum = 1, term = 1;
  for (let k = 1; k < 40; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

/**
 * @param {number} cutoff of the kernel as a share of the input's Nyquist frequency, <= 1: below 1 when the output's rate is lower
 * @returns {Float32Array} (PHASES + 1) rows of TAPS; each row sums to 1
 */
export function makeKernel(cutoff) {
  const kernel = new Float32Array((PHASES + 1) * TAPS);
  const beta = 9;
  for (let phase = 0; phase <= PHASES; phase++) {
    let sum = 0;
    for (let tap = 0; tap < TAPS; tap++) {
      const x = tap - (HALF - 1) - phase / PHASES;
      const edge = x / HALF;
      const window = Math.abs(edge) < 1 ? bessel0(beta * Math.sqrt(1 - edge * edge)) / bessel0(beta) : 0;
      const arg = Math.PI * x * cutoff;
      const value = window * cutoff * (arg === 0 ? 1 : Math.sin(arg) / arg);
      kernel[phase * TAPS + tap] = value;
      sum += value;
    }
    for (let tap = 0; tap < TAPS; tap++) kernel[phase * TAPS + tap] /= sum;
  }
  return kernel;
}

/**
 * The value of `samples` at the fractional index `x`; needs indices floor(x) - HALF + 1 .. floor(x) + HALF.
 * `mask` wraps the index (ring of a power of two); pass -1 for a plain array.
 * @param {Float32Array} kernel @param {Float32Array} samples @param {number} x >= 0 @param {number} mask
 */
export function valueAt(kernel, samples, x, mask) {
  const index = Math.floor(x);
  const phase = (x - index) * PHASES;
  const row = Math.floor(phase);
  const part = phase - row;
  const a = row * TAPS, b = a + TAPS;
  const first = index - HALF + 1;
  let low = 0, high = 0;
  for (let tap = 0; tap < TAPS; tap++) {
    const sample = samples[(first + tap) & mask];
    low += sample * kernel[a + tap];
    high += sample * kernel[b + tap];
  }
  return low + part * (high - low);
}
