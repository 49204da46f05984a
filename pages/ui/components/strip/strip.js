// A strip of small pictures, one of which is chosen: a button each, so that Tab, Enter and the arrow keys reach them.

import { mount } from "../shared/mount.js";

class Strip {
  constructor(root) {
    this.root = root;
    this.buttons = [];
  }

  take({ data: [data], setStateValue }) {
    this.tell = (place) => setStateValue("place", place);
    this.root.setAttribute("aria-label", data.label);
    while (this.buttons.length > data.pictures.length) this.buttons.pop().remove();
    while (this.buttons.length < data.pictures.length) this.buttons.push(this.button(this.buttons.length));
    this.buttons.forEach((one, place) => {
      one.firstChild.src = data.pictures[place];
      one.setAttribute("aria-label", data.names[place]);
      one.title = data.names[place];
      one.setAttribute("aria-pressed", String(place === data.chosen));
    });
  }

  button(place) {
    const made = document.createElement("button");
    made.type = "button";
    const picture = document.createElement("img");
    picture.alt = "";
    made.append(picture);
    made.onclick = () => this.choose(place);
    made.onkeydown = (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      const next = this.buttons[place + step];
      if (!next) return;
      event.preventDefault();
      next.focus();
      this.choose(place + step);
    };
    this.root.append(made);
    return made;
  }

  choose(place) {
    this.buttons.forEach((one, other) => one.setAttribute("aria-pressed", String(other === place)));
    this.tell(place);
  }

  destroy() {} // its buttons are all it has
}

export default function strip(component) {
  return mount(component, Strip, ".strip");
}
