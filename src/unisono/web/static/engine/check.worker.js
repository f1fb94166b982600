/**
 * Arithmetic that takes long, seconds of it on a small phone, on a thread of its own: the sound check's, and whether the microphone hears what plays.
 * Sound, clocks and network wait for nobody.
 */

import { bleedOf } from "./bleed.js";
import { makeProbe, measureRoundTrip } from "./calibrate.js";

self.onmessage = ({ data }) => {
  self.postMessage(data.bleed ? bleedOf(data.bleed) : measureRoundTrip(data.recorded, makeProbe(data.sampleRate), data.sampleRate));
  self.close();
};
