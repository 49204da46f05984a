// Watches whether Streamlit's page is light or dark, and tells the server when that is not what the server has drawn for.

const PATIENCE = 2000; // ms: a run of the script that was on its way when the page turned may bring the old appearance once more
const TRIES = 5; // a server that cannot know is not asked for ever

const watching = new WeakMap();

export default function ({ data: [data], parentElement, setTriggerValue }) {
  const page = document.querySelector(".stApp");
  if (!page) return;
  const told = watching.get(parentElement) ?? { tries: 0 };
  watching.set(parentElement, told);
  const look = () => {
    const dark = getComputedStyle(page).colorScheme === "dark";
    if (dark === data.dark) told.tries = 0;
    if (dark === data.dark || told.waiting || told.tries >= TRIES) return;
    told.tries += 1;
    told.waiting = setTimeout(() => {
      told.waiting = undefined;
      told.look();
    }, PATIENCE);
    setTriggerValue("turned", `${dark ? "dark" : "light"} ${told.tries}`);
  };
  told.look = look; // the timer asks with what the server said last
  told.observer?.disconnect();
  told.observer = new MutationObserver(look);
  told.observer.observe(page, { attributes: true, attributeFilter: ["class", "style"] });
  look();
  return () => {
    clearTimeout(told.waiting);
    told.waiting = undefined;
    told.observer.disconnect();
  };
}
