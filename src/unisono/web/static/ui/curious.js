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

/** The mean, and where it varies the slowest but one in twenty. @param {{mean: number, p95: number} | null | undefined} stage */
function inStage(stage) {
  if (!isNumber(stage?.mean)) return NOTHING;
  const varies = isNumber(stage.p95) && stage.p95 > stage.mean + 0.05;
  const shown = varies ? [stage.mean, stage.p95] : [stage.mean];
  return t("{n} ms", { n: shown.map((ms) => ms.toFixed(1)).join("–") });
}

/** The way of sound in stages, as in the song that runs or the last one (engine/trace.js). @param {Diagnostics | null | undefined} trace @returns {[string, [string, string][]][]} */
function ways(trace) {
  const { up, down, row } = trace ?? {};
  if (!up || row < 0) return [];
  /** @type {[string, [string, string][]][]} */
  const found = [[t("Your voice on its way to the server"), [
    [t("Out at your ear and in at the microphone"), inStage(up.device)],
    [t("A piece of sound is gathered"), inStage(up.frame)],
    [t("The encoder looks ahead"), inStage(up.lookahead)],
    [t("Waiting for the sound card"), inStage(up.capture)],
    [t("Encoding"), inStage(up.encode)],
    [t("Over the network"), inStage(up.network)],
  ]]];
  if (row > 0) found.push([t("What you hear on its way to you"), [
    [t("Waiting at the server for all voices"), inStage(down.wait)],
    [t("Mixing"), inStage(down.mixing)],
    [t("Over the network"), inStage(down.network)],
    [t("Decoding"), inStage(down.decode)],
    [t("Ready before it is heard, in case the network falters"), inStage(down.early)],
  ]]);
  return found;
}

/** @param {string} name @param {string} value */
const line = (name, value) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value));

/** @param {{diagnostics: Diagnostics}} engine */
export function wireCurious(engine) {
  const part = byId("curious", HTMLDetailsElement);
  const draw = () => {
    if (!part.open || !part.closest("dialog")?.open) return;
    const known = engine.diagnostics ?? {};
    const rows = figures(known).map(([name, value]) => line(name, value));
    for (const [title, stages] of ways(known.trace)) {
      rows.push(h("tr", {}, h("th", { scope: "colgroup", colspan: 2 }, title)), ...stages.map(([name, value]) => line(name, value)));
    }
    byId("figures").replaceChildren(...rows);
  };
  part.addEventListener("toggle", draw);
  setInterval(draw, EVERY_MS);
}
