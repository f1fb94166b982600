/**
 * The worker between the room and the sound card: socket, clocks, decoders, microphone, all away from the page's thread, which may be busy or in the
 * background. The page's thread (engine.js) sends commands and gets plain messages; the worklets are reached through ports and shared rings.
 */

import { FrameClock } from "./clock.js";
import { codecSupport, measureDecoder, measureEncoder } from "./codec.js";
import { makeProbe, measureRoundTrip } from "./calibrate.js";
import { Delivery } from "./delivery.js";
import { Keeper } from "./keeper.js";
import { Player, fetchClip } from "./player.js";
import { Ring } from "./ring.js";
import { Singer } from "./singer.js";
import { RoomSocket, nowMs } from "./socket.js";
import { SAMPLE_RATE } from "./units.js";
import { unpack } from "./wire.js";

const POLL_MS = 5;
/** Room for what the ear says while this worker is held up: 10 s. */
const MAP_FLOATS = 1 << 14;
const AIM_MS = 100;
const LINK_MS = 2_000;
const REPAIR_MS = 250;
/** Between songs everyone hears everyone this far behind the room's clock, or further if the way is slower. */
const TALK_DELAY_SAMPLES = 6_000;
/** For the ear's burst, and for a way that is slower while everybody sings than before. The server's part is in core/rows.py. */
const EAR_MARGIN_MS = 28;
const UP_MARGIN_SAMPLES = 720;
const LAGS_MIN = 25;
/** The sung phrase's peaks are brought up to here, at most by so much. */
const PHRASE_PEAK_DBFS = -12;
const PHRASE_GAIN_DB_MAX = 15;
const PHRASE_PEAKS = 80;
const SONG_STATES = new Set(["count_in", "singing", "ending"]);

/** @typedef {{performance: string, state: string, start: number, stop: number | null, rows: number[][], delays_samples: number[], listener_delay_samples: number, backing: {url: string, samples: number} | null}} SongMessage */

/** @param {any} message @param {Transferable[]} [transfer] */
const tell = (message, transfer = []) => self.postMessage(message, { transfer });

/** @param {number[]} values @param {number} share */
function percentile(values, share) {
  if (values.length === 0) return 0;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) * share)];
}

