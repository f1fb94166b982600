/** <un-wave>: the shape of a sound, drawn as bars that fill while it plays. Decoration: the slider beside it is the control. */

import { s } from "./svg.js";

const BARS = 120;
const HEIGHT = 60;
/** Longer files are not fetched a second time just to be drawn. */
const BYTES_MAX = 30e6;

export class UnWave extends HTMLElement {
  #svg = s("svg", { viewBox: `0 0 ${BARS * 4} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  #url = "";

  connectedCallback() {
    this.setAttribute("aria-hidden", "true");
    if (!this.#svg.isConnected) this.append(this.#svg);
    this.#draw(new Float32Array(BARS).fill(0.04));
  }

  /** @param {number} share 0..1 */
  set progress(share) {
    const bars = this.#svg.children;
    for (let i = 0; i < bars.length; i++) bars[i].classList.toggle("played", i < share * BARS);
  }

  /** @param {string} url */
  async load(url) {
    if (url === this.#url) return;
    this.#url = url;
    const peaks = await peaksOf(url).catch(() => null);
    if (peaks && url === this.#url) this.#draw(peaks);
  }

  /** @param {Float32Array} peaks */
  #draw(peaks) {
    this.#svg.replaceChildren(...Array.from(peaks, (peak, i) => {
      const tall = Math.max(2, peak * HEIGHT);
      return s("rect", { x: i * 4, y: (HEIGHT - tall) / 2, width: 2.6, height: tall, rx: 1.2 });
    }));
  }
}

/** @param {string} url @returns {Promise<Float32Array>} peak of each of BARS stretches, the loudest being 1 */
async function peaksOf(url) {
  const answer = await fetch(url);
  if (!answer.ok || Number(answer.headers.get("content-length")) > BYTES_MAX) throw new Error("not drawn");
  const sound = await new OfflineAudioContext(1, 1, 48000).decodeAudioData(await answer.arrayBuffer());
  const samples = sound.getChannelData(0);
  const each = Math.max(1, Math.floor(samples.length / BARS));
  const peaks = new Float32Array(BARS);
  for (let bar = 0; bar < BARS; bar++) {
    for (let i = bar * each; i < (bar + 1) * each && i < samples.length; i += 7) peaks[bar] = Math.max(peaks[bar], Math.abs(samples[i]));
  }
  const top = Math.max(...peaks, 1e-6);
  return peaks.map((peak) => peak / top);
}

customElements.define("un-wave", UnWave);
