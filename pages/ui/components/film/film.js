// The component: keeps one source and one clock, draws what the clock shows, tells Python where the visitor stopped.

import { Controls } from "../shared/controls.js";
import { element, write } from "../shared/elements.js";
import { mount } from "../shared/mount.js";
import { onPaper, printing } from "../shared/paper.js";
import { SaveButton } from "../shared/saving.js";
import { coloursOn, say } from "../shared/scales.js";
import { Activity, COLUMN_GAP, Features, Images, Points } from "./figures.js";
import { same } from "./frames.js";
import { Clock } from "./player.js";
import { Source } from "./source.js";

const SETTLED = 120; // ms without another movement of the slider before Python hears of it
const KEPT = 8; // films kept after their run has left the page: pinning and unpinning needs no second reading
const SECTIONS = ["images", "features", "activity"];

const remembered = new Map(); // where the visitor was, for a player that Streamlit takes away and brings back

class FilmPlayer {
  constructor(root) {
    this.root = root;
    this.sources = new Map();
    this.runs = [];
    this.shownRuns = new Set(); // ids of all lineage members shown so far: a continuation does not rewind the film
    this.feature = "filters";
    this.angle = Points.angle();
    this.wanted = null; // what Python shall hear, and what it has heard: a moment's epoch, or null for the newest
    this.told = undefined;
    this.clock = new Clock(() => this.changed());
    this.notice = element("div", "notice", root);
    this.notice.setAttribute("role", "status");
    this.sections = Object.fromEntries(SECTIONS.map((name) => [name, this.#section(name)]));
    this.controls = new Controls(root, (name, index) => this.#acted(name, index));
    this.saving = new SaveButton(this.controls.root, root);
    this.tooltip = tooltipIn(root);
    this.resized = new ResizeObserver(() => printing.on || this.redraw());
    this.resized.observe(root);
    this.unprinted = onPaper(() => [root], () => this.#draw());
    this.visible = () => this.#each((source, on) => (on && !document.hidden ? source.start() : source.stop()));
    document.addEventListener("visibilitychange", this.visible);
  }

  #section(name) {
    const root = element("section", name, this.root);
    const head = element("div", "head", root);
    const heading = element("div", "heading", head);
    heading.setAttribute("role", "heading");
    heading.setAttribute("aria-level", "2");
    const section = { root, head, heading, empty: element("div", "empty", root), grid: element("div", "grid", root), figures: new Map() };
    if (name === "features") section.choice = ["filters", "atoms"].map((feature) => this.#choice(head, feature));
    section.key = scaleKey(head);
    return section;
  }

  #choice(head, feature) {
    const group = head.querySelector(".choice") ?? element("div", "choice", head);
    group.setAttribute("role", "group");
    const button = element("button", "", group);
    button.type = "button";
    button.onclick = () => {
      this.feature = feature;
      this.redraw();
    };
    return { button, feature };
  }

  // ---- what Python says ----

  /** Called after each rerun of the script and on each change of theme. */
  take({ data: [data], setStateValue }) {
    for (const section of Object.values(this.sections)) section.height = section.grid.offsetHeight || section.height;
    this.tell = (epoch) => setStateValue("epoch", epoch);
    this.ready = () => setStateValue("ready", true);
    Object.assign(this, { texts: data.texts, view: data.view, palette: data.palette, key: data.key });
    const before = this.runs.filter((run) => !run.pinned).map((run) => run.id);
    this.runs = data.runs;
    const fresh = this.runs.filter((run) => !run.pinned && !before.includes(run.id));
    for (const { id } of this.runs) {
      if (!this.sources.has(id)) this.sources.set(id, new Source(id, (film) => this.#heard(film)));
    }
    this.#each((source, on) => (on ? source.start() : source.stop()));
    this.#forgetOld();
    const again = this.replay !== undefined && data.replay !== this.replay;
    if (fresh.length || again) this.arriving = { first: this.replay === undefined, again };
    // A run of half a second may have ended before its first moment is here: it was live when it came, so it plays.
    if (this.arriving) this.arriving.live ||= data.live;
    if (data.start !== null && data.start !== this.start) this.arriving = { ...this.arriving, start: data.start };
    this.start = data.start;
    this.replay = data.replay;
    if (this.told === undefined) this.told = this.wanted = data.heard;
    this.changed();
  }

  #each(act) {
    const on = new Set(this.runs.map((run) => run.id));
    for (const [id, source] of this.sources) act(source, on.has(id));
  }

  #forgetOld() {
    const on = new Set(this.runs.map((run) => run.id));
    for (const id of this.sources.keys()) {
      if (this.sources.size <= KEPT) return;
      if (!on.has(id)) this.sources.delete(id);
    }
  }

  // ---- what the server says ----

  #heard(film) {
    const heard = [film.moments.length, film.state, film.position, film.secondsLeft, film.offline, film.restarts].join();
    if (heard === film.heard) return; // most answers of a long epoch bring nothing new
    film.heard = heard;
    this.#sayReady();
    if (film.moments.length === 0 && this.clock.epoch !== null && !this.runs.some(({ id }) => this.#film(id).moments.length)) {
      this.clock.epoch = null; // the only run began again from nothing
    }
    this.changed();
  }

  /** Once, when the first picture has been painted, or there is none to wait for: what stands below the film may load now. */
  #sayReady() {
    if (this.saidReady) return;
    this.saidReady = true;
    requestAnimationFrame(() => setTimeout(() => this.ready()));
  }

  #film(id) {
    return this.sources.get(id).film;
  }

  /** All recorded moments on the slider: while a run is going, its own; else those of all runs. */
  #epochs() {
    const going = this.runs.filter((run) => !run.pinned && this.#film(run.id).going && this.#film(run.id).moments.length);
    const chosen = going.length ? going : this.runs;
    const all = new Set(chosen.flatMap(({ id }) => this.#film(id).moments.map((moment) => moment.epoch)));
    return [...all].sort((a, b) => a - b);
  }

  #arrive(epochs) {
    if (!this.arriving || !epochs.length) return;
    const moments = this.runs.filter((run) => !run.pinned).flatMap(({ id }) => this.#film(id).moments);
    if (this.runs.some((run) => !run.pinned) && !moments.length) return; // its first moment is still on its way
    const known = moments.some((moment) => this.shownRuns.has(moment.run));
    const before = this.arriving.first ? remembered.get(this.key) : undefined;
    if (before !== undefined && before.runs === this.runs.map((run) => run.id).join()) {
      this.clock.epoch = before.epoch;
      this.clock.follow = false;
    } else if (this.arriving.start !== undefined) {
      this.clock.epoch = this.arriving.start;
      this.clock.follow = false;
    } else if (this.arriving.again || !known) {
      this.clock.follow = true;
      this.clock.epoch = this.arriving.live || this.arriving.again ? epochs[0] : epochs.at(-1);
    } else if (this.arriving.live) {
      // A continuation of what is on screen: go on from where the two part, and watch what the change does.
      const common = moments.filter((moment) => this.shownRuns.has(moment.run)).at(-1).epoch;
      this.clock.follow = true;
      this.clock.epoch = Math.min(this.clock.epoch ?? common, common);
    }
    this.arriving = null;
  }

  /** Anything may have changed. */
  changed() {
    const epochs = this.#epochs();
    this.#arrive(epochs);
    this.clock.set(epochs);
    for (const { id } of this.runs) for (const moment of this.#film(id).moments) this.shownRuns.add(moment.run);
    this.redraw();
    this.#report();
  }

  // ---- what the visitor does ----

  #acted(name, index) {
    const going = this.#going();
    if (name === "toggle") this.clock.toggle(going);
    else this.clock.seek(index);
    this.changed();
  }

  #going() {
    return this.runs.some((run) => !run.pinned && this.#film(run.id).going);
  }

  /** Python hears a number where the visitor has stopped, and null once where the film follows the newest moment. */
  #report() {
    if (this.arriving?.first || this.arriving?.start !== undefined) return; // where it will rest is known with its first moment
    const epoch = this.arriving || this.clock.follow || this.clock.epoch === null ? null : this.clock.epoch;
    if (epoch === null) remembered.delete(this.key);
    else remembered.set(this.key, { epoch, runs: this.runs.map((run) => run.id).join() });
    if (epoch === this.wanted) return;
    this.wanted = epoch;
    clearTimeout(this.settling);
    this.settling = setTimeout(() => {
      if (this.wanted === this.told) return;
      this.told = this.wanted;
      this.tell(this.wanted);
    }, SETTLED);
  }

  // ---- drawing ----

  /** At most once a frame, however many things have changed. */
  redraw() {
    if (this.drawing) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = null;
      this.#draw();
    });
  }

  #draw() {
    const width = this.root.clientWidth;
    if (!width || !this.texts) return;
    const { texts } = this;
    const colours = coloursOn(this.root, this.palette);
    for (const name of ["reconstruction", "muted", "accent"]) this.root.style.setProperty(`--${name}`, colours[name]);
    this.#drawNotice();
    const entries = this.runs.map((run) => ({ run, film: this.#film(run.id), moment: this.#film(run.id).at(this.clock.epoch ?? Infinity) }));
    const drawn = entries.filter((entry) => entry.moment);
    const scene = { texts, colours, width, alone: this.runs.length < 2, feature: this.feature };
    for (const name of SECTIONS) {
      const section = this.sections[name];
      section.root.hidden = this.view !== "all" && this.view !== name;
      if (section.root.hidden) continue;
      this.#head(name, section, drawn, colours);
      this[`_${name}`](section, drawn, scene);
      this.#drawEmpty(name, section, drawn);
    }
    this.controls.show(this.clock, this.#going(), texts);
    this.saving.show(say(texts, "save"), `film-${this.view}`);
  }

  #head(name, section, drawn, colours) {
    const points = name === "images" && drawn.some((entry) => Points.can(entry.moment));
    write(section.heading, say(this.texts, points ? "points_title" : `${name}_title`));
    section.choice?.forEach(({ button, feature }) => {
      write(button, say(this.texts, feature));
      button.setAttribute("aria-pressed", String(this.feature === feature));
    });
    const stops = name === "features" ? colours.signed : colours.magnitude;
    section.key.bar.style.background = `linear-gradient(to right, ${stops.join()})`;
    write(section.key.low, say(this.texts, `${name}_low`));
    write(section.key.high, say(this.texts, `${name}_high`));
    section.key.root.hidden = points || !drawn.length;
  }

  _images(section, drawn, scene) {
    const pictured = drawn.filter((entry) => Images.can(entry.moment));
    const dotted = drawn.filter((entry) => Points.can(entry.moment));
    const clean = pictured[0]?.moment.still.clean;
    scene.withClean = pictured.length < 2;
    scene.sharesClean = (entry) => same(entry.moment.still.clean, clean);
    const figures = new Map();
    if (pictured.length > 1) {
      const shared = this.#figure(section, figures, "clean", () => new Images(section.grid, this.tooltip));
      shared.drawClean(clean, scene);
    }
    for (const entry of pictured) {
      this.#figure(section, figures, `images ${entry.run.id}`, () => new Images(section.grid, this.tooltip)).draw(entry, scene);
    }
    section.grid.style.gridTemplateColumns = columns(dotted.length, scene, 260);
    for (const entry of dotted) {
      const made = () => new Points(section.grid, this.angle, () => this.redraw());
      this.#figure(section, figures, `points ${entry.run.id}`, made).draw(entry, scene);
    }
    this.#prune(section, figures);
  }

  _features(section, drawn, scene) {
    this.#sideBySide(section, drawn, scene, Features, 260);
  }

  _activity(section, drawn, scene) {
    this.#sideBySide(section, drawn, scene, Activity, 300);
  }

  #sideBySide(section, drawn, scene, Kind, least) {
    const able = drawn.filter((entry) => Kind.can(entry.moment));
    section.grid.style.gridTemplateColumns = columns(able.length, scene, least);
    const figures = new Map();
    for (const entry of able) this.#figure(section, figures, entry.run.id, () => new Kind(section.grid)).draw(entry, scene);
    this.#prune(section, figures);
    if (section.choice) section.choice[0].button.parentElement.hidden = !able.length;
  }

  #figure(section, figures, name, make) {
    const figure = section.figures.get(name) ?? make();
    figures.set(name, figure);
    return figure;
  }

  /** Figures of runs that are gone go; the others stand in the order of the runs. */
  #prune(section, figures) {
    for (const [name, figure] of section.figures) if (!figures.has(name)) figure.root.remove();
    const order = [...figures.values()].map((figure) => figure.root);
    if (order.some((root, i) => section.grid.children[i] !== root)) section.grid.append(...order);
    section.figures = figures;
  }

