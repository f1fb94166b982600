/** Of several files with the same sound: which of them is played here. */

/** @typedef {import("./types.js").SungFile} SungFile */

/** Best first: small enough to begin at once, and played everywhere. */
const PLAYED = ["m4a", "opus", "flac", "wav"];
/** @type {Record<string, string>} */
const MIME = { m4a: "audio/mp4", opus: "audio/ogg; codecs=opus", flac: "audio/flac", wav: "audio/wav" };

/** @param {SungFile} file */
export function kindOf(file) {
  return (file.kind || file.name.split(".").pop() || "").toLowerCase();
}

/** @param {SungFile[]} files @param {HTMLMediaElement} player @returns {SungFile | undefined} */
export function best(files, player) {
  const rank = (/** @type {SungFile} */ file) => PLAYED.indexOf(kindOf(file));
  return files.filter((file) => rank(file) >= 0 && player.canPlayType(MIME[kindOf(file)])).sort((a, b) => rank(a) - rank(b))[0];
}
