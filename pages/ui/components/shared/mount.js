// What Streamlit calls of a component: one object for each place on the page, which lives across its reruns.

const mounted = new WeakMap();

/** Gives `component` to the Kind that draws into the element `selector`; Kind has take(component), root and destroy(). */
export function mount(component, Kind, selector) {
  const { parentElement } = component;
  let kept = mounted.get(parentElement);
  if (kept && !parentElement.contains(kept.root)) {
    kept.destroy(); // Streamlit has put the component's HTML in anew
    kept = undefined;
  }
  if (!kept) {
    kept = new Kind(parentElement.querySelector(selector));
    mounted.set(parentElement, kept);
  }
  kept.take(component);
  return () => {
    kept.destroy();
    mounted.delete(parentElement);
  };
}