  #drawEmpty(name, section, drawn) {
    section.empty.hidden = section.figures.size > 0;
    if (!section.empty.hidden) {
      // As high as the figures that stood here before: the page below does not jump while a new run has no picture yet.
      section.empty.style.minHeight = section.height ? `${section.height}px` : "";
      write(section.empty, drawn.length ? say(this.texts, "not_recorded") : this.#emptiness());
    }
  }

  /** What stands where there is no picture: whether one is to come. */
  #emptiness() {
    const films = this.runs.map(({ id }) => this.#film(id));
    if (!films.length) return say(this.texts, "empty");
    if (films.some((film) => film.offline)) return say(this.texts, "offline");
    const going = films.find((film) => film.going);
    return say(this.texts, going ? `state_${going.state}` : films[0].state === "missing" ? "state_missing" : "no_picture");
  }

  #drawNotice() {
    const some = this.runs.some(({ id }) => this.#film(id).moments.length);
    const lines = some ? this.#states() : [];
    write(this.notice, lines.join(" · "));
    this.notice.hidden = !lines.length;
  }

  /** A sentence for each pinned run that did not simply end well: how the run on screen stands is the page's to say. */
  #states() {
    if (this.runs.some(({ id }) => this.#film(id).offline)) return [say(this.texts, "offline")];
    const ended = this.runs.filter(({ id, pinned }) => pinned && !["running", "finished", "loading"].includes(this.#film(id).state));
    return ended.map((run) => `${run.title}: ${say(this.texts, `state_${this.#film(run.id).state}`)}`);
  }

  destroy() {
    this.#each((source) => source.stop());
    this.clock.stop();
    clearTimeout(this.settling);
    cancelAnimationFrame(this.drawing);
    this.resized.disconnect();
    this.unprinted();
    document.removeEventListener("visibilitychange", this.visible);
  }
}

/** CSS columns for `count` figures that each want at least `least` pixels; sets the width that each of them gets. */
function columns(count, scene, least) {
  const side = Math.max(1, Math.min(count, Math.floor((scene.width + COLUMN_GAP) / (least + COLUMN_GAP))));
  scene.columnWidth = Math.floor((scene.width - (side - 1) * COLUMN_GAP) / side);
  return `repeat(${side}, minmax(0, 1fr))`;
}

function scaleKey(parent) {
  const root = element("div", "scale-key", parent);
  return { root, low: element("span", "", root), bar: element("span", "bar", root), high: element("span", "", root) };
}

function tooltipIn(root) {
  const box = element("div", "tooltip", root);
  box.hidden = true;
  box.setAttribute("aria-hidden", "true"); // the same words stand in the figure's text
  return {
    show(event, text) {
      write(box, text);
      box.hidden = false;
      const frame = root.getBoundingClientRect();
      const left = Math.min(event.clientX - frame.left + 12, frame.width - box.offsetWidth - 4);
      box.style.transform = `translate(${Math.max(0, left)}px, ${event.clientY - frame.top + 16}px)`;
    },
    hide() {
      box.hidden = true;
    },
  };
}

export default function film(component) {
  return mount(component, FilmPlayer, ".film");
}
