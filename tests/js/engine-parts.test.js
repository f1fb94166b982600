/** Wire, ring, clocks, outbox, PCM: the engine's small parts. */

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { Delivery } from "../../src/unisono/web/static/engine/delivery.js";
import { BestLine, FrameClock, RoomClock, outputDelayMs } from "../../src/unisono/web/static/engine/clock.js";
import { CHIRP_AT, chirp, findChirp, fromPcm, levelOf, toPcm } from "../../src/unisono/web/static/engine/codec.js";
import { joined, markOf, owed, records } from "../../src/unisono/web/static/engine/keep.js";
import { Outbox, REPAIRS_IN_SONG } from "../../src/unisono/web/static/engine/outbox.js";
import { parseWav } from "../../src/unisono/web/static/engine/player.js";
import { PortWriter, Ring } from "../../src/unisono/web/static/engine/ring.js";
import { Kind, asRepair, pack, packProbe, unpack, unpackEcho } from "../../src/unisono/web/static/engine/wire.js";

/** Repeatable noise in [0, 1). @param {number} seed */
function noise(seed) {
  let state = seed;
  return () => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31;
}

const packet = { kind: 1, pcm: false, stereo: false, repair: false, unsure: true, seat: 7, epoch: 300, level: 33, position: 2 ** 40 + 5, frames: [Uint8Array.of(1, 2, 3), Uint8Array.of(9)] };

test("a packet survives its bytes", () => {
  assert.deepEqual(unpack(pack(packet).buffer), packet);
  assert.equal(unpack(asRepair(pack(packet)).buffer).repair, true);
});

test("bytes that are no packet are refused", () => {
  const good = pack(packet);
  assert.throws(() => unpack(good.slice(0, -1).buffer), RangeError);
  assert.throws(() => unpack(new Uint8Array([...good, 0]).buffer), RangeError);
  assert.throws(() => unpack(new ArrayBuffer(3)), RangeError);
});

test("the vectors that Python reads too", () => {
  const file = new URL("../../spec/wire.json", import.meta.url);
  assert.ok(existsSync(file));
  const { packets, malformed } = JSON.parse(readFileSync(file, "utf8"));
  const framed = packets.filter((/** @type {any} */ vector) => vector.frames);
  assert.ok(framed.length > 3);
  for (const { name, hex, kind, frames, ...fields } of framed) {
    const read = unpack(Uint8Array.from(Buffer.from(hex, "hex")).buffer);
    assert.equal(read.kind, Kind[/** @type {keyof typeof Kind} */ (kind)], name);
    for (const [field, value] of Object.entries(fields)) assert.equal(read[/** @type {keyof typeof read} */ (field)], value, `${name}: ${field}`);
    assert.deepEqual(read.frames.map((frame) => Buffer.from(frame).toString("hex")), frames, name);
    assert.equal(Buffer.from(pack(read)).toString("hex"), hex, name);
  }
  const framing = malformed.filter((/** @type {any} */ vector) => vector.framing);
  assert.ok(framing.length > 2);
  for (const { name, hex } of framing) assert.throws(() => unpack(Uint8Array.from(Buffer.from(hex, "hex")).buffer), RangeError, name);
});

test("a probe carries the page's own time, an echo the room's", () => {
  const probe = packProbe(1234.5);
  assert.equal(probe.byteLength, 16);
  const echo = new DataView(new ArrayBuffer(24));
  echo.setFloat64(8, 1234.5, true);
  echo.setFloat64(16, 9e9 + 0.25, true);
  assert.deepEqual(unpackEcho(echo.buffer), { sentMs: 1234.5, position: 9e9 + 0.25 });
});

test("a ring keeps order, refuses what does not fit, and goes round", () => {
  const ring = new Ring(Ring.memory(8, 64, true), 64);
  const out = new Float64Array(8);
  for (let round = 0; round < 20; round++) {
    assert.equal(ring.write(Float64Array.of(round, round + 0.5, round + 0.25), 3), true);
    assert.equal(ring.write(new Float64Array(6), 6), false);
    assert.equal(ring.read(out, 8), 3);
    assert.deepEqual([...out.subarray(0, 3)], [round, round + 0.5, round + 0.25]);
    assert.equal(ring.available, 0);
  }
  assert.throws(() => Ring.memory(9, 32, false), RangeError);
});

