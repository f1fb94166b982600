/** The panels beside the house (below it on a phone): one open at a time, Esc closes, focus goes back to its button. */

import { byId, show } from "./dom.js";
import { putAway } from "./toasts.js";

export function wirePanels() {
  const tabs = /** @type {HTMLButtonElement[]} */ ([...document.querySelectorAll(".tabs button")]);
  /** @param {string | null} id */
  const open = (id) => {
    if (id) putAway(); // news would lie over the panel on a phone
    for (const tab of tabs) {
      const panel = tab.getAttribute("aria-controls") ?? "";
      tab.setAttribute("aria-expanded", String(panel === id));
      show(byId(panel), panel === id);
    }
    show(byId("rail"), id !== null);
    document.body.classList.toggle("rail-open", id !== null);
  };
  const close = () => {
    const tab = tabs.find((one) => one.getAttribute("aria-expanded") === "true");
    open(null);
    tab?.focus();
  };
  for (const tab of tabs) {
    const id = tab.getAttribute("aria-controls") ?? "";
    tab.addEventListener("click", () => {
      const opening = tab.getAttribute("aria-expanded") !== "true";
      open(opening ? id : null);
      if (opening && id === "panel-write") byId("write-text").focus();
    });
  }
  byId("close-panel").addEventListener("click", close);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !byId("rail").hidden && !document.querySelector("dialog[open]")) close();
  });
  const leave = (/** @type {string} */ id) => byId(id).hidden || open(null);
  return { open, leave, isOpen: (/** @type {string} */ id) => !byId(id).hidden && !byId("rail").hidden };
}
