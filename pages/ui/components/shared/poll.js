// Asking the server again and again: one question at a time, a pause between them, patience when it is away.

const PATIENCE = [500, 1000, 2000, 4000, 8000]; // ms after the first, second, … failure in a row
const ANSWER_WITHIN = 15000; // ms; a hung connection counts as a failure
const STOPPED = "stopped"; // why a question was taken back: not a failure

/** One thing that is asked for. Its kinds have `answer(signal)`: the ms until the next question, or null where there is none. */
export class Poll {
  constructor(changed) {
    this.changed = changed;
    this.failures = 0;
    this.timer = null;
    this.inFlight = null;
    this.shown = false;
  }

  /** Begin, or begin again. */
  start() {
    this.shown = true;
    if (!this.done) this.#soon(0);
  }

  stop() {
    this.shown = false;
    clearTimeout(this.timer);
    this.timer = null;
    this.inFlight?.abort(STOPPED);
  }

  /** A single lost answer is not worth a word. */
  get offline() {
    return this.failures > 1;
  }

  #soon(delay) {
    if (this.inFlight || this.timer !== null || !this.shown || document.hidden) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      this.#ask();
    }, delay);
  }

  async #ask() {
    const control = (this.inFlight = new AbortController());
    const limit = setTimeout(() => control.abort(), ANSWER_WITHIN);
    let delay = 0;
    try {
      delay = await this.answer(control.signal);
      this.failures = 0;
    } catch {
      if (control.signal.reason !== STOPPED) delay = this.#failed();
    }
    clearTimeout(limit);
    this.inFlight = null;
    if (!this.shown) return;
    this.changed(this);
    if (delay !== null) this.#soon(delay);
  }

  #failed() {
    const delay = PATIENCE[Math.min(this.failures, PATIENCE.length - 1)];
    this.failures += 1;
    return delay;
  }
}
