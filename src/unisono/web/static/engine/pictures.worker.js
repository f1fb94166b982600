/**
 * The camera's pictures on a thread of their own, far from sound: stamped, encoded, kept on the device (album.js). Spoken to by camera.js.
 *
 * They come as the camera's track where browsers hand it out, else one by one. They leave as VP8 or H.264, or as single JPEGs where there is no video encoder.
 */

import { openPage } from "./album.js";
import { Blocks, TICKS_PER_SECOND, head } from "./matroska.js";
import { PicturePace } from "./picturepace.js";
import { CAMERA_DELAY_MS, CameraClock, Heard, Song } from "./sighting.js";
import { SAMPLE_RATE } from "./units.js";

/** @typedef {import("./matroska.js").Track} Track */
/** @typedef {{close(): void}} Closing */
/** @typedef {{performance: string, song: Song, page: Promise<import("./album.js").Page>, blocks: Blocks | null, pictures: number, encoder: Encoder | null, finishing: boolean}} Recording */
/** @typedef {{encode(image: VideoFrame | ImageBitmap, ticks: number): Promise<void>, busy: boolean, close(): Promise<void>}} Encoder */
/** @typedef {(track: Track, ticks: number, isKey: boolean, picture: Uint8Array<ArrayBuffer>) => void} Sink */

const BITS_PER_SECOND = 800_000;
const WIDTH_MAX = 1280;
const HEIGHT_MAX = 720;
const KEY_TICKS = TICKS_PER_SECOND;
const WAITING_MAX = 3;
/** A picture that comes so much later than it was taken has waited for this thread. */
const LATE_MS = 250;
const JPEG_QUALITY = 0.7;
const CHOICES = [
  { codec: "h264", config: { codec: "avc1.42e01f", hardwareAcceleration: "prefer-hardware", avc: { format: "avc" } } },
  { codec: "vp8", config: { codec: "vp8" } },
  { codec: "h264", config: { codec: "avc1.42e01f", avc: { format: "avc" } } },
];

const nowMs = () => performance.timeOrigin + performance.now();

/** @param {VideoFrame | ImageBitmap} image */
const sizeOf = (image) => ("displayWidth" in image ? { width: image.displayWidth, height: image.displayHeight } : { width: image.width, height: image.height });

/** No larger than what a film needs, even, in shape. @param {{width: number, height: number}} size */
function fitting({ width, height }) {
  const scale = Math.min(1, Math.max(WIDTH_MAX, HEIGHT_MAX) / Math.max(width, height), Math.min(WIDTH_MAX, HEIGHT_MAX) / Math.min(width, height));
  return { width: 2 * Math.round((width * scale) / 2), height: 2 * Math.round((height * scale) / 2) };
}

/** Draws what has another size or shape into the file's: a phone that is turned in mid-song. */
class Easel {
  /** @param {{width: number, height: number}} size */
  constructor(size) {
    this.size = size;
    this.canvas = new OffscreenCanvas(size.width, size.height);
    this._pen = /** @type {OffscreenCanvasRenderingContext2D} */ (this.canvas.getContext("2d", { alpha: false }));
  }

  /** @param {VideoFrame | ImageBitmap} image */
  draw(image) {
    const { width, height } = sizeOf(image);
    const scale = Math.min(this.size.width / width, this.size.height / height);
    this._pen.fillRect(0, 0, this.size.width, this.size.height);
    this._pen.drawImage(image, (this.size.width - width * scale) / 2, (this.size.height - height * scale) / 2, width * scale, height * scale);
  }
}

/** @param {AllowSharedBufferSource} given @returns {Uint8Array<ArrayBuffer>} */
function copyOf(given) {
  return ArrayBuffer.isView(given) ? new Uint8Array(given.buffer, given.byteOffset, given.byteLength).slice() : new Uint8Array(given).slice();
}

