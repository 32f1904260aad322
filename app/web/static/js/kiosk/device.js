/**
 * The tablet as the service knows it: its token, its configuration, its sign of life.
 *
 * A heartbeat goes out every minute, when the network comes back, and when somebody touches "send now". Its
 * answer names the configuration in force; a new one is fetched and kept, and the next citizen sees it. A device
 * the service refuses stops asking citizens but goes on beating, so that it hears when that was a mistake.
 */

import { ask } from "./api.js";

export const BEAT_MS = 60_000;
const SETTINGS = ["token", "config", "etag", "stopped", "last_sent"];
const STOPPING = new Set(["unauthorized", "device_revoked"]);

export class Device {
  #store;
  #outbox;
  #changed;
  #timer = null;
  #beating = null;

  /**
   * @param {object} parts
   * @param {import("./store.js").Store} parts.store
   * @param {import("./outbox.js").Outbox} parts.outbox
   * @param {string} parts.version of the page
   * @param {(what: "settings" | "beat" | "back") => void} parts.changed "back": the network is
   */
  constructor({ store, outbox, version, changed }) {
    this.#store = store;
    this.#outbox = outbox;
    this.#changed = changed;
    this.version = version;
    this.token = null;
    this.config = null;
    this.etag = null;
    /** @type {string | null} the code for which the service refuses this device */
    this.stopped = null;
    this.lastSent = null;
    /** @type {boolean | null} whether the last heartbeat was answered */
    this.online = null;
    /** @type {number | null} milliseconds by which the service's clock is ahead of ours */
    this.skew = null;
    this.problem = null;
    this.leads = false;
  }

  /** Reads what was kept. StoreError when the disk will not say. */
  async load() {
    const kept = await this.#store.read(...SETTINGS);
    this.token = kept.token ?? null;
    this.config = kept.config ?? null;
    this.etag = kept.etag ?? null;
    this.stopped = kept.stopped ?? null;
    this.lastSent = kept.last_sent ?? null;
  }

  /** @returns {Promise<import("./api.js").Answer>} the token is kept before anything else is done with it */
  async pair(code) {
    const body = { pairing_code: code, device: describe() };
    const answer = await ask("POST", "/devices/pair", { body });
    if (answer.status !== 200) return answer;
    await this.#set({ token: answer.body.device_token, config: null, etag: null, stopped: null });
    await this.fetchConfig();
    this.beat();
    return answer;
  }

  /**
   * Whether a response may be sent as this device's. One that was given to it may be of wherever it stood, and of
   * before its unit was renumbered. One that was given to another device, or before devices were noted, may be of
   * this unit, since this device came to it: what is older would count for the unit in which this device stood then.
   */
  asksFor({ unit, device, body }) {
    const { config } = this;
    const isHere = unit === config.unit.code;
    if (device && device === config.device_id) return isHere || (config.former_codes ?? []).includes(unit);
    const givenAt = Date.parse(body.submitted_at) + (this.skew ?? 0);
    return isHere && (!config.moved_at || givenAt >= Date.parse(config.moved_at));
  }

  /** Forgets token and configuration. What waits in the outbox stays there, for this unit's next pairing. */
  async unpair() {
    await this.#set({ token: null, config: null, etag: null, stopped: null });
  }

  /** The service refuses this device, or does so no longer (null). */
  async stop(code) {
    if (this.stopped !== code) await this.#set({ stopped: code });
  }

  async sent(at) {
    this.lastSent = at.toISOString();
    await this.#outbox.remember({ last_sent: this.lastSent });
  }

  async #set(values) {
    Object.assign(this, values);
    const kept = Object.entries(values).map(([name, value]) => [name, value ?? undefined]);
    await this.#outbox.remember(Object.fromEntries(kept));
    this.#changed("settings");
  }

  /** Fetches the configuration if it is not the one at hand. */
  async fetchConfig() {
    const token = this.token;
    const answer = await ask("GET", "/device/config", { token, etag: this.config ? this.etag : null });
    if (token !== this.token) return; // paired anew meanwhile
    this.problem = answer.status === 200 || answer.status === 304 ? null : answer.code ?? `http_${answer.status}`;
    if (answer.status === 200) await this.#set({ config: answer.body, etag: answer.etag, stopped: null });
    else if (STOPPING.has(answer.code)) await this.stop(answer.code);
    else this.#changed("beat");
  }

  /** Beats now, and from then on every minute. */
  beat() {
    this.#beating ??= this.#beatOnce().finally(() => (this.#beating = null));
    return this.#beating;
  }

  async #beatOnce() {
    clearTimeout(this.#timer);
    try {
      if (this.token && this.leads) await this.#speak();
    } finally {
      this.#timer = setTimeout(() => this.beat(), BEAT_MS);
    }
  }

  async #speak() {
    const token = this.token;
    await this.#outbox.tend();
    const sent = Date.now();
    const answer = await ask("POST", "/device/heartbeat", { token, body: await this.#signs(sent) });
    if (token !== this.token) return;
    const wasAway = this.online === false;
    this.online = answer.status !== 0;
    if (answer.status === 200) {
      this.skew = Math.round(Date.parse(answer.body.server_time) - (sent + Date.now()) / 2);
      await this.stop(answer.body.revoked ? "device_revoked" : null);
      const wanted = answer.body.config_etag;
      if (!answer.body.revoked && wanted && (wanted !== this.etag || !this.config)) await this.fetchConfig();
    } else if (STOPPING.has(answer.code)) {
      await this.stop(answer.code);
    }
    this.#changed(wasAway && this.online ? "back" : "beat");
  }

  async #signs(now) {
    const counts = await this.#outbox.counts();
    const battery = await chargeOf();
    return {
      sent_at: new Date(now).toISOString(),
      queue_length: counts.waiting,
      set_aside: counts.setAside,
      storage: this.#outbox.storage,
      last_problem: await this.lastProblem(),
      app_version: this.version,
      ...(battery === null ? {} : { battery }),
    };
  }

  /** The newest trouble worth telling an administrator, by its code. */
  async lastProblem() {
    const aside = await this.#outbox.setAsideItems();
    const newest = aside.sort((one, other) => (one.at < other.at ? 1 : -1))[0];
    return this.problem ?? (newest ? newest.problem : null);
  }
}

/** What the tablet says of itself when it is paired. */
function describe() {
  const { width, height } = window.screen;
  return { browser: navigator.userAgent.slice(0, 300), screen: `${width}x${height}` };
}

async function chargeOf() {
  if (!navigator.getBattery) return null;
  try {
    const battery = await navigator.getBattery();
    return Math.round(battery.level * 100);
  } catch (error) {
    if (error instanceof DOMException) return null; // the browser may, but will not tell
    throw error;
  }
}
