// Where a place lies among the codes: its nearest ones, what they say of it together, and whether it is far from all of them.

const NEIGHBOURS = 8; // codes from which one in between is interpolated
const SAMPLE = 150; // codes whose distance to the nearest other one is measured
const MOST = 0.95; // of the codes lie nearer to another one than their spacing
const EMPTIER = 9; // times as empty as it is round those: from there on a place is far from every code

/** `count` places with `size` coordinates each: points of a map, or codes. */
export class Space {
  /** limit: the spacing, where it is known already. */
  constructor(data, count, size, limit = null) {
    Object.assign(this, { data, count, size, limit });
  }

  squared(place, i) {
    let sum = 0;
    for (let j = 0, at = i * this.size; j < this.size; j++, at++) sum += (place[j] - this.data[at]) ** 2;
    return sum;
  }

  /** The k nearest, nearest first, as [{index, distance}]; never `but`, nor one without a place. */
  nearest(place, k, but = -1) {
    const found = [];
    let worst = Infinity;
    for (let i = 0; i < this.count; i++) {
      const square = this.squared(place, i);
      if (!(square < worst) || i === but) continue;
      let at = found.length < k ? found.length : k - 1;
      for (; at > 0 && found[at - 1].square > square; at--) found[at] = found[at - 1];
      found[at] = { index: i, square };
      if (found.length === k) worst = found[k - 1].square;
    }
    return found.map(({ index, square }) => ({ index, distance: Math.sqrt(square) }));
  }

  /**
   * What lies farther than this from all codes is unlike any. In d dimensions emptiness grows as the distance to the power of d
   * (the density of `projection.log_density`), so that the same emptiness is 3 spacings in a plane and 1.15 among 16 units.
   */
  get far() {
    return this.spacing * EMPTIER ** (1 / this.size);
  }

  /** 95 % of the codes have another one within this distance. */
  get spacing() {
    if (this.limit === null) {
      const step = Math.max(1, Math.floor(this.count / SAMPLE));
      const distances = [];
      for (let i = 0; i < this.count; i += step) {
        const [near] = this.nearest(this.data.subarray(i * this.size, (i + 1) * this.size), 1, i);
        if (near) distances.push(near.distance);
      }
      distances.sort((a, b) => a - b);
      this.limit = distances.length ? distances[Math.min(distances.length - 1, Math.floor(MOST * distances.length))] : Infinity;
    }
    return this.limit;
  }
}

/**
 * What `values` (one row for each place of `space`) are at `place`: {row, far}. Weights ((R − d)/(R d))² with R the distance of
 * the ninth neighbour (Franke & Little's form of Shepard's method), so that nothing jumps when a neighbour is replaced.
 */
export function interpolated(space, place, values) {
  const near = space.nearest(place, NEIGHBOURS + 1);
  const row = new Float32Array(values.size);
  if (!near.length) return { row, far: true };
  const copy = (index) => values.data.subarray(index * values.size, (index + 1) * values.size);
  const far = near[0].distance > space.far;
  const reach = near.at(-1).distance;
  if (near[0].distance < 1e-9 * (reach || 1) || reach === near[0].distance) return { row: Float32Array.from(copy(near[0].index)), far };
  let total = 0;
  for (const { index, distance } of near) {
    const weight = ((reach - distance) / (reach * distance)) ** 2;
    const own = copy(index);
    for (let j = 0; j < row.length; j++) row[j] += weight * own[j];
    total += weight;
  }
  return { row: row.map((value) => value / total), far };
}
