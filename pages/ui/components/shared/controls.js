// Play, step and scrub: the controls of everything here that has a time.

import { element, write } from "./elements.js";
import { epochText, say } from "./scales.js";

const ICONS = {
  play: "M8 5v14l11-7z",
  pause: "M6 5h4v14H6zM14 5h4v14h-4z",
  back: "M6 6h2v12H6zM18 6v12l-8.5-6z",
  forward: "M16 6h2v12h-2zM6 6v12l8.5-6z",
};

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
