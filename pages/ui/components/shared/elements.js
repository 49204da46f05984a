// Elements of the page: made once, and changed only where they differ.

export function element(tag, className, parent) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  parent?.append(made);
  return made;
}

/** Writing only what differs keeps a screen reader's place and costs no layout. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function describe(canvas, text) {
  if (canvas.getAttribute("aria-label") !== text) canvas.setAttribute("aria-label", text);
}
