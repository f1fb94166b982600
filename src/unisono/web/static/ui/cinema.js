/** The film in the courtyard: how far it is, and watching it together. Nobody sees it who did not press for it. */

import { byId, dialog, h, post, say, show } from "./dom.js";
import { t } from "./i18n.js";
import { filmUrl } from "./playable.js";
import { showStage } from "./stage.js";
import { timeLeft } from "./takewords.js";
import { toast } from "./toasts.js";

/** @typedef {import("./room.js").RoomView} RoomView */
/** @typedef {EventTarget & {send(message: object): void, roomPosition: number | null}} Engine */
/** @typedef {import("./types.js").Screening} Screening */

const SAMPLE_RATE = 48_000;
const LOOK_MS = 100;
/** Farther than this from where the others are, it jumps there; nearer, nobody would notice. */
const APART_S_MAX = 0.15;

export class Cinema {
  #room;
  #engine;
  #dismissed = "";
  /** The performance of which this page asked for another format. */
  #asked = "";
  /** Pressed, and waiting for when it begins. */
  #wants = false;
  /** @type {Screening | null} */
  #watched = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  /** Paused by who watches: nobody makes it run again. */
  #paused = false;

  /** @param {RoomView} room @param {Engine} engine */
  constructor(room, engine) {
    this.#room = room;
    this.#engine = engine;
    for (const what of ["film", "song", "room"]) room.addEventListener(what, () => this.#draw());
    room.addEventListener("screening", () => this.#announced());
    dialog("screening").addEventListener("close", () => this.#stop());
  }

  #draw() {
    const { film, running } = this.#room;
    if (running || (this.#watched && film?.performance === this.#watched.performance && film.url !== this.#watched.url)) dialog("screening").close();
    const visible = film !== null && film.step !== "" && !running && this.#dismissed !== film.performance;
    show(byId("cinema"), visible);
    showStage();
    if (!visible || !film) return;
    const now = `${film.performance} ${film.url} ${film.webm} ${this.#asked}`;
    if (byId("cinema").dataset.now !== now) {
      byId("cinema").dataset.now = now;
      byId("cinema").replaceChildren(...(film.url ? this.#ready(film) : this.#making()));
    }
    const bar = byId("cinema").querySelector("progress");
    if (!bar || film.url) return;
    bar.value = film.share;
    const percent = Math.floor(100 * film.share);
    const waiting = film.step === "waiting";
    say(byId("film-share"), waiting ? t("The film will be made soon.") : t("The film is being made: {percent} %", { percent }));
    say(byId("film-left"), timeLeft({ share: film.share, step: film.step, waiting, seconds_left: film.seconds_left }));
  }

  #making() {
    return [
      h("p", {}, h("span", { id: "film-share" }), " ", h("small", { id: "film-left", class: "dim" })),
      h("progress", { max: 1, value: 0, "aria-label": t("How far the film is") }),
    ];
  }

  /** @param {NonNullable<RoomView["film"]>} film */
  #ready({ performance, url, webm }) {
    const watch = () => {
      this.#wants = true;
      this.#engine.send({ type: "watch", performance });
    };
    const dismiss = () => {
      this.#dismissed = performance;
      this.#draw();
    };
    const played = filmUrl(url, webm, document.createElement("video")) !== null;
    return [
      h("p", { class: "big-line", role: "status" }, t("Your film is ready")),
      ...(played ? [h("button", { type: "button", class: "gold big", click: watch }, t("Watch the film together"))] : this.#unplayed(performance)),
      h("button", { type: "button", class: "plain", click: dismiss }, t("Close")),
    ];
  }

  /** A browser without this format's licence: there is another, for who wants it. @param {string} performance */
  #unplayed(performance) {
    const { mix } = this.#room;
    const token = mix?.performance === performance ? mix.page?.split("#")[1] : undefined;
    const ask = async () => {
      this.#asked = performance;
      this.#draw();
      await post("/api/film/make", { token, form: "webm" }).catch(() => undefined); // somebody else may have asked
    };
    const [said, more] = this.#asked === performance ? [t("The film will be made soon."), []]
      : [t("This browser does not play the film as it is."), token ? [h("button", { type: "button", click: ask }, t("Make it: {what}", { what: t("WebM, for free players") }))] : []];
    return [h("p", { role: "status" }, said), ...more];
  }

  /** Somebody began it. Who asked for that watches; the others are told that they can. */
  #announced() {
    const screening = this.#room.screening;
    if (!screening) return;
    if (this.#wants) {
      this.#wants = false;
      this.#open(screening);
    } else if (!this.#watched) {
      toast(t("The film begins. Press “Watch the film together” to see it with the others."));
    }
  }

  /** @param {Screening} screening */
  #open(screening) {
    this.#watched = screening;
    this.#paused = false;
    const video = h("video", { poster: screening.poster, preload: "auto", playsinline: true, "aria-label": t("The film") });
    video.src = filmUrl(screening.url, screening.webm, video) ?? screening.url;
    if (screening.words) video.append(wordsTrack(screening.words));
    video.addEventListener("ended", () => dialog("screening").close());
    byId("screen").replaceChildren(video);
    dialog("screening").showModal();
    this.#timer = setInterval(() => this.#follow(video, screening), LOOK_MS);
    this.#follow(video, screening);
  }

  /** Keeps the film where the announced instant says. @param {HTMLVideoElement} video @param {Screening} screening */
  #follow(video, screening) {
    const position = this.#engine.roomPosition;
    if (position === null || this.#paused) return;
    const at = (position - screening.start) / SAMPLE_RATE;
    say(byId("screen-wait"), at < 0 ? t("It begins in {seconds} s", { seconds: Math.ceil(-at) }) : "");
    if (at < 0 || at * SAMPLE_RATE >= screening.samples) return;
    if (video.readyState >= 1 && Math.abs(video.currentTime - at) > APART_S_MAX && !video.seeking) video.currentTime = at;
    if (video.paused && !video.ended) video.play().catch(() => (this.#paused = true, (video.controls = true)));
  }

  #stop() {
    clearInterval(this.#timer);
    this.#watched = null;
    byId("screen").replaceChildren();
  }
}

/** The words as subtitles. They stand in the picture already, so nobody sees them twice who did not ask. @param {string} url */
export function wordsTrack(url) {
  return h("track", { kind: "captions", src: url, srclang: "und", label: t("The words") });
}
