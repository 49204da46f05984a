// What this browser keeps for its visitor: one JSON object under one name in localStorage. Nothing of it stays on the server.

const MOST = 20000; // characters

function kept(name) {
  try {
    const text = localStorage.getItem(name) ?? "";
    const found = text.length <= MOST ? JSON.parse(text || "{}") : {};
    return found && typeof found === "object" && !Array.isArray(found) ? found : {};
  } catch {
    return {}; // storage is closed to us, or somebody else wrote there: as if nothing were kept
  }
}

function keep(name, changed) {
  const text = JSON.stringify({ ...kept(name), ...changed });
  try {
    if (text.length <= MOST) localStorage.setItem(name, text);
  } catch {
    // a private window without storage: the session still knows
  }
}

const told = new WeakSet();

export default function ({ data: [data], parentElement, setStateValue }) {
  const before = kept(data.name);
  if (Object.keys(data.put).length > 0) keep(data.name, data.put);
  if (!data.ask || told.has(parentElement)) return;
  told.add(parentElement);
  setStateValue("kept", JSON.stringify(before));
}
