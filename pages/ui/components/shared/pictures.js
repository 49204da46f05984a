// Pixels. Small images are magnified by whole device pixels only, so that each of their pixels stays a sharp square.

const HAIR = 1;

/** Device pixels per image pixel: as few as make `side` at least `least` CSS pixels, more while `columns` of them fit `width`. */
export function magnification(side, { least, most, gap, columns, width }) {
  const ratio = window.devicePixelRatio || 1;
  let factor = Math.max(1, Math.ceil((least * ratio) / side));
  const size = (f) => (f * side) / ratio;
  while (size(factor + 1) <= most && columns * (size(factor + 1) + gap) - gap <= width) factor += 1;
  while (factor > 1 && size(factor) > width) factor -= 1;
  return { factor, size: size(factor) };
}

/** Gives a canvas its size in CSS pixels (rounded to device pixels) and returns a clean context in device pixels. */
export function prepared(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const [wide, high] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
    canvas.style.width = `${wide / ratio}px`;
    canvas.style.height = `${high / ratio}px`;
  }
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.clearRect(0, 0, wide, high);
  return { context, ratio };
}

let sheet = null; // one off-screen canvas at natural size serves every picture on the page

/** A byte array (rows × columns) through a colour table onto `context`, at whole-pixel magnifications. */
export function stamp(context, bytes, start, columns, rows, colours, x, y, across, down) {
  sheet ??= new OffscreenCanvas(1, 1);
  if (sheet.width < columns || sheet.height < rows) {
    sheet.width = Math.max(sheet.width, columns);
    sheet.height = Math.max(sheet.height, rows);
  }
  const own = sheet.getContext("2d", { willReadFrequently: true });
  const image = new ImageData(columns, rows);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < pixels.length; i++) pixels[i] = colours[bytes[start + i]];
  own.putImageData(image, 0, 0);
  context.drawImage(sheet, 0, 0, columns, rows, x, y, columns * across, rows * down);
}

/**
 * A grid of small images. `layers` are rows of tiles, each {bytes, colours}, the tile of column c beginning at c·size;
 * `grid` is {columns, count, side: [rows, columns] of one image, factor, gap}. One layer wraps; several stand under each other.
 */
export function drawTiles(canvas, layers, grid, hairline) {
  const { columns, count, side, factor, gap } = grid;
  const ratio = window.devicePixelRatio || 1;
  const [high, wide] = [side[0] * factor, side[1] * factor];
  const [stepX, stepY] = [wide + Math.round(gap * ratio), high + Math.round(gap * ratio)];
  const lines = layers.length > 1 ? layers.length : Math.ceil(count / columns);
  const width = (Math.min(columns, count) * stepX - Math.round(gap * ratio)) / ratio;
  const { context } = prepared(canvas, width, (lines * stepY - Math.round(gap * ratio)) / ratio);
  context.strokeStyle = hairline;
  context.lineWidth = HAIR;
  layers.forEach((layer, row) => {
    for (let tile = 0; tile < Math.min(count, layers.length > 1 ? columns : count); tile++) {
      const x = (tile % columns) * stepX;
      const y = (layers.length > 1 ? row : Math.floor(tile / columns)) * stepY;
      stamp(context, layer.bytes, tile * side[0] * side[1], side[1], side[0], layer.colours, x, y, factor, factor);
      context.strokeRect(x + HAIR / 2, y + HAIR / 2, wide - HAIR, high - HAIR);
    }
  });
  return { stepX: stepX / ratio, stepY: stepY / ratio };
}
