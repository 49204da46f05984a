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
function stamp(context, bytes, start, columns, rows, colours, x, y, across, down) {
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

/** Samples (down) × units (across), each cell whole device pixels wide and high. Returns how many units fitted. */
export function drawActivity(canvas, { data, shape }, colours, width, hairline) {
  const ratio = window.devicePixelRatio || 1;
  const [samples, units] = shape;
  const across = Math.min(Math.round(20 * ratio), Math.max(1, Math.floor((width * ratio) / units)));
  const down = Math.max(1, Math.min(Math.round(10 * ratio), Math.floor((200 * ratio) / samples)));
  const shown = Math.min(units, Math.floor((width * ratio) / across));
  const { context } = prepared(canvas, (shown * across) / ratio, (samples * down) / ratio);
  stamp(context, data, 0, units, samples, colours, 0, 0, across, down);
  context.strokeStyle = hairline;
  context.strokeRect(0.5, 0.5, canvas.width - 1, canvas.height - 1);
  return { shown, across: across / ratio, down: down / ratio };
}

/** Centre and half-width that hold all points of `sets`, the same for every axis, with a margin. */
export function bounds(sets) {
  const dimensions = sets[0].shape[1];
  const low = Array(dimensions).fill(Infinity);
  const high = Array(dimensions).fill(-Infinity);
  for (const { data } of sets) {
    for (let i = 0; i < data.length; i++) {
      low[i % dimensions] = Math.min(low[i % dimensions], data[i]);
      high[i % dimensions] = Math.max(high[i % dimensions], data[i]);
    }
  }
  const span = dimensions === 2 ? Math.max(...high.map((h, i) => h - low[i])) : Math.hypot(...high.map((h, i) => h - low[i]));
  return { centre: low.map((l, i) => (l + high[i]) / 2), half: (span / 2) * (dimensions === 2 ? 1.12 : 0.92) || 1 };
}

/** Orthographic: the third axis points up; the eye goes round it by `turn` and looks down by `tilt` (radians). */
function projected(data, dimensions, i, { centre }, { turn, tilt }) {
  const x = data[i] - centre[0];
  const y = data[i + 1] - centre[1];
  if (dimensions === 2) return [x, y];
  const z = data[i + 2] - centre[2];
  const depth = x * Math.sin(turn) + y * Math.cos(turn);
  return [x * Math.cos(turn) - y * Math.sin(turn), z * Math.cos(tilt) + depth * Math.sin(tilt)];
}

/** Clean points (muted), rebuilt points (the reconstruction's colour), and their error as a thin line between them. */
export function drawPoints(canvas, clean, made, box, view, side, colours) {
  const { context, ratio } = prepared(canvas, side, side);
  const dimensions = clean.shape[1];
  const middle = (side * ratio) / 2;
  const unit = middle / box.half;
  const place = (set, i) => {
    const [x, y] = projected(set.data, dimensions, i * dimensions, box, view);
    return [middle + x * unit, middle - y * unit];
  };
  const count = Math.min(clean.shape[0], made.shape[0]);
  context.strokeStyle = colours.reconstruction;
  context.globalAlpha = 0.45;
  context.lineWidth = Math.max(1, 0.75 * ratio);
  context.beginPath();
  for (let i = 0; i < count; i++) {
    context.moveTo(...place(clean, i));
    context.lineTo(...place(made, i));
  }
  context.stroke();
  context.globalAlpha = 1;
  const radius = (count > 400 ? 1.5 : 2.2) * ratio;
  context.strokeStyle = colours.muted; // rings and discs: told apart without colour too
  circles(context, clean, place, count, radius);
  context.stroke();
  context.fillStyle = colours.reconstruction;
  circles(context, made, place, count, radius);
  context.fill();
}

function circles(context, set, place, count, radius) {
  context.beginPath();
  for (let i = 0; i < count; i++) {
    const [x, y] = place(set, i);
    context.moveTo(x + radius, y);
    context.arc(x, y, radius, 0, 2 * Math.PI);
  }
}
