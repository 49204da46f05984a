// The component: holds the maps and what is chosen on them, hears the visitor, tells Python; `drawing.js` draws it.

import { Controls } from "../shared/controls.js";
import { element, write } from "../shared/elements.js";
import { mount } from "../shared/mount.js";
import { onPaper, printing } from "../shared/paper.js";
import { SaveButton } from "../shared/saving.js";
import { say } from "../shared/scales.js";
import { cameraOf, nameOf, written } from "./cameras.js";
import { Columns, POINT_ARRAYS } from "./columns.js";
import { Decoding } from "./decoding.js";
import { Drawing } from "./drawing.js";
import { MapView } from "./map.js";
import { DrawPad } from "./pad.js";
import { Legend, Status, Toolbar, Tooltip } from "./parts.js";
import { NetworkSource, TaskSource } from "./tasks.js";
import { Timeline } from "./timeline.js";

const SETTLED = 250; // ms without another change before Python hears of it
const LOOKED = 700; // ms without another movement before Python hears where the maps are looked at

const left = new Map(); // the visitor's tool, for an explorer that Streamlit takes away and brings back; Python knows the rest

class Explorer {
  constructor(root) {
    this.root = root;
    Object.assign(this, { maps: [], tool: "move", words: "", found: [], selected: new Set(), cursor: null, hover: null });
    Object.assign(this, { decodes: false, draws: false, drawn: null, data: null });
    this.turns = { picked: 0, view: 0 }; // how often the visitor has changed what Python hears of
    this.toolbar = new Toolbar(root, (name, value) => this.#acted(name, value));
    this.saving = new SaveButton(this.toolbar.root, root);
    this.legend = new Legend(root, (label) => this.#chooseClass(label));
    this.body = element("div", "body", root);
    this.grid = element("div", "maps", this.body);
    this.pad = new DrawPad(this.body, (sample) => this.#drew(sample));
    this.timeline = new Timeline(() => this.redraw());
    this.controls = new Controls(root, (name, index) => this.#scrubbed(name, index));
    this.status = new Status(root, () => this.cleared());
    this.notice = element("div", "notice", root);
    this.notice.setAttribute("role", "status");
    this.help = element("div", "caption help", root);
    this.help.id = `latent-help-${Math.random().toString(36).slice(2)}`;
    this.spoken = element("div", "spoken", root);
    this.spoken.setAttribute("aria-live", "polite");
    this.tooltip = new Tooltip(root);
    this.drawing = new Drawing(this);
    this.resized = new ResizeObserver(() => printing.on || this.redraw());
    this.resized.observe(root);
    this.unprinted = onPaper(() => [root], () => this.drawing.now());
    this.visible = () => this.sources().forEach((source) => (document.hidden ? source.stop() : source.start()));
    document.addEventListener("visibilitychange", this.visible);
  }

  // ---- what Python says ----

  /** Called after each rerun of the script and on each change of theme. */
  take({ data: [data], setStateValue }) {
    const before = this.data;
    this.data = data;
    this.texts = data.texts;
    this.tell = setStateValue;
    if (!before) Object.assign(this, { turns: { ...data.heard }, cursor: data.cursor }, left.get(data.key));
    this.#takePoints(before);
    this.#takeRun(before);
    this.#takeMaps();
    this.#takeChoices(before);
    this.sources().forEach((source) => source.start());
    this.#needCodes();
    this.changed();
  }

  /** What Python has changed since the last time. An answer to what the visitor has changed again meanwhile is out of date. */
  #takeChoices(before) {
    const { data, turns } = this;
    const fresh = (name, part) => data.heard[part] === turns[part] && JSON.stringify(before?.[name]) !== JSON.stringify(data[name]);
    if (data.selection && fresh("selection", "picked")) this.selected = new Set(data.selection);
    if (fresh("decode", "picked")) this.decodes = data.decode;
    if (fresh("draw", "picked")) this.draws = data.draw;
    if (before && fresh("view", "view")) this.maps.forEach((map) => Object.assign(map.camera, cameraOf(data.view[nameOf(map)])));
  }

  /** Points of another epoch are the same samples: they take the old ones' place when they are there, and what is chosen stays. */
  #takePoints(before) {
    const { points_task: id, class_names: classes, factor_names: factors } = this.data;
    const same = before?.samples === this.data.samples;
    if (this.points?.id !== id && this.next?.id !== id) {
      this.next?.stop();
      this.next = new TaskSource(id, () => this.changed(), POINT_ARRAYS);
      if (!same || !this.points?.ready) this.#usePoints();
    } else if (this.points?.id === id) {
      this.next?.stop();
      this.next = null;
    }
    if (before && !same) this.#forget();
    this.columns = new Columns(this.points, { classes, factors });
  }

  /** From now on the next points are the ones that are shown. */
  #usePoints() {
    this.points?.stop();
    this.codes?.stop();
    this.points = this.next;
    Object.assign(this, { next: null, codes: null, decoding: null });
    this.columns = new Columns(this.points, { classes: this.data.class_names, factors: this.data.factor_names });
  }

  /** Other samples: rows mean others now. */
  #forget() {
    this.selected.clear();
    this.cursor = null;
    this.hover = null;
  }