/** What this machine can do, hardware first; null without any. @param {{width: number, height: number}} size */
async function chosen(size) {
  if (!("VideoEncoder" in self)) return null;
  for (const { codec, config } of CHOICES) {
    const whole = /** @type {VideoEncoderConfig} */ ({ ...config, ...size, bitrate: BITS_PER_SECOND, framerate: 25, latencyMode: "realtime" });
    const said = await VideoEncoder.isConfigSupported(whole).catch(() => null);
    if (said?.supported) return { codec: /** @type {"vp8" | "h264"} */ (codec), config: whole };
  }
  return null;
}

/** @param {{width: number, height: number}} size @param {Sink} sink @param {(error: Error) => void} onError @returns {Promise<Encoder>} */
async function videoEncoder(size, sink, onError) {
  const choice = await chosen(size);
  if (choice === null) return jpegEncoder(size, sink);
  const easel = new Easel(size);
  /** @type {Uint8Array<ArrayBuffer> | null} */
  let description = null;
  let keyTicks = -Infinity;
  const encoder = new VideoEncoder({
    error: onError,
    output(chunk, told) {
      const given = told?.decoderConfig?.description;
      if (given) description = copyOf(given);
      const picture = new Uint8Array(chunk.byteLength);
      chunk.copyTo(picture);
      sink({ codec: choice.codec, ...size, description }, Math.round((chunk.timestamp * TICKS_PER_SECOND) / 1e6), chunk.type === "key", picture);
    },
  });
  encoder.configure(choice.config);
  return {
    get busy() {
      return encoder.encodeQueueSize >= WAITING_MAX;
    },
    async encode(image, ticks) {
      const own = sizeOf(image);
      const fits = own.width === size.width && own.height === size.height;
      if (!fits) easel.draw(image);
      const frame = new VideoFrame(fits ? image : easel.canvas, { timestamp: (ticks * 1e6) / TICKS_PER_SECOND });
      const keyFrame = ticks - keyTicks >= KEY_TICKS;
      if (keyFrame) keyTicks = ticks;
      encoder.encode(frame, { keyFrame });
      frame.close();
    },
    async close() {
      if (encoder.state === "closed") return;
      await encoder.flush().catch(() => undefined);
      encoder.close();
    },
  };
}

/** @param {{width: number, height: number}} size @param {Sink} sink @returns {Encoder} */
function jpegEncoder(size, sink) {
  const easel = new Easel(size);
  let last = Promise.resolve();
  let waiting = 0;
  return {
    get busy() {
      return waiting > 0;
    },
    encode(image, ticks) {
      easel.draw(image);
      waiting += 1;
      last = easel.canvas.convertToBlob({ type: "image/jpeg", quality: JPEG_QUALITY }).then(async (blob) => {
        sink({ codec: "jpeg", ...size }, ticks, true, new Uint8Array(await blob.arrayBuffer()));
        waiting -= 1;
      });
      return last;
    },
    close: () => last,
  };
}

class Pictures {
  constructor() {
    this._heard = new Heard();
    this._clock = new CameraClock(CAMERA_DELAY_MS);
    this._pace = new PicturePace();
    /** @type {ReadableStreamDefaultReader<VideoFrame> | null} */
    this._reader = null;
    /** @type {Recording | null} */
    this._recording = null;
    this._encoderComing = false;
  }

  /** @param {ReadableStream<VideoFrame> | null} readable @param {number} delayMs */
  async open(readable, delayMs) {
    this.close();
    this._clock = new CameraClock(delayMs);
    if (!readable) return;
    const reader = (this._reader = readable.getReader());
    while (this._reader === reader) {
      const { value, done } = await reader.read().catch(() => ({ value: undefined, done: true }));
      if (done || !value) return;
      this.picture(value, value.timestamp / 1000, nowMs());
    }
  }

  /** @param {VideoFrame | ImageBitmap} image closed here @param {number} timestampMs its own @param {number} cameMs local */
  picture(image, timestampMs, cameMs) {
    const takenMs = this._clock.taken(timestampMs, cameMs);
    if (nowMs() - takenMs > LATE_MS) this._pace.trouble(cameMs);
    void this._take(image, takenMs).finally(() => image.close());
  }

