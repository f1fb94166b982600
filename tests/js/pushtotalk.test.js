/** Push to talk: held, kept open by a tap on headphones, and never left open by accident. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { PushToTalk, TAP_MS } from "../../src/unisono/web/static/ui/pushtotalk.js";

/** @param {{allowed?: boolean, headphones?: boolean}} [now] */
function someone({ allowed = true, headphones = true } = {}) {
  /** @type {boolean[]} */
  const told = [];
  const pushing = new PushToTalk((on) => told.push(on));
  pushing.update({ allowed, headphones });
  return { pushing, told };
}

test("talk is open while the button is held", () => {
  const { pushing, told } = someone();
  pushing.press(1_000);
  pushing.release(1_000 + TAP_MS);
  assert.deepEqual(told, [true, false]);
});

test("on headphones a tap keeps it open until the next press, however long that is", () => {
  for (const held_ms of [50, 2_000]) {
    const { pushing, told } = someone();
    pushing.press(1_000);
    pushing.release(1_100);
    pushing.blur();
    assert.deepEqual([told, pushing.on], [[true], true]);
    pushing.press(9_000);
    pushing.release(9_000 + held_ms);
    assert.deepEqual(told, [true, false]);
    pushing.press(20_000);
    pushing.release(20_100);
    assert.equal(pushing.on, true, "and again");
  }
});

test("before loudspeakers a tap is only a short talk", () => {
  const { pushing, told } = someone({ headphones: false });
  pushing.press(1_000);
  pushing.release(1_100);
  assert.deepEqual(told, [true, false]);
});

test("whoever takes the headphones off is not left with an open microphone", () => {
  const { pushing, told } = someone();
  pushing.press(1_000);
  pushing.release(1_100);
  pushing.update({ allowed: true, headphones: false });
  assert.deepEqual(told, [true, false]);
});

test("a song closes it, and without a microphone it does not open", () => {
  const { pushing, told } = someone();
  pushing.press(1_000);
  pushing.update({ allowed: false, headphones: true });
  pushing.release(1_100);
  pushing.press(2_000);
  pushing.release(2_100);
  assert.deepEqual([told, pushing.on], [[true, false], false]);
});

test("a page that loses the focus lets go of what is held", () => {
  const { pushing, told } = someone();
  pushing.press(1_000);
  pushing.blur();
  pushing.release(1_050);
  assert.deepEqual(told, [true, false]);
});
