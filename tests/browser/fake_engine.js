/**
 * An engine without sound or server, for tests of the page alone: the same API, neighbours that come from a list, a
 * song that runs by the wall clock. What a test wants otherwise it says in `window.pretend` before the page loads.
 */

const RATE = 48000;
const pretend = Object.assign({ role: "host", neighbours: 6, microphone: "granted", measure: ["accepted"], watched: null }, window.pretend);
const NEIGHBOURS = [
  ["Giulia", "Torino", "it"], ["Marta", "Sevilla", "es"], ["Ola", "Kraków", "pl"], ["Wei", "武汉", "cn"], ["Tom", "Leeds", "gb"],
  ["Amélie", "Lyon", "fr"], ["Jonas", "Köln", "de"], ["Nonna Rosa", "Palermo", "it"], ["Iker", "Bilbao", "es"], ["Zuzanna", "Gdańsk", "pl"],
];
const clock = () => Math.round((performance.now() * RATE) / 1000) + 1e6;

/** A second row's, as engine/trace.js reports it. */
const fixed = (mean) => ({ mean, least: NaN, p95: NaN, most: NaN, count: 1 });
const TRACE = {
  row: 1,
  up: { device: fixed(75), frame: fixed(20), lookahead: fixed(6.5), capture: { mean: 8, least: 1, p95: 20, most: 40, count: 500 }, encode: fixed(1.5), send: fixed(0.2), network: fixed(12) },
  down: { wait: fixed(0.5), mixing: fixed(0), network: fixed(11), decode: fixed(2), early: null },
};

export class Engine extends EventTarget {
  sent = [];
  faders = {};
  earOpen = false;
  microphoneOpen = false;
  seats = new Map();
  song = null;
  picked = null;
  leader = null;
  me = 0;

  static capabilities() {
    return { secure: true, microphone: true, worklet: !pretend.plain, encoder: true, decoder: true, isolated: true, storage: true };
  }

  async connect(hello) {
    this.hello = hello;
    if (pretend.closing) throw Object.assign(new Error("closed"), { code: String(pretend.closing) });
    for (let i = 0; i < pretend.neighbours; i++) {
      const [name, place, country] = NEIGHBOURS[i % NEIGHBOURS.length];
      this.seats.set(i + 1, this._seat(i + 1, name, place, { country }, "performer"));
    }
    for (let i = 0; i < (pretend.listeners ?? 14); i++) this.seats.set(500 + i, this._seat(500 + i, "", "", null, "listener"));
    if (pretend.leader) this.leader = pretend.leader;
    this._welcome();
    setInterval(() => this._beat(), 100);
    this._emit("connection", { state: "open" });
    return {};
  }

  _seat(seat, name, place, flag, role) {
    return { seat, name, place, flag, role, present: true, hand: false, talking: false, row: null, method: "acoustic", output: "headphones" };
  }

  _welcome() {
    this._tell({
      type: "welcome", room: { title: "Via Garibaldi 12", place: "Firenze", role: pretend.role }, seat: this.me, key: this.me ? "secret" : null,
      seats: [...this.seats.values()], leader: this.leader, piece: this.picked, song: this.song,
      written: [{ seat: 1, text: "Buonasera a tutti!", at: 5 }], position: clock(), capacity: 300,
    });
  }

  send(message) {
    this.sent.push(message);
    const answer = this[`_on_${message.type}`];
    if (answer) setTimeout(() => answer.call(this, message), 20);
  }

  _on_who({ name, flag, place }) {
    const first = this.me === 0;
    this.me = 77;
    this.seats.set(77, { ...this._seat(77, name, place, flag, pretend.role), part: this.seats.get(77)?.part ?? "" });
    if (first && pretend.role === "host") this.leader = 77;
    if (first) this._welcome();
    else this._tell({ type: "seat", seat: this.seats.get(77) });
    this._tell({ type: "rows", rows: this._rows() });
  }

  _rows() {
    const lead = this.leader ?? 1;
    const rest = [...this.seats.values()].filter((one) => one.role !== "listener" && one.seat !== lead).map((one) => one.seat);
    return [[lead], rest.filter((_, i) => i % 2 === 0), rest.filter((_, i) => i % 2 === 1)];
  }

