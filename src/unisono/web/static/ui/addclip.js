/** Adding a clip: who it is, one button or a drop, and how far each file is. Several at once; each goes its own way. */

import { button, byId, h, input, say, show } from "./dom.js";
import { likelyCountry, UnFlagPicker } from "./flagpicker.js";
import { megabytes, t } from "./i18n.js";
import { problemInWords } from "./problems.js";
import { rememberedLook, rememberLook, rememberTake } from "./remember.js";
import { partMeant } from "./partnames.js";
import { partInWords } from "./takewords.js";
import { Upload } from "./upload.js";

/** Files at the same time: more would only share the same line. */
const AT_ONCE = 2;

export class AddClip {
  #token;
  #changed;
  /** @type {Upload[]} */
  #waiting = [];
  #running = 0;
  /** @type {Upload[]} */
  #onTheirWay = [];
  /** @type {number} as the server says */
  bytesMax = Infinity;

  /** @param {string} token of the performance @param {() => void} changed called when a clip has begun, arrived or gone */
  constructor(token, changed) {
    this.#token = token;
    this.#changed = changed;
    this.#prefill();
    const files = input("clip-files");
    files.addEventListener("change", () => {
      this.#take([...(files.files ?? [])]);
      files.value = "";
    });
    button("choose-clip").addEventListener("click", () => this.#about() && files.click());
    this.#wireDrop();
    window.addEventListener("beforeunload", (event) => {
      if (this.#running) event.preventDefault();
    });
  }

  /** To go on with a clip that did not arrive: the same file, once more. */
  chooseAgain() {
    if (this.#about()) input("clip-files").click();
  }

  /** Where a piece has several voices one of them is chosen: the studio knows their notes. @param {string[]} names */
  set parts(names) {
    const field = byId("clip-part");
    if (!names.length || field instanceof HTMLSelectElement) return;
    const options = names.map((name) => h("option", { value: name }, partInWords(name)));
    field.replaceWith(h("select", { id: "clip-part" }, h("option", { value: "" }, t("I do not know, or another")), ...options));
  }

  /** Whether this take is on its way from this very page. @param {string} take */
  sends(take) {
    return byId("uploads").querySelector(`[data-take="${take}"]`) !== null;
  }

  #prefill() {
    const look = rememberedLook();
    const country = likelyCountry();
    input("clip-name").value ||= look?.name ?? "";
    input("clip-place").value ||= look?.place ?? "";
    byId("clip-flag", UnFlagPicker).flag = look ? look.flag : country ? { country } : null;
  }

  #wireDrop() {
    const zone = byId("drop");
    for (const what of ["dragenter", "dragover"]) {
      zone.addEventListener(what, (event) => {
        event.preventDefault();
        zone.classList.add("over");
      });
    }
    for (const what of ["dragleave", "drop"]) zone.addEventListener(what, () => zone.classList.remove("over"));
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      const dropped = [.../** @type {DragEvent} */ (event).dataTransfer?.files ?? []];
      if (this.#about()) this.#take(dropped);
    });
  }

  /** Who it is; null, and the place to mend it, when that is not said. @returns {Record<string, string> | null} */
  #about() {
    const name = input("clip-name").value.trim();
    say(byId("clip-problem"), name ? "" : t("Please say who you are."));
    input("clip-name").setAttribute("aria-invalid", String(!name));
    if (!name) {
      input("clip-name").focus();
      return null;
    }
    const picker = byId("clip-flag", UnFlagPicker);
    if (!picker.settle()) {
      picker.focus();
      return null;
    }
    const place = input("clip-place").value.trim();
    rememberLook({ name, place, flag: picker.flag });
    return {
      name, place, part: partMeant(/** @type {HTMLInputElement} */ (byId("clip-part")).value, [], partInWords),
      flag: picker.flag ? JSON.stringify(picker.flag) : "", picture: input("clip-picture").checked ? "yes" : "",
    };
  }

  /** @param {File[]} files */
  #take(files) {
    const about = this.#about();
    if (!about) return;
    const complaints = files.map((file) => this.#complaint(file)).filter(Boolean);
    say(byId("clip-problem"), complaints.join(" "));
    const wanted = files.filter((one) => !this.#complaint(one));
    for (const file of wanted) this.#enqueue(new Upload(file, this.#token, about));
  }

  /** @param {File} file */
  #complaint(file) {
    const what = { name: file.name };
    if (this.#onTheirWay.some((one) => one.isOf(file))) return t("{name} is being sent already.", what);
    if (!file.size) return t("{name} is empty.", what);
    if (file.size > this.bytesMax) return t("{name} is too big: a clip may have {size}.", { ...what, size: megabytes(this.bytesMax) });
    const kind = file.type.split("/")[0];
    if (file.type && kind !== "audio" && kind !== "video" && kind !== "application") return t("{name} is neither sound nor film.", what);
    return "";
  }

  /** @param {Upload} upload */
  #enqueue(upload) {
    const row = this.#row(upload);
    byId("uploads").append(row.element);
    upload.onChange = row.draw;
    upload.onBegun = (take, key) => {
      rememberTake(take, key);
      row.element.dataset.take = take;
    };
    row.draw();
    this.#waiting.push(upload);
    this.#onTheirWay.push(upload);
    this.#next();
  }

  async #next() {
    const upload = this.#running < AT_ONCE ? this.#waiting.shift() : undefined;
    if (!upload) return;
    this.#running += 1;
    if (upload.state !== "stopped") await upload.run();
    this.#running -= 1;
    this.#onTheirWay = this.#onTheirWay.filter((one) => one !== upload);
    if (upload.state === "stopped" && upload.take) rememberTake(upload.take, undefined);
    if (upload.state !== "failed") byId("uploads").querySelector(`[data-take="${upload.take}"]`)?.remove();
    const arrived = upload.already ? t("{name} is here already.", { name: upload.name }) : t("{name} has arrived. Thank you!", { name: upload.name });
    if (upload.state === "done") say(byId("clip-said"), arrived);
    this.#changed();
    this.#next();
  }

  /** @param {Upload} upload */
  #row(upload) {
    const bar = h("progress", { max: 1, value: 0, "aria-label": t("{name} is being sent", { name: upload.name }) });
    const said = h("p", { class: "said-small" });
    const cancel = h("button", { type: "button", "aria-label": t("{what}: {name}", { what: t("Cancel"), name: upload.name }) }, t("Cancel"));
    const element = h("li", { class: "upload" }, h("strong", {}, upload.name), cancel, bar, said);
    cancel.addEventListener("click", () => {
      if (upload.state !== "failed") upload.stop();
      element.remove();
    });
    const draw = () => {
      bar.value = upload.share;
      show(bar, upload.state !== "failed");
      element.classList.toggle("failed", upload.state === "failed");
      const what = upload.state === "failed" ? t("Close") : t("Cancel");
      say(cancel, what);
      cancel.setAttribute("aria-label", t("{what}: {name}", { what, name: upload.name }));
      say(said, this.#said(upload));
    };
    return { element, draw };
  }

  /** @param {Upload} upload */
  #said(upload) {
    if (upload.state === "failed") return problemInWords(upload.code);
    if (upload.state === "waiting" && upload.code === "offline") return t("The line is gone. It goes on by itself when it is back.");
    if (upload.state === "waiting") return problemInWords(upload.code);
    const { sent, all } = upload.bytes;
    return t("{sent} of {all}", { sent: megabytes(sent), all: megabytes(all) });
  }
}
