/** How long to wait for what jitters: the same numbers as the server's (spec/jitter.json), and what probes tell of a line. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { OUTAGE_MS, Probing, Unanswered, Ways, linkMs, waitFor, waitForSum, withoutLoneStall } from "../../src/unisono/web/static/engine/jitter.js";
import { RoomClock } from "../../src/unisono/web/static/engine/clock.js";
import { Waits, withoutFirstStalls } from "../../src/unisono/web/static/engine/waits.js";

const spec = JSON.parse(readFileSync(new URL("../../spec/jitter.json", import.meta.url), "utf8"));
const clock = { at: (/** @type {number} */ ms) => (ms - 500) * 48 };

for (const { name, late, wait } of spec.wait_for) {
  test(`waits as the server does: ${name}`, () => assert.ok(Math.abs(waitFor(late) - wait) < 1e-9));
}

for (const { name, late, kept } of spec.without_lone_stall) {
  const frames = (/** @type {[number, number][]} */ runs) => runs.flatMap(([ms, count]) => Array(count).fill(ms));
  test(`one stall is not waited for and two are: ${name}`, () => assert.deepEqual(withoutLoneStall(frames(late)), frames(kept)));
}

test("nothing seen, nothing known", () => {
  assert.ok(Number.isNaN(waitFor([])));
  assert.deepEqual(new Ways().upMs(clock), []);
  assert.ok(Number.isNaN(waitForSum([], [1])));
});

test("the two ways are told apart", () => {
  const ways = new Ways();
  for (let ms = 1000; ms < 3000; ms += 20) ways.echoed(ms, ms + 50, clock.at(ms + 10));
  assert.ok(ways.upMs(clock).every((ms) => Math.abs(ms - 10) < 1e-9));
  assert.ok(ways.downMs(clock).every((ms) => Math.abs(ms - 40) < 1e-9));
  assert.equal(ways.size, 100);
});

test("an outage and its wake tell nothing of the ways", () => {
  const ways = new Ways();
  for (let ms = 1000; ms < 3000; ms += 20) ways.echoed(ms, ms + 30, clock.at(ms + 15));
  const before = ways.downMs(clock);
  for (let sent = 3000; sent < 8000; sent += 20) ways.echoed(sent, 8100, clock.at(8050));
  assert.deepEqual(ways.downMs(clock), before);
  assert.equal(ways.size, 100);
});

for (const { name, echoes, up_ms, down_ms, wait_up, wait_down } of spec.ways) {
  test(`probes tell what they tell the client library: ${name}`, () => {
    const ways = new Ways();
    for (const [sent, received, position, telling] of echoes) {
      ways.probed(sent, telling);
      if (received !== null) ways.echoed(sent, received, position);
    }
    const near = (/** @type {number[]} */ found, /** @type {number[]} */ wanted) => found.length === wanted.length && found.every((ms, i) => Math.abs(ms - wanted[i]) < 1e-6);
    assert.ok(near(ways.upMs(clock), up_ms));
    assert.ok(near(ways.downMs(clock), down_ms));
    assert.ok(Math.abs(waitForSum(ways.upMs(clock), [5, 9, 6]) - wait_up) < 1e-6);
    assert.ok(Math.abs(waitForSum(ways.downMs(clock), [2]) - wait_down) < 1e-6);
  });
}

test("what is twenty seconds old is forgotten, once there is enough that is younger", () => {
  const ways = new Ways();
  for (let ms = 1000; ms < 3000; ms += 20) ways.echoed(ms, ms + 300, clock.at(ms + 150));
  for (let ms = 24_000; ms < 24_200; ms += 20) ways.echoed(ms, ms + 20, clock.at(ms + 10));
  assert.equal(ways.size, 40, "ten are too few to speak of");
  for (let ms = 26_000; ms < 27_000; ms += 20) ways.echoed(ms, ms + 20, clock.at(ms + 10));
  assert.ok(Math.max(...ways.upMs(clock)) < 10.001);
  ways.echoed(90_000, 90_020, clock.at(90_010));
  assert.equal(ways.size, 1, "what is a minute old is forgotten however few there are");
});

test("the last probes of a train tell nothing, but their echoes show that the line flows", () => {
  const ways = new Ways();
  ways.probed(1000, false);
  assert.equal(ways.awaits(1000), true);
  ways.echoed(1000, 1020, clock.at(1010));
  assert.equal(ways.size, 0);
  assert.equal(ways.awaits(1000), false);
});

for (const { name, steps } of spec.probing) {
  test(`probes go as those of the client library: ${name}`, () => {
    const probing = new Probing();
    for (const [sings, rough, telling, waitMs] of steps) assert.deepEqual(probing.next(sings, rough), { telling, waitMs });
  });
}

