/**
 * One's own pictures go to the server once nobody sings: one file after another, on again after a reload, held back whenever a song begins.
 * Events: `done`, `failed`, and `progress` with the share of what is being sent, or null when nothing is.
 */

import { kept, removeOldPictures } from "../engine/album.js";
import { Upload } from "./upload.js";

/** @typedef {EventTarget & {running: boolean}} Songs */

const KEPT_MS = 30 * 24 * 60 * 60 * 1000;
const PATH = "/pictures";

export class Sending extends EventTarget {
  #songs;
  /** Secrets by owner. @type {Map<string, string>} */
  #seats = new Map();
  /** @type {Upload | null} */
  #upload = null;
  #isSending = false;
  #isWanted = false;
  /** The file that is being written now. */
  #writing;

  /** @param {Songs} songs whose `song` event says when `running` has changed @param {() => string} writing name of the file that is not whole yet, or empty */
  constructor(songs, writing) {
    super();
    this.#songs = songs;
    this.#writing = writing;
    songs.addEventListener("song", () => (songs.running ? this.#upload?.hold() : void this.send()));
  }

  /** @param {string} owner @param {string} secret */
  adopt(owner, secret) {
    if (this.#seats.has(owner)) return;
    this.#seats.set(owner, secret);
    void removeOldPictures(owner, Date.now() - KEPT_MS).catch(() => undefined);
    void this.send();
  }

  /** Everything that waits. */
  async send() {
    this.#isWanted = true;
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      while (this.#isWanted) {
        this.#isWanted = false;
        for (const owner of this.#seats.keys()) await this.#sendAll(owner);
      }
    } finally {
      this.#isSending = false;
    }
  }

  /** Deletes what waits of a performance. @param {string} performance */
  async discard(performance) {
    this.#upload?.hold();
    for (const owner of this.#seats.keys()) {
      for (const one of await kept(owner)) {
        if (one.performance === performance && one.name !== this.#writing()) await one.discard().catch(() => undefined);
      }
    }
    void this.send(); // what was held back with it
  }

  /** @param {string} owner */
  async #sendAll(owner) {
    for (const one of await kept(owner)) {
      if (this.#songs.running) return;
      if (one.name !== this.#writing()) await this.#sendOne(one, this.#seats.get(owner) ?? "");
    }
  }

  /** @param {import("../engine/album.js").Kept} one @param {string} secret */
  async #sendOne(one, secret) {
    const file = await one.file().catch(() => null);
    if (!file) return;
    if (file.size > 0) {
      const upload = (this.#upload = new Upload(file, secret, { performance: one.performance, picture: "yes" }, PATH));
      upload.onChange = () => this.#tell(upload.state === "sending" || upload.state === "waiting" ? upload.share : null);
      await upload.run();
      this.#upload = null;
      this.#tell(null);
      if (upload.state !== "done" && upload.state !== "failed") return;
      if (upload.code === "file_gone" || upload.code === "sent_elsewhere") return; // it cannot be read just now, or another tab sends it
      this.dispatchEvent(new CustomEvent(upload.state, { detail: { performance: one.performance, code: upload.code } }));
    }
    await one.discard().catch(() => undefined);
  }

  /** @param {number | null} share */
  #tell(share) {
    this.dispatchEvent(new CustomEvent("progress", { detail: share }));
  }
}
