/** Parts by their names alone: which are offered, and which one is meant by a word somebody wrote. */

/** The voices of a choir, as the songbook calls them: offered wherever a piece does not name its own. */
export const USUAL_PARTS = ["soprano", "alto", "tenor", "bass"];

/**
 * The parts to choose from: the piece's own or the usual ones, and what was said already if it is none of them.
 * @param {string[]} named by the piece; empty where it has one voice @param {string} said
 */
export function partsToChoose(named, said) {
  const offered = named.length ? named : USUAL_PARTS;
  return !said || offered.some((one) => same(one, said)) ? offered : [...offered, said];
}

/**
 * A part that somebody wrote, under the name the studio knows: "contralto" and "Alto" are one voice, not three.
 * @param {string} text @param {string[]} offered @param {(part: string) => string} inWords
 */
export function partMeant(text, offered, inWords) {
  const typed = text.trim();
  return [...offered, ...USUAL_PARTS].find((part) => same(part, typed) || same(inWords(part), typed)) ?? typed;
}

/** @param {string} one @param {string} other */
function same(one, other) {
  return one.toLowerCase() === other.toLowerCase();
}
