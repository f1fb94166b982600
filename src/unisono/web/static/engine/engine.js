/**
 * The engine as the page sees it: one object, plain events. Everything that must not wait runs in link.worker.js and the worklets;
 * here live only what needs a document: the audio context, permissions, devices, and lights that wait until a sound is heard.
 * Over 400 lines, because it is the only door: whatever the page may ask is one short method here.
 */

import { outputDelayMs } from "./clock.js";
import { DeviceList } from "./devices.js";
import { TapSession } from "./tapping.js";
import { playTone } from "./tone.js";
import { SAMPLE_RATE } from "./units.js";

const HEARD_DBFS = -45;
const HEARD_FOR = 3;
const EPOCH = "unisono.epoch";
const EPOCHS = 60_000;
/** Output buffer asked for, short at first; a machine that proves too busy for it (an underrun moves the round trip) gets twice as much, and again. */
const OUTPUT_SECONDS = 0.02;
const OUTPUT_SECONDS_MAX = 0.08;
/** Of the microphone, while the worker is held up: ten seconds of small ones. */
const BLOCKS_WAITING_MAX = 1_000;

/** @typedef {{type: string, [field: string]: any}} Message */
/** @typedef {{granted: MediaTrackSettings & {label: string}, warnings: string[]}} OpenedMicrophone */
/** @typedef {{accepted: boolean, round_trip_samples: number, spread_samples: number, confidence: number, snr_db: number, reason: string | null}} RoundTrip */

const nowMs = () => performance.timeOrigin + performance.now();

/** An error with a code that the page translates. @param {string} code @param {string} text */
const coded = (code, text) => Object.assign(new Error(text), { code });

/** @param {any} error from getUserMedia */
function microphoneError(error) {
  const codes = /** @type {Record<string, string>} */ ({ NotAllowedError: "denied", SecurityError: "denied", NotFoundError: "missing", OverconstrainedError: "missing", NotReadableError: "busy", AbortError: "busy" });
  return coded(codes[error?.name] ?? "busy", String(error?.message ?? error));
}

export class Engine extends EventTarget {
  constructor() {
    super();
    this._worker = new Worker(new URL("./link.worker.js", import.meta.url), { type: "module" });
    this._worker.onmessage = ({ data }) => this._fromWorker(data);
    this._worker.onerror = (event) => this._emit("trouble", { code: "engine", text: event.message });
    /** @type {AudioContext | null} */
    this._context = null;
    this._outputSeconds = OUTPUT_SECONDS;
    this._devices = new DeviceList(navigator.mediaDevices, (change) => this._worker.postMessage({ type: "devices", ours: change === "ours" }));
    /** @type {{device_id?: string}} */
    this._microphone = {};
    /** @type {MediaStream | null} */
    this._stream = null;
    /** @type {AudioNode[]} */
    this._micNodes = [];
    /** Whoever opens a microphone and finds another turn afterwards was closed, or another was opened. */
    this._turn = 0;
    /** @type {Map<number, (answer: any) => void>} */
    this._asked = new Map();
    this._asks = 0;
    this._clock = { ms: NaN, room: NaN, heard: NaN, steady: false };
    /** @type {any} */
    this._song = null;
    this._phase = "";
    this._seat = 0;
    this._loudFor = 0;
    this._epoch = 0;
    /** @type {Promise<void> | null} */
    this._building = null;
    /** @type {TapSession | null} */
    this._taps = null;
    /** @type {Record<string, number>} */
    this.faders = { backing: 1, leader: 1, before: 1, talk: 1, premiere: 1 };
    this.diagnostics = /** @type {Record<string, any>} */ ({});
    setInterval(() => this._followSong(), 50);
    setInterval(() => this._watchOutput(), 100);
    setInterval(() => this._wake(), 1_000);
  }

  /** What this browser can do here. */
  static capabilities() {
    return {
      secure: isSecureContext,
      microphone: Boolean(navigator.mediaDevices?.getUserMedia),
      worklet: isSecureContext && "AudioWorkletNode" in window,
      encoder: "AudioEncoder" in window,
      decoder: "AudioDecoder" in window,
      isolated: crossOriginIsolated,
      storage: Boolean(navigator.storage?.getDirectory) || "indexedDB" in window,
    };
  }

