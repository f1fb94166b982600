/** What a page keeps on the device: as files (a folder of the imagination) and as rows (IndexedDB's rules, in memory). */

import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { afterEach, beforeEach, mock, test } from "node:test";

import { IDBFactory, IDBKeyRange } from "fake-indexeddb";

import { leftovers, openKeep, removeOld } from "../../src/unisono/web/static/engine/keep.js";
import { pack, unpack } from "../../src/unisono/web/static/engine/wire.js";

const DAY_MS = 86_400_000;
const NOW_MS = 1_600_000_000_000;

/** One folder of the origin's private file system; a file that is open can neither be opened again nor removed. */
class Folder {
  constructor() {
    /** @type {Map<string, {bytes: number[], changedMs: number, open: boolean, roomBytes: number}>} */
    this.files = new Map();
  }

  async getDirectoryHandle() {
    return this;
  }

  async *keys() {
    yield* [...this.files.keys()];
  }

  /** @param {string} name @param {{create?: boolean}} [options] */
  async getFileHandle(name, options) {
    if (options?.create) this.files.set(name, { bytes: [], changedMs: Date.now(), open: false, roomBytes: Infinity });
    const file = this.files.get(name);
    if (!file) throw new Error("NotFoundError");
    return { getFile: async () => ({ lastModified: file.changedMs }), createSyncAccessHandle: async () => accessTo(file) };
  }

  /** @param {string} name */
  async removeEntry(name) {
    if (this.files.get(name)?.open) throw new Error("NoModificationAllowedError");
    this.files.delete(name);
  }
}

/** @param {{bytes: number[], changedMs: number, open: boolean, roomBytes: number}} file */
function accessTo(file) {
  if (file.open) throw new Error("NoModificationAllowedError");
  file.open = true;
  return {
    getSize: () => file.bytes.length,
    flush: () => undefined,
    close: () => void (file.open = false),
    read: (/** @type {Uint8Array} */ into) => into.set(file.bytes),
    write(/** @type {Uint8Array} */ bytes, /** @type {{at: number}} */ { at }) {
      const fits = bytes.subarray(0, Math.max(0, file.roomBytes - at));
      file.bytes.splice(at, fits.length, ...fits);
      file.changedMs = Date.now();
      return fits.length;
    },
  };
}

/** @param {string} name @param {unknown} value */
const give = (name, value) => Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });

/** @type {Folder} */
let folder;
let nowMs = NOW_MS;
/** @type {import("../../src/unisono/web/static/engine/keep.js").Keep[]} */
const keeps = [];

beforeEach(() => {
  folder = new Folder();
  nowMs = NOW_MS;
  give("navigator", { storage: { getDirectory: async () => folder } });
  give("indexedDB", new IDBFactory());
  give("IDBKeyRange", IDBKeyRange);
  give("crypto", webcrypto);
  mock.method(Date, "now", () => nowMs);
});

afterEach(async () => {
  for (const file of folder.files.values()) file.open = false;
  for (const keep of keeps.splice(0)) await keep.discard().catch(() => undefined); // else its timer keeps Node alive
  mock.restoreAll();
});

/** @param {number} position */
const frame = (position) => pack({ kind: 1, pcm: false, stereo: false, repair: false, unsure: false, seat: 1, epoch: 0, level: 30, position, frames: [Uint8Array.of(1)] });

/** Somebody sings two frames at a time of day; the first one reaches the server, and the page is never seen again. @param {string} owner @param {number} atMs */
async function sang(owner, atMs) {
  nowMs = atMs;
  const keep = await openKeep(owner, "song");
  keeps.push(keep);
  keep.append(frame(0));
  keep.append(frame(960));
  keep.mark(0, 0, 960);
  keep.flush();
  nowMs = NOW_MS;
  for (const file of folder.files.values()) file.open = false;
}

/** @param {string} owner */
const positions = async (owner) => (await leftovers(owner)).flatMap(({ packets }) => packets.map((bytes) => unpack(bytes.buffer).position));

for (const kind of ["files", "rows"]) {
  const withoutFiles = () => kind === "rows" && give("navigator", {});

  test(`${kind}: a page that comes back finds what is not written, and only its own`, async () => {
    withoutFiles();
    await sang("ada", NOW_MS);
    const [found, ...others] = await leftovers("ada");
    assert.deepEqual([found.performance, others.length, await positions("ada")], ["song", 0, [960]]);
    assert.equal((await leftovers("ad")).length, 0, "a seat's name is compared whole");
    await found.discard();
    assert.deepEqual(await leftovers("ada"), []);
  });

  test(`${kind}: after thirty days what seats that never came back left is removed, never that of the seat in use`, async () => {
    withoutFiles();
    await sang("ada", NOW_MS - 400 * DAY_MS);
    await sang("bea", NOW_MS - 31 * DAY_MS);
    await sang("cio", NOW_MS - 29 * DAY_MS);
    await removeOld("ada", NOW_MS - 30 * DAY_MS);
    assert.deepEqual(await positions("ada"), [960], "the seat in use");
    assert.deepEqual(await positions("bea"), []);
    assert.deepEqual(await positions("cio"), [960], "may still come back");
  });
}

test("a damaged file gives what stands before the damage, and hides no other", async () => {
  await sang("ada", NOW_MS);
  await sang("ada", NOW_MS);
  const [first] = folder.files.values();
  const record = first.bytes.slice(0, 4 + frame(0).length);
  first.bytes = [...record, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...record];
  assert.deepEqual(await positions("ada"), [0, 960]);
});

test("a device that is full keeps the file whole, and what waits goes in when there is room", async () => {
  const keep = await openKeep("ada", "song");
  keeps.push(keep);
  keep.append(frame(0));
  keep.flush();
  const [file] = folder.files.values();
  file.roomBytes = file.bytes.length + 5;
  keep.append(frame(960));
  keep.flush();
  file.roomBytes = Infinity;
  keep.append(frame(1920));
  keep.flush();
  file.open = false;
  assert.deepEqual(await positions("ada"), [0, 960, 1920]);
});

test("a file that another tab has open stays, and the others still go", async () => {
  await sang("bea", NOW_MS - 90 * DAY_MS);
  await sang("cio", NOW_MS - 90 * DAY_MS);
  const [first] = folder.files.values();
  first.open = true;
  await removeOld("ada", NOW_MS);
  assert.deepEqual([...folder.files.keys()].map((name) => name.split(".")[0]), ["bea"]);
});

test("where nothing can be stored nothing is removed, and nobody is troubled", async () => {
  give("navigator", {});
  give("indexedDB", undefined);
  await removeOld("ada", NOW_MS);
  assert.deepEqual(await leftovers("ada"), []);
});
