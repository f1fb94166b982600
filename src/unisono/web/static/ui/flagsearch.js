/** Which country's flag is meant by what somebody typed. */

/** @typedef {{code: string, name: string, plain: string}} Country */

/** What people call two countries that go by another code. @type {Record<string, string>} */
const ALSO = { uk: "gb", usa: "us" };
/** Fewer letters mean a country only if they are all of its name or its code. */
const LETTERS_AT_LEAST = 3;

/** Letters without accents, apostrophes as typed, so that "cote d'i" finds "Côte d’Ivoire". @param {string} text */
export function plain(text) {
  return text.normalize("NFD").replace(/\p{M}/gu, "").replace(/’/g, "'").toLowerCase();
}

/**
 * The code of the one country that `typed` can mean: its name, its code, or a part of no other name; null if there is none.
 * @param {Country[]} countries
 * @param {string} typed
 * @returns {string | null}
 */
export function countryMeant(countries, typed) {
  const wanted = plain(typed.trim());
  const exact = countries.find((one) => one.plain === wanted) ?? countries.find((one) => one.code === (ALSO[wanted] ?? wanted));
  if (exact) return exact.code;
  const found = wanted.length < LETTERS_AT_LEAST ? [] : countries.filter((one) => one.plain.includes(wanted));
  return found.length === 1 ? found[0].code : null;
}
