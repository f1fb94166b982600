/** The link worker's side of the storage's thread (keep.worker.js): says what to keep and never waits for it. */

/** @typedef {import("./keep.js").Bytes} Bytes */
/** @typedef {import("./keep.js").Owed} Owed */
/** @typedef {{append(bytes: Bytes): void, mark(epoch: number, start: number, stop: number): void, flush(): void, discard(): void}} Kept */
/** @typedef {Owed & {performance: string, discard(): void}} Found */

export class Keeper {
  /** @param {(text: string) => void} onTrouble when something cannot be kept on the device */
  constructor(onTrouble) {
    this._worker = new Worker(new URL("./keep.worker.js", import.meta.url), { type: "module" });
    this._worker.onmessage = ({ data }) => (data.type === "trouble" ? onTrouble(data.text) : this._found(data.ask, data.leftovers));
    this._worker.onerror = (event) => onTrouble(event.message);
    this._ids = 0;
    /** @type {Map<number, (found: Found[]) => void>} */
    this._asked = new Map();
  }

  /** A file of its own for one performance. @param {string} owner @param {string} performance @returns {Kept} */
  open(owner, performance) {
    const id = ++this._ids;
    const tell = (/** @type {any} */ message) => this._worker.postMessage({ ...message, id });
    tell({ type: "open", owner, performance });
    return {
      append: (bytes) => tell({ type: "append", bytes }),
      mark: (epoch, start, stop) => tell({ type: "mark", epoch, start, stop }),
      flush: () => tell({ type: "flush" }),
      discard: () => tell({ type: "discard" }),
    };
  }

  /** What earlier pages of `owner` still owe. @param {string} owner @returns {Promise<Found[]>} */
  find(owner) {
    const ask = ++this._ids;
    this._worker.postMessage({ type: "find", ask, owner });
    return new Promise((resolve) => this._asked.set(ask, resolve));
  }

  /** @param {number} ask @param {(Owed & {performance: string, id: number})[]} leftovers */
  _found(ask, leftovers) {
    const found = leftovers.map(({ id, ...owed }) => ({ ...owed, discard: () => this._worker.postMessage({ type: "drop", id }) }));
    this._asked.get(ask)?.(found);
    this._asked.delete(ask);
  }
}
