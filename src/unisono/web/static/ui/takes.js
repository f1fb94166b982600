/** The takes of a performance: how far each is, what was done to it, and what its person and the host may do. */

import { AddClip } from "./addclip.js";
import { wasJustKept, wireSingAlong } from "./along.js";
import { byId, h, post, Problem, say, show } from "./dom.js";
import { FaderBoard } from "./faders.js";
import { flagElement } from "./flags.js";
import { t } from "./i18n.js";
import { Placing } from "./placing.js";
import { markInWords, problemInWords } from "./problems.js";
import { hostOf, rememberHost, rememberTake, takeKeys } from "./remember.js";
import { foundInWords, hasNothing, offsetInWords, partInWords, saidInWords, stateInWords, stepInWords, timeLeft } from "./takewords.js";

/** @typedef {import("./types.js").Take} Take */
/** @typedef {import("./types.js").Takes} Look */

const SOON_MS = 1000;
const LATER_MS = 15_000;

export class TakesPanel {
  #token;
  #onMixed;
  #onChosen;
  #adding;
  #placing = new Placing();
  #faders;
  /** @type {Look | null} */
  #look = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** Answers that come after a later question are old. */
  #asked = 0;
  /** The mix that was there when last asked. */
  #version;
  /** @type {Map<string, HTMLLIElement>} */
  #rows = new Map();
  /** Takes whose details somebody opened. @type {Set<string>} */
  #open = new Set();
  /** One's own takes that were under way when last asked. @type {Set<string>} */
  #busy = new Set();

  /** @param {string} token of the performance @param {string} version of the mix that is shown @param {() => void} onMixed another is there @param {() => void} onChosen who is heard and seen was changed here */
  constructor(token, version, onMixed, onChosen) {
    this.#token = token;
    this.#version = version;
    this.#onMixed = onMixed;
    this.#onChosen = onChosen;
    this.#adding = new AddClip(token, () => this.look());
    this.#faders = new FaderBoard((faders) => this.#ask("/api/performance/mix", { faders, host: hostOf(token) }));
    wireSingAlong(token);
    document.addEventListener("visibilitychange", () => !document.hidden && this.look());
    show(byId("joining"), true);
    this.look();
  }

  /** Who is heard in the mix, for the faders. @param {{seat: number, name: string}[]} voices @param {boolean} backing */
  sung(voices, backing) {
    this.#faders.voices(voices, backing);
  }

  /** What the voices of the piece are called. @param {string[]} names */
  parts(names) {
    this.#adding.parts = names;
  }

