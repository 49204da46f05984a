// The component: holds the maps, what is chosen on them and how they are coloured; draws at most once a frame; tells Python.

import { Controls } from "../shared/controls.js";
import { element, write } from "../shared/elements.js";
import { coloursOn, digits, say } from "../shared/scales.js";
import { Columns, POINT_ARRAYS } from "./columns.js";
import { Decoding } from "./decoding.js";
import { STATES, sceneOf } from "./looks.js";
import { MapView } from "./map.js";
import { DrawPad, ruleFor } from "./pad.js";
import { Legend, Status, Toolbar, Tooltip } from "./parts.js";
import { NetworkSource, TaskSource } from "./tasks.js";
import { Timeline } from "./timeline.js";

const SETTLED = 250; // ms without another change before Python hears of it
const THOUSANDS = new Intl.NumberFormat("en"); // 10,000 in both languages
const LOOKED = 700; // ms without another movement before Python hears where the maps are looked at
const MAP_GAP = 24; // CSS px between maps
const PAD = 224; // CSS px of the drawing pad where it stands beside the maps, with the gap
const NARROW = 300; // CSS px that a map wants at least

const explorers = new WeakMap(); // one for each place on the page, across Streamlit's reruns
const left = new Map(); // what a visitor had chosen, for an explorer that Streamlit takes away and brings back

