/** After the last note: the mix's progress, the premiere for the whole courtyard, and what was sung here before; the host may delete it. */

import { keeper, keepOrAgain } from "./along.js";
import { button, byId, h, post, show } from "./dom.js";
import { day, minutes, t } from "./i18n.js";
import { rememberHost } from "./remember.js";
import { showStage } from "./stage.js";
import { toast } from "./toasts.js";

/** @typedef {import("./room.js").RoomView} RoomView */
/** @typedef {EventTarget & {send(message: object): void}} Engine */
/** @typedef {{performance: string, title: string, sung_at: string, seconds: number, page: string | null}} Listed */

const AFTER_SONG = new Set(["ending", "mixing", "premiere", "done"]);
/** Whoever comes only then has not sung, and knows of no mix. */
const MIXED = new Set(["premiere", "done"]);

export class Ending {
  #room;
  #engine;
  #token;
  /** Asked to be deleted; the server may still list them for a moment. @type {Set<string>} */
  #deleted = new Set();
  #dismissed = "";
  /** What this courtyard sings along to. @type {import("./along.js").Guide | null} */
  #guide;

  /** @param {RoomView} room @param {Engine} engine @param {string} token @param {import("./along.js").Guide | null} guide */
  constructor(room, engine, token, guide) {
    this.#guide = guide;
    this.#room = room;
    this.#engine = engine;
    this.#token = token;
    for (const what of ["song", "mix", "premiere"]) room.addEventListener(what, () => this.#draw());
    engine.addEventListener("song", () => this.#draw());
    room.addEventListener("mix", () => room.mix?.page && this.list());
    room.addEventListener("room", () => this.list());
    room.addEventListener("song", () => room.song?.state === "discarded" && this.list());
  }

  /** Draws the list of everything sung in this courtyard. */
  async list() {
    const sung = await post("/api/performances", { token: this.#token }).catch(() => []);
    const done = sung.filter((/** @type {Listed} */ one) => one.page && !this.#deleted.has(one.performance));
    if (this.#room.role === "host") for (const one of done) rememberHost(tokenOf(one.page), this.#token);
    byId("sung").replaceChildren(...done.map((/** @type {Listed} */ one) => this.#row(one)));
    show(byId("sung-none"), done.length === 0);
  }

  /** @param {Listed} one */
  #row(one) {
    const title = one.title || t("Free singing");
    const link = h("a", { href: one.page, target: "_blank" }, h("strong", {}, title));
    const when = h("small", { class: "dim" }, `${day(one.sung_at)} · ${minutes(one.seconds)}`);
    const named = t("Delete {title}, {day}", { title, day: day(one.sung_at) });
    const remove = () => this.#discard(one, title);
    const host = this.#room.role === "host";
    return h("li", {}, h("span", {}, link, " ", when), host && this.#guide ? this.#keepButton(one, title) : null, host ? h("button", { type: "button", class: "plain quiet", "aria-label": named, click: remove }, t("Delete")) : null);
  }

  /** Of several tries an earlier one may have been the best. @param {Listed} one @param {string} title */
  #keepButton(one, title) {
    const named = t("Keep this one: {title}, {day}", { title, day: day(one.sung_at) });
    const keep = keeper(this.#token, one.performance, byId("sung-problem"));
    return h("button", { type: "button", class: "quiet", "aria-label": named, click: keep }, t("Keep this one"));
  }

  /** @param {Listed} one @param {string} title */
  #discard(one, title) {
    if (!confirm(t("Delete {title} for everybody, with every voice? It cannot be brought back.", { title }))) return;
    this.#deleted.add(one.performance);
    this.#engine.send({ type: "discard", performance: one.performance });
    toast(t("{title} is deleted.", { title }));
    byId("sung-heading").focus();
    this.list();
  }

  #draw() {
    const { song, mix } = this.#room;
    const over = song !== null && AFTER_SONG.has(song.state) && !document.body.classList.contains("singing");
    const visible = over && this.#dismissed !== song.performance && (!MIXED.has(song.state) || mix !== null);
    show(byId("ending"), visible);
    showStage();
    if (!visible || !song) return this.#clear();
    const now = `${song.performance} ${song.state} ${mix?.page ?? ""}`;
    if (byId("ending").dataset.now !== now) {
      byId("ending").dataset.now = now;
      byId("ending").replaceChildren(...this.#content(song.state, mix?.page ?? null));
    }
    const progress = byId("ending").querySelector("progress");
    if (progress && mix) progress.value = mix.share;
  }

  /** @param {string} state @param {string | null} page */
  #content(state, page) {
    const close = h("button", { type: "button", class: "plain", click: () => this.#dismiss() }, t("Close"));
    if (page === null) {
      const last = this.#guide ? t("The last notes are arriving …") : t("The last row is still singing …");
      const text = state === "ending" ? last : t("Your song is being mixed …");
      return [h("p", { class: "big-line", role: "status" }, text), h("progress", { max: 1, value: 0, "aria-label": t("Mixing") })];
    }
    const performance = this.#room.song?.performance ?? "";
    if (this.#guide) {
      const playing = state === "premiere";
      const heading = playing ? t("Listen: this is you, with everybody") : t("Do you like it?");
      const choices = keepOrAgain(this.#guide, this.#token, { performance, page, seat: this.#room.me, mine: this.#room.role === "host" }, playing, () => this.#again());
      return [h("p", { class: "big-line", role: "status" }, heading), ...choices];
    }
    const heading = state === "premiere" ? t("Listen: this is you, all together") : t("Your song is ready");
    const link = h("a", { class: "button gold big", href: page, target: "_blank", rel: "opener" }, t("To the song: hear, download, share"));
    return [h("p", { class: "big-line", role: "status" }, heading), link, close];
  }

  /** Nothing of it sounds on. */
  #clear() {
    if (byId("ending").dataset.now === undefined) return;
    delete byId("ending").dataset.now;
    byId("ending").replaceChildren();
  }

  /** At once: whoever sings along leads, and is ready. */
  #again() {
    this.#dismiss();
    button("start").focus();
    button("start").click();
  }

  #dismiss() {
    this.#dismissed = this.#room.song?.performance ?? "";
    this.#draw();
  }
}

/** What stands behind `#` in a performance's address. @param {string | null} page */
function tokenOf(page) {
  return page?.split("#")[1] ?? "";
}
