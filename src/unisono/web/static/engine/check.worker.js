/** The sound check's arithmetic, seconds of it on a small phone, on a thread of its own: sound, clocks and network wait for nobody. */

import { makeProbe, measureRoundTrip } from "./calibrate.js";

self.onmessage = ({ data }) => {
  self.postMessage(measureRoundTrip(data.recorded, makeProbe(data.sampleRate), data.sampleRate));
  self.close();
};
