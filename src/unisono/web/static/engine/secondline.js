/**
 * A second line to the room, for a page whose first one stumbles: TCP loses nothing, it stands still until what was lost has come, but two lines
 * seldom stand still at once. The same sound goes on both; what comes first counts (docs/decisions/0014-a-second-line.md). Pure but for the socket itself.
 */

import { OUTAGE_MS, Unanswered } from "./jitter.js";
import { Kind, kindOf, unpackEcho } from "./wire.js";

/** What is so much later than usual has waited behind something lost. */
const STUMBLE_MS = 80;
/** What stumbles again so soon has not got up. */
const SAME_MS = 2_000;
const USUAL_OF = 100, ENOUGH = 40;
/** Trips so much longer than before the second line was there say that the way is narrow, not rough. */
const NARROW_FACTOR = 2, NARROW_MS = 100;
const MEASURED = 5, APART_MS = 250;
/** Ten seconds of two lines, and more. */
const REMEMBERED = 1_024;
/** A narrow way may be another one later; a line that did not come about is tried again soon. */
const AFTER_NARROW_MS = 300_000, AGAIN_MS = 5_000, AGAIN_MS_MAX = 300_000;
/** A second line on which nothing comes for so long is dead. */
const SILENT_MS_MAX = 8_000;

/** Whether what comes one after the other, sound or echoes, was more than once much later than usual. */
export class Stumbles {
  constructor() {
    /** @type {Map<string, number[]>} */
    this._late = new Map();
    this._onceMs = NaN;
    this.seen = false;
  }

  /** @param {string} what of a kind @param {number} lateMs behind anything that stands still @param {number} nowMs */
  add(what, lateMs, nowMs) {
    const late = this._late.get(what) ?? [];
    this._late.set(what, late);
    if (late.length >= ENOUGH && lateMs > middle(late) + STUMBLE_MS) this.stumbled(nowMs);
    late.push(lateMs);
    if (late.length > USUAL_OF) late.shift();
  }

  /** Once is not enough, and what is still the same stumble does not count. @param {number} nowMs */
  stumbled(nowMs) {
    if (nowMs - this._onceMs > SAME_MS) this.seen = true;
    if (Number.isNaN(this._onceMs)) this._onceMs = nowMs;
  }

  /** Another song, another distance: nothing is usual yet. */
  forget() {
    this._late.clear();
  }
}

/** What came already, by either line. */
export class Twice {
  constructor() {
    /** @type {Set<string>} */
    this._seen = new Set();
  }

  /** @param {ArrayBuffer} data a packet of sound: its header says what it is and where it belongs */
  again(data) {
    const key = new Uint8Array(data, 0, 1)[0] + ":" + Array.from(new Uint8Array(data, 2, 14)).join();
    if (this._seen.has(key)) return true;
    this._seen.add(key);
    if (this._seen.size > REMEMBERED) for (const oldest of this._seen) {
      this._seen.delete(oldest);
      break;
    }
    return false;
  }
}

/** Whether the second line made the way slower: not one trip is quick any more. */
export class Narrow {
  /** Where much is lost, long trips come in a row: what all but one in ten of them took before is compared. @param {number[]} tripsMs before it was there */
  constructor(tripsMs) {
    this._before = tripsMs.length > 0 ? [...tripsMs].sort((a, b) => a - b)[Math.floor((tripsMs.length * 9) / 10)] : NaN;
    /** @type {number[]} */
    this._since = [];
    this._addedMs = -Infinity;
  }

  /** What stalls once stalls a whole train of probes: few of each train count. @param {number} tripMs @param {number} nowMs */
  add(tripMs, nowMs) {
    if (nowMs - this._addedMs < APART_MS) return;
    this._addedMs = nowMs;
    this._since.push(tripMs);
    if (this._since.length > MEASURED) this._since.shift();
  }

  get seen() {
    return this._since.length >= MEASURED && Math.min(...this._since) > NARROW_FACTOR * this._before + NARROW_MS;
  }
}

