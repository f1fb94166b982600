/**
 * The sound check: how one hears, the microphone, "we hear you", then the round trip of the open stream, measured, or
 * tapped, or left alone. Every way on says what it means; every refusal has a way on.
 */

import { button, byId, dialog, h, say, show } from "./dom.js";
import { t } from "./i18n.js";
import { toast } from "./toasts.js";
import { warningInWords } from "./problems.js";

/** @typedef {import("./types.js").Output} Output */
/** @typedef {{accepted: boolean, round_trip_samples: number, spread_samples: number, reason: string | null}} Result */
/** @typedef {{id: string, label: string, bluetooth: boolean}} Device */

/**
 * @typedef {EventTarget & {
 *   microphoneOpen: boolean,
 *   openEar(): Promise<void>,
 *   openMicrophone(choice: {device_id?: string}): Promise<{warnings: string[]}>,
 *   devices(): Promise<{inputs: Device[], outputs: Device[]}>,
 *   measureRoundTrip(onProgress: (share: number) => void): Promise<Result>,
 *   startTapping(choice: {bpm?: number}): unknown, tap(timeStamp?: number): void, stopTapping(): Result,
 *   applyCheck(check: object): void,
 * }} Engine
 */

/** @typedef {"output" | "level" | "measure" | "tap" | "refused"} Part */

/** @type {Part[]} */
const PARTS = ["output", "level", "measure", "tap", "refused"];
const TAPS_NEEDED = 16;
const TAP_BPM = 96;
const SAMPLES_PER_MS = 48;
const QUIET_DBFS = -45;
const LOUD_DBFS = -3;
/** So many loud readings (ten a second, not necessarily in a row) are a voice and not a click. */
const LOUD_READINGS = 4;
const PATIENCE_MS = 8000;

/** Why a measurement was refused. @type {Record<string, () => string>} */
const REASONS = {
  too_quiet: () => t("We could not hear the sound. Turn it up, and hold the earpiece right against the microphone."),
  noisy: () => t("It was too noisy. Please try once more where it is quieter."),
  unsteady: () => t("The sound did not stay steady. Please close other programs and try again."),
  processed: () => t("Something changes the sound of your microphone. Switch off noise cancelling and try again."),
  clipped: () => t("It was too loud. Turn the volume down a little and try again."),
  ambiguous: () => t("We were not sure enough. Hold the earpiece closer and try again."),
  no_microphone: () => t("Nothing came from the microphone. Close the sound check, open it again, and take another microphone if need be."),
};

/** Why taps say nothing. @type {Record<string, () => string>} */
const NOT_TAPPED = {
  ambiguous: () => t("We could not tell which click each tap was for. Listen to a few first, then tap along."),
  uneven: () => t("The taps were not steady with the clicks. Listen to a few first, then tap along."),
  too_few: () => t("Those were too few taps. Please try again."),
};

/** @type {Record<string, () => string>} */
const REFUSED = {
  denied: () => t("Your browser does not let us use the microphone. Press the small lock or camera sign beside the address, allow the microphone, then try again."),
  missing: () => t("No microphone was found. Plug one in, then try again."),
  busy: () => t("Another program is using the microphone. Close it, then try again."),
  insecure: () => t("This page came over plain http: browsers give no microphone here. Ask for a link that begins with https."),
};

export class SoundCheck {
  #engine;
  #taps = 0;
  /** @type {((done: boolean) => void) | null} */
  #finish = null;
  /** @type {Result | null} */
  #result = null;
  #heard = false;
  #loud = 0;
  #waiting_since_ms = 0;
  /** Microphones whose names are known. @type {Device[]} */
  #inputs = [];
  /** Whether somebody chose the microphone themselves. */
  #chosen = false;

