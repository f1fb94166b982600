/** What a file is called on the disk of whoever takes it home. */

const PART_CHARACTERS_MAX = 60;

/**
 * The parts that are known, joined, with the kind at the end; nothing that a file system would refuse or hide.
 * @param {string[]} parts as people wrote them
 * @param {string} kind
 */
export function fileName(parts, kind) {
  const kept = parts.map(allowed).filter(Boolean);
  return `${kept.join(" - ") || "unisono"}.${kind}`;
}

/** @param {string} part */
function allowed(part) {
  const clean = part.replace(/[\p{C}/\\:*?"<>|]+/gu, " ").replace(/\s+/g, " ").replace(/^[. ]+|[. ]+$/g, "");
  return [...clean].slice(0, PART_CHARACTERS_MAX).join("").trim();
}
