// The parts round the maps: toolbar, legend, tooltip. They show what they are given and say what was pressed.

import { element, write } from "../shared/elements.js";
import { digits, say } from "../shared/scales.js";
import { drawPicture } from "./pixels.js";
import { marker } from "./raster.js";

const MOST_CLASSES = 30; // in the legend; more are counted
const PICTURE = 84; // CSS px
const PATHS = {
  move: "M12 2l3.5 3.5h-2.5V11h5.5V8.5L22 12l-3.5 3.5V13H13v5.5h2.5L12 22l-3.5-3.5H11V13H5.5v2.5L2 12l3.5-3.5V11H11V5.5H8.5z",
  box: "M4 4h4v2H6v2H4zM10 4h4v2h-4zM16 4h4v4h-2V6h-2zM4 10h2v4H4zM18 10h2v4h-2zM4 16h2v2h2v2H4zM10 18h4v2h-4zM18 16h2v4h-4v-2h2z",
  lasso: "M12 4c5 0 9 2.6 9 6s-4 6-9 6c-1 0-1.9-.1-2.8-.3.2 1.9-.6 3.5-2.4 4.8l-1.2-1.6c1.3-.9 1.8-2 1.5-3.8C4.6 14 3 12.2 3 10c0-3.4 4-6 9-6zm0 2c-4 0-7 1.9-7 4 0 1.3 1 2.4 2.6 3.2.6-.7 1.7-.9 2.5-.3.4.3.7.7.8 1.1H12c4 0 7-1.9 7-4s-3-4-7-4z",
  less: "M5 11h14v2H5z",
  more: "M11 5h2v6h6v2h-6v6h-2v-6H5v-2h6z",
  fit: "M4 4h6v2H6v4H4zM14 4h6v6h-2V6h-4zM4 14h2v4h4v2H4zM18 14h2v6h-6v-2h4z",
};

function iconButton(parent, name, pressed) {
  const button = element("button", name, parent);
  button.type = "button";
  const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("aria-hidden", "true");
  drawing.append(document.createElementNS("http://www.w3.org/2000/svg", "path"));
  drawing.firstChild.setAttribute("d", PATHS[name]);
  button.append(drawing);
  button.onclick = pressed;
  return button;
}

function named(button, text) {
  if (button.title === text) return;
  button.title = text;
  button.setAttribute("aria-label", text);
}

/** `act(name, value)`: tool, zoom (a factor), fit, search (text), next, found, clear, decode, draw. */
export class Toolbar {
  constructor(parent, act) {
    this.root = element("div", "toolbar", parent);
    const tools = element("div", "icons", this.root);
    tools.setAttribute("role", "group");
    this.tools = tools;
    this.toolButtons = ["move", "box", "lasso"].map((name) => ({ name, button: iconButton(tools, name, () => act("tool", name)) }));
    const zooms = element("div", "icons", this.root);
    this.less = iconButton(zooms, "less", () => act("zoom", 1 / 1.4));
    this.more = iconButton(zooms, "more", () => act("zoom", 1.4));
    this.fit = iconButton(zooms, "fit", () => act("fit"));
    this.search = element("input", "search", this.root);
    Object.assign(this.search, { type: "search", maxLength: 60, spellcheck: false, autocomplete: "off" });
    this.search.oninput = () => act("search", this.search.value);
    this.search.onkeydown = (event) => {
      if (event.key === "Enter" && !event.isComposing) act("next"); // a handler that returned false here would swallow every other key
    };
    this.found = element("span", "count", this.root);
    this.found.setAttribute("role", "status");
    this.take = this.#plain(() => act("found"));
    this.gap = element("span", "gap", this.root);
    this.decode = this.#plain(() => act("decode"));
    this.draw = this.#plain(() => act("draw"));
  }

  #plain(pressed) {
    const button = element("button", "plain", this.root);
    button.type = "button";
    button.onclick = pressed;
    return button;
  }

  /** now: {tool, words, found, decodes: null | bool, draws: null | bool}; null where there is nothing to decode or encode with. */
  show(now, texts) {
    this.tools.setAttribute("aria-label", say(texts, "tools"));
    for (const { name, button } of this.toolButtons) {
      named(button, say(texts, `tool_${name}`));
      button.setAttribute("aria-pressed", String(now.tool === name));
    }
    named(this.less, say(texts, "zoom_out"));
    named(this.more, say(texts, "zoom_in"));
    named(this.fit, say(texts, "zoom_fit"));
    this.search.placeholder = say(texts, "search");
    this.search.setAttribute("aria-label", say(texts, "search"));
    write(this.found, now.words ? say(texts, now.found ? "found" : "found_none", { count: now.found }) : "");
    write(this.take, say(texts, "select_found"));
    this.take.hidden = !now.found;
    for (const [button, state, key] of [[this.decode, now.decodes, "decode"], [this.draw, now.draws, "draw"]]) {
      button.hidden = state === null;
      button.setAttribute("aria-pressed", String(Boolean(state)));
      write(button, say(texts, key));
    }
  }
}

