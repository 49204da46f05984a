// The drawing pad: what a visitor draws becomes a sample like those of the data set.

import { describe, element, write } from "../shared/elements.js";
import { say } from "../shared/scales.js";
import { bytesOf, drawPicture } from "./pixels.js";

const SHEET = 280; // pixels of the drawing itself, however large it is shown
const PEN = 24;
const STRIDE = 14; // pixels that one press of an arrow key moves the pen
const SAMPLES = 8; // per pixel of the data and direction
const MNIST_BOX = 20 / 28; // MNIST's digits fill a box of 20×20, their centre of mass in the middle of 28×28 (LeCun et al. 1998)
const SMALL = 64; // CSS px of the pictures beside the pad

/** How a drawing is laid into pictures of `side` pixels, where Python has not said: as MNIST, as the 8×8 digits, as it stands. */
export function ruleFor(side, given) {
  if (given) return given;
  if (side === 28) return "centre_of_mass";
  return side <= 16 ? "bounding_box" : "as_drawn";
}

/**
 * ink (SHEET × SHEET, 0 to 1) -> Float32Array(side²), or null where nothing is drawn. "centre_of_mass": the longer side of its
 * bounding box becomes 20/28 of the picture, its centre of mass the middle. "bounding_box": the box fills the picture, and each
 * pixel is the mean of what it covers, as in the 8×8 digits (Alpaydin & Kaynak 1998). "as_drawn": the sheet becomes the picture.
 */
