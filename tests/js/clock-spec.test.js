/** The page's clock of the room over imagined networks, as near as spec/clock.json demands; core/clock.py reads it too. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { RoomClock } from "../../src/unisono/web/static/engine/clock.js";

/** @typedef {{name: string, echoes: [number, number, number][], at_ms: number, position: number, tolerance_samples: number, drift_ppm: number, drift_tolerance_ppm: number, page_at: number, page_per_ms: number}} Case */

/** @type {{cases: Case[]}} */
const { cases } = JSON.parse(readFileSync(new URL("../../spec/clock.json", import.meta.url), "utf8"));

for (const vector of cases) {
  test(vector.name, () => {
    const clock = new RoomClock();
    for (const [sentMs, position, receivedMs] of vector.echoes) clock.add(sentMs, receivedMs, position);
    const offBy = clock.at(vector.at_ms) - vector.position;
    assert.ok(Math.abs(offBy) <= vector.tolerance_samples, `off by ${offBy} samples`);
    assert.ok(Math.abs(clock.at(vector.at_ms) - vector.page_at) < 1e-3, "and the simulated page's is the same");
    assert.ok(Math.abs(clock.perMs - vector.page_per_ms) < 1e-9);
    const driftOffBy = clock.driftPpm - vector.drift_ppm;
    assert.ok(Math.abs(driftOffBy) <= vector.drift_tolerance_ppm, `drift off by ${driftOffBy} ppm`);
  });
}
