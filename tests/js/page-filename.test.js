/** What files are called when they are taken home. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { fileName } from "../../src/unisono/web/static/ui/filename.js";

test("song and singer, then the kind", () => {
  assert.equal(fileName(["Ode an die Freude", "Wei 武汉"], "flac"), "Ode an die Freude - Wei 武汉.flac");
});

test("nothing stays that a disk would refuse or hide", () => {
  assert.equal(fileName(["../AC/DC: \"Live\"?", ".hidden."], "wav"), "AC DC Live - hidden.wav");
  assert.equal(fileName(["", " ... "], "m4a"), "unisono.m4a");
});

test("a long name is cut between characters, not inside one", () => {
  assert.equal(fileName(["🎵".repeat(70)], "opus"), `${"🎵".repeat(60)}.opus`);
});