test("a port writer posts what was written, once", () => {
  /** @type {any[]} */
  const posted = [];
  const writer = new PortWriter(/** @type {any} */ ({ postMessage: (/** @type {any} */ data) => posted.push(data) }), "sound", 32, 8);
  assert.equal(writer.write(Float32Array.of(1, 2, 3), 3), true);
  assert.equal(writer.write(new Float32Array(6), 6), false);
  writer.flush();
  writer.flush();
  assert.equal(posted.length, 1);
  assert.deepEqual([...posted[0].floats], [1, 2, 3]);
});

test("the room's clock is found through jitter, and its drift after a while", () => {
  const random = noise(11);
  const clock = new RoomClock();
  const perMs = 48 * (1 + 80e-6);
  const truth = (/** @type {number} */ ms) => 1e7 + perMs * ms;
  for (let ms = 0; ms < 60_000; ms += 500) {
    const up = 4 + 30 * random() ** 4, down = 4 + 30 * random() ** 4;
    clock.add(ms, ms + up + down, truth(ms + up));
  }
  assert.ok(Math.abs(clock.at(60_000) - truth(60_000)) < 48, `${clock.at(60_000) - truth(60_000)} samples off`);
  assert.ok(Math.abs(clock.driftPpm - 80) < 25, `${clock.driftPpm} ppm`);
  assert.ok(clock.quickestMs >= 8 && clock.quickestMs < 20);
});

test("frames are found on the line although they come in bursts and are seen late", () => {
  const random = noise(5);
  const clock = new FrameClock(44_100);
  const perMs = 44.1 * (1 - 100e-6);
  for (let ms = 0; ms < 60_000; ms += 5 + 10 * random()) {
    const burst = Math.floor((perMs * ms) / 1024) * 1024;
    clock.add(ms + 4 * random() ** 3, burst);
  }
  const error = clock.at(60_000) - perMs * 60_000;
  assert.ok(Math.abs(error) < 44, `${error} frames off`);
  assert.ok(Math.abs(clock.driftPpm + 100) < 40, `${clock.driftPpm} ppm`);
  assert.equal(clock.restarts, 0);
});

test("a page that is busy at first and late for ten seconds finds the line with the first glimpse in time, and does not leave it", () => {
  const random = noise(9);
  const clock = new FrameClock(48_000);
  const perMs = 48 * (1 + 250e-6);
  /** @type {number[]} */
  const errors = [];
  for (let ms = 0; ms < 60_000; ms += 15) {
    const late = ms < 10_000 || random() > 0.8 ? 5 + 25 * Math.abs(random()) : 0.5 * Math.abs(random());
    clock.add(ms + late, perMs * ms);
    if (ms > 11_000) errors.push(Math.abs(clock.at(ms) - perMs * ms) / 48);
  }
  assert.ok(Math.max(...errors) < 4, `${Math.max(...errors)} ms off`);
  assert.ok(Math.max(...errors.slice(-1_000)) < 0.5);
});

test("a counter that stood still begins a new line", () => {
  const clock = new FrameClock(48_000);
  for (let ms = 0; ms < 5_000; ms += 10) clock.add(ms, 48 * ms);
  for (let ms = 5_000; ms < 9_000; ms += 10) clock.add(ms, 48 * (ms - 300));
  assert.equal(clock.restarts, 1);
  assert.ok(Math.abs(clock.at(9_000) - 48 * 8_700) < 1);
});

test("a line without observations is not ready", () => {
  assert.equal(new BestLine({ nominal: 1, binWidth: 1, bins: 3, tolerance: 0, late: Infinity }).ready, false);
});

