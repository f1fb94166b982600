/** Home: open a courtyard, get its three links and the recovery code, or get them back. */

import "./facade.js";
import "./links.js";
import { byId, input, Problem, post, say, show } from "./dom.js";
import { t, wireLanguagePicker } from "./i18n.js";
import { copyText, courtyardLink, UnLinks } from "./links.js";
import { problemInWords } from "./problems.js";
import { rememberOpened, rememberedOpened } from "./remember.js";
import { UnFacade } from "./facade.js";

/** @typedef {import("./types.js").Links & {recovery?: string}} Opened */

wireLanguagePicker();
byId("open").addEventListener("submit", (event) => ask(event, "open-problem", "/api/rooms", {
  title: input("title").value.trim(), place: input("place").value.trim(),
}));
byId("recover").addEventListener("submit", (event) => ask(event, "recover-problem", "/api/recover", {
  recovery: input("recovery").value.trim(),
}));
const JUST_OPENED = "#opened";
if (location.hash === "#lost") recovering();
if (location.hash === JUST_OPENED && rememberedOpened()) opened(rememberedOpened());
decorate();

/** Somebody whose link is dead comes from the courtyard's page. */
function recovering() {
  byId("recovery-part", HTMLDetailsElement).open = true;
  input("recovery").focus();
}

/**
 * @param {Event} event
 * @param {string} problemId
 * @param {string} path
 * @param {object} body
 */
async function ask(event, problemId, path, body) {
  event.preventDefault();
  say(byId(problemId), "");
  try {
    const room = /** @type {Opened} */ ({ recovery: input("recovery").value.trim(), ...(await post(path, body)) });
    rememberOpened(room);
    history.replaceState(null, "", JUST_OPENED);
    opened(room);
  } catch (error) {
    const code = error instanceof Problem ? error.code : "";
    const wrongCode = code === "link_not_valid" && path === "/api/recover";
    say(byId(problemId), wrongCode ? t("We do not know this code. Please look at every letter again.") : problemInWords(code));
  }
}

/** @param {Opened} room */
function opened(room) {
  byId("links", UnLinks).links = room;
  byId("go-in", HTMLAnchorElement).href = courtyardLink(room.host);
  say(byId("code"), room.recovery ?? "");
  byId("copy-code").addEventListener("click", async () => {
    if (await copyText(byId("code").textContent ?? "")) say(byId("copy-code"), t("Copied."));
  });
  show(byId("opening"), false);
  show(byId("opened"), true);
  byId("opened-title").focus();
  scrollTo({ top: 0 });
}

/** A house with a few neighbours whose windows glow in turn, so that the first page is a courtyard too. */
function decorate() {
  const house = /** @type {UnFacade} */ (document.querySelector("un-facade"));
  const flags = ["it", "es", "pl", "cn", "gb", "fr", "de"];
  const people = flags.map((country, i) => ({ seat: i + 1, name: "", place: "", flag: { country } }));
  house.show(people, 0);
  let turn = 0;
  const glow = () => {
    for (const one of people) house.shine(one.seat, (one.seat + turn) % 3 === 0 ? 16 : 46);
    turn += 1;
  };
  glow();
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) setInterval(glow, 900);
}
