// Mends Streamlit's own parts as they come: each selector finds only what has not been mended yet.

const LIST = '[data-testid="stSidebarNavItems"]';
const MENDS = [
  // On a phone the menu's groups stand in its list as nothing may stand in a list: it is a row of links instead.
  [`${LIST}:not([role]), ${LIST} li:not([role])`, (one) => one.setAttribute("role", "presentation")],
  // A popover is the last thing on the page: it takes the focus, so that the next Tab is in it; Escape gives it back to the button.
  ['[data-testid="stPopoverBody"]:not([tabindex])', (popover) => {
    popover.tabIndex = -1;
    popover.focus({ preventScroll: true });
  }],
];
let watching = null;
let asked = false;

function mend() {
  asked = false;
  for (const [where, how] of MENDS) document.querySelectorAll(where).forEach(how);
}

function ask() {
  if (!asked) requestAnimationFrame(mend);
  asked = true;
}

export default function () {
  watching ??= new MutationObserver(ask);
  watching.observe(document.body, { childList: true, subtree: true });
  ask();
}
