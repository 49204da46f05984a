// The time of an unfolding map: plays ten recorded moments a second, the points moving smoothly from one to the next.

const MOMENTS = 10; // a second

/** As `Controls` wants a clock: epochs, index, last, atEnd, follow. `position`: 0 … last, between two moments while it plays. */
export class Timeline {
  constructor(ticked) {
    Object.assign(this, { ticked, epochs: [], position: 0, follow: false, before: null });
  }

  get last() {
    return this.epochs.length - 1;
  }

  get index() {
    return Math.max(0, Math.min(this.last, Math.floor(this.position + 1e-6)));
  }

  get atEnd() {
    return this.position >= this.last;
  }

  get still() {
    return matchMedia("(prefers-reduced-motion: reduce)").matches;
  }

  /** What is drawn: under prefers-reduced-motion nothing but recorded moments. */
  get shown() {
    return this.still ? this.index : Math.min(this.position, Math.max(0, this.last));
  }

  set(epochs) {
    const fresh = epochs.length !== this.epochs.length;
    this.epochs = epochs;
    if (fresh) this.position = Math.max(0, this.last);
  }

  seek(index) {
    this.follow = false;
    this.position = Math.max(0, Math.min(this.last, index));
  }

  toggle() {
    this.follow = !this.follow;
    if (!this.follow) {
      this.position = Math.round(this.position); // it rests at a moment that was recorded
      return;
    }
    if (this.atEnd) this.position = 0;
    this.before = null;
    this.#soon();
  }

  #soon() {
    this.frame = requestAnimationFrame((now) => {
      if (!this.follow) return;
      this.position = Math.min(this.last, this.position + (this.before === null ? 0 : ((now - this.before) / 1000) * MOMENTS));
      this.before = now;
      if (this.atEnd) this.follow = false;
      else this.#soon();
      this.ticked();
    });
  }

  stop() {
    this.follow = false;
    cancelAnimationFrame(this.frame);
  }
}
