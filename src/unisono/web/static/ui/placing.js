/** Placing a take by hand: both waveforms under each other, both sounds together, one slider and two buttons. */

import { button, byId, dialog, input, say, show } from "./dom.js";
import { t, tn } from "./i18n.js";
import { Duet } from "./duet.js";
import { clock, movedInWords, offsetInWords } from "./takewords.js";

/** @typedef {import("./types.js").Take} Take */

const STEP_S = 0.01;
/** So many seconds are seen at once; the first sees everything. */
const SPANS_S = [Infinity, 30, 8, 2];
/** So far a page key moves the clip at each of them. */
const PAGES_S = [1, 1, 0.1, 0.1];
const PEAKS_PER_S = 400;
const GUIDE_COLOUR = "#8d7f9c";
const TAKE_COLOUR = "#ffcf7a";

export class Placing {
  #sheet = dialog("placing");
  #view = byId("placing-view", HTMLCanvasElement);
  #duet = new Duet();
  #offset_s = 0;
  /** Where it stood when this was opened. */
  #found_s = 0;
  #zoom = 0;
  /** Where in the song one listens, while nothing plays. */
  #at_s = 0;
  /** @type {{guide: Float32Array, take: Float32Array} | null} */
  #peaks = null;
  /** @type {((seconds: number | null) => void)} */
  #done = () => {};
  #frame = 0;

