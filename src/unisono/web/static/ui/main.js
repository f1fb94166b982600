/** The courtyard: joins the pieces together. What is heard is the engine's; what is known is the room's. */

import { guideOf } from "./along.js";
import { Engine } from "../engine/engine.js";
import "./facade.js";
import "./links.js";
import { button, byId, dialog, post, say, show, tokenInAddress, wireCloseButtons } from "./dom.js";
import { t, wireLanguagePicker } from "./i18n.js";
import { stayAwake } from "./awake.js";
import { Cinema } from "./cinema.js";
import { wireCurious } from "./curious.js";
import { Doubts } from "./doubts.js";
import { Ending } from "./ending.js";
import { UnFacade } from "./facade.js";
import { UnLinks } from "./links.js";
import { listenPlainly } from "./plain.js";
import { wirePanels } from "./panels.js";
import { wireParts } from "./parts.js";
import { MyPicture } from "./mypicture.js";
import { closingHeading, closingInWords, problemInWords } from "./problems.js";
import { forgetSeat, rememberedLook, rememberSeat, seatKey } from "./remember.js";
import { RoomView, RUNNING } from "./room.js";
import { SongPanel } from "./song.js";
import { SoundCheck } from "./soundcheck.js";
import { SoundPanel } from "./sound.js";
import { Stage } from "./stage.js";
import { askLook, askToListen } from "./step.js";
import { wireGestures, wirePeople, wireTalk, wireWriting } from "./together.js";
import { toast, withdraw } from "./toasts.js";

/** @typedef {import("./types.js").Message} Message */
/** @typedef {import("./types.js").Piece} Piece */

const DARK_AFTER_MS = 450;

const token = tokenInAddress();
const engine = new Engine();
const room = new RoomView();
const house = byId("facade", UnFacade);
Object.assign(window, { unisono: { engine, room } });

wireLanguagePicker();
wireCloseButtons();
addEventListener("hashchange", () => location.reload());
if (token) begin();
else stopped(4401);

async function begin() {
  const guide = await guideOf(token);
  const pieces = guide ? new Map([[guide.piece.id, guide.piece]]) : await songbook();
  wireRoom();
  wireEngine();
  new Stage(room, engine, pieces);
  const songs = new SongPanel(room, engine, pieces);
  wireParts(room, engine, pieces);
  new SoundPanel(room, engine);
  new Ending(room, engine, token, guide);
  new Cinema(room, engine);
  myPicture = new MyPicture(room, engine, token);
  const panels = wirePanels();
  drawTalk = wireTalk(room, engine);
  wireGestures(room, engine);
  wireWriting(room, engine, () => panels.isOpen("panel-write"));
  wirePeople(room);
  wireMenu();
  wireCurious(engine);
  stayAwake(room);
  room.addEventListener("song", (event) => {
    const began = room.running && !RUNNING.has(/** @type {CustomEvent} */ (event).detail.before);
    if (began) panels.leave("panel-song"); // the stage is the house's now
  });
  await enter(panels);
  songs.settle();
}

let drawTalk = () => {};
/** @type {MyPicture | null} */
let myPicture = null;
/** The seat's secret. @type {string | null} */
let myKey = null;
const check = new SoundCheck(engine);
const doubts = new Doubts(room, soundCheck);

/** @returns {Promise<Map<string, Piece>>} */
async function songbook() {
  const answer = await fetch("/api/pieces").catch(() => null);
  const pieces = answer?.ok ? await answer.json() : [];
  return new Map(pieces.map((/** @type {Piece} */ piece) => [piece.id, piece]));
}

/** Looks at the courtyard first, then steps out or listens. @param {{open(id: string): void}} panels */
async function enter(panels) {
  if (!Engine.capabilities().worklet) return listenPlainly(token);
  try {
    const look = rememberedLook() ?? { name: "", flag: null, place: "" };
    await engine.connect({ token, key: await seatKey(token), watch: true, ...look });
  } catch (error) {
    return stopped(Number(/** @type {{code?: string}} */ (error).code) || undefined);
  }
  if (room.role === "listener") return askToListen({ plain: false, begin: startListening });
  const look = await askLook({ cancel: false });
  if (!look) return;
  await Promise.all([engine.openEar().catch(() => problem("no_sound")), stepOut(look)]);
  void myPicture?.said();
  house.balcony(room.me).scrollIntoView({ block: "center" });
  if (innerWidth >= 1000) panels.open("panel-song");
  await soundCheck();
}

/** Called in the gesture of the listeners' button. */
async function startListening() {
  await engine.openEar();
  await stepOut({ name: "", flag: null, place: "" });
}

/** Takes the balcony; resolves when the server has given it. @param {{name: string, flag: any, place: string}} look */
function stepOut(look) {
  engine.send({ type: "who", ...look });
  if (room.me !== 0) return Promise.resolve();
  return new Promise((resolve) => {
    const seated = () => {
      if (room.me === 0) return;
      room.removeEventListener("room", seated);
      resolve(undefined);
    };
    room.addEventListener("room", seated);
  });
}

