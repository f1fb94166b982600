/** After the last note: the mix's progress, the premiere for the whole courtyard, and what was sung here before. */

import { byId, h, post, show } from "./dom.js";
import { day, minutes, t } from "./i18n.js";

/** @typedef {import("./room.js").RoomView} RoomView */

const AFTER_SONG = new Set(["ending", "mixing", "premiere", "done"]);

export class Ending {
  #room;
  #token;
  #dismissed = "";

  /** @param {RoomView} room @param {EventTarget} engine @param {string} token */
  constructor(room, engine, token) {
    this.#room = room;
    this.#token = token;
    for (const what of ["song", "mix", "premiere"]) room.addEventListener(what, () => this.#draw());
    engine.addEventListener("song", () => this.#draw());
    room.addEventListener("mix", (event) => /** @type {CustomEvent} */ (event).detail.page && this.list());
    room.addEventListener("room", () => this.list());
  }

  /** Draws the list of everything sung in this courtyard. */
  async list() {
    const sung = await post("/api/performances", { token: this.#token }).catch(() => []);
    const done = sung.filter((/** @type {any} */ one) => one.page);
    byId("sung").replaceChildren(...done.map(sungRow));
    show(byId("sung-none"), done.length === 0);
  }

  #draw() {
    const { song, mix } = this.#room;
    const over = song !== null && AFTER_SONG.has(song.state) && !document.body.classList.contains("singing");
    const visible = over && this.#dismissed !== song.performance && (song.state !== "done" || mix !== null);
    show(byId("ending"), visible);
    show(byId("stage"), visible || this.#room.running);
    if (!visible || !song) return;
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
      const text = state === "ending" ? t("The last row is still singing …") : t("Your song is being mixed …");
      return [h("p", { class: "big-line", role: "status" }, text), h("progress", { max: 1, value: 0, "aria-label": t("Mixing") })];
    }
    const heading = state === "premiere" ? t("Listen: this is you, all together") : t("Your song is ready");
    const link = h("a", { class: "button gold big", href: page, target: "_blank", rel: "opener" }, t("To the song: hear, download, share"));
    return [h("p", { class: "big-line", role: "status" }, heading), link, close];
  }

  #dismiss() {
    this.#dismissed = this.#room.song?.performance ?? "";
    this.#draw();
  }
}

/** @param {{title: string, sung_at: string, seconds: number, page: string}} one */
function sungRow(one) {
  return h("li", {}, h("a", { href: one.page, target: "_blank" }, h("strong", {}, one.title || t("Free singing"))),
    h("small", { class: "dim" }, ` ${day(one.sung_at)} · ${minutes(one.seconds)}`));
}
