/** Shapes of docs/wire.md as the page's modules see them. */
export type Role = "host" | "performer" | "listener";
export type Flag = { country: string } | { colours: string[]; upright: boolean } | null;
export type Method = "acoustic" | "tapped" | "none";
export type Output = "headphones" | "bluetooth" | "loudspeakers";

export interface Seat {
  seat: number;
  name: string;
  flag: Flag;
  place: string;
  role: Role;
  present: boolean;
  hand: boolean;
  talking: boolean;
  row: number | null;
  method: Method | null;
  output: Output | null;
  /** What they say they sing; nothing from servers that do not know of parts. */
  part?: string;
}

export interface Word {
  beat: number;
  text: string;
  line: number;
}

export interface Piece {
  id: string;
  title: string;
  composer: string;
  beats_per_bar: number;
  beats: number;
  tempo_bpm: number;
  key_midi: number;
  first_midi: number;
  count_in_beats: number;
  words: Word[];
  /** What its voices are called, where there are several. */
  parts?: string[];
}

export interface Picked {
  piece: string | null;
  key: number;
  tempo_bpm: number;
  by?: number;
}

export type SongState = "count_in" | "singing" | "ending" | "mixing" | "premiere" | "done" | "discarded";

export interface Song {
  performance: string;
  state: SongState;
  piece: string | null;
  key: number;
  tempo_bpm: number;
  start: number;
  stop: number | null;
  leader: number;
  delays_samples: number[];
  listener_delay_samples: number;
  rows: number[][];
  backing: { url: string; samples: number } | null;
  count_in_samples: number;
}

export interface Written {
  seat: number;
  name?: string;
  text: string;
  at: string | number;
}

export interface Links {
  host: string;
  singers: string;
  listeners: string;
}

export interface SungFile {
  name: string;
  url: string;
  bytes: number;
  kind: string;
}

export interface SungStem {
  seat: number;
  name: string;
  flag: Flag;
  place: string;
  part: string;
  row: number | null;
  marks: (string | { code: string })[];
  files: SungFile[];
}

export interface Sung {
  title: string;
  place: string;
  sung_at: string;
  seconds: number;
  state: string;
  backing: boolean;
  /** What the voices of its piece are called, where there are several. */
  parts: string[];
  files: SungFile[];
  stems: SungStem[];
}

export interface Progress {
  share: number;
  step: string;
  waiting: boolean;
  seconds_left: number | null;
}

export interface Said {
  code: string;
  text: string;
  words: string;
  facts: Record<string, number | string>;
}

export interface Found {
  method: string;
  certain: boolean;
  confidence: number;
  offset_seconds: number;
  drift_ppm: number;
  seconds: number;
  said: Said[];
  pictures: { url: string; shows: Said }[];
  listen: string;
  marks: string[];
}

export interface Take {
  take: string;
  seat: number;
  name: string;
  place: string;
  flag: Flag;
  part: string;
  picture: boolean;
  state: "uploading" | "waiting" | "working" | "placed" | "unsure" | "failed" | "stopped";
  code: string;
  hidden: boolean;
  /** Its person put a newer one in its place. */
  aside: boolean;
  /** Sung along in a courtyard. */
  along: boolean;
  added_at: string;
  mine: boolean;
  by_hand: boolean;
  progress: Progress | null;
  /** Of those that are still on their way: so much is there, of so much. */
  arrived_bytes?: number;
  bytes?: number;
  found?: Found;
}

export interface Fader {
  seat: number;
  gain_db: number;
  muted: boolean;
}

export interface Faders {
  voices: Fader[];
  backing_db: number;
  backing_muted: boolean;
}

export interface Takes {
  takes: Take[];
  mix: Progress | null;
  version: string;
  mix_failed: boolean;
  guide: string;
  bytes_max: number;
  host: boolean;
  faders?: Faders;
}

export interface FilmNow {
  performance: string;
  share: number;
  step: string;
  seconds_left: number | null;
  url: string | null;
  webm: string | null;
  poster: string | null;
  words: string | null;
  samples: number;
}

export interface Screening {
  performance: string;
  start: number;
  url: string;
  webm: string | null;
  poster: string | null;
  words: string | null;
  samples: number;
  by: number;
}

export interface FilmForm {
  form: "wide" | "tall" | "square" | "webm";
  seconds: number;
  files: SungFile[];
}

export interface Films {
  films: boolean;
  making: (Progress & { form: string }) | null;
  wanted: string[];
  code: string;
  forms: FilmForm[];
  host: boolean;
}

/** Any message of the server; `type` says which fields are there. */
export type Message = { type: string; [field: string]: any };