  /** @param {Engine} engine */
  constructor(engine) {
    this.#engine = engine;
    engine.addEventListener("level", (event) => this.#level(/** @type {CustomEvent} */ (event).detail));
    byId("open-microphone").addEventListener("click", () => this.#openMicrophone());
    byId("refused-again").addEventListener("click", () => this.#openMicrophone());
    byId("level-done").addEventListener("click", () => this.#part("measure"));
    byId("level-back").addEventListener("click", () => this.#part("output"));
    byId("measure").addEventListener("click", () => this.#measure());
    byId("measure-done").addEventListener("click", () => this.#apply("acoustic"));
    byId("tap-instead").addEventListener("click", () => this.#startTapping());
    byId("tap-again").addEventListener("click", () => this.#startTapping());
    byId("tap-done").addEventListener("click", () => this.#apply("tapped"));
    byId("microphone-choice").addEventListener("change", () => {
      this.#chosen = true;
      this.#openMicrophone();
    });
    byId("check-output").addEventListener("change", () => this.#keepOffBluetooth());
    this.#wireTap();
    for (const one of dialog("check").querySelectorAll("[data-just-listen]")) one.addEventListener("click", () => this.#justListen());
    dialog("check").addEventListener("cancel", (event) => {
      event.preventDefault();
      this.#justListen();
    });
  }

  /** Runs the check; true when there is a round trip to stamp by. @returns {Promise<boolean>} */
  async run() {
    this.#heard = false;
    this.#result = null;
    await this.#recognise();
    this.#part("output");
    if (!dialog("check").open) dialog("check").showModal();
    return new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  /** @returns {Output} */
  get #output() {
    const chosen = /** @type {HTMLInputElement | null} */ (document.querySelector("input[name=output]:checked"));
    return /** @type {Output} */ (chosen?.value ?? "headphones");
  }

  /** Devices tell by their names what they are, once the microphone has been allowed before. */
  async #recognise() {
    const { inputs, outputs } = await this.#engine.devices().catch(() => ({ inputs: [], outputs: [] }));
    const speaking = outputs.find((one) => one.id === "default") ?? outputs[0];
    if (speaking?.bluetooth) choose("bluetooth");
    else if (/speaker|lautsprecher|altoparlant/i.test(speaking?.label ?? "")) choose("loudspeakers");
    this.#drawMicrophones(inputs);
  }

  /** @param {Device[]} inputs */
  #drawMicrophones(inputs) {
    const named = inputs.filter((one) => one.label);
    const select = byId("microphone-choice", HTMLSelectElement);
    const before = select.value;
    select.replaceChildren(...named.map((one) => h("option", { value: one.id }, one.label)));
    this.#inputs = named;
    select.value = named.some((one) => one.id === before) ? before : (builtIn(named) ?? named[0])?.id ?? "";
    this.#keepOffBluetooth();
    show(byId("microphone-part"), named.length > 1);
  }

  /** A headset's own microphone makes Bluetooth headphones sound like a telephone; whoever wants it may still choose it. */
  #keepOffBluetooth() {
    const select = byId("microphone-choice", HTMLSelectElement);
    const chosen = this.#inputs.find((one) => one.id === select.value);
    const better = builtIn(this.#inputs);
    if (this.#output === "bluetooth" && chosen?.bluetooth && better && !this.#chosen) select.value = better.id;
  }

  /** @param {string[]} warnings of the engine */
  #warnings(warnings) {
    const chosen = this.#inputs.find((one) => one.id === byId("microphone-choice", HTMLSelectElement).value);
    return [...warnings, ...(chosen?.bluetooth ? ["bluetooth"] : [])].map(warningInWords).join(" ");
  }

  async #openMicrophone() {
    const device_id = byId("microphone-choice", HTMLSelectElement).value || undefined;
    button("open-microphone").disabled = true;
    try {
      await this.#engine.openEar();
      const { warnings } = await this.#engine.openMicrophone({ device_id });
      await this.#preferBuiltIn();
      this.#heard = false;
      this.#loud = 0;
      this.#waiting_since_ms = performance.now();
      button("level-done").disabled = true;
      say(byId("level-hint"), this.#warnings(warnings));
      this.#part("level");
    } catch (error) {
      this.#refused(/** @type {{code?: string}} */ (error).code ?? "busy");
    } finally {
      button("open-microphone").disabled = false;
    }
  }

  /** Labels are known only now; a Bluetooth microphone would ruin Bluetooth headphones. */
  async #preferBuiltIn() {
    const { inputs, outputs } = await this.#engine.devices();
    const select = byId("microphone-choice", HTMLSelectElement);
    const knewNames = select.options.length > 0;
    this.#drawMicrophones(inputs);
    if (outputs.find((one) => one.id === "default")?.bluetooth) choose("bluetooth");
    const chosen = inputs.find((one) => one.id === select.value);
    if (!knewNames && this.#output === "bluetooth" && chosen && !chosen.bluetooth) {
      await this.#engine.openMicrophone({ device_id: chosen.id });
    }
  }

  /** @param {string} code */
  #refused(code) {
    say(byId("refused-text"), (REFUSED[code] ?? REFUSED.busy)());
    this.#part("refused");
  }

  /** @param {{dbfs: number, peak_dbfs: number, clipped: boolean, heard: boolean}} level */
  #level({ dbfs, peak_dbfs, clipped, heard }) {
    if (!dialog("check").open || byId("check-level").hidden) return;
    byId("level", HTMLMeterElement).value = Math.max(-60, dbfs);
    byId("hear-light").style.setProperty("--light", Math.max(0, Math.min(1, (dbfs + 55) / 40)).toFixed(2));
    if (dbfs > QUIET_DBFS) this.#loud += 1;
    if ((heard || this.#loud >= LOUD_READINGS) && !this.#heard) {
      this.#heard = true;
      say(byId("level-hint"), "");
      button("level-done").disabled = false;
    }
    byId("hear-light").classList.toggle("on", this.#heard);
    say(byId("hear-text"), this.#heard ? t("We hear you") : t("We are listening …"));
    if (clipped || peak_dbfs > LOUD_DBFS) say(byId("level-hint"), t("Very loud: move back a little, or turn the microphone down."));
    else if (!this.#heard && dbfs > QUIET_DBFS - 15) say(byId("level-hint"), t("A little louder, please."));
    else if (!this.#heard && performance.now() - this.#waiting_since_ms > PATIENCE_MS) {
      say(byId("level-hint"), t("We hear nothing yet. Is it the right microphone, and is it switched on?"));
    }
  }

  async #measure() {
    button("measure").disabled = true;
    show(byId("measure-progress"), true);
    say(byId("measure-result"), this.#output === "loudspeakers" ? t("Listening …") : t("Listening … keep the earpiece at the microphone."));
    const progress = byId("measure-progress", HTMLProgressElement);
    const result = await this.#engine.measureRoundTrip((share) => (progress.value = share)).catch(() => null);
    show(progress, false);
    button("measure").disabled = false;
    this.#measured(result);
  }

  /** @param {Result | null} result */
  #measured(result) {
    this.#result = result?.accepted ? result : null;
    const good = this.#result !== null;
    const ms = Math.round((result?.round_trip_samples ?? 0) / SAMPLES_PER_MS);
    say(byId("measure-result"), good
      ? t("That worked: {ms} milliseconds there and back. Whatever you sing now lands in its place.", { ms })
      : (REASONS[result?.reason ?? ""] ?? REASONS.ambiguous)());
    byId("measure-result").classList.toggle("good", good);
    show(byId("measure-done"), good);
    button("measure").classList.toggle("gold", !good);
    say(button("measure"), t("Measure again"));
    if (good) button("measure-done").focus();
  }

  async #startTapping() {
    this.#taps = 0;
    this.#result = null;
    say(byId("tap-result"), "");
    for (const id of ["tap-done", "tap-again"]) show(byId(id), false);
    button("tap").disabled = false;
    this.#drawTaps();
    this.#part("tap");
    await this.#engine.startTapping({ bpm: TAP_BPM });
    byId("tap").focus();
  }

  #wireTap() {
    byId("tap").addEventListener("pointerdown", (event) => this.#tap(event.timeStamp));
    byId("tap").addEventListener("keydown", (event) => {
      if (event.key !== " " && event.key !== "Enter") return;
      event.preventDefault();
      if (!event.repeat) this.#tap(event.timeStamp);
    });
  }

  /** @param {number} timeStamp */
  #tap(timeStamp) {
    if (this.#taps >= TAPS_NEEDED) return;
    this.#engine.tap(timeStamp);
    this.#taps += 1;
    this.#drawTaps();
    if (this.#taps === TAPS_NEEDED) this.#tapped();
  }

  /** Every tap is seen, the clicks are not: a light would lead the finger, and it cannot be in time with a sound whose delay is being asked for. */
  #drawTaps() {
    const dots = Array.from({ length: TAPS_NEEDED }, (_, i) => h("span", { class: i < this.#taps ? "tapped" : "" }));
    byId("tap-dots").replaceChildren(...dots);
    say(byId("tap-count"), t("{n} of {all}", { n: this.#taps, all: TAPS_NEEDED }));
  }

  /** Fingers do not stop at once: what they still press does nothing. */
  #tapped() {
    button("tap").disabled = true;
    const result = this.#engine.stopTapping();
    this.#result = result.accepted ? result : null;
    say(byId("tap-result"), result.accepted ? t("That worked.") : (NOT_TAPPED[result.reason ?? ""] ?? NOT_TAPPED.too_few)());
    byId("tap-result").classList.toggle("good", result.accepted);
    show(byId("tap-done"), result.accepted);
    show(byId("tap-again"), true);
    button("tap-again").classList.toggle("gold", !result.accepted);
    byId("tap-result").focus();
  }

  /** @param {"acoustic" | "tapped"} method */
  #apply(method) {
    if (!this.#result) return;
    const { round_trip_samples, spread_samples } = this.#result;
    this.#engine.applyCheck({ method, output: this.#output, round_trip_samples, spread_samples });
    this.#end(true);
  }

  #justListen() {
    if (!byId("check-tap").hidden) this.#engine.stopTapping();
    this.#engine.applyCheck({ method: "none", output: this.#output, round_trip_samples: 0, spread_samples: 0 });
    toast(t("You hear everything. If you want to sing along: press Sound, then Sound check."));
    this.#end(false);
  }

  /** @param {boolean} done */
  #end(done) {
    dialog("check").close();
    this.#finish?.(done);
    this.#finish = null;
  }

  /** @param {Part} wanted */
  #part(wanted) {
    for (const part of PARTS) show(byId(`check-${part}`), part === wanted);
    if (wanted === "measure") this.#drawMeasure();
    const first = byId(`check-${wanted}`).querySelector(wanted === "output" ? "input:checked" : "button:not([disabled], [hidden])");
    if (first instanceof HTMLElement) first.focus();
  }

  #drawMeasure() {
    const loud = this.#output === "loudspeakers";
    say(byId("measure-heading"), loud ? t("Now be quiet for a moment") : t("First hold one earpiece to the microphone"));
    say(byId("measure-why"), loud
      ? t("Press Measure. We play a short sound and listen to how long it takes: about four seconds of quiet, please.")
      : t("Hold it right against the microphone, then press Measure. We play a short sound and listen to how long it takes: about four seconds of quiet, please."));
    say(byId("measure-result"), "");
    say(button("measure"), t("Measure"));
    button("measure").classList.add("gold");
    show(byId("measure-done"), false);
  }
}

/** @param {Output} output */
function choose(output) {
  const radio = document.querySelector(`input[name=output][value=${output}]`);
  if (radio instanceof HTMLInputElement) radio.checked = true;
}

/** The built-in microphone, else any that is not a Bluetooth one. @param {Device[]} inputs */
function builtIn(inputs) {
  const wired = inputs.filter((one) => !one.bluetooth);
  return wired.find((one) => /built-?in|internal|integrat|intern/i.test(one.label)) ?? wired[0];
}
