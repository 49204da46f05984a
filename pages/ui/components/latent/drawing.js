// The explorer's state on the screen: maps, legend, captions, tooltip and pad, at most once a frame. `latent.js` says when.

import { write } from "../shared/elements.js";
import { coloursOn, digits, say } from "../shared/scales.js";
import { Columns } from "./columns.js";
import { STATES, sceneOf } from "./looks.js";
import { ruleFor } from "./pad.js";

const THOUSANDS = new Intl.NumberFormat("en"); // 10,000 in both languages
const MAP_GAP = 24; // CSS px between maps
const PAD = 224; // CSS px of the drawing pad where it stands beside the maps, with the gap
const NARROW = 300; // CSS px that a map wants at least

/** Reads what its explorer holds, and changes nothing of it but what is on the screen, `found` and the tooltip's place. */
export class Drawing {
  constructor(explorer) {
    Object.assign(this, { explorer, stale: true, scene: null, frame: null });
  }

  /** At most once a frame. how: "over" leaves the points as they are, "moved" draws those of the maps that moved. */
  soon(how = "all") {
    const ranks = ["over", "moved", "all"];
    this.how = ranks[Math.max(ranks.indexOf(how), ranks.indexOf(this.how ?? "over"))];
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = null;
      const whole = this.how;
      this.how = undefined;
      this.#draw(whole);
    });
  }

  now() {
    this.#draw("all");
  }

  #draw(how) {
    const width = this.explorer.root.clientWidth;
    if (!width || !this.explorer.data) return;
    const background = this.colours?.background;
    this.colours = coloursOn(this.explorer.root, this.explorer.data.palette);
    if (background !== this.colours.background) this.stale = true;
    const whole = how === "all";
    if (whole) this.#frame(width);
    if (this.stale) this.#scene();
    if (whole) this.#film();
    for (const map of this.explorer.maps) {
      if (!whole && !map.dirty) continue;
      map.dirty = false;
      map.drawPoints(this.scene);
    }
    this.#over();
  }

  /** Everything round the points: sizes, words, toolbar, legend, states. */
  #frame(width) {
    const { texts, root } = this.explorer;
    const { colours } = this;
    for (const name of ["muted", "accent", "hairline", "panel"]) root.style.setProperty(`--${name}`, colours[name]);
    const fitting = (room) => Math.max(1, Math.min(this.explorer.maps.length, Math.floor((room + MAP_GAP) / (NARROW + MAP_GAP))));
    // Beside the maps where they keep their places: one sees the drawing move on the map while drawing.
    const beside = this.#padOn && width > NARROW + PAD && fitting(width - PAD) === fitting(width);
    this.explorer.body.classList.toggle("beside", beside);
    const room = width - (beside ? PAD : 0);
    const across = fitting(room);
    const own = Math.floor((room - (across - 1) * MAP_GAP) / across);
    this.#placePlayer(across === 1 && this.explorer.maps.length > 1);
    this.explorer.grid.style.gridTemplateColumns = `repeat(${across}, minmax(0, 1fr))`;
    const player = this.explorer.timeline.epochs.length > 0; // it stands below, and in the first view of a projector
    const most = player || this.explorer.maps.length > 1 ? 420 : 540;
    const height = Math.round(Math.max(280, Math.min(most, own * (across > 1 ? 0.9 : width < 480 ? 1 : 0.6))));
    this.explorer.maps.forEach((map) => {
      map.resize(own, height);
      map.root.dataset.tool = this.explorer.tool;
      map.root.classList.toggle("spatial", Boolean(map.placement?.spatial));
    });
    this.explorer.found = this.explorer.points.ready ? this.explorer.columns.search(this.explorer.words) : [];
    const able = this.explorer.net && this.explorer.points.ready && this.explorer.columns.inputs;
    const images = this.explorer.columns.images;
    const square = images && images.shape[1] === images.shape[2];
    const now = { tool: this.explorer.tool, words: this.explorer.words.trim(), found: this.explorer.found.length };
    this.explorer.saving.show(say(texts, "save"), "latent");
    this.explorer.toolbar.show({ ...now, decodes: able ? this.explorer.decodes : null, draws: able && square ? this.explorer.draws : null }, texts);
    this.explorer.toolbar.root.hidden = !this.explorer.maps.length;
    write(this.explorer.help, say(texts, this.explorer.maps.some((map) => map.placement?.spatial) ? "help_turn" : "help"));
    this.explorer.help.hidden = !this.explorer.maps.length;
    this.#notice(able);
  }

  /** Below the maps; above them where they stand below one another, or the film would be out of sight of its player. */
  #placePlayer(above) {
    const { body, controls } = this.explorer;
    if ((controls.root.nextElementSibling === body) === above) return;
    if (above) body.before(controls.root);
    else body.after(controls.root);
  }

  #notice(able) {
    const wants = able && (this.explorer.decodes || this.explorer.draws);
    const offline = this.explorer.sources().some((source) => source.offline);
    const failed = wants && (this.explorer.net.state === "failed" || ["failed", "missing"].includes(this.explorer.codes?.state));
    const key = offline ? "offline" : failed ? "no_network" : wants && !this.explorer.decoding ? "network_loading" : null;
    this.explorer.notice.hidden = !key;
    write(this.explorer.notice, key ? say(this.explorer.texts, key) : "");
  }

  /** What each point looks like; made anew when colour, filter, selection, search or theme change. */
  #scene() {
    this.stale = false;
    const { columns, data, selected, found } = this.explorer;
    const { colours } = this;
    const unlabelled = this.explorer.maps.find((map) => map.placement)?.placement.count ?? 0;
    Object.assign(this, sceneOf({ columns, colours, data, chosen: [...selected, ...found], count: columns.count || unlabelled }));
    this.#legend();
    this.explorer.maps.forEach((map) => (map.dirty = true));
  }

  #legend() {
    const { columns, data, texts } = this.explorer;
    const { coloured, look, stops } = this;
    const name = (label) => (data.colour === "held_out" ? say(texts, label ? "held_out" : "training") : columns.className(label));
    const title = coloured.kind === "none" ? "" : columns.title(data.colour, texts);
    this.explorer.legend.show({ title, coloured, look: (label) => look(label % Columns.UNLABELLED, STATES.plain), stops, name }, texts);
    this.explorer.status.show(this.explorer.selected.size, this.filtered, texts);
    this.explorer.legend.root.hidden = this.explorer.status.root.hidden = !columns.count;
  }

  #film() {
    const { timeline } = this.explorer;
    this.explorer.controls.root.hidden = !timeline.epochs.length;
    if (!timeline.epochs.length) return this.#captions();
    for (const map of this.explorer.maps) {
      if (!map.placement?.film || map.placement.position === timeline.shown) continue;
      map.placement.seek((timeline.shown * (map.placement.moments - 1)) / Math.max(1, timeline.last));
      map.placement.position = timeline.shown;
      map.dirty = true;
    }
    this.explorer.controls.show(timeline, false, this.explorer.texts);
    return this.#captions();
  }

  #captions() {
    const { texts } = this.explorer;
    for (const map of this.explorer.maps) {
      const { source, spec, placement } = map;
      const count = placement?.count ?? 0;
      const drawable = placement && (!this.explorer.columns.count || count === this.explorer.columns.count);
      map.say(drawable ? null : this.#state(map), source.state === "running" ? source.progress : null);
      const value = placement?.film ? source.arrays.trustworthiness?.data[this.explorer.timeline.index] : undefined;
      const trust = Number.isFinite(value) && say(texts, "trustworthiness", { value: digits(value) });
      write(map.caption, [spec.caption, drawable && say(texts, "points", { count: THOUSANDS.format(count) }), trust].filter(Boolean).join("\u00a0· "));
      map.name(say(texts, "map_label", { title: spec.title, count, selected: this.explorer.selected.size }), spec.title, texts);
    }
  }

  #state({ source, placement }) {
    if (source.state === "queued" && source.position !== null) return say(this.explorer.texts, "state_queued_place", { position: source.position });
    const key = source.state === "running" && source.restarts ? "again" : source.state;
    if (key !== "finished") return say(this.explorer.texts, `state_${key}`, { percent: Math.round(100 * source.progress) });
    return say(this.explorer.texts, placement?.count ? "state_other" : "empty");
  }

  /** Rings, outlines, tooltip and pad: whatever moves without the points. */
  #over() {
    const row = this.explorer.hover?.row ?? null;
    for (const map of this.explorer.maps) {
      const drawn = this.explorer.draws && this.explorer.drawn && map.placement ? this.explorer.decoding.placed(map, this.explorer.drawn.code) : null;
      map.drawOver({ hover: this.explorer.hover?.keyboard ? null : row, cursor: this.explorer.cursor, drawn }, this.colours);
    }
    this.#tip();
    this.#pad();
  }

  #tip() {
    const { hover, columns, texts } = this.explorer;
    const decodes = this.explorer.decodes && this.explorer.decoding;
    const made = !hover || !decodes ? null : hover.place ? this.explorer.decoding.at(hover.map, hover.place) : this.explorer.decoding.of(hover.row);
    if (!this.scene || !hover || (hover.row === null && !made)) return this.explorer.tooltip.hide();
    const { map, row } = hover;
    if (hover.follow) [hover.x, hover.y] = [map.xs[row] / map.ratio, map.ys[row] / map.ratio];
    const frame = this.explorer.root.getBoundingClientRect();
    const stage = map.over.getBoundingClientRect();
    const said = columns.said(row, made, { decodes, extra: this.explorer.data.colour, texts });
    return this.explorer.tooltip.show(said, hover.x + stage.left - frame.left, hover.y + stage.top - frame.top, texts, this.colours);
  }

  get #padOn() {
    const { images } = this.explorer.columns;
    return Boolean(this.explorer.draws && this.explorer.decoding && images && images.shape[1] === images.shape[2]);
  }

  #pad() {
    const { images } = this.explorer.columns;
    this.explorer.pad.root.hidden = !this.#padOn;
    if (!this.#padOn) return;
    const side = images.shape[1];
    const exact = this.explorer.maps.every((map) => map.placement && this.explorer.decoding.exact(map));
    const note = !this.explorer.drawn ? "pad_empty" : exact ? "pad_exact" : "pad_between";
    const words = [say(this.explorer.texts, note), this.explorer.drawn?.far && say(this.explorer.texts, "pad_far")].filter(Boolean).join(" ");
    const rule = ruleFor(side, this.explorer.data.drawing);
    this.explorer.pad.show({ side, rule, made: this.explorer.drawn, note: words, texts: this.explorer.texts, colours: this.colours });
  }

  /** Whether a point is in colour, and can be chosen. */
  shows(row) {
    return this.scene ? this.scene.states[row] > STATES.filtered : true;
  }

  stop() {
    cancelAnimationFrame(this.frame);
  }
}
