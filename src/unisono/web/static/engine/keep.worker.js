/** The device's storage on a thread of its own: a slow disk, or a browser that answers late, never holds up live sound. Spoken to by keeper.js. */

import { KEPT_MS, leftovers, openKeep, removeOld } from "./keep.js";

/** @typedef {import("./keep.js").Keep} Keep */

/** @type {Map<number, Promise<Keep | null>>} */
const keeps = new Map();
/** @type {Map<number, () => Promise<void>>} */
const discards = new Map();
let found = 0;

/** @param {number} id @param {string} owner @param {string} performance */
function open(id, owner, performance) {
  const keep = openKeep(owner, performance).catch((error) => {
    self.postMessage({ type: "trouble", text: String(error) });
    return null;
  });
  keeps.set(id, keep);
}

/** A page asks once, when it knows its seat: time to clear away what seats that never came back have left here. @param {string} owner */
async function find(owner) {
  const all = await leftovers(owner);
  void removeOld(owner, Date.now() - KEPT_MS);
  return all.map(({ discard, ...owed }) => {
    discards.set(++found, discard);
    return { ...owed, id: found };
  });
}

self.onmessage = async ({ data }) => {
  if (data.type === "open") return open(data.id, data.owner, data.performance);
  if (data.type === "find") return self.postMessage({ type: "found", ask: data.ask, leftovers: await find(data.owner) });
  if (data.type === "drop") return discards.get(data.id)?.().catch(() => undefined);
  const keep = await keeps.get(data.id);
  if (!keep) return;
  if (data.type === "append") keep.append(data.bytes);
  else if (data.type === "mark") keep.mark(data.epoch, data.start, data.stop);
  else if (data.type === "flush") keep.flush();
  else if (data.type === "discard") {
    keeps.delete(data.id);
    await keep.discard().catch(() => undefined);
  }
};
