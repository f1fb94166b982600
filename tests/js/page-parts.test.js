/** Which parts are offered to whoever sings, and which one is meant by a word of one's own. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { partMeant, partsToChoose, USUAL_PARTS } from "../../src/unisono/web/static/ui/partnames.js";
import { RoomView } from "../../src/unisono/web/static/ui/room.js";

const ITALIAN = new Map([["alto", "contralto"], ["tenor", "tenore"]]);
/** @param {string} part */
const inItalian = (part) => ITALIAN.get(part) ?? part;

test("a piece's own parts are offered, and else the usual four", () => {
  assert.deepEqual(partsToChoose(["melody", "drone"], ""), ["melody", "drone"]);
  assert.deepEqual(partsToChoose([], ""), ["soprano", "alto", "tenor", "bass"]);
});

test("what was said stays to be chosen when the next piece does not name it, and is there once", () => {
  assert.deepEqual(partsToChoose(["melody", "drone"], "violin"), ["melody", "drone", "violin"]);
  assert.deepEqual(partsToChoose([], "Alto"), USUAL_PARTS);
});

test("a part by its name in the reader's language, or in other letters, is that part", () => {
  assert.equal(partMeant(" Contralto ", [], inItalian), "alto");
  assert.equal(partMeant("TENOR", [], inItalian), "tenor");
  assert.equal(partMeant("drone", ["Melody", "Drone"], inItalian), "Drone");
  assert.equal(partMeant(" violino ", [], inItalian), "violino");
  assert.equal(partMeant("  ", [], inItalian), "");
});

test("what somebody sings comes with their seat, and stays when they look otherwise", () => {
  const room = new RoomView();
  const seat = { seat: 2, name: "Bea", flag: null, place: "", role: "performer", present: true, hand: false, talking: false, row: null, method: null, output: null };
  room.apply(/** @type {any} */ ({ type: "welcome", room: { title: "T", place: "P", role: "performer" }, seat: 2, key: "k", seats: [seat], leader: 1, piece: null, song: null, written: [], position: 0, capacity: 9 }));
  assert.equal(room.mySeat?.part, undefined, "a server that knows of no parts");
  let told = 0;
  room.addEventListener("seats", () => (told += 1));
  room.apply(/** @type {any} */ ({ type: "seat", seat: { ...seat, part: "alto" } }));
  room.apply(/** @type {any} */ ({ type: "hand", seat: 2, up: true }));
  assert.deepEqual([room.mySeat?.part, told], ["alto", 2]);
});