/** Opened when it is needed; it is there when it answers, and when it goes, that is all. */
export class SecondLine {
  /** @param {string} url @param {(data: ArrayBuffer) => void} onSound @param {(sentMs: number, position: number) => void} onEcho */
  constructor(url, onSound, onEcho) {
    this._url = url;
    this._onSound = onSound;
    this._onEcho = onEcho;
    this._stumbles = new Stumbles();
    this._notBeforeMs = -Infinity;
    this._againMs = AGAIN_MS;
    this._heardMs = NaN;
    /** @type {WebSocket | null} */
    this._socket = null;
    this._answers = false;
    this._unanswered = new Unanswered();
    /** @type {Twice | null} */
    this._twice = null;
    /** @type {Narrow | null} */
    this._narrow = null;
  }

  _forget() {
    this._socket = this._twice = this._narrow = null;
    this._answers = false;
    this._unanswered = new Unanswered();
  }

  /** The room says that what this page sang came too late. @param {number} nowMs */
  needed(nowMs) {
    this._stumbles.stumbled(nowMs);
  }

  /** Another song, another distance: nothing is usual yet. */
  anew() {
    this._stumbles.forget();
  }

  /** Something took so long, by whichever line it came first. @param {string} what @param {number} ms @param {number} nowMs */
  took(what, ms, nowMs) {
    this._stumbles.add(what, ms, nowMs);
    if (what === "echo") this._narrow?.add(ms, nowMs);
  }

  /** Whether this has come before, by the other line. @param {ArrayBuffer} data */
  again(data) {
    return this._twice?.again(data) ?? false;
  }

  /** Open it where it is needed, leave it where it makes things worse. @param {any} hello of the page, with its key @param {import("./jitter.js").Ways} ways @param {number} nowMs */
  mind(hello, ways, nowMs) {
    if (this._narrow?.seen) {
      this.close();
      this._stumbles = new Stumbles();
      this._notBeforeMs = nowMs + AFTER_NARROW_MS;
    }
    if (this._socket && this._answers && this._unanswered.stalledMs(nowMs) === 0) this._heardMs = nowMs;
    if (this._socket && nowMs - this._heardMs > SILENT_MS_MAX) this.close();
    if (this._socket || nowMs < this._notBeforeMs || !(this._stumbles.seen || ways.rough)) return;
    this._notBeforeMs = nowMs + this._againMs;
    this._againMs = Math.min(2 * this._againMs, AGAIN_MS_MAX);
    this._heardMs = nowMs;
    this._twice = new Twice();
    this._narrow = new Narrow(ways.tripsMs);
    const socket = (this._socket = new WebSocket(this._url));
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send(JSON.stringify({ type: "hello", version: 1, ...hello, spare: true }));
    socket.onmessage = ({ data }) => this._receive(data);
    socket.onclose = () => this._forget();
  }

  /** @param {string | ArrayBuffer} data */
  _receive(data) {
    if (typeof data === "string") return;
    this._answers = true;
    if (kindOf(data) !== Kind.ECHO) return this._onSound(data);
    const { sentMs, position } = unpackEcho(data);
    this._againMs = AGAIN_MS;
    this._unanswered.echoed(sentMs);
    this._onEcho(sentMs, position);
  }

  /** Whether more may be given to it. @param {number} nowMs */
  flows(nowMs) {
    return this._answers && this._socket !== null && this._socket.readyState === WebSocket.OPEN && this._socket.bufferedAmount === 0 && this._unanswered.stalledMs(nowMs) < OUTAGE_MS;
  }

  /** @param {Uint8Array<ArrayBuffer>} bytes */
  send(bytes) {
    this._socket?.send(bytes);
  }

  /** @param {ArrayBuffer} probe @param {number} sentMs */
  probe(probe, sentMs) {
    if (this._socket?.readyState !== WebSocket.OPEN) return;
    this._socket.send(probe);
    this._unanswered.sent(sentMs);
  }

  /** The first line is gone, and with it this one. */
  close() {
    if (!this._socket) return;
    this._socket.onmessage = this._socket.onclose = null;
    this._socket.close(1000);
    this._forget();
  }
}

/** @param {number[]} values */
function middle(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}
