/** A few words for making and finding elements; everything else is the platform. */

/**
 * The element with this id; its absence is a mistake of ours.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @param {new () => T} [kind]
 * @returns {T}
 */
export function byId(id, kind) {
  const found = document.getElementById(id);
  if (!found || (kind && !(found instanceof kind))) throw new Error(`no #${id} of the expected kind`);
  return /** @type {T} */ (found);
}

/** @param {string} id */
export const button = (id) => byId(id, HTMLButtonElement);
/** @param {string} id */
export const input = (id) => byId(id, HTMLInputElement);
/** @param {string} id */
export const dialog = (id) => byId(id, HTMLDialogElement);

/**
 * Makes an element: attributes by name, properties that are functions become listeners, children are nodes or text.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string | number | boolean | null | undefined | ((event: any) => void)>} [attributes]
 * @param {...(Node | string | null | undefined)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/**
 * Sets text only when it differs, so that screen readers are not made to say it again.
 * @param {Element} element
 * @param {string} text
 */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {HTMLElement} element @param {boolean} visible */
export function show(element, visible) {
  if (element.hidden === visible) element.hidden = !visible;
}

/**
 * A POST with a JSON body; tokens travel in bodies only.
 * @param {string} path
 * @param {object} body
 * @returns {Promise<any>} rejects with a Problem
 */
export async function post(path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Problem("offline", "the server cannot be reached");
  }
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Problem(said.code ?? String(answer.status), said.text ?? "");
  return said;
}

/** Something that went wrong, with the code the page translates. */
export class Problem extends Error {
  /** @param {string} code @param {string} text English, from the server */
  constructor(code, text) {
    super(text);
    this.code = code;
  }
}

/** What stands behind `#` in the address: the token. */
export function tokenInAddress() {
  return decodeURIComponent(location.hash.slice(1));
}

/** @param {ParentNode} where */
export function wireCloseButtons(where = document) {
  for (const one of where.querySelectorAll("[data-close]")) {
    one.addEventListener("click", () => one.closest("dialog")?.close());
  }
}