  /** Asks how far everything is, and again while anything is under way. */
  async look() {
    clearTimeout(this.#timer);
    const asked = ++this.#asked;
    try {
      const look = await post("/api/takes", { token: this.#token, keys: this.#ownKeys(), host: hostOf(this.#token) });
      if (asked !== this.#asked) return;
      this.#draw(look);
    } catch (error) {
      if (error instanceof Problem && error.code === "link_not_valid") return say(byId("takes-problem"), problemInWords(error.code));
    }
    const busy = this.#look?.mix || this.#look?.takes.some((take) => take.progress);
    if (!document.hidden && asked === this.#asked) this.#timer = setTimeout(() => this.look(), busy ? SOON_MS : LATER_MS);
  }

  #ownKeys() {
    const keys = Object.entries(takeKeys());
    return Object.fromEntries(keys.slice(-200));
  }

  /** @param {Look} look */
  #draw(look) {
    this.#look = look;
    this.#adding.bytesMax = look.bytes_max;
    if (!look.host && hostOf(this.#token)) rememberHost(this.#token, undefined);
    const shown = look.takes.filter((take) => take.state !== "uploading" || !this.#adding.sends(take.take));
    const tries = shown.filter((take) => take.aside);
    fill(byId("takes"), shown.filter((take) => !take.aside).map((take) => this.#row(take)));
    fill(byId("tries-list"), tries.map((take) => this.#row(take)));
    show(byId("tries"), tries.length > 0);
    this.#tell(shown);
    show(byId("takes-card"), shown.length > 0);
    this.#drawMix(look);
    this.#faders.draw(look);
    if (look.version !== this.#version) this.#onMixed();
    this.#version = look.version;
    if (shown.length && wasJustKept()) {
      say(byId("takes-said"), t("Your voice is kept. A new mix is being made with it."));
      byId("takes-heading").focus();
      byId("takes-card").scrollIntoView({ block: "center" });
    }
  }

  /** What became of one's own clips is said to those who do not see it. @param {Take[]} takes */
  #tell(takes) {
    const settled = takes.filter((take) => take.mine && !take.progress && take.state !== "uploading");
    /** @param {Take} take */
    const told = (take) => `${take.name}: ${stateInWords(take)}`;
    const news = settled.filter((take) => this.#busy.has(take.take));
    this.#busy = new Set(takes.filter((take) => take.mine && !settled.includes(take)).map((take) => take.take));
    // One that came to nothing goes to the earlier tries, which are folded: whoever sees the page must be told, too.
    const fallen = news.filter((take) => take.aside && take.state !== "placed");
    const others = news.filter((take) => !fallen.includes(take));
    if (others.length) say(byId("takes-told"), others.map(told).join(" "));
    if (fallen.length) say(byId("takes-said"), fallen.map(told).join(" "));
  }

  /** @param {Look} look */
  #drawMix(look) {
    const making = look.mix !== null;
    show(byId("mixing"), making || look.mix_failed);
    show(byId("mixing-bar"), making);
    byId("mixing-bar", HTMLProgressElement).value = look.mix?.share ?? 0;
    if (!making) say(byId("withdrawn-said"), "");
    say(byId("mixing-said"), making ? t("A new mix is being made.") : problemInWords("mix_failed"));
    say(byId("mixing-step"), making ? stepInWords(look.mix) : "");
    say(byId("mixing-left"), making ? timeLeft(look.mix) : "");
  }

  /** One take's row, made anew only when something of it changed. @param {Take} take */
  #row(take) {
    const now = JSON.stringify({ ...take, progress: take.progress && take.progress.waiting });
    let row = this.#rows.get(take.take);
    if (!row || row.dataset.now !== now) {
      const fresh = this.#build(take);
      fresh.dataset.now = now;
      if (row?.contains(document.activeElement)) focusAgain(row, fresh);
      this.#rows.set(take.take, fresh);
      row = fresh;
    }
    drawProgress(row, take);
    return row;
  }

  /** @param {Take} take */
  #build(take) {
    const may = take.mine || this.#look?.host;
    const marks = hasNothing(take) ? [] : (take.found?.marks.map(markInWords) ?? []);
    const row = h("li", { class: `take ${take.state} ${take.hidden || take.aside ? "kept-out" : ""}`, tabindex: -1 },
      flagElement(take.flag),
      h("span", { class: "who" }, h("strong", {}, take.name), h("small", {}, [take.place, partInWords(take.part)].filter(Boolean).join(" · "))),
      h("p", { class: "state" }),
      take.progress ? h("progress", { max: 1, value: 0, "aria-label": t("How far the clip of {name} is", { name: take.name }) }) : null,
      take.progress ? h("small", { class: "left" }) : null,
      marks.length ? h("p", { class: "marks" }, marks.join(" ")) : null,
      take.aside && take.found ? h("audio", { controls: true, preload: "none", src: take.found.listen, "aria-label": t("{name} alone", { name: take.name }) }) : null,
      this.#details(take),
      may ? h("div", { class: "row doing" }, ...this.#buttons(take)) : null);
    return row;
  }

  /** @param {Take} take */
  #details(take) {
    if (!take.found || (take.state !== "placed" && take.state !== "unsure")) return null;
    const told = h("ul", { class: "told" }, ...foundInWords(take).map((sentence) => h("li", {}, sentence)));
    const pictures = take.found.pictures.map(({ url, shows }) =>
      h("div", { class: "told-picture", tabindex: 0, role: "group", "aria-label": t("Picture") },
        h("img", { src: url, alt: saidInWords(shows), loading: "lazy" })));
    const what = take.state === "placed" ? t("How it was placed") : t("What the studio found");
    const summary = h("summary", { "aria-label": t("{what}: {name}", { what, name: take.name }) }, what);
    const details = h("details", { open: this.#open.has(take.take) }, summary, told, ...pictures);
    details.addEventListener("toggle", () => (details.open ? this.#open.add(take.take) : this.#open.delete(take.take)));
    return details;
  }

  /** What its person, or the host, may do now. @param {Take} take */
  #buttons(take) {
    if (take.aside) return this.#buttonsOfTry(take);
    const whole = take.state === "placed" || take.state === "unsure";
    const unsure = take.state === "unsure";
    const audible = take.state === "placed" || !hasNothing(take);
    const resting = take.state === "failed" || take.state === "stopped";
    const others = this.#look?.host && !take.mine;
    const one = buttonFor(take);
    return [
      take.state === "uploading" && take.mine ? one("go-on", t("Choose the file again"), () => this.#adding.chooseAgain(), "gold") : null,
      whole && audible ? one("place", unsure ? t("Show us where it belongs") : t("Place it by hand"), () => this.#placeByHand(take), unsure ? "gold" : "") : null,
      whole && take.by_hand ? one("unplace", t("Let the studio place it"), () => this.#do("/place", take, { offset_seconds: null })) : null,
      take.progress ? one("stop", t("Cancel"), () => this.#do("/stop", take)) : null,
      resting ? one("again", t("Try again"), () => this.#do("/again", take)) : null,
      others ? one("hide", take.hidden ? t("Let it in again") : t("Keep it out"), () => this.#do("/hide", take, { hidden: !take.hidden })) : null,
      one("withdraw", take.mine ? t("Take my voice out again") : t("Delete this clip"), () => this.#withdraw(take)),
    ];
  }

  /** What may become of one in whose place there is another now. @param {Take} take */
  #buttonsOfTry(take) {
    const one = buttonFor(take);
    const resting = take.state === "failed" || take.state === "stopped";
    return [
      resting ? one("again", t("Try again"), () => this.#do("/again", take)) : null,
      take.mine && !resting ? one("use", t("Use this one instead"), () => this.#use(take, true), "gold") : null,
      take.mine && !resting ? one("both", t("Let both sound"), () => this.#use(take, false)) : null,
      one("withdraw", t("Delete this try"), () => this.#withdraw(take)),
    ];
  }

  /** Back to an earlier one. @param {Take} take @param {boolean} alone whether it is heard instead of what is heard now, or with it */
  async #use(take, alone) {
    const keys = takeKeys();
    const heard = this.#look?.takes.filter((one) => one.mine && one.along && !one.aside && one.name.toLowerCase() === take.name.toLowerCase()) ?? [];
    const instead_of = alone ? Object.fromEntries(heard.map((one) => [one.take, keys[one.take] ?? ""])) : {};
    if (!(await this.#do("/use", take, { instead_of }))) return;
    say(byId("takes-said"), t("{name} is heard as you chose. A new mix is being made.", { name: take.name }));
    byId("takes-heading").focus();
  }

  /** @param {Take} take */
  async #placeByHand(take) {
    const guide = this.#look?.guide;
    if (!guide) return;
    const seconds = await this.#placing.ask(take, guide);
    if (seconds !== null && (await this.#do("/place", take, { offset_seconds: seconds }))) {
      say(byId("takes-said"), t("{name}: {where}. A new mix is being made with it.", { name: take.name, where: offsetInWords(seconds) }));
    }
    const row = this.#rows.get(take.take);
    /** @type {HTMLElement | null | undefined} */ (row?.querySelector("[data-do=place]") ?? row)?.focus();
  }

  /** @param {Take} take */
  async #withdraw(take) {
    const heard = take.state === "placed" && !take.hidden && !take.aside;
    const means = take.aside
      ? t("This try of {name} is deleted. Do you want that?", { name: take.name })
      : t("The clip of {name} is deleted, and a new mix is made without it. Do you want that?", { name: take.name });
    if (!confirm(means)) return;
    await this.#do("/withdraw", take);
    rememberTake(take.take, undefined);
    say(byId("takes-said"), "");
    say(byId("withdrawn-said"), heard ? t("{name} is not heard any more. The song is being made anew.", { name: take.name }) : "");
    (byId("takes-card").hidden ? byId("joining-heading") : byId("takes-heading")).focus();
  }

  /** @param {string} what @param {Take} take @param {object} [more] */
  #do(what, take, more = {}) {
    return this.#ask(`/api/take${what}`, { take: take.take, key: takeKeys()[take.take] ?? "", host: hostOf(this.#token), ...more });
  }

  /** Whether it was done; if not, why is told. @param {string} path @param {object} body @returns {Promise<boolean>} */
  async #ask(path, body) {
    let done = false;
    say(byId("takes-problem"), "");
    try {
      await post(path, { token: this.#token, ...body });
      done = true;
      this.#onChosen();
    } catch (error) {
      const code = error instanceof Problem ? error.code : "";
      say(byId("takes-problem"), problemInWords(code === "not_found" ? "clip_gone" : code));
    }
    await this.look();
    return done;
  }
}

/** Only when they are others: what is read or focused stays. @param {HTMLElement} list @param {HTMLElement[]} rows */
function fill(list, rows) {
  if (rows.length !== list.children.length || rows.some((row, i) => row !== list.children[i])) list.replaceChildren(...rows);
}

/** Makes buttons for a take: each says for whose, to those who hear it. @param {Take} take */
function buttonFor(take) {
  return (/** @type {string} */ what, /** @type {string} */ words, /** @type {() => void} */ done, more = "") =>
    h("button", {
      type: "button", "data-do": what, class: more, "aria-label": t("{what}: {name}", { what: words, name: take.name }), click: done,
    }, words);
}

/** @param {HTMLElement} row @param {Take} take */
function drawProgress(row, take) {
  const bar = row.querySelector("progress");
  if (bar && take.progress) bar.value = take.progress.share;
  const [state, left] = [row.querySelector(".state"), row.querySelector(".left")];
  if (state) say(state, stateInWords(take));
  if (left) say(left, timeLeft(take.progress));
}

/** The button that was pressed, or the first one, keeps the focus. @param {HTMLElement} old @param {HTMLElement} fresh */
function focusAgain(old, fresh) {
  const what = old.querySelector(":focus")?.getAttribute("data-do");
  queueMicrotask(() => {
    const again = fresh.querySelector(`[data-do="${what}"]`) ?? fresh.querySelector("button, summary");
    if (again instanceof HTMLElement) again.focus();
  });
}
