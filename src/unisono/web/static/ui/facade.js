/** <un-facade>: the house with everybody's balconies, dark windows between them, and the listeners in the street. */

import { UnBalcony, WAVE_MS } from "./balcony.js";
import { h, say } from "./dom.js";
import { tn } from "./i18n.js";
import { dice, roof, sky, street } from "./svg.js";

/** @typedef {import("./balcony.js").Look} Look */
/** @typedef {{columns: number, storeys: number, small: boolean}} Plan */

const SMALL_BELOW_PX = 620;

/**
 * How many columns and storeys a house has; it is never lower than a house should be.
 * @param {number} width_px
 * @param {number} people
 * @param {number} leastStoreys
 * @returns {Plan}
 */
export function planHouse(width_px, people, leastStoreys) {
  const small = width_px < SMALL_BELOW_PX || people > 30;
  const cell_px = small ? (people > 40 && width_px >= SMALL_BELOW_PX ? 104 : 112) : 150;
  const fit = Math.max(3, Math.min(12, Math.floor((width_px - 28) / cell_px)));
  const wanted = Math.max(width_px < SMALL_BELOW_PX ? 3 : 4, Math.ceil(Math.sqrt(people * 1.8)));
  const columns = Math.min(fit, wanted);
  return { columns, storeys: Math.max(leastStoreys, Math.ceil(people / columns)), small };
}

/** So much above the middle people gather: a song's words lie over the lowest storey. */
const ABOVE_MIDDLE_STOREYS = 0.3;

/**
 * The order in which balconies are given away: the middle of the house first, so that a few people stand together.
 * @param {Plan} plan
 * @returns {{column: number, storey: number}[]}
 */
export function fillOrder({ columns, storeys }) {
  const cells = [];
  for (let storey = 0; storey < storeys; storey++) {
    for (let column = 0; column < columns; column++) cells.push({ column, storey });
  }
  const middle = (storeys - 1) / 2 - ABOVE_MIDDLE_STOREYS;
  /** @param {{column: number, storey: number}} cell */
  const away = (cell) => Math.abs(cell.storey - middle) * 1.9 + Math.abs(cell.column - (columns - 1) / 2);
  return cells.sort((a, b) => away(a) - away(b) || a.storey - b.storey || a.column - b.column);
}

export class UnFacade extends HTMLElement {
  /** @type {Map<number, UnBalcony>} */
  #balconies = new Map();
  /** @type {Look[]} */
  #people = [];
  #listeners = 0;
  #hands = 0;
  #plan = "";
  #storeys = h("div", { class: "storeys" });
  #street = h("div", { class: "street" });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #stillAgain;
  #count = h("p", { class: "crowd-count" });
  #house = h("div", { class: "house" });

