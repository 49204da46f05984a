// What the network makes of a place on a map, and where on a map a drawing belongs. Exact where the map is the code itself.

import { Space, interpolated } from "./codes.js";

/** One map's view of the network: `codes` is {data, size, spacing} of all points, row by row. */
export class Decoding {
  constructor(network, codes) {
    this.network = network;
    this.codes = codes;
    this.among = new Space(codes.data, codes.data.length / codes.size, codes.size, codes.spacing ?? null);
    this.spaces = new WeakMap(); // of maps, by the array of their points
  }

  /** The map's points; a film's move, so theirs are taken anew at each of its moments. */
  space(map) {
    const { placement } = map;
    const known = this.spaces.get(placement);
    if (known && known.moment === placement.position) return known.space;
    const space = new Space(placement.data, placement.count, placement.size);
    this.spaces.set(placement, { space, moment: placement.position });
    return space;
  }

  /** Whether the map's own axes are the code's units. */
  exact(map) {
    return map.spec.kind === "code" && map.placement.size === this.codes.size;
  }

  /** Whether a code is unlike all codes of the data. */
  #isFar(code) {
    const [near] = this.among.nearest(code, 1);
    return !near || near.distance > this.among.far;
  }

  own(row) {
    return this.codes.data.slice(row * this.codes.size, (row + 1) * this.codes.size);
  }

  /** {picture, how: "exact" | "between", far} of a place on a map. */
  at(map, place) {
    const space = this.space(map);
    if (this.exact(map)) {
      const [near] = space.nearest(place, 1);
      return { picture: this.network.decode(Float32Array.from(place)), how: "exact", far: near.distance > space.far };
    }
    const { row, far } = interpolated(space, place, this.codes);
    return { picture: this.network.decode(row), how: "between", far: far || this.#isFar(row) };
  }

  /** The same of a point that has a code of its own. */
  of(row) {
    return { picture: this.network.decode(this.own(row)), how: "own", far: false };
  }

  /** A sample's code, its reconstruction, and whether the code is far from all others. */
  through(sample) {
    const code = this.network.encode(sample);
    return { code, seen: sample, rebuilt: this.network.decode(code), far: this.#isFar(code) };
  }

  /** Where a code belongs on a map: exactly, or between the points whose codes are nearest. */
  placed(map, code) {
    if (this.exact(map)) return code;
    const { placement } = map;
    return interpolated(this.among, code, { data: placement.data, size: placement.size }).row;
  }
}
