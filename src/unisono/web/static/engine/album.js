/**
 * Pictures on this device until they are sent: one file per song in the origin's private file system, or rows of IndexedDB where that is missing.
 * Names are owner.performance.random; whoever has the seat's secret is its owner.
 */

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */
/** @typedef {{name: string, append(bytes: Bytes): void, close(): Promise<void>}} Page  `close` throws when not everything could be kept */
/** @typedef {{name: string, performance: string, file(): Promise<File>, discard(): Promise<void>}} Kept */

const FOLDER = "unisono-pictures";
const DATABASE = "unisono-pictures";
const STORE = "parts";
const WRITE_MS = 500;
const TYPE = "video/x-matroska";

/** A new file; in a worker. @param {string} owner @param {string} performance @returns {Promise<Page>} */
export async function openPage(owner, performance) {
  const name = `${owner}.${performance}.${crypto.randomUUID()}`;
  try {
    return await openFile(name);
  } catch {
    return openRows(name, await database());
  }
}

/** What waits to be sent; on any thread. @param {string} owner @returns {Promise<Kept[]>} */
export async function kept(owner) {
  const all = [...(await keptFiles().catch(() => [])), ...(await keptRows().catch(() => []))];
  return all.filter(({ name }) => name.startsWith(`${owner}.`));
}

/** Removes what seats that never came back have left here. @param {string} owner the seat in use @param {number} beforeMs as `Date.now()` counts */
export async function removeOldPictures(owner, beforeMs) {
  for (const one of [...(await keptFiles().catch(() => [])), ...(await keptRows().catch(() => []))]) {
    if (one.name.startsWith(`${owner}.`)) continue;
    if ((await one.file()).lastModified < beforeMs) await one.discard().catch(() => undefined);
  }
}

/** @param {string} name owner.performance.random */
const performanceOf = (name) => name.split(".")[1];

const folder = async () => (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, { create: true });

/** @param {string} name @returns {Promise<Page>} */
async function openFile(name) {
  const parent = await folder();
  const handle = /** @type {any} */ (await parent.getFileHandle(name, { create: true })); // only workers' types know what follows
  const file = await handle.createSyncAccessHandle();
  let at = 0;
  /** @type {Bytes[]} */
  let waiting = [];
  const write = () => {
    while (waiting.length > 0) {
      if (file.write(waiting[0], { at }) < waiting[0].length) return; // a device that is full may have room again
      at += waiting[0].length;
      waiting.shift();
    }
  };
  const timer = setInterval(write, WRITE_MS);
  return {
    name,
    append: (bytes) => void waiting.push(bytes),
    async close() {
      clearInterval(timer);
      write();
      const isWhole = waiting.length === 0;
      waiting = [];
      file.truncate(at);
      file.flush();
      file.close();
      if (!isWhole) throw new Error("the device is full");
    },
  };
}

/** @returns {Promise<Kept[]>} */
async function keptFiles() {
  const parent = await folder();
  const found = [];
  for await (const name of /** @type {any} */ (parent).keys()) {
    found.push({
      name,
      performance: performanceOf(name),
      file: async () => (await parent.getFileHandle(name)).getFile(),
      discard: () => parent.removeEntry(name),
    });
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

/** @param {IDBTransaction} transaction @returns {Promise<void>} */
function finished(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
  });
}

/** @param {string} name @param {IDBDatabase} db @returns {Page} */
function openRows(name, db) {
  let last = Promise.resolve();
  return {
    name,
    append(bytes) {
      const transaction = db.transaction(STORE, "readwrite");
      transaction.objectStore(STORE).add({ name, bytes, at: Date.now() });
      last = Promise.all([last, finished(transaction)]).then(() => undefined);
      last.catch(() => undefined); // told by `close`
    },
    close: () => last,
  };
}

/** @returns {Promise<Kept[]>} */
async function keptRows() {
  const db = await database();
  const names = new Set(await rowNames(db));
  return [...names].map((name) => ({ name, performance: performanceOf(name), file: () => rowsFile(db, name), discard: () => discardRows(db, name) }));
}

/** @param {IDBDatabase} db @returns {Promise<string[]>} */
function rowNames(db) {
  return new Promise((resolve, reject) => {
    /** @type {string[]} */
    const names = [];
    const cursor = db.transaction(STORE).objectStore(STORE).index("name").openKeyCursor(null, "nextunique");
    cursor.onsuccess = () => {
      if (!cursor.result) return resolve(names);
      names.push(String(cursor.result.key));
      cursor.result.continue();
    };
    cursor.onerror = () => reject(cursor.error);
  });
}

/** @param {IDBDatabase} db @param {string} name @returns {Promise<File>} */
async function rowsFile(db, name) {
  const transaction = db.transaction(STORE);
  const request = transaction.objectStore(STORE).index("name").getAll(name);
  await finished(transaction);
  const rows = request.result;
  return new File(rows.map(({ bytes }) => bytes), name, { type: TYPE, lastModified: rows[0]?.at ?? 0 });
}

/** @param {IDBDatabase} db @param {string} name */
async function discardRows(db, name) {
  const transaction = db.transaction(STORE, "readwrite");
  const cursor = transaction.objectStore(STORE).index("name").openCursor(IDBKeyRange.only(name));
  cursor.onsuccess = () => {
    cursor.result?.delete();
    cursor.result?.continue();
  };
  await finished(transaction);
}
