// Where the points of one map stand: at a moment of a film, seen by a camera, in pixels; and which place a pixel is.

const EDGE = 0.07; // of the canvas stays empty round a map that is shown whole
export const ZOOM = { least: 0.5, most: 60 };
const SEEN_FIRST = { turn: -0.5, tilt: 0.35 };

export class Placement {
  /** array: {data, shape} of (N, 2), (N, 3) or, for a film, (moments, N, 2). */
  constructor({ data, shape }) {
    this.film = shape.length === 3;
    [this.moments, this.count, this.size] = this.film ? shape : [1, ...shape];
    this.all = data;
    this.data = this.film ? data.slice(0, this.count * this.size) : data;
    this.#measure();
  }

  #measure() {
    const low = Array(this.size).fill(Infinity);
    const high = Array(this.size).fill(-Infinity);
    for (let i = 0; i < this.all.length; i++) {
      const axis = i % this.size;
      if (this.all[i] < low[axis]) low[axis] = this.all[i];
      if (this.all[i] > high[axis]) high[axis] = this.all[i];
    }
    this.centre = low.map((value, axis) => (Number.isFinite(value) ? (value + high[axis]) / 2 : 0));
    this.half = low.map((value, axis) => Math.max((high[axis] - value) / 2 || 0, 1e-9));
    this.radius = this.size === 3 ? this.#farthest() : Math.max(...this.half);
  }

  /** From the centre, so that no point leaves the canvas however the map is turned. */
  #farthest() {
    let most = 0;
    for (let i = 0; i < this.all.length; i += 3) {
      const square = [0, 1, 2].reduce((sum, axis) => sum + (this.all[i + axis] - this.centre[axis]) ** 2, 0);
      if (square > most) most = square;
    }
    return Math.sqrt(most) || 1e-9;
  }

  get spatial() {
    return this.size === 3;
  }

  /**
   * Turns and mirrors the points to lie as near as they can to those of `other`: the orthogonal Procrustes problem, in closed form
   * for a plane. Distances stay, so a map remains what it was. Nothing where the two have other points or more dimensions.
   */
  alignWith({ data, count, size, film }) {
    if (this.film || film || size !== 2 || this.size !== 2 || count !== this.count) return;
    const [own, goal] = [middle(this.data), middle(data)];
    let [along, across, mirrored, twisted] = [0, 0, 0, 0];
    for (let i = 0; i < 2 * count; i += 2) {
      const [x, y] = [this.data[i] - own[0], this.data[i + 1] - own[1]];
      const [u, v] = [data[i] - goal[0], data[i + 1] - goal[1]];
      along += x * u + y * v;
      across += x * v - y * u;
      mirrored += x * u - y * v;
      twisted += x * v + y * u;
    }
    const flip = Math.hypot(mirrored, twisted) > Math.hypot(along, across) ? -1 : 1;
    const angle = flip < 0 ? Math.atan2(twisted, mirrored) : Math.atan2(across, along);
    if (!Number.isFinite(angle)) return;
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    const turned = new Float32Array(this.data.length);
    for (let i = 0; i < 2 * count; i += 2) {
      const [x, y] = [this.data[i] - own[0], flip * (this.data[i + 1] - own[1])];
      turned[i] = x * cos - y * sin;
      turned[i + 1] = x * sin + y * cos;
    }
    this.all = this.data = turned;
    this.#measure();
  }

  /** The film at `position`, a whole number at a recorded moment; between two of them the points are on their way. */
  seek(position) {
    const length = this.count * this.size;
    const before = Math.min(Math.floor(position), this.moments - 1);
    const part = position - before;
    const eased = part * part * (3 - 2 * part);
    const from = before * length;
    const to = Math.min(before + 1, this.moments - 1) * length;
    for (let i = 0; i < length; i++) this.data[i] = this.all[from + i] + eased * (this.all[to + i] - this.all[from + i]);
  }

  static camera() {
    return { x: 0, y: 0, zoom: 1, ...SEEN_FIRST };
  }

  /** Device pixels for one unit of the map. */
  unit(camera, width, height) {
    const [across, down] = this.spatial ? [this.radius, this.radius] : this.half;
    return (camera.zoom * (1 - 2 * EDGE) * Math.min(width / across, height / down)) / 2;
  }

  /** Fills xs, ys and, for three dimensions, depths (larger = nearer) of all points, in device pixels. */
  project(camera, width, height, xs, ys, depths) {
    const unit = this.unit(camera, width, height);
    const [left, top] = [width / 2 - camera.x * this.radius * unit, height / 2 + camera.y * this.radius * unit];
    const { data, centre, size } = this;
    const [sinTurn, cosTurn, sinTilt, cosTilt] = [Math.sin(camera.turn), Math.cos(camera.turn), Math.sin(camera.tilt), Math.cos(camera.tilt)];
    for (let i = 0, at = 0; i < this.count; i++, at += size) {
      let x = data[at] - centre[0];
      let y = data[at + 1] - centre[1];
      if (size === 3) {
        const z = data[at + 2] - centre[2];
        const depth = x * sinTurn + y * cosTurn;
        x = x * cosTurn - y * sinTurn;
        y = z * cosTilt + depth * sinTilt;
        depths[i] = z * sinTilt - depth * cosTilt;
      }
      xs[i] = left + x * unit;
      ys[i] = top - y * unit;
    }
  }

  /** Device pixels of one place of the map, as [x, y]. */
  pixel(place, camera, width, height) {
    const one = new Placement.Lone(this, place);
    const [xs, ys] = [new Float32Array(1), new Float32Array(1)];
    Placement.prototype.project.call(one, camera, width, height, xs, ys, new Float32Array(1));
    return [xs[0], ys[0]];
  }

  /** The place of the map under a pixel; for two dimensions only. */
  place(x, y, camera, width, height) {
    const unit = this.unit(camera, width, height);
    return [
      this.centre[0] + camera.x * this.radius + (x - width / 2) / unit,
      this.centre[1] + camera.y * this.radius - (y - height / 2) / unit,
    ];
  }

  /** Zooms by `factor` so that the pixel (x, y) keeps its place. */
  zoom(camera, factor, x, y, width, height) {
    const before = this.unit(camera, width, height);
    camera.zoom = Math.min(ZOOM.most, Math.max(ZOOM.least, camera.zoom * factor));
    const after = this.unit(camera, width, height);
    camera.x += ((x - width / 2) * (1 / before - 1 / after)) / this.radius;
    camera.y -= ((y - height / 2) * (1 / before - 1 / after)) / this.radius;
    this.hold(camera);
  }

  /** Moves what is seen by pixels; never so far that no point is left. */
  pan(camera, across, down, width, height) {
    const unit = this.unit(camera, width, height) * this.radius;
    camera.x -= across / unit;
    camera.y += down / unit;
    this.hold(camera);
  }

  hold(camera) {
    camera.x = Math.max(-1, Math.min(1, camera.x));
    camera.y = Math.max(-1, Math.min(1, camera.y));
  }
}

/** The mean of places of a plane, x and y one after another. */
function middle(places) {
  let [x, y] = [0, 0];
  for (let i = 0; i < places.length; i += 2) {
    x += places[i];
    y += places[i + 1];
  }
  return [(2 * x) / places.length, (2 * y) / places.length];
}

/** A single place, seen as its map's points are. */
Placement.Lone = class {
  constructor(placement, place) {
    const { centre, size, radius, half, spatial } = placement;
    Object.assign(this, { centre, size, radius, half, spatial, data: place, count: 1, unit: Placement.prototype.unit });
  }
};

/** Whether the polygon `path` [[x, y], …] holds (x, y): even-odd rule. */
export function inside(path, x, y) {
  let within = false;
  for (let i = 0, j = path.length - 1; i < path.length; j = i++) {
    const [[ax, ay], [bx, by]] = [path[i], path[j]];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) within = !within;
  }
  return within;
}
