/**
 * The page's own copy of what was sung, on the device, until the server has it on disk: one file per page and performance in the origin's
 * private file system, or rows of IndexedDB where that is missing. A reload, a crashed tab or a killed server lose nothing that is here.
 */

import { FRAME_SAMPLES } from "./units.js";
import { unpack } from "./wire.js";

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */
/** @typedef {{append(bytes: Bytes): void, mark(epoch: number, start: number, stop: number): void, flush(): void, discard(): Promise<void>}} Keep  `mark`: these stamped positions are written at the server */
/** @typedef {{packets: Bytes[], spans: Map<number, {start: number, stop: number}>}} Owed  packets not known to be written, and what was sung of each epoch */
/** @typedef {Owed & {performance: string, discard: () => Promise<void>}} Leftover */

const FOLDER = "unisono";
const DATABASE = "unisono-keep";
const STORE = "packets";
/** First byte of a record that is no packet: "written" follows, as epoch (u16), start and stop (f64). */
const MARK = 0xff;
/** A write may ask another process: many packets in one. So much is lost with a crash of the page, at most. */
const WRITE_MS = 250;
/** So long a device keeps what a seat that never came back still owes. */
export const KEPT_MS = 30 * 24 * 60 * 60 * 1000;

/** @param {string} owner who sang: letters and digits @param {string} performance @returns {Promise<Keep>} */
export async function openKeep(owner, performance) {
  const name = `${owner}.${performance}.${crypto.randomUUID()}`;
  try {
    return await openFile(name);
  } catch {
    return openRows(name, await database());
  }
}

/** What earlier pages of the same owner left behind and no other tab is writing. @param {string} owner @returns {Promise<Leftover[]>} */
export async function leftovers(owner) {
  const files = await fileLeftovers(owner).catch(() => []);
  const rows = await rowLeftovers(owner).catch(() => []);
  return [...files, ...rows];
}

/**
 * Removes what other seats' pages left on this device and nobody has changed since; never what `owner` left, never what another tab has open.
 * @param {string} owner the seat in use @param {number} beforeMs as `Date.now()` counts
 */
export async function removeOld(owner, beforeMs) {
  await removeOldFiles(owner, beforeMs).catch(() => undefined);
  await removeOldRows(owner, beforeMs).catch(() => undefined);
}

/** @param {number} epoch @param {number} start @param {number} stop @returns {Bytes} */
export function markOf(epoch, start, stop) {
  const view = new DataView(new ArrayBuffer(19));
  view.setUint8(0, MARK);
  view.setUint16(1, epoch, true);
  view.setFloat64(3, start, true);
  view.setFloat64(11, stop, true);
  return new Uint8Array(view.buffer);
}

/** Each as a record. @param {Bytes[]} all @returns {Bytes} */
export function joined(all) {
  const out = new Uint8Array(all.reduce((sum, bytes) => sum + 4 + bytes.length, 0));
  const view = new DataView(out.buffer);
  let at = 0;
  for (const bytes of all) {
    view.setUint32(at, bytes.length, true);
    out.set(bytes, at + 4);
    at += 4 + bytes.length;
  }
  return out;
}

/** Records are u32 length, then the bytes; a torn last record is dropped. @param {ArrayBuffer} data @returns {Bytes[]} */
export function records(data) {
  const view = new DataView(data);
  const found = [];
  for (let at = 0; at + 4 <= data.byteLength; ) {
    const length = view.getUint32(at, true);
    if (length === 0 || at + 4 + length > data.byteLength) break;
    found.push(new Uint8Array(data.slice(at + 4, at + 4 + length)));
    at += 4 + length;
  }
  return found;
}

/** What is still owed, of records in the order they were kept; nothing is believed behind a damaged one. @param {Bytes[]} kept @returns {Owed} */
export function owed(kept) {
  /** @type {Map<number, {start: number, stop: number}>} */
  const spans = new Map();
  /** @type {Map<string, {epoch: number, position: number, bytes: Bytes}>} */
  const packets = new Map();
  for (const bytes of kept) {
    const said = saidBy(bytes);
    if (!said) break;
    const { epoch, start, stop } = said;
    if (said.written) {
      for (const [key, packet] of packets) if (packet.epoch === epoch && packet.position >= start && packet.position < stop) packets.delete(key);
      continue;
    }
    packets.set(`${epoch} ${start}`, { epoch, position: start, bytes });
    const seen = spans.get(epoch);
    spans.set(epoch, { start: Math.min(seen?.start ?? start, start), stop: Math.max(seen?.stop ?? 0, stop) });
  }
  return { packets: [...packets.values()].map(({ bytes }) => bytes), spans };
}

/** What one record says: these positions were sung, or are written. Null when it is damaged. @param {Bytes} bytes */
function saidBy(bytes) {
  try {
    const view = new DataView(bytes.buffer);
    if (bytes[0] === MARK) return { written: true, epoch: view.getUint16(1, true), start: view.getFloat64(3, true), stop: view.getFloat64(11, true) };
    const { epoch, position } = unpack(bytes.buffer);
    return { written: false, epoch, start: position, stop: position + FRAME_SAMPLES };
  } catch {
    return null;
  }
}

