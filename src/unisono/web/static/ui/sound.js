/** The sound panel: a fader for each stream, whom one hears and who hears one; the latter on the stage too. */

import { byId, h, say, show } from "./dom.js";
import { list, t } from "./i18n.js";
import { earshot } from "./room.js";

/** @typedef {import("./room.js").RoomView} RoomView */
/** @typedef {{setFader(name: string, gain: number): void}} Engine */

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
    const [youHear, heardBy] = this.#earshot();
    say(byId("you-hear"), youHear);
    say(byId("heard-by"), heardBy);
    say(byId("earshot"), [youHear, heardBy].filter(Boolean).join(" "));
    show(byId("earshot"), this.#room.running);
  }

  /** Whom this page hears and who hears it, in words. @returns {[string, string]} */
  #earshot() {
    const { me, role, seats, seating } = this.#room;
    const isLive = (/** @type {number} */ seat) => sings(seats.get(seat)) && seats.get(seat)?.output !== "loudspeakers";
    if (role === "listener") return [t("You hear everybody."), ""];
    if (!sings(seats.get(me))) return [me ? t("You only listen now. To sing along, press Sound, then Sound check.") : "", ""];
    const near = earshot(seating, me, isLive, (seat) => seats.get(seat)?.present ?? false);
    if (!near) return this.#room.running ? [t("You hear everybody."), this.#heardBy([], false)] : ["", ""]; // came late: beside the rows
    const leads = Boolean(seating[0]?.includes(me));
    const alone = document.body.classList.contains("along") && this.#room.performers.length === 1;
    if (leads && alone) return [t("You hear everybody who sang it before."), t("Nobody hears you until you keep it.")];
    return [leads ? t("You lead and hear nobody else; you hear the choir when the song is over.") : this.#youHear(near.hears), this.#heardBy(near.heardBy, isLive(me))];
  }

  /** @param {number[]} seats */
  #youHear(seats) {
    if (!seats.length) return t("You hear nobody else while you sing.");
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
