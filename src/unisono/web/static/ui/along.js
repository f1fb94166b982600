/** Singing along: from a song's page to a courtyard of one's own, and there what becomes of what was sung. */

import { button, byId, h, post, Problem, say } from "./dom.js";
import { t } from "./i18n.js";
import { best } from "./playable.js";
import { problemInWords } from "./problems.js";
import { rememberTake, takeKeys } from "./remember.js";

/** @typedef {import("./types.js").Piece} Piece */
/** @typedef {{title: string, page: string | null, piece: Piece, backing: string, kept: number}} Guide */

const JUST_KEPT = "unisono.kept";

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

/**
 * What may become of a song that was sung along: heard again, kept, or sung once more.
 * @param {Guide} guide @param {string} token of the courtyard
 * @param {{performance: string, page: string, seat: number, mine: boolean}} sung one's own seat, and whether one may keep it @param {boolean} playing the courtyard plays it just now @param {() => void} again
 */
export function keepOrAgain(guide, token, sung, playing, again) {
  const problem = h("p", { class: "problem", role: "alert" });
  const kept = t("Your voice becomes a part of {title}.", { title: guide.title || t("Free singing") });
  return [
    playing ? null : replay(sung, problem),
    sung.mine ? h("button", { type: "button", class: "gold big", "aria-describedby": "keep-means", click: keeper(token, sung.performance, problem) }, t("Keep this one")) : null,
    sung.mine ? h("p", { id: "keep-means", class: "dim" }, kept) : null,
    h("button", { type: "button", class: "big", click: again }, t("Sing it again")),
    guide.page ? h("a", { class: "button", href: guide.page }, t("Back to the song's page")) : null,
    problem,
  ].filter((one) => one !== null);
}

/** What a button does that keeps a song. @param {string} token of the courtyard @param {string} performance @param {HTMLElement} problem where trouble is told */
export function keeper(token, performance, problem) {
  return async (/** @type {Event} */ event) => {
    const pressed = /** @type {HTMLButtonElement} */ (event.currentTarget);
    pressed.disabled = true;
    say(problem, "");
    try {
      const keys = Object.fromEntries(Object.entries(takeKeys()).slice(-200));
      const { takes, page } = await post("/api/along/keep", { token, performance, add: false, keys });
      for (const { take, key } of takes) rememberTake(take, key);
      sessionStorage.setItem(JUST_KEPT, "yes");
      location.assign(page);
    } catch (error) {
      say(problem, inWords(error));
      pressed.disabled = false;
    }
  };
}

/** Whether what was sung along was kept a moment ago; asked once. */
export function wasJustKept() {
  const kept = sessionStorage.getItem(JUST_KEPT) !== null;
  sessionStorage.removeItem(JUST_KEPT);
  return kept;
}

/** Two buttons: all of it, or one's own voice alone. What plays ends when this leaves the page. @param {{page: string, seat: number}} sung @param {HTMLElement} problem */
function replay(sung, problem) {
  const audio = h("audio", { hidden: true });
  const press = (/** @type {Event} */ event) => {
    const which = /** @type {HTMLButtonElement} */ (event.currentTarget).value;
    if (!audio.paused && audio.title === which) return audio.pause();
    say(problem, "");
    hear(audio, sung, which).catch((error) => say(problem, inWords(error)));
  };
  const buttons = [["all", t("Hear it again")], ["own", t("Hear only me")]].map(([which, words]) =>
    h("button", { type: "button", value: which, "aria-pressed": "false", click: press }, words));
  const draw = () => buttons.forEach((one) => one.setAttribute("aria-pressed", String(one.value === audio.title && !audio.paused)));
  for (const what of ["play", "pause", "ended"]) audio.addEventListener(what, draw);
  return h("div", { class: "row" }, ...buttons, audio);
}

/** @param {HTMLAudioElement} audio @param {{page: string, seat: number}} sung @param {string} which all or own */
async function hear(audio, { page, seat }, which) {
  const { files, stems } = await post("/api/performance", { token: page.split("#")[1] ?? "" });
  const own = stems.find((/** @type {{seat: number}} */ stem) => stem.seat === seat);
  const file = best((which === "all" ? files : own?.files) ?? [], audio);
  if (!file) throw new Problem("nothing_sung", "");
  audio.title = which;
  audio.src = file.url;
  await audio.play();
}