/** @param {string} name owner.performance.random */
const performanceOf = (name) => name.split(".")[1];

const folder = async () => (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, { create: true });

/** @param {string} name @returns {Promise<Keep>} */
async function openFile(name) {
  const parent = await folder();
  const file = await (await parent.getFileHandle(name, { create: true })).createSyncAccessHandle();
  let at = 0;
  /** @type {Bytes[]} */
  let waiting = [];
  const write = () => {
    const bytes = joined(waiting);
    if (bytes.length === 0 || file.write(bytes, { at }) < bytes.length) return; // a device that is full may have room again
    at += bytes.length;
    waiting = [];
  };
  const timer = setInterval(write, WRITE_MS);
  /** @param {Bytes} bytes */
  const append = (bytes) => void waiting.push(bytes);
  return {
    append,
    mark: (epoch, start, stop) => append(markOf(epoch, start, stop)),
    flush() {
      write();
      file.flush();
    },
    async discard() {
      clearInterval(timer);
      file.close();
      await parent.removeEntry(name);
    },
  };
}

/** @param {string} owner @returns {Promise<Leftover[]>} */
async function fileLeftovers(owner) {
  const parent = await folder();
  const found = [];
  for await (const name of /** @type {any} */ (parent).keys()) {
    if (!name.startsWith(`${owner}.`)) continue;
    const handle = await parent.getFileHandle(name);
    let file;
    try {
      file = await handle.createSyncAccessHandle();
    } catch {
      continue; // another tab of the same person is writing it
    }
    const data = new ArrayBuffer(file.getSize());
    file.read(new Uint8Array(data), { at: 0 });
    file.close();
    found.push({ performance: performanceOf(name), ...owed(records(data)), discard: () => parent.removeEntry(name) });
  }
  return found;
}

/** @param {string} owner @param {number} beforeMs */
async function removeOldFiles(owner, beforeMs) {
  const parent = await folder();
  for await (const name of /** @type {any} */ (parent).keys()) {
    if (name.startsWith(`${owner}.`)) continue;
    const { lastModified } = await (await parent.getFileHandle(name)).getFile();
    if (lastModified < beforeMs) await parent.removeEntry(name).catch(() => undefined);
  }
}

/** @returns {Promise<IDBDatabase>} */
function database() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { autoIncrement: true }).createIndex("name", "name");
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** @param {string} name @param {IDBDatabase} db @returns {Keep} */
function openRows(name, db) {
  /** @param {Bytes} bytes */
  const append = (bytes) => void db.transaction(STORE, "readwrite").objectStore(STORE).add({ name, bytes, at: Date.now() });
  return {
    append,
    mark: (epoch, start, stop) => append(markOf(epoch, start, stop)),
    flush: () => undefined,
    discard: () => discardRows(db, name),
  };
}

/** @param {IDBDatabase} db @param {string} name @returns {Promise<void>} */
function discardRows(db, name) {
  return new Promise((resolve, reject) => {
    const transaction = db.transaction(STORE, "readwrite");
    const cursor = transaction.objectStore(STORE).index("name").openCursor(IDBKeyRange.only(name));
    cursor.onsuccess = () => {
      cursor.result?.delete();
      cursor.result?.continue();
    };
    transaction.oncomplete = () => resolve();
    transaction.onerror = () => reject(transaction.error);
  });
}

/** @param {string} owner @returns {Promise<Leftover[]>} */
async function rowLeftovers(owner) {
  const db = await database();
  const request = db.transaction(STORE).objectStore(STORE).getAll();
  const rows = await new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  /** @type {Map<string, Bytes[]>} */
  const byName = new Map();
  for (const { name, bytes } of rows) if (name.startsWith(`${owner}.`)) byName.set(name, [...(byName.get(name) ?? []), bytes]);
  return [...byName].map(([name, kept]) => ({ performance: performanceOf(name), ...owed(kept), discard: () => discardRows(db, name) }));
}

/** A song's rows are as old as its first one. @param {string} owner @param {number} beforeMs */
async function removeOldRows(owner, beforeMs) {
  const db = await database();
  for (const [name, beganMs] of await begun(db)) if (!name.startsWith(`${owner}.`) && beganMs < beforeMs) await discardRows(db, name);
}

/** When the first row of each name was written. @param {IDBDatabase} db @returns {Promise<Map<string, number>>} */
function begun(db) {
  return new Promise((resolve, reject) => {
    /** @type {Map<string, number>} */
    const found = new Map();
    const cursor = db.transaction(STORE).objectStore(STORE).index("name").openCursor(null, "nextunique");
    cursor.onsuccess = () => {
      if (!cursor.result) return resolve(found);
      found.set(cursor.result.value.name, cursor.result.value.at);
      cursor.result.continue();
    };
    cursor.onerror = () => reject(cursor.error);
  });
}