  /** @param {VideoFrame | ImageBitmap} image @param {number} takenMs */
  async _take(image, takenMs) {
    const recording = this._recording;
    if (!recording || recording.finishing || this._pace.stopped) return;
    if (!recording.encoder) return void this._prepare(recording, sizeOf(image));
    if (recording.encoder.busy) return this._pace.trouble(nowMs());
    if (!this._pace.takes(takenMs)) return;
    const since = recording.song.place(this._heard.at(takenMs));
    if (since !== null) await recording.encoder.encode(image, Math.round((since * TICKS_PER_SECOND) / SAMPLE_RATE));
  }

  /** @param {Recording} recording @param {{width: number, height: number}} size */
  async _prepare(recording, size) {
    if (this._encoderComing) return;
    this._encoderComing = true;
    try {
      recording.encoder = await videoEncoder(fitting(size), (...told) => void this._keep(recording, ...told), (error) => this._failed(recording, error));
    } catch (error) {
      this._failed(recording, error);
    }
    this._encoderComing = false;
  }

  /** @param {Recording} recording @param {Parameters<Sink>} told */
  async _keep(recording, ...[track, ticks, isKey, picture]) {
    const page = await recording.page;
    if (!recording.blocks) {
      if (!isKey) return;
      recording.blocks = new Blocks();
      page.append(head(track));
    }
    page.append(recording.blocks.add(ticks, isKey, picture));
    recording.pictures += 1;
  }

  /** @param {Recording} recording @param {unknown} error */
  _failed(recording, error) {
    recording.finishing = true;
    self.postMessage({ type: "trouble", text: String(error) });
  }

  /** @param {string} owner @param {string} performance @param {number} start position */
  record(owner, performance, start) {
    if (this._recording?.performance === performance) return;
    void this.finish();
    const page = openPage(owner, performance);
    this._recording = { performance, song: new Song(start), page, blocks: null, pictures: 0, encoder: null, finishing: false };
    this._pace = new PicturePace();
    page.then(({ name }) => self.postMessage({ type: "recording", performance, name }), (error) => {
      this._recording = null;
      self.postMessage({ type: "trouble", text: String(error) });
    });
  }

  /** @param {number | null} stop position; known only near the song's end */
  stopAt(stop) {
    if (this._recording && stop !== null) this._recording.song.stop = stop;
  }

  /** The song is over here: what was taken is whole. */
  async finish() {
    const recording = this._recording;
    if (!recording) return;
    this._recording = null;
    recording.finishing = true;
    await recording.encoder?.close();
    const page = await recording.page.catch(() => null);
    if (!page) return;
    await new Promise((resolve) => setTimeout(resolve)); // what the encoder has just given is handed to the page first
    await page.close().catch((error) => self.postMessage({ type: "trouble", text: String(error) }));
    self.postMessage({ type: "recorded", performance: recording.performance, name: page.name, pictures: recording.pictures, dropped: this._pace.dropped });
  }

  /** @param {number} ms @param {number} position */
  heard(ms, position) {
    this._heard.look(ms, position);
  }

  /** What was late until now is no reason to keep fewer pictures. */
  afresh() {
    this._pace.afresh();
  }

  trouble() {
    this._pace.trouble(nowMs());
  }

  close() {
    void this._reader?.cancel().catch(() => undefined);
    this._reader = null;
  }
}

const pictures = new Pictures();

self.onmessage = ({ data }) => {
  switch (data.type) {
    case "open": return void pictures.open(data.readable, data.delayMs);
    case "picture": return pictures.picture(data.image, data.timestampMs, data.cameMs);
    case "heard": return pictures.heard(data.ms, data.position);
    case "record": return pictures.record(data.owner, data.performance, data.start);
    case "stop_at": return pictures.stopAt(data.stop);
    case "finish": return void pictures.finish();
    case "trouble": return pictures.trouble();
    case "afresh": return pictures.afresh();
    case "close": return pictures.close();
  }
};
