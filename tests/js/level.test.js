/** How loud a voice is, and what a soft one gets. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Level } from "../../src/unisono/web/static/engine/level.js";

const about = (/** @type {number | undefined} */ value, /** @type {number} */ wanted) => assert.ok(Math.abs((value ?? NaN) - wanted) < 1e-3, `${value} is not ${wanted}`);

test("the level is that of all blocks since the last time, and then begins anew", () => {
  const level = new Level();
  assert.equal(level.take(), null);
  level.add(0.1, 0.5, 100);
  level.add(0.01, 0.5, 100);
  const heard = level.take();
  about(heard?.peak_dbfs, -20);
  about(heard?.dbfs, 10 * Math.log10(0.005));
  assert.equal(heard?.clipped, false);
  assert.equal(level.take(), null);
  level.add(1, 100, 100);
  assert.equal(level.take()?.clipped, true);
});

test("a soft phrase is brought up to where its loud tenth peaks as it should, but not without end, and a loud one is left", () => {
  for (const { peakDbfs, gainDb } of [{ peakDbfs: -20, gainDb: 8 }, { peakDbfs: -60, gainDb: 15 }, { peakDbfs: -6, gainDb: 0 }]) {
    const level = new Level();
    for (let i = 0; i < 100; i++) {
      // One block in seven is loud: more than a tenth.
      level.add(10 ** ((i % 7 ? peakDbfs - 20 : peakDbfs) / 20), 1, 1_000);
      level.take();
    }
    about(20 * Math.log10(level.gain ?? NaN), gainDb);
    level.forget();
    assert.equal(level.gain, null);
  }
});
