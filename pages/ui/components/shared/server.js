// Where the server is, seen from a component.

/**
 * The address under which this server answers, with its trailing slash. The scripts of the page itself were loaded from
 * there, also behind a proxy that serves the app under a path, and on a deep link; the document's own address is second best.
 */
export function serverBase() {
  const scripts = performance.getEntriesByType("resource").map((entry) => entry.name);
  const own = scripts.find((name) => name.startsWith(location.origin) && /\/static\/js\/index\.[\w-]+\.js$/.test(name));
  return own ? own.replace(/static\/js\/[^/]*$/, "") : new URL("./", document.baseURI).href;
}
