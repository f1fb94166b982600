/** Packets <-> bytes, as in docs/wire.md; the twin of core/wire.py (spec/wire.json is read by the tests of both). */

export const Kind = Object.freeze({ VOICE: 1, TALK: 2, LEADER: 3, MIX: 4, CHATTER: 5, PROBE: 16, ECHO: 17 });

const HEADER_BYTES = 16;
const PCM = 1, STEREO = 2, REPAIR = 4, UNSURE = 8;

/**
 * @typedef {object} Packet
 * @property {number} kind
 * @property {boolean} pcm       frames are 16-bit PCM, else Opus
 * @property {boolean} stereo
 * @property {boolean} repair    sent again, not live
 * @property {boolean} unsure    its placement is not certain
 * @property {number} seat
 * @property {number} epoch
 * @property {number} level      -dBFS RMS of the first frame, 0..127; 127 is silence
 * @property {number} position   of the first frame
 * @property {Uint8Array[]} frames  each lasts FRAME_SAMPLES
 */

/** @param {Packet} packet @returns {Uint8Array<ArrayBuffer>} */
export function pack(packet) {
  const bytes = packet.frames.reduce((sum, frame) => sum + 2 + frame.length, HEADER_BYTES);
  const out = new Uint8Array(bytes);
  const view = new DataView(out.buffer);
  view.setUint8(0, packet.kind);
  view.setUint8(1, (packet.pcm ? PCM : 0) | (packet.stereo ? STEREO : 0) | (packet.repair ? REPAIR : 0) | (packet.unsure ? UNSURE : 0));
  view.setUint16(2, packet.seat, true);
  view.setUint16(4, packet.epoch, true);
  view.setUint8(6, packet.level);
  view.setUint8(7, packet.frames.length);
  view.setBigInt64(8, BigInt(packet.position), true);
  let at = HEADER_BYTES;
  for (const frame of packet.frames) {
    view.setUint16(at, frame.length, true);
    out.set(frame, at + 2);
    at += 2 + frame.length;
  }
  return out;
}

/**
 * The packet in `data`; its frames are views into it. Throws RangeError when the bytes are not a packet.
 * @param {ArrayBuffer} data @returns {Packet}
 */
export function unpack(data) {
  const view = new DataView(data);
  const flags = view.getUint8(1);
  const count = view.getUint8(7);
  const frames = [];
  let at = HEADER_BYTES;
  for (let i = 0; i < count; i++) {
    const length = view.getUint16(at, true);
    if (length === 0 || at + 2 + length > data.byteLength) throw new RangeError(`frame ${i} of ${length} bytes does not fit`);
    frames.push(new Uint8Array(data, at + 2, length));
    at += 2 + length;
  }
  if (count === 0 || at !== data.byteLength) throw new RangeError(`${count} frames end at ${at} of ${data.byteLength} bytes`);
  return {
    kind: view.getUint8(0),
    pcm: (flags & PCM) !== 0,
    stereo: (flags & STEREO) !== 0,
    repair: (flags & REPAIR) !== 0,
    unsure: (flags & UNSURE) !== 0,
    seat: view.getUint16(2, true),
    epoch: view.getUint16(4, true),
    level: view.getUint8(6),
    position: Number(view.getBigInt64(8, true)),
    frames,
  };
}

/** Packets of one frame each, packed, one after the other in the same epoch: the same frames in one packet. @param {Uint8Array<ArrayBuffer>[]} packets */
export function joined(packets) {
  const [first] = packets;
  const out = new Uint8Array(packets.reduce((sum, packet) => sum + packet.length - HEADER_BYTES, HEADER_BYTES));
  out.set(first.subarray(0, HEADER_BYTES));
  out[7] = packets.length;
  let at = HEADER_BYTES;
  for (const packet of packets) {
    out.set(packet.subarray(HEADER_BYTES), at);
    at += packet.length - HEADER_BYTES;
  }
  return out;
}

/** The same packed bytes, marked as a repair. @param {Uint8Array<ArrayBuffer>} bytes */
export function asRepair(bytes) {
  const copy = bytes.slice();
  copy[1] |= REPAIR;
  return copy;
}

/** Codec, channels, whether it is sent again and whether it is sure. @param {Uint8Array} bytes of a packet */
export const flagsOf = (bytes) => bytes[1];

/** @param {ArrayBuffer} data */
export const kindOf = (data) => (data.byteLength > 0 ? new Uint8Array(data, 0, 1)[0] : 0);

/** @param {Uint8Array} bytes of a packet */
export const isRepair = (bytes) => (flagsOf(bytes) & REPAIR) !== 0;

/** Where a packet of sound belongs. @param {ArrayBuffer} data */
export const positionOf = (data) => Number(new DataView(data).getBigInt64(8, true));

/** @param {number} sentMs @returns {ArrayBuffer} */
export function packProbe(sentMs) {
  const view = new DataView(new ArrayBuffer(16));
  view.setUint8(0, Kind.PROBE);
  view.setFloat64(8, sentMs, true);
  return view.buffer;
}

/** @param {ArrayBuffer} data @returns {{sentMs: number, position: number}} */
export function unpackEcho(data) {
  const view = new DataView(data);
  return { sentMs: view.getFloat64(8, true), position: view.getFloat64(16, true) };
}
