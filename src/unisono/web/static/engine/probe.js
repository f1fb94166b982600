/**
 * What the sound check plays: six short sweeps, rising and falling in turn like a bird's call.
 *
 * Exponential sweeps (Farina 2000): half the energy lies below 1.3 kHz, where narrow links still carry it, and a bent loudspeaker throws its overtones to
 * one side of the true arrival, the other side when the sweep falls, so that only the true one repeats. No two sweeps are alike (direction, length)
 * and no two pauses either: a sweep never passes for its neighbour, whatever the round trip.
 */

export const LOWEST_HZ = 200;
export const HIGHEST_HZ = 9_000;
/** Silence first: it shows the noise of the room, and the sweep's deconvolution needs some sound from before it. */
const LEAD_SECONDS = 0.4;
const PEAK = 0.25;
const FADE_SECONDS = 0.02;
/** Bluetooth both ways stays below this. */
export const ROUND_TRIP_SECONDS_MAX = 1.5;
const TAIL_SECONDS = 0.3;
const SWEEPS = [
  { seconds: 0.3, falling: false, pause: 0.24 },
  { seconds: 0.26, falling: true, pause: 0.3 },
  { seconds: 0.34, falling: false, pause: 0.26 },
  { seconds: 0.3, falling: true, pause: 0.32 },
  { seconds: 0.26, falling: false, pause: 0.28 },
  { seconds: 0.34, falling: true, pause: 0 },
];

/**
 * @typedef {object} Burst where one sweep lies in the probe
 * @property {number} start_frames
 * @property {number} length_frames
 *
 * @typedef {object} Probe
 * @property {Float32Array} sound what is played once, from frame 0; peak 0.25 (-12 dBFS), 3.6 s
 * @property {Burst[]} bursts
 * @property {number} listen_frames how much to record, from frame 0
 */

/** The highest frequency a probe of this rate holds. @param {number} sampleRate */
export function topOf(sampleRate) {
  return Math.min(HIGHEST_HZ, 0.42 * sampleRate);
}

/** @param {number} sampleRate frames per second of the audio context, 8000 or more @returns {Probe} */
export function makeProbe(sampleRate) {
  if (!(sampleRate >= 8_000)) throw new RangeError(`${sampleRate} frames per second are too few`);
  /** @type {Burst[]} */
  const bursts = [];
  /** @type {Float32Array[]} */
  const waves = [];
  let start = Math.round(LEAD_SECONDS * sampleRate);
  for (const { seconds, falling, pause } of SWEEPS) {
    const wave = sweep(Math.round(seconds * sampleRate), sampleRate, falling);
    bursts.push({ start_frames: start, length_frames: wave.length });
    waves.push(wave);
    start += wave.length + Math.round(pause * sampleRate);
  }
  const sound = new Float32Array(start);
  waves.forEach((wave, index) => sound.set(wave, bursts[index].start_frames));
  return { sound, bursts, listen_frames: start + Math.ceil((ROUND_TRIP_SECONDS_MAX + TAIL_SECONDS) * sampleRate) };
}

/** @param {number} frames @param {number} sampleRate @param {boolean} falling @returns {Float32Array} */
function sweep(frames, sampleRate, falling) {
  const wave = new Float32Array(frames);
  const octaves = Math.log(topOf(sampleRate) / LOWEST_HZ);
  const cycles = (LOWEST_HZ * frames) / sampleRate / octaves;
  const fade = Math.round(FADE_SECONDS * sampleRate);
  for (let i = 0; i < frames; i++) {
    const phase = 2 * Math.PI * cycles * (Math.exp((octaves * i) / frames) - 1);
    const edge = Math.min(1, (i + 0.5) / fade, (frames - i - 0.5) / fade);
    wave[falling ? frames - 1 - i : i] = PEAK * Math.sin(phase) * Math.sin((Math.PI / 2) * edge) ** 2;
  }
  return wave;
}
