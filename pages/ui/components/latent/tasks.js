// What the engine has computed: a task's arrays, and a run's weights. Fetched once each, by themselves.

import { Poll } from "../shared/poll.js";
import { serverBase } from "../shared/server.js";
import { arrayOf, decode } from "../shared/wire.js";
import { Network } from "./network.js";

const TASK_PAUSE = 400; // ms between two questions while a task is queued or running

/** One task: its state, and once it is finished its arrays {name: {data, shape}}. `wanted`: names of the arrays to ask for. */
export class TaskSource extends Poll {
  constructor(id, changed, wanted = []) {
    super(changed);
    Object.assign(this, { id, wanted, state: "loading", progress: 0, restarts: 0, position: null, numbers: {}, arrays: {}, bytes: 0 });
  }

  get done() {
    return ["finished", "failed"].includes(this.state);
  }

  get ready() {
    return this.state === "finished";
  }

  async answer(signal) {
    const query = this.wanted.length ? `?arrays=${this.wanted.join()}` : "";
    const address = new URL(`api/tasks/${encodeURIComponent(this.id)}/result${query}`, serverBase());
    const answer = await fetch(address, { signal, cache: "no-store" });
    if (answer.status === 404) {
      this.state = "missing";
      return null;
    }
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const buffer = await answer.arrayBuffer();
    const { header, base } = decode(buffer);
    for (const [name, place] of Object.entries(header.arrays ?? {})) {
      const array = arrayOf(buffer, base, place);
      if (array) this.arrays[name] = array;
    }
    this.bytes += buffer.byteLength;
    this.numbers = header.numbers ?? {};
    this.progress = header.progress ?? 0;
    this.restarts = header.restarts ?? 0;
    this.position = header.position ?? null;
    this.state = header.state;
    return ["queued", "running"].includes(this.state) ? TASK_PAUSE : null;
  }
}

/** A run's network, built in the browser. `state`: off, loading, ready, failed. */
export class NetworkSource {
  constructor(run, changed) {
    Object.assign(this, { run, changed, state: "off", network: null });
  }

  /** After a failure another press of the button tries again. */
  forgive() {
    if (this.state === "failed") this.state = "off";
  }

  /** Fetches experiment and weights, once. inputs: numbers in one sample. */
  async load(inputs) {
    if (this.state !== "off") return;
    this.state = "loading";
    try {
      const run = `api/runs/${encodeURIComponent(this.run.id)}`;
      const epoch = this.run.epoch === null ? "" : `?epoch=${this.run.epoch}`;
      const [experiment, weights] = await Promise.all([this.#get(`${run}/experiment`), this.#get(`${run}/weights${epoch}`)]);
      this.network = new Network(await weights.arrayBuffer(), await experiment.json(), inputs);
      this.network.decode(this.network.encode(new Float32Array(inputs))); // weights that do not fit are found here
      this.state = "ready";
    } catch {
      this.state = "failed";
    }
    this.changed();
  }

  async #get(path) {
    const answer = await fetch(new URL(path, serverBase()));
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    return answer;
  }
}
