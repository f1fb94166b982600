/** Which flag somebody means by what they type. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { countryMeant, plain } from "../../src/unisono/web/static/ui/flagsearch.js";

const names = { de: "Germany", ne: "Niger", ng: "Nigeria", dz: "Algeria", ua: "Ukraine", gb: "United Kingdom", us: "United States", ci: "Côte d’Ivoire", it: "Italy" };
const countries = Object.entries(names).map(([code, name]) => ({ code, name, plain: plain(name) }));
/** @param {string} typed */
const meant = (typed) => countryMeant(countries, typed);

test("what only one name holds is that country", () => {
  assert.equal(meant("germ"), "de");
  assert.equal(meant(" IVOIRE "), "ci");
});

test("a whole name or code is its country, whoever else's name holds it", () => {
  assert.equal(meant("niger"), "ne");
  assert.equal(meant("it"), "it");
  assert.equal(meant("cote d'ivoire"), "ci");
});

test("what people say instead of a code", () => {
  assert.equal(meant("UK"), "gb");
  assert.equal(meant("usa"), "us");
});

test("what could be several countries, none, or has hardly begun is nobody's", () => {
  assert.deepEqual(["ger", "united", "atlantis", "uk raine", "kr", ""].map(meant), [null, null, null, null, null, null]);
});
