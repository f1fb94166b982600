/** Short news: seen for a while, and said once to screen readers. */

import { byId, h, say } from "./dom.js";

const SEEN_MS = 6000;
const GATHER_MS = 700;

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

/** Shows and says something; while a dialog is open it would not be seen, and waits. @param {string} text @param {"news" | "trouble"} [kind] */
export function toast(text, kind = "news") {
  const dialog = document.querySelector("dialog[open]");
  if (dialog) return void dialog.addEventListener("close", () => toast(text, kind), { once: true });
  const already = [...byId("toasts").children].some((one) => one.textContent === text);
  if (already) return;
  const note = h("p", { class: `toast ${kind}`, "aria-hidden": "true" }, text);
  byId("toasts").append(note);
  setTimeout(() => note.remove(), kind === "trouble" ? 2 * SEEN_MS : SEEN_MS);
  tell(text);
}
