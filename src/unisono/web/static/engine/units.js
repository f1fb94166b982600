/** Numbers every part of the engine shares. Positions and sample counts are at SAMPLE_RATE unless a name says "frames" (of the audio context). */

export const SAMPLE_RATE = 48_000;
export const FRAME_SAMPLES = 960;
/** Errors below this are steered out, larger ones are one faded jump and a new epoch (DESIGN.md, "The one idea"). */
export const JUMP_SAMPLES = 960;
export const STEER_PPM_MAX = 300;
export const FADE_SAMPLES = 240;
