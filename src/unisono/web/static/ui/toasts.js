/** Short news: seen for a while, and said once to screen readers. */

import { byId, h, say } from "./dom.js";
import { t } from "./i18n.js";

const SEEN_MS = 6000;
const GATHER_MS = 700;
/** More would hide the house. */
const SHOWN_MAX = 2;

/** @type {string[]} */
let gathered = [];
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** Says something politely; what comes close together is said in one go. @param {string} text */
export function tell(text) {
  if (!gathered.includes(text)) gathered.push(text);
  clearTimeout(timer);
  timer = setTimeout(() => {
    say(byId("said"), gathered.join(" "));
    gathered = [];
  }, GATHER_MS);
}

/**
 * Shows and says something; while a dialog is open it would not be seen, and waits.
 * @param {string} text
 * @param {"news" | "trouble"} [kind]
 */
export function toast(text, kind = "news") {
  const dialog = document.querySelector("dialog[open]");
  if (dialog) return void dialog.addEventListener("close", () => toast(text, kind), { once: true });
  if (isShown(text)) return;
  const note = h("p", { class: `toast ${kind}`, "aria-hidden": "true" }, text);
  byId("toasts").append(note);
  const notes = byId("toasts").querySelectorAll("p.toast");
  if (notes.length > SHOWN_MAX) notes[0].remove();
  setTimeout(() => note.remove(), kind === "trouble" ? 2 * SEEN_MS : SEEN_MS);
  tell(text);
}

/**
 * Something to do about what happened: stays until it is done or put away. One offer at a time.
 * @param {string} text
 * @param {string} label of the button
 * @param {() => void} act
 */
export function offer(text, label, act) {
  const dialog = document.querySelector("dialog[open]");
  if (dialog) return void dialog.addEventListener("close", () => offer(text, label, act), { once: true });
  withdraw();
  const close = (/** @type {() => void} */ then) => () => {
    withdraw();
    then();
  };
  const yes = h("button", { type: "button", class: "gold", click: close(act) }, label);
  const no = h("button", { type: "button", class: "plain", click: close(() => {}) }, t("Not now"));
  byId("toasts").append(h("div", { class: "toast offer", role: "group", "aria-label": text }, h("p", {}, text), h("div", { class: "row" }, yes, no)));
  tell(text);
}

/** Takes the offer back: it was done some other way. */
export function withdraw() {
  for (const one of byId("toasts").querySelectorAll(".offer")) one.remove();
}

/** Away with what is only news. */
export function putAway() {
  for (const one of byId("toasts").querySelectorAll(".news")) one.remove();
}

/** @param {string} text */
function isShown(text) {
  return [...byId("toasts").children].some((one) => one.textContent === text);
}
