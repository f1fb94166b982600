/** Stepping onto a balcony: a name, a flag, one button. Listeners press one button and hear. */

import { byId, dialog, input, say, show } from "./dom.js";
import { likelyCountry, UnFlagPicker } from "./flagpicker.js";
import { t } from "./i18n.js";
import { rememberedLook, rememberLook } from "./remember.js";

/** @typedef {import("./remember.js").Look} Look */

/** Asks for name and flag; resolves inside the gesture. @param {{cancel: boolean}} how @returns {Promise<Look | null>} */
export function askLook({ cancel }) {
  const sheet = dialog("step");
  const form = byId("step-form", HTMLFormElement);
  prefill();
  return new Promise((resolve) => {
    const done = (/** @type {Look | null} */ look) => {
      form.removeEventListener("submit", submit);
      sheet.removeEventListener("cancel", cancelled);
      sheet.close();
      resolve(look);
    };
    const submit = (/** @type {Event} */ event) => {
      event.preventDefault();
      const look = readLook();
      if (look) done(look);
    };
    const cancelled = (/** @type {Event} */ event) => {
      event.preventDefault();
      if (cancel) done(null);
    };
    form.addEventListener("submit", submit);
    sheet.addEventListener("cancel", cancelled);
    sheet.showModal();
    input("name").focus();
  });
}

function prefill() {
  const look = rememberedLook();
  const country = likelyCountry();
  input("name").value ||= look?.name ?? "";
  input("my-place").value ||= look?.place ?? "";
  byId("flag", UnFlagPicker).flag = look ? look.flag : country ? { country } : null;
}

/** @returns {Look | null} */
function readLook() {
  const name = input("name").value.trim();
  say(byId("step-problem"), name ? "" : t("Please say who you are."));
  input("name").setAttribute("aria-invalid", String(!name));
  if (!name) {
    input("name").focus();
    return null;
  }
  const picker = byId("flag", UnFlagPicker);
  if (!picker.settle()) {
    picker.focus();
    return null;
  }
  const look = { name, place: input("my-place").value.trim(), flag: picker.flag };
  rememberLook(look);
  return look;
}

/**
 * The listeners' one button; `begin` runs inside the gesture and may be tried again.
 * @param {{plain: boolean, begin: () => Promise<void>}} how
 */
export function askToListen({ plain, begin }) {
  const sheet = dialog("listen");
  show(byId("listen-plain"), plain);
  sheet.addEventListener("cancel", (event) => event.preventDefault());
  byId("listen-now").addEventListener("click", async () => {
    say(byId("listen-problem"), "");
    try {
      await begin();
      if (!plain) sheet.close();
    } catch {
      say(byId("listen-problem"), t("There is no sound yet. Please press the button again."));
    }
  });
  sheet.showModal();
}
