/** What a page knows after the server's messages, and whom it hears by the rows. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { earshot, RoomView } from "../../src/unisono/web/static/ui/room.js";

/** @param {number} seat @param {string} role */
const seat = (seat, role = "performer") => ({ seat, name: `n${seat}`, flag: null, place: "", role, present: true, hand: false, talking: false, row: null, method: null, output: null });
const welcome = { type: "welcome", room: { title: "T", place: "P", role: "performer" }, seat: 2, key: "k", seats: [seat(3), seat(1, "host"), seat(2), seat(9, "listener")], leader: 1, piece: null, song: null, written: [], position: 0, capacity: 9 };
const song = { type: "song", performance: "p", state: "singing", piece: null, rows: [[1], [2], [3]], stop: null };

/** @param {...any} messages */
function after(...messages) {
  const room = new RoomView();
  /** @type {string[]} */
  const told = [];
  for (const name of ["room", "seats", "leader", "piece", "song", "rows", "mix"]) room.addEventListener(name, () => told.push(name));
  for (const message of [welcome, ...messages]) {
    told.length = 0;
    room.apply(message);
  }
  return { room, told };
}

test("a welcome tells everything, balconies in the order people came", () => {
  const { room, told } = after();
  assert.deepEqual(room.performers.map((one) => one.seat), [1, 2, 3]);
  assert.equal(room.listeners, 1);
  assert.equal(room.mySeat?.name, "n2");
  assert.deepEqual(told, ["room", "seats", "leader", "piece", "song", "rows"]);
});

test("people come, go dark, come back and are gone", () => {
  assert.equal(after({ type: "seat", seat: seat(4) }).room.performers.length, 4);
  const { room } = after({ type: "left", seat: 3 });
  assert.equal(room.seats.get(3)?.present, false);
  room.apply({ type: "seat", seat: seat(3) });
  assert.equal(room.seats.get(3)?.present, true);
  room.apply({ type: "gone", seat: 3 });
  assert.equal(room.seats.has(3), false);
});

test("messages about people who are not there change nothing", () => {
  assert.deepEqual(after({ type: "hand", seat: 77, up: true }).told, []);
});

test("hands in the street are those of listeners who are here", () => {
  const { room } = after({ type: "hand", seat: 9, up: true });
  room.apply({ type: "hand", seat: 3, up: true });
  assert.deepEqual(room.handsInStreet.map((one) => one.seat), [9]);
  room.apply({ type: "left", seat: 9 });
  assert.deepEqual(room.handsInStreet, []);
});

test("the leader may lead, and the host always", () => {
  assert.equal(after().room.mayLead, false);
  assert.equal(after({ type: "leader", seat: 2 }).room.mayLead, true);
  assert.equal(after({ ...welcome, room: { ...welcome.room, role: "host" } }).room.mayLead, true);
  assert.equal(after({ ...welcome, seat: 0, room: { ...welcome.room, role: "host" } }).room.mayLead, false);
});

test("a new song forgets the mix of the one before", () => {
  const mix = { type: "mix", performance: "p", share: 1, step: "", page: "/performance#x" };
  const { room } = after(song, mix, { ...song, state: "done" });
  assert.equal(room.mix?.page, "/performance#x");
  room.apply({ ...song, performance: "q" });
  assert.equal(room.mix, null);
  assert.equal(room.running, true);
});

test("one hears the rows before and is heard by those behind, row-mates only afterwards", () => {
  const rows = [[1], [2, 5], [3]];
  const all = () => true;
  assert.deepEqual(earshot(rows, 2, all, all), { hears: [1], heardBy: [3] });
  assert.deepEqual(earshot(rows, 1, all, all), { hears: [], heardBy: [2, 5, 3] });
  assert.deepEqual(earshot(rows, 3, (one) => one !== 5, all), { hears: [1, 2], heardBy: [] });
  assert.deepEqual(earshot(rows, 5, (one) => one !== 5, all), { hears: [1], heardBy: [] });
  assert.deepEqual(earshot(rows, 3, all, (one) => one !== 2), { hears: [1, 5], heardBy: [] }, "a page that is away is not heard");
  assert.deepEqual(earshot(rows, 1, all, (one) => one !== 2), { hears: [], heardBy: [5, 3] }, "and hears nobody");
  assert.equal(earshot(rows, 8, all, all), null);
});
