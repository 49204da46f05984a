// The points' attributes: what they are coloured by, which of them are filtered out, and which ones a search finds.

import { digits, say } from "../shared/scales.js";
import { bytesOf } from "./pixels.js";

export const POINT_ARRAYS = ["index", "images", "samples", "labels", "factors", "error", "density", "held_out"];
const STEPS = 64; // colours of a continuous scale

/** All that is known of the points, by row. `source`: the "points" task. */
export class Columns {
  static UNLABELLED = 255;

  constructor(source, { classes, factors }) {
    Object.assign(this, { source, classes, factors });
  }

  get count() {
    return this.source.arrays.index?.shape[0] ?? this.source.arrays.labels?.shape[0] ?? 0;
  }

  get images() {
    return this.source.arrays.images?.shape.length === 3 ? this.source.arrays.images : null;
  }

  /** Numbers in one sample. */
  get inputs() {
    const array = this.images ?? this.source.arrays.samples;
    return array ? array.shape.slice(1).reduce((product, side) => product * side, 1) : 0;
  }

  /** The values of "label", "error", "density", "held_out", "factor:2" or "unit:7" as (row) => number; null where there are none. */
  values(name) {
    const [kind, place] = name.split(":");
    const at = Number(place ?? 0);
    const array = this.source.arrays[{ label: "labels", factor: "factors", unit: "codes" }[kind] ?? kind];
    const width = array?.shape[1] ?? 1;
    if (!array || !(at < width)) return null;
    return (row) => Number(array.data[row * width + at]);
  }

  /** Whether the labels of `name` are classes: they have names, not a scale. */
  static categorical(name) {
    return name === "label" || name === "held_out";
  }

  number(row) {
    return this.source.arrays.index ? Number(this.source.arrays.index.data[row]) : row;
  }

  className(label) {
    return this.classes[label] ?? String(label);
  }

  label(row) {
    const label = this.values("label")?.(row);
    return label === undefined || label < 0 ? null : this.className(label);
  }

  /** Rows of the smallest and largest value that is a number. */
  range(values) {
    let [low, high] = [Infinity, -Infinity];
    for (let row = 0; row < this.count; row++) {
      const value = values(row);
      if (value < low) low = value;
      if (value > high) high = value;
    }
    return low <= high ? { low, high } : null;
  }

  /** {of: Uint8Array of a colour for each row, count, kind: "none" | "classes" | "magnitude" | "signed", low, high, present}. */
  colours(name) {
    const of = new Uint8Array(this.count);
    const values = this.values(name);
    if (!values) return { of, count: 1, kind: "none" };
    if (Columns.categorical(name)) {
      const present = new Map();
      for (let row = 0; row < this.count; row++) {
        const label = values(row);
        of[row] = label < 0 ? Columns.UNLABELLED : label % Columns.UNLABELLED;
        if (label >= 0) present.set(label, (present.get(label) ?? 0) + 1);
      }
      return { of, kind: "classes", present: new Map([...present].sort(([a], [b]) => a - b)) };
    }
    const range = this.range(values);
    if (!range) return { of, count: 1, kind: "none" };
    const signed = range.low < 0 && range.high > 0 && name.startsWith("unit");
    const largest = Math.max(-range.low, range.high);
    const [low, high] = signed ? [-largest, largest] : [range.low, range.high];
    const scale = high > low ? (STEPS - 1) / (high - low) : 0;
    for (let row = 0; row < this.count; row++) of[row] = Math.round((values(row) - low) * scale);
    return { of, count: STEPS, kind: signed ? "signed" : "magnitude", low, high };
  }

  /** Uint8Array, 1 = shown. A filter is {column, values?, low?, high?}; a point must pass all of them. */
  passing(filters) {
    const passes = new Uint8Array(this.count).fill(1);
    for (const { column, values: among, low, high } of filters) {
      const values = this.values(column);
      if (!values) continue;
      const allowed = among?.length ? new Set(among) : null;
      for (let row = 0; row < this.count; row++) {
        const value = values(row);
        const inside = (!allowed || allowed.has(value)) && !(low != null && !(value >= low)) && !(high != null && !(value <= high));
        if (!inside) passes[row] = 0;
      }
    }
    return passes;
  }

