/** The host's faders: every voice louder, softer or not at all; "Mix again" makes a new mix of them. */

import { button, byId, h, show } from "./dom.js";
import { t } from "./i18n.js";

/** @typedef {import("./types.js").Faders} Faders */
/** @typedef {import("./types.js").Takes} Takes */
/** @typedef {{name: string, gain: HTMLInputElement, heard: HTMLInputElement}} Strip */

const GAIN_DB = { min: -24, max: 12, step: 0.5 };
/** The backing's place among the seats, which begin at 1. */
const BACKING = 0;

export class FaderBoard {
  /** @type {Map<number, Strip>} */
  #strips = new Map();
  /** @type {{seat: number, name: string}[]} */
  #voices = [];
  #mixed;
  /** What the server has; somebody's moves are kept until it has them. */
  #kept = "";

  /** @param {(faders: Faders) => void} mixed makes a new mix */
  constructor(mixed) {
    this.#mixed = mixed;
    button("mix-again").addEventListener("click", () => this.#mixed(this.#read()));
    button("faders-rest").addEventListener("click", () => this.#set({ voices: [], backing_db: 0, backing_muted: false }));
  }

  /** Who is in the mix. @param {{seat: number, name: string}[]} voices @param {boolean} backing */
  voices(voices, backing) {
    const now = backing ? [...voices, { seat: BACKING, name: t("The backing") }] : voices;
    if (JSON.stringify(now) === JSON.stringify(this.#voices)) return;
    const before = this.#strips.size ? this.#read() : null;
    this.#voices = now;
    this.#build();
    if (before) this.#set(before);
  }

  /** @param {Takes} look */
  draw(look) {
    show(byId("faders-card"), Boolean(look.faders) && this.#voices.length > 0);
    const kept = JSON.stringify(look.faders ?? null);
    if (!look.faders || kept === this.#kept) return;
    this.#kept = kept;
    this.#set(look.faders);
  }

  #build() {
    this.#strips.clear();
    byId("faders").replaceChildren(...this.#voices.map(({ seat, name }) => {
      const gain = h("input", { type: "range", ...GAIN_DB, value: 0, "aria-label": t("Loudness of {name}", { name }) });
      const heard = h("input", { type: "checkbox", checked: true, "aria-label": t("{name} is heard", { name }) });
      const shown = h("output", { class: "decibels" });
      const draw = () => {
        const words = decibels(Number(gain.value));
        gain.setAttribute("aria-valuetext", words);
        shown.textContent = words;
      };
      gain.addEventListener("input", draw);
      draw();
      this.#strips.set(seat, { name, gain, heard });
      return h("li", {}, h("label", { class: "check" }, heard, h("span", { class: "who" }, name)), gain, shown);
    }));
  }

  /** @param {Faders} faders */
  #set(faders) {
    for (const [seat, strip] of this.#strips) {
      const voice = faders.voices.find((one) => one.seat === seat);
      const gain_db = seat === BACKING ? faders.backing_db : (voice?.gain_db ?? 0);
      strip.gain.value = String(gain_db);
      strip.heard.checked = !(seat === BACKING ? faders.backing_muted : voice?.muted);
      strip.gain.dispatchEvent(new Event("input"));
    }
  }

  /** @returns {Faders} */
  #read() {
    const all = [...this.#strips].map(([seat, { gain, heard }]) => ({ seat, gain_db: Number(gain.value), muted: !heard.checked }));
    const backing = all.find((one) => one.seat === BACKING);
    const voices = all.filter((one) => one.seat !== BACKING && (one.gain_db !== 0 || one.muted));
    return { voices, backing_db: backing?.gain_db ?? 0, backing_muted: backing?.muted ?? false };
  }
}

/** @param {number} gain_db */
function decibels(gain_db) {
  if (gain_db === 0) return t("as it is");
  return t("{gain} dB", { gain: `${gain_db > 0 ? "+" : "−"}${Math.abs(gain_db)}` });
}
