// What a component shows, as a PNG or an SVG to keep: its canvases and its words, where they stand. Never its controls.

import { element } from "./elements.js";

const DENSITY = 2; // a PNG has so many pixels for each pixel on the screen
const FRAME = 8; // px
const LEFT_OUT = ".player, .toolbar, .tooltip, .save, .help, .spoken, input";
const CAMERA = "M9 4l-1.5 2H4a1 1 0 0 0-1 1v12a1 1 0 0 0 1 1h16a1 1 0 0 0 1-1V7a1 1 0 0 0-1-1h-3.5L15 4zM12 9a4 4 0 1 1 0 8 4 4 0 0 1 0-8z";

/** The button, and the choice that it opens. root: what is saved. */
export class SaveButton {
  constructor(parent, root) {
    this.shown = root;
    this.root = element("span", "save", parent);
    this.button = element("button", "", this.root);
    this.button.type = "button";
    const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    drawing.setAttribute("viewBox", "0 0 24 24");
    drawing.setAttribute("aria-hidden", "true");
    drawing.append(document.createElementNS("http://www.w3.org/2000/svg", "path"));
    drawing.firstChild.setAttribute("d", CAMERA);
    this.button.append(drawing);
    this.choice = element("span", "save-choice", this.root);
    this.choice.hidden = true;
    for (const format of ["png", "svg"]) {
      const one = element("button", "", this.choice);
      one.type = "button";
      one.textContent = format.toUpperCase();
      one.onclick = () => {
        save(this.shown, format, this.name);
        this.#open(false);
      };
    }
    this.button.onclick = () => this.#open(this.choice.hidden);
    this.root.onkeydown = (event) => {
      if (event.key !== "Escape" || this.choice.hidden) return;
      event.stopPropagation();
      this.#open(false);
    };
    // No property `onfocusout` exists.
    this.root.addEventListener("focusout", ({ relatedTarget: next }) => {
      if (next && !this.root.contains(next)) this.#open(false, false);
    });
    this.#open(false, false);
  }

  #open(open, focus = true) {
    this.choice.hidden = !open;
    this.button.setAttribute("aria-expanded", String(open));
    if (focus) (open ? this.choice.firstChild : this.button).focus();
  }

  /** name: of the file, without its ending. */
  show(label, name) {
    this.name = name;
    if (this.button.title === label) return;
    this.button.title = label;
    this.button.setAttribute("aria-label", label);
  }
}

async function save(root, format, name) {
  const scene = seen(root);
  const blob = format === "svg" ? new Blob([svgOf(scene)], { type: "image/svg+xml" }) : await pngOf(scene);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${name}.${format}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Canvases, colour bars and lines of text with their places, from the upper left corner of what there is. */
export function seen(root) {
  const canvases = [...root.querySelectorAll("canvas")].filter((one) => shows(one)).map((canvas) => ({ canvas, ...placeOf(canvas) }));
  const bars = [...root.querySelectorAll(".bar")].filter((one) => shows(one)).map((bar) => ({ stops: stopsOf(bar), ...placeOf(bar) }));
  const lines = linesOf(root);
  const all = [...canvases, ...bars, ...lines];
  const left = Math.min(...all.map((one) => one.x)) - FRAME;
  const top = Math.min(...all.map((one) => one.y)) - FRAME;
  for (const one of all) Object.assign(one, { x: one.x - left, y: one.y - top });
  const width = Math.ceil(Math.max(...all.map((one) => one.x + one.width)) + FRAME);
  const height = Math.ceil(Math.max(...all.map((one) => one.y + one.height)) + FRAME);
  return { canvases, bars, lines, width, height, background: backgroundOf(root) };
}

function shows(one) {
  return one.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && one.offsetWidth > 0 && !one.closest(LEFT_OUT);
}

function placeOf(one) {
  const { left, top, width, height } = one.getBoundingClientRect();
  return { x: left, y: top, width, height };
}

/** The colours of a bar's gradient, evenly spaced as on every scale here. */
function stopsOf(bar) {
  const colours = getComputedStyle(bar).backgroundImage.match(/rgba?\([^)]*\)|#[0-9a-f]+/gi) ?? ["transparent"];
  return colours.map((colour, n) => [colours.length > 1 ? n / (colours.length - 1) : 0, colour]);
}

function linesOf(root) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const lines = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (!node.data.trim() || !shows(parent) || parent.closest("[hidden], style")) continue;
    const { color, fontFamily, fontSize, fontWeight } = getComputedStyle(parent);
    for (const [text, place] of wordsInLines(node)) {
      if (place.width > 1 && place.height > 1) lines.push({ text, ...place, color, fontFamily, size: parseFloat(fontSize), fontWeight });
    }
  }
  return lines;
}

