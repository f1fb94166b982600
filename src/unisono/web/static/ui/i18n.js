/**
 * Words of the page's scripts. Message ids are the English words; the server sends the reader's language as one JSON
 * table, made from the same catalogue the templates use. Every word goes through `t` or `tn`, so that it can be found.
 */

/**
 * @typedef {object} Table
 * @property {string} language
 * @property {Record<string, string>} one
 * @property {Record<string, string[]>} many
 * @property {number[]} plural index of the plural form for n = 0..199; it repeats every 100 from there
 * @property {Record<string, string>} countries
 */

/** @type {Table} */
const ENGLISH = { language: "en", one: {}, many: {}, plural: [], countries: {} };

export const language = document.documentElement.lang || "en";

const table = await load();

/** @returns {Promise<Table>} */
async function load() {
  try {
    const answer = await fetch(`/locale/${language}.json`);
    return answer.ok ? await answer.json() : ENGLISH;
  } catch {
    return ENGLISH;
  }
}

/** @type {Record<string, string>} country code to its name in the reader's language */
export const countries = table.countries;

/**
 * A message in the reader's language; `{name}` is replaced by the fact of that name.
 * @param {string} message
 * @param {Record<string, string | number>} [facts]
 */
export function t(message, facts = {}) {
  return fill(table.one[message] ?? message, facts);
}

/**
 * The same where a number decides the form; `{n}` is the number.
 * @param {string} singular
 * @param {string} plural
 * @param {number} n
 * @param {Record<string, string | number>} [facts]
 */
export function tn(singular, plural, n, facts = {}) {
  const forms = table.many[singular] ?? [singular, plural];
  const index = table.plural.length ? table.plural[n < 200 ? n : 100 + (n % 100)] : Number(n !== 1);
  return fill(forms[index] ?? plural, { n, ...facts });
}

/**
 * @param {string} text
 * @param {Record<string, string | number>} facts
 */
function fill(text, facts) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => alone(String(facts[name] ?? whole)));
}

/** Letters that run from right to left, and signs that turn the direction. */
const TURNS = /[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc]/;

/** A name that runs the other way, between signs that keep it from turning the sentence around it. @param {string} fact */
function alone(fact) {
  return TURNS.test(fact) ? `\u2068${fact.replace(/[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "")}\u2069` : fact;
}

/** "Anna, Bo and Chen" in the reader's way. @param {string[]} names */
export function list(names) {
  return new Intl.ListFormat(language, { type: "conjunction" }).format(names);
}

/** @param {number} seconds */
export function minutes(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** @param {string | number | Date} when */
export function day(when) {
  return new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "short" }).format(new Date(when));
}

/** @param {number} bytes */
export function megabytes(bytes) {
  const small = bytes < 1e6;
  const unit = small ? "kilobyte" : "megabyte";
  const value = small ? bytes / 1e3 : bytes / 1e6;
  const digits = value < 10 ? 1 : 0;
  return new Intl.NumberFormat(language, { style: "unit", unit, maximumFractionDigits: digits }).format(value).replace(" ", "\u00a0");
}

/** The picker of languages, on every page: kept in a cookie, since the server writes the page. */
export function wireLanguagePicker() {
  for (const picker of document.querySelectorAll("select#language")) {
    picker.addEventListener("change", () => {
      const chosen = /** @type {HTMLSelectElement} */ (picker).value;
      document.cookie = `unisono_language=${chosen}; path=/; max-age=31536000; samesite=lax`;
      location.reload();
    });
  }
}
