/**
 * A trace of sound on its way, in stages, as running means: from this page's ear to the server, and from the server to this page's ear.
 *
 * Every stage is the difference of two ages of the same frame: how long ago, or how soon, its position was heard at an ear. So stages add up,
 * whatever the clocks say. What the server alone knows comes in its `way` message. Times in ms, positions in samples of the room's axis.
 */

import { FRAME_SAMPLES, SAMPLE_RATE } from "./units.js";

const KEPT = 500;
const PER_MS = SAMPLE_RATE / 1000;

/** @typedef {{heardNow(): number, roomNow(): number}} Clocks  positions at this page's ear and by the room's clock; NaN while unknown */
/** @typedef {{arrived_samples: number | null, came_samples: number | null, mixing_samples: number | null, left_samples: number | null, late_frames: number}} Way */
/** @typedef {{row: number, delays_samples: number[], device_samples: number, lookahead_samples: number, shift_samples: number, way: Way | null}} Known */
/** @typedef {{mean: number, least: number, p95: number, most: number, count: number}} Stage */

/** The last values of one thing. */
export class Gauge {
  constructor() {
    this._values = new Float64Array(KEPT);
    this.count = 0;
  }

  /** @param {number} value NaN is left out */
  add(value) {
    if (Number.isNaN(value)) return;
    this._values[this.count++ % KEPT] = value;
  }

  /** @returns {Stage | null} */
  get stage() {
    const kept = this._values.subarray(0, Math.min(this.count, KEPT)).slice().sort();
    if (kept.length === 0) return null;
    return { mean: this.mean, least: kept[0], p95: kept[Math.floor((kept.length - 1) * 0.95)], most: kept[kept.length - 1], count: this.count };
  }

  /** NaN while there is none. */
  get mean() {
    const kept = Math.min(this.count, KEPT);
    let sum = 0;
    for (let i = 0; i < kept; i++) sum += this._values[i] / kept;
    return kept ? sum : NaN;
  }
}

/** @param {number} samples @returns {Stage} what does not vary */
const fixed = (samples) => ({ mean: samples / PER_MS, least: samples / PER_MS, p95: samples / PER_MS, most: samples / PER_MS, count: 1 });

/** @param {number | null | undefined} samples the server's mean; NaN while unknown */
const meanMs = (samples) => (samples === null || samples === undefined ? NaN : samples / PER_MS);

/** @param {number} ms @returns {Stage | null} of a difference of means */
const only = (ms) => (Number.isNaN(ms) ? null : { mean: ms, least: NaN, p95: NaN, most: NaN, count: 1 });

/** @param {Stage} stage @param {number} ms @returns {Stage} */
const moved = ({ mean, least, p95, most, count }, ms) => ({ mean: mean + ms, least: least + ms, p95: p95 + ms, most: most + ms, count });

export class Trace {
  /** @param {Clocks} clocks */
  constructor(clocks) {
    this._clocks = clocks;
    this._up = { gathered: new Gauge(), encode: new Gauge(), send: new Gauge(), sent: new Gauge() };
    this._down = { leader: heardGauges(), before: heardGauges(), talk: heardGauges() };
    /** By how much the ear is behind the room's clock. */
    this._behind = new Gauge();
  }

  /** Another song. */
  begin() {
    const { leader, before, talk } = this._down;
    for (const gauges of [this._up, leader, before, talk, { behind: this._behind }]) for (const gauge of Object.values(gauges)) gauge.count = 0;
  }

  /** How long ago a position was heard here, in ms. @param {number} position */
  age(position) {
    return (this._clocks.heardNow() - position) / PER_MS;
  }

  /** A frame of one's own has been handed to the socket. @param {number} gatheredMs its age when it was whole @param {number} encodedMs when it was encoded @param {number} sentMs now */
  sent(gatheredMs, encodedMs, sentMs) {
    this._up.gathered.add(gatheredMs);
    this._up.encode.add(encodedMs - gatheredMs);
    this._up.send.add(sentMs - encodedMs);
    this._up.sent.add(sentMs);
    this._behind.add((this._clocks.roomNow() - this._clocks.heardNow()) / PER_MS);
  }

  /** A packet has come. @param {'leader' | 'before' | 'talk'} stream @param {number} position stamped */
  came(stream, position) {
    this._down[stream].came.add((this._clocks.roomNow() - position) / PER_MS);
    this._behind.add((this._clocks.roomNow() - this._clocks.heardNow()) / PER_MS);
  }

  /** Its sound is on the tape. @param {'leader' | 'before' | 'talk'} stream @param {number} decodeMs since it came @param {number} position where it was laid */
  placed(stream, decodeMs, position) {
    this._down[stream].decode.add(decodeMs);
    this._down[stream].early.add(-this.age(position));
  }

  /** Both ways in their stages, null for what is not known. @param {Known} known */
  report(known) {
    const delay = known.row >= 0 ? known.delays_samples[known.row] / PER_MS : NaN;
    const off = this._behind.mean - delay;
    return { row: known.row, late_frames: known.way?.late_frames ?? null, off_ms: Number.isNaN(off) ? null : off, up: this._upStages(known, off), down: this._downStages(known) };
  }

  /** @param {Known} known @param {number} off by how many ms the ear is late */
  _upStages({ device_samples, lookahead_samples, way }, off) {
    const { gathered, encode, send, sent } = this._up;
    const before = fixed(device_samples + FRAME_SAMPLES + lookahead_samples).mean;
    const whole = gathered.stage;
    return {
      device: fixed(device_samples),
      frame: fixed(FRAME_SAMPLES),
      lookahead: fixed(lookahead_samples),
      capture: whole && moved(whole, -before),
      encode: encode.stage,
      send: send.stage,
      network: only(meanMs(way?.arrived_samples) - off - sent.mean),
    };
  }

  /** Of what this row hears: row 1 hears the leader's packets, those behind it a mix. @param {Known} known */
  _downStages({ row, shift_samples, way }) {
    const { came, decode, early } = this._down[row === 1 ? "leader" : "before"];
    const mixing = row === 1 ? 0 : meanMs(way?.mixing_samples);
    const left = meanMs(way?.left_samples);
    const shift = -shift_samples / PER_MS;
    const decoded = decode.stage;
    return {
      wait: only(left - mixing - meanMs(way?.came_samples)),
      mixing: only(mixing),
      network: only(came.mean - left),
      decode: decoded && moved(decoded, shift),
      early: early.stage,
    };
  }
}

function heardGauges() {
  return { came: new Gauge(), decode: new Gauge(), early: new Gauge() };
}
