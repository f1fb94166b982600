/** One's own voice, from the open microphone to the singer: what reads it, what watches over the round trip, the sound check, level and gain. */

import { TrackCapture, WorkletCapture } from "./capture.js";
import { Bleed } from "./bleed.js";
import { makeProbe } from "./calibrate.js";
import { Level } from "./level.js";
import { Singer } from "./singer.js";
import { nowMs } from "./socket.js";
import { SAMPLE_RATE } from "./units.js";
import { APART_MS, LoopWatch } from "./watch.js";

/** Before a sound check talk is stamped by this. */
const TALK_ROUND_TRIP_SECONDS = 0.1;
/** A microphone that brings nothing for so long after it should have, in the sound check, brings nothing. */
const NOTHING_MS = 4_000;
const LAGS_MIN = 30;
/** The microphone's count may be so far from the output's: more is no delay, but what the system had gathered before and handed over at once. */
const AHEAD_MS_MAX = 30;
/** So long the sound check waits for both counts to be seen. */
const COUNTS_SEEN_MS = 3_500;
const LOOK_MS = 100;
const OTHER_DEVICE = "another device is in use";
/** A round trip that is lost so soon after devices came or went is lost by them. */
const DEVICES_MS = 20_000;

/** @typedef {{round_trip_samples: number, unsure: boolean, output: string}} Check */
/** @typedef {{encoder: boolean, encoder_lookahead_samples: number}} Codec */
/** @typedef {{contextRate: number, shared: boolean, frames: import("./clock.js").FrameClock, port: MessagePort, heardNow(ms: number): number}} EarSide */
/** @typedef {Extract<import("./watch.js").Verdict, {type: "follow"}>} Follow */
/** @typedef {{onTalk(bytes: import("./keep.js").Bytes): void, tell(message: any): void}} VoiceEvents */

/** On a thread of its own (check.worker.js). @param {any} question @param {Transferable[]} [transfer] @returns {Promise<any>} */
function workedOut(question, transfer = []) {
  const worker = new Worker(new URL("./check.worker.js", import.meta.url), { type: "module" });
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage(question, transfer);
  });
}

export class Voice {
  /** @param {import("./delivery.js").Delivery} delivery @param {VoiceEvents} events @param {import("./trace.js").Trace} trace */
  constructor(delivery, events, trace) {
    this._delivery = delivery;
    this._events = events;
    this._trace = trace;
    /** @type {Codec} */
    this.codec = { encoder: false, encoder_lookahead_samples: 0 };
    /** @type {EarSide | null} */
    this.ear = null;
    /** @type {TrackCapture | WorkletCapture | null} */
    this._capture = null;
    /** @type {Singer | null} */
    this._singer = null;
    /** @type {LoopWatch | null} */
    this._watch = null;
    this.firstEpoch = 0;
    this._counts = { soundRate: NaN, base: NaN };
    /** @type {Check | null} */
    this.check = null;
    this._measuredMs = { from: NaN, to: NaN };
    /**
     * Under way, or waiting for the page's answer: what it finds holds for the streams and the count by which it is found, so until then the count is not laid anew.
     * @type {{accepted: boolean, moved: boolean} | null}  moved: to another device meanwhile
     */
    this._measurement = null;
    this._roundTrip = NaN;
    this._lost = this._inDoubt = this._tooFarApart = this._marked = false;
    this._clocksPpm = 0;
    /** Of the devices in use, and how their clocks go apart, as it was last known. */
    this._devices = "";
    /** @type {import("./apart.js").Clocks | null} */
    this._clocks = null;
    this._devicesMs = -Infinity;
    /** @type {string[]} what the watch has found since the check */
    this._found = [];
    this._level = new Level();
    this._talking = false;
    /** @type {Bleed | null} */
    this._bleed = null;
    /** @type {import("./singer.js").Song | null} */
    this._song = null;
    /** @type {((startFrame: number) => void) | null} */
    this.onTest = null;
  }

