/** Codes of the server, the socket and the engine, said kindly. What has no sentence of its own gets the general one. */

import { t } from "./i18n.js";

/** @type {Record<string, () => string>} */
const SENTENCES = {
  offline: () => t("The courtyard cannot be reached just now. Please look at your connection and try again."),
  link_not_valid: () => t("This link does not work any more. Please ask for a new one."),
  not_found: () => t("This link does not work any more. Please ask for a new one."),
  not_allowed: () => t("Only the host or the leader can do that."),
  room_full: () => t("Every balcony is taken. You can still listen from the street: ask for the link for listeners."),
  too_fast: () => t("That was a little too fast. Please wait a moment."),
  unknown_piece: () => t("This song is not in the songbook any more."),
  no_such_piece: () => t("This song is not in the songbook any more."),
  guide_gone: () => t("The song that you sing along to has been deleted meanwhile."),
  nothing_sung: () => t("Nobody is heard in it. Please sing it again."),
  out_of_range: () => t("Nobody can sing that high, that low or that fast."),
  bad_part: () => t("This cannot be the name of a part: please use up to 40 letters."),
  nobody_there: () => t("Nobody is on that balcony any more."),
  bad_request: () => t("Please look at what you wrote: something is missing or too long."),
  server_error: () => t("Something went wrong on our side. Please try again."),
  disk_trouble: () => t("The server cannot write just now. What you sing is kept in your browser until it can."),
  disk_full: () => t("The server's disk is full. What you sing is kept in your browsers: make room on the disk, and it goes on by itself."),
  disk_slow: () => t("The server's disk is very slow. What you sing is kept in your browsers until it catches up."),
  disk_low: () => t("The server's disk is almost full. Please make room before a long evening."),
  ledger_trouble: () => t("The server cannot note down what happens here. The song goes on, but the server must not be restarted now."),
  disk_well: () => t("The server can write again. Nothing that was sung is lost."),
  microphone_lost: () => t("Your microphone is gone. Plug it in again and do the sound check once more."),
  codec: () => t("Your browser cannot pack sound. Please try another browser."),
  encoder: () => t("Your browser cannot pack sound. Please try another browser."),
  engine: () => t("Something went wrong in this page. Please load it again."),
  no_premiere: () => t("The finished song could not be fetched. It is on its page."),
  no_backing: () => t("The backing could not be fetched. You hear the others."),
  flood: () => t("That was too much at once. Please wait a moment and come back in."),
  song_running: () => t("A song is running. Please wait until it is over."),
  no_song: () => t("No song is running."),
  take_unreadable: () => t("This file cannot be read as a recording. Please send the video or the sound just as your phone saved it."),
  take_empty: () => t("There is neither sound nor picture in this recording."),
  take_too_long: () => t("This recording is too long. Please cut it to the song and send it again."),
  take_too_large: () => t("This recording is too large. Please send a smaller one: the sound alone is enough."),
  take_too_costly: () => t("This recording takes too long to read. Please send the sound alone, or save it in another format."),
  clip_too_big: () => t("This clip is too big for this server. A shorter one, or one of less quality, will do."),
  file_gone: () => t("This file cannot be read any more: perhaps it was moved or deleted. Please choose it again."),
  sent_elsewhere: () => t("This file is on its way already, in another tab. It goes on there."),
  clip_gone: () => t("This clip is not there any more: it was taken out, or it stopped arriving too long ago. You can choose it again."),
  clip_empty: () => t("This clip is empty."),
  clips_full: () => t("No more clips fit in here for now. Please ask the host."),
  no_room_for_clip: () => t("The server's disk is full. What has come of your clip is kept, and it goes on by itself when there is room."),
  not_ready: () => t("This song is still being mixed. Please wait a moment."),
  take_failed: () => t("The studio could not work on this clip. Please try again, or send it in another form."),
  mix_failed: () => t("The mix did not work out. The voices are kept."),
  film_failed: () => t("The film did not work out. The song is there."),
  no_film: () => t("This film is not there any more."),
  no_sound: () => t("Your browser does not play sound. Please press a button and try again."),
  interrupted: () => t("Your sound was interrupted, perhaps by a call. It goes on by itself."),
  late: () => t("You are recorded, but your connection is slow: the others hear you afterwards."),
  storage: () => t("Your browser cannot keep what you sing. Please leave this page open until the song is mixed."),
  processed_microphone: () => t("Your browser changes the sound of your microphone. It works, but a different browser may sound better."),
  bleed: () => t("Your microphone hears the music that plays. Put on headphones, or choose loudspeakers in the sound check: then everybody sounds clearer."),
  devices: () => t("Your headphones or your microphone changed. So that what you sing lands in its place, please do the sound check once more."),
  jump: () => t("Your sound stumbled. So that what you sing lands in its place, please do the sound check once more."),
};

/** @type {Record<string, () => string>} */
const WARNINGS = {
  echoCancellation: () => t("Your browser changes the sound of your microphone. It works, but a different browser may sound better."),
  noiseSuppression: () => t("Your browser changes the sound of your microphone. It works, but a different browser may sound better."),
  autoGainControl: () => t("Your browser changes the sound of your microphone. It works, but a different browser may sound better."),
  bluetooth: () => t("This is a Bluetooth microphone. It spoils the sound of your headphones: choose the built-in one if you can."),
};

/** What may be the matter with a voice, as the studio marks it. @type {Record<string, () => string>} */
const MARKS = {
  silent: () => t("Nothing was sung here."),
  gaps: () => t("There are gaps in this voice."),
  jumps: () => t("The sound stumbled here; it goes on in the right place."),
  unsure: () => t("The place of this voice is not quite certain."),
  broken: () => t("Parts of this voice could not be read."),
  clipped: () => t("The microphone was too loud in places."),
  tapped: () => t("Placed by tapping along, to about 30 thousandths of a second."),
  not_measured: () => t("Sung without a sound check: its place is a guess."),
  cut_off: () => t("The file ends before its time: perhaps only a piece of it was sent."),
  no_sound: () => t("This clip has a picture and no sound."),
  loudspeakers: () => t("Sung before loudspeakers: the song may be heard in it."),
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
export function warningInWords(code) {
  return (WARNINGS[code] ?? WARNINGS.echoCancellation)();
}

/** @param {string} mark */
export function markInWords(mark) {
  return (MARKS[mark] ?? (() => t("Something about this voice is not as it should be.")))();
}

/** What a socket that is closed for good means. @param {number | undefined} code */
export function closingHeading(code) {
  if (code === 4401) return t("This courtyard is not to be found");
  if (code === 4413) return t("This courtyard is full");
  return t("You are out of the courtyard");
}

/** Why a socket was closed for good. @param {number | undefined} code */
export function closingInWords(code) {
  if (code === 4409) return t("You opened this courtyard in another tab. You are there now.");
  if (code === 4400) return t("This page and the server do not understand each other. Please load the page again.");
  return problemInWords(CLOSING[code ?? 0] ?? "");
}
