/** <un-flag-picker>: every country's flag, searchable by name, or two to four colours of one's own. */

import { h, say, show } from "./dom.js";
import { countryMeant, plain } from "./flagsearch.js";
import { flagElement, flagInWords } from "./flags.js";
import { countries, language, t } from "./i18n.js";

/** @typedef {import("./types.js").Flag} Flag */

const NAMES = Object.entries(countries)
  .map(([code, name]) => ({ code, name, plain: plain(name) }))
  .sort((a, b) => a.name.localeCompare(b.name, language));

/** The country somebody is likely to be in, from the browser's languages. @returns {string | null} */
export function likelyCountry() {
  for (const tag of [...navigator.languages, language]) {
    const region = new Intl.Locale(tag).region?.toLowerCase();
    if (region && region in countries) return region;
  }
  const grown = new Intl.Locale(language).maximize().region?.toLowerCase();
  return grown && grown in countries && language !== "en" ? grown : null;
}

export class UnFlagPicker extends HTMLElement {
  /** @type {Flag} */
  #flag = null;
  #colours = ["#008c45", "#ffffff", "#cd212a"];
  #upright = true;
  #active = -1;
  #search = h("input", {
    type: "text", id: "flag-search", role: "combobox", "aria-expanded": "false", "aria-controls": "flag-list",
    "aria-autocomplete": "list", "aria-describedby": "flag-problem", autocomplete: "off", spellcheck: "false", placeholder: t("Search a country"),
  });
  #listbox = h("ul", { id: "flag-list", role: "listbox", "aria-label": t("Flags"), hidden: true });
  #problem = h("p", { class: "problem", id: "flag-problem", role: "alert" });
  #shown = h("div", { class: "chosen-flag" });
  #own = h("fieldset", { class: "own-colours", hidden: true });
  #ownButton = h("button", { type: "button", "aria-expanded": "false", class: "own" }, t("Own colours"));

  connectedCallback() {
    if (this.#search.isConnected) return;
    const label = h("label", { for: "flag-search" }, t("Your flag"));
    this.append(label, h("div", { class: "flag-row" }, this.#shown, this.#search, this.#ownButton), this.#listbox, this.#problem, this.#own);
    this.#search.addEventListener("focus", () => this.#search.select());
    this.#search.addEventListener("input", () => this.#open(this.#search.value));
    this.#search.addEventListener("click", () => this.#open(""));
    this.#search.addEventListener("keydown", (event) => this.#key(event));
    this.addEventListener("focusout", (event) => {
      if (!this.contains(/** @type {Node | null} */ (event.relatedTarget))) this.#left();
    });
    this.#ownButton.addEventListener("click", () => this.#toggleOwn());
  }

  get flag() {
    return this.#flag;
  }

  set flag(flag) {
    this.#flag = flag;
    if (flag && "colours" in flag) {
      this.#colours = [...flag.colours];
      this.#upright = flag.upright;
    }
    this.#search.value = flagInWords(flag);
    this.#complain("");
    this.#shown.replaceChildren(...(flag ? [flagElement(flag)] : []));
    this.#drawOwn();
  }

  /** Takes what is typed, where it can mean one flag only; else says so and keeps it. @returns {boolean} whether there is nothing to mend */
  settle() {
    const typed = this.#search.value.trim();
    const meant = countryMeant(NAMES, typed);
    this.#hide();
    if (typed === flagInWords(this.#flag)) this.#complain("");
    else if (!typed) this.flag = null;
    else if (meant) this.flag = { country: meant };
    else this.#complain(t("We cannot tell which flag {typed} is. Please pick one from the list.", { typed }));
    if (meant) this.#showOwn(false);
    return !this.#problem.textContent;
  }

  focus() {
    this.#search.focus();
  }

  /** The list goes when the mouse is up: else the button that is being pressed would move away from under it. */
  #left() {
    if (document.querySelector("button:active")) document.addEventListener("mouseup", () => setTimeout(() => this.settle()), { once: true });
    else this.settle();
  }

  /** @param {string} problem */
  #complain(problem) {
    say(this.#problem, problem);
    this.#search.setAttribute("aria-invalid", String(problem !== ""));
  }

  /** @param {string} typed */
  #open(typed) {
    this.#complain("");
    const wanted = plain(typed.trim());
    const found = NAMES.filter((one) => one.plain.includes(wanted) || one.code === wanted);
    const first = found.filter((one) => one.plain.startsWith(wanted) || one.code === wanted);
    const rest = found.filter((one) => !first.includes(one));
    const options = [...first, ...rest].map((one, i) => this.#option(one, i));
    if (!wanted) options.unshift(this.#option({ code: "", name: t("No flag") }, -1));
    this.#listbox.replaceChildren(...options);
    if (!options.length) this.#listbox.append(h("li", { role: "option", "aria-disabled": "true" }, t("No country is called that.")));
    show(this.#listbox, true);
    this.#search.setAttribute("aria-expanded", "true");
    this.#activate(wanted !== "" && options.length > 0 ? 0 : -1);
  }

  /** @param {{code: string, name: string}} country @param {number} index */
  #option(country, index) {
    const flag = country.code ? { country: country.code } : null;
    const option = h("li", { role: "option", id: `flag-option-${index}`, "aria-selected": "false", "data-code": country.code },
      flagElement(flag), country.name);
    option.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      this.#choose(option);
    });
    return option;
  }

  /** @param {HTMLElement} option */
  #choose(option) {
    if (option.dataset.code === undefined) return;
    this.flag = option.dataset.code ? { country: option.dataset.code } : null;
    this.#showOwn(false);
    this.#hide();
  }

  /** Away with the list, and with what was typed. */
  #close() {
    this.#hide();
    this.#search.value = flagInWords(this.#flag);
  }

  #hide() {
    show(this.#listbox, false);
    this.#search.setAttribute("aria-expanded", "false");
    this.#search.removeAttribute("aria-activedescendant");
  }

  /** @param {number} index */
  #activate(index) {
    const options = /** @type {HTMLElement[]} */ ([...this.#listbox.children]);
    options.forEach((one, i) => one.setAttribute("aria-selected", String(i === index)));
    this.#active = index;
    if (index < 0) return this.#search.removeAttribute("aria-activedescendant");
    this.#search.setAttribute("aria-activedescendant", options[index].id);
    options[index].scrollIntoView({ block: "nearest" });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const closed = this.#listbox.hidden;
    const count = this.#listbox.children.length;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (closed) return this.#open("");
      const step = event.key === "ArrowDown" ? 1 : -1;
      this.#activate((this.#active + step + count) % count);
    } else if (event.key === "Enter" && !closed) {
      event.preventDefault();
      const option = this.#listbox.children[this.#active];
      if (option instanceof HTMLElement) this.#choose(option);
      else this.#close();
    } else if (event.key === "Escape" && !closed) {
      event.preventDefault();
      event.stopPropagation();
      this.#close();
    }
  }

  #toggleOwn() {
    const open = Boolean(this.#own.hidden);
    this.#showOwn(open);
    if (open) this.#useOwn();
  }

  /** @param {boolean} open */
  #showOwn(open) {
    show(this.#own, open);
    this.#ownButton.setAttribute("aria-expanded", String(open));
  }

  #useOwn() {
    this.flag = { colours: [...this.#colours], upright: this.#upright };
  }

  #drawOwn() {
    const pickers = this.#colours.map((colour, i) => h("input", {
      type: "color", value: colour, "aria-label": t("Colour {n}", { n: i + 1 }),
      change: (event) => {
        this.#colours[i] = event.target.value;
        this.#useOwn();
      },
    }));
    const more = h("button", { type: "button", disabled: this.#colours.length >= 4, click: () => this.#grow(1) }, t("One more colour"));
    const less = h("button", { type: "button", disabled: this.#colours.length <= 2, click: () => this.#grow(-1) }, t("One colour less"));
    const turn = h("button", { type: "button", click: () => this.#turn() }, this.#upright ? t("Lay the stripes flat") : t("Stand the stripes up"));
    this.#own.replaceChildren(h("legend", {}, t("Own colours")), h("div", { class: "row" }, ...pickers), h("div", { class: "row" }, more, less, turn));
  }

  /** @param {1 | -1} by */
  #grow(by) {
    if (by > 0) this.#colours.push("#ffcf7a");
    else this.#colours.pop();
    this.#useOwn();
  }

  #turn() {
    this.#upright = !this.#upright;
    this.#useOwn();
  }
}

customElements.define("un-flag-picker", UnFlagPicker);