  /** @param {{readable: ReadableStream<any> | null, port: MessagePort | null, devices: string}} microphone the track itself, or the worklet that copies it; devices as devices.js names those in use */
  async open({ readable, port, devices }) {
    const ear = this.ear;
    this.close();
    if (!devices || devices !== this._devices) this._clocks = null;
    this._devices = devices;
    if (!ear) return;
    /** @type {import("./capture.js").Sink} */
    const sink = (frame, samples, capturedMs) => this._sound(frame, samples, capturedMs);
    if (readable) {
      const track = (this._capture = new TrackCapture(readable, sink));
      const soundRate = await track.open();
      if (this._capture !== track || Number.isNaN(soundRate)) return;
      this._openSinger(ear, soundRate, Math.round(ear.frames.ready ? ear.frames.at(nowMs()) : 0), true);
      void track.run();
    } else if (port) {
      this._openSinger(ear, ear.contextRate, 0, false);
      this._capture = new WorkletCapture(port, ear.shared, sink);
    }
  }

  /** @param {EarSide} ear @param {number} soundRate the microphone's @param {number} base context frame now @param {boolean} apart whether the microphone has a count of its own */
  _openSinger({ contextRate }, soundRate, base, apart) {
    const setup = { contextRate, soundRate, base, firstEpoch: this.firstEpoch, encodes: this.codec.encoder, lookahead: this.codec.encoder_lookahead_samples };
    this._counts = { soundRate, base };
    this._singer = new Singer(setup, this._delivery, {
      onTalk: this._events.onTalk,
      onLevel: (peak, power, count) => this._level.add(peak, power, count),
      onBlock: (position, samples) => this._listenForBleed(position, samples),
      onTrouble: (code, text) => this._events.tell({ type: "trouble", code, text }),
    }, this._trace);
    this._toFrame = (/** @type {number} */ frame) => base + (frame * contextRate) / soundRate;
    this._watch = new LoopWatch(contextRate, apart, this._clocks);
    this._singer.talking = this._talking;
    this.song(this._song);
  }

  /** The streams are closed; whatever was measured holds no longer, but for how the devices' clocks go apart. @returns {Check | null} the check that was in force */
  close() {
    const check = this.check;
    if (this._watch) this._clocks = this._inDoubt ? null : this._watch.clocks;
    if (this._singer) this.firstEpoch = this._singer.stamper.epoch + 1;
    this._capture?.close();
    this._capture = this._singer = this._watch = this.check = this._measurement = null;
    this._level.forget();
    return check;
  }

  /** @param {number} frame @param {Float32Array} samples @param {number} [capturedMs] as capture.js has it */
  _sound(frame, samples, capturedMs) {
    const now = nowMs();
    this._watch?.microphone(now, this._toFrame(frame + samples.length), capturedMs);
    this._singer?.sound(frame, samples);
    if (this._watch) this._stamp(this.ear?.heardNow(now) ?? NaN);
  }

  /** @param {number} _frame the microphone's count @returns {number} what the context calls it */
  _toFrame(_frame) {
    return NaN;
  }

  /** One block of the ear's record. @param {Float64Array} record frame, position, rate, epoch */
  map(record) {
    this._singer?.stamper.map(record[0], record[1], record[2], record[3]);
  }

  /** The context's counter was seen. @param {number} ms @param {number} frame */
  glimpsed(ms, frame) {
    this._watch?.output(ms, frame);
  }

  /** @param {number} heardNow position at the ear now */
  pump(heardNow) {
    if (this._capture instanceof WorkletCapture) this._capture.pump();
    this._stamp(heardNow);
  }

  /** Whatever the watch has seen so far is heeded before anything more is stamped. @param {number} heardNow position at the ear now */
  _stamp(heardNow) {
    this._heedVerdicts();
    if (!this._watch?.undecided) this._singer?.pump(heardNow);
  }

  /** The browser's reading of its output. @param {number} lineMs @param {number} underruns */
  line(lineMs, underruns) {
    this._watch?.line(nowMs(), lineMs, underruns);
  }

  /** What is sung; null between songs. @param {import("./singer.js").Song | null} song */
  song(song) {
    this._song = song;
    this._singer?.song(this.check ? song : null);
  }

  /** What this page plays while nobody sings yet. @param {number} start its position @param {Float32Array} played */
  countIn(start, played) {
    this._bleed = played.length > 0 && this.check?.output === "headphones" ? new Bleed(start, played) : null;
  }

  /** @param {number} position @param {Float32Array} samples */
  _listenForBleed(position, samples) {
    if (!this._bleed) return;
    this._bleed.add(position, samples);
    if (position < this._bleed.stop) return;
    const bleed = this._bleed.sounds;
    this._bleed = null;
    void this._tellBleed(bleed);
  }