test("the outbox keeps what is not written, and sends it again, oldest first, paced", () => {
  const box = new Outbox();
  const bytes = pack(packet);
  for (let i = 0; i < 100; i++) box.add(3, i * 960, bytes, i < 50 ? 0 : NaN);
  assert.equal(box.repairs(2_000, REPAIRS_IN_SONG).length, REPAIRS_IN_SONG, "what never went out goes first");
  assert.equal(box.repairs(2_000, 100).length, 50 - REPAIRS_IN_SONG);
  assert.equal(box.repairs(2_000, 100).length, 0);
  assert.equal(unpack(box.repairs(3_500, 1)[0].buffer).repair, true);
  box.written(3, [[0, 96 * 960]]);
  assert.equal(box.size, 4);
  box.missing([[98 * 960 + 10, 98 * 960 + 20]]);
  assert.equal(box.repairs(3_501, 100).length, 1);
  box.written(2, [[0, 1e9]]);
  assert.equal(box.size, 4);
  box.written(3, [[0, 1e9]]);
  assert.equal(box.size, 0);
});

test("a file of kept packets is read up to its torn end, and what was marked as written is not owed", () => {
  const stamped = (/** @type {number} */ position) => pack({ ...packet, position, frames: [Uint8Array.of(1)] });
  const kept = [stamped(0), stamped(960), markOf(300, 0, 960), stamped(1_920), markOf(7, 0, 1e9), stamped(2_880)];
  const read = records(joined(kept).slice(0, -2).buffer);
  assert.equal(read.length, 5, "the last one is torn");
  const { packets, spans } = owed(read);
  assert.deepEqual(packets.map((bytes) => unpack(bytes.buffer).position), [960, 1_920]);
  assert.deepEqual([...spans], [[300, { start: 0, stop: 2_880 }]]);
});

test("delivery keeps what the line refuses, says what was sung, and lets an old song wait behind the new one", async () => {
  /** @type {Uint8Array[]} */
  const out = [];
  /** @type {any[]} */
  const said = [];
  let flows = false;
  let now = 0;
  const send = (/** @type {Uint8Array<ArrayBuffer>} */ bytes) => (flows ? out.push(bytes) > 0 : false);
  /** @type {string[]} */
  const stored = [];
  const kept = (/** @type {string} */ performance) => ({ append: () => void stored.push(performance), mark: () => undefined, flush: () => undefined, discard: () => void stored.push(`${performance} gone`) });
  const storage = { open: (/** @type {string} */ _owner, /** @type {string} */ performance) => kept(performance), find: async () => [] };
  const delivery = new Delivery(storage, { send, say: (message) => said.push(message), nowMs: () => now });
  const sing = (/** @type {number} */ epoch, /** @type {number} */ position) => delivery.add(epoch, position, pack({ ...packet, epoch, position, frames: [Uint8Array.of(1)] }));
  delivery.begin("one");
  for (let i = 0; i < 40; i++) sing(3, i * 960);
  assert.equal(out.length, 0);
  flows = true;
  delivery.repair(false);
  assert.equal(out.length, 0, "only an idle line repairs");
  delivery.finish();
  delivery.finish();
  assert.deepEqual(said, [{ type: "sent", performance: "one", epoch: 3, start: 0, stop: 40 * 960 }]);
  delivery.connected();
  assert.equal(said.length, 2, "said again on a new line");
  delivery.begin("two");
  sing(4, 100_000);
  now = 10_000;
  delivery.repair(true);
  assert.equal(unpack(/** @type {ArrayBuffer} */ (out[1].buffer)).epoch, 4, "the running song goes first");
  assert.equal(out.length, 1 + REPAIRS_IN_SONG);
  delivery.written(3, [[0, 40 * 960]]);
  delivery.written(4, [[0, 1e9]]);
  assert.equal(delivery.unwritten, 0);
  assert.deepEqual([stored.length, stored[40], stored[41]], [42, "two", "one gone"]);
});

