/** Devices that come, go and change their part, as browsers list them. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { changeOf, DeviceList } from "../../src/unisono/web/static/engine/devices.js";

/** @param {string} kind @param {string} deviceId @param {string} label @param {string} [groupId] */
const device = (kind, deviceId, label, groupId = label) => ({ kind, deviceId, groupId, label });

const LAPTOP = [
  device("audioinput", "default", "Default - Internal microphone"), device("audioinput", "m1", "Internal microphone"),
  device("audiooutput", "default", "Default - Speakers"), device("audiooutput", "s1", "Speakers"),
  device("videoinput", "c1", "Camera"),
];
const HEADPHONES = device("audiooutput", "h1", "Headphones");

test("nothing has changed, nor when a camera comes or goes or names become known", () => {
  assert.equal(changeOf(LAPTOP, [...LAPTOP].reverse(), "default"), null);
  assert.equal(changeOf(LAPTOP, LAPTOP.slice(0, 4), "default"), null);
  assert.equal(changeOf(LAPTOP.map((each) => ({ ...each, label: "" })), LAPTOP, "m1"), null);
});

test("headphones that become the default are ours", () => {
  const now = LAPTOP.map((each) => (each.label === "Default - Speakers" ? device("audiooutput", "default", "Default - Headphones") : each));
  assert.equal(changeOf(LAPTOP, [...now, HEADPHONES], "default"), "ours");
});

test("headphones of which nobody says that they are used are others'", () => {
  assert.equal(changeOf(LAPTOP, [...LAPTOP, HEADPHONES], "default"), "others");
  assert.equal(changeOf([...LAPTOP, HEADPHONES], LAPTOP, "default"), "others");
});

test("the microphone one sings into is ours, another is not", () => {
  const usb = [...LAPTOP, device("audioinput", "usb", "USB microphone")];
  assert.equal(changeOf(usb, LAPTOP, "usb"), "ours");
  assert.equal(changeOf(usb, LAPTOP, "m1"), "others");
});

test("a browser that names no default plays to its first output", () => {
  const now = LAPTOP.filter(({ deviceId }) => deviceId !== "default");
  assert.equal(changeOf(now, now.filter(({ deviceId }) => deviceId !== "s1"), "m1"), "ours");
  assert.equal(changeOf([], [], "default"), null);
});

test("devices in use are known again by their names, and by nothing where a name is missing", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const usb = device("audioinput", "usb", "USB microphone");
  const named = async (/** @type {any[]} */ system, /** @type {string} */ microphone) => {
    const list = new DeviceList({ enumerateDevices: async () => system }, () => undefined);
    await list.watch(microphone);
    return list.inUse;
  };
  const first = await named([...LAPTOP, usb], "usb");
  assert.ok(first);
  assert.equal(await named([HEADPHONES, ...LAPTOP, usb], "usb"), first);
  assert.notEqual(await named([...LAPTOP, usb], "default"), first);
  const moved = LAPTOP.map((each) => (each.label === "Default - Speakers" ? device("audiooutput", "default", "Default - Headphones") : each));
  assert.notEqual(await named([...moved, usb], "usb"), first);
  assert.equal(await named([...LAPTOP, { ...usb, label: "" }], "usb"), "");
  assert.equal(await named([usb], "usb"), "");
});
