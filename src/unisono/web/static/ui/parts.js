/** Saying what one sings: in the song panel for oneself, among the people for hosts, who may say it of anybody. */

import { byId, h, input, show } from "./dom.js";
import { t } from "./i18n.js";
import { partMeant, partsToChoose } from "./partnames.js";
import { partInWords } from "./takewords.js";

/** @typedef {import("./room.js").RoomView} RoomView */
/** @typedef {import("./types.js").Piece} Piece */

/** No part is called this: names have no line breaks. */
const ANOTHER = "\n";

/** A choice of parts, and a line for one that is not among them: `#id` and `#id-own`. */
class PartField {
  #select;
  #own;
  #said;
  /** @type {string[]} */
  #offered = [];
  #part = "";
  #writing = false;

  /** @param {string} id @param {(part: string) => void} said */
  constructor(id, said) {
    this.#select = byId(id, HTMLSelectElement);
    this.#own = input(`${id}-own`);
    this.#said = said;
    this.#select.addEventListener("change", () => this.#chosen(this.#select.value));
    this.#own.addEventListener("change", () => this.#written());
    this.#own.addEventListener("keydown", (event) => this.#pressed(event));
  }

  /** @param {string[]} named parts of the piece @param {string} part what was said */
  show(named, part) {
    this.#part = part;
    this.#offered = partsToChoose(named, part);
    const options = [["", t("None in particular")], ...this.#offered.map((one) => [one, partInWords(one)]), [ANOTHER, t("Another …")]];
    const now = JSON.stringify(options);
    if (this.#select.dataset.now !== now) {
      this.#select.dataset.now = now;
      this.#select.replaceChildren(...options.map(([value, words]) => h("option", { value }, words)));
    }
    const standing = this.#offered.find((one) => one.toLowerCase() === part.toLowerCase()) ?? "";
    this.#select.value = this.#writing ? ANOTHER : standing;
    show(this.#own, this.#writing);
  }

  /** What somebody began to write is of another seat, or not wanted any more. */
  forget() {
    this.#writing = false;
  }

  /** @param {string} value */
  #chosen(value) {
    this.#writing = value === ANOTHER;
    this.#own.value = "";
    show(this.#own, this.#writing);
    if (this.#writing) this.#own.focus();
    else this.#said(value);
  }

  /** Escape leaves the line, and closes nothing else. @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    this.#leave(this.#part);
  }

  /** Comes again when the line, which is over, loses the focus. */
  #written() {
    if (!this.#writing) return;
    const part = partMeant(this.#own.value, this.#offered, partInWords);
    if (part) this.#said(part);
    this.#leave(part || this.#part);
  }

  /** Back to the choice, at `part`; whoever wrote with the keyboard stays where they were. @param {string} part */
  #leave(part) {
    const focused = document.activeElement === this.#own;
    this.#writing = false;
    this.show(this.#offered, part);
    if (focused) this.#select.focus();
  }
}

/** @param {RoomView} room @param {{send(message: object): void}} engine @param {Map<string, Piece>} pieces */
export function wireParts(room, engine, pieces) {
  const whose = byId("their-part-of", HTMLSelectElement);
  const mine = new PartField("my-part", (part) => engine.send({ type: "part", part }));
  const theirs = new PartField("their-part", (part) => engine.send({ type: "part", part, seat: Number(whose.value) }));
  const draw = () => {
    const id = room.running ? room.song?.piece : room.picked.piece;
    const named = pieces.get(id ?? "")?.parts ?? [];
    show(byId("my-part-field"), room.me !== 0 && room.role !== "listener");
    mine.show(named, room.mySeat?.part ?? "");
    const before = whose.value;
    drawWhose(whose, room);
    // Whoever was meant has left: what was half written for them is nobody else's.
    if (whose.value !== before) theirs.forget();
    theirs.show(named, room.seats.get(Number(whose.value))?.part ?? "");
  };
  whose.addEventListener("change", () => {
    theirs.forget();
    draw();
  });
  for (const what of ["room", "seats", "piece", "song", "problem"]) room.addEventListener(what, draw);
}

/** @param {HTMLSelectElement} whose @param {RoomView} room */
function drawWhose(whose, room) {
  show(byId("their-part-field"), room.role === "host" && room.performers.length > 1);
  const people = room.performers.map((seat) => [String(seat.seat), seat.name]);
  const now = JSON.stringify(people);
  if (whose.dataset.now === now) return;
  const chosen = whose.value;
  whose.dataset.now = now;
  whose.replaceChildren(...people.map(([seat, name]) => h("option", { value: seat }, name)));
  whose.value = people.some(([seat]) => seat === chosen) ? chosen : people[0]?.[0] ?? "";
}
