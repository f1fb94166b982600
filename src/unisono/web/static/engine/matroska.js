/**
 * Pictures in a file, written as they come: Matroska (RFC 9559) with one track, which every player reads, and which is whole wherever it is cut.
 *
 * Segment and clusters have no sizes, so nothing is written twice. Timestamps count from position 0 of the file's own axis, a tenth of a millisecond each.
 */

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */
/** @typedef {{codec: "vp8" | "h264" | "jpeg", width: number, height: number, description?: Bytes | null}} Track  description: of H.264, its avcC */

export const TICKS_PER_SECOND = 10_000;
const TICK_NS = 1e9 / TICKS_PER_SECOND;
/** A block's time is 16 bits, counted from its cluster's. */
const CLUSTER_TICKS_MAX = 30_000;
const UNKNOWN_SIZE = Uint8Array.of(0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
const CODECS = { vp8: "V_VP8", h264: "V_MPEG4/ISO/AVC", jpeg: "V_MJPEG" };
const ID = {
  ebml: 0x1a45dfa3, version: 0x4286, readVersion: 0x42f7, idLength: 0x42f2, sizeLength: 0x42f3, docType: 0x4282, docVersion: 0x4287, docReadVersion: 0x4285,
  segment: 0x18538067, info: 0x1549a966, scale: 0x2ad7b1, muxer: 0x4d80, writer: 0x5741, tracks: 0x1654ae6b, track: 0xae, number: 0xd7, uid: 0x73c5,
  kind: 0x83, lacing: 0x9c, codec: 0x86, codecPrivate: 0x63a2, video: 0xe0, width: 0xb0, height: 0xba, cluster: 0x1f43b675, time: 0xe7, block: 0xa3,
};

/** @param {Bytes[]} parts @returns {Bytes} */
function together(parts) {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Big-endian, as many bytes as it takes. @param {number} value a whole number @returns {Bytes} */
function number(value) {
  const bytes = [];
  for (let rest = value; rest > 0 || bytes.length === 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return Uint8Array.from(bytes);
}

/** An element's size, in four bytes. @param {number} bytes below 2^28 @returns {Bytes} */
const size = (bytes) => Uint8Array.of(0x10 | (bytes >>> 24), bytes >>> 16, bytes >>> 8, bytes);

/** @param {number} id @param {Bytes[]} content @returns {Bytes} */
function element(id, ...content) {
  const body = together(content);
  return together([number(id), size(body.length), body]);
}

/** @param {string} text @returns {Bytes} */
const ascii = (text) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

/** What a file begins with. @param {Track} track @returns {Bytes} */
export function head({ codec, width, height, description }) {
  const ebml = element(
    ID.ebml, element(ID.version, number(1)), element(ID.readVersion, number(1)), element(ID.idLength, number(4)), element(ID.sizeLength, number(8)),
    element(ID.docType, ascii("matroska")), element(ID.docVersion, number(4)), element(ID.docReadVersion, number(2)),
  );
  const info = element(ID.info, element(ID.scale, number(TICK_NS)), element(ID.muxer, ascii("Unisono")), element(ID.writer, ascii("Unisono")));
  const video = element(ID.video, element(ID.width, number(width)), element(ID.height, number(height)));
  const setup = description ? [element(ID.codecPrivate, description)] : [];
  const track = element(
    ID.track, element(ID.number, number(1)), element(ID.uid, number(1)), element(ID.kind, number(1)), element(ID.lacing, number(0)),
    element(ID.codec, ascii(CODECS[codec])), ...setup, video,
  );
  return together([ebml, number(ID.segment), UNKNOWN_SIZE, info, element(ID.tracks, track)]);
}

/** What follows: pictures, later ones later. */
export class Blocks {
  constructor() {
    this._clusterTicks = NaN;
  }

  /** One picture. @param {number} ticks when it is shown @param {boolean} isKey @param {Bytes} picture @returns {Bytes} */
  add(ticks, isKey, picture) {
    const fits = ticks - this._clusterTicks < CLUSTER_TICKS_MAX; // false before the first
    const opening = isKey || !fits ? [number(ID.cluster), UNKNOWN_SIZE, element(ID.time, number(ticks))] : [];
    if (opening.length > 0) this._clusterTicks = ticks;
    const since = ticks - this._clusterTicks;
    const start = Uint8Array.of(0x81, since >> 8, since, isKey ? 0x80 : 0);
    return together([...opening, element(ID.block, start, picture)]);
  }
}
