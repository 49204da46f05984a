// Another step of a lesson begins at its first line: the panel is scrolled back, and where it stands above the page, the page is.

let before = null;

export default function ({ data: [data] }) {
  if (before !== null && before !== data.at) {
    const panel = document.querySelector(data.panel);
    if (panel) panel.scrollTop = 0;
    if (panel && getComputedStyle(panel).position !== "fixed") panel.scrollIntoView({ block: "start" });
  }
  before = data.at;
}