/** What the colours mean; a class is a button that selects all of it. */
export class Legend {
  constructor(parent, chosen) {
    this.chosen = chosen;
    this.root = element("div", "legend", parent);
    this.title = element("span", "legend-title", this.root);
    this.classes = element("div", "classes", this.root);
    this.scale = element("div", "scale-key", this.root);
    this.low = element("span", "", this.scale);
    this.bar = element("span", "bar", this.scale);
    this.high = element("span", "", this.scale);
    this.more = element("span", "", this.root);
  }

  /** coloured: as Columns.colours made it; look(label) -> {shape, fill}; stops: of the scale; name(label) -> text. */
  show({ title, coloured, look, stops, name }, texts) {
    write(this.title, title);
    const classes = coloured.kind === "classes" ? [...coloured.present] : [];
    this.#classes(classes.slice(0, MOST_CLASSES), look, name, texts);
    write(this.more, classes.length > MOST_CLASSES ? say(texts, "more_classes", { count: classes.length - MOST_CLASSES }) : "");
    this.scale.hidden = !["magnitude", "signed"].includes(coloured.kind);
    if (!this.scale.hidden) {
      this.bar.style.background = `linear-gradient(to right, ${stops.join()})`;
      for (const end of ["low", "high"]) write(this[end], Number.isInteger(coloured[end]) ? String(coloured[end]) : digits(coloured[end]));
    }
  }

  #classes(classes, look, name, texts) {
    const key = classes.map(([label]) => `${label} ${look(label).fill} ${name(label)}`).join();
    if (key === this.shown) return;
    this.shown = key;
    this.classes.replaceChildren();
    for (const [label, count] of classes) {
      const button = element("button", "class", this.classes);
      button.type = "button";
      const swatch = element("canvas", "", button);
      const ratio = window.devicePixelRatio || 1;
      Object.assign(swatch, { width: 14 * ratio, height: 14 * ratio });
      const context = swatch.getContext("2d");
      context.translate(7 * ratio, 7 * ratio);
      context.fillStyle = look(label).fill;
      context.fill(marker(look(label).shape, 4.6 * ratio));
      element("span", "", button).textContent = name(label);
      button.title = say(texts, "select_class", { label: name(label), count });
      button.setAttribute("aria-label", button.title);
      button.onclick = () => this.chosen(label);
    }
  }
}

/** How many are chosen and how many filtered out; stands below the maps, so that these never move. */
export class Status {
  constructor(parent, cleared) {
    this.root = element("div", "status", parent);
    this.count = element("span", "count", this.root);
    this.count.setAttribute("role", "status");
    this.clear = element("button", "plain", this.root);
    this.clear.type = "button";
    this.clear.onclick = cleared;
  }

  show(selected, filtered, texts) {
    const parts = [selected && say(texts, "selected", { count: selected }), filtered && say(texts, "filtered", { count: filtered })];
    write(this.count, parts.filter(Boolean).join("\u00a0· "));
    write(this.clear, say(texts, "clear"));
    this.clear.hidden = !selected;
  }
}

/** Floats beside the pointer, or beside the keyboard's cursor. */
export class Tooltip {
  constructor(root) {
    this.root = root;
    this.box = element("div", "tooltip", root);
    this.box.hidden = true;
    this.box.setAttribute("aria-hidden", "true"); // the same words are announced
    const pictures = element("div", "pictures", this.box);
    this.figures = Object.fromEntries(
      ["data", "decoded"].map((name) => {
        const figure = element("figure", name, pictures);
        return [name, { figure, canvas: element("canvas", "", figure), words: element("figcaption", "", figure) }];
      }),
    );
    this.pictures = pictures;
    this.head = element("div", "head", this.box);
    this.lines = element("div", "lines", this.box);
    this.note = element("div", "note", this.box);
  }

  /** said: {data, decoded: bytes or null, side, slots: names, head, lines, note, far}; x, y: CSS px within the root. */
  show(said, x, y, texts, colours) {
    for (const [name, { figure, canvas, words }] of Object.entries(this.figures)) {
      figure.hidden = !said.slots.includes(name);
      if (figure.hidden) continue;
      figure.classList.toggle("none", !said[name]);
      drawPicture(canvas, said[name] ?? new Uint8Array(said.side[0] * said.side[1]), said.side, PICTURE, colours);
      if (!said[name]) canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height); // the hatching shows
      write(words, say(texts, `picture_${name}`));
    }
    this.pictures.hidden = !said.slots.length;
    write(this.head, said.head);
    write(this.lines, said.lines.join("\n"));
    write(this.note, said.note);
    this.note.classList.toggle("far", said.far);
    for (const part of [this.head, this.lines, this.note]) part.hidden = !part.textContent;
    this.box.hidden = false;
    const [width, height, room] = [this.box.offsetWidth, this.box.offsetHeight, this.root.clientWidth];
    const left = x + 16 + width <= room ? x + 16 : Math.max(0, Math.min(x - width - 16, room - width));
    const below = y + 18;
    const fits = this.root.getBoundingClientRect().top + below + height < window.innerHeight;
    this.box.style.transform = `translate(${left}px, ${fits ? below : y - height - 14}px)`;
  }

  hide() {
    this.box.hidden = true;
  }
}
