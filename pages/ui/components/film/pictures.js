// Figures of many numbers: activity as a table of colours, points with their reconstructions.

import { prepared, stamp } from "../shared/pictures.js";

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
