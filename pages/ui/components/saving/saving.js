// Plotly's button for saving a figure opens a choice of PNG and SVG; saved figures stand on the page's colour, not on nothing.

const FORMATS = ["png", "svg"];
const SCALE = 2; // a PNG has so many pixels for each pixel on the screen

let now = null; // what the server said last
let menu = null;

function save(figure, format) {
  const { width, height } = figure.getBoundingClientRect();
  const layout = { ...figure.layout, paper_bgcolor: now.background, width, height };
  const filename = figure._context.toImageButtonOptions.filename || "figure";
  const scale = format === "png" ? SCALE : 1;
  return window.Plotly.downloadImage({ data: figure.data, layout }, { format, filename, width, height, scale });
}

function close(focus) {
  if (!menu) return;
  const { root, button } = menu;
  menu = null;
  root.remove();
  button.setAttribute("aria-expanded", "false");
  if (focus) button.focus();
}

function open(button, figure) {
  const root = document.createElement("div");
  root.className = "lab-save";
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", now.button);
  for (const format of FORMATS) {
    const choice = document.createElement("button");
    choice.type = "button";
    choice.textContent = format.toUpperCase();
    choice.onclick = () => {
      save(figure, format);
      close(true);
    };
    root.append(choice);
  }
  root.onkeydown = (event) => {
    if (event.key === "Escape") close(true);
  };
  root.onfocusout = (event) => {
    if (event.relatedTarget && !root.contains(event.relatedTarget)) close(false);
  };
  const place = button.getBoundingClientRect();
  button.closest(".svg-container").parentElement.append(root); // beside the button, in the order of the keyboard
  const around = root.offsetParent.getBoundingClientRect();
  root.style.top = `${Math.max(0, place.top - around.top - 8)}px`;
  root.style.right = `${around.right - place.left + 8}px`;
  button.setAttribute("aria-expanded", "true");
  menu = { root, button };
  root.firstChild.focus();
}

function pressed(event) {
  const button = event.target.closest?.(".modebar-btn");
  if (!button || button.getAttribute("aria-label") !== now?.button || !window.Plotly) {
    if (menu && !menu.root.contains(event.target)) close(false);
    return; // without Plotly at hand its own button saves an SVG
  }
  event.preventDefault();
  event.stopImmediatePropagation();
  const again = menu?.button === button;
  close(again);
  if (!again) open(button, button.closest(".js-plotly-plot"));
}

export default function ({ data: [data] }) {
  if (!now) document.addEventListener("click", pressed, true);
  now = data;
}
