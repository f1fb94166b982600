/** Pictures of one's own camera: where they belong in the song, how many are kept, and the file they stand in. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Blocks, head } from "../../src/unisono/web/static/engine/matroska.js";
import { PicturePace } from "../../src/unisono/web/static/engine/picturepace.js";
import { CameraClock, Heard, Song } from "../../src/unisono/web/static/engine/sighting.js";

/** @typedef {{id: number, from: number, to: number}} Element */

/** A number from the same seed each time. */
function chance() {
  let state = 7;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

test("a picture was taken when the earliest of its like came, minus what the camera itself takes", () => {
  const random = chance();
  const clock = new CameraClock(40);
  let taken = NaN;
  let i = 0;
  for (; i < 500; i++) {
    const timestampMs = 9_000_000 + 40 * i * (1 + 60e-6);
    const late = random() < 0.5 ? 80 * random() : random(); // every other one waits somewhere
    taken = clock.taken(timestampMs, 5_000 + 40 * i + late);
  }
  assert.ok(Math.abs(taken - (5_000 + 40 * (i - 1) - 40)) < 3, String(taken));
});

test("no picture was taken after it came", () => {
  const clock = new CameraClock(0);
  for (let i = 0; i < 50; i++) assert.ok(clock.taken(33 * i, 1_000 + 33 * i + (i % 3) * 15) <= 1_000 + 33 * i + (i % 3) * 15);
});

test("what was heard then is read from the look before it, or the first", () => {
  const heard = new Heard();
  assert.ok(Number.isNaN(heard.at(5)));
  heard.look(1_000, 480_000);
  heard.look(1_100, 484_800);
  heard.look(1_200, 500_000); // the ear has jumped
  assert.equal(heard.at(1_150), 487_200);
  assert.equal(heard.at(1_210), 500_480);
  assert.equal(heard.at(990), 479_520);
});

test("while an ear looks for its place nobody knows what was heard", () => {
  const heard = new Heard();
  for (const [ms, position] of [[1_000, 480_000], [1_100, NaN], [1_200, 500_000]]) heard.look(ms, position);
  assert.deepEqual([1_050, 1_150, 1_210].map((ms) => heard.at(ms)), [482_400, NaN, 500_480]);
});

test("pictures of a song begin with it, end with it, and never go back", () => {
  const song = new Song(1_000);
  assert.equal(song.place(NaN), null);
  assert.deepEqual([900, 1_000, 2_000, 1_500, 2_000, 2_100].map((at) => song.place(at)), [null, 0, 1_000, null, null, 1_100]);
  song.stop = 2_200;
  assert.deepEqual([song.place(2_199), song.place(2_200)], [1_199, null]);
});

/** @param {PicturePace} pace @param {number} fromMs @param {number} everyMs @param {number} [seconds] */
function takenPerSecond(pace, fromMs, everyMs, seconds = 4) {
  let taken = 0;
  for (let ms = fromMs; ms < fromMs + 1_000 * seconds; ms += everyMs) taken += Number(pace.takes(ms));
  return taken / seconds;
}

test("cameras of many rates bring about twenty-five pictures, slower ones all they have", () => {
  for (const rate of [60, 50, 30, 25]) {
    const taken = takenPerSecond(new PicturePace(), 0, 1_000 / rate);
    assert.ok(taken >= 22 && taken <= 26, `${rate}: ${taken}`);
  }
  assert.equal(takenPerSecond(new PicturePace(), 0, 100), 10);
});

test("trouble halves the pictures, and again, then there are none; calm brings some back", () => {
  const pace = new PicturePace();
  pace.trouble(0);
  pace.trouble(100); // the same
  const half = takenPerSecond(pace, 200, 40);
  pace.trouble(5_000);
  const quarter = takenPerSecond(pace, 5_100, 40);
  assert.ok(half > 11 && half < 14 && quarter > 5.5 && quarter < 7.5, `${half} ${quarter}`);
  pace.takes(10_100);
  assert.ok(takenPerSecond(pace, 10_200, 40) > 11);
  assert.ok(takenPerSecond(pace, 16_000, 40) > 22, "all of them, ten seconds after the last trouble");
  for (const ms of [40_000, 50_000, 60_000]) pace.trouble(ms);
  assert.ok(pace.stopped);
  assert.equal(takenPerSecond(pace, 200_000, 40), 0, "not in this song any more");
});

test("where more pictures bring trouble again, the next try waits longer", () => {
  const pace = new PicturePace();
  pace.trouble(0);
  pace.takes(5_100); // tried
  pace.trouble(9_000);
  pace.takes(15_000);
  assert.ok(takenPerSecond(pace, 15_100, 40, 3) < 14, "not yet");
  pace.takes(19_100);
  assert.ok(takenPerSecond(pace, 19_200, 40, 3) > 22);
});

test("trouble of the sound check is forgotten when it is over", () => {
  const pace = new PicturePace();
  for (const ms of [0, 4_000, 8_000]) pace.trouble(ms);
  assert.ok(pace.stopped);
  pace.afresh();
  assert.ok(takenPerSecond(pace, 9_000, 40) > 22);
});

/** @param {Uint8Array} bytes @param {number} at @returns {{value: number, width: number}} with its marker */
function vint(bytes, at) {
  const width = Math.clz32(bytes[at]) - 23;
  let value = 0;
  for (let i = 0; i < width; i++) value = value * 256 + bytes[at + i];
  return { value, width };
}

const MASTERS = new Set([0x1a45dfa3, 0x18538067, 0x1549a966, 0x1654ae6b, 0xae, 0xe0, 0x1f43b675]);

/** Every element in order, masters opened; unknown sizes last as long as there is anything. @param {Uint8Array} bytes @returns {Element[]} */
function elements(bytes) {
  const found = [];
  for (let at = 0; at < bytes.length; ) {
    const id = vint(bytes, at);
    const size = vint(bytes, at + id.width);
    const from = at + id.width + size.width;
    const to = from + (size.value - 2 ** (7 * size.width));
    found.push({ id: id.value, from, to });
    at = MASTERS.has(id.value) ? from : to;
  }
  return found;
}

/** @param {Uint8Array} bytes @param {Element} element */
const numberIn = (bytes, { from, to }) => bytes.slice(from, to).reduce((sum, byte) => sum * 256 + byte, 0);

test("a file says what is in it, and each picture stands at its time, a minute and an hour in", () => {
  const description = Uint8Array.of(1, 66, 224, 31);
  const blocks = new Blocks();
  const times = [0, 400, 10_000, 10_333, 45_000, 600_000, 36_000_000, 36_000_400];
  const keys = [true, false, true, false, false, true, false, false];
  const parts = [head({ codec: "h264", width: 640, height: 360, description }), ...times.map((ticks, i) => blocks.add(ticks, keys[i], Uint8Array.of(i, i)))];
  const bytes = Uint8Array.from(parts.flatMap((part) => [...part]));
  const all = elements(bytes);
  const only = (/** @type {number} */ id) => /** @type {Element} */ (all.find((element) => element.id === id));
  assert.equal(new TextDecoder().decode(bytes.slice(only(0x86).from, only(0x86).to)), "V_MPEG4/ISO/AVC");
  assert.deepEqual([numberIn(bytes, only(0xb0)), numberIn(bytes, only(0xba)), numberIn(bytes, only(0x2ad7b1))], [640, 360, 100_000]);
  assert.deepEqual(bytes.slice(only(0x63a2).from, only(0x63a2).to), description);
  let cluster = NaN;
  const shown = [];
  for (const element of all) {
    if (element.id === 0xe7) cluster = numberIn(bytes, element);
    if (element.id !== 0xa3) continue;
    const since = (bytes[element.from + 1] << 8) | bytes[element.from + 2];
    assert.ok(since < 32_768);
    shown.push([cluster + since, bytes[element.from + 3] === 0x80, bytes[element.from + 4]]);
  }
  assert.deepEqual(shown, times.map((ticks, i) => [ticks, keys[i], i]));
});
