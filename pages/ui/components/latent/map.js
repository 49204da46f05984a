// One map: its canvases, its camera, and what pointer and keys do on it. What is chosen is its host's business.

import { describe, element, write } from "../shared/elements.js";
import { say } from "../shared/scales.js";
import { Placement, inside } from "./placement.js";
import { Raster } from "./raster.js";

const REACH = { mouse: 12, pen: 16, touch: 24 }; // CSS px within which a pointer means a point
const CLICK = 5; // CSS px that a pointer may move and still have clicked
const ROOMY = 460; // CSS px: on a smaller canvas markers are smaller
const GLIDE = 220; // ms of the way back to the whole map
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Events go to `host`: hovered(map, row, place), picked(map, row, add), enclosed(map, rows, add), moved(map), key(map, event). */
export class MapView {
  constructor(parent, host) {
    this.host = host;
    this.root = element("section", "map", parent);
    this.title = element("div", "heading", this.root);
    this.title.setAttribute("role", "heading");
    this.title.setAttribute("aria-level", "2");
    this.stage = element("div", "stage", this.root);
    this.canvas = element("canvas", "points", this.stage);
    this.over = element("canvas", "over", this.stage);
    this.over.tabIndex = 0;
    this.over.setAttribute("role", "application");
    this.state = element("div", "empty", this.stage);
    this.state.setAttribute("role", "status");
    this.words = element("span", "", this.state);
    this.bar = element("span", "progress", this.state);
    this.caption = element("div", "caption", this.root);
    this.raster = new Raster(this.canvas);
    this.camera = Placement.camera();
    this.placement = null;
    this.pointers = new Map();
    this.path = null; // of the lasso or the box that is being drawn, in device pixels
    this.#listen();
  }

  get width() {
    return this.canvas.width;
  }

  get height() {
    return this.canvas.height;
  }

  get ratio() {
    return window.devicePixelRatio || 1;
  }

  // ---- what it shows ----

  /** array: {data, shape}; the camera stays where it is. follows: whether it is the last one a little later, to be laid over it. */
  put(array, follows = false) {
    if (this.array === array) return;
    const last = this.placement;
    this.array = array;
    this.placement = array && array.shape.at(-1) <= 3 && array.data.length ? new Placement(array) : null;
    if (follows && last && this.placement) this.placement.alignWith(last);
    this.xs = new Float32Array(this.placement?.count ?? 0);
    this.ys = new Float32Array(this.xs.length);
    this.depths = new Float32Array(this.xs.length);
  }

  resize(width, height) {
    for (const canvas of [this.canvas, this.over]) {
      const [wide, high] = [Math.max(1, Math.round(width * this.ratio)), Math.max(1, Math.round(height * this.ratio))];
      if (canvas.width !== wide || canvas.height !== high) {
        Object.assign(canvas, { width: wide, height: high });
        canvas.style.width = `${wide / this.ratio}px`;
        canvas.style.height = `${high / this.ratio}px`;
      }
    }
    this.stage.style.height = `${height}px`;
  }

  /** scene: {kinds, states, order, looks, paper, radius} as the host has made them. */
  drawPoints(scene) {
    const { placement, camera, width, height } = this;
    if (!placement || placement.count !== scene.kinds.length) return this.raster.draw({ ...scene, xs: [], ys: [], order: [] });
    placement.project(camera, width, height, this.xs, this.ys, this.depths);
    const room = Math.max(0.75, Math.min(1, Math.min(width, height) / this.ratio / ROOMY));
    const radius = scene.radius * room * this.ratio * Math.min(2.2, Math.max(0.8, camera.zoom ** 0.3));
    const order = placement.spatial ? this.#byDepth(scene.states) : scene.order;
    this.raster.draw({ ...scene, xs: this.xs, ys: this.ys, order, radius });
  }

