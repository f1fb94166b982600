/**
 * A tape: sound by absolute position, of bounded length, between one writer and one reader.
 *
 * Every block of BLOCK samples carries a tag: which block of the axis it holds. What the tape does not hold reads as silence, so a gap is a gap and
 * never an old lap of the ring. Thread contract: only the writer's thread calls `write`; `read` only looks and may be called from the reader's
 * thread at any time. A reader that meets a block being written hears part of it, once; nothing blocks.
 */

const BLOCK = 128;

export class Tape {
  /** @param {SharedArrayBuffer | ArrayBuffer} memory made by `Tape.memory`, stereo */
  constructor(memory) {
    this.memory = memory;
    this._blocks = memory.byteLength / (4 + 2 * 4 * BLOCK);
    this._tags = new Int32Array(memory, 0, this._blocks);
    this._left = new Float32Array(memory, 4 * this._blocks, this._blocks * BLOCK);
    this._right = new Float32Array(memory, 4 * this._blocks * (1 + BLOCK), this._blocks * BLOCK);
  }

  /** @param {number} samples length, a multiple of 128 @param {boolean} shared */
  static memory(samples, shared) {
    if (samples % BLOCK) throw new RangeError(`${samples} samples are not whole blocks of ${BLOCK}`);
    const bytes = (samples / BLOCK) * (4 + 2 * 4 * BLOCK);
    return shared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes);
  }

  /**
   * Put sound at `position`, replacing what is there. Blocks entered for the first time are silent where nothing is written.
   * @param {number} position integer @param {Float32Array} left @param {Float32Array} right
   */
  write(position, left, right) {
    for (let i = 0; i < left.length; ) {
      const block = Math.floor((position + i) / BLOCK);
      const slot = this._slot(block);
      const inside = position + i - block * BLOCK;
      const count = Math.min(BLOCK - inside, left.length - i);
      const tag = (block + 1) | 0;
      if (Atomics.load(this._tags, slot) !== tag) {
        Atomics.store(this._tags, slot, 0);
        this._left.fill(0, slot * BLOCK, (slot + 1) * BLOCK);
        this._right.fill(0, slot * BLOCK, (slot + 1) * BLOCK);
      }
      for (let k = 0; k < count; k++) {
        this._left[slot * BLOCK + inside + k] = left[i + k];
        this._right[slot * BLOCK + inside + k] = right[i + k];
      }
      Atomics.store(this._tags, slot, tag);
      i += count;
    }
  }

  /**
   * Add `count` samples from `position` on, times a gain moving linearly from `gain0` to `gain1`, to `left` and `right`.
   * @param {number} position integer, may be negative @param {number} count
   * @param {Float32Array} left @param {Float32Array} right @param {number} gain0 @param {number} gain1
   */
  addTo(position, count, left, right, gain0, gain1) {
    const step = (gain1 - gain0) / count;
    for (let i = 0; i < count; ) {
      const block = Math.floor((position + i) / BLOCK);
      const slot = this._slot(block);
      const inside = position + i - block * BLOCK;
      const n = Math.min(BLOCK - inside, count - i);
      if (block >= 0 && Atomics.load(this._tags, slot) === ((block + 1) | 0)) {
        for (let k = 0; k < n; k++) {
          const gain = gain0 + step * (i + k);
          left[i + k] += gain * this._left[slot * BLOCK + inside + k];
          right[i + k] += gain * this._right[slot * BLOCK + inside + k];
        }
      }
      i += n;
    }
  }

  /** @param {number} block */
  _slot(block) {
    const rest = block % this._blocks;
    return rest < 0 ? rest + this._blocks : rest;
  }
}

/** A whole recording at a fixed place of the axis (the backing, a finished mix): the same reading as a tape. */
export class Clip {
  /** @param {number} start position of its first sample @param {Float32Array} left @param {Float32Array} right (may be the same array) */
  constructor(start, left, right) {
    this.start = start;
    this._left = left;
    this._right = right;
  }

  /** See Tape.addTo. @param {number} position @param {number} count @param {Float32Array} left @param {Float32Array} right @param {number} gain0 @param {number} gain1 */
  addTo(position, count, left, right, gain0, gain1) {
    const step = (gain1 - gain0) / count;
    const from = Math.max(0, this.start - position);
    const to = Math.min(count, this.start + this._left.length - position);
    const shift = position - this.start;
    for (let i = from; i < to; i++) {
      const gain = gain0 + step * i;
      left[i] += gain * this._left[shift + i];
      right[i] += gain * this._right[shift + i];
    }
  }
}
