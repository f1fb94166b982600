/** The film on a performance's page: to watch, to take home, in other shapes for those who want them. */

import { wordsTrack } from "./cinema.js";
import { byId, h, post, Problem, say, show } from "./dom.js";
import { fileName } from "./filename.js";
import { megabytes, t } from "./i18n.js";
import { problemInWords } from "./problems.js";
import { hostOf } from "./remember.js";
import { timeLeft } from "./takewords.js";

/** @typedef {import("./types.js").Films} Films */
/** @typedef {import("./types.js").FilmForm} FilmForm */

const SOON_MS = 1000;
const LATER_MS = 15_000;
/** @type {Record<string, () => string>} */
const SHAPES = {
  wide: () => t("The film"),
  tall: () => t("Upright, for phones (9:16)"),
  square: () => t("Square (1:1)"),
  webm: () => t("WebM, for free players"),
};
const MP4 = 'video/mp4; codecs="avc1.640028, mp4a.40.2"';

export class FilmPanel {
  #token;
  #title = "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #drawn = "";

  /** @param {string} token of the performance */
  constructor(token) {
    this.#token = token;
    document.addEventListener("visibilitychange", () => !document.hidden && this.look());
  }

  /** The mix is there (anew). @param {string} title of the song, in files' names */
  sung(title) {
    this.#title = title;
    this.look();
  }

  /** Asks how the film is, and again, sooner while it is being made. */
  async look() {
    clearTimeout(this.#timer);
    let busy = false;
    try {
      const films = await post("/api/film", { token: this.#token, host: hostOf(this.#token) });
      busy = films.making !== null;
      this.#draw(films);
    } catch {
      // the page is complete without; it asks again
    }
    clearTimeout(this.#timer);
    if (!document.hidden) this.#timer = setTimeout(() => this.look(), busy ? SOON_MS : LATER_MS);
  }

  /** @param {Films} films */
  #draw(films) {
    const wide = films.forms.find((form) => form.form === "wide");
    show(byId("film-card"), films.films || films.forms.length > 0);
    this.#drawMaking(films, wide);
    const now = JSON.stringify([films.forms, films.wanted, films.host, films.code, Boolean(films.making), this.#title]);
    if (now === this.#drawn) return;
    this.#drawn = now;
    this.#drawVideo(wide, films.forms.find((form) => form.form === "webm"));
    byId("film-files").replaceChildren(...films.forms.map((form) => this.#download(form)));
    byId("film-doing").replaceChildren(...this.#buttons(films));
  }

  /** @param {Films} films @param {FilmForm | undefined} wide */
  #drawMaking(films, wide) {
    const { making } = films;
    show(byId("film-making"), making !== null || films.code !== "" || !wide);
    show(byId("film-bar"), making !== null);
    byId("film-bar", HTMLProgressElement).value = making?.share ?? 0;
    const percent = Math.floor(100 * (making?.share ?? 0));
    const idle = films.code === "stopped" ? t("The film was stopped.") : films.code ? problemInWords("film_failed") : wide ? "" : t("There is no film of this song.");
    const being = making && making.form in SHAPES && making.form !== "wide" ? t("{what} is being made: {percent} %", { what: shape(making.form), percent }) : t("The film is being made: {percent} %", { percent });
    const told = making?.waiting ? t("The film will be made soon.") : being;
    say(byId("film-said"), making ? told : idle);
    say(byId("film-left"), timeLeft(making));
  }

  /** Who cannot play the one plays the other, if that is there. @param {FilmForm | undefined} wide @param {FilmForm | undefined} webm */
  #drawVideo(wide, webm) {
    const video = byId("film", HTMLVideoElement);
    show(video, Boolean(wide));
    const file = (/** @type {string} */ kind) => wide?.files.find((one) => one.kind === kind)?.url;
    const free = video.canPlayType(MP4) ? undefined : webm?.files.find((one) => one.kind === "webm")?.url;
    const url = free ?? file("mp4");
    if (!url) return video.removeAttribute("src");
    if (video.getAttribute("src") === url) return;
    const words = file("vtt");
    video.replaceChildren(...(words ? [wordsTrack(words)] : []));
    video.poster = file("jpg") ?? "";
    video.src = url;
  }

  /** @param {FilmForm} form */
  #download(form) {
    const file = form.files.find((one) => one.kind === "mp4" || one.kind === "webm");
    if (!file) return "";
    const facts = `${file.kind === "mp4" ? "MP4" : "WebM"} · ${megabytes(file.bytes)}`;
    const called = form.form === "wide" || form.form === "webm" ? [this.#title] : [this.#title, form.form];
    const named = t("Download: {what}", { what: shape(form.form) });
    return h("li", {}, h("a", { class: "button", href: file.url, download: fileName(called, file.kind), "aria-label": `${named} ${facts}` },
      h("strong", {}, shape(form.form)), " ", h("small", {}, facts)));
  }

  /** What may be asked for now. @param {Films} films */
  #buttons(films) {
    const one = (/** @type {string} */ words, /** @type {() => void} */ done) => h("button", { type: "button", click: done }, words);
    const have = new Set([...films.wanted, ...films.forms.map((form) => form.form)]);
    const others = films.films ? ["tall", "square", "webm"].filter((form) => !have.has(form)) : [];
    const wishes = others.map((form) => one(t("Make it: {what}", { what: shape(form) }), () => this.#ask("/make", { form })));
    const first = films.films && !have.has("wide") && !films.host ? [one(t("Make the film"), () => this.#ask("/make", { form: "wide" }))] : [];
    if (!films.host || !films.films) return [...first, ...wishes];
    const host = films.making ? one(t("Stop making it"), () => this.#ask("/stop", {})) : one(t("Make the film anew"), () => this.#ask("/make", { form: "wide" }));
    return [...wishes, host];
  }

  /** @param {string} what @param {object} more */
  async #ask(what, more) {
    say(byId("film-problem"), "");
    try {
      await post(`/api/film${what}`, { token: this.#token, host: hostOf(this.#token), ...more });
    } catch (error) {
      say(byId("film-problem"), problemInWords(error instanceof Problem ? error.code : ""));
    }
    await this.look();
  }
}

/** @param {string} form */
function shape(form) {
  return (SHAPES[form] ?? SHAPES.wide)();
}
