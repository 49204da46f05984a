// One figure a run: held-out images or points, features, activity. Each keeps its elements and only changes what has changed.

import { describe, element, write } from "../shared/elements.js";
import { drawTiles, magnification } from "../shared/pictures.js";
import { digits, epochText, say } from "../shared/scales.js";
import { absoluteError, mean, same, squaredErrors } from "./frames.js";
import { bounds, drawActivity, drawPoints } from "./pictures.js";

const GAP = 4; // CSS px between small images
const COLUMN_GAP = 24; // CSS px between runs that stand side by side

function picture(parent) {
  const canvas = element("canvas", "", parent);
  canvas.setAttribute("role", "img");
  return canvas;
}

/** What all figures share: a title where there are several runs, a canvas, and below it which run and epoch this is. */
class Figure {
  constructor(parent) {
    this.root = element("figure", "", parent);
    this.title = element("div", "run-title", this.root);
    this.body = element("div", "body", this.root);
    this.caption = element("figcaption", "", this.root);
  }

  frame(entry, scene, extra) {
    const { texts } = scene;
    this.title.hidden = scene.alone;
    write(this.title, entry.run.title);
    const parts = [say(texts, "run", { run: entry.moment.run.slice(0, 8) }), say(texts, "epoch", { epoch: epochText(entry.moment.epoch) })];
    write(this.caption, [...parts, ...extra.filter(Boolean)].join("\u00a0· ")); // no line begins with a dot
  }
}

// ---- images ----

export class Images extends Figure {
  constructor(parent, tooltip) {
    super(parent);
    this.labels = element("div", "row-labels", this.body);
    this.stack = element("div", "stack", this.body);
    this.canvas = picture(this.stack);
    this.numbers = element("div", "numbers", this.stack);
    this.numbers.setAttribute("role", "list");
    this.canvas.onpointermove = (event) => this.#point(event, tooltip);
    this.canvas.onpointerdown = this.canvas.onpointermove; // a finger has no hover
    this.canvas.onpointerleave = () => tooltip.hide();
  }

  static can(moment) {
    return Boolean(moment.arrays.reconstruction && moment.still.clean?.shape.length === 3);
  }

  draw(entry, scene) {
    const { texts, colours } = scene;
    const { still, arrays } = entry.moment;
    const { clean, seen } = still;
    const [count, ...side] = clean.shape;
    const corrupted = seen && !same(clean, seen);
    const rows = [];
    if (scene.withClean || !scene.sharesClean(entry)) rows.push(["clean", clean.data, colours.grey]);
    if (corrupted) rows.push(["seen", seen.data, colours.grey]);
    rows.push(["rebuilt", arrays.reconstruction.data, colours.grey]);
    rows.push(["error", absoluteError(clean.data, arrays.reconstruction.data), colours.errorScale]);
    this.#place(rows, count, side, scene);
    this.#tell(entry, scene, squaredErrors(clean, arrays.reconstruction), count);
  }

  /** The clean images alone: once above several runs that all rebuild the same ones. */
  drawClean(clean, scene) {
    const [count, ...side] = clean.shape;
    this.title.hidden = true;
    this.#place([["clean", clean.data, scene.colours.grey]], count, side, scene);
    this.numbers.hidden = true;
    this.caption.hidden = true;
    describe(this.canvas, say(scene.texts, "clean_alt", { count: this.columns }));
  }

  #place(rows, count, side, { texts, colours, width }) {
    const gutter = width < 480 ? 50 : 64;
    const room = width - gutter;
    const { factor, size } = magnification(Math.max(...side), { least: 40, most: 76, gap: GAP, columns: count, width: room });
    this.columns = Math.max(1, Math.min(count, Math.floor((room + GAP) / (size + GAP))));
    // Two equal layers where there is one row, so that a lone row does not wrap but ends at the last column that fits.
    const layers = rows.map(([, bytes, table]) => ({ bytes, colours: table }));
    const grid = { columns: this.columns, count: this.columns, side, factor, gap: GAP };
    this.step = drawTiles(this.canvas, layers, grid, colours.hairline);
    this.rows = rows.map(([name]) => name);
    this.labels.style.width = `${gutter}px`;
    this.#fill(this.labels, rows.length, (node, i) => {
      write(node, say(texts, rows[i][0]));
      node.style.height = `${this.step.stepY}px`;
    });
  }

  #tell(entry, scene, errors, count) {
    const { texts } = scene;
    const first = entry.film.moments[0];
    const comparable = Images.can(first) && first.still.clean.data.length === entry.moment.still.clean.data.length;
    const before = comparable ? squaredErrors(first.still.clean, first.arrays.reconstruction) : errors;
    const numbers = { now: digits(mean(errors)), first: digits(mean(before)), epoch: epochText(entry.moment.epoch), count };
    this.tips = Array.from(errors, (error, i) => {
      const label = entry.film.classNames?.[Number(entry.moment.still.labels?.data[i])];
      const values = { number: i + 1, error: digits(error), label };
      return say(texts, label === undefined ? "image_tip" : "image_tip_label", values);
    });
    this.numbers.setAttribute("aria-label", say(texts, "errors_list"));
    this.#fill(this.numbers, this.columns, (node, i) => {
      node.setAttribute("role", "listitem");
      node.style.width = `${this.step.stepX}px`;
      write(node, digits(errors[i]));
    });
    describe(this.canvas, say(texts, "images_alt", { ...numbers, title: entry.run.title }));
    const fewer = this.columns < count && say(texts, "some_images", { shown: this.columns, count });
    this.frame(entry, scene, [say(texts, "mean_error", numbers), fewer]);
  }

  #fill(parent, count, each) {
    while (parent.children.length < count) element("span", "", parent);
    while (parent.children.length > count) parent.lastChild.remove();
    [...parent.children].forEach(each);
  }

  #point(event, tooltip) {
    const column = Math.floor(event.offsetX / this.step.stepX);
    if (this.tips?.[column] && column < this.columns) tooltip.show(event, this.tips[column]);
    else tooltip.hide();
  }
}

