/**
 * Which sound devices there are, and whether those in use are still the same.
 *
 * Browsers move an open stream to other headphones without a word to the page, and whatever was measured holds no longer. They tell when the list of devices
 * changes, but not everywhere (Chromium on Linux does not see what comes by the sound server), so it is also looked at while a microphone is open.
 */

const LOOK_MS = 3_000;
const DEFAULT = "default";

/** @typedef {{kind: string, deviceId: string, groupId: string, label: string}} Device */
/** @typedef {"ours" | "others"} Change  ours: what one hears by or sings into is another device now; others: some other device came or went */

/** @param {Device[]} list */
const soundOnly = (list) => list.filter(({ kind }) => kind.startsWith("audio"));

/**
 * What happened between two looks at the list; null: nothing that sounds.
 * @param {Device[]} before @param {Device[]} now @param {string} microphone id of the one in use @returns {Change | null}
 */
export function changeOf(before, now, microphone) {
  const inUse = [used(before, "audioinput", microphone), used(before, "audiooutput", DEFAULT)];
  if (inUse.some((device) => device && !isStill(device, now))) return "ours";
  const [fewer, more] = [soundOnly(before), soundOnly(now)];
  const same = fewer.length === more.length && fewer.every((device) => there(device, more));
  return same ? null : "others";
}

/** The device of that id; browsers that name no default use the first. @param {Device[]} list @param {string} kind @param {string} id */
function used(list, kind, id) {
  const ofKind = list.filter((device) => device.kind === kind);
  return ofKind.find(({ deviceId }) => deviceId === id) ?? ofKind[0];
}

/** @param {Device} device @param {Device[]} list */
function there({ kind, deviceId }, list) {
  return list.find((each) => each.kind === kind && each.deviceId === deviceId);
}

/** @param {Device} device @param {Device[]} now */
function isStill(device, now) {
  const found = there(device, now);
  if (!found) return false;
  // Names are told only where a microphone was allowed.
  return !device.label || !found.label || (found.label === device.label && found.groupId === device.groupId);
}

/** Looks at the list while a microphone is open. */
export class DeviceList {
  /** @param {{enumerateDevices(): Promise<Device[]>, addEventListener?: EventTarget["addEventListener"]} | undefined} system the browser's `mediaDevices` @param {(change: Change) => void} onChange */
  constructor(system, onChange) {
    this._system = system;
    this._onChange = onChange;
    /** @type {Device[] | null} */
    this._known = null;
    this._microphone = DEFAULT;
    system?.addEventListener?.("devicechange", () => void this._look());
    setInterval(() => void this._look(), LOOK_MS);
  }

  /** From now on, with this microphone in use. @param {string | undefined} microphone its id */
  async watch(microphone) {
    this._microphone = microphone ?? DEFAULT;
    this._known = await this._list();
  }

  /** Names the devices in use, as well as the browser tells them from others; empty where it does not. */
  get inUse() {
    const devices = [used(this._known ?? [], "audioinput", this._microphone), used(this._known ?? [], "audiooutput", DEFAULT)];
    return devices.every((device) => device?.label) ? JSON.stringify(devices.map((device) => [device?.deviceId, device?.groupId, device?.label])) : "";
  }

  /** Nothing is in use. */
  rest() {
    this._known = null;
  }

  /** What there is to choose from. */
  async choices() {
    const all = await this._list();
    const list = (/** @type {string} */ kind) =>
      all.filter((device) => device.kind === kind).map(({ deviceId, label }) => ({ id: deviceId, label, bluetooth: /bluetooth|airpods|buds|hands-?free/i.test(label) }));
    return { inputs: list("audioinput"), outputs: list("audiooutput") };
  }

  /** @returns {Promise<Device[]>} */
  async _list() {
    return (await this._system?.enumerateDevices()) ?? [];
  }

  async _look() {
    if (!this._known) return;
    const now = await this._list();
    if (!this._known) return;
    const change = changeOf(this._known, now, this._microphone);
    this._known = now;
    if (change) this._onChange(change);
  }
}
