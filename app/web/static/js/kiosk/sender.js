/**
 * Empties the outbox: one batch at a time, at most 100 responses each, for as long as there are any; after a
 * failure it waits (see backoff.js) or until somebody wakes it. The times of the citizens stay; `sent_at` is
 * set anew at every try, because the service corrects this tablet's clock by it.
 */

import { waitSeconds } from "./backoff.js";
import { deliver } from "./delivery.js";

export const BATCH = 100;

export class Sender {
  #outbox;
  #post;
  #mayTake;
  #maySend;
  #stopped;
  #sent;
  #running = false;
  #again = false; // somebody woke it while it was sending
  #anew = false;
  #timer = null;
  #failures = 0;
  #notBefore = 0; // the service asked for patience until then (performance.now)

  /**
   * @param {object} parts
   * @param {import("./outbox.js").Outbox} parts.outbox
   * @param {(responses: object[]) => Promise<import("./api.js").Answer>} parts.post sends one batch
   * @param {(item: object) => string | null} parts.mayTake null, or the problem for which an item must not be sent
   * @param {() => boolean} parts.maySend whether this device is paired and not refused
   * @param {(code: string) => void} parts.stopped the service refuses this device
   * @param {(at: Date) => void} parts.sent the service has taken some
   */
  constructor({ outbox, post, mayTake, maySend, stopped, sent }) {
    this.#outbox = outbox;
    this.#post = post;
    this.#mayTake = mayTake;
    this.#maySend = maySend;
    this.#stopped = stopped;
    this.#sent = sent;
    this.leads = false; // only one window of the tablet sends
  }

  /** Sends now, or right after what is being sent. `anew` forgets earlier failures (the network is back). */
  async wake({ anew = false } = {}) {
    if (!this.leads) return;
    if (anew) this.#failures = 0;
    if (this.#running) {
      this.#again = true;
      this.#anew ||= anew;
      return;
    }
    this.#running = true;
    this.#anew = anew;
    try {
      do {
        this.#again = false;
        if (!this.#mayTry()) return;
        clearTimeout(this.#timer);
        this.#timer = null;
        this.#anew = false;
        while (await this.#round());
      } while (this.#again);
    } finally {
      this.#running = false;
    }
  }

  /** Not while a wait runs; the network's return ends one, unless the service itself asked for patience. */
  #mayTry() {
    return this.#timer === null || (this.#anew && performance.now() >= this.#notBefore);
  }

  /** One batch; true when there may be more to send at once. */
  async #round() {
    if (!this.#maySend()) return false;
    const items = await this.#outbox.next(BATCH);
    const fit = await this.#fitting(items);
    if (fit.length === 0) return items.length > 0;
    const result = await deliver(fit, (part) => {
      const sentAt = new Date().toISOString();
      return this.#post(part.map(({ body }) => ({ ...body, sent_at: sentAt })));
    });
    await this.#outbox.settle(result.done);
    await this.#outbox.setAside(result.refused);
    if (result.done.length > 0) this.#sent(new Date());
    if (result.then === "stop") {
      this.#stopped(result.problem);
      return false;
    }
    if (result.then === "later") {
      this.#failures++;
      const wait = waitSeconds(this.#failures, result.retryAfter);
      this.#notBefore = performance.now() + (result.retryAfter ?? 0) * 1000;
      this.#timer = setTimeout(() => {
        this.#timer = null;
        this.wake();
      }, wait * 1000);
      return false;
    }
    this.#failures = 0;
    return true;
  }

  /** Sets aside what must not be sent from here, for instance a response given to another unit. */
  async #fitting(items) {
    const refused = [];
    const fit = items.filter((item) => {
      const problem = this.#mayTake(item);
      if (problem) refused.push({ item, problem, detail: item.unit });
      return !problem;
    });
    await this.#outbox.setAside(refused);
    return fit;
  }
}
