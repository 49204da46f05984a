// Fetching: one request at a time for each run, a pause between them, patience when the server is away.

import { serverBase } from "../shared/server.js";
import { Film } from "./frames.js";

const PAUSE = 250; // ms between two questions while a run is queued or running
const PATIENCE = [500, 1000, 2000, 4000, 8000]; // ms after the first, second, … failure in a row
const REST = 5000; // ms before a missing run is asked for again, should the script run anew
const ANSWER_WITHIN = 15000; // ms; a hung connection counts as a failure

const STOPPED = "stopped"; // why a question was taken back: not a failure

/** Reads one run into its Film and calls `changed(film, moments)` after each answer. */
export class Source {
  constructor(id, changed) {
    this.film = new Film(id);
    this.changed = changed;
    this.failures = 0;
    this.timer = null;
    this.inFlight = null;
    this.shown = false;
  }

  /** Begin, or begin again: the run may have been taken up since we stopped asking. */
  start() {
    this.shown = true;
    const hopeless = this.film.state === "missing" && Date.now() - this.missingSince < REST;
    if (!hopeless && !this.complete) this.#soon(0);
  }

  stop() {
    this.shown = false;
    clearTimeout(this.timer);
    this.timer = null;
    this.inFlight?.abort(STOPPED);
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
    let delay = PAUSE;
    try {
      delay = await this.#answer(control.signal);
      this.failures = 0;
      this.film.offline = false;
    } catch {
      if (control.signal.reason === STOPPED) delay = 0;
      else delay = this.#failed();
    }
    clearTimeout(limit);
    this.inFlight = null;
    if (!this.shown) return;
    this.changed(this.film);
    if (delay !== null) this.#soon(delay);
  }

  #failed() {
    const delay = PATIENCE[Math.min(this.failures, PATIENCE.length - 1)];
    this.failures += 1;
    this.film.offline = this.failures > 1; // a single lost answer is not worth a word
    return delay;
  }

  /** One question; the ms until the next one, or null where there is nothing more to ask. */
  async #answer(signal) {
    const { film } = this;
    const address = new URL(`api/runs/${encodeURIComponent(film.id)}/film?since=${film.since}`, serverBase());
    const answer = await fetch(address, { signal, cache: "no-store" });
    if (answer.status === 404) {
      film.state = "missing";
      this.missingSince = Date.now();
      return null;
    }
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const before = film.since;
    const began = film.take(await answer.arrayBuffer()) < 0;
    if (began || (!film.going && film.since > before)) return 0; // a long film may come in several answers
    this.complete = film.state === "finished";
    return film.going ? PAUSE : null;
  }
}
