/** For the curious: what the engine knows of this page's sound, as a small table; drawn only while it is open. */

import { byId, h } from "./dom.js";
import { t } from "./i18n.js";

/** @typedef {Record<string, any>} Diagnostics */

const EVERY_MS = 1000;
const NOTHING = "–";

/** @param {unknown} samples at 48 000 per second */
const inMs = (samples) => (isNumber(samples) ? t("{n} ms", { n: (samples / 48).toFixed(1) }) : NOTHING);

/** @param {unknown} value @returns {value is number} */
const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

/** @param {unknown} value */
const count = (value) => (isNumber(value) ? String(value) : NOTHING);

/** Name and value of each figure. @param {Diagnostics} known @returns {[string, string][]} */
function figures(known) {
  const row = isNumber(known.row) && known.row >= 0 ? known.row + 1 : null;
  return [
    [t("Row, counted from the leader"), count(row)],
    [t("You hear the song later by"), inMs(known.delay_samples)],
    [t("Round trip of your sound"), inMs(known.round_trip_samples)],
    [t("Drift of your sound card"), isNumber(known.drift_ppm) ? t("{n} millionths", { n: known.drift_ppm.toFixed(1) }) : NOTHING],
    [t("From your ear to the server"), inMs(known.link?.up_samples)],
    [t("From the server to your ear"), inMs(known.link?.down_samples)],
    [t("Frames heard"), count(known.frames_heard)],
    [t("Frames that came too late"), count(known.frames_late)],
    [t("Packets not yet stored by the server"), count(known.unwritten_packets)],
  ];
}

/** @param {{diagnostics: Diagnostics}} engine */
export function wireCurious(engine) {
  const part = byId("curious", HTMLDetailsElement);
  const draw = () => {
    if (!part.open || !part.closest("dialog")?.open) return;
    const rows = figures(engine.diagnostics ?? {}).map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value)));
    byId("figures").replaceChildren(...rows);
  };
  part.addEventListener("toggle", draw);
  setInterval(draw, EVERY_MS);
}