  connectedCallback() {
    if (this.#house.isConnected) return;
    this.#storeys.setAttribute("role", this.hasAttribute("decorative") ? "presentation" : "list");
    const top = h("div", { class: "roof" });
    top.append(roof());
    this.#house.append(top, this.#storeys, this.#street);
    this.append(this.#house, this.#count);
    this.#drawStreet();
    new ResizeObserver(() => this.#arrange()).observe(this);
    this.#arrange();
  }

  /** Everybody on a balcony, in the order they came; how many listen, and hold up a hand. @param {Look[]} people @param {number} listeners @param {number} [hands] */
  show(people, listeners, hands = 0) {
    this.#people = people;
    const here = new Set(people.map((one) => one.seat));
    for (const [seat, balcony] of this.#balconies) {
      if (!here.has(seat)) {
        balcony.remove();
        this.#balconies.delete(seat);
      }
    }
    for (const look of people) this.balcony(look.seat).show(look);
    if (listeners !== this.#listeners || hands !== this.#hands) {
      this.#listeners = listeners;
      this.#hands = hands;
      this.#drawStreet();
    }
    this.#arrange();
  }

  /** @param {number} seat @returns {UnBalcony} */
  balcony(seat) {
    let found = this.#balconies.get(seat);
    if (!found) {
      found = new UnBalcony();
      found.setAttribute("role", "listitem");
      this.#balconies.set(seat, found);
      this.#storeys.append(found);
    }
    return found;
  }

  /** @param {number} seat @param {number} level */
  shine(seat, level) {
    this.#balconies.get(seat)?.shine(level);
  }

  dark() {
    for (const balcony of this.#balconies.values()) balcony.shine(127);
  }

  /** From a balcony, or from the street. @param {number} seat */
  wave(seat) {
    const balcony = this.#balconies.get(seat);
    if (balcony) return balcony.wave();
    this.#street.classList.add("waving");
    clearTimeout(this.#stillAgain);
    this.#stillAgain = setTimeout(() => this.#street.classList.remove("waving"), WAVE_MS);
  }

  #arrange() {
    const width = this.clientWidth;
    if (width === 0) return;
    const compact = this.hasAttribute("compact");
    const plan = planHouse(width, this.#people.length, compact ? 1 : 3);
    const order = compact ? rowByRow(plan) : fillOrder(plan);
    const taken = leftToRight(order.slice(0, this.#people.length));
    this.#people.forEach((one, i) => place(this.balcony(one.seat), taken[i]));
    const now = `${plan.columns}x${plan.storeys}${plan.small}:${this.#people.length}`;
    if (now === this.#plan) return;
    this.#plan = now;
    this.#house.classList.toggle("small", plan.small);
    this.#house.style.setProperty("--columns", String(plan.columns));
    this.#house.style.setProperty("--cell", plan.small ? "7.2rem" : "9.4rem");
    this.#drawBlindWindows(order.slice(this.#people.length));
  }

  /** @param {{column: number, storey: number}[]} cells */
  #drawBlindWindows(cells) {
    for (const old of this.#storeys.querySelectorAll(".blind-window")) old.remove();
    for (const cell of cells) {
      const roll = dice(cell.storey * 31 + cell.column * 7 + 5)();
      const kind = roll < 0.3 ? "shut" : roll < 0.55 ? "dim-light" : "";
      const blind = h("div", { class: `blind-window ${kind}`, "aria-hidden": "true" },
        h("div", { class: "shutter left" }), h("div", { class: "shutter right" }), h("div", { class: "opening" }),
        h("div", { class: "railing" }), h("div", { class: "slab" }));
      place(blind, cell);
      this.#storeys.append(blind);
    }
  }

  #drawStreet() {
    const listen = this.#listeners ? tn("{n} person is listening", "{n} people are listening", this.#listeners) : "";
    const raised = this.#hands ? tn("{n} hand is up", "{n} hands are up", this.#hands) : "";
    say(this.#count, [listen, raised].filter(Boolean).join(" · "));
    this.#street.replaceChildren(street(this.#listeners));
  }
}

/**
 * Who came earlier lives further left, because that is how the mix is laid out (`pans_of` on the server).
 * @param {{column: number, storey: number}[]} cells
 */
function leftToRight(cells) {
  return [...cells].sort((a, b) => a.column - b.column || a.storey - b.storey);
}

/** @param {Plan} plan */
function rowByRow({ columns, storeys }) {
  return Array.from({ length: columns * storeys }, (_, i) => ({ column: i % columns, storey: Math.floor(i / columns) }));
}

/** @param {HTMLElement} element @param {{column: number, storey: number}} cell */
function place(element, cell) {
  element.style.gridColumn = String(cell.column + 1);
  element.style.gridRow = String(cell.storey + 1);
}

class UnSky extends HTMLElement {
  connectedCallback() {
    this.setAttribute("aria-hidden", "true");
    this.replaceChildren(...sky());
  }
}

customElements.define("un-facade", UnFacade);
customElements.define("un-sky", UnSky);
