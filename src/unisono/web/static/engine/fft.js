/** The discrete Fourier transform of a power-of-two length, in place, for the sound check. */

export class Fft {
  /** @param {number} size a power of two, >= 2 */
  constructor(size) {
    if (size < 2 || size & (size - 1)) throw new RangeError(`${size} is not a power of two`);
    this.size = size;
    this._cos = new Float64Array(size / 2);
    this._sin = new Float64Array(size / 2);
    for (let k = 0; k < size / 2; k++) {
      this._cos[k] = Math.cos((2 * Math.PI * k) / size);
      this._sin[k] = Math.sin((2 * Math.PI * k) / size);
    }
    this._reversed = new Uint32Array(size);
    for (let i = 1; i < size; i++) this._reversed[i] = (this._reversed[i >> 1] >> 1) | (i & 1 ? size >> 1 : 0);
  }

  /**
   * X[k] = sum of x[n] exp(-2 pi i k n / size), replacing x.
   * @param {Float64Array} real (size,) @param {Float64Array} imaginary (size,)
   */
  forward(real, imaginary) {
    this._reorder(real, imaginary);
    for (let half = 1; half < this.size; half *= 2) this._combine(real, imaginary, half);
  }

  /**
   * x[n] = sum of X[k] exp(+2 pi i k n / size) / size, replacing X.
   * @param {Float64Array} real (size,) @param {Float64Array} imaginary (size,)
   */
  inverse(real, imaginary) {
    // Swapping the parts conjugates before and after: the forward transform then runs backwards.
    this.forward(imaginary, real);
    for (let i = 0; i < this.size; i++) {
      real[i] /= this.size;
      imaginary[i] /= this.size;
    }
  }

  /** @param {Float64Array} real @param {Float64Array} imaginary */
  _reorder(real, imaginary) {
    for (let i = 0; i < this.size; i++) {
      const j = this._reversed[i];
      if (j <= i) continue;
      const re = real[i], im = imaginary[i];
      real[i] = real[j]; imaginary[i] = imaginary[j];
      real[j] = re; imaginary[j] = im;
    }
  }

  /** Butterflies that join spectra of length `half` in pairs. @param {Float64Array} real @param {Float64Array} imaginary @param {number} half */
  _combine(real, imaginary, half) {
    const stride = this.size / (2 * half);
    for (let start = 0; start < this.size; start += 2 * half) {
      for (let k = 0; k < half; k++) {
        const c = this._cos[k * stride], s = this._sin[k * stride];
        const a = start + k, b = a + half;
        const re = real[b] * c + imaginary[b] * s;
        const im = imaginary[b] * c - real[b] * s;
        real[b] = real[a] - re; imaginary[b] = imaginary[a] - im;
        real[a] += re; imaginary[a] += im;
      }
    }
  }
}
