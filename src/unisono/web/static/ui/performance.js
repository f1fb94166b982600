/** A performance's page: the mix and each voice alone, in step with each other, to hear and to take home. */

import "./facade.js";
import { button, byId, h, input, post, Problem, say, show, tokenInAddress } from "./dom.js";
import { FilmPanel } from "./film.js";
import { UnFacade } from "./facade.js";
import { flagElement } from "./flags.js";
import { fileName } from "./filename.js";
import { day, megabytes, minutes, t, wireLanguagePicker } from "./i18n.js";
import { copyText } from "./links.js";
import { best, kindOf } from "./playable.js";
import { markInWords, problemInWords } from "./problems.js";
import { wireSeen } from "./seen.js";
import { TakesPanel } from "./takes.js";
import { partInWords } from "./takewords.js";
import { UnWave } from "./wave.js";

/** @typedef {import("./types.js").Sung} Sung */
/** @typedef {import("./types.js").SungStem} SungStem */
/** @typedef {import("./types.js").SungFile} SungFile */

const AGAIN_MS = 2000;

const house = byId("facade", UnFacade);
const audio = byId("audio", HTMLAudioElement);
/** @type {Map<number, HTMLButtonElement>} */
const picks = new Map();
/** Seat heard alone; 0 while everybody is heard. */
let alone = 0;
/** @type {TakesPanel | null} */
let takes = null;
const film = new FilmPanel(tokenInAddress());
/** What is shown, so that a new mix can be told from the one that plays. @type {Sung | null} */
let shown = null;

wireLanguagePicker();
wirePlayer();
wireSharing();
void wireSeen(tokenInAddress(), () => film.look());
load();

/** Which mix this is: it stands in its files' addresses. @param {Sung} sung */
function versionOf(sung) {
  return sung.files[0]?.url.split("?v=")[1] ?? "";
}

/** Fetches what there is now; where something plays, a new mix waits until it is wanted. */
async function loadNewMix() {
  const sung = await post("/api/performance", { token: tokenInAddress() }).catch(() => null);
  if (!sung || JSON.stringify(sung) === JSON.stringify(shown)) return;
  if (!sung.files.length) fallSilent();
  const hearIt = () => {
    show(byId("hear-new"), false);
    draw(sung);
  };
  show(byId("hear-new"), !audio.paused);
  button("hear-new").onclick = hearIt;
  if (audio.paused) hearIt();
}

/** Somebody took their voice out: what holds it is not heard any more. */
function fallSilent() {
  audio.pause();
  audio.removeAttribute("src");
  audio.load();
  alone = 0;
  for (const id of ["player", "downloads", "voices", "alone-hint", "hear-new"]) show(byId(id), false);
}

async function load() {
  try {
    draw(await post("/api/performance", { token: tokenInAddress() }));
  } catch (error) {
    say(byId("trouble"), problemInWords(error instanceof Problem ? error.code : ""));
  }
}

/** @param {Sung} sung */
function draw(sung) {
  document.title = `${sung.title} – Unisono`;
  say(byId("title"), sung.title || t("Free singing"));
  say(byId("when"), [sung.place, day(sung.sung_at), minutes(sung.seconds)].filter(Boolean).join(" · "));
  const ready = sung.files.length > 0;
  const failed = sung.state === "failed";
  say(byId("trouble"), failed ? problemInWords("mix_failed") : ready ? "" : stillMixed(sung));
  if (!ready && !failed) setTimeout(load, AGAIN_MS);
  shown = sung;
  drawHouse(sung);
  if (!ready) return void wireTakes(sung);
  hear(sung.files, 0, t("Everybody together"));
  button("all-together").onclick = () => hear(sung.files, 0, t("Everybody together"));
  const title = sung.title || t("Free singing");
  byId("files").replaceChildren(...sung.files.map((file) => download(file, title, [title])));
  byId("stems").replaceChildren(...sung.stems.map((stem) => stemRow(stem, title)));
  for (const id of ["player", "sharing", "downloads"]) show(byId(id), true);
  show(byId("voices"), sung.stems.length > 0);
  show(byId("alone-hint"), picks.size > 1);
  film.sung(title);
  wireTakes(sung);
  takes?.sung(sung.stems.map(({ seat, name }) => ({ seat, name })), sung.backing);
}

/** What takes are, once the song was mixed. @param {Sung} sung */
function wireTakes(sung) {
  if (sung.files.length || sung.state === "done") takes ??= new TakesPanel(tokenInAddress(), versionOf(sung), loadNewMix, () => film.look());
  takes?.parts(sung.parts);
}

/** Why there is nothing to hear yet. @param {Sung} sung */
function stillMixed(sung) {
  if (sung.state !== "done") return t("This song is still being mixed. It appears here by itself.");
  return t("Somebody took their voice out. The song is being made anew without it, and appears here by itself.");
}

