/**
 * The page's own copy of what was sung, on the device, until the server has it on disk: one file per page and performance in the origin's
 * private file system, or rows of IndexedDB where that is missing. A reload, a crashed tab or a killed server lose nothing that is here.
 */

import { kindOf } from "./wire.js";

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */
/** @typedef {{append(bytes: Bytes): void, flush(): void, discard(): Promise<void>}} Keep */
/** @typedef {{packets: Bytes[], discard: () => Promise<void>}} Leftover */

const FOLDER = "unisono";
const DATABASE = "unisono-keep";
const STORE = "packets";

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
  return [...files, ...rows].filter(({ packets }) => packets.length > 0);
}

/** Records are u32 length, then the packet; a torn last record is dropped. @param {ArrayBuffer} data @returns {Bytes[]} */
export function records(data) {
  const view = new DataView(data);
  const packets = [];
  for (let at = 0; at + 4 <= data.byteLength; ) {
    const length = view.getUint32(at, true);
    if (length === 0 || at + 4 + length > data.byteLength) break;
    const packet = data.slice(at + 4, at + 4 + length);
    if (kindOf(packet) > 0) packets.push(new Uint8Array(packet));
    at += 4 + length;
  }
  return packets;
}

const folder = async () => (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, { create: true });

/** @param {string} name @returns {Promise<Keep>} */
async function openFile(name) {
  const parent = await folder();
  const file = await (await parent.getFileHandle(name, { create: true })).createSyncAccessHandle();
  let at = 0;
  const length = new DataView(new ArrayBuffer(4));
  return {
    append(bytes) {
      length.setUint32(0, bytes.length, true);
      at += file.write(length, { at });
      at += file.write(bytes, { at });
    },
    flush: () => file.flush(),
    async discard() {
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
    const discard = () => parent.removeEntry(name);
    const packets = records(data);
    if (packets.length === 0) await discard();
    found.push({ packets, discard });
  }
  return found;
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
  return {
    append: (bytes) => void db.transaction(STORE, "readwrite").objectStore(STORE).add({ name, bytes }),
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
  return [...byName].map(([name, packets]) => ({ packets, discard: () => discardRows(db, name) }));
}
