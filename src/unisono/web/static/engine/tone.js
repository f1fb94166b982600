/** The starting note: a soft tone with two overtones, that begins and ends without a click. */

const ATTACK_SECONDS = 0.03;
const LEVEL = 0.25;
/** Multiples of the pitch, and how loud. */
const PARTIALS = [[1, 1], [2, 0.3], [3, 0.12]];

/** @param {AudioContext} context @param {number} midi 69 is the A of 440 Hz @param {number} seconds */
export function playTone(context, midi, seconds) {
  const gain = context.createGain();
  const now = context.currentTime;
  gain.gain.setValueAtTime(0, now);
  gain.gain.linearRampToValueAtTime(LEVEL, now + ATTACK_SECONDS);
  gain.gain.setTargetAtTime(0, now + seconds - 0.4, 0.12);
  gain.connect(context.destination);
  for (const [multiple, share] of PARTIALS) {
    const tone = new OscillatorNode(context, { frequency: multiple * 440 * 2 ** ((midi - 69) / 12) });
    const part = new GainNode(context, { gain: share });
    tone.connect(part).connect(gain);
    tone.start(now);
    tone.stop(now + seconds + 0.5);
  }
}
