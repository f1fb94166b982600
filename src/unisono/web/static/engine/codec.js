/**
 * Opus (WebCodecs) and 16-bit PCM, with their delays measured, not believed.
 *
 * Browsers shift what passes through their codecs and stamp it as if they did not. So the decoder is given packets whose sound is known
 * (opus-chirp.json, made with libopus), and the encoder is then measured through that decoder. All shifts are whole samples against a plain libopus decoder.
 */

import { FRAME_SAMPLES, SAMPLE_RATE } from "./units.js";

const VOICE_BITRATE = 64_000;
const CHIRP_SAMPLES = 960;
/** Where the chirp lies in what codecs are measured with. */
export const CHIRP_AT = 4 * FRAME_SAMPLES + 137;
export const CHIRP_FRAMES = 10;

/** @param {boolean} stereo @returns {AudioDecoderConfig} */
const decoderConfig = (stereo) => ({ codec: "opus", sampleRate: SAMPLE_RATE, numberOfChannels: stereo ? 2 : 1 });

/** @returns {AudioEncoderConfig} */
const encoderConfig = () => ({
  codec: "opus",
  sampleRate: SAMPLE_RATE,
  numberOfChannels: 1,
  bitrate: VOICE_BITRATE,
  opus: { application: "audio", frameDuration: 20_000, complexity: 5, signal: "auto" },
});

/** Whether this browser encodes and decodes Opus. @returns {Promise<{encoder: boolean, decoder: boolean}>} */
export async function codecSupport() {
  const asks = [
    "AudioEncoder" in globalThis ? AudioEncoder.isConfigSupported(encoderConfig()) : Promise.resolve({ supported: false }),
    "AudioDecoder" in globalThis ? AudioDecoder.isConfigSupported(decoderConfig(true)) : Promise.resolve({ supported: false }),
  ];
  const [encoder, decoder] = await Promise.all(asks.map((ask) => ask.catch(() => ({ supported: false }))));
  return { encoder: encoder.supported === true, decoder: decoder.supported === true };
}

/** A linear sweep, 400 to 8000 Hz, 20 ms, smooth at both ends. */
export function chirp() {
  const sound = new Float32Array(CHIRP_SAMPLES);
  for (let i = 0; i < CHIRP_SAMPLES; i++) {
    const t = i / SAMPLE_RATE;
    const sweep = 2 * Math.PI * (400 * t + (7600 * t * t) / (2 * (CHIRP_SAMPLES / SAMPLE_RATE)));
    sound[i] = 0.5 * Math.sin(sweep) * Math.sin((Math.PI * i) / CHIRP_SAMPLES) ** 2;
  }
  return sound;
}

/** Where the chirp begins in `heard`, by the peak of the correlation, and how alike it is (1: the same). @param {Float32Array} heard */
export function findChirp(heard) {
  const pattern = chirp();
  let best = -Infinity, at = 0;
  for (let lag = 0; lag + CHIRP_SAMPLES <= heard.length; lag++) {
    let sum = 0;
    for (let i = 0; i < CHIRP_SAMPLES; i += 1) sum += pattern[i] * heard[lag + i];
    if (sum > best) [best, at] = [sum, lag];
  }
  const energy = (/** @type {Float32Array} */ x) => x.reduce((sum, value) => sum + value * value, 0);
  return { at, likeness: best / Math.sqrt(energy(pattern) * energy(heard.subarray(at, at + CHIRP_SAMPLES)) + 1e-12) };
}

/** Blocks of mono sound in, encoded frames out, in order. */
export class OpusVoiceEncoder {
  /** @param {(frame: Uint8Array) => void} onFrame @param {(error: Error) => void} onError */
  constructor(onFrame, onError) {
    this._encoder = new AudioEncoder({
      output: (chunk) => {
        const bytes = new Uint8Array(chunk.byteLength);
        chunk.copyTo(bytes);
        onFrame(bytes);
      },
      error: onError,
    });
    this._encoder.configure(encoderConfig());
    this._count = 0;
  }

  /** @param {Float32Array<ArrayBuffer>} samples FRAME_SAMPLES */
  encode(samples) {
    const timestamp = (this._count++ * FRAME_SAMPLES * 1e6) / SAMPLE_RATE;
    const data = new AudioData({ format: "f32-planar", sampleRate: SAMPLE_RATE, numberOfFrames: samples.length, numberOfChannels: 1, timestamp, data: samples });
    this._encoder.encode(data);
    data.close();
  }

  flush() {
    return this._encoder.flush();
  }

  close() {
    if (this._encoder.state !== "closed") this._encoder.close();
  }
}

