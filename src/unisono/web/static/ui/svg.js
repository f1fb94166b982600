/** Drawings: SVG made from scripts, since the page allows neither inline styles nor inline scripts. */

const NAMESPACE = "http://www.w3.org/2000/svg";

/**
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {...Element} children
 * @returns {SVGElement}
 */
export function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/**
 * Small repeatable randomness for decoration: the same seed draws the same house on every screen.
 * @param {number} seed
 * @returns {() => number} next number in [0, 1)
 */
export function dice(seed) {
  let state = (seed * 2654435761 + 1013904223) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Hair and shoulders, by seat, so that neighbours differ. */
const HEADS = [
  ["M50 60 Q16 66 12 120 L88 120 Q84 66 50 60Z", "M33 36a17 19 0 0 1 34 0q2 20-17 21-19-1-17-21Z"],
  ["M50 62 Q20 66 16 120 L84 120 Q80 66 50 62Z", "M32 40q-6 26 2 34h32q8-8 2-34-2-20-18-20t-18 20Z"],
  ["M50 61 Q14 66 10 120 L90 120 Q86 66 50 61Z", "M34 38a16 18 0 0 1 32 0q1 19-16 20-17-1-16-20Zm7-22a9 9 0 1 1 18 0 9 9 0 0 1-18 0Z"],
  ["M50 62 Q18 66 14 120 L86 120 Q82 66 50 62Z", "M33 40a17 18 0 0 1 34 0q1 18-17 19-18-1-17-19Zm-6-8q23-24 46 0l6 3H27Z"],
];

/** Somebody standing in a window, with an arm that can be raised. @param {number} seat */
export function person(seat) {
  const [shoulders, head] = HEADS[seat % HEADS.length];
  const arm = s("path", { class: "arm", d: "M74 80q14-18 14-44l10-2q4 36-14 60Z" });
  const svg = s("svg", { class: "person", viewBox: "0 0 100 120", preserveAspectRatio: "xMidYMax meet", "aria-hidden": "true" });
  svg.append(arm, s("path", { d: shoulders }), s("path", { d: head }));
  return svg;
}

/** The roof's cornice, tiles, chimneys and an aerial. */
export function roof() {
  const svg = s("svg", { viewBox: "0 0 1000 90", preserveAspectRatio: "none", "aria-hidden": "true" });
  svg.append(
    s("path", { d: "M150 34V4h46v30zM786 30V0h60v30z", fill: "#4b2b38" }),
    s("path", { d: "M144 6h58v-6h-58zM780 2h72v-6h-72z", fill: "#6d4244" }),
    s("path", { d: "M420 34V-26M396-20h48M402-10h36M408 0h24", stroke: "#241428", "stroke-width": 3, fill: "none", "vector-effect": "non-scaling-stroke" }),
    s("path", { d: "M44 26 L956 26 L1000 66 L0 66Z", fill: "#70333a" }),
    s("path", { d: "M44 26 L956 26 L962 32 L38 32Z", fill: "#98504a" }),
  );
  for (let x = 20; x < 985; x += 22) {
    svg.append(s("path", { d: `M${x} 64 L${40 + x * 0.92} 32`, stroke: "#54252f", "stroke-width": 3 }));
  }
  svg.append(
    s("path", { d: "M0 64h1000v10H0z", fill: "#d9b294" }),
    s("path", { d: "M12 74h976v16H12z", fill: "#54363f" }),
    s("path", { d: "M12 74h976v5H12z", fill: "#2c1a26" }),
  );
  return svg;
}

/**
 * The street: ground floor with a gate, lamps, and as many heads as listen (drawn up to forty).
 * @param {number} listeners
 */
export function street(listeners) {
  const svg = s("svg", { class: "ground-floor", viewBox: "0 0 1000 130", preserveAspectRatio: "xMidYMax slice", "aria-hidden": "true" });
  const glow = s("radialGradient", { id: "lamp-glow" },
    s("stop", { offset: "0", "stop-color": "#ffe7b0", "stop-opacity": "0.95" }),
    s("stop", { offset: "0.35", "stop-color": "#ffb95e", "stop-opacity": "0.4" }),
    s("stop", { offset: "1", "stop-color": "#ffb95e", "stop-opacity": "0" }));
  const wall = s("linearGradient", { id: "plinth", x1: 0, x2: 0, y1: 0, y2: 1 },
    s("stop", { offset: "0", "stop-color": "#96644f" }), s("stop", { offset: "1", "stop-color": "#5d3a3f" }));
  svg.append(s("defs", {}, glow, wall));
  svg.append(s("rect", { x: -400, y: 0, width: 1800, height: 130, fill: "#3a2433" }));
  svg.append(s("rect", { x: 0, y: 0, width: 1000, height: 100, fill: "url(#plinth)" }));
  svg.append(s("rect", { x: 0, y: 0, width: 1000, height: 6, fill: "#d9b294", opacity: 0.8 }));
  for (const x of [90, 250, 670, 830]) svg.append(s("path", { d: `M${x} 100V46a40 36 0 0 1 80 0v54z`, fill: "#25162a", stroke: "#b58a70", "stroke-width": 5 }));
  svg.append(s("path", { d: "M440 100V46a60 44 0 0 1 120 0v54z", fill: "#f3a451", stroke: "#d9b294", "stroke-width": 6 }));
  svg.append(s("path", { d: "M456 100V50a44 34 0 0 1 88 0v50z", fill: "#ffd58a" }));
  svg.append(s("path", { d: "M500 14v86M440 56h120", stroke: "#6d3c2c", "stroke-width": 4 }));
  svg.append(s("path", { d: "M-400 100H1400V130H-400z", fill: "#2e1d33" }));
  for (let x = -380; x < 1400; x += 44) svg.append(s("path", { d: `M${x} 104h30M${x + 16} 112h34M${x - 8} 121h40`, stroke: "#513450", "stroke-width": 2 }));
  for (const x of [380, 620]) {
    svg.append(s("circle", { cx: x, cy: 34, r: 62, fill: "url(#lamp-glow)" }));
    svg.append(s("path", { d: `M${x} 40v66M${x - 8} 106h16`, stroke: "#1d1120", "stroke-width": 4 }));
    svg.append(s("circle", { cx: x, cy: 34, r: 7, fill: "#fff3cf" }));
  }
  svg.append(crowd(Math.min(listeners, 40)));
  return svg;
}

/** @param {number} heads */
function crowd(heads) {
  const group = s("g", { class: "crowd" });
  const roll = dice(7);
  for (let i = 0; i < heads; i++) {
    const side = i % 2 ? 1 : -1;
    const x = 500 + side * (16 + i * 8 + roll() * 8);
    const y = 92 + roll() * 12;
    const size = 8 + roll() * 2;
    group.append(
      s("path", { d: `M${x - size * 1.7} 131q0-${131 - y - size} ${size * 1.7}-${131 - y - size}t${size * 1.7} ${131 - y - size}z`, fill: "#190d1c" }),
      s("circle", { cx: x, cy: y, r: size, fill: "#190d1c", stroke: "#ffb86a", "stroke-width": 1.2, "stroke-opacity": 0.7 }),
    );
  }
  return group;
}

/** Stars, a thin moon, and roofs far away. */
export function sky() {
  const stars = s("svg", { viewBox: "0 0 1600 900", preserveAspectRatio: "xMidYMin slice", "aria-hidden": "true" });
  const roll = dice(20);
  for (let i = 0; i < 60; i++) {
    const y = roll() * roll() * 430;
    stars.append(s("circle", { cx: roll() * 1600, cy: y, r: 0.7 + roll() * 1.1, fill: "#fff6e0", opacity: (0.35 + roll() * 0.6) * (1 - y / 520) }));
  }
  stars.append(s("path", { d: "M1330 96a44 44 0 1 0 34 72 38 38 0 1 1-34-72z", fill: "#fff1cf", opacity: 0.92 }));
  const far = s("svg", { class: "skyline", viewBox: "0 0 1600 400", preserveAspectRatio: "xMidYMax slice", "aria-hidden": "true" });
  far.append(s("path", { d: skyline(3, 150, 70), fill: "#7c4266", opacity: 0.75 }), s("path", { d: skyline(11, 220, 90), fill: "#46294f" }));
  far.append(s("g", { fill: "#ffc873", opacity: 0.8 }, ...farWindows(11)));
  return [stars, far];
}

/** @param {number} seed @param {number} top @param {number} spread */
function skyline(seed, top, spread) {
  const roll = dice(seed);
  let x = -20;
  let path = "M-20 400";
  while (x < 1620) {
    const width = 70 + roll() * 110;
    const y = top + roll() * spread;
    path += roll() < 0.45 ? `L${x} ${y}L${x + width / 2} ${y - 22}L${x + width} ${y}` : `L${x} ${y}L${x + width} ${y}`;
    if (roll() < 0.12) path += `L${x + width} ${y - 40}l12-26 12 26v60`;
    x += width;
  }
  return `${path}L1620 400Z`;
}

/** @param {number} seed */
function farWindows(seed) {
  const roll = dice(seed + 1);
  return Array.from({ length: 34 }, () => s("rect", { x: roll() * 1600, y: 320 + roll() * 70, width: 5, height: 8 }));
}
