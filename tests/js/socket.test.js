/** The socket through a server that dies: what a page says when it comes back, and how soon. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { RoomSocket, nowMs } from "../../src/unisono/web/static/engine/socket.js";
import { Kind, pack, positionOf } from "../../src/unisono/web/static/engine/wire.js";

/** A line of the imagination: the test plays the server. */
class Line {
  static OPEN = 1;
  /** @type {Line[]} */
  static all = [];

  constructor() {
    this.readyState = 0;
    this.bufferedAmount = 0;
    /** @type {any[]} */
    this.said = [];
    /** Whether probes are answered at once, where a test asks. */
    this.flows = this.closed = false;
    Line.all.push(this);
  }

  /** @param {string | ArrayBuffer} data */
  send(data) {
    this.said.push(typeof data === "string" ? JSON.parse(data) : data);
  }

  close() {
    this.closed = true;
  }

  /** The server answers, and welcomes whoever says hello. @param {number} position the room's */
  welcome(position) {
    this.readyState = Line.OPEN;
    this.onopen();
    this.onmessage({ data: JSON.stringify({ type: "welcome", seat: 2, key: "secret", song: null, position }) });
  }

  /** Every probe so far is answered at once. @param {() => number} room its clock */
  echo(room) {
    for (const probe of this.said.filter((data) => data instanceof ArrayBuffer)) {
      const echo = new DataView(new ArrayBuffer(24));
      echo.setUint8(0, 17);
      echo.setFloat64(8, new DataView(probe).getFloat64(8, true), true);
      echo.setFloat64(16, room(), true);
      this.onmessage({ data: echo.buffer });
    }
    this.said = this.said.filter((data) => !(data instanceof ArrayBuffer));
  }

  onopen() {}
  /** @param {{data: any}} _event */
  onmessage(_event) {}
  /** @param {{code: number, reason: string}} _event */
  onclose(_event) {}
}

const hello = { token: "t", decodes: "opus", name: "Ada", flag: null, place: "", watch: false };
/** @type {any} */
const globals = globalThis;

beforeEach(() => {
  Line.all = [];
  globals.WebSocket = Line;
  mock.timers.enable({ apis: ["setTimeout"] });
});

afterEach(() => {
  mock.timers.reset();
  delete globals.WebSocket;
});

const open = () => new RoomSocket("ws://x/live", hello, { onMessage: () => undefined, onPacket: () => undefined, onState: () => undefined });

test("a page that knows the room's clock says where it stands, for a server that was started anew", () => {
  const began = nowMs();
  const room = () => 1_000_000 + (nowMs() - began) * 48;
  const socket = open();
  const [first] = Line.all;
  first.welcome(room());
  assert.equal(first.said[0].position, null, "nobody knows it before the first echo");
  first.echo(room);
  socket.send({ type: "check", method: "acoustic" });
  first.onclose({ code: 1006, reason: "" });
  mock.timers.tick(300);
  const second = Line.all[1];
  second.welcome(room());
  const [again, check] = second.said;
  assert.equal(again.key, "secret");
  assert.ok(Math.abs(again.position - room()) < 48 * 20, `${again.position} is not ${room()}`);
  assert.equal(check.type, "check", "a server that forgot the sound check hears of it at once");
});

test("a server that is back within three seconds has its pages back within half a second", () => {
  open();
  Line.all[0].welcome(0);
  let tries = 1;
  for (let ms = 0; ms < 3_000; ms += 10) {
    if (Line.all.length > tries - 1) Line.all[tries - 1].onclose({ code: 1006, reason: "" });
    tries = Line.all.length + 1;
    mock.timers.tick(10);
  }
  assert.ok(Line.all.length >= 1 + 6, `only ${Line.all.length - 1} tries in three seconds`);
});

test("stop, pressed while the line is lost, is said when it is back", () => {
  const socket = open();
  Line.all[0].welcome(0);
  Line.all[0].onclose({ code: 1006, reason: "" });
  Line.all[0].readyState = 3;
  socket.send({ type: "stop", position: 480_000 });
  mock.timers.tick(300);
  Line.all[1].welcome(0);
  assert.ok(Line.all[1].said.some((message) => message.type === "stop" && message.position === 480_000));
});

test("a line on which nothing comes any more is left, and another one opened", async () => {
  const states = /** @type {string[]} */ ([]);
  const socket = new RoomSocket("ws://room", hello, { onMessage: () => {}, onPacket: () => {}, onState: (state) => void states.push(state) });
  Line.all[0].welcome(1_000);
  Line.all[0].echo(() => 1_000);
  assert.equal(socket.flowing, true);
  let ms = performance.now();
  mock.method(performance, "now", () => ms);
  const pass = (/** @type {number} */ forMs) => {
    for (const until = ms + forMs; ms < until; ms += 50) mock.timers.tick(50);
  };
  pass(2_500);
  assert.equal(socket.flowing, false, "live sound does not queue up behind a stall");
  pass(8_000);
  mock.restoreAll();
  assert.deepEqual(states, ["open", "lost"]);
  assert.equal(Line.all.length, 2);
  socket.close();
});