/** Encoded frames in, one block of sound out for each, in order. The decoder's own timestamps are never used. */
export class OpusDecoder {
  /** @param {boolean} stereo @param {(left: Float32Array, right: Float32Array) => void} onSound @param {(error: Error) => void} onError */
  constructor(stereo, onSound, onError) {
    this._decoder = new AudioDecoder({
      output: (data) => {
        const left = new Float32Array(data.numberOfFrames);
        data.copyTo(left, { planeIndex: 0, format: "f32-planar" });
        let right = left;
        if (data.numberOfChannels > 1) {
          right = new Float32Array(data.numberOfFrames);
          data.copyTo(right, { planeIndex: 1, format: "f32-planar" });
        }
        data.close();
        onSound(left, right);
      },
      error: onError,
    });
    this._decoder.configure(decoderConfig(stereo));
    this._count = 0;
  }

  /** @param {Uint8Array<ArrayBuffer>} frame */
  decode(frame) {
    this._decoder.decode(new EncodedAudioChunk({ type: "key", timestamp: this._count++ * 20_000, duration: 20_000, data: frame }));
  }

  flush() {
    return this._decoder.flush();
  }

  close() {
    if (this._decoder.state !== "closed") this._decoder.close();
  }
}

/** @param {Uint8Array<ArrayBuffer>[]} frames @returns {Promise<Float32Array>} */
function decodeAll(frames) {
  return new Promise((resolve, reject) => {
    /** @type {number[]} */
    const heard = [];
    const decoder = new OpusDecoder(false, (left) => heard.push(...left), reject);
    for (const frame of frames) decoder.decode(frame);
    decoder.flush().then(() => {
      decoder.close();
      resolve(Float32Array.from(heard));
    }, reject);
  });
}

/** @param {Float32Array} sound @returns {Promise<Uint8Array<ArrayBuffer>[]>} */
function encodeAll(sound) {
  return new Promise((resolve, reject) => {
    /** @type {Uint8Array<ArrayBuffer>[]} */
    const frames = [];
    const encoder = new OpusVoiceEncoder((frame) => frames.push(/** @type {Uint8Array<ArrayBuffer>} */ (frame)), reject);
    for (let at = 0; at < sound.length; at += FRAME_SAMPLES) encoder.encode(sound.slice(at, at + FRAME_SAMPLES));
    encoder.flush().then(() => {
      encoder.close();
      resolve(frames);
    }, reject);
  });
}

/**
 * How much later this browser's decoder puts a sound than plain libopus does (usually 0, or minus the pre-skip).
 * @param {{frames: Uint8Array<ArrayBuffer>[], chirp_at: number}} known packets and where plain libopus finds their chirp
 */
export async function measureDecoder(known) {
  const { at, likeness } = findChirp(await decodeAll(known.frames));
  return { shiftSamples: at - known.chirp_at, likeness };
}

/** Look-ahead of this browser's encoder in samples, for a plain libopus decoder. @param {number} decoderShift as measured */
export async function measureEncoder(decoderShift) {
  const sound = new Float32Array(CHIRP_FRAMES * FRAME_SAMPLES);
  sound.set(chirp(), CHIRP_AT);
  const { at, likeness } = findChirp(await decodeAll(await encodeAll(sound)));
  return { lookaheadSamples: at - decoderShift - CHIRP_AT, likeness };
}

/** @param {Float32Array} samples @returns {Uint8Array<ArrayBuffer>} little-endian 16 bit */
export function toPcm(samples) {
  const out = new DataView(new ArrayBuffer(2 * samples.length));
  samples.forEach((sample, i) => out.setInt16(2 * i, Math.max(-32768, Math.min(32767, Math.round(sample * 32767))), true));
  return new Uint8Array(out.buffer);
}

/** @param {Uint8Array} bytes @param {boolean} stereo @returns {[Float32Array, Float32Array]} */
export function fromPcm(bytes, stereo) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const channels = stereo ? 2 : 1;
  const count = bytes.byteLength / 2 / channels;
  const left = new Float32Array(count);
  const right = stereo ? new Float32Array(count) : left;
  for (let i = 0; i < count; i++) {
    left[i] = view.getInt16(2 * i * channels, true) / 32768;
    if (stereo) right[i] = view.getInt16(4 * i + 2, true) / 32768;
  }
  return [left, right];
}

/** -dBFS of the RMS, 0..127; 127 is silence. @param {Float32Array} samples */
export function levelOf(samples) {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const dbfs = 10 * Math.log10(sum / samples.length + 1e-13);
  return Math.max(0, Math.min(127, Math.round(-dbfs)));
}
