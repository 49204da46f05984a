// Cameras as words: where each map is looked at, as Python keeps it and as a link spells it.

import { Placement } from "./placement.js";

/** What a map is called across its tasks: a camera stays with it when its points change. */
export function nameOf({ spec }) {
  return spec.name || spec.task_id;
}

/** A camera as Python spells it ([x, y, zoom] and of a map in space [turn, tilt] too), or the one that shows the whole map. */
export function cameraOf(spelled) {
  const [x, y, zoom, turn, tilt] = spelled ?? [];
  const { turn: aside, tilt: above, ...whole } = Placement.camera();
  return { ...(zoom ? { x, y, zoom } : whole), turn: turn ?? aside, tilt: tilt ?? above };
}

/** The same, rounded to a pixel; null where it is the one that shows the whole map. */
export function written({ camera, placement }) {
  const rounded = (name, places) => Number(camera[name].toFixed(places));
  const parts = [rounded("x", 4), rounded("y", 4), rounded("zoom", 2)];
  if (placement?.spatial) parts.push(rounded("turn", 2), rounded("tilt", 2));
  const { x, y, zoom, turn, tilt } = Placement.camera();
  return JSON.stringify(parts) === JSON.stringify([x, y, zoom, turn, tilt].slice(0, parts.length)) ? null : parts;
}
