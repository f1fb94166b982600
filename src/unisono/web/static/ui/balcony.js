/** <un-balcony>: one person's window, railing, flag and plate. Its light follows the voice. */

import { flagElement, flagInWords, UnFlag } from "./flags.js";
import { h, say } from "./dom.js";
import { t } from "./i18n.js";
import { person } from "./svg.js";

/** @typedef {import("./types.js").Flag} Flag */

/**
 * @typedef {object} Look
 * @property {number} seat
 * @property {string} name
 * @property {string} place
 * @property {Flag} flag
 * @property {boolean} [present]
 * @property {boolean} [hand]
 * @property {boolean} [talking]
 * @property {boolean} [leads]
 * @property {boolean} [me]
 */

/** dBFS below which a voice does not light its window; full light from -12 dBFS. */
const DARK_DBFS = -58;
const BRIGHT_DBFS = -12;
export const WAVE_MS = 2600;

export class UnBalcony extends HTMLElement {
  #who = h("span", { class: "who" });
  #where = h("span", { class: "where" });
  #doing = h("span", { class: "doing" });
  #flag = /** @type {UnFlag} */ (flagElement(null, "cloth"));
  #built = false;

  /** @param {Look} look */
  show(look) {
    this.#build(look.seat);
    say(this.#who, look.name);
    say(this.#where, look.place);
    this.#flag.flag = look.flag;
    const facts = [look.name, look.place, flagInWords(look.flag), ...this.#doings(look).map((one) => one.text)];
    this.setAttribute("aria-label", facts.filter(Boolean).join(", "));
    this.classList.toggle("me", Boolean(look.me));
    this.classList.toggle("away", look.present === false);
    this.classList.toggle("up", Boolean(look.hand));
    this.#tellDoing(look);
  }

  /** How brightly the window shines. @param {number} level -dBFS, 0..127; 127 is dark */
  shine(level) {
    const share = (-level - DARK_DBFS) / (BRIGHT_DBFS - DARK_DBFS);
    this.style.setProperty("--light", Math.min(1, Math.max(0, share)).toFixed(2));
  }

  wave() {
    this.classList.add("waving");
    setTimeout(() => this.classList.remove("waving"), WAVE_MS);
  }

  /** Makes the balcony a button. @param {string} name @param {() => void} chosen */
  pickable(name, chosen) {
    const one = h("button", { type: "button", class: "pick", "aria-label": name, "aria-pressed": "false", click: chosen });
    this.append(one);
    return one;
  }

  /** @param {number} seat */
  #build(seat) {
    if (this.#built) return;
    this.#built = true;
    this.style.setProperty("--breeze", `${-(seat % 7)}s`);
    const opening = h("div", { class: "opening" });
    opening.append(person(seat));
    this.append(
      h("div", { class: "shutter left" }), h("div", { class: "shutter right" }), opening, h("div", { class: "spill" }),
      h("div", { class: "railing" }), h("div", { class: "slab" }), this.#flag,
      h("p", { class: "plate" }, this.#who, this.#where, this.#doing),
    );
  }

  /** @param {Look} look */
  #doings(look) {
    return [
      look.leads ? { text: t("leads"), kind: "leads" } : null,
      look.hand ? { text: t("hand up"), kind: "hand" } : null,
      look.talking ? { text: t("talking"), kind: "talks" } : null,
      look.present === false ? { text: t("coming back"), kind: "gone" } : null,
    ].filter((one) => one !== null);
  }

  /** @param {Look} look */
  #tellDoing(look) {
    const words = this.#doings(look);
    const now = words.map((one) => one.text).join();
    if (this.#doing.dataset.now === now) return;
    this.#doing.dataset.now = now;
    this.#doing.replaceChildren(...words.map((one) => h("span", { class: one.kind }, one.text)));
  }
}

customElements.define("un-balcony", UnBalcony);
