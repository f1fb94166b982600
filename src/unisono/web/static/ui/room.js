/**
 * What this page knows of its courtyard: the server's messages in, one event per thing that changed out.
 *
 * No elements, no words, no sound here; every other module reads from it. Events are named by what changed:
 * `room`, `seats`, `leader`, `piece`, `song`, `rows`, `write`, `wave`, `note`, `mix`, `film`,
 * `screening`, `premiere`, `late`, `problem`.
 */

/** @typedef {import("./types.js").Seat} Seat */
/** @typedef {import("./types.js").Song} Song */
/** @typedef {import("./types.js").Message} Message */
/** @typedef {import("./types.js").Picked} Picked */
/** @typedef {import("./types.js").Role} Role */

/** Before anybody has picked: what is sung then has neither words nor backing. @type {Picked} */
const NOTHING = { piece: null, key: 0, tempo_bpm: 0 };

/** States in which a song is sung. */
export const RUNNING = new Set(["count_in", "singing", "ending"]);

export class RoomView extends EventTarget {
  title = "";
  place = "";
  /** @type {Role} */
  role = "listener";
  /** This page's seat; 0 while it only watches. */
  me = 0;
  /** @type {Map<number, Seat>} */
  seats = new Map();
  /** @type {number | null} */
  leader = null;
  /** @type {Picked} */
  picked = NOTHING;
  /** @type {Song | null} */
  song = null;
  /** Seating as it would be now, between songs. @type {number[][]} */
  rows = [];
  /** The mix's progress. @type {{performance: string, share: number, step: string, page: string | null} | null} */
  mix = null;

  /** How the film of the last song that has one, or gets one, is. @type {import("./types.js").FilmNow | null} */
  film = null;
  /** The film that is watched together, and when it began or begins. @type {import("./types.js").Screening | null} */
  screening = null;

  /** Takes a message in; unknown types are for others. @param {Message} message */
  apply(message) {
    switch (message.type) {
      case "welcome": return this.#welcome(message);
      case "seat": return this.#seat(message.seat);
      case "left": return this.#change(message.seat, { present: false, talking: false });
      case "gone": return this.#gone(message.seat);
      case "hand": return this.#change(message.seat, { hand: message.up });
      case "leader": return this.#set("leader", { leader: message.seat });
      case "piece": return this.#set("piece", { picked: message });
      case "song": return this.#songChanged(message);
      case "rows": return this.#set("rows", { rows: message.rows });
      case "film": return this.#set("film", { film: message.step || message.performance === this.film?.performance ? message : this.film });
      case "screening": return this.#set("screening", { screening: message });
      case "mix": return this.#set("mix", { mix: message });
      case "wave": case "write": case "note": case "premiere": case "late": case "problem":
        return this.#tell(message.type, message);
    }
  }

  /** @returns {Seat | undefined} */
  get mySeat() {
    return this.seats.get(this.me);
  }

  /** Whether nobody has picked anything yet. */
  get undecided() {
    return this.picked === NOTHING;
  }

  /** Whether anybody may still be singing; what this page hears of it may be over, or not have begun. */
  get running() {
    return this.song !== null && RUNNING.has(this.song.state);
  }

  /** Whether this page may pick, start and stop. */
  get mayLead() {
    return this.me !== 0 && (this.role === "host" || this.leader === this.me);
  }

  /** Everybody on a balcony, in the order they came. */
  get performers() {
    return [...this.seats.values()].filter((seat) => seat.role !== "listener").sort((a, b) => a.seat - b.seat);
  }

  get listeners() {
    return this.#street.length;
  }

  /** Listeners who hold a hand up. */
  get handsInStreet() {
    return this.#street.filter((seat) => seat.hand);
  }

  get #street() {
    return [...this.seats.values()].filter((seat) => seat.role === "listener" && seat.present);
  }

  /** @param {number | null} seat */
  name(seat) {
    return (seat !== null && this.seats.get(seat)?.name) || "";
  }

  /** Rows of the song that runs, else as they would be now; who came meanwhile has only been told the song's. */
  get seating() {
    const sung = this.song?.rows ?? [];
    return this.running || !this.rows.length ? sung : this.rows;
  }

  /** @param {Message} welcome */
  #welcome(welcome) {
    Object.assign(this, { title: welcome.room.title, place: welcome.room.place, role: welcome.room.role, me: welcome.seat });
    this.seats = new Map(welcome.seats.map((/** @type {Seat} */ seat) => [seat.seat, seat]));
    this.leader = welcome.leader;
    if (welcome.piece !== undefined) this.picked = pickedIn(welcome.piece);
    this.song = welcome.song;
    for (const part of ["room", "seats", "leader", "piece", "song", "rows"]) this.#tell(part, welcome);
  }

  /** @param {Seat} seat */
  #seat(seat) {
    const before = this.seats.get(seat.seat);
    this.seats.set(seat.seat, seat);
    this.#tell("seats", { seat: seat.seat, came: !before || (!before.present && seat.present) });
  }

  /** @param {number} number @param {Partial<Seat>} facts */
  #change(number, facts) {
    const seat = this.seats.get(number);
    if (!seat) return;
    this.seats.set(number, { ...seat, ...facts });
    this.#tell("seats", { seat: number, left: facts.present === false, hand: facts.hand });
  }

  /** @param {number} number */
  #gone(number) {
    this.seats.delete(number);
    this.#tell("seats", { seat: number });
  }

  /** @param {Message} message */
  #songChanged(message) {
    const song = "performance" in message ? message : message.song;
    const before = this.song;
    this.song = song;
    if (before?.performance !== song?.performance) this.mix = null;
    this.#tell("song", { before: before?.state ?? null });
  }

  /** @param {string} part @param {object} facts */
  #set(part, facts) {
    Object.assign(this, facts); // names on the left are this class's own, see the callers
    this.#tell(part, facts);
  }

  /** @param {string} part @param {object} detail */
  #tell(part, detail) {
    this.dispatchEvent(new CustomEvent(part, { detail }));
  }
}

/** `welcome.piece` is the picked piece as in `piece`, or null while nothing is picked. @param {any} said @returns {Picked} */
function pickedIn(said) {
  return said ?? NOTHING;
}

/**
 * Whom a seat hears and who hears it while rows are as given: those in rows before hear-able, those behind hearing.
 * @param {number[][]} rows
 * @param {number} me
 * @param {(seat: number) => boolean} isLive false for those who are recorded but not heard live
 * @param {(seat: number) => boolean} isHere false for those whose page is away
 * @returns {{hears: number[], heardBy: number[]} | null} null when the seat is in no row
 */
export function earshot(rows, me, isLive, isHere) {
  const mine = rows.findIndex((row) => row.includes(me));
  if (mine < 0) return null;
  const hears = rows.slice(0, mine).flat().filter((seat) => isLive(seat) && isHere(seat));
  const heardBy = isLive(me) ? rows.slice(mine + 1).flat().filter(isHere) : [];
  return { hears, heardBy };
}
