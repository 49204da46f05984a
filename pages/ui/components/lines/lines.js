// Two squares side by side: lines that cut one, prototypes that share out the other. All can be dragged, or moved by keys; the
// regions are painted and counted at every move, and Python is told when a move has ended.

import { mount } from "../shared/mount.js";
import { equation, nearest, regions, segment, side, through } from "./geometry.js";

const SIZE = 300; // of a square in the drawing's own units
const GRID = 100; // painted cells along an edge
const STEP = 0.02;
const TURN = 3; // degrees
const SPACE = "http://www.w3.org/2000/svg";

class Board {
  constructor(root) {
    this.root = root;
    this.squares = { lines: new Square(root), prototypes: new Square(root) };
  }

  /** An answer to what the visitor has moved again meanwhile is out of date: its layout is not taken over. */
  take({ data: [data], setStateValue }) {
    this.texts = data.texts;
    this.colours = data.colours;
    this.tell = () => setStateValue("layout", { lines: this.lines, prototypes: this.prototypes, turn: this.moves });
    this.moves ??= data.heard; // counts what the visitor has moved
    if (this.dragging || data.heard !== this.moves) return this.draw();
    this.lines = data.lines.map(([angle, place]) => ({ angle, place }));
    this.prototypes = data.prototypes.map((point) => [...point]);
    return this.build();
  }

  build() {
    const focused = this.squares.lines.focused() ?? this.squares.prototypes.focused();
    this.squares.lines.clear();
    this.squares.prototypes.clear();
    this.drawnLines = this.lines.map((_, index) => this.line(index));
    this.drawnPoints = this.prototypes.map((_, index) => this.point(index));
    this.draw();
    if (focused) this.squares[focused.square].svg.querySelector(`[data-item="${focused.item}"]`)?.focus();
  }

  // ---- what can be moved ----

  line(index) {
    const svg = this.squares.lines.svg;
    const group = shape("g", { tabindex: 0, role: "button", "data-item": index, class: "line" }, svg);
    const drawn = { group, hit: shape("line", { class: "hit" }, group), ink: shape("line", { class: "ink" }, group) };
    drawn.ends = [0, 1].map((end) => {
      const knob = shape("circle", { r: 9, class: "knob" }, group);
      this.drag(knob, this.squares.lines, (at) => this.turn(index, end, at));
      return knob;
    });
    let grabbed;
    this.drag(drawn.hit, this.squares.lines, (at, begins) => {
      const line = this.lines[index];
      if (begins) grabbed = { at, middle: middle(segment(line)) };
      const moved = [0, 1].map((axis) => grabbed.middle[axis] + at[axis] - grabbed.at[axis]);
      this.lines[index] = through(moved, line.angle);
    });
    group.onkeydown = (event) => this.key(event, (x, y) => {
      const line = this.lines[index];
      if (event.shiftKey) this.lines[index] = { ...line, angle: (line.angle + 180 + TURN * (x + y)) % 180 };
      else {
        const { a, b } = equation(line);
        const push = x * a + y * b >= 0 ? STEP : -STEP;
        this.lines[index] = { ...line, place: Math.min(0.98, Math.max(0.02, line.place + push)) };
      }
    });
    return drawn;
  }

  /** One knob follows the pointer, the other stays. */
  turn(index, end, at) {
    const other = knobs(this.lines[index])[1 - end];
    const [dx, dy] = [at[0] - other[0], at[1] - other[1]];
    if (Math.hypot(dx, dy) < 0.05) return;
    this.lines[index] = through(other, (Math.atan2(dy, dx) * 180) / Math.PI);
  }

  point(index) {
    const group = shape("g", { tabindex: 0, role: "button", "data-item": index, class: "point" }, this.squares.prototypes.svg);
    const drawn = { group, knob: shape("circle", { r: 9, class: "knob" }, group) };
    this.drag(drawn.knob, this.squares.prototypes, (at) => {
      this.prototypes[index] = at.map((part) => Math.min(0.98, Math.max(0.02, part)));
    });
    group.onkeydown = (event) => this.key(event, (x, y) => {
      const [u, v] = this.prototypes[index];
      this.prototypes[index] = [u + STEP * x, v + STEP * y].map((part) => Math.min(0.98, Math.max(0.02, part)));
    });
    return drawn;
  }

  drag(target, square, move) {
    const act = (event, begins) => {
      move(square.at(event), begins);
      this.moves += 1;
      this.draw();
    };
    target.onpointerdown = (event) => {
      event.preventDefault();
      target.setPointerCapture(event.pointerId);
      this.dragging = true;
      target.parentNode.focus();
      if (!target.classList.contains("knob")) act(event, true);
    };
    target.onpointermove = (event) => this.dragging && target.hasPointerCapture(event.pointerId) && act(event, false);
    target.onpointerup = target.onpointercancel = () => {
      if (!this.dragging) return;
      this.dragging = false;
      this.tell();
    };
  }

