/**
 * Which beat is heard, which line is current, which word is lit. Pure: positions in, numbers and lines out.
 */

/** @typedef {import("./types.js").Piece} Piece */
/** @typedef {import("./types.js").Song} Song */
/** @typedef {import("./types.js").Word} Word */

const SAMPLES_PER_MINUTE = 60 * 48000;

/** A line becomes current this many beats before its first word, so that it can be read in time. */
const AHEAD_BEATS = 1;

/**
 * The beat heard at a position; negative during the count-in.
 * @param {Song} song
 * @param {Piece | null} piece
 * @param {number} position
 */
export function beatAt(song, piece, position) {
  const tempo_bpm = song.tempo_bpm || piece?.tempo_bpm || 100;
  return ((position - song.start - song.count_in_samples) * tempo_bpm) / SAMPLES_PER_MINUTE;
}

/**
 * The number to say during the count-in, 1..beats in a bar; null before and after it.
 * @param {number} beat
 * @param {number} countInBeats
 * @param {number} beatsPerBar
 */
export function countInNumber(beat, countInBeats, beatsPerBar) {
  if (beat >= 0 || beat < -countInBeats) return null;
  const whole = Math.floor(beat + countInBeats);
  return (whole % beatsPerBar) + 1;
}

/** @param {Word[]} words @returns {Word[][]} */
export function linesOf(words) {
  /** @type {Map<number, Word[]>} */
  const lines = new Map();
  for (const word of words) {
    const line = lines.get(word.line) ?? [];
    line.push(word);
    lines.set(word.line, line);
  }
  return [...lines.values()];
}

/**
 * Index of the line that is sung or about to be, and of the word lit in it (-1: none yet).
 * @param {Word[][]} lines
 * @param {number} beat
 * @returns {{line: number, word: number}}
 */
export function placeInWords(lines, beat) {
  let line = 0;
  for (let i = 1; i < lines.length; i++) {
    if (lines[i][0].beat - AHEAD_BEATS <= beat) line = i;
  }
  let word = -1;
  (lines[line] ?? []).forEach((one, i) => {
    if (one.beat <= beat) word = i;
  });
  return { line, word };
}
