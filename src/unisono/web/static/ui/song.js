/** The song panel: what is sung, how high, how fast, who leads; start, stop, again. */

import { button, byId, h, say, show } from "./dom.js";
import { t } from "./i18n.js";
import { toast } from "./toasts.js";

/** @typedef {import("./room.js").RoomView} RoomView */
/** @typedef {import("./types.js").Piece} Piece */
/** @typedef {import("./types.js").Picked} Picked */
/** @typedef {{send(message: object): void, playNote(midi: number, seconds: number): void, heardPosition: number | null, roomPosition: number | null}} Engine */

const KEY_MAX = 6;
const TEMPO_MIN_BPM = 40;
const TEMPO_MAX_BPM = 208;
const TEMPO_STEP_BPM = 4;
const NOTE_SECONDS = 1.6;
const FREE_TEMPO_BPM = 100;
/** Steps of key and tempo come fast; what they end at is sent once. */
const PICK_AFTER_MS = 350;
/** Longer than the server needs to render a backing it has not rendered before. */
const START_WITHIN_MS = 12_000;

export class SongPanel {
  #room;
  #engine;
  #pieces;
  /** What was picked here and is not answered yet. @type {Picked | null} */
  #mine = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #starting = false;
  #led = false;
  #settled = false;

  /** @param {RoomView} room @param {Engine} engine @param {Map<string, Piece>} pieces */
  constructor(room, engine, pieces) {
    this.#room = room;
    this.#engine = engine;
    this.#pieces = pieces;
    this.#wireButtons();
    this.#drawPieces();
    for (const what of ["song", "problem"]) room.addEventListener(what, () => (this.#starting = false));
    room.addEventListener("piece", () => this.#timer === undefined && (this.#mine = null));
    for (const what of ["room", "piece", "song", "leader", "seats", "problem"]) room.addEventListener(what, () => this.#draw());
    room.addEventListener("note", (event) => engine.playNote(/** @type {CustomEvent} */ (event).detail.midi, NOTE_SECONDS));
    for (const what of ["room", "leader"]) room.addEventListener(what, () => this.#suggest());
    room.addEventListener("leader", () => this.#tellLeader());
  }

  /** So that Start gives everybody something to sing at once, whoever leads first has the songbook's first piece picked. */
  #suggest() {
    const { undecided, running, leader, me } = this.#room;
    const first = this.#pieces.keys().next().value;
    if (first && undecided && !this.#mine && !running && me && leader === me) this.#pick({ piece: first, key: 0, tempo_bpm: 0 });
  }

  #wireButtons() {
    button("key-down").addEventListener("click", () => this.#pick({ key: this.#picked.key - 1 }));
    button("key-up").addEventListener("click", () => this.#pick({ key: this.#picked.key + 1 }));
    button("tempo-down").addEventListener("click", () => this.#pick({ tempo_bpm: this.#tempo - TEMPO_STEP_BPM }));
    button("tempo-up").addEventListener("click", () => this.#pick({ tempo_bpm: this.#tempo + TEMPO_STEP_BPM }));
    button("note").addEventListener("click", () => this.#engine.send({ type: "note" }));
    button("start").addEventListener("click", () => this.#start());
    button("stop").addEventListener("click", () => this.#stop());
    button("again").addEventListener("click", () => this.#engine.send({ type: "again" }));
    byId("pick").addEventListener("submit", (event) => event.preventDefault());
    byId("hand-over", HTMLSelectElement).addEventListener("change", (event) => {
      const seat = Number(/** @type {HTMLSelectElement} */ (event.target).value);
      if (seat) this.#engine.send({ type: "lead", seat });
    });
  }

  /** The backing may have to be rendered first: the button waits with us. */
  #start() {
    const method = this.#room.mySeat?.method;
    if (this.#room.leader === this.#room.me && (!method || method === "none")) toast(t("Without the sound check you lead, but nobody hears you."));
    this.#sendPick();
    this.#engine.send({ type: "start" });
    this.#starting = true;
    this.#draw();
    setTimeout(() => {
      this.#starting = false;
      this.#draw();
    }, START_WITHIN_MS);
  }

  #stop() {
    const position = this.#engine.heardPosition ?? this.#engine.roomPosition;
    if (position !== null) this.#engine.send({ type: "stop", position: Math.max(0, Math.round(position)) });
  }

  get #picked() {
    return this.#mine ?? this.#room.picked;
  }

  get #piece() {
    return this.#pieces.get(this.#picked.piece ?? "") ?? null;
  }

  get #tempo() {
    return this.#picked.tempo_bpm || this.#piece?.tempo_bpm || FREE_TEMPO_BPM;
  }

  /** @param {Partial<Picked>} change */
  #pick(change) {
    const { piece, key, tempo_bpm } = { ...this.#picked, ...change };
    this.#mine = {
      piece,
      key: Math.max(-KEY_MAX, Math.min(KEY_MAX, key)),
      tempo_bpm: tempo_bpm === 0 ? 0 : Math.max(TEMPO_MIN_BPM, Math.min(TEMPO_MAX_BPM, tempo_bpm)),
    };
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#sendPick(), "piece" in change ? 0 : PICK_AFTER_MS);
    this.#draw();
  }

  #sendPick() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#mine) this.#engine.send({ type: "pick", ...this.#mine });
  }

  #drawPieces() {
    const options = [...this.#pieces.values()].map((piece) => this.#choice(piece.id, piece.title, piece.composer));
    if (!document.body.classList.contains("along")) options.push(this.#choice("", t("Free singing"), t("No backing: somebody starts, the others join in.")));
    byId("pieces").replaceChildren(...options);
  }

  /** @param {string} id @param {string} title @param {string} hint */
  #choice(id, title, hint) {
    const radio = h("input", { type: "radio", name: "piece", value: id, change: () => this.#pick({ piece: id || null, key: 0, tempo_bpm: 0 }) });
    return h("label", { class: "choice" }, radio, h("span", {}, h("strong", {}, title), h("small", {}, hint)));
  }

  #draw() {
    const { mayLead, running, song, role } = this.#room;
    const picked = this.#picked;
    show(byId("pick"), mayLead && !running);
    show(byId("sung-part"), !running);
    show(byId("lead-part"), mayLead);
    show(button("start"), !running);
    show(button("stop"), running);
    show(button("again"), running);
    button("stop").disabled = song?.state === "ending";
    button("start").disabled = this.#room.leader === null || this.#starting;
    say(button("start"), this.#starting ? t("Starting …") : t("Start"));
    say(byId("key"), picked.key > 0 ? `+${picked.key}` : String(picked.key).replace("-", "−"));
    say(byId("tempo"), String(this.#tempo));
    button("key-down").disabled = picked.key <= -KEY_MAX;
    button("key-up").disabled = picked.key >= KEY_MAX;
    show(byId("tune"), Boolean(this.#piece));
    for (const radio of byId("pieces").querySelectorAll("input")) radio.checked = radio.value === (picked.piece ?? "");
    say(byId("song-now"), this.#now());
    this.#drawHandOver(role === "host" && !running);
  }

  #now() {
    const { running, song } = this.#room;
    const id = running ? song?.piece : this.#picked.piece;
    const title = this.#pieces.get(id ?? "")?.title ?? t("Free singing");
    const leader = this.#room.name(running && song ? song.leader : this.#room.leader);
    if (!leader && this.#room.undecided) return t("Nobody leads yet.");
    if (!leader) return t("Next: {title}. Nobody leads yet.", { title });
    if (running) return t("Now: {title}. {leader} leads.", { title, leader });
    return t("Next: {title}. {leader} leads.", { title, leader });
  }

  /** @param {boolean} visible */
  #drawHandOver(visible) {
    const fewest = document.body.classList.contains("along") ? 2 : 1;
    show(byId("hand-over-part"), visible && this.#room.performers.length >= fewest);
    const select = byId("hand-over", HTMLSelectElement);
    if (document.activeElement === select && select.matches(":open")) return;
    const names = this.#room.performers.filter((seat) => seat.present).map((seat) => h("option", { value: seat.seat }, seat.name));
    if (this.#room.leader === null) names.unshift(h("option", { value: "" }, t("Nobody yet")));
    const now = names.map((one) => one.value + one.textContent).join();
    if (select.dataset.now !== now) {
      select.dataset.now = now;
      select.replaceChildren(...names);
    }
    select.value = String(this.#room.leader ?? "");
  }

  /** Whoever comes in leading is told after the sound check, see main.js. */
  #tellLeader() {
    const leads = this.#room.me !== 0 && this.#room.leader === this.#room.me;
    if (leads && !this.#led && this.#settled) toast(t("You lead. Pick a song and press Start."));
    this.#led = leads;
  }

  /** From now on it is news when this page begins to lead. */
  settle() {
    this.#settled = true;
  }
}
