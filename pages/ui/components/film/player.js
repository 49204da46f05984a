// Time: which moment is on screen, how it moves, and the controls for it.

import { element, write } from "./figures.js";
import { epochText, say } from "./scales.js";

const STEP = 125; // ms a moment stays when the film plays: eight a second
const LONGEST = 15000; // ms: a film with many moments plays faster rather than longer

const ICONS = {
  play: "M8 5v14l11-7z",
  pause: "M6 5h4v14H6zM14 5h4v14h-4z",
  back: "M6 6h2v12H6zM18 6v12l-8.5-6z",
  forward: "M16 6h2v12h-2zM6 6v12l8.5-6z",
};

/**
 * The clock. `epochs` are all recorded moments; `epoch` is the one on screen; `follow` says that it moves towards the newest
 * one, at most eight moments a second: so a run of half a second can still be watched, and its first moments, in which the
 * pictures change most, get as much time as the others.
 */
export class Clock {
  constructor(ticked) {
    this.ticked = ticked;
    this.epochs = [];
    this.epoch = null;
    this.follow = true;
    this.asked = false; // the visitor pressed play: then it plays under prefers-reduced-motion too
    this.timer = null;
  }

  get index() {
    let index = 0;
    while (index + 1 < this.epochs.length && this.epochs[index + 1] <= this.epoch) index += 1;
    return index;
  }

  get last() {
    return this.epochs.length - 1;
  }

  get atEnd() {
    return this.epochs.length === 0 || this.index === this.last;
  }

  get still() {
    return matchMedia("(prefers-reduced-motion: reduce)").matches && !this.asked;
  }

  /** New moments, or none. Keeps the moment on screen. */
  set(epochs) {
    this.epochs = epochs;
    if (!epochs.length) return;
    if (this.epoch === null) this.epoch = epochs[0];
    this.go();
  }

  go() {
    if (!this.follow || this.atEnd) return;
    if (this.still) this.epoch = this.epochs[this.last];
    else if (this.timer === null) this.timer = setTimeout(() => this.#tick(), Math.min(STEP, LONGEST / this.epochs.length));
  }

  #tick() {
    this.timer = null;
    if (!this.follow || this.atEnd) return;
    this.epoch = this.epochs[this.index + 1];
    if (this.atEnd) this.asked = false;
    this.go();
    this.ticked();
  }

  /** Shows one moment; at the newest one it goes on following. */
  seek(index) {
    if (!this.epochs.length) return;
    const place = Math.max(0, Math.min(this.last, index));
    this.epoch = this.epochs[place];
    this.follow = place === this.last;
    this.asked = false;
  }

  /** Play from here, or from the beginning where the newest moment is on screen; or pause. `going`: more is to come. */
  toggle(going) {
    if (this.follow && (!this.atEnd || going)) {
      this.follow = false;
      return;
    }
    if (this.atEnd && this.epochs.length) this.epoch = this.epochs[0];
    this.follow = true;
    this.asked = true;
    this.go();
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = null;
  }
}

/** Buttons, slider and readout. `acted(name, index)` is told what the visitor did: "toggle" or "seek". */
export class Controls {
  constructor(parent, acted) {
    this.root = element("div", "player", parent);
    this.play = this.#button("play", () => acted("toggle"));
    this.back = this.#button("back", () => acted("seek", this.index - 1));
    this.forward = this.#button("forward", () => acted("seek", this.index + 1));
    this.slider = element("input", "", this.root);
    Object.assign(this.slider, { type: "range", min: 0, step: 1, max: 0, value: 0 });
    this.slider.oninput = () => acted("seek", Number(this.slider.value));
    this.slider.onkeydown = (event) => {
      if (event.key !== " ") return;
      event.preventDefault();
      acted("toggle");
    };
    this.readout = element("output", "", this.root);
  }

  #button(icon, pressed) {
    const button = element("button", "", this.root);
    button.type = "button";
    const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    drawing.setAttribute("viewBox", "0 0 24 24");
    drawing.setAttribute("aria-hidden", "true");
    drawing.append(document.createElementNS("http://www.w3.org/2000/svg", "path"));
    drawing.firstChild.setAttribute("d", ICONS[icon]);
    button.append(drawing);
    button.onclick = pressed;
    return button;
  }

  show(clock, going, texts) {
    this.index = clock.index;
    const moving = clock.follow && (!clock.atEnd || going);
    const empty = clock.epochs.length === 0;
    this.#name(this.play, say(texts, moving ? "pause" : "play"));
    this.play.querySelector("path").setAttribute("d", ICONS[moving ? "pause" : "play"]);
    this.#name(this.back, say(texts, "back"));
    this.#name(this.forward, say(texts, "forward"));
    this.play.disabled = empty || (clock.last < 1 && !going);
    // Not `disabled`: that would drop the keyboard's focus when the end is reached.
    this.back.setAttribute("aria-disabled", String(empty || this.index === 0));
    this.forward.setAttribute("aria-disabled", String(empty || clock.atEnd));
    this.slider.disabled = empty;
    this.slider.max = Math.max(0, clock.last);
    this.slider.value = this.index;
    this.slider.style.setProperty("--done", `${clock.last > 0 ? (100 * this.index) / clock.last : 0}%`);
    this.slider.setAttribute("aria-label", say(texts, "slider"));
    const text = empty ? "" : say(texts, "epoch", { epoch: epochText(clock.epochs[this.index]) });
    this.slider.setAttribute("aria-valuetext", text);
    write(this.readout, text);
  }

  #name(button, text) {
    if (button.title === text) return;
    button.title = text;
    button.setAttribute("aria-label", text);
  }
}
