/** Frames that travel together: in a large room two to a packet, so that its server has half as many to take in. Pure. */

import { FRAME_SAMPLES } from "./units.js";
import { flagsOf, joined } from "./wire.js";

/** @typedef {import("./keep.js").Bytes} Bytes */
/** @typedef {{epoch: number, position: number, bytes: Bytes}} Single  a packet of one frame */
/** @typedef {{start: number, stop: number, bytes: Bytes}} Full  a packet as it is sent, and the stamped positions in it */

export class Packing {
  constructor() {
    /** As the room says with each song. */
    this.framesAPacket = 1;
    /** @type {Single[]} */
    this._waiting = [];
  }

  /** What is to be sent now that this frame is there. @param {Single} single @returns {Full[]} */
  add(single) {
    this._waiting.push(single);
    return this._waiting.length < this.framesAPacket ? [] : this.flush();
  }

  /** What still waits for more. @returns {Full[]} */
  flush() {
    /** @type {Single[][]} */
    const groups = [];
    for (const single of this._waiting.splice(0)) {
      const group = groups.at(-1);
      if (group && follows(/** @type {Single} */ (group.at(-1)), single)) group.push(single);
      else groups.push([single]);
    }
    return groups.map((group) => ({
      start: group[0].position,
      stop: group[group.length - 1].position + FRAME_SAMPLES,
      bytes: group.length === 1 ? group[0].bytes : joined(group.map(({ bytes }) => bytes)),
    }));
  }

  /** Whatever waits is sent some other way. */
  clear() {
    this._waiting = [];
  }
}

/** @param {Single} one @param {Single} next */
const follows = (one, next) => next.epoch === one.epoch && next.position === one.position + FRAME_SAMPLES && flagsOf(next.bytes) === flagsOf(one.bytes);