class Explorer {
  constructor(root) {
    this.root = root;
    Object.assign(this, { maps: [], tool: "move", words: "", found: [], selected: new Set(), cursor: null, hover: null });
    Object.assign(this, { decodes: false, draws: false, drawn: null, data: null, stale: true });
    this.toolbar = new Toolbar(root, (name, value) => this.#acted(name, value));
    this.legend = new Legend(root, (label) => this.#chooseClass(label));
    this.body = element("div", "body", root);
    this.grid = element("div", "maps", this.body);
    this.pad = new DrawPad(this.body, (sample) => this.#drew(sample));
    this.status = new Status(root, () => this.cleared());
    this.timeline = new Timeline(() => this.redraw());
    this.controls = new Controls(root, (name, index) => this.#scrubbed(name, index));
    this.notice = element("div", "notice", root);
    this.notice.setAttribute("role", "status");
    this.help = element("div", "caption help", root);
    this.help.id = `latent-help-${Math.random().toString(36).slice(2)}`;
    this.spoken = element("div", "spoken", root);
    this.spoken.setAttribute("aria-live", "polite");
    this.tooltip = new Tooltip(root);
    this.resized = new ResizeObserver(() => this.redraw());
    this.resized.observe(root);
    this.visible = () => this.#sources().forEach((source) => (document.hidden ? source.stop() : source.start()));
    document.addEventListener("visibilitychange", this.visible);
  }

  // ---- what Python says ----

  /** Called after each rerun of the script and on each change of theme. */
  take({ data, setStateValue }) {
    const before = this.data;
    this.data = data;
    this.texts = data.texts;
    this.tell = setStateValue;
    if (!before) this.#restore(data);
    this.#takePoints(before);
    this.#takeRun(before);
    this.#takeMaps();
    const selection = JSON.stringify(data.selection);
    if (data.selection && selection !== this.heardSelection) this.selected = new Set(data.selection);
    this.heardSelection = selection;
    this.#sources().forEach((source) => source.start());
    this.#needCodes();
    this.changed();
  }

  #restore(data) {
    Object.assign(this, { decodes: data.decode, ...left.get(data.key) });
    if (data.cursor !== null && this.cursor === null) this.cursor = data.cursor;
  }

  #takePoints(before) {
    const { points_task: id, class_names: classes, factor_names: factors } = this.data;
    if (before?.points_task !== id) {
      this.points?.stop();
      this.codes?.stop();
      this.points = new TaskSource(id, () => this.changed(), POINT_ARRAYS);
      this.codes = null;
      if (before) this.#forget();
    }
    this.columns = new Columns(this.points, { classes, factors });
  }

  /** Other points: rows mean other samples now. */
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
    const old = new Map(this.maps.map((map) => [map.spec.task_id, map]));
    this.maps = this.data.maps.map((spec) => {
      const map = old.get(spec.task_id) ?? this.#newMap(spec.task_id);
      old.delete(spec.task_id);
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

  #newMap(id) {
    const map = new MapView(this.grid, this);
    map.source = new TaskSource(id, () => this.changed(), ["points", "epochs", "trustworthiness"]);
    const [x, y, zoom, turn, tilt] = this.data.view?.[id] ?? left.get(this.data.key)?.views?.[id] ?? [];
    if (zoom) Object.assign(map.camera, { x, y, zoom, turn, tilt });
    map.over.setAttribute("aria-describedby", this.help.id);
    return map;
  }

  #sources() {
    return [this.points, this.codes, ...this.maps.map((map) => map.source)].filter(Boolean);
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
    this.#needCodes();
    if (this.codes?.arrays.codes) this.points.arrays.codes = this.codes.arrays.codes;
    const { codes } = this.points.arrays;
    if (!this.decoding && this.net?.state === "ready" && codes?.shape[0]) {
      this.decoding = new Decoding(this.net.network, {
        data: codes.data,
        size: codes.data.length / codes.shape[0],
        spacing: this.points.numbers.nearest_95,
      });
    }
    for (const map of this.maps) map.put(map.source.ready ? map.source.arrays.points ?? null : null);
    const film = this.maps.find((map) => map.placement?.film);
    const epochs = film?.source.arrays.epochs;
    this.timeline.set(film ? Array.from(epochs?.data ?? { length: film.placement.moments }, (epoch, i) => Number(epoch ?? i)) : []);
    this.stale = true;
    this.redraw();
  }

  // ---- what the maps ask and say ----

  shown(row) {
    return this.scene ? this.scene.states[row] > STATES.filtered : true;
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
    this.looking = setTimeout(() => this.data.report_view && this.tell("view", this.#views()), LOOKED);
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
    this.stale = true;
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

  #report() {
    clearTimeout(this.settling);
    this.settling = setTimeout(() => {
      const picked = { selected: [...this.selected].sort((a, b) => a - b), cursor: this.cursor };
      const told = JSON.stringify(picked);
      if (told === this.told) return;
      this.told = told;
      this.heardSelection = JSON.stringify(picked.selected); // what comes back from Python is no news
      this.tell("picked", picked);
    }, SETTLED);
  }

  #views() {
    return Object.fromEntries(this.maps.map(({ spec, camera: { x, y, zoom, turn, tilt } }) => [spec.task_id, [x, y, zoom, turn, tilt]]));
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
    if (["decode", "draw"].includes(name)) this.net?.forgive();
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
    this.drawn = sample && this.decoding ? this.decoding.through(sample) : null;
    this.redraw("over");
  }

  // ---- drawing ----

  /** At most once a frame. how: "over" leaves the points as they are, "moved" draws those of the maps that moved. */
  redraw(how = "all") {
    const ranks = ["over", "moved", "all"];
    this.how = ranks[Math.max(ranks.indexOf(how), ranks.indexOf(this.how ?? "over"))];
    if (this.drawing) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = null;
      const whole = this.how;
      this.how = undefined;
      this.#draw(whole);
    });
  }

  #draw(how) {
    const width = this.root.clientWidth;
    if (!width || !this.data) return;
    const background = this.colours?.background;
    this.colours = coloursOn(this.root, this.data.palette);
    if (background !== this.colours.background) this.stale = true;
    const whole = how === "all";
    if (whole) this.#frame(width);
    if (this.stale) this.#scene();
    if (whole) this.#film();
    for (const map of this.maps) {
      if (!whole && !map.dirty) continue;
      map.dirty = false;
      map.drawPoints(this.scene);
    }
    this.#over();
  }

