/**
 * The page's own camera: opened with its person's consent only, its pictures handed to a worker (pictures.worker.js) that knows what is heard when.
 *
 * Where the browser hands out the track, the worker reads it. Elsewhere a hidden video says when it has a new picture (`requestVideoFrameCallback`), and each is posted.
 */

import { CAMERA_DELAY_MS } from "./sighting.js";

/** @typedef {{steadyPosition: number | null, diagnostics: Record<string, any>}} Ears */

const LOOK_MS = 100;
const PICTURES_WAITING = 4;
const WANTED = { width: { ideal: 640, max: 1280 }, height: { ideal: 360, max: 720 }, frameRate: { ideal: 25, max: 30 }, facingMode: "user" };

const nowMs = () => performance.timeOrigin + performance.now();

/** @param {any} error from getUserMedia */
function cameraError(error) {
  const codes = /** @type {Record<string, string>} */ ({ NotAllowedError: "denied", SecurityError: "denied", NotFoundError: "missing", OverconstrainedError: "missing" });
  return Object.assign(new Error(String(error?.message ?? error)), { code: codes[error?.name] ?? "busy" });
}

export class Camera extends EventTarget {
  /** @param {Ears} ears */
  constructor(ears) {
    super();
    this._ears = ears;
    /** @type {Worker | null} */
    this._worker = null;
    /** @type {MediaStream | null} */
    this.stream = null;
    /** @type {ReturnType<typeof setInterval> | undefined} */
    this._timer = undefined;
    this._soundTroubles = 0;
    this._checking = false;
    /** The file that is being written. */
    this.writing = "";
    /** Of the last song. */
    this.kept = { pictures: 0, dropped: 0 };
  }

  /** Whether this browser can do it at all. */
  static get possible() {
    const reads = "MediaStreamTrackProcessor" in window || "requestVideoFrameCallback" in HTMLVideoElement.prototype;
    return isSecureContext && Boolean(navigator.mediaDevices?.getUserMedia) && reads && "OffscreenCanvas" in window;
  }

  /** Rejects with .code 'denied', 'missing' or 'busy'. @returns {Promise<MediaStream>} */
  async open() {
    if (this.stream) return this.stream;
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: WANTED });
    } catch (error) {
      throw cameraError(error);
    }
    this.stream = stream;
    const track = stream.getVideoTracks()[0];
    track.addEventListener("ended", () => {
      this.close();
      this.dispatchEvent(new CustomEvent("lost"));
    });
    this._start(track);
    return stream;
  }

  close() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    this._worker?.postMessage({ type: "finish" });
    this._worker?.postMessage({ type: "close" });
    clearInterval(this._timer);
  }

  /** From now on, what is taken while this song is heard. @param {string} owner @param {string} performance @param {number} start position */
  record(owner, performance, start) {
    if (this.stream) this._worker?.postMessage({ type: "record", owner, performance, start });
  }

  /** @param {number | null} stop position */
  stopAt(stop) {
    this._worker?.postMessage({ type: "stop_at", stop });
  }

  /** While the sound check runs, what is late says nothing of the song. @param {boolean} running */
  checking(running) {
    this._checking = running;
    if (!running) this._worker?.postMessage({ type: "afresh" });
  }

  /** The song is over for this page's ears. */
  finish() {
    this._worker?.postMessage({ type: "finish" });
  }

  /** @param {MediaStreamTrack} track */
  _start(track) {
    const worker = (this._worker ??= this._newWorker());
    const delayMs = "canvas" in track ? 0 : CAMERA_DELAY_MS; // what is drawn by a page has no lens
    if ("MediaStreamTrackProcessor" in window) {
      const { readable } = new /** @type {any} */ (window).MediaStreamTrackProcessor({ track, maxBufferSize: PICTURES_WAITING });
      worker.postMessage({ type: "open", readable, delayMs }, [readable]);
    } else {
      worker.postMessage({ type: "open", readable: null, delayMs });
      void this._watch(/** @type {MediaStream} */ (this.stream));
    }
    clearInterval(this._timer);
    this._soundTroubles = this._troubles(); // what was before is no reason
    this._timer = setInterval(() => this._look(), LOOK_MS);
  }

  _newWorker() {
    const worker = new Worker(new URL("./pictures.worker.js", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }) => this._fromWorker(data);
    worker.onerror = (event) => this.dispatchEvent(new CustomEvent("trouble", { detail: { text: event.message } }));
    return worker;
  }

  /** @param {any} data */
  _fromWorker(data) {
    if (data.type === "recording") this.writing = data.name;
    if (data.type === "recorded") {
      if (this.writing === data.name) this.writing = "";
      this.kept = { pictures: data.pictures, dropped: data.dropped };
    }
    this.dispatchEvent(new CustomEvent(data.type, { detail: data }));
  }

  /** What is heard now; and whether sound has had trouble, which pictures make room for. */
  _look() {
    this._worker?.postMessage({ type: "heard", ms: nowMs(), position: this._ears.steadyPosition ?? NaN });
    const troubles = this._troubles();
    if (troubles > this._soundTroubles && !this._checking) this._worker?.postMessage({ type: "trouble" });
    this._soundTroubles = troubles;
  }

  /** How often sound was late on this device so far. */
  _troubles() {
    const { lost_frames = 0, frame_restarts = 0 } = this._ears.diagnostics;
    return lost_frames + frame_restarts;
  }

  /** @param {MediaStream} stream */
  async _watch(stream) {
    const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true, srcObject: stream });
    await video.play().catch(() => undefined);
    /** @param {number} _now @param {any} told */
    const next = async (_now, told) => {
      if (this.stream !== stream) return;
      video.requestVideoFrameCallback(next);
      const timestampMs = performance.timeOrigin + (told.captureTime ?? told.presentationTime);
      const cameMs = nowMs();
      const image = "VideoFrame" in window ? new VideoFrame(video, { timestamp: Math.round(1000 * told.presentationTime) }) : await createImageBitmap(video);
      this._worker?.postMessage({ type: "picture", image, timestampMs, cameMs }, [image]);
    };
    video.requestVideoFrameCallback(next);
  }
}
