/** Microphone, where the track itself cannot be read (capture.js): copies each block of input, with its context frame, to the link worker. Copies only; a full ring loses the block and the worker sees the gap. */

import { FrameCount } from "./frames.js";
import { PortWriter, Ring } from "./ring.js";

const PORT_BLOCKS = 4;

class MicProcessor extends AudioWorkletProcessor {
  constructor() {
    super();
    this._head = new Float64Array(2);
    this._frames = new FrameCount();
    /** @type {import("./ring.js").Writer | null} */
    this._sound = null;
    /** @type {import("./ring.js").Writer | null} */
    this._heads = null;
    this._shared = false;
    this._blocks = 0;
    this._running = true;
    this.port.onmessage = ({ data }) => this._listen(data.port);
  }

  /** @param {MessagePort} port to the link worker */
  _listen(port) {
    port.onmessage = ({ data }) => {
      if (data.type === "close") this._running = false;
      if (data.type !== "open") return;
      this._shared = data.sound !== null;
      this._sound = data.sound ? new Ring(data.sound, 32) : new PortWriter(port, "sound", 32, 4096);
      this._heads = data.heads ? new Ring(data.heads, 64) : new PortWriter(port, "heads", 64, 64);
    };
  }

  /** @param {Float32Array[][]} inputs */
  process(inputs) {
    const input = inputs[0][0];
    if (input && this._sound && this._heads) {
      this._head[0] = this._frames.block(currentFrame, input.length);
      this._head[1] = input.length;
      if (this._sound.write(input, input.length)) this._heads.write(this._head, 2);
      if (this._shared || ++this._blocks % PORT_BLOCKS === 0) {
        this._sound.flush();
        this._heads.flush();
      }
    }
    return this._running;
  }
}

registerProcessor("mic", MicProcessor);