  key(event, move) {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!way) return;
    event.preventDefault();
    move(...way);
    this.moves += 1;
    this.draw();
    clearTimeout(this.told);
    this.told = setTimeout(() => this.tell(), 250); // a held key is one move
  }

  // ---- drawing ----

  draw() {
    const equations = this.lines.map(equation);
    this.squares.lines.paint(this.colours, (x, y) => side(equations, x, y));
    this.squares.prototypes.paint(this.colours, (x, y) => nearest(this.prototypes, x, y));
    this.drawnLines.forEach((drawn, index) => {
      const ends = segment(this.lines[index]) ?? [[0, 0], [0, 0]];
      for (const one of [drawn.hit, drawn.ink]) set(one, { x1: px(ends[0][0]), y1: py(ends[0][1]), x2: px(ends[1][0]), y2: py(ends[1][1]) });
      knobs(this.lines[index]).forEach(([x, y], end) => set(drawn.ends[end], { cx: px(x), cy: py(y) }));
      const { angle, place } = this.lines[index];
      drawn.group.setAttribute("aria-label", say(this.texts.line, { n: index + 1, angle: Math.round(angle), place: place.toFixed(2) }));
    });
    this.drawnPoints.forEach(({ group, knob }, index) => {
      const [x, y] = this.prototypes[index];
      set(knob, { cx: px(x), cy: py(y) });
      group.setAttribute("aria-label", say(this.texts.point, { n: index + 1, x: x.toFixed(2), y: y.toFixed(2) }));
    });
    this.squares.lines.title(say(this.texts.lines_title, { n: this.lines.length, regions: regions(this.lines) }));
    const cells = new Set(this.prototypes.map(String)).size;
    this.squares.prototypes.title(say(this.texts.prototypes_title, { n: this.prototypes.length, cells }));
  }

  destroy() {
    clearTimeout(this.told);
  }
}

class Square {
  constructor(root) {
    const figure = root.appendChild(document.createElement("figure"));
    this.caption = figure.appendChild(document.createElement("figcaption"));
    const stage = figure.appendChild(document.createElement("div"));
    stage.className = "stage";
    this.canvas = stage.appendChild(document.createElement("canvas"));
    Object.assign(this.canvas, { width: GRID, height: GRID });
    this.canvas.setAttribute("aria-hidden", "true");
    this.svg = stage.appendChild(document.createElementNS(SPACE, "svg"));
    set(this.svg, { viewBox: `0 0 ${SIZE} ${SIZE}`, role: "group" });
  }

  clear() {
    this.svg.replaceChildren();
  }

  focused() {
    const active = this.svg.getRootNode().activeElement;
    if (!active || !this.svg.contains(active)) return null;
    return { square: active.classList.contains("line") ? "lines" : "prototypes", item: active.dataset.item };
  }

  title(text) {
    if (this.caption.textContent === text) return;
    this.caption.textContent = text;
    this.svg.setAttribute("aria-label", text);
  }

  /** The pointer's place in the square. */
  at(event) {
    const box = this.svg.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, 1 - (event.clientY - box.top) / box.height];
  }

  paint(colours, colourAt) {
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, GRID, GRID);
    for (let row = 0; row < GRID; row++) {
      for (let column = 0; column < GRID; column++) {
        context.fillStyle = colours[colourAt((column + 0.5) / GRID, 1 - (row + 0.5) / GRID) % colours.length];
        context.fillRect(column, row, 1, 1);
      }
    }
  }
}

const px = (x) => x * SIZE;
const py = (y) => (1 - y) * SIZE;
const middle = (ends) => (ends ? [0, 1].map((axis) => (ends[0][axis] + ends[1][axis]) / 2) : [0.5, 0.5]);

/** Where a line's two knobs are: a fifth of the way in from its ends. */
function knobs(line) {
  const [from, to] = segment(line) ?? [[0.5, 0.5], [0.5, 0.5]];
  return [0.18, 0.82].map((share) => [0, 1].map((axis) => from[axis] + share * (to[axis] - from[axis])));
}

function shape(name, attributes, parent) {
  const made = document.createElementNS(SPACE, name);
  set(made, attributes);
  return parent.appendChild(made);
}

function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
}

function say(text, numbers) {
  return text.replace(/\{(\w+)\}/g, (_, name) => String(numbers[name]));
}

export default function lines(component) {
  return mount(component, Board, ".lines");
}
