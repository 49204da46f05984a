// Plotly's figures as they leave the page. Its button for saving one opens a choice of PNG and SVG; saved figures stand on the
// page's colour, not on nothing. Printed ones are no wider than the sheet.

import { onPaper, printing } from "../shared/paper.js";

const FORMATS = ["png", "svg"];
const FITTED = '[data-testid="stPlotlyChart"], [data-testid="stDataFrame"], .transfer-quadrant, .transfer-plan';
const SCALE = 2; // a PNG has so many pixels for each pixel on the screen

let now = null; // what the server said last
let menu = null;

/** What was drawn for a dark screen is told to the style sheet of the print, which makes it darker. */
function darkOnPaper() {
  const dark = getComputedStyle(document.querySelector(".stApp")).colorScheme === "dark";
  document.body.classList.toggle("lab-dark-on-paper", printing.on && dark);
}

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
  // No property `onfocusout` exists. The button itself closes what it opened.
  root.addEventListener("focusout", ({ relatedTarget: next }) => {
    if (next && next !== button && !root.contains(next)) close(false);
  });
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
  if (!now) {
    document.addEventListener("click", pressed, true);
    onPaper(() => document.querySelectorAll(FITTED), darkOnPaper);
  }
  now = data;
}
