// Streamlit's own words, said in the page's language wherever they come up: labels that a screen reader says, and the texts of menus,
// lists and hints. Only attributes and the contents of text nodes are changed, so React, which looks at neither, goes on as before.

const LABELS = ["aria-label", "placeholder", "title"];
const LABELLED = LABELS.map((name) => [name, `[data-testid^="st"] [${name}], [${name}][data-testid^="st"]`]);
// Which of the words may stand as text where: a list's own choices, a column called "Close" say, are nobody's but the visitor's.
const MISTAKES = ["error", "error_before", "colon", "large", "kind", "again", "outside"];
const PLACES = Object.entries({
  stSkipToContent: ["skip"],
  stMainMenuPopover: ["system", "light", "dark", "print", "made"],
  stSelectboxVirtualDropdown: ["none"],
  stMultiSelectDropdown: ["none", "all", "matches"],
  InputInstructions: ["apply", "submit"],
  stTooltipContent: ["columns", "search", "fullscreen", "fullscreen_end", "copy", "copied", ...MISTAKES],
  stTooltipErrorContent: MISTAKES,
  stDataFrameColumnMenu: ["ascending", "descending", "statistics", "format", "autosize", "pin", "unpin", "hide"],
  stDataFrameColumnVisibilityMenu: ["all"],
  stDataFrameColumnFormattingMenu: /^format_/,
  stDataFrameStatisticsMenu: ["statistic_no_data", "statistic_sampled"],
  stDataFrameStatisticsMetrics: /^statistic_/,
  stConnectionStatus: ["connecting", "connecting_long", "error", "unreachable"],
  stStatusWidget: ["running", "stop", "stopping"],
  stDialog: ["lost", "gone", "local"],
}).map(([place, keys]) => [`[data-testid="${place}"]`, keys]);
PLACES.push(['[data-testid="stFileUploader"] [role="alert"], [data-testid="stNumberInput"] [role="alert"]', MISTAKES]);
PLACES.push(['[data-testid="stDataFrame"] label', ["type"]]);
const OF_A_COLUMN = /^(format|statistic)_/;
const ANYWHERE = PLACES.map(([where]) => where).join();
const LEAST_PAUSE = 150; // ms between two looks at the whole page: curves that are drawn anew ask for many
const BEFORE = /^(Error: |: )/; // what may stand before a sentence in the same text node

const held = new WeakMap(); // element or text node → {name of the attribute, or "": [Streamlit's words, ours]}
let words = {}; // key → [Streamlit's words, the same as a pattern, ours]
let look = null;

export default function ({ data: [data] }) {
  document.documentElement.lang = data.lang; // the voice that a screen reader takes, and the form of Chinese letters
  words = Object.fromEntries(Object.entries(data.words).map(([key, [theirs, ours]]) => [key, [theirs, asPattern(theirs), ours]]));
  look ??= watch();
  look();
}

function watch() {
  let last = 0;
  let asked = false;
  const all = () => {
    asked = false;
    last = performance.now();
    const every = Object.keys(words).filter((key) => !OF_A_COLUMN.test(key)); // "Sum" may be a label of the visitor's own
    for (const [name, where] of LABELLED) {
      for (const one of document.querySelectorAll(where)) put(one, name, one.getAttribute(name), every, (said) => one.setAttribute(name, said));
    }
    for (const one of document.querySelectorAll('[data-testid="stFileUploaderDropzone"] > span button')) named(one);
    for (const [where, those] of PLACES) {
      const keys = those instanceof RegExp ? Object.keys(words).filter((key) => those.test(key)) : those;
      for (const place of document.querySelectorAll(where)) {
        const nodes = document.createTreeWalker(place, NodeFilter.SHOW_TEXT);
        for (let node = nodes.nextNode(); node; node = nodes.nextNode()) {
          if (node.parentElement.closest(ANYWHERE) !== place) continue; // a place within a place speaks for itself
          put(node, "", node.nodeValue, keys, (said) => (node.nodeValue = said));
        }
      }
    }
  };
  const ask = () => {
    if (asked) return;
    asked = true;
    const wait = last + LEAST_PAUSE - performance.now();
    if (wait > 0) setTimeout(all, wait);
    else requestAnimationFrame(all); // before the words are painted
  };
  const found = { childList: true, subtree: true, characterData: true, attributes: true, attributeFilter: LABELS };
  new MutationObserver(ask).observe(document.body, found);
  return ask;
}

// The uploader's button shows what the style sheet says; not every screen reader says that too.
function named(button) {
  const shown = getComputedStyle(button).getPropertyValue("--say-choose");
  const name = shown && JSON.parse(shown);
  if (name && button.getAttribute("aria-label") !== name) button.setAttribute("aria-label", name);
}

// What stands there may be ours, from before the language was switched; then Streamlit's words are those that it stood for.
function put(one, name, now, keys, set) {
  const known = held.get(one)?.[name];
  const theirs = known && known[1] === now ? known[0] : now;
  const ours = said(theirs, keys);
  if (ours === now) return;
  held.set(one, { ...held.get(one), [name]: [theirs, ours] });
  set(ours);
}

function said(theirs, keys) {
  for (const key of keys) if (words[key]?.[0] === theirs) return words[key][2];
  const start = BEFORE.exec(theirs)?.[0];
  if (start && start !== theirs && keys.includes("error")) return said(start, keys) + said(theirs.slice(start.length), keys);
  for (const key of keys) {
    const found = words[key]?.[1]?.exec(theirs);
    if (found) return words[key][2].replace(/\{(\w+)\}/g, (_, name) => found.groups[name]);
  }
  return theirs;
}

// "Remove {name}" as a pattern; null where nothing comes in.
function asPattern(theirs) {
  if (!theirs.includes("{")) return null;
  const parts = theirs.split(/\{(\w+)\}/).map((part, i) => (i % 2 ? `(?<${part}>.+)` : part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")));
  return new RegExp(`^${parts.join("")}$`);
}
