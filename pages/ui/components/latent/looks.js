// What each point looks like: its marker and colour by what it is, its emphasis by what is chosen.

import { Columns, steps } from "./columns.js";
import { blend, word } from "./raster.js";

export const STATES = { filtered: 0, faded: 1, plain: 2, chosen: 3 }; // drawn in this order
const RADII = [[300, 6], [1000, 4.8], [2500, 3.9], [5000, 3.2], [Infinity, 2.7]]; // CSS px, by how many points there are

/**
 * chosen: rows to stand out. Gives {scene, coloured, look, stops, filtered}: scene is what `MapView.drawPoints` takes; look(colour,
 * state) a marker's looks; stops the colours of a continuous scale; filtered how many points are filtered out.
 */
export function sceneOf({ columns, colours, data, chosen, count }) {
  const coloured = columns.count ? columns.colours(data.colour) : { of: new Uint8Array(count), kind: "none" };
  const passes = columns.count ? columns.passing(data.filters) : new Uint8Array(count).fill(1);
  const stops = steps(coloured.kind === "signed" ? colours.signedScale : colours.magnitudeScale, coloured.count ?? 1);
  const look = looksOf(coloured, stops, colours, data);
  const stand = new Uint8Array(count);
  for (const row of chosen) if (row < count) stand[row] = 1;
  const [states, kinds, looks] = [new Uint8Array(count), new Uint16Array(count), []];
  const order = [[], [], [], []];
  for (let row = 0; row < count; row++) {
    const state = !passes[row] ? STATES.filtered : stand[row] ? STATES.chosen : chosen.length ? STATES.faded : STATES.plain;
    const colour = state === STATES.filtered ? 0 : coloured.of[row];
    const kind = state * 256 + colour;
    states[row] = state;
    kinds[row] = kind;
    looks[kind] ??= look(colour, state);
    order[state].push(row);
  }
  const [, radius] = RADII.find(([most]) => count <= most);
  const scene = { states, kinds, looks, order: Uint32Array.from(order.flat()), radius, paper: word(colours.background) };
  return { scene, coloured, look, stops, filtered: order[STATES.filtered].length };
}

/** (colour, state) -> {shape, fill, edge, edgeWidth, size}. */
function looksOf(coloured, stops, colours, data) {
  const hues = data.classes[colours.dark ? "dark" : "light"];
  const continuous = ["magnitude", "signed"].includes(coloured.kind);
  const paper = colours.background;
  const ratio = window.devicePixelRatio || 1;
  const plain = (colour) => {
    if (coloured.kind === "none" || colour === Columns.UNLABELLED) return ["circle", colours.muted];
    if (continuous) return ["circle", stops[colour]];
    return [data.symbols[colour % data.symbols.length], hues[colour % hues.length]];
  };
  return (colour, state) => {
    if (state === STATES.filtered) return { shape: "circle", fill: blend(colours.muted, paper, 0.22), edge: "", edgeWidth: 0, size: 0.75 };
    const [shape, fill] = plain(colour);
    if (state === STATES.faded) return { shape, fill: blend(fill, paper, 0.28), edge: "", edgeWidth: 0, size: 0.9 };
    if (state === STATES.chosen) return { shape, fill, edge: colours.text, edgeWidth: 1.25 * ratio, size: 1.3 };
    // A continuous scale has colours near the page's own: an edge towards the text's colour keeps them apart.
    const edge = continuous ? blend(fill, colours.text, 0.6) : blend(paper, fill, 0.75);
    return { shape, fill, edge, edgeWidth: (continuous ? 0.75 : 0.6) * ratio, size: 1 };
  };
}