  constructor() {
    input("placing-slider").addEventListener("input", () => this.#move(Number(input("placing-slider").value), false));
    button("placing-earlier").addEventListener("click", () => this.#move(this.#offset_s - STEP_S));
    button("placing-later").addEventListener("click", () => this.#move(this.#offset_s + STEP_S));
    button("placing-in").addEventListener("click", () => this.#zoomTo(this.#zoom + 1));
    button("placing-out").addEventListener("click", () => this.#zoomTo(this.#zoom - 1));
    button("placing-play").addEventListener("click", () => this.#togglePlay());
    button("placing-right").addEventListener("click", () => this.#close(this.#offset_s));
    button("placing-cancel").addEventListener("click", () => this.#close(null));
    input("placing-balance").addEventListener("input", () => this.#balance());
    input("placing-seek").addEventListener("input", () => this.#seek(Number(input("placing-seek").value)));
    this.#sheet.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.#close(null);
    });
    this.#wireDrag();
    this.#wireKeys();
    new ResizeObserver(() => this.#draw()).observe(this.#view);
  }

  /** @param {Take} take @param {string} guide address of what was sung to @returns {Promise<number | null>} where its first sample belongs, in seconds; null: somebody thought better of it */
  ask(take, guide) {
    const found = take.found;
    if (!found) return Promise.resolve(null);
    this.#offset_s = this.#found_s = Math.round(found.offset_seconds / STEP_S) * STEP_S;
    this.#at_s = Math.max(0, found.offset_seconds);
    this.#peaks = null;
    say(byId("placing-name"), take.name);
    say(byId("placing-problem"), "");
    this.#enable(false);
    this.#sheet.showModal();
    this.#load(guide, found.listen);
    return new Promise((resolve) => (this.#done = resolve));
  }

  /** @param {string} guide @param {string} take */
  async #load(guide, take) {
    show(byId("placing-loading"), true);
    try {
      await this.#duet.load(guide, take);
    } catch {
      return say(byId("placing-problem"), t("The sound could not be fetched. Please close this and try again."));
    } finally {
      show(byId("placing-loading"), false);
    }
    if (!this.#sheet.open) return;
    const { guide: song, take: clip } = this.#duet;
    if (!song || !clip) return;
    this.#peaks = { guide: peaks(song), take: peaks(clip) };
    input("placing-seek").max = String(song.duration);
    this.#enable(true);
    this.#zoomTo(0);
    this.#balance();
    this.#move(this.#offset_s);
    input("placing-slider").focus();
  }

  /** @param {boolean} ready */
  #enable(ready) {
    for (const one of this.#sheet.querySelectorAll("input, button:not(#placing-cancel)")) {
      /** @type {HTMLButtonElement | HTMLInputElement} */ (one).disabled = !ready;
    }
  }

  /** @param {number | null} answer */
  #close(answer) {
    this.#duet.stop();
    cancelAnimationFrame(this.#frame);
    this.#sheet.close();
    this.#done(answer);
  }

  get #song_s() {
    return this.#duet.guide?.duration ?? 1;
  }

  get #clip_s() {
    return this.#duet.take?.duration ?? 1;
  }

  /** @param {number} offset_s @param {boolean} [range] whether the slider's ends may move along */
  #move(offset_s, range = true) {
    const most = this.#song_s;
    const least = -this.#clip_s;
    this.#offset_s = Math.min(most, Math.max(least, Math.round(offset_s / STEP_S) * STEP_S));
    if (range) this.#setRange();
    const slider = input("placing-slider");
    slider.value = this.#offset_s.toFixed(2);
    slider.setAttribute("aria-valuetext", movedInWords(this.#offset_s - this.#found_s));
    say(byId("placing-where"), offsetInWords(this.#offset_s));
    this.#duet.place(this.#offset_s);
    this.#draw();
  }

  /** The slider reaches as far as is seen, so that a finger can be exact. */
  #setRange() {
    const slider = input("placing-slider");
    const half_s = SPANS_S[this.#zoom] / 4;
    const near = Number.isFinite(half_s);
    slider.min = (near ? Math.max(-this.#clip_s, this.#offset_s - half_s) : -this.#clip_s).toFixed(2);
    slider.max = (near ? Math.min(this.#song_s, this.#offset_s + half_s) : this.#song_s).toFixed(2);
  }

  /** @param {number} zoom */
  #zoomTo(zoom) {
    const focused = document.activeElement;
    this.#zoom = Math.max(0, Math.min(SPANS_S.length - 1, zoom));
    button("placing-out").disabled = this.#zoom === 0;
    button("placing-in").disabled = this.#zoom === SPANS_S.length - 1;
    const seen_s = Math.min(SPANS_S[this.#zoom], this.#song_s);
    say(byId("placing-seen"), tn("{n} second of the song is seen", "{n} seconds of the song are seen", Math.round(seen_s)));
    if (focused instanceof HTMLButtonElement && focused.disabled) button(this.#zoom ? "placing-out" : "placing-in").focus();
    this.#move(this.#offset_s);
  }

  #togglePlay() {
    if (this.#duet.playing) {
      this.#at_s = this.#duet.at_s;
      this.#duet.stop();
    } else {
      this.#duet.play(this.#at_s >= this.#song_s - 0.1 ? 0 : this.#at_s, this.#offset_s);
    }
    this.#follow();
  }

  /** @param {number} at_s */
  #seek(at_s) {
    this.#at_s = Math.min(this.#song_s, Math.max(0, at_s));
    if (this.#duet.playing) this.#duet.play(this.#at_s, this.#offset_s);
    this.#draw();
  }

  #balance() {
    const share = Number(input("placing-balance").value);
    this.#duet.balance(share);
    const words = share < 0.5 ? t("more of the song") : share > 0.5 ? t("more of the clip") : t("both alike");
    input("placing-balance").setAttribute("aria-valuetext", words);
  }

  /** Draws while it plays. */
  #follow() {
    const { playing } = this.#duet;
    if (playing) this.#at_s = this.#duet.at_s;
    if (playing && this.#at_s >= this.#song_s) this.#duet.stop();
    say(button("placing-play"), playing ? t("Pause") : t("Hear both"));
    this.#draw();
    if (playing) this.#frame = requestAnimationFrame(() => this.#follow());
  }

  /** What is seen of the song, in seconds. */
  get #seen() {
    const whole = { from_s: Math.min(0, this.#offset_s), to_s: Math.max(this.#song_s, this.#offset_s + this.#clip_s) };
    const span_s = SPANS_S[this.#zoom];
    if (span_s >= whole.to_s - whole.from_s) return whole;
    return { from_s: this.#at_s - span_s / 2, to_s: this.#at_s + span_s / 2 };
  }

  /** Page keys go further than a browser's tenth of a slider would say; the space bar plays, wherever a slider has the focus. */
  #wireKeys() {
    this.#sheet.addEventListener("keydown", (event) => {
      if (!this.#peaks || !(event.target instanceof HTMLInputElement)) return;
      const page = { PageUp: 1, PageDown: -1 }[event.key] ?? 0;
      if (page && event.target.id === "placing-slider") this.#move(this.#offset_s + page * PAGES_S[this.#zoom]);
      else if (event.key === " " && !event.repeat) this.#togglePlay();
      else return;
      event.preventDefault();
    });
  }

  /** The clip moves under a finger or a mouse; a press without moving listens there. */
  #wireDrag() {
    /** @type {{x: number, offset_s: number, moved: boolean} | null} */
    let held = null;
    const perPixel_s = () => {
      const { from_s, to_s } = this.#seen;
      return (to_s - from_s) / this.#view.clientWidth;
    };
    this.#view.addEventListener("pointerdown", (event) => {
      if (!this.#peaks) return;
      held = { x: event.offsetX, offset_s: this.#offset_s, moved: false };
      this.#view.setPointerCapture(event.pointerId);
    });
    this.#view.addEventListener("pointermove", (event) => {
      if (!held || (!held.moved && Math.abs(event.offsetX - held.x) < 4)) return;
      held.moved = true;
      this.#move(held.offset_s + (event.offsetX - held.x) * perPixel_s());
    });
    this.#view.addEventListener("pointerup", (event) => {
      if (held && !held.moved) this.#seek(this.#seen.from_s + event.offsetX * perPixel_s());
      held = null;
    });
    this.#view.addEventListener("pointercancel", () => (held = null));
  }

  #draw() {
    const canvas = this.#view;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    const pen = canvas.getContext("2d");
    if (!pen || !width) return;
    if (canvas.width !== Math.round(width * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    if (!this.#peaks) return;
    const { from_s, to_s } = this.#seen;
    const half = height / 2;
    drawPeaks(pen, this.#peaks.guide, { from_s, to_s, width, top: 0, height: half - 6, colour: GUIDE_COLOUR });
    const own = { from_s: from_s - this.#offset_s, to_s: to_s - this.#offset_s };
    drawPeaks(pen, this.#peaks.take, { ...own, width, top: half + 6, height: half - 6, colour: TAKE_COLOUR });
    const x = ((this.#at_s - from_s) / (to_s - from_s)) * width;
    pen.fillStyle = "#fff";
    pen.fillRect(x - 1, 0, 2, height);
    const seek = input("placing-seek");
    seek.value = String(this.#at_s);
    seek.setAttribute("aria-valuetext", clock(this.#at_s));
    say(byId("placing-clock"), `${clock(this.#at_s)} / ${clock(this.#song_s)}`);
  }
}

/** The largest sample of each short stretch, the loudest being 1. @param {AudioBuffer} sound */
function peaks(sound) {
  const each = sound.sampleRate / PEAKS_PER_S;
  const found = new Float32Array(Math.ceil(sound.length / each));
  for (let channel = 0; channel < sound.numberOfChannels; channel++) {
    const samples = sound.getChannelData(channel);
    for (let i = 0; i < samples.length; i++) {
      const at = Math.floor(i / each);
      const loud = Math.abs(samples[i]);
      if (loud > found[at]) found[at] = loud;
    }
  }
  const top = found.reduce((most, one) => Math.max(most, one), 1e-6);
  return found.map((one) => one / top);
}

/** @param {CanvasRenderingContext2D} pen @param {Float32Array} peaks @param {{from_s: number, to_s: number, width: number, top: number, height: number, colour: string}} where */
function drawPeaks(pen, peaks, { from_s, to_s, width, top, height, colour }) {
  const middle = top + height / 2;
  const perPixel = ((to_s - from_s) * PEAKS_PER_S) / width;
  pen.fillStyle = colour;
  for (let x = 0; x < width; x++) {
    const from = Math.floor(from_s * PEAKS_PER_S + x * perPixel);
    const to = Math.max(from + 1, Math.floor(from_s * PEAKS_PER_S + (x + 1) * perPixel));
    if (to <= 0 || from >= peaks.length) continue;
    let most = 0;
    for (let i = Math.max(0, from); i < Math.min(to, peaks.length); i++) most = Math.max(most, peaks[i]);
    const tall = Math.max(1, most * height);
    pen.fillRect(x, middle - tall / 2, 1, tall);
  }
}
