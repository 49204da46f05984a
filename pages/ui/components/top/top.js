// Another step of a lesson begins at its first line: the panel is scrolled back, and where it stands above the page, the page is.
// A knob that the step points at comes into sight, by as little scrolling as that takes, of its column before the page.

let before = null;
const MOST = 200; // CSS px: a knob. A picture is in sight already, and the page need not move for all of it

export default function ({ data: [data] }) {
  if (before === data.at) return;
  const panel = document.querySelector(data.panel);
  if (before !== null && panel) {
    panel.scrollTop = 0;
    if (getComputedStyle(panel).position !== "fixed") panel.scrollIntoView({ block: "start" });
  }
  before = data.at;
  if (panel && getComputedStyle(panel).position !== "fixed") return; // a phone shows the guide first, and the knobs below it
  for (const wait of [400, 1500]) setTimeout(() => data.pointed.toReversed().forEach(intoSight), wait); // the page takes its place
}

function intoSight(selector) {
  const found = document.querySelector(selector);
  const shown = found?.closest("details:not([open])") ?? found;
  if (!shown || shown.getBoundingClientRect().height > MOST) return;
  for (let around = shown.parentElement; around; around = around.parentElement) {
    if (!/auto|scroll/.test(getComputedStyle(around).overflowY) || around.scrollHeight <= around.clientHeight) continue;
    const [one, all] = [shown.getBoundingClientRect(), around.getBoundingClientRect()];
    const below = around.dataset.testid === "stMain" ? 8 : 88; // a switch's own slider stands below it
    if (one.bottom + below > all.bottom) around.scrollTop += one.bottom + below - all.bottom;
    else if (one.top - 8 < all.top) around.scrollTop += one.top - 8 - all.top;
  }
}