  /** Rows that a visitor's words mean: a class by its name, or a sample by its number (`#12`, or `12` where no class is called so). */
  search(text) {
    const words = text.trim().toLowerCase();
    if (!words) return [];
    const rows = [];
    const named = new Set();
    const labels = this.values("label");
    for (let row = 0; labels && row < this.count; row++) {
      const label = labels(row);
      if (label >= 0 && this.className(label).toLowerCase() === words) rows.push(row);
      else if (label >= 0 && words.length > 1 && this.className(label).toLowerCase().includes(words)) named.add(row);
    }
    if (rows.length || named.size) return rows.length ? rows : [...named];
    const number = /^#?(\d{1,9})$/.exec(words);
    for (let row = 0; number && row < this.count; row++) if (this.number(row) === Number(number[1])) rows.push(row);
    return rows;
  }

  /** What to call a column. */
  title(name, texts) {
    const [kind, place] = name.split(":");
    if (kind === "factor") return this.factors[Number(place)] ?? say(texts, "colour_factor", { number: Number(place) + 1 });
    return say(texts, `colour_${kind}`, { number: Number(place) + 1 });
  }

  /** The lines that describe one point; `extra`: a column that is on screen as its colour. */
  describe(row, extra, texts) {
    const label = this.label(row);
    const number = this.number(row);
    const head = label === null ? say(texts, "point", { number }) : say(texts, "point_label", { number, label });
    const names = [...new Set(["error", ...this.factors.map((_, i) => `factor:${i}`), extra])];
    const lines = names
      .filter((name) => name && !Columns.categorical(name) && this.values(name))
      .map((name) => say(texts, "value", { name: this.title(name, texts), value: digits(this.values(name)(row)) }));
    return { head, lines };
  }

  /** What the tooltip says of a point (or null: of a place between them) and of the picture that was `made` there. */
  said(row, made, { decodes, extra, texts }) {
    const { images } = this;
    const side = images ? images.shape.slice(1) : [1, 1];
    const size = side[0] * side[1];
    const { head, lines } = row === null ? { head: "", lines: [] } : this.describe(row, extra, texts);
    if (row !== null && !images) lines.push(...this.#coordinates(row));
    if (made && !images) lines.push(`${say(texts, "picture_decoded")} ${tuple(made.picture)}`);
    return {
      ...{ side, head, lines, far: Boolean(made?.far) },
      data: row !== null && images ? images.data.subarray(row * size, (row + 1) * size) : null,
      decoded: made && images && bytesOf(made.picture),
      slots: images ? (decodes ? ["data", "decoded"] : ["data"]) : [],
      note: made ? [say(texts, `how_${made.how}`), made.far && say(texts, "far")].filter(Boolean).join("\n") : "",
    };
  }

  /** The numbers of a sample that is a point and not a picture. */
  #coordinates(row) {
    const { samples } = this.source.arrays;
    if (!samples) return [];
    const size = samples.data.length / samples.shape[0];
    return [tuple(samples.data.subarray(row * size, (row + 1) * size))];
  }
}

/** The first few numbers of a sample. */
function tuple(values) {
  return `(${Array.from(values.subarray(0, 4), digits).join(", ")}${values.length > 4 ? ", …" : ""})`;
}

/** Stops of a scale -> one colour for each step, "#RRGGBB". `table`: 256 words as `scales.js` makes them. */
export function steps(table, count) {
  return Array.from({ length: count }, (_, i) => {
    const word = table[count > 1 ? Math.round((i * 255) / (count - 1)) : 128];
    return `#${[word & 255, (word >> 8) & 255, (word >> 16) & 255].map((part) => part.toString(16).padStart(2, "0")).join("")}`;
  });
}
