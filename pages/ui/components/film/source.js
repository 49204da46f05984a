// Fetching the film of a run, as long as there may be more of it.

import { Poll } from "../shared/poll.js";
import { serverBase } from "../shared/server.js";
import { Film } from "./frames.js";

const PAUSE = 250; // ms between two questions while a run is queued or running
const REST = 5000; // ms before a missing run is asked for again, should the script run anew

/** Reads one run into its Film and calls `changed(film)` after each answer. */
export class Source extends Poll {
  constructor(id, changed) {
    super(() => {
      this.film.offline = this.offline;
      changed(this.film);
    });
    this.film = new Film(id);
    this.complete = false;
  }

  /** The run may have been taken up since we stopped asking, even a missing one after some time. */
  get done() {
    return this.complete || (this.film.state === "missing" && Date.now() - this.missingSince < REST);
  }

  async answer(signal) {
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
