/** One session of tapping along: a steady click on the open output, taps as they come, and what they say about the round trip (tap.js). */

import { estimateFromTaps } from "./tap.js";
import { SAMPLE_RATE } from "./units.js";

const BPM = 100;
const BEATS = 64;
const CLICK_SECONDS = 0.03;
const LEAD_SECONDS = 0.3;

export class TapSession {
  /** @param {AudioContext} context running @param {number} [bpm] */
  constructor(context, bpm = BPM) {
    this._context = context;
    this._beatSeconds = 60 / bpm;
    /** @type {number[]} frames */
    this._clicks = [];
    /** @type {number[]} milliseconds of performance.now() */
    this._taps = [];
    this._output = new GainNode(context, { gain: 0.5 });
    this._output.connect(context.destination);
  }

  start() {
    const begin = this._context.currentTime + LEAD_SECONDS;
    for (let beat = 0; beat < BEATS; beat++) {
      const at = begin + beat * this._beatSeconds;
      this._clicks.push(at * this._context.sampleRate);
      const tone = new OscillatorNode(this._context, { frequency: beat % 4 === 0 ? 1_760 : 1_320 });
      const envelope = new GainNode(this._context, { gain: 0 });
      envelope.gain.setValueAtTime(1, at);
      envelope.gain.exponentialRampToValueAtTime(0.001, at + CLICK_SECONDS);
      tone.connect(envelope).connect(this._output);
      tone.start(at);
      tone.stop(at + CLICK_SECONDS);
    }
  }

  /** @param {number} timeStamp of the event, milliseconds of performance.now() */
  tap(timeStamp) {
    this._taps.push(timeStamp);
  }

  /** @returns {{accepted: boolean, round_trip_samples: number, spread_samples: number, reason: string | null}} */
  stop() {
    this._output.disconnect();
    // Frames are counted where they are written; the context says which of them is written now, the output's latency is part of the answer.
    const writtenNow = this._context.currentTime;
    const now = performance.now();
    const rate = this._context.sampleRate;
    const taps = this._taps.map((ms) => (writtenNow + (ms - now) / 1000) * rate);
    const result = estimateFromTaps(this._clicks, taps, rate, { output_hint_seconds: this._context.outputLatency || 0 });
    const samples = SAMPLE_RATE / rate;
    return { accepted: result.accepted, round_trip_samples: result.round_trip_frames * samples, spread_samples: result.spread_frames * samples, reason: result.reason };
  }
}
