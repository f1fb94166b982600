/** Being together: talk, wave, raise a hand, write, and see who is here. */

import { button, byId, h, input, say, show } from "./dom.js";
import { flagElement, flagInWords } from "./flags.js";
import { t, tn } from "./i18n.js";
import { PushToTalk } from "./pushtotalk.js";
import { partInWords } from "./takewords.js";
import { tell, toast } from "./toasts.js";

/** @typedef {import("./room.js").RoomView} RoomView */
/** @typedef {import("./types.js").Seat} Seat */
/** @typedef {EventTarget & {microphoneOpen: boolean, faders: Record<string, number>, send(message: object): void, setFader(name: string, gain: number): void, setTalking(on: boolean): void}} Engine */

const WRITTEN_MAX = 200;
/** So long somebody in the street is listed as waving. */
const WAVES_MS = 8000;
/** In the street there may be thousands. */
const LISTED_MAX = 20;

/**
 * Push to talk: hold the button or the space bar. With headphones a short press keeps the microphone open until the next;
 * before loudspeakers the others fall silent while it is open, so that nobody hears themselves come back.
 * @param {RoomView} room
 * @param {Engine} engine
 */
export function wireTalk(room, engine) {
  const talk = button("talk");
  let hushed = 0;
  const pushing = new PushToTalk((on) => {
    if (on && room.mySeat?.output === "loudspeakers") {
      hushed = engine.faders.talk;
      engine.setFader("talk", 0);
    } else if (hushed) {
      engine.setFader("talk", hushed);
      hushed = 0;
    }
    engine.setTalking(on);
    talk.setAttribute("aria-pressed", String(on));
    talk.classList.toggle("on", on);
    say(talk, on ? t("You are talking") : t("Hold to talk"));
  });
  const update = () => pushing.update({ allowed: !room.running && engine.microphoneOpen, headphones: room.mySeat?.output === "headphones" });
  const press = () => {
    update();
    pushing.press(performance.now());
  };
  const release = () => pushing.release(performance.now());
  talk.addEventListener("pointerdown", (event) => {
    talk.setPointerCapture(event.pointerId);
    press();
  });
  for (const end of ["pointerup", "pointercancel"]) talk.addEventListener(end, release);
  /** The key that holds talk open; wherever the focus goes meanwhile, letting go of it ends the talk. */
  let held = "";
  document.addEventListener("keydown", (event) => {
    if (!isTalkKey(event, talk) || talk.hidden || talk.disabled) return;
    event.preventDefault();
    if (event.repeat) return;
    held = event.key;
    press();
  });
  document.addEventListener("keyup", (event) => {
    if (!held || event.key !== held) return;
    held = "";
    event.preventDefault();
    release();
  });
  window.addEventListener("blur", () => pushing.blur());
  const draw = () => {
    show(talk, room.role !== "listener" && room.me !== 0);
    talk.disabled = room.running || !engine.microphoneOpen;
    update();
  };
  for (const what of ["room", "song", "seats"]) room.addEventListener(what, draw);
  return draw;
}

/** The space bar talks wherever it has no other meaning. @param {KeyboardEvent} event @param {HTMLElement} talk */
function isTalkKey(event, talk) {
  if (event.key !== " " && !(event.key === "Enter" && event.target === talk)) return false;
  if (event.target === talk) return true;
  const on = /** @type {HTMLElement} */ (event.target);
  return !document.querySelector("dialog[open]") && !on.closest("input, select, textarea, button, summary, a, [tabindex]:not(main)");
}

/** @param {RoomView} room @param {Engine} engine */
export function wireGestures(room, engine) {
  button("wave").addEventListener("click", () => engine.send({ type: "wave" }));
  button("hand").addEventListener("click", () => engine.send({ type: "hand", up: !room.mySeat?.hand }));
  room.addEventListener("seats", () => {
    const up = Boolean(room.mySeat?.hand);
    button("hand").setAttribute("aria-pressed", String(up));
  });
}

