/** Whose the files on this device are: a short name made of a seat's secret, which does not tell it. */

/** @param {string} secret of the seat @returns {Promise<string>} letters and digits */
export async function ownerOf(secret) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(secret)));
  return [...digest.slice(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
