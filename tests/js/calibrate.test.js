import assert from "node:assert/strict";
import { test } from "node:test";

import { makeProbe, measureRoundTrip } from "../../src/unisono/web/static/engine/calibrate.js";
import { Fft } from "../../src/unisono/web/static/engine/fft.js";
import { makeKernel, valueAt, HALF } from "../../src/unisono/web/static/engine/sinc.js";

const RATES = [48_000, 44_100];
const PROBES = new Map([48_000, 44_100, 16_000].map((rate) => [rate, makeProbe(rate)]));

/** Evenly spread numbers in [-1, 1) that are the same in every run (Numerical Recipes' generator). @param {number} seed */
function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

/** @param {number} rate */
function probeOf(rate) {
  const probe = PROBES.get(rate);
  assert.ok(probe);
  return probe;
}

/**
 * A loop of single arrivals, each at a fractional frame, from a frame on and up to another.
 * @param {number} rate @param {{late: number, gain: number, from?: number, to?: number}[]} arrivals @param {{noise?: number, seed?: number}} [weather]
 */
function record(rate, arrivals, { noise = 0, seed = 1 } = {}) {
  const probe = probeOf(rate);
  const heard = new Float32Array(probe.listen_frames);
  const kernel = makeKernel(1);
  const padded = new Float32Array(probe.sound.length + 4 * HALF);
  padded.set(probe.sound, 2 * HALF);
  for (const { late, gain, from = 0, to = heard.length } of arrivals) {
    for (let i = from; i < to; i++) {
      const at = i - late + 2 * HALF;
      if (at >= HALF && at < padded.length - HALF) heard[i] += gain * valueAt(kernel, padded, at, -1);
    }
  }
  const random = randomFrom(seed);
  for (let i = 0; i < heard.length; i++) heard[i] += noise * random();
  return heard;
}

/** @param {Float32Array} recorded @param {number} rate */
function measure(recorded, rate) {
  return measureRoundTrip(recorded, probeOf(rate), rate);
}

/** @param {Float32Array} recorded @param {number} rate @param {number} truth @param {number} [tolerance] frames */
function assertMeasures(recorded, rate, truth, tolerance = 0.05) {
  const answer = measure(recorded, rate);
  assert.equal(answer.reason, null);
  assert.equal(answer.accepted, true);
  assert.ok(Math.abs(answer.round_trip_frames - truth) < tolerance, `${answer.round_trip_frames} for ${truth}`);
  return answer;
}

test("the transform of an impulse, of a tone, and back", () => {
  const fft = new Fft(16);
  const re = new Float64Array(16), im = new Float64Array(16);
  re[3] = 1;
  fft.forward(re, im);
  for (let k = 0; k < 16; k++) {
    assert.ok(Math.abs(re[k] - Math.cos((2 * Math.PI * 3 * k) / 16)) < 1e-12);
    assert.ok(Math.abs(im[k] + Math.sin((2 * Math.PI * 3 * k) / 16)) < 1e-12);
  }
  fft.inverse(re, im);
  for (let n = 0; n < 16; n++) assert.ok(Math.abs(re[n] - (n === 3 ? 1 : 0)) < 1e-12 && Math.abs(im[n]) < 1e-12);
  assert.throws(() => new Fft(12), RangeError);
});

test("the probe is short, quiet at its ends and no louder than -12 dBFS", () => {
  for (const [rate, probe] of PROBES) {
    const peak = probe.sound.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    assert.ok(peak > 0.24 && peak <= 10 ** (-12 / 20), `${peak}`);
    assert.ok(probe.sound.length / rate > 3 && probe.sound.length / rate < 4);
    for (const { start_frames, length_frames } of probe.bursts) {
      assert.equal(probe.sound[start_frames - 1], 0);
      assert.ok(Math.abs(probe.sound[start_frames + length_frames - 1]) < 1e-3);
      assert.ok(Math.abs(probe.sound[start_frames]) < 1e-3);
    }
    assert.ok(probe.listen_frames >= probe.sound.length + 1.5 * rate);
  }
});

test("a clean loop is measured to a twentieth of a frame, fractions included", () => {
  for (const rate of [...RATES, 16_000]) {
    for (const truth of [0, 0.25, 480.5, 3_600.75, 12_345.1, rate * 0.4 + 0.6, 1.45 * rate]) {
      const answer = assertMeasures(record(rate, [{ late: truth, gain: 0.2 }]), rate, truth);
      assert.ok(answer.spread_frames < 0.1);
      assert.ok(answer.confidence > 0.9);
    }
  }
});

