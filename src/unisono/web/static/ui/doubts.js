/**
 * Troubles that a new sound check mends: the round trip may have moved, loudspeakers were taken for headphones, or the headphones or the microphone are others
 * now, or gone. The first two are said only between songs; nobody can measure anything while singing. Who changed their headphones does not sing just then.
 */

import { dialog } from "./dom.js";
import { t } from "./i18n.js";
import { problemInWords } from "./problems.js";
import { offer } from "./toasts.js";

/** @typedef {import("./room.js").RoomView} RoomView */

const CAN_WAIT = new Set(["jump", "bleed"]);
const AT_ONCE = new Set(["microphone_lost", "devices"]);

export class Doubts {
  #room;
  #check;
  /** @type {string | null} */
  #waiting = null;

  /** @param {RoomView} room @param {() => void} check begins the sound check */
  constructor(room, check) {
    this.#room = room;
    this.#check = check;
    room.addEventListener("song", () => this.#waiting && !room.running && this.#offer(this.#waiting));
  }

  /** Whether this trouble is one of ours; it is told then, now or after the song. @param {string} code */
  take(code) {
    if (!AT_ONCE.has(code) && !CAN_WAIT.has(code)) return false;
    if (CAN_WAIT.has(code) && this.#room.running) this.#waiting = code;
    else if (code === "microphone_lost" || !dialog("check").open) this.#offer(code); // a check that is open mends the others anyway
    return true;
  }

  /** A check is made: nothing is in doubt any more. */
  settle() {
    this.#waiting = null;
  }

  /** @param {string} code */
  #offer(code) {
    this.#waiting = null;
    offer(problemInWords(code), t("Sound check"), this.#check);
  }
}
