/**
 * Delivery of what was sung: every packet goes to the device first, then out live if the line flows, and is kept until the server has written it.
 * Outlives microphones and connections; what an earlier page of the same person left behind is delivered behind everything newer.
 */

import { FRAME_SAMPLES } from "./units.js";
import { Outbox, REPAIRS_BETWEEN_SONGS, REPAIRS_IN_SONG } from "./outbox.js";
import { Packing } from "./packing.js";
import { unpack } from "./wire.js";

/** @typedef {import("./keep.js").Bytes} Bytes */
/** @typedef {Pick<import("./keeper.js").Keeper, "open" | "find">} Storage */
/** @typedef {{send(bytes: Bytes): boolean, say(message: any): void, nowMs(): number}} DeliveryEvents  `send` returns false when the packet did not go out */

export class Delivery {
  /** @param {Storage} storage @param {DeliveryEvents} events */
  constructor(storage, events) {
    this._storage = storage;
    this._events = events;
    this._outbox = new Outbox();
    this._packing = new Packing();
    /** Of earlier songs and earlier pages. */
    this._old = new Outbox();
    /** @type {(() => void)[]} */
    this._discards = [];
    this._owner = "";
    this._performance = "";
    /** @type {import("./keeper.js").Kept | null} */
    this._keep = null;
    /** @type {Map<number, {start: number, stop: number}>} epochs of the running performance */
    this._sung = new Map();
    this._saidSent = false;
    /** What earlier pages of this person sang is complete as it was found: the room need not wait for more of it. @type {any[]} */
    this._promised = [];
  }

  get unwritten() {
    return this._outbox.size + this._old.size;
  }

  /** Who sings here: their earlier pages' files may be looked for. @param {string} owner letters and digits */
  async adopt(owner) {
    if (owner === this._owner) return;
    this._owner = owner;
    for (const { performance, packets, spans, discard } of await this._storage.find(owner)) {
      for (const bytes of packets) {
        const { epoch, position } = unpack(bytes.buffer);
        this._old.add(epoch, position, bytes, NaN);
      }
      for (const [epoch, { start, stop }] of spans) this._promised.push({ type: "sent", performance, epoch, start, stop });
      this._discards.push(discard);
    }
    for (const promise of this._promised) this._events.say(promise);
    this._forget();
  }

  /** A performance begins; what the last one still owes goes on behind it. @param {string} performance @param {number} [framesAPacket] */
  begin(performance, framesAPacket = 1) {
    this._packing.framesAPacket = framesAPacket;
    if (performance === this._performance) return;
    this._performance = performance;
    this._retire();
    this._keep = this._storage.open(this._owner || "guest", performance);
  }

  /** @param {number} epoch @param {number} position stamped @param {Bytes} bytes packed @param {boolean} [old] too old to be heard live: it goes as a repair */
  add(epoch, position, bytes, old = false) {
    this._keep?.append(bytes);
    const seen = this._sung.get(epoch);
    this._sung.set(epoch, { start: seen?.start ?? position, stop: position + FRAME_SAMPLES });
    this._outbox.add(epoch, position, bytes, old ? NaN : this._events.nowMs());
    if (!old) this._sendLive(this._packing.add({ epoch, position, bytes }));
  }

  /** @param {import("./packing.js").Full[]} packets what does not go out now goes as a repair */
  _sendLive(packets) {
    for (const { start, stop, bytes } of packets) if (!this._events.send(bytes)) this._outbox.missing([[start, stop]]);
  }

  /** All of the performance up to its stop has been added: say so for every epoch. */
  finish() {
    if (this._saidSent) return;
    this._saidSent = true;
    this._sendLive(this._packing.flush());
    this._keep?.flush();
    this._sayAgain();
  }

  /** A new connection: everything unwritten goes out again, and what was said may not have arrived. */
  connected() {
    this._packing.clear();
    this._outbox.lost();
    this._old.lost();
    for (const promise of this._promised) this._events.say(promise);
    if (this._saidSent) this._sayAgain();
  }

  /** @param {number} epoch @param {[number, number][]} spans of stamped positions */
  written(epoch, spans) {
    this._outbox.written(epoch, spans);
    this._old.written(epoch, spans);
    for (const [start, stop] of spans) this._keep?.mark(epoch, start, stop);
    this._forget();
  }

  /** @param {[number, number][]} spans */
  missing(spans) {
    this._outbox.missing(spans);
    this._old.missing(spans);
  }

  /** Send what is due again. @param {boolean} idle nothing waits in the socket */
  repair(idle) {
    if (!idle) return;
    const now = this._events.nowMs();
    const sings = this._performance !== "" && !this._saidSent;
    const atOnce = sings ? REPAIRS_IN_SONG : REPAIRS_BETWEEN_SONGS;
    const due = this._outbox.repairs(now, atOnce);
    due.push(...this._old.repairs(now, atOnce - due.length));
    for (const bytes of due) this._events.send(bytes);
  }

  _sayAgain() {
    for (const [epoch, { start, stop }] of this._sung) this._events.say({ type: "sent", performance: this._performance, epoch, start, stop });
  }

  /** The running performance becomes an old one. */
  _retire() {
    this._sendLive(this._packing.flush());
    this._old.take(this._outbox);
    if (this._keep) this._discards.push(this._keep.discard);
    this._keep = null;
    this._sung.clear();
    this._saidSent = false;
  }

  /** Nothing is owed any more: the files may go. */
  _forget() {
    if (this._old.size === 0) for (const discard of this._discards.splice(0)) discard();
    if (this._outbox.size > 0 || !this._saidSent) return;
    this._keep?.discard();
    this._keep = null;
  }
}
