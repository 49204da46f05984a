// Single small pictures.

import { drawTiles } from "../shared/pictures.js";

/** Values in [0, 1] as bytes. */
export function bytesOf(values) {
  return Uint8Array.from(values, (value) => Math.round(255 * Math.max(0, Math.min(1, value))));
}

/** One small picture, magnified by whole device pixels to about `size` CSS pixels. bytes: rows × columns. */
export function drawPicture(canvas, bytes, side, size, colours) {
  const factor = Math.max(1, Math.round((size * (window.devicePixelRatio || 1)) / Math.max(...side)));
  drawTiles(canvas, [{ bytes, colours: colours.grey }], { columns: 1, count: 1, side, factor, gap: 0 }, colours.hairline);
}
