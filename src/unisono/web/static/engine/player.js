/** From packets to tapes: decodes what the server sends and puts it where its position says. One decoder per stream; the ear reads the tapes. */

import { FRAME_SAMPLES, SAMPLE_RATE } from "./units.js";
import { OpusDecoder, fromPcm } from "./codec.js";
import { Tape } from "./tape.js";
import { Kind } from "./wire.js";

const TAPE_SAMPLES = 128 * 3072; // 8.2 s: more than the last row or any listener is behind
const FADE_SAMPLES = 120;
/** What the ear has read already of what will be heard: one block of the audio graph and half a kernel. A frame that begins there is late. */
const READ_AHEAD_MS = 3;
const STREAMS = /** @type {const} */ ({ [Kind.LEADER]: "leader", [Kind.MIX]: "before", [Kind.CHATTER]: "talk" });
/** @typedef {{decoder: OpusDecoder | null, stereo: boolean, queue: {position: number, arrivedMs: number}[], next: number, epoch: number}} Stream */

export class Player {
  /**
   * @param {MessagePort} earPort @param {boolean} shared @param {number} decoderShift samples this browser's decoder is later than plain libopus
   * @param {() => number} nowMs @param {import("./trace.js").Trace} trace
   */
  constructor(earPort, shared, decoderShift, nowMs, trace) {
    this._earPort = earPort;
    this._shift = decoderShift;
    this._nowMs = nowMs;
    this._trace = trace;
    /** @type {Map<string, Stream>} */
    this._streams = new Map();
    /** @type {Map<string, Tape>} */
    this._tapes = new Map();
    /** @type {Record<string, SharedArrayBuffer | ArrayBuffer>} */
    this.memory = {};
    for (const name of Object.values(STREAMS)) {
      this.memory[name] = Tape.memory(TAPE_SAMPLES, shared);
      if (shared) this._tapes.set(name, new Tape(this.memory[name]));
    }
    /** @type {number[]} */
    this.decodeMs = [];
    this.frames = { leader: 0, before: 0, talk: 0 };
    this.late = { leader: 0, before: 0, talk: 0 };
  }

  /** @param {import("./wire.js").Packet} packet */
  packet(packet) {
    const name = STREAMS[/** @type {keyof typeof STREAMS} */ (packet.kind)];
    if (!name) return;
    const stream = this._stream(name, packet.stereo);
    this._trace.came(name, packet.position);
    packet.frames.forEach((frame, i) => {
      const position = packet.position + i * FRAME_SAMPLES;
      if (packet.pcm) {
        const [left, right] = fromPcm(frame, packet.stereo);
        this._place(name, stream, position, left, right);
      } else {
        stream.queue.push({ position: position + this._shift, arrivedMs: this._nowMs() });
        stream.decoder?.decode(/** @type {Uint8Array<ArrayBuffer>} */ (frame));
      }
    });
  }

  /** @param {string} name @param {boolean} stereo @returns {Stream} */
  _stream(name, stereo) {
    let stream = this._streams.get(name);
    if (stream && stream.stereo === stereo) return stream;
    stream?.decoder?.close();
    /** @type {Stream} */
    const fresh = { decoder: null, stereo, queue: [], next: NaN, epoch: 0 };
    if ("AudioDecoder" in globalThis) {
      fresh.decoder = new OpusDecoder(stereo, (left, right) => this._decoded(name, fresh, left, right), () => this._streams.delete(name));
    }
    this._streams.set(name, fresh);
    return fresh;
  }

  /** @param {string} name @param {Stream} stream @param {Float32Array} left @param {Float32Array} right */
  _decoded(name, stream, left, right) {
    const entry = stream.queue.shift();
    if (!entry) return;
    const decodeMs = this._nowMs() - entry.arrivedMs;
    this.decodeMs.push(decodeMs);
    if (this.decodeMs.length > 200) this.decodeMs.shift();
    this._place(name, stream, entry.position, left, right);
    this._trace.placed(/** @type {'leader'|'before'|'talk'} */ (name), decodeMs, entry.position);
  }

  /** @param {string} name @param {Stream} stream @param {number} position @param {Float32Array} left @param {Float32Array} right */
  _place(name, stream, position, left, right) {
    if (position < 0) return;
    if (position !== stream.next) fadeIn(left, right);
    stream.next = position + left.length;
    const key = /** @type {'leader'|'before'|'talk'} */ (name);
    this.frames[key] += 1;
    if (this._trace.age(position) > -READ_AHEAD_MS) this.late[key] += 1;
    const tape = this._tapes.get(name);
    if (tape) tape.write(position, left, right);
    else this._earPort.postMessage({ type: "write", tape: name, position, left, right });
  }
}

/** @param {Float32Array} left @param {Float32Array} right */
function fadeIn(left, right) {
  for (let i = 0; i < Math.min(FADE_SAMPLES, left.length); i++) {
    left[i] *= i / FADE_SAMPLES;
    if (right !== left) right[i] *= i / FADE_SAMPLES;
  }
}

/**
 * Fetch a 48 kHz 16-bit WAV and give it to the ear as a clip whose first sample is heard at `start`.
 * @param {string} url @param {boolean} shared as `parseWav` has it @returns {Promise<{left: Float32Array, right: Float32Array}>}
 */
export async function fetchClip(url, shared) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return parseWav(await response.arrayBuffer(), shared);
}

/** @param {ArrayBuffer} data @param {boolean} [shared] whether other threads are to read the same memory @returns {{left: Float32Array, right: Float32Array}} */
export function parseWav(data, shared = false) {
  const view = new DataView(data);
  let channels = 0, bits = 0;
  for (let at = 12; at + 8 <= data.byteLength; ) {
    const name = String.fromCharCode(...new Uint8Array(data, at, 4));
    const size = view.getUint32(at + 4, true);
    if (name === "fmt ") {
      channels = view.getUint16(at + 10, true);
      bits = view.getUint16(at + 22, true);
      if (view.getUint32(at + 12, true) !== SAMPLE_RATE) throw new RangeError(`a WAV at ${view.getUint32(at + 12, true)} Hz, not ${SAMPLE_RATE}`);
    }
    if (name === "data") return samplesOf(new Uint8Array(data, at + 8, Math.min(size, data.byteLength - at - 8)), channels, bits, shared);
    at += 8 + size + (size & 1);
  }
  throw new RangeError("a WAV without sound");
}

/** @param {Uint8Array} bytes @param {number} channels @param {number} bits @param {boolean} shared */
function samplesOf(bytes, channels, bits, shared) {
  const width = bits / 8;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = Math.floor(bytes.byteLength / width / channels);
  /** @param {number} at */
  const sample = (at) => (bits === 16 ? view.getInt16(at, true) / 32768 : (view.getInt16(at + 1, true) * 256 + view.getUint8(at)) / 8388608);
  const floats = () => new Float32Array(shared ? new SharedArrayBuffer(4 * count) : new ArrayBuffer(4 * count));
  const left = floats();
  const right = channels > 1 ? floats() : left;
  for (let i = 0; i < count; i++) {
    left[i] = sample(i * channels * width);
    if (channels > 1) right[i] = sample((i * channels + 1) * width);
  }
  return { left, right };
}
