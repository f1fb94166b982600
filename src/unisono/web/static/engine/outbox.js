/**
 * What was sung and is not yet known to be written at the server. Live goes first: a packet that cannot go out at once waits here and goes out
 * later, marked as a repair, paced, while the socket is otherwise idle. Pure: the clock is an argument.
 */

import { FRAME_SAMPLES } from "./units.js";
import { asRepair } from "./wire.js";

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */
/** @typedef {{epoch: number, position: number, bytes: Bytes, sentMs: number}} Kept */

const RESEND_AFTER_MS = 3_000;
/** One at a time while a song is sung, often (REPAIR_MS in link.worker.js): more of them would keep live sound waiting on a narrow line. */
export const REPAIRS_IN_SONG = 1;
export const REPAIRS_BETWEEN_SONGS = 10;

export class Outbox {
  constructor() {
    /** @type {Map<number, Map<number, Kept>>} epoch -> position -> packet */
    this._epochs = new Map();
    this.size = 0;
  }

  /** @param {number} epoch @param {number} position stamped @param {Bytes} bytes packed @param {number} sentMs NaN when it was not sent live */
  add(epoch, position, bytes, sentMs) {
    let packets = this._epochs.get(epoch);
    if (!packets) this._epochs.set(epoch, (packets = new Map()));
    if (!packets.has(position)) this.size += 1;
    packets.set(position, { epoch, position, bytes, sentMs });
  }

  /** @param {number} epoch @param {[number, number][]} spans of stamped positions that are on the server's disk */
  written(epoch, spans) {
    const packets = this._epochs.get(epoch);
    if (!packets) return;
    for (const kept of packets.values()) {
      if (!spans.some(([start, stop]) => kept.position >= start && kept.position < stop)) continue;
      packets.delete(kept.position);
      this.size -= 1;
    }
    if (packets.size === 0) this._epochs.delete(epoch);
  }

  /** Send these again as soon as there is room. @param {[number, number][]} spans */
  missing(spans) {
    for (const kept of this._all()) {
      if (spans.some(([start, stop]) => kept.position < stop && kept.position + FRAME_SAMPLES > start)) kept.sentMs = NaN;
    }
  }

  /** Everything of another outbox. @param {Outbox} other */
  take(other) {
    for (const { epoch, position, bytes, sentMs } of other._all()) this.add(epoch, position, bytes, sentMs);
    other.clear();
  }

  /** Everything must be sent again: the connection it went out on is gone. */
  lost() {
    for (const kept of this._all()) kept.sentMs = NaN;
  }

  /** At most `count` packets to send now, as repairs: what never went out first, then what went unanswered. @param {number} nowMs @param {number} count @returns {Bytes[]} */
  repairs(nowMs, count) {
    const due = [];
    for (const unsent of [true, false]) {
      for (const kept of this._all()) {
        if (due.length >= count) return due;
        if (Number.isNaN(kept.sentMs) !== unsent || nowMs - kept.sentMs < RESEND_AFTER_MS) continue;
        kept.sentMs = nowMs;
        due.push(asRepair(kept.bytes));
      }
    }
    return due;
  }

  clear() {
    this._epochs.clear();
    this.size = 0;
  }

  *_all() {
    for (const packets of this._epochs.values()) yield* packets.values();
  }
}
