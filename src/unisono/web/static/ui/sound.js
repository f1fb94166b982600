/** The sound panel: a fader for each stream, whom one hears and who hears one, and figures for the curious. */

import { byId, h, say, show } from "./dom.js";
import { list, t } from "./i18n.js";
import { earshot } from "./room.js";

/** @typedef {import("./room.js").RoomView} RoomView */
/** @typedef {{setFader(name: string, gain: number): void, diagnostics: Record<string, any>}} Engine */

const KEPT = "unisono.faders";
const NAMES_SHOWN = 8;

/** @param {string} role @returns {[string, string][]} */
function fadersFor(role) {
  if (role === "listener") return [["before", t("The choir")], ["leader", t("The leader")], ["backing", t("Backing")], ["talk", t("Talk")], ["premiere", t("The finished song")]];
  return [["backing", t("Backing")], ["leader", t("The leader")], ["before", t("Those who sing before me")], ["talk", t("Talk")], ["premiere", t("The finished song")]];
}

export class SoundPanel {
  #room;
  #engine;
  #role = "";

  /** @param {RoomView} room @param {Engine} engine */
  constructor(room, engine) {
    this.#room = room;
    this.#engine = engine;
    for (const what of ["room", "seats", "song", "rows", "leader"]) room.addEventListener(what, () => this.draw());
    const curious = byId("panel-sound").querySelector("details");
    setInterval(() => curious?.open && this.#drawDiagnostics(), 1000);
  }

  draw() {
    this.#drawFaders();
    this.#drawEarshot();
    show(byId("check-again"), this.#room.me !== 0 && this.#room.role !== "listener");
  }

  #drawFaders() {
    if (this.#role === this.#room.role) return;
    this.#role = this.#room.role;
    const kept = remembered();
    byId("faders").replaceChildren(...fadersFor(this.#role).map(([name, label]) => this.#fader(name, label, kept)));
  }

  /** @param {string} name @param {string} label @param {Record<string, number>} kept */
  #fader(name, label, kept) {
    const value = kept[name] ?? 1;
    this.#engine.setFader(name, value);
    const id = `fader-${name}`;
    const move = (/** @type {any} */ event) => {
      const gain = Number(event.target.value);
      this.#engine.setFader(name, gain);
      try {
        localStorage.setItem(KEPT, JSON.stringify({ ...remembered(), [name]: gain }));
      } catch { /* then it is forgotten */ }
    };
    return h("p", { class: "fader" }, h("label", { for: id }, label),
      h("input", { type: "range", id, min: 0, max: 1.5, step: 0.05, value, input: move }));
  }

  #drawEarshot() {
    const { me, role, seats } = this.#room;
    const isLive = (/** @type {number} */ seat) => sings(seats.get(seat)) && seats.get(seat)?.output !== "loudspeakers";
    if (role === "listener") {
      say(byId("you-hear"), t("You hear everybody."));
      return say(byId("heard-by"), "");
    }
    if (!sings(seats.get(me))) {
      say(byId("you-hear"), me ? t("You only listen now. Press Sound check to sing along.") : "");
      return say(byId("heard-by"), "");
    }
    const near = earshot(this.#room.seating, me, isLive);
    say(byId("you-hear"), near ? this.#youHear(near.hears) : "");
    say(byId("heard-by"), near ? this.#heardBy(near.heardBy, isLive(me)) : "");
  }

  /** @param {number[]} seats */
  #youHear(seats) {
    if (!seats.length) return t("You lead: you hear the backing, and the choir first of all when the song is over.");
    return t("You hear: {names}.", { names: this.#names(seats) });
  }

  /** @param {number[]} seats @param {boolean} live */
  #heardBy(seats, live) {
    if (!live) return t("You are recorded; the others hear you afterwards.");
    if (!seats.length) return t("The listeners hear you; the other singers hear you afterwards.");
    return t("You are heard by: {names}.", { names: this.#names(seats) });
  }

  /** @param {number[]} seats */
  #names(seats) {
    const names = seats.map((seat) => this.#room.name(seat)).filter(Boolean);
    const more = names.length - NAMES_SHOWN;
    return list(more > 0 ? [...names.slice(0, NAMES_SHOWN), t("{n} more", { n: more })] : names);
  }

  #drawDiagnostics() {
    const rows = Object.entries(this.#engine.diagnostics ?? {}).flatMap(([name, value]) => [
      h("dt", {}, name), h("dd", {}, typeof value === "object" ? JSON.stringify(value) : String(value)),
    ]);
    byId("diagnostics").replaceChildren(...rows);
  }
}

/** Whether somebody's place is known, so that what they sing can be used. @param {import("./types.js").Seat | undefined} seat */
function sings(seat) {
  return seat?.method === "acoustic" || seat?.method === "tapped";
}

/** @returns {Record<string, number>} */
function remembered() {
  try {
    return JSON.parse(localStorage.getItem(KEPT) ?? "{}");
  } catch {
    return {};
  }
}
