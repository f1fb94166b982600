/** The socket through a server that dies: what a page says when it comes back, and how soon. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { RoomSocket, nowMs } from "../../src/unisono/web/static/engine/socket.js";

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
    Line.all.push(this);
  }

  /** @param {string | ArrayBuffer} data */
  send(data) {
    this.said.push(typeof data === "string" ? JSON.parse(data) : data);
  }

  close() {}

  /** The server answers, and welcomes whoever says hello. @param {number} position the room's */
  welcome(position) {
    this.readyState = Line.OPEN;
    this.onopen();
    this.onmessage({ data: JSON.stringify({ type: "welcome", seat: 2, key: "secret", song: null, position }) });
  }

  /** Every probe so far is answered at once. @param {() => number} room its clock */
  echo(room) {
    for (const probe of this.said.splice(0)) {
      if (!(probe instanceof ArrayBuffer)) continue;
      const echo = new DataView(new ArrayBuffer(24));
      echo.setUint8(0, 17);
      echo.setFloat64(8, new DataView(probe).getFloat64(8, true), true);
      echo.setFloat64(16, room(), true);
      this.onmessage({ data: echo.buffer });
    }
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