test("a new line that hangs before the room says welcome is left, and another one opened", () => {
  const states = /** @type {string[]} */ ([]);
  const socket = new RoomSocket("ws://room", hello, { onMessage: () => {}, onPacket: () => {}, onState: (state) => void states.push(state) });
  mock.timers.tick(14_000);
  assert.equal(Line.all.length, 1, "a server that wakes is given its time");
  mock.timers.tick(2_000);
  assert.deepEqual(states, ["lost"]);
  mock.timers.tick(500);
  assert.equal(Line.all.length, 2);
  Line.all[1].welcome(0);
  mock.timers.tick(1_000);
  assert.deepEqual(states, ["lost", "open"]);
  socket.close();
});

/** A voice of another row: LEADER, one frame. @param {number} position */
function leader(position) {
  return pack({ kind: Kind.LEADER, pcm: false, stereo: false, repair: false, unsure: false, seat: 1, epoch: 0, level: 20, position, frames: [new Uint8Array(3)] }).buffer;
}

const voice = (/** @type {number} */ position, repair = false) =>
  pack({ kind: Kind.VOICE, pcm: false, stereo: false, repair, unsure: false, seat: 0, epoch: 0, level: 20, position, frames: [new Uint8Array(3)] });

/** A page in mid-song whose sound comes 40 ms after its position, on a clock that the test moves. */
function singing() {
  let ms = performance.now();
  mock.method(performance, "now", () => ms);
  const heard = /** @type {number[]} */ ([]);
  const socket = new RoomSocket("ws://room", hello, { onMessage: () => {}, onPacket: (data) => void heard.push(positionOf(data)), onState: () => {} });
  const room = () => 48 * (nowMs() - performance.timeOrigin);
  const pass = (/** @type {number} */ forMs) => {
    for (const until = ms + forMs; ms < until; ms += 20) {
      mock.timers.tick(20);
      for (const line of Line.all) if (line.flows) line.echo(room);
    }
  };
  Line.all[0].flows = true;
  Line.all[0].welcome(room());
  pass(2_000);
  return { socket, room, pass, heard, at: () => ms };
}

test("while nothing stumbles there is one line; when sound comes late again, a second one carries the same", () => {
  const { socket, room, pass, heard } = singing();
  for (let i = 0; i < 60; i++) {
    pass(20);
    Line.all[0].onmessage({ data: leader(Math.round(room() - 48 * 40)) });
  }
  assert.equal(Line.all.length, 1);
  for (const _ of [1, 2]) {
    Line.all[0].onmessage({ data: leader(Math.round(room() - 48 * 180)) });
    pass(1_000);
  }
  assert.equal(Line.all.length, 1, "once is not enough");
  pass(1_000);
  Line.all[0].onmessage({ data: leader(Math.round(room() - 48 * 180)) });
  pass(1_000);
  assert.equal(Line.all.length, 2);
  const [first, second] = Line.all;
  second.readyState = Line.OPEN;
  second.onopen();
  const [said] = second.said;
  assert.deepEqual([said.type, said.spare, said.key], ["hello", true, "secret"]);
  second.flows = true;
  pass(1_500);
  heard.length = first.said.length = second.said.length = 0;
  socket.sendPacket(voice(960));
  assert.deepEqual([first, second].map((line) => line.said.filter((data) => data instanceof Uint8Array).length), [1, 1]);
  socket.sendPacket(voice(0, true));
  assert.deepEqual([first, second].map((line) => line.said.filter((data) => data instanceof Uint8Array).length), [2, 1], "repair is not doubled");
  for (const [line, position] of /** @type {[Line, number][]} */ ([[second, 96_000], [first, 96_000], [first, 96_960], [second, 96_960]])) {
    line.onmessage({ data: leader(position) });
  }
  assert.deepEqual(heard, [96_000, 96_960], "what comes first counts");
  first.flows = false;
  pass(2_000);
  first.said.length = second.said.length = 0;
  assert.equal(socket.flowing, true, "one of them stands still, and the voice goes on");
  socket.sendPacket(voice(1_920));
  assert.deepEqual([first, second].map((line) => line.said.filter((data) => data instanceof Uint8Array).length), [0, 1]);
  mock.restoreAll();
  socket.close();
});

test("the room says that a voice came late: a second line; where that makes every trip longer it is left alone", () => {
  const { socket, pass } = singing();
  for (const _ of [1, 2]) {
    Line.all[0].onmessage({ data: JSON.stringify({ type: "late", late_samples: 4_800 }) });
    pass(3_000);
  }
  const [first, second] = Line.all;
  second.readyState = Line.OPEN;
  second.onopen();
  first.flows = second.flows = false;
  for (let i = 0; i < 80; i++) {
    pass(500);
    first.echo(() => 48 * (nowMs() - performance.timeOrigin));
  }
  assert.equal(second.closed, true);
  pass(60_000);
  assert.equal(Line.all.filter((line) => !line.closed).length, 1, "and not opened again soon");
  mock.restoreAll();
  socket.close();
});