  /**
   * Join the room; resolves with the first `welcome`, rejects with the server's closing code if there is none.
   * @param {{token: string, key: string | null, name: string, flag: any, place: string, watch: boolean}} hello @returns {Promise<any>}
   */
  connect(hello) {
    const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`;
    const welcome = new Promise((resolve, reject) => {
      const message = (/** @type {any} */ event) => event.detail.type === "welcome" && done(() => resolve(event.detail));
      const connection = (/** @type {any} */ event) => event.detail.state === "closed" && done(() => reject(coded(String(event.detail.code), event.detail.text)));
      const done = (/** @type {() => void} */ act) => {
        this.removeEventListener("message", message);
        this.removeEventListener("connection", connection);
        act();
      };
      this.addEventListener("message", message);
      this.addEventListener("connection", connection);
    });
    this._worker.postMessage({ type: "connect", url, hello, first_epoch: this._firstEpoch() });
    return welcome;
  }

  /** @param {Message} message page to server, docs/wire.md */
  send(message) {
    this._worker.postMessage({ type: "send", message });
  }

  close() {
    this._worker.postMessage({ type: "close" });
    this.closeMicrophone();
  }

  get earOpen() {
    return this._context?.state === "running";
  }

  get microphoneOpen() {
    return this._stream !== null;
  }

  /** Open the sound output; call inside a gesture. Resolves when sound runs. */
  async openEar() {
    this._building ??= this._buildEar();
    await this._building.catch((error) => {
      this._building = this._context = null;
      throw error;
    });
    const context = /** @type {AudioContext} */ (this._context);
    if (context.state !== "running") await context.resume();
  }

  /**
   * @param {{device_id?: string}} [choice] @returns {Promise<OpenedMicrophone>}
   * Rejects with .code 'insecure', 'denied', 'missing' or 'busy'.
   */
  async openMicrophone(choice = {}) {
    const { device_id } = choice;
    this._microphone = choice;
    if (!navigator.mediaDevices?.getUserMedia) throw coded("insecure", "no microphone here without HTTPS");
    await this.openEar();
    this.closeMicrophone();
    const turn = this._turn;
    const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1, ...(device_id ? { deviceId: { exact: device_id } } : {}) };
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio });
    } catch (error) {
      throw microphoneError(error);
    }
    const track = stream.getAudioTracks()[0];
    if (turn === this._turn) this._stream = stream;
    else track.stop();
    track.onended = () => this._emit("trouble", { code: "microphone_lost", text: track.label });
    const settings = track.getSettings();
    await this._devices.watch(settings.deviceId);
    if (turn === this._turn) this._listenTo(stream, track);
    else if (!this._stream) this._devices.rest();
    const processed = settings.echoCancellation || settings.noiseSuppression || settings.autoGainControl;
    return { granted: { ...settings, label: track.label }, warnings: processed ? ["processed_microphone"] : [] };
  }

  closeMicrophone() {
    this._turn += 1;
    for (const track of this._stream?.getTracks() ?? []) track.stop();
    for (const node of this._micNodes) node.disconnect();
    if (this._stream) this._worker.postMessage({ type: "close_microphone" });
    this._stream = null;
    this._micNodes = [];
    this._devices.rest();
  }

  /** What there is to choose from. */
  devices() {
    return this._devices.choices();
  }

  /** Play the probe and find it in the microphone; streams that were not steady are opened anew with more patience. @param {(share: number) => void} [onProgress] @returns {Promise<RoundTrip>} */
  async measureRoundTrip(onProgress) {
    const begun = nowMs();
    const timer = setInterval(() => onProgress?.(Math.min(0.95, (nowMs() - begun) / 5_000)), 100);
    try {
      const result = await this._ask({ type: "measure" });
      if (result.reason === "unsteady" && this._outputSeconds < OUTPUT_SECONDS_MAX) await this._reopen(2 * this._outputSeconds);
      return result;
    } finally {
      clearInterval(timer);
      onProgress?.(1);
    }
  }

  /** Start the click to tap along with. @param {{bpm?: number}} [choice] */
  async startTapping({ bpm } = {}) {
    await this.openEar();
    this._taps = new TapSession(/** @type {AudioContext} */ (this._context), bpm);
    return this._taps.start();
  }

  /** One tap, now or at the time of its event. @param {number} [timeStamp] of the event */
  tap(timeStamp = performance.now()) {
    this._taps?.tap(timeStamp);
  }

  /** @returns {{accepted: boolean, round_trip_samples: number, spread_samples: number, reason: string | null}} */
  stopTapping() {
    const taps = this._taps;
    this._taps = null;
    return taps?.stop() ?? { accepted: false, round_trip_samples: NaN, spread_samples: NaN, reason: "too_few" };
  }

  /** Stamp by this from now on, and tell the room. @param {{method: string, output: string, round_trip_samples: number, spread_samples: number}} check */
  applyCheck({ method, output, round_trip_samples, spread_samples }) {
    const measured = method !== "none";
    this._worker.postMessage({ type: "check", check: measured ? { round_trip_samples, unsure: method !== "acoustic", output } : null });
    const whole = (/** @type {number} */ value) => (measured && Number.isFinite(value) ? Math.max(0, Math.round(value)) : 0);
    this.send({ type: "check", method, output, round_trip_samples: whole(round_trip_samples), spread_samples: whole(spread_samples) });
  }

  /** @param {boolean} on */
  setTalking(on) {
    this._worker.postMessage({ type: "talk", on });
  }

  /** @param {string} name backing, leader, before, talk or premiere @param {number} gain 0..1.5 */
  setFader(name, gain) {
    this.faders[name] = gain;
    this._worker.postMessage({ type: "gain", name, gain });
  }

  /** Position at this page's ears now; null before anything is heard. */
  get heardPosition() {
    const { ms, heard } = this._clock;
    if (Number.isNaN(heard)) return null;
    const toEarMs = this._context ? outputDelayMs(this._context) : 0;
    return heard + ((nowMs() - ms - toEarMs) * SAMPLE_RATE) / 1000;
  }

  /** The same for what a camera sees: null, too, while the ear has yet to find its place, as after a reload in mid-song. */
  get steadyPosition() {
    return this._clock.steady ? this.heardPosition : null;
  }

  /** The room's clock now. */
  get roomPosition() {
    const { ms, room } = this._clock;
    return Number.isNaN(room) ? null : room + ((nowMs() - ms) * SAMPLE_RATE) / 1000;
  }

  /** A soft tone at this page only. @param {number} midi @param {number} [seconds] */
  playNote(midi, seconds = 2) {
    if (this._context) playTone(this._context, midi, seconds);
  }

  /** Output and microphone anew; whatever was measured holds no longer. @param {number} outputSeconds */
  async _reopen(outputSeconds) {
    this._outputSeconds = outputSeconds;
    this.closeMicrophone();
    this._worker.postMessage({ type: "close_ear" });
    await this._context?.close();
    this._context = this._building = null;
    this._worker.postMessage({ type: "check", check: null });
    await this.openMicrophone(this._microphone);
  }

  async _buildEar() {
    const context = new AudioContext({ latencyHint: this._outputSeconds });
    this._context = context;
    context.onstatechange = () => context.state !== "running" && context.state !== "closed" && this._emit("trouble", { code: "interrupted", text: context.state });
    const modules = ["./ear.worklet.js", "./mic.worklet.js"].map((name) => context.audioWorklet.addModule(new URL(name, import.meta.url)));
    await Promise.all(modules);
    const ear = new AudioWorkletNode(context, "ear", { numberOfInputs: 0, outputChannelCount: [2] });
    ear.connect(context.destination);
    const { port1, port2 } = new MessageChannel();
    ear.port.postMessage({ port: port2 }, [port2]);
    this._worker.postMessage({ type: "open_ear", port: port1, contextRate: context.sampleRate, shared: crossOriginIsolated }, [port1]);
  }

  /** The track itself where the browser hands it out, else through the audio graph (capture.js). @param {MediaStream} stream @param {MediaStreamTrack} track */
  _listenTo(stream, track) {
    const devices = this._devices.inUse;
    if ("MediaStreamTrackProcessor" in window) {
      const { readable } = new /** @type {any} */ (window).MediaStreamTrackProcessor({ track, maxBufferSize: BLOCKS_WAITING_MAX });
      return this._worker.postMessage({ type: "open_microphone", readable, port: null, devices }, [readable]);
    }
    const context = /** @type {AudioContext} */ (this._context);
    const source = new MediaStreamAudioSourceNode(context, { mediaStream: stream });
    const mic = new AudioWorkletNode(context, "mic", { numberOfOutputs: 1, channelCount: 1, channelCountMode: "explicit" });
    source.connect(mic);
    mic.connect(context.destination); // silent: it writes no output, but a node that leads nowhere is not run everywhere
    this._micNodes = [source, mic];
    const { port1, port2 } = new MessageChannel();
    mic.port.postMessage({ port: port2 }, [port2]);
    this._worker.postMessage({ type: "open_microphone", readable: null, port: port1, devices }, [port1]);
  }

  /** Epochs of one seat go up over reloads, so that what is sung later wins. */
  _firstEpoch() {
    try {
      return (Number(localStorage.getItem(EPOCH) ?? 0) + 1) % EPOCHS;
    } catch {
      return 0; // storage is blocked
    }
  }

  /** @param {Record<string, any>} diagnostics */
  _diagnosed(diagnostics) {
    this.diagnostics = diagnostics;
    if (diagnostics.epoch === null || diagnostics.epoch === this._epoch) return;
    this._epoch = diagnostics.epoch;
    try {
      localStorage.setItem(EPOCH, String(this._epoch));
    } catch {
      // storage is blocked: a reload in the middle of a song then begins at 0
    }
  }

  /** @param {any} question @returns {Promise<any>} */
  _ask(question) {
    const id = ++this._asks;
    return new Promise((resolve) => {
      this._asked.set(id, resolve);
      this._worker.postMessage({ ...question, id });
    });
  }

  /** @param {any} data */
  _fromWorker(data) {
    switch (data.type) {
      case "message": return this._message(data.message);
      case "connection": return this._emit("connection", data);
      case "clock": return void (this._clock = data);
      case "level": return this._level(data);
      case "diagnostics": return this._diagnosed(data.diagnostics);
      case "trouble": return this._emit("trouble", data);
      case "answer":
        this._asked.get(data.id)?.(data.answer);
        this._asked.delete(data.id);
    }
  }

  /** @param {any} message */
  _message(message) {
    if (message.type === "welcome") {
      this._seat = message.seat;
      this._song = message.song;
    }
    if (message.type === "song") this._song = message.song ?? message;
    if (message.type === "levels") this._light(message);
    this._emit("message", message);
  }

  /** Balconies light up when their sound is heard here; the leader, who hears nobody, sees them as they come. @param {{position: number, levels: Record<string, number>}} message */
  _light({ position, levels }) {
    const heard = this.heardPosition;
    const wait = heard === null ? 0 : Math.min(4_000, Math.max(0, ((position - heard) * 1000) / SAMPLE_RATE));
    setTimeout(() => {
      for (const [seat, level] of Object.entries(levels)) this._emit("sounding", { seat: Number(seat), level });
    }, wait);
  }

  /** @param {{dbfs: number, peak_dbfs: number, clipped: boolean}} level */
  _level({ dbfs, peak_dbfs, clipped }) {
    this._loudFor = dbfs > HEARD_DBFS ? this._loudFor + 1 : 0;
    this._emit("level", { dbfs, peak_dbfs, clipped, heard: this._loudFor >= HEARD_FOR });
  }

  /** What only the page's thread can read of the output goes to the worker's watch. */
  _watchOutput() {
    const context = this._context;
    if (!context || context.state !== "running" || !this._stream) return;
    const { contextTime = 0, performanceTime = 0 } = context.getOutputTimestamp();
    const underruns = /** @type {any} */ (context).playbackStats?.underrunEvents ?? 0;
    this._worker.postMessage({ type: "output", lineMs: 1000 * contextTime - performanceTime, underruns });
  }

  /** Sound that the system has stopped (a call, a device that went) goes on as soon as it may. */
  _wake() {
    const state = this._context?.state ?? "closed";
    if (state !== "running" && state !== "closed") void this._context?.resume().catch(() => undefined);
  }

  /** Where the song is for this page's ears. */
  _followSong() {
    const song = this._song;
    const heard = this.heardPosition;
    const phase = song && heard !== null ? phaseOf(song, heard) : "over";
    const changed = `${song?.performance ?? ""} ${phase}`;
    if (changed === this._phase) return;
    this._phase = changed;
    this._emit("song", { phase, performance: song?.performance ?? null });
  }

  /** @param {string} name @param {any} detail */
  _emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/** @param {any} song @param {number} heard */
function phaseOf(song, heard) {
  if (!["count_in", "singing", "ending"].includes(song.state)) return "over";
  if (song.stop !== null && heard >= song.stop) return "over";
  if (heard < song.start) return "waiting";
  if (heard < song.start + song.count_in_samples) return "count_in";
  return song.state === "ending" ? "last" : "singing";
}