export function laid(ink, side, rule) {
  let [left, right, top, bottom, mass, sumX, sumY] = [SHEET, -1, SHEET, -1, 0, 0, 0];
  for (let i = 0; i < ink.length; i++) {
    if (!(ink[i] > 0)) continue;
    const [x, y] = [i % SHEET, Math.floor(i / SHEET)];
    [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
    mass += ink[i];
    sumX += ink[i] * (x + 0.5);
    sumY += ink[i] * (y + 0.5);
  }
  if (!mass) return null;
  const longer = Math.max(right - left, bottom - top) + 1;
  let [middleX, middleY, size] = [SHEET / 2, SHEET / 2, SHEET / side]; // of the sheet, for one pixel of the picture
  if (rule === "centre_of_mass") [middleX, middleY, size] = [sumX / mass, sumY / mass, longer / (side * MNIST_BOX)];
  if (rule === "bounding_box") [middleX, middleY, size] = [(left + right + 1) / 2, (top + bottom + 1) / 2, longer / side];
  const made = new Float32Array(side * side);
  for (let pixel = 0; pixel < made.length; pixel++) {
    const [column, row] = [pixel % side, Math.floor(pixel / side)];
    let sum = 0;
    for (let k = 0; k < SAMPLES * SAMPLES; k++) {
      const x = Math.floor(middleX + (column + ((k % SAMPLES) + 0.5) / SAMPLES - side / 2) * size);
      const y = Math.floor(middleY + (row + (Math.floor(k / SAMPLES) + 0.5) / SAMPLES - side / 2) * size);
      if (x >= 0 && y >= 0 && x < SHEET && y < SHEET) sum += ink[y * SHEET + x];
    }
    made[pixel] = sum / (SAMPLES * SAMPLES);
  }
  return made;
}

/** Calls `drew(sample or null)` after each stroke's every movement. */
export class DrawPad {
  constructor(parent, drew) {
    this.drew = drew;
    this.root = element("section", "pad", parent);
    this.title = element("div", "heading", this.root);
    this.title.setAttribute("role", "heading");
    this.title.setAttribute("aria-level", "2");
    this.row = element("div", "pad-row", this.root);
    this.canvas = element("canvas", "sheet", this.row);
    Object.assign(this.canvas, { width: SHEET, height: SHEET, tabIndex: 0 });
    this.canvas.setAttribute("role", "application");
    this.pictures = Object.fromEntries(["seen", "rebuilt"].map((name) => [name, this.#picture(name)]));
    this.side = element("div", "pad-words", this.row);
    this.note = element("p", "note", this.side);
    this.note.setAttribute("role", "status");
    this.how = element("p", "caption", this.side);
    this.clearing = element("button", "plain", this.side);
    this.clearing.type = "button";
    this.clearing.onclick = () => this.clear();
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.pen = { x: SHEET / 2, y: SHEET / 2, down: false };
    this.strokes = []; // each a list of [x, y]
    this.#listen();
  }

  #picture(name) {
    const figure = element("figure", name, this.row);
    const canvas = element("canvas", "", figure);
    canvas.setAttribute("role", "img");
    return { figure, canvas, words: element("figcaption", "", figure) };
  }

  #listen() {
    const { canvas } = this;
    const place = (event) => [(event.offsetX * SHEET) / canvas.clientWidth, (event.offsetY * SHEET) / canvas.clientHeight];
    canvas.onpointerdown = (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.id = event.pointerId;
      this.strokes.push([place(event)]);
      this.#changed();
    };
    canvas.onpointermove = (event) => {
      if (this.id !== event.pointerId) return;
      for (const part of event.getCoalescedEvents?.() ?? [event]) this.strokes.at(-1).push(place(part));
      this.#changed();
    };
    canvas.onpointerup = canvas.onpointercancel = () => (this.id = null);
    canvas.onkeydown = (event) => this.#key(event);
    canvas.onfocus = canvas.onblur = () => this.#paint();
  }

  #key(event) {
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (arrow) {
      const within = (value) => Math.max(PEN, Math.min(SHEET - PEN, value));
      this.pen.x = within(this.pen.x + STRIDE * arrow[0]);
      this.pen.y = within(this.pen.y + STRIDE * arrow[1]);
      if (this.pen.down) this.strokes.at(-1).push([this.pen.x, this.pen.y]);
    } else if (event.key === " ") {
      this.pen.down = !this.pen.down;
      if (this.pen.down) this.strokes.push([[this.pen.x, this.pen.y]]);
    } else if (["Escape", "Delete", "Backspace"].includes(event.key)) this.clear();
    else return;
    event.preventDefault();
    this.#changed();
  }

  clear() {
    this.strokes = [];
    this.pen.down = false;
    this.#changed();
  }

  #changed() {
    if (this.changing) return;
    this.changing = requestAnimationFrame(() => {
      this.changing = null;
      this.#paint();
      this.drew(this.strokes.length ? laid(this.#ink(), this.inputSide, this.rule) : null);
    });
  }

  #lines() {
    const { context } = this;
    context.fillStyle = "#000000";
    context.fillRect(0, 0, SHEET, SHEET);
    Object.assign(context, { strokeStyle: "#FFFFFF", lineWidth: PEN, lineCap: "round", lineJoin: "round" });
    for (const stroke of this.strokes) {
      context.beginPath();
      context.moveTo(...stroke[0]);
      for (const [x, y] of stroke.length > 1 ? stroke.slice(1) : [[stroke[0][0] + 0.01, stroke[0][1]]]) context.lineTo(x, y);
      context.stroke();
    }
  }

  #ink() {
    this.#lines();
    const { data } = this.context.getImageData(0, 0, SHEET, SHEET);
    const ink = Float32Array.from({ length: SHEET * SHEET }, (_, i) => data[4 * i] / 255);
    this.#paint();
    return ink;
  }

  /** The lines, and the keyboard's pen where it is in use. */
  #paint() {
    this.#lines();
    if (!this.canvas.matches(":focus-visible")) return;
    const { context, pen } = this;
    context.beginPath();
    context.arc(pen.x, pen.y, PEN / 2 + 3, 0, 2 * Math.PI);
    context.lineWidth = 3;
    context.strokeStyle = pen.down ? "#FFFFFF" : "#8A9099";
    context.stroke();
  }

  /** side: of the data's pictures; made: {sample, picture} or null; note: what is to be said of the place. */
  show({ side, rule, made, note, texts, colours }) {
    this.inputSide = side;
    this.rule = rule;
    write(this.title, say(texts, "pad"));
    describe(this.canvas, say(texts, "pad_label"));
    write(this.clearing, say(texts, "pad_clear"));
    write(this.how, say(texts, `pad_${rule}`, { side }));
    write(this.note, note);
    this.clearing.disabled = !this.strokes.length;
    for (const [name, { canvas, words }] of Object.entries(this.pictures)) {
      const values = made?.[name] ?? new Float32Array(side * side);
      drawPicture(canvas, bytesOf(values), [side, side], Math.max(SMALL, side), colours);
      write(words, say(texts, `pad_${name}`));
      describe(canvas, say(texts, made ? `pad_${name}_alt` : "pad_empty"));
    }
    if (!this.painted) this.#paint();
    this.painted = true;
  }
}