// ---- points ----

const PLEASANT = { turn: -0.4, tilt: 0.3 };

export class Points extends Figure {
  constructor(parent, view, redraw) {
    super(parent);
    this.canvas = picture(this.body);
    this.view = view; // one object for all figures, so that runs are seen from the same side
    this.redraw = redraw;
    this.legend = element("div", "legend", this.root);
    this.root.insertBefore(this.legend, this.caption);
    this.keys = ["clean", "rebuilt"].map((name) => element("span", `key ${name}`, this.legend));
    this.hint = element("span", "", this.legend);
  }

  static angle() {
    return { ...PLEASANT };
  }

  static can(moment) {
    return Boolean(moment.arrays.reconstruction && moment.still.clean?.shape.length === 2 && moment.still.clean.shape[1] <= 3);
  }

  draw(entry, scene) {
    const { texts, colours } = scene;
    const { clean } = entry.moment.still;
    const made = entry.moment.arrays.reconstruction;
    const errors = squaredErrors(clean, made);
    const first = entry.film.moments[0];
    const before = Points.can(first) ? squaredErrors(first.still.clean, first.arrays.reconstruction) : errors;
    const numbers = { now: digits(mean(errors)), first: digits(mean(before)), epoch: epochText(entry.moment.epoch), count: errors.length };
    const side = Math.min(400, scene.columnWidth);
    const spatial = clean.shape[1] === 3;
    drawPoints(this.canvas, clean, made, (this.box ??= bounds([clean])), this.view, side, colours);
    this.#turnable(spatial);
    write(this.keys[0], say(texts, "clean"));
    write(this.keys[1], say(texts, "rebuilt"));
    write(this.hint, spatial ? say(texts, "turn_hint") : "");
    describe(this.canvas, say(texts, "points_alt", { ...numbers, title: entry.run.title }));
    this.frame(entry, scene, [say(texts, "mean_error", numbers), say(texts, "points_count", numbers)]);
  }

  #turnable(spatial) {
    const { canvas, view } = this;
    canvas.classList.toggle("turnable", spatial);
    if (!spatial || canvas.onpointerdown) return;
    const turn = (across, down) => {
      view.turn += across;
      view.tilt = Math.max(-1.5, Math.min(1.5, view.tilt + down));
      this.redraw();
    };
    canvas.tabIndex = 0;
    canvas.onpointerdown = (event) => canvas.setPointerCapture(event.pointerId);
    canvas.onpointermove = (event) => {
      if (canvas.hasPointerCapture(event.pointerId)) turn(-event.movementX * 0.01, event.movementY * 0.01);
    };
    canvas.onkeydown = (event) => {
      const move = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] }[event.key];
      if (!move) return;
      event.preventDefault();
      turn(...move);
    };
  }
}

// ---- features ----

export class Features extends Figure {
  constructor(parent) {
    super(parent);
    this.canvas = picture(this.body);
  }

  static can(moment) {
    return Boolean(moment.arrays.filters || moment.arrays.atoms);
  }

  draw(entry, scene) {
    const { texts, colours } = scene;
    const array = entry.moment.arrays[scene.feature] ?? null;
    this.canvas.hidden = !array;
    const epoch = epochText(entry.moment.epoch);
    if (!array) return this.frame(entry, scene, [say(texts, "not_recorded")]);
    const [count, ...side] = array.shape;
    const room = scene.columnWidth;
    const sizes = { least: 38, most: 64, gap: GAP, columns: Math.min(count, 12), width: room };
    const { factor, size } = magnification(Math.max(...side), sizes);
    const most = Math.max(1, Math.min(count, 12, Math.floor((room + GAP) / (size + GAP))));
    const columns = Math.ceil(count / Math.ceil(count / most)); // as many rows as needed, and those evenly filled
    drawTiles(this.canvas, [{ bytes: array.data, colours: colours.signedScale }], { columns, count, side, factor, gap: GAP }, colours.hairline);
    const kind = say(texts, scene.feature);
    describe(this.canvas, say(texts, "features_alt", { title: entry.run.title, count, kind, epoch }));
    this.frame(entry, scene, [say(texts, "features_count", { count })]);
  }
}

// ---- activity ----

const ACTIVE = 26; // of 255: a tenth of the largest value

export class Activity extends Figure {
  constructor(parent) {
    super(parent);
    const stack = element("div", "stack", this.body);
    this.above = element("span", "axis", stack); // upright words beside the arrow: turned ones are hard to read, Chinese ones most
    this.canvas = picture(stack);
    this.below = element("span", "axis", stack);
  }

  static can(moment) {
    return Boolean(moment.arrays.activity);
  }

  draw(entry, scene) {
    const { texts, colours } = scene;
    const { activity } = entry.moment.arrays;
    const [samples, units] = activity.shape;
    const { shown } = drawActivity(this.canvas, activity, colours.magnitudeScale, scene.columnWidth, colours.hairline);
    let active = 0;
    for (const value of activity.data) active += value >= ACTIVE;
    const share = digits((100 * active) / activity.data.length);
    write(this.above, say(texts, "samples_axis", { count: samples }));
    write(this.below, say(texts, shown < units ? "some_units" : "units_axis", { shown, count: units }));
    const numbers = { title: entry.run.title, samples, units, share, epoch: epochText(entry.moment.epoch) };
    describe(this.canvas, say(texts, "activity_alt", numbers));
    this.frame(entry, scene, [say(texts, "active_share", numbers)]);
  }
}

export { COLUMN_GAP };
