/**
 * Ring of floats (32 or 64 bit) between two threads: one writes, one reads, neither waits.
 *
 * Thread contract: only the writer's thread calls `write`, only the reader's thread calls `read` and `wait`; `available` may be called by
 * both and is a lower bound for the reader, an upper bound for the writer. `write` returns false and writes nothing when there is no
 * room: what is lost is then counted by the caller. `read` returns how many floats it copied; 0 means empty.
 * Works on SharedArrayBuffer between threads; where the page is not isolated, PortWriter posts batches into a Ring of the reader's own.
 */

const WRITTEN = 0, READ = 1;

/** @typedef {Float32Array | Float64Array} Floats */
/** @typedef {{write(source: Floats, count: number): boolean, flush(): void}} Writer */

export class Ring {
  /** @param {SharedArrayBuffer | ArrayBuffer} memory made by `Ring.memory` @param {32 | 64} bits of each float, as there */
  constructor(memory, bits) {
    this.memory = memory;
    this._cursors = new Int32Array(memory, 0, 2);
    /** @type {Floats} */
    this._floats = bits === 64 ? new Float64Array(memory, 8) : new Float32Array(memory, 8);
    this._mask = this._floats.length - 1;
  }

  /** @param {number} capacity in floats, a power of two @param {32 | 64} bits @param {boolean} shared */
  static memory(capacity, bits, shared) {
    if (capacity & (capacity - 1)) throw new RangeError(`capacity ${capacity} is not a power of two`);
    const bytes = 8 + (bits / 8) * capacity;
    return shared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes);
  }

  get available() {
    return (Atomics.load(this._cursors, WRITTEN) - Atomics.load(this._cursors, READ)) | 0;
  }

  /** @param {Floats} source @param {number} count floats from its start */
  write(source, count) {
    const written = Atomics.load(this._cursors, WRITTEN);
    const used = (written - Atomics.load(this._cursors, READ)) | 0;
    if (used + count > this._floats.length) return false;
    for (let i = 0; i < count; i++) this._floats[(written + i) & this._mask] = source[i];
    Atomics.store(this._cursors, WRITTEN, (written + count) | 0);
    return true;
  }

  /** Writer: wake a reader that waits in `changed`. */
  flush() {
    if (this.memory instanceof SharedArrayBuffer) Atomics.notify(this._cursors, WRITTEN);
  }

  /** Reader: resolves when something was written, at the latest after `ms`; where the engine cannot wait it simply waits `pollMs`. @param {number} ms @param {number} pollMs */
  changed(ms, pollMs) {
    const canWait = "waitAsync" in Atomics && this.memory instanceof SharedArrayBuffer;
    if (!canWait) return new Promise((resolve) => setTimeout(resolve, pollMs));
    const seen = Atomics.load(this._cursors, READ);
    const wait = /** @type {any} */ (Atomics).waitAsync(this._cursors, WRITTEN, seen, ms);
    return wait.async ? wait.value : Promise.resolve();
  }

  /** @param {Floats} target @param {number} count floats wanted */
  read(target, count) {
    const read = Atomics.load(this._cursors, READ);
    const n = Math.min(count, (Atomics.load(this._cursors, WRITTEN) - read) | 0);
    for (let i = 0; i < n; i++) target[i] = this._floats[(read + i) & this._mask];
    Atomics.store(this._cursors, READ, (read + n) | 0);
    return n;
  }
}

/** The writer's end where memory cannot be shared: batches go to the reader's port, whose owner writes them into its own Ring. */
export class PortWriter {
  /** @param {MessagePort} port @param {string} name @param {32 | 64} bits @param {number} capacity floats per batch at most */
  constructor(port, name, bits, capacity) {
    this._port = port;
    this._name = name;
    /** @type {Floats} */
    this._batch = bits === 64 ? new Float64Array(capacity) : new Float32Array(capacity);
    this._used = 0;
  }

  /** @param {Floats} source @param {number} count */
  write(source, count) {
    if (this._used + count > this._batch.length) return false;
    for (let i = 0; i < count; i++) this._batch[this._used + i] = source[i];
    this._used += count;
    return true;
  }

  flush() {
    if (this._used === 0) return;
    this._port.postMessage({ type: "ring", name: this._name, floats: this._batch.slice(0, this._used) });
    this._used = 0;
  }
}