  _on_part({ part, seat = this.me }) {
    if (part.length > 40) return this._tell({ type: "problem", code: "bad_part", text: "", fatal: false });
    this.seats.set(seat, { ...this.seats.get(seat), part });
    this._tell({ type: "seat", seat: this.seats.get(seat) });
  }
  _on_wave() { this._tell({ type: "wave", seat: this.me }); }
  _on_hand({ up }) { this._tell({ type: "hand", seat: this.me, up }); }
  _on_write({ text }) { this._tell({ type: "write", seat: this.me, text, at: clock() }); }
  _on_pick({ piece, key, tempo_bpm }) { this._tell(this.picked = { type: "piece", piece, key, tempo_bpm, by: this.me }); }
  _on_lead({ seat }) { this._tell({ type: "leader", seat: this.leader = seat }); }
  _on_note() { this._tell({ type: "note", midi: 71, by: this.me }); }
  _on_start() {
    const { piece, key, tempo_bpm } = this.picked ?? { piece: null, key: 0, tempo_bpm: 0 };
    const tempo = tempo_bpm || 100;
    const countIn = piece ? Math.round((8 * 60 * RATE) / tempo) : 0;
    this._setSong({
      performance: `p${clock()}`, state: "count_in", piece, key, tempo_bpm: tempo, start: clock() + RATE / 4, stop: null, leader: this.leader, delays_samples: [0, 20000, 40000],
      listener_delay_samples: 60000, rows: this._rows(), backing: null, count_in_samples: countIn,
    });
  }
  _on_again() { this._on_start(); }
  _on_stop({ position }) {
    this._setSong({ ...this.song, state: "ending", stop: position });
    setTimeout(() => this._mix(0), 300);
  }

  _mix(share) {
    if (share === 0) this._setSong({ ...this.song, state: "mixing" });
    const done = share >= 1;
    this._tell({ type: "mix", performance: this.song.performance, share, step: "balance", page: done ? "/performance#sung" : null });
    if (done) this._setSong({ ...this.song, state: "premiere" });
    else setTimeout(() => this._mix(share + 0.25), 150);
  }

  _setSong(song) {
    this.song = song;
    this._tell({ type: "song", ...song });
  }

  _beat() {
    const position = this.heardPosition;
    const phase = this._phase(position);
    if (phase !== this._last) this._emit("song", { phase, performance: this.song?.performance ?? null });
    this._last = phase;
    if (this.microphoneOpen) this._emit("level", { dbfs: pretend.silent ? -70 : -24, peak_dbfs: -12, clipped: false, heard: !pretend.silent });
    if (phase !== "singing" && phase !== "count_in" && !pretend.humming) return;
    for (const seat of this.seats.keys()) {
      if (seat < 400) this._emit("sounding", { seat, level: Math.round(30 - 14 * Math.sin(performance.now() / 300 + seat * 1.7)) });
    }
  }

  _phase(position) {
    const song = this.song;
    if (!song || !["count_in", "singing", "ending"].includes(song.state)) return "over";
    if (song.stop !== null && position >= song.stop) return "over";
    if (position < song.start) return "waiting";
    return position < song.start + song.count_in_samples ? "count_in" : "singing";
  }

  close() { this._emit("connection", { state: "closed", code: 1000 }); }
  async openEar() { this.earOpen = true; }

  async openMicrophone() {
    if (pretend.microphone !== "granted") throw Object.assign(new Error("no"), { code: pretend.microphone });
    this.microphoneOpen = true;
    return { granted: {}, warnings: [] };
  }

  async devices() {
    return {
      inputs: [{ id: "mic", label: this.microphoneOpen ? "Built-in microphone" : "", bluetooth: false }],
      outputs: [{ id: "default", label: this.microphoneOpen ? "Headphones" : "", bluetooth: false }],
    };
  }

  async measureRoundTrip(onProgress) {
    for (let i = 0; i <= 4; i++) {
      onProgress(i / 4);
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
    const said = pretend.measure.length > 1 ? pretend.measure.shift() : pretend.measure[0];
    const accepted = said === "accepted";
    return { accepted, round_trip_samples: accepted ? 3600 : NaN, spread_samples: 4, confidence: 1, snr_db: 30, reason: accepted ? null : said };
  }

  startTapping() { this.taps = 0; }
  tap() { this.taps += 1; }
  stopTapping() { return { accepted: this.taps >= 12, round_trip_samples: 4000, spread_samples: 700, reason: null }; }
  applyCheck(check) {
    this.send({ type: "check", ...check });
    this._change({ output: check.output });
  }
  setTalking(on) {
    this.send({ type: "talk", on });
    this._change({ talking: on });
  }
  /** This page's own seat is another. */
  _change(facts) {
    if (!this.me) return;
    const mine = { ...this.seats.get(this.me), ...facts };
    this.seats.set(this.me, mine);
    this._tell({ type: "seat", seat: mine });
  }
  setFader(name, gain) { this.faders[name] = gain; }
  playNote(midi) { this.note = midi; }
  get heardPosition() { return this.earOpen ? clock() : null; }
  get steadyPosition() { return this.heardPosition; }
  get roomPosition() { return clock(); }
  get diagnostics() { return { context_rate: 48000, row: 1, delay_samples: 20000, round_trip_samples: 3600, drift_ppm: -11.3, frames_heard: 900, frames_late: 2, unwritten_packets: 0, trace: TRACE }; }

  _tell(message) { this._emit("message", structuredClone(message)); }
  _emit(name, detail) { this.dispatchEvent(new CustomEvent(name, { detail })); }
}
