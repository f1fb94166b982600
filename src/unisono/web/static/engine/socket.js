/** The socket to the room: says hello, probes the room's clock, comes back by itself with the seat's key. Audio and messages pass through untouched. */

import { RoomClock } from "./clock.js";
import { OUTAGE_MS, Probing, Unanswered, Ways } from "./jitter.js";
import { SecondLine } from "./secondline.js";
import { Kind, isRepair, kindOf, packProbe, positionOf, unpackEcho } from "./wire.js";

/** A server that was killed is back within a second or two; one that is away for long is not besieged. */
const RETRY_MS = [200, ...Array(10).fill(300), 600, 1_200, 3_000];
/** Closing codes after which coming back makes no sense (docs/wire.md). */
const FINAL_CODES = new Set([4400, 4401, 4403, 4409, 4413, 4429]);
/** The room forgets these with the connection: said again after every welcome. */
const SAID_AGAIN = new Set(["check"]);
/** Said while the line is lost, these wait for it. */
const KEPT = new Set(["stop", "write", "hand", "talk"]);
/** More than this in the socket's own buffer: the line stalls, live sound would only queue up. */
const LIVE_BYTES_MAX = 24_000;

/** A room whose clock is further away than any network explains has moved: learn it anew. */
const CLOCK_MOVED_SAMPLES = 96_000;
const SAMPLES_PER_MS = 48;

/** While an echo is missing for so long, repair would only queue up in front of live sound. */
const STILL_MS = 300;

/** A line on which nothing comes for so long, echoes of probes included, is dead, whatever the system says: the address may have changed. */
const SILENT_MS_MAX = 8_000;
/** A new line is given longer: a server that wakes asks its pages first where the clock stands. */
const WELCOME_MS_MAX = 15_000;

export const nowMs = () => performance.timeOrigin + performance.now();

/**
 * @typedef {object} SocketEvents
 * @property {(message: any) => void} onMessage
 * @property {(data: ArrayBuffer) => void} onPacket
 * @property {(state: 'open'|'lost'|'closed', code?: number, reason?: string) => void} onState
 */

export class RoomSocket {
  /** @param {string} url @param {any} hello without key @param {SocketEvents} events */
  constructor(url, hello, events) {
    this._url = url;
    this._hello = hello;
    this._events = events;
    this.clock = new RoomClock();
    this.ways = new Ways();
    /** Whether a microphone is open here: then the ways are looked at as closely as a song needs it. */
    this.sings = false;
    /** @type {Map<string, any>} */
    this._saidAgain = new Map();
    /** @type {any[]} */
    this._kept = [];
    this._tries = 0;
    this._closed = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this._timer = undefined;
    this._welcomed = false;
    this._probing = new Probing();
    this._unanswered = new Unanswered();
    this._second = new SecondLine(url, (data) => this._sound(data), (sentMs, position) => this._echo(sentMs, position));
    this._heardMs = nowMs();
    this._socket = this._open();
  }

  get welcomed() {
    return this._welcomed && this._socket.readyState === WebSocket.OPEN;
  }

  /** Room for live sound. */
  get flowing() {
    return this._flows || (this.welcomed && this._second.flows(nowMs()));
  }

  get _flows() {
    return this.welcomed && this._socket.bufferedAmount < LIVE_BYTES_MAX && this._unanswered.stalledMs(nowMs()) < OUTAGE_MS;
  }

  /** Nothing waits, here or on the way: room for repair. */
  get idle() {
    return this.welcomed && this._socket.bufferedAmount === 0 && this.ways.calm && this._unanswered.stalledMs(nowMs()) < STILL_MS;
  }

  /** @param {any} message */
  send(message) {
    if (message.type === "who") this._hello = { ...this._hello, name: message.name, flag: message.flag, place: message.place, watch: false };
    if (SAID_AGAIN.has(message.type)) this._saidAgain.set(message.type, message);
    if (this.welcomed) this._socket.send(JSON.stringify(message));
    else if (KEPT.has(message.type)) this._kept.push(message);
  }

  /** @param {Uint8Array<ArrayBuffer>} bytes */
  sendPacket(bytes) {
    if (this._flows) this._socket.send(bytes);
    if (!isRepair(bytes) && this._second.flows(nowMs())) this._second.send(bytes);
  }

  close() {
    this._closed = true;
    this._second.close();
    clearTimeout(this._timer);
    this._socket.close(1000);
  }

