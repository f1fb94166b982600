/** What is seen while a song runs: the red lamp, the count-in, the words as this page hears them, then the ending. */

import { byId, h, say, show } from "./dom.js";
import { t } from "./i18n.js";
import { beatAt, countInNumber, linesOf, placeInWords } from "./words.js";

/** @typedef {import("./room.js").RoomView} RoomView */
/** @typedef {import("./types.js").Piece} Piece */
/** @typedef {import("./types.js").Word} Word */

/** Often enough for eyes; a look at every frame of the screen keeps small machines from their sound. */
const LOOK_MS = 40;
const LAMP_PHASES = new Set(["count_in", "singing", "last"]);

export class Stage {
  #room;
  #engine;
  /** @type {Map<string, Piece>} */
  #pieces;
  #phase = "over";
  #drawn = "";
  /** @type {Word[][]} */
  #lines = [];
  #timer = 0;

  /**
   * @param {RoomView} room
   * @param {{heardPosition: number | null} & EventTarget} engine
   * @param {Map<string, Piece>} pieces
   */
  constructor(room, engine, pieces) {
    this.#room = room;
    this.#engine = engine;
    this.#pieces = pieces;
    engine.addEventListener("song", (event) => this.#phaseChanged(/** @type {CustomEvent} */ (event).detail.phase));
    room.addEventListener("song", () => this.#arrange());
  }

  /** @param {string} phase as this page hears it */
  #phaseChanged(phase) {
    this.#phase = phase;
    this.#lamp();
    this.#arrange();
  }

  #lamp() {
    const on = LAMP_PHASES.has(this.#phase);
    byId("lamp").classList.toggle("on", on);
    say(byId("lamp"), on ? t("The song is being recorded") : "");
    document.body.classList.toggle("singing", on);
  }

  #arrange() {
    const heard = this.#room.running && this.#phase !== "over"; // the song runs on behind one's own row
    show(byId("count-in"), heard);
    show(byId("words"), heard);
    showStage();
    clearTimeout(this.#timer);
    if (!heard) return;
    this.#lines = linesOf(this.#piece?.words ?? []);
    this.#drawn = "";
    this.#draw();
  }

  get #piece() {
    const id = this.#room.song?.piece;
    return (id && this.#pieces.get(id)) || null;
  }

  #draw() {
    this.#timer = setTimeout(() => this.#draw(), LOOK_MS);
    const song = this.#room.song;
    const position = this.#engine.heardPosition;
    if (!song || position === null) return this.#drawWaiting();
    const beat = beatAt(song, this.#piece, position);
    this.#drawCount(beat);
    this.#drawWords(beat);
  }

  #drawWaiting() {
    say(byId("count-in"), "…");
  }

  /** @param {number} beat */
  #drawCount(beat) {
    const piece = this.#piece;
    const tempo = this.#room.song?.tempo_bpm || piece?.tempo_bpm || 100;
    const beats = Math.round(((this.#room.song?.count_in_samples ?? 0) * tempo) / (60 * 48000));
    const number = countInNumber(beat, beats, piece?.beats_per_bar ?? 4);
    const text = number === null ? (beat < 0 ? "…" : "") : String(number);
    const place = byId("count-in");
    if (place.dataset.beat === `${Math.floor(beat)}`) return;
    place.dataset.beat = `${Math.floor(beat)}`;
    say(place, text);
    place.classList.remove("pulse");
    if (number !== null) requestAnimationFrame(() => place.classList.add("pulse"));
  }

  /** @param {number} beat */
  #drawWords(beat) {
    if (!this.#lines.length) return this.#drawFree(beat);
    const { line, word } = placeInWords(this.#lines, beat);
    if (this.#drawn === `${line}.${word}`) return;
    const sameLine = this.#drawn.startsWith(`${line}.`);
    this.#drawn = `${line}.${word}`;
    if (!sameLine) byId("words").replaceChildren(...this.#lineElements(line));
    byId("words").querySelectorAll(".line.current span").forEach((one, i) => {
      one.classList.toggle("lit", i === word);
      one.classList.toggle("sung", i < word);
    });
  }

  /** @param {number} line */
  #lineElements(line) {
    const current = h("p", { class: "line current" });
    for (const word of this.#lines[line]) current.append(h("span", {}, word.text), " ");
    const next = this.#lines[line + 1];
    return next ? [current, h("p", { class: "line next" }, next.map((one) => one.text).join(" "))] : [current];
  }

  /** @param {number} beat */
  #drawFree(beat) {
    if (this.#drawn === "free") return;
    this.#drawn = "free";
    byId("words").replaceChildren(h("p", { class: "line current" }, beat < 0 ? t("Free singing") : t("Sing!")));
  }
}

/** What can be on the stage: the song as this page hears it, what comes after it, its film. */
const PARTS = ["count-in", "words", "ending", "cinema"];

/** The stage is there as long as anything is on it. */
export function showStage() {
  show(byId("stage"), PARTS.some((id) => !byId(id).hidden));
}
