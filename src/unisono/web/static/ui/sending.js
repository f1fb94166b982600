/** One's own pictures go to the server once nobody sings: one file after another, on again after a reload, held back whenever a song begins. */

import { kept, removeOldPictures } from "../engine/album.js";
import { Upload } from "./upload.js";

/** @typedef {import("./room.js").RoomView} RoomView */

const KEPT_MS = 30 * 24 * 60 * 60 * 1000;
const PATH = "/pictures";

export class Sending extends EventTarget {
  #room;
  /** @type {{owner: string, secret: string} | null} */
  #seat = null;
  /** @type {Upload | null} */
  #upload = null;
  #isSending = false;
  /** The file that is being written now. */
  #writing;

  /** @param {RoomView} room @param {() => string} writing name of the file that is not whole yet, or empty */
  constructor(room, writing) {
    super();
    this.#room = room;
    this.#writing = writing;
    room.addEventListener("song", () => (room.running ? this.#upload?.hold() : void this.send()));
  }

  /** @param {string} owner @param {string} secret */
  adopt(owner, secret) {
    const isNew = this.#seat?.owner !== owner;
    this.#seat = { owner, secret };
    if (!isNew) return;
    void removeOldPictures(owner, Date.now() - KEPT_MS).catch(() => undefined);
    void this.send();
  }

  /** Everything that waits. */
  async send() {
    if (this.#isSending || !this.#seat) return;
    this.#isSending = true;
    try {
      for (const one of await kept(this.#seat.owner)) {
        if (this.#room.running) break;
        if (one.name !== this.#writing()) await this.#sendOne(one);
      }
    } finally {
      this.#isSending = false;
    }
  }

  /** Deletes what waits of a performance, or of all. @param {string} [performance] */
  async discard(performance) {
    this.#upload?.hold();
    for (const one of await kept(this.#seat?.owner ?? "")) {
      const isMeant = !performance || one.performance === performance;
      if (isMeant && one.name !== this.#writing()) await one.discard().catch(() => undefined);
    }
  }

  /** @param {import("../engine/album.js").Kept} one */
  async #sendOne(one) {
    const file = await one.file().catch(() => null);
    if (!file) return;
    if (file.size > 0) {
      const upload = (this.#upload = new Upload(file, this.#seat?.secret ?? "", { performance: one.performance, picture: "yes" }, PATH));
      await upload.run();
      this.#upload = null;
      if (upload.state !== "done" && upload.state !== "failed") return;
      this.dispatchEvent(new CustomEvent(upload.state, { detail: { performance: one.performance, code: upload.code } }));
    }
    await one.discard().catch(() => undefined);
  }
}
