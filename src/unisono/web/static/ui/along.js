/** Singing along: from a song's page to a courtyard of one's own, and there what becomes of what was sung. */

import { button, byId, h, post, Problem, say } from "./dom.js";
import { t } from "./i18n.js";
import { problemInWords } from "./problems.js";
import { rememberTake } from "./remember.js";

/** @typedef {import("./types.js").Piece} Piece */
/** @typedef {{title: string, page: string | null, piece: Piece, backing: string, kept: number}} Guide */

/** @param {unknown} error */
const inWords = (error) => problemInWords(error instanceof Problem ? error.code : "");

/** The button on a song's page. @param {string} token the performance's */
export function wireSingAlong(token) {
  const go = button("sing-along");
  go.addEventListener("click", async () => {
    go.disabled = true;
    say(byId("along-problem"), "");
    try {
      const { host } = await post("/api/along", { token });
      location.assign(`/courtyard#${host}`);
    } catch (error) {
      say(byId("along-problem"), inWords(error));
    } finally {
      go.disabled = false;
    }
  });
}

/** What a courtyard sings along to; null in all others, and where nobody can say. @param {string} token of the courtyard @returns {Promise<Guide | null>} */
export async function guideOf(token) {
  const guide = await post("/api/along/room", { token }).catch(() => null);
  document.body.classList.toggle("along", guide !== null);
  return guide;
}

/** What may become of a song that was sung along. @param {Guide} guide @param {string} token of the courtyard @param {string} performance that was sung @param {() => void} again */
export function keepOrAgain(guide, token, performance, again) {
  const problem = h("p", { class: "problem", role: "alert" });
  const keep = async (/** @type {Event} */ event) => {
    const pressed = /** @type {HTMLButtonElement} */ (event.currentTarget);
    pressed.disabled = true;
    try {
      const { takes, page } = await post("/api/along/keep", { token, performance, add: false });
      for (const { take, key } of takes) rememberTake(take, key);
      location.assign(page);
    } catch (error) {
      say(problem, inWords(error));
      pressed.disabled = false;
    }
  };
  const named = t("Keep this one: add my voice to {title}", { title: guide.title || t("Free singing") });
  return [
    h("button", { type: "button", class: "gold big", click: keep }, named),
    h("button", { type: "button", class: "big", click: again }, t("Sing it again")),
    guide.page ? h("a", { class: "button", href: guide.page }, t("Back to the song's page")) : null,
    problem,
  ].filter((one) => one !== null);
}