/** @param {RoomView} room @param {Engine} engine @param {() => boolean} isOpen whether the panel is in view */
export function wireWriting(room, engine, isOpen) {
  byId("write-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = input("write-text").value.trim();
    if (text) engine.send({ type: "write", text });
    input("write-text").value = "";
  });
  room.addEventListener("room", (event) => {
    byId("written").replaceChildren();
    for (const one of /** @type {CustomEvent} */ (event).detail.written) addLine(room, one);
  });
  room.addEventListener("write", (event) => {
    const line = /** @type {CustomEvent} */ (event).detail;
    addLine(room, line);
    if (line.seat === room.me) return;
    const text = t("{name}: {text}", { name: room.name(line.seat) || t("Somebody"), text: line.text });
    if (isOpen()) tell(text);
    else toast(text);
  });
}

/** @param {RoomView} room @param {{seat: number, text: string}} line */
function addLine(room, line) {
  const list = byId("written");
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  list.append(h("li", { class: line.seat === room.me ? "mine" : "" }, h("strong", {}, room.name(line.seat) || t("Somebody")), " ", line.text));
  while (list.children.length > WRITTEN_MAX) list.firstChild?.remove();
  if (atEnd) list.scrollTop = list.scrollHeight;
}

/** @param {RoomView} room */
export function wirePeople(room) {
  /** Seats in the street that have just waved. @type {Set<number>} */
  const waving = new Set();
  const draw = () => {
    const street = [...room.seats.values()].filter((seat) => seat.role === "listener" && seat.present && (seat.hand || waving.has(seat.seat)));
    const rows = street.slice(0, LISTED_MAX).map((seat) => streetRow(room, seat, waving.has(seat.seat)));
    byId("people").replaceChildren(...room.performers.map((seat) => personRow(room, seat)), ...rows);
    say(byId("listening"), tn("{n} person is listening", "{n} people are listening", room.listeners));
  };
  for (const what of ["seats", "leader", "song", "rows"]) room.addEventListener(what, draw);
  room.addEventListener("seats", (event) => announce(room, /** @type {CustomEvent} */ (event).detail));
  room.addEventListener("wave", (event) => {
    const seat = room.seats.get(/** @type {CustomEvent} */ (event).detail.seat);
    if (seat?.role !== "listener") return; // balconies wave for themselves
    if (seat.seat !== room.me) toast(seat.name ? t("{name} waves from the street.", { name: seat.name }) : t("Somebody in the street waves."));
    waving.add(seat.seat);
    draw();
    setTimeout(() => {
      waving.delete(seat.seat);
      draw();
    }, WAVES_MS);
  });
}

/** @param {RoomView} room @param {Seat} seat @param {boolean} waves */
function streetRow(room, seat, waves) {
  const facts = [seat.seat === room.me ? t("you") : "", seat.hand ? t("hand up") : "", waves ? t("waves") : ""].filter(Boolean);
  return h("li", {}, h("span", {}, h("strong", {}, seat.name || t("Somebody in the street")), h("small", {}, facts.join(" · "))));
}

/** @param {RoomView} room @param {Seat} seat */
function personRow(room, seat) {
  const facts = [
    seat.seat === room.me ? t("you") : "",
    seat.seat === room.leader ? t("leads") : "",
    seat.hand ? t("hand up") : "",
    seat.talking ? t("talking") : "",
    seat.present ? "" : t("coming back"),
    seat.output === "loudspeakers" ? t("heard afterwards") : "",
  ].filter(Boolean);
  const words = h("span", {}, h("strong", {}, seat.name), h("small", {}, [partInWords(seat.part ?? ""), seat.place, flagInWords(seat.flag), ...facts].filter(Boolean).join(" · ")));
  return h("li", {}, flagElement(seat.flag), words);
}

/** Who came, left or asks for a word is said (in the street only who asks), but never about oneself. @param {RoomView} room @param {any} what */
function announce(room, what) {
  const seat = room.seats.get(what.seat);
  if (!seat || what.seat === room.me) return;
  if (seat.role === "listener") {
    if (what.hand) toast(seat.name ? t("{name} raises a hand in the street.", { name: seat.name }) : t("Somebody in the street raises a hand."));
  } else if (what.came) tell(t("{name} is here.", { name: seat.name }));
  else if (what.left) tell(t("{name} has gone.", { name: seat.name }));
  else if (what.hand) toast(t("{name} raises a hand.", { name: seat.name }));
}
