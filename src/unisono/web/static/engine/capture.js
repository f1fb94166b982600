/**
 * The microphone as the link worker reads it: blocks of sound with the microphone's own count of frames.
 *
 * Where the browser hands out the track itself (Chromium's MediaStreamTrackProcessor), it is read beside the audio graph: between track and graph lies a
 * queue that is read in bursts, and found empty or full it puts in silence or throws sound away, unseen. Elsewhere mic.worklet.js copies what the graph brings.
 */

import { Ring } from "./ring.js";

const SOUND_FLOATS = 1 << 18;
const HEAD_FLOATS = 1 << 13;

/** @typedef {(frame: number, samples: Float32Array, capturedMs?: number) => void} Sink  frame: of the block's first sample; samples are reused by the caller; capturedMs: when the system says it was heard, from any zero */

/** The track itself. */
export class TrackCapture {
  /** @param {ReadableStream<any>} readable of AudioData @param {Sink} sink */
  constructor(readable, sink) {
    this._reader = readable.getReader();
    this._sink = sink;
    this._frame = 0;
    this._mono = new Float32Array(0);
    this._plane = new Float32Array(0);
    this._closed = false;
  }

  /** Reads the first block, which says at what rate the microphone runs, and drops it. @returns {Promise<number>} frames per second; NaN when there is no sound */
  async open() {
    const { value } = await this._reader.read();
    const rate = value?.sampleRate ?? NaN;
    value?.close();
    return rate;
  }

  /** Reads on until it is closed. */
  async run() {
    while (!this._closed) {
      const { value, done } = await this._reader.read().catch(() => ({ value: null, done: true }));
      if (done) return;
      this._mix(value);
      const capturedMs = value.timestamp / 1000;
      value.close();
      if (!this._closed) this._sink(this._frame, this._mono, capturedMs);
      this._frame += this._mono.length;
    }
  }

  close() {
    this._closed = true;
    void this._reader.cancel().catch(() => undefined);
  }

  /** All channels in one: a voice may sit in either. @param {any} data AudioData */
  _mix(data) {
    const { numberOfFrames, numberOfChannels } = data;
    if (this._mono.length !== numberOfFrames) {
      this._mono = new Float32Array(numberOfFrames);
      this._plane = new Float32Array(numberOfFrames);
    }
    data.copyTo(this._mono, { planeIndex: 0, format: "f32-planar" });
    for (let planeIndex = 1; planeIndex < numberOfChannels; planeIndex++) {
      data.copyTo(this._plane, { planeIndex, format: "f32-planar" });
      for (let i = 0; i < numberOfFrames; i++) this._mono[i] += this._plane[i];
    }
    if (numberOfChannels > 1) for (let i = 0; i < numberOfFrames; i++) this._mono[i] /= numberOfChannels;
  }
}

/** What mic.worklet.js copies into two rings: the sound, and the frame and length of each block. */
export class WorkletCapture {
  /** @param {MessagePort} port to the worklet @param {boolean} shared @param {Sink} sink */
  constructor(port, shared, sink) {
    this._port = port;
    this._sink = sink;
    const memory = { sound: Ring.memory(SOUND_FLOATS, 32, shared), heads: Ring.memory(HEAD_FLOATS, 64, shared) };
    this._rings = { sound: new Ring(memory.sound, 32), heads: new Ring(memory.heads, 64) };
    this._head = new Float64Array(2);
    this._block = new Float32Array(0);
    port.onmessage = ({ data }) => this._posted(data);
    port.postMessage({ type: "open", sound: shared ? memory.sound : null, heads: shared ? memory.heads : null });
  }

  /** Hand on what has come. */
  pump() {
    while (this._rings.heads.read(this._head, 2) === 2) {
      const [frame, count] = this._head;
      if (this._block.length !== count) this._block = new Float32Array(count);
      this._rings.sound.read(this._block, count);
      this._sink(frame, this._block);
    }
  }

  close() {
    this._port.postMessage({ type: "close" });
  }

  /** @param {any} data where memory is not shared, floats come by post */
  _posted(data) {
    if (data.type === "ring") this._rings[/** @type {'sound' | 'heads'} */ (data.name)].write(data.floats, data.floats.length);
  }
}