test("what a busy page has seen is forgotten once it has looked anew, closely and at once", () => {
  const ways = new Ways(), probing = new Probing();
  for (let i = 0; i < 20; i++) probing.next(true, false);
  for (let i = 0; i < 60; i++) ways.echoed(1000 + 20 * i, 1300 + 20 * i, clock.at(1150 + 20 * i));
  ways.settle(3000);
  probing.hurry();
  let waited = 0, telling = 0;
  for (let ms = 3000; telling < 20; waited++) {
    const next = probing.next(true, false);
    ways.echoed(ms, ms + 10, clock.at(ms + 5));
    telling += Number(next.telling);
    assert.equal(next.waitMs, 20);
    ms += 20;
  }
  assert.equal(waited, 20);
  assert.ok(Math.max(...ways.upMs(clock)) < 5.001);
});

test("a line is rough when one trip in ten takes much longer than usual", () => {
  const ways = new Ways();
  for (let i = 0; i < 40; i++) ways.echoed(1000 + 20 * i, 1040 + 20 * i + (i % 8 === 0 ? 60 : 0), clock.at(1020 + 20 * i));
  assert.equal(ways.rough, true);
  const calm = new Ways();
  for (let i = 0; i < 40; i++) calm.echoed(1000 + 20 * i, 1040 + 20 * i + (i % 20 === 0 ? 60 : 0), clock.at(1020 + 20 * i));
  assert.equal(calm.rough, false);
});

test("a page says 0 of what it does not know, and waits until its ear is steady", () => {
  const waits = new Waits();
  const voice = { lagsMs: [100, 101], codec: { encoder: true, encoder_lookahead_samples: 312 } };
  assert.deepEqual(waits.measure(null, voice, []), { up_samples: 0, down_samples: 0 });
  const socket = { ways: new Ways(), clock: Object.assign(new RoomClock(), {}) };
  for (let ms = 1000; ms < 3000; ms += 20) {
    socket.clock.add(ms, ms + 20, 48 * (ms + 10));
    socket.ways.echoed(ms, ms + 20, 48 * (ms + 10));
  }
  const { up_samples, down_samples } = waits.measure(socket, voice, [1, 1]);
  assert.ok(up_samples > 48 * (101 + 10 + 6.5) && up_samples < 48 * (101 + 10 + 6.5 + 25), `${up_samples}`);
  assert.ok(down_samples > 48 * 26 && down_samples < 48 * 40, `${down_samples}`);
  assert.equal(waits.measure(socket, { ...voice, lagsMs: [] }, []).up_samples, 0);
  assert.equal(waits.steady(5_000), true);
  waits.unsteady(5_000);
  assert.deepEqual([waits.steady(5_200), waits.steady(5_400)], [false, true]);
});

test("both measures of a page's link: what jitters together is waited for together", () => {
  const seen = { lagsMs: [100, 104, 100, 102], lookaheadMs: 6.5, upsMs: [10, 10, 14, 10], downsMs: [12], decodesMs: [] };
  const { up, down } = linkMs(seen);
  assert.ok(up >= 114 + 6.5 && up < waitFor(seen.lagsMs) + waitFor(seen.upsMs) + 6.5 + 25, `${up} ms`);
  assert.ok(down > 12 + 15 && down < 12 + 35, `${down} ms`);
  assert.ok(Number.isNaN(linkMs({ ...seen, lagsMs: [] }).up));
  assert.ok(Number.isNaN(linkMs({ ...seen, downsMs: [] }).down));
});

test("a probe without an echo shows that the line stands still", () => {
  const line = new Unanswered();
  line.sent(1000);
  line.sent(1020);
  assert.equal(line.stalledMs(1000 + OUTAGE_MS), OUTAGE_MS);
  line.echoed(1000);
  assert.equal(line.stalledMs(1100), 80);
  line.echoed(1020);
  assert.equal(line.stalledMs(9000), 0);
});

test("repair waits while something else queues on the way", () => {
  const ways = new Ways();
  assert.equal(ways.calm, false);
  for (let ms = 1000; ms < 3000; ms += 20) ways.echoed(ms, ms + 40, clock.at(ms + 20));
  assert.equal(ways.calm, true);
  ways.echoed(3000, 3200, clock.at(3100));
  assert.equal(ways.calm, false);
});

test("a stall in a stream's first seconds makes no row wait, one in the middle of a song does", () => {
  const calm = Array.from({ length: 40 }, (_, i) => 130 + (i % 7));
  assert.deepEqual(withoutFirstStalls([...calm, 480, 612, 190]), [...calm, 190]);
  assert.deepEqual(withoutFirstStalls([]), []);
  const song = [...Array.from({ length: 300 }, (_, i) => 130 + (i % 7)), 480];
  assert.deepEqual(withoutFirstStalls(song), song);
});
