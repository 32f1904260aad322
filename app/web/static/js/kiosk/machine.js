/**
 * What the page asks of the tablet itself: stay awake, keep our storage, say how much room there is. A browser
 * may refuse each of them; then the status page says so, because the staff can change it in the settings.
 */

export class Machine {
  constructor() {
    this.awake = false;
    /** @type {string | null} used and available storage, for people */
    this.room = null;
    /** @type {string | null} what went wrong last */
    this.problem = null;
  }

  /** Notes what went wrong, so that the status page can show it. */
  note(error) {
    this.problem = String((error && (error.message || error)) || "unknown").slice(0, 200);
  }

  async start() {
    document.addEventListener("visibilitychange", () => this.keepAwake());
    await this.keepAwake();
    await this.keepStorage();
  }

  /** The screen stays on. The lock is lost whenever the page is hidden, so it is asked for anew. */
  async keepAwake() {
    if (!navigator.wakeLock || document.visibilityState !== "visible") return;
    try {
      const lock = await navigator.wakeLock.request("screen");
      this.awake = true;
      lock.addEventListener("release", () => (this.awake = false));
    } catch (error) {
      if (error.name !== "NotAllowedError") throw error; // a low battery, for instance
      this.awake = false;
    }
  }

  /** The browser must not clear our storage when room gets short. */
  async keepStorage() {
    if (!navigator.storage) return;
    const kept = await navigator.storage.persist();
    const { usage, quota } = await navigator.storage.estimate();
    const megabytes = (bytes) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
    this.room = `${megabytes(usage)} / ${megabytes(quota)}${kept ? " ✓" : ""}`;
  }
}
