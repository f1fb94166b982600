/**
 * One's own picture in the film: asked when one steps onto the balcony, off until one says yes, seen by oneself in a corner, changed or taken back at any time.
 * Without a camera, or on a browser that cannot, one's flag and light stand in the window.
 */

import { Camera } from "../engine/camera.js";
import { ownerOf } from "../engine/owner.js";
import { byId, h, input, post, say, show } from "./dom.js";
import { day, t } from "./i18n.js";
import { filmedSeats, picturesWanted, rememberFilmed, rememberPictures } from "./remember.js";
import { Sending } from "./sending.js";
import { toast } from "./toasts.js";

/** @typedef {import("./room.js").RoomView} RoomView */
/** @typedef {EventTarget & {steadyPosition: number | null, diagnostics: Record<string, any>}} Engine */
/** @typedef {{performance: string, title: string, sung_at: string}} Shown */

export class MyPicture {
  #room;
  #token;
  #camera;
  #sending;
  #secret = "";
  #owner = "";
  /** The file of a song in which its person said no: it is not sent. */
  #unwanted = "";

  /** @param {RoomView} room @param {Engine} engine @param {string} token */
  constructor(room, engine, token) {
    this.#room = room;
    this.#token = token;
    this.#camera = new Camera(engine);
    this.#sending = new Sending(room, () => this.#camera.writing);
    input("my-picture").checked = Camera.possible && picturesWanted(token);
    input("my-picture").disabled = !Camera.possible;
    say(byId("my-picture-why"), Camera.possible ? "" : t("This browser cannot record pictures for the film: your flag and your light stand in your window."));
    room.addEventListener("song", () => this.#follow());
    engine.addEventListener("song", (event) => /** @type {CustomEvent} */ (event).detail.phase === "over" && this.#camera.finish());
    this.#camera.addEventListener("recording", () => this.#draw());
    this.#camera.addEventListener("recorded", (event) => this.#recorded(/** @type {CustomEvent} */ (event).detail));
    this.#camera.addEventListener("trouble", () => toast(t("Your picture could not be kept: in this film your flag stands in your window."), "trouble"));
    this.#camera.addEventListener("lost", () => this.#draw());
    this.#sending.addEventListener("done", () => toast(t("Your picture has arrived. You can take it out again under More.")));
    this.#sending.addEventListener("failed", () => toast(t("Your picture could not be sent: in this film your flag stands in your window."), "trouble"));
    this.#sending.addEventListener("progress", (event) => drawWay(/** @type {CustomEvent} */ (event).detail));
    for (const [owner, secret] of filmedSeats()) this.#sending.adopt(owner, secret);
    byId("menu-pictures").addEventListener("toggle", () => void this.#list());
    input("menu-picture").addEventListener("change", () => void this.set(input("menu-picture").checked));
    this.#draw();
  }

  /** The seat is known: what waits here may be sent. @param {string} secret */
  async adopt(secret) {
    this.#secret = secret;
    this.#owner = await ownerOf(secret);
    this.#sending.adopt(this.#owner, secret);
    this.#follow();
  }

  /** As it was said when stepping out. */
  said() {
    return this.set(input("my-picture").checked);
  }

  /** @param {boolean} wanted */
  async set(wanted) {
    rememberPictures(this.#token, wanted);
    if (wanted) await this.#open();
    else {
      this.#unwanted = this.#camera.writing;
      this.#camera.close();
    }
    this.#draw();
    this.#follow();
  }

  /** A file is whole: it goes as soon as nobody sings, or not at all. @param {{name: string, performance: string}} file */
  #recorded({ name, performance }) {
    this.#draw();
    if (name === this.#unwanted) void this.#sending.discard(performance);
    else void this.#sending.send();
  }

  /** Whether the sound check runs, which has a machine at work that rests while one sings. @param {boolean} running */
  checking(running) {
    this.#camera.checking(running);
  }

  /** The camera's light goes out. */
  close() {
    this.#camera.close();
  }

  async #open() {
    try {
      byId("self-view-video", HTMLVideoElement).srcObject = await this.#camera.open();
    } catch (error) {
      const { code } = /** @type {{code?: string}} */ (error);
      rememberPictures(this.#token, false);
      toast(code === "denied" ? t("Your browser does not let us use the camera: your flag stands in your window.") : t("We found no camera that is free: your flag stands in your window."), "trouble");
    }
  }

  /** A song that this seat sings is recorded from its start; one that is thrown away leaves nothing. */
  #follow() {
    const { song, me } = this.#room;
    if (!song) return;
    if (song.state === "discarded") {
      this.#camera.finish();
      void this.#sending.discard(song.performance);
    }
    this.#camera.stopAt(song.stop);
    const sings = song.rows.some((row) => row.includes(me));
    if (this.#room.running && sings && this.#owner && this.#camera.stream) {
      rememberFilmed(this.#owner, this.#secret);
      this.#camera.record(this.#owner, song.performance, song.start);
    }
  }

  #draw() {
    const on = this.#camera.stream !== null;
    const isFilmed = on && this.#camera.writing !== "";
    show(byId("self-view"), on);
    byId("self-view").classList.toggle("filming", isFilmed);
    say(byId("self-view-said"), isFilmed ? t("You are being filmed") : on ? t("Your camera is on; nothing is recorded") : "");
    input("my-picture").checked = on || (Camera.possible && picturesWanted(this.#token));
    input("menu-picture").checked = on;
    input("menu-picture").disabled = !Camera.possible;
    if (!on) byId("self-view-video", HTMLVideoElement).srcObject = null;
  }

  /** In which films one is seen. */
  async #list() {
    if (!this.#secret) return;
    const shown = await post("/api/pictures", { token: this.#token, key: this.#secret }).catch(() => []);
    byId("my-pictures").replaceChildren(...shown.map((/** @type {Shown} */ one) => this.#row(one)));
    show(byId("my-pictures-none"), shown.length === 0);
  }

  /** @param {Shown} one */
  #row({ performance, title, sung_at }) {
    const named = title || t("Free singing");
    const label = t("Take my picture out of {title}, {day}", { title: named, day: day(sung_at) });
    const take = h("button", { type: "button", class: "plain quiet", "aria-label": label, click: () => void this.#withdraw(performance) }, t("Take out"));
    return h("li", {}, h("span", {}, `${named} · ${day(sung_at)}`), take);
  }

  /** @param {string} performance */
  async #withdraw(performance) {
    try {
      await this.#sending.discard(performance);
      await post("/api/picture/withdraw", { token: this.#token, key: this.#secret, performance });
      say(byId("my-pictures-said"), t("Your picture is deleted: your flag stands in your window."));
    } catch {
      say(byId("my-pictures-said"), t("That was not possible. Please try again."));
    }
    byId("menu-pictures").querySelector("summary")?.focus();
    await this.#list();
  }
}

/** How far one's picture is on its way. @param {number | null} share */
function drawWay(share) {
  show(byId("picture-way"), share !== null);
  byId("picture-way-bar", HTMLProgressElement).value = share ?? 0;
}