  /** Everything round the points: sizes, words, toolbar, legend, states. */
  #frame(width) {
    const { texts, colours, root } = this;
    for (const name of ["muted", "accent", "hairline", "panel"]) root.style.setProperty(`--${name}`, colours[name]);
    const fitting = (room) => Math.max(1, Math.min(this.maps.length, Math.floor((room + MAP_GAP) / (NARROW + MAP_GAP))));
    // Beside the maps where they keep their places: one sees the drawing move on the map while drawing.
    const beside = this.#padOn && width > NARROW + PAD && fitting(width - PAD) === fitting(width);
    this.body.classList.toggle("beside", beside);
    const room = width - (beside ? PAD : 0);
    const across = fitting(room);
    const own = Math.floor((room - (across - 1) * MAP_GAP) / across);
    this.grid.style.gridTemplateColumns = `repeat(${across}, minmax(0, 1fr))`;
    const height = Math.round(Math.max(280, Math.min(this.maps.length > 1 ? 420 : 540, own * (across > 1 ? 0.9 : width < 480 ? 1 : 0.6))));
    this.maps.forEach((map) => {
      map.resize(own, height);
      map.root.dataset.tool = this.tool;
      map.root.classList.toggle("spatial", Boolean(map.placement?.spatial));
    });
    this.found = this.points.ready ? this.columns.search(this.words) : [];
    const able = this.net && this.points.ready && this.columns.inputs;
    const images = this.columns.images;
    const square = images && images.shape[1] === images.shape[2];
    const now = { tool: this.tool, words: this.words.trim(), found: this.found.length };
    this.toolbar.show({ ...now, decodes: able ? this.decodes : null, draws: able && square ? this.draws : null }, texts);
    this.toolbar.root.hidden = !this.maps.length;
    write(this.help, say(texts, this.maps.some((map) => map.placement?.spatial) ? "help_turn" : "help"));
    this.help.hidden = !this.maps.length;
    this.#notice(able);
  }

  #notice(able) {
    const wants = able && (this.decodes || this.draws);
    const offline = this.#sources().some((source) => source.offline);
    const failed = wants && (this.net.state === "failed" || ["failed", "missing"].includes(this.codes?.state));
    const key = offline ? "offline" : failed ? "no_network" : wants && !this.decoding ? "network_loading" : null;
    this.notice.hidden = !key;
    write(this.notice, key ? say(this.texts, key) : "");
  }

  /** What each point looks like; made anew when colour, filter, selection, search or theme change. */
  #scene() {
    this.stale = false;
    const { columns, colours, data, selected, found } = this;
    const unlabelled = this.maps.find((map) => map.placement)?.placement.count ?? 0;
    Object.assign(this, sceneOf({ columns, colours, data, chosen: [...selected, ...found], count: columns.count || unlabelled }));
    this.#legend();
    this.maps.forEach((map) => (map.dirty = true));
  }

  #legend() {
    const { columns, coloured, data, look, stops, texts } = this;
    const name = (label) => (data.colour === "held_out" ? say(texts, label ? "held_out" : "training") : columns.className(label));
    const title = coloured.kind === "none" ? "" : columns.title(data.colour, texts);
    this.legend.show({ title, coloured, look: (label) => look(label % Columns.UNLABELLED, STATES.plain), stops, name }, texts);
    this.status.show(this.selected.size, this.filtered, texts);
    this.legend.root.hidden = this.status.root.hidden = !columns.count;
  }

  #film() {
    const { timeline } = this;
    this.controls.root.hidden = !timeline.epochs.length;
    if (!timeline.epochs.length) return this.#captions();
    for (const map of this.maps) {
      if (!map.placement?.film || map.placement.position === timeline.shown) continue;
      map.placement.seek((timeline.shown * (map.placement.moments - 1)) / Math.max(1, timeline.last));
      map.placement.position = timeline.shown;
      map.dirty = true;
    }
    this.controls.show(timeline, false, this.texts);
    return this.#captions();
  }

  #captions() {
    const { texts } = this;
    for (const map of this.maps) {
      const { source, spec, placement } = map;
      const count = placement?.count ?? 0;
      const drawable = placement && (!this.columns.count || count === this.columns.count);
      map.say(drawable ? null : this.#state(map), source.state === "running" ? source.progress : null);
      const value = placement?.film ? source.arrays.trustworthiness?.data[this.timeline.index] : undefined;
      const trust = Number.isFinite(value) && say(texts, "trustworthiness", { value: digits(value) });
      write(map.caption, [spec.caption, drawable && say(texts, "points", { count: THOUSANDS.format(count) }), trust].filter(Boolean).join("\u00a0· "));
      map.name(say(texts, "map_label", { title: spec.title, count, selected: this.selected.size }), spec.title, texts);
    }
  }

  #state({ source, spec, placement }) {
    if (spec.trouble) return spec.trouble;
    if (source.state === "queued" && source.position !== null) return say(this.texts, "state_queued_place", { position: source.position });
    if (source.state !== "finished") return say(this.texts, `state_${source.state}`, { percent: Math.round(100 * source.progress) });
    return say(this.texts, placement?.count ? "state_other" : "empty");
  }

  /** Rings, outlines, tooltip and pad: whatever moves without the points. */
  #over() {
    const row = this.hover?.row ?? null;
    for (const map of this.maps) {
      const drawn = this.draws && this.drawn && map.placement ? this.decoding.placed(map, this.drawn.code) : null;
      map.drawOver({ hover: this.hover?.keyboard ? null : row, cursor: this.cursor, drawn }, this.colours);
    }
    this.#tip();
    this.#pad();
  }

  #tip() {
    const { hover, columns, texts } = this;
    const decodes = this.decodes && this.decoding && columns.images;
    const made = !hover || !decodes ? null : hover.place ? this.decoding.at(hover.map, hover.place) : this.decoding.of(hover.row);
    if (!this.scene || !hover || (hover.row === null && !made)) return this.tooltip.hide();
    const { map, row } = hover;
    if (hover.follow) [hover.x, hover.y] = [map.xs[row] / map.ratio, map.ys[row] / map.ratio];
    const frame = this.root.getBoundingClientRect();
    const stage = map.over.getBoundingClientRect();
    const said = columns.said(row, made, { decodes, extra: this.data.colour, texts });
    return this.tooltip.show(said, hover.x + stage.left - frame.left, hover.y + stage.top - frame.top, texts, this.colours);
  }

  get #padOn() {
    const { images } = this.columns;
    return Boolean(this.draws && this.decoding && images && images.shape[1] === images.shape[2]);
  }

  #pad() {
    const { images } = this.columns;
    this.pad.root.hidden = !this.#padOn;
    if (!this.#padOn) return;
    const side = images.shape[1];
    const exact = this.maps.every((map) => map.placement && this.decoding.exact(map));
    const note = !this.drawn ? "pad_empty" : exact ? "pad_exact" : "pad_between";
    const words = [say(this.texts, note), this.drawn?.far && say(this.texts, "pad_far")].filter(Boolean).join(" ");
    const rule = ruleFor(side, this.data.drawing);
    this.pad.show({ side, rule, made: this.drawn, note: words, texts: this.texts, colours: this.colours });
  }

  destroy() {
    const { tool, selected, cursor, decodes, draws, data } = this;
    if (data) left.set(data.key, { tool, selected, cursor, decodes, draws, views: this.#views() });
    this.#sources().forEach((source) => source.stop());
    this.timeline.stop();
    clearTimeout(this.settling);
    clearTimeout(this.looking);
    cancelAnimationFrame(this.drawing);
    this.maps.forEach((map) => map.destroy());
    this.resized.disconnect();
    document.removeEventListener("visibilitychange", this.visible);
  }
}

export default function latent(component) {
  const { parentElement } = component;
  let explorer = explorers.get(parentElement);
  if (explorer && !parentElement.contains(explorer.root)) {
    explorer.destroy(); // Streamlit has put the component's HTML in anew
    explorer = undefined;
  }
  if (!explorer) {
    explorer = new Explorer(parentElement.querySelector(".latent"));
    explorers.set(parentElement, explorer);
  }
  explorer.take(component);
  return () => {
    explorer.destroy();
    explorers.delete(parentElement);
  };
}
