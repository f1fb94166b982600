/** What is said about a take: how far it is, what was found, what was done. */

import { day, language, megabytes, minutes, t, tn } from "./i18n.js";
import { problemInWords } from "./problems.js";
import { fileOnItsWay } from "./remember.js";

/** @typedef {import("./types.js").Take} Take */
/** @typedef {import("./types.js").Progress} Progress */
/** @typedef {import("./types.js").Said} Said */

/** What the studio's steps are, for those who wait. @type {Record<string, () => string>} */
const STEPS = {
  guide: () => t("The song is being read."),
  decode: () => t("The clip is being read."),
  align: () => t("Its place in the song is being found."),
  clean: () => t("It is being cleaned, gently."),
  measure: () => t("Its loudness is being measured."),
  voices: () => t("The voices are being prepared."),
  mix: () => t("The voices are being mixed."),
  master: () => t("The voices are being mixed."),
  files: () => t("The files are being written."),
};

/** By what a take was placed. @type {Record<string, () => string>} */
const METHODS = {
  clock: () => t("Placed by the clock it shared with the song."),
  bleed: () => t("Placed by the song itself, which is heard in the clip."),
  claps: () => t("Placed by the claps of the count-in."),
  part: () => t("Placed by its notes."),
  warp: () => t("Placed note by note: it was sung in its own tempo."),
  person: () => t("Placed by hand."),
};

/** The voices of a choir, as the songbook calls them. @type {Record<string, () => string>} */
const PARTS = {
  soprano: () => t("soprano"),
  alto: () => t("alto"),
  tenor: () => t("tenor"),
  bass: () => t("bass"),
};

/** A part's name; one that somebody wrote stays as it is. @param {string} part */
export function partInWords(part) {
  return (PARTS[part.toLowerCase()] ?? (() => part))();
}

/** In one sentence. @param {Take} take */
export function stateInWords(take) {
  if (take.aside && take.state === "placed") return t("Kept on {day}, and not in the mix: another one is.", { day: day(take.added_at) });
  switch (take.state) {
    case "uploading": return arrivedInWords(take);
    case "waiting": return t("Waiting for the studio.");
    case "working": return stepInWords(take.progress);
    case "unsure": return hasNothing(take) ? nothingInWords(take) : t("We are not certain where this clip belongs.");
    case "failed": return instead(take, problemInWords(take.code));
    case "stopped": return instead(take, t("Stopped."));
    default: return take.hidden ? t("The host keeps this voice out of the mix.") : hasNothing(take) ? t("Where it stands, nothing of it is heard in the song.") : t("In the mix.");
  }
}

/** What was heard before it is heard again. @param {Take} take @param {string} why */
function instead(take, why) {
  return take.aside ? [why, t("Another one is heard instead.")].join(" ") : why;
}

/** Whether there is nothing to hear in it: then nobody can place it by ear. @param {Take} take */
export function hasNothing(take) {
  return Boolean(take.found?.marks.includes("silent"));
}

/** @param {Take} take */
function nothingInWords(take) {
  if (take.found?.marks.includes("no_sound")) return t("This clip has a picture and no sound.");
  return t("Nothing is heard in this clip. Perhaps the microphone was off: please listen to it, and send another.");
}

/** What has come stays: the same file goes on there. @param {Take} take */
function arrivedInWords(take) {
  if (!take.mine) return t("Not all of this clip has arrived.");
  const facts = { file: fileOnItsWay(take.take) || t("This clip"), sent: megabytes(take.arrived_bytes ?? 0), all: megabytes(take.bytes ?? 0) };
  return t("{file} has not arrived whole: {sent} of {all}. Choose the same file again, and it goes on where it stopped.", facts);
}

/** @param {Progress | null} progress */
export function stepInWords(progress) {
  if (!progress || progress.waiting) return t("Waiting for the studio.");
  return (STEPS[progress.step] ?? STEPS.decode)();
}

/** @param {Progress | null} progress */
export function timeLeft(progress) {
  if (!progress || progress.seconds_left === null) return "";
  const seconds = Math.max(1, Math.round(progress.seconds_left));
  if (seconds < 90) return tn("about {n} second left", "about {n} seconds left", seconds);
  return tn("about {n} minute left", "about {n} minutes left", Math.round(seconds / 60));
}

/** Everything that was found and done, a sentence each. @param {Take} take */
export function foundInWords(take) {
  const found = take.found;
  if (!found) return [];
  const told = found.said.map(saidInWords);
  if (told.length) return told;
  const drift = Math.round(found.drift_ppm);
  return [
    METHODS[found.method]?.() ?? "",
    drift ? t("Its clock ran {drift} millionths off the song's; that is corrected.", { drift }) : "",
  ].filter(Boolean);
}

/** The studio sends a message of the catalogue with its facts. @param {Said} said */
export function saidInWords(said) {
  if (!said.words) return said.text;
  const number = new Intl.NumberFormat(language, { maximumFractionDigits: 2, useGrouping: false });
  const facts = Object.entries(said.facts).map(([name, fact]) => [name, typeof fact === "number" ? number.format(fact) : fact]);
  return t(said.words, Object.fromEntries(facts));
}

/** Where a clip begins. @param {number} seconds */
export function offsetInWords(seconds) {
  if (Math.abs(seconds) < 0.005) return t("begins with the song");
  return seconds > 0
    ? t("begins {seconds} seconds after the song", { seconds: hundredths(seconds) })
    : t("begins {seconds} seconds before the song", { seconds: hundredths(-seconds) });
}

/** How far it was moved, for the ear. @param {number} seconds */
export function movedInWords(seconds) {
  const n = Math.round(Math.abs(seconds) * 100);
  if (n === 0) return t("where it was");
  if (n >= 100) {
    const facts = { seconds: hundredths(Math.abs(seconds)) };
    return seconds > 0 ? t("{seconds} seconds later", facts) : t("{seconds} seconds earlier", facts);
  }
  return seconds > 0
    ? tn("{n} hundredth of a second later", "{n} hundredths of a second later", n)
    : tn("{n} hundredth of a second earlier", "{n} hundredths of a second earlier", n);
}

/** @param {number} seconds */
function hundredths(seconds) {
  return new Intl.NumberFormat(language, { minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(seconds);
}

/** @param {number} seconds */
export function clock(seconds) {
  return `${seconds < 0 ? "−" : ""}${minutes(Math.abs(seconds))}`;
}