/** @param {string} text */
async function shortHash(text) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return [...digest.slice(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

class Link {
  constructor() {
    /** @type {RoomSocket | null} */
    this.socket = null;
    /** @type {MessagePort | null} */
    this.earPort = null;
    /** @type {MessagePort | null} */
    this.micPort = null;
    /** @type {Player | null} */
    this.player = null;
    /** @type {Singer | null} */
    this.singer = null;
    /** @type {FrameClock | null} */
    this.frames = null;
    /** @type {Ring | null} */
    this.map = null;
    this.record = new Float64Array(4);
    this.heard = { frame: NaN, position: NaN, rate: NaN, epoch: 0 };
    this.seat = 0;
    const storage = new Keeper((text) => tell({ type: "trouble", code: "storage", text }));
    this.delivery = new Delivery(storage, { send: (bytes) => this._send(bytes), say: (message) => this.socket?.send(message), nowMs });
    /** @type {SongMessage | null} */
    this.song = null;
    this.clip = { backing: "", premiere: "" };
    /** @type {{performance: string, url: string, start: number} | null} */
    this.premiere = null;
    this.gains = /** @type {Record<string, number>} */ ({});
    this.delay = TALK_DELAY_SAMPLES;
    this.codec = { encoder: false, decoder: false, decoder_shift_samples: 0, encoder_lookahead_samples: 0, likeness: 0 };
    this.level = { peak: 0, power: 0, count: 0 };
    this.firstEpoch = 0;
    this.shared = false;
    this.contextRate = SAMPLE_RATE;
    /** @type {{round_trip_samples: number, unsure: boolean, output: string} | null} */
    this.check = null;
    /** @type {number[]} of the last seconds, dBFS */
    this.peaks = [];
    this.talking = false;
    /** @type {((startFrame: number) => void) | null} */
    this.onTest = null;
    this.ticks = { aim: 0, link: 0, repair: 0, level: 0 };
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
    } catch (error) {
      tell({ type: "trouble", code: "codec", text: String(error) });
    }
  }

  /** @param {string} url @param {any} hello @param {number} firstEpoch */
  connect(url, hello, firstEpoch) {
    this.firstEpoch = firstEpoch;
    this.socket?.close();
    this.socket = new RoomSocket(url, { ...hello, decodes: this.codec.decoder ? "opus" : "pcm" }, {
      onMessage: (message) => this._message(message),
      onPacket: (data) => this.player?.packet(unpack(data)),
      onState: (state, code, text) => this._state(state, code, text),
    });
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
    tell({ type: "message", message });
  }

  /** @param {any} message */
  _welcome(message) {
    this.seat = message.seat;
    this._song(message.song);
    this._fetchAhead(message.piece);
    this.delivery.connected();
    if (message.seat && message.key) void shortHash(message.key).then((owner) => this.delivery.adopt(owner));
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
    this.song = song;
    this.delay = this._delay();
    this.singer?.song(song && SONG_STATES.has(song.state) && this.check ? song : null);
    if (song && SONG_STATES.has(song.state) && song.backing) void this._playClip("backing", song.performance, song.backing.url, song.start);
    if (!song || song.state === "discarded") {
      this._stopClip("backing");
      this._stopClip("premiere");
    }
  }

  /** How far behind the room's clock this page hears now. */
  _delay() {
    const song = this.song;
    if (song && SONG_STATES.has(song.state)) {
      const row = song.rows.findIndex((seats) => seats.includes(this.seat));
      return row < 0 ? song.listener_delay_samples : song.delays_samples[row];
    }
    if (song?.state === "premiere") return 0;
    return Math.max(TALK_DELAY_SAMPLES, Math.ceil(this._downSamples() / 4800) * 4800);
  }

  /** @param {'backing'|'premiere'} name @param {string} performance @param {string} url @param {number} start */
  async _playClip(name, performance, url, start) {
    if (!this.earPort || this.clip[name] === performance) return;
    this.clip[name] = performance;
    try {
      const { left, right } = await fetchClip(url);
      if (this.clip[name] === performance) this.earPort.postMessage({ type: "clip", name, start, left, right, gain: this.gains[name] ?? 1 });
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
    this.player = new Player(port, shared, this.codec.decoder_shift_samples, nowMs);
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

  /** @param {MessagePort} port */
  openMicrophone(port) {
    this.closeMicrophone();
    this.micPort = port;
    this.singer = new Singer(
      { contextRate: this.contextRate, shared: this.shared, firstEpoch: this.firstEpoch, encodes: this.codec.encoder, lookahead: this.codec.encoder_lookahead_samples },
      this.delivery,
      {
        onTalk: (bytes) => void this._send(bytes),
        onLevel: (peak, power, count) => this._meter(peak, power, count),
        onTrouble: (code, text) => tell({ type: "trouble", code, text }),
      },
    );
    this.singer.talking = this.talking;
    port.onmessage = ({ data }) => this._fromWorklet(data);
    const { sound, heads } = this.singer.memory;
    port.postMessage({ type: "open", sound: this.shared ? sound : null, heads: this.shared ? heads : null });
    this._song(this.song);
  }

  closeMicrophone() {
    if (this.singer) this.firstEpoch = this.singer.stamper.epoch + 1;
    this.micPort?.postMessage({ type: "close" });
    this.micPort = null;
    this.singer = null;
    if (this.check) this.socket?.send({ type: "check", method: "none", output: this.check.output, round_trip_samples: null, spread_samples: null });
    this.check = null;
    this.peaks.length = 0;
  }

  /** @param {any} data from a worklet's port */
  _fromWorklet(data) {
    if (data.type === "test") this.onTest?.(data.startFrame);
    if (data.type !== "ring") return;
    const ring = data.name === "map" ? this.map : data.name === "sound" ? this.singer?.sound : this.singer?.heads;
    ring?.write(data.floats, data.floats.length);
  }

  /** @param {import("./keep.js").Bytes} bytes */
  _send(bytes) {
    if (!this.socket?.flowing) return false;
    this.socket.sendPacket(bytes);
    return true;
  }

  /** @param {number} peak @param {number} power @param {number} count */
  _meter(peak, power, count) {
    const level = this.level;
    level.peak = Math.max(level.peak, peak);
    level.power += power;
    level.count += count;
  }

  /** @param {Ring} map  runs until the ear is closed or opened anew */
  async _loop(map) {
    while (this.map === map) {
      await map.changed(50, POLL_MS);
      this._drain(map);
      const now = nowMs();
      if (this.player) this.player.heard = this._heardNow(now);
      this.singer?.pump(this._heardNow(now));
      this._tick(now);
    }
  }

  /** The time is read after the counter: a glimpse may be late, never early. @param {Ring} map */
  _drain(map) {
    const record = this.record;
    let read = false;
    while (map.read(record, 4) === 4) {
      this.singer?.stamper.map(record[0], record[1], record[2], record[3]);
      this.heard = { frame: record[0], position: record[1], rate: record[2], epoch: record[3] };
      read = true;
    }
    if (read) this.frames?.add(nowMs(), this.heard.frame);
  }

  /** @param {number} now */
  _heardNow(now) {
    if (!this.frames?.ready || Number.isNaN(this.heard.position)) return NaN;
    return this.heard.position + this.heard.rate * (this.frames.at(now) - this.heard.frame);
  }

  /** @param {number} now */
  _tick(now) {
    const due = (/** @type {'aim'|'link'|'repair'|'level'} */ name, /** @type {number} */ every) => {
      if (now - this.ticks[name] < every) return false;
      this.ticks[name] = now;
      return true;
    };
    if (due("aim", AIM_MS)) this._aim(now);
    if (due("level", 100)) this._tellLevel(now);
    if (due("link", LINK_MS)) this._tellLink(now);
    if (due("repair", REPAIR_MS)) this.delivery.repair(this.socket?.idle ?? false);
  }

  /** Tell the ear where the room stands. @param {number} now */
  _aim(now) {
    const { frames, socket } = this;
    if (!frames || !socket?.clock.ready || !this.earPort) return;
    if (!frames.ready) frames.add(now, 0);
    const frame = frames.at(now);
    const rate = socket.clock.perMs / frames.perMs;
    this.earPort.postMessage({ type: "aim", frame, position: socket.clock.at(now) - this.delay, rate });
    tell({ type: "clock", ms: now, room: socket.clock.at(now), heard: this._heardNow(now) });
  }

  /** @param {number} now */
  _tellLevel(now) {
    const { peak, power, count } = this.level;
    this.level = { peak: 0, power: 0, count: 0 };
    if (count > 0) this.peaks.push(20 * Math.log10(peak + 1e-7));
    if (this.peaks.length > PHRASE_PEAKS) this.peaks.shift();
    if (count > 0) tell({ type: "level", dbfs: 10 * Math.log10(power / count + 1e-13), peak_dbfs: 20 * Math.log10(peak + 1e-7), clipped: peak >= 0.999 });
    tell({ type: "diagnostics", diagnostics: this._diagnostics(now) });
  }

  _downSamples() {
    const clock = this.socket?.clock;
    const ms = (clock?.oneWayMs ?? 0) + percentile(this.player?.decodeMs ?? [], 0.95) + EAR_MARGIN_MS;
    return Math.round((ms * SAMPLE_RATE) / 1000);
  }

  _upSamples() {
    const clock = this.socket?.clock;
    const lag = percentile(this.singer?.lagSamples.filter(Number.isFinite) ?? [], 0.98);
    const encoding = this.codec.encoder_lookahead_samples + UP_MARGIN_SAMPLES;
    return Math.round(lag + encoding + ((clock?.oneWayMs ?? 0) * SAMPLE_RATE) / 1000);
  }

  /** The way up counts once enough of the checked stream went it. @param {number} now */
  _tellLink(now) {
    const lags = this.check ? (this.singer?.lagSamples.length ?? 0) : 0;
    const known = lags >= LAGS_MIN;
    if (this.check && !known) this.ticks.link = now - LINK_MS + 300;
    const up_samples = known ? this._upSamples() : 0;
    this.socket?.send({ type: "link", up_samples: Math.max(0, up_samples), down_samples: Math.max(0, this._downSamples()) });
  }

  /** Play the probe and record. @returns {Promise<any>} */
  async measure() {
    if (!this.singer || !this.earPort) return { accepted: false, reason: "no_microphone" };
    this._setGain();
    const probe = makeProbe(this.contextRate);
    const started = new Promise((resolve) => (this.onTest = resolve));
    this.earPort.postMessage({ type: "test", sound: probe.sound });
    const startFrame = await started;
    const recorded = await this.singer.capture(startFrame, probe.listen_frames);
    const result = measureRoundTrip(recorded, probe, this.contextRate);
    const samples = SAMPLE_RATE / this.contextRate;
    return { ...result, round_trip_samples: result.round_trip_frames * samples, spread_samples: result.spread_frames * samples };
  }

  /** A soft voice is brought up by what was sung before the measurement; the loud tenth of its peaks decides. */
  _setGain() {
    if (!this.singer || this.peaks.length === 0) return;
    const missing = PHRASE_PEAK_DBFS - percentile(this.peaks, 0.9);
    this.singer.gain = 10 ** (Math.max(0, Math.min(PHRASE_GAIN_DB_MAX, missing)) / 20);
  }

  /** @param {{round_trip_samples: number, unsure: boolean, output: string} | null} check */
  setCheck(check) {
    this.check = check;
    if (this.singer) this.singer.lagSamples.length = 0;
    if (check) this.singer?.stamper.setRoundTrip((check.round_trip_samples * this.contextRate) / SAMPLE_RATE, check.unsure);
    this._song(this.song);
  }

  /** The round trip may no longer be what was measured: what is sung from now on is marked. @param {string} code @param {string} text */
  doubt(code, text) {
    if (!this.singer || this.singer.stamper.unsure || !this.check) return;
    this.singer.stamper.unsure = true;
    tell({ type: "trouble", code, text });
  }

  /** @param {boolean} on */
  setTalking(on) {
    this.talking = on;
    if (this.singer) this.singer.talking = on;
    if (on && this.singer && !this.singer.stamper.ready) this.singer.stamper.setRoundTrip(0.1 * this.contextRate, true);
    this.socket?.send({ type: "talk", on });
  }

  /** @param {number} now */
  _diagnostics(now) {
    const { singer, player, socket, frames } = this;
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
      epoch: singer?.stamper.epoch ?? null,
      holes: singer?.stamper.holes ?? 0,
      lost_frames: singer?.stamper.lostFrames ?? 0,
      round_trip_samples: this.check?.round_trip_samples ?? null,
      gain: singer?.gain ?? 1,
      unwritten_packets: this.delivery.unwritten,
      codec: this.codec,
      frames_heard: player?.frames,
      frames_late: player?.late,
      link: { up_samples: this._upSamples(), down_samples: this._downSamples(), one_way_ms: socket?.clock.oneWayMs ?? null },
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
    case "open_microphone": return link.openMicrophone(data.port);
    case "close_microphone": return link.closeMicrophone();
    case "check": return link.setCheck(data.check);
    case "doubt": return link.doubt(data.code, data.text);
    case "talk": return link.setTalking(data.on);
    case "gain":
      link.gains[data.name] = data.gain;
      return link.earPort?.postMessage({ type: "gain", name: data.name, gain: data.gain });
    case "measure": return tell({ type: "answer", id: data.id, answer: await link.measure() });
  }
};
