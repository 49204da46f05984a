// Paper is light: while a page is printed its pictures are drawn in the light colours, whatever stands on the screen; and it is
// narrow: what was laid out for a screen is made as much smaller as it needs.

const ONTO_PAPER = matchMedia("print");
const PAPER_WIDTH = 680; // CSS px between the margins of A4 upright, the narrowest sheet in use

export const printing = { on: ONTO_PAPER.matches };
const forPaper = new Set();

function turnToPaper(on) {
  if (on === printing.on) return;
  printing.on = on;
  for (const turned of forPaper) turned();
}

addEventListener("beforeprint", () => turnToPaper(true));
addEventListener("afterprint", () => turnToPaper(false));
ONTO_PAPER.addEventListener("change", () => turnToPaper(ONTO_PAPER.matches)); // a preview that stays open

/**
 * The elements that `roots` gives are made to fit the sheet, and on the screen again are as they were; `draw` draws them anew both
 * times, at once, since no frame comes between the command to print and the print. What this returns ends that.
 */
export function onPaper(roots, draw = () => {}) {
  const turned = () => {
    const found = [...roots()];
    for (const root of found) root.style.zoom = "";
    draw();
    if (printing.on) for (const root of found) root.style.zoom = Math.min(1, PAPER_WIDTH / root.offsetWidth);
  };
  forPaper.add(turned);
  return () => forPaper.delete(turned);
}