test("what is too old to be heard live leaves the line to live sound, and goes as a repair", () => {
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const out = [];
  const kept = { append: () => undefined, mark: () => undefined, flush: () => undefined, discard: async () => undefined };
  const delivery = new Delivery({ open: () => kept, find: async () => [] }, { send: (bytes) => out.push(bytes) > 0, say: () => undefined, nowMs: () => 0 });
  const sing = (/** @type {number} */ position, /** @type {boolean} */ old) => delivery.add(3, position, pack({ ...packet, epoch: 3, position, frames: [Uint8Array.of(1)] }), old);
  delivery.begin("one");
  for (let i = 0; i < 3; i++) sing(i * 960, true);
  assert.equal(out.length, 0);
  sing(200 * 960, false);
  for (let i = 0; i < 3; i++) delivery.repair(true);
  assert.deepEqual(out.map((bytes) => [unpack(bytes.buffer).position, unpack(bytes.buffer).repair]), [[200 * 960, false], [0, true], [960, true], [2 * 960, true]]);
});

test("in a large room frames go out in pairs, the last one alone, and what did not go out goes as repair", () => {
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const out = [];
  let flows = true;
  const send = (/** @type {Uint8Array<ArrayBuffer>} */ bytes) => (flows ? out.push(bytes) > 0 : false);
  const kept = { append: () => undefined, mark: () => undefined, flush: () => undefined, discard: () => undefined };
  const delivery = new Delivery({ open: () => kept, find: async () => [] }, { send, say: () => undefined, nowMs: () => 0 });
  const sing = (/** @type {number} */ epoch, /** @type {number} */ position, unsure = false) => delivery.add(epoch, position, pack({ ...packet, unsure, epoch, position, frames: [Uint8Array.of(epoch, position % 251)] }));
  const sent = () => out.splice(0).map((bytes) => unpack(bytes.buffer)).map(({ epoch, position, frames, unsure, repair }) => [epoch, position, frames.map((frame) => frame[1]), unsure, repair]);
  delivery.begin("one", 2);
  for (const position of [0, 960, 1_920]) sing(1, position);
  assert.deepEqual(sent(), [[1, 0, [0, 960 % 251], false, false]]);
  sing(2, 5_000);
  assert.deepEqual(sent(), [[1, 1_920, [1_920 % 251], false, false], [2, 5_000, [5_000 % 251], false, false]], "a jump is never joined");
  sing(2, 5_960);
  sing(2, 6_920, true);
  assert.deepEqual(sent().map(([, , , unsure]) => unsure), [false, true], "nor is what is sure with what is not");
  flows = false;
  sing(2, 7_880);
  sing(2, 8_840);
  sing(2, 9_800);
  flows = true;
  delivery.finish();
  assert.deepEqual(sent(), [[2, 9_800, [9_800 % 251], false, false]]);
  delivery.repair(true);
  assert.deepEqual(sent(), [[2, 7_880, [7_880 % 251], false, true], [2, 8_840, [8_840 % 251], false, true]]);
  assert.equal(delivery.unwritten, 9);
});

test("what an earlier page left behind is delivered, and its epochs are promised as complete, again on every line", async () => {
  /** @type {any[]} */
  const said = [];
  const left = [0, 960].map((position) => pack({ ...packet, epoch: 3, position, frames: [Uint8Array.of(1)] }));
  let discarded = false;
  const found = { performance: "one", packets: left, spans: new Map([[3, { start: 0, stop: 1_920 }]]), discard: () => void (discarded = true) };
  const kept = { append: () => undefined, mark: () => undefined, flush: () => undefined, discard: () => undefined };
  const delivery = new Delivery({ open: () => kept, find: async () => [found] }, { send: () => true, say: (message) => said.push(message), nowMs: () => 10_000 });
  await delivery.adopt("me");
  const promise = { type: "sent", performance: "one", epoch: 3, start: 0, stop: 1_920 };
  assert.deepEqual(said, [promise]);
  delivery.connected();
  assert.deepEqual(said, [promise, promise]);
  assert.equal(delivery.unwritten, 2);
  delivery.written(3, [[0, 1_920]]);
  assert.deepEqual([delivery.unwritten, discarded], [0, true]);
});

