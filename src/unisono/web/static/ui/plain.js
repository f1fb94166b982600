/** Where the page came over plain http from afar, browsers give no microphone and no worklet: a plain stream is left. */

import { byId, post, say, show } from "./dom.js";
import { problemInWords } from "./problems.js";
import { askToListen } from "./step.js";

/** @param {string} token */
export async function listenPlainly(token) {
  const facts = await post("/api/room", { token }).catch((error) => {
    say(byId("listen-problem"), problemInWords(error.code ?? ""));
    return { title: "Unisono", place: "" };
  });
  say(byId("room-title"), facts.title);
  say(byId("room-place"), facts.place);
  askToListen({ plain: true, begin: () => play(token) });
}

/** @param {string} token */
async function play(token) {
  const { url } = await post("/api/stream", { token });
  const audio = byId("plain-stream", HTMLAudioElement);
  audio.src = url;
  show(audio, true);
  show(byId("listen-now"), false);
  await audio.play();
}
