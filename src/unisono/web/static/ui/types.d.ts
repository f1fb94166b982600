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
  files: SungFile[];
  stems: SungStem[];
}

/** Any message of the server; `type` says which fields are there. */
export type Message = { type: string; [field: string]: any };
