// A strip of small pictures, one of which is chosen: a button each, so that Tab, Enter and the arrow keys reach them.

const strips = new WeakMap();

export default function ({ data: [data], parentElement, setStateValue }) {
  let strip = strips.get(parentElement);
  if (!strip) strips.set(parentElement, (strip = { root: parentElement.querySelector(".strip"), buttons: [] }));
  strip.tell = (place) => setStateValue("place", place);
  strip.root.setAttribute("aria-label", data.label);
  while (strip.buttons.length > data.pictures.length) strip.buttons.pop().remove();
  while (strip.buttons.length < data.pictures.length) strip.buttons.push(button(strip, strip.buttons.length));
  strip.buttons.forEach((one, place) => {
    one.firstChild.src = data.pictures[place];
    one.setAttribute("aria-label", data.names[place]);
    one.title = data.names[place];
    one.setAttribute("aria-pressed", String(place === data.chosen));
  });
}

function button(strip, place) {
  const made = document.createElement("button");
  made.type = "button";
  const picture = document.createElement("img");
  picture.alt = "";
  made.append(picture);
  made.onclick = () => choose(strip, place);
  made.onkeydown = (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const next = strip.buttons[place + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
    choose(strip, place + step);
  };
  strip.root.append(made);
  return made;
}

function choose(strip, place) {
  strip.buttons.forEach((one, other) => one.setAttribute("aria-pressed", String(other === place)));
  strip.tell(place);
}
