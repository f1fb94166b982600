/** <un-flag>: a country's flag or colours of one's own, as cloth. */

import { countries, t } from "./i18n.js";

/** @typedef {import("./types.js").Flag} Flag */

export class UnFlag extends HTMLElement {
  /** @param {Flag} flag */
  set flag(flag) {
    const same = JSON.stringify(flag);
    if (this.dataset.flag === same) return;
    this.dataset.flag = same;
    this.replaceChildren();
    this.hidden = flag === null;
    if (flag === null) return;
    if ("country" in flag) this.append(picture(flag.country));
    else this.append(stripes(flag.colours, flag.upright));
  }
}

/** @param {string} country */
function picture(country) {
  const image = document.createElement("img");
  image.alt = "";
  image.loading = "lazy";
  image.src = `/flags/${encodeURIComponent(country)}.svg`;
  return image;
}

/** @param {string[]} colours @param {boolean} upright stripes stand side by side */
function stripes(colours, upright) {
  const cloth = document.createElement("div");
  cloth.className = "stripes";
  const share = 100 / colours.length;
  const stops = colours.map((colour, i) => `${colour} ${i * share}% ${(i + 1) * share}%`);
  cloth.style.background = `linear-gradient(${upright ? "90deg" : "180deg"}, ${stops.join(", ")})`;
  return cloth;
}

/** A flag in words, for those who do not see it. @param {Flag} flag */
export function flagInWords(flag) {
  if (flag === null) return "";
  if ("country" in flag) return countries[flag.country] ?? flag.country.toUpperCase();
  return t("own colours");
}

/** Makes a flag. @param {Flag} flag @param {string} [className] */
export function flagElement(flag, className = "") {
  const element = /** @type {UnFlag} */ (document.createElement("un-flag"));
  element.className = className;
  element.setAttribute("aria-hidden", "true");
  element.flag = flag;
  return element;
}

customElements.define("un-flag", UnFlag);
