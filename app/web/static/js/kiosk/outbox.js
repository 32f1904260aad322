/**
 * The outbox: every response goes here before anything else happens to it, and leaves only when the server has
 * named its id, or into the pile of those set aside.
 *
 * When the disk is full or failing, responses wait in memory instead and are sent from there: better a
 * response that a power cut may take than one that was never taken. `storage` says so, to the screen and in
 * the heartbeat. Of this file's methods none fails: what the disk will not do is remembered here.
 */

import { StoreError } from "./store.js";

/**
 * @typedef {object} Item a response that waits
 * @property {string} id the response's id
 * @property {string} unit code of the unit it was given to
 * @property {string} [device] id of the device it was given to; earlier releases kept none
 * @property {object} body what is sent, but for `sent_at`
 */

export class Outbox {
  #store;
  #inMemory = new Map(); // items the disk would not take
  #settled = new Set(); // ids that are done with, although the disk would not let go of them
  #asideInMemory = new Map();
  #changed;

  /** @param {import("./store.js").Store} store @param {() => void} changed called whenever a count may have */
  constructor(store, changed) {
    this.#store = store;
    this.#changed = changed;
    /** @type {"ok" | "full" | "failing"} */
    this.storage = "ok";
  }

  /** Writes to the disk; false (and `storage` says why) when it would not. */
  async #tried(work) {
    const done = await this.#read(work);
    if (done) this.storage = "ok"; // only a write proves it: a full disk still reads
    return done;
  }

  async #read(work) {
    try {
      await work();
      return true;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.storage = error.kind;
      return false;
    }
  }

  /** @param {Item} item */
  async add(item) {
    this.#inMemory.set(item.id, item); // first of all, should the disk never answer
    if (await this.#tried(() => this.#store.keep([item]))) {
      const sentMeanwhile = !this.#inMemory.delete(item.id);
      if (sentMeanwhile) await this.settle([item.id]);
    }
    this.#changed();
  }

  /** Keeps settings; false when the disk would not. */
  remember(values) {
    return this.#tried(() => this.#store.write(values));
  }

  /** @returns {Promise<Item[]>} what is to be sent next, oldest first */
  async next(limit) {
    let stored = [];
    await this.#read(async () => (stored = await this.#store.waiting(limit + this.#settled.size)));
    return [...stored, ...this.#inMemory.values()].filter((item) => !this.#settled.has(item.id)).slice(0, limit);
  }

  /** The server has these. */
  async settle(ids) {
    const stored = ids.filter((id) => !this.#inMemory.delete(id)); // what waited in memory is on no disk
    if (stored.length > 0 && !(await this.#tried(() => this.#store.forget(stored)))) {
      for (const id of stored) this.#settled.add(id);
    }
    if (ids.length > 0) this.#changed();
  }

  /** @param {{item: Item, problem: string, detail: string}[]} refused responses the server will never take */
  async setAside(refused) {
    if (refused.length === 0) return;
    const at = new Date().toISOString();
    const items = refused.map(({ item, problem, detail }) => ({ ...item, problem, detail, at }));
    const kept = await this.#tried(() => this.#store.setAside(items));
    for (const item of items) {
      const wasStored = !this.#inMemory.delete(item.id);
      if (kept) continue;
      this.#asideInMemory.set(item.id, item);
      if (wasStored) this.#settled.add(item.id);
    }
    this.#changed();
  }

  /** Asks the disk again: what waits in memory moves onto it as soon as it has room. */
  async tend() {
    if (this.#settled.size > 0 || this.#asideInMemory.size > 0) {
      const ids = [...this.#settled];
      const aside = [...this.#asideInMemory.values()];
      const done = await this.#tried(async () => {
        await this.#store.setAside(aside);
        await this.#store.forget(ids);
      });
      if (done) {
        for (const id of ids) this.#settled.delete(id);
        for (const item of aside) this.#asideInMemory.delete(item.id);
      }
    }
    if (this.#inMemory.size > 0) {
      const items = [...this.#inMemory.values()];
      const done = await this.#tried(() => this.#store.keep(items));
      if (done) for (const item of items) this.#inMemory.delete(item.id);
    } else if (this.storage !== "ok") {
      await this.#tried(() => this.#store.write({ probe: "x".repeat(4096) })); // about as large as a response
    }
    this.#changed();
  }

  /** The staff has mended what was wrong: all that was set aside is tried again. */
  async tryAgain() {
    await this.#tried(() => this.#store.tryAgain());
    for (const [id, { unit, device, body }] of this.#asideInMemory) {
      this.#inMemory.set(id, { id, unit, device, body });
      this.#settled.delete(id);
    }
    this.#asideInMemory.clear();
    this.#changed();
  }

  /** @returns {Promise<Array>} what was set aside, with `problem`, `detail` and `at` */
  async setAsideItems() {
    let stored = [];
    await this.#read(async () => (stored = await this.#store.setAsideItems()));
    return [...stored, ...this.#asideInMemory.values()];
  }

  /** @returns {Promise<{waiting: number, setAside: number, unsaved: number}>} */
  async counts() {
    let stored = { waiting: 0, setAside: 0 };
    await this.#read(async () => (stored = await this.#store.counts()));
    return {
      waiting: Math.max(0, stored.waiting - this.#settled.size) + this.#inMemory.size,
      setAside: stored.setAside + this.#asideInMemory.size,
      unsaved: this.#inMemory.size,
    };
  }

  /** Whether ending the page now would lose something. */
  get holdsUnsaved() {
    return this.#inMemory.size > 0 || this.#asideInMemory.size > 0;
  }
}
