/** On a performance's page: whoever is seen in its film by their own camera, on this device, takes that back here; and what still waits here is sent. */

import { byId, button, post, say, show } from "./dom.js";
import { t } from "./i18n.js";
import { filmedSeats } from "./remember.js";
import { Sending } from "./sending.js";

/** Nobody sings on this page. */
class Silence extends EventTarget {
  running = false;
}

/** @param {string} token of the performance @param {() => void} onTakenOut the film that showed them is gone */
export async function wireSeen(token, onTakenOut) {
  const sending = new Sending(new Silence(), () => "");
  sending.addEventListener("done", () => void look(token, sending, onTakenOut));
  for (const [owner, secret] of filmedSeats()) sending.adopt(owner, secret);
  await look(token, sending, onTakenOut);
}

/** @param {string} token @param {Sending} sending @param {() => void} onTakenOut */
async function look(token, sending, onTakenOut) {
  for (const [, key] of filmedSeats()) {
    const [seen] = await post("/api/pictures", { token, key }).catch(() => []);
    if (!seen) continue;
    show(byId("seen"), true);
    button("seen-out").onclick = () => void takeOut(key, seen.performance, token, sending).then(onTakenOut);
  }
}

/** @param {string} key @param {string} performance @param {string} token @param {Sending} sending */
async function takeOut(key, performance, token, sending) {
  try {
    await sending.discard(performance);
    await post("/api/picture/withdraw", { token, key, performance });
    say(byId("seen-said"), t("Your picture is deleted: your flag stands in your window."));
    show(button("seen-out"), false);
  } catch {
    say(byId("seen-said"), t("That was not possible. Please try again."));
  }
}
