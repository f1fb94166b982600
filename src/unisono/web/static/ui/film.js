/** The film on a performance's page: to watch, to take home, in other shapes for those who want them. */

import { wordsTrack } from "./cinema.js";
import { byId, h, post, Problem, say, show } from "./dom.js";
import { fileName } from "./filename.js";
import { megabytes, t } from "./i18n.js";
import { filmUrl } from "./playable.js";
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
    const webm = films.forms.find((form) => form.form === "webm");
    const url = filmUrl(urlOf(wide, "mp4"), urlOf(webm, "webm"), byId("film", HTMLVideoElement));
    this.#drawMaking(films, wide, Boolean(wide && !url));
    const now = JSON.stringify([films.forms, films.wanted, films.host, films.code, Boolean(films.making), this.#title]);
    if (now === this.#drawn) return;
    this.#drawn = now;
    this.#drawVideo(wide, url ?? urlOf(wide, "mp4"));
    byId("film-files").replaceChildren(...films.forms.map((form) => this.#download(form)));
    byId("film-doing").replaceChildren(...this.#buttons(films));
  }

  /** @param {Films} films @param {FilmForm | undefined} wide @param {boolean} unplayed it is there, but not for this browser */
  #drawMaking(films, wide, unplayed) {
    const { making } = films;
    show(byId("film-making"), making !== null || films.code !== "" || !wide || unplayed);
    show(byId("film-bar"), making !== null);
    byId("film-bar", HTMLProgressElement).value = making?.share ?? 0;
    const percent = Math.floor(100 * (making?.share ?? 0));
    const idle = films.code === "stopped" ? t("The film was stopped.") : films.code ? problemInWords("film_failed") : unplayed ? t("This browser does not play the film as it is.") : wide ? "" : t("There is no film of this song.");
    const being = making && making.form in SHAPES && making.form !== "wide" ? t("{what} is being made: {percent} %", { what: shape(making.form), percent }) : t("The film is being made: {percent} %", { percent });
    const told = making?.waiting ? t("The film will be made soon.") : being;
    say(byId("film-said"), making ? told : idle);
    say(byId("film-left"), timeLeft(making));
  }

  /** @param {FilmForm | undefined} wide @param {string | undefined} url of whichever format plays here */
  #drawVideo(wide, url) {
    const video = byId("film", HTMLVideoElement);
    show(video, Boolean(wide));
    if (!url) return video.removeAttribute("src");
    if (video.getAttribute("src") === url) return;
    const words = urlOf(wide, "vtt");
    video.replaceChildren(...(words ? [wordsTrack(words)] : []));
    video.poster = urlOf(wide, "jpg") ?? "";
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

/** @param {FilmForm | undefined} form @param {string} kind */
function urlOf(form, kind) {
  return form?.files.find((file) => file.kind === kind)?.url;
}

/** @param {string} form */
function shape(form) {
  return (SHAPES[form] ?? SHAPES.wide)();
}
