/** Beats, count-in and lines of words, by position alone. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { beatAt, countInNumber, linesOf, placeInWords } from "../../src/unisono/web/static/ui/words.js";

const song = /** @type {any} */ ({ start: 1_000_000, count_in_samples: 230_400, tempo_bpm: 100 });
const words = [
  { beat: 0, text: "Freude,", line: 0 },
  { beat: 2, text: "schöner", line: 0 },
  { beat: 8, text: "Tochter", line: 1 },
  { beat: 10, text: "aus", line: 1 },
];

test("beat b lies at start + count-in + b minutes over the tempo", () => {
  assert.equal(beatAt(song, null, 1_000_000), -8);
  assert.equal(beatAt(song, null, 1_230_400), 0);
  assert.equal(beatAt(song, null, 1_230_400 + 28_800), 1);
});

test("a song without a tempo goes at its piece's", () => {
  const piece = /** @type {any} */ ({ tempo_bpm: 60 });
  assert.equal(beatAt({ ...song, tempo_bpm: 0 }, piece, 1_230_400 + 48_000), 1);
});

test("the count-in counts the beats of each bar, and only the count-in", () => {
  assert.deepEqual([-8, -7.5, -5, -4, -0.01].map((beat) => countInNumber(beat, 8, 4)), [1, 1, 4, 1, 4]);
  assert.deepEqual([-8.1, 0, 3].map((beat) => countInNumber(beat, 8, 4)), [null, null, null]);
  assert.equal(countInNumber(-1, 6, 3), 3);
});

test("a line is current from one beat before its first word, its words from their own beats", () => {
  const lines = linesOf(words);
  assert.equal(lines.length, 2);
  assert.deepEqual(placeInWords(lines, -3), { line: 0, word: -1 });
  assert.deepEqual(placeInWords(lines, 0), { line: 0, word: 0 });
  assert.deepEqual(placeInWords(lines, 6.9), { line: 0, word: 1 });
  assert.deepEqual(placeInWords(lines, 7), { line: 1, word: -1 });
  assert.deepEqual(placeInWords(lines, 40), { line: 1, word: 1 });
  assert.deepEqual(placeInWords([], 3), { line: 0, word: -1 });
});
