// Time: which moment is on screen, and how it moves.

const STEP = 125; // ms a moment stays when the film plays: eight a second
const LONGEST = 15000; // ms: a film with many moments plays faster rather than longer

/**
 * The clock. `epochs` are all recorded moments; `epoch` is the one on screen; `follow` says that it moves towards the newest
 * one, at most eight moments a second: so a run of half a second can still be watched, and its first moments, in which the
 * pictures change most, get as much time as the others.
 */
export class Clock {
  constructor(ticked) {
    this.ticked = ticked;
    this.epochs = [];
    this.epoch = null;
    this.follow = true;
    this.asked = false; // the visitor pressed play: then it plays under prefers-reduced-motion too
    this.timer = null;
  }

  get index() {
    let index = 0;
    while (index + 1 < this.epochs.length && this.epochs[index + 1] <= this.epoch) index += 1;
    return index;
  }

  get last() {
    return this.epochs.length - 1;
  }

  get atEnd() {
    return this.epochs.length === 0 || this.index === this.last;
  }

  get still() {
    return matchMedia("(prefers-reduced-motion: reduce)").matches && !this.asked;
  }

  /** New moments, or none. Keeps the moment on screen. */
  set(epochs) {
    this.epochs = epochs;
    if (!epochs.length) return;
    if (this.epoch === null) this.epoch = epochs[0];
    this.go();
  }

  go() {
    if (!this.follow || this.atEnd) return;
    if (this.still) this.epoch = this.epochs[this.last];
    else if (this.timer === null) this.timer = setTimeout(() => this.#tick(), Math.min(STEP, LONGEST / this.epochs.length));
  }

  #tick() {
    this.timer = null;
    if (!this.follow || this.atEnd) return;
    this.epoch = this.epochs[this.index + 1];
    if (this.atEnd) this.asked = false;
    this.go();
    this.ticked();
  }

  /** Shows one moment; at the newest one it goes on following. */
  seek(index) {
    if (!this.epochs.length) return;
    const place = Math.max(0, Math.min(this.last, index));
    this.epoch = this.epochs[place];
    this.follow = place === this.last;
    this.asked = false;
  }

  /** Play from here, or from the beginning where the newest moment is on screen; or pause. `going`: more is to come. */
  toggle(going) {
    if (this.follow && (!this.atEnd || going)) {
      this.follow = false;
      return;
    }
    if (this.atEnd && this.epochs.length) this.epoch = this.epochs[0];
    this.follow = true;
    this.asked = true;
    this.go();
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = null;
  }
}
