/** Of several files with the same sound, or the same film: which of them is played here. */

/** @typedef {import("./types.js").SungFile} SungFile */

/** Best first: small enough to begin at once, and played everywhere. */
const PLAYED = ["m4a", "opus", "flac", "wav"];
/** @type {Record<string, string>} */
const MIME = { m4a: "audio/mp4", opus: "audio/ogg; codecs=opus", flac: "audio/flac", wav: "audio/wav" };
const H264 = 'video/mp4; codecs="avc1.640028, mp4a.40.2"';
const VP9 = 'video/webm; codecs="vp9, opus"';

/** @param {SungFile} file */
export function kindOf(file) {
  return (file.kind || file.name.split(".").pop() || "").toLowerCase();
}

/** @param {SungFile[]} files @param {HTMLMediaElement} player @returns {SungFile | undefined} */
export function best(files, player) {
  const rank = (/** @type {SungFile} */ file) => PLAYED.indexOf(kindOf(file));
  return files.filter((file) => rank(file) >= 0 && player.canPlayType(MIME[kindOf(file)])).sort((a, b) => rank(a) - rank(b))[0];
}

/** A film in both its formats. @param {string | null | undefined} mp4 @param {string | null | undefined} webm @param {HTMLMediaElement} player */
export function filmUrl(mp4, webm, player) {
  return [[mp4, H264], [webm, VP9]].find(([url, kind]) => url && player.canPlayType(kind ?? ""))?.[0] ?? null;
}