test("PCM goes there and back, levels are decibels", () => {
  const sound = Float32Array.from({ length: 960 }, (_, i) => 0.5 * Math.sin(i / 5));
  const [left] = fromPcm(toPcm(sound), false);
  assert.ok(left.every((sample, i) => Math.abs(sample - sound[i]) < 1e-4));
  assert.equal(levelOf(sound), 9);
  assert.equal(levelOf(new Float32Array(960)), 127);
  assert.equal(levelOf(new Float32Array(960).fill(1)), 0);
});

test("the chirp is found where it is, to the sample", () => {
  const heard = new Float32Array(9_600);
  heard.set(chirp(), CHIRP_AT + 312);
  const { at, likeness } = findChirp(heard);
  assert.equal(at, CHIRP_AT + 312);
  assert.ok(likeness > 0.999);
});

test("a WAV is read, 16 and 24 bit; another rate is refused", () => {
  const wav = (/** @type {number} */ bits, /** @type {number} */ rate, /** @type {number[]} */ data) => {
    const head = Buffer.alloc(44);
    head.write("RIFF", 0);
    head.write("WAVEfmt ", 8);
    head.writeUInt32LE(16, 16);
    head.writeUInt16LE(1, 20);
    head.writeUInt16LE(2, 22);
    head.writeUInt32LE(rate, 24);
    head.writeUInt16LE(bits, 34);
    head.write("data", 36);
    head.writeUInt32LE(data.length, 40);
    return Uint8Array.from([...head, ...data]).buffer;
  };
  const { left, right } = parseWav(wav(16, 48_000, [0, 0x40, 0, 0xc0]));
  assert.deepEqual([left[0], right[0]], [0.5, -0.5]);
  assert.equal(parseWav(wav(24, 48_000, [0, 0, 0x40, 0, 0, 0xc0])).right[0], -0.5);
  assert.throws(() => parseWav(wav(16, 44_100, [0, 0, 0, 0])), RangeError);
  const shared = parseWav(wav(16, 48_000, [0, 0x40, 0, 0xc0]), true);
  assert.deepEqual([shared.left[0], shared.right[0]], [0.5, -0.5]);
  assert.ok(shared.left.buffer instanceof SharedArrayBuffer && shared.right.buffer instanceof SharedArrayBuffer);
  assert.ok(left.buffer instanceof ArrayBuffer);
});

test("a room whose clock has stepped is learnt anew after three echoes", () => {
  const clock = new RoomClock();
  for (let ms = 0; ms < 30_000; ms += 1_000) clock.add(ms, ms + 8, 48 * (ms + 4));
  for (let ms = 30_000; ms < 33_000; ms += 1_000) clock.add(ms, ms + 8, 48 * (ms + 4) + 480_000);
  assert.ok(Math.abs(clock.at(33_000) - (48 * 33_000 + 480_000)) < 48);
});

test("what output asks for at a time is heard later than the first block of it by as many blocks as follow", () => {
  const context = { sampleRate: 48_000, baseLatency: 1_024 / 48_000, outputLatency: 0.03 };
  const clock = new FrameClock(48_000);
  for (let call = 0; call < 200; call++) {
    const askedMs = (1_000 * 1_024 * call) / 48_000;
    for (let block = 0; block < 8; block++) clock.add(askedMs + 0.1, 1_024 * call + 128 * block);
  }
  const heardMs = (1_000 * 1_024 * 150) / 48_000 + 30; // the first frame of the 150th call, 30 ms after it was asked for
  assert.ok(Math.abs(clock.at(heardMs - outputDelayMs(context)) - 1_024 * 150) < 10);
  assert.equal(outputDelayMs({ sampleRate: 48_000 }), 0);
  assert.equal(outputDelayMs({ sampleRate: 48_000, baseLatency: 0, outputLatency: 0.03 }), 30);
});
