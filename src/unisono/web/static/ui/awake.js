/** A screen that does not fall asleep while a song runs: a phone that locks would stop hearing and being heard. */

/** @typedef {import("./room.js").RoomView} RoomView */

/** @param {RoomView} room */
export function stayAwake(room) {
  /** @type {WakeLockSentinel | null} */
  let lock = null;
  const follow = async () => {
    const wanted = room.running && document.visibilityState === "visible";
    if (wanted && (!lock || lock.released)) lock = (await navigator.wakeLock?.request("screen").catch(() => null)) ?? null;
    else if (!room.running && lock) {
      lock.release().catch(() => {});
      lock = null;
    }
  };
  room.addEventListener("song", follow);
  document.addEventListener("visibilitychange", follow);
}