async function soundCheck() {
  if (room.running) toast(t("A song is running: after the sound check you join in where it is."));
  withdraw();
  doubts.settle();
  myPicture?.checking(true);
  const ready = await check.run().finally(() => myPicture?.checking(false));
  drawTalk();
  if (!ready) return;
  const leads = room.leader === room.me && !room.running;
  const alone = document.body.classList.contains("along") && room.performers.length === 1;
  if (leads && alone) toast(t("You are ready: press Start, and sing along."));
  else toast(leads ? t("You are ready, and you lead: press Start when everybody is here.") : t("You are ready to sing."));
}

function wireRoom() {
  engine.addEventListener("message", (event) => room.apply(/** @type {CustomEvent} */ (event).detail));
  for (const what of ["seats", "leader"]) room.addEventListener(what, drawHouse);
  room.addEventListener("room", (event) => drawRoom(/** @type {CustomEvent} */ (event).detail));
  room.addEventListener("wave", (event) => house.wave(/** @type {CustomEvent} */ (event).detail.seat));
  room.addEventListener("late", () => problem("late"));
  room.addEventListener("problem", (event) => problem(/** @type {CustomEvent} */ (event).detail.code));
}

/** @param {Message} welcome */
function drawRoom(welcome) {
  document.title = `${room.title} – Unisono`;
  say(byId("room-title"), room.title || "Unisono");
  say(byId("room-place"), room.place);
  show(byId("dock"), room.me !== 0);
  show(byId("open-links"), room.role === "host");
  show(byId("menu-check"), room.me !== 0 && room.role !== "listener");
  show(byId("menu-look"), room.role !== "listener");
  show(byId("menu-pictures"), room.me !== 0 && room.role !== "listener");
  document.body.dataset.role = room.role;
  if (welcome.key) {
    myKey = welcome.key;
    rememberSeat(tokenInAddress(), welcome.key);
    void myPicture?.adopt(welcome.key);
  }
}

function drawHouse() {
  const people = room.performers.map((seat) => ({ ...seat, leads: seat.seat === room.leader, me: seat.seat === room.me }));
  house.show(people, room.listeners, room.handsInStreet.length);
}

function wireEngine() {
  /** @type {Map<number, ReturnType<typeof setTimeout>>} */
  const fading = new Map();
  engine.addEventListener("sounding", (event) => {
    const { seat, level } = /** @type {CustomEvent} */ (event).detail;
    house.shine(seat, level);
    clearTimeout(fading.get(seat));
    fading.set(seat, setTimeout(() => house.shine(seat, 127), DARK_AFTER_MS));
  });
  engine.addEventListener("trouble", (event) => problem(/** @type {CustomEvent} */ (event).detail.code));
  engine.addEventListener("connection", (event) => connection(/** @type {CustomEvent} */ (event).detail));
}

/** @param {{state: string, code?: number}} now */
function connection({ state, code }) {
  const lost = state === "lost";
  show(byId("banner"), lost);
  say(byId("banner"), lost ? t("The connection is lost. We are bringing you back …") : "");
  if (state === "closed" && code !== 1000) stopped(code);
}

/** @param {string} code */
function problem(code) {
  if (!doubts.take(code)) toast(problemInWords(code), "trouble");
}

/** The end: says why, and how to come back. @param {number | undefined} code */
function stopped(code) {
  for (const open of document.querySelectorAll("dialog[open]")) /** @type {HTMLDialogElement} */ (open).close();
  say(byId("stopped-heading"), closingHeading(code));
  say(byId("stopped-text"), closingInWords(code));
  show(byId("stopped-again"), code !== 4401);
  show(byId("stopped-host"), code === 4401);
  byId("stopped-again").addEventListener("click", () => location.reload());
  dialog("stopped").addEventListener("cancel", (event) => event.preventDefault());
  dialog("stopped").showModal();
}

function wireMenu() {
  byId("open-menu").addEventListener("click", () => dialog("menu").showModal());
  byId("open-links").addEventListener("click", invite);
  byId("check-again").addEventListener("click", soundCheck);
  byId("menu-check").addEventListener("click", () => {
    dialog("menu").close();
    soundCheck();
  });
  byId("menu-look").addEventListener("click", async () => {
    dialog("menu").close();
    const look = await askLook({ cancel: true });
    if (!look) return;
    engine.send({ type: "who", ...look });
    void myPicture?.said();
  });
  button("leave").addEventListener("click", () => {
    engine.close();
    myPicture?.close();
    forgetSeat(tokenInAddress());
    location.assign("/");
  });
}

/** The host's own link was replaced: a reload must come by the new one, as oneself. @param {string} fresh token */
function moveHouse(fresh) {
  history.replaceState(null, "", `#${fresh}`);
  if (myKey) rememberSeat(fresh, myKey);
}

async function invite() {
  const links = byId("links", UnLinks);
  links.renew = async (kind) => {
    const role = { host: "host", singers: "performer", listeners: "listener" }[kind];
    const fresh = await post("/api/room/links", { token: tokenInAddress(), role, key: myKey ?? undefined });
    if (kind === "host") moveHouse(fresh.host);
    return fresh;
  };
  try {
    links.links = (await post("/api/room", { token: tokenInAddress() })).links;
    dialog("invite").showModal();
  } catch (error) {
    problem(/** @type {{code?: string}} */ (error).code ?? "");
  }
}
