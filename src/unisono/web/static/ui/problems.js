/** Codes of the server, the socket and the engine, said kindly. What has no sentence of its own gets the general one. */

import { t } from "./i18n.js";

/** @type {Record<string, () => string>} */
const SENTENCES = {
  offline: () => t("The courtyard cannot be reached just now. Please look at your connection and try again."),
  link_not_valid: () => t("This link does not work any more. Please ask for a new one."),
  not_found: () => t("This link does not work any more. Please ask for a new one."),
  recovery_not_valid: () => t("We do not know this code. Please look at every letter again."),
  not_allowed: () => t("Only the host or the leader can do that."),
  room_full: () => t("Every balcony is taken. You can still listen from the street."),
  flood: () => t("That was too much at once. Please wait a moment and come back in."),
  too_many: () => t("That was too much at once. Please wait a moment."),
  disk_full: () => t("The server's disk is full. What you sing is kept in your browser until there is room."),
  disk: () => t("The server cannot write just now. What you sing is kept in your browser until it can."),
  song_running: () => t("A song is running. Please wait until it is over."),
  no_song: () => t("No song is running."),
  nobody_leads: () => t("Nobody leads. The host can choose who does."),
  name_missing: () => t("Please say who you are."),
  title_missing: () => t("Please give your courtyard a name."),
  mix_failed: () => t("The mix did not work out. The voices are kept."),
  no_sound: () => t("Your browser does not play sound. Please press a button and try again."),
  interrupted: () => t("Your sound was interrupted, perhaps by a call. It goes on by itself."),
  late: () => t("You are recorded, but your connection is slow: the others hear you afterwards."),
  storage: () => t("Your browser cannot keep what you sing. Please leave this page open until the song is mixed."),
  processed_microphone: () => t("Your browser changes the sound of your microphone. It works, but a different browser may sound better."),
  jump: () => t("Your sound stumbled for a moment. It goes on in the right place."),
};

/** @type {Record<string, () => string>} */
const WARNINGS = {
  echoCancellation: () => t("Your browser changes the sound of your microphone. It works, but a different browser may sound better."),
  noiseSuppression: () => t("Your browser changes the sound of your microphone. It works, but a different browser may sound better."),
  autoGainControl: () => t("Your browser changes the sound of your microphone. It works, but a different browser may sound better."),
  bluetooth: () => t("This is a Bluetooth microphone. It spoils the sound of your headphones: choose the built-in one if you can."),
};

/** @type {Record<number, string>} */
const CLOSING = {
  4401: "link_not_valid",
  4403: "not_allowed",
  4408: "offline",
  4413: "room_full",
  4429: "flood",
};

/** @param {string} code */
export function problemInWords(code) {
  return (SENTENCES[code] ?? (() => t("Something went wrong. Please try again.")))();
}

/** @param {string} code */
export function isKnown(code) {
  return code in SENTENCES;
}

/** @param {string} code */
export function warningInWords(code) {
  return (WARNINGS[code] ?? WARNINGS.echoCancellation)();
}

/** Why a socket was closed for good. @param {number | undefined} code */
export function closingInWords(code) {
  if (code === 4409) return t("You opened this courtyard in another tab. You are there now.");
  if (code === 4400) return t("This page and the server do not understand each other. Please load the page again.");
  return problemInWords(CLOSING[code ?? 0] ?? "");
}
