/** The trace: stages are differences of ages, so they add up to what the rows' delays say, whatever the clocks and decoders do. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Gauge, Trace } from "../../src/unisono/web/static/engine/trace.js";

const DELAYS = [0, 9_600, 24_000];
const ms = (/** @type {number} */ samples) => samples / 48;

/** A page in a row whose ear is `late` samples behind where it should be. @param {number} row @param {number} late */
function page(row, late) {
  const clock = { now: 1e6 };
  return { clock, trace: new Trace({ heardNow: () => clock.now - DELAYS[row] - late, roomNow: () => clock.now }) };
}

test("a gauge knows the mean and the slowest but one in twenty of what came last", () => {
  const gauge = new Gauge();
  assert.equal(gauge.stage, null);
  assert.ok(Number.isNaN(gauge.mean));
  for (let i = 0; i < 100; i++) gauge.add(1e9);
  for (let i = 1; i <= 500; i++) gauge.add(i);
  gauge.add(NaN);
  const { mean, least, p95, most, count } = /** @type {any} */ (gauge.stage);
  assert.ok(Math.abs(mean - 250.5) < 1e-9);
  assert.deepEqual([least, p95, most, count], [1, 475, 500, 600]);
});

test("the stages of a hop add up to the distance of two rows, and to what their ears are off", () => {
  const before = page(1, 10), after = page(2, -24);
  const known = { delays_samples: DELAYS, device_samples: 4_000, lookahead_samples: 312, shift_samples: -312 };
  const arrived = 4_000 + 960 + 312 + 480 + 96 + 48 + 960;
  for (let i = 0; i < 50; i++) {
    const stamp = before.clock.now - DELAYS[1] - 10 - (4_000 + 960 + 312 + 480);
    const gathered = before.trace.age(stamp);
    before.clock.now += 96;
    const encoded = before.trace.age(stamp);
    before.clock.now += 48;
    before.trace.sent(gathered, encoded, before.trace.age(stamp));
  }
  for (let i = 0; i < 50; i++) {
    const stamp = after.clock.now - DELAYS[1] - 10 - arrived - 2_000 - 720;
    after.trace.came("before", stamp);
    after.clock.now += 144;
    after.trace.placed("before", 3, stamp - 312);
  }
  const up = before.trace.report({ ...known, row: 1, way: { arrived_samples: arrived + 10, came_samples: null, mixing_samples: null, left_samples: null, late_frames: 0 } });
  const down = after.trace.report({ ...known, row: 2, way: { arrived_samples: null, came_samples: DELAYS[1] + 10 + arrived, mixing_samples: 240, left_samples: DELAYS[1] + 10 + arrived + 2_000, late_frames: 0 } });
  const stages = [...Object.values(up.up), ...Object.values(down.down)].map((stage) => /** @type {{mean: number}} */ (stage).mean);
  const sum = stages.reduce((all, mean) => all + mean, 0);
  assert.ok(Math.abs(sum - ms(DELAYS[2] - 24 - DELAYS[1] - 10)) < 1e-6, `${sum} ms`);
  assert.ok(Math.abs(ms(480) - /** @type {any} */ (up.up.capture).mean) < 1e-6);
  assert.ok(Math.abs(ms(960) - /** @type {any} */ (up.up.network).mean) < 1e-6);
  assert.ok(Math.abs(ms(2_000 - 240) - /** @type {any} */ (down.down.wait).mean) < 1e-6);
  assert.ok(Math.abs(ms(720) - /** @type {any} */ (down.down.network).mean) < 1e-6);
});

test("another song begins with nothing, and what nobody knows is no figure", () => {
  const { trace } = page(1, 0);
  trace.came("leader", 900_000);
  trace.placed("leader", 2, 900_000);
  const known = { row: 1, delays_samples: DELAYS, device_samples: NaN, lookahead_samples: 0, shift_samples: 0, way: null };
  assert.equal(trace.report(known).down.decode?.mean, 2);
  assert.equal(trace.report(known).down.network, null);
  trace.begin();
  assert.equal(trace.report(known).down.decode, null);
  assert.equal(trace.report(known).up.encode, null);
});
