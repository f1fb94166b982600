/**
 * Ear: plays the timeline at this page's ears. Reads tapes and clips at the position of each context frame (ear.js), tells the worker
 * which position every block was, and plays test sounds at exact frames. Steady state allocates nothing and posts nothing.
 */

import { Ear } from "./ear.js";
import { FrameCount } from "./frames.js";
import { PortWriter, Ring } from "./ring.js";
import { Clip, Tape } from "./tape.js";

const PORT_BLOCKS = 4;

class EarProcessor extends AudioWorkletProcessor {
  constructor() {
    super();
    this._ear = new Ear(sampleRate);
    this._frames = new FrameCount();
    this._record = new Float64Array(4);
    /** @type {import("./ring.js").Writer | null} */
    this._map = null;
    this._shared = false;
    this._blocks = 0;
    /** @type {Map<string, Tape>} */
    this._tapes = new Map();
    /** @type {MessagePort | null} */
    this._port = null;
    /** @type {{sound: Float32Array, startFrame: number} | null} */
    this._test = null;
    this._running = true;
    this.port.onmessage = ({ data }) => this._hear(data.port);
  }

  /** @param {MessagePort} port to the link worker */
  _hear(port) {
    this._port = port;
    port.onmessage = ({ data }) => this._message(data, port);
  }

  /** @param {any} data @param {MessagePort} port */
  _message(data, port) {
    switch (data.type) {
      case "open":
        this._shared = data.map !== null;
        this._map = data.map ? new Ring(data.map, 64) : new PortWriter(port, "map", 64, 64);
        for (const [name, memory] of Object.entries(data.tapes)) {
          const tape = new Tape(/** @type {SharedArrayBuffer} */ (memory));
          this._tapes.set(name, tape);
          this._ear.connect(name, tape);
        }
        break;
      case "aim":
        this._ear.aim(data.frame, data.position, data.rate);
        break;
      case "write":
        this._tapes.get(data.tape)?.write(data.position, data.left, data.right);
        break;
      case "gain":
        this._ear.setGain(data.name, data.gain);
        break;
      case "clip":
        this._ear.connect(data.name, data.left ? new Clip(data.start, data.left, data.right) : null);
        if (data.left) this._ear.setGain(data.name, data.gain);
        break;
      case "test":
        this._test = data.sound ? { sound: data.sound, startFrame: -1 } : null;
        break;
      case "close":
        this._running = false;
        break;
    }
  }

  /** @param {Float32Array[][]} _inputs @param {Float32Array[][]} outputs */
  process(_inputs, outputs) {
    const [left, right] = outputs[0];
    const frame = this._frames.block(currentFrame, left.length);
    const played = this._ear.play(frame, left, right, this._record);
    if (played && this._map) {
      this._map.write(this._record, 4);
      if (this._shared || ++this._blocks % PORT_BLOCKS === 0) this._map.flush();
    }
    if (this._test) this._playTest(frame, left, right);
    return this._running;
  }

  /** A test sound replaces everything else, frame by frame, unresampled. @param {number} frame @param {Float32Array} left @param {Float32Array} right */
  _playTest(frame, left, right) {
    const test = /** @type {{sound: Float32Array, startFrame: number}} */ (this._test);
    if (test.startFrame < 0) {
      test.startFrame = frame;
      this._port?.postMessage({ type: "test", startFrame: frame });
    }
    const from = frame - test.startFrame;
    for (let i = 0; i < left.length; i++) {
      const sample = from + i < test.sound.length ? test.sound[from + i] : 0;
      left[i] = sample;
      right[i] = sample;
    }
    if (from + left.length >= test.sound.length) this._test = null;
  }
}

registerProcessor("ear", EarProcessor);
