/**
 * The shipped sound check, fed through a pipe: for each request on stdin (little-endian u32 rate, u32 count, count float32) one line of JSON on stdout.
 * A count of 0 asks for the probe of that rate.
 */

import { makeProbe, measureRoundTrip } from "../src/unisono/web/static/engine/calibrate.js";

/** @type {Map<number, import("../src/unisono/web/static/engine/probe.js").Probe>} */
const probes = new Map();

/** @param {number} rate */
function probeOf(rate) {
  const probe = probes.get(rate) ?? makeProbe(rate);
  probes.set(rate, probe);
  return probe;
}

/** @param {number} rate @param {Float32Array} recorded */
function answer(rate, recorded) {
  const probe = probeOf(rate);
  if (recorded.length > 0) return measureRoundTrip(recorded, probe, rate);
  return { sound: Buffer.from(probe.sound.buffer).toString("base64"), bursts: probe.bursts, listen_frames: probe.listen_frames };
}

let waiting = Buffer.alloc(0);
for await (const piece of process.stdin) {
  waiting = Buffer.concat([waiting, piece]);
  while (waiting.length >= 8) {
    const rate = waiting.readUInt32LE(0), bytes = 4 * waiting.readUInt32LE(4);
    if (waiting.length < 8 + bytes) break;
    const recorded = new Float32Array(new Uint8Array(waiting.subarray(8, 8 + bytes)).buffer);
    waiting = waiting.subarray(8 + bytes);
    process.stdout.write(JSON.stringify(answer(rate, recorded)) + "\n");
  }
}