  /** @param {{played: Float32Array, heard: Float32Array}} bleed */
  async _tellBleed(bleed) {
    const { heard, dbfs } = await workedOut({ bleed }, [bleed.played.buffer, bleed.heard.buffer]);
    if (heard) this._events.tell({ type: "trouble", code: "bleed", text: `${dbfs.toFixed(0)} dBFS of what plays` });
  }

  /**
   * Before anything is measured: the microphone's count is laid beside the output's. A system that hands over at once what it had gathered before puts the
   * count ahead by a second and more: longer than any round trip that the sound check looks for, and past all that taps can tell.
   */
  _layBeside() {
    const { ear, _singer: singer, _watch: watch } = this;
    if (this.check || !ear || !singer || !watch || !(Math.abs(watch.aheadMs) > AHEAD_MS_MAX)) return;
    const { soundRate, base } = this._counts;
    this.firstEpoch = singer.stamper.epoch + 1;
    this._openSinger(ear, soundRate, base - Math.round((watch.aheadMs * ear.contextRate) / 1000), true);
  }

  /** Until both counts have been seen, or it is clear that they will not be. */
  async _countsSeen() {
    for (let ms = 0; ms < COUNTS_SEEN_MS && this._capture instanceof TrackCapture && Number.isNaN(this._watch?.aheadMs ?? 0); ms += LOOK_MS) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  /** Heed what the watch over the open streams has found since the last time. */
  heed() {
    if (!this._measurement) this._layBeside();
    this._heedVerdicts();
  }

  _heedVerdicts() {
    if (this._measurement) return;
    for (const verdict of this._watch?.verdicts() ?? []) {
      const stamper = this._singer?.stamper;
      if (!stamper || !this.ear || !this.check) return;
      if (verdict.type === "follow") {
        this._follow(stamper, this.ear, verdict);
        continue;
      }
      this._found.push(JSON.stringify(verdict));
      this._inDoubt = verdict.type !== "settled";
      if (verdict.type === "moved") {
        this._roundTrip += verdict.frames;
        stamper.moveRoundTrip(verdict.frames, verdict.since);
      }
      this._mark();
      if (verdict.type === "settled" || verdict.type === "doubt") continue;
      this._lose(nowMs() - this._devicesMs < DEVICES_MS ? "devices" : "jump", JSON.stringify(verdict));
    }
  }

  /** Two clocks go apart: along their line once it is believed, and marked while the stamps are too far off it, or the line may be off the truth. @param {import("./stamp.js").Stamper} stamper @param {EarSide} ear @param {Follow} verdict */
  _follow(stamper, { frames: clock, contextRate }, { frames, open, ms, perMs, believed }) {
    const off = believed ? stamper.followRoundTrip(this._roundTrip + frames, clock.at(ms), perMs / clock.perMs) : frames;
    this._tooFarApart = Math.abs(off) + open > (APART_MS * contextRate) / 1000;
    this._clocksPpm = believed ? (perMs / clock.perMs) * 1e6 : 0;
    this._mark();
  }

  /** Whatever is stamped from now on says whether its place is sure. */
  _mark() {
    const unsure = this._inDoubt || this._lost || this._tooFarApart || (this.check?.unsure ?? true);
    // The stamper has doubts of its own, which stay.
    if (this._singer && unsure !== this._marked) this._singer.stamper.unsure = unsure;
    this._marked = unsure;
  }

  /** Nobody knows the round trip now: until the next sound check all is stamped unsure. @param {string} code @param {string} text */
  _lose(code, text) {
    if (this._lost) return;
    this._lost = true;
    this._forgetClocks();
    this._mark();
    this._events.tell({ type: "trouble", code, text });
  }

  /** Streams that may have been moved to other devices tell nothing of the next. */
  _forgetClocks() {
    this._devices = "";
    this._clocks = null;
    this._watch?.forgetClocks();
  }

  /** Sound devices came or went: the streams may have been moved to them. @param {boolean} ours whether those in use are others now */
  devicesChanged(ours) {
    this._devicesMs = nowMs();
    if (ours) this._forgetClocks();
    if (!this.check && !this._measurement) return;
    if (!ours) return this._watch?.devices(nowMs());
    if (this._measurement) this._measurement.moved = true;
    if (this.check) this._lose("devices", OTHER_DEVICE);
  }

  /** Play the probe and record. From then on it is watched what moves the round trip, though the page may answer much later. @returns {Promise<any>} */
  async measure() {
    /** @type {{accepted: boolean, moved: boolean}} */
    const mine = (this._measurement = { accepted: false, moved: false });
    try {
      await this._countsSeen();
      this._layBeside();
      const result = await this._measure();
      mine.accepted = result.accepted;
      return result;
    } finally {
      if (this._measurement === mine) {
        if (mine.accepted) this._watch?.measured(this._measuredMs.from, this._measuredMs.to);
        else this._measurement = null;
      }
    }
  }

  async _measure() {
    const { ear, _singer: singer } = this;
    if (!singer || !ear) return { accepted: false, reason: "no_microphone" };
    // A soft voice is brought up by what was sung before the measurement.
    singer.gain = this._level.gain ?? singer.gain;
    const probe = makeProbe(ear.contextRate);
    const from = nowMs();
    const started = new Promise((/** @type {(frame: number) => void} */ resolve) => (this.onTest = resolve));
    ear.port.postMessage({ type: "test", sound: probe.sound });
    const inTime = new Promise((/** @type {(nothing: null) => void} */ resolve) => setTimeout(resolve, (1000 * probe.listen_frames) / ear.contextRate + NOTHING_MS, null));
    const recorded = await Promise.race([started.then((frame) => singer.capture(frame, probe.listen_frames)), inTime]);
    if (!recorded) return { accepted: false, reason: "no_microphone" };
    this._measuredMs = { from, to: nowMs() };
    const result = /** @type {import("./calibrate.js").RoundTrip} */ (await workedOut({ recorded, sampleRate: ear.contextRate }));
    const samples = SAMPLE_RATE / ear.contextRate;
    return { ...result, round_trip_samples: result.round_trip_frames * samples, spread_samples: result.spread_frames * samples };
  }

  /** Stamp by this from now on. @param {Check | null} check */
  setCheck(check) {
    const measurement = this._measurement;
    this._measurement = null;
    this.check = check;
    this._lost = this._inDoubt = this._tooFarApart = false;
    this._marked = check?.unsure ?? false;
    this._clocksPpm = 0;
    this._found.length = 0;
    const singer = this._singer;
    if (check && singer && this.ear) {
      singer.lagSamples.length = 0;
      this._roundTrip = (check.round_trip_samples * this.ear.contextRate) / SAMPLE_RATE;
      singer.stamper.setRoundTrip(this._roundTrip, check.unsure);
      // What somebody tapped holds from now on.
      if (check.unsure || !measurement?.accepted) this._watch?.measured(nowMs(), nowMs());
      this._heedVerdicts();
      if (measurement?.moved && !check.unsure) this._lose("devices", OTHER_DEVICE);
    }
    this.song(this._song);
  }

  /** @param {boolean} on */
  setTalking(on) {
    this._talking = on;
    const singer = this._singer;
    if (!singer) return;
    singer.talking = on;
    if (on && !singer.stamper.ready && this.ear) singer.stamper.setRoundTrip(TALK_ROUND_TRIP_SECONDS * this.ear.contextRate, true);
  }

  get isOpen() {
    return this._capture !== null;
  }

  /** From heard to ready for the network, of the last blocks, in ms; none until enough of the checked stream went this way. */
  get lagsMs() {
    const lags = (this._singer?.lagSamples ?? []).filter(Number.isFinite);
    return this.check && lags.length >= LAGS_MIN ? lags.map((samples) => (1000 * samples) / SAMPLE_RATE) : [];
  }

  /** Level of what was heard since the last time. */
  tellLevel() {
    const level = this._level.take();
    if (level) this._events.tell({ type: "level", ...level });
  }

  diagnostics() {
    const stamper = this._singer?.stamper;
    return {
      epoch: stamper?.epoch ?? null,
      lost_frames: stamper?.lostFrames ?? 0,
      unsure: stamper?.unsure ?? false,
      round_trip_samples: this.check?.round_trip_samples ?? null,
      round_trip_found: [...this._found],
      clocks_apart_ppm: this._clocksPpm,
      gain: this._singer?.gain ?? 1,
    };
  }
}
