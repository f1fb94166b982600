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

export class UnLinks extends HTMLElement {
  #said = h("p", { role: "status", class: "dim" });
  /** Asks the server for new links when one is to be renewed. @type {((kind: Kind) => Promise<Links>) | null} */
  renew = null;

  /** @param {Links} links */
  set links(links) {
    /** @type {Kind[]} */
    const kinds = ["singers", "listeners", "host"];
    this.replaceChildren(...kinds.map((kind) => this.#row(kind, courtyardLink(links[kind]))), this.#said);
  }

  /** @param {Kind} kind @param {string} link */
  #row(kind, link) {
    const { title, hint } = describe(kind);
    const id = `link-${kind}`;
    const field = h("input", { type: "text", id, readonly: true, value: link, focus: () => field.select() });
    const buttons = h("div", { class: "row" }, this.#copyButton(field, title), this.#shareButton(link, title), this.#codeButton(link, title));
    if (this.renew && this.hasAttribute("revocable")) buttons.append(this.#renewButton(kind, title));
    return h("section", { class: `link ${kind}` }, h("label", { for: id }, title), h("p", { class: "dim" }, hint), field, buttons);
  }

  /** @param {HTMLInputElement} field @param {string} title */
  #copyButton(field, title) {
    const copy = async () => {
      field.select();
      const done = await copyText(field.value);
      say(this.#said, done ? t("Copied.") : t("Please copy the marked link by hand."));
    };
    return h("button", { type: "button", "aria-label": t("Copy the link: {whom}", { whom: title }), click: copy }, t("Copy"));
  }

  /** @param {string} link @param {string} title */
  #shareButton(link, title) {
    if (!navigator.share) return null;
    const share = () => navigator.share({ title: "Unisono", text: t("Come and sing with us"), url: link }).catch(() => {});
    return h("button", { type: "button", "aria-label": t("Share the link: {whom}", { whom: title }), click: share }, t("Share"));
  }

  /** @param {string} link @param {string} title */
  #codeButton(link, title) {
    const place = h("div", { class: "qr" });
    const toggle = async (/** @type {Event} */ event) => {
      if (place.firstChild) return place.replaceChildren();
      const button = /** @type {HTMLElement} */ (event.currentTarget);
      const image = await codeImage(link, t("QR code: {whom}", { whom: title })).catch(() => null);
      if (image) place.append(image);
      else say(this.#said, t("There is no QR code just now."));
      button.after(place);
    };
    return h("button", { type: "button", "aria-label": t("QR code: {whom}", { whom: title }), click: toggle }, t("QR code"));
  }

  /** @param {Kind} kind @param {string} title */
  #renewButton(kind, title) {
    const renew = async () => {
      if (!this.renew || !confirm(t("Whoever came by the old link has to leave. Make a new one?"))) return;
      try {
        this.links = await this.renew(kind);
        say(this.#said, t("The old link no longer works."));
      } catch (error) {
        say(this.#said, problemInWords(error instanceof Problem ? error.code : ""));
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