  /** Far points first, within the order of states; sorted into 256 layers each. */
  #byDepth(states) {
    const { count, radius } = this.placement;
    const layer = (i) => states[i] * 256 + Math.max(0, Math.min(255, Math.round(127.5 * (1 + this.depths[i] / radius))));
    const starts = new Uint32Array(256 * 5 + 1);
    for (let i = 0; i < count; i++) starts[layer(i) + 1] += 1;
    for (let i = 1; i < starts.length; i++) starts[i] += starts[i - 1];
    this.sorted = this.sorted?.length === count ? this.sorted : new Uint32Array(count);
    for (let i = 0; i < count; i++) this.sorted[starts[layer(i)]++] = i;
    return this.sorted;
  }

  /** marks: {hover, cursor: rows or null, drawn: a place or null}; the path being drawn; nothing of it redraws the points. */
  drawOver(marks, colours) {
    const context = this.over.getContext("2d");
    context.clearRect(0, 0, this.width, this.height);
    if (!this.placement) return;
    const { ratio } = this;
    const ring = (x, y, radius, colour, line) => {
      context.beginPath();
      context.arc(x, y, radius * ratio, 0, 2 * Math.PI);
      context.lineWidth = (line + 2) * ratio;
      context.strokeStyle = colours.background;
      context.stroke();
      context.lineWidth = line * ratio;
      context.strokeStyle = colour;
      context.stroke();
    };
    if (marks.cursor !== null) ring(this.xs[marks.cursor] | 0, this.ys[marks.cursor] | 0, 11, colours.accent, 2.5);
    if (marks.hover !== null) ring(this.xs[marks.hover] | 0, this.ys[marks.hover] | 0, 8, colours.text, 1.5);
    if (marks.drawn) this.#drawn(context, marks.drawn, colours);
    if (this.path) this.#outline(context, colours);
  }

  #drawn(context, place, colours) {
    const [x, y] = this.placement.pixel(place, this.camera, this.width, this.height);
    const size = 9 * this.ratio;
    context.beginPath();
    for (const [dx, dy] of [[0, -1], [1, 0], [0, 1], [-1, 0]]) context.lineTo(x + dx * size, y + dy * size);
    context.closePath();
    context.lineWidth = 3 * this.ratio;
    context.strokeStyle = colours.background;
    context.stroke();
    context.fillStyle = colours.accent;
    context.fill();
    context.lineWidth = 1.5 * this.ratio;
    context.strokeStyle = colours.text;
    context.stroke();
  }

  #outline(context, colours) {
    context.beginPath();
    for (const [x, y] of this.path) context.lineTo(x, y);
    context.closePath();
    context.fillStyle = `${colours.accent}22`;
    context.fill();
    context.lineWidth = 1.5 * this.ratio;
    context.setLineDash([5 * this.ratio, 4 * this.ratio]);
    context.strokeStyle = colours.accent;
    context.stroke();
    context.setLineDash([]);
  }

  /** The words in place of a picture, or none; `part`: how much of the work is done, 0 to 1, or null. */
  say(words, part) {
    this.state.hidden = words === null;
    if (words !== null) write(this.words, words);
    this.bar.hidden = words === null || part === null;
    this.bar.style.setProperty("--done", `${Math.round(100 * (part ?? 0))}%`);
  }

  name(label, title, texts) {
    write(this.title, title);
    describe(this.over, label);
    this.over.setAttribute("aria-roledescription", say(texts, "map_role"));
  }

  // ---- places ----

  /** The row of the shown point nearest to a pixel, within `reach` device pixels, or null. */
  near(x, y, reach) {
    let [best, found] = [reach * reach, null];
    for (let i = 0; i < this.xs.length; i++) {
      const square = (this.xs[i] - x) ** 2 + (this.ys[i] - y) ** 2;
      if (square <= best && this.host.shown(i)) [best, found] = [square, i];
    }
    return found;
  }

  /** The next shown point from `row` in a direction: near, and not far aside. */
  towards(row, [across, down]) {
    const [x, y] = [this.xs[row], this.ys[row]];
    let [best, found] = [Infinity, row];
    for (let i = 0; i < this.xs.length; i++) {
      const [dx, dy] = [this.xs[i] - x, this.ys[i] - y];
      const ahead = dx * across + dy * down;
      const aside = Math.abs(dx * down) + Math.abs(dy * across);
      if (ahead <= 0.5 || aside > ahead) continue;
      const cost = ahead + 2 * aside;
      if (cost < best && this.host.shown(i)) [best, found] = [cost, i];
    }
    return found;
  }

  /** Brings a point into view, if it is not. */
  reveal(row) {
    const [x, y] = [this.xs[row], this.ys[row]];
    const edge = 24 * this.ratio;
    const across = x < edge ? edge - x : x > this.width - edge ? this.width - edge - x : 0;
    const down = y < edge ? edge - y : y > this.height - edge ? this.height - edge - y : 0;
    if (!across && !down) return;
    this.placement.pan(this.camera, across, down, this.width, this.height);
    this.host.moved(this);
  }

  // ---- what the visitor does ----

  #listen() {
    const { over } = this;
    over.onpointerdown = (event) => this.#down(event);
    over.onpointermove = (event) => this.#move(event);
    over.onpointerup = (event) => this.#up(event);
    over.onpointercancel = (event) => this.#cancel(event);
    // A finger that is lifted leaves too, but what it touched stays on show.
    over.onpointerleave = (event) => {
      if (event.pointerType === "mouse" && !this.pointers.size) this.host.hovered(this, null, null);
    };
    over.ondblclick = () => this.fit();
    over.oncontextmenu = (event) => {
      if (this.placement?.spatial) event.preventDefault(); // the right button moves a map that the left one turns
    };
    over.onkeydown = (event) => this.#key(event);
    over.onblur = () => this.host.left(this);
    over.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    // Two fingers are ours: without this the browser may take them for scrolling.
    over.addEventListener("touchstart", (event) => event.touches.length > 1 && event.preventDefault(), { passive: false });
  }

  #at(event) {
    return [event.offsetX * this.ratio, event.offsetY * this.ratio];
  }

  #down(event) {
    if (!this.placement) return;
    this.over.setPointerCapture(event.pointerId);
    const [x, y] = this.#at(event);
    this.pointers.set(event.pointerId, { x, y });
    if (this.pointers.size === 2) {
      this.path = null;
      this.gesture = "pinch";
      return;
    }
    const tool = event.shiftKey && this.host.tool === "move" ? "box" : this.host.tool;
    this.gesture = tool;
    this.began = [x, y];
    this.travelled = 0;
    this.aside = event.button === 2 || event.ctrlKey;
    if (event.pointerType !== "mouse") this.#hover(event, x, y);
  }

  #move(event) {
    if (!this.placement) return;
    const [x, y] = this.#at(event);
    const before = this.pointers.get(event.pointerId);
    if (!before) return this.#hover(event, x, y);
    if (this.gesture === "pinch") {
      if (this.pointers.size > 1) this.#pinch(event.pointerId, x, y); // of two fingers one is lifted first
      return undefined;
    }
    this.travelled = Math.max(this.travelled, Math.hypot(x - this.began[0], y - this.began[1]));
    this.pointers.set(event.pointerId, { x, y });
    if (this.travelled <= CLICK * this.ratio) return undefined;
    if (this.gesture === "move") this.#drag(event, x - before.x, y - before.y, x, y);
    else this.#draw(x, y);
    return undefined;
  }

  #drag(event, across, down, x, y) {
    // One finger explores the map and scrolls the page; two fingers move it.
    if (event.pointerType === "touch" && !this.placement.spatial) return this.#hover(event, x, y);
    if (this.placement.spatial && !this.aside) this.turn((-across / this.ratio) * 0.01, (down / this.ratio) * 0.01);
    else this.placement.pan(this.camera, across, down, this.width, this.height);
    this.over.classList.add("dragged");
    this.host.hovered(this, null, null);
    return this.host.moved(this);
  }

  turn(across, down) {
    this.camera.turn += across;
    this.camera.tilt = Math.max(-1.5, Math.min(1.5, this.camera.tilt + down));
  }

  #draw(x, y) {
    const [left, top] = this.began;
    if (this.gesture === "box") this.path = [[left, top], [x, top], [x, y], [left, y]];
    else this.path = [...(this.path ?? [this.began]), [x, y]];
    this.host.marked();
  }

  #pinch(id, x, y) {
    const other = [...this.pointers].find(([key]) => key !== id)[1];
    const before = this.pointers.get(id);
    const span = (a, b) => Math.max(8, Math.hypot(a.x - b.x, a.y - b.y));
    const now = { x, y };
    const middle = [(x + other.x) / 2, (y + other.y) / 2];
    this.placement.zoom(this.camera, span(now, other) / span(before, other), ...middle, this.width, this.height);
    this.placement.pan(this.camera, (x - before.x) / 2, (y - before.y) / 2, this.width, this.height);
    this.pointers.set(id, now);
    this.host.moved(this);
  }

  #up(event) {
    if (!this.pointers.delete(event.pointerId) || this.gesture === "pinch") return;
    this.over.classList.remove("dragged");
    const [x, y] = this.#at(event);
    const add = event.shiftKey || event.ctrlKey || event.metaKey;
    if (this.travelled <= CLICK * this.ratio) {
      const row = this.near(x, y, (REACH[event.pointerType] ?? REACH.mouse) * this.ratio);
      if (row !== null) this.host.picked(this, row, add);
    } else if (this.path) {
      const rows = [];
      for (let i = 0; i < this.xs.length; i++) if (this.host.shown(i) && inside(this.path, this.xs[i], this.ys[i])) rows.push(i);
      // Shift began a box with the moving tool: it adds to the selection only together with another key.
      this.host.enclosed(this, rows, this.host.tool === "move" ? event.ctrlKey || event.metaKey || event.altKey : add);
    }
    this.path = null;
    this.host.marked();
  }

  #cancel(event) {
    this.pointers.delete(event.pointerId);
    this.path = null;
    this.over.classList.remove("dragged");
    this.host.hovered(this, null, null);
  }

  #hover(event, x, y) {
    const row = this.near(x, y, (REACH[event.pointerType] ?? REACH.mouse) * this.ratio);
    const place = this.placement.spatial ? null : this.placement.place(x, y, this.camera, this.width, this.height);
    this.host.hovered(this, row, place, x / this.ratio, y / this.ratio);
  }

  #wheel(event) {
    if (!this.placement) return;
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 24 : event.deltaMode === 2 ? 400 : 1;
    const speed = event.ctrlKey ? 0.01 : 0.0016; // a pinch on a touch pad arrives as small turns of the wheel with Ctrl
    const factor = Math.exp(-Math.max(-300, Math.min(300, event.deltaY * lines)) * speed);
    this.zoom(factor, ...this.#at(event));
  }

  zoom(factor, x = this.width / 2, y = this.height / 2) {
    if (!this.placement) return;
    this.placement.zoom(this.camera, factor, x, y, this.width, this.height);
    this.host.moved(this);
  }

  #key(event) {
    if (!this.placement || event.altKey || event.ctrlKey || event.metaKey) return;
    const arrow = ARROWS[event.key];
    const step = 40 * this.ratio;
    if (arrow && event.shiftKey) {
      if (this.placement.spatial) this.turn(0.1 * arrow[0], 0.1 * arrow[1]);
      else this.placement.pan(this.camera, -arrow[0] * step, -arrow[1] * step, this.width, this.height);
      this.host.moved(this);
    } else if (arrow) this.host.stepped(this, arrow);
    else if (event.key === "+" || event.key === "=") this.zoom(1.3);
    else if (event.key === "-") this.zoom(1 / 1.3);
    else if (event.key === "0") this.fit();
    else if (event.key === "Enter" || event.key === " ") this.host.entered(this, event.shiftKey);
    else if (event.key === "Escape") this.host.cleared(this);
    else return;
    event.preventDefault();
  }

  /** Back to the whole map, in a moment's glide where motion is welcome. */
  fit() {
    const from = { ...this.camera };
    const goal = { ...Placement.camera(), turn: from.turn, tilt: from.tilt };
    const began = performance.now();
    const length = matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : GLIDE;
    const glide = () => {
      const part = length ? Math.min(1, (performance.now() - began) / length) : 1;
      const eased = 1 - (1 - part) ** 3;
      for (const name of ["x", "y"]) this.camera[name] = from[name] + eased * (goal[name] - from[name]);
      this.camera.zoom = from.zoom * (goal.zoom / from.zoom) ** eased;
      this.host.moved(this);
      if (part < 1) this.gliding = requestAnimationFrame(glide);
    };
    cancelAnimationFrame(this.gliding);
    glide();
  }

  destroy() {
    cancelAnimationFrame(this.gliding);
    this.root.remove();
  }
}
