/** How long to wait for what jitters: the same numbers as the server's (spec/jitter.json), and what probes tell of a line. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { OUTAGE_MS, Ways, waitFor } from "../../src/unisono/web/static/engine/jitter.js";

const spec = JSON.parse(readFileSync(new URL("../../spec/jitter.json", import.meta.url), "utf8"));
const clock = { at: (/** @type {number} */ ms) => (ms - 500) * 48 };

for (const { name, late, wait } of spec.wait_for) {
  test(`waits as the server does: ${name}`, () => assert.ok(Math.abs(waitFor(late) - wait) < 1e-9));
}

test("nothing seen, nothing known", () => {
  assert.ok(Number.isNaN(waitFor([])));
  assert.ok(Number.isNaN(new Ways().upMs(clock)));
});

test("the two ways are told apart", () => {
  const ways = new Ways();
  for (let ms = 1000; ms < 3000; ms += 20) ways.echoed(ms, ms + 50, clock.at(ms + 10));
  assert.ok(Math.abs(ways.upMs(clock) - 10) < 1e-9);
  assert.ok(Math.abs(ways.downMs(clock) - 40) < 1e-9);
  assert.equal(ways.size, 100);
});

test("an outage and its wake tell nothing of the ways", () => {
  const ways = new Ways();
  for (let ms = 1000; ms < 3000; ms += 20) ways.echoed(ms, ms + 30, clock.at(ms + 15));
  const before = ways.downMs(clock);
  for (let sent = 3000; sent < 8000; sent += 20) ways.echoed(sent, 8100, clock.at(8050));
  assert.equal(ways.downMs(clock), before);
  assert.equal(ways.size, 100);
});

test("what is a minute old is forgotten", () => {
  const ways = new Ways();
  for (let ms = 1000; ms < 3000; ms += 20) ways.echoed(ms, ms + 300, clock.at(ms + 150));
  for (let ms = 64_000; ms < 66_000; ms += 20) ways.echoed(ms, ms + 20, clock.at(ms + 10));
  assert.ok(Math.abs(ways.upMs(clock) - 10) < 1e-9);
});

test("a probe without an echo shows that the line stands still", () => {
  const ways = new Ways();
  ways.probed(1000);
  ways.probed(1020);
  assert.equal(ways.stalledMs(1000 + OUTAGE_MS), OUTAGE_MS);
  ways.echoed(1000, 1050, clock.at(1025));
  assert.equal(ways.stalledMs(1100), 80);
  ways.lost();
  assert.equal(ways.stalledMs(9000), 0);
});

test("repair waits while something else queues on the way", () => {
  const ways = new Ways();
  assert.equal(ways.calm, false);
  for (let ms = 1000; ms < 3000; ms += 20) ways.echoed(ms, ms + 40, clock.at(ms + 20));
  assert.equal(ways.calm, true);
  ways.echoed(3000, 3200, clock.at(3100));
  assert.equal(ways.calm, false);
});