/** @param {Sung} sung */
function drawHouse(sung) {
  const stems = [...sung.stems].sort((a, b) => a.seat - b.seat);
  house.show(stems.map((stem) => ({ ...stem, leads: stem.row === 0 })), 0);
  for (const seat of picks.keys()) if (!stems.some((stem) => stem.seat === seat)) picks.delete(seat);
  for (const stem of stems) {
    if (picks.has(stem.seat) || !stem.files.length) continue;
    const name = t("Hear {name} alone", { name: stem.name });
    picks.set(stem.seat, house.balcony(stem.seat).pickable(name, () => hearOne(stem.seat)));
  }
}

/** @param {number} seat */
function hearOne(seat) {
  const sung = shown;
  const stem = sung?.stems.find((one) => one.seat === seat);
  if (!sung || !stem) return;
  if (alone === seat) hear(sung.files, 0, t("Everybody together"));
  else hear(stem.files, stem.seat, t("{name} alone", { name: stem.name }));
}

/** Changes what is heard without losing the place: every file begins at the song's start. @param {SungFile[]} files @param {number} seat @param {string} words */
function hear(files, seat, words) {
  const file = best(files, audio);
  if (!file) return;
  const at = audio.currentTime;
  const playing = !audio.paused;
  alone = seat;
  audio.src = file.url;
  audio.currentTime = at;
  if (playing) audio.play().catch(() => {});
  say(byId("now-playing"), words);
  show(byId("all-together"), seat !== 0);
  for (const [one, pick] of picks) pick.setAttribute("aria-pressed", String(one === seat));
  byId("wave-form", UnWave).load(file.url);
}

/** @param {string} kind */
function saysWhat(kind) {
  return { m4a: t("for phones"), opus: t("small"), flac: t("lossless"), wav: t("for editing") }[kind] ?? "";
}

/** @param {SungFile} file @param {string} whose @param {string[]} called what the file is named by when it is taken home */
function download(file, whose, called) {
  const kind = kindOf(file);
  const label = kind.toUpperCase();
  const facts = [saysWhat(kind), megabytes(file.bytes)].filter(Boolean).join(" · ");
  const name = t("Download {what} as {kind}", { what: whose, kind: label });
  return h("li", {}, h("a", { class: "button", href: file.url, download: fileName(called, kind), "aria-label": `${name} ${facts}` },
    h("strong", {}, label), " ", h("small", {}, facts)));
}

/** @param {SungStem} stem @param {string} title of the song */
function stemRow(stem, title) {
  const marks = stem.marks.map((mark) => markInWords(typeof mark === "string" ? mark : mark.code));
  return h("li", {},
    flagElement(stem.flag),
    h("span", { class: "who" }, h("strong", {}, stem.name), h("small", {}, [stem.place, partInWords(stem.part)].filter(Boolean).join(" · "))),
    h("ul", { class: "files" }, ...stem.files.map((file) => download(file, stem.name, [title, stem.name]))),
    marks.length ? h("p", { class: "marks" }, marks.join(" ")) : null);
}

/** The page's address is what opens it: whoever gets it hears the song. */
function wireSharing() {
  const address = input("page-address");
  address.value = location.href;
  address.addEventListener("focus", () => address.select());
  show(byId("share"), Boolean(navigator.share));
  byId("share").addEventListener("click", () => navigator.share({ title: document.title, url: location.href }).catch(() => {}));
  byId("copy-page").addEventListener("click", async () => {
    address.select();
    const copied = await copyText(address.value);
    say(byId("shared"), copied ? t("Copied.") : t("Please copy the marked link by hand."));
  });
}

function wirePlayer() {
  const play = button("play");
  play.addEventListener("click", () => (audio.paused ? audio.play() : audio.pause()));
  const drawState = () => say(play, audio.paused ? t("Play") : t("Pause"));
  for (const what of ["play", "pause", "ended"]) audio.addEventListener(what, drawState);
  audio.addEventListener("timeupdate", drawClock);
  audio.addEventListener("loadedmetadata", drawClock);
  audio.addEventListener("error", () => say(byId("trouble"), t("This file cannot be played here. You can still download it.")));
  input("seek").addEventListener("input", () => (audio.currentTime = Number(input("seek").value)));
}

function drawClock() {
  const length = Number.isFinite(audio.duration) ? audio.duration : 0;
  const seek = input("seek");
  seek.max = String(length || 1);
  seek.value = String(audio.currentTime);
  const text = `${minutes(audio.currentTime)} / ${minutes(length)}`;
  seek.setAttribute("aria-valuetext", text);
  say(byId("clock"), text);
  byId("wave-form", UnWave).progress = length ? audio.currentTime / length : 0;
}