  #takeRun(before) {
    const { run } = this.data;
    if (JSON.stringify(before?.run ?? null) === JSON.stringify(run) && this.net !== undefined) return;
    this.net = run ? new NetworkSource(run, () => this.changed()) : null;
    this.decoding = null;
  }

  #takeMaps() {
    const old = new Map(this.maps.map((map) => [nameOf(map), map]));
    this.maps = this.data.maps.map((spec) => {
      const name = nameOf({ spec });
      const map = old.get(name) ?? this.#newMap(name);
      old.delete(name);
      if (map.source?.id !== spec.task_id) this.#newSource(map, spec);
      map.spec = spec;
      return map;
    });
    for (const map of old.values()) {
      map.source.stop();
      map.destroy();
    }
    const roots = this.maps.map((map) => map.root);
    if (roots.some((root, i) => this.grid.children[i] !== root)) this.grid.append(...roots);
  }

  #newMap(name) {
    const map = new MapView(this.grid, this);
    Object.assign(map.camera, cameraOf(this.data.view[name]));
    map.over.setAttribute("aria-describedby", this.help.id);
    return map;
  }

  #newSource(map, { task_id: id }) {
    map.source?.stop();
    map.source = new TaskSource(id, () => this.changed(), ["points", "epochs", "trustworthiness"]);
  }

  sources() {
    return [this.points, this.next, this.codes, ...this.maps.map((map) => map.source)].filter(Boolean);
  }

  /** Codes and weights are heavy, so they come when they are first needed. */
  #needCodes() {
    const wanted = this.decodes || this.draws;
    if (!(wanted || this.data.colour.startsWith("unit") || this.data.filters.some(({ column }) => column.startsWith("unit")))) return;
    if (!this.points.arrays.codes && !this.codes) {
      this.codes = new TaskSource(this.points.id, () => this.changed(), ["codes"]);
      this.codes.start();
    }
    if (wanted && this.points.ready) this.net?.load(this.columns.inputs);
  }

  /** Anything may have changed. */
  changed() {
    if (this.next && (this.next.ready || ["failed", "missing"].includes(this.next.state))) this.#usePoints();
    this.#needCodes();
    if (this.points.ready && this.cursor >= this.columns.count) this.cursor = null; // fewer points than before
    if (this.points.ready && this.hover?.row >= this.columns.count) this.hover = null;
    if (this.codes?.arrays.codes) this.points.arrays.codes = this.codes.arrays.codes;
    const { codes } = this.points.arrays;
    if (!this.decoding && this.net?.state === "ready" && codes?.shape[0]) {
      this.decoding = new Decoding(this.net.network, {
        data: codes.data,
        size: codes.data.length / codes.shape[0],
        spacing: this.points.numbers.nearest_95,
      });
      this.#drew(this.sample);
    }
    for (const map of this.maps) {
      const { source, spec } = map;
      if (source.ready) map.put(source.arrays.points ?? null, spec.follows);
      else if (source.state !== "loading") map.put(null); // while it is only being fetched, the last one stays
    }
    const film = this.maps.find((map) => map.placement?.film);
    const epochs = film?.source.arrays.epochs;
    this.timeline.set(film ? Array.from(epochs?.data ?? { length: film.placement.moments }, (epoch, i) => Number(epoch ?? i)) : []);
    this.drawing.stale = true;
    this.redraw();
  }

  // ---- what the maps ask and say ----

  shown(row) {
    return this.drawing.shows(row);
  }

  hovered(map, row, place, x, y) {
    this.hover = row === null && place === null ? null : { map, row, place, x, y, keyboard: false };
    this.redraw("over");
  }

  left(map) {
    if (this.hover?.map === map && this.hover.keyboard) this.hover = null;
    this.redraw("over");
  }

  picked(map, row, add) {
    this.cursor = row;
    if (add) this.selected.has(row) ? this.selected.delete(row) : this.selected.add(row);
    else this.selected = new Set([row]);
    this.#chosen();
  }

  enclosed(map, rows, add) {
    this.selected = new Set(add ? [...this.selected, ...rows] : rows);
    this.#chosen();
  }

  entered(map, add) {
    if (this.cursor === null) return;
    this.picked(map, this.cursor, add);
    this.#point(map, this.cursor);
  }

  cleared() {
    this.selected.clear();
    this.hover = null;
    this.#chosen();
  }

  moved(map) {
    if (this.hover?.keyboard && this.hover.map === map) this.hover.follow = true;
    map.dirty = true;
    this.redraw("moved");
    clearTimeout(this.looking);
    this.turns.view += 1;
    this.looking = setTimeout(() => this.data.report_view && this.tell("view", { cameras: this.#views(), turn: this.turns.view }), LOOKED);
  }

  marked() {
    this.redraw("over");
  }

  stepped(map, direction) {
    const first = this.cursor === null || !this.shown(this.cursor);
    this.#point(map, first ? map.near(map.width / 2, map.height / 2, Infinity) : map.towards(this.cursor, direction));
  }

  /** Puts the cursor on a point, shows it and says what it is. */
  #point(map, row) {
    if (row === null) return;
    this.cursor = row;
    map.reveal(row);
    this.hover = { map, row, place: null, keyboard: true, follow: true };
    const { head, lines } = this.columns.describe(row, this.data.colour, this.texts);
    const chosen = this.selected.has(row) ? [say(this.texts, "is_selected")] : [];
    write(this.spoken, [head, ...lines, ...chosen].join(", "));
    this.#report();
    this.redraw("over");
  }

  #chosen() {
    write(this.spoken, say(this.texts, "selected", { count: this.selected.size }));
    this.drawing.stale = true;
    this.redraw();
    this.#report();
  }

  #chooseClass(label) {
    const values = this.columns.values(this.data.colour);
    this.enclosed(null, this.#rows((row) => values(row) === label && this.shown(row)), false);
  }

  #rows(true_of) {
    return Array.from({ length: this.columns.count }, (_, row) => row).filter(true_of);
  }

  /** Tells Python what is chosen, once the visitor rests. */
  #report() {
    this.turns.picked += 1;
    clearTimeout(this.settling);
    this.settling = setTimeout(() => {
      const selected = [...this.selected].sort((a, b) => a - b);
      this.tell("picked", { selected, cursor: this.cursor, decode: this.decodes, draw: this.draws, turn: this.turns.picked });
    }, SETTLED);
  }

  /** Cameras by the maps' names, but for those that show the whole map. */
  #views() {
    const moved = this.maps.map((map) => [nameOf(map), written(map)]).filter(([, camera]) => camera);
    return Object.fromEntries(moved);
  }

  // ---- what the toolbar says ----

  #acted(name, value) {
    if (name === "tool") this.tool = value;
    else if (name === "zoom") this.maps.forEach((map) => map.zoom(value));
    else if (name === "fit") this.maps.forEach((map) => map.placement && map.fit());
    else if (name === "search") this.words = value;
    else if (name === "next") this.#next();
    else if (name === "found") this.enclosed(null, this.found.filter((row) => this.shown(row)), false);
    else if (name === "decode") this.decodes = !this.decodes;
    else if (name === "draw") this.draws = !this.draws;
    if (["decode", "draw"].includes(name)) {
      this.net?.forgive();
      this.#report();
    }
    if (!["zoom", "fit", "next"].includes(name)) this.changed();
  }

  #next() {
    const map = this.maps.find(({ placement }) => placement);
    const rows = this.found.filter((row) => this.shown(row));
    if (!map || !rows.length) return;
    this.#point(map, rows.find((row) => row > (this.cursor ?? -1)) ?? rows[0]);
  }

  #scrubbed(name, index) {
    if (name === "toggle") this.timeline.toggle();
    else this.timeline.seek(index);
    this.redraw();
  }

  #drew(sample) {
    this.sample = sample;
    this.drawn = sample && this.decoding ? this.decoding.through(sample) : null;
    this.redraw("over");
  }

  /** How much has to be drawn: see `Drawing.soon`. */
  redraw(how) {
    this.drawing.soon(how);
  }

  destroy() {
    if (this.data) left.set(this.data.key, { tool: this.tool });
    this.sources().forEach((source) => source.stop());
    this.timeline.stop();
    clearTimeout(this.settling);
    clearTimeout(this.looking);
    this.drawing.stop();
    this.maps.forEach((map) => map.destroy());
    this.resized.disconnect();
    this.unprinted();
    document.removeEventListener("visibilitychange", this.visible);
  }
}

export default function latent(component) {
  return mount(component, Explorer, ".latent");
}
