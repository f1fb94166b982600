/**
 * What this browser remembers: how one's balcony looks, and the secret of one's seat per courtyard.
 *
 * The seat's secret lives in the tab (`sessionStorage`: a reload comes back as oneself) and in the browser
 * (`localStorage`: so does a tab that was closed). A second tab of the same link is a second person: a lock, held as
 * long as a tab lives, says whether the browser's copy is taken.
 */

/** @typedef {import("./types.js").Flag} Flag */
/** @typedef {{name: string, place: string, flag: Flag}} Look */

const LOOK = "unisono.look";

/** @returns {Look | null} */
export function rememberedLook() {
  return read(() => JSON.parse(localStorage.getItem(LOOK) ?? "null"));
}

/** @param {Look} look */
export function rememberLook(look) {
  read(() => localStorage.setItem(LOOK, JSON.stringify(look)));
}

/** @param {string} token */
export async function seatKey(token) {
  const name = seatName(token);
  const alone = await holdLock(name);
  return read(() => sessionStorage.getItem(name)) ?? (alone ? read(() => localStorage.getItem(name)) : null);
}

/** @param {string} token @param {string} key */
export function rememberSeat(token, key) {
  read(() => sessionStorage.setItem(seatName(token), key));
  read(() => localStorage.setItem(seatName(token), key));
}

/** @param {string} token */
export function forgetSeat(token) {
  read(() => sessionStorage.removeItem(seatName(token)));
  read(() => localStorage.removeItem(seatName(token)));
}

/** @param {string} token */
function seatName(token) {
  return `unisono.seat.${token.slice(0, 12)}`;
}

/** Takes the lock for this tab's life; false when another tab has it. @param {string} name @returns {Promise<boolean>} */
function holdLock(name) {
  if (!navigator.locks) return Promise.resolve(true);
  return new Promise((answer) => {
    navigator.locks.request(name, { ifAvailable: true }, (lock) => {
      answer(lock !== null);
      return lock === null ? undefined : new Promise(() => {});
    });
  });
}

/** Storage may be forbidden; then nothing is remembered. @template T @param {() => T} what @returns {T | null} */
function read(what) {
  try {
    return what();
  } catch {
    return null;
  }
}

const OPENED = "unisono.opened";

/** The links and the recovery code that were just made: a reload, or the way back, still has them, in this tab only. @param {any} opened */
export function rememberOpened(opened) {
  read(() => sessionStorage.setItem(OPENED, JSON.stringify(opened)));
}

/** @returns {any} null when nothing was opened in this tab */
export function rememberedOpened() {
  return read(() => JSON.parse(sessionStorage.getItem(OPENED) ?? "null"));
}

/** @typedef {{take: string, key: string, url: string, file?: string}} Begun file: what it is called on this device */

const UPLOADS = "unisono.uploads";
const TAKES = "unisono.takes";
const HOSTS = "unisono.hosts";
const ENTRIES_MAX = 200;

/** An upload that began in this browser, by the file's fingerprint. @param {string} print @returns {Begun | null} */
export function begunUpload(print) {
  return entries(UPLOADS)[print] ?? null;
}

/** What the file of a take is called on this device, while it is on its way; else empty. @param {string} take */
export function fileOnItsWay(take) {
  const all = /** @type {Begun[]} */ (Object.values(entries(UPLOADS)));
  return all.find((one) => one.take === take)?.file ?? "";
}

/** @param {string} print @param {Begun} begun */
export function rememberUpload(print, begun) {
  keepEntry(UPLOADS, print, begun);
}

/** @param {string} print */
export function forgetUpload(print) {
  keepEntry(UPLOADS, print, undefined);
}

/** Keys of the takes that were added in this browser. @returns {Record<string, string>} */
export function takeKeys() {
  return entries(TAKES);
}

/** @param {string} take @param {string | undefined} key */
export function rememberTake(take, key) {
  keepEntry(TAKES, take, key);
}

/** The host's link of the room in which a performance was sung, where this browser is its host's. @param {string} performance its token @returns {string} */
export function hostOf(performance) {
  return entries(HOSTS)[performance.slice(0, 12)] ?? "";
}

/** @param {string} performance its token @param {string | undefined} host */
export function rememberHost(performance, host) {
  keepEntry(HOSTS, performance.slice(0, 12), host);
}

/** @param {string} name @returns {Record<string, any>} */
function entries(name) {
  return read(() => JSON.parse(localStorage.getItem(name) ?? "{}")) ?? {};
}

/** The latest ENTRIES_MAX are kept. @param {string} name @param {string} entry @param {unknown} value undefined forgets it */
function keepEntry(name, entry, value) {
  const all = entries(name);
  delete all[entry];
  const kept = value === undefined ? Object.entries(all) : [...Object.entries(all), [entry, value]];
  read(() => localStorage.setItem(name, JSON.stringify(Object.fromEntries(kept.slice(-ENTRIES_MAX)))));
}

/** Whether one is seen in films, per courtyard; not before one has said so. @param {string} token */
export function picturesWanted(token) {
  return read(() => localStorage.getItem(`unisono.pictures.${token.slice(0, 12)}`)) === "yes";
}

/** @param {string} token @param {boolean} wanted */
export function rememberPictures(token, wanted) {
  read(() => localStorage.setItem(`unisono.pictures.${token.slice(0, 12)}`, wanted ? "yes" : "no"));
}

const FILMED = "unisono.filmed";

/** The secret of a seat whose camera recorded here: its pictures are sent, and can be taken back, when the seat is long left. @param {string} owner @param {string} secret */
export function rememberFilmed(owner, secret) {
  keepEntry(FILMED, owner, secret);
}

/** Owner and secret of every such seat. @returns {[string, string][]} */
export function filmedSeats() {
  return Object.entries(entries(FILMED));
}