test("polarity and gain do not matter", () => {
  for (const gain of [-0.3, 0.003, 2]) assertMeasures(record(48_000, [{ late: 5_000.5, gain }]), 48_000, 5_000.5);
});

test("the first arrival counts, not the strongest", () => {
  for (const rate of RATES) {
    for (const apart of [0.002, 0.009, 0.03]) {
      const late = 4_000.3;
      assertMeasures(record(rate, [{ late, gain: 0.1 }, { late: late + apart * rate, gain: 0.3 }]), rate, late, 0.5);
    }
  }
});

test("an arrival that may or may not be the direct sound refuses", () => {
  const late = 4_000;
  const answer = measure(record(48_000, [{ late: late - 240, gain: 0.02 }, { late, gain: 0.3 }]), 48_000);
  assert.deepEqual([answer.accepted, answer.reason], [false, "ambiguous"]);
  assert.ok(Number.isNaN(answer.round_trip_frames));
});

test("noise: right within a tenth of a millisecond where it is moderate, refused where it covers everything", () => {
  const answer = assertMeasures(record(48_000, [{ late: 9_000.5, gain: 0.1 }], { noise: 0.02 }), 48_000, 9_000.5, 4.8);
  assert.ok(answer.snr_db > 0 && answer.snr_db < 20);
  const drowned = measure(record(48_000, [{ late: 9_000.5, gain: 0.001 }], { noise: 0.3 }), 48_000);
  assert.deepEqual([drowned.accepted, drowned.reason], [false, "noisy"]);
});

test("nothing heard is too quiet, recorded short or long", () => {
  for (const frames of [0, 1_000, probeOf(48_000).listen_frames, 400_000]) {
    assert.deepEqual(measure(new Float32Array(frames), 48_000).reason, "too_quiet");
  }
});

test("a latency step of a millisecond and more anywhere in the probe refuses", () => {
  for (const rate of RATES) {
    const { bursts } = probeOf(rate);
    for (const step_ms of [-40, -2.67, 1.1, 3, 10, 200]) {
      for (const burst of [1, 3, 5]) {
        const late = 0.25 * rate, at = bursts[burst].start_frames + late - 1_000;
        const heard = record(rate, [
          { late, gain: 0.2, to: at },
          { late: late + (step_ms / 1e3) * rate, gain: 0.2, from: at },
        ]);
        const answer = measure(heard, rate);
        assert.deepEqual([answer.accepted, answer.reason], [false, "unsteady"], `${step_ms} ms before sweep ${burst}`);
      }
    }
  }
});

test("a probe that sinks from sweep to sweep is being cancelled", () => {
  const rate = 48_000, late = 5_000;
  const heard = record(rate, [{ late, gain: 0.3 }]);
  probeOf(rate).bursts.forEach(({ start_frames }, k) => {
    const end = probeOf(rate).bursts[k + 1]?.start_frames ?? heard.length - late;
    for (let i = start_frames + late; i < end + late; i++) heard[i] *= 10 ** (-k / 4);
  });
  assert.equal(measure(heard, rate).reason, "processed");
});

test("clipping: mild does no harm, hopeless says why", () => {
  const late = 7_000.5;
  const mild = record(48_000, [{ late, gain: 5 }]).map((value) => Math.max(-1, Math.min(1, value)));
  assertMeasures(mild, 48_000, late, 1);
  const random = randomFrom(3);
  const hopeless = mild.map(() => (random() > 0 ? 1 : -1));
  assert.deepEqual([measure(hopeless, 48_000).accepted, measure(hopeless, 48_000).reason], [false, "clipped"]);
});

test("two clocks 100 ppm apart: the round trip in the middle of the probe", () => {
  const rate = 48_000, late = 6_000;
  const still = record(rate, [{ late, gain: 0.2 }]);
  const { bursts } = probeOf(rate);
  const middle = late + (bursts[0].start_frames + bursts[5].start_frames + bursts[5].length_frames) / 2;
  const kernel = makeKernel(1);
  const heard = still.map((_, i) => {
    const at = middle + (i - middle) * (1 + 1e-4);
    return at >= HALF && at < still.length - HALF ? valueAt(kernel, still, at, -1) : 0;
  });
  const answer = assertMeasures(heard, rate, late, 10);
  assert.ok(answer.spread_frames > 5 && answer.spread_frames < 30, `${answer.spread_frames}`);
});

test("a probe needs a usable rate", () => {
  assert.throws(() => makeProbe(4_000), RangeError);
  assert.throws(() => makeProbe(NaN), RangeError);
});
