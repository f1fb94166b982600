/**
 * Sends a file by tus 1.0, in slices: a lost line, a sleeping phone or a server that starts again costs a slice at most.
 * What has begun is remembered in this browser, so that the same file goes on after a reload where it was.
 */

import { Problem } from "./dom.js";
import { begunUpload, forgetUpload, rememberUpload } from "./remember.js";

/** @typedef {import("./remember.js").Begun} Begun */
/** @typedef {"sending" | "waiting" | "done" | "failed" | "stopped"} UploadState */

const SLICE_BYTES = 4 * 2 ** 20;
const PRINT_BYTES = 2 ** 16;
const PAUSE_MS_MIN = 1000;
const PAUSE_MS_MAX = 30_000;
const TUS = { "Tus-Resumable": "1.0.0" };
/** Answers after which trying again changes nothing. */
const FINAL = [400, 401, 403, 412, 413, 415];

export class Upload {
  #file;
  #token;
  /** By which this file is known again, when it is there already too; empty until it was read. */
  #print = "";
  #about;
  #path;
  /** @type {Begun | null} */
  #begun = null;
  /** @type {XMLHttpRequest | null} */
  #request = null;
  #stopped = false;
  #offset = 0;
  /** @type {(() => void) | null} ends the pause before the next attempt */
  #wake = null;
  /** @type {UploadState} */
  state = "sending";
  /** Why it waits or has failed. */
  code = "";
  /** Whether all of it was there before this began. */
  already = false;
  /** Called whenever anything of this changed. */
  onChange = () => {};
  /** Called once the clip has a take of its own. @type {(take: string, key: string) => void} */
  onBegun = () => {};

  /**
   * @param {File} file @param {string} token what opens the way: a performance's, or a seat's secret @param {Record<string, string>} about name, place, flag, part, picture
   * @param {string} [path] where it begins
   */
  constructor(file, token, about, path = "/uploads") {
    this.#file = file;
    this.#token = token;
    this.#about = about;
    this.#path = path;
  }

  get name() {
    return this.#file.name;
  }

  get take() {
    return this.#begun?.take ?? "";
  }

  /** Whether it sends this very file. @param {File} file */
  isOf({ name, size, lastModified }) {
    return this.#file.name === name && this.#file.size === size && this.#file.lastModified === lastModified;
  }

  /** 0..1 */
  get share() {
    return this.#file.size ? this.#offset / this.#file.size : 0;
  }

