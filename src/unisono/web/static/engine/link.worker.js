/**
 * The worker between the room and the sound card: socket, clocks, decoders, microphone, all away from the page's thread, which may be busy or in the
 * background. The page's thread (engine.js) sends commands and gets plain messages; the worklets are reached through ports and shared rings.
 */

import { FrameClock } from "./clock.js";
import { codecSupport, measureDecoder, measureEncoder } from "./codec.js";
import { Delivery } from "./delivery.js";
import { ownerOf } from "./owner.js";
import { Keeper } from "./keeper.js";
import { Player, fetchClip } from "./player.js";
import { Ring } from "./ring.js";
import { RoomSocket, nowMs } from "./socket.js";
import { Trace } from "./trace.js";
import { SAMPLE_RATE } from "./units.js";
import { Voice } from "./voice.js";
import { Waits } from "./waits.js";
import { unpack } from "./wire.js";

const POLL_MS = 5;
/** Room for what the ear says while this worker is held up: 10 s. */
const MAP_FLOATS = 1 << 14;
const AIM_MS = 100;
const LINK_MS = 2_000;
const REPAIR_MS = 50;
const TRACE_MS = 1_000;
/** Between songs everyone hears everyone this far behind the room's clock, or further if the way is slower. */
const TALK_DELAY_SAMPLES = 6_000;
const SONG_STATES = new Set(["count_in", "singing", "ending"]);

/** @typedef {{performance: string, state: string, start: number, stop: number | null, count_in_samples: number, rows: number[][], delays_samples: number[], listener_delay_samples: number, backing: {url: string, samples: number} | null, frames_a_packet: number}} SongMessage */

/** @param {any} message @param {Transferable[]} [transfer] */
const tell = (message, transfer = []) => self.postMessage(message, { transfer });

class Link {
  constructor() {
    /** @type {RoomSocket | null} */
    this.socket = null;
    /** @type {MessagePort | null} */
    this.earPort = null;
    /** @type {Player | null} */
    this.player = null;
    /** @type {FrameClock | null} */
    this.frames = null;
    /** @type {Ring | null} */
    this.map = null;
    this.record = new Float64Array(4);
    this.heard = { frame: NaN, position: NaN, rate: NaN, epoch: 0 };
    this.seat = 0;
    this.trace = new Trace({ heardNow: () => this._heardNow(nowMs()), roomNow: () => this._roomNow() });
    this.way = /** @type {import("./trace.js").Way | null} */ (null);
    /** @type {ReturnType<Trace["report"]> | null} */
    this.traced = null;
    const storage = new Keeper((text) => tell({ type: "trouble", code: "storage", text }));
    this.delivery = new Delivery(storage, { send: (bytes) => this._send(bytes), say: (message) => this.socket?.send(message), nowMs });
    this.voice = new Voice(this.delivery, { onTalk: (bytes) => void this._send(bytes), tell }, this.trace);
    /** @type {SongMessage | null} */
    this.song = null;
    this.clip = { backing: "", premiere: "" };
    /** @type {{performance: string, url: string, start: number} | null} */
    this.premiere = null;
    this.gains = /** @type {Record<string, number>} */ ({});
    this.delay = TALK_DELAY_SAMPLES;
    this.codec = { encoder: false, decoder: false, decoder_shift_samples: 0, encoder_lookahead_samples: 0, likeness: 0 };
    this.shared = false;
    this.contextRate = SAMPLE_RATE;
    this.waits = new Waits();
    this.ticks = { aim: 0, link: 0, repair: 0, level: 0, trace: 0 };
  }

