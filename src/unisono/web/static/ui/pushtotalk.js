/** Push to talk: what pressing and letting go mean. No elements and no sound here; together.js draws it. */

/** On headphones a press shorter than this leaves the microphone open until the next press. */
export const TAP_MS = 300;

export class PushToTalk {
  on = false;
  #kept = false;
  #closing = false;
  #pressedMs = 0;
  #allowed = false;
  #headphones = false;
  #onChange;

  /** @param {(on: boolean) => void} onChange the microphone is to open or close for talk */
  constructor(onChange) {
    this.#onChange = onChange;
  }

  /** How things stand. @param {{allowed: boolean, headphones: boolean}} now  `headphones`: nothing that is heard enters the microphone */
  update({ allowed, headphones }) {
    this.#allowed = allowed;
    this.#headphones = headphones;
    if (!allowed || (this.#kept && !headphones)) this.stop();
  }

  /** @param {number} ms any clock's */
  press(ms) {
    this.#pressedMs = ms;
    this.#closing = this.#kept;
    this.#kept = false;
    if (this.#allowed) this.#set(true);
  }

  /** @param {number} ms */
  release(ms) {
    const tapped = ms - this.#pressedMs < TAP_MS;
    if (this.on && tapped && this.#headphones && !this.#closing) this.#kept = true;
    else this.stop();
  }

  /** Nobody looks at the page any more: what is only held is let go. */
  blur() {
    if (!this.#kept) this.stop();
  }

  /** Close the microphone, held or kept. */
  stop() {
    this.#kept = false;
    this.#set(false);
  }

  /** @param {boolean} on */
  #set(on) {
    if (on === this.on) return;
    this.on = on;
    this.#onChange(on);
  }
}
