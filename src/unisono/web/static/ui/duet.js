/** A song and a clip, played together at a chosen offset, which may change while they play. */

/** What is fetched is only compared by ear: half the rate is a quarter of a phone's memory for long songs. */
const RATE_HZ = 24_000;
const AHEAD_S = 0.06;

export class Duet {
  /** @type {AudioBuffer | null} */
  guide = null;
  /** @type {AudioBuffer | null} */
  take = null;
  /** @type {AudioContext | null} */
  #context = null;
  /** @type {{guide: GainNode, take: GainNode} | null} */
  #gains = null;
  /** @type {AudioBufferSourceNode | null} */
  #song = null;
  /** @type {AudioBufferSourceNode | null} */
  #clip = null;
  /** The song's second 0 on the context's clock. */
  #zero_s = 0;
  #offset_s = 0;
  #share = 0.5;
  #guideUrl = "";
  playing = false;

  /** @param {string} guide @param {string} take addresses of both */
  async load(guide, take) {
    this.take = null;
    const song = this.#guideUrl === guide && this.guide ? this.guide : decode(guide);
    [this.guide, this.take] = await Promise.all([song, decode(take)]);
    this.#guideUrl = guide;
  }

  /** Inside a gesture. @param {number} at_s of the song @param {number} offset_s where the clip's beginning stands */
  play(at_s, offset_s) {
    this.stop();
    this.#offset_s = offset_s;
    const context = (this.#context ??= new AudioContext());
    context.resume().catch(() => {});
    this.#gains ??= { guide: this.#gain(context), take: this.#gain(context) };
    this.balance(this.#share);
    this.#zero_s = context.currentTime + AHEAD_S - at_s;
    this.playing = true;
    this.#song = this.#start(this.guide, this.#gains.guide, at_s);
    this.#clip = this.#start(this.take, this.#gains.take, at_s - offset_s);
  }

  /** The clip goes on elsewhere. @param {number} offset_s */
  place(offset_s) {
    if (!this.playing || !this.#gains || offset_s === this.#offset_s) return;
    this.#offset_s = offset_s;
    this.#clip?.stop();
    this.#clip = this.#start(this.take, this.#gains.take, this.at_s + AHEAD_S - offset_s);
  }

  /** @param {number} share 0: the song only, 1: the clip only */
  balance(share) {
    this.#share = share;
    if (!this.#gains) return;
    this.#gains.guide.gain.value = Math.min(1, 2 * (1 - share));
    this.#gains.take.gain.value = Math.min(1, 2 * share);
  }

  stop() {
    this.#song?.stop();
    this.#clip?.stop();
    this.#song = this.#clip = null;
    this.playing = false;
  }

  /** Where in the song one hears. */
  get at_s() {
    return Math.max(0, (this.#context?.currentTime ?? 0) - this.#zero_s);
  }

  /** @param {AudioContext} context */
  #gain(context) {
    const gain = context.createGain();
    gain.connect(context.destination);
    return gain;
  }

  /** @param {AudioBuffer | null} sound @param {GainNode} to @param {number} from_s of the sound; before its beginning it waits */
  #start(sound, to, from_s) {
    const context = /** @type {AudioContext} */ (this.#context);
    if (!sound || from_s >= sound.duration) return null;
    const source = context.createBufferSource();
    source.buffer = sound;
    source.connect(to);
    source.start(context.currentTime + AHEAD_S + Math.max(0, -from_s), Math.max(0, from_s));
    return source;
  }
}

/** @param {string} url @returns {Promise<AudioBuffer>} */
async function decode(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error("not fetched");
  return new OfflineAudioContext(1, 1, RATE_HZ).decodeAudioData(await answer.arrayBuffer());
}
