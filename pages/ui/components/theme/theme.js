// Watches whether Streamlit's page is light or dark, and tells the server when that is not what the server has drawn for.

const watching = new WeakMap();

export default function ({ data: [data], parentElement, setTriggerValue }) {
  const page = document.querySelector(".stApp");
  if (!page) return;
  const told = watching.get(parentElement) ?? { dark: null };
  const look = () => {
    const dark = getComputedStyle(page).colorScheme === "dark";
    if (dark === data.dark || dark === told.dark) return; // said once: a server that cannot know is not asked again and again
    told.dark = dark;
    setTriggerValue("turned", dark ? "dark" : "light");
  };
  if (data.dark === told.dark) told.dark = null; // the server has followed
  told.observer?.disconnect();
  told.observer = new MutationObserver(look);
  told.observer.observe(page, { attributes: true, attributeFilter: ["class", "style"] });
  watching.set(parentElement, told);
  look();
  return () => told.observer.disconnect();
}