  _open() {
    this._welcomed = false;
    this._probing = new Probing();
    this._heardMs = nowMs();
    const socket = new WebSocket(this._url);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send(JSON.stringify({ type: "hello", version: 1, ...this._hello, position: this._positionOnArrival() }));
    socket.onmessage = ({ data }) => this._receive(data);
    socket.onclose = ({ code, reason }) => this._lost(code, reason);
    this._timer = setTimeout(() => this._abandon(), WELCOME_MS_MAX);
    return socket;
  }

  /** Where the room's clock stands when what is sent now arrives: a server whose machine was started anew learns it from its pages. */
  _positionOnArrival() {
    const { clock } = this;
    return clock.ready ? Math.max(0, clock.at(nowMs() + clock.quickestMs / 2)) : null;
  }

  /** @param {string | ArrayBuffer} data */
  _receive(data) {
    this._heardMs = nowMs();
    if (typeof data === "string") {
      const message = JSON.parse(data);
      if (message.type === "welcome") this._welcome(message);
      else if (message.type === "late") this._second.needed(nowMs());
      else if (message.type === "song") this._second.anew();
      this._events.onMessage(message);
    } else if (kindOf(data) === Kind.ECHO) {
      const { sentMs, position } = unpackEcho(data);
      this._unanswered.echoed(sentMs);
      this._echo(sentMs, position);
    } else {
      this._sound(data);
    }
  }

  /** By either line: the first one tells. @param {number} sentMs @param {number} position */
  _echo(sentMs, position) {
    if (!this.ways.awaits(sentMs)) return;
    const received = nowMs();
    this.clock.add(sentMs, received, position);
    this.ways.echoed(sentMs, received, position);
    this._second.took("echo", received - sentMs, received);
  }

  /** By either line: the first one counts. @param {ArrayBuffer} data */
  _sound(data) {
    if (this._second.again(data)) return;
    const now = nowMs();
    if (this.clock.ready) this._second.took(String(kindOf(data)), (this.clock.at(now) - positionOf(data)) / SAMPLES_PER_MS, now);
    this._events.onPacket(data);
  }

  /** @param {any} message */
  _welcome(message) {
    this._welcomed = true;
    this._tries = 0;
    if (message.key) this._hello = { ...this._hello, key: message.key };
    if (this.clock.ready && Math.abs(this.clock.at(nowMs()) - message.position) > CLOCK_MOVED_SAMPLES) this.clock.clear();
    if (message.seat) for (const again of [...this._saidAgain.values(), ...this._kept.splice(0)]) this._socket.send(JSON.stringify(again));
    this._events.onState("open");
    this._probe();
  }

  /** The page was busy and is so no more: its ways are looked at anew, closely, from now. */
  lookAnew() {
    this.ways.settle(nowMs());
    this._probing.hurry();
    if (this.welcomed) this._probe();
  }

  _probe() {
    clearTimeout(this._timer);
    if (!this.welcomed) return;
    if (nowMs() - this._heardMs > SILENT_MS_MAX) return this._abandon();
    const sent = nowMs();
    const { telling, waitMs } = this._probing.next(this.sings, this.ways.rough);
    if (this._hello.key) this._second.mind(this._hello, this.ways, sent);
    this._socket.send(packProbe(sent));
    this._unanswered.sent(sent);
    this._second.probe(packProbe(sent), sent);
    this.ways.probed(sent, telling);
    this._timer = setTimeout(() => this._probe(), waitMs);
  }

  /** Leave a dead line to itself: its goodbye would take minutes. */
  _abandon() {
    const dead = this._socket;
    dead.onmessage = dead.onclose = null;
    dead.close();
    this._lost(1006, "nothing came any more");
  }

  /** @param {number} code @param {string} reason */
  _lost(code, reason) {
    clearTimeout(this._timer);
    this.ways.lost();
    this._second.close();
    this._unanswered = new Unanswered();
    if (this._closed || FINAL_CODES.has(code)) {
      this._events.onState("closed", code, reason);
      return;
    }
    this._events.onState("lost", code, reason);
    const wait = RETRY_MS[Math.min(this._tries++, RETRY_MS.length - 1)];
    this._timer = setTimeout(() => (this._socket = this._open()), wait * (0.7 + 0.6 * Math.random()));
  }
}
