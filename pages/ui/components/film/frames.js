// The film's bytes become moments. Written for the format in docs/architecture.md, "The film, as bytes".

import { arrayOf, decode } from "../shared/wire.js";

// What this component draws; histograms and spectra are plotly's and are not decoded here.
const DRAWN = ["clean", "seen", "labels", "reconstruction", "filters", "atoms", "activity"];

/** Everything known of one run: its moments in order of epoch, its state, and how far it has been read. */
export class Film {
  constructor(id) {
    this.id = id;
    this.forget();
    this.state = "loading";
    this.position = null;
    this.secondsLeft = null;
    this.offline = false;
  }

  forget() {
    this.moments = []; // {epoch, run, still, arrays}: `still` holds the held-out images that the moment reconstructs
    this.still = {};
    this.since = 0;
    this.restarts = 0;
    this.classNames = [];
  }

  get going() {
    return ["loading", "queued", "running"].includes(this.state);
  }

  /** Takes in one answer; returns how many moments it brought, or -1 where the run has begun again from nothing. */
  take(buffer) {
    const { header, base } = decode(buffer);
    if (header.count < this.since || (header.restarts ?? 0) > this.restarts) {
      // A worker was lost and the run began again. Its events so far are no longer those that we hold.
      const again = this.since > 0;
      this.forget();
      this.restarts = header.restarts ?? 0;
      if (again) return -1;
    }
    const before = this.moments.length;
    for (const record of header.records) this.#take(record, buffer, base);
    this.since = header.count;
    this.state = header.state;
    this.position = header.position;
    this.secondsLeft = header.seconds_left;
    return this.moments.length - before;
  }

  #take(record, buffer, base) {
    const arrays = {};
    for (const name of DRAWN) {
      if (record.arrays?.[name]) arrays[name] = arrayOf(buffer, base, record.arrays[name]);
    }
    if (record.kind === "started") {
      this.still = arrays;
      this.classNames = record.class_names ?? [];
    }
    if (record.kind !== "progress") return;
    // A moment that did not record, say, its filters shows those of the moment before it, as long as the images are the same.
    const last = this.moments.at(-1);
    const kept = last && last.still === this.still ? last.arrays : {};
    const moment = { epoch: record.epoch, run: record.run ?? this.id, still: this.still, arrays: { ...kept, ...arrays } };
    if (Number.isFinite(moment.epoch) && (!last || moment.epoch > last.epoch)) this.moments.push(moment);
  }

  /** The latest moment that is not after `epoch`; the first one where all are after it; null in an empty film. */
  at(epoch) {
    let low = 0;
    let high = this.moments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.moments[middle].epoch <= epoch) low = middle;
      else high = middle - 1;
    }
    return this.moments[low] ?? null;
  }
}

/** Squared error of each image: sum over features, values in [0, 1] (or as they are, for points). */
export function squaredErrors(clean, made) {
  const count = Math.min(clean.shape[0], made.shape[0]);
  const size = clean.data.length / clean.shape[0];
  const unit = clean.data instanceof Uint8Array ? 1 / (255 * 255) : 1;
  const errors = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    let sum = 0;
    for (let j = i * size; j < (i + 1) * size; j++) sum += (clean.data[j] - made.data[j]) ** 2;
    errors[i] = sum * unit;
  }
  return errors;
}

export function mean(values) {
  let sum = 0;
  for (const value of values) sum += value;
  return values.length ? sum / values.length : 0;
}

/** |clean - rebuilt| as bytes, 255 = 1. */
export function absoluteError(clean, made) {
  const error = new Uint8Array(Math.min(clean.length, made.length));
  for (let i = 0; i < error.length; i++) error[i] = Math.abs(clean[i] - made[i]);
  return error;
}

export function same(one, other) {
  if (one === other) return true;
  if (!one || !other || one.data.length !== other.data.length) return false;
  return one.data.every((value, i) => value === other.data[i]);
}