  /** Measure the codecs once; a page that cannot encode sends PCM, one that cannot decode asks for PCM. */
  async prepare() {
    try {
      const support = await codecSupport();
      const spec = await (await fetch(new URL("./opus-chirp.json", import.meta.url))).json();
      const frames = spec.frames.map((/** @type {string} */ text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)));
      const decoder = support.decoder ? await measureDecoder({ frames, chirp_at: spec.chirp_at }) : null;
      const encoder = support.encoder && decoder ? await measureEncoder(decoder.shiftSamples) : null;
      this.codec = {
        decoder: decoder !== null && decoder.likeness > 0.8,
        encoder: encoder !== null && encoder.likeness > 0.8,
        decoder_shift_samples: decoder?.shiftSamples ?? 0,
        encoder_lookahead_samples: encoder?.lookaheadSamples ?? 0,
        likeness: Math.min(decoder?.likeness ?? 0, encoder?.likeness ?? 1),
      };
      this.voice.codec = this.codec;
    } catch (error) {
      tell({ type: "trouble", code: "codec", text: String(error) });
    }
  }

  /** @param {string} url @param {any} hello @param {number} firstEpoch */
  connect(url, hello, firstEpoch) {
    this.voice.firstEpoch = firstEpoch;
    this.socket?.close();
    this.socket = new RoomSocket(url, { ...hello, decodes: this.codec.decoder ? "opus" : "pcm" }, {
      onMessage: (message) => this._message(message),
      onPacket: (data) => this.player?.packet(unpack(data)),
      onState: (state, code, text) => this._state(state, code, text),
    });
    this.looksClosely();
  }

  /** @param {'open'|'lost'|'closed'} state @param {number} [code] @param {string} [text] */
  _state(state, code, text) {
    tell({ type: "connection", state, code, text });
  }

  /** @param {any} message */
  _message(message) {
    if (message.type === "welcome") this._welcome(message);
    else if (message.type === "song") this._song(message.song ?? message);
    else if (message.type === "piece") this._fetchAhead(message);
    else if (message.type === "premiere") this._premiere(message);
    else if (message.type === "written") this.delivery.written(message.epoch, message.spans);
    else if (message.type === "missing") this.delivery.missing(message.spans);
    else if (message.type === "way") this.way = message;
    tell({ type: "message", message });
  }

  /** @param {any} message */
  _welcome(message) {
    this.seat = message.seat;
    this._song(message.song);
    this._fetchAhead(message.piece);
    this.delivery.connected();
    if (message.seat && message.key) void ownerOf(message.key).then((owner) => this.delivery.adopt(owner));
  }

  /** The backing is here before the song begins. @param {{piece: string | null, key: number, tempo_bpm: number} | null} picked */
  _fetchAhead(picked) {
    if (picked?.piece) void fetch(`/api/pieces/${picked.piece}/backing.wav?key=${picked.key}&tempo_bpm=${picked.tempo_bpm}`).then((answer) => answer.blob()).catch(() => undefined);
  }

  /** @param {{performance: string, url: string, start: number}} premiere kept for an ear that opens later */
  _premiere(premiere) {
    this.premiere = premiere;
    void this._playClip("premiere", premiere.performance, premiere.url, premiere.start);
  }

  /** @param {SongMessage | null} song */
  _song(song) {
    if (song && song.performance !== this.song?.performance) {
      this.trace.begin();
      this.way = null;
    }
    this.song = song;
    this.delay = this._delay();
    this.voice.song(song && SONG_STATES.has(song.state) ? song : null);
    if (song && SONG_STATES.has(song.state) && song.backing) void this._playClip("backing", song.performance, song.backing.url, song.start);
    if (!song || song.state === "discarded") this._stopClip("backing");
    if (!song || song.state === "discarded" || SONG_STATES.has(song.state)) this._stopClip("premiere");
  }

  /** How far behind the room's clock this page hears now. */
  _delay() {
    const song = this.song;
    if (song && SONG_STATES.has(song.state)) {
      const row = song.rows.findIndex((seats) => seats.includes(this.seat));
      return row < 0 ? song.listener_delay_samples : song.delays_samples[row];
    }
    if (song?.state === "premiere") return 0;
    return Math.max(TALK_DELAY_SAMPLES, Math.ceil(this.waits.link.down_samples / 4800) * 4800);
  }

  /** @param {'backing'|'premiere'} name @param {string} performance @param {string} url @param {number} start */
  async _playClip(name, performance, url, start) {
    if (!this.earPort || this.clip[name] === performance) return;
    this.clip[name] = performance;
    try {
      const { left, right } = await fetchClip(url, this.shared);
      if (this.clip[name] !== performance) return;
      if (name === "backing") this.voice.countIn(start, left.slice(0, this.song?.count_in_samples ?? 0));
      // Shared, else given away, never copied: minutes of sound are megabytes. What is given away is the ear's own from then on, and a thread that owns so much
      // more than before collects its garbage at once: at the start of a song, with helpers that a busy machine does not let run, sound stood still for a second.
      const given = this.shared ? [] : [...new Set([left.buffer, right.buffer])];
      this.earPort.postMessage({ type: "clip", name, start, left, right, gain: this.gains[name] ?? 1 }, given);
    } catch (error) {
      this.clip[name] = "";
      tell({ type: "trouble", code: `no_${name}`, text: String(error) });
    }
  }

  /** @param {'backing'|'premiere'} name */
  _stopClip(name) {
    this.clip[name] = "";
    this.earPort?.postMessage({ type: "clip", name, left: null });
  }

  /** @param {{port: MessagePort, contextRate: number, shared: boolean}} setup */
  openEar({ port, contextRate, shared }) {
    this.earPort = port;
    this.shared = shared;
    this.contextRate = contextRate;
    this.frames = new FrameClock(contextRate);
    this.voice.ear = { contextRate, shared, frames: this.frames, port, heardNow: (ms) => this._steadyNow(ms) };
    this.player = new Player(port, shared, this.codec.decoder_shift_samples, nowMs, this.trace);
    const memory = Ring.memory(MAP_FLOATS, 64, shared);
    this.map = new Ring(memory, 64);
    port.onmessage = ({ data }) => this._fromWorklet(data);
    port.postMessage({ type: "open", map: shared ? memory : null, tapes: this.player.memory });
    for (const [name, gain] of Object.entries(this.gains)) port.postMessage({ type: "gain", name, gain });
    this.clip = { backing: "", premiere: "" };
    this._song(this.song);
    if (this.premiere && this.premiere.performance === this.song?.performance) this._premiere(this.premiere);
    void this._loop(this.map);
  }

  closeEar() {
    this.map = null;
    this.earPort?.postMessage({ type: "close" });
    this.earPort = null;
  }

  closeMicrophone() {
    const check = this.voice.close();
    this.looksClosely();
    if (check) this.socket?.send({ type: "check", method: "none", output: check.output, round_trip_samples: null, spread_samples: null });
  }

  /** The ways are measured as closely as singing needs it, while a microphone is open. */
  looksClosely() {
    if (this.socket) this.socket.sings = this.voice.isOpen;
  }

  /** @param {any} data from the ear's port */
  _fromWorklet(data) {
    if (data.type === "test") this.voice.onTest?.(data.startFrame);
    if (data.type !== "ring") return;
    this.map?.write(data.floats, data.floats.length);
  }

  /** @param {import("./keep.js").Bytes} bytes */
  _send(bytes) {
    if (!this.socket?.flowing) return false;
    this.socket.sendPacket(bytes);
    return true;
  }

  /** @param {Ring} map  runs until the ear is closed or opened anew */
  async _loop(map) {
    while (this.map === map) {
      await map.changed(50, POLL_MS);
      this._drain(map);
      const now = nowMs();
      this.voice.pump(this._steadyNow(now));
      this._tick(now);
    }
  }

  /** The time is read after the counter: a glimpse may be late, never early. @param {Ring} map */
  _drain(map) {
    const record = this.record;
    let read = false;
    while (map.read(record, 4) === 4) {
      this.voice.map(record);
      if (record[3] !== this.heard.epoch) this.waits.unsteady(nowMs());
      this.heard = { frame: record[0], position: record[1], rate: record[2], epoch: record[3] };
      read = true;
    }
    if (!read) return;
    const now = nowMs();
    this.frames?.add(now, this.heard.frame);
    this.voice.glimpsed(now, this.heard.frame);
  }

  /** @param {number} now */
  _heardNow(now) {
    if (!this.frames?.ready || Number.isNaN(this.heard.position)) return NaN;
    return this.heard.position + this.heard.rate * (this.frames.at(now) - this.heard.frame);
  }

  /** NaN when nothing may be learnt from it. @param {number} now */
  _steadyNow(now) {
    return this.waits.steady(now) ? this._heardNow(now) : NaN;
  }

  _roomNow() {
    return this.socket?.clock.ready ? this.socket.clock.at(nowMs()) : NaN;
  }

  /** @param {number} now */
  _tick(now) {
    const due = (/** @type {'aim'|'link'|'repair'|'level'|'trace'} */ name, /** @type {number} */ every) => {
      if (now - this.ticks[name] < every) return false;
      this.ticks[name] = now;
      return true;
    };
    if (due("aim", AIM_MS)) {
      this._aim(now);
      this.voice.heed();
    }
    if (due("level", 100)) {
      this.voice.tellLevel();
      tell({ type: "diagnostics", diagnostics: this._diagnostics(now) });
    }
    if (due("trace", TRACE_MS)) this.traced = this._traced();
    if (due("link", LINK_MS)) this._tellLink(now);
    if (due("repair", REPAIR_MS)) this.delivery.repair(this.socket?.idle ?? false);
  }

  /** Tell the ear where the room stands. @param {number} now */
  _aim(now) {
    const { frames, socket } = this;
    if (!frames || !socket?.clock.ready || !this.earPort) return;
    if (!frames.ready) {
      frames.add(now, 0); // a guess, with which the ear begins to say where it really is; then it jumps there
      this.waits.unsteady(now);
    }
    const frame = frames.at(now);
    const rate = socket.clock.perMs / frames.perMs;
    this.earPort.postMessage({ type: "aim", frame, position: socket.clock.at(now) - this.delay, rate });
    tell({ type: "clock", ms: now, room: socket.clock.at(now), heard: this._heardNow(now), steady: this.waits.steady(now) });
  }

  /** The way up counts once enough of the checked stream went it. @param {number} now */
  _tellLink(now) {
    const link = this.waits.measure(this.socket, this.voice, this.player?.decodeMs ?? []);
    if (this.voice.check && link.up_samples === 0) this.ticks.link = now - LINK_MS + 300;
    if (link.down_samples > 0) this.socket?.send({ type: "link", ...link });
  }

  /** @param {boolean} on */
  setTalking(on) {
    this.voice.setTalking(on);
    this.socket?.send({ type: "talk", on });
  }

  /** The stages of sound on its way; while a song is sung, or as they were in the last one. */
  _traced() {
    const { song, codec } = this;
    return song && this.trace.report({
      row: song.rows.findIndex((row) => row.includes(this.seat)),
      delays_samples: song.delays_samples,
      device_samples: this.voice.check?.round_trip_samples ?? NaN,
      lookahead_samples: codec.encoder ? codec.encoder_lookahead_samples : 0,
      shift_samples: codec.decoder ? codec.decoder_shift_samples : 0,
      way: this.way,
    });
  }

  /** @param {number} now */
  _diagnostics(now) {
    const { player, socket, frames } = this;
    return {
      context_rate: this.contextRate,
      shared: this.shared,
      offset_samples: socket?.clock.ready ? socket.clock.at(now) - this._heardNow(now) - this.delay : null,
      drift_ppm: frames?.driftPpm ?? null,
      room_drift_ppm: socket?.clock.driftPpm ?? null,
      delay_samples: this.delay,
      row: this.song ? this.song.rows.findIndex((row) => row.includes(this.seat)) : null,
      heard: this._heardNow(now),
      ear_epoch: this.heard.epoch,
      frame_restarts: frames?.restarts ?? 0,
      ...this.voice.diagnostics(),
      unwritten_packets: this.delivery.unwritten,
      codec: this.codec,
      frames_heard: player?.frames,
      frames_late: player?.late,
      trace: this.traced,
      link: { ...this.waits.link, waits_ms: this.waits.partsMs },
    };
  }
}

const link = new Link();
const prepared = link.prepare();

self.onmessage = async ({ data }) => {
  await prepared;
  switch (data.type) {
    case "connect": return link.connect(data.url, data.hello, data.first_epoch);
    case "send": return link.socket?.send(data.message);
    case "close": return link.socket?.close();
    case "open_ear": return link.openEar(data);
    case "close_ear": return link.closeEar();
    case "open_microphone": return void link.voice.open(data).then(() => link.looksClosely());
    case "close_microphone": return link.closeMicrophone();
    case "check":
      link.voice.setCheck(data.check);
      link.waits.unsteady(nowMs());
      return link.socket?.lookAnew();
    case "devices": return link.voice.devicesChanged(data.ours);
    case "output": return link.voice.line(data.lineMs, data.underruns);
    case "talk": return link.setTalking(data.on);
    case "gain":
      link.gains[data.name] = data.gain;
      return link.earPort?.postMessage({ type: "gain", name: data.name, gain: data.gain });
    case "measure": return tell({ type: "answer", id: data.id, answer: await link.voice.measure() });
  }
};
