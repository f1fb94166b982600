/** What this page tells the room of its ways: gathered here from where it is seen, reckoned in jitter.js. */

import { linkMs, waitsMs, withoutLoneStall } from "./jitter.js";
import { SAMPLE_RATE } from "./units.js";

/** So long after the ear has jumped, or a sound check has kept the page busy, sound tells nothing of how long it takes. */
const STEADY_MS = 300;
/** Of the first seconds of a stream a stall tells what the page was busy with, and nothing of the song: what is so far above the usual is left out. */
const FEW_LAGS = 250;
const STALLED_MS = 80;

/** @param {number} ms @returns {number} 0 when not known */
const samplesOf = (ms) => Math.max(0, Math.round((ms * SAMPLE_RATE) / 1000) || 0);

/** @param {number[]} lagsMs of one stream, oldest first */
export function withoutFirstStalls(lagsMs) {
  if (lagsMs.length >= FEW_LAGS) return lagsMs;
  const usual = [...lagsMs].sort((a, b) => a - b)[Math.floor(lagsMs.length / 2)];
  return lagsMs.filter((ms) => ms < usual + STALLED_MS);
}

export class Waits {
  constructor() {
    /** As the `link` message says it; 0: not known. */
    this.link = { up_samples: 0, down_samples: 0 };
    /** What is waited for of each part by itself. @type {Record<string, number>} */
    this.partsMs = {};
    this._steadyMs = -Infinity;
  }

  /** Something has happened after which ages are of something else. @param {number} nowMs */
  unsteady(nowMs) {
    this._steadyMs = nowMs + STEADY_MS;
  }

  /** @param {number} nowMs */
  steady(nowMs) {
    return nowMs >= this._steadyMs;
  }

  /**
   * @param {Pick<import("./socket.js").RoomSocket, "ways" | "clock"> | null} socket @param {Pick<import("./voice.js").Voice, "lagsMs" | "codec">} voice
   * @param {number[]} decodesMs of the last frames
   */
  measure(socket, voice, decodesMs) {
    const known = socket?.clock.ready ? socket : null;
    const seen = {
      lagsMs: withoutLoneStall(withoutFirstStalls(voice.lagsMs)),
      lookaheadMs: (1000 * voice.codec.encoder_lookahead_samples) / SAMPLE_RATE,
      upsMs: known?.ways.upMs(known.clock) ?? [],
      downsMs: known?.ways.downMs(known.clock) ?? [],
      decodesMs,
    };
    const { up, down } = linkMs(seen);
    this.partsMs = waitsMs(seen);
    return (this.link = { up_samples: samplesOf(up), down_samples: samplesOf(down) });
  }
}
