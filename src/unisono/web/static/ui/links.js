/** <un-links>: a courtyard's three links, each to copy, share, show as a QR code, and (for the host) to renew. */

import { h, Problem, post, say } from "./dom.js";
import { t } from "./i18n.js";
import { problemInWords } from "./problems.js";

/** @typedef {import("./types.js").Links} Links */
/** @typedef {keyof Links} Kind */

/** @param {string} token */
export function courtyardLink(token) {
  return `${location.origin}/courtyard#${token}`;
}

/** @param {Kind} kind */
function describe(kind) {
  return {
    singers: { title: t("For those who sing"), hint: t("Send this to your singers.") },
    listeners: { title: t("For those who listen"), hint: t("Send this to everybody else, as many as you like.") },
    host: { title: t("For yourself, the host"), hint: t("Keep this one. Whoever has it is the host.") },
  }[kind];
}

/** So long a button says that it has copied. */
const SAID_MS = 4000;

export class UnLinks extends HTMLElement {
  /** Asks the server for new links when one is to be renewed. @type {((kind: Kind) => Promise<Links>) | null} */
  renew = null;

  /** @param {Links} links */
  set links(links) {
    /** @type {Kind[]} */
    const kinds = ["singers", "listeners", "host"];
    this.replaceChildren(...kinds.map((kind) => this.#row(kind, courtyardLink(links[kind]))));
  }

  /** @param {Kind} kind @param {string} link */
  #row(kind, link) {
    const { title, hint } = describe(kind);
    const id = `link-${kind}`;
    const field = h("input", { type: "text", id, readonly: true, value: link, focus: () => field.select() });
    const said = h("p", { role: "status", class: "said" });
    const code = h("div", { class: "qr" });
    const renewable = this.renew && this.hasAttribute("revocable");
    return h("section", { class: "link" }, h("label", { for: id }, title),
      h("div", { class: "hint-or-said" }, said, h("p", { class: "dim" }, hint)),
      h("div", { class: "link-field" }, field, this.#copyButton(field, title, said)),
      h("div", { class: "row" }, this.#shareButton(link, title), this.#codeButton(link, title, code, said), renewable ? this.#renewButton(kind, title, said) : null),
      code);
  }

  /** Beside the link it is about, whose row may be a new one. @param {Kind} kind @param {string} text */
  #sayAt(kind, text) {
    this.querySelector(`#link-${kind}`)?.scrollIntoView({ block: "nearest" });
    const said = this.querySelector(`.link:has(#link-${kind}) .said`);
    if (said) say(said, text);
  }

  /** @param {HTMLInputElement} field @param {string} title @param {HTMLElement} said */
  #copyButton(field, title, said) {
    const copy = async () => {
      field.select();
      const done = await copyText(field.value);
      say(said, done ? t("Copied.") : t("Please copy the marked link by hand."));
      if (done) setTimeout(() => say(said, ""), SAID_MS);
    };
    return h("button", { type: "button", "aria-label": t("Copy the link: {whom}", { whom: title }), click: copy }, t("Copy"));
  }

  /** @param {string} link @param {string} title */
  #shareButton(link, title) {
    if (!navigator.share) return null;
    const share = () => navigator.share({ title: "Unisono", text: t("Come and sing with us"), url: link }).catch(() => {});
    return h("button", { type: "button", "aria-label": t("Share the link: {whom}", { whom: title }), click: share }, t("Share"));
  }

  /** @param {string} link @param {string} title @param {HTMLElement} place @param {HTMLElement} said */
  #codeButton(link, title, place, said) {
    const toggle = async () => {
      if (place.firstChild) return place.replaceChildren();
      const image = await codeImage(link, t("QR code: {whom}", { whom: title })).catch(() => null);
      if (!image) return say(said, t("There is no QR code just now."));
      place.append(image);
      place.scrollIntoView({ block: "nearest" });
    };
    return h("button", { type: "button", "aria-label": t("QR code: {whom}", { whom: title }), click: toggle }, t("QR code"));
  }

  /** @param {Kind} kind @param {string} title @param {HTMLElement} said */
  #renewButton(kind, title, said) {
    const renew = async () => {
      if (!this.renew || !confirm(t("Whoever came by the old link has to leave. Make a new one?"))) return;
      try {
        this.links = await this.renew(kind);
        this.#sayAt(kind, t("The old link no longer works."));
      } catch (error) {
        say(said, problemInWords(error instanceof Problem ? error.code : ""));
      }
    };
    return h("button", { type: "button", class: "plain", "aria-label": t("Replace the link: {whom}", { whom: title }), click: renew }, t("Replace"));
  }
}

/** @param {string} link @param {string} alt */
async function codeImage(link, alt) {
  const { svg } = await post("/api/qr", { text: link });
  const drawing = svg.includes("xmlns=") ? svg : svg.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"');
  return h("img", { alt, src: `data:image/svg+xml,${encodeURIComponent(drawing)}`, width: 220, height: 220 });
}

/** @param {string} text */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return document.execCommand("copy");
  }
}

customElements.define("un-links", UnLinks);