/** A text as the browser has broken it: words of one line together. */
function wordsInLines(node) {
  const found = [];
  const range = document.createRange();
  for (const { 0: word, index } of node.data.matchAll(/\S+\s*/g)) {
    range.setStart(node, index);
    range.setEnd(node, index + word.trimEnd().length);
    const { left, top, width, height } = range.getBoundingClientRect();
    const last = found.at(-1);
    if (last && Math.abs(last[1].y - top) < 2) {
      last[0] = `${last[0]} ${word.trimEnd()}`;
      last[1].width = left + width - last[1].x;
    } else {
      found.push([word.trimEnd(), { x: left, y: top, width, height }]);
    }
  }
  return found;
}

function backgroundOf(root) {
  const page = getComputedStyle(document.querySelector(".stApp") ?? root).backgroundColor;
  return page || "white";
}

const baseline = (line) => line.y + line.height / 2 + line.size * 0.36;
const escaped = (text) => text.replace(/[&<>"]/g, (one) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[one]);

export function svgOf({ canvases, bars, lines, width, height, background }) {
  const images = canvases.map(
    ({ canvas, x, y, width: w, height: h }) => `<image x="${x}" y="${y}" width="${w}" height="${h}" href="${canvas.toDataURL()}"/>`,
  );
  const scales = bars.map(({ stops, x, y, width: w, height: h }, n) => {
    const colours = stops.map(([at, colour]) => `<stop offset="${at}" stop-color="${colour}"/>`).join("");
    return `<linearGradient id="scale${n}">${colours}</linearGradient><rect x="${x}" y="${y}" width="${w}" height="${h}" fill="url(#scale${n})"/>`;
  });
  const words = lines.map(
    (line) =>
      `<text x="${line.x}" y="${baseline(line)}" fill="${line.color}" font-family="${escaped(line.fontFamily)}" ` +
      `font-size="${line.size}" font-weight="${line.fontWeight}" textLength="${line.width}">${escaped(line.text)}</text>`,
  );
  const page = `<rect width="100%" height="100%" fill="${background}"/>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${page}${[...images, ...scales, ...words].join("")}</svg>`;
}

function pngOf({ canvases, bars, lines, width, height, background }) {
  const sheet = document.createElement("canvas");
  Object.assign(sheet, { width: width * DENSITY, height: height * DENSITY });
  const pen = sheet.getContext("2d");
  pen.scale(DENSITY, DENSITY);
  pen.fillStyle = background;
  pen.fillRect(0, 0, width, height);
  pen.imageSmoothingEnabled = false;
  for (const { canvas, x, y, width: w, height: h } of canvases) pen.drawImage(canvas, x, y, w, h);
  for (const { stops, x, y, width: w, height: h } of bars) {
    pen.fillStyle = pen.createLinearGradient(x, 0, x + w, 0);
    for (const [at, colour] of stops) pen.fillStyle.addColorStop(at, colour);
    pen.fillRect(x, y, w, h);
  }
  for (const line of lines) {
    pen.font = `${line.fontWeight} ${line.size}px ${line.fontFamily}`;
    pen.fillStyle = line.color;
    pen.fillText(line.text, line.x, baseline(line));
  }
  return new Promise((done) => sheet.toBlob(done, "image/png"));
}