  get bytes() {
    return { sent: this.#offset, all: this.#file.size };
  }

  /** Until the file is there, or cannot be. Never rejects. One tab of a browser sends a file: two would take it from each other. */
  async run() {
    this.#print = await printOf(this.#token, this.#file).catch(() => "");
    if (!this.#print) return this.#fail("file_gone");
    if (!navigator.locks) return this.#run();
    await navigator.locks.request(`unisono.upload.${this.#print}`, { ifAvailable: true }, (lock) => (lock ? this.#run() : this.#fail("sent_elsewhere")));
  }

  async #run() {
    let pause_ms = PAUSE_MS_MIN;
    window.addEventListener("online", this.#online);
    while (!this.#stopped) {
      const before = this.#offset;
      try {
        await this.#send();
        this.#tell("done");
        break;
      } catch (error) {
        if (this.#stopped) break;
        this.code = error instanceof Problem ? error.code : "offline";
        if (error instanceof Final) {
          forgetUpload(this.#print);
          this.#fail(this.code);
          break;
        }
        if (this.#offset > before) pause_ms = PAUSE_MS_MIN;
        this.#tell("waiting");
        await this.#pause(pause_ms);
        pause_ms = Math.min(2 * pause_ms, PAUSE_MS_MAX);
      }
    }
    window.removeEventListener("online", this.#online);
  }

  /** @param {string} code */
  #fail(code) {
    this.code = code;
    this.#tell("failed");
  }

  /** Stops for now; another upload of the same file goes on where this one was. */
  hold() {
    this.#stopped = true;
    this.#request?.abort();
    this.#wake?.();
    this.#tell("stopped");
  }

  /** Stops, and takes back what has come. */
  async stop() {
    this.#stopped = true;
    this.#request?.abort();
    this.#wake?.();
    this.#tell("stopped");
    forgetUpload(this.#print);
    if (this.#begun) await fetch(this.#begun.url, { method: "DELETE", headers: this.#headers }).catch(() => {});
  }

  #online = () => this.#wake?.();

  get #headers() {
    return { ...TUS, Authorization: `bearer ${this.#begun?.key ?? ""}` };
  }

  async #send() {
    const began = this.#begun !== null;
    this.#begun ??= begunUpload(this.#print);
    this.#offset = this.#begun ? await this.#whereToGoOn(began) : await this.#begin();
    this.code = "";
    this.already = !began && this.#offset === this.#file.size;
    if (this.#begun) this.onBegun(this.#begun.take, this.#begun.key);
    this.#tell("sending");
    while (this.#offset < this.#file.size && !this.#stopped) {
      this.#offset = await this.#patch(this.#offset);
      this.#tell("sending");
    }
  }

  async #begin() {
    const told = { ...this.#about, filename: this.#file.name };
    const pairs = Object.entries(told).filter(([, value]) => value).map(([name, value]) => `${name} ${base64(value)}`);
    const answer = await fetch(this.#path, {
      method: "POST",
      headers: {
        ...TUS, Authorization: `bearer ${this.#token}`, "Upload-Length": String(this.#file.size), "Upload-Metadata": pairs.join(","),
      },
    });
    if (!answer.ok) throw await problemOf(answer);
    const { take, key } = await answer.json();
    this.#begun = { take, key, url: answer.headers.get("location") ?? `${this.#path}/${take}`, file: this.#file.name };
    rememberUpload(this.#print, this.#begun);
    return 0;
  }

  /** @param {boolean} began whether it was begun by this very upload */
  async #whereToGoOn(began) {
    const begun = /** @type {Begun} */ (this.#begun);
    const answer = await fetch(begun.url, { method: "HEAD", headers: this.#headers });
    if (answer.status === 404 || answer.status === 403) {
      if (began) throw new Final("clip_gone", ""); // somebody took it back meanwhile
      forgetUpload(this.#print); // that was another time: from the beginning
      this.#begun = null;
      return this.#begin();
    }
    if (!answer.ok) throw new Problem("offline", "");
    return Number(answer.headers.get("Upload-Offset"));
  }

  /** @param {number} offset @returns {Promise<number>} the next */
  #patch(offset) {
    const begun = /** @type {Begun} */ (this.#begun);
    const slice = this.#file.slice(offset, offset + SLICE_BYTES);
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      this.#request = request;
      request.open("PATCH", begun.url);
      const headers = { ...this.#headers, "Content-Type": "application/offset+octet-stream", "Upload-Offset": String(offset) };
      for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
      request.upload.onprogress = ({ loaded }) => {
        this.#offset = offset + loaded;
        this.#tell("sending");
      };
      request.onload = () => {
        const next = Number(request.getResponseHeader("Upload-Offset"));
        if (request.status === 204) resolve(next);
        else reject(problem(request.status, request.responseText));
      };
      // A file that was moved or deleted meanwhile looks like a lost line.
      request.onerror = () => slice.slice(0, 1).arrayBuffer().then(() => reject(new Problem("offline", "")), () => reject(new Final("file_gone", "")));
      request.onabort = () => reject(new Problem("offline", ""));
      request.send(slice);
    });
  }

  /** @param {number} pause_ms */
  #pause(pause_ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(undefined), pause_ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve(undefined);
      };
    });
  }

  /** @param {UploadState} state */
  #tell(state) {
    if (this.#stopped && state !== "stopped") return;
    this.state = state;
    this.onChange();
  }
}

/**
 * Name, size, beginning and end of a file: its date is no part of it, since phones give a new one each time it is chosen.
 * @param {string} token of the performance @param {File} file
 */
async function printOf(token, file) {
  const ends = await Promise.all([file.slice(0, PRINT_BYTES), file.slice(-PRINT_BYTES)].map((one) => one.arrayBuffer()));
  let sum = 0x811c9dc5; // FNV-1a
  for (const end of ends) for (const byte of new Uint8Array(end)) sum = Math.imul(sum ^ byte, 0x01000193);
  return [token.slice(0, 12), file.name, file.size, sum >>> 0].join("/");
}

/** A refusal: trying again changes nothing. */
class Final extends Problem {}

/** @param {Response} answer */
async function problemOf(answer) {
  return problem(answer.status, await answer.text().catch(() => ""));
}

/** @param {number} status @param {string} body */
function problem(status, body) {
  let said = { code: String(status), text: "" };
  try {
    said = { ...said, ...JSON.parse(body) };
  } catch {
    // not from our server: a proxy's page, or nothing
  }
  return FINAL.includes(status) ? new Final(said.code, said.text) : new Problem(said.code, said.text);
}

/** @param {string} text */
function base64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
