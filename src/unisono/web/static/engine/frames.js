/**
 * A worklet's count of frames. Chromium tells a worklet its `currentFrame` under a lock that the page's thread may hold (while it reads the output's timestamp,
 * say): then a block, or a burst of them, is shown the number of an earlier one. The number is late, never early; blocks that were never asked for move it on.
 */

export class FrameCount {
  constructor() {
    this._next = 0;
  }

  /** Frame of a block's first sample. @param {number} shown `currentFrame` as the browser tells it @param {number} length of the block */
  block(shown, length) {
    const frame = Math.max(shown, this._next);
    this._next = frame + length;
    return frame;
  }
}
